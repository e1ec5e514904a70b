// Package deptest holds the project to its architecture: who may import whom, and
// why (docs/architecture.md). It has tests only.
package deptest

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/softwarecie/cie/"

// A rule is one row of the architecture's table.
type rule struct {
	folder  string   // of the package, or of several if it ends in "/"
	may     []string // import these of ours; a trailing "/" stands for all below
	never   []string // depend on these, not even through others
	modules []string // of others that its code may rest on, through whatever
	why     string
}

// Modules of others, by what needs them.
var (
	system   = []string{"golang.org/x/sys"}
	applet   = append([]string{"filippo.io/bigmod"}, system...) // exponentiation in constant time (ADR 7)
	keyring  = append([]string{"github.com/zalando/go-keyring", "github.com/godbus/dbus", "github.com/danieljoos/wincred"}, applet...)
	card     = append([]string{"github.com/ebfe/scard"}, keyring...)
	settings = append([]string{"github.com/BurntSushi/toml"}, card...)
	confined = append([]string{ // the system's limits for a process (ADR 13)
		"github.com/elastic/go-seccomp-bpf", "golang.org/x/net/bpf", "github.com/landlock-lsm/go-landlock", "kernel.org/pub/linux/libs/security/libcap/psx",
	}, system...)
	// tree of XML and tables of characters (ADR 14)
	xml = []string{"github.com/beevik/etree", "golang.org/x/text"}
	// reader of PDFs, with what it is linked from (ADR 15)
	pdf = []string{"github.com/pdfcpu/pdfcpu", "github.com/hhrutter/tiff", "go.yaml.in/yaml", "golang.org/x/crypto", "golang.org/x/image", "golang.org/x/text"}
	// second reader of what is signed (ADR 12)
	documents = slices.Concat([]string{"go.mozilla.org/pkcs7"}, pdf, xml)
	// cobra with what it writes manual pages with, and a prompt without echo
	commandLine = slices.Concat([]string{
		"github.com/miekg/pkcs11", // a process of its own loads the library, for the doctor
		"github.com/spf13", "github.com/cpuguy83/go-md2man", "github.com/russross/blackfriday", "go.yaml.in/yaml", "golang.org/x/term",
	}, confined, settings, documents)
	anything = []string{"/"}
)

var rules = []rule{
	{
		folder: "applet/apdu", why: "everything stands on it",
	},
	{
		folder: "applet/tlv", why: "everything stands on it",
	},
	{
		folder: "internal/secret", modules: system,
		why: "codes and keys are kept by code that can be read in one sitting",
	},
	{
		folder: "applet", may: []string{"applet/apdu", "applet/tlv", "internal/secret"}, never: []string{"pcsc", "applet/emulator"}, modules: applet,
		why: "the card does not know how its bytes travel; tests put the emulator there, phones may put NFC",
	},
	{
		folder: "applet/emulator", may: []string{"applet/apdu", "applet/tlv"}, never: []string{"applet", "pcsc", "internal/"}, modules: system,
		why: "written from the specification, it must not share a mistake with the client: two wrongs would agree",
	},
	{
		folder: "pcsc", may: []string{"pcsc/internal/systemdll"}, modules: []string{"github.com/ebfe/scard", "golang.org/x/sys"},
		why: "readers know nothing of identity cards",
	},
	{
		folder: "pcsc/internal/systemdll", why: "it must be initialised before scard, so before fmt and os",
	},
	{
		folder: "internal/home", why: "names folders, opens none",
	},
	{
		folder: "internal/pairing", may: []string{"applet", "internal/home", "internal/secret"}, never: []string{"pcsc", "internal/cie"}, modules: keyring,
		why: "what is remembered is read without a card",
	},
	{
		folder: "internal/trust", may: []string{"applet/tlv"}, never: []string{"applet", "pcsc"},
		why: "what the state signed is judged from bytes alone, wherever they come from",
	},
	{
		folder: "internal/cie", may: []string{"pcsc", "applet", "applet/apdu", "internal/pairing", "internal/secret", "internal/situation", "internal/trust"},
		never:   []string{"applet/emulator", "internal/i18n", "internal/ades/pades", "internal/ades/xades", "gui"},
		modules: card,
		why:     "the holder's operations run inside browsers too: no screens, no documents",
	},
	{
		folder: "internal/settings", may: []string{"internal/cie", "internal/home", "internal/pairing", "internal/secret", "internal/situation", "internal/trust", "internal/wholefile", "pcsc"}, never: []string{"gui"},
		modules: settings,
		why:     "makes the Holder that all programs share",
	},
	{
		folder: "internal/settings/profile", modules: []string{"howett.net/plist"}, why: "reads a file format; on macOS alone the settings rest on it",
	},
	{
		folder: "internal/i18n", may: []string{"applet", "applet/apdu", "pcsc", "internal/pairing", "internal/trust"}, never: []string{"internal/cie"},
		modules: card,
		why:     "sentences for errors: the packages' error types, and nothing they do",
	},
	{
		folder: "internal/rig", modules: system, why: "for tests, and not part of any program",
	},
	{
		folder: "internal/guide", may: []string{"applet", "internal/i18n", "internal/secret"}, never: []string{"internal/cie", "gui"}, modules: card,
		why: "texts, read without a card",
	},
	{
		folder: "internal/calendar", why: "a file format",
	},
	{
		folder: "internal/icon", why: "two drawings",
	},
	{
		folder: "installer/windows/resources", why: "writes files for windres",
	},
	{
		folder: "installer/linux", why: "holds tests only",
	},
	{
		folder: "internal/sums", why: "the head of the single file reads a list with it, and brings no network",
	},
	{
		folder: "installer/single", may: []string{"internal/sums"}, why: "the head of the single file runs before it is known what the system has",
	},
	{
		folder: "installer/pack", may: []string{"internal/release", "internal/sums"}, modules: []string{"github.com/BurntSushi/toml"},
		why: "makes packages, and is in none",
	},
	{
		folder: "internal/release", may: []string{"internal/situation", "internal/sums", "internal/wholefile"}, why: "judges files of a release, and a notice from the network, by a key, without a card",
	},
	{
		folder: "installer/macos", why: "holds tests only",
	},
	{
		folder: "internal/network", why: "fetches what it is told to, knows no card and no documents",
	},
	{
		folder: "internal/situation", why: "errors of all packages above the card are made with it",
	},
	{
		folder: "internal/wholefile", why: "files of settings are read and replaced by it",
	},
	{
		folder: "internal/cardrig", why: "holds tests only",
	},
	{
		folder: "internal/memscan", modules: system, why: "for tests, and not part of any program",
	},
	{
		folder: "docs", why: "pages of text",
	},
	{
		folder: "internal/browser", may: []string{"docs", "internal/home", "internal/situation", "internal/wholefile"}, why: "edits settings of browsers, needs no card",
	},
	{
		folder: "internal/logging", why: "everybody writes to it",
	},
	{
		folder: "internal/doctor", may: []string{"applet", "internal/cie", "internal/pairing", "internal/browser", "internal/situation", "internal/trust", "internal/wholefile", "pcsc"},
		modules: append([]string{"github.com/miekg/pkcs11"}, card...),
		why:     "looks at the parts, changes none",
	},
	{
		folder: "internal/confine", modules: confined,
		why: "limits of the system, for whoever needs them",
	},
	{
		folder: "internal/ades/apart", may: []string{"internal/ades", "internal/ades/revocation", "internal/confine", "internal/secret", "internal/situation", "internal/trust"},
		never: []string{"applet", "pcsc", "internal/cie"}, modules: anything,
		why: "documents of others are parsed without access to the card",
	},
	{
		folder: "internal/ades/cades", may: []string{"internal/ades/revocation"}, never: []string{"applet", "pcsc", "internal/cie"},
		why: "documents are signed by a crypto.Signer and parsed without access to the card",
	},
	{
		folder: "internal/ades/tsp", may: []string{"internal/ades/cades", "internal/ades/revocation"}, never: []string{"applet", "pcsc", "internal/cie"},
		why: "time stamps of strangers are judged from bytes, wherever they come from",
	},
	{
		folder: "internal/ades/revocation", never: []string{"applet", "pcsc", "internal/cie"},
		why: "answers of strangers are judged from bytes, wherever they come from",
	},
	{
		folder: "internal/ades/xades", may: []string{"internal/ades/cades"}, never: []string{"applet", "pcsc", "internal/cie"},
		modules: xml,
		why:     "documents are signed by a crypto.Signer and parsed without access to the card",
	},
	{
		folder: "internal/ades/pades", may: []string{"internal/ades/cades", "internal/ades/revocation"}, never: []string{"applet", "pcsc", "internal/cie"}, modules: pdf,
		why: "documents are signed by a crypto.Signer and parsed without access to the card",
	},
	{
		folder: "internal/ades", may: []string{"internal/ades/", "internal/situation", "internal/trust"}, never: []string{"applet", "pcsc", "internal/cie"},
		modules: documents,
		why:     "documents are signed by a crypto.Signer and parsed without access to the card",
	},
	{
		folder: "internal/report", may: []string{"internal/ades", "internal/ades/cades", "internal/i18n"}, never: []string{"internal/cie"}, modules: slices.Concat(documents, card),
		why: "words for what ades knows, the same in the window and in the terminal",
	},
	{
		folder: "pkcs11module", may: []string{"internal/cie", "internal/pairing", "internal/secret", "internal/settings", "internal/logging", "applet", "applet/apdu", "pcsc"},
		never:   []string{"internal/ades/", "internal/i18n", "gui", "C"},
		modules: settings,
		why:     "it serves browsers: little code, no documents, no screens, no C of its own",
	},
	{
		folder: "gui",
		may: []string{
			"internal/cie", "internal/ades", "internal/ades/apart", "internal/doctor", "internal/browser", "internal/logintest", "internal/i18n", "internal/pairing",
			"internal/secret", "internal/settings", "internal/icon", "internal/guide", "internal/calendar", "internal/logging", "internal/release", "internal/report", "internal/trust",
		},
		modules: anything,
		why:     "screens see the card through the holder's operations only",
	},
	{
		folder: "internal/cli", may: []string{"applet", "applet/", "pcsc", "internal/"}, never: []string{"gui"}, modules: commandLine,
		why: "the command line runs where there is no display",
	},
	{
		folder: "internal/cli/gendocs", may: []string{"internal/cli", "applet", "applet/", "pcsc", "internal/"}, never: []string{"gui"},
		modules: append([]string{"github.com/cpuguy83/go-md2man", "github.com/russross/blackfriday", "go.yaml.in/yaml"}, commandLine...),
		why:     "writes the documents, and is part of no program",
	},
	{
		folder: "internal/demo", may: []string{"applet/emulator", "internal/browser", "internal/cie", "internal/pairing", "internal/trust"}, modules: card,
		why: "emulated cards for the programs to show themselves with",
	},
	{
		folder: "internal/deptest", why: "holds tests only",
	},
	{
		folder: "internal/demosite", may: []string{"internal/trust"}, never: []string{"applet", "pcsc", "internal/cie"}, why: "a web site for trying the login, which knows a certificate and no card",
	},
	{
		folder: "internal/logintest",
		may: []string{
			"applet", "internal/browser", "internal/chromium", "internal/cie", "internal/demosite", "internal/firefox", "internal/situation", "pcsc",
		},
		modules: card, why: "puts site, browser and card together, and judges what came of it",
	},
	{
		folder: "internal/chromium", may: []string{"internal/procgroup"}, why: "drives a browser, knows no card",
	},
	{
		folder: "internal/firefox", may: []string{"internal/procgroup"}, why: "drives a browser, knows no card",
	},
	{
		folder: "internal/procgroup", why: "ends processes, whatever they are",
	},
	{
		folder: "internal/firefox/firefox-login", may: []string{"internal/firefox"}, why: "drives a browser, knows no card",
	},
	{
		folder: "internal/browsertest", why: "holds tests only",
	},
	{
		folder: "internal/moduletest", why: "holds tests only",
	},
	{
		folder: "cmd/", may: []string{"/"}, modules: anything, why: "programs wire the parts together",
	},
}

// forTests are packages that only tests import.
var forTests = []string{"internal/rig", "internal/cardrig", "internal/memscan", "internal/deptest"}

// A listed package is what "go list" says of it.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestWhoMayImportWhom(t *testing.T) {
	for _, p := range packages(t) {
		folder := strings.TrimPrefix(p.ImportPath, module)
		r, ok := ruleFor(folder)
		if !ok {
			t.Errorf("%s has no rule: add a row here and to docs/architecture.md", folder)
			continue
		}
		for _, i := range p.Imports {
			ours, ok := strings.CutPrefix(i, module)
			if ok && (!matches(r.may, ours) || slices.Contains(forTests, ours)) {
				t.Errorf("%s may not import %s: %s", folder, ours, r.why)
			}
		}
		for _, d := range append(p.Deps, p.Imports...) {
			ours, ok := strings.CutPrefix(d, module)
			switch {
			case (ok || d == "C") && matches(r.never, ours):
				t.Errorf("%s may not depend on %s: %s", folder, ours, r.why)
			case !ok && !standard(d) && !within(r.modules, d):
				t.Errorf("%s may not rest on %s: %s", folder, d, r.why)
			}
		}
	}
}

// standard says whether an import path is of Go's own library: its first element
// is no domain name.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// within says whether an import path is in one of the modules; "/" is any.
func within(modules []string, path string) bool {
	return slices.ContainsFunc(modules, func(m string) bool {
		return m == "/" || m == path || strings.HasPrefix(path, m+"/")
	})
}

// matches says whether a path is one of the patterns, or below one that ends in
// "/". The pattern "/" is everything.
func matches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return pattern == path || pattern == "/" || strings.HasSuffix(pattern, "/") && strings.HasPrefix(path, pattern)
	})
}

func ruleFor(folder string) (rule, bool) {
	for _, r := range rules {
		if matches([]string{r.folder}, folder) {
			return r, true
		}
	}
	return rule{}, false
}

// packages lists all packages of the project.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

// The rules themselves are tried on imports that they must refuse.
func TestRulesRefuse(t *testing.T) {
	for _, tt := range []struct{ folder, path string }{
		{"applet/emulator", "applet"},
		{"applet/emulator", "internal/secret"},
		{"applet", "pcsc"},
		{"pkcs11module", "gui"},
		{"pkcs11module", "internal/ades/pades"},
		{"pkcs11module", "C"},
		{"internal/cie", "internal/ades/xades"},
		{"internal/ades/cades", "pcsc"},
	} {
		if r, _ := ruleFor(tt.folder); !matches(r.never, tt.path) {
			t.Errorf("%s may depend on %s", tt.folder, tt.path)
		}
	}
	for _, tt := range []struct{ folder, path string }{
		{"applet/tlv", "applet/apdu"},
		{"gui", "pcsc"},
		{"gui", "applet/apdu"},
		{"internal/browser", "internal/cie"},
	} {
		if r, _ := ruleFor(tt.folder); matches(r.may, tt.path) {
			t.Errorf("%s may import %s", tt.folder, tt.path)
		}
	}
	for _, path := range []string{"fyne.io/fyne/v2/widget", "github.com/pdfcpu/pdfcpu/pkg/api", "github.com/beevik/etree", "github.com/spf13/cobra"} {
		if r, _ := ruleFor("pkcs11module"); within(r.modules, path) {
			t.Errorf("pkcs11module may rest on %s", path)
		}
	}
}

// The project stands alone: no file leads to a folder outside it, or to where it
// happened to be written.
func TestNoPathLeadsOutside(t *testing.T) {
	outside := regexp.MustCompile(`\.\./sha` + `red\b|(^|[\s"'=(:\x60])/wo` + `rk/|(^|[\s"'=(:\x60])/ro` + `ot/`)
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := entry.Name(); {
		case entry.IsDir() && (name == ".git" || name == "build" || name == "fuzz"):
			return filepath.SkipDir
		case !entry.Type().IsRegular() || name == ".git": // a file in a linked working tree
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if found := outside.Find(content); found != nil {
			t.Errorf("%s leads outside: %q", path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
