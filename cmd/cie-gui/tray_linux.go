//go:build gles

package main

import (
	"os"
	"path/filepath"

	"github.com/godbus/dbus/v5"
)

// hasTray says whether the desktop has a place for tray icons. GNOME has none by
// itself: a window that hides there would be lost.
func hasTray() bool {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		if _, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")); err != nil {
			return false // godbus would start a bus
		}
	}
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		return false
	}
	defer bus.Close()
	owned := false
	err = bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher").Store(&owned)
	return err == nil && owned
}
