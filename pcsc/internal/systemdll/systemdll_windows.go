package systemdll

import "syscall"

// loadLibrarySearchSystem32 is LOAD_LIBRARY_SEARCH_SYSTEM32 of libloaderapi.h:
// %windir%\system32 and nothing else.
const loadLibrarySearchSystem32 = 0x800

// init narrows the search for the whole process. kernel32.dll itself is always
// loaded already. A Windows too old to know the call is left as it is.
func init() {
	search := syscall.NewLazyDLL("kernel32.dll").NewProc("SetDefaultDllDirectories")
	if search.Find() == nil {
		_, _, _ = search.Call(loadLibrarySearchSystem32)
	}
}
