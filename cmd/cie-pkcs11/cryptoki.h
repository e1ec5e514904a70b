/* Cryptoki as this library presents it: the header of p11-kit (PKCS#11 v2.40),
   and what v3.0 adds to it (OASIS PKCS#11 v3.0, pkcs11t.h and pkcs11f.h). */

#ifndef CRYPTOKI_H
#define CRYPTOKI_H

#ifdef _WIN32
#define CRYPTOKI_EXPORTS 1
#endif

#include <p11-kit/pkcs11.h>

#ifdef _WIN32
#pragma pack(push, cryptoki, 1)
#endif

#ifndef CKR_ACTION_PROHIBITED
#define CKR_ACTION_PROHIBITED (0x1BUL)
#endif

/* Under names of our own: newer headers have them too. */

struct interface_entry { /* CK_INTERFACE */
	const char *name;
	void *functions;
	CK_FLAGS flags;
};

/* CK_FUNCTION_LIST_3_0: the list of v2.40, then 24 functions more. */
struct functions_3_0 {
	CK_FUNCTION_LIST base;
	CK_RV (*get_interface_list)(struct interface_entry *, CK_ULONG *);
	CK_RV (*get_interface)(CK_UTF8CHAR *, CK_VERSION *, struct interface_entry **, CK_FLAGS);
	CK_RV (*login_user)(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR *, CK_ULONG, CK_UTF8CHAR *, CK_ULONG);
	CK_RV (*session_cancel)(CK_SESSION_HANDLE, CK_FLAGS);
	CK_RV (*message[20])(CK_SESSION_HANDLE); /* and more arguments */
};

#ifdef _WIN32
#pragma pack(pop, cryptoki)
#endif

#ifdef _WIN64
_Static_assert(sizeof(CK_ULONG) == 4, "CK_ULONG");
_Static_assert(sizeof(CK_TOKEN_INFO) == 160, "CK_TOKEN_INFO");
_Static_assert(sizeof(CK_ATTRIBUTE) == 16, "CK_ATTRIBUTE");
_Static_assert(sizeof(CK_FUNCTION_LIST) == 2 + 68 * 8, "CK_FUNCTION_LIST");
_Static_assert(sizeof(struct functions_3_0) == 2 + 92 * 8, "CK_FUNCTION_LIST_3_0");
#elif defined(__LP64__)
_Static_assert(sizeof(CK_ULONG) == 8, "CK_ULONG");
_Static_assert(sizeof(CK_TOKEN_INFO) == 208, "CK_TOKEN_INFO");
_Static_assert(sizeof(CK_ATTRIBUTE) == 24, "CK_ATTRIBUTE");
_Static_assert(sizeof(CK_FUNCTION_LIST) == 69 * 8, "CK_FUNCTION_LIST");
_Static_assert(sizeof(struct functions_3_0) == 93 * 8, "CK_FUNCTION_LIST_3_0");
_Static_assert(sizeof(struct interface_entry) == 24, "CK_INTERFACE");
#else /* 32 bits; packed on Windows */
_Static_assert(sizeof(CK_ULONG) == 4, "CK_ULONG");
_Static_assert(sizeof(CK_TOKEN_INFO) == 160, "CK_TOKEN_INFO");
_Static_assert(sizeof(CK_ATTRIBUTE) == 12, "CK_ATTRIBUTE");
#ifdef _WIN32
_Static_assert(sizeof(CK_FUNCTION_LIST) == 2 + 68 * 4, "CK_FUNCTION_LIST");
_Static_assert(sizeof(struct functions_3_0) == 2 + 92 * 4, "CK_FUNCTION_LIST_3_0");
#else
_Static_assert(sizeof(CK_FUNCTION_LIST) == 69 * 4, "CK_FUNCTION_LIST");
_Static_assert(sizeof(struct functions_3_0) == 93 * 4, "CK_FUNCTION_LIST_3_0");
#endif
_Static_assert(sizeof(struct interface_entry) == 12, "CK_INTERFACE");
#endif

#endif
