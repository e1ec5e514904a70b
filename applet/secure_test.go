package applet

import (
	"bytes"
	"cmp"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
	"github.com/softwarecie/cie/internal/secret"
)

// A protectedAnswer is one of the vectors, with the counter it was made at.
type protectedAnswer struct {
	name string
	ssc  uint64
	body []byte
}

// protectedAnswers are all of sets 5 to 8, in the order of their session.
func (v vectors) protectedAnswers(t testing.TB) []protectedAnswer {
	t.Helper()
	var answers []protectedAnswer
	for title, values := range v {
		set, _, _ := strings.Cut(title, " ")
		if !strings.Contains("5 6 7 8", set) {
			continue
		}
		for name := range values {
			exchange, found := strings.CutSuffix(name, ": SSC for response")
			if !found {
				continue
			}
			answers = append(answers, protectedAnswer{
				name: exchange,
				ssc:  binary.BigEndian.Uint64(v.get(t, set, name)),
				body: v.get(t, set, exchange+": response body"),
			})
		}
	}
	if len(answers) != 20 {
		t.Fatalf("%d protected answers in the vectors", len(answers))
	}
	slices.SortFunc(answers, func(a, b protectedAnswer) int { return cmp.Compare(a.ssc, b.ssc) })
	return answers
}

// answerAt has a channel take an answer for the one due at ssc.
func (ch *channel) answerAt(ssc uint64, body []byte) (apdu.Response, error) {
	ch.ssc, ch.broken = ssc-1, nil
	return ch.unprotect(apdu.Response{Data: body, SW: apdu.OK})
}

// unusable fails unless err is a *ChannelError without a result, and the channel
// protects nothing any more.
func unusable(t *testing.T, ch *channel, what string, r apdu.Response, err error) {
	t.Helper()
	var broken *ChannelError
	if !errors.As(err, &broken) || r.Data != nil || r.SW != 0 {
		t.Errorf("%s: %v, %v, want a *ChannelError", what, r, err)
	}
	if _, again := ch.protect(apdu.Command{INS: insVerify}); !errors.Is(again, err) {
		t.Errorf("%s: the channel goes on: %v", what, again)
	}
}

// TestF51EachBit flips each bit of each protected answer of the vectors.
func TestF51EachBit(t *testing.T) {
	v := loadVectors(t)
	ch := vectorChannel(t, v)
	flips := 0
	for _, a := range v.protectedAnswers(t) {
		if _, err := ch.answerAt(a.ssc, a.body); err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
		for bit := range 8 * len(a.body) {
			bad := bytes.Clone(a.body)
			bad[bit/8] ^= 1 << (bit % 8)
			r, err := ch.answerAt(a.ssc, bad)
			unusable(t, ch, fmt.Sprintf("%s, bit %d", a.name, bit), r, err)
			flips++
		}
	}
	t.Logf("%d flips refused", flips)
}

// TestTruncatedAnswers cuts each protected answer at each byte, and adds one.
func TestTruncatedAnswers(t *testing.T) {
	v := loadVectors(t)
	ch := vectorChannel(t, v)
	for _, a := range v.protectedAnswers(t) {
		for n := 1; n < len(a.body); n++ {
			r, err := ch.answerAt(a.ssc, a.body[:n])
			unusable(t, ch, fmt.Sprintf("%s, %d bytes", a.name, n), r, err)
		}
		for _, more := range [][]byte{{0}, {0x99}, {0x90, 0x00}, {0x80, 0x00}} {
			r, err := ch.answerAt(a.ssc, append(bytes.Clone(a.body), more...))
			unusable(t, ch, fmt.Sprintf("%s and %X", a.name, more), r, err)
		}
	}
}

// TestF52EachAnswerInPlaceOfEachOther: an answer is good for its own counter only,
// not for another of the session nor for one skipped or repeated.
func TestF52EachAnswerInPlaceOfEachOther(t *testing.T) {
	v := loadVectors(t)
	ch := vectorChannel(t, v)
	answers := v.protectedAnswers(t)
	for _, a := range answers {
		counters := []uint64{0, a.ssc - 2, a.ssc - 1, a.ssc + 1, a.ssc + 2, a.ssc ^ 1<<63, math.MaxUint64}
		for _, other := range answers {
			counters = append(counters, other.ssc)
		}
		for _, ssc := range counters {
			if ssc == a.ssc {
				continue
			}
			r, err := ch.answerAt(ssc, a.body)
			unusable(t, ch, fmt.Sprintf("%s at %016X", a.name, ssc), r, err)
		}
	}
}

// TestF53F54EachUnprotectedWord puts each status word a card may send in place of
// the protected answer to VERIFY. None says anything of the code, and nothing is
// sent after it.
func TestF53F54EachUnprotectedWord(t *testing.T) {
	v := loadVectors(t)
	words := []apdu.SW{
		0x9000, 0x6282, 0x6300, 0x6581, 0x6700, 0x6882, 0x6982, 0x6983, 0x6984, 0x6985, 0x6987, 0x6988,
		0x6A80, 0x6A82, 0x6A88, 0x6B00, 0x6C08, 0x6D00, 0x6E00, 0x6F00, 0x0000, 0xFFFF,
	}
	for tries := range apdu.SW(16) {
		words = append(words, 0x63C0|tries)
	}
	for _, sw := range words {
		for _, how := range []struct {
			name   string
			before []string // what precedes the word
		}{{"at once", nil}, {"behind 6100", []string{"6100"}}} {
			card := hexes(t, append(how.before, sw.String())...)
			c := provenCard(t, v, card)
			err := c.VerifyPIN(pin(t, "12345678"))
			name := fmt.Sprintf("%v %s", sw, how.name)

			var wrong *WrongCodeError
			var bare *UnconfirmedError
			var broken *ChannelError
			if errors.As(err, &wrong) || errors.Is(err, ErrPINBlocked) || refusedWith(err) != 0 {
				t.Errorf("%s: taken for the card's word: %v", name, err)
			}
			if sw == apdu.OK {
				if !errors.As(err, &broken) {
					t.Errorf("%s: %v, want a *ChannelError", name, err)
				}
			} else if !errors.As(err, &bare) || bare.SW != sw {
				t.Errorf("%s: %v, want an *UnconfirmedError", name, err)
			}
			silent(t, name, c, card)
		}
	}
}

// provenCard is a card after device authentication in the session of the vectors.
func provenCard(t testing.TB, v vectors, link Transmitter) *Card {
	t.Helper()
	ch := vectorChannel(t, v)
	ch.ssc = binary.BigEndian.Uint64(v.get(t, "5", "new SSC after DAPP"))
	return &Card{link: link, channel: ch, proven: true}
}

// silent fails if c sends anything: its channel must be gone.
func silent(t *testing.T, what string, c *Card, card *canned) {
	t.Helper()
	if c.Authenticated() {
		t.Errorf("%s: still authenticated", what)
	}
	before := len(card.sent)
	sendAll(t, c)
	if len(card.sent) != before {
		t.Errorf("%s: %d more commands sent: %s", what, len(card.sent)-before, wires(card.sent[before:]))
	}
}

// sendAll calls everything that would send something in the channel, and wants an
// error each time.
func sendAll(t *testing.T, c *Card) {
	t.Helper()
	code := pin(t, "12345678")
	defer code.Wipe()
	puk, err := ParsePUK([]byte("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	defer puk.Wipe()
	for name, f := range map[string]func() error{
		"VerifyPIN":         func() error { return c.VerifyPIN(code) },
		"VerifyPUK":         func() error { return c.VerifyPUK(puk) },
		"ChangePIN":         func() error { return c.ChangePIN(code, code) },
		"ResetRetryCounter": func() error { return c.ResetRetryCounter(code) },
		"Tries":             func() error { _, _, err := c.Tries(CodePIN, TriesUnread); return err },
		"Sign":              func() error { _, err := c.Sign([]byte{1}); return err },
		"SignServices":      func() error { _, err := c.SignServices([]byte{1}); return err },
		"ReadFile":          func() error { _, err := c.ReadFile(FileSerial); return err },
	} {
		if err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// cryptogram is the plain bytes, whole blocks, enciphered as a card would.
func (ch *channel) cryptogram(plain []byte) []byte {
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(ch.cipher, make([]byte, block)).CryptBlocks(out, plain)
	return out
}

// withMAC is what somebody who has the keys would send at ssc.
func (ch *channel) withMAC(ssc uint64, objects []byte) []byte {
	input := append(binary.BigEndian.AppendUint64(nil, ssc), objects...)
	return tlv.Append(bytes.Clone(objects), tagMAC, ch.mac(input))
}

// TestMalformedUnderAGoodMAC are answers whose MAC is right and whose form is not:
// only the form can be the reason to refuse them.
func TestMalformedUnderAGoodMAC(t *testing.T) {
	v := loadVectors(t)
	ch := vectorChannel(t, v)
	const ssc = 7
	padded := unhex(t, "0102030480000000")
	e := fmt.Sprintf("%X", ch.cryptogram(padded))
	text := "8709 01" + e
	odd := "8508" + e
	sealed := func(plain string) string {
		out := ch.cryptogram(unhex(t, strings.ReplaceAll(plain, " ", "")))
		return fmt.Sprintf("87%02X01%X", len(out)+1, out)
	}
	for _, tt := range []struct {
		name, objects string
		data          string // hexadecimal, if the answer is good
		good          bool
	}{
		{"status", "9902 9000", "", true},
		{"data and status", text + "9902 9000", "01020304", true},
		{"data without indicator and status", odd + "9902 9000", "01020304", true},
		{"empty data", sealed("8000000000000000") + "9902 9000", "", true},
		{"a full block and padding", sealed("0102030405060708 8000000000000000") + "9902 9000", "0102030405060708", true},
		{"data ending in 80 and zeros", sealed("0102030405068000 8000000000000000") + "9902 9000", "0102030405068000", true},
		{"padding of one byte", sealed("01020304050607 80") + "9902 9000", "01020304050607", true},

		{"no status", text, "", false},
		{"nothing", "", "", false},
		{"status of one byte", "9901 90", "", false},
		{"status of three bytes", "9903 900000", "", false},
		{"empty status", "9900", "", false},
		{"status under another tag", "9802 9000", "", false},
		{"data, status under another tag", text + "9702 9000", "", false},
		{"status twice", "9902 9000 9902 9000", "", false},
		{"status before data", "9902 9000" + text, "", false},
		{"data twice", text + text + "9902 9000", "", false},
		{"data in both forms", text + odd + "9902 9000", "", false},
		{"MAC twice", "9902 9000 8E08 0000000000000000", "", false},
		{"plain value", "8104 01020304 9902 9000", "", false},
		{"plain value, not under the MAC", "8004 01020304 9902 9000", "", false},
		{"Le", "9701 00 9902 9000", "", false},
		{"unknown object", "DF0101FF 9902 9000", "", false},
		{"constructed object", "3002 9900 9902 9000", "", false},
		{"no TLV", "9903 9000", "", false},

		{"no indicator", "8708" + e + "9902 9000", "", false},
		{"indicator 00", "8709 00" + e + "9902 9000", "", false},
		{"indicator 02", "8709 02" + e + "9902 9000", "", false},
		{"indicator alone", "8701 01 9902 9000", "", false},
		{"empty 87", "8700 9902 9000", "", false},
		{"empty 85", "8500 9902 9000", "", false},
		{"not whole blocks", "8708 01" + e[:14] + "9902 9000", "", false},
		{"85 with an indicator", "8509 01" + e + "9902 9000", "", false},

		{"no padding", sealed("0102030405060708") + "9902 9000", "", false},
		{"zeros only", sealed("0000000000000000") + "9902 9000", "", false},
		{"padding of 81", sealed("0102030481000000") + "9902 9000", "", false},
		{"padding in the block before", sealed("0102030480000000 0000000000000000") + "9902 9000", "", false},
		{"padding at the start of the block before", sealed("8000000000000000 0000000000000000") + "9902 9000", "", false},
		{"something behind the padding", sealed("0102038000000001") + "9902 9000", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := ch.withMAC(ssc, unhex(t, strings.ReplaceAll(tt.objects, " ", "")))
			r, err := ch.answerAt(ssc, body)
			switch {
			case !tt.good:
				unusable(t, ch, tt.objects, r, err)
			case err != nil || r.SW != 0x9000 || fmt.Sprintf("%X", r.Data) != tt.data:
				t.Errorf("%v %X, %v, want %s", r, r.Data, err, tt.data)
			}
		})
	}
}

// TestMACLengths: eight bytes and no other number, though the bytes given are right.
func TestMACLengths(t *testing.T) {
	v := loadVectors(t)
	ch := vectorChannel(t, v)
	const ssc = 7
	status := unhex(t, "99029000")
	full := ch.withMAC(ssc, status)
	mac := full[len(full)-block:]
	for _, value := range [][]byte{nil, mac[:1], mac[:4], mac[:7], append(bytes.Clone(mac), 0), append(bytes.Clone(mac), mac...)} {
		r, err := ch.answerAt(ssc, tlv.Append(bytes.Clone(status), tagMAC, value))
		unusable(t, ch, fmt.Sprintf("MAC of %d bytes", len(value)), r, err)
	}
	for _, tag := range []tlv.Tag{0x8C, 0x8F, 0xAE, 0x99} {
		r, err := ch.answerAt(ssc, tlv.Append(bytes.Clone(status), tag, mac))
		unusable(t, ch, fmt.Sprintf("MAC as %X", tag), r, err)
	}
	r, err := ch.answerAt(ssc, mac)
	unusable(t, ch, "bare MAC", r, err)
	if _, err := ch.answerAt(ssc, full); err != nil {
		t.Errorf("the answer itself: %v", err)
	}
}

func TestCounterWraps(t *testing.T) { // cie-chip 4.5
	v := loadVectors(t)
	ch := vectorChannel(t, v)
	ch.ssc = math.MaxUint64
	if _, err := ch.protect(apdu.Command{INS: insGetChallenge, Ne: 8}); err != nil || ch.ssc != 0 {
		t.Errorf("SSC %016X, %v, want 0", ch.ssc, err)
	}
	if _, err := ch.unprotect(apdu.Response{Data: ch.withMAC(1, unhex(t, "99029000")), SW: apdu.OK}); err != nil {
		t.Error(err)
	}
}

// TestTheProtectedWordCounts: the one outside may say anything (cie-chip 4.6).
func TestTheProtectedWordCounts(t *testing.T) {
	v := loadVectors(t)
	body := v.get(t, "6", "6.1 VERIFY wrong PIN 00000000: response body")
	for _, outer := range []apdu.SW{0x9000, 0x63C2, 0x63C0, 0x6983, 0x6982, 0x6F00, 0x6C10} {
		card := &canned{answers: [][]byte{append(bytes.Clone(body), byte(outer>>8), byte(outer))}}
		c := provenCard(t, v, card)
		err := c.VerifyPIN(pin(t, "00000000"))
		var wrong *WrongCodeError
		if !errors.As(err, &wrong) || wrong.Tries != 2 || errors.Is(err, ErrPINBlocked) {
			t.Errorf("outer %v: %v, want 2 tries left", outer, err)
		}
		if !c.Authenticated() || len(card.sent) != 1 {
			t.Errorf("outer %v: channel lost, %d commands", outer, len(card.sent))
		}
	}
}

// TestLinkFailureEndsTheChannel: whether the card has counted the command is not
// known, so nothing may follow.
func TestLinkFailureEndsTheChannel(t *testing.T) {
	v := loadVectors(t)
	for name, card := range map[string]*canned{
		"empty":         {answers: [][]byte{{}}},
		"one byte":      {answers: [][]byte{{0x90}}},
		"endless":       hexes(t, "996110"),
		"61 with none":  hexes(t, "6110"),
		"rest is empty": {answers: [][]byte{{0x99, 0x61, 0x10}, {}}},
	} {
		c := provenCard(t, v, card)
		err := c.VerifyPIN(pin(t, "12345678"))
		var at *StepError
		if !errors.As(err, &at) || at.Step != StepVerifyPIN {
			t.Errorf("%s: %v", name, err)
		}
		verifies := 0
		for _, command := range card.sent {
			if command[1] == insVerify {
				verifies++
			}
		}
		if verifies != 1 {
			t.Errorf("%s: %d VERIFY", name, verifies)
		}
		silent(t, name, c, card)
	}
	c := provenCard(t, v, failing{ErrShortAnswer})
	if err := c.VerifyPIN(pin(t, "12345678")); !errors.Is(err, ErrShortAnswer) || c.Authenticated() {
		t.Errorf("%v, authenticated %v", err, c.Authenticated())
	}
}

func TestLongAnswerInPieces(t *testing.T) { // cie-chip 4.7: the pieces are not protected one by one
	v := loadVectors(t)
	body := v.get(t, "8", "8.2 INTERNAL AUTHENTICATE (sign): response body")
	for _, size := range []int{1, 100, 231, 255, 256} {
		ch := vectorChannel(t, v)
		ch.ssc = binary.BigEndian.Uint64(v.get(t, "8", "8.2 INTERNAL AUTHENTICATE (sign): SSC for command")) - 1
		card := &canned{}
		for rest := body; len(rest) > 0; {
			n := min(size, len(rest))
			piece := bytes.Clone(rest[:n])
			rest = rest[n:]
			if len(rest) > 0 {
				piece = append(piece, 0x61, byte(min(size, len(rest))))
			} else {
				piece = append(piece, 0x90, 0x00)
			}
			card.answers = append(card.answers, piece)
		}
		c := &Card{link: card, channel: ch, proven: true, private: keyHolder}
		got, err := c.Sign(v.get(t, "8", "DigestInfo of SHA-256('abc')"))
		if err != nil || !bytes.Equal(got, v.get(t, "8", "signature")) {
			t.Errorf("pieces of %d: %X, %v", size, got, err)
		}
		for i, command := range card.sent {
			if i > 0 && !bytes.HasPrefix(command, []byte{0x00, insGetResponse, 0x00, 0x00}) {
				t.Errorf("pieces of %d: sent %X", size, command)
			}
		}
		if len(card.sent) != len(card.answers) {
			t.Errorf("pieces of %d: %d commands for %d pieces", size, len(card.sent), len(card.answers))
		}
	}
}

// slowly is CBC with two-key 3DES block by block, and the removal of the padding,
// by the letter of ISO/IEC 9797-1:2011 §6.3.3.
func slowly(t *testing.T, key, text []byte) (data []byte, ok bool) {
	first, err := des.NewCipher(key[:block])
	if err != nil {
		t.Fatal(err)
	}
	second, err := des.NewCipher(key[block : 2*block])
	if err != nil {
		t.Fatal(err)
	}
	previous := make([]byte, block)
	for len(text) > 0 {
		plain := make([]byte, block)
		first.Decrypt(plain, text[:block])
		second.Encrypt(plain, plain)
		first.Decrypt(plain, plain)
		for i := range plain {
			plain[i] ^= previous[i]
		}
		previous, text = text[:block], text[block:]
		data = append(data, plain...)
	}
	for n := 1; n <= min(block, len(data)); n++ {
		switch at := len(data) - n; data[at] {
		case 0x80:
			return data[:at], true
		case 0x00:
		default:
			return nil, false
		}
	}
	return nil, false
}

// wellFormed reads [87 L 01 E | 85 L E] 99 02 SW by that rule.
func wellFormed(t *testing.T, key, objects []byte) (data []byte, sw apdu.SW, ok bool) {
	list, err := tlv.Parse(objects)
	if err != nil || len(list) < 1 || len(list) > 2 {
		return nil, 0, false
	}
	if len(list) == 2 {
		text := list[0].Value
		switch list[0].Tag {
		case 0x87:
			if len(text) == 0 || text[0] != 1 {
				return nil, 0, false
			}
			text = text[1:]
		case 0x85:
		default:
			return nil, 0, false
		}
		if len(text) == 0 || len(text)%8 != 0 {
			return nil, 0, false
		}
		if data, ok = slowly(t, key, text); !ok {
			return nil, 0, false
		}
	}
	last := list[len(list)-1]
	if last.Tag != 0x99 || len(last.Value) != 2 {
		return nil, 0, false
	}
	return data, apdu.SW(last.Value[0])<<8 | apdu.SW(last.Value[1]), true
}

// FuzzUnprotectUnderAGoodMAC gives the fuzzer the keys: what it makes up always
// has the right MAC, so that it gets to what lies behind. An answer is taken
// exactly when a slow rule finds it well formed, and for the same.
func FuzzUnprotectUnderAGoodMAC(f *testing.F) {
	v := loadVectors(f)
	key := v.get(f, "2", "Kenc")
	ch := vectorChannel(f, v)
	for _, a := range v.protectedAnswers(f) {
		f.Add(a.body[:len(a.body)-10], uint16(0x9000))
	}
	for _, plain := range []string{"8000000000000000", "0000000000000000", "0102030405060708", "0102030480000000", "80000000000000000000000000000000"} {
		text := ch.cryptogram(unhex(f, plain))
		f.Add(append(tlv.Append(nil, tagCryptogram, append([]byte{1}, text...)), 0x99, 2, 0x90, 0), uint16(0x6300))
		f.Add(append(tlv.Append(nil, tagCryptogramOdd, text), 0x99, 2, 0x62, 0x82), uint16(0x6282))
	}
	f.Fuzz(func(t *testing.T, objects []byte, outer uint16) {
		const ssc = 7
		ch.ssc, ch.broken = ssc-1, nil
		r, err := ch.unprotect(apdu.Response{Data: ch.withMAC(ssc, objects), SW: apdu.SW(outer)})
		data, sw, ok := wellFormed(t, key, objects)
		if ok != (err == nil) || ok && (r.SW != sw || !bytes.Equal(r.Data, data)) {
			t.Errorf("%X: %X %v, %v, want %X %v, %v", objects, r.Data, r.SW, err, data, sw, ok)
		}
		var broken *ChannelError
		if err != nil && !errors.As(err, &broken) {
			t.Errorf("%X: %v", objects, err)
		}
		if (ch.broken != nil) != (err != nil) {
			t.Errorf("%X: %v, channel: %v", objects, err, ch.broken)
		}
	})
}

// The ciphers hold the keys themselves: they are empty when the channel is wiped.
func TestWipedChannelHasNoKeys(t *testing.T) {
	ch, err := newChannel(secret.Take([]byte("0123456789abcdefghijklmnopqrstuv")), 0)
	if err != nil {
		t.Fatal(err)
	}
	ciphers := []cipher.Block{ch.cipher, ch.macHead, ch.macTail}
	ch.wipe()
	for i, c := range ciphers {
		if !reflect.ValueOf(c).Elem().IsZero() {
			t.Errorf("cipher %d keeps its key", i)
		}
	}
}
