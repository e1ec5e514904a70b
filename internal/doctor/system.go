package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/wholefile"
)

// earliest is before this program was made: a clock that shows less has lost its
// battery.
const earliest = 2026

func (c Computer) clock() error {
	if c.Now.Year() < earliest {
		return ErrClock
	}
	return nil
}

// writable makes a file where pairings are kept, or in the first folder above that
// is there, and removes it.
func (c Computer) writable() error {
	folder := c.State
	if folder == "" {
		return ErrState
	}
	for {
		f, err := os.CreateTemp(folder, ".cie-")
		switch {
		case err == nil:
			_, full := f.Write(make([]byte, 4096))
			if err := errors.Join(full, f.Close(), os.Remove(f.Name())); err != nil {
				return errors.Join(ErrState, err)
			}
			return nil
		case os.IsNotExist(err) && filepath.Dir(folder) != folder:
			folder = filepath.Dir(folder)
		default:
			return errors.Join(ErrState, err)
		}
	}
}

// kernelNFC are modules that take readers with these chips before PC/SC can (Linux,
// drivers/nfc).
func kernelNFC() []string { return []string{"pn533_usb", "pn533", "port100", "nfcsim"} }

func (c Computer) kernel() Finding {
	f := Finding{Check: "kernel"}
	for _, line := range strings.Split(c.Modules, "\n") {
		name, _, _ := strings.Cut(line, " ")
		for _, n := range kernelNFC() {
			if name == n && f.Err == nil {
				f.Err, f.About = ErrKernel, n
			}
		}
	}
	return f
}

// ownHome says what is odd about the home folder.
func (c Computer) ownHome() error {
	info, err := os.Stat(c.Machine.Home)
	if err != nil || !info.IsDir() || !filepath.IsAbs(c.Machine.Home) {
		return errors.Join(ErrHome, err)
	}
	if owner, known := ownerOf(info); known && c.User >= 0 && owner != c.User {
		return ErrHome
	}
	return nil
}

// maxFile bounds a file that is read, in bytes.
const maxFile = 4 << 20

// read reads a text file that is not too large.
func read(path string) (string, error) {
	content, err := wholefile.Read(path, maxFile)
	return string(content), err
}

// at is a path of the computer.
func (c Computer) at(path string) string { return filepath.Join(c.Machine.Root, path) }

// anyOf says whether one of some files is there.
func (c Computer) anyOf(patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		found, _ := filepath.Glob(c.at(p))
		return len(found) > 0
	})
}

// hasService says whether the service for readers is installed. Other systems
// bring it.
func (c Computer) hasService() bool {
	return c.Machine.OS != "linux" || c.anyOf("/usr/sbin/pcscd", "/usr/bin/pcscd", "/usr/local/sbin/pcscd")
}

// socket is where pcscd listens (pcsc-lite, --enable-ipcdir of the distributions).
const socket = "/run/pcscd/pcscd.comm"

// noService says why nobody answers for the readers. A socket that is there belongs
// to a service that has died.
func (c Computer) noService(err error) Finding {
	f := Finding{Check: "service", Err: err}
	switch {
	case !c.hasService():
		f.Err = ErrNoPCSCD
	case c.Machine.OS == "linux":
		f.Err = ErrStopped
		if c.anyOf(socket) {
			f.About = socket
		}
	}
	return f
}

// denied says why the readers are refused: polkit lets in who sits at the computer.
// It is started when it is asked; if it does not run after a refusal, it cannot. That
// is told only where programs of others are seen, such as the service itself.
func (c Computer) denied(err error) Finding {
	f := Finding{Check: "service", Err: err}
	if slices.Contains(c.Programs, "pcscd") && !slices.Contains(c.Programs, "polkitd") {
		f.Err = ErrPolkit
		return f
	}
	for _, name := range []string{"SSH_CONNECTION", "XRDP_SESSION"} {
		if c.Machine.Getenv(name) != "" {
			f.Err, f.About = ErrRemote, name
		}
	}
	return f
}

// driver looks for the driver of readers, in the folders that distributions use.
func (c Computer) driver() Finding {
	f := Finding{Check: "driver"}
	if c.Machine.OS == "linux" && !c.anyOf("/usr/lib*/pcsc/drivers/*.bundle", "/usr/lib/*/pcsc/drivers/*.bundle", "/usr/local/lib/pcsc/drivers/*.bundle") {
		f.Err = ErrDriver
	}
	return f
}

// sharing are the lines by which GnuPG's daemon goes through the service and leaves
// the card to others (GnuPG manual, 7.5 scdaemon options).
func sharing() []string { return []string{"disable-ccid", "pcsc-shared"} }

// scdaemon finds GnuPG's daemon, which takes a reader for itself unless told
// otherwise.
func (c Computer) scdaemon() Finding {
	f := Finding{Check: "scdaemon"}
	if !slices.Contains(c.Programs, "scdaemon") {
		return f
	}
	file := filepath.Join(c.Machine.Home, ".gnupg", "scdaemon.conf")
	change := browser.Change{Place: "scdaemon", File: file, Mode: 0o600}
	before, err := read(file)
	switch {
	case err == nil:
		change.Before = &before
	case !os.IsNotExist(err): // what cannot be read is not written anew
		f.Err = ErrScdaemon
		return f
	}
	after := before
	for _, line := range sharing() {
		if !slices.Contains(strings.Split(before, "\n"), line) {
			if after != "" && !strings.HasSuffix(after, "\n") {
				after += "\n"
			}
			after += line + "\n"
		}
	}
	if after == before {
		return f
	}
	change.After = &after
	f.Err, f.Fix = ErrScdaemon, []browser.Change{change}
	return f
}
