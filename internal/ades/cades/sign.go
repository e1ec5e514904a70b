// Package cades makes and reads signed files: CMS signed data (RFC 5652) of the
// profiles CAdES B-B and B-T (ETSI EN 319 122-1). It signs through any crypto.Signer, and knows
// neither cards nor whom to trust.
package cades

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Draft is all of a signed file but the signature. The content, Size bytes with the
// SHA-256 digest Digest, is not in it.
type Draft struct {
	Certificate *x509.Certificate   // of the signer, with an RSA key
	Issuers     []*x509.Certificate // to go with it
	Time        time.Time           // that the signer claims; zero: none here
	Size        int64
	Digest      [sha256.Size]byte
	Detached    bool  // the content stays outside
	Existing    *File // signatures on the same content that are kept as they are; nil: none
}

var (
	// ErrSignature means that a key returned a signature that does not verify with
	// its certificate.
	ErrSignature = errors.New("the signature that the card returned does not verify")

	// ErrArchived means that another signature would break one that is there: an old
	// archive time stamp covers the whole file.
	ErrArchived = errors.New("an archive time stamp does not allow another signature")
)

// Encodings that never differ (DER).
var (
	sha256ID   = fixed("300B0609608648016503040201")         // id-sha256, no parameters (RFC 5754 §2)
	sha256RSA  = fixed("300D06092A864886F70D01010B0500")     // sha256WithRSAEncryption
	signedData = fixed("06092A864886F70D010702")             // id-signedData
	idData     = fixed("06092A864886F70D010701")             // id-data
	forContent = fixed("06092A864886F70D010903")             // attribute content-type
	forDigest  = fixed("302F06092A864886F70D01090431220420") // attribute message-digest, up to the digest
	forTime    = fixed("06092A864886F70D010905")             // attribute signing-time
	forSigner  = fixed("060B2A864886F70D010910022F")         // attribute signing-certificate-v2
	forStamp   = fixed("060B2A864886F70D010910020E")         // attribute signature-time-stamp
	versions   = map[byte][]byte{1: {2, 1, 1}, 3: {2, 1, 3}, 4: {2, 1, 4}, 5: {2, 1, 5}}
)

func fixed(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // it is part of the program
	}
	return b
}

// A Signed is a whole signed file but for its content.
type Signed struct {
	Value []byte // of the signature: what a time stamp is made over

	draft      *Draft
	fields     []byte // of its SignerInfo
	head, tail []byte
	digest     [sha256.Size]byte
	size       int64
	attached   bool
}

// Sign has the key sign, once, and checks what it returns before anything is written.
func (d *Draft) Sign(key crypto.Signer) (*Signed, error) {
	public, ok := d.Certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: kind of key", errAlgorithm)
	}
	if d.Existing != nil && d.Existing.archived() {
		return nil, ErrArchived
	}
	attributes, err := d.attributes()
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(element(tagSet, attributes))
	signature, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	serial, err := asn1.Marshal(d.Certificate.SerialNumber)
	if err != nil {
		return nil, err
	}
	s := &Signed{Value: signature, draft: d, digest: d.Digest, size: d.Size, attached: !d.Detached}
	s.fields = slices.Concat(versions[1], element(tagSequence, d.Certificate.RawIssuer, serial), sha256ID,
		element(tag0, attributes), sha256RSA, element(tagOctets, signature))
	s.around(element(tagSequence, s.fields))
	return s, nil
}

// Stamp adds a time stamp over the value of the signature: level B-T (ETSI EN 319 122-1
// V1.3.1 §5.3). Whether it is one is for others to know.
func (s *Signed) Stamp(token []byte) {
	s.around(element(tagSequence, s.fields, element(tag1, element(tagSequence, forStamp, element(tagSet, token)))))
}

// archived says whether an archive time stamp covers everything, so that adding
// anything breaks it: version 2 and the older one (ETSI EN 319 122-1 §A.2.4). Version 3
// tolerates additions.
func (f *File) archived() bool {
	return slices.ContainsFunc(f.signers, func(v value) bool {
		s, err := parseSigner(v)
		return err == nil && has(s.unsigned, attrArchiveStamp, attrArchiveStampV2)
	})
}

// attributes are the signed attributes, sorted, without the header of their set.
func (d *Draft) attributes() ([]byte, error) {
	serial, err := asn1.Marshal(d.Certificate.SerialNumber)
	if err != nil {
		return nil, err
	}
	const layout, until = "060102150405Z", 2050 // UTCTime up to there (RFC 5652 §11.3)
	claimed := d.Time.UTC()
	at := element(asn1.TagUTCTime, []byte(claimed.Format(layout)))
	if claimed.Year() >= until {
		at = element(asn1.TagGeneralizedTime, []byte(claimed.Format("20"+layout)))
	}
	sum := sha256.Sum256(d.Certificate.Raw)
	// The hash algorithm is left out: SHA-256 is the default (RFC 5035 §4).
	id := element(tagSequence, element(tagOctets, sum[:]),
		element(tagSequence, element(tagSequence, element(tag0|4, d.Certificate.RawIssuer)), serial))
	attribute := func(kind, value []byte) []byte { return element(tagSequence, kind, element(tagSet, value)) }
	all := [][]byte{
		attribute(forContent, d.contentType()),
		slices.Concat(forDigest, d.Digest[:]),
		attribute(forSigner, element(tagSequence, element(tagSequence, id))),
	}
	if !d.Time.IsZero() {
		all = append(all, attribute(forTime, at))
	}
	v, _, err := next(setOf(tagSet, all...))
	return v.content, err
}

// contentType is what the signatures already there say of the content.
func (d *Draft) contentType() []byte {
	if d.Existing == nil {
		return idData
	}
	return d.Existing.kind
}

// around puts everything else around a SignerInfo, with all lengths.
func (s *Signed) around(signer []byte) {
	d := s.draft
	algorithms, signers := [][]byte{sha256ID}, [][]byte{signer}
	certificates := [][]byte{d.Certificate.Raw}
	for _, c := range d.Issuers {
		certificates = append(certificates, c.Raw)
	}
	var revocation []byte
	if e := d.Existing; e != nil {
		certificates = append(certificates, raws(e.certificates)...)
		signers = append(signers, raws(e.signers)...)
		for _, a := range e.algorithms {
			if h, _ := hashOf(a); h != crypto.SHA256 {
				algorithms = append(algorithms, a.raw)
			}
		}
		if len(e.revocation) > 0 {
			revocation = setOf(tag1, raws(e.revocation)...)
		}
	}
	before := slices.Concat(versions[d.version()], once(tagSet, algorithms...))
	s.tail = slices.Concat(once(tag0, certificates...), revocation, setOf(tagSet, signers...))
	kind, size := d.contentType(), d.Size
	content := element(tagSequence, kind)
	if s.attached {
		octets := header(tagOctets, size)
		explicit := header(tag0, int64(len(octets))+size)
		inside := int64(len(kind)+len(explicit)+len(octets)) + size
		content = slices.Concat(header(tagSequence, inside), kind, explicit, octets)
	} else {
		size = 0
	}
	before = append(before, content...)
	inside := int64(len(before)+len(s.tail)) + size
	data := header(tagSequence, inside)
	explicit := header(tag0, int64(len(data))+inside)
	all := int64(len(signedData)+len(explicit)+len(data)) + inside
	s.head = slices.Concat(header(tagSequence, all), signedData, explicit, data, before)
}

func raws(values []value) [][]byte {
	all := make([][]byte, len(values))
	for i, v := range values {
		all[i] = v.raw
	}
	return all
}

// version is that of SignedData (RFC 5652 §5.1).
func (d *Draft) version() byte {
	e := d.Existing
	if e == nil {
		return 1
	}
	holds := func(values []value, tag byte) bool {
		return slices.ContainsFunc(values, func(v value) bool { return v.tag == tag })
	}
	third := func(v value) bool { s, err := parseSigner(v); return err == nil && s.version == 3 }
	switch {
	case holds(e.certificates, 0xA3), holds(e.revocation, tag1):
		return 5
	case holds(e.certificates, 0xA2):
		return 4
	case holds(e.certificates, tag1), !bytes.Equal(e.kind, idData), slices.ContainsFunc(e.signers, third):
		return 3
	}
	return 1
}

// Write writes the file. Content, which a detached signature leaves out, is read and
// digested again: ErrChanged means that it is not what was signed, and that the file
// is worth nothing.
func (s *Signed) Write(w io.Writer, content io.Reader) error {
	if _, err := w.Write(s.head); err != nil {
		return err
	}
	to := w
	if !s.attached {
		to = io.Discard
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, h), io.LimitReader(content, s.size+1))
	if err != nil {
		return err
	}
	if n != s.size || !bytes.Equal(h.Sum(nil), s.digest[:]) {
		return ErrChanged
	}
	_, err = w.Write(s.tail)
	return err
}
