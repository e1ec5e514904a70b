//go:build integration

package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/settings"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

func TestMain(m *testing.M) { rig.Main(m) }

const (
	module      = "../../build/libcie-pkcs11.so"
	screenshots = "../../build/screenshots"
	limit       = 3 * time.Minute // for one login and all around it
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A desk is a computer with a reader and a card, a browser's module, and the site to
// log in to.
type desk struct {
	ctx      context.Context
	pcscd    *rig.PCSCD
	card     *emulator.Card
	config   string
	site     *demosite.Site
	attempts chan demosite.Attempt
	earlier  int // how often the PIN had been presented before the browser started
}

// newPairedDesk is a desk whose computer knows the card, as after "cie pair".
func newPairedDesk(t *testing.T) desk {
	t.Helper()
	d := newDesk(t)
	d.pair(t)
	return d
}

func newDesk(t *testing.T) desk {
	t.Helper()
	rig.Need(t, "pcscd")
	if _, err := os.Stat(module); err != nil {
		rig.Missing(t, "build/libcie-pkcs11.so")
	}
	pcscd := rig.StartPCSCD(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
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
	t.Setenv("CIE_CONFIG", config)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(folder, "config"))
	t.Setenv("XDG_STATE_HOME", filepath.Join(folder, "state"))

	d := desk{ctx: ctx, pcscd: pcscd, card: card, config: config, attempts: make(chan demosite.Attempt, 100)}
	roots, err := trust.Load([]string{certificates})
	must(t, err)
	d.site, err = demosite.Start(ctx, demosite.Options{Roots: roots, Folder: folder, Attempt: func(a demosite.Attempt) { d.attempts <- a }})
	must(t, err)
	t.Cleanup(func() { must(t, d.site.Close()) })
	return d
}

func (d *desk) pair(t *testing.T) {
	t.Helper()
	set, err := settings.Load(d.config)
	must(t, err)
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	h, err := set.Holder(cie.OnPCSC(client), settings.KeyringPatience)
	must(t, err)
	d.seen(t, true)
	_, err = h.Pair(d.ctx, cie.Target{Reader: rig.FirstReader}, secret.Take([]byte("12345678")))
	must(t, err)
	d.earlier = d.verified()
}

// lift takes the card away, and waits until pcscd has seen it: it looks every
// 0.4 s.
func (d desk) lift(t *testing.T) { d.card.Remove(); d.seen(t, false) }

// lay lays it down again.
func (d desk) lay(t *testing.T) { d.card.Insert(); d.seen(t, true) }

func (d desk) seen(t *testing.T, present bool) {
	t.Helper()
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	for readers := range client.Watch(d.ctx) { //nolint:errcheck // watching goes on after an error
		for _, r := range readers {
			if r.Name == rig.FirstReader && r.Present == present {
				return
			}
		}
	}
	t.Fatal("pcscd does not see what became of the card")
}

// verified is how often a PIN was presented to the card.
func (d desk) verified() (n int) {
	for _, e := range d.card.Ledger() {
		if e.Kind == "verify" {
			n++
		}
	}
	return n
}

// wantVerified compares how often a PIN was presented since the browser started:
// once for each that somebody typed.
func (d desk) wantVerified(t *testing.T, want int) {
	t.Helper()
	if got := d.verified() - d.earlier; got != want {
		t.Errorf("the PIN was presented %d times, want %d: %+v", got, want, d.card.Ledger())
	}
}

// wantNoneWrong is for logins that take their time, where the PIN that was typed is
// presented again before the card signs.
func (d desk) wantNoneWrong(t *testing.T) {
	t.Helper()
	for _, e := range d.card.Ledger() {
		if e.SW != "9000" {
			t.Errorf("a try was lost: %+v", e)
		}
	}
}

// await takes what the site tells of until it is this.
func (d desk) await(t *testing.T, outcome demosite.Outcome) demosite.Attempt {
	t.Helper()
	for {
		select {
		case a := <-d.attempts:
			if a.Outcome == outcome {
				return a
			}
		case <-d.ctx.Done():
			t.Fatalf("the site saw no attempt that is %q", outcome)
		}
	}
}

// wantHolder compares what the site learned at the login that comes next with the
// holder of the card.
func (d desk) wantHolder(t *testing.T) {
	t.Helper()
	a := d.await(t, demosite.OK)
	if a.Version != "TLS 1.2" || a.Holder.TaxCode != d.card.Holder().TaxCode || !strings.HasPrefix(a.Signature, "PKCS1") {
		t.Errorf("login %+v", a)
	}
}
