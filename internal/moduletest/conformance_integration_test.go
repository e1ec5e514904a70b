//go:build integration

package moduletest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"
)

// The codes of the table, by their names without CKR_.
const (
	ok          = pkcs11.CKR_OK
	badArgument = pkcs11.CKR_ARGUMENTS_BAD
	badSlot     = pkcs11.CKR_SLOT_ID_INVALID
	badSession  = pkcs11.CKR_SESSION_HANDLE_INVALID
	notBegun    = pkcs11.CKR_OPERATION_NOT_INITIALIZED
	active      = pkcs11.CKR_OPERATION_ACTIVE
	noMechanism = pkcs11.CKR_MECHANISM_INVALID
	noFunction  = pkcs11.CKR_FUNCTION_NOT_SUPPORTED
	noToken     = pkcs11.CKR_TOKEN_NOT_PRESENT
	readOnly    = pkcs11.CKR_SESSION_READ_ONLY
	prohibited  = 0x1B // CKR_ACTION_PROHIBITED, of v2.40 errata 1
	notIn       = pkcs11.CKR_USER_NOT_LOGGED_IN
	alreadyIn   = pkcs11.CKR_USER_ALREADY_LOGGED_IN
	noRandom    = pkcs11.CKR_RANDOM_NO_RNG
	notParallel = pkcs11.CKR_FUNCTION_NOT_PARALLEL
	tooSmall    = pkcs11.CKR_BUFFER_TOO_SMALL
	wrong       = pkcs11.CKR_SIGNATURE_INVALID

	none = -1 // no such case
)

// A row is what one function must answer to right arguments in three states, to a
// wrong handle, and to NULL. Before C_Initialize and after C_Finalize the answer is
// CKR_CRYPTOKI_NOT_INITIALIZED, whatever the arguments.
type row struct {
	name   string
	handle int // to a wrong slot or session, also if a pointer is NULL
	null   int // to NULL for a pointer that must not be
	idle   int // session for reading, nobody logged in, nothing begun; slot without token
	busy   int // session for writing, logged in, search, signature and verification begun; slot with token
	small  int // to a buffer with too little room
}

// conformance is PKCS#11 v2.40 and v3.0 §5 for a token like ours.
var conformance = []row{
	{"C_GetInfo", none, badArgument, ok, ok, none},
	{"C_GetSlotList", none, badArgument, ok, ok, tooSmall},
	{"C_GetSlotInfo", badSlot, badArgument, ok, ok, none},
	{"C_GetTokenInfo", badSlot, badArgument, noToken, ok, none},
	{"C_GetMechanismList", badSlot, badArgument, noToken, ok, tooSmall},
	{"C_GetMechanismInfo", badSlot, badArgument, noToken, ok, none},
	{"C_InitToken", badSlot, badArgument, noFunction, noFunction, none},
	{"C_InitPIN", badSession, badArgument, readOnly, notIn, none}, // no security officer
	{"C_SetPIN", badSession, badArgument, readOnly, noFunction, none},
	{"C_OpenSession", badSlot, badArgument, noToken, ok, none},
	{"C_CloseSession", badSession, none, ok, ok, none},
	{"C_CloseAllSessions", badSlot, none, ok, ok, none},
	{"C_GetSessionInfo", badSession, badArgument, ok, ok, none},
	{"C_GetOperationState", badSession, badArgument, noFunction, noFunction, none},
	{"C_SetOperationState", badSession, badArgument, noFunction, noFunction, none},
	{"C_Login", badSession, badArgument, ok, alreadyIn, none},
	{"C_Logout", badSession, none, notIn, ok, none},
	{"C_CreateObject", badSession, badArgument, noFunction, noFunction, none},
	{"C_CopyObject", badSession, badArgument, noFunction, noFunction, none},
	{"C_DestroyObject", badSession, none, prohibited, prohibited, none},
	{"C_GetObjectSize", badSession, badArgument, ok, ok, none},
	{"C_GetAttributeValue", badSession, badArgument, ok, ok, tooSmall},
	{"C_SetAttributeValue", badSession, badArgument, readOnly, prohibited, none},
	{"C_FindObjectsInit", badSession, badArgument, ok, active, none},
	{"C_FindObjects", badSession, badArgument, notBegun, ok, none},
	{"C_FindObjectsFinal", badSession, none, notBegun, ok, none},
	{"C_EncryptInit", badSession, badArgument, noMechanism, noMechanism, none},
	{"C_Encrypt", badSession, badArgument, notBegun, notBegun, none},
	{"C_EncryptUpdate", badSession, badArgument, notBegun, notBegun, none},
	{"C_EncryptFinal", badSession, badArgument, notBegun, notBegun, none},
	{"C_DecryptInit", badSession, badArgument, noMechanism, noMechanism, none},
	{"C_Decrypt", badSession, badArgument, notBegun, notBegun, none},
	{"C_DecryptUpdate", badSession, badArgument, notBegun, notBegun, none},
	{"C_DecryptFinal", badSession, badArgument, notBegun, notBegun, none},
	{"C_DigestInit", badSession, badArgument, noMechanism, noMechanism, none},
	{"C_Digest", badSession, badArgument, notBegun, notBegun, none},
	{"C_DigestUpdate", badSession, badArgument, notBegun, notBegun, none},
	{"C_DigestKey", badSession, none, notBegun, notBegun, none},
	{"C_DigestFinal", badSession, badArgument, notBegun, notBegun, none},
	{"C_SignInit", badSession, badArgument, notIn, active, none},
	{"C_Sign", badSession, badArgument, notBegun, ok, tooSmall},
	{"C_SignUpdate", badSession, badArgument, notBegun, ok, none},
	{"C_SignFinal", badSession, badArgument, notBegun, ok, tooSmall},
	{"C_SignRecoverInit", badSession, badArgument, noFunction, noFunction, none},
	{"C_SignRecover", badSession, badArgument, noFunction, noFunction, none},
	{"C_VerifyInit", badSession, badArgument, ok, active, none},
	{"C_Verify", badSession, badArgument, notBegun, wrong, none},
	{"C_VerifyUpdate", badSession, badArgument, notBegun, ok, none},
	{"C_VerifyFinal", badSession, badArgument, notBegun, wrong, none},
	{"C_VerifyRecoverInit", badSession, badArgument, noFunction, noFunction, none},
	{"C_VerifyRecover", badSession, badArgument, noFunction, noFunction, none},
	{"C_DigestEncryptUpdate", badSession, badArgument, noFunction, noFunction, none},
	{"C_DecryptDigestUpdate", badSession, badArgument, noFunction, noFunction, none},
	{"C_SignEncryptUpdate", badSession, badArgument, noFunction, noFunction, none},
	{"C_DecryptVerifyUpdate", badSession, badArgument, noFunction, noFunction, none},
	{"C_GenerateKey", badSession, badArgument, noFunction, noFunction, none},
	{"C_GenerateKeyPair", badSession, badArgument, noFunction, noFunction, none},
	{"C_WrapKey", badSession, badArgument, noFunction, noFunction, none},
	{"C_UnwrapKey", badSession, badArgument, noFunction, noFunction, none},
	{"C_DeriveKey", badSession, badArgument, noFunction, noFunction, none},
	{"C_SeedRandom", badSession, badArgument, noRandom, noRandom, none},
	{"C_GenerateRandom", badSession, badArgument, noRandom, noRandom, none},
	{"C_GetFunctionStatus", badSession, none, notParallel, notParallel, none},
	{"C_CancelFunction", badSession, none, notParallel, notParallel, none},
	{"C_WaitForSlotEvent", none, badArgument, pkcs11.CKR_NO_EVENT, pkcs11.CKR_NO_EVENT, none},

	// v3.0
	{"C_LoginUser", badSession, badArgument, ok, alreadyIn, none},
	{"C_SessionCancel", badSession, none, ok, ok, none},
}

// messages are the functions of v3.0 for messages, all of which are refused.
var messages = strings.Fields(`C_MessageEncryptInit C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal
	C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext C_MessageDecryptFinal
	C_MessageSignInit C_SignMessage C_SignMessageBegin C_SignMessageNext C_MessageSignFinal
	C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal`)

// always are those that answer in every state. C_Initialize and C_Finalize, which
// make the states, are in testdata/host.c, "edges".
var always = []row{
	{"C_GetFunctionList", none, badArgument, ok, ok, none},
	{"C_GetInterfaceList", none, badArgument, ok, ok, tooSmall},
	{"C_GetInterface", none, badArgument, ok, ok, none},
}

// expected is the table as lines of testdata/host.c: column and function, with the
// code.
func expected() map[string]int {
	want := make(map[string]int)
	put := func(column, name string, code int) {
		if code != none {
			want[column+" "+name] = code
		}
	}
	rows := conformance
	for _, name := range messages {
		rows = append(rows, row{name, badSession, none, noFunction, noFunction, none})
	}
	for _, r := range rows {
		put("uninitialized", r.name, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
		put("bad-handle", r.name, r.handle)
	}
	for _, r := range append(rows, always...) {
		put("NULL", r.name, r.null)
		put("idle", r.name, r.idle)
		put("busy", r.name, r.busy)
		put("small", r.name, r.small)
	}
	return want
}

// compare fails for each answer that the table has otherwise, and for each that was
// not heard.
func compare(t *testing.T, answers string) {
	t.Helper()
	want := expected()
	heard := make(map[string]bool)
	for _, line := range strings.Split(strings.TrimSpace(answers), "\n") {
		var column, name string
		var code int
		if n, _ := fmt.Sscanf(line, "%s %s %d", &column, &name, &code); n != 3 {
			t.Errorf("%s", line)
			continue
		}
		key := column + " " + name
		wanted, known := want[key]
		if heard[key] = true; known && code != wanted {
			t.Errorf("%s: %v, want %v", key, pkcs11.Error(code), pkcs11.Error(wanted))
		} else if !known && column != "bad-handle" {
			t.Errorf("%s: not in the table", key)
		}
	}
	for key := range want {
		if !heard[key] {
			t.Errorf("%s: not tried", key)
		}
	}
	t.Logf("%d cases of %d functions", len(want), len(conformance)+len(messages)+len(always)+2)
}

// TestConformanceInC calls every function from C, where NULL is NULL.
func TestConformanceInC(t *testing.T) { // T10, F46
	d := newDesk(t, true)
	compare(t, d.must(nil, host(t), d.module, "table"))
	d.inHost("edges")
	d.unharmed()
}

// arguments are those that the state of a test gives to a call.
type arguments struct {
	slot    uint
	session pkcs11.SessionHandle
	object  pkcs11.ObjectHandle
}

// inGo calls functions as Go programs do. The wrapper has none for what is missing
// here, and never passes NULL for what must not be.
var inGo = map[string]func(p *pkcs11.Ctx, a arguments) error{
	"C_GetInfo":          func(p *pkcs11.Ctx, _ arguments) error { _, err := p.GetInfo(); return err },
	"C_GetSlotList":      func(p *pkcs11.Ctx, _ arguments) error { _, err := p.GetSlotList(false); return err },
	"C_GetSlotInfo":      func(p *pkcs11.Ctx, a arguments) error { _, err := p.GetSlotInfo(a.slot); return err },
	"C_GetTokenInfo":     func(p *pkcs11.Ctx, a arguments) error { _, err := p.GetTokenInfo(a.slot); return err },
	"C_GetMechanismList": func(p *pkcs11.Ctx, a arguments) error { _, err := p.GetMechanismList(a.slot); return err },
	"C_GetMechanismInfo": func(p *pkcs11.Ctx, a arguments) error { _, err := p.GetMechanismInfo(a.slot, sha256RSA()); return err },
	"C_InitToken":        func(p *pkcs11.Ctx, a arguments) error { return p.InitToken(a.slot, "12345678", "label") },
	"C_InitPIN":          func(p *pkcs11.Ctx, a arguments) error { return p.InitPIN(a.session, "12345678") },
	"C_SetPIN":           func(p *pkcs11.Ctx, a arguments) error { return p.SetPIN(a.session, "12345678", "20304050") },
	"C_OpenSession": func(p *pkcs11.Ctx, a arguments) error {
		_, err := p.OpenSession(a.slot, pkcs11.CKF_SERIAL_SESSION)
		return err
	},
	"C_CloseSession":      func(p *pkcs11.Ctx, a arguments) error { return p.CloseSession(a.session) },
	"C_CloseAllSessions":  func(p *pkcs11.Ctx, a arguments) error { return p.CloseAllSessions(a.slot) },
	"C_GetSessionInfo":    func(p *pkcs11.Ctx, a arguments) error { _, err := p.GetSessionInfo(a.session); return err },
	"C_GetOperationState": func(p *pkcs11.Ctx, a arguments) error { _, err := p.GetOperationState(a.session); return err },
	"C_SetOperationState": func(p *pkcs11.Ctx, a arguments) error { return p.SetOperationState(a.session, data, 0, 0) },
	"C_Login":             func(p *pkcs11.Ctx, a arguments) error { return p.Login(a.session, pkcs11.CKU_USER, "5678") },
	"C_Logout":            func(p *pkcs11.Ctx, a arguments) error { return p.Logout(a.session) },
	"C_CreateObject":      func(p *pkcs11.Ctx, a arguments) error { _, err := p.CreateObject(a.session, template()); return err },
	"C_CopyObject": func(p *pkcs11.Ctx, a arguments) error {
		_, err := p.CopyObject(a.session, a.object, template())
		return err
	},
	"C_DestroyObject": func(p *pkcs11.Ctx, a arguments) error { return p.DestroyObject(a.session, a.object) },
	"C_GetObjectSize": func(p *pkcs11.Ctx, a arguments) error { _, err := p.GetObjectSize(a.session, a.object); return err },
	"C_GetAttributeValue": func(p *pkcs11.Ctx, a arguments) error {
		_, err := p.GetAttributeValue(a.session, a.object, template())
		return err
	},
	"C_SetAttributeValue":   func(p *pkcs11.Ctx, a arguments) error { return p.SetAttributeValue(a.session, a.object, template()) },
	"C_FindObjectsInit":     func(p *pkcs11.Ctx, a arguments) error { return p.FindObjectsInit(a.session, template()) },
	"C_FindObjects":         func(p *pkcs11.Ctx, a arguments) error { _, _, err := p.FindObjects(a.session, 1); return err },
	"C_FindObjectsFinal":    func(p *pkcs11.Ctx, a arguments) error { return p.FindObjectsFinal(a.session) },
	"C_EncryptInit":         func(p *pkcs11.Ctx, a arguments) error { return p.EncryptInit(a.session, sha256RSA(), a.object) },
	"C_Encrypt":             func(p *pkcs11.Ctx, a arguments) error { _, err := p.Encrypt(a.session, data); return err },
	"C_EncryptUpdate":       func(p *pkcs11.Ctx, a arguments) error { _, err := p.EncryptUpdate(a.session, data); return err },
	"C_EncryptFinal":        func(p *pkcs11.Ctx, a arguments) error { _, err := p.EncryptFinal(a.session); return err },
	"C_DecryptInit":         func(p *pkcs11.Ctx, a arguments) error { return p.DecryptInit(a.session, sha256RSA(), a.object) },
	"C_Decrypt":             func(p *pkcs11.Ctx, a arguments) error { _, err := p.Decrypt(a.session, data); return err },
	"C_DecryptUpdate":       func(p *pkcs11.Ctx, a arguments) error { _, err := p.DecryptUpdate(a.session, data); return err },
	"C_DecryptFinal":        func(p *pkcs11.Ctx, a arguments) error { _, err := p.DecryptFinal(a.session); return err },
	"C_DigestInit":          func(p *pkcs11.Ctx, a arguments) error { return p.DigestInit(a.session, sha256RSA()) },
	"C_Digest":              func(p *pkcs11.Ctx, a arguments) error { _, err := p.Digest(a.session, data); return err },
	"C_DigestUpdate":        func(p *pkcs11.Ctx, a arguments) error { return p.DigestUpdate(a.session, data) },
	"C_DigestKey":           func(p *pkcs11.Ctx, a arguments) error { return p.DigestKey(a.session, a.object) },
	"C_DigestFinal":         func(p *pkcs11.Ctx, a arguments) error { _, err := p.DigestFinal(a.session); return err },
	"C_SignInit":            func(p *pkcs11.Ctx, a arguments) error { return p.SignInit(a.session, sha256RSA(), a.object) },
	"C_Sign":                func(p *pkcs11.Ctx, a arguments) error { _, err := p.Sign(a.session, data); return err },
	"C_SignUpdate":          func(p *pkcs11.Ctx, a arguments) error { return p.SignUpdate(a.session, data) },
	"C_SignFinal":           func(p *pkcs11.Ctx, a arguments) error { _, err := p.SignFinal(a.session); return err },
	"C_SignRecoverInit":     func(p *pkcs11.Ctx, a arguments) error { return p.SignRecoverInit(a.session, sha256RSA(), a.object) },
	"C_SignRecover":         func(p *pkcs11.Ctx, a arguments) error { _, err := p.SignRecover(a.session, data); return err },
	"C_VerifyInit":          func(p *pkcs11.Ctx, a arguments) error { return p.VerifyInit(a.session, sha256RSA(), a.object) },
	"C_Verify":              func(p *pkcs11.Ctx, a arguments) error { return p.Verify(a.session, data, make([]byte, 256)) },
	"C_VerifyUpdate":        func(p *pkcs11.Ctx, a arguments) error { return p.VerifyUpdate(a.session, data) },
	"C_VerifyFinal":         func(p *pkcs11.Ctx, a arguments) error { return p.VerifyFinal(a.session, make([]byte, 256)) },
	"C_VerifyRecoverInit":   func(p *pkcs11.Ctx, a arguments) error { return p.VerifyRecoverInit(a.session, sha256RSA(), a.object) },
	"C_VerifyRecover":       func(p *pkcs11.Ctx, a arguments) error { _, err := p.VerifyRecover(a.session, data); return err },
	"C_DigestEncryptUpdate": func(p *pkcs11.Ctx, a arguments) error { _, err := p.DigestEncryptUpdate(a.session, data); return err },
	"C_DecryptDigestUpdate": func(p *pkcs11.Ctx, a arguments) error { _, err := p.DecryptDigestUpdate(a.session, data); return err },
	"C_SignEncryptUpdate":   func(p *pkcs11.Ctx, a arguments) error { _, err := p.SignEncryptUpdate(a.session, data); return err },
	"C_DecryptVerifyUpdate": func(p *pkcs11.Ctx, a arguments) error { _, err := p.DecryptVerifyUpdate(a.session, data); return err },
	"C_GenerateKey": func(p *pkcs11.Ctx, a arguments) error {
		_, err := p.GenerateKey(a.session, sha256RSA(), template())
		return err
	},
	"C_GenerateKeyPair": func(p *pkcs11.Ctx, a arguments) error {
		_, _, err := p.GenerateKeyPair(a.session, sha256RSA(), template(), template())
		return err
	},
	"C_WrapKey": func(p *pkcs11.Ctx, a arguments) error {
		_, err := p.WrapKey(a.session, sha256RSA(), a.object, a.object)
		return err
	},
	"C_UnwrapKey": func(p *pkcs11.Ctx, a arguments) error {
		_, err := p.UnwrapKey(a.session, sha256RSA(), a.object, data, template())
		return err
	},
	"C_DeriveKey": func(p *pkcs11.Ctx, a arguments) error {
		_, err := p.DeriveKey(a.session, sha256RSA(), a.object, template())
		return err
	},
	"C_SeedRandom":     func(p *pkcs11.Ctx, a arguments) error { return p.SeedRandom(a.session, data) },
	"C_GenerateRandom": func(p *pkcs11.Ctx, a arguments) error { _, err := p.GenerateRandom(a.session, 8); return err },
}

var data = []byte("data")

func sha256RSA() []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_RSA_PKCS, nil)}
}

func template() []*pkcs11.Attribute {
	return []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA)}
}

// TestConformanceInGo calls every function that the wrapper has from Go.
func TestConformanceInGo(t *testing.T) {
	d := newDesk(t, true)
	p := load(t, d.module)
	defer p.Destroy()
	cases := 0
	try := func(state string, column func(row) int, prepare func() arguments) {
		for _, r := range conformance {
			call, want := inGo[r.name], column(r)
			if call == nil || want == none {
				continue
			}
			cases++
			err := call(p, prepare())
			var got pkcs11.Error
			if errors.As(err, &got); uint(got) != uint(want) || err != nil && got == 0 {
				t.Errorf("%s %s: %v, want %v", state, r.name, err, pkcs11.Error(want))
			}
		}
	}
	fixed := func(a arguments) func() arguments { return func() arguments { return a } }
	uninitialized := func(row) int { return pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED }
	try("before C_Initialize", uninitialized, fixed(arguments{}))
	must(t, p.Initialize())
	for _, n := range []uint{0, 12345, ^uint(0)} {
		try("wrong handle", func(r row) int { return r.handle }, fixed(arguments{slot: n | 64, session: pkcs11.SessionHandle(n)}))
	}
	one := func(s pkcs11.SessionHandle, class uint) pkcs11.ObjectHandle {
		t.Helper()
		must(t, p.FindObjectsInit(s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}))
		found, _, err := p.FindObjects(s, 1)
		must(t, err)
		must(t, p.FindObjectsFinal(s))
		if len(found) != 1 {
			t.Fatalf("%d objects of class %d", len(found), class)
		}
		return found[0]
	}
	try("idle", func(r row) int { return r.idle }, func() arguments {
		must(t, p.CloseAllSessions(0))
		s, err := p.OpenSession(0, pkcs11.CKF_SERIAL_SESSION)
		must(t, err)
		return arguments{slot: 1, session: s, object: one(s, pkcs11.CKO_PUBLIC_KEY)}
	})
	try("busy", func(r row) int { return r.busy }, func() arguments {
		s, err := p.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		must(t, err)
		if err := p.Login(s, pkcs11.CKU_USER, "5678"); err != nil && !errors.Is(err, pkcs11.Error(alreadyIn)) {
			t.Fatal(err)
		}
		a := arguments{slot: 0, session: s, object: one(s, pkcs11.CKO_PRIVATE_KEY)}
		must(t, p.VerifyInit(s, sha256RSA(), one(s, pkcs11.CKO_PUBLIC_KEY)))
		must(t, p.SignInit(s, sha256RSA(), a.object))
		must(t, p.FindObjectsInit(s, nil))
		return a
	})
	must(t, p.Finalize())
	try("after C_Finalize", uninitialized, fixed(arguments{}))
	t.Logf("%d cases of %d functions", cases, len(inGo))
	d.unharmed()
}
