package main

import (
	"crypto/md5" //nolint:gosec // what dpkg compares files with, no protection
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// deb packs a package with dpkg-deb (deb(5), Debian Policy 4.6). No package has
// a script: there is nothing to do but to put files in place.
func (r *rel) deb(p *pkg, root string) (string, error) {
	depends, err := r.libraries(root)
	if err != nil {
		return "", err
	}
	others := map[string][]string{"Depends": p.Depends["deb"], "Recommends": p.Recommends["deb"], "Suggests": p.Suggests["deb"]}
	if r.arch == thirtyTwo { // the helper is that of the system, which is always this one
		others = map[string][]string{"Depends": {p.Name + ":amd64 (= {version})"}}
	}
	bytes := size(root)
	if err := r.checksums(root); err != nil {
		return "", err
	}
	control := fmt.Sprintf("Package: %s\nSource: %s\nVersion: %s\nArchitecture: %s\nMaintainer: %s\nInstalled-Size: %d\nSection: %s\nPriority: optional\nHomepage: %s\n",
		p.Name, r.Name, r.version, debian(r.arch), r.Maintainer, (bytes+1023)/1024, p.Section, r.Homepage)
	for _, field := range []struct {
		name string
		list []string
	}{
		{"Depends", append(depends, others["Depends"]...)}, {"Recommends", others["Recommends"]}, {"Suggests", others["Suggests"]},
	} {
		if len(field.list) > 0 {
			control += field.name + ": " + r.expand("deb", strings.Join(field.list, ", ")) + "\n"
		}
	}
	if p.Library {
		control += "Multi-Arch: same\n"
	}
	control += "Description: " + p.Summary + "\n" + wrapped(p.Description)
	if p.Name == r.Name {
		control = strings.Replace(control, "Source: "+r.Name+"\n", "", 1)
	}
	if err := write(filepath.Join(root, "DEBIAN/control"), []byte(control), 0o644); err != nil {
		return "", err
	}
	if err := r.stamp(root); err != nil {
		return "", err
	}
	file := fmt.Sprintf("%s_%s_%s.deb", p.Name, r.version, debian(r.arch))
	return file, r.command("", "dpkg-deb", "-Zxz", "-z3", "--threads-max=1", "--root-owner-group", "--build", root, filepath.Join(r.out, file))
}

// debian is Debian's name of a processor.
func debian(arch string) string {
	if arch == thirtyTwo {
		return "i386"
	}
	return arch
}

// wrapped is a description as a control file has it, each line after a space.
func wrapped(text string) string {
	var out strings.Builder
	line := ""
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 78 {
			out.WriteString(line + "\n")
			line = ""
		}
		line += " " + word
	}
	out.WriteString(line + "\n")
	return out.String()
}

// checksums writes DEBIAN/md5sums, by which "dpkg --verify" finds changed files.
func (r *rel) checksums(root string) error {
	list := ""
	for _, file := range files(root) {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return err
		}
		list += fmt.Sprintf("%x  %s\n", md5.Sum(content), file) //nolint:gosec // see above
	}
	return write(filepath.Join(root, "DEBIAN/md5sums"), []byte(list), 0o644)
}

var shlibs = regexp.MustCompile(`shlibs:Depends=(.*)`)

// libraries are the packages whose libraries the programs need, with the oldest
// version that will do, as dpkg-shlibdeps measures it. For another processor it
// is measured on this computer's build of the same programs: Debian's packages
// have the same names and versions everywhere.
func (r *rel) libraries(root string) ([]string, error) {
	var programs []string
	for _, file := range files(root) {
		if !isELF(filepath.Join(root, file)) {
			continue
		}
		if r.arch == runtime.GOARCH {
			programs = append(programs, filepath.Join(root, file))
			continue
		}
		native, err := filepath.Abs(filepath.Join(filepath.Dir(r.build), "linux-"+runtime.GOARCH, filepath.Base(file)))
		if err != nil {
			return nil, err
		}
		programs = append(programs, native)
	}
	if len(programs) == 0 {
		return nil, nil
	}
	folder, err := os.MkdirTemp("", "shlibs-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := write(filepath.Join(folder, "debian/control"), []byte("Source: cie\n\nPackage: cie\nArchitecture: any\n"), 0o644); err != nil {
		return nil, err
	}
	if err := r.command(folder, "dpkg-shlibdeps", append([]string{"-Tsubstvars"}, programs...)...); err != nil {
		return nil, err
	}
	out, err := os.ReadFile(filepath.Join(folder, "substvars"))
	m := shlibs.FindSubmatch(out)
	if err != nil || m == nil {
		return nil, fmt.Errorf("dpkg-shlibdeps says nothing: %w", err)
	}
	return strings.Split(string(m[1]), ", "), nil
}
