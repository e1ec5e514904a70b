package browser

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestPrograms(t *testing.T) {
	ini := "[Install4F96D1932A9F858E]\nDefault=b.default\n\n[Profile1]\nPath=a.default\nIsRelative=1\n\n[Profile0]\nPath=b.default\nIsRelative=1\nDefault=1\n"
	const stanza = "library=MODULE\nname=Software CIE\n\n"
	for name, tt := range map[string]struct {
		files map[string]string // MODULE is its path
		id    string
		state State
		file  string
	}{
		"not installed":       {map[string]string{"~/.ssh/config": "PKCS11Provider MODULE\n"}, "ssh", "", ""},
		"ssh without a file":  {map[string]string{"usr/bin/ssh": ""}, "ssh", Absent, "home/anna/.ssh/config"},
		"ssh":                 {map[string]string{"usr/bin/ssh": "", "~/.ssh/config": "Host *\n  pkcs11provider=MODULE \n"}, "ssh", Registered, "home/anna/.ssh/config"},
		"ssh, quoted":         {map[string]string{"usr/bin/ssh": "", "~/.ssh/config": "PKCS11Provider \"MODULE\"\r\n"}, "ssh", Registered, "home/anna/.ssh/config"},
		"ssh, commented out":  {map[string]string{"usr/bin/ssh": "", "~/.ssh/config": "# PKCS11Provider MODULE\n"}, "ssh", Absent, "home/anna/.ssh/config"},
		"ssh, no such file":   {map[string]string{"usr/bin/ssh": "", "~/.ssh/config": "PKCS11Provider /no/such.so\n"}, "ssh", Broken, "home/anna/.ssh/config"},
		"ssh, another module": {map[string]string{"usr/bin/ssh": "", "~/.ssh/config": "PKCS11Provider ROOT/usr/bin/ssh\n"}, "ssh", Other, "home/anna/.ssh/config"},
		"ssh, two modules":    {map[string]string{"usr/bin/ssh": "", "~/.ssh/config": "Host a\nPKCS11Provider /a.so\nHost b\nPKCS11Provider MODULE\n"}, "ssh", Registered, "home/anna/.ssh/config"},
		"openssl, provider":   {map[string]string{"usr/bin/openssl": "", "etc/ssl/openssl.cnf": "[p]\npkcs11-module-path = MODULE\n"}, "openssl", Registered, "etc/ssl/openssl.cnf"},
		"openssl, engine":     {map[string]string{"usr/bin/openssl": "", "etc/ssl/openssl.cnf": "[e]\nMODULE_PATH=MODULE\n"}, "openssl", Registered, "etc/ssl/openssl.cnf"},
		"openssl, neither":    {map[string]string{"usr/bin/openssl": "", "etc/ssl/openssl.cnf": "[e]\n"}, "openssl", Absent, "etc/ssl/openssl.cnf"},
		"java without a file": {map[string]string{"usr/bin/java": ""}, "java", Absent, ""},
		"java, two of them": {map[string]string{
			"usr/bin/java": "",
			"etc/java-11-openjdk/security/java.security": "security.provider.13=SunPKCS11 /etc/cie-java.cfg\n",
			"etc/java-17-openjdk/security/java.security": "security.provider.12=SunPKCS11\n",
			"etc/cie-java.cfg":                           "name = CIE\nlibrary = MODULE\n",
		}, "java", Registered, "etc/java-11-openjdk/security/java.security"},
		"java, nothing set": {map[string]string{
			"usr/bin/java": "", "etc/java-17-openjdk/security/java.security": "security.provider.12=SunPKCS11\n",
		}, "java", Absent, "etc/java-17-openjdk/security/java.security"},
		"libreoffice takes the marked profile": {map[string]string{
			"usr/bin/soffice": "", "~/.mozilla/firefox/profiles.ini": ini, "~/.mozilla/firefox/a.default/x": "", "~/.mozilla/firefox/b.default/pkcs11.txt": stanza,
		}, "libreoffice", Registered, "home/anna/.mozilla/firefox/b.default/pkcs11.txt"},
		"libreoffice takes Thunderbird's": {map[string]string{
			"usr/bin/soffice": "", "~/.thunderbird/profiles.ini": ini, "~/.thunderbird/a.default/pkcs11.txt": stanza,
		}, "libreoffice", Registered, "home/anna/.thunderbird/a.default/pkcs11.txt"},
		"libreoffice does not look where newer Firefoxes are": {map[string]string{
			"usr/bin/soffice": "", "~/.config/mozilla/firefox/profiles.ini": ini, "~/.config/mozilla/firefox/b.default/pkcs11.txt": stanza,
		}, "libreoffice", Absent, ""},
		"okular": {map[string]string{
			"usr/bin/okular": "", "~/.mozilla/firefox/x.default-esr/pkcs11.txt": stanza,
		}, "okular", Registered, "home/anna/.mozilla/firefox/x.default-esr/pkcs11.txt"},
		"okular without Firefox": {map[string]string{"usr/bin/okular": ""}, "okular", Absent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, module := fake(t, "linux", nil)
			for path, content := range tt.files {
				content = strings.NewReplacer("MODULE_", "MODULE_", "MODULE", module, "ROOT", m.Root).Replace(content)
				write(t, filepath.Join(m.Root, strings.Replace(path, "~", "home/anna", 1)), content)
			}
			var found Program
			for _, p := range m.Programs(module) {
				if p.ID == tt.id {
					found = p
				}
			}
			if file := strings.TrimPrefix(found.File, m.Root+"/"); found.State != tt.state || file != tt.file {
				t.Errorf("%s in %q, want %s in %q", found.State, file, tt.state, tt.file)
			}
			if tt.state != "" && (found.Way == "" || found.Recipe == "") {
				t.Errorf("no way: %+v", found)
			}
		})
	}
	if m, _ := fake(t, "linux", map[string]string{"usr/bin/ssh": ""}); m.Programs("")[0].Way != "PKCS11Provider MODULE" {
		t.Errorf("with no module: %+v", m.Programs(""))
	}
	if m, module := fake(t, "windows", map[string]string{"usr/bin/ssh": ""}); len(m.Programs(module)) > 0 {
		t.Error("programs of Linux on Windows")
	}
}
