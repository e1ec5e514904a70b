package demo

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/softwarecie/cie/internal/browser"
)

// furnish makes up a computer in the folder of the demonstration: a Firefox, a
// Chromium, and a library that is an empty file.
func (d *Demo) furnish() error {
	var all error
	for name, content := range map[string]string{
		"home/.mozilla/firefox/profiles.ini":                       "[Profile0]\nName=default-esr\nIsRelative=1\nPath=demo.default-esr\n",
		"home/.mozilla/firefox/demo.default-esr/compatibility.ini": "[Compatibility]\nLastVersion=140.5.0_1/1\nLastPlatformDir=/usr/lib/firefox-esr\n",
		"home/.config/chromium/Last Version":                       "142.0",
		"var/lib/dpkg/info/firefox":                                "",
		library:                                                    "",
		"lib/cie-pkcs11-helper":                                    "",
	} {
		path := filepath.Join(d.computer(), filepath.FromSlash(name))
		all = errors.Join(all, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600))
	}
	return all
}

const library = "lib/libcie-pkcs11.so"

func (d *Demo) computer() string { return filepath.Join(d.folder, "computer") }

// Browsers is a Registrar for the computer that is made up.
func (d *Demo) Browsers() (browser.Registrar, error) {
	root := d.computer()
	return browser.Registrar{Module: filepath.Join(root, filepath.FromSlash(library)), Machine: browser.Machine{
		OS: "linux", Root: root, Home: filepath.Join(root, "home"), Journal: filepath.Join(root, "journal"),
		Getenv: func(string) string { return "" }, Running: func(int) bool { return true },
	}}, nil
}
