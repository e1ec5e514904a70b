package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/doctor"
	"github.com/softwarecie/cie/internal/guide"
)

// The doctor screen looks at all that must be in order, shows each finding as it
// comes, and makes a change that helps once it was seen.
type doctorScreen struct {
	*stage
	cancel context.CancelFunc // of the examination under way
	where  asker
}

func newDoctor(w *Window) screen {
	s := &doctorScreen{stage: newStage(w), where: w.askWhere}
	s.examine(nil)
	return s
}

// Help of the doctor is readers and cards that do not work.
func (s *doctorScreen) Help() guide.Name { return guide.Reader }

// Leave ends the examination.
func (s *doctorScreen) Leave() {
	s.cancel()
	s.stage.Leave()
}

// An examination is what is seen of one.
type examination struct {
	rows, end *fyne.Container
	ill       int // findings that are not in order
}

// examine looks at everything, below what was just done.
func (s *doctorScreen) examine(said []fyne.CanvasObject) {
	w := s.w
	if s.cancel != nil {
		s.cancel()
	}
	ctx, cancel := context.WithCancel(w.ctx)
	s.cancel = cancel
	e, texts := s.begin(said), w.texts
	go func() {
		r, err := w.deps.Browsers()
		if err != nil {
			w.deps.Do(func() { s.fails(ctx, err) })
			return
		}
		undo := r.Machine.CanUndo()
		w.work.Lock()
		defer w.work.Unlock()
		computer := doctor.Here(w.deps.Holder, r)
		var all []doctor.Finding
		for f := range computer.Examine(ctx) {
			all = append(all, f)
			w.deps.Do(func() { s.found(ctx, e, f) })
		}
		readers, _ := w.deps.Holder.Cards.Readers(ctx) // why there are none is among the findings
		report := computer.Report(w.deps.Version, readers, all, func(err error) string { return texts.Explain(err).Code })
		w.deps.Do(func() { s.ended(ctx, e, undo, report) })
	}()
}

// begin shows that it looks.
func (s *doctorScreen) begin(said []fyne.CanvasObject) *examination {
	w := s.w
	e := &examination{rows: stacked(2 * unit), end: stacked(2*unit, aside(w.t("win.doctor.looking")))}
	box := stacked(2*unit, heading(w.t("win.doctor")), paragraph(w.t("win.doctor.text")))
	for _, o := range said {
		box.Add(o)
	}
	box.Add(e.end)
	box.Add(e.rows)
	s.show(box, nil)
	return e
}

// found adds a finding.
func (s *doctorScreen) found(ctx context.Context, e *examination, f doctor.Finding) {
	if ctx.Err() != nil {
		return
	}
	if f.Ill() {
		e.ill++
	}
	e.rows.Add(s.finding(f))
	s.box.Refresh()
}

// ended says how it went, and what can be done now.
func (s *doctorScreen) ended(ctx context.Context, e *examination, undo bool, report doctor.Report) {
	if ctx.Err() != nil {
		return
	}
	w := s.w
	again := newButton(primary, w.t("win.look-again"), func() { s.examine(nil) })
	actions := beside(again)
	if undo {
		actions.Add(newButton(quiet, w.t("win.browsers.undo"), func() {
			s.change(func(m browser.Machine) ([]browser.Change, error) { return m.Undo() })
		}))
	}
	actions.Add(newButton(quiet, w.t("win.link"), s.measure))
	actions.Add(newButton(quiet, w.t("win.doctor.report"), func() { s.report(report) }))
	said := note(iconCheck, colorGood, w.t("win.doctor.well"))
	if e.ill > 0 {
		said = note(iconWarning, colorCaution, w.t("win.doctor.ill", "n", e.ill))
	} else if try := w.tryLogin(); try != nil { // the only thing left to look at
		try.weight = plain
		actions.Add(try)
	}
	e.end.Objects = []fyne.CanvasObject{said, actions}
	s.show(s.box.Objects[0], again)
}

// fails shows why nothing can be looked at.
func (s *doctorScreen) fails(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.show(newErrorView(s.w, err, func() { s.examine(nil) }))
	}
}

// finding shows one: what was looked at, what is wrong, what comes of it, what to do.
func (s *doctorScreen) finding(f doctor.Finding) fyne.CanvasObject {
	w := s.w
	title := w.t("doctor." + f.Check)
	if f.Err == nil {
		return marked(iconCheck, colorGood, described(paragraph(title), f.About))
	}
	m := w.texts.Explain(f.Err)
	content := described(strong(title, "foreground"), f.About)
	content.Add(paragraph(m.What))
	content.Add(paragraph(w.t("doctor.effect." + f.Check)))
	content.Add(paragraph(m.Next))
	content.Add(aside(m.Code))
	actions := beside()
	if len(f.Fix) > 0 {
		actions.Add(newButton(plain, w.t("win.doctor.fix"), func() { s.propose(f) }))
	}
	if n := explains(m.Key); n != "" {
		actions.Add(leadsTo(w, n))
	}
	if len(actions.Objects) > 0 {
		content.Add(actions)
	}
	if f.Hint() {
		return panel(marked(iconInfo, colorQuiet, content), colorLine)
	}
	return panel(marked(iconWarning, colorCaution, content), colorCaution)
}

// described is a title with what it is about, which may be the name of a file.
func described(title fyne.CanvasObject, about string) *fyne.Container {
	box := stacked(unit/2, title)
	if about != "" {
		box.Add(path(about))
	}
	return box
}

// propose shows exactly what a fix would change, before it is made.
func (s *doctorScreen) propose(f doctor.Finding) {
	w := s.w
	box := stacked(2*unit, heading(w.t("doctor."+f.Check)), paragraph(w.texts.Explain(f.Err).What), paragraph(w.t("win.doctor.fix.text")))
	for _, c := range f.Fix {
		lines := stacked(0, strong(w.t("win.doctor.fix.file"), "foreground"), path(c.File))
		for _, line := range c.Lines() {
			lines.Add(commands(line))
		}
		box.Add(panel(lines, colorLine))
	}
	first := newButton(primary, w.t("win.doctor.fix.go"), func() {
		s.change(func(m browser.Machine) ([]browser.Change, error) { return m.Apply(f.Fix) })
	})
	box.Add(beside(first, newButton(quiet, w.t("win.cancel"), func() { s.examine(nil) })))
	s.show(box, first)
}

// report shows a report, and saves it where a person says.
func (s *doctorScreen) report(r doctor.Report) {
	w := s.w
	lines := stacked(0)
	for line := range strings.Lines(r.Text()) {
		lines.Add(commands(strings.TrimRight(line, "\n")))
	}
	save := newButton(primary, w.t("win.doctor.report.save"), func() {
		s.where.save("cie-report.zip", r.Zip, func(chosen bool, err error) { s.saved(r, chosen, err) })
	})
	s.show(stacked(2*unit, heading(w.t("win.doctor.report")), paragraph(w.t("win.doctor.report.text")),
		beside(save, newButton(quiet, w.t("win.cancel"), func() { s.examine(nil) })), panel(lines, colorLine),
	), save)
}

// saved says what came of it; nothing where a person has changed their mind.
func (s *doctorScreen) saved(r doctor.Report, chosen bool, err error) {
	switch {
	case err != nil:
		s.show(newErrorView(s.w, err, func() { s.report(r) }))
	case chosen:
		s.examine([]fyne.CanvasObject{note(iconCheck, colorGood, s.w.t("win.details.saved"))})
	}
}

// change makes changes, or takes them back, and looks again.
func (s *doctorScreen) change(do func(browser.Machine) ([]browser.Change, error)) {
	w := s.w
	var places []browser.Place
	var changes []browser.Change
	s.during(w.t("win.doctor"), w.t("win.browsers.working"), func() error {
		r, err := w.deps.Browsers()
		if err != nil {
			return err
		}
		places = r.Places()
		changes, err = do(r.Machine)
		return err
	}, func() { s.examine(w.changed(places, changes)) }, func() { s.examine(nil) })
}
