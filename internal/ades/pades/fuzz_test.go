package pades

import (
	"os"
	"path/filepath"
	"testing"
)

// No file, whatever is in it, makes the reader panic, or a signature good over
// something else than what it was made over.
func FuzzVerify(f *testing.F) {
	for _, name := range []string{"base.pdf", "base-xrefstream.pdf", "base-aes256.pdf", "b-xrefstream.pdf"} {
		content, err := os.ReadFile(filepath.Join(vectors, "pades", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add(update(certified(f, 2), first))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Verify(t.Context(), content, vectorTime)
		if err != nil {
			return
		}
		for _, s := range file.Signatures {
			if s.Failure == nil && (!s.Intact || s.Revision > int64(len(content)) || s.Certificate == nil) {
				t.Errorf("%+v", s)
			}
		}
		if d, err := Read(t.Context(), content, vectorTime); err == nil {
			key, c := holder()
			if err := d.Sign(key, c, nil, vectorTime); err != nil {
				t.Error(err)
			}
		}
	})
}
