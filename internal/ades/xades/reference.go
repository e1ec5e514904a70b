package xades

import (
	"bytes"
	"crypto"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/softwarecie/cie/internal/ades/cades"
)

// A reference is one thing that is signed, found and transformed as the signature says
// (XML Signature 1.1 §4.4.3).
type reference struct {
	*element
	hash crypto.Hash

	// One of these two is what it refers to.
	set      *nodeSet
	external bool

	// How the octets come of a node set.
	form   canonical
	base64 bool
}

// resolve finds what a reference of a signature refers to.
func (f *File) resolve(s *element, e *element) (*reference, error) {
	r := &reference{element: e}
	var err error
	if r.hash, err = hashOf(e.child(nsDS, "DigestMethod").attr("Algorithm")); err != nil {
		return nil, err
	}
	uri := e.attr("URI")
	switch id, comments, inside := target(uri); {
	case !hasURI(e):
		return nil, wrong(cades.FormatFailure, "a reference to nothing")
	case isExternal(uri):
		r.external = true
		if len(e.children(nsDS, "Transforms")) > 0 {
			return nil, doubt(cades.SignedDataNotFound, "another file, transformed")
		}
		return r, nil
	case !inside:
		return nil, doubt(cades.SignedDataNotFound, "not in the file: "+uri)
	case id == "":
		r.set = &nodeSet{document: f.doc.tree, apex: f.doc.root, comments: comments}
	default:
		found := f.doc.ids[id]
		switch {
		case len(found) == 0:
			return nil, doubt(cades.SignedDataNotFound, "not in the file: "+uri)
		case len(found) > 1:
			return nil, wrong(cades.FormatFailure, "more than one element has the name "+id)
		}
		r.set = &nodeSet{apex: found[0], comments: comments}
	}
	return r, r.transform(s)
}

func hasURI(e *element) bool {
	return slices.ContainsFunc(e.Attr, func(a etree.Attr) bool { return a.Space == "" && a.Key == "URI" })
}

// pointer is the form of XPointer that names an element.
var pointer = regexp.MustCompile(`^#xpointer\(id\((?:'([^']*)'|"([^"]*)")\)\)$`)

// target is the name of the element of this file that a URI refers to, "" for all of it.
// With an XPointer, comments belong to it (XML Signature 1.1 §4.4.3.2).
func target(uri string) (id string, comments, inside bool) {
	switch found := pointer.FindStringSubmatch(uri); {
	case uri == "":
		return "", false, true
	case uri == "#xpointer(/)":
		return "", true, true
	case found != nil && found[1]+found[2] != "":
		return found[1] + found[2], true, true
	case strings.HasPrefix(uri, "#") && len(uri) > 1 && !strings.Contains(uri, "("):
		return uri[1:], false, true
	}
	return "", false, false
}

// transform reads what is done to a node set before it is digested. Only what leaves
// signatures out, one canonical form and base64 are known.
func (r *reference) transform(s *element) error {
	if len(r.children(nsDS, "Transforms")) > 1 {
		return wrong(cades.FormatFailure, "transforms twice")
	}
	octets := false
	for _, t := range r.child(nsDS, "Transforms").children(nsDS, "Transform") {
		form, isForm := canonicalOf(t)
		algorithm := t.attr("Algorithm")
		switch {
		case octets:
			return doubt(cades.SignedDataNotFound, "unknown order of transforms")
		case isForm:
			r.form, octets = form, true
		case algorithm == algBase64:
			r.base64, octets = true, true
		case algorithm == algEnveloped:
			r.set.omit = append(r.set.omit, func(e *etree.Element) bool { return e == s.Element })
		case algorithm == algXPath && withoutSignatures(t), algorithm == algFilter2 && subtracted(t):
			r.set.omit = append(r.set.omit, func(e *etree.Element) bool { return is(e, nsDS, "Signature") })
		default:
			return doubt(cades.SignedDataNotFound, "unknown transform: "+algorithm)
		}
	}
	return nil
}

// withoutSignatures is the one XPath expression that is known.
func withoutSignatures(t *element) bool {
	x := t.child(nsDS, "XPath")
	text, ok := x.text()
	prefix, found := strings.CutPrefix(strings.Join(strings.Fields(text), ""), "not(ancestor-or-self::")
	prefix, more := strings.CutSuffix(prefix, ":Signature)")
	return ok && found && more && prefixIs(x, prefix)
}

// subtracted is the same in XPath Filter 2.0.
func subtracted(t *element) bool {
	x := t.child(algFilter2, "XPath")
	text, ok := x.text()
	prefix, found := strings.CutPrefix(strings.TrimSpace(text), "/descendant::")
	prefix, more := strings.CutSuffix(prefix, ":Signature")
	return ok && found && more && x.attr("Filter") == "subtract" && prefixIs(x, prefix)
}

// prefixIs says whether a prefix means XML Signature in an element.
func prefixIs(e *element, prefix string) bool {
	for p := e.Element; p != nil; p = p.Parent() {
		for _, a := range p.Attr {
			if name, ok := declares(a); ok && name == prefix {
				return prefix != "" && a.Value == nsDS
			}
		}
	}
	return false
}

// cost is about how many nodes it takes to write a reference.
func (r *reference) cost() int {
	if r.set == nil {
		return 1
	}
	n := 1
	var count func(*etree.Element)
	count = func(e *etree.Element) {
		n += len(e.Attr) + len(e.Child)
		for _, t := range e.Child {
			if c, ok := t.(*etree.Element); ok {
				count(c)
			}
		}
	}
	count(r.set.apex)
	for p := r.set.apex.Parent(); p != nil; p = p.Parent() {
		n += len(p.Attr)
	}
	return n * (1 + len(r.form.inclusive))
}

// write writes the octets that are digested.
func (r *reference) write(to io.Writer) error {
	if !r.base64 {
		return r.form.write(to, *r.set)
	}
	var text strings.Builder
	var collect func(*etree.Element)
	collect = func(e *etree.Element) {
		for _, t := range e.Child {
			switch t := t.(type) {
			case *etree.CharData:
				text.WriteString(t.Data)
			case *etree.Element:
				if !r.set.omits(t) {
					collect(t)
				}
			}
		}
	}
	collect(r.set.apex)
	b, ok := unbase64(text.String())
	if !ok {
		return wrong(cades.FormatFailure, "base64")
	}
	_, err := to.Write(b)
	return err
}

// digested holds a reference against its digest.
func (f *File) digested(r *reference) error {
	claimed, ok := r.child(nsDS, "DigestValue").bytes()
	if !ok {
		return wrong(cades.FormatFailure, "digest value")
	}
	var sum []byte
	if r.external {
		if f.digests == nil || r.attr("URI") != f.external {
			return doubt(cades.SignedDataNotFound, "the document is another file: "+r.attr("URI"))
		}
		sum = f.digests[r.hash]
	} else {
		if f.work -= r.cost(); f.work < 0 {
			return doubt(cades.FormatFailure, "too much is referred to too often")
		}
		if r.set.omits(r.set.apex) {
			return wrong(cades.FormatFailure, "a reference to nothing")
		}
		state := r.hash.New()
		if err := r.write(state); err != nil {
			return err
		}
		sum = state.Sum(nil)
	}
	if !bytes.Equal(sum, claimed) {
		return wrong(cades.HashFailure, "what is there is not what was signed")
	}
	return nil
}
