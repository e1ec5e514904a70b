/* A Windows program that loads the DLL, on a computer without readers: interfaces,
   layout of structures, start, calls, end. */

#include <windows.h>

#include "../../../cmd/cie-pkcs11/cryptoki.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void want(const char *what, CK_RV got, CK_RV wanted)
{
	if (got == wanted)
		return;
	printf("%s: %#lx, want %#lx\n", what, got, wanted);
	failures++;
}

int main(int argc, char **argv)
{
	CK_FUNCTION_LIST *p = NULL;
	struct interface_entry list[2], *one = NULL;
	CK_VERSION v = {2, 40};
	CK_INFO info;
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_SLOT_ID slots[8], event;
	CK_SESSION_HANDLE s = 0;
	CK_ULONG n = 2;
	DWORD begun = GetTickCount();
	HMODULE library = argc > 1 ? LoadLibraryA(argv[1]) : NULL;
	if (library == NULL) {
		printf("cannot load: %lu\n", GetLastError());
		return 1;
	}
	CK_C_GetFunctionList functions = (CK_C_GetFunctionList)(void *)GetProcAddress(library, "C_GetFunctionList");
	CK_RV (*interfaces)(struct interface_entry *, CK_ULONG *) = (void *)GetProcAddress(library, "C_GetInterfaceList");
	CK_RV (*interface_of)(CK_UTF8CHAR *, CK_VERSION *, struct interface_entry **, CK_FLAGS) = (void *)GetProcAddress(library, "C_GetInterface");
	want("C_GetFunctionList", functions(&p), CKR_OK);
	want("version", p->version.major * 100u + p->version.minor, 240);
	want("C_GetInterfaceList", interfaces(list, &n), CKR_OK);
	want("interfaces", n, 2);
	want("C_GetInterface", interface_of(NULL, &v, &one, 0), CKR_OK);
	want("its functions", one->functions != (void *)p, 0);
	want("fork-safe", interface_of(NULL, NULL, &one, 1), CKR_ARGUMENTS_BAD);
	want("C_GetInfo before", p->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	for (int round = 0; round < 3; round++) {
		want("C_Initialize", p->C_Initialize(NULL), CKR_OK);
		want("C_Initialize again", p->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
		want("C_GetInfo", p->C_GetInfo(&info), CKR_OK);
		want("Cryptoki 3.0", info.cryptokiVersion.major, 3);
		want("manufacturer", memcmp(info.manufacturerID, "Software CIE                    ", 32) != 0, 0);
		n = 8;
		want("C_GetSlotList", p->C_GetSlotList(CK_FALSE, slots, &n), CKR_OK);
		want("slots", n, 2);
		n = 8;
		want("C_GetSlotList with token", p->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
		want("tokens", n, 0);
		want("C_GetSlotInfo", p->C_GetSlotInfo(1, &slot), CKR_OK);
		want("flags", slot.flags, CKF_REMOVABLE_DEVICE | CKF_HW_SLOT);
		want("description", memcmp(slot.slotDescription, "CIE (nessuna carta)  ", 21) != 0, 0);
		want("C_GetTokenInfo", p->C_GetTokenInfo(0, &token), CKR_TOKEN_NOT_PRESENT);
		want("C_OpenSession", p->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_TOKEN_NOT_PRESENT);
		want("C_OpenSession of no slot", p->C_OpenSession(9, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_SLOT_ID_INVALID);
		want("C_GetSessionInfo", p->C_GetSessionInfo(77, NULL), CKR_SESSION_HANDLE_INVALID);
		want("C_WaitForSlotEvent", p->C_WaitForSlotEvent(CKF_DONT_BLOCK, &event, NULL), CKR_NO_EVENT);
		want("C_Finalize", p->C_Finalize(NULL), CKR_OK);
		want("C_Finalize again", p->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	}
	want("C_Initialize", p->C_Initialize(NULL), CKR_OK);
	want("FreeLibrary without C_Finalize", FreeLibrary(library) == 0, 0);
	printf("%s, %lu ms\n", failures == 0 ? "all as wanted" : "failed", GetTickCount() - begun);
	return failures != 0;
}
