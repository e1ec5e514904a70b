//go:build cgo || windows

package pcsc

import (
	"bytes"
	"errors"
	"time"

	"github.com/ebfe/scard"

	_ "github.com/softwarecie/cie/pcsc/internal/systemdll" // before scard loads winscard.dll
)

// realSystem is PC/SC.
type realSystem struct{}

type realContext struct{ context *scard.Context }

type realCard struct{ card *scard.Card }

// call makes one call of the binding and gives its error our form. The binding
// panics on answers that break the rules, such as a reader list without its end or
// an ATR of more than 33 bytes: an internal error, not the end of the program.
func call(op string, f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = &Error{op, codeInternal}
		}
	}()
	err = f()
	var code scard.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &code):
		return &Error{op, uint32(code)}
	}
	return &Error{op, codeInvalidParameter} // a name that Windows cannot express
}

func (realSystem) Establish() (resources, error) {
	var c realContext
	err := call("establish context", func() (err error) {
		c.context, err = scard.EstablishContext()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// Readers asks twice more when the list grew between the two calls that the binding
// makes, for the length and for the names.
func (c *realContext) Readers() (names []string, err error) {
	for range 3 {
		err = call("list readers", func() (err error) {
			names, err = c.context.ListReaders()
			return err
		})
		if codeOf(err) != codeInsufficientBuffer {
			break
		}
	}
	if codeOf(err) == codeNoReaders {
		return nil, nil
	}
	return names, err
}

func (c *realContext) Wait(states []state, timeout time.Duration) error {
	if len(states) == 0 { // the binding takes the address of the first
		return &Error{"wait for readers", codeInvalidParameter}
	}
	err := call("wait for readers", func() error { return c.getStatusChange(states, timeout) })
	if codeOf(err) == codeTimeout {
		return nil
	}
	return err
}

func (c *realContext) Cancel() error { return call("cancel", c.context.Cancel) }

func (c *realContext) Release() error { return call("release context", c.context.Release) }

func (c *realContext) Connect(reader string) (connection, error) {
	var card realCard
	err := call("connect", func() (err error) {
		card.card, err = c.context.Connect(reader, scard.ShareShared, protocols)
		return err
	})
	if err != nil {
		return nil, err
	}
	return card, nil
}

// protocols are all that cards have; with none (0) the binding panics at Transmit.
const protocols = scard.ProtocolT0 | scard.ProtocolT1

func (c realCard) Reconnect() error {
	return call("reconnect", func() error { return c.card.Reconnect(scard.ShareShared, protocols, scard.LeaveCard) })
}

func (c realCard) Begin() error { return call("begin transaction", c.card.BeginTransaction) }

// Transmit copies the answer out of the 64 KB that the binding reads it into, and
// wipes it there.
func (c realCard) Transmit(command []byte) (answer []byte, err error) {
	err = call("transmit", func() error {
		buffer, err := c.card.Transmit(command)
		answer = bytes.Clone(buffer)
		clear(buffer)
		return err
	})
	return answer, err
}

// ATR asks SCardStatus: SCardGetAttrib does not work with every driver.
func (c realCard) ATR() (atr []byte, err error) {
	err = call("status", func() error {
		status, err := c.card.Status()
		if err == nil {
			atr = status.Atr
		}
		return err
	})
	return atr, err
}

func (c realCard) End(reset bool) error {
	return call("end transaction", func() error { return c.card.EndTransaction(disposition(reset)) })
}

func (c realCard) Disconnect(reset bool) error {
	return call("disconnect", func() error { return c.card.Disconnect(disposition(reset)) })
}

func disposition(reset bool) scard.Disposition {
	if reset {
		return scard.ResetCard
	}
	return scard.LeaveCard
}
