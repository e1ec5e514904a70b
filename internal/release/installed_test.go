package release

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/softwarecie/cie/internal/sums"
)

// install lays out two packages as they are installed, and signs their lists.
func install(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, files := range map[string][]string{
		"cie-cli": {"bin/cie", "share/man/man1/cie.1.gz"}, "cie-pkcs11": {"lib/pkcs11/libcie-pkcs11.so"},
	} {
		folder := filepath.Join("share", "cie", name)
		put(t, filepath.Join(root, folder, Origin), name+" 1.2.3 tar\n")
		for _, f := range files {
			put(t, filepath.Join(root, f), "what is in "+f)
		}
		sign(t, root, folder, append(files, filepath.ToSlash(filepath.Join(folder, Origin))))
	}
	return root
}

func put(t *testing.T, file, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func sign(t *testing.T, root, folder string, files []string) {
	t.Helper()
	list, err := sums.Write(root, files)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, folder, sums.Name), string(list))
	put(t, filepath.Join(root, folder, sums.Signature), string(ed25519.Sign(testKey, list)))
}

func TestCheckInstalled(t *testing.T) {
	root := install(t)
	program := filepath.Join(root, "bin", "cie")
	all, err := CheckInstalled(public(), program)
	if err != nil || len(all) != 2 || all[0].Name != "cie-cli" || all[0].Version != "1.2.3" || all[0].Files != 3 || all[1].Files != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if fromPackages(program) {
		t.Error("an unpacked archive is taken for a package of the system")
	}
	put(t, filepath.Join(root, "share/cie/cie-cli", Origin), "cie-cli 1.2.3 deb\n")
	if !fromPackages(program) {
		t.Error("a package of the system is not known as one")
	}
}

// The lists lie beside the program: one, or those of packages.
func TestCheckInstalledBeside(t *testing.T) {
	for _, tt := range []struct{ format, folder string }{{"single", "."}, {"msi", "packages/cie-cli"}} {
		root := filepath.Join(t.TempDir(), "a [b]*")
		put(t, filepath.Join(root, "cie.exe"), "program")
		origin := path.Join(tt.folder, Origin)
		put(t, filepath.Join(root, origin), "cie-cli 1.2.3 "+tt.format+"\n")
		sign(t, root, tt.folder, []string{"cie.exe", origin})
		all, err := CheckInstalled(public(), filepath.Join(root, "cie.exe"))
		if err != nil || len(all) != 1 || all[0].Format != tt.format || all[0].Files != 2 {
			t.Errorf("%+v, %v", all, err)
		}
	}
}

func TestInstalledTampered(t *testing.T) {
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, root string)
		want  error
	}{
		"program": {func(t *testing.T, root string) { put(t, filepath.Join(root, "bin/cie"), "other") }, ErrChanged},
		"library": {func(t *testing.T, root string) { put(t, filepath.Join(root, "lib/pkcs11/libcie-pkcs11.so"), "other") }, ErrChanged},
		"missing": {func(t *testing.T, root string) { _ = os.Remove(filepath.Join(root, "lib/pkcs11/libcie-pkcs11.so")) }, ErrMissing},
		"list": {func(t *testing.T, root string) {
			put(t, filepath.Join(root, "share/cie/cie-cli", sums.Name), abc+"  bin/cie\n")
		}, ErrSignature},
		"signature": {func(t *testing.T, root string) {
			put(t, filepath.Join(root, "share/cie/cie-pkcs11", sums.Signature), "x")
		}, ErrSignature},
		"no signature": {func(t *testing.T, root string) {
			_ = os.Remove(filepath.Join(root, "share/cie/cie-cli", sums.Signature))
		}, ErrNoList},
		"no list of the program": {func(t *testing.T, root string) { _ = os.RemoveAll(filepath.Join(root, "share/cie/cie-cli")) }, ErrUnlisted},
		"no list":                {func(t *testing.T, root string) { _ = os.RemoveAll(filepath.Join(root, "share/cie")) }, ErrNoList},
		"another's signature": {func(t *testing.T, root string) {
			folder := filepath.Join(root, "share/cie/cie-cli")
			list, err := os.ReadFile(filepath.Join(folder, sums.Name))
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(folder, sums.Signature), string(ed25519.Sign(other, list)))
		}, ErrSignature},
		"another package's list": {func(t *testing.T, root string) {
			for _, name := range []string{sums.Name, sums.Signature} {
				content, err := os.ReadFile(filepath.Join(root, "share/cie/cie-pkcs11", name))
				if err != nil {
					t.Fatal(err)
				}
				put(t, filepath.Join(root, "share/cie/cie-cli", name), string(content))
			}
		}, ErrUnlisted},
	} {
		t.Run(name, func(t *testing.T) {
			root := install(t)
			tt.spoil(t, root)
			if all, err := CheckInstalled(public(), filepath.Join(root, "bin", "cie")); !errors.Is(err, tt.want) || all != nil {
				t.Errorf("%+v, %v, want %v", all, err, tt.want)
			}
		})
	}
}
