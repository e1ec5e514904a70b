package browser

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// sandboxOf tells a sandbox by where it keeps the user's files.
func sandboxOf(home, folder string) Packaging {
	path, _ := filepath.Rel(home, folder)
	switch path = filepath.ToSlash(path); {
	case strings.HasPrefix(path, "snap/"):
		return Snap
	case strings.HasPrefix(path, ".var/app/"):
		return Flatpak
	}
	return Unknown
}

// sandboxed are the databases of a Chromium in sandboxes: a snap has a home of its
// own for each revision, a flatpak one with .pki in it, or $XDG_DATA_HOME.
func (m Machine) sandboxed(c chromium) (all []Place) {
	for _, s := range []struct {
		packaging Packaging
		name      string
		folder    string   // that is there if the program was ever started
		databases []string // below it, the one that is made first
	}{
		{Snap, c.snap, "snap/" + c.snap + "/current", []string{".pki/nssdb", ".local/share/pki/nssdb"}},
		{Flatpak, c.flatpak, ".var/app/" + c.flatpak, []string{".pki/nssdb", "data/pki/nssdb"}},
	} {
		if s.name == "" || !isFolder(m.home(s.folder)) {
			continue
		}
		for i, database := range s.databases {
			folder := filepath.Join(m.home(s.folder), filepath.FromSlash(database))
			if i == 0 || isFolder(folder) {
				all = append(all, Place{
					ID: strings.ToLower(c.product) + ":" + string(s.packaging), Product: c.product, Packaging: s.packaging, Kind: NSS,
					File: filepath.Join(folder, "pkcs11.txt"),
				})
			}
		}
	}
	return all
}

// client is p11-kit's module that reaches a server through a socket, where the
// Freedesktop runtime of flatpaks has it. The host need not have it.
func client() string {
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	return "/usr/lib/" + triplet + "/pkcs11/p11-kit-client.so"
}

// steps are commands for a sandbox that cannot see the module: the card goes in
// through a socket of p11-kit. A snap has no such way in.
func (m Machine) steps(p Place, module string) []string {
	if p.Packaging != Flatpak {
		return nil
	}
	path, _ := filepath.Rel(m.home(".var/app"), p.File)
	app, _, _ := strings.Cut(filepath.ToSlash(path), "/")
	return []string{
		fmt.Sprintf("p11-kit server --provider %s --name \"$XDG_RUNTIME_DIR/cie-pkcs11\" pkcs11:", shellWord(module)),
		fmt.Sprintf("flatpak override --user --filesystem=xdg-run/cie-pkcs11 --env=P11_KIT_SERVER_ADDRESS=unix:path=\"$XDG_RUNTIME_DIR/cie-pkcs11\" %s", app),
		fmt.Sprintf("printf 'library=%s\\nname=%s\\n\\n' >> %s", client(), ModuleName, shellWord(p.File)),
	}
}

// shellWord quotes an argument for a shell.
func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
