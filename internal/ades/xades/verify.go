package xades

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/softwarecie/cie/internal/ades/cades"
)

// A Signature is one signature of a file, judged as far as the file itself goes.
type Signature struct {
	cades.Signature
	Covers  Coverage
	Part    string // the element that alone is signed, as a path
	Counter []Signature
}

// A Coverage is what a signature is over.
type Coverage string

// What a signature may be over.
const (
	Document Coverage = "document" // all that is in the file, or all of the other file
	part     Coverage = "part"     // an element: the rest of the file is not signed
	value    Coverage = "signature"
	nothing  Coverage = "nothing"
)

// typeProperties is the type of the reference to what is signed of the signature itself
// (ETSI EN 319 132-1 V1.3.1 §4.4.2).
const typeProperties = "http://uri.etsi.org/01903#SignedProperties"

const typeManifest = nsDS + "Manifest"

// maxReferences is how many things one signature may sign.
const maxReferences = 1000

// Verify judges all signatures at a time.
func (f *File) Verify(now time.Time) []Signature {
	certificates, strange := f.Certificates()
	all := make([]Signature, len(f.signatures))
	for i, e := range f.signatures {
		all[i] = f.judge(e, nil, certificates, now)
		if strange {
			note(&all[i], cades.NoteCertificate)
		}
	}
	return all
}

func note(s *Signature, n cades.Note) {
	if !slices.Contains(s.Notes, n) {
		s.Notes = append(s.Notes, n)
	}
}

// A judgement is the judging of one ds:Signature.
type judgement struct {
	*element
	file       *File
	parent     *element // that a counter-signature is on; nil: it is on a document
	properties *element // xades:QualifyingProperties; nil: it is no XAdES
	out        Signature
	used       []crypto.Hash
	signed     map[*etree.Element]bool
	whole      bool           // all of this file is signed, but for signatures
	external   bool           // another file is
	object     *etree.Element // the first object in the signature of which something is
	outside    *etree.Element // the first other element that is
	info       []byte         // SignedInfo in its canonical form
	scheme     scheme
}

// judge applies all rules to one signature.
func (f *File) judge(e, parent *element, certificates []*x509.Certificate, now time.Time) Signature {
	j := &judgement{element: e, file: f, parent: parent, out: Signature{Covers: nothing}, signed: map[*etree.Element]bool{}}
	var unnamed error
	for _, check := range []func() error{
		j.form,
		j.references,
		func() error { unnamed = j.identify(certificates); return unnamed },
		j.value,
		func() error { j.out.Intact = true; return strong(j.out.Certificate, j.used) },
		j.bound,
		j.covered,
	} {
		if err := check(); err != nil {
			if !errors.As(err, &j.out.Failure) {
				j.out.Failure = &cades.Failure{Reason: cades.FormatFailure, Detail: err.Error()}
			}
			break
		}
	}
	if j.out.Certificate == nil && unnamed == nil {
		_ = j.identify(certificates) // who it would be of is told all the same
	}
	j.out.Level = j.level()
	j.times(now)
	j.stamps()
	j.out.Proofs.OCSP = encapsulated(j.unsigned(), "EncapsulatedOCSPValue")
	j.out.Proofs.CRL = encapsulated(j.unsigned(), "EncapsulatedCRLValue")
	for _, c := range j.unsigned().children(nsXAdES, "CounterSignature") {
		for _, s := range c.children(nsDS, "Signature") {
			j.out.Counter = append(j.out.Counter, f.judge(s, e, certificates, now))
		}
	}
	return j.out
}

// form wants each part once, and the properties where they belong.
func (j *judgement) form() error {
	info := j.path("SignedInfo")
	switch {
	case info == nil, j.path("SignatureValue") == nil, len(j.children(nsDS, "KeyInfo")) > 1:
		return wrong(cades.FormatFailure, "a part of the signature is missing, or there twice")
	case info.path("CanonicalizationMethod") == nil, info.path("SignatureMethod") == nil:
		return wrong(cades.FormatFailure, "algorithms missing")
	}
	var err error
	if j.properties, err = j.qualifying(); err != nil {
		return err
	}
	if j.scheme, err = schemeOf(info.path("SignatureMethod").attr("Algorithm")); err != nil {
		return err
	}
	form, ok := canonicalOf(info.path("CanonicalizationMethod"))
	if !ok {
		return doubt(cades.CryptoConstraintsFailure, "unknown canonical form")
	}
	r := reference{element: info, set: &nodeSet{apex: info.Element, comments: true}, form: form}
	if j.file.work -= r.cost(); j.file.work < 0 {
		return doubt(cades.FormatFailure, "too much is referred to too often")
	}
	j.used = append(j.used, j.scheme.hash)
	var b bytes.Buffer
	err = r.write(&b)
	j.info = b.Bytes()
	return err
}

// qualifying are the properties of this signature, nil if there are none.
func (j *judgement) qualifying() (*element, error) {
	var all []*element
	for _, o := range j.children(nsDS, "Object") {
		all = append(all, o.children(nsXAdES, "QualifyingProperties")...)
	}
	id := j.attr("Id")
	switch {
	case len(all) == 0:
		return nil, nil
	case len(all) > 1:
		return nil, wrong(cades.FormatFailure, "properties twice")
	case id == "", all[0].attr("Target") != "#"+id:
		return nil, wrong(cades.FormatFailure, "properties of another signature")
	case len(j.file.doc.ids[id]) != 1:
		return nil, wrong(cades.FormatFailure, "more than one element has the name "+id)
	case all[0].path("SignedProperties") == nil:
		return nil, wrong(cades.FormatFailure, "properties that are not signed")
	}
	return all[0], nil
}

// references digests all that is signed. What is wrong counts more than what cannot
// be had.
func (j *judgement) references() error {
	all := j.path("SignedInfo").children(nsDS, "Reference")
	if len(all) == 0 || len(all) > maxReferences {
		return wrong(cades.FormatFailure, "nothing is signed, or too much")
	}
	var doubtful error
	properties := 0
	for _, e := range all {
		r, err := j.digest(e)
		var failed *cades.Failure
		switch {
		case errors.As(err, &failed) && !failed.Invalid:
			doubtful = cmp.Or(doubtful, err)
			continue
		case err != nil:
			return err
		}
		if mine := r.set != nil && j.properties != nil && r.set.apex == j.properties.path("SignedProperties").Element; mine != (r.attr("Type") == typeProperties) {
			return wrong(cades.FormatFailure, "the signed properties are not those of this signature")
		} else if mine {
			properties++
			continue
		}
		if err := j.covers(r); err != nil {
			return err
		}
	}
	if doubtful == nil && j.properties != nil && properties != 1 {
		return wrong(cades.FormatFailure, "the signed properties are not signed")
	}
	return doubtful
}

// digest finds and digests one reference, and those of a manifest in it.
func (j *judgement) digest(e *element) (*reference, error) {
	r, err := j.file.resolve(j.element, e)
	if err != nil {
		return nil, err
	}
	j.used = append(j.used, r.hash)
	if err := j.file.digested(r); err != nil || r.attr("Type") != typeManifest || r.set == nil {
		return r, err
	}
	listed := (&element{r.set.apex}).children(nsDS, "Reference")
	if !is(r.set.apex, nsDS, "Manifest") || len(listed) > maxReferences || len(r.set.omit) > 0 {
		return nil, wrong(cades.FormatFailure, "no manifest")
	}
	var doubtful error
	for _, e := range listed {
		in, err := j.file.resolve(j.element, e)
		if err == nil {
			j.used = append(j.used, in.hash)
			err = j.file.digested(in)
		}
		var failed *cades.Failure
		switch {
		case err == nil:
			err = j.covers(in)
			if err != nil {
				return nil, err
			}
		case errors.As(err, &failed) && !failed.Invalid:
			doubtful = cmp.Or(doubtful, err)
		default:
			return nil, err
		}
	}
	return r, doubtful
}

// covers notes what one reference adds to what is signed.
func (j *judgement) covers(r *reference) error {
	switch {
	case j.parent != nil:
		if r.set == nil || !is(r.set.apex, nsDS, "SignatureValue") || r.set.apex.Parent() != j.parent.Element {
			return wrong(cades.FormatFailure, "a counter-signature of something else")
		}
		j.out.Covers = value
	case r.external:
		j.external = true
	default:
		j.signed[r.set.apex] = true
		if r.set.apex == j.file.doc.root && !r.base64 {
			j.whole = true
			return nil
		}
		j.sort(r.set.apex)
	}
	return nil
}

// covered says what all of it together covers: a document must be signed, and nothing
// else be where it could be taken for one.
func (j *judgement) covered() error {
	switch {
	case j.out.Covers == value:
		return nil
	case j.parent != nil, !j.external && j.outside == nil && !j.whole && j.object == nil:
		return wrong(cades.FormatFailure, "no document is signed")
	}
	if stray := j.stray(j.Element); stray != nil {
		j.out.Covers = part
		return doubt(cades.SigConstraintsFailure, "not signed, but in the signature: "+place(stray))
	}
	if j.whole || j.alone() && j.outside == nil {
		j.out.Covers = Document
		return nil
	}
	j.out.Covers, j.out.Part = part, j.file.external
	if j.outside != nil {
		j.out.Part = place(j.outside)
	} else if j.object != nil {
		j.out.Part = place(j.object)
	}
	return doubt(cades.SigConstraintsFailure, "only a part of the file is signed: "+j.out.Part)
}

// alone says whether there is nothing in the file but signatures.
func (j *judgement) alone() bool {
	root := j.file.doc.root
	return root == j.Element || !slices.ContainsFunc(root.Child, func(t etree.Token) bool {
		switch t := t.(type) {
		case *etree.Element:
			return !is(t, nsDS, "Signature")
		case *etree.CharData:
			return !t.IsWhitespace()
		}
		return false
	})
}

// sort notes where a signed element is: outside of the signature, or in an object of it;
// its key and its properties are no documents.
func (j *judgement) sort(e *etree.Element) {
	for p, below := e, e; p != nil; p, below = p.Parent(), p {
		if p == j.Element {
			if is(below, nsDS, "Object") && (&element{below}).path("QualifyingProperties") == nil {
				j.object = cmp.Or(j.object, below)
			}
			return
		}
	}
	j.outside = cmp.Or(j.outside, e)
}

// own are the namespaces of what is in a signature itself.
var own = []string{
	nsDS, nsXAdES, nsXAdES141, nsExclusive, "http://uri.etsi.org/01903/v1.1.1#", "http://uri.etsi.org/01903/v1.2.2#",
	"http://www.w3.org/2009/xmldsig11#", "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2007/05/xmldsig-more#",
}

// stray is an element in the signature that could be taken for a document and is not
// signed: in an object, or in another namespace than those of signatures.
func (j *judgement) stray(e *etree.Element) *etree.Element {
	for _, t := range e.Child {
		c, ok := t.(*etree.Element)
		if !ok || j.signed[c] || is(c, nsDS, "SignedInfo") {
			continue
		}
		object := e == j.Element && is(c, nsDS, "Object") && (&element{c}).path("QualifyingProperties") == nil
		if object && !j.filled(c) || !slices.Contains(own, c.NamespaceURI()) {
			return c
		}
		if found := j.stray(c); found != nil {
			return found
		}
	}
	return nil
}

// filled says whether all that is in an object is signed.
func (j *judgement) filled(object *etree.Element) bool {
	some := false
	for _, t := range object.Child {
		switch t := t.(type) {
		case *etree.Element:
			some = true
			if !j.signed[t] {
				return false
			}
		case *etree.CharData:
			if !t.IsWhitespace() {
				return false
			}
		}
	}
	return some
}

// place is the way to an element, for the reader: safe to show, and short.
func place(e *etree.Element) string {
	var names []string
	for ; e != nil && e.Tag != ""; e = e.Parent() {
		names = append(names, e.Tag)
	}
	slices.Reverse(names)
	const enough = 200
	way := []rune("/" + strings.Join(names, "/"))
	if len(way) > enough {
		return "…" + string(way[len(way)-enough:])
	}
	return string(way)
}

// identify finds the certificate that the signed properties name, and whose key made
// the signature. Without such properties it is only told whose key that is.
func (j *judgement) identify(certificates []*x509.Certificate) error {
	named, err := j.named()
	if err != nil {
		return err
	}
	var candidates []*x509.Certificate
	for _, c := range certificates {
		if named == nil || slices.ContainsFunc(named, func(n certificateDigest) bool { return n.of(c) }) {
			candidates = append(candidates, c)
		}
	}
	signature, _ := j.path("SignatureValue").bytes()
	for _, c := range candidates[:min(len(candidates), maxCandidates)] {
		if right, _ := j.scheme.check(c, j.info, signature); right {
			j.out.Certificate = c
			return nil
		}
	}
	switch {
	case len(candidates) > 0:
		j.out.Certificate = candidates[0] // the value is judged with it
		return nil
	case len(certificates) > 0 && named != nil:
		return wrong(cades.NoSigningCertificate, "the certificate is not the one that was signed")
	}
	return doubt(cades.NoSigningCertificate, "the certificate is not in the file")
}

// maxCandidates is how many certificates are tried on one signature.
const maxCandidates = 20

// A certificateDigest names a certificate (ETSI EN 319 132-1 V1.3.1 §5.2.2).
type certificateDigest struct {
	hash crypto.Hash
	sum  []byte
}

func (d certificateDigest) of(c *x509.Certificate) bool {
	return bytes.Equal(d.sum, digestOf(d.hash, c.Raw))
}

// named are the certificates that the signed properties name, nil if they name none.
func (j *judgement) named() (all []certificateDigest, err error) {
	for _, property := range j.signing() {
		for _, c := range property.children(nsXAdES, "Cert") {
			d := c.path("CertDigest")
			h, err := hashOf(d.path("DigestMethod").attr("Algorithm"))
			sum, ok := d.path("DigestValue").bytes()
			switch {
			case err != nil:
				return nil, err
			case !ok || h == crypto.MD5:
				return nil, wrong(cades.NoSigningCertificate, "the name of the certificate")
			}
			all = append(all, certificateDigest{h, sum})
		}
		if len(all) == 0 {
			return nil, wrong(cades.NoSigningCertificate, "the name of the certificate")
		}
	}
	return all, nil
}

// signing are the properties SigningCertificate and SigningCertificateV2.
func (j *judgement) signing() []*element {
	p := j.properties.path("SignedProperties", "SignedSignatureProperties")
	return append(p.children(nsXAdES, "SigningCertificateV2"), p.children(nsXAdES, "SigningCertificate")...)
}

// value verifies the signature value.
func (j *judgement) value() error {
	signature, ok := j.path("SignatureValue").bytes()
	if !ok {
		return wrong(cades.FormatFailure, "signature value")
	}
	right, fits := j.scheme.check(j.out.Certificate, j.info, signature)
	switch {
	case !fits:
		return wrong(cades.SigCryptoFailure, "the key is not of the kind that signed")
	case !right:
		return wrong(cades.SigCryptoFailure, "the signature does not verify")
	}
	return nil
}

func (s scheme) check(c *x509.Certificate, message, signature []byte) (right, fits bool) {
	if s.verify == nil || c == nil {
		return false, false
	}
	return s.verify(c.PublicKey, s.hash, message, signature)
}

// bound says whether the signature names its signer, so that nobody can put another in.
func (j *judgement) bound() error {
	if len(j.signing()) == 0 {
		return doubt(cades.SigConstraintsFailure, "an XML signature, not an advanced one: it does not name its certificate")
	}
	return nil
}

// unsigned are the properties that are not signed.
func (j *judgement) unsigned() *element {
	return j.properties.path("UnsignedProperties", "UnsignedSignatureProperties")
}

// level is what the file looks like; the parts above B-B are not checked here.
func (j *judgement) level() string {
	u := j.unsigned()
	has := func(space, tag string) bool { return len(u.children(space, tag)) > 0 }
	values := has(nsXAdES, "CertificateValues") || has(nsXAdES, "RevocationValues")
	stamp := has(nsXAdES, "SignatureTimeStamp")
	archive := has(nsXAdES141, "ArchiveTimeStamp") || has(nsXAdES, "ArchiveTimeStamp")
	if archive {
		note(&j.out, cades.NoteArchive)
	}
	switch {
	case len(j.signing()) == 0:
		return "XMLDSig"
	case archive:
		return "B-LTA"
	case stamp && values:
		return "B-LT"
	case stamp:
		return "B-T"
	}
	return "B-B"
}

// stamps finds time stamps over the signature value, and what they are over: the
// element in its canonical form (ETSI EN 319 132-1 V1.3.1 §5.3). They are not checked
// here.
func (j *judgement) stamps() {
	value := j.path("SignatureValue")
	all := j.unsigned().children(nsXAdES, "SignatureTimeStamp")
	for _, s := range all[:min(len(all), maxStamps)] {
		var form canonical // inclusive, if none is named
		if method := s.path("CanonicalizationMethod"); method != nil {
			var ok bool
			if form, ok = canonicalOf(method); !ok {
				note(&j.out, cades.NoteStamp)
				continue
			}
		}
		var b bytes.Buffer
		if value == nil || form.write(&b, nodeSet{apex: value.Element, comments: true}) != nil || j.out.Value != nil && !bytes.Equal(j.out.Value, b.Bytes()) {
			note(&j.out, cades.NoteStamp)
			continue
		}
		j.out.Value = b.Bytes()
		j.out.Stamps = append(j.out.Stamps, encapsulated(s, "EncapsulatedTimeStamp")...)
	}
}

// maxStamps is how many time stamps over one signature are looked at.
const maxStamps = 100

// maxEncapsulated is how many values of one kind one signature may hold.
const maxEncapsulated = 1000

// encapsulated are the DER values of a name in an element.
func encapsulated(e *element, tag string) (all [][]byte) {
	if e == nil {
		return nil
	}
	for _, t := range e.Child {
		c, ok := t.(*etree.Element)
		switch {
		case !ok:
		case is(c, nsXAdES, tag):
			if der, ok := (&element{c}).bytes(); ok && len(all) < maxEncapsulated {
				all = append(all, der)
			}
		case !is(c, nsDS, "Signature"): // what is in counter-signatures is theirs
			all = append(all, encapsulated(&element{c}, tag)...)
		}
	}
	return all[:min(len(all), maxEncapsulated)]
}

// tolerance is how much a clock may be ahead.
const tolerance = 5 * time.Minute

// times looks at the time the signer claims.
func (j *judgement) times(now time.Time) {
	text, ok := j.properties.path("SignedProperties", "SignedSignatureProperties", "SigningTime").text()
	claimed, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil {
		claimed, err = time.Parse("2006-01-02T15:04:05", strings.TrimSpace(text)) // without a zone
	}
	if !ok || err != nil {
		note(&j.out, cades.NoteNoTime)
		return
	}
	j.out.Claimed = claimed
	if claimed.After(now.Add(tolerance)) {
		note(&j.out, cades.NoteFuture)
	}
	if c := j.out.Certificate; c != nil && (claimed.Before(c.NotBefore) || claimed.After(c.NotAfter)) {
		note(&j.out, cades.NoteOutside)
	}
}

// ErrNoContent means that what is signed is not in the file.
var ErrNoContent = errors.New("what is signed is not in the file")

// Content writes the octets that the first signature signs: what was in it, or the
// file as it was digested, in its canonical form and without signatures.
func (f *File) Content(to io.Writer) error {
	if len(f.signatures) == 0 {
		return ErrNoContent
	}
	s := f.signatures[0]
	for _, e := range s.path("SignedInfo").children(nsDS, "Reference") {
		if e.attr("Type") == typeProperties {
			continue
		}
		r, err := f.resolve(s, e)
		if err != nil || r.external || r.set.omits(r.set.apex) {
			return ErrNoContent
		}
		if f.work -= r.cost(); f.work < 0 {
			return ErrNoContent
		}
		return r.write(to)
	}
	return ErrNoContent
}
