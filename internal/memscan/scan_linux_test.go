package memscan

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/sys/unix"

	"github.com/softwarecie/cie/internal/secret"
)

// childEnv makes the test program the process that is scanned.
const childEnv = "CIE_MEMSCAN_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		child(how)
		return
	}
	os.Exit(m.Run())
}

// child takes eight digits from standard input, keeps them as told, and says so;
// a byte more makes it go on.
func child(how string) {
	page := secret.New(8)
	if _, err := io.ReadFull(os.Stdin, page.Bytes()); err != nil {
		os.Exit(2)
	}
	var kept any
	digits := page.Bytes()
	switch how {
	case "page":
	case "heap":
		kept = append([]byte(nil), digits...)
	case "string":
		kept = "PIN " + string(digits)
	case "UTF-16":
		kept = utf16.Encode([]rune(string(digits)))
	case "UTF-32":
		kept = []rune(string(digits))
	case "packed": // ISO 9564-1:2017 §9.3.2 packs digits so
		var packed uint32
		for _, d := range digits {
			packed = packed<<4 | uint32(d-'0')
		}
		kept = binary.BigEndian.AppendUint32(nil, packed)
	case "padded":
		kept = append(append([]byte(nil), digits...), 0x80, 0, 0, 0, 0, 0, 0, 0)
	}
	if how != "page" {
		page.Wipe()
	}
	for range 2 {
		fmt.Println("ready")
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			return
		}
		page.Wipe()
		secret.Do(func() {})
		runtime.GC()
	}
	runtime.KeepAlive(kept)
}

// process is a child under scan.
type process struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, how string, digits []byte) process {
	t.Helper()
	p := process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), childEnv+"="+how)
	p.Stderr = os.Stderr
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = p.Wait()
	})
	p.send(t, digits)
	return p
}

// send writes to the child and waits for its answer.
func (p process) send(t *testing.T, b []byte) {
	t.Helper()
	if _, err := p.in.Write(b); err != nil {
		t.Fatal(err)
	}
	if line, err := p.out.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child: %q, %v", line, err)
	}
}

// found scans and counts the hits by pattern.
func found(t *testing.T, pid int, patterns []Pattern) map[string]int {
	t.Helper()
	hits, err := Scan(pid, patterns)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, h := range hits {
		count[h.Pattern]++
	}
	return count
}

// randomDigits draws a code in memory of its own.
func randomDigits(t *testing.T) *secret.Buffer {
	b := secret.New(8)
	if _, err := rand.Read(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	for i := range b.Bytes() {
		b.Bytes()[i] = '0' + b.Bytes()[i]%10
	}
	t.Cleanup(b.Wipe)
	return b
}

// The method finds what is there, in each form, and nothing in a process that
// kept its code on a page and wiped it.
func TestScanFindsEveryForm(t *testing.T) {
	for _, how := range []string{"heap", "string", "UTF-16", "UTF-32", "packed", "padded"} {
		t.Run(how, func(t *testing.T) {
			digits := randomDigits(t)
			p := start(t, how, digits.Bytes())
			want := map[string]string{"heap": "code in ASCII", "string": "code in ASCII"}[how]
			if want == "" {
				want = "code in " + how
				if strings.HasPrefix(how, "pa") {
					want = "code " + how
				}
			}
			if got := found(t, p.Process.Pid, Code("code", digits.Bytes())); got[want] == 0 {
				t.Errorf("hits = %v, want %q among them", got, want)
			}
		})
	}
}

func TestScanProvesThePage(t *testing.T) {
	digits := randomDigits(t)
	p := start(t, "page", digits.Bytes())
	patterns := Code("code", digits.Bytes())
	if got := found(t, p.Process.Pid, patterns); got["code in ASCII"] != 1 {
		t.Errorf("on its page: %v, want 1 hit in ASCII: the page itself", got)
	}
	p.send(t, []byte("w"))
	for name, n := range found(t, p.Process.Pid, patterns) {
		if name == "code packed" && n == 1 {
			t.Log("four bytes by chance")
			continue
		}
		t.Errorf("after Wipe: %d hits for %s, want none", n, name)
	}
}

// A process may scan itself: it finds its secret, not its own search.
func TestScanOfOneself(t *testing.T) {
	key := secret.New(32)
	if _, err := rand.Read(key.Bytes()); err != nil {
		t.Fatal(err)
	}
	pattern := []Pattern{Bytes("key", key.Bytes())}
	if got := found(t, os.Getpid(), pattern); got["key"] != 1 {
		t.Errorf("hits = %v, want the key once", got)
	}
	key.Wipe()
	secret.Do(func() {})
	if got := found(t, os.Getpid(), pattern); len(got) != 0 {
		t.Errorf("after Wipe: %v, want none", got)
	}
}

// A secret that lies across the border of two chunks is found once.
func TestScanAcrossChunks(t *testing.T) {
	memory, err := unix.Mmap(-1, 0, 2*chunk+1<<14, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(memory) }()
	key := secret.New(16)
	defer key.Wipe()
	if _, err := rand.Read(key.Bytes()); err != nil {
		t.Fatal(err)
	}
	pattern := []Pattern{Bytes("key", key.Bytes()), Bytes("longer", make([]byte, 64))}
	for _, at := range []int{0, chunk - 16, chunk - 15, chunk - 1, chunk, chunk + 1, len(memory) - 16} {
		copy(memory[at:], key.Bytes())
		hits, err := Scan(os.Getpid(), pattern[:1])
		if err != nil || len(hits) != 2 {
			t.Errorf("at %d: %d hits, %v, want the key and its copy", at, len(hits), err)
		}
		clear(memory[at : at+16])
	}
	// The border moves with the longest pattern.
	copy(memory[chunk-40:], key.Bytes())
	hits, err := Scan(os.Getpid(), []Pattern{pattern[0], Bytes("other", []byte("never there, forty bytes of text or more"))})
	if err != nil || len(hits) < 2 {
		t.Errorf("%d hits, %v, want 2", len(hits), err)
	}
	keys := 0
	for _, h := range hits {
		if h.Pattern == "key" {
			keys++
		}
	}
	if keys != 2 {
		t.Errorf("key found %d times, want 2: counted once each", keys)
	}
}

// What cannot be scanned is never called clean.
func TestScanRefuses(t *testing.T) {
	if _, err := Scan(1<<30, Code("code", []byte("48201957"))); err == nil {
		t.Error("no such process: want an error")
	}
	if _, err := Scan(os.Getpid(), nil); err == nil {
		t.Error("no pattern: want an error")
	}
	if _, err := Scan(os.Getpid(), []Pattern{Bytes("empty", nil)}); err == nil {
		t.Error("empty pattern: want an error")
	}
	ended := exec.Command("/bin/true")
	if err := ended.Start(); err != nil {
		t.Fatal(err)
	}
	pid := ended.Process.Pid
	if _, err := ended.Process.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := Scan(pid, Code("code", []byte("48201957"))); err == nil {
		t.Error("ended process: want an error")
	}
}

func TestParseMapping(t *testing.T) { // examples of proc_pid_maps(5)
	for _, tt := range []struct {
		line     string
		want     mapping
		writable bool
	}{
		{"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]", mapping{0xe03000, 0xe24000, "[heap]"}, true},
		{"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon", mapping{0x400000, 0x452000, "/usr/bin/dbus-daemon"}, false},
		{"35b1dac000-35b1fac000 rw-p 001ac000 08:02 135870  /tmp/a b (deleted)", mapping{0x35b1dac000, 0x35b1fac000, "/tmp/a b (deleted)"}, true},
		{"f2c6ff8c000-7f2c7078c000 rw-p 00000000 00:00 0", mapping{0xf2c6ff8c000, 0x7f2c7078c000, ""}, true},
	} {
		if got, writable, err := parseMapping(tt.line); got != tt.want || writable != tt.writable || err != nil {
			t.Errorf("%q = %+v, %v, %v, want %+v, %v", tt.line, got, writable, err, tt.want, tt.writable)
		}
	}
	for _, line := range []string{"", "x", "1-2 rw-p", "1 rw-p 0 0 0", "g-h rw-p 0 0:0 0", "1-2 rw 0 0:0 0"} {
		if m, _, err := parseMapping(line); err == nil {
			t.Errorf("%q = %+v, want an error", line, m)
		}
	}
}
