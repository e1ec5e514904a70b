//go:build gles

package main

import (
	"os"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.3/glfw"
	"golang.org/x/sys/unix"
)

const (
	restFor   = time.Second // the longest that the toolkit's own work waits
	restAfter = time.Second // without an event
)

// A rest has the toolkit's loop sleep while nothing happens. By itself the loop
// looks for events 60 times a second, which costs 2 % of a core all day.
type rest struct {
	lock   sync.Mutex
	asleep bool // the loop sleeps in the queue of the window system
}

// do has the window's goroutine run a function, which it wakes for it.
func (r *rest) do(f func()) {
	fyne.Do(f)
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.asleep {
		glfw.PostEmptyEvent()
	}
}

// take rests whenever there is nothing to do, until the program ends.
func (r *rest) take() {
	for running := true; running; {
		begun := time.Now()
		fyne.DoAndWait(func() {
			// At the end of the program the toolkit runs this here instead of there.
			if running = unix.Gettid() == os.Getpid(); running {
				r.sleep()
			}
		})
		if time.Since(begun) < restFor {
			time.Sleep(restAfter)
		}
	}
}

// sleep returns at the first event, which has been dealt with then.
func (r *rest) sleep() {
	r.fall(true)
	glfw.WaitEventsTimeout(restFor.Seconds())
	r.fall(false)
}

func (r *rest) fall(asleep bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.asleep = asleep
}
