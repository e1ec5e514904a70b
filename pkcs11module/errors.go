package pkcs11module

import (
	"context"
	"errors"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/pcsc"
)

// answers are the return values of what cards, readers and holders do. The first
// that matches counts.
var answers = []struct {
	err   error
	value ReturnValue
}{
	{applet.ErrPINBlocked, CKR_PIN_LOCKED},
	{cie.ErrLastTry, CKR_PIN_LOCKED}, // the last try is spent in our own program only
	{cie.ErrNeedsAllDigits, CKR_PIN_INCORRECT},
	{cie.ErrNoHalf, CKR_PIN_INCORRECT},
	{cie.ErrStaleHalf, CKR_PIN_INCORRECT},
	{cie.ErrCodeLength, CKR_PIN_INCORRECT},
	{cie.ErrCodeDigits, CKR_PIN_INCORRECT},
	{cie.ErrClosed, CKR_USER_NOT_LOGGED_IN},
	{pcsc.ErrRemoved, CKR_DEVICE_REMOVED},
	{pcsc.ErrNoCard, CKR_DEVICE_REMOVED},
	{pcsc.ErrNoReader, CKR_DEVICE_REMOVED},
	{cie.ErrOtherCard, CKR_DEVICE_REMOVED},
}

// ReturnValueOf is the CK_RV of an error; what has no value of its own is
// CKR_DEVICE_ERROR.
func ReturnValueOf(err error) ReturnValue {
	var value ReturnValue
	var wrong *applet.WrongCodeError
	var sent *cie.SentError
	var status *apdu.StatusError
	switch {
	case err == nil:
		return CKR_OK
	case errors.As(err, &value):
		return value
	case errors.As(err, &wrong):
		return CKR_PIN_INCORRECT
	case errors.As(err, &sent): // the tries left are not known
		return CKR_DEVICE_ERROR
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a.value
		}
	}
	if errors.As(err, &status) && (status.SW == 0x6A80 || status.SW == 0x6700) {
		return CKR_DATA_LEN_RANGE
	}
	return CKR_DEVICE_ERROR
}

// because is the answer of a call that failed, perhaps since ctx was ended: then
// why it was.
func because(ctx context.Context, err error) error {
	var cause ReturnValue
	if errors.As(context.Cause(ctx), &cause) {
		return cause
	}
	return ReturnValueOf(err)
}
