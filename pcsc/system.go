package pcsc

import (
	"errors"
	"time"

	"github.com/ebfe/scard"
)

// system is PC/SC as this package uses it, so that tests can stand in for it.
type system interface {
	Establish() (resources, error)
}

// resources is one PC/SC context.
type resources interface {
	Readers() ([]string, error)
	Wait(states []state, timeout time.Duration) error // until one differs from what is known; negative: without limit
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
	flagUnknown   = 0x0004
	flagPresent   = 0x0020
	flagExclusive = 0x0080
	flagInUse     = 0x0100
	flagMute      = 0x0200
	flagMask      = 0xFFFF // above it is a counter of events
)

// plugAndPlay is the name of no reader: its state changes when readers come and go.
const plugAndPlay = `\\?PnP?\Notification`

// realSystem is PC/SC.
type realSystem struct{}

type realContext struct{ *scard.Context }

type realCard struct{ *scard.Card }

// wrap makes an Error of the binding's.
func wrap(op string, err error) error {
	var code scard.Error
	if errors.As(err, &code) {
		return &Error{op, uint32(code)}
	}
	return err
}

func (realSystem) Establish() (resources, error) {
	protectLibrarySearch()
	c, err := scard.EstablishContext()
	if err != nil {
		return nil, wrap("establish context", err)
	}
	return realContext{c}, nil
}

func (c realContext) Readers() ([]string, error) {
	names, err := c.ListReaders()
	if errors.Is(err, scard.ErrInsufficientBuffer) { // the list grew between two calls
		names, err = c.ListReaders()
	}
	if errors.Is(err, scard.ErrNoReadersAvailable) {
		return nil, nil
	}
	return names, wrap("list readers", err)
}

func (c realContext) Wait(states []state, timeout time.Duration) error {
	real := make([]scard.ReaderState, len(states))
	for i, s := range states {
		real[i] = scard.ReaderState{Reader: s.name, CurrentState: scard.StateFlag(s.known)}
	}
	err := c.GetStatusChange(real, timeout)
	for i, r := range real {
		states[i].event, states[i].atr = uint32(r.EventState), r.Atr
	}
	return wrap("wait for readers", err)
}

func (c realContext) Cancel() error { return wrap("cancel", c.Context.Cancel()) }

func (c realContext) Release() error { return wrap("release context", c.Context.Release()) }

func (c realContext) Connect(reader string) (connection, error) {
	card, err := c.Context.Connect(reader, scard.ShareShared, scard.ProtocolT0|scard.ProtocolT1)
	if err != nil {
		return nil, wrap("connect", err)
	}
	return realCard{card}, nil
}

func (c realCard) Reconnect() error {
	return wrap("reconnect", c.Card.Reconnect(scard.ShareShared, scard.ProtocolT0|scard.ProtocolT1, scard.LeaveCard))
}

func (c realCard) Begin() error { return wrap("begin transaction", c.BeginTransaction()) }

func (c realCard) Transmit(command []byte) ([]byte, error) {
	answer, err := c.Card.Transmit(command)
	return answer, wrap("transmit", err)
}

func (c realCard) ATR() ([]byte, error) {
	status, err := c.Status()
	if err != nil {
		return nil, wrap("status", err)
	}
	return status.Atr, nil
}

func (c realCard) End(reset bool) error {
	return wrap("end transaction", c.EndTransaction(disposition(reset)))
}

func (c realCard) Disconnect(reset bool) error {
	return wrap("disconnect", c.Card.Disconnect(disposition(reset)))
}

func disposition(reset bool) scard.Disposition {
	if reset {
		return scard.ResetCard
	}
	return scard.LeaveCard
}
