package applet

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// An honest card replays a login of the vectors: opening, parameters, key
// agreement, device authentication, and one VERIFY that it refuses with 63C2. It
// gives 256 bytes at a time. It keeps no keys: what it answers is good for this
// login alone, with the terminal's random numbers of the vectors.
type honest struct {
	lines   []line
	next    int    // line expected
	pending []byte // what GET RESPONSE gives, with its status word
}

// wrongPIN is the code of the vectors' only VERIFY right after device authentication.
const wrongPIN = "00000000"

func (v vectors) login(t testing.TB) []line {
	t.Helper()
	dh := func(tag tlv.Tag) []byte {
		value := map[tlv.Tag][]byte{tagG: v.get(t, "1", "DH g"), tagP: v.get(t, "1", "DH p"), tagQ: v.get(t, "1", "DH q")}[tag]
		for _, outer := range []tlv.Tag{tag, tagDHValues, tagDHObject, tagObjects} {
			value = tlv.Append(nil, outer, value)
		}
		return ok(value)
	}
	key := v.parameters(t).DeviceKey
	lines := []line{
		{"SELECT IAS", unhex(t, "00A4040C0DA0000000308000000009816001"), ok(nil)},
		{"SELECT EF.SN.ICC", unhex(t, "00A4020C02D003"), ok(nil)},
		{"READ EF.SN.ICC", unhex(t, "00B000000C"), ok(v.get(t, "1", "test EF D003 (PAN)"))},
		{"SELECT CIE", unhex(t, "00A4040C06A00000000039"), ok(nil)},
		{"g", unhex(t, "00CB3FFF0C4D0A7008BFA10104A302970000"), dh(tagG)},
		{"p", unhex(t, "00CB3FFF0C4D0A7008BFA10104A302980000"), dh(tagP)},
		{"q", unhex(t, "00CB3FFF0C4D0A7008BFA10104A302990000"), dh(tagQ)},
		{"SELECT EF 1004", unhex(t, "00A4020C021004"), ok(nil)},
		{"READ EF 1004", unhex(t, "00B0000000"), ok(key[:256])},
		{"READ EF 1004, rest", unhex(t, "00B001000E"), ok(key[256:])},
		{"key 84", unhex(t, "00CB3FFF0B4D097007BFA004037F498000"), ok(v.get(t, "3", "answer to external-authentication key request"))},
		{"MSE SET KAT 1", v.get(t, "2", "MSE SET KAT chained APDU 1"), ok(nil)},
		{"MSE SET KAT 2", v.get(t, "2", "MSE SET KAT chained APDU 2"), ok(nil)},
		{"public value", unhex(t, "00CB3FFF064D04A602910000"), ok(v.get(t, "2", "GET DATA A6 answer"))},
	}
	for _, name := range []string{
		"5.1 MSE SET DST", "5.2a PSO VERIFY CERT chunk 1", "5.2b PSO VERIFY CERT chunk 2", "5.3 MSE SET AT (CHR)", "5.4 GET CHALLENGE",
		"5.5a EXTERNAL AUTHENTICATE chunk 1", "5.5b EXTERNAL AUTHENTICATE chunk 2", "5.6 MSE SET AT (internal)", "5.7 INTERNAL AUTHENTICATE",
	} {
		lines = append(lines, line{name, v.get(t, "5", name+": command APDU"), ok(v.get(t, "5", name+": response body"))})
	}
	return append(lines, v.exchangeOf(t, "6", "6.1 VERIFY wrong PIN "+wrongPIN))
}

// Transmit answers what the login has at this place or later, whatever Le is.
func (h *honest) Transmit(command []byte) ([]byte, error) {
	if command[1] == insGetResponse {
		return h.piece(), nil
	}
	for i := max(h.next-1, 0); i < len(h.lines); i++ {
		if sameButLe(command, h.lines[i].command) {
			h.next, h.pending = i+1, h.lines[i].answer
			return h.piece(), nil
		}
	}
	return []byte{0x6F, 0x00}, nil
}

func sameButLe(a, b []byte) bool {
	one, err := apdu.ParseCommand(a)
	two, err2 := apdu.ParseCommand(b)
	return err == nil && err2 == nil && bytes.Equal(a[:4], b[:4]) && bytes.Equal(one.Data, two.Data)
}

func (h *honest) piece() []byte {
	switch rest := len(h.pending) - 2; {
	case rest < 0:
		return []byte{0x69, 0x85}
	case rest <= 256:
		piece := h.pending
		h.pending = nil
		return piece
	default:
		piece := append(h.pending[:256:256], 0x61, byte(min(rest-256, 256)))
		h.pending = h.pending[256:]
		return piece
	}
}

// A spoiler lies between the terminal and an honest card and changes answers.
type spoiler struct {
	card    honest
	spoil   func(n int, answer []byte) ([]byte, error) // of the n-th exchange, from 0
	sent    [][]byte
	answers [][]byte // as the terminal got them
	bytes   int
}

var errPulled = errors.New("card pulled out")

func (s *spoiler) Transmit(command []byte) ([]byte, error) {
	n := len(s.sent)
	s.sent = append(s.sent, bytes.Clone(command))
	answer, err := s.card.Transmit(command)
	if err == nil {
		answer, err = s.spoil(n, bytes.Clone(answer))
	}
	s.answers = append(s.answers, answer)
	s.bytes += len(answer)
	return answer, err
}

// login is Open, ReadParameters, Authenticate, VerifyPIN.
func login(t testing.TB, v vectors, link Transmitter, code PIN) (*Card, error) {
	c, err := Open(link)
	if err != nil {
		return nil, err
	}
	params, err := c.ReadParameters()
	if err != nil {
		return c, err
	}
	if err := c.Authenticate(v.random(t), params); err != nil {
		return c, err
	}
	return c, c.VerifyPIN(code)
}

// check holds a login that has ended to what must be so whatever the card does.
func (s *spoiler) check(t *testing.T, what string, c *Card, err error) {
	t.Helper()
	verify := s.card.lines[len(s.card.lines)-1]
	var at *StepError
	if !errors.As(err, &at) || at.Step == "" {
		t.Errorf("%s: %v has no step", what, err)
	}
	verifies := 0
	for i, command := range s.sent {
		if bytes.Contains(command, []byte(wrongPIN)) {
			t.Errorf("%s: the code left in the clear: %X", what, command)
		}
		if command[1] != insVerify {
			continue
		}
		// The counter, the keys and the code are those of the vectors, so there is
		// one VERIFY that may leave, and only after the chip's proof came unharmed.
		verifies++
		if !bytes.Equal(command, verify.command) {
			t.Errorf("%s: VERIFY %X, want %X", what, command, verify.command)
		}
		if !s.proved(i) {
			t.Errorf("%s: VERIFY before the chip proved its key", what)
		}
	}
	if verifies > 1 {
		t.Errorf("%s: %d VERIFY", what, verifies)
	}
	if errors.Is(err, ErrPINBlocked) {
		t.Errorf("%s: nobody said so: %v", what, err)
	}
	var wrong *WrongCodeError
	if !errors.As(err, &wrong) {
		if c.authenticated() {
			t.Errorf("%s: %v, and the channel stands", what, err)
		}
		return
	}
	last := s.received(len(s.sent)-1, insVerify)
	if *wrong != (WrongCodeError{CodePIN, 2}) || !bytes.Equal(last, verify.answer[:len(verify.answer)-2]) {
		t.Errorf("%s: %v from %X", what, err, last)
	}
}

func (c *Card) authenticated() bool { return c != nil && c.Authenticated() }

// proved says whether the body of the chip's proof had come, all of it and as the
// honest card gave it, before the n-th command.
func (s *spoiler) proved(n int) bool {
	want := s.card.lines[len(s.card.lines)-2].answer
	for i := n - 1; i >= 0; i-- {
		if s.sent[i][1] == insInternalAuthenticate {
			return bytes.Equal(s.received(n-1, insInternalAuthenticate), want[:len(want)-2])
		}
	}
	return false
}

// received is the body of the answer to the last command of that instruction, up
// to the n-th exchange, GET RESPONSE included.
func (s *spoiler) received(n int, ins byte) []byte {
	start := n
	for start > 0 && s.sent[start][1] != ins {
		start--
	}
	var body []byte
	for i := start; i <= n; i++ {
		if len(s.answers[i]) >= 2 {
			body = append(body, s.answers[i][:len(s.answers[i])-2]...)
		}
	}
	return body
}

// exchanges is the number of exchanges of a login nobody disturbs.
func exchanges(t testing.TB, v vectors, lines []line) int {
	t.Helper()
	code := pin(t, wrongPIN)
	defer code.Wipe()
	s := &spoiler{card: honest{lines: lines}, spoil: func(_ int, answer []byte) ([]byte, error) { return answer, nil }}
	c, err := login(t, v, s, code)
	var wrong *WrongCodeError
	if !errors.As(err, &wrong) || wrong.Tries != 2 || !c.Authenticated() || s.card.next != len(lines) {
		t.Fatalf("the undisturbed login: %v after %d of %d lines", err, s.card.next, len(lines))
	}
	return len(s.sent)
}

// TestF50EachAnswerOfALogin spoils each answer of a login in turn.
func TestF50EachAnswerOfALogin(t *testing.T) {
	v := loadVectors(t)
	lines := v.login(t)
	code := pin(t, wrongPIN)
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 65535)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	faults := []struct {
		name  string
		spoil func(answer []byte) ([]byte, error)
	}{
		{"empty", func([]byte) ([]byte, error) { return nil, nil }},
		{"one byte", func(a []byte) ([]byte, error) { return a[:1], nil }},
		{"cut in half", func(a []byte) ([]byte, error) { return a[:len(a)/2], nil }},
		{"half of the data", func(a []byte) ([]byte, error) { return slices.Delete(a, (len(a)-2)/2, len(a)-2), nil }},
		{"65,535 zeros", func([]byte) ([]byte, error) { return ok(make([]byte, 65535)), nil }},
		{"65,535 random bytes", func([]byte) ([]byte, error) { return ok(noise), nil }},
		{"65,535 bytes behind it", func(a []byte) ([]byte, error) { return slices.Concat(a[:len(a)-2], noise, a[len(a)-2:]), nil }},
		{"refused", func([]byte) ([]byte, error) { return []byte{0x69, 0x82}, nil }},
		{"pulled out", func([]byte) ([]byte, error) { return nil, errPulled }},
	}
	total, cells := exchanges(t, v, lines), 0
	for at := range total {
		for _, fault := range faults {
			s := &spoiler{card: honest{lines: lines}, spoil: func(n int, answer []byte) ([]byte, error) {
				if n != at {
					return answer, nil
				}
				return fault.spoil(answer)
			}}
			c, err := login(t, v, s, code)
			name := fmt.Sprintf("%s at exchange %d", fault.name, at)
			s.check(t, name, c, err)
			if fault.name == "pulled out" && !errors.Is(err, errPulled) {
				t.Errorf("%s: %v", name, err)
			}
			if limit := total + 2; len(s.sent) > limit && fault.name != "65,535 zeros" || len(s.sent) > 200 || s.bytes > 300_000 {
				t.Errorf("%s: %d commands, %d bytes", name, len(s.sent), s.bytes)
			}
			if c != nil {
				c.Close()
			}
			cells++
		}
	}
	t.Logf("%d cells", cells)
}

// A plan spoils answers as the fuzzer's input says. Its first byte is the exchange
// where that begins; then there is one order for each exchange, until the input
// is used up.
type plan struct {
	start  int
	orders []byte
	used   int      // orders carried out
	seen   [][]byte // honest answers so far, for replays
}

func newPlan(in []byte) *plan {
	if len(in) == 0 {
		return &plan{}
	}
	return &plan{start: int(in[0]) % 40, orders: in[1:]}
}

func (p *plan) byte() byte {
	if len(p.orders) == 0 {
		return 0
	}
	b := p.orders[0]
	p.orders = p.orders[1:]
	return b
}

func (p *plan) bytes(n int) []byte {
	n = min(n, len(p.orders))
	b := p.orders[:n]
	p.orders = p.orders[n:]
	return bytes.Clone(b)
}

// The orders of a plan, by the low four bits of their byte.
const (
	orderLeave    = iota
	orderFlip     // a bit of the answer: 2 bytes say which
	orderWord     // instead of the answer's status word: 2 bytes
	orderBare     // a status word instead of the answer: 2 bytes
	orderCut      // to so many bytes: 1 byte
	orderReplace  // the answer: 1 byte length, then it, then 9000
	orderInsert   // 1 byte where, 1 byte length, then what
	orderReplay   // an earlier answer: 1 byte which
	orderMore     // 61xx instead of the status word: 1 byte
	orderLong     // 65,535 bytes of the given one
	orderPull     // the card
	orderRaw      // the whole answer: 1 byte length, then it
	orderOverlong // repeats the answer's data
)

func (p *plan) spoil(n int, answer []byte) ([]byte, error) {
	p.seen = append(p.seen, bytes.Clone(answer))
	if n < p.start || len(p.orders) == 0 {
		return answer, nil
	}
	p.used++
	end := len(answer) - 2
	switch p.byte() & 0xF {
	case orderFlip:
		bit := (int(p.byte())<<8 | int(p.byte())) % (8 * len(answer))
		answer[bit/8] ^= 1 << (bit % 8)
	case orderWord:
		return append(answer[:end], p.byte(), p.byte()), nil
	case orderBare:
		return []byte{p.byte(), p.byte()}, nil
	case orderCut:
		return answer[:min(len(answer), int(p.byte()))], nil
	case orderReplace:
		return ok(p.bytes(int(p.byte()))), nil
	case orderInsert:
		where := int(p.byte()) % (end + 1)
		return slices.Insert(answer, where, p.bytes(int(p.byte()))...), nil
	case orderReplay:
		return bytes.Clone(p.seen[int(p.byte())%len(p.seen)]), nil
	case orderMore:
		return append(answer[:end], 0x61, p.byte()), nil
	case orderLong:
		return ok(bytes.Repeat([]byte{p.byte()}, 65535)), nil
	case orderPull:
		return nil, errPulled
	case orderRaw:
		return p.bytes(int(p.byte())), nil
	case orderOverlong:
		return slices.Concat(answer[:end], answer), nil
	}
	return answer, nil
}

// FuzzLogin is a whole login against a card whose answers the fuzzer spoils from
// where it likes on. It starts from a login that succeeds, so that it gets beyond
// the key agreement, into secure messaging and device authentication.
func FuzzLogin(f *testing.F) {
	v := loadVectors(f)
	lines := v.login(f)
	total := exchanges(f, v, lines)
	f.Add([]byte{})
	for at := range total {
		f.Add([]byte{byte(at), orderFlip, 0x00, 0x05})
		f.Add([]byte{byte(at), orderBare, 0x63, 0xC1})
		f.Add([]byte{byte(at), orderBare, 0x61, 0x00, orderBare, 0x6C, 0x10, orderBare, 0x61, 0x00})
	}
	f.Add([]byte{2, orderReplace, 3, 0x5A, 0x0A, 0x93})
	f.Add([]byte{5, orderInsert, 4, 2, 0x84, 0xFF})
	f.Add([]byte{11, orderRaw, 8, 0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x90, 0x00, orderLong, 0x30})
	f.Add([]byte{byte(total - 2), orderWord, 0x63, 0xC0, orderWord, 0x69, 0x83})
	f.Add([]byte{byte(total - 1), orderReplay, byte(total - 3)})
	f.Add([]byte{byte(total - 1), orderMore, 0x10, orderPull})
	code := pin(f, wrongPIN)
	f.Fuzz(func(t *testing.T, in []byte) {
		p := newPlan(in)
		s := &spoiler{card: honest{lines: lines}, spoil: p.spoil}
		c, err := login(t, v, s, code)
		s.check(t, fmt.Sprintf("%X", in), c, err)
		// Each order costs at most the repetition of a command with another Le, and
		// one more READ BINARY or GET RESPONSE; a file that is all zeros is read to
		// the last offset there is.
		if limit := total + 2*p.used + maxOffset/256 + 2; len(s.sent) > limit {
			t.Errorf("%X: %d commands, %d orders", in, len(s.sent), p.used)
		}
		if limit := 64<<10 + 70_000*(p.used+1); s.bytes > limit {
			t.Errorf("%X: %d bytes", in, s.bytes)
		}
		if c != nil {
			c.Close()
		}
	})
}
