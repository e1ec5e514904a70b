package pcsc

import (
	"sync"

	"golang.org/x/sys/windows"
)

// protectLibrarySearch has Windows take winscard.dll from its own folder, not
// from the one the program lies in.
var protectLibrarySearch = sync.OnceFunc(func() {
	_ = windows.SetDefaultDllDirectories(windows.LOAD_LIBRARY_SEARCH_SYSTEM32)
})
