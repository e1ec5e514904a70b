package revocation

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // names keys and issuers here, and proves nothing
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Answers of OCSP (RFC 6960 §4.2.1).
type (
	response struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	basicResponse struct {
		Data         responseData
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	responseData struct {
		Raw        asn1.RawContent
		Version    int `asn1:"optional,explicit,tag:0"`
		Responder  asn1.RawValue
		Produced   time.Time `asn1:"generalized"`
		Responses  []singleResponse
		Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	singleResponse struct {
		ID      certID
		Good    asn1.Flag `asn1:"tag:0,optional"`
		Revoked struct {
			At     time.Time       `asn1:"generalized"`
			Reason asn1.Enumerated `asn1:"explicit,tag:0,optional"`
		} `asn1:"tag:1,optional"`
		Unknown    asn1.Flag        `asn1:"tag:2,optional"`
		This       time.Time        `asn1:"generalized"`
		Next       time.Time        `asn1:"generalized,explicit,tag:0,optional"`
		Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	certID struct {
		Hash              pkix.AlgorithmIdentifier
		NameHash, KeyHash []byte
		Serial            *big.Int
	}
)

var (
	oidBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidSHA1  = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
)

// idHashes are the hash functions that a CertID may be made with.
var idHashes = map[string]crypto.Hash{
	"1.3.14.3.2.26":          crypto.SHA1,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// algorithms of signatures that are believed (RFC 8017, RFC 5758, RFC 8410).
var algorithms = map[string]x509.SignatureAlgorithm{
	"1.2.840.113549.1.1.11": x509.SHA256WithRSA,
	"1.2.840.113549.1.1.12": x509.SHA384WithRSA,
	"1.2.840.113549.1.1.13": x509.SHA512WithRSA,
	"1.2.840.10045.4.3.2":   x509.ECDSAWithSHA256,
	"1.2.840.10045.4.3.3":   x509.ECDSAWithSHA384,
	"1.2.840.10045.4.3.4":   x509.ECDSAWithSHA512,
	"1.3.101.112":           x509.PureEd25519,
}

// maxOCSP bounds one answer, in bytes; maxCertificates those tried as responders.
const (
	maxOCSP         = 128 << 10
	maxCertificates = 100
)

// parseOCSP reads an OCSPResponse, or the BasicOCSPResponse that would be in it.
func parseOCSP(raw []byte) (basicResponse, error) {
	var outer response
	var basic basicResponse
	if len(raw) > maxOCSP {
		return basic, fmt.Errorf("%w: too large", ErrFormat)
	}
	if rest, err := asn1.Unmarshal(raw, &outer); err == nil && len(rest) == 0 {
		if outer.Status != 0 || !outer.Bytes.Type.Equal(oidBasic) {
			return basic, fmt.Errorf("%w: status %d", ErrNoState, outer.Status)
		}
		raw = outer.Bytes.Response
	}
	if rest, err := asn1.Unmarshal(raw, &basic); err != nil || len(rest) > 0 {
		return basic, fmt.Errorf("%w: OCSP", ErrFormat)
	}
	return basic, nil
}

// responders asks all answers of responders about the certificate.
func (q question) responders() Status {
	best := Status{State: Unknown}
	for _, raw := range q.OCSP {
		best.take(q.ocsp(raw))
	}
	return best
}

// ocsp asks one answer about the certificate.
func (q question) ocsp(raw []byte) (Status, error) {
	basic, err := parseOCSP(raw)
	if err != nil {
		return Status{}, err
	}
	key, err := publicKey(q.issuer)
	if err != nil {
		return Status{}, err
	}
	at := slices.IndexFunc(basic.Data.Responses, func(s singleResponse) bool { return s.ID.names(q.c, q.issuer, key) })
	if at < 0 {
		return Status{}, ErrOther
	}
	single := basic.Data.Responses[at]
	for _, e := range slices.Concat(basic.Data.Extensions, single.Extensions) {
		if e.Critical {
			return Status{}, fmt.Errorf("%w: extension %v", ErrScope, e.Id)
		}
	}
	if err := q.signed(basic); err != nil {
		return Status{}, err
	}
	s := Status{Source: "ocsp", Updated: single.This}
	switch {
	case !single.Revoked.At.IsZero():
		s.State, s.RevokedAt, s.Reason = Revoked, single.Revoked.At, int(single.Revoked.Reason)
	case bool(single.Good):
		s.State = Good
	default:
		return Status{}, fmt.Errorf("%w: the responder does not know it", ErrNoState)
	}
	return s, q.fresh(s, single.Next)
}

// names says whether it is the identifier of that certificate (RFC 6960 §4.1.1).
func (id certID) names(c, issuer *x509.Certificate, key []byte) bool {
	h, ok := idHashes[id.Hash.Algorithm.String()]
	return ok && id.Serial != nil && id.Serial.Cmp(c.SerialNumber) == 0 &&
		bytes.Equal(id.NameHash, digest(h, issuer.RawSubject)) && bytes.Equal(id.KeyHash, digest(h, key))
}

func digest(h crypto.Hash, b []byte) []byte {
	state := h.New()
	state.Write(b)
	return state.Sum(nil)
}

// publicKey are the bits of a certificate's key.
func publicKey(c *x509.Certificate) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil {
		return nil, fmt.Errorf("%w: key of the issuer", ErrFormat)
	}
	return info.Key.RightAlign(), nil
}

// signed wants an answer signed by the issuer, or by a certificate that the issuer
// itself made for that, valid then and not revoked (RFC 6960 §4.2.2.2).
func (q question) signed(basic basicResponse) error {
	algorithm, ok := algorithms[basic.Algorithm.Algorithm.String()]
	if !ok {
		return fmt.Errorf("%w: algorithm %v", ErrSigner, basic.Algorithm.Algorithm)
	}
	if basic.Data.Produced.After(q.now.Add(ahead)) {
		return fmt.Errorf("%w: it is of a time to come", ErrTime)
	}
	candidates := []*x509.Certificate{q.issuer}
	for _, raw := range basic.Certificates[:min(len(basic.Certificates), maxCertificates)] {
		if c, err := x509.ParseCertificate(raw.FullBytes); err == nil {
			candidates = append(candidates, c)
		}
	}
	why := fmt.Errorf("%w: the responder's certificate is missing", ErrSigner)
	for _, c := range append(candidates, q.Certificates...) {
		if !isResponder(basic.Data.Responder, c) {
			continue
		}
		if why = q.charged(c, basic.Data.Produced); why != nil {
			continue
		}
		if err := c.CheckSignature(algorithm, basic.Data.Raw, basic.Signature.RightAlign()); err != nil {
			why = fmt.Errorf("%w: %w", ErrSigner, err)
			continue
		}
		return nil
	}
	return why
}

// isResponder holds a ResponderID against a certificate: its name, or the SHA-1 of its
// key (RFC 6960 §4.2.1).
func isResponder(id asn1.RawValue, c *x509.Certificate) bool {
	const byName, byKey = 1, 2
	switch {
	case id.Class != asn1.ClassContextSpecific:
		return false
	case id.Tag == byName:
		return bytes.Equal(id.Bytes, c.RawSubject)
	case id.Tag == byKey:
		var sum []byte
		key, err := publicKey(c)
		if _, failed := asn1.Unmarshal(id.Bytes, &sum); err != nil || failed != nil {
			return false
		}
		own := sha1.Sum(key) //nolint:gosec // see above
		return bytes.Equal(sum, own[:])
	}
	return false
}

// charged wants a certificate that may answer for the issuer.
func (q question) charged(c *x509.Certificate, produced time.Time) error {
	if err := strong(c); err != nil {
		return err
	}
	if c.Equal(q.issuer) {
		return nil
	}
	err := strong(q.issuer)
	if err == nil {
		err = c.CheckSignatureFrom(q.issuer)
	}
	switch {
	case err != nil, !bytes.Equal(c.RawIssuer, q.issuer.RawSubject):
		return fmt.Errorf("%w: the issuer did not make its certificate", ErrSigner)
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning), len(c.UnhandledCriticalExtensions) > 0,
		c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fmt.Errorf("%w: its certificate is not for that", ErrSigner)
	case produced.Before(c.NotBefore), produced.After(c.NotAfter):
		return fmt.Errorf("%w: its certificate was not valid then", ErrSigner)
	case slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNoCheck) }):
		return nil
	}
	about := q
	about.c, about.at = c, produced
	if s, err := about.crls(c); err != nil || s.At(produced) != Good {
		return fmt.Errorf("%w: its certificate may be revoked", ErrSigner)
	}
	return nil
}

// request is an OCSPRequest about one certificate, with SHA-1 in its name, for that is
// what responders know (RFC 6960 §4.1.1).
func request(c, issuer *x509.Certificate) ([]byte, error) {
	key, err := publicKey(issuer)
	if err != nil {
		return nil, err
	}
	type one struct{ ID certID }
	type list struct{ Requests []one }
	id := certID{
		pkix.AlgorithmIdentifier{Algorithm: oidSHA1, Parameters: asn1.NullRawValue},
		digest(crypto.SHA1, issuer.RawSubject), digest(crypto.SHA1, key), c.SerialNumber,
	}
	return asn1.Marshal(struct{ List list }{list{[]one{{id}}}})
}
