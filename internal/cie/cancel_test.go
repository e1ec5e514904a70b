package cie

import (
	"context"
	"errors"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
)

// A canceller cancels at one command, before it is answered.
type canceller struct {
	*emulator.Card
	in     int
	cancel func()
}

func (c *canceller) Transmit(command []byte) ([]byte, error) {
	if c.in == 0 {
		c.cancel()
	}
	c.in--
	return c.Card.Transmit(command)
}

// TestF76Cancel cancels each operation at each command: it ends, and never in the
// middle of a change of the PIN.
func TestF76Cancel(t *testing.T) {
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			for index := range b.length(o) {
				b.reset(o)
				cancelled, cancel := context.WithCancel(ctx)
				b.holder.Cards = InSlots(map[string]Software{slot: &canceller{b.card, index, cancel}})
				err := o.run(cancelled, b.holder)
				pin, _, tries, pukTries := b.card.Codes()
				switch pending, _ := b.holder.Pairings.Pending(); {
				case err == nil && pin != o.after, err != nil && pin != oldPIN:
					t.Errorf("at %d: %v, but the PIN says otherwise", index, err)
				case err != nil && !errors.Is(err, context.Canceled):
					t.Errorf("at %d: %v", index, err)
				case tries != 3 || pukTries != 10 || len(pending) > 0:
					t.Errorf("at %d: %d and %d tries, %d pending", index, tries, pukTries, len(pending))
				}
			}
		})
	}
}
