package pairing

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	gokeyring "github.com/zalando/go-keyring"

	"github.com/softwarecie/cie/applet"
)

// A keyring keeps small secrets for the user; the system's answers in its own
// time, or never.
type keyring interface {
	Get(service, user string) (string, error)
	Set(service, user, password string) error
	Delete(service, user string) error
	DeleteAll(service string) error
}

// service is the name under which the keyring knows us.
const service = "cie"

// libraryKeyring is the keyring of the desktop, which may put up a window and ask
// for a password.
type libraryKeyring struct{}

func (libraryKeyring) Get(service, user string) (string, error) { return gokeyring.Get(service, user) }

func (libraryKeyring) Set(service, user, password string) error {
	return gokeyring.Set(service, user, password)
}
func (libraryKeyring) Delete(service, user string) error { return gokeyring.Delete(service, user) }
func (libraryKeyring) DeleteAll(service string) error    { return gokeyring.DeleteAll(service) }

// quiet is a keyring that is used only while it needs to ask nobody: no window
// comes up from inside a browser.
type quiet struct {
	keyring
	silent func() error // nil if the keyring would answer without asking
}

func (q quiet) Get(service, user string) (string, error) {
	if err := q.silent(); err != nil {
		return "", err
	}
	return q.keyring.Get(service, user)
}

func (q quiet) Set(service, user, password string) error {
	if err := q.silent(); err != nil {
		return err
	}
	return q.keyring.Set(service, user, password)
}

func (q quiet) Delete(service, user string) error {
	if err := q.silent(); err != nil {
		return err
	}
	return q.keyring.Delete(service, user)
}

func (q quiet) DeleteAll(service string) error {
	if err := q.silent(); err != nil {
		return err
	}
	return q.keyring.DeleteAll(service)
}

// WithKeyring keeps half of each sealing key in the system's keyring, which is
// given that long to answer. A keyring that is locked counts as one that does not
// answer: nobody is asked to unlock it.
func WithKeyring(patience time.Duration) Option {
	return withKeyring(quiet{libraryKeyring{}, keyringSilent}, patience)
}

func withKeyring(k keyring, patience time.Duration) Option {
	return func(s *Store) { s.keyring = patient{k, patience, make(chan struct{}, 1)} }
}

// share is this card's part of the sealing key in the keyring, nil when the
// store uses none. It is made if asked to and missing, else ErrStale.
func (s *Store) share(pan applet.PAN, create bool) ([]byte, error) {
	if s.keyring == nil {
		return nil, nil
	}
	name, err := s.keyringName(pan, create)
	if err != nil {
		return nil, err
	}
	text, err := s.keyring.Get(service, name)
	if err != nil && !errors.Is(err, gokeyring.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", ErrKeyring, err)
	}
	if share, err := hex.DecodeString(text); err == nil && len(share) == keySize {
		return share, nil
	}
	if !create {
		return nil, fmt.Errorf("%w: not in the keyring any more", ErrStale)
	}
	share := make([]byte, keySize)
	if _, err := rand.Read(share); err != nil {
		return nil, err
	}
	if err := s.keyring.Set(service, name, hex.EncodeToString(share)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyring, err)
	}
	return share, nil
}

// keyringName is the entry of a card; like the file name it does not tell the
// number. It stands on the key of the store, which is made if asked to.
func (s *Store) keyringName(pan applet.PAN, create bool) (name string, err error) {
	within := s.locked
	if create {
		within = s.prepared
	}
	err = within(func(key []byte) error {
		name = id(key, pan)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: no store", ErrStale)
	}
	return name, err
}

// patient waits for a keyring no longer than told. While one call is without an
// answer the next ones are not made.
type patient struct {
	keyring
	patience time.Duration
	turn     chan struct{}
}

func (p patient) Get(service, user string) (string, error) {
	answer := make(chan string, 1)
	err := p.wait(func() error {
		text, err := p.keyring.Get(service, user)
		answer <- text
		return err
	})
	if err != nil {
		return "", err
	}
	return <-answer, nil
}

func (p patient) Set(service, user, password string) error {
	return p.wait(func() error { return p.keyring.Set(service, user, password) })
}

func (p patient) Delete(service, user string) error {
	return p.wait(func() error { return p.keyring.Delete(service, user) })
}

func (p patient) DeleteAll(service string) error {
	return p.wait(func() error { return p.keyring.DeleteAll(service) })
}

func (p patient) wait(f func() error) error {
	late := time.NewTimer(p.patience)
	defer late.Stop()
	select {
	case p.turn <- struct{}{}:
	case <-late.C:
		return ErrKeyring
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-p.turn }()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return ErrKeyring
	}
}
