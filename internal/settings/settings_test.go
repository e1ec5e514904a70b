package settings

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// i18n finds its sentence by this key, whatever else is wrong.
func TestErrorHasASentence(t *testing.T) {
	_, err := Load(write(t, "unknown = 1"))
	var keyed interface{ MessageKey() string }
	if !errors.As(err, &keyed) || keyed.MessageKey() != "settings" {
		t.Errorf("%v has no sentence", err)
	}
}

func TestLoad(t *testing.T) {
	path := write(t, "language = \"de\"\n[trust]\nextra = [\"/abs\", \"beside\"]\n[pairing]\nhalf = false\n[pin]\nlinger = \"0.5s\"\n")
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Language != "de" || s.Pairing.Half || !s.PIN.LastTryGuard || s.PIN.Linger.Duration != 500*time.Millisecond {
		t.Errorf("%+v", s)
	}
	if want := filepath.Join(filepath.Dir(path), "beside"); s.Trust.Extra[0] != "/abs" || s.Trust.Extra[1] != want {
		t.Errorf("extra = %v", s.Trust.Extra)
	}
}

func TestLoadNothing(t *testing.T) {
	s, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if err != nil || !s.Pairing.Half || !s.PIN.LastTryGuard || s.PIN.Linger.Duration != 1500*time.Millisecond {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, content := range []string{"[trust]\nextra = 3", "no-such-setting = 1", "[[[", "[pin]\nlinger = \"soon\"", "[pin]\nlInger = \"1s\"", "[Pin]\n", "Language = \"it\""} {
		if _, err := Load(write(t, content)); !errors.Is(err, ErrSettings) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, ErrSettings) {
		t.Errorf("a folder: %v", err)
	}
}

func TestPath(t *testing.T) {
	t.Setenv("CIE_CONFIG", "/x/y.toml")
	if got := Path(); got != "/x/y.toml" {
		t.Errorf("Path = %s", got)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("[trust]\nextra = [\"a\"]\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := Load(write(t, string(in))); err != nil && !errors.Is(err, ErrSettings) {
			t.Errorf("untyped error %v", err)
		}
	})
}
