package emulator

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// A terminal is the other side, written here from the specification as plainly
// as can be: it checks what it is given and stops the test at the first thing
// that is wrong.
type terminal struct {
	t    testing.TB
	card *Card
	ne   int // Le of plain commands that want data: 0 as the official middleware, 256

	sm           *channel
	x            *big.Int
	y, theirs    []byte
	g, p, q      []byte
	lastProtects bool // the last answer in secure messaging had a body
	outer        apdu.SW
}

// constants of every terminal, from set 1 of the vectors.
type constants struct{ ifdN, ifdD, caD *big.Int }

func terminalConstants(t testing.TB) constants {
	v := loadVectors(t)
	n := func(name string) *big.Int { return new(big.Int).SetBytes(v.get(t, "1", name)) }
	return constants{n("IFD device key n"), n("IFD device key d"), n("CA private exponent (terminal constant)")}
}

func newTerminal(t testing.TB, o Options) *terminal {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &terminal{t: t, card: c, ne: 256}
}

// with makes a terminal and a card with these switches.
func with(t testing.TB, b Behaviour) *terminal {
	t.Helper()
	return newTerminal(t, Options{Behaviour: &b})
}

// raw sends bytes in hexadecimal and returns the answer.
func (m *terminal) raw(digits string) []byte {
	m.t.Helper()
	return send(m.t, m.card, unhex(digits))
}

// sw sends bytes in hexadecimal and returns the status word.
func (m *terminal) sw(digits string) apdu.SW {
	m.t.Helper()
	out := m.raw(digits)
	return apdu.SW(binary.BigEndian.Uint16(out[len(out)-2:]))
}

// plain sends a command and collects its whole answer.
func (m *terminal) plain(cmd apdu.Command) ([]byte, apdu.SW) {
	m.t.Helper()
	in, err := cmd.AppendBinary(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	var data []byte
	for range 1000 {
		r, err := apdu.ParseResponse(send(m.t, m.card, in))
		if err != nil {
			m.t.Fatal(err)
		}
		data = append(data, r.Data...)
		if r.SW&0xFF00 != 0x6100 {
			return data, r.SW
		}
		in = []byte{0, 0xC0, 0, 0, byte(r.SW)}
	}
	m.t.Fatal("the answer never ends")
	return nil, 0
}

// must sends a command that has to succeed.
func (m *terminal) must(cmd apdu.Command) []byte {
	m.t.Helper()
	data, sw := m.plain(cmd)
	if sw != 0x9000 {
		m.t.Fatalf("%v: %v", cmd, sw)
	}
	return data
}

// selectCIE selects root and DF_CIE.
func (m *terminal) selectCIE() {
	m.t.Helper()
	if m.sw("00A4040C0DA0000000308000000009816001") != 0x9000 && m.sw("00A40000") != 0x9000 {
		m.t.Fatal("no root")
	}
	if sw := m.sw("00A4040C06A00000000039"); sw != 0x9000 {
		m.t.Fatalf("SELECT CIE: %v", sw)
	}
}

func (m *terminal) getData(list string) []byte {
	m.t.Helper()
	return m.must(apdu.Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: unhex(list), Ne: m.ne})
}

func (m *terminal) find(in []byte, path ...tlv.Tag) []byte {
	m.t.Helper()
	value, err := tlv.Find(in, path...)
	if err != nil {
		m.t.Fatalf("no %X in %X", path, in)
	}
	return value
}

// parameters reads g, p and q.
func (m *terminal) parameters() {
	m.t.Helper()
	m.g = m.find(m.getData("4D0A7008BFA10104A3029700"), 0x70, 0xBFA101, 0xA3, 0x97)
	m.p = m.find(m.getData("4D0A7008BFA10104A3029800"), 0x70, 0xBFA101, 0xA3, 0x98)
	m.q = m.find(m.getData("4D0A7008BFA10104A3029900"), 0x70, 0xBFA101, 0xA3, 0x99)
}

// agree runs the key agreement (4.4).
func (m *terminal) agree() {
	m.t.Helper()
	m.x = new(big.Int).SetBytes(unhex("2F475CEADA981ADDE925DD42D7FC9DD2B55D86DF8FF77512BDCC4BAA652ECC89"))
	p := new(big.Int).SetBytes(m.p)
	m.y = new(big.Int).Exp(new(big.Int).SetBytes(m.g), m.x, p).FillBytes(make([]byte, len(m.p)))
	data := append(unhex("80019B830181"), der(0x91, m.y)...)
	for len(data) > 255 {
		m.must(apdu.Command{CLA: 0x10, INS: 0x22, P1: 0x41, P2: 0xA6, Data: data[:255]})
		data = data[255:]
	}
	m.must(apdu.Command{INS: 0x22, P1: 0x41, P2: 0xA6, Data: data})
	m.theirs = m.find(m.getData("4D04A6029100"), 0xA6, 0x91)
	z := new(big.Int).Exp(new(big.Int).SetBytes(m.theirs), m.x, p).FillBytes(make([]byte, len(m.p)))
	key := func(n byte) []byte { h := sha256.Sum256(append(bytes.Clone(z), 0, 0, 0, n)); return h[:16] }
	m.sm = newChannel(key(1), key(2))
	m.sm.ssc[7] = 1
}

// wrap protects a command (4.5).
func (m *terminal) wrap(cmd apdu.Command) []byte {
	m.sm.step()
	head := []byte{cmd.CLA | 0x0C, cmd.INS, cmd.P1, cmd.P2}
	var body []byte
	if len(cmd.Data) > 0 {
		e := iso(cmd.Data)
		cipher.NewCBCEncrypter(m.sm.enc, make([]byte, 8)).CryptBlocks(e, e)
		if cmd.INS&1 == 1 {
			body = der(0x85, e)
		} else {
			body = der(0x87, append([]byte{1}, e...))
		}
	}
	if cmd.Ne > 0 || len(cmd.Data) == 0 {
		body = append(body, 0x97, 1, byte(cmd.Ne))
	}
	mac := m.sm.retailMAC(append(iso(append(bytes.Clone(m.sm.ssc[:]), head...)), body...))
	body = append(body, der(0x8E, mac)...)
	out, err := apdu.Command{CLA: head[0], INS: cmd.INS, P1: cmd.P1, P2: cmd.P2, Data: body, Ne: 256}.AppendBinary(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// unwrap checks and opens a protected answer (4.6).
func (m *terminal) unwrap(ins byte, body []byte) ([]byte, apdu.SW) {
	m.t.Helper()
	m.sm.step()
	objects, err := tlv.Parse(body)
	if err != nil || len(objects) < 2 || objects[len(objects)-1].Tag != 0x8E || len(objects[len(objects)-1].Value) != 8 {
		m.t.Fatalf("not a protected answer: %X", body)
	}
	mac := objects[len(objects)-1].Value
	if want := m.sm.retailMAC(append(bytes.Clone(m.sm.ssc[:]), body[:len(body)-10]...)); !bytes.Equal(mac, want) {
		m.t.Fatalf("MAC = %X, want %X", mac, want)
	}
	status := object(objects, 0x99)
	if len(status) != 2 {
		m.t.Fatalf("no DO 99: %X", body)
	}
	sw := apdu.SW(binary.BigEndian.Uint16(status))
	text := object(objects, 0x87)
	if ins&1 == 1 {
		text = object(objects, 0x85)
	} else if len(text) > 0 {
		text = text[1:]
	}
	if len(text) == 0 {
		return nil, sw
	}
	data := make([]byte, len(text))
	cipher.NewCBCDecrypter(m.sm.enc, make([]byte, 8)).CryptBlocks(data, text)
	data = bytes.TrimRight(data, "\x00")
	return data[:len(data)-1], sw
}

// one sends one protected command. An answer without a body gives its status
// word, and leaves the counter where the command put it.
func (m *terminal) one(cmd apdu.Command) ([]byte, apdu.SW) {
	m.t.Helper()
	in := m.wrap(cmd)
	var body []byte
	for range 1000 {
		r, err := apdu.ParseResponse(send(m.t, m.card, in))
		if err != nil {
			m.t.Fatal(err)
		}
		body, m.outer = append(body, r.Data...), r.SW
		if r.SW&0xFF00 != 0x6100 {
			break
		}
		in = []byte{0, 0xC0, 0, 0, byte(r.SW)}
	}
	if m.lastProtects = len(body) > 0; !m.lastProtects {
		return nil, m.outer
	}
	return m.unwrap(cmd.INS, body)
}

// secure sends a command in secure messaging, in pieces of 231 bytes.
func (m *terminal) secure(cmd apdu.Command) ([]byte, apdu.SW) {
	m.t.Helper()
	for len(cmd.Data) >= 231 {
		piece := cmd
		piece.CLA, piece.Data, piece.Ne = 0x10, cmd.Data[:231], 0
		if _, sw := m.one(piece); sw != 0x9000 {
			return nil, sw
		}
		cmd.Data = cmd.Data[231:]
	}
	return m.one(cmd)
}

// sure sends a protected command that has to succeed.
func (m *terminal) sure(ins, p1, p2 byte, data []byte, ne int) []byte {
	m.t.Helper()
	out, sw := m.secure(apdu.Command{INS: ins, P1: p1, P2: p2, Data: data, Ne: ne})
	if sw != 0x9000 {
		m.t.Fatalf("%02X %02X %02X in secure messaging: %v", ins, p1, p2, sw)
	}
	return out
}

// status sends a protected command and returns its status word.
func (m *terminal) status(ins, p1, p2 byte, data []byte) apdu.SW {
	m.t.Helper()
	_, sw := m.secure(apdu.Command{INS: ins, P1: p1, P2: p2, Data: data})
	return sw
}

// certificate makes the terminal's certificate for the card's authority (5.2).
// change may spoil the body before it is signed.
func (m *terminal) certificate(change func(body []byte)) []byte {
	m.t.Helper()
	k := terminalConstants(m.t)
	n := new(big.Int).SetBytes(terminalAuthorityN)
	body := bytes.Join([][]byte{
		{0x8A},
		authorityCHR[4:], unhex("000000002000000000000001"), authorityCHA[:6],
		{1},
		unhex("2A8122F42A02040104"),
		k.ifdN.Bytes(), unhex("00010001"),
	}, nil)
	if change != nil {
		change(body)
	}
	sum := sha256.Sum256(body)
	rep := bytes.Join([][]byte{{0x6A}, body[:222], sum[:], {0xBC}}, nil)
	signature := new(big.Int).Exp(new(big.Int).SetBytes(rep), k.caD, n).FillBytes(make([]byte, 256))
	return der(0x7F21, bytes.Join([][]byte{der(0x5F37, signature), der(0x5F38, body[222:]), der(0x42, authorityCHR[4:])}, nil))
}

// certify runs steps 1 to 3 of device authentication (5.1).
func (m *terminal) certify() {
	m.t.Helper()
	m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
	m.sure(0x2A, 0x00, 0xAE, m.certificate(nil), 0)
	m.sure(0x22, 0x81, 0xA4, unhex("830C000000002000000000000001"), 0)
}

// proof is the data of EXTERNAL AUTHENTICATE (5.3).
func (m *terminal) proof(challenge []byte) []byte {
	k := terminalConstants(m.t)
	prnd, sn := bytes.Repeat([]byte{0x5A}, 222), unhex("2000000000000001")
	sum := sha256.Sum256(bytes.Join([][]byte{prnd, m.y, sn, challenge, m.theirs, m.g, m.p, m.q}, nil))
	rep := new(big.Int).SetBytes(bytes.Join([][]byte{{0x6A}, prnd, sum[:], {0xBC}}, nil))
	return append(sn, rep.Exp(rep, k.ifdD, k.ifdN).FillBytes(make([]byte, 256))...)
}

// external runs steps 4 and 5.
func (m *terminal) external() (challenge []byte) {
	m.t.Helper()
	challenge = m.sure(0x84, 0, 0, nil, 8)
	m.sure(0x82, 0, 0, m.proof(challenge), 0)
	return challenge
}

// internal runs steps 6 to 8, and checks the chip's proof (5.4).
func (m *terminal) internal(challenge []byte) {
	m.t.Helper()
	m.sure(0x22, 0x41, 0xA4, unhex("84018280019B"), 0)
	mine := unhex("356456FAD6ACBFC3")
	answer := m.sure(0x88, 0, 0, mine, 0)
	if serial := answer[:8]; !m.genuine(answer, mine) {
		m.t.Fatalf("the chip %X did not prove the key of EF 1004", serial)
	}
	copy(m.sm.ssc[:], append(bytes.Clone(challenge[4:8]), mine[4:8]...))
}

// genuine checks the chip's proof against the identity the card was made with.
func (m *terminal) genuine(answer, mine []byte) bool {
	device := m.card.who().keys.device
	rep := device.public(answer[8:])
	sum := sha256.Sum256(bytes.Join([][]byte{rep[1:223], m.theirs, answer[:8], mine, m.y, m.g, m.p, m.q}, nil))
	return rep[0] == 0x6A && rep[255] == 0xBC && bytes.Equal(rep[223:255], sum[:])
}

// channel opens secure messaging.
func (m *terminal) channel() *terminal {
	m.t.Helper()
	m.selectCIE()
	m.parameters()
	m.agree()
	return m
}

// open runs everything before VERIFY.
func (m *terminal) open() *terminal {
	m.t.Helper()
	m.channel()
	m.certify()
	m.internal(m.external())
	return m
}

// verified runs everything with the right PIN.
func (m *terminal) verified() *terminal {
	m.t.Helper()
	m.open()
	m.sure(0x20, 0, 0x81, []byte("12345678"), 0)
	return m
}

// sign signs with the holder's key.
func (m *terminal) sign(data []byte) ([]byte, apdu.SW) {
	m.t.Helper()
	if sw := m.status(0x22, 0x41, 0xA4, unhex("800102840181")); sw != 0x9000 {
		return nil, sw
	}
	return m.secure(apdu.Command{INS: 0x88, Data: data})
}

// readSecure reads a file in secure messaging to its end.
func (m *terminal) readSecure(id string) []byte {
	m.t.Helper()
	m.sure(0xA4, 0x02, 0x0C, unhex(id), 0)
	var content []byte
	for len(content) < 65536 {
		data, sw := m.secure(apdu.Command{INS: 0xB0, P1: byte(len(content) >> 8), P2: byte(len(content)), Ne: 231})
		content = append(content, data...)
		if sw != 0x9000 && sw != 0x6282 && sw != 0x6B00 {
			m.t.Fatalf("READ BINARY: %v", sw)
		}
		if len(data) < 231 {
			break
		}
	}
	return content
}

// wantSW is the check of most tables.
func wantSW(t testing.TB, got, want apdu.SW) {
	t.Helper()
	if got != want {
		t.Errorf("status word %v, want %v", got, want)
	}
}

// verifyCommand is VERIFY of the PIN, before protection.
func verifyCommand(pin string) apdu.Command {
	return apdu.Command{INS: 0x20, P2: 0x81, Data: []byte(pin)}
}

// commandOf makes a command of any bytes: header, one byte for Le, data.
func commandOf(in []byte) apdu.Command {
	return apdu.Command{CLA: in[0] & 0x10, INS: in[1], P1: in[2], P2: in[3], Ne: int(in[4]), Data: in[5:min(len(in), 5+200)]}
}

// TestAuthorityKeyForOlderTerminals: the first official programs asked for the
// authority's key by other words than those of today.
func TestAuthorityKeyForOlderTerminals(t *testing.T) {
	m := newTerminal(t, Options{})
	m.selectCIE()
	want := m.getData("4D097007BFA004037F4980")
	if got := m.getData("4D0C700ABFA004067F49035F2080"); !bytes.Equal(got, want) {
		t.Errorf("%X, want %X", got, want)
	}
}

// TestCounterComesFromTheProvedChallenge: a challenge that is asked for between the
// two proofs changes nothing of the new counter (cie-chip 5.5).
func TestCounterComesFromTheProvedChallenge(t *testing.T) {
	m := newTerminal(t, Options{}).channel()
	m.certify()
	challenge := m.external()
	m.sure(0x84, 0, 0, nil, 8)
	m.internal(challenge)
	m.sure(0x20, 0, 0x81, []byte("12345678"), 0)
}

// TestReselectionInTheChannel: the first official programs selected DF_CIE again in
// the channel, after VERIFY, before they read what needs the PIN.
func TestReselectionInTheChannel(t *testing.T) {
	m := newTerminal(t, Options{}).verified()
	for id, want := range map[string][]byte{"1002": []byte("CA00000AA"), "1003": m.card.Certificate().Raw} {
		m.sure(0xA4, 0x04, 0x0C, unhex("A00000000039"), 0)
		if got := m.readSecure(id); !bytes.Equal(got, want) {
			t.Errorf("%s: %X", id, got)
		}
	}
}
