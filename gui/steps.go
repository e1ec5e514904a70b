package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/doctor"
)

// A firstStep is a part of the way to the first login: done, or what to do.
type firstStep struct {
	title string
	done  bool
	what  func() fyne.CanvasObject // seen while it is the one to do
}

// newSteps is the way from nothing to a paired card, as far as it is gone. It
// follows what is there: plugging in a reader or laying down the card is enough.
func newSteps(w *Window, now state) fyne.CanvasObject {
	card, laid := now.card()
	other, wrong := now.laid()
	steps := []firstStep{
		{w.t("win.first.service"), now.err == nil, func() fyne.CanvasObject {
			return stacked(2*unit, w.trouble(now.err), beside(newButton(primary, w.t("win.first.service.go"), func() { w.Open("win.doctor") })))
		}},
		{w.t("win.first.reader"), len(now.readers) > 0 && !now.contactOnly(), func() fyne.CanvasObject {
			if now.contactOnly() {
				return stacked(2*unit, picture(artReader, 220, 120), w.trouble(doctor.ErrContactOnly), aside(now.readers[0].Reader.Name))
			}
			return stacked(2*unit, picture(artReader, 220, 120), paragraph(w.t("win.first.reader.text")), aside(w.t("win.first.reader.contact")))
		}},
		{w.t("win.first.card"), laid, func() fyne.CanvasObject {
			lay := stacked(2*unit, picture(artReader, 220, 120), paragraph(w.t("win.first.card.text")))
			switch {
			case wrong && other.Err != nil:
				lay.Add(w.trouble(other.Err))
			case wrong:
				lay.Add(w.trouble(cie.ErrForeign))
			}
			return lay
		}},
		{w.t("win.first.pair"), false, func() fyne.CanvasObject {
			return stacked(2*unit, paragraph(w.t("win.first.pair.text")),
				marked(iconCard, colorGood, aside(card.Reader.Name+" · "+card.Family)),
				beside(newButton(primary, w.t("win.pair.go"), func() { w.Go(newPair) })))
		}},
		{w.t("win.first.use"), false, nil},
	}
	list := stacked(1.5*unit, heading(w.t("win.welcome")), paragraph(w.t("win.welcome.text")))
	current := false
	for _, s := range steps {
		switch {
		case s.done && !current:
			list.Add(marked(iconCheck, colorGood, paragraph(s.title)))
		case !current:
			current = true
			list.Add(panel(stacked(2*unit, subheading(s.title), s.what()), theme.ColorNamePrimary))
		default:
			list.Add(marked(iconDot, colorLine, aside(s.title)))
		}
	}
	return list
}

// trouble says what is wrong and what to do. It ends by itself when the cause is gone.
func (w *Window) trouble(err error) fyne.CanvasObject {
	m := w.texts.Explain(err)
	return marked(iconWarning, colorCaution, stacked(unit, strong(m.What, theme.ColorNameForeground), paragraph(m.Next)))
}
