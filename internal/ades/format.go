package ades

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/softwarecie/cie/internal/ades/pades"
	"github.com/softwarecie/cie/internal/ades/xades"
	"github.com/softwarecie/cie/internal/situation"
)

// Formats that How asks for.
const (
	Auto  = "auto"  // what is usual for the file
	CAdES = "cades" // .p7m, .p7s: any file
	PAdES = "pades" // signatures in a PDF
	XAdES = "xades" // in XML; any other file as a part of it
)

// ErrNotForFormat means that a file cannot be signed in the format that was asked for.
var ErrNotForFormat = situation.New("format-unfit", "the file cannot be signed in that format")

// ErrReasonUnfit means that reason or place were given for a file that is not signed as a PDF.
var ErrReasonUnfit = situation.New("reason-unfit", "reason and place are for signatures in a PDF")

// A format is one kind of signed files.
type format struct {
	name string

	// usual says whether a document that starts so is signed in this format if nobody
	// asks for another; holds, whether such a file may hold signatures of it.
	usual, holds func(start []byte) bool

	// prepare reads and digests the document of a Job, and names the file to come. It
	// tells the Job what is known of the document; after an error there is no work.
	prepare func(ctx context.Context, j *Job, how How) (w work, name string, err error)

	// verify judges all signatures of a file.
	verify func(v verifier, file *os.File, document string) (Report, error)
}

// formats are asked in this order; the last takes every file.
func formats() []format {
	always, never := func([]byte) bool { return true }, func([]byte) bool { return false }
	return []format{
		{PAdES, pades.IsPDF, pades.IsPDF, preparePAdES, verifyPAdES},
		{XAdES, never, xades.IsXML, prepareXAdES, verifyXAdES},
		{CAdES, always, always, prepareCAdES, verifyCAdES},
	}
}

// Formats are the names How.Format may have.
func Formats() []string {
	names := []string{Auto}
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// signing is the format that a file which starts so is to be signed in.
func signing(start []byte, how How) (format, error) {
	wanted := how.Format
	if how.Detached && (wanted == "" || wanted == Auto) {
		wanted = CAdES
	}
	for _, f := range formats() {
		if wanted != f.name && (wanted != "" && wanted != Auto || !f.usual(start)) {
			continue
		}
		if how.Reason+how.Place != "" && f.name != PAdES {
			return f, ErrReasonUnfit
		}
		return f, nil
	}
	return format{}, fmt.Errorf("%w: %q", ErrNotForFormat, wanted)
}

// holding is the format of a signed file.
func holding(file io.ReadSeeker) (format, error) {
	start, err := startOf(file)
	if err != nil {
		return format{}, err
	}
	for _, f := range formats() {
		if f.holds(start) {
			return f, nil
		}
	}
	return format{}, ErrFormat
}

// startOf are the first bytes of a file, by which formats are told apart. The file
// is at its start again.
func startOf(file io.ReadSeeker) ([]byte, error) {
	const enough = 4 << 10
	start := make([]byte, enough)
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	n, err := io.ReadFull(file, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return start[:n], err
}
