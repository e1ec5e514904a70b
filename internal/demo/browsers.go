package demo

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/softwarecie/cie/internal/browser"
)

// Browsers is a Registrar for a computer that is made up, in the folder of the
// demonstration: a Firefox, a Chromium, and a library that is an empty file.
func (d *Demo) Browsers() (browser.Registrar, error) {
	root := filepath.Join(d.folder, "computer")
	home, library := filepath.Join(root, "home"), filepath.Join(root, "lib", "libcie-pkcs11.so")
	firefox := filepath.Join(home, ".mozilla", "firefox")
	var all error
	for path, content := range map[string]string{
		filepath.Join(firefox, "profiles.ini"):                       "[Profile0]\nName=default-esr\nIsRelative=1\nPath=demo.default-esr\n",
		filepath.Join(firefox, "demo.default-esr/compatibility.ini"): "[Compatibility]\nLastVersion=140.5.0_1/1\nLastPlatformDir=/usr/lib/firefox-esr\n",
		filepath.Join(home, ".config", "chromium", "Last Version"):   "142.0",
		filepath.Join(root, "var", "lib", "dpkg", "info", "firefox"): "",
		library: "", filepath.Join(root, "lib", "cie-pkcs11-helper"): "",
	} {
		if _, err := os.Stat(path); err == nil {
			continue
		}
		all = errors.Join(all, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600))
	}
	return browser.Registrar{Module: library, Machine: browser.Machine{
		OS: "linux", Root: root, Home: home, Journal: filepath.Join(root, "journal"),
		Getenv: func(string) string { return "" }, Running: func(int) bool { return true },
	}}, all
}
