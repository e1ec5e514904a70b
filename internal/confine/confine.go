// Package confine has a process give up, for good, what it needs not: a process that
// reads documents of others can then do little harm, whatever they make of it.
package confine

import "time"

// Limits are what a process keeps. Elsewhere than on Linux only Memory and CPU count,
// and on Windows nothing; on a Linux without Landlock (before 5.13, or switched off)
// all files that the user may read and write stay within reach.
type Limits struct {
	Read    []string      // files that may be read; those that are not there count for nothing
	Folders []string      // where files may be made, read, written and removed
	Memory  uint64        // bytes of data
	CPU     time.Duration // of computing, in whole seconds
}

// Process confines the whole process. It then opens no other file, speaks to no
// network and no program of this computer, starts none, and looks into none; beyond
// its memory or its time it ends.
func Process(l Limits) error { return process(l) }
