package emulator

import (
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"sync"
)

// caKeys are the keys of the emulated authorities, the same for every card, so
// that one folder of certificates serves all of them. They are public: nothing
// may ever trust them outside tests.
//
//go:embed keys/*.pem
var caKeys embed.FS

// A key is an RSA key of the emulated world.
type key struct {
	n, e, d *big.Int
	p, q    *big.Int // for the Chinese remainder theorem; nil: unknown
}

// size is the length of the modulus in bytes.
func (k key) size() int { return (k.n.BitLen() + 7) / 8 }

// private raises m to the private exponent, at the length of the modulus.
func (k key) private(m []byte) []byte {
	x, out := new(big.Int).SetBytes(m), make([]byte, k.size())
	if k.p == nil {
		return x.Exp(x, k.d, k.n).FillBytes(out)
	}
	one := big.NewInt(1)
	dp := new(big.Int).Mod(k.d, new(big.Int).Sub(k.p, one))
	dq := new(big.Int).Mod(k.d, new(big.Int).Sub(k.q, one))
	mp, mq := new(big.Int).Exp(x, dp, k.p), new(big.Int).Exp(x, dq, k.q)
	h := mp.Sub(mp, mq)
	h.Mul(h, new(big.Int).ModInverse(k.q, k.p)).Mod(h, k.p)
	return h.Mul(h, k.q).Add(h, mq).FillBytes(out)
}

// public raises m to the public exponent.
func (k key) public(m []byte) []byte {
	x := new(big.Int).SetBytes(m)
	return x.Exp(x, k.e, k.n).FillBytes(make([]byte, k.size()))
}

// factor finds the primes from a private exponent, so that vectors that give
// none run as fast as others.
func (k key) factor() key {
	one, two := big.NewInt(1), big.NewInt(2)
	r := new(big.Int).Mul(k.e, k.d)
	r.Sub(r, one)
	t := 0
	for r.Bit(0) == 0 {
		r.Rsh(r, 1)
		t++
	}
	last := new(big.Int).Sub(k.n, one)
	for g := int64(2); g < 100; g++ {
		y := new(big.Int).Exp(big.NewInt(g), r, k.n)
		for range t {
			x := new(big.Int).Exp(y, two, k.n)
			if x.Cmp(one) == 0 && y.Cmp(one) != 0 && y.Cmp(last) != 0 {
				k.p = new(big.Int).GCD(nil, nil, y.Sub(y, one), k.n)
				k.q = new(big.Int).Div(k.n, k.p)
				return k
			}
			y = x
		}
	}
	return k
}

// A stream is a deterministic stream of bytes: SHA-256(seed ‖ counter), for
// tests only.
type stream struct {
	seed    []byte
	counter uint64
	rest    []byte
}

func newStream(label, seed string) *stream { return &stream{seed: []byte(label + "\x00" + seed)} }

func (s *stream) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(s.rest) == 0 {
			s.counter++
			digest := sha256.Sum256(binary.BigEndian.AppendUint64(s.seed[:len(s.seed):len(s.seed)], s.counter))
			s.rest = digest[:]
		}
		m := copy(p[n:], s.rest)
		s.rest, n = s.rest[m:], n+m
	}
	return n, nil
}

// digits draws n decimal digits.
func (s *stream) digits(n int) []byte {
	out := make([]byte, n)
	_, _ = io.ReadFull(s, out)
	for i := range out {
		out[i] = '0' + out[i]%10
	}
	return out
}

// prime searches a prime of that many bits, its two top bits set, from the
// stream on.
func (s *stream) prime(bits int) *big.Int {
	buffer := make([]byte, bits/8)
	_, _ = io.ReadFull(s, buffer)
	buffer[0] |= 0xC0
	buffer[len(buffer)-1] |= 1
	return nextPrime(new(big.Int).SetBytes(buffer))
}

// nextPrime is the first prime from an odd number of many bits on.
func nextPrime(start *big.Int) *big.Int {
	const span = 1 << 15 // a prime of 1024 bits comes every 710 numbers
	for ; ; start = new(big.Int).Add(start, big.NewInt(span)) {
		composite := sieve(start, span)
		for i := 0; i < span; i += 2 {
			if composite[i] {
				continue
			}
			if p := new(big.Int).Add(start, big.NewInt(int64(i))); p.ProbablyPrime(10) {
				return p
			}
		}
	}
}

// sieve marks the i below span for which start+i has a factor below 2^14: most
// of the numbers need no other test.
func sieve(start *big.Int, span int64) []bool {
	composite, small := make([]bool, span), make([]bool, 1<<14)
	for f := int64(3); f < int64(len(small)); f += 2 {
		if small[f] {
			continue
		}
		for m := f * f; m < int64(len(small)); m += 2 * f {
			small[m] = true
		}
		rest := new(big.Int).Mod(start, big.NewInt(f)).Int64()
		for i := (f - rest) % f; i < span; i += f {
			composite[i] = true
		}
	}
	return composite
}

// rsaKey makes an RSA key, e = 65537. crypto/rsa makes none from a given stream.
func (s *stream) rsaKey(bits int) key {
	e, one := big.NewInt(65537), big.NewInt(1)
	for {
		p, q := s.prime(bits/2), s.prime(bits/2)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		if d := new(big.Int).ModInverse(e, phi); d != nil && p.Cmp(q) != 0 {
			return key{n: new(big.Int).Mul(p, q), e: e, d: d, p: p, q: q}
		}
	}
}

// cardKeys are the three key pairs of one card.
type cardKeys struct{ holder, device, services key }

// keysBySeed remembers the keys of seeds seen in this process: making them takes
// most of a second.
type keysBySeed struct {
	mu   sync.Mutex
	keys map[string]cardKeys
}

var madeKeys = keysBySeed{keys: map[string]cardKeys{}}

// of returns the keys of a seed. The seed "" has those of the published vectors.
func (m *keysBySeed) of(seed string) cardKeys {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.keys[seed]
	if !ok {
		k = makeKeys(seed)
		m.keys[seed] = k
	}
	return k
}

func makeKeys(seed string) cardKeys {
	if seed == "" {
		return vectorKeys()
	}
	s := newStream("keys", seed)
	return cardKeys{s.rsaKey(2048), s.rsaKey(2048), s.rsaKey(2048)}
}

// caKey loads one of the embedded keys.
func caKey(name string) key {
	file, err := caKeys.ReadFile("keys/" + name + ".pem")
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(file)
	k, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key{n: k.N, e: big.NewInt(int64(k.E)), d: k.D, p: k.Primes[0], q: k.Primes[1]}
}
