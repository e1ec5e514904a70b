// Package gui is the window: one file for each screen, and what screens are made
// of. A screen shows one question and one main button; the strip above it shows
// readers and card as they are at the moment.
//
// Card work runs beside the goroutine of the window (work.go), which alone
// changes what is seen. Codes are typed into a field of our own (code.go) and
// never become a string.
package gui

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/icon"
	"github.com/softwarecie/cie/internal/logintest"
	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/settings"
)

// Deps are what the window stands on.
type Deps struct {
	Holder   *cie.Holder
	Changes  func(ctx context.Context, changed func()) // tells each change at the readers until ctx ends
	Settings settings.Settings
	Save     func(settings.Settings) error // keeps changed settings; nil: they end with the window
	Managed  map[string]bool               // the settings, by their names in the file, that are the administrator's
	Language i18n.Language
	Version  string
	Tray     bool                              // the desktop has a tray
	Demo     []DemoCard                        // the emulated cards of the demonstration; nil: real ones
	Login    Login                             // what tries the login at level 3
	Browsers func() (browser.Registrar, error) // of this person's programs; called beside the window's goroutine

	Update Update // what tells of a newer version

	Log func(level string) *slog.Logger // opens the log; nil: there is none

	Do func(func()) // has the window's goroutine run a function; nil: fyne.Do
}

// A Login tries the login at level 3 with a browser.
type Login struct {
	Programs []logintest.Program // that are installed
	// Try is called beside the window's goroutine, and tells the steps it reaches. nil:
	// there is nothing to try, as in the demonstration.
	Try func(context.Context, logintest.Program, func(logintest.Step)) (logintest.Login, error)
}

// A DemoCard is an emulated card as the demonstration shows it.
type DemoCard struct {
	Name  string
	Codes func() (pin, puk string) // test codes, which protect nothing
	Laid  func() bool
	Lay   func(bool)
}

// A Window is the program's window.
type Window struct {
	deps  Deps
	app   fyne.App
	win   fyne.Window
	texts *i18n.Catalogue
	state state

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.Mutex                        // held while the card is at work: one thing at a time
	urged  chan struct{}                     // holds one value: look again
	wanted atomic.Pointer[settings.Settings] // what the holder is to go by

	tray  *tray // nil: none
	strip *strip
	rail  []*button
	body  *fyne.Container
	place string   // key of the entry of the rail one is in
	trail []opened // the screens opened there, the last one is seen

	browsers []standing // as they were when last looked at

	newer   *release.Notice // nil: none is known
	log     *slog.Logger
	running *run // the card work that is seen, nil: none

	later func() // what was asked for while the card was at work, nil: nothing

	counter *counter                   // nil: not in counter mode
	serving atomic.Pointer[cie.Holder] // who works with the card
}

// A screen is what stands beside the rail. Screens that want to know of a new
// state are watchers, too.
type screen interface {
	// Content is what is seen. It is asked for once.
	Content() fyne.CanvasObject
	// Leave is told when it is seen no more: codes are cleared, work is cancelled.
	Leave()
}

// A watcher is a screen that follows the state.
type watcher interface{ StateChanged(state) }

// A focuser is a screen that says where typing goes first.
type focuser interface{ Focus() fyne.Focusable }

// An opener makes a screen. It is kept, to make the screen anew in another
// language or look.
type opener func(*Window) screen

type opened struct {
	open   opener
	screen screen
}

// An entry of the rail leads to a screen.
type entry struct {
	key, icon string
	open      opener
}

// entries are those of the rail, in order; the first is home.
func entries() []entry {
	return []entry{
		{home, iconCard, newHome},
		{"win.pin", iconKey, newPIN},
		{"win.sign", iconPen, newSign()},
		{"win.verify-files", iconSigned, newVerifyStart},
		{"win.browsers", iconGlobe, newBrowsers},
		{"win.doctor", iconPulse, newDoctor},
		{"win.guides", iconBook, newGuides},
		{"win.settings", iconSliders, newSettings},
	}
}

// New makes the window, not yet shown.
func New(app fyne.App, deps Deps) *Window {
	if deps.Do == nil {
		deps.Do = fyne.Do
	}
	w := &Window{deps: deps, app: app, texts: i18n.Load(deps.Language), urged: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.applyLook()
	w.win = app.NewWindow(w.t("win.title"))
	w.win.SetMaster()
	w.win.SetPadded(false)
	w.win.SetOnDropped(w.dropped)
	app.SetIcon(fyne.NewStaticResource("cie.svg", icon.SVG()))
	w.tray = newTray(w)
	w.keys()
	w.size()
	w.serving.Store(deps.Holder)
	w.openLog()
	deps.Holder.Progress = func(s cie.Step) { w.deps.Do(func() { w.onStep(s) }) }
	w.Open(home)
	app.Settings().AddListener(func(fyne.Settings) { w.rebuild() })
	go w.watch()
	w.askForUpdates()
	return w
}

// openLog opens the log as the settings say.
func (w *Window) openLog() {
	w.log = slog.New(slog.DiscardHandler)
	if w.deps.Log != nil {
		w.log = w.deps.Log(w.deps.Settings.Log.Level)
	}
}

// Show shows the window, or brings it to the front.
func (w *Window) Show() { w.win.Show(); w.win.RequestFocus() }

// Close ends card work and watching.
func (w *Window) Close() {
	w.leave()
	w.cancel()
}

// t is a text in the person's language.
func (w *Window) t(key string, args ...any) string { return w.texts.T(key, args...) }

// applyLook takes theme and size of text from the settings.
func (w *Window) applyLook() {
	w.app.Settings().SetTheme(look{w.deps.Settings.Window.Theme, w.deps.Settings.Window.TextSize})
}

// size gives the window the size it had, 960 by 680 at first.
func (w *Window) size() {
	p := w.app.Preferences()
	width, height := p.FloatWithFallback("width", 960), p.FloatWithFallback("height", 680)
	w.win.Resize(fyne.NewSize(max(float32(width), 640), max(float32(height), 480)))
	w.win.SetOnClosed(w.Close)
	w.win.SetCloseIntercept(func() {
		size := w.win.Canvas().Size()
		p.SetFloat("width", float64(size.Width))
		p.SetFloat("height", float64(size.Height))
		if w.tray != nil {
			w.Open(home) // codes are not kept behind a hidden window
			w.win.Hide()
			return
		}
		w.win.Close()
	})
}

// configure takes new settings and shows everything by them.
func (w *Window) configure(s settings.Settings, l i18n.Language) {
	w.deps.Settings, w.deps.Language, w.texts = s, l, i18n.Load(l)
	w.openLog()
	w.applyLook()
	w.rebuild()
}

// home is the key of the entry that everything leads back to.
const home = "win.home"

// Open goes to an entry of the rail, by its key.
func (w *Window) Open(key string) {
	if w.takeUp() {
		return
	}
	w.leave()
	w.place, w.trail = key, nil
	for _, e := range entries() {
		if e.key == key {
			w.push(e.open)
		}
	}
}

// Go opens a screen from which Back leads here.
func (w *Window) Go(open opener) {
	w.leave()
	w.push(open)
}

// Back goes to the screen before; from an entry of the rail, home.
func (w *Window) Back() {
	if w.takeUp() {
		return
	}
	if len(w.trail) < 2 {
		w.Open(home)
		return
	}
	w.leave()
	last := w.trail[len(w.trail)-2]
	w.trail = w.trail[:len(w.trail)-2]
	w.push(last.open)
}

// visit goes to an entry of the rail that was asked for from outside, and on from there;
// when the card is at work, once what came of that was seen.
func (w *Window) visit(key string, on func()) {
	visit := func() { w.Open(key); on() }
	if w.running != nil {
		w.later = visit
		return
	}
	visit()
}

// takeUp goes where it was asked for while the card was at work.
func (w *Window) takeUp() bool {
	visit := w.later
	if visit == nil || w.running != nil {
		return false
	}
	w.later = nil
	visit()
	return true
}

func (w *Window) leave() {
	if n := len(w.trail); n > 0 {
		w.trail[n-1].screen.Leave()
	}
}

func (w *Window) push(open opener) {
	w.trail = append(w.trail, opened{open: open, screen: open(w)})
	w.build()
}

// rebuild makes what is seen anew, and stays where one is.
func (w *Window) rebuild() {
	n := len(w.trail)
	if n == 0 {
		return
	}
	at, focus := w.scroll().Offset, slices.IndexFunc(w.buttons(), func(b *button) bool { return b.focused })
	w.leave()
	w.trail[n-1].screen = w.trail[n-1].open(w)
	w.build()
	w.scroll().ScrollToOffset(at)
	if all := w.buttons(); focus >= 0 && focus < len(all) {
		w.win.Canvas().Focus(all[focus])
	}
}

// scroll is what the screen scrolls in.
func (w *Window) scroll() *container.Scroll { return w.body.Objects[0].(*container.Scroll) }

// build lays out the window around the screen that is seen.
func (w *Window) build() {
	now := w.trail[len(w.trail)-1].screen
	w.strip = newStrip(w)
	w.rail = nil
	rail := container.New(&column{gap: unit / 2})
	for _, e := range entries() {
		b := newButton(place, w.t(e.key), func() { w.Open(e.key) })
		b.icon, b.selected = e.icon, e.key == w.place
		w.rail = append(w.rail, b)
		rail.Add(b)
	}
	w.body = container.NewStack(container.NewVScroll(container.New(page{}, withHelp(w, now))))
	w.win.SetContent(container.New(&frame{rail: w.rail},
		w.body, withGround(container.NewVScroll(rail)), w.strip.content(), container.NewVScroll(w.strip.bars)))
	w.announce()
	w.tell()
	if f, ok := now.(focuser); ok && f.Focus() != nil {
		w.win.Canvas().Focus(f.Focus())
	}
}

// announce has the title and the mnemonics follow what is seen.
func (w *Window) announce() {
	title := w.t("win.title")
	if w.body != nil {
		if heading := firstHeading(w.body); heading != "" {
			title = heading + " – " + title
		}
	}
	if w.win.Title() != title {
		w.win.SetTitle(title)
	}
	w.mnemonics()
}

// tell shows the state in the strip and to the screen.
func (w *Window) tell() {
	w.leaveCard(w.state)
	w.strip.show(w.state)
	if w.tray != nil {
		w.tray.show(w.state)
	}
	if s, ok := w.trail[len(w.trail)-1].screen.(watcher); ok {
		s.StateChanged(w.state)
	}
}

// urge has the readers looked at again.
func (w *Window) urge() {
	select {
	case w.urged <- struct{}{}:
	default:
	}
}

// watch looks at the readers at each change, beside the window's goroutine, and
// not while the card is at work: that would only be in the way.
func (w *Window) watch() {
	go w.deps.Changes(w.ctx, w.urge)
	w.urge()
	var last state
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.urged:
		}
		w.work.Lock()
		holder := w.holder()
		seen := observe(w.ctx, holder, last)
		w.work.Unlock()
		last = seen
		w.deps.Do(func() {
			if holder == w.holder() { // what another knew is not for this mode
				w.state = seen
				w.tell()
			}
		})
	}
}

// A frame lays out body, rail, strip and the bars of the modes: for who uses the keyboard
// the screen comes first. The rail shows icons alone where there is little room. However
// large the text is, there is room for the body: bars and rail scroll.
type frame struct{ rail []*button }

// Layout places the four.
func (f *frame) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	body, rail, strip, bars := objects[0], objects[1], objects[2], objects[3]
	for _, b := range f.rail {
		if narrow := size.Width < 760; b.compact != narrow {
			b.compact = narrow
			b.Refresh()
		}
	}
	high := min(heightAt(bars.(*container.Scroll).Content, size.Width), size.Height/3)
	bars.Resize(fyne.NewSize(size.Width, high))
	top := high + heightAt(strip, size.Width)
	strip.Move(fyne.NewPos(0, high))
	strip.Resize(fyne.NewSize(size.Width, top-high))
	side := rail.MinSize().Width
	rail.Move(fyne.NewPos(0, top))
	rail.Resize(fyne.NewSize(side, size.Height-top))
	body.Move(fyne.NewPos(side, top))
	body.Resize(fyne.NewSize(size.Width-side, size.Height-top))
}

// MinSize is the least a window may have.
func (*frame) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(640, 480) }

// withGround puts the rail on its surface.
func withGround(rail fyne.CanvasObject) fyne.CanvasObject {
	return container.NewStack(canvas.NewRectangle(themed(colorSurface)), container.New(inset{unit, unit}, rail))
}
