package pairing

import (
	"errors"
	"io/fs"

	"github.com/softwarecie/cie/applet"
)

// seen is what is kept of a card that is not paired.
type seen struct {
	PAN   applet.PAN `json:"pan"`
	Tries int        `json:"tries"`
}

// KeepTries remembers the PIN tries left of a card that is not paired and does not
// tell them itself, for all programs of this user: else each would begin to count
// anew, and together they could block the card. All tries left need no remembering.
func (s *Store) KeepTries(pan applet.PAN, tries int) error {
	if tries < applet.CodePIN.MaxTries() {
		return s.prepared(func(key []byte) error { return s.write(key, id(key, pan)+triesSuffix, seen{pan, tries}) })
	}
	err := s.locked(func(key []byte) error { return s.files.Remove(s.path(id(key, pan) + triesSuffix)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// SeenTries gives what KeepTries remembers of a card, -1 if nothing.
func (s *Store) SeenTries(pan applet.PAN) int {
	key, err := s.key()
	if err != nil {
		return -1
	}
	var last seen
	if s.open(key, id(key, pan)+triesSuffix, &last) != nil || last.PAN != pan {
		return -1
	}
	return last.Tries
}
