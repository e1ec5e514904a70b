package applet

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"math/big"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// Message representatives of device authentication: ISO/IEC 9796-2:2010
// scheme 1 with partial recovery, trailer BC, SHA-256.
const (
	headerByte   = 0x6A
	trailerByte  = 0xBC
	overhead     = 2 + sha256.Size // header, digest, trailer
	challengeLen = 8
)

// Authenticate agrees on session keys, opens secure messaging, and lets
// terminal and chip prove their keys to each other (device authentication with
// privacy protection). From here on everything travels protected.
//
// The chip must prove params.DeviceKey: ErrDeviceKey if it does not. Whether
// that key belongs to a CIE, or to the one expected, is for the caller to know
// before. On any error the channel is closed and nothing secret has been sent.
func (c *Card) Authenticate(random io.Reader, params Parameters) error {
	if err := c.authenticate(random, params); err != nil {
		c.Close()
		return err
	}
	c.proven = true
	return nil
}

func (c *Card) authenticate(random io.Reader, params Parameters) error {
	gr, err := newGroup(params)
	if err != nil {
		return at(StepAgreement, err)
	}
	values, err := c.agree(random, gr)
	if err != nil {
		return at(StepAgreement, err)
	}
	d := device{card: c, random: random, params: params, values: values}
	return at(StepDevice, d.prove())
}

// A device is one run of device authentication.
type device struct {
	card   *Card
	random io.Reader
	params Parameters
	values agreement
}

// prove runs both directions and sets the send sequence counter from the two
// challenges.
func (d device) prove() error {
	if err := d.presentCertificate(); err != nil {
		return terminalRefused(err)
	}
	challengeICC, err := d.proveTerminal()
	if err != nil {
		return terminalRefused(err)
	}
	challengeIFD, err := d.proveChip()
	if err != nil {
		return err
	}
	var ssc uint64
	for _, b := range append(challengeICC[4:], challengeIFD[4:]...) {
		ssc = ssc<<8 | uint64(b)
	}
	d.card.channel.ssc = ssc
	return nil
}

// terminalRefused marks the card's refusals of the terminal's side.
func terminalRefused(err error) error {
	if refusal(err) {
		return fmt.Errorf("%w (%w)", ErrTerminalRefused, err)
	}
	return err
}

// presentCertificate has the card verify the terminal's certificate.
func (d device) presentCertificate() error {
	data, err := terminalCertificate(d.params.Authority)
	if err != nil {
		return err
	}
	for _, command := range []apdu.Command{
		{INS: insMSE, P1: 0x81, P2: 0xB6, Data: []byte{0x80, 0x01, algorithmCertificate, 0x83, 0x01, keyAuthority}, Ne: apdu.MaxShortNe},
		{INS: insPSO, P1: 0x00, P2: 0xAE, Data: data},
		{INS: insMSE, P1: 0x81, P2: 0xA4, Data: tlv.Append(nil, 0x83, terminalCHR())},
	} {
		if err := d.card.run(command); err != nil {
			return err
		}
	}
	return nil
}

// terminalCHR is the reference of the terminal's key: its serial number at 12 bytes.
func terminalCHR() []byte { return append(make([]byte, 4), terminalSN...) }

// terminalCertificate makes the card verifiable certificate of the terminal for
// one authority: 7F21 { 5F37 signature, 5F38 remainder, 42 CAR }.
func terminalCertificate(authority AuthorityKey) ([]byte, error) {
	n := new(big.Int).SetBytes(authority.N)
	k := (n.BitLen() + 7) / 8
	if len(authority.CHR) != 12 || len(authority.CHA) < 7 || k != len(terminalN) {
		return nil, fmt.Errorf("%w: authority key", ErrData)
	}
	car := authority.CHR[4:]
	body := append([]byte{certificateCPI}, car...)
	body = append(body, terminalCHR()...)
	body = append(body, authority.CHA[:6]...)
	body = append(body, terminalRole)
	body = append(body, certificateOID...)
	body = append(body, terminalN...)
	body = append(body, terminalE...)

	digest := sha256.Sum256(body)
	recoverable := k - overhead
	m := new(big.Int).SetBytes(representative(body[:recoverable], digest[:]))
	if m.Cmp(n) >= 0 {
		return nil, fmt.Errorf("%w: authority key", ErrData)
	}
	signature := m.Exp(m, new(big.Int).SetBytes(authorityD), n).FillBytes(make([]byte, k))

	var inner []byte
	inner = tlv.Append(inner, 0x5F37, signature)
	inner = tlv.Append(inner, 0x5F38, body[recoverable:])
	inner = tlv.Append(inner, 0x42, car)
	return tlv.Append(nil, 0x7F21, inner), nil
}

// representative is 6A ‖ recoverable ‖ digest ‖ BC.
func representative(recoverable, digest []byte) []byte {
	m := append([]byte{headerByte}, recoverable...)
	m = append(m, digest...)
	return append(m, trailerByte)
}

// proveTerminal answers the card's challenge (EXTERNAL AUTHENTICATE) and returns it.
func (d device) proveTerminal() (challenge []byte, err error) {
	challenge, err = d.card.ask(apdu.Command{INS: insGetChallenge, Ne: challengeLen})
	if err != nil {
		return nil, err
	}
	if len(challenge) != challengeLen {
		return nil, fmt.Errorf("%w: challenge", ErrData)
	}
	nonce := make([]byte, len(terminalN)-overhead)
	if _, err := io.ReadFull(d.random, nonce); err != nil {
		return nil, fmt.Errorf("random numbers: %w", err)
	}
	digest := d.digest(nonce, d.values.terminal, terminalSN, challenge, d.values.chip)
	m := new(big.Int).SetBytes(representative(nonce, digest))
	signature := m.Exp(m, new(big.Int).SetBytes(terminalD), new(big.Int).SetBytes(terminalN)).FillBytes(make([]byte, len(terminalN)))
	data := append(terminalSN[:len(terminalSN):len(terminalSN)], signature...)
	return challenge, d.card.run(apdu.Command{INS: insExternalAuthenticate, Data: data})
}

// proveChip sends a challenge to the chip's key (INTERNAL AUTHENTICATE), checks
// the answer, and returns the challenge.
func (d device) proveChip() (challenge []byte, err error) {
	key, err := ParsePublicKey(d.params.DeviceKey)
	if err != nil {
		return nil, err
	}
	challenge = make([]byte, challengeLen)
	if _, err := io.ReadFull(d.random, challenge); err != nil {
		return nil, fmt.Errorf("random numbers: %w", err)
	}
	environment := []byte{0x84, 0x01, keyDevice, 0x80, 0x01, algorithmDevice}
	if err := d.card.run(apdu.Command{INS: insMSE, P1: 0x41, P2: 0xA4, Data: environment}); err != nil {
		return nil, err
	}
	answer, err := d.card.ask(apdu.Command{INS: insInternalAuthenticate, Data: challenge})
	if err != nil {
		return nil, err
	}
	return challenge, d.checkChip(key, answer, challenge)
}

// checkChip recovers the representative from the answer SN.ICC ‖ signature.
func (d device) checkChip(key *rsa.PublicKey, answer, challenge []byte) error {
	if len(answer) != 8+key.Size() {
		return fmt.Errorf("%w: length of the answer", ErrDeviceKey)
	}
	sn, signature := answer[:8], new(big.Int).SetBytes(answer[8:])
	if signature.Cmp(key.N) >= 0 {
		return ErrDeviceKey
	}
	m := signature.Exp(signature, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
	end := len(m) - overhead + 1
	nonce, digest := m[1:end], m[end:len(m)-1]
	want := d.digest(nonce, d.values.chip, sn, challenge, d.values.terminal)
	if m[0] != headerByte || m[len(m)-1] != trailerByte || !bytes.Equal(digest, want) {
		return ErrDeviceKey
	}
	return nil
}

// digest is what either side signs: its nonce, its public value, its serial
// number, the other's challenge, the other's public value, and the group.
func (d device) digest(nonce, own, serial, challenge, other []byte) []byte {
	h := sha256.New()
	for _, part := range [][]byte{nonce, own, serial, challenge, other, d.params.G, d.params.P, d.params.Q} {
		h.Write(part)
	}
	return h.Sum(nil)
}

// ParsePublicKey reads the content of FileDeviceKey or FileServicesKey, a SEQUENCE
// of modulus and exponent, and refuses a key too weak to prove anything. Both
// numbers are unsigned, with zero bytes before them or without: official terminals
// take them so, and no source says that every card writes DER.
func ParsePublicKey(content []byte) (*rsa.PublicKey, error) {
	whole, err := tlv.Parse(content)
	if err != nil || len(whole) != 1 || whole[0].Tag != 0x30 {
		return nil, fmt.Errorf("%w: public key", ErrData)
	}
	numbers, err := tlv.Parse(whole[0].Value)
	if err != nil || len(numbers) != 2 || numbers[0].Tag != 0x02 || numbers[1].Tag != 0x02 {
		return nil, fmt.Errorf("%w: public key", ErrData)
	}
	n, e := new(big.Int).SetBytes(numbers[0].Value), new(big.Int).SetBytes(numbers[1].Value)
	if n.BitLen() < 2048 || n.BitLen() > 4096 || n.Bit(0) == 0 || e.BitLen() < 2 || e.BitLen() > 31 || e.Bit(0) == 0 {
		return nil, fmt.Errorf("%w: public key", ErrData)
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}
