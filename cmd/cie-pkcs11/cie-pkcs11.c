/* libcie-pkcs11: the C_ functions. Each turns pointers and lengths into a message
   for the helper, and its answer back; what needs no card and no session is
   answered here. PKCS#11 v2.40 §5 and v3.0 §5 say what the functions mean. */

#include "cryptoki.h"

#include <string.h>

#include "link.h"
#include "protocol.h"

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#ifndef LIBRARY_VERSION
#define LIBRARY_VERSION 0, 0 /* major, minor of the release, where it is one */
#endif

#define MANUFACTURER "Software CIE"
#define MAX_TEMPLATE 100   /* attributes; more are no template */
#define LONGEST_VALUE 8192 /* of an attribute in a search, in bytes; 100 of them fit into a frame */

/* --- Messages --- */

/* pad copies text into a field of fixed size, filled with blanks and never cut
   inside a character of UTF-8. */
static void pad(CK_UTF8CHAR *field, size_t size, const void *text, size_t length)
{
	if (length > size) {
		length = size;
		while (length > 0 && (((const unsigned char *)text)[length] & 0xC0) == 0x80)
			length--;
	}
	memset(field, ' ', size);
	if (length > 0)
		memcpy(field, text, length);
}

static void pad_result(CK_UTF8CHAR *field, size_t size, struct results *r)
{
	size_t length;
	const unsigned char *text = results_bytes(r, &length);
	pad(field, size, text, length);
}

/* An answer that is not what it should be comes from a helper that is not ours. */
static CK_RV finish(CK_RV rv, struct reply *reply)
{
	if (rv == CKR_OK && reply->results.failed)
		rv = CKR_GENERAL_ERROR;
	reply_free(reply);
	return rv;
}

/* tell is a call with numbers as its arguments, and no results. */
static CK_RV tell1(enum function function, CK_ULONG a)
{
	struct request r;
	struct reply reply;
	request_begin(&r, function);
	request_number(&r, a);
	return finish(link_call(&r, &reply, QUICK), &reply);
}

static CK_RV tell2(enum function function, CK_ULONG a, CK_ULONG b)
{
	struct request r;
	struct reply reply;
	request_begin(&r, function);
	request_number(&r, a);
	request_number(&r, b);
	return finish(link_call(&r, &reply, QUICK), &reply);
}

/* bad is the answer to a NULL pointer: first comes whether the session is one. */
static CK_RV bad(CK_SESSION_HANDLE session)
{
	CK_RV rv = tell1(FN_CHECK_SESSION, session);
	return rv == CKR_OK ? CKR_ARGUMENTS_BAD : rv;
}

static CK_RV bad_slot(CK_SLOT_ID slot)
{
	CK_RV rv = tell1(FN_CHECK_SLOT, slot);
	return rv == CKR_OK ? CKR_ARGUMENTS_BAD : rv;
}

/* bad_end is bad for a call that also ends the operations in flags. */
static CK_RV bad_end(CK_SESSION_HANDLE session, CK_FLAGS flags)
{
	CK_RV rv = tell2(FN_SESSION_CANCEL, session, flags);
	return rv == CKR_OK ? CKR_ARGUMENTS_BAD : rv;
}

/* refuse is the answer of a function that a CIE cannot do. */
static CK_RV refuse(CK_SESSION_HANDLE session, bool arguments, CK_RV answer)
{
	CK_RV rv = tell1(FN_CHECK_SESSION, session);
	return rv != CKR_OK ? rv : arguments ? answer : CKR_ARGUMENTS_BAD;
}

/* give_list stores a list of numbers by the rule of two calls: how many first. */
static CK_RV give_list(struct results *r, CK_ULONG *list, CK_ULONG *count)
{
	uint64_t n = results_number(r);
	CK_ULONG room = *count;
	if (n > r->left / 8) {
		r->failed = true;
		return CKR_OK;
	}
	*count = (CK_ULONG)n;
	if (list == NULL)
		return CKR_OK;
	if (room < n)
		return CKR_BUFFER_TOO_SMALL;
	for (uint64_t i = 0; i < n; i++)
		list[i] = (CK_ULONG)results_number(r);
	return CKR_OK;
}

/* --- General --- */

/* initialize_arguments judges what a program gives to C_Initialize. The library has
   locks of its own, so it refuses a program that insists on others. */
static CK_RV initialize_arguments(const CK_C_INITIALIZE_ARGS *a)
{
	if (a == NULL)
		return CKR_OK;
	int callbacks = (a->CreateMutex != NULL) + (a->DestroyMutex != NULL) + (a->LockMutex != NULL) + (a->UnlockMutex != NULL);
	if (a->pReserved != NULL || (callbacks != 0 && callbacks != 4))
		return CKR_ARGUMENTS_BAD;
	if (callbacks == 4 && (a->flags & CKF_OS_LOCKING_OK) == 0)
		return CKR_CANT_LOCK;
	return CKR_OK;
}

EXPORT CK_RV C_Initialize(void *init_args)
{
	if (link_check() == CKR_OK)
		return CKR_CRYPTOKI_ALREADY_INITIALIZED;
	CK_RV rv = initialize_arguments(init_args);
	return rv == CKR_OK ? link_initialize() : rv;
}

EXPORT CK_RV C_Finalize(void *reserved)
{
	CK_RV rv = link_check();
	if (rv != CKR_OK)
		return rv;
	return reserved == NULL ? link_finalize() : CKR_ARGUMENTS_BAD;
}

EXPORT CK_RV C_GetInfo(CK_INFO *info)
{
	static const char description[] = "CIE - Carta Identita Elettronica";
	CK_RV rv = link_check();
	if (rv != CKR_OK)
		return rv;
	if (info == NULL)
		return CKR_ARGUMENTS_BAD;
	*info = (CK_INFO){.cryptokiVersion = {3, 0}, .libraryVersion = {LIBRARY_VERSION}};
	pad(info->manufacturerID, sizeof(info->manufacturerID), MANUFACTURER, strlen(MANUFACTURER));
	pad(info->libraryDescription, sizeof(info->libraryDescription), description, strlen(description));
	return CKR_OK;
}

/* --- Slots and tokens --- */

EXPORT CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
	struct request r;
	struct reply reply;
	if (count == NULL) {
		CK_RV rv = link_check();
		return rv == CKR_OK ? CKR_ARGUMENTS_BAD : rv;
	}
	request_begin(&r, FN_GET_SLOT_LIST);
	request_number(&r, present != 0);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK)
		rv = give_list(&reply.results, list, count);
	return finish(rv, &reply);
}

EXPORT CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	struct request r;
	struct reply reply;
	if (info == NULL)
		return bad_slot(slot);
	request_begin(&r, FN_GET_SLOT_INFO);
	request_number(&r, slot);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK) {
		*info = (CK_SLOT_INFO){0};
		pad_result(info->slotDescription, sizeof(info->slotDescription), &reply.results);
		pad(info->manufacturerID, sizeof(info->manufacturerID), MANUFACTURER, strlen(MANUFACTURER));
		info->flags = (CK_FLAGS)results_number(&reply.results);
	}
	return finish(rv, &reply);
}

EXPORT CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	struct request r;
	struct reply reply;
	if (info == NULL)
		return bad_slot(slot);
	request_begin(&r, FN_GET_TOKEN_INFO);
	request_number(&r, slot);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK) {
		*info = (CK_TOKEN_INFO){
			.ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
			.ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE,
			.ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
			.ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
			.ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
			.ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
		};
		pad_result(info->label, sizeof(info->label), &reply.results);
		pad(info->manufacturerID, sizeof(info->manufacturerID), "IPZS", 4);
		pad(info->model, sizeof(info->model), "CIE 3.0", 7);
		pad_result(info->serialNumber, sizeof(info->serialNumber), &reply.results);
		pad(info->utcTime, sizeof(info->utcTime), NULL, 0);
		info->flags = (CK_FLAGS)results_number(&reply.results);
		info->ulSessionCount = (CK_ULONG)results_number(&reply.results);
		info->ulRwSessionCount = (CK_ULONG)results_number(&reply.results);
		info->ulMinPinLen = (CK_ULONG)results_number(&reply.results);
		info->ulMaxPinLen = (CK_ULONG)results_number(&reply.results);
	}
	return finish(rv, &reply);
}

EXPORT CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	struct request r;
	struct reply reply;
	if (count == NULL)
		return bad_slot(slot);
	request_begin(&r, FN_GET_MECHANISM_LIST);
	request_number(&r, slot);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK)
		rv = give_list(&reply.results, list, count);
	return finish(rv, &reply);
}

EXPORT CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	struct request r;
	struct reply reply;
	if (info == NULL)
		return bad_slot(slot);
	request_begin(&r, FN_GET_MECHANISM_INFO);
	request_number(&r, slot);
	request_number(&r, type);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK) {
		info->ulMinKeySize = info->ulMaxKeySize = (CK_ULONG)results_number(&reply.results);
		info->flags = (CK_FLAGS)results_number(&reply.results);
	}
	return finish(rv, &reply);
}

EXPORT CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR *pin, CK_ULONG pin_len, CK_UTF8CHAR *label)
{
	CK_RV rv = tell1(FN_CHECK_SLOT, slot);
	if (rv != CKR_OK)
		return rv;
	return (pin == NULL && pin_len > 0) || label == NULL ? CKR_ARGUMENTS_BAD : CKR_FUNCTION_NOT_SUPPORTED;
}

EXPORT CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
	struct request r;
	struct reply reply;
	if (slot == NULL || reserved != NULL) {
		CK_RV rv = link_check();
		return rv == CKR_OK ? CKR_ARGUMENTS_BAD : rv;
	}
	request_begin(&r, FN_WAIT_FOR_SLOT_EVENT);
	request_number(&r, flags);
	CK_RV rv = link_call(&r, &reply, flags & CKF_DONT_BLOCK ? QUICK : ENDLESS);
	if (rv == CKR_OK)
		*slot = (CK_SLOT_ID)results_number(&reply.results);
	return finish(rv, &reply);
}

/* --- Sessions --- */

EXPORT CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
	struct request r;
	struct reply reply;
	(void)application;
	(void)notify; /* never called */
	if (session == NULL)
		return bad_slot(slot);
	request_begin(&r, FN_OPEN_SESSION);
	request_number(&r, slot);
	request_number(&r, flags);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK)
		*session = (CK_SESSION_HANDLE)results_number(&reply.results);
	return finish(rv, &reply);
}

EXPORT CK_RV C_CloseSession(CK_SESSION_HANDLE session) { return tell1(FN_CLOSE_SESSION, session); }
EXPORT CK_RV C_CloseAllSessions(CK_SLOT_ID slot) { return tell1(FN_CLOSE_ALL_SESSIONS, slot); }

EXPORT CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	struct request r;
	struct reply reply;
	if (info == NULL)
		return bad(session);
	request_begin(&r, FN_GET_SESSION_INFO);
	request_number(&r, session);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK) {
		info->slotID = (CK_SLOT_ID)results_number(&reply.results);
		info->state = (CK_STATE)results_number(&reply.results);
		info->flags = (CK_FLAGS)results_number(&reply.results);
		info->ulDeviceError = 0;
	}
	return finish(rv, &reply);
}

EXPORT CK_RV C_GetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG *state_len)
{
	(void)state;
	return refuse(session, state_len != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_SetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG state_len, CK_OBJECT_HANDLE encryption, CK_OBJECT_HANDLE authentication)
{
	(void)state_len, (void)encryption, (void)authentication;
	return refuse(session, state != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

/* A PIN is sent from where the program has it. One that is too long to be right is
   sent in part, which is as wrong. */
#define LONGEST_PIN 64

EXPORT CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	struct request r;
	struct reply reply;
	request_begin(&r, FN_LOGIN);
	request_number(&r, session);
	request_number(&r, user);
	request_last(&r, pin, pin_len < LONGEST_PIN ? pin_len : LONGEST_PIN);
	return finish(link_call(&r, &reply, CARD), &reply);
}

EXPORT CK_RV C_Logout(CK_SESSION_HANDLE session) { return tell1(FN_LOGOUT, session); }

EXPORT CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	return pin == NULL && pin_len > 0 ? bad(session) : tell1(FN_INIT_PIN, session);
}

EXPORT CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *old_pin, CK_ULONG old_len, CK_UTF8CHAR *new_pin, CK_ULONG new_len)
{
	bool arguments = (old_pin != NULL || old_len == 0) && (new_pin != NULL || new_len == 0);
	return arguments ? tell1(FN_SET_PIN, session) : bad(session);
}

/* --- Objects --- */

static bool is_template(const CK_ATTRIBUTE *template, CK_ULONG count)
{
	return count <= MAX_TEMPLATE && (template != NULL || count == 0);
}

EXPORT CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *object)
{
	return refuse(session, is_template(template, count) && object != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *copy)
{
	(void)object;
	return refuse(session, is_template(template, count) && copy != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	return tell2(FN_DESTROY_OBJECT, session, object);
}

EXPORT CK_RV C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG *size)
{
	struct request r;
	struct reply reply;
	if (size == NULL)
		return bad(session);
	request_begin(&r, FN_GET_OBJECT_SIZE);
	request_number(&r, session);
	request_number(&r, object);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK)
		*size = (CK_ULONG)results_number(&reply.results);
	return finish(rv, &reply);
}

/* store puts the answer for one attribute where the program wants it. */
static void store(CK_ATTRIBUTE *a, struct results *r)
{
	size_t length;
	CK_ULONG told = (CK_ULONG)results_number(r);
	const unsigned char *value = results_bytes(r, &length);
	if (value != NULL && (a->pValue == NULL || length != told || length > a->ulValueLen))
		r->failed = true;
	if (r->failed)
		return;
	if (value != NULL && length > 0)
		memcpy(a->pValue, value, length);
	a->ulValueLen = told;
}

EXPORT CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count)
{
	struct request r;
	struct reply reply;
	if (!is_template(template, count))
		return bad(session);
	request_begin(&r, FN_GET_ATTRIBUTE_VALUE);
	request_number(&r, session);
	request_number(&r, object);
	request_number(&r, count);
	for (CK_ULONG i = 0; i < count; i++) {
		request_number(&r, template[i].type);
		request_number(&r, template[i].pValue == NULL ? ABSENT : template[i].ulValueLen);
	}
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_BUFFER_TOO_SMALL)
		for (CK_ULONG i = 0; i < count && !reply.results.failed; i++)
			store(&template[i], &reply.results);
	return finish(rv, &reply);
}

EXPORT CK_RV C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count)
{
	return is_template(template, count) ? tell2(FN_SET_ATTRIBUTE_VALUE, session, object) : bad(session);
}

EXPORT CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count)
{
	struct request r;
	struct reply reply;
	if (!is_template(template, count))
		return bad(session);
	for (CK_ULONG i = 0; i < count; i++)
		if (template[i].pValue == NULL && template[i].ulValueLen > 0)
			return bad(session);
	request_begin(&r, FN_FIND_OBJECTS_INIT);
	request_number(&r, session);
	request_number(&r, count);
	for (CK_ULONG i = 0; i < count; i++) {
		bool fits = template[i].ulValueLen <= LONGEST_VALUE; /* else no attribute of ours has that value */
		request_number(&r, fits ? template[i].type : CK_UNAVAILABLE_INFORMATION);
		request_bytes(&r, fits ? template[i].pValue : NULL, template[i].ulValueLen);
	}
	return finish(link_call(&r, &reply, QUICK), &reply);
}

EXPORT CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count)
{
	struct request r;
	struct reply reply;
	if (count == NULL || (objects == NULL && max > 0))
		return bad(session);
	request_begin(&r, FN_FIND_OBJECTS);
	request_number(&r, session);
	request_number(&r, max);
	CK_RV rv = link_call(&r, &reply, QUICK);
	if (rv == CKR_OK) {
		CK_ULONG none = max;
		rv = give_list(&reply.results, objects, &none);
		*count = rv == CKR_OK && !reply.results.failed ? none : 0;
	}
	return finish(rv, &reply);
}

EXPORT CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session) { return tell1(FN_FIND_OBJECTS_FINAL, session); }

/* --- Signing and verifying --- */

static CK_RV begin(enum function function, enum function end, CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	struct request r;
	struct reply reply;
	if (mechanism == NULL)
		return tell1(end, session);
	request_begin(&r, function);
	request_number(&r, session);
	request_number(&r, mechanism->mechanism);
	request_number(&r, mechanism->pParameter != NULL && mechanism->ulParameterLen > 0);
	request_number(&r, key);
	return finish(link_call(&r, &reply, QUICK), &reply);
}

/* update sends data in pieces. */
static CK_RV update(enum function function, CK_SESSION_HANDLE session, const CK_BYTE *part, CK_ULONG length)
{
	struct request r;
	struct reply reply;
	CK_RV rv;
	do {
		CK_ULONG piece = length < PIECE ? length : PIECE;
		request_begin(&r, function);
		request_number(&r, session);
		request_last(&r, part, piece);
		rv = finish(link_call(&r, &reply, QUICK), &reply);
		if (part != NULL)
			part += piece;
		length -= piece;
	} while (rv == CKR_OK && length > 0);
	return rv;
}

/* room is what the helper is told of a program's buffer. */
static uint64_t room(const CK_BYTE *buffer, CK_ULONG size) { return buffer == NULL ? ABSENT : size; }

/* give_signature stores a signature, if the helper sent one, and its length. */
static CK_RV give_signature(CK_RV rv, struct results *r, CK_BYTE *signature, CK_ULONG *size, bool *given)
{
	size_t length;
	CK_ULONG room = *size;
	if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL)
		return rv;
	CK_ULONG told = (CK_ULONG)results_number(r);
	const unsigned char *value = results_bytes(r, &length);
	if (value != NULL && (signature == NULL || length != told || length > room))
		r->failed = true;
	if (r->failed)
		return rv;
	*given = value != NULL;
	if (value != NULL)
		memcpy(signature, value, length);
	*size = told;
	return rv;
}

EXPORT CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return begin(FN_SIGN_INIT, FN_SIGN_END, session, mechanism, key);
}

EXPORT CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature, CK_ULONG *signature_len)
{
	struct request r;
	struct reply reply;
	if (signature_len == NULL || (data == NULL && data_len > 0))
		return bad_end(session, CKF_SIGN);
	CK_ULONG size = *signature_len;
	for (;;) {
		CK_ULONG piece = data_len < PIECE ? data_len : PIECE;
		bool more = piece < data_len, given = false;
		request_begin(&r, FN_SIGN);
		request_number(&r, session);
		request_number(&r, room(signature, size));
		request_number(&r, more);
		request_last(&r, data, piece);
		CK_RV rv = link_call(&r, &reply, CARD);
		rv = finish(give_signature(rv, &reply.results, signature, signature_len, &given), &reply);
		if (rv != CKR_OK || !more || signature == NULL)
			return rv;
		data += piece;
		data_len -= piece;
	}
}

EXPORT CK_RV C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	return part == NULL && part_len > 0 ? bad_end(session, CKF_SIGN) : update(FN_SIGN_UPDATE, session, part, part_len);
}

EXPORT CK_RV C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG *signature_len)
{
	struct request r;
	struct reply reply;
	bool given;
	if (signature_len == NULL)
		return bad_end(session, CKF_SIGN);
	request_begin(&r, FN_SIGN_FINAL);
	request_number(&r, session);
	request_number(&r, room(signature, *signature_len));
	CK_RV rv = link_call(&r, &reply, CARD);
	return finish(give_signature(rv, &reply.results, signature, signature_len, &given), &reply);
}

EXPORT CK_RV C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return begin(FN_VERIFY_INIT, FN_VERIFY_END, session, mechanism, key);
}

/* verify sends what is left of the data, and the signature with the last of it. A
   signature of another length than ours is as wrong in any other. */
static CK_RV verify(CK_SESSION_HANDLE session, bool final, const CK_BYTE *data, CK_ULONG data_len, const CK_BYTE *signature, CK_ULONG signature_len)
{
	struct request r;
	struct reply reply;
	CK_RV rv;
	for (;;) {
		CK_ULONG piece = data_len < PIECE ? data_len : PIECE;
		bool more = piece < data_len;
		request_begin(&r, FN_VERIFY);
		request_number(&r, session);
		request_number(&r, more);
		request_number(&r, final);
		request_bytes(&r, signature, more ? 0 : signature_len < 1024 ? signature_len : 1024);
		request_last(&r, data, piece);
		rv = finish(link_call(&r, &reply, QUICK), &reply);
		if (rv != CKR_OK || !more)
			return rv;
		data += piece;
		data_len -= piece;
	}
}

EXPORT CK_RV C_Verify(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature, CK_ULONG signature_len)
{
	if ((data == NULL && data_len > 0) || signature == NULL)
		return bad_end(session, CKF_VERIFY);
	return verify(session, false, data, data_len, signature, signature_len);
}

EXPORT CK_RV C_VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	return part == NULL && part_len > 0 ? bad_end(session, CKF_VERIFY) : update(FN_VERIFY_UPDATE, session, part, part_len);
}

EXPORT CK_RV C_VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_len)
{
	return signature == NULL ? bad_end(session, CKF_VERIFY) : verify(session, true, NULL, 0, signature, signature_len);
}

/* --- What a CIE cannot do --- */

/* A function that begins what no mechanism of ours can. */
#define NO_MECHANISM(name) \
	EXPORT CK_RV name(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) \
	{ \
		(void)key; \
		return refuse(session, mechanism != NULL, CKR_MECHANISM_INVALID); \
	}

/* A function of data in and data out. */
#define IN_OUT(name, answer) \
	EXPORT CK_RV name(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len) \
	{ \
		(void)out; \
		return refuse(session, (in != NULL || in_len == 0) && out_len != NULL, answer); \
	}

/* A function of data out. */
#define OUT(name, answer) \
	EXPORT CK_RV name(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG *out_len) \
	{ \
		(void)out; \
		return refuse(session, out_len != NULL, answer); \
	}

NO_MECHANISM(C_EncryptInit)
IN_OUT(C_Encrypt, CKR_OPERATION_NOT_INITIALIZED)
IN_OUT(C_EncryptUpdate, CKR_OPERATION_NOT_INITIALIZED)
OUT(C_EncryptFinal, CKR_OPERATION_NOT_INITIALIZED)
NO_MECHANISM(C_DecryptInit)
IN_OUT(C_Decrypt, CKR_OPERATION_NOT_INITIALIZED)
IN_OUT(C_DecryptUpdate, CKR_OPERATION_NOT_INITIALIZED)
OUT(C_DecryptFinal, CKR_OPERATION_NOT_INITIALIZED)
IN_OUT(C_Digest, CKR_OPERATION_NOT_INITIALIZED)
OUT(C_DigestFinal, CKR_OPERATION_NOT_INITIALIZED)
IN_OUT(C_SignRecover, CKR_FUNCTION_NOT_SUPPORTED)
IN_OUT(C_VerifyRecover, CKR_FUNCTION_NOT_SUPPORTED)
IN_OUT(C_DigestEncryptUpdate, CKR_FUNCTION_NOT_SUPPORTED)
IN_OUT(C_DecryptDigestUpdate, CKR_FUNCTION_NOT_SUPPORTED)
IN_OUT(C_SignEncryptUpdate, CKR_FUNCTION_NOT_SUPPORTED)
IN_OUT(C_DecryptVerifyUpdate, CKR_FUNCTION_NOT_SUPPORTED)

EXPORT CK_RV C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
	return refuse(session, mechanism != NULL, CKR_MECHANISM_INVALID);
}

EXPORT CK_RV C_DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	return refuse(session, part != NULL || part_len == 0, CKR_OPERATION_NOT_INITIALIZED);
}

EXPORT CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	(void)key;
	return refuse(session, true, CKR_OPERATION_NOT_INITIALIZED);
}

EXPORT CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)key;
	return refuse(session, mechanism != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)key;
	return refuse(session, mechanism != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	return refuse(session, mechanism != NULL && is_template(template, count) && key != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public_template, CK_ULONG public_count,
	CK_ATTRIBUTE *private_template, CK_ULONG private_count, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
	bool arguments = mechanism != NULL && is_template(public_template, public_count) &&
		is_template(private_template, private_count) && public_key != NULL && private_key != NULL;
	return refuse(session, arguments, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key, CK_BYTE *wrapped, CK_ULONG *wrapped_len)
{
	(void)wrapping, (void)key, (void)wrapped;
	return refuse(session, mechanism != NULL && wrapped_len != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping, CK_BYTE *wrapped, CK_ULONG wrapped_len,
	CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	(void)unwrapping, (void)wrapped_len;
	bool arguments = mechanism != NULL && wrapped != NULL && is_template(template, count) && key != NULL;
	return refuse(session, arguments, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	(void)base;
	return refuse(session, mechanism != NULL && is_template(template, count) && key != NULL, CKR_FUNCTION_NOT_SUPPORTED);
}

EXPORT CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE *seed, CK_ULONG seed_len)
{
	return refuse(session, seed != NULL || seed_len == 0, CKR_RANDOM_NO_RNG);
}

EXPORT CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE *random, CK_ULONG random_len)
{
	return refuse(session, random != NULL || random_len == 0, CKR_RANDOM_NO_RNG);
}

EXPORT CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session) { return refuse(session, true, CKR_FUNCTION_NOT_PARALLEL); }
EXPORT CK_RV C_CancelFunction(CK_SESSION_HANDLE session) { return refuse(session, true, CKR_FUNCTION_NOT_PARALLEL); }

/* --- PKCS#11 v3.0 --- */

static CK_RV login_user(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len, CK_UTF8CHAR *name, CK_ULONG name_len)
{
	return name != NULL && name_len > 0 ? bad(session) : C_Login(session, user, pin, pin_len);
}

static CK_RV session_cancel(CK_SESSION_HANDLE session, CK_FLAGS flags) { return tell2(FN_SESSION_CANCEL, session, flags); }

/* The 20 functions for messages. They differ in their arguments, which are not
   looked at: the session comes first in all. */
static CK_RV no_message(CK_SESSION_HANDLE session) { return refuse(session, true, CKR_FUNCTION_NOT_SUPPORTED); }

/* --- Interfaces --- */

#define FUNCTIONS \
	C_Initialize, C_Finalize, C_GetInfo, C_GetFunctionList, C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo, \
	C_GetMechanismList, C_GetMechanismInfo, C_InitToken, C_InitPIN, C_SetPIN, C_OpenSession, C_CloseSession, \
	C_CloseAllSessions, C_GetSessionInfo, C_GetOperationState, C_SetOperationState, C_Login, C_Logout, \
	C_CreateObject, C_CopyObject, C_DestroyObject, C_GetObjectSize, C_GetAttributeValue, C_SetAttributeValue, \
	C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal, C_EncryptInit, C_Encrypt, C_EncryptUpdate, C_EncryptFinal, \
	C_DecryptInit, C_Decrypt, C_DecryptUpdate, C_DecryptFinal, C_DigestInit, C_Digest, C_DigestUpdate, C_DigestKey, \
	C_DigestFinal, C_SignInit, C_Sign, C_SignUpdate, C_SignFinal, C_SignRecoverInit, C_SignRecover, C_VerifyInit, \
	C_Verify, C_VerifyUpdate, C_VerifyFinal, C_VerifyRecoverInit, C_VerifyRecover, C_DigestEncryptUpdate, \
	C_DecryptDigestUpdate, C_SignEncryptUpdate, C_DecryptVerifyUpdate, C_GenerateKey, C_GenerateKeyPair, C_WrapKey, \
	C_UnwrapKey, C_DeriveKey, C_SeedRandom, C_GenerateRandom, C_GetFunctionStatus, C_CancelFunction, C_WaitForSlotEvent

#define FIVE(f) f, f, f, f, f

EXPORT CK_RV C_GetInterfaceList(struct interface_entry *list, CK_ULONG *count);
EXPORT CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, struct interface_entry **out, CK_FLAGS flags);

static CK_FUNCTION_LIST functions_2_40 = {{2, 40}, FUNCTIONS};

static struct functions_3_0 functions_3_0 = {
	{{3, 0}, FUNCTIONS},
	C_GetInterfaceList,
	C_GetInterface,
	login_user,
	session_cancel,
	{FIVE(no_message), FIVE(no_message), FIVE(no_message), FIVE(no_message)},
};

#define STANDARD "PKCS 11"

static struct interface_entry interfaces[] = {
	{STANDARD, &functions_3_0, 0},
	{STANDARD, &functions_2_40, 0},
};

#define INTERFACES (sizeof(interfaces) / sizeof(interfaces[0]))

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	if (list == NULL)
		return CKR_ARGUMENTS_BAD;
	*list = &functions_2_40;
	return CKR_OK;
}

EXPORT CK_RV C_GetInterfaceList(struct interface_entry *list, CK_ULONG *count)
{
	if (count == NULL)
		return CKR_ARGUMENTS_BAD;
	CK_ULONG room = *count;
	*count = INTERFACES;
	if (list == NULL)
		return CKR_OK;
	if (room < INTERFACES)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(list, interfaces, sizeof(interfaces));
	return CKR_OK;
}

/* Both lists begin with their version. No interface has flags: none may be used in
   a forked child as if nothing had happened. */
EXPORT CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, struct interface_entry **out, CK_FLAGS flags)
{
	if (out == NULL || flags != 0 || (name != NULL && strcmp((const char *)name, STANDARD) != 0))
		return CKR_ARGUMENTS_BAD;
	for (size_t i = 0; i < INTERFACES; i++) {
		const CK_VERSION *has = interfaces[i].functions;
		if (version == NULL || (version->major == has->major && version->minor == has->minor)) {
			*out = &interfaces[i];
			return CKR_OK;
		}
	}
	return CKR_ARGUMENTS_BAD;
}
