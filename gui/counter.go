package gui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/guide"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
)

// A counter is the mode for those who serve one card after another. Cards are used
// with the whole PIN and none is remembered; when one is taken away, so is what was
// seen of it. A line for each operation stays until the mode ends, without names.
type counter struct {
	lines  []string   // the newest first
	card   cie.Target // the one that is served, if one is
	copied string     // on the clipboard
}

// mostLines is how many operations are shown.
const mostLines = 12

// Serve begins or ends the mode. What is paired is put aside, not forgotten.
func (w *Window) Serve(on bool) {
	holder := w.deps.Holder
	w.clearClipboard()
	w.counter = nil
	if on {
		w.counter = &counter{}
		alone := *holder
		alone.Pairings = nil
		holder = &alone
	}
	w.serving.Store(holder)
	w.state = state{}
	w.Open(home)
	w.urge()
}

// holder is the one that works with the card: in counter mode it remembers nothing.
func (w *Window) holder() *cie.Holder { return w.serving.Load() }

// served writes the line for an operation.
func (w *Window) served(what, came string) {
	if c := w.counter; c != nil {
		c.lines = append([]string{time.Now().Format(time.TimeOnly) + " · " + what + " · " + came}, c.lines...)
		c.lines = c.lines[:min(len(c.lines), mostLines)]
	}
}

// leaveCard leaves the screens of a card that was taken away, and takes from the
// clipboard what was copied of it.
func (w *Window) leaveCard(now state) {
	c := w.counter
	if c == nil || w.running != nil {
		return
	}
	before := c.card
	if meant(before) && now.has(before) {
		return
	}
	card, _ := now.card()
	c.card.PAN = card.PAN
	if !meant(before) {
		return
	}
	w.clearClipboard()
	if w.place != "win.guides" && w.place != "win.settings" {
		w.Open(home)
	}
}

// clearClipboard takes away what was copied at the counter, if it is still there.
func (w *Window) clearClipboard() {
	if c := w.counter; c != nil && c.copied != "" {
		if w.app.Clipboard().Content() == c.copied {
			w.app.Clipboard().SetContent("")
		}
		c.copied = ""
	}
}

// newCounterBar says which mode this is, and ends it.
func newCounterBar(w *Window) fyne.CanvasObject {
	text := marked(iconInfo, theme.ColorNameForeground, strong(w.t("win.counter.bar"), theme.ColorNameForeground))
	end := newButton(plain, w.t("win.counter.end"), func() { w.Serve(false) })
	row := container.New(&trailing{gap: 2 * unit}, text, end)
	edge := canvas.NewRectangle(themed(colorCaution))
	edge.SetMinSize(fyne.NewSize(1, unit/2))
	ground := canvas.NewRectangle(themed(theme.ColorNamePressed))
	return container.NewStack(ground, stacked(0, edge, container.New(inset{2 * unit, unit}, row)))
}

// serve shows what can be done with the card on the reader, or asks for the next.
func (s *homeScreen) serve(now state) {
	w := s.w
	if card, here := now.card(); here {
		s.box.Add(heading(w.t("win.counter.card")))
		s.box.Add(panel(stacked(2*unit,
			marked(iconCard, colorGood, paragraph(card.Reader.Name+" · "+card.Family)),
			beside(
				newButton(plain, w.t("win.check"), func() { w.Go(newCheck) }),
				newButton(plain, w.t("win.details.go"), func() { w.Go(newRead) }),
				newButton(plain, w.t("win.verify"), func() { w.Go(newVerify) }),
				newButton(plain, w.t("win.change"), func() { w.Go(newChange) }),
				newButton(plain, w.t("win.unblock"), func() { w.Go(newUnblock) }),
			),
		), colorGood))
	} else {
		s.box.Add(heading(w.t("win.counter.next")))
		s.box.Add(picture(artReader, 220, 120))
		if now.known && (now.err != nil || len(now.readers) == 0) {
			_, _, text := w.summary(now)
			s.box.Add(note(iconWarning, colorCaution, text))
		} else {
			s.box.Add(paragraph(w.t("win.first.card.text")))
		}
	}
	lines := stacked(unit/2, line(), subheading(w.t("win.counter.lines")))
	for _, l := range w.counter.lines {
		lines.Add(aside(l))
	}
	if len(w.counter.lines) == 0 {
		lines.Add(aside(w.t("win.counter.none")))
	}
	s.box.Add(lines)
}

// The check screen finds out whether a card is genuine, without a code.
type checkScreen struct{ *stage }

func newCheck(w *Window) screen {
	s := &checkScreen{newStage(w)}
	s.ask()
	return s
}

// Help of the check is the guide on the card.
func (s *checkScreen) Help() guide.Name { return guide.Card }

func (s *checkScreen) ask() {
	w := s.w
	s.show(stacked(3*unit, heading(w.t("win.check")), paragraph(w.t("win.check.text")),
		beside(newButton(primary, w.t("win.check"), s.onCheck), newButton(quiet, w.t("win.cancel"), w.Back))), nil)
}

func (s *checkScreen) onCheck() {
	var found cie.Check
	s.start(task{
		title: s.w.t("win.check"),
		steps: []cie.Step{cie.StepConnect, cie.StepRead, cie.StepGenuine},
		do: func(ctx context.Context, target cie.Target) (err error) {
			found, err = s.w.holder().CheckCard(ctx, target)
			return err
		},
		done: func() {
			icon, color := judged(found.Genuine)
			home := newButton(primary, s.w.t("win.done"), s.w.Back)
			s.show(stacked(3*unit, titled(icon, color, s.w.t("genuine."+string(found.Genuine))), beside(home)), home)
		},
		again: s.ask,
	})
}

// The read screen reads the details of a card that is not remembered.
type readScreen struct{ codeStage }

func newRead(w *Window) screen {
	s := &readScreen{newCodeStage(w)}
	s.forms = []*form{codeForm(w, w.t("win.pin"), w.t("win.counter.read.go"), whole, s.onRead,
		heading(w.t("win.counter.read")), paragraph(w.t("win.counter.read.text")), w.triesNow())}
	s.ask()
	return s
}

// Help of reading is the guide on the card.
func (s *readScreen) Help() guide.Name { return guide.Card }

func (s *readScreen) onRead() {
	w, code := s.w, s.take()
	var record pairing.Record
	s.start(task{
		title: w.t("win.counter.read"),
		steps: []cie.Step{
			cie.StepConnect, cie.StepRead, cie.StepGenuine, cie.StepAuthenticate, cie.StepVerify, cie.StepCertificate,
		},
		codes: []*secret.Buffer{code},
		do: func(ctx context.Context, target cie.Target) (err error) {
			record, err = w.holder().Pair(ctx, target, code)
			return err
		},
		done: func() {
			w.Back()
			w.Go(newDetails(record))
		},
		again: s.ask,
	})
}
