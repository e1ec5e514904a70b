// Package release judges what a release consists of: files against a signed list
// of their hashes, and the signed notice of a newer version.
//
// The list is SHA256SUMS (internal/sums); its signature, SHA256SUMS.sig, is 64 bytes of Ed25519 (RFC 8032) over its bytes, which
// "openssl pkeyutl -verify -rawin" checks as well. A release has one list, of its
// packages; each package has one, of what it installs.
package release

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/sums"
	"github.com/softwarecie/cie/internal/wholefile"
)

// What is wrong with files of a release.
var (
	ErrKey       = situation.New("release-key", "release: not an Ed25519 key")
	ErrNoList    = situation.New("release-no-list", "release: no signed list of files is here")
	ErrSignature = situation.New("release-signature", "release: the signature is not that of the key")
	ErrList      = situation.New("release-signature", "release: the list of hashes cannot be read")
	ErrChanged   = situation.New("release-changed", "release: a file is not what the list says")
	ErrMissing   = situation.New("release-missing", "release: a file of the list is not there")
	ErrUnlisted  = situation.New("release-unlisted", "release: a file is not in the list")
)

// A FileError tells which file is not as its list says.
type FileError struct {
	File string
	Err  error // ErrChanged, ErrMissing, ErrUnlisted
}

func (e *FileError) Error() string { return e.Err.Error() + ": " + e.File }

// Unwrap is what is wrong with the file.
func (e *FileError) Unwrap() error { return e.Err }

// MessageArgs names the file to a person.
func (e *FileError) MessageArgs() []any { return []any{"file", e.File} }

// maxList bounds the size of a list or notice, in bytes.
const maxList = 1 << 20

// ParsePublic reads a public key: SubjectPublicKeyInfo in PEM (RFC 8410), or the
// line of it between the first and the last alone.
func ParsePublic(text []byte) (ed25519.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(string(text))
	if block, _ := pem.Decode(text); block != nil {
		der, err = block.Bytes, nil
	}
	if err != nil {
		return nil, ErrKey
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if public, ok := key.(ed25519.PublicKey); err == nil && ok {
		return public, nil
	}
	return nil, ErrKey
}

// ParsePrivate reads a private key (PKCS#8 in PEM, RFC 8410).
func ParsePrivate(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, ErrKey
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if private, ok := key.(ed25519.PrivateKey); err == nil && ok {
		return private, nil
	}
	return nil, ErrKey
}

// Check verifies files against the signed list in their folder; with no files,
// all of the list. It returns the names that are what the list says; the error
// names the first that is not.
func Check(key ed25519.PublicKey, folder string, names ...string) ([]string, error) {
	l, err := readList(key, folder)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = l.Files
	}
	return check(l, folder, names)
}

// readList reads the list in a folder, whose signature must be right.
func readList(key ed25519.PublicKey, folder string) (l sums.List, err error) {
	content, err := wholefile.Read(filepath.Join(folder, sums.Name), maxList)
	signature, err2 := wholefile.Read(filepath.Join(folder, sums.Signature), maxList)
	switch err = errors.Join(err, err2); {
	case errors.Is(err, fs.ErrNotExist):
		return l, fmt.Errorf("%w: %w", ErrNoList, err)
	case errors.Is(err, wholefile.ErrTooLarge):
		return l, fmt.Errorf("%w: %w", ErrList, err)
	case err != nil:
		return l, err
	}
	if !ed25519.Verify(key, content, signature) {
		return l, fmt.Errorf("%w: %s", ErrSignature, filepath.Join(folder, sums.Name))
	}
	if l, err = sums.Parse(content); err != nil {
		return l, fmt.Errorf("%w: %w", ErrList, err)
	}
	return l, nil
}

// check verifies files below root.
func check(l sums.List, root string, names []string) (good []string, err error) {
	for _, name := range names {
		file := filepath.Join(root, filepath.FromSlash(name))
		want, listed := l.Sums[name]
		if !listed {
			return good, &FileError{file, ErrUnlisted}
		}
		got, err := sums.Of(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return good, &FileError{file, ErrMissing}
		case err != nil:
			return good, err
		case got != want:
			return good, &FileError{file, ErrChanged}
		}
		good = append(good, name)
	}
	return good, nil
}
