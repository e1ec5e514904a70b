package gui

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
)

// A chosen file is one that somebody has chosen to write.
type chosenFile struct {
	bytes.Buffer
	closed bool
}

func (f *chosenFile) Close() error { f.closed = true; return nil }

// details opens those of a paired card.
func (b *bench) details() *detailsScreen {
	b.test.Helper()
	b.pairFirst()
	b.Open(home)
	b.tap("win.details.go")
	return b.trail[len(b.trail)-1].screen.(*detailsScreen)
}

func TestDetails(t *testing.T) {
	b := newBench(t, i18n.Italian)
	s := b.details()
	holder := b.demo.Cards[0].Holder()
	for _, want := range []string{holder.Name + " " + holder.Surname, b.t("genuine.test"), b.t("win.details.what"), b.t("win.details.checked", "date", b.date(s.record.PairedAt))} {
		if !strings.Contains(b.seen(), want) {
			t.Errorf("%q is not seen in\n%s", want, b.seen())
		}
	}
	b.tap("win.details.copy-document")
	if got := b.app.Clipboard().Content(); got != s.words.DocumentNumber || got == "" {
		t.Errorf("copied %q, want %q", got, s.words.DocumentNumber)
	}
}

// The tax code is nowhere until it is asked for, and gone once the screen is left.
func TestDetailsHideTheTaxCode(t *testing.T) {
	b := newBench(t, i18n.Italian)
	s := b.details()
	code := s.words.TaxCode
	if code == "" {
		t.Fatal("the card has no tax code")
	}
	seen := func(want bool) {
		t.Helper()
		if got := strings.Contains(b.seen(), code); got != want {
			t.Errorf("tax code seen: %v, want %v", got, want)
		}
	}
	seen(false)
	if b.press(func(x *button) bool { return x.text == b.t("win.details.copy-tax-code") }) {
		t.Error("it can be copied before it is seen")
	}
	b.tap("win.details.tax-code")
	seen(true)
	b.tap("win.details.copy-tax-code")
	if got := b.app.Clipboard().Content(); got != code {
		t.Errorf("copied %q, want %q", got, code)
	}
	b.Open(home)
	seen(false)
	b.tap("win.details.go")
	seen(false)
}

func TestDetailsSave(t *testing.T) {
	b := newBench(t, i18n.Italian)
	s := b.details()
	var file chosenFile
	s.where = func(name string, done func(io.WriteCloser, error)) { file = chosenFile{}; done(&file, nil) }
	b.tap("win.details.calendar")
	if day := "DTSTART;VALUE=DATE:" + s.certificate.NotAfter.Format("20060102"); !strings.Contains(file.String(), day) || !file.closed {
		t.Errorf("no %q in %q, closed %v", day, file.String(), file.closed)
	}
	b.sees("win.details.saved")
	b.tap("win.details.certificate")
	block, _ := pem.Decode(file.Bytes())
	if block == nil || !bytes.Equal(block.Bytes, s.record.Certificate) {
		t.Errorf("another certificate than the card's: %q", file.String())
	}
	b.tap("win.details.chain")
	if n := strings.Count(file.String(), "BEGIN CERTIFICATE"); n != 1+len(s.words.Path) || n < 2 {
		t.Errorf("%d certificates, want the holder's and %d above it", n, len(s.words.Path))
	}
}

func TestDetailsNotSaved(t *testing.T) {
	b := newBench(t, i18n.Italian)
	s := b.details()
	s.where = func(_ string, done func(io.WriteCloser, error)) { done(nil, nil) } // changed their mind
	b.tap("win.details.certificate")
	if strings.Contains(b.seen(), b.t("win.details.saved")) {
		t.Error("said to be saved, and is not")
	}
	s.where = func(name string, done func(io.WriteCloser, error)) { // while it is asked, the dialog has the focus
		dialog := widget.NewModalPopUp(newButton(plain, "", nil), b.win.Canvas())
		dialog.Show()
		defer dialog.Hide()
		done(nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission})
	}
	if b.scroll().ScrollToBottom(); b.scroll().Offset.Y == 0 {
		t.Fatal("everything is seen without scrolling: nothing is tested")
	}
	b.tap("win.details.certificate")
	b.sees("error.file.what", "file", "cie.pem")
	if at := b.scroll().Offset.Y; at != 0 {
		t.Errorf("the error is seen from %v on", at)
	}
	b.tap("win.retry")
	b.sees("win.details.files.text")
	s.where = func(_ string, done func(io.WriteCloser, error)) { done(nil, errors.New("no such folder")) }
	b.tap("win.details.calendar")
	b.sees("error.file.what", "file", "cie.ics")
}

func TestDetailsOfADamagedRecord(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newDetails(pairing.Record{Certificate: []byte("no certificate")}))
	b.sees("error.pairing-damaged.what")
}

// Of a card whose issuer is not known it is not said that its signature was checked.
func TestDetailsOfAnUnknownIssuer(t *testing.T) {
	b := newBench(t, i18n.Italian)
	record := b.details().record
	record.Genuine = string(trust.Unknown)
	b.Go(newDetails(record))
	b.sees("genuine.unknown")
	if seen := b.seen(); strings.Contains(seen, b.t("win.details.what")) {
		t.Errorf("said to be checked in\n%s", seen)
	}
}

// A card that failed, or could not be judged, never looks like a genuine one.
func TestJudged(t *testing.T) {
	for g, want := range map[trust.Genuineness]string{
		trust.Genuine: iconCheck, trust.Test: iconCheck, trust.Unknown: iconWarning, trust.Failed: iconCross, "": iconWarning,
	} {
		if icon, _ := judged(g); icon != want {
			t.Errorf("%q looks like %s", g, icon)
		}
	}
}

// Whoever goes on with Tab sees where they are.
func TestFocusIsSeen(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.details()
	view := b.scroll()
	for _, x := range b.buttons() {
		if x.weight == place {
			continue
		}
		b.win.Canvas().Focus(x)
		top := b.at(x) - b.at(view)
		if top < 0 || top+x.Size().Height > view.Size().Height {
			t.Errorf("%q has the focus and stands at %v of %v", x.text, top, view.Size().Height)
		}
	}
	if view.Offset.Y == 0 {
		t.Error("everything is seen without scrolling: nothing was tested")
	}
}

// at is how far down the window something is seen.
func (b *bench) at(o fyne.CanvasObject) float32 {
	return fyne.CurrentApp().Driver().AbsolutePositionForObject(o).Y
}
