package gui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"github.com/softwarecie/cie/internal/i18n"
)

func codeOn(t *testing.T) (*bench, *codeInput) {
	b := newBench(t, i18n.Italian)
	b.Go(newVerify)
	return b, b.trail[len(b.trail)-1].screen.(*verifyScreen).forms[0].inputs[0]
}

func TestCodeIsTyped(t *testing.T) {
	b, i := codeOn(t)
	f := i.field
	b.typed("12 34a567890")
	if got := string(f.digits.Bytes()); got != "12345678" || f.n != 8 {
		t.Errorf("typed: %q, %d digits", got, f.n)
	}
	b.sees("win.code.full")
	b.key("BackSpace")
	b.key("Delete")
	if got := string(f.digits.Bytes()); got != "123456\x00\x00" || f.n != 6 {
		t.Errorf("erased: %q, %d digits", got, f.n)
	}
	code := f.take()
	defer code.Wipe()
	if string(code.Bytes()) != "123456" || f.n != 0 || strings.Trim(string(f.digits.Bytes()), "\x00") != "" {
		t.Errorf("taken: %q, left %q", code.Bytes(), f.digits.Bytes())
	}
}

func TestCodeIsPasted(t *testing.T) {
	b, i := codeOn(t)
	for _, tt := range []struct{ text, want, message string }{
		{"1234 5678", "12345678", ""},
		{"1234-5678\r\n", "12345678", ""},
		{"5678", "5678", ""},
		{"1234 56789", "", "win.code.too-long"},
		{"PIN 12345678", "", "win.code.only-digits"},
		{"１２３４", "", "win.code.only-digits"}, // full width digits
	} {
		i.field.clear()
		board := test.NewClipboard()
		board.SetContent(tt.text)
		i.field.TypedShortcut(&fyne.ShortcutPaste{Clipboard: board})
		if got := string(i.field.digits.Bytes()[:i.field.n]); got != tt.want {
			t.Errorf("pasted %q: %q, want %q", tt.text, got, tt.want)
		}
		if tt.message != "" {
			b.sees(tt.message)
		}
	}
}

// Nothing gets out of the field: no copy, no cut, no selection, no undo.
func TestCodeIsNotCopied(t *testing.T) {
	b, i := codeOn(t)
	b.typed("12345678")
	board := test.NewClipboard()
	for _, s := range []fyne.Shortcut{
		&fyne.ShortcutCopy{Clipboard: board}, &fyne.ShortcutCut{Clipboard: board}, &fyne.ShortcutSelectAll{}, &fyne.ShortcutUndo{},
	} {
		i.field.TypedShortcut(s)
	}
	if board.Content() != "" || i.field.n != 8 {
		t.Errorf("clipboard %q, %d digits", board.Content(), i.field.n)
	}
}

// The digits are drawn only while the eye is held.
func TestCodeIsRevealed(t *testing.T) {
	b, i := codeOn(t)
	b.typed("12345678")
	shown := func() bool { return strings.Contains(b.seen(), "1\n2\n3\n4\n5\n6\n7\n8") }
	eye := newHoldButton(iconEye, i.field.reveal)
	if shown() {
		t.Error("shown before")
	}
	eye.MouseDown(nil)
	if !shown() {
		t.Errorf("not shown in\n%s", b.seen())
	}
	eye.MouseUp(nil)
	if shown() {
		t.Error("shown after")
	}
	eye.KeyDown(&fyne.KeyEvent{Name: fyne.KeySpace})
	eye.FocusLost()
	if shown() {
		t.Error("shown after the focus went")
	}
}

func TestKeypad(t *testing.T) {
	b, i := codeOn(t)
	orders := map[string]bool{}
	for range 5 {
		i.toggleKeypad()
		order := ""
		eachButton(i.keypad, func(k *button) { order += k.text })
		orders[order] = true
		i.toggleKeypad()
	}
	if len(orders) < 2 {
		t.Errorf("the keys are always in the order %v", orders)
	}
	i.toggleKeypad()
	for _, d := range []string{"4", "0", "2"} {
		eachButton(i.keypad, func(k *button) {
			if k.text == d {
				k.Tapped(nil)
			}
		})
	}
	if got := string(i.field.digits.Bytes()[:i.field.n]); got != "402" {
		t.Errorf("tapped: %q", got)
	}
	if b.win.Canvas().Focused() != i.field {
		t.Error("the focus is not in the field")
	}
}

// Leaving the screen clears the field, as Escape does.
func TestCodeIsClearedByCancel(t *testing.T) {
	b, i := codeOn(t)
	b.typed("1234567")
	b.key("Escape")
	b.sees("win.welcome.text")
	if i.field.n != 0 || strings.Trim(string(i.field.digits.Bytes()), "\x00") != "" {
		t.Errorf("left: %q", i.field.digits.Bytes())
	}
}

// All can be done by the keyboard: Tab goes round, Alt shows the letters, Alt with
// a letter presses, a hidden focus there is not.
func TestKeyboardOnly(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Open(home)
	visited := map[string]bool{}
	for range len(entries()) + 2 {
		b.win.Canvas().FocusNext()
		if x, ok := b.win.Canvas().Focused().(*button); ok {
			visited[x.text] = true
			if ring := test.WidgetRenderer(x).(*buttonRenderer).ring; ring.Hidden {
				t.Errorf("%s has the focus and no ring", x.text)
			}
		}
	}
	for _, key := range []string{"win.home", "win.pin", "win.pair.go"} {
		if !visited[b.t(key)] {
			t.Errorf("Tab does not come to %s: %v", b.t(key), visited)
		}
	}
	b.key(string(desktop.KeyAltLeft))
	letters := map[rune]bool{}
	for _, x := range b.buttons() {
		if x.mnemonic == 0 || letters[x.mnemonic] || !x.underlined {
			t.Errorf("%s: letter %q", x.text, x.mnemonic)
		}
		letters[x.mnemonic] = true
	}
	for _, x := range b.buttons() {
		if x.text == b.t("win.pair.go") {
			passShortcut(x, &desktop.CustomShortcut{KeyName: fyne.KeyName(strings.ToUpper(string(x.mnemonic))), Modifier: fyne.KeyModifierAlt})
		}
	}
	b.sees("win.pair.text")
}
