package gui

import (
	"context"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// The change screen asks for the PIN as it is, then for the new one, twice.
type changeScreen struct {
	*stage
	current, next *form
	code          *secret.Buffer // the PIN as it is, while the new one is typed
}

func newChange(w *Window) screen {
	s := &changeScreen{stage: newStage(w)}
	s.current = codeForm(w, w.t("win.change.current"), w.t("win.go-on"), wholeOrHalf, s.onCurrent,
		heading(w.t("win.change")), paragraph(w.t("win.change.text")), w.halves(), w.triesNow())
	s.next = newPINForm(w, w.t("win.change.go"), func() *secret.Buffer { return s.code }, s.onNew, heading(w.t("win.new-pin.title")))
	s.ask()
	return s
}

// Content is the stage.
func (s *changeScreen) Content() fyne.CanvasObject { return s.box }

// Leave clears the fields.
func (s *changeScreen) Leave() {
	s.current.clear()
	s.next.clear()
	s.code.Wipe()
	s.stage.Leave()
}

func (s *changeScreen) ask() { s.show(s.current.box, s.current.first()) }

func (s *changeScreen) onCurrent() {
	s.code = s.current.inputs[0].field.take()
	s.show(s.next.box, s.next.first())
}

func (s *changeScreen) onNew(next *secret.Buffer) {
	current := s.code
	s.start(task{
		title: s.w.t("win.change"),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify, cie.StepChange},
		codes: []*secret.Buffer{current, next},
		do: func(ctx context.Context, target cie.Target) error {
			_, err := s.w.deps.Holder.ChangePIN(ctx, target, current, next)
			return err
		},
		done: func() {
			s.finish(s.w.t("cli.pin-changed"), s.w.t("note.keep-codes"), s.w.t("note.pair-again"))
		},
		again: s.ask,
	})
}
