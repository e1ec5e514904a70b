//go:build integration

package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/rig"
)

// Titles of Chromium's windows, in English.
const (
	pinWindow    = "Unlock Security Device"
	loggedIn     = "You are logged in"
	closingLimit = 20 * time.Second
)

// signing is how many commands come before one of those that make the signature,
// from when the PIN was typed: a login with four digits has 21.
const signing = 22

// A chromium is a Chromium of a person who has just been given an account, with
// module and CA in the database that it shares with others.
type chromium struct {
	desk
	display
	t *testing.T
}

// newChromium prepares one; open starts it.
func newChromium(t *testing.T) chromium {
	t.Helper()
	rig.Need(t, "modutil")
	c, home := newAccount(t)
	database := filepath.Join(home, ".pki", "nssdb")
	must(t, os.MkdirAll(database, 0o700))
	library, err := filepath.Abs(module)
	must(t, err)
	for _, command := range [][]string{
		{"certutil", "-N", "--empty-password", "-d", "sql:" + database},
		{"certutil", "-A", "-n", "site", "-t", "C,,", "-i", c.site.CA, "-d", "sql:" + database},
		{"modutil", "-dbdir", "sql:" + database, "-add", "CIE", "-libfile", library, "-force"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command[0], err, out)
		}
	}
	return c
}

// newAccount is a Chromium that has never run, and the empty home folder.
func newAccount(t *testing.T) (chromium, string) {
	t.Helper()
	rig.Need(t, "chromium", "certutil")
	c, home := chromium{newDesk(t), newDisplay(t), t}, t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("LANGUAGE", "en")
	return c, home
}

// open starts Chromium with a page. At the end of the test it is closed as at the
// end of a day; it and the helper must be gone soon.
func (c chromium) open(url string) {
	c.t.Helper()
	arguments := []string{"--no-first-run", "--no-default-browser-check", "--disable-gpu", "--lang=en", "--user-data-dir=" + c.t.TempDir(), url}
	if os.Getuid() == 0 {
		arguments = append(arguments, "--no-sandbox") // it does not start otherwise
	}
	browser := exec.Command("chromium", arguments...)
	browser.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(c.t, browser.Start())
	c.t.Cleanup(func() {
		ended := make(chan struct{})
		go func() { defer close(ended); _ = browser.Wait() }()
		_ = browser.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(closingLimit):
			c.t.Errorf("chromium did not end in %v", closingLimit)
		}
		wantNoHelper(c.t)
		_ = syscall.Kill(-browser.Process.Pid, syscall.SIGKILL) // what is left of it
	})
}

// visit types an address.
func (c chromium) visit(url string) {
	c.t.Helper()
	c.keys("ctrl+l")
	must(c.t, exec.Command("xdotool", "type", url).Run())
	c.keys("Return")
}

// wantNoHelper waits until no helper of the module runs any more.
func wantNoHelper(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
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

// choose confirms the choice of the certificate, and returns the window that then
// asks for the PIN. Chromium hangs up while it asks which certificate to take.
func (c chromium) choose() string {
	c.t.Helper()
	c.await(demosite.Gone)
	for range 10 {
		time.Sleep(700 * time.Millisecond) // the question comes up
		c.shoot("choice")
		c.keys("Return")
		if w := c.window(pinWindow, 2*time.Second); w != "" {
			return w
		}
	}
	c.t.Fatal("no window asks for the PIN")
	return ""
}

// await takes what the site tells of until it is this.
func (c chromium) await(outcome demosite.Outcome) demosite.Attempt {
	c.t.Helper()
	for {
		select {
		case a := <-c.attempts:
			if a.Outcome == outcome {
				return a
			}
		case <-c.ctx.Done():
			c.shoot("missing")
			c.t.Fatalf("the site saw no attempt that is %q", outcome)
		}
	}
}

// wantLogin waits for the page and looks at what the site was told.
func (c chromium) wantLogin(verified int) {
	c.t.Helper()
	a := c.await(demosite.OK)
	if a.Version != "TLS 1.2" || a.Holder.TaxCode != c.card.Holder().TaxCode || !strings.HasPrefix(a.Signature, "PKCS1") {
		c.t.Errorf("login %+v", a)
	}
	c.wantWindow(loggedIn)
	c.shoot("in")
	c.wantVerified(c.t, verified)
}

func TestChromiumLogin(t *testing.T) {
	c := newChromium(t)
	c.open(c.site.Required)
	w := c.choose()
	c.shoot("pin")
	c.answer(w, "5678")
	c.wantLogin(1)
}

// After four wrong digits all eight are asked for: the kept half may be stale.
func TestChromiumWrongPINOnce(t *testing.T) {
	c := newChromium(t)
	c.open(c.site.Required)
	c.answer(c.choose(), "9999")
	time.Sleep(time.Second)
	w := c.wantWindow(pinWindow)
	c.shoot("again")
	c.answer(w, "12345678")
	c.wantLogin(2)
}

// The card is lifted while it signs and laid down again: that login fails, the next
// one asks for everything anew.
func TestChromiumCardLifted(t *testing.T) {
	c := newChromium(t)
	c.open(c.site.Required)
	w := c.choose()
	c.card.Fail(signing, emulator.Fault{Kind: "stall"})
	c.answer(w, "5678")
	for c.card.Stats().Faults == 0 && c.ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	c.lift(t)
	c.card.ClearFaults()
	c.lay(t)
	time.Sleep(time.Second)
	c.shoot("lifted")
	c.visit(c.site.Required)
	c.answer(c.choose(), "5678")
	c.wantLogin(2)
}

func TestChromiumCardAfterStart(t *testing.T) {
	c := newChromium(t)
	c.lift(t)
	c.open(c.site.Landing)
	c.wantWindow("Enter with CIE")
	c.lay(t)
	c.visit(c.site.Required)
	c.answer(c.choose(), "5678")
	c.wantLogin(1)
}
