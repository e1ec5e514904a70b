// Package trust knows whom the state lets sign: the country signing CAs behind
// the security object of a card, and the CAs behind its holder's certificate. It
// judges both, and reads the holder's data from the certificate.
package trust

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // country signing CAs of 2016 sign with SHA-1
	"crypto/x509"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed certificates
var builtIn embed.FS

// A Genuineness is what a chain of certificates says about a card.
type Genuineness string

// The verdicts.
const (
	Genuine Genuineness = "genuine" // up to a CA of the state that is built in
	Test    Genuineness = "test"    // up to a CA that the settings added
	Unknown Genuineness = "unknown" // nothing wrong, but the issuer is not known
	Failed  Genuineness = "failed"  // something contradicts itself
)

var (
	// ErrIssuer means that no known CA issued a certificate.
	ErrIssuer = errors.New("issuer not known")

	// ErrValidity means that a certificate is not valid now, by this computer's clock.
	ErrValidity = errors.New("certificate not valid at this time")

	// ErrSignature means that a signature does not verify.
	ErrSignature = errors.New("signature does not verify")

	// ErrUse means that a certificate is not for what it was used for.
	ErrUse = errors.New("certificate not for this use")

	// ErrNotCertificates means that a file among the certificates holds none.
	ErrNotCertificates = errors.New("not a file of certificates")
)

// An anchor is a CA certificate that is believed.
type anchor struct {
	*x509.Certificate
	test bool
}

// Roots are the CAs that are believed, of two kinds: those that sign security
// objects, and those that sign holders' certificates.
type Roots struct{ csca, cie []anchor }

// BuiltIn are the CAs of the state.
func BuiltIn() *Roots {
	r := &Roots{}
	for folder, into := range map[string]*[]anchor{"certificates/csca": &r.csca, "certificates/cie": &r.cie} {
		found, err := readFolder(builtIn, folder)
		if err != nil {
			panic(err) // they are part of the program, and a test reads them
		}
		for _, c := range found {
			*into = append(*into, anchor{c, false})
		}
	}
	return r
}

// Load returns the built-in CAs and every CA certificate, PEM or DER, in the
// folders. Those added are for tests: what rests on them is Test.
func Load(folders []string) (*Roots, error) {
	var added []*x509.Certificate
	for _, folder := range folders {
		found, err := readFolder(os.DirFS(folder), ".")
		if err != nil {
			return nil, fmt.Errorf("certificates in %s: %w", folder, err)
		}
		added = append(added, found...)
	}
	return With(added), nil
}

// With returns the built-in CAs and those added, for tests.
func With(added []*x509.Certificate) *Roots {
	r := BuiltIn()
	for _, c := range added {
		if mayIssue(c) && !r.has(c) {
			r.csca, r.cie = append(r.csca, anchor{c, true}), append(r.cie, anchor{c, true})
		}
	}
	return r
}

// Added are the CAs that are believed beyond the built-in ones.
func (r *Roots) Added() (all []*x509.Certificate) {
	for _, a := range r.cie {
		if a.test {
			all = append(all, a.Certificate)
		}
	}
	return all
}

// HasTest says whether CAs beyond the built-in ones are believed.
func (r *Roots) HasTest() bool { return len(r.Added()) > 0 }

func (r *Roots) has(c *x509.Certificate) bool {
	return slices.ContainsFunc(slices.Concat(r.csca, r.cie), func(a anchor) bool { return a.Equal(c) })
}

// mayIssue says whether a certificate is one of a CA (RFC 5280 §4.2.1.3, §4.2.1.9).
func mayIssue(c *x509.Certificate) bool {
	return c.IsCA && (c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0)
}

// checkUse refuses a certificate that is not for signatures by its owner, or has
// critical extensions that nobody here understands (RFC 5280 §4.2).
func checkUse(c *x509.Certificate) error {
	switch {
	case c.IsCA, c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return ErrUse
	case len(c.UnhandledCriticalExtensions) > 0:
		return fmt.Errorf("%w: critical extension %v", ErrUse, c.UnhandledCriticalExtensions[0])
	}
	return nil
}

// Bounds on what a folder of certificates may make us read.
const (
	maxFiles = 256
	maxFile  = 1 << 20
)

// readFolder reads the files .pem .crt .cer .der of a folder, not below it.
func readFolder(files fs.FS, folder string) ([]*x509.Certificate, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxFiles {
		return nil, fmt.Errorf("more than %d files", maxFiles)
	}
	var all []*x509.Certificate
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".pem", ".crt", ".cer", ".der":
			found, err := readCertificates(files, folder+"/"+e.Name())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name(), err)
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

func readCertificates(files fs.FS, name string) ([]*x509.Certificate, error) {
	name = strings.TrimPrefix(name, "./")
	if info, err := fs.Stat(files, name); err != nil || info.Size() > maxFile || !info.Mode().IsRegular() {
		return nil, errors.Join(ErrNotCertificates, err)
	}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(content, []byte("-----BEGIN")) {
		c, err := x509.ParseCertificate(content)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotCertificates, err)
		}
		return []*x509.Certificate{c}, nil
	}
	var all []*x509.Certificate
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			break
		}
		content = rest
		if block.Type != "CERTIFICATE" { // a key may lie beside its certificate
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotCertificates, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, ErrNotCertificates
	}
	return all, nil
}

// maxPath bounds the length of a chain.
const maxPath = 4

// climb follows a certificate to the CAs that vouch for it: the issuers found
// among the anchors, nearest first, and what they are.
func climb(anchors []anchor, c *x509.Certificate) (path []*x509.Certificate, verdict Genuineness, err error) {
	verdict = Genuine
	for len(path) < maxPath {
		issuer, err := issuerOf(anchors, c)
		switch {
		case errors.Is(err, ErrIssuer) && len(path) > 0:
			return path, verdict, nil // an anchor need not be self-signed
		case errors.Is(err, ErrIssuer):
			return nil, Unknown, err
		case err != nil:
			return nil, Failed, err
		}
		if issuer.test {
			verdict = Test
		}
		path = append(path, issuer.Certificate)
		if bytes.Equal(issuer.RawIssuer, issuer.RawSubject) {
			return path, verdict, nil
		}
		c = issuer.Certificate
	}
	return nil, Failed, errors.New("chain of certificates too long")
}

// issuerOf finds the anchor that signed c, by key identifier where c names one,
// else by name: two roots of the state have the same name.
func issuerOf(anchors []anchor, c *x509.Certificate) (anchor, error) {
	err := fmt.Errorf("%w: key identifier %X", ErrIssuer, c.AuthorityKeyId)
	for _, a := range anchors {
		named := bytes.Equal(c.RawIssuer, a.RawSubject)
		if len(c.AuthorityKeyId) > 0 {
			named = bytes.Equal(c.AuthorityKeyId, a.SubjectKeyId)
		}
		if !named || !mayIssue(a.Certificate) {
			continue
		}
		if err = checkSignature(a.Certificate, c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err == nil {
			return a, nil
		}
	}
	return anchor{}, err
}

// checkSignature verifies a signature by a certificate's key. SHA-1 is done by
// hand: crypto/x509 refuses it, country signing CAs of 2016 use it.
func checkSignature(by *x509.Certificate, algorithm x509.SignatureAlgorithm, signed, signature []byte) error {
	key, err := keyOf(by)
	if err != nil {
		return err
	}
	if algorithm == x509.SHA1WithRSA {
		digest := sha1.Sum(signed) //nolint:gosec // see above
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], signature)
	} else {
		err = by.CheckSignature(algorithm, signed, signature)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// keyOf returns the key of a certificate: RSA, neither weak nor so large that it
// only costs time.
func keyOf(c *x509.Certificate) (*rsa.PublicKey, error) {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 || key.N.BitLen() > 8192 {
		return nil, fmt.Errorf("%w: weak or unknown kind of key", ErrSignature)
	}
	return key, nil
}
