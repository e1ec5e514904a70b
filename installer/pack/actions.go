package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// An action is what file managers offer for documents: an option of cie-gui, before
// the documents' paths. Its text is that of the catalogues, menu.NAME.
type action struct {
	Name       string
	Opens      []string // MIME types that a double click may open with it
	Types      []string // MIME types that it is offered for; none: all files
	Extensions []string // the same for Windows, without the point
}

// source is the language of the text that a desktop in none of ours shows.
const source = "en"

// places are where file managers look for actions, below the folder for shared
// data, by template (installer/linux/actions); NAME stands for the action's.
func places() map[string]string {
	return map[string]string{
		"applications.desktop": "applications/it.softwarecie.Cie.NAME.desktop",         // double click (Desktop Entry Specification 1.5)
		"kio.desktop":          "kio/servicemenus/it.softwarecie.Cie.NAME.desktop",     // Dolphin
		"nemo":                 "nemo/actions/it.softwarecie.Cie.NAME.nemo_action",     // Nemo
		"thunar.desktop":       "Thunar/sendto/it.softwarecie.Cie.NAME.desktop",        // Thunar, "Send To"
		"nautilus.py":          "nautilus-python/extensions/softwarecie-NAME.py",       // GNOME's Files, with nautilus-python
		"file-manager.desktop": "file-manager/actions/it.softwarecie.Cie.NAME.desktop", // PCManFM (DES-EMA 0.15)
	}
}

// actions writes the actions for the desktops of Linux into the folder "share" of
// what was built.
func (r *rel) actions() error {
	texts, err := sentences("internal/i18n", "menu.")
	if err != nil {
		return err
	}
	for name, place := range places() {
		file := filepath.Join("installer/linux/actions", name)
		t, err := template.New(name).Funcs(template.FuncMap{"list": list}).ParseFiles(file)
		if err != nil {
			return err
		}
		for _, a := range r.Actions {
			var out bytes.Buffer
			err := t.Execute(&out, struct {
				action
				Names string
			}{a, names(texts, a.Name)})
			target := filepath.Join(r.build, "share", strings.ReplaceAll(place, "NAME", a.Name))
			if err = errors.Join(err, write(target, out.Bytes(), 0o644)); err != nil {
				return err
			}
		}
	}
	return nil
}

// list is one of strings as desktop files have it.
func list(all []string) string { return strings.Join(all, ";") + ";" }

// names are the lines of a desktop file that name an action, in each language.
func names(texts map[string]map[string]string, action string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Name=%s\n", texts[source]["menu."+action])
	for _, language := range slices.Sorted(maps.Keys(texts)) {
		if language != source {
			fmt.Fprintf(&out, "Name[%s]=%s\n", language, texts[language]["menu."+action])
		}
	}
	return out.String()
}

// firstString is the number that Windows knows the first action's text by, in the
// resources of cie-gui.exe; the others follow.
const firstString = 101

// printStrings prints a script for windres: the actions' texts in tables of strings,
// of which Windows shows that of the desktop's language.
func (r *rel) printStrings() error {
	texts, err := sentences("internal/i18n", "menu.")
	if err != nil {
		return err
	}
	languages := map[string]int{"de": 0x07, "en": 0x09, "fr": 0x0C, "it": 0x10, "sl": 0x24} // [MS-LCID] 2.1
	for _, language := range slices.Sorted(maps.Keys(texts)) {
		if languages[language] == 0 {
			return fmt.Errorf("no number for the language %s", language)
		}
		fmt.Printf("LANGUAGE %#x, 0\nSTRINGTABLE\nBEGIN\n", languages[language])
		for i, a := range r.Actions {
			fmt.Printf("  %d %q\n", firstString+i, texts[language]["menu."+a.Name])
		}
		fmt.Println("END")
	}
	return nil
}

// A verb is an action for the registry of Windows, below a key of its classes.
type verb struct {
	action
	Text   string // where the string is not found
	String int    // number of the text in cie-gui.exe
	Keys   []string
}

// verbs are those of all actions ("Creating Shortcut Menu Handlers" and "Perceived
// Types and Application Registration" in Windows' documentation).
func (r *rel) verbs() ([]verb, error) {
	texts, err := sentences("internal/i18n", "menu.")
	if err != nil {
		return nil, err
	}
	var all []verb
	for i, a := range r.Actions {
		v := verb{action: a, Text: texts[source]["menu."+a.Name], String: firstString + i}
		for _, extension := range a.Extensions {
			v.Keys = append(v.Keys, `SystemFileAssociations\.`+extension)
		}
		if len(v.Keys) == 0 {
			v.Keys = []string{"*"}
		}
		all = append(all, v)
	}
	return all, nil
}
