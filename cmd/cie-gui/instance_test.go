//go:build gles

package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOneInstance(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", folder)
	first, err := claim("x")
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan bool, 1)
	go first.woken(func() { shown <- true })
	if _, err := claim("x"); !errors.Is(err, errRunning) {
		t.Errorf("second: %v, want %v", err, errRunning)
	}
	<-shown
	first.close()

	// One that crashed leaves its socket behind.
	if err := os.WriteFile(filepath.Join(folder, "x.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := claim("x")
	if err != nil || again.listener == nil {
		t.Fatalf("after the first ended: %v, %v", again, err)
	}
	again.close()
}
