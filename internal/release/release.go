// Package release judges what a release consists of: files against a signed list
// of their hashes, and the signed notice of a newer version.
//
// The list is SHA256SUMS as sha256sum(1) writes and checks it; its signature,
// SHA256SUMS.sig, is 64 bytes of Ed25519 (RFC 8032) over its bytes, which
// "openssl pkeyutl -verify -rawin" checks as well.
package release

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// List and Signature are the names of the list's files.
const (
	List      = "SHA256SUMS"
	Signature = "SHA256SUMS.sig"
)

// What is wrong with files of a release.
var (
	ErrKey       = errors.New("release: not an Ed25519 key in PEM")
	ErrSignature = errors.New("release: the signature is not that of the key")
	ErrList      = errors.New("release: the list of hashes cannot be read")
	ErrChanged   = errors.New("release: a file is not what the list says")
	ErrMissing   = errors.New("release: a file of the list is not there")
	ErrUnlisted  = errors.New("release: a file is not in the list")
)

// maxList bounds the size of a list or notice, in bytes.
const maxList = 1 << 20

// ParsePublic reads a public key (SubjectPublicKeyInfo in PEM, RFC 8410).
func ParsePublic(text []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, ErrKey
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
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

// Sum hashes a file.
func Sum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Check verifies files against the signed list in their folder; with no files,
// all of the list. It returns the names that are what the list says; the error
// names the first that is not.
func Check(key ed25519.PublicKey, folder string, names ...string) ([]string, error) {
	list, err := readSmall(filepath.Join(folder, List))
	if err != nil {
		return nil, err
	}
	signature, err := readSmall(filepath.Join(folder, Signature))
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(key, list, signature) {
		return nil, ErrSignature
	}
	sums, all, err := parse(list)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = all
	}
	var good []string
	for _, name := range names {
		want, listed := sums[name]
		if !listed {
			return good, fmt.Errorf("%w: %s", ErrUnlisted, name)
		}
		got, err := Sum(filepath.Join(folder, name))
		switch {
		case errors.Is(err, os.ErrNotExist):
			return good, fmt.Errorf("%w: %s", ErrMissing, name)
		case err != nil:
			return good, err
		case got != want:
			return good, fmt.Errorf("%w: %s", ErrChanged, name)
		}
		good = append(good, name)
	}
	return good, nil
}

// parse reads a list: lines of 64 hexadecimal digits, two spaces, and the name of
// a file of the same folder.
func parse(list []byte) (sums map[string]string, names []string, err error) {
	sums = map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(list))
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		raw, err := hex.DecodeString(sum)
		if !ok || err != nil || len(raw) != sha256.Size || name == "" || name == "." || name == ".." || name != filepath.Base(name) || strings.ContainsAny(name, `/\`) || sums[name] != "" {
			return nil, nil, fmt.Errorf("%w: line %d", ErrList, len(names)+1)
		}
		sums[name] = sum
		names = append(names, name)
	}
	if lines.Err() != nil || len(names) == 0 {
		return nil, nil, ErrList
	}
	return sums, names, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxList+1))
	if err == nil && len(content) > maxList {
		err = fmt.Errorf("%w: %s is too large", ErrList, filepath.Base(path))
	}
	return content, err
}
