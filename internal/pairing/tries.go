package pairing

import "github.com/softwarecie/cie/applet"

// seen is what is kept of a card that is not paired.
type seen struct {
	PAN   applet.PAN `json:"pan"`
	Tries int        `json:"tries"`
}

// KeepTries remembers the PIN tries left of a card that is not paired, for all
// programs of this user. If the card does not tell them itself, each would begin to
// count anew, and together they could block it; and one that waits for the PIN to be
// unblocked learns of it. All tries left are news only where there were less.
func (s *Store) KeepTries(pan applet.PAN, tries int) error {
	if tries >= applet.CodePIN.MaxTries() && s.SeenTries(pan) < 0 {
		return nil
	}
	return s.prepared(func(key []byte) error { return s.write(key, id(key, pan)+triesSuffix, seen{pan, tries}) })
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
