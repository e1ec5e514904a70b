package xades

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	_ "crypto/md5" //nolint:gosec // old signatures name them: that they do not count is told
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // the same
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"math/big"
	"strings"

	"github.com/softwarecie/cie/internal/ades/cades"
)

// Identifiers of algorithms (XML Signature 1.1, RFC 9231).
const (
	algExclusive   = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algInclusive   = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	algInclusive11 = "http://www.w3.org/2006/12/xml-c14n11"
	algEnveloped   = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algBase64      = "http://www.w3.org/2000/09/xmldsig#base64"
	algXPath       = "http://www.w3.org/TR/1999/REC-xpath-19991116"
	algFilter2     = "http://www.w3.org/2002/06/xmldsig-filter2"
	algSHA256      = "http://www.w3.org/2001/04/xmlenc#sha256"
	algRSASHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
)

// hashes are the hash functions by their identifiers.
var hashes = map[string]crypto.Hash{
	"http://www.w3.org/2001/04/xmldsig-more#md5":    crypto.MD5,
	"http://www.w3.org/2000/09/xmldsig#sha1":        crypto.SHA1,
	"http://www.w3.org/2001/04/xmldsig-more#sha224": crypto.SHA224,
	algSHA256: crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}

// A scheme is a way to sign with a kind of key.
type scheme struct {
	hash   crypto.Hash
	verify func(key crypto.PublicKey, h crypto.Hash, message, signature []byte) (right, fits bool)
}

// schemes are those for signatures by their identifiers.
var schemes = map[string]scheme{
	"http://www.w3.org/2001/04/xmldsig-more#rsa-md5":    {crypto.MD5, verifyRSA},
	"http://www.w3.org/2000/09/xmldsig#rsa-sha1":        {crypto.SHA1, verifyRSA},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha224": {crypto.SHA224, verifyRSA},
	algRSASHA256: {crypto.SHA256, verifyRSA},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384":      {crypto.SHA384, verifyRSA},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":      {crypto.SHA512, verifyRSA},
	"http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1":   {crypto.SHA1, verifyPSS},
	"http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": {crypto.SHA256, verifyPSS},
	"http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1": {crypto.SHA384, verifyPSS},
	"http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": {crypto.SHA512, verifyPSS},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1":      {crypto.SHA1, verifyECDSA},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256":    {crypto.SHA256, verifyECDSA},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384":    {crypto.SHA384, verifyECDSA},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512":    {crypto.SHA512, verifyECDSA},
	"http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519":   {crypto.SHA512, verifyEd25519},
}

func verifyRSA(key crypto.PublicKey, h crypto.Hash, message, signature []byte) (right, fits bool) {
	k, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPKCS1v15(k, h, digestOf(h, message), signature) == nil, ok
}

// verifyPSS wants a salt as long as the hash (RFC 9231 §2.3.9).
func verifyPSS(key crypto.PublicKey, h crypto.Hash, message, signature []byte) (right, fits bool) {
	k, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPSS(k, h, digestOf(h, message), signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil, ok
}

// verifyECDSA wants both numbers beside each other, as long as the order of the curve
// (XML Signature 1.1 §6.4.3).
func verifyECDSA(key crypto.PublicKey, h crypto.Hash, message, signature []byte) (right, fits bool) {
	k, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return false, false
	}
	size := (k.Params().N.BitLen() + 7) / 8
	if len(signature) != 2*size {
		return false, true
	}
	r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
	return ecdsa.Verify(k, digestOf(h, message), r, s), true
}

func verifyEd25519(key crypto.PublicKey, _ crypto.Hash, message, signature []byte) (right, fits bool) {
	k, ok := key.(ed25519.PublicKey)
	return ok && ed25519.Verify(k, message, signature), ok
}

func digestOf(h crypto.Hash, b []byte) []byte {
	state := h.New()
	state.Write(b)
	return state.Sum(nil)
}

// schemeOf is the scheme of a signature that a signed name chooses.
func schemeOf(algorithm string) (scheme, error) {
	s, ok := schemes[algorithm]
	switch {
	case strings.Contains(algorithm, "#hmac-"):
		return s, wrong(cades.CryptoConstraintsFailure, "HMAC: whoever can verify could have signed")
	case !ok:
		return s, doubt(cades.CryptoConstraintsFailure, "unknown algorithm: "+algorithm)
	}
	return s, nil
}

func hashOf(algorithm string) (crypto.Hash, error) {
	h, ok := hashes[algorithm]
	if !ok {
		return 0, doubt(cades.CryptoConstraintsFailure, "unknown algorithm: "+algorithm)
	}
	return h, nil
}

// weakRSA is the shortest RSA key that counts, in bits.
const weakRSA = 2048

// strong says whether what a signature is made with still counts.
func strong(c *x509.Certificate, used []crypto.Hash) error {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < weakRSA {
		return wrong(cades.CryptoConstraintsFailure, "RSA key below 2048 bits")
	}
	var err error
	for _, h := range used {
		switch h {
		case crypto.MD5:
			return wrong(cades.CryptoConstraintsFailure, "MD5")
		case crypto.SHA1:
			err = doubt(cades.CryptoConstraintsFailure, "SHA-1, and no proof that it was signed while that was strong")
		}
	}
	return err
}

// canonicalOf is the canonical form that an element CanonicalizationMethod or Transform
// names; ok is false if it names none.
func canonicalOf(e *element) (c canonical, ok bool) {
	algorithm, comments := strings.CutSuffix(e.attr("Algorithm"), "WithComments")
	switch strings.TrimSuffix(algorithm, "#") {
	case strings.TrimSuffix(algExclusive, "#"):
		c.exclusive = true
	case algInclusive:
	case algInclusive11:
		c.newer = true
	default:
		return c, false
	}
	c.comments = comments
	if list := e.child(nsExclusive, "InclusiveNamespaces"); list != nil && c.exclusive {
		c.inclusive = strings.Fields(list.attr("PrefixList"))
		for i, prefix := range c.inclusive {
			if prefix == "#default" {
				c.inclusive[i] = ""
			}
		}
	}
	return c, len(c.inclusive) <= maxPrefixes
}

// maxPrefixes is how many prefixes a list may hold.
const maxPrefixes = 64
