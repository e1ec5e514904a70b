package main

import (
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/softwarecie/cie/pkcs11module"
)

// A server answers the calls of one library.
type server struct {
	module *pkcs11module.Module
	log    *slog.Logger

	mu  sync.Mutex // one answer at a time
	out io.Writer
}

// serve answers calls until the library closes its end or sends what it never
// would. One that may wait has a goroutine of its own, so that none waits for
// another; the others are answered at once, which is faster.
func serve(in io.Reader, out io.Writer, start func(firstHandle uint64, ulongSize int) *pkcs11module.Module, log *slog.Logger) error {
	f, err := readFrame(in)
	if err != nil {
		return err
	}
	arguments := reader{rest: f.body}
	version, first, ulongSize := arguments.number(), arguments.number(), arguments.number()
	if f.function != fnInitialize || version != protocolVersion || (ulongSize != 4 && ulongSize != 8) || !arguments.done() {
		return errFrame
	}
	s := &server{module: start(first, int(ulongSize)), log: log, out: out}
	defer s.module.Close()
	s.send(answer(f.id, 0, nil))
	for {
		f, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if f.function.mayWait() {
			go s.answer(f)
		} else {
			s.answer(f)
		}
	}
}

// protocolVersion is that of protocol.h.
const protocolVersion = 2

func (s *server) answer(f frame) {
	value, results := s.call(f)
	if len(results) > maxFrame-headerLength {
		value, results = pkcs11module.CKR_GENERAL_ERROR, nil
	}
	s.send(answer(f.id, uint32(value), results))
}

// call carries out one call. A panic in it is an answer like others.
func (s *server) call(f frame) (value pkcs11module.ReturnValue, results []byte) {
	defer f.locked.Wipe()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("internal fault", "function", f.function, "panic", p)
			value, results = pkcs11module.CKR_GENERAL_ERROR, nil
		}
	}()
	carryOut := calls[f.function]
	if carryOut == nil {
		return pkcs11module.CKR_FUNCTION_NOT_SUPPORTED, nil
	}
	var out writer
	err := carryOut(s.module, &reader{rest: f.body}, &out)
	if errors.Is(err, errFrame) {
		return pkcs11module.CKR_GENERAL_ERROR, nil
	}
	return pkcs11module.ReturnValueOf(err), out.out
}

func (s *server) send(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.out.Write(frame) // a library that is gone needs no answer
}
