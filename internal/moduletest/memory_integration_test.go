//go:build integration

package moduletest

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/memscan"
)

// TestPINInMemory is S1 for a program, its library and the helper: while the
// holder is logged in the helper has the PIN in the one place where it is kept;
// after logout nobody has it.
func TestPINInMemory(t *testing.T) {
	for n := range 3 {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			d := newDesk(t, false)
			n, err := rand.Int(rand.Reader, big.NewInt(90000000))
			must(t, err)
			pin := fmt.Appendf(nil, "%d", 10000000+n.Int64())
			must(t, d.Card.Set(fmt.Appendf(nil, `{"pin":%q}`, pin)))
			d.scanned(pin)
		})
	}
}

func (d *desk) scanned(pin []byte) {
	t := d.t
	program := exec.CommandContext(d.Ctx, host(t), d.module, "hold")
	in, err := program.StdinPipe()
	must(t, err)
	out, err := program.StdoutPipe()
	must(t, err)
	must(t, program.Start())
	defer func() {
		_ = in.Close()
		must(t, program.Wait())
	}()
	lines := bufio.NewReader(out)
	say := func(what []byte, answer string) {
		t.Helper()
		_, err := in.Write(what)
		must(t, err)
		line, err := lines.ReadString('\n')
		if err != nil || strings.TrimSpace(line) != answer {
			t.Fatalf("%q, %v, want %q", line, err, answer)
		}
	}
	say(nil, "ready")
	say(pin, "in")
	helper := childOf(t, program.Process.Pid)
	patterns := memscan.Code("PIN", pin)[:1] // the packed form turns up by chance
	look := func(when, name string, pid, want int) {
		t.Helper()
		hits, err := memscan.Scan(pid, patterns)
		for late := time.Now().Add(20 * time.Second); err == nil && len(hits) != want && time.Now().Before(late); hits, err = memscan.Scan(pid, patterns) {
			time.Sleep(100 * time.Millisecond)
		}
		must(t, err)
		if len(hits) == want {
			return
		}
		t.Errorf("%s, %s: the PIN is in %d places, want %d", when, name, len(hits), want)
		for _, hit := range hits {
			t.Logf("%+v\n%s", hit, memscan.Around(pid, hit.Address))
		}
	}
	look("logged in", "program", program.Process.Pid, 0)
	look("logged in", "helper", helper, 1) // where it is kept
	say([]byte{1}, "out")
	look("logged out", "program", program.Process.Pid, 0)
	look("logged out", "helper", helper, 0)
	_, err = in.Write([]byte{1})
	must(t, err)
}

// childOf is the process that another has started.
func childOf(t testing.TB, pid int) int {
	t.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	must(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(string(list)))
	must(t, err)
	return child
}
