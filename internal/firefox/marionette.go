package firefox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// A marionette is a connection to Firefox's remote protocol of that name: JSON
// arrays, each after its length in decimal and a colon. One command at a time.
type marionette struct {
	conn net.Conn
	in   *bufio.Reader
	last int // number of the last command
}

// maxMessage bounds a message: a screenshot is the largest.
const maxMessage = 64 << 20

// dial connects and reads the greeting.
func dial(ctx context.Context, port int) (*marionette, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	m := &marionette{conn: conn, in: bufio.NewReader(conn)}
	if _, err := m.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("greeting: %w", err), conn.Close())
	}
	return m, nil
}

// A remoteError is what Firefox answers to a command that failed.
type remoteError struct {
	Kind    string `json:"error"`
	Message string `json:"message"`
}

func (e *remoteError) Error() string { return e.Kind + ": " + e.Message }

// call sends a command and unpacks its result into into, which may be nil.
func (m *marionette) call(ctx context.Context, command string, arguments, into any) error {
	deadline, _ := ctx.Deadline() // none: the zero time is none too
	if err := m.conn.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = m.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	m.last++
	message, err := json.Marshal([]any{0, m.last, command, arguments})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(message), message); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	answer, err := m.read()
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", command, err), ctx.Err())
	}
	if err := unpack(answer, m.last, into); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}

// unpack reads an answer: [1, number, error or null, result].
func unpack(answer []byte, number int, into any) error {
	var fields [4]json.RawMessage
	if err := json.Unmarshal(answer, &fields); err != nil {
		return err
	}
	if string(fields[1]) != strconv.Itoa(number) {
		return fmt.Errorf("answer %s to command %d", fields[1], number)
	}
	if string(fields[2]) != "null" {
		remote := &remoteError{}
		if err := json.Unmarshal(fields[2], remote); err != nil {
			return err
		}
		return remote
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(fields[3], into)
}

func (m *marionette) read() ([]byte, error) {
	size := 0
	for {
		b, err := m.in.ReadByte()
		switch {
		case err != nil:
			return nil, err
		case b == ':':
			message := make([]byte, size)
			_, err := io.ReadFull(m.in, message)
			return message, err
		case b < '0' || b > '9' || size > maxMessage:
			return nil, errors.New("malformed length")
		}
		size = 10*size + int(b-'0')
		if size > maxMessage {
			return nil, errors.New("message too long")
		}
	}
}
