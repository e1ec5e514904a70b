package emulator

import (
	_ "embed"
	"fmt"
	"io"
	"math/big"
	"strings"
	"sync"
)

// A Key is an RSA key for tests. The arithmetic is not constant-time, and the
// keys are published here: they protect nothing.
type Key struct {
	N, E, D *big.Int
	p, q    *big.Int
}

var (
	one = big.NewInt(1)
	f4  = big.NewInt(65537)
)

// NewKey makes a Key from modulus, public and private exponent.
func NewKey(n, e, d *big.Int) (*Key, error) {
	if n == nil || e == nil || d == nil || n.BitLen() < 512 || n.Bit(0) == 0 {
		return nil, fmt.Errorf("not an RSA key")
	}
	p := factor(n, e, d)
	if p == nil {
		return nil, fmt.Errorf("RSA exponents do not belong together")
	}
	return &Key{N: n, E: e, D: d, p: p, q: new(big.Int).Div(n, p)}, nil
}

// keyOfPrimes makes the key of two primes and one of its exponents; the other
// exponent is the inverse.
func keyOfPrimes(p, q, exponent *big.Int) (k *Key, inverse *big.Int) {
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	gcd := new(big.Int).GCD(nil, nil, p1, q1)
	lcm := new(big.Int).Mul(p1, q1)
	lcm.Div(lcm, gcd)
	inverse = new(big.Int).ModInverse(exponent, lcm)
	return &Key{N: new(big.Int).Mul(p, q), p: p, q: q}, inverse
}

// keyWithPublic makes the key of two primes with public exponent e.
func keyWithPublic(p, q, e *big.Int) *Key {
	k, d := keyOfPrimes(p, q, e)
	k.E, k.D = e, d
	return k
}

// keyWithPrivate makes the key of two primes with private exponent d: the
// terminals' authority, whose private exponent every terminal knows.
func keyWithPrivate(p, q, d *big.Int) *Key {
	k, e := keyOfPrimes(p, q, d)
	k.E, k.D = e, d
	return k
}

// size is the length of the modulus in bytes.
func (k *Key) size() int { return (k.N.BitLen() + 7) / 8 }

// private and public apply the exponents to m and return k.size() bytes.
func (k *Key) private(m []byte) []byte { return k.power(m, k.D) }
func (k *Key) public(m []byte) []byte  { return k.power(m, k.E) }

func (k *Key) power(m []byte, exponent *big.Int) []byte {
	x := new(big.Int).SetBytes(m)
	x.Mod(x, k.N)
	if exponent.BitLen() > 64 && k.p != nil {
		x = k.powerByPrimes(x, exponent)
	} else {
		x.Exp(x, exponent, k.N)
	}
	return x.FillBytes(make([]byte, k.size()))
}

// powerByPrimes is x^e mod n by the Chinese remainder theorem, four times
// faster than directly.
func (k *Key) powerByPrimes(x, e *big.Int) *big.Int {
	part := func(prime *big.Int) *big.Int {
		reduced := new(big.Int).Mod(e, new(big.Int).Sub(prime, one))
		return reduced.Exp(new(big.Int).Mod(x, prime), reduced, prime)
	}
	mp, mq := part(k.p), part(k.q)
	h := new(big.Int).Sub(mp, mq)
	h.Mul(h, new(big.Int).ModInverse(k.q, k.p))
	h.Mod(h, k.p)
	return h.Mul(h, k.q).Add(h, mq)
}

// factor finds a prime factor of n from a pair of exponents: e·d−1 is a multiple
// of the order of every base, so a square root of 1 other than ±1 turns up
// (NIST SP 800-56B Rev. 2, appendix C). Nil when they are no pair.
func factor(n, e, d *big.Int) *big.Int {
	k := new(big.Int).Mul(e, d)
	k.Sub(k, one)
	if k.Sign() <= 0 || k.Bit(0) == 1 {
		return nil
	}
	t := k.TrailingZeroBits()
	k.Rsh(k, t)
	minus := new(big.Int).Sub(n, one)
	for base := int64(2); base < 100; base++ {
		x := new(big.Int).Exp(big.NewInt(base), k, n)
		for range t {
			y := new(big.Int).Exp(x, big.NewInt(2), n)
			if y.Cmp(one) == 0 && x.Cmp(one) != 0 && x.Cmp(minus) != 0 {
				return new(big.Int).GCD(nil, nil, x.Sub(x, one), n)
			}
			x = y
		}
		if x.Cmp(one) != 0 {
			return nil
		}
	}
	return nil
}

// prime returns the first prime from r's next number on, of exactly bits bits,
// the two highest set, that divides exponent·x+1 for some x, so that exponent
// has an inverse.
func prime(r io.Reader, bits int, exponent *big.Int) *big.Int {
	for {
		start := new(big.Int).SetBytes(take(r, bits/8))
		start.SetBit(start, bits-1, 1).SetBit(start, bits-2, 1).SetBit(start, 0, 1)
		if p := firstPrime(start, exponent); p != nil {
			return p
		}
	}
}

// sieveSpan is how far from its start firstPrime looks: a prime of 1024 bits
// comes every 710 numbers.
const sieveSpan = 1 << 15

func firstPrime(start, exponent *big.Int) *big.Int {
	composite := sieve(start)
	candidate, gcd := new(big.Int), new(big.Int)
	for i := 0; i < sieveSpan; i += 2 {
		if composite[i] {
			continue
		}
		candidate.Add(start, big.NewInt(int64(i)))
		if !candidate.ProbablyPrime(0) {
			continue
		}
		if gcd.GCD(nil, nil, new(big.Int).Sub(candidate, one), exponent).Cmp(one) == 0 {
			return candidate
		}
	}
	return nil
}

// sieve marks the i for which start+i has a prime factor below 2^14.
func sieve(start *big.Int) []bool {
	composite := make([]bool, sieveSpan)
	small := make([]bool, 1<<14)
	rest := new(big.Int)
	for p := int64(3); p < int64(len(small)); p += 2 {
		if small[p] {
			continue
		}
		for m := p * p; m < int64(len(small)); m += 2 * p {
			small[m] = true
		}
		first := p - rest.Mod(start, big.NewInt(p)).Int64()
		for i := first % p; i < sieveSpan; i += p {
			composite[i] = true
		}
	}
	return composite
}

// Names of the keys of a card and of the authorities behind all cards, in
// keys.txt and in the labels of the streams they are made from.
const (
	keyDevice    = "device"    // EF 1004, key 82
	keyCitizen   = "citizen"   // EF 1003, key 81
	keyServices  = "services"  // EF 1005, key 83
	keyAuthority = "authority" // key 84

	keyRoot   = "root"   // national root of the card's certificates
	keySubCA  = "subca"  // issuing authority
	keyCSCA   = "csca"   // country signing authority
	keySigner = "signer" // document signer
	keyOther  = "other"  // belongs to nobody: for the faults
)

// embedded are the primes of the authorities and of the cards with the seeds 0
// to 15, so that those start at once: "seed/name p q" a line, hexadecimal, seed
// "ca" for the authorities. Made by the generator below; a test compares.
//
//go:embed keys.txt
var embedded string

// primePair is two primes and is never changed.
type primePair struct{ p, q *big.Int }

// embeddedPrimes reads keys.txt once.
var embeddedPrimes = sync.OnceValue(func() map[string]primePair {
	pairs := make(map[string]primePair)
	for line := range strings.Lines(embedded) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		p, _ := new(big.Int).SetString(fields[1], 16)
		q, _ := new(big.Int).SetString(fields[2], 16)
		if p != nil && q != nil {
			pairs[fields[0]] = primePair{p, q}
		}
	}
	return pairs
})

// generated remembers the primes made in this process: making a card's takes a
// quarter of a second.
var generated sync.Map // "seed/name" → primePair

// primes returns the two primes of a key: embedded, remembered or made.
func primes(seed, name string, bits int, exponent *big.Int) primePair {
	id := seed + "/" + name
	if pair, ok := embeddedPrimes()[id]; ok {
		return pair
	}
	if pair, ok := generated.Load(id); ok {
		return pair.(primePair)
	}
	pair := makePrimes(seed, name, bits, exponent)
	generated.Store(id, pair)
	return pair
}

// makePrimes is the generator: the stream "cie test key <name>" of the seed
// gives the starts of the two searches.
func makePrimes(seed, name string, bits int, exponent *big.Int) primePair {
	r := newStream("cie test key "+name, seed)
	p := prime(r, bits/2, exponent)
	q := prime(r, bits/2, exponent)
	for q.Cmp(p) == 0 {
		q = prime(r, bits/2, exponent)
	}
	return primePair{p, q}
}

// cardKey returns one of the card's own keys, RSA-2048 with e = 65537.
func cardKey(seed, name string) *Key {
	pair := primes(seed, name, 2048, f4)
	return keyWithPublic(pair.p, pair.q, f4)
}

// authorityKey returns a key 84 whose private exponent is the one all terminals
// have (13.4 of the specification).
func authorityKey(seed string) *Key {
	d := terminalAuthorityExponent()
	pair := primes(seed, keyAuthority, 2048, d)
	return keyWithPrivate(pair.p, pair.q, d)
}

// caKey returns a key of an authority behind the cards, the same for all seeds.
func caKey(name string, bits int) *Key {
	pair := primes("ca", name, bits, f4)
	return keyWithPublic(pair.p, pair.q, f4)
}
