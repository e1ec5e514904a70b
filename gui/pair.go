package gui

import (
	"context"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
)

// The pair screen makes this computer know a card.
type pairScreen struct {
	*stage
	form *form
}

func newPair(w *Window) screen {
	s := &pairScreen{stage: newStage(w)}
	s.form = codeForm(w, w.t("win.pin"), w.t("win.pair.go"), whole, s.onPair,
		heading(w.t("win.pair")), paragraph(w.t("win.pair.text")), w.halves(), w.triesNow())
	s.ask()
	return s
}

// Content is the stage.
func (s *pairScreen) Content() fyne.CanvasObject { return s.box }

// Leave clears the field.
func (s *pairScreen) Leave() { s.form.clear(); s.stage.Leave() }

func (s *pairScreen) ask() { s.show(s.form.box, s.form.first()) }

func (s *pairScreen) onPair() {
	code := s.form.inputs[0].field.take()
	var record pairing.Record
	s.start(task{
		title: s.w.t("win.pair"),
		steps: []cie.Step{
			cie.StepConnect, cie.StepRead, cie.StepGenuine, cie.StepAuthenticate, cie.StepVerify,
			cie.StepCertificate, cie.StepSeal, cie.StepSave,
		},
		codes: []*secret.Buffer{code},
		do: func(ctx context.Context, target cie.Target) (err error) {
			record, err = s.w.deps.Holder.Pair(ctx, target, code)
			return err
		},
		done: func() {
			then := []string{s.w.t("win.pair.done.text")}
			if record.HasHalf() {
				then = append(then, s.w.t("win.pair.done.half"))
			}
			s.finish(s.w.t("win.pair.done", "name", holderOf(record).FullName()), then...)
		},
		again: s.ask,
	})
}
