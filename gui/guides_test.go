package gui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/softwarecie/cie/internal/guide"
	"github.com/softwarecie/cie/internal/i18n"
)

func TestGuides(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Open("win.guides")
	for _, n := range guide.Names() {
		title := guide.Load(i18n.Italian, n).Title
		if !b.press(func(x *button) bool { return x.text == title }) {
			t.Fatalf("no button %q", title)
		}
		page := guide.Load(i18n.Italian, n)
		for _, block := range page.Blocks() {
			for _, s := range block.Spans {
				if !strings.Contains(b.seen(), s.Text) {
					t.Errorf("%s: %q is not seen", n, s.Text)
				}
			}
		}
		b.tap("win.back")
	}
}

func TestGuideLinksToGuide(t *testing.T) {
	b := newBench(t, i18n.German)
	b.Go(newGuide(guide.Blocked))
	title := guide.Load(i18n.German, guide.Lost).Title
	if !b.press(func(x *button) bool { return x.text == title }) || !strings.Contains(b.seen(), title) {
		t.Errorf("no way to %q in\n%s", title, b.seen())
	}
	b.Escape()
	if title := guide.Load(i18n.German, guide.Blocked).Title; !strings.Contains(b.seen(), title) {
		t.Errorf("Escape does not lead back to %q", title)
	}
}

func TestHelpOfScreen(t *testing.T) {
	b := newBench(t, i18n.French)
	b.Go(newVerify)
	b.win.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyF1})
	if title := guide.Load(i18n.French, guide.Codes).Title; !strings.Contains(b.seen(), title) {
		t.Errorf("F1 does not show %q", title)
	}
}

// An error leads to the guide that explains it.
func TestErrorLeadsToGuide(t *testing.T) {
	b := newBench(t, i18n.English)
	b.Go(newVerify)
	b.typed("00000000")
	b.tap("win.verify.go")
	b.sees("error.pin-wrong.what")
	title := guide.Load(i18n.English, guide.Lost).Title
	if !b.press(func(x *button) bool { return x.text == title }) || !strings.Contains(b.seen(), title) {
		t.Errorf("no way to %q", title)
	}
}

// What the tools of a guide do with a code or a password, and that they forget it.
func TestHalfPUKTool(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newGuide(guide.Activation))
	s := b.trail[len(b.trail)-1].screen.(*guideScreen)
	test.Type(s.half.field, "70")
	for _, want := range []string{b.t("win.half.position", "position", 1) + "\n7", b.t("win.half.position", "position", 2) + "\n0"} {
		if !strings.Contains(b.seen(), want) {
			t.Errorf("no %q in\n%s", want, b.seen())
		}
	}
	test.Type(s.half.field, "459")
	b.sees("win.half.full")
	if s.half.field.n != 4 {
		t.Errorf("%d digits", s.half.field.n)
	}
	test.Type(s.half.field, "x")
	b.sees("win.code.only-digits")
	b.tap("win.back")
	if strings.Trim(string(s.half.field.digits.Bytes()), "\x00") != "" || s.half.field.n != 0 {
		t.Error("the digits are still there")
	}
}

func TestPasswordTool(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newGuide(guide.Activation))
	s := b.trail[len(b.trail)-1].screen.(*guideScreen)
	kept := func() int { return strings.Count(b.seen(), " · "+b.t("win.password.kept")) / 2 } // each text is seen as such and as what it is drawn with
	if kept() != 0 {
		t.Errorf("%d rules kept by nothing", kept())
	}
	test.Type(s.password, "Àbcdefg1!x")
	if kept() != 6 || strings.Contains(b.seen(), "bcdefg") {
		t.Errorf("%d rules kept in\n%s", kept(), b.seen())
	}
	for range 2 {
		s.password.TypedKey(&fyne.KeyEvent{Name: fyne.KeyBackspace})
	}
	if got := string(s.password.bytes()); got != "Àbcdefg1" || kept() != 4 { // too short, no symbol
		t.Errorf("%q keeps %d rules", got, kept())
	}
	test.Type(s.password, strings.Repeat("é", passwordRoom))
	s.password.TypedRune('\n')
	if s.password.n > passwordRoom {
		t.Errorf("%d bytes", s.password.n)
	}
	s.password.FocusLost()
	if strings.Trim(string(s.password.characters.Bytes()), "\x00") != "" || kept() != 0 {
		t.Error("the password is still there")
	}
}

// eachGuide shows every guide.
func (b *bench) eachGuide(visit func(string)) {
	for _, n := range guide.Names() {
		b.Go(newGuide(n))
		visit("guide " + string(n))
	}
}
