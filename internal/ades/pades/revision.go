package pades

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// A revision is a PDF as one of its updates left it: the bytes from the start of the
// file up to the end of that update.
type revision struct {
	content []byte
	xref    *xref
	pdf     *model.Context
	doubt   string // why others may see other objects; "": they do not
}

// configuration is the reader's. It is made here whole: its own default makes folders
// in the home directory.
func configuration() *model.Configuration {
	limits := model.DefaultResourceLimits()
	limits.MaxStreamBytes, limits.MaxDecodeBytes = MaxSize, maxDecoded
	limits.MaxObjectCount, limits.MaxXRefEntries = maxObjects, maxObjects
	return &model.Configuration{Reader15: true, ValidationMode: model.ValidationStrict, Offline: true, Limits: limits}
}

// open reads a revision. Of one whose cross-reference sections are wrong objects are
// found all the same if they can be, and there is doubt.
func open(ctx context.Context, content []byte) (_ *revision, err error) {
	defer func() {
		if r := recover(); r != nil { // somebody else's parser, and anybody's file
			err = fmt.Errorf("%w: %v", ErrFormat, r)
		}
	}()
	r := &revision{content: content}
	if r.xref, err = readXref(content); err != nil {
		r.doubt = err.Error()
	}
	r.pdf, err = pdfcpu.ReadWithContext(ctx, bytes.NewReader(content), configuration())
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, pdfcpu.ErrWrongPassword):
		return nil, ErrPassword
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := r.unpack(ctx); err != nil {
		return nil, err
	}
	if r.pdf.Root == nil || r.catalog() == nil {
		return nil, fmt.Errorf("%w: no catalog", ErrFormat)
	}
	if r.doubt == "" {
		r.doubt = r.agree()
	}
	return r, nil
}

// unpack parses the objects that are in object streams.
func (r *revision) unpack(ctx context.Context) error {
	for _, entry := range r.pdf.Table {
		packed, ok := entry.Object.(types.LazyObjectStreamObject)
		if !ok {
			continue
		}
		var err error
		if entry.Object, err = packed.DecodedObject(ctx); err != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("%w: %w", ErrFormat, err))
		}
	}
	return nil
}

// agree says where the two readers of cross-reference sections disagree.
func (r *revision) agree() string {
	if root, ok := r.xref.trailer["Root"].(types.IndirectRef); !ok || root != *r.pdf.Root {
		return "two catalogs"
	}
	for n, p := range r.xref.objects {
		entry := r.pdf.Table[n]
		found := entry != nil && !entry.Free && entry.Object != nil
		switch {
		case n == 0 || p.free && !found || !p.free && p.within == 0 && p.offset == 0:
		case p.free, !found && !r.null(p):
			return fmt.Sprintf("object %d is there for one reader, and not for another", n)
		case found && p.within == 0 && (entry.Offset == nil || *entry.Offset != p.offset):
			return fmt.Sprintf("object %d is in two places", n)
		case found && p.within > 0 && (entry.ObjectStream == nil || *entry.ObjectStream != p.within):
			return fmt.Sprintf("object %d is in two places", n)
		}
	}
	return ""
}

// null says whether the object at a place is null, which readers leave out.
func (r *revision) null(p place) bool {
	if p.within > 0 || p.offset < 0 || p.offset >= int64(len(r.content)) {
		return p.within > 0
	}
	rest := r.content[p.offset:min(p.offset+64, int64(len(r.content)))]
	head := objectAt.Find(rest)
	return head != nil && bytes.HasPrefix(bytes.TrimLeft(rest[len(head):], " \t\r\n"), []byte("null"))
}

// get is what a reference leads to, or the object itself. What is not there is null.
func (r *revision) get(o types.Object) types.Object {
	for range 32 {
		ref, ok := o.(types.IndirectRef)
		if !ok {
			return o
		}
		entry := r.pdf.Table[int(ref.ObjectNumber)]
		if entry == nil || entry.Free || entry.Generation != nil && *entry.Generation != int(ref.GenerationNumber) {
			return nil
		}
		o = entry.Object
	}
	return nil
}

func (r *revision) dict(o types.Object) types.Dict {
	switch d := r.get(o).(type) {
	case types.Dict:
		return d
	case types.StreamDict:
		return d.Dict
	}
	return nil
}

func (r *revision) array(o types.Object) types.Array {
	a, _ := r.get(o).(types.Array)
	return a
}

func (r *revision) name(o types.Object) string {
	n, _ := r.get(o).(types.Name)
	return string(n)
}

func (r *revision) integer(o types.Object) int {
	n, _ := r.get(o).(types.Integer)
	return int(n)
}

// text is a string to show.
func (r *revision) text(o types.Object) string {
	switch s := r.get(o).(type) {
	case types.StringLiteral:
		if t, err := types.StringLiteralToString(s); err == nil {
			return t
		}
	case types.HexLiteral:
		if t, err := types.HexLiteralToString(s); err == nil {
			return t
		}
	case types.Name:
		return string(s)
	}
	return ""
}

func (r *revision) catalog() types.Dict { return r.dict(*r.pdf.Root) }

// A field is one of the form (ISO 32000-2 §12.7.4), or a widget of a signature that no
// form knows.
type field struct {
	name   string
	kind   string // FT
	ref    types.IndirectRef
	direct bool // it is in its parent, and has no number
	dict   types.Dict
	value  types.Object // V, which may be the parent's
}

// fields are all of the form in order, with those between, then the signatures on
// pages that it does not name.
func (r *revision) fields() []field {
	var all []field
	seen := map[types.IndirectRef]bool{}
	var walk func(o types.Object, parent field, depth int)
	walk = func(o types.Object, parent field, depth int) {
		ref, indirect := o.(types.IndirectRef)
		d := r.dict(o)
		if d == nil || indirect && seen[ref] || depth > maxDepth || len(all) > maxFields {
			return
		}
		seen[ref] = indirect
		f := field{name: parent.name, kind: parent.kind, ref: ref, direct: !indirect, dict: d, value: parent.value}
		if own := r.text(d["T"]); own != "" {
			f.name = join(parent.name, own)
		}
		if own := r.name(d["FT"]); own != "" {
			f.kind = own
		}
		if d["V"] != nil {
			f.value = d["V"]
		}
		all = append(all, f)
		for _, kid := range r.array(d["Kids"]) {
			walk(kid, f, depth+1)
		}
	}
	form := r.dict(r.catalog()["AcroForm"])
	for _, o := range r.array(form["Fields"]) {
		walk(o, field{}, 0)
	}
	for _, page := range r.pages() {
		for _, o := range r.array(page.dict["Annots"]) {
			if d := r.dict(o); r.name(d["FT"]) == "Sig" {
				walk(o, field{}, 0)
			}
		}
	}
	return all
}

const (
	maxDepth  = 64 // of fields in fields, and of pages
	maxFields = 100_000
	maxPages  = 200_000
)

func join(parent, own string) string {
	if parent == "" {
		return own
	}
	return parent + "." + own
}

// A node is one of the tree of pages; one without kids is a page.
type node struct {
	ref  types.IndirectRef
	dict types.Dict
}

// nodes are all of the tree of pages in order.
func (r *revision) nodes() []node {
	var all []node
	seen := map[types.IndirectRef]bool{}
	var walk func(o types.Object, depth int)
	walk = func(o types.Object, depth int) {
		ref, ok := o.(types.IndirectRef)
		d := r.dict(o)
		if !ok || d == nil || seen[ref] || depth > maxDepth || len(all) > maxPages {
			return
		}
		seen[ref] = true
		all = append(all, node{ref, d})
		for _, kid := range r.array(d["Kids"]) {
			walk(kid, depth+1)
		}
	}
	walk(r.catalog()["Pages"], 0)
	return all
}

// pages are all pages in order.
func (r *revision) pages() []node {
	return slices.DeleteFunc(r.nodes(), func(n node) bool { return n.dict["Kids"] != nil })
}

// active names what may change what is seen, or do something: scripts, actions, forms
// of another kind, files and pages of elsewhere.
func (r *revision) active() []string {
	found := map[string]bool{}
	catalog := r.catalog()
	for key, what := range map[string]string{"OpenAction": "action", "AA": "action", "OCProperties": "layers"} {
		found[what] = found[what] || r.get(catalog[key]) != nil && r.array(catalog[key]) == nil
	}
	found["xfa"] = r.get(r.dict(catalog["AcroForm"])["XFA"]) != nil
	for _, entry := range r.pdf.Table {
		each(entry.Object, func(d types.Dict) {
			switch r.name(d["S"]) {
			case "JavaScript":
				found["script"] = true
			case "Launch", "SubmitForm", "ImportData", "GoToR":
				found["action"] = true
			}
			found["files"] = found["files"] || d["EF"] != nil
		})
	}
	var all []string
	for what, there := range found {
		if there {
			all = append(all, what)
		}
	}
	slices.Sort(all)
	return all
}

// each visits all dictionaries of an object, and none of those it refers to.
func each(o types.Object, visit func(types.Dict)) {
	switch o := o.(type) {
	case types.Dict:
		visit(o)
		for _, part := range o {
			each(part, visit)
		}
	case types.StreamDict:
		each(o.Dict, visit)
	case types.Array:
		for _, part := range o {
			each(part, visit)
		}
	}
}
