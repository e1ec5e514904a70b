package gui

import (
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/guide"
)

// The programs screen shows the commands for programs that are set up by hand.
type programsScreen struct{ *stage }

func newPrograms(w *Window) screen {
	s := &programsScreen{newStage(w)}
	s.look()
	return s
}

// Help of other programs is the guide on them.
func (s *programsScreen) Help() guide.Name { return guide.Programs }

// look reads the recipes, and which programs of theirs know the card already.
func (s *programsScreen) look() {
	w := s.w
	var recipes []browser.Recipe
	var installed []browser.Program
	s.during(w.t("win.programs"), w.t("win.browsers.looking"), func() error {
		r, err := w.deps.Browsers()
		recipes, installed = r.Recipes(), r.Programs()
		return err
	}, func() { s.draw(recipes, installed) }, s.look)
}

func (s *programsScreen) draw(recipes []browser.Recipe, installed []browser.Program) {
	w := s.w
	back := newBack(w)
	box := stacked(2*unit, beside(back), heading(w.t("win.programs")), paragraph(w.t("win.programs.text")))
	for _, r := range recipes {
		content := stacked(unit, subheading(r.Name))
		for _, p := range installed {
			if p.Recipe == r.Name {
				content.Add(w.standing(p.State))
			}
		}
		content.Add(commands(r.Commands))
		content.Add(beside(newCopy(w, "win.browsers.copy", func() string { return r.Commands })))
		box.Add(panel(content, colorLine))
	}
	s.show(box, back)
}
