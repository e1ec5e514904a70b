package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
)

// holder is a certificate as the cards have it.
func holder() x509.Certificate {
	policy, err := x509.ParseOID(policyCIE)
	if err != nil {
		panic(err)
	}
	return x509.Certificate{
		Subject: pkix.Name{CommonName: "RSSMRA80A01H501U", SerialNumber: "CA00000AA"}, KeyUsage: x509.KeyUsageDigitalSignature,
		Policies: []x509.OID{policy}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// What the CAs of the state sign for other purposes is no holder's certificate.
func TestVerifyHolderRefusesOtherUses(t *testing.T) {
	p := pki()
	roots := &Roots{cie: []anchor{{p.ca.Certificate, true}}}
	verify := func(change func(*x509.Certificate), by signer) (Genuineness, error) {
		c := holder()
		change(&c)
		path, verdict, err := roots.VerifyHolder(issue(c, p.key, &by).Certificate)
		if (err == nil) != (len(path) > 0) {
			t.Errorf("path of %d with %v", len(path), err)
		}
		return verdict, err
	}
	if verdict, err := verify(func(*x509.Certificate) {}, p.ca); verdict != Test || err != nil {
		t.Errorf("as it should be: %v, %v", verdict, err)
	}
	if verdict, err := verify(func(*x509.Certificate) {}, p.impostor); verdict != Failed || !errors.Is(err, ErrSignature) {
		t.Errorf("by an impostor: %v, %v", verdict, err)
	}
	for name, change := range map[string]func(*x509.Certificate){
		"no policy":      func(c *x509.Certificate) { c.Policies = nil },
		"policy of a CA": func(c *x509.Certificate) { c.Policies = []x509.OID{mustOID("1.3.76.47.2")} },
		"longer policy":  func(c *x509.Certificate) { c.Policies = []x509.OID{mustOID("1.3.76.47.4.1")} },
		"a CA":           func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true },
		"for encryption": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
		"critical puzzle": func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		},
	} {
		if verdict, err := verify(change, p.ca); verdict != Failed || !errors.Is(err, ErrUse) {
			t.Errorf("%s: %v, %v", name, verdict, err)
		}
	}
	if _, verdict, err := roots.VerifyHolder(issue(holder(), p.weak, &p.ca).Certificate); verdict != Failed || err == nil {
		t.Errorf("key of 1024 bits: %v, %v", verdict, err)
	}
	if _, verdict, err := BuiltIn().VerifyHolder(issue(holder(), p.key, &p.ca).Certificate); verdict != Unknown || !errors.Is(err, ErrIssuer) {
		t.Errorf("by a CA we do not have: %v, %v", verdict, err)
	}
}

func mustOID(s string) x509.OID {
	id, err := x509.ParseOID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// Cards of adults are valid for ten years, those of minors for at most five: a
// holder of a ten-year card is not a child born in the century's same year.
func TestCenturyOfBirth(t *testing.T) {
	issued := time.Date(2024, time.March, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		taxCode string
		years   int
		want    string
	}{
		{"RSSMRA80A01H501U", 10, "1980-01-01"},
		{"RSSMRA22A01H501X", 3, "2022-01-01"},  // a child of two
		{"RSSMRA22A01H501X", 10, "1922-01-01"}, // a person of a hundred and two
		{"RSSMRA05T71H501X", 10, "2005-12-31"}, // eighteen
		{"RSSMRA10T71H501X", 5, "2010-12-31"},  // thirteen
		{"RSSMRALMALMH5LMU", 10, "2001-01-01"}, // LM = 01: letters for digits, day and place too
		{"RSSMRA80A01H501", 10, "0001-01-01"},  // a character short
		{"rssmra80a01h501u", 10, "0001-01-01"},
	} {
		h := HolderOf(&x509.Certificate{
			Subject:   pkix.Name{CommonName: tt.taxCode + "/more"},
			NotBefore: issued, NotAfter: issued.AddDate(tt.years, 2, 0),
		})
		if got := h.BirthDate.Format(time.DateOnly); got != tt.want {
			t.Errorf("%s, %d years: born %s, want %s", tt.taxCode, tt.years, got, tt.want)
		}
		if wanted := tt.want != "0001-01-01"; wanted != (h.TaxCode == tt.taxCode) {
			t.Errorf("tax code %q of %q", h.TaxCode, tt.taxCode)
		}
	}
}

// TestHostileNames is F86 through a whole certificate: what a screen or terminal
// would obey is gone, and nothing is long.
func TestHostileNames(t *testing.T) {
	p := pki()
	names := []string{
		"\u202EOIRAM", "MA\u200FRIO", "MARIO\u2066", "MA\x1b[31mRIO", "MARIO\r\nROOT", "MA\x00RIO", "M\u0085", "\uFEFFM", "M\u200B", "\u2028M",
		"MA\u061CRIO", "M\U000E0041", strings.Repeat("A", 10<<10), strings.Repeat("\u0301", 10<<10),
	}
	for _, name := range names {
		text := der(0x0C, name) // UTF8String
		c := holder()
		c.RawSubject = []byte(der(0x30,
			der(0x31, der(0x30, "\x06\x03\x55\x04\x2A", text)),  // givenName
			der(0x31, der(0x30, "\x06\x03\x55\x04\x04", text)),  // surname
			der(0x31, der(0x30, "\x06\x03\x55\x04\x05", text)),  // serialNumber
			der(0x31, der(0x30, "\x06\x03\x55\x04\x03", text)))) // commonName
		h := HolderOf(issue(c, p.key, &p.ca).Certificate)
		if h.Name == "" || h.Surname == "" || h.DocumentNumber == "" || h.TaxCode != "" {
			t.Errorf("%+.20q: %+q", name, h)
		}
		for _, shown := range []string{h.Name, h.Surname, h.DocumentNumber} {
			if n := len([]rune(shown)); n > maxText {
				t.Errorf("%+.20q: %d characters", name, n)
			}
			for _, r := range shown {
				if !unicode.IsPrint(r) {
					t.Errorf("%+.20q shows %U", name, r)
				}
			}
		}
	}
}
