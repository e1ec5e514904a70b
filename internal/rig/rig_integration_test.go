//go:build integration && linux

package rig

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

func TestPrivatePCSCD(t *testing.T) {
	if pid := os.Getpid(); pid != 1 {
		t.Errorf("process id %d, want 1, the first of its namespace", pid)
	}
	begin := time.Now()
	p := StartPCSCD(t)
	t.Logf("pcscd answers after %v", time.Since(begin))

	if got := openscReaders(t); !strings.Contains(got, FirstReader) || !strings.Contains(got, SecondReader) {
		t.Errorf("opensc-tool -l lists\n%s\nwant %q and %q", got, FirstReader, SecondReader)
	}
	for _, port := range []string{"35963", "35964"} {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Errorf("virtual reader: %v", err)
			continue
		}
		_ = c.Close()
	}
	if !strings.Contains(p.Log(), "daemon ready") {
		t.Errorf("log of pcscd is %q, want «daemon ready» in it", p.Log())
	}
}

func TestStopKillRestart(t *testing.T) {
	p := StartPCSCD(t)
	p.Restart()
	if got := openscReaders(t); !strings.Contains(got, FirstReader) {
		t.Errorf("after Restart opensc-tool -l lists %q", got)
	}
	p.Kill()
	if _, err := os.Stat(socket); err != nil {
		t.Errorf("after Kill: %v, want the socket left behind", err)
	}
	if p.PID() != 0 {
		t.Errorf("PID = %d after Kill, want 0", p.PID())
	}
	if c, err := net.Dial("unix", socket); err == nil {
		_ = c.Close()
		t.Error("after Kill somebody still answers")
	}
	p.Start()
	if got := openscReaders(t); !strings.Contains(got, FirstReader) {
		t.Errorf("after Kill and Start opensc-tool -l lists %q", got)
	}
}

func openscReaders(t *testing.T) string {
	t.Helper()
	Need(t, "opensc-tool")
	out, err := exec.Command("opensc-tool", "-l").CombinedOutput()
	if err != nil {
		t.Fatalf("opensc-tool -l: %v\n%s", err, out)
	}
	return string(out)
}

func TestScript(t *testing.T) {
	script, err := filepath.Abs("private-pcscd.sh")
	if err != nil {
		t.Fatal(err)
	}
	Need(t, "ip", "unshare", "opensc-tool")
	cmd := exec.Command(script, "sh", "-c", "opensc-tool -l; exit 7")
	cmd.Env = append(os.Environ(), serviceVariable+"="+socket)
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit status %d (%v), want the command's, 7", code, err)
	}
	if !strings.Contains(string(out), SecondReader) {
		t.Errorf("output %q, want the readers", out)
	}
}

// The proxy carries a whole listing of readers unchanged, and then does what it is
// told; opensc-tool says what it made of it.
func TestProxy(t *testing.T) {
	StartPCSCD(t)
	p := StartProxy(t)
	if got := openscReaders(t); !strings.Contains(got, FirstReader) || !strings.Contains(got, SecondReader) {
		t.Errorf("through the proxy opensc-tool -l lists %q", got)
	}
	if n := p.Calls(Establish); n != 1 {
		t.Errorf("%d contexts established, want 1", n)
	}
	p.Inject(Fault{Call: Establish, Code: 0x8010006A, Times: 1}) // SCARD_W_SECURITY_VIOLATION
	if got := openscReaders(t); strings.Contains(got, FirstReader) {
		t.Errorf("refused, opensc-tool -l still lists %q", got)
	}
	if got := openscReaders(t); !strings.Contains(got, FirstReader) {
		t.Errorf("after one refusal opensc-tool -l lists %q", got)
	}
	p.Inject(Fault{Call: ReaderStates, Empty: true})
	if got := openscReaders(t); strings.Contains(got, FirstReader) {
		t.Errorf("without readers opensc-tool -l lists %q", got)
	}
	p.Heal()
	if got := openscReaders(t); !strings.Contains(got, FirstReader) {
		t.Errorf("healed, opensc-tool -l lists %q", got)
	}
}
