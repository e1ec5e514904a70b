//go:build !linux

package pkcs11module

import "time"

// sinceStart is a moment by the clock on the wall, which goes on while the computer
// sleeps.
func sinceStart() time.Time { return time.Now().Round(0) }

// asleep is not known here: the readers lose their power, and with it the card
// leaves.
func asleep() time.Duration { return 0 }
