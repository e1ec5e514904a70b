package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"iter"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
	"github.com/softwarecie/cie/pkcs11module"
)

// nothing watches a computer without readers.
type nothing struct{}

func (nothing) Watch(ctx context.Context) iter.Seq2[[]pcsc.Reader, error] {
	return func(yield func([]pcsc.Reader, error) bool) {
		if yield(nil, nil) {
			<-ctx.Done()
		}
	}
}

var silent = slog.New(slog.DiscardHandler)

func module(first uint64, ulongSize int) *pkcs11module.Module {
	h := &cie.Holder{Cards: cie.InSlots(nil), Roots: trust.BuiltIn()}
	return pkcs11module.New(h, nothing{}, pkcs11module.Options{FirstHandle: first, ULongSize: ulongSize})
}

// request is the frame of a call with numbers as its arguments.
func request(id uint32, f function, arguments ...uint64) []byte {
	var w writer
	for _, n := range arguments {
		w.number(n)
	}
	return answer(id, uint32(f), w.out)
}

// receive reads one answer.
func receive(t *testing.T, r io.Reader) (id uint32, value pkcs11module.ReturnValue, results []byte) {
	t.Helper()
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	results = make([]byte, binary.BigEndian.Uint32(head)-headerLength)
	if _, err := io.ReadFull(r, results); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(head[4:]), pkcs11module.ReturnValue(binary.BigEndian.Uint32(head[8:])), results
}

func TestServe(t *testing.T) {
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(theirs, theirs, module, silent) }()
	send := func(frame []byte) {
		t.Helper()
		if _, err := ours.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	want := func(wantID uint32, want pkcs11module.ReturnValue) []byte {
		t.Helper()
		id, value, results := receive(t, ours)
		if id != wantID || value != want {
			t.Errorf("answer %d: %#x, want %d: %#x", id, uint64(value), wantID, uint64(want))
		}
		return results
	}
	send(request(7, fnInitialize, protocolVersion, 1, 8))
	want(7, pkcs11module.CKR_OK)
	send(request(8, fnGetSlotList, 0))
	if got := want(8, pkcs11module.CKR_OK); !bytes.Equal(got, []byte{7: 2, 15: 0, 23: 1}) {
		t.Errorf("slots %X", got)
	}
	send(request(9, fnWaitForSlotEvent, 0)) // no answer while nothing happens
	send(request(10, fnGetSlotList))
	want(10, pkcs11module.CKR_GENERAL_ERROR)
	send(request(11, fnGetSlotList, 0, 0))
	want(11, pkcs11module.CKR_GENERAL_ERROR)
	send(request(12, 9999))
	want(12, pkcs11module.CKR_FUNCTION_NOT_SUPPORTED)
	send(request(13, fnCheckSession, 1))
	want(13, pkcs11module.CKR_SESSION_HANDLE_INVALID)
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil && err != io.ErrClosedPipe {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the helper has not ended with its library")
	}
}

func TestOtherVersionIsRefused(t *testing.T) {
	for _, frame := range [][]byte{
		request(0, fnInitialize, protocolVersion+1, 1, 8), request(0, fnInitialize, protocolVersion, 1), request(0, fnInitialize, protocolVersion, 1, 2), request(0, fnGetSlotList, 0),
	} {
		if err := serve(bytes.NewReader(frame), io.Discard, module, silent); err == nil {
			t.Errorf("%X is accepted", frame)
		}
	}
}

func TestPanicIsAnAnswer(t *testing.T) { // F47
	s := server{log: silent} // no module: every call panics
	value, _ := s.call(frame{function: fnCheckSession, body: make([]byte, 8)})
	if value != pkcs11module.CKR_GENERAL_ERROR {
		t.Errorf("return value %#x", uint64(value))
	}
}

// The numbers of the calls are those of protocol.h.
func TestProtocolNumbers(t *testing.T) {
	header, err := os.ReadFile("../cie-pkcs11/protocol.h")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("calls.go")
	if err != nil {
		t.Fatal(err)
	}
	plain := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
	var inC, inGo []string
	for _, m := range regexp.MustCompile(`(?m)^\tFN_([A-Z_]+)( = 1)?,$`).FindAllSubmatch(header, -1) {
		inC = append(inC, plain(string(m[1])))
	}
	for _, m := range regexp.MustCompile(`(?m)^\tfn([A-Za-z]+)( function = iota \+ 1)?$`).FindAllSubmatch(source, -1) {
		inGo = append(inGo, plain(string(m[1])))
	}
	if len(inC) < 30 || strings.Join(inC, " ") != strings.Join(inGo, " ") {
		t.Errorf("in C:  %v\nin Go: %v", inC, inGo)
	}
	version := regexp.MustCompile(`#define PROTOCOL_VERSION (\d+)`).FindSubmatch(header)
	if version == nil || string(version[1]) != strconv.Itoa(protocolVersion) {
		t.Errorf("version %s in C", version)
	}
}

// FuzzServe gives the helper what no library sends. Each frame that is whole gets
// one answer, with its identifier; nothing else is written.
func FuzzServe(f *testing.F) {
	f.Add(request(1, fnGetSlotList, 1))
	f.Add(append(request(1, fnOpenSession, 0, 4), request(2, fnFindObjectsInit, 1, 1, 0, absent)...))
	f.Add(request(3, fnGetAttributeValue, 1, 1, ^uint64(0)))
	f.Add(request(4, fnLogin, 1, 1, 4))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF})
	m := module(1, 8)
	f.Fuzz(func(t *testing.T, in []byte) {
		s := server{module: m, log: silent}
		for r := bytes.NewReader(in); ; {
			call, err := readFrame(r)
			if err != nil {
				return
			}
			if len(call.body) > maxFrame {
				t.Fatalf("frame of %d bytes", len(call.body))
			}
			if call.function == fnWaitForSlotEvent {
				continue // it waits
			}
			value, results := s.call(call)
			if value != pkcs11module.CKR_OK && value > pkcs11module.CKR_CRYPTOKI_NOT_INITIALIZED || len(results) > maxFrame {
				t.Errorf("return value %#x, %d bytes", uint64(value), len(results))
			}
			if call.locked.Len() != 0 {
				t.Error("a PIN was not wiped")
			}
		}
	})
}
