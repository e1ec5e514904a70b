package rig

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// A Call is a message of the protocol between libpcsclite and pcscd, version 4.4
// (pcsc-lite 1.9, winscard_msg.h: numbers and sizes).
type Call uint32

// The calls a Fault can be for.
const (
	Establish        Call = 0x01
	Release          Call = 0x02
	Connect          Call = 0x04
	Reconnect        Call = 0x05
	Disconnect       Call = 0x06
	BeginTransaction Call = 0x07
	EndTransaction   Call = 0x08
	Transmit         Call = 0x09
	Status           Call = 0x0B
	ReaderStates     Call = 0x12 // under SCardListReaders and SCardGetStatusChange
	WaitForChange    Call = 0x13 // under SCardGetStatusChange

	control     Call = 0x0A
	stopWaiting Call = 0x14
)

// A request is a header of two 32-bit numbers in the byte order of the machine,
// size and call, then the body. An answer is the same body with the code in its last
// four bytes, except for the calls on reader states.
const (
	headerSize   = 8
	maxBody      = 1 << 16
	maxExtra     = 1 << 17 // APDU or control data
	readerState  = 184     // bytes
	readerStates = 16 * readerState
	eventSize    = 8     // time-out and code
	sendLength   = 3 * 4 // offset in the body of Transmit, of the bytes that follow a request
	receiveEnd   = 6 * 4 // offset in the body of Transmit, of the bytes that follow an answer
	controlSend  = 2 * 4 // the same for control
	controlEnd   = 4 * 4
)

// A Fault is what a Proxy does to a call.
type Fault struct {
	Call  Call
	Skip  int           // calls of that kind that pass before
	Times int           // calls it is done to; 0: all that follow
	Code  uint32        // the service's answer, 0: its own. The daemon still does what was asked
	Delay time.Duration // before the answer
	Drop  bool          // the connection ends instead of an answer
	Names string        // ReaderStates, WaitForChange: what every reader is called, with a number after it
	Empty bool          // ReaderStates, WaitForChange: no reader, as after unplugging the last
}

// A Proxy stands between the PC/SC programs of the test and its pcscd, and changes
// answers. Connections made before it started do not pass through it.
type Proxy struct {
	listener net.Listener
	mu       sync.Mutex
	faults   []*Fault
	calls    map[Call]int
	conns    map[net.Conn]bool
	done     sync.WaitGroup
}

// StartProxy leads new connections through a Proxy until the test ends.
func StartProxy(t testing.TB) *Proxy {
	t.Helper()
	const path = RunFolder + "/proxy.comm"
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, calls: make(map[Call]int), conns: make(map[net.Conn]bool)}
	p.done.Go(p.accept)
	if err := pointService(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pointService(socket); err != nil {
			t.Error(err)
		}
		_ = listener.Close()
		p.cut()
		p.done.Wait()
	})
	return p
}

// Inject adds a fault; those added first go first.
func (p *Proxy) Inject(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &f)
}

// Heal takes all faults away.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Calls is how many calls of that kind programs have made.
func (p *Proxy) Calls(c Call) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[c]
}

// cut ends every connection.
func (p *Proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) accept() {
	for {
		program, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.serve(program) })
	}
}

// fault is what to do to this call.
func (p *Proxy) fault(c Call) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c]++
	for i, f := range p.faults {
		if f.Call != c {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times == 1 {
			p.faults = slices.Delete(p.faults, i, i+1)
		} else if f.Times > 1 {
			f.Times--
		}
		return *f
	}
	return Fault{}
}

func (p *Proxy) track(c net.Conn, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
	}
}

// An answer is one to come from the daemon: its size, the call and what to do to it.
type answer struct {
	size  int
	call  Call
	fault Fault
}

// serve carries one connection until either side ends it.
func (p *Proxy) serve(program net.Conn) {
	defer func() { _ = program.Close() }()
	daemon, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer func() { _ = daemon.Close() }()
	for _, c := range []net.Conn{program, daemon} {
		p.track(c, true)
		defer p.track(c, false)
	}
	answers := make(chan answer, 64)
	p.done.Go(func() {
		for a := range answers {
			if carryAnswer(daemon, program, a) != nil { // the rest has nobody to go to
				_, _ = program.Close(), daemon.Close()
			}
		}
	})
	for p.carryRequest(program, daemon, answers) == nil {
	}
	close(answers)
}

// carryRequest carries one request and announces what the daemon will answer.
func (p *Proxy) carryRequest(program, daemon net.Conn, answers chan<- answer) error {
	message := make([]byte, headerSize)
	if _, err := io.ReadFull(program, message); err != nil {
		return err
	}
	size, call := binary.NativeEndian.Uint32(message), Call(binary.NativeEndian.Uint32(message[4:]))
	if size > maxBody {
		return errors.New("message too long")
	}
	message, err := readMore(program, message, int(size))
	if err != nil {
		return err
	}
	if at := map[Call]int{Transmit: sendLength, control: controlSend}[call]; at != 0 {
		if message, err = readMore(program, message, lengthAt(message[headerSize:], at)); err != nil {
			return err
		}
	}
	fault := p.fault(call)
	switch call { // announced before the daemon can answer
	case stopWaiting: // it ends the event that is still to come
	case ReaderStates:
		answers <- answer{readerStates, call, fault}
	case WaitForChange:
		answers <- answer{readerStates, call, fault}
		answers <- answer{eventSize, call, Fault{Code: fault.Code}}
	default:
		answers <- answer{int(size), call, fault}
	}
	_, err = daemon.Write(message)
	return err
}

// readMore appends the next n bytes.
func readMore(r io.Reader, b []byte, n int) ([]byte, error) {
	if n < 0 || n > maxExtra {
		return nil, errors.New("message too long")
	}
	b = slices.Grow(b, n)[:len(b)+n]
	_, err := io.ReadFull(r, b[len(b)-n:])
	return b, err
}

// lengthAt is the number at an offset, negative where there is none.
func lengthAt(body []byte, at int) int {
	if len(body) < at+4 {
		return -1
	}
	return int(binary.NativeEndian.Uint32(body[at:]))
}

// carryAnswer carries one answer, changed as its fault wants it.
func carryAnswer(daemon, program net.Conn, a answer) error {
	body, err := readMore(daemon, nil, a.size)
	if err != nil {
		return err
	}
	at := map[Call]int{Transmit: receiveEnd, control: controlEnd}[a.call]
	if at != 0 && binary.NativeEndian.Uint32(body[a.size-4:]) == 0 {
		if body, err = readMore(daemon, body, lengthAt(body, at)); err != nil {
			return err
		}
	}
	time.Sleep(a.fault.Delay)
	if a.fault.Drop {
		return errors.New("dropped")
	}
	if a.fault.Names != "" {
		rename(body, a.fault.Names)
	}
	if a.fault.Empty {
		clear(body)
	}
	if a.fault.Code != 0 && a.size != readerStates {
		binary.NativeEndian.PutUint32(body[a.size-4:], a.fault.Code)
		body = body[:a.size] // an error has nothing after it
	}
	_, err = program.Write(body)
	return err
}

// readerName is how many bytes the name of a reader takes at the start of its state.
const readerName = 128

// rename gives every reader another name.
func rename(states []byte, to string) {
	for i := 0; (i+1)*readerState <= len(states); i++ {
		if name := states[i*readerState:][:readerName]; name[0] != 0 {
			clear(name)
			copy(name[:readerName-1], fmt.Sprintf("%s 0%d 00", to, i))
		}
	}
}
