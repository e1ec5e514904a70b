package applet

import (
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// maxOffset bounds the offset of READ BINARY: bit 8 of P1 is not part of it.
const maxOffset = 0x7FFF

// ReadFile reads a file from its start to its end. Of a file that holds one
// data object (keys, certificate, security object) it returns that object
// alone, without the zeros that may follow.
//
// FileSerial and FileCertificate need VerifyPIN before. A file of the other
// directory is reached by selecting the application again, which is refused
// under secure messaging: it would end the channel.
func (c *Card) ReadFile(f File) ([]byte, error) {
	if err := c.enter(f); err != nil {
		return nil, at(StepSelect, err)
	}
	content, err := c.readFile(f)
	if err != nil {
		return nil, at(StepReadFile, fmt.Errorf("%04X: %w", uint16(f), err))
	}
	return content, nil
}

// inRoot says in which of the two directories a file is.
func (f File) inRoot() bool { return f>>8 != 0x10 }

// enter makes the directory of f current.
func (c *Card) enter(f File) error {
	switch {
	case f.inRoot() == c.root:
		return nil
	case c.channel != nil:
		return errors.New("the other directory cannot be reached in the secure channel")
	case f.inRoot():
		return c.selectRoot()
	}
	return c.selectCIE()
}

// readFile selects an elementary file of the current directory and reads it.
func (c *Card) readFile(f File) ([]byte, error) {
	id := []byte{byte(f >> 8), byte(f)}
	if err := c.run(apdu.Command{INS: insSelect, P1: 0x02, P2: 0x0C, Data: id}); err != nil {
		return nil, err
	}
	return c.readCurrent(f)
}

// readCurrent reads the current file until its content is complete or the file
// ends. Cards end a file with 6282 and what was left, with 6B00 at an offset
// past the end, or with 9000 and nothing.
func (c *Card) readCurrent(f File) ([]byte, error) {
	var content []byte
	for {
		size, known := f.size(content)
		if known && len(content) >= size {
			return content[:size], nil
		}
		data, end, err := c.readBinary(len(content), c.chunk(size-len(content), known))
		if err != nil {
			return nil, err
		}
		content = append(content, data...)
		if end {
			return f.complete(content)
		}
	}
}

// size is the length of the content of f as far as its first bytes tell it.
func (f File) size(start []byte) (n int, known bool) {
	switch f {
	case FileNIS, FileSNICC:
		return 12, true
	case FileSerial:
		return 9, true
	case FileATR: // a sequence of objects without a frame
		return 0, false
	}
	n, err := tlv.Len(start)
	return n, err == nil
}

// complete cuts a file that has ended to its content.
func (f File) complete(content []byte) ([]byte, error) {
	size, known := f.size(content)
	switch {
	case f == FileATR:
		return content, nil
	case !known || len(content) < size:
		return nil, fmt.Errorf("%w: file shorter than its content", ErrData)
	}
	return content[:size], nil
}

// chunk is the Ne of the next READ BINARY: what is missing if that is known, at
// most what one answer holds.
func (c *Card) chunk(missing int, known bool) int {
	most := apdu.MaxShortNe
	if c.channel != nil {
		most = protectedPiece // so that the protected answer is a short one too
	}
	if known {
		return min(missing, most)
	}
	return most
}

// readBinary reads up to n bytes of the current file and says whether that was
// its end.
func (c *Card) readBinary(offset, n int) (data []byte, end bool, err error) {
	if offset > maxOffset {
		return nil, false, fmt.Errorf("%w: file too long", ErrData)
	}
	command := apdu.Command{INS: insReadBinary, P1: byte(offset >> 8), P2: byte(offset), Ne: n}
	r, err := c.send(command)
	if err == nil && sw1(r) == sw1WrongLe { // as the protected status; transfer has dealt with the plain one
		command.Ne = count(r)
		r, err = c.send(command)
	}
	if err != nil {
		return nil, false, err
	}
	switch r.SW {
	case apdu.OK:
		return r.Data, len(r.Data) == 0, nil
	case swEndOfFile:
		return r.Data, true, nil
	case swOffset:
		return nil, true, nil
	}
	return nil, false, status(insReadBinary, r)
}
