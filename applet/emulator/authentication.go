package emulator

import (
	"bytes"
	"crypto/sha256"
	"math/big"
	"strconv"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// A group is Diffie-Hellman parameters as the card sends them.
type group struct{ g, p, q []byte }

// parameters gives the card's group, spoilt if a switch says so.
func (c *Card) parameters() group {
	gr := groupNamed(c.profile.Behaviour.Group)
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
	if c.df == dfMRTD {
		return refuse(0x6A88)
	}
	gr := c.parameters()
	if !bytes.Equal(algo, []byte{0x9B}) || !bytes.Equal(ref, []byte{0x81}) || len(value) > len(gr.p) || !between(value, gr.p) {
		return refuse(0x6A80)
	}
	c.group, c.ifdValue, c.agreed = gr, bytes.Clone(value), false
	return done()
}

// between says whether a public value lies in 2 … p-2.
func between(value, p []byte) bool {
	y, one := new(big.Int).SetBytes(value), big.NewInt(1)
	return y.Cmp(one) > 0 && y.Cmp(new(big.Int).Sub(new(big.Int).SetBytes(p), one)) < 0
}

// agree answers with the card's public value; secure messaging starts after it.
func (c *Card) agree() reply {
	if c.ifdValue == nil || c.agreed {
		return refuse(0x6985)
	}
	y, z := c.exchangeValues()
	c.heavy()
	c.heavy()
	kenc, kmac := derive(z, 1), derive(z, 2)
	c.log("! session keys %X %X", kenc, kmac)
	sm := newChannel(kenc, kmac)
	sm.ssc[7] = 1
	y = c.spoil(y)
	ifd, gr := c.ifdValue, c.group
	c.endSession()
	c.sm, c.ifdValue, c.iccValue, c.group, c.agreed = sm, ifd, y, gr, true
	return answer(der(0xA6, der(0x91, y)))
}

// exchangeValues draws an exponent and gives the public value and the shared
// secret of it, both of the length of p.
func (c *Card) exchangeValues() (y, z []byte) {
	b := c.profile.Behaviour
	g, p, q := new(big.Int).SetBytes(c.group.g), new(big.Int).SetBytes(c.group.p), new(big.Int).SetBytes(c.group.q)
	power := func(base, x *big.Int) []byte {
		return new(big.Int).Exp(base, x, p).FillBytes(make([]byte, len(c.group.p)))
	}
	for range 20000 { // a value with a leading zero comes once in 256 times
		x := c.newPrivate(q)
		y = power(g, x)
		if (b.LeadingZero || b.ShortValue) && y[0] != 0 {
			continue
		}
		z = power(new(big.Int).SetBytes(c.ifdValue), x)
		if !b.LeadingZeroSecret || z[0] == 0 {
			break
		}
	}
	return y, z
}

// spoil replaces the public value if a switch says so.
func (c *Card) spoil(y []byte) []byte {
	p := new(big.Int).SetBytes(c.group.p)
	fixed := func(v *big.Int) []byte { return v.FillBytes(make([]byte, len(y))) }
	if c.profile.Behaviour.ShortValue {
		return new(big.Int).SetBytes(y).Bytes()
	}
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
	case algo == nil && len(ref) == 12 && !c.profile.Behaviour.CHRWithA4Only:
		return c.setExternal(ref) // where the tables of the standard have it
	case !bytes.Equal(ref, []byte{0x84}):
		return refuse(0x6A88)
	case !bytes.Equal(algo, []byte{0x41}):
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
	wrong := status(c.profile.Behaviour.BadCertificate, 0x6982)
	if m[0] != 0x6A || m[k-1] != 0xBC {
		return refuse(wrong)
	}
	body := append(bytes.Clone(m[1:k-33]), rest...)
	if digest := sha256.Sum256(body); !bytes.Equal(digest[:], m[k-33:k-1]) {
		return refuse(wrong)
	}
	return c.takeCertificate(body)
}

// takeCertificate reads CPI(1) CAR(8) CHR(12) CHA(7) OID(9) n(256) e(4).
func (c *Card) takeCertificate(body []byte) reply {
	if len(body) != 297 || body[0] != 0x8A || !bytes.Equal(body[1:9], authorityCHR[4:]) ||
		!bytes.Equal(body[21:27], authorityCHA[:6]) || body[27] != 0x01 || !bytes.Equal(body[28:37], unhex("2A8122F42A02040104")) {
		return refuse(0x6A80)
	}
	n, e := new(big.Int).SetBytes(body[37:293]), new(big.Int).SetBytes(body[293:297])
	if n.BitLen() != 2048 || n.Bit(0) == 0 || e.Bit(0) == 0 { // anyone can certify anything: CA_D is public
		return refuse(0x6A80)
	}
	c.chr, c.terminal, c.external, c.extOK, c.intOK = bytes.Clone(body[9:21]), &key{n: n, e: e}, false, false, false
	return done()
}

// status reads a status word of a switch.
func status(digits string, otherwise apdu.SW) apdu.SW {
	sw, err := strconv.ParseUint(digits, 16, 16)
	if err != nil {
		return otherwise
	}
	return apdu.SW(sw)
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
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return refuse(0x6A86)
	}
	if len(cmd.Data) > 0 || cmd.Ne != 0 && cmd.Ne != 8 && cmd.Ne != 256 {
		return refuse(0x6700)
	}
	n := 8
	if c.profile.Behaviour.ShortChallenge {
		n = 4
	}
	c.rndICC, c.fresh = c.draw(n), true
	return answer(c.rndICC)
}

// bound is the digest that device authentication signs: one side's nonce, public
// value and serial number, the other's challenge and public value, the group.
func (c *Card) bound(nonce, own, serial, challenge, other []byte) []byte {
	gr := c.group
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
		return refuse(status(c.profile.Behaviour.BadExternal, 0x6300))
	}
	c.extOK, c.proved = true, bytes.Clone(c.rndICC)
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
	if c.df != dfCIE { // bit 8 of the reference: local to DF_CIE
		return refuse(0x6A88)
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
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return refuse(0x6A86)
	}
	chosen := c.private
	if c.profile.Behaviour.ForgetKey {
		c.private = 0
	}
	switch chosen {
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
	case c.sm == nil || !c.extOK:
		return refuse(0x6985)
	case len(challenge) != 8:
		return refuse(0x6700)
	}
	k := c.identity.keys.device
	b := c.profile.Behaviour
	switch {
	case b.FakeDeviceKey || c.once == "fake-key":
		k = c.identity.keys.services
	case b.OtherDeviceKey:
		k = caKey("signer")
	}
	serial, nonce := c.identity.pan[4:12], c.draw(k.size()-34)
	if b.ZeroSerial {
		serial = make([]byte, 8)
	}
	m := append([]byte{0x6A}, nonce...)
	m = append(m, c.bound(nonce, c.iccValue, serial, challenge, c.ifdValue)...)
	c.heavy()
	signature := k.private(append(m, 0xBC))
	c.intOK = true
	c.newSSC = append(bytes.Clone(c.proved[4:8]), challenge[4:8]...)
	return answer(append(bytes.Clone(serial), signature...))
}

// maxInput is the most that a key signs at once, 40 % of its modulus.
const maxInput = 102

func (c *Card) tooLong(data []byte) bool {
	most := maxInput
	if n := c.profile.Behaviour.SignMax; n > 0 {
		most = min(n, 256-11) // the padding has 11 bytes at least
	}
	return len(data) > most
}

func (c *Card) signHolder(data []byte) reply {
	switch {
	case !c.extOK || !c.pinOK || c.sm == nil:
		return refuse(0x6982)
	case len(data) == 0:
		return refuse(0x6700)
	case c.tooLong(data):
		return refuse(status(c.profile.Behaviour.SignTooLong, 0x6A80))
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
	case len(data) == 0:
		return refuse(0x6A80)
	case c.tooLong(data):
		return refuse(status(b.SignTooLong, 0x6A80))
	case b.ShortServices && len(data) > 16:
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
