package emulator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
)

// A Request is one line on the control socket.
type Request struct {
	Do    string          `json:"do"`              // insert, remove, swap, reset, state, stats, reset-stats, ledger, set, fault, clear-faults, quit
	Card  int             `json:"card,omitempty"`  // which of several cards, from 0
	After int             `json:"after,omitempty"` // fault: commands to come before it
	At    *int            `json:"at,omitempty"`    // fault, instead of after: which command since insertion, from 0
	Fault *Fault          `json:"fault,omitempty"`
	Seed  string          `json:"seed,omitempty"` // swap: the other card
	Set   json.RawMessage `json:"set,omitempty"`  // set: an object of switches, and of pin, puk, tries, puk-tries
}

// A Reply answers one line.
type Reply struct {
	OK     bool    `json:"ok"`
	Error  string  `json:"error,omitempty"`
	State  *State  `json:"state,omitempty"`
	Stats  *Stats  `json:"stats,omitempty"`
	Ledger []Entry `json:"ledger,omitempty"`
}

// A State is what can be said of a card from outside.
type State struct {
	PAN       string    `json:"pan"`
	Profile   string    `json:"profile"`
	Holder    string    `json:"holder"`
	Present   bool      `json:"present"`
	PIN       string    `json:"pin"`
	PUK       string    `json:"puk"`
	Tries     int       `json:"tries"`
	PUKTries  int       `json:"puk-tries"`
	Verified  bool      `json:"verified"` // the PIN, in the session of now
	Behaviour Behaviour `json:"behaviour"`
}

// State describes the card.
func (c *Card) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return State{
		PAN: c.identity.number(), Profile: c.profile.Name, Holder: c.identity.person.Name + " " + c.identity.person.Surname, Present: c.present,
		PIN: c.codes.PIN, PUK: c.codes.PUK, Tries: c.codes.Tries, PUKTries: c.codes.PUKTries,
		Verified: c.pinOK, Behaviour: c.profile.Behaviour,
	}
}

// Set changes switches, codes and counters, given as a JSON object.
func (c *Card) Set(object []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, k := c.profile.Behaviour, c.codes
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(object, &fields); err != nil {
		return err
	}
	known := map[string]json.RawMessage{}
	for _, v := range []any{b, k} {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &known); err != nil {
			return err
		}
	}
	for name := range fields {
		if _, ok := known[name]; !ok {
			return fmt.Errorf("no switch %q", name)
		}
	}
	if err := json.Unmarshal(object, &b); err != nil {
		return err
	}
	if err := json.Unmarshal(object, &k); err != nil {
		return err
	}
	k.PAN = c.codes.PAN
	if err := k.check(); err != nil {
		return err
	}
	c.codes = k
	c.setBehaviour(b)
	return c.save()
}

// Control serves control connections until the listener closes. quit is called
// for the request of that name.
func Control(listener net.Listener, cards []*Card, quit func()) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go serveControl(conn, cards, quit)
	}
}

func serveControl(conn net.Conn, cards []*Card, quit func()) {
	defer conn.Close()
	lines, encoder := bufio.NewScanner(conn), json.NewEncoder(conn)
	for lines.Scan() {
		var r Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			_ = encoder.Encode(Reply{Error: err.Error()})
			continue
		}
		if err := encoder.Encode(handle(r, cards)); err != nil {
			return
		}
		if r.Do == "quit" {
			quit()
		}
	}
}

// handle carries out one request.
func handle(r Request, cards []*Card) Reply {
	if r.Card < 0 || r.Card >= len(cards) {
		return Reply{Error: fmt.Sprintf("there are %d cards", len(cards))}
	}
	c, reply := cards[r.Card], Reply{OK: true}
	switch r.Do {
	case "insert":
		c.Insert()
	case "remove":
		c.Remove()
	case "swap":
		c.Swap(r.Seed)
	case "reset":
		c.Reset()
	case "state":
		s := c.State()
		reply.State = &s
	case "stats":
		s := c.Stats()
		reply.Stats = &s
	case "reset-stats":
		c.ResetStats()
	case "ledger":
		reply.Ledger = c.Ledger()
	case "clear-faults":
		c.ClearFaults()
	case "set":
		if err := c.Set(r.Set); err != nil {
			return Reply{Error: err.Error()}
		}
	case "fault":
		if r.Fault == nil || FaultKinds[r.Fault.Kind] == "" || r.After < 0 || r.Fault.Bit < 0 {
			return Reply{Error: "no such fault"}
		}
		if r.At == nil {
			c.Fail(r.After, *r.Fault)
		} else if err := c.FailAt(*r.At, *r.Fault); err != nil {
			return Reply{Error: err.Error()}
		}
	case "quit":
	default:
		return Reply{Error: fmt.Sprintf("cannot do %q", r.Do)}
	}
	return reply
}
