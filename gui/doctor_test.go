package gui

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/doctor"
	"github.com/softwarecie/cie/internal/i18n"
)

func TestDoctor(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Open("win.doctor")
	b.seesNow("win.doctor.looking")
	b.sees("win.doctor.ill", "n", 2) // neither browser is connected
	b.sees("error.not-connected.what")
	b.sees("doctor.effect.browser")
	b.sees("doctor.card")

	b.tap("win.doctor.fix") // the first: Firefox
	b.seesNow("win.doctor.fix.text")
	if !strings.Contains(b.seen(), "+ name=Software CIE") {
		t.Errorf("the change is not shown in\n%s", b.seen())
	}
	b.wantStates(browser.Absent, browser.Absent)
	b.tap("win.cancel")
	b.sees("win.doctor.ill", "n", 2)
	b.wantStates(browser.Absent, browser.Absent)

	b.tap("win.doctor.fix")
	b.key("Return") // by the keyboard
	b.sees("win.browsers.changed", "n", 1)
	b.sees("win.doctor.ill", "n", 1)
	b.wantStates(browser.Registered, browser.Absent)
	b.tap("win.browsers.undo")
	b.sees("win.doctor.ill", "n", 2)
	b.wantStates(browser.Absent, browser.Absent)
}

func TestDoctorAllWell(t *testing.T) {
	b := newBench(t, i18n.Italian)
	r, err := b.demo.Browsers()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Change(r.Own(), browser.Registrar.PlanAdd); err != nil {
		t.Fatal(err)
	}
	b.Open("win.doctor")
	b.sees("win.doctor.well")
	b.demo.Cards[0].Remove()
	b.key("Return") // again
	b.sees("win.doctor.ill", "n", 1)
	b.sees("error.no-card.what")
}

// Findings are seen as they come; leaving ends the examination.
func TestDoctorIsLive(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.demo.Cards[0].Fail(1, emulator.Fault{Kind: "stall"})
	b.Open("win.doctor")
	b.sees("doctor.kernel") // comes before the card
	b.seesNow("win.doctor.looking")
	b.Open("win.pin")
	b.demo.Cards[0].ClearFaults()
	b.until("the card is let go", func() bool {
		if b.work.TryLock() {
			b.work.Unlock()
			return true
		}
		return false
	})
	b.sees("win.pin.change.text")
}

func TestDoctorFails(t *testing.T) {
	b := newBench(t, i18n.Italian)
	works := b.deps.Browsers
	b.deps.Browsers = func() (browser.Registrar, error) { return browser.Registrar{}, errors.New("no home") }
	b.Open("win.doctor")
	b.sees("win.retry")
	b.deps.Browsers = works
	b.tap("win.retry")
	b.sees("win.doctor.ill", "n", 2)

	// The file changes after the fix was planned: nothing is done.
	b.tap("win.doctor.fix")
	r, err := works()
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(r.Machine.Home, ".mozilla", "firefox", "demo.default-esr", "pkcs11.txt")
	if err := os.WriteFile(list, []byte("library=\nname=other\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.tap("win.doctor.fix.go")
	b.sees("error.browser-changed.what")
	b.tap("win.retry")
	b.sees("win.doctor.ill", "n", 2)
}

// The report is seen whole before it is saved; where it cannot be, that is told.
func TestDoctorReport(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Open("win.doctor")
	b.sees("win.doctor.ill", "n", 2)
	s := b.trail[0].screen.(*doctorScreen)
	var file chosenFile
	var chosen io.WriteCloser
	var failed error
	s.where = func(_ string, done func(io.WriteCloser, error)) { done(chosen, failed) }
	b.tap("win.doctor.report")
	b.seesNow("win.doctor.report.text")
	for _, want := range []string{`"check": "browser"`, `"product": "Firefox ESR"`} {
		if !strings.Contains(b.seen(), want) {
			t.Errorf("no %s in\n%s", want, b.seen())
		}
	}
	b.key("Return") // changed their mind
	b.seesNow("win.doctor.report.text")
	failed = os.ErrPermission
	b.key("Return")
	b.sees("win.retry")
	b.tap("win.retry")
	failed, chosen = nil, &file
	b.key("Return")
	b.sees("win.details.saved")
	b.sees("win.doctor.ill", "n", 2) // it has looked again
	if !strings.HasPrefix(file.String(), "PK") {
		t.Errorf("the file begins with %.8q", file.String())
	}
}

// The contact with the card is followed while it is moved, not while an operation has
// it, and no longer than the page is seen. It uses no code.
func TestDoctorMeasuresTheContact(t *testing.T) {
	b := newBench(t, i18n.Italian)
	card := b.demo.Cards[0]
	before := len(card.Ledger())
	b.Open("win.doctor")
	b.sees("win.doctor.ill", "n", 2)
	b.tap("win.link")
	b.sees("win.link.good")
	for n := range 12 {
		card.Fail(1+n, emulator.Fault{Kind: "drop-before"})
	}
	b.sees("win.link.weak")
	card.ClearFaults()
	card.Remove()
	b.sees("error.no-card.what")
	card.Insert()
	b.sees("win.link.good")

	b.work.Lock() // an operation has the card
	card.Remove()
	time.Sleep(3 * askEvery)
	b.urge()
	for len(b.queue) > 0 {
		(<-b.queue)()
	}
	b.seesNow("win.link.good")
	b.work.Unlock()
	b.sees("error.no-card.what")
	card.Insert()

	b.key("Return") // done: back to the findings
	b.sees("win.doctor.ill", "n", 2)
	b.tap("win.link")
	b.sees("win.link.good")
	b.Open("win.pin")
	for _, e := range card.Ledger()[before:] {
		if e.Kind != "query" {
			t.Errorf("measuring sent %s %s", e.Kind, e.Reference)
		}
	}
}

// eachFinding shows the doctor with everything that can be found.
func (b *bench) eachFinding(visit func(string)) {
	b.Open("win.doctor")
	s := b.trail[0].screen.(*doctorScreen)
	s.cancel()
	list := "library=/usr/lib/softwarecie/libcie-pkcs11.so\nname=Software CIE\n"
	unconnected := doctor.Finding{
		Check: "browser", Err: doctor.ErrUnregistered, About: "firefox:abcdefgh.default-esr",
		Fix: []browser.Change{{File: "/home/somebody/.mozilla/firefox/abcdefgh.default-esr/pkcs11.txt", After: &list}},
	}
	e := s.begin(b.changed(nil, nil))
	visit("doctor at work")
	for _, f := range []doctor.Finding{
		{Check: "state", About: "/home/somebody/.local/state/cie"},
		{Check: "clock", Err: doctor.ErrClock},
		{Check: "kernel", Err: doctor.ErrKernel, About: "pn533_usb"},
		{Check: "reader", Err: doctor.ErrContactOnly, About: "Bit4id miniLector EVO [CCID] 00 00"},
		{Check: "model", Err: doctor.ErrModel, About: "ACS ACR122U PICC Interface 00 00"},
		{Check: "state", Err: doctor.ErrState, About: "/home/somebody/.local/state/cie"},
		{Check: "module", Err: browser.ErrNoModule},
		unconnected,
		{Check: "other-software", Err: doctor.ErrRival, About: "chromium"},
	} {
		s.found(b.ctx, e, f)
	}
	report := doctor.Report{Version: "test", Readers: []string{"ACS ACR1252 Dual Reader"}, Findings: []doctor.ReportedFinding{{Check: "browser", Code: "CIE-BRW-05"}}}
	s.ended(b.ctx, e, true, report)
	visit("doctor")
	s.ended(b.ctx, s.begin(nil), false, report)
	visit("doctor: all well")
	for _, c := range []doctor.Contact{{}, {Answered: 10, Asked: 10, Typical: 23 * time.Millisecond}, {Answered: 7, Asked: 10, Typical: 2 * time.Second}} {
		s.measure()
		s.cancel()
		seen := stacked(unit)
		b.showContact(b.ctx, seen, c, nil)
		s.show(seen, nil)
		visit("contact " + c.String())
	}
	s.report(report)
	visit("report")
	s.propose(unconnected)
	visit("fix")
}
