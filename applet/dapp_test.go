package applet

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
)

// chipProof is the device authentication of the vectors, at the point where the chip
// has answered.
func (v vectors) chipProof(t testing.TB) (d device, key *rsa.PublicKey, answer, challenge []byte) {
	t.Helper()
	d = device{params: v.parameters(t), values: agreement{v.get(t, "2", "PuK.IFD.DH"), v.get(t, "2", "PuK.ICC.DH")}}
	key, err := ParsePublicKey(d.params.DeviceKey)
	if err != nil {
		t.Fatal(err)
	}
	return d, key, v.get(t, "5", "INTERNAL AUTHENTICATE answer, plain (264 bytes)"), v.get(t, "5", "RND.IFD")
}

// TestF59EachBitOfTheChipsProof: the channel is made with whoever answers, so what
// it carries may be wrong under a good MAC. Only the signature tells the chip.
func TestF59EachBitOfTheChipsProof(t *testing.T) {
	d, key, answer, challenge := loadVectors(t).chipProof(t)
	if err := d.checkChip(key, answer, challenge); err != nil {
		t.Fatalf("the proof itself: %v", err)
	}
	for bit := range 8 * len(answer) {
		bad := bytes.Clone(answer)
		bad[bit/8] ^= 1 << (bit % 8)
		if err := d.checkChip(key, bad, challenge); !errors.Is(err, ErrDeviceKey) {
			t.Errorf("bit %d: %v", bit, err)
		}
	}
	for _, n := range []int{0, 1, 8, len(answer) - 1} {
		if err := d.checkChip(key, answer[:n], challenge); !errors.Is(err, ErrDeviceKey) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if err := d.checkChip(key, append(bytes.Clone(answer), 0), challenge); !errors.Is(err, ErrDeviceKey) {
		t.Errorf("one byte more: %v", err)
	}
	if err := d.checkChip(key, slices.Insert(bytes.Clone(answer), 8, 0), challenge); !errors.Is(err, ErrDeviceKey) {
		t.Errorf("a zero before the signature: %v", err)
	}
}

// TestTheProofIsForThisSession: each value under the digest is held to (cie-chip
// 5.4), and the frame of the representative.
func TestTheProofIsForThisSession(t *testing.T) {
	v := loadVectors(t)
	d, key, answer, challenge := v.chipProof(t)
	other := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
		return b
	}
	for name, change := range map[string]func(*device){
		"terminal's value": func(d *device) { d.values.terminal = other(d.values.terminal) },
		"chip's value":     func(d *device) { d.values.chip = other(d.values.chip) },
		"g":                func(d *device) { d.params.G = other(d.params.G) },
		"p":                func(d *device) { d.params.P = other(d.params.P) },
		"q":                func(d *device) { d.params.Q = other(d.params.Q) },
		"values exchanged": func(d *device) { d.values.terminal, d.values.chip = d.values.chip, d.values.terminal },
	} {
		changed := d
		change(&changed)
		if err := changed.checkChip(key, answer, challenge); !errors.Is(err, ErrDeviceKey) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if err := d.checkChip(key, answer, other(challenge)); !errors.Is(err, ErrDeviceKey) {
		t.Errorf("another challenge: %v", err)
	}

	// With the chip's key, what it signs is free, also what no chip would.
	exponent := new(big.Int).SetBytes(v.get(t, "1", "test card device key d"))
	signed := func(m []byte) []byte {
		s := new(big.Int).Exp(new(big.Int).SetBytes(m), exponent, key.N)
		return append(bytes.Clone(answer[:8]), s.FillBytes(make([]byte, key.Size()))...)
	}
	made := func(fill byte) (nonce, digest []byte) {
		nonce = bytes.Repeat([]byte{fill}, key.Size()-overhead)
		h := sha256.New()
		for _, part := range [][]byte{nonce, d.values.chip, answer[:8], challenge, d.values.terminal, d.params.G, d.params.P, d.params.Q} {
			h.Write(part)
		}
		return nonce, h.Sum(nil)
	}
	nonce, digest := made(0x5A)
	for _, tt := range []struct {
		name string
		m    []byte
		good bool
	}{
		{"good", slices.Concat([]byte{0x6A}, nonce, digest, []byte{0xBC}), true},
		{"header", slices.Concat([]byte{0x6B}, nonce, digest, []byte{0xBC}), false},
		{"trailer", slices.Concat([]byte{0x6A}, nonce, digest, []byte{0xCC}), false},
		{"digest", slices.Concat([]byte{0x6A}, nonce, other(digest), []byte{0xBC}), false},
		{"zero", make([]byte, key.Size()), false},
		{"one", append(make([]byte, key.Size()-1), 1), false},
	} {
		if err := d.checkChip(key, signed(tt.m), challenge); (err == nil) != tt.good || err != nil && !errors.Is(err, ErrDeviceKey) {
			t.Errorf("%s: %v, want good %v", tt.name, err, tt.good)
		}
	}

	for fill := range 256 { // until the same signature, not reduced, has the length of the modulus
		nonce, digest := made(byte(fill))
		good := signed(slices.Concat([]byte{0x6A}, nonce, digest, []byte{0xBC}))
		beyond := new(big.Int).Add(new(big.Int).SetBytes(good[8:]), key.N)
		if beyond.BitLen() > 8*key.Size() {
			continue
		}
		if err := d.checkChip(key, good, challenge); err != nil {
			t.Errorf("signature %d: %v", fill, err)
		}
		if err := d.checkChip(key, append(good[:8], beyond.Bytes()...), challenge); !errors.Is(err, ErrDeviceKey) {
			t.Errorf("signature %d beyond the modulus: %v", fill, err)
		}
		return
	}
	t.Error("no signature small enough")
}

// TestF61 is device authentication with a card that has the session keys and does
// something else: what is told, and that nothing is sent after it.
func TestF61(t *testing.T) {
	v := loadVectors(t)
	_, _, answer, _ := v.chipProof(t)
	chip := fmt.Sprintf("%X", answer)
	const challenge = "0102030405060708"
	for _, tt := range []struct {
		name    string
		answers map[byte][]string
		err     error
		last    byte // INS
	}{
		{"certificate's environment refused", map[byte][]string{insMSE: {"6A88"}}, ErrTerminalRefused, insMSE},
		{"certificate refused", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000", "6A80"}}, ErrTerminalRefused, insPSO},
		{"certificate refused at its first piece", map[byte][]string{insMSE: {"9000"}, insPSO: {"6A80"}}, ErrTerminalRefused, insPSO},
		{"name refused", map[byte][]string{insMSE: {"9000", "6A88"}, insPSO: {"9000"}}, ErrTerminalRefused, insMSE},
		{"no challenge", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {"9000"}}, ErrData, insGetChallenge},
		{"challenge of 4 bytes", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {challenge[:8] + "9000"}}, ErrData, insGetChallenge},
		{"challenge of 7 bytes", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {challenge[:14] + "9000"}}, ErrData, insGetChallenge},
		{"challenge of 9 bytes", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {challenge + "009000"}}, ErrData, insGetChallenge},
		{"challenge with a warning", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {challenge + "6282"}}, ErrTerminalRefused, insGetChallenge},
		{"terminal's proof refused", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {challenge + "9000"}, insExternalAuthenticate: {"9000", "6300"}}, ErrTerminalRefused, insExternalAuthenticate},
		{"terminal's proof refused, 63C0", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {challenge + "9000"}, insExternalAuthenticate: {"63C0"}}, ErrTerminalRefused, insExternalAuthenticate},
		{"no proof of the chip", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {challenge + "9000"}, insExternalAuthenticate: {"9000"}, insInternalAuthenticate: {"9000"}}, ErrDeviceKey, insInternalAuthenticate},
		{"half a proof", map[byte][]string{insMSE: {"9000"}, insPSO: {"9000"}, insGetChallenge: {challenge + "9000"}, insExternalAuthenticate: {"9000"}, insInternalAuthenticate: {chip[:400] + "9000"}}, ErrDeviceKey, insInternalAuthenticate},
		{"session forgotten", map[byte][]string{insMSE: {"9000"}, insPSO: {"6988"}}, ErrSessionLost, insPSO},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &peer{channel: vectorChannel(t, v), answers: tt.answers}
			c := &Card{link: p, channel: vectorChannel(t, v)}
			d := device{card: c, random: v.proofRandom(t), params: v.parameters(t), values: agreement{v.get(t, "2", "PuK.IFD.DH"), v.get(t, "2", "PuK.ICC.DH")}}
			err := d.prove()
			if !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			if sent := p.instructions(); sent[len(sent)-1] != tt.last || slices.Contains(sent, insVerify) {
				t.Errorf("sent %X, want %02X last", sent, tt.last)
			}
			if c.Authenticated() {
				t.Error("authenticated")
			}
		})
	}
}

// proofRandom is what the terminal draws in device authentication.
func (v vectors) proofRandom(t testing.TB) io.Reader {
	return bytes.NewReader(append(v.get(t, "5", "PRND (terminal)"), v.get(t, "5", "RND.IFD")...))
}

// TestNoCodeBeforeTheChipsProof: a channel is not enough, for anybody can make one.
func TestNoCodeBeforeTheChipsProof(t *testing.T) {
	v := loadVectors(t)
	code := pin(t, "12345678")
	puk, err := ParsePUK([]byte("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{channel: vectorChannel(t, v), answers: map[byte][]string{insVerify: {"9000"}, insChange: {"9000"}, insResetRetryCounter: {"9000"}, insGetData: {"9000"}, insMSE: {"9000"}, insInternalAuthenticate: {"AA9000"}}}
	c := &Card{link: p, channel: vectorChannel(t, v)} // agreed on keys, proved nothing
	for name, f := range map[string]func() error{
		"VerifyPIN":         func() error { return c.VerifyPIN(code) },
		"VerifyPUK":         func() error { return c.VerifyPUK(puk) },
		"ChangePIN":         func() error { return c.ChangePIN(code, code) },
		"ResetRetryCounter": func() error { return c.ResetRetryCounter(code) },
		"Tries":             func() error { _, _, err := c.Tries(CodePIN, TriesUnread); return err },
		"Sign":              func() error { _, err := c.Sign([]byte{1}); return err },
	} {
		var at *StepError
		if err := f(); !errors.Is(err, errChannel) || !errors.As(err, &at) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(p.sent) != 0 {
		t.Errorf("sent %s", wires(p.sent))
	}
}

// TestAuthenticateClosesOnError: a channel with somebody who proved nothing does
// not stay, neither for reading.
func TestAuthenticateClosesOnError(t *testing.T) {
	v := loadVectors(t)
	lines := v.session(t)
	for at, l := range lines {
		link := &canned{}
		for _, line := range lines[:at] {
			link.answers = append(link.answers, line.answer)
		}
		link.answers = append(link.answers, []byte{0x6F, 0x00})
		c := &Card{link: link, private: keyServices}
		err := c.Authenticate(v.random(t), v.parameters(t))
		if err == nil || c.channel != nil || c.proven || c.private != 0 {
			t.Errorf("refused at %s: %v, channel %v, proven %v, key %02X", l.name, err, c.channel != nil, c.proven, c.private)
		}
		if r, err := c.send(apdu.Command{INS: insGetChallenge, Ne: 8}); err != nil || r.SW != 0x6F00 || link.sent[len(link.sent)-1][0] != 0 {
			t.Errorf("refused at %s: the next command is protected, or %v", l.name, err)
		}
	}
}
