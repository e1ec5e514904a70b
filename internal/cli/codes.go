package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// codeFlags say where codes come from: from descriptors, from standard input one
// for each line, or from a person at the terminal. Never from the command line
// itself, nor from the environment, which others can see.
type codeFlags struct {
	pin, newPIN, puk int // descriptors; -1: none
	stdin            bool
}

// given says whether codes come from a script.
func (f codeFlags) given() bool { return f.stdin || f.pin > 0 || f.newPIN > 0 || f.puk > 0 }

// codeFlags adds the flags for the codes a command needs.
func (a *App) codeFlags(c *cobra.Command, names ...string) *cobra.Command {
	into := map[string]*int{"pin": &a.code.pin, "new-pin": &a.code.newPIN, "puk": &a.code.puk}
	for _, name := range names {
		c.Flags().IntVar(into[name], name+"-fd", -1, a.t("cli.flag.fd", "code", name))
	}
	c.Flags().BoolVar(&a.code.stdin, "pin-stdin", false, a.t("cli.flag.stdin"))
	return c
}

// maxTyped is more than any code has: what is longer is refused by its length,
// not cut.
const maxTyped = 64

// errNoInput means that nobody can be asked for a code.
type errNoInput struct{}

func (errNoInput) Error() string      { return "no terminal, and no descriptor given for the code" }
func (errNoInput) MessageKey() string { return "no-code-input" }
func (errNoInput) Unwrap() error      { return errUsage }

// ask gets one code: from the descriptor if one was given, from the next line of
// standard input, or from a person.
func (a *App) ask(ctx context.Context, fd int, prompt string) (*secret.Buffer, error) {
	switch {
	case fd == 0, fd < 0 && a.code.stdin:
		return readCode(a.In)
	case fd > 0:
		file := os.NewFile(uintptr(fd), "code")
		if file == nil {
			return nil, a.usage("descriptor", "n", fd)
		}
		defer file.Close()
		code, err := readCode(file)
		if err != nil {
			return nil, a.usage("descriptor", "n", fd)
		}
		return code, nil
	case a.In == nil || !term.IsTerminal(int(a.In.Fd())):
		return nil, errNoInput{}
	}
	return a.askPerson(ctx, prompt)
}

// readCode reads up to the end of a line or of the file, a byte at a time,
// straight into locked memory. Line ends of every kind are dropped, nothing else.
func readCode(in io.Reader) (*secret.Buffer, error) {
	code := secret.New(maxTyped + 1)
	n := 0
	for n <= maxTyped {
		m, err := in.Read(code.Bytes()[n : n+1])
		if m == 1 {
			if code.Bytes()[n] == '\n' {
				break
			}
			n++
			continue
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			code.Wipe()
			return nil, err
		}
	}
	if n > 0 && code.Bytes()[n-1] == '\r' {
		n--
	}
	code.Truncate(n)
	return code, nil
}

// Keys that mean something while a code is typed.
const (
	keyInterrupt = 0x03
	keyEnd       = 0x04
	keyBackspace = 0x08
	keyDelete    = 0x7F
)

// askPerson reads a code from the terminal without showing it. When ctx ends, the
// terminal is as it was before.
func (a *App) askPerson(ctx context.Context, prompt string) (*secret.Buffer, error) {
	fmt.Fprint(a.Err, prompt)
	fd := int(a.In.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, errNoInput{}
	}
	defer func() {
		_ = term.Restore(fd, before)
		fmt.Fprintln(a.Err)
	}()
	return typedCode(ctx, a.In)
}

// typedCode reads keys up to Enter. Reading a terminal cannot be interrupted: another
// goroutine waits for each key, and is left behind when ctx ends.
func typedCode(ctx context.Context, keyboard io.Reader) (_ *secret.Buffer, err error) {
	code := secret.New(maxTyped)
	defer func() {
		if err != nil {
			code.Wipe()
		}
	}()
	key, wanted, pressed := secret.New(1), make(chan struct{}), make(chan error, 1)
	defer close(wanted)
	go func() {
		for range wanted {
			_, err := io.ReadFull(keyboard, key.Bytes())
			pressed <- err
		}
	}()
	for n := 0; ; {
		wanted <- struct{}{}
		select {
		case err := <-pressed:
			if err != nil {
				return nil, errNoInput{}
			}
		case <-ctx.Done():
			return nil, errCancelled{}
		}
		c := key.Bytes()[0]
		clear(key.Bytes())
		switch {
		case c == '\r', c == '\n':
			code.Truncate(n)
			return code, nil
		case c == keyInterrupt, c == keyEnd:
			return nil, errCancelled{}
		case c == keyBackspace || c == keyDelete:
			n = max(n-1, 0)
		case c > ' ' && n < maxTyped: // blanks between the halves are welcome
			code.Bytes()[n] = c
			n++
		}
	}
}

// errCancelled means that the person gave up at a prompt.
type errCancelled struct{}

func (errCancelled) Error() string      { return "cancelled" }
func (errCancelled) MessageKey() string { return "cancelled" }

// askNewPIN asks for a new PIN, a person twice.
func (a *App) askNewPIN(ctx context.Context) (*secret.Buffer, error) {
	first, err := a.ask(ctx, a.code.newPIN, a.t("prompt.new-pin"))
	if err != nil || a.code.given() {
		return first, err
	}
	second, err := a.ask(ctx, -1, a.t("prompt.new-pin-again"))
	if err != nil {
		first.Wipe()
		return nil, err
	}
	defer second.Wipe()
	if !secret.Equal(first.Bytes(), second.Bytes()) {
		first.Wipe()
		return nil, cie.ErrNewPINRepeat
	}
	return first, nil
}
