//go:build integration

package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// told is what "cie doctor" says of a check: its code, "ok", or "" where it was left
// out.
func told(t *testing.T, r *cardrig.Rig, check string) string {
	t.Helper()
	out, _ := exec.CommandContext(r.Ctx, cardrig.Built(t, "cie"), "doctor", "--json").Output() // its status is a finding's
	var answer struct {
		Findings []struct {
			Check, Code string
			OK          bool
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range answer.Findings {
		switch {
		case f.Check != check:
		case f.OK:
			return "ok"
		default:
			return f.Code
		}
	}
	return ""
}

// polkit starts a program that has the name of the one which lets people use readers.
func polkit(t *testing.T, r *cardrig.Rig) {
	t.Helper()
	sleep, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.Folder, "polkitd")
	if err := os.WriteFile(file, sleep, 0o700); err != nil { //nolint:gosec // it is to run
		t.Fatal(err)
	}
	program := exec.CommandContext(r.Ctx, file, "600")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Process.Kill(); _ = program.Wait() })
}

// A paired card on a reader of pcscd, and what befalls the service and the card. No
// code is presented.
func TestThroughPCSCD(t *testing.T) {
	r := cardrig.New(t, 2*time.Minute)
	home := filepath.Join(r.Folder, "anna.rossi")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	r.Await(t, true)
	r.Pair(t)
	paired := len(r.Card.Ledger())
	for _, check := range []string{"home", "state", "service", "reader", "card", "chip", "link", "genuine", "pairing", "certificate", "tries"} {
		if got := told(t, r, check); got != "ok" {
			t.Errorf("%s: %q", check, got)
		}
	}
	t.Run("report", func(t *testing.T) { reportTellsNobody(t, r, home) })
	t.Run("refused", func(t *testing.T) { // by polkit
		polkit(t, r)
		rig.StartProxy(t).Inject(rig.Fault{Call: rig.Establish, Code: 0x8010006A})
		if got := told(t, r, "service"); got != "CIE-SYS-02" {
			t.Errorf("service: %q", got)
		}
		t.Setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
		if got := told(t, r, "service"); got != "CIE-SYS-11" {
			t.Errorf("service, over SSH: %q", got)
		}
	})
	t.Run("contacts only", func(t *testing.T) {
		proxy := rig.StartProxy(t)
		for _, call := range []rig.Call{rig.ReaderStates, rig.WaitForChange} {
			proxy.Inject(rig.Fault{Call: call, Names: "Cherry GmbH SmartTerminal ST-2xxx"})
		}
		if got := told(t, r, "reader"); got != "CIE-RDR-04" {
			t.Errorf("reader: %q", got)
		}
	})
	t.Run("newer pairing", func(t *testing.T) { newerPairing(t, r) })
	t.Run("disk full", func(t *testing.T) { diskFull(t, r) })
	for _, e := range r.Card.Ledger()[paired:] {
		t.Errorf("a code was used: %+v", e)
	}
	r.Card.Remove()
	r.Await(t, false)
	if got := told(t, r, "card"); got != "CIE-CRD-01" {
		t.Errorf("card: %q", got)
	}
	t.Run("foreign card", func(t *testing.T) {
		foreignCard(t)
		r.Await(t, true)
		if got := told(t, r, "card"); got != "CIE-CRD-05" {
			t.Errorf("card: %q", got)
		}
	})
	r.PCSCD.Stop()
	if got := told(t, r, "service"); got != "CIE-SYS-10" {
		t.Errorf("service: %q", got)
	}
	const programs = "/usr/sbin" // empty, for this namespace
	if err := unix.Mount("tmpfs", programs, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	got := told(t, r, "service")
	if err := unix.Unmount(programs, 0); err != nil {
		t.Fatal(err)
	}
	if got != "CIE-SYS-07" {
		t.Errorf("service that is not installed: %q", got)
	}
}

// A record that a newer version has made is named, and left as it is.
func newerPairing(t *testing.T, r *cardrig.Rig) {
	records, err := filepath.Glob(filepath.Join(r.Folder, "state", "cie", "pairings", "*.card"))
	if err != nil || len(records) != 1 {
		t.Fatalf("records %q, %v", records, err)
	}
	before, err := os.ReadFile(records[0])
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.Clone(before)
	newer[versionAt], newer[versionAt+1] = newer[versionAt]+1, newer[versionAt+1]-1 // the version, and its complement
	if err := os.WriteFile(records[0], newer, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := told(t, r, "pairing"); got != "CIE-PAIR-04" {
		t.Errorf("pairing: %q", got)
	}
	if after, err := os.ReadFile(records[0]); err != nil || !bytes.Equal(after, newer) {
		t.Errorf("the record was touched: %v", err)
	}
	if err := os.WriteFile(records[0], before, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := told(t, r, "pairing"); got != "ok" {
		t.Errorf("as before: %q", got)
	}
}

// versionAt is where a record has its version: after the magic word of package
// pairing.
const versionAt = len("CIEpair")

// A disk that is full is named, and no more once there is room again. The namespace
// of the test has it.
func diskFull(t *testing.T, r *cardrig.Rig) {
	disk := filepath.Join(r.Folder, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	t.Setenv("XDG_STATE_HOME", disk)
	if got := told(t, r, "state"); got != "ok" {
		t.Errorf("with room: %q", got)
	}
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	if got := told(t, r, "state"); got != "CIE-SYS-05" {
		t.Errorf("full: %q", got)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if got := told(t, r, "state"); got != "ok" {
		t.Errorf("with room again: %q", got)
	}
}

// foreignCard lays a card of another kind on the first reader, until the test ends:
// it answers to the commands of the virtual reader, and refuses all others.
func foreignCard(t *testing.T) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", rig.FirstPort))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	atr := append([]byte{0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x57}, "YubiKey@"...)
	go func() { // vsmartcard, virtualsmartcard/doc: two bytes of length, then a command or an APDU
		head := make([]byte, 2)
		for {
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			message := make([]byte, int(head[0])<<8|int(head[1]))
			if _, err := io.ReadFull(conn, message); err != nil {
				return
			}
			var answer []byte
			switch {
			case len(message) > 1:
				answer = []byte{0x6D, 0x00}
			case message[0] == 4: // the ATR is wanted
				answer = atr
			default:
				continue
			}
			if _, err := conn.Write(append([]byte{0, byte(len(answer))}, answer...)); err != nil {
				return
			}
		}
	}()
}

// What is a person's, a card's or this computer's is not in the report.
func reportTellsNobody(t *testing.T, r *cardrig.Rig, home string) {
	file := filepath.Join(r.Folder, "report.zip")
	preview, _ := exec.CommandContext(r.Ctx, cardrig.Built(t, "cie"), "doctor", "--report", file, "--yes").Output()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, preview)
	}
	text := unzip(t, content)
	if !strings.Contains(string(preview), text) {
		t.Errorf("the preview is not what was written:\n%s", preview)
	}
	pin, puk, _, _ := r.Card.Codes()
	host, _ := os.Hostname()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := r.Card.Holder()
	private := map[string]string{
		"PIN": pin, "PUK": puk, "name": h.Name, "surname": h.Surname, "tax code": h.TaxCode, "document": h.Document, "card number": r.Card.PAN(), "host": host,
		"serial": r.Card.Certificate().SerialNumber.Text(16), "serial, decimal": r.Card.Certificate().SerialNumber.String(),
		"home": home, "home's name": filepath.Base(home), "folder": r.Folder, "user": me.Username, "home of the user": me.HomeDir,
	}
	for what, is := range leaks(text, private) {
		t.Errorf("%s is in the report: %s", what, is)
	}
	for what, is := range private {
		if found := leaks(text+is, private); found[what] == "" {
			t.Errorf("%s, %q, would not be found", what, is)
		}
	}
}

// leaks are those of the texts that are in a text.
func leaks(text string, of map[string]string) map[string]string {
	found := map[string]string{}
	for what, is := range of {
		if is != "" && strings.Contains(strings.ToLower(text), strings.ToLower(is)) {
			found[what] = is
		}
	}
	return found
}
