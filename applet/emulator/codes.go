package emulator

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// References and limits of the two codes.
const (
	pinReference = 0x81
	pukReference = 0x82
	maxTries     = 3
	maxPUKTries  = 10
)

// codes are PIN, PUK and what is left of their tries: all that outlives a reset.
type codes struct {
	PAN      string `json:"pan"` // whose they are
	PIN      string `json:"pin"`
	PUK      string `json:"puk"`
	Tries    int    `json:"tries"`
	PUKTries int    `json:"puk-tries"`
}

// newCodes takes them from the state file if there is one, else from the options.
func newCodes(o Options, pan string) (codes, error) {
	c := codes{PAN: pan, PIN: cmp.Or(o.PIN, "12345678"), PUK: cmp.Or(o.PUK, "87654321"), Tries: maxTries, PUKTries: maxPUKTries}
	if o.Tries != nil {
		c.Tries = *o.Tries
	}
	if o.PUKTries != nil {
		c.PUKTries = *o.PUKTries
	}
	if o.State != "" {
		file, err := os.ReadFile(o.State)
		if err == nil {
			err = json.Unmarshal(file, &c)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return codes{}, fmt.Errorf("state file: %w", err)
		}
	}
	if c.PAN != pan {
		return codes{}, fmt.Errorf("state file: it is that of card %s, this is %s", c.PAN, pan)
	}
	return c, c.check()
}

// check refuses values that no card can have.
func (k *codes) check() error {
	if len(k.PIN) != 8 || len(k.PUK) != 8 || k.Tries < 0 || k.Tries > maxTries || k.PUKTries < 0 || k.PUKTries > maxPUKTries {
		return errors.New("PIN and PUK have 8 digits, 3 and 10 tries at most")
	}
	return nil
}

// save keeps codes and counters, before the answer leaves. The file is the old
// one or the new one, whatever happens.
func (c *Card) save() error {
	if c.options.State == "" || c.codes.PAN != c.home {
		return nil
	}
	text, err := json.MarshalIndent(c.codes, "", "  ")
	if err != nil {
		return err
	}
	temporary := filepath.Join(filepath.Dir(c.options.State), "."+filepath.Base(c.options.State)+".new")
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, c.options.State)
}

// An Entry of the ledger is one command that carried a code, or asked for the
// tries. The code itself is not in it.
type Entry struct {
	N         int       `json:"n"`    // from 1
	APDU      int       `json:"apdu"` // which command since the card was made, from 0
	PAN       string    `json:"pan"`
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind"`      // "verify", "change", "reset", "query"
	Reference string    `json:"reference"` // "PIN", "PUK"
	Length    int       `json:"length"`    // of the data field
	Protected bool      `json:"protected"` // came in secure messaging
	SW        string    `json:"sw"`
	Tries     int       `json:"tries"` // left after it
}

// Ledger is every command on the codes since the card was made.
func (c *Card) Ledger() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Entry(nil), c.ledger...)
}

func (c *Card) enterLedger(kind string, cmd apdu.Command, r reply) reply {
	reference := cmd.P2
	if err := c.save(); err != nil {
		c.log("! state: %v", err)
		r = refuse(0x6581) // memory failure
	}
	name, tries := "PIN", c.codes.Tries
	if reference == pukReference {
		name, tries = "PUK", c.codes.PUKTries
	}
	c.ledger = append(c.ledger, Entry{
		N: len(c.ledger) + 1, APDU: c.total - 1, PAN: c.identity.number(), Time: time.Now(), Kind: kind, Reference: name,
		Length: len(cmd.Data), Protected: cmd.CLA&0x0C != 0, SW: r.sw.String(), Tries: tries,
	})
	return r
}

// Codes gives PIN, PUK and the tries left of both: they are test codes.
func (c *Card) Codes() (pin, puk string, tries, pukTries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.codes.PIN, c.codes.PUK, c.codes.Tries, c.codes.PUKTries
}

// counter is the tries left of a code.
func (c *Card) counter(reference byte) (*int, int) {
	if reference == pukReference {
		return &c.codes.PUKTries, maxPUKTries
	}
	return &c.codes.Tries, maxTries
}

// authenticated says whether codes may be presented.
func (c *Card) authenticated() bool {
	b := c.profile.Behaviour
	return c.sm != nil && !c.travel && (c.extOK && (c.intOK || b.LenientVerify) || b.NoDAPP)
}

// noCodes says whether a reference leads nowhere in the current directory: codes are
// local to DF_CIE. In the root a terminal that may not present any is told that first.
func (c *Card) noCodes() bool { return c.df == dfMRTD || c.df == root && c.authenticated() }

// unready is the answer to a code that came too early.
func (c *Card) unready() reply {
	if c.sm == nil && c.profile.Behaviour.Plain6985 {
		return refuse(0x6985)
	}
	return refuse(0x6982)
}

// check compares a code and counts.
func (c *Card) check(reference byte, code []byte) reply {
	left, most := c.counter(reference)
	secret := c.codes.PIN
	if reference == pukReference {
		secret = c.codes.PUK
	}
	b := c.profile.Behaviour
	switch {
	case *left == 0:
		return refuse(0x6983)
	case len(code) != 8 && b.LengthCosts:
		*left--
		return refuse(0x6700)
	case len(code) != 8:
		return refuse(0x6700)
	}
	if subtle.ConstantTimeCompare([]byte(secret), code) == 1 {
		*left = most
		return done()
	}
	*left--
	c.endAfter = b.WrongCodeEnds
	if b.GrowingTries {
		return refuse(0x63C0 | apdu.SW(most-*left))
	}
	return refuse(status(b.WrongTries, 0x63C0|apdu.SW(*left)))
}

// verify is VERIFY; without data it asks for the tries left.
func (c *Card) verify(cmd apdu.Command) reply {
	if cmd.P1 != 0 {
		return refuse(0x6A86)
	}
	if c.noCodes() || cmd.P2 != pinReference && cmd.P2 != pukReference {
		return refuse(0x6A88)
	}
	if len(cmd.Data) == 0 {
		return c.enterLedger("query", cmd, c.query(cmd.P2))
	}
	return c.enterLedger("verify", cmd, c.verifyCode(cmd))
}

func (c *Card) verifyCode(cmd apdu.Command) reply {
	if !c.authenticated() {
		return c.unready()
	}
	verified := &c.pinOK
	if cmd.P2 == pukReference {
		verified = &c.pukOK
	}
	r := c.check(cmd.P2, cmd.Data)
	*verified = r.sw == apdu.OK
	return r
}

// query is VERIFY without data.
func (c *Card) query(reference byte) reply {
	if !c.authenticated() {
		return c.unready()
	}
	if readable := c.profile.Behaviour.Tries; readable == "object" || readable == "none" {
		return refuse(0x6700)
	}
	left, _ := c.counter(reference)
	switch {
	case *left == 0:
		return refuse(0x6983)
	case reference == pinReference && c.pinOK, reference == pukReference && c.pukOK:
		return done()
	}
	return refuse(0x63C0 | apdu.SW(*left))
}

// codeObject is GET DATA of a code's control parameters.
func (c *Card) codeObject(reference byte) reply {
	if readable := c.profile.Behaviour.Tries; readable == "verify" || readable == "none" {
		return refuse(0x6A88)
	}
	left, most := c.counter(reference)
	parameters := append(der(0x9A, []byte{byte(most)}), der(0x9B, []byte{byte(*left)})...)
	object := tlv.Tag(0xBF8100) | tlv.Tag(reference&0x7F)
	return answer(der(0x70, der(object, der(0xA0, parameters))))
}

// changePIN is CHANGE REFERENCE DATA: old ‖ new.
func (c *Card) changePIN(cmd apdu.Command) reply {
	if cmd.P1 != 0 {
		return refuse(0x6A86)
	}
	if c.noCodes() || cmd.P2 != pinReference {
		return refuse(0x6A88)
	}
	return c.enterLedger("change", cmd, c.change(cmd.Data))
}

func (c *Card) change(data []byte) reply {
	if !c.authenticated() {
		return c.unready()
	}
	if c.profile.Behaviour.ChangeNeedsPIN && !c.pinOK {
		return refuse(0x6982)
	}
	if len(data) != 16 {
		return c.check(pinReference, nil)
	}
	r := c.check(pinReference, data[:8])
	if r.sw == apdu.OK {
		c.codes.PIN = string(data[8:])
	}
	c.pinOK = r.sw == apdu.OK
	return r
}

// resetRetryCounter gives the PIN its tries back, with a new value or without.
func (c *Card) resetRetryCounter(cmd apdu.Command) reply {
	if cmd.P1 != 2 && cmd.P1 != 3 {
		return refuse(0x6A86)
	}
	if c.noCodes() || cmd.P2 != pinReference {
		return refuse(0x6A88)
	}
	return c.enterLedger("reset", cmd, c.resetCounter(cmd))
}

func (c *Card) resetCounter(cmd apdu.Command) reply {
	switch {
	case !c.authenticated():
		return c.unready()
	case !c.pukOK:
		return refuse(0x6982)
	case cmd.P1 == 2 && len(cmd.Data) != 8, cmd.P1 == 3 && len(cmd.Data) != 0:
		return refuse(0x6700)
	}
	if cmd.P1 == 2 {
		c.codes.PIN = string(cmd.Data)
	}
	c.codes.Tries = maxTries
	return done()
}
