// Package pairing keeps what a computer remembers of a paired card: the holder's
// certificate, the key the chip must prove, the parameters that never change,
// and, if the holder wants, the first half of the PIN.
//
// Every record is a file of its own, sealed with a key that lies beside it in
// the same folder. That keeps name, tax code and card number out of searches,
// backups of single files and file names; it keeps nothing from a program that
// runs as the same user, which could as well ask the card for most of it. The
// half of the PIN is sealed a second time, with a key that only the card itself
// can make (its signature over a random value), so that nobody learns it without
// the card. No file holds anything by which a guessed PIN could be checked.
package pairing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/softwarecie/cie/applet"
)

var (
	// ErrNotPaired means that nothing is remembered of this card.
	ErrNotPaired = errors.New("card not paired")

	// ErrDamaged reports a record that cannot be opened: pair again.
	ErrDamaged = errors.New("pairing damaged")

	// ErrNewerVersion reports a record made by a newer version; it is left as it is.
	ErrNewerVersion = errors.New("pairing made by a newer version")

	// ErrUnsafe reports a file or folder that others could have changed, or that
	// is no ordinary file. It is not read.
	ErrUnsafe = errors.New("pairing file not safe")

	// ErrStale means that the sealed half does not open with this card's key, or
	// that none is stored: all eight digits are needed.
	ErrStale = errors.New("first half of the PIN not available")

	// ErrNoHome means that this user has no folder to keep things in.
	ErrNoHome = errors.New("no folder to keep pairings in")

	// ErrKeyring means that the keyring of the system did not answer in time or
	// refused: all eight digits are needed.
	ErrKeyring = errors.New("the system's keyring does not answer")
)

// A Record is what is remembered of one card. It prints as the end of the card's
// number alone: the rest is personal data.
type Record struct {
	PAN         applet.PAN         `json:"pan"`
	Certificate []byte             `json:"certificate"` // the holder's, DER
	Parameters  applet.Parameters  `json:"parameters"`
	ServicesKey []byte             `json:"services-key"` // EF 1005
	Family      string             `json:"family"`       // of the chip, for display
	Genuine     string             `json:"genuine"`      // verdict at pairing
	PairedAt    time.Time          `json:"paired-at"`
	Salt        []byte             `json:"salt"`       // what the card signs to make the sealing key, 32 bytes
	Half        []byte             `json:"half"`       // sealed first half of the PIN; empty: not stored
	Suspect     bool               `json:"suspect"`    // the half may be out of date: only eight digits are accepted
	InKeyring   bool               `json:"in-keyring"` // half of the sealing key is in the system's keyring
	Tries       int                `json:"tries"`      // PIN tries left when last seen, -1 unknown
	TriesFrom   applet.TriesSource `json:"tries-from"` // how this card tells them
}

// HasHalf says whether the last four digits of the PIN are enough.
func (r Record) HasHalf() bool { return len(r.Half) > 0 && !r.Suspect }

// String says "pairing of card …9012".
func (r Record) String() string { return "pairing of card …" + r.PAN.String()[8:] }

// Format prints String under every verb.
func (r Record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue logs String.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON writes String: a log in JSON holds no more than one in text.
func (r Record) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// stored is a Record as the file has it. The names of its fields, down to those of
// applet.Parameters, are the format: another name is another version.
type stored Record

// An Operation is one during which the PIN changes.
type Operation string

// The operations.
const (
	Change  Operation = "change"
	Unblock Operation = "unblock"
)

// A Pending operation was begun and not seen to end: either PIN may be in force.
type Pending struct {
	PAN       applet.PAN `json:"pan"`
	Operation Operation  `json:"operation"`
	Begun     time.Time  `json:"begun"`
}
