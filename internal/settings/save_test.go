package settings

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSaveKeepsTheRest(t *testing.T) {
	for _, tt := range []struct{ name, before, after string }{
		{"a new file", "", "language = \"de\"\n\n[pin]\nlinger = \"3s\"\n"},
		{
			"comments, order, line ends",
			"# mine\n[pin] # codes\r\nlinger = \"1s\" # short\r\nlast-try-guard = true\n\n[trust]\nextra = [\"/a\"]\n",
			"language = \"de\"\n\n# mine\n[pin] # codes\r\nlinger = \"3s\" # short\r\nlast-try-guard = true\n\n[trust]\nextra = [\"/a\"]\n",
		},
		{
			"a table without the setting, no newline at the end",
			"language = 'it' # ours\n[module]\nslots = 3\n[pin]\n# nothing",
			"language = \"de\" # ours\n[module]\nslots = 3\n[pin]\nlinger = \"3s\"\n# nothing",
		},
	} {
		path := filepath.Join(t.TempDir(), "cie", "config.toml")
		if tt.before != "" {
			path = write(t, tt.before)
		}
		s, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		s.Language, s.PIN.Linger.Duration = "de", 3*time.Second
		if err := Save(path, s); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := content(t, path); got != tt.after {
			t.Errorf("%s:\n%q, want\n%q", tt.name, got, tt.after)
		}
		if again, err := Load(path); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%s: %+v, want %+v, %v", tt.name, again, s, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", tt.name, info.Mode(), err)
		}
	}
}

// Every setting can be saved and read again.
func TestSaveEverySetting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	var s Settings
	s.Trust.Extra = []string{"/abs", `/with "quotes" \ and	tab`}
	s.Pairing.Half, s.Pairing.Keyring = false, true
	s.PIN.LastTryGuard, s.PIN.Linger.Duration = false, 250*time.Millisecond
	s.Module.Slots, s.Module.Idle.Duration = 4, time.Hour
	s.Window.Theme, s.Window.TextSize, s.Window.Tray = "contrast", 150, false
	s.Log.Level, s.Proxy.Mode, s.Proxy.URL, s.Language = "debug", "manual", "http://proxy:3128", "sl"
	s.Update.Notice = true
	defaults := leaves(Default())
	for i, l := range leaves(s) {
		if l == defaults[i] {
			t.Errorf("%s %s has its default in this test", l.table, l.name)
		}
	}
	if err := Save(path, s); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%+v, %v\n%s", got, err, content(t, path))
	}
	if err := Save(path, Default()); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path); err != nil || !reflect.DeepEqual(leaves(got), defaults) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSaveNothingNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := Save(path, Default()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("defaults made a file: %v", err)
	}
}

// What the lines do not show is left alone: the file stays as it was.
func TestSaveRefuses(t *testing.T) {
	for _, before := range []string{
		"pin = { linger = \"1s\" }\n",
		"pin.linger = \"1s\"\n",
		"[pin]\n\"linger\" = \"1s\"\n",
		"[pin]\nlinger = \"\"\"1s\"\"\"\n",
		"[trust]\nextra = [\"\"\"\n[pin]\nlinger = \"1s\"\n\"\"\"]\n",
		"no-such-setting = 1\n",
	} {
		path := write(t, before)
		s, err := Load(path)
		if err != nil {
			s = Default()
		}
		s.PIN.Linger.Duration = 3 * time.Second
		if err := Save(path, s); !errors.Is(err, ErrSettings) {
			got, _ := Load(path)
			if got.PIN.Linger != s.PIN.Linger {
				t.Errorf("%q: %v", before, err)
			}
			continue
		}
		if got := content(t, path); got != before {
			t.Errorf("%q became %q", before, got)
		}
	}
	s := Default()
	s.Window.TextSize = 1000
	if err := Save(filepath.Join(t.TempDir(), "c"), s); !errors.Is(err, ErrSettings) {
		t.Errorf("a huge text: %v", err)
	}
	if err := Save("", Default()); !errors.Is(err, ErrSettings) {
		t.Errorf("nowhere: %v", err)
	}
}

func TestSaveThroughALink(t *testing.T) {
	path := write(t, "language = \"it\"\n")
	link := filepath.Join(t.TempDir(), "config.toml")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err) // where links need a right
	}
	s := Default()
	s.Language = "fr"
	if err := Save(link, s); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if got := content(t, path); got != "language = \"fr\"\n" {
		t.Errorf("%q", got)
	}
}

func FuzzSave(f *testing.F) {
	f.Add([]byte("[pin]\nlinger = \"1s\"\n"))
	f.Add([]byte("# c\nlanguage='it'\n[window]\r\n"))
	f.Add([]byte("[pin]\nlInger = \"1s\"\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		path := write(t, string(in))
		s, err := Load(path)
		if err != nil {
			return
		}
		s.Language, s.Window.TextSize, s.PIN.Linger.Duration = "fr", 125, 2*time.Second
		err = Save(path, s)
		if err != nil {
			if got := content(t, path); got != string(in) {
				t.Errorf("%v, but %q became %q", err, in, got)
			}
			return
		}
		if got, err := Load(path); err != nil || !reflect.DeepEqual(leaves(got), leaves(s)) {
			t.Errorf("%q: %+v, want %+v, %v", in, got, s, err)
		}
	})
}

func TestLoadBounds(t *testing.T) {
	for _, content := range []string{
		"[window]\ntheme = \"pink\"", "[window]\ntext-size = 90", "[log]\nlevel = \"all\"", "[pin]\nlinger = \"-1s\"", "[pin]\nlinger = \"1h\"",
		"[module]\nslots = 0", "[module]\nidle = \"100h\"", "[proxy]\nmode = \"manual\"", "[proxy]\nmode = \"manual\"\nurl = \"http://u:secret@h:1\"",
		"[proxy]\nmode = \"manual\"\nurl = \"ftp://h\"", "[proxy]\nmode = \"manual\"\nurl = \"http://u:secret@[::\"",
	} {
		_, err := Load(write(t, content))
		if !errors.Is(err, ErrSettings) {
			t.Errorf("%q: %v", content, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats the password: %v", content, err)
		}
	}
}

// Every setting is in the documents, with its default.
func TestSettingsAreDocumented(t *testing.T) {
	documents := content(t, filepath.Join("..", "..", "docs", "config.md"))
	for _, l := range leaves(Default()) {
		row := "\n| `" + l.name + "` | `" + l.value + "` | "
		if l.name == "language" {
			row = "\n| `language` | "
		}
		_, rest, found := strings.Cut(documents, "**`["+l.table+"]`**")
		if l.table == "" {
			rest, found = documents, true
		}
		if !found || !strings.Contains(rest, row) {
			t.Errorf("docs/config.md lacks %q in [%s]", row, l.table)
		}
	}
	if _, err := parse([]byte(documents[strings.Index(documents, "```toml\n")+8 : strings.LastIndex(documents, "```")])); err != nil {
		t.Errorf("the example: %v", err)
	}
}
