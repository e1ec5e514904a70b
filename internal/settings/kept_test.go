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
		"XDG_STATE_HOME": filepath.Join(home, "state"), "LocalAppData": filepath.Join(home, "state"),
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
	small(t, windowFile())
	if err := store.BeginChange(applet.PAN{}, pairing.Change); err != nil {
		t.Fatal(err)
	}
	undo := filepath.Join(home, "state", "cie", "browser")
	for _, name := range []string{"000001.json", ".cie-1"} {
		small(t, filepath.Join(undo, name))
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
	if err != nil || len(all) != count() || len(all) != 7 { // key, lock, journal, settings, window, undo, an interrupted save of it
		t.Errorf("%d listed, %d there, %v: %v", len(all), count(), err, all)
	}
	if err := Forget(h); err != nil || count() != 1 {
		t.Errorf("Forget left %d files, %v", count(), err)
	}
	if _, err := os.Stat(filepath.Join(home, "state", "cie")); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
	if err := ForgetSettings(); err != nil || count() != 0 {
		t.Errorf("ForgetSettings left %d files, %v", count(), err)
	}
	if err := Forget(h); err != nil {
		t.Errorf("again: %v", err)
	}
}

// small makes a small file.
func small(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
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
