//go:build cgo || windows

package pcsc

import "testing"

// The binding panics on some answers; the program does not.
func TestBindingPanics(t *testing.T) {
	err := call("list readers", func() error { panic("index out of range") })
	if codeOf(err) != codeInternal {
		t.Errorf("call = %v, want code %08X", err, codeInternal)
	}
}
