package applet

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
	"github.com/softwarecie/cie/internal/secret"
)

// Secure messaging data objects (ISO/IEC 7816-4:2020 §10).
const (
	tagCryptogram    tlv.Tag = 0x87 // padding indicator 01, then ciphertext
	tagCryptogramOdd tlv.Tag = 0x85 // ciphertext, for odd instructions
	tagLe            tlv.Tag = 0x97
	tagStatus        tlv.Tag = 0x99
	tagMAC           tlv.Tag = 0x8E
)

const (
	block            = des.BlockSize
	paddingIndicator = 0x01 // 80 00…00
	keyLength        = 16   // of two-key 3DES
)

// A channel is secure messaging with two-key 3DES in CBC mode, IV zero, and the
// MAC of ISO/IEC 9797-1:2011 algorithm 3 with DES.
type channel struct {
	keys    *secret.Buffer // Kenc: K1 ‖ K2 ‖ K1, then Kmac
	cipher  cipher.Block   // 3DES with Kenc
	macHead cipher.Block   // DES with the first half of Kmac
	macTail cipher.Block   // DES with the second half
	ssc     uint64         // send sequence counter
	scratch *secret.Buffer // plain data of the command being protected
	broken  error          // why the channel cannot be used any more
}

// newChannel takes Kenc ‖ Kmac, 32 bytes, and wipes them.
func newChannel(keys *secret.Buffer, ssc uint64) (*channel, error) {
	defer keys.Wipe()
	k := secret.New(3*block + keyLength)
	secret.Copy(k.Bytes(), keys.Bytes()[:keyLength])
	secret.Copy(k.Bytes()[keyLength:], keys.Bytes()[:block])
	secret.Copy(k.Bytes()[3*block:], keys.Bytes()[keyLength:])
	enc, mac := k.Bytes()[:3*block], k.Bytes()[3*block:]
	ch := &channel{keys: k, ssc: ssc, scratch: secret.New(protectedPiece + block)}
	var errs [3]error
	secret.Do(func() {
		ch.cipher, errs[0] = des.NewTripleDESCipher(enc)
		ch.macHead, errs[1] = des.NewCipher(mac[:block])
		ch.macTail, errs[2] = des.NewCipher(mac[block:])
	})
	return ch, errors.Join(errs[:]...)
}

// wipe clears the keys, in the ciphers too.
func (ch *channel) wipe() {
	ch.keys.Wipe()
	ch.scratch.Wipe()
	for _, b := range []cipher.Block{ch.cipher, ch.macHead, ch.macTail} {
		secret.Forget(b)
	}
	ch.cipher, ch.macHead, ch.macTail = nil, nil, nil
	_ = ch.fail(ErrSessionLost)
}

// fail makes the channel unusable, for the first reason given, and returns err.
func (ch *channel) fail(err error) error {
	if ch.broken == nil {
		ch.broken = err
	}
	return err
}

// protect wraps one command of at most protectedPiece bytes of data.
func (ch *channel) protect(command apdu.Command) (apdu.Command, error) {
	if ch.broken != nil {
		return apdu.Command{}, ch.broken
	}
	ch.ssc++
	head := []byte{command.CLA | claSM, command.INS, command.P1, command.P2}
	var body []byte
	if len(command.Data) > 0 {
		body = ch.appendCryptogram(body, command)
	}
	if command.Ne > 0 || len(command.Data) == 0 {
		body = tlv.Append(body, tagLe, []byte{byte(command.Ne)}) // 256 is coded 00
	}
	mac := ch.mac(append(pad(append(ch.counter(), head...)), body...))
	body = tlv.Append(body, tagMAC, mac)
	return apdu.Command{CLA: head[0], INS: head[1], P1: head[2], P2: head[3], Data: body, Ne: apdu.MaxShortNe}, nil
}

// appendCryptogram enciphers the data in the scratch page, so that a code is
// never copied to ordinary memory.
func (ch *channel) appendCryptogram(body []byte, command apdu.Command) []byte {
	page := ch.scratch.Bytes()
	defer clear(page)
	text := page[:(len(command.Data)/block+1)*block]
	encrypter := cipher.NewCBCEncrypter(ch.cipher, make([]byte, block))
	secret.Do(func() {
		n := secret.Copy(text, command.Data)
		text[n] = 0x80
		clear(text[n+1:])
		encrypter.CryptBlocks(text, text)
	})
	if command.INS&1 != 0 {
		return tlv.Append(body, tagCryptogramOdd, text)
	}
	return tlv.Append(body, tagCryptogram, append([]byte{paddingIndicator}, text...))
}

// unprotect checks the MAC of an answer and only then looks into it. The status
// word it returns is the protected one.
func (ch *channel) unprotect(r apdu.Response) (apdu.Response, error) {
	if len(r.Data) == 0 {
		return apdu.Response{}, ch.fail(unprotected(r.SW))
	}
	ch.ssc++
	answer, err := ch.open(r.Data)
	if err != nil {
		return apdu.Response{}, ch.fail(err)
	}
	return answer, nil
}

// unprotected is the error of a bare status word where a protected answer is due.
func unprotected(sw apdu.SW) error {
	switch sw {
	case swNoSession, swMissingObject, swWrongObject:
		return fmt.Errorf("%w (%w)", ErrSessionLost, &UnconfirmedError{sw})
	case apdu.OK:
		return &ChannelError{"unprotected answer"}
	}
	return &UnconfirmedError{sw}
}

// open reads [87|85] 99 8E, in this order and nothing else.
func (ch *channel) open(body []byte) (apdu.Response, error) {
	objects, err := tlv.Parse(body)
	if err != nil || len(objects) < 2 || len(objects) > 3 {
		return apdu.Response{}, &ChannelError{"malformed answer"}
	}
	status, mac := objects[len(objects)-2], objects[len(objects)-1]
	if status.Tag != tagStatus || len(status.Value) != 2 || mac.Tag != tagMAC || len(mac.Value) != block {
		return apdu.Response{}, &ChannelError{"status or MAC missing"}
	}
	const macObject = 2 + block
	if want := ch.mac(append(ch.counter(), body[:len(body)-macObject]...)); subtle.ConstantTimeCompare(want, mac.Value) != 1 {
		return apdu.Response{}, &ChannelError{"wrong MAC"}
	}
	r := apdu.Response{SW: apdu.SW(binary.BigEndian.Uint16(status.Value))}
	if len(objects) == 3 {
		r.Data, err = ch.decipher(objects[0])
	}
	return r, err
}

// decipher opens DO'87' or DO'85'.
func (ch *channel) decipher(o tlv.Object) ([]byte, error) {
	text := o.Value
	switch {
	case o.Tag == tagCryptogram && len(text) > 0 && text[0] == paddingIndicator:
		text = text[1:]
	case o.Tag != tagCryptogramOdd:
		return nil, &ChannelError{"unknown object in the answer"}
	}
	if len(text) == 0 || len(text)%block != 0 {
		return nil, &ChannelError{"wrong length of the cryptogram"}
	}
	plain := make([]byte, len(text))
	cipher.NewCBCDecrypter(ch.cipher, make([]byte, block)).CryptBlocks(plain, text)
	end := len(bytes.TrimRight(plain, "\x00")) - 1
	if end < len(plain)-block || end < 0 || plain[end] != 0x80 {
		return nil, &ChannelError{"wrong padding"}
	}
	return plain[:end], nil
}

// counter is the SSC as the eight bytes that start every MAC input.
func (ch *channel) counter() []byte { return binary.BigEndian.AppendUint64(nil, ch.ssc) }

// mac is MAC algorithm 3 of ISO/IEC 9797-1:2011 §7.4 with DES, padding method 2,
// over the message, 8 bytes.
func (ch *channel) mac(message []byte) []byte {
	message = pad(message)
	sum := make([]byte, block)
	for i := 0; i < len(message); i += block {
		subtle.XORBytes(sum, sum, message[i:i+block])
		ch.macHead.Encrypt(sum, sum)
	}
	ch.macTail.Decrypt(sum, sum)
	ch.macHead.Encrypt(sum, sum)
	return sum
}

// pad appends 80 and zeros up to the next multiple of the block, at least one
// byte (ISO/IEC 9797-1:2011 §6.3.3).
func pad(message []byte) []byte {
	padded := append(message[:len(message):len(message)], 0x80)
	return append(padded, make([]byte, (block-len(padded)%block)%block)...)
}
