package cie

import (
	"crypto/x509"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
)

// A Rule is one that a new PIN must keep.
type Rule string

// The rules.
const (
	RuleAllEqual   Rule = "equal"       // all digits equal
	RuleRun        Rule = "run"         // a rising or falling run
	RuleSame       Rule = "same"        // equal to the old one
	RuleBirthDate  Rule = "birth-date"  // the holder's
	RuleCardNumber Rule = "card-number" // taken from it
)

// CheckNewPIN looks at a new PIN by the rules that need no card: eight digits,
// not all equal, no run, not the old one if all of that is known.
func CheckNewPIN(next, current *secret.Buffer) error {
	if next.Len() != applet.CodeLength {
		return ErrNewPINLength
	}
	if err := digitsOnly(next); err != nil {
		return err
	}
	switch digits := next.Bytes(); {
	case run(digits, 0):
		return &WeakPINError{RuleAllEqual}
	case run(digits, 1), run(digits, 9):
		return &WeakPINError{RuleRun}
	case secret.Equal(digits, current.Bytes()):
		return &WeakPINError{RuleSame}
	}
	return nil
}

// run says whether each digit is that much above the one before, modulo 10.
func run(digits []byte, step byte) bool {
	for i := 1; i < len(digits); i++ {
		if (digits[i-1]-'0'+step)%10 != digits[i]-'0' {
			return false
		}
	}
	return true
}

// checkPersonal looks at a new PIN by what is known of holder and card.
func checkPersonal(next applet.PIN, current applet.PIN, pan applet.PAN, holder *x509.Certificate) error {
	digits := next.Digits()
	if secret.Equal(digits, current.Digits()) {
		return &WeakPINError{RuleSame}
	}
	for number := []byte(pan.String()); len(number) >= len(digits); number = number[1:] {
		if secret.Equal(digits, number[:len(digits)]) {
			return &WeakPINError{RuleCardNumber}
		}
	}
	if holder == nil {
		return nil
	}
	born := trust.HolderOf(holder).BirthDate
	if born.IsZero() {
		return nil
	}
	for _, layout := range []string{"02012006", "20060102", "01022006", "20060201"} {
		if secret.Equal(digits, born.AppendFormat(nil, layout)) {
			return &WeakPINError{RuleBirthDate}
		}
	}
	return nil
}

// holderOf parses the certificate of a record, nil if it has none.
func holderOf(der []byte) *x509.Certificate {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}

// ExpiredAt says whether a certificate is outside its validity.
func ExpiredAt(c *x509.Certificate, t time.Time) bool {
	return t.Before(c.NotBefore) || t.After(c.NotAfter)
}
