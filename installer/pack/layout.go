package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// A description is packages.toml.
type description struct {
	Name, Homepage, Licence, Maintainer string
	Key                                 string   // public, of releases; "": there is none yet
	Feed                                string   // address of the notice of the newest version; "": there is none yet
	Packages                            []pkg    `toml:"package"`
	Actions                             []action `toml:"action"`
	Single                              pkg
	Windows                             struct {
		Name             string
		Computer, Person string // upgrade codes
	}
}

// A pkg is one package, the same in all formats but for the names of others.
type pkg struct {
	Name, Summary, Description, Section string
	Depends, Recommends, Suggests       map[string][]string // by format
	Library                             bool                // may be there for two processors
	Files                               [][2]string         // source and place
	Windows                             []string            // programs and libraries in the MSI
	Only                                []struct {
		Formats []string
		Files   [][2]string
	}
}

func load(file string) (d description, err error) {
	meta, err := toml.DecodeFile(file, &d)
	if err == nil && len(meta.Undecoded()) > 0 {
		err = fmt.Errorf("%s: unknown name %s", file, meta.Undecoded()[0])
	}
	return d, err
}

// thirtyTwo is the processor of 32-bit programs, for which there are libraries only.
const thirtyTwo = "386"

// files of a package in a format. The library for 32-bit programs leaves what is of
// the whole system to that of the system.
func (p *pkg) files(format, arch string) [][2]string {
	all := slices.Clone(p.Files)
	for _, o := range p.Only {
		if slices.Contains(o.Formats, format) && arch != thirtyTwo {
			all = append(all, o.Files...)
		}
	}
	return all
}

// triplets are Debian's names of folders of libraries.
func triplet(arch string) string {
	return map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", thirtyTwo: "i386-linux-gnu"}[arch]
}

// machine is the processor as the kernel calls it.
func machine(arch string) string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64", thirtyTwo: "i686"}[arch]
}

// expand fills in the names in braces.
func (r *rel) expand(format, text string) string {
	libdir := map[string]string{"deb": "/usr/lib/" + triplet(r.arch), "rpm": "/usr/lib64", "arch": "/usr/lib", "tar": "/usr/lib"}[format]
	zsh := "/usr/share/zsh/site-functions"
	if format == "deb" {
		zsh = "/usr/share/zsh/vendor-completions"
	}
	return strings.NewReplacer("{build}", r.build, "{libdir}", libdir, "{zsh}", zsh, "{version}", r.depended(format)).Replace(text)
}

// depended is the version as another package of the release names it.
func (r *rel) depended(format string) string {
	if format == "arch" || format == "rpm" {
		return r.version.String() + "-1"
	}
	return r.version.String()
}

// layOut puts the files of a package below root as they are to be installed.
func (r *rel) layOut(p *pkg, format, root string) error {
	for _, f := range p.files(format, r.arch) {
		if err := r.install(format, r.expand(format, f[0]), r.expand(format, f[1]), root); err != nil {
			return err
		}
	}
	if err := r.documents(p, format, root); err != nil {
		return err
	}
	// What lies in /etc is the administrator's to change.
	usr, name := filepath.Join(root, "usr"), p.Name
	if r.arch == thirtyTwo { // both may be installed
		name += "-" + debian(r.arch)
	}
	if err := r.installedList(name, format, usr, path.Join("share", "cie", name), files(usr)); err != nil {
		return err
	}
	return r.stamp(root)
}

func (r *rel) install(format, source, place, root string) error {
	sources, err := filepath.Glob(source)
	if err == nil && len(sources) == 0 {
		err = fmt.Errorf("%s is not there", source)
	}
	if err != nil {
		return err
	}
	for _, s := range sources {
		target := place
		if strings.HasSuffix(place, "/") {
			target = path.Join(place, filepath.Base(s))
		}
		err := filepath.WalkDir(s, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			return r.copy(format, file, filepath.Join(root, target, strings.TrimPrefix(file, s)))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copy installs one file. Manual pages are compressed; a policy names the library
// where this format puts it.
func (r *rel) copy(format, source, target string) error {
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	switch folder := filepath.Base(filepath.Dir(target)); {
	case folder == "bin" || strings.Contains(target, "/libexec/"):
		mode = 0o755
	case folder == "man1":
		content, target = compress(content), target+".gz"
	case filepath.Base(target) == "policies.json":
		content = []byte(r.expand(format, string(content)))
	}
	return write(target, content, mode)
}

func write(target string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(target, content, mode), os.Chmod(target, mode))
}

// compress as gzip -9n does: without name and time.
func compress(content []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(content)
	_ = w.Close() // a buffer takes everything
	return out.Bytes()
}

// documents adds the licences, and what Debian wants beside them.
func (r *rel) documents(p *pkg, format, root string) error {
	own, modules, err := r.licences(root)
	if err != nil {
		return err
	}
	folder, name := filepath.Join(root, "usr/share/licenses", p.Name), "LICENSE"
	if format == "deb" {
		folder, name = filepath.Join(root, "usr/share/doc", p.Name), "copyright"
		change := fmt.Sprintf("%s (%s) unstable; urgency=medium\n\n  * See %s/blob/main/CHANGELOG.md\n\n -- %s  %s\n",
			r.Name, r.version, r.Homepage, r.Maintainer, r.date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
		err = write(filepath.Join(folder, "changelog.gz"), compress([]byte(change)), 0o644)
	}
	text := r.Name + "\n" + r.Homepage + "\n\n" + string(own)
	if p.Library || len(modules) > 0 { // the same text for all processors: packages may share the file
		text += "\nThe licences of the modules that the programs hold are in modules.gz.\n"
	}
	if len(modules) > 0 {
		err = errors.Join(err, write(filepath.Join(folder, "modules.gz"), compress(modules), 0o644))
	}
	return errors.Join(err, write(filepath.Join(folder, name), []byte(text), 0o644))
}

// stamp gives all files and folders the date of the release, and the folders one mode.
func (r *rel) stamp(root string) error {
	return filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(file, 0o755)
		}
		return errors.Join(err, os.Chtimes(file, r.date, r.date))
	})
}

// size of all files below root, in bytes.
func size(root string) (total int64) {
	_ = filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}
