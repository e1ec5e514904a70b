package browser

import (
	"path/filepath"
	"regexp"
)

// A Program is one that is not changed by us: its user names the module on its
// command line or in its configuration, or it reads the list of another program.
type Program struct {
	ID      string `json:"id"`
	Product string `json:"product"`
	File    string `json:"file"` // where the module would be named; "": nowhere yet
	State   State  `json:"state"`
	Module  string `json:"module,omitempty"` // path that is named there
	Way     string `json:"way"`              // line of the file, or command, by which it takes the module, as in the recipe
	Recipe  string `json:"recipe"`           // name of its Recipe: heading in docs/recipes.md
}

// Programs are those of Linux that are installed, with the state of the module.
func (m Machine) Programs(module string) []Program {
	if m.OS != "linux" {
		return nil
	}
	if module == "" {
		module = "MODULE" // the recipes call it so
	}
	var all []Program
	for _, program := range []struct {
		command string
		of      func(module string) Program
	}{
		{"ssh", m.openSSH}, {"openssl", m.openSSL}, {"java", m.java}, {"soffice", m.libreOffice}, {"okular", m.okular},
	} {
		if !exists(m.system("/usr/bin/" + program.command)) {
			continue
		}
		p := program.of(module)
		p.State = named(p.Module, module)
		all = append(all, p)
	}
	return all
}

// named is the state of a program that names a module, or "".
func named(path, module string) State {
	switch {
	case path == "":
		return Absent
	case !isFile(path):
		return Broken
	case path != module:
		return Other
	}
	return Registered
}

// The settings that name a PKCS#11 module: of ssh_config(5), of an OpenSSL provider
// and the engine before it, of java.security, and of what that leads to.
var (
	sshModule     = regexp.MustCompile(`(?im)^[ \t]*PKCS11Provider[ \t=]+"?([^"\r\n]*[^" \t\r\n])`)
	opensslModule = regexp.MustCompile(`(?im)^[ \t]*(?:pkcs11-module-path|MODULE_PATH)[ \t]*=[ \t]*([^\r\n]*[^ \t\r\n])`)
	javaProvider  = regexp.MustCompile(`(?m)^[ \t]*security\.provider\.[0-9]+[ \t]*=[ \t]*SunPKCS11[ \t]+([^\r\n]*[^ \t\r\n])`)
	javaLibrary   = regexp.MustCompile(`(?m)^[ \t]*library[ \t]*=[ \t]*([^\r\n]*[^ \t\r\n])`)
)

// firstIn is what a setting says in a file, "" if nothing. Of several that of ours
// counts, else the first.
func firstIn(file string, setting *regexp.Regexp, module string) (value string) {
	content, err := read(file)
	if err != nil {
		return ""
	}
	for _, found := range setting.FindAllStringSubmatch(content, -1) {
		if value == "" || found[1] == module {
			value = found[1]
		}
	}
	return value
}

func (m Machine) openSSH(module string) Program {
	file := m.home(".ssh/config")
	return Program{
		ID: "ssh", Product: "OpenSSH", File: file, Recipe: "SSH",
		Module: firstIn(file, sshModule, module), Way: "PKCS11Provider " + module,
	}
}

func (m Machine) openSSL(module string) Program {
	file := m.system("/etc/ssl/openssl.cnf")
	return Program{
		ID: "openssl", Product: "OpenSSL, curl", File: file, Recipe: "curl",
		Module: firstIn(file, opensslModule, module), Way: "PKCS11_MODULE_PATH=" + shellWord(module) + " curl --engine pkcs11",
	}
}

// java looks at the configuration of every Java of the distribution, and takes the
// one that has a provider for PKCS#11, else the last.
func (m Machine) java(module string) Program {
	p := Program{ID: "java", Product: "Java", Recipe: "Java", Way: "keytool -addprovider SunPKCS11 -providerArg cie-java.cfg"}
	files, _ := filepath.Glob(m.system("/etc/java*/security/java.security"))
	for _, f := range files {
		p.File = f
		if provider := firstIn(f, javaProvider, ""); provider != "" {
			p.Module = firstIn(m.system(provider), javaLibrary, module)
			break
		}
	}
	return p
}

// libreOffice reads the database of a Mozilla profile, of Firefox in its old folder
// or else of Thunderbird: the one that profiles.ini marks, else the first (tried
// with 7.4).
func (m Machine) libreOffice(module string) Program {
	p := Program{ID: "libreoffice", Product: "LibreOffice", Recipe: "LibreOffice", Way: "MOZILLA_CERTIFICATE_FOLDER=PROFILE soffice"}
	for _, root := range []string{m.home(".mozilla/firefox"), m.home(".thunderbird")} {
		if folder := preferred(root); folder != "" {
			p.File = filepath.Join(folder, "pkcs11.txt")
			p.Module = nssModule(p.File, module)
			break
		}
	}
	return p
}

// preferred is the folder of the profile that a profiles.ini marks as the default,
// else of its first; "" if there is none.
func preferred(root string) (folder string) {
	for _, p := range readProfiles(filepath.Join(root, "profiles.ini")) {
		path := filepath.FromSlash(p.path)
		if p.relative {
			path = filepath.Join(root, path)
		}
		if isFolder(path) && (folder == "" || p.preferred) {
			folder = path
		}
	}
	return folder
}

// okular, with what is in Poppler, reads the database of the first folder of
// Firefox's that has "default" in its name.
func (m Machine) okular(module string) Program {
	p := Program{ID: "okular", Product: "Okular, pdfsig", Recipe: "PDF: pdfsig, Okular, Evince", Way: "pdfsig -nssdir PROFILE"}
	if folders, _ := filepath.Glob(m.home(".mozilla/firefox/*default*")); len(folders) > 0 {
		p.File = filepath.Join(folders[0], "pkcs11.txt")
		p.Module = nssModule(p.File, module)
	}
	return p
}

// nssModule is the path under our name in an NSS database's list.
func nssModule(list, module string) string {
	content, err := read(list)
	if err != nil {
		return ""
	}
	own, _, _ := entries(NSS, content, module)
	return own
}
