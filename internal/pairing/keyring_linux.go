package pairing

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	secretservice "github.com/zalando/go-keyring/secret_service"
)

// keyringSilent says whether the Secret Service answers without asking anybody:
// there is a session bus, which need not be started, and the collection that
// go-keyring uses is not locked (Secret Service API 0.2, "Locked" of
// org.freedesktop.Secret.Collection).
func keyringSilent() error {
	if !sessionBus() {
		return errors.New("no session bus")
	}
	service, err := secretservice.NewSecretService()
	if err != nil {
		return err
	}
	locked, err := service.GetLoginCollection().GetProperty("org.freedesktop.Secret.Collection.Locked")
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	if locked.Value() != false {
		return errors.New("the keyring is locked")
	}
	return nil
}

// sessionBus says whether godbus finds the bus without running dbus-launch.
func sessionBus() bool {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		return !strings.HasPrefix(address, "autolaunch:")
	}
	_, err := os.Stat(filepath.Join("/run/user", fmt.Sprint(os.Getuid()), "bus"))
	return err == nil
}
