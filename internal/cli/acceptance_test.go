package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
)

// A person is somebody at a computer of their own, with a card in a slot.
type person struct {
	t      *testing.T
	cards  map[string]cie.Software
	card   *emulator.Card
	home   string
	module string // path of the library for browsers; "": none
	client *http.Client
}

func newPerson(t *testing.T, o emulator.Options) *person {
	t.Helper()
	card, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, card: card, cards: map[string]cie.Software{"slot": card}, home: t.TempDir()}
	if err := card.Dump(filepath.Join(p.home, "trust")); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(p.home, "config.toml")
	if err := os.WriteFile(config, []byte("[trust]\nextra = [\"trust\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CIE_CONFIG", config)
	t.Setenv("XDG_STATE_HOME", filepath.Join(p.home, "state"))
	return p
}

// An answer is what a command said.
type answer struct {
	result
	status   int
	out, err string
}

// run gives a command with --json, and the codes as lines of standard input.
func (p *person) run(args string, codes ...string) answer {
	p.t.Helper()
	in, lines, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	defer in.Close()
	_, _ = lines.WriteString(strings.Join(codes, "\n"))
	_ = lines.Close()
	if len(codes) > 0 {
		args += " --pin-stdin"
	}
	var out, errs bytes.Buffer
	a := App{In: in, Out: &out, Err: &errs, Getenv: func(name string) string { return map[string]string{"CIE_LANG": "en"}[name] }, Cards: cie.InSlots(p.cards), Client: p.client}
	status := a.Run(context.Background(), append(strings.Fields(args), "--json"))
	r := answer{status: status, out: out.String(), err: errs.String()}
	if err := json.Unmarshal(out.Bytes(), &r.result); err != nil {
		p.t.Fatalf("%s: not one JSON object: %v\n%s", args, err, out.String())
	}
	if r.OK != (status == 0) || r.OK != (r.Code == "") || r.OK != (r.Message == "") {
		p.t.Errorf("%s: ok %v, status %d, code %q", args, r.OK, status, r.Code)
	}
	return r
}

// wants checks exit status and code of an answer, and how many codes the card
// was sent.
func (p *person) wants(what string, r answer, status int, code string, sent int) {
	p.t.Helper()
	got := 0
	for _, e := range p.card.Ledger() {
		if e.Kind != "query" {
			got++
		}
	}
	if r.status != status || r.Code != code || got != sent {
		p.t.Errorf("%s: status %d, code %q, %d codes sent in all; want %d, %q, %d\n%s", what, r.status, r.Code, got, status, code, sent, r.Message)
	}
}

func (p *person) paired() {
	p.t.Helper()
	if r := p.run("pair", "12345678"); !r.OK {
		p.t.Fatal(r.Message)
	}
}

func triesOf(r answer) int {
	if r.Tries == nil {
		return -1
	}
	return *r.Tries
}

func TestAcceptance08ChangePIN(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired() // 1 code sent
	r := p.run("pin change", "11111111", "20406080")
	p.wants("wrong current PIN", r, 6, "CIE-PIN-02", 2)
	if triesOf(r) != 2 {
		t.Errorf("tries = %d", triesOf(r))
	}
	p.wants("current PIN of 5 digits", p.run("pin change", "12345", "20406080"), 2, "CIE-PIN-01", 2)
	p.wants("current PIN with letters", p.run("pin change", "1234567a", "20406080"), 2, "CIE-PIN-05", 2)
	p.wants("new PIN of 5 digits", p.run("pin change", "12345678", "20406"), 2, "CIE-PIN-12", 2)
	p.wants("new PIN with letters", p.run("pin change", "12345678", "2040608b"), 2, "CIE-PIN-05", 2)
	p.wants("right", p.run("pin change", "12345678", "20406080"), 0, "", 4) // VERIFY and CHANGE
	p.wants("the last four of the new one", p.run("pin verify", "6080"), 0, "", 5)
	if pin, _, _, _ := p.card.Codes(); pin != "20406080" {
		t.Error("the PIN is not the new one")
	}
}

func TestAcceptance09Unblock(t *testing.T) {
	p := newPerson(t, emulator.Options{Tries: new(int)}) // 0 tries: blocked
	p.wants("the PIN is blocked", p.run("pin verify", "12345678"), 7, "CIE-PIN-03", 0)
	r := p.run("pin unblock", "00000000", "20406080")
	p.wants("wrong PUK", r, 6, "CIE-PUK-01", 1)
	if triesOf(r) != 9 {
		t.Errorf("PUK tries = %d", triesOf(r))
	}
	p.wants("PUK of 5 digits", p.run("pin unblock", "87654", "20406080"), 2, "CIE-PUK-05", 1)
	p.wants("PUK with letters", p.run("pin unblock", "8765432x", "20406080"), 2, "CIE-PIN-05", 1)
	p.wants("new PIN of 5 digits", p.run("pin unblock", "87654321", "20406"), 2, "CIE-PIN-12", 1)
	p.wants("new PIN with letters", p.run("pin unblock", "87654321", "2040608b"), 2, "CIE-PIN-05", 1)
	p.wants("right", p.run("pin unblock", "87654321", "20406080"), 0, "", 3) // VERIFY and RESET
	p.wants("the new PIN", p.run("pin verify", "20406080"), 0, "", 4)
}

func TestAcceptance09PUKTries(t *testing.T) { // F78
	left := 2
	p := newPerson(t, emulator.Options{PUKTries: &left})
	p.wants("two left", p.run("pin unblock", "00000000", "20406080"), 11, "CIE-PUK-04", 0)
	p.wants("agreed", p.run("pin unblock --accept-few-tries", "00000000", "20406080"), 6, "CIE-PUK-01", 1)
	p.wants("one left", p.run("pin unblock --accept-few-tries", "00000000", "20406080"), 11, "CIE-PUK-03", 1)
	p.wants("agreed to the last", p.run("pin unblock --accept-last-try", "00000000", "20406080"), 8, "CIE-PUK-02", 2)
	p.wants("lost", p.run("pin unblock --accept-last-try", "87654321", "20406080"), 8, "CIE-PUK-02", 2)
}

func TestAcceptance11CardLifted(t *testing.T) {
	for _, args := range []string{"pair", "pin verify", "pin change", "pin unblock", "pin tries", "card check", "status"} {
		p := newPerson(t, emulator.Options{})
		codes := map[string][]string{
			"pair": {"12345678"}, "pin verify": {"12345678"}, "pin change": {"12345678", "20406080"}, "pin unblock": {"87654321", "20406080"},
		}[args]
		p.card.Fail(3, emulator.Fault{Kind: "drop-before", Sticky: true})
		if r := p.run(args, codes...); args == "status" && !r.OK && r.status != 9 || args != "status" && r.status != 9 {
			t.Errorf("%s: status %d, %s", args, r.status, r.Message)
		}
		p.card.ClearFaults()
		if r := p.run("status"); !r.OK || triesOf(p.run("pin tries")) != 3 {
			t.Errorf("%s, afterwards: %s", args, r.Message)
		}
	}
}

func TestAcceptance12LastTry(t *testing.T) {
	left := 1
	p := newPerson(t, emulator.Options{Tries: &left})
	r := p.run("pin verify", "12345678")
	p.wants("one try left", r, 11, "CIE-PIN-04", 0)
	if triesOf(r) != 1 {
		t.Errorf("tries = %d", triesOf(r))
	}
	p.wants("pair too", p.run("pair", "12345678"), 11, "CIE-PIN-04", 0)
	p.wants("change too", p.run("pin change", "12345678", "20406080"), 11, "CIE-PIN-04", 0)
	p.wants("agreed", p.run("pin verify --accept-last-try", "12345678"), 0, "", 1)
	if r := p.run("pin tries"); triesOf(r) != 3 || *r.PUKTries != 10 {
		t.Errorf("afterwards: %d", triesOf(r))
	}
}

func TestAcceptance13Lengths(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.wants("4 digits, not paired", p.run("pin verify", "5678"), 13, "CIE-PAIR-01", 0)
	p.paired()
	for _, tt := range []struct {
		pin    string
		status int
		code   string
		sent   int
	}{
		{"5678", 0, "", 2},
		{"12345678", 0, "", 3},
		{"", 2, "CIE-PIN-01", 3},
		{"123", 2, "CIE-PIN-01", 3},
		{"1234567", 2, "CIE-PIN-01", 3},
		{"123456789", 2, "CIE-PIN-01", 3},
		{"١٢٣٤", 2, "CIE-PIN-05", 3}, // eight bytes, no ASCII digit
		{strings.Repeat("1", 1000), 2, "CIE-PIN-01", 3},
	} {
		p.wants(tt.pin, p.run("pin verify", tt.pin), tt.status, tt.code, tt.sent)
	}
}

func TestAcceptance14WeakPINs(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired() // holder born on 1 January 1985, card 123456789012
	for pin, code := range map[string]string{
		"77777777": "CIE-PIN-07", "23456789": "CIE-PIN-08", "98765432": "CIE-PIN-08", "89012345": "CIE-PIN-08", "12345678": "CIE-PIN-08",
		"01011985": "CIE-PIN-09", "19850101": "CIE-PIN-09",
	} {
		p.wants(pin, p.run("pin change", "5678", pin), 11, code, 1)
	}
	other := newPerson(t, emulator.Options{Seed: "weak"})
	other.paired()
	other.wants("from the card number", other.run("pin change", "12345678", other.card.PAN()[2:10]), 11, "CIE-PIN-10", 1)
	other.wants("not weak", other.run("pin change", "12345678", "20406080"), 0, "", 3)
	other.wants("equal to the old one", other.run("pin change", "20406080", "20406080"), 11, "CIE-PIN-06", 3)
	other.wants("equal, by its half", other.run("pin change", "6080", "20406080"), 11, "CIE-PIN-06", 4)
}

func TestAcceptance15TwoReaders(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	second, err := emulator.New(emulator.Options{Seed: "second"})
	if err != nil {
		t.Fatal(err)
	}
	p.cards = map[string]cie.Software{"A": yubikey{second}, "B": p.card}
	if r := p.run("pair", "12345678"); !r.OK || r.PAN != p.card.PAN() {
		t.Errorf("foreign card first: %s", r.Message)
	}
	p.cards = map[string]cie.Software{"A": second, "B": p.card}
	p.wants("two CIEs", p.run("pin verify", "12345678"), 2, "CIE-CRD-07", 1)
	if r := p.run("pin verify --reader a", "12345678"); !r.OK || r.PAN != second.PAN() {
		t.Errorf("the one named: %s", r.Message)
	}
	p.wants("the other was not touched", p.run("list"), 0, "", 1)
	if r := p.run("status"); !r.OK || len(r.Readers) != 2 {
		t.Errorf("status: %+v", r)
	}
}

type yubikey struct{ *emulator.Card }

func (yubikey) ATR() []byte { return append([]byte{0x3B, 0xFD, 0x13, 0x00, 0x00}, "YubiKey@"...) }

type strangeATR struct{ *emulator.Card }

func (strangeATR) ATR() []byte { return []byte{0x3B, 0x81, 0x80, 0x01, 0x42, 0x42} }

func TestAcceptance16ExpiredUnknownDamaged(t *testing.T) {
	p := newPerson(t, emulator.Options{From: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)})
	if r := p.run("pair", "12345678"); !r.OK || !r.Expired || r.Expires != "2020-01-01" {
		t.Errorf("expired: %+v", r)
	}
	p.cards["slot"] = strangeATR{p.card}
	if r := p.run("pin verify", "5678"); !r.OK {
		t.Errorf("unknown chip: %s", r.Message)
	}
	files, err := filepath.Glob(filepath.Join(p.home, "state/cie/pairings/*.card"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.WriteFile(files[0], []byte("CIEpair\x01 damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.wants("damaged record, 4 digits", p.run("pin verify", "5678"), 13, "CIE-PAIR-01", 2)
	p.wants("damaged record, 8 digits", p.run("pin verify", "12345678"), 0, "", 3)
	p.paired()
	p.wants("paired again", p.run("pin verify", "5678"), 0, "", 5)
}

func TestAcceptance17ChangedElsewhere(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired()
	if err := p.card.Set([]byte(`{"pin":"90909090"}`)); err != nil {
		t.Fatal(err)
	}
	p.wants("once", p.run("pin verify", "5678"), 6, "CIE-PIN-02", 2)
	for range 3 {
		p.wants("zero further tries", p.run("pin verify", "9090"), 13, "CIE-PAIR-02", 2)
	}
	p.wants("all digits", p.run("pin verify", "90909090"), 0, "", 3)
	p.wants("four again", p.run("pin verify", "9090"), 0, "", 4)
}

func TestForgetLeavesNothing(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired()
	p.wants("without --all", p.run("forget"), 2, "CIE-APP-02", 1)
	p.wants("forget", p.run("forget --all"), 0, "", 1)
	if left, _ := filepath.Glob(filepath.Join(p.home, "state/*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	p.wants("4 digits", p.run("pin verify", "5678"), 13, "CIE-PAIR-01", 1)
}

func TestExitStatuses(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.wants("unknown flag", p.run("status --nonsense"), 2, "CIE-APP-02", 0)
	p.wants("too many words", p.run("status now"), 2, "CIE-APP-02", 0)
	p.wants("no such reader", p.run("pin verify --reader nowhere", "12345678"), 3, "CIE-RDR-01", 0)
	p.wants("nobody to ask", p.run("pin verify"), 2, "CIE-APP-06", 0)
	p.card.Remove()
	p.wants("no card", p.run("pin verify", "12345678"), 4, "CIE-CRD-01", 0)
	p.card.Insert()
	p.card.SetBehaviour(func(b *emulator.Behaviour) { b.FakeDeviceKey = true })
	p.wants("not genuine", p.run("pair", "12345678"), 12, "CIE-TRU-01", 0)
	p.cards = map[string]cie.Software{}
	p.wants("no reader", p.run("status"), 3, "CIE-RDR-01", 0)
}
