//go:build !windows && cgo

package pcsc

import (
	"fmt"
	"time"

	"github.com/ebfe/scard"
)

// getStatusChange passes each name with a tail that C does not see, behind a NUL.
// The binding keeps the buffers of the names from the garbage collector in a map by name:
// without the tail a second wait on the same name, or the same name twice, would let
// go of the buffer that the first is still reading. The tail is the context's address,
// used again only when this context is gone, so the map does not grow without limit.
func (c *realContext) getStatusChange(states []state, timeout time.Duration) error {
	wire := make([]scard.ReaderState, len(states))
	for i, s := range states {
		wire[i].Reader = fmt.Sprintf("%s\x00%p %d", s.name, c, i)
		wire[i].CurrentState = scard.StateFlag(s.known)
	}
	if err := c.context.GetStatusChange(wire, timeout); err != nil {
		return err
	}
	for i := range wire {
		states[i].event, states[i].atr = uint32(wire[i].EventState), wire[i].Atr
	}
	return nil
}
