package gui

import (
	"context"
	"net/url"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/settings"
)

// An Update tells of the newest version of the program.
type Update struct {
	// Never is why the version cannot be known, such as release.ErrNoFeed; nil: it can.
	Never error
	// Newest asks for it, at most once a day. It is called beside the window's
	// goroutine. nil: there is nothing to ask, as in the demonstration.
	Newest func(context.Context) (release.Notice, error)
}

// askForUpdates asks once for a newer version, if the settings say so.
func (w *Window) askForUpdates() {
	ask := w.deps.Update.Newest
	if !w.deps.Settings.Update.Notice || ask == nil {
		w.newer = nil
		return
	}
	go func() {
		n, err := ask(w.ctx)
		w.deps.Do(func() {
			switch {
			case err != nil:
				w.log.Info("no notice of a newer version", "code", w.texts.Explain(err).Code)
			case w.deps.Settings.Update.Notice && n.NewerThan(w.deps.Version):
				w.newer = &n
				w.tell()
			}
		})
	}()
}

// newerVersion is a quiet line about a newer version, nil where none is known.
func (w *Window) newerVersion() fyne.CanvasObject {
	if w.newer == nil {
		return nil
	}
	address, err := url.Parse(w.newer.Notes)
	if err != nil {
		return nil
	}
	return stacked(unit,
		marked(iconInfo, colorQuiet, aside(w.t("win.update.newer", "version", w.newer.Version)+" "+w.newer.Notes)),
		beside(newButton(quiet, w.t("win.update.open"), func() { _ = w.app.OpenURL(address) })), // it is there to read, too
	)
}

// updates is whether newer versions are asked for, or why they cannot be.
func (s *settingsScreen) updates() {
	w := s.w
	switch {
	case w.deps.Update.Never != nil:
		s.box.Add(stacked(unit, strong(w.t("win.settings.update"), "foreground"), aside(w.texts.Explain(w.deps.Update.Never).What)))
	case w.deps.Update.Newest != nil:
		s.offer(s.managed("update.notice"), "win.settings.update", "win.settings.update.text",
			s.onOff(w.deps.Settings.Update.Notice, func(n *settings.Settings, on bool) { n.Update.Notice = on })...)
	}
}
