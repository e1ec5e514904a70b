//go:build gles || windows

package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"
)

// An instance is this program running for this user; a second one asks it to show
// its window and ends.
type instance struct{ listener net.Listener }

// errRunning means that the program runs already and was handed the request.
var errRunning = errors.New("runs already")

// claim makes this the only one of a name, or hands a request to the one that runs. Where
// there is no folder for the socket, every one goes its own way.
func claim(name string, r request) (*instance, error) {
	folder := os.Getenv("XDG_RUNTIME_DIR")
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return &instance{}, nil //nolint:nilerr // see above
		}
		folder = filepath.Join(cache, "cie")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return &instance{}, nil //nolint:nilerr // see above
	}
	path := filepath.Join(folder, name+".sock")
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.SetDeadline(time.Now().Add(patience))
		return nil, errors.Join(errRunning, r.write(c), c.Close())
	}
	_ = os.Remove(path) // of one that ended without
	listener, err := net.Listen("unix", path)
	if err != nil {
		return &instance{}, nil //nolint:nilerr // see above
	}
	return &instance{listener}, nil
}

// patience is how long one waits for the other.
const patience = 2 * time.Second

// woken takes the request of each other one that is started.
func (i *instance) woken(take func(request)) {
	if i.listener == nil {
		return
	}
	for {
		c, err := i.listener.Accept()
		if err != nil {
			return
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		r := readRequest(c)
		_ = c.Close()
		take(r)
	}
}

func (i *instance) close() {
	if i.listener != nil {
		_ = i.listener.Close()
	}
}
