//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/rig"
)

// What GNOME's library makes of the desktop files: which one opens a document, and
// how the names of documents reach the program.
func TestDesktopActions(t *testing.T) {
	rig.Need(t, "desktop-file-validate", "update-desktop-database", "gio")
	folder, actions, _ := madeActions(t)
	data := filepath.Join(folder, "share")
	applications := filepath.Join(data, "applications")
	programs := t.TempDir()
	said := filepath.Join(programs, "said")
	program := "#!/bin/sh\nprintf '%s\\0' \"$@\" >'" + said + ".new'\nmv '" + said + ".new' '" + said + "'\n"
	if err := os.WriteFile(filepath.Join(programs, "cie-gui"), []byte(program), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"PATH": programs + ":" + os.Getenv("PATH"), "HOME": t.TempDir(), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": data,
		"XDG_CURRENT_DESKTOP": "", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "LC_ALL": "C.UTF-8",
	} {
		t.Setenv(name, value)
	}
	for _, action := range actions {
		say(t, "desktop-file-validate", filepath.Join(applications, "it.softwarecie.Cie."+action+".desktop"))
		say(t, "desktop-file-validate", "--no-warn-deprecated", filepath.Join(data, "Thunar/sendto/it.softwarecie.Cie."+action+".desktop"))
	}
	say(t, "update-desktop-database", applications)
	documents := t.TempDir()
	for name, want := range map[string]string{"a.pdf.p7m": "application/pkcs7-mime", "a.pdf.p7s": "application/pkcs7-signature"} {
		path := filepath.Join(documents, name)
		if err := os.WriteFile(path, []byte("0\x80"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := say(t, "gio", "info", "-a", "standard::content-type", path); !strings.Contains(out, "standard::content-type: "+want+"\n") {
			t.Errorf("%s is %s", name, out)
		}
		if out := say(t, "gio", "mime", want); !strings.Contains(out, ": it.softwarecie.Cie.verify.desktop\n") {
			t.Errorf("%s: %s", want, out)
		}
	}
	if out, _ := exec.Command("gio", "mime", "application/pdf").CombinedOutput(); strings.Contains(string(out), "softwarecie") {
		t.Errorf("PDF: %s", out)
	}
	names := []string{"two words.p7m", "it's.p7m", `"quoted".p7m`, "$(touch x)`id`.p7m", "100% %F %u.p7m", `back\slash;&|.p7m`, "--help.p7m", "perché.p7m", "new\nline.p7m"}
	var want []string
	for _, name := range names {
		want = append(want, filepath.Join(documents, name))
	}
	say(t, append([]string{"gio", "launch", filepath.Join(applications, "it.softwarecie.Cie.verify.desktop")}, want...)...)
	var content []byte
	var err error
	for range 100 { // gio does not wait for it
		if content, err = os.ReadFile(said); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if got := strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00"); err != nil || !slices.Equal(got, append([]string{"--verify"}, want...)) {
		t.Errorf("%v, the program was given %q", err, got)
	}
}

// Of the resources of Windows' window windres reads the actions' texts again, in all
// languages.
func TestActionStrings(t *testing.T) {
	const windres = "x86_64-w64-mingw32-windres"
	rig.Need(t, windres)
	t.Chdir("../..")
	file := filepath.Join(t.TempDir(), "strings.o")
	say(t, "sh", "-c", "go run ./installer/pack strings | "+windres+" -c 65001 -O coff -o "+file)
	got := say(t, windres, "-J", "coff", "-O", "rc", file)
	for language, texts := range map[i18n.Language][]string{
		i18n.Italian: {"LANGUAGE 16, 0", `101, "Verifica con CIE"`, `102, "Firma con CIE"`}, i18n.English: {"LANGUAGE 9, 0", `101, "Verify with CIE"`, `102, "Sign with CIE"`},
		i18n.German: {"LANGUAGE 7, 0", `101, L"Mit CIE pr\374fen"`, `102, "Mit CIE signieren"`}, i18n.French: {"LANGUAGE 12, 0", `101, L"V\351rifier avec CIE"`, `102, "Signer avec CIE"`},
		i18n.Slovenian: {"LANGUAGE 36, 0", `101, "Preveri s CIE"`, `102, L"Podpi\x0161i s CIE"`},
	} {
		table := regexp.QuoteMeta(texts[0]) + `\s+STRINGTABLE\s+BEGIN\s+` + regexp.QuoteMeta(texts[1]) + `\s+` + regexp.QuoteMeta(texts[2]) + `\s+END`
		if !regexp.MustCompile(table).MatchString(got) {
			t.Errorf("%s: not %q in\n%s", language, texts, got)
		}
	}
}
