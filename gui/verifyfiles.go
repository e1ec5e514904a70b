package gui

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/ades/apart"
	"github.com/softwarecie/cie/internal/report"
)

// The screen for verifying asks for signed files. It needs neither reader nor card.
type verifyStartScreen struct {
	*stage
	which chooser
}

func newVerifyStart(w *Window) screen {
	s := &verifyStartScreen{stage: newStage(w), which: w.askFile}
	choose := newButton(primary, w.t("win.files.choose"), func() {
		s.which(func(file string) { s.Take([]string{file}) })
	})
	s.show(stacked(3*unit, heading(w.t("win.verify-files.title")), w.dropZone(artSigned, w.t("win.verify-files.text"), choose)), choose)
	return s
}

// Take verifies files.
func (s *verifyStartScreen) Take(files []string) { s.w.Go(verifies(files)) }

// verifies is the screen for some files: for one its report, for more their list.
func verifies(files []string) opener {
	if len(files) == 1 {
		return newReport(files[0], "")
	}
	return newVerifyList(files)
}

// VerifyFiles shows the window and verifies files; without any it asks for them.
func (w *Window) VerifyFiles(files []string) {
	w.Show()
	w.visit("win.verify-files", func() {
		if len(files) > 0 {
			w.Go(verifies(files))
		}
	})
}

// A verifyListScreen tells of several files, in short.
type verifyListScreen struct {
	*stage
	files []string
}

func newVerifyList(files []string) opener {
	return func(w *Window) screen {
		s := &verifyListScreen{newStage(w), files}
		s.verify()
		return s
	}
}

// Take verifies other files.
func (s *verifyListScreen) Take(files []string) { s.w.Go(verifies(files)) }

// verify reads one file after the other.
func (s *verifyListScreen) verify() {
	w := s.w
	rows := stacked(1.5 * unit)
	roots := w.holder().Roots
	s.cancellable(w.t("win.verify-files.title"), func(ctx context.Context, tell func(string)) error {
		for i, file := range s.files {
			tell(w.t("win.files.of", "i", i+1, "all", len(s.files), "file", report.Name(filepath.Base(file))))
			r, err := apart.VerifyFile(ctx, file, "", roots, time.Now())
			if ctx.Err() != nil {
				return ctx.Err()
			}
			w.deps.Do(func() { rows.Add(s.row(file, r, err)) })
		}
		return nil
	}, func() {
		s.show(stacked(3*unit, beside(newBack(w)), heading(w.t("win.verify-files.title")), rows), nil)
	}, w.Back)
}

// row tells of one file, and leads to its report.
func (s *verifyListScreen) row(file string, r ades.Report, err error) fyne.CanvasObject {
	w := s.w
	l := report.Worst(w.texts, r)
	if err != nil {
		l = report.Line{Mark: report.Bad, Text: w.texts.Explain(err).What}
	}
	icon, color := marks(l.Mark)
	open := newButton(quiet, w.t("win.report.open"), func() { w.Go(newReport(file, "")) })
	return panel(stacked(unit, nameOfFile(file), marked(icon, color, paragraph(l.Text)), beside(open)), colorLine)
}

// marks is how a mark of a report looks.
func marks(m report.Mark) (icon string, color fyne.ThemeColorName) {
	switch m {
	case report.Good:
		return iconCheck, colorGood
	case report.Bad:
		return iconCross, colorDanger
	case report.Remark:
		return iconInfo, colorQuiet
	}
	return iconHelp, colorCaution
}

// A reportScreen tells what is known of one signed file: of each signature whether the
// document is intact, who signed and when, each apart.
type reportScreen struct {
	*stage
	file, document string // what a detached signature was made over; "": beside it
	report         ades.Report
	at             time.Time         // when it was made
	said           fyne.CanvasObject // what came of the last file written, nil: none
	where          asker
	which, folder  chooser
}

func newReport(file, document string) opener {
	return func(w *Window) screen {
		s := &reportScreen{stage: newStage(w), file: file, document: document, where: w.askWhere, which: w.askFile, folder: w.askFolder}
		s.verify()
		return s
	}
}

// Take verifies other files.
func (s *reportScreen) Take(files []string) { s.w.Go(verifies(files)) }

func (s *reportScreen) verify() {
	w := s.w
	roots := w.holder().Roots
	s.cancellable(w.t("win.verify-files.title"), func(ctx context.Context, tell func(string)) (err error) {
		tell(report.Name(filepath.Base(s.file)))
		s.at = time.Now()
		s.report, err = apart.VerifyFile(ctx, s.file, s.document, roots, s.at)
		return err
	}, s.draw, s.verify)
}

// draw shows the report: first what comes of it all, then each signature.
func (s *reportScreen) draw() {
	w, r := s.w, s.report
	worst := report.Worst(w.texts, r)
	icon, color := marks(worst.Mark)
	page := stacked(2*unit, beside(newBack(w)), titled(icon, color, worst.Text), nameOfFile(r.File))
	if worst.Text == w.t("verdict.unchecked") {
		page.Add(paragraph(w.t("win.report.unchecked")))
	}
	if len(r.Signatures) > 1 {
		page.Add(aside(w.t("win.report.worst")))
	}
	w.addSignatures(page, r)
	details := s.details()
	actions := s.actions(details)
	page.Add(actions)
	if s.said != nil {
		page.Add(s.said)
	}
	page.Add(details)
	s.show(page, actions.Objects[0].(*button))
}

// addSignatures shows the signatures of a file, and of one in it.
func (w *Window) addSignatures(page *fyne.Container, r ades.Report) {
	for i, sig := range r.Signatures {
		title := ""
		if len(r.Signatures) > 1 {
			title = w.t("win.report.signature", "i", i+1, "all", len(r.Signatures))
		}
		page.Add(w.signature(title, sig))
	}
	if inside := report.Inside(w.texts, r); inside != "" {
		page.Add(subheading(inside))
		w.addSignatures(page, *r.Inside)
	}
}

// signature shows the facts of one.
func (w *Window) signature(title string, sig ades.Signature) fyne.CanvasObject {
	verdict := report.Verdict(w.texts, sig)
	_, edge := marks(verdict.Mark)
	box := stacked(1.5 * unit)
	if title != "" {
		box.Add(subheading(title))
		box.Add(told(verdict))
		box.Add(line())
	} else {
		for _, reason := range verdict.More { // the verdict itself stands above
			box.Add(paragraph(reason))
			box.Add(line())
		}
	}
	for _, l := range append(report.Facts(w.texts, sig), report.Remarks(w.texts, sig)...) {
		box.Add(told(l))
	}
	for _, counter := range sig.Counter {
		box.Add(w.signature(w.t("report.counter"), counter))
	}
	return panel(box, edge)
}

// told is a line of a report.
func told(l report.Line) fyne.CanvasObject {
	icon, color := marks(l.Mark)
	text := stacked(unit/2, paragraph(l.Text))
	for _, more := range l.More {
		text.Add(aside(more))
	}
	return marked(icon, color, text)
}

// details are what few ask for; hidden at first.
func (s *reportScreen) details() *fyne.Container {
	w, r := s.w, s.report
	box := stacked(unit, line(), path(report.Title(w.texts, r)))
	if r.Document != "" {
		box.Add(path(report.Name(r.Document)))
	}
	if said := report.Document(w.texts, r); said != "" {
		box.Add(path(said))
	}
	for _, sig := range r.Signatures {
		said := string(sig.Reason)
		if sig.Signer.Serial != "" {
			said += " · " + sig.Signer.Name + " · " + w.t("certificate.serial") + " " + sig.Signer.Serial
		}
		box.Add(path(said))
	}
	box.Hide()
	return box
}

// actions are what can be done with a file: what its state asks for first.
func (s *reportScreen) actions(details *fyne.Container) *fyne.Container {
	w, r := s.w, s.report
	row := beside()
	switch {
	case r.Detached && r.Document == "":
		row.Add(newButton(primary, w.t("win.report.document"), func() {
			s.which(func(document string) { w.Go(newReport(s.file, document)) })
		}))
	case r.Extractable():
		extract := newButton(primary, w.t("win.report.extract"), func() { s.extract("", false) })
		if r.Verdict == ades.Invalid { // that is not what comes next
			extract.weight = plain
		}
		row.Add(extract)
		if r.Inside != nil && r.Inside.Extractable() {
			row.Add(newButton(plain, w.t("win.report.innermost"), func() { s.extract("", true) }))
		}
		row.Add(newButton(quiet, w.t("win.report.extract-to"), func() {
			s.folder(func(folder string) { s.extract(folder, false) })
		}))
	}
	row.Add(newButton(quiet, w.t("win.report.save"), func() { s.save(".txt", s.text) }))
	row.Add(newButton(quiet, w.t("win.report.json"), func() { s.save(".json", s.json) }))
	row.Add(newButton(quiet, w.t("win.report.more"), func() {
		details.Hidden = !details.Hidden
		s.box.Refresh()
	}))
	return row
}

// text is the report as a text, with when and by what it was made.
func (s *reportScreen) text() ([]byte, error) {
	w := s.w
	head := w.t("win.report.made", "version", w.deps.Version, "date", w.date(s.at), "time", s.at.UTC().Format("15:04"))
	return []byte(head + "\n\n" + report.Text(w.texts, s.report)), nil
}

func (s *reportScreen) json() ([]byte, error) {
	content, err := json.MarshalIndent(s.report, "", "  ")
	return append(content, '\n'), err
}

// save writes the report where a person says.
func (s *reportScreen) save(end string, content func() ([]byte, error)) {
	s.where.save(filepath.Base(s.file)+".report"+end, content, func(chosen bool, err error) {
		switch {
		case err != nil:
			s.show(newErrorView(s.w, err, s.draw))
		case chosen:
			s.said = marked(iconCheck, colorGood, paragraph(s.w.t("win.details.saved")))
			s.draw()
		}
	})
}

// extract takes the document out, into a folder; "" is that of the signed file.
func (s *reportScreen) extract(folder string, innermost bool) {
	w := s.w
	roots := w.holder().Roots
	var e ades.Extraction
	s.cancellable(w.t("win.report.extract"), func(ctx context.Context, tell func(string)) (err error) {
		tell(report.Name(filepath.Base(s.file)))
		e, err = apart.Extract(ctx, s.file, folder, innermost, roots, time.Now())
		return err
	}, func() { s.extracted(e) }, s.draw)
}

// extracted tells where the document is, and what to mind.
func (s *reportScreen) extracted(e ades.Extraction) {
	w := s.w
	icon, color := iconCheck, colorGood
	if e.Verdict == ades.Invalid {
		icon, color = iconWarning, colorDanger
	}
	box := stacked(2*unit, titled(icon, color, w.t("win.extract.done")), nameOfFile(e.Output), path(report.Name(e.Output)))
	if e.Verdict == ades.Invalid {
		box.Add(note(iconCross, colorDanger, w.t("win.extract.invalid")))
	}
	if e.Program() {
		box.Add(note(iconWarning, colorCaution, w.t("extract.program")))
	}
	if e.Guessed {
		box.Add(aside(w.t("cli.extract.guessed")))
	}
	show := newOpenFolder(w, e.Output)
	show.weight = primary
	box.Add(beside(show, newButton(quiet, w.t("win.done"), s.draw)))
	s.show(box, show)
}
