//go:build gles

package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
)

func TestOptions(t *testing.T) {
	if o, err := read([]string{"--demo", "-counter"}, i18n.Load(i18n.English), nil); err != nil || !o.demo || !o.counter || o.do != "" {
		t.Errorf("%+v, %v", o, err)
	}
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"--verify"}, nil},
		{[]string{"--verify", "a b.p7m", "--demo", "/x/../y"}, []string{filepath.Join(here, "a b.p7m"), filepath.Join(here, "--demo"), "/y"}},
		{[]string{"--verify", "--", "--demo", "-"}, []string{filepath.Join(here, "--demo"), filepath.Join(here, "-")}},
	} {
		o, err := read(tt.args, i18n.Load(i18n.English), nil)
		if err != nil || o.demo || o.do != doVerify || !slices.Equal(o.files, tt.want) {
			t.Errorf("%q: %+v, %v", tt.args, o, err)
		}
	}
	if o, err := read([]string{"--sign", "/a"}, i18n.Load(i18n.English), nil); err != nil || o.do != doSign || !slices.Equal(o.files, []string{"/a"}) {
		t.Errorf("%+v, %v", o, err)
	}
	for line, says := range map[string]string{"--sign --verify /a": "--sign", "--nope": "-nope", "card.pdf now": "card.pdf now", "--demo=perhaps": "-demo"} {
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
