package gui

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// Icons of one stroke, drawn on a field of 24 by 24.
const (
	iconCard     = `<rect x="2.5" y="5" width="19" height="14" rx="2.5"/><circle cx="8" cy="11" r="2"/><path d="M5 16c.6-1.6 1.7-2.2 3-2.2s2.4.6 3 2.2M14 10h4.5M14 14h4.5"/>`
	iconKey      = `<circle cx="8" cy="15.5" r="4.5"/><path d="M11.2 12.3 20 3.5M16.5 7l3 3M14 9.5l2 2"/>`
	iconGlobe    = `<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c3 3 3.8 6 3.8 9s-.8 6-3.8 9c-3-3-3.8-6-3.8-9S9 6 12 3"/>`
	iconPulse    = `<path d="M2.5 12.5h4.5l2.5-7 4 13 2.7-6h5.3"/>`
	iconBook     = `<path d="M12 6.5C10 4.8 7 4.3 3 4.5v14c4-.2 7 .3 9 2 2-1.7 5-2.2 9-2v-14c-4-.2-7 .3-9 2v14"/>`
	iconSliders  = `<path d="M4 7h9M17 7h3M4 17h3M11 17h9M4 12h3M11 12h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="12" r="2"/><circle cx="9" cy="17" r="2"/>`
	iconPen      = `<path d="M4 20l1-4.3L16.3 4.4a2 2 0 0 1 2.8 0l.5.5a2 2 0 0 1 0 2.8L8.3 19zM14.5 6.2l3.3 3.3M12.5 20.5H20"/>`
	iconSigned   = `<path d="M19 11V8l-5-5H6.5A1.5 1.5 0 0 0 5 4.5v15A1.5 1.5 0 0 0 6.5 21H10M14 3v5h5"/><path d="M13 17.5l2.7 2.7 4.8-5.2"/>`
	iconReader   = `<rect x="3" y="13" width="18" height="7" rx="2"/><path d="M9.8 10a3.2 3.2 0 0 1 4.4 0M7.4 7.4a6.6 6.6 0 0 1 9.2 0M5 4.8a10 10 0 0 1 14 0"/>`
	iconCheck    = `<path d="M5 12.5l4.5 4.5L19 7"/>`
	iconCross    = `<path d="M6 6l12 12M18 6L6 18"/>`
	iconWarning  = `<path d="M12 4 2.8 20h18.4zM12 10v4.5M12 17.2v.3"/>`
	iconInfo     = `<circle cx="12" cy="12" r="9"/><path d="M12 11v5.5M12 7.5v.3"/>`
	iconHelp     = `<circle cx="12" cy="12" r="9"/><path d="M9.3 9.5c.2-1.6 1.3-2.5 2.8-2.5s2.7 1 2.7 2.4c0 2-2.8 2.2-2.8 4.4M12 16.8v.3"/>`
	iconEye      = `<path d="M2.5 12C5 7.5 8.2 5.5 12 5.5s7 2 9.5 6.5c-2.5 4.5-5.7 6.5-9.5 6.5S5 16.5 2.5 12z"/><circle cx="12" cy="12" r="3"/>`
	iconKeypad   = `<circle cx="6" cy="6" r="1.5"/><circle cx="12" cy="6" r="1.5"/><circle cx="18" cy="6" r="1.5"/><circle cx="6" cy="12" r="1.5"/><circle cx="12" cy="12" r="1.5"/><circle cx="18" cy="12" r="1.5"/><circle cx="6" cy="18" r="1.5"/><circle cx="12" cy="18" r="1.5"/><circle cx="18" cy="18" r="1.5"/>`
	iconBack     = `<path d="M14.5 5.5 8 12l6.5 6.5"/>`
	iconErase    = `<path d="M8.5 6H21v12H8.5L3 12zM12 9.5l5 5M17 9.5l-5 5"/>`
	iconDot      = `<circle cx="12" cy="12" r="3.5"/>`
	iconNow      = `<circle cx="12" cy="12" r="7.5"/><circle cx="12" cy="12" r="2.5"/>`
	iconUnlocked = `<rect x="4.5" y="11" width="15" height="9.5" rx="2"/><path d="M8 11V7.5a4 4 0 0 1 7.7-1.5M12 14.5v2.5"/>`
	iconCopy     = `<rect x="8.5" y="8.5" width="12" height="12" rx="2"/><path d="M15.5 5.5v-.5a1.5 1.5 0 0 0-1.5-1.5H5A1.5 1.5 0 0 0 3.5 5v9A1.5 1.5 0 0 0 5 15.5h.5"/>`
)

// A glyph is an icon in a colour of the theme. Its name holds the colour itself,
// by which Fyne keeps what it has drawn.
type glyph struct {
	body  string
	color fyne.ThemeColorName
}

// Name is another for each colour.
func (g glyph) Name() string { return fmt.Sprintf("%s-%s.svg", g.body, hex(g.color)) }

// Content is the SVG.
func (g glyph) Content() []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24">`+
		`<g fill="none" stroke="%s" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">%s</g></svg>`, hex(g.color), g.body)
}

// drawn is an icon of the size of text.
func drawn(body string, color fyne.ThemeColorName) *canvas.Image {
	image := canvas.NewImageFromResource(glyph{body, color})
	image.FillMode = canvas.ImageFillContain
	side := sized(theme.SizeNameInlineIcon)
	image.SetMinSize(fyne.NewSize(side, side))
	return image
}
