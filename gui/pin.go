package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/softwarecie/cie/internal/cie"
)

// The PIN screen offers what can be done with the PIN.
type pinScreen struct{ *stage }

func newPIN(w *Window) screen {
	s := &pinScreen{stage: newStage(w)}
	s.ask()
	return s
}

func (s *pinScreen) ask() {
	w := s.w
	offer := func(title, text string, open func()) fyne.CanvasObject {
		return panel(container.New(&trailing{gap: 2 * unit}, paragraph(w.t(text)), newButton(plain, w.t(title), open)), colorLine)
	}
	s.show(stacked(2*unit,
		heading(w.t("win.pin")),
		offer("win.change", "win.pin.change.text", func() { w.Go(newChange) }),
		offer("win.unblock", "win.pin.unblock.text", func() { w.Go(newUnblock) }),
		offer("win.verify", "win.verify.text", func() { w.Go(newVerify) }),
		offer("win.tries", "win.tries.text", s.onTries),
	), nil)
}

// onTries reads the tries left of both codes, which costs none.
func (s *pinScreen) onTries() {
	var left cie.Tries
	s.start(task{
		title: s.w.t("win.tries"),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate},
		do: func(ctx context.Context, target cie.Target) (err error) {
			left, err = s.w.holder().Tries(ctx, target)
			return err
		},
		done: func() {
			s.finish(s.w.tries("pin", left.PIN), s.w.tries("puk", left.PUK), s.w.t("tries.unchanged"))
		},
		again: s.ask,
	})
}
