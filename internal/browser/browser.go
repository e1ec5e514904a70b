// Package browser finds the programs of a computer that can use a PKCS#11 module,
// and registers ours with them: it changes only its own entry of their files,
// keeps what was there, and can undo.
package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/softwarecie/cie/internal/home"
	"github.com/softwarecie/cie/internal/situation"
)

// ModuleName is how our module is called in the lists of programs. An entry with
// this name is ours, whatever its path.
const ModuleName = "Software CIE"

// A Kind is a way to tell a program about a module.
type Kind string

const (
	NSS    Kind = "nss"     // pkcs11.txt in a Mozilla profile, or in the database of the Chromium family
	Policy Kind = "policy"  // policies.json of a Mozilla program, for all users
	P11Kit Kind = "p11-kit" // a file of p11-kit's modules folder
)

// A State says how our module stands in one place.
type State string

const (
	Absent     State = "absent"     // not registered
	Registered State = "registered" // as it should be
	Other      State = "other"      // registered with another path than the module's
	Broken     State = "broken"     // registered, and there is no such file
	Indirect   State = "indirect"   // reached through p11-kit's proxy; a second entry would show the card twice
	Sandboxed  State = "sandboxed"  // the program cannot see the module: see Steps
	Unreadable State = "unreadable" // its file cannot be read
)

// A Packaging is how a program was installed.
type Packaging string

const (
	Deb      Packaging = "deb"
	RPM      Packaging = "rpm"
	Tarball  Packaging = "tarball"
	Snap     Packaging = "snap"
	Flatpak  Packaging = "flatpak"
	AppImage Packaging = "appimage"
	Unknown  Packaging = ""
)

// A Place is one list of modules that a program reads.
type Place struct {
	ID        string    `json:"id"`      // stable, for a person to type
	Product   string    `json:"product"` // as "Firefox ESR"; several share a database
	Version   string    `json:"version,omitempty"`
	Packaging Packaging `json:"packaging,omitempty"`
	Profile   string    `json:"profile,omitempty"`
	Kind      Kind      `json:"kind"`
	File      string    `json:"file"`   // that is edited
	System    bool      `json:"system"` // for all users; needs an administrator
	Running   bool      `json:"running"`
	State     State     `json:"state"`
	Module    string    `json:"module,omitempty"` // path registered under our name
	Rivals    []string  `json:"rivals,omitempty"` // other modules for the same card
	Steps     []string  `json:"steps,omitempty"`  // commands by which a sandbox lets the card in
}

// A Machine is a computer as this package sees it. The zero value of Root is the
// real one.
type Machine struct {
	OS      string              // as runtime.GOOS
	Root    string              // prefix of every path of the system
	Home    string              // of the user
	Getenv  func(string) string // of the environment: XDG_…, APPDATA, ProgramFiles
	Running func(pid int) bool  // whether a process runs
	Journal string              // folder for what undo needs; "": the user has none
}

// Here is this computer and this user.
func Here() (Machine, error) {
	folder, err := os.UserHomeDir()
	if err != nil {
		return Machine{}, err
	}
	m := Machine{OS: runtime.GOOS, Home: folder, Getenv: os.Getenv, Running: running}
	m.Journal, _ = home.Browsers() // without it nothing is changed: see Apply
	return m, nil
}

func running(pid int) bool {
	if runtime.GOOS == "windows" {
		return true // a lock that is there is held: Windows removes it with its process
	}
	p, err := os.FindProcess(pid)
	return err == nil && !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// variable is one of the environment, or what stands for it.
func (m Machine) variable(name, otherwise string) string {
	if v := m.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// system is a path of the computer, below Root.
func (m Machine) system(path string) string { return filepath.Join(m.Root, filepath.FromSlash(path)) }

// home is a path of the user.
func (m Machine) home(path string) string { return filepath.Join(m.Home, filepath.FromSlash(path)) }

// ErrNoModule means that the module is not installed.
var ErrNoModule = situation.New("no-module", "PKCS#11 module not found")

// FindModule is the module's path: beside the program, else in the folders of
// libraries.
func (m Machine) FindModule(program string) (string, error) {
	name, folders := "libcie-pkcs11.so", []string{"/usr/local/lib", "/usr/lib", "/usr/lib64", "/opt/softwarecie/lib"}
	if triplets, err := filepath.Glob(m.system("/usr/lib/*-linux-gnu*")); err == nil {
		for _, t := range triplets {
			folders = append(folders, strings.TrimPrefix(t, m.Root))
		}
	}
	switch m.OS {
	case "windows":
		name, folders = "cie-pkcs11.dll", nil
	case "darwin":
		name, folders = "libcie-pkcs11.dylib", []string{"/Applications/Software CIE.app/Contents/MacOS"}
	}
	candidates := []string{filepath.Join(filepath.Dir(program), name)}
	for _, f := range folders {
		// softwarecie/: a package may keep it apart from the library path; pkcs11/: ours do
		for _, folder := range []string{"softwarecie", "pkcs11", ""} {
			candidates = append(candidates, filepath.Join(m.system(f), folder, name))
		}
	}
	for _, c := range candidates {
		if m.ours(c) {
			return c, nil
		}
	}
	return "", fmt.Errorf("%w: %s", ErrNoModule, name)
}

// ours says whether our module is at a path. Its helper tells it from the state's
// own module, which has the same name on Linux: it lies beside it, or our packages
// have put both in their places.
func (m Machine) ours(path string) bool {
	folder, helper := filepath.Dir(path), "cie-pkcs11-helper"
	if m.OS == "windows" {
		helper += ".exe"
	}
	packaged := filepath.Base(folder) == "pkcs11" && isFile(m.system("/usr/libexec/cie/"+helper))
	return isFile(path) && (packaged || isFile(filepath.Join(folder, helper)))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isRival says whether a module is another one for the same card, by its file's
// name.
func isRival(path string) bool {
	name := strings.ToLower(path[strings.LastIndexAny(path, `/\`)+1:])
	return strings.Contains(name, "cie-pkcs11") || strings.Contains(name, "ciepki") || strings.Contains(name, "cie_pkcs11")
}
