package pades

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/revocation"
)

// A File is a PDF as far as its signatures go.
type File struct {
	Signatures []Signature // of persons, in the order of the form
	Stamps     []Stamp     // time stamps on the document
	Active     []string    // what may change what is seen: "action", "files", "layers", "script", "xfa"
}

// A Signature is one signature of a PDF, judged as far as the file itself goes.
type Signature struct {
	cades.Signature
	Certificates []*x509.Certificate // that came with it
	Field        string              // name
	Reason       string              // that the signer gives, as all that follows
	Place        string
	Revision     int64    // bytes from the start of the file that it covers, but for itself
	Whole        bool     // that is the whole file
	Changes      []Change // made after it
	Certifies    int      // 1 to 3: it allows no changes, forms and signatures, annotations too; 0: it does not say
	SHA256       []byte   // of what is signed
}

// A Stamp is a time stamp on the document (ISO 32000-2 §12.8.5).
type Stamp struct {
	Field    string
	Token    []byte // a signed file of the kind that RFC 3161 describes
	Covered  [2][]byte
	Revision int64 // bytes from the start of the file that it covers, but for itself
}

// Notes on signatures of a PDF.
const (
	NoteHidden   cades.Note = "hidden-signatures" // there are more signature dictionaries than the form names
	NoteShared   cades.Note = "shared-signature"  // more than one field has this signature
	NoteObsolete cades.Note = "obsolete-form"     // a kind of signature no longer in use
	NoteActive   cades.Note = "active-content"    // what is seen may change by itself
)

// Verify judges all signatures of a PDF at a time.
func Verify(ctx context.Context, content []byte, now time.Time) (*File, error) {
	if int64(len(content)) > MaxSize {
		return nil, ErrSize
	}
	current, err := open(ctx, content)
	if err != nil {
		return nil, err
	}
	v := verifier{ctx: ctx, current: current, now: now, revisions: map[int64]*revision{int64(len(content)): current}}
	return v.file()
}

// A verifier is what one verification needs to know.
type verifier struct {
	ctx       context.Context //nolint:containedctx // of one call
	current   *revision
	now       time.Time
	revisions map[int64]*revision // those read last, by size
}

// revision reads the revision of that size. Only that read last is kept.
func (v *verifier) revision(size int64) (*revision, error) {
	if r := v.revisions[size]; r != nil {
		return r, nil
	}
	r, err := open(v.ctx, v.current.content[:size])
	if err != nil {
		return nil, err
	}
	v.revisions = map[int64]*revision{int64(len(v.current.content)): v.current, size: r}
	return r, nil
}

// A claim is a signature dictionary with the field whose value it is.
type claim struct {
	field  field
	ref    types.IndirectRef
	direct bool // the dictionary is in the field
	dict   types.Dict
	shared bool
}

// claims are all signature dictionaries, each once.
func (r *revision) claims() []claim {
	var all []claim
	for _, f := range r.fields() {
		value := r.get(f.dict["V"])
		if f.kind != "Sig" || value == nil {
			continue
		}
		c := claim{field: f, dict: r.dict(value)}
		ref, indirect := f.dict["V"].(types.IndirectRef)
		c.ref, c.direct = ref, !indirect
		if at := slices.IndexFunc(all, func(o claim) bool { return indirect && !o.direct && o.ref == ref }); at >= 0 {
			all[at].shared = true
			continue
		}
		if len(all) < maxSignatures {
			all = append(all, c)
		}
	}
	return all
}

const maxSignatures = 100

var byteRange = regexp.MustCompile(`/ByteRange\b`)

func (v *verifier) file() (*File, error) {
	f := &File{Active: v.current.active()}
	claims := v.current.claims()
	hidden := len(byteRange.FindAllIndex(v.current.content, maxSignatures+1)) > len(claims)
	level := v.current.level(claims)
	for _, c := range claims {
		if v.ctx.Err() != nil {
			return nil, v.ctx.Err()
		}
		s, stamp := v.judge(c, level)
		if stamp != nil {
			f.Stamps = append(f.Stamps, *stamp)
			continue
		}
		if hidden {
			s.add(NoteHidden)
		}
		if len(f.Active) > 0 {
			s.add(NoteActive)
		}
		f.Signatures = append(f.Signatures, s)
	}
	proofs := v.current.proofs()
	for i := range f.Signatures {
		f.level(&f.Signatures[i], proofs)
	}
	return f, nil
}

// level is what the file looks like, and proofs those that it brings beside its
// signatures (ETSI EN 319 142-1 V1.2.1 §5.4.2). Time stamps on the document are not
// checked here.
func (f *File) level(s *Signature, proofs revocation.Data) {
	later := slices.ContainsFunc(f.Stamps, func(t Stamp) bool { return t.Revision > s.Revision })
	if later {
		s.add(cades.NoteStamp)
	}
	if len(proofs.OCSP)+len(proofs.CRL) == 0 {
		return
	}
	s.Proofs = s.Proofs.With(proofs)
	if s.Level == "B-T" {
		s.Level = "B-LT"
		if later {
			s.Level = "B-LTA"
		}
	}
}

// Bounds on proofs.
const (
	maxProofs     = 1000
	maxProofBytes = 64 << 20
)

// proofs are the certificates and answers about certificates in the document security
// store (ISO 32000-2 §12.8.4.3). None is believed.
func (r *revision) proofs() (d revocation.Data) {
	store := r.dict(r.catalog()["DSS"])
	left := int64(maxProofBytes)
	each := func(key string, take func(der []byte)) {
		all := r.array(store[key])
		for _, o := range all[:min(len(all), maxProofs)] {
			stream, ok := r.get(o).(types.StreamDict)
			if ok && stream.DecodeWithLimit(left) == nil {
				left -= int64(len(stream.Content))
				take(stream.Content)
			}
		}
	}
	each("OCSPs", func(der []byte) { d.OCSP = append(d.OCSP, der) })
	each("CRLs", func(der []byte) { d.CRL = append(d.CRL, der) })
	each("Certs", func(der []byte) {
		if c, err := x509.ParseCertificate(der); err == nil {
			d.Certificates = append(d.Certificates, c)
		}
	})
	return d
}

func (s *Signature) add(n cades.Note) {
	if !slices.Contains(s.Notes, n) {
		s.Notes = append(s.Notes, n)
	}
}

func (s *Signature) fail(reason cades.Reason, invalid bool, detail string) {
	if s.Failure == nil || invalid && !s.Failure.Invalid {
		s.Failure = &cades.Failure{Reason: reason, Invalid: invalid, Detail: detail}
	}
}

// certifies is the level of changes that a certification allows (ISO 32000-2 §12.8.2.2).
func (r *revision) certifies(d types.Dict) int {
	for _, o := range r.array(d["Reference"]) {
		reference := r.dict(o)
		if r.name(reference["TransformMethod"]) != "DocMDP" {
			continue
		}
		if p := r.integer(r.dict(reference["TransformParams"])["P"]); p >= 1 && p <= 3 {
			return p
		}
		return 2 // the default
	}
	return 0
}

// level is what all certifications of a document allow; 0: there is none.
func (r *revision) level(claims []claim) (level int) {
	for _, c := range claims {
		if p := r.certifies(c.dict); p > 0 && (level == 0 || p < level) {
			level = p
		}
	}
	return level
}

// judge applies all rules to one signature. Level is what certifications of the
// document allow.
func (v *verifier) judge(c claim, level int) (Signature, *Stamp) {
	r := v.current
	s := Signature{Field: c.field.name, Reason: r.text(c.dict["Reason"]), Place: r.text(c.dict["Location"]), Certifies: r.certifies(c.dict)}
	s.Level = "CMS"
	if c.shared {
		s.add(NoteShared)
	}
	kind := r.name(c.dict["SubFilter"])
	covered, der, err := v.covered(c)
	if err != nil {
		s.fail(cades.FormatFailure, true, err.Error())
		return s, nil
	}
	s.Revision = covered.end
	switch kind {
	case "ETSI.RFC3161":
		return s, &Stamp{Field: s.Field, Token: der, Covered: covered.parts, Revision: covered.end}
	case "ETSI.CAdES.detached", "adbe.pkcs7.detached":
	case "adbe.pkcs7.sha1", "adbe.x509.rsa_sha1":
		s.add(NoteObsolete)
		s.fail(cades.CryptoConstraintsFailure, false, "an obsolete kind of signature: "+kind)
		return s, nil
	default:
		s.fail(cades.FormatFailure, false, "unknown kind of signature")
		return s, nil
	}
	v.signature(&s, der, covered)
	if at, ok := types.DateTime(r.text(c.dict["M"]), true); ok {
		s.Claim(at, v.now)
	}
	v.coverage(&s, c, level)
	return s, nil
}

// signature judges the signed data.
func (v *verifier) signature(s *Signature, der []byte, c covered) {
	f, err := cades.Read(bytes.NewReader(der), nil)
	if err != nil {
		s.fail(cades.FormatFailure, true, err.Error())
		return
	}
	if bytes.ContainsFunc(der[f.Length:], func(r rune) bool { return r != 0 }) {
		s.fail(cades.FormatFailure, true, "bytes behind the signature, in its place")
		return
	}
	f.Trailing = false // zeros, which are allowed
	if !f.Detached {
		s.fail(cades.FormatFailure, true, "the signature brings a content of its own")
		return
	}
	if err := f.ReadDetached(io.MultiReader(bytes.NewReader(c.parts[0]), bytes.NewReader(c.parts[1]))); err != nil {
		s.fail(cades.FormatFailure, true, err.Error())
		return
	}
	all := f.Verify(v.now)
	if len(all) != 1 {
		s.fail(cades.FormatFailure, true, "not exactly one signer")
		return
	}
	notes := s.Notes
	s.Signature, s.SHA256 = all[0], f.SHA256()
	s.Certificates, _ = f.Certificates()
	for _, n := range notes {
		s.add(n)
	}
}

// covered is what a signature covers.
type covered struct {
	parts [2][]byte // of the file, before the signature and behind it
	end   int64     // of the revision
}

// covered holds ByteRange and Contents against what is in the file (ISO 32000-2
// §12.8.1): the range begins with the file and has one gap, which is exactly the
// string Contents of this very dictionary.
func (v *verifier) covered(c claim) (covered, []byte, error) {
	r := v.current
	var n [4]int64
	numbers := r.array(c.dict["ByteRange"])
	if len(numbers) != len(n) {
		return covered{}, nil, errors.New("ByteRange is not four numbers")
	}
	for i, o := range numbers {
		number, ok := r.get(o).(types.Integer)
		if !ok || number < 0 || int64(number) > int64(len(r.content)) {
			return covered{}, nil, errors.New("ByteRange is not four numbers within the file")
		}
		n[i] = int64(number)
	}
	gap, end := n[1], n[2]+n[3]
	if n[0] != 0 || gap >= n[2] || end > int64(len(r.content)) {
		return covered{}, nil, errors.New("ByteRange does not lie in the file")
	}
	der, err := contents(r.content[gap:n[2]])
	if err != nil {
		return covered{}, nil, err
	}
	if err := r.holds(c, gap, n[2], der); err != nil {
		return covered{}, nil, err
	}
	return covered{[2][]byte{r.content[:gap], r.content[n[2]:end]}, end}, der, nil
}

// contents are the bytes of a hexadecimal string, with its delimiters.
func contents(text []byte) ([]byte, error) {
	if len(text) < 2 || text[0] != '<' || text[len(text)-1] != '>' {
		return nil, errors.New("the gap of ByteRange is not the string Contents")
	}
	digits := bytes.Map(func(r rune) rune {
		if bytes.ContainsRune([]byte(" \t\r\n\f"), r) {
			return -1
		}
		return r
	}, text[1:len(text)-1])
	der, err := hex.DecodeString(string(digits))
	if err != nil || len(der) == 0 {
		return nil, errors.New("the gap of ByteRange is not the string Contents")
	}
	return der, nil
}

// holds says whether a gap is in the object of a signature dictionary, as the value of
// its Contents.
func (r *revision) holds(c claim, gap, after int64, der []byte) error {
	if !bytes.HasSuffix(bytes.TrimRight(r.content[:gap], " \t\r\n\f"), []byte("/Contents")) {
		return errors.New("the gap of ByteRange is not the string Contents")
	}
	value, ok := r.get(c.dict["Contents"]).(types.HexLiteral)
	own, err := value.Bytes()
	if !ok || err != nil || !bytes.Equal(own, der) && r.pdf.Encrypt == nil {
		return errors.New("the string Contents is another than that in the gap of ByteRange")
	}
	ref := c.ref
	if c.direct {
		ref = c.field.ref
	}
	if r.xref == nil {
		return nil // others may see another file anyway, which is told
	}
	p, ok := r.xref.objects[int(ref.ObjectNumber)]
	if !ok || p.free || p.within > 0 || p.offset < 0 || p.offset >= gap {
		return errors.New("the gap of ByteRange is not in the signature dictionary")
	}
	if bytes.Contains(r.content[p.offset:gap], []byte("endobj")) || after > int64(len(r.content)) {
		return errors.New("the gap of ByteRange is not in the signature dictionary")
	}
	return nil
}

// coverage says what was signed, and what was changed later.
func (v *verifier) coverage(s *Signature, c claim, level int) {
	r := v.current
	s.Whole = s.Revision == int64(len(r.content))
	if r.doubt != "" {
		s.fail(cades.FormatFailure, false, "the file is damaged, and other programs may show something else: "+r.doubt)
	}
	if !closed(r.content) {
		s.fail(cades.FormatFailure, false, "bytes were appended after the end of the file")
	}
	if s.Whole {
		return
	}
	signed, err := v.revision(s.Revision)
	if err != nil || signed.doubt != "" || !closed(signed.content) {
		s.fail(cades.FormatFailure, true, "what is signed is not a whole file")
		return
	}
	if r.xref != nil && (r.xref.start == signed.xref.start || r.xref.unlisted(r.content, s.Revision)) {
		s.fail(cades.FormatFailure, false, "bytes were appended that belong to no update")
	}
	then := slices.IndexFunc(signed.claims(), func(o claim) bool { return o.ref == c.ref && o.direct == c.direct && o.field.ref == c.field.ref })
	if then < 0 {
		s.fail(cades.FormatFailure, true, "the signature is not in the version that it signs")
		return
	}
	s.Changes = compare(signed, v.current, level)
	for _, change := range s.Changes {
		if !change.Allowed {
			s.fail(cades.SigConstraintsFailure, true, "the document was changed after it was signed: "+change.Kind+" "+change.Name)
			return
		}
	}
}

// closed says whether a file ends where it says that it does.
func closed(content []byte) bool {
	return bytes.HasSuffix(bytes.TrimRight(content, " \r\n"), []byte("%%EOF"))
}
