package gui

import (
	"context"
	"strings"

	"github.com/softwarecie/cie/internal/browser"
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
	var offer []browser.Place
	s.start(task{
		title: s.w.t("win.pair"),
		steps: []cie.Step{
			cie.StepConnect, cie.StepRead, cie.StepGenuine, cie.StepAuthenticate, cie.StepVerify,
			cie.StepCertificate, cie.StepSeal, cie.StepSave,
		},
		codes: []*secret.Buffer{code},
		do: func(ctx context.Context, target cie.Target) (err error) {
			if s.w.deps.Holder.Pairings == nil {
				return pairing.ErrNoHome // nothing could be remembered
			}
			record, err = s.w.holder().Pair(ctx, target, code)
			offer = s.w.unconnected()
			return err
		},
		done:  func() { s.paired(record, offer) },
		again: s.ask,
	})
}

// unconnected are the places in which the browsers do not know the card yet. Why
// they cannot be told is for their own screen.
func (w *Window) unconnected() []browser.Place {
	r, err := w.deps.Browsers()
	if err != nil {
		return nil
	}
	places, _, _ := r.Offer()
	return places
}

// paired says that it worked, and offers the next step: to connect the browsers.
func (s *pairScreen) paired(record pairing.Record, offer []browser.Place) {
	w := s.w
	more := stacked(2 * unit)
	if record.HasHalf() {
		more.Add(paragraph(w.t("win.pair.done.half")))
	}
	next := w.tryLogin()
	if len(offer) > 0 {
		more.Add(paragraph(w.t("win.pair.browsers", "names", strings.Join(browser.Products(offer), ", "))))
		next = newButton(primary, w.t("win.pair.browsers.go"), s.onConnect)
	} else {
		more.Add(paragraph(w.t("win.pair.done.text")))
	}
	s.conclude(w.t("win.pair.done", "name", holderOf(record).FullName()), more, next)
}

// onConnect registers the module with every program of the person.
func (s *pairScreen) onConnect() {
	w := s.w
	var places []browser.Place
	var changes []browser.Change
	s.during(w.t("win.browsers"), w.t("win.browsers.working"), func() error {
		r, err := w.deps.Browsers()
		if err != nil {
			return err
		}
		places = r.Own()
		changes, err = r.Change(places, browser.Registrar.PlanAdd)
		return err
	}, func() {
		more := stacked(2*unit, paragraph(w.t("win.pair.done.text")))
		for _, o := range w.changed(places, changes) {
			more.Add(o)
		}
		w.lookAtBrowsers()
		s.conclude(w.t("win.pair.connected"), more, w.tryLogin())
	}, func() { w.Open("win.browsers") })
}
