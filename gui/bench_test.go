package gui

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/demo"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/settings"
)

// A bench is a window over emulated cards. What the window's goroutine would do is
// queued, and done on the test's own when it waits.
type bench struct {
	*Window
	test  *testing.T
	demo  *demo.Demo
	queue chan func()
}

func newBench(t *testing.T, l i18n.Language) *bench {
	t.Helper()
	return newBenchWith(t, l, settings.Default())
}

func newBenchWith(t *testing.T, l i18n.Language, chosen settings.Settings) *bench {
	t.Helper()
	d, err := demo.New(0, "Reader 1", "Reader 2")
	if err != nil {
		t.Fatal(err)
	}
	d.Cards[1].Remove()
	b := &bench{test: t, demo: d, queue: make(chan func(), 1000)}
	app := test.NewTempApp(t)
	b.Window = New(app, Deps{
		Holder: d.Holder, Browsers: d.Browsers, Settings: chosen, Language: l, Version: "test",
		Changes: func(context.Context, func()) {}, // tests urge
		Do:      func(f func()) { b.queue <- f },
	})
	b.win.Resize(fyne.NewSize(800, 600))
	t.Cleanup(func() {
		b.Close()
		b.work.Lock() // whoever is at work has ended
		defer b.work.Unlock()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	b.until("the readers are known", func() bool { return b.state.known })
	return b
}

// until does what is queued until something is so, a minute at most: a busy computer is
// slow.
func (b *bench) until(what string, so func() bool) {
	b.test.Helper()
	for timeout := time.After(time.Minute); !so(); {
		select {
		case f := <-b.queue:
			f()
		case <-timeout:
			b.test.Fatalf("waited for nothing: %s\n%s", what, b.seen())
		}
	}
}

// seen is the text in the window, a line for each object.
func (b *bench) seen() string {
	var lines []string
	for _, o := range test.LaidOutObjects(b.win.Content()) {
		switch o := o.(type) {
		case *widget.RichText:
			lines = append(lines, o.String())
		case *canvas.Text:
			lines = append(lines, o.Text)
		}
	}
	return strings.Join(lines, "\n")
}

// tap presses the button with a text.
func (b *bench) tap(key string) {
	b.test.Helper()
	if !b.press(func(x *button) bool { return x.text == b.t(key) && x.weight != place }) {
		b.test.Fatalf("no button %q to press in\n%s", b.t(key), b.seen())
	}
}

// typed types digits into the field that has the focus.
func (b *bench) typed(digits string) {
	b.test.Helper()
	focused := b.win.Canvas().Focused()
	if focused == nil {
		b.test.Fatalf("nothing has the focus in\n%s", b.seen())
	}
	test.Type(focused, digits)
}

// sees waits for a text.
func (b *bench) sees(key string, args ...any) {
	b.test.Helper()
	text := b.t(key, args...)
	b.until("to see "+text, func() bool { return strings.Contains(b.seen(), text) })
}

// key presses a key where the focus is.
func (b *bench) key(name string) {
	event := &fyne.KeyEvent{Name: fyne.KeyName(name)}
	if focused := b.win.Canvas().Focused(); focused != nil {
		focused.TypedKey(event)
		return
	}
	b.win.Canvas().OnTypedKey()(event)
}

// cannot wants a button that cannot be pressed.
func (b *bench) cannot(key string) {
	b.test.Helper()
	for _, x := range b.buttons() {
		if x.text == b.t(key) && !x.disabled {
			b.test.Errorf("%s can be pressed", x.text)
		}
	}
}

// ledger wants these commands on the codes of the first card, and no other but
// questions for the tries.
func (b *bench) ledger(want ...string) {
	b.test.Helper()
	var got []string
	for _, e := range b.demo.Cards[0].Ledger() {
		if e.Kind != "query" {
			got = append(got, e.Kind+" "+e.SW)
		}
	}
	if !slices.EqualFunc(got, want, strings.EqualFold) {
		b.test.Errorf("ledger %q, want %q", got, want)
	}
}

// seesNow wants a text that is there before anything queued is done.
func (b *bench) seesNow(key string, args ...any) {
	b.test.Helper()
	if text := b.t(key, args...); !strings.Contains(b.seen(), text) {
		b.test.Errorf("no %q in\n%s", text, b.seen())
	}
}

// buttonOf is the button of the screen with a text.
func (b *bench) buttonOf(key string) *button {
	b.test.Helper()
	var found *button
	eachButton(b.body, func(x *button) {
		if x.text == b.t(key) {
			found = x
		}
	})
	if found == nil {
		b.test.Fatalf("no button %q in\n%s", b.t(key), b.seen())
	}
	return found
}

func (b *bench) weightOf(key string) weight { b.test.Helper(); return b.buttonOf(key).weight }
