package confine

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The trials that a child makes once it is confined; each must be refused.
var trials = map[string]func(folder string) error{
	"read another file": func(folder string) error { _, err := os.ReadFile(folder + "/other"); return err },
	"read the folder":   func(folder string) error { _, err := os.ReadDir(folder); return err },
	"write its file":    func(folder string) error { return os.WriteFile(folder+"/document", nil, 0o600) },
	"make a file":       func(folder string) error { return os.WriteFile(folder+"/new", nil, 0o600) },
	"remove a file":     func(folder string) error { return os.Remove(folder + "/other") },
	"speak to a program": func(folder string) error {
		_, err := net.Dial("unix", folder+"/socket")
		return err
	},
	"speak to the network": func(string) error { _, err := net.Dial("tcp", os.Getenv("CONFINE_TCP")); return err },
	"ask for a name":       func(string) error { _, err := net.Dial("udp", os.Getenv("CONFINE_TCP")); return err },
	"start a program":      func(string) error { return unix.Exec("/bin/true", []string{"true"}, nil) },
	"end a program":        func(string) error { return unix.Kill(os.Getppid(), 0) },
	"look into a program": func(string) error {
		_, err := unix.ProcessVMReadv(os.Getppid(), nil, nil, 0)
		return err
	},
}

func TestMain(m *testing.M) {
	folder, what := os.Getenv("CONFINE_FOLDER"), os.Getenv("CONFINE_TRY")
	if folder == "" {
		os.Exit(m.Run())
	}
	limits := Limits{Read: []string{folder + "/document", folder + "/none"}, Folders: []string{folder + "/own"}, Memory: 256 << 20, CPU: 20 * time.Second}
	if what == "time" {
		limits.CPU = time.Second
	}
	if err := Process(limits); err != nil {
		fail(err)
	}
	switch what {
	case "allowed":
		fail(allowed(folder))
	case "memory":
		var all [][]byte
		for {
			all = append(all, make([]byte, 1<<20))
			clear(all[len(all)-1])
		}
	case "time":
		for i := 0; ; i++ {
			runtime.KeepAlive(i)
		}
	}
	if err := trials[what](folder); !errors.Is(err, fs.ErrPermission) {
		fail(errors.Join(errors.New("not refused"), err))
	}
	os.Exit(0)
}

func fail(err error) {
	if err == nil {
		os.Exit(0)
	}
	_, _ = os.Stderr.WriteString(err.Error())
	os.Exit(3)
}

// allowed does what a confined process is for.
func allowed(folder string) error {
	if _, err := os.ReadFile(folder + "/document"); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder+"/own", "")
	if err != nil {
		return err
	}
	_, err = f.WriteString("text")
	done := make(chan bool) // threads are started as before
	go func() { defer close(done); time.Sleep(time.Millisecond) }()
	<-done
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// child runs this test's program, confined, with one trial.
func child(t *testing.T, what string) (string, error) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"document", "other"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(folder+"/own", 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := net.Listen("unix", folder+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	network, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Env = []string{"CONFINE_FOLDER=" + folder, "CONFINE_TRY=" + what, "CONFINE_TCP=" + network.Addr().String()}
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestRefused(t *testing.T) {
	for what := range trials {
		t.Run(what, func(t *testing.T) {
			if out, err := child(t, what); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	if out, err := child(t, "allowed"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestMemory(t *testing.T) {
	if out, err := child(t, "memory"); err == nil || !strings.Contains(out, "out of memory") {
		t.Errorf("%v: %.200s", err, out)
	}
}

func TestTime(t *testing.T) {
	_, err := child(t, "time")
	var ended *exec.ExitError
	if !errors.As(err, &ended) || !ended.Sys().(interface{ Signaled() bool }).Signaled() {
		t.Errorf("%v, want an end by a signal", err)
	}
}
