//go:build unix && !darwin

package home

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFolders(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(home, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, home, state, want string }{
		{"XDG", home, "/state", "/state/cie"},
		{"XDG without a home", "", "/state", "/state/cie"},
		{"no XDG", home, "", home + "/.local/state/cie"},
		{"relative XDG", home, "state", home + "/.local/state/cie"},
		{"no home", "", "", ""},
		{"relative home", ".", "", ""},
		{"home that is missing", filepath.Join(home, "missing"), "", ""},
		{"home that is a file", file, "", ""},
		{"home that is a link to itself", loop, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("HOME", tt.home)
			t.Setenv("XDG_STATE_HOME", tt.state)
			for name, of := range map[string]func() (string, error){"pairings": Pairings, "browser": Browsers} {
				want := ""
				if tt.want != "" {
					want = filepath.Join(tt.want, name)
				}
				if got, err := of(); got != want || (err == nil) != (want != "") {
					t.Errorf("%s: %q, %v; want %q", name, got, err, want)
				}
			}
		})
	}
}
