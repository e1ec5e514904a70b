package emulator

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha256"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// A channel is the card's end of secure messaging with two-key 3DES.
type channel struct {
	enc  cipher.Block
	mac1 cipher.Block
	mac2 cipher.Block
	ssc  [8]byte
}

func newChannel(kenc, kmac []byte) *channel {
	enc, err := des.NewTripleDESCipher(append(bytes.Clone(kenc), kenc[:8]...))
	if err != nil {
		panic(err)
	}
	single := func(k []byte) cipher.Block {
		b, err := des.NewCipher(k)
		if err != nil {
			panic(err)
		}
		return b
	}
	return &channel{enc: enc, mac1: single(kmac[:8]), mac2: single(kmac[8:16])}
}

// derive is the first 16 bytes of SHA-256(secret ‖ counter), the counter as four
// bytes.
func derive(shared []byte, counter byte) []byte {
	h := sha256.Sum256(append(bytes.Clone(shared), 0, 0, 0, counter))
	return h[:16]
}

// step adds one to the counter, from FF…FF to 0.
func (ch *channel) step() {
	for i := len(ch.ssc) - 1; i >= 0; i-- {
		ch.ssc[i]++
		if ch.ssc[i] != 0 {
			return
		}
	}
}

func iso(m []byte) []byte {
	m = append(bytes.Clone(m), 0x80)
	for len(m)%8 != 0 {
		m = append(m, 0)
	}
	return m
}

// retailMAC is DES CBC-MAC with the first key, its last block deciphered with
// the second and enciphered with the first again.
func (ch *channel) retailMAC(m []byte) []byte {
	x := make([]byte, 8)
	for m = iso(m); len(m) > 0; m = m[8:] {
		for i := range x {
			x[i] ^= m[i]
		}
		ch.mac1.Encrypt(x, x)
	}
	ch.mac2.Decrypt(x, x)
	ch.mac1.Encrypt(x, x)
	return x
}

// open takes a protected command apart. A status word other than 9000 is sent in
// the clear, and ends the session.
func (ch *channel) open(cmd apdu.Command) (apdu.Command, apdu.SW) {
	ch.step()
	objects, err := tlv.Parse(cmd.Data)
	if err != nil {
		return apdu.Command{}, 0x6988
	}
	mac := object(objects, 0x8E)
	if mac == nil {
		return apdu.Command{}, 0x6987
	}
	if objects[len(objects)-1].Tag != 0x8E || len(mac) != 8 {
		return apdu.Command{}, 0x6988
	}
	head := []byte{cmd.CLA, cmd.INS, cmd.P1, cmd.P2}
	m := append(iso(append(bytes.Clone(ch.ssc[:]), head...)), cmd.Data[:len(cmd.Data)-10]...)
	if !bytes.Equal(ch.retailMAC(m), mac) {
		return apdu.Command{}, 0x6988
	}
	plain := apdu.Command{CLA: cmd.CLA, INS: cmd.INS, P1: cmd.P1, P2: cmd.P2}
	for _, o := range objects[:len(objects)-1] {
		if !ch.take(&plain, o) {
			return apdu.Command{}, 0x6988
		}
	}
	return plain, apdu.OK
}

// take reads one data object of a protected command.
func (ch *channel) take(plain *apdu.Command, o tlv.Object) bool {
	switch o.Tag {
	case 0x97:
		if plain.Ne != 0 || len(o.Value) != 1 && len(o.Value) != 2 {
			return false
		}
		for _, b := range o.Value {
			plain.Ne = plain.Ne<<8 | int(b)
		}
		if plain.Ne == 0 {
			plain.Ne = 1 << (8 * len(o.Value))
		}
		return true
	case 0x87:
		if plain.INS&1 != 0 || len(o.Value) == 0 || o.Value[0] != 0x01 {
			return false
		}
		return ch.decipher(plain, o.Value[1:])
	case 0x85:
		return plain.INS&1 != 0 && ch.decipher(plain, o.Value)
	}
	return false
}

func (ch *channel) decipher(plain *apdu.Command, e []byte) bool {
	if len(e) == 0 || len(e)%8 != 0 || plain.Data != nil {
		return false
	}
	m := make([]byte, len(e))
	cipher.NewCBCDecrypter(ch.enc, make([]byte, 8)).CryptBlocks(m, e)
	for len(m) > 0 && m[len(m)-1] == 0 {
		m = m[:len(m)-1]
	}
	if len(m) == 0 || m[len(m)-1] != 0x80 || len(e)-len(m) > 7 {
		return false
	}
	plain.Data = m[:len(m)-1]
	return true
}

// close protects an answer.
func (ch *channel) close(r reply, ins byte) []byte {
	ch.step()
	return ch.seal(r, ins)
}

// seal protects an answer under the counter as it is.
func (ch *channel) seal(r reply, ins byte) []byte {
	var body []byte
	if len(r.data) > 0 {
		m := iso(r.data)
		cipher.NewCBCEncrypter(ch.enc, make([]byte, 8)).CryptBlocks(m, m)
		if ins&1 != 0 {
			body = der(0x85, m)
		} else {
			body = der(0x87, append([]byte{0x01}, m...))
		}
	}
	body = append(body, der(0x99, []byte{byte(r.sw >> 8), byte(r.sw)})...)
	return append(body, der(0x8E, ch.retailMAC(append(bytes.Clone(ch.ssc[:]), body...)))...)
}
