package trust

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// A Certificate is what a holder's certificate says, ready to be shown.
type Certificate struct {
	Holder
	Issuer  string              // common name
	Chain   []string            // common names of the CAs, nearest first; none where the issuer is not known
	Path    []*x509.Certificate // the same CAs
	Serial  string              // hexadecimal, in pairs
	SHA256  string              // of the certificate, hexadecimal, in pairs
	Bits    int                 // of the RSA key; 0 if it is none
	Genuine Genuineness
	Reason  error // why it is neither Genuine nor Test
}

// Describe reads a holder's certificate and judges it.
func (r *Roots) Describe(c *x509.Certificate) Certificate {
	sum := sha256.Sum256(c.Raw)
	d := Certificate{
		Holder: HolderOf(c), Issuer: Display(c.Issuer.CommonName),
		Serial: pairs(c.SerialNumber.Bytes()), SHA256: pairs(sum[:]),
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok {
		d.Bits = key.N.BitLen()
	}
	d.Path, d.Genuine, d.Reason = r.VerifyHolder(c)
	for _, ca := range d.Path {
		d.Chain = append(d.Chain, Display(ca.Subject.CommonName))
	}
	return d
}

// pairs is a number as people compare it.
func pairs(b []byte) string { return fmt.Sprintf("% X", b) }

// PEM writes certificates one after another (RFC 7468 §5).
func PEM(certificates ...*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range certificates {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a buffer takes everything
	}
	return out.Bytes()
}
