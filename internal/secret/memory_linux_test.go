package secret

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noLockEnv makes the test program one that may not lock memory.
const noLockEnv = "CIE_SECRET_NO_LOCK"

func TestMain(m *testing.M) {
	if os.Getenv(noLockEnv) != "" {
		if err := withoutLock(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// The page of a secret is left out of core dumps ("dd") and of forked children
// ("dc"), and locked ("lo"): VmFlags of proc_pid_smaps(5).
func TestPageFlags(t *testing.T) {
	if err := unix.Mlock(make([]byte, 1)); err != nil {
		t.Skipf("memory cannot be locked here: %v", err)
	}
	for _, size := range []int{1, 8, 4096, 4097, 100_000} {
		b := New(size)
		b.Bytes()[0], b.Bytes()[size-1] = 1, 1
		for _, at := range []int{0, size - 1} {
			flags, err := flagsOf(&b.Bytes()[at])
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"dd", "dc", "lo"} {
				if !slices.Contains(flags, want) {
					t.Errorf("byte %d of %d: VmFlags %v, want %q", at, size, flags, want)
				}
			}
		}
		b.Wipe()
	}
	heap := make([]byte, 64)
	if flags, err := flagsOf(&heap[0]); err != nil || slices.Contains(flags, "dd") {
		t.Errorf("heap: VmFlags %v, %v: the test sees no difference", flags, err)
	}
}

// Where no memory may be locked (RLIMIT_MEMLOCK 0) a secret can be kept all the
// same; it is still left out of dumps.
func TestWithoutLock(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), noLockEnv+"=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// withoutLock is what the child of TestWithoutLock does.
func withoutLock() error {
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{}); err != nil {
		return err
	}
	runtime.LockOSThread() // capabilities are those of a thread
	var none [2]unix.CapUserData
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return err
	}
	b := Take([]byte("12345678"))
	if string(b.Bytes()) != "12345678" {
		return fmt.Errorf("Take = %q", b.Bytes())
	}
	flags, err := flagsOf(&b.Bytes()[0])
	switch {
	case err != nil:
		return err
	case slices.Contains(flags, "lo"):
		return errors.New("memory is locked against the limit: the test shows nothing")
	case !slices.Contains(flags, "dd"):
		return fmt.Errorf("VmFlags %v, want dd", flags)
	}
	view := b.Bytes()
	b.Wipe()
	if string(view) != string(make([]byte, 8)) {
		return fmt.Errorf("Wipe left %q", view)
	}
	return nil
}

// flagsOf reads the VmFlags of the mapping that a byte lies in.
func flagsOf(b *byte) ([]string, error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	address, inside := uint64(uintptr(unsafe.Pointer(b))), false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var start, end uint64
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &start, &end); n == 2 {
			inside = start <= address && address < end
		}
		if flags, found := strings.CutPrefix(lines.Text(), "VmFlags:"); found && inside {
			return strings.Fields(flags), nil
		}
	}
	return nil, errors.Join(errors.New("mapping not found"), lines.Err())
}

// NoDumps ends core dumps for the process and what it starts.
func TestNoDumps(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &before) })
	NoDumps()
	var after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &after); err != nil || after.Cur != 0 {
		t.Errorf("RLIMIT_CORE = %+v, %v, want 0", after, err)
	}
}
