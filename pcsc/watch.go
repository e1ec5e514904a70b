package pcsc

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

const (
	retry       = 1500 * time.Millisecond // without a service, whose return is to be seen within 2 s
	settleTime  = time.Second             // a reader may have come while the others were listed
	longTime    = time.Minute             // for a change; then the readers are listed anyway
	pollTime    = time.Second             // for readers that come, where there is no plugAndPlay
	calmTime    = 250 * time.Millisecond  // after a change that changes nothing we tell
	cancelPause = 20 * time.Millisecond   // between two attempts to end a wait
)

// A watcher follows the readers on one goroutine with one context, for as long as
// somebody wants to know. It sleeps in SCardGetStatusChange.
type watcher struct {
	users int // guarded by the Client

	establish func() (resources, error)
	stopped   chan struct{} // closed to end the goroutine
	ended     chan struct{} // closed by the goroutine, its context released
	urged     chan struct{} // holds one value: look again without a pause

	mu      sync.Mutex
	context resources // to cancel its wait, nil when there is none
	news    news
}

// news is what the watcher saw last.
type news struct {
	readers  []Reader
	counters []uint16 // of insertions and removals, by reader
	err      error
	looks    int           // how often it looked, with success or not
	changes  int           // how often it saw something else than before
	next     chan struct{} // closed when there is something newer
}

// list is a copy of the readers, for a caller to keep.
func (n news) list() []Reader {
	readers := slices.Clone(n.readers)
	for i := range readers {
		readers[i].ATR = bytes.Clone(readers[i].ATR)
	}
	return readers
}

// Watch gives the readers as they are now, and again at each change of readers,
// cards or their use. The same list twice means that a card left and came, or was
// changed for another, in between. What happens during the body of the loop is told
// at once after it.
//
// An error is given once, without readers, and watching goes on: they come back with
// the service. The loop ends when ctx does, or with Close.
func (c *Client) Watch(ctx context.Context) iter.Seq2[[]Reader, error] {
	return func(yield func([]Reader, error) bool) {
		ctx, cancel := c.untilClosed(ctx)
		defer cancel()
		w := c.join()
		defer c.leave(w)
		for told := 0; ; {
			n := w.latest()
			if ctx.Err() != nil || n.changes != told && !yield(n.list(), n.err) {
				return
			}
			told = n.changes
			select {
			case <-n.next:
			case <-ctx.Done():
				return
			}
		}
	}
}

// join finds the watcher, or starts one for its first user.
func (c *Client) join() *watcher {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.watcher
	if w == nil {
		w = &watcher{
			establish: c.establish,
			stopped:   make(chan struct{}), ended: make(chan struct{}), urged: make(chan struct{}, 1),
			news: news{next: make(chan struct{})},
		}
		if c.closed.Err() == nil { // else its user goes at once
			c.watcher = w
			go w.run()
		}
	}
	w.users++
	return w
}

// leave stops the watcher with its last user.
func (c *Client) leave(w *watcher) {
	c.mu.Lock()
	w.users--
	last := w.users == 0 && c.watcher == w
	if last {
		c.watcher = nil
	}
	c.mu.Unlock()
	if last {
		w.stop()
	}
}

// stop has the goroutine end, without waiting for it: its wait is cancelled, again
// if it had not begun yet, then it releases the context itself.
func (w *watcher) stop() {
	close(w.stopped)
	go func() {
		for {
			w.mu.Lock()
			if w.context != nil {
				_ = w.context.Cancel()
			}
			w.mu.Unlock()
			if within(cancelPause, w.ended) {
				return
			}
		}
	}()
}

func (w *watcher) isStopped() bool {
	select {
	case <-w.stopped:
		return true
	default:
		return false
	}
}

// hurry ends the pause after a failure.
func (w *watcher) hurry() {
	select {
	case w.urged <- struct{}{}:
	default:
	}
}

// pause waits, unless it is stopped or urged.
func (w *watcher) pause(d time.Duration, urged <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-urged:
	case <-w.stopped:
	}
}

func (w *watcher) latest() news {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.news
}

// publish tells what is, and says whether it is new.
func (w *watcher) publish(readers []Reader, counters []uint16, err error) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.news
	w.news = news{readers, counters, err, old.looks + 1, old.changes, make(chan struct{})}
	changed = old.looks == 0 || !sameError(old.err, err) ||
		!slices.Equal(old.counters, counters) || !slices.EqualFunc(old.readers, readers, sameReader)
	if changed {
		w.news.changes++
	}
	close(old.next)
	return changed
}

func sameError(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

func sameReader(a, b Reader) bool {
	return a.Name == b.Name && a.Present == b.Present && a.Mute == b.Mute &&
		a.Exclusive == b.Exclusive && a.InUse == b.InUse && bytes.Equal(a.ATR, b.ATR)
}

// run watches with one context after the other. One that may only be stale is
// replaced at once, and nothing is said unless that fails.
func (w *watcher) run() {
	defer close(w.ended)
	var renewed time.Time
	for !w.isStopped() {
		err := w.follow()
		if w.isStopped() {
			return
		}
		if stale(err) && time.Since(renewed) > retry {
			renewed = time.Now()
			continue
		}
		w.publish(nil, nil, err)
		w.pause(retry, w.urged)
	}
}

// follow watches with one context until it fails or the watcher is stopped.
func (w *watcher) follow() error {
	context, err := w.establish()
	if err != nil {
		return err
	}
	w.setContext(context)
	defer func() {
		w.setContext(nil)
		_ = context.Release()
	}()
	var names []string
	seen := false
	pnp := &state{name: plugAndPlay}
	for !w.isStopped() {
		before := names
		if names, err = context.Readers(); err != nil {
			return err
		}
		states, err := look(context, names)
		if err != nil {
			return err
		}
		changed := w.publish(describe(states), counters(states), nil)
		settled := seen && slices.Equal(before, names)
		seen = true
		if settled && !changed {
			w.pause(calmTime, nil)
		}
		if pnp, err = w.sleep(context, states, pnp, settled); err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) setContext(context resources) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.context = context
}

// look asks for the state of each reader at once.
func look(context resources, names []string) ([]state, error) {
	states := make([]state, 0, len(names))
	for _, name := range names {
		if name != "" {
			states = append(states, state{name: name})
		}
	}
	if len(states) == 0 {
		return nil, nil
	}
	return states, context.Wait(states, 0)
}

// sleep returns when the readers are no longer as states has them, or when it is
// time to list them again. pnp is what is known of plugAndPlay, nil where there is
// none; the result is for the next call.
func (w *watcher) sleep(context resources, states []state, pnp *state, settled bool) (*state, error) {
	if w.isStopped() {
		return pnp, nil
	}
	limit := longTime
	switch {
	case pnp == nil:
		limit = pollTime
	case !settled:
		limit = settleTime
	}
	known := make([]state, len(states), len(states)+1)
	for i, s := range states {
		known[i] = s.settled()
	}
	if pnp == nil {
		if len(known) == 0 {
			w.pause(limit, nil)
			return nil, nil
		}
		return nil, context.Wait(known, limit)
	}
	known = append(known, *pnp)
	err := context.Wait(known, limit)
	next := known[len(states)].settled()
	switch {
	case codeOf(err) == codeUnknownReader && same(context, states):
		return nil, nil // it is none of the readers that is unknown
	case codeOf(err) == codeUnknownReader: // one left
		return pnp, nil
	case err != nil:
		return pnp, err
	case next.known&flagUnknown != 0:
		return nil, nil
	}
	return &next, nil
}

// same says whether the readers are still those of states.
func same(context resources, states []state) bool {
	names, err := context.Readers()
	return err == nil && slices.EqualFunc(names, states, func(name string, s state) bool { return name == s.name })
}

// settled is the state once what was seen is known.
func (s state) settled() state { return state{name: s.name, known: s.event &^ flagChanged} }

// describe puts states in words.
func describe(states []state) []Reader {
	readers := make([]Reader, 0, len(states))
	for _, s := range states {
		has := func(flag uint32) bool { return s.event&flagMask&flag != 0 }
		if has(flagUnknown) {
			continue
		}
		r := Reader{
			Name: s.name, Present: has(flagPresent), Mute: has(flagMute),
			Exclusive: has(flagExclusive), InUse: has(flagInUse), Moves: uint16(s.event >> 16),
		}
		if r.Present && len(s.atr) > 0 {
			r.ATR = bytes.Clone(s.atr)
		}
		readers = append(readers, r)
	}
	return readers
}

func counters(states []state) []uint16 {
	counters := make([]uint16, len(states))
	for i, s := range states {
		counters[i] = uint16(s.event >> 16)
	}
	return counters
}
