package gui

import (
	"context"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// The verify screen finds out whether a PIN is right, and does nothing else.
type verifyScreen struct{ codeStage }

func newVerify(w *Window) screen {
	s := &verifyScreen{newCodeStage(w)}
	s.forms = []*form{codeForm(w, w.t("win.pin"), w.t("win.verify.go"), wholeOrHalf, s.onVerify,
		heading(w.t("win.verify")), paragraph(w.t("win.verify.text")), w.triesNow())}
	s.ask()
	return s
}

func (s *verifyScreen) onVerify() {
	code := s.take()
	s.start(task{
		title: s.w.t("win.verify"),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify},
		codes: []*secret.Buffer{code},
		do: func(ctx context.Context, target cie.Target) error {
			_, err := s.w.holder().VerifyPIN(ctx, target, code)
			return err
		},
		done:  func() { s.finish(s.w.t("cli.pin-right"), s.w.t("tries.unchanged")) },
		again: s.ask,
	})
}
