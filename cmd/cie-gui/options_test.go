//go:build gles

package main

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
)

func TestOptions(t *testing.T) {
	if o, err := read([]string{"--demo", "-counter"}, i18n.Load(i18n.English), nil); err != nil || o != (options{demo: true, counter: true}) {
		t.Errorf("%+v, %v", o, err)
	}
	for line, says := range map[string]string{"--nope": "-nope", "card.pdf now": "card.pdf now", "--demo=perhaps": "-demo"} {
		_, err := read(strings.Fields(line), i18n.Load(i18n.German), nil)
		m := i18n.Load(i18n.German).Explain(err)
		if m.Key != "usage" || !strings.Contains(m.What, says) {
			t.Errorf("%s: %+v", line, m)
		}
	}
}

// Help is in the person's language.
func TestHelp(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range i18n.Languages() {
		var out bytes.Buffer
		if _, err := read([]string{"--help"}, i18n.Load(l), &out); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v", l, err)
		}
		if text := out.String(); strings.Contains(text, "gui.") || !strings.Contains(text, "--counter") || seen[text] {
			t.Errorf("%s:\n%s", l, text)
		}
		seen[out.String()] = true
	}
}
