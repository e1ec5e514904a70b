package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// rpm packs a package with rpmbuild. What libraries the programs need, rpm finds
// out by itself.
func (r *rel) rpm(p *pkg, root string) (string, error) {
	top, err := os.MkdirTemp("", "rpm-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(top) }()
	spec := filepath.Join(top, p.Name+".spec")
	if err := os.WriteFile(spec, []byte(r.spec(p, root)), 0o644); err != nil { //nolint:gosec // not secret
		return "", err
	}
	args := []string{"-bb", "--target", machine(r.arch) + "-linux", "--noclean"}
	for name, value := range map[string]string{
		"_topdir": top, "_rpmdir": top + "/out", "_rpmfilename": "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm",
		"_buildhost": "reproducible", "use_source_date_epoch_as_buildtime": "1", "clamp_mtime_to_source_date_epoch": "1",
		"_build_id_links": "none", "debug_package": "%{nil}", "__os_install_post": "%{nil}", "_binary_payload": "w19.zstdio",
		"_dbpath": top + "/db", "_licensedir": "/usr/share/licenses", "_mandir": "/usr/share/man",
	} {
		args = append(args, "--define", name+" "+value)
	}
	if err := r.command("", "rpmbuild", append(args, spec)...); err != nil {
		return "", err
	}
	file := fmt.Sprintf("%s-%s-1.%s.rpm", p.Name, r.version, machine(r.arch))
	content, err := os.ReadFile(filepath.Join(top, "out", file))
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(filepath.Join(r.out, file), content, 0o644) //nolint:gosec // for everybody
}

// spec is the spec file of a package whose files lie below root.
func (r *rel) spec(p *pkg, root string) string {
	spec := fmt.Sprintf("Name: %s\nVersion: %s\nRelease: 1\nSummary: %s\nLicense: %s\nURL: %s\nPackager: %s\n",
		p.Name, r.version, p.Summary, r.Licence, r.Homepage, r.Maintainer)
	for _, field := range []struct {
		name string
		list []string
	}{{"Requires", p.Depends["rpm"]}, {"Recommends", p.Recommends["rpm"]}, {"Suggests", p.Suggests["rpm"]}} {
		for _, other := range field.list {
			spec += field.name + ": " + r.expand("rpm", other) + "\n"
		}
	}
	// The library is loaded by name, never linked to: nobody may depend on it.
	spec += "%global __provides_exclude_from ^.*/pkcs11/.*$\n"
	spec += "\n%description\n" + strings.ReplaceAll(wrapped(p.Description), "\n ", "\n")[1:]
	spec += "\n%install\nmkdir -p %{buildroot}\ncp -a " + root + "/. %{buildroot}/\n\n%files\n%defattr(-,root,root,-)\n"
	for _, folder := range ownFolders(files(root)) {
		spec += "%dir /" + folder + "\n"
	}
	for _, file := range files(root) {
		if strings.HasPrefix(file, "usr/share/licenses/") {
			spec += "%license "
		}
		spec += "/" + file + "\n"
	}
	return spec
}

// ownFolders are those of files that no package of the system need have, so that they
// go with ours. That p11-kit and file managers have some of them, too, does no harm.
func ownFolders(files []string) []string {
	var all []string
	for _, file := range files {
		for folder := filepath.Dir(file); folder != "."; folder = filepath.Dir(folder) {
			inner := folder + "/"
			for _, own := range []string{"usr/libexec/cie/", "usr/share/cie/", "usr/share/licenses/cie", "usr/lib64/pkcs11/", "usr/share/p11-kit/", "usr/share/Thunar/", "usr/share/file-manager/", "usr/share/kio/", "usr/share/nautilus-python/", "usr/share/nemo/"} {
				if strings.HasPrefix(inner, own) && !slices.Contains(all, folder) {
					all = append(all, folder)
				}
			}
		}
	}
	return all
}
