package gui

import (
	"errors"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/doctor"
)

// The strip is above every screen: reader, card, whose, tries if known.
type strip struct {
	w    *Window
	icon *canvas.Image
	text *widget.RichText
	box  *fyne.Container
	bars *fyne.Container // above it, of the modes
	last string
}

func newStrip(w *Window) *strip {
	s := &strip{w: w, icon: drawn(iconReader, colorQuiet), text: written("", theme.SizeNameText, theme.ColorNameForeground, fyne.TextStyle{})}
	row := container.New(leading{unit, theme.SizeNameText}, s.icon, flush(s.text))
	s.box = stacked(0, container.New(inset{2 * unit, 1.25 * unit}, row), line())
	s.bars = stacked(0)
	if w.deps.Demo != nil {
		s.bars.Add(newDemoBar(w))
	}
	if w.counter != nil {
		s.bars.Add(newCounterBar(w))
	}
	return s
}

func (s *strip) content() fyne.CanvasObject {
	return container.NewStack(canvas.NewRectangle(themed(colorSurface)), s.box)
}

// show tells a state, and draws nothing when that is the same as before.
func (s *strip) show(now state) {
	icon, color, text := s.w.summary(now)
	if said := icon + string(color) + text; said != s.last {
		s.last = said
		s.icon.Resource = glyph{icon, color}
		s.icon.Refresh()
		s.text.Segments[0].(*widget.TextSegment).Text = text
		s.text.Refresh()
		if at := s.box.Size(); heightAt(s.box, at.Width) != at.Height { // it takes another number of lines
			s.w.win.Content().Refresh()
		}
	}
}

// summary says a state in one line.
func (w *Window) summary(s state) (icon string, color fyne.ThemeColorName, text string) {
	card, found := s.card()
	other, laid := s.laid()
	switch {
	case !s.known:
		return iconReader, colorQuiet, w.t("win.strip.looking")
	case s.err != nil:
		return iconWarning, colorCaution, w.texts.Explain(s.err).What
	case len(s.readers) == 0:
		return iconReader, colorCaution, w.texts.Explain(cie.ErrNoReader).What
	case s.contactOnly():
		return iconWarning, colorCaution, s.readers[0].Reader.Name + " · " + w.texts.Explain(doctor.ErrContactOnly).What
	case found:
		return iconCard, colorGood, strings.Join(w.cardLine(card), " · ")
	case laid && other.Err != nil:
		return iconWarning, colorCaution, other.Reader.Name + " · " + w.texts.Explain(other.Err).What
	case laid:
		return iconWarning, colorCaution, other.Reader.Name + " · " + w.texts.Explain(cie.ErrForeign).What
	}
	return iconReader, colorQuiet, s.readers[0].Reader.Name + " · " + w.t("win.strip.lay")
}

// cardLine are the parts of what is said of a card: its reader, whose it is, tries.
func (w *Window) cardLine(c cie.Status) []string {
	switch {
	case w.counter != nil:
		return []string{c.Reader.Name, w.t("win.counter.card")}
	case c.Record == nil:
		return []string{c.Reader.Name, w.t("win.strip.unpaired")}
	}
	parts := []string{c.Reader.Name, w.t("win.strip.of", "name", shortName(holderOf(*c.Record).Name, holderOf(*c.Record).Surname))}
	if c.Record.Tries >= 0 {
		parts = append(parts, w.tries("pin", c.Record.Tries))
	}
	return parts
}

// tries is a number of tries in words; -1 is unknown.
func (w *Window) tries(code string, n int) string {
	switch {
	case n < 0:
		return w.t(code + ".tries-unknown")
	case n == 0:
		return w.t(code + ".blocked")
	}
	return w.t(code+".tries", "n", n)
}

// shortName is enough of a name to know a card by, when others may look on.
func shortName(name, surname string) string {
	if initial := []rune(surname); len(initial) > 0 {
		return name + " " + string(initial[0]) + "."
	}
	return name
}

// waitsForCard says whether an error ends by itself when the card comes back.
func (w *Window) waitsForCard(err error) bool {
	var sent *cie.SentError
	if errors.As(err, &sent) {
		return false
	}
	switch w.texts.Explain(err).Key {
	case "no-card", "card-removed", "no-reader":
		return w.texts.Explain(err).Tries == w.t("tries.unchanged")
	}
	return false
}
