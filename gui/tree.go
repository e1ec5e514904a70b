package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
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

// firstHeading is the text of the first title that is seen in an object.
func firstHeading(o fyne.CanvasObject) string {
	if !o.Visible() {
		return ""
	}
	var parts []fyne.CanvasObject
	switch o := o.(type) {
	case *widget.RichText:
		if s, ok := o.Segments[0].(*widget.TextSegment); ok && (s.Style.SizeName == theme.SizeNameHeadingText || s.Style.SizeName == theme.SizeNameSubHeadingText) {
			return s.Text
		}
	case *fyne.Container:
		parts = o.Objects
	case *container.Scroll:
		parts = []fyne.CanvasObject{o.Content}
	}
	for _, part := range parts {
		if text := firstHeading(part); text != "" {
			return text
		}
	}
	return ""
}

// reveal scrolls to what has the focus, for those who use the keyboard.
func reveal(o fyne.CanvasObject) {
	driver := fyne.CurrentApp().Driver()
	seen := driver.CanvasForObject(o)
	if seen == nil {
		return
	}
	s := scrollAround(seen.Content(), o, nil)
	if s == nil {
		return
	}
	top := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(s).Y
	below := top + o.Size().Height - s.Size().Height
	switch {
	case top < unit:
		s.ScrollToOffset(s.Offset.AddXY(0, top-unit))
	case below > -unit:
		s.ScrollToOffset(s.Offset.AddXY(0, below+unit))
	}
}

// scrollAround is what an object inside another scrolls in; around is what the
// other scrolls in, nil if it does not.
func scrollAround(o, inner fyne.CanvasObject, around *container.Scroll) *container.Scroll {
	if o == inner {
		return around
	}
	switch o := o.(type) {
	case *fyne.Container:
		for _, child := range o.Objects {
			if found := scrollAround(child, inner, around); found != nil {
				return found
			}
		}
	case *container.Scroll:
		return scrollAround(o.Content, inner, o)
	}
	return nil
}
