package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	p := pki()
	c := holder()
	c.SerialNumber = big.NewInt(0x0123AB)
	certificate := issue(c, p.key, &p.ca).Certificate
	d := (&Roots{cie: []anchor{{p.ca.Certificate, true}}}).Describe(certificate)
	sum := sha256.Sum256(certificate.Raw)
	switch {
	case d.TaxCode != "RSSMRA80A01H501U", d.DocumentNumber != "CA00000AA":
		t.Errorf("holder %+v", d.Holder)
	case d.Issuer != p.ca.Subject.CommonName, !slices.Equal(d.Chain, []string{p.ca.Subject.CommonName}):
		t.Errorf("issuer %q, chain %q", d.Issuer, d.Chain)
	case d.Serial != "01 23 AB", strings.ReplaceAll(d.SHA256, " ", "") != strings.ToUpper(hex.EncodeToString(sum[:])):
		t.Errorf("serial %s, fingerprint %s", d.Serial, d.SHA256)
	case d.Genuine != Test, d.Reason != nil, d.Bits != 2048:
		t.Errorf("%s, %v, %d bits", d.Genuine, d.Reason, d.Bits)
	}
	d = (&Roots{}).Describe(certificate)
	if d.Genuine != Unknown || d.Reason == nil || d.Chain != nil {
		t.Errorf("unknown issuer: %s, %v, %q", d.Genuine, d.Reason, d.Chain)
	}
}

func TestPEM(t *testing.T) {
	p := pki()
	rest := PEM(p.ca.Certificate, p.impostor.Certificate)
	for _, want := range []*x509.Certificate{p.ca.Certificate, p.impostor.Certificate} {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || !bytes.Equal(block.Bytes, want.Raw) {
			t.Fatalf("%s is missing", want.Subject)
		}
	}
	if len(rest) > 0 {
		t.Errorf("rest %q", rest)
	}
}
