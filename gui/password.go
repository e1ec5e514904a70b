package gui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/secret"
)

// passwordRoom is the most a password field takes, in bytes.
const passwordRoom = 120

// A passwordField is where a password is typed that is only looked at. As in a
// codeField it is held in locked memory, and a dot is drawn for each character.
type passwordField struct {
	widget.BaseWidget
	w          *Window
	characters *secret.Buffer // passwordRoom bytes, of which n are typed
	n          int
	focused    bool
	changed    func()
}

func newPasswordField(w *Window) *passwordField {
	f := &passwordField{w: w, characters: secret.New(passwordRoom), changed: func() {}}
	f.ExtendBaseWidget(f)
	return f
}

// bytes is what was typed, in UTF-8.
func (f *passwordField) bytes() []byte { return f.characters.Bytes()[:f.n] }

func (f *passwordField) clear() {
	clear(f.characters.Bytes())
	f.n = 0
	f.update()
}

func (f *passwordField) update() {
	f.changed()
	f.Refresh()
}

// TypedRune takes a character.
func (f *passwordField) TypedRune(r rune) {
	if f.n+utf8.RuneLen(r) > passwordRoom || !unicode.IsPrint(r) {
		return
	}
	f.n += utf8.EncodeRune(f.characters.Bytes()[f.n:f.n+utf8.RuneLen(r)], r)
	f.update()
}

// TypedKey erases the last character.
func (f *passwordField) TypedKey(key *fyne.KeyEvent) {
	if key.Name != fyne.KeyBackspace {
		passKey(f, key)
		return
	}
	_, size := utf8.DecodeLastRune(f.bytes())
	clear(f.characters.Bytes()[f.n-size : f.n])
	f.n -= size
	f.update()
}

// TypedShortcut takes what is pasted; nothing can be copied out.
func (f *passwordField) TypedShortcut(s fyne.Shortcut) {
	p, ok := s.(*fyne.ShortcutPaste)
	if !ok {
		passShortcut(f, s)
		return
	}
	f.clear()
	for _, r := range p.Clipboard.Content() {
		f.TypedRune(r)
	}
}

// FocusGained shows the caret.
func (f *passwordField) FocusGained() { f.focused = true; f.Refresh(); reveal(f) }

// FocusLost clears the field: nothing is done with a password but to look at it.
func (f *passwordField) FocusLost() { f.focused = false; f.clear() }

// Tapped puts the focus into the field.
func (f *passwordField) Tapped(*fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(f); c != nil {
		c.Focus(f)
	}
}

// Cursor is the one for text.
func (f *passwordField) Cursor() desktop.Cursor { return desktop.TextCursor }

// CreateRenderer draws the field.
func (f *passwordField) CreateRenderer() fyne.WidgetRenderer {
	r := &passwordRenderer{field: f, ground: canvas.NewRectangle(nil), dots: canvas.NewText("", nil)}
	r.Refresh()
	return r
}

type passwordRenderer struct {
	field  *passwordField
	ground *canvas.Rectangle
	dots   *canvas.Text
}

func (r *passwordRenderer) Destroy() {}

func (r *passwordRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.ground, r.dots}
}

func (r *passwordRenderer) MinSize() fyne.Size {
	return fyne.NewSize(30*unit, fyne.MeasureText("•", sized(theme.SizeNameSubHeadingText), fyne.TextStyle{}).Height+2*unit)
}

func (r *passwordRenderer) Layout(size fyne.Size) {
	r.ground.Resize(size)
	r.dots.Move(fyne.NewPos(2*unit, unit))
	r.dots.Resize(fyne.NewSize(size.Width-4*unit, size.Height-2*unit))
}

// most is the number of dots that are drawn, where there is room for no more.
const most = 24

func (r *passwordRenderer) Refresh() {
	f := r.field
	edge, width := colorQuiet, float32(1)
	if f.focused {
		edge, width = theme.ColorNameFocus, ringWidth
	}
	r.ground.FillColor, r.ground.StrokeColor, r.ground.StrokeWidth, r.ground.CornerRadius = themed(theme.ColorNameInputBackground), themed(edge), width, 10
	r.dots.Text = strings.Repeat("•", min(utf8.RuneCount(f.bytes()), most))
	if f.focused {
		r.dots.Text += "|"
	}
	r.dots.TextSize, r.dots.Color = sized(theme.SizeNameSubHeadingText), themed(theme.ColorNameForeground)
	r.Layout(f.Size())
	r.ground.Refresh()
	r.dots.Refresh()
}
