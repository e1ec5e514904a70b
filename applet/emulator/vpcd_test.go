package emulator

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for something that must happen.
const patience = 10 * time.Second

// A slot is the reader's end of a connection with a card.
type slot struct {
	t    testing.TB
	conn net.Conn
}

func (s slot) write(frame []byte) {
	s.t.Helper()
	_ = s.conn.SetDeadline(time.Now().Add(patience))
	if _, err := s.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(frame))), frame...)); err != nil {
		s.t.Fatal(err)
	}
}

func (s slot) ask(frame []byte) []byte {
	s.t.Helper()
	s.write(frame)
	var size [2]byte
	if _, err := io.ReadFull(s.conn, size[:]); err != nil {
		s.t.Fatal(err)
	}
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(s.conn, answer); err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// serve puts a card into a slot.
func serve(t *testing.T, c *Card) (s slot, ended <-chan error) {
	t.Helper()
	reader, card := net.Pipe()
	t.Cleanup(func() { _ = reader.Close() })
	done := make(chan error, 1)
	go func() { done <- Serve(card, c); _ = card.Close() }()
	return slot{t, reader}, done
}

func TestServe(t *testing.T) {
	m := with(t, Behaviour{})
	s, _ := serve(t, m.card)
	if got := s.ask([]byte{4}); !bytes.Equal(got, m.card.ATR()) {
		t.Errorf("ATR %X", got)
	}
	if got := s.ask(unhex("00A40000")); !bytes.Equal(got, unhex("9000")) {
		t.Errorf("SELECT = %X", got)
	}
	for _, control := range []byte{0, 1, 2} { // power off, power on, reset: never answered
		s.write([]byte{control})
	}
	s.write([]byte{99}) // unknown
	if got := s.ask([]byte{4}); !bytes.Equal(got, m.card.ATR()) {
		t.Errorf("ATR after control bytes %X", got)
	}
	if got := s.ask(nil); !bytes.Equal(got, unhex("6700")) {
		t.Errorf("empty frame = %X", got)
	}
	m.card.Fail(0, Fault{Kind: "empty"})
	if got := s.ask(unhex(challenge)); len(got) != 0 {
		t.Errorf("empty answer = %X", got)
	}
	m.card.Fail(0, Fault{Kind: "oversize", Size: 65533})
	if got := s.ask(unhex(challenge)); len(got) != 65535 {
		t.Errorf("longest answer: %d bytes", len(got))
	}
}

func TestServeResetForgetsTheSession(t *testing.T) {
	for name, control := range map[string]byte{"off": 0, "on": 1, "reset": 2} {
		t.Run(name, func(t *testing.T) {
			m := with(t, Behaviour{})
			s, _ := serve(t, m.card)
			s.ask([]byte{4}) // the card has its power
			m.open()
			s.write([]byte{control})
			if got := s.ask(m.wrap(verifyCommand("12345678"))); !bytes.Equal(got, unhex("6882")) {
				t.Errorf("VERIFY = %X, want 6882", got)
			}
		})
	}
}

func TestServeEndsWithTheField(t *testing.T) {
	for _, kind := range []string{"drop-before", "drop-after"} {
		t.Run(kind, func(t *testing.T) {
			m := with(t, Behaviour{})
			s, ended := serve(t, m.card)
			m.card.Fail(0, Fault{Kind: kind})
			s.write(unhex(challenge))
			if _, err := io.ReadFull(s.conn, make([]byte, 1)); err == nil {
				t.Error("an answer after the loss")
			}
			if err := <-ended; !errors.Is(err, ErrRemoved) {
				t.Error(err)
			}
		})
	}
}

func TestServeRefusesALiftedCard(t *testing.T) {
	m := with(t, Behaviour{})
	m.card.Remove()
	_, ended := serve(t, m.card)
	if err := <-ended; !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
}

func TestAnswerTooLongForTheReader(t *testing.T) {
	m := with(t, Behaviour{})
	s, ended := serve(t, m.card)
	m.card.Fail(0, Fault{Kind: "oversize", Size: 70000})
	s.write(unhex(challenge))
	if err := <-ended; err == nil {
		t.Error("sent")
	}
}

// A daemon is a virtual reader on TCP that counts absences.
type daemon struct {
	t        *testing.T
	listener *net.TCPListener
}

func newDaemon(t *testing.T, address string) daemon {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return daemon{t, l.(*net.TCPListener)}
}

func (d daemon) card() slot {
	d.t.Helper()
	_ = d.listener.SetDeadline(time.Now().Add(patience))
	conn, err := d.listener.Accept()
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	return slot{d.t, conn}
}

// run keeps a card in the reader at that address until stop, or the test, ends.
func run(t *testing.T, address string, c *Card) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, address, c) }()
	end := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(end)
	return end
}

func TestRunComesBackAfterRemovalNotTooSoon(t *testing.T) {
	t.Parallel()
	m := with(t, Behaviour{})
	d := newDaemon(t, "127.0.0.1:0")
	run(t, d.listener.Addr().String(), m.card)
	s := d.card()
	s.ask([]byte{4})
	m.card.Remove()
	lost := time.Now()
	m.card.Insert()
	if _, err := io.ReadFull(s.conn, make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	again := d.card()
	if away := time.Since(lost); away < absence {
		t.Errorf("away for %v, want %v or more", away, absence)
	}
	again.ask([]byte{4})
}

func TestRunComesBackAfterALostField(t *testing.T) {
	t.Parallel()
	m := with(t, Behaviour{})
	d := newDaemon(t, "127.0.0.1:0")
	run(t, d.listener.Addr().String(), m.card)
	s := d.card()
	m.card.Fail(0, Fault{Kind: "drop-after"})
	s.write(unhex(challenge))
	if got := d.card().ask(unhex(challenge)); len(got) != 10 {
		t.Errorf("%X", got)
	}
}

func TestRunWaitsForTheDaemon(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "127.0.0.1:0")
	address := d.listener.Addr().String()
	_ = d.listener.Close()
	m := with(t, Behaviour{})
	run(t, address, m.card)
	time.Sleep(150 * time.Millisecond)
	newDaemon(t, address).card().ask([]byte{4})
}

func TestRunEndsWhileConnected(t *testing.T) {
	m := with(t, Behaviour{})
	d := newDaemon(t, "127.0.0.1:0")
	stop := run(t, d.listener.Addr().String(), m.card)
	s := d.card()
	s.ask([]byte{4})
	stop()
	if _, err := io.ReadFull(s.conn, make([]byte, 1)); err == nil {
		t.Error("still connected")
	}
}

// What one side frames the other reads, and reading anything never fails but by
// the end of the bytes.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 1, 4})
	f.Add(append([]byte{0, 4}, unhex("00A40000")...))
	f.Add([]byte{0xFF, 0xFF, 1, 2, 3})
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, in []byte) {
		conn := &buffered{in: bytes.NewReader(in)}
		for {
			frame, err := readFrame(conn)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatal(err)
				}
				break
			}
			if err := writeFrame(conn, frame); err != nil {
				t.Fatal(err)
			}
		}
		if out := conn.out.Bytes(); !bytes.HasPrefix(in, out) {
			t.Errorf("%X became %X", in, out)
		}
	})
}

// buffered is a connection of bytes that are there already.
type buffered struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (b *buffered) Read(p []byte) (int, error)  { return b.in.Read(p) }
func (b *buffered) Write(p []byte) (int, error) { return b.out.Write(p) }

// Whatever commands come, in the clear or rightly protected: no panic, an answer
// of two bytes at least, tries that only a code can change.
func FuzzTransmit(f *testing.F) {
	for _, seed := range []string{
		"00A4040C0DA0000000308000000009816001", "00A40000", "00B081000C", "00B1000604540200 00E7", "00CB3FFF0C4D0A7008BFA10104A302970000",
		"002241A406800102840183", "0088000010EF714291BFFD8A62EB766078F756004600", "0022C1A40F800A04007F00070202040101830102",
		"10860000027C0000", "102241A60180", "0CC0000000", "00200081083132333435363738", "00240081", "002C038100", "00B08400000200", "",
	} {
		f.Add(unhex(seed), byte(0))
		f.Add(unhex(seed), byte(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, mode byte) {
		m := with(t, Behaviour{Extended: mode&1 != 0, EndOfFile: []string{"", "6b00", "empty", "6cxx", "endless"}[mode%5]})
		m.selectCIE()
		if mode&2 != 0 {
			m.sm = newChannel(make([]byte, 16), make([]byte, 16))
			m.card.sm, m.card.extOK, m.card.iccValue = newChannel(make([]byte, 16), make([]byte, 16)), true, make([]byte, 256)
			m.card.group, m.card.ifdValue = m.card.parameters(), make([]byte, 256)
			if len(in) > 4 {
				in = m.wrap(commandOf(in))
			}
		}
		for range 3 {
			out, err := m.card.Transmit(in)
			if err != nil || len(out) < 2 {
				t.Fatalf("%X → %X, %v", in, out, err)
			}
			if len(out) > 2+65536 {
				t.Fatalf("%X → %d bytes", in, len(out))
			}
		}
		spent := 0
		for _, e := range m.card.Ledger() {
			if e.Kind != "query" {
				spent++
			}
		}
		if _, _, tries, _ := m.card.Codes(); tries < 3-spent {
			t.Errorf("%X spent %d tries with %d codes", in, 3-tries, spent)
		}
	})
}
