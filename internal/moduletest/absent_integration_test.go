//go:build integration

package moduletest

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"
	"golang.org/x/sys/unix"

	"github.com/softwarecie/cie/internal/cardrig"
)

// hide takes the files of a library away until the test ends, in the namespace of the
// tests.
func hide(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %q, %v", pattern, files, err)
	}
	for _, f := range files {
		file, err := filepath.EvalSymlinks(f)
		must(t, err)
		must(t, unix.Mount("/dev/null", file, "", unix.MS_BIND, ""))
		t.Cleanup(func() {
			if err := unix.Unmount(file, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// A browser drops a module for good whose C_Initialize fails: without PC/SC, also without
// its library, there are places for cards, and no card.
func TestNoPCSCLibrary(t *testing.T) {
	module := cardrig.Built(t, "libcie-pkcs11.so")
	cardrig.Built(t, "cie-pkcs11-helper")
	t.Setenv("CIE_CONFIG", filepath.Join(t.TempDir(), "config.toml"))
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	hide(t, "/usr/lib/*/libpcsclite.so.1")
	p := load(t, module)
	defer p.Destroy()
	must(t, p.Initialize())
	slots, err := p.GetSlotList(false)
	if err != nil || len(slots) != 2 {
		t.Fatalf("slots %v, %v, want two", slots, err)
	}
	if laid, err := p.GetSlotList(true); err != nil || len(laid) != 0 {
		t.Errorf("slots with a card %v, %v, want none", laid, err)
	}
	if _, err := p.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION); !errors.Is(err, pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT)) {
		t.Errorf("session: %v", err)
	}
	must(t, p.Finalize())
}
