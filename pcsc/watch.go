package pcsc

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"
)

// A watcher follows the readers on one goroutine, for as long as somebody wants
// to know. There is one for each Client: two waits at a time on the same reader
// are not safe in the binding.
type watcher struct {
	system system

	mu      sync.Mutex
	users   int
	stopped chan struct{} // closed to end the goroutine; nil: not running
	ended   chan struct{} // closed by the goroutine
	context resources     // to cancel its wait
	news    news
}

// news is what the watcher saw last; next is closed when there is something newer.
type news struct {
	readers []Reader
	err     error
	seen    bool
	next    chan struct{}
}

// retry is the pause before looking for a missing service again.
const retry = 2 * time.Second

// Watch gives the readers as they are now, and again at each change of readers
// or cards, until ctx ends. Errors are given too, and watching goes on.
func (c *Client) Watch(ctx context.Context) iter.Seq2[[]Reader, error] {
	return func(yield func([]Reader, error) bool) {
		w := &c.watcher
		w.join()
		defer w.leave()
		for {
			n := w.latest()
			if n.seen && !yield(n.readers, n.err) {
				return
			}
			select {
			case <-n.next:
			case <-ctx.Done():
				return
			}
		}
	}
}

// join starts the goroutine for its first user.
func (w *watcher) join() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users++
	if w.stopped != nil {
		return
	}
	w.stopped, w.ended = make(chan struct{}), make(chan struct{})
	w.news = news{next: make(chan struct{})}
	go w.run(w.stopped, w.ended)
}

// leave stops it with its last user.
func (w *watcher) leave() {
	w.mu.Lock()
	w.users--
	last := w.users == 0
	var stopped, ended chan struct{}
	if last {
		stopped, ended, w.stopped = w.stopped, w.ended, nil
	}
	w.mu.Unlock()
	if stopped != nil {
		w.end(stopped, ended)
	}
}

// stop ends the goroutine whoever still uses it.
func (w *watcher) stop() {
	w.mu.Lock()
	stopped, ended := w.stopped, w.ended
	w.stopped = nil
	w.mu.Unlock()
	if stopped != nil {
		w.end(stopped, ended)
	}
}

// end stops a goroutine: its wait is cancelled, again if it had not begun yet,
// then the context is released by the goroutine itself.
func (w *watcher) end(stopped, ended chan struct{}) {
	close(stopped)
	for deadline := time.Now().Add(retry); time.Now().Before(deadline); {
		w.mu.Lock()
		resources := w.context
		w.mu.Unlock()
		if resources != nil {
			_ = resources.Cancel()
		}
		select {
		case <-ended:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *watcher) latest() news {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.news
}

// publish tells what is new.
func (w *watcher) publish(readers []Reader, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.news.next
	w.news = news{readers, err, true, make(chan struct{})}
	close(old)
}

// run watches until stopped, with a new context after each failure.
func (w *watcher) run(stopped, ended chan struct{}) {
	defer close(ended)
	var last error
	for {
		err := w.follow(stopped)
		select {
		case <-stopped:
			return
		default:
		}
		if last == nil || !errors.Is(err, last) { // say it once
			w.publish(nil, err)
		}
		last = sentinelOf(err)
		select {
		case <-stopped:
			return
		case <-time.After(retry):
		}
	}
}

// sentinelOf is what an error amounts to, to compare two of them.
func sentinelOf(err error) error {
	var code *Error
	if errors.As(err, &code) && sentinels[code.Code] != nil {
		return sentinels[code.Code]
	}
	return err
}

// follow watches with one context until it fails or the watcher is stopped.
func (w *watcher) follow(stopped chan struct{}) error {
	context, err := w.system.Establish()
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.context = context
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.context = nil
		w.mu.Unlock()
		_ = context.Release()
	}()
	pnp := state{name: plugAndPlay}
	var known []state
	for {
		select {
		case <-stopped:
			return nil
		default:
		}
		if known, err = look(context, known); err != nil {
			return err
		}
		w.publish(describe(known), nil)
		for i := range known {
			known[i].settle()
		}
		pnp.settle()
		wait := append(known[:len(known):len(known)], pnp)
		err := context.Wait(wait, -1)
		if errors.Is(err, ErrNoReader) { // a reader left: look again
			time.Sleep(retry / 10)
			continue
		}
		if err != nil && !errors.Is(err, ErrNoAnswer) { // a time-out is none
			return err
		}
		pnp = wait[len(known)]
	}
}

// look lists the readers and asks for the state of each at once.
func look(context resources, known []state) ([]state, error) {
	names, err := context.Readers()
	if err != nil {
		return nil, err
	}
	states := make([]state, 0, len(names))
	for _, name := range names {
		if name != "" {
			states = append(states, state{name: name})
		}
	}
	if len(states) == 0 {
		return nil, nil
	}
	if err := context.Wait(states, 0); err != nil && !errors.Is(err, ErrNoAnswer) {
		if errors.Is(err, ErrNoReader) { // one left between the two calls
			return known, nil
		}
		return nil, err
	}
	return states, nil
}

// settle makes what was seen what is known.
func (s *state) settle() {
	const changed = 0x0002
	s.known = s.event &^ changed
}

// describe puts states in words.
func describe(states []state) []Reader {
	readers := make([]Reader, 0, len(states))
	for _, s := range states {
		flags := s.event & flagMask
		if flags&flagUnknown != 0 {
			continue
		}
		r := Reader{
			Name: s.name, Present: flags&flagPresent != 0, Mute: flags&flagMute != 0,
			Exclusive: flags&flagExclusive != 0, InUse: flags&flagInUse != 0,
		}
		if r.Present {
			r.ATR = s.atr
		}
		readers = append(readers, r)
	}
	return readers
}
