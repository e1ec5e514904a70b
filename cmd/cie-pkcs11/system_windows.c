#include "system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define HELPER_NAME L"cie-pkcs11-helper.exe"
#define PIPE_SIZE 65536

static HINSTANCE library_handle;

int64_t system_now(void) { return (int64_t)GetTickCount64(); }

/* remaining is the time to a deadline as Windows wants it. */
static DWORD remaining(int64_t deadline)
{
	if (deadline == FOREVER)
		return INFINITE;
	int64_t left = deadline - system_now();
	return left < 0 ? 0 : left >= INFINITE ? INFINITE - 1 : (DWORD)left;
}

void lock_make(system_lock *l) { InitializeSRWLock(l); }
void lock_take(system_lock *l) { AcquireSRWLockExclusive(l); }
void lock_give(system_lock *l) { ReleaseSRWLockExclusive(l); }

void condition_make(system_condition *c) { InitializeConditionVariable(c); }

void condition_wait(system_condition *c, system_lock *l, int64_t deadline)
{
	SleepConditionVariableSRW(c, l, remaining(deadline), 0);
}

void condition_wake(system_condition *c) { WakeAllConditionVariable(c); }

/* find_helper names the helper, which is in the library's own folder. Who may write
   there is for the installation to see to. */
static bool find_helper(wchar_t *path, DWORD size)
{
	DWORD length = GetModuleFileNameW(library_handle, path, size);
	wchar_t *name = length == 0 || length >= size ? NULL : wcsrchr(path, L'\\');
	if (name == NULL || (size_t)(name + 1 - path) + sizeof(HELPER_NAME) / sizeof(wchar_t) > size)
		return false;
	wcscpy(name + 1, HELPER_NAME);
	return GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

/* pipe_pair makes a pipe: our end for waiting with a deadline, the helper's end to
   be inherited. Nobody else can have an end of it. */
static bool pipe_pair(DWORD ours_for, DWORD theirs_for, HANDLE *ours, HANDLE *theirs)
{
	static volatile LONG count;
	SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
	wchar_t name[100];
	LARGE_INTEGER time;
	QueryPerformanceCounter(&time);
	swprintf(name, 100, L"\\\\.\\pipe\\cie-pkcs11-%lu-%ld-%llx", GetCurrentProcessId(), InterlockedIncrement(&count), (unsigned long long)time.QuadPart);
	*ours = CreateNamedPipeW(name, ours_for | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
		PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, PIPE_SIZE, PIPE_SIZE, 0, NULL);
	if (*ours == INVALID_HANDLE_VALUE)
		return false;
	*theirs = CreateFileW(name, theirs_for, 0, &inherited, OPEN_EXISTING, 0, NULL);
	if (*theirs != INVALID_HANDLE_VALUE)
		return true;
	CloseHandle(*ours);
	return false;
}

/* spawn starts the helper with two handles and no others of this process, and
   without a window. */
static bool spawn(wchar_t *path, HANDLE in, HANDLE out, HANDLE *process)
{
	HANDLE both[] = {in, out};
	STARTUPINFOEXW start = {.StartupInfo = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES, .hStdInput = in, .hStdOutput = out}};
	PROCESS_INFORMATION started;
	SIZE_T size = 0;
	InitializeProcThreadAttributeList(NULL, 1, 0, &size);
	start.lpAttributeList = malloc(size);
	if (start.lpAttributeList == NULL || !InitializeProcThreadAttributeList(start.lpAttributeList, 1, 0, &size)) {
		free(start.lpAttributeList);
		return false;
	}
	bool done = UpdateProcThreadAttribute(start.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, both, sizeof(both), NULL, NULL) &&
		CreateProcessW(path, NULL, NULL, NULL, TRUE, CREATE_NO_WINDOW | EXTENDED_STARTUPINFO_PRESENT, NULL, NULL, &start.StartupInfo, &started);
	DeleteProcThreadAttributeList(start.lpAttributeList);
	free(start.lpAttributeList);
	if (!done)
		return false;
	CloseHandle(started.hThread);
	*process = started.hProcess;
	return true;
}

bool helper_start(struct helper *h)
{
	wchar_t path[MAX_PATH];
	HANDLE in, out;
	if (!find_helper(path, MAX_PATH) || !pipe_pair(PIPE_ACCESS_OUTBOUND, GENERIC_READ, &h->channel.out, &in))
		return false;
	if (!pipe_pair(PIPE_ACCESS_INBOUND, GENERIC_WRITE, &h->channel.in, &out)) {
		CloseHandle(h->channel.out);
		CloseHandle(in);
		return false;
	}
	bool started = spawn(path, in, out, &h->process);
	CloseHandle(in);
	CloseHandle(out);
	if (!started)
		helper_close(h);
	return started;
}

/* transfer reads or writes some bytes: how many, 0 if not in time, -1 at the end. */
static long transfer(HANDLE pipe, bool write, void *data, size_t length, int64_t deadline)
{
	OVERLAPPED o = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
	DWORD n = 0, size = length > PIPE_SIZE ? PIPE_SIZE : (DWORD)length;
	if (o.hEvent == NULL)
		return -1;
	BOOL done = write ? WriteFile(pipe, data, size, NULL, &o) : ReadFile(pipe, data, size, NULL, &o);
	bool late = false;
	if (!done && GetLastError() != ERROR_IO_PENDING) {
		CloseHandle(o.hEvent);
		return -1;
	}
	if (!done && WaitForSingleObject(o.hEvent, remaining(deadline)) != WAIT_OBJECT_0) {
		late = true;
		CancelIoEx(pipe, &o);
	}
	done = GetOverlappedResult(pipe, &o, &n, TRUE); /* what was cancelled may have been done all the same */
	CloseHandle(o.hEvent);
	if (done && n > 0)
		return (long)n;
	return late ? 0 : -1;
}

bool helper_send(struct helper *h, const void *data, size_t length, int64_t deadline)
{
	const unsigned char *at = data;
	while (length > 0) {
		long n = transfer(h->channel.out, true, (void *)at, length, deadline);
		if (n <= 0)
			return false;
		at += n;
		length -= (size_t)n;
	}
	return true;
}

long helper_receive(struct helper *h, void *data, size_t length, int64_t deadline)
{
	return transfer(h->channel.in, false, data, length, deadline);
}

void helper_shut(struct helper *h)
{
	DisconnectNamedPipe(h->channel.out);
	DisconnectNamedPipe(h->channel.in);
}

void helper_close(struct helper *h)
{
	CloseHandle(h->channel.out);
	CloseHandle(h->channel.in);
}

void helper_leave(struct helper *h) { (void)h; }

void helper_reap(system_process process, int64_t deadline)
{
	if (WaitForSingleObject(process, remaining(deadline)) != WAIT_OBJECT_0)
		TerminateProcess(process, 1);
	CloseHandle(process);
}

/* Windows has no fork. */
bool system_forked(void) { return false; }
void system_settle(void) {}

/* At the end of the process its threads are gone already, and perhaps in the midst
   of something: nothing is done then. The helper sees that its pipe ends. */
BOOL WINAPI DllMain(HINSTANCE handle, DWORD reason, LPVOID process_ends)
{
	if (reason == DLL_PROCESS_ATTACH) {
		library_handle = handle;
		DisableThreadLibraryCalls(handle);
		library_forked();
	} else if (reason == DLL_PROCESS_DETACH && process_ends == NULL) {
		library_unload();
	}
	return TRUE;
}
