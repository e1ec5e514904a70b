//go:build integration

package moduletest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/rig"
)

// The program signs two documents with a card behind pcscd, one PIN, and OpenSSL finds
// them good.
func TestProgramSignsDocuments(t *testing.T) {
	rig.Need(t, "openssl")
	r := cardrig.New(t, 2*time.Minute)
	r.Await(t, true)
	folder := t.TempDir()
	for _, name := range []string{"one.txt", "two.txt"} {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte("Content of "+name), 0o600))
	}
	sign := exec.CommandContext(r.Ctx, cardrig.Built(t, "cie"), "sign", "--pin-stdin", "one.txt", "two.txt")
	sign.Dir, sign.Stdin = folder, strings.NewReader("12345678\n")
	if out, err := sign.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"one.txt", "two.txt"} {
		out, err := exec.CommandContext(r.Ctx, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER",
			"-in", filepath.Join(folder, name+".p7m"), "-CAfile", filepath.Join(r.Trust, "cie-root.pem"), "-purpose", "any").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Content of "+name) || !strings.Contains(string(out), "CAdES Verification successful") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	verify := exec.CommandContext(r.Ctx, cardrig.Built(t, "cie"), "verify", "--json", "one.txt.p7m")
	verify.Dir = folder
	if out, _ := verify.CombinedOutput(); !strings.Contains(string(out), `"reason": "TRY_LATER"`) { // its status says that too
		t.Errorf("%s", out)
	}
	codes := 0
	for _, e := range r.Card.Ledger() {
		if e.Kind != "query" {
			codes++
		}
	}
	if codes != 1 {
		t.Errorf("%d codes sent for two documents, want 1", codes)
	}
}
