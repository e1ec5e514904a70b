//go:build integration

package ades

import (
	"crypto/x509"
	"encoding/pem"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/rig"
)

// OpenSSL finds what we sign good: attached, detached, and beside every signature that
// others have made. It looks at each SignerInfo, ours and those kept.
func TestOpenSSLVerifiesWhatWeSign(t *testing.T) {
	rig.Need(t, "openssl")
	folder := t.TempDir()
	key, certificate := holder(t)
	root := filepath.Join(folder, "roots.pem")
	write(t, root, pemOf(certificate)+read(t, vectors+"/pki/root.pem"))
	document := filepath.Join(folder, "doc.txt")
	write(t, document, read(t, vectors+"/doc.txt"))
	sign := func(path string, how How) string {
		t.Helper()
		signed, err := SignFile(t.Context(), path, how, key, certificate, nil)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	verifies(t, root, document, "-in", sign(document, How{}))
	verifies(t, root, document, "-in", sign(document, How{Detached: true}), "-content", document)
	for _, name := range []string{"b", "b-two", "b-ber", "b-base64", "b-counter", "b-pss", "b-ski", "t", "lt", "lt-basic", "lta"} {
		other := filepath.Join(folder, name+".p7m")
		write(t, other, read(t, vectors+"/cades/"+name+".p7m"))
		verifies(t, root, document, "-in", sign(other, How{}))
	}
}

func verifies(t *testing.T, roots, document string, args ...string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args = append([]string{"cms", "-verify", "-cades", "-binary", "-inform", "DER", "-CAfile", roots, "-purpose", "any", "-out", out}, args...)
	said, err := exec.Command("openssl", args...).CombinedOutput()
	if err != nil || !strings.Contains(string(said), "CAdES Verification successful") {
		t.Errorf("openssl %v: %v\n%s", args, err, said)
	}
	if read(t, out) != read(t, document) {
		t.Errorf("%v: openssl takes out another document", args)
	}
}

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}
