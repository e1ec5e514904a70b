package gui

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/report"
	"github.com/softwarecie/cie/internal/secret"
)

// An order is what is to be signed, and how. It outlives a screen that is made anew in
// another language.
type order struct {
	files []string
	how   ades.How
}

// The sign screen gathers files, reads them all, asks for the PIN once, has the card sign
// one after the other, and writes them when the card has been let go.
type signScreen struct {
	codeStage
	*order
	jobs          []*ades.Job
	which, folder chooser
}

// newSign opens the screen with an order of its own.
func newSign() opener {
	o := &order{}
	return func(w *Window) screen {
		s := &signScreen{codeStage: newCodeStage(w), order: o, which: w.askFile, folder: w.askFolder}
		s.gather()
		return s
	}
}

// SignFiles shows the window with files to sign.
func (w *Window) SignFiles(files []string) {
	w.Show()
	w.visit("win.sign", func() { w.trail[0].screen.(*signScreen).Take(files) })
}

// Leave lets go of the files, too.
func (s *signScreen) Leave() {
	s.codeStage.Leave()
	s.letGo()
}

func (s *signScreen) letGo() {
	ades.CloseAll(s.jobs)
	s.jobs = nil
}

// Take adds files, unless the card is at work on others.
func (s *signScreen) Take(files []string) {
	if s.w.running != nil || len(files) == 0 {
		return
	}
	for _, f := range files {
		if !slices.Contains(s.files, f) {
			s.files = append(s.files, f)
		}
	}
	s.gather()
}

// gather shows the files, where they go and how they are signed.
func (s *signScreen) gather() {
	w := s.w
	for _, f := range s.forms {
		f.clear()
	}
	s.letGo()
	if len(s.files) == 0 {
		choose := newButton(primary, w.t("win.files.choose"), s.choose)
		s.show(stacked(3*unit, heading(w.t("win.sign.title")), w.dropZone(artSigned, w.t("win.sign.text"), choose), aside(w.t("note.fea"))), choose)
		return
	}
	rows := stacked(unit)
	for _, f := range s.files {
		rows.Add(s.row(f))
	}
	rows.Add(beside(newButton(quiet, w.t("win.sign.add"), s.choose)))
	next := newButton(primary, w.t("win.go-on"), s.prepare)
	s.show(stacked(3*unit, heading(w.t("win.sign.title")), panel(rows, colorLine), s.format(), s.place(),
		beside(next, newButton(quiet, w.t("win.cancel"), func() { s.files = nil; s.gather() }))), next)
}

func (s *signScreen) choose() { s.which(func(file string) { s.Take([]string{file}) }) }

// row is one file, which can be taken out of the list.
func (s *signScreen) row(file string) fyne.CanvasObject {
	out := newButton(quiet, s.w.t("win.sign.remove"), func() {
		s.files = slices.DeleteFunc(s.files, func(f string) bool { return f == file })
		s.gather()
	})
	text := stacked(0, nameOfFile(file), path(report.Name(filepath.Dir(file))))
	return container.New(&trailing{gap: 2 * unit}, text, out)
}

// format offers the formats there are, in plain words: first what is usual for a file.
func (s *signScreen) format() fyne.CanvasObject {
	w := s.w
	list := stacked(unit, strong(w.t("win.sign.how"), theme.ColorNameForeground))
	offer := func(key, format string, detached bool) {
		b := newButton(plain, w.t("win.sign.format."+key), func() { s.how.Format, s.how.Detached = format, detached; s.gather() })
		b.listed = true
		if s.how.Format == format && s.how.Detached == detached {
			b.icon, b.selected = iconCheck, true
		}
		list.Add(b)
	}
	for _, name := range ades.Formats() {
		format := name
		if name == ades.Auto {
			format = "" // as in an order that says nothing
		}
		offer(name, format, false)
	}
	offer("detached", ades.CAdES, true)
	return list
}

// place is where the signed files go.
func (s *signScreen) place() fyne.CanvasObject {
	w := s.w
	said, other := aside(w.t("win.sign.beside")), newButton(quiet, w.t("win.sign.folder"), func() {
		s.folder(func(folder string) { s.how.Output = folder; s.gather() })
	})
	row := beside(other)
	if s.how.Output != "" {
		said = path(report.Name(s.how.Output))
		row.Add(newButton(quiet, w.t("win.sign.beside"), func() { s.how.Output = ""; s.gather() }))
	}
	return stacked(unit, strong(w.t("win.sign.where"), theme.ColorNameForeground), said, row)
}

// prepare reads all files before the PIN is asked for.
func (s *signScreen) prepare() {
	w := s.w
	var jobs []*ades.Job
	files, how := slices.Clone(s.files), s.how
	s.cancellable(w.t("win.sign.reading"), func(ctx context.Context, tell func(string)) (err error) {
		jobs, err = ades.PrepareAll(ctx, files, how, func(n int) {
			tell(s.of(n, files[n], len(files)))
		})
		return err
	}, func() { s.jobs = jobs; s.ask() }, s.gather)
}

// signed are the jobs that the card has signed; unsigned the others.
func (s *signScreen) signed() (signed, unsigned []*ades.Job) {
	for _, j := range s.jobs {
		if j.Signed() {
			signed = append(signed, j)
		} else {
			unsigned = append(unsigned, j)
		}
	}
	return signed, unsigned
}

// ask says what will be signed and what that is worth, and asks for the PIN.
func (s *signScreen) ask() {
	w := s.w
	if c, ok := w.state.card(); ok && c.Record != nil && time.Now().After(holderOf(*c.Record).Expires) {
		s.show(newErrorView(w, ades.ErrExpired, s.gather)) // before a code is typed for nothing
		return
	}
	done, todo := s.signed()
	list := stacked(unit)
	for _, j := range todo {
		list.Add(s.becomes(j))
	}
	parts := []fyne.CanvasObject{heading(w.t("win.sign.ask", "n", len(todo))), panel(list, colorLine), aside(w.t("note.fea")), w.triesNow()}
	if len(done) > 0 {
		keep := newButton(plain, w.t("win.sign.keep"), s.write)
		parts = slices.Insert(parts, 1, fyne.CanvasObject(panel(stacked(unit, paragraph(w.t("win.sign.rest", "n", len(done))), beside(keep)), colorCaution)))
	}
	f := codeForm(w, w.t("win.pin"), w.t("win.sign.go"), wholeOrHalf, s.onSign, parts...)
	f.stop.onTapped = s.gather
	s.forms = []*form{f}
	s.codeStage.ask()
}

// becomes tells of one document what it is and what will be written.
func (s *signScreen) becomes(j *ades.Job) fyne.CanvasObject {
	w := s.w
	text := stacked(0, nameOfFile(j.Path), aside(w.bytes(j.Size)), path("→ "+report.Name(j.Output)))
	for _, said := range report.Before(w.texts, j) {
		text.Add(marked(iconWarning, colorCaution, paragraph(said)))
	}
	return text
}

// onSign has the card sign what it has not signed yet.
func (s *signScreen) onSign() {
	w, code := s.w, s.take()
	_, todo := s.signed()
	s.start(task{
		title: w.t("win.sign.ask", "n", len(todo)),
		steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify, cie.StepSign},
		codes: []*secret.Buffer{code},
		do: func(ctx context.Context, target cie.Target) error {
			login, err := w.holder().Login(ctx, target, code)
			if err != nil {
				return err
			}
			defer login.Close()
			certificate := login.Certificate()
			issuers := w.holder().Roots.Describe(certificate).Path
			return ades.SignAll(todo, login.Signer(ctx), certificate, issuers, func(n int) {
				w.deps.Do(func() { w.tellFar(s.of(n, todo[n].Path, len(todo))) })
			})
		},
		done:  s.write,
		again: s.ask,
	})
}

// of says how far one is with some files.
func (s *signScreen) of(n int, file string, all int) string {
	return s.w.t("win.files.of", "i", n+1, "all", all, "file", report.Name(filepath.Base(file)))
}

// A writing is what came of one file.
type writing struct {
	job *ades.Job
	err error
}

// write writes and verifies what was signed. The card has been let go.
func (s *signScreen) write() {
	w := s.w
	done, _ := s.signed()
	var all []writing
	s.cancellable(w.t("win.sign.writing"), func(ctx context.Context, tell func(string)) error {
		for i, j := range done {
			tell(s.of(i, j.Output, len(done)))
			err := j.Finish(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			all = append(all, writing{j, err})
		}
		return nil
	}, func() { s.wrote(all) }, s.ask)
}

// wrote tells where the signed files are, and why others are not.
func (s *signScreen) wrote(all []writing) {
	w := s.w
	var outputs []string
	list := stacked(1.5 * unit)
	for _, x := range all {
		if x.err != nil {
			m := w.texts.Explain(x.err)
			list.Add(marked(iconCross, colorDanger, stacked(unit/2, nameOfFile(x.job.Path), paragraph(m.What+" "+m.Next), aside(m.Code))))
			continue
		}
		outputs = append(outputs, x.job.Output)
		list.Add(marked(iconCheck, colorGood, stacked(0, nameOfFile(x.job.Output), path(report.Name(x.job.Output)))))
		s.files = slices.DeleteFunc(s.files, func(f string) bool { return f == x.job.Path })
	}
	icon, color, said := iconCheck, colorGood, w.t("win.sign.done", "n", len(outputs))
	switch {
	case len(outputs) == 0:
		icon, color, said = iconCross, colorDanger, w.t("win.sign.none")
	case len(outputs) < len(all):
		icon, color = iconWarning, colorCaution
	}
	end := newButton(quiet, w.t("win.done"), s.gather) // what was not signed is still in the list
	row := beside(end)
	first := end
	if len(outputs) > 0 {
		first = newButton(primary, w.t("win.sign.verify"), func() { w.VerifyFiles(outputs) })
		row = beside(first, newOpenFolder(w, outputs[0]), end)
	} else {
		end.weight = primary
	}
	s.letGo()
	s.show(stacked(3*unit, titled(icon, color, said), panel(list, colorLine), row), first)
}
