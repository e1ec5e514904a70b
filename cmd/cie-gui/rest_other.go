//go:build (gles || windows) && !linux

package main

import "fyne.io/fyne/v2"

// A rest does nothing here: it is not known whether the window system may be waited
// for.
type rest struct{}

func (*rest) do(f func()) { fyne.Do(f) }

func (*rest) take() {}
