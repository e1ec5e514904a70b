//go:build (gles || windows) && !linux

package main

// hasTray says whether the desktop has a place for tray icons.
func hasTray() bool { return true }
