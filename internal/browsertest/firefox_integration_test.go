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
	"github.com/softwarecie/cie/internal/firefox"
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

// A desk is a computer with a reader, a paired card, a browser's module, and the
// site to log in to.
type desk struct {
	ctx      context.Context
	card     *emulator.Card
	site     *demosite.Site
	attempts chan demosite.Attempt
}

func newDesk(t *testing.T) desk {
	t.Helper()
	rig.Need(t, "pcscd")
	if _, err := os.Stat(module); err != nil {
		rig.Missing(t, "build/libcie-pkcs11.so")
	}
	rig.StartPCSCD(t)
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
	pair(ctx, t, config)

	d := desk{ctx, card, nil, make(chan demosite.Attempt, 100)}
	roots, err := trust.Load([]string{certificates})
	must(t, err)
	d.site, err = demosite.Start(ctx, demosite.Options{Roots: roots, Folder: folder, Attempt: func(a demosite.Attempt) { d.attempts <- a }})
	must(t, err)
	t.Cleanup(func() { must(t, d.site.Close()) })
	return d
}

// pair makes this desk know the card, as "cie pair" does.
func pair(ctx context.Context, t *testing.T, config string) {
	t.Helper()
	set, err := settings.Load(config)
	must(t, err)
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	h, err := set.Holder(cie.OnPCSC(client), settings.KeyringPatience)
	must(t, err)
	for {
		_, err := h.Pair(ctx, cie.Target{Reader: rig.FirstReader}, secret.Take([]byte("12345678")))
		if err == nil {
			return
		}
		if d, _ := ctx.Deadline(); time.Until(d) < limit-10*time.Second {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the card is not seen yet
	}
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

// wantVerified compares how often a PIN was presented since the card was paired:
// once for each that somebody typed.
func (d desk) wantVerified(t *testing.T, want int) {
	t.Helper()
	got := -1 // the pairing's own
	for _, e := range d.card.Ledger() {
		if e.Kind == "verify" {
			got++
		}
	}
	if got != want {
		t.Errorf("the PIN was presented %d times, want %d: %+v", got, want, d.card.Ledger())
	}
}

func (d desk) firefox(t *testing.T) *firefox.Browser {
	t.Helper()
	rig.Need(t, "firefox-esr")
	b, err := firefox.Start(d.ctx, firefox.Options{Module: module, CA: d.site.CA})
	must(t, err)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// wantLogin waits for the page and compares it, and what the site was told, with
// the holder of the card.
func (d desk) wantLogin(t *testing.T, b *firefox.Browser, questions int) {
	t.Helper()
	v, err := b.Await(d.ctx)
	must(t, err)
	must(t, b.Screenshot(d.ctx, filepath.Join(screenshots, strings.ReplaceAll(t.Name(), "/", "-")+".png")))
	if v.Kind != firefox.Page || len(v.Asked) != questions {
		t.Errorf("firefox shows %+v, after %d questions; want a page after %d", v, len(v.Asked), questions)
	}
	for {
		select {
		case a := <-d.attempts:
			if a.Outcome != demosite.OK {
				continue // a connection that Firefox made in advance
			}
			if a.Version != "TLS 1.2" || a.Holder.TaxCode != d.card.Holder().TaxCode || !strings.HasPrefix(a.Signature, "PKCS1") {
				t.Errorf("login %+v", a)
			}
			return
		default:
			t.Fatal("the site saw no login")
		}
	}
}

func TestFirefoxLogin(t *testing.T) {
	d := newDesk(t)
	b := d.firefox(t)
	must(t, b.Give(d.ctx, "5678"))
	must(t, b.Open(d.ctx, d.site.Required))
	d.wantLogin(t, b, 1)
	d.wantVerified(t, 1)
}

func TestFirefoxWrongPINOnce(t *testing.T) {
	d := newDesk(t)
	b := d.firefox(t)
	must(t, b.Give(d.ctx, "9999", "12345678")) // after four wrong digits only all eight are accepted: the kept half may be stale
	must(t, b.Open(d.ctx, d.site.Required))
	d.wantLogin(t, b, 2)
	d.wantVerified(t, 2)
}

func TestFirefoxCardAfterStart(t *testing.T) {
	d := newDesk(t)
	d.lift(t)
	b := d.firefox(t)
	d.lay(t)
	time.Sleep(1500 * time.Millisecond) // NSS looks once a second
	must(t, b.Give(d.ctx, "5678"))
	must(t, b.Open(d.ctx, d.site.Required))
	d.wantLogin(t, b, 1)
	d.wantVerified(t, 1)
}

// Where the certificate is asked for but not demanded, one logs in all the same.
func TestFirefoxOptional(t *testing.T) {
	d := newDesk(t)
	b := d.firefox(t)
	must(t, b.Give(d.ctx, "5678"))
	must(t, b.Open(d.ctx, d.site.Optional))
	d.wantLogin(t, b, 1)
}

// A site that demands TLS 1.3 gets no certificate: the card cannot sign as TLS 1.3
// wants it, and Firefox asks for the PIN before it knows.
func TestFirefoxTLS13(t *testing.T) {
	d := newDesk(t)
	b := d.firefox(t)
	must(t, b.Give(d.ctx, "5678"))
	must(t, b.Open(d.ctx, d.site.TLS13))
	v, err := b.Await(d.ctx)
	must(t, err)
	must(t, b.Screenshot(d.ctx, filepath.Join(screenshots, t.Name()+".png")))
	if v.Kind != firefox.Failure {
		t.Errorf("firefox shows %+v, want a failure", v)
	}
	for {
		select {
		case a := <-d.attempts:
			if a.Outcome == demosite.Gone {
				continue
			}
			if a.Outcome != demosite.NoCertificate || a.Version != "TLS 1.3" {
				t.Errorf("attempt %+v", a)
			}
			return
		case <-d.ctx.Done():
			t.Fatal("the site saw no attempt")
		}
	}
}

// firefoxPINWindow is the title of the window that asks for the PIN.
const firefoxPINWindow = "Password Required"

// atKeyboard starts a Firefox on a display, with somebody at the keyboard.
func (d desk) atKeyboard(t *testing.T) (*firefox.Browser, display) {
	t.Helper()
	rig.Need(t, "firefox-esr")
	s := newDisplay(t)
	b, err := firefox.Start(d.ctx, firefox.Options{Module: module, CA: d.site.CA, Window: true, Keys: true})
	must(t, err)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		wantNoHelper(t)
	})
	return b, s
}

// chooseInFirefox confirms the choice of the certificate, if it is asked for, and
// returns the window that then asks for the PIN.
func chooseInFirefox(s display) string {
	s.t.Helper()
	for range 10 {
		if w := s.window(firefoxPINWindow, 2*time.Second); w != "" {
			return w
		}
		s.shoot("choice")
		s.keys("Return")
	}
	s.t.Fatal("no window asks for the PIN")
	return ""
}

func TestFirefoxAtTheKeyboard(t *testing.T) {
	d := newDesk(t)
	b, s := d.atKeyboard(t)
	must(t, b.Open(d.ctx, d.site.Required))
	w := chooseInFirefox(s)
	s.shoot("pin")
	s.answer(w, "5678")
	d.wantLogin(t, b, 0)
	d.wantVerified(t, 1)
}

// The card is lifted while the PIN is asked for and laid down again: that login
// fails, if Firefox has seen it, since the certificate that was chosen belongs to the
// card that left. A later one works, with the PIN that was typed.
func TestFirefoxCardLifted(t *testing.T) {
	d := newDesk(t)
	b, s := d.atKeyboard(t)
	must(t, b.Open(d.ctx, d.site.Required))
	w := chooseInFirefox(s)
	d.lift(t)
	d.lay(t)
	s.answer(w, "5678")
	v, err := b.Await(d.ctx)
	must(t, err)
	s.shoot("lifted")
	for v.Kind == firefox.Failure { // until Firefox has seen the card again
		time.Sleep(1500 * time.Millisecond)
		must(t, b.Open(d.ctx, d.site.Required))
		v, err = b.Await(d.ctx)
		must(t, err)
	}
	d.wantLogin(t, b, 0)
	for _, e := range d.card.Ledger() {
		if e.SW != "9000" {
			t.Errorf("a try was lost: %+v", e)
		}
	}
}
