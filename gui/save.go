package gui

import (
	"errors"
	"io"
	"io/fs"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
)

// An asker asks for the file to write, Window.askWhere but in tests. There is none
// where a person has changed their mind.
type asker func(name string, done func(io.WriteCloser, error))

// save writes content where a person says; then learns whether a file was chosen,
// and why it could not be written.
func (ask asker) save(name string, content func() ([]byte, error), then func(chosen bool, err error)) {
	ask(name, func(to io.WriteCloser, err error) {
		if to != nil {
			err = write(to, content)
		}
		var said *fs.PathError
		if err != nil && !errors.As(err, &said) { // the dialog's own errors name no file
			err = &fs.PathError{Op: "save", Path: name, Err: err}
		}
		then(to != nil, err)
	})
}

func write(to io.WriteCloser, content func() ([]byte, error)) error {
	bytes, err := content()
	if err == nil {
		_, err = to.Write(bytes)
	}
	return errors.Join(err, to.Close())
}

// askWhere asks for the file to write.
func (w *Window) askWhere(name string, done func(io.WriteCloser, error)) {
	ask := dialog.NewFileSave(func(to fyne.URIWriteCloser, err error) {
		if to == nil { // an interface that holds nothing is not nil
			done(nil, err)
			return
		}
		done(to, err)
	}, w.win)
	ask.SetFileName(name)
	ask.SetTitleText(w.t("win.details.files"))
	ask.SetConfirmText(w.t("win.details.files"))
	ask.SetDismissText(w.t("win.cancel"))
	ask.Show()
}
