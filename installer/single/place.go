package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/softwarecie/cie/internal/sums"
)

// shared is the folder of the archive with what shows the programs on the desktop:
// in its menu, for documents, in file managers.
const shared = "share/"

// A place is where the programs of a user lie.
type place struct {
	folder string // of the programs and of the library that browsers load
	data   string // where desktops look for what is in shared
}

// placeOf is below the folder for data of a user (XDG Base Directory Specification
// 0.8): the same for every release, since browsers remember it.
func placeOf(lookup func(string) string) (place, error) {
	data := lookup("XDG_DATA_HOME")
	if !filepath.IsAbs(data) {
		home := lookup("HOME")
		if info, err := os.Stat(home); err != nil || !info.IsDir() || !filepath.IsAbs(home) {
			return place{}, &problem{errPlace, errors.New("HOME")}
		}
		data = filepath.Join(home, ".local", "share")
	}
	return place{folder: filepath.Join(data, "cie"), data: data}, nil
}

// put writes what is not there yet as the archive has it; nothing if a newer
// release is there. Each file is replaced whole, so that a browser that has the old
// one open keeps it; the list of them comes last.
func (p place) put(a *archive) error {
	present, err := os.ReadFile(filepath.Join(p.folder, releaseName))
	if err == nil && date(string(present)) > date(a.release) {
		return nil
	}
	for _, name := range append(a.list.Files, sums.Signature, sums.Name) {
		if err := p.file(a, name); err != nil {
			return placed(err)
		}
	}
	return placed(p.show(a.list.Files))
}

// placed makes a problem of an error of the file system.
func placed(err error) error {
	var p *problem
	if err == nil || errors.As(err, &p) {
		return err
	}
	return &problem{errPlace, err}
}

// file puts one file in place if it is not there as it should be.
func (p place) file(a *archive, name string) error {
	target := filepath.Join(p.folder, name)
	switch {
	case name == sums.Signature && a.files[name] == nil:
		return gone(target) // that of an earlier release
	case name == sums.Signature || name == sums.Name:
		text, err := a.text(name)
		if err != nil {
			return err
		}
		return replace(target, 0o644, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	}
	mode := fs.FileMode(0o644)
	if entry := a.files[name]; entry != nil && entry.Mode()&0o100 != 0 {
		mode = 0o755
	}
	if info, err := os.Lstat(target); err == nil && info.Mode() == mode {
		if sum, err := sums.Of(target); err == nil && sum == a.list.Sums[name] {
			return nil
		}
	}
	return replace(target, mode, func(w io.Writer) error { return a.copy(name, w) })
}

// replace writes a new file and gives it the name of the old one.
func replace(target string, mode fs.FileMode, write func(io.Writer) error) error {
	folder := filepath.Dir(target)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(mode), f.Sync())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// show puts those of the files that are shared where desktops find them, with the
// whole path of the window's program in place of its name.
func (p place) show(files []string) error {
	changed := false
	for _, name := range files {
		where, ok := strings.CutPrefix(name, shared)
		if !ok {
			continue
		}
		content, err := os.ReadFile(filepath.Join(p.folder, name))
		if err != nil {
			return err
		}
		content = p.named(content)
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(where, "kio/") {
			mode = 0o755 // KDE trusts only those of root's and those that are executable
		}
		target := filepath.Join(p.data, where)
		if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, content) {
			continue
		}
		if err := replace(target, mode, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
			return err
		}
		changed = true
	}
	if changed {
		p.associate()
	}
	return nil
}

// named is a desktop file with the whole path of the window's program.
func (p place) named(content []byte) []byte {
	program := filepath.Join(p.folder, "cie-gui")
	lines := strings.SplitAfter(string(content), "\n")
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, "Exec=cie-gui"); ok {
			lines[i] = "Exec=" + quoted(program) + rest
		}
		if rest, ok := strings.CutPrefix(line, "TryExec=cie-gui"); ok {
			lines[i] = "TryExec=" + escape(program) + rest
		}
	}
	return []byte(strings.Join(lines, ""))
}

// associate has the desktop read anew which programs open what. Without the program
// for it, or without such a desktop, there is nothing to do.
func (p place) associate() {
	_ = exec.Command("update-desktop-database", "-q", filepath.Join(p.data, "applications")).Run() //nolint:gosec // the user's folder
}

// quoted is a program's path as the Exec key wants it (Desktop Entry Specification
// 1.5, "The Exec key"): in quotes, with what is special in them escaped, and then
// once more as in any string.
func quoted(path string) string {
	special := strings.NewReplacer(`"`, `\"`, "`", "\\`", `$`, `\$`, `\`, `\\`, `%`, `%%`)
	return escape(`"` + special.Replace(path) + `"`)
}

// escape is a string as a desktop file has it.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(text)
}

// remove takes the library out of the browsers, and then away what put has put.
// Other files in the folder stay, and so does the folder then.
func (p place) remove() error {
	list, err := os.ReadFile(filepath.Join(p.folder, sums.Name))
	if err != nil {
		return placed(err)
	}
	l, err := sums.Parse(list)
	if err != nil {
		return &problem{errPlace, err}
	}
	var failed error
	c := exec.Command(filepath.Join(p.folder, "cie"), "browser", "remove", "--all") //nolint:gosec // our program
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		failed = &problem{errStart, err}
	}
	for _, name := range append(l.Files, sums.Signature, sums.Name) {
		failed = errors.Join(failed, gone(filepath.Join(p.folder, name)))
		if where, ok := strings.CutPrefix(name, shared); ok {
			failed = errors.Join(failed, gone(filepath.Join(p.data, where)))
		}
		for folder := filepath.Dir(name); folder != "."; folder = filepath.Dir(folder) {
			_ = os.Remove(filepath.Join(p.folder, folder)) // the last file takes it along
		}
	}
	_ = os.Remove(p.folder)
	p.associate()
	return placed(failed)
}

// gone removes a file that may not be there.
func gone(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
