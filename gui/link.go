package gui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/doctor"
)

// askEvery is how often the card is asked while it is moved.
const askEvery = 300 * time.Millisecond

// measure shows how well the card answers, again and again, until the page is left or
// another look is wanted. While an operation has the card it waits.
func (s *doctorScreen) measure() {
	w := s.w
	s.cancel()
	ctx, cancel := context.WithCancel(w.ctx)
	s.cancel = cancel
	seen := stacked(unit, aside(w.t("win.strip.looking")))
	end := newButton(primary, w.t("win.done"), func() { s.examine(nil) })
	s.show(stacked(3*unit, heading(w.t("win.link")), paragraph(w.t("win.link.text")), panel(seen, colorLine), beside(end)), end)
	go func() {
		meter := doctor.Meter{Holder: w.deps.Holder}
		for ctx.Err() == nil {
			if w.work.TryLock() {
				contact, err := meter.Ask(ctx)
				w.work.Unlock()
				w.deps.Do(func() { w.showContact(ctx, seen, contact, err) })
			}
			select {
			case <-ctx.Done():
			case <-time.After(askEvery):
			}
		}
	}()
}

// showContact says in words, and with a mark for each of the last answers, how the
// card answers.
func (w *Window) showContact(ctx context.Context, seen *fyne.Container, c doctor.Contact, err error) {
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil:
		seen.Objects = []fyne.CanvasObject{note(iconDot, colorQuiet, w.texts.Explain(err).What)}
	default:
		icon, color, word := iconWarning, colorCaution, "win.link.weak"
		if c.Good() {
			icon, color, word = iconCheck, colorGood, "win.link.good"
		}
		marks := beside()
		for i := range c.Asked {
			if i < c.Answered {
				marks.Add(drawn(iconCheck, colorGood))
			} else {
				marks.Add(drawn(iconCross, colorDanger))
			}
		}
		seen.Objects = []fyne.CanvasObject{
			marked(icon, color, strong(w.t(word), "foreground")), marks,
			aside(w.t("win.link.count", "answered", c.Answered, "asked", c.Asked, "ms", int(c.Typical.Milliseconds()))),
		}
	}
	seen.Refresh()
}
