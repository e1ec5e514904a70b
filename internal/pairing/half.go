package pairing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	gokeyring "github.com/zalando/go-keyring"

	"github.com/softwarecie/cie/applet"
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
func (s *Store) Seal(r *Record, signature []byte, half []byte) error {
	if len(half) != HalfLength {
		return errors.New("a half has four digits")
	}
	share, err := s.share(r.PAN, true)
	if err != nil {
		return err
	}
	aead, err := halfSealer(*r, signature, share)
	if err != nil {
		return err
	}
	r.Half = aead.Seal(nil, nil, half, r.PAN[:])
	r.InKeyring, r.Suspect = share != nil, false
	return nil
}

// Unseal returns the first half of the PIN. ErrStale if there is none or the
// signature is not that of the card; ErrKeyring if the keyring keeps its share.
// Neither says anything about a PIN, and neither costs a try.
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
	copy(material.Bytes()[copy(material.Bytes(), signature):], share)
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

// A keyring keeps small secrets for the user; the system's answers in its own
// time, or never.
type keyring interface {
	Get(service, user string) (string, error)
	Set(service, user, password string) error
	Delete(service, user string) error
}

// service is the name under which the keyring knows us.
const service = "cie"

// systemKeyring is the keyring of the desktop.
type systemKeyring struct{}

func (systemKeyring) Get(service, user string) (string, error) { return gokeyring.Get(service, user) }

func (systemKeyring) Set(service, user, password string) error {
	return gokeyring.Set(service, user, password)
}
func (systemKeyring) Delete(service, user string) error { return gokeyring.Delete(service, user) }

// WithKeyring keeps half of each sealing key in the system's keyring, which is
// given that long to answer.
func WithKeyring(patience time.Duration) Option {
	return withKeyring(systemKeyring{}, patience)
}

func withKeyring(k keyring, patience time.Duration) Option {
	return func(s *Store) { s.keyring = patient{k, patience} }
}

// share is this card's part of the sealing key in the keyring, nil when the
// store uses none. It is made if asked to and missing.
func (s *Store) share(pan applet.PAN, create bool) ([]byte, error) {
	if s.keyring == nil {
		return nil, nil
	}
	name, err := s.keyringName(pan)
	if err != nil {
		return nil, err
	}
	text, err := s.keyring.Get(service, name)
	if errors.Is(err, gokeyring.ErrNotFound) && create {
		share := make([]byte, keySize)
		if _, err := rand.Read(share); err != nil {
			return nil, err
		}
		text = fmt.Sprintf("%x", share)
		err = s.keyring.Set(service, name, text)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyring, err)
	}
	return []byte(text), nil
}

func (s *Store) forgetInKeyring(pan applet.PAN) error {
	name, err := s.keyringName(pan)
	if err != nil {
		return err
	}
	return s.keyring.Delete(service, name)
}

// keyringName is the entry of a card; like the file name it does not tell the
// number.
func (s *Store) keyringName(pan applet.PAN) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", err
	}
	return id(key, pan), nil
}

// patient waits for a keyring no longer than told.
type patient struct {
	keyring
	patience time.Duration
}

func (p patient) Get(service, user string) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := p.keyring.Get(service, user)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-time.After(p.patience):
		return "", ErrKeyring
	}
}

func (p patient) Set(service, user, password string) error {
	return p.wait(func() error { return p.keyring.Set(service, user, password) })
}

func (p patient) Delete(service, user string) error {
	return p.wait(func() error { return p.keyring.Delete(service, user) })
}

func (p patient) wait(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(p.patience):
		return ErrKeyring
	}
}
