package emulator

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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
	PIN      string `json:"pin"`
	PUK      string `json:"puk"`
	Tries    int    `json:"tries"`
	PUKTries int    `json:"puk-tries"`
}

// newCodes takes them from the state file if there is one, else from the options.
func newCodes(o Options) (codes, error) {
	c := codes{PIN: cmp.Or(o.PIN, "12345678"), PUK: cmp.Or(o.PUK, "87654321"), Tries: maxTries, PUKTries: maxPUKTries}
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
	if len(c.PIN) != 8 || len(c.PUK) != 8 || c.Tries < 0 || c.Tries > maxTries || c.PUKTries < 0 || c.PUKTries > maxPUKTries {
		return codes{}, errors.New("PIN and PUK have 8 digits, 3 and 10 tries at most")
	}
	return c, nil
}

// save keeps codes and counters, before the answer leaves.
func (c *Card) save() {
	if c.options.State == "" {
		return
	}
	text, err := json.MarshalIndent(c.codes, "", "  ")
	if err != nil {
		panic(err)
	}
	temporary := filepath.Join(filepath.Dir(c.options.State), "."+filepath.Base(c.options.State)+".new")
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err == nil {
		err = os.Rename(temporary, c.options.State)
		if err != nil {
			c.log("! state: %v", err)
		}
	}
}

// An Entry of the ledger is one command that carried a code, or asked for the
// tries. The code itself is not in it.
type Entry struct {
	N         int       `json:"n"` // from 1
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind"`      // "verify", "change", "reset", "query"
	Reference string    `json:"reference"` // "PIN", "PUK"
	Length    int       `json:"length"`    // of the data field
	SW        string    `json:"sw"`
	Tries     int       `json:"tries"` // left after it
}

// Ledger is every command on the codes since the card was made.
func (c *Card) Ledger() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Entry(nil), c.ledger...)
}

func (c *Card) enterLedger(kind string, reference byte, length int, r reply) reply {
	name, tries := "PIN", c.codes.Tries
	if reference == pukReference {
		name, tries = "PUK", c.codes.PUKTries
	}
	c.ledger = append(c.ledger, Entry{
		N: len(c.ledger) + 1, Time: time.Now(), Kind: kind, Reference: name, Length: length, SW: r.sw.String(), Tries: tries,
	})
	c.save()
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
	return c.sm != nil && c.extOK && (c.intOK || c.profile.Behaviour.LenientVerify)
}

// check compares a code and counts.
func (c *Card) check(reference byte, code []byte) reply {
	left, most := c.counter(reference)
	secret := c.codes.PIN
	if reference == pukReference {
		secret = c.codes.PUK
	}
	if *left == 0 {
		return refuse(0x6983)
	}
	if subtle.ConstantTimeCompare([]byte(secret), code) == 1 {
		*left = most
		return done()
	}
	*left--
	if sw, err := strconv.ParseUint(c.profile.Behaviour.WrongTries, 16, 16); err == nil {
		return refuse(apdu.SW(sw))
	}
	return refuse(0x63C0 | apdu.SW(*left))
}

// verify is VERIFY; without data it asks for the tries left.
func (c *Card) verify(cmd apdu.Command) reply {
	if cmd.P1 != 0 || cmd.P2 != pinReference && cmd.P2 != pukReference {
		return refuse(0x6A88)
	}
	if len(cmd.Data) == 0 {
		return c.enterLedger("query", cmd.P2, 0, c.query(cmd.P2))
	}
	return c.enterLedger("verify", cmd.P2, len(cmd.Data), c.verifyCode(cmd))
}

func (c *Card) verifyCode(cmd apdu.Command) reply {
	if !c.authenticated() {
		return refuse(0x6982)
	}
	if len(cmd.Data) != 8 {
		return refuse(0x6700)
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
	if readable := c.profile.Behaviour.Tries; readable != "verify" && readable != "both" {
		return refuse(0x6700)
	}
	if !c.authenticated() {
		return refuse(0x6982)
	}
	left, _ := c.counter(reference)
	switch {
	case *left == 0:
		return refuse(0x6983)
	case reference == pinReference && c.pinOK:
		return done()
	}
	return refuse(0x63C0 | apdu.SW(*left))
}

// codeObject is GET DATA of a code's control parameters.
func (c *Card) codeObject(reference byte) reply {
	if readable := c.profile.Behaviour.Tries; readable != "" && readable != "object" && readable != "both" {
		return refuse(0x6A88)
	}
	left, most := c.counter(reference)
	parameters := append(der(0x9A, []byte{byte(most)}), der(0x9B, []byte{byte(*left)})...)
	object := 0xBF8100 | tlv.Tag(reference&^0x80)
	return answer(der(0x70, der(object, der(0xA0, parameters))))
}

// changePIN is CHANGE REFERENCE DATA: old ‖ new.
func (c *Card) changePIN(cmd apdu.Command) reply {
	if cmd.P1 != 0 || cmd.P2 != pinReference {
		return refuse(0x6A88)
	}
	return c.enterLedger("change", cmd.P2, len(cmd.Data), c.change(cmd.Data))
}

func (c *Card) change(data []byte) reply {
	if !c.authenticated() {
		return refuse(0x6982)
	}
	if len(data) != 16 {
		return refuse(0x6700)
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
	if cmd.P2 != pinReference || cmd.P1 != 2 && cmd.P1 != 3 {
		return refuse(0x6A86)
	}
	return c.enterLedger("reset", cmd.P2, len(cmd.Data), c.resetCounter(cmd))
}

func (c *Card) resetCounter(cmd apdu.Command) reply {
	switch {
	case !c.authenticated() || !c.pukOK:
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
