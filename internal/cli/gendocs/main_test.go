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
	for _, name := range []string{"cli.md", "doctor.md"} {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("../../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what the program says: run make docs", name)
		}
	}
}
