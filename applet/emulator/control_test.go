package emulator

import (
	"bufio"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A remote is somebody at the control socket.
type remote struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func control(t *testing.T, quit func(), cards ...*Card) remote {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = Control(listener, cards, quit) }() // ends when the listener is closed
	conn, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() {
		_ = conn.Close()
		_ = listener.Close()
		<-done
	})
	return remote{t, conn, bufio.NewReader(conn)}
}

// line sends a line and reads the one that answers it.
func (r remote) line(request string) string {
	r.t.Helper()
	if _, err := r.conn.Write([]byte(request + "\n")); err != nil {
		r.t.Fatal(err)
	}
	answer, err := r.in.ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

func (r remote) reply(request string) (out Reply) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.line(request)), &out); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r remote) good(request string) Reply {
	r.t.Helper()
	out := r.reply(request)
	if !out.OK {
		r.t.Fatalf("%s → %s", request, out.Error)
	}
	return out
}

func TestControl(t *testing.T) {
	m := with(t, Behaviour{})
	r := control(t, func() {}, m.card)

	r.good(`{"do":"remove"}`)
	if m.card.Present() || r.good(`{"do":"state"}`).State.Present {
		t.Error("the card is there after remove")
	}
	r.good(`{"do":"insert"}`)
	wantSW(t, m.sw(challenge), 0x9000)

	state := r.good(`{"do":"state"}`).State
	if state.PAN != "123456789012" || state.Profile != "itj4d" || state.Holder != "CARTA PROVA" || state.PIN != "12345678" || state.Tries != 3 {
		t.Errorf("state %+v", state)
	}

	m.open()
	r.good(`{"do":"reset"}`)
	wantSW(t, m.status(0x20, 0, 0x81, []byte("00000000")), 0x6882)

	m.open()
	m.status(0x20, 0, 0x81, []byte("00000000"))
	ledger := r.good(`{"do":"ledger"}`).Ledger
	if len(ledger) != 1 || ledger[0].SW != "63C2" || ledger[0].Kind != "verify" {
		t.Errorf("ledger %+v", ledger)
	}

	if n := r.good(`{"do":"stats"}`).Stats.APDUs; n != m.card.Stats().APDUs || n == 0 {
		t.Errorf("%d APDUs", n)
	}
	r.good(`{"do":"reset-stats"}`)
	if n := r.good(`{"do":"stats"}`).Stats.APDUs; n != 0 {
		t.Errorf("%d APDUs after reset-stats", n)
	}

	r.good(`{"do":"set","set":{"no-fcp":true,"end-of-file":"6b00","padding":8,"tries":1,"pin":"11223344"}}`)
	if b := m.card.Behaviour(); !b.NoFCP || b.EndOfFile != "6b00" || b.Padding != 8 {
		t.Errorf("%+v", b)
	}
	if pin, _, tries, _ := m.card.Codes(); pin != "11223344" || tries != 1 {
		t.Errorf("PIN %s, %d tries", pin, tries)
	}

	r.good(`{"do":"fault","after":1,"fault":{"kind":"answer","answer":"bwA="}}`) // 6F00
	wantSW(t, m.sw(challenge), 0x9000)
	wantSW(t, m.sw(challenge), 0x6F00)
	r.good(`{"do":"fault","fault":{"kind":"endless"}}`)
	r.good(`{"do":"clear-faults"}`)
	wantSW(t, m.sw(challenge), 0x9000)

	r.good(`{"do":"swap","seed":"another"}`)
	if r.good(`{"do":"state"}`).State.PAN == state.PAN {
		t.Error("swapped for the same card")
	}
}

func TestControlRefuses(t *testing.T) {
	m := with(t, Behaviour{})
	r := control(t, func() {}, m.card)
	before := m.card.State()
	for _, request := range []string{
		"", "no JSON", "{}", "[]", `{"do":"fly"}`, `{"do":"state","card":1}`, `{"do":"state","card":-1}`,
		`{"do":"set"}`, `{"do":"set","set":{"wings":true}}`, `{"do":"set","set":{"no-fcp":1}}`, `{"do":"set","set":{"pin":"1"}}`,
		`{"do":"set","set":{"tries":4}}`, `{"do":"set","set":{"tries":-1}}`, `{"do":"set","set":{"pan":"x"},"card":7}`,
		`{"do":"fault"}`, `{"do":"fault","fault":{"kind":"fire"}}`, `{"do":"fault","after":-1,"fault":{"kind":"flip"}}`,
		`{"do":"fault","fault":{"kind":"flip","bit":-1}}`,
		`{"do":"fault","at":-1,"fault":{"kind":"flip"}}`,
	} {
		t.Run(request, func(t *testing.T) {
			if out := r.reply(request); out.OK || out.Error == "" {
				t.Errorf("%+v", out)
			}
		})
	}
	if after := m.card.State(); after != before {
		t.Errorf("the state is now %+v", after)
	}
}

func TestControlOfSeveralCards(t *testing.T) {
	one, two := with(t, Behaviour{}), newTerminal(t, Options{Seed: "another"})
	r := control(t, func() {}, one.card, two.card)
	r.good(`{"do":"remove","card":1}`)
	if !one.card.Present() || two.card.Present() {
		t.Error("the wrong card was removed")
	}
	if got := r.good(`{"do":"state","card":1}`).State.PAN; got != two.card.PAN() {
		t.Errorf("PAN %s", got)
	}
}

func TestControlQuit(t *testing.T) {
	quit := make(chan bool, 1)
	r := control(t, func() { quit <- true }, with(t, Behaviour{}).card)
	r.good(`{"do":"quit"}`)
	select {
	case <-quit:
	case <-time.After(patience):
		t.Error("nobody was told")
	}
}

func TestControlAnswersOneLineEach(t *testing.T) {
	r := control(t, func() {}, with(t, Behaviour{}).card)
	if _, err := r.conn.Write([]byte("{\"do\":\"stats\"}\n{\"do\":\"stats\"}\nx\n")); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`"ok":true`, `"ok":true`, `"ok":false`} {
		if line, _ := r.in.ReadString('\n'); !strings.Contains(line, want) {
			t.Errorf("line %d: %q", i, line)
		}
	}
}
