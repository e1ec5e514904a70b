//go:build !linux

package pairing

// keyringSilent lets the keyring decide: those of Windows and macOS are open while
// the user is logged in.
func keyringSilent() error { return nil }
