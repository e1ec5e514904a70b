package secret

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// allocate takes whole pages that hold n bytes.
func allocate(n int) []byte {
	address, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_COMMIT|windows.MEM_RESERVE, windows.PAGE_READWRITE)
	if err != nil {
		panic("secret: no memory") // as make would
	}
	_ = windows.VirtualLock(address, uintptr(n))                // refused beyond the working set: then it may be swapped
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), n) // not Go memory: no pointer arithmetic to check
}

func release(page []byte) {
	_ = windows.VirtualFree(uintptr(unsafe.Pointer(&page[0])), 0, windows.MEM_RELEASE)
}

// noDumps keeps the error reporting of Windows from writing our memory.
func noDumps() {
	const noFaultBox, noCriticalErrors = 0x0002, 0x0001
	windows.SetErrorMode(noFaultBox | noCriticalErrors)
}
