package gui

import (
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
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
