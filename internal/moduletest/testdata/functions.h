/* Every function of PKCS#11 v2.40 and v3.0, with arguments that are right, and with
   NULL in the place of each pointer that must not be. What they answer in which
   state is in conformance_integration_test.go. Included by host.c. */

static struct functions_3_0 *p3;

/* The arguments that a test changes. */
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE object; /* a public key, or the private one */

/* prepare is called before each call with right arguments, to bring about a state. */
static void (*prepare)(void);

/* A teller hears an answer: that to the right arguments, or that to each NULL. */
typedef void teller(const char *function, CK_RV answer);

#define FUNCTION(name, right, ...) \
	do { \
		CK_RV nulls[] = {CKR_OK, ##__VA_ARGS__}; \
		if (!null) { \
			if (prepare != NULL) \
				prepare(); \
			tell(name, right); \
		} \
		for (size_t i = 1; null && i < LENGTH(nulls); i++) \
			tell(name, nulls[i]); \
	} while (0)

/* The NULL calls are made only if null is set: they may have effects. */
#define NULLS(...) null ? (__VA_ARGS__) : 0

/* A function of data in and data out, and one of data out. */
#define IN_OUT(name) \
	FUNCTION(#name, p->name(session, data, 1, out, &n), NULLS(p->name(session, NULL, 1, out, &n)), NULLS(p->name(session, data, 1, out, NULL)))
#define OUT(name) FUNCTION(#name, p->name(session, out, &n), NULLS(p->name(session, out, NULL)))

#define MESSAGE(i, name) FUNCTION(name, ((message *)(void *)p3->message[i])(session, data, 1, data, 1, out, 1, 0), )

static void every_function(bool null, teller *tell)
{
	typedef CK_RV message(CK_SESSION_HANDLE, void *, CK_ULONG, void *, CK_ULONG, void *, CK_ULONG, CK_FLAGS);
	CK_BYTE data[64] = "data", out[300], wrong[256] = {0}, name[32] = "label", four[] = "5678";
	CK_ULONG n = sizeof(out), count = 8, size;
	CK_INFO info;
	CK_SLOT_INFO slot_info;
	CK_TOKEN_INFO token_info;
	CK_SESSION_INFO session_info;
	CK_MECHANISM_INFO mechanism_info;
	CK_SLOT_ID slots[8], event;
	CK_MECHANISM_TYPE mechanisms[8];
	CK_SESSION_HANDLE opened;
	CK_OBJECT_HANDLE made, made2;
	CK_MECHANISM m = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_ATTRIBUTE a = {CKA_CLASS, &class, sizeof(class)};

	FUNCTION("C_GetInfo", p->C_GetInfo(&info), NULLS(p->C_GetInfo(NULL)));
	FUNCTION("C_GetSlotList", p->C_GetSlotList(CK_FALSE, slots, &count), NULLS(p->C_GetSlotList(CK_FALSE, slots, NULL)));
	FUNCTION("C_GetSlotInfo", p->C_GetSlotInfo(slot, &slot_info), NULLS(p->C_GetSlotInfo(slot, NULL)));
	FUNCTION("C_GetTokenInfo", p->C_GetTokenInfo(slot, &token_info), NULLS(p->C_GetTokenInfo(slot, NULL)));
	count = 8;
	FUNCTION("C_GetMechanismList", p->C_GetMechanismList(slot, mechanisms, &count), NULLS(p->C_GetMechanismList(slot, mechanisms, NULL)));
	FUNCTION("C_GetMechanismInfo", p->C_GetMechanismInfo(slot, CKM_RSA_PKCS, &mechanism_info), NULLS(p->C_GetMechanismInfo(slot, CKM_RSA_PKCS, NULL)));
	FUNCTION("C_InitToken", p->C_InitToken(slot, data, 4, name), NULLS(p->C_InitToken(slot, NULL, 4, name)), NULLS(p->C_InitToken(slot, data, 4, NULL)));
	FUNCTION("C_InitPIN", p->C_InitPIN(session, four, 4), NULLS(p->C_InitPIN(session, NULL, 4)));
	FUNCTION("C_SetPIN", p->C_SetPIN(session, four, 4, four, 4), NULLS(p->C_SetPIN(session, NULL, 4, four, 4)), NULLS(p->C_SetPIN(session, four, 4, NULL, 4)));
	FUNCTION("C_OpenSession", p->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &opened), NULLS(p->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, NULL)));
	FUNCTION("C_GetSessionInfo", p->C_GetSessionInfo(session, &session_info), NULLS(p->C_GetSessionInfo(session, NULL)));
	OUT(C_GetOperationState);
	FUNCTION("C_SetOperationState", p->C_SetOperationState(session, data, 4, 0, 0), NULLS(p->C_SetOperationState(session, NULL, 4, 0, 0)));
	FUNCTION("C_Login", p->C_Login(session, CKU_USER, four, 4), NULLS(p->C_Login(session, CKU_USER, NULL, 4)));
	FUNCTION("C_CreateObject", p->C_CreateObject(session, &a, 1, &made), NULLS(p->C_CreateObject(session, NULL, 1, &made)), NULLS(p->C_CreateObject(session, &a, 1, NULL)));
	FUNCTION("C_CopyObject", p->C_CopyObject(session, object, &a, 1, &made), NULLS(p->C_CopyObject(session, object, NULL, 1, &made)),
		NULLS(p->C_CopyObject(session, object, &a, 1, NULL)));
	FUNCTION("C_DestroyObject", p->C_DestroyObject(session, object));
	FUNCTION("C_GetObjectSize", p->C_GetObjectSize(session, object, &size), NULLS(p->C_GetObjectSize(session, object, NULL)));
	FUNCTION("C_GetAttributeValue", p->C_GetAttributeValue(session, object, &a, 1), NULLS(p->C_GetAttributeValue(session, object, NULL, 1)));
	FUNCTION("C_SetAttributeValue", p->C_SetAttributeValue(session, object, &a, 1), NULLS(p->C_SetAttributeValue(session, object, NULL, 1)));
	FUNCTION("C_FindObjects", p->C_FindObjects(session, &made, 1, &count), NULLS(p->C_FindObjects(session, NULL, 1, &count)), NULLS(p->C_FindObjects(session, &made, 1, NULL)));
	FUNCTION("C_FindObjectsFinal", p->C_FindObjectsFinal(session));
	FUNCTION("C_FindObjectsInit", p->C_FindObjectsInit(session, &a, 1), NULLS(p->C_FindObjectsInit(session, NULL, 1)));
	IN_OUT(C_Encrypt);
	IN_OUT(C_EncryptUpdate);
	OUT(C_EncryptFinal);
	FUNCTION("C_EncryptInit", p->C_EncryptInit(session, &m, object), NULLS(p->C_EncryptInit(session, NULL, object)));
	IN_OUT(C_Decrypt);
	IN_OUT(C_DecryptUpdate);
	OUT(C_DecryptFinal);
	FUNCTION("C_DecryptInit", p->C_DecryptInit(session, &m, object), NULLS(p->C_DecryptInit(session, NULL, object)));
	IN_OUT(C_Digest);
	FUNCTION("C_DigestUpdate", p->C_DigestUpdate(session, data, 1), NULLS(p->C_DigestUpdate(session, NULL, 1)));
	FUNCTION("C_DigestKey", p->C_DigestKey(session, object));
	OUT(C_DigestFinal);
	FUNCTION("C_DigestInit", p->C_DigestInit(session, &m), NULLS(p->C_DigestInit(session, NULL)));
	IN_OUT(C_Sign);
	FUNCTION("C_SignUpdate", p->C_SignUpdate(session, data, 1), NULLS(p->C_SignUpdate(session, NULL, 1)));
	OUT(C_SignFinal);
	FUNCTION("C_SignInit", p->C_SignInit(session, &m, object), NULLS(p->C_SignInit(session, NULL, object)));
	IN_OUT(C_SignRecover);
	FUNCTION("C_SignRecoverInit", p->C_SignRecoverInit(session, &m, object), NULLS(p->C_SignRecoverInit(session, NULL, object)));
	FUNCTION("C_Verify", p->C_Verify(session, data, 1, wrong, 256), NULLS(p->C_Verify(session, NULL, 1, wrong, 256)), NULLS(p->C_Verify(session, data, 1, NULL, 256)));
	FUNCTION("C_VerifyUpdate", p->C_VerifyUpdate(session, data, 1), NULLS(p->C_VerifyUpdate(session, NULL, 1)));
	FUNCTION("C_VerifyFinal", p->C_VerifyFinal(session, wrong, 256), NULLS(p->C_VerifyFinal(session, NULL, 256)));
	FUNCTION("C_VerifyInit", p->C_VerifyInit(session, &m, object), NULLS(p->C_VerifyInit(session, NULL, object)));
	IN_OUT(C_VerifyRecover);
	FUNCTION("C_VerifyRecoverInit", p->C_VerifyRecoverInit(session, &m, object), NULLS(p->C_VerifyRecoverInit(session, NULL, object)));
	IN_OUT(C_DigestEncryptUpdate);
	IN_OUT(C_DecryptDigestUpdate);
	IN_OUT(C_SignEncryptUpdate);
	IN_OUT(C_DecryptVerifyUpdate);
	FUNCTION("C_GenerateKey", p->C_GenerateKey(session, &m, &a, 1, &made), NULLS(p->C_GenerateKey(session, NULL, &a, 1, &made)),
		NULLS(p->C_GenerateKey(session, &m, NULL, 1, &made)), NULLS(p->C_GenerateKey(session, &m, &a, 1, NULL)));
	FUNCTION("C_GenerateKeyPair", p->C_GenerateKeyPair(session, &m, &a, 1, &a, 1, &made, &made2), NULLS(p->C_GenerateKeyPair(session, NULL, &a, 1, &a, 1, &made, &made2)),
		NULLS(p->C_GenerateKeyPair(session, &m, NULL, 1, &a, 1, &made, &made2)), NULLS(p->C_GenerateKeyPair(session, &m, &a, 1, NULL, 1, &made, &made2)),
		NULLS(p->C_GenerateKeyPair(session, &m, &a, 1, &a, 1, NULL, &made2)), NULLS(p->C_GenerateKeyPair(session, &m, &a, 1, &a, 1, &made, NULL)));
	FUNCTION("C_WrapKey", p->C_WrapKey(session, &m, object, object, out, &n), NULLS(p->C_WrapKey(session, NULL, object, object, out, &n)),
		NULLS(p->C_WrapKey(session, &m, object, object, out, NULL)));
	FUNCTION("C_UnwrapKey", p->C_UnwrapKey(session, &m, object, data, 4, &a, 1, &made), NULLS(p->C_UnwrapKey(session, NULL, object, data, 4, &a, 1, &made)),
		NULLS(p->C_UnwrapKey(session, &m, object, NULL, 4, &a, 1, &made)), NULLS(p->C_UnwrapKey(session, &m, object, data, 4, NULL, 1, &made)),
		NULLS(p->C_UnwrapKey(session, &m, object, data, 4, &a, 1, NULL)));
	FUNCTION("C_DeriveKey", p->C_DeriveKey(session, &m, object, &a, 1, &made), NULLS(p->C_DeriveKey(session, NULL, object, &a, 1, &made)),
		NULLS(p->C_DeriveKey(session, &m, object, NULL, 1, &made)), NULLS(p->C_DeriveKey(session, &m, object, &a, 1, NULL)));
	FUNCTION("C_SeedRandom", p->C_SeedRandom(session, data, 1), NULLS(p->C_SeedRandom(session, NULL, 1)));
	FUNCTION("C_GenerateRandom", p->C_GenerateRandom(session, data, 1), NULLS(p->C_GenerateRandom(session, NULL, 1)));
	FUNCTION("C_GetFunctionStatus", p->C_GetFunctionStatus(session));
	FUNCTION("C_CancelFunction", p->C_CancelFunction(session));
	FUNCTION("C_WaitForSlotEvent", p->C_WaitForSlotEvent(CKF_DONT_BLOCK, &event, NULL), NULLS(p->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL)));

	FUNCTION("C_LoginUser", p3->login_user(session, CKU_USER, four, 4, NULL, 0), NULLS(p3->login_user(session, CKU_USER, NULL, 4, NULL, 0)));
	FUNCTION("C_SessionCancel", p3->session_cancel(session, 0));
	MESSAGE(0, "C_MessageEncryptInit");
	MESSAGE(1, "C_EncryptMessage");
	MESSAGE(2, "C_EncryptMessageBegin");
	MESSAGE(3, "C_EncryptMessageNext");
	MESSAGE(4, "C_MessageEncryptFinal");
	MESSAGE(5, "C_MessageDecryptInit");
	MESSAGE(6, "C_DecryptMessage");
	MESSAGE(7, "C_DecryptMessageBegin");
	MESSAGE(8, "C_DecryptMessageNext");
	MESSAGE(9, "C_MessageDecryptFinal");
	MESSAGE(10, "C_MessageSignInit");
	MESSAGE(11, "C_SignMessage");
	MESSAGE(12, "C_SignMessageBegin");
	MESSAGE(13, "C_SignMessageNext");
	MESSAGE(14, "C_MessageSignFinal");
	MESSAGE(15, "C_MessageVerifyInit");
	MESSAGE(16, "C_VerifyMessage");
	MESSAGE(17, "C_VerifyMessageBegin");
	MESSAGE(18, "C_VerifyMessageNext");
	MESSAGE(19, "C_MessageVerifyFinal");
	/* These end what the others use. */
	FUNCTION("C_Logout", p->C_Logout(session));
	FUNCTION("C_CloseSession", p->C_CloseSession(session));
	FUNCTION("C_CloseAllSessions", p->C_CloseAllSessions(slot));
}

/* The functions that answer in any state. */
static void always(bool null, teller *tell)
{
	CK_FUNCTION_LIST *list;
	struct interface_entry entries[2], *entry;
	CK_ULONG two = 2;
	FUNCTION("C_GetFunctionList", p->C_GetFunctionList(&list), NULLS(p->C_GetFunctionList(NULL)));
	FUNCTION("C_GetInterfaceList", p3->get_interface_list(entries, &two), NULLS(p3->get_interface_list(entries, NULL)));
	FUNCTION("C_GetInterface", p3->get_interface(NULL, NULL, &entry, 0), NULLS(p3->get_interface(NULL, NULL, NULL, 0)));
}
