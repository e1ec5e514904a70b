package gui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/pairing"
)

// The home screen shows the paired cards and what to do next; before the first
// one is paired, the way there.
type homeScreen struct {
	w   *Window
	box *fyne.Container
}

func newHome(w *Window) screen {
	w.lookAtBrowsers()
	return &homeScreen{w: w, box: stacked(2 * unit)}
}

// Content is filled by the state.
func (s *homeScreen) Content() fyne.CanvasObject { return s.box }

// Leave has nothing to end.
func (s *homeScreen) Leave() {}

// StateChanged shows the cards. The button that has the focus keeps it, if it is
// there again.
func (s *homeScreen) StateChanged(now state) {
	focus := ""
	eachButton(s.box, func(b *button) {
		if b.focused {
			focus = b.text
		}
	})
	s.draw(now)
	eachButton(s.box, func(b *button) {
		if focus != "" && b.text == focus {
			focus = ""
			s.w.win.Canvas().Focus(b)
		}
	})
}

func (s *homeScreen) draw(now state) {
	s.box.RemoveAll()
	switch {
	case s.w.counter != nil:
		s.serve(now)
	case !now.known:
		s.box.Add(aside(s.w.t("win.strip.looking")))
	case len(now.paired) == 0:
		s.box.Add(newSteps(s.w, now))
	default:
		s.cards(now)
	}
	if now.damaged != nil {
		m := s.w.texts.Explain(now.damaged)
		s.box.Add(note(iconWarning, colorCaution, m.What+" "+m.Next))
	}
	if line := s.w.newerVersion(); line != nil && s.w.counter == nil {
		s.box.Add(line)
	}
	s.w.announce()
}

// cards shows each paired card, and offers to pair one that is not.
func (s *homeScreen) cards(now state) {
	w := s.w
	s.box.Add(heading(w.t("win.cards", "n", len(now.paired))))
	for _, r := range now.paired {
		s.box.Add(s.card(r, now))
	}
	for _, c := range now.readers {
		if c.CIE && c.Record == nil {
			pair := newButton(primary, w.t("win.pair.go"), func() { w.Go(newPair) })
			s.box.Add(panel(stacked(2*unit, marked(iconCard, theme.ColorNamePrimary, paragraph(w.t("win.new-card", "reader", c.Reader.Name))), beside(pair)), theme.ColorNamePrimary))
		}
	}
	if len(w.browsers) > 0 {
		s.next(w.browserLine())
	}
	if try := w.tryLogin(); try != nil {
		s.next(beside(try))
	}
	if len(now.paired) > 1 {
		s.box.Add(beside(newButton(quiet, w.t("win.unpair.all"), func() { w.Go(newUnpair(now.paired...)) })))
	}
}

// next adds something to do, whose main button is not that where another comes first.
func (s *homeScreen) next(o fyne.CanvasObject) {
	first := true
	eachButton(s.box, func(b *button) { first = first && b.weight != primary })
	eachButton(o, func(b *button) {
		if !first && b.weight == primary {
			b.weight = plain
		}
	})
	s.box.Add(o)
}

// card shows one card: whose, until when, and what can be done with it.
func (s *homeScreen) card(r pairing.Record, now state) fyne.CanvasObject {
	w, h := s.w, holderOf(r)
	content := stacked(unit,
		subheading(h.FullName()),
		aside(h.DocumentNumber+" · "+w.t("cli.expires", "date", w.date(h.Expires))+" · "+r.Family),
	)
	if r.Genuine == "test" {
		content.Add(marked(iconInfo, theme.ColorNamePrimary, paragraph(w.t("note.test"))))
	}
	edge := colorLine
	if w.lies(r, now) {
		edge = colorGood
		content.Add(marked(iconCheck, colorGood, paragraph(w.t("win.ready"))))
	} else {
		content.Add(marked(iconReader, colorQuiet, aside(w.t("win.absent"))))
	}
	content.Add(s.triesOf(r))
	switch until := time.Until(h.Expires); {
	case until < 0:
		content.Add(marked(iconWarning, colorDanger, paragraph(w.t("cli.expired"))))
	case until < soon:
		content.Add(marked(iconWarning, colorCaution, paragraph(w.t("win.expires-soon"))))
	}
	actions := beside()
	if r.Tries == 0 {
		actions.Add(newButton(primary, w.t("win.unblock"), func() { w.Go(newUnblock) }))
	} else {
		actions.Add(newButton(plain, w.t("win.change"), func() { w.Go(newChange) }))
	}
	actions.Add(newButton(quiet, w.t("win.details.go"), func() { w.Go(newDetails(r)) }))
	actions.Add(newButton(quiet, w.t("win.unpair.go"), func() { w.Go(newUnpair(r)) }))
	content.Add(actions)
	return panel(content, edge)
}

// triesOf shows the tries of a paired card when they were last seen.
func (s *homeScreen) triesOf(r pairing.Record) fyne.CanvasObject {
	text := s.w.tries("pin", r.Tries)
	switch {
	case r.Tries == 0:
		return marked(iconCross, colorDanger, strong(text, colorDanger))
	case r.Tries > 0 && r.Tries < 3:
		return marked(iconWarning, colorCaution, strong(text, colorCaution))
	}
	return marked(iconKey, colorQuiet, aside(text))
}

// soon is how long before the end of a card its holder is told.
const soon = 90 * 24 * time.Hour

// lies says whether a paired card lies on a reader.
func (w *Window) lies(r pairing.Record, now state) bool {
	for _, c := range now.readers {
		if c.CIE && c.PAN == r.PAN {
			return true
		}
	}
	return false
}

// date is a day as it is written in the language.
func (w *Window) date(t time.Time) string { return w.texts.Date(t) }
