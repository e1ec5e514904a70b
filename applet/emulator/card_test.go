package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/tlv"
)

func TestStateFileOutlivesTheCard(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	m := newTerminal(t, Options{State: file}).open()
	m.sure(0x24, 0, 0x81, []byte("1234567811223344"), 0)
	m.status(0x20, 0, 0x81, []byte("00000000"))
	m.status(0x20, 0, 0x82, []byte("00000000"))

	again, err := New(Options{State: file, PIN: "99999999"}) // the file wins
	if err != nil {
		t.Fatal(err)
	}
	if pin, puk, tries, pukTries := again.Codes(); pin != "11223344" || puk != "87654321" || tries != 2 || pukTries != 9 {
		t.Errorf("PIN %s (%d), PUK %s (%d)", pin, tries, puk, pukTries)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(names) != 0 {
		t.Errorf("left over: %v", names)
	}
}

func TestStateFileIsWrittenBeforeTheAnswer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	m := newTerminal(t, Options{State: file}).open()
	m.card.Fail(0, Fault{Kind: "drop-after"})
	if _, err := m.card.Transmit(m.wrap(verifyCommand("00000000"))); !errors.Is(err, ErrRemoved) {
		t.Fatal(err)
	}
	again, err := New(Options{State: file})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, tries, _ := again.Codes(); tries != 2 {
		t.Errorf("%d tries, want 2", tries)
	}
}

func TestBadStateFiles(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":         "{",
		"another card":    `{"pan":"000000000000","pin":"12345678","puk":"87654321","tries":3,"puk-tries":10}`,
		"short PIN":       `{"pan":"123456789012","pin":"1234","puk":"87654321","tries":3,"puk-tries":10}`,
		"too many tries":  `{"pan":"123456789012","pin":"12345678","puk":"87654321","tries":4,"puk-tries":10}`,
		"negative tries":  `{"pan":"123456789012","pin":"12345678","puk":"87654321","tries":3,"puk-tries":-1}`,
		"tries of a kind": `{"pan":"123456789012","tries":"many"}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "state.json")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := New(Options{State: file}); err == nil {
				t.Error("taken")
			}
			if kept, _ := os.ReadFile(file); string(kept) != text {
				t.Errorf("the file is now %q", kept)
			}
		})
	}
}

func TestUnwritableStateIsMemoryFailure(t *testing.T) {
	m := newTerminal(t, Options{State: filepath.Join(t.TempDir(), "no such folder", "state.json")}).open()
	wantSW(t, m.status(0x20, 0, 0x81, []byte("12345678")), 0x6581)
}

func TestBadOptions(t *testing.T) {
	four, minus := 4, -1
	for name, o := range map[string]Options{
		"short PIN": {PIN: "123"}, "long PUK": {PUK: "123456789"}, "tries": {Tries: &four}, "PUK tries": {PUKTries: &minus},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(o); err == nil {
				t.Error("made")
			}
		})
	}
}

func TestLedger(t *testing.T) {
	m := with(t, Behaviour{Tries: "verify"})
	m.selectCIE()
	m.sw("00200081083132333435363738") // in the clear
	m.open()
	m.status(0x20, 0, 0x81, nil)
	m.status(0x20, 0, 0x81, []byte("00000000"))
	m.status(0x20, 0, 0x81, []byte("1234567"))
	m.status(0x24, 0, 0x81, []byte("1234567811223344"))
	m.status(0x20, 0, 0x82, []byte("87654321"))
	m.status(0x2C, 2, 0x81, []byte("44332211"))
	want := []Entry{
		{N: 1, Kind: "verify", Reference: "PIN", Length: 8, Protected: false, SW: "6982", Tries: 3},
		{N: 2, Kind: "query", Reference: "PIN", Length: 0, Protected: true, SW: "63C3", Tries: 3},
		{N: 3, Kind: "verify", Reference: "PIN", Length: 8, Protected: true, SW: "63C2", Tries: 2},
		{N: 4, Kind: "verify", Reference: "PIN", Length: 7, Protected: true, SW: "6700", Tries: 2},
		{N: 5, Kind: "change", Reference: "PIN", Length: 16, Protected: true, SW: "9000", Tries: 3},
		{N: 6, Kind: "verify", Reference: "PUK", Length: 8, Protected: true, SW: "9000", Tries: 10},
		{N: 7, Kind: "reset", Reference: "PIN", Length: 8, Protected: true, SW: "9000", Tries: 3},
	}
	got, last := m.card.Ledger(), -1
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].APDU <= last || got[i].PAN != m.card.PAN() || time.Since(got[i].Time) > time.Minute {
			t.Errorf("entry %d: %+v", i, got[i])
		}
		last = got[i].APDU
		got[i].APDU, got[i].PAN, got[i].Time = 0, "", time.Time{}
	}
	if !slices.Equal(got, want) {
		t.Errorf("ledger\n got %+v\nwant %+v", got, want)
	}
	for _, code := range []string{"12345678", "11223344", "87654321", "44332211"} {
		if code != m.card.PAN()[:8] && strings.Contains(strings.ReplaceAll(string(text), m.card.PAN(), ""), code) {
			t.Errorf("the ledger holds the code %s", code)
		}
	}
}

func TestSwapKeepsEachCardAsItWas(t *testing.T) {
	m := newTerminal(t, Options{}).open()
	first := m.card.PAN()
	m.status(0x20, 0, 0x81, []byte("00000000"))
	m.card.Swap("another")
	if m.card.PAN() == first {
		t.Fatal("the same card")
	}
	wantSW(t, m.status(0x20, 0, 0x81, []byte("12345678")), 0x6882)
	m.open()
	if _, _, tries, _ := m.card.Codes(); tries != 3 {
		t.Errorf("the other card has %d tries, want 3", tries)
	}
	m.card.Swap("")
	if _, _, tries, _ := m.card.Codes(); tries != 2 || m.card.PAN() != first {
		t.Errorf("back is %s with %d tries, want %s and 2", m.card.PAN(), tries, first)
	}
}

func TestSwappedCardDoesNotTouchTheStateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	m := newTerminal(t, Options{State: file}).open()
	m.status(0x20, 0, 0x81, []byte("00000000"))
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m.card.Swap("another")
	m.open()
	m.status(0x20, 0, 0x81, []byte("00000000"))
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Errorf("now %s", after)
	}
}

func TestRemovedCardAnswersNothing(t *testing.T) {
	m := with(t, Behaviour{})
	lost := m.card.Lost()
	m.card.Remove()
	select {
	case <-lost:
	default:
		t.Error("nobody is told")
	}
	if _, err := m.card.Transmit(unhex(challenge)); !errors.Is(err, ErrRemoved) || m.card.Present() {
		t.Errorf("%v, present %v", err, m.card.Present())
	}
	if err := m.card.PowerOn(); !errors.Is(err, ErrRemoved) {
		t.Errorf("power: %v", err)
	}
	m.card.Insert()
	wantSW(t, m.sw(challenge), 0x9000)
}

func TestLatency(t *testing.T) {
	m := newTerminal(t, Options{PerAPDU: 3 * time.Millisecond, PerByte: time.Millisecond})
	begin := time.Now()
	m.raw(challenge) // 5 bytes there, 10 back
	if took := time.Since(begin); took < 18*time.Millisecond {
		t.Errorf("took %v, want 18 ms or more", took)
	}
}

func TestLatencyOfCryptography(t *testing.T) {
	m := newTerminal(t, Options{PerCrypto: 5 * time.Millisecond})
	begin := time.Now()
	m.verified()
	// Two for the agreement, certificate, terminal's proof, chip's proof.
	if n, took := m.card.Stats().Crypto, time.Since(begin); n != 5 || took < 25*time.Millisecond {
		t.Errorf("%d operations in %v, want 5 in 25 ms or more", n, took)
	}
}

func TestRemovalDoesNotWaitForASlowCommand(t *testing.T) {
	m := newTerminal(t, Options{PerAPDU: time.Hour})
	answered := make(chan error, 1)
	go func() { _, err := m.card.Transmit(unhex(challenge)); answered <- err }()
	for m.card.Stats().APDUs == 0 {
		time.Sleep(time.Millisecond)
	}
	m.card.Remove()
	if err := <-answered; !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
}

func TestManyAtOnce(t *testing.T) {
	m := with(t, Behaviour{})
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 50 {
				if out, err := m.card.Transmit(unhex(challenge)); err != nil || len(out) != 10 {
					t.Errorf("%X, %v", out, err)
				}
				m.card.State()
				m.card.Ledger()
				m.card.SetBehaviour(func(b *Behaviour) { b.NoFCP = !b.NoFCP })
			}
		})
	}
	work.Wait()
	if n := m.card.Stats().APDUs; n != 400 {
		t.Errorf("%d APDUs, want 400", n)
	}
}

func TestLogShowsPlainCommands(t *testing.T) {
	var log bytes.Buffer
	newTerminal(t, Options{Log: &log}).verified()
	for _, line := range []string{
		"> 00A4040C0DA0000000308000000009816001", "< 9000", "  > 0C 20 00 81 3132333435363738 Ne=0", "  <  9000",
	} {
		if !strings.Contains(log.String(), line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}

func TestContentsFollowTheSwitches(t *testing.T) {
	m := with(t, Behaviour{})
	if got := m.sod().version; got != 1 {
		t.Fatalf("version %d", got)
	}
	m.card.SetBehaviour(func(b *Behaviour) { b.OldSOD = true })
	if got := m.sod().report(m); got != "good 0 1.2.840.113549.1.1.11" {
		t.Error(got)
	}
}

func TestDump(t *testing.T) {
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "new", "folder")
	if err := c.Dump(folder); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.pem"))
	if err != nil || len(names) != 6 {
		t.Errorf("%v, %v", names, err)
	}
}

// The travel document is there as far as a client needs to see that it is: files
// are well formed, and closed without PACE.
func TestTravelDocument(t *testing.T) {
	m := with(t, Behaviour{})
	m.sw("00A4040C07A0000002471001")
	for _, id := range []string{"011E", "0101", "010B", "011D"} {
		wantSW(t, m.sw("00A4020C02"+id), 0x9000)
		wantSW(t, m.sw("00B0000000"), 0x6982)
		n := unhex(id)
		content, ok := m.card.mrtdFile(uint16(n[0])<<8 | uint16(n[1]))
		if !ok {
			t.Errorf("no file %s", id)
		}
		m.find(content, map[string]tlv.Tag{"011E": 0x60, "0101": 0x61, "010B": 0x6B, "011D": 0x77}[id])
	}
	wantSW(t, m.sw("00A4020C021001"), 0x6A82)
	wantSW(t, m.sw("00200081083132333435363738"), 0x6A88)
}

func TestPACEInTheWrongOrder(t *testing.T) {
	m := with(t, Behaviour{})
	wantSW(t, m.sw("10860000027C0000"), 0x6985)
	wantSW(t, m.sw("0022C1A40F800A04007F00070202040102830102"), 0x6A80) // AES
	wantSW(t, m.sw("0022C1A40F800A04007F00070202040101830102"), 0x9000)
	wantSW(t, m.sw("008600000C7C0A8508000000000000000000"), 0x6985)
	wantSW(t, m.sw("10860000027C0000"), 0x9000)
	wantSW(t, m.sw("10860000057C0381010100"), 0x6A80) // public value 1
	wantSW(t, m.sw("10860000027C0000"), 0x6985)       // a second nonce
}
