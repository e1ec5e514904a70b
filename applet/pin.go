package applet

import (
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
	"github.com/softwarecie/cie/internal/secret"
)

// errChannel is a programmer's mistake: a code may leave in the secure channel
// only, after the chip proved its key.
var errChannel = errors.New("codes need Authenticate first")

// VerifyPIN proves the holder's PIN to the card (VERIFY, ISO/IEC 7816-4:2020
// §11.6.6). Authenticate must have succeeded.
//
// It returns a *WrongCodeError with the tries left, ErrPINBlocked when none
// are, or *UnconfirmedError when the card's word was not protected. On any other
// error the card may have counted the try. The card forgets the PIN at the next
// reset.
func (c *Card) VerifyPIN(pin PIN) error {
	return at(StepVerifyPIN, c.verify(CodePIN, pin.digits))
}

// VerifyPUK proves the PUK to the card, as VerifyPIN does the PIN. It is the
// first half of unblocking; ResetRetryCounter in the same channel is the second.
func (c *Card) VerifyPUK(puk PUK) error {
	return at(StepVerifyPUK, c.verify(CodePUK, puk.digits))
}

func (c *Card) verify(code Code, digits *secret.Buffer) error {
	return c.present(code, apdu.Command{INS: insVerify, P2: code.reference(), Data: digits.Bytes()}, CodeLength)
}

// ChangePIN replaces the PIN (CHANGE REFERENCE DATA, ISO/IEC 7816-4:2020
// §11.6.7). Errors are those of VerifyPIN for the current one.
func (c *Card) ChangePIN(current, next PIN) error {
	both := secret.New(2 * CodeLength)
	defer both.Wipe()
	secret.Copy(both.Bytes()[secret.Copy(both.Bytes(), current.Digits()):], next.Digits())
	if len(current.Digits()) != CodeLength || len(next.Digits()) != CodeLength {
		return at(StepChangePIN, ErrCodeForm)
	}
	command := apdu.Command{INS: insChange, P2: refPIN, Data: both.Bytes()}
	return at(StepChangePIN, c.present(CodePIN, command, 2*CodeLength))
}

// ResetRetryCounter sets a new PIN with all its tries (RESET RETRY COUNTER,
// ISO/IEC 7816-4:2020 §11.6.10). VerifyPUK must have succeeded in this channel.
func (c *Card) ResetRetryCounter(next PIN) error {
	command := apdu.Command{INS: insResetRetryCounter, P1: 0x02, P2: refPIN, Data: next.Digits()}
	return at(StepResetCounter, c.present(CodePIN, command, CodeLength))
}

// present sends a command that carries a code of n bytes, once.
func (c *Card) present(code Code, command apdu.Command, n int) error {
	switch {
	case !c.Authenticated():
		return errChannel
	case len(command.Data) != n:
		return ErrCodeForm
	}
	return codeError(code, c.run(command))
}

// A TriesSource is a way in which a card tells the tries left.
type TriesSource string

// The ways. No terminal is known to use either on a CIE: a card may have none.
const (
	TriesUnread  TriesSource = ""       // not tried yet
	TriesObject  TriesSource = "object" // GET DATA of the code's control parameters
	TriesVerify  TriesSource = "verify" // VERIFY without data
	TriesNowhere TriesSource = "nowhere"
)

// Tries reads how many tries of a code are left, without spending one, and says
// from where. Pass TriesUnread, or what an earlier call on the same card
// returned, which saves the other attempts. ErrTriesUnknown means that the card
// does not tell.
//
// The object is read first, since reading it cannot count; then VERIFY without
// data is asked (ISO/IEC 7816-4:2020 §11.6.6), which by the standard does not
// count either.
func (c *Card) Tries(code Code, from TriesSource) (int, TriesSource, error) {
	if !c.Authenticated() {
		return 0, from, at(StepTries, errChannel)
	}
	if from == TriesNowhere {
		return 0, from, at(StepTries, ErrTriesUnknown)
	}
	if from != TriesVerify {
		if tries, err := c.triesObject(code); err == nil || !refusal(err) && !errors.Is(err, ErrTriesUnknown) {
			return tries, TriesObject, at(StepTries, err)
		}
	}
	if from != TriesObject {
		if tries, err := c.triesVerify(code); err == nil || !refusal(err) && !errors.Is(err, ErrTriesUnknown) {
			return tries, TriesVerify, at(StepTries, err)
		}
	}
	return 0, TriesNowhere, at(StepTries, ErrTriesUnknown)
}

// triesObject reads DO'9B' of the control parameters of the code's object.
func (c *Card) triesObject(code Code) (int, error) {
	number := code.reference() &^ 0x80
	answer, err := c.getData([]byte{0x4D, 0x08, 0x70, 0x06, 0xBF, 0x81, number, 0x02, 0xA0, 0x80})
	if err != nil {
		return 0, err
	}
	value, err := tlv.Find(answer, tagObjects, tagPINObject+tlv.Tag(number-1), tagDOCP, tagTriesLeft)
	if err != nil || len(value) != 1 || int(value[0]) > code.MaxTries() {
		return 0, ErrTriesUnknown
	}
	return int(value[0]), nil
}

// triesVerify reads the counter from the answer to VERIFY without data.
func (c *Card) triesVerify(code Code) (int, error) {
	r, err := c.send(apdu.Command{INS: insVerify, P2: code.reference()})
	if err != nil {
		return 0, err
	}
	switch tries := int(r.SW & 0xF); {
	case r.SW == swBlocked:
		return 0, nil
	case r.SW&0xFFF0 == swWrongCount && tries <= code.MaxTries():
		return tries, nil
	}
	return 0, fmt.Errorf("%w (%w)", ErrTriesUnknown, &apdu.StatusError{INS: insVerify, SW: r.SW})
}
