package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// eachButton visits the buttons that are seen in an object, in reading order.
func eachButton(o fyne.CanvasObject, visit func(*button)) {
	if !o.Visible() {
		return
	}
	switch o := o.(type) {
	case *button:
		visit(o)
	case *fyne.Container:
		for _, child := range o.Objects {
			eachButton(child, visit)
		}
	case *container.Scroll:
		eachButton(o.Content, visit)
	}
}
