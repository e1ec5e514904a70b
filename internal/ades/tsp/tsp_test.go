package tsp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/revocation"
)

const vectors = "../../../testdata/signatures/cades/"

// vectorTime is when the vectors were valid.
var vectorTime = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// stamped is a signature of a vector with its time stamp.
func stamped(t testing.TB, name string) cades.Signature {
	t.Helper()
	content, err := os.ReadFile(vectors + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := cades.Read(bytes.NewReader(content), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Verify(vectorTime)[0]
	if len(s.Stamps) != 1 {
		t.Fatalf("%s: %d time stamps", name, len(s.Stamps))
	}
	return s
}

// Tokens that another program made.
func TestVectors(t *testing.T) {
	for _, name := range []string{"t.p7m", "lt.p7m", "lt-basic.p7m", "lta.p7m"} {
		s := stamped(t, name)
		token, err := Parse(s.Stamps[0], nil, vectorTime)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := time.Date(2026, 11, 22, 3, 13, 0, 0, time.UTC)
		if token.Time.Truncate(time.Minute) != want || token.Certificate.Subject.CommonName != "Test TSA unit 1" || token.Lax || token.Hash != crypto.SHA256 {
			t.Errorf("%s: %+v", name, token)
		}
		if err := token.Stamps(s.Value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := token.Stamps(s.Value[1:]); !errors.Is(err, ErrImprint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every byte that is stamped counts: a changed token is refused, or is the same.
func TestEveryByteCounts(t *testing.T) {
	s := stamped(t, "t.p7m")
	right, err := Parse(s.Stamps[0], nil, vectorTime)
	if err != nil {
		t.Fatal(err)
	}
	for at := range s.Stamps[0] {
		changed := slices.Clone(s.Stamps[0])
		changed[at] ^= 1
		token, err := Parse(changed, nil, vectorTime)
		if err == nil && (!token.Time.Equal(right.Time) || !bytes.Equal(token.Imprint, right.Imprint) || !token.Certificate.Equal(right.Certificate)) {
			t.Errorf("byte %d changed, and nobody saw it", at)
		}
	}
}

// An authority makes tokens: right ones, unless something is changed.
type authority struct {
	t           *testing.T
	now         time.Time
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T, change func(*x509.Certificate)) *authority {
	t.Helper()
	a := &authority{t: t, now: vectorTime}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	use := a.marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "Authority"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: a.now.AddDate(-1, 0, 0), NotAfter: a.now.AddDate(1, 0, 0),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: use}},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) marshal(v any) []byte {
	a.t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// wrap is an element around others.
func wrap(class, tag int, inside ...[]byte) []byte {
	der, err := asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: true, Bytes: bytes.Join(inside, nil)})
	if err != nil {
		panic(err)
	}
	return der
}

func sequence(inside ...[]byte) []byte { return wrap(0, asn1.TagSequence, inside...) }
func set(inside ...[]byte) []byte      { return wrap(0, asn1.TagSet, inside...) }

// How a token is made wrong.
type how struct {
	info    func(*tstInfo)
	named   *x509.Certificate // in signing-certificate
	kind    asn1.ObjectIdentifier
	without bool // certificates
	twice   bool // signed
}

func (a *authority) token(message []byte, nonce *big.Int, h how) []byte {
	a.t.Helper()
	sum := sha256.Sum256(message)
	i := tstInfo{
		Version: 1, Policy: asn1.ObjectIdentifier{1, 2, 3}, Serial: big.NewInt(1), Time: a.now, Nonce: nonce,
		Imprint: messageImprint{pkix.AlgorithmIdentifier{Algorithm: oidSHA256}, sum[:]},
	}
	i.TSA.Name = asn1.NullRawValue
	if h.info != nil {
		h.info(&i)
	}
	if h.kind == nil {
		h.kind = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	}
	if h.named == nil {
		h.named = a.certificate
	}
	content := a.marshal(i)
	digest, certified := sha256.Sum256(content), sha256.Sum256(h.named.Raw)
	attribute := func(value []byte, id ...int) []byte {
		return sequence(a.marshal(asn1.ObjectIdentifier(id)), set(value))
	}
	attributes := bytes.Join([][]byte{
		attribute(a.marshal(h.kind), 1, 2, 840, 113549, 1, 9, 3),
		attribute(a.marshal(digest[:]), 1, 2, 840, 113549, 1, 9, 4),
		attribute(sequence(sequence(sequence(a.marshal(certified[:])))), 1, 2, 840, 113549, 1, 9, 16, 2, 47),
	}, nil)
	signed := sha256.Sum256(set(attributes))
	signature, err := a.key.Sign(rand.Reader, signed[:], crypto.SHA256)
	if err != nil {
		a.t.Fatal(err)
	}
	algorithm := a.marshal(pkix.AlgorithmIdentifier{Algorithm: oidSHA256})
	const context = asn1.ClassContextSpecific
	signer := sequence(a.marshal(1), sequence(a.certificate.RawIssuer, a.marshal(a.certificate.SerialNumber)), algorithm,
		wrap(context, 0, attributes), a.marshal(pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}), a.marshal(signature))
	certificates := wrap(context, 0, a.certificate.Raw)
	if h.without {
		certificates = nil
	}
	signers := set(signer)
	if h.twice {
		signers = set(signer, signer)
	}
	return sequence(a.marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}), wrap(context, 0, sequence(a.marshal(3), set(algorithm),
		sequence(a.marshal(h.kind), wrap(context, 0, a.marshal(content))), certificates, signers)))
}

// Tokens that must not count, each with its reason.
func TestForged(t *testing.T) {
	message := []byte("signature")
	a := newAuthority(t, nil)
	other := newAuthority(t, nil)
	with := func(change func(*x509.Certificate)) *authority { return newAuthority(t, change) }
	for _, tt := range []struct {
		name  string
		token []byte
		why   error
	}{
		{"right", a.token(message, nil, how{}), nil},
		{"of another message", a.token([]byte("another"), nil, how{}), ErrImprint},
		{"imprint of SHA-1", a.token(message, nil, how{info: func(i *tstInfo) {
			i.Imprint = messageImprint{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}}, make([]byte, 20)}
		}}), ErrImprint},
		{"imprint too short", a.token(message, nil, how{info: func(i *tstInfo) { i.Imprint.Digest = i.Imprint.Digest[:20] }}), ErrImprint},
		{"other version", a.token(message, nil, how{info: func(i *tstInfo) { i.Version = 2 }}), ErrFormat},
		{"extension not understood", a.token(message, nil, how{info: func(i *tstInfo) {
			i.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}}), ErrFormat},
		{"accuracy of a year", a.token(message, nil, how{info: func(i *tstInfo) { i.Accuracy.Seconds = 365 * 24 * 60 * 60 }}), ErrFormat},
		{"two signatures", a.token(message, nil, how{twice: true}), ErrFormat},
		{"a document instead", a.token(message, nil, how{kind: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}), ErrFormat},
		{"certificate replaced", a.token(message, nil, how{named: other.certificate}), ErrSignature},
		{"certificate missing", a.token(message, nil, how{without: true}), ErrSignature},
		{"certificate not for time stamps", with(func(c *x509.Certificate) {
			c.ExtraExtensions, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		}).token(message, nil, how{}), ErrUse},
		{"certificate for nothing", with(func(c *x509.Certificate) { c.ExtraExtensions = nil }).token(message, nil, how{}), ErrUse},
		{"a CA", with(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }).token(message, nil, how{}), ErrUse},
		{"expired before", with(func(c *x509.Certificate) { c.NotAfter = vectorTime.Add(-time.Second) }).token(message, nil, how{}), ErrUse},
		{"not yet valid", with(func(c *x509.Certificate) { c.NotBefore = vectorTime.Add(time.Second) }).token(message, nil, how{}), ErrUse},
		{"cut off", a.token(message, nil, how{})[:200], ErrFormat},
		{"nothing", nil, ErrFormat},
	} {
		token, err := Parse(tt.token, nil, vectorTime)
		if err == nil {
			err = token.Stamps(message)
		}
		if !errors.Is(err, tt.why) || tt.why == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.why)
		}
	}
	if _, err := Parse(a.token(message, nil, how{without: true}), []*x509.Certificate{other.certificate, a.certificate}, vectorTime); err != nil {
		t.Errorf("certificate in the file around it: %v", err)
	}
	lax := with(func(c *x509.Certificate) {
		c.ExtraExtensions, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	})
	if token, err := Parse(lax.token(message, nil, how{}), nil, vectorTime); err != nil || !token.Lax {
		t.Errorf("%+v, %v", token, err)
	}
	late, err := Parse(a.token(message, nil, how{info: func(i *tstInfo) { i.Accuracy = accuracy{1, 500, 0} }}), nil, vectorTime)
	if err != nil || !late.Time.Equal(vectorTime.Add(1500*time.Millisecond)) {
		t.Errorf("%+v, %v", late, err)
	}
}

// What is asked for is what must be answered.
func TestAsk(t *testing.T) {
	a := newAuthority(t, nil)
	message := []byte("signature")
	asked := 0
	ask := func(answer func(r request) []byte) error {
		asked = 0
		raw, token, err := Ask(t.Context(), func(_ context.Context, q revocation.Query) ([]byte, error) {
			asked++
			var r request
			if rest, err := asn1.Unmarshal(q.Body, &r); err != nil || len(rest) > 0 || !r.Certificate || r.Version != 1 || q.Media != "application/timestamp-query" {
				t.Errorf("%x: %v", q.Body, err)
			}
			if body := answer(r); body != nil {
				return body, nil
			}
			return nil, errors.New("no answer")
		}, "http://tsa.example.org", message, vectorTime)
		if err == nil && (len(raw) == 0 || token == nil) {
			t.Error("no token")
		}
		return err
	}
	granted := func(status int, token []byte) []byte { return sequence(sequence(a.marshal(status)), token) }
	for _, tt := range []struct {
		name   string
		answer func(r request) []byte
		why    error
	}{
		{"granted", func(r request) []byte { return granted(0, a.token(message, r.Nonce, how{})) }, nil},
		{"granted with changes", func(r request) []byte { return granted(1, a.token(message, r.Nonce, how{})) }, nil},
		{"refused", func(request) []byte {
			return sequence(sequence(a.marshal(2), sequence(a.marshal("no")), a.marshal(asn1.BitString{Bytes: []byte{0x80}, BitLength: 1})))
		}, ErrRefused},
		{"refused, with a token", func(r request) []byte { return granted(2, a.token(message, r.Nonce, how{})) }, ErrRefused},
		{"another's token", func(r request) []byte {
			return granted(0, a.token(message, new(big.Int).Add(r.Nonce, big.NewInt(1)), how{}))
		}, ErrAnswer},
		{"an old token", func(request) []byte { return granted(0, a.token(message, nil, how{})) }, ErrAnswer},
		{"of another message", func(r request) []byte { return granted(0, a.token([]byte("x"), r.Nonce, how{})) }, ErrImprint},
		{"of last week", func(r request) []byte {
			return granted(0, a.token(message, r.Nonce, how{info: func(i *tstInfo) { i.Time = i.Time.AddDate(0, 0, -7) }}))
		}, ErrAnswer},
		{"a page of a proxy", func(request) []byte { return []byte("<html>") }, ErrFormat},
		{"no token", func(request) []byte { return sequence(sequence(a.marshal(0))) }, ErrFormat},
	} {
		if err := ask(tt.answer); !errors.Is(err, tt.why) || tt.why == nil && err != nil || asked != 1 {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.why)
		}
	}
	if err := ask(func(request) []byte { return nil }); err == nil || asked != tries {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

// FuzzParse: no panic, and no bytes are a token that nobody signed.
func FuzzParse(f *testing.F) {
	s := stamped(f, "t.p7m")
	right, err := Parse(s.Stamps[0], nil, vectorTime)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Stamps[0])
	f.Add(stamped(f, "lta.p7m").Stamps[0])
	f.Fuzz(func(t *testing.T, raw []byte) {
		token, err := Parse(raw, nil, vectorTime)
		if err == nil && !token.Certificate.Equal(right.Certificate) {
			return // somebody else: not judged here
		}
		if err == nil && token.Stamps(s.Value) == nil && !token.Time.Equal(right.Time) {
			t.Errorf("another time: %v", token.Time)
		}
	})
}
