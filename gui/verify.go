package gui

import (
	"context"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// The verify screen finds out whether a PIN is right, and does nothing else.
type verifyScreen struct {
	*stage
	form *form
}

func newVerify(w *Window) screen {
	s := &verifyScreen{stage: newStage(w)}
	s.form = codeForm(w, w.t("win.pin"), w.t("win.verify.go"), wholeOrHalf, s.onVerify,
		heading(w.t("win.verify")), paragraph(w.t("win.verify.text")), w.triesNow())
	s.ask()
	return s
}

// Content is the stage.
func (s *verifyScreen) Content() fyne.CanvasObject { return s.box }

// Leave clears the field.
func (s *verifyScreen) Leave() { s.form.clear(); s.stage.Leave() }

func (s *verifyScreen) ask() { s.show(s.form.box, s.form.first()) }

func (s *verifyScreen) onVerify() {
	code := s.form.inputs[0].field.take()
	s.start(task{
		title: s.w.t("win.verify"),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify},
		codes: []*secret.Buffer{code},
		do: func(ctx context.Context, target cie.Target) error {
			_, err := s.w.deps.Holder.VerifyPIN(ctx, target, code)
			return err
		},
		done:  func() { s.finish(s.w.t("cli.pin-right"), s.w.t("tries.unchanged")) },
		again: s.ask,
	})
}
