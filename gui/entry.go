package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// A textEntry is where text is typed that is no secret. The window's keys are handed
// to the window.
type textEntry struct{ widget.Entry }

func newTextEntry() *textEntry {
	e := &textEntry{}
	e.ExtendBaseWidget(e)
	return e
}

// newWordEntry enables a button once a word is typed in it.
func newWordEntry(word string, yes *button) *textEntry {
	e := newTextEntry()
	e.OnChanged = func(typed string) { yes.enable(sameWord(typed, word)) }
	e.OnSubmitted = func(string) { yes.Tapped(nil) }
	return e
}

// newProxyEntry takes the address of a proxy.
func newProxyEntry(address string, submit func()) *textEntry {
	e := newTextEntry()
	e.SetPlaceHolder("http://proxy.example.org:3128")
	e.SetText(address)
	e.OnSubmitted = func(string) { submit() }
	return e
}

// FocusGained shows the caret.
func (e *textEntry) FocusGained() { e.Entry.FocusGained(); reveal(e) }

// TypedKey hands Escape and Alt to the window.
func (e *textEntry) TypedKey(key *fyne.KeyEvent) {
	if key.Name == fyne.KeyEscape || isAlt(key) {
		passKey(e, key)
		return
	}
	e.Entry.TypedKey(key)
}

// TypedShortcut hands mnemonics to the window.
func (e *textEntry) TypedShortcut(s fyne.Shortcut) {
	if isMnemonic(s) {
		passShortcut(e, s)
		return
	}
	e.Entry.TypedShortcut(s)
}
