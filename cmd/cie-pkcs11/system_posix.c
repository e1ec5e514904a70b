#define _GNU_SOURCE
#include "system.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef HELPER_PATH
#define HELPER_PATH "/usr/libexec/cie/cie-pkcs11-helper"
#endif
#define HELPER_NAME "cie-pkcs11-helper"

#ifdef __APPLE__
#include <crt_externs.h>
#define environ (*_NSGetEnviron()) /* a library has no other */
#define MSG_NOSIGNAL 0             /* but SO_NOSIGPIPE */
#else
extern char **environ;
#endif

static pid_t owner;           /* the process that uses the library */
static char beside[PATH_MAX]; /* the helper in the library's own folder, "" if unknown */

int64_t system_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* remaining is the time to a deadline as poll wants it. */
static int remaining(int64_t deadline)
{
	if (deadline == FOREVER)
		return -1;
	int64_t left = deadline - system_now();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void lock_make(system_lock *l) { pthread_mutex_init(l, NULL); }
void lock_take(system_lock *l) { pthread_mutex_lock(l); }
void lock_give(system_lock *l) { pthread_mutex_unlock(l); }

void condition_make(system_condition *c)
{
#ifdef __APPLE__
	pthread_cond_init(c, NULL);
#else
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attributes);
	pthread_condattr_destroy(&attributes);
#endif
}

void condition_wait(system_condition *c, system_lock *l, int64_t deadline)
{
	if (deadline == FOREVER) {
		pthread_cond_wait(c, l);
		return;
	}
#ifdef __APPLE__
	int64_t left = remaining(deadline);
	struct timespec t = {(time_t)(left / 1000), (long)(left % 1000) * 1000000};
	pthread_cond_timedwait_relative_np(c, l, &t);
#else
	struct timespec t = {(time_t)(deadline / 1000), (long)(deadline % 1000) * 1000000};
	pthread_cond_timedwait(c, l, &t);
#endif
}

void condition_wake(system_condition *c) { pthread_cond_broadcast(c); }

/* ours says whether only root or this user can have made what lies at path, or
   change it. */
static bool ours(const char *path, mode_t kind)
{
	struct stat s;
	return stat(path, &s) == 0 && (s.st_mode & S_IFMT) == kind && (s.st_uid == 0 || s.st_uid == geteuid()) &&
		(s.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* usable says whether a program may be started: it and its folder are safe. */
static bool usable(const char *path)
{
	char folder[PATH_MAX];
	size_t length = strlen(path);
	if (length == 0 || length >= sizeof(folder))
		return false;
	memcpy(folder, path, length + 1);
	*strrchr(folder, '/') = 0;
	return ours(folder, S_IFDIR) && ours(path, S_IFREG) && access(path, X_OK) == 0;
}

/* find_helper names the helper, NULL if there is none that may be started. */
static const char *find_helper(void)
{
	if (usable(beside))
		return beside;
	return usable(HELPER_PATH) ? HELPER_PATH : NULL;
}

/* spawn starts a program with a socket as its standard input, and with nothing
   else of this process: no other file, no blocked signal, no terminal. */
static bool spawn(const char *path, int socket, pid_t *process)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	char *arguments[] = {(char *)HELPER_NAME, NULL};
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;

#ifdef POSIX_SPAWN_SETSID
	flags |= POSIX_SPAWN_SETSID;
#endif
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
	flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&files) != 0)
		return false;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return false;
	}
	posix_spawn_file_actions_adddup2(&files, socket, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", 1 /* O_WRONLY */, 0);
	posix_spawn_file_actions_adddup2(&files, 1, 2);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
#endif
	posix_spawnattr_setflags(&attributes, flags);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	int failed = posix_spawn(process, path, &files, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return failed == 0;
}

/* pair makes two ends that no other program gets. */
static bool pair(int ends[2])
{
#ifdef __APPLE__
	const int on = 1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return false;
	for (int i = 0; i < 2; i++) {
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
		setsockopt(ends[i], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
	}
	return true;
#else
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
#endif
}

/* aside moves a channel away from the numbers of the standard files: a program
   that has closed its own would write its messages to the helper. -1 if that
   cannot be done. */
static int aside(int channel)
{
	if (channel > 2)
		return channel;
	int other = fcntl(channel, F_DUPFD_CLOEXEC, 3);
	close(channel);
	return other;
}

bool helper_start(struct helper *h)
{
	const char *path = find_helper();
	int ends[2];
	if (path == NULL || !pair(ends))
		return false;
	bool started = spawn(path, ends[1], &h->process);
	close(ends[1]);
	if (!started) {
		close(ends[0]);
		return false;
	}
	h->channel = aside(ends[0]);
	if (h->channel >= 0)
		return true;
	helper_reap(h->process, 0);
	return false;
}

/* ready waits until a channel can be used. */
static bool ready(int channel, short events, int64_t deadline)
{
	struct pollfd p = {channel, events, 0};
	int n;
	do
		n = poll(&p, 1, remaining(deadline));
	while (n < 0 && errno == EINTR);
	return n > 0;
}

bool helper_send(struct helper *h, const void *data, size_t length, int64_t deadline)
{
	const unsigned char *at = data;
	while (length > 0) {
		ssize_t n = send(h->channel, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			at += n;
			length -= (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!ready(h->channel, POLLOUT, deadline))
				return false;
		} else if (n == 0 || errno != EINTR) {
			return false;
		}
	}
	return true;
}

long helper_receive(struct helper *h, void *data, size_t length, int64_t deadline)
{
	for (;;) {
		if (!ready(h->channel, POLLIN, deadline))
			return 0;
		ssize_t n = recv(h->channel, data, length, MSG_DONTWAIT);
		if (n > 0)
			return (long)n;
		if (n == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
			return -1;
	}
}

void helper_shut(struct helper *h) { shutdown(h->channel, SHUT_RDWR); }
void helper_close(struct helper *h) { close(h->channel); }
void helper_leave(struct helper *h) { close(h->channel); }

void helper_reap(pid_t process, int64_t deadline)
{
	const struct timespec pause = {0, 1000000};
	for (;;) {
		pid_t ended = waitpid(process, NULL, WNOHANG);
		if (ended != 0 && (ended > 0 || errno != EINTR))
			return; /* also where the program has its children reaped for it */
		if (ended == 0 && system_now() >= deadline)
			break;
		nanosleep(&pause, NULL);
	}
	kill(process, SIGKILL);
	while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
		;
}

bool system_forked(void) { return getpid() != owner; }
void system_settle(void) { owner = getpid(); }

/* load runs when the library is: later the working folder may be another. */
__attribute__((constructor)) static void load(void)
{
	Dl_info info;
	char path[PATH_MAX];
	system_settle();
	if (dladdr((const void *)&beside, &info) != 0 && info.dli_fname != NULL && realpath(info.dli_fname, path) != NULL) {
		char *name = strrchr(path, '/') + 1;
		if ((size_t)(name - path) + sizeof(HELPER_NAME) <= sizeof(beside)) {
			memcpy(name, HELPER_NAME, sizeof(HELPER_NAME));
			memcpy(beside, path, strlen(path) + 1);
		}
	}
	library_forked();
	pthread_atfork(NULL, NULL, library_forked);
}

__attribute__((destructor)) static void unload(void)
{
	if (!system_forked())
		library_unload();
}
