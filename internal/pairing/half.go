package pairing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
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
	aead, err := halfSealer(*r, signature, share)
	if err != nil {
		return err
	}
	secret.Do(func() { r.Half = aead.Seal(nil, nil, half, r.PAN[:]) })
	r.InKeyring, r.Suspect = share != nil, false
	return nil
}

// Unseal returns the first half of the PIN. ErrStale if there is none, the
// signature is not that of the card, or the keyring has lost its share;
// ErrKeyring if the keyring does not answer. None of them says anything about a
// PIN, and none costs a try.
func (s *Store) Unseal(r Record, signature []byte) (*secret.Buffer, error) {
	if len(r.Half) == 0 {
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
	aead, err := halfSealer(r, signature, share)
	if err != nil {
		return nil, err
	}
	half := secret.New(HalfLength)
	var open []byte
	secret.Do(func() { open, err = aead.Open(half.Bytes()[:0], nil, r.Half, r.PAN[:]) })
	if err != nil || len(open) != HalfLength {
		half.Wipe()
		return nil, ErrStale
	}
	return half, nil
}

// halfSealer is AES-256-GCM under HKDF-SHA-256(signature ‖ share, salt).
func halfSealer(r Record, signature, share []byte) (cipher.AEAD, error) {
	material := secret.New(len(signature) + len(share) + 1)
	defer material.Wipe()
	n := copy(material.Bytes(), signature)
	material.Truncate(n + copy(material.Bytes()[n:], share))
	key, err := hkdf.Key(sha256.New, material.Bytes(), r.Salt, "first half of the PIN 1 "+r.PAN.String(), keySize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(b)
}
