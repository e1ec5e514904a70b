package macos

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/settings"
)

// texts are the elements of a file of XML with their text, in order; an error where
// it is not well-formed.
func texts(t *testing.T, content []byte) (all [][2]string) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(content))
	last := ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			last = ""
		case xml.CharData:
			last = string(token)
		case xml.EndElement:
			all = append(all, [2]string{token.Name.Local, last})
			last = ""
		}
	}
}

// value of a key in a property list: the text of the element behind it.
func value(t *testing.T, content []byte, key string) string {
	t.Helper()
	all := texts(t, content)
	i := slices.Index(all, [2]string{"key", key})
	if i < 0 || i+1 == len(all) {
		t.Fatalf("no %s", key)
	}
	return all[i+1][1]
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// lay lays out the package from programs that are none.
func lay(t *testing.T, version string) (root string) {
	t.Helper()
	build, root := t.TempDir(), t.TempDir()
	for _, name := range []string{"cie", "cie-gui", "cie-pkcs11-helper", "libcie-pkcs11.dylib", "Cie.icns", "man/cie.1", "man/cie-pair.1", "completions/cie.zsh"} {
		file := filepath.Join(build, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	layOut := exec.Command("./bundle.sh", build, root)
	layOut.Env = append(os.Environ(), "VERSION="+version)
	if out, err := layOut.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return root
}

const app = "Applications/Software CIE.app/Contents"

func TestBundle(t *testing.T) { // [153]
	root := lay(t, "1.2.3+4.gabcdef0")
	info := read(t, filepath.Join(root, app, "Info.plist"))
	for key, want := range map[string]string{
		"CFBundleIdentifier": settings.DesktopID, "CFBundleShortVersionString": "1.2.3", "CFBundleVersion": "1.2.3", "CFBundlePackageType": "APPL",
	} {
		if got := value(t, info, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	// What it names is there; the library has its helper beside it, as browsers are told.
	library := value(t, read(t, "firefox.plist"), "CIE")
	for _, file := range []string{
		filepath.Join(app, "MacOS", value(t, info, "CFBundleExecutable")), strings.TrimPrefix(library, "/"),
		filepath.Join(filepath.Dir(library), "cie-pkcs11-helper"), filepath.Join(app, "Resources", "uninstall.sh"),
	} {
		if at, err := os.Stat(filepath.Join(root, file)); err != nil || at.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", file, at, err)
		}
	}
	if at, err := os.Stat(filepath.Join(root, app, "Resources", value(t, info, "CFBundleIconFile"))); err != nil || at.Mode().Perm() != 0o644 {
		t.Errorf("icon: %v, %v", at, err)
	}
	link, err := os.Readlink(filepath.Join(root, "usr/local/bin/cie"))
	if _, err2 := os.Stat(filepath.Join(root, link)); err != nil || err2 != nil {
		t.Errorf("the command leads to %s: %v, %v", link, err, err2)
	}
	for _, l := range i18n.Languages() {
		if !slices.Contains(texts(t, info), [2]string{"string", string(l)}) {
			t.Errorf("%s is not among its languages", l)
		}
	}
	if bundle := value(t, read(t, "components.plist"), "RootRelativeBundlePath"); bundle != filepath.Dir(app) {
		t.Errorf("pkgbuild is told of %q", bundle)
	}
}

// Uninstalling leaves nothing of ours, and everything of others.
func TestUninstall(t *testing.T) { // [153]
	root := lay(t, "1.2.3")
	other := filepath.Join(root, "usr/local/share/man/man1/cierge.1")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("./uninstall.sh", root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var left []string
	err := filepath.WalkDir(root, func(file string, e os.DirEntry, err error) error {
		if !e.IsDir() {
			left = append(left, file)
		}
		return err
	})
	if err != nil || len(left) != 1 || left[0] != other {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestListsAreWellFormed(t *testing.T) {
	for _, file := range []string{"Info.plist", "entitlements.plist", "components.plist", "firefox.plist", "distribution.xml"} {
		if all := texts(t, read(t, file)); len(all) == 0 {
			t.Errorf("%s is empty", file)
		}
	}
	if !slices.Contains(texts(t, read(t, "distribution.xml")), [2]string{"pkg-ref", "cie.pkg"}) {
		t.Error("the package is not in its list")
	}
}

// The icon has pictures of the sizes that their types say.
func TestIcon(t *testing.T) { // [153]
	rig.Need(t, "rsvg-convert")
	file := filepath.Join(t.TempDir(), "Cie.icns")
	if out, err := exec.Command("./icon.sh", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	content := read(t, file)
	if string(content[:4]) != "icns" || int(binary.BigEndian.Uint32(content[4:])) != len(content) {
		t.Fatalf("% x", content[:8])
	}
	// Apple's types of pictures in PNG, and how many pixels high they are.
	wants := map[string]int{"ic07": 128, "ic08": 256, "ic09": 512, "ic10": 1024, "ic11": 32, "ic12": 64, "ic13": 256, "ic14": 512}
	for rest := content[8:]; len(rest) > 0; {
		kind, size := string(rest[:4]), binary.BigEndian.Uint32(rest[4:])
		picture, err := png.DecodeConfig(bytes.NewReader(rest[8:size]))
		if err != nil || picture.Height != wants[kind] || picture.Width != wants[kind] {
			t.Errorf("%s: %+v, %v", kind, picture, err)
		}
		delete(wants, kind)
		rest = rest[size:]
	}
	if len(wants) != 0 {
		t.Errorf("lacks %v", wants)
	}
}
