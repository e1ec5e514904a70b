package cli

import (
	"bytes"
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
)

// full is an output that takes nothing, as /dev/full.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

// An answer that cannot be written is an error.
func TestFullOutput(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	for _, args := range []string{"list", "list --json", "guide", "version"} {
		var errs bytes.Buffer
		a := App{Out: full{}, Err: &errs, Getenv: func(string) string { return "" }, Cards: cie.InSlots(p.cards)}
		if status := a.Run(context.Background(), strings.Fields(args)); status != exitOther {
			t.Errorf("%s: status %d\n%s", args, status, errs.String())
		}
	}
}

// A file that cannot be written is called by the name that was given.
func TestUnwritableFile(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired()
	path := filepath.Join(p.home, "nowhere", "cie.pem")
	if r := p.run("cert -o " + path); r.status != exitOther || !strings.Contains(r.Message, path) {
		t.Errorf("%d %q", r.status, r.Message)
	}
}

// Without a home nothing can be remembered: that is said before the PIN is asked for.
func TestPairWithoutHome(t *testing.T) { // F45, F64
	p := newPerson(t, emulator.Options{})
	t.Setenv("XDG_STATE_HOME", "")
	for _, home := range []string{"", "/proc/none"} {
		t.Setenv("HOME", home)
		p.wants("HOME "+home, p.run("pair", "12345678"), exitOther, "CIE-PAIR-08", 0)
	}
}
