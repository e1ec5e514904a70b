package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// IsCIE says whether a certificate claims to be of an identity card: only together
// with the verdict Genuine it is.
func IsCIE(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Policies, func(p x509.OID) bool { return p.String() == policyCIE })
}

// JudgeSigner judges the certificate of whoever signed a document, at a time, with CAs
// that came with the document and are not believed: by the CAs that vouch for it, which
// it returns nearest first. Whether it was revoked is not among it.
func (r *Roots) JudgeSigner(c *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, Genuineness, error) {
	if c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return nil, Failed, ErrUse
	}
	chains, err := chainsOf(c, others, r.cie, at, x509.ExtKeyUsageAny)
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return nil, Failed, fmt.Errorf("%w: %w", ErrValidity, err)
	case err != nil:
		return nil, Unknown, fmt.Errorf("%w: %w", ErrIssuer, err)
	}
	best := slices.IndexFunc(chains, func(chain []*x509.Certificate) bool { return !r.isTest(chain[len(chain)-1]) })
	if best >= 0 {
		return r.upwards(chains[best][1:]), Genuine, nil
	}
	return r.upwards(chains[0][1:]), Test, nil
}

// JudgeStamper judges the certificate of a time-stamp authority in the same way, by the
// CAs that the settings added: the state's CAs for cards vouch for no authority. It
// returns the CAs that vouch for it, nearest first.
func (r *Roots) JudgeStamper(c *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	added := slices.DeleteFunc(slices.Clone(r.cie), func(a anchor) bool { return !a.test })
	chains, err := chainsOf(c, others, added, at, x509.ExtKeyUsageTimeStamping)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIssuer, err)
	}
	return r.upwards(chains[0][1:]), nil
}

// chainsOf finds the ways from a certificate up to an anchor.
func chainsOf(c *x509.Certificate, others []*x509.Certificate, by []anchor, at time.Time, use x509.ExtKeyUsage) ([][]*x509.Certificate, error) {
	anchors, between := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range by {
		anchors.AddCert(a.Certificate)
	}
	for _, o := range others {
		if _, err := keyOf(o); err == nil && mayIssue(o) { // large keys only cost time
			between.AddCert(o)
		}
	}
	return c.Verify(x509.VerifyOptions{
		Roots: anchors, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{use},
	})
}

// upwards adds to CAs those above them: an anchor need not be the last.
func (r *Roots) upwards(path []*x509.Certificate) []*x509.Certificate {
	if len(path) == 0 || bytes.Equal(path[len(path)-1].RawIssuer, path[len(path)-1].RawSubject) {
		return path
	}
	above, _, err := climb(r.cie, path[len(path)-1])
	if err != nil {
		return path
	}
	return append(slices.Clip(path), above...)
}

func (r *Roots) isTest(c *x509.Certificate) bool {
	return !slices.ContainsFunc(r.cie, func(a anchor) bool { return !a.test && bytes.Equal(a.Raw, c.Raw) })
}
