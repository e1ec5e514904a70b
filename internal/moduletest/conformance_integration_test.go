//go:build integration

package moduletest

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"
)

// A call is a function of PKCS#11 as miekg/pkcs11 calls it, with a slot or a session
// and otherwise good arguments. NULL pointers, short buffers and the functions of
// version 3.0 cannot be had that way: testdata/host.c has them.
type call struct {
	name string
	slot func(p *pkcs11.Ctx, slot uint) error
	do   func(p *pkcs11.Ctx, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) error
	want uint // on an empty slot, or in a fresh read-only session with the public key (profile 11)
}

var (
	mechanism = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_RSA_PKCS, nil)}
	label     = []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, "CIE")}
	text      = []byte("text")
)

// second drops the value that comes before an error.
func second[T any](_ T, err error) error { return err }

type (
	session = pkcs11.SessionHandle
	object  = pkcs11.ObjectHandle
	library = *pkcs11.Ctx
)

var calls = []call{
	{name: "C_GetSlotInfo", slot: func(p library, s uint) error { return second(p.GetSlotInfo(s)) }, want: pkcs11.CKR_OK},
	{name: "C_GetTokenInfo", slot: func(p library, s uint) error { return second(p.GetTokenInfo(s)) }, want: pkcs11.CKR_TOKEN_NOT_PRESENT},
	{name: "C_GetMechanismList", slot: func(p library, s uint) error { return second(p.GetMechanismList(s)) }, want: pkcs11.CKR_TOKEN_NOT_PRESENT},
	{name: "C_GetMechanismInfo", slot: func(p library, s uint) error { return second(p.GetMechanismInfo(s, mechanism)) }, want: pkcs11.CKR_TOKEN_NOT_PRESENT},
	{name: "C_InitToken", slot: func(p library, s uint) error { return p.InitToken(s, "12345678", "CIE") }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_OpenSession", slot: func(p library, s uint) error { return second(p.OpenSession(s, pkcs11.CKF_SERIAL_SESSION)) }, want: pkcs11.CKR_TOKEN_NOT_PRESENT},
	{name: "C_CloseAllSessions", slot: func(p library, s uint) error { return p.CloseAllSessions(s) }, want: pkcs11.CKR_OK},

	{name: "C_InitPIN", do: func(p library, s session, _ object) error { return p.InitPIN(s, "12345678") }, want: pkcs11.CKR_SESSION_READ_ONLY},
	{name: "C_SetPIN", do: func(p library, s session, _ object) error { return p.SetPIN(s, "12345678", "87654321") }, want: pkcs11.CKR_SESSION_READ_ONLY},
	{name: "C_GetSessionInfo", do: func(p library, s session, _ object) error { return second(p.GetSessionInfo(s)) }, want: pkcs11.CKR_OK},
	{name: "C_GetOperationState", do: func(p library, s session, _ object) error { return second(p.GetOperationState(s)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_SetOperationState", do: func(p library, s session, o object) error { return p.SetOperationState(s, text, o, o) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_Login", do: func(p library, s session, _ object) error { return p.Login(s, pkcs11.CKU_USER, "abc") }, want: pkcs11.CKR_PIN_INCORRECT},
	{name: "C_Login as SO", do: func(p library, s session, _ object) error { return p.Login(s, pkcs11.CKU_SO, "12345678") }, want: pkcs11.CKR_SESSION_READ_ONLY_EXISTS},
	{name: "C_Login for one operation", do: func(p library, s session, _ object) error {
		return p.Login(s, pkcs11.CKU_CONTEXT_SPECIFIC, "12345678")
	}, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_Logout", do: func(p library, s session, _ object) error { return p.Logout(s) }, want: pkcs11.CKR_USER_NOT_LOGGED_IN},
	{name: "C_CreateObject", do: func(p library, s session, _ object) error { return second(p.CreateObject(s, label)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_CopyObject", do: func(p library, s session, o object) error { return second(p.CopyObject(s, o, label)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_DestroyObject", do: func(p library, s session, o object) error { return p.DestroyObject(s, o) }, want: pkcs11.CKR_ACTION_PROHIBITED},
	{name: "C_DestroyObject of none", do: func(p library, s session, _ object) error { return p.DestroyObject(s, 0) }, want: pkcs11.CKR_OBJECT_HANDLE_INVALID},
	{name: "C_GetObjectSize", do: func(p library, s session, o object) error { return second(p.GetObjectSize(s, o)) }, want: pkcs11.CKR_OK},
	{name: "C_GetObjectSize of none", do: func(p library, s session, _ object) error { return second(p.GetObjectSize(s, 0)) }, want: pkcs11.CKR_OBJECT_HANDLE_INVALID},
	{name: "C_GetAttributeValue", do: func(p library, s session, o object) error { return second(p.GetAttributeValue(s, o, label)) }, want: pkcs11.CKR_OK},
	{name: "C_GetAttributeValue of none", do: func(p library, s session, _ object) error { return second(p.GetAttributeValue(s, 0, label)) }, want: pkcs11.CKR_OBJECT_HANDLE_INVALID},
	{name: "C_SetAttributeValue", do: func(p library, s session, o object) error { return p.SetAttributeValue(s, o, label) }, want: pkcs11.CKR_SESSION_READ_ONLY},
	{name: "C_SetAttributeValue of none", do: func(p library, s session, _ object) error { return p.SetAttributeValue(s, 0, label) }, want: pkcs11.CKR_OBJECT_HANDLE_INVALID},
	{name: "C_FindObjects", do: func(p library, s session, _ object) error { _, _, err := p.FindObjects(s, 1); return err }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_FindObjectsFinal", do: func(p library, s session, _ object) error { return p.FindObjectsFinal(s) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_EncryptInit", do: func(p library, s session, o object) error { return p.EncryptInit(s, mechanism, o) }, want: pkcs11.CKR_MECHANISM_INVALID},
	{name: "C_Encrypt", do: func(p library, s session, _ object) error { return second(p.Encrypt(s, text)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_EncryptUpdate", do: func(p library, s session, _ object) error { return second(p.EncryptUpdate(s, text)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_EncryptFinal", do: func(p library, s session, _ object) error { return second(p.EncryptFinal(s)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_DecryptInit", do: func(p library, s session, o object) error { return p.DecryptInit(s, mechanism, o) }, want: pkcs11.CKR_MECHANISM_INVALID},
	{name: "C_Decrypt", do: func(p library, s session, _ object) error { return second(p.Decrypt(s, text)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_DecryptUpdate", do: func(p library, s session, _ object) error { return second(p.DecryptUpdate(s, text)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_DecryptFinal", do: func(p library, s session, _ object) error { return second(p.DecryptFinal(s)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_DigestInit", do: func(p library, s session, _ object) error { return p.DigestInit(s, mechanism) }, want: pkcs11.CKR_MECHANISM_INVALID},
	{name: "C_Digest", do: func(p library, s session, _ object) error { return second(p.Digest(s, text)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_DigestUpdate", do: func(p library, s session, _ object) error { return p.DigestUpdate(s, text) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_DigestKey", do: func(p library, s session, o object) error { return p.DigestKey(s, o) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_DigestFinal", do: func(p library, s session, _ object) error { return second(p.DigestFinal(s)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_SignInit", do: func(p library, s session, o object) error { return p.SignInit(s, mechanism, o) }, want: pkcs11.CKR_USER_NOT_LOGGED_IN},
	{name: "C_Sign", do: func(p library, s session, _ object) error { return second(p.Sign(s, text)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_SignUpdate", do: func(p library, s session, _ object) error { return p.SignUpdate(s, text) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_SignFinal", do: func(p library, s session, _ object) error { return second(p.SignFinal(s)) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_SignRecoverInit", do: func(p library, s session, o object) error { return p.SignRecoverInit(s, mechanism, o) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_SignRecover", do: func(p library, s session, _ object) error { return second(p.SignRecover(s, text)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_Verify", do: func(p library, s session, _ object) error { return p.Verify(s, text, text) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_VerifyUpdate", do: func(p library, s session, _ object) error { return p.VerifyUpdate(s, text) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_VerifyFinal", do: func(p library, s session, _ object) error { return p.VerifyFinal(s, text) }, want: pkcs11.CKR_OPERATION_NOT_INITIALIZED},
	{name: "C_VerifyRecoverInit", do: func(p library, s session, o object) error { return p.VerifyRecoverInit(s, mechanism, o) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_VerifyRecover", do: func(p library, s session, _ object) error { return second(p.VerifyRecover(s, text)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_DigestEncryptUpdate", do: func(p library, s session, _ object) error { return second(p.DigestEncryptUpdate(s, text)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_DecryptDigestUpdate", do: func(p library, s session, _ object) error { return second(p.DecryptDigestUpdate(s, text)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_SignEncryptUpdate", do: func(p library, s session, _ object) error { return second(p.SignEncryptUpdate(s, text)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_DecryptVerifyUpdate", do: func(p library, s session, _ object) error { return second(p.DecryptVerifyUpdate(s, text)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_GenerateKey", do: func(p library, s session, _ object) error { return second(p.GenerateKey(s, mechanism, label)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_GenerateKeyPair", do: func(p library, s session, _ object) error {
		_, _, err := p.GenerateKeyPair(s, mechanism, label, label)
		return err
	}, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_WrapKey", do: func(p library, s session, o object) error { return second(p.WrapKey(s, mechanism, o, o)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_UnwrapKey", do: func(p library, s session, o object) error { return second(p.UnwrapKey(s, mechanism, o, text, label)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_DeriveKey", do: func(p library, s session, o object) error { return second(p.DeriveKey(s, mechanism, o, label)) }, want: pkcs11.CKR_FUNCTION_NOT_SUPPORTED},
	{name: "C_SeedRandom", do: func(p library, s session, _ object) error { return p.SeedRandom(s, text) }, want: pkcs11.CKR_RANDOM_NO_RNG},
	{name: "C_GenerateRandom", do: func(p library, s session, _ object) error { return second(p.GenerateRandom(s, 8)) }, want: pkcs11.CKR_RANDOM_NO_RNG},
	{name: "C_FindObjectsInit", do: func(p library, s session, _ object) error { return p.FindObjectsInit(s, label) }, want: pkcs11.CKR_OK},
	{name: "C_FindObjectsInit again", do: func(p library, s session, _ object) error { return p.FindObjectsInit(s, label) }, want: pkcs11.CKR_OPERATION_ACTIVE},
	{name: "C_VerifyInit", do: func(p library, s session, o object) error { return p.VerifyInit(s, mechanism, o) }, want: pkcs11.CKR_OK},
	{name: "C_VerifyInit again", do: func(p library, s session, o object) error { return p.VerifyInit(s, mechanism, o) }, want: pkcs11.CKR_OPERATION_ACTIVE},
	{name: "C_CloseSession", do: func(p library, s session, _ object) error { return p.CloseSession(s) }, want: pkcs11.CKR_OK},
}

// code is the return code behind an error of miekg/pkcs11.
func code(err error) uint {
	var rv pkcs11.Error
	switch {
	case err == nil:
		return pkcs11.CKR_OK
	case errors.As(err, &rv):
		return uint(rv)
	}
	return ^uint(0)
}

// TestConformance calls each function before the start, with a wrong slot or session,
// in the state in which it is refused or not, and after the end (profile 11 and 12).
func TestConformance(t *testing.T) {
	d := newDesk(t, true)
	p := pkcs11.New(d.module)
	if p == nil {
		t.Fatal("the library cannot be loaded")
	}
	defer p.Destroy()
	checked := 0
	want := func(when, name string, err error, wanted uint) {
		t.Helper()
		checked++
		if got := code(err); got != wanted {
			t.Errorf("%s %s: %v, want %v", name, when, err, pkcs11.Error(wanted))
		}
	}
	all := func(when string, wantSlot, wantSession uint, slot uint, s session) {
		t.Helper()
		for _, c := range calls {
			if c.slot != nil {
				want(when, c.name, c.slot(p, slot), wantSlot)
			} else {
				want(when, c.name, c.do(p, s, 1), wantSession)
			}
		}
	}
	all("before C_Initialize", pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, 0, 1)
	want("before C_Initialize", "C_Finalize", p.Finalize(), pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	want("", "C_Initialize", p.Initialize(), pkcs11.CKR_OK)
	want("again", "C_Initialize", p.Initialize(), pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)
	all("with a wrong handle", pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_SESSION_HANDLE_INVALID, 1<<20, 1<<20)

	want("not serial", "C_OpenSession", second(p.OpenSession(0, 0)), pkcs11.CKR_SESSION_PARALLEL_NOT_SUPPORTED)
	s, err := p.OpenSession(0, pkcs11.CKF_SERIAL_SESSION)
	must(t, err)
	must(t, p.FindObjectsInit(s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY)}))
	found, _, err := p.FindObjects(s, 1)
	must(t, err)
	must(t, p.FindObjectsFinal(s))
	const empty = 1 // slot without a card
	for _, c := range calls {
		if c.slot != nil {
			want("on an empty slot", c.name, c.slot(p, empty), c.want)
		} else {
			want("in a fresh session", c.name, c.do(p, s, found[0]), c.want)
		}
	}
	want("closed", "C_GetSessionInfo", second(p.GetSessionInfo(s)), pkcs11.CKR_SESSION_HANDLE_INVALID)
	want("", "C_Finalize", p.Finalize(), pkcs11.CKR_OK)
	all("after C_Finalize", pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, 0, s)
	t.Logf("%d calls of %d kinds", checked, len(calls))
	d.unharmed()
}

// TestExports looks at what a program sees of the library: symbols of other modules
// in the same process must not meet ours (profile 2).
func TestExports(t *testing.T) { // T15
	out, err := exec.Command("nm", "-D", "--defined-only", "--format=posix", absolute(t, "libcie-pkcs11.so")).Output()
	must(t, err)
	n := 0
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(line, " ")
		if name, _, _ = strings.Cut(name, "@"); !strings.HasPrefix(name, "C_") {
			t.Errorf("%s is exported", name)
		}
		n++
	}
	if n < 3 {
		t.Errorf("%d symbols:\n%s", n, out)
	}
}
