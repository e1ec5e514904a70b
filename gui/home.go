package gui

import (
	"time"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/pairing"
)

// The home screen shows the paired cards and what to do next.
type homeScreen struct {
	w   *Window
	box *fyne.Container
}

func newHome(w *Window) screen { return &homeScreen{w: w, box: stacked(3 * unit)} }

// Content is filled by the state.
func (s *homeScreen) Content() fyne.CanvasObject { return s.box }

// Leave has nothing to end.
func (s *homeScreen) Leave() {}

// StateChanged shows the cards.
func (s *homeScreen) StateChanged(now state) {
	s.box.RemoveAll()
	switch {
	case !now.known:
		s.box.Add(aside(s.w.t("win.strip.looking")))
	case len(now.paired) == 0:
		s.box.Add(s.welcome())
	default:
		s.cards(now)
	}
	s.w.mnemonics()
}

// welcome is seen before the first card is paired.
func (s *homeScreen) welcome() fyne.CanvasObject {
	return stacked(2*unit, heading(s.w.t("win.welcome")), paragraph(s.w.t("win.welcome.text")))
}

// cards shows each paired card.
func (s *homeScreen) cards(now state) {
	for _, r := range now.paired {
		s.box.Add(s.card(r, now))
	}
}

func (s *homeScreen) card(r pairing.Record, now state) fyne.CanvasObject {
	w := s.w
	holder := holderOf(r)
	content := stacked(unit,
		subheading(holder.FullName()),
		aside(holder.DocumentNumber+" · "+w.t("cli.expires", "date", date(holder.Expires))+" · "+r.Family),
		aside(w.tries("pin", r.Tries)),
	)
	if here, ok := now.card(); ok && here.PAN == r.PAN {
		content.Add(marked(iconCheck, colorGood, paragraph(w.t("win.ready"))))
	}
	return panel(content, colorLine)
}

// date is a day as it is written here.
func date(t time.Time) string { return t.Format("02/01/2006") }
