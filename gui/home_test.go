package gui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/pcsc"
)

func TestHomeFollowsTheReaders(t *testing.T) {
	b := newBench(t, i18n.Italian)
	if !strings.Contains(b.seen(), b.t("win.welcome")) {
		t.Errorf("nothing paired: seen\n%s", b.seen())
	}
	b.demo.Cards[0].Remove()
	b.urge()
	b.until("the card is lifted", func() bool { return strings.Contains(b.seen(), b.t("win.strip.lay")) })
	b.demo.Cards[0].Insert()
	b.urge()
	b.until("the card is laid down", func() bool { return strings.Contains(b.seen(), b.t("win.strip.unpaired")) })
}

// contacts is a reader into which cards are put, with one in it.
func contacts() []cie.Status {
	return []cie.Status{{Reader: pcsc.Reader{Name: "Gemalto PC Twin Reader 00 00", Present: true}}}
}

// A reader for contacts is called what it is, and does not count as one; one without
// contact beside it does.
func TestContactOnlyReader(t *testing.T) {
	b := newBench(t, i18n.Italian)
	seen := b.state
	b.state = state{known: true, readers: contacts()}
	b.tell()
	b.seesNow("error.contact-only.what")
	b.seesNow("error.contact-only.next")
	if strings.Contains(b.seen(), b.t("error.not-cie.what")) {
		t.Errorf("the card in it is called foreign:\n%s", b.seen())
	}
	b.state = state{known: true, readers: append(contacts(), seen.readers...)}
	b.tell()
	b.seesNow("win.first.pair.text")
	if strings.Contains(b.seen(), b.t("error.contact-only.what")) {
		t.Errorf("with another reader:\n%s", b.seen())
	}
}

// Home says how the browsers stand. Where none is connected, that is the next thing to
// do; what has the focus keeps it.
func TestHomeShowsTheBrowsers(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	b.Open(home)
	b.sees("win.browsers.connect")
	for _, want := range []string{"Firefox ESR: non collegato", "Chromium: non collegato"} {
		if !strings.Contains(b.seen(), want) {
			t.Errorf("no %q in\n%s", want, b.seen())
		}
	}
	if b.weightOf("win.browsers.connect") != primary {
		t.Error("nothing is connected, and that is not the next thing to do")
	}
	b.win.Canvas().Focus(b.buttonOf("win.change"))
	b.tell()
	if b.win.Canvas().Focused() != b.buttonOf("win.change") {
		t.Error("the focus is lost")
	}
	r, err := b.demo.Browsers()
	if err != nil {
		t.Fatal(err)
	}
	firefox := slices.DeleteFunc(r.Places(), func(p browser.Place) bool { return p.ID != benchFirefox })
	if _, err := r.Change(firefox, browser.Registrar.PlanAdd); err != nil {
		t.Fatal(err)
	}
	b.Open(home)
	b.until("Firefox is connected", func() bool { return strings.Contains(b.seen(), "Firefox ESR: collegato") })
	if b.weightOf("win.browsers.connect") == primary {
		t.Error("a browser is connected, and the others are the next thing to do")
	}
}

// What was changed on their own screen is so at home at once.
func TestHomeKnowsWhatWasChanged(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	b.Open("win.browsers")
	b.sees("win.browsers.all")
	b.tap("win.browsers.all")
	b.sees("win.browsers.changed", "n", 2)
	b.Open(home)
	if seen := b.seen(); !strings.Contains(seen, "Chromium: collegato") {
		t.Errorf("seen\n%s", seen)
	}
}

// Of several profiles the one counts that does not know the card; lists that are no
// browser's do not.
func TestStandings(t *testing.T) {
	got := standings([]browser.Place{
		{Product: "Firefox", State: browser.Registered},
		{Product: "Firefox", State: browser.Absent},
		{Product: "Chromium", State: browser.Broken},
		{Product: "Chromium", State: browser.Registered},
		{Product: "GnuTLS", Kind: browser.P11Kit},
		{Product: "Edge", System: true},
	})
	if want := []standing{{"Firefox", browser.Absent}, {"Chromium", browser.Broken}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// With the keyboard, what is on the screen comes before the ways to others.
func TestScreenComesFirst(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Open("win.pin")
	b.win.Canvas().FocusNext()
	if b.win.Canvas().Focused() != b.buttonOf("win.change") {
		t.Errorf("first is %v", b.win.Canvas().Focused())
	}
}

// What is told is what was seen at that look, not what a later one has seen since.
func TestEachLookIsToldAsItWas(t *testing.T) {
	b := newBench(t, i18n.English)
	card := b.demo.Cards[0]
	for len(b.queue) > 0 {
		(<-b.queue)()
	}
	looks := func(queued int) {
		b.urge()
		for start := time.Now(); len(b.queue) < queued; time.Sleep(time.Millisecond) {
			if time.Since(start) > time.Minute {
				t.Fatalf("%d of %d queued", len(b.queue), queued)
			}
		}
	}
	card.Remove()
	looks(1)
	card.Insert()
	looks(3) // with a step of the work with the card
	(<-b.queue)()
	if _, there := b.state.card(); there {
		t.Error("the look before the card was laid down shows it")
	}
	b.until("the card is there", func() bool { _, there := b.state.card(); return there })
}
