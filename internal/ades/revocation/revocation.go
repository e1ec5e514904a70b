// Package revocation judges answers about certificates: those of OCSP responders (RFC
// 6960) and lists of revoked certificates (RFC 5280 §5). Whoever may give them is
// checked, for the answers come from files and networks of strangers. It asks through a
// function that it is given, and knows no network itself.
package revocation

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A State is what is known of a certificate.
type State string

// The states. Unknown is what is left where no answer counts.
const (
	Good    State = "good"
	Revoked State = "revoked"
	Unknown State = "unknown"
)

// Why an answer does not count.
var (
	ErrFormat  = errors.New("answer about a certificate: malformed")
	ErrOther   = errors.New("answer about another certificate")
	ErrSigner  = errors.New("answer by somebody who may not give it")
	ErrTime    = errors.New("answer not of the time asked about")
	ErrScope   = errors.New("answer with limits that are not understood")
	ErrNoState = errors.New("answer without a state of the certificate")
)

// A Status is what the answers say of one certificate.
type Status struct {
	State     State
	Source    string    // "ocsp", "crl"; "": no answer counts
	Updated   time.Time // as of when it is known
	RevokedAt time.Time // zero: not revoked
	Reason    int       // of the revocation (RFC 5280 §5.3.1)
	Why       error     // of Unknown: why none counts; nil: there is none
}

// Suspended says whether the revocation may be taken back.
func (s Status) Suspended() bool { return s.Reason == reasonHold }

// At is the state at a time: before it was revoked a certificate was good.
func (s Status) At(at time.Time) State {
	if s.State == Revoked && s.RevokedAt.After(at) {
		return Good
	}
	return s.State
}

// Compromised says whether the key may have been another's before the revocation:
// whatever it signed counts no more, whenever that was (RFC 3161 §4, clause 1).
func (s Status) Compromised() bool {
	const affiliation, superseded, cessation = 3, 4, 5
	return s.State == Revoked && s.Reason != affiliation && s.Reason != superseded && s.Reason != cessation
}

// Reasons (RFC 5280 §5.3.1).
const reasonHold = 6

// Data are answers as they were received. None is believed.
type Data struct {
	OCSP         [][]byte            // OCSPResponse or BasicOCSPResponse, DER
	CRL          [][]byte            // CertificateList, DER
	Certificates []*x509.Certificate // among which those of responders may be
}

// With is both.
func (d Data) With(more Data) Data {
	return Data{
		slices.Concat(d.OCSP, more.OCSP), slices.Concat(d.CRL, more.CRL),
		slices.Concat(d.Certificates, more.Certificates),
	}
}

// Tolerances.
const (
	ahead = 5 * time.Minute // by which a clock may be
	alone = 24 * time.Hour  // for which an answer is good that does not say
)

// Status judges a certificate at a time, by the newest answer that counts: one of its
// issuer, or of whom that has charged with it.
func (d Data) Status(c, issuer *x509.Certificate, at, now time.Time) Status {
	q := question{d, c, issuer, at, now}
	best := q.responders()
	best.take(q.crls(c))
	return best
}

// take keeps the newer of two answers, if it counts.
func (s *Status) take(other Status, err error) {
	switch {
	case err != nil && s.Source == "" && (s.Why == nil || errors.Is(s.Why, ErrOther)):
		s.Why = err
	case err == nil && (s.Source == "" || other.Updated.After(s.Updated)):
		*s = other
	}
}

// A question is about one certificate.
type question struct {
	Data
	c, issuer *x509.Certificate
	at, now   time.Time
}

// fresh wants an answer of the time asked about. That a certificate is revoked for good
// stays true; that it is good is known until the next answer, and of an expired one
// nobody need say it any more.
func (q question) fresh(s Status, next time.Time) error {
	if next.IsZero() {
		next = s.Updated.Add(alone)
	}
	switch {
	case s.Updated.After(q.now.Add(ahead)), next.Before(s.Updated):
		return fmt.Errorf("%w: it is of a time to come", ErrTime)
	case s.State == Revoked && !s.Suspended():
		return nil
	case next.Before(q.at):
		return fmt.Errorf("%w: it was good until %s", ErrTime, next.UTC().Format(time.RFC3339))
	case s.Updated.After(q.c.NotAfter):
		return fmt.Errorf("%w: the certificate had expired before", ErrTime)
	}
	return nil
}

// Object identifiers of extensions (RFC 5280 §5.2, RFC 6960 §4.2.2.2.1).
var (
	oidNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidDelta   = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidScope   = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// strong refuses keys that are weak, and those that only cost time.
func strong(c *x509.Certificate) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n >= 2048 && n <= 8192 {
			return nil
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("%w: weak or unknown kind of key", ErrSigner)
}
