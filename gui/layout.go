package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
)

// widest is the widest a column of text becomes: longer lines are hard to read.
const widest float32 = 640

// A column stacks objects as wide as there is room, no wider than widest, with a
// gap between them. Text that wraps gets the height it needs at that width.
type column struct {
	gap   float32
	width float32 // the last one, by which the height is reckoned
}

// Layout places the objects.
func (c *column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	c.width = size.Width
	y := float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		height := heightAt(o, size.Width)
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, height))
		y += height + c.gap
	}
}

// MinSize is as narrow as the widest object, as high as all are at the last width.
func (c *column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	n := 0
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		least := o.MinSize()
		size.Width = max(size.Width, least.Width)
		size.Height += least.Height
		n++
	}
	size.Height += c.gap * float32(max(n-1, 0))
	return size
}

// heightAt is the height an object wants at a width: text that wraps knows it
// only once it is as wide.
func heightAt(o fyne.CanvasObject, width float32) float32 {
	height := o.MinSize().Height
	if o.Size().Width != width {
		o.Resize(fyne.NewSize(width, height))
		height = o.MinSize().Height
	}
	return height
}

// stacked is a column of its own.
func stacked(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&column{gap: gap}, objects...)
}

// A page centres one object, no wider than widest, with a margin around it.
type page struct{}

// Layout places the object.
func (page) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	margin := 3 * unit
	width := min(size.Width-2*margin, widest)
	for _, o := range objects {
		o.Move(fyne.NewPos((size.Width-width)/2, margin))
		o.Resize(fyne.NewSize(width, max(heightAt(o, width), size.Height-2*margin)))
	}
}

// MinSize is the object's with the margin.
func (page) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for _, o := range objects {
		size = size.Max(o.MinSize())
	}
	return size.AddWidthHeight(6*unit, 6*unit)
}

// A flow sets objects side by side and goes on below when the room is used up.
type flow struct {
	gap   float32
	width float32
}

// Layout places the objects.
func (f *flow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	f.width = size.Width
	f.place(objects, func(o fyne.CanvasObject, at fyne.Position, s fyne.Size) { o.Move(at); o.Resize(s) })
}

// MinSize is as narrow as the widest object.
func (f *flow) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for _, o := range objects {
		if o.Visible() {
			size = size.Max(o.MinSize())
		}
	}
	f.place(objects, func(_ fyne.CanvasObject, at fyne.Position, s fyne.Size) {
		size.Height = max(size.Height, at.Y+s.Height)
	})
	return size
}

func (f *flow) place(objects []fyne.CanvasObject, put func(fyne.CanvasObject, fyne.Position, fyne.Size)) {
	x, y, row := float32(0), float32(0), float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		size := o.MinSize()
		if x > 0 && x+size.Width > f.width {
			x, y, row = 0, y+row+f.gap, 0
		}
		put(o, fyne.NewPos(x, y), size)
		x, row = x+size.Width+f.gap, max(row, size.Height)
	}
}

// beside sets objects in rows.
func beside(objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&flow{gap: 1.5 * unit}, objects...)
}

// An inset leaves a margin around one object.
type inset struct{ x, y float32 }

// Layout places the object.
func (i inset) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(i.x, i.y))
		o.Resize(size.SubtractWidthHeight(2*i.x, 2*i.y))
	}
}

// MinSize is the object's with the margin.
func (i inset) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for _, o := range objects {
		size = size.Max(o.MinSize())
	}
	return size.AddWidthHeight(2*i.x, 2*i.y)
}

// A leading sets a small object at the left, as high as the first line, and
// another beside it in the rest of the width.
type leading struct {
	gap  float32
	size fyne.ThemeSizeName // of the text
}

// Layout places the two.
func (l leading) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	mark, text := objects[0], objects[1]
	side := mark.MinSize()
	rest := size.Width - side.Width - l.gap
	height := heightAt(text, rest)
	text.Move(fyne.NewPos(side.Width+l.gap, 0))
	text.Resize(fyne.NewSize(rest, max(height, size.Height)))
	first := fyne.MeasureText("M", sized(l.size), fyne.TextStyle{}).Height + unit
	mark.Move(fyne.NewPos(0, max(first-side.Height, 0)/2))
	mark.Resize(side)
}

// MinSize fits both.
func (l leading) MinSize(objects []fyne.CanvasObject) fyne.Size {
	mark, text := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(mark.Width+l.gap+text.Width, max(mark.Height, text.Height))
}

// beneath sets a mark of a list beside its text, both on the first line.
func beneath(mark, text fyne.CanvasObject) *fyne.Container {
	return container.New(hanging{unit}, mark, text)
}

// A hanging sets the mark of an item of a list at the left, and the text beside
// it in the rest of the width.
type hanging struct{ gap float32 }

// Layout places the two.
func (h hanging) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	side := objects[0].MinSize()
	rest := size.Width - side.Width - h.gap
	objects[0].Resize(side)
	objects[1].Move(fyne.NewPos(side.Width+h.gap, 0))
	objects[1].Resize(fyne.NewSize(rest, heightAt(objects[1], rest)))
}

// MinSize fits both.
func (h hanging) MinSize(objects []fyne.CanvasObject) fyne.Size {
	mark, text := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(mark.Width+h.gap+text.Width, max(mark.Height, text.Height))
}

// A trailing sets a small object at the right, in the middle of the height, and
// another before it in the rest of the width; below it where less than half is left.
type trailing struct {
	gap   float32
	width float32
}

// Layout places the two.
func (l *trailing) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	text, end := objects[0], objects[1]
	side := end.MinSize()
	at, rest := fyne.NewPos(size.Width-side.Width, (size.Height-side.Height)/2), size.Width-side.Width-l.gap
	if l.below(side.Width) {
		at, rest = fyne.NewPos(0, size.Height-side.Height), size.Width
		size.Height -= side.Height + l.gap
	}
	text.Move(fyne.NewPos(0, 0))
	text.Resize(fyne.NewSize(rest, max(heightAt(text, rest), size.Height)))
	end.Move(at)
	end.Resize(side)
}

// below says whether the second, so wide, stands below the first.
func (l *trailing) below(width float32) bool { return l.width > 0 && l.width-width-l.gap < l.width/2 }

// MinSize fits both.
func (l *trailing) MinSize(objects []fyne.CanvasObject) fyne.Size {
	text, end := objects[0].MinSize(), objects[1].MinSize()
	if l.below(end.Width) {
		return fyne.NewSize(max(text.Width, end.Width), text.Height+l.gap+end.Height)
	}
	return fyne.NewSize(text.Width+l.gap+end.Width, max(text.Height, end.Height))
}

// panel puts an object on a surface with round corners.
func panel(o fyne.CanvasObject, edge fyne.ThemeColorName) *fyne.Container {
	ground := canvas.NewRectangle(themed(colorSurface))
	ground.StrokeColor, ground.StrokeWidth, ground.CornerRadius = themed(edge), 1, 10
	return container.NewStack(ground, container.New(inset{2 * unit, 2 * unit}, o))
}
