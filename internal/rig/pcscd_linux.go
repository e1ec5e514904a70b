package rig

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	socket  = RunFolder + "/pcscd.comm"
	pidFile = RunFolder + "/pcscd.pid"
)

// The virtual readers of vpcd, as pcscd names them, and the TCP ports of 127.0.0.1
// where their card connects.
const (
	FirstReader  = "Virtual PCD 00 00"
	SecondReader = "Virtual PCD 00 01"
	FirstPort    = 35963
	SecondPort   = 35964
)

// startLimit is for pcscd to answer (12 ms measured) and to end (0.7 s at most).
const startLimit = 5 * time.Second

// A PCSCD is a daemon of the test's own. It ends with the test.
type PCSCD struct {
	t       testing.TB
	log     string // path
	options []string
	cmd     *exec.Cmd // nil when it does not run
}

// StartPCSCD starts pcscd, with options added to its command line, and waits until
// it answers. The test must run under Main.
func StartPCSCD(t testing.TB, options ...string) *PCSCD {
	t.Helper()
	p := NewPCSCD(t, options...)
	p.Start()
	return p
}

// NewPCSCD is StartPCSCD without the start.
func NewPCSCD(t testing.TB, options ...string) *PCSCD {
	t.Helper()
	if os.Getenv(insideVariable) == "" {
		t.Fatal("rig: the package's TestMain does not call rig.Main")
	}
	Need(t, "pcscd")
	p := &PCSCD{t: t, log: filepath.Join(t.TempDir(), "pcscd.log"), options: options}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("log of pcscd:\n%s", p.Log())
		}
	})
	return p
}

// Start starts the daemon again after Stop or Kill.
func (p *PCSCD) Start() {
	p.t.Helper()
	if p.cmd != nil {
		p.t.Fatal("rig: pcscd runs already")
	}
	if err := p.start(); err != nil {
		p.t.Fatalf("rig: start pcscd: %v\n%s", err, p.Log())
	}
}

// start removes the process id that a killed daemon left: in namespaces where ids
// are few, another process may well have it by now.
func (p *PCSCD) start() error {
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command("pcscd", append([]string{"--foreground", "--info"}, p.options...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd = cmd
	return waitForSocket()
}

func waitForSocket() error {
	for deadline := time.Now().Add(startLimit); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer after %v: %w", startLimit, err)
		}
	}
}

// Stop ends the daemon in order, as a system service is stopped.
func (p *PCSCD) Stop() { p.end(syscall.SIGTERM) }

// Kill ends the daemon at once; its socket stays, with nobody behind it.
func (p *PCSCD) Kill() { p.end(syscall.SIGKILL) }

// Restart is Stop and Start.
func (p *PCSCD) Restart() {
	p.t.Helper()
	p.Stop()
	p.Start()
}

// Freeze lets the daemon answer nothing any more, until Thaw.
func (p *PCSCD) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (p *PCSCD) Thaw() { p.signal(syscall.SIGCONT) }

func (p *PCSCD) signal(s os.Signal) {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s)
	}
}

// end sends the signal and waits for the end, which it forces when it does not come.
func (p *PCSCD) end(s os.Signal) {
	if p.cmd == nil {
		return
	}
	p.signal(s)
	p.Thaw()
	forced := time.AfterFunc(startLimit, func() { p.signal(syscall.SIGKILL) })
	defer forced.Stop()
	_ = p.cmd.Wait() // by a signal: always an error
	p.cmd = nil
}

// PID is the daemon's process id, 0 when it does not run.
func (p *PCSCD) PID() int {
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Log is what the daemon has written so far.
func (p *PCSCD) Log() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(content)
}
