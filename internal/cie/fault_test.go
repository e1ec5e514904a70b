package cie

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/pairing"
)

// An operation of the fault matrix, and what it may do to the codes.
type operation struct {
	name    string
	run     func(context.Context, *Holder) error
	allowed map[string]int // entries of the ledger, by kind and reference
	after   string         // PIN in force when it succeeded
}

const (
	oldPIN = "12345678"
	newPIN = "20406080"
)

var operations = []operation{
	{"pair", func(ctx context.Context, h *Holder) error { _, err := h.Pair(ctx, here, digits(oldPIN)); return err }, map[string]int{"verify PIN": 1}, oldPIN},
	{"login", func(ctx context.Context, h *Holder) error {
		_, err := h.VerifyPIN(ctx, here, digits("5678"))
		return err
	}, map[string]int{"verify PIN": 1}, oldPIN},
	{"sign", func(ctx context.Context, h *Holder) error {
		l, err := h.Login(ctx, here, digits("5678"))
		if err != nil {
			return err
		}
		defer l.Close()
		info := append([]byte{0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, make([]byte, 32)...)
		_, err = l.Sign(ctx, info)
		return err
	}, map[string]int{"verify PIN": 2}, oldPIN}, // a second one only with the PIN that was right, see below
	{"change", func(ctx context.Context, h *Holder) error {
		_, err := h.ChangePIN(ctx, here, digits("5678"), digits(newPIN))
		return err
	}, map[string]int{"verify PIN": 1, "change PIN": 1}, newPIN},
	{"unblock", func(ctx context.Context, h *Holder) error {
		_, err := h.UnblockPIN(ctx, here, digits("87654321"), digits(newPIN))
		return err
	}, map[string]int{"verify PUK": 1, "reset PIN": 1}, newPIN},
}

// faultKinds are those that strike at one command.
var faultKinds = []string{
	"drop-before", "drop-after", "empty", "truncate", "wrong-mac", "flip", "plain", "skip", "replay", "endless", "ping-pong",
	"oversize", "reset", "stall", "answer", "execute",
}

// fault makes one of a kind.
func fault(kind string, index int) emulator.Fault {
	f := emulator.Fault{Kind: kind}
	switch kind {
	case "flip":
		f.Bit = index*37 + 3
	case "plain", "execute":
		f.Answer = []byte{0x63, 0xC1} // nobody's word for a wrong code
	case "answer":
		f.Answer = []byte{0x69, 0x83} // nor for a blocked one
	}
	return f
}

// A bench is a card and a person to run cells on, one after the other.
type bench struct {
	t      *testing.T
	card   *emulator.Card
	holder *Holder
	paired pairing.Record
	broken int // rules, in all cells
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, card: newCard(t, emulator.Options{})}
	b.holder = newHolder(t, b.card)
	b.patience(10 * time.Second)
	b.holder.comeBack = time.Millisecond
	b.holder.Linger = 5 * time.Millisecond
	var err error
	b.paired, err = b.holder.Pair(ctx, here, digits(oldPIN))
	must(t, err)
	return b
}

// patience sets how long a command may take.
func (b *bench) patience(d time.Duration) {
	b.holder.Cards = slots{map[string]Software{slot: b.card}, d}
}

// reset brings card and store to where a cell begins.
func (b *bench) reset(o operation) {
	b.card.ClearFaults()
	must(b.t, b.card.PowerOn())
	must(b.t, b.card.Set([]byte(`{"pin":"`+oldPIN+`","tries":3,"puk-tries":10}`)))
	must(b.t, b.holder.Pairings.Put(b.paired))
	must(b.t, b.holder.Pairings.EndChange(b.paired.PAN))
	if o.name == "pair" {
		must(b.t, b.holder.Pairings.Delete(b.paired.PAN))
	}
}

// length counts the commands of an operation that nothing disturbs.
func (b *bench) length(o operation) int {
	b.reset(o)
	return apdus(b.card, func() { must(b.t, o.run(ctx, b.holder)) })
}

// cell strikes an operation at one command and checks the rules N1 to N7.
func (b *bench) cell(o operation, index int, kind string) {
	b.reset(o)
	ledger := len(b.card.Ledger())
	b.card.Fail(index, fault(kind, index))
	if kind == "stall" { // the wait is all that such a cell takes
		b.patience(400 * time.Millisecond)
	}
	const limit = 20 * time.Second // N1
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := o.run(bounded, b.holder)
	fail := func(rule, format string, args ...any) {
		b.t.Helper()
		b.broken++
		b.t.Errorf("%s, %s at %d: %s: %s (error: %v)", o.name, kind, index, rule, fmt.Sprintf(format, args...), err)
	}
	if bounded.Err() != nil {
		fail("N1", "not ended after %v", limit)
	}
	b.card.ClearFaults()
	b.patience(10 * time.Second)
	b.checkLedger(o, ledger, fail)
	b.checkOutcome(o, err, fail)
	if err != nil { // N4, N7
		m := i18n.Load(i18n.Italian).Explain(err)
		if m.Key == "internal" {
			fail("N4", "no message for it")
		}
		for _, secret := range []string{oldPIN, newPIN, "5678", "87654321"} {
			if strings.Contains(err.Error(), secret) {
				fail("N7", "a code in the error")
			}
		}
	}
	if b.card.State().Verified { // N5
		fail("N5", "the card was left with the PIN proved")
	}
	pin, _, _, _ := b.card.Codes() // N6
	must(b.t, b.card.PowerOn())
	if _, err := b.holder.VerifyPIN(ctx, here, digits(pin)); err != nil {
		fail("N6", "next attempt: %v", err)
	}
}

// checkLedger counts what was sent for the one code somebody typed: N2.
func (b *bench) checkLedger(o operation, from int, fail func(string, string, ...any)) {
	seen, right := map[string]int{}, false
	for _, e := range b.card.Ledger()[from:] {
		if e.Kind == "query" {
			continue
		}
		key := e.Kind + " " + e.Reference
		seen[key]++
		if seen[key] > o.allowed[key] || seen[key] == 2 && !right {
			fail("N2", "%d × %s", seen[key], key)
		}
		right = e.SW == "9000"
		if e.Tries < 2 {
			fail("N2", "%d tries left", e.Tries)
		}
	}
}

// checkOutcome compares what was said with what is: the PIN in force, the store.
func (b *bench) checkOutcome(o operation, err error, fail func(string, string, ...any)) {
	pin, _, tries, pukTries := b.card.Codes()
	var uncertain *UncertainError
	switch {
	case err == nil && pin != o.after:
		fail("N4", "said to be done, but the PIN is another")
	case err != nil && !errors.As(err, &uncertain) && pin != oldPIN:
		fail("N4", "said to have failed, but the PIN was changed")
	case tries != 3 || pukTries != 10:
		fail("N2", "%d and %d tries left although every code was right", tries, pukTries)
	}
	records, listErr := b.holder.Pairings.List()
	pending, pendingErr := b.holder.Pairings.Pending()
	if listErr != nil || pendingErr != nil || len(records) > 1 {
		fail("N3", "store: %v, %v", listErr, pendingErr)
	}
	if len(pending) > 0 && !errors.As(err, &uncertain) {
		fail("N3", "the journal says uncertain, nobody else does")
	}
	if err == nil && o.name == "pair" && len(records) != 1 {
		fail("N3", "paired, but not written down")
	}
}

// TestFaultMatrix strikes pair, login, sign, change and unblock at each command,
// with a few kinds of fault at each, all of them in turn.
func TestFaultMatrix(t *testing.T) { faultMatrix(t, 3) }

// faultMatrix strikes at each command with that many kinds of fault.
func faultMatrix(t *testing.T, kinds int) {
	before := runtime.NumGoroutine()
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			n, cells := b.length(o), 0
			for index := range n {
				for k, kind := range faultKinds {
					if (index+k)%len(faultKinds) < kinds {
						b.cell(o, index, kind)
						cells++
					}
				}
			}
			t.Logf("%d commands, %d cells of %d, %d violations of N1 to N7", n, cells, n*len(faultKinds), b.broken)
		})
	}
	t.Cleanup(func() { // after the parallel ones
		for range 100 { // stalled ones were let go
			if runtime.NumGoroutine() <= before+2 {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
	})
}
