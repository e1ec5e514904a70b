package demosite

import (
	"crypto/tls"
	"encoding/binary"
	"net"
)

// A tap listens to what the client sends up to the end of its plain handshake
// messages: in TLS 1.2 the CertificateVerify is among them, which says how the
// client signed, and which crypto/tls does not tell.
type tap struct {
	net.Conn
	heard   []byte
	full    bool
	attempt Attempt // how the handshake ended
}

// maxHeard is enough for the messages before the client's ChangeCipherSpec.
const maxHeard = 64 << 10

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if !t.full {
		t.heard = append(t.heard, p[:n]...)
		t.full = len(t.heard) > maxHeard
	}
	return n, err
}

// Numbers of TLS 1.2 (RFC 5246 §6.2.1, §7.4).
const (
	recordHeader      = 5
	recordHandshake   = 22
	messageHeader     = 4
	certificateVerify = 15
)

// signature is the scheme of the client's CertificateVerify (RFC 5246 §7.4.8), ""
// if there was none in the clear. It forgets what was heard.
func (t *tap) signature() string {
	messages := plainMessages(t.heard)
	t.heard, t.full = nil, true
	for len(messages) >= messageHeader {
		size := int(messages[1])<<16 | int(messages[2])<<8 | int(messages[3])
		if len(messages) < messageHeader+size {
			return ""
		}
		body := messages[messageHeader : messageHeader+size]
		if messages[0] == certificateVerify && len(body) >= 2 {
			return tls.SignatureScheme(binary.BigEndian.Uint16(body)).String()
		}
		messages = messages[messageHeader+size:]
	}
	return ""
}

// plainMessages joins the handshake messages of the records before the first
// record of another kind.
func plainMessages(records []byte) (messages []byte) {
	for len(records) >= recordHeader && records[0] == recordHandshake {
		size := int(binary.BigEndian.Uint16(records[3:]))
		if len(records) < recordHeader+size {
			break
		}
		messages = append(messages, records[recordHeader:recordHeader+size]...)
		records = records[recordHeader+size:]
	}
	return messages
}
