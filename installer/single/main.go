// Single is the head of the single file for Linux, NAME.run: a program with a ZIP
// archive after it, which installer/pack makes. It puts the programs in the archive
// into a folder of the user and the window into their menu, needs no administrator,
// and starts
//
//	NAME.run                the window
//	NAME.run ARGUMENT...    the command line
//
// Browsers load the library from that folder, so the file may move or go away. A
// file of a newer release replaces what is there; an older one starts the newer.
//
//	NAME.run --remove       takes all of it out again, but for settings and pairings
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// self is this very file, wherever it has been moved to (proc(5)).
const self = "/proc/self/exe"

func main() {
	if err := run(self, os.Args[1:]); err != nil {
		tell(err)
		os.Exit(1)
	}
}

// run does what the arguments say with the archive in a file. Where a program is
// started it takes the place of this one, and run does not return.
func run(file string, args []string) error {
	a, err := open(file)
	if err != nil {
		return err
	}
	defer a.close()
	p, err := placeOf(os.Getenv)
	if err != nil {
		return a.explain(err)
	}
	if len(args) == 1 && args[0] == "--remove" {
		if err := p.remove(); err != nil {
			return a.explain(err)
		}
		fmt.Println(a.sentence("single.removed"))
		return nil
	}
	if err := p.put(a); err != nil {
		return a.explain(err)
	}
	program := "cie-gui"
	if len(args) > 0 {
		program = "cie"
	}
	path := filepath.Join(p.folder, program)
	if err := runnable(path); err != nil {
		return a.explain(err)
	}
	return a.explain(&problem{errStart, syscall.Exec(path, append([]string{program}, args...), os.Environ())})
}

// runnable says what a program lacks: the dynamic linker lists what it would load,
// and does not start it (ld.so(8), LD_TRACE_LOADED_OBJECTS).
func runnable(path string) error {
	c := exec.Command(path)
	c.Env = append(os.Environ(), "LD_TRACE_LOADED_OBJECTS=1")
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	err := c.Run()
	var missing []string
	for _, line := range strings.Split(said.String(), "\n") {
		name, _, found := strings.Cut(strings.TrimSpace(line), " => not found")
		if found {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return &problem{errLibraries, errors.New(strings.Join(missing, ", "))}
	}
	if err != nil {
		return &problem{errStart, fmt.Errorf("%w %s", err, strings.TrimSpace(said.String()))}
	}
	return nil
}

// tell shows an error where the person is: in the terminal, and on the desktop if
// the file was opened there, with whichever program it has for that.
func tell(err error) {
	fmt.Fprintln(os.Stderr, err)
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return
	}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "" {
		return
	}
	for _, command := range [][]string{
		{"zenity", "--error", "--no-markup", "--text", err.Error()},
		{"kdialog", "--error", err.Error()},
		{"notify-send", "Software CIE", err.Error()},
		{"xmessage", err.Error()},
	} {
		if exec.Command(command[0], command[1:]...).Run() == nil { //nolint:gosec // a list of ours
			return
		}
	}
}
