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
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/softwarecie/cie/internal/ades/cades"
)

// A cadesWork makes a .p7m or .p7s.
type cadesWork struct {
	content *os.File // what is signed: the source, or a temporary file
	own     bool     // it is a temporary file
	draft   cades.Draft
	signed  *cades.Signed
}

func prepareCAdES(ctx context.Context, j *Job, how How) (_ work, name string, err error) {
	w := &cadesWork{content: j.source}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	name = filepath.Base(j.Path)
	switch {
	case how.Detached:
		err, name = w.digest(ctx), name+".p7s"
	case isP7M(name) && !how.Nested:
		signatures := 0
		signatures, j.Broken, err = w.parallel(ctx, j.source)
		name = numbered(name, strconv.Itoa(signatures+1))
	default:
		err, name = w.digest(ctx), name+".p7m"
	}
	if err != nil {
		return nil, "", err
	}
	j.Size, w.draft.Detached = w.draft.Size, how.Detached
	return w, name, nil
}

func isP7M(path string) bool { return strings.EqualFold(filepath.Ext(path), ".p7m") }

// numbered puts a mark before the ends of a name: letter.pdf.p7m, letter-2.pdf.p7m.
func numbered(name, mark string) string {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	stem = strings.TrimSuffix(stem, filepath.Ext(stem))
	return stem + "-" + mark + name[len(stem):]
}

func (w *cadesWork) digest(ctx context.Context) error {
	h := sha256.New()
	n, err := io.Copy(h, reading{ctx, w.content})
	w.draft.Size, w.draft.Digest = n, [sha256.Size]byte(h.Sum(nil))
	return err
}

// parallel reads a signed file that is to get another signature, and takes its content
// out. It returns how many signatures there are, and whether one is not valid.
func (w *cadesWork) parallel(ctx context.Context, source *os.File) (int, bool, error) {
	content, err := os.CreateTemp("", "cie-*")
	if err != nil {
		return 0, false, err
	}
	w.content, w.own = content, true
	f, err := cades.Read(reading{ctx, source}, content)
	switch {
	case err != nil:
		return 0, false, err
	case f.Detached:
		return 0, false, ErrDetached
	}
	there := f.Verify(time.Now())
	broken := slices.ContainsFunc(there, func(s cades.Signature) bool { return s.Failure != nil && s.Failure.Invalid })
	w.draft.Existing, w.draft.Size, w.draft.Digest = f, f.Size, [sha256.Size]byte(f.SHA256())
	return len(there), broken, nil
}

func (w *cadesWork) sign(key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate, now time.Time) (err error) {
	w.draft.Certificate, w.draft.Issuers, w.draft.Time = certificate, issuers, now
	w.signed, err = w.draft.Sign(key)
	return err
}

func (w *cadesWork) value() []byte { return w.signed.Value }

func (w *cadesWork) stamp(token []byte) error {
	w.signed.Stamp(token)
	return nil
}

func (w *cadesWork) write(ctx context.Context, f *os.File) error {
	content, err := w.again(ctx)
	if err != nil {
		return err
	}
	if err := w.signed.Write(f, content); err != nil {
		return err
	}
	if err := w.verify(ctx, f); err != nil {
		return err
	}
	if err := w.second(f); err != nil {
		return fmt.Errorf("%w: %w", ErrSelf, err)
	}
	return nil
}

// again is the content from its start.
func (w *cadesWork) again(ctx context.Context) (io.Reader, error) {
	_, err := w.content.Seek(0, io.SeekStart)
	return reading{ctx, w.content}, err
}

// verify has our own verifier find the new signature without a fault.
func (w *cadesWork) verify(ctx context.Context, f *os.File) error {
	read, err := cades.Read(reading{ctx, f}, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelf, err)
	}
	if read.Detached {
		content, err := w.again(ctx)
		if err != nil {
			return err
		}
		if err := read.ReadDetached(content); err != nil {
			return err
		}
	}
	for _, s := range read.Verify(w.draft.Time) {
		if s.Certificate.Equal(w.draft.Certificate) && s.Claimed.Equal(w.draft.Time.Truncate(time.Second)) &&
			s.Intact && s.Failure == nil && bytes.Equal(read.SHA256(), w.draft.Digest[:]) {
			return nil
		}
	}
	return ErrSelf
}

// second has another program's reader verify the file. It cannot read all that others
// sign, so it is not asked about files that had signatures.
func (w *cadesWork) second(f *os.File) error {
	if w.draft.Size > maxSecond || w.draft.Existing != nil {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	all, err := io.ReadAll(f)
	if err != nil || !w.draft.Detached {
		return errors.Join(err, second(all, nil, w.draft.Digest))
	}
	if _, err := w.content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return second(all, w.content, w.draft.Digest)
}

// maxSecond is the size of documents that the second reader reads, in bytes. It takes
// some six times as much memory.
const maxSecond = 8 << 20

// second has another program's reader verify signed data, so that a mistake of ours is
// not judged by ourselves alone. Content is what a detached signature was made over.
func second(der []byte, content io.Reader, digest [sha256.Size]byte) error {
	p7, err := pkcs7.Parse(der)
	if err != nil {
		return err
	}
	if content != nil {
		if p7.Content, err = io.ReadAll(content); err != nil {
			return err
		}
	}
	if sum := sha256.Sum256(p7.Content); sum != digest {
		return errors.New("content differs")
	}
	return p7.Verify()
}

func (w *cadesWork) close() {
	if w.own {
		_ = w.content.Close()
		_ = os.Remove(w.content.Name())
	}
}

func verifyCAdES(v verifier, file *os.File, document string) (Report, error) {
	return v.layer(file, document, 1)
}

// layer judges one signed file, and those in it.
func (v verifier) layer(file io.ReadSeeker, document string, depth int) (Report, error) {
	f, err := cades.Read(reading{v.ctx, file}, nil)
	if err != nil {
		return Report{}, err
	}
	r := Report{Format: "CAdES", Encoding: f.Encoding, Detached: f.Detached, Verdict: Undetermined, Signatures: []Signature{}}
	if f.Detached && document != "" {
		r.Document = document
		if err := v.readDocument(f, document); err != nil {
			return r, err
		}
	}
	r.Size, r.SHA256 = f.Size, hex.EncodeToString(f.SHA256())
	certificates, _ := f.Certificates()
	for _, s := range f.Verify(v.now) {
		r.add(v.judge(s, certificates, "document"))
	}
	if len(r.Signatures) == 0 {
		return r, ErrUnsigned
	}
	if !f.Detached && f.Nested() && depth < maxLayers {
		r.Inside = v.inside(file, f, depth)
		r.atMost(r.Inside.Verdict)
	}
	return r, nil
}

// readDocument reads what a detached signature is over.
func (v verifier) readDocument(f interface{ ReadDetached(io.Reader) error }, path string) error {
	document, err := open(path)
	if err != nil {
		return err
	}
	defer document.Close()
	return f.ReadDetached(reading{v.ctx, document})
}

// inside judges the signed file that is the document of another.
func (v verifier) inside(file io.ReadSeeker, outer *cades.File, depth int) *Report {
	content, err := os.CreateTemp("", "cie-*")
	if err != nil {
		return &Report{Verdict: Undetermined, Detail: err.Error()}
	}
	defer func() {
		_ = content.Close()
		_ = os.Remove(content.Name())
	}()
	again, err := cades.Read(reading{v.ctx, file}, content)
	if err == nil && !bytes.Equal(again.SHA256(), outer.SHA256()) {
		err = cades.ErrChanged
	}
	var r Report
	if err == nil {
		r, err = v.layer(content, "", depth+1)
	}
	if err != nil {
		r.Verdict, r.Detail = Invalid, err.Error()
	}
	return &r
}
