//go:build gles && integration

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/rig"
)

// BenchmarkStart measures from the start of the program to the first screen that
// answers a key, with a reader and no card, and the size of the program. Beside it
// a window of the toolkit with a word in it, to where it is on the display.
func BenchmarkStart(b *testing.B) {
	b.Run("window", func(b *testing.B) {
		d := sit(b, i18n.Italian, "light")
		d.sees("", "win.welcome")
		var cpu time.Duration
		for b.Loop() {
			d.end()
			d.start()
			for d.Window(d.texts.T("win.pin"), 0) == "" {
				if d.Window(d.texts.T("win.welcome"), 0) != "" {
					_, _ = d.Try("key", "ctrl+2")
				}
			}
			cpu += spent(b, d.program.Process.Pid)
		}
		b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "cpu-ms/op")
		size, err := os.Stat(d.program.Path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(size.Size())/1e6, "MB-program")
	})
	b.Run("bare", func(b *testing.B) {
		program, d := bare(b), rig.StartDisplay(b, "1000x720")
		var cpu time.Duration
		for b.Loop() {
			c := exec.Command(program) //nolint:gosec // ours
			d.Run(c)
			d.Wait("bare")
			cpu += spent(b, c.Process.Pid)
			_ = c.Process.Kill()
			_ = c.Wait()
		}
		b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "cpu-ms/op")
	})
}

// bare builds a window of the toolkit with a word in it.
func bare(b *testing.B) (program string) {
	b.Helper()
	program = filepath.Join(b.TempDir(), "bare")
	if out, err := exec.Command("go", "build", "-tags", "gles,no_emoji", "-o", program, "./testdata/bare").CombinedOutput(); err != nil { //nolint:gosec // ours
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

// BenchmarkIdle measures a minute in which nothing happens: memory, the
// processor's time, and that of the X server, which has something to do only when
// something is drawn. Beside it a window of the toolkit with a word in it.
func BenchmarkIdle(b *testing.B) {
	b.Run("window", func(b *testing.B) {
		d := sit(b, i18n.Italian, "light")
		d.cards[0].Insert()
		d.sees("", "win.welcome")
		idle(b, d.Display, d.program.Process.Pid)
	})
	b.Run("bare", func(b *testing.B) {
		program, d := bare(b), rig.StartDisplay(b, "1000x720")
		c := exec.Command(program)
		d.Run(c)
		d.Wait("bare")
		idle(b, d, c.Process.Pid)
	})
}

func idle(b *testing.B, d *rig.Display, pid int) {
	time.Sleep(10 * time.Second)
	var program, server time.Duration
	for b.Loop() {
		ours, theirs := spent(b, pid), spent(b, d.Server.Pid)
		time.Sleep(time.Minute)
		program += spent(b, pid) - ours
		server += spent(b, d.Server.Pid) - theirs
	}
	minutes := float64(b.N)
	b.ReportMetric(program.Seconds()/60/minutes*100, "%cpu")
	b.ReportMetric(float64(server.Milliseconds())/minutes, "xserver-ms/min")
	b.ReportMetric(resident(b, pid, "VmRSS"), "MB")
	b.ReportMetric(resident(b, pid, "RssAnon"), "MB-own")
}

// end ends the program.
func (d *desk) end() {
	_ = d.program.Process.Kill()
	_ = d.program.Wait()
}

// spent is the processor's time that a process has had (proc(5), stat, fields 14
// and 15, in hundredths of a second).
func spent(t testing.TB, pid int) time.Duration {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// resident is a process's memory of a kind (proc(5), status), in MB.
func resident(t testing.TB, pid int, kind string) float64 {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, kind+":"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return float64(n) * 1024 / 1e6
		}
	}
	t.Fatalf("no %s", kind)
	return 0
}
