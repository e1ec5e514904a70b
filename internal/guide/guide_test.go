package guide

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/secret"
)

// raw is a page as it is written.
func raw(t *testing.T, l i18n.Language, n Name) string {
	t.Helper()
	content, err := pages.ReadFile(string(l) + "/" + string(n) + ".md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// shape is what a page has besides words: headings, list items, links, facts, in
// their order within each kind.
func shape(text string) map[string][]string {
	s := map[string][]string{}
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "# "):
			s["title"] = append(s["title"], "")
		case strings.HasPrefix(line, "## "):
			s["sections"] = append(s["sections"], "")
		case listMark.MatchString(line):
			s["items"] = append(s["items"], listMark.FindString(line))
		case strings.TrimSpace(line) != "":
			s["paragraphs"] = append(s["paragraphs"], "")
		}
	}
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		s["links"] = append(s["links"], m[2])
	}
	s["facts"] = placeholder.FindAllString(text, -1)
	slices.Sort(s["facts"])
	return s
}

var link = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)

var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)

func TestEveryGuideInEveryLanguage(t *testing.T) {
	for _, l := range i18n.Languages() {
		files, err := pages.ReadDir(string(l))
		if err != nil || len(files) != len(Names()) {
			t.Errorf("%s has %d pages, want %d, %v", l, len(files), len(Names()), err)
		}
		titles := map[string]Name{}
		for _, n := range Names() {
			g := Load(l, n)
			if other, twice := titles[g.Title]; twice || g.Title == "" {
				t.Errorf("%s: %s and %s have the title %q", l, n, other, g.Title)
			}
			titles[g.Title] = n
			if strings.Contains(g.Text, "{{") || strings.Contains(g.Title, "#") {
				t.Errorf("%s: %s: something was not filled in", l, n)
			}
			want, got := shape(raw(t, i18n.Italian, n)), shape(raw(t, l, n))
			if !maps.EqualFunc(got, want, slices.Equal[[]string]) {
				t.Errorf("%s: %s has the parts\n%v, in Italian\n%v", l, n, got, want)
			}
			if l != i18n.Italian && g.Text == Load(i18n.Italian, n).Text {
				t.Errorf("%s: %s is not translated", l, n)
			}
		}
	}
}

func TestLinksResolve(t *testing.T) {
	reached := map[Name]bool{Levels: true}
	for _, n := range Names() {
		for _, m := range link.FindAllStringSubmatch(Load(i18n.Italian, n).Text, -1) {
			target, ok := Target(m[2])
			if !ok || target == n {
				t.Errorf("%s links to %q", n, m[2])
			}
			reached[target] = true
		}
	}
	for _, n := range []Name{Activation, Pairing, Codes, Blocked, Lost, Stolen} {
		if !reached[n] {
			t.Errorf("no page links to %s", n)
		}
	}
	for _, wrong := range []string{"", "codes", "x.md", "../codes.md", "https://example.org"} {
		if _, ok := Target(wrong); ok {
			t.Errorf("%q is taken for a guide", wrong)
		}
	}
}

// A number in a text is a fact that could be changed in one page and forgotten in
// another; those left are names of levels, of positions and of programs.
func TestFactsStandOnce(t *testing.T) {
	used := map[string]bool{}
	harmless := regexp.MustCompile(`pn533|12345678|87654321` + // programs, a bad PIN
		`|(?i)(livell[oi]|levels?|stufen?|niveaux?|raven|ravni) [1-3]( (e|and|und|et|in) [1-3])?` +
		`|\b(1ª e la 3ª|1st and the 3rd|1\. und der 3\.|1er et le 3e|1\. in 3\.)`) // positions of digits
	for _, l := range i18n.Languages() {
		for _, n := range Names() {
			text := raw(t, l, n)
			for _, p := range placeholder.FindAllString(text, -1) {
				used[strings.Trim(p, "{.}")] = true
			}
			text = harmless.ReplaceAllString(placeholder.ReplaceAllString(text, ""), "")
			text = regexp.MustCompile(`(?m)^[0-9]\. `).ReplaceAllString(text, "")
			if found := regexp.MustCompile(`.{0,20}[0-9].{0,20}`).FindString(text); found != "" {
				t.Errorf("%s: %s: the number in %q belongs into facts", l, n, found)
			}
		}
	}
	for name := range facts() {
		if !used[name] {
			t.Errorf("no page uses %s", name)
		}
	}
}

// The facts of product chapter 2, as text: a changed constant elsewhere shows here.
func TestFacts(t *testing.T) {
	for n, want := range map[Name][]string{
		Activation: {"Da 10 a 20 caratteri", "più di 2 caratteri uguali", "Attivazione credenziali CIE"},
		Codes:      {"8 cifre ciascuno", "Prime 4 cifre", "Ultime 4 cifre", "dopo 3 errori", "ha 10 tentativi", "ha 6 caratteri", "CAN ha 6 cifre"},
		Blocked:    {"Il PUK ha 10 tentativi"},
		Lost:       {"dopo 48 ore", "qualsiasi ufficio anagrafe"},
		Minors:     {"Da 5 a 18 anni", "Sotto i 5 anni"},
		Stolen:     {"800 263 388", "circa 20 euro"},
	} {
		text := Load(i18n.Italian, n).Text
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s does not say %q", n, w)
			}
		}
	}
}

// What the page on genuineness quotes is what the program says.
func TestQuotedVerdicts(t *testing.T) {
	for _, l := range i18n.Languages() {
		text := strings.ToLower(Load(l, Card).Text)
		for _, key := range []string{"genuine.unknown", "genuine.failed"} {
			if said := i18n.Load(l).T(key); !strings.Contains(text, strings.ToLower(said)) {
				t.Errorf("%s does not quote %q", l, said)
			}
		}
	}
}

func TestPlain(t *testing.T) {
	got := Guide{Name: Codes, Title: "Titolò", Text: "Uno due **tre** [quattro](lost.md) `cinque`\n\n## Sei\n\n- sette otto nove dieci\n- undici\n\nFine\n"}.Plain(20)
	want := "Titolò\n======\nUno due tre quattro\n(→ lost) cinque\n\nSei\n---\n• sette otto nove\n  dieci\n• undici\n\nFine\n"
	if got != want {
		t.Errorf("%q, want\n%q", got, want)
	}
	for _, l := range i18n.Languages() {
		for _, n := range Names() {
			for line := range strings.Lines(Load(l, n).Plain(80)) {
				if len([]rune(line)) > 81 || strings.ContainsAny(line, "*`]") {
					t.Errorf("%s: %s: %q", l, n, line)
				}
			}
		}
	}
}

func TestCheckPassword(t *testing.T) {
	for _, tt := range []struct {
		password string
		broken   []PasswordRule
	}{
		{"Abcdefg1!x", nil},
		{"Abcdefg1!xAbcdefg1!x", nil},
		{"Àèìòùx1€yz", nil},
		{"aabbccA1!x", nil},
		{"", []PasswordRule{RuleLength, RuleUpper, RuleLower, RuleNumber, RuleSymbol, RuleRun}},
		{"Abcdef1!x", []PasswordRule{RuleLength}},
		{"Abcdefg1!xAbcdefg1!xy", []PasswordRule{RuleLength}},
		{"abcdefg1!x", []PasswordRule{RuleUpper}},
		{"ABCDEFG1!X", []PasswordRule{RuleLower}},
		{"Abcdefgh!x", []PasswordRule{RuleNumber}},
		{"Abcdefg1 x", []PasswordRule{RuleSymbol}},
		{"Abcdefg111!x", []PasswordRule{RuleRun}},
	} {
		kept := CheckPassword([]byte(tt.password))
		for _, rule := range PasswordRules() {
			if want := !slices.Contains(tt.broken, rule); kept[rule] != want {
				t.Errorf("%q: %s = %v, want %v", tt.password, rule, kept[rule], want)
			}
		}
	}
}

func TestDigit(t *testing.T) {
	half := secret.Take([]byte("70x5"))
	defer half.Wipe()
	for position, want := range map[int]byte{1: '7', 2: '0', 4: '5'} {
		if got, ok := Digit(half, position); !ok || got != want {
			t.Errorf("digit %d = %c, %v", position, got, ok)
		}
	}
	for _, position := range []int{-1, 0, 3, 5} {
		if _, ok := Digit(half, position); ok {
			t.Errorf("digit %d", position)
		}
	}
	if _, ok := Digit(nil, 1); ok {
		t.Error("a digit of nothing")
	}
}
