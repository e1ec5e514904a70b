package gui

import (
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/guide"
)

// The browsers screen shows every program that can use the card, and connects
// them: one, all, or as it was before.
type browsersScreen struct{ *stage }

func newBrowsers(w *Window) screen {
	s := &browsersScreen{newStage(w)}
	s.look(nil)
	return s
}

// Help of the browsers is what pairing is for.
func (s *browsersScreen) Help() guide.Name { return guide.Pairing }

// look shows how things stand, below what was just done.
func (s *browsersScreen) look(said []fyne.CanvasObject) {
	w := s.w
	var found inventory
	s.during(w.t("win.browsers"), w.t("win.browsers.looking"), func() error {
		r, err := w.deps.Browsers()
		if err != nil {
			return err
		}
		found = inventory{r.Places(), r.Machine.CanUndo(), len(r.Recipes()) > 0, r.Missing}
		return nil
	}, func() {
		w.browsers = standings(found.places)
		s.draw(found, said)
	}, func() { s.look(nil) })
}

// An inventory is how things stand.
type inventory struct {
	places  []browser.Place
	undo    bool  // there is a change to take back
	recipes bool  // there are some for other programs
	lacks   error // why nothing can be connected; nil: it can
}

// A plan is what to do in some places.
type plan = func(browser.Registrar, []browser.Place) ([]browser.Change, error)

// change carries a plan out in the places that are meant.
func (s *browsersScreen) change(meant func(browser.Place) bool, carry plan) {
	s.act(func(r browser.Registrar, places []browser.Place) ([]browser.Change, error) {
		return r.Change(slices.DeleteFunc(slices.Clone(places), func(p browser.Place) bool { return !meant(p) }), carry)
	})
}

// act does something to the places and says what came of it.
func (s *browsersScreen) act(do plan) {
	w := s.w
	var places []browser.Place
	var changes []browser.Change
	s.during(w.t("win.browsers"), w.t("win.browsers.working"), func() error {
		r, err := w.deps.Browsers()
		if err != nil {
			return err
		}
		places = r.Places()
		changes, err = do(r, places)
		return err
	}, func() { s.look(w.changed(places, changes)) }, func() { s.look(nil) })
}

// changed says what was changed, and who must be started again to see it.
func (w *Window) changed(places []browser.Place, changes []browser.Change) []fyne.CanvasObject {
	if len(changes) == 0 {
		return []fyne.CanvasObject{note(iconInfo, colorQuiet, w.t("browser.no-change"))}
	}
	said := []fyne.CanvasObject{note(iconCheck, colorGood, w.t("win.browsers.changed", "n", len(changes)))}
	for _, p := range browser.Running(places, changes) {
		said = append(said, note(iconWarning, colorCaution, w.t("browser.restart", "name", p.Product)))
	}
	return said
}

// draw shows the places: first those of the person, then those of the computer.
func (s *browsersScreen) draw(found inventory, said []fyne.CanvasObject) {
	w := s.w
	box := stacked(2*unit, heading(w.t("win.browsers")), paragraph(w.t("win.browsers.text")))
	if found.lacks != nil {
		box.Add(w.trouble(found.lacks))
	}
	for _, o := range said {
		box.Add(o)
	}
	actions := beside()
	if found.lacks == nil && slices.ContainsFunc(found.places, func(p browser.Place) bool { return !p.System && missing(p) }) {
		actions.Add(newButton(primary, w.t("win.browsers.all"), func() {
			s.change(func(p browser.Place) bool { return !p.System }, browser.Registrar.PlanAdd)
		}))
	}
	if found.undo {
		actions.Add(newButton(quiet, w.t("win.browsers.undo"), func() {
			s.act(func(r browser.Registrar, _ []browser.Place) ([]browser.Change, error) { return r.Machine.Undo() })
		}))
	}
	actions.Add(newButton(quiet, w.t("win.look-again"), func() { s.look(nil) }))
	box.Add(actions)
	common := stacked(2*unit, subheading(w.t("win.browsers.system")), aside(w.t("win.browsers.system.text")))
	for _, p := range found.places {
		if p.System {
			common.Add(s.place(p, false))
		} else {
			box.Add(s.place(p, found.lacks == nil))
		}
	}
	if len(found.places) == 0 {
		box.Add(note(iconInfo, colorQuiet, w.t("browser.none")))
	}
	if len(common.Objects) > 2 {
		box.Add(common)
	}
	if found.recipes {
		box.Add(stacked(unit, subheading(w.t("win.programs")), aside(w.t("win.programs.more")),
			beside(newButton(plain, w.t("win.programs.go"), func() { w.Go(newPrograms) }))))
	}
	s.show(box, actions.Objects[0].(*button))
}

// missing says whether a place can be connected, and is not as it should be.
func missing(p browser.Place) bool {
	return p.State == browser.Absent || p.State == browser.Other || p.State == browser.Broken
}

// place shows one of them, and what can be done there.
func (s *browsersScreen) place(p browser.Place, connectable bool) fyne.CanvasObject {
	w := s.w
	title := []string{p.Product}
	for _, word := range []string{p.Version, string(p.Packaging)} {
		if word != "" {
			title = append(title, word)
		}
	}
	content := stacked(unit, subheading(strings.Join(title, " · ")))
	if p.Profile != "" {
		content.Add(aside(w.t("win.browsers.profile", "name", p.Profile)))
	}
	content.Add(w.standing(p.State))
	for _, r := range p.Rivals {
		content.Add(marked(iconWarning, colorCaution, paragraph(w.t("browser.rival", "file", filepath.Base(r)))))
		content.Add(path(r))
	}
	if p.Running && missing(p) {
		content.Add(marked(iconWarning, colorCaution, paragraph(w.t("win.browsers.running"))))
	}
	if p.State == browser.Sandboxed {
		content.Add(paragraph(w.t("browser.sandboxed", "name", p.Product)))
	}
	for _, step := range p.Steps {
		content.Add(commands(step))
	}
	content.Add(path(p.File))
	only := func(other browser.Place) bool { return other.ID == p.ID }
	actions := beside()
	if missing(p) && connectable {
		actions.Add(newButton(plain, w.t("win.browsers.add"), func() { s.change(only, browser.Registrar.PlanAdd) }))
	}
	if p.Module != "" && !p.System {
		actions.Add(newButton(quiet, w.t("win.browsers.remove"), func() { s.change(only, browser.Registrar.PlanRemove) }))
	}
	if len(p.Steps) > 0 {
		actions.Add(newCopy(w, "win.browsers.copy", func() string { return strings.Join(p.Steps, "\n") }))
	}
	if len(actions.Objects) > 0 {
		content.Add(actions)
	}
	return panel(content, colorLine)
}

// standing says how the module stands in a place.
func (w *Window) standing(state browser.State) fyne.CanvasObject {
	text := paragraph(w.t("browser.state." + string(state)))
	switch state {
	case browser.Registered, browser.Indirect:
		return marked(iconCheck, colorGood, text)
	case browser.Absent:
		return marked(iconDot, colorQuiet, text)
	case browser.Sandboxed, browser.Other:
		return marked(iconWarning, colorCaution, text)
	}
	return marked(iconCross, colorDanger, text)
}

// A standing is how one browser stands to the card.
type standing struct {
	product string
	state   browser.State
}

// standings are those of the browsers of a person: of several profiles, that of the
// first which is not connected. What else reads p11-kit's list is no browser.
func standings(places []browser.Place) (all []standing) {
	for _, p := range places {
		if p.System || p.Kind == browser.P11Kit {
			continue
		}
		i := slices.IndexFunc(all, func(s standing) bool { return s.product == p.Product })
		switch {
		case i < 0:
			all = append(all, standing{p.Product, p.State})
		case connected(all[i].state):
			all[i].state = p.State
		}
	}
	return all
}

func connected(s browser.State) bool { return s == browser.Registered || s == browser.Indirect }

// lookAtBrowsers finds out how the browsers stand, beside the window's goroutine, and
// has what is seen follow.
func (w *Window) lookAtBrowsers() {
	go func() {
		r, err := w.deps.Browsers()
		if err != nil {
			return // their own screen says so
		}
		seen := standings(r.Places())
		w.deps.Do(func() {
			if !slices.Equal(seen, w.browsers) {
				w.browsers = seen
				w.tell()
			}
		})
	}()
}

// browserLine says which browsers are connected, and leads to those that are not: the
// next thing to do where none is.
func (w *Window) browserLine() fyne.CanvasObject {
	row, reached := beside(), 0
	for _, s := range w.browsers {
		icon, color, text := iconDot, colorQuiet, s.product+": "+w.t("browser.state."+string(s.state))
		if connected(s.state) {
			icon, color = iconCheck, colorGood
			reached++
		}
		row.Add(marked(icon, color, unbroken(text)))
	}
	if reached == len(w.browsers) {
		return row
	}
	connect := newButton(plain, w.t("win.browsers.connect"), func() { w.Open("win.browsers") })
	if reached == 0 {
		connect.weight = primary
	}
	return stacked(unit, row, beside(connect))
}
