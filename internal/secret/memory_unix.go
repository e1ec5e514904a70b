//go:build unix

package secret

import "golang.org/x/sys/unix"

// allocate maps whole pages that hold n bytes.
func allocate(n int) []byte {
	size := (n + unix.Getpagesize() - 1) / unix.Getpagesize() * unix.Getpagesize()
	page, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic("secret: no memory") // as make would
	}
	_ = unix.Mlock(page) // refused beyond RLIMIT_MEMLOCK: then it may be swapped
	excludeFromDumps(page)
	return page
}

func release(page []byte) { _ = unix.Munmap(page) }

func noDumps() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
