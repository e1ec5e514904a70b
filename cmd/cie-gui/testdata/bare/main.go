// Command bare is a window with a word in it: what the toolkit alone costs.
package main

import (
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/widget"
)

func main() {
	w := app.New().NewWindow("bare")
	w.SetContent(widget.NewLabel("bare"))
	w.ShowAndRun()
}
