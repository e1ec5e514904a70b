// Package i18n holds every sentence a person reads, in five languages, and turns
// errors into sentences: what happened, what it means for the tries, what to do
// next, and a code that never changes.
//
// The texts are in one JSON file for each language, a flat list of keys. A text
// names its arguments in double braces ({{.name}}); one that depends on a number
// n is an object of the language's plural forms ("one", "two", "few", "other").
// This is the form that Fyne's lang catalogue reads too. Italian is written
// first, the others follow it; a test holds them to the same keys and arguments.
package i18n

import (
	"slices"
	"strings"
)

// A Language is one the program speaks, by its ISO 639-1 code.
type Language string

// The languages: Italian, English, and those protected by law in parts of Italy.
const (
	Italian   Language = "it"
	English   Language = "en"
	German    Language = "de"
	French    Language = "fr"
	Slovenian Language = "sl"
)

// Languages are all of them, Italian first.
func Languages() []Language { return []Language{Italian, English, German, French, Slovenian} }

// Detect chooses the language of the person at this computer. lookup gives
// environment variables, as os.Getenv does.
//
// CIE_LANG decides if set, then the first set of LC_ALL, LC_MESSAGES and LANG
// (POSIX.1-2017 §8.2), then, on Windows, the language of the desktop. A
// language that the program does not speak, "C", "POSIX" and nothing at all
// give English.
func Detect(lookup func(string) string) Language {
	for _, name := range []string{"CIE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := lookup(name); locale != "" {
			return Match(locale)
		}
	}
	return Match(desktopLocale())
}

// Match returns the language of a locale such as "it_IT.UTF-8" or "de-IT",
// English if it is none of ours.
func Match(locale string) Language {
	code, _, _ := strings.Cut(strings.ToLower(locale), "_")
	code, _, _ = strings.Cut(code, "-")
	code, _, _ = strings.Cut(code, ".")
	if l := Language(code); slices.Contains(Languages(), l) {
		return l
	}
	return English
}

// form is the plural form of n in the language (Unicode CLDR, cardinals, whole
// numbers).
func (l Language) form(n int) string {
	switch {
	case l == Slovenian:
		return slovenianForm(n % 100)
	case n == 1, l == French && n == 0:
		return "one"
	}
	return other
}

func slovenianForm(n int) string {
	switch n {
	case 1:
		return "one"
	case 2:
		return "two"
	case 3, 4:
		return "few"
	}
	return other
}
