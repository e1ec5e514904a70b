package memscan

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// chunk is how much memory is looked at in one go.
const chunk = 1 << 20

// Scan finds the patterns in the writable memory of a process, which must be
// this one, a child (ptrace(2), "Ptrace access mode checking"), or any for the
// superuser. It neither stops the process nor changes it. A process that ends
// meanwhile, or may not be read, is an error, never a clean result.
func Scan(pid int, patterns []Pattern) ([]Hit, error) {
	if len(patterns) == 0 {
		return nil, errors.New("nothing to look for")
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	s := scanner{memory: memory, patterns: patterns}
	for _, p := range patterns {
		if len(p.masked) == 0 {
			return nil, fmt.Errorf("empty pattern %q", p.name)
		}
		s.overlap = max(s.overlap, len(p.masked)-1)
	}
	// Of its own, to know its addresses: what it holds is a copy of what is scanned.
	if s.buffer, err = unix.Mmap(-1, 0, s.overlap+chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE); err != nil {
		return nil, err
	}
	defer func() { _ = unix.Munmap(s.buffer) }()
	s.mask = bytes.Repeat([]byte{mask}, chunk)
	return s.scan(pid)
}

// Around shows the memory in which something was found: whose it is can be told
// from what lies beside it.
func Around(pid int, address uint64) string {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return err.Error()
	}
	defer memory.Close()
	const before, size = 192, 384
	around := make([]byte, size)
	if _, err := memory.ReadAt(around, int64(address)-before); err != nil { //nolint:gosec // an address of a process
		return err.Error()
	}
	return hex.Dump(around)
}

type scanner struct {
	memory   io.ReaderAt
	patterns []Pattern
	overlap  int    // a pattern that begins this near the end of a chunk goes on in the next
	buffer   []byte // the end of the chunk before, then a chunk, both masked
	mask     []byte
	read     uint64 // bytes read
	hits     []Hit
}

func (s *scanner) scan(pid int) ([]Hit, error) {
	all, err := mappings(pid)
	if err != nil {
		return nil, err
	}
	own := uint64(uintptr(unsafe.Pointer(&s.buffer[0])))
	for _, m := range all {
		if pid == os.Getpid() && m.start <= own && own < m.end {
			// The kernel joins neighbours of the same kind into one mapping.
			size := uint64(len(s.buffer)+unix.Getpagesize()-1) &^ uint64(unix.Getpagesize()-1)
			s.mapping(mapping{m.start, own, m.name})
			m.start = own + size
		}
		s.mapping(m)
	}
	if s.read == 0 {
		return nil, fmt.Errorf("no memory of process %d could be read", pid)
	}
	return s.hits, nil
}

// mapping scans one mapping. What cannot be read, as the memory of a device, is
// passed over.
func (s *scanner) mapping(m mapping) {
	kept := 0
	for at := m.start; at < m.end; {
		size := min(chunk, m.end-at)
		n, _ := s.memory.ReadAt(s.buffer[kept:kept+int(size)], int64(at))
		if n == 0 {
			page := uint64(unix.Getpagesize())
			at, kept = at/page*page+page, 0
			continue
		}
		s.read += uint64(n)
		fresh := s.buffer[kept : kept+n]
		subtle.XORBytes(fresh, fresh, s.mask[:n])
		s.look(s.buffer[:kept+n], kept, at-uint64(kept), m.name)
		at += uint64(n)
		next := min(s.overlap, kept+n)
		kept = copy(s.buffer, s.buffer[kept+n-next:kept+n])
	}
}

// look finds the patterns that end in the fresh part of masked.
func (s *scanner) look(masked []byte, kept int, address uint64, name string) {
	for _, p := range s.patterns {
		for from := max(0, kept-len(p.masked)+1); ; {
			i := bytes.Index(masked[from:], p.masked)
			if i < 0 {
				break
			}
			s.hits = append(s.hits, Hit{p.name, address + uint64(from+i), name})
			from += i + 1
		}
	}
}

type mapping struct {
	start, end uint64
	name       string
}

// mappings lists the writable memory of a process (proc_pid_maps(5)).
func mappings(pid int) ([]mapping, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []mapping
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		m, writable, err := parseMapping(lines.Text())
		if err != nil {
			return nil, err
		}
		if writable {
			all = append(all, m)
		}
	}
	return all, lines.Err()
}

// parseMapping reads "start-end rwxp offset device inode name".
func parseMapping(line string) (m mapping, writable bool, err error) {
	fields := strings.Fields(line)
	if len(fields) < 5 || len(fields[1]) != 4 {
		return m, false, fmt.Errorf("mapping %q not understood", line)
	}
	start, end, _ := strings.Cut(fields[0], "-")
	m.start, err = strconv.ParseUint(start, 16, 64)
	if err == nil {
		m.end, err = strconv.ParseUint(end, 16, 64)
	}
	m.name = strings.Join(fields[5:], " ")
	return m, fields[1][1] == 'w', err
}
