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
	code *codeInput
	form fyne.CanvasObject
}

func newVerify(w *Window) screen {
	s := &verifyScreen{stage: newStage(w), code: newCodeInput(w, w.t("win.pin"))}
	check := newButton(primary, w.t("win.verify.go"), s.onVerify)
	check.enable(false)
	s.code.typed = func() { check.enable(s.code.field.n == codeLength || s.code.field.n == codeLength/2) }
	s.code.field.submit = func() { check.Tapped(nil) }
	s.form = stacked(3*unit,
		heading(w.t("win.verify")),
		paragraph(w.t("win.verify.text")),
		s.code.box,
		beside(check, newButton(quiet, w.t("win.cancel"), w.Back)),
	)
	s.ask()
	return s
}

// Content is the stage.
func (s *verifyScreen) Content() fyne.CanvasObject { return s.box }

// Leave clears the field.
func (s *verifyScreen) Leave() { s.code.field.clear(); s.stage.Leave() }

func (s *verifyScreen) ask() { s.show(s.form, s.code.field) }

func (s *verifyScreen) onVerify() {
	code := s.code.field.take()
	s.start(task{
		title: s.w.t("win.verify"),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify},
		codes: []*secret.Buffer{code},
		do: func(ctx context.Context, target cie.Target) error {
			_, err := s.w.deps.Holder.VerifyPIN(ctx, target, code)
			return err
		},
		done: func() {
			s.finish(s.w.t("cli.pin-right"), s.w.t("tries.unchanged"))
		},
		again: s.ask,
	})
}
