package gui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
)

// atCounter begins counter mode with the first card on the reader.
func (b *bench) atCounter() {
	b.test.Helper()
	b.Serve(true)
	b.sees("win.counter.card")
}

// lift takes the first card away, lay lays it down.
func (b *bench) lift() { b.demo.Cards[0].Remove(); b.urge() }
func (b *bench) lay()  { b.demo.Cards[0].Insert(); b.urge() }

func TestCounter(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.atCounter()
	b.tap("win.verify")
	b.typed("12345678")
	b.tap("win.verify.go")
	b.sees("cli.pin-right")
	b.tap("win.done")
	b.sees("win.counter.card")
	if seen := b.seen(); !strings.Contains(seen, " · "+b.t("win.verify")+" · ✓") {
		t.Errorf("no line for the operation in\n%s", seen)
	}
	b.ledger("verify 9000")
	if records, err := b.deps.Holder.Paired(); err != nil || len(records) != 0 {
		t.Errorf("remembered: %v, %v", records, err)
	}
}

// The folder of pairings stays empty, whatever is done.
func TestCounterWritesNothing(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.atCounter()
	b.tap("win.check")
	b.tap("win.check")
	b.sees("genuine.test")
	b.Open(home)
	b.tap("win.change")
	b.typed("12345678")
	b.key("Return")
	b.typed("20304050")
	b.key("Return")
	b.typed("20304050")
	b.key("Return")
	b.sees("cli.pin-changed")
	b.ledger("verify 9000", "change 9000")
	files, err := filepath.Glob(filepath.Join(b.deps.Holder.Pairings.Folder(), "*"))
	if err != nil && !os.IsNotExist(err) || len(files) > 0 {
		t.Errorf("written: %q, %v", files, err)
	}
}

// What was seen of a card goes with it; the line stays, and tells no name.
func TestCounterForgetsTheCard(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.atCounter()
	b.tap("win.verify")
	b.typed("1234")
	b.lift()
	b.sees("win.counter.next")
	b.lay()
	b.sees("win.counter.card")
	b.tap("win.verify")
	b.typed("30303031")
	b.tap("win.verify.go")
	b.sees("error.pin-wrong.what")
	b.lift()
	b.sees("win.counter.next")
	holder := b.demo.Cards[0].Holder()
	seen := b.seen()
	if !strings.Contains(seen, b.t("error.pin-wrong.what")) || strings.Contains(seen, holder.Surname) {
		t.Errorf("want a line without a name in\n%s", seen)
	}
}

// Codes typed before the card was laid down are no reason to leave the screen.
func TestCounterCodeFirst(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.atCounter()
	b.lift()
	b.sees("win.counter.next")
	b.Go(newVerify)
	b.typed("12345678")
	b.tap("win.verify.go")
	b.sees("win.lay")
	b.lay()
	b.sees("cli.pin-right")
	b.ledger("verify 9000")
}

// A card that was paired is put aside with the others, and is there again.
func TestCounterKeepsWhatIsPaired(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	holder := b.demo.Cards[0].Holder()
	name := holder.Name + " " + holder.Surname
	b.atCounter()
	if strings.Contains(b.seen(), holder.Name) {
		t.Errorf("whose card it is is seen in\n%s", b.seen())
	}
	b.tap("win.counter.end")
	b.until("the paired card is there again", func() bool { return strings.Contains(b.seen(), name) })
}

func TestCounterWithoutReader(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Serve(true)
	b.state = state{known: true}
	b.tell()
	b.sees("error.no-reader.what")
	b.sees("win.counter.none")
}
