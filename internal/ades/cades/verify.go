package cades

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // signing-certificate of old signatures is made with it
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/softwarecie/cie/internal/ades/revocation"
)

// A Reason says what is wrong with a signature, in the words of ETSI EN 319 102-1
// V1.4.1 §5.1.3.
type Reason string

// The reasons a signature alone can give.
const (
	HashFailure              Reason = "HASH_FAILURE"
	SigCryptoFailure         Reason = "SIG_CRYPTO_FAILURE"
	FormatFailure            Reason = "FORMAT_FAILURE"
	SignedDataNotFound       Reason = "SIGNED_DATA_NOT_FOUND"
	NoSigningCertificate     Reason = "NO_SIGNING_CERTIFICATE_FOUND"
	SigConstraintsFailure    Reason = "SIG_CONSTRAINTS_FAILURE"
	CryptoConstraintsFailure Reason = "CRYPTO_CONSTRAINTS_FAILURE"
)

// A Failure is what keeps a signature from being valid.
type Failure struct {
	Reason  Reason
	Invalid bool // it is wrong; else it only cannot be told
	Detail  string
}

func (f *Failure) Error() string { return string(f.Reason) + ": " + f.Detail }

func wrong(r Reason, detail string) error { return &Failure{r, true, detail} }
func doubt(r Reason, detail string) error { return &Failure{r, false, detail} }

// A Note is something worth knowing of a signature, which does not decide.
type Note string

// The notes.
const (
	NoteTrailing    Note = "trailing-bytes"      // bytes behind the signed data
	NoteUnlisted    Note = "digest-unlisted"     // its hash is not among digestAlgorithms
	NoteUnsorted    Note = "attributes-order"    // signed attributes are not in the order of DER
	NoteNoTime      Note = "no-time"             // no time is claimed
	NoteFuture      Note = "time-future"         // claimed time is to come
	NoteOutside     Note = "time-outside"        // claimed time is outside the certificate's validity
	NoteStamp       Note = "time-stamp"          // there are time stamps, in a format in which nobody here checks them
	NoteEmbedded    Note = "revocation-inside"   // there is revocation data, in a format in which nobody here checks it
	NoteArchive     Note = "archive-stamp"       // there are archive time stamps, and nobody here checks them
	NoteCertificate Note = "certificate-strange" // a certificate in the file cannot be read
)

// A Signature is one signature of a file, judged as far as the file itself goes: not
// whose certificate it is, and not whether that was revoked.
type Signature struct {
	Certificate *x509.Certificate // of the signer; nil if it is not there
	Claimed     time.Time         // by the signer, proved by nobody; zero: none
	Level       string            // that the file looks like: "CMS", "B-B", "B-T", "B-LT", "B-LTA"
	Hash        crypto.Hash
	Intact      bool     // document and attributes are those that were signed
	Failure     *Failure // nil: nothing is wrong with it
	Notes       []Note
	Counter     []Signature // counter-signatures, which sign this one's value

	Value  []byte          // of the signature: what time stamps are made over
	Stamps [][]byte        // signature-time-stamps, as received: nobody here checks them
	Proofs revocation.Data // answers about certificates in the file, not judged here
}

// Verify judges all signatures at a time, with certificates that are not in the file.
// A file without any signature is not signed.
func (f *File) Verify(now time.Time, more ...*x509.Certificate) []Signature {
	certificates, strange := f.Certificates()
	certificates = append(certificates, more...)
	all, proofs := make([]Signature, len(f.signers)), f.Proofs()
	for i, raw := range f.signers {
		all[i] = judge(raw, certificates, now, f.check)
		all[i].Proofs = all[i].Proofs.With(proofs)
		if strange {
			all[i].note(NoteCertificate)
		}
		if f.Trailing {
			all[i].note(NoteTrailing)
		}
		if len(f.revocation) > 0 && all[i].Level == "B-T" {
			all[i].Level = "B-LT"
		}
	}
	return all
}

// Certificates are those in the file, and whether there are some that nobody here can
// read.
func (f *File) Certificates() (all []*x509.Certificate, strange bool) {
	for _, v := range f.certificates {
		c, err := x509.ParseCertificate(v.raw)
		if err != nil {
			strange = true
			continue
		}
		all = append(all, c)
	}
	return all, strange
}

func (s *Signature) note(n Note) {
	if !slices.Contains(s.Notes, n) {
		s.Notes = append(s.Notes, n)
	}
}

// Attributes (RFC 5652 §11, RFC 5035 §5.4, ETSI EN 319 122-1 V1.3.1 §5).
const (
	attrContentType    = "1.2.840.113549.1.9.3"
	attrDigest         = "1.2.840.113549.1.9.4"
	attrTime           = "1.2.840.113549.1.9.5"
	attrCounter        = "1.2.840.113549.1.9.6"
	attrCertificate    = "1.2.840.113549.1.9.16.2.12"
	attrCertificateV2  = "1.2.840.113549.1.9.16.2.47"
	attrStamp          = "1.2.840.113549.1.9.16.2.14"
	attrCertificates   = "1.2.840.113549.1.9.16.2.23" // certificate and
	attrValues         = "1.2.840.113549.1.9.16.2.24" // revocation values, an old form
	attrArchiveStamp   = "1.2.840.113549.1.9.16.2.27"
	attrArchiveStampV2 = "1.2.840.113549.1.9.16.2.48"
	attrArchiveStampV3 = "0.4.0.1733.2.4"
)

// A signer is a SignerInfo (RFC 5652 §5.3).
type signer struct {
	version   byte
	sid       value
	algorithm value
	hash      crypto.Hash // 0: not known
	attrs     value       // signedAttrs as they were received; tag 0: none
	signed    []attribute
	signature struct {
		algorithm value
		bytes     []byte
	}
	unsigned []attribute
	content  []byte // digest of what is signed
}

type attribute struct {
	kind   string
	values []value
}

func parseSigner(v value) (*signer, error) {
	parts, err := v.elements()
	if err != nil || v.tag != tagSequence || len(parts) < 5 || len(parts[0].content) != 1 {
		return nil, fmt.Errorf("%w: signature", ErrFormat)
	}
	s := &signer{version: parts[0].content[0], sid: parts[1], algorithm: parts[2]}
	s.hash, _ = hashOf(s.algorithm) // 0 is told where it matters
	parts = parts[3:]
	if parts[0].tag == tag0 {
		s.attrs = parts[0]
		if s.signed, err = attributes(parts[0]); err != nil {
			return nil, err
		}
		parts = parts[1:]
	}
	if len(parts) < 2 || len(parts) > 3 || parts[1].tag != tagOctets {
		return nil, fmt.Errorf("%w: signature", ErrFormat)
	}
	s.signature.algorithm, s.signature.bytes = parts[0], parts[1].content
	if len(parts) == 3 {
		if parts[2].tag != tag1 {
			return nil, fmt.Errorf("%w: signature", ErrFormat)
		}
		s.unsigned, err = attributes(parts[2])
	}
	return s, err
}

func attributes(v value) ([]attribute, error) {
	all, err := v.elements()
	if err != nil {
		return nil, err
	}
	found := make([]attribute, len(all))
	for i, a := range all {
		parts, err := a.elements()
		if err != nil || len(parts) != 2 || parts[1].tag != tagSet {
			return nil, fmt.Errorf("%w: attribute", ErrFormat)
		}
		if found[i].kind = parts[0].oid(); found[i].kind == "" {
			return nil, fmt.Errorf("%w: attribute", ErrFormat)
		}
		if found[i].values, err = parts[1].elements(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// one is the value of a signed attribute that may have one only; nil if it is not there.
func (s *signer) one(kind string) *value {
	for _, a := range s.signed {
		if a.kind == kind && len(a.values) == 1 {
			return &a.values[0]
		}
	}
	return nil
}

// values are those of an unsigned attribute.
func (s *signer) values(kind string) (all []value) {
	for _, a := range s.unsigned {
		if a.kind == kind {
			all = append(all, a.values...)
		}
	}
	return all[:min(len(all), maxSigners)]
}

func has(attributes []attribute, kinds ...string) bool {
	return slices.ContainsFunc(attributes, func(a attribute) bool { return slices.Contains(kinds, a.kind) })
}

// judge applies all rules to one SignerInfo. What it signs is for covered to judge.
func judge(raw value, certificates []*x509.Certificate, now time.Time, covered func(*signer, *Signature) error) Signature {
	s, err := parseSigner(raw)
	if err != nil {
		return Signature{Failure: &Failure{FormatFailure, true, err.Error()}}
	}
	out := Signature{Hash: s.hash, Level: s.level()}
	out.Certificate, err = s.identify(certificates)
	for _, check := range []func() error{
		s.form,
		s.known,
		func() error { return covered(s, &out) },
		func() error { return err }, // of the certificate
		func() error { return s.value(&out) },
		func() error { out.Intact = true; return s.strong(out.Certificate) },
		s.bound,
	} {
		if err := check(); err != nil {
			_ = errors.As(err, &out.Failure)
			break
		}
	}
	s.times(&out, now)
	if has(s.unsigned, attrArchiveStamp, attrArchiveStampV2, attrArchiveStampV3) {
		out.note(NoteArchive)
	}
	out.Value, out.Proofs = s.signature.bytes, s.proofs()
	for _, v := range s.values(attrStamp) {
		out.Stamps = append(out.Stamps, v.raw)
	}
	out.Counter = s.counter(certificates, now)
	return out
}

// level is what the file looks like; the parts above B-B are not checked here.
func (s *signer) level() string {
	switch {
	case !has(s.signed, attrCertificate, attrCertificateV2):
		return "CMS"
	case has(s.unsigned, attrArchiveStamp, attrArchiveStampV2, attrArchiveStampV3):
		return "B-LTA"
	case has(s.unsigned, attrStamp) && has(s.unsigned, attrValues):
		return "B-LT"
	case has(s.unsigned, attrStamp):
		return "B-T"
	}
	return "B-B"
}

// form wants each attribute once, with one value where one is allowed (RFC 5652 §5.3,
// §11).
func (s *signer) form() error {
	seen := map[string]bool{}
	for _, a := range s.signed {
		single := slices.Contains([]string{attrContentType, attrDigest, attrTime, attrCertificate, attrCertificateV2}, a.kind)
		if seen[a.kind] || len(a.values) == 0 || single && len(a.values) != 1 {
			return wrong(FormatFailure, "attribute "+a.kind+" more than once")
		}
		seen[a.kind] = true
	}
	return nil
}

// known wants algorithms that can be computed.
func (s *signer) known() error {
	if s.hash == 0 {
		return doubt(CryptoConstraintsFailure, errAlgorithm.Error())
	}
	return nil
}

// check holds the content against message-digest and content-type (RFC 5652 §5.6).
func (f *File) check(s *signer, out *Signature) error {
	digest, found := f.digests[s.hash]
	if !slices.ContainsFunc(f.algorithms, func(a value) bool { h, _ := hashOf(a); return h == s.hash }) {
		out.note(NoteUnlisted)
	}
	if !found {
		return doubt(SignedDataNotFound, "the document is not in the file")
	}
	if s.attrs.tag == 0 {
		s.content = digest
		return f.bare()
	}
	kind := s.one(attrContentType)
	if kind == nil || kind.oid() != f.contentType {
		return wrong(FormatFailure, "content-type missing or another")
	}
	return s.digested(digest)
}

// bare is a signature without attributes: over the content itself. Somebody's
// attributes, taken for a document, would make one (RFC 5652 §11, “security
// considerations”).
func (f *File) bare() error {
	if f.contentType != oidData {
		return wrong(FormatFailure, "signed attributes missing")
	}
	v, _, err := next(f.start)
	if err != nil || v.tag != tagSet {
		return nil
	}
	v.tag = tag0
	if found, err := attributes(v); err == nil && has(found, attrDigest) {
		return wrong(SigConstraintsFailure, "the document is the attributes of another signature")
	}
	return nil
}

func (s *signer) digested(digest []byte) error {
	claimed := s.one(attrDigest)
	switch {
	case claimed == nil || claimed.tag != tagOctets:
		return wrong(FormatFailure, "message-digest missing")
	case !bytes.Equal(claimed.content, digest):
		return wrong(HashFailure, "the document is not the one that was signed")
	}
	return nil
}

// identify finds the certificate that the signature names, by issuer and number or by
// key identifier, and holds it against signing-certificate.
func (s *signer) identify(certificates []*x509.Certificate) (*x509.Certificate, error) {
	var found *x509.Certificate
	for _, c := range certificates {
		if !s.names(c) {
			continue
		}
		if s.certified(c) {
			return c, nil
		}
		found = c
	}
	if found != nil {
		return found, wrong(NoSigningCertificate, "the certificate is not the one that was signed")
	}
	return nil, doubt(NoSigningCertificate, "the certificate is not in the file")
}

func (s *signer) names(c *x509.Certificate) bool {
	if s.sid.tag == tagKeyID {
		return len(c.SubjectKeyId) > 0 && bytes.Equal(c.SubjectKeyId, s.sid.content)
	}
	parts, err := s.sid.elements()
	if err != nil || len(parts) != 2 || parts[1].tag != tagInteger {
		return false
	}
	serial := element(tagInteger, parts[1].content)
	own, err := asn1.Marshal(c.SerialNumber)
	return err == nil && bytes.Equal(parts[0].raw, c.RawIssuer) && bytes.Equal(serial, own)
}

// certified holds a certificate against the digests in signing-certificate and -v2, of
// which the first of each is the signer's (RFC 5035 §5.4). Without any, it is true.
func (s *signer) certified(c *x509.Certificate) bool {
	if v := s.one(attrCertificateV2); v != nil && !digestInV2(*v, c) {
		return false
	}
	if v := s.one(attrCertificate); v != nil {
		sum := sha1.Sum(c.Raw) //nolint:gosec // see above
		id, ok := firstID(*v)
		return ok && len(id) > 0 && bytes.Equal(id[0].content, sum[:])
	}
	return true
}

func digestInV2(v value, c *x509.Certificate) bool {
	id, ok := firstID(v)
	if !ok {
		return false
	}
	h := crypto.SHA256 // the default
	if len(id) > 0 && id[0].tag == tagSequence {
		var err error
		if h, err = hashOf(id[0]); err != nil || h == crypto.MD5 {
			return false
		}
		id = id[1:]
	}
	return len(id) > 0 && id[0].tag == tagOctets && bytes.Equal(id[0].content, digestOf(h, c.Raw))
}

// firstID are the parts of the first ESSCertID.
func firstID(v value) ([]value, bool) {
	for range 2 { // SigningCertificate, its certs
		parts, err := v.elements()
		if err != nil || len(parts) == 0 {
			return nil, false
		}
		v = parts[0]
	}
	parts, err := v.elements()
	return parts, err == nil
}

func digestOf(h crypto.Hash, b []byte) []byte {
	state := h.New()
	state.Write(b)
	return state.Sum(nil)
}

// bound says whether the signature names its signer, so that nobody can put another
// in: only then it is an advanced one.
func (s *signer) bound() error {
	switch {
	case s.attrs.tag == 0:
		return doubt(SigConstraintsFailure, "intact, but the signer is not bound to it: no signed attributes")
	case !has(s.signed, attrCertificate, attrCertificateV2):
		return doubt(SigConstraintsFailure, "a CMS signature, not an advanced one: it does not name its certificate")
	}
	return nil
}

// tolerance is how much a clock may be ahead.
const tolerance = 5 * time.Minute

// times looks at the time the signer claims.
func (s *signer) times(out *Signature, now time.Time) {
	v := s.one(attrTime)
	if v == nil {
		out.note(NoteNoTime)
		return
	}
	if rest, err := asn1.Unmarshal(v.raw, &out.Claimed); err != nil || len(rest) > 0 {
		out.Claimed = time.Time{}
		out.note(NoteNoTime)
		return
	}
	out.Claim(out.Claimed, now)
}

// Claim takes a time that the signer claims, wherever it stands in a file.
func (s *Signature) Claim(at, now time.Time) {
	s.Claimed = at
	s.Notes = slices.DeleteFunc(s.Notes, func(n Note) bool { return n == NoteNoTime })
	if at.After(now.Add(tolerance)) {
		s.note(NoteFuture)
	}
	if c := s.Certificate; c != nil && (at.Before(c.NotBefore) || at.After(c.NotAfter)) {
		s.note(NoteOutside)
	}
}

// counter judges counter-signatures (RFC 5652 §11.4), not those on counter-signatures.
func (s *signer) counter(certificates []*x509.Certificate, now time.Time) (all []Signature) {
	for _, v := range s.values(attrCounter) {
		all = append(all, judge(v, certificates, now, func(c *signer, _ *Signature) error {
			if c.attrs.tag == 0 {
				return wrong(FormatFailure, "signed attributes missing")
			}
			return c.digested(digestOf(c.hash, s.signature.bytes))
		}))
	}
	return all
}
