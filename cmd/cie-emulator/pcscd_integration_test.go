//go:build integration && linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/pcsc"
)

func TestMain(m *testing.M) { rig.Main(m) }

// inReader runs the program with its card in the first virtual reader of a pcscd of
// the test's own, and waits until the daemon sees the card.
func inReader(t *testing.T, args ...string) {
	t.Helper()
	rig.StartPCSCD(t)
	out, stop := start(t, append([]string{"--port", strconv.Itoa(rig.FirstPort)}, args...)...)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for readers, err := range client.Watch(ctx) {
		if err != nil {
			t.Logf("watching: %v", err)
		}
		if slices.ContainsFunc(readers, func(r pcsc.Reader) bool { return r.Name == rig.FirstReader && r.Present }) {
			return
		}
	}
	t.Fatal("the daemon sees no card")
}

// openscTool runs opensc-tool on the first reader.
func openscTool(t *testing.T, args ...string) string {
	t.Helper()
	rig.Need(t, "opensc-tool")
	out, err := exec.Command("opensc-tool", args...).CombinedOutput()
	if err != nil {
		t.Errorf("opensc-tool %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// Another program, which knows nothing of this one, finds the card in its reader.
func TestOpenSCSeesTheCard(t *testing.T) {
	for name, atr := range map[string]string{ // 1.1 of the chip specification
		"gemalto": "3b:8f:80:01:80:31:80:65:b0:85:04:00:11:12:0f:ff:82:90:00:8a",
		"stm2":    "3b:80:80:01:01",
		"itj4d":   "3b:8f:80:01:80:31:80:65:49:54:4a:34:44:12:0f:ff:82:90:00:8d",
	} {
		t.Run(name, func(t *testing.T) {
			inReader(t, "--profile", name)
			list := openscTool(t, "-l", "-a")
			if !slices.ContainsFunc(strings.Split(list, "\n"), func(line string) bool {
				fields := strings.Fields(line) // number, card, features, name
				return len(fields) > 2 && fields[0] == "0" && fields[1] == "Yes" && strings.HasSuffix(line, rig.FirstReader)
			}) {
				t.Errorf("opensc-tool -l -a lists\n%s\nwant a card in %q", list, rig.FirstReader)
			}
			if got := strings.ToLower(openscTool(t, "-r", "0", "-a")); !strings.Contains(got, atr) {
				t.Errorf("ATR %q, want %s", got, atr)
			}
			got := openscTool(t, "-r", "0", "-s", "00:A4:04:0C:0D:A0:00:00:00:30:80:00:00:00:09:81:60:01")
			if !strings.Contains(got, "SW1=0x90, SW2=0x00") {
				t.Errorf("SELECT of the IAS application: %q", got)
			}
		})
	}
}

// The SOD needs READ BINARY by odd instruction and the longest short answers.
func TestOpenSCReadsAFile(t *testing.T) {
	inReader(t)
	got := openscTool(t, "-r", "0", "-s", "00:A4:04:0C:0D:A0:00:00:00:30:80:00:00:00:09:81:60:01", "-s", "00:A4:04:0C:06:A0:00:00:00:00:39",
		"-s", "00:B0:81:00:0C", "-s", "00:B1:00:06:04:54:02:00:00:00")
	for _, part := range []string{"31 32 33 34 35 36 37 38 39 30 31 32", "53 81 FD 77 82"} {
		if !strings.Contains(got, part) {
			t.Errorf("opensc-tool prints\n%s\nwant %q", got, part)
		}
	}
}

// A command that waits for the kernel to acknowledge the first half of its frame
// takes 40 ms at least, however idle the machine. One without takes less than one.
func TestRoundTripWaitsForNoAcknowledgement(t *testing.T) {
	inReader(t)
	client := pcsc.New()
	defer func() { _ = client.Close() }()
	var times []time.Duration
	err := client.Do(t.Context(), rig.FirstReader, func(card *pcsc.Card) error {
		for range 200 {
			begin := time.Now()
			if _, err := card.Transmit([]byte{0x00, 0x84, 0x00, 0x00, 0x08}); err != nil {
				return err
			}
			times = append(times, time.Since(begin))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(times)
	t.Logf("GET CHALLENGE through pcscd and vpcd: fastest %v, median %v, slowest %v of %d",
		times[0], times[len(times)/2], times[len(times)-1], len(times))
	if times[len(times)/4] > 20*time.Millisecond {
		t.Errorf("three of four take more than %v", times[len(times)/4])
	}
}

func TestStateFileIsThatOfTheCardInTheReader(t *testing.T) {
	state := filepath.Join(t.TempDir(), "card.json")
	inReader(t, "--state", state, "--tries", "2")
	// A code in the clear is refused, counts nothing, and is written down.
	got := openscTool(t, "-r", "0", "-s", "00:A4:04:0C:06:A0:00:00:00:00:39", "-s", "00:20:00:81:08:30:30:30:30:30:30:30:30")
	if !strings.Contains(got, "SW1=0x69, SW2=0x82") {
		t.Errorf("VERIFY in the clear: %q", got)
	}
	if text, err := os.ReadFile(state); err != nil || !strings.Contains(string(text), `"tries": 2`) {
		t.Errorf("state file: %s, %v", text, err)
	}
}
