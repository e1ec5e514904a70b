package emulator

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickACK acknowledges what arrives at once. The virtual reader sends length
// and payload apart, and waits for the acknowledgement in between: without this
// an APDU takes 44 ms. The kernel forgets the wish after each receive.
func quickACK(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
}
