package applet

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
)

// wires are the commands a card was sent, in hexadecimal.
func wires(sent [][]byte) []string {
	out := make([]string, len(sent))
	for i, command := range sent {
		out[i] = fmt.Sprintf("%X", command)
	}
	return out
}

// refusedWith is the status word under err, 0 if there is none.
func refusedWith(err error) apdu.SW {
	var refused *apdu.StatusError
	if errors.As(err, &refused) {
		return refused.SW
	}
	return 0
}

// TestTransfer are the answers of ISO/IEC 7816-3:2006 §12.2.1 that ask for another
// command, one by one: 61xx for GET RESPONSE, 6Cxx for the same with that Le.
func TestTransfer(t *testing.T) {
	const command = "00CB3FFF024D0000"
	for _, tt := range []struct {
		name    string
		answers []string
		sent    []string // after the command
		data    string
		sw      apdu.SW
	}{
		{"whole", []string{"AABB9000"}, nil, "AABB", 0},
		{"nothing", []string{"9000"}, nil, "", 0},
		{"61xx without data", []string{"6102", "AABB9000"}, []string{"00C0000002"}, "AABB", 0},
		{"61xx with data", []string{"AA6101", "BB9000"}, []string{"00C0000001"}, "AABB", 0},
		{"6100 is 256", []string{"6100", strings.Repeat("AA", 256) + "9000"}, []string{"00C0000000"}, strings.Repeat("AA", 256), 0},
		{"twice", []string{"AA6101", "BB6101", "CC9000"}, []string{"00C0000001", "00C0000001"}, "AABBCC", 0},
		{"rest shorter than said", []string{"AA6105", "BB9000"}, []string{"00C0000005"}, "AABB", 0},
		{"rest empty", []string{"AA6105", "9000"}, []string{"00C0000005"}, "AA", 0},
		{"error behind the rest", []string{"AA6101", "BB6282"}, []string{"00C0000001"}, "", 0x6282},
		{"error instead of the rest", []string{"AA6101", "6F00"}, []string{"00C0000001"}, "", 0x6F00},
		{"GET RESPONSE with another Le", []string{"AA6105", "6C01", "BB9000"}, []string{"00C0000005", "00C0000001"}, "AABB", 0},
		{"6Cxx", []string{"6C02", "AABB9000"}, []string{"00CB3FFF024D0002"}, "AABB", 0},
		{"6C00 is 256", []string{"6C00", "AABB9000"}, []string{"00CB3FFF024D0000"}, "AABB", 0},
		{"6Cxx once only", []string{"6C02", "6C03"}, []string{"00CB3FFF024D0002"}, "", 0x6C03},
		{"6Cxx then 61xx", []string{"6C02", "AA6101", "BB9000"}, []string{"00CB3FFF024D0002", "00C0000001"}, "AABB", 0},
		{"6Cxx for GET RESPONSE once only", []string{"6105", "6C02", "6C03"}, []string{"00C0000005", "00C0000002"}, "", 0x6C03},
		{"refused", []string{"6A88"}, nil, "", 0x6A88},
		{"refused, with data", []string{"AABB6A88"}, nil, "", 0x6A88},
	} {
		t.Run(tt.name, func(t *testing.T) {
			card := hexes(t, tt.answers...)
			c := &Card{link: card}
			data, err := c.ask(apdu.Command{INS: insGetData, P1: 0x3F, P2: 0xFF, Data: []byte{0x4D, 0x00}, Ne: 256})
			if !bytes.Equal(data, unhex(t, tt.data)) || refusedWith(err) != tt.sw || (err != nil) != (tt.sw != 0) {
				t.Errorf("%X, %v, want %s, %v", data, err, tt.data, tt.sw)
			}
			if got, want := wires(card.sent), append([]string{command}, tt.sent...); !slices.Equal(got, want) {
				t.Errorf("sent %s, want %s", got, want)
			}
		})
	}
}

// TestF55Caps counts what a card without end can make us send and keep.
func TestF55Caps(t *testing.T) {
	full := strings.Repeat("AA", 256)
	for name, tt := range map[string]struct {
		card *canned
		sent int // at most
		err  func(error) bool
	}{
		"61 00 for ever":          {hexes(t, "6100"), 2, malformed},
		"61 xx, 1 byte each":      {hexes(t, "6110", "AA6110"), maxFetches + 1, malformed},
		"61 xx, 256 bytes each":   {hexes(t, full+"6100"), maxAnswer/256 + 2, malformed},
		"61 xx, 65,535 each":      {hexes(t, strings.Repeat(full, 256)[:2*65535]+"6100"), 3, malformed},
		"6C 10, 6C 11, 6C 10, …":  {hexes(t, "6C10", "6C11", "6C10", "6C11"), 2, func(err error) bool { return refusedWith(err) == 0x6C11 }},
		"61 10, then 6C for ever": {hexes(t, "6110", "6C11", "6C10"), 3, func(err error) bool { return refusedWith(err) == 0x6C10 }},
		"61 10, 6C, 61 00, 6C, …": {hexes(t, "6110", "6C11", "6100", "6C11"), 4, malformed},
	} {
		c := &Card{link: tt.card}
		data, err := c.ask(apdu.Command{INS: insGetData, Ne: 256})
		if err == nil || !tt.err(err) || data != nil {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		if len(tt.card.sent) > tt.sent || tt.card.bytes > 4*maxAnswer {
			t.Errorf("%s: %d commands, %d bytes, want at most %d", name, len(tt.card.sent), tt.card.bytes, tt.sent)
		}
	}
}

func malformed(err error) bool { return errors.Is(err, ErrData) }

// TestF56NoProgress are files that never end. A card may give as little as one
// byte at a time; the offset ends that.
func TestF56NoProgress(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []string
		sent    int // at most
	}{
		"one byte at a time":      {[]string{"30840FFFFFFF9000", "AA9000"}, maxOffset + 2},
		"more than asked":         {[]string{"30840FFFFFFF9000", strings.Repeat("AA", 65535) + "9000"}, 2},
		"gives nothing, first":    {[]string{"9000"}, 1},
		"gives nothing, later":    {[]string{"30820100AA9000", "9000"}, 2},
		"zeros only":              {[]string{strings.Repeat("00", 256) + "9000"}, maxOffset/256 + 2},
		"length without a size":   {[]string{"3080AABB9000", strings.Repeat("00", 256) + "9000"}, maxOffset/256 + 2},
		"size beyond any integer": {[]string{"3084FFFFFFFF9000", strings.Repeat("00", 256) + "9000"}, maxOffset/256 + 2},
	} {
		card := hexes(t, tt.answers...)
		c := &Card{link: card}
		content, err := c.readCurrent(FileSOD)
		if !errors.Is(err, ErrData) || content != nil {
			t.Errorf("%s: %d bytes, %v", name, len(content), err)
		}
		if len(card.sent) > tt.sent || card.bytes > 2*maxAnswer {
			t.Errorf("%s: %d commands, %d bytes, want at most %d commands", name, len(card.sent), card.bytes, tt.sent)
		}
	}
}

// TestOffsets are the commands that read a file: where each part starts, and how
// much is asked for (cie-chip 3.3, 3.4).
func TestOffsets(t *testing.T) {
	part := strings.Repeat("AA", 252)
	for name, tt := range map[string]struct {
		file    File
		answers []string
		sent    []string
		n       int // bytes of content
		err     bool
	}{
		"to the last byte":        {FileSOD, []string{"30820104" + part + "9000", "BBBBBBBBBBBBBBBB9000"}, []string{"00B0000000", "00B0010008"}, 264, false},
		"exactly one answer":      {FileSOD, []string{"308200FC" + part + "9000"}, []string{"00B0000000"}, 256, false},
		"6282, complete":          {FileSOD, []string{"308200FA" + part + "6282"}, []string{"00B0000000"}, 254, false},
		"6282, one byte short":    {FileSOD, []string{"308200FD" + part + "6282"}, []string{"00B0000000"}, 0, true},
		"6282 without data":       {FileSOD, []string{"308200FD" + part + "9000", "6282"}, []string{"00B0000000", "00B0010001"}, 0, true},
		"6B00, one byte short":    {FileSOD, []string{"308200FD" + part + "9000", "6B00"}, []string{"00B0000000", "00B0010001"}, 0, true},
		"nothing, one byte short": {FileSOD, []string{"308200FD" + part + "9000", "9000"}, []string{"00B0000000", "00B0010001"}, 0, true},
		"6982 in the middle":      {FileSOD, []string{"308200FD" + part + "9000", "6982"}, []string{"00B0000000", "00B0010001"}, 0, true},
		"6986 at once":            {FileSOD, []string{"6986"}, []string{"00B0000000"}, 0, true},
		"6C in the middle":        {FileSOD, []string{"308200FE" + part + "9000", "6C01", "BB9000", "BB9000"}, []string{"00B0000000", "00B0010002", "00B0010001", "00B0010101"}, 258, false},
		"serial number":           {FileSerial, []string{"4341303030303041419000"}, []string{"00B0000009"}, 9, false},
		"serial number, short":    {FileSerial, []string{"43413030306282"}, []string{"00B0000009"}, 0, true},
		"NIS":                     {FileNIS, []string{"3132333435363738393031329000"}, []string{"00B000000C"}, 12, false},
		"NIS, more than asked":    {FileNIS, []string{"313233343536373839303132FFFF9000"}, []string{"00B000000C"}, 12, false},
		"no frame, two parts":     {FileATR, []string{part + "AAAAAAAA9000", "BB6282"}, []string{"00B0000000", "00B0010000"}, 257, false},
		"no frame, exact":         {FileATR, []string{part + "AAAAAAAA9000", "6B00"}, []string{"00B0000000", "00B0010000"}, 256, false},
	} {
		card := hexes(t, tt.answers...)
		c := &Card{link: card}
		content, err := c.readCurrent(tt.file)
		if len(content) != tt.n || (err != nil) != tt.err {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(content), err, tt.n)
		}
		if got := wires(card.sent); !slices.Equal(got, tt.sent) {
			t.Errorf("%s: sent %s, want %s", name, got, tt.sent)
		}
	}
}

// TestDirectories reads files of either directory from either: the other one is
// selected by name, and never in the secure channel.
func TestDirectories(t *testing.T) {
	const root, cie = "00A4040C0DA0000000308000000009816001", "00A4040C06A00000000039"
	for name, tt := range map[string]struct {
		root    bool
		file    File
		answers []string
		sent    []string
	}{
		"of CIE, in CIE":   {false, FileNIS, []string{"9000", "3132333435363738393031329000"}, []string{"00A4020C021001", "00B000000C"}},
		"of CIE, in root":  {true, FileNIS, []string{"9000", "9000", "3132333435363738393031329000"}, []string{cie, "00A4020C021001", "00B000000C"}},
		"of root, in root": {true, FileATR, []string{"9000", "4301B86282"}, []string{"00A4020C022F01", "00B0000000"}},
		"of root, in CIE":  {false, FileATR, []string{"9000", "9000", "4301B86282"}, []string{root, "00A4020C022F01", "00B0000000"}},
	} {
		card := hexes(t, tt.answers...)
		c := &Card{link: card, root: tt.root}
		if content, err := c.ReadFile(tt.file); err != nil || len(content) == 0 {
			t.Errorf("%s: %X, %v", name, content, err)
		}
		if got := wires(card.sent); !slices.Equal(got, tt.sent) {
			t.Errorf("%s: sent %s, want %s", name, got, tt.sent)
		}
	}

	v := loadVectors(t)
	card := hexes(t, "9000")
	c := &Card{link: card, channel: vectorChannel(t, v), proven: true}
	_, err := c.ReadFile(FileATR)
	var at *StepError
	if !errors.As(err, &at) || at.Step != StepSelect || len(card.sent) != 0 {
		t.Errorf("in the channel: %v after %d commands", err, len(card.sent))
	}
	if !c.Authenticated() {
		t.Error("the channel is lost for a file that was not asked for")
	}
}

func TestErrorsNameFileAndStep(t *testing.T) {
	c := &Card{link: hexes(t, "6A82")}
	_, err := c.ReadFile(FileSOD)
	if want := "read a file: 1006: card answered 6A82 to INS A4"; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	broken := errors.New("reader unplugged")
	c = &Card{link: failing{broken}}
	if _, err := c.ReadFile(FileSOD); !errors.Is(err, broken) || errors.Is(err, ErrNotCIE) {
		t.Errorf("%v, want the error of the link", err)
	}
	if _, err := Open(failing{broken}); !errors.Is(err, broken) || errors.Is(err, ErrNotCIE) {
		t.Errorf("Open: %v, want the error of the link", err)
	}
}

// A failing link fails.
type failing struct{ err error }

func (f failing) Transmit([]byte) ([]byte, error) { return nil, f.err }

// TestChains are commands longer than one piece (ISO/IEC 7816-4:2020 §5.3.3).
func TestChains(t *testing.T) {
	for n, pieces := range map[int][]int{1: {1}, 255: {255}, 256: {255, 1}, 510: {255, 255}, 511: {255, 255, 1}} {
		data := bytes.Repeat([]byte{0x5A}, n)
		card := hexes(t, "9000")
		c := &Card{link: card}
		if err := c.run(apdu.Command{INS: insMSE, P1: 0x41, P2: 0xA6, Data: data, Ne: 256}); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if len(card.sent) != len(pieces) {
			t.Fatalf("%d bytes: %d commands, want %d", n, len(card.sent), len(pieces))
		}
		for i, wire := range card.sent {
			got, err := apdu.ParseCommand(wire)
			last := i == len(pieces)-1
			if err != nil || (got.CLA == 0x00) != last || !last && got.CLA != claChain || (got.Ne != 0) != last || len(got.Data) != pieces[i] {
				t.Errorf("%d bytes, piece %d: %v, %v", n, i, got, err)
			}
		}
	}
}

func TestChainEndsAtTheFirstRefusal(t *testing.T) {
	card := hexes(t, "9000", "6A80")
	c := &Card{link: card}
	err := c.run(apdu.Command{INS: insMSE, Data: make([]byte, 700)})
	if refusedWith(err) != 0x6A80 || !strings.Contains(err.Error(), "chain") || len(card.sent) != 2 {
		t.Errorf("%v after %d commands", err, len(card.sent))
	}
}

func TestGetDataFallsBackOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []string
		sent    int
		sw      apdu.SW
	}{
		"refused twice":           {[]string{"6700", "6700"}, 2, 0x6700},
		"another refusal":         {[]string{"6A88"}, 1, 0x6A88},
		"6700, then 61xx":         {[]string{"6700", "6102", "70009000"}, 3, 0},
		"6700, then another word": {[]string{"6700", "6982"}, 2, 0x6982},
		"refused, with data":      {[]string{"70006A88"}, 1, 0x6A88},
	} {
		card := hexes(t, tt.answers...)
		c := &Card{link: card}
		data, err := c.getData([]byte{0x4D, 0x00})
		if refusedWith(err) != tt.sw || len(card.sent) != tt.sent || (data != nil) != (tt.sw == 0) {
			t.Errorf("%s: %X, %v after %d commands", name, data, err, len(card.sent))
		}
	}
}

// TestNothingWithAnError: on error every other result is zero.
func TestNothingWithAnError(t *testing.T) {
	if s, err := (&Card{link: hexes(t, "9000", "AABB6982")}).SignServices([]byte{1}); err == nil || s != nil {
		t.Errorf("SignServices = %X, %v", s, err)
	}
	if c, err := Open(hexes(t, "9000", "9000", "5A0A9380001234567890123F9000", "6A82")); !errors.Is(err, ErrNotCIE) || c != nil {
		t.Errorf("Open = %v, %v", c, err)
	}
	if c, err := Resume(hexes(t, "9000", "6A82"), Parameters{}); !errors.Is(err, ErrNotCIE) || c != nil {
		t.Errorf("Resume = %v, %v", c, err)
	}
	if p, err := (&Card{link: hexes(t, "7000 6A88")}).ReadParameters(); err == nil || p.G != nil {
		t.Errorf("ReadParameters = %v, %v", p, err)
	}
}

// TestWrongLeInTheChannel: 6Cxx outside the protected answer asks for the same
// command with another Le, which no MAC covers (cie-chip 4.7). A code is not sent
// for it again.
func TestWrongLeInTheChannel(t *testing.T) {
	v := loadVectors(t)
	const name = "5.4 GET CHALLENGE"
	command, body := v.get(t, "5", name+": command APDU"), v.get(t, "5", name+": response body")
	card := hexes(t, "6C21", fmt.Sprintf("%X9000", body), "6F00")
	c := &Card{link: card, channel: vectorChannel(t, v)}
	c.channel.ssc = 9
	challenge, err := c.ask(apdu.Command{INS: insGetChallenge, Ne: challengeLen})
	if err != nil || !bytes.Equal(challenge, v.get(t, "5", "RND.ICC")) {
		t.Errorf("challenge %X, %v", challenge, err)
	}
	again := append(bytes.Clone(command[:len(command)-1]), 0x21)
	if got, want := wires(card.sent), wires([][]byte{command, again}); !slices.Equal(got, want) {
		t.Errorf("sent %s, want %s", got, want)
	}

	code := pin(t, "12345678")
	defer code.Wipe()
	for name, f := range map[string]func(*Card) error{
		"VERIFY": func(c *Card) error { return c.VerifyPIN(code) },
		"CHANGE": func(c *Card) error { return c.ChangePIN(code, code) },
		"RESET":  func(c *Card) error { return c.ResetRetryCounter(code) },
	} {
		card := hexes(t, "6C10", "6C10")
		if err := f(provenCard(t, v, card)); err == nil || len(card.sent) != 1 {
			t.Errorf("%s: sent %d times, %v", name, len(card.sent), err)
		}
	}
}
