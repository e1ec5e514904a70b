package ades

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/ades/pades"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/trust"
)

var (
	// ErrPDF means that a file is no PDF, or one that cannot be read.
	ErrPDF = situation.New("pdf-damaged", "damaged PDF")

	// ErrPDFPassword means that a PDF cannot be read without its password.
	ErrPDFPassword = situation.New("pdf-password", "the PDF needs a password")

	// ErrPDFProtected means that a PDF is encrypted, and so cannot be signed here.
	ErrPDFProtected = situation.New("pdf-protected", "the PDF is encrypted")

	// ErrPDFLocked means that a PDF allows no further signature.
	ErrPDFLocked = situation.New("pdf-locked", "the PDF allows no further signature")

	// ErrPDFForm means that a PDF is made from a form of another kind.
	ErrPDFForm = situation.New("pdf-form", "the PDF is an XFA form")

	// ErrPDFRepair means that a PDF would have to be repaired before it is signed.
	ErrPDFRepair = situation.New("pdf-repair", "the PDF has to be repaired first")

	// ErrPDFSize means that a PDF is too large.
	ErrPDFSize = situation.New("pdf-size", "the PDF is too large")
)

// readPDF reads a PDF whole.
func readPDF(ctx context.Context, file io.ReadSeeker) ([]byte, error) {
	content, err := readWhole(ctx, file, pades.MaxSize)
	if err == nil && len(content) > pades.MaxSize {
		err = pades.ErrSize
	}
	return content, err
}

// A padesWork makes a signed PDF.
type padesWork struct {
	draft *pades.Draft
	now   time.Time // of the signature
}

func preparePAdES(ctx context.Context, j *Job, how How) (work, string, error) {
	content, err := readPDF(ctx, j.source)
	if err != nil {
		return nil, "", err
	}
	if !pades.IsPDF(content) {
		return nil, "", ErrNotForFormat
	}
	draft, err := pades.Read(ctx, content, time.Now())
	if err != nil {
		return nil, "", err
	}
	draft.Reason, draft.Place = how.Reason, how.Place
	j.Size, j.Active = int64(len(content)), draft.Existing.Active
	j.Broken = slices.ContainsFunc(draft.Existing.Signatures, func(s pades.Signature) bool { return s.Failure != nil && s.Failure.Invalid })
	return &padesWork{draft: draft}, signedName(filepath.Base(j.Path), len(draft.Existing.Signatures)), nil
}

// alreadySigned is the mark that signedName makes.
var alreadySigned = regexp.MustCompile(`-signed(-\d+)?$`)

// signedName is letter-signed.pdf; with the second signature, letter-signed-2.pdf.
func signedName(name string, signatures int) string {
	end := filepath.Ext(name)
	stem := strings.TrimSuffix(name, end)
	mark := "-signed"
	if signatures > 0 {
		stem = alreadySigned.ReplaceAllString(stem, "")
		mark += "-" + strconv.Itoa(signatures+1)
	}
	return stem + mark + end
}

func (w *padesWork) sign(key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate, now time.Time) error {
	w.now = now
	return w.draft.Sign(key, certificate, issuers, now)
}

func (w *padesWork) value() []byte            { return w.draft.Value() }
func (w *padesWork) stamp(token []byte) error { return w.draft.Stamp(token) }

func (w *padesWork) write(ctx context.Context, f *os.File) error {
	if err := w.draft.Write(f); err != nil {
		return err
	}
	written, err := readPDF(ctx, f)
	if err != nil {
		return err
	}
	if err := w.draft.Check(ctx, written, w.now); err != nil || len(written) > maxSecond {
		return err
	}
	if err := w.second(); err != nil {
		return fmt.Errorf("%w: %w", ErrSelf, err)
	}
	return nil
}

// second has the second reader judge the signed data.
func (w *padesWork) second() error {
	der, content, digest := w.draft.Detached()
	return second(der, content, digest)
}

func (w *padesWork) close() {}

func verifyPAdES(v verifier, file *os.File, _ string) (Report, error) {
	content, err := readPDF(v.ctx, file)
	if err != nil {
		return Report{}, err
	}
	f, err := pades.Verify(v.ctx, content, v.now)
	if err != nil {
		return Report{}, err
	}
	sum := sha256.Sum256(content)
	r := Report{
		Format: "PAdES", Encoding: "PDF", Verdict: Undetermined, Signatures: []Signature{},
		Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Active: f.Active,
	}
	for _, s := range f.Signatures {
		covers := "revision"
		if s.Whole {
			covers = "document"
		}
		out := v.judge(s.Signature, s.Certificates, covers)
		out.PDF = &PDF{
			Field: trust.Display(s.Field), Reason: trust.Display(s.Reason), Place: trust.Display(s.Place),
			Revision: s.Revision, Certifies: s.Certifies,
		}
		for _, c := range s.Changes {
			out.PDF.Changes = append(out.PDF.Changes, Change{c.Kind, trust.Display(c.Name), trust.Display(c.Old), trust.Display(c.New), c.Allowed})
		}
		r.add(out)
	}
	if len(r.Signatures) == 0 {
		return r, ErrUnsigned
	}
	return r, nil
}

// A PDF is what is known of a signature because it is in a PDF. Reason and place are
// the signer's own words, made safe to show.
type PDF struct {
	Field     string   `json:"field"`
	Reason    string   `json:"reason,omitempty"`
	Place     string   `json:"place,omitempty"`
	Revision  int64    `json:"revision"`            // bytes from the start of the file that are signed, the signature's own among them
	Certifies int      `json:"certifies,omitempty"` // 1: no changes allowed, 2: forms and signatures, 3: annotations too
	Changes   []Change `json:"changes,omitempty"`   // made after it
}

// A Change is one difference between the version that was signed and the file.
type Change struct {
	Kind    string `json:"kind"`           // "signature-added", "stamp-added", "validation-added", "field-filled", "metadata", "annotation-added", "content"
	Name    string `json:"name,omitempty"` // of the field; of an object: its number
	Old     string `json:"old,omitempty"`  // value of a field
	New     string `json:"new,omitempty"`
	Allowed bool   `json:"allowed"` // one that signatures allow
}
