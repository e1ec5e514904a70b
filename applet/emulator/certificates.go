package emulator

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // key identifiers of RFC 5280 §4.2.1.2
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
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
type authorities struct{ root, sub, csca, signer authority }

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

// issue signs a certificate for a key, with PKCS #1 v1.5, so that the same card
// always has the same bytes.
func (a authority) issue(k key, template *x509.Certificate) authority {
	template.SignatureAlgorithm = x509.SHA256WithRSA
	template.SubjectKeyId = keyID(k)
	public := &rsa.PublicKey{N: k.n, E: int(k.e.Int64())}
	private := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: a.key.n, E: int(a.key.e.Int64())}, D: a.key.d, Primes: []*big.Int{a.key.p, a.key.q}}
	private.Precompute()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, private)
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
	digest := sha1.Sum(x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: k.n, E: int(k.e.Int64())})) //nolint:gosec // an identifier
	return digest[:]
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

// holderCertificate is the certificate of EF 1003.
func holderCertificate(k key, p Person, pan string, from, until time.Time) *x509.Certificate {
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
		"document-signer.pem": a.signer.certificate, "holder.pem": c.identity.certificate,
	} {
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
		if err := os.WriteFile(filepath.Join(folder, name), block, 0o644); err != nil { //nolint:gosec // public certificates
			return err
		}
	}
	return nil
}
