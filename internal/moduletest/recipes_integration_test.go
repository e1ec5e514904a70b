//go:build integration

package moduletest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/rig"
)

// A recipe is one block of commands of docs/recipes.md, by the name in the comment
// before it.
var recipe = regexp.MustCompile("(?m)^<!-- run: ([a-z-]+) -->\n```sh\n((?s:.*?))```$")

// recipes are those of the page.
func recipes(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "recipes.md"))
	must(t, err)
	all := map[string]string{}
	for _, m := range recipe.FindAllStringSubmatch(string(page), -1) {
		if _, twice := all[m[1]]; twice {
			t.Errorf("two recipes are called %s", m[1])
		}
		all[m[1]] = m[2]
	}
	if marks := strings.Count(string(page), "<!-- run:"); marks != len(all) {
		t.Errorf("%d marks, %d recipes", marks, len(all))
	}
	if blocks, told := strings.Count(string(page), "```sh\n"), strings.Count(string(page), "<!-- not run: "); blocks != len(all)+told {
		t.Errorf("%d blocks of commands, %d are run and %d are said not to be", blocks, len(all), told)
	}
	return all
}

// question is how the programs of the recipes ask for the PIN.
var question = regexp.MustCompile(`(?i)(pin|passphrase|password)[^\n]*: *$`)

// person runs commands at a terminal, and types the last four digits of the PIN
// where they are asked for. What is done in windows is hands; nil: nothing.
func (d *desk) person(commands string, hands func()) string {
	d.t.Helper()
	file := d.write("recipe.sh", []byte("set -e\n"+commands))
	ctx, cancel := context.WithTimeout(d.Ctx, 3*time.Minute)
	defer cancel()
	terminal := exec.CommandContext(ctx, "script", "-qec", "sh "+file, "/dev/null")
	terminal.Dir = d.Folder
	keys, err := terminal.StdinPipe()
	must(d.t, err)
	screen, err := terminal.StdoutPipe()
	must(d.t, err)
	must(d.t, terminal.Start())
	if hands != nil {
		hands()
	}
	var seen, line strings.Builder
	for in := bufio.NewReader(screen); ; {
		c, err := in.ReadByte()
		if err != nil {
			break
		}
		seen.WriteByte(c)
		line.WriteByte(c)
		if c == '\n' {
			line.Reset()
		}
		if in.Buffered() == 0 && question.MatchString(line.String()) {
			line.Reset()
			_, err = io.WriteString(keys, "5678\n")
			must(d.t, err)
		}
	}
	if err := terminal.Wait(); err != nil {
		d.t.Errorf("%v\n%s", err, seen.String())
	}
	return seen.String()
}

func TestRecipes(t *testing.T) {
	rig.Need(t, "script", "ssh-agent", "git", "curl", "pkcs11-tool", "gnutls-cli", "p11tool", "openvpn", "keytool", "/usr/bin/python3",
		"certutil", "rsvg-convert", "pdfsig", "openssl", "soffice", "xmlsec1")
	if err := exec.Command("/usr/bin/python3", "-c", "import PyKCS11").Run(); err != nil {
		rig.Missing(t, "python3-pykcs11")
	}
	d := newDesk(t, true)
	c := newConsumer(t, "recipes of docs/recipes.md")
	t.Setenv("PATH", "/usr/bin:"+os.Getenv("PATH")) // Debian's Python, which has the package
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	all, s := recipes(t), d.site()
	u, err := url.Parse(s.Required)
	must(t, err)
	machine := fmt.Sprintf("MODULE=%s\nSITE=%s\nHOST=localhost\nPORT=%s\nCA=%s\nPROFILE=%s\n", d.module, s.Required, u.Port(), s.CA, d.profile())
	run := map[string]bool{}
	for _, tt := range []struct {
		names  []string                  // of recipes, one after the other
		before string                    // commands
		after  string                    // commands
		hands  func(*desk, *rig.Display) // what is done in windows
		wanted []string
		login  bool        // at the site
		check  func(*desk) // what there is afterwards
	}{
		{names: []string{"ssh"}, after: "ssh-agent -k", wanted: []string{"ssh-rsa ", "Card added"}},
		{
			names: []string{"ssh", "git"}, wanted: []string{"Good \"git\" signature for someone@example.org"},
			before: "git init -q work; git config --global user.email someone@example.org; git config --global user.name Someone",
			after:  "ssh-agent -k",
		},
		{names: []string{"openvpn"}, wanted: []string{"Serialized id:", d.Card.PAN()}},
		{names: []string{"curl"}, wanted: []string{d.Card.Holder().TaxCode}, login: true},
		{names: []string{"gnutls"}, wanted: []string{d.Card.Holder().TaxCode}, login: true},
		{names: []string{"java"}, wanted: []string{"PrivateKeyEntry"}},
		{names: []string{"python"}, wanted: []string{"True"}},
		{
			names: []string{"pdfsig"}, wanted: []string{"Signature is Valid.", "Total document signed"}, check: (*desk).signedPDF,
			before: "echo '<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>' | rsvg-convert -f pdf -o letter.pdf",
		},
		{
			names: []string{"libreoffice"}, hands: signInLibreOffice, check: (*desk).signedODT,
			before: "echo Dear >letter.txt; soffice --headless --convert-to odt letter.txt; export SAL_USE_VCLPLUGIN=gtk3 LC_ALL=C.UTF-8",
		},
	} {
		for _, n := range tt.names {
			run[n] = true
		}
		c.step(strings.Join(tt.names, " and "), func(t *testing.T) {
			d, commands := d.with(t), machine+tt.before
			for _, n := range tt.names {
				if all[n] == "" {
					t.Fatalf("no recipe %s", n)
				}
				commands += "\n" + all[n]
			}
			var hands func()
			if tt.hands != nil {
				s := rig.StartDisplay(t, "1200x900")
				t.Setenv("DISPLAY", s.Name)
				hands = func() { tt.hands(d, s) }
			}
			out := d.person(commands+tt.after+"\n", hands)
			for _, w := range tt.wanted {
				if !strings.Contains(out, w) {
					t.Errorf("it does not say %q:\n%s", w, out)
				}
			}
			if tt.login {
				s.sawLogin(d)
			}
			if tt.check != nil {
				tt.check(d)
			}
		})
	}
	for n := range all {
		if !run[n] {
			t.Errorf("the recipe %s is not run", n)
		}
	}
	d.unharmed()
	if d.tries() != 3 {
		t.Errorf("%d tries left, want 3", d.tries())
	}
}
