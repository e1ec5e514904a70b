package applet

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
	"github.com/softwarecie/cie/internal/secret"
)

// A canned card gives one answer after the other, the last one for ever.
type canned struct {
	answers [][]byte
	sent    [][]byte
	bytes   int
}

func (c *canned) Transmit(command []byte) ([]byte, error) {
	c.sent = append(c.sent, bytes.Clone(command))
	i := min(len(c.sent), len(c.answers)) - 1
	if i < 0 {
		return nil, nil
	}
	c.bytes += len(c.answers[i])
	return c.answers[i], nil
}

func hexes(t testing.TB, answers ...string) *canned {
	c := &canned{}
	for _, a := range answers {
		c.answers = append(c.answers, unhex(t, strings.ReplaceAll(a, " ", "")))
	}
	return c
}

func TestF55EndlessAnswers(t *testing.T) {
	for name, card := range map[string]*canned{
		"61 00 for ever":   hexes(t, "6100"),
		"61 with one byte": hexes(t, "AA6101"),
		"6C ping-pong":     hexes(t, "6C10"),
		"61 then 6C":       hexes(t, "6105", "6C06", "6105"),
	} {
		c := &Card{link: card}
		if _, err := c.ask(apdu.Command{INS: insGetData, Ne: 256}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if len(card.sent) > maxFetches+2 {
			t.Errorf("%s: %d commands", name, len(card.sent))
		}
	}
}

func TestF56FileWithoutEnd(t *testing.T) {
	block := strings.Repeat("30", 256)
	for name, card := range map[string]*canned{
		"never ends":           hexes(t, "3083FFFFFF"+block[:502]+"9000", block+"9000"),
		"gives nothing":        hexes(t, "9000"),
		"shorter than it says": hexes(t, "30820100AA9000", "6B00"),
		"no length":            hexes(t, "309000", "6282"),
	} {
		c := &Card{link: card}
		content, err := c.readCurrent(FileSOD)
		if !errors.Is(err, ErrData) {
			t.Errorf("%s: %d bytes, %v", name, len(content), err)
		}
		if len(card.sent) > 200 {
			t.Errorf("%s: %d commands", name, len(card.sent))
		}
	}
}

func TestEndsOfFile(t *testing.T) { // each way in which a file ends, and in which it does not
	for name, card := range map[string]*canned{
		"at once":            hexes(t, "3003 010203 9000"),
		"padded":             hexes(t, "3003 010203 0000 6282"),
		"in two parts":       hexes(t, "3003 01 9000", "0203 9000"),
		"6282 with the rest": hexes(t, "3003 01 9000", "0203 6282"),
		"6C, then the rest":  hexes(t, "3003 01 9000", "6C02", "0203 9000"),
		"61, then the rest":  hexes(t, "3003 01 6102", "0203 9000"),
	} {
		c := &Card{link: card}
		if got, err := c.readCurrent(FileDeviceKey); err != nil || !bytes.Equal(got, unhex(t, "3003010203")) {
			t.Errorf("%s: %X, %v", name, got, err)
		}
	}
	for name, card := range map[string]*canned{"6B00": hexes(t, "43 01 B8 9000", "6B00"), "empty": hexes(t, "4301B89000", "9000"), "6282": hexes(t, "4301B86282")} {
		c := &Card{link: card}
		if got, err := c.readCurrent(FileATR); err != nil || !bytes.Equal(got, unhex(t, "4301B8")) {
			t.Errorf("without a frame, %s: %X, %v", name, got, err)
		}
	}
	c := &Card{link: hexes(t, "6982")}
	var refused *apdu.StatusError
	if _, err := c.readCurrent(FileSOD); !errors.As(err, &refused) || refused.SW != 0x6982 {
		t.Errorf("refused: %v", err)
	}
}

func TestGetDataWithoutLe(t *testing.T) {
	card := hexes(t, "6700", "70009000")
	c := &Card{link: card}
	if got, err := c.getData([]byte{0x4D, 0x00}); err != nil || !bytes.Equal(got, []byte{0x70, 0}) {
		t.Errorf("%X, %v", got, err)
	}
	if last := card.sent[len(card.sent)-1]; !bytes.Equal(last, unhex(t, "00CB3FFF024D00")) {
		t.Errorf("sent %X", last)
	}
}

func TestF11EmptyAnswers(t *testing.T) {
	for _, answer := range [][]byte{nil, {}, {0x90}} {
		if _, err := Open(&canned{answers: [][]byte{answer}}); !errors.Is(err, ErrShortAnswer) {
			t.Errorf("%X: %v", answer, err)
		}
	}
}

func TestNotACIE(t *testing.T) {
	for name, answers := range map[string][]string{
		"unknown name and root": {"6A82", "6A82"},
		"other instructions":    {"6D00", "6D00"},
		"root without number":   {"6A82", "9000", "6A82"},
		"no DF_CIE":             {"9000", "9000", "5A0A9380001234567890123F9000", "6A82"},
		"another number":        {"9000", "9000", "5A0B93800012345678901234569000"},
	} {
		card := hexes(t, answers...)
		_, err := Open(card)
		var at *StepError
		if !errors.Is(err, ErrNotCIE) || !errors.As(err, &at) || len(card.sent) != len(answers) {
			t.Errorf("%s: %v after %d commands", name, err, len(card.sent))
		}
	}
}

func TestCodeErrors(t *testing.T) { // cie-chip 6.2
	for sw, want := range map[apdu.SW]string{
		0x63C2: "wrong PIN, 2 tries left", 0x63C1: "wrong PIN, 1 tries left", 0x63C0: "PIN blocked", 0x6983: "PIN blocked",
		0x6300: "wrong PIN, tries left unknown", 0x6700: "wrong PIN, tries left unknown", 0x63CF: "wrong PIN, tries left unknown", 0x63C3: "wrong PIN, tries left unknown",
		0x6982: "card answered 6982 to INS 20", 0x6984: "card answered 6984 to INS 20",
	} {
		err := codeError(CodePIN, &apdu.StatusError{INS: insVerify, SW: sw})
		if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v: %v, want %s", sw, err, want)
		}
	}
	err := codeError(CodePUK, &apdu.StatusError{INS: insVerify, SW: 0x63C9})
	var wrong *WrongCodeError
	if !errors.As(err, &wrong) || wrong.Tries != 9 || wrong.Code != CodePUK {
		t.Errorf("PUK: %v", err)
	}
	if err := codeError(CodePUK, &apdu.StatusError{SW: 0x6983}); !errors.Is(err, ErrPUKBlocked) {
		t.Errorf("PUK: %v", err)
	}
}

func TestCodesPrintNothing(t *testing.T) {
	p := pin(t, "12345678")
	puk, err := ParsePUK([]byte("87654321"))
	if err != nil {
		t.Fatal(err)
	}
	holder := struct {
		pin PIN
		puk PUK
	}{p, puk}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		text := fmt.Sprintf(verb, p) + fmt.Sprintf(verb, puk) + fmt.Sprintf(verb, holder) + p.LogValue().String() + puk.LogValue().String()
		for _, leak := range []string{"1234", "8765", "31323334", "49 50", "38373635"} {
			if strings.Contains(text, leak) {
				t.Errorf("%s = %s", verb, text)
			}
		}
	}
	for _, bad := range []string{"", "1234", "1234567", "123456789", "1234567a", "١٢٣٤", "12 34567"} {
		if _, err := ParsePIN([]byte(bad)); !errors.Is(err, ErrCodeForm) {
			t.Errorf("ParsePIN(%q): %v", bad, err)
		}
	}
	p.Wipe()
	if len(p.Digits()) != 0 {
		t.Error("digits after Wipe")
	}
}

func TestCodesNeedTheChannel(t *testing.T) {
	card := &canned{answers: [][]byte{{0x90, 0x00}}}
	c := &Card{link: card}
	for name, f := range map[string]func() error{
		"VerifyPIN":         func() error { return c.VerifyPIN(pin(t, "12345678")) },
		"ChangePIN":         func() error { return c.ChangePIN(pin(t, "12345678"), pin(t, "87654321")) },
		"ResetRetryCounter": func() error { return c.ResetRetryCounter(pin(t, "12345678")) },
		"Sign":              func() error { _, err := c.Sign([]byte{1}); return err },
		"Tries":             func() error { _, _, err := c.Tries(CodePIN, TriesUnread); return err },
	} {
		if err := f(); !errors.Is(err, errChannel) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(card.sent) != 0 {
		t.Errorf("%d commands sent", len(card.sent))
	}
}

func TestFamilies(t *testing.T) { // cie-chip 1.1
	for atr, want := range map[string]string{
		"3B8F800180318065B0850300EF120FFF82900073": "Gemalto", "3B8F800180318065B085040011120FFF8290008A": "Gemalto",
		"3B8E80018031806549544E5850120FFF8290F0": "NXP", "3B8B80018066475000B8007F8290002E": "STM", "3B80800101": "STM",
		"3B8B80018066475000B80094829000C5": "STM", "3B8F80018031806549544A3442120FFF8290008B": "Bit4id",
		"3B8F80018031806549544A3441120FFF82900088": "Actalis", "3B8F80018031806549544A3444120FFF8290008D": "Bit4id",
		"3B8F80018031806549544A3443120FFF8290008A": "Actalis", "3B8F80018031806549544A3449120FFF82900080": "Bit4id",
		"3B8F80018031806549544A344C120FFF82900085": "Actalis", "3B8F80018031806549544A345A120FFF82900085": "JCOP4",
		"3B8080010100": "", "": "",
	} {
		if got := Family(unhex(t, atr)); got != want {
			t.Errorf("%s: %q, want %q", atr, got, want)
		}
	}
}

// vectorChannel is the channel of the vectors before its first command.
func vectorChannel(t testing.TB, v vectors) *channel {
	t.Helper()
	ch, err := newChannel(secret.Take(append(v.get(t, "2", "Kenc"), v.get(t, "2", "Kmac")...)), 1)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// TestF51EachFlippedBitIsRefused replays the session of the vectors and flips
// bits of each protected answer in turn.
func TestF51EachFlippedBitIsRefused(t *testing.T) {
	v := loadVectors(t)
	lines := v.session(t)[4:] // after the key agreement
	flips := 0
	for i, l := range lines {
		for at := range len(l.answer) - 2 { // the body: what the MAC protects
			for bit := at % 8; bit < 8; bit += 8 { // one bit of each byte, all of them in turn
				bad := append([]line(nil), v.session(t)...)
				changed := bytes.Clone(l.answer)
				changed[at] ^= 1 << bit
				bad[4+i] = line{l.name, l.command, changed}
				s := &script{t: t, lines: bad}
				c := &Card{link: s}
				err := c.Authenticate(v.random(t), v.parameters(t))
				flips++
				if err == nil || c.Authenticated() {
					t.Fatalf("%s: bit %d of byte %d accepted", l.name, bit, at)
				}
				if most := 4 + i + 2; s.sent > most {
					t.Fatalf("%s: went on for %d commands", l.name, s.sent-most)
				}
			}
			if testing.Short() && at > 20 {
				break
			}
		}
	}
	t.Logf("%d flips in %d answers, all refused", flips, len(lines))
}

func TestF52F53F54UnprotectedAndReplayed(t *testing.T) {
	v := loadVectors(t)
	first := v.get(t, "5", "5.1 MSE SET DST: response body (before outer 9000)")
	var bare *UnconfirmedError
	var broken *ChannelError
	for name, tt := range map[string]struct {
		body []byte
		sw   apdu.SW
		is   func(error) bool
	}{
		"plain 9000":       {nil, 0x9000, func(err error) bool { return errors.As(err, &broken) }},
		"plain 63C1":       {nil, 0x63C1, func(err error) bool { return errors.As(err, &bare) && bare.SW == 0x63C1 }},
		"plain 6983":       {nil, 0x6983, func(err error) bool { return errors.As(err, &bare) && !errors.Is(err, ErrPINBlocked) }},
		"plain 6882":       {nil, 0x6882, func(err error) bool { return errors.Is(err, ErrSessionLost) }},
		"plain 6988":       {nil, 0x6988, func(err error) bool { return errors.Is(err, ErrSessionLost) }},
		"status alone":     {unhex(t, "99029000"), 0x9000, func(err error) bool { return errors.As(err, &broken) }},
		"MAC alone":        {first[4:], 0x9000, func(err error) bool { return errors.As(err, &broken) }},
		"another order":    {append(bytes.Clone(first[4:]), first[:4]...), 0x9000, func(err error) bool { return errors.As(err, &broken) }},
		"status twice":     {append(bytes.Clone(first[:4]), first...), 0x9000, func(err error) bool { return errors.As(err, &broken) }},
		"something behind": {append(bytes.Clone(first), 0x80, 0x00), 0x9000, func(err error) bool { return errors.As(err, &broken) }},
		"MAC too short":    {append(bytes.Clone(first[:4]), 0x8E, 0x04, 1, 2, 3, 4), 0x9000, func(err error) bool { return errors.As(err, &broken) }},
		"no TLV":           {[]byte{0x99}, 0x9000, func(err error) bool { return errors.As(err, &broken) }},
	} {
		ch := vectorChannel(t, v)
		_, _ = ch.protect(apdu.Command{INS: insMSE})
		_, err := ch.unprotect(apdu.Response{Data: tt.body, SW: tt.sw})
		if err == nil || !tt.is(err) {
			t.Errorf("%s: %v", name, err)
		}
		if _, again := ch.protect(apdu.Command{INS: insVerify}); again == nil {
			t.Errorf("%s: the channel is still used", name)
		}
	}
	ch := vectorChannel(t, v)
	_, _ = ch.protect(apdu.Command{INS: insMSE})
	if _, err := ch.unprotect(apdu.Response{Data: first, SW: 0x9000}); err != nil {
		t.Fatalf("the answer itself: %v", err)
	}
	_, _ = ch.protect(apdu.Command{INS: insMSE})
	if _, err := ch.unprotect(apdu.Response{Data: first, SW: 0x9000}); !errors.As(err, &broken) {
		t.Errorf("replayed: %v", err)
	}
}

func TestWrongPadding(t *testing.T) {
	v := loadVectors(t)
	for name, text := range map[string]string{"no 80": "0102030405060708", "zeros": "0000000000000000", "80 too early": "8000000000000000 0000000000000000"} {
		ch := vectorChannel(t, v)
		_, _ = ch.protect(apdu.Command{INS: insMSE})
		ch.ssc++
		plain := unhex(t, strings.ReplaceAll(text, " ", ""))
		sealed := make([]byte, len(plain))
		previous := make([]byte, block)
		for i := 0; i < len(plain); i += block {
			for j := range block {
				sealed[i+j] = plain[i+j] ^ previous[j]
			}
			ch.cipher.Encrypt(sealed[i:], sealed[i:i+block])
			previous = sealed[i : i+block]
		}
		body := tlv.Append(nil, tagCryptogram, append([]byte{paddingIndicator}, sealed...))
		body = tlv.Append(body, tagStatus, []byte{0x90, 0x00})
		body = tlv.Append(body, tagMAC, ch.mac(append(ch.counter(), body...)))
		ch.ssc--
		var broken *ChannelError
		if _, err := ch.unprotect(apdu.Response{Data: body, SW: 0x9000}); !errors.As(err, &broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzUnprotect(f *testing.F) {
	v := loadVectors(f)
	good := v.get(f, "5", "5.1 MSE SET DST: response body (before outer 9000)")
	f.Add(good)
	f.Add(v.get(f, "5", "5.4 GET CHALLENGE: response body (before outer 9000)"))
	keys := append(v.get(f, "2", "Kenc"), v.get(f, "2", "Kmac")...)
	ch, err := newChannel(secret.Take(keys), 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ch.ssc, ch.broken = 2, nil
		r, err := ch.unprotect(apdu.Response{Data: body, SW: 0x9000})
		if err == nil && !bytes.Equal(body, good) {
			t.Errorf("accepted %X as %X", body, r.Data)
		}
	})
}

// A fuzzed card answers with slices of the fuzzer's input: a length byte, then as
// many bytes and 9000, or two bytes of status for lengths above F0.
type fuzzed struct {
	input []byte
	sent  [][]byte
	given int
}

var errSpent = errors.New("card gone")

func (f *fuzzed) Transmit(command []byte) ([]byte, error) {
	f.sent = append(f.sent, bytes.Clone(command))
	if len(f.input) == 0 {
		return nil, errSpent
	}
	n := int(f.input[0])
	f.input = f.input[1:]
	if n > 0xF0 {
		n = min(2, len(f.input))
		out := f.input[:n]
		f.input = f.input[n:]
		return out, nil
	}
	n = min(n, len(f.input))
	out := append(bytes.Clone(f.input[:n]), 0x90, 0x00)
	f.input = f.input[n:]
	f.given += len(out)
	return out, nil
}

// FuzzSession is a whole login against whatever answers: it ends, with an error
// that has a step, and no code ever leaves.
func FuzzSession(f *testing.F) {
	v := loadVectors(f)
	seed := []byte{0, 0, 12}
	seed = append(seed, v.get(f, "1", "test EF D003 (PAN)")...)
	seed = append(seed, 0)
	f.Add(seed)
	f.Add([]byte{0xF1, 0x6A, 0x82, 0, 0xF1, 0x61, 0x00})
	code := pin(f, "12345678")
	f.Fuzz(func(t *testing.T, in []byte) {
		card := &fuzzed{input: in}
		c, err := Open(card)
		if err == nil {
			var p Parameters
			if p, err = c.ReadParameters(); err == nil {
				if err = c.Authenticate(rand.Reader, p); err == nil {
					err = c.VerifyPIN(code)
				}
			}
		}
		var at *StepError
		if err == nil || !errors.As(err, &at) {
			t.Errorf("error without a step: %v", err)
		}
		for _, command := range card.sent {
			if command[1] == insVerify || bytes.Contains(command, []byte("12345678")) {
				t.Errorf("a code left: %X", command)
			}
		}
		if len(card.sent) > 4*len(in)+20 {
			t.Errorf("%d commands for %d bytes", len(card.sent), len(in))
		}
	})
}
