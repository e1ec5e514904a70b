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

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/settings"
	"github.com/softwarecie/cie/pcsc"
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

// absolute is the path of what "make build" has built.
func absolute(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "build", name))
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		rig.Missing(t, "build/"+name)
	}
	return path
}

// A desk is a computer with a virtual reader, an emulated card on it, and the
// library.
type desk struct {
	t      testing.TB
	ctx    context.Context
	card   *emulator.Card
	module string
	folder string
}

// newDesk has a card with PIN 12345678, that is paired if wanted.
func newDesk(t testing.TB, paired bool) *desk {
	t.Helper()
	rig.Need(t, "pcscd")
	module := absolute(t, "libcie-pkcs11.so")
	absolute(t, "cie-pkcs11-helper")
	rig.StartPCSCD(t)
	ctx, cancel := context.WithTimeout(context.Background(), size(8*time.Minute, 8*time.Hour))
	card, err := emulator.New(emulator.Options{})
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = emulator.Run(ctx, fmt.Sprintf("127.0.0.1:%d", rig.FirstPort), card)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	folder := t.TempDir()
	certificates := filepath.Join(folder, "trust")
	must(t, card.Dump(certificates))
	config := filepath.Join(folder, "config.toml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "[trust]\nextra = [%q]\n", certificates), 0o600))
	for name, value := range map[string]string{
		"CIE_CONFIG": config, "HOME": folder, "XDG_CONFIG_HOME": filepath.Join(folder, "config"), "XDG_STATE_HOME": filepath.Join(folder, "state"),
	} {
		t.Setenv(name, value)
	}
	d := &desk{t, ctx, card, module, folder}
	d.awaitCard()
	if paired {
		d.pair(config)
	}
	card.ResetStats()
	return d
}

// awaitCard waits until pcscd has seen the card.
func (d *desk) awaitCard() {
	d.t.Helper()
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(d.ctx, 20*time.Second)
	defer cancel()
	for readers, err := range client.Watch(ctx) {
		if err != nil {
			d.t.Log(err) // watching goes on
		}
		for _, r := range readers {
			if r.Name == rig.FirstReader && r.Present && len(r.ATR) > 0 {
				return
			}
		}
	}
	d.t.Fatal("no card")
}

// pair makes this desk know the card, as "cie pair" does.
func (d *desk) pair(config string) {
	d.t.Helper()
	set, err := settings.Load(config)
	must(d.t, err)
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	h, err := set.Holder(cie.OnPCSC(client), settings.KeyringPatience)
	must(d.t, err)
	_, err = h.Pair(d.ctx, cie.Target{Reader: rig.FirstReader}, secret.Take([]byte("12345678")))
	must(d.t, err)
}

// run runs a program and gives what it writes.
func (d *desk) run(program string, arguments ...string) (string, error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, size(5*time.Minute, 6*time.Hour))
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

func (d *desk) tries() int { _, _, n, _ := d.card.Codes(); return n }

// unharmed fails when the ledger has what a PKCS#11 program must never cause (P1,
// P3).
func (d *desk) unharmed() {
	d.t.Helper()
	for _, e := range d.card.Ledger() {
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
