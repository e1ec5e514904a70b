package settings

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
)

// What is listed is every file there is, and forgetting leaves the settings, then
// nothing.
func TestKeptAndForgotten(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, "config"), "AppData": filepath.Join(home, "config"), "CIE_CONFIG": "",
	} {
		t.Setenv(name, value)
	}
	store, err := pairing.Open(filepath.Join(home, "state", "cie", "pairings"))
	if err != nil {
		t.Fatal(err)
	}
	h := &cie.Holder{Pairings: store}
	if all, err := Kept(h); err != nil || len(all) != 0 {
		t.Errorf("of nothing: %v, %v", all, err)
	}
	s := Default()
	s.Language = "it"
	if err := Save(Path(), s); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(windowFile()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(windowFile(), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.BeginChange(applet.PAN{}, pairing.Change); err != nil {
		t.Fatal(err)
	}
	count := func() (files int) {
		_ = filepath.WalkDir(home, func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files++
			}
			return nil
		})
		return files
	}
	all, err := Kept(h)
	if err != nil || len(all) != count() || len(all) != 5 { // key, lock, journal, settings, window
		t.Errorf("%d listed, %d there, %v: %v", len(all), count(), err, all)
	}
	if err := Forget(h); err != nil || count() != 1 {
		t.Errorf("Forget left %d files, %v", count(), err)
	}
	if err := ForgetSettings(); err != nil || count() != 0 {
		t.Errorf("ForgetSettings left %d files, %v", count(), err)
	}
	if err := Forget(h); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestApply(t *testing.T) {
	h := &cie.Holder{}
	s := Default()
	s.Pairing.Half, s.PIN.LastTryGuard = false, false
	if err := s.Apply(h, 0); err != nil || h.KeepHalf || !h.LastTry || h.Linger != cie.DefaultLinger {
		t.Errorf("%+v, %v", h, err)
	}
}
