package gui

import (
	"errors"

	"github.com/softwarecie/cie/internal/pairing"
)

// The unpair screen asks whether cards shall be forgotten, and forgets them.
type unpairScreen struct {
	*stage
	records []pairing.Record
}

func newUnpair(records ...pairing.Record) opener {
	return func(w *Window) screen {
		s := &unpairScreen{stage: newStage(w), records: records}
		s.ask()
		return s
	}
}

func (s *unpairScreen) ask() {
	w := s.w
	names := stacked(unit)
	for _, r := range s.records {
		h := holderOf(r)
		names.Add(marked(iconCard, colorQuiet, paragraph(h.FullName()+" · "+h.DocumentNumber)))
	}
	s.show(stacked(3*unit,
		heading(w.t("win.unpair")),
		names,
		paragraph(w.t("win.unpair.text")),
		beside(newButton(primary, w.t("win.unpair.go"), s.onUnpair), newButton(quiet, w.t("win.cancel"), w.Back)),
	), nil)
}

func (s *unpairScreen) onUnpair() {
	w := s.w
	s.during(w.t("win.unpair"), w.t("win.kept.working"), func() (failed error) {
		defer w.urge()
		for _, r := range s.records {
			failed = errors.Join(failed, w.holder().Unpair(r.PAN))
		}
		return failed
	}, func() { s.finish(w.t("win.unpair.done")) }, s.ask)
}
