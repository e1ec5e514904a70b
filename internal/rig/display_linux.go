package rig

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A Display is an X server without hardware, with a window manager, and somebody at
// its keyboard and mouse.
type Display struct {
	t      testing.TB
	Name   string // as in DISPLAY
	Server *os.Process
}

// StartDisplay starts a display of so many pixels, as in "800x600", that ends with
// the test.
func StartDisplay(t testing.TB, size string) *Display {
	t.Helper()
	Need(t, "Xvfb", "openbox", "xdotool", "import")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	server := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", size+"x24", "-nolisten", "tcp") //nolint:gosec // a size
	server.ExtraFiles = []*os.File{write}
	d := &Display{t: t}
	d.Run(server)
	d.Server = server.Process
	_ = write.Close()
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb: %v", err)
	}
	d.Name = ":" + strings.TrimSpace(number)
	d.Run(exec.Command("openbox"))
	return d
}

// Run starts a program on the display, which ends with the test.
func (d *Display) Run(c *exec.Cmd) {
	d.t.Helper()
	c.Env = append(c.Environ(), "DISPLAY="+d.Name, "LIBGL_ALWAYS_SOFTWARE=1")
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
}

// Do has xdotool do something.
func (d *Display) Do(args ...string) {
	d.t.Helper()
	if out, err := d.Try(args...); err != nil {
		d.t.Fatalf("xdotool %q: %v\n%s", args, err, out)
	}
}

// Try is Do where it is no fault if that cannot be done.
func (d *Display) Try(args ...string) (string, error) {
	c := exec.Command("xdotool", args...)
	c.Env = append(os.Environ(), "DISPLAY="+d.Name)
	out, err := c.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return string(out), err
}

// Keys presses keys one after the other, by their names in X.
func (d *Display) Keys(names ...string) {
	d.t.Helper()
	d.Do(append([]string{"key", "--delay", "40"}, names...)...)
}

// Click clicks on a point of the active window.
func (d *Display) Click(x, y string) {
	d.t.Helper()
	d.Do("getactivewindow", "mousemove", "--window", "%1", x, y, "click", "1")
}

// Wait waits for a visible window whose title begins with a text, and says how
// long that took.
func (d *Display) Wait(title string) time.Duration {
	d.t.Helper()
	begun := time.Now()
	if d.There(title, 40*time.Second) {
		return time.Since(begun)
	}
	seen, _ := d.Try("getactivewindow", "getwindowname")
	d.Shoot(filepath.Join(os.TempDir(), strings.ReplaceAll(d.t.Name(), "/", "-")+"-missing.png"))
	d.t.Fatalf("no window %q, but %q", title, strings.TrimSpace(seen))
	return 0
}

// There says whether there is such a window within a time.
func (d *Display) There(title string, patience time.Duration) bool {
	return d.Window(title, patience) != ""
}

// Window is the number of a visible window whose title begins with a text, "" if
// none is there in time.
func (d *Display) Window(title string, patience time.Duration) string {
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		out, _ := d.Try("search", "--onlyvisible", "--name", "^"+regexp.QuoteMeta(title))
		if all := strings.Fields(out); len(all) > 0 {
			return all[0]
		}
		if time.Since(begun) > patience {
			return ""
		}
	}
}

// Activate brings a window to the front, where it is as a rule.
func (d *Display) Activate(window string) { _, _ = d.Try("windowactivate", "--sync", window) }

// Shoot keeps a picture of the active window, or of the display if there is none.
func (d *Display) Shoot(file string) {
	d.t.Helper()
	window, err := d.Try("getactivewindow")
	if err != nil {
		window = "root"
	}
	c := exec.Command("import", "-window", strings.TrimSpace(window), "-strip", "+dither", "-colors", "64", "PNG8:"+file) //nolint:gosec // of the test
	c.Env = append(os.Environ(), "DISPLAY="+d.Name)
	if out, err := c.CombinedOutput(); err != nil {
		d.t.Errorf("import: %v\n%s", err, out)
	}
}
