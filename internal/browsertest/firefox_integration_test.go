//go:build integration

package browsertest

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/firefox"
	"github.com/softwarecie/cie/internal/rig"
)

// firefoxPINWindow is the title of the window that asks for the PIN.
const firefoxPINWindow = "Password Required"

// refresh is how long NSS may take to see a new card: it looks once a second.
const refresh = 1500 * time.Millisecond

// firefox starts a Firefox without a window, whose driver answers for the person.
// It is closed as a person would; it and the helper must be gone soon.
func (d desk) firefox(t *testing.T) *firefox.Browser {
	t.Helper()
	return d.start(t, firefox.Options{})
}

// atKeyboard starts a Firefox on a display, with somebody at the keyboard.
func (d desk) atKeyboard(t *testing.T) (*firefox.Browser, display) {
	t.Helper()
	s := newDisplay(t)
	return d.start(t, firefox.Options{Window: true, Keys: true}), s
}

func (d desk) start(t *testing.T, o firefox.Options) *firefox.Browser {
	t.Helper()
	rig.Need(t, "firefox-esr")
	o.Module, o.CA = library(t), d.site.CA
	b, err := firefox.Start(d.Ctx, o)
	must(t, err)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		wantNoHelper(t)
	})
	return b
}

// choose waits for the question which certificate to take, and answers it at the
// keyboard.
func (d desk) choose(t *testing.T, b *firefox.Browser, s display) {
	t.Helper()
	v, err := b.AwaitChoice(d.Ctx)
	must(t, err)
	if !v.Choosing {
		t.Fatalf("no certificate to choose: %+v", v)
	}
	time.Sleep(time.Second) // it slides in
	s.shoot("choice")
	s.Keys("Return")
}

// wantShown waits for a page or a failure, keeps a picture of it, and looks for texts.
func (d desk) wantShown(t *testing.T, b *firefox.Browser, what, kind string, texts ...string) firefox.View {
	t.Helper()
	v, err := b.Await(d.Ctx)
	must(t, err)
	time.Sleep(time.Second) // it is painted
	must(t, b.Screenshot(d.Ctx, filepath.Join(screenshots, t.Name()+"-"+what+".png")))
	shown, err := b.Read(d.Ctx)
	must(t, err)
	if v.Kind != kind {
		t.Errorf("firefox shows %+v, want a %s", v, kind)
	}
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			t.Errorf("firefox does not show %q but %q", text, shown)
		}
	}
	return v
}

// wantLogin waits for the page and compares it, and what the site was told, with
// the holder of the card.
func (d desk) wantLogin(t *testing.T, b *firefox.Browser, questions int) {
	t.Helper()
	v := d.wantShown(t, b, "in", firefox.Page, d.Card.Holder().TaxCode, "TLS 1.2")
	if len(v.Asked) != questions {
		t.Errorf("firefox asked %d times for a PIN, want %d: %q", len(v.Asked), questions, v.Asked)
	}
	d.wantHolder(t)
}

// At the keyboard: the certificate is chosen and four digits typed. Then the site
// that demands TLS 1.3, where no card can work: Firefox remembers the choice and the
// PIN, and shows the failure that the site's page names.
func TestFirefoxAtTheKeyboard(t *testing.T) {
	d := newPairedDesk(t)
	b, s := d.atKeyboard(t)
	must(t, b.Open(d.Ctx, d.site.Required))
	d.choose(t, b, s)
	w := s.wantWindow(firefoxPINWindow)
	s.shoot("pin")
	s.answer(w, "5678")
	d.wantLogin(t, b, 0)

	must(t, b.Open(d.Ctx, d.site.TLS13))
	d.wantShown(t, b, "tls13", firefox.Failure, "SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT")
	if a := d.await(t, demosite.NoCertificate); a.Version != "TLS 1.3" {
		t.Errorf("attempt %+v", a)
	}
	d.wantVerified(t, 1)
}

func TestFirefoxWrongPINOnce(t *testing.T) {
	d := newPairedDesk(t)
	b := d.firefox(t)
	must(t, b.Give(d.Ctx, "9999", "12345678")) // after four wrong digits only all eight are accepted: the kept half may be stale
	must(t, b.Open(d.Ctx, d.site.Required))
	d.wantLogin(t, b, 2)
	d.wantVerified(t, 2)

	must(t, b.Open(d.Ctx, d.site.Optional)) // no more questions
	d.wantLogin(t, b, 2)
}

// A card that this computer does not know: all eight digits, once.
func TestFirefoxCardNotPaired(t *testing.T) {
	d := newDesk(t)
	d.Await(t, true)
	b := d.firefox(t)
	must(t, b.Give(d.Ctx, "12345678"))
	must(t, b.Open(d.Ctx, d.site.Required))
	d.wantLogin(t, b, 1)
	d.wantVerified(t, 1)
}

// Without a reader the page for those who come without a certificate is shown;
// when the reader is plugged in and the card laid down, the login works.
func TestFirefoxReaderAfterStart(t *testing.T) {
	d := newPairedDesk(t)
	d.PCSCD.Stop()
	b := d.firefox(t)
	must(t, b.Open(d.Ctx, d.site.Optional))
	d.wantShown(t, b, "without", firefox.Page, "Senza certificato")
	d.PCSCD.Start()
	d.Await(t, true)
	time.Sleep(refresh)
	must(t, b.Give(d.Ctx, "5678"))
	must(t, b.Open(d.Ctx, d.site.Required))
	d.wantLogin(t, b, 1)
	d.wantVerified(t, 1)
}

// The card is lifted while the PIN is asked for and laid down again: that login
// fails, if Firefox has seen it, since the certificate that was chosen belongs to the
// card that left. A later one works, with the PIN that was typed.
func TestFirefoxCardLifted(t *testing.T) {
	d := newPairedDesk(t)
	b, s := d.atKeyboard(t)
	must(t, b.Open(d.Ctx, d.site.Required))
	d.choose(t, b, s)
	w := s.wantWindow(firefoxPINWindow)
	d.lift(t)
	d.lay(t)
	s.answer(w, "5678")
	v, err := b.Await(d.Ctx)
	must(t, err)
	s.shoot("lifted")
	for v.Kind == firefox.Failure { // until Firefox has seen the card again
		time.Sleep(refresh)
		must(t, b.Open(d.Ctx, d.site.Required))
		v, err = b.Await(d.Ctx)
		must(t, err)
	}
	d.wantLogin(t, b, 0)
	d.wantNoneWrong(t)
}
