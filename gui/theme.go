package gui

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Colours of our own, beside those that Fyne names.
const (
	colorSurface fyne.ThemeColorName = "cieSurface" // cards and the rail, on the background
	colorLine    fyne.ThemeColorName = "cieLine"    // thin lines and edges
	colorQuiet   fyne.ThemeColorName = "cieQuiet"   // text that is not the point
	colorGood    fyne.ThemeColorName = theme.ColorNameSuccess
	colorCaution fyne.ThemeColorName = theme.ColorNameWarning
	colorDanger  fyne.ThemeColorName = theme.ColorNameError
)

// sizeCommand is the size of commands, which have letters of equal width.
const sizeCommand fyne.ThemeSizeName = "cieCommand"

// unit is the step of all distances.
const unit float32 = 8

// A palette is the colours of one look. Text has a contrast of at least 4.5:1 on
// paper and on surface, a mark of at least 3:1.
type palette struct {
	ink, quiet, paper, surface, line  color.NRGBA
	primary, good, caution, danger    color.NRGBA
	onPrimary, onStrong, hover, press color.NRGBA
}

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xFF}
}

func light() palette {
	return palette{
		ink: rgb(0x15243B), quiet: rgb(0x4A5B74), paper: rgb(0xFFFFFF), surface: rgb(0xF3F6FA), line: rgb(0xD5DDE8),
		primary: rgb(0x0B5CAD), good: rgb(0x1E7B4B), caution: rgb(0x9A5B00), danger: rgb(0xB3261E),
		onPrimary: rgb(0xFFFFFF), onStrong: rgb(0xFFFFFF), hover: rgb(0xE4ECF6), press: rgb(0xD3E0F0),
	}
}

func dark() palette {
	return palette{
		ink: rgb(0xE8EDF4), quiet: rgb(0xA9B6C8), paper: rgb(0x121821), surface: rgb(0x1B2430), line: rgb(0x334155),
		primary: rgb(0x6FB1F2), good: rgb(0x6BCB97), caution: rgb(0xF0B35A), danger: rgb(0xF2918B),
		onPrimary: rgb(0x0B1420), onStrong: rgb(0x0B1420), hover: rgb(0x253244), press: rgb(0x2F4058),
	}
}

// contrast is for eyes that need it: black on white, or white on black, and
// strong lines.
func contrast(variant fyne.ThemeVariant) palette {
	if variant == theme.VariantLight {
		return palette{
			ink: rgb(0x000000), quiet: rgb(0x000000), paper: rgb(0xFFFFFF), surface: rgb(0xFFFFFF), line: rgb(0x000000),
			primary: rgb(0x00337A), good: rgb(0x00491F), caution: rgb(0x5A3400), danger: rgb(0x8A0000),
			onPrimary: rgb(0xFFFFFF), onStrong: rgb(0xFFFFFF), hover: rgb(0xDDE6F5), press: rgb(0xC4D3EC),
		}
	}
	return palette{
		ink: rgb(0xFFFFFF), quiet: rgb(0xFFFFFF), paper: rgb(0x000000), surface: rgb(0x000000), line: rgb(0xFFFFFF),
		primary: rgb(0x9CD0FF), good: rgb(0x8CF0B4), caution: rgb(0xFFD27A), danger: rgb(0xFFB4AE),
		onPrimary: rgb(0x000000), onStrong: rgb(0x000000), hover: rgb(0x1F2B3A), press: rgb(0x33445A),
	}
}

// A look is how the window appears: the choice of the settings, and the size of
// text in percent.
type look struct {
	choice string // "light", "dark", "contrast", else as the desktop has it
	text   int
}

// Color gives a colour of the palette.
func (l look) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	p := l.palette(variant)
	if c, ok := p.named(name); ok {
		return c
	}
	return theme.DefaultTheme().Color(name, l.variant(variant))
}

func (l look) variant(desktop fyne.ThemeVariant) fyne.ThemeVariant {
	switch l.choice {
	case "light":
		return theme.VariantLight
	case "dark":
		return theme.VariantDark
	}
	return desktop
}

func (l look) palette(desktop fyne.ThemeVariant) palette {
	switch variant := l.variant(desktop); {
	case l.choice == "contrast":
		return contrast(variant)
	case variant == theme.VariantLight:
		return light()
	}
	return dark()
}

func (p palette) named(name fyne.ThemeColorName) (color.Color, bool) {
	c, ok := map[fyne.ThemeColorName]color.NRGBA{
		colorSurface: p.surface, colorLine: p.line, colorQuiet: p.quiet,
		colorGood: p.good, colorCaution: p.caution, colorDanger: p.danger,
		theme.ColorNameBackground: p.paper, theme.ColorNameForeground: p.ink,
		theme.ColorNamePrimary: p.primary, theme.ColorNameHyperlink: p.primary, theme.ColorNameFocus: p.primary,
		theme.ColorNameForegroundOnPrimary: p.onPrimary, theme.ColorNameForegroundOnError: p.onStrong,
		theme.ColorNameForegroundOnSuccess: p.onStrong, theme.ColorNameForegroundOnWarning: p.onStrong,
		theme.ColorNameButton: p.surface, theme.ColorNameInputBackground: p.paper, theme.ColorNameInputBorder: p.line,
		theme.ColorNameDisabled: p.quiet, theme.ColorNameDisabledButton: p.surface, theme.ColorNamePlaceHolder: p.quiet,
		theme.ColorNameHover: p.hover, theme.ColorNamePressed: p.press, theme.ColorNameSelection: p.press,
		theme.ColorNameSeparator: p.line, theme.ColorNameScrollBar: p.quiet,
		theme.ColorNameOverlayBackground: p.paper, theme.ColorNameMenuBackground: p.paper,
	}[name]
	return c, ok
}

// Size gives a length, larger with the text.
func (l look) Size(name fyne.ThemeSizeName) float32 {
	size, ok := map[fyne.ThemeSizeName]float32{
		theme.SizeNameText: 15, theme.SizeNameSubHeadingText: 20, theme.SizeNameHeadingText: 28, theme.SizeNameCaptionText: 13,
		theme.SizeNameInlineIcon: 20,
	}[name]
	if ok {
		return wholeLine(size * float32(max(l.text, 100)) / 100)
	}
	switch name {
	case sizeCommand:
		return wholeMono(13 * float32(max(l.text, 100)) / 100)
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return 10
	case theme.SizeNamePadding, theme.SizeNameLineSpacing:
		return unit / 2
	case theme.SizeNameInnerPadding:
		return unit
	}
	return theme.DefaultTheme().Size(name)
}

// What Fyne's fonts have above and below the line, as parts of the size of text.
const (
	ascent, descent         = 1.069, 0.293
	monoAscent, monoDescent = 0.928, 0.236
)

// wholeLine is the next size of text whose lines are just below a whole number of
// pixels. Fyne rounds the height of a line: where that cuts off some of it, g and p
// lose their feet.
func wholeLine(size float32) float32 {
	n := math.Round(float64(size))
	for beyond(n*(ascent+descent)) < 0.55 {
		n++
	}
	return float32(n)
}

// wholeMono is the same for letters of equal width, whose underscore stands at the very
// foot: Fyne rounds the part above the line up, which pushes it down.
func wholeMono(size float32) float32 {
	n := math.Round(float64(size))
	for {
		height := n * (monoAscent + monoDescent)
		cut := math.Ceil(n*monoAscent) + n*monoDescent - math.Ceil(height)
		if beyond(height) >= 0.55 && cut <= 0.5 {
			return float32(n)
		}
		n++
	}
}

// beyond is how much of a pixel there is after the last whole one.
func beyond(height float64) float64 { return height - math.Floor(height) }

// Font is Fyne's.
func (look) Font(style fyne.TextStyle) fyne.Resource { return theme.DefaultTheme().Font(style) }

// Icon is Fyne's, for its own widgets; ours are in icon.go.
func (look) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

// themed is a colour as it is now.
func themed(name fyne.ThemeColorName) color.Color {
	settings := fyne.CurrentApp().Settings()
	return settings.Theme().Color(name, settings.ThemeVariant())
}

// sized is a length as it is now.
func sized(name fyne.ThemeSizeName) float32 { return fyne.CurrentApp().Settings().Theme().Size(name) }
