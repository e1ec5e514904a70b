package pkcs11module

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
)

// A login is a holder who is logged in to a token, in all its sessions.
type login struct {
	card *cie.Login // with the kept PIN
	pin  []digest   // of what was typed, and of the whole
	life context.Context
	end  context.CancelCauseFunc
	used time.Time
	nap  time.Duration // how long the computer had slept
}

// A digest tells PINs apart without holding them.
type digest [sha256.Size]byte

const saltLength = sha256.Size

func randomSalt(salt *secret.Buffer) { _, _ = rand.Read(salt.Bytes()) }

// digest is SHA-256 over salt and PIN, filled up with zeros to whole blocks: of
// less than a block the hash function would keep a copy on the heap.
func (m *Module) digest(pin []byte) (d digest) {
	n := saltLength + len(pin)
	text := secret.New(n + sha256.BlockSize - n%sha256.BlockSize)
	defer text.Wipe()
	secret.Copy(text.Bytes()[secret.Copy(text.Bytes(), m.salt.Bytes()):], pin)
	secret.Do(func() { d = sha256.Sum256(text.Bytes()) })
	return d
}

// Login is C_Login: at most one VERIFY, and none for what cannot be right, was
// wrong before, or could block the card. On a card that is not paired all eight
// digits pair it. The PIN is wiped; nil stands for a NULL pointer.
func (m *Module) Login(h SessionHandle, user UserType, pin *secret.Buffer) error {
	defer pin.Wipe()
	var s *session
	if err := m.with(h, func(found *session) error {
		s = found
		return m.mayLogIn(s, user)
	}); err != nil {
		return err
	}
	if pin == nil {
		return CKR_ARGUMENTS_BAD
	}
	trim(pin)
	m.refresh(s.token)
	d := m.digest(pin.Bytes())
	outdated := false
	if err := m.judge(s.token, pin, d); errors.Is(err, errOutdated) {
		outdated = true
	} else if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(s.token.life, loginTime, CKR_DEVICE_ERROR)
	defer cancel()
	if err := take(ctx, s.token); err != nil {
		return err
	}
	defer release(s.token)
	// Meanwhile another thread may have logged in, or tried the same PIN.
	if err := m.with(h, func(s *session) error { return m.mayLogIn(s, user) }); err != nil {
		return err
	}
	if outdated {
		if err := m.askTries(ctx, s.token); err != nil {
			return err
		}
	}
	if err := m.judge(s.token, pin, d); err != nil {
		return because(ctx, err)
	}
	err := m.prove(ctx, s, pin, d)
	m.refresh(s.token) // what this login has done to the record, or that it is paired now
	return err
}

// mayLogIn holds what is refused whatever the PIN is. The tables are locked.
func (m *Module) mayLogIn(s *session, user UserType) error {
	in := s.token.login != nil
	switch {
	case user == CKU_SO && m.readOnlySession(s.token):
		return CKR_SESSION_READ_ONLY_EXISTS
	case user == CKU_SO && in:
		return CKR_USER_ANOTHER_ALREADY_LOGGED_IN
	case user == CKU_CONTEXT_SPECIFIC:
		return CKR_OPERATION_NOT_INITIALIZED // no key of ours wants it
	case user != CKU_USER:
		return CKR_USER_TYPE_INVALID
	case in:
		return CKR_USER_ALREADY_LOGGED_IN
	}
	return nil
}

func (m *Module) readOnlySession(t *token) bool {
	for _, s := range m.sessions {
		if s.token == t && !s.readWrite {
			return true
		}
	}
	return false
}

// trim drops a NUL or a newline at the end, which some callers send along.
func trim(pin *secret.Buffer) {
	if n := pin.Len(); n > 0 && (pin.Bytes()[n-1] == 0 || pin.Bytes()[n-1] == '\n') {
		pin.Truncate(n - 1)
	}
}

// errOutdated means that a card may have more tries left by now than it is known to.
var errOutdated = errors.New("tries left not known any more")

// askTries has a card tell its tries again, which costs none.
func (m *Module) askTries(ctx context.Context, t *token) error {
	tries, err := m.holder.Tries(ctx, cie.Target{Reader: t.reader, PAN: t.pan})
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.log.Warn("tries", "error", err)
		return because(ctx, err)
	}
	k := m.cards[t.pan]
	k.asked = m.now()
	if !tries.Told {
		return nil
	}
	if tries.PIN > k.tries { // the right PIN was given elsewhere, or the PIN unblocked
		k.bad = make(map[digest]struct{})
	}
	k.tries, k.told = tries.PIN, true
	return nil
}

// judge refuses a PIN without the card, where it can be.
func (m *Module) judge(t *token, pin *secret.Buffer, d digest) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	k := m.cards[t.pan]
	_, bad := k.bad[d]
	outdated := k.outdated(m.now())
	switch {
	case k.tries == 0 && k.told && !outdated:
		return CKR_PIN_LOCKED
	case cie.CheckCode(pin) != nil:
		k.wrong = true
		return CKR_PIN_INCORRECT
	case pin.Len() == pairing.HalfLength && !t.half:
		m.log.Info("all eight digits are needed")
		k.wrong = true
		return CKR_PIN_INCORRECT
	case outdated:
		return errOutdated
	case bad:
		k.wrong = true
		return CKR_PIN_INCORRECT
	case k.tries == 1 && !m.holder.LastTry:
		return CKR_PIN_LOCKED
	}
	return nil
}

// judgeWhole refuses a PIN that the card has refused before, when it was typed in
// the other of its two forms: the last four digits, or all eight.
func (m *Module) judgeWhole(t *token, typed, whole digest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.cards[t.pan]
	if _, bad := k.bad[whole]; !bad {
		return nil
	}
	k.wrong, k.bad[typed] = true, struct{}{}
	return CKR_PIN_INCORRECT
}

// prove has the card judge the PIN, and logs in.
func (m *Module) prove(ctx context.Context, s *session, pin *secret.Buffer, d digest) error {
	t := s.token
	digests := []digest{d}
	whole := func(pin applet.PIN) error {
		w := m.digest(pin.Digits())
		digests = append(digests[:1:1], w)
		return m.judgeWhole(t, d, w)
	}
	card, err := m.holder.Login(ctx, cie.Target{Reader: t.reader, PAN: t.pan, Pair: true, Before: whole}, pin)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cards[t.pan].learn(m.now(), err, digests...)
	if err != nil {
		m.log.Warn("login", "error", err)
		return because(ctx, err)
	}
	if cause := context.Cause(s.life); cause != nil { // the session was closed meanwhile, or the card has left
		m.start(card.Close)
		return cause
	}
	l := &login{card: card, pin: digests, used: m.now(), nap: m.asleep()}
	l.life, l.end = context.WithCancelCause(t.life)
	t.login = l
	if t.key == nil {
		m.describe(t, card.Certificate())
	}
	if t.key.handle == 0 {
		t.key.handle = ObjectHandle(m.handle())
	}
	m.start(func() { m.watchIdle(t, l) })
	return nil
}

// learn keeps what the answer to a PIN says of the tries left: never more than is
// plausible.
func (k *memory) learn(now time.Time, err error, pin ...digest) {
	defer func() { k.asked = now }()
	before := k.tries
	if before < 0 {
		before = applet.CodePIN.MaxTries()
	}
	var wrong *applet.WrongCodeError
	var sent *cie.SentError
	switch {
	case err == nil:
		*k = memory{tries: applet.CodePIN.MaxTries(), told: true, filed: k.filed, bad: make(map[digest]struct{})}
	case errors.As(err, &wrong):
		k.wrong, k.told, k.tries = true, wrong.Tries >= 0, max(before-1, 1)
		if k.told {
			k.tries = min(wrong.Tries, k.tries)
		}
		for _, d := range pin {
			k.bad[d] = struct{}{}
		}
	case errors.Is(err, applet.ErrPINBlocked):
		k.tries, k.told = 0, true
	case errors.Is(err, cie.ErrLastTry):
		k.tries, k.told = 1, true
	case errors.As(err, &sent), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		k.tries, k.told = max(before-1, 1), false // it may have been counted
	}
}

// Logout is C_Logout. The private key gets another handle at the next login.
func (m *Module) Logout(h SessionHandle) error {
	return m.with(h, func(s *session) error {
		if s.token.login == nil {
			return CKR_USER_NOT_LOGGED_IN
		}
		m.logout(s.token, CKR_USER_NOT_LOGGED_IN)
		return nil
	})
}

// logout ends a login as its holder wants it to end. The tables are locked.
func (m *Module) logout(t *token, cause error) {
	if t.login == nil {
		return
	}
	m.forgetPIN(t, cause)
	for _, s := range m.sessions {
		if s.token == t {
			s.sign = nil
			s.found.drop(t.key.handle)
		}
	}
	t.key.handle = 0
}

// tolerance is how much the two clocks of the system may drift apart while it is
// awake.
const tolerance = time.Second

// expire ends a login that nobody has used for too long, or that the computer has
// slept since. The private key keeps its handle for the next one: Chromium goes on
// using it. The tables are locked.
func (m *Module) expire(t *token) {
	l := t.login
	if l != nil && (m.now().Sub(l.used).Abs() > m.idle || m.asleep()-l.nap > tolerance) {
		m.forgetPIN(t, CKR_USER_NOT_LOGGED_IN)
	}
}

// forgetPIN ends what the login is doing, wipes its PIN and lets the card go. The
// tables are locked.
func (m *Module) forgetPIN(t *token, cause error) {
	if l := t.login; l != nil {
		t.login = nil
		l.end(cause)
		m.start(l.card.Close)
	}
}

// watchIdle wipes the PIN of a login that is not used, also when no call comes.
func (m *Module) watchIdle(t *token, l *login) {
	tick := time.NewTicker(min(m.idle, 10*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.mu.Lock()
			if t.login == l {
				m.expire(t)
			}
			m.mu.Unlock()
		case <-l.life.Done():
			return
		}
	}
}

// take waits until the card is free for this call.
func take(ctx context.Context, t *token) error {
	select {
	case <-t.card:
		return nil
	case <-ctx.Done():
		return because(ctx, ctx.Err())
	}
}

func release(t *token) { t.card <- struct{}{} }
