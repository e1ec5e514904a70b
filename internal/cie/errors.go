package cie

import (
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/pcsc"
)

var (
	// ErrLastTry means that one PIN try is left and nobody agreed to spend it.
	ErrLastTry = situation.New("pin-last-try", "last PIN try refused")

	// ErrLastPUKTry means that one PUK try is left and nobody agreed to spend it.
	ErrLastPUKTry = situation.New("puk-last-try", "last PUK try refused")

	// ErrOtherCard means that another card lies there than the one meant.
	ErrOtherCard = situation.New("other-card", "another card than the one meant")

	// ErrNotGenuine means that the card contradicts what the state signed. No
	// code was sent to it.
	ErrNotGenuine = situation.New("not-genuine", "card not genuine")

	// ErrUnknownIssuer means that nothing is wrong with the card but that its
	// issuer is not known here, and nobody agreed to trust it.
	ErrUnknownIssuer = situation.New("issuer-unknown", "issuer of the card not known")

	// ErrNeedsAllDigits means that four digits are not enough: the card is not
	// paired here.
	ErrNeedsAllDigits = situation.New("not-paired", "all eight digits of the PIN are needed")

	// ErrNoHalf means that four digits are not enough: the card is paired, but no
	// half of its PIN is kept here.
	ErrNoHalf = situation.New("half-none", "all eight digits of the PIN are needed: no half is kept")

	// ErrStaleHalf means that four digits are not enough any more: the PIN was
	// changed elsewhere.
	ErrStaleHalf = situation.New("half-stale", "the stored half of the PIN is out of date")

	// ErrCodeLength reports a PIN of neither four nor eight digits, or a PIN of
	// four where eight are needed.
	ErrCodeLength = situation.New("code-length", "wrong number of digits")

	// ErrPUKLength reports a PUK that has not eight digits.
	ErrPUKLength = situation.New("puk-length", "wrong number of digits in the PUK")

	// ErrNewPINLength reports a new PIN that has not eight digits.
	ErrNewPINLength = situation.New("new-pin-length", "wrong number of digits in the new PIN")

	// ErrCodeDigits reports a code with other characters than digits.
	ErrCodeDigits = situation.New("code-digits", "not only digits")

	// ErrNewPINRepeat means that the new PIN was typed differently the second time.
	ErrNewPINRepeat = situation.New("new-pin-repeat", "the new PIN was typed differently")

	// ErrSeveralCards means that more than one CIE is there, and none was chosen.
	ErrSeveralCards = situation.New("several-cards", "more than one CIE: choose a reader")

	// ErrNoReader means that no reader is connected.
	ErrNoReader = situation.New("no-reader", "no reader")

	// ErrForeign means that a card of another kind lies on the reader.
	ErrForeign = situation.New("not-cie", "card of another kind")

	// ErrNotSaved means that everything worked but could not be written down: all
	// eight digits will be needed.
	ErrNotSaved = situation.New("pairing-unsaved", "pairing not saved")

	// ErrPadding reports a kind of signature that the card cannot make.
	ErrPadding = errors.New("the card signs with PKCS #1 v1.5 only")

	// ErrClosed means that the login has ended.
	ErrClosed = errors.New("login ended")
)

// A FewTriesError means that less than three PUK tries are left and nobody
// agreed to go on.
type FewTriesError struct{ Tries int }

func (e *FewTriesError) Error() string { return fmt.Sprintf("%d PUK tries left", e.Tries) }

// MessageKey is the key of the message for a person.
func (e *FewTriesError) MessageKey() string { return "puk-few" }

// MessageArgs are the arguments of the message.
func (e *FewTriesError) MessageArgs() []any { return []any{"n", e.Tries} }

// A WeakPINError reports a new PIN that breaks a rule. Nothing was sent.
type WeakPINError struct{ Rule Rule }

func (e *WeakPINError) Error() string { return "new PIN refused: " + string(e.Rule) }

// MessageKey is the key of the message for a person.
func (e *WeakPINError) MessageKey() string { return "new-pin-" + string(e.Rule) }

// An UncertainError means that the link broke while the PIN was being changed:
// the new one may be in force, or the old one.
type UncertainError struct{ Err error }

func (e *UncertainError) Error() string { return "change of the PIN uncertain: " + e.Err.Error() }

// MessageKey is the key of the message for a person.
func (e *UncertainError) MessageKey() string { return "pin-uncertain" }

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

// gone says whether the card itself is lost, not only its channel: that is also what
// comes of keys that do not fit.
func gone(err error) bool { return linkLost(err) && !errors.Is(err, applet.ErrSessionLost) }

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
