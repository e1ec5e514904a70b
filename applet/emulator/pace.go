package emulator

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha1" //nolint:gosec // the key derivation of ICAO Doc 9303-11 §9.7.1 for 3DES
	"math/big"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// The travel document application is here as far as a client needs it to find
// out that it is there: PACE with the CAN (ICAO Doc 9303-11 §4.4, generic
// mapping, 3DES, RFC 5114 §2.3) and a few small files.

const (
	efCardAccess = 0x011C
	efCOM        = 0x011E
	efDG1        = 0x0101
	efDG11       = 0x010B
	efMRTDSOD    = 0x011D
)

// can is the card access number of every emulated card.
const can = "123456"

var (
	oidPACE    = unhex("04007F00070202040101")
	cardAccess = unhex("31143012060A04007F0007020204010102010202 0102")
	mrtdShort  = map[byte]uint16{0x1C: efCardAccess, 0x1E: efCOM, 0x01: efDG1, 0x0B: efDG11, 0x1D: efMRTDSOD}
)

// mrtdFile is the content of a file of the travel document application.
func (c *Card) mrtdFile(id uint16) ([]byte, bool) {
	switch id {
	case efCardAccess:
		return cardAccess, true
	case efCOM: // LDS 1.7, Unicode 4.0.0, DG1 and DG11 (ICAO Doc 9303-10 §4.6.1)
		return der(0x60, bytes.Join([][]byte{
			der(0x5F01, []byte("0107")), der(0x5F36, []byte("040000")), der(0x5C, []byte{0x61, 0x6B}),
		}, nil)), true
	case efDG1:
		mrz := "C<ITA" + c.identity.person.Document + "<0<<<<<<<<<<<<<<<" + "8501010X4001019ITA<<<<<<<<<<<0" +
			(c.identity.person.Surname + "<<" + c.identity.person.Name + "<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<")[:30]
		return der(0x61, der(0x5F1F, []byte(mrz))), true
	case efDG11:
		name := c.identity.person.Surname + "<<" + c.identity.person.Name
		return der(0x6B, append(der(0x5C, []byte{0x5F, 0x0E}), der(0x5F0E, []byte(name))...)), true
	case efMRTDSOD: // well formed, signed by nobody
		return der(0x77, seq(oid(oidSignedData))), true
	}
	return nil, false
}

// pace is one run of PACE.
type pace struct {
	nonce  []byte   // s
	g      *big.Int // mapped generator
	y      []byte   // its public value
	theirs []byte   // the terminal's
	k      []byte   // shared secret
}

// setPACE is MSE SET AT for PACE with the CAN.
func (c *Card) setPACE(oid, ref []byte) reply {
	if c.df == dfCIE || !bytes.Equal(oid, oidPACE) || !bytes.Equal(ref, []byte{0x02}) {
		return refuse(0x6A80)
	}
	c.endSession()
	c.pace = &pace{}
	return done()
}

// generalAuthenticate runs the four steps of PACE. Public values of 256 bytes
// need extended length, which every card has here.
func (c *Card) generalAuthenticate(cmd apdu.Command) reply {
	template, err := tlv.Find(cmd.Data, 0x7C)
	objects, err2 := tlv.Parse(template)
	if c.pace == nil || err != nil || err2 != nil {
		return refuse(0x6985)
	}
	p := c.pace
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return refuse(0x6A86)
	}
	switch {
	case len(objects) == 0 && p.nonce == nil:
		return answer(der(0x7C, der(0x80, c.paceNonce())))
	case object(objects, 0x81) != nil && p.nonce != nil && p.g == nil:
		return c.paceMap(object(objects, 0x81))
	case object(objects, 0x83) != nil && p.g != nil && p.k == nil:
		return c.paceAgree(object(objects, 0x83))
	case object(objects, 0x85) != nil && p.k != nil:
		return c.paceConfirm(object(objects, 0x85))
	}
	return refuse(0x6985)
}

// paceKey is KDF(k, counter) of ICAO Doc 9303-11 §9.7.1.
func paceKey(k []byte, counter byte) []byte {
	sum := sha1.Sum(append(bytes.Clone(k), 0, 0, 0, counter)) //nolint:gosec // as the standard has it
	return sum[:16]
}

func (c *Card) paceNonce() []byte {
	c.pace.nonce = c.draw(16)
	k := paceKey([]byte(can), 3)
	block, err := des.NewTripleDESCipher(append(bytes.Clone(k), k[:8]...))
	if err != nil {
		panic(err)
	}
	z := make([]byte, 16)
	cipher.NewCBCEncrypter(block, make([]byte, 8)).CryptBlocks(z, c.pace.nonce)
	return z
}

func (c *Card) paceMap(theirs []byte) reply {
	if !between(theirs, groupP) {
		return refuse(0x6A80)
	}
	c.heavy()
	c.heavy()
	p, g := new(big.Int).SetBytes(groupP), new(big.Int).SetBytes(groupG)
	x := c.newPrivate(new(big.Int).SetBytes(groupQ))
	h := new(big.Int).Exp(new(big.Int).SetBytes(theirs), x, p)
	mapped := new(big.Int).Exp(g, new(big.Int).SetBytes(c.pace.nonce), p)
	c.pace.g = mapped.Mul(mapped, h).Mod(mapped, p)
	ours := new(big.Int).Exp(g, x, p).FillBytes(make([]byte, len(groupP)))
	return answer(der(0x7C, der(0x82, ours)))
}

func (c *Card) paceAgree(theirs []byte) reply {
	if !between(theirs, groupP) {
		return refuse(0x6A80)
	}
	c.heavy()
	c.heavy()
	p := new(big.Int).SetBytes(groupP)
	x := c.newPrivate(new(big.Int).SetBytes(groupQ))
	c.pace.y = new(big.Int).Exp(c.pace.g, x, p).FillBytes(make([]byte, len(groupP)))
	c.pace.theirs = bytes.Clone(theirs)
	c.pace.k = new(big.Int).Exp(new(big.Int).SetBytes(theirs), x, p).FillBytes(make([]byte, len(groupP)))
	return answer(der(0x7C, der(0x84, c.pace.y)))
}

// paceConfirm checks the terminal's token over our value and gives ours over its.
func (c *Card) paceConfirm(token []byte) reply {
	sm := newChannel(paceKey(c.pace.k, 1), paceKey(c.pace.k, 2))
	over := func(value []byte) []byte {
		return sm.retailMAC(der(0x7F49, append(der(0x06, oidPACE), der(0x84, value)...)))
	}
	want, ours := over(c.pace.y), over(c.pace.theirs)
	c.endSession()
	if !bytes.Equal(token, want) {
		return refuse(0x6300)
	}
	c.sm, c.travel = sm, true
	return answer(der(0x7C, der(0x86, ours)))
}
