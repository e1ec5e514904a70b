package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
)

// madeActions writes the actions into a folder of the test, and returns their names and
// their files, with paths as below /usr.
func madeActions(t *testing.T) (folder string, names, paths []string) {
	t.Helper()
	t.Chdir("../..")
	r := &rel{build: t.TempDir()}
	var err error
	if r.description, err = load("installer/packages.toml"); err == nil {
		err = r.actions()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Actions {
		names = append(names, a.Name)
	}
	return r.build, names, files(r.build)
}

// Each file starts the window with one option and the documents' paths, which no
// quotes may surround, and is named in all languages as the catalogues say.
func TestActions(t *testing.T) {
	folder, actions, paths := madeActions(t)
	if want := len(actions) * len(places()); len(paths) != want || want == 0 {
		t.Fatalf("%d files, want %d", len(paths), want)
	}
	exec := regexp.MustCompile(`(?m)^Exec=(.*)$`)
	for _, path := range paths {
		content, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			t.Fatal(err)
		}
		action := actions[slices.IndexFunc(actions, func(name string) bool { return strings.Contains(path, name) })]
		if filepath.Ext(path) == ".py" { // Python reads text and command from the desktop file
			if want := `"it.softwarecie.Cie.` + action + `.desktop"`; !strings.Contains(string(content), want) {
				t.Errorf("%s does not use %s", path, want)
			}
			continue
		}
		checkNames(t, path, string(content), action)
		if m := exec.FindAllStringSubmatch(string(content), -1); len(m) != 1 || m[0][1] != "cie-gui --"+action+" %F" {
			t.Errorf("%s runs %q", path, m)
		}
	}
}

// checkNames sees that a desktop file names an action in all languages as the catalogues
// do.
func checkNames(t *testing.T, path, content, action string) {
	t.Helper()
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^Name(?:\[(\w+)\])?=(.+)$`).FindAllStringSubmatch(content, -1) {
		if m[1] == "" {
			m[1] = source
		}
		got[m[1]] = m[2]
	}
	for _, l := range i18n.Languages() {
		if want := i18n.Load(l).T("menu." + action); got[string(l)] != want {
			t.Errorf("%s: in %s it is %q, want %q", path, l, got[string(l)], want)
		}
	}
}

// The window's own desktop file has the actions, too, without a document.
func TestActionsOfTheWindow(t *testing.T) {
	_, actions, _ := madeActions(t)
	content, err := os.ReadFile("installer/linux/it.softwarecie.Cie.desktop")
	if err != nil {
		t.Fatal(err)
	}
	groups := strings.Split(string(content), "\n[Desktop Action ")
	if want := "\nActions=" + list(actions) + "\n"; !strings.Contains(groups[0], want) || len(groups) != len(actions)+1 {
		t.Errorf("not %q", want)
	}
	for i, group := range groups[1:] {
		checkNames(t, actions[i], group, actions[i])
		if !strings.HasPrefix(group, actions[i]+"]\n") || !strings.Contains(group, "\nExec=cie-gui --"+actions[i]+"\n") {
			t.Errorf("%s", group)
		}
	}
}

// A double click on a signed document verifies it; nothing else is taken over, and
// least of all documents in PDF.
func TestActionsOpenSignedDocumentsOnly(t *testing.T) {
	folder, _, paths := madeActions(t)
	opens := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			t.Fatal(err)
		}
		if _, types, ok := strings.Cut(string(content), "\nMimeType="); ok && strings.HasPrefix(path, "share/applications/") {
			opens[filepath.Base(path)] = strings.TrimSpace(types)
		}
	}
	const verify = "it.softwarecie.Cie.verify.desktop"
	if len(opens) != 1 || opens[verify] != "application/pkcs7-mime;application/pkcs7-signature;" {
		t.Errorf("%v", opens)
	}
}
