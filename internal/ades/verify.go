package ades

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/revocation"
	"github.com/softwarecie/cie/internal/trust"
)

// A Verdict is what comes of all facts together.
type Verdict string

// The verdicts. Valid is said only where every fact is there: intact, made with a
// certificate that somebody known vouches for, and an answer that it was not revoked.
const (
	Valid        Verdict = "valid"
	Undetermined Verdict = "undetermined"
	Invalid      Verdict = "invalid"
)

// Reasons that the certificate gives (ETSI EN 319 102-1 V1.4.1 §5.1.3).
const (
	NoChain        cades.Reason = "NO_CERTIFICATE_CHAIN_FOUND"
	OutOfBounds    cades.Reason = "OUT_OF_BOUNDS_NO_POE"
	Revoked        cades.Reason = "REVOKED" // before the time that is proved
	RevokedNoPOE   cades.Reason = "REVOKED_NO_POE"
	RevokedCANoPOE cades.Reason = "REVOKED_CA_NO_POE"
	TryLater       cades.Reason = "TRY_LATER" // all in order, but nothing tells whether it was revoked
)

// Kinds of signers.
const (
	KindCIE   = "cie"   // the state's CAs vouch for it: an advanced signature with a CIE
	KindTest  = "test"  // CAs vouch for it that the settings added
	KindOther = "other" // nobody known here vouches for it
)

// A Report is what is known of a signed file. Names and meanings are stable.
type Report struct {
	File       string      `json:"file,omitempty"`
	Format     string      `json:"format"`   // "CAdES", "PAdES", "XAdES"
	Encoding   string      `json:"encoding"` // "DER", "BER", "base64", "PEM", "S/MIME", "PDF"; of XML that of its characters
	Detached   bool        `json:"detached"`
	Document   string      `json:"document,omitempty"` // file that a detached signature was held against
	Size       int64       `json:"size"`               // of the document, in bytes
	SHA256     string      `json:"sha256,omitempty"`   // of the document, hexadecimal
	Verdict    Verdict     `json:"verdict"`            // of the worst signature
	Signatures []Signature `json:"signatures"`
	Active     []string    `json:"active,omitempty"` // of a PDF: what may change what is seen: "action", "files", "layers", "script", "xfa"
	Inside     *Report     `json:"inside,omitempty"` // the document is a signed file itself
	Detail     string      `json:"detail,omitempty"` // why it cannot be read
}

// A Signature is what is known of one signature, each fact apart.
type Signature struct {
	Verdict Verdict      `json:"verdict"`
	Reason  cades.Reason `json:"reason"`
	Detail  string       `json:"detail,omitempty"`
	Intact  bool         `json:"intact"`
	Covers  string       `json:"covers"`         // "document", "revision" (an earlier version of a PDF), "part" (of XML), "signature" (a counter-signature), "nothing"
	Part    string       `json:"part,omitempty"` // of XML: the way to the element that alone is signed
	Level   string       `json:"level"`          // that the file looks like
	Signer  Signer       `json:"signer"`
	Claimed string       `json:"claimed_time,omitempty"` // RFC 3339; by the signer, not proved
	Proved  string       `json:"proved_time,omitempty"`  // RFC 3339; by a time stamp
	Stamps  []TimeStamp  `json:"time_stamps,omitempty"`
	CertificateStatus
	Notes   []cades.Note `json:"notes,omitempty"`
	Counter []Signature  `json:"counter_signatures,omitempty"`
	PDF     *PDF         `json:"pdf,omitempty"`
}

// A Signer is whose certificate it is. Texts are safe to show.
type Signer struct {
	Kind    string `json:"kind"`
	Name    string `json:"name,omitempty"`
	TaxCode string `json:"tax_code,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
	From    string `json:"from,omitempty"`    // YYYY-MM-DD
	Expires string `json:"expires,omitempty"` // YYYY-MM-DD
	Serial  string `json:"serial,omitempty"`  // of the certificate, hexadecimal
}

// Err is what the verdict is to a script.
func (r Report) Err() error {
	switch r.Verdict {
	case Valid:
		return nil
	case Invalid:
		return &FileError{ErrInvalid, r.File}
	}
	return &FileError{ErrUndetermined, r.File}
}

// maxLayers is how deep signed files within signed files are followed.
const maxLayers = 5

// A verifier is what one verification needs to know.
type verifier struct {
	ctx   context.Context //nolint:containedctx // of one call
	roots *trust.Roots
	now   time.Time
	asker *revocation.Asker // nil: no network
}

// VerifyFile judges all signatures of a file, and asks no network. Document is what a
// detached signature was made over; "" looks for it beside the signature.
func VerifyFile(ctx context.Context, path, document string, roots *trust.Roots, now time.Time) (Report, error) {
	return verifyFile(verifier{ctx: ctx, roots: roots, now: now}, path, document)
}

// VerifyOnline asks the addresses in the certificates too, whether they were revoked:
// OCSP, then CRLs. Of certificates that nobody known vouches for, nobody is asked.
func VerifyOnline(ctx context.Context, path, document string, roots *trust.Roots, now time.Time, fetch Fetch) (Report, error) {
	asking, cancel := context.WithTimeout(ctx, maxAsking)
	defer cancel()
	asker := revocation.NewAsker(func(_ context.Context, q revocation.Query) ([]byte, error) { return fetch(asking, q) })
	return verifyFile(verifier{ctx, roots, now, asker}, path, document)
}

func verifyFile(v verifier, path, document string) (_ Report, err error) {
	defer func() { err = about(path, err) }()
	file, err := open(path)
	if err != nil {
		return Report{}, err
	}
	defer file.Close()
	if beside := Beside(path); document == "" && beside != "" && isFile(beside) {
		document = beside
	}
	f, err := holding(file)
	if err != nil {
		return Report{}, err
	}
	r, err := f.verify(v, file, document)
	r.File = path
	return r, err
}

// Beside is the path of the document that a signature alone would be beside by its
// name; "" if its name is no such one.
func Beside(path string) string {
	for _, end := range []string{".p7s", detachedXML} {
		if stem := len(path) - len(end); stem > 0 && strings.EqualFold(path[stem:], end) {
			return path[:stem]
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func (r *Report) add(s Signature) {
	if len(r.Signatures) == 0 {
		r.Verdict = s.Verdict
	}
	r.Signatures = append(r.Signatures, s)
	r.atMost(s.Verdict)
}

// atMost makes a report no better than a verdict.
func (r *Report) atMost(v Verdict) {
	if v == Invalid || v == Undetermined && r.Verdict == Valid {
		r.Verdict = v
	}
}

func (s *Signature) note(n cades.Note) {
	if !slices.Contains(s.Notes, n) {
		s.Notes = append(s.Notes, n)
	}
}

// judge puts what the file says, what the certificate says, and what proves time and
// revocation together.
func (v verifier) judge(s cades.Signature, others []*x509.Certificate, covers string) Signature {
	out := Signature{Verdict: Undetermined, Intact: s.Intact, Covers: covers, Level: s.Level, Notes: s.Notes}
	out.Revocation = revNotAsked
	if !s.Claimed.IsZero() {
		out.Claimed = stamp(s.Claimed)
	}
	proofs := s.Proofs.With(revocation.Data{Certificates: others})
	best := v.prove(s, proofs, &out)
	out.Signer.Kind = KindOther
	if s.Certificate != nil {
		var path []*x509.Certificate
		if path, out.Reason, out.Detail = v.certificate(s.Certificate, others, best, &out.Signer); out.Reason == "" {
			out.Reason, out.Detail = v.revoked(s.Certificate, path, proofs, best, &out)
		}
	}
	if out.Reason == cades.SigConstraintsFailure || out.Reason == Revoked {
		out.Verdict = Invalid
	}
	if f := s.Failure; f != nil && (f.Invalid || out.Verdict != Invalid) {
		out.Reason, out.Detail = f.Reason, f.Detail
		if f.Invalid {
			out.Verdict = Invalid
		}
	}
	if out.Reason == "" && out.Intact && s.Certificate != nil {
		out.accept(best)
	}
	for _, c := range s.Counter {
		c.Proofs = c.Proofs.With(s.Proofs)
		out.counter(v.judge(c, others, "signature"))
	}
	return out
}

// accept calls a signature valid that nothing is to be said against, with what is to be
// said all the same, and unless it leaves a part of the document to others.
func (s *Signature) accept(best time.Time) {
	if !slices.Contains([]string{"document", "revision", "signature"}, s.Covers) {
		s.Reason, s.Detail = cades.SigConstraintsFailure, "not the whole document is signed"
		return
	}
	s.Verdict = Valid
	if best.IsZero() {
		s.note(NoteClaimed)
	}
	if s.Signer.Kind == KindTest {
		s.note(NoteAdded)
	}
}

// counter adds a counter-signature.
func (s *Signature) counter(c Signature) {
	s.Counter = append(s.Counter, c)
	if c.Verdict == Invalid {
		s.note(NoteCounter)
	}
}

// NoteCounter means that a counter-signature is not valid.
const NoteCounter cades.Note = "counter-invalid"

// certificate says who signed, and what is to be said against it at the time that is
// proved, or else now; of a certificate that had expired it is still told who vouched for
// it. It returns the CAs that do, nearest first. The reason is "" where there is none.
func (v verifier) certificate(c *x509.Certificate, others []*x509.Certificate, best time.Time, who *Signer) ([]*x509.Certificate, cades.Reason, string) {
	d := trust.HolderOf(c)
	who.Name, who.TaxCode, who.Issuer = d.FullName(), d.TaxCode, trust.Display(c.Issuer.CommonName)
	if who.Name == "" {
		who.Name = trust.Display(c.Subject.CommonName)
	}
	who.From, who.Expires = c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly)
	who.Serial = hex.EncodeToString(c.SerialNumber.Bytes())
	at := best
	if best.IsZero() {
		at = v.now
	}
	expired, early := at.After(c.NotAfter), at.Before(c.NotBefore)
	if expired {
		at = c.NotAfter
	}
	path, verdict, err := v.roots.JudgeSigner(c, others, at)
	switch {
	case verdict == trust.Genuine && trust.IsCIE(c):
		who.Kind = KindCIE
	case verdict == trust.Test:
		who.Kind = KindTest
	}
	switch {
	case errors.Is(err, trust.ErrUse):
		return nil, cades.SigConstraintsFailure, "the certificate is not for signatures"
	case expired, early:
		return nil, OutOfBounds, "no time stamp proves that it was signed while the certificate was valid"
	case err != nil:
		return nil, NoChain, trust.Display(err.Error())
	case who.Kind == KindOther:
		return nil, NoChain, "the state's CA vouches for it, but it is not that of a card"
	}
	return path, "", ""
}
