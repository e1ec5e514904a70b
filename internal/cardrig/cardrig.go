//go:build integration

package cardrig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/settings"
	"github.com/softwarecie/cie/pcsc"
)

// A Rig is there until the end of its test.
type Rig struct {
	Ctx    context.Context //nolint:containedctx // of the test
	PCSCD  *rig.PCSCD
	Card   *emulator.Card // with PIN 12345678, on rig.FirstReader
	Folder string         // of settings and pairings
	Trust  string         // folder with the CAs of the card's state
}

// New sets up a rig that may be used for so long. Programs started from now on find
// its settings in their environment.
func New(t testing.TB, limit time.Duration) *Rig {
	t.Helper()
	rig.Need(t, "pcscd")
	r := &Rig{PCSCD: rig.StartPCSCD(t), Folder: t.TempDir()}
	var cancel context.CancelFunc
	r.Ctx, cancel = context.WithTimeout(context.Background(), limit)
	var err error
	r.Card, err = emulator.New(emulator.Options{})
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = emulator.Run(r.Ctx, fmt.Sprintf("127.0.0.1:%d", rig.FirstPort), r.Card)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	r.Trust = filepath.Join(r.Folder, "trust")
	must(t, r.Card.Dump(r.Trust))
	// No log: a helper that outlives its program would write it while the folder is removed.
	must(t, os.WriteFile(r.config(), fmt.Appendf(nil, "[log]\nlevel = \"off\"\n[trust]\nextra = [%q]\n", r.Trust), 0o600))
	for name, value := range map[string]string{
		"CIE_CONFIG": r.config(), "XDG_CONFIG_HOME": filepath.Join(r.Folder, "config"), "XDG_STATE_HOME": filepath.Join(r.Folder, "state"),
	} {
		t.Setenv(name, value)
	}
	return r
}

func (r *Rig) config() string { return filepath.Join(r.Folder, "config.toml") }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience is how long pcscd may take to see a card: it looks every 0.4 s.
const patience = 20 * time.Second

// Await waits until pcscd has seen that the card is there, or is not.
func (r *Rig) Await(t testing.TB, present bool) {
	t.Helper()
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(r.Ctx, patience)
	defer cancel()
	for readers, err := range client.Watch(ctx) {
		if err != nil {
			t.Log(err) // watching goes on
		}
		for _, x := range readers {
			if x.Name == rig.FirstReader && x.Present == present && (!present || len(x.ATR) > 0) {
				return
			}
		}
	}
	t.Fatal("pcscd does not see what became of the card")
}

// Pair makes this computer know the card, as "cie pair" does.
func (r *Rig) Pair(t testing.TB) {
	t.Helper()
	r.Await(t, true)
	set, err := settings.Load(r.config())
	must(t, err)
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	h, err := set.Holder(cie.OnPCSC(client), settings.KeyringPatience)
	must(t, err)
	_, err = h.Pair(r.Ctx, cie.Target{Reader: rig.FirstReader}, secret.Take([]byte("12345678")))
	must(t, err)
}

// Built is the path of what "make build" has built, for packages two folders deep.
func Built(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "build", name))
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		rig.Missing(t, "build/"+name)
	}
	return path
}
