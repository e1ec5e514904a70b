package gui

import (
	"crypto/x509"
	"fmt"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"github.com/softwarecie/cie/internal/calendar"
	"github.com/softwarecie/cie/internal/guide"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
)

// The details screen tells what is known of a paired card: whether it is genuine,
// its certificate in words, and files to keep. The tax code is seen, and can be
// copied, only when it was asked for.
type detailsScreen struct {
	*stage
	record      pairing.Record
	certificate *x509.Certificate
	words       trust.Certificate
	private     bool            // the tax code is seen
	said        *fyne.Container // what came of the last file
	where       asker
}

// newDetails opens the details of a card.
func newDetails(r pairing.Record) opener {
	return func(w *Window) screen {
		s := &detailsScreen{stage: newStage(w), record: r, said: stacked(unit)}
		s.where = w.askWhere
		c, err := x509.ParseCertificate(r.Certificate)
		if err != nil {
			s.show(newErrorView(w, fmt.Errorf("%w: %w", pairing.ErrDamaged, err), w.Back))
			return s
		}
		s.certificate, s.words = c, w.holder().Roots.Describe(c)
		s.draw()
		return s
	}
}

// Help of the details is the guide on the card.
func (s *detailsScreen) Help() guide.Name { return guide.Card }

func (s *detailsScreen) draw() {
	w := s.w
	page := stacked(3*unit, beside(newBack(w)), heading(s.words.FullName()), s.verdict())
	if s.words.Genuine == trust.Test {
		page.Add(marked(iconInfo, theme.ColorNamePrimary, paragraph(w.t("note.test"))))
	}
	page.Add(s.facts())
	page.Add(s.copies())
	if w.counter == nil { // nothing of a card stays at a counter
		page.Add(stacked(2*unit, line(), subheading(w.t("win.details.files")), paragraph(w.t("win.details.files.text")), s.said, s.files()))
	}
	s.show(page, nil)
}

// verdict says whether the card was found to be genuine when it was paired, and by
// what.
func (s *detailsScreen) verdict() fyne.CanvasObject {
	w, when := s.w, "win.details.checked"
	if w.counter != nil {
		when = "win.counter.checked"
	}
	icon, color := judged(trust.Genuineness(s.record.Genuine))
	texts := stacked(unit, strong(w.t("genuine."+s.record.Genuine), color), aside(w.t(when, "date", w.date(s.record.PairedAt))))
	if color == colorGood && s.words.Reason == nil {
		texts.Add(aside(w.t("win.details.what")))
	}
	return panel(marked(icon, color, texts), color)
}

// judged is how a judgement on a card looks.
func judged(g trust.Genuineness) (icon string, color fyne.ThemeColorName) {
	switch g {
	case trust.Genuine, trust.Test:
		return iconCheck, colorGood
	case trust.Failed:
		return iconCross, colorDanger
	}
	return iconWarning, colorCaution
}

// facts are the chip and the certificate, in words.
func (s *detailsScreen) facts() fyne.CanvasObject {
	rows := stacked(1.5*unit, fact(i18n.Row{Name: s.w.t("win.details.chip"), Value: s.record.Family}))
	for _, r := range s.w.texts.Certificate(s.words, s.private) {
		rows.Add(fact(r))
	}
	return rows
}

// fact is a name with what it is below.
func fact(r i18n.Row) fyne.CanvasObject {
	value := written(r.Value, theme.SizeNameText, theme.ColorNameForeground, fyne.TextStyle{})
	return container.New(&column{}, aside(r.Name), flush(value))
}

// copies shows the tax code, and puts numbers on the clipboard.
func (s *detailsScreen) copies() fyne.CanvasObject {
	w, key := s.w, "win.details.tax-code"
	if s.private {
		key = "win.details.hide"
	}
	row := beside()
	if s.words.TaxCode != "" {
		row.Add(newButton(plain, w.t(key), func() { s.private = !s.private; s.draw() }))
	}
	if s.private {
		row.Add(newCopy(w, "win.details.copy-tax-code", func() string { return s.words.TaxCode }))
	}
	if s.words.DocumentNumber != "" {
		row.Add(newCopy(w, "win.details.copy-document", func() string { return s.words.DocumentNumber }))
	}
	row.Add(newCopy(w, "win.details.copy-serial", func() string { return s.words.Serial }))
	return row
}

// files are what can be kept elsewhere.
func (s *detailsScreen) files() fyne.CanvasObject {
	w := s.w
	return beside(
		s.saves("win.details.calendar", "cie.ics", func() []byte {
			return calendar.Expiry(s.certificate, w.t("calendar.title"), w.t("calendar.text"), time.Now()).ICS()
		}),
		s.saves("win.details.certificate", "cie.pem", func() []byte { return trust.PEM(s.certificate) }),
		s.saves("win.details.chain", "cie-chain.pem", func() []byte {
			return trust.PEM(append([]*x509.Certificate{s.certificate}, s.words.Path...)...)
		}),
	)
}

// saves is a button that writes a file where a person says.
func (s *detailsScreen) saves(key, name string, content func() []byte) *button {
	return newButton(plain, s.w.t(key), func() {
		s.where.save(name, func() ([]byte, error) { return content(), nil }, s.saved)
	})
}

// saved says what came of it; nothing where a person has changed their mind.
func (s *detailsScreen) saved(chosen bool, err error) {
	s.said.RemoveAll()
	switch {
	case err != nil:
		s.show(newErrorView(s.w, err, s.draw))
	case chosen:
		s.said.Add(marked(iconCheck, colorGood, paragraph(s.w.t("win.details.saved"))))
	}
	s.box.Refresh()
}
