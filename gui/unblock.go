package gui

import (
	"context"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// The unblock screen says what the PUK is worth, asks for it, then for a new PIN.
type unblockScreen struct {
	*stage
	puk, next *form
	code      *secret.Buffer // the PUK, while the new PIN is typed
}

func newUnblock(w *Window) screen {
	s := &unblockScreen{stage: newStage(w)}
	s.puk = codeForm(w, w.t("win.puk"), w.t("win.go-on"), whole, s.onPUK,
		heading(w.t("win.unblock")), note(iconWarning, colorCaution, w.t("note.puk-limit")), paragraph(w.t("win.unblock.text")), w.halves())
	s.next = newPINForm(w, w.t("win.unblock.go"), func() *secret.Buffer { return nil }, s.onNew, heading(w.t("win.new-pin.title")))
	s.ask()
	return s
}

// Content is the stage.
func (s *unblockScreen) Content() fyne.CanvasObject { return s.box }

// Leave clears the fields.
func (s *unblockScreen) Leave() {
	s.puk.clear()
	s.next.clear()
	s.code.Wipe()
	s.stage.Leave()
}

func (s *unblockScreen) ask() { s.show(s.puk.box, s.puk.first()) }

func (s *unblockScreen) onPUK() {
	s.code = s.puk.inputs[0].field.take()
	s.show(s.next.box, s.next.first())
}

func (s *unblockScreen) onNew(next *secret.Buffer) {
	puk := s.code
	s.start(task{
		title: s.w.t("win.unblock"),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify, cie.StepUnblock},
		codes: []*secret.Buffer{puk, next},
		do: func(ctx context.Context, target cie.Target) error {
			_, err := s.w.deps.Holder.UnblockPIN(ctx, target, puk, next)
			return err
		},
		done: func() {
			s.finish(s.w.t("win.unblock.done"), s.w.t("note.keep-codes"), s.w.t("note.pair-again"))
		},
		again: s.ask,
	})
}
