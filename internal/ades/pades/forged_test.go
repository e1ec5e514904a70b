package pades

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/ades/cades"
)

var (
	objectHead = regexp.MustCompile(`^(\d+) 0 obj`)
	startxref  = regexp.MustCompile(`startxref\s+(\d+)`)
)

// update appends an update with objects, as anybody can.
func update(content []byte, objects ...string) []byte {
	b := bytes.NewBuffer(bytes.Clone(content))
	offsets := map[string]int{}
	for _, o := range objects {
		b.WriteString("\n")
		offsets[objectHead.FindStringSubmatch(o)[1]] = b.Len()
		b.WriteString(o)
	}
	return section(b.Bytes(), content, offsets)
}

// section appends a cross-reference table that says where objects are.
func section(content, before []byte, offsets map[string]int) []byte {
	starts := startxref.FindAllSubmatch(before, -1)
	b := bytes.NewBuffer(content)
	b.WriteString("\n")
	start := b.Len()
	b.WriteString("xref\n")
	for n, at := range offsets {
		fmt.Fprintf(b, "%s 1\n%010d 00000 n \n", n, at)
	}
	fmt.Fprintf(b, "trailer\n<</Size 40/Root 1 0 R/Prev %s>>\nstartxref\n%d\n%%%%EOF\n", starts[len(starts)-1][1], start)
	return b.Bytes()
}

// blank is a signature dictionary without its signature.
func blank(entries string) string {
	return "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(D:20261125000000Z)" + entries +
		"/ByteRange [0 0000000000 0000000000 0000000000]/Contents <" + strings.Repeat("0", 2*room) + ">>>"
}

// filled signs a PDF that has a blank signature, with the signed data that make returns.
func filled(t testing.TB, content []byte, make func(cades.Draft, *bytes.Reader) []byte) []byte {
	t.Helper()
	gap := bytes.Index(content, []byte("/Contents <000000")) + len("/Contents ")
	after := gap + 2*room + 2
	ranges := byteRangeText(int64(gap), int64(after), int64(len(content)-after))
	content = bytes.Replace(content, []byte(byteRangeText(0, 0, 0)), []byte(ranges), 1)
	signed := append(bytes.Clone(content[:gap]), content[after:]...)
	_, c := holder()
	der := make(cades.Draft{Certificate: c, Size: int64(len(signed)), Digest: sha256.Sum256(signed), Detached: true}, bytes.NewReader(signed))
	hex.Encode(content[gap+1:], der)
	return content
}

// der is a signature as it should be.
func der(t testing.TB) func(cades.Draft, *bytes.Reader) []byte {
	return func(d cades.Draft, content *bytes.Reader) []byte {
		t.Helper()
		key, _ := holder()
		s, err := d.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.Write(&b, content); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
}

// certified is a PDF with a certification of that level, and two form fields of which
// the second is locked.
func certified(t testing.TB, level int) []byte {
	t.Helper()
	reference := fmt.Sprintf("/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/P %d/V/1.2>>>>"+
		"<</Type/SigRef/TransformMethod/FieldMDP/TransformParams<</Type/TransformParams/Action/Include/Fields[(second)]/V/1.2>>>>]", level)
	return filled(t, withForm(t, reference), der(t))
}

// withForm is a PDF with two form fields and a blank signature.
func withForm(t testing.TB, entries string) []byte {
	t.Helper()
	return update(read(t, "base.pdf"),
		"1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[11 0 R 12 0 R 13 0 R]/SigFlags 3>>/Perms<</DocMDP 10 0 R>>>>\nendobj",
		"4 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Rotate 0/Resources<</Font<</F 3 0 R>>>>/Contents 5 0 R/Annots[11 0 R 12 0 R 13 0 R]>>\nendobj",
		"10 0 obj\n"+blank(entries)+"\nendobj",
		"11 0 obj\n<</Type/Annot/Subtype/Widget/FT/Sig/T(Signature1)/F 132/Rect[0 0 0 0]/P 4 0 R/V 10 0 R>>\nendobj",
		"12 0 obj\n<</Type/Annot/Subtype/Widget/FT/Tx/T(first)/V(one)/Rect[10 10 90 30]/P 4 0 R>>\nendobj",
		"13 0 obj\n<</Type/Annot/Subtype/Widget/FT/Tx/T(second)/V(two)/Rect[10 40 90 60]/P 4 0 R>>\nendobj",
	)
}

// An annotation like this one on the first page of b.pdf hides what is below.
const (
	overlay     = "20 0 obj\n<</Type/Annot/Subtype/FreeText/Rect[0 700 595 842]/Contents(EUR 900)/DA(/F 18 Tf)>>\nendobj"
	pageEntries = "/Contents 5 0 R/MediaBox[0 0 595 842]/Parent 2 0 R/Resources<</Font<</F 3 0 R>>>>/Rotate 0/Type/Page"
)

// Every class of attack that changes what a signed file shows, or what its signature
// seems to say: none is without a fault.
func TestForged(t *testing.T) {
	b := read(t, "b.pdf")
	edit := func(old, now string) []byte {
		if !bytes.Contains(b, []byte(old)) {
			t.Fatalf("%q is not in b.pdf", old)
		}
		return bytes.Replace(b, []byte(old), []byte(now), 1)
	}
	ranges := string(regexp.MustCompile(`/ByteRange\[[^\]]*\]`).Find(b))
	gap := bytes.Index(b, []byte("/Contents<")) + len("/Contents")
	padding := gap + bytes.Index(b[gap:], []byte(">")) - 4
	shadow := "5 0 obj\n<</Length 77>>\nstream\nBT /F 18 Tf 72 770 Td (Contratto di prova - pagina 1 - importo EUR 900) Tj ET\nendstream\nendobj"
	page := func(annotations string) string {
		return "4 0 obj\n<<" + pageEntries + "/Annots[" + annotations + "]>>\nendobj"
	}
	dictionary := string(b[bytes.Index(b, []byte("\n8 0 obj"))+1 : bytes.Index(b, []byte("\n9 0 obj"))])
	certify2 := read(t, "certify2.pdf")
	for name, tt := range map[string]struct {
		content []byte
		reason  cades.Reason
		doubt   bool // it is not sure that the signature is wrong
	}{
		"text changed":             {edit("EUR 100", "EUR 900"), cades.HashFailure, false},
		"isa page content":         {update(b, shadow), cades.SigConstraintsFailure, false},
		"isa overlay":              {update(b, overlay, page("9 0 R 20 0 R")), cades.SigConstraintsFailure, false},
		"isa font":                 {update(b, "3 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Symbol>>\nendobj"), cades.SigConstraintsFailure, false},
		"isa page tree":            {update(b, "2 0 obj\n<</Type/Pages/Count 1/Kids[6 0 R]>>\nendobj"), cades.SigConstraintsFailure, false},
		"isa other pages":          {update(b, "1 0 obj\n<</Type/Catalog/Pages 20 0 R/AcroForm<</Fields[9 0 R]/SigFlags 3>>>>\nendobj", "20 0 obj\n<</Type/Pages/Count 1/Kids[6 0 R]>>\nendobj"), cades.SigConstraintsFailure, false},
		"isa widget removed":       {update(b, page("")), cades.SigConstraintsFailure, false},
		"isa script":               {update(b, "1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R]/SigFlags 3>>/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>\nendobj"), cades.SigConstraintsFailure, false},
		"isa field added":          {update(b, "1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R 20 0 R]/SigFlags 3>>>>\nendobj", "20 0 obj\n<</Type/Annot/Subtype/Widget/FT/Sig/T(x)/Rect[0 0 595 842]/P 4 0 R>>\nendobj"), cades.SigConstraintsFailure, false},
		"isa object without table": {append(bytes.Clone(b), shadow+"\n%%EOF\n"...), cades.FormatFailure, true},
		"isa table without object": {append(update(b), shadow+"\n"...), cades.FormatFailure, true},
		"isa object in no table":   {update(append(bytes.Clone(b), "\n"+shadow...), "21 0 obj\nnull\nendobj"), cades.FormatFailure, true},
		"bytes behind the end":     {append(bytes.Clone(b), "more"...), cades.FormatFailure, true},
		"usf ByteRange missing":    {edit("/ByteRange", "/ByteRangX"), cades.FormatFailure, false},
		"usf ByteRange null":       {edit(ranges, "/ByteRange null"+strings.Repeat(" ", len(ranges)-len("/ByteRange null"))), cades.FormatFailure, false},
		"usf ByteRange empty":      {edit(ranges, "/ByteRange[]"+strings.Repeat(" ", len(ranges)-len("/ByteRange[]"))), cades.FormatFailure, false},
		"usf ByteRange negative":   {edit(ranges, strings.Replace(ranges, "[0 1", "[0 -", 1)), cades.FormatFailure, false},
		"usf ByteRange zeros":      {edit(ranges, "/ByteRange[0 0 0 0]"+strings.Repeat(" ", len(ranges)-len("/ByteRange[0 0 0 0]"))), cades.FormatFailure, false},
		"usf ByteRange overlaps":   {edit(ranges, regexp.MustCompile(`(\d+) (\d+) (\d+)\]`).ReplaceAllString(ranges, "$2 $1 $3]")), cades.FormatFailure, false},
		"usf Contents missing":     {edit("/Contents<3", "/ContentX<3"), cades.FormatFailure, false},
		"usf Contents empty":       {append(append(bytes.Clone(b[:gap]), "<>"+strings.Repeat(" ", padding+5-gap-2)...), b[padding+5:]...), cades.FormatFailure, false},
		"usf Contents zeros":       {append(append(bytes.Clone(b[:gap+1]), strings.Repeat("0", padding+4-gap-1)...), b[padding+4:]...), cades.FormatFailure, false},
		"swa second range":         {append(append(bytes.Clone(b[:padding-100]), ">"+ranges+strings.Repeat(" ", 103-len(ranges))...), b[padding+4:]...), cades.FormatFailure, false},
		"padding":                  {append(append(bytes.Clone(b[:padding]), "4142"...), b[padding+4:]...), cades.FormatFailure, false},
		"dictionary replaced":      {update(b, strings.Replace(dictionary, "D:2026", "D:2016", 1)), cades.FormatFailure, false},
		"dictionary elsewhere":     {update(b, "9 0 obj\n<</Type/Annot/Subtype/Widget/FT/Sig/T(Signature8)/F 132/Rect[0 0 0 0]/P 4 0 R/V 20 0 R>>\nendobj", strings.Replace(dictionary, "8 0 obj", "20 0 obj", 1)), cades.FormatFailure, false},
		"p2 annotation":            {update(certify2, overlay, page("9 0 R 20 0 R")), cades.SigConstraintsFailure, false},
		"p1 signature":             {later(t, certified(t, 1)), cades.SigConstraintsFailure, false},
		"p1 field":                 {update(certified(t, 1), first), cades.SigConstraintsFailure, false},
		"locked field":             {update(certified(t, 2), strings.NewReplacer("12 0", "13 0", "first", "second", "10 10", "10 40", "90 30", "90 60").Replace(first)), cades.SigConstraintsFailure, false},
		"field moved":              {update(certified(t, 3), strings.Replace(first, "10 10", "10 50", 1)), cades.SigConstraintsFailure, false},
		"two signers":              {filled(t, withForm(t, ""), twoSigners(t)), cades.FormatFailure, false},
		"content in the signature": {filled(t, withForm(t, ""), func(d cades.Draft, r *bytes.Reader) []byte {
			d.Detached = false
			d.Size, d.Digest = 2, sha256.Sum256([]byte("%P"))
			return der(t)(d, r2("%P"))
		}), cades.FormatFailure, false},
		"signature of another file": {filled(t, withForm(t, ""), func(d cades.Draft, _ *bytes.Reader) []byte {
			d.Size, d.Digest = 2, sha256.Sum256([]byte("%P"))
			return der(t)(d, r2("%P"))
		}), cades.HashFailure, false},
		"shadow hide and replace": {hidden(t, shadow), cades.SigConstraintsFailure, false},
	} {
		f, err := Verify(t.Context(), tt.content, vectorTime)
		if err != nil || len(f.Signatures) == 0 {
			t.Errorf("%s: %+v, %v", name, f, err)
			continue
		}
		s := f.Signatures[0]
		if s.Failure == nil || s.Failure.Reason != tt.reason || s.Failure.Invalid == tt.doubt {
			t.Errorf("%s: %+v, want %s", name, s.Failure, tt.reason)
		}
	}
}

func r2(s string) *bytes.Reader { return bytes.NewReader([]byte(s)) }

// first fills the first field of certified in.
const first = "12 0 obj\n<</Type/Annot/Subtype/Widget/FT/Tx/T(first)/V(three)/Rect[10 10 90 30]/P 4 0 R>>\nendobj"

// later adds a signature that a certification does not allow.
func later(t testing.TB, content []byte) []byte {
	t.Helper()
	return filled(t, update(content,
		"1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[11 0 R 12 0 R 13 0 R 21 0 R]/SigFlags 3>>/Perms<</DocMDP 10 0 R>>>>\nendobj",
		"4 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Rotate 0/Resources<</Font<</F 3 0 R>>>>/Contents 5 0 R/Annots[11 0 R 12 0 R 13 0 R 21 0 R]>>\nendobj",
		"20 0 obj\n"+blank("")+"\nendobj",
		"21 0 obj\n<</Type/Annot/Subtype/Widget/FT/Sig/T(Signature2)/F 132/Rect[0 0 0 0]/P 4 0 R/V 20 0 R>>\nendobj"), der(t))
}

// twoSigners makes signed data with two signatures.
func twoSigners(t testing.TB) func(cades.Draft, *bytes.Reader) []byte {
	return func(d cades.Draft, content *bytes.Reader) []byte {
		f, err := cades.Read(bytes.NewReader(der(t)(d, content)), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = content.Seek(0, 0)
		d.Existing = f
		return der(t)(d, content)
	}
}

// hidden is a signed PDF with a second content of its page in what is signed, and a
// table behind the signature that puts it in the place of the first.
func hidden(t testing.TB, shadow string) []byte {
	t.Helper()
	base := read(t, "base.pdf")
	content := update(append(bytes.Clone(base[:len(base)-1]), "\n"+shadow+"\n"...), "22 0 obj\nnull\nendobj")
	signed := sign(t, content)
	return section(bytes.Clone(signed), signed, map[string]int{"5": bytes.Index(signed, []byte(shadow))})
}

// What signatures allow is told, and no fault: a field that is filled in, with what was
// in it before and after.
func TestFilledIn(t *testing.T) {
	for _, content := range [][]byte{certified(t, 2), certified(t, 3), filled(t, withForm(t, ""), der(t))} {
		s := verify(t, update(content, first), 1).Signatures[0]
		want := Change{FieldFilled, "first", "one", "three", true}
		if s.Failure != nil || s.Whole || len(s.Changes) != 1 || s.Changes[0] != want {
			t.Errorf("%+v", s)
		}
	}
	content := update(certified(t, 3), "20 0 obj\n<</Type/Annot/Subtype/Text/Rect[0 0 20 20]/Contents(a note)>>\nendobj",
		"4 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Rotate 0/Resources<</Font<</F 3 0 R>>>>/Contents 5 0 R/Annots[11 0 R 12 0 R 13 0 R 20 0 R]>>\nendobj")
	s := verify(t, content, 1).Signatures[0]
	if s.Failure != nil || len(s.Changes) != 1 || s.Changes[0].Kind != AnnotationAdded || s.Certifies != 3 {
		t.Errorf("%+v", s)
	}
}

// What is worth knowing is told beside.
func TestNotes(t *testing.T) {
	b := read(t, "b.pdf")
	form := "1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R]/SigFlags 3>>/OCProperties<</OCGs[]>>>>\nendobj"
	f := verify(t, update(b, form, "20 0 obj\n<</ByteRange[0 1 2 3]>>\nendobj"), 1)
	for _, want := range []cades.Note{NoteHidden, NoteActive} {
		if s := f.Signatures[0]; !strings.Contains(fmt.Sprint(s.Notes), string(want)) {
			t.Errorf("%s is not told: %v", want, s.Notes)
		}
	}
	if got := fmt.Sprint(f.Active); got != "[layers]" {
		t.Errorf("active: %s", got)
	}
	base := read(t, "base.pdf")
	for what, object := range map[string]string{
		"[script]": "20 0 obj\n<</Type/Annot/A<</S/JavaScript/JS(1)>>>>\nendobj",
		"[action]": "20 0 obj\n[<</S/Launch/F(x)>>]\nendobj",
		"[files]":  "20 0 obj\n<</Type/Filespec/F(x)/EF<</F 21 0 R>>>>\nendobj",
		"[xfa]":    "1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/XFA[(a)(b)]>>>>\nendobj",
		"[]":       "20 0 obj\n(x)\nendobj",
	} {
		if f := verify(t, update(base, object), 0); fmt.Sprint(f.Active) != what {
			t.Errorf("%s: %v", what, f.Active)
		}
	}
}
