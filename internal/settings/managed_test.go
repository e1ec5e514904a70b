package settings

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// files are those with these contents; "" for none.
func files(t *testing.T, managed, own string) Files {
	t.Helper()
	f := Files{Managed: filepath.Join(t.TempDir(), "none"), Own: filepath.Join(t.TempDir(), "none")}
	if managed != "" {
		f.Managed = write(t, managed)
	}
	if own != "" {
		f.Own = write(t, own)
	}
	return f
}

func TestManagedWins(t *testing.T) {
	f := files(t, "[pin]\nlast-try-guard = true\nlinger = \"0s\"\n[trust]\nextra = [\"ca\"]\n", "language = \"de\"\n[pin]\nlast-try-guard = false\n[trust]\nextra = [\"/own\"]\n")
	s, err := f.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !s.PIN.LastTryGuard || s.PIN.Linger.Duration != 0 || s.Language != "de" {
		t.Errorf("guard %v, linger %v, language %q", s.PIN.LastTryGuard, s.PIN.Linger, s.Language)
	}
	if want := filepath.Join(filepath.Dir(f.Managed), "ca"); len(s.Trust.Extra) != 1 || s.Trust.Extra[0] != want {
		t.Errorf("trust %q, want %q", s.Trust.Extra, want)
	}
}

func TestShowOrigins(t *testing.T) {
	all, err := files(t, "[log]\nlevel = \"off\"\n", "language = \"de\"\n[log]\nlevel = \"debug\"\n").Show()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Setting{}
	for _, s := range all {
		got[s.Name] = s
	}
	for _, want := range []Setting{{"log.level", `"off"`, ByAdmin}, {"language", `"de"`, ByUser}, {"module.slots", "2", ByDefault}} {
		if got[want.Name] != want {
			t.Errorf("%+v, want %+v", got[want.Name], want)
		}
	}
	if len(all) != len(leaves(Default())) {
		t.Errorf("%d settings, want %d", len(all), len(leaves(Default())))
	}
}

// A wrong file is an error that names it, and takes nothing from the other.
func TestWrongManagedFile(t *testing.T) {
	for _, text := range []string{"[pin]\nlinger = \"1h\"\n", "nonsense = 1\n", "= =", "\x00"} {
		f := files(t, text, "language = \"de\"\n")
		s, err := f.Load()
		var keyed interface{ MessageKey() string }
		if !errors.Is(err, ErrSettings) || !errors.As(err, &keyed) || keyed.MessageKey() != "managed-settings" || s.Language != "de" {
			t.Errorf("%q: %v, language %q", text, err, s.Language)
		}
		if err := f.Save(s); !errors.Is(err, ErrSettings) {
			t.Errorf("%q: saved, %v", text, err)
		}
		if _, err := f.Show(); !errors.Is(err, ErrSettings) {
			t.Errorf("%q: shown, %v", text, err)
		}
	}
	s, err := files(t, "language = \"sl\"\n", "nonsense = 1\n").Load()
	if !errors.Is(err, ErrSettings) || s.Language != "sl" {
		t.Errorf("own file wrong: %v, language %q", err, s.Language)
	}
}

// What is saved is what a person has changed, not what the administrator has set.
func TestSaveBesideManaged(t *testing.T) {
	f := files(t, "[pin]\nlinger = \"0s\"\n", "# mine\nlanguage = \"de\"\n")
	s, err := f.Load()
	if err != nil {
		t.Fatal(err)
	}
	s.Window.TextSize = 150
	if err := f.Save(s); err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, f.Own), "# mine\nlanguage = \"de\"\n\n[window]\ntext-size = 150\n"; got != want {
		t.Errorf("saved %q, want %q", got, want)
	}
	s.PIN.Linger.Duration = time.Second
	if err := f.Save(s); !errors.Is(err, ErrManaged) {
		t.Errorf("a managed setting was changed: %v", err)
	}
}

func TestNoFiles(t *testing.T) {
	f := files(t, "", "")
	s, err := f.Load()
	if err != nil || len(leaves(s)) == 0 {
		t.Fatal(err)
	}
	for i, l := range leaves(s) {
		if l != leaves(Default())[i] {
			t.Errorf("%+v", l)
		}
	}
}
