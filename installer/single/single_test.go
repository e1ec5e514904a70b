package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/sums"
)

// A program that writes what it is called with beside itself.
const program = "#!/bin/sh\necho \"$*\" >>\"$(dirname \"$0\")/../said\"\n"

const texts = `{"en": {"single.damaged": "Damaged: {{.cause}}", "single.place": "No place: {{.cause}}", "single.start": "Fails: {{.cause}}"},
 "it": {"single.damaged": "Danneggiato: {{.cause}}"}}`

const (
	desktopName = "share/applications/it.softwarecie.Cie.desktop"
	menuName    = "share/kio/servicemenus/it.softwarecie.Cie.sign.desktop"
)

// made writes a single file of a release: a head, and an archive after it.
func made(t *testing.T, release string, change map[string]string) string {
	t.Helper()
	content := map[string]string{
		"cie": program, "cie-gui": program, "libcie-pkcs11.so": "library of " + release, releaseName: release,
		desktopName: "[Desktop Entry]\nExec=cie-gui\nTryExec=cie-gui\n", menuName: "[Desktop Entry]\nExec=cie-gui --sign %F\n",
	}
	var list strings.Builder
	names := []string{"cie", "cie-gui", "libcie-pkcs11.so", desktopName, menuName, releaseName}
	for _, name := range names {
		sum := sha256.Sum256([]byte(content[name]))
		fmt.Fprintf(&list, "%s  %s\n", hex.EncodeToString(sum[:]), name)
	}
	content[sums.Name], content[textsName] = list.String(), texts
	for name, text := range change {
		content[name] = text
	}
	var out bytes.Buffer
	out.WriteString("the head")
	z := zip.NewWriter(&out)
	z.SetOffset(int64(out.Len()))
	names = append(names, sums.Name, textsName)
	if content[sums.Signature] != "" {
		names = append(names, sums.Signature)
	}
	for _, name := range names {
		header := &zip.FileHeader{Name: name}
		header.SetMode(0o644)
		if strings.HasPrefix(content[name], "#!") {
			header.SetMode(0o755)
		}
		w, err := z.CreateHeader(header)
		must(t, err)
		_, err = w.Write([]byte(content[name]))
		must(t, err)
	}
	must(t, z.Close())
	path := filepath.Join(t.TempDir(), "cie.run")
	must(t, os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put puts the archive of a file into the place.
func put(t *testing.T, p place, file string) error {
	t.Helper()
	a, err := open(file)
	must(t, err)
	defer a.close()
	return a.explain(p.put(a))
}

func empty(t *testing.T) place {
	t.Helper()
	home := t.TempDir()
	p, err := placeOf(func(name string) string { return map[string]string{"HOME": home}[name] })
	must(t, err)
	return p
}

func has(t *testing.T, path, want string, mode fs.FileMode) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil || string(content) != want {
		t.Errorf("%s holds %q, %v, want %q", filepath.Base(path), content, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != mode {
		t.Errorf("%s: mode %v, %v, want %v", filepath.Base(path), info.Mode(), err, mode)
	}
}

func TestPut(t *testing.T) {
	p := empty(t)
	must(t, put(t, p, made(t, "1000 1.0.0\n", nil)))
	has(t, filepath.Join(p.folder, "cie-gui"), program, 0o755)
	has(t, filepath.Join(p.folder, "libcie-pkcs11.so"), "library of 1000 1.0.0\n", 0o644)
	gui := filepath.Join(p.folder, "cie-gui")
	has(t, filepath.Join(p.data, "applications/it.softwarecie.Cie.desktop"), "[Desktop Entry]\nExec=\""+gui+"\"\nTryExec="+gui+"\n", 0o644)
	has(t, filepath.Join(p.data, "kio/servicemenus/it.softwarecie.Cie.sign.desktop"), "[Desktop Entry]\nExec=\""+gui+"\" --sign %F\n", 0o755)
	if left, _ := filepath.Glob(filepath.Join(p.folder, ".new-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A newer release replaces an older one, never the other way round.
func TestReleases(t *testing.T) {
	p := empty(t)
	library := filepath.Join(p.folder, "libcie-pkcs11.so")
	for _, tt := range []struct{ release, want string }{
		{"1000 1.0.0\n", "1000 1.0.0\n"}, {"2000 2.0.0\n", "2000 2.0.0\n"}, {"1000 1.0.0\n", "2000 2.0.0\n"},
	} {
		must(t, put(t, p, made(t, tt.release, nil)))
		has(t, library, "library of "+tt.want, 0o644)
	}
	must(t, os.WriteFile(filepath.Join(p.folder, releaseName), []byte("nonsense"), 0o600))
	must(t, put(t, p, made(t, "1000 1.0.0\n", nil)))
	has(t, library, "library of 1000 1.0.0\n", 0o644)
}

// The signature of the list is that of the same release, or none.
func TestSigned(t *testing.T) {
	p := empty(t)
	signature := filepath.Join(p.folder, sums.Signature)
	must(t, put(t, p, made(t, "1000 1.0.0\n", map[string]string{sums.Signature: "signature"})))
	has(t, signature, "signature", 0o644)
	must(t, put(t, p, made(t, "2000 2.0.0\n", nil)))
	if _, err := os.Stat(signature); err == nil {
		t.Error("a signature of another list is left")
	}
}

// What was changed in place is put right.
func TestRepair(t *testing.T) {
	p := empty(t)
	file := made(t, "1000 1.0.0\n", nil)
	must(t, put(t, p, file))
	library, gui := filepath.Join(p.folder, "libcie-pkcs11.so"), filepath.Join(p.folder, "cie-gui")
	must(t, os.WriteFile(library, []byte("another"), 0o600))
	must(t, os.Chmod(gui, 0o777)) //nolint:gosec // what the test is about
	must(t, os.Remove(filepath.Join(p.folder, "cie")))
	must(t, os.Symlink("/bin/true", filepath.Join(p.folder, "cie")))
	must(t, put(t, p, file))
	has(t, library, "library of 1000 1.0.0\n", 0o644)
	has(t, gui, program, 0o755)
	if info, err := os.Lstat(filepath.Join(p.folder, "cie")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("a link stays in place of a program: %v, %v", info, err)
	}
}

func TestDamaged(t *testing.T) {
	t.Setenv("CIE_LANG", "it")
	sum := strings.Repeat("0", 64)
	for name, change := range map[string]map[string]string{
		"a program":        {"cie": "another program"},
		"the list":         {sums.Name: "no list"},
		"a path":           {sums.Name: sum + "  ../cie\n"},
		"a missing file":   {sums.Name: sum + "  missing\n"},
		"the sentences":    {textsName: "{"},
		"an empty archive": nil,
	} {
		t.Run(name, func(t *testing.T) {
			p, file := empty(t), made(t, "1000 1.0.0\n", change)
			if change == nil {
				must(t, os.Truncate(file, 100))
			}
			a, err := open(file)
			if err == nil {
				err = a.explain(p.put(a))
				a.close()
			}
			if err == nil || !strings.Contains(err.Error(), "(CIE-INS-01)") {
				t.Errorf("%v", err)
			}
			if _, err := os.Lstat(filepath.Join(p.folder, "cie")); name == "a program" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a damaged program is in place: %v", err)
			}
		})
	}
}

// One bit turned anywhere in a program is noticed.
func TestTurnedBits(t *testing.T) {
	file := made(t, "1000 1.0.0\n", nil)
	content, err := os.ReadFile(file)
	must(t, err)
	content[bytes.Index(content, []byte("library of"))] ^= 1
	must(t, os.WriteFile(file, content, 0o600))
	if err := put(t, empty(t), file); err == nil || !strings.Contains(err.Error(), "(CIE-INS-01)") {
		t.Errorf("%v", err)
	}
}

func TestNoPlace(t *testing.T) {
	for _, home := range []string{"", "relative", "/dev/null", "/nonexistent/person"} {
		if p, err := placeOf(func(name string) string { return map[string]string{"HOME": home}[name] }); err == nil {
			t.Errorf("home %q: %v", home, p)
		}
	}
	p := empty(t)
	must(t, os.MkdirAll(filepath.Dir(p.folder), 0o700))
	must(t, os.WriteFile(p.folder, nil, 0o600)) // a file where the folder is to be
	if err := put(t, p, made(t, "1000 1.0.0\n", nil)); err == nil || !strings.HasPrefix(err.Error(), "No place: ") || !strings.Contains(err.Error(), "(CIE-INS-02)") {
		t.Errorf("%v", err)
	}
}

func TestRemove(t *testing.T) {
	p := empty(t)
	if err := p.remove(); err == nil {
		t.Error("nothing there, and removed")
	}
	must(t, put(t, p, made(t, "1000 1.0.0\n", nil)))
	own := filepath.Join(p.folder, "my notes")
	must(t, os.WriteFile(own, nil, 0o600))
	must(t, p.remove())
	has(t, own, "", 0o600)
	must(t, os.Remove(own))
	must(t, put(t, p, made(t, "1000 1.0.0\n", nil)))
	must(t, p.remove())
	if _, err := os.Lstat(p.folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s stays: %v", p.folder, err)
	}
	if left, err := filepath.Glob(filepath.Join(p.data, "*/*/*Cie*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	has(t, filepath.Join(filepath.Dir(p.folder), "said"), "browser remove --all\nbrowser remove --all\n", 0o644)
}

func TestRunnable(t *testing.T) {
	must(t, runnable("/bin/sh"))
	for _, content := range []string{"", "\x7fELF of nothing"} {
		path := filepath.Join(t.TempDir(), "program")
		must(t, os.WriteFile(path, []byte(content), 0o700)) //nolint:gosec // a program
		var p *problem
		if err := runnable(path); !errors.As(err, &p) || p.kind != errStart {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// The path of a program in a desktop file, from the specification's rules.
func TestQuoted(t *testing.T) {
	for path, want := range map[string]string{
		"/home/anna/cie": `"/home/anna/cie"`, "/a b/cie": `"/a b/cie"`, "/50%/cie": `"/50%%/cie"`, `/a$b/cie`: `"/a\\$b/cie"`, `/a"b`: `"/a\\"b"`, `/a\b`: `"/a\\\\b"`,
	} {
		if got := quoted(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
