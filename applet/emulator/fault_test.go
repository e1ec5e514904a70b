package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/apdu"
)

// challenge is a command that changes nothing but the challenge: 10 bytes back.
const challenge = "0084000008"

func TestFaults(t *testing.T) {
	verify := func(m *terminal) []byte {
		return m.wrap(apdu.Command{INS: 0x20, P2: 0x81, Data: []byte("00000000")})
	}
	left := func(m *terminal) int { _, _, n, _ := m.card.Codes(); return n }
	bad := func(m *terminal, body []byte) bool { // whether a protected answer is not what it should be
		m.sm.step()
		n := len(body) - 2
		return n < 14 || !bytes.Equal(body[n-8:n], m.sm.retailMAC(append(bytes.Clone(m.sm.ssc[:]), body[:n-10]...)))
	}
	seen := map[string]bool{}
	for _, tt := range []struct {
		name  string
		fault Fault
		do    func(t *testing.T, m *terminal)
	}{
		{"nothing of a command is executed", Fault{Kind: "drop-before"}, func(t *testing.T, m *terminal) {
			if _, err := m.card.Transmit(verify(m)); !errors.Is(err, ErrRemoved) || left(m) != 3 {
				t.Errorf("%v, %d tries, want the card removed and 3", err, left(m))
			}
			if _, err := m.card.Transmit(unhex(challenge)); !errors.Is(err, ErrRemoved) {
				t.Errorf("the next command: %v", err)
			}
			if err := m.card.PowerOn(); err != nil {
				t.Fatal(err)
			}
			wantSW(t, m.sw(fmt.Sprintf("%X", verify(m))), 0x6882)
		}},
		{"all of a command is executed", Fault{Kind: "drop-after"}, func(t *testing.T, m *terminal) {
			if _, err := m.card.Transmit(verify(m)); !errors.Is(err, ErrRemoved) || left(m) != 2 {
				t.Errorf("%v, %d tries, want the card removed and 2", err, left(m))
			}
		}},
		{"until removal", Fault{Kind: "stall"}, func(t *testing.T, m *terminal) {
			stalled := make(chan error, 1)
			go func() { _, err := m.card.Transmit(unhex(challenge)); stalled <- err }()
			select {
			case err := <-stalled:
				t.Fatalf("answered: %v", err)
			case <-time.After(30 * time.Millisecond):
			}
			m.card.State() // is not held up
			m.card.Remove()
			if err := <-stalled; !errors.Is(err, ErrRemoved) {
				t.Error(err)
			}
		}},
		{"until reset", Fault{Kind: "stall"}, func(t *testing.T, m *terminal) {
			stalled := make(chan error, 1)
			go func() { _, err := m.card.Transmit(unhex(challenge)); stalled <- err }()
			for m.card.Stats().Faults == 0 {
				time.Sleep(time.Millisecond)
			}
			m.card.Reset()
			if err := <-stalled; !errors.Is(err, ErrRemoved) {
				t.Error(err)
			}
		}},
		{"late", Fault{Kind: "delay", Delay: 20 * time.Millisecond}, func(t *testing.T, m *terminal) {
			begin := time.Now()
			wantSW(t, m.sw(challenge), 0x9000)
			if took := time.Since(begin); took < 20*time.Millisecond {
				t.Errorf("took %v", took)
			}
		}},
		{"no bytes", Fault{Kind: "empty"}, func(t *testing.T, m *terminal) {
			if out := m.raw(challenge); len(out) != 0 {
				t.Errorf("%X", out)
			}
		}},
		{"half", Fault{Kind: "truncate"}, func(t *testing.T, m *terminal) {
			if out := m.raw(challenge); len(out) != 5 {
				t.Errorf("%X", out)
			}
		}},
		{"one byte", Fault{Kind: "truncate", Size: 1}, func(t *testing.T, m *terminal) {
			if out := m.raw(challenge); len(out) != 1 {
				t.Errorf("%X", out)
			}
		}},
		{"fixed, not executed", Fault{Kind: "answer", Answer: unhex("90009000")}, func(t *testing.T, m *terminal) {
			if out := m.raw(fmt.Sprintf("%X", verify(m))); !bytes.Equal(out, unhex("90009000")) || left(m) != 3 {
				t.Errorf("%X, %d tries", out, left(m))
			}
		}},
		{"fixed, executed", Fault{Kind: "execute", Answer: unhex("9000")}, func(t *testing.T, m *terminal) {
			if out := m.raw(fmt.Sprintf("%X", verify(m))); !bytes.Equal(out, unhex("9000")) || left(m) != 2 {
				t.Errorf("%X, %d tries", out, left(m))
			}
		}},
		{"the MAC is wrong, the rest is not", Fault{Kind: "wrong-mac"}, func(t *testing.T, m *terminal) {
			out := m.raw(fmt.Sprintf("%X", verify(m)))
			if !bytes.Equal(out[:4], unhex("990263C2")) || len(out) != 16 || !bad(m, out) {
				t.Errorf("%X", out)
			}
		}},
		{"one bit", Fault{Kind: "flip", Bit: 17}, func(t *testing.T, m *terminal) {
			out := m.raw(fmt.Sprintf("%X", verify(m)))
			if out[2] != 0x63^0x40 || !bad(m, out) {
				t.Errorf("%X", out)
			}
		}},
		{"bit beyond the answer", Fault{Kind: "flip", Bit: 1 << 20}, func(t *testing.T, m *terminal) {
			out := m.raw(fmt.Sprintf("%X", verify(m)))
			if bad(m, out) {
				t.Errorf("%X", out)
			}
		}},
		{"bare 9000 instead of a protected 63C2", Fault{Kind: "plain"}, func(t *testing.T, m *terminal) {
			if out := m.raw(fmt.Sprintf("%X", verify(m))); !bytes.Equal(out, unhex("9000")) || left(m) != 2 {
				t.Errorf("%X, %d tries", out, left(m))
			}
		}},
		{"bare 6983", Fault{Kind: "plain", Answer: unhex("6983")}, func(t *testing.T, m *terminal) {
			wantSW(t, m.sw(fmt.Sprintf("%X", verify(m))), 0x6983)
		}},
		{"counter one too far", Fault{Kind: "skip"}, func(t *testing.T, m *terminal) {
			// The command came with a counter that the card has passed already.
			wantSW(t, m.sw(fmt.Sprintf("%X", verify(m))), 0x6988)
		}},
		{"counter not advanced", Fault{Kind: "repeat"}, func(t *testing.T, m *terminal) {
			out := m.raw(fmt.Sprintf("%X", verify(m)))
			n := len(out) - 2
			same := m.sm.retailMAC(append(bytes.Clone(m.sm.ssc[:]), out[:n-10]...))
			if !bytes.Equal(out[n-8:n], same) || !bad(m, out) {
				t.Errorf("%X", out)
			}
		}},
		{"the answer before last", Fault{Kind: "replay"}, func(t *testing.T, m *terminal) {
			m.card.ClearFaults()
			first := m.raw(challenge)
			second := m.raw(challenge)
			m.card.Fail(0, Fault{Kind: "replay"})
			m.card.Fail(1, Fault{Kind: "replay", Back: 3})
			if out := m.raw(challenge); !bytes.Equal(out, first) || bytes.Equal(first, second) {
				t.Errorf("%X after %X and %X", out, first, second)
			}
			if out := m.raw(challenge); !bytes.Equal(out, first) {
				t.Errorf("three back: %X, want %X", out, first)
			}
		}},
		{"61 00 for ever", Fault{Kind: "endless"}, func(t *testing.T, m *terminal) {
			wantSW(t, m.sw(challenge), 0x6100)
			for range 100 {
				wantSW(t, m.sw("00C0000000"), 0x6100)
			}
			m.card.ClearFaults()
			wantSW(t, m.sw(challenge), 0x9000)
		}},
		{"6C in turn", Fault{Kind: "ping-pong"}, func(t *testing.T, m *terminal) {
			for range 20 {
				wantSW(t, m.sw("00B0000000"), 0x6C10)
				wantSW(t, m.sw("00B0000010"), 0x6C20)
			}
		}},
		{"long", Fault{Kind: "oversize"}, func(t *testing.T, m *terminal) {
			if out := m.raw(challenge); len(out) != 60002 {
				t.Errorf("%d bytes", len(out))
			}
		}},
		{"longest", Fault{Kind: "oversize", Size: 65533}, func(t *testing.T, m *terminal) {
			if out := m.raw(challenge); len(out) != 65535 {
				t.Errorf("%d bytes", len(out))
			}
		}},
		{"random", Fault{Kind: "random", Size: 100}, func(t *testing.T, m *terminal) {
			if out := m.raw(challenge); len(out) != 100 {
				t.Errorf("%d bytes", len(out))
			}
		}},
		{"neighbour", Fault{Kind: "reset"}, func(t *testing.T, m *terminal) {
			wantSW(t, m.sw(fmt.Sprintf("%X", verify(m))), 0x6882)
			if left(m) != 3 {
				t.Errorf("%d tries", left(m))
			}
		}},
		{"protected, not executed", Fault{Kind: "status", Answer: unhex("63CF")}, func(t *testing.T, m *terminal) {
			wantSW(t, m.status(0x20, 0, 0x81, []byte("00000000")), 0x63CF)
			if !m.lastProtects || left(m) != 3 {
				t.Errorf("protected %v, %d tries", m.lastProtects, left(m))
			}
		}},
		{"protected, 6982 by itself", Fault{Kind: "status"}, func(t *testing.T, m *terminal) {
			wantSW(t, m.status(0x20, 0, 0x81, []byte("12345678")), 0x6982)
		}},
		{"protected, executed", Fault{Kind: "execute-status", Answer: unhex("9000")}, func(t *testing.T, m *terminal) {
			wantSW(t, m.status(0x20, 0, 0x81, []byte("00000000")), 0x9000)
			if !m.lastProtects || left(m) != 2 {
				t.Errorf("protected %v, %d tries", m.lastProtects, left(m))
			}
		}},
		{"in the chip's proof", Fault{Kind: "fake-key"}, func(t *testing.T, m *terminal) {
			m.card.ClearFaults()
			m.channel()
			m.certify()
			m.external()
			m.sure(0x22, 0x41, 0xA4, unhex("84018280019B"), 0)
			m.card.Fail(0, Fault{Kind: "fake-key"})
			if mine := make([]byte, 8); m.genuine(m.sure(0x88, 0, 0, mine, 0), mine) {
				t.Error("the proof is genuine")
			}
		}},
		{"between the pieces of a chain", Fault{Kind: "chain-more"}, func(t *testing.T, m *terminal) {
			piece := m.wrap(apdu.Command{CLA: 0x10, INS: 0x2A, P2: 0xAE, Data: make([]byte, 231)})
			wantSW(t, m.sw(fmt.Sprintf("%X", piece)), 0x610E)
			if out := m.raw("00C000000E"); len(out) != 16 || bad(m, out) {
				t.Errorf("%X", out)
			}
		}},
		{"another card", Fault{Kind: "swap", Seed: "another"}, func(t *testing.T, m *terminal) {
			before := m.card.PAN()
			wantSW(t, m.sw(fmt.Sprintf("%X", verify(m))), 0x6882)
			if m.card.PAN() == before || left(m) != 3 {
				t.Errorf("%s, %d tries", m.card.PAN(), left(m))
			}
		}},
	} {
		t.Run(tt.fault.Kind+"/"+tt.name, func(t *testing.T) {
			m := with(t, Behaviour{}).open()
			m.t = t
			m.card.Fail(0, tt.fault)
			tt.do(t, m)
			seen[tt.fault.Kind] = true
		})
	}
	for kind := range FaultKinds {
		if !seen[kind] {
			t.Errorf("no test shows what %s does", kind)
		}
	}
}

func TestFaultMeetsTheRightCommandOnce(t *testing.T) {
	m := with(t, Behaviour{})
	m.card.Fail(2, Fault{Kind: "plain", Answer: unhex("6F00")})
	m.card.Fail(4, Fault{Kind: "plain", Answer: unhex("6F01")})
	var got []apdu.SW
	for range 6 {
		got = append(got, m.sw(challenge))
	}
	if want := "[9000 9000 6F00 9000 6F01 9000]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if n := m.card.Stats().Faults; n != 2 {
		t.Errorf("%d faults counted", n)
	}
}

func TestFaultCountedFromInsertion(t *testing.T) {
	m := with(t, Behaviour{})
	m.sw(challenge)
	m.card.Remove()
	m.card.Insert()
	m.sw(challenge)
	if err := m.card.FailAt(2, Fault{Kind: "plain", Answer: unhex("6F00")}); err != nil {
		t.Fatal(err)
	}
	wantSW(t, m.sw(challenge), 0x9000)
	wantSW(t, m.sw(challenge), 0x6F00)
	if err := m.card.FailAt(2, Fault{Kind: "plain"}); err == nil {
		t.Error("armed for a command that is over")
	}
}

func TestStickyFaultStays(t *testing.T) {
	m := with(t, Behaviour{})
	m.card.Fail(1, Fault{Kind: "plain", Answer: unhex("6F00"), Sticky: true})
	wantSW(t, m.sw(challenge), 0x9000)
	for range 5 {
		wantSW(t, m.sw(challenge), 0x6F00)
	}
	m.card.ClearFaults()
	wantSW(t, m.sw(challenge), 0x9000)
}

// Each fault at each command of a session: the card neither panics nor hangs,
// and is a good card again once the fault is cleared and the field was lost.
func TestEveryFaultAtEveryCommand(t *testing.T) {
	t.Parallel()
	script := recordSession(t)
	for kind := range FaultKinds {
		if kind == "stall" {
			continue // tested above: it would wait here
		}
		t.Run(kind, func(t *testing.T) {
			for n := range script {
				c, err := New(Options{Behaviour: &Behaviour{}})
				if err != nil {
					t.Fatal(err)
				}
				c.Fail(n, Fault{Kind: kind, Seed: "another"})
				for _, command := range script {
					if _, err := c.Transmit(command); err != nil && !errors.Is(err, ErrRemoved) {
						t.Fatal(err)
					}
				}
				c.ClearFaults()
				c.Remove()
				c.Insert()
				if out, err := c.Transmit(unhex(challenge)); err != nil || len(out) != 10 {
					t.Fatalf("%s at %d: afterwards %X, %v", kind, n, out, err)
				}
			}
		})
	}
}

// recordSession records what a terminal sends up to a VERIFY.
func recordSession(t *testing.T) (script [][]byte) {
	t.Helper()
	m := with(t, Behaviour{})
	var log bytes.Buffer
	m.card.options.Log = &log
	m.verified()
	for line := range bytes.Lines(log.Bytes()) {
		if command, ok := bytes.CutPrefix(line, []byte("> ")); ok {
			script = append(script, unhex(string(command)))
		}
	}
	if len(script) < 20 {
		t.Fatalf("%d commands", len(script))
	}
	return script
}
