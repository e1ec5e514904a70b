package xades

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const vectors = "../../../testdata/signatures"

// vectorTime is when the vectors were valid.
var vectorTime = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Files that another program signed, every level and packaging.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob(vectors + "/xades/*.xml")
	if err != nil || len(paths) != 9 {
		t.Fatalf("%d vectors, %v", len(paths), err)
	}
	for _, path := range paths {
		f, err := Read(readFile(t, path))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		name := filepath.Base(path)
		if detached := strings.HasPrefix(name, "detached"); detached != f.Detached {
			t.Errorf("%s: detached %v", name, f.Detached)
		} else if detached {
			if s := f.Verify(vectorTime); s[0].Failure == nil || s[0].Failure.Reason != "SIGNED_DATA_NOT_FOUND" || s[0].Failure.Invalid || s[0].Intact {
				t.Errorf("%s without its document: %+v", name, s[0])
			}
			if err := f.ReadDetached(strings.NewReader(string(readFile(t, vectors+"/doc.txt")))); err != nil {
				t.Fatal(err)
			}
		}
		level := "B-" + strings.ToUpper(strings.Split(strings.TrimSuffix(name, ".xml"), "-")[1])
		all := f.Verify(vectorTime)
		if len(all) != 1 {
			t.Fatalf("%s: %d signatures", name, len(all))
		}
		s := all[0]
		if s.Failure != nil || !s.Intact || s.Covers != Document || s.Level != level || s.Claimed.IsZero() || s.Certificate.Subject.CommonName == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
