package applet

import (
	"fmt"
	"log/slog"

	"github.com/softwarecie/cie/internal/secret"
)

// CodeLength is the number of digits of a PIN and of a PUK.
const CodeLength = 8

// A Code names one of the two codes of a card.
type Code string

// The codes.
const (
	CodePIN Code = "PIN"
	CodePUK Code = "PUK"
)

// MaxTries is the number of wrong entries in a row that blocks the code.
func (c Code) MaxTries() int {
	if c == CodePUK {
		return 10
	}
	return 3
}

func (c Code) reference() byte {
	if c == CodePUK {
		return refPUK
	}
	return refPIN
}

// A PIN is the holder's code, eight ASCII digits. It prints as "[PIN]" under
// every verb. The zero value is no PIN.
type PIN struct{ digits *secret.Buffer }

// A PUK is the code that unblocks the PIN, eight ASCII digits. It prints as
// "[PUK]" under every verb. The zero value is no PUK.
type PUK struct{ digits *secret.Buffer }

// ParsePIN copies the digits into a PIN. It returns ErrCodeForm unless they are
// eight ASCII digits.
func ParsePIN(digits []byte) (PIN, error) {
	buffer, err := parseCode(digits)
	return PIN{buffer}, err
}

// ParsePUK copies the digits into a PUK. It returns ErrCodeForm unless they are
// eight ASCII digits.
func ParsePUK(digits []byte) (PUK, error) {
	buffer, err := parseCode(digits)
	return PUK{buffer}, err
}

func parseCode(digits []byte) (*secret.Buffer, error) {
	if len(digits) != CodeLength || !OnlyDigits(digits) {
		return nil, ErrCodeForm
	}
	buffer := secret.New(CodeLength)
	secret.Copy(buffer.Bytes(), digits)
	return buffer, nil
}

// OnlyDigits says whether every byte is an ASCII digit.
func OnlyDigits(code []byte) bool {
	for _, c := range code {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Digits are the eight digits themselves, valid until Wipe. Nobody keeps them.
func (p PIN) Digits() []byte { return p.digits.Bytes() }

// Wipe clears the PIN.
func (p PIN) Wipe() { p.digits.Wipe() }

// Wipe clears the PUK.
func (p PUK) Wipe() { p.digits.Wipe() }

// Format prints "[PIN]".
func (PIN) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[PIN]")) }

// LogValue logs "[PIN]".
func (PIN) LogValue() slog.Value { return slog.StringValue("[PIN]") }

// Format prints "[PUK]".
func (PUK) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[PUK]")) }

// LogValue logs "[PUK]".
func (PUK) LogValue() slog.Value { return slog.StringValue("[PUK]") }
