package trust

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Holder is what a certificate says of the person it belongs to. Texts are
// safe to show: no control characters, no marks that change the direction of
// writing, of sensible length.
type Holder struct {
	Name, Surname  string
	TaxCode        string    // "" when the certificate has none of the right form
	BirthDate      time.Time // from the tax code; zero when it cannot be read
	DocumentNumber string
	From, Expires  time.Time
}

// maxText is the length in characters at which a name is cut.
const maxText = 100

// taxCode is the form of an Italian tax code; digits may be replaced by letters
// where two persons would have the same one.
var taxCode = regexp.MustCompile(`^[A-Z]{6}([0-9LMNPQRSTUV]{2})([ABCDEHLMPRST])([0-9LMNPQRSTUV]{2})[A-Z][0-9LMNPQRSTUV]{3}[A-Z]`)

// HolderOf reads the subject of a holder's certificate.
func HolderOf(c *x509.Certificate) Holder {
	h := Holder{From: c.NotBefore, Expires: c.NotAfter, DocumentNumber: Display(c.Subject.SerialNumber)}
	for _, a := range c.Subject.Names {
		value, ok := a.Value.(string)
		if !ok {
			continue
		}
		switch {
		case a.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 4}):
			h.Surname = Display(value)
		case a.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 42}):
			h.Name = Display(value)
		}
	}
	if m := taxCode.FindStringSubmatch(c.Subject.CommonName); m != nil {
		h.TaxCode = m[0]
		h.BirthDate = birthDate(m[1], m[2], m[3], lastBirth(c))
	}
	return h
}

// FullName is name and surname.
func (h Holder) FullName() string { return strings.TrimSpace(h.Name + " " + h.Surname) }

// Display makes a text of a certificate safe to show.
func Display(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
			return '\uFFFD'
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxText {
		return string(runes[:maxText-1]) + "…"
	}
	return s
}

// lastBirth is the last day on which the holder can have been born: cards of
// minors are valid for three or five years, those of adults for ten.
func lastBirth(c *x509.Certificate) time.Time {
	if c.NotAfter.After(c.NotBefore.AddDate(7, 0, 0)) {
		return c.NotBefore.AddDate(-18, 0, 0)
	}
	return c.NotBefore
}

// birthDate reads year, month and day of a tax code: the month is a letter, the
// day of a woman is 40 higher. The century is the latest that is not after last.
func birthDate(year, month, day string, last time.Time) time.Time {
	y, d := number(year), number(day)
	m := strings.Index("ABCDEHLMPRST", month) + 1
	if d > 40 {
		d -= 40
	}
	y += last.Year() / 100 * 100
	date := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if date.After(last) {
		date = time.Date(y-100, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	}
	if d < 1 || date.Day() != d {
		return time.Time{}
	}
	return date
}

// number reads two digits, each of which may be one of the letters in its place.
func number(s string) int {
	n := 0
	for _, c := range s {
		if i := strings.IndexRune("LMNPQRSTUV", c); i >= 0 {
			c = rune('0' + i)
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// policyCIE marks the authentication certificates of the cards, which are not all
// that the CAs of the state may issue.
const policyCIE = "1.3.76.47.4"

// VerifyHolder judges a holder's certificate by the CAs that vouch for it, which
// it returns nearest first. Whether it is valid now is for the caller to see:
// HolderOf gives its dates.
func (r *Roots) VerifyHolder(c *x509.Certificate) ([]*x509.Certificate, Genuineness, error) {
	path, verdict, err := climb(r.cie, c)
	if err != nil {
		return nil, verdict, err
	}
	if err := checkUse(c); err != nil {
		return nil, Failed, err
	}
	if !IsCIE(c) {
		return nil, Failed, fmt.Errorf("%w: policy is not %s", ErrUse, policyCIE)
	}
	if _, err := keyOf(c); err != nil {
		return nil, Failed, err
	}
	return path, verdict, nil
}
