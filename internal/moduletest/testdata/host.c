/* A program that loads the PKCS#11 library, as browsers do: what needs C threads,
   fork, NULL pointers or a clock. Built and run by the tests.

   host MODULE COMMAND [NUMBER…]: exit status 0 and a line, or 1 and what was wrong. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../../cmd/cie-pkcs11/cryptoki.h"

static void *library;
static CK_FUNCTION_LIST *p;
static char pin[] = "5678"; /* of the emulated card */
static int failures;

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#include "functions.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void want(const char *what, CK_RV got, CK_RV wanted)
{
	if (got == wanted)
		return;
	printf("%s: %#lx, want %#lx\n", what, got, wanted);
	failures++;
}

static void must(const char *what, CK_RV rv)
{
	if (rv == CKR_OK)
		return;
	printf("%s: %#lx\n", what, rv);
	exit(1);
}

static void load(const char *path)
{
	CK_C_GetFunctionList list;
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		printf("%s\n", dlerror());
		exit(1);
	}
	*(void **)&list = dlsym(library, "C_GetFunctionList");
	must("C_GetFunctionList", list(&p));
	CK_RV (*interface)(CK_UTF8CHAR *, CK_VERSION *, struct interface_entry **, CK_FLAGS);
	CK_VERSION v = {3, 0};
	struct interface_entry *found;
	*(void **)&interface = dlsym(library, "C_GetInterface");
	must("C_GetInterface", interface(NULL, &v, &found, 0));
	p3 = found->functions;
}

static CK_SESSION_HANDLE open_session(void)
{
	CK_SESSION_HANDLE s;
	must("C_OpenSession", p->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s));
	return s;
}

static void login(CK_SESSION_HANDLE s)
{
	CK_RV rv = p->C_Login(s, CKU_USER, (CK_BYTE *)pin, strlen(pin));
	if (rv != CKR_USER_ALREADY_LOGGED_IN)
		must("C_Login", rv);
}

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE s, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)}};
	CK_OBJECT_HANDLE o = 0;
	CK_ULONG n = 0;
	if (p->C_FindObjectsInit(s, template, 1) == CKR_OK) {
		p->C_FindObjects(s, &o, 1, &n);
		p->C_FindObjectsFinal(s);
	}
	return n == 1 ? o : 0;
}

static CK_RV sign(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
	CK_BYTE data[] = "message", signature[256];
	CK_MECHANISM m = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_ULONG n = sizeof(signature);
	CK_RV rv = p->C_SignInit(s, &m, key);
	if (rv == CKR_OK)
		rv = p->C_Sign(s, data, sizeof(data), signature, &n);
	if (rv == CKR_OK) { /* by the module's own arithmetic, which the tests compare with others */
		rv = p->C_VerifyInit(s, &m, find(s, CKO_PUBLIC_KEY));
		if (rv == CKR_OK)
			rv = p->C_Verify(s, data, sizeof(data), signature, n);
	}
	return rv;
}

/* --- table: every function in every state (T10, F46) --- */

static const char *column;

static void tell(const char *function, CK_RV answer) { printf("%s %s %lu\n", column, function, answer); }

/* idle: a session for reading in which nothing has begun, nobody logged in; and a
   slot that is empty. */
static void idle(void)
{
	p->C_CloseAllSessions(0);
	session = open_session();
	object = find(session, CKO_PUBLIC_KEY);
	slot = 1;
}

/* busy: a session for reading and writing in which everything has begun. Another
   one keeps the login. */
static void busy_session(void)
{
	static CK_SESSION_HANDLE keeper;
	CK_MECHANISM m = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_SESSION_INFO info;
	if (p->C_GetSessionInfo(keeper, &info) != CKR_OK)
		keeper = open_session();
	p->C_CloseSession(session);
	must("C_OpenSession", p->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
	login(session);
	object = find(session, CKO_PRIVATE_KEY);
	slot = 0;
	must("C_FindObjectsInit", p->C_FindObjectsInit(session, NULL, 0));
	must("C_SignInit", p->C_SignInit(session, &m, object));
	must("C_VerifyInit", p->C_VerifyInit(session, &m, find(keeper, CKO_PUBLIC_KEY)));
}

/* small: buffers in which there is no room. */
static void small(void)
{
	CK_ULONG n = 1;
	CK_SLOT_ID one;
	CK_MECHANISM_TYPE five[5];
	CK_BYTE b[255];
	CK_ATTRIBUTE a = {CKA_LABEL, b, 1};
	struct interface_entry entry;
	column = "small";
	tell("C_GetSlotList", p->C_GetSlotList(CK_FALSE, &one, &n));
	want("slots", n, 2);
	n = 5;
	tell("C_GetMechanismList", p->C_GetMechanismList(0, five, &n));
	want("mechanisms", n, 6);
	n = 1;
	tell("C_GetInterfaceList", p3->get_interface_list(&entry, &n));
	want("interfaces", n, 2);
	busy_session();
	tell("C_GetAttributeValue", p->C_GetAttributeValue(session, object, &a, 1));
	want("length", a.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	n = sizeof(b);
	tell("C_Sign", p->C_Sign(session, b, 1, b, &n));
	want("length", n, 256);
	n = 0;
	tell("C_SignFinal", p->C_SignFinal(session, b, &n));
	want("length", n, 256);
}

static void table(void)
{
	column = "uninitialized";
	every_function(false, tell);
	every_function(true, tell);
	must("C_Initialize", p->C_Initialize(NULL));
	idle();
	CK_SESSION_HANDLE closed = session, bad_sessions[] = {0, closed, 12345, ~0UL};
	must("C_CloseSession", p->C_CloseSession(closed));
	const CK_SLOT_ID bad_slots[] = {2, 9, ~0UL, 1UL << 4 * sizeof(CK_ULONG)};
	column = "bad-handle";
	for (size_t i = 0; i < LENGTH(bad_slots); i++) {
		slot = bad_slots[i];
		session = bad_sessions[i];
		every_function(false, tell);
		every_function(true, tell);
	}
	column = "NULL";
	idle();
	slot = 0;
	every_function(true, tell);
	always(true, tell);
	column = "idle";
	prepare = idle;
	every_function(false, tell);
	always(false, tell);
	column = "busy";
	prepare = busy_session;
	every_function(false, tell);
	always(false, tell);
	prepare = NULL;
	small();
	must("C_Finalize", p->C_Finalize(NULL));
	column = "uninitialized";
	every_function(false, tell);
	every_function(true, tell);
}

/* --- edges: counts and sequences at their edges, arguments of C_Initialize --- */

static void edges_session(void)
{
	const CK_RV bad = CKR_ARGUMENTS_BAD;
	CK_SESSION_HANDLE s = open_session(), rw;
	CK_BYTE b[300] = {0};
	CK_ULONG n;
	CK_OBJECT_HANDLE o;
	CK_SLOT_ID slots[2];
	CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
	CK_ATTRIBUTE a = {CKA_LABEL, NULL, 5};
	must("open", p->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &rw));
	CK_MECHANISM_TYPE mechanisms[10];
	n = 10;
	want("GetMechanismList", p->C_GetMechanismList(0, mechanisms, &n), CKR_OK);
	want("count", n, 6);
	want("first mechanism", mechanisms[0], CKM_RSA_PKCS);
	want("Login", p->C_Login(s, CKU_USER, b, 0), CKR_PIN_INCORRECT);
	want("WaitForSlotEvent", p->C_WaitForSlotEvent(CKF_DONT_BLOCK, slots, b), bad);
	want("Initialize", p->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
	want("Finalize", p->C_Finalize(b), bad);
	want("LoginUser with a name", p3->login_user(s, CKU_USER, b, 4, b, 1), bad);
	want("LoginUser with a name, wrong session", p3->login_user(0, CKU_USER, b, 4, b, 1), CKR_SESSION_HANDLE_INVALID);
	want("GetAttributeValue, huge", p->C_GetAttributeValue(s, find(s, CKO_PUBLIC_KEY), &a, ~0UL), bad);
	want("FindObjectsInit, huge", p->C_FindObjectsInit(s, &a, ~0UL), bad);
	want("FindObjectsInit, NULL value", p->C_FindObjectsInit(s, &a, 1), bad);
	a.pValue = b;
	a.ulValueLen = 100;
	want("FindObjectsInit", p->C_FindObjectsInit(s, &a, 1), CKR_OK);
	want("FindObjects", p->C_FindObjects(s, &o, 1, &n), CKR_OK);
	want("count", n, 0);
	want("FindObjectsFinal", p->C_FindObjectsFinal(s), CKR_OK);
	a.ulValueLen = 1UL << 5 * sizeof(CK_ULONG);
	want("FindObjectsInit, huge value", p->C_FindObjectsInit(s, &a, 1), CKR_OK);
	want("FindObjects", p->C_FindObjects(s, &o, 1, &n), CKR_OK);
	want("count", n, 0);
	want("FindObjectsFinal", p->C_FindObjectsFinal(s), CKR_OK);
	CK_BYTE *odd = b + 1; /* buffers that are not aligned */
	a = (CK_ATTRIBUTE){CKA_MODULUS_BITS, odd, sizeof(CK_ULONG)};
	want("GetAttributeValue, not aligned", p->C_GetAttributeValue(s, find(s, CKO_PUBLIC_KEY), &a, 1), CKR_OK);
	want("bits", odd[0] | odd[1] << 8, 2048);

	login(s);
	CK_OBJECT_HANDLE key = find(s, CKO_PRIVATE_KEY);
	must("SignInit", p->C_SignInit(s, &m, key));
	want("Sign", p->C_Sign(s, b, 1, b, NULL), bad);
	want("SignInit again: it has ended", p->C_SignInit(s, &m, key), CKR_OK);
	n = 255;
	want("Sign into 255", p->C_Sign(s, b, 1, b, &n), CKR_BUFFER_TOO_SMALL);
	want("length", n, 256);
	n = 0;
	want("Sign for the length", p->C_Sign(s, b, 1, NULL, &n), CKR_OK);
	want("length", n, 256);
	want("Sign", p->C_Sign(s, b, 1, b, &n), CKR_OK);
	must("SignInit", p->C_SignInit(s, &m, key));
	want("SignUpdate", p->C_SignUpdate(s, NULL, 1), bad);
	want("SignUpdate: it has ended", p->C_SignUpdate(s, b, 1), CKR_OPERATION_NOT_INITIALIZED);
	must("SignInit", p->C_SignInit(s, &m, key));
	want("SignInit without mechanism", p->C_SignInit(s, NULL, key), CKR_OK);

	/* A megabyte in one call goes over in pieces, and is hashed as one. */
	CK_MECHANISM sha = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_BYTE *large = calloc(1, 1 << 20), s1[256], s2[256];
	n = 256;
	must("SignInit", p->C_SignInit(s, &sha, key));
	must("Sign", p->C_Sign(s, large, 1 << 20, s1, &n));
	must("SignInit", p->C_SignInit(s, &sha, key));
	for (int i = 0; i < 1 << 10; i++)
		must("SignUpdate", p->C_SignUpdate(s, large, 1 << 10));
	must("SignFinal", p->C_SignFinal(s, s2, &n));
	want("large", (CK_RV)memcmp(s1, s2, 256), 0);
	must("VerifyInit", p->C_VerifyInit(s, &sha, find(s, CKO_PUBLIC_KEY)));
	must("Verify", p->C_Verify(s, large, 1 << 20, s1, 256));
	free(large);
}

static CK_RV no_mutex(void **m) { (void)m; return CKR_GENERAL_ERROR; }
static CK_RV no_lock(void *m) { (void)m; return CKR_GENERAL_ERROR; }

static void edges(void)
{
	CK_C_INITIALIZE_ARGS wild = {.pReserved = (void *)0x1}, some = {.CreateMutex = no_mutex},
		all = {no_mutex, no_lock, no_lock, no_lock, 0, NULL}, both = all, nss = all, flags = {.flags = 0xFF};
	both.flags = CKF_OS_LOCKING_OK;
	nss.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
	want("Finalize", p->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	want("wild pointer", p->C_Initialize(&wild), CKR_ARGUMENTS_BAD);
	want("some callbacks", p->C_Initialize(&some), CKR_ARGUMENTS_BAD);
	want("callbacks alone", p->C_Initialize(&all), CKR_CANT_LOCK);
	CK_C_INITIALIZE_ARGS *good[] = {NULL, &both, &nss, &flags};
	for (size_t i = 0; i < LENGTH(good); i++) {
		want("Initialize", p->C_Initialize(good[i]), CKR_OK);
		want("Finalize", p->C_Finalize(NULL), CKR_OK);
	}
	must("Initialize", p->C_Initialize(NULL));
	edges_session();
	must("Finalize", p->C_Finalize(NULL));
	void **list = (void **)&p->C_Initialize;
	for (size_t i = 0; i < 68; i++)
		want("function", list[i] == NULL, 0);
	printf("counts, sequences, arguments: done\n");
}

/* --- forks (T9, F42, C4) --- */

static void uninitialized(const char *function, CK_RV answer) { want(function, answer, CKR_CRYPTOKI_NOT_INITIALIZED); }

#define LATE 2 /* exit status of a child that has waited for more than 100 ms in all its calls */

static void child(bool initialize)
{
	alarm(10);
	double begun = now();
	every_function(false, uninitialized);
	every_function(true, uninitialized);
	want("Finalize", p->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	bool late = now() - begun > 0.1;
	if (initialize) { /* a child gets its own helper */
		must("Initialize in a child", p->C_Initialize(NULL));
		CK_SESSION_HANDLE s = open_session();
		login(s);
		must("signature in a child", sign(s, find(s, CKO_PRIVATE_KEY)));
		must("Finalize in a child", p->C_Finalize(NULL));
	}
	fflush(stdout);
	_exit(failures != 0 ? 1 : late ? LATE : 0);
}

static void *busy(void *stop)
{
	CK_SESSION_INFO info;
	CK_SESSION_HANDLE s = open_session();
	while (!*(volatile bool *)stop)
		want("GetSessionInfo beside forks", p->C_GetSessionInfo(s, &info), CKR_OK);
	return NULL;
}

static void forks(int n)
{
	bool stop = false;
	pthread_t thread;
	double worst = 0;
	int late = 0;
	must("Initialize", p->C_Initialize(NULL));
	CK_SESSION_HANDLE s = open_session();
	login(s);
	CK_OBJECT_HANDLE key = find(s, CKO_PRIVATE_KEY);
	pthread_create(&thread, NULL, busy, &stop); /* a lock may be taken at the moment of a fork */
	for (int i = 0; i < n; i++) {
		int status;
		double begun = now();
		pid_t pid = fork();
		if (pid == 0)
			child(i % 20 == 0);
		waitpid(pid, &status, 0);
		if (i % 20 != 0 && now() - begun > worst)
			worst = now() - begun;
		if (WIFEXITED(status) && WEXITSTATUS(status) == LATE) {
			late++;
			status = 0;
		}
		want("child", (CK_RV)status, 0);
		if (i % 20 == 0)
			want("signature in the parent", sign(s, key), CKR_OK);
	}
	stop = true;
	pthread_join(thread, NULL);
	want("signature in the parent", sign(s, key), CKR_OK);
	must("Finalize", p->C_Finalize(NULL));
	if (worst > 5 || late > n / 10) /* an overloaded computer makes a few late */
		failures++;
	printf("%d forks, %d children waited for more than 100 ms, the slowest lived for %.1f ms\n", n, late, worst * 1000);
}

/* --- storm (T11, F39, C1) --- */

#define WATCHDOG 60 /* seconds without an answer to anybody, after which the program is killed */

static int calls_each;

static bool allowed(CK_RV rv)
{
	static const CK_RV codes[] = {
		CKR_OK, CKR_SLOT_ID_INVALID, CKR_ARGUMENTS_BAD, CKR_NO_EVENT, CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, 0x1B,
		CKR_DATA_LEN_RANGE, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_FUNCTION_NOT_SUPPORTED, CKR_KEY_HANDLE_INVALID,
		CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_OPERATION_ACTIVE,
		CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID,
		CKR_SESSION_READ_ONLY, CKR_SIGNATURE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_USER_ALREADY_LOGGED_IN, CKR_USER_NOT_LOGGED_IN,
		CKR_BUFFER_TOO_SMALL, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_CRYPTOKI_ALREADY_INITIALIZED,
	};
	for (size_t i = 0; i < LENGTH(codes); i++)
		if (codes[i] == rv)
			return true;
	return false;
}

static void *gust(void *seed)
{
	unsigned r = (unsigned)(size_t)seed;
	CK_SESSION_HANDLE mine[8] = {0};
	for (int i = 0; i < calls_each; i++) {
		alarm(WATCHDOG);
		CK_SESSION_HANDLE *at = &mine[rand_r(&r) % LENGTH(mine)];
		CK_SESSION_INFO info;
		CK_TOKEN_INFO token;
		CK_SLOT_INFO slot_info;
		CK_SLOT_ID slot;
		CK_ULONG n = 256;
		CK_BYTE b[256] = {0};
		CK_ATTRIBUTE a = {CKA_LABEL, b, sizeof(b)};
		CK_RV rv = CKR_OK;
		switch (rand_r(&r) % 16) {
		case 0: case 1: case 2: rv = p->C_OpenSession(rand_r(&r) % 3, CKF_SERIAL_SESSION, NULL, NULL, at); break;
		case 3: rv = p->C_CloseSession(*at); break;
		case 4: rv = p->C_GetSessionInfo(*at, &info); break;
		case 5: rv = p->C_GetTokenInfo(rand_r(&r) % 3, &token); break;
		case 6: rv = p->C_GetSlotInfo(rand_r(&r) % 3, &slot_info); break;
		case 7: rv = p->C_GetAttributeValue(*at, find(*at, CKO_CERTIFICATE), &a, 1); break;
		case 8: case 9: rv = p->C_Login(*at, CKU_USER, (CK_BYTE *)pin, 4); break;
		case 10: rv = rand_r(&r) % 8 == 0 ? p->C_Logout(*at) : CKR_OK; break;
		case 11: case 12: rv = sign(*at, find(*at, CKO_PRIVATE_KEY)); break;
		case 13: rv = p->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL); break;
		case 14: rv = rand_r(&r) % 16 == 0 ? p->C_CloseAllSessions(0) : CKR_OK; break;
		case 15: rv = p->C_Sign(*at, b, 32, b, &n); break;
		}
		if (!allowed(rv)) {
			printf("return value %#lx\n", rv);
			__atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
		}
	}
	return NULL;
}

static void storm(int threads, int calls)
{
	pthread_t t[64];
	double begun = now();
	calls_each = calls;
	must("Initialize", p->C_Initialize(NULL));
	for (int i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, gust, (void *)(size_t)(i + 1));
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	must("Finalize", p->C_Finalize(NULL));
	printf("%d threads of %d calls in %.1f s\n", threads, calls, now() - begun);
}

/* --- finalise against calls (F40, C3) --- */

static void *signer(void *key)
{
	CK_SESSION_HANDLE s;
	CK_RV rv = p->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s);
	for (int i = 0; i < 1000 && rv == CKR_OK; i++) {
		rv = p->C_Login(s, CKU_USER, (CK_BYTE *)pin, 4);
		if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
			rv = sign(s, find(s, CKO_PRIVATE_KEY));
	}
	want("signer", rv, CKR_CRYPTOKI_NOT_INITIALIZED);
	return key;
}

static void *waiter(void *unused)
{
	CK_SLOT_ID slot;
	want("waiter", p->C_WaitForSlotEvent(0, &slot, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	return unused;
}

static void finalize(int rounds)
{
	double worst = 0;
	unsigned r = 1;
	for (int i = 0; i < rounds; i++) {
		pthread_t t[3];
		alarm(WATCHDOG);
		must("Initialize", p->C_Initialize(NULL));
		CK_SESSION_HANDLE s = open_session();
		(void)s;
		pthread_create(&t[0], NULL, signer, NULL);
		pthread_create(&t[1], NULL, signer, NULL);
		pthread_create(&t[2], NULL, waiter, NULL);
		usleep(20000 + rand_r(&r) % 60000);
		double begun = now();
		must("Finalize", p->C_Finalize(NULL));
		double took = now() - begun;
		if (took > worst)
			worst = took;
		for (size_t j = 0; j < LENGTH(t); j++)
			pthread_join(t[j], NULL);
		if (failures > 0)
			break;
	}
	if (worst > 2.5) {
		printf("C_Finalize took %.0f ms\n", worst * 1000);
		failures++;
	}
	printf("%d rounds, the slowest C_Finalize took %.0f ms\n", rounds, worst * 1000);
}

/* --- logins: many signatures of one of several processes (C5) --- */

static void logins(int n)
{
	must("Initialize", p->C_Initialize(NULL));
	CK_SESSION_HANDLE s = open_session();
	for (int i = 0; i < n; i++) {
		login(s);
		must("signature", sign(s, find(s, CKO_PRIVATE_KEY)));
		must("Logout", p->C_Logout(s));
	}
	must("Finalize", p->C_Finalize(NULL));
	printf("%d logins and signatures\n", n);
}

/* --- hold: logs in with a PIN from standard input, of which no copy stays here --- */

static void hold(void)
{
	char digits[8], go;
	must("Initialize", p->C_Initialize(NULL));
	CK_SESSION_HANDLE s = open_session();
	printf("ready\n");
	if (read(0, digits, sizeof(digits)) != sizeof(digits))
		exit(1);
	must("Login", p->C_Login(s, CKU_USER, (CK_BYTE *)digits, sizeof(digits)));
	explicit_bzero(digits, sizeof(digits));
	must("signature", sign(s, find(s, CKO_PRIVATE_KEY)));
	printf("in\n");
	if (read(0, &go, 1) != 1)
		exit(1);
	must("Logout", p->C_Logout(s));
	printf("out\n");
	if (read(0, &go, 1) != 1)
		exit(1);
	must("Finalize", p->C_Finalize(NULL));
}

/* --- unload (F43) --- */

static int count(const char *what)
{
	char line[256];
	int n = -1;
	FILE *f = fopen("/proc/self/status", "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, what, strlen(what)) == 0)
			n = atoi(line + strlen(what));
	if (f != NULL)
		fclose(f);
	return n;
}

static void unload(const char *path, int n)
{
	int threads = count("Threads:");
	for (int i = 0; i < n; i++) {
		must("Initialize", p->C_Initialize(NULL));
		dlclose(library);
		if (dlopen(path, RTLD_NOLOAD | RTLD_NOW) != NULL) {
			printf("the library stays loaded\n");
			failures++;
		}
		load(path);
	}
	want("threads", (CK_RV)count("Threads:"), (CK_RV)threads);
	int next = dup(0);
	want("file descriptors", next > 10, 0);
	must("Initialize", p->C_Initialize(NULL));
	must("Finalize", p->C_Finalize(NULL));
	want("children", waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, 1);
	printf("loaded and unloaded %d times\n", n);
}

/* --- in flight: the process ends in the midst of a call (F44) --- */

static void in_flight(void)
{
	pthread_t t;
	must("Initialize", p->C_Initialize(NULL));
	pthread_create(&t, NULL, waiter, NULL);
	usleep(200000);
	printf("ends\n");
	fflush(stdout); /* the test takes the time from here */
	exit(0);
}

/* --- odd: a login and a signature in a program that is not like others (F45, F48) --- */

enum odd { PLAIN, IGNORES_SIGNALS, BLOCKS_SIGNALS, NO_STANDARD_FILES, FEW_FILES, SMALL_STACK, CATCHES_FAULTS, WRITES_BLINDLY };

static bool blind; /* it writes, though its output is closed */

static void *use(void *unused)
{
	must("Initialize", p->C_Initialize(NULL));
	if (blind && (write(1, "a message\n", 10) > 0 || write(2, "a message\n", 10) > 0))
		failures++; /* into what? */
	CK_SESSION_HANDLE s = open_session();
	must("Login", p->C_Login(s, CKU_USER, (CK_BYTE *)"12345678", 8));
	must("signature", sign(s, find(s, CKO_PRIVATE_KEY)));
	must("Finalize", p->C_Finalize(NULL));
	return unused;
}

static sigjmp_buf caught;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(caught, 1);
}

static void odd(enum odd kind)
{
	sigset_t all;
	pthread_t thread;
	pthread_attr_t attributes;
	sigfillset(&all);
	pthread_attr_init(&attributes);
	switch (kind) {
	case PLAIN:
		break;
	case IGNORES_SIGNALS:
		signal(SIGPIPE, SIG_IGN), signal(SIGCHLD, SIG_IGN), signal(SIGURG, SIG_IGN);
		break;
	case BLOCKS_SIGNALS:
		pthread_sigmask(SIG_BLOCK, &all, NULL);
		break;
	case NO_STANDARD_FILES:
		close(0), close(1), close(2);
		break;
	case WRITES_BLINDLY:
		blind = true;
		close(1), close(2);
		break;
	case FEW_FILES:
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){16, 16});
		break;
	case SMALL_STACK:
		pthread_attr_setstacksize(&attributes, 64 << 10);
		break;
	case CATCHES_FAULTS:
		signal(SIGSEGV, on_fault);
		break;
	}
	pthread_create(&thread, &attributes, use, NULL);
	pthread_join(thread, NULL);
	if (kind == CATCHES_FAULTS && sigsetjmp(caught, 1) == 0) { /* still the program's own */
		*(volatile int *)NULL = 1;
		failures++;
	}
}

/* --- figures --- */

static double resident(void) { return count("VmRSS:") / 1000.0; }

static void signals(char *mask, size_t size)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "SigCgt:", 7) == 0)
			snprintf(mask, size, "%s", line + 8);
	if (f != NULL)
		fclose(f);
}

static void figures(const char *path)
{
	char before[64] = "", after[64] = "";
	CK_SESSION_INFO info;
	CK_OBJECT_HANDLE objects[20];
	CK_ULONG n = 0;
	double rss = resident(), begun = now();
	int threads = count("Threads:");
	signals(before, sizeof(before));
	load(path);
	double loaded = now();
	must("Initialize", p->C_Initialize(NULL));
	double initialized = now();
	CK_SESSION_HANDLE s = open_session();
	double opened = now();
	printf("load_ms %.2f\ninitialize_ms %.2f\nfirst_look_ms %.2f\n", (loaded - begun) * 1e3, (initialized - loaded) * 1e3, (opened - initialized) * 1e3);
	signals(after, sizeof(after));
	printf("rss_mb %.2f\nthreads %d\nhandlers %d\n", resident() - rss, count("Threads:") - threads, strcmp(before, after) != 0);
	begun = now();
	for (int i = 0; i < 10000; i++)
		must("GetSessionInfo", p->C_GetSessionInfo(s, &info));
	printf("session_info_us %.1f\n", (now() - begun) * 1e2);
	begun = now();
	for (int i = 0; i < 1000; i++) {
		CK_BYTE value[3000];
		CK_ATTRIBUTE a = {CKA_VALUE, value, sizeof(value)};
		must("FindObjectsInit", p->C_FindObjectsInit(s, NULL, 0));
		must("FindObjects", p->C_FindObjects(s, objects, 20, &n));
		must("FindObjectsFinal", p->C_FindObjectsFinal(s));
		must("GetAttributeValue", p->C_GetAttributeValue(s, objects[0], &a, 1));
	}
	printf("search_us %.1f\nobjects %lu\n", (now() - begun) * 1e3, n);
	begun = now();
	must("Finalize", p->C_Finalize(NULL));
	printf("finalize_ms %.2f\n", (now() - begun) * 1e3);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const char *path = argv[1], *command = argv[2];
	int a = argc > 3 ? atoi(argv[3]) : 0, b = argc > 4 ? atoi(argv[4]) : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(command, "figures") == 0) {
		figures(path);
		return failures != 0;
	}
	load(path);
	if (strcmp(command, "table") == 0)
		table();
	else if (strcmp(command, "edges") == 0)
		edges();
	else if (strcmp(command, "forks") == 0)
		forks(a);
	else if (strcmp(command, "storm") == 0)
		storm(a, b);
	else if (strcmp(command, "finalize") == 0)
		finalize(a);
	else if (strcmp(command, "logins") == 0)
		logins(a);
	else if (strcmp(command, "hold") == 0)
		hold();
	else if (strcmp(command, "unload") == 0)
		unload(path, a);
	else if (strcmp(command, "odd") == 0)
		odd((enum odd)a);
	else if (strcmp(command, "in-flight") == 0)
		in_flight();
	else
		return 2;
	return failures != 0;
}
