package ades

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A PDF is signed in itself, by a second person too, and in a file of its own name.
func TestSignPDF(t *testing.T) {
	folder := t.TempDir()
	before := read(t, vectors+"/pades/base.pdf")
	write(t, filepath.Join(folder, "letter.pdf"), before)
	for i, tt := range []struct {
		path, want string
		how        How
		signatures int
	}{
		{"letter.pdf", "letter-signed.pdf", How{}, 1},
		{"letter-signed.pdf", "letter-signed-2.pdf", How{Format: PAdES}, 2},
		{"letter-signed-2.pdf", "letter-signed-3.pdf", How{}, 3},
		{"letter.pdf", "letter.pdf.p7m", How{Format: CAdES}, 1},
		{"letter.pdf", "letter.pdf.p7s", How{Detached: true}, 1},
		{"letter.pdf", "other.pdf", How{Output: filepath.Join(folder, "other.pdf")}, 1},
	} {
		key, c := holder(t)
		got, err := SignFile(t.Context(), filepath.Join(folder, tt.path), tt.how, key, c, nil)
		if err != nil || filepath.Base(got) != tt.want {
			t.Fatalf("%s: %s, %v, want %s", tt.path, got, err, tt.want)
		}
		r, err := VerifyFile(t.Context(), got, "", roots(t), time.Now())
		if err != nil || r.Verdict != Undetermined || len(r.Signatures) != tt.signatures {
			t.Fatalf("%s: %+v, %v", got, r, err)
		}
		for n, s := range r.Signatures {
			if last := n == len(r.Signatures)-1; !s.Intact || last != (s.Covers == "document") || (s.PDF == nil) != (i == 3 || i == 4) {
				t.Errorf("%s: %+v", got, s)
			}
		}
		if _, err := SignFile(t.Context(), filepath.Join(folder, tt.path), tt.how, key, c, nil); !errors.Is(err, ErrExists) {
			t.Errorf("%s: %v", got, err)
		}
	}
	if read(t, filepath.Join(folder, "letter.pdf")) != before {
		t.Error("the document changed")
	}
}

// What cannot be signed as a PDF says why, and what can be done, before anybody is
// asked for a PIN.
func TestPDFRefused(t *testing.T) {
	folder := t.TempDir()
	base := read(t, vectors+"/pades/base.pdf")
	for name, tt := range map[string]struct {
		content string
		how     How
		want    error
	}{
		"text":      {"Dear reader", How{Format: PAdES}, ErrNotForFormat},
		"reason":    {"Dear reader", How{Reason: "why"}, ErrReasonUnfit},
		"protected": {read(t, vectors+"/pades/base-aes256.pdf"), How{}, ErrPDFProtected},
		"damaged":   {strings.Replace(base, "startxref\n", "startxref\n1", 1), How{}, ErrPDFRepair},
		"short":     {"%PDF-1.7", How{}, ErrPDF},
	} {
		path := filepath.Join(folder, name+".pdf")
		write(t, path, tt.content)
		if _, err := Prepare(t.Context(), path, tt.how); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if got := names(t, folder); got != "damaged.pdf protected.pdf reason.pdf short.pdf text.pdf" {
		t.Errorf("left: %s", got)
	}
}

// A PDF that changes between two readings is not given a signature over something else:
// it was read whole, and what was read is written.
func TestPDFChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letter.pdf")
	before := read(t, vectors+"/pades/base.pdf")
	write(t, path, before)
	j, err := Prepare(t.Context(), path, How{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	write(t, path, "another")
	key, c := holder(t)
	if err := j.Sign(key, c, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := j.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(read(t, j.Output), before) {
		t.Error("something else was signed")
	}
}

// Reason and place are in the signature, in any letters, and in the report.
func TestReason(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letter.pdf")
	write(t, path, read(t, vectors+"/pades/base.pdf"))
	key, c := holder(t)
	signed, err := SignFile(t.Context(), path, How{Reason: "perché (sì)", Place: "Čedad €"}, key, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := VerifyFile(t.Context(), signed, "", roots(t), time.Now())
	if err != nil || r.Signatures[0].PDF.Reason != "perché (sì)" || r.Signatures[0].PDF.Place != "Čedad €" {
		t.Errorf("%+v, %v", r.Signatures, err)
	}
}

// What came after a signature is in the report, safe to show.
func TestReportOfPDF(t *testing.T) {
	r, err := VerifyFile(t.Context(), vectors+"/pades/b-two.pdf", "", roots(t), vectorTime)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"format":"PAdES"`, `"covers":"revision"`, `"changes":[{"kind":"signature-added","name":"Signature10","allowed":true}]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	unsigned := filepath.Join(t.TempDir(), "base.pdf")
	write(t, unsigned, read(t, vectors+"/pades/base.pdf"))
	if _, err := VerifyFile(t.Context(), unsigned, "", roots(t), vectorTime); !errors.Is(err, ErrUnsigned) {
		t.Errorf("%v", err)
	}
}

// What was signed of a PDF is taken out, whatever was changed later.
func TestExtractVersion(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "letter.pdf")
	signed := read(t, vectors+"/pades/b.pdf")
	write(t, path, signed+"more")
	e, err := Extract(t.Context(), path, "", false, roots(t), vectorTime)
	if err != nil || filepath.Base(e.Output) != "letter.version.pdf" || e.Signatures[0].Covers != "revision" {
		t.Fatalf("%+v, %v", e, err)
	}
	if read(t, e.Output) != signed {
		t.Error("another version")
	}
	if _, err := Extract(t.Context(), path, "", false, roots(t), vectorTime); !errors.Is(err, ErrExists) {
		t.Errorf("%v", err)
	}
	forged := filepath.Join(folder, "forged.pdf")
	write(t, forged, strings.Replace(signed, "EUR 100", "EUR 900", 1))
	if _, err := Extract(t.Context(), forged, "", false, roots(t), vectorTime); !errors.Is(err, ErrInvalid) {
		t.Errorf("%v", err)
	}
	if got := names(t, folder); got != "forged.pdf letter.pdf letter.version.pdf" {
		t.Errorf("left: %s", got)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
