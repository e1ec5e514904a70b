package trust

import "crypto/x509"

// HolderCAs are the CAs that holders' certificates are judged by, those added for
// tests included: what a server names when it asks for such a certificate
// (RFC 5246 §7.4.4).
func (r *Roots) HolderCAs() []*x509.Certificate {
	all := make([]*x509.Certificate, len(r.cie))
	for i, a := range r.cie {
		all[i] = a.Certificate
	}
	return all
}
