package applet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
	"github.com/softwarecie/cie/internal/secret"
)

// vectors are the published test vectors, by set and name.
type vectors map[string]map[string]string

func loadVectors(t testing.TB) vectors {
	t.Helper()
	file, err := os.ReadFile("../testdata/vectors/cie-chip-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(file, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// get finds the one value of a set whose name begins so.
func (v vectors) get(t testing.TB, set, name string) []byte {
	t.Helper()
	for title, values := range v {
		if !strings.HasPrefix(title, set+" ") {
			continue
		}
		if text, ok := values[name]; ok {
			return unhex(t, text)
		}
		for key, text := range values {
			if strings.HasPrefix(key, name) {
				return unhex(t, text)
			}
		}
	}
	t.Fatalf("no vector %s / %s", set, name)
	return nil
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A script is a card that expects exact commands and gives recorded answers.
type script struct {
	t     testing.TB
	lines []line
	sent  int
}

type line struct {
	name            string
	command, answer []byte
}

func (s *script) Transmit(command []byte) ([]byte, error) {
	s.t.Helper()
	if s.sent == len(s.lines) {
		s.t.Fatalf("unexpected command %X", command)
	}
	l := s.lines[s.sent]
	s.sent++
	if !bytes.Equal(command, l.command) {
		s.t.Fatalf("%s: command\n %X, want\n %X", l.name, command, l.command)
	}
	return l.answer, nil
}

func (s *script) done() {
	s.t.Helper()
	if s.sent != len(s.lines) {
		s.t.Errorf("%d of %d commands sent", s.sent, len(s.lines))
	}
}

func ok(body []byte) []byte { return append(body[:len(body):len(body)], 0x90, 0x00) }

// exchangeOf is a protected exchange of the vectors.
func (v vectors) exchangeOf(t testing.TB, set, name string) line {
	return line{
		name,
		v.get(t, set, name+": command APDU"),
		ok(v.get(t, set, name+": response body (before outer 9000)")),
	}
}

func (v vectors) parameters(t testing.TB) Parameters {
	return Parameters{
		G: v.get(t, "1", "DH g"), P: v.get(t, "1", "DH p"), Q: v.get(t, "1", "DH q"),
		Authority: AuthorityKey{
			N: v.get(t, "1", "test CA modulus n"), E: v.get(t, "1", "test CA public exponent e"),
			CHR: v.get(t, "1", "test CA CHR (DO 5F20)"), CHA: v.get(t, "1", "test CA CHA (DO 5F4C)"),
		},
		DeviceKey: publicKeyFile(v.get(t, "1", "test card device key n (EF 1004)")),
	}
}

// publicKeyFile is 30 { 02 n, 02 010001 }.
func publicKeyFile(n []byte) []byte {
	body := tlv.Append(nil, 0x02, append([]byte{0}, n...))
	body = tlv.Append(body, 0x02, []byte{1, 0, 1})
	return tlv.Append(nil, 0x30, body)
}

// session is the time order of sets 2 and 5: key agreement and device
// authentication, with a reader that gives 256 bytes at a time.
func (v vectors) session(t testing.TB) []line {
	agreed := v.get(t, "2", "GET DATA A6 answer")
	answer := v.get(t, "5", "5.7 INTERNAL AUTHENTICATE: response body")
	lines := []line{
		{"MSE SET KAT 1", v.get(t, "2", "MSE SET KAT chained APDU 1"), ok(nil)},
		{"MSE SET KAT 2", v.get(t, "2", "MSE SET KAT chained APDU 2"), ok(nil)},
		{"GET DATA A6", unhex(t, "00CB3FFF064D04A602910000"), append(agreed[:256:256], 0x61, byte(len(agreed)-256))},
		{"GET RESPONSE", []byte{0, 0xC0, 0, 0, byte(len(agreed) - 256)}, ok(agreed[256:])},
	}
	for _, name := range []string{
		"5.1 MSE SET DST", "5.2a PSO VERIFY CERT chunk 1", "5.2b PSO VERIFY CERT chunk 2", "5.3 MSE SET AT (CHR)",
		"5.4 GET CHALLENGE", "5.5a EXTERNAL AUTHENTICATE chunk 1", "5.5b EXTERNAL AUTHENTICATE chunk 2", "5.6 MSE SET AT (internal)",
	} {
		lines = append(lines, v.exchangeOf(t, "5", name))
	}
	return append(lines,
		line{"5.7", v.get(t, "5", "5.7 INTERNAL AUTHENTICATE: command APDU"), append(answer[:256:256], 0x61, 0x23)},
		line{"5.7 rest", v.get(t, "5", "5.7 short-APDU reader: GET RESPONSE"), ok(v.get(t, "5", "5.7 short-APDU reader: second part"))})
}

// random is what the terminal drew in the vectors, in the order it is asked for.
func (v vectors) random(t testing.TB) *bytes.Reader {
	return bytes.NewReader(bytes.Join([][]byte{
		v.get(t, "2", "x_ifd"), v.get(t, "5", "PRND (terminal)"), v.get(t, "5", "RND.IFD"),
	}, nil))
}

// authenticated runs the session of the vectors up to the end of set 5.
func (v vectors) authenticated(t testing.TB, then ...line) (*Card, *script) {
	t.Helper()
	s := &script{t: t, lines: append(v.session(t), then...)}
	c := &Card{link: s}
	if err := c.Authenticate(v.random(t), v.parameters(t)); err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestVectorsKeyAgreement(t *testing.T) { // set 2
	v := loadVectors(t)
	gr, err := newGroup(v.parameters(t))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gr.power(new(big.Int).SetBytes(v.get(t, "2", "PuK.ICC.DH")), secret.Take(v.get(t, "2", "x_ifd")))
	if err != nil {
		t.Fatal(err)
	}
	keys := deriveKeys(z).Bytes()
	want := append(v.get(t, "2", "Kenc"), v.get(t, "2", "Kmac")...)
	if !bytes.Equal(keys, want) {
		t.Errorf("keys = %X, want %X", keys, want)
	}
	if got := mseAgreement(v.get(t, "2", "PuK.IFD.DH")).Data; !bytes.Equal(got, v.get(t, "2", "MSE SET KAT data")) {
		t.Errorf("MSE SET data = %X", got)
	}
}

func TestVectorsKDFKeepsLeadingZero(t *testing.T) { // set 2
	v := loadVectors(t)
	gr := group{p: new(big.Int).SetBytes(v.get(t, "1", "DH p"))}
	// z^1 mod p = z
	z, err := gr.power(new(big.Int).SetBytes(v.get(t, "2", "KDF with leading zero: secret")), secret.Take([]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	keys := deriveKeys(z).Bytes()
	want := append(v.get(t, "2", "KDF with leading zero: Kenc"), v.get(t, "2", "KDF with leading zero: Kmac")...)
	if !bytes.Equal(keys, want) {
		t.Errorf("keys = %X, want %X", keys, want)
	}
}

func TestVectorsGetData(t *testing.T) { // set 3
	v := loadVectors(t)
	want := v.parameters(t)
	g, q, key := v.get(t, "3", "answer to g request"), v.get(t, "3", "answer to q request"), v.get(t, "3", "answer to external-authentication key request")
	s := &script{t: t, lines: []line{
		{"g", unhex(t, "00CB3FFF0C4D0A7008BFA10104A302970000"), append(g[:256:256], 0x61, byte(len(g)-256))},
		{"g rest", []byte{0, 0xC0, 0, 0, byte(len(g) - 256)}, ok(g[256:])},
		{"q", unhex(t, "00CB3FFF0C4D0A7008BFA10104A302990000"), ok(q)},
		{"key 84", unhex(t, "00CB3FFF0B4D097007BFA004037F498000"), append(key[:256:256], 0x61, 0x00)},
		{"key 84 more", []byte{0, 0xC0, 0, 0, 0}, append(key[256:512:512], 0x61, byte(len(key)-512))},
		{"key 84 rest", []byte{0, 0xC0, 0, 0, byte(len(key) - 512)}, ok(key[512:])},
	}}
	c := &Card{link: s}
	for _, tt := range []struct {
		tag  tlv.Tag
		want []byte
	}{{tagG, want.G}, {tagQ, want.Q}} {
		if got, err := c.readDHValue(tt.tag); err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%02X = %X, %v", tt.tag, got, err)
		}
	}
	got, err := c.readAuthorityKey()
	if err != nil || fmt.Sprintf("%X", got) != fmt.Sprintf("%X", want.Authority) {
		t.Errorf("authority key = %X, %v", got, err)
	}
	s.done()
}

func TestVectorsTerminalCertificate(t *testing.T) { // set 4
	v := loadVectors(t)
	got, err := terminalCertificate(v.parameters(t).Authority)
	if err != nil || !bytes.Equal(got, v.get(t, "4", "command data 7F21")) {
		t.Errorf("certificate = %X, %v", got, err)
	}
}

func TestVectorsDeviceAuthentication(t *testing.T) { // set 5
	v := loadVectors(t)
	c, s := v.authenticated(t)
	s.done()
	if got := c.channel.counter(); !bytes.Equal(got, v.get(t, "5", "new SSC after DAPP")) {
		t.Errorf("SSC = %X", got)
	}
}

func TestVectorsPINFilesSignature(t *testing.T) { // sets 6, 7, 8, one session
	v := loadVectors(t)
	e := func(set, name string) line { return v.exchangeOf(t, set, name) }
	signature := v.get(t, "8", "8.2 INTERNAL AUTHENTICATE (sign): response body")
	c, s := v.authenticated(t,
		e("6", "6.1 VERIFY wrong PIN 00000000"), e("6", "6.2 VERIFY PIN 12345678"), e("6", "6.3 CHANGE PIN to 87654321"),
		e("6", "6.4 unblock without new PIN (dataless, DO97 00)"),
		e("7", "7.1 SELECT EF 1002, FCP returned"), e("7", "7.2 READ BINARY Le 80 of a 9-byte file, SW 6282"), e("7", "7.3 READ BINARY past the end, SW 6B00"),
		e("7", "7.4 READ BINARY Le 80, 128 bytes"), e("7", "7.5 READ BINARY odd INS, offset 0"),
		e("8", "8.1 MSE SET AT key 81 alg 02"),
		line{"8.2", v.get(t, "8", "8.2 INTERNAL AUTHENTICATE (sign): command APDU"), append(signature[:256:256], 0x61, 0x1B)},
		line{"8.2 rest", unhex(t, "00C000001B"), ok(signature[256:])})

	if err := c.VerifyPIN(pin(t, "00000000")); fmt.Sprint(err) != "verify the PIN: wrong PIN, 2 tries left (card answered 63C2 to INS 20)" {
		t.Errorf("wrong PIN: %v", err)
	}
	if err := c.VerifyPIN(pin(t, "12345678")); err != nil {
		t.Error(err)
	}
	if err := c.ChangePIN(pin(t, "12345678"), pin(t, "87654321")); err != nil {
		t.Error(err)
	}
	if r, err := c.send(apdu.Command{INS: insResetRetryCounter, P1: 3, P2: refPIN}); err != nil || r.SW != 0x6982 {
		t.Errorf("6.4: %v, %v", r, err)
	}
	if r, err := c.send(apdu.Command{INS: insSelect, P1: 2, P2: 4, Data: []byte{0x10, 0x02}}); err != nil || r.SW != apdu.OK || len(r.Data) == 0 || r.Data[0] != 0x62 {
		t.Errorf("7.1: %v, %v", r, err)
	}
	if data, end, err := c.readBinary(0, 0x80); err != nil || !end || len(data) != 9 {
		t.Errorf("7.2: %q, %v, %v", data, end, err)
	}
	if data, end, err := c.readBinary(9, 0x80); err != nil || !end || len(data) != 0 {
		t.Errorf("7.3: %q, %v, %v", data, end, err)
	}
	if data, end, err := c.readBinary(0, 0x80); err != nil || end || !bytes.Equal(data, v.get(t, "7", "7.4 file block")) {
		t.Errorf("7.4: %X, %v, %v", data, end, err)
	}
	odd := apdu.Command{INS: 0xB1, P2: 0x02, Data: []byte{0x54, 0x02, 0x00, 0x00}, Ne: 0x0B}
	if r, err := c.send(odd); err != nil || r.SW != apdu.OK || len(r.Data) == 0 || r.Data[0] != 0x53 {
		t.Errorf("7.5: %v, %v", r, err)
	}
	if got, err := c.Sign(v.get(t, "8", "DigestInfo of SHA-256('abc')")); err != nil || !bytes.Equal(got, v.get(t, "8", "signature")) {
		t.Errorf("signature = %X, %v", got, err)
	}
	s.done()
}

func TestVectorsServicesKey(t *testing.T) { // set 9
	v := loadVectors(t)
	command := v.get(t, "9", "INTERNAL AUTHENTICATE APDU")
	s := &script{t: t, lines: []line{
		{"MSE SET", unhex(t, "002241A406800102840183"), ok(nil)},
		{"INTERNAL AUTHENTICATE", command, ok(v.get(t, "9", "answer"))},
		{"again, environment set", command, ok(v.get(t, "9", "answer"))},
	}}
	c := &Card{link: s}
	for range 2 {
		if got, err := c.SignServices(v.get(t, "9", "challenge")); err != nil || !bytes.Equal(got, v.get(t, "9", "answer")) {
			t.Errorf("answer = %X, %v", got, err)
		}
	}
	s.done()
	var pan PAN
	copy(pan[:], v.get(t, "1", "test EF D003 (PAN)")[5:11])
	if got, want := pan.String(), string(v.get(t, "9", "pairing-cache: text of PAN bytes 5..10")); got != want {
		t.Errorf("PAN = %s, want %s", got, want)
	}
}

// A card that has forgotten which key was chosen is told again; another refusal is
// the answer.
func TestKeyChosenAgain(t *testing.T) {
	v := loadVectors(t)
	choose, command := unhex(t, "002241A406800102840183"), unhex(t, "0088000003010203"+"00")
	for _, refusal := range []apdu.SW{0x6985, 0x6A88} {
		s := &script{t: t, lines: []line{
			{"INTERNAL AUTHENTICATE", command, []byte{byte(refusal >> 8), byte(refusal)}},
			{"MSE SET", choose, ok(nil)},
			{"again INTERNAL AUTHENTICATE", command, ok(v.get(t, "9", "answer"))},
		}}
		if _, err := (&Card{link: s, private: keyServices}).SignServices([]byte{1, 2, 3}); err != nil {
			t.Errorf("%v: %v", refusal, err)
		}
	}
	s := &script{t: t, lines: []line{{"INTERNAL AUTHENTICATE", command, []byte{0x69, 0x82}}}}
	if _, err := (&Card{link: s, private: keyServices}).SignServices([]byte{1, 2, 3}); err == nil {
		t.Error("6982 is no error")
	}
}

func TestVectorsChannelAfterPACE(t *testing.T) { // set 10: the channel is the same after PACE, SSC from 0
	v := loadVectors(t)
	keys := secret.Take(append(v.get(t, "10", "KSenc"), v.get(t, "10", "KSmac")...))
	ch, err := newChannel(keys, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ch.protect(apdu.Command{INS: insSelect, P1: 4, P2: 0x0C, Data: unhex(t, "A0000002471001")})
	if err != nil {
		t.Fatal(err)
	}
	wire, _ := got.AppendBinary(nil)
	if !bytes.Equal(wire, v.get(t, "10", "first SM command: SELECT eMRTD")) {
		t.Errorf("SELECT eMRTD = %X", wire)
	}
}

func pin(t testing.TB, digits string) PIN {
	t.Helper()
	p, err := ParsePIN([]byte(digits))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
