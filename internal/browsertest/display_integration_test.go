//go:build integration

package browsertest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/rig"
)

// A display is a screen of its own, with somebody at its keyboard.
type display struct {
	t    *testing.T
	name string // as in DISPLAY
}

// newDisplay starts an X server without hardware and a window manager, and makes
// it the display of this process.
func newDisplay(t *testing.T) display {
	t.Helper()
	rig.Need(t, "Xvfb", "openbox", "xdotool", "import")
	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	server := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1200x1000x24", "-nolisten", "tcp")
	server.ExtraFiles = []*os.File{write}
	start(t, server)
	_ = write.Close()
	number, err := bufio.NewReader(read).ReadString('\n')
	must(t, err)
	d := display{t, ":" + strings.TrimSpace(number)}
	t.Setenv("DISPLAY", d.name)
	start(t, exec.Command("openbox"))
	return d
}

// start starts a program that ends with the test.
func start(t *testing.T, c *exec.Cmd) {
	t.Helper()
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
}

// keys presses keys one after the other, by their names in X.
func (d display) keys(names ...string) {
	d.t.Helper()
	must(d.t, exec.Command("xdotool", append([]string{"key", "--delay", "60"}, names...)...).Run())
}

// answer types digits into a window and confirms.
func (d display) answer(window, digits string) {
	d.t.Helper()
	_ = exec.Command("xdotool", "windowactivate", "--sync", window).Run() // it is on top already, as a rule
	d.keys(strings.Split(digits, "")...)
	d.keys("Return")
}

// window gives the number of a visible window with such a title, "" if none is
// there in time.
func (d display) window(title string, patience time.Duration) string {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, _ := exec.Command("xdotool", "search", "--onlyvisible", "--name", title).Output()
		if all := strings.Fields(string(out)); len(all) > 0 {
			return all[0]
		}
		if time.Now().After(deadline) {
			return ""
		}
	}
}

// appears is how long a window or a text may take, on a busy computer.
const appears = 60 * time.Second

// wantWindow waits for a window.
func (d display) wantWindow(title string) string {
	d.t.Helper()
	w := d.window(title, appears)
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
	must(d.t, exec.Command("import", "-window", "root", filepath.Join(screenshots, d.t.Name()+"-"+what+".png")).Run())
}
