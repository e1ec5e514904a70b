// Package pcsc reaches the smart card readers of this computer through PC/SC:
// which readers there are, what lies on them, and exclusive use of a card for as
// long as a function runs.
//
// A PC/SC call can block without limit: while another program holds the card,
// while the card does not answer, while the service hangs. None runs on the
// caller's goroutine. Every wait has a deadline, and a call that does not return
// is left behind with its context, which is released when it does.
//
// On Linux and macOS the binding needs cgo and the system's PC/SC library; on
// Windows it needs neither.
package pcsc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNoService means that the PC/SC service is not installed or not running.
	ErrNoService = errors.New("smart card service not running")

	// ErrDenied means that the system does not let this session use readers.
	ErrDenied = errors.New("access to smart cards denied")

	// ErrNoReader means that there is no reader of that name.
	ErrNoReader = errors.New("no such reader")

	// ErrNoCard means that no card lies on the reader.
	ErrNoCard = errors.New("no card on the reader")

	// ErrRemoved means that the card left, or the link to it broke.
	ErrRemoved = errors.New("card removed")

	// ErrReset means that another program reset the card: what was agreed with it
	// is gone.
	ErrReset = errors.New("card reset by another program")

	// ErrBusy means that another program has the card.
	ErrBusy = errors.New("card in use by another program")

	// ErrNoAnswer means that the card, or the service, did not answer in time.
	ErrNoAnswer = errors.New("card does not answer")
)

// An Error is a PC/SC call that failed. errors.Is finds the sentinel it amounts
// to.
type Error struct {
	Op   string // the call
	Code uint32 // SCARD_E_… or SCARD_W_…
}

func (e *Error) Error() string { return fmt.Sprintf("%s: PC/SC error %08X", e.Op, e.Code) }

// Is matches the sentinel of the code.
func (e *Error) Is(target error) bool { return sentinels[e.Code] == target }

// Codes of the PC/SC specification, part 5, and of pcsc-lite.
const (
	codeInvalidHandle    = 0x80100003
	codeTimeout          = 0x8010000A
	codeSharingViolation = 0x8010000B
	codeNoCard           = 0x8010000C
	codeUnknownReader    = 0x80100009
	codeNotTransacted    = 0x80100016
	codeReaderGone       = 0x80100017
	codeNoService        = 0x8010001D
	codeServiceStopped   = 0x8010001E
	codeNoReaders        = 0x8010002E
	codeComm             = 0x80100013
	codeDataLost         = 0x8010002F
	codeNoAccess         = 0x80100027
	codeUnresponsive     = 0x80100066
	codeUnpowered        = 0x80100067
	codeReset            = 0x80100068
	codeRemoved          = 0x80100069
	codeSecurity         = 0x8010006A
)

// sentinels is what each code amounts to for a caller.
var sentinels = map[uint32]error{
	codeNoService: ErrNoService, codeServiceStopped: ErrNoService, codeComm: ErrNoService, codeInvalidHandle: ErrNoService,
	codeSecurity: ErrDenied, codeNoAccess: ErrDenied,
	codeUnknownReader: ErrNoReader, codeReaderGone: ErrNoReader, codeNoReaders: ErrNoReader,
	codeNoCard: ErrNoCard, codeUnpowered: ErrRemoved, codeRemoved: ErrRemoved, codeNotTransacted: ErrRemoved, codeDataLost: ErrRemoved,
	codeReset: ErrReset, codeSharingViolation: ErrBusy, codeUnresponsive: ErrNoAnswer, codeTimeout: ErrNoAnswer,
}

// A Reader is one reader and what lies on it.
type Reader struct {
	Name      string
	Present   bool   // a card
	Mute      bool   // the card does not answer to reset: wrong way round, or not a card
	Exclusive bool   // a program has the card for itself alone
	InUse     bool   // a program has the card
	ATR       []byte // of the card
}

// A Client reaches the readers. It needs no service to be there yet, and
// survives its restart.
type Client struct {
	system   system
	connect  time.Duration // for connection and transaction together
	transmit time.Duration // for one APDU
	notice   time.Duration // after which waiting is told
	waiting  func(reader string)
	watcher  watcher
}

// An Option changes a Client.
type Option func(*Client)

// ConnectTimeout is how long Do waits for a card that another program has, 20 s
// by default.
func ConnectTimeout(d time.Duration) Option { return func(c *Client) { c.connect = d } }

// TransmitTimeout is how long a card may take for one command, 10 s by default.
func TransmitTimeout(d time.Duration) Option { return func(c *Client) { c.transmit = d } }

// Waiting is told once, after 3 s, that Do waits for another program.
func Waiting(f func(reader string)) Option { return func(c *Client) { c.waiting = f } }

// New returns a Client. It calls nothing yet.
func New(options ...Option) *Client {
	return newClient(realSystem{}, options...)
}

func newClient(s system, options ...Option) *Client {
	c := &Client{system: s, connect: 20 * time.Second, transmit: 10 * time.Second, notice: 3 * time.Second}
	for _, o := range options {
		o(c)
	}
	c.watcher.system = s
	return c
}

// Close ends watching. Cards in use are let go by their own Do.
func (c *Client) Close() error {
	c.watcher.stop()
	return nil
}

// Readers lists the readers and what lies on them. No reader is not an error.
func (c *Client) Readers(ctx context.Context) ([]Reader, error) {
	patient, cancel := context.WithTimeout(ctx, c.notice+2*time.Second)
	defer cancel()
	for readers, err := range c.Watch(patient) {
		return readers, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("list of readers: %w", ErrNoAnswer)
}
