package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// A bom is a bill of materials: CycloneDX 1.5, as far as we need it.
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	PURL    string `json:"purl,omitempty"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// bill writes FILE.cdx.json beside a package: its programs with their hashes, and
// the modules that each was linked from, as the programs themselves tell.
func (r *rel) bill(file, root string) error {
	content, err := os.ReadFile(filepath.Join(r.out, file))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		SerialNumber: "urn:uuid:" + uuid(sum), Components: []component{}, Dependencies: []dependency{},
		Metadata: metadata{Timestamp: r.date.Format("2006-01-02T15:04:05Z"), Component: component{
			Type: "application", Ref: file, Name: file, Version: r.version.String(), Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", sum)}},
		}},
	}
	modules := map[string]bool{}
	whole := dependency{Ref: file, On: []string{}}
	for _, name := range files(root) {
		if !isELF(filepath.Join(root, name)) && !isPE(filepath.Join(root, name)) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		b.Components = append(b.Components, component{
			Type: "file", Ref: name, Name: name, Version: r.version.String(), Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(content))}},
		})
		whole.On = append(whole.On, name)
		d := dependency{Ref: name, On: []string{}}
		for _, m := range modulesOf(filepath.Join(root, name)) {
			c := component{Type: "library", Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version}
			c.Ref = c.PURL
			if !modules[c.Ref] {
				b.Components = append(b.Components, c)
			}
			modules[c.Ref] = true
			d.On = append(d.On, c.Ref)
		}
		b.Dependencies = append(b.Dependencies, d)
	}
	b.Dependencies = append(b.Dependencies, whole)
	out, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return write(filepath.Join(r.out, file+".cdx.json"), append(out, '\n'), 0o644)
}

// uuid is a UUID (RFC 9562, version 8) made of a hash, so that the same package
// has the same bill.
func uuid(sum [32]byte) string {
	sum[6], sum[8] = sum[6]&0x0F|0x80, sum[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// modulesOf lists what a program was linked from, with the Go release as the
// module "std"; nothing where it is no Go program.
func modulesOf(file string) []debug.Module {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil
	}
	all := []debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, *m)
	}
	return all
}

// licences are ours, and those of the modules that the programs below root hold.
func (r *rel) licences(root string) (own, modules []byte, err error) {
	if own, err = os.ReadFile("LICENSE"); err != nil {
		return nil, nil, err
	}
	modules, err = r.modules(root)
	return own, modules, err
}

// modules are the licences of everything that the programs below root were linked
// from; nothing where there are none.
func (r *rel) modules(root string) ([]byte, error) {
	versions := map[string]string{}
	for _, name := range files(root) {
		for _, m := range modulesOf(filepath.Join(root, name)) {
			versions[m.Path] = m.Version
		}
	}
	text := ""
	for _, module := range slices.Sorted(maps.Keys(versions)) {
		licence, err := r.licenceOf(module)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", module, err)
		}
		text += fmt.Sprintf("%s %s\n\n%s\n--------\n\n", module, versions[module], licence)
	}
	return []byte(text), nil
}

// licenceOf a module, read once.
func (r *rel) licenceOf(module string) (string, error) {
	if known := r.known[module]; known != "" {
		return known, nil
	}
	folder := output("go", "env", "GOROOT")
	if module != "std" {
		folder = output("go", "list", "-m", "-f", "{{.Dir}}", module)
	}
	licence, err := licenceIn(folder)
	r.known[module] = string(licence)
	return string(licence), err
}

func licenceIn(folder string) ([]byte, error) {
	for _, pattern := range []string{"[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*", "COPYING*"} {
		if found, _ := filepath.Glob(filepath.Join(folder, pattern)); len(found) > 0 {
			return os.ReadFile(found[0])
		}
	}
	return nil, fmt.Errorf("no licence in %q", folder)
}

func isELF(file string) bool { return beginsWith(file, "\x7fELF") }

// isPE says whether a file is a program or a library for Windows.
func isPE(file string) bool { return beginsWith(file, "MZ") }

func beginsWith(file, magic string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	begin := make([]byte, len(magic))
	_, err = io.ReadFull(f, begin)
	return err == nil && string(begin) == magic
}

// everything below root, files and folders, sorted by bytes, relative to it.
func everything(root string) (all []string) {
	_ = filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
		if rel, err2 := filepath.Rel(root, file); err == nil && err2 == nil && rel != "." {
			all = append(all, rel)
		}
		return err
	})
	slices.Sort(all)
	return all
}

// files below root, sorted, but for those that tell a packer what to do.
func files(root string) (all []string) {
	for _, name := range everything(root) {
		info, err := os.Lstat(path.Join(root, name))
		if err == nil && !info.IsDir() && !strings.HasPrefix(name, "DEBIAN/") {
			all = append(all, name)
		}
	}
	return all
}
