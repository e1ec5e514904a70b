package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// newDemoBar says that this is a demonstration, shows the codes of its cards, and
// lays and lifts them.
func newDemoBar(w *Window) fyne.CanvasObject {
	row := beside()
	for _, c := range w.deps.Demo {
		pin, puk := c.Codes()
		row.Add(widget.NewLabel(c.Name + " · PIN " + pin + " · PUK " + puk))
		move := newButton(plain, "", nil)
		label := func() {
			move.text = w.t("win.demo.lay")
			if c.Laid() {
				move.text = w.t("win.demo.lift")
			}
			move.Refresh()
		}
		move.onTapped = func() { c.Lay(!c.Laid()); label(); w.urge() }
		label()
		row.Add(move)
	}
	ground := canvas.NewRectangle(themed(theme.ColorNamePressed))
	text := marked(iconInfo, theme.ColorNamePrimary, strong(w.t("win.demo"), theme.ColorNameForeground))
	return container.NewStack(ground, container.New(inset{2 * unit, unit}, stacked(unit, text, row)))
}
