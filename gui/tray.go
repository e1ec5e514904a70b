package gui

import (
	"bytes"
	"image"
	"image/png"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"

	"github.com/softwarecie/cie/internal/icon"
)

// A tray is the icon in the desktop's tray, whose menu begins with the state.
type tray struct {
	w    *Window
	app  desktop.App
	last string
}

// newTray puts the icon into the tray, nil where there is none or it is not wanted.
func newTray(w *Window) *tray {
	app, ok := w.app.(desktop.App)
	if !ok || !w.deps.Tray || !w.deps.Settings.Window.Tray {
		return nil
	}
	t := &tray{w: w, app: app}
	if picture, err := rasterize(icon.SVG(), 64); err == nil {
		app.SetSystemTrayIcon(fyne.NewStaticResource("tray.png", picture))
	}
	return t
}

// show tells a state; the menu is made anew only when it says something else.
func (t *tray) show(now state) {
	_, _, text := t.w.summary(now)
	if text == t.last {
		return
	}
	t.last = text
	said := fyne.NewMenuItem(text, nil)
	said.Disabled = true
	t.app.SetSystemTrayMenu(fyne.NewMenu("",
		said,
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(t.w.t("win.tray.open"), t.w.Show),
		fyne.NewMenuItem(t.w.t("win.tray.quit"), t.w.app.Quit),
	))
}

// rasterize draws an SVG as a PNG of so many pixels: trays take no SVG.
func rasterize(svg []byte, side int) ([]byte, error) {
	drawing, err := oksvg.ReadIconStream(bytes.NewReader(svg))
	if err != nil {
		return nil, err
	}
	pixels := image.NewRGBA(image.Rect(0, 0, side, side))
	drawing.SetTarget(0, 0, float64(side), float64(side))
	drawing.Draw(rasterx.NewDasher(side, side, rasterx.NewScannerGV(side, side, pixels, pixels.Bounds())), 1)
	var out bytes.Buffer
	err = png.Encode(&out, pixels)
	return out.Bytes(), err
}
