package ades

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/revocation"
	"github.com/softwarecie/cie/internal/ades/tsp"
	"github.com/softwarecie/cie/internal/trust"
)

// Fetch gets what an address gives, within the limits of a query.
type Fetch func(context.Context, revocation.Query) ([]byte, error)

// maxAsking is how long the network may be asked about all signatures of one file.
const maxAsking = time.Minute

// A TimeStamp is what is known of a time stamp over a signature.
type TimeStamp struct {
	Time       string `json:"time,omitempty"`      // RFC 3339; proved only if it counts
	Authority  string `json:"authority,omitempty"` // name in its certificate
	Issuer     string `json:"issuer,omitempty"`
	Known      bool   `json:"known"`            // a CA that the settings added vouches for the authority
	Revocation string `json:"revocation"`       // of its certificate, as for a signature
	Counts     bool   `json:"counts"`           // it proves that the signature was there at that time
	Reason     string `json:"reason,omitempty"` // why not: one of the words below
	Detail     string `json:"detail,omitempty"`
}

// Why a time stamp does not count.
const (
	StampWrong   = "wrong"              // malformed, not over this signature, or not by who may
	StampUnknown = "authority-unknown"  // nobody known here vouches for it
	StampRevoked = "revoked"            // its certificate, or a CA's above
	StampOpen    = "revocation-unknown" // nothing tells whether that was revoked
)

// A CertificateStatus is what is known of whether the signer's certificate was revoked.
type CertificateStatus struct {
	Revocation string `json:"revocation"`                  // "good", "revoked", "suspended", "unknown", "not-asked"
	Source     string `json:"revocation_source,omitempty"` // "ocsp-file", "crl-file", "ocsp-network", "crl-network"
	Updated    string `json:"revocation_time,omitempty"`   // RFC 3339; as of when it is known
	RevokedAt  string `json:"revoked_at,omitempty"`        // RFC 3339
	Why        string `json:"revocation_detail,omitempty"` // why it is unknown
}

// What is said of revocation.
const (
	revGood      = "good"
	revRevoked   = "revoked"
	revSuspended = "suspended"
	revUnknown   = "unknown"
	revNotAsked  = "not-asked"
)

// Notes on what proves time and revocation.
const (
	NoteClaimed   cades.Note = "time-claimed"       // nothing proves when it was signed
	NoteStampLax  cades.Note = "stamp-lax"          // its certificate is not only for time stamps
	NoteStampAdd  cades.Note = "stamp-added"        // the settings alone vouch for its authority
	NoteAdded     cades.Note = "signer-added"       // the settings alone vouch for the signer
	NoteEarlier   cades.Note = "revocation-earlier" // the state is known up to before the time stamp
	NoteUnchecked cades.Note = "issuer-unchecked"   // nothing tells whether a CA's certificate was revoked
)

// status is what the answers in the file, and the network if it may be asked, say of a
// certificate; the newest counts.
func (v verifier) status(c, issuer *x509.Certificate, d revocation.Data, at time.Time) (revocation.Status, string) {
	s := d.Status(c, issuer, at, v.now)
	if v.asker == nil {
		return s, "file"
	}
	asked := v.asker.Ask(v.ctx, c, issuer, d, v.now)
	if asked.Source != "" && (s.Source == "" || asked.Updated.After(s.Updated)) || s.Source == "" && asked.Why != nil {
		return asked, "network"
	}
	return s, "file"
}

// told is a status at a time, for the report.
func (v verifier) told(s revocation.Status, where string, at time.Time) CertificateStatus {
	r := CertificateStatus{Revocation: string(s.At(at))}
	switch {
	case s.Source != "":
		r.Source, r.Updated = s.Source+"-"+where, stamp(s.Updated)
	case v.asker == nil && (s.Why == nil || errors.Is(s.Why, revocation.ErrOther)):
		r.Revocation = revNotAsked
	case s.Why == nil:
		r.Why = "the certificate names nobody to ask"
	default:
		r.Why = trust.Display(s.Why.Error())
	}
	if s.State == revocation.Revoked {
		r.RevokedAt = stamp(s.RevokedAt)
	}
	if r.Revocation == revRevoked && s.Suspended() {
		r.Revocation = revSuspended
	}
	return r
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// prove judges the time stamps over a signature. It returns the earliest time that is
// proved, zero if none is.
func (v verifier) prove(s cades.Signature, d revocation.Data, out *Signature) (best time.Time) {
	for _, raw := range s.Stamps {
		t, at := v.timeStamp(raw, s.Value, d, out)
		out.Stamps = append(out.Stamps, t)
		if t.Counts && (best.IsZero() || at.Before(best)) {
			best = at
		}
	}
	if !best.IsZero() {
		out.Proved = stamp(best)
		out.note(NoteStampAdd)
	}
	return best
}

// timeStamp judges one time stamp. It proves something if it is over the signature, a
// known authority gave it, and it is certain that its certificate was not revoked.
func (v verifier) timeStamp(raw, over []byte, d revocation.Data, out *Signature) (TimeStamp, time.Time) {
	t := TimeStamp{Revocation: revNotAsked, Reason: StampWrong}
	token, err := tsp.Parse(raw, d.Certificates, v.now)
	if err == nil {
		c := token.Certificate
		t.Time, t.Authority, t.Issuer = stamp(token.Time), trust.Display(c.Subject.CommonName), trust.Display(c.Issuer.CommonName)
		err = token.Stamps(over)
	}
	switch {
	case err != nil:
		t.Detail = trust.Display(err.Error())
		return t, time.Time{}
	case token.Time.After(v.now.Add(clockAhead)):
		t.Detail = "its time is to come"
		return t, time.Time{}
	}
	d = d.With(token.Proofs)
	path, err := v.roots.JudgeStamper(token.Certificate, d.Certificates, v.now)
	if t.Known = err == nil && len(path) > 0; !t.Known {
		t.Reason, t.Detail = StampUnknown, "nobody known vouches for the authority now"
		return t, time.Time{}
	}
	s, where := v.status(token.Certificate, path[0], d, token.Time)
	r := v.told(s, where, token.Time)
	t.Revocation, t.Detail = r.Revocation, r.Why
	switch {
	case s.Compromised(), r.Revocation == revRevoked, v.above(path, d, token.Time) == revocation.Revoked:
		t.Reason = StampRevoked
	case r.Revocation != revGood:
		t.Reason = StampOpen
	default:
		t.Counts, t.Reason = true, ""
		if token.Lax {
			out.note(NoteStampLax)
		}
	}
	return t, token.Time
}

// clockAhead is by how much clocks may differ.
const clockAhead = 5 * time.Minute

// above is the state of the CAs in a path but the last, which is believed.
func (v verifier) above(path []*x509.Certificate, d revocation.Data, at time.Time) revocation.State {
	all := revocation.Good
	for i := range len(path) - 1 {
		s, _ := v.status(path[i], path[i+1], d, at)
		switch {
		case s.State == revocation.Revoked && (s.Compromised() || s.At(at) == revocation.Revoked):
			return revocation.Revoked
		case s.State == revocation.Unknown:
			all = revocation.Unknown
		}
	}
	return all
}

// revoked says whether the certificate of a signer counts at the time that is proved,
// or else now. The reason is "" if it does.
func (v verifier) revoked(c *x509.Certificate, path []*x509.Certificate, d revocation.Data, best time.Time, out *Signature) (cades.Reason, string) {
	at := best
	if best.IsZero() {
		at = v.now
	}
	if len(path) == 0 {
		return TryLater, "nobody can say whether the certificate was revoked"
	}
	s, where := v.status(c, path[0], d, at)
	out.CertificateStatus = v.told(s, where, at)
	switch s.At(at) {
	case revocation.Revoked:
		if best.IsZero() || s.Suspended() {
			return RevokedNoPOE, "revoked, and no time stamp proves that it was signed before"
		}
		return Revoked, "revoked before the time stamp"
	case revocation.Unknown:
		if out.Revocation == revNotAsked {
			return TryLater, "whether the certificate was revoked is not asked"
		}
		return TryLater, "whether the certificate was revoked cannot be told: " + out.Why
	}
	if s.Updated.Before(best) {
		out.note(NoteEarlier)
	}
	switch v.above(path, d, at) {
	case revocation.Revoked:
		return RevokedCANoPOE, "the certificate of a CA was revoked"
	case revocation.Unknown:
		out.note(NoteUnchecked)
	}
	return "", ""
}
