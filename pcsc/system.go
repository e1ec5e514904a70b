package pcsc

import "time"

// system is PC/SC as this package uses it, so that tests can stand in for it. Every
// method of the three interfaces may block for ever; errors are of type *Error.
type system interface {
	Establish() (resources, error)
}

// resources is one PC/SC context. Only Cancel may be called while another call runs.
type resources interface {
	Readers() ([]string, error)
	Wait(states []state, timeout time.Duration) error // until one differs from what is known; a time-out is no error
	Cancel() error                                    // ends a Wait
	Connect(reader string) (connection, error)        // shared, T=0 or T=1
	Release() error
}

// connection is one connected card.
type connection interface {
	Reconnect() error
	Begin() error
	Transmit(command []byte) ([]byte, error)
	ATR() ([]byte, error)
	End(reset bool) error
	Disconnect(reset bool) error
}

// A state is a reader as it is known and as it is.
type state struct {
	name  string
	known uint32
	event uint32
	atr   []byte
}

// Flags of a reader's state (PC/SC part 5).
const (
	flagChanged   = 0x0002
	flagUnknown   = 0x0004
	flagPresent   = 0x0020
	flagExclusive = 0x0080
	flagInUse     = 0x0100
	flagMute      = 0x0200
	flagMask      = 0xFFFF // above it is a counter of insertions and removals
)

// plugAndPlay is the name of no reader: its state changes when readers come and go.
// Windows and pcsc-lite have it, macOS does not.
const plugAndPlay = `\\?PnP?\Notification`
