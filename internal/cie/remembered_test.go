package cie

import (
	"math/big"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/pairing"
)

// TestRememberedGeneratorIsNotTheCards: keys of another generator are no keys, which a
// card shows by 6988 to the first protected command. Its parameters are read anew.
func TestRememberedGeneratorIsNotTheCards(t *testing.T) {
	card := newCard(t, emulator.Options{})
	h := newHolder(t, card)
	paired, err := h.Pair(ctx, here, digits("12345678"))
	must(t, err)
	otherGenerator := func(r *pairing.Record) error {
		g, p := new(big.Int).SetBytes(r.Parameters.G), new(big.Int).SetBytes(r.Parameters.P)
		r.Parameters.G = g.Mul(g, g).Mod(g, p).Bytes()
		return nil
	}
	must(t, h.Pairings.Update(paired.PAN, otherGenerator))
	if _, err := h.VerifyPIN(ctx, here, digits("5678")); err != nil {
		t.Errorf("the paired card: %v", err)
	}
	other := newCard(t, emulator.Options{Seed: "other"})
	h.Cards = InSlots(map[string]Software{slot: other})
	must(t, h.Pairings.Update(paired.PAN, otherGenerator))
	if _, err := h.VerifyPIN(ctx, here, digits("12345678")); err != nil {
		t.Errorf("another card: %v", err)
	}
}
