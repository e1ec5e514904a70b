package gui

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/guide"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/settings"
)

// The settings screen changes one setting at a time, which counts at once.
type settingsScreen struct {
	w     *Window
	box   *fyne.Container
	said  *fyne.Container // what went wrong with saving
	proxy *textEntry
}

func newSettings(w *Window) screen {
	s := &settingsScreen{w: w, box: stacked(3 * unit), said: stacked(unit)}
	s.box.Add(heading(w.t("win.settings")))
	s.box.Add(s.said)
	s.look()
	s.safety()
	s.network()
	s.updates()
	s.kept()
	s.counter()
	return s
}

// Content is all settings below each other.
func (s *settingsScreen) Content() fyne.CanvasObject { return s.box }

// Leave has nothing to end.
func (s *settingsScreen) Leave() {}

// Help of the settings is what pairing keeps.
func (s *settingsScreen) Help() guide.Name { return guide.Pairing }

// An option is one of the values a setting may have.
type option struct {
	text   string
	chosen bool
	choose func(*settings.Settings)
}

// managed says whether one of these settings, named as in the file, is the
// administrator's.
func (s *settingsScreen) managed(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return s.w.deps.Managed[name] })
}

// offer adds a setting with its options; a managed one is only shown.
func (s *settingsScreen) offer(managed bool, name, text string, options ...option) {
	row := beside()
	for _, o := range options {
		b := newButton(plain, o.text, func() { s.change(o.choose) })
		b.disabled = managed
		if o.chosen {
			b.icon, b.selected = iconCheck, true
		}
		row.Add(b)
	}
	part := stacked(unit, strong(s.w.t(name), "foreground"))
	if text != "" {
		part.Add(aside(s.w.t(text)))
	}
	part.Add(row)
	if managed {
		part.Add(marked(iconInfo, colorQuiet, aside(s.w.t("error.managed.what"))))
	}
	s.box.Add(part)
}

// change saves a changed setting and shows everything by it.
func (s *settingsScreen) change(choose func(*settings.Settings)) {
	w := s.w
	next := w.deps.Settings
	choose(&next)
	if err := w.save(next); err != nil {
		s.complain(err)
		return
	}
	l := w.deps.Language
	if next.Language != w.deps.Settings.Language {
		l = i18n.Match(next.Language)
	}
	asks := next.Update.Notice != w.deps.Settings.Update.Notice
	w.configure(next, l)
	if asks {
		w.askForUpdates()
	}
}

// complain says why a setting could not be saved.
func (s *settingsScreen) complain(err error) {
	m := s.w.texts.Explain(err)
	s.said.RemoveAll()
	if errors.Is(err, settings.ErrManaged) {
		s.said.Add(note(iconInfo, colorCaution, m.What+" "+m.Next))
		s.box.Refresh()
		return
	}
	s.said.Add(panel(stacked(unit, marked(iconCross, colorDanger, paragraph(s.w.t("win.settings.unsaved")+" ("+m.Code+")")), path(scrub(err.Error()))), colorDanger))
	s.box.Refresh()
}

// look is language, theme, size of text and tray.
func (s *settingsScreen) look() {
	w, now := s.w, s.w.deps.Settings
	var languages, themes, sizes []option
	for _, l := range i18n.Languages() {
		languages = append(languages, option{i18n.Load(l).T("language.name"), l == w.deps.Language, func(n *settings.Settings) { n.Language = string(l) }})
	}
	for _, theme := range settings.Themes() {
		themes = append(themes, option{w.t("win.theme." + theme), theme == now.Window.Theme, func(n *settings.Settings) { n.Window.Theme = theme }})
	}
	for _, percent := range []int{100, 125, 150, 175, 200} {
		sizes = append(sizes, option{strconv.Itoa(percent) + " %", percent == now.Window.TextSize, func(n *settings.Settings) { n.Window.TextSize = percent }})
	}
	s.offer(s.managed("language"), "win.settings.language", "", languages...)
	s.offer(s.managed("window.theme"), "win.settings.theme", "", themes...)
	s.offer(s.managed("window.text-size"), "win.settings.text-size", "", sizes...)
	s.offer(s.managed("window.tray"), "win.settings.tray", "win.settings.tray.text", s.onOff(now.Window.Tray, func(n *settings.Settings, on bool) { n.Window.Tray = on })...)
}

func (s *settingsScreen) onOff(now bool, choose func(*settings.Settings, bool)) []option {
	return []option{
		{s.w.t("win.on"), now, func(n *settings.Settings) { choose(n, true) }},
		{s.w.t("win.off"), !now, func(n *settings.Settings) { choose(n, false) }},
	}
}

// safety is what is kept of the PIN, the guard of the last try, and how long card
// and PIN stay open.
func (s *settingsScreen) safety() {
	w, now := s.w, s.w.deps.Settings
	half := []option{
		{w.t("win.half.none"), !now.Pairing.Half, func(n *settings.Settings) { n.Pairing.Half, n.Pairing.Keyring = false, false }},
		{w.t("win.half.sealed"), now.Pairing.Half && !now.Pairing.Keyring, func(n *settings.Settings) { n.Pairing.Half, n.Pairing.Keyring = true, false }},
	}
	if w.deps.Demo == nil { // emulated cards have no business in a real keyring
		half = append(half, option{w.t("win.half.keyring"), now.Pairing.Half && now.Pairing.Keyring, func(n *settings.Settings) { n.Pairing.Half, n.Pairing.Keyring = true, true }})
	}
	s.offer(s.managed("pairing.half", "pairing.keyring"), "win.settings.half", "win.settings.half.text", half...)
	s.offer(s.managed("pin.last-try-guard"), "win.settings.guard", "win.settings.guard.text", s.onOff(now.PIN.LastTryGuard, func(n *settings.Settings, on bool) { n.PIN.LastTryGuard = on })...)
	s.offer(s.managed("pin.linger"), "win.settings.linger", "win.settings.linger.text", s.spans(now.PIN.Linger.Duration, func(n *settings.Settings, d time.Duration) { n.PIN.Linger.Duration = d },
		0, 1500*time.Millisecond, 5*time.Second, 30*time.Second)...)
	s.offer(s.managed("module.idle"), "win.settings.idle", "win.settings.idle.text", s.spans(now.Module.Idle.Duration, func(n *settings.Settings, d time.Duration) { n.Module.Idle.Duration = d },
		time.Minute, 10*time.Minute, time.Hour, 8*time.Hour)...)
}

// spans are lengths of time, of which one is chosen: what the file says is offered
// too.
func (s *settingsScreen) spans(now time.Duration, choose func(*settings.Settings, time.Duration), offered ...time.Duration) []option {
	var all []option
	known := false
	for _, d := range offered {
		known = known || d == now
		all = append(all, option{span(d), d == now, func(n *settings.Settings) { choose(n, d) }})
	}
	if !known {
		all = append(all, option{span(now), true, func(*settings.Settings) {}})
	}
	return all
}

// span is a length of time in the units that all languages share.
func span(d time.Duration) string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
	switch {
	case d >= time.Hour:
		return number(d.Hours()) + " h"
	case d >= time.Minute:
		return number(d.Minutes()) + " min"
	}
	return number(d.Seconds()) + " s"
}

// network is proxy and log.
func (s *settingsScreen) network() {
	w, now := s.w, s.w.deps.Settings
	var levels, modes []option
	for _, level := range settings.LogLevels() {
		levels = append(levels, option{w.t("win.log." + level), level == now.Log.Level, func(n *settings.Settings) { n.Log.Level = level }})
	}
	for _, mode := range settings.ProxyModes() {
		choose := func(n *settings.Settings) { n.Proxy.Mode = mode }
		if mode == "manual" {
			choose = func(n *settings.Settings) { n.Proxy.Mode, n.Proxy.URL = mode, s.proxy.Text }
		}
		modes = append(modes, option{w.t("win.proxy." + mode), mode == now.Proxy.Mode, choose})
	}
	s.offer(s.managed("log.level"), "win.settings.log", "win.settings.log.text", levels...)
	managed := s.managed("proxy.mode", "proxy.url")
	s.proxy = newProxyEntry(now.Proxy.URL, func() { s.change(func(n *settings.Settings) { n.Proxy.Mode, n.Proxy.URL = "manual", s.proxy.Text }) })
	s.offer(managed, "win.settings.proxy", "win.settings.proxy.text", modes...)
	if !managed {
		s.box.Add(s.proxy)
	}
}

// kept leads to what is stored.
func (s *settingsScreen) kept() {
	w := s.w
	s.box.Add(stacked(unit,
		strong(w.t("win.kept"), "foreground"), aside(w.t("win.kept.text")),
		beside(newButton(plain, w.t("win.kept.show"), func() { w.Go(newKept) })),
	))
}

// counter begins counter mode.
func (s *settingsScreen) counter() {
	w := s.w
	s.box.Add(stacked(unit,
		strong(w.t("win.counter"), "foreground"), aside(w.t("win.counter.text")),
		beside(newButton(plain, w.t("win.counter.go"), func() { w.Serve(true) })),
	))
}

// save keeps settings for the next start, and has the holder go by them once no
// card is at work.
func (w *Window) save(s settings.Settings) error {
	if w.deps.Save != nil {
		if err := w.deps.Save(s); err != nil {
			return err
		}
	}
	w.wanted.Store(&s)
	go func() {
		w.work.Lock()
		defer w.work.Unlock()
		for _, h := range []*cie.Holder{w.deps.Holder, w.holder()} { // two in counter mode
			if err := w.wanted.Load().Apply(h, settings.KeyringPatience); err != nil {
				w.deps.Do(w.urge) // the store says itself what is wrong with it
			}
		}
	}()
	return nil
}
