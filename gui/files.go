package gui

import (
	"net/url"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/report"
)

// A taker is a screen that takes files which are dropped on the window.
type taker interface{ Take(files []string) }

// dropped gives files to the screen that is seen, if it has a use for them.
func (w *Window) dropped(_ fyne.Position, what []fyne.URI) {
	t, ok := w.trail[len(w.trail)-1].screen.(taker)
	var files []string
	for _, u := range what {
		if u.Scheme() == "file" {
			files = append(files, u.Path())
		}
	}
	if ok && len(files) > 0 {
		t.Take(files)
	}
}

// A chooser asks for a file to read, or a folder, Window.askFile and Window.askFolder
// but in tests. Where a person has changed their mind nothing is done.
type chooser func(done func(path string))

// askFile asks for a file to read.
func (w *Window) askFile(done func(string)) {
	ask := dialog.NewFileOpen(func(f fyne.URIReadCloser, err error) {
		if err != nil || f == nil { // one that cannot be opened says so when it is read
			return
		}
		path := f.URI().Path()
		_ = f.Close()
		done(path)
	}, w.win)
	ask.SetTitleText(w.t("win.files.choose"))
	ask.SetConfirmText(w.t("win.files.take"))
	ask.SetDismissText(w.t("win.cancel"))
	ask.Show()
}

// askFolder asks for a folder.
func (w *Window) askFolder(done func(string)) {
	ask := dialog.NewFolderOpen(func(f fyne.ListableURI, err error) {
		if err == nil && f != nil {
			done(f.Path())
		}
	}, w.win)
	ask.SetTitleText(w.t("win.files.folder"))
	ask.SetConfirmText(w.t("win.files.take"))
	ask.SetDismissText(w.t("win.cancel"))
	ask.Show()
}

// dropZone invites to drop files, or to choose one.
func (w *Window) dropZone(a art, text string, choose *button) fyne.CanvasObject {
	return panel(stacked(2*unit, picture(a, 168, 84), paragraph(text), beside(choose)), theme.ColorNamePrimary)
}

// nameOfFile is the last part of a file's name, safe to show. It may be broken anywhere.
func nameOfFile(file string) fyne.CanvasObject {
	t := written(report.Name(filepath.Base(file)), theme.SizeNameText, theme.ColorNameForeground, fyne.TextStyle{Bold: true})
	t.Wrapping = fyne.TextWrapBreak
	return flush(t)
}

// newOpenFolder is a button that shows the folder of a file. It never opens the file.
func newOpenFolder(w *Window, file string) *button {
	return newButton(plain, w.t("win.files.open-folder"), func() {
		folder := filepath.ToSlash(filepath.Dir(file))
		_ = w.app.OpenURL(&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(folder, "/")}) // its name is there to read, too
	})
}
