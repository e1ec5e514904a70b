package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/sums"
)

// sums writes SHA256SUMS over all files of the folder, and its signature.
func (r *rel) sums() error {
	var names []string
	for _, name := range files(r.out) {
		if !strings.Contains(name, "/") && !strings.HasPrefix(name, sums.Name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return errors.New("nothing to list")
	}
	return r.list(r.out, r.out, names)
}

// installedList puts into a folder of a package what "cie version --verify" reads:
// what the package is, and the list of what it installs. Names are as seen from root.
func (r *rel) installedList(name, format, root, folder string, names []string) error {
	origin := path.Join(folder, release.Origin)
	if err := write(filepath.Join(root, origin), fmt.Appendf(nil, "%s %s %s\n", name, r.version, format), 0o644); err != nil {
		return err
	}
	return r.list(root, filepath.Join(root, folder), append([]string{origin}, names...))
}

// list writes the list of some files below root into a folder, and its signature if
// there is a key for it.
func (r *rel) list(root, folder string, names []string) error {
	list, err := sums.Write(root, names)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(folder, sums.Name), list, 0o644); err != nil {
		return err
	}
	key, err := r.signer()
	if err != nil {
		return err
	}
	if key == nil {
		return os.RemoveAll(filepath.Join(folder, sums.Signature)) // of an earlier list
	}
	return write(filepath.Join(folder, sums.Signature), ed25519.Sign(key, list), 0o644)
}

// signer is the key in $CIE_RELEASE_KEY (PKCS#8 in PEM), nil where there is none. If
// the description has a key, only that one may sign.
func (r *rel) signer() (ed25519.PrivateKey, error) {
	text := os.Getenv("CIE_RELEASE_KEY")
	if text == "" {
		return nil, nil
	}
	key, err := release.ParsePrivate([]byte(text))
	if err != nil {
		return nil, err
	}
	if r.Key == "" {
		return key, nil
	}
	described, err := release.ParsePublic([]byte(r.Key))
	if err == nil && !described.Equal(key.Public()) {
		err = errors.New("CIE_RELEASE_KEY is not the key in packages.toml")
	}
	return key, err
}

// ldflags are the variables that the linker sets in the programs.
func (r *rel) ldflags() (string, error) {
	signer, err := r.signer()
	if err != nil {
		return "", err
	}
	public := r.Key
	if public == "" && signer != nil {
		der, err := x509.MarshalPKIXPublicKey(signer.Public())
		if err != nil {
			return "", err
		}
		public = base64.StdEncoding.EncodeToString(der)
	}
	return fmt.Sprintf("-X main.version=%s -X main.releaseKey=%s -X main.feed=%s", r.version, public, r.Feed), nil
}
