//go:build integration

package browsertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/rig"
)

// A display is a screen of its own, which is that of this process.
type display struct {
	*rig.Display
	t *testing.T
}

func newDisplay(t *testing.T) display {
	t.Helper()
	d := rig.StartDisplay(t, "1200x1000")
	t.Setenv("DISPLAY", d.Name)
	return display{d, t}
}

// answer types digits into a window and confirms.
func (d display) answer(window, digits string) {
	d.t.Helper()
	d.Activate(window)
	d.Keys(append(strings.Split(digits, ""), "Return")...)
}

// appears is how long a window or a text may take, on a busy computer.
const appears = 60 * time.Second

// wantWindow waits for a window.
func (d display) wantWindow(title string) string {
	d.t.Helper()
	w := d.Window(title, appears)
	if w == "" {
		d.shoot("missing")
		d.t.Fatalf("no window %q; see the screenshot", title)
	}
	return w
}

// shoot keeps a picture of the screen.
func (d display) shoot(what string) {
	d.t.Helper()
	must(d.t, os.MkdirAll(screenshots, 0o755))
	d.Shoot(filepath.Join(screenshots, strings.ReplaceAll(d.t.Name(), "/", "-")+"-"+what+".png"))
}
