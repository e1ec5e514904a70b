package applet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
)

// A peer is the card's end of the channel of the vectors after device
// authentication. It answers by instruction, all under a good MAC.
type peer struct {
	*channel
	answers map[byte][]string // by INS: data and status word, the last one for ever
	sent    [][]byte
}

// paired is a proven card whose other end is a peer.
func paired(t testing.TB, v vectors, answers map[byte][]string) (*Card, *peer) {
	t.Helper()
	p := &peer{answers: answers}
	c := provenCard(t, v, p)
	p.channel = vectorChannel(t, v)
	p.ssc = c.channel.ssc
	return c, p
}

func (p *peer) Transmit(command []byte) ([]byte, error) {
	p.sent = append(p.sent, bytes.Clone(command))
	p.ssc += 2
	queue := p.answers[command[1]]
	if len(queue) == 0 {
		queue = []string{"6D00"}
	}
	if len(queue) > 1 {
		p.answers[command[1]] = queue[1:]
	}
	return ok(p.sealed(queue[0])), nil
}

// sealed protects an answer written in hexadecimal.
func (p *peer) sealed(answer string) []byte {
	plain := mustHex(answer)
	data, sw := plain[:len(plain)-2], plain[len(plain)-2:]
	var objects []byte
	if len(data) > 0 {
		text := p.cryptogram(pad(data))
		objects = append(objects, 0x87, 0x81, byte(len(text)+1), paddingIndicator)
		objects = append(objects, text...)
	}
	objects = append(objects, 0x99, 0x02)
	objects = append(objects, sw...)
	return p.withMAC(p.ssc, objects)
}

// instructions are the INS of what was sent.
func (p *peer) instructions() []byte {
	var ins []byte
	for _, command := range p.sent {
		ins = append(ins, command[1])
	}
	return ins
}

func TestParseCodeRefusals(t *testing.T) {
	for _, bad := range []string{
		"", "1", "1234", "1234567", "123456789", "1234567812345678", // lengths
		"1234567 ", " 1234567", "1234567\n", "1234567\x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff",
		"1234567a", "-1234567", "+1234567", "1234.567", "0x123456", "1234/678", "1234:678", // neighbours of 0 and 9 too
		"١٢٣٤", "１２",
	} {
		if p, err := ParsePIN([]byte(bad)); !errors.Is(err, ErrCodeForm) || p.Digits() != nil {
			t.Errorf("ParsePIN(%q): %v", bad, err)
		} else if strings.Contains(err.Error(), bad) && bad != "" {
			t.Errorf("ParsePIN(%q): the error tells the code: %v", bad, err)
		}
		if p, err := ParsePUK([]byte(bad)); !errors.Is(err, ErrCodeForm) || p.digits != nil {
			t.Errorf("ParsePUK(%q): %v", bad, err)
		}
	}
	from := []byte("01234567")
	p, err := ParsePIN(from)
	if err != nil {
		t.Fatal(err)
	}
	clear(from)
	if string(p.Digits()) != "01234567" {
		t.Error("ParsePIN does not copy")
	}
}

// TestNoVerbPrintsCodes tries each verb with each flag on codes as they are, in
// fields that fmt may not call methods of, and in what has one.
func TestNoVerbPrintsCodes(t *testing.T) {
	code := pin(t, "12345678")
	puk, err := ParsePUK([]byte("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		pin  PIN
		puk  PUK
		ref  *PIN
		deep struct{ list []PIN }
	}
	h := holder{pin: code, puk: puk, ref: &code}
	h.deep.list = []PIN{code}
	values := []any{code, &code, puk, &puk, h, &h, []PIN{code}, map[string]PUK{"": puk}, []any{code}, struct{ P any }{puk}, [1]holder{h}}
	for _, value := range values {
		for verb := 'A'; verb <= 'z'; verb++ {
			if verb > 'Z' && verb < 'a' {
				continue
			}
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "20", ".3", "#20.10"} {
				noDigits(t, fmt.Sprintf("%T %%%s%c", value, flags, verb), fmt.Sprintf("%"+flags+string(verb), value))
			}
		}
		noDigits(t, "too many operands", fmt.Sprintf("%d", []any{1, value}...))
		noDigits(t, "Errorf", fmt.Errorf("with %v", value).Error())
		if text, err := json.Marshal(value); err == nil {
			noDigits(t, "JSON", string(text))
		}
	}
	var text bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		for _, value := range values {
			slog.New(handler).With("value", value).WithGroup("g").Info("", "value", value)
		}
	}
	noDigits(t, "slog", text.String())
	for value, want := range map[any]string{code: "[PIN]", puk: "[PUK]"} {
		if got := fmt.Sprintf("%s %v %d", value, value, value); got != want+" "+want+" "+want {
			t.Errorf("prints %s, want %s", got, want)
		}
	}
}

// noDigits fails when text holds 12345678 in a form in which bytes are written.
func noDigits(t *testing.T, how, text string) {
	t.Helper()
	for _, form := range []string{"1234", "31323334", "31 32 33", "49 50 51", "49, 50", "49,50", "0x31, ", "061 062", "61 62 63 64", "110001 ", "U+0031", "MTIzNDU2"} {
		if strings.Contains(text, form) {
			t.Errorf("%s: %s", how, text)
			return
		}
	}
}

// TestWordsOnACode are the answers to a code, protected (cie-chip 6.2): what is
// told of each, and that the code is sent once whatever comes.
func TestWordsOnACode(t *testing.T) {
	v := loadVectors(t)
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	left := func(code Code, n int) func(error) bool {
		return func(err error) bool {
			var wrong *WrongCodeError
			return errors.As(err, &wrong) && *wrong == WrongCodeError{code, n} && !errors.Is(err, ErrPINBlocked) && !errors.Is(err, ErrPUKBlocked)
		}
	}
	neither := func(err error) bool {
		var wrong *WrongCodeError
		return err != nil && !errors.As(err, &wrong) && !errors.Is(err, ErrPINBlocked) && !errors.Is(err, ErrPUKBlocked)
	}
	for _, tt := range []struct {
		sw       string
		pin, puk func(error) bool
	}{
		{"9000", is(nil), is(nil)},
		{"63C0", is(ErrPINBlocked), is(ErrPUKBlocked)},
		{"63C1", left(CodePIN, 1), left(CodePUK, 1)},
		{"63C2", left(CodePIN, 2), left(CodePUK, 2)},
		{"63C3", left(CodePIN, -1), left(CodePUK, 3)}, // a PIN just refused has lost one of three
		{"63C9", left(CodePIN, -1), left(CodePUK, 9)},
		{"63CA", left(CodePIN, -1), left(CodePUK, -1)},
		{"63CF", left(CodePIN, -1), left(CodePUK, -1)},
		{"6300", left(CodePIN, -1), left(CodePUK, -1)},
		{"6700", left(CodePIN, -1), left(CodePUK, -1)},
		{"6983", is(ErrPINBlocked), is(ErrPUKBlocked)},
		{"6982", neither, neither},
		{"6984", neither, neither},
		{"6985", neither, neither},
		{"63B2", neither, neither},
		{"63D2", neither, neither},
		{"6C08", neither, neither},
		{"6F00", neither, neither},
		{"6882", is(ErrSessionLost), is(ErrSessionLost)},
		{"6987", is(ErrSessionLost), is(ErrSessionLost)},
		{"6988", is(ErrSessionLost), is(ErrSessionLost)},
	} {
		code, next := pin(t, "12345678"), pin(t, "87654321")
		puk, err := ParsePUK([]byte("12345678"))
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []struct {
			step Step
			ins  byte
			want func(error) bool
			f    func(*Card) error
		}{
			{StepVerifyPIN, insVerify, tt.pin, func(c *Card) error { return c.VerifyPIN(code) }},
			{StepVerifyPUK, insVerify, tt.puk, func(c *Card) error { return c.VerifyPUK(puk) }},
			{StepChangePIN, insChange, tt.pin, func(c *Card) error { return c.ChangePIN(code, next) }},
			{StepResetCounter, insResetRetryCounter, tt.pin, func(c *Card) error { return c.ResetRetryCounter(next) }},
		} {
			c, p := paired(t, v, map[byte][]string{call.ins: {tt.sw}})
			err := call.f(c)
			var at *StepError
			if !call.want(err) || err != nil && (!errors.As(err, &at) || at.Step != call.step) {
				t.Errorf("%s, %s: %v", call.step, tt.sw, err)
			}
			if !bytes.Equal(p.instructions(), []byte{call.ins}) {
				t.Errorf("%s, %s: sent %s, want one command", call.step, tt.sw, wires(p.sent))
			}
		}
	}
}

// TestNoCodeIsNoCommand: a code that was wiped, or never was, reaches no card.
func TestNoCodeIsNoCommand(t *testing.T) {
	v := loadVectors(t)
	c, p := paired(t, v, map[byte][]string{insVerify: {"9000"}, insChange: {"9000"}, insResetRetryCounter: {"9000"}})
	wiped, good := pin(t, "12345678"), pin(t, "12345678")
	wiped.Wipe()
	for name, err := range map[string]error{
		"zero PIN":       c.VerifyPIN(PIN{}),
		"wiped PIN":      c.VerifyPIN(wiped),
		"zero PUK":       c.VerifyPUK(PUK{}),
		"change from":    c.ChangePIN(wiped, good),
		"change to":      c.ChangePIN(good, wiped),
		"change neither": c.ChangePIN(PIN{}, PIN{}),
		"new PIN":        c.ResetRetryCounter(PIN{}),
	} {
		if !errors.Is(err, ErrCodeForm) {
			t.Errorf("%s: %v, want ErrCodeForm", name, err)
		}
	}
	if len(p.sent) != 0 {
		t.Errorf("sent %s", wires(p.sent))
	}
}

// TestF62Tries are the ways to tell the tries left, and the nonsense in each. No
// answer makes the client send a code, or the question twice.
func TestF62Tries(t *testing.T) {
	v := loadVectors(t)
	object, verify := insGetData, insVerify
	const none = -1
	docp := func(number byte, content string) string {
		n := len(content) / 2
		return fmt.Sprintf("70%02XBF81%02X%02XA0%02X%s9000", n+6, number, n+2, n, content)
	}
	for _, tt := range []struct {
		name   string
		code   Code
		from   TriesSource
		object string // answer to GET DATA
		verify string // answer to VERIFY without data
		tries  int    // none: ErrTriesUnknown
		source TriesSource
		sent   []int
	}{
		{"object", CodePIN, TriesUnread, docp(1, "9A01039B0102"), "63C1", 2, TriesObject, []int{object}},
		{"object, blocked", CodePIN, TriesUnread, docp(1, "9A01039B0100"), "63C1", 0, TriesObject, []int{object}},
		{"object, full", CodePIN, TriesUnread, docp(1, "9B0103"), "63C1", 3, TriesObject, []int{object}},
		{"object of the PUK", CodePUK, TriesUnread, docp(2, "9A010A9B010A"), "63C1", 10, TriesObject, []int{object}},
		{"object, more than the most", CodePIN, TriesUnread, docp(1, "9B0104"), "63C1", 1, TriesVerify, []int{object, verify}},
		{"object, FF", CodePIN, TriesUnread, docp(1, "9B01FF"), "63C1", 1, TriesVerify, []int{object, verify}},
		{"object, two bytes", CodePIN, TriesUnread, docp(1, "9B020003"), "63C1", 1, TriesVerify, []int{object, verify}},
		{"object, no byte", CodePIN, TriesUnread, docp(1, "9B00"), "63C1", 1, TriesVerify, []int{object, verify}},
		{"object without counter", CodePIN, TriesUnread, docp(1, "9A0103"), "63C1", 1, TriesVerify, []int{object, verify}},
		{"object of the other code", CodePIN, TriesUnread, docp(2, "9B0109"), "63C1", 1, TriesVerify, []int{object, verify}},
		{"object, cut", CodePIN, TriesUnread, "7009BF8101059000", "63C1", 1, TriesVerify, []int{object, verify}},
		{"object, nothing", CodePIN, TriesUnread, "9000", "63C1", 1, TriesVerify, []int{object, verify}},
		{"no object", CodePIN, TriesUnread, "6A88", "63C3", 3, TriesVerify, []int{object, verify}},
		{"no object, last try", CodePIN, TriesUnread, "6A88", "63C1", 1, TriesVerify, []int{object, verify}},
		{"no object, none left", CodePIN, TriesUnread, "6A88", "63C0", 0, TriesVerify, []int{object, verify}},
		{"no object, blocked", CodePIN, TriesUnread, "6A88", "6983", 0, TriesVerify, []int{object, verify}},
		{"no object, PUK", CodePUK, TriesUnread, "6A88", "63CA", 10, TriesVerify, []int{object, verify}},
		{"63CF", CodePIN, TriesUnread, "6A88", "63CF", none, TriesNowhere, []int{object, verify}},
		{"63C4 of a PIN", CodePIN, TriesUnread, "6A88", "63C4", none, TriesNowhere, []int{object, verify}},
		{"63CB of a PUK", CodePUK, TriesUnread, "6A88", "63CB", none, TriesNowhere, []int{object, verify}},
		{"6300", CodePIN, TriesUnread, "6A88", "6300", none, TriesNowhere, []int{object, verify}},
		{"6700", CodePIN, TriesUnread, "6A88", "6700", none, TriesNowhere, []int{object, verify}},
		{"6982", CodePIN, TriesUnread, "6982", "6982", none, TriesNowhere, []int{object, verify}},
		{"known: object", CodePIN, TriesObject, docp(1, "9B0102"), "63C1", 2, TriesObject, []int{object}},
		{"known: object, now refused", CodePIN, TriesObject, "6A88", "63C1", none, TriesNowhere, []int{object}},
		{"known: verify", CodePIN, TriesVerify, docp(1, "9B0103"), "63C1", 1, TriesVerify, []int{verify}},
		{"known: verify, now nonsense", CodePIN, TriesVerify, docp(1, "9B0103"), "63CF", none, TriesNowhere, []int{verify}},
		{"known: nowhere", CodePIN, TriesNowhere, docp(1, "9B0103"), "63C1", none, TriesNowhere, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, p := paired(t, v, map[byte][]string{insGetData: {tt.object}, insVerify: {tt.verify}})
			tries, source, err := c.Tries(tt.code, tt.from)
			if tt.tries == none && (!errors.Is(err, ErrTriesUnknown) || tries != 0) || tt.tries != none && (err != nil || tries != tt.tries) || source != tt.source {
				t.Errorf("%d from %q, %v, want %d from %q", tries, source, err, tt.tries, tt.source)
			}
			var sent []int
			for _, command := range p.sent {
				sent = append(sent, int(command[1]))
				if command[1] == insVerify && !bytes.HasPrefix(command, []byte{0x0C, insVerify, 0x00, tt.code.reference(), 0x0D, 0x97, 0x01, 0x00, 0x8E, 0x08}) {
					t.Errorf("VERIFY with something in it: %X", command)
				}
			}
			if !slices.Equal(sent, tt.sent) {
				t.Errorf("sent %X, want %X", sent, tt.sent)
			}
		})
	}
}

// TestF62UnprotectedTries: a number outside the channel is no number.
func TestF62UnprotectedTries(t *testing.T) {
	v := loadVectors(t)
	for _, sw := range []string{"63C3", "63C1", "6983", "6A88", "9000"} {
		card := hexes(t, sw)
		c := provenCard(t, v, card)
		tries, _, err := c.Tries(CodePIN, TriesVerify)
		if err == nil || errors.Is(err, ErrTriesUnknown) || tries != 0 {
			t.Errorf("%s: %d, %v", sw, tries, err)
		}
		silent(t, sw, c, card)
	}
}

// TestReadingInTheChannel are ends of files whose word is protected.
func TestReadingInTheChannel(t *testing.T) {
	v := loadVectors(t)
	for name, tt := range map[string]struct {
		answers []string
		want    string // "" an error
		sent    int
	}{
		"complete":               {[]string{"30030102039000"}, "3003010203", 1},
		"6282":                   {[]string{"300301020300006282"}, "3003010203", 1},
		"two parts":              {[]string{"3003019000", "02039000"}, "3003010203", 2},
		"two parts, 6282":        {[]string{"3003019000", "02036282"}, "3003010203", 2},
		"6C, then the rest":      {[]string{"3003019000", "6C01", "029000", "039000"}, "3003010203", 4},
		"6C twice":               {[]string{"6C05", "6C04"}, "", 2},
		"6B00":                   {[]string{"3003019000", "6B00"}, "", 2},
		"nothing":                {[]string{"3003019000", "9000"}, "", 2},
		"refused":                {[]string{"6982"}, "", 1},
		"the card lost the keys": {[]string{"6988"}, "", 1},
	} {
		c, p := paired(t, v, map[byte][]string{insReadBinary: tt.answers})
		got, err := c.readCurrent(FileCertificate)
		if !bytes.Equal(got, unhex(t, tt.want)) || (err != nil) != (tt.want == "") {
			t.Errorf("%s: %X, %v, want %s", name, got, err, tt.want)
		}
		if len(p.sent) != tt.sent {
			t.Errorf("%s: %d commands, want %d", name, len(p.sent), tt.sent)
		}
	}
}

// TestProtectedChain: a refusal in the channel ends a chain, too.
func TestProtectedChain(t *testing.T) {
	v := loadVectors(t)
	data := make([]byte, 2*protectedPiece+1)
	c, p := paired(t, v, map[byte][]string{insPSO: {"9000"}})
	if err := c.run(apdu.Command{INS: insPSO, P2: 0xAE, Data: data}); err != nil {
		t.Error(err)
	}
	var classes []byte
	for _, command := range p.sent {
		classes = append(classes, command[0])
		if len(command) > 5+255+1 {
			t.Errorf("%d bytes are no short command", len(command))
		}
	}
	if !bytes.Equal(classes, []byte{0x1C, 0x1C, 0x0C}) {
		t.Errorf("classes %X", classes)
	}
	c, p = paired(t, v, map[byte][]string{insPSO: {"9000", "6A80", "9000"}})
	if err := c.run(apdu.Command{INS: insPSO, P2: 0xAE, Data: data}); refusedWith(err) != 0x6A80 || len(p.sent) != 2 {
		t.Errorf("refused: %v after %d commands", err, len(p.sent))
	}
}
