package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
)

// run makes the cards and keeps them in their readers until ctx ends.
func (s *settings) run(ctx context.Context, out io.Writer) error {
	if err := s.check(); err != nil {
		return err
	}
	log, err := s.openLog()
	if err != nil {
		return &runError{err}
	}
	defer log.close()
	var cards []*emulator.Card
	for i := range s.ports {
		card, err := s.card(i, log)
		if err != nil {
			return fmt.Errorf("card %d: %w", i, err)
		}
		cards = append(cards, card)
	}
	if s.dump != "" {
		if err := cards[0].Dump(s.dump); err != nil {
			return &runError{err}
		}
		return nil
	}
	if err := s.serve(ctx, cards, out); err != nil {
		return &runError{err}
	}
	return nil
}

// check finds mistakes that the flags' types allow.
func (s *settings) check() error {
	for name, n := range map[string]int{"profile": len(s.profiles), "seed": len(s.seeds)} {
		if n > 1 && n != len(s.ports) {
			return fmt.Errorf("--%s: %d values for %d cards", name, n, len(s.ports))
		}
	}
	used := map[uint]bool{}
	for _, p := range s.ports {
		if p == 0 || p > 65535 || used[p] {
			return fmt.Errorf("--port %d: want different ports from 1 to 65535", p)
		}
		used[p] = true
	}
	for name, code := range map[string]string{"pin": s.pin, "puk": s.puk} {
		if !eightDigits(code) {
			return fmt.Errorf("--%s: want 8 digits", name)
		}
	}
	return nil
}

func eightDigits(code string) bool {
	n, err := strconv.ParseUint(code, 10, 32)
	return err == nil && len(code) == 8 && n <= 99999999
}

// card makes the i-th card.
func (s *settings) card(i int, log *logFile) (*emulator.Card, error) {
	profile, err := emulator.ProfileNamed(nth(s.profiles, i))
	if err != nil {
		return nil, err
	}
	if err := assign(&profile.Behaviour, s.assignment); err != nil {
		return nil, err
	}
	return emulator.New(emulator.Options{
		Profile: profile.Name, Behaviour: &profile.Behaviour, Seed: s.seed(i),
		PIN: s.pin, PUK: s.puk, Tries: &s.tries, PUKTries: &s.pukTries, State: numbered(s.state, i),
		PerAPDU:   time.Duration(s.latencyMS) * time.Millisecond,
		PerByte:   time.Duration(s.byteUS) * time.Microsecond,
		PerCrypto: time.Duration(s.cryptoMS) * time.Millisecond,
		Log:       log.card(i, len(s.ports)),
	})
}

// nth is the i-th of several values, or the only one.
func nth(values []string, i int) string { return values[min(i, len(values)-1)] }

// seed of the i-th card: no two cards are the same, unless asked for by name.
func (s *settings) seed(i int) string {
	if i < len(s.seeds) {
		return s.seeds[i]
	}
	return fmt.Sprintf("%s-%d", s.seeds[0], i+1)
}

// numbered is the state file of the i-th card.
func numbered(file string, i int) string {
	if file == "" || i == 0 {
		return file
	}
	return fmt.Sprintf("%s.%d", file, i+1)
}

// serve keeps the cards in their readers and answers the control socket.
func (s *settings) serve(ctx context.Context, cards []*emulator.Card, out io.Writer) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	var work sync.WaitGroup
	if s.control != "" {
		listener, err := listen(s.control)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { _ = listener.Close() })
		work.Go(func() { _ = emulator.Control(listener, cards, quit) })
	}
	for i, card := range cards {
		address := net.JoinHostPort(s.host, strconv.Itoa(int(s.ports[i])))
		state := card.State()
		_, _ = fmt.Fprintf(out, "card %d: %s, %s, PAN %s, ATR %X, PIN %s (%d tries), PUK %s (%d tries), reader %s\n",
			i, state.Holder, state.Profile, state.PAN, card.ATR(), state.PIN, state.Tries, state.PUK, state.PUKTries, address)
		context.AfterFunc(ctx, card.Remove) // lets a stalled command go
		work.Go(func() { _ = emulator.Run(ctx, address, card) })
	}
	work.Wait()
	return nil
}

// listen makes the control socket, for the owner only. A socket on which nobody
// listens any more is replaced, any other file is not.
func listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if conn, err := net.Dial("unix", path); err == nil {
			_ = conn.Close()
			return nil, fmt.Errorf("control socket %s: in use", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		return nil, err
	}
	return listener, nil
}

// A logFile takes the lines of all cards.
type logFile struct {
	mu   sync.Mutex
	file *os.File // nil: no log
}

func (s *settings) openLog() (*logFile, error) {
	if s.log == "" {
		return &logFile{}, nil
	}
	file, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &logFile{file: file}, err
}

func (l *logFile) close() {
	if l.file != nil {
		_ = l.file.Close()
	}
}

// card is the log as the i-th of n cards writes it; nil when there is none.
func (l *logFile) card(i, n int) io.Writer {
	if l.file == nil {
		return nil
	}
	prefix := ""
	if n > 1 {
		prefix = fmt.Sprintf("%d ", i)
	}
	return lineWriter{l, prefix}
}

type lineWriter struct {
	log    *logFile
	prefix string
}

// Write takes one line.
func (w lineWriter) Write(line []byte) (int, error) {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	if _, err := w.log.file.WriteString(w.prefix + string(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}
