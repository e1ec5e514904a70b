package browser

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/softwarecie/cie/internal/wholefile"
)

// maxFile bounds a file that is read, in bytes.
const maxFile = 4 << 20

// Find lists every place, with the state of our module in it.
func (m Machine) Find(module string) []Place {
	var all []Place
	for _, p := range mozillas() {
		all = append(all, m.profiles(p)...)
	}
	if m.OS == "linux" {
		all = append(all, m.databases()...)
		all = append(all, m.p11kit()...)
	}
	for _, p := range mozillas() {
		all = append(all, m.policies(p)...)
	}
	for i := range all {
		m.judge(&all[i], module)
	}
	distinguish(all)
	return all
}

// distinguish numbers places whose names are the same.
func distinguish(all []Place) {
	seen := map[string]int{}
	for i, p := range all {
		if seen[p.ID]++; seen[p.ID] > 1 {
			all[i].ID += "-" + strconv.Itoa(seen[p.ID])
		}
	}
}

// roots are the folders of a Mozilla program's profiles.ini.
func (m Machine) roots(p mozilla) []string {
	switch m.OS {
	case "windows":
		return []string{filepath.Join(m.variable("APPDATA", m.home("AppData/Roaming")), filepath.FromSlash(p.windows))}
	case "darwin":
		return []string{m.home("Library/" + p.mac)}
	}
	var all []string
	for _, folder := range p.linux {
		all = append(all, m.home(folder))
	}
	if p.config != "" {
		all = append(all, filepath.Join(m.variable("XDG_CONFIG_HOME", m.home(".config")), filepath.FromSlash(p.config)))
	}
	return all
}

// profiles are those that profiles.ini names and that exist.
func (m Machine) profiles(p mozilla) []Place {
	var all []Place
	for _, root := range m.roots(p) {
		for _, profile := range readProfiles(filepath.Join(root, "profiles.ini")) {
			folder := filepath.FromSlash(profile.path)
			if profile.relative {
				folder = filepath.Join(root, folder)
			}
			if !isFolder(folder) {
				continue
			}
			place := Place{ID: p.id + ":" + filepath.Base(folder), Product: p.edition(profile.name), Profile: profile.name, Kind: NSS, File: filepath.Join(folder, "pkcs11.txt")}
			m.version(&place, folder)
			place.Running = m.locked(filepath.Join(folder, "lock"), ":+") || m.OS == "windows" && isHeld(filepath.Join(folder, "parent.lock"))
			all = append(all, place)
		}
	}
	return all
}

// isHeld says whether another process keeps a file open as Windows does: it cannot
// be opened for writing.
func isHeld(path string) bool {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_ = f.Close()
	}
	return err != nil && !os.IsNotExist(err)
}

// A profile is one section of profiles.ini.
type profile struct {
	name, path string
	relative   bool
	preferred  bool // Default=1: some programs take it
}

// readProfiles reads the profiles of a profiles.ini.
func readProfiles(file string) []profile {
	content, err := read(file)
	if err != nil {
		return nil
	}
	var all []profile
	for _, line := range strings.Split(content, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			all = append(all, profile{})
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || len(all) == 0 {
			continue
		}
		last := &all[len(all)-1]
		switch key {
		case "Name":
			last.name = value
		case "Path":
			last.path = value
		case "IsRelative":
			last.relative = value == "1"
		case "Default":
			last.preferred = value == "1"
		}
	}
	return slices.DeleteFunc(all, func(p profile) bool { return p.path == "" })
}

// version reads what the program last wrote of itself in a profile.
func (m Machine) version(p *Place, folder string) {
	p.Packaging = sandboxOf(m.Home, folder)
	content, err := read(filepath.Join(folder, "compatibility.ini"))
	if err != nil {
		return
	}
	for _, line := range strings.Split(content, "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "LastVersion":
			p.Version, _, _ = strings.Cut(value, "_")
		case "LastPlatformDir":
			if strings.Contains(value, "-esr") {
				p.Product += " ESR"
			}
			if p.Packaging == Unknown {
				p.Packaging = m.packaging(value)
			}
		}
	}
}

// packaging tells how a program was installed, by its folder.
func (m Machine) packaging(folder string) Packaging {
	switch {
	case m.OS != "linux":
		return Unknown
	case strings.HasPrefix(folder, "/snap/"):
		return Snap
	case strings.HasPrefix(folder, "/app/"):
		return Flatpak
	case strings.HasPrefix(folder, "/tmp/.mount_"):
		return AppImage
	case !strings.HasPrefix(folder, "/usr/"):
		return Tarball
	case isFolder(m.system("/var/lib/dpkg/info")):
		return Deb
	case isFolder(m.system("/var/lib/rpm")), isFolder(m.system("/usr/lib/sysimage/rpm")):
		return RPM
	}
	return Unknown
}

// locked says whether a lock, a link that ends in the number of its process, is
// held by a running one.
func (m Machine) locked(link, before string) bool {
	target, err := os.Readlink(link)
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(target[strings.LastIndex(target, before)+len(before):])
	return err == nil && strings.Contains(target, before) && m.Running(pid)
}

// databases are the NSS databases that the Chromium family shares.
func (m Machine) databases() []Place {
	var names []string
	shared := Place{ID: "chromium", Kind: NSS}
	var sandboxes []Place
	config := m.variable("XDG_CONFIG_HOME", m.home(".config"))
	for _, c := range chromiums() {
		folder := filepath.Join(config, filepath.FromSlash(c.config))
		if isFolder(folder) || slices.ContainsFunc(c.commands, func(name string) bool { return exists(m.system("/usr/bin/" + name)) }) {
			names = append(names, c.product)
			if version, err := read(filepath.Join(folder, "Last Version")); err == nil && shared.Version == "" {
				shared.Version = strings.TrimSpace(version)
			}
			shared.Running = shared.Running || m.locked(filepath.Join(folder, "SingletonLock"), "-")
		}
		sandboxes = append(sandboxes, m.sandboxed(c)...)
	}
	shared.Product = strings.Join(names, ", ")
	var all []Place
	old, newer := m.home(".pki/nssdb"), filepath.Join(m.variable("XDG_DATA_HOME", m.home(".local/share")), "pki", "nssdb")
	for _, folder := range []string{old, newer} {
		// the newer place is made where there is neither
		if len(names) > 0 && (isFolder(folder) || folder == newer && !isFolder(old)) {
			place := shared
			place.File = filepath.Join(folder, "pkcs11.txt")
			all = append(all, place)
		}
	}
	return append(all, sandboxes...)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// p11kit are the modules folders of p11-kit: of the user and of the computer.
func (m Machine) p11kit() []Place {
	if !isFolder(m.system("/usr/share/p11-kit")) && !isFolder(m.system("/etc/pkcs11")) && !isFile(m.system("/usr/bin/p11-kit")) {
		return nil
	}
	own := filepath.Join(m.variable("XDG_CONFIG_HOME", m.home(".config")), "pkcs11", "modules")
	return []Place{
		{ID: "p11-kit", Product: "GnuTLS, p11-kit", Kind: P11Kit, File: filepath.Join(own, "cie.module")},
		{ID: "p11-kit:system", Product: "GnuTLS, p11-kit", Kind: P11Kit, File: m.system("/etc/pkcs11/modules/cie.module"), System: true},
	}
}

// policies are the files by which an administrator sets up a Mozilla program.
func (m Machine) policies(p mozilla) []Place {
	var files []string
	switch m.OS {
	case "windows":
		if len(p.programs) > 0 {
			if folder := filepath.Join(m.variable("ProgramFiles", `C:\Program Files`), p.programs[0]); isFolder(folder) {
				files = []string{filepath.Join(folder, "distribution", "policies.json")}
			}
		}
	case "darwin":
		if len(p.programs) > 1 && isFolder(m.system(p.programs[1])) {
			files = []string{filepath.Join(m.system(p.programs[1]), "distribution", "policies.json")}
		}
	default:
		for _, folder := range p.policies {
			if isFolder(m.system(folder)) || exists(m.system("/usr/bin/"+p.id)) || exists(m.system("/usr/bin/"+p.id+"-esr")) {
				files = append(files, filepath.Join(m.system(folder), "policies", "policies.json"))
			}
		}
	}
	var all []Place
	for _, f := range files {
		all = append(all, Place{ID: p.id + ":system", Product: p.product, Kind: Policy, File: f, System: true})
	}
	return all
}

// judge reads the file of a place and says how our module stands there.
func (m Machine) judge(p *Place, module string) {
	content, err := read(p.File)
	if err != nil && !os.IsNotExist(err) {
		p.State = Unreadable
		return
	}
	var proxy bool
	p.Module, p.Rivals, proxy = entries(p.Kind, content, module)
	switch {
	case p.Packaging == Flatpak && p.Module == client():
		p.State = Indirect
		return
	case p.Packaging == Snap || p.Packaging == Flatpak:
		p.State, p.Steps = Sandboxed, m.steps(*p, module)
	case p.Module == "" && proxy:
		p.State = Indirect
	case p.Module == "":
		p.State = Absent
	case module != "" && p.Module != module:
		p.State = Other
	default:
		p.State = Registered
	}
	if p.Module != "" && !isFile(p.Module) {
		p.State = Broken
	}
}

// read reads a text file that is not too large.
func read(path string) (string, error) {
	content, err := wholefile.Read(path, maxFile)
	return string(content), err
}
