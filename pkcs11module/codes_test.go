package pkcs11module

import (
	"fmt"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
)

// A caller is one function with arguments that are right but for the session.
type caller struct {
	name string
	call func(m *Module, h SessionHandle) error
}

var onSession = []caller{
	{"C_CloseSession", (*Module).CloseSession},
	{"C_GetSessionInfo", func(m *Module, h SessionHandle) error { _, err := m.SessionInfo(h); return err }},
	{"C_Login", func(m *Module, h SessionHandle) error { return m.Login(h, CKU_USER, digits("5678")) }},
	{"C_Logout", (*Module).Logout},
	{"C_InitPIN", (*Module).InitPIN},
	{"C_SetPIN", (*Module).SetPIN},
	{"C_DestroyObject", func(m *Module, h SessionHandle) error { return m.DestroyObject(h, 1) }},
	{"C_SetAttributeValue", func(m *Module, h SessionHandle) error { return m.SetAttributeValue(h, 1) }},
	{"C_GetObjectSize", func(m *Module, h SessionHandle) error { _, err := m.ObjectSize(h, 1); return err }},
	{"C_GetAttributeValue", func(m *Module, h SessionHandle) error { _, err := m.AttributeValue(h, 1, nil); return err }},
	{"C_FindObjectsInit", func(m *Module, h SessionHandle) error { return m.FindObjectsInit(h, nil) }},
	{"C_FindObjects", func(m *Module, h SessionHandle) error { _, err := m.FindObjects(h, 1); return err }},
	{"C_FindObjectsFinal", (*Module).FindObjectsFinal},
	{"C_SignInit", func(m *Module, h SessionHandle) error { return m.SignInit(h, 1, false, 1) }},
	{"C_SignInit without mechanism", (*Module).EndSign},
	{"C_Sign", func(m *Module, h SessionHandle) error { _, err := m.Sign(h, []byte{1}, false, 256); return err }},
	{"C_SignUpdate", func(m *Module, h SessionHandle) error { return m.SignUpdate(h, []byte{1}) }},
	{"C_SignFinal", func(m *Module, h SessionHandle) error { _, err := m.SignFinal(h, 256); return err }},
	{"C_VerifyInit", func(m *Module, h SessionHandle) error { return m.VerifyInit(h, 1, false, 1) }},
	{"C_VerifyInit without mechanism", (*Module).EndVerify},
	{"C_Verify", func(m *Module, h SessionHandle) error { return m.Verify(h, nil, nil, false) }},
	{"C_VerifyUpdate", func(m *Module, h SessionHandle) error { return m.VerifyUpdate(h, nil) }},
	{"C_VerifyFinal", func(m *Module, h SessionHandle) error { return m.VerifyFinal(h, nil) }},
	{"C_SessionCancel", func(m *Module, h SessionHandle) error { return m.SessionCancel(h, 0) }},
	{"a stub", (*Module).CheckSession},
}

var onSlot = []struct {
	name string
	call func(m *Module, id SlotID) error
}{
	{"C_GetSlotInfo", func(m *Module, id SlotID) error { _, err := m.SlotInfo(id); return err }},
	{"C_GetTokenInfo", func(m *Module, id SlotID) error { _, err := m.TokenInfo(id); return err }},
	{"C_GetMechanismList", func(m *Module, id SlotID) error { _, err := m.MechanismList(id); return err }},
	{"C_GetMechanismInfo", func(m *Module, id SlotID) error { return m.MechanismInfo(id, 1) }},
	{"C_OpenSession", func(m *Module, id SlotID) error { _, err := m.OpenSession(id, CKF_SERIAL_SESSION); return err }},
	{"C_CloseAllSessions", (*Module).CloseAllSessions},
	{"C_InitToken", (*Module).CheckSlot},
}

func TestHandlesAndStates(t *testing.T) { // profile 12.1
	d := newDesk(t, true, emulator.Options{})
	d.await(true)
	closed := d.open(0)
	must(t, d.module.CloseSession(closed))
	d.costs("calls", 0, 0, func() {
		for _, c := range onSession {
			for _, h := range []SessionHandle{0, closed, 12345, ^SessionHandle(0)} {
				d.want(c.name+" with a wrong session", c.call(d.module, h), CKR_SESSION_HANDLE_INVALID)
			}
		}
		for _, c := range onSlot {
			for _, id := range []SlotID{2, ^SlotID(0)} {
				d.want(c.name+" with a wrong slot", c.call(d.module, id), CKR_SLOT_ID_INVALID)
			}
		}
		empty := map[string]ReturnValue{"C_GetSlotInfo": CKR_OK, "C_CloseAllSessions": CKR_OK, "C_InitToken": CKR_OK}
		for _, c := range onSlot {
			want, ok := empty[c.name]
			if !ok {
				want = CKR_TOKEN_NOT_PRESENT
			}
			d.want(c.name+" with an empty slot", c.call(d.module, 1), want)
		}
	})
	d.module.Close()
	for _, c := range onSession {
		d.want(c.name+" after the end", c.call(d.module, closed), CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	for _, c := range onSlot {
		d.want(c.name+" after the end", c.call(d.module, 0), CKR_CRYPTOKI_NOT_INITIALIZED)
	}
}

func TestWrongStates(t *testing.T) { // profile 9, 10, 12
	d := newDesk(t, true, emulator.Options{})
	m := d.module
	ro := d.open(0)
	rw := d.open(CKF_RW_SESSION)
	certificate, public := d.one(ro, CKO_CERTIFICATE), d.one(ro, CKO_PUBLIC_KEY)
	_, err := m.OpenSession(0, CKF_RW_SESSION)
	d.want("parallel session", err, CKR_SESSION_PARALLEL_NOT_SUPPORTED)

	d.costs("calls", 0, 0, func() {
		d.want("SO", m.Login(ro, CKU_SO, digits("12345678")), CKR_SESSION_READ_ONLY_EXISTS)
		d.want("context", m.Login(ro, CKU_CONTEXT_SPECIFIC, digits("12345678")), CKR_OPERATION_NOT_INITIALIZED)
		d.want("user 3", m.Login(ro, 3, digits("12345678")), CKR_USER_TYPE_INVALID)
		d.want("no PIN", m.Login(ro, CKU_USER, nil), CKR_ARGUMENTS_BAD)
		d.want("SetPIN", m.SetPIN(ro), CKR_SESSION_READ_ONLY)
		d.want("SetPIN", m.SetPIN(rw), CKR_FUNCTION_NOT_SUPPORTED)
		d.want("InitPIN", m.InitPIN(ro), CKR_SESSION_READ_ONLY)
		d.want("InitPIN", m.InitPIN(rw), CKR_USER_NOT_LOGGED_IN)
		d.want("destroy", m.DestroyObject(rw, public), CKR_ACTION_PROHIBITED)
		d.want("destroy", m.DestroyObject(rw, 99999), CKR_OBJECT_HANDLE_INVALID)
		d.want("set", m.SetAttributeValue(ro, public), CKR_SESSION_READ_ONLY)
		d.want("set", m.SetAttributeValue(rw, public), CKR_ACTION_PROHIBITED)
		d.want("set", m.SetAttributeValue(rw, 99999), CKR_OBJECT_HANDLE_INVALID)

		_, err = m.FindObjects(ro, 1)
		d.want("find before init", err, CKR_OPERATION_NOT_INITIALIZED)
		d.want("final before init", m.FindObjectsFinal(ro), CKR_OPERATION_NOT_INITIALIZED)
		must(t, m.FindObjectsInit(ro, []Attribute{{0xCE534352, []byte{1}}}))
		d.want("init twice", m.FindObjectsInit(ro, nil), CKR_OPERATION_ACTIVE)
		if found, err := m.FindObjects(ro, 10); err != nil || len(found) != 0 {
			t.Errorf("vendor attribute finds %v, %v", found, err)
		}
		must(t, m.SessionCancel(ro, CKF_FIND_OBJECTS))
		d.want("cancelled", m.FindObjectsFinal(ro), CKR_OPERATION_NOT_INITIALIZED)
		if found := d.find(ro, Attribute{CKA_PRIVATE, []byte{1}}); len(found) != 0 {
			t.Errorf("private objects %v before login", found)
		}

		d.want("sign before login", m.SignInit(ro, 1, false, public), CKR_USER_NOT_LOGGED_IN)
		d.want("mechanism first", m.SignInit(ro, 0x0D, false, public), CKR_MECHANISM_INVALID)
		d.want("parameter", m.SignInit(ro, 1, true, public), CKR_MECHANISM_PARAM_INVALID)
		d.want("nothing to end", m.EndSign(ro), CKR_ARGUMENTS_BAD)
		for _, pss := range []MechanismType{0x0D, 0x0E, 0x43, 0x44, 0x45, 0x47, 0x03, 0x09, 0x05, 0x220, 0x250} {
			d.want("mechanism info", m.MechanismInfo(0, pss), CKR_MECHANISM_INVALID)
		}
	})

	must(t, m.Login(ro, CKU_USER, digits("5678")))
	key := d.one(ro, CKO_PRIVATE_KEY)
	d.costs("calls", 0, 0, func() {
		d.want("public key", m.SignInit(ro, 1, false, public), CKR_KEY_TYPE_INCONSISTENT)
		d.want("certificate", m.SignInit(ro, 1, false, certificate), CKR_KEY_HANDLE_INVALID)
		d.want("no key", m.SignInit(ro, 1, false, 99999), CKR_KEY_HANDLE_INVALID)
		d.want("verify with the private key", m.VerifyInit(ro, 1, false, key), CKR_KEY_TYPE_INCONSISTENT)
		must(t, m.CloseSession(ro))
		d.want("SO", m.Login(rw, CKU_SO, digits("12345678")), CKR_USER_ANOTHER_ALREADY_LOGGED_IN)

		must(t, m.SignInit(rw, 1, false, key))
		d.want("init twice", m.SignInit(rw, 1, false, key), CKR_OPERATION_ACTIVE)
		for range 2 { // the length, then too little room: nothing is remembered of the data
			s, err := m.Sign(rw, make([]byte, 500), false, NoRoom)
			if s != nil || err != nil {
				t.Errorf("length query %v, %v", s, err)
			}
			_, err = m.Sign(rw, make([]byte, 500), false, 255)
			d.want("room", err, CKR_BUFFER_TOO_SMALL)
		}
		_, err := m.Sign(rw, make([]byte, 103), false, 256)
		d.want("too long", err, CKR_DATA_LEN_RANGE)
		_, err = m.Sign(rw, []byte{1}, false, 256)
		d.want("ended", err, CKR_OPERATION_NOT_INITIALIZED)

		must(t, m.SignInit(rw, 1, false, key))
		_, err = m.SignFinal(rw, 256)
		d.want("empty", err, CKR_DATA_LEN_RANGE)
		must(t, m.SignInit(rw, 1, false, key))
		must(t, m.SignUpdate(rw, make([]byte, 100)))
		_, err = m.Sign(rw, []byte{1}, false, 256)
		d.want("after a part", err, CKR_OPERATION_ACTIVE)
		must(t, m.SignInit(rw, 1, false, key))
		must(t, m.SignUpdate(rw, make([]byte, 100)))
		d.want("too much", m.SignUpdate(rw, make([]byte, 3)), CKR_DATA_LEN_RANGE)
		d.want("ended", m.SignUpdate(rw, nil), CKR_OPERATION_NOT_INITIALIZED)
		must(t, m.SignInit(rw, 1, false, key))
		must(t, m.EndSign(rw))

		must(t, m.VerifyInit(rw, 0x40, false, public))
		d.want("signature of 255", m.Verify(rw, []byte("x"), make([]byte, 255), false), CKR_SIGNATURE_LEN_RANGE)
		must(t, m.VerifyInit(rw, 0x40, false, public))
		d.want("wrong signature", m.Verify(rw, []byte("x"), make([]byte, 256), false), CKR_SIGNATURE_INVALID)
		d.want("ended", m.Verify(rw, nil, nil, false), CKR_OPERATION_NOT_INITIALIZED)
	})
}

func TestAttributes(t *testing.T) { // profile 9
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
	key := d.one(h, CKO_PRIVATE_KEY)
	for _, tt := range []struct {
		request Request
		length  uint64
		value   bool
		want    ReturnValue
	}{
		{Request{CKA_MODULUS, true, 0}, 256, false, CKR_OK},
		{Request{CKA_MODULUS, false, 256}, 256, true, CKR_OK},
		{Request{CKA_MODULUS, false, 255}, Unavailable, false, CKR_BUFFER_TOO_SMALL},
		{Request{CKA_ALWAYS_AUTHENTICATE, false, 1}, 1, true, CKR_OK},
		{Request{CKA_KEY_TYPE, false, 8}, 8, true, CKR_OK},
		{Request{CKA_START_DATE, false, 0}, 0, true, CKR_OK},
		{Request{CKA_CERTIFICATE_TYPE, false, 8}, Unavailable, false, CKR_ATTRIBUTE_TYPE_INVALID},
		{Request{CKA_PRIVATE_EXPONENT, false, 999}, Unavailable, false, CKR_ATTRIBUTE_SENSITIVE},
		{Request{CKA_PRIME_1, true, 0}, Unavailable, false, CKR_ATTRIBUTE_SENSITIVE},
	} {
		replies, err := d.module.AttributeValue(h, key, []Request{tt.request})
		d.want(fmt.Sprintf("attribute %#x", uint64(tt.request.Type)), err, tt.want)
		if r := replies[0]; r.Length != tt.length || (r.Value != nil) != tt.value {
			t.Errorf("attribute %#x: length %d, value %X", uint64(tt.request.Type), r.Length, r.Value)
		}
	}
	replies, err := d.module.AttributeValue(h, key, []Request{
		{Type: CKA_MODULUS, Room: 1}, {Type: CKA_VALUE}, {Type: CKA_COEFFICIENT}, {Type: CKA_ID, Room: 20},
	})
	d.want("all of them", err, CKR_ATTRIBUTE_SENSITIVE)
	if len(replies) != 4 || len(replies[3].Value) != 20 {
		t.Errorf("replies %v: one failure has stopped the others", replies)
	}
	size, err := d.module.ObjectSize(h, key)
	if err != nil || size < 512 {
		t.Errorf("size %d, %v", size, err)
	}
}

func TestSignaturesVerify(t *testing.T) { // profile 10.2, 10.3
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
	key, public := d.one(h, CKO_PRIVATE_KEY), d.one(h, CKO_PUBLIC_KEY)
	message := []byte("sixty bytes or so of a message that is signed in three parts")
	for _, mechanism := range mechanismList {
		must(t, d.module.SignInit(h, mechanism.Type, false, key))
		for _, part := range [][]byte{message[:10], message[10:10], message[10:]} {
			must(t, d.module.SignUpdate(h, part))
		}
		parts, err := d.module.SignFinal(h, 300)
		must(t, err)
		must(t, d.module.SignInit(h, mechanism.Type, false, key))
		_, err = d.module.Sign(h, message[:20], true, 256)
		must(t, err)
		whole, err := d.module.Sign(h, message[20:], false, 256)
		must(t, err)
		if string(parts) != string(whole) {
			t.Errorf("mechanism %#x: signatures in parts and at once differ", uint64(mechanism.Type))
		}
		must(t, d.module.VerifyInit(h, mechanism.Type, false, public))
		must(t, d.module.Verify(h, message, whole, false))
		must(t, d.module.VerifyInit(h, mechanism.Type, false, public))
		must(t, d.module.VerifyUpdate(h, message))
		must(t, d.module.VerifyFinal(h, parts))
	}
	d.sign(h, key, "by the standard library") // no digest of ours in the verdict
}
