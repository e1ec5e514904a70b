//go:build integration

package browsertest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/logintest"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/settings"
	"github.com/softwarecie/cie/pcsc"
)

// A trial is somebody who tries the login, with the browsers of a new account.
type trial struct {
	*cardrig.Rig
	display
	t       *testing.T
	test    logintest.Test
	reached chan logintest.Step
	ended   chan error
	login   logintest.Login
}

// newTrial pairs the card and makes the account. Where the programs are connected
// is up to the test.
func newTrial(t *testing.T, p logintest.Program, connected bool) *trial {
	t.Helper()
	rig.Need(t, "firefox-esr", "chromium")
	x := &trial{Rig: cardrig.New(t, 90*time.Second), display: newDisplay(t), t: t, reached: make(chan logintest.Step, 10), ended: make(chan error, 1)}
	x.Pair(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("LANGUAGE", "en")
	t.Setenv("XDG_DATA_HOME", filepath.Join(home, ".local", "share"))
	profile := filepath.Join(home, ".mozilla", "firefox", "own")
	must(t, os.MkdirAll(profile, 0o700))
	must(t, os.WriteFile(filepath.Join(home, ".mozilla", "firefox", "profiles.ini"), []byte("[Profile0]\nName=own\nIsRelative=1\nPath=own\n"), 0o600))
	r, err := browser.Installed(library(t))
	must(t, err)
	if connected {
		_, err := r.Change(r.Own(), browser.Registrar.PlanAdd)
		must(t, err)
	}
	set, err := settings.Load(os.Getenv("CIE_CONFIG"))
	must(t, err)
	client := pcsc.New()
	t.Cleanup(func() { _ = client.Close() })
	h, err := set.Holder(cie.OnPCSC(client), settings.KeyringPatience)
	must(t, err)
	x.test = logintest.Test{Holder: h, Registrar: r, Program: p, Reached: func(s logintest.Step) { x.reached <- s }}
	return x
}

// begin starts the test, until the site has been asked for the first time.
func (x *trial) begin() {
	x.t.Helper()
	go func() {
		var err error
		x.login, err = x.test.Run(x.Ctx)
		x.ended <- err
	}()
	x.awaitStep(logintest.StepAsked)
}

func (x *trial) awaitStep(want logintest.Step) {
	x.t.Helper()
	for {
		select {
		case s := <-x.reached:
			if s == want {
				return
			}
		case err := <-x.ended:
			x.t.Fatalf("it ended before %q: %v", want, err)
		}
	}
}

// end waits for what came of it.
func (x *trial) end() error {
	x.t.Helper()
	err := <-x.ended
	x.t.Logf("verdict: %v", err)
	wantNoHelper(x.t)
	return err
}

// pinWindowOf confirms the choice of the certificate until the PIN is asked for.
func (x *trial) pinWindowOf(p logintest.Program) string {
	x.t.Helper()
	title := map[logintest.Program]string{logintest.Firefox: firefoxPINWindow, logintest.Chromium: pinWindow}[p]
	for x.Ctx.Err() == nil {
		time.Sleep(time.Second)
		x.shoot("choice")
		x.Keys("Return")
		if w := x.Window(title, soon); w != "" {
			return w
		}
	}
	x.t.Fatal("the PIN is not asked for; see the screenshot")
	return ""
}

// each runs a test with each browser.
func each(t *testing.T, connected bool, f func(*trial)) {
	for _, p := range []logintest.Program{logintest.Firefox, logintest.Chromium} {
		t.Run(string(p), func(t *testing.T) { f(newTrial(t, p, connected)) })
	}
}

// quickly runs a test with Chromium alone, which takes half the time.
func quickly(t *testing.T, f func(*trial)) { f(newTrial(t, logintest.Chromium, true)) }

func TestLoginTestSucceeds(t *testing.T) {
	each(t, true, func(x *trial) {
		x.begin()
		x.answer(x.pinWindowOf(x.test.Program), "5678")
		if err := x.end(); err != nil || x.login.Attempt.Outcome != demosite.OK || x.login.Attempt.Holder.TaxCode != x.Card.Holder().TaxCode {
			x.t.Errorf("%+v, %v", x.login, err)
		}
	})
}

func TestLoginTestWithoutModule(t *testing.T) {
	each(t, false, func(x *trial) {
		x.begin()
		if err := x.end(); !errors.Is(err, logintest.ErrModule) {
			x.t.Errorf("verdict %v, want %v", err, logintest.ErrModule)
		}
	})
}

// The card is lifted while the PIN is asked for.
func TestLoginTestCardLifted(t *testing.T) {
	each(t, true, func(x *trial) {
		x.begin()
		w := x.pinWindowOf(x.test.Program)
		x.Card.Remove()
		x.Await(x.t, false)
		x.answer(w, "5678")
		if err := x.end(); !errors.Is(err, pcsc.ErrNoCard) {
			x.t.Errorf("verdict %v, want %v", err, pcsc.ErrNoCard)
		}
	})
}

// A wrong PIN costs a try, which the verdict tells; then the question is cancelled.
func TestLoginTestWrongPIN(t *testing.T) {
	quickly(t, func(x *trial) {
		x.begin()
		x.answer(x.pinWindowOf(x.test.Program), "9999")
		for x.verified() < 2 && x.Ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second) // it asks again
		x.shoot("again")
		x.Keys("Escape")
		var wrong *applet.WrongCodeError
		if err := x.end(); !errors.As(err, &wrong) || wrong.Tries != 2 {
			x.t.Errorf("verdict %v, want a wrong PIN with 2 tries", err)
		}
	})
}

func (x *trial) verified() int { return desk{Rig: x.Rig}.verified() }

// The PIN is not typed at all: on the wire that is as if the certificate had not been
// chosen, with Firefox too.
func TestLoginTestPINCancelled(t *testing.T) {
	quickly(t, func(x *trial) {
		x.begin()
		x.Activate(x.pinWindowOf(x.test.Program))
		x.Keys("Escape")
		if err := x.end(); !errors.Is(err, logintest.ErrNoCertificate) {
			x.t.Errorf("verdict %v, want %v", err, logintest.ErrNoCertificate)
		}
	})
}

// A site that speaks nothing but TLS 1.3.
func TestLoginTestTLS13(t *testing.T) {
	quickly(t, func(x *trial) {
		x.test.Door = demosite.TLS13
		x.begin()
		for len(x.ended) == 0 && x.Ctx.Err() == nil {
			time.Sleep(time.Second)
			x.Keys("Return") // takes the certificate
		}
		if err := x.end(); !errors.Is(err, logintest.ErrTLS13) {
			x.t.Errorf("verdict %v, want %v", err, logintest.ErrTLS13)
		}
	})
}
