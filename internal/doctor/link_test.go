package doctor

import (
	"errors"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/pcsc"
)

// The meter follows a card that is good, moved, lifted and laid down again. It never
// uses a code.
func TestMeter(t *testing.T) {
	c, card := withCard(t)
	before := len(card.Ledger())
	m := Meter{Holder: c.Holder}
	ask := func(times int) (now Contact) {
		t.Helper()
		for range times {
			var err error
			if now, err = m.Ask(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return now
	}
	if now := ask(looks + 3); now.Answered != looks || now.Asked != looks || now.Typical <= 0 || !now.Good() {
		t.Errorf("at rest: %+v", now)
	}
	for n := range 12 { // more often than one look asks again
		card.Fail(1+n, emulator.Fault{Kind: "drop-before"})
	}
	if now := ask(1); now.Answered != looks-1 || now.Good() {
		t.Errorf("moved: %+v", now)
	}
	card.ClearFaults()
	if now := ask(looks); !now.Good() {
		t.Errorf("at rest again: %+v", now)
	}
	card.Remove()
	if now, err := m.Ask(t.Context()); !errors.Is(err, pcsc.ErrNoCard) || now.Asked != 0 {
		t.Errorf("lifted: %+v, %v", now, err)
	}
	for _, e := range card.Ledger()[before:] {
		if e.Kind != "query" {
			t.Errorf("the meter sent %s %s", e.Kind, e.Reference)
		}
	}
}

func TestMeterWithoutCIE(t *testing.T) {
	for _, tt := range []struct {
		cards cards
		want  error
	}{
		{cards{err: pcsc.ErrNoService}, pcsc.ErrNoService},
		{cards{}, cie.ErrNoReader},
		{cards{readers: []pcsc.Reader{{Name: "SCR3310", Present: true}}}, pcsc.ErrNoCard},
		{cards{readers: []pcsc.Reader{{Name: "r", Present: true, ATR: []byte("\x3B\xFDYubiKey")}}}, cie.ErrForeign},
	} {
		m := Meter{Holder: &cie.Holder{Cards: tt.cards}}
		if now, err := m.Ask(t.Context()); !errors.Is(err, tt.want) || now.Good() {
			t.Errorf("%+v: %v, want %v", tt.cards, err, tt.want)
		}
	}
}
