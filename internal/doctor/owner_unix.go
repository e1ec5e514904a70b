//go:build unix

package doctor

import (
	"io/fs"
	"syscall"
)

// ownerOf is the number of a file's owner.
func ownerOf(info fs.FileInfo) (owner int, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}
