package cie

import (
	"errors"
	"math/big"
	"testing"

	"github.com/softwarecie/cie/applet"
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

// A wrong PIN leaves less tries than there were, whatever the card says of it: it
// gets no last try by a counter that grows.
func TestF62GrowingCounterOfACardThatDoesNotTell(t *testing.T) {
	card := newCard(t, emulator.Options{Behaviour: &emulator.Behaviour{Tries: "none", GrowingTries: true}})
	h := newHolder(t, card)
	agreed := here
	agreed.LastTry = true
	for _, target := range []Target{here, agreed} { // the card says 1, then 2
		var wrong *applet.WrongCodeError
		if _, err := h.VerifyPIN(ctx, target, digits("00000000")); !errors.As(err, &wrong) {
			t.Fatal(err)
		}
	}
	_, err := h.VerifyPIN(ctx, here, digits("00000000"))
	if !errors.Is(err, ErrLastTry) || tries(card) != 1 {
		t.Errorf("%v, %d tries left, want ErrLastTry", err, tries(card))
	}
	_, err = h.UnblockPIN(ctx, here, digits("87654321"), digits("24681357"))
	must(t, err)
	_, err = h.VerifyPIN(ctx, here, digits("24681357"))
	must(t, err)
}
