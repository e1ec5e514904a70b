package pcsc

import (
	"reflect"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebfe/scard"
)

// readerStateW is SCARD_READERSTATEW of winscard.h.
type readerStateW struct {
	reader         *uint16
	userData       uintptr
	current, event uint32
	atrLen         uint32
	atr            [36]byte
}

// getStatusChange calls Windows itself: the binding passes the names as plain numbers, so
// the garbage collector may take them away during the wait.
func (c *realContext) getStatusChange(states []state, timeout time.Duration) error {
	wire := make([]readerStateW, len(states))
	for i, s := range states {
		name, err := syscall.UTF16PtrFromString(s.name)
		if err != nil {
			return err
		}
		wire[i] = readerStateW{reader: name, current: s.known}
	}
	// The number of the context is the binding's own; its version is pinned.
	context := uintptr(reflect.ValueOf(c.context).Elem().FieldByName("ctx").Uint())
	proc := syscall.NewLazyDLL("winscard.dll").NewProc("SCardGetStatusChangeW")
	code, _, _ := proc.Call(context, uintptr(timeout.Milliseconds()), uintptr(unsafe.Pointer(&wire[0])), uintptr(len(wire)))
	if code != 0 {
		return scard.Error(code)
	}
	for i := range wire {
		states[i].event = wire[i].event
		states[i].atr = append([]byte(nil), wire[i].atr[:min(int(wire[i].atrLen), len(wire[i].atr))]...)
	}
	return nil
}
