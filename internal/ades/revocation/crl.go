package revocation

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
)

// crls asks all lists about a certificate of the issuer.
func (q question) crls(c *x509.Certificate) (Status, error) {
	best := Status{State: Unknown}
	for _, raw := range q.CRL {
		best.take(q.crl(raw, c))
	}
	if best.Source == "" {
		return best, cmp.Or(best.Why, ErrOther)
	}
	return best, nil
}

// crl asks one list (RFC 5280 §6.3.3), which must be the issuer's own.
func (q question) crl(raw []byte, c *x509.Certificate) (Status, error) {
	if err := q.listed(raw); err != nil {
		return Status{}, err
	}
	list, err := x509.ParseRevocationList(raw)
	if err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for _, e := range list.Extensions {
		if err := scope(e, c); err != nil {
			return Status{}, err
		}
	}
	s := Status{State: Good, Source: "crl", Updated: list.ThisUpdate}
	if list.NextUpdate.IsZero() {
		return s, fmt.Errorf("%w: it does not say until when", ErrTime)
	}
	for _, e := range list.RevokedCertificateEntries {
		if slices.ContainsFunc(e.Extensions, func(x pkix.Extension) bool { return x.Critical }) {
			return s, fmt.Errorf("%w: an entry of another CA", ErrScope) // indirect (RFC 5280 §5.3.3)
		}
		if e.SerialNumber.Cmp(c.SerialNumber) == 0 {
			s.State, s.RevokedAt, s.Reason = Revoked, e.RevocationTime, e.ReasonCode
		}
	}
	return s, q.fresh(s, list.NextUpdate)
}

// listed wants a list of the issuer's, before its many entries are read.
func (q question) listed(raw []byte) error {
	var list struct {
		Signed struct {
			Raw       asn1.RawContent
			Version   int `asn1:"optional"`
			Algorithm pkix.AlgorithmIdentifier
			Issuer    asn1.RawValue
		}
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if rest, err := asn1.Unmarshal(raw, &list); err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: list", ErrFormat)
	}
	if !bytes.Equal(list.Signed.Issuer.FullBytes, q.issuer.RawSubject) {
		return fmt.Errorf("%w: a list of another CA", ErrOther)
	}
	algorithm, ok := algorithms[list.Algorithm.Algorithm.String()]
	if !ok || q.issuer.KeyUsage != 0 && q.issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return fmt.Errorf("%w: weak, or not for lists", ErrSigner)
	}
	if err := strong(q.issuer); err != nil {
		return err
	}
	if err := q.issuer.CheckSignature(algorithm, list.Signed.Raw, list.Signature.RightAlign()); err != nil {
		return fmt.Errorf("%w: %w", ErrSigner, err)
	}
	return nil
}

// scope wants extensions of a list that leave no doubt that the certificate would be
// in it.
func scope(e pkix.Extension, c *x509.Certificate) error {
	switch {
	case e.Id.Equal(oidDelta):
		return fmt.Errorf("%w: changes only", ErrScope)
	case e.Id.Equal(oidScope):
		return distribution(e.Value, c)
	case e.Critical:
		return fmt.Errorf("%w: extension %v", ErrScope, e.Id)
	}
	return nil
}

// distribution reads an IssuingDistributionPoint (RFC 5280 §5.2.5).
func distribution(der []byte, c *x509.Certificate) error {
	var d struct {
		Point struct {
			Names []asn1.RawValue `asn1:"tag:0,optional"`
			Short asn1.RawValue   `asn1:"tag:1,optional"`
		} `asn1:"tag:0,optional"`
		Users      bool           `asn1:"tag:1,optional"`
		CAs        bool           `asn1:"tag:2,optional"`
		Reasons    asn1.BitString `asn1:"tag:3,optional"`
		Indirect   bool           `asn1:"tag:4,optional"`
		Attributes bool           `asn1:"tag:5,optional"`
	}
	if rest, err := asn1.Unmarshal(der, &d); err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: distribution point", ErrFormat)
	}
	named := slices.ContainsFunc(d.Point.Names, func(n asn1.RawValue) bool {
		const uri = 6
		return n.Tag == uri && slices.Contains(c.CRLDistributionPoints, string(n.Bytes))
	})
	if d.Users && c.IsCA || d.CAs && !c.IsCA || d.Reasons.BitLength > 0 || d.Indirect || d.Attributes ||
		len(d.Point.Short.FullBytes) > 0 || len(d.Point.Names) > 0 && !named {
		return fmt.Errorf("%w: it is about others", ErrScope)
	}
	return nil
}
