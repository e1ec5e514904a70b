package gui

import (
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/i18n"
)

func TestPair(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.tap("win.pair.go") // on the way to the first card
	b.fill("12345678")
	b.sees("win.pair.done.half")
	b.until("the pairing is seen", func() bool { return len(b.state.paired) == 1 })
	b.tap("win.done")
	b.sees("win.ready")
	if r := b.state.paired[0]; !r.HasHalf() || r.Tries != 3 {
		t.Errorf("stored: half %v, tries %d; want the half, 3", r.HasHalf(), r.Tries)
	}
	b.ledger("verify 9000")
}

// A code that is not whole cannot be sent.
func TestPairWantsAllDigits(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newPair)
	b.typed("5678")
	b.cannot("win.pair.go")
	b.typed("x")
	b.sees("win.code.only-digits")
	b.key("Return")
	b.ledger()
}

// Without a home nothing can be remembered, and no try is spent for that.
func TestPairWithoutHome(t *testing.T) { // F45
	b := newBench(t, i18n.Italian)
	b.deps.Holder.Pairings = nil
	b.Go(newPair)
	b.typed("12345678")
	b.key("Return")
	b.sees("error.no-home.what")
	b.ledger()
}

func TestPairWithAWrongPIN(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newPair)
	b.typed("00000000")
	b.key("Return")
	b.sees("error.pin-wrong.what")
	b.sees("tries.left", "n", 2)
	b.tap("win.retry")
	b.sees("win.pair")
	b.ledger("verify 63C2")
	if len(b.state.paired) != 0 {
		t.Error("paired all the same")
	}
}

// While the card is at work the steps are seen, and the work can be given up.
func TestPairIsCancelled(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newPair)
	b.demo.Cards[0].Fail(3, emulator.Fault{Kind: "stall"})
	b.typed("12345678")
	b.tap("win.pair.go")
	b.sees("step.genuine")
	b.key("Escape")
	b.sees("error.cancelled.what")
	b.ledger()
	b.demo.Cards[0].ClearFaults()
	b.tap("win.retry")
	b.typed("12345678")
	b.key("Return")
	b.sees("win.pair.done.half")
}

// A card that is lifted is waited for; when it is back the work goes on by itself,
// as no code had left.
func TestPairWaitsForTheCard(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newPair)
	b.demo.Cards[0].Remove()
	b.urge()
	b.typed("12345678")
	b.key("Return")
	b.sees("win.lay")
	b.ledger()
	b.demo.Cards[0].Insert()
	b.urge()
	b.sees("win.pair.done.half")
	b.ledger("verify 9000")
}

// A code typed for one card is not given to another that is laid down instead.
func TestPairWaitsForTheSameCard(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newPair)
	b.demo.Cards[0].Remove() // not yet noticed
	b.typed("12345678")
	b.key("Return")
	b.sees("win.lay")
	b.demo.Cards[1].Insert()
	b.urge()
	b.until("the other card is seen", func() bool { return len(b.state.readers) == 2 && b.state.readers[1].CIE })
	b.seesNow("win.lay")
	b.demo.Cards[1].Remove()
	b.demo.Cards[0].Insert()
	b.urge()
	b.sees("win.pair.done.half")
	b.ledger("verify 9000")
	if got := b.demo.Cards[1].Ledger(); len(got) != 0 {
		t.Errorf("the other card was asked: %v", got)
	}
}

// Leaving the screen ends the work and shows nothing of it.
func TestPairIsLeft(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newPair)
	b.demo.Cards[0].Fail(3, emulator.Fault{Kind: "delay", Delay: 200 * time.Millisecond})
	b.typed("12345678")
	b.tap("win.pair.go")
	b.Open("win.pin")
	b.until("the work has ended", func() bool { return b.running == nil })
	b.sees("win.pin.change.text")
}

// With two cards one is chosen.
func TestPairOneOfTwo(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.demo.Cards[1].Insert()
	b.urge()
	b.until("two cards", func() bool { return len(b.state.readers) == 2 && b.state.readers[0].CIE && b.state.readers[1].CIE })
	b.Go(newPair)
	b.typed("12345678")
	b.key("Return")
	b.sees("win.which-card")
	b.press(func(x *button) bool { return x.text == b.t("win.strip.unpaired")+" · Reader 2" })
	b.sees("win.pair.done.half")
	if len(b.demo.Cards[0].Ledger()) != 0 || len(b.demo.Cards[1].Ledger()) != 1 {
		t.Errorf("ledgers %v, %v", b.demo.Cards[0].Ledger(), b.demo.Cards[1].Ledger())
	}
}

func TestUnpair(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	b.tap("win.done")
	b.tap("win.unpair.go")
	b.sees("win.unpair.text")
	b.tap("win.cancel")
	b.sees("win.ready")
	b.tap("win.unpair.go")
	b.tap("win.unpair.go")
	b.sees("win.unpair.done")
	b.until("it is forgotten", func() bool { return len(b.state.paired) == 0 })
	b.tap("win.done")
	b.sees("win.welcome.text")
}
