// Package apdu encodes and decodes the command and response APDUs of
// ISO/IEC 7816-3:2006 §12.1. It knows nothing of any card: command chaining,
// GET RESPONSE and secure messaging belong to those who talk.
package apdu

import (
	"errors"
	"fmt"
	"log/slog"
)

// Limits of ISO/IEC 7816-3:2006 §12.1.3.
const (
	MaxShortData    = 255   // Nc of a short command
	MaxShortNe      = 256   // Ne of a short command
	MaxExtendedData = 65535 // Nc of an extended command
	MaxExtendedNe   = 65536 // Ne of an extended command
)

// ErrLength reports bytes that are no APDU: too short, or with a length field
// that does not fit what follows it.
var ErrLength = errors.New("not an APDU: wrong length")

// A Command is a command APDU. Ne is the number of bytes wanted in the answer,
// never the encoded Le: 0 for none, 256 for all that a short answer holds,
// 65536 for all that an extended one holds.
type Command struct {
	CLA, INS, P1, P2 byte
	Data             []byte // Nc bytes
	Ne               int
}

// Extended says whether c needs extended length fields.
func (c Command) Extended() bool { return len(c.Data) > MaxShortData || c.Ne > MaxShortNe }

// AppendBinary appends the wire form of c to b: short length fields where they
// suffice, extended ones otherwise.
func (c Command) AppendBinary(b []byte) ([]byte, error) {
	if len(c.Data) > MaxExtendedData || c.Ne < 0 || c.Ne > MaxExtendedNe {
		return nil, ErrLength
	}
	b = append(b, c.CLA, c.INS, c.P1, c.P2)
	if c.Extended() {
		return c.appendExtended(b), nil
	}
	if len(c.Data) > 0 {
		b = append(b, byte(len(c.Data)))
		b = append(b, c.Data...)
	}
	if c.Ne > 0 {
		b = append(b, byte(c.Ne)) // 256 is coded 00
	}
	return b, nil
}

func (c Command) appendExtended(b []byte) []byte {
	b = append(b, 0)
	if len(c.Data) > 0 {
		b = append(b, byte(len(c.Data)>>8), byte(len(c.Data)))
		b = append(b, c.Data...)
	}
	if c.Ne > 0 {
		b = append(b, byte(c.Ne>>8), byte(c.Ne)) // 65536 is coded 0000
	}
	return b
}

// ParseCommand reads a command APDU. Data is a part of in, not a copy.
func ParseCommand(in []byte) (Command, error) {
	if len(in) < 4 {
		return Command{}, ErrLength
	}
	c := Command{CLA: in[0], INS: in[1], P1: in[2], P2: in[3]}
	body := in[4:]
	var ok bool
	switch {
	case len(body) == 0: // case 1
		ok = true
	case len(body) == 1: // case 2, short
		c.Ne, ok = count(body, MaxShortNe), true
	case body[0] != 0: // cases 3 and 4, short
		ok = c.parseBody(body[1:], int(body[0]), 1, MaxShortNe)
	case len(body) == 3: // case 2, extended
		c.Ne, ok = count(body[1:], MaxExtendedNe), true
	case len(body) > 3: // cases 3 and 4, extended
		ok = c.parseBody(body[3:], int(body[1])<<8|int(body[2]), 2, MaxExtendedNe)
	}
	if !ok {
		return Command{}, ErrLength
	}
	return c, nil
}

// parseBody reads nc bytes of data and an Le field of le bytes, if any.
func (c *Command) parseBody(in []byte, nc, le, zero int) bool {
	if nc == 0 || len(in) < nc {
		return false
	}
	c.Data = in[:nc:nc]
	switch len(in) - nc {
	case 0:
		return true
	case le:
		c.Ne = count(in[nc:], zero)
		return true
	}
	return false
}

// count reads a big-endian length field in which zero stands for the maximum.
func count(field []byte, zero int) int {
	n := 0
	for _, b := range field {
		n = n<<8 | int(b)
	}
	if n == 0 {
		return zero
	}
	return n
}

// String gives header and lengths, never the data, which may be a secret.
func (c Command) String() string {
	return fmt.Sprintf("%02X %02X %02X %02X Nc=%d Ne=%d", c.CLA, c.INS, c.P1, c.P2, len(c.Data), c.Ne)
}

// Format prints String under every verb but %p and %w, for which fmt does not ask.
func (c Command) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue logs String.
func (c Command) LogValue() slog.Value { return slog.StringValue(c.String()) }

// A Response is a response APDU.
type Response struct {
	Data []byte
	SW   SW
}

// ParseResponse reads a response APDU. Data is a part of in, not a copy.
func ParseResponse(in []byte) (Response, error) {
	n := len(in) - 2
	if n < 0 {
		return Response{}, ErrLength
	}
	return Response{Data: in[:n:n], SW: SW(in[n])<<8 | SW(in[n+1])}, nil
}

// AppendBinary appends the wire form of r to b.
func (r Response) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, r.Data...)
	return append(b, byte(r.SW>>8), byte(r.SW)), nil
}

// Format prints the number of data bytes and the status word, never the data.
func (r Response) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "Nr=%d %v", len(r.Data), r.SW) }

// LogValue logs what Format prints.
func (r Response) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("Nr=%d %v", len(r.Data), r.SW))
}

// An SW is the status word SW1-SW2 that ends every response
// (ISO/IEC 7816-4:2020 §5.6).
type SW uint16

// OK is the status word of success.
const OK SW = 0x9000

func (sw SW) String() string { return fmt.Sprintf("%04X", uint16(sw)) }

// A StatusError reports a command that the card refused.
type StatusError struct {
	INS byte
	SW  SW
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("card answered %v to INS %02X", e.SW, e.INS)
}
