//go:build integration

package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/chromium"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/rig"
)

// pinWindow is the title of the window that asks for the PIN, in English.
const pinWindow = "Unlock Security Device"

// signing is how many commands come before one of those that make the signature,
// from when the PIN was typed: a login with four digits has 21.
const signing = 22

// A seat is a Chromium of a person who has just been given an account, with
// module and CA in the database that it shares with others.
type seat struct {
	desk
	display
	*chromium.Browser
	t *testing.T
}

// newChromium prepares one on a desk; open starts it.
func newChromium(t *testing.T, d desk) *seat {
	t.Helper()
	rig.Need(t, "modutil")
	c, home := newAccount(t, d)
	database := filepath.Join(home, ".pki", "nssdb")
	must(t, os.MkdirAll(database, 0o700))
	for _, command := range [][]string{
		{"certutil", "-N", "--empty-password", "-d", "sql:" + database},
		{"certutil", "-A", "-n", "site", "-t", "C,,", "-i", c.site.CA, "-d", "sql:" + database},
		{"modutil", "-dbdir", "sql:" + database, "-add", "CIE", "-libfile", library(t), "-force"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command[0], err, out)
		}
	}
	return c
}

// newAccount is a Chromium that has never run, and the empty home folder.
func newAccount(t *testing.T, d desk) (*seat, string) {
	t.Helper()
	rig.Need(t, "chromium", "certutil", "pgrep")
	c, home := &seat{desk: d, display: newDisplay(t), t: t}, t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("LANGUAGE", "en")
	return c, home
}

// open starts Chromium with a page. At the end of the test it is closed as at the
// end of a day; it and the helper must be gone soon.
func (c *seat) open(url string) {
	c.t.Helper()
	browser, err := chromium.Start(chromium.Options{Program: "chromium", URL: url, Arguments: []string{"--disable-gpu", "--lang=en"}})
	must(c.t, err)
	c.Browser = browser
	c.t.Cleanup(func() {
		if err := browser.Close(); err != nil {
			c.t.Error(err)
		}
		wantNoHelper(c.t)
	})
}

// visit types an address.
func (c *seat) visit(url string) {
	c.t.Helper()
	c.Keys("ctrl+l")
	c.Do("type", url)
	c.Keys("Return")
}

// wantNoHelper waits until no helper of the module runs any more.
func wantNoHelper(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		out, _ := exec.Command("pgrep", "-f", "cie-pkcs11-helper$").Output()
		if len(out) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("a helper is left: %s", out)
			return
		}
	}
}

// confirm presses Return to take the certificate that is offered, until it has led
// on. When the question comes up cannot be seen from outside; before it, the key does
// nothing.
func (c *seat) confirm(done func() bool) {
	c.t.Helper()
	for c.Ctx.Err() == nil {
		time.Sleep(700 * time.Millisecond)
		c.shoot("choice")
		c.Keys("Return")
		if done() {
			return
		}
	}
	c.t.Fatal("the choice of the certificate led to nothing; see the screenshot")
}

// choose confirms the choice of the certificate, and returns the window that then
// asks for the PIN. Chromium hangs up while it asks which certificate to take.
func (c *seat) choose() (window string) {
	c.t.Helper()
	c.await(c.t, demosite.Gone)
	c.confirm(func() bool { window = c.Window(pinWindow, soon); return window != "" })
	return window
}

// soon is how long what a key leads to may take, before it is pressed again.
const soon = 2 * time.Second

// shows says whether the page, or what Chromium shows in its place, has a text in time.
func (c *seat) shows(text string, patience time.Duration) bool {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		shown, err := c.Text()
		must(c.t, err)
		if strings.Contains(shown, text) {
			return true
		}
		if time.Now().After(deadline) {
			c.t.Logf("chromium shows %q", shown)
			return false
		}
	}
}

func (c *seat) wantText(text string) {
	c.t.Helper()
	if !c.shows(text, appears) {
		c.shoot("missing")
		c.t.Fatalf("chromium does not show %q", text)
	}
}

// wantLogin waits for the page and looks at what the site was told.
func (c *seat) wantLogin() {
	c.t.Helper()
	c.wantText(c.Card.Holder().TaxCode)
	c.wantText("TLS 1.2")
	time.Sleep(time.Second) // it is painted
	c.shoot("in")
	c.wantHolder(c.t)
}

// Four digits. Then the site that demands TLS 1.3, where no card can work: Chromium
// shows what the site says it does.
func TestChromiumLogin(t *testing.T) {
	c := newChromium(t, newPairedDesk(t))
	c.open(c.site.Required)
	w := c.choose()
	c.shoot("pin")
	c.answer(w, "5678")
	c.wantLogin()

	c.visit(c.site.TLS13)
	c.await(t, demosite.Gone)
	c.confirm(func() bool { return c.shows("ERR_SSL_CLIENT_AUTH_NO_COMMON_ALGORITHMS", soon) })
	c.shoot("tls13")
	c.wantVerified(t, 1)
}

// After four wrong digits all eight are asked for: the kept half may be stale.
func TestChromiumWrongPINOnce(t *testing.T) {
	c := newChromium(t, newPairedDesk(t))
	c.open(c.site.Required)
	c.answer(c.choose(), "9999")
	time.Sleep(time.Second)
	w := c.wantWindow(pinWindow)
	c.shoot("again")
	c.answer(w, "12345678")
	c.wantLogin()
	c.wantVerified(t, 2)
}

// A card that this computer does not know: its certificate is behind the PIN, so
// all eight digits are asked for first, and the certificate is chosen afterwards.
func TestChromiumCardNotPaired(t *testing.T) {
	c := newChromium(t, newDesk(t))
	c.Await(t, true)
	c.open(c.site.Required)
	w := c.wantWindow(pinWindow)
	c.shoot("pin")
	c.answer(w, "12345678")
	c.confirm(func() bool { return c.shows(c.Card.Holder().TaxCode, soon) })
	c.wantLogin()
	c.wantNoneWrong(t)
}

// The card is lifted while it signs and laid down again: that login fails, the next
// one asks for everything anew.
func TestChromiumCardLifted(t *testing.T) {
	c := newChromium(t, newPairedDesk(t))
	c.open(c.site.Required)
	w := c.choose()
	c.Card.Fail(signing, emulator.Fault{Kind: "stall"})
	c.answer(w, "5678")
	for c.Card.Stats().Faults == 0 && c.Ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	c.lift(t)
	c.Card.ClearFaults()
	c.lay(t)
	c.wantText("ERR_SSL_CLIENT_AUTH_SIGNATURE_FAILED")
	c.shoot("lifted")
	c.visit(c.site.Required)
	c.answer(c.choose(), "5678")
	c.wantLogin()
	c.wantVerified(t, 2)
}

// Without a reader the page for those who come without a certificate is shown;
// when the reader is plugged in and the card laid down, the login works.
func TestChromiumReaderAfterStart(t *testing.T) {
	c := newChromium(t, newPairedDesk(t))
	c.PCSCD.Stop()
	c.open(c.site.Optional)
	c.wantText("Without a certificate")
	c.shoot("without")
	c.PCSCD.Start()
	c.Await(t, true)
	time.Sleep(refresh)
	c.visit(c.site.Required)
	c.answer(c.choose(), "5678")
	c.wantLogin()
	c.wantVerified(t, 1)
}
