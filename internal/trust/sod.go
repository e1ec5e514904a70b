package trust

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // signatures of some cards of 2016
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/softwarecie/cie/applet/tlv"
)

// A DataGroup names what a digest in the security object is over.
type DataGroup byte

// The data groups of a CIE.
const (
	GroupNIS         DataGroup = 0xA1 // EF 1001, 12 bytes
	GroupSerial      DataGroup = 0xA2 // EF 1002, 9 bytes
	GroupCertificate DataGroup = 0xA3 // EF 1003
	GroupDeviceKey   DataGroup = 0xA4 // EF 1004
	GroupServicesKey DataGroup = 0xA5 // EF 1005
	GroupDH          DataGroup = 0x1B // EF D004
)

var (
	// ErrSOD reports a security object that cannot be read.
	ErrSOD = errors.New("malformed security object")

	// ErrDigest means that a file is not the one the state signed.
	ErrDigest = errors.New("file differs from what the state signed")

	// ErrNoDigest means that the security object says nothing of a file.
	ErrNoDigest = errors.New("file not covered by the security object")
)

// An SOD is the security object of a card (ICAO Doc 9303-10 §4.6.2): digests of
// its files, signed by the state as CMS SignedData (RFC 5652 §5).
type SOD struct {
	hash       crypto.Hash
	digests    map[DataGroup][]byte
	content    []byte // LDSSecurityObject, DER
	attributes []byte // signed attributes as the SET that is signed
	signer     *x509.Certificate
	algorithm  pkix.AlgorithmIdentifier
	signature  []byte
}

var (
	oidSignedData             = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidSecurityObject         = asn1.ObjectIdentifier{2, 23, 136, 1, 1, 1}
	oidContentType            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidRSA                    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS                    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1                   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidSHA1WithRSA            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}
	oidSHA256WithRSA          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidSHA512WithRSA          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
	oidSHA256                 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA512                 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	tagSOD            tlv.Tag = 0x77
)

// Bounds on a security object. Real ones have some 3000 bytes and six groups.
const (
	maxSOD    = 1 << 15 // bytes: READ BINARY reaches no further (ISO/IEC 7816-4:2020 §11.3.3)
	maxGroups = 16      // ICAO Doc 9303-10 §4.6.2
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version    int
	Algorithms []pkix.AlgorithmIdentifier `asn1:"set"`
	Content    struct {
		Type    asn1.ObjectIdentifier
		Content []byte `asn1:"explicit,tag:0"`
	}
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signerInfo  `asn1:"set"`
}

type signerInfo struct {
	Version    int
	ID         asn1.RawValue
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
	Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
}

type securityObject struct {
	Version int
	Hash    pkix.AlgorithmIdentifier
	Groups  []struct {
		ID     asn1.RawValue
		Digest []byte
	}
	LDS asn1.RawValue `asn1:"optional"`
}

// ParseSOD reads the content of EF.SOD; zeros may follow it. What it returns is
// not believed yet: see Verify.
func ParseSOD(file []byte) (*SOD, error) {
	s, err := parseSOD(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSOD, err)
	}
	return s, nil
}

func parseSOD(file []byte) (*SOD, error) {
	if len(file) > maxSOD {
		return nil, fmt.Errorf("%d bytes", len(file))
	}
	outer, rest, err := tlv.Next(file)
	if err != nil || outer.Tag != tagSOD || len(bytes.Trim(rest, "\x00")) != 0 {
		return nil, errors.New("outer tag")
	}
	var info contentInfo
	if err := unmarshal(outer.Value, &info); err != nil {
		return nil, err
	}
	var data signedData
	if err := unmarshal(info.Content.Bytes, &data); err != nil {
		return nil, err
	}
	switch {
	case !info.Type.Equal(oidSignedData), !data.Content.Type.Equal(oidSecurityObject):
		return nil, errors.New("content type")
	case data.Version != 3: // RFC 5652 §5.1: the content is not id-data
		return nil, errors.New("version")
	case len(data.Signers) != 1:
		return nil, errors.New("not one signer")
	case len(data.CRLs.FullBytes) > 0, len(data.Signers[0].Unsigned.FullBytes) > 0:
		return nil, errors.New("parts that nobody signed")
	}
	s := &SOD{content: data.Content.Content, digests: map[DataGroup][]byte{}}
	if err := s.parseContent(); err != nil {
		return nil, err
	}
	for _, algorithm := range append(data.Algorithms, data.Signers[0].Digest) {
		if hash, err := hashOf(algorithm); err != nil || hash != s.hash {
			return nil, errors.Join(errors.New("digest algorithms disagree"), err)
		}
	}
	return s, s.parseSigner(data.Signers[0], data.Certificates)
}

// unmarshal reads DER into a struct, all of it: what was read must encode to the
// same bytes, for encoding/asn1 passes over what a SEQUENCE has at its end.
func unmarshal(der []byte, into any) error {
	if _, err := asn1.Unmarshal(der, into); err != nil {
		return err
	}
	again, err := asn1.Marshal(reflect.ValueOf(into).Elem().Interface())
	if err == nil && !bytes.Equal(again, der) {
		err = errors.New("more than belongs there")
	}
	return err
}

func (s *SOD) parseContent() error {
	var object securityObject
	if err := unmarshal(s.content, &object); err != nil {
		return err
	}
	var err error
	if s.hash, err = hashOf(object.Hash); err != nil {
		return err
	}
	if len(object.Groups) > maxGroups {
		return errors.New("too many data groups")
	}
	for _, g := range object.Groups {
		if len(g.ID.Bytes) != 1 || g.ID.Tag != asn1.TagInteger || len(g.Digest) != s.hash.Size() {
			return errors.New("data group")
		}
		id := DataGroup(g.ID.Bytes[0]) // A1 to A5 are one raw byte, formally negative
		if s.digests[id] != nil {
			return errors.New("data group twice")
		}
		s.digests[id] = g.Digest
	}
	return nil
}

func (s *SOD) parseSigner(info signerInfo, certificates asn1.RawValue) error {
	s.algorithm, s.signature = info.Algorithm, info.Signature
	if !info.Attributes.IsCompound {
		return errors.New("no signed attributes")
	}
	s.attributes = bytes.Clone(info.Attributes.FullBytes)
	s.attributes[0] = 0x31 // signed as SET OF, sent as [0] (RFC 5652 §5.4)
	all, err := x509.ParseCertificates(certificates.Bytes)
	if err != nil {
		return err
	}
	if !certificates.IsCompound || len(all) != 1 || !signedBy(info, all[0]) {
		return errors.New("not the certificate of the signer alone")
	}
	s.signer = all[0]
	return nil
}

// signedBy says whether a SignerInfo names a certificate, in the way that its
// version says (RFC 5652 §5.3).
func signedBy(info signerInfo, c *x509.Certificate) bool {
	id := info.ID
	if info.Version == 3 {
		return id.Class == asn1.ClassContextSpecific && id.Tag == 0 && !id.IsCompound &&
			len(id.Bytes) > 0 && bytes.Equal(id.Bytes, c.SubjectKeyId)
	}
	var name struct {
		Issuer asn1.RawValue
		Serial asn1.RawValue
	}
	if info.Version != 1 || unmarshal(id.FullBytes, &name) != nil {
		return false
	}
	serial, err := asn1.Marshal(c.SerialNumber)
	return err == nil && bytes.Equal(name.Issuer.FullBytes, c.RawIssuer) && bytes.Equal(name.Serial.FullBytes, serial)
}

// hashOf knows the two digest algorithms of CIEs. Their parameters are absent or
// NULL (RFC 5754 §2).
func hashOf(algorithm pkix.AlgorithmIdentifier) (crypto.Hash, error) {
	switch id := algorithm.Algorithm; {
	case !withoutParameters(algorithm):
		return 0, errors.New("parameters of the digest algorithm")
	case id.Equal(oidSHA256):
		return crypto.SHA256, nil
	case id.Equal(oidSHA512):
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("digest algorithm %v", algorithm.Algorithm)
}

func withoutParameters(algorithm pkix.AlgorithmIdentifier) bool {
	p := algorithm.Parameters.FullBytes
	return len(p) == 0 || bytes.Equal(p, asn1.NullBytes)
}

// Verify judges the signature at a time: of the digests by the document signer,
// and of the document signer by a country signing CA. Both certificates must be
// valid then; how long their keys might be used for signing does not matter.
// Anything but Genuine and Test comes with the reason.
func (s *SOD) Verify(r *Roots, now time.Time) (Genuineness, error) {
	if err := s.verifyAttributes(); err != nil {
		return Failed, err
	}
	if err := s.verifySignature(); err != nil {
		return Failed, err
	}
	path, verdict, err := climb(r.csca, s.signer)
	if err != nil {
		return verdict, fmt.Errorf("document signer: %w", err)
	}
	if err := checkUse(s.signer); err != nil {
		return Failed, fmt.Errorf("document signer: %w", err)
	}
	for _, c := range append(path, s.signer) {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return Unknown, fmt.Errorf("%w: %s", ErrValidity, c.Subject.CommonName)
		}
	}
	return verdict, nil
}

// verifyAttributes ties the signed attributes to the content (RFC 5652 §5.3).
func (s *SOD) verifyAttributes() error {
	var attributes []struct {
		Type   asn1.ObjectIdentifier
		Values []asn1.RawValue `asn1:"set"`
	}
	if rest, err := asn1.UnmarshalWithParams(s.attributes, &attributes, "set"); err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: signed attributes", ErrSOD)
	}
	h := s.hash.New()
	h.Write(s.content)
	content, _ := asn1.Marshal(oidSecurityObject)
	digest, _ := asn1.Marshal(h.Sum(nil))
	seen := map[string]int{}
	for _, a := range attributes {
		var want []byte
		switch {
		case a.Type.Equal(oidContentType):
			want = content
		case a.Type.Equal(oidMessageDigest):
			want = digest
		default:
			continue
		}
		if len(a.Values) != 1 || !bytes.Equal(a.Values[0].FullBytes, want) {
			return fmt.Errorf("%w: digest of the content", ErrSignature)
		}
		seen[a.Type.String()]++
	}
	if seen[oidContentType.String()] != 1 || seen[oidMessageDigest.String()] != 1 {
		return fmt.Errorf("%w: signed attributes", ErrSOD)
	}
	return nil
}

// verifySignature verifies the signature of the signed attributes. It is by the
// digest algorithm of the whole object; but the official clients know cards of
// the first years whose SHA-256 object is signed by sha1WithRSA.
func (s *SOD) verifySignature() error {
	key, err := keyOf(s.signer)
	if err != nil {
		return err
	}
	sum := func(hash crypto.Hash) []byte {
		h := hash.New()
		h.Write(s.attributes)
		return h.Sum(nil)
	}
	switch id := s.algorithm.Algorithm; {
	case id.Equal(oidPSS):
		if err = checkPSS(s.algorithm, s.hash); err == nil {
			err = rsa.VerifyPSS(key, s.hash, sum(s.hash), s.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
	case !withoutParameters(s.algorithm):
		err = errors.New("parameters of the signature algorithm")
	case id.Equal(oidRSA),
		id.Equal(oidSHA256WithRSA) && s.hash == crypto.SHA256,
		id.Equal(oidSHA512WithRSA) && s.hash == crypto.SHA512:
		err = rsa.VerifyPKCS1v15(key, s.hash, sum(s.hash), s.signature)
	case id.Equal(oidSHA1WithRSA) && s.hash == crypto.SHA256:
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum(crypto.SHA1), s.signature)
	default:
		err = fmt.Errorf("algorithm %v", id)
	}
	if err != nil {
		return fmt.Errorf("%w: security object: %w", ErrSignature, err)
	}
	return nil
}

// checkPSS wants RSASSA-PSS-params (RFC 8017 §A.2.3) that name hash for message
// and mask, and a salt of its size.
func checkPSS(algorithm pkix.AlgorithmIdentifier, hash crypto.Hash) error {
	var p struct {
		Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
		MGF  struct {
			Algorithm asn1.ObjectIdentifier
			Hash      pkix.AlgorithmIdentifier
		} `asn1:"explicit,tag:1"`
		Salt    int `asn1:"explicit,tag:2"`
		Trailer int `asn1:"optional,explicit,tag:3,default:1"`
	}
	if err := unmarshal(algorithm.Parameters.FullBytes, &p); err != nil {
		return err
	}
	message, err := hashOf(p.Hash)
	mask, err2 := hashOf(p.MGF.Hash)
	if err != nil || err2 != nil || message != hash || mask != hash || !p.MGF.Algorithm.Equal(oidMGF1) ||
		p.Salt != hash.Size() || p.Trailer != 1 {
		return errors.New("parameters of RSASSA-PSS")
	}
	return nil
}

// Check compares a file, cut to its content, with the digest the state signed.
// It says nothing unless Verify did.
func (s *SOD) Check(id DataGroup, content []byte) error {
	want := s.digests[id]
	if want == nil {
		return fmt.Errorf("%w: %02X", ErrNoDigest, byte(id))
	}
	h := s.hash.New()
	h.Write(content)
	if !bytes.Equal(h.Sum(nil), want) {
		return fmt.Errorf("%w: %02X", ErrDigest, byte(id))
	}
	return nil
}

// Signer is the certificate of the document signer.
func (s *SOD) Signer() *x509.Certificate { return s.signer }
