package xades

import (
	"bufio"
	"cmp"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/softwarecie/cie/internal/ades/cades"
)

// A nodeSet is what is signed: a whole document or one element, with all that is in
// it but for what is left out.
type nodeSet struct {
	document *etree.Document // all of it; nil: apex alone
	apex     *etree.Element  // the root, if it is the document
	comments bool
	omit     []func(*etree.Element) bool // an element with all that is in it
}

func (n nodeSet) omits(e *etree.Element) bool {
	return slices.ContainsFunc(n.omit, func(f func(*etree.Element) bool) bool { return f(e) })
}

// A canonical is one of the ways to write a node set as octets: Canonical XML 1.0
// and 1.1, Exclusive XML Canonicalization 1.0 (W3C).
type canonical struct {
	exclusive bool
	comments  bool     // those of the node set, if it has them
	newer     bool     // 1.1: an element does not inherit xml:id
	inclusive []string // prefixes that an exclusive one treats as the others do; "": the default
}

// A canonicalWriter is one writing of a node set. Scope and rendered are the prefixes
// that are known at a place, and those that were written there.
type canonicalWriter struct {
	form            canonical
	set             nodeSet
	comments        bool
	w               *bufio.Writer
	scope, rendered map[string]string
}

// write writes a node set.
func (c canonical) write(to io.Writer, n nodeSet) error {
	w := canonicalWriter{c, n, c.comments && n.comments, bufio.NewWriter(to), map[string]string{}, map[string]string{}}
	if n.document == nil {
		if err := w.apexElement(); err != nil {
			return err
		}
		return w.w.Flush()
	}
	after := false
	for _, t := range n.document.Child {
		e, ok := t.(*etree.Element)
		switch {
		case ok && !n.omits(e):
			w.element(e, nil)
			after = true
		case ok:
			after = true
		default:
			w.outside(t, after)
		}
	}
	return w.w.Flush()
}

// outside writes what is beside the root, each on a line of its own (Canonical XML
// 1.0 §2.3).
func (w *canonicalWriter) outside(t etree.Token, after bool) {
	switch t.(type) {
	case *etree.Comment:
		if !w.comments {
			return
		}
	case *etree.ProcInst:
	default:
		return
	}
	if after {
		w.string("\n")
	}
	w.token(t)
	if !after {
		w.string("\n")
	}
}

// errBase means that Canonical XML 1.1 would have to join two xml:base (§2.4).
var errBase = doubt(cades.SignedDataNotFound, "xml:base in xml:base")

// apexElement writes the element of a set that is no document. It knows the prefixes
// of those around it, and in an inclusive form takes over their xml: attributes
// (Canonical XML 1.0 §2.4).
func (w *canonicalWriter) apexElement() error {
	var around []*etree.Element
	for p := w.set.apex.Parent(); p != nil; p = p.Parent() {
		around = append(around, p)
	}
	inherited, bases := map[string]etree.Attr{}, 0
	for _, p := range slices.Backward(around) {
		for _, a := range p.Attr {
			if prefix, ok := declares(a); ok {
				w.scope[prefix] = a.Value
			}
			if a.Space == "xml" && !w.form.exclusive && !(w.form.newer && a.Key == "id") {
				inherited[a.Key] = a
				if a.Key == "base" {
					bases++
				}
			}
		}
	}
	for _, a := range w.set.apex.Attr {
		if a.Space == "xml" {
			delete(inherited, a.Key)
			if a.Key == "base" {
				bases++
			}
		}
	}
	if w.form.newer && bases > 1 {
		return errBase
	}
	if !w.set.omits(w.set.apex) {
		w.element(w.set.apex, slices.Collect(maps.Values(inherited)))
	}
	return nil
}

func (w *canonicalWriter) element(e *etree.Element, more []etree.Attr) {
	own, others := map[string]string{}, slices.Clone(more)
	for _, a := range e.Attr {
		if prefix, ok := declares(a); ok {
			own[prefix] = a.Value
		} else {
			others = append(others, a)
		}
	}
	outside := put(w.scope, own)
	spaces := w.namespaces(e, own)
	before := put(w.rendered, spaces)
	name := e.FullTag()
	w.string("<" + name)
	for _, prefix := range slices.Sorted(maps.Keys(spaces)) {
		if prefix == "" {
			w.attribute("xmlns", spaces[prefix])
		} else {
			w.attribute("xmlns:"+prefix, spaces[prefix])
		}
	}
	slices.SortFunc(others, func(a, b etree.Attr) int {
		return cmp.Or(strings.Compare(w.space(a), w.space(b)), strings.Compare(a.Key, b.Key))
	})
	for _, a := range others {
		w.attribute(a.FullKey(), a.Value)
	}
	w.string(">")
	for _, t := range e.Child {
		if child, ok := t.(*etree.Element); !ok {
			w.token(t)
		} else if !w.set.omits(child) {
			w.element(child, nil)
		}
	}
	w.string("</" + name + ">")
	reset(w.rendered, before)
	reset(w.scope, outside)
}

// space is the namespace of an attribute: without a prefix it has none.
func (w *canonicalWriter) space(a etree.Attr) string {
	switch a.Space {
	case "":
		return ""
	case "xml":
		return nsXML
	}
	return w.scope[a.Space]
}

// namespaces are those that an element is written with: of the prefixes that concern
// it, those that are not written around it with the same value.
func (w *canonicalWriter) namespaces(e *etree.Element, own map[string]string) map[string]string {
	written := map[string]string{}
	add := func(prefix string) {
		if uri := w.scope[prefix]; prefix != "xml" && uri != w.rendered[prefix] {
			written[prefix] = uri
		}
	}
	switch {
	case w.form.exclusive:
		add(e.Space)
		for _, a := range e.Attr {
			if _, ok := declares(a); !ok && a.Space != "" {
				add(a.Space)
			}
		}
		for _, prefix := range w.form.inclusive {
			add(prefix)
		}
	case e == w.set.apex:
		for prefix := range w.scope {
			add(prefix)
		}
	default:
		for prefix := range own {
			add(prefix)
		}
	}
	return written
}

// put puts values into a map, and returns what reset needs to undo it.
func put(m, values map[string]string) map[string]*string {
	if len(values) == 0 {
		return nil
	}
	before := make(map[string]*string, len(values))
	for k, v := range values {
		before[k] = nil
		if old, ok := m[k]; ok {
			before[k] = &old
		}
		m[k] = v
	}
	return before
}

func reset(m map[string]string, before map[string]*string) {
	for k, old := range before {
		if old == nil {
			delete(m, k)
		} else {
			m[k] = *old
		}
	}
}

// What is written in other ways in texts and in values of attributes (Canonical XML
// 1.0 §2.3).
var (
	inText  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	inValue = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)

// Errors of a bufio.Writer stay until Flush.

func (w *canonicalWriter) string(s string) { _, _ = w.w.WriteString(s) }

func (w *canonicalWriter) attribute(name, value string) {
	w.string(" " + name + `="`)
	_, _ = inValue.WriteString(w.w, value)
	w.string(`"`)
}

func (w *canonicalWriter) token(t etree.Token) {
	switch t := t.(type) {
	case *etree.CharData:
		_, _ = inText.WriteString(w.w, t.Data)
	case *etree.Comment:
		if w.comments {
			w.string("<!--" + t.Data + "-->")
		}
	case *etree.ProcInst:
		w.string("<?" + t.Target)
		if t.Inst != "" {
			w.string(" " + t.Inst)
		}
		w.string("?>")
	}
}
