package gui

import (
	"context"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/logintest"
	"github.com/softwarecie/cie/internal/trust"
)

// A fakeLogin is a test of the login that goes as its test wants it to.
type fakeLogin struct {
	tried chan logintest.Program
	end   chan error    // what comes of it
	gone  chan struct{} // told when it is given up
}

// withLogin gives a bench a login to try.
func (b *bench) withLogin() *fakeLogin {
	f := &fakeLogin{make(chan logintest.Program, 10), make(chan error), make(chan struct{}, 10)}
	b.deps.Login = Login{
		Programs: []logintest.Program{logintest.Firefox, logintest.Chromium},
		Try: func(ctx context.Context, p logintest.Program, reached func(logintest.Step)) (logintest.Login, error) {
			f.tried <- p
			reached(logintest.StepSite)
			reached(logintest.StepBrowser)
			select {
			case err := <-f.end:
				who := trust.Holder{Name: "MARIA", Surname: "ROSSI"}
				return logintest.Login{Program: p, Attempt: demosite.Attempt{Outcome: demosite.OK, Version: "TLS 1.2", Holder: who}}, err
			case <-ctx.Done():
				f.gone <- struct{}{}
				return logintest.Login{}, ctx.Err()
			}
		},
	}
	return f
}

func (b *bench) finishes(f *fakeLogin, err error) {
	b.test.Helper()
	b.sees("login.step.browser")
	f.end <- err
}

func TestLogin(t *testing.T) {
	b := newBench(t, i18n.Italian)
	f := b.withLogin()
	b.Go(newLogin)
	b.seesNow("win.login.text")
	b.key("Return") // the first browser
	b.seesNow("win.login.opening")
	b.finishes(f, nil)
	b.sees("win.login.done", "name", "MARIA ROSSI")
	b.sees("win.login.done.text", "version", "TLS 1.2")
	b.tap("win.done")
	if p := <-f.tried; p != logintest.Firefox {
		t.Errorf("tried with %s", p)
	}
}

// Each link that fails has its sentence, and the way to mend it.
func TestLoginFails(t *testing.T) {
	b := newBench(t, i18n.Italian)
	f := b.withLogin()
	b.Go(newLogin)
	for _, tt := range []struct {
		err      error
		key, way string
	}{
		{logintest.ErrModule, "error.login-module.what", "win.browsers"},
		{logintest.ErrNotSigned, "error.login-not-signed.what", ""},
		{&applet.WrongCodeError{Code: applet.CodePIN, Tries: 2}, "error.pin-wrong.what", "win.unblock"},
	} {
		b.press(func(x *button) bool { return x.text == b.t("win.login.with", "name", "Chromium") })
		b.finishes(f, tt.err)
		b.sees(tt.key)
		if tt.way != "" {
			b.seesNow(tt.way)
		}
		b.tap("win.retry")
		b.seesNow("win.login.text")
	}
	if p := <-f.tried; p != logintest.Chromium {
		t.Errorf("tried with %s", p)
	}
}

func TestLoginIsCancelled(t *testing.T) {
	b := newBench(t, i18n.Italian)
	f := b.withLogin()
	b.Go(newLogin)
	b.key("Return")
	b.sees("login.step.browser")
	b.tap("win.cancel")
	b.seesNow("win.login.text")
	<-f.gone
	b.key("Return")
	b.sees("login.step.browser")
	b.Open("win.pin") // or left
	<-f.gone
	b.sees("win.pin.change.text")
}

func TestLoginWithoutBrowser(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.withLogin()
	b.deps.Login.Programs = nil
	b.Go(newLogin)
	b.seesNow("error.login-no-browser.what")
}

// The login is offered at home and after the browsers are connected; in the
// demonstration it is not.
func TestLoginIsOffered(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.withLogin()
	b.pairFirst()
	b.key("Return") // connect the browsers
	b.sees("win.pair.connected")
	b.key("Return")
	b.seesNow("win.login.text")
	b.Open(home)
	b.tap("win.login")
	b.seesNow("win.login.text")

	b.deps.Login = Login{}
	b.Open(home)
	if strings.Contains(b.seen(), b.t("win.login")) {
		t.Errorf("offered in\n%s", b.seen())
	}
}

// eachLogin shows the screen at each of its points.
func (b *bench) eachLogin(visit func(string)) {
	before := b.deps.Login
	defer func() { b.deps.Login = before }()
	b.withLogin()
	b.Go(newLogin)
	visit("login")
	s := b.trail[len(b.trail)-1].screen.(*loginScreen)
	steps := stacked(unit)
	s.show(panel(steps, colorLine), nil)
	for _, step := range []logintest.Step{logintest.StepSite, logintest.StepBrowser, logintest.StepAsked} {
		s.reach(steps, step)
	}
	visit("login under way")
	s.ended(logintest.Login{Attempt: demosite.Attempt{Version: "TLS 1.2", Holder: trust.Holder{Name: "MARIA ANTONIETTA", Surname: "ROSSI BIANCHI"}}}, nil)
	visit("login done")
}
