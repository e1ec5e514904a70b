package emulator

import (
	"os"
	"strings"
	"testing"
)

// The README names every switch, fault, profile, and field of the control socket.
func TestREADMEIsComplete(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"insert", "remove", "swap", "reset", "state", "stats", "reset-stats", "ledger", "set", "fault", "clear-faults", "quit",
	}
	for name := range switchNames(t) {
		names = append(names, name)
	}
	for kind := range FaultKinds {
		names = append(names, kind)
	}
	for _, p := range Profiles() {
		names = append(names, p.Name)
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("it does not name `%s`", name)
		}
	}
}
