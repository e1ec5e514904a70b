package gui

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// An art is a drawing in two colours and ink, in the colours of the theme: INK,
// MAIN, SOFT and PAPER stand for them.
type art string

// The drawings.
const (
	// A card above a reader, and the arcs between them.
	artReader art = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 120" width="220" height="120">
<rect x="30" y="86" width="160" height="26" rx="9" fill="SOFT" stroke="INK" stroke-width="2"/>
<circle cx="172" cy="99" r="3" fill="MAIN"/>
<path d="M99 80a15 15 0 0 1 22 0M90 73a28 28 0 0 1 40 0" fill="none" stroke="MAIN" stroke-width="3.5" stroke-linecap="round"/>
<g><rect x="62" y="8" width="96" height="50" rx="7" fill="PAPER" stroke="INK" stroke-width="2"/>
<rect x="71" y="17" width="22" height="28" rx="3" fill="SOFT"/><circle cx="82" cy="27" r="5" fill="MAIN"/><path d="M73 44c1-8 17-8 18 0z" fill="MAIN"/>
<path d="M101 22h46M101 31h46M101 40h28" stroke="INK" stroke-width="2.5" stroke-linecap="round"/></g></svg>`

	// Two papers: a receipt with the first half, a letter with the second.
	artHalves art = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 168 84" width="168" height="84">
<path d="M10 6h60v70l-7.5-5-7.5 5-7.5-5-7.5 5-7.5-5-7.5 5-7.5-5-7.5 5z" fill="PAPER" stroke="INK" stroke-width="2" stroke-linejoin="round"/>
<path d="M20 18h40M20 27h26" stroke="INK" stroke-width="2" stroke-linecap="round"/>
<rect x="18" y="38" width="44" height="18" rx="4" fill="SOFT"/>
<g fill="MAIN"><circle cx="26" cy="47" r="3"/><circle cx="35.5" cy="47" r="3"/><circle cx="45" cy="47" r="3"/><circle cx="54" cy="47" r="3"/></g>
<rect x="88" y="10" width="70" height="62" rx="5" fill="PAPER" stroke="INK" stroke-width="2"/>
<path d="M88 14l35 22 35-22" fill="none" stroke="INK" stroke-width="2"/>
<rect x="101" y="46" width="44" height="18" rx="4" fill="SOFT"/>
<g fill="MAIN"><circle cx="109" cy="55" r="3"/><circle cx="118.5" cy="55" r="3"/><circle cx="128" cy="55" r="3"/><circle cx="137" cy="55" r="3"/></g></svg>`

	// A sheet with a signature below its lines, and a mark beside it.
	artSigned art = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 168 84" width="168" height="84">
<path d="M54 5h44l18 17v57H54z" fill="PAPER" stroke="INK" stroke-width="2" stroke-linejoin="round"/>
<path d="M98 5v17h18" fill="SOFT" stroke="INK" stroke-width="2" stroke-linejoin="round"/>
<path d="M64 20h24M64 30h40M64 39h40M64 48h26" stroke="INK" stroke-width="2" stroke-linecap="round"/>
<path d="M64 66c4-9 8-9 7-2s5 3 8-2 5 2 8 1 4-3 8-3" fill="none" stroke="MAIN" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>
<circle cx="117" cy="64" r="13" fill="SOFT" stroke="INK" stroke-width="2"/></svg>`
)

// Name is another for each look.
func (a art) Name() string {
	return fmt.Sprintf("art-%d-%s.svg", len(a), hex(theme.ColorNameForeground)+hex(theme.ColorNamePrimary)+hex(colorSurface))
}

// Content is the SVG.
func (a art) Content() []byte {
	return []byte(strings.NewReplacer(
		"INK", hex(theme.ColorNameForeground), "MAIN", hex(theme.ColorNamePrimary), "SOFT", hex(theme.ColorNamePressed), "PAPER", hex(theme.ColorNameBackground),
	).Replace(string(a)))
}

// picture is a drawing at a size.
func picture(a art, width, height float32) fyne.CanvasObject {
	image := canvas.NewImageFromResource(a)
	image.FillMode = canvas.ImageFillContain
	image.SetMinSize(fyne.NewSize(width, height))
	return image
}

// hex is a colour of the theme as SVG writes it.
func hex(name fyne.ThemeColorName) string {
	r, g, b, _ := themed(name).RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
