package emulator

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// The vpcd protocol (a virtual reader of the PC/SC daemon): a 16-bit big-endian
// length, then one control byte or a command APDU. Only ATR and APDUs are
// answered.
const (
	vpcdOff   = 0
	vpcdOn    = 1
	vpcdReset = 2
	vpcdATR   = 4
)

// absence is how long a lifted card stays away at least: the daemon looks every
// 0.4 s and must see it gone.
const absence = time.Second

// Serve is the card in one virtual reader: it answers on conn until conn fails
// or the field is lost.
func Serve(conn net.Conn, card *Card) error {
	if err := card.PowerOn(); err != nil {
		return err
	}
	for {
		frame, err := readFrame(conn)
		if err != nil {
			return err
		}
		answer, err := card.frame(frame)
		if err != nil {
			return err
		}
		if answer == nil {
			continue
		}
		if err := writeFrame(conn, answer); err != nil {
			return err
		}
	}
}

// frame handles one frame; nil is no answer.
func (c *Card) frame(frame []byte) ([]byte, error) {
	if len(frame) != 1 {
		out, err := c.Transmit(frame)
		if out == nil && err == nil {
			out = []byte{}
		}
		return out, err
	}
	switch frame[0] {
	case vpcdOff, vpcdOn, vpcdReset:
		c.Reset()
	case vpcdATR:
		return c.ATR(), nil
	}
	return nil, nil
}

func readFrame(conn net.Conn) ([]byte, error) {
	var size [2]byte
	quickACK(conn)
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint16(size[:]))
	quickACK(conn)
	_, err := io.ReadFull(conn, frame)
	return frame, err
}

func writeFrame(conn net.Conn, frame []byte) error {
	if len(frame) > 0xFFFF {
		return errors.New("answer too long for the virtual reader")
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(frame))), frame...))
	return err
}

// Run keeps the card in the virtual reader at a TCP address until ctx ends: it
// connects again when the daemon was restarted, and stays away while the card is
// lifted.
func Run(ctx context.Context, address string, card *Card) error {
	for ctx.Err() == nil {
		pause := 100 * time.Millisecond
		if card.Present() {
			if connected := once(ctx, address, card); connected {
				pause = absence
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return ctx.Err()
}

// once is one connection, until it ends or the card is lifted.
func once(ctx context.Context, address string, card *Card) (connected bool) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	if err := card.PowerOn(); err != nil {
		_ = conn.Close()
		return false
	}
	ended, cancel := context.WithCancel(ctx)
	defer cancel()
	lost := card.Lost()
	go func() { // closes the connection when the card leaves
		defer func() { _ = conn.Close() }()
		select {
		case <-ended.Done():
		case <-lost:
		}
	}()
	_ = Serve(conn, card) // why it ended does not matter: it is tried again
	return true
}
