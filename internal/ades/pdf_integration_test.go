//go:build integration

package ades

import (
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/rig"
)

// Other programs find the PDFs that we sign good, ours and the signatures that were
// there: pdfsig and openssl the signatures, qpdf the file.
func TestOthersVerifyPDFsThatWeSign(t *testing.T) {
	rig.Need(t, "pdfsig", "openssl", "qpdf")
	key, certificate := holder(t)
	for _, name := range []string{"base", "base-xrefstream", "base-rot90", "b", "b-two", "b-visible", "b-xrefstream", "certify2", "lt"} {
		folder := t.TempDir()
		path := filepath.Join(folder, "a.pdf")
		write(t, path, read(t, vectors+"/pades/"+name+".pdf"))
		there := 0
		if r, err := VerifyFile(t.Context(), path, "", roots(t), time.Now()); err == nil {
			there = len(r.Signatures)
		}
		for n := there + 1; n <= there+2; n++ {
			signed, err := SignFile(t.Context(), path, How{Output: filepath.Join(folder, strconv.Itoa(n)+".pdf")}, key, certificate, nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			path = signed
			said := run(t, "pdfsig", "-nocert", path)
			if got := strings.Count(said, "Signature is Valid."); got != n || strings.Count(said, "- Total document signed") != 1 {
				t.Errorf("%s: pdfsig says of %d signatures\n%s", name, n, said)
			}
			run(t, "qpdf", "--check", path)
			root := filepath.Join(folder, "root.pem")
			write(t, root, pemOf(certificate))
			content := detach(t, folder, read(t, path))
			verifies(t, root, content, "-in", filepath.Join(folder, "signature"), "-content", content)
		}
	}
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	said, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %v: %v\n%s", program, args, err, said)
	}
	return string(said)
}

// detach writes the last signature of a PDF into the file "signature", and what it
// signs into another, whose name it returns.
func detach(t *testing.T, folder, pdf string) string {
	t.Helper()
	all := regexp.MustCompile(`/ByteRange ?\[0 0*(\d+) 0*(\d+) 0*(\d+)`).FindAllStringSubmatch(pdf, -1)
	var n [3]int
	for i, digits := range all[len(all)-1][1:] {
		var err error
		if n[i], err = strconv.Atoi(digits); err != nil {
			t.Fatal(err)
		}
	}
	der, err := hex.DecodeString(pdf[n[0]+1 : n[1]-1])
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "signature"), string(der))
	content := filepath.Join(folder, "content")
	write(t, content, pdf[:n[0]]+pdf[n[1]:n[1]+n[2]])
	return content
}

// A signature in a PDF gets a time stamp of OpenSSL's authority, in the place that the
// card has signed before.
func TestOpenSSLStampsPDFs(t *testing.T) {
	rig.Need(t, "pdfsig")
	o := newOpenSSL(t)
	key, certificate := holderOf(t, o.path("holder.key"), o.path("holder.pem"))
	believing, fetch := o.trusted()
	path := o.path("a.pdf")
	write(t, path, read(t, vectors+"/pades/base.pdf"))
	j, err := Prepare(t.Context(), path, How{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Sign(key, certificate, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := j.Stamp(t.Context(), fetch, o.server.URL+"/tsa", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := j.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := VerifyOnline(t.Context(), j.Output, "", believing, time.Now(), fetch)
	if err != nil || r.Verdict != Valid || r.Signatures[0].Level != "B-T" || !r.Signatures[0].Stamps[0].Counts || r.Signatures[0].Covers != "document" {
		t.Errorf("%+v, %v", r, err)
	}
	if said := run(t, "pdfsig", "-nocert", j.Output); !strings.Contains(said, "Signature is Valid.") || !strings.Contains(said, "- Total document signed") {
		t.Errorf("pdfsig: %s", said)
	}
	content := detach(t, o.folder, read(t, j.Output))
	verifies(t, o.path("ca.pem"), content, "-in", o.path("signature"), "-content", content)
}
