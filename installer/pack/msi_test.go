package main

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

// summaryStream is a property set with a revision, two times and a word count, after
// something else, as in an MSI ([MS-OLEPS] 2.21).
func summaryStream() []byte {
	le := binary.LittleEndian
	out := append(bytes.Repeat([]byte{0xAA}, 100), 0xFE, 0xFF, 0, 0, 5, 1, 2, 0)
	out = append(out, make([]byte, 16)...)
	out = le.AppendUint32(out, 1)
	out = append(out, summary...)
	out = le.AppendUint32(out, 48)
	section := le.AppendUint32(nil, 200)
	section = le.AppendUint32(section, 4)
	for _, entry := range [][2]uint32{{9, 40}, {12, 88}, {13, 100}, {15, 112}} {
		section = le.AppendUint32(le.AppendUint32(section, entry[0]), entry[1])
	}
	section = le.AppendUint32(le.AppendUint32(section, 0x1E), 39)
	section = append(section, "{00000000-0000-0000-0000-000000000000}\x00\x00"...)
	for range 2 {
		section = append(le.AppendUint32(section, 0x40), "now now "...)
	}
	return append(out, le.AppendUint32(le.AppendUint32(section, 3), 2)...)
}

func TestStampSummary(t *testing.T) {
	const code = "{01234567-89AB-8DEF-8123-456789ABCDEF}"
	msi := summaryStream()
	if err := stampSummary(msi, code, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	// 1970 is 116444736000000000 hundreds of nanoseconds after 1601.
	epoch := binary.LittleEndian.AppendUint64(nil, 116444736000000000)
	if !strings.Contains(string(msi), code+"\x00") || bytes.Count(msi, epoch) != 2 || bytes.Contains(msi, []byte("now")) {
		t.Errorf("% x", msi)
	}
	for end := range len(summaryStream()) {
		if err := stampSummary(summaryStream()[:end], code, time.Unix(0, 0)); err == nil && end < len(summaryStream())-8 {
			t.Errorf("cut after %d bytes, no error", end)
		}
	}
	for at := range summaryStream() { // no byte makes it panic
		wild := summaryStream()
		wild[at] ^= 0xFF
		_ = stampSummary(wild, code, time.Unix(0, 0))
	}
	if err := stampSummary(append(summaryStream(), summary...), code, time.Unix(0, 0)); err == nil {
		t.Error("two summaries, no error")
	}
}
