package gui

import (
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// keys has the window act on the keys that no field wants: Enter presses the
// primary button, Escape goes back, F1 helps, Alt shows the mnemonics and Alt with a letter
// presses a button.
func (w *Window) keys() {
	c := w.win.Canvas()
	c.SetOnTypedKey(func(key *fyne.KeyEvent) {
		switch {
		case isAlt(key):
			w.underline(true)
			return
		case key.Name == fyne.KeyEscape:
			w.Escape()
		case key.Name == fyne.KeyF1:
			w.Help()
		case key.Name == fyne.KeyReturn, key.Name == fyne.KeyEnter:
			w.press(func(b *button) bool { return b.weight == primary })
		}
		w.underline(false)
	})
	w.places()
	for letter := 'A'; letter <= 'Z'; letter++ {
		shortcut := &desktop.CustomShortcut{KeyName: fyne.KeyName(letter), Modifier: fyne.KeyModifierAlt}
		c.AddShortcut(shortcut, func(fyne.Shortcut) {
			w.press(func(b *button) bool { return b.mnemonic == unicode.ToLower(letter) })
		})
	}
}

// places has Ctrl and a digit go to an entry of the rail.
func (w *Window) places() {
	for i, e := range entries() {
		shortcut := &desktop.CustomShortcut{KeyName: fyne.KeyName(rune('1' + i)), Modifier: fyne.KeyModifierControl}
		w.win.Canvas().AddShortcut(shortcut, func(fyne.Shortcut) { w.Open(e.key) })
	}
}

// Escape presses what cancels, and goes back where nothing does.
func (w *Window) Escape() {
	if !w.press(func(b *button) bool { return b.text == w.t("win.cancel") }) {
		w.Back()
	}
}

// press presses the first button that fits and can be used.
func (w *Window) press(fits func(*button) bool) bool {
	for _, b := range w.buttons() {
		if fits(b) && !b.disabled {
			b.Tapped(nil)
			return true
		}
	}
	return false
}

// buttons are those that are seen: those of the screen before those of the rail,
// and last those above both.
func (w *Window) buttons() []*button {
	var all []*button
	add := func(b *button) { all = append(all, b) }
	if w.body != nil {
		eachButton(w.body, add)
	}
	all = append(all, w.rail...)
	if w.strip != nil {
		eachButton(w.strip.bars, add)
	}
	return all
}

// mnemonics gives each button a letter of its text that no other has.
func (w *Window) mnemonics() {
	taken := map[rune]bool{}
	for _, b := range w.buttons() {
		b.mnemonic = 0
		for _, letter := range strings.ToLower(b.text) {
			if letter >= 'a' && letter <= 'z' && !taken[letter] {
				b.mnemonic, taken[letter] = letter, true
				break
			}
		}
	}
	w.underline(false)
}

// underline shows the mnemonics, or hides them.
func (w *Window) underline(on bool) {
	for _, b := range w.buttons() {
		if b.underlined != on {
			b.underlined = on
			b.Refresh()
		}
	}
}

func isAlt(key *fyne.KeyEvent) bool {
	return key.Name == desktop.KeyAltLeft || key.Name == desktop.KeyAltRight
}

func isMnemonic(s fyne.Shortcut) bool {
	c, ok := s.(*desktop.CustomShortcut)
	return ok && c.Modifier == fyne.KeyModifierAlt
}

// sameWord compares as a person would.
func sameWord(typed, word string) bool { return strings.EqualFold(strings.TrimSpace(typed), word) }
