package pades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"github.com/softwarecie/cie/internal/ades/cades"
)

var (
	// ErrProtected means that a PDF is encrypted. Such are read, and not signed.
	ErrProtected = errors.New("the PDF is encrypted")

	// ErrLocked means that a certification allows no further signature, which would make
	// the one that is there invalid.
	ErrLocked = errors.New("the PDF is certified and allows no further signature")

	// ErrXFA means that what is seen of a PDF is made from a form of another kind.
	ErrXFA = errors.New("the PDF is an XFA form")

	// ErrDamaged means that a PDF would have to be repaired before it is signed.
	ErrDamaged = errors.New("the PDF is damaged, and programs repair it in different ways")

	// ErrSelf means that a PDF just signed does not verify.
	ErrSelf = errors.New("the PDF just signed does not verify")
)

// A Draft is a PDF on the way to its signature: invisible, in a field of its own, in an
// update behind all that was there, which stays as it is byte for byte.
type Draft struct {
	Existing File   // signatures that are there
	Reason   string // that the signer gives; "": none
	Place    string // the same

	revision *revision
	level    int // of changes that a certification allows
	field    string
	names    numbers
	update   []byte // with a placeholder for the signature
	gap      int    // where that begins in the update
	draft    cades.Draft
	signed   *cades.Signed
	der      []byte // the signed data
}

// numbers are those of the new objects.
type numbers struct{ signature, widget, xref int }

// Read reads a PDF that is to be signed.
func Read(ctx context.Context, content []byte, now time.Time) (*Draft, error) {
	if int64(len(content)) > MaxSize {
		return nil, ErrSize
	}
	r, err := open(ctx, content)
	if err != nil {
		return nil, err
	}
	d := &Draft{revision: r, level: r.level(r.claims())}
	form := r.dict(r.catalog()["AcroForm"])
	needed, _ := r.get(r.catalog()["NeedsRendering"]).(types.Boolean)
	switch {
	case r.pdf.Encrypt != nil:
		return nil, ErrProtected
	case r.doubt != "":
		return nil, fmt.Errorf("%w: %s", ErrDamaged, r.doubt)
	case d.level == 1:
		return nil, ErrLocked
	case bool(needed) && form["XFA"] != nil:
		return nil, ErrXFA
	case len(r.pages()) == 0:
		return nil, fmt.Errorf("%w: no page", ErrFormat)
	}
	v := verifier{ctx: ctx, current: r, now: now, revisions: map[int64]*revision{}}
	existing, err := v.file()
	if err != nil {
		return nil, err
	}
	d.Existing = *existing
	d.field = r.freeName()
	first := max(int(r.pdf.MaxObjNr)+1, r.integer(r.xref.trailer["Size"]))
	d.names = numbers{first, first + 1, first + 2}
	return d, nil
}

// freeName is a name that no field has.
func (r *revision) freeName() string {
	taken := map[string]bool{}
	for _, f := range r.fields() {
		taken[f.name] = true
	}
	for n := 1; ; n++ {
		if name := "Signature" + strconv.Itoa(n); !taken[name] {
			return name
		}
	}
}

// room is that for the signed data, with a time stamp or without, in bytes. The key has
// signed how much it is before there is a time stamp.
const room = 16 << 10

// Sign has the key sign, once, and checks what it returns.
func (d *Draft) Sign(key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate, now time.Time) error {
	if err := d.build(now); err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, d.ranges())
	if err != nil {
		return err
	}
	d.draft = cades.Draft{Certificate: certificate, Issuers: issuers, Size: n, Digest: [sha256.Size]byte(h.Sum(nil)), Detached: true}
	if d.signed, err = d.draft.Sign(key); err != nil {
		return err
	}
	return d.fill()
}

// fill puts the signed data into their place.
func (d *Draft) fill() error {
	var der bytes.Buffer
	if err := d.signed.Write(&der, d.ranges()); err != nil {
		return err
	}
	if der.Len() > room {
		return errRoom
	}
	d.der = der.Bytes()
	hex.Encode(d.update[d.gap+1:], d.der)
	return nil
}

var errRoom = errors.New("no room for so large a signature")

// Value is that of the signature, over which a time stamp is made.
func (d *Draft) Value() []byte { return d.signed.Value }

// Stamp adds a time stamp over the value: level B-T. After an error the signature is
// as it was.
func (d *Draft) Stamp(token []byte) error {
	d.signed.Stamp(token)
	return d.fill()
}

// ranges are what is signed: all but the string Contents.
func (d *Draft) ranges() io.Reader {
	return io.MultiReader(bytes.NewReader(d.revision.content), bytes.NewReader(d.update[:d.gap]), bytes.NewReader(d.update[d.gap+2*room+2:]))
}

// Detached is what a second reader needs to judge the signature: the signed data alone,
// what they sign, and its digest.
func (d *Draft) Detached() (der []byte, content io.Reader, digest [sha256.Size]byte) {
	return d.der, d.ranges(), d.draft.Digest
}

// Write writes the signed PDF.
func (d *Draft) Write(w io.Writer) error {
	if _, err := w.Write(d.revision.content); err != nil {
		return err
	}
	_, err := w.Write(d.update)
	return err
}

// Check has our own verifier find the new signature without a fault in what was
// written, those that were there as they were, and nothing else changed.
func (d *Draft) Check(ctx context.Context, written []byte, now time.Time) error {
	if !bytes.HasPrefix(written, d.revision.content) {
		return fmt.Errorf("%w: another file", ErrSelf)
	}
	r, err := open(ctx, written)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelf, err)
	}
	changes := compare(d.revision, r, d.level)
	if !slices.Equal(changes, []Change{{Kind: SignatureAdded, Name: d.field, Allowed: true}}) {
		return fmt.Errorf("%w: changes %v", ErrSelf, changes)
	}
	v := verifier{ctx: ctx, current: r, now: now, revisions: map[int64]*revision{int64(len(d.revision.content)): d.revision}}
	f, err := v.file()
	if err != nil || len(f.Signatures) != len(d.Existing.Signatures)+1 {
		return fmt.Errorf("%w: signatures lost", ErrSelf)
	}
	for _, s := range f.Signatures {
		was := slices.IndexFunc(d.Existing.Signatures, func(o Signature) bool { return o.Field == s.Field && o.Revision == s.Revision })
		switch {
		case was >= 0 && s.Intact == d.Existing.Signatures[was].Intact && (s.Failure == nil || d.Existing.Signatures[was].Failure != nil):
		case was < 0 && s.Field == d.field && s.Intact && s.Failure == nil && s.Whole && s.Certificate.Equal(d.draft.Certificate):
		default:
			return fmt.Errorf("%w: signature %s", ErrSelf, s.Field)
		}
	}
	return nil
}

// An object is one to write, with its number.
type object struct {
	ref  types.IndirectRef
	text string
}

// build makes the update, all but the signature.
func (d *Draft) build(now time.Time) error {
	signature := types.IndirectRef{ObjectNumber: types.Integer(d.names.signature)}
	widget := types.IndirectRef{ObjectNumber: types.Integer(d.names.widget)}
	page := d.revision.pages()[0]
	objects := []object{
		{signature, ""},
		{widget, types.Dict{
			"Type": types.Name("Annot"), "Subtype": types.Name("Widget"), "FT": types.Name("Sig"),
			"T": types.StringLiteral(d.field), "F": types.Integer(132), // print, locked
			"Rect": types.NewIntegerArray(0, 0, 0, 0), "P": page.ref, "V": signature,
		}.PDFString()},
	}
	objects = append(objects, d.onPage(page, widget)...)
	objects = append(objects, d.inForm(widget)...)

	content := int64(len(d.revision.content))
	b := bytes.NewBufferString("\n")
	offsets := map[types.IndirectRef]int64{}
	ranges, gap := 0, 0
	for _, o := range objects {
		offsets[o.ref] = content + int64(b.Len())
		fmt.Fprintf(b, "%d %d obj\n", o.ref.ObjectNumber, o.ref.GenerationNumber)
		if o.ref == signature {
			fmt.Fprintf(b, "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(%s)%s%s/ByteRange ",
				now.UTC().Format("D:20060102150405Z"), given("Reason", d.Reason), given("Location", d.Place))
			ranges = b.Len()
			fmt.Fprintf(b, "%s/Contents ", byteRangeText(0, 0, 0))
			gap = b.Len()
			fmt.Fprintf(b, "<%0*d>>>", 2*room, 0)
		} else {
			b.WriteString(o.text)
		}
		b.WriteString("\nendobj\n")
	}
	if err := d.xref(b, content, offsets); err != nil {
		return err
	}
	d.update, d.gap = b.Bytes(), gap
	after := content + int64(gap) + 2*room + 2
	copy(d.update[ranges:], byteRangeText(content+int64(gap), after, content+int64(b.Len())-after))
	return nil
}

// given is an entry with a text, nothing if there is none (ISO 32000-2 §7.9.2.2).
func given(key, text string) string {
	if text == "" {
		return ""
	}
	b := []byte{0xFE, 0xFF}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = append(b, byte(unit>>8), byte(unit))
	}
	return fmt.Sprintf("/%s<%x>", key, b)
}

// byteRangeText has the same length for all numbers.
func byteRangeText(gap, after, rest int64) string {
	return fmt.Sprintf("[0 %010d %010d %010d]", gap, after, rest)
}

// onPage puts the widget on a page: into the list of its annotations, where that is.
func (d *Draft) onPage(page node, widget types.IndirectRef) []object {
	list, indirect := page.dict["Annots"].(types.IndirectRef)
	annotations := append(slices.Clone(d.revision.array(page.dict["Annots"])), widget)
	if indirect && d.revision.array(list) != nil {
		return []object{{list, annotations.PDFString()}}
	}
	return []object{{page.ref, with(page.dict, "Annots", annotations).PDFString()}}
}

// with is a dictionary with one entry replaced.
func with(d types.Dict, key string, value types.Object) types.Dict {
	changed := types.Dict{}
	for k, v := range d {
		changed[k] = v
	}
	changed[key] = value
	return changed
}

// inForm puts the field into the form, which is made where there is none.
func (d *Draft) inForm(widget types.IndirectRef) (objects []object) {
	r := d.revision
	catalog := r.catalog()
	form := r.dict(catalog["AcroForm"])
	fields := append(slices.Clone(r.array(form["Fields"])), widget)
	if list, indirect := form["Fields"].(types.IndirectRef); indirect && r.array(list) != nil {
		objects = append(objects, object{list, fields.PDFString()})
	} else {
		form = with(form, "Fields", fields)
	}
	form = with(form, "SigFlags", types.Integer(3)) // there are signatures; append only
	if ref, indirect := catalog["AcroForm"].(types.IndirectRef); indirect && r.dict(ref) != nil {
		return append(objects, object{ref, form.PDFString()})
	}
	return append(objects, object{*r.pdf.Root, with(catalog, "AcroForm", form).PDFString()})
}

// xref writes the cross-reference section, of the kind that the last one has.
func (d *Draft) xref(b *bytes.Buffer, content int64, offsets map[types.IndirectRef]int64) error {
	old := d.revision.xref
	size := d.names.xref
	if old.stream {
		size++
	}
	trailer := types.Dict{"Size": types.Integer(size), "Root": old.trailer["Root"], "Prev": types.Integer(old.start)}
	if old.trailer["Info"] != nil {
		trailer["Info"] = old.trailer["Info"]
	}
	if id, ok := d.revision.get(old.trailer["ID"]).(types.Array); ok && len(id) == 2 {
		fresh := make([]byte, 16)
		_, _ = rand.Read(fresh) // never fails
		trailer["ID"] = types.Array{id[0], types.NewHexLiteral(fresh)}
	}
	start := content + int64(b.Len())
	if old.stream {
		own := types.IndirectRef{ObjectNumber: types.Integer(d.names.xref)}
		offsets[own] = start
		writeStream(b, own, trailer, offsets)
	} else {
		writeTable(b, trailer, offsets)
	}
	fmt.Fprintf(b, "startxref\n%d\n%%%%EOF\n", start)
	return nil
}

// sorted are the numbers of objects in runs.
func sorted(offsets map[types.IndirectRef]int64) (runs [][]types.IndirectRef) {
	var all []types.IndirectRef
	for ref := range offsets {
		all = append(all, ref)
	}
	slices.SortFunc(all, func(a, b types.IndirectRef) int { return int(a.ObjectNumber - b.ObjectNumber) })
	for i, ref := range all {
		if i == 0 || ref.ObjectNumber != all[i-1].ObjectNumber+1 {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], ref)
	}
	return runs
}

func writeTable(b *bytes.Buffer, trailer types.Dict, offsets map[types.IndirectRef]int64) {
	b.WriteString("xref\n")
	for _, run := range sorted(offsets) {
		fmt.Fprintf(b, "%d %d\n", run[0].ObjectNumber, len(run))
		for _, ref := range run {
			fmt.Fprintf(b, "%010d %05d n \n", offsets[ref], ref.GenerationNumber)
		}
	}
	fmt.Fprintf(b, "trailer\n%s\n", trailer.PDFString())
}

func writeStream(b *bytes.Buffer, own types.IndirectRef, trailer types.Dict, offsets map[types.IndirectRef]int64) {
	var index types.Array
	var columns []byte
	for _, run := range sorted(offsets) {
		index = append(index, run[0].ObjectNumber, types.Integer(len(run)))
		for _, ref := range run {
			at, generation := offsets[ref], int(ref.GenerationNumber)
			columns = append(columns, 1, byte(at>>32), byte(at>>24), byte(at>>16), byte(at>>8), byte(at), byte(generation>>8), byte(generation))
		}
	}
	packed := deflate(columns)
	trailer["Type"], trailer["W"], trailer["Index"] = types.Name("XRef"), types.NewIntegerArray(1, 5, 2), index
	trailer["Filter"], trailer["Length"] = types.Name("FlateDecode"), types.Integer(len(packed))
	fmt.Fprintf(b, "%d 0 obj\n%s\nstream\n", own.ObjectNumber, trailer.PDFString())
	b.Write(packed)
	b.WriteString("\nendstream\nendobj\n")
}
