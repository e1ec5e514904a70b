package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// written is text that wraps, in a size and a colour of the theme.
func written(text string, size fyne.ThemeSizeName, color fyne.ThemeColorName, style fyne.TextStyle) *widget.RichText {
	t := widget.NewRichText(&widget.TextSegment{
		Text:  text,
		Style: widget.RichTextStyle{SizeName: size, ColorName: color, TextStyle: style},
	})
	t.Wrapping = fyne.TextWrapWord
	return t
}

// flush takes away the padding that Fyne puts around text, so that it stands in
// line with what is above it.
func flush(t *widget.RichText) fyne.CanvasObject {
	return container.New(inset{-unit, -unit / 2}, t)
}

// heading says what a screen is for.
func heading(text string) fyne.CanvasObject {
	return flush(written(text, theme.SizeNameHeadingText, theme.ColorNameForeground, fyne.TextStyle{Bold: true}))
}

// subheading is the title of a part.
func subheading(text string) fyne.CanvasObject {
	return flush(written(text, theme.SizeNameSubHeadingText, theme.ColorNameForeground, fyne.TextStyle{Bold: true}))
}

// paragraph is ordinary text.
func paragraph(text string) fyne.CanvasObject {
	return flush(written(text, theme.SizeNameText, theme.ColorNameForeground, fyne.TextStyle{}))
}

// unbroken is ordinary text of a few words, on one line.
func unbroken(text string) fyne.CanvasObject {
	t := written(text, theme.SizeNameText, theme.ColorNameForeground, fyne.TextStyle{})
	t.Wrapping = fyne.TextWrapOff
	return flush(t)
}

// aside is text that is not the point.
func aside(text string) fyne.CanvasObject {
	return flush(written(text, theme.SizeNameText, colorQuiet, fyne.TextStyle{}))
}

// strong is text in bold.
func strong(text string, color fyne.ThemeColorName) fyne.CanvasObject {
	return flush(written(text, theme.SizeNameText, color, fyne.TextStyle{Bold: true}))
}

// marked is an icon with text beside it: state is never colour alone.
func marked(icon string, color fyne.ThemeColorName, text fyne.CanvasObject) *fyne.Container {
	return container.New(leading{unit, theme.SizeNameText}, drawn(icon, color), text)
}

// titled is an icon with a title beside it.
func titled(icon string, color fyne.ThemeColorName, title string) *fyne.Container {
	return container.New(leading{unit, theme.SizeNameSubHeadingText}, drawn(icon, color), subheading(title))
}

// note is a remark of some weight on a surface of its own.
func note(icon string, color fyne.ThemeColorName, text string) fyne.CanvasObject {
	return panel(marked(icon, color, paragraph(text)), color)
}

// line is a thin line across.
func line() fyne.CanvasObject {
	l := canvas.NewRectangle(themed(colorLine))
	l.SetMinSize(fyne.NewSize(1, 1))
	return l
}
