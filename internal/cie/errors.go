package cie

import (
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/pcsc"
)

var (
	// ErrLastTry means that one PIN try is left and nobody agreed to spend it.
	ErrLastTry = errors.New("last PIN try refused")

	// ErrLastPUKTry means that one PUK try is left and nobody agreed to spend it.
	ErrLastPUKTry = errors.New("last PUK try refused")

	// ErrFewPUKTries means that less than three PUK tries are left and nobody
	// agreed to go on.
	ErrFewPUKTries = errors.New("few PUK tries left")

	// ErrOtherCard means that another card lies there than the one meant.
	ErrOtherCard = errors.New("another card than the one meant")

	// ErrNotGenuine means that the card contradicts what the state signed. No
	// code was sent to it.
	ErrNotGenuine = errors.New("card not genuine")

	// ErrUnknownIssuer means that nothing is wrong with the card but that its
	// issuer is not known here, and nobody agreed to trust it.
	ErrUnknownIssuer = errors.New("issuer of the card not known")

	// ErrNeedsAllDigits means that four digits are not enough for this card here.
	ErrNeedsAllDigits = errors.New("all eight digits of the PIN are needed")

	// ErrCodeLength reports a code of neither four nor eight digits.
	ErrCodeLength = errors.New("wrong number of digits")

	// ErrCodeDigits reports a code with other characters than digits.
	ErrCodeDigits = errors.New("not only digits")

	// ErrSeveralCards means that more than one CIE is there, and none was chosen.
	ErrSeveralCards = errors.New("more than one CIE: choose a reader")

	// ErrNoReader means that no reader is connected.
	ErrNoReader = errors.New("no reader")

	// ErrForeign means that a card of another kind lies on the reader.
	ErrForeign = errors.New("card of another kind")

	// ErrNotSaved means that everything worked but could not be written down: all
	// eight digits will be needed.
	ErrNotSaved = errors.New("pairing not saved")

	// ErrPadding reports a kind of signature that the card cannot make.
	ErrPadding = errors.New("the card signs with PKCS #1 v1.5 only")

	// ErrClosed means that the login has ended.
	ErrClosed = errors.New("login ended")
)

// A WeakPINError reports a new PIN that breaks a rule. Nothing was sent.
type WeakPINError struct{ Rule Rule }

func (e *WeakPINError) Error() string { return "new PIN refused: " + string(e.Rule) }

// An UncertainError means that the link broke while the PIN was being changed:
// the new one may be in force, or the old one.
type UncertainError struct{ Err error }

func (e *UncertainError) Error() string { return "change of the PIN uncertain: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *UncertainError) Unwrap() error { return e.Err }

// A SentError means that the link broke after a code had left: it may have been
// counted. It was not sent again.
type SentError struct {
	Code applet.Code
	Err  error
}

func (e *SentError) Error() string {
	return fmt.Sprintf("link lost after the %s was sent: %v", e.Code, e.Err)
}

// Unwrap gives the cause.
func (e *SentError) Unwrap() error { return e.Err }

// linkLost says whether err is the link's, not the card's: worth another attempt
// as long as nothing has counted.
func linkLost(err error) bool {
	for _, lost := range []error{pcsc.ErrRemoved, pcsc.ErrReset, pcsc.ErrNoCard, applet.ErrSessionLost, applet.ErrShortAnswer} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// answered says whether err is the card's own verdict on a code, so that it is
// known what was counted.
func answered(err error) bool {
	var wrong *applet.WrongCodeError
	return errors.As(err, &wrong) || errors.Is(err, applet.ErrPINBlocked) || errors.Is(err, applet.ErrPUKBlocked)
}

// refused says whether err is the card's plain refusal of a command, inside the
// channel: nothing was done.
func refused(err error) bool {
	var status *apdu.StatusError
	return errors.As(err, &status) && !linkLost(err) && !unprotected(err)
}
