package xades

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"
)

// opaque hides a key, as a card does.
type opaque struct{ key *rsa.PrivateKey }

func (o opaque) Public() crypto.PublicKey { return o.key.Public() }
func (o opaque) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return o.key.Sign(rand.Reader, digest, opts)
}

// holder is a signer with a certificate of her own.
func holder(t testing.TB, bits int) (opaque, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return opaque{key}, certificate(t, key, 0x80)
}

func certificate(t testing.TB, key *rsa.PrivateKey, serial int64) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "Test"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sign(t testing.TB, d *Draft, err error, key crypto.Signer, c *x509.Certificate) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	d.Certificate, d.Time = c, time.Now()
	signed, err := d.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := signed.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// verified wants one good signature over the whole document.
func verified(t testing.TB, name string, signed []byte, content string) {
	t.Helper()
	f, err := Read(signed)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, signed)
	}
	if err := f.ReadDetached(strings.NewReader(content)); f.Detached && err != nil {
		t.Fatal(err)
	}
	if all := f.Verify(time.Now()); len(all) != 1 || all[0].Failure != nil || !all[0].Intact || all[0].Covers != Document || all[0].Level != "B-B" || len(all[0].Notes) > 0 {
		t.Errorf("%s: %+v\n%s", name, all, signed)
	}
}

// hard are documents that are easily damaged.
var hard = map[string]string{
	"empty":        `<r/>`,
	"empty, space": `<p:r xmlns:p="urn:p" a='1' />`,
	"mark":         "\uFEFF<?xml version=\"1.0\"?>\r\n<r>\r\n</r>\r\n",
	"comment":      "<r><a/></r><!-- </r> -->\n<?after  all ?>",
	"namespaces":   `<r xmlns="urn:d" xmlns:a="urn:z" xmlns:b="urn:a" a:x="1" b:y="2" xml:lang="it"><e xmlns=""><b:f xmlns:b="urn:b"/></e></r>`,
	"prefix":       `<r xmlns:ds="urn:mine" xmlns:xades="urn:too"><ds:Signature/></r>`,
	"white space":  "<?pi a\r\nb?><r a='x\ny\tz &#10;'> <![CDATA[<&>\r\n]]>&#13;\r\n</r>",
	"latin":        "<?xml version='1.0' encoding='ISO-8859-15'?>\n<caff\xE8 d\xF9='\xE8'>\xE0\r\n</caff\xE8>",
	"end":          "<r>\n<a></a>\n</r  >\n",
}

// All that was in a file is in the signed one, byte for byte.
func TestEnveloped(t *testing.T) {
	key, c := holder(t, 2048)
	for _, name := range []string{"invoice", "latin1"} {
		hard[name] = string(readFile(t, vectors+"/"+name+".xml"))
	}
	for name, document := range hard {
		d, err := Enveloped([]byte(document))
		signed := sign(t, d, err, key, c)
		verified(t, name, signed, "")
		if IsInvoice([]byte(document)) != (name == "invoice") {
			t.Errorf("%s: invoice?", name)
		}
		from := bytes.Index(signed, []byte("<ds:Signature xmlns:ds="))
		to := bytes.LastIndex(signed, []byte("</ds:Signature>")) + len("</ds:Signature>")
		left := string(signed[:from]) + string(signed[to:])
		if left != document && !strings.HasPrefix(name, "empty") {
			t.Errorf("%s: %q, want %q", name, left, document)
		}
		if _, err := Enveloped(signed); !errors.Is(err, ErrSigned) {
			t.Errorf("%s signed twice: %v", name, err)
		}
	}
}

// Any file goes into a signature, and comes out of it.
func TestEnveloping(t *testing.T) {
	key, c := holder(t, 2048)
	for _, content := range []string{"", "text\r\n", "\x00\xFF<", string(readFile(t, vectors+"/invoice.xml"))} {
		d, err := Enveloping([]byte(content))
		signed := sign(t, d, err, key, c)
		verified(t, "enveloping", signed, "")
		f, err := Read(signed)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := f.Content(&out); err != nil || out.String() != content {
			t.Errorf("%q, %v, want %q", out.String(), err, content)
		}
	}
	if _, err := Enveloping(make([]byte, maxEnveloped+1)); !errors.Is(err, ErrSize) {
		t.Error(err)
	}
}

func TestDetached(t *testing.T) {
	key, c := holder(t, 2048)
	for _, name := range []string{"doc.txt", "Carta d'identità 100%.pdf", "#a", "a:b.txt", "x?y"} {
		signed := sign(t, Detached(name, sha256.Sum256([]byte("text"))), nil, key, c)
		verified(t, name, signed, "text")
		f, err := Read(signed)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.ReadDetached(strings.NewReader("tent")); err != nil {
			t.Fatal(err)
		}
		if s := f.Verify(time.Now())[0]; s.Failure == nil || s.Failure.Reason != "HASH_FAILURE" {
			t.Errorf("%+v", s)
		}
	}
}

func TestKeyOfAnother(t *testing.T) {
	key, _ := holder(t, 2048)
	_, other := holder(t, 2048)
	d := Detached("a", sha256.Sum256(nil))
	d.Certificate = other
	if _, err := d.Sign(key); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
}

// A time stamp is put beside the signature, and found over its value.
func TestStamp(t *testing.T) {
	key, c := holder(t, 2048)
	d, err := Enveloped([]byte("<r>text</r>"))
	if err != nil {
		t.Fatal(err)
	}
	d.Certificate, d.Time = c, time.Now()
	signed, err := d.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	signed.Stamp([]byte("token"))
	file, err := signed.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Verify(time.Now())[0]
	if s.Failure != nil || s.Level != "B-T" || len(s.Stamps) != 1 || string(s.Stamps[0]) != "token" || !bytes.Equal(s.Value, signed.Value()) || len(s.Notes) > 0 {
		t.Errorf("%+v", s)
	}
}
