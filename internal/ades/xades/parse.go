package xades

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
	"golang.org/x/text/encoding/charmap"
)

var (
	// ErrFormat means that a file is not XML, not well-formed, or above the limits.
	ErrFormat = errors.New("not well-formed XML")

	// ErrDoctype means that a file declares a document type. What it would say then
	// depends on who reads it.
	ErrDoctype = errors.New("a document type is declared")

	// ErrEncoding means that a file is written in characters that nobody here reads:
	// only UTF-8 and those that write one character in one byte are known.
	ErrEncoding = errors.New("unknown encoding of characters")

	// ErrSize means that a file is too large.
	ErrSize = errors.New("file too large")
)

// Limits of one file. A tree takes some 16 times the memory of its file.
const (
	MaxSize       = 25 << 20 // bytes of an XML file
	maxDepth      = 256      // elements in elements
	maxNodes      = 1 << 20  // elements, attributes, comments and instructions
	maxSignatures = 100
)

// Namespaces.
const (
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"
)

// A document is a file as it was read.
type document struct {
	encoding string
	tree     *etree.Document
	root     *etree.Element
	ids      map[string][]*etree.Element // by the value of an attribute that can be one
	nodes    int
	text     []byte // in UTF-8, without mark and declaration
	before   int    // bytes of the file before text
	narrow   bool   // in the file, each character of text is one byte
}

// charsets are the encodings of one byte for a character that ASCII is a part of, by
// their names in lower case (IANA).
var charsets = map[string]*charmap.Charmap{
	"iso-8859-1": charmap.ISO8859_1, "latin1": charmap.ISO8859_1, "iso-8859-2": charmap.ISO8859_2,
	"iso-8859-3": charmap.ISO8859_3, "iso-8859-4": charmap.ISO8859_4, "iso-8859-5": charmap.ISO8859_5,
	"iso-8859-7": charmap.ISO8859_7, "iso-8859-9": charmap.ISO8859_9, "iso-8859-10": charmap.ISO8859_10,
	"iso-8859-13": charmap.ISO8859_13, "iso-8859-14": charmap.ISO8859_14, "iso-8859-15": charmap.ISO8859_15,
	"iso-8859-16": charmap.ISO8859_16, "windows-1250": charmap.Windows1250, "windows-1252": charmap.Windows1252,
}

// declaration is the XML declaration (XML 1.0, fifth edition, §2.8).
var declaration = regexp.MustCompile(`^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][\w.-]*)"|'([A-Za-z][\w.-]*)'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>`)

// IsXML says whether a file that starts so is meant to be XML.
func IsXML(start []byte) bool {
	start = bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\uFEFF")), " \t\r\n")
	return len(start) > 1 && start[0] == '<' && (strings.IndexByte("?!_:", start[1]) >= 0 || start[1] >= 0x80 || 'a' <= start[1]|0x20 && start[1]|0x20 <= 'z')
}

// IsInvoice says whether a file that starts so is an electronic invoice (FatturaPA).
func IsInvoice(start []byte) bool {
	decoder := xml.NewDecoder(bytes.NewReader(start))
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // a name in ASCII is looked for
	for IsXML(start) {
		token, err := decoder.RawToken()
		if err != nil {
			return false
		}
		if root, ok := token.(xml.StartElement); ok {
			return root.Name.Local == "FatturaElettronica"
		}
	}
	return false
}

// parse reads a file strictly: what another program could read in another way is
// refused.
func parse(file []byte) (*document, error) {
	if len(file) > MaxSize {
		return nil, ErrSize
	}
	d := &document{ids: map[string][]*etree.Element{}, tree: etree.NewDocument()}
	if err := d.decode(file); err != nil {
		return nil, err
	}
	text, err := normalize(d.text)
	if err != nil {
		return nil, err
	}
	d.tree.ReadSettings = etree.ReadSettings{MaxDepth: maxDepth, PreserveDuplicateAttrs: true}
	if err := d.tree.ReadFromBytes(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return d, d.check()
}

// decode takes mark and declaration away and turns the rest into UTF-8.
func (d *document) decode(file []byte) error {
	text := bytes.TrimPrefix(file, []byte("\uFEFF"))
	marked := len(text) < len(file)
	if len(text) > 1 && (text[0] == 0 || text[1] == 0 || text[0] >= 0xFE) {
		return ErrEncoding // UTF-16 and UTF-32
	}
	d.encoding = "UTF-8"
	if found := declaration.FindSubmatch(text[:min(len(text), 1024)]); found != nil {
		text = text[len(found[0]):]
		if name := string(found[1]) + string(found[2]); name != "" {
			d.encoding = name
		}
	}
	d.text, d.before = text, len(file)-len(text)
	switch name := strings.ToLower(d.encoding); {
	case name == "utf-8", name == "utf8":
	case marked:
		return fmt.Errorf("%w: two at once", ErrEncoding)
	case name == "us-ascii", name == "ascii":
		if slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf }) {
			return fmt.Errorf("%w: no character of it", ErrFormat)
		}
	case charsets[name] != nil:
		var err error
		if d.text, err = charsets[name].NewDecoder().Bytes(text); err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
		d.narrow = true
	default:
		return ErrEncoding
	}
	return characters(d.text)
}

// characters wants nothing but characters of XML (XML 1.0, fifth edition, §2.2).
func characters(text []byte) error {
	if !utf8.Valid(text) {
		return fmt.Errorf("%w: not in its encoding", ErrFormat)
	}
	for i, b := range text {
		control := b < ' ' && b != '\t' && b != '\n' && b != '\r'
		if control || b == 0xEF && (bytes.HasPrefix(text[i:], []byte("\uFFFE")) || bytes.HasPrefix(text[i:], []byte("\uFFFF"))) {
			return fmt.Errorf("%w: character that XML has not", ErrFormat)
		}
	}
	return nil
}

// skipped are parts of a file in which a < begins no tag.
var skipped = []struct{ open, end string }{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}}

// normalize is what the parser below leaves out: ends of lines become LF everywhere
// (XML 1.0, fifth edition, §2.11), and white space in the values of attributes a space
// (§3.3.3). It also refuses attributes without space between
// them, a document type, and more tags and attributes than a tree could take.
func normalize(text []byte) ([]byte, error) {
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	tag, quote, nodes := false, byte(0), 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == quote:
			quote = 0
			nodes++
			if i+1 < len(text) && strings.IndexByte(" \t\n/>?", text[i+1]) < 0 {
				return nil, fmt.Errorf("%w: attributes without space", ErrFormat)
			}
		case quote != 0 && (c == '\t' || c == '\n'):
			text[i] = ' '
		case quote != 0:
		case tag && (c == '"' || c == '\''):
			quote = c
		case c == '>':
			tag = false
		case c == '<':
			tag = true
			if i+1 < len(text) && text[i+1] != '/' {
				nodes++
			}
			for _, s := range skipped {
				if bytes.HasPrefix(text[i:], []byte(s.open)) {
					tag = false
					end := bytes.Index(text[i+len(s.open):], []byte(s.end))
					if end < 0 {
						return nil, fmt.Errorf("%w: without end", ErrFormat)
					}
					i += len(s.open) + end + len(s.end) - 1
					break
				}
			}
			if tag && bytes.HasPrefix(text[i:], []byte("<!")) {
				return nil, ErrDoctype
			}
		}
	}
	if nodes > maxNodes {
		return nil, fmt.Errorf("%w: too many elements", ErrFormat)
	}
	return text, nil
}

// check looks at what the parser lets pass, and finds what can be referred to.
func (d *document) check() error {
	for _, t := range d.tree.Child {
		switch t := t.(type) {
		case *etree.Element:
			if d.root != nil {
				return fmt.Errorf("%w: two roots", ErrFormat)
			}
			d.root = t
		case *etree.CharData:
			if !t.IsWhitespace() {
				return fmt.Errorf("%w: text outside the root", ErrFormat)
			}
		default:
			if err := instruction(t); err != nil {
				return err
			}
		}
	}
	if d.root == nil {
		return fmt.Errorf("%w: no root", ErrFormat)
	}
	return d.element(d.root, map[string]string{"xml": nsXML})
}

// instruction refuses a document type, and a declaration in the wrong place.
func instruction(t etree.Token) error {
	switch t := t.(type) {
	case *etree.Directive:
		return ErrDoctype
	case *etree.ProcInst:
		if strings.EqualFold(t.Target, "xml") || strings.Contains(t.Target, ":") {
			return fmt.Errorf("%w: declaration", ErrFormat)
		}
	}
	return nil
}

// element checks names, prefixes and attributes of an element, and what is in it
// (Namespaces in XML 1.0, third edition). Scope are the prefixes known outside, with
// their namespaces.
func (d *document) element(e *etree.Element, scope map[string]string) error {
	own, err := declared(e)
	if err != nil {
		return err
	}
	defer reset(scope, put(scope, own))
	if !named(e.Space, e.Tag, scope) {
		return fmt.Errorf("%w: name %s", ErrFormat, e.FullTag())
	}
	d.nodes += len(e.Attr) + len(e.Child)
	if err := attributes(e, scope); err != nil {
		return err
	}
	for _, a := range e.Attr {
		if all := d.ids[a.Value]; isID(a) && (len(all) == 0 || all[len(all)-1] != e) {
			d.ids[a.Value] = append(all, e)
		}
	}
	for _, t := range e.Child {
		if err := instruction(t); err != nil {
			return err
		}
		if child, ok := t.(*etree.Element); ok {
			if err := d.element(child, scope); err != nil {
				return err
			}
		}
	}
	return nil
}

func isID(a etree.Attr) bool {
	return a.Space == "" && (a.Key == "Id" || a.Key == "ID" || a.Key == "id") || a.Space == "xml" && a.Key == "id"
}

// declared are the prefixes that an element declares, with their namespaces.
func declared(e *etree.Element) (map[string]string, error) {
	var own map[string]string
	for _, a := range e.Attr {
		prefix, ok := declares(a)
		if !ok {
			continue
		}
		if prefix == "xmlns" || a.Value == nsXMLNS || (prefix == "xml") != (a.Value == nsXML) || prefix != "" && a.Value == "" {
			return nil, fmt.Errorf("%w: namespace of %q", ErrFormat, prefix)
		}
		if own == nil {
			own = map[string]string{}
		}
		own[prefix] = a.Value
	}
	return own, nil
}

// declares is the prefix that an attribute declares; "" is the default.
func declares(a etree.Attr) (prefix string, ok bool) {
	switch {
	case a.Space == "xmlns":
		return a.Key, true
	case a.Space == "" && a.Key == "xmlns":
		return "", true
	}
	return "", false
}

// named says whether a name is one, with a prefix that is known.
func named(prefix, local string, scope map[string]string) bool {
	_, known := scope[prefix]
	return local != "" && !strings.Contains(local, ":") && prefix != "xmlns" && (prefix == "" || known)
}

// attributes wants each attribute once, whatever its prefix.
func attributes(e *etree.Element, scope map[string]string) error {
	seen := make(map[xml.Name]bool, len(e.Attr))
	for _, a := range e.Attr {
		name := xml.Name{Local: a.Key}
		if _, ok := declares(a); ok {
			name.Space = nsXMLNS
			if a.Space == "" {
				name.Local = ""
			}
		} else {
			if !named(a.Space, a.Key, scope) {
				return fmt.Errorf("%w: name %s", ErrFormat, a.FullKey())
			}
			if a.Space != "" {
				name.Space = scope[a.Space]
			}
		}
		if seen[name] {
			return fmt.Errorf("%w: attribute %s twice", ErrFormat, a.FullKey())
		}
		seen[name] = true
	}
	return nil
}

// end is where the end tag of the root starts in the file, in bytes. Of an empty root,
// it is where the tag's “/>” starts, and empty is true.
func (d *document) end() (at int, empty bool, err error) {
	decoder := xml.NewDecoder(bytes.NewReader(d.text))
	for depth := 0; ; {
		from := int(decoder.InputOffset())
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return 0, false, fmt.Errorf("%w: no end", ErrFormat)
		}
		if err != nil {
			return 0, false, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			if depth--; depth > 0 {
				continue
			}
			to := int(decoder.InputOffset())
			if empty = from == to; empty { // it comes out of a tag that is both
				from = to - len("/>")
			}
			return d.before + d.bytes(from), empty, nil
		}
	}
}

// bytes turns a place in the text into one in the file.
func (d *document) bytes(at int) int {
	if d.narrow {
		return utf8.RuneCount(d.text[:at])
	}
	return at
}
