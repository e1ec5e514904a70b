package cli

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
)

func TestCertificateAndReminder(t *testing.T) { // [111]
	p := newPerson(t, emulator.Options{})
	if a := p.run("pair --pin-stdin", "12345678"); a.status != exitOK {
		t.Fatalf("pair: %d, %s", a.status, a.err)
	}
	words := p.run("cert --text")
	for _, want := range []string{words.Holder, words.Document, "RSA, 2048 bit", "TEST"} {
		if want == "" || !strings.Contains(words.Output, want) {
			t.Errorf("no %q in\n%s", want, words.Output)
		}
	}
	der, err := base64.StdEncoding.DecodeString(p.run("cert --der").Output)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil || certificate.Subject.SerialNumber != words.Document {
		t.Fatalf("cert --der: %v, %v", certificate, err)
	}
	document := filepath.Join(p.home, "document")
	if err := os.WriteFile(document, []byte("a document"), 0o600); err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(p.run("sign-digest --pin-stdin --in "+document, "5678").Output)
	if err := errors.Join(err, certificate.CheckSignature(x509.SHA256WithRSA, []byte("a document"), signature)); err != nil {
		t.Errorf("sign-digest: %v", err)
	}
	chain := []byte(p.run("cert --chain").Output)
	n := 0
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		n++
	}
	if n < 2 {
		t.Errorf("a chain of %d certificates", n)
	}
	file := filepath.Join(p.home, "cie.ics")
	if a := p.run("info --calendar " + file); a.status != exitOK || a.Output != file {
		t.Errorf("info --calendar: %d, %s", a.status, a.err)
	}
	ics, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	expires := strings.ReplaceAll(words.Expires, "-", "")
	if !strings.Contains(string(ics), "DTSTART;VALUE=DATE:"+expires+"\r\n") || strings.Contains(string(ics), words.Holder) {
		t.Errorf("%s\n%s", words.Expires, ics)
	}
}
