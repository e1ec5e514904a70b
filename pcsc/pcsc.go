// Package pcsc reaches the smart card readers of this computer through PC/SC:
// which readers there are, what lies on them, and exclusive use of a card for as
// long as a function runs.
//
// A PC/SC call can block without limit: while another program holds the card,
// while the card does not answer, while the service hangs. None runs on the
// caller's goroutine. Every wait has a deadline, and a call that does not return
// is left behind with its context, which is released when it does. At most one
// such call waits for each reader.
//
// Watching and talking use different contexts, made when they are needed and made
// anew when the service was restarted. A Client that nobody uses keeps none, so
// that a service started on demand can end.
//
// On Linux and macOS the binding (github.com/ebfe/scard) needs cgo, without which
// it does not build, and the system's PC/SC library (Debian: libpcsclite-dev). On
// Windows it needs neither; there, importing this package narrows the search for
// DLLs to the system folder, for the whole process (see internal/systemdll).
package pcsc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrNoService means that the PC/SC service is not installed or not running, or
	// that it does not answer.
	ErrNoService = errors.New("smart card service not running")

	// ErrDenied means that the system does not let this session use readers.
	ErrDenied = errors.New("access to smart cards denied")

	// ErrNoReader means that there is no reader of that name.
	ErrNoReader = errors.New("no such reader")

	// ErrNoCard means that no card lies on the reader.
	ErrNoCard = errors.New("no card on the reader")

	// ErrRemoved means that the card left, or the link to it broke. The last command
	// may have been carried out.
	ErrRemoved = errors.New("card removed")

	// ErrReset means that another program reset the card: what was agreed with it
	// is gone. The last command was not carried out.
	ErrReset = errors.New("card reset by another program")

	// ErrBusy means that another program, or another operation of this one, has the
	// card.
	ErrBusy = errors.New("card in use by another program")

	// ErrNoAnswer means that the card did not answer in time. The last command may
	// have been carried out.
	ErrNoAnswer = errors.New("card does not answer")

	// ErrClosed means that the Client was closed.
	ErrClosed = errors.New("smart card client closed")
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

// Codes that this package itself has to know (PC/SC Workgroup, part 5; winscard.h).
const (
	codeInternal           = 0x80100001
	codeInvalidHandle      = 0x80100003
	codeInvalidParameter   = 0x80100004
	codeInsufficientBuffer = 0x80100008
	codeUnknownReader      = 0x80100009
	codeTimeout            = 0x8010000A
	codeComm               = 0x80100013
	codeNoService          = 0x8010001D
	codeServiceStopped     = 0x8010001E
	codeNoReaders          = 0x8010002E
)

// sentinels is what each code amounts to for a caller; other codes are reported as
// they are. The small ones are Windows errors that drivers let through (winerror.h).
var sentinels = map[uint32]error{
	codeNoService:      ErrNoService,
	codeServiceStopped: ErrNoService, // also: library and daemon are of different versions
	codeComm:           ErrNoService, // the service ended during the call
	0x80100012:         ErrNoService, // SCARD_E_SYSTEM_CANCELLED: log off
	0x80100018:         ErrNoService, // SCARD_P_SHUTDOWN
	109:                ErrNoService, // ERROR_BROKEN_PIPE: remote desktop without card forwarding

	0x8010006A: ErrDenied, // SCARD_W_SECURITY_VIOLATION: polkit
	0x80100027: ErrDenied, // SCARD_E_NO_ACCESS
	5:          ErrDenied, // ERROR_ACCESS_DENIED

	codeUnknownReader: ErrNoReader,
	codeNoReaders:     ErrNoReader,
	0x80100017:        ErrNoReader, // SCARD_E_READER_UNAVAILABLE: unplugged
	433:               ErrNoReader, // ERROR_NO_SUCH_DEVICE
	1167:              ErrNoReader, // ERROR_DEVICE_NOT_CONNECTED
	1617:              ErrNoReader, // ERROR_DEVICE_REMOVED

	0x8010000C: ErrNoCard, // SCARD_E_NO_SMARTCARD

	codeInvalidHandle: ErrRemoved, // the service forgot the card: reader unplugged, or service restarted
	0x80100016:        ErrRemoved, // SCARD_E_NOT_TRANSACTED: lifted in the middle of a command
	0x8010002F:        ErrRemoved, // SCARD_E_COMM_DATA_LOST
	0x80100067:        ErrRemoved, // SCARD_W_UNPOWERED_CARD: suspended meanwhile, or mute
	0x80100069:        ErrRemoved, // SCARD_W_REMOVED_CARD
	22:                ErrRemoved, // ERROR_BAD_COMMAND
	31:                ErrRemoved, // ERROR_GEN_FAILURE
	1117:              ErrRemoved, // ERROR_IO_DEVICE

	0x80100068: ErrReset, // SCARD_W_RESET_CARD

	0x8010000B: ErrBusy, // SCARD_E_SHARING_VIOLATION: exclusive elsewhere
	0x80100031: ErrBusy, // SCARD_E_SERVER_TOO_BUSY

	0x80100010: ErrNoAnswer, // SCARD_E_NOT_READY
	0x80100066: ErrNoAnswer, // SCARD_W_UNRESPONSIVE_CARD
}

// codeOf is the code of the service in an error, 0 if there is none.
func codeOf(err error) uint32 {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// stale says whether a new context may cure an error: the service was restarted,
// or the reader plugged in again, since the context was made.
func stale(err error) bool {
	switch codeOf(err) {
	case codeNoService, codeServiceStopped, codeComm, codeInvalidHandle, codeUnknownReader:
		return true
	}
	return false
}

// A Reader is one reader and what lies on it.
type Reader struct {
	Name      string
	Present   bool   // a card
	Mute      bool   // the card does not answer to reset: wrong way round, or not a card
	Exclusive bool   // a program has the card for itself alone
	InUse     bool   // a program has the card
	ATR       []byte // of the card
	Moves     uint16 // how often a card came or left since the service knows the reader
}

// Limits that hold unless an Option says otherwise.
const (
	connectLimit  = 20 * time.Second
	transmitLimit = 10 * time.Second
	noticeAfter   = 3 * time.Second
	listLimit     = 5 * time.Second // for the service to list its readers
	letGoLimit    = 2 * time.Second // for the card to be let go, and for Close
	denialMemory  = 5 * time.Second // no second attempt after a refusal: each is logged by polkit
)

// A Client reaches the readers. It needs no service to be there yet, and
// survives its restart. Its methods may be called at the same time.
type Client struct {
	system   system
	connect  time.Duration // for connection and transaction together
	transmit time.Duration // for one APDU
	waiting  func(reader string)

	closed context.Context
	close  context.CancelCauseFunc

	mu      sync.Mutex
	watcher *watcher         // nil when nobody watches
	turns   map[string]*turn // by reader
	denials map[string]denial

	allowed atomic.Bool // the service let us in last time
}

// An Option changes a Client.
type Option func(*Client)

// ConnectTimeout is how long Do waits for a card that another program has, 20 s
// by default.
func ConnectTimeout(d time.Duration) Option { return func(c *Client) { c.connect = d } }

// TransmitTimeout is how long a card may take for one command, 10 s by default.
func TransmitTimeout(d time.Duration) Option { return func(c *Client) { c.transmit = d } }

// Waiting is told once in a Do, after 3 s, that it waits for somebody else to let
// go of the card. Do calls it on its own goroutine: it must not block.
func Waiting(f func(reader string)) Option { return func(c *Client) { c.waiting = f } }

// New returns a Client. It calls nothing yet.
func New(options ...Option) *Client {
	return newClient(realSystem{}, options...)
}

func newClient(s system, options ...Option) *Client {
	c := &Client{
		system: s, connect: connectLimit, transmit: transmitLimit, waiting: func(string) {},
		turns: make(map[string]*turn), denials: make(map[string]denial),
	}
	c.closed, c.close = context.WithCancelCause(context.Background())
	for _, o := range options {
		o(c)
	}
	return c
}

// Close ends every Watch, and has every other call, running or to come, fail with
// ErrClosed. It waits for the watching to end, 2 s at most.
func (c *Client) Close() error {
	c.close(ErrClosed)
	c.mu.Lock()
	w := c.watcher
	c.watcher = nil
	c.mu.Unlock()
	if w != nil {
		w.stop()
		within(letGoLimit, w.ended)
	}
	return nil
}

// Readers lists the readers and what lies on them, in the order of the service. No
// reader is not an error; ErrNoService and ErrDenied are. No command is sent to a
// card.
func (c *Client) Readers(ctx context.Context) ([]Reader, error) {
	ctx, cancel := c.untilClosed(ctx)
	defer cancel()
	w := c.join()
	defer c.leave(w)

	timer := time.NewTimer(listLimit)
	defer timer.Stop()
	first := w.latest()
	for n := first; ; n = w.latest() {
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case n.looks > 0 && n.err == nil:
			return n.list(), nil
		case n.looks > first.looks:
			return nil, n.err
		}
		w.hurry()
		select {
		case <-n.next:
		case <-ctx.Done():
		case <-timer.C:
			return nil, fmt.Errorf("list of readers: %w in %v", ErrNoService, listLimit)
		}
	}
}

// untilClosed is a context that ends with ctx or with the Client.
func (c *Client) untilClosed(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if c.closed.Err() != nil { // the rest does so a little later
		cancel(ErrClosed)
	}
	stop := context.AfterFunc(c.closed, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// within waits for done, not longer than limit.
func within(limit time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// A denial is a refusal of the system, and when it was.
type denial struct {
	err  error
	when time.Time
}

// unlessDenied makes a call that the system may refuse, or repeats a refusal of the
// last 5 s without asking again.
func (c *Client) unlessDenied(op string, call func() error) error {
	c.mu.Lock()
	d, denied := c.denials[op]
	c.mu.Unlock()
	if denied && time.Since(d.when) < denialMemory {
		return d.err
	}
	err := call()
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, ErrDenied) {
		c.denials[op] = denial{err, time.Now()}
	} else {
		delete(c.denials, op)
	}
	return err
}

// dying is how long a service that ends may still take connections.
const dying = 100 * time.Millisecond

// establish makes a context. pcsc-lite takes a connection that ends at once for a
// refusal, and a daemon that is just being killed ends it so: where we were let in
// before, a refusal is believed the second time only.
func (c *Client) establish() (context resources, err error) {
	err = c.unlessDenied("establish", func() error {
		context, err = c.system.Establish()
		if errors.Is(err, ErrDenied) && c.allowed.Swap(false) {
			time.Sleep(dying)
			context, err = c.system.Establish()
		}
		if err == nil {
			c.allowed.Store(true)
		}
		return err
	})
	return context, err
}
