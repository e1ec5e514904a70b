package gui

import (
	"context"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// The change screen asks for the PIN as it is, then for the new one, twice.
type changeScreen struct{ newPINStage }

func newChange(w *Window) screen {
	s := &changeScreen{newPINStage{codeStage: newCodeStage(w)}}
	s.forms = []*form{
		codeForm(w, w.t("win.change.current"), w.t("win.go-on"), wholeOrHalf, s.onCode,
			heading(w.t("win.change")), paragraph(w.t("win.change.text")), w.halves(), w.triesNow()),
		newPINForm(w, w.t("win.change.go"), func() *secret.Buffer { return s.code }, s.onNew, heading(w.t("win.new-pin.title"))),
	}
	s.ask()
	return s
}

func (s *changeScreen) onNew(next *secret.Buffer) {
	current := s.code
	s.start(task{
		title: s.w.t("win.change"),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify, cie.StepChange},
		codes: []*secret.Buffer{current, next},
		do: func(ctx context.Context, target cie.Target) error {
			_, err := s.w.holder().ChangePIN(ctx, target, current, next)
			return err
		},
		done:  func() { s.changed(s.w.t("cli.pin-changed")) },
		again: s.ask,
	})
}
