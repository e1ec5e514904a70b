//go:build integration

package doctor

import (
	"encoding/json"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		rig.StartProxy(t).Inject(rig.Fault{Call: rig.Establish, Code: 0x8010006A})
		if got := told(t, r, "service"); got != "CIE-SYS-02" {
			t.Errorf("service: %q", got)
		}
	})
	for _, e := range r.Card.Ledger()[paired:] {
		t.Errorf("a code was used: %+v", e)
	}
	r.Card.Remove()
	r.Await(t, false)
	if got := told(t, r, "card"); got != "CIE-CRD-01" {
		t.Errorf("card: %q", got)
	}
	r.PCSCD.Stop()
	if got := told(t, r, "service"); got != "CIE-SYS-10" {
		t.Errorf("service: %q", got)
	}
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
