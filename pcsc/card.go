package pcsc

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Card is a card that nobody else can use while Do runs.
type Card struct {
	client *Client
	ctx    context.Context
	worker *worker
	link   connection
	atr    []byte
	reset  bool
	broken error // the link is gone: nothing is sent any more
}

// Do connects to the card on a reader, keeps everybody else from it while f
// runs, and lets go on every path. Cancelling ctx ends waiting at once; a command
// under way is left to the card.
func (c *Client) Do(ctx context.Context, reader string, f func(*Card) error) error {
	card := &Card{client: c, ctx: ctx, worker: newWorker()}
	defer card.worker.stop()
	if err := card.open(reader); err != nil {
		return err
	}
	defer card.release()
	return f(card)
}

// ATR is the card's answer to reset.
func (c *Card) ATR() []byte { return c.atr }

// ResetAtEnd has Do end with a reset of the card, so that nothing that was
// proved to it is left for others.
func (c *Card) ResetAtEnd() { c.reset = true }

// Transmit carries one command APDU and brings the answer, at least two bytes.
// After an error the card answers no more in this Do.
func (c *Card) Transmit(command []byte) ([]byte, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if len(command) < 4 {
		return nil, errors.New("a command has four bytes at least")
	}
	var answer []byte
	err := c.worker.await(c.ctx, c.client.transmit, func() (err error) {
		answer, err = c.link.Transmit(command)
		return err
	})
	switch {
	case err != nil:
		c.broken = err
		return nil, err
	case len(answer) < 2: // what is left of an answer when the card leaves in its middle
		c.broken = ErrRemoved
		return nil, ErrRemoved
	}
	return answer, nil
}

// open connects and begins the transaction, within the client's patience.
func (c *Card) open(reader string) error {
	if reader == "" {
		return ErrNoReader
	}
	var notice *time.Timer
	if c.client.waiting != nil {
		notice = time.AfterFunc(c.client.notice, func() { c.client.waiting(reader) })
		defer notice.Stop()
	}
	type opened struct {
		link connection
		atr  []byte
	}
	result := make(chan opened, 1)
	err := c.worker.await(c.ctx, c.client.connect, func() error {
		context, link, atr, err := connect(c.client.system, reader)
		if err != nil {
			return err
		}
		c.worker.atEnd(func() { _ = context.Release() })
		c.worker.atEnd(func() { _, _ = link.End(c.reset), link.Disconnect(c.reset) })
		result <- opened{link, atr}
		return nil
	})
	if errors.Is(err, ErrNoAnswer) {
		return ErrBusy // connect and begin wait for other programs only
	}
	if err != nil {
		return err
	}
	o := <-result
	c.link, c.atr = o.link, o.atr
	return nil
}

// release waits for the end of the transaction, if the worker is not stuck.
func (c *Card) release() {
	if errors.Is(c.broken, ErrNoAnswer) {
		return // the worker lets go when the card answers
	}
	patience := c.client.transmit
	if c.ctx.Err() != nil {
		patience = min(patience, letGo) // a command may be under way
	}
	c.worker.finish(patience)
}

// letGo is how long a cancelled Do waits for the card to be let go.
const letGo = 500 * time.Millisecond

// connect makes a context, connects and begins a transaction. Where the service
// was restarted it does so once more; a card that was reset meanwhile is
// connected again.
func connect(s system, reader string) (resources, connection, []byte, error) {
	context, link, atr, err := connectOnce(s, reader)
	var code *Error
	if errors.As(err, &code) && staleContext(code.Code) {
		return connectOnce(s, reader)
	}
	return context, link, atr, err
}

func connectOnce(s system, reader string) (resources, connection, []byte, error) {
	context, err := s.Establish()
	if err != nil {
		return nil, nil, nil, err
	}
	link, err := context.Connect(reader)
	if err != nil {
		_ = context.Release()
		return nil, nil, nil, err
	}
	atr, err := begin(link)
	if err != nil {
		_ = link.Disconnect(false)
		_ = context.Release()
		return nil, nil, nil, err
	}
	return context, link, atr, nil
}

// maxReconnects bounds how often a card that others keep resetting is connected
// again before giving up.
const maxReconnects = 2

func begin(link connection) ([]byte, error) {
	for n := 0; ; n++ {
		err := link.Begin()
		if err == nil {
			var atr []byte
			if atr, err = link.ATR(); err == nil {
				return atr, nil
			}
			_ = link.End(false)
		}
		if !errors.Is(err, ErrReset) || n == maxReconnects {
			return nil, err
		}
		if err := link.Reconnect(); err != nil {
			return nil, err
		}
	}
}

// staleContext says whether a code is cured by a new context.
func staleContext(code uint32) bool {
	switch code {
	case codeNoService, codeServiceStopped, codeComm, codeInvalidHandle, codeUnknownReader:
		return true
	}
	return false
}

// A worker runs the PC/SC calls of one Do, one after the other, on a goroutine
// of its own. If one does not return, the rest waits behind it and nobody else.
type worker struct {
	jobs chan func()
	end  []func()
	done chan struct{}
	stop func() // no more jobs; twice is harmless
}

func newWorker() *worker {
	w := &worker{jobs: make(chan func(), 4), done: make(chan struct{})}
	w.stop = sync.OnceFunc(func() { close(w.jobs) })
	go func() {
		defer close(w.done)
		for job := range w.jobs {
			job()
		}
		for i := len(w.end) - 1; i >= 0; i-- {
			w.end[i]()
		}
	}()
	return w
}

// await runs a call and waits for it: ErrNoAnswer after that time, the error of
// ctx when it ends first. The worker's caller does not come back after either.
func (w *worker) await(ctx context.Context, patience time.Duration, call func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	result := make(chan error, 1)
	w.jobs <- func() { result <- call() }
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return ErrNoAnswer
	case <-ctx.Done():
		return ctx.Err()
	}
}

// atEnd is called by a job: f runs when the worker stops, last first.
func (w *worker) atEnd(f func()) { w.end = append(w.end, f) }

// finish is stop, and waits for the end a while.
func (w *worker) finish(patience time.Duration) {
	w.stop()
	select {
	case <-w.done:
	case <-time.After(patience):
	}
}
