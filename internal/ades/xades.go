package ades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/xades"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/trust"
)

var (
	// ErrXML means that a file cannot be signed in itself, since it is no well-formed XML.
	ErrXML = situation.New("xml-damaged", "damaged XML")

	// ErrXMLDoctype means that an XML file declares a document type, which is not read.
	ErrXMLDoctype = situation.New("xml-doctype", "the XML declares a document type")

	// ErrXMLEncoding means that the characters of an XML file are in an encoding that is
	// not read.
	ErrXMLEncoding = situation.New("xml-encoding", "unknown encoding of the XML")

	// ErrXMLSize means that a file is too large for XAdES.
	ErrXMLSize = situation.New("xml-size", "the file is too large for XAdES")

	// ErrXMLSigned means that an XML file has signatures, which another could break.
	ErrXMLSigned = situation.New("xml-signed", "the XML is signed already")
)

// readXML reads an XML file whole.
func readXML(ctx context.Context, file io.ReadSeeker) ([]byte, error) {
	return readWhole(ctx, file, xades.MaxSize)
}

// A xadesWork makes an XML file with a signature in it, or a signature in XML with the
// file in it or beside it.
type xadesWork struct {
	draft    *xades.Draft
	detached *os.File // the source, if it stays beside; nil: it is in the signed file
	signed   *xades.Signed
}

// detachedXML is the end of the name of a signature in XML that is not in its document.
const detachedXML = ".xades.xml"

func prepareXAdES(ctx context.Context, j *Job, how How) (_ work, name string, err error) {
	w := &xadesWork{}
	name = filepath.Base(j.Path)
	if how.Detached {
		h := sha256.New()
		if j.Size, err = io.Copy(h, reading{ctx, j.source}); err != nil {
			return nil, "", err
		}
		w.detached, w.draft = j.source, xades.Detached(name, [sha256.Size]byte(h.Sum(nil)))
		return w, name + detachedXML, nil
	}
	content, err := readXML(ctx, j.source)
	if err != nil {
		return nil, "", err
	}
	j.Size = int64(len(content))
	if !xades.IsXML(content) {
		w.draft, err = xades.Enveloping(content)
		return w, name + detachedXML, err
	}
	if w.draft, err = xades.Enveloped(content); err != nil {
		if errors.Is(err, xades.ErrFormat) {
			err = fmt.Errorf("%w: %w", ErrXML, err)
		}
		return nil, "", err
	}
	return w, signedName(name, 0), nil
}

func (w *xadesWork) sign(key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate, now time.Time) (err error) {
	w.draft.Certificate, w.draft.Issuers, w.draft.Time = certificate, issuers, now
	w.signed, err = w.draft.Sign(key)
	return err
}

func (w *xadesWork) write(ctx context.Context, f *os.File) error {
	file, err := w.signed.Bytes()
	if err != nil {
		return err
	}
	if _, err := f.Write(file); err != nil {
		return err
	}
	written, err := readXML(ctx, f)
	if err != nil {
		return err
	}
	read, err := xades.Read(written)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelf, err)
	}
	if w.detached != nil {
		if _, err := w.detached.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := read.ReadDetached(reading{ctx, w.detached}); err != nil {
			return err
		}
	}
	return w.check(read)
}

func (w *xadesWork) value() []byte { return w.signed.Value() }
func (w *xadesWork) stamp(token []byte) error {
	w.signed.Stamp(token)
	return nil
}

// check has our own verifier find the new signature without a fault.
func (w *xadesWork) check(read *xades.File) error {
	all := read.Verify(w.draft.Time)
	if len(all) != 1 {
		return ErrSelf
	}
	s := all[0]
	if f := s.Failure; f != nil && f.Reason == cades.HashFailure && w.detached != nil {
		return cades.ErrChanged
	}
	if s.Failure != nil || !s.Intact || s.Covers != xades.Document || !s.Certificate.Equal(w.draft.Certificate) || !s.Claimed.Equal(w.draft.Time.Truncate(time.Second)) {
		return ErrSelf
	}
	return nil
}

func (w *xadesWork) close() {}

func verifyXAdES(v verifier, file *os.File, document string) (Report, error) {
	content, err := readXML(v.ctx, file)
	if err != nil {
		return Report{}, err
	}
	f, err := xades.Read(content)
	if err != nil {
		return Report{}, err
	}
	r := Report{Format: "XAdES", Encoding: trust.Display(f.Encoding), Detached: f.Detached, Verdict: Undetermined, Signatures: []Signature{}}
	if f.Detached && document != "" {
		r.Document = document
		if err := v.readDocument(f, document); err != nil {
			return r, err
		}
	}
	r.Size, r.SHA256 = documentOf(f)
	certificates, _ := f.Certificates()
	for _, s := range f.Verify(v.now) {
		r.add(v.judgeXML(s, certificates))
	}
	if len(r.Signatures) == 0 {
		return r, ErrUnsigned
	}
	return r, nil
}

// documentOf is the size of what the first signature signs, and its digest; "" if it is
// not there.
func documentOf(f *xades.File) (int64, string) {
	if f.Detached {
		return f.Size, hex.EncodeToString(f.SHA256)
	}
	var b bytes.Buffer
	if err := f.Content(&b); err != nil {
		return 0, ""
	}
	sum := sha256.Sum256(b.Bytes())
	return int64(b.Len()), hex.EncodeToString(sum[:])
}

// judgeXML judges a signature with those that are on it.
func (v verifier) judgeXML(s xades.Signature, certificates []*x509.Certificate) Signature {
	out := v.judge(s.Signature, certificates, string(s.Covers))
	out.Part, out.Detail = trust.Display(s.Part), trust.Display(out.Detail)
	for _, c := range s.Counter {
		c.Proofs = c.Proofs.With(s.Proofs)
		out.counter(v.judgeXML(c, certificates))
	}
	return out
}

// contentOfXML writes what is signed in a file.
func contentOfXML(ctx context.Context, from io.ReadSeeker, to io.Writer) (sum []byte, err error) {
	content, err := readXML(ctx, from)
	if err != nil {
		return nil, err
	}
	f, err := xades.Read(content)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	err = f.Content(io.MultiWriter(to, h))
	return h.Sum(nil), err
}
