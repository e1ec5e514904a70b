package ades

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/trust"
)

// A Verdict is what comes of all facts together. That a signature is valid nobody can
// say here: whether its certificate was revoked is not asked.
type Verdict string

// The verdicts.
const (
	Undetermined Verdict = "undetermined"
	Invalid      Verdict = "invalid"
)

// Reasons that the certificate gives (ETSI EN 319 102-1 V1.4.1 §5.1.3).
const (
	NoChain     cades.Reason = "NO_CERTIFICATE_CHAIN_FOUND"
	OutOfBounds cades.Reason = "OUT_OF_BOUNDS_NO_POE"
	TryLater    cades.Reason = "TRY_LATER" // all in order, revocation not asked
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
	Format     string      `json:"format"`   // "CAdES"
	Encoding   string      `json:"encoding"` // "DER", "BER", "base64", "PEM", "S/MIME"
	Detached   bool        `json:"detached"`
	Document   string      `json:"document,omitempty"` // file that a detached signature was held against
	Size       int64       `json:"size"`               // of the document, in bytes
	SHA256     string      `json:"sha256,omitempty"`   // of the document, hexadecimal
	Verdict    Verdict     `json:"verdict"`            // of the worst signature
	Signatures []Signature `json:"signatures"`
	Inside     *Report     `json:"inside,omitempty"` // the document is a signed file itself
	Detail     string      `json:"detail,omitempty"` // why it cannot be read
}

// A Signature is what is known of one signature, each fact apart.
type Signature struct {
	Verdict    Verdict      `json:"verdict"`
	Reason     cades.Reason `json:"reason"`
	Detail     string       `json:"detail,omitempty"`
	Intact     bool         `json:"intact"`
	Covers     string       `json:"covers"` // "document", "signature" (a counter-signature)
	Level      string       `json:"level"`  // that the file looks like; above B-B it is not judged
	Signer     Signer       `json:"signer"`
	Claimed    string       `json:"claimed_time,omitempty"` // RFC 3339; by the signer, not proved
	Revocation string       `json:"revocation"`             // "not-asked"
	Notes      []cades.Note `json:"notes,omitempty"`
	Counter    []Signature  `json:"counter_signatures,omitempty"`
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
	if r.Verdict == Invalid {
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
}

// VerifyFile judges all signatures of a file. Document is what a detached signature
// was made over; "" looks for it beside the signature.
func VerifyFile(ctx context.Context, path, document string, roots *trust.Roots, now time.Time) (_ Report, err error) {
	defer func() { err = about(path, err) }()
	file, err := open(path)
	if err != nil {
		return Report{}, err
	}
	defer file.Close()
	if document == "" && strings.EqualFold(filepath.Ext(path), ".p7s") {
		if beside := strings.TrimSuffix(path, filepath.Ext(path)); isFile(beside) {
			document = beside
		}
	}
	f, err := holding(file)
	if err != nil {
		return Report{}, err
	}
	r, err := f.verify(verifier{ctx, roots, now}, file, document)
	r.File = path
	return r, err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func (r *Report) add(s Signature) {
	r.Signatures = append(r.Signatures, s)
	if s.Verdict == Invalid {
		r.Verdict = Invalid
	}
}

// judge puts what the file says and what the certificate says together.
func (v verifier) judge(s cades.Signature, others []*x509.Certificate, covers string) Signature {
	out := Signature{Verdict: Undetermined, Intact: s.Intact, Covers: covers, Level: s.Level, Revocation: "not-asked", Notes: s.Notes}
	if !s.Claimed.IsZero() {
		out.Claimed = s.Claimed.UTC().Format(time.RFC3339)
	}
	out.Signer.Kind = KindOther
	if s.Certificate != nil {
		out.Reason, out.Detail = v.certificate(s.Certificate, others, &out.Signer)
	}
	if out.Reason == cades.SigConstraintsFailure {
		out.Verdict = Invalid
	}
	if f := s.Failure; f != nil && (f.Invalid || out.Verdict != Invalid) {
		out.Reason, out.Detail = f.Reason, f.Detail
		if f.Invalid {
			out.Verdict = Invalid
		}
	}
	for _, c := range s.Counter {
		out.Counter = append(out.Counter, v.judge(c, others, "signature"))
		if out.Counter[len(out.Counter)-1].Verdict == Invalid {
			out.Notes = append(out.Notes, NoteCounter)
		}
	}
	return out
}

// NoteCounter means that a counter-signature is not valid.
const NoteCounter cades.Note = "counter-invalid"

// certificate says who signed, and what is to be said against it. Nothing proves when
// a signature was made, so all is judged as of now; of a certificate that has expired
// it is still told who vouched for it.
func (v verifier) certificate(c *x509.Certificate, others []*x509.Certificate, who *Signer) (cades.Reason, string) {
	d := trust.HolderOf(c)
	who.Name, who.TaxCode, who.Issuer = d.FullName(), d.TaxCode, trust.Display(c.Issuer.CommonName)
	if who.Name == "" {
		who.Name = trust.Display(c.Subject.CommonName)
	}
	who.From, who.Expires = c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly)
	who.Serial = hex.EncodeToString(c.SerialNumber.Bytes())
	at, expired := v.now, v.now.After(c.NotAfter)
	if expired {
		at = c.NotAfter
	}
	_, verdict, err := v.roots.JudgeSigner(c, others, at)
	switch {
	case verdict == trust.Genuine && trust.IsCIE(c):
		who.Kind = KindCIE
	case verdict == trust.Test:
		who.Kind = KindTest
	}
	switch {
	case errors.Is(err, trust.ErrUse):
		return cades.SigConstraintsFailure, "the certificate is not for signatures"
	case expired, v.now.Before(c.NotBefore):
		return OutOfBounds, "no time stamp proves that it was signed while the certificate was valid"
	case err != nil:
		return NoChain, trust.Display(err.Error())
	}
	return TryLater, "whether the certificate was revoked is not asked"
}
