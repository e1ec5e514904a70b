package gui

import (
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/i18n"
)

// fill types codes, each ended by Enter.
func (b *bench) fill(codes ...string) {
	b.test.Helper()
	for _, code := range codes {
		b.typed(code)
		b.key("Return")
	}
}

func TestChange(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	b.Go(newChange)
	b.fill("5678", "20304051", "20304051") // four digits do on a paired card
	b.sees("cli.pin-changed")
	b.sees("note.pair-again")
	b.ledger("verify 9000", "verify 9000", "change 9000")
	if pin, _, _, _ := b.demo.Cards[0].Codes(); pin != "20304051" {
		t.Errorf("PIN of the card %s", pin)
	}
	b.tap("win.done")
	b.Go(newVerify)
	b.fill("4051") // the stored half is the new one
	b.sees("cli.pin-right")
}

// Weak PINs and two that differ are refused before anything is sent.
func TestChangeRefusesWeakPINs(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newChange)
	b.fill("12345678")
	for _, tt := range []struct{ next, again, message string }{
		{"11111111", "11111111", "error.new-pin-equal.what"},
		{"23456789", "23456789", "error.new-pin-run.what"},
		{"12345678", "12345678", "error.new-pin-run.what"},
		{"20304051", "20304052", "error.new-pin-repeat.what"},
	} {
		b.fill(tt.next, tt.again)
		b.sees(tt.message)
		b.sees("tries.unchanged")
	}
	b.ledger()
	b.fill("20304051", "20304051")
	b.sees("cli.pin-changed")
}

func TestChangeWithAWrongPIN(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newChange)
	b.fill("00000000", "20304051", "20304051")
	b.sees("error.pin-wrong.what")
	b.sees("tries.left", "n", 2)
	b.ledger("verify 63C2")
	b.tap("win.retry")
	b.sees("win.change.text")
}

// A link that breaks while the PIN is changed is told as what it is.
func TestChangeBreaks(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	at := b.atChange()
	b.Go(newChange)
	b.demo.Cards[0].Fail(at, emulator.Fault{Kind: "drop-after"})
	b.fill("2468", "20304051", "20304051")
	b.sees("error.pin-uncertain.what")
	b.sees("tries.uncertain")
}

// atChange is which command of a change is CHANGE REFERENCE DATA itself: the last.
func (b *bench) atChange() int {
	b.test.Helper()
	before := b.demo.Cards[0].Stats().APDUs
	b.Go(newChange)
	b.fill("5678", "13572468", "13572468")
	b.sees("cli.pin-changed")
	return b.demo.Cards[0].Stats().APDUs - before - 1
}

// The last try is spent only after a word was typed.
func TestLastTry(t *testing.T) {
	b := newBench(t, i18n.Italian)
	for range 2 {
		b.Go(newVerify)
		b.fill("00000000")
		b.sees("error.pin-wrong.what")
	}
	b.Go(newVerify)
	b.fill("00000000")
	b.sees("win.last.pin")
	b.ledger("verify 63C2", "verify 63C1")
	b.cannot("win.go-on")
	b.typed("primo")
	b.cannot("win.go-on")
	b.tap("win.cancel")
	b.sees("win.verify.text")
	b.ledger("verify 63C2", "verify 63C1")
	b.fill("00000000")
	b.sees("win.last.pin")
	b.typed(b.t("word.last"))
	b.tap("win.go-on")
	b.sees("error.pin-blocked.what")

	b.tap("win.unblock") // the error leads there
	b.sees("note.puk-limit")
	b.fill("87654321", "20304051", "20304051")
	b.sees("win.unblock.done")
	if _, _, tries, pukTries := b.demo.Cards[0].Codes(); tries != 3 || pukTries != 10 {
		t.Errorf("tries %d, %d, want 3, 10", tries, pukTries)
	}
}

func TestUnblockWithAWrongPUK(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newUnblock)
	b.typed("8765")
	b.cannot("win.go-on")
	b.fill("0000", "20304051", "20304051")
	b.sees("error.puk-wrong.what")
	b.sees("tries.puk-left", "n", 9)
}

// With two tries of the PUK left a word is asked for, with the last another one.
func TestFewPUKTries(t *testing.T) {
	b := newBench(t, i18n.Italian)
	if err := b.demo.Cards[0].Set([]byte(`{"puk-tries": 2}`)); err != nil {
		t.Fatal(err)
	}
	b.Go(newUnblock)
	b.fill("00000000", "20304051", "20304051")
	b.sees("win.few.puk", "n", 2)
	b.typed(b.t("word.yes"))
	b.key("Return")
	b.sees("error.puk-wrong.what")
	b.tap("win.retry")
	b.fill("00000000", "20304051", "20304051")
	b.sees("win.last.puk")
	b.tap("win.cancel")
	if _, _, _, left := b.demo.Cards[0].Codes(); left != 1 {
		t.Errorf("PUK tries %d, want 1", left)
	}
}

func TestTries(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Open("win.pin")
	b.tap("win.tries")
	b.sees("pin.tries", "n", 3)
	b.sees("puk.tries", "n", 10)
	for _, e := range b.demo.Cards[0].Ledger() {
		if e.Kind != "query" {
			t.Errorf("a try was spent: %+v", e)
		}
	}
}
