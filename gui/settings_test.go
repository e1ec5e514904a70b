package gui

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/settings"
)

// choose presses the button of a setting with a text.
func (b *bench) choose(text string) {
	b.test.Helper()
	if !b.press(func(x *button) bool { return x.text == text && x.weight == plain }) {
		b.test.Fatalf("no option %q in\n%s", text, b.seen())
	}
}

func TestSettings(t *testing.T) {
	b := newBench(t, i18n.Italian)
	path := filepath.Join(t.TempDir(), "config.toml")
	b.deps.Save = func(s settings.Settings) error { return settings.Save(path, s) }
	b.Open("win.settings")
	b.choose(b.t("win.theme.dark"))
	b.choose("150 %")
	b.choose("Deutsch")
	b.sees("win.settings")
	b.choose(b.t("win.half.none"))
	b.choose("5 s")
	b.choose("1 h")
	b.choose(b.t("win.log.debug"))
	b.choose(b.t("win.proxy.none"))
	want := settings.Default()
	want.Window.Theme, want.Window.TextSize, want.Language = "dark", 150, "de"
	want.Pairing.Half, want.PIN.Linger.Duration, want.Module.Idle.Duration = false, 5*time.Second, time.Hour
	want.Log.Level, want.Proxy.Mode = "debug", "none"
	got, err := settings.Load(path)
	if err != nil || got.Window != want.Window || got.Language != "de" || got.Pairing != want.Pairing || got.PIN != want.PIN ||
		got.Module != want.Module || got.Log != want.Log || got.Proxy != want.Proxy {
		t.Errorf("saved %+v, want %+v, %v", got, want, err)
	}
	b.until("the holder goes by it", func() bool {
		b.work.Lock()
		defer b.work.Unlock()
		return !b.deps.Holder.KeepHalf && b.deps.Holder.Linger == 5*time.Second
	})
	if b.t("win.settings") != "Einstellungen" {
		t.Errorf("the language is %q", b.t("win.settings"))
	}
}

func TestSettingsProxy(t *testing.T) {
	b := newBench(t, i18n.Italian)
	path := filepath.Join(t.TempDir(), "config.toml")
	b.deps.Save = func(s settings.Settings) error { return settings.Save(path, s) }
	b.Open("win.settings")
	b.choose(b.t("win.proxy.manual")) // without an address
	b.sees("win.settings.unsaved")
	if b.deps.Settings.Proxy.Mode != "system" {
		t.Errorf("mode %s", b.deps.Settings.Proxy.Mode)
	}
	s := b.trail[len(b.trail)-1].screen.(*settingsScreen)
	test.Type(s.proxy, "http://u:secret@h:1")
	b.choose(b.t("win.proxy.manual"))
	if strings.Contains(b.said(s), "secret") {
		t.Errorf("the password is repeated: %s", b.said(s))
	}
	s.proxy.SetText("http://proxy:3128")
	b.choose(b.t("win.proxy.manual"))
	if got, err := settings.Load(path); err != nil || got.Proxy.URL != "http://proxy:3128" {
		t.Errorf("%+v, %v", got.Proxy, err)
	}
}

// said is what the settings screen complains of.
func (b *bench) said(s *settingsScreen) string {
	var lines []string
	for _, o := range test.LaidOutObjects(s.said) {
		if text, ok := o.(interface{ String() string }); ok {
			lines = append(lines, text.String())
		}
	}
	return strings.Join(lines, "\n")
}

func TestSettingsNotSaved(t *testing.T) {
	b := newBench(t, i18n.French)
	b.deps.Save = func(settings.Settings) error { return errors.New("disk full") }
	b.Open("win.settings")
	b.choose(b.t("win.theme.dark"))
	b.sees("win.settings.unsaved")
	if b.deps.Settings.Window.Theme != "system" {
		t.Errorf("theme %s", b.deps.Settings.Window.Theme)
	}
}

// What is listed is deleted once a word was typed, and not before.
func TestKept(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.pairFirst()
	name := holderOf(b.state.paired[0]).FullName()
	b.Go(newKept)
	b.sees("kept.card")
	b.sees("kept.half")
	b.sees("kept.key")
	if !strings.Contains(b.seen(), name) {
		t.Errorf("no %q in\n%s", name, b.seen())
	}
	b.tap("win.kept.delete")
	b.sees("win.kept.ask")
	b.tap("win.cancel")
	b.sees("kept.card")
	b.tap("win.kept.delete")
	if b.press(func(x *button) bool { return x.text == b.t("win.kept.go") }) {
		t.Error("deleted without the word")
	}
	b.typed(b.t("word.yes"))
	b.tap("win.kept.go")
	b.sees("win.kept.done")
	b.until("nothing is paired", func() bool { return len(b.state.paired) == 0 })
	b.Go(newKept)
	b.sees("kept.nothing")
}

// eachKept shows what is kept: everything that there can be, and the question
// before it is deleted.
func (b *bench) eachKept(visit func(string)) {
	b.Open("win.settings")
	b.trail[0].screen.(*settingsScreen).complain(errors.New("/home/somebody/.config/cie/config.toml: permission denied"))
	visit("setting not saved")
	b.Go(newKept)
	s := b.trail[len(b.trail)-1].screen.(*keptScreen)
	var all []pairing.Kept
	for _, kind := range []pairing.Kind{
		pairing.KindKey, pairing.KindLock, pairing.KindCard, pairing.KindPending, pairing.KindTries, pairing.KindRest, pairing.KindKeyring,
		settings.KindSettings, settings.KindWindow,
	} {
		all = append(all, pairing.Kept{Kind: kind, Path: "/home/somebody/.local/state/cie/pairings/" + strings.Repeat("0f", 16) + ".card", Size: 8242, Half: true})
	}
	s.draw(all)
	visit("kept")
	s.ask(true)
	visit("delete what is kept?")
}

// What the administrator has set is said to be theirs, and stays.
func TestManagedSetting(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.deps.Managed = map[string]bool{"window.text-size": true, "pairing.keyring": true, "proxy.mode": true}
	b.Open("win.settings")
	s := b.trail[0].screen.(*settingsScreen)
	said := 0
	eachObject(s.box, fyne.Position{}, func(o fyne.CanvasObject, _ fyne.Position) {
		if text, ok := o.(*widget.RichText); ok && text.String() == b.t("error.managed.what") {
			said++
		}
	})
	if said != 3 {
		t.Errorf("%d settings are said to be the administrator's, want 3", said)
	}
	for _, text := range []string{"150 %", b.t("win.half.none"), b.t("win.proxy.none")} {
		eachButton(s.box, func(x *button) {
			if x.text == text {
				x.Tapped(nil)
			}
		})
	}
	if got, want := b.deps.Settings, settings.Default(); got.Window != want.Window || got.Pairing != want.Pairing || got.Proxy != want.Proxy {
		t.Errorf("changed all the same: %+v", got)
	}
	if slices.Contains(s.box.Objects, fyne.CanvasObject(s.proxy)) {
		t.Error("the address of the proxy can be typed")
	}
	b.choose(b.t("win.theme.dark")) // the others can be changed
	if b.deps.Settings.Window.Theme != "dark" {
		t.Error("the theme was not changed")
	}
}

// A setting that has become the administrator's since the window opened stays, too.
func TestManagedMeanwhile(t *testing.T) {
	managed := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(managed, []byte("[window]\ntext-size = 100\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, i18n.Italian)
	b.deps.Save = settings.Files{Managed: managed, Own: filepath.Join(t.TempDir(), "own.toml")}.Save
	b.Open("win.settings")
	b.choose("150 %")
	b.sees("error.managed.what")
	if b.deps.Settings.Window.TextSize != 100 {
		t.Error("changed all the same")
	}
}
