//go:build integration

package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/rig"
)

// TestMSI makes the installers for Windows and has wine install, upgrade and remove
// them, for the computer and for a person. The programs are those in $CIE_WINDOWS, as
// "make test-windows" wants it; otherwise it builds two, and the window is a stand-in.
func TestMSI(t *testing.T) {
	rig.Need(t, "wixl", "msibuild", "msiinfo", "wine", "wineserver", "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-windres", "rsvg-convert")
	schema := bomSchema(t)
	key := filepath.Join(t.TempDir(), "key.pem")
	der, err := x509.MarshalPKIXPublicKey(releaseKey(t))
	if err = errors.Join(err, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	build, whole := os.Getenv("CIE_WINDOWS"), true
	if build == "" {
		build, whole = "build/test-windows", false
		say(t, "installer/windows/build.sh", build, "cie", "cie-pkcs11-helper")
		say(t, "cp", filepath.Join(build, "cie.exe"), filepath.Join(build, "cie-gui.exe"))
	}
	older, newer := installers(t, build, whole, "v1.2.3"), installers(t, build, whole, "v1.10.0")
	t.Run("same bytes twice", func(t *testing.T) {
		for i, file := range installers(t, build, whole, "v1.2.3").files {
			first, err := os.ReadFile(older.files[i])
			second, err2 := os.ReadFile(file)
			if err := errors.Join(err, err2); err != nil || !bytes.Equal(first, second) {
				t.Errorf("%s is not the same twice: %v", filepath.Base(file), err)
			}
		}
	})
	for _, file := range newer.files {
		checkBill(t, schema, file)
	}
	w := startWine(t)
	for i, scope := range []scope{
		{"computer", `C:\Program Files\Software CIE`, `HKLM\System\CurrentControlSet\Control\Session Manager\Environment`},
		{"person", w.folder("LOCALAPPDATA") + `\Programs\Software CIE`, `HKCU\Environment`},
	} {
		t.Run(scope.name, func(t *testing.T) {
			w.t = t
			before := w.state()
			w.install(older.files[i])
			w.installed(scope, older)
			w.used(scope)
			w.menus(scope)
			w.verified(scope, older, key)
			w.install(newer.files[i])
			w.installed(scope, newer)
			if err := w.try("msiexec", "/i", older.files[i], "/qn"); err == nil {
				t.Error("an older version is installed over a newer one")
			}
			if got := w.listed(); !slices.Equal(got, []string{newer.version}) {
				t.Errorf("after a refused one the list of programs has %q", got)
			}
			if newer.window {
				w.window(scope)
			}
			w.must(scope.folder+`\cie.exe`, "forget", "--all", "--settings")
			w.must("msiexec", "/x", newer.files[i], "/qn")
			w.sameAs(before)
			if scope.name == "person" {
				return
			}
			w.install(newer.files[i], "ADDLOCAL=pkcs11", "FIREFOX=0")
			if w.there(scope.folder+`\cie.exe`) || !w.there(scope.folder+`\cie-pkcs11.dll`) || w.value(firefoxKey, "CIE") != "" {
				t.Error("more or less than was chosen is installed")
			}
			w.must("msiexec", "/x", newer.files[i], "/qn")
			w.sameAs(before)
		})
	}
	w.t = t
	t.Run("policy", func(t *testing.T) { w.t = t; w.policy(newer) })
}

// A scope is where an installer puts things.
type scope struct{ name, folder, environment string }

const (
	firefoxKey = `HKLM\Software\Policies\Mozilla\Firefox\SecurityDevices\Add`
	policyKey  = `HKLM\Software\Policies\Software CIE`
)

// made are the two installers of one version, for the computer and for a person.
type made struct {
	files    []string
	build    string
	version  string
	packages int // that are installed unasked
	programs []string
	window   bool
}

// installers makes them of what was built: all programs, or two.
func installers(t *testing.T, build string, whole bool, version string) made {
	t.Helper()
	t.Setenv("CIE_VERSION", version)
	r := &rel{arch: "amd64", build: build, out: t.TempDir(), known: map[string]string{}}
	if err := r.read(); err != nil {
		t.Fatal(err)
	}
	m := made{version: strings.TrimPrefix(version, "v"), window: whole, build: build}
	if !whole {
		r.Packages = slices.DeleteFunc(r.Packages, func(p pkg) bool { return contents[p.Name] == nil })
	}
	for _, p := range r.Packages {
		if p.Name != "cie-emulator" && len(p.Windows) > 0 { // that only for who asks for it
			m.packages++
			m.programs = append(m.programs, p.Windows...)
		}
	}
	if err := r.make("msi"); err != nil {
		t.Fatal(err)
	}
	m.files = []string{filepath.Join(r.out, "cie-"+m.version+"-amd64.msi"), filepath.Join(r.out, "cie-"+m.version+"-amd64-user.msi")}
	return m
}

// wine is a Windows of its own, without readers.
type wine struct {
	t       *testing.T
	prefix  string
	display *rig.Display
}

// startWine makes one. The wine of Debian 12 lacks a library that Go needs.
func startWine(t *testing.T) *wine {
	t.Helper()
	w := &wine{t: t, prefix: filepath.Join(t.TempDir(), "wine"), display: rig.StartDisplay(t, "1280x900")}
	w.must("cmd", "/c", "exit")
	t.Cleanup(func() { _ = w.command("wineserver", "-k").Run() })
	library := filepath.Join(w.prefix, "drive_c/windows/system32/bcryptprimitives.dll")
	if _, err := os.Stat(library); errors.Is(err, fs.ErrNotExist) {
		say(t, "x86_64-w64-mingw32-gcc", "-shared", "-o", library, "internal/moduletest/testdata/bcryptprimitives.c", "-ladvapi32")
	}
	return w
}

func (w *wine) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "WINEPREFIX="+w.prefix, "HOME="+filepath.Dir(w.prefix), "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=", "DISPLAY="+w.display.Name, // no entries in the host's menu
		"LIBGL_ALWAYS_SOFTWARE=1", "LC_ALL=C.UTF-8", "CIE_LANG=en", "CIE_CONFIG=", "XDG_CONFIG_HOME=", "XDG_STATE_HOME=")
	return c
}

// unstarted is what wine says where it has not started a program: that happens while
// the services of the one before are ending.
const unstarted = "ShellExecuteEx failed: Internal error"

// run runs a program of Windows, and returns what it and its errors say.
func (w *wine) run(args ...string) (out, failure string, err error) {
	for range 3 {
		if out, failure, err = w.start(args...); err == nil || !strings.Contains(out+failure, unstarted) {
			break
		}
		_ = w.command("wineserver", "-w").Run()
	}
	return out, failure, err
}

// start prints into files: wine's services would hold a pipe open after its end.
func (w *wine) start(args ...string) (out, failure string, err error) {
	folder := filepath.Dir(w.prefix)
	c := w.command("wine", args...)
	var files []*os.File
	for _, name := range []string{"out", "failure"} {
		file, err := os.Create(filepath.Join(folder, name))
		if err != nil {
			return "", "", err
		}
		defer file.Close()
		files = append(files, file)
	}
	c.Stdout, c.Stderr = files[0], files[1]
	err = c.Run()
	for i, text := range []*string{&out, &failure} {
		content, err2 := os.ReadFile(files[i].Name())
		*text, err = strings.ReplaceAll(string(content), "\r", ""), errors.Join(err, err2)
	}
	return out, failure, err
}

func (w *wine) try(args ...string) error {
	_, _, err := w.run(args...)
	return err
}

// must runs a program that must succeed, and returns what it prints.
func (w *wine) must(args ...string) string {
	w.t.Helper()
	out, failure, err := w.run(args...)
	if err != nil {
		w.t.Fatalf("%q: %v\n%s%s", args, err, out, failure)
	}
	return out
}

func (w *wine) install(file string, properties ...string) {
	w.t.Helper()
	w.must(append([]string{"msiexec", "/i", file, "/qn", "/norestart"}, properties...)...)
}

// folder is what a variable names.
func (w *wine) folder(variable string) string {
	return strings.TrimSpace(w.must("cmd", "/c", "echo %"+variable+"%"))
}

// host is a path of Windows as the host sees it.
func (w *wine) host(path string) string {
	return filepath.Join(w.prefix, "drive_c", strings.ReplaceAll(strings.TrimPrefix(path, `C:\`), `\`, "/"))
}

func (w *wine) there(path string) bool {
	_, err := os.Stat(w.host(path))
	return err == nil
}

// value is one of the registry, "" where there is none.
func (w *wine) value(key, name string) string {
	out, _, _ := w.run("reg", "query", key, "/v", name)
	for _, line := range strings.Split(out, "\n") {
		if _, value, found := strings.Cut(line, "    REG_"); found {
			_, value, _ = strings.Cut(value, "    ")
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// installed sees that a version is there whole, and told to Windows.
func (w *wine) installed(s scope, m made) {
	w.t.Helper()
	for _, name := range append(slices.Clone(m.programs), licencesName) {
		if !w.there(s.folder + `\` + name) {
			w.t.Errorf("%s is missing", name)
		}
	}
	if w.there(s.folder + `\cie-emulator.exe`) {
		w.t.Error("the emulated card is installed unasked")
	}
	if got := w.listed(); !slices.Equal(got, []string{m.version}) {
		w.t.Errorf("the list of programs has the versions %q, want %q", got, m.version)
	}
	if path := w.value(s.environment, "PATH"); strings.Count(path, s.folder) != 1 {
		w.t.Errorf("PATH is %q", path)
	}
	want := ""
	if s.name == "computer" {
		want = s.folder + `\cie-pkcs11.dll`
	}
	if got := w.value(firefoxKey, "CIE"); got != want {
		w.t.Errorf("Firefox's policy says %q, want %q", got, want)
	}
	menu := `\Microsoft\Windows\Start Menu\Programs\Software CIE.lnk` // wine has but the person's
	if !w.there(w.folder("APPDATA") + menu) {
		w.t.Error("nothing in the Start menu")
	}
}

// listed are our versions in the list of programs; wine has but the computer's.
func (w *wine) listed() (versions []string) {
	const key = `HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall`
	out, _, _ := w.run("reg", "query", key, "/s")
	ours := false
	for _, line := range strings.Split(out, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "    REG_SZ    ")
		switch {
		case strings.HasPrefix(line, "HKEY_"):
			ours = false
		case name == "DisplayName":
			ours = value == "Software CIE"
		}
		if ours && name == "DisplayVersion" {
			versions = append(versions, value)
		}
	}
	return versions
}

// used runs what is installed: the command line, and the library in a program.
func (w *wine) used(s scope) {
	w.t.Helper()
	if out := w.must(s.folder+`\cie.exe`, "version"); !strings.Contains(out, "cie ") {
		w.t.Errorf("cie version: %q", out)
	}
	if out := w.must(s.folder+`\cie.exe`, "--help"); !strings.Contains(out, "Usage:") || !strings.Contains(out, "doctor") {
		w.t.Errorf("cie --help: %q", out)
	}
	folder := w.t.TempDir()
	program, headers := filepath.Join(folder, "program.exe"), filepath.Join(folder, "p11-kit")
	if err := os.MkdirAll(headers, 0o700); err != nil {
		w.t.Fatal(err)
	}
	say(w.t, "cp", "/usr/include/p11-kit-1/p11-kit/pkcs11.h", headers)
	say(w.t, "x86_64-w64-mingw32-gcc", "-std=gnu11", "-I", folder, "-o", program, "internal/moduletest/testdata/windows.c")
	if out := w.must(program, s.folder+`\cie-pkcs11.dll`); !strings.Contains(out, "all as wanted") {
		w.t.Errorf("the library: %s", out)
	}
}

// menus sees what the menus of documents offer, and what they run.
func (w *wine) menus(s scope) {
	w.t.Helper()
	classes := map[string]string{"computer": "HKEY_LOCAL_MACHINE", "person": "HKEY_CURRENT_USER"}[s.name] + `\Software\Classes\`
	program := s.folder + `\cie-gui.exe`
	for _, menu := range []struct{ of, action, text, number string }{
		{`SystemFileAssociations\.p7m`, "verify", "Verify with CIE", "101"},
		{`SystemFileAssociations\.p7s`, "verify", "Verify with CIE", "101"},
		{`SystemFileAssociations\.pdf`, "verify", "Verify with CIE", "101"},
		{"*", "sign", "Sign with CIE", "102"},
	} {
		key := classes + menu.of + `\shell\SoftwareCIE.` + menu.action
		out := w.must("reg", "query", key, "/s")
		for _, want := range []string{
			key, "    (Default)    REG_SZ    " + menu.text, "    MUIVerb    REG_SZ    @" + program + ",-" + menu.number, "    Icon    REG_SZ    " + program,
			"    MultiSelectModel    REG_SZ    Single", key + `\command`, `    (Default)    REG_SZ    "` + program + `" --` + menu.action + ` "%1"`,
		} {
			if !strings.Contains("\n"+out, "\n"+want+"\n") {
				w.t.Errorf("no line %q in %s", want, out)
			}
		}
	}
}

// verified has the program verify what is installed.
func (w *wine) verified(s scope, m made, key string) {
	w.t.Helper()
	verify := []string{s.folder + `\cie.exe`, "version", "--verify", "--key", key}
	if out := w.must(verify...); strings.Count(out, "✓ cie-") != m.packages {
		w.t.Errorf("cie version --verify: %s", out)
	}
	changed := w.host(s.folder + `\` + licencesName)
	change(w.t, changed)
	if err := w.try(verify...); err == nil {
		w.t.Error("a changed file is not found")
	}
	change(w.t, changed) // back
}

// window starts the window of the installed program, with emulated cards, and takes
// a picture of it.
func (w *wine) window(s scope) {
	w.t.Helper()
	c := w.command("wine", s.folder+`\cie-gui.exe`, "--demo")
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		_ = w.try("taskkill", "/f", "/im", "cie-gui.exe")
		_ = c.Wait()
	}()
	if !w.display.There("Welcome – Your CIE", 2*time.Minute) {
		w.t.Error("no window")
	}
	time.Sleep(5 * time.Second) // until it is drawn: only the picture is at stake
	if folder := os.Getenv("CIE_SCREENSHOTS"); folder != "" {
		w.display.Shoot(filepath.Join(folder, "windows-"+s.name+".png"))
	}
}

// policy sets what an administrator sets, and asks the program for it.
func (w *wine) policy(m made) {
	w.t.Helper()
	cie := filepath.Join(m.build, "cie.exe")
	show := func() string { return w.must(cie, "config", "show", "--origin") }
	if out := show(); strings.Contains(out, "administrator") {
		w.t.Fatalf("before: %s", out)
	}
	if err := os.Mkdir(w.host(`C:\ca`), 0o700); err != nil {
		w.t.Fatal(err)
	}
	for _, v := range [][]string{
		{"pairing.half", "REG_DWORD", "0"}, {"pin.linger", "REG_SZ", "0s"}, {"Module.Slots", "REG_DWORD", "4"}, {"trust.extra", "REG_MULTI_SZ", `C:\ca`},
	} {
		w.must("reg", "add", policyKey, "/v", v[0], "/t", v[1], "/d", v[2], "/f")
	}
	out := show()
	for _, want := range []string{"pairing.half = false", `pin.linger = "0s"`, "module.slots = 4", `trust.extra = ["C:\\ca"]`} {
		if !strings.Contains(out, want+"  # the administrator's") {
			w.t.Errorf("%q is not the administrator's in\n%s", want, out)
		}
	}
	w.must("reg", "add", policyKey, "/v", "pin.nonsense", "/t", "REG_DWORD", "/d", "1", "/f")
	if err := w.try(cie, "config", "show"); err == nil {
		w.t.Error("an unknown name in the policy is accepted")
	}
	w.must("reg", "delete", policyKey, "/f")
}

// systems are folders that Windows and the toolkit of the window make for all
// programs, and leave empty.
var systems = []string{"windows/Installer", "Roaming/Microsoft/Installer", "AppData/Local/Programs", "Roaming/fyne", "fyne/it.softwarecie.Cie"}

// A state is what an installation could leave behind: files, and lines of the
// registry that tell of us.
type state map[string]bool

// state waits for wine's end, which writes the registry.
func (w *wine) state() state {
	w.t.Helper()
	_ = w.command("wineserver", "-w").Run()
	all := state{}
	drive := filepath.Join(w.prefix, "drive_c")
	for _, name := range everything(drive) {
		if !strings.Contains(strings.ToLower(name), "/temp/") && !slices.ContainsFunc(systems, func(end string) bool { return strings.HasSuffix(name, end) }) {
			all[name] = true
		}
	}
	for _, name := range []string{"system.reg", "user.reg"} {
		content, err := os.ReadFile(filepath.Join(w.prefix, name))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, line := range strings.Split(string(content), "\n") {
			if lower := strings.ToLower(line); strings.Contains(lower, "software cie") || strings.Contains(lower, "softwarecie") || strings.Contains(lower, "cie-") {
				all[name+": "+line] = true
			}
		}
	}
	return all
}

func (w *wine) sameAs(before state) {
	w.t.Helper()
	after := w.state()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if !before[name] {
			w.t.Errorf("left behind: %s", name)
		}
	}
	for name := range before {
		if !after[name] {
			w.t.Errorf("gone: %s", name)
		}
	}
}
