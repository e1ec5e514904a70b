package cie

import (
	"slices"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
)

func TestSlotsAreListedByName(t *testing.T) {
	one := newCard(t, emulator.Options{})
	cards := InSlots(map[string]Software{"d": nil, "b": one, "e": one, "a": nil, "c": one})
	readers, err := cards.Readers(ctx)
	must(t, err)
	var names, laid []string
	for _, r := range readers {
		names = append(names, r.Name)
		if r.Present {
			laid = append(laid, r.Name)
		}
	}
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(names, want) {
		t.Errorf("Readers = %q, want %q", names, want)
	}
	if want := []string{"b", "c", "e"}; !slices.Equal(laid, want) {
		t.Errorf("with a card: %q, want %q", laid, want)
	}
}
