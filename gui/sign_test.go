package gui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/i18n"
)

// documents are files to sign, in a folder of their own.
func documents(t *testing.T, names ...string) (files []string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte("Content of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// there says whether a file is.
func there(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// toSign brings files before the question for the PIN.
func (b *bench) toSign(files ...string) {
	b.test.Helper()
	b.deps.Holder.Linger = time.Minute // else the card proves its holder's PIN for each signature
	b.SignFiles(files)
	b.tap("win.go-on")
	b.sees("win.sign.go")
}

// Many files, one PIN; the last four digits do where the card is paired.
func TestSign(t *testing.T) { // [81][94][100][101]
	b := newBench(t, i18n.Italian)
	b.deps.Holder.Linger = time.Minute // as in toSign
	b.pairFirst()
	files := documents(t, "a.pdf", "b.txt", "c")
	b.Open("win.sign")
	b.seesNow("note.fea")
	b.drop(files[:2]...)
	b.drop(files[1:]...) // one of them twice
	b.tap("win.go-on")
	b.sees("win.sign.ask", "n", 3)
	b.seesNow("note.fea")
	b.seesNow("pin.tries", "n", 3)
	b.ledger("verify 9000") // of the pairing
	b.typed("5678")
	b.key("Return")
	b.sees("win.sign.done", "n", 3)
	b.ledger("verify 9000", "verify 9000")
	for _, f := range files {
		if !there(f+".p7m") || !strings.Contains(b.seen(), f+".p7m") {
			t.Errorf("%s.p7m is not there, or not told in\n%s", f, b.seen())
		}
	}
	b.tap("win.sign.verify")
	b.until("all are verified", func() bool { return strings.Count(b.seen(), b.t("win.report.open")) == 3 })
	if n := strings.Count(b.seen(), b.t("verdict.unchecked")); n < 3 {
		t.Errorf("%d of 3 verified in\n%s", n, b.seen())
	}
}

// What is chosen is done: the signature alone, into another folder; a file taken out of
// the list is not signed.
func TestSignAsChosen(t *testing.T) { // [82]
	b := newBench(t, i18n.Italian)
	files := documents(t, "a.txt", "b.txt")
	elsewhere := t.TempDir()
	b.SignFiles(files)
	s := b.screen().(*signScreen)
	s.folder = func(done func(string)) { done(elsewhere) }
	b.tap("win.sign.folder")
	b.tap("win.sign.format.detached")
	b.tap("win.sign.remove") // the first
	b.configure(b.deps.Settings, i18n.German)
	b.seesNow("win.sign.title")
	b.tap("win.go-on")
	b.sees("win.sign.ask", "n", 1)
	b.typed("12345678")
	b.tap("win.sign.go")
	b.sees("win.sign.done", "n", 1)
	if !there(filepath.Join(elsewhere, "b.txt.p7s")) || there(files[0]+".p7m") {
		t.Error("not as chosen")
	}
	b.tap("win.done")
	b.seesNow("win.sign.text") // the list is empty again
}

// Each format that there is has its words.
func TestFormatsHaveWords(t *testing.T) {
	c := i18n.Load(i18n.Italian)
	for _, name := range append(ades.Formats(), "detached") {
		if key := "win.sign.format." + name; c.T(key) == key {
			t.Errorf("no words for %q", name)
		}
	}
}

// What cannot be signed is told before the PIN is asked for.
func TestSignRefusesBeforeThePIN(t *testing.T) {
	b := newBench(t, i18n.Italian)
	files := documents(t, "a.txt", "a.txt.p7m", "b.p7m", "c.txt")
	b.SignFiles(files[:1])
	b.tap("win.go-on")
	b.sees("error.file-exists.what", "file", files[1])
	b.tap("win.retry")
	b.seesNow("win.sign.title")

	b.SignFiles([]string{files[2]})
	b.tap("win.go-on")
	b.sees("error.signature-format.what", "file", files[2])

	b.SignFiles([]string{filepath.Dir(files[0])})
	b.tap("win.go-on")
	b.sees("error.file.what", "file", filepath.Dir(files[0]))

	other := documents(t, "c.txt")
	b.SignFiles([]string{files[3], other[0]}) // both would become c.txt.p7m
	s := b.screen().(*signScreen)
	s.how.Output = t.TempDir()
	b.tap("win.go-on")
	b.sees("error.file-exists.what", "file", filepath.Join(s.how.Output, "c.txt.p7m"))
	b.ledger()
}

// A wrong PIN writes nothing; the files are still there to be signed.
func TestSignWithAWrongPIN(t *testing.T) {
	b := newBench(t, i18n.Italian)
	files := documents(t, "a.txt")
	b.toSign(files...)
	b.typed("00000000")
	b.key("Return")
	b.sees("error.pin-wrong.what")
	b.sees("tries.left", "n", 2)
	b.ledger("verify 63C2")
	if there(files[0] + ".p7m") {
		t.Error("written all the same")
	}
	b.tap("win.retry")
	b.sees("win.sign.go")
	b.typed("12345678")
	b.key("Return")
	b.sees("win.sign.done", "n", 1)
	b.ledger("verify 63C2", "verify 9000")
}

// The last try needs the typed word, for signing too.
func TestSignGuardsTheLastTry(t *testing.T) {
	b := newBench(t, i18n.Italian)
	if err := b.demo.Cards[0].Set([]byte(`{"tries": 1}`)); err != nil {
		t.Fatal(err)
	}
	b.toSign(documents(t, "a.txt")...)
	b.typed("12345678")
	b.key("Return")
	b.sees("win.last.pin")
	b.ledger()
	b.cannot("win.go-on")
	b.typed(b.t("word.last"))
	b.key("Return")
	b.sees("win.sign.done", "n", 1)
	b.ledger("verify 9000")
}

// A card that is lifted before the PIN has left is waited for.
func TestSignWaitsForTheCard(t *testing.T) {
	b := newBench(t, i18n.Italian)
	files := documents(t, "a.txt", "b.txt")
	b.toSign(files...)
	b.demo.Cards[0].Remove()
	b.typed("12345678")
	b.key("Return")
	b.sees("win.lay")
	b.ledger()
	b.demo.Cards[0].Insert()
	b.urge()
	b.sees("win.sign.done", "n", 2)
	b.ledger("verify 9000")
}

// What was signed before the card was lifted is not lost, and not signed twice.
func TestSignPart(t *testing.T) {
	b := newBench(t, i18n.Italian)
	files := documents(t, "a.txt", "b.txt", "c.txt")
	b.toSign(files...)
	s := b.screen().(*signScreen)
	done := b.signedJob(files[0])
	s.jobs[0].Close()
	s.jobs[0] = done
	s.ask()
	b.seesNow("win.sign.ask", "n", 2)
	b.seesNow("win.sign.rest", "n", 1)
	before := len(b.demo.Cards[0].Ledger())
	b.tap("win.sign.keep")
	b.sees("win.sign.done", "n", 1)
	if !there(files[0]+".p7m") || there(files[1]+".p7m") || len(b.demo.Cards[0].Ledger()) != before {
		t.Error("not what was signed, and nothing else")
	}
	b.tap("win.done")
	b.tap("win.go-on")
	b.sees("win.sign.ask", "n", 2)
}

// signedJob is a job on which the first card has signed.
func (b *bench) signedJob(file string) *ades.Job {
	b.test.Helper()
	j, err := ades.Prepare(b.ctx, file, ades.How{})
	if err != nil {
		b.test.Fatal(err)
	}
	login := b.login()
	defer login.Close()
	if err := j.Sign(login.Signer(b.ctx), login.Certificate(), nil, time.Now()); err != nil {
		b.test.Fatal(err)
	}
	return j
}

// A link that breaks loses no file, sends no code again that may have counted, and leaves
// nothing half written. Once the card has said that the PIN is right, it goes on by itself.
func TestSignLifted(t *testing.T) {
	b := newBench(t, i18n.Italian)
	for _, tt := range []struct {
		n     int // the command at which it breaks
		kind  string
		while string
		told  bool // that it broke, instead of going on
	}{
		{20, "drop-before", "the card is read", false},
		{44, "drop-before", "the PIN is on its way", true},
		{44, "drop-after", "the answer to the PIN is on its way", true},
		{47, "drop-before", "the certificate is read", false},
		{54, "drop-before", "the first is signed", false},
		{58, "drop-before", "the second is signed", false},
	} {
		files := documents(t, "a.txt", "b.txt")
		b.toSign(files...)
		before := len(b.demo.Cards[0].Ledger())
		b.demo.Cards[0].Fail(tt.n, emulator.Fault{Kind: tt.kind})
		b.typed("12345678")
		b.key("Return")
		b.until("the work ends", func() bool { return b.running == nil })
		b.demo.Cards[0].ClearFaults()
		b.urge() // the card lies there
		if tt.told {
			b.sees("win.retry")
		} else {
			b.sees("win.sign.done", "n", 2)
		}
		verified := 0
		for _, e := range b.demo.Cards[0].Ledger()[before:] {
			if e.Kind == "verify" {
				verified++
			}
			if e.Kind == "verify" && e.SW != "9000" || tt.told && verified > 1 {
				t.Errorf("while %s: %s %s", tt.while, e.Kind, e.SW)
			}
		}
		for _, f := range files {
			if there(f+".p7m") == tt.told {
				t.Errorf("while %s: %s.p7m is there: %v", tt.while, f, !tt.told)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(files[0]), ".cie-*")); len(left) != 0 {
			t.Errorf("while %s: left %q", tt.while, left)
		}
	}
}

// eachSigning shows the screens for signing.
func (b *bench) eachSigning(visit func(string)) {
	b.test.Helper()
	s := &signScreen{codeStage: newCodeStage(b.Window), order: &order{}}
	b.Go(func(*Window) screen { return s })
	long := "/home/somebody/" + strings.Repeat("a-long-name", 9)
	s.files, s.how.Output = []string{long, "/home/somebody/b.txt"}, long
	s.gather()
	visit("files to sign")
	s.jobs = []*ades.Job{{Path: long, Output: long + ".p7m", Size: 123456, Broken: true, Invoice: true, Active: []string{"JavaScript"}}}
	s.ask()
	visit("PIN for signing")
	s.wrote([]writing{{job: s.jobs[0]}, {s.jobs[0], situationError("signature-self")}})
	visit("signed")
	s.wrote([]writing{{&ades.Job{Path: long}, situationError("file")}})
	visit("not written")
	formats := stacked(unit)
	for _, key := range keysFrom(b.test, "win.sign.format.") {
		formats.Add(newButton(plain, b.t("win.sign.format."+key), nil))
	}
	s.show(formats, nil)
	visit("formats")
}
