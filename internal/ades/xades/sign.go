package xades

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
)

var (
	// ErrSigned means that a file has signatures already, which another one in it could
	// break.
	ErrSigned = errors.New("signed already")

	// ErrSignature means that a key returned a signature that does not verify with
	// its certificate.
	ErrSignature = errors.New("the signature that the card returned does not verify")

	errKey = errors.New("kind of key")
)

// maxEnveloped is the largest file that is put into its signature, in bytes.
const maxEnveloped = 10 << 20

// A Draft is all of a signed file but the signature.
type Draft struct {
	Certificate *x509.Certificate   // of the signer, with an RSA key
	Issuers     []*x509.Certificate // to go with it
	Time        time.Time           // that the signer claims

	digest     [sha256.Size]byte
	uri        string   // "": the file around the signature
	content    []byte   // to be put into the signature
	transforms []string // from the document to its digest
	before     []byte   // of the file, as it stays
	after      []byte
}

// room is what a signature needs in a file at most, in bytes.
const room = 64 << 10

// Enveloped is the draft of an XML file with a signature at the end of its root. All
// that is in the file stays as it is, byte for byte.
func Enveloped(file []byte) (*Draft, error) {
	if len(file) > MaxSize-room {
		return nil, ErrSize
	}
	f, err := Read(file)
	if err != nil {
		return nil, err
	}
	if len(f.signatures) > 0 {
		return nil, ErrSigned
	}
	state := sha256.New()
	if err := (canonical{exclusive: true}).write(state, nodeSet{document: f.doc.tree, apex: f.doc.root}); err != nil {
		return nil, err
	}
	at, empty, err := f.doc.end()
	if err != nil {
		return nil, err
	}
	d := &Draft{
		digest:     [sha256.Size]byte(state.Sum(nil)),
		transforms: []string{algEnveloped, algExclusive}, before: file[:at:at], after: file[at:],
	}
	if empty {
		d.before = append(d.before, '>')
		d.after = slices.Concat([]byte("</"+f.doc.root.FullTag()+">"), file[at+len("/>"):])
	}
	return d, nil
}

// Enveloping is the draft of a signature with any file in it.
func Enveloping(content []byte) (*Draft, error) {
	if len(content) > maxEnveloped {
		return nil, ErrSize
	}
	return &Draft{
		digest: sha256.Sum256(content), content: content, uri: "#", transforms: []string{algBase64},
		before: []byte(xmlDeclaration),
	}, nil
}

// Detached is the draft of a signature over a file of a name, with its SHA-256 digest.
func Detached(name string, digest [sha256.Size]byte) *Draft {
	return &Draft{digest: digest, uri: strings.ReplaceAll(url.PathEscape(name), ":", "%3A"), before: []byte(xmlDeclaration)}
}

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// A Signed is a whole signed file.
type Signed struct {
	draft     *Draft
	signature *etree.Element
}

// Bytes are the file.
func (s *Signed) Bytes() ([]byte, error) {
	text, err := etree.NewDocumentWithRoot(s.signature.Copy()).WriteToBytes()
	return slices.Concat(s.draft.before, text, s.draft.after), err
}

// Value is what a time stamp over the signature is over (ETSI EN 319 132-1 V1.3.1 §5.3).
func (s *Signed) Value() []byte { return octets(s.signature.FindElement("./ds:SignatureValue")) }

// Stamp puts a time stamp over the value into the file, which makes it level B-T.
func (s *Signed) Stamp(token []byte) {
	of := s.signature.FindElement("./ds:Object/xades:QualifyingProperties").CreateElement("xades:UnsignedProperties")
	stamp := of.CreateElement("xades:UnsignedSignatureProperties").CreateElement("xades:SignatureTimeStamp")
	stamp.CreateAttr("Id", s.signature.SelectAttrValue("Id", "")+"-tst")
	algorithm(stamp, "ds:CanonicalizationMethod", algExclusive)
	stamp.CreateElement("xades:EncapsulatedTimeStamp").SetText(base64.StdEncoding.EncodeToString(token))
}

// Sign has the key sign, once, and checks what it returns before anything is written.
func (d *Draft) Sign(key crypto.Signer) (*Signed, error) {
	public, ok := d.Certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errKey
	}
	id, err := d.newID()
	if err != nil {
		return nil, err
	}
	signature, err := d.skeleton(id)
	if err != nil {
		return nil, err
	}
	properties := octets(signature.FindElement("./ds:Object/xades:QualifyingProperties/xades:SignedProperties"))
	sum := sha256.Sum256(properties)
	signature.FindElement("./ds:SignedInfo/ds:Reference[2]/ds:DigestValue").SetText(base64.StdEncoding.EncodeToString(sum[:]))
	sum = sha256.Sum256(octets(signature.FindElement("./ds:SignedInfo")))
	value, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	signature.FindElement("./ds:SignatureValue").SetText(base64.StdEncoding.EncodeToString(value))
	return &Signed{d, signature}, nil
}

// octets are what is digested of an element of our own.
func octets(e *etree.Element) []byte {
	var b bytes.Buffer
	_ = canonical{exclusive: true}.write(&b, nodeSet{apex: e}) // a buffer takes all
	return b.Bytes()
}

// newID is a name that is nowhere in the document.
func (d *Draft) newID() (string, error) {
	for {
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			return "", err
		}
		id := "xades-" + hex.EncodeToString(random)
		if !bytes.Contains(d.before, []byte(id)) && !bytes.Contains(d.after, []byte(id)) {
			return id, nil
		}
	}
}

// skeleton is a signature but for the digest of its properties and its value (ETSI EN
// 319 132-1 V1.3.1 §6.3, level B-B).
func (d *Draft) skeleton(id string) (*etree.Element, error) {
	signature := etree.NewElement("ds:Signature")
	signature.CreateAttr("xmlns:ds", nsDS)
	signature.CreateAttr("Id", id)
	info := signature.CreateElement("ds:SignedInfo")
	algorithm(info, "ds:CanonicalizationMethod", algExclusive)
	algorithm(info, "ds:SignatureMethod", algRSASHA256)
	uri := d.uri
	if d.content != nil {
		uri = "#" + id + "-o0"
	}
	data := refer(info, uri, d.digest[:], d.transforms...)
	data.CreateAttr("Id", id+"-r0")
	if d.content != nil {
		data.CreateAttr("Type", nsDS+"Object")
	}
	refer(info, "#"+id+"-sp", nil, algExclusive).CreateAttr("Type", typeProperties)
	signature.CreateElement("ds:SignatureValue").CreateAttr("Id", id+"-sv")
	certificates := signature.CreateElement("ds:KeyInfo").CreateElement("ds:X509Data")
	for _, c := range append([]*x509.Certificate{d.Certificate}, d.Issuers...) {
		certificates.CreateElement("ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(c.Raw))
	}
	if err := d.properties(signature, id); err != nil {
		return nil, err
	}
	if d.content != nil {
		object := signature.CreateElement("ds:Object")
		object.CreateAttr("Id", id+"-o0")
		object.CreateAttr("Encoding", algBase64)
		object.SetText(base64.StdEncoding.EncodeToString(d.content))
	}
	return signature, nil
}

// properties adds what is signed of the signature itself.
func (d *Draft) properties(signature *etree.Element, id string) error {
	serial, err := issuerSerial(d.Certificate)
	if err != nil {
		return err
	}
	qualifying := signature.CreateElement("ds:Object").CreateElement("xades:QualifyingProperties")
	qualifying.CreateAttr("xmlns:xades", nsXAdES)
	qualifying.CreateAttr("Target", "#"+id)
	all := qualifying.CreateElement("xades:SignedProperties")
	all.CreateAttr("Id", id+"-sp")
	of := all.CreateElement("xades:SignedSignatureProperties")
	of.CreateElement("xades:SigningTime").SetText(d.Time.UTC().Format("2006-01-02T15:04:05Z"))
	certificate := of.CreateElement("xades:SigningCertificateV2").CreateElement("xades:Cert")
	sum := sha256.Sum256(d.Certificate.Raw)
	digest(certificate.CreateElement("xades:CertDigest"), sum[:])
	certificate.CreateElement("xades:IssuerSerialV2").SetText(base64.StdEncoding.EncodeToString(serial))
	format := all.CreateElement("xades:SignedDataObjectProperties").CreateElement("xades:DataObjectFormat")
	format.CreateAttr("ObjectReference", "#"+id+"-r0")
	kind := "application/octet-stream"
	if d.uri == "" {
		kind = "text/xml"
	}
	format.CreateElement("xades:MimeType").SetText(kind)
	return nil
}

// refer adds a reference; without a digest there is room for one.
func refer(info *etree.Element, uri string, sum []byte, transforms ...string) *etree.Element {
	r := info.CreateElement("ds:Reference")
	r.CreateAttr("URI", uri)
	if len(transforms) > 0 {
		all := r.CreateElement("ds:Transforms")
		for _, t := range transforms {
			algorithm(all, "ds:Transform", t)
		}
	}
	digest(r, sum)
	return r
}

func digest(in *etree.Element, sum []byte) {
	algorithm(in, "ds:DigestMethod", algSHA256)
	in.CreateElement("ds:DigestValue").SetText(base64.StdEncoding.EncodeToString(sum))
}

func algorithm(in *etree.Element, name, value string) {
	in.CreateElement(name).CreateAttr("Algorithm", value)
}

// issuerSerial is the DER of IssuerSerial (RFC 5035 §5).
func issuerSerial(c *x509.Certificate) ([]byte, error) {
	name := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: c.RawIssuer} // directoryName
	return asn1.Marshal(struct {
		Issuer []asn1.RawValue
		Serial *big.Int
	}{[]asn1.RawValue{name}, c.SerialNumber})
}
