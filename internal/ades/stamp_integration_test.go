//go:build integration

package ades

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/revocation"
	"github.com/softwarecie/cie/internal/network"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/trust"
)

// An openssl is a CA with a time-stamp authority, an OCSP responder and a list, all made
// and kept by OpenSSL.
type openssl struct {
	*testing.T
	folder string
	server *httptest.Server
}

const opensslConfig = `
[ca]
default_ca = here
[here]
dir = .
database = $dir/index.txt
new_certs_dir = $dir
serial = $dir/serial
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 30
default_crl_days = 1
policy = any
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[ca_ext]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[holder]
keyUsage = critical,digitalSignature
authorityInfoAccess = OCSP;URI:ADDRESS/ocsp
crlDistributionPoints = URI:ADDRESS/ca.crl
authorityKeyIdentifier = keyid
[stamps]
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
authorityInfoAccess = OCSP;URI:ADDRESS/ocsp
authorityKeyIdentifier = keyid
[responder]
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
authorityKeyIdentifier = keyid
[tsa]
default_tsa = stamp
[stamp]
serial = ./tsaserial
crypto_device = builtin
signer_cert = ./stamps.pem
certs = ./ca.pem
signer_key = ./stamps.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
`

func newOpenSSL(t *testing.T) *openssl {
	rig.Need(t, "openssl")
	o := &openssl{T: t, folder: t.TempDir()}
	o.server = httptest.NewServer(http.HandlerFunc(o.answer))
	t.Cleanup(o.server.Close)
	o.put("config", strings.ReplaceAll(opensslConfig, "ADDRESS", o.server.URL))
	o.put("index.txt", "")
	o.put("serial", "1001")
	o.put("tsaserial", "01")
	o.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "30", "-config", "config", "-extensions", "ca_ext")
	for _, name := range []string{"holder", "stamps", "responder"} {
		o.run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", name+".key", "-out", name+".csr", "-subj", "/CN=Test "+name, "-config", "config")
		o.run("ca", "-batch", "-config", "config", "-extensions", name, "-in", name+".csr", "-out", name+".pem", "-notext")
	}
	o.run("ca", "-config", "config", "-gencrl", "-out", "crl.pem")
	o.run("crl", "-in", "crl.pem", "-outform", "DER", "-out", "ca.crl")
	return o
}

func (o *openssl) path(name string) string { return filepath.Join(o.folder, name) }

func (o *openssl) put(name, content string) {
	o.Helper()
	write(o, o.path(name), content)
}

func (o *openssl) run(args ...string) {
	o.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = o.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		o.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

// answer is all services in one: each question is answered by a run of OpenSSL.
func (o *openssl) answer(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err == nil {
		err = os.WriteFile(o.path("question"), question, 0o600)
	}
	var cmd *exec.Cmd
	switch r.URL.Path {
	case "/tsa":
		cmd = exec.Command("openssl", "ts", "-reply", "-config", "config", "-queryfile", "question", "-out", "answer")
	case "/ocsp":
		cmd = exec.Command("openssl", "ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "responder.pem", "-rkey", "responder.key",
			"-reqin", "question", "-respout", "answer", "-ndays", "1")
	case "/ca.crl":
		cmd = exec.Command("cp", "ca.crl", "answer")
	default:
		http.NotFound(w, r)
		return
	}
	cmd.Dir = o.folder
	if out, failed := cmd.CombinedOutput(); err != nil || failed != nil {
		o.Errorf("%v, %v\n%s", err, failed, out)
	}
	answer, err := os.ReadFile(o.path("answer"))
	if err != nil {
		o.Error(err)
	}
	_, _ = w.Write(answer)
}

// believed is a folder with the CA alone.
func (o *openssl) believed() string {
	o.Helper()
	folder := o.TempDir()
	write(o, filepath.Join(folder, "ca.pem"), read(o.T, o.path("ca.pem")))
	return folder
}

// holderOf reads a key and its certificate.
func holderOf(t *testing.T, key, certificate string) (opaque, *x509.Certificate) {
	t.Helper()
	block, _ := pem.Decode([]byte(read(t, key)))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode([]byte(read(t, certificate)))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return opaque{private.(*rsa.PrivateKey)}, c
}

// trusted are roots that believe its CA, and a way to ask it without a proxy.
func (o *openssl) trusted() (*trust.Roots, Fetch) {
	o.Helper()
	believing, err := trust.Load([]string{o.believed()})
	if err != nil {
		o.Fatal(err)
	}
	return believing, func(ctx context.Context, q revocation.Query) ([]byte, error) {
		return network.Fetch(ctx, network.Through("none", ""), network.Request(q))
	}
}

// A signature gets a time stamp of OpenSSL's authority, which OpenSSL verifies; and
// what its responder and its list say is what we say.
func TestOpenSSLStampsAndAnswers(t *testing.T) {
	o := newOpenSSL(t)
	key, certificate := holderOf(t, o.path("holder.key"), o.path("holder.pem"))
	believing, fetch := o.trusted()
	document := o.path("doc.txt")
	write(t, document, "Document")
	j, err := Prepare(t.Context(), document, How{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Sign(key, certificate, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := j.Stamp(t.Context(), fetch, o.server.URL+"/nothing", time.Now()); !errors.Is(err, ErrStampNetwork) {
		t.Errorf("no service: %v", err)
	}
	if err := j.Stamp(t.Context(), fetch, o.server.URL+"/ca.crl", time.Now()); !errors.Is(err, ErrStampRefused) {
		t.Errorf("another service: %v", err)
	}
	if err := j.Stamp(t.Context(), fetch, o.server.URL+"/tsa", time.Now()); err != nil || time.Since(j.Stamped) > time.Minute {
		t.Fatalf("%v, %v", j.Stamped, err)
	}
	if err := j.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifies(t, o.path("ca.pem"), document, "-in", j.Output)
	f, err := cades.Read(bytes.NewReader([]byte(read(t, j.Output))), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Verify(time.Now())[0]
	o.put("signature", string(s.Value))
	o.put("token", string(s.Stamps[0]))
	o.run("ts", "-verify", "-data", "signature", "-in", "token", "-token_in", "-CAfile", "ca.pem")

	check := func(name, state, source string, verdict Verdict) {
		t.Helper()
		r, err := VerifyOnline(t.Context(), j.Output, "", believing, time.Now(), fetch)
		if err != nil {
			t.Fatal(err)
		}
		s := r.Signatures[0]
		if s.Revocation != state || s.Source != source || s.Verdict != verdict || s.Level != "B-T" || !s.Stamps[0].Counts {
			t.Errorf("%s: %+v", name, s)
		}
	}
	check("good", "good", "ocsp-network", Valid)
	inXML, err := Prepare(t.Context(), document, How{Format: XAdES})
	if err != nil {
		t.Fatal(err)
	}
	defer inXML.Close()
	if err := errors.Join(inXML.Sign(key, certificate, nil, time.Now()), inXML.Stamp(t.Context(), fetch, o.server.URL+"/tsa", time.Now()), inXML.Finish(t.Context())); err != nil {
		t.Fatal(err)
	}
	if r, err := VerifyOnline(t.Context(), inXML.Output, "", believing, time.Now(), fetch); err != nil || r.Verdict != Valid || r.Signatures[0].Level != "B-T" || r.Signatures[0].Proved == "" {
		t.Errorf("in XML: %+v, %v", r, err)
	}
	o.run("ca", "-config", "config", "-revoke", "holder.pem", "-crl_reason", "keyCompromise")
	revoked, err := VerifyOnline(t.Context(), j.Output, "", believing, time.Now(), fetch)
	if err != nil || revoked.Signatures[0].RevokedAt == "" || revoked.Signatures[0].Source != "ocsp-network" {
		t.Errorf("revoked: %+v, %v", revoked, err)
	}
	if offline, err := VerifyFile(t.Context(), j.Output, "", believing, time.Now()); err != nil || offline.Signatures[0].Reason != TryLater {
		t.Errorf("offline: %+v, %v", offline, err)
	}
}
