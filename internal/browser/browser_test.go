package browser

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fake is a computer in a folder, with the files given and a module.
func fake(t *testing.T, system string, files map[string]string) (m Machine, module string) {
	t.Helper()
	root := t.TempDir()
	home := filepath.Join(root, "home", "anna")
	variables := map[string]string{
		"APPDATA": filepath.Join(home, "AppData", "Roaming"), "ProgramFiles": filepath.Join(root, "Program Files"),
	}
	m = Machine{
		OS: system, Root: root, Home: home, Journal: filepath.Join(root, "journal"),
		Getenv: func(name string) string { return variables[name] }, Running: func(pid int) bool { return pid == 42 },
	}
	module = filepath.Join(root, "usr", "lib", "libcie-pkcs11.so")
	helper := "cie-pkcs11-helper"
	if system == "windows" {
		helper += ".exe"
	}
	for _, path := range []string{module, filepath.Join(filepath.Dir(module), helper)} {
		write(t, path, "")
	}
	for path, content := range files {
		path = filepath.Join(root, filepath.FromSlash(strings.Replace(path, "~", "home/anna", 1)))
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			must(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must(t, os.Symlink(target, path))
			continue
		}
		write(t, path, content)
	}
	return m, module
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

// tree is everything below the root but the journal.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == "journal" {
			return filepath.SkipDir
		}
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		content := "folder"
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		}
		info, err := d.Info()
		all[path] = info.Mode().String() + content
		return err
	}))
	return all
}

const profilesINI = "[Install4F96D1932A9F858E]\nDefault=abc.default-esr\n\n[Profile0]\nName=default-esr\nIsRelative=1\nPath=abc.default-esr\n"

// realList is what Firefox ESR makes of a profile with another module in it.
const realList = `library=
name=NSS Internal PKCS #11 Module
parameters=configdir='sql:/home/anna/.mozilla/firefox/abc.default-esr' certPrefix='' keyPrefix='' secmod='secmod.db' flags=optimizeSpace updatedir='' updateCertPrefix='' updateKeyPrefix='' updateid='' updateTokenDescription='' 
NSS=Flags=internal,critical trustOrder=75 cipherOrder=100 slotParams=(1={slotFlags=[ECC,RSA,DSA] askpw=any timeout=30})

library=/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so
name=OpenSC smartcard framework (0.23)

`

// desktop is a Linux computer with one of each.
func desktop() map[string]string {
	return map[string]string{
		"~/.mozilla/firefox/profiles.ini":                                           profilesINI,
		"~/.mozilla/firefox/abc.default-esr/pkcs11.txt":                             realList,
		"~/.mozilla/firefox/abc.default-esr/compatibility.ini":                      "[Compatibility]\nLastVersion=140.5.0_20251104/20251104\nLastPlatformDir=/usr/lib/firefox-esr\n",
		"~/.mozilla/firefox/abc.default-esr/lock":                                   "-> 127.0.1.1:+42",
		"~/.config/mozilla/firefox/profiles.ini":                                    "[Profile0]\nName=new\nIsRelative=1\nPath=xyz.new\n",
		"~/.config/mozilla/firefox/xyz.new/prefs.js":                                "",
		"~/.thunderbird/profiles.ini":                                               "[Profile0]\nName=mail\nIsRelative=0\nPath=/nowhere\n",
		"~/snap/firefox/common/.mozilla/firefox/profiles.ini":                       profilesINI,
		"~/snap/firefox/common/.mozilla/firefox/abc.default-esr/prefs.js":           "",
		"~/.var/app/org.mozilla.firefox/.mozilla/firefox/profiles.ini":              profilesINI,
		"~/.var/app/org.mozilla.firefox/.mozilla/firefox/abc.default-esr/prefs.js":  "",
		"~/.var/app/com.google.Chrome/config/google-chrome/Local State":             "",
		"~/snap/chromium/current/x":                                                 "",
		"~/.config/chromium/Last Version":                                           "142.0.1",
		"~/.config/chromium/SingletonLock":                                          "-> host-7",
		"~/.config/BraveSoftware/Brave-Browser/Local State":                         "",
		"~/.pki/nssdb/pkcs11.txt":                                                   strings.Replace(realList, "opensc-pkcs11.so", "libcie-pkcs11.so", 1),
		"usr/bin/firefox-esr":                                                       "",
		"usr/bin/firefox":                                                           "",
		"usr/bin/p11-kit":                                                           "",
		"var/lib/dpkg/info/x.list":                                                  "",
		"etc/firefox/policies/policies.json":                                        "{\n  \"policies\": {\n    \"DisableTelemetry\": true\n  }\n}\n",
		"home/anna/.tor-browser/Browser/TorBrowser/Data/Browser/profiles.ini":       profilesINI,
		"home/anna/.tor-browser/Browser/TorBrowser/Data/Browser/abc.default-esr/.x": "",
	}
}

func TestFindOnLinux(t *testing.T) {
	m, module := fake(t, "linux", desktop())
	want := map[string]struct {
		product   string
		packaging Packaging
		state     State
		running   bool
	}{
		"firefox:abc.default-esr":   {"Firefox ESR", Deb, Absent, true},
		"firefox:abc.default-esr-2": {"Firefox", Snap, Sandboxed, false},
		"firefox:abc.default-esr-3": {"Firefox", Flatpak, Sandboxed, false},
		"firefox:xyz.new":           {"Firefox", Unknown, Absent, false},
		"chromium":                  {"Chromium, Brave", Unknown, Absent, false},
		"chrome:flatpak":            {"Chrome", Flatpak, Sandboxed, false},
		"chromium:snap":             {"Chromium", Snap, Sandboxed, false},
		"p11-kit":                   {"GnuTLS, p11-kit", Unknown, Absent, false},
		"p11-kit:system":            {"GnuTLS, p11-kit", Unknown, Absent, false},
		"firefox:system":            {"Firefox", Unknown, Absent, false},
	}
	found := m.Find(module)
	for _, p := range found {
		w, ok := want[p.ID]
		if !ok {
			t.Errorf("found %s (%s)", p.ID, p.File)
			continue
		}
		if p.Product != w.product || p.Packaging != w.packaging || p.State != w.state || p.Running != w.running {
			t.Errorf("%s = %+v, want %+v", p.ID, p, w)
		}
		delete(want, p.ID)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", slices.Collect(maps.Keys(want)))
	}
	shared := found[slices.IndexFunc(found, func(p Place) bool { return p.ID == "chromium" })]
	if len(shared.Rivals) != 1 || shared.Version != "142.0.1" {
		t.Errorf("chromium = %+v, want the other module and the version", shared)
	}
	for _, p := range found {
		if strings.Contains(p.File, "tor-browser") {
			t.Errorf("Tor Browser is not left alone: %+v", p)
		}
	}
	flatpak := found[slices.IndexFunc(found, func(p Place) bool { return p.Packaging == Flatpak })]
	if len(flatpak.Steps) != 3 || !strings.HasSuffix(flatpak.Steps[1], " org.mozilla.firefox") {
		t.Errorf("steps = %q", flatpak.Steps)
	}
}

// Each product of each packaging, as it lays out a home folder.
func TestLayouts(t *testing.T) {
	const ini = "[Profile0]\nName=default\nIsRelative=1\nPath=a.default\n"
	mozilla := func(root, dir string) map[string]string {
		return map[string]string{
			root + "/profiles.ini":                ini,
			root + "/a.default/compatibility.ini": "[Compatibility]\nLastVersion=145.0_1/1\nLastPlatformDir=" + dir + "\n",
			"var/lib/dpkg/info/x.list":            "",
		}
	}
	chromium := func(folder string) map[string]string { return map[string]string{folder + "/x": ""} }
	for _, tt := range []struct {
		files     map[string]string
		id        string
		product   string
		packaging Packaging
		state     State
		file      string
	}{
		{mozilla("~/.mozilla/firefox", "/usr/lib/firefox"), "firefox:a.default", "Firefox", Deb, Absent, "~/.mozilla/firefox/a.default/pkcs11.txt"},
		{mozilla("~/.mozilla/firefox", "/opt/firefox"), "firefox:a.default", "Firefox", Tarball, Absent, "~/.mozilla/firefox/a.default/pkcs11.txt"},
		{mozilla("~/.mozilla/firefox", "/home/anna/firefox"), "firefox:a.default", "Firefox", Tarball, Absent, "~/.mozilla/firefox/a.default/pkcs11.txt"},
		{mozilla("~/.mozilla/firefox", "/tmp/.mount_FirefoXYZ/usr/lib/firefox"), "firefox:a.default", "Firefox", AppImage, Absent, "~/.mozilla/firefox/a.default/pkcs11.txt"},
		{mozilla("~/snap/firefox/common/.mozilla/firefox", "/snap/firefox/5600/usr/lib/firefox"), "firefox:a.default", "Firefox", Snap, Sandboxed, "~/snap/firefox/common/.mozilla/firefox/a.default/pkcs11.txt"},
		{mozilla("~/.var/app/org.mozilla.firefox/.mozilla/firefox", "/app/lib/firefox"), "firefox:a.default", "Firefox", Flatpak, Sandboxed, "~/.var/app/org.mozilla.firefox/.mozilla/firefox/a.default/pkcs11.txt"},
		{mozilla("~/.var/app/org.mozilla.firefox/config/mozilla/firefox", "/app/lib/firefox"), "firefox:a.default", "Firefox", Flatpak, Sandboxed, "~/.var/app/org.mozilla.firefox/config/mozilla/firefox/a.default/pkcs11.txt"},
		{mozilla("~/.librewolf", "/usr/share/librewolf"), "librewolf:a.default", "LibreWolf", Deb, Absent, "~/.librewolf/a.default/pkcs11.txt"},
		{mozilla("~/.var/app/io.gitlab.librewolf-community/.librewolf", "/app/lib/librewolf"), "librewolf:a.default", "LibreWolf", Flatpak, Sandboxed, "~/.var/app/io.gitlab.librewolf-community/.librewolf/a.default/pkcs11.txt"},
		{mozilla("~/.waterfox", "/opt/waterfox"), "waterfox:a.default", "Waterfox", Tarball, Absent, "~/.waterfox/a.default/pkcs11.txt"},
		{mozilla("~/.thunderbird", "/usr/lib/thunderbird"), "thunderbird:a.default", "Thunderbird", Deb, Absent, "~/.thunderbird/a.default/pkcs11.txt"},
		{mozilla("~/snap/thunderbird/common/.thunderbird", "/snap/thunderbird/1/x"), "thunderbird:a.default", "Thunderbird", Snap, Sandboxed, "~/snap/thunderbird/common/.thunderbird/a.default/pkcs11.txt"},
		{mozilla("~/.var/app/org.mozilla.thunderbird/.thunderbird", "/app/lib/thunderbird"), "thunderbird:a.default", "Thunderbird", Flatpak, Sandboxed, "~/.var/app/org.mozilla.thunderbird/.thunderbird/a.default/pkcs11.txt"},
		{chromium("~/.config/chromium"), "chromium", "Chromium", Unknown, Absent, "~/.local/share/pki/nssdb/pkcs11.txt"},
		{chromium("~/.config/google-chrome"), "chromium", "Chrome", Unknown, Absent, "~/.local/share/pki/nssdb/pkcs11.txt"},
		{chromium("~/.config/BraveSoftware/Brave-Browser"), "chromium", "Brave", Unknown, Absent, "~/.local/share/pki/nssdb/pkcs11.txt"},
		{chromium("~/.config/microsoft-edge"), "chromium", "Edge", Unknown, Absent, "~/.local/share/pki/nssdb/pkcs11.txt"},
		{chromium("~/.config/vivaldi"), "chromium", "Vivaldi", Unknown, Absent, "~/.local/share/pki/nssdb/pkcs11.txt"},
		{chromium("~/.config/opera"), "chromium", "Opera", Unknown, Absent, "~/.local/share/pki/nssdb/pkcs11.txt"},
		{chromium("~/snap/chromium/current"), "chromium:snap", "Chromium", Snap, Sandboxed, "~/snap/chromium/current/.pki/nssdb/pkcs11.txt"},
		{chromium("~/snap/brave/current"), "brave:snap", "Brave", Snap, Sandboxed, "~/snap/brave/current/.pki/nssdb/pkcs11.txt"},
		{chromium("~/snap/opera/current"), "opera:snap", "Opera", Snap, Sandboxed, "~/snap/opera/current/.pki/nssdb/pkcs11.txt"},
		{chromium("~/.var/app/org.chromium.Chromium"), "chromium:flatpak", "Chromium", Flatpak, Sandboxed, "~/.var/app/org.chromium.Chromium/.pki/nssdb/pkcs11.txt"},
		{chromium("~/.var/app/com.google.Chrome"), "chrome:flatpak", "Chrome", Flatpak, Sandboxed, "~/.var/app/com.google.Chrome/.pki/nssdb/pkcs11.txt"},
		{chromium("~/.var/app/com.brave.Browser"), "brave:flatpak", "Brave", Flatpak, Sandboxed, "~/.var/app/com.brave.Browser/.pki/nssdb/pkcs11.txt"},
		{chromium("~/.var/app/com.microsoft.Edge"), "edge:flatpak", "Edge", Flatpak, Sandboxed, "~/.var/app/com.microsoft.Edge/.pki/nssdb/pkcs11.txt"},
		{chromium("~/.var/app/com.vivaldi.Vivaldi"), "vivaldi:flatpak", "Vivaldi", Flatpak, Sandboxed, "~/.var/app/com.vivaldi.Vivaldi/.pki/nssdb/pkcs11.txt"},
		{chromium("~/.var/app/com.opera.Opera"), "opera:flatpak", "Opera", Flatpak, Sandboxed, "~/.var/app/com.opera.Opera/.pki/nssdb/pkcs11.txt"},
	} {
		m, module := fake(t, "linux", tt.files)
		found := m.Find(module)
		if len(found) != 1 {
			t.Errorf("%s: found %+v", tt.file, found)
			continue
		}
		p := found[0]
		file, _ := filepath.Rel(m.Home, p.File)
		if got := "~/" + filepath.ToSlash(file); p.ID != tt.id || p.Product != tt.product || p.Packaging != tt.packaging || p.State != tt.state || got != tt.file {
			t.Errorf("%s: found %+v", tt.file, p)
		}
		if changes, err := m.PlanAdd(found, module); err != nil || (len(changes) > 0) != (tt.state == Absent) {
			t.Errorf("%s: plan %v, %v", tt.file, changes, err)
		}
		if (len(p.Steps) > 0) != (tt.packaging == Flatpak) {
			t.Errorf("%s: steps %q", tt.file, p.Steps)
		}
	}
}

// Where the last of the steps was taken, the card is reached through p11-kit.
// Removing takes our entry out again.
func TestFlatpakThroughP11Kit(t *testing.T) {
	list := "~/.var/app/org.chromium.Chromium/data/pki/nssdb/pkcs11.txt"
	m, module := fake(t, "linux", map[string]string{list: realList + "library=" + client() + "\nname=" + ModuleName + "\n\n"})
	states := map[string]State{}
	for _, p := range m.Find(module) {
		states[p.ID] = p.State
	}
	if want := map[string]State{"chromium:flatpak": Sandboxed, "chromium:flatpak-2": Indirect}; !maps.Equal(states, want) {
		t.Fatalf("states %v, want %v", states, want)
	}
	changes, err := m.PlanRemove(m.Find(module), module)
	must(t, err)
	if len(changes) != 1 || *changes[0].After != realList {
		t.Errorf("remove plans %+v", changes)
	}
}

// A profile that is made after registering is reported as not connected, and is
// registered by the next add; Developer Edition's is called so.
func TestProfileMadeLater(t *testing.T) {
	m, module := fake(t, "linux", map[string]string{"~/.mozilla/firefox/profiles.ini": profilesINI, "~/.mozilla/firefox/abc.default-esr/x": ""})
	add := func() {
		changes, err := m.PlanAdd(m.Find(module), module)
		must(t, err)
		_, err = m.Apply(changes)
		must(t, err)
	}
	add()
	write(t, filepath.Join(m.Home, ".mozilla/firefox/profiles.ini"), profilesINI+"\n[Profile1]\nName=dev-edition-default\nIsRelative=1\nPath=new.dev-edition-default\n")
	write(t, filepath.Join(m.Home, ".mozilla/firefox/new.dev-edition-default/x"), "")
	found := m.Find(module)
	if len(found) != 2 || found[0].State != Registered || found[1].State != Absent || found[1].Product != "Firefox Developer Edition" {
		t.Errorf("found %+v", found)
	}
	add()
	for _, p := range m.Find(module) {
		if p.State != Registered {
			t.Errorf("%s is %s", p.ID, p.State)
		}
	}
}

func TestPlacesOfOtherSystems(t *testing.T) {
	for _, tt := range []struct {
		system string
		files  map[string]string
		want   []string
	}{
		{"windows", map[string]string{
			"~/AppData/Roaming/Mozilla/Firefox/profiles.ini":                  strings.ReplaceAll("[Profile0]\nName=default\nIsRelative=1\nPath=Profiles/w.default\n", "\n", "\r\n"),
			"~/AppData/Roaming/Mozilla/Firefox/Profiles/w.default/prefs.js":   "",
			"~/AppData/Roaming/Thunderbird/profiles.ini":                      profilesINI,
			"~/AppData/Roaming/Thunderbird/abc.default-esr/compatibility.ini": "LastVersion=140.0_1\r\n",
			"Program Files/Mozilla Firefox/firefox.exe":                       "",
		}, []string{"firefox:w.default", "thunderbird:abc.default-esr", "firefox:system"}},
		{"darwin", map[string]string{
			"~/Library/Application Support/Firefox/profiles.ini":             "[Profile0]\nName=default\nIsRelative=1\nPath=Profiles/m.default\n",
			"~/Library/Application Support/Firefox/Profiles/m.default/times": "",
			"Applications/Firefox.app/Contents/Resources/application.ini":    "",
		}, []string{"firefox:m.default", "firefox:system"}},
	} {
		t.Run(tt.system, func(t *testing.T) {
			m, module := fake(t, tt.system, tt.files)
			var got []string
			for _, p := range m.Find(module) {
				got = append(got, p.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Fatalf("found %v, want %v", got, tt.want)
			}
			roundTrip(t, m, module)
		})
	}
}

func TestAddAndRemoveLeaveNoTrace(t *testing.T) {
	m, module := fake(t, "linux", desktop())
	roundTrip(t, m, module)
}

// roundTrip registers everywhere, twice, and unregisters: every file and folder
// must be as before.
func roundTrip(t *testing.T, m Machine, module string) {
	t.Helper()
	before := tree(t, m.Root)
	changes, err := m.PlanAdd(m.Find(module), module)
	must(t, err)
	if len(changes) == 0 || !maps.Equal(before, tree(t, m.Root)) {
		t.Fatal("the plan is empty, or has changed something")
	}
	_, err = m.Apply(changes)
	must(t, err)
	for _, p := range m.Find(module) {
		if p.State != Registered && p.State != Sandboxed {
			t.Errorf("%s is %s after add", p.ID, p.State)
		}
	}
	if again, err := m.PlanAdd(m.Find(module), module); err != nil || len(again) > 0 {
		t.Errorf("a second add plans %v, %v", again, err)
	}
	changes, err = m.PlanRemove(m.Find(module), module)
	must(t, err)
	_, err = m.Apply(changes)
	must(t, err)
	wantTree(t, m.Root, before)
}

func wantTree(t *testing.T, root string, want map[string]string) {
	t.Helper()
	got := tree(t, root)
	for path := range got {
		if got[path] != want[path] {
			t.Errorf("%s is now\n%s\nwas\n%s", path, got[path], want[path])
		}
	}
	for path := range want {
		if _, ok := got[path]; !ok {
			t.Errorf("%s is gone", path)
		}
	}
}

func TestUndo(t *testing.T) {
	m, module := fake(t, "linux", desktop())
	before := tree(t, m.Root)
	if _, err := m.Undo(); !errors.Is(err, ErrNothing) {
		t.Fatalf("Undo = %v, want ErrNothing", err)
	}
	changes, err := m.PlanAdd(m.Find(module), module)
	must(t, err)
	_, err = m.Apply(changes)
	must(t, err)
	added := tree(t, m.Root)
	changes, err = m.PlanRemove(m.Find(module), module)
	must(t, err)
	_, err = m.Apply(changes)
	must(t, err)
	_, err = m.Undo() // of the removal
	must(t, err)
	wantTree(t, m.Root, added)
	_, err = m.Undo() // of the addition
	must(t, err)
	wantTree(t, m.Root, before)
}

// What somebody else wrote in the meantime is not lost.
func TestUndoAfterAnotherChange(t *testing.T) {
	m, module := fake(t, "linux", desktop())
	changes, err := m.PlanAdd(m.Find(module), module)
	must(t, err)
	_, err = m.Apply(changes)
	must(t, err)
	list := filepath.Join(m.Home, ".pki", "nssdb", "pkcs11.txt")
	content, err := os.ReadFile(list)
	must(t, err)
	changed := string(content) + "library=/opt/new.so\nname=new\n\n"
	write(t, list, changed)
	if _, err := m.Undo(); !errors.Is(err, ErrChanged) {
		t.Fatalf("Undo = %v, want ErrChanged", err)
	}
	if now, _ := read(list); now != changed {
		t.Errorf("undo has changed it to %q", now)
	}
	// a plan is void, too, once its file is another one
	changes, err = m.PlanRemove(m.Find(module), module)
	must(t, err)
	write(t, list, "library=\nname=x\n")
	if _, err := m.Apply(changes); !errors.Is(err, ErrChanged) {
		t.Errorf("Apply = %v, want ErrChanged", err)
	}
}

func TestOnlyOurEntry(t *testing.T) {
	const module = "/usr/lib/libcie-pkcs11.so"
	for _, content := range []string{
		"", realList, strings.TrimRight(realList, "\n"), realList + "\n\n", "\n\n" + realList, "library=x\nname=y",
		strings.ReplaceAll(realList, "\n", "\r\n"), "no stanza at all\n", "name=Software CIE 2\nlibrary=/x\n\n",
	} {
		with, err := add(NSS, content, module)
		must(t, err)
		if own, _, _ := entries(NSS, with, module); own != module || !strings.HasPrefix(with, content) {
			t.Errorf("add(%q) = %q", content, with)
		}
		without, err := remove(NSS, with, module)
		must(t, err)
		if strings.TrimRight(without, "\n") != strings.TrimRight(content, "\n") {
			t.Errorf("remove gives %q, want %q", without, content)
		}
	}
	moved, err := add(NSS, "library=/old.so\nname=Software CIE\n\n"+realList, module)
	must(t, err)
	if strings.Contains(moved, "/old.so") || strings.Count(moved, ModuleName) != 1 || !strings.HasPrefix(moved, realList) {
		t.Errorf("a moved module gives %q", moved)
	}
	if _, err := add(NSS, realList, "/a\nlibrary=/b"); !errors.Is(err, ErrContent) {
		t.Errorf("a path of two lines: %v", err)
	}
}

func TestPolicies(t *testing.T) {
	const module = `C:\Program Files\Software CIE\cie-pkcs11.dll`
	for _, content := range []string{
		"", "{}", `{"policies":{}}`, `{"x":[{"policies":1}],"policies":{"SecurityDevices":{}}}`,
		`{"policies": {"A": 1, "SecurityDevices": {"Delete": ["x"], "Add": { "Other": "/o.so" }}}}`,
		"{\n  \"policies\": {\n    \"DisableTelemetry\": true\n  }\n}\n",
	} {
		with, err := add(Policy, content, module)
		must(t, err)
		if own, _, _ := entries(Policy, with, ""); own != module {
			t.Errorf("add(%q) = %q", content, with)
		}
		if without, err := remove(Policy, with, module); err != nil || without != content {
			t.Errorf("remove gives %q, %v, want %q", without, err, content)
		}
	}
	for _, content := range []string{"{", "[]", `{"policies": 3}`, `{"policies": {"SecurityDevices": null}}`, "// a note\n{}"} {
		if with, err := add(Policy, content, module); !errors.Is(err, ErrContent) {
			t.Errorf("add(%q) = %q, %v, want ErrContent", content, with, err)
		}
	}
	byHand := "{\"policies\": {\"SecurityDevices\": {\"Add\": {\n\"Software CIE\"   :   \"/x.so\"}}}}"
	if _, err := remove(Policy, byHand, module); !errors.Is(err, ErrContent) {
		t.Errorf("an entry by hand: %v, want ErrContent", err)
	}
}

func TestStates(t *testing.T) {
	for _, tt := range []struct {
		list string
		want State
	}{
		{realList, Absent},
		{"library=MODULE\nname=Software CIE\n", Registered},
		{"library=MODULE\nname=CIE\n", Registered}, // by hand, with modutil
		// A policy has added the package's library to that of the single file, and the other way round.
		{"library=/bin/sh\nname=Software CIE\n\nlibrary=MODULE\nname=CIE\n", Other},
		{"library=MODULE\nname=CIE\n\nlibrary=/bin/sh\nname=Software CIE\n", Other},
		{"library=/gone.so\nname=Software CIE\n", Broken},
		{"library=/usr/lib/p11-kit-proxy.so\nname=proxy\n", Indirect},
	} {
		m, module := fake(t, "linux", map[string]string{"~/.config/chromium/x": "", "~/.pki/nssdb/x": ""})
		write(t, filepath.Join(m.Home, ".pki", "nssdb", "pkcs11.txt"), strings.ReplaceAll(tt.list, "MODULE", module))
		if all := m.Find(module); len(all) != 1 || all[0].State != tt.want {
			t.Errorf("%q: %+v, want %s", tt.list, all, tt.want)
		}
	}
}

// A folder in place of the file is said, and the others are still done.
func TestUnreadable(t *testing.T) {
	m, module := fake(t, "linux", map[string]string{"~/.config/chromium/x": "", "~/.pki/nssdb/pkcs11.txt/x": "", "usr/bin/p11-kit": ""})
	places := m.Find(module)
	if places[0].State != Unreadable {
		t.Errorf("state = %s", places[0].State)
	}
	changes, err := m.PlanAdd(places, module)
	if err == nil || len(changes) != 2 {
		t.Errorf("plan = %v, %v, want the two of p11-kit and an error", changes, err)
	}
}

// The state's own module has the same name: without its helper a file is not ours.
func TestFindModule(t *testing.T) {
	m, module := fake(t, "linux", nil)
	got, err := m.FindModule("/nowhere/cie")
	if err != nil || got != module {
		t.Errorf("FindModule = %q, %v, want %q", got, err, module)
	}
	must(t, os.Remove(filepath.Join(filepath.Dir(module), "cie-pkcs11-helper")))
	if got, err := m.FindModule("/nowhere/cie"); !errors.Is(err, ErrNoModule) {
		t.Errorf("FindModule = %q, %v, want ErrNoModule", got, err)
	}
	if _, err := m.PlanAdd(nil, module); !errors.Is(err, ErrNoModule) {
		t.Errorf("PlanAdd = %v, want ErrNoModule", err)
	}
}

// Our packages put the library and its helper apart.
func TestFindPackagedModule(t *testing.T) {
	module := "usr/lib/x86_64-linux-gnu/pkcs11/libcie-pkcs11.so"
	m, other := fake(t, "linux", map[string]string{module: ""})
	must(t, os.Remove(other))
	if got, err := m.FindModule("/usr/bin/cie"); !errors.Is(err, ErrNoModule) {
		t.Errorf("without a helper: %q, %v, want ErrNoModule", got, err)
	}
	must(t, os.MkdirAll(m.system("/usr/libexec/cie"), 0o700))
	must(t, os.WriteFile(m.system("/usr/libexec/cie/cie-pkcs11-helper"), nil, 0o600))
	if got, err := m.FindModule("/usr/bin/cie"); err != nil || got != m.system("/"+module) {
		t.Errorf("FindModule = %q, %v, want %s", got, err, module)
	}
}

func FuzzEntries(f *testing.F) {
	f.Add(realList)
	f.Add("library=a\n\n\nname=b")
	f.Fuzz(func(t *testing.T, content string) {
		var joined strings.Builder
		for _, s := range stanzas(content) {
			joined.WriteString(s.text)
		}
		if joined.String() != content {
			t.Errorf("stanzas of %q joined are %q", content, joined.String())
		}
		if with, err := add(Policy, content, "/m.so"); err == nil {
			if !json.Valid([]byte(with)) || !strings.Contains(with, `"Software CIE": "/m.so"`) {
				t.Errorf("policies %q became %q", content, with)
			}
		}
	})
}
