package gui

import (
	"math/rand/v2"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// A codeInput is a code field with its name, an eye to hold, a keypad on demand,
// and a line that says how many digits there are.
type codeInput struct {
	w      *Window
	field  *codeField
	line   *widget.RichText
	keypad *fyne.Container
	box    *fyne.Container
	typed  func() // told after each change
}

func newCodeInput(w *Window, name string) *codeInput {
	i := &codeInput{w: w, field: newCodeField(w), line: written("", theme.SizeNameCaptionText, colorQuiet, fyne.TextStyle{}), keypad: container.New(&flow{gap: unit}), typed: func() {}}
	i.field.changed = func() { i.count(); i.typed() }
	i.field.refused = func(key string) { i.say(w.t(key), colorCaution) }
	keys := newButton(quiet, "", i.toggleKeypad)
	keys.icon = iconKeypad
	i.keypad.Hide()
	row := container.New(&flow{gap: unit}, i.field, newHoldButton(iconEye, i.field.reveal), keys)
	i.box = stacked(unit/2, strong(name, theme.ColorNameForeground), row, i.keypad, flush(i.line))
	i.count()
	return i
}

// count says how many digits there are: a number, not which.
func (i *codeInput) count() {
	i.say(i.w.t("win.code.count", "n", i.field.n), colorQuiet)
}

func (i *codeInput) say(text string, color fyne.ThemeColorName) {
	segment := i.line.Segments[0].(*widget.TextSegment)
	segment.Text, segment.Style.ColorName = text, color
	i.line.Refresh()
}

// toggleKeypad shows keys in a new order each time, so that where somebody taps
// tells nothing.
func (i *codeInput) toggleKeypad() {
	if i.keypad.Visible() {
		i.keypad.Hide()
		return
	}
	i.keypad.RemoveAll()
	names := figures()
	for _, d := range rand.Perm(len(names)) {
		i.keypad.Add(newButton(plain, names[d], func() {
			i.field.TypedRune('0' + rune(d))
			i.field.Tapped(nil)
		}))
	}
	erase := newButton(plain, "", func() { i.field.erase(); i.field.Tapped(nil) })
	erase.icon = iconErase
	i.keypad.Add(erase)
	i.keypad.Show()
	i.field.Tapped(nil)
}

// A holdButton does something for as long as it is held, by mouse or by the space
// bar.
type holdButton struct {
	button
	hold func(bool)
}

func newHoldButton(icon string, hold func(bool)) *holdButton {
	b := &holdButton{button: button{weight: quiet, icon: icon}, hold: hold}
	b.ExtendBaseWidget(b)
	return b
}

// MouseDown begins.
func (b *holdButton) MouseDown(*desktop.MouseEvent) { b.hold(true) }

// MouseUp ends.
func (b *holdButton) MouseUp(*desktop.MouseEvent) { b.hold(false) }

// MouseOut ends, too.
func (b *holdButton) MouseOut() { b.hold(false); b.button.MouseOut() }

// FocusLost ends, too.
func (b *holdButton) FocusLost() { b.hold(false); b.button.FocusLost() }

// KeyDown begins with the space bar.
func (b *holdButton) KeyDown(key *fyne.KeyEvent) {
	if key.Name == fyne.KeySpace {
		b.hold(true)
	}
}

// KeyUp ends.
func (b *holdButton) KeyUp(key *fyne.KeyEvent) {
	if key.Name == fyne.KeySpace {
		b.hold(false)
	}
}
