package gui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/ades/apart"
	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/report"
	"github.com/softwarecie/cie/internal/secret"
)

// The process that verifies files is this program.
func TestMain(m *testing.M) {
	apart.Serve()
	os.Exit(m.Run())
}

// vector is a copy of a signed file that others made, in a folder of its own.
func vector(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", "signatures", name))
	if err != nil {
		t.Fatal(err)
	}
	return fileWith(t, filepath.Base(name), content)
}

// fileWith is a file with some content in a folder of its own.
func fileWith(t *testing.T, name string, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// forged is a signed file with another document in it.
func forged(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", "signatures", "cades", "b.p7m"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(filepath.Join("..", "testdata", "signatures", "doc.txt"))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ToUpper(document)
	if bytes.Equal(other, document) || !bytes.Contains(content, document) {
		t.Fatal("nothing to forge")
	}
	return fileWith(t, "doc.txt.p7m", bytes.Replace(content, document, other, 1))
}

// login is one on the first card.
func (b *bench) login() *cie.Login {
	b.test.Helper()
	reader, err := b.deps.Holder.Find(b.ctx, "")
	if err != nil {
		b.test.Fatal(err)
	}
	pin := secret.New(codeLength)
	copy(pin.Bytes(), "12345678")
	defer pin.Wipe()
	login, err := b.deps.Holder.Login(b.ctx, cie.Target{Reader: reader}, pin)
	if err != nil {
		b.test.Fatal(err)
	}
	return login
}

// signed is a file that the first card has signed.
func (b *bench) signed(name string, content []byte) string {
	b.test.Helper()
	login := b.login()
	defer login.Close()
	certificate, document := login.Certificate(), fileWith(b.test, name, content)
	file, err := ades.SignFile(b.ctx, document, ades.How{}, login.Signer(b.ctx), certificate, b.deps.Holder.Roots.Describe(certificate).Path)
	if err := errors.Join(err, os.Remove(document)); err != nil {
		b.test.Fatal(err)
	}
	return file
}

// drop drops files on the window.
func (b *bench) drop(files ...string) {
	var what []fyne.URI
	for _, f := range files {
		what = append(what, storage.NewFileURI(f))
	}
	b.dropped(fyne.NewPos(10, 10), what)
}

// screen is the one that is seen.
func (b *bench) screen() screen { return b.trail[len(b.trail)-1].screen }

// What a card has signed: each fact apart, and never a word for all of them that says
// more than the least of them.
func TestVerifyFile(t *testing.T) { // [102][110]
	b := newBench(t, i18n.Italian)
	file := b.signed("lettera.txt", []byte("Ciao"))
	b.demo.Cards[0].Remove()
	b.Open("win.verify-files")
	b.drop(file)
	b.sees("verdict.unchecked")
	for _, key := range []string{"win.report.unchecked", "report.intact", "report.covers-document", "report.kind-test", "report.revocation"} {
		b.seesNow(key)
	}
	holder := b.demo.Cards[0].Holder()
	if want := holder.Name + " " + holder.Surname; !strings.Contains(b.seen(), want) {
		t.Errorf("no %q in\n%s", want, b.seen())
	}
	ticks := 0
	for _, o := range test.LaidOutObjects(b.win.Content()) {
		if i, ok := o.(*canvas.Image); ok && i.Visible() {
			if g, ok := i.Resource.(glyph); ok && g.body == iconCheck {
				ticks++
			}
		}
	}
	if ticks != 1 { // that the document is intact: an added CA vouches for the signer, nobody for the time
		t.Errorf("%d ticks", ticks)
	}
	page := b.screen().(*reportScreen).box.Objects[0].(*fyne.Container).Objects
	if page[len(page)-1].Visible() {
		t.Error("details are seen before they are asked for")
	}
	b.tap("win.report.more")
	if !page[len(page)-1].Visible() || !strings.Contains(b.seen(), "SHA-256") || !strings.Contains(b.seen(), "CAdES") {
		t.Errorf("no details in\n%s", b.seen())
	}
}

// A forged document, and what is taken out of it, say so.
func TestVerifyForged(t *testing.T) {
	b := newBench(t, i18n.Italian)
	file := forged(t)
	b.VerifyFiles([]string{file})
	b.sees("verdict.invalid")
	b.seesNow("reason.HASH_FAILURE")
	b.tap("win.report.extract")
	b.sees("win.extract.invalid")
	output := filepath.Join(filepath.Dir(file), "doc.INVALID.txt")
	if _, err := os.Stat(output); err != nil || !strings.Contains(b.seen(), output) {
		t.Errorf("%v in\n%s", err, b.seen())
	}
	b.tap("win.done")
	b.sees("verdict.invalid")
	b.tap("win.report.extract") // again: nothing is overwritten
	b.sees("error.file-exists.what", "file", output)
	b.tap("win.retry")
	b.sees("verdict.invalid")
	elsewhere := t.TempDir()
	b.screen().(*reportScreen).folder = func(done func(string)) { done(elsewhere) }
	b.tap("win.report.extract-to")
	b.sees("win.extract.invalid")
	if _, err := os.Stat(filepath.Join(elsewhere, "doc.INVALID.txt")); err != nil {
		t.Error(err)
	}
}

func TestExtract(t *testing.T) { // [108]
	b := newBench(t, i18n.Italian)
	file := vector(t, "cades/nested.txt.p7m.p7m")
	b.VerifyFiles([]string{file})
	b.sees("report.inside")
	b.tap("win.report.innermost")
	b.sees("win.extract.done")
	got, err := os.ReadFile(strings.TrimSuffix(strings.TrimSuffix(file, ".p7m"), ".p7m"))
	want, _ := os.ReadFile(filepath.Join("..", "testdata", "signatures", "doc.txt"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if strings.Contains(b.seen(), b.t("extract.program")) {
		t.Error("warned of a text")
	}
	b.VerifyFiles([]string{b.signed("fattura.exe", []byte("MZ"))})
	b.sees("verdict.unchecked")
	b.tap("win.report.extract")
	b.sees("extract.program")
}

// A signature alone asks for its document.
func TestVerifyDetached(t *testing.T) { // [103]
	b := newBench(t, i18n.Italian)
	file := vector(t, "cades/b-detached.p7s")
	b.VerifyFiles([]string{file})
	b.sees("reason.SIGNED_DATA_NOT_FOUND")
	b.screen().(*reportScreen).which = func(done func(string)) {
		done(filepath.Join("..", "testdata", "signatures", "doc.txt"))
	}
	b.tap("win.report.document")
	b.sees("report.intact")
	b.Back()
	b.sees("reason.SIGNED_DATA_NOT_FOUND")
}

func TestVerifySeveral(t *testing.T) {
	b := newBench(t, i18n.Italian)
	damaged := fileWith(t, "rotto.p7m", []byte("0\x80 damaged"))
	b.VerifyFiles([]string{b.signed("a.txt", []byte("a")), forged(t), damaged, vector(t, "cades/b-two.p7m")})
	b.sees("error.signature-format.what", "file", damaged)
	b.until("all are read", func() bool { return strings.Count(b.seen(), b.t("win.report.open")) == 4 })
	for _, key := range []string{"verdict.unchecked", "verdict.invalid", "verdict.undetermined"} {
		b.seesNow(key)
	}
	var open []*button
	eachButton(b.body, func(x *button) {
		if x.text == b.t("win.report.open") {
			open = append(open, x)
		}
	})
	open[3].Tapped(nil)
	b.sees("win.report.signature", "i", 2, "all", 2)
	b.seesNow("win.report.worst")
	b.Back()
	b.until("all are read", func() bool { return strings.Count(b.seen(), b.t("win.report.open")) == 4 })
	eachButton(b.body, func(x *button) { open = append(open, x) })
	open[len(open)-2].Tapped(nil)
	b.until("the damaged file", func() bool { return strings.Contains(b.seen(), b.t("win.retry")) })
}

// A damaged file gets the view of errors, with its code.
func TestVerifyDamaged(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.VerifyFiles([]string{fileWith(t, "rotto.p7m", []byte("nothing of the kind"))})
	b.sees("win.details", "code", "CIE-SIG-01")
	b.Open("win.verify-files")
	b.screen().(*verifyStartScreen).which = func(done func(string)) { done("/nowhere/at/all.p7m") }
	b.tap("win.files.choose")
	b.sees("error.file.what", "file", "/nowhere/at/all.p7m")
}

func TestReportIsSaved(t *testing.T) { // [109]
	b := newBench(t, i18n.Italian)
	file := forged(t)
	b.VerifyFiles([]string{file})
	b.sees("verdict.invalid")
	s := b.screen().(*reportScreen)
	var chosen chosenFile
	var to io.WriteCloser
	var failed error
	s.where = func(name string, done func(io.WriteCloser, error)) {
		if !strings.HasPrefix(name, "doc.txt.p7m.report.") {
			t.Errorf("offered the name %q", name)
		}
		done(to, failed)
	}
	b.tap("win.report.save") // changed their mind
	b.seesNow("verdict.invalid")
	failed = errors.New("full")
	b.tap("win.report.save")
	b.sees("win.retry")
	b.tap("win.retry")
	to, failed = &chosen, nil
	b.tap("win.report.save")
	b.seesNow("win.details.saved")
	for _, want := range []string{"Software CIE test", file, b.t("verdict.invalid"), "HASH_FAILURE", b.t("report.revocation"), "SHA-256"} {
		if !strings.Contains(chosen.String(), want) {
			t.Errorf("no %q in\n%s", want, chosen.String())
		}
	}
	chosen.Reset()
	b.tap("win.report.json")
	var r ades.Report
	if err := json.Unmarshal(chosen.Bytes(), &r); err != nil || r.Verdict != ades.Invalid || len(r.Signatures) != 1 {
		t.Errorf("%v, %+v", err, r)
	}
}

// Verifying a large file can be given up.
func TestVerifyIsCancelled(t *testing.T) {
	b := newBench(t, i18n.Italian)
	s := &reportScreen{stage: newStage(b.Window)}
	b.Go(func(*Window) screen { return s })
	waits := make(chan struct{})
	ended := make(chan bool, 1)
	s.cancellable("title", func(ctx context.Context, tell func(string)) error {
		tell("far")
		close(waits)
		<-ctx.Done()
		ended <- true
		return ctx.Err()
	}, func() { t.Error("done") }, func() { s.show(paragraph("given up"), nil) })
	<-waits
	b.until("the progress", func() bool { return strings.Contains(b.seen(), "far") })
	b.key("Escape")
	b.until("it is given up", func() bool { return strings.Contains(b.seen(), "given up") })
	<-ended

	s.cancellable("title", func(ctx context.Context, _ func(string)) error { <-ctx.Done(); ended <- true; return nil }, func() { t.Error("done") }, func() {})
	b.Open(home) // leaving ends it, too
	<-ended
}

// While the card is at work a request from outside waits until what came of the work
// was seen.
func TestRequestWaitsForTheCard(t *testing.T) {
	b := newBench(t, i18n.Italian)
	file := forged(t)
	b.Go(newPair)
	b.typed("12345678")
	b.tap("win.pair.go")
	b.VerifyFiles([]string{file})
	b.sees("win.pair.done.half")
	b.ledger("verify 9000")
	b.tap("win.done")
	b.sees("verdict.invalid")
	b.Open(home)
	b.sees("win.ready")
}

// eachVerdict shows what can be said of files.
func (b *bench) eachVerdict(visit func(string)) {
	b.test.Helper()
	s := &reportScreen{stage: newStage(b.Window), file: "/home/somebody/" + strings.Repeat("a-long-name", 9) + ".p7m"}
	b.Go(func(*Window) screen { return s })
	best := ades.Signature{
		Verdict: ades.Undetermined, Reason: ades.TryLater, Intact: true, Covers: "document", Level: "B-B", Claimed: "2026-11-26T09:30:00Z",
		Signer: ades.Signer{Kind: ades.KindCIE, Name: "MARIA ROSSI", TaxCode: "RSSMRA80A41H501X", Issuer: "Issuing sub CA for the Italian Electronic Identity Card - SUBCA003", Expires: "2032-06-15", Serial: "0123456789abcdef"},
	}
	s.report = ades.Report{File: s.file, Format: "CAdES", Encoding: "DER", Detached: true, SHA256: strings.Repeat("0a", 32), Verdict: ades.Undetermined, Signatures: []ades.Signature{best}}
	s.draw()
	b.tap("win.report.more")
	visit("report")
	reasons := report.Line{Text: b.t("verdict.invalid")}
	for _, key := range keysFrom(b.test, "reason.") {
		reasons.More = append(reasons.More, b.t("reason."+key))
	}
	s.show(panel(panel(told(reasons), colorLine), colorLine), nil)
	visit("reasons")
	all := best
	all.Reason, all.Verdict, all.Intact = cades.HashFailure, ades.Invalid, false
	all.Level, all.Signer, all.Claimed = "B-LTA", ades.Signer{Kind: ades.KindOther}, ""
	for _, key := range keysFrom(b.test, "note.signature.") {
		all.Notes = append(all.Notes, cades.Note(key))
	}
	all.Counter = []ades.Signature{best}
	all.Counter[0].Covers, all.Counter[0].Signer.Kind = "signature", ades.KindTest
	s.report.Detached = false
	s.report.Signatures, s.report.Verdict = append(s.report.Signatures, all), ades.Invalid
	s.report.Inside = &ades.Report{Signatures: []ades.Signature{best}, Inside: &ades.Report{}}
	s.draw()
	b.tap("win.report.more")
	visit("report with everything")
	s.extracted(ades.Extraction{Report: ades.Report{Verdict: ades.Invalid}, Output: s.file + ".INVALID.exe", Guessed: true})
	visit("extracted")
	list := &verifyListScreen{stage: newStage(b.Window)}
	b.Go(func(*Window) screen { return list })
	list.show(stacked(unit, list.row(s.file, s.report, nil), list.row(s.file, ades.Report{}, situationError("signature-format"))), nil)
	visit("list of files")
	list.cancellable(b.t("win.verify-files.title"), func(ctx context.Context, tell func(string)) error {
		tell(b.t("win.files.of", "i", 1, "all", 2, "file", filepath.Base(s.file)))
		<-ctx.Done()
		return nil
	}, nil, nil)
	b.until("the progress", func() bool { return strings.Contains(b.seen(), "a-long-name") })
	visit("files being read")
}
