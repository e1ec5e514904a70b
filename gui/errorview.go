package gui

import (
	"fmt"
	"os"
	"runtime"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/logging"
)

// newErrorView tells an error: what happened, what it means for the tries, what to
// do next, and on demand the code and the details. again leads back to the form.
func newErrorView(w *Window, err error, again func()) (fyne.CanvasObject, fyne.Focusable) {
	m := w.texts.Explain(err)
	w.log.Warn("shown", "code", m.Code, "error", err)
	first := newButton(primary, w.t("win.retry"), again)
	actions := beside(first)
	key, open := w.remedy(m.Key)
	switch {
	case m.Key == "pin-blocked": // trying again cannot help
		first.text, first.onTapped = w.t(key), func() { w.Go(open) }
	case m.Key == "puk-blocked":
		first.text, first.onTapped = w.t("win.done"), w.Back
	case open != nil:
		actions.Add(newButton(plain, w.t(key), func() { w.Go(open) }))
	}
	if n := explains(m.Key); n != "" {
		actions.Add(leadsTo(w, n))
	}
	details := stacked(unit, line(), aside(m.Code), aside(scrub(err.Error())))
	details.Add(beside(newCopy(w, "win.copy-report", func() string { return w.report(m.Code, err) })))
	details.Hide()
	view := stacked(3 * unit)
	more := newButton(quiet, w.t("win.details", "code", m.Code), func() {
		details.Hidden = !details.Hidden
		view.Refresh()
	})
	actions.Add(more)
	view.Objects = []fyne.CanvasObject{
		titled(iconCross, colorDanger, m.What),
		strong(m.Tries, colorQuiet),
		paragraph(m.Next),
		actions,
		details,
	}
	return view, first
}

// remedy is the screen that helps in a situation, and the text of the button that
// leads to it.
func (w *Window) remedy(situation string) (key string, open opener) {
	switch situation {
	case "pin-blocked", "pin-wrong", "pin-last-try":
		return "win.unblock", newUnblock
	case "not-paired", "half-stale", "pairing-damaged":
		if w.counter == nil { // there nothing is paired
			return "win.pair.go", newPair
		}
	case "not-connected", "login-module":
		return "win.browsers", newBrowsers
	case "no-service", "denied":
		return "win.doctor", newDoctor
	}
	return "", nil
}

// report is what support needs to know, and nobody is to be known by.
func (w *Window) report(code string, err error) string {
	return fmt.Sprintf("Software CIE %s, %s/%s\n%s: %s\n", w.deps.Version, runtime.GOOS, runtime.GOARCH, code, scrub(err.Error()))
}

// scrub takes numbers and the home folder out of a technical text.
func scrub(text string) string {
	home, _ := os.UserHomeDir()
	return logging.Scrub(text, home)
}
