/* What the library needs of the operating system. */

#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0601
#endif
#include <windows.h>
typedef SRWLOCK system_lock;
typedef CONDITION_VARIABLE system_condition;
typedef struct {
	HANDLE in, out;
} system_channel;
typedef HANDLE system_process;
#else
#include <pthread.h>
#include <sys/types.h>
typedef pthread_mutex_t system_lock;
typedef pthread_cond_t system_condition;
typedef int system_channel;
typedef pid_t system_process;
#endif

#define FOREVER INT64_MAX

/* Milliseconds of a clock that nobody sets. Deadlines are times of it. */
int64_t system_now(void);

void lock_make(system_lock *l);
void lock_take(system_lock *l);
void lock_give(system_lock *l);

void condition_make(system_condition *c);
void condition_wait(system_condition *c, system_lock *l, int64_t deadline);
void condition_wake(system_condition *c); /* everybody */

/* The helper, and this end of what connects it. Nobody else has the other end. */
struct helper {
	system_channel channel;
	system_process process;
};

bool helper_start(struct helper *h);
bool helper_send(struct helper *h, const void *data, size_t length, int64_t deadline);
long helper_receive(struct helper *h, void *data, size_t length, int64_t deadline); /* 0: not in time; -1: the end */
void helper_shut(struct helper *h);  /* the other end sees the end; so does helper_receive */
void helper_close(struct helper *h); /* when nobody uses it any more */
void helper_leave(struct helper *h); /* in a forked child: it is the parent's */
void helper_reap(system_process p, int64_t deadline); /* waits for its end; past the deadline it is killed */

/* system_forked says whether this process is another than the one that last called
   system_settle: a child that fork has made of it. */
bool system_forked(void);
void system_settle(void);

/* To be defined by the library: what to do in a child just made, and at the end of
   the library. */
void library_forked(void);
void library_unload(void);

#endif
