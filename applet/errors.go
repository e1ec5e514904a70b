package applet

import (
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet/apdu"
)

var (
	// ErrNotCIE means that the card has no CIE application.
	ErrNotCIE = errors.New("not a CIE")

	// ErrPINBlocked means that the card accepts no PIN any more: only the PUK helps.
	ErrPINBlocked = errors.New("PIN blocked")

	// ErrPUKBlocked means that the card accepts no PUK any more: it must be replaced.
	ErrPUKBlocked = errors.New("PUK blocked")

	// ErrCodeForm reports a code that is not eight digits. It never reached the card.
	ErrCodeForm = errors.New("a code has eight digits")

	// ErrSessionLost means that the card has forgotten the secure channel, as it
	// does when it was reset or out of the field: start again from Open.
	ErrSessionLost = errors.New("secure channel lost")

	// ErrDeviceKey means that the chip did not prove the key it was expected to
	// have. Nothing secret has been sent to it.
	ErrDeviceKey = errors.New("the chip did not prove its key")

	// ErrTerminalRefused means that the card did not accept the terminal in
	// device authentication.
	ErrTerminalRefused = errors.New("the card refused the terminal")

	// ErrTriesUnknown means that the card does not tell how many tries are left.
	ErrTriesUnknown = errors.New("the card does not tell the tries left")

	// ErrData reports an answer that does not have the form it must have.
	ErrData = errors.New("malformed data from the card")

	// ErrGroup reports Diffie-Hellman parameters or values that are not safe.
	ErrGroup = errors.New("unsafe Diffie-Hellman value from the card")

	// ErrShortAnswer reports an answer of less than two bytes: the link broke.
	ErrShortAnswer = errors.New("link to the card lost: empty answer")
)

// A WrongCodeError reports a code that the card refused.
type WrongCodeError struct {
	Code  Code
	Tries int // left, at least 1; -1 when the card did not say
}

func (e *WrongCodeError) Error() string {
	if e.Tries < 0 {
		return fmt.Sprintf("wrong %s, tries left unknown", e.Code)
	}
	return fmt.Sprintf("wrong %s, %d tries left", e.Code, e.Tries)
}

// An UnconfirmedError reports a status word that came outside secure messaging
// where it had to be protected. Anybody on the link may have put it there, so
// nothing follows from it; the channel is lost.
type UnconfirmedError struct{ SW apdu.SW }

func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("unprotected answer %v in the secure channel", e.SW)
}

// A ChannelError reports a protected answer that cannot be trusted: wrong MAC,
// missing or malformed objects, wrong padding. The channel is lost.
type ChannelError struct{ Reason string }

func (e *ChannelError) Error() string { return "secure channel broken: " + e.Reason }

// A Step names a part of the work with a card.
type Step string

// The steps, in the order in which a login takes them.
const (
	StepSelect       Step = "select the application"
	StepSerial       Step = "read the serial number"
	StepParameters   Step = "read the parameters"
	StepAgreement    Step = "key agreement"
	StepDevice       Step = "device authentication"
	StepTries        Step = "read the tries left"
	StepVerifyPIN    Step = "verify the PIN"
	StepVerifyPUK    Step = "verify the PUK"
	StepChangePIN    Step = "change the PIN"
	StepResetCounter Step = "set the new PIN"
	StepReadFile     Step = "read a file"
	StepSign         Step = "sign"
	StepServices     Step = "sign with the services key"
)

// A StepError says at which step something failed. The cause is under it.
type StepError struct {
	Step Step
	Err  error
}

func (e *StepError) Error() string { return string(e.Step) + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }

// at marks err, unless nil or marked already, with the step it happened in.
func at(step Step, err error) error {
	var marked *StepError
	if err == nil || errors.As(err, &marked) {
		return err
	}
	return &StepError{step, err}
}

// status returns the error of a response, nil for 9000.
func status(ins byte, r apdu.Response) error {
	switch r.SW {
	case apdu.OK:
		return nil
	case swNoSession, swMissingObject, swWrongObject:
		return fmt.Errorf("%w (%w)", ErrSessionLost, &apdu.StatusError{INS: ins, SW: r.SW})
	}
	return &apdu.StatusError{INS: ins, SW: r.SW}
}

// codeError turns the refusal of a code into what callers test for.
func codeError(code Code, err error) error {
	var refused *apdu.StatusError
	if !errors.As(err, &refused) {
		return err
	}
	switch sw := refused.SW; {
	case sw == swBlocked, sw == swWrongCount:
		return fmt.Errorf("%w (%w)", blocked(code), err)
	case sw&0xFFF0 == swWrongCount:
		return fmt.Errorf("%w (%w)", &WrongCodeError{code, plausible(code, int(sw&0xF))}, err)
	case sw == swWrong, sw == swWrongLength:
		return fmt.Errorf("%w (%w)", &WrongCodeError{code, -1}, err)
	}
	return err
}

func blocked(code Code) error {
	if code == CodePUK {
		return ErrPUKBlocked
	}
	return ErrPINBlocked
}

// plausible returns tries, or -1 for a number no counter of that code can have
// after a wrong entry.
func plausible(code Code, tries int) int {
	if tries >= code.MaxTries() {
		return -1
	}
	return tries
}
