// Package home says where the programs keep what they remember for this user: below
// the XDG state folder on Linux, the local application data on Windows, the
// application support on macOS. It makes no folder.
package home

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Pairings is the folder of the pairings. There is none, and an error, where the
// user has no home.
func Pairings() (string, error) { return below("pairings") }

// Browsers is the folder of what undoing a change of the browsers' settings needs.
func Browsers() (string, error) { return below("browser") }

// Logs is the folder of the logs for support.
func Logs() (string, error) { return below("log") }

// Updates is the folder of the notice of a newer version.
func Updates() (string, error) { return below("update") }

func below(name string) (string, error) {
	folder, err := state()
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(folder) {
		return "", fmt.Errorf("%.100q is not an absolute path", folder)
	}
	return filepath.Join(folder, "cie", name), nil
}

func state() (string, error) {
	switch runtime.GOOS {
	case "windows":
		return os.UserCacheDir() // %LocalAppData%
	case "darwin":
		return os.UserConfigDir() // ~/Library/Application Support
	}
	// A relative one is to be ignored (XDG Base Directory Specification 0.8, "Basics").
	if folder := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(folder) {
		return folder, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(home); err != nil || !info.IsDir() {
		return "", fmt.Errorf("home %.100q is no folder", home)
	}
	return filepath.Join(home, ".local", "state"), nil
}
