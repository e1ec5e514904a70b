package pairing

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/softwarecie/cie/applet"
)

// A Kind says what something that is kept is for.
type Kind string

// The kinds of what a store keeps.
const (
	KindKey     Kind = "key"     // that seals the other files
	KindLock    Kind = "lock"    // of no content
	KindCard    Kind = "card"    // the record of a paired card
	KindPending Kind = "pending" // that a PIN is being changed
	KindTries   Kind = "tries"   // tries of a card that is not paired
	KindRest    Kind = "rest"    // of a save that was interrupted
	KindKeyring Kind = "keyring" // a share of a sealing key, in the system's keyring
)

// A Kept is one file, or one entry of the keyring.
type Kept struct {
	Kind Kind
	Path string // "" in the keyring
	Size int64  // bytes
	PAN  applet.PAN
	Half bool // a record holds the first half of the PIN
}

// Kept lists everything that the store has written. A record that cannot be read
// is listed without its card.
func (s *Store) Kept() ([]Kept, error) {
	entries, err := os.ReadDir(s.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, _ := s.key()
	var all []Kept
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !ours(e) {
			continue
		}
		k := Kept{Kind: kindOf(e.Name()), Path: s.path(e.Name()), Size: info.Size()}
		if r, err := s.read(key, e.Name()); k.Kind == KindCard && err == nil {
			k.PAN, k.Half = r.PAN, len(r.Half) > 0
			if r.InKeyring {
				all = append(all, Kept{Kind: KindKeyring, Size: 2 * keySize, PAN: r.PAN}) // in hexadecimal
			}
		}
		all = append(all, k)
	}
	return all, nil
}

// kindOf says what a file of ours is for.
func kindOf(name string) Kind {
	switch {
	case strings.HasSuffix(name, newSuffix):
		return KindRest
	case name == keyFile:
		return KindKey
	case name == lockFile:
		return KindLock
	case strings.HasSuffix(name, recordSuffix):
		return KindCard
	case strings.HasSuffix(name, journalSuffix):
		return KindPending
	}
	return KindTries
}
