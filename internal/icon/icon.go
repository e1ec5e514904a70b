// Package icon has the program's mark: the corner of a card and three contactless
// arcs. It is our own; no emblem of the state and no ministry's logo is in it.
package icon

import _ "embed"

//go:embed icon.svg
var icon []byte

// SVG is the icon of the program, white on a blue square.
func SVG() []byte { return append([]byte(nil), icon...) }
