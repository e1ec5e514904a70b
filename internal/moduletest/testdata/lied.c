/* Calls every function whose results come from the helper, which lies. Linked with
   the library's own files, under sanitizers: nothing may be written that does not
   fit, and nothing may hang. */

#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long calls;

static void one(CK_SESSION_HANDLE s)
{
	/* Exactly as large as they are said to be, so that a sanitizer sees one more. */
	CK_SLOT_ID *slots = malloc(2 * sizeof(*slots));
	CK_MECHANISM_TYPE *mechanisms = malloc(3 * sizeof(*mechanisms));
	CK_OBJECT_HANDLE *objects = malloc(5 * sizeof(*objects));
	CK_BYTE *signature = malloc(256), *value = malloc(40), data[] = "data";
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_SESSION_INFO session;
	CK_MECHANISM_INFO info;
	CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
	CK_ATTRIBUTE a[] = {{CKA_VALUE, value, 40}, {CKA_ID, NULL, 0}, {CKA_LABEL, value, 5}};
	CK_ULONG n = 2, before;
	if (C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK && n > 2)
		abort();
	C_GetSlotInfo(0, &slot);
	C_GetTokenInfo(0, &token);
	n = 3;
	if (C_GetMechanismList(0, mechanisms, &n) == CKR_OK && n > 3)
		abort();
	C_GetMechanismInfo(0, CKM_RSA_PKCS, &info);
	C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s);
	C_GetSessionInfo(s, &session);
	C_Login(s, CKU_USER, data, 4);
	C_FindObjectsInit(s, a, 1);
	if (C_FindObjects(s, objects, 5, &n) == CKR_OK && n > 5)
		abort();
	C_FindObjectsFinal(s);
	C_GetAttributeValue(s, 1, a, 3);
	C_GetObjectSize(s, 1, &n);
	C_SignInit(s, &m, 1);
	n = before = 256;
	if (C_Sign(s, data, 4, signature, &n) == CKR_OK && n > before)
		(void)signature[0];
	C_SignUpdate(s, data, 4);
	n = 100;
	C_SignFinal(s, signature, &n);
	C_VerifyInit(s, &m, 1);
	C_Verify(s, data, 4, signature, 100);
	C_WaitForSlotEvent(CKF_DONT_BLOCK, slots, NULL);
	calls += 20;
	free(slots);
	free(mechanisms);
	free(objects);
	free(signature);
	free(value);
}

/* silent: the helper has stopped working in the midst of a login. The call ends, and
   the next has another helper at once. */
static int silent(void)
{
	CK_BYTE pin[] = "5678";
	CK_RV login, next;
	if (C_Initialize(NULL) != CKR_OK || C_CloseSession(1) != CKR_OK)
		return 1;
	login = C_Login(1, CKU_USER, pin, 4);
	next = C_CloseSession(1);
	printf("login %#lx, next %#lx\n", login, next);
	return login != CKR_DEVICE_ERROR || next != CKR_OK || C_Finalize(NULL) != CKR_OK;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "silent") == 0)
		return silent();
	int rounds = argc > 1 ? atoi(argv[1]) : 1;
	alarm(120);
	for (int i = 0; i < rounds; i++) {
		if (C_Initialize(NULL) != CKR_OK) {
			printf("no helper\n");
			return 1;
		}
		for (int j = 0; j < 10; j++)
			one(1);
		if (C_Finalize(NULL) != CKR_OK)
			return 1;
	}
	printf("%lu calls\n", calls);
	return 0;
}
