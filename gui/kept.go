package gui

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/guide"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/settings"
)

// The kept screen lists every byte that is stored, and deletes it.
type keptScreen struct{ *stage }

func newKept(w *Window) screen {
	s := &keptScreen{newStage(w)}
	s.list()
	return s
}

// Help of what is kept is pairing.
func (s *keptScreen) Help() guide.Name { return guide.Pairing }

// list reads what there is, and shows it.
func (s *keptScreen) list() {
	w := s.w
	var all []pairing.Kept
	s.during(w.t("win.kept"), w.t("win.strip.looking"), func() (err error) {
		w.work.Lock()
		defer w.work.Unlock()
		all, err = w.allKept()
		return err
	}, func() { s.draw(all) }, s.list)
}

// allKept lists what is stored; of a demonstration, whose settings are not saved,
// that is what its own store holds.
func (w *Window) allKept() ([]pairing.Kept, error) {
	if w.deps.Save == nil {
		return w.deps.Holder.Pairings.Kept()
	}
	return settings.Kept(w.deps.Holder)
}

// forget deletes it.
func (w *Window) forget(andSettings bool) error {
	if w.deps.Save == nil {
		return w.deps.Holder.Pairings.Forget()
	}
	if err := settings.Forget(w.deps.Holder); err != nil || !andSettings {
		return err
	}
	return settings.ForgetSettings()
}

func (s *keptScreen) draw(all []pairing.Kept) {
	w := s.w
	rows, total := stacked(2*unit), int64(0)
	for _, k := range all {
		total += k.Size
		text := stacked(unit/2, paragraph(w.texts.Kept(k)), aside(w.nameOf(k)+w.bytes(k.Size)))
		if k.Path != "" {
			text.Add(path(k.Path))
		}
		rows.Add(marked(iconDot, colorQuiet, text))
	}
	if len(all) == 0 {
		rows.Add(paragraph(w.t("kept.nothing")))
	}
	actions := beside(newBack(w))
	if len(all) > 0 {
		actions.Add(newButton(plain, w.t("win.kept.delete"), func() { s.ask(false) }))
	}
	if len(all) > 0 && w.deps.Save != nil {
		actions.Add(newButton(quiet, w.t("win.kept.delete-settings"), func() { s.ask(true) }))
	}
	s.show(stacked(3*unit, heading(w.t("win.kept")), paragraph(w.t("win.kept.total", "n", len(all), "bytes", w.bytes(total))), rows, actions), nil)
}

// nameOf is whose card something is about, if that is known.
func (w *Window) nameOf(k pairing.Kept) string {
	if k.PAN == [len(k.PAN)]byte{} {
		return ""
	}
	for _, r := range w.state.paired {
		if r.PAN == k.PAN {
			return holderOf(r).FullName() + " · "
		}
	}
	return ""
}

// bytes is a size as it is written.
func (*Window) bytes(n int64) string { return strconv.FormatInt(n, 10) + " byte" }

// path is the name of a file, which may be broken anywhere.
func path(name string) fyne.CanvasObject {
	t := written(name, theme.SizeNameCaptionText, colorQuiet, fyne.TextStyle{})
	t.Wrapping = fyne.TextWrapBreak
	return flush(t)
}

// commands are for a terminal; they may be broken anywhere, too.
func commands(text string) fyne.CanvasObject {
	t := written(text, sizeCommand, colorQuiet, fyne.TextStyle{Monospace: true})
	t.Wrapping = fyne.TextWrapBreak
	return flush(t)
}

// ask has a person type a word before everything is deleted.
func (s *keptScreen) ask(andSettings bool) {
	w := s.w
	question := w.t("win.kept.ask")
	if andSettings {
		question = w.t("win.kept.ask-settings")
	}
	yes := newButton(primary, w.t("win.kept.go"), func() { s.forget(andSettings) })
	yes.enable(false)
	typed := newWordEntry(w.t("word.yes"), yes)
	s.show(stacked(3*unit,
		heading(w.t("win.kept")),
		note(iconWarning, colorCaution, question),
		paragraph(w.t("win.type-word", "word", w.t("word.yes"))),
		typed,
		beside(yes, newButton(plain, w.t("win.cancel"), s.list)),
	), typed)
}

func (s *keptScreen) forget(andSettings bool) {
	w := s.w
	s.during(w.t("win.kept"), w.t("win.kept.working"), func() error {
		defer w.urge()
		w.work.Lock()
		defer w.work.Unlock()
		return w.forget(andSettings)
	}, func() { s.finish(w.t("win.kept.done")) }, s.list)
}
