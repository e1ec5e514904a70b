//go:build integration

package moduletest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/rig"
)

// What the library is to the program that loads it.

// symbols are the names in the library that nm lists.
func symbols(t *testing.T, module string, options ...string) []string {
	t.Helper()
	rig.Need(t, "nm")
	out, err := exec.Command("nm", append(options, "-D", module)...).Output()
	must(t, err)
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		name, _, _ := strings.Cut(fields[len(fields)-1], "@")
		names = append(names, name)
	}
	return names
}

func TestSymbols(t *testing.T) { // T15
	module := cardrig.Built(t, "libcie-pkcs11.so")
	exported := symbols(t, module, "--defined-only")
	for _, name := range exported {
		if !strings.HasPrefix(name, "C_") {
			t.Errorf("%s is exported", name)
		}
	}
	for _, name := range []string{"C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"} {
		if !slices.Contains(exported, name) {
			t.Errorf("%s is not exported", name)
		}
	}
	// No output, no thread, no signal, no end, no other process than by posix_spawn.
	for _, name := range symbols(t, module, "--undefined-only") {
		for _, part := range []string{"printf", "puts", "putchar", "fwrite", "perror", "syslog", "stdout", "stderr", "pthread_create", "signal", "sigaction", "exit", "abort", "fork", "exec", "system", "popen", "dlopen"} {
			if strings.TrimPrefix(name, "__") == part || part == "printf" && strings.Contains(name, part) {
				t.Errorf("the library uses %s", name)
			}
		}
	}
}

// TestHelperMustBeOurs has a helper that somebody else could have put there.
func TestHelperMustBeOurs(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "library")
	must(t, os.Mkdir(folder, 0o700))
	module, helper := filepath.Join(folder, "libcie-pkcs11.so"), filepath.Join(folder, "cie-pkcs11-helper")
	for name, path := range map[string]string{"libcie-pkcs11.so": module, "cie-pkcs11-helper": helper} {
		must(t, exec.Command("cp", cardrig.Built(t, name), path).Run())
	}
	starts := func() error {
		p := load(t, module)
		defer p.Destroy()
		if err := p.Initialize(); err != nil {
			return err
		}
		_, err := p.GetSlotList(false)
		must(t, p.Finalize())
		return err
	}
	must(t, starts())
	refused := func(what string, spoil, restore func() error) {
		t.Helper()
		must(t, spoil())
		if starts() == nil {
			t.Errorf("%s: it was started", what)
		}
		must(t, restore())
		must(t, starts())
	}
	mode := func(path string, mode os.FileMode) func() error {
		return func() error { return os.Chmod(path, mode) }
	}
	refused("others may write the helper", mode(helper, 0o757), mode(helper, 0o755))
	refused("a group may write the helper", mode(helper, 0o775), mode(helper, 0o755))
	refused("others may write the folder", mode(folder, 0o707), mode(folder, 0o700))
	refused("the helper is no program", mode(helper, 0o644), mode(helper, 0o755))
	if os.Getuid() == 0 && ownersDiffer(t, helper) {
		refused("another owner of the helper", func() error { return os.Chown(helper, 1000, 1000) }, func() error { return os.Chown(helper, 0, 0) })
	}
	refused("no helper", func() error { return os.Rename(helper, helper+".away") }, func() error { return os.Rename(helper+".away", helper) })
}

// ownersDiffer says whether this namespace has a second user.
func ownersDiffer(t *testing.T, path string) bool {
	t.Helper()
	if os.Chown(path, 1000, 1000) != nil {
		return false
	}
	must(t, os.Chown(path, 0, 0))
	return true
}

// TestUnderSanitizers has the whole library, built with sanitizers, in a program
// that is built with them: the table of conformance, and many threads.
func TestUnderSanitizers(t *testing.T) {
	d := newDesk(t, true)
	for _, sanitizer := range []string{"address,undefined", "thread"} {
		t.Run(sanitizer, func(t *testing.T) {
			d := d.with(t)
			folder, flags := t.TempDir(), "-g -O1 -fno-sanitize-recover=all -fsanitize="+sanitizer
			program := filepath.Join(folder, "host")
			d.module = filepath.Join(folder, "libcie-pkcs11.so")
			build := exec.Command("../../cmd/cie-pkcs11/build.sh", d.module)
			build.Env = append(os.Environ(), "CFLAGS="+flags)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			must(t, os.Chmod(folder, 0o700)) //nolint:gosec // a folder
			must(t, exec.Command("cp", cardrig.Built(t, "cie-pkcs11-helper"), folder).Run())
			compile(t, program, flags+" testdata/host.c -ldl")
			if sanitizer != "thread" {
				compare(t, d.must(nil, program, d.module, "table"))
				d.must(nil, program, d.module, "edges")
			}
			t.Log(d.must(nil, program, d.module, "storm", "8", "100"))
		})
	}
	d.unharmed()
}

func TestOddPrograms(t *testing.T) { // F45, F48
	d := newDesk(t, false)
	for kind, name := range []string{"plain", "ignores signals", "blocks signals", "no standard files", "few files", "small stack", "catches faults", "writes though its output is closed"} {
		t.Run(name, func(t *testing.T) { d.with(t).inHost("odd", strconv.Itoa(kind)) })
	}
	nested := filepath.Join(d.Folder, strings.Repeat("deep/", 20))
	must(t, os.MkdirAll(nested, 0o700))
	for _, home := range []string{"", "relative/path", nested, "/proc/none", "/" + strings.Repeat("x", 4000)} {
		t.Run("HOME "+home[:min(len(home), 20)], func(t *testing.T) {
			for _, name := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME"} {
				t.Setenv(name, "")
			}
			t.Setenv("HOME", home)
			d.with(t).inHost("odd", "0")
		})
	}
	d.unharmed()
	if d.tries() != 3 {
		t.Errorf("%d tries left, want 3", d.tries())
	}
}

// TestEventsOutliveHelpers has a program that waits for a card to be moved while one
// helper after the other dies.
func TestEventsOutliveHelpers(t *testing.T) {
	d := newDesk(t, true)
	p := load(t, d.module)
	defer p.Destroy()
	must(t, p.Initialize())
	defer func() { must(t, p.Finalize()) }()
	event := p.WaitForSlotEvent(0)
	for range 3 {
		time.Sleep(1200 * time.Millisecond)
		_, err := p.GetSlotList(true)
		must(t, err)
		must(t, exec.Command("pkill", "-KILL", "-P", strconv.Itoa(os.Getpid()), "-f", "cie-pkcs11-helper").Run())
	}
	select {
	case e := <-event:
		t.Fatalf("event %+v, though nothing was moved", e)
	case <-time.After(1200 * time.Millisecond):
	}
	_, err := p.GetSlotList(true)
	must(t, err)
	d.Card.Remove()
	select {
	case e := <-event:
		if e.SlotID != 0 {
			t.Errorf("event in slot %d", e.SlotID)
		}
	case <-time.After(20 * time.Second):
		t.Error("no event")
	}
	d.Card.Insert()
}

// TestLooksWhileACardWorks is C6: what is shown of a card does not wait for it.
func TestLooksWhileACardWorks(t *testing.T) {
	d := newDesk(t, true)
	p := load(t, d.module)
	defer p.Destroy()
	must(t, p.Initialize())
	s, err := p.OpenSession(0, pkcs11.CKF_SERIAL_SESSION)
	must(t, err)
	d.Card.Fail(5, emulator.Fault{Kind: "stall"})
	ended := make(chan error, 1)
	go func() { ended <- p.Login(s, pkcs11.CKU_USER, "5678") }()
	for n := 0; d.Card.Stats().Faults == 0; n++ {
		if n == 1000 {
			t.Fatal("the card was not asked")
		}
		time.Sleep(10 * time.Millisecond)
	}
	before := d.Card.Stats().APDUs
	var slowest time.Duration
	for range 100 {
		for _, look := range []func() error{
			func() error { _, err := p.GetSlotList(true); return err },
			func() error { _, err := p.GetSlotInfo(0); return err },
			func() error { _, err := p.GetTokenInfo(0); return err },
			func() error { _, err := p.GetSessionInfo(s); return err },
		} {
			begun := time.Now()
			must(t, look())
			slowest = max(slowest, time.Since(begun))
		}
	}
	if n := d.Card.Stats().APDUs - before; n > 0 {
		t.Errorf("%d APDUs for looking", n)
	}
	if slowest > 2*time.Second { // the goal is 50 ms, on a computer that does nothing else
		t.Errorf("a look took %v", slowest)
	}
	t.Logf("400 looks while the card works, the slowest took %v", slowest)
	begun := time.Now()
	must(t, p.Finalize())
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("C_Finalize took %v", took)
	}
	if err := <-ended; err == nil || err.Error() != pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED).Error() {
		t.Errorf("login: %v", err)
	}
	d.Card.ClearFaults()
	d.unharmed()
}
