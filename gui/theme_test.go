package gui

import (
	"image/color"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
)

// What hangs below the line is drawn whole at every size of text: in commands and names
// of files an underscore is no blank.
func TestFeetAreSeen(t *testing.T) {
	test.NewTempApp(t)
	for _, percent := range []int{100, 125, 150, 175, 200} {
		l := look{text: percent}
		for name, mono := range map[fyne.ThemeSizeName]bool{
			sizeCommand: true, theme.SizeNameText: false, theme.SizeNameCaptionText: false, theme.SizeNameSubHeadingText: false, theme.SizeNameHeadingText: false,
		} {
			text := &canvas.Text{Text: "____", TextSize: l.Size(name), Color: color.Black, TextStyle: fyne.TextStyle{Monospace: mono}}
			picture := software.Render(container.NewStack(canvas.NewRectangle(color.White), text), l)
			seen := false
			for y := range picture.Bounds().Dy() {
				r, _, _, _ := picture.At(picture.Bounds().Dx()/2, y).RGBA()
				seen = seen || r < 0xA000
			}
			if !seen {
				t.Errorf("%d %%: no underscore in %s", percent, name)
			}
		}
	}
}
