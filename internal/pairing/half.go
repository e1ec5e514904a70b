package pairing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"github.com/softwarecie/cie/internal/secret"
)

// HalfLength is the number of digits of the PIN that are kept.
const HalfLength = 4

// NewSalt draws the value whose signature by the card makes the sealing key.
func NewSalt() ([]byte, error) {
	salt := make([]byte, 32)
	_, err := rand.Read(salt)
	return salt, err
}

// Seal puts the first half of the PIN into a record, under a key made from the
// card's signature over r.Salt, and from the keyring if the store uses one.
// Signature and half stay the caller's to wipe.
func (s *Store) Seal(r *Record, signature []byte, half []byte) error {
	if len(half) != HalfLength {
		return errors.New("a half has four digits")
	}
	if len(signature) == 0 || len(r.Salt) == 0 {
		return errors.New("no key without a signature over a salt")
	}
	share, err := s.share(r.PAN, true)
	if err != nil {
		return err
	}
	defer clear(share)
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	err = withHalfKey(*r, signature, share, func(aead cipher.AEAD) error {
		r.Half = aead.Seal(nonce, nonce, half, r.PAN[:])
		return nil
	})
	if err != nil {
		return err
	}
	r.InKeyring, r.Suspect = share != nil, false
	return nil
}

// Unseal returns the first half of the PIN. ErrStale if there is none, the
// signature is not that of the card, or the keyring has lost its share;
// ErrKeyring if the keyring does not answer. None of them says anything about a
// PIN, and none costs a try.
func (s *Store) Unseal(r Record, signature []byte) (*secret.Buffer, error) {
	if len(r.Half) <= nonceSize {
		return nil, ErrStale
	}
	var share []byte
	if r.InKeyring {
		var err error
		if share, err = s.share(r.PAN, false); err != nil {
			return nil, err
		}
		if share == nil {
			return nil, ErrKeyring
		}
		defer clear(share)
	}
	half := secret.New(HalfLength)
	err := withHalfKey(r, signature, share, func(aead cipher.AEAD) error {
		opened, err := aead.Open(half.Bytes()[:0], r.Half[:nonceSize], r.Half[nonceSize:], r.PAN[:])
		if err != nil || len(opened) != HalfLength {
			return ErrStale
		}
		return nil
	})
	if err != nil {
		half.Wipe()
		return nil, err
	}
	return half, nil
}

// nonceSize is that of AES-GCM (NIST SP 800-38D §5.2.1.1: 96 bits recommended).
const nonceSize = 12

// withHalfKey calls f with AES-256-GCM under HKDF-SHA-256(signature ‖ share,
// salt) and leaves no copy of that key behind.
func withHalfKey(r Record, signature, share []byte, f func(cipher.AEAD) error) (err error) {
	secret.Do(func() { err = halfKey(r, signature, share, f) })
	return err
}

func halfKey(r Record, signature, share []byte, f func(cipher.AEAD) error) error {
	material := secret.New(max(len(signature)+len(share), 1))
	defer material.Wipe()
	n := secret.Copy(material.Bytes(), signature)
	material.Truncate(n + secret.Copy(material.Bytes()[n:], share))
	key := derive(material, r.Salt, "first half of the PIN 1 "+r.PAN.String())
	defer key.Wipe()
	b, err := aes.NewCipher(key.Bytes())
	if err != nil {
		return err
	}
	defer secret.Forget(b)
	aead, err := cipher.NewGCM(b)
	if err != nil {
		return err
	}
	defer secret.Forget(aead)
	return f(aead)
}

// derive is HKDF-SHA-256 (RFC 5869 §2) with one block of output. crypto/hkdf and
// crypto/hmac leave keys on the heap.
func derive(material *secret.Buffer, salt []byte, info string) *secret.Buffer {
	extracted := mac(salt, material.Bytes())
	defer extracted.Wipe()
	return mac(extracted.Bytes(), append([]byte(info), 1))
}

// mac is HMAC-SHA-256 (RFC 2104 §2) with a key of at most a block, 64 bytes.
func mac(key, text []byte) *secret.Buffer {
	work := secret.New(sha256.BlockSize + max(len(text), sha256.Size))
	defer work.Wipe()
	hash := func(pad byte, text []byte) [sha256.Size]byte {
		block := work.Bytes()[:sha256.BlockSize]
		clear(block)
		copy(block, key)
		for i := range block {
			block[i] ^= pad
		}
		return sha256.Sum256(work.Bytes()[:sha256.BlockSize+copy(work.Bytes()[sha256.BlockSize:], text)])
	}
	inner := hash(0x36, text)
	outer := hash(0x5C, inner[:])
	clear(inner[:])
	return secret.Take(outer[:])
}
