// Package pkcs11module is a PKCS#11 token for each CIE on a reader, in plain Go:
// slots, tokens, sessions, objects and mechanisms with the meaning that PKCS#11
// v2.40 and v3.0 give to the C_ functions. The C library of cmd/cie-pkcs11 hands
// its calls to it, by way of cmd/cie-pkcs11-helper.
//
// Only Login, Sign and SignFinal talk to a card, and recognition when one is laid
// down. Everything else answers from memory: one lock for the tables, which is
// never held while a card works.
//
// Each function returns nil or an error that ReturnValueOf turns into a CK_RV.
// Pointers, and that the module is initialised at all, are the C library's
// business; a Module is one life between C_Initialize and C_Finalize.
package pkcs11module

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/pcsc"
)

// A Watcher tells what lies on the readers, now and at each change, as a
// *pcsc.Client does.
type Watcher interface {
	Watch(ctx context.Context) iter.Seq2[[]pcsc.Reader, error]
}

// Options of a Module. The zero value of each is its default.
type Options struct {
	Slots       int           // places for a card, 1 to 8; 2
	Idle        time.Duration // without a signature, after which the PIN is forgotten; 10 min
	FirstHandle uint64        // the first session and object get it; 1
	ULongSize   int           // of the program's CK_ULONG, in bytes, 4 or 8; 8
	Log         *slog.Logger  // nil: nothing is logged

	Now    func() time.Time     // nil: time since the computer was started, which nobody sets
	Asleep func() time.Duration // how much of that the computer slept
}

const (
	defaultSlots = 2
	maxSlots     = 8
	defaultIdle  = 10 * time.Minute

	firstLook = 2 * time.Second  // for cards that lie there already
	loginTime = 60 * time.Second // for a login, in all
	signTime  = 30 * time.Second // for a signature, in all
	closeTime = 1500 * time.Millisecond
)

// A Module is the PKCS#11 side of the cards on the readers. Its methods may be
// called at the same time.
type Module struct {
	holder *cie.Holder
	now    func() time.Time
	asleep func() time.Duration
	idle   time.Duration
	log    *slog.Logger

	ulongSize int

	life     context.Context //nolint:containedctx // of the Module
	end      context.CancelCauseFunc
	work     sync.WaitGroup // goroutines of this module
	looked   chan struct{}  // closed once the cards that lay there are recognised
	tooLong  <-chan time.Time
	salt     *secret.Buffer // of the digests of wrong PINs
	news     chan struct{}  // replaced and closed when a slot changes; guarded by mu
	mu       sync.Mutex     // guards all that follows; never held while a card works
	closed   bool
	slots    []*slot
	sessions map[SessionHandle]*session
	cards    map[applet.PAN]*memory
	waiting  []*token // recognised when every slot was taken
	next     uint64   // handle
}

// A slot is a place for a CIE, whichever reader it lies on.
type slot struct {
	token *token // nil: empty
	event bool   // for WaitForSlotEvent
}

// New starts to watch the readers and returns at once. Close ends it.
func New(h *cie.Holder, w Watcher, o Options) *Module {
	m := &Module{
		holder: h, now: o.Now, asleep: o.Asleep, idle: o.Idle, log: o.Log, ulongSize: o.ULongSize,
		looked: make(chan struct{}), news: make(chan struct{}), tooLong: time.After(firstLook),
		salt:     secret.New(saltLength),
		sessions: make(map[SessionHandle]*session), cards: make(map[applet.PAN]*memory), next: max(o.FirstHandle, 1),
	}
	if m.now == nil {
		m.now = sinceStart
	}
	if m.asleep == nil {
		m.asleep = asleep
	}
	if m.idle <= 0 {
		m.idle = defaultIdle
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if o.Slots <= 0 {
		o.Slots = defaultSlots
	}
	for range min(o.Slots, maxSlots) {
		m.slots = append(m.slots, &slot{})
	}
	randomSalt(m.salt)
	m.life, m.end = context.WithCancelCause(context.Background())
	m.start(func() { m.watch(w) })
	return m
}

// start runs f on a goroutine that Close waits for. A panic in it ends f, not the
// program.
func (m *Module) start(f func()) {
	m.work.Add(1)
	go func() {
		defer m.work.Done()
		defer func() {
			if p := recover(); p != nil {
				m.log.Error("internal fault", "panic", p)
			}
		}()
		f()
	}()
}

// Close forgets every PIN, lets the cards go, and ends all calls that still run
// with CKR_CRYPTOKI_NOT_INITIALIZED. It returns within 1.5 s.
func (m *Module) Close() {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.closed = true
	m.end(CKR_CRYPTOKI_NOT_INITIALIZED)
	for _, s := range m.slots {
		if s.token != nil {
			m.leave(s)
		}
	}
	m.tell()
	m.mu.Unlock()
	ended := make(chan struct{})
	go func() { m.work.Wait(); close(ended) }()
	select {
	case <-ended:
		m.salt.Wipe()
	case <-time.After(closeTime):
	}
}

// lock takes the tables, unless the module was closed.
func (m *Module) lock() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return CKR_CRYPTOKI_NOT_INITIALIZED
	}
	return nil
}

// handle gives a number that nothing else has or had.
func (m *Module) handle() uint64 {
	m.next++
	return m.next - 1
}

// awaitFirstLook waits for the cards that lay on the readers when the module
// started, 2 s at most: tools that run once look exactly once.
func (m *Module) awaitFirstLook() {
	select {
	case <-m.looked:
	case <-m.tooLong:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.lookedOnce()
	case <-m.life.Done():
	}
}

// lookedOnce ends the waiting of awaitFirstLook.
func (m *Module) lookedOnce() {
	select {
	case <-m.looked:
	default:
		close(m.looked)
	}
}

// slot finds a slot. The tables are locked.
func (m *Module) slot(id SlotID) (*slot, error) {
	if id >= SlotID(len(m.slots)) {
		return nil, CKR_SLOT_ID_INVALID
	}
	return m.slots[id], nil
}

// token finds the token in a slot. The tables are locked.
func (m *Module) token(id SlotID) (*token, error) {
	s, err := m.slot(id)
	if err != nil {
		return nil, err
	}
	if s.token == nil {
		return nil, CKR_TOKEN_NOT_PRESENT
	}
	return s.token, nil
}

// CheckSlot is the check of the slot in a call that does nothing more.
func (m *Module) CheckSlot(id SlotID) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	_, err := m.slot(id)
	return err
}

// SlotList is C_GetSlotList: the slots, or those with a token.
func (m *Module) SlotList(tokenPresent bool) ([]SlotID, error) {
	m.awaitFirstLook()
	if err := m.lock(); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var list []SlotID
	for i, s := range m.slots {
		if !tokenPresent || s.token != nil {
			list = append(list, SlotID(i))
		}
	}
	return list, nil
}

// A SlotInfo is a CK_SLOT_INFO.
type SlotInfo struct {
	Description string // 64 bytes at most, not padded
	Flags       Flags
}

// SlotInfo is C_GetSlotInfo.
func (m *Module) SlotInfo(id SlotID) (SlotInfo, error) {
	m.awaitFirstLook()
	if err := m.lock(); err != nil {
		return SlotInfo{}, err
	}
	defer m.mu.Unlock()
	s, err := m.slot(id)
	if err != nil {
		return SlotInfo{}, err
	}
	info := SlotInfo{"CIE (nessuna carta)", CKF_REMOVABLE_DEVICE | CKF_HW_SLOT}
	if s.token != nil {
		info = SlotInfo{s.token.reader, info.Flags | CKF_TOKEN_PRESENT}
	}
	return info, nil
}

// WaitForSlotEvent is C_WaitForSlotEvent: the slot where a card came or left.
func (m *Module) WaitForSlotEvent(flags Flags) (SlotID, error) {
	for {
		if err := m.lock(); err != nil {
			return 0, err
		}
		for i, s := range m.slots {
			if s.event {
				s.event = false
				m.mu.Unlock()
				return SlotID(i), nil
			}
		}
		news := m.news
		m.mu.Unlock()
		if flags&CKF_DONT_BLOCK != 0 {
			return 0, CKR_NO_EVENT
		}
		<-news
	}
}

// tell wakes everybody in WaitForSlotEvent. The tables are locked.
func (m *Module) tell() {
	close(m.news)
	m.news = make(chan struct{})
}
