//go:build gles

package main

import (
	"errors"
	"testing"

	"github.com/softwarecie/cie/gui"
)

// Without a display there is a sentence, not a crash (F81); other faults stay faults.
func TestOpenWithoutDisplay(t *testing.T) {
	if _, err := open(func() *gui.Window { panic(errors.New("NotInitialized: The GLFW library is not initialized")) }); !errors.Is(err, errNoDisplay) {
		t.Errorf("open = %v, want %v", err, errNoDisplay)
	}
	defer func() {
		if recover() == nil {
			t.Error("a fault of ours was taken for a missing display")
		}
	}()
	_, _ = open(func() *gui.Window { panic(errors.New("nil pointer")) })
}
