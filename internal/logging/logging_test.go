package logging

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lines are those of a log.
func lines(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(content)
}

func TestLevels(t *testing.T) {
	for level, want := range map[string]int{"off": 0, "error": 1, "warn": 2, "info": 3, "debug": 4, "": 0, "loud": 0} {
		folder := filepath.Join(t.TempDir(), "log")
		log := Open(folder, "test", level)
		log.Error("a")
		log.Warn("b")
		log.Info("c")
		log.Debug("d")
		if got := strings.Count(lines(t, filepath.Join(folder, "test.log")), "\n"); got != want {
			t.Errorf("%q writes %d lines, want %d", level, got, want)
		}
	}
}

func TestNothingPersonal(t *testing.T) {
	home, folder := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	Open(folder, "test", "warn").Warn("card 123456789012", "error", errors.New("open "+home+"/x: PIN 12345678"), "tries", 3)
	got := lines(t, filepath.Join(folder, "test.log"))
	for _, private := range []string{"123456789012", "12345678", home} {
		if strings.Contains(got, private) {
			t.Errorf("%q is in %q", private, got)
		}
	}
	if !strings.Contains(got, "tries=3") || !strings.Contains(got, "~/x") {
		t.Errorf("too much is gone: %q", got)
	}
}

func TestLimit(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "test.log")
	if err := os.WriteFile(path, make([]byte, limit), 0o600); err != nil {
		t.Fatal(err)
	}
	Open(folder, "test", "warn").Warn("new")
	if got := lines(t, path); strings.Count(got, "\n") != 1 {
		t.Errorf("not begun anew: %d bytes", len(got))
	}
	if got := len(lines(t, path+".old")); got != limit {
		t.Errorf("the last one has %d bytes", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A folder that cannot be made stops nobody.
func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	Open(file, "test", "warn").Warn("lost")
}
