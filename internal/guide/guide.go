// Package guide has the guides: short pages in five languages that are part of
// the program and need no network. They are Markdown, of which a page uses
// headings, paragraphs, lists, bold, code, and links to other guides by file name.
// It also has the two small tools of the page on activation: the rules of the
// password, and the single digits of half a PUK. Both keep nothing.
//
// What is a fact and not a word, such as a telephone number, stands once, in
// facts; the pages name it in double braces.
package guide

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/i18n"
)

//go:embed it en de fr sl
var pages embed.FS

// A Name says which guide; it is the same in every language.
type Name string

// The guides.
const (
	Levels     Name = "levels"     // the three levels of access
	Activation Name = "activation" // levels 1 and 2, step by step
	Pairing    Name = "pairing"    // what it is, what is kept
	Codes      Name = "codes"      // PIN, PUK, their halves, and other codes
	Blocked    Name = "blocked"    // the PIN
	Lost       Name = "lost"       // PIN or PUK
	Reader     Name = "reader"     // reader or card that do not work
	Card       Name = "card"       // certificate, genuineness, expiry
	Minors     Name = "minors"
	Stolen     Name = "stolen"   // or lost: the card
	Programs   Name = "programs" // besides browsers
)

// Names are all guides, in the order of a table of contents.
func Names() []Name {
	return []Name{Levels, Activation, Pairing, Codes, Blocked, Lost, Reader, Card, Minors, Stolen, Programs}
}

// A Guide is a page in one language.
type Guide struct {
	Name  Name
	Title string
	Text  string // Markdown, without the title
}

// facts are what the pages must not say differently. Those on the portal, the app
// and minors are as the ministry publishes them.
func facts() map[string]string {
	numbers := map[string]int{
		"digits":        applet.CodeLength,
		"half":          applet.CodeLength / 2,
		"pinTries":      applet.CodePIN.MaxTries(),
		"pukTries":      applet.CodePUK.MaxTries(),
		"passwordMin":   PasswordMin,
		"passwordMax":   PasswordMax,
		"passwordRun":   PasswordRun,
		"appCode":       6, // characters
		"can":           6, // digits
		"recoveryHours": 48,
		"minorFrom":     5,  // years
		"adultFrom":     18, // years
		"price":         20, // euro, about
	}
	all := map[string]string{"blockPhone": "800 263 388"}
	for name, n := range numbers {
		all[name] = fmt.Sprint(n)
	}
	return all
}

// Load returns a guide in a language, one of i18n.Languages.
func Load(l i18n.Language, n Name) Guide {
	content, err := pages.ReadFile(string(l) + "/" + string(n) + ".md")
	if err != nil {
		panic(fmt.Sprintf("guide: %v", err)) // it is part of the program
	}
	title, text, _ := strings.Cut(strings.TrimPrefix(fill(string(content)), "# "), "\n")
	return Guide{n, title, strings.TrimSpace(text) + "\n"}
}

// fill puts the facts in.
func fill(text string) string {
	var pairs []string
	for name, fact := range facts() {
		pairs = append(pairs, "{{."+name+"}}", fact)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Target is the guide that a link in a text leads to.
func Target(link string) (Name, bool) {
	stem, found := strings.CutSuffix(link, ".md")
	return Name(stem), found && slices.Contains(Names(), Name(stem))
}
