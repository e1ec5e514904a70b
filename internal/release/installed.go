package release

import (
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softwarecie/cie/internal/sums"
	"github.com/softwarecie/cie/internal/wholefile"
)

// Origin is the name of the file beside the list of what a package installs, in
// which the package says what it is: name, version and format, as in
// "cie-cli 1.2.3 deb".
const Origin = "package"

// A Package is one that lies installed on this computer.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Format  string `json:"format"` // deb, rpm, arch, tar, msi, single
	Files   int    `json:"files"`  // of its list, all as they were signed

	folder string // of its list
}

// places are where the lists lie of packages that came with a program: as seen from
// the folder above it, or from its own: those of an MSI, that of the single file.
var places = []struct{ root, lists string }{{"..", "share/cie/*"}, {".", "packages/*"}, {".", "."}}

// Installed finds the packages that came with a program, and the folder from which
// their lists name files. What they say of themselves is not verified.
func Installed(program string) (root string, all []Package) {
	for _, place := range places {
		root = filepath.Join(filepath.Dir(program), place.root)
		lists, _ := fs.Glob(os.DirFS(root), path.Join(place.lists, sums.Name)) // errs for a bad pattern only
		for _, l := range lists {
			p := Package{folder: filepath.Join(root, filepath.Dir(l))}
			text, _ := wholefile.Read(filepath.Join(p.folder, Origin), maxList)
			if words := strings.Fields(string(text)); len(words) == 3 {
				p.Name, p.Version, p.Format = words[0], words[1], words[2]
			}
			all = append(all, p)
		}
		if len(all) > 0 {
			break
		}
	}
	return root, all
}

// CheckInstalled verifies all that the packages of a program have installed, and
// that the program is part of it.
func CheckInstalled(key ed25519.PublicKey, program string) (all []Package, err error) {
	root, all := Installed(program)
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: around %s", ErrNoList, program)
	}
	known := false
	for i := range all {
		l, err := readList(key, all[i].folder)
		if err != nil {
			return nil, err
		}
		own, err := filepath.Rel(root, filepath.Join(all[i].folder, Origin))
		if err != nil || !slices.Contains(l.Files, filepath.ToSlash(own)) {
			return nil, &FileError{filepath.Join(all[i].folder, Origin), ErrUnlisted}
		}
		good, err := check(l, root, l.Files)
		if err != nil {
			return nil, err
		}
		all[i].Files = len(good)
		name, err := filepath.Rel(root, program)
		known = known || err == nil && slices.Contains(good, filepath.ToSlash(name))
	}
	if !known {
		return nil, &FileError{program, ErrUnlisted}
	}
	return all, nil
}

// fromPackages says whether a program is in a package whose updates are the
// business of a system's package manager.
func fromPackages(program string) bool {
	_, all := Installed(program)
	return slices.ContainsFunc(all, func(p Package) bool { return slices.Contains([]string{"deb", "rpm", "arch"}, p.Format) })
}

// Program is the file of the running program, behind all links.
func Program() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(program)
}
