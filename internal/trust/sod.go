package trust

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // signed attributes of some cards of 2016
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
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
	digestAlg  crypto.Hash // of the content
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
	oidSHA1                   = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256                 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA512                 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	tagSOD            tlv.Tag = 0x77
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
	case len(data.Signers) != 1:
		return nil, errors.New("not one signer")
	}
	s := &SOD{content: data.Content.Content, digests: map[DataGroup][]byte{}}
	if err := s.parseContent(); err != nil {
		return nil, err
	}
	return s, s.parseSigner(data.Signers[0], data.Certificates.Bytes)
}

// unmarshal reads DER and wants nothing after it.
func unmarshal(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err == nil && len(rest) > 0 {
		err = errors.New("trailing bytes")
	}
	return err
}

func (s *SOD) parseContent() error {
	var object securityObject
	if err := unmarshal(s.content, &object); err != nil {
		return err
	}
	var err error
	if s.hash, err = hashOf(object.Hash); err != nil || s.hash == crypto.SHA1 {
		return errors.Join(errors.New("digest algorithm of the files"), err)
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

func (s *SOD) parseSigner(info signerInfo, certificates []byte) error {
	var err error
	if s.digestAlg, err = hashOf(info.Digest); err != nil {
		return err
	}
	s.algorithm, s.signature = info.Algorithm, info.Signature
	if len(info.Attributes.FullBytes) == 0 {
		return errors.New("no signed attributes")
	}
	s.attributes = bytes.Clone(info.Attributes.FullBytes)
	s.attributes[0] = 0x31 // signed as SET OF, sent as [0] (RFC 5652 §5.4)
	all, err := x509.ParseCertificates(certificates)
	if err != nil {
		return err
	}
	for _, c := range all {
		if signedBy(info.ID, c) {
			s.signer = c
			return nil
		}
	}
	return errors.New("certificate of the signer missing")
}

// signedBy says whether a SignerIdentifier names a certificate.
func signedBy(id asn1.RawValue, c *x509.Certificate) bool {
	if id.Class == asn1.ClassContextSpecific && id.Tag == 0 {
		return len(id.Bytes) > 0 && bytes.Equal(id.Bytes, c.SubjectKeyId)
	}
	var name struct {
		Issuer asn1.RawValue
		Serial asn1.RawValue
	}
	if unmarshal(id.FullBytes, &name) != nil {
		return false
	}
	serial, err := asn1.Marshal(c.SerialNumber)
	return err == nil && bytes.Equal(name.Issuer.FullBytes, c.RawIssuer) && bytes.Equal(name.Serial.FullBytes, serial)
}

func hashOf(algorithm pkix.AlgorithmIdentifier) (crypto.Hash, error) {
	switch id := algorithm.Algorithm; {
	case id.Equal(oidSHA1):
		return crypto.SHA1, nil
	case id.Equal(oidSHA256):
		return crypto.SHA256, nil
	case id.Equal(oidSHA512):
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("digest algorithm %v", algorithm.Algorithm)
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
	h := s.digestAlg.New()
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

func (s *SOD) verifySignature() error {
	key, ok := s.signer.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 {
		return fmt.Errorf("%w: weak or unknown kind of key", ErrSignature)
	}
	sum := func(hash crypto.Hash) []byte {
		h := hash.New()
		h.Write(s.attributes)
		return h.Sum(nil)
	}
	var err error
	switch id := s.algorithm.Algorithm; {
	case id.Equal(oidPSS):
		var hash crypto.Hash
		var salt int
		if hash, salt, err = pssParameters(s.algorithm); err == nil {
			err = rsa.VerifyPSS(key, hash, sum(hash), s.signature, &rsa.PSSOptions{SaltLength: salt})
		}
	case id.Equal(oidRSA):
		err = rsa.VerifyPKCS1v15(key, s.digestAlg, sum(s.digestAlg), s.signature)
	case id.Equal(oidSHA1WithRSA):
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum(crypto.SHA1), s.signature)
	case id.Equal(oidSHA256WithRSA):
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum(crypto.SHA256), s.signature)
	case id.Equal(oidSHA512WithRSA):
		err = rsa.VerifyPKCS1v15(key, crypto.SHA512, sum(crypto.SHA512), s.signature)
	default:
		err = fmt.Errorf("algorithm %v", id)
	}
	if err != nil {
		return fmt.Errorf("%w: security object: %w", ErrSignature, err)
	}
	return nil
}

// pssParameters reads RSASSA-PSS-params (RFC 8017 §A.2.3): one digest algorithm
// for message and mask, which must be SHA-256 or SHA-512.
func pssParameters(algorithm pkix.AlgorithmIdentifier) (crypto.Hash, int, error) {
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
		return 0, 0, err
	}
	hash, err := hashOf(p.Hash)
	mask, err2 := hashOf(p.MGF.Hash)
	if err != nil || err2 != nil || hash == crypto.SHA1 || mask != hash || !p.MGF.Algorithm.Equal(oidMGF1) ||
		p.Salt < hash.Size() || p.Salt > 128 || p.Trailer != 1 {
		return 0, 0, errors.New("parameters of RSASSA-PSS")
	}
	return hash, p.Salt, nil
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
