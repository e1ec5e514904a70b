package emulator

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/softwarecie/cie/applet/apdu"
)

// A Fault is one thing that goes wrong at one command.
type Fault struct {
	Kind   string        `json:"kind"`             // one of FaultKinds
	Bit    int           `json:"bit,omitempty"`    // "flip": bit of the answer to invert
	Size   int           `json:"size,omitempty"`   // "truncate": bytes that stay; "random", "oversize": bytes
	Back   int           `json:"back,omitempty"`   // "replay": how many answers back, 1 the last; 0 is 2
	Answer []byte        `json:"answer,omitempty"` // "answer", "execute": the bytes to give; "plain", "status", "execute-status": the status word
	Seed   string        `json:"seed,omitempty"`   // "swap": the other card
	Delay  time.Duration `json:"delay,omitempty"`  // "delay", nanoseconds
	Sticky bool          `json:"sticky,omitempty"` // at every command from there on
}

// FaultKinds says what each kind does.
var FaultKinds = map[string]string{
	"drop-before":    "the field is lost before the command is executed",
	"drop-after":     "the field is lost after it was executed, before the answer",
	"stall":          "no answer until the card is removed or reset",
	"delay":          "the answer comes late",
	"empty":          "an answer of no bytes",
	"truncate":       "the answer loses its second half, or all but size bytes",
	"answer":         "the command is not executed, fixed bytes are answered",
	"execute":        "the command is executed, fixed bytes are answered",
	"wrong-mac":      "the last byte of the MAC is inverted",
	"flip":           "one bit of the answer is inverted",
	"plain":          "the command is executed, a bare status word is answered (90 00 by default)",
	"skip":           "the send sequence counter goes one too far",
	"repeat":         "the send sequence counter is not advanced for the answer",
	"replay":         "the answer before last once more, or that of back answers ago",
	"endless":        "61 00 for ever, without data",
	"ping-pong":      "6C 10 and 6C 20 in turn for ever",
	"oversize":       "60000 bytes, or size",
	"random":         "random bytes, 64 or size",
	"reset":          "another program resets the card before the command",
	"status":         "the command is not executed, its status word is the given one (69 82 by default), protected where it must be",
	"execute-status": "the command is executed, its status word is the given one, protected where it must be",
	"fake-key":       "the chip proves itself with another key than its own",
	"chain-more":     "a piece of a protected chain is answered by 61xx",
	"swap":           "the card of another seed lies there before the command",
}

// An armed fault waits for its command.
type armed struct {
	in int // commands to come before it
	Fault
}

// Fail arms a fault for the n-th command from now, 0 the next one.
func (c *Card) Fail(n int, f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, armed{n, f})
}

// FailAt arms a fault for the n-th command since the card was laid on the reader,
// 0 the first one. It is an error if that command is over.
func (c *Card) FailAt(n int, f Fault) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in := n - (c.total - c.inserted); in >= 0 {
		c.faults = append(c.faults, armed{in, f})
		return nil
	}
	return fmt.Errorf("command %d is over", n)
}

// ClearFaults disarms all faults and lets a stalled command go.
func (c *Card) ClearFaults() {
	c.releaseStalled()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
}

// due takes the fault for this command, if any.
func (c *Card) due() (f Fault, ok bool) {
	kept := c.faults[:0]
	for _, a := range c.faults {
		if a.in == 0 && !ok {
			f, ok = a.Fault, true
			if !a.Sticky {
				continue
			}
		} else if a.in > 0 {
			a.in--
		}
		kept = append(kept, a)
	}
	c.faults = kept
	return f, ok
}

// withFault processes a command, with what goes wrong at it.
func (c *Card) withFault(command []byte) ([]byte, error) {
	f, ok := c.due()
	if !ok {
		return c.process(command), nil
	}
	c.log("! %s", f.Kind)
	c.stats.Faults++
	c.once, c.onceSW = f.Kind, statusOf(f)
	defer func() { c.once = "" }()
	switch f.Kind {
	case "drop-before":
		return nil, c.lose()
	case "drop-after":
		c.process(command)
		return nil, c.lose()
	case "stall":
		return nil, c.stall()
	case "reset":
		c.reset()
	case "answer":
		return f.Answer, nil
	case "endless":
		c.repeat(f)
		return []byte{0x61, 0x00}, nil
	case "ping-pong":
		f.Bit ^= 1
		c.repeat(f)
		return []byte{0x6C, byte(0x20 - 0x10*(f.Bit&1))}, nil
	case "random":
		return c.draw(cmp.Or(max(f.Size, 0), 64)), nil
	case "swap":
		c.swap(f.Seed)
	case "skip":
		if c.sm != nil && protectedCommand(command) {
			c.sm.step()
		}
	}
	return c.spoilt(f, c.process(command)), nil
}

// statusOf is the status word of a fault.
func statusOf(f Fault) apdu.SW {
	if len(f.Answer) != 2 {
		return 0x6982
	}
	return apdu.SW(f.Answer[0])<<8 | apdu.SW(f.Answer[1])
}

// protectedCommand says whether a command, as it came, is in secure messaging.
func protectedCommand(command []byte) bool { return len(command) > 3 && command[0]&0x0C == 0x0C }

// repeat keeps a fault for all commands to come.
func (c *Card) repeat(f Fault) {
	c.faults = slices.DeleteFunc(c.faults, func(a armed) bool { return a.in == 0 && a.Kind == f.Kind })
	f.Sticky = true
	c.faults = append(c.faults, armed{0, f})
}

// spoilt changes an answer.
func (c *Card) spoilt(f Fault, out []byte) []byte {
	switch f.Kind {
	case "delay":
		c.wait(f.Delay)
	case "empty":
		return nil
	case "truncate":
		if f.Size > 0 {
			return out[:min(f.Size, len(out))]
		}
		return out[:len(out)/2]
	case "execute":
		return f.Answer
	case "wrong-mac":
		if len(out) > 2 {
			out[len(out)-3] ^= 0xFF // the MAC ends the body; in a cut answer it is the last part
		}
	case "flip":
		if i := f.Bit / 8; i < len(out) {
			out[i] ^= 0x80 >> (f.Bit % 8)
		}
	case "plain":
		if len(f.Answer) > 0 {
			return f.Answer
		}
		return []byte{0x90, 0x00}
	case "replay":
		back := cmp.Or(max(f.Back, 0), 2)
		if n := len(c.history); n >= back {
			return bytes.Clone(c.history[n-back])
		}
	case "oversize":
		return append(bytes.Repeat([]byte{0x55}, cmp.Or(max(f.Size, 0), 60000)), 0x90, 0x00)
	}
	return out
}

// lose takes the card out of the field until it is powered again.
func (c *Card) lose() error {
	c.powerOff()
	return ErrRemoved
}

// stall holds the command until the card is let go.
func (c *Card) stall() error {
	released := c.released
	c.mu.Unlock()
	<-released
	c.mu.Lock()
	return c.lose()
}

func (c *Card) releaseStalled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.released)
	c.released = make(chan struct{})
}

// Stats counts what a card has done.
type Stats struct {
	APDUs      int `json:"apdus"`
	BytesIn    int `json:"bytes-in"`
	BytesOut   int `json:"bytes-out"`
	Crypto     int `json:"crypto"` // operations with long numbers
	Signatures int `json:"signatures"`
	Resets     int `json:"resets"`
	Faults     int `json:"faults"`
}

// Stats returns the counts since the card was made or ResetStats.
func (c *Card) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// ResetStats sets all counts to 0.
func (c *Card) ResetStats() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats = Stats{}
}

// SetBehaviour changes the switches of a card in use. The file that is current
// keeps its content until it is selected again.
func (c *Card) SetBehaviour(change func(*Behaviour)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.profile.Behaviour
	change(&b)
	c.setBehaviour(b)
}

// setBehaviour takes new switches, and makes the files again if they differ.
func (c *Card) setBehaviour(b Behaviour) {
	old := c.profile.Behaviour
	c.profile.Behaviour = b
	if b.contents() != old.contents() {
		c.identity.files = c.makeFiles()
	}
}

// contents are the switches that say what the files hold.
func (b Behaviour) contents() Behaviour {
	return Behaviour{
		Group: b.Group, ExtraFiles: b.ExtraFiles, Padding: b.Padding, CertificateSize: b.CertificateSize, OtherDeviceKey: b.OtherDeviceKey,
		OldSOD: b.OldSOD, SHA1SOD: b.SHA1SOD, BadDigest: b.BadDigest, BadSignature: b.BadSignature, BadAlgorithm: b.BadAlgorithm,
		UnknownIssuer: b.UnknownIssuer, NoDHDigest: b.NoDHDigest, NoDHFile: b.NoDHFile,
	}
}

// Behaviour returns the switches.
func (c *Card) Behaviour() Behaviour {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.profile.Behaviour
}
