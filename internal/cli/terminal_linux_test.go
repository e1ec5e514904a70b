package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/rig"
)

// A screen is what a person sees, and where they type.
type screen struct {
	mu      sync.Mutex
	text    string
	changed chan struct{}
	keys    *os.File
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text += string(p)
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

// terminal opens a pseudo-terminal: the program's end and the person's.
func terminal(t *testing.T) (program, person *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		rig.Missing(t, err.Error())
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close(); _ = master.Close() })
	return slave, master
}

// pressInterrupt is the reply that interrupts the program.
const pressInterrupt = "\x03"

// converse runs a command at a terminal and types each reply when its prompt is
// seen. The terminal is not the one that controls the test, so what it would make of
// the key for an interrupt is done here, too.
func (p *person) converse(args string, dialogue ...[2]string) (status int, said string) {
	p.t.Helper()
	slave, master := terminal(p.t)
	echoed := make(chan string, 1)
	go func() { all, _ := io.ReadAll(master); echoed <- string(all) }()
	s := &screen{changed: make(chan struct{}, 1), keys: master}
	a := App{In: slave, Out: s, Err: s, Getenv: func(name string) string { return map[string]string{"CIE_LANG": "en"}[name] }, Cards: cie.InSlots(p.cards), Module: p.module}
	done := make(chan int, 1)
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	go func() { done <- a.Run(ctx, strings.Fields(args)) }()
	seen := 0
	for _, line := range dialogue {
		deadline := time.After(20 * time.Second)
		for {
			s.mu.Lock()
			at := strings.Index(s.text[seen:], line[0])
			if at >= 0 {
				seen += at + len(line[0])
			}
			text := s.text
			s.mu.Unlock()
			if at >= 0 {
				break
			}
			select {
			case <-s.changed:
			case <-deadline:
				p.t.Fatalf("%s: no prompt %q in\n%s", args, line[0], text)
			}
		}
		time.Sleep(20 * time.Millisecond) // the prompt is written before the echo is switched off
		if line[1] == pressInterrupt {
			interrupt()
		} else if _, err := master.WriteString(line[1] + "\r"); err != nil {
			p.t.Fatal(err)
		}
	}
	select {
	case status = <-done:
	case <-time.After(20 * time.Second):
		p.t.Fatalf("%s: does not end", args)
	}
	_, _ = master.WriteString("\r") // whoever still reads may end
	_ = slave.Close()
	_ = master.Close()
	if shown := <-echoed; strings.ContainsAny(shown, "0123456789") {
		p.t.Errorf("digits were shown: %q", shown)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return status, s.text
}

func TestTerminal(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	if status, said := p.converse("pair", [2]string{"PIN (8 digits)", "1234 5678"}); status != 0 || !strings.Contains(said, "4 digits are enough") || !strings.Contains(said, p.card.Certificate().NotAfter.Format("2 January 2006")) {
		t.Fatalf("pair: %d\n%s", status, said)
	}
	if status, said := p.converse("pin verify", [2]string{"last 4 digits", "56799\x7f\x7f8"}); status != 0 {
		t.Errorf("with Backspace: %d\n%s", status, said)
	}
	if status, _ := p.converse("pin verify", [2]string{"last 4 digits", "56\x03"}); status == 0 || status == 6 {
		t.Errorf("interrupted: %d", status)
	}
	status, said := p.converse("pin change", [2]string{"last 4 digits", "5678"}, [2]string{"New PIN (8 digits)", "20406080"}, [2]string{"once more", "20406081"})
	if status != 2 || !strings.Contains(said, "CIE-PIN-11") {
		t.Errorf("second entry different: %d\n%s", status, said)
	}
	status, said = p.converse("pin change", [2]string{"last 4 digits", "5678"}, [2]string{"New PIN (8 digits)", "20406080"}, [2]string{"once more", "20406080"})
	if status != 0 || !strings.Contains(said, "Write the new PIN down") {
		t.Errorf("change: %d\n%s", status, said)
	}
	status, said = p.converse("pin unblock", [2]string{"10 tries in all", ""}, [2]string{"New PIN (8 digits)", "1"}, [2]string{"once more", "1"})
	if status != 2 || !strings.Contains(said, "CIE-PUK-05") {
		t.Errorf("no PUK: %d\n%s", status, said)
	}
}

func TestTerminalLastTry(t *testing.T) { // P4: only after a typed word
	left := 1
	p := newPerson(t, emulator.Options{Tries: &left})
	if status, said := p.converse("pin verify", [2]string{"PIN (8 digits)", "12345678"}, [2]string{"type “last”", "yes"}); status != 11 || len(verifiesOf(p)) != 0 {
		t.Errorf("another word: %d\n%s", status, said)
	}
	if status, said := p.converse("pin verify", [2]string{"PIN (8 digits)", "12345678"}, [2]string{"type “last”", "last"}); status != 0 || len(verifiesOf(p)) != 1 {
		t.Errorf("the word: %d\n%s", status, said)
	}
}

// Ctrl-C at a question ends the command at once, without an answer.
func TestInterruptedQuestion(t *testing.T) {
	left := 1
	p := newPerson(t, emulator.Options{Tries: &left})
	status, said := p.converse("pin verify", [2]string{"PIN (8 digits)", "12345678"}, [2]string{"type “last”", pressInterrupt})
	if status != 1 || !strings.Contains(said, "CIE-APP-01") || len(verifiesOf(p)) != 0 {
		t.Errorf("status %d\n%s", status, said)
	}
}

// Nothing is forgotten before a person has agreed.
func TestForgettingAsks(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired()
	if status, said := p.converse("unpair", [2]string{"type “yes”", "no"}); status != 1 || !p.run("info").OK {
		t.Errorf("unpair, no: %d\n%s", status, said)
	}
	if status, said := p.converse("forget --all", [2]string{"type “yes”", ""}); status != 1 || !p.run("info").OK {
		t.Errorf("forget, no: %d\n%s", status, said)
	}
	if status, said := p.converse("unpair", [2]string{"type “yes”", "yes"}); status != 0 || p.run("info").status != exitNotPaired || !strings.Contains(said, "no longer paired") {
		t.Errorf("unpair, yes: %d\n%s", status, said)
	}
	if status, said := p.converse("forget --all", [2]string{"type “yes”", "yes"}); status != 0 || !strings.Contains(said, "is deleted") {
		t.Errorf("forget, yes: %d\n%s", status, said)
	}
}

// No line of help or of a guide is wider than the terminal, but for examples.
func TestHelpFits(t *testing.T) {
	const columns = 40
	for _, args := range []string{"--help", "pin unblock --help", "login-test --help", "guide activation"} {
		for _, l := range i18n.Languages() {
			slave, master := terminal(t)
			if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: 24}); err != nil {
				t.Fatal(err)
			}
			shown := make(chan string, 1)
			go func() { all, _ := io.ReadAll(master); shown <- string(all) }()
			a := App{Out: slave, Err: slave, Getenv: func(name string) string { return map[string]string{"CIE_LANG": string(l)}[name] }}
			if status := a.Run(context.Background(), strings.Fields(args)); status != 0 {
				t.Errorf("%s: status %d", args, status)
			}
			_ = slave.Close()
			text := <-shown
			if len(text) < 10*columns {
				t.Errorf("%s: no more than\n%s", args, text)
			}
			for line := range strings.Lines(text) {
				line = strings.TrimRight(line, "\r\n")
				if utf8.RuneCountInString(line) > columns && !strings.HasPrefix(line, "  cie ") && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("%s %s: %q", l, args, line)
				}
			}
		}
	}
}

// The test runs itself anew as a program that asks for a PIN, and ends it from outside:
// the terminal shows again what is typed.
func TestToldToEndAtAPrompt(t *testing.T) {
	if os.Getenv("CIE_TEST_PROMPT") != "" {
		a := App{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, messages: i18n.Load(i18n.English)}
		ctx, stop := interruptible()
		defer stop()
		if _, err := a.ask(ctx, -1, "PIN: "); !errors.Is(err, errCancelled{}) {
			t.Errorf("asked: %v", err)
		}
		return
	}
	slave, master := terminal(t)
	echoes := func() bool {
		mode, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return mode.Lflag&unix.ECHO != 0
	}
	program := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$") //nolint:gosec // itself
	program.Env = append(os.Environ(), "CIE_TEST_PROMPT=1")
	program.Stdin, program.Stdout, program.Stderr = slave, slave, slave
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); echoes(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			_ = program.Process.Kill()
			t.Fatal("no prompt without echo")
		}
	}
	if _, err := master.WriteString("48"); err != nil {
		t.Fatal(err)
	}
	if err := program.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err != nil {
		t.Error(err)
	}
	if !echoes() {
		t.Error("the terminal does not show what is typed")
	}
}

func TestSameWord(t *testing.T) {
	for _, typed := range []string{"sì", " SÌ ", "si", "Si", "si\u0300"} {
		if !same(typed, "sì") {
			t.Errorf("%q is not taken for sì", typed)
		}
	}
	for _, typed := range []string{"", "s", "sii", "no"} {
		if same(typed, "sì") {
			t.Errorf("%q is taken for sì", typed)
		}
	}
}

func verifiesOf(p *person) (all []emulator.Entry) {
	for _, e := range p.card.Ledger() {
		if e.Kind != "query" {
			all = append(all, e)
		}
	}
	return all
}
