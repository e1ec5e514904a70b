//go:build integration

package linux

import (
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/rig"
)

const (
	desktopFile = "it.softwarecie.Cie.desktop"
	metainfo    = "it.softwarecie.Cie.metainfo.xml"
)

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	rig.Need(t, name)
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %v: %v\n%s", name, args, err, out)
	}
	t.Logf("%s", out)
}

func TestDesktopFileIsValid(t *testing.T) {
	run(t, "desktop-file-validate", "--warn-kde", desktopFile)
}

func TestMetainfoIsValid(t *testing.T) {
	run(t, "appstreamcli", "validate", "--no-net", metainfo)
}

// Both speak all languages, each text in each.
func TestDesktopLanguages(t *testing.T) {
	for _, tt := range []struct {
		file string
		text *regexp.Regexp // of a translated text, with its name and language
	}{
		{desktopFile, regexp.MustCompile(`(?m)^(GenericName|Comment|Keywords)(?:\[(\w+)\])?=.`)},
		{metainfo, regexp.MustCompile(`<(summary|p|li)(?: xml:lang="(\w+)")?>[^<]`)},
	} {
		content, err := os.ReadFile(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		names := map[string]bool{}
		for _, m := range tt.text.FindAllStringSubmatch(string(content), -1) {
			if m[2] == "" {
				m[2] = string(i18n.English)
			}
			names[m[1]] = true
			count[m[1]+" "+m[2]]++
		}
		for name := range names {
			for _, l := range i18n.Languages() {
				if got, want := count[name+" "+string(l)], count[name+" en"]; got != want {
					t.Errorf("%s: %s has %d texts in %s, %d in English", tt.file, name, got, l, want)
				}
			}
		}
		if len(names) != 3 {
			t.Errorf("%s: translated are %v", tt.file, names)
		}
	}
}

func TestIcons(t *testing.T) {
	rig.Need(t, "rsvg-convert")
	folder := t.TempDir()
	run(t, "./icons.sh", folder)
	drawings, err := filepath.Glob(filepath.Join(folder, "hicolor", "*", "apps", "*.svg"))
	if err != nil || len(drawings) != 2 {
		t.Errorf("drawings: %v, %v", drawings, err)
	}
	pictures, err := filepath.Glob(filepath.Join(folder, "hicolor", "*", "apps", "it.softwarecie.Cie.png"))
	if err != nil || len(pictures) != 9 {
		t.Fatalf("pictures: %v, %v", pictures, err)
	}
	for _, path := range pictures {
		checkPicture(t, path)
	}
}

// checkPicture sees that a picture has the size its folder says, and blue and
// white in it.
func checkPicture(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	size, _, _ := strings.Cut(filepath.Base(filepath.Dir(filepath.Dir(path))), "x")
	if want, err := strconv.Atoi(size); err != nil || picture.Bounds() != image.Rect(0, 0, want, want) {
		t.Errorf("%s is %v", path, picture.Bounds())
	}
	if colours := coloursOf(picture); !slices.Contains(colours, "0b5cad") || !slices.Contains(colours, "ffffff") {
		t.Errorf("%s has the colours %v", path, colours)
	}
}

func coloursOf(p image.Image) []string {
	var all []string
	for y := range p.Bounds().Dy() {
		for x := range p.Bounds().Dx() {
			r, g, b, a := p.At(x, y).RGBA()
			hex := strconv.FormatUint(uint64(1<<24|r>>8<<16|g>>8<<8|b>>8), 16)[1:]
			if a == 0xFFFF && !slices.Contains(all, hex) {
				all = append(all, hex)
			}
		}
	}
	return all
}
