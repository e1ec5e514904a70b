package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// A form asks for one or two codes and has one main button.
type form struct {
	w       *Window
	inputs  []*codeInput
	problem *fyne.Container // what is wrong with what was typed, hidden while nothing is
	send    *button
	stop    *button // leads back
	box     *fyne.Container
}

// newForm makes a form. ready says whether a number of digits will do.
func newForm(w *Window, action string, ready func(digits int) bool, submit func(), parts ...fyne.CanvasObject) *form {
	f := &form{w: w, problem: container.NewStack(), box: stacked(3 * unit)}
	f.send, f.stop = newButton(primary, action, submit), newButton(quiet, w.t("win.cancel"), w.Back)
	f.problem.Hide()
	for _, p := range parts {
		f.box.Add(p)
	}
	f.box.Add(f.problem)
	f.box.Add(beside(f.send, f.stop))
	f.send.enable(false)
	f.ready(ready)
	return f
}

// add puts a field for a code above the buttons.
func (f *form) add(name string) *codeInput {
	i := newCodeInput(f.w, name)
	f.inputs = append(f.inputs, i)
	f.box.Objects = append(f.box.Objects[:len(f.box.Objects)-2:len(f.box.Objects)-2], append([]fyne.CanvasObject{i.box}, f.box.Objects[len(f.box.Objects)-2:]...)...)
	return i
}

// ready has the main button follow the fields.
func (f *form) ready(will func(int) bool) {
	typed := func() {
		f.problem.Hide()
		all := true
		for _, i := range f.inputs {
			all = all && will(i.field.n)
		}
		f.send.enable(all)
	}
	for n, i := range f.inputs {
		i.typed = typed
		i.field.submit = func() {
			if n+1 < len(f.inputs) {
				f.w.win.Canvas().Focus(f.inputs[n+1].field)
				return
			}
			f.send.Tapped(nil)
		}
	}
}

// complain tells what is wrong with what was typed; nothing was sent.
func (f *form) complain(err error) {
	m := f.w.texts.Explain(err)
	f.problem.Objects = []fyne.CanvasObject{note(iconWarning, colorDanger, m.What+" "+m.Next+" "+m.Tries)}
	f.problem.Show()
	f.box.Refresh()
}

// clear forgets what was typed.
func (f *form) clear() {
	for _, i := range f.inputs {
		i.field.clear()
	}
}

// first is where typing begins.
func (f *form) first() fyne.Focusable { return f.inputs[0].field }

// whole is for codes of which all digits are needed.
func whole(digits int) bool { return digits == codeLength }

// wholeOrHalf is for the PIN of a card that may be paired.
func wholeOrHalf(digits int) bool { return digits == codeLength || digits == codeLength/2 }

// codeForm asks for one code.
func codeForm(w *Window, name, action string, ready func(int) bool, submit func(), parts ...fyne.CanvasObject) *form {
	f := newForm(w, action, ready, submit, parts...)
	f.add(name)
	f.ready(ready)
	return f
}

// newPINForm asks for a new PIN twice and checks it by the rules that need no card.
func newPINForm(w *Window, action string, current func() *secret.Buffer, submit func(next *secret.Buffer), parts ...fyne.CanvasObject) *form {
	var f *form
	f = newForm(w, action, whole, func() {
		next, again := f.inputs[0].field.take(), f.inputs[1].field.take()
		defer again.Wipe()
		err := cie.CheckNewPIN(next, current())
		if err == nil && !secret.Equal(next.Bytes(), again.Bytes()) {
			err = cie.ErrNewPINRepeat
		}
		if err != nil {
			next.Wipe()
			f.complain(err)
			w.win.Canvas().Focus(f.first())
			return
		}
		submit(next)
	}, append(parts, aside(w.t("win.new-pin.rules")))...)
	f.add(w.t("win.new-pin"))
	f.add(w.t("win.new-pin.again"))
	f.ready(whole)
	return f
}

// halves says where the two halves of a code were handed over.
func (w *Window) halves() fyne.CanvasObject {
	return container.New(leading{2 * unit, theme.SizeNameText}, picture(artHalves, 168, 84), aside(w.t("win.halves")))
}

// triesNow says how many tries the PIN of the card on the reader has.
func (w *Window) triesNow() fyne.CanvasObject {
	left := -1
	if c, ok := w.state.card(); ok && c.Record != nil {
		left = c.Record.Tries
	}
	return aside(w.tries("pin", left))
}
