//go:build integration && linux

package pcsc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/pcsc"
)

func TestMain(m *testing.M) { rig.Main(m) }

const (
	soon     = 5 * time.Second         // for a call that fails once a patience has ended
	patience = 20 * time.Second        // for what a busy computer is slow to notice
	atOnce   = 1500 * time.Millisecond // for a call that waits for nobody, on a busy machine; less than any patience
)

// Answers of the scripted card, by the second byte of the command.
const (
	insEcho  = 0x01 // data back, then 9000
	insStall = 0x02 // nothing, until the gate opens
	insCut   = 0x03 // the connection ends in mid-command
)

var (
	echo  = []byte{0x00, insEcho, 0x00, 0x00, 0x02, 0xCA, 0xFE}
	stall = []byte{0x00, insStall, 0x00, 0x00}
	cut   = []byte{0x00, insCut, 0x00, 0x00}

	cardATR = []byte{0x3B, 0x80, 0x80, 0x01, 0x01} // T=0 and T=1, ISO/IEC 7816-3:2006 §8.2
)

// A vicc is a card that speaks vpcd: 16-bit big-endian length, then one control byte
// (0 off, 1 on, 2 reset, 4 ATR) or an APDU.
type vicc struct {
	conn   net.Conn
	gate   chan struct{}
	mu     sync.Mutex
	apdus  int
	resets int
	ended  chan struct{}
}

// insert puts a card into the reader at that port and waits until it is seen.
func insert(t *testing.T, c *pcsc.Client, port int) *vicc {
	t.Helper()
	v := connect(t, port)
	until(t, c, func(readers []pcsc.Reader) bool { return readers[port-rig.FirstPort].Present })
	return v
}

func connect(t *testing.T, port int) *vicc {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	v := &vicc{conn: conn, gate: make(chan struct{}), ended: make(chan struct{})}
	go v.serve()
	t.Cleanup(v.remove)
	return v
}

func (v *vicc) remove() {
	_ = v.conn.Close()
	select {
	case <-v.gate:
	default:
		close(v.gate)
	}
	<-v.ended
}

func (v *vicc) serve() {
	defer close(v.ended)
	for {
		message, err := v.receive()
		if err != nil {
			return
		}
		answer := v.answer(message)
		if answer == nil {
			continue
		}
		frame := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
		if _, err := v.conn.Write(append(frame, answer...)); err != nil {
			return
		}
	}
}

// receive acknowledges at once: vpcd sends length and message apart and waits for it.
func (v *vicc) receive() ([]byte, error) {
	raw, err := v.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	const quickAck = 12 // TCP_QUICKACK, tcp(7)
	_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, quickAck, 1) })
	var length [2]byte
	if _, err := io.ReadFull(v.conn, length[:]); err != nil {
		return nil, err
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, quickAck, 1) })
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(v.conn, message)
	return message, err
}

func (v *vicc) answer(message []byte) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(message) == 1 {
		switch message[0] {
		case 2:
			v.resets++
		case 4:
			return cardATR
		}
		return nil
	}
	v.apdus++
	switch message[1] {
	case insEcho:
		return append(bytes.Clone(message[5:]), 0x90, 0x00)
	case insStall:
		v.mu.Unlock()
		<-v.gate
		v.mu.Lock()
		return []byte{0x90, 0x00}
	case insCut:
		_ = v.conn.Close()
		return nil
	}
	return []byte{0x6D, 0x00}
}

func (v *vicc) count() (apdus, resets int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.apdus, v.resets
}

// until watches until the readers are as wanted.
func until(t *testing.T, c *pcsc.Client, wanted func([]pcsc.Reader) bool) time.Duration {
	t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for readers, err := range c.Watch(ctx) {
		if err == nil && len(readers) == 2 && wanted(readers) {
			return time.Since(begin)
		}
	}
	t.Fatalf("the readers are not as wanted after %v", patience)
	return 0
}

func newClient(t *testing.T, options ...pcsc.Option) *pcsc.Client {
	t.Helper()
	c := pcsc.New(options...)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(command []byte) func(*pcsc.Card) error {
	return func(card *pcsc.Card) error {
		_, err := card.Transmit(command)
		return err
	}
}

func works(t *testing.T, c *pcsc.Client, reader string) {
	t.Helper()
	err := c.Do(t.Context(), reader, func(card *pcsc.Card) error {
		if !bytes.Equal(card.ATR(), cardATR) {
			t.Errorf("ATR = %X, want %X", card.ATR(), cardATR)
		}
		answer, err := card.Transmit(echo)
		if err == nil && !bytes.Equal(answer, []byte{0xCA, 0xFE, 0x90, 0x00}) {
			t.Errorf("Transmit = %X, want CAFE9000", answer)
		}
		return err
	})
	if err != nil {
		t.Errorf("Do on %s: %v", reader, err)
	}
}

// neighbour is another program, by the binding itself.
func neighbour(t *testing.T, mode scard.ShareMode) *scard.Card {
	t.Helper()
	ctx, err := scard.EstablishContext()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ctx.Release() })
	card, err := ctx.Connect(rig.FirstReader, mode, scard.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

func TestReadersAndCards(t *testing.T) {
	rig.StartPCSCD(t)
	c := newClient(t)
	begin := time.Now()
	readers, err := c.Readers(t.Context())
	t.Logf("readers listed in %v", time.Since(begin))
	if err != nil || len(readers) != 2 || readers[0].Name != rig.FirstReader || readers[1].Name != rig.SecondReader {
		t.Fatalf("Readers = %+v, %v, want the two of vpcd", readers, err)
	}
	if err := c.Do(t.Context(), rig.FirstReader, send(echo)); !errors.Is(err, pcsc.ErrNoCard) {
		t.Errorf("no card: Do = %v, want %v", err, pcsc.ErrNoCard)
	}
	if err := c.Do(t.Context(), "no such reader", send(echo)); !errors.Is(err, pcsc.ErrNoReader) {
		t.Errorf("no reader: Do = %v, want %v", err, pcsc.ErrNoReader)
	}
	v := insert(t, c, rig.FirstPort)
	if readers, _ := c.Readers(t.Context()); !bytes.Equal(readers[0].ATR, cardATR) || readers[1].Present {
		t.Errorf("Readers = %+v, want a card in the first only", readers)
	}
	if apdus, _ := v.count(); apdus != 0 {
		t.Errorf("watching sent %d commands", apdus)
	}
	works(t, c, rig.FirstReader)
	v.remove()
	t.Logf("removal seen in %v", until(t, c, func(r []pcsc.Reader) bool { return !r[0].Present }))
}

func TestFigures(t *testing.T) {
	rig.StartPCSCD(t)
	c := newClient(t)
	v := insert(t, c, rig.FirstPort)
	const rounds = 200
	begin := time.Now()
	for range rounds {
		if err := c.Do(t.Context(), rig.FirstReader, func(*pcsc.Card) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("empty Do: %v", time.Since(begin)/rounds)
	if err := c.Do(t.Context(), rig.FirstReader, func(card *pcsc.Card) error {
		begin := time.Now()
		for range rounds {
			if _, err := card.Transmit(echo); err != nil {
				return err
			}
		}
		t.Logf("APDU: %v", time.Since(begin)/rounds)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if apdus, _ := v.count(); apdus != rounds {
		t.Errorf("the card had %d commands, want %d", apdus, rounds)
	}
}

func TestResetAtEnd(t *testing.T) {
	rig.StartPCSCD(t)
	c := newClient(t)
	v := insert(t, c, rig.FirstPort)
	_, before := v.count()
	works(t, c, rig.FirstReader)
	if _, resets := v.count(); resets != before {
		t.Errorf("%d resets by a Do that asked for none", resets-before)
	}
	if err := c.Do(t.Context(), rig.FirstReader, func(card *pcsc.Card) error { card.ResetAtEnd(); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, resets := v.count(); resets != before+1 {
		t.Errorf("%d resets, want 1", resets-before)
	}
	works(t, c, rig.FirstReader)
}

// A neighbour that resets the idle card again and again does not disturb a Do.
func TestNeighbourResets(t *testing.T) {
	rig.StartPCSCD(t)
	c := newClient(t)
	insert(t, c, rig.FirstPort)
	card := neighbour(t, scard.ShareShared)
	for range 10 {
		if err := card.Reconnect(scard.ShareShared, scard.ProtocolAny, scard.ResetCard); err != nil {
			t.Fatal(err)
		}
		works(t, c, rig.FirstReader)
	}
}

func TestNeighbourHoldsTheCard(t *testing.T) {
	rig.StartPCSCD(t)
	told := make(chan string, 10)
	patient := newClient(t)
	c := newClient(t, pcsc.ConnectTimeout(3500*time.Millisecond), pcsc.Waiting(func(reader string) { told <- reader }))
	insert(t, c, rig.FirstPort)
	card := neighbour(t, scard.ShareShared)
	if err := card.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := c.Do(t.Context(), rig.FirstReader, send(echo)); !errors.Is(err, pcsc.ErrBusy) {
		t.Errorf("Do = %v after %v, want %v", err, time.Since(begin), pcsc.ErrBusy)
	}
	if len(told) != 1 || <-told != rig.FirstReader {
		t.Error("Waiting was not called once with the reader")
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	begin = time.Now()
	if err := patient.Do(ctx, rig.FirstReader, send(echo)); !errors.Is(err, context.Canceled) || time.Since(begin) > atOnce {
		t.Errorf("cancelled Do = %v after %v", err, time.Since(begin))
	}
	begin = time.Now()
	if _, err := patient.Readers(t.Context()); err != nil || time.Since(begin) > atOnce {
		t.Errorf("Readers beside a held card: %v after %v", err, time.Since(begin))
	}
	if err := card.EndTransaction(scard.LeaveCard); err != nil {
		t.Fatal(err)
	}
	works(t, c, rig.FirstReader)
	works(t, patient, rig.FirstReader)
}

func TestNeighbourIsExclusive(t *testing.T) {
	rig.StartPCSCD(t)
	c := newClient(t)
	insert(t, c, rig.FirstPort)
	card := neighbour(t, scard.ShareExclusive)
	until(t, c, func(r []pcsc.Reader) bool { return r[0].Exclusive })
	begin := time.Now()
	if err := c.Do(t.Context(), rig.FirstReader, send(echo)); !errors.Is(err, pcsc.ErrBusy) || time.Since(begin) > atOnce {
		t.Errorf("Do = %v after %v, want %v at once", err, time.Since(begin), pcsc.ErrBusy)
	}
	_ = card.Disconnect(scard.LeaveCard)
	works(t, c, rig.FirstReader)
}

func TestStalledCard(t *testing.T) {
	rig.StartPCSCD(t)
	c := newClient(t, pcsc.TransmitTimeout(time.Second), pcsc.ConnectTimeout(time.Second))
	v := insert(t, c, rig.FirstPort)
	insert(t, c, rig.SecondPort)
	begin := time.Now()
	if err := c.Do(t.Context(), rig.FirstReader, send(stall)); !errors.Is(err, pcsc.ErrNoAnswer) || time.Since(begin) > soon {
		t.Errorf("Do = %v after %v, want %v after 1s", err, time.Since(begin), pcsc.ErrNoAnswer)
	}
	works(t, c, rig.SecondReader)
	begin = time.Now()
	if _, err := c.Readers(t.Context()); err != nil || time.Since(begin) > atOnce {
		t.Errorf("Readers beside a stalled card: %v after %v", err, time.Since(begin))
	}
	close(v.gate)
	works(t, c, rig.FirstReader)
	if _, resets := v.count(); resets == 0 {
		t.Error("the card was not reset after the command that was given up")
	}
}

func TestCardCutInMidCommand(t *testing.T) {
	rig.StartPCSCD(t)
	c := newClient(t)
	v := insert(t, c, rig.FirstPort)
	err := c.Do(t.Context(), rig.FirstReader, func(card *pcsc.Card) error {
		_, first := card.Transmit(cut)
		_, second := card.Transmit(echo)
		if !errors.Is(second, pcsc.ErrRemoved) {
			t.Errorf("after the cut Transmit = %v, want %v", second, pcsc.ErrRemoved)
		}
		return first
	})
	if !errors.Is(err, pcsc.ErrRemoved) {
		t.Errorf("Do = %v, want %v", err, pcsc.ErrRemoved)
	}
	v.remove()
	until(t, c, func(r []pcsc.Reader) bool { return !r[0].Present })
	time.Sleep(time.Second) // the reader needs a real absence
	insert(t, c, rig.FirstPort)
	works(t, c, rig.FirstReader)
}

func TestServiceKilledInMidCommand(t *testing.T) {
	p := rig.StartPCSCD(t)
	c := newClient(t)
	v := insert(t, c, rig.FirstPort)
	events := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for readers, err := range c.Watch(ctx) {
			events <- fmt.Sprint(len(readers), " ", errors.Is(err, pcsc.ErrNoService))
		}
	})
	defer func() { cancel(); watching.Wait() }()

	killed := make(chan struct{})
	watching.Go(func() {
		defer close(killed)
		for apdus := 0; apdus == 0 && ctx.Err() == nil; apdus, _ = v.count() {
			time.Sleep(10 * time.Millisecond)
		}
		p.Kill() // the card has the command
	})
	err := c.Do(t.Context(), rig.FirstReader, send(stall))
	if !errors.Is(err, pcsc.ErrNoService) {
		t.Errorf("Do = %v, want %v", err, pcsc.ErrNoService)
	}
	wait(t, events, "0 true")
	if err := c.Do(t.Context(), rig.FirstReader, send(echo)); !errors.Is(err, pcsc.ErrNoService) {
		t.Errorf("Do without service = %v, want %v", err, pcsc.ErrNoService)
	}
	<-killed
	p.Start()
	begin := time.Now()
	if readers, err := c.Readers(t.Context()); err != nil || len(readers) != 2 {
		t.Errorf("Readers = %v, %v just after the restart", readers, err)
	}
	t.Logf("Readers work %v after the restart", time.Since(begin))
	wait(t, events, "2 false")
	t.Logf("Watch sees the readers again %v after the restart", time.Since(begin))
	insert(t, c, rig.FirstPort)
	works(t, c, rig.FirstReader)
}

// wait takes events until the wanted one.
func wait(t *testing.T, events <-chan string, want string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case e := <-events:
			if e == want {
				return
			}
		case <-late:
			t.Fatalf("Watch does not yield %q in %v", want, patience)
		}
	}
}

func TestServiceAbsentAtStart(t *testing.T) {
	p := rig.NewPCSCD(t)
	c := newClient(t)
	begin := time.Now()
	if _, err := c.Readers(t.Context()); !errors.Is(err, pcsc.ErrNoService) || time.Since(begin) > atOnce {
		t.Errorf("Readers = %v after %v, want %v at once", err, time.Since(begin), pcsc.ErrNoService)
	}
	events := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for readers, err := range c.Watch(ctx) {
			events <- fmt.Sprint(len(readers), " ", errors.Is(err, pcsc.ErrNoService))
		}
	})
	defer func() { cancel(); watching.Wait() }()
	wait(t, events, "0 true")
	p.Start()
	begin = time.Now()
	wait(t, events, "2 false")
	t.Logf("Watch sees the readers %v after the start", time.Since(begin))
	insert(t, c, rig.FirstPort)
	works(t, c, rig.FirstReader)
}

func TestServiceWithoutReaders(t *testing.T) {
	rig.StartPCSCD(t, "-c", t.TempDir())
	if readers, err := newClient(t).Readers(t.Context()); err != nil || len(readers) != 0 {
		t.Errorf("Readers = %v, %v, want none and no error", readers, err)
	}
}

func TestFrozenService(t *testing.T) {
	p := rig.StartPCSCD(t)
	c := newClient(t, pcsc.ConnectTimeout(time.Second))
	insert(t, c, rig.FirstPort)
	p.Freeze()
	begin := time.Now()
	if err := c.Do(t.Context(), rig.FirstReader, send(echo)); !errors.Is(err, pcsc.ErrNoService) || time.Since(begin) > soon {
		t.Errorf("Do = %v after %v, want %v after 1s", err, time.Since(begin), pcsc.ErrNoService)
	}
	p.Thaw()
	works(t, c, rig.FirstReader)
}

func TestInjectedAnswers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault rig.Fault
		want  error
	}{
		{"polkit refuses the service", rig.Fault{Call: rig.Establish, Code: 0x8010006A}, pcsc.ErrDenied},
		{"polkit refuses the card", rig.Fault{Call: rig.Connect, Code: 0x8010006A}, pcsc.ErrDenied},
		{"versions differ", rig.Fault{Call: rig.Establish, Code: 0x8010001E}, pcsc.ErrNoService},
		{"reader unplugged", rig.Fault{Call: rig.Transmit, Code: 0x80100017}, pcsc.ErrNoReader},
		{"reset in the middle", rig.Fault{Call: rig.Transmit, Skip: 1, Code: 0x80100068}, pcsc.ErrReset},
		{"resets without end", rig.Fault{Call: rig.BeginTransaction, Code: 0x80100068}, pcsc.ErrReset},
		{"two resets", rig.Fault{Call: rig.BeginTransaction, Code: 0x80100068, Times: 2}, nil},
		{"stale context", rig.Fault{Call: rig.Connect, Code: 0x80100003, Times: 1}, nil},
		{"connection cut", rig.Fault{Call: rig.Transmit, Drop: true}, pcsc.ErrNoService},
		{"slow answer", rig.Fault{Call: rig.Transmit, Delay: 5 * time.Second}, pcsc.ErrNoAnswer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rig.StartPCSCD(t)
			p := rig.StartProxy(t)
			c := newClient(t, pcsc.TransmitTimeout(time.Second))
			v := insert(t, c, rig.FirstPort)
			p.Inject(tt.fault)
			sent := 0
			err := c.Do(t.Context(), rig.FirstReader, func(card *pcsc.Card) error {
				for range 3 {
					if _, err := card.Transmit(echo); err != nil {
						return err
					}
					sent++
				}
				return nil
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("Do = %v, want %v", err, tt.want)
			}
			if apdus, _ := v.count(); apdus > sent+1 {
				t.Errorf("the card had %d commands, %d were answered: one was sent twice", apdus, sent)
			}
		})
	}
}

func TestOutOfContexts(t *testing.T) {
	rig.StartPCSCD(t)
	p := rig.StartProxy(t)
	p.Inject(rig.Fault{Call: rig.Establish, Code: 0x80100006})
	c := newClient(t)
	var code *pcsc.Error
	if _, err := c.Readers(t.Context()); !errors.As(err, &code) || code.Code != 0x80100006 {
		t.Errorf("Readers = %v, want code 80100006", err)
	}
}

func TestReadersUnplugged(t *testing.T) {
	rig.StartPCSCD(t)
	p := rig.StartProxy(t)
	c := newClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	step := 0
	for readers, err := range c.Watch(ctx) {
		switch {
		case err != nil:
			t.Fatal(err)
		case step == 0 && len(readers) == 2:
			p.Inject(rig.Fault{Call: rig.ReaderStates, Empty: true})
			p.Inject(rig.Fault{Call: rig.WaitForChange, Empty: true})
			connect(t, rig.FirstPort) // wakes the watcher
			step++
		case step == 1 && len(readers) == 0:
			p.Heal()
			step++
		case step == 2 && len(readers) == 2:
			return
		}
	}
	t.Errorf("step %d of 2 readers, none, 2 readers did not come", step)
}

// Nothing stays behind: goroutines and open files after much trouble are those before.
func TestNothingLeaks(t *testing.T) {
	p := rig.StartPCSCD(t)
	files := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	trouble := func() {
		c := pcsc.New(pcsc.TransmitTimeout(100*time.Millisecond), pcsc.ConnectTimeout(300*time.Millisecond))
		v := insert(t, c, rig.FirstPort)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_ = c.Do(ctx, rig.FirstReader, send(stall))
		cancel()
		_ = c.Do(t.Context(), rig.FirstReader, send(echo)) // waits behind it
		close(v.gate)
		works(t, c, rig.FirstReader)
		p.Kill()
		_, _ = c.Readers(t.Context())
		_ = c.Do(t.Context(), rig.FirstReader, send(echo))
		v.remove()
		p.Start()
		_ = c.Close()
	}
	trouble()
	time.Sleep(time.Second) // what ends a little later has ended
	goroutines, open := runtime.NumGoroutine(), files()
	for range 5 {
		trouble()
	}
	g, o := runtime.NumGoroutine(), files()
	for late := time.Now().Add(10 * time.Second); (g > goroutines || o > open) && time.Now().Before(late); g, o = runtime.NumGoroutine(), files() {
		time.Sleep(20 * time.Millisecond)
	}
	if g > goroutines || o > open {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines and %d files, before %d and %d\n%s", g, o, goroutines, open,
			strings.TrimSpace(string(buf[:runtime.Stack(buf, true)])))
	}
	t.Logf("goroutines %d → %d, files %d → %d", goroutines, g, open, o)
}
