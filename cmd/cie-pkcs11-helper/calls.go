package main

import (
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/pkcs11module"
)

// A function is a call that the library hands on. The numbers are those of
// protocol.h.
type function uint32

const (
	fnInitialize function = iota + 1
	fnGetSlotList
	fnGetSlotInfo
	fnGetTokenInfo
	fnGetMechanismList
	fnGetMechanismInfo
	fnOpenSession
	fnCloseSession
	fnCloseAllSessions
	fnGetSessionInfo
	fnInitPIN
	fnSetPIN
	fnLogin
	fnLogout
	fnDestroyObject
	fnGetObjectSize
	fnGetAttributeValue
	fnSetAttributeValue
	fnFindObjectsInit
	fnFindObjects
	fnFindObjectsFinal
	fnSignInit
	fnSignEnd
	fnSign
	fnSignUpdate
	fnSignFinal
	fnVerifyInit
	fnVerifyEnd
	fnVerify
	fnVerifyUpdate
	fnWaitForSlotEvent
	fnSessionCancel
	fnCheckSlot
	fnCheckSession
)

func (f function) carriesPIN() bool { return f == fnLogin }

// mayWait says whether a call may wait: for a card, or for the first look at the
// readers.
func (f function) mayWait() bool {
	switch f {
	case fnLogin, fnSign, fnSignFinal, fnWaitForSlotEvent, fnGetSlotList, fnGetSlotInfo, fnGetTokenInfo, fnOpenSession:
		return true
	}
	return false
}

// A call takes its arguments from in and gives its results to out.
type call func(m *pkcs11module.Module, in *reader, out *writer) error

var calls = map[function]call{
	fnGetSlotList:       getSlotList,
	fnGetSlotInfo:       getSlotInfo,
	fnGetTokenInfo:      getTokenInfo,
	fnGetMechanismList:  getMechanismList,
	fnGetMechanismInfo:  getMechanismInfo,
	fnOpenSession:       openSession,
	fnCloseSession:      onSession((*pkcs11module.Module).CloseSession),
	fnCloseAllSessions:  closeAllSessions,
	fnGetSessionInfo:    getSessionInfo,
	fnInitPIN:           onSession((*pkcs11module.Module).InitPIN),
	fnSetPIN:            onSession((*pkcs11module.Module).SetPIN),
	fnLogin:             login,
	fnLogout:            onSession((*pkcs11module.Module).Logout),
	fnDestroyObject:     onObject((*pkcs11module.Module).DestroyObject),
	fnGetObjectSize:     getObjectSize,
	fnGetAttributeValue: getAttributeValue,
	fnSetAttributeValue: onObject((*pkcs11module.Module).SetAttributeValue),
	fnFindObjectsInit:   findObjectsInit,
	fnFindObjects:       findObjects,
	fnFindObjectsFinal:  onSession((*pkcs11module.Module).FindObjectsFinal),
	fnSignInit:          begin((*pkcs11module.Module).SignInit),
	fnSignEnd:           onSession((*pkcs11module.Module).EndSign),
	fnSign:              sign,
	fnSignUpdate:        update((*pkcs11module.Module).SignUpdate),
	fnSignFinal:         signFinal,
	fnVerifyInit:        begin((*pkcs11module.Module).VerifyInit),
	fnVerifyEnd:         onSession((*pkcs11module.Module).EndVerify),
	fnVerify:            verify,
	fnVerifyUpdate:      update((*pkcs11module.Module).VerifyUpdate),
	fnWaitForSlotEvent:  waitForSlotEvent,
	fnSessionCancel:     sessionCancel,
	fnCheckSlot:         checkSlot,
	fnCheckSession:      onSession((*pkcs11module.Module).CheckSession),
}

// parsed is nil when the arguments were all there.
func parsed(in *reader) error {
	if !in.done() {
		return errFrame
	}
	return nil
}

// onSession is a call whose only argument is a session.
func onSession(f func(*pkcs11module.Module, pkcs11module.SessionHandle) error) call {
	return func(m *pkcs11module.Module, in *reader, _ *writer) error {
		session := pkcs11module.SessionHandle(in.number())
		if err := parsed(in); err != nil {
			return err
		}
		return f(m, session)
	}
}

// onObject is a call whose only arguments are a session and an object.
func onObject(f func(*pkcs11module.Module, pkcs11module.SessionHandle, pkcs11module.ObjectHandle) error) call {
	return func(m *pkcs11module.Module, in *reader, _ *writer) error {
		session, object := pkcs11module.SessionHandle(in.number()), pkcs11module.ObjectHandle(in.number())
		if err := parsed(in); err != nil {
			return err
		}
		return f(m, session, object)
	}
}

func getSlotList(m *pkcs11module.Module, in *reader, out *writer) error {
	present := in.number() != 0
	if err := parsed(in); err != nil {
		return err
	}
	list, err := m.SlotList(present)
	out.number(uint64(len(list)))
	for _, id := range list {
		out.number(uint64(id))
	}
	return err
}

func getSlotInfo(m *pkcs11module.Module, in *reader, out *writer) error {
	slot := pkcs11module.SlotID(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	info, err := m.SlotInfo(slot)
	out.bytes([]byte(info.Description))
	out.number(uint64(info.Flags))
	return err
}

func getTokenInfo(m *pkcs11module.Module, in *reader, out *writer) error {
	slot := pkcs11module.SlotID(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	info, err := m.TokenInfo(slot)
	out.bytes([]byte(info.Label))
	out.bytes([]byte(info.SerialNumber))
	for _, n := range []uint64{uint64(info.Flags), uint64(info.Sessions), uint64(info.RWSessions), uint64(info.MinPIN), uint64(info.MaxPIN)} {
		out.number(n)
	}
	return err
}

func getMechanismList(m *pkcs11module.Module, in *reader, out *writer) error {
	slot := pkcs11module.SlotID(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	list, err := m.MechanismList(slot)
	out.number(uint64(len(list)))
	for _, t := range list {
		out.number(uint64(t))
	}
	return err
}

func getMechanismInfo(m *pkcs11module.Module, in *reader, out *writer) error {
	slot, mechanism := pkcs11module.SlotID(in.number()), pkcs11module.MechanismType(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	out.number(pkcs11module.MechanismKeySize)
	out.number(uint64(pkcs11module.MechanismFlags))
	return m.MechanismInfo(slot, mechanism)
}

func openSession(m *pkcs11module.Module, in *reader, out *writer) error {
	slot, flags := pkcs11module.SlotID(in.number()), pkcs11module.Flags(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	session, err := m.OpenSession(slot, flags)
	out.number(uint64(session))
	return err
}

func closeAllSessions(m *pkcs11module.Module, in *reader, _ *writer) error {
	slot := pkcs11module.SlotID(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	return m.CloseAllSessions(slot)
}

func checkSlot(m *pkcs11module.Module, in *reader, _ *writer) error {
	slot := pkcs11module.SlotID(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	return m.CheckSlot(slot)
}

func getSessionInfo(m *pkcs11module.Module, in *reader, out *writer) error {
	session := pkcs11module.SessionHandle(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	info, err := m.SessionInfo(session)
	for _, n := range []uint64{uint64(info.Slot), uint64(info.State), uint64(info.Flags)} {
		out.number(n)
	}
	return err
}

func login(m *pkcs11module.Module, in *reader, _ *writer) error {
	session, user := pkcs11module.SessionHandle(in.number()), pkcs11module.UserType(in.number())
	digits, given := in.bytes()
	if err := parsed(in); err != nil {
		return err
	}
	if !given {
		return m.Login(session, user, nil)
	}
	return m.Login(session, user, secret.Take(digits))
}

func getObjectSize(m *pkcs11module.Module, in *reader, out *writer) error {
	session, object := pkcs11module.SessionHandle(in.number()), pkcs11module.ObjectHandle(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	size, err := m.ObjectSize(session, object)
	out.number(uint64(size))
	return err
}

// getAttributeValue answers even if some attributes cannot be given.
func getAttributeValue(m *pkcs11module.Module, in *reader, out *writer) error {
	session, object := pkcs11module.SessionHandle(in.number()), pkcs11module.ObjectHandle(in.number())
	var requests []pkcs11module.Request
	for n := in.number(); n > 0 && !in.failed; n-- {
		r := pkcs11module.Request{Type: pkcs11module.AttributeType(in.number())}
		room := in.number()
		r.Length, r.Room = room == absent, int(min(room, maxFrame))
		requests = append(requests, r)
	}
	if err := parsed(in); err != nil {
		return err
	}
	replies, err := m.AttributeValue(session, object, requests)
	for _, r := range replies {
		out.number(r.Length)
		if r.Value == nil {
			out.absent()
		} else {
			out.bytes(r.Value)
		}
	}
	return err
}

func findObjectsInit(m *pkcs11module.Module, in *reader, _ *writer) error {
	session := pkcs11module.SessionHandle(in.number())
	var template []pkcs11module.Attribute
	for n := in.number(); n > 0 && !in.failed; n-- {
		a := pkcs11module.Attribute{Type: pkcs11module.AttributeType(in.number())}
		a.Value, _ = in.bytes()
		template = append(template, a)
	}
	if err := parsed(in); err != nil {
		return err
	}
	return m.FindObjectsInit(session, template)
}

func findObjects(m *pkcs11module.Module, in *reader, out *writer) error {
	session, limit := pkcs11module.SessionHandle(in.number()), in.number()
	if err := parsed(in); err != nil {
		return err
	}
	handles, err := m.FindObjects(session, int(min(limit, maxFrame)))
	out.number(uint64(len(handles)))
	for _, h := range handles {
		out.number(uint64(h))
	}
	return err
}

// begin is a call that begins a signature or a verification.
func begin(f func(*pkcs11module.Module, pkcs11module.SessionHandle, pkcs11module.MechanismType, bool, pkcs11module.ObjectHandle) error) call {
	return func(m *pkcs11module.Module, in *reader, _ *writer) error {
		session, mechanism := pkcs11module.SessionHandle(in.number()), pkcs11module.MechanismType(in.number())
		parameter, key := in.number() != 0, pkcs11module.ObjectHandle(in.number())
		if err := parsed(in); err != nil {
			return err
		}
		return f(m, session, mechanism, parameter, key)
	}
}

// update is a call that adds data to a signature or a verification.
func update(f func(*pkcs11module.Module, pkcs11module.SessionHandle, []byte) error) call {
	return func(m *pkcs11module.Module, in *reader, _ *writer) error {
		session := pkcs11module.SessionHandle(in.number())
		part, _ := in.bytes()
		if err := parsed(in); err != nil {
			return err
		}
		return f(m, session, part)
	}
}

// room reads the size of the caller's buffer.
func room(in *reader) int {
	n := in.number()
	if n == absent {
		return pkcs11module.NoRoom
	}
	return int(min(n, maxFrame))
}

// signature gives the length of a signature, and the signature if there is one.
func signature(out *writer, s []byte) {
	out.number(pkcs11module.SignatureLength)
	if s == nil {
		out.absent()
	} else {
		out.bytes(s)
	}
}

func sign(m *pkcs11module.Module, in *reader, out *writer) error {
	session, room, more := pkcs11module.SessionHandle(in.number()), room(in), in.number() != 0
	data, _ := in.bytes()
	if err := parsed(in); err != nil {
		return err
	}
	s, err := m.Sign(session, data, more, room)
	signature(out, s)
	return err
}

func signFinal(m *pkcs11module.Module, in *reader, out *writer) error {
	session, room := pkcs11module.SessionHandle(in.number()), room(in)
	if err := parsed(in); err != nil {
		return err
	}
	s, err := m.SignFinal(session, room)
	signature(out, s)
	return err
}

func verify(m *pkcs11module.Module, in *reader, _ *writer) error {
	session, more, final := pkcs11module.SessionHandle(in.number()), in.number() != 0, in.number() != 0
	signature, _ := in.bytes()
	data, _ := in.bytes()
	if err := parsed(in); err != nil {
		return err
	}
	if final {
		return m.VerifyFinal(session, signature)
	}
	return m.Verify(session, data, signature, more)
}

func waitForSlotEvent(m *pkcs11module.Module, in *reader, out *writer) error {
	flags := pkcs11module.Flags(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	slot, err := m.WaitForSlotEvent(flags)
	out.number(uint64(slot))
	return err
}

func sessionCancel(m *pkcs11module.Module, in *reader, _ *writer) error {
	session, flags := pkcs11module.SessionHandle(in.number()), pkcs11module.Flags(in.number())
	if err := parsed(in); err != nil {
		return err
	}
	return m.SessionCancel(session, flags)
}
