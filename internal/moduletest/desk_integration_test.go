//go:build integration

package moduletest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// size is how much of something a change is tested with, or a night ("make soak").
func size[T any](change, night T) T {
	if os.Getenv("CIE_SOAK") != "" {
		return night
	}
	return change
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load loads a library into this process. The caller destroys what it gets.
func load(t testing.TB, module string) *pkcs11.Ctx {
	t.Helper()
	p := pkcs11.New(module)
	if p == nil {
		t.Fatal("the library cannot be loaded")
	}
	return p
}

// A desk is a computer with a card, and the library.
type desk struct {
	*cardrig.Rig
	t      testing.TB
	module string
}

// newDesk has a card that is paired if wanted.
func newDesk(t testing.TB, paired bool) *desk {
	t.Helper()
	module := cardrig.Built(t, "libcie-pkcs11.so")
	cardrig.Built(t, "cie-pkcs11-helper")
	d := &desk{cardrig.New(t, size(8*time.Minute, 8*time.Hour)), t, module}
	t.Setenv("HOME", d.Folder)
	d.Await(t, true)
	if paired {
		d.Pair(t)
	}
	d.Card.ResetStats()
	return d
}

// run runs a program and gives what it writes.
func (d *desk) run(program string, arguments ...string) (string, error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.Ctx, size(5*time.Minute, 6*time.Hour))
	defer cancel()
	out, err := exec.CommandContext(ctx, program, arguments...).CombinedOutput()
	return string(out), err
}

// must runs a program that has to succeed and to write what is wanted.
func (d *desk) must(wanted []string, program string, arguments ...string) string {
	d.t.Helper()
	out, err := d.run(program, arguments...)
	if err != nil {
		d.t.Errorf("%s %s: %v\n%s", program, strings.Join(arguments, " "), err, out)
	}
	for _, w := range wanted {
		if !strings.Contains(out, w) {
			d.t.Errorf("%s %s does not say %q:\n%s", program, strings.Join(arguments, " "), w, out)
		}
	}
	return out
}

func (d *desk) tries() int { _, _, n, _ := d.Card.Codes(); return n }

// unharmed fails when the ledger has what a PKCS#11 program must never cause (P1,
// P3).
func (d *desk) unharmed() {
	d.t.Helper()
	for _, e := range d.Card.Ledger() {
		if e.Reference == "PUK" || e.Kind == "reset" || e.Kind == "change" || e.Tries < 1 || e.Kind == "verify" && e.Length != 8 {
			d.t.Errorf("ledger: %+v", e)
		}
	}
}

var (
	hostOnce sync.Once
	hostPath string
	hostErr  error
)

// host is the program of testdata/host.c.
func host(t testing.TB) string {
	t.Helper()
	rig.Need(t, "cc", "pkg-config")
	hostOnce.Do(func() {
		var folder string
		if folder, hostErr = os.MkdirTemp("", "host"); hostErr != nil {
			return
		}
		hostPath = filepath.Join(folder, "host")
		command := "cc -O1 -g -Wall -Wextra -Werror $(pkg-config --cflags p11-kit-1) -pthread -o " + hostPath + " testdata/host.c -ldl"
		var out []byte
		if out, hostErr = exec.Command("sh", "-c", command).CombinedOutput(); hostErr != nil {
			hostErr = fmt.Errorf("%w\n%s", hostErr, out)
		}
	})
	must(t, hostErr)
	return hostPath
}
