package secret

import "golang.org/x/sys/unix"

// excludeFromDumps keeps page out of core dumps and of forked children.
func excludeFromDumps(page []byte) {
	_ = unix.Madvise(page, unix.MADV_DONTDUMP)
	_ = unix.Madvise(page, unix.MADV_DONTFORK)
}
