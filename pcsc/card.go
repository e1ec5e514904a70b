package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Card is a card that nobody else can use while Do runs.
type Card struct {
	client *Client
	ctx    context.Context
	worker *worker
	atr    []byte

	mu     sync.Mutex
	broken error // the link is gone: nothing is sent any more
}

var errOver = errors.New("card used after the end of Do")

// Do connects to the card on a reader, keeps everybody else from it while f
// runs, and lets go on every path. A card that was reset before f began is
// connected again, and a restarted service is found again. One Do after the other
// has a reader; others wait.
//
// Cancelling ctx ends waiting at once; a command under way is left to the card,
// which is reset when it answers. The same holds for a command that takes too long.
func (c *Client) Do(ctx context.Context, reader string, f func(*Card) error) error {
	ctx, cancel := c.untilClosed(ctx)
	defer cancel()
	card := &Card{client: c, ctx: ctx}
	if err := card.open(reader); err != nil {
		return err
	}
	normal := false
	defer func() { card.release(!normal) }()
	err := f(card)
	normal = true
	return err
}

// ATR is the card's answer to reset.
func (c *Card) ATR() []byte { return bytes.Clone(c.atr) }

// ResetAtEnd has Do end with a reset of the card, so that nothing that was
// proved to it is left for others.
func (c *Card) ResetAtEnd() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != errOver {
		c.worker.reset = true
	}
}

// Transmit carries one command APDU and brings the answer, at least two bytes.
// After an error the card answers no more in this Do: a command is never sent twice.
func (c *Card) Transmit(command []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	if len(command) < 4 {
		return nil, errors.New("a command has four bytes at least")
	}
	answer, err := c.exchange(bytes.Clone(command)) // the caller may wipe his before a call left behind has read it
	if err == nil && len(answer) < 2 {
		err = fmt.Errorf("answer of %d bytes: %w", len(answer), ErrRemoved) // what is left of it when the card leaves in its middle
	}
	if err != nil {
		c.broken = err
		return nil, err
	}
	return answer, nil
}

// exchange owns the command, and wipes it.
func (c *Card) exchange(command []byte) ([]byte, error) {
	if c.ctx.Err() != nil {
		return nil, context.Cause(c.ctx)
	}
	p := &patience{limit: time.NewTimer(c.client.transmit), late: ErrNoAnswer}
	defer p.stop()
	link := c.worker.link
	answer, err := await(c.ctx, c.worker, p, func() ([]byte, error) {
		defer clear(command)
		return link.Transmit(command)
	})
	if c.worker.stuck != nil {
		c.worker.reset = true // it may have proved something to the card
	}
	return answer, err
}

// open waits for the reader's turn, connects and begins the transaction, all within
// the client's patience.
func (c *Card) open(reader string) error {
	if reader == "" || bytes.IndexByte([]byte(reader), 0) >= 0 {
		return ErrNoReader
	}
	p := &patience{
		limit: time.NewTimer(c.client.connect), late: ErrBusy,
		notice: time.NewTimer(noticeAfter), tell: func() { c.client.waiting(reader) },
	}
	defer p.stop()
	turn, err := c.client.takeTurn(c.ctx, reader, p)
	if err != nil {
		return err
	}
	c.worker = newWorker(turn)
	if err := c.connect(reader, p); err != nil {
		c.worker.finish()
		return err
	}
	return nil
}

// connect makes a context and connects, once more where the service was restarted.
func (c *Card) connect(reader string, p *patience) error {
	w := c.worker
	attempt := func() (err error) {
		p.late = ErrNoService // connecting waits for other programs, this for the service only
		if _, err := await(c.ctx, w, p, func() (struct{}, error) { return struct{}{}, w.establish(c.client) }); err != nil {
			return err
		}
		p.late = ErrBusy
		c.atr, err = await(c.ctx, w, p, func() ([]byte, error) { return w.connect(c.client, reader) })
		return err
	}
	err := attempt()
	if !stale(err) || w.stuck != nil {
		return err
	}
	if _, err := await(c.ctx, w, p, func() (struct{}, error) { w.letGo(); return struct{}{}, nil }); err != nil {
		return err
	}
	return attempt()
}

// release ends the Do and waits until the card is let go, unless the worker is stuck.
func (c *Card) release(reset bool) {
	c.mu.Lock()
	c.broken = errOver
	c.worker.reset = c.worker.reset || reset
	c.mu.Unlock()
	c.worker.finish()
}

// A patience bounds one wait or several in a row.
type patience struct {
	limit  *time.Timer
	late   error       // what it means that the limit is over
	notice *time.Timer // nil: nobody is told
	tell   func()
}

func (p *patience) stop() {
	p.limit.Stop()
	if p.notice != nil {
		p.notice.Stop()
	}
}

// wait returns when ready does, with an error when ctx or the patience ends first.
func wait[T any](ctx context.Context, p *patience, ready <-chan T) (t T, err error) {
	var notice <-chan time.Time
	if p.notice != nil {
		notice = p.notice.C
	}
	for {
		select {
		case t := <-ready:
			return t, nil
		case <-notice:
			p.tell()
		case <-ctx.Done():
			return t, context.Cause(ctx)
		case <-p.limit.C:
			return t, p.late
		}
	}
}

// A worker runs the PC/SC calls of one Do, one after the other, on a goroutine
// of its own. If one does not return, the rest waits behind it and nobody else.
type worker struct {
	turn  *turn
	jobs  chan func()
	done  chan struct{}
	reset bool  // the card at the end; read once jobs is closed
	stuck error // why a call was left behind; of the Do, not of the goroutine

	// Only for jobs, and for the Do while none runs.
	context resources
	link    connection
	begun   bool // the transaction
}

func newWorker(t *turn) *worker {
	w := &worker{turn: t, jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		defer t.pass()
		for job := range w.jobs {
			job()
		}
		w.letGo()
	}()
	return w
}

// await runs a call on the worker and waits for it. If it does not return in time,
// or ctx ends first, the worker is stuck and the call's results are nobody's.
func await[T any](ctx context.Context, w *worker, p *patience, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ready := make(chan result, 1)
	w.jobs <- func() {
		value, err := call()
		ready <- result{value, err}
	}
	r, err := wait(ctx, p, ready)
	if err != nil {
		w.stuck = err
		w.turn.stick(err)
		return r.value, err
	}
	return r.value, r.err
}

// finish has the worker let go, now or when the call it is stuck in returns.
func (w *worker) finish() {
	close(w.jobs)
	if w.stuck == nil {
		within(letGoLimit, w.done)
	}
}

func (w *worker) establish(c *Client) (err error) {
	w.context, err = c.establish()
	return err
}

// maxReconnects bounds how often a card that others keep resetting is connected
// again before giving up.
const maxReconnects = 2

// connect connects, begins the transaction and gives the ATR.
func (w *worker) connect(c *Client, reader string) (atr []byte, err error) {
	err = c.unlessDenied("connect", func() error {
		w.link, err = w.context.Connect(reader)
		return err
	})
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		atr, err := w.begin()
		if !errors.Is(err, ErrReset) || n == maxReconnects {
			return atr, err
		}
		if err := w.link.Reconnect(); err != nil {
			return nil, err
		}
	}
}

func (w *worker) begin() ([]byte, error) {
	if err := w.link.Begin(); err != nil {
		return nil, err
	}
	atr, err := w.link.ATR()
	if err != nil {
		_ = w.link.End(false)
		return nil, err
	}
	w.begun = true
	return atr, nil
}

// letGo ends what was begun, in reverse order. What fails on the way is of no use to
// anybody, but for a reset, which is then tried another way.
func (w *worker) letGo() {
	if w.link != nil {
		reset := w.begun && w.reset
		if w.begun && w.link.End(reset) == nil {
			reset = false
		}
		_ = w.link.Disconnect(reset)
	}
	if w.context != nil {
		_ = w.context.Release()
	}
	w.context, w.link, w.begun = nil, nil, false
}

// A turn is the right to use a reader, of one worker at a time. So that calls which
// never return do not pile up behind each other, it is passed on when they have.
type turn struct {
	free chan struct{} // holds one value when the turn is free
	mu   sync.Mutex
	late error // why the present worker is stuck, nil if it is not
}

// takeTurn waits for the reader's turn.
func (c *Client) takeTurn(ctx context.Context, reader string, p *patience) (*turn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c.mu.Lock()
	t := c.turns[reader]
	if t == nil {
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		c.turns[reader] = t
	}
	c.mu.Unlock()
	_, err := wait(ctx, p, t.free)
	if errors.Is(err, ErrBusy) && t.noAnswer() {
		return nil, ErrNoAnswer // it is the card that does not let go, not a program
	}
	return t, err
}

func (t *turn) noAnswer() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Is(t.late, ErrNoAnswer)
}

func (t *turn) stick(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = why
}

func (t *turn) pass() {
	t.stick(nil)
	t.free <- struct{}{}
}
