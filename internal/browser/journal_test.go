package browser

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// What could not be undone is not done.
func TestNoJournalNoChange(t *testing.T) {
	file, content := filepath.Join(t.TempDir(), "file"), "x"
	_, err := Machine{}.Apply([]Change{{File: file, After: &content, Mode: 0o600}})
	if _, there := os.Stat(file); !errors.Is(err, ErrNoJournal) || !os.IsNotExist(there) {
		t.Errorf("%v, %v", err, there)
	}
	if _, err := (Machine{}).Undo(); !errors.Is(err, ErrNothing) {
		t.Errorf("undo: %v", err)
	}
}
