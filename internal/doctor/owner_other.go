//go:build !unix

package doctor

import "io/fs"

// ownerOf is not known here.
func ownerOf(fs.FileInfo) (owner int, known bool) { return 0, false }
