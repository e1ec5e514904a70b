package revocation

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"
)

const pki = "../../../testdata/signatures/pki/"

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(pki + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func certificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(file(t, name))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The lists of the test CA, which another program made: of their day, and later.
func TestLists(t *testing.T) {
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := Data{CRL: [][]byte{file(t, "root.crl"), file(t, "sub.crl")}}
	sub, root := certificate(t, "sub.pem"), certificate(t, "root.pem")
	for _, tt := range []struct {
		name      string
		issuer    *x509.Certificate
		at        time.Time
		want      State
		why       error
		compromis bool
	}{
		{"signer.pem", sub, day, Good, nil, false},
		{"sub.pem", root, day, Good, nil, false},
		{"signer.pem", sub, day.AddDate(0, 0, 2), Unknown, ErrTime, false},
		{"revoked.pem", sub, day, Revoked, nil, true},
		{"revoked.pem", sub, day.AddDate(0, 0, 2), Revoked, nil, true},
	} {
		c := certificate(t, tt.name)
		s := d.Status(c, tt.issuer, tt.at, day.AddDate(0, 0, 3))
		if s.State != tt.want || !errors.Is(s.Why, tt.why) || s.Compromised() != tt.compromis || s.Source == "" != (tt.want == Unknown) {
			t.Errorf("%s: %+v", tt.name, s)
		}
	}
	early := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	if s := d.Status(certificate(t, "revoked.pem"), sub, early, day); s.At(early) != Good || s.At(day) != Revoked {
		t.Errorf("%+v", s)
	}
	if s := d.Status(certificate(t, "signer.pem"), sub, early, early); s.State != Unknown || !errors.Is(s.Why, ErrTime) {
		t.Errorf("a list of a time to come: %+v", s)
	}
	if s := (Data{}).Status(certificate(t, "signer.pem"), sub, day, day); s.State != Unknown || !errors.Is(s.Why, ErrOther) {
		t.Errorf("no list: %+v", s)
	}
}

// A world is a CA with those it has charged, and a stranger.
type world struct {
	t                       *testing.T
	now                     time.Time
	ca, stranger            party
	holder, other           *x509.Certificate
	responder, noCheck      party
	expired, foreign, wrong party
	weak                    party
}

type party struct {
	*x509.Certificate
	key crypto.Signer
}

func ca(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)}
	w.ca, w.stranger = w.party(party{}, 1, ca), w.party(party{}, 1, ca)
	w.holder, w.other = w.party(w.ca, 7, nil).Certificate, w.party(w.ca, 8, nil).Certificate
	charged := func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	}
	unchecked := func(c *x509.Certificate) {
		charged(c)
		c.ExtraExtensions = []pkix.Extension{{Id: oidNoCheck, Value: asn1.NullBytes}}
	}
	w.responder, w.noCheck, w.foreign = w.party(w.ca, 20, charged), w.party(w.ca, 21, unchecked), w.party(w.stranger, 22, unchecked)
	w.expired = w.party(w.ca, 23, func(c *x509.Certificate) { unchecked(c); c.NotAfter = w.now.Add(-time.Hour) })
	w.wrong = w.party(w.ca, 24, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping} })
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	w.weak = party{w.certificate(w.ca, 25, key, unchecked), key}
	return w
}

func (w *world) party(by party, serial int64, change func(*x509.Certificate)) party {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return party{w.certificate(by, serial, key, change), key}
}

func (w *world) certificate(by party, serial int64, key crypto.Signer, change func(*x509.Certificate)) *x509.Certificate {
	w.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "Test " + big.NewInt(serial).String()},
		NotBefore: w.now.AddDate(-1, 0, 0), NotAfter: w.now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		OCSPServer: []string{"ldap://a", "http://ocsp.example.org"}, CRLDistributionPoints: []string{"http://crl.example.org/ca.crl"},
	}
	if change != nil {
		change(template)
	}
	if by.key == nil {
		by = party{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// answer is an OCSPResponse about the holder, good and right unless it is changed.
func (w *world) answer(by party, change func(*responseData)) []byte {
	w.t.Helper()
	key, err := publicKey(w.ca.Certificate)
	if err != nil {
		w.t.Fatal(err)
	}
	name := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: by.RawSubject}
	d := responseData{Responder: name, Produced: w.now, Responses: []singleResponse{{
		ID: certID{
			pkix.AlgorithmIdentifier{Algorithm: oidSHA1, Parameters: asn1.NullRawValue},
			digest(crypto.SHA1, w.ca.RawSubject), digest(crypto.SHA1, key), w.holder.SerialNumber,
		},
		Good: true, This: w.now, Next: w.now.Add(time.Hour),
	}}}
	if change != nil {
		change(&d)
	}
	der := w.marshal(d)
	algorithm := asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	if _, ok := by.key.(*rsa.PrivateKey); ok {
		algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	}
	signature, err := by.key.Sign(rand.Reader, digest(crypto.SHA256, der), crypto.SHA256)
	if err != nil {
		w.t.Fatal(err)
	}
	d.Raw = der
	basic := w.marshal(basicResponse{
		d,
		pkix.AlgorithmIdentifier{Algorithm: algorithm},
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
		[]asn1.RawValue{{FullBytes: by.Raw}},
	})
	var outer response
	outer.Bytes.Type, outer.Bytes.Response = oidBasic, basic
	return w.marshal(outer)
}

func (w *world) marshal(v any) []byte {
	w.t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}

// list is a CRL of a CA, without entries unless it is changed.
func (w *world) list(by party, change func(*x509.RevocationList)) []byte {
	w.t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: w.now, NextUpdate: w.now.Add(time.Hour)}
	if change != nil {
		change(l)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, by.Certificate, by.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}

// Whoever may not answer, and what is no answer, does not count.
func TestResponders(t *testing.T) {
	w := newWorld(t)
	key, _ := publicKey(w.ca.Certificate)
	sha256 := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}}
	for _, tt := range []struct {
		name   string
		answer []byte
		more   [][]byte // lists
		want   State
		why    error
	}{
		{"by the CA", w.answer(w.ca, nil), nil, Good, nil},
		{"by whom it charged, without check", w.answer(w.noCheck, nil), nil, Good, nil},
		{"by whom it charged, in its list", w.answer(w.responder, nil), [][]byte{w.list(w.ca, nil)}, Good, nil},
		{"by whom it charged, unchecked", w.answer(w.responder, nil), nil, Unknown, ErrSigner},
		{"by a revoked responder", w.answer(w.responder, nil), [][]byte{w.list(w.ca, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = w.now.Add(-time.Hour), w.now.Add(-time.Second) // too old to tell of the holder
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(20), RevocationTime: w.now.Add(-time.Hour)}}
		})}, Unknown, ErrSigner},
		{"by key", w.answer(w.noCheck, func(d *responseData) {
			own, _ := publicKey(w.noCheck.Certificate)
			id := w.marshal(digest(crypto.SHA1, own))
			d.Responder = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: id}
		}), nil, Good, nil},
		{"with SHA-256 in the name", w.answer(w.noCheck, func(d *responseData) {
			d.Responses[0].ID = certID{sha256, digest(crypto.SHA256, w.ca.RawSubject), digest(crypto.SHA256, key), w.holder.SerialNumber}
		}), nil, Good, nil},
		{"by another holder of the CA", w.answer(w.wrong, nil), nil, Unknown, ErrSigner},
		{"by a responder of another CA", w.answer(w.foreign, nil), nil, Unknown, ErrSigner},
		{"by a responder expired before", w.answer(w.expired, nil), nil, Unknown, ErrSigner},
		{"by a weak key", w.answer(w.weak, nil), nil, Unknown, ErrSigner},
		{"in another's name", w.answer(w.foreign, func(d *responseData) {
			d.Responder.Bytes = w.ca.RawSubject
		}), nil, Unknown, ErrSigner},
		{"about another serial number", w.answer(w.noCheck, func(d *responseData) {
			d.Responses[0].ID.Serial = w.other.SerialNumber
		}), nil, Unknown, ErrOther},
		{"about another CA of that name", w.answer(w.noCheck, func(d *responseData) {
			d.Responses[0].ID.KeyHash = make([]byte, 20)
		}), nil, Unknown, ErrOther},
		{"of yesterday", w.answer(w.noCheck, func(d *responseData) {
			d.Responses[0].This, d.Responses[0].Next = w.now.AddDate(0, 0, -1), w.now.Add(-time.Second)
		}), nil, Unknown, ErrTime},
		{"of tomorrow", w.answer(w.noCheck, func(d *responseData) {
			d.Responses[0].This, d.Responses[0].Next = w.now.AddDate(0, 0, 1), w.now.AddDate(0, 0, 2)
		}), nil, Unknown, ErrTime},
		{"made tomorrow", w.answer(w.noCheck, func(d *responseData) { d.Produced = w.now.AddDate(0, 0, 1) }), nil, Unknown, ErrTime},
		{"without an end", w.answer(w.noCheck, func(d *responseData) { d.Responses[0].Next = time.Time{} }), nil, Good, nil},
		{"without an end, too old", w.answer(w.noCheck, func(d *responseData) {
			d.Responses[0].This, d.Responses[0].Next = w.now.AddDate(0, 0, -2), time.Time{}
		}), nil, Unknown, ErrTime},
		{"unknown to the responder", w.answer(w.noCheck, func(d *responseData) {
			d.Responses[0].Good, d.Responses[0].Unknown = false, true
		}), nil, Unknown, ErrNoState},
		{"with a condition", w.answer(w.noCheck, func(d *responseData) {
			d.Responses[0].Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), nil, Unknown, ErrScope},
		{"try later", []byte{0x30, 3, 0x0A, 1, 3}, nil, Unknown, ErrNoState},
		{"nothing", nil, nil, Unknown, ErrFormat},
	} {
		s := Data{OCSP: [][]byte{tt.answer}, CRL: tt.more}.Status(w.holder, w.ca.Certificate, w.now, w.now)
		if s.State != tt.want || !errors.Is(s.Why, tt.why) {
			t.Errorf("%s: %+v, want %s, %v", tt.name, s, tt.want, tt.why)
		}
	}
}

// Any change of what is signed is seen.
func TestEveryByteCounts(t *testing.T) {
	w := newWorld(t)
	answer := w.answer(w.noCheck, nil)
	basic, err := parseOCSP(answer)
	if err != nil {
		t.Fatal(err)
	}
	from := len(answer) - len(basic.Certificates[0].FullBytes) // what is behind is not signed with it
	for at := range answer[:from-80] {
		changed := slices.Clone(answer)
		changed[at] ^= 1
		s := Data{OCSP: [][]byte{changed}}.Status(w.holder, w.ca.Certificate, w.now, w.now)
		if again, err := parseOCSP(changed); s.State != Unknown && (err != nil || !slices.Equal(again.Data.Raw, basic.Data.Raw)) {
			t.Errorf("byte %d changed, and nobody saw it", at)
		}
	}
}

func TestRevokedAnswer(t *testing.T) {
	w := newWorld(t)
	revoke := func(reason asn1.Enumerated) []byte {
		return w.answer(w.noCheck, func(d *responseData) {
			s := &d.Responses[0]
			s.Good, s.Revoked.At, s.Revoked.Reason = false, w.now.Add(-time.Hour), reason
		})
	}
	later := w.now.AddDate(0, 1, 0)
	for _, tt := range []struct {
		reason      asn1.Enumerated
		compromised bool
		later       State // when the answer is old
	}{{0, true, Revoked}, {1, true, Revoked}, {4, false, Revoked}, {reasonHold, true, Unknown}} {
		d := Data{OCSP: [][]byte{revoke(tt.reason)}}
		s := d.Status(w.holder, w.ca.Certificate, w.now, w.now)
		if s.State != Revoked || s.At(w.now.Add(-2*time.Hour)) != Good || s.Compromised() != tt.compromised || s.Suspended() != (tt.reason == reasonHold) {
			t.Errorf("reason %d: %+v", tt.reason, s)
		}
		if s := d.Status(w.holder, w.ca.Certificate, later, later); s.State != tt.later {
			t.Errorf("reason %d, later: %+v", tt.reason, s)
		}
	}
}

// Lists that are forged, or of others.
func TestForgedLists(t *testing.T) {
	w := newWorld(t)
	scope := func(v any) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: oidScope, Critical: true, Value: w.marshal(v)}}
		}
	}
	type point struct {
		Names []asn1.RawValue `asn1:"tag:0,optional"`
	}
	type named struct {
		Point point `asn1:"tag:0,optional"`
	}
	uri := func(s string) named {
		return named{point{[]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(s)}}}}
	}
	for _, tt := range []struct {
		name string
		list []byte
		why  error // nil: it counts
	}{
		{"right", w.list(w.ca, nil), nil},
		{"of a CA of the same name", w.list(w.stranger, nil), ErrSigner},
		{"of another CA", w.list(w.party(party{}, 2, ca), nil), ErrOther},
		{"changes only", w.list(w.ca, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: oidDelta, Critical: true, Value: w.marshal(1)}}
		}), ErrScope},
		{"not understood", w.list(w.ca, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), ErrScope},
		{"of its distribution point", w.list(w.ca, scope(uri("http://crl.example.org/ca.crl"))), nil},
		{"of another distribution point", w.list(w.ca, scope(uri("http://crl.example.org/2.crl"))), ErrScope},
		{"of users", w.list(w.ca, scope(struct {
			Users bool `asn1:"tag:1,optional"`
		}{true})), nil},
		{"of CAs", w.list(w.ca, scope(struct {
			CAs bool `asn1:"tag:2,optional"`
		}{true})), ErrScope},
		{"of several CAs", w.list(w.ca, scope(struct {
			Indirect bool `asn1:"tag:4,optional"`
		}{true})), ErrScope},
		{"of yesterday", w.list(w.ca, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = w.now.AddDate(0, 0, -1), w.now.Add(-time.Second)
		}), ErrTime},
		{"of tomorrow", w.list(w.ca, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = w.now.AddDate(0, 0, 1), w.now.AddDate(0, 0, 2)
		}), ErrTime},
		{"with an entry of another CA", w.list(w.ca, func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{
				SerialNumber: big.NewInt(99), RevocationTime: w.now,
				ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}},
			}}
		}), ErrScope},
		{"nothing", nil, ErrFormat},
	} {
		s := Data{CRL: [][]byte{tt.list}}.Status(w.holder, w.ca.Certificate, w.now, w.now)
		if (s.State == Good) != (tt.why == nil) || !errors.Is(s.Why, tt.why) {
			t.Errorf("%s: %+v, want %v", tt.name, s, tt.why)
		}
	}
}

// The newest answer wins, wherever it comes from.
func TestNewest(t *testing.T) {
	w := newWorld(t)
	revoked := w.list(w.ca, func(l *x509.RevocationList) {
		l.ThisUpdate = w.now.Add(time.Minute)
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: w.holder.SerialNumber, RevocationTime: w.now.Add(-time.Minute)}}
	})
	d := Data{OCSP: [][]byte{w.answer(w.noCheck, nil)}, CRL: [][]byte{w.list(w.ca, nil), revoked}}
	if s := d.Status(w.holder, w.ca.Certificate, w.now, w.now); s.State != Revoked || s.Source != "crl" {
		t.Errorf("%+v", s)
	}
}

// Responders are asked first, lists where they do not help, LDAP never; and nobody twice.
func TestAsk(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name  string
		ocsp  []byte
		want  State
		from  string
		asked int
	}{
		{"responder", w.answer(w.noCheck, nil), Good, "ocsp", 1},
		{"responder fails", nil, Good, "crl", 2},
		{"responder of another CA", w.answer(w.foreign, nil), Good, "crl", 2},
	} {
		asked := 0
		a := NewAsker(func(_ context.Context, q Query) ([]byte, error) {
			asked++
			switch {
			case q.URL == "http://ocsp.example.org" && tt.ocsp != nil && q.Limit == maxOCSP:
				var r struct {
					List struct{ Requests []struct{ ID certID } }
				}
				if _, err := asn1.Unmarshal(q.Body, &r); err != nil || r.List.Requests[0].ID.Serial.Cmp(w.holder.SerialNumber) != 0 {
					t.Errorf("%x: %v", q.Body, err)
				}
				return tt.ocsp, nil
			case q.URL == "http://crl.example.org/ca.crl" && q.Body == nil && q.Limit == maxList:
				return w.list(w.ca, nil), nil
			}
			return nil, errors.New("no answer")
		})
		for range 2 {
			if s := a.Ask(t.Context(), w.holder, w.ca.Certificate, Data{}, w.now); s.State != tt.want || s.Source != tt.from {
				t.Errorf("%s: %+v", tt.name, s)
			}
		}
		if asked != tt.asked {
			t.Errorf("%s: asked %d times", tt.name, asked)
		}
	}
	silent := NewAsker(func(context.Context, Query) ([]byte, error) { return nil, context.DeadlineExceeded })
	if s := silent.Ask(t.Context(), w.holder, w.ca.Certificate, Data{}, w.now); s.State != Unknown || !errors.Is(s.Why, context.DeadlineExceeded) {
		t.Errorf("%+v", s)
	}
}

// FuzzStatus: no panic, and nothing is known of a certificate from bytes nobody signed.
func FuzzStatus(f *testing.F) {
	c, issuer := certificate(f, "signer2.pem"), certificate(f, "sub.pem")
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	list := file(f, "sub.crl")
	f.Add(list)
	f.Add(file(f, "root.crl"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		s := Data{OCSP: [][]byte{answer}, CRL: [][]byte{answer}}.Status(c, issuer, day, day)
		if s.State != Unknown && !slices.Equal(answer, list) {
			t.Errorf("%+v", s)
		}
	})
}
