package main

import (
	"errors"
	"os"
	"strings"
)

// A kind of problem has a key of sentences, internal/i18n, and a code that never
// changes.
type kind struct{ key, code string }

var (
	errDamaged   = kind{"single.damaged", "CIE-INS-01"}   // the file itself
	errPlace     = kind{"single.place", "CIE-INS-02"}     // cannot be written to
	errLibraries = kind{"single.libraries", "CIE-INS-03"} // that the programs need
	errStart     = kind{"single.start", "CIE-INS-04"}     // of a program fails
)

// A problem is an error that a person is told of.
type problem struct {
	kind  kind
	cause error
}

func (p *problem) Error() string { return p.kind.code + ": " + p.cause.Error() }

func (p *problem) Unwrap() error { return p.cause }

// explain turns an error into sentences in the person's language. They lie in the
// archive: where it cannot be read, English ones of our own must do.
func (a *archive) explain(err error) error {
	var p *problem
	if !errors.As(err, &p) {
		return err
	}
	text := a.sentence(p.kind.key)
	if text == "" {
		text = "This file is damaged: download it again. ({{.cause}})"
	}
	return errors.New(strings.ReplaceAll(text, "{{.cause}}", p.cause.Error()) + " (" + p.kind.code + ")")
}

// sentence is a text in the person's language, "" if there is none.
func (a *archive) sentence(key string) string {
	if text := a.texts[language(os.Getenv)][key]; text != "" {
		return text
	}
	return a.texts["en"][key]
}

// language of the person, as all our programs find it out (internal/i18n, Detect).
func language(lookup func(string) string) string {
	for _, name := range []string{"CIE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := lookup(name); locale != "" {
			return strings.ToLower(locale)[:min(2, len(locale))]
		}
	}
	return "en"
}
