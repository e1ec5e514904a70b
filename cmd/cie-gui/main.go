// The window is drawn through OpenGL ES (the build tag gles): the binding of OpenGL
// itself takes minutes to compile. Without the tag there is no window to build, and
// "go test ./..." needs no OpenGL. On Windows, where not every driver has OpenGL ES, it
// is OpenGL.

//go:build gles || windows

// Command cie-gui is the window.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"fyne.io/fyne/v2/app"

	"github.com/softwarecie/cie/gui"
	"github.com/softwarecie/cie/internal/ades/apart"
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/demo"
	"github.com/softwarecie/cie/internal/doctor"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/logging"
	"github.com/softwarecie/cie/internal/logintest"
	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/settings"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/pcsc"
)

// Set by the linker: the version from the tag; the public key of releases and the
// address that tells of the newest one, which programs of no release lack.
var (
	version          = "dev"
	releaseKey, feed string
)

// id is the program's name for the desktop.
const id = settings.DesktopID

func main() {
	apart.Serve()
	run := run
	switch {
	case len(os.Args) == 3 && os.Args[1] == doctor.LoadCommand:
		run = func() error { return doctor.Load(os.Args[2]) }
	case len(os.Args) == 2 && os.Args[1] == release.AskCommand:
		run = askForUpdates
	}
	if err := run(); err != nil {
		tell(err)
		os.Exit(1)
	}
}

// tell says in the person's language why there is no window, or not the usual one.
func tell(err error) {
	s, _ := settings.Here().Load()
	m := i18n.Load(language(s)).Explain(err)
	fmt.Fprintf(os.Stderr, "%s\n%s\n(%s: %v)\n", m.What, m.Next, m.Code, err)
}

// errNoDisplay means that there is nothing to show a window on.
var errNoDisplay = situation.New("no-display", "no display")

// open makes the window. Without a display the toolkit panics.
func open(make func() *gui.Window) (w *gui.Window, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			if !strings.Contains(p.Error(), "GLFW") {
				panic(p)
			}
			err = fmt.Errorf("%w (%w)", errNoDisplay, p)
		default:
			panic(p)
		}
	}()
	return make(), nil
}

func run() error {
	debug.SetTraceback("none") // a crash prints no memory
	secret.NoDumps()
	chosen, wrong := settings.Here().Load()
	given, err := read(os.Args[1:], i18n.Load(language(chosen)), os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case given.version:
		fmt.Println("cie-gui", version)
		return nil
	}
	name := "cie-gui"
	if given.demo {
		name += "-demo"
	}
	only, err := claim(name, given.request)
	if errors.Is(err, errRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	defer only.close()
	if wrong != nil { // the others count, and the window opens all the same
		tell(wrong)
	}
	deps, done, err := wire(chosen, given.demo)
	if err != nil {
		return err
	}
	defer done()
	deps.Tray = hasTray()
	if err := nameWindows(); err != nil {
		return err
	}
	var pause rest
	deps.Do = pause.do
	a := app.NewWithID(id)
	w, err := open(func() *gui.Window { return gui.New(a, deps) })
	if err != nil {
		return err
	}
	go only.woken(func(r request) { pause.do(func() { r.put(w) }) })
	if given.counter {
		w.Serve(true)
	}
	go pause.take()
	given.put(w)
	a.Run()
	return nil
}

// nameWindows gives them the name for X11 by which a desktop finds their icon.
func nameWindows() error {
	if os.Getenv("RESOURCE_NAME") != "" {
		return nil
	}
	return os.Setenv("RESOURCE_NAME", id)
}

// wire makes what the window stands on: the readers of this computer, or emulated
// cards.
func wire(s settings.Settings, demonstrate bool) (deps gui.Deps, done func(), err error) {
	deps = gui.Deps{Settings: s, Language: language(s), Version: version}
	if demonstrate {
		done, err = emulate(&deps)
		return deps, done, err
	}
	deps.Browsers = func() (browser.Registrar, error) { return browser.Installed("") }
	deps.Log = func(level string) *slog.Logger { return logging.Open(settings.LogFolder(), "cie-gui", level) }
	deps.Save = settings.Here().Save
	deps.Update = updates(s)
	deps.Managed = managed()
	client := pcsc.New()
	deps.Changes = func(ctx context.Context, changed func()) {
		for range client.Watch(ctx) { //nolint:errcheck // what has changed, an error too, is asked by the window
			changed()
		}
	}
	deps.Holder, err = s.Holder(cie.OnPCSC(client), settings.KeyringPatience)
	deps.Login = gui.Login{Programs: logintest.Programs(), Try: func(ctx context.Context, p logintest.Program, reached func(logintest.Step)) (logintest.Login, error) {
		r, err := deps.Browsers()
		if err != nil {
			return logintest.Login{}, err
		}
		return logintest.Test{Holder: deps.Holder, Registrar: r, Program: p, Reached: reached}.Run(ctx)
	}}
	return deps, func() { _ = client.Close() }, err
}

// managed names the settings that are the administrator's.
func managed() map[string]bool {
	all, _ := settings.Here().Show() // what is wrong with them is told already
	names := map[string]bool{}
	for _, s := range all {
		names[s.Name] = s.Origin == settings.ByAdmin
	}
	return names
}

// emulate puts two cards into readers of their own.
func emulate(deps *gui.Deps) (done func(), err error) {
	d, err := demo.New(deps.Settings.PIN.Linger.Duration, "Demo 1", "Demo 2")
	if err != nil {
		return nil, err
	}
	d.Cards[1].Remove()
	deps.Holder, deps.Browsers = d.Holder, d.Browsers
	deps.Changes = func(context.Context, func()) {} // the window lays and lifts the cards itself
	for _, c := range d.Cards {
		deps.Demo = append(deps.Demo, gui.DemoCard{
			Name:  c.Reader,
			Codes: func() (pin, puk string) { pin, puk, _, _ = c.Codes(); return pin, puk },
			Laid:  c.Present,
			Lay: func(on bool) {
				if on {
					c.Insert()
				} else {
					c.Remove()
				}
			},
		})
	}
	return func() { _ = d.Close() }, nil
}

// language is that of the settings, else of the environment.
func language(s settings.Settings) i18n.Language {
	if s.Language != "" && os.Getenv("CIE_LANG") == "" {
		return i18n.Match(s.Language)
	}
	return i18n.Detect(os.Getenv)
}
