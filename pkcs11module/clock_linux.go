package pkcs11module

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceStart is the time since the computer was started, also while it slept, as a
// moment that can be compared with others of its kind. Setting the clock does not
// change it (clock_gettime(2), CLOCK_BOOTTIME).
func sinceStart() time.Time { return time.Unix(0, read(unix.CLOCK_BOOTTIME)) }

// asleep is how long the computer has slept since it was started: CLOCK_MONOTONIC
// stands still meanwhile.
func asleep() time.Duration {
	return time.Duration(read(unix.CLOCK_BOOTTIME) - read(unix.CLOCK_MONOTONIC))
}

func read(clock int32) int64 {
	var t unix.Timespec
	if unix.ClockGettime(clock, &t) != nil {
		return 0
	}
	return t.Nano()
}
