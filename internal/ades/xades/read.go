// Package xades makes and reads signatures in XML: XML Signature 1.1 of the profile
// XAdES B-B (ETSI EN 319 132-1). It signs through any crypto.Signer, fetches nothing,
// and knows neither cards nor whom to trust.
package xades

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"net/url"
	"strings"

	"github.com/beevik/etree"

	"github.com/softwarecie/cie/internal/ades/cades"
)

// Namespaces (XML Signature 1.1, ETSI EN 319 132-1 V1.3.1 Annex C).
const (
	nsDS        = "http://www.w3.org/2000/09/xmldsig#"
	nsXAdES     = "http://uri.etsi.org/01903/v1.3.2#"
	nsXAdES141  = "http://uri.etsi.org/01903/v1.4.1#"
	nsExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// A File is an XML file with its signatures, as it was read.
type File struct {
	Encoding string // of the characters: "UTF-8", "ISO-8859-1"
	Detached bool   // a signature is over another file
	Size     int64  // of that file, in bytes, once it is read
	SHA256   []byte // of that file

	doc        *document
	signatures []*element
	external   string // the URI of the other file
	digests    map[crypto.Hash][]byte
	work       int // nodes that may still be written
}

// Read reads a file. A file without signatures is not signed.
func Read(file []byte) (*File, error) {
	d, err := parse(file)
	if err != nil {
		return nil, err
	}
	f := &File{Encoding: d.encoding, doc: d, work: max(4*d.nodes, 2*maxNodes)}
	if err := f.find(d.root, 0); err != nil {
		return nil, err
	}
	for _, s := range f.signatures {
		for _, r := range s.path("SignedInfo").children(nsDS, "Reference") {
			if uri := r.attr("URI"); f.external == "" && isExternal(uri) {
				f.external, f.Detached = uri, true
			}
		}
	}
	return f, nil
}

// find looks for signatures, in the order of the file. Counter-signatures belong to
// the signature that they sign.
func (f *File) find(e *etree.Element, signatures int) error {
	if is(e, nsDS, "Signature") {
		if signatures++; signatures > maxSignatures {
			return fmt.Errorf("%w: too many signatures", ErrFormat)
		}
		if !isCounter(e) {
			f.signatures = append(f.signatures, &element{e})
			if len(f.signatures) > maxSignatures {
				return fmt.Errorf("%w: too many signatures", ErrFormat)
			}
		}
	}
	for _, t := range e.Child {
		if child, ok := t.(*etree.Element); ok {
			if err := f.find(child, signatures); err != nil {
				return err
			}
		}
	}
	return nil
}

// isCounter says whether a signature is where counter-signatures are (ETSI EN 319
// 132-1 V1.3.1 §5.2.7.2), and so judged with the signature around it.
func isCounter(e *etree.Element) bool {
	place := []struct{ space, tag string }{
		{nsXAdES, "CounterSignature"},
		{nsXAdES, "UnsignedSignatureProperties"},
		{nsXAdES, "UnsignedProperties"},
		{nsXAdES, "QualifyingProperties"},
		{nsDS, "Object"},
		{nsDS, "Signature"},
	}
	for _, p := range place {
		if e = e.Parent(); e == nil || !is(e, p.space, p.tag) {
			return false
		}
	}
	return true
}

// isExternal says whether a reference is to a file that the user may choose: a name,
// no address.
func isExternal(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && uri != "" && uri[0] != '#' && u.Scheme == "" && u.Host == "" && u.RawQuery == "" && u.Fragment == ""
}

// ReadDetached digests the file that a detached signature is over.
func (f *File) ReadDetached(content io.Reader) error {
	states := map[crypto.Hash]hash.Hash{}
	var all []io.Writer
	for _, h := range hashes {
		states[h] = h.New()
		all = append(all, states[h])
	}
	n, err := io.Copy(io.MultiWriter(all...), content)
	if err != nil {
		return err
	}
	f.digests = map[crypto.Hash][]byte{}
	for h, state := range states {
		f.digests[h] = state.Sum(nil)
	}
	f.Size, f.SHA256 = n, f.digests[crypto.SHA256]
	return nil
}

// An element is one of a signature. What is not there is nil, and has nothing in it.
type element struct{ *etree.Element }

func is(e *etree.Element, space, tag string) bool {
	return e.Tag == tag && e.NamespaceURI() == space
}

func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}

func (e *element) children(space, tag string) (all []*element) {
	if e == nil {
		return nil
	}
	for _, t := range e.Child {
		if c, ok := t.(*etree.Element); ok && is(c, space, tag) {
			all = append(all, &element{c})
		}
	}
	return all
}

// child is the only one of its name; nil if there is none, or more.
func (e *element) child(space, tag string) *element {
	if all := e.children(space, tag); len(all) == 1 {
		return all[0]
	}
	return nil
}

// path follows names of one namespace, that of the first: ds or xades.
func (e *element) path(tags ...string) *element {
	for _, tag := range tags {
		space := nsXAdES
		if isDS[tag] {
			space = nsDS
		}
		e = e.child(space, tag)
	}
	return e
}

// isDS are the names that path looks for in XML Signature.
var isDS = map[string]bool{
	"SignedInfo": true, "SignatureMethod": true, "CanonicalizationMethod": true, "SignatureValue": true,
	"DigestMethod": true, "DigestValue": true, "Transforms": true,
}

// text is all text of an element, which has no others in it. What is beside comments
// counts, as it is signed without them.
func (e *element) text() (string, bool) {
	if e == nil {
		return "", false
	}
	var b strings.Builder
	for _, t := range e.Child {
		switch t := t.(type) {
		case *etree.CharData:
			b.WriteString(t.Data)
		case *etree.Element:
			return "", false
		}
	}
	return b.String(), true
}

// bytes are those that the text of an element stands for in base64.
func (e *element) bytes() ([]byte, bool) {
	text, ok := e.text()
	if !ok {
		return nil, false
	}
	return unbase64(text)
}

func unbase64(text string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	return b, err == nil
}

// Certificates are those in the file, and whether there are some that nobody here can
// read.
func (f *File) Certificates() (all []*x509.Certificate, strange bool) {
	seen := map[string]bool{}
	var walk func(e *etree.Element)
	walk = func(e *etree.Element) {
		if is(e, nsDS, "X509Certificate") || is(e, nsXAdES, "EncapsulatedX509Certificate") {
			der, ok := (&element{e}).bytes()
			if seen[string(der)] || len(seen) >= maxCertificates {
				return
			}
			seen[string(der)] = true
			c, err := x509.ParseCertificate(der)
			if !ok || err != nil {
				strange = true
				return
			}
			all = append(all, c)
		}
		for _, t := range e.Child {
			if c, ok := t.(*etree.Element); ok {
				walk(c)
			}
		}
	}
	for _, s := range f.signatures {
		walk(s.Element)
	}
	return all, strange
}

const maxCertificates = 1000

func wrong(r cades.Reason, detail string) error {
	return &cades.Failure{Reason: r, Invalid: true, Detail: detail}
}
func doubt(r cades.Reason, detail string) error { return &cades.Failure{Reason: r, Detail: detail} }
