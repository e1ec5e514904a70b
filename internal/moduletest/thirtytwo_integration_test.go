//go:build integration

package moduletest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/rig"
)

// TestProgramsOf32Bits gives a 32-bit program the library that it can load, with the
// helper of the system: every function in every state, logins, signatures. QEMU runs the
// program; the helper runs as always. A night needs more helpers than handles tell apart.
func TestProgramsOf32Bits(t *testing.T) {
	const compiler = "i686-linux-gnu-gcc"
	rig.Need(t, compiler, "qemu-i386-static", "pkg-config")
	d := newDesk(t, true)
	folder := t.TempDir()
	library, program := filepath.Join(folder, "libcie-pkcs11.so"), filepath.Join(folder, "host")
	build := exec.Command("../../cmd/cie-pkcs11/build.sh", library)
	build.Env = append(os.Environ(), "CC="+compiler, "HELPER="+cardrig.Built(t, "cie-pkcs11-helper"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d.must(nil, "sh", "-c", compiler+` -O1 -Wall -Wextra -Werror $(pkg-config --cflags p11-kit-1) -pthread -o "$0" testdata/host.c -ldl`, program)
	if t.Failed() {
		return
	}
	run := func(arguments ...string) string {
		return d.must(nil, "qemu-i386-static", append([]string{"-L", "/usr/i686-linux-gnu", program, library}, arguments...)...)
	}
	compare(t, run("table"))
	run("edges")
	run("logins", "2")
	run("finalize", size("3", "1000"))
	d.unharmed()
	if d.tries() != 3 {
		t.Errorf("%d tries left, want 3", d.tries())
	}
}
