package gui

import (
	"strings"
	"testing"

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
