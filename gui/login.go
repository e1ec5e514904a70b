package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/guide"
	"github.com/softwarecie/cie/internal/logintest"
)

// The login screen tries the login at level 3 with a browser, and says which link of
// the chain fails.
type loginScreen struct {
	*stage
	cancel context.CancelFunc // of the test under way, nil: none
}

func newLogin(w *Window) screen {
	s := &loginScreen{stage: newStage(w)}
	s.ask()
	return s
}

// Help of the login is the levels.
func (s *loginScreen) Help() guide.Name { return guide.Levels }

// Leave ends the test, and closes the browser.
func (s *loginScreen) Leave() {
	s.stop()
	s.stage.Leave()
}

func (s *loginScreen) stop() {
	if s.cancel != nil {
		s.cancel()
		s.cancel = nil
	}
}

// names are those of the browsers.
func names() map[logintest.Program]string {
	return map[logintest.Program]string{logintest.Firefox: "Firefox", logintest.Chromium: "Chromium"}
}

// ask says what will happen, and offers the browsers there are.
func (s *loginScreen) ask() {
	w := s.w
	s.stop()
	if len(w.deps.Login.Programs) == 0 {
		s.show(newErrorView(w, logintest.ErrNoBrowser, w.Back))
		return
	}
	actions := beside()
	for i, p := range w.deps.Login.Programs {
		b := newButton(plain, w.t("win.login.with", "name", names()[p]), func() { s.try(p) })
		if i == 0 {
			b.weight = primary
		}
		actions.Add(b)
	}
	first := actions.Objects[0].(*button)
	actions.Add(newButton(quiet, w.t("win.cancel"), w.Back))
	s.show(stacked(3*unit,
		heading(w.t("win.login")), paragraph(w.t("win.login.text")), aside(w.t("win.login.quiet")), w.triesNow(), actions,
	), first)
}

// try runs the test, and shows its steps as they are reached.
func (s *loginScreen) try(p logintest.Program) {
	w := s.w
	ctx, cancel := context.WithCancel(w.ctx)
	s.cancel = cancel
	steps := stacked(unit, marked(iconNow, theme.ColorNamePrimary, paragraph(w.t("win.login.opening"))))
	s.show(stacked(3*unit, heading(w.t("win.login")), panel(steps, colorLine), beside(newButton(plain, w.t("win.cancel"), s.ask))), nil)
	reached := func(step logintest.Step) {
		w.deps.Do(func() {
			if ctx.Err() == nil {
				s.reach(steps, step)
			}
		})
	}
	go func() {
		login, err := w.deps.Login.Try(ctx, p, reached)
		w.deps.Do(func() {
			if ctx.Err() == nil {
				s.ended(login, err)
			}
		})
		w.urge() // the tries may be others now
	}()
}

// reach ticks off the step before, and shows the one that is reached.
func (s *loginScreen) reach(steps *fyne.Container, step logintest.Step) {
	w := s.w
	row := marked(iconCheck, colorGood, paragraph(w.t("login.step."+string(step))))
	if step == logintest.StepBrowser {
		row = marked(iconNow, theme.ColorNamePrimary, strong(w.t("login.step."+string(step)), theme.ColorNameForeground))
	}
	if step == logintest.StepSite {
		steps.RemoveAll()
	}
	steps.Add(row)
	s.box.Refresh()
}

// ended says what came of it.
func (s *loginScreen) ended(login logintest.Login, err error) {
	s.stop()
	if err != nil {
		s.show(newErrorView(s.w, err, s.ask))
		return
	}
	s.finish(s.w.t("win.login.done", "name", login.Attempt.Holder.FullName()), s.w.t("win.login.done.text", "version", login.Attempt.Version))
}

// tryLogin leads to the test, nil where there is none.
func (w *Window) tryLogin() *button {
	if w.deps.Login.Try == nil {
		return nil
	}
	return newButton(primary, w.t("win.login"), func() { w.Go(newLogin) })
}
