package pkcs11module

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/pcsc"
)

const (
	attempts   = 3 // to recognise a card that does not answer well
	pause      = 300 * time.Millisecond
	pauseInUse = time.Second // before a card that another program has is asked again
)

// A lying is a card that lies on a reader, from when it comes until it leaves.
type lying struct {
	reader pcsc.Reader
	leave  context.CancelCauseFunc
}

// watch follows the readers until the module ends.
func (m *Module) watch(w Watcher) {
	cards := make(map[string]lying) // by reader
	first := true
	for readers, err := range w.Watch(m.life) {
		if err != nil && m.life.Err() == nil { // at the end readers go, too
			m.log.Warn("readers", "error", err)
		}
		m.depart(cards, readers)
		arrived := m.arrive(cards, readers, first)
		if first {
			m.start(func() { m.endFirstLook(arrived) })
		}
		first = false
	}
}

// endFirstLook waits for the cards that lay there at the start.
func (m *Module) endFirstLook(arrived []<-chan struct{}) {
	for _, recognised := range arrived {
		<-recognised
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookedOnce()
}

// depart takes away what no longer lies there, or was moved in between.
func (m *Module) depart(cards map[string]lying, readers []pcsc.Reader) {
	for name, card := range cards {
		i := slices.IndexFunc(readers, func(r pcsc.Reader) bool { return r.Name == name })
		if i >= 0 && readers[i].Present && readers[i].Moves == card.reader.Moves {
			continue
		}
		delete(cards, name)
		card.leave(CKR_DEVICE_REMOVED)
		m.removed(name)
	}
}

// arrive begins to recognise what is new. The channels are closed when that ends.
func (m *Module) arrive(cards map[string]lying, readers []pcsc.Reader, first bool) (arrived []<-chan struct{}) {
	for _, r := range readers {
		if _, known := cards[r.Name]; known || !r.Present {
			continue
		}
		life, leave := context.WithCancelCause(m.life)
		cards[r.Name] = lying{r, leave}
		ended := make(chan struct{})
		arrived = append(arrived, ended)
		m.start(func() {
			defer close(ended)
			m.recognise(life, r, first)
		})
	}
	return arrived
}

// recognise asks the card on a reader what it is, and puts a CIE into a slot. A
// card of another kind is left alone until it is moved.
func (m *Module) recognise(life context.Context, r pcsc.Reader, first bool) {
	for n := 1; n <= attempts; {
		s := m.holder.Look(life, r)
		wait := pause
		switch {
		case life.Err() != nil:
			return
		case s.CIE:
			m.arrived(life, s, first)
			return
		case s.Err == nil:
			m.log.Info("card of another kind", "reader", r.Name, "kind", s.Foreign)
			return
		case errors.Is(s.Err, pcsc.ErrBusy):
			r.Exclusive = false // it may be free by now: the connection will tell
			wait = pauseInUse
		default:
			n++
		}
		m.log.Warn("card not recognised", "reader", r.Name, "error", s.Err)
		select {
		case <-time.After(wait):
		case <-life.Done():
			return
		}
	}
}

// arrived makes a token of a recognised card.
func (m *Module) arrived(life context.Context, s cie.Status, first bool) {
	t := m.newToken(life, s)
	if m.lock() != nil {
		return
	}
	defer m.mu.Unlock()
	if life.Err() != nil {
		return
	}
	t.first = first
	m.waiting = append(m.waiting, t)
	m.seat()
}

// seat puts waiting tokens into free slots, the lowest first. The tables are
// locked.
func (m *Module) seat() {
	for _, s := range m.slots {
		if s.token != nil || len(m.waiting) == 0 {
			continue
		}
		s.token, m.waiting = m.waiting[0], m.waiting[1:]
		m.remember(s.token)
		if !s.token.first {
			s.event = true
			m.tell()
		}
	}
}

// removed empties the slot of the card on a reader.
func (m *Module) removed(reader string) {
	if m.lock() != nil {
		return
	}
	defer m.mu.Unlock()
	m.waiting = slices.DeleteFunc(m.waiting, func(t *token) bool { return t.reader == reader })
	for _, s := range m.slots {
		if s.token != nil && s.token.reader == reader {
			m.leave(s)
			s.event = true
			m.tell()
		}
	}
	m.seat()
}

// leave ends a token: its sessions, its login, what it was doing. The tables are
// locked.
func (m *Module) leave(s *slot) {
	t := s.token
	s.token = nil
	for handle, session := range m.sessions {
		if session.token == t {
			session.end(CKR_DEVICE_REMOVED)
			delete(m.sessions, handle)
		}
	}
	m.forgetPIN(t, CKR_DEVICE_REMOVED)
	m.cards[t.pan].left = m.now()
}
