package gui

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/i18n"
)

// states are those of the places of the bench's computer, by ID.
func (b *bench) states() map[string]browser.State {
	b.test.Helper()
	r, err := b.demo.Browsers()
	if err != nil {
		b.test.Fatal(err)
	}
	all := map[string]browser.State{}
	for _, p := range r.Places() {
		all[p.ID] = p.State
	}
	return all
}

const (
	benchFirefox  = "firefox:demo.default-esr"
	benchChromium = "chromium"
)

func (b *bench) wantStates(firefox, chromium browser.State) {
	b.test.Helper()
	if now := b.states(); now[benchFirefox] != firefox || now[benchChromium] != chromium {
		b.test.Errorf("states %v, want %s, %s", now, firefox, chromium)
	}
}

func TestBrowsers(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Open("win.browsers")
	b.seesNow("win.browsers.looking") // while it looks
	b.sees("browser.state.absent")
	for _, want := range []string{"Firefox ESR · 140.5.0 · deb", "default-esr", "Chromium · 142.0"} {
		if !strings.Contains(b.seen(), want) {
			t.Errorf("no %q in\n%s", want, b.seen())
		}
	}
	b.tap("win.browsers.add") // the first: Firefox
	b.sees("win.browsers.changed", "n", 1)
	b.wantStates(browser.Registered, browser.Absent)
	b.key("Return") // what is left is connected: the main button has the focus
	b.sees("win.browsers.changed", "n", 1)
	b.wantStates(browser.Registered, browser.Registered)
	b.tap("win.browsers.undo")
	b.sees("browser.state.absent")
	b.wantStates(browser.Registered, browser.Absent)
	b.tap("win.browsers.remove")
	b.sees("win.browsers.changed", "n", 1)
	b.wantStates(browser.Absent, browser.Absent)
}

// A browser that runs is told of before and after.
func TestBrowsersRunning(t *testing.T) {
	b := newBench(t, i18n.Italian)
	r, err := b.demo.Browsers()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("127.0.1.1:+1", filepath.Join(r.Machine.Home, ".mozilla", "firefox", "demo.default-esr", "lock")); err != nil {
		t.Fatal(err)
	}
	b.Open("win.browsers")
	b.sees("win.browsers.running")
	b.tap("win.browsers.all")
	b.sees("browser.restart", "name", "Firefox ESR")
}

// A file that cannot be read is told in the view for errors; the others are
// connected all the same.
func TestBrowsersError(t *testing.T) {
	b := newBench(t, i18n.Italian)
	r, err := b.demo.Browsers()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(r.Machine.Home, ".mozilla", "firefox", "demo.default-esr", "pkcs11.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.Open("win.browsers")
	b.sees("browser.state.unreadable")
	b.tap("win.browsers.all")
	b.sees("error.browser-file.what")
	b.wantStates(browser.Unreadable, browser.Registered)
	b.tap("win.retry")
	b.sees("browser.state.unreadable")
}

// Without the module nothing is offered, and it is said why.
func TestBrowsersWithoutModule(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.deps.Browsers = func() (browser.Registrar, error) {
		r, err := b.demo.Browsers()
		r.Missing = browser.ErrNoModule
		return r, err
	}
	b.Open("win.browsers")
	b.sees("error.no-module.what")
	b.sees("browser.state.absent")
	b.cannot("win.browsers.all")
	for _, x := range b.buttons() {
		if x.text == b.t("win.browsers.add") {
			t.Error("it can be connected")
		}
	}
	b.pairFirst()
	b.sees("win.pair.done.text") // and no offer
}

// Leaving while it looks shows nothing of it.
func TestBrowsersIsLeft(t *testing.T) {
	b := newBench(t, i18n.Italian)
	ended := make(chan struct{})
	b.deps.Browsers = func() (browser.Registrar, error) { defer close(ended); return browser.Registrar{}, errors.New("late") }
	b.Open("win.browsers")
	b.Open("win.pin")
	<-ended
	b.urge()
	b.sees("win.pin.change.text")
	if strings.Contains(b.seen(), b.t("win.retry")) {
		t.Errorf("seen\n%s", b.seen())
	}
}

// After pairing the programs are offered to be connected, by the keyboard alone.
func TestPairOffersTheBrowsers(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	b.sees("win.pair.browsers", "names", "Firefox ESR, Chromium")
	b.wantStates(browser.Absent, browser.Absent) // nothing without being asked
	b.key("Return")
	b.sees("win.pair.connected")
	b.sees("win.browsers.changed", "n", 2)
	b.wantStates(browser.Registered, browser.Registered)
	b.key("Return")
	b.sees("win.ready")

	b.Go(newPair) // again: there is nothing left to offer
	b.typed("12345678")
	b.key("Return")
	b.sees("win.pair.done.text")
	b.tap("win.done")
}

func TestPairOfferIsDeclined(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	b.sees("win.pair.browsers.go")
	b.tap("win.done")
	b.sees("win.ready")
	b.wantStates(browser.Absent, browser.Absent)
}

// eachBrowser shows the page with everything that can stand on it.
func (b *bench) eachBrowser(visit func(string)) {
	programs := &programsScreen{newStage(b.Window)}
	b.Go(func(*Window) screen { return programs })
	programs.draw([]browser.Recipe{{Name: "OpenSSL, curl", Commands: "PKCS11_MODULE_PATH=/usr/lib/x86_64-linux-gnu/pkcs11/libcie-pkcs11.so curl \\\n\t--engine pkcs11\n"}}, []browser.Program{{Recipe: "OpenSSL, curl", State: browser.Other}})
	visit("other programs")
	b.Open("win.browsers")
	s := b.trail[0].screen.(*browsersScreen)
	var places []browser.Place
	for _, state := range []browser.State{
		browser.Absent, browser.Registered, browser.Other, browser.Broken, browser.Indirect, browser.Sandboxed, browser.Unreadable,
	} {
		p := browser.Place{
			ID: "firefox:" + string(state), Product: "Firefox ESR", Version: "140.5.0", Packaging: browser.Flatpak, Profile: "default-esr",
			File:  "/home/somebody/.var/app/org.mozilla.firefox/config/mozilla/firefox/abcdefgh.default-esr/pkcs11.txt",
			State: state, Running: true, Rivals: []string{"/usr/lib/x86_64-linux-gnu/libcie-pkcs11.so"},
		}
		if state == browser.Sandboxed {
			p.Steps = []string{`flatpak override --user --filesystem=xdg-run/cie-pkcs11 --env=P11_KIT_SERVER_ADDRESS=unix:path="$XDG_RUNTIME_DIR/cie-pkcs11" org.mozilla.firefox`}
		}
		if state != browser.Absent {
			p.Module = "/usr/lib/softwarecie/libcie-pkcs11.so"
		}
		places = append(places, p)
	}
	places = append(places, browser.Place{ID: "firefox:system", Product: "Firefox", System: true, State: browser.Absent, File: "/etc/firefox/policies/policies.json"})
	changes := []browser.Change{{Place: places[0].ID}, {Place: places[1].ID}}
	s.draw(inventory{places: places, undo: true}, b.changed(places, changes))
	visit("browsers")
	s.draw(inventory{lacks: browser.ErrNoModule}, b.changed(nil, nil))
	visit("no browser")
}

// The commands for other programs are seen, and copied with the place of the library.
func TestOtherPrograms(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Open("win.browsers")
	b.sees("win.programs.more")
	b.tap("win.programs.go")
	b.sees("win.programs.text")
	r, err := b.demo.Browsers()
	if err != nil {
		t.Fatal(err)
	}
	ssh, _ := r.Recipe("ssh")
	if !strings.Contains(ssh.Commands, r.Module) || !strings.Contains(b.seen(), ssh.Commands) {
		t.Errorf("no %q in\n%s", ssh.Commands, b.seen())
	}
	b.tap("win.browsers.copy")
	if got := b.app.Clipboard().Content(); got != ssh.Commands {
		t.Errorf("copied %q", got)
	}
}
