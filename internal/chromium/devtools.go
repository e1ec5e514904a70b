package chromium

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// A devtools asks a Chromium by pipe what it shows: JSON messages, each ended by a
// zero byte, one command at a time (Chrome DevTools Protocol, --remote-debugging-pipe).
type devtools struct {
	to, from *os.File
	in       *bufio.Reader
	last     int // number of the last command
}

const devtoolsLimit = 10 * time.Second // for one answer

// newDevtools lays the pipes to a Chromium that has not been started; begun closes
// its ends of them in this process.
func newDevtools(browser *exec.Cmd) (d *devtools, begun func(), err error) {
	commands, to, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	from, answers, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, commands.Close(), to.Close())
	}
	browser.ExtraFiles = []*os.File{commands, answers}
	return &devtools{to: to, from: from, in: bufio.NewReader(from)}, func() { _, _ = commands.Close(), answers.Close() }, nil
}

func (d *devtools) close() { _, _ = d.to.Close(), d.from.Close() }

// call sends a command to a session, "" for none, and unpacks its result.
func (d *devtools) call(session, method string, parameters, into any) error {
	d.last++
	message := map[string]any{"id": d.last, "method": method, "params": parameters}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(devtoolsLimit)
	if err := errors.Join(d.to.SetWriteDeadline(deadline), d.from.SetReadDeadline(deadline)); err != nil {
		return err
	}
	if _, err := d.to.Write(append(text, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		text, err := d.in.ReadBytes(0)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text[:len(text)-1], &answer); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		switch {
		case answer.ID != d.last: // an event
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", method, answer.Error.Message)
		case into == nil:
			return nil
		default:
			return json.Unmarshal(answer.Result, into)
		}
	}
}

// text is what the first tab shows.
func (d *devtools) text() (string, error) {
	var targets struct {
		TargetInfos []struct{ TargetID, Type string }
	}
	if err := d.call("", "Target.getTargets", struct{}{}, &targets); err != nil {
		return "", err
	}
	for _, target := range targets.TargetInfos {
		if target.Type != "page" {
			continue
		}
		var session struct{ SessionID string }
		if err := d.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session); err != nil {
			return "", err
		}
		var shown struct{ Result struct{ Value string } }
		err := d.call(session.SessionID, "Runtime.evaluate", map[string]any{"expression": "document.body?.innerText"}, &shown)
		return shown.Result.Value, errors.Join(err, d.call("", "Target.detachFromTarget", map[string]any{"sessionId": session.SessionID}, nil))
	}
	return "", errors.New("no page")
}
