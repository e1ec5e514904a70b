//go:build cgo

/* The functions of libpcsclite that the binding (github.com/ebfe/scard) calls. Each
   hands its call on to the library, which is opened at the first: where it is not
   installed the helper starts all the same, and there is no PC/SC service. Nobody but
   this program sees them. */

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)
#include <winscard.h>

static void *library;

static void open_library(void) { library = dlopen("libpcsclite.so.1", RTLD_NOW | RTLD_LOCAL); }

/* find gives a function of the library, NULL where there is none. */
static void *find(const char *name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_library);
	return library == NULL ? NULL : dlsym(library, name);
}

#define HAND_ON(name, parameters, arguments) \
	LONG name parameters \
	{ \
		LONG(*function) parameters = (LONG(*) parameters)find(#name); \
		return function == NULL ? SCARD_E_NO_SERVICE : function arguments; \
	}

HAND_ON(SCardEstablishContext, (DWORD scope, LPCVOID reserved1, LPCVOID reserved2, LPSCARDCONTEXT context), (scope, reserved1, reserved2, context))
HAND_ON(SCardReleaseContext, (SCARDCONTEXT context), (context))
HAND_ON(SCardIsValidContext, (SCARDCONTEXT context), (context))
HAND_ON(SCardCancel, (SCARDCONTEXT context), (context))
HAND_ON(SCardListReaders, (SCARDCONTEXT context, LPCSTR groups, LPSTR readers, LPDWORD length), (context, groups, readers, length))
HAND_ON(SCardListReaderGroups, (SCARDCONTEXT context, LPSTR groups, LPDWORD length), (context, groups, length))
HAND_ON(SCardGetStatusChange, (SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count), (context, timeout, states, count))
HAND_ON(SCardConnect, (SCARDCONTEXT context, LPCSTR reader, DWORD mode, DWORD protocols, LPSCARDHANDLE card, LPDWORD protocol),
	(context, reader, mode, protocols, card, protocol))
HAND_ON(SCardReconnect, (SCARDHANDLE card, DWORD mode, DWORD protocols, DWORD initialization, LPDWORD protocol),
	(card, mode, protocols, initialization, protocol))
HAND_ON(SCardDisconnect, (SCARDHANDLE card, DWORD disposition), (card, disposition))
HAND_ON(SCardBeginTransaction, (SCARDHANDLE card), (card))
HAND_ON(SCardEndTransaction, (SCARDHANDLE card, DWORD disposition), (card, disposition))
HAND_ON(SCardStatus, (SCARDHANDLE card, LPSTR names, LPDWORD length, LPDWORD state, LPDWORD protocol, LPBYTE atr, LPDWORD atr_length),
	(card, names, length, state, protocol, atr, atr_length))
HAND_ON(SCardTransmit, (SCARDHANDLE card, const SCARD_IO_REQUEST *send, LPCBYTE command, DWORD length, SCARD_IO_REQUEST *receive, LPBYTE answer, LPDWORD room),
	(card, send, command, length, receive, answer, room))
HAND_ON(SCardControl, (SCARDHANDLE card, DWORD code, LPCVOID in, DWORD in_length, LPVOID out, DWORD out_length, LPDWORD given),
	(card, code, in, in_length, out, out_length, given))
HAND_ON(SCardGetAttrib, (SCARDHANDLE card, DWORD id, LPBYTE value, LPDWORD length), (card, id, value, length))
HAND_ON(SCardSetAttrib, (SCARDHANDLE card, DWORD id, LPCBYTE value, DWORD length), (card, id, value, length))

const char *pcsc_stringify_error(const LONG error)
{
	const char *(*function)(const LONG) = (const char *(*)(const LONG))find("pcsc_stringify_error");
	return function == NULL ? "libpcsclite is not installed" : function(error);
}

#pragma GCC visibility pop
