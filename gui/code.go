package gui

import (
	"time"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/secret"
)

// codeLength is the number of digits of PIN and PUK.
const codeLength = 8

// figures are the digits as they are drawn, each by itself: a code never is a
// string.
func figures() [10]string { return [10]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} }

// A codeField is where a code is typed. It holds the digits in locked memory and
// draws a dot for each. There is no selecting, no copying and no undoing; what is
// pasted is taken whole or not at all.
type codeField struct {
	widget.BaseWidget
	w        *Window
	digits   *secret.Buffer // codeLength bytes, of which n are typed
	n        int
	focused  bool
	revealed bool
	left     *time.Timer // runs while the focus is elsewhere

	changed func()       // told after each change
	refused func(string) // told the key of the reason why something was not taken
	submit  func()       // Enter
}

func newCodeField(w *Window) *codeField {
	f := &codeField{w: w, digits: secret.New(codeLength), changed: func() {}, refused: func(string) {}}
	f.ExtendBaseWidget(f)
	return f
}

// take gives what was typed, which the caller wipes, and clears the field.
func (f *codeField) take() *secret.Buffer {
	code := f.digits.Clone()
	code.Truncate(f.n)
	f.clear()
	return code
}

// clear forgets what was typed.
func (f *codeField) clear() {
	clear(f.digits.Bytes())
	f.n, f.revealed = 0, false
	f.update()
}

func (f *codeField) update() {
	f.changed()
	f.Refresh()
}

// TypedRune takes a digit. Blanks are passed over.
func (f *codeField) TypedRune(r rune) {
	switch {
	case r == ' ':
	case r < '0' || r > '9':
		f.refused("win.code.only-digits")
	case f.n == codeLength:
		f.refused("win.code.full")
	default:
		f.digits.Bytes()[f.n] = byte(r)
		f.n++
		f.update()
	}
}

// TypedKey erases and submits.
func (f *codeField) TypedKey(key *fyne.KeyEvent) {
	switch key.Name {
	case fyne.KeyBackspace, fyne.KeyDelete:
		f.erase()
	case fyne.KeyReturn, fyne.KeyEnter:
		if f.submit != nil {
			f.submit()
			return
		}
		passKey(f, key)
	default:
		passKey(f, key)
	}
}

func (f *codeField) erase() {
	if f.n > 0 {
		f.n--
		f.digits.Bytes()[f.n] = 0
		f.update()
	}
}

// TypedShortcut takes what is pasted. Nothing can be copied or cut out of it.
func (f *codeField) TypedShortcut(s fyne.Shortcut) {
	if p, ok := s.(*fyne.ShortcutPaste); ok {
		f.paste(p.Clipboard.Content())
		return
	}
	passShortcut(f, s)
}

// paste takes digits and blanks, in place of what was typed. The clipboard itself
// is a string that other programs see; nothing more is made of it.
func (f *codeField) paste(text string) {
	n := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			n++
		case r != ' ' && r != '-' && r != '\n' && r != '\r' && r != '\t' && r != '\u00a0':
			f.refused("win.code.only-digits")
			return
		}
	}
	if n > codeLength {
		f.refused("win.code.too-long")
		return
	}
	f.clear()
	for i := range len(text) {
		if d := text[i]; d >= '0' && d <= '9' && utf8.RuneStart(d) {
			f.digits.Bytes()[f.n] = d
			f.n++
		}
	}
	f.update()
}

// reveal shows the digits, for as long as something is pressed.
func (f *codeField) reveal(on bool) {
	if f.revealed != on {
		f.revealed = on
		f.Refresh()
	}
}

// FocusGained keeps what was typed.
func (f *codeField) FocusGained() {
	if f.left != nil {
		f.left.Stop()
	}
	f.focused = true
	f.Refresh()
	reveal(f)
}

// FocusLost clears the field after a while.
func (f *codeField) FocusLost() {
	f.focused, f.revealed = false, false
	f.left = time.AfterFunc(patience, func() {
		f.w.deps.Do(func() {
			if !f.focused {
				f.clear()
			}
		})
	})
	f.Refresh()
}

// Tapped puts the focus into the field.
func (f *codeField) Tapped(*fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(f); c != nil {
		c.Focus(f)
	}
}

// Cursor is the one for text.
func (f *codeField) Cursor() desktop.Cursor { return desktop.TextCursor }

// CreateRenderer draws the field.
func (f *codeField) CreateRenderer() fyne.WidgetRenderer {
	r := &codeRenderer{field: f, ground: canvas.NewRectangle(nil), caret: canvas.NewRectangle(nil)}
	for i := range r.digits {
		r.digits[i] = canvas.NewText("", nil)
		r.digits[i].Alignment = fyne.TextAlignCenter
	}
	r.Refresh()
	return r
}

type codeRenderer struct {
	field  *codeField
	ground *canvas.Rectangle
	digits [codeLength]*canvas.Text
	caret  *canvas.Rectangle
}

func (r *codeRenderer) Destroy() {}

func (r *codeRenderer) Objects() []fyne.CanvasObject {
	all := []fyne.CanvasObject{r.ground}
	for _, d := range r.digits {
		all = append(all, d)
	}
	return append(all, r.caret)
}

// cell is the room for a digit.
func (r *codeRenderer) cell() fyne.Size {
	size := fyne.MeasureText("0", sized(theme.SizeNameSubHeadingText), fyne.TextStyle{Monospace: true})
	return fyne.NewSize(size.Width*1.6, size.Height)
}

func (r *codeRenderer) MinSize() fyne.Size {
	cell := r.cell()
	return fyne.NewSize(codeLength*cell.Width+6*unit, cell.Height+2*unit)
}

// x is where the i-th digit begins: four, a gap, four.
func (r *codeRenderer) x(i int) float32 {
	x := 2*unit + float32(i)*r.cell().Width
	if i >= codeLength/2 {
		x += 2 * unit
	}
	return x
}

func (r *codeRenderer) Layout(size fyne.Size) {
	cell := r.cell()
	r.ground.Resize(fyne.NewSize(min(size.Width, r.MinSize().Width), size.Height))
	y := (size.Height - cell.Height) / 2
	for i, d := range r.digits {
		d.Move(fyne.NewPos(r.x(i), y))
		d.Resize(cell)
	}
	at := min(r.field.n, codeLength-1)
	x := r.x(at)
	if r.field.n == codeLength {
		x += cell.Width
	}
	r.caret.Move(fyne.NewPos(x, y))
	r.caret.Resize(fyne.NewSize(2, cell.Height))
}

func (r *codeRenderer) Refresh() {
	f, names := r.field, figures()
	for i, d := range r.digits {
		d.TextSize, d.TextStyle.Monospace = sized(theme.SizeNameSubHeadingText), true
		switch {
		case i >= f.n:
			d.Text, d.Color = "·", themed(colorQuiet)
		case f.revealed:
			d.Text, d.Color = names[f.digits.Bytes()[i]-'0'], themed(theme.ColorNameForeground)
		default:
			d.Text, d.Color = "•", themed(theme.ColorNameForeground)
		}
	}
	edge, width := colorQuiet, float32(1)
	if f.focused {
		edge, width = theme.ColorNameFocus, ringWidth
	}
	r.ground.FillColor, r.ground.StrokeColor, r.ground.StrokeWidth, r.ground.CornerRadius = themed(theme.ColorNameInputBackground), themed(edge), width, 10
	r.caret.FillColor, r.caret.Hidden = themed(theme.ColorNamePrimary), !f.focused
	r.Layout(f.Size())
	for _, o := range r.Objects() {
		o.Refresh()
	}
}
