package demosite

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity of the site's certificates: nobody leaves it running longer.
const validity = 30 * 24 * time.Hour

// caFile is the name of the file with the CA certificate.
const caFile = "demo-site-ca.pem"

// An identity is a certificate for this computer and the CA that signed it. The
// CA's key is forgotten at once, and the CA is good for nothing but this
// computer: to trust it is harmless.
type identity struct {
	ca          []byte // DER
	certificate tls.Certificate
}

func newIdentity() (*identity, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	loopback := net.IPv4(127, 0, 0, 1).To4()
	ca := certificateFor("Software CIE demo site CA " + randomName())
	ca.IsCA, ca.BasicConstraintsValid, ca.MaxPathLenZero = true, true, true
	ca.KeyUsage = x509.KeyUsageCertSign
	ca.PermittedDNSDomainsCritical = true // the name constraints (RFC 5280 §4.2.1.10)
	ca.PermittedDNSDomains = []string{"localhost"}
	ca.PermittedIPRanges = []*net.IPNet{{IP: loopback, Mask: net.CIDRMask(32, 32)}}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	leaf := certificateFor("localhost")
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.DNSNames, leaf.IPAddresses = []string{"localhost"}, []net.IP{loopback}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return nil, err
	}
	// The CA is sent along: by its key a Chromium can be told to believe the site.
	return &identity{ca: caDER, certificate: tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key}}, nil
}

// certificateFor is a certificate that begins a little earlier, for clocks that differ.
// Its serial number is random: browsers refuse to see one twice.
func certificateFor(name string) *x509.Certificate {
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] = serial[0]&0x7F | 0x40 // positive, and always as long
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(validity),
	}
}

func randomName() string {
	b := make([]byte, 4)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// writeCA writes the CA certificate into a folder, which it makes if it must.
func (i *identity) writeCA(folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // a public certificate
		return "", err
	}
	path := filepath.Join(folder, caFile)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.ca})
	if err := os.WriteFile(path, block, 0o644); err != nil { //nolint:gosec // a public certificate
		return "", fmt.Errorf("certificate of the site's CA: %w", err)
	}
	return path, nil
}
