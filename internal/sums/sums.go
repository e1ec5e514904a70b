// Package sums writes and reads lists of SHA-256 hashes of files, as sha256sum(1)
// writes and checks them: SHA256SUMS of a release, of a package, of the single file.
package sums

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Name is that of a list, Signature that of its signature.
const (
	Name      = "SHA256SUMS"
	Signature = "SHA256SUMS.sig"
)

// ErrList means that a list cannot be read.
var ErrList = errors.New("sums: the list of hashes cannot be read")

// A List has the hash of each file, in hexadecimal.
type List struct {
	Files []string // below one folder, with slashes
	Sums  map[string]string
}

// Of hashes a file.
func Of(file string) (string, error) {
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

// Write is the list of some files below a folder, named as from there with slashes.
func Write(folder string, files []string) ([]byte, error) {
	var list []byte
	for _, name := range files {
		sum, err := Of(filepath.Join(folder, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		list = append(list, sum+"  "+name+"\n"...)
	}
	return list, nil
}

// Parse reads a list: lines of 64 hexadecimal digits, two spaces, and the name of
// a file below the folder that the list is about, with slashes. Else it is ErrList.
func Parse(content []byte) (List, error) {
	l := List{Sums: map[string]string{}}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		raw, err := hex.DecodeString(sum)
		if !ok || err != nil || len(raw) != sha256.Size || sum != strings.ToLower(sum) || !inside(name) || l.Sums[name] != "" {
			return List{}, fmt.Errorf("%w: line %d", ErrList, len(l.Files)+1)
		}
		l.Sums[name] = sum
		l.Files = append(l.Files, name)
	}
	if lines.Err() != nil || len(l.Files) == 0 {
		return List{}, ErrList
	}
	return l, nil
}

// inside says whether a name leads to a file below a folder, on every system.
func inside(name string) bool {
	return fs.ValidPath(name) && name != "." && !strings.ContainsAny(name, `\:`) && filepath.IsLocal(filepath.FromSlash(name))
}
