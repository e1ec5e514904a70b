package cades

import (
	"crypto/x509"

	"github.com/softwarecie/cie/internal/ades/revocation"
)

// Forms in which answers of OCSP stand beside CRLs (RFC 5940 §2.1): whole, and as the
// older one that ETSI EN 319 122-1 §5.4.2.1 still wants read.
const (
	oidOCSP      = "1.3.6.1.5.5.7.16.2"
	oidBasicOCSP = "1.3.6.1.5.5.7.48.1.1"
)

// Proofs are the certificates and answers about certificates in a file. None is
// believed, and not all need be about its signatures.
func (f *File) Proofs() revocation.Data {
	var d revocation.Data
	d.Certificates, _ = f.Certificates()
	for _, v := range f.revocation {
		if v.tag == tagSequence {
			d.CRL = append(d.CRL, v.raw)
			continue
		}
		parts, err := v.elements()
		if err == nil && v.tag == tag1 && len(parts) == 2 && (parts[0].oid() == oidOCSP || parts[0].oid() == oidBasicOCSP) {
			d.OCSP = append(d.OCSP, parts[1].raw)
		}
	}
	return d
}

// proofs are those in attributes of the old form (RFC 5126 §6.3.3, §6.3.4).
func (s *signer) proofs() (d revocation.Data) {
	for _, v := range s.values(attrCertificates) {
		for _, raw := range listed(v) {
			if c, err := x509.ParseCertificate(raw); err == nil && len(d.Certificates) < maxCerts {
				d.Certificates = append(d.Certificates, c)
			}
		}
	}
	for _, v := range s.values(attrValues) {
		kinds, _ := v.elements() // nothing in it, nothing proved
		for _, kind := range kinds {
			inside, err := kind.elements()
			if err != nil || len(inside) != 1 {
				continue
			}
			switch kind.tag {
			case tag0:
				d.CRL = append(d.CRL, listed(inside[0])...)
			case tag1:
				d.OCSP = append(d.OCSP, listed(inside[0])...)
			}
		}
	}
	return d
}

// listed are the elements of a list as they came, not too many.
func listed(v value) [][]byte {
	all, _ := v.elements() // see above
	return raws(all[:min(len(all), maxCerts)])
}
