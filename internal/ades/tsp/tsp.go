// Package tsp asks for time stamps and verifies them: tokens that an authority signs
// over the digest of something, and the time (RFC 3161, RFC 5816). Whom to trust is not
// its business, and it knows no network.
package tsp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/revocation"
)

// What is wrong with a time stamp, or the answer to a request for one.
var (
	ErrFormat    = errors.New("time stamp: malformed")
	ErrImprint   = errors.New("time stamp of something else")
	ErrSignature = errors.New("time stamp: signature does not verify")
	ErrUse       = errors.New("time stamp: certificate not for time stamps, or not valid then")
	ErrRefused   = errors.New("time stamp refused")
	ErrAnswer    = errors.New("time stamp: not the answer to what was asked")
)

// A Token is a time stamp that its authority's certificate verifies.
type Token struct {
	Time        time.Time // that is proved: its own, and what it may be wrong by
	Hash        crypto.Hash
	Imprint     []byte            // digest of what was stamped
	Certificate *x509.Certificate // of the authority
	Lax         bool              // the certificate is not only for time stamps, as it has to be
	Proofs      revocation.Data   // that came with it, not judged

	nonce *big.Int
}

// TSTInfo (RFC 3161 §2.4.2).
type tstInfo struct {
	Version    int
	Policy     asn1.ObjectIdentifier
	Imprint    messageImprint
	Serial     *big.Int
	Time       time.Time                    `asn1:"generalized"`
	Accuracy   accuracy                     `asn1:"optional"`
	Ordering   bool                         `asn1:"optional"`
	Nonce      *big.Int                     `asn1:"optional"`
	TSA        struct{ Name asn1.RawValue } `asn1:"optional,tag:0"`
	Extensions []pkix.Extension             `asn1:"optional,tag:1"`
}

type messageImprint struct {
	Hash   pkix.AlgorithmIdentifier
	Digest []byte
}

type accuracy struct {
	Seconds int `asn1:"optional"`
	Millis  int `asn1:"optional,tag:0"`
	Micros  int `asn1:"optional,tag:1"`
}

// hashes are the hash functions that count.
var hashes = map[string]crypto.Hash{
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

const (
	oidInfo  = "1.2.840.113549.1.9.16.1.4" // id-ct-TSTInfo
	maxToken = 1 << 20                     // bytes; revocation data may be in it
)

// Parse reads a token and verifies it: form, signature, and that the certificate is one
// for time stamps. The certificate may be among others, if it is not in the token.
func Parse(raw []byte, others []*x509.Certificate, now time.Time) (*Token, error) {
	var content bytes.Buffer
	if len(raw) > maxToken {
		return nil, fmt.Errorf("%w: too large", ErrFormat)
	}
	f, err := cades.Read(bytes.NewReader(raw), &content)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	all := f.Verify(now, others...)
	if f.ContentType() != oidInfo || f.Detached || f.Trailing || len(all) != 1 {
		return nil, fmt.Errorf("%w: not one signature on a time stamp", ErrFormat)
	}
	if all[0].Failure != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, all[0].Failure)
	}
	t := &Token{Certificate: all[0].Certificate, Proofs: all[0].Proofs}
	if err := t.read(content.Bytes()); err != nil {
		return nil, err
	}
	return t, t.use()
}

func (t *Token) read(content []byte) error {
	var i tstInfo
	if rest, err := asn1.Unmarshal(content, &i); err != nil || len(rest) > 0 || i.Version != 1 {
		return fmt.Errorf("%w: what is stamped", ErrFormat)
	}
	if slices.ContainsFunc(i.Extensions, func(e pkix.Extension) bool { return e.Critical }) {
		return fmt.Errorf("%w: an extension that is not understood", ErrFormat)
	}
	hash, ok := hashes[i.Imprint.Hash.Algorithm.String()]
	if !ok || len(i.Imprint.Digest) != hash.Size() {
		return fmt.Errorf("%w: weak or unknown hash function", ErrImprint)
	}
	a := i.Accuracy
	if a.Seconds < 0 || a.Seconds > 24*60*60 || a.Millis < 0 || a.Millis > 999 || a.Micros < 0 || a.Micros > 999 {
		return fmt.Errorf("%w: accuracy", ErrFormat)
	}
	wrong := time.Duration(a.Seconds)*time.Second + time.Duration(a.Millis)*time.Millisecond + time.Duration(a.Micros)*time.Microsecond
	t.Time, t.Hash, t.Imprint, t.nonce = i.Time.Add(wrong), hash, i.Imprint.Digest, i.Nonce
	return t.valid(i.Time)
}

// valid wants a certificate that was valid when it stamped.
func (t *Token) valid(at time.Time) error {
	if at.Before(t.Certificate.NotBefore) || at.After(t.Certificate.NotAfter) {
		return fmt.Errorf("%w: %s", ErrUse, at.UTC().Format(time.RFC3339))
	}
	return nil
}

// use wants a certificate for time stamps: that has to be its only use, and critical
// (RFC 3161 §2.3). Old ones are not so strict.
func (t *Token) use() error {
	c := t.Certificate
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) || c.IsCA || len(c.UnhandledCriticalExtensions) > 0 {
		return ErrUse
	}
	oidUse := asn1.ObjectIdentifier{2, 5, 29, 37}
	t.Lax = len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) != 1 ||
		!slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidUse) && e.Critical })
	return nil
}

// Stamps wants the token to be over that message.
func (t *Token) Stamps(message []byte) error {
	h := t.Hash.New()
	h.Write(message)
	if !bytes.Equal(h.Sum(nil), t.Imprint) {
		return ErrImprint
	}
	return nil
}
