package guide

import "github.com/softwarecie/cie/internal/secret"

// Digit is the digit at a position of half a PUK, as the portal asks for it: the
// first is number 1. False where nothing, or no digit, has been typed.
func Digit(half *secret.Buffer, position int) (byte, bool) {
	digits := half.Bytes()
	if position < 1 || position > len(digits) {
		return 0, false
	}
	d := digits[position-1]
	return d, d >= '0' && d <= '9'
}
