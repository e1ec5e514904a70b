//go:build integration

package moduletest

import (
	"bufio"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// inHost runs a command of testdata/host.c.
func (d *desk) inHost(command string, arguments ...string) string {
	d.t.Helper()
	out := d.must(nil, host(d.t), append([]string{d.module, command}, arguments...)...)
	d.t.Log(strings.TrimSpace(out))
	return out
}

func TestForks(t *testing.T) { // T9, F42, C4
	d := newDesk(t, true)
	d.inHost("forks", size("100", "1000"))
	d.unharmed()
}

func TestStorm(t *testing.T) { // F39, C1
	d := newDesk(t, true)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Add(1)
	go func() { // T11: the card leaves and returns
		defer wait.Done()
		for {
			select {
			case <-stop:
				return
			case <-time.After(400 * time.Millisecond):
				d.Card.Remove()
				time.Sleep(1200 * time.Millisecond)
				d.Card.Insert()
			}
		}
	}()
	d.inHost("storm", size("16", "64"), size("500", "2000"))
	close(stop)
	wait.Wait()
	d.unharmed()
	if d.tries() != 3 {
		t.Errorf("%d tries left, want 3", d.tries())
	}
}

func TestFinalizeAgainstCalls(t *testing.T) { // F40, C3
	d := newDesk(t, true)
	d.inHost("finalize", size("30", "10000"))
	d.unharmed()
}

func TestUnload(t *testing.T) { // F43
	d := newDesk(t, true)
	d.inHost("unload", "100")
}

func TestExitInACall(t *testing.T) { // F44
	d := newDesk(t, true)
	program := exec.CommandContext(d.Ctx, host(t), d.module, "in-flight")
	out, err := program.StdoutPipe()
	must(t, err)
	must(t, program.Start())
	said, err := bufio.NewReader(out).ReadString('\n')
	begun := time.Now()
	if err := errors.Join(err, program.Wait()); err != nil || said != "ends\n" {
		t.Fatalf("%q, %v", said, err)
	}
	if took := time.Since(begun); took > 1500*time.Millisecond {
		t.Errorf("the end took %v", took)
	}
	for range 500 {
		if exec.Command("pgrep", "-r", "R,S,D", "-x", "cie-pkcs11-help").Run() != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the helper is still there")
}

func TestProcessesOnOneCard(t *testing.T) { // C5
	for _, processes := range []int{2, 8} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			d := newDesk(t, true)
			var wait sync.WaitGroup
			for range processes {
				wait.Add(1)
				go func() {
					defer wait.Done()
					d.inHost("logins", size("5", "250"))
				}()
			}
			wait.Wait()
			d.unharmed()
			if d.tries() != 3 {
				t.Errorf("%d tries left, want 3", d.tries())
			}
		})
	}
}

func TestFigures(t *testing.T) {
	d := newDesk(t, true)
	before := d.Card.Stats().APDUs
	out := d.inHost("figures")
	if n := d.Card.Stats().APDUs - before; n > 4 {
		t.Errorf("%d APDUs for listing, at most 4", n)
	}
	limits := map[string]float64{"rss_mb": 0.6, "threads": 0, "handlers": 0}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		name, value, _ := strings.Cut(line, " ")
		n, err := strconv.ParseFloat(value, 64)
		if limit, ok := limits[name]; ok && (err != nil || n > limit) {
			t.Errorf("%s, at most %v", line, limit)
		}
		delete(limits, name)
	}
	if len(limits) > 0 {
		t.Error(fmt.Errorf("no figure for %v", limits))
	}
}
