//go:build unix

package confine

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// limit bounds memory and time. Of memory only what is written counts: the runtime
// reserves far more addresses than it uses.
func limit(l Limits) error {
	return errors.Join(
		lower(unix.RLIMIT_DATA, l.Memory),
		lower(unix.RLIMIT_CPU, uint64(l.CPU/time.Second)),
	)
}

// lower lowers one limit, which may be lower already.
func lower(kind int, most uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(kind, &l); err != nil {
		return err
	}
	l.Cur, l.Max = min(l.Cur, most), min(l.Max, most)
	return unix.Setrlimit(kind, &l)
}
