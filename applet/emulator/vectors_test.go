package emulator

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
)

// vectors are the published test vectors, by set and name.
type vectors map[string]map[string]string

func loadVectors(t testing.TB) vectors {
	t.Helper()
	v, err := readVectors()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var readVectors = sync.OnceValues(func() (v vectors, err error) {
	file, err := os.ReadFile("../../testdata/vectors/cie-chip-vectors.json")
	if err != nil {
		return nil, err
	}
	return v, json.Unmarshal(file, &v)
})

func (v vectors) get(t testing.TB, set, name string) []byte {
	t.Helper()
	for title, values := range v {
		if !strings.HasPrefix(title, set+" ") {
			continue
		}
		text, ok := values[name]
		for key, value := range values {
			if !ok && strings.HasPrefix(key, name) {
				text = value
			}
		}
		if b, err := hex.DecodeString(text); err == nil && text != "" {
			return b
		}
	}
	t.Fatalf("no vector %s / %s", set, name)
	return nil
}

// send gives the card a command and returns its answer.
func send(t testing.TB, c *Card, command []byte) []byte {
	t.Helper()
	out, err := c.Transmit(command)
	if err != nil {
		t.Fatalf("%X: %v", command, err)
	}
	return out
}

// expect gives the card a command and wants exactly that answer.
func expect(t testing.TB, c *Card, name string, command, want []byte) {
	t.Helper()
	if got := send(t, c, command); !bytes.Equal(got, want) {
		t.Fatalf("%s:\n got %X\nwant %X", name, got, want)
	}
}

func ok(body []byte) []byte { return append(bytes.Clone(body), 0x90, 0x00) }

// vectorCard draws what the card of the vectors drew.
func (v vectors) vectorCard(t testing.TB) *Card {
	t.Helper()
	random := bytes.Join([][]byte{v.get(t, "2", "x_icc"), v.get(t, "5", "RND.ICC"), v.get(t, "5", "PRND2 (card)")}, nil)
	c, err := New(Options{Random: bytes.NewReader(random), Behaviour: &Behaviour{}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// agree runs set 2.
func (v vectors) agree(t testing.TB, c *Card) {
	expect(t, c, "SELECT IAS", unhex("00A4040C0DA0000000308000000009816001"), ok(nil))
	expect(t, c, "SELECT CIE", unhex("00A4040C06A00000000039"), ok(nil))
	expect(t, c, "MSE 1", v.get(t, "2", "MSE SET KAT chained APDU 1"), ok(nil))
	expect(t, c, "MSE 2", v.get(t, "2", "MSE SET KAT chained APDU 2"), ok(nil))
	want := v.get(t, "2", "GET DATA A6 answer")
	expect(t, c, "GET DATA", unhex("00CB3FFF064D04A602910000"), append(bytes.Clone(want[:256]), 0x61, 8))
	expect(t, c, "GET RESPONSE", unhex("00C0000008"), ok(want[256:]))
}

// exchange runs one protected exchange.
func (v vectors) exchange(t testing.TB, c *Card, set, name string) {
	t.Helper()
	want := ok(v.get(t, set, name+": response body (before outer 9000)"))
	command := v.get(t, set, name+": command APDU")
	if len(want) <= 258 {
		expect(t, c, name, command, want)
		return
	}
	body := want[:len(want)-2]
	expect(t, c, name, command, append(bytes.Clone(body[:256]), 0x61, byte(len(body)-256)))
	expect(t, c, name+" rest", []byte{0, 0xC0, 0, 0, byte(len(body) - 256)}, ok(body[256:]))
}

func TestVectorsOneSession(t *testing.T) { // sets 2, 5, 6, 7, 8
	v := loadVectors(t)
	c := v.vectorCard(t)
	v.agree(t, c)
	for _, name := range []string{
		"5.1 MSE SET DST", "5.2a PSO VERIFY CERT chunk 1", "5.2b PSO VERIFY CERT chunk 2", "5.3 MSE SET AT (CHR)", "5.4 GET CHALLENGE",
		"5.5a EXTERNAL AUTHENTICATE chunk 1", "5.5b EXTERNAL AUTHENTICATE chunk 2", "5.6 MSE SET AT (internal)", "5.7 INTERNAL AUTHENTICATE",
	} {
		v.exchange(t, c, "5", name)
	}
	if got, want := c.sm.ssc[:], v.get(t, "5", "new SSC after DAPP"); !bytes.Equal(got, want) {
		t.Fatalf("SSC = %X, want %X", got, want)
	}
	v.exchange(t, c, "6", "6.1 VERIFY wrong PIN 00000000")
	v.exchange(t, c, "6", "6.2 VERIFY PIN 12345678")
	v.exchange(t, c, "6", "6.3 CHANGE PIN to 87654321")
	v.exchange(t, c, "6", "6.4 unblock without new PIN (dataless, DO97 00)")
	content := []byte("CA00000AA") // what 7.2 and 7.5 hold
	c.identity.files[efSerial] = content
	v.exchange(t, c, "7", "7.1 SELECT EF 1002, FCP returned")
	v.exchange(t, c, "7", "7.2 READ BINARY Le 80 of a 9-byte file, SW 6282")
	v.exchange(t, c, "7", "7.3 READ BINARY past the end, SW 6B00")
	c.ef = v.get(t, "7", "7.4 file block")
	v.exchange(t, c, "7", "7.4 READ BINARY Le 80, 128 bytes")
	c.ef = content
	v.exchange(t, c, "7", "7.5 READ BINARY odd INS, offset 0")
	v.exchange(t, c, "8", "8.1 MSE SET AT key 81 alg 02")
	v.exchange(t, c, "8", "8.2 INTERNAL AUTHENTICATE (sign)")
}

func TestVectorsGetData(t *testing.T) { // set 3
	v := loadVectors(t)
	b := Behaviour{Extended: true}
	c, err := New(Options{Behaviour: &b})
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]string{
		"answer to g request":                           "4D0A7008BFA10104A3029700",
		"answer to q request":                           "4D0A7008BFA10104A3029900",
		"answer to external-authentication key request": "4D097007BFA004037F4980",
	} {
		data := unhex(list)
		command := append([]byte{0, 0xCB, 0x3F, 0xFF, 0, 0, byte(len(data))}, data...)
		expect(t, c, name, append(command, 0, 0), ok(v.get(t, "3", name)))
	}
}

func TestVectorsCertificateVerification(t *testing.T) { // set 4
	v := loadVectors(t)
	m := terminalAuthority().public(v.get(t, "4", "signature (DO 5F37)"))
	if !bytes.Equal(m, v.get(t, "4", "message representative 6A..BC")) {
		t.Errorf("representative = %X", m)
	}
	c := v.vectorCard(t)
	if r := c.takeCertificate(v.get(t, "4", "certificate body C (297 bytes)")); r.sw != 0x9000 {
		t.Errorf("certificate body: %v", r.sw)
	}
	if !bytes.Equal(c.chr, v.get(t, "4", "CHR")) {
		t.Errorf("CHR = %X", c.chr)
	}
}

func TestVectorsKDFKeepsLeadingZero(t *testing.T) { // set 2
	v := loadVectors(t)
	z := v.get(t, "2", "KDF with leading zero: secret")
	if got := derive(z, 1); !bytes.Equal(got, v.get(t, "2", "KDF with leading zero: Kenc")) {
		t.Errorf("Kenc = %X", got)
	}
	if got := derive(z, 2); !bytes.Equal(got, v.get(t, "2", "KDF with leading zero: Kmac")) {
		t.Errorf("Kmac = %X", got)
	}
}

func TestVectorsServicesKey(t *testing.T) { // set 9
	v := loadVectors(t)
	c := v.vectorCard(t)
	c.df = dfCIE
	c.identity.files[efNIS] = v.get(t, "9", "NIS (EF 1001)")
	expect(t, c, "NIS", unhex("00B081000C"), ok(v.get(t, "9", "NIS (EF 1001)")))
	key := v.get(t, "9", "EF 1005 content")
	expect(t, c, "1005", unhex("00B08500E7"), ok(key[:0xE7]))
	expect(t, c, "1005 rest", []byte{0, 0xB0, 0x85, 0xE7, byte(len(key) - 0xE7)}, ok(key[0xE7:]))
	expect(t, c, "MSE", unhex("002241A406800102840183"), ok(nil))
	expect(t, c, "INTERNAL AUTHENTICATE", v.get(t, "9", "INTERNAL AUTHENTICATE APDU"), ok(v.get(t, "9", "answer")))
	text := v.get(t, "9", "pairing-cache: text of PAN bytes 5..10")
	expect(t, c, "12 bytes", append([]byte{0, 0x88, 0, 0, byte(len(text))}, append(text, 0)...), ok(v.get(t, "9", "pairing-cache: INTERNAL AUTHENTICATE answer")))
}

func TestVectorsPACE(t *testing.T) { // set 10
	v := loadVectors(t)
	get := func(name string) []byte { return v.get(t, "10", name) }
	c, err := New(Options{Random: bytes.NewReader(bytes.Join([][]byte{get("nonce s"), get("card mapping exponent"), get("card ephemeral exponent")}, nil))})
	if err != nil {
		t.Fatal(err)
	}
	extended := func(template []byte) []byte {
		return append([]byte{0x10, 0x86, 0, 0, 0, byte(len(template) >> 8), byte(len(template))}, append(template, 0, 0)...)
	}
	c.profile.Behaviour.Extended = true
	expect(t, c, "MF", unhex("00A4000C"), ok(nil))
	expect(t, c, "EF.CardAccess", unhex("00A4020C02011C"), ok(nil))
	expect(t, c, "MSE", append(unhex("0022C1A40F800A"), append(oidPACE, 0x83, 1, 2)...), ok(nil))
	expect(t, c, "GA 1", unhex("10860000027C0000"), ok(der(0x7C, der(0x80, get("encrypted nonce z")))))
	expect(t, c, "GA 2", extended(der(0x7C, der(0x81, get("terminal mapping key")))), ok(der(0x7C, der(0x82, get("card mapping key")))))
	if got := c.pace.g.FillBytes(make([]byte, 256)); !bytes.Equal(got, get("mapped generator")) {
		t.Errorf("mapped generator = %X", got)
	}
	expect(t, c, "GA 3", extended(der(0x7C, der(0x83, get("terminal ephemeral key")))), ok(der(0x7C, der(0x84, get("card ephemeral key")))))
	if !bytes.Equal(c.pace.k, get("shared secret K")) {
		t.Errorf("K = %X", c.pace.k)
	}
	expect(t, c, "GA 4", append(unhex("008600000C7C0A8508"), append(get("terminal token"), 0)...), ok(der(0x7C, der(0x86, get("card token")))))
	out := send(t, c, get("first SM command: SELECT eMRTD"))
	if len(out) != 16 || !bytes.Equal(out[:4], []byte{0x99, 2, 0x90, 0}) || c.df != dfMRTD {
		t.Errorf("SELECT eMRTD = %X", out)
	}
}

func TestVectorKeysAreWhole(t *testing.T) {
	k := vectorKeys()
	for name, pair := range map[string]key{"holder": k.holder, "device": k.device, "services": k.services} {
		if pair.p == nil || new(big.Int).Mul(pair.p, pair.q).Cmp(pair.n) != 0 {
			t.Errorf("%s: not factored", name)
		}
	}
}
