// Package applet is the client of the card: it speaks to the IAS ECC
// application of an Italian electronic identity card (CIE 3.0) and to DF_CIE
// inside it, over any link that carries APDUs.
//
// It takes nothing from a list of chips. It selects the applications by name,
// takes every length from the card, sends short APDUs only, and accepts each of
// the ways in which cards are known to end a file. It is strict where that
// protects: the MAC is checked before anything is decrypted, lengths and
// Diffie-Hellman values are checked, and a PIN leaves under secure messaging
// only, after the chip proved its key.
//
// A Card is for one goroutine and for one transaction: after a reset of the card
// by anybody, start again with Open.
package applet

import (
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet/apdu"
)

// A Transmitter carries one command APDU to the card and brings back the
// response APDU, at least two bytes. Its errors reach the caller of a Card
// unchanged, under a *StepError.
type Transmitter interface {
	Transmit(command []byte) (response []byte, err error)
}

// A Card is a CIE whose application is selected.
type Card struct {
	link    Transmitter
	channel *channel // secure messaging; nil: in the clear
	pan     PAN      // zero after Resume
	root    bool     // the root directory is current, not DF_CIE
	private byte     // private key set for algorithmSignature, 0 none
	proven  bool     // Authenticate succeeded on this channel

	noName   bool // the card does not know the name of the application
	nameOnly bool // no other way to it is tried
}

// Identify selects the application and reads the number of the card, nothing
// more. A card that has no such application is ErrNotCIE.
func Identify(link Transmitter) (*Card, error) {
	return identify(&Card{link: link})
}

// IdentifyByName is Identify for a card that nothing else says is a CIE: one that
// does not know the name of the application is sent nothing more.
func IdentifyByName(link Transmitter) (*Card, error) {
	return identify(&Card{link: link, nameOnly: true})
}

func identify(c *Card) (*Card, error) {
	if err := c.selectRoot(); err != nil {
		return nil, at(StepSelect, err)
	}
	if err := c.readPAN(); err != nil {
		return nil, at(StepSerial, notCIE(err))
	}
	return c, nil
}

// Open is Identify, and makes DF_CIE current.
func Open(link Transmitter) (*Card, error) {
	c, err := Identify(link)
	if err != nil {
		return nil, err
	}
	return entered(c)
}

// Enter makes DF_CIE current, if it is not.
func (c *Card) Enter() error {
	if !c.root {
		return nil
	}
	return at(StepSelect, notCIE(c.selectCIE()))
}

// Resume makes DF_CIE current without reading the number of the card. It is for
// a caller who knows which card it must be and has the card prove it:
// Authenticate with the same parameters.
func Resume(link Transmitter, params Parameters) (*Card, error) {
	c := &Card{link: link, noName: params.DefaultRoot}
	if err := c.selectRoot(); err != nil {
		return nil, at(StepSelect, err)
	}
	return entered(c)
}

func entered(c *Card) (*Card, error) {
	if err := c.Enter(); err != nil {
		return nil, err
	}
	return c, nil
}

// PAN is the number of the card, zero after Resume.
func (c *Card) PAN() PAN { return c.pan }

// Authenticated says whether the chip has proved its key and the secure channel
// stands.
func (c *Card) Authenticated() bool { return c.proven && c.channel != nil && c.channel.broken == nil }

// Close wipes the session keys. The card itself keeps its session until it is
// reset or its application selected again.
func (c *Card) Close() {
	if c.channel != nil {
		c.channel.wipe()
		c.channel = nil
	}
	c.proven, c.private = false, 0
}

// selectRoot makes the IAS root current: by name, and where the card does not
// know that name, as the default directory.
func (c *Card) selectRoot() error {
	c.Close() // a SELECT of an application in the clear ends the card's session
	var err error
	if !c.noName {
		err = c.run(apdu.Command{INS: insSelect, P1: 0x04, P2: 0x0C, Data: aidIAS})
	}
	switch {
	case c.nameOnly:
		err = notCIE(err)
	case c.noName || refusal(err):
		err = notCIE(c.run(apdu.Command{INS: insSelect}))
		c.noName = err == nil
	}
	c.root = err == nil
	return err
}

// selectCIE makes DF_CIE current. The root must be.
func (c *Card) selectCIE() error {
	err := c.run(apdu.Command{INS: insSelect, P1: 0x04, P2: 0x0C, Data: aidCIE})
	c.root = c.root && err != nil
	return err
}

// readPAN reads EF.SN.ICC: 5A 0A and ten bytes.
func (c *Card) readPAN() error {
	content, err := c.readFile(FileSNICC)
	if err != nil {
		return err
	}
	if len(content) != 12 || content[0] != 0x5A || content[1] != 0x0A {
		return fmt.Errorf("%w: serial number of the chip", ErrData)
	}
	copy(c.pan[:], content[5:11])
	return nil
}

// refusal says whether err is the card's own word rather than a broken link.
func refusal(err error) bool {
	var refused *apdu.StatusError
	return errors.As(err, &refused)
}

// notCIE turns the refusal of what every CIE has into ErrNotCIE.
func notCIE(err error) error {
	if refusal(err) || errors.Is(err, ErrData) {
		return fmt.Errorf("%w (%w)", ErrNotCIE, err)
	}
	return err
}

// run sends a command whose answer is its status alone.
func (c *Card) run(command apdu.Command) error {
	r, err := c.send(command)
	if err != nil {
		return err
	}
	return status(command.INS, r)
}

// ask sends a command and returns the data of its answer.
func (c *Card) ask(command apdu.Command) ([]byte, error) {
	r, err := c.send(command)
	if err != nil {
		return nil, err
	}
	return content(command.INS, r)
}

// content is the data of a response with status 9000; any other is an error.
func content(ins byte, r apdu.Response) ([]byte, error) {
	if err := status(ins, r); err != nil {
		return nil, err
	}
	return r.Data, nil
}

// Pieces of long data: what a short command holds in the clear, and what it
// holds when each piece is enciphered and gets a MAC.
const (
	plainPiece     = 255
	protectedPiece = 231
)

// send sends a command in the channel if there is one, as a chain if its data
// is long (ISO/IEC 7816-4:2020 §5.3.3), and returns the whole answer.
func (c *Card) send(command apdu.Command) (apdu.Response, error) {
	piece := plainPiece
	if c.channel != nil {
		piece = protectedPiece
	}
	for len(command.Data) > piece {
		part := command
		part.CLA |= claChain
		part.Data, part.Ne = command.Data[:piece], 0
		r, err := c.exchange(part)
		if err != nil {
			return apdu.Response{}, err
		}
		if err := status(part.INS, r); err != nil {
			return apdu.Response{}, fmt.Errorf("in a chain: %w", err)
		}
		command.Data = command.Data[piece:]
	}
	return c.exchange(command)
}

// exchange sends one command, protected if there is a channel.
func (c *Card) exchange(command apdu.Command) (apdu.Response, error) {
	if c.channel == nil {
		return c.transfer(command)
	}
	protected, err := c.channel.protect(command)
	if err != nil {
		return apdu.Response{}, err
	}
	r, err := c.transfer(protected)
	if err != nil {
		return apdu.Response{}, c.channel.fail(err)
	}
	return c.channel.unprotect(r)
}

// Bounds on what a card may make us do for one answer.
const (
	maxAnswer  = 64 << 10 // bytes
	maxFetches = 300      // GET RESPONSE commands
)

// transfer sends one command as it is, fetches the rest of a long answer with
// GET RESPONSE, and repeats a command once with the Le the card asks for.
func (c *Card) transfer(command apdu.Command) (apdu.Response, error) {
	r, err := c.transmit(command)
	if err != nil {
		return apdu.Response{}, err
	}
	if sw1(r) == sw1WrongLe && repeatable(command) {
		command.Ne = count(r)
		if r, err = c.transmit(command); err != nil {
			return apdu.Response{}, err
		}
	}
	data := r.Data
	for n := 0; sw1(r) == sw1MoreData; n++ {
		if n == maxFetches || len(data) > maxAnswer {
			return apdu.Response{}, fmt.Errorf("%w: endless answer", ErrData)
		}
		if r, err = c.fetch(count(r)); err != nil {
			return apdu.Response{}, err
		}
		if sw1(r) == sw1MoreData && len(r.Data) == 0 {
			return apdu.Response{}, fmt.Errorf("%w: more data promised, none given", ErrData)
		}
		data = append(data, r.Data...)
	}
	return apdu.Response{Data: data, SW: r.SW}, nil
}

// repeatable says whether a command may be sent again with another Le, which no MAC
// covers. A card that had already taken a protected command knows its MAC no more,
// so nothing is done twice; but a code never leaves twice.
func repeatable(command apdu.Command) bool {
	switch command.INS {
	case insVerify, insChange, insResetRetryCounter:
		return false
	}
	return true
}

// fetch is GET RESPONSE, in the clear also when the answer is protected.
func (c *Card) fetch(n int) (apdu.Response, error) {
	r, err := c.transmit(apdu.Command{INS: insGetResponse, Ne: n})
	if err == nil && sw1(r) == sw1WrongLe {
		r, err = c.transmit(apdu.Command{INS: insGetResponse, Ne: count(r)})
	}
	return r, err
}

// transmit carries one APDU.
func (c *Card) transmit(command apdu.Command) (apdu.Response, error) {
	wire, err := command.AppendBinary(make([]byte, 0, 5+len(command.Data)+1))
	if err != nil {
		return apdu.Response{}, err
	}
	answer, err := c.link.Transmit(wire)
	if err != nil {
		return apdu.Response{}, err
	}
	r, err := apdu.ParseResponse(answer)
	if err != nil {
		return apdu.Response{}, ErrShortAnswer
	}
	return r, nil
}

func sw1(r apdu.Response) byte { return byte(r.SW >> 8) }

// count is the number of bytes that 61xx and 6Cxx speak of.
func count(r apdu.Response) int {
	if n := int(r.SW & 0xFF); n > 0 {
		return n
	}
	return apdu.MaxShortNe
}
