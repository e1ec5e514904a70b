// Package pades signs PDF documents, and verifies signed ones: PAdES B-B (ETSI EN
// 319 142-1) in PDF (ISO 32000-2). It signs through any crypto.Signer, and knows
// neither cards nor whom to trust.
package pades

import "errors"

// MaxSize is the size of documents that are read, in bytes. They are read whole, once
// for each version that somebody signed.
const MaxSize = 512 << 20

var (
	// ErrFormat means that a file is no PDF, or one that cannot be read.
	ErrFormat = errors.New("not a PDF that can be read")

	// ErrPassword means that a document cannot be read without its password.
	ErrPassword = errors.New("the PDF needs a password")

	// ErrSize means that a document is too large.
	ErrSize = errors.New("the PDF is too large")
)

// IsPDF says whether a file that starts so is a PDF.
func IsPDF(start []byte) bool { return len(start) >= 5 && string(start[:5]) == "%PDF-" }
