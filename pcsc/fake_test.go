package pcsc

import (
	"slices"
	"sync"
	"time"
)

// A fake is a PC/SC service whose every call can fail, panic or block.
type fake struct {
	mu      sync.Mutex
	readers []state // event and atr as the service has them
	moved   chan struct{}
	noPnP   bool

	on    map[string]func(n int) error // by call, with how often it was made before
	calls []string
	reply func(command []byte) []byte

	contexts, links, begun int // open
}

func newFake(readers ...string) *fake {
	f := &fake{moved: make(chan struct{}), on: make(map[string]func(int) error)}
	for _, r := range readers {
		f.readers = append(f.readers, state{name: r, event: 0x10020, atr: []byte{0x3B, 0x80, 0x80, 0x01, 0x01}})
	}
	f.reply = func([]byte) []byte { return []byte{0x90, 0x00} }
	return f
}

// call notes a call and does what the test wants of it.
func (f *fake) call(name string) error {
	f.mu.Lock()
	n := 0
	for _, c := range f.calls {
		if c == name {
			n++
		}
	}
	f.calls = append(f.calls, name)
	do := f.on[name]
	f.mu.Unlock()
	if do == nil {
		return nil
	}
	return do(n)
}

// set says what happens at a call.
func (f *fake) set(name string, do func(n int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on[name] = do
}

// change alters the readers, and those who wait see it.
func (f *fake) change(alter func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter()
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *fake) count(name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == name {
			n++
		}
	}
	return n
}

// open is what is not let go: contexts, links, transactions.
func (f *fake) open() [3]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return [3]int{f.contexts, f.links, f.begun}
}

func (f *fake) add(counter *int, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*counter += n
}

func (f *fake) Establish() (resources, error) {
	if err := f.call("establish"); err != nil {
		return nil, err
	}
	f.add(&f.contexts, 1)
	return &fakeContext{f: f, cancelled: make(chan struct{}, 1)}, nil
}

type fakeContext struct {
	f         *fake
	cancelled chan struct{}
}

func (c *fakeContext) Readers() (names []string, err error) {
	if err := c.f.call("list"); err != nil {
		return nil, err
	}
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	for _, r := range c.f.readers {
		names = append(names, r.name)
	}
	return names, nil
}

// Wait compares all of known but the changed flag, as pcscd does with the counter.
func (c *fakeContext) Wait(states []state, timeout time.Duration) error {
	if timeout > 0 {
		if err := c.f.call("wait"); err != nil {
			return err
		}
	}
	var limit <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		limit = timer.C
	}
	c.f.mu.Lock()
	before := len(c.f.readers)
	c.f.mu.Unlock()
	for {
		c.f.mu.Lock()
		moved, differs := c.f.moved, false
		for i := range states {
			if states[i].name == plugAndPlay {
				if c.f.noPnP {
					states[i].event, differs = flagUnknown|flagChanged, true
				} else if len(c.f.readers) != before {
					states[i].event, differs = flagChanged, true
				}
				continue
			}
			n := slices.IndexFunc(c.f.readers, func(r state) bool { return r.name == states[i].name })
			if n < 0 {
				c.f.mu.Unlock()
				return &Error{"wait for readers", codeUnknownReader}
			}
			states[i].event, states[i].atr = c.f.readers[n].event, c.f.readers[n].atr
			if states[i].event != states[i].known {
				states[i].event |= flagChanged
				differs = true
			}
		}
		c.f.mu.Unlock()
		if differs || timeout == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-limit:
			return nil
		case <-c.cancelled:
			return &Error{"wait for readers", 0x80100002}
		}
	}
}

func (c *fakeContext) Cancel() error {
	select {
	case c.cancelled <- struct{}{}:
	default:
	}
	return nil
}

func (c *fakeContext) Connect(string) (connection, error) {
	if err := c.f.call("connect"); err != nil {
		return nil, err
	}
	c.f.add(&c.f.links, 1)
	return &fakeLink{c.f}, nil
}

func (c *fakeContext) Release() error {
	c.f.add(&c.f.contexts, -1)
	return c.f.call("release")
}

type fakeLink struct{ f *fake }

func (l *fakeLink) Reconnect() error { return l.f.call("reconnect") }

func (l *fakeLink) Begin() error {
	if err := l.f.call("begin"); err != nil {
		return err
	}
	l.f.add(&l.f.begun, 1)
	return nil
}

func (l *fakeLink) ATR() ([]byte, error) {
	return []byte{0x3B, 0x80, 0x80, 0x01, 0x01}, l.f.call("atr")
}

func (l *fakeLink) Transmit(command []byte) ([]byte, error) {
	if err := l.f.call("transmit"); err != nil {
		return nil, err
	}
	return l.f.reply(command), nil
}

func (l *fakeLink) End(reset bool) error {
	l.f.add(&l.f.begun, -1)
	return l.f.call(named("end", reset))
}

func (l *fakeLink) Disconnect(reset bool) error {
	l.f.add(&l.f.links, -1)
	return l.f.call(named("disconnect", reset))
}

func named(call string, reset bool) string {
	if reset {
		return call + " with reset"
	}
	return call
}
