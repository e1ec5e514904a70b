package emulator

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // key identifiers of RFC 5280 §4.2.1.2
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A Person is whom the emulated card belongs to. All of them are invented.
type Person struct {
	Surname, Name string
	TaxCode       string // 16 characters
	Document      string // 9 characters
}

// Validity of the emulated authorities, and of holders unless told otherwise.
var (
	caFrom, caUntil         = day(2016), day(2066)
	holderFrom, holderUntil = day(2024), day(2044)
)

func day(year int) time.Time { return time.Date(year, time.June, 6, 12, 0, 0, 0, time.UTC) }

// An authority signs certificates.
type authority struct {
	key         key
	certificate *x509.Certificate
}

// authorities are the emulated state: root and sub CA of the card's
// authentication certificate, country signing CA and document signer of the SOD.
type authorities struct {
	root, sub, csca   authority
	signer, signerPSS authority // one key; the second is certified with PSS, as on newer cards
}

// theAuthorities makes the certificates once: they are the same for all cards.
var theAuthorities = sync.OnceValue(makeAuthorities)

func makeAuthorities() authorities {
	ministry := func(name string) pkix.Name {
		return pkix.Name{
			Country: []string{"IT"}, Organization: []string{"Ministero dell'Interno"},
			OrganizationalUnit: []string{"Direz. Centr. per i Servizi Demografici - CNSD"}, CommonName: name,
		}
	}
	police := pkix.Name{
		Country: []string{"IT"}, Organization: []string{"Ministry of Interior"},
		OrganizationalUnit: []string{"National Electronic Center of Italian National Police"}, CommonName: "Italian Country Signer CA TEST",
	}
	var a authorities
	a.root = selfSigned("root", ministry("National root CA for the Italian Electronic Identity Card TEST"), 1)
	a.sub = a.root.issue(caKey("subca"), caTemplate(ministry("Issuing sub CA for the Italian Electronic Identity Card - SUBCA002 TEST"), 2))
	a.csca = selfSigned("csca", police, 3)
	signer := &x509.Certificate{
		SerialNumber: big.NewInt(4), NotBefore: caFrom, NotAfter: caUntil, KeyUsage: x509.KeyUsageDigitalSignature,
		Subject: pkix.Name{
			Country: []string{"IT"}, Organization: []string{"Ministry of Interior"}, SerialNumber: "00001",
			OrganizationalUnit: []string{"Direz. Centr. per i Servizi Demografici - CNSD"}, CommonName: "eIdentityCardSigner TEST",
		},
	}
	a.signer = a.csca.issue(caKey("signer"), signer)
	newer := *signer
	newer.SerialNumber, newer.SignatureAlgorithm = big.NewInt(5), x509.SHA512WithRSAPSS
	a.signerPSS = a.csca.issue(caKey("signer"), &newer)
	return a
}

func caTemplate(subject pkix.Name, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: subject, NotBefore: caFrom, NotAfter: caUntil,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func selfSigned(name string, subject pkix.Name, serial int64) authority {
	k, template := caKey(name), caTemplate(subject, serial)
	template.SubjectKeyId = keyID(k)
	return authority{k, template}.issue(k, template)
}

// issue signs a certificate for a key, with PKCS #1 v1.5 and SHA-256 unless the
// template says otherwise.
func (a authority) issue(k key, template *x509.Certificate) authority {
	if template.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		template.SignatureAlgorithm = x509.SHA256WithRSA
	}
	template.SubjectKeyId = keyID(k)
	der, err := x509.CreateCertificate(nil, template, a.certificate, k.goPublic(), certifier{a.key})
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return authority{k, certificate}
}

func keyID(k key) []byte {
	digest := sha1.Sum(x509.MarshalPKCS1PublicKey(k.goPublic())) //nolint:gosec // an identifier
	return digest[:]
}

func (k key) goPublic() *rsa.PublicKey { return &rsa.PublicKey{N: k.n, E: int(k.e.Int64())} }

// A certifier signs without randomness, so that the same card always has the
// same bytes.
type certifier struct{ key key }

func (c certifier) Public() crypto.PublicKey { return c.key.goPublic() }

func (c certifier) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, pss := opts.(*rsa.PSSOptions); pss {
		return c.key.private(encodePSS(c.key, digest)), nil
	}
	if opts.HashFunc() != crypto.SHA256 {
		return nil, errors.New("only SHA-256")
	}
	return c.key.private(type1(c.key.size(), digestInfo(oidSHA256, digest))), nil
}

// Object identifiers of the holder's name, and the certificate policy of the CIE.
var (
	oidSurname      = asn1.ObjectIdentifier{2, 5, 4, 4}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidGivenName    = asn1.ObjectIdentifier{2, 5, 4, 42}
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}
	policyCIE       = asn1.ObjectIdentifier{1, 3, 76, 47, 4}
)

// certified are the arguments that make a holder's certificate; the key follows
// from its modulus.
type certified struct {
	modulus     string
	person      Person
	pan         string
	from, until int64
}

// holders remembers the certificates made in this process: each takes a signature
// with 4096 bits.
var holders sync.Map // certified → *x509.Certificate

// holderCertificate is the certificate of EF 1003.
func holderCertificate(k key, p Person, pan string, from, until time.Time) *x509.Certificate {
	id := certified{string(k.n.Bytes()), p, pan, from.Unix(), until.Unix()}
	if made, ok := holders.Load(id); ok {
		return made.(*x509.Certificate)
	}
	made, _ := holders.LoadOrStore(id, newHolderCertificate(k, p, pan, from, until))
	return made.(*x509.Certificate)
}

func newHolderCertificate(k key, p Person, pan string, from, until time.Time) *x509.Certificate {
	name := func(id asn1.ObjectIdentifier, value string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: id, Value: value}
	}
	policy, err := x509.OIDFromInts([]uint64{1, 3, 76, 47, 4})
	if err != nil {
		panic(err)
	}
	serial, _ := new(big.Int).SetString("5"+pan, 16)
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		PolicyIdentifiers: []asn1.ObjectIdentifier{policyCIE}, Policies: []x509.OID{policy},
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			name(oidCommonName, p.TaxCode+"/"+pan), name(oidGivenName, p.Name), name(oidSurname, p.Surname),
			name(oidSerialNumber, p.Document), name(oidCountry, "IT"),
		}},
	}
	return theAuthorities().sub.issue(k, template).certificate
}

// Dump writes the certificates of the emulated state and of the card's holder
// into a folder, as PEM: everything a client needs to take this card for a test
// card.
func (c *Card) Dump(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // public certificates
		return err
	}
	a := theAuthorities()
	for name, certificate := range map[string]*x509.Certificate{
		"csca.pem": a.csca.certificate, "cie-root.pem": a.root.certificate, "cie-sub-ca.pem": a.sub.certificate,
		"document-signer.pem": a.signer.certificate, "document-signer-pss.pem": a.signerPSS.certificate, "holder.pem": c.Certificate(),
	} {
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
		if err := os.WriteFile(filepath.Join(folder, name), block, 0o644); err != nil { //nolint:gosec // public certificates
			return err
		}
	}
	return nil
}
