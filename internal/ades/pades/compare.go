package pades

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// A Change is one difference between the version that was signed and the file.
type Change struct {
	Kind     string
	Name     string // of the field; of an object: its number
	Old, New string // values of a field
	Allowed  bool   // signatures allow it
}

// Kinds of changes.
const (
	SignatureAdded  = "signature-added"
	StampAdded      = "stamp-added"      // a time stamp on the document
	ValidationAdded = "validation-added" // data to verify signatures with
	FieldFilled     = "field-filled"
	MetadataChanged = "metadata"         // title, author and the like
	AnnotationAdded = "annotation-added" // a note, mark or picture on a page
	ContentChanged  = "content"          // anything else
)

// maxChanges is how many are told.
const maxChanges = 100

// A comparison goes through two versions of a document side by side, from their
// catalogs down. What it does not expressly allow is a change of the content.
type comparison struct {
	old, now *revision
	level    int           // of changes that a certification allows; 0: there is none
	parts    map[pair]bool // catalog, pages, fields: compared one by one
	seen     map[pair]bool // all others that were compared, or are about to be
	queue    []pair
	added    map[types.IndirectRef]bool // widgets of new signatures
	changes  []Change
}

// A pair are two objects that should mean the same.
type pair struct{ old, now types.IndirectRef }

// compare finds all changes.
func compare(old, now *revision, level int) []Change {
	c := &comparison{old: old, now: now, level: level, parts: map[pair]bool{}, seen: map[pair]bool{}, added: map[types.IndirectRef]bool{}}
	c.part(*old.pdf.Root, *now.pdf.Root)
	for _, f := range old.fields() {
		if !f.direct {
			c.part(f.ref, f.ref)
		}
	}
	for _, node := range old.nodes() {
		c.part(node.ref, node.ref)
	}
	c.catalog()
	for len(c.queue) > 0 && len(c.changes) < maxChanges {
		next := c.queue[0]
		c.queue = c.queue[1:]
		if !c.same(c.old.get(next.old), c.now.get(next.now)) {
			c.content(next.old.ObjectNumber.String())
		}
	}
	return c.changes
}

// tell takes a change; of too many, those that are not allowed come first.
func (c *comparison) tell(change Change) {
	switch {
	case slices.Contains(c.changes, change):
	case len(c.changes) < maxChanges:
		c.changes = append(c.changes, change)
	case !change.Allowed:
		c.changes[maxChanges-1] = change
	}
}

// content tells of a change that no signature allows.
func (c *comparison) content(name string) { c.tell(Change{Kind: ContentChanged, Name: name}) }

// permitted says whether a certification allows what needs that level.
func (c *comparison) permitted(level int) bool { return c.level == 0 || c.level >= level }

// part says that a pair is compared in a way of its own.
func (c *comparison) part(a, b types.Object) {
	old, ok1 := a.(types.IndirectRef)
	now, ok2 := b.(types.IndirectRef)
	if ok1 && ok2 {
		c.parts[pair{old, now}] = true
	}
}

// same says whether two objects mean the same. What they refer to is compared later.
func (c *comparison) same(a, b types.Object) bool {
	refA, okA := a.(types.IndirectRef)
	refB, okB := b.(types.IndirectRef)
	if okA && okB {
		if p := (pair{refA, refB}); !c.parts[p] && !c.seen[p] {
			c.seen[p] = true
			c.queue = append(c.queue, p)
		}
		return true
	}
	switch a := c.old.get(a).(type) {
	case types.Dict:
		b, ok := c.now.get(b).(types.Dict)
		return ok && c.sameDict(a, b)
	case types.StreamDict:
		b, ok := c.now.get(b).(types.StreamDict)
		return ok && bytes.Equal(a.Raw, b.Raw) && c.sameDict(a.Dict, b.Dict)
	case types.Array:
		b, ok := c.now.get(b).(types.Array)
		return ok && slices.EqualFunc(a, b, c.same)
	default:
		return sameValue(a, c.now.get(b))
	}
}

func (c *comparison) sameDict(a, b types.Dict, but ...string) bool {
	for _, key := range keys(a, b) {
		if !slices.Contains(but, key) && !c.same(a[key], b[key]) {
			return false
		}
	}
	return true
}

// sameValue compares what has no parts.
func sameValue(a, b types.Object) bool {
	if x, ok := numeric(a); ok {
		y, ok := numeric(b)
		return ok && x == y
	}
	if x, ok := octets(a); ok {
		y, ok := octets(b)
		return ok && bytes.Equal(x, y)
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case types.Name:
		y, ok := b.(types.Name)
		return ok && a == y
	case types.Boolean:
		y, ok := b.(types.Boolean)
		return ok && a == y
	}
	return false // of a kind unknown here
}

func numeric(o types.Object) (float64, bool) {
	switch n := o.(type) {
	case types.Integer:
		return float64(n), true
	case types.Float:
		return float64(n), true
	}
	return 0, false
}

// octets are the bytes of a string, however it is written.
func octets(o types.Object) ([]byte, bool) {
	switch s := o.(type) {
	case types.StringLiteral:
		b, err := types.Unescape(string(s))
		return b, err == nil
	case types.HexLiteral:
		b, err := hex.DecodeString(string(s) + strings.Repeat("0", len(s)%2)) // the last digit may be left out
		return b, err == nil
	}
	return nil, false
}

// keys are those of both dictionaries, sorted.
func keys(a, b types.Dict) []string {
	var all []string
	for key := range a {
		all = append(all, key)
	}
	for key := range b {
		if _, both := a[key]; !both {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// catalog compares the catalogs: form and pages part by part, then all the rest.
func (c *comparison) catalog() {
	old, now := c.old.catalog(), c.now.catalog()
	if *c.old.pdf.Root != *c.now.pdf.Root {
		c.content("catalog")
	}
	if (c.old.pdf.Encrypt == nil) != (c.now.pdf.Encrypt == nil) {
		c.content("Encrypt")
	}
	c.form(old["AcroForm"], now["AcroForm"])
	c.page(old["Pages"], now["Pages"], 0)
	for _, key := range keys(old, now) {
		switch key {
		case "AcroForm", "Pages":
		case "DSS", "Extensions":
			if !c.alike(old[key], now[key]) {
				c.tell(Change{Kind: ValidationAdded, Allowed: true})
			}
		case "Metadata":
			if !c.alike(old[key], now[key]) {
				c.tell(Change{Kind: MetadataChanged, Allowed: c.permitted(2)})
			}
		default:
			if !c.same(old[key], now[key]) {
				c.content(key)
			}
		}
	}
	if c.old.pdf.Info != nil && c.now.pdf.Info != nil && !c.alike(*c.old.pdf.Info, *c.now.pdf.Info) {
		c.tell(Change{Kind: MetadataChanged, Allowed: c.permitted(2)})
	}
}

// alike compares two objects with all they refer to, apart from the rest.
func (c *comparison) alike(a, b types.Object) bool {
	apart := &comparison{old: c.old, now: c.now, parts: c.parts, seen: map[pair]bool{}}
	equal := apart.same(a, b)
	for equal && len(apart.queue) > 0 {
		next := apart.queue[0]
		apart.queue = apart.queue[1:]
		equal = apart.same(apart.old.get(next.old), apart.now.get(next.now))
	}
	return equal
}

// form compares forms: fields that there were, and those that came.
func (c *comparison) form(a, b types.Object) {
	old, now := c.old.dict(a), c.now.dict(b)
	c.part(a, b)
	for _, key := range keys(old, now) {
		switch key {
		case "Fields", "SigFlags":
		case "DA", "DR", "Q":
			if old[key] != nil && !c.same(old[key], now[key]) {
				c.content("AcroForm " + key)
			}
		default:
			if !c.same(old[key], now[key]) {
				c.content("AcroForm " + key)
			}
		}
	}
	c.part(old["Fields"], now["Fields"])
	c.fields()
}

// fields compares the fields that were there, and looks at those that came.
func (c *comparison) fields() {
	later := map[types.IndirectRef]field{}
	all := c.now.fields()
	for _, g := range all {
		if !g.direct {
			later[g.ref] = g
		}
	}
	locked := c.locks()
	for _, f := range c.old.fields() {
		g, there := later[f.ref]
		if f.direct || !there {
			c.content("field " + f.name)
			continue
		}
		c.field(f, g, locked(f.name))
		delete(later, f.ref)
	}
	for _, g := range all {
		if _, came := later[g.ref]; came || g.direct {
			c.newField(g)
		}
	}
}

// newField takes a field that was not there: a signature or a time stamp, or nothing
// else.
func (c *comparison) newField(g field) {
	if g.kind != "Sig" || c.now.dict(g.value) == nil || g.direct {
		c.content("field " + g.name)
		return
	}
	c.added[g.ref] = true
	c.signed(g)
}

// signed tells of a signature that came.
func (c *comparison) signed(g field) {
	if c.now.name(c.now.dict(g.value)["SubFilter"]) == "ETSI.RFC3161" {
		c.tell(Change{Kind: StampAdded, Name: g.name, Allowed: true})
		return
	}
	c.tell(Change{Kind: SignatureAdded, Name: g.name, Allowed: c.permitted(2)})
}

// locks says which fields signatures lock that were there (ISO 32000-2 §12.8.2.4).
func (c *comparison) locks() func(name string) bool {
	var all []types.Dict
	for _, claim := range c.old.claims() {
		for _, o := range c.old.array(claim.dict["Reference"]) {
			if d := c.old.dict(o); c.old.name(d["TransformMethod"]) == "FieldMDP" {
				all = append(all, c.old.dict(d["TransformParams"]))
			}
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(all, func(d types.Dict) bool {
			named := slices.ContainsFunc(c.old.array(d["Fields"]), func(o types.Object) bool { return c.old.text(o) == name })
			switch c.old.name(d["Action"]) {
			case "Include":
				return named
			case "Exclude":
				return !named
			}
			return true // All
		})
	}
}

// looks are the entries of a field that change when it is filled in.
var looks = []string{"V", "AP", "AS", "I", "RV", "M"}

// field compares a field with what became of it.
func (c *comparison) field(f, g field, locked bool) {
	if !c.sameDict(f.dict, g.dict, slices.Concat(looks, []string{"Kids"})...) || !slices.EqualFunc(c.old.array(f.dict["Kids"]), c.now.array(g.dict["Kids"]), same) {
		c.content("field " + f.name)
	}
	c.part(f.dict["Kids"], g.dict["Kids"])
	before, after := f.dict["V"], g.dict["V"]
	empty := c.old.get(before) == nil
	switch {
	case f.kind == "Sig" && empty && c.now.dict(after) != nil:
		c.signed(g)
		return
	case f.kind == "Sig":
		if !c.sameDict(c.look(f.dict), c.look(g.dict)) {
			c.content("field " + f.name)
		}
		return
	case c.alike(c.look(f.dict), c.look(g.dict)):
		return
	}
	c.tell(Change{FieldFilled, f.name, c.old.text(before), c.now.text(after), !locked && c.permitted(2)})
}

// same says whether two references are the same.
func same(a, b types.Object) bool {
	refA, okA := a.(types.IndirectRef)
	refB, okB := b.(types.IndirectRef)
	return okA && okB && refA == refB
}

// look is the part of a field that changes when it is filled in.
func (c *comparison) look(d types.Dict) types.Dict {
	part := types.Dict{}
	for _, key := range looks {
		if d[key] != nil {
			part[key] = d[key]
		}
	}
	return part
}

// page compares a node of the tree of pages, and those below it.
func (c *comparison) page(a, b types.Object, depth int) {
	old, now := c.old.dict(a), c.now.dict(b)
	if depth > maxDepth || !same(a, b) || !c.sameDict(old, now, "Kids", "Annots") {
		c.content("page")
		return
	}
	before, after := c.old.array(old["Kids"]), c.now.array(now["Kids"])
	c.part(old["Kids"], now["Kids"])
	if len(before) != len(after) {
		c.content("pages")
		return
	}
	for i := range before {
		c.page(before[i], after[i], depth+1)
	}
	c.annotations(old["Annots"], now["Annots"])
}

// annotations compares those of a page. New ones are widgets of new signatures, or
// what a certification allows expressly.
func (c *comparison) annotations(a, b types.Object) {
	c.part(a, b)
	before := c.old.array(a)
	for _, o := range c.now.array(b) {
		ref, _ := o.(types.IndirectRef)
		switch {
		case len(before) > 0 && c.match(before[0], o):
			before = before[1:]
		case c.added[ref]:
		default:
			c.tell(Change{Kind: AnnotationAdded, Allowed: c.level == 3})
		}
	}
	if len(before) > 0 {
		c.content("annotation")
	}
}

// match says whether an annotation is the one that was there.
func (c *comparison) match(a, b types.Object) bool {
	if _, indirect := a.(types.IndirectRef); indirect {
		return same(a, b) && c.same(a, b)
	}
	_, indirect := b.(types.IndirectRef)
	return !indirect && c.alike(a, b)
}
