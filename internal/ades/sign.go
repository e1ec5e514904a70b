package ades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/softwarecie/cie/internal/ades/xades"
)

// How says what a signed file is to be.
type How struct {
	Format   string // of which kind: one of Formats; "": Auto
	Detached bool   // the signature alone, as .p7s
	Nested   bool   // a .p7m is signed as a file, instead of getting another signature
	Output   string // file or folder; "": beside the document
	Reason   string // why it is signed, in the signer's words; in a PDF only
	Place    string // where; in a PDF only
}

// A Job is a file on the way to its signature: Prepare, Sign, Finish. Only Prepare and
// Finish read what others wrote; only Sign uses the key.
type Job struct {
	Path    string    // of the document
	Output  string    // of what is written
	Format  string    // of what is written, as in How
	Size    int64     // of what is signed, in bytes
	Stamped time.Time // by a time stamp, zero: there is none
	Broken  bool      // of the signatures that are there already, one is not valid

	Invoice bool // the document is an electronic invoice, for which more than this signature is asked
	// Active is of a PDF what may change what is seen of it, as in Report.
	Active []string

	source *os.File
	work   work
	signed bool
}

// A work is what a format does for a Job.
type work interface {
	// sign has the key sign, once, and checks the signature; nothing is written.
	sign(key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate, now time.Time) error

	// value is what a time stamp over the signature is over; stamp puts one into it.
	value() []byte
	stamp(token []byte) error

	// write writes the signed file into an empty one, and verifies it there.
	write(ctx context.Context, f *os.File) error

	// close removes what is no longer needed. The source is the Job's to close.
	close()
}

// Prepare opens and digests a file. Close must be called.
func Prepare(ctx context.Context, path string, how How) (_ *Job, err error) {
	j := &Job{Path: path}
	defer func() {
		if err != nil {
			j.Close()
			err = about(path, err)
		}
	}()
	if j.source, err = open(path); err != nil {
		return nil, err
	}
	start, err := startOf(j.source)
	if err != nil {
		return nil, err
	}
	f, err := signing(start, how)
	if err != nil {
		return nil, err
	}
	j.Format, j.Invoice = f.name, xades.IsInvoice(start)
	w, name, err := f.prepare(ctx, j, how)
	if err != nil {
		return nil, err
	}
	j.work, j.Output = w, outputPath(path, how.Output, name)
	if _, err := os.Lstat(j.Output); err == nil {
		return nil, &FileError{ErrExists, j.Output}
	}
	return j, nil
}

// outputPath is where a file of that name is written: beside the document, in the
// folder output, or as output.
func outputPath(document, output, name string) string {
	info, err := os.Stat(output)
	switch {
	case output == "":
		return filepath.Join(filepath.Dir(document), name)
	case err == nil && info.IsDir():
		return filepath.Join(output, name)
	}
	return output
}

// PrepareAll prepares files, and tells which of them is next. No two become the same file.
// After an error none needs to be closed.
func PrepareAll(ctx context.Context, files []string, how How, next func(n int)) (jobs []*Job, err error) {
	defer func() {
		if err != nil {
			CloseAll(jobs)
			jobs = nil
		}
	}()
	for n, file := range files {
		next(n)
		j, err := Prepare(ctx, file, how)
		if err != nil {
			return jobs, err
		}
		if slices.ContainsFunc(jobs, func(other *Job) bool { return other.Output == j.Output }) {
			j.Close()
			return jobs, &FileError{ErrExists, j.Output}
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// SignAll has the key sign those jobs that it has not signed yet, as far as it gets, and
// tells which of them is next.
func SignAll(jobs []*Job, key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate, next func(n int)) error {
	for n, j := range jobs {
		if j.Signed() {
			continue
		}
		next(n)
		if err := j.Sign(key, certificate, issuers, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// CloseAll closes jobs.
func CloseAll(jobs []*Job) {
	for _, j := range jobs {
		j.Close()
	}
}

// Sign has the key sign, and checks the signature; nothing is written.
func (j *Job) Sign(key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate, now time.Time) error {
	if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return ErrExpired
	}
	issuers = slices.DeleteFunc(slices.Clone(issuers), func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawIssuer, c.RawSubject) // verifiers have the roots
	})
	err := j.work.sign(key, certificate, issuers, now)
	j.signed = err == nil
	return about(j.Path, err)
}

// Signed says whether the key has signed.
func (j *Job) Signed() bool { return j.signed }

// Finish writes the signed file, verifies it, and only then gives it its name.
func (j *Job) Finish(ctx context.Context) (err error) {
	defer func() { err = about(j.Path, err) }()
	info, err := j.source.Stat()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(j.Output), ".cie-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := j.work.write(ctx, f); err != nil {
		return err
	}
	return place(f, j.Output, info.Mode().Perm()&^0o111)
}

// Close lets go of all files, and removes what is no longer needed.
func (j *Job) Close() {
	if j.work != nil {
		j.work.close()
	}
	if j.source != nil {
		_ = j.source.Close()
	}
}

// SignFile signs one file with a key that is at hand; with a card, the steps are the
// caller's. It returns the name of what was written.
func SignFile(ctx context.Context, path string, how How, key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate) (string, error) {
	j, err := Prepare(ctx, path, how)
	if err != nil {
		return "", err
	}
	defer j.Close()
	if err := j.Sign(key, certificate, issuers, time.Now()); err != nil {
		return "", err
	}
	return j.Output, j.Finish(ctx)
}
