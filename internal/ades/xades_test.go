package ades

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func contentOfFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An XML file is signed in itself, any other in a signature, and either beside one;
// what was signed comes out again.
func TestSignXML(t *testing.T) {
	folder, out := t.TempDir(), t.TempDir()
	write(t, filepath.Join(folder, "invoice.xml"), contentOfFile(t, vectors+"/invoice.xml"))
	write(t, filepath.Join(folder, "a letter.txt"), "Dear reader")
	key, c := holder(t)
	for _, tt := range []struct {
		path, want, extracted string
		how                   How
		invoice               bool
	}{
		{"invoice.xml", "invoice.xml.p7m", "invoice.xml", How{}, true},
		{"invoice.xml", "invoice-signed.xml", "invoice-signed.content.xml", How{Format: XAdES}, true},
		{"invoice.xml", "invoice.xml.xades.xml", "", How{Format: XAdES, Detached: true}, true},
		{"a letter.txt", "a letter.txt.xades.xml", "a letter.txt", How{Format: XAdES}, false},
		{"a letter.txt", "other.xml", "", How{Format: XAdES, Detached: true, Output: filepath.Join(folder, "other.xml")}, false},
	} {
		j, err := Prepare(t.Context(), filepath.Join(folder, tt.path), tt.how)
		if err != nil {
			t.Fatalf("%s: %v", tt.want, err)
		}
		if err := j.Sign(key, c, nil, time.Now()); err != nil {
			t.Fatalf("%s: %v", tt.want, err)
		}
		if err := j.Finish(t.Context()); err != nil || filepath.Base(j.Output) != tt.want || j.Invoice != tt.invoice {
			t.Fatalf("%s: %+v, %v", tt.want, j, err)
		}
		j.Close()
		r, err := VerifyFile(t.Context(), j.Output, "", roots(t), time.Now())
		if named := strings.HasSuffix(tt.want, detachedXML); !named && tt.how.Detached {
			r, err = VerifyFile(t.Context(), j.Output, filepath.Join(folder, tt.path), roots(t), time.Now())
		}
		if err != nil || r.Verdict != Undetermined || len(r.Signatures) != 1 || !r.Signatures[0].Intact || r.Signatures[0].Covers != "document" || r.SHA256 == "" || r.Detached != tt.how.Detached {
			t.Errorf("%s: %+v, %v", tt.want, r, err)
		}
		e, err := Extract(t.Context(), j.Output, out, false, roots(t), time.Now())
		if tt.extracted == "" && !errors.Is(err, ErrDetached) || tt.extracted != "" && (err != nil || filepath.Base(e.Output) != tt.extracted) {
			t.Errorf("%s: %s, %v, want %s", tt.want, e.Output, err, tt.extracted)
		}
	}
	if got := contentOfFile(t, filepath.Join(out, "a letter.txt")); got != "Dear reader" {
		t.Errorf("taken out: %q", got)
	}
	if got := contentOfFile(t, filepath.Join(out, "invoice-signed.content.xml")); strings.Contains(got, "Signature") || !strings.Contains(got, "ACME &amp; figli") {
		t.Errorf("taken out: %q", got) // what was digested: without CDATA, and without the signature
	}
	// A file of another content beside the signature is not the document.
	write(t, filepath.Join(folder, "a letter.txt"), "Dear writer")
	r, err := VerifyFile(t.Context(), filepath.Join(folder, "other.xml"), filepath.Join(folder, "a letter.txt"), roots(t), time.Now())
	if err != nil || r.Verdict != Invalid || r.Signatures[0].Reason != "HASH_FAILURE" {
		t.Errorf("%+v, %v", r, err)
	}
}

// What cannot be signed in XML says why, before anybody is asked for a PIN; what
// cannot be read, too.
func TestNoXML(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file.xml")
	for _, tt := range []struct {
		content      string
		sign, verify error
	}{
		{"<r><r>", ErrXML, ErrFormat},
		{"<!DOCTYPE r><r/>", ErrXMLDoctype, ErrXMLDoctype},
		{"<?xml version='1.0' encoding='UTF-7'?><r/>", ErrXMLEncoding, ErrXMLEncoding},
		{"<r>" + strings.Repeat(" ", 26<<20) + "</r>", ErrXMLSize, ErrXMLSize},
		{"text" + strings.Repeat(" ", 11<<20), ErrXMLSize, ErrFormat},
		{contentOfFile(t, vectors+"/xades/enveloped-b.xml"), ErrXMLSigned, nil},
		{"<r/>", nil, ErrUnsigned},
	} {
		write(t, path, tt.content)
		j, err := Prepare(t.Context(), path, How{Format: XAdES})
		if !errors.Is(err, tt.sign) {
			t.Errorf("%.20q: %v, want %v", tt.content, err, tt.sign)
		}
		if err == nil {
			j.Close()
		}
		if _, err := VerifyFile(t.Context(), path, "", roots(t), vectorTime); !errors.Is(err, tt.verify) {
			t.Errorf("%.20q: %v, want %v", tt.content, err, tt.verify)
		}
	}
}

// A signature that is over a part says so, and of which.
func TestPartOfXML(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file.xml")
	write(t, path, replaceOnce(t, contentOfFile(t, vectors+"/xades/enveloping-b.xml"), "?>", "?><r><pay/>")+"</r>")
	r, err := VerifyFile(t.Context(), path, "", roots(t), vectorTime)
	if err != nil || r.Verdict != Undetermined || r.Signatures[0].Covers != "part" || r.Signatures[0].Part != "/r/Signature/Object" || r.Signatures[0].Reason != "SIG_CONSTRAINTS_FAILURE" {
		t.Errorf("%+v, %v", r, err)
	}
}

func replaceOnce(t testing.TB, s, old, with string) string {
	t.Helper()
	before, after, found := strings.Cut(s, old)
	if !found {
		t.Fatalf("%q is not there", old)
	}
	return before + with + after
}
