package i18n

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed *.json
var files embed.FS

// other is the plural form that every language has, and the only one of a text
// that does not depend on a number.
const other = "other"

// A text is one wording for each plural form.
type text map[string]string

// UnmarshalJSON reads a string, or an object of plural forms.
func (t *text) UnmarshalJSON(data []byte) error {
	var plain string
	if json.Unmarshal(data, &plain) == nil {
		*t = text{other: plain}
		return nil
	}
	return json.Unmarshal(data, (*map[string]string)(t))
}

// A Catalogue has all texts in one language.
type Catalogue struct {
	language Language
	texts    map[string]text
}

// Load reads the catalogue of a language, one of Languages.
func Load(l Language) *Catalogue {
	c := &Catalogue{language: l}
	data, err := files.ReadFile(string(l) + ".json")
	if err == nil {
		err = json.Unmarshal(data, &c.texts)
	}
	if err != nil {
		panic(fmt.Sprintf("i18n: catalogue %q: %v", l, err)) // it is part of the program
	}
	return c
}

// Language is the one the catalogue is in.
func (c *Catalogue) Language() Language { return c.language }

// T returns the text of a key. Arguments are pairs of a name and a value, as in
//
//	c.T("tries.left", "n", 2)
//
// An int named n chooses the plural form. A key that does not exist comes back
// as it is, so that the mistake is seen.
func (c *Catalogue) T(key string, args ...any) string {
	forms, ok := c.texts[key]
	if !ok {
		return key
	}
	wording, replacements := forms[other], []string{}
	for i := 0; i+1 < len(args); i += 2 {
		name, value := fmt.Sprint(args[i]), args[i+1]
		if n, isInt := value.(int); isInt && name == "n" && forms[c.language.form(n)] != "" {
			wording = forms[c.language.form(n)]
		}
		replacements = append(replacements, "{{."+name+"}}", fmt.Sprint(value))
	}
	return strings.NewReplacer(replacements...).Replace(wording)
}
