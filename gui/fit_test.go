package gui

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/settings"
)

// Every text of every screen fits its widget and the window of 800 by 600, in
// every language, at 100 % and 150 %; at 200 % the smallest window, in the language with
// the longest words. What is longer than the window scrolls. Language and size are changed
// while the window is open.
func TestTextFits(t *testing.T) {
	b := newBench(t, i18n.Italian)
	before := b.state
	b.pairFirst()
	after := b.state
	for _, l := range i18n.Languages() {
		for _, size := range []int{100, 150, 200} {
			b.win.Resize(fyne.NewSize(800, 600))
			if size == 200 {
				b.win.Resize(fyne.NewSize(640, 480))
			}
			if size == 200 && l != i18n.German {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", l, size), func(t *testing.T) {
				b.test = t
				chosen := settings.Default()
				chosen.Window.TextSize = size
				b.configure(chosen, l)
				b.eachView(before, after, func(name string) { b.fits(name) })
			})
		}
	}
}

// A text that does not fit is found.
func TestFitsComplains(t *testing.T) {
	for name, o := range map[string]fyne.CanvasObject{
		"a long word":   heading(strings.Repeat("abcdefghij", 8)),
		"a long button": newButton(plain, strings.Repeat("abcdefghij", 9), nil),
	} {
		b := newBench(t, i18n.Italian)
		b.Go(newPIN)
		b.trail[len(b.trail)-1].screen.(*pinScreen).show(stacked(unit, o), nil)
		b.test = &testing.T{}
		if b.fits(name); !b.test.Failed() {
			t.Errorf("%s is not found", name)
		}
		b.test = t
	}
}

// eachView shows everything there is to see, one after the other.
func (b *bench) eachView(before, after state, visit func(name string)) {
	b.state = before
	b.firstSteps(visit)
	for _, place := range entries() {
		b.Open(place.key)
		visit(place.key)
	}
	for name, open := range map[string]opener{"verify": newVerify, "pair": newPair} {
		b.Go(open)
		visit(name)
	}
	b.Go(newChange)
	visit("change")
	s := b.trail[len(b.trail)-1].screen.(*changeScreen)
	s.form(1)
	visit("new PIN")
	s.forms[1].complain(&cie.WeakPINError{Rule: cie.RuleRun})
	visit("weak PIN")
	b.Go(newUnblock)
	visit("unblock")
	b.working(s.stage, visit)
	for _, situation := range b.situations() {
		s.show(newErrorView(b.Window, situation, func() {}))
		visit("error " + situation.MessageKey())
	}
	s.finish(b.t("win.unblock.done"), b.t("note.keep-codes"), b.t("note.pair-again"))
	visit("done")
	b.eachGuide(visit)
	b.eachKept(visit)
	b.eachBrowser(visit)
	b.eachFinding(visit)
	b.eachLogin(visit)
	b.eachVerdict(visit)
	b.eachSigning(visit)
	b.state = after
	b.Open(home)
	visit("home")
	b.Go(newUnpair(b.state.paired...))
	visit("unpair")
	b.Go(newDetails(b.state.paired[0]))
	details := b.trail[len(b.trail)-1].screen.(*detailsScreen)
	details.private = true
	details.draw()
	visit("details")
	details.saved(true, &fs.PathError{Op: "open", Path: "/home/somebody/cie.pem", Err: fs.ErrPermission})
	visit("details not saved")
	b.Serve(true)
	b.served(b.t("win.unblock"), b.t("error.pin-blocked.what"))
	for name, now := range map[string]state{"counter": after, "counter without reader": {known: true}} {
		b.state = now
		b.tell()
		visit(name)
	}
	b.Go(newCheck)
	visit("check")
	b.Go(newRead)
	visit("read at the counter")
	b.Go(newDetails(after.paired[0]))
	visit("details at the counter")
	b.Serve(false)
	b.state = after
}

// firstSteps shows the way to the first card at each of its points.
func (b *bench) firstSteps(visit func(string)) {
	b.Open(home)
	seen := b.state
	for name, now := range map[string]state{
		"no service": {known: true, err: os.ErrPermission},
		"no reader":  {known: true},
		"contacts":   {known: true, readers: contacts()},
		"no card":    {known: true, readers: []cie.Status{{}}},
		"a card":     seen,
	} {
		b.state = now
		b.tell()
		visit("first steps: " + name)
	}
	b.state = seen
}

// working shows card work and its questions.
func (b *bench) working(s *stage, visit func(string)) {
	r := &run{stage: s, cancel: func() {}, task: task{title: b.t("win.change"), steps: []cie.Step{cie.StepConnect, cie.StepAuthenticate, cie.StepVerify, cie.StepChange}}}
	r.view = newProgress(b.Window, r.task, func() {})
	s.show(r.view.box, nil)
	visit("progress")
	r.view.reach(cie.StepRetry)
	visit("retry")
	s.show(r.choose(), nil)
	visit("several cards")
	r.wait(cie.ErrNoReader)
	visit("waiting")
	for key, word := range map[string]string{"win.last.pin": "word.last", "win.last.puk": "word.last", "win.few.puk": "word.yes", "win.unknown-issuer": "word.yes"} {
		r.ask(b.t(key, "n", 2), b.t(word), nil)
		visit(key)
	}
	r.over = true
}

// A situationError is an error of one situation, by its key.
type situationError string

func (e situationError) Error() string {
	return "some technical text that is as long as such texts are, from readers and cards"
}
func (e situationError) MessageKey() string { return string(e) }
func (e situationError) MessageArgs() []any {
	return []any{"n", 2, "file", "/home/somebody/.config/cie/config.toml"}
}

// situations is everything that can happen, from the catalogue.
func (b *bench) situations() (all []situationError) {
	b.test.Helper()
	for _, key := range keysFrom(b.test, "error.") {
		if name, ok := strings.CutSuffix(key, ".what"); ok {
			all = append(all, situationError(name))
		}
	}
	return all
}

// keysFrom are the ends of the catalogue's keys that begin so.
func keysFrom(t *testing.T, start string) (all []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "internal", "i18n", "it.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]any
	if err := json.Unmarshal(content, &texts); err != nil {
		t.Fatal(err)
	}
	for key := range texts {
		if end, ok := strings.CutPrefix(key, start); ok {
			all = append(all, end)
		}
	}
	return all
}

// pairFirst pairs the card that lies on the first reader.
func (b *bench) pairFirst() {
	b.test.Helper()
	b.Go(newPair)
	b.typed("12345678")
	b.tap("win.pair.go")
	b.until("a card is paired", func() bool { return len(b.state.paired) == 1 })
}

// fits complains of text that is cut off.
func (b *bench) fits(name string) {
	b.test.Helper()
	if size := b.win.Canvas().Size(); b.body.Size().Height < size.Height/4 {
		b.test.Errorf("%s: of %v there are %v for the screen", name, size, b.body.Size())
	}
	eachObject(b.win.Content(), fyne.NewPos(0, 0), func(o fyne.CanvasObject, at fyne.Position) {
		text, least := "", fyne.Size{}
		switch o := o.(type) {
		case *button:
			text, least = o.text, o.MinSize()
		case *canvas.Text:
			text, least = o.Text, o.MinSize()
		case *widget.RichText:
			text, least = o.String(), o.MinSize()
			for _, part := range o.Segments {
				if size := part.(*widget.TextSegment).Style.SizeName; sized(size) == 0 {
					b.test.Errorf("%s: %q has the size %q, which there is not", name, text, size)
				}
			}
			least.Width = 0 // it may be broken anywhere
			if o.Wrapping != fyne.TextWrapBreak {
				least.Width = longestWord(o)
			}
		default:
			return
		}
		const rounding = 0.5
		if size := o.Size(); size.Width+rounding < least.Width || size.Height+rounding < least.Height {
			b.test.Errorf("%s: %q has %v, needs %v", name, text, size, least)
		}
		if right := at.X + o.Size().Width; at.X < -rounding-unit || right > b.win.Canvas().Size().Width+rounding+unit {
			b.test.Errorf("%s: %q stands from %v to %v", name, text, at.X, right)
		}
	})
}

// eachObject visits what is seen, with where it stands in the window.
func eachObject(o fyne.CanvasObject, at fyne.Position, visit func(fyne.CanvasObject, fyne.Position)) {
	if !o.Visible() {
		return
	}
	at = at.Add(o.Position())
	visit(o, at)
	switch o := o.(type) {
	case *fyne.Container:
		for _, child := range o.Objects {
			eachObject(child, at, visit)
		}
	case *widget.RichText: // one text
	case fyne.Widget:
		for _, child := range test.WidgetRenderer(o).Objects() {
			eachObject(child, at, visit)
		}
	}
}

// longestWord is the width that text needs to wrap between words only. The name of a
// file may be broken.
func longestWord(t *widget.RichText) (width float32) {
	for _, s := range t.Segments {
		segment := s.(*widget.TextSegment)
		for _, word := range strings.Fields(segment.Text) {
			if strings.HasPrefix(word, "/") {
				continue
			}
			size := fyne.MeasureText(word, sized(segment.Style.SizeName), segment.Style.TextStyle)
			width = max(width, size.Width)
		}
	}
	return width + 2*sized(theme.SizeNameInnerPadding)
}

// The longest names of readers there are fit as well, in the smallest window.
func TestLongNamesFit(t *testing.T) {
	b := newBench(t, i18n.German)
	b.pairFirst()
	b.win.Resize(fyne.NewSize(640, 480))
	chosen := settings.Default()
	chosen.Window.TextSize = 200
	b.configure(chosen, i18n.German)
	b.until("the browsers are known", func() bool { return len(b.browsers) > 0 })
	reader := b.state.readers[0]
	reader.Reader.Name = "SCM Microsystems Inc. SCL011 Contactless Reader [SCL01x Contactless Reader] (21161026200000) 00 00"
	other := reader
	other.Record = nil
	b.state.readers = []cie.Status{reader, other}
	b.Open(home)
	b.fits("home")
	b.Go(newChange)
	s := b.trail[len(b.trail)-1].screen.(*changeScreen)
	b.working(s.stage, func(name string) { b.fits(name) })
	b.Serve(true)
	b.state.known, b.state.readers = true, []cie.Status{other}
	b.tell()
	b.fits("counter")
}
