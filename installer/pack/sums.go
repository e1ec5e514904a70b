package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/softwarecie/cie/internal/release"
)

// sums writes SHA256SUMS over all files of the folder, and its signature with the
// key in $CIE_RELEASE_KEY (PKCS#8 in PEM). Without a key there is no signature.
func (r *rel) sums() error {
	list := ""
	for _, name := range files(r.out) {
		if strings.Contains(name, "/") || strings.HasPrefix(name, release.List) {
			continue
		}
		sum, err := release.Sum(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		list += sum + "  " + name + "\n"
	}
	if list == "" {
		return errors.New("nothing to list")
	}
	if err := write(filepath.Join(r.out, release.List), []byte(list), 0o644); err != nil {
		return err
	}
	text := os.Getenv("CIE_RELEASE_KEY")
	if text == "" {
		fmt.Fprintln(os.Stderr, "pack: CIE_RELEASE_KEY is not set: not signed")
		return os.RemoveAll(filepath.Join(r.out, release.Signature))
	}
	key, err := release.ParsePrivate([]byte(text))
	if err != nil {
		return err
	}
	return write(filepath.Join(r.out, release.Signature), ed25519.Sign(key, []byte(list)), 0o644)
}
