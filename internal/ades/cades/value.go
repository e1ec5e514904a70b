package cades

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
)

// Kinds of signature algorithms.
const (
	kindRSA = iota + 1
	kindPSS
	kindECDSA
	kindEd25519
)

// signatureAlgorithms are those that are checked (RFC 8017, RFC 5758, RFC 8419), with
// the hash that is part of them, if any.
var signatureAlgorithms = map[string]struct {
	kind int
	hash crypto.Hash
}{
	"1.2.840.113549.1.1.1":  {kindRSA, 0},
	"1.2.840.113549.1.1.4":  {kindRSA, crypto.MD5},
	"1.2.840.113549.1.1.5":  {kindRSA, crypto.SHA1},
	"1.2.840.113549.1.1.14": {kindRSA, crypto.SHA224},
	"1.2.840.113549.1.1.11": {kindRSA, crypto.SHA256},
	"1.2.840.113549.1.1.12": {kindRSA, crypto.SHA384},
	"1.2.840.113549.1.1.13": {kindRSA, crypto.SHA512},
	"1.2.840.113549.1.1.10": {kindPSS, 0},
	"1.2.840.10045.2.1":     {kindECDSA, 0},
	"1.2.840.10045.4.1":     {kindECDSA, crypto.SHA1},
	"1.2.840.10045.4.3.1":   {kindECDSA, crypto.SHA224},
	"1.2.840.10045.4.3.2":   {kindECDSA, crypto.SHA256},
	"1.2.840.10045.4.3.3":   {kindECDSA, crypto.SHA384},
	"1.2.840.10045.4.3.4":   {kindECDSA, crypto.SHA512},
	"1.3.101.112":           {kindEd25519, crypto.SHA512},
}

// Bounds on RSA keys, in bits: below the first they are weak, above the second they
// only cost time.
const (
	weakRSA  = 2048
	largeRSA = 8192
)

// value checks the signature itself with the key of the certificate: over the
// attributes as they were received, else as DER would have them.
func (s *signer) value(out *Signature) error {
	parts, err := s.signature.algorithm.elements()
	if err != nil || len(parts) == 0 {
		return wrong(FormatFailure, "signature algorithm")
	}
	algorithm, ok := signatureAlgorithms[parts[0].oid()]
	if !ok {
		return doubt(CryptoConstraintsFailure, errAlgorithm.Error()+": "+parts[0].oid())
	}
	if algorithm.hash != 0 && algorithm.hash != s.hash {
		return wrong(CryptoConstraintsFailure, "two hash functions in one signature")
	}
	if algorithm.kind == kindPSS {
		if err := s.pss(parts); err != nil {
			return err
		}
	}
	messages, err := s.messages()
	if err != nil {
		return wrong(FormatFailure, err.Error())
	}
	if !bytes.Equal(messages[0], messages[len(messages)-1]) {
		out.note(NoteUnsorted)
	}
	for _, m := range messages {
		err = s.verify(algorithm.kind, out.Certificate, m)
		var failed *Failure
		if err == nil || errors.As(err, &failed) {
			return err
		}
	}
	return wrong(SigCryptoFailure, "the signature does not verify")
}

// messages are what may have been signed, first as received. Without attributes it is
// the digest of the content, which message-digest would hold.
func (s *signer) messages() ([][]byte, error) {
	if s.attrs.tag == 0 {
		return [][]byte{nil}, nil
	}
	received := slices.Clone(s.attrs.raw)
	received[0] = tagSet
	if len(received) > maxSorted {
		return [][]byte{received}, nil
	}
	inside, err := s.attrs.elements()
	if err != nil {
		return nil, err
	}
	parts := make([][]byte, len(inside))
	for i, e := range inside {
		if parts[i], err = e.definite(1); err != nil {
			return nil, err
		}
	}
	return [][]byte{received, setOf(tagSet, parts...)}, nil
}

var errSignature = errors.New("signature does not verify")

func (s *signer) verify(kind int, c *x509.Certificate, message []byte) error {
	digest := digestOf(s.hash, message)
	if s.attrs.tag == 0 {
		digest = s.content
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		switch {
		case key.N.BitLen() > largeRSA:
			return doubt(CryptoConstraintsFailure, errAlgorithm.Error()+": size of the key")
		case kind == kindRSA:
			return rsa.VerifyPKCS1v15(key, s.hash, digest, s.signature.bytes)
		case kind == kindPSS:
			return rsa.VerifyPSS(key, s.hash, digest, s.signature.bytes, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
		}
	case *ecdsa.PublicKey:
		if kind == kindECDSA && ecdsa.VerifyASN1(key, digest, s.signature.bytes) {
			return nil
		}
	case ed25519.PublicKey:
		if kind == kindEd25519 && message != nil && ed25519.Verify(key, message, s.signature.bytes) {
			return nil
		}
	default:
		return doubt(CryptoConstraintsFailure, errAlgorithm.Error()+": kind of key")
	}
	return errSignature
}

// pss wants the same hash function everywhere in RSASSA-PSS-params (RFC 8017 §A.2.3).
func (s *signer) pss(parts []value) error {
	p := struct {
		Hash    pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:0"`
		MGF     pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:1"`
		Salt    int                      `asn1:"explicit,optional,tag:2,default:20"`
		Trailer int                      `asn1:"explicit,optional,tag:3,default:1"`
	}{}
	if len(parts) != 2 {
		return wrong(FormatFailure, "parameters of the signature algorithm")
	}
	var mask pkix.AlgorithmIdentifier
	if rest, err := asn1.Unmarshal(parts[1].raw, &p); err != nil || len(rest) > 0 {
		return wrong(FormatFailure, "parameters of the signature algorithm")
	}
	if _, err := asn1.Unmarshal(p.MGF.Parameters.FullBytes, &mask); err != nil {
		return doubt(CryptoConstraintsFailure, errAlgorithm.Error()+": default parameters, SHA-1")
	}
	if hashes[p.Hash.Algorithm.String()] != s.hash || hashes[mask.Algorithm.String()] != s.hash || p.Trailer != 1 {
		return wrong(CryptoConstraintsFailure, "two hash functions in one signature")
	}
	return nil
}

// strong wants algorithms that nobody can break now. There is no proof here that a
// signature was made when they were strong.
func (s *signer) strong(c *x509.Certificate) error {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	switch {
	case s.hash == crypto.MD5:
		return wrong(CryptoConstraintsFailure, "MD5")
	case ok && key.N.BitLen() < weakRSA:
		return wrong(CryptoConstraintsFailure, "RSA key below 2048 bits")
	case s.hash == crypto.SHA1:
		return doubt(CryptoConstraintsFailure, "SHA-1, and no proof that it was signed while that was strong")
	}
	return nil
}
