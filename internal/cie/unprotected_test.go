package cie

import (
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
)

// TestU5UnprotectedRefusals: a card that refuses outside secure messaging, and so
// ends the channel at the question for the tries, is used all the same.
func TestU5UnprotectedRefusals(t *testing.T) {
	for _, readable := range []string{"both", "object", "verify", "none"} {
		t.Run(readable, func(t *testing.T) {
			t.Parallel()
			card := newCard(t, emulator.Options{Behaviour: &emulator.Behaviour{PlainErrors: true, Tries: readable}})
			h := newHolder(t, card)
			h.Linger = time.Minute // the count does not depend on how busy the computer is
			_, err := h.VerifyPIN(ctx, here, digits("12345678"))
			must(t, err)
			_, err = h.Pair(ctx, here, digits("12345678"))
			must(t, err)
			l, err := h.Login(ctx, here, digits("5678"))
			must(t, err)
			checkSignature(t, l, "one")
			l.Close()
			if _, err := h.Tries(ctx, here); err != nil {
				t.Errorf("tries: %v", err)
			}
			_, err = h.UnblockPIN(ctx, here, digits("87654321"), digits("13572468"))
			must(t, err)
			if n := verifies(card); n != 5 {
				t.Errorf("%d codes sent, want 5", n)
			}
		})
	}
}

// TestU3U5ServicesKeyRefused: a card that will not make the key for what is kept, and
// says so unprotected, is paired without.
func TestU3U5ServicesKeyRefused(t *testing.T) {
	card := newCard(t, emulator.Options{Behaviour: &emulator.Behaviour{PlainErrors: true, ShortServices: true}})
	h := newHolder(t, card)
	r, err := h.Pair(ctx, here, digits("12345678"))
	must(t, err)
	if r.HasHalf() {
		t.Error("a half is kept")
	}
	must(t, h.Unpair(r.PAN))
	meant := Target{Reader: slot, PAN: r.PAN, Pair: true}
	l, err := h.Login(ctx, meant, digits("12345678"))
	must(t, err)
	defer l.Close()
	checkSignature(t, l, "one")
	if r, err = h.Pairings.Get(r.PAN); err != nil || r.HasHalf() {
		t.Errorf("paired at login: %v, a half: %v", err, r.HasHalf())
	}
}
