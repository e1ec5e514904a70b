package gui

import (
	"image/color"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// A weight is how loud a button is. A screen has one primary button.
type weight int

const (
	quiet   weight = iota // text alone
	plain                 // with an edge
	primary               // filled
	place                 // in the rail
)

// A button does something. Fyne's own has neither a visible focus nor mnemonics.
type button struct {
	widget.BaseWidget
	text     string
	icon     string // "": none
	weight   weight
	onTapped func()

	mnemonic rune // lower case, 0: none
	underlined,
	listed, // one below the other: texts begin at the same place
	selected, compact, disabled, focused, hovered bool
}

func newButton(w weight, text string, onTapped func()) *button {
	b := &button{text: text, weight: w, onTapped: onTapped}
	b.ExtendBaseWidget(b)
	return b
}

// newCopy makes a button that puts a text on the clipboard, and says so.
func newCopy(w *Window, key string, text func() string) *button {
	b := newButton(quiet, w.t(key), nil)
	b.icon = iconCopy
	b.onTapped = func() {
		copied := text()
		w.app.Clipboard().SetContent(copied)
		if w.counter != nil {
			w.counter.copied = copied
		}
		b.text = w.t("win.copied")
		b.Refresh()
	}
	return b
}

// Tapped is a click.
func (b *button) Tapped(*fyne.PointEvent) {
	if !b.disabled && b.onTapped != nil {
		b.onTapped()
	}
}

// enable lets it be used, or not.
func (b *button) enable(on bool) {
	if b.disabled == on {
		b.disabled = !on
		b.Refresh()
	}
}

// Disabled says whether it cannot be used; the keyboard then skips it.
func (b *button) Disabled() bool { return b.disabled }

// Enable is part of Fyne's way to say so.
func (b *button) Enable() { b.enable(true) }

// Disable is, too.
func (b *button) Disable() { b.enable(false) }

// FocusGained shows the ring.
func (b *button) FocusGained() { b.focused = true; b.Refresh(); reveal(b) }

// FocusLost hides it.
func (b *button) FocusLost() { b.focused = false; b.Refresh() }

// TypedRune is nothing to a button.
func (b *button) TypedRune(rune) {}

// TypedKey presses it by the keyboard.
func (b *button) TypedKey(key *fyne.KeyEvent) {
	switch key.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		b.Tapped(nil)
	default:
		passKey(b, key)
	}
}

// MouseIn lights it up.
func (b *button) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved is nothing to a button.
func (b *button) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends it.
func (b *button) MouseOut() { b.hovered = false; b.Refresh() }

// Cursor is a hand.
func (b *button) Cursor() desktop.Cursor {
	if b.disabled {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// passKey hands a key that an object has no use for to the window.
func passKey(o fyne.CanvasObject, key *fyne.KeyEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(key)
	}
}

// passShortcut does so with a combination of keys.
func passShortcut(o fyne.CanvasObject, shortcut fyne.Shortcut) {
	if c, ok := fyne.CurrentApp().Driver().CanvasForObject(o).(fyne.Shortcutable); ok {
		c.TypedShortcut(shortcut)
	}
}

// CreateRenderer draws the button.
func (b *button) CreateRenderer() fyne.WidgetRenderer {
	r := &buttonRenderer{
		button: b, ring: canvas.NewRectangle(nil), ground: canvas.NewRectangle(nil),
		under: canvas.NewRectangle(nil), icon: canvas.NewImageFromResource(nil),
	}
	r.icon.FillMode = canvas.ImageFillContain
	r.Refresh()
	return r
}

type buttonRenderer struct {
	button       *button
	ring, ground *canvas.Rectangle
	lines        []*canvas.Text // one, but for texts that are too wide
	under        *canvas.Rectangle
	icon         *canvas.Image
}

// ringWidth is that of the ring around what has the focus.
const ringWidth float32 = 2

// widestLine is the widest a line of a button's text becomes: the smallest window has
// room for it beside the rail, also where text is largest.
const widestLine float32 = 420

func (r *buttonRenderer) Destroy() {}

func (r *buttonRenderer) Objects() []fyne.CanvasObject {
	all := []fyne.CanvasObject{r.ring, r.ground, r.icon, r.under}
	for _, l := range r.lines {
		all = append(all, l)
	}
	return all
}

// padding is the room around icon and text.
func (r *buttonRenderer) padding() (x, y float32) {
	switch r.button.weight {
	case quiet:
		return unit, unit
	case place:
		return 1.5 * unit, 1.25 * unit
	}
	return 2.5 * unit, 1.25 * unit
}

// text is the size of the lines that are seen.
func (r *buttonRenderer) text() (size fyne.Size) {
	for _, l := range r.lines {
		if l.Visible() {
			size = fyne.NewSize(max(size.Width, l.MinSize().Width), size.Height+l.MinSize().Height)
		}
	}
	return size
}

func (r *buttonRenderer) MinSize() fyne.Size {
	x, y := r.padding()
	size, text := fyne.NewSize(2*x, 2*y), r.text()
	size.Width += text.Width
	if r.icon.Visible() {
		size.Width += sized(theme.SizeNameInlineIcon)
	}
	if r.icon.Visible() && text.Width > 0 {
		size.Width += unit
	}
	size.Height += max(text.Height, sized(theme.SizeNameInlineIcon), r.lines[0].MinSize().Height)
	return size
}

func (r *buttonRenderer) Layout(size fyne.Size) {
	r.ring.Resize(size)
	gap := 1.5 * ringWidth
	r.ground.Move(fyne.NewPos(gap, gap))
	r.ground.Resize(size.SubtractWidthHeight(2*gap, 2*gap))
	x, _ := r.padding()
	content := r.MinSize().Width - 2*x
	if r.button.weight != place && r.button.weight != quiet && !r.button.listed {
		x = (size.Width - content) / 2
	}
	if r.icon.Visible() {
		side := sized(theme.SizeNameInlineIcon)
		r.icon.Move(fyne.NewPos(x, (size.Height-side)/2))
		r.icon.Resize(fyne.NewSquareSize(side))
		x += side + unit
	}
	y := (size.Height - r.text().Height) / 2
	for _, l := range r.lines {
		l.Move(fyne.NewPos(x, y))
		l.Resize(l.MinSize())
		y += l.MinSize().Height
	}
	r.underline()
}

// underline marks the letter that presses the button together with Alt.
func (r *buttonRenderer) underline() {
	for _, l := range r.lines {
		width := func(s string) float32 { return fyne.MeasureText(s, l.TextSize, l.TextStyle).Width }
		for at, letter := range l.Text {
			if unicode.ToLower(letter) == r.button.mnemonic {
				r.under.Move(l.Position().AddXY(width(l.Text[:at]), l.Size().Height-2))
				r.under.Resize(fyne.NewSize(width(string(letter)), 1.5))
				return
			}
		}
	}
}

// write sets the text.
func (r *buttonRenderer) write(ink color.Color) {
	b := r.button
	size, style := sized(theme.SizeNameText), fyne.TextStyle{Bold: b.weight == primary || b.selected}
	r.lines = nil
	for _, line := range broken(b.text, func(s string) bool { return fyne.MeasureText(s, size, style).Width <= widestLine }) {
		r.lines = append(r.lines, &canvas.Text{Text: line, TextSize: size, Color: ink, TextStyle: style})
		r.lines[len(r.lines)-1].Hidden = b.compact || line == ""
	}
}

// broken breaks a text between words into lines that fit, at least one.
func broken(text string, fits func(string) bool) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && !fits(line+" "+word) {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

func (r *buttonRenderer) Refresh() {
	b := r.button
	ink, ground, edge := b.colors()
	r.write(themed(ink))
	r.icon.Hidden = b.icon == ""
	if b.icon != "" {
		r.icon.Resource = glyph{b.icon, ink}
	}
	r.ground.Hidden = b.weight == quiet && !b.hovered
	r.ground.FillColor, r.ground.StrokeColor, r.ground.StrokeWidth, r.ground.CornerRadius = themed(ground), themed(edge), 1, 10
	r.ring.FillColor, r.ring.StrokeColor, r.ring.StrokeWidth, r.ring.CornerRadius = nil, themed(theme.ColorNameFocus), ringWidth, 12
	r.ring.Hidden = !b.focused
	r.under.FillColor, r.under.Hidden = themed(ink), !b.underlined || b.mnemonic == 0 || r.lines[0].Hidden
	r.Layout(b.Size())
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

// colors are those of text, ground and edge.
func (b *button) colors() (ink, ground, edge fyne.ThemeColorName) {
	ink, ground, edge = theme.ColorNameForeground, theme.ColorNameBackground, colorLine
	switch b.weight {
	case primary:
		ink, ground, edge = theme.ColorNameForegroundOnPrimary, theme.ColorNamePrimary, theme.ColorNamePrimary
	case quiet:
		ink, edge = theme.ColorNamePrimary, theme.ColorNameBackground
	case place:
		ground, edge = colorSurface, colorSurface
		if b.selected {
			ink, ground, edge = theme.ColorNamePrimary, theme.ColorNamePressed, theme.ColorNamePressed
		}
	}
	switch {
	case b.disabled:
		ink, ground, edge = colorQuiet, colorSurface, colorLine
	case b.hovered && b.weight != primary && !b.selected:
		ground = theme.ColorNameHover
	}
	return ink, ground, edge
}
