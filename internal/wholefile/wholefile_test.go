package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestReplaceAndRead(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	for _, content := range []string{"old", "new"} {
		if err := Replace(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path, 3); err != nil || string(got) != content {
			t.Errorf("Read = %q, %v, want %q", got, err, content)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v, want mode 0640", info, err)
	}
	if _, err := Read(path, 2); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the limit: %v, want %v", err, ErrTooLarge)
	}
	if _, err := Read(folder, 10); err == nil {
		t.Error("a folder was read")
	}
}

// What cannot take the place of something leaves nothing behind.
func TestReplaceFails(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "taken")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, nil, 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v: something is left", entries, err)
	}
	if err := Replace(filepath.Join(folder, "none", "file"), nil, 0o600); err == nil {
		t.Error("a file in no folder")
	}
}
