package emulator

import (
	"bytes"
	"crypto/sha256"
	"math/big"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// A group is Diffie-Hellman parameters as the card sends them.
type group struct{ g, p, q []byte }

// group gives the card's parameters, spoilt if a switch says so.
func (c *Card) group() group {
	gr := group{groupG, groupP, groupQ}
	switch c.profile.Behaviour.WeakGroup {
	case "p-even":
		gr.p = bytes.Clone(gr.p)
		gr.p[len(gr.p)-1] &^= 1
	case "p-small":
		gr = group{[]byte{2}, unhex("FFFFFFFFFFFFFFC5"), unhex("7FFFFFFFFFFFFFE2")}
	case "p-composite":
		gr.p = bytes.Clone(gr.p)
		gr.p[len(gr.p)-1] ^= 2
	case "g-one":
		gr.g = []byte{1}
	}
	return gr
}

// manageEnvironment is MANAGE SECURITY ENVIRONMENT, SET.
func (c *Card) manageEnvironment(cmd apdu.Command) reply {
	objects, err := tlv.Parse(cmd.Data)
	if err != nil {
		return refuse(0x6A80)
	}
	algo, ref, private := object(objects, 0x80), object(objects, 0x83), object(objects, 0x84)
	switch uint16(cmd.P1)<<8 | uint16(cmd.P2) {
	case 0x41A6:
		return c.setAgreement(algo, ref, object(objects, 0x91))
	case 0x81B6:
		return c.setVerification(algo, ref)
	case 0x81A4:
		return c.setExternal(ref)
	case 0x41A4:
		return c.setInternal(algo, private)
	case 0xC1A4:
		return c.setPACE(algo, ref)
	}
	return refuse(0x6A86)
}

// setAgreement takes the terminal's public value.
func (c *Card) setAgreement(algo, ref, value []byte) reply {
	y, p := new(big.Int).SetBytes(value), new(big.Int).SetBytes(groupP)
	last := new(big.Int).Sub(p, big.NewInt(1))
	if !bytes.Equal(algo, []byte{0x9B}) || !bytes.Equal(ref, []byte{0x81}) || len(value) > len(groupP) ||
		y.Cmp(big.NewInt(1)) <= 0 || y.Cmp(last) >= 0 {
		return refuse(0x6A80)
	}
	c.ifdValue = bytes.Clone(value)
	return done()
}

// agree answers with the card's public value; secure messaging starts after it.
func (c *Card) agree() reply {
	if c.ifdValue == nil {
		return refuse(0x6985)
	}
	g, p := new(big.Int).SetBytes(groupG), new(big.Int).SetBytes(groupP)
	x := c.newPrivate()
	y := new(big.Int).Exp(g, x, p).FillBytes(make([]byte, len(groupP)))
	for c.profile.Behaviour.LeadingZero && y[0] != 0 {
		x = c.newPrivate()
		y = new(big.Int).Exp(g, x, p).FillBytes(make([]byte, len(groupP)))
	}
	z := new(big.Int).Exp(new(big.Int).SetBytes(c.ifdValue), x, p).FillBytes(make([]byte, len(groupP)))
	c.heavy()
	c.heavy()
	sm := newChannel(derive(z, 1), derive(z, 2))
	sm.ssc[7] = 1
	y = c.spoil(y)
	ifd := c.ifdValue
	c.endSession()
	c.sm, c.ifdValue, c.iccValue = sm, ifd, y
	return answer(der(0xA6, der(0x91, y)))
}

// spoil replaces the public value if a switch says so.
func (c *Card) spoil(y []byte) []byte {
	p := new(big.Int).SetBytes(groupP)
	fixed := func(v *big.Int) []byte { return v.FillBytes(make([]byte, len(groupP))) }
	switch c.profile.Behaviour.WeakGroup {
	case "y-zero":
		return make([]byte, len(y))
	case "y-one":
		return fixed(big.NewInt(1))
	case "y-last":
		return fixed(p.Sub(p, big.NewInt(1)))
	case "y-large":
		return fixed(p.Add(p, big.NewInt(2)))
	case "y-outside":
		return fixed(p.Sub(p, new(big.Int).SetBytes(y))) // −y has an order that q does not divide
	}
	return y
}

// setVerification chooses the key that verifies the terminal's certificate.
func (c *Card) setVerification(algo, ref []byte) reply {
	switch {
	case c.sm == nil || c.iccValue == nil:
		return refuse(0x6985)
	case !bytes.Equal(ref, []byte{0x84}): // also a terminal's reference, which belongs to A4
		return refuse(0x6A88)
	case algo != nil && !bytes.Equal(algo, []byte{0x41}):
		return refuse(0x6A80)
	}
	c.dst = true
	return done()
}

// verifyCertificate is PSO VERIFY CERTIFICATE.
func (c *Card) verifyCertificate(cmd apdu.Command) reply {
	if cmd.P1 != 0x00 || cmd.P2 != 0xAE {
		return refuse(0x6A86)
	}
	if c.sm == nil || !c.dst {
		return refuse(0x6985)
	}
	inner, err := tlv.Find(cmd.Data, 0x7F21)
	objects, err2 := tlv.Parse(inner)
	if err != nil || err2 != nil {
		return refuse(0x6A80)
	}
	signature, rest, car := object(objects, 0x5F37), object(objects, 0x5F38), object(objects, 0x42)
	ca := terminalAuthority()
	if len(signature) != ca.size() || len(rest) == 0 || !bytes.Equal(car, authorityCHR[4:]) {
		return refuse(0x6A80)
	}
	c.heavy()
	m := ca.public(signature)
	k := ca.size()
	if m[0] != 0x6A || m[k-1] != 0xBC {
		return refuse(0x6982)
	}
	body := append(bytes.Clone(m[1:k-33]), rest...)
	if digest := sha256.Sum256(body); !bytes.Equal(digest[:], m[k-33:k-1]) {
		return refuse(0x6982)
	}
	return c.takeCertificate(body)
}

// takeCertificate reads CPI(1) CAR(8) CHR(12) CHA(7) OID(9) n(256) e(4).
func (c *Card) takeCertificate(body []byte) reply {
	if len(body) != 297 || body[0] != 0x8A || !bytes.Equal(body[1:9], authorityCHR[4:]) ||
		!bytes.Equal(body[21:27], authorityCHA[:6]) || body[27] != 0x01 || !bytes.Equal(body[28:37], unhex("2A8122F42A02040104")) {
		return refuse(0x6A80)
	}
	c.chr = bytes.Clone(body[9:21])
	c.terminal = &key{n: new(big.Int).SetBytes(body[37:293]), e: new(big.Int).SetBytes(body[293:297])}
	return done()
}

// setExternal chooses the terminal's key for EXTERNAL AUTHENTICATE.
func (c *Card) setExternal(chr []byte) reply {
	if c.sm == nil || c.terminal == nil || !bytes.Equal(chr, c.chr) {
		return refuse(0x6A88)
	}
	c.external = true
	return done()
}

func (c *Card) getChallenge(cmd apdu.Command) reply {
	n := cmd.Ne
	if n == 0 || n == 256 {
		n = 8
	}
	if c.profile.Behaviour.ShortChallenge {
		n = 4
	}
	c.rndICC, c.fresh = c.draw(n), true
	return answer(c.rndICC)
}

// bound is the digest that device authentication signs: one side's nonce, public
// value and serial number, the other's challenge and public value, the group.
func (c *Card) bound(nonce, own, serial, challenge, other []byte) []byte {
	gr := c.group()
	digest := sha256.Sum256(bytes.Join([][]byte{nonce, own, serial, challenge, other, gr.g, gr.p, gr.q}, nil))
	return digest[:]
}

// externalAuthenticate checks the terminal's proof, SN.IFD ‖ signature.
func (c *Card) externalAuthenticate(cmd apdu.Command) reply {
	switch {
	case c.sm == nil || !c.external || !c.fresh || len(c.rndICC) != 8:
		return refuse(0x6985)
	case len(cmd.Data) != 8+c.terminal.size():
		return refuse(0x6700)
	}
	c.fresh = false
	c.heavy()
	serial, m := cmd.Data[:8], c.terminal.public(cmd.Data[8:])
	k := len(m)
	digest := c.bound(m[1:k-33], c.ifdValue, serial, c.rndICC, c.iccValue)
	if m[0] != 0x6A || m[k-1] != 0xBC || !bytes.Equal(digest, m[k-33:k-1]) || !bytes.Equal(serial, c.chr[4:]) ||
		c.profile.Behaviour.RefuseTerminal {
		return refuse(0x6300)
	}
	c.extOK = true
	return done()
}

// Private keys of the card.
const (
	keyHolder   = 0x81
	keyDevice   = 0x82
	keyServices = 0x83
)

// setInternal chooses a private key.
func (c *Card) setInternal(algo, ref []byte) reply {
	if len(ref) != 1 || len(algo) != 1 {
		return refuse(0x6A80)
	}
	switch {
	case ref[0] == keyServices && algo[0] == 0x02,
		ref[0] == keyDevice && algo[0] == 0x9B && c.extOK,
		ref[0] == keyHolder && algo[0] == 0x02 && c.extOK:
		c.private, c.algo = ref[0], algo[0]
		return done()
	}
	return refuse(0x6A88)
}

// internalAuthenticate uses the chosen private key.
func (c *Card) internalAuthenticate(cmd apdu.Command) reply {
	switch c.private {
	case keyDevice:
		return c.proveDevice(cmd.Data)
	case keyHolder:
		return c.signHolder(cmd.Data)
	case keyServices:
		return c.signServices(cmd.Data)
	}
	return refuse(0x6985)
}

// proveDevice is the chip's half of device authentication: SN.ICC ‖ signature,
// and a new counter after it.
func (c *Card) proveDevice(challenge []byte) reply {
	switch {
	case !c.extOK || len(c.rndICC) != 8:
		return refuse(0x6985)
	case len(challenge) != 8:
		return refuse(0x6700)
	}
	k := c.identity.keys.device
	if c.profile.Behaviour.FakeDeviceKey {
		k = c.identity.keys.services
	}
	serial, nonce := c.identity.pan[4:12], c.draw(k.size()-34)
	m := append([]byte{0x6A}, nonce...)
	m = append(m, c.bound(nonce, c.iccValue, serial, challenge, c.ifdValue)...)
	c.heavy()
	signature := k.private(append(m, 0xBC))
	c.intOK = true
	c.newSSC = append(bytes.Clone(c.rndICC[4:8]), challenge[4:8]...)
	return answer(append(bytes.Clone(serial), signature...))
}

// maxInput is the most that a key signs at once, 40 % of its modulus.
const maxInput = 102

func (c *Card) signHolder(data []byte) reply {
	switch {
	case !c.extOK || !c.pinOK || c.sm == nil:
		return refuse(0x6982)
	case len(data) == 0 || len(data) > maxInput:
		return refuse(0x6A80)
	}
	if c.profile.Behaviour.OneSignature {
		c.pinOK = false
	}
	c.heavy()
	c.stats.Signatures++
	return answer(c.identity.keys.holder.private(type1(c.identity.keys.holder.size(), data)))
}

func (c *Card) signServices(data []byte) reply {
	b := c.profile.Behaviour
	switch {
	case len(data) == 0 || len(data) > maxInput || b.ShortServices && len(data) > 16:
		return refuse(0x6A80)
	case b.PlainServices && c.sm != nil:
		return refuse(0x6982)
	}
	c.heavy()
	k := c.identity.keys.services
	m := type1(k.size(), data)
	if b.RandomServices {
		copy(m[len(m)-len(data):], c.draw(len(data)))
	}
	return answer(k.private(m))
}
