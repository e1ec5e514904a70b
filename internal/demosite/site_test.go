package demosite

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A fixture is a site that believes the emulated state, and what it told.
type fixture struct {
	*Site
	roots    *trust.Roots
	attempts chan Attempt
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	card := newCard(t, emulator.Options{})
	folder := t.TempDir()
	must(t, card.Dump(folder))
	roots, err := trust.Load([]string{folder})
	must(t, err)
	f := fixture{roots: roots, attempts: make(chan Attempt, 20)}
	f.Site, err = Start(context.Background(), Options{Roots: roots, Folder: t.TempDir(), Attempt: func(a Attempt) { f.attempts <- a }})
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	return f
}

func newCard(t *testing.T, o emulator.Options) *emulator.Card {
	t.Helper()
	card, err := emulator.New(o)
	must(t, err)
	return card
}

// login proves the PIN of a card and returns its certificate with a key that the
// card uses.
func (f fixture) login(t *testing.T, card *emulator.Card) tls.Certificate {
	t.Helper()
	h := &cie.Holder{Cards: cie.InSlots(map[string]cie.Software{"slot": card}), Roots: f.roots, Linger: time.Second}
	l, err := h.Login(context.Background(), cie.Target{Reader: "slot"}, secret.Take([]byte("12345678")))
	must(t, err)
	t.Cleanup(l.Close)
	return certified(l.Certificate().Raw, l.Signer(context.Background()))
}

// certified is a client's certificate whose key makes PKCS #1 v1.5 only.
func certified(der []byte, key crypto.PrivateKey) tls.Certificate {
	return tls.Certificate{
		Certificate: [][]byte{der}, PrivateKey: key,
		SupportedSignatureAlgorithms: []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512},
	}
}

// get fetches a page as a browser that trusts the site's CA and shows the
// certificate whatever it was asked for.
func (f fixture) get(t *testing.T, url string, change func(*http.Request), certificates ...tls.Certificate) (string, *http.Response, error) {
	t.Helper()
	ca, err := os.ReadFile(f.CA)
	must(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("no CA certificate")
	}
	config := &tls.Config{RootCAs: pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(certificates) == 0 {
			return &tls.Certificate{}, nil
		}
		return &certificates[0], nil
	}}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}, Timeout: 20 * time.Second}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	must(t, err)
	if change != nil {
		change(request)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return string(body), response, nil
}

func (f fixture) attempt(t *testing.T) Attempt {
	t.Helper()
	select {
	case a := <-f.attempts:
		return a
	case <-time.After(20 * time.Second):
		t.Fatal("no attempt was told")
		return Attempt{}
	}
}

func TestLoginWithCard(t *testing.T) {
	f := newFixture(t)
	card := newCard(t, emulator.Options{})
	certificate := f.login(t, card)
	for _, at := range []string{f.Required, f.Optional} {
		page, response, err := f.get(t, at, nil, certificate)
		must(t, err)
		who := card.Holder()
		for _, want := range []string{
			who.Name + " " + who.Surname, who.TaxCode, who.Document, "SUBCA002 TEST", "carta di prova", "TLS 1.2", "ECDHE", "PKCS1WithSHA",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page does not show %q", at, want)
			}
		}
		if response.TLS.Version != tls.VersionTLS12 {
			t.Errorf("version %04X", response.TLS.Version)
		}
		a := f.attempt(t)
		if a.Outcome != OK || a.Err != nil || a.Holder.TaxCode != who.TaxCode || a.Genuine != trust.Test ||
			a.Version != "TLS 1.2" || !strings.HasPrefix(a.Signature, "PKCS1WithSHA") {
			t.Errorf("attempt %+v", a)
		}
	}
}

func TestWithoutCertificate(t *testing.T) {
	f := newFixture(t)
	if _, _, err := f.get(t, f.Required, nil); err == nil {
		t.Error("in without a certificate")
	}
	if a := f.attempt(t); a.Door != Required || a.Outcome != NoCertificate || a.Err == nil {
		t.Errorf("attempt %+v", a)
	}
	page, _, err := f.get(t, f.Optional, nil)
	must(t, err)
	if !strings.Contains(page, "non ha presentato la carta") {
		t.Error("the page does not say what is missing")
	}
	if a := f.attempt(t); a.Door != Optional || a.Outcome != NoCertificate || a.Err != nil {
		t.Errorf("attempt %+v", a)
	}
}

// A card can answer a server of TLS 1.3 with nothing: Go's client finds no scheme
// in common, a browser sends no certificate.
func TestTLS13(t *testing.T) {
	f := newFixture(t)
	if _, _, err := f.get(t, f.TLS13, nil, f.login(t, newCard(t, emulator.Options{}))); err == nil {
		t.Error("in by TLS 1.3")
	}
	if a := f.attempt(t); a.Door != TLS13 || a.Outcome != Failed {
		t.Errorf("attempt %+v", a)
	}
	if _, _, err := f.get(t, f.TLS13, nil); err == nil {
		t.Error("in without a certificate")
	}
	if a := f.attempt(t); a.Door != TLS13 || a.Outcome != NoCertificate || a.Version != "TLS 1.3" {
		t.Errorf("attempt %+v", a)
	}
	if _, response, err := f.get(t, f.Landing, nil); err != nil || response.TLS.Version != tls.VersionTLS13 {
		t.Errorf("landing page: %v", err)
	}
}

func TestRefusedCertificates(t *testing.T) {
	f := newFixture(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	stranger := func() tls.Certificate {
		holder := newCard(t, emulator.Options{}).Certificate()
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), RawSubject: holder.RawSubject, NotBefore: holder.NotBefore, NotAfter: holder.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: holder.ExtKeyUsage, Policies: holder.Policies,
		}
		// The issuer has the name and the key identifier of the real one.
		issuer := &x509.Certificate{RawSubject: holder.RawIssuer, SubjectKeyId: holder.AuthorityKeyId}
		der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), key)
		must(t, err)
		return certified(der, key)
	}
	past := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
	expired := newCard(t, emulator.Options{From: past.AddDate(-10, 0, 0), Until: past})
	right := newCard(t, emulator.Options{}).Certificate()
	for _, tt := range []struct {
		name        string
		certificate tls.Certificate
		outcome     Outcome
		reason      string
	}{
		{"forged issuer", stranger(), Refused, "unknown authority"},
		{"expired", certified(expired.Certificate().Raw, key), Refused, "expired"},
		{"right certificate, wrong key", certified(right.Raw, liar{key, right.PublicKey}), Failed, "signature"},
		{"not a certificate", tls.Certificate{Certificate: [][]byte{{0x30, 0x03, 1, 2, 3}}, PrivateKey: key}, Failed, "certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, at := range []string{f.Required, f.Optional} {
				if page, _, err := f.get(t, at, nil, tt.certificate); err == nil {
					t.Errorf("in, with the page %.80s", page)
				}
				if a := f.attempt(t); a.Outcome != tt.outcome || a.Err == nil || !strings.Contains(a.Err.Error(), tt.reason) {
					t.Errorf("%s: %+v", at, a)
				}
			}
		})
	}
}

// A liar is a key that claims to be another one.
type liar struct {
	crypto.Signer
	claimed crypto.PublicKey
}

func (l liar) Public() crypto.PublicKey { return l.claimed }

// A certificate of the right CA that is no holder's: the CA's own.
func TestVerifyWantsHolder(t *testing.T) {
	f := newFixture(t)
	for _, ca := range f.roots.HolderCAs() {
		if err := f.verify(tls.ConnectionState{PeerCertificates: []*x509.Certificate{ca}}); !errors.Is(err, errHolder) {
			t.Errorf("%s: %v", ca.Subject.CommonName, err)
		}
	}
}

func TestLoopbackOnly(t *testing.T) {
	f := newFixture(t)
	for _, at := range []string{f.Landing, f.Required, f.Optional, f.TLS13} {
		u, err := url.Parse(at)
		must(t, err)
		if u.Scheme != "https" || u.Hostname() != "localhost" {
			t.Errorf("URL %s", at)
		}
	}
	for _, d := range f.doors {
		if ip := d.listener.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
			t.Errorf("listens at %s", ip)
		}
	}
	_, response, err := f.get(t, f.Landing, func(r *http.Request) { r.Host = "evil.example" })
	must(t, err)
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("answers to another name with %s", response.Status)
	}
}

func TestPages(t *testing.T) {
	f := newFixture(t)
	for _, tt := range []struct{ path, languages, lang, want string }{
		{"", "it-IT,it;q=0.9,en;q=0.5", "it", "Entra con CIE"},
		{"", "en-GB,en;q=0.9", "en", "Enter with CIE"},
		{"", "fr,en;q=0.5", "en", "Enter with CIE"},
		{"", "", "it", "Entra con CIE"},
		{"tls13", "it", "it", "RFC 9963"},
		{"tls13", "en", "en", "RFC 9963"},
	} {
		page, response, err := f.get(t, f.Landing+tt.path, func(r *http.Request) { r.Header.Set("Accept-Language", tt.languages) })
		must(t, err)
		if !strings.Contains(page, `<html lang="`+tt.lang+`">`) || !strings.Contains(page, tt.want) {
			t.Errorf("%q in %q: %.200s", tt.path, tt.languages, page)
		}
		if response.Header.Get("Cache-Control") != "no-store" || !strings.Contains(response.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("header %v", response.Header)
		}
		for _, link := range []string{f.TLS13, f.Required} {
			if tt.path == "tls13" == (link == f.TLS13) && !strings.Contains(page, `href="`+link+`"`) {
				t.Errorf("%q has no link to %s", tt.path, link)
			}
		}
	}
}

// What a certificate says is text, never HTML.
func TestHostileNames(t *testing.T) {
	const hostile = `<script>alert(1)</script>`
	for language, page := range parsePages() {
		var out strings.Builder
		must(t, page.ExecuteTemplate(&out, "layout", view{"in", &Site{}, Attempt{Holder: trust.Holder{Name: hostile}, Issuer: hostile}}))
		if strings.Contains(out.String(), hostile) {
			t.Errorf("%s: markup of a certificate reaches the page", language)
		}
	}
}

// The site's CA is good for this computer only.
func TestCAConstrained(t *testing.T) {
	id, err := newIdentity()
	must(t, err)
	ca, err := x509.ParseCertificate(id.ca)
	must(t, err)
	if !ca.PermittedDNSDomainsCritical || len(ca.PermittedDNSDomains) != 1 || ca.PermittedDNSDomains[0] != "localhost" {
		t.Errorf("permitted names %v", ca.PermittedDNSDomains)
	}
	leaf, err := x509.ParseCertificate(id.certificate.Certificate[0])
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	for name, ok := range map[string]bool{"localhost": true, "127.0.0.1": true, "example.com": false} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := Start(ctx, Options{Roots: trust.BuiltIn(), Folder: t.TempDir()})
	must(t, err)
	silent, err := net.Dial("tcp", s.doors[1].listener.Addr().String()) // a client that says nothing
	must(t, err)
	defer func() { _ = silent.Close() }()
	cancel()
	s.running.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	must(t, silent.SetReadDeadline(time.Now().Add(20*time.Second)))
	if _, err := silent.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("connection still open: %v", err)
	}
}

func TestPortsInARow(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = taken.Close() }()
	if _, err := Start(context.Background(), Options{Roots: trust.BuiltIn(), Folder: t.TempDir(), Port: taken.Addr().(*net.TCPAddr).Port}); err == nil {
		t.Error("opened on a port that is taken")
	}
	if _, err := Start(context.Background(), Options{}); err == nil {
		t.Error("opened without roots")
	}
}

func FuzzPlainMessages(f *testing.F) {
	// A CertificateVerify of rsa_pkcs1_sha256 (0x0401) in two records (RFC 5246 §7.4.8).
	f.Add([]byte{22, 3, 3, 0, 5, 15, 0, 0, 5, 4, 22, 3, 3, 0, 4, 1, 0, 1, 0xAA, 20, 3, 3, 0, 1, 1})
	f.Fuzz(func(t *testing.T, heard []byte) {
		if got := plainMessages(heard); len(got) > len(heard) {
			t.Errorf("%d bytes of messages in %d bytes", len(got), len(heard))
		}
		(&tap{heard: heard}).signature()
	})
}

func TestSignatureHeard(t *testing.T) {
	heard := []byte{22, 3, 3, 0, 5, 15, 0, 0, 5, 4, 22, 3, 3, 0, 4, 1, 0, 1, 0xAA, 20, 3, 3, 0, 1, 1}
	if got := (&tap{heard: heard}).signature(); got != "PKCS1WithSHA256" {
		t.Errorf("signature = %q", got)
	}
}

// The certificate on disk is PEM, and the key is nowhere.
func TestFolderHasNoKey(t *testing.T) {
	f := newFixture(t)
	content, err := os.ReadFile(f.CA)
	must(t, err)
	if block, rest := pem.Decode(content); block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		t.Errorf("file %s", content)
	}
	entries, err := os.ReadDir(f.options.Folder)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("%d files", len(entries))
	}
}
