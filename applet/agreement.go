package applet

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/big"

	"filippo.io/bigmod"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
	"github.com/softwarecie/cie/internal/secret"
)

// Bounds on Diffie-Hellman parameters, in bits. The groups that cards use are
// not published, so they are not compared with a list: they are checked.
const (
	minPrime    = 2048
	maxPrime    = 4096
	minSubgroup = 224
	primality   = 20 // rounds of Miller-Rabin, on top of Baillie-PSW, which no composite is known to pass (ADR 7)
)

// A group is a Diffie-Hellman group whose parameters have been checked.
type group struct{ g, p, q *big.Int }

// newGroup checks that p and q are primes of sufficient size, that q divides
// p-1, and that g generates the subgroup of order q (NIST SP 800-56A Rev. 3
// §5.5.2).
func newGroup(params Parameters) (group, error) {
	gr := group{new(big.Int).SetBytes(params.G), new(big.Int).SetBytes(params.P), new(big.Int).SetBytes(params.Q)}
	bits := gr.p.BitLen()
	if bits < minPrime || bits > maxPrime || gr.q.BitLen() < minSubgroup || gr.q.BitLen() >= bits {
		return group{}, fmt.Errorf("%w: size of the parameters", ErrGroup)
	}
	if !wellKnown(params) {
		if !gr.p.ProbablyPrime(primality) || !gr.q.ProbablyPrime(primality) {
			return group{}, fmt.Errorf("%w: not prime", ErrGroup)
		}
		order := new(big.Int).Sub(gr.p, big.NewInt(1))
		if order.Mod(order, gr.q).Sign() != 0 {
			return group{}, fmt.Errorf("%w: order of the subgroup", ErrGroup)
		}
	}
	if !gr.contains(gr.g) {
		return group{}, fmt.Errorf("%w: generator", ErrGroup)
	}
	return gr, nil
}

// digestRFC5114 is SHA-256(p ‖ q) of the 2048-bit group with a 256-bit subgroup
// of RFC 5114 §2.3, which the same chips name in EF.CardAccess. Knowing it saves
// the primality test, nothing else.
var digestRFC5114 = mustHex("0155EE611377D9C1014BF1ADC7A1B6095FD390D96BF20806C00EF331DB16231B")

func wellKnown(params Parameters) bool {
	digest := sha256.Sum256(append(params.P[:len(params.P):len(params.P)], params.Q...))
	return bytes.Equal(digest[:], digestRFC5114)
}

// contains says whether y is in the subgroup and not 1 (NIST SP 800-56A Rev. 3
// §5.6.2.3.1).
func (gr group) contains(y *big.Int) bool {
	one := big.NewInt(1)
	last := new(big.Int).Sub(gr.p, one)
	return y.Cmp(one) > 0 && y.Cmp(last) < 0 && new(big.Int).Exp(y, gr.q, gr.p).Cmp(one) == 0
}

// size is the length in bytes of a value of the group.
func (gr group) size() int { return (gr.p.BitLen() + 7) / 8 }

// exponent draws a private exponent, 1 ≤ x < q.
func (gr group) exponent(random io.Reader) (*secret.Buffer, error) {
	draw := secret.New((gr.q.BitLen() + 7) / 8)
	for {
		if _, err := io.ReadFull(random, draw.Bytes()); err != nil {
			draw.Wipe()
			return nil, fmt.Errorf("random numbers: %w", err)
		}
		draw.Bytes()[0] &= 0xFF >> (-gr.q.BitLen() & 7)
		var fits bool
		secret.Do(func() {
			x := new(big.Int).SetBytes(draw.Bytes())
			fits = x.Sign() > 0 && x.Cmp(gr.q) < 0
			clear(x.Bits())
		})
		if fits {
			return draw, nil
		}
	}
}

// power is y^x mod p at its full length, in constant time. With a p of 2048 bits
// what leads to it is on the stack only, which secret.Do clears.
func (gr group) power(y *big.Int, x *secret.Buffer) (*secret.Buffer, error) {
	p, err := bigmod.NewModulus(gr.p.Bytes())
	if err != nil {
		return nil, err
	}
	base, err := bigmod.NewNat().SetBytes(y.Bytes(), p)
	if err != nil {
		return nil, err
	}
	z := secret.New(gr.size())
	secret.Do(func() {
		result := bigmod.NewNat().Exp(base, x.Bytes(), p)
		digits := result.Bytes(p)
		secret.Copy(z.Bytes(), digits)
		clear(digits)
		clear(result.Bits())
	})
	return z, nil
}

// An agreement is what device authentication signs of a key agreement: the two
// public values, as they were sent.
type agreement struct{ terminal, chip []byte }

// agree makes the session keys and opens the channel.
func (c *Card) agree(random io.Reader, gr group) (agreement, error) {
	x, err := gr.exponent(random)
	if err != nil {
		return agreement{}, err
	}
	defer x.Wipe()
	own, err := gr.power(gr.g, x)
	if err != nil {
		return agreement{}, err
	}
	defer own.Wipe()
	public := bytes.Clone(own.Bytes())
	if err := c.run(mseAgreement(public)); err != nil {
		return agreement{}, err
	}
	answer, err := c.getData([]byte{0x4D, 0x04, 0xA6, 0x02, 0x91, 0x00})
	if err != nil {
		return agreement{}, err
	}
	chip, err := tlv.Find(answer, tagAgreement, tagPublicValue)
	if err != nil {
		return agreement{}, fmt.Errorf("%w: public value of the chip", ErrData)
	}
	y := new(big.Int).SetBytes(chip)
	if len(chip) > gr.size() || !gr.contains(y) {
		return agreement{}, fmt.Errorf("%w: public value of the chip", ErrGroup)
	}
	z, err := gr.power(y, x)
	if err != nil {
		return agreement{}, err
	}
	defer z.Wipe()
	c.channel, err = newChannel(deriveKeys(z), 1)
	return agreement{public, chip}, err
}

// mseAgreement is MSE SET for key agreement with the terminal's public value.
func mseAgreement(public []byte) apdu.Command {
	data := []byte{0x80, 0x01, algorithmDevice, 0x83, 0x01, keyAgreement}
	data = tlv.Append(data, tagPublicValue, public)
	return apdu.Command{INS: insMSE, P1: 0x41, P2: 0xA6, Data: data}
}

// deriveKeys computes Kenc ‖ Kmac from the shared secret: the first 16 bytes of
// SHA-256(Z ‖ 00000001) and of SHA-256(Z ‖ 00000002), Z at its full length.
func deriveKeys(z *secret.Buffer) *secret.Buffer {
	const counter = 4
	keys := secret.New(2 * keyLength)
	text, digest := secret.New(z.Len()+counter), secret.New(sha256.Size)
	defer text.Wipe()
	defer digest.Wipe()
	secret.Do(func() {
		secret.Copy(text.Bytes(), z.Bytes())
		for i := range 2 {
			text.Bytes()[text.Len()-1] = byte(i + 1)
			h := sha256.New()
			h.Write(text.Bytes())
			h.Sum(digest.Bytes()[:0])
			h.Reset()
			secret.Copy(keys.Bytes()[i*keyLength:], digest.Bytes()[:keyLength])
		}
	})
	return keys
}
