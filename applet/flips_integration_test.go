//go:build integration

package applet

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
)

// TestM4EachBitOfALogin flips each bit of each protected answer of a whole login
// with a signature, one flip per session: device authentication first, then
// VERIFY, CHANGE, reading and the signature. Each is refused, and
// nothing is sent in that channel afterwards.
func TestM4EachBitOfALogin(t *testing.T) {
	v := loadVectors(t)
	flips := 0
	for _, half := range []struct {
		name  string
		lines []line
		start func() *Card
		run   func(*Card) error
	}{
		{"device authentication", v.proof(t), func() *Card { return &Card{channel: vectorChannel(t, v)} }, v.prove(t)},
		{"code, files, signature", v.work(t), func() *Card { return provenCard(t, v, nil) }, v.use(t)},
	} {
		play := func(at, bit int) (*Card, *canned, error) {
			link := &canned{}
			for i, l := range half.lines {
				answer := bytes.Clone(l.answer)
				if i == at {
					answer[bit/8] ^= 1 << (bit % 8)
				}
				link.answers = append(link.answers, answer)
			}
			c := half.start()
			c.link = link
			return c, link, half.run(c)
		}
		if c, link, err := play(-1, 0); err != nil || len(link.sent) != len(half.lines) {
			t.Fatalf("%s undisturbed: %v after %d of %d commands", half.name, err, len(link.sent), len(half.lines))
		} else {
			c.Close()
		}
		for at, l := range half.lines {
			for bit := range 8 * (len(l.answer) - 2) {
				c, link, err := play(at, bit)
				what := fmt.Sprintf("%s: %s, bit %d", half.name, l.name, bit)
				var broken *ChannelError
				if !errors.As(err, &broken) {
					t.Fatalf("%s: %v", what, err)
				}
				most := at + 1
				if l.answer[len(l.answer)-2] == sw1MoreData { // the rest is fetched before the MAC can be checked
					most++
				}
				if len(link.sent) != most {
					t.Fatalf("%s: went on to %s", what, wires(link.sent[at+1:]))
				}
				silent(t, what, c, link)
				c.Close()
				flips++
			}
		}
	}
	t.Logf("%d flips refused", flips)
}

// proof is device authentication in the channel.
func (v vectors) proof(t testing.TB) []line { return v.session(t)[4:] }

// prove runs it.
func (v vectors) prove(t testing.TB) func(*Card) error {
	return func(c *Card) error {
		random := v.random(t)
		if _, err := random.Seek(int64(len(v.get(t, "2", "x_ifd"))), 0); err != nil {
			return err
		}
		d := device{card: c, random: random, params: v.parameters(t), values: agreement{v.get(t, "2", "PuK.IFD.DH"), v.get(t, "2", "PuK.ICC.DH")}}
		return d.prove()
	}
}

// work is what follows in the vectors' session.
func (v vectors) work(t testing.TB) []line {
	signature := v.get(t, "8", "8.2 INTERNAL AUTHENTICATE (sign): response body")
	lines := []line{
		v.exchangeOf(t, "6", "6.1 VERIFY wrong PIN 00000000"), v.exchangeOf(t, "6", "6.2 VERIFY PIN 12345678"), v.exchangeOf(t, "6", "6.3 CHANGE PIN to 87654321"),
		v.exchangeOf(t, "6", "6.4 unblock without new PIN (dataless, DO97 00)"),
		v.exchangeOf(t, "7", "7.1 SELECT EF 1002, FCP returned"), v.exchangeOf(t, "7", "7.2 READ BINARY Le 80 of a 9-byte file, SW 6282"),
		v.exchangeOf(t, "7", "7.3 READ BINARY past the end, SW 6B00"), v.exchangeOf(t, "7", "7.4 READ BINARY Le 80, 128 bytes"), v.exchangeOf(t, "7", "7.5 READ BINARY odd INS, offset 0"),
		v.exchangeOf(t, "8", "8.1 MSE SET AT key 81 alg 02"),
	}
	return append(lines,
		line{"8.2", nil, append(signature[:256:256], 0x61, 0x1B)},
		line{"8.2, rest", nil, ok(signature[256:])})
}

// use sends it.
func (v vectors) use(t testing.TB) func(*Card) error {
	wrong, right, next := pin(t, "00000000"), pin(t, "12345678"), pin(t, "87654321")
	info := v.get(t, "8", "DigestInfo of SHA-256('abc')")
	commands := []apdu.Command{ // 6.4 to 7.5
		{INS: insResetRetryCounter, P1: 3, P2: refPIN},
		{INS: insSelect, P1: 2, P2: 4, Data: []byte{0x10, 0x02}},
		{INS: insReadBinary, Ne: 0x80},
		{INS: insReadBinary, P2: 9, Ne: 0x80},
		{INS: insReadBinary, Ne: 0x80},
		{INS: 0xB1, P2: 2, Data: []byte{0x54, 0x02, 0x00, 0x00}, Ne: 0x0B},
	}
	return func(c *Card) error {
		var refused *WrongCodeError
		if err := c.VerifyPIN(wrong); !errors.As(err, &refused) {
			return err
		}
		if err := c.VerifyPIN(right); err != nil {
			return err
		}
		if err := c.ChangePIN(right, next); err != nil {
			return err
		}
		for _, command := range commands {
			if _, err := c.send(command); err != nil {
				return err
			}
		}
		_, err := c.Sign(info)
		return err
	}
}
