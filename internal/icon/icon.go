// Package icon has the program's mark: the corner of a card and three contactless
// arcs. It is our own; no emblem of the state and no ministry's logo is in it.
package icon

import _ "embed"

//go:embed icon.svg
var icon []byte

//go:embed symbolic.svg
var symbolic []byte

// SVG is the icon of the program, white on a blue square.
func SVG() []byte { return append([]byte(nil), icon...) }

// SymbolicSVG is the mark alone in one colour, for small places such as a panel.
func SymbolicSVG() []byte { return append([]byte(nil), symbolic...) }
