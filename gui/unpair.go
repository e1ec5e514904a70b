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
	go func() { // the disk may be slow
		var failed error
		for _, r := range s.records {
			failed = errors.Join(failed, w.holder().Unpair(r.PAN))
		}
		w.deps.Do(func() {
			if failed != nil {
				s.show(newErrorView(w, failed, s.ask))
				return
			}
			s.finish(w.t("win.unpair.done"))
		})
		w.urge()
	}()
}
