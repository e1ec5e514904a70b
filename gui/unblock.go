package gui

import (
	"context"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// The unblock screen says what the PUK is worth, asks for it, then for a new PIN.
type unblockScreen struct{ newPINStage }

func newUnblock(w *Window) screen {
	s := &unblockScreen{newPINStage{codeStage: newCodeStage(w)}}
	s.forms = []*form{
		codeForm(w, w.t("win.puk"), w.t("win.go-on"), whole, s.onCode,
			heading(w.t("win.unblock")), note(iconWarning, colorCaution, w.t("note.puk-limit")), paragraph(w.t("win.unblock.text")), w.halves()),
		newPINForm(w, w.t("win.unblock.go"), func() *secret.Buffer { return nil }, s.onNew, heading(w.t("win.new-pin.title"))),
	}
	s.ask()
	return s
}

func (s *unblockScreen) onNew(next *secret.Buffer) {
	puk := s.code
	s.start(task{
		title: s.w.t("win.unblock"),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify, cie.StepUnblock},
		codes: []*secret.Buffer{puk, next},
		do: func(ctx context.Context, target cie.Target) error {
			_, err := s.w.holder().UnblockPIN(ctx, target, puk, next)
			return err
		},
		done:  func() { s.changed(s.w.t("win.unblock.done")) },
		again: s.ask,
	})
}
