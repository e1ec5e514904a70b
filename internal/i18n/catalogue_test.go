package i18n

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var argument = regexp.MustCompile(`\{\{\.(\w+)\}\}`)

func argumentsOf(wording string) []string {
	var names []string
	for _, m := range argument.FindAllStringSubmatch(wording, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// forms are the plural forms of each language (Unicode CLDR, cardinals).
var forms = map[Language][]string{
	Italian: {"one", "other"}, English: {"one", "other"}, German: {"one", "other"}, French: {"one", "other"},
	Slovenian: {"few", "one", "other", "two"},
}

// A key that stands twice in a file hides one of its texts.
func TestNoKeyTwice(t *testing.T) {
	keys := regexp.MustCompile(`(?m)^  "([^"]+)":`)
	for _, l := range Languages() {
		content, err := os.ReadFile(string(l) + ".json")
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		for _, m := range keys.FindAllSubmatch(content, -1) {
			if key := string(m[1]); seen[key] {
				t.Errorf("%s: %s stands twice", l, key)
			} else {
				seen[key] = true
			}
		}
	}
}

func TestLanguagesHaveTheSameTexts(t *testing.T) {
	italian := Load(Italian)
	for _, l := range Languages() {
		c := Load(l)
		for key := range c.texts {
			if _, ok := italian.texts[key]; !ok {
				t.Errorf("%s: %s is not in Italian", l, key)
			}
		}
		for key, wanted := range italian.texts {
			got, ok := c.texts[key]
			if !ok {
				t.Errorf("%s: %s is missing", l, key)
				continue
			}
			want := []string{other}
			if len(wanted) > 1 {
				want = forms[l]
			}
			if names := sortedKeys(got); !slices.Equal(names, want) {
				t.Errorf("%s: %s has the forms %v, want %v", l, key, names, want)
			}
			for form, wording := range got {
				if a, b := argumentsOf(wording), argumentsOf(wanted[other]); !slices.Equal(a, b) {
					t.Errorf("%s: %s (%s) has the arguments %v, want %v", l, key, form, a, b)
				}
				if strings.TrimSpace(wording) == "" || strings.Contains(wording, "  ") {
					t.Errorf("%s: %s (%s) is empty or has two spaces: %q", l, key, form, wording)
				}
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Two languages with the same sentence: one of them was not translated.
func TestSentencesAreTranslated(t *testing.T) {
	for _, l := range Languages()[1:] {
		for key, translated := range Load(l).texts {
			if strings.HasPrefix(key, "error.") && translated[other] == Load(Italian).texts[key][other] {
				t.Errorf("%s: %s is still Italian", l, key)
			}
		}
	}
}

// What a citizen does not know is not in the first sentence.
func TestPlainWords(t *testing.T) {
	technical := regexp.MustCompile(`(?i)\b(apdu|token|slot|pkcs|pc/sc|dapp|mac|sod|chip|buffer|handle|session|null)\b`)
	for _, l := range Languages() {
		for key, wording := range Load(l).texts {
			if found := technical.FindString(wording[other]); found != "" {
				t.Errorf("%s: %s says %q", l, key, found)
			}
		}
	}
}

func TestPluralForms(t *testing.T) { // numbers of each form from Unicode CLDR
	for _, tt := range []struct {
		language Language
		n        int
		want     string
	}{
		{Italian, 0, "other"},
		{Italian, 1, "one"},
		{Italian, 2, "other"},
		{English, 1, "one"},
		{English, 10, "other"},
		{German, 1, "one"},
		{German, 3, "other"},
		{French, 0, "one"},
		{French, 1, "one"},
		{French, 2, "other"},
		{Slovenian, 0, "other"},
		{Slovenian, 1, "one"},
		{Slovenian, 2, "two"},
		{Slovenian, 3, "few"},
		{Slovenian, 4, "few"},
		{Slovenian, 5, "other"},
		{Slovenian, 10, "other"},
		{Slovenian, 101, "one"},
		{Slovenian, 111, "other"},
	} {
		if got := tt.language.form(tt.n); got != tt.want {
			t.Errorf("%s: form of %d = %s, want %s", tt.language, tt.n, got, tt.want)
		}
	}
}

func TestT(t *testing.T) {
	for _, tt := range []struct {
		language Language
		key      string
		args     []any
		want     string
	}{
		{Italian, "pin.tries", []any{"n", 1}, "PIN: 1 tentativo"},
		{Italian, "pin.tries", []any{"n", 2}, "PIN: 2 tentativi"},
		{Slovenian, "pin.tries", []any{"n", 2}, "PIN: 2 poskusa"},
		{Slovenian, "pin.tries", []any{"n", 3}, "PIN: 3 poskusi"},
		{English, "error.file.what", []any{"file", "/tmp/{{.n}}"}, "I cannot read or write /tmp/{{.n}}."},
		{German, "step.done", nil, "Fertig"},
		{German, "no such key", nil, "no such key"},
	} {
		if got := Load(tt.language).T(tt.key, tt.args...); got != tt.want {
			t.Errorf("%s: T(%q, %v) = %q, want %q", tt.language, tt.key, tt.args, got, tt.want)
		}
	}
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		environment string
		want        Language
	}{
		{"LANG=it_IT.UTF-8", Italian},
		{"LANG=it", Italian},
		{"LANG=de_IT.UTF-8", German},
		{"LANG=fr_FR@euro", French},
		{"LANG=sl-SI", Slovenian},
		{"LANG=es_ES.UTF-8", English},
		{"LANG=C.UTF-8", English},
		{"LANG=POSIX", English},
		{"LANG=it_IT.UTF-8 LC_MESSAGES=de_DE.UTF-8", German},
		{"LANG=it_IT.UTF-8 LC_MESSAGES=de_DE.UTF-8 LC_ALL=C", English},
		{"LC_ALL=C CIE_LANG=sl", Slovenian},
		{"LC_ALL=it_IT.UTF-8 CIE_LANG=xx", English},
		{"LC_ALL= LANG=it_IT.UTF-8", Italian},
	} {
		set := map[string]string{}
		for _, pair := range strings.Fields(tt.environment) {
			name, value, _ := strings.Cut(pair, "=")
			set[name] = value
		}
		if got := Detect(func(name string) string { return set[name] }); got != tt.want {
			t.Errorf("%s: Detect = %s, want %s", tt.environment, got, tt.want)
		}
	}
}

// Every key that the programs and screens ask for by name exists.
func TestKeysInUseExist(t *testing.T) {
	asked, italian := regexp.MustCompile(`\.[tT]\("([^"]+)"[,)]`), Load(Italian)
	for _, folder := range []string{"cmd", "gui", "internal", "pkcs11module"} {
		root := filepath.Join("..", "..", folder)
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range asked.FindAllStringSubmatch(string(source), -1) {
				if _, ok := italian.texts[m[1]]; !ok {
					t.Errorf("%s asks for %q, which no catalogue has", path, m[1])
				}
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}
