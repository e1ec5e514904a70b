package gui

import (
	"context"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
)

// The pair screen makes this computer know a card.
type pairScreen struct{ codeStage }

func newPair(w *Window) screen {
	s := &pairScreen{newCodeStage(w)}
	s.forms = []*form{codeForm(w, w.t("win.pin"), w.t("win.pair.go"), whole, s.onPair,
		heading(w.t("win.pair")), paragraph(w.t("win.pair.text")), w.halves(), w.triesNow())}
	s.ask()
	return s
}

func (s *pairScreen) onPair() {
	code := s.take()
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
