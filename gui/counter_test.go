package gui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
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

// Another card laid down between two looks is another person's.
func TestCounterForgetsACardThatWasSwapped(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.atCounter()
	b.tap("win.verify")
	b.typed("1234")
	b.demo.Cards[0].Remove()
	b.demo.Cards[1].Insert()
	b.urge()
	b.sees("win.counter.card")
}

// A card that is lifted in the middle takes the code with it: it is not waited for.
func TestCounterDoesNotWaitForALiftedCard(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.atCounter()
	b.tap("win.verify")
	b.demo.Cards[0].Remove() // not yet noticed
	b.typed("12345678")
	b.tap("win.verify.go")
	b.sees("win.counter.next")
	b.demo.Cards[1].Insert()
	b.urge()
	b.sees("win.counter.card")
	b.ledger()
	if got := b.demo.Cards[1].Ledger(); len(got) != 0 {
		t.Errorf("the next card was asked: %v", got)
	}
	if seen := b.seen(); !strings.Contains(seen, " · "+b.t("win.verify")+" · "+b.t("error.no-card.what")) {
		t.Errorf("no line for the operation in\n%s", seen)
	}
}

// The details of a card are read with the whole PIN, and go with it: from the screen,
// and from the clipboard.
func TestCounterDetails(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.atCounter()
	b.tap("win.details.go")
	b.typed("1234")
	b.cannot("win.counter.read.go") // none is kept that the half could be of
	b.typed("5678")
	b.tap("win.counter.read.go")
	b.sees("genuine.test")
	b.seesNow("win.counter.checked", "date", b.date(time.Now()))
	b.ledger("verify 9000")
	holder := b.demo.Cards[0].Holder()
	if seen := b.seen(); !strings.Contains(seen, holder.Surname) || strings.Contains(seen, b.t("win.details.files.text")) {
		t.Errorf("want the holder's name and no files in\n%s", seen)
	}
	b.tap("win.details.tax-code")
	b.tap("win.details.copy-tax-code")
	if b.app.Clipboard().Content() == "" {
		t.Fatal("nothing was copied")
	}
	b.lift()
	b.sees("win.counter.next")
	if got := b.app.Clipboard().Content(); got != "" {
		t.Errorf("%q stays on the clipboard", got)
	}
	if seen := b.seen(); strings.Contains(seen, holder.Surname) || !strings.Contains(seen, " · "+b.t("win.counter.read")+" · ✓") {
		t.Errorf("want a line without a name in\n%s", seen)
	}
	files, err := filepath.Glob(filepath.Join(b.deps.Holder.Pairings.Folder(), "*"))
	if err != nil || len(files) > 0 {
		t.Errorf("written: %q, %v", files, err)
	}
	b.lay()
	b.sees("win.counter.card")
	b.Back()
	b.sees("win.counter.card") // there is no way back to the details
}

// A wrong PIN is said with the tries, and the work can be given up before it counts.
func TestCounterDetailsWrongOrCancelled(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.atCounter()
	b.tap("win.details.go")
	b.typed("00000000")
	b.tap("win.counter.read.go")
	b.sees("error.pin-wrong.what")
	b.sees("tries.left", "n", 2)
	b.tap("win.retry")
	b.demo.Cards[0].Fail(3, emulator.Fault{Kind: "stall"})
	b.typed("12345678")
	b.tap("win.counter.read.go")
	b.sees("step.genuine") // busy
	b.key("Escape")
	b.sees("error.cancelled.what")
	b.ledger("verify 63C2")
}
