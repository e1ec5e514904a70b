package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestDocsAreTrue(t *testing.T) {
	folder := t.TempDir()
	if err := write(folder, filepath.Join(folder, "man")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(folder, "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/cli.md is not what the program says: run make docs")
	}
}
