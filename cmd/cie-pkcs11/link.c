#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "system.h"

#define FINALIZE 2000 /* the end of the helper, in milliseconds */
#define AGAIN 1000    /* before a helper is started after one that never answered */

/* A thread that waits for an answer. It is on that thread's stack. */
struct waiter {
	struct waiter *next;
	uint32_t id;
	bool done;
	uint32_t value;
	unsigned char *body; /* from malloc */
	size_t length;
};

/* A helper, from its start until the last thread has let go of it. One of the
   waiting threads reads for all of them. */
struct link {
	struct helper helper;
	unsigned users;
	uint32_t next_id;
	struct waiter *waiters;
	bool reading; /* a thread is */
	bool broken;  /* no answer will come any more */
	bool ended;   /* by link_finalize */
	bool met;     /* it has answered */
	int64_t started;
	struct inbox inbox;
	system_lock sending; /* one frame at a time; never taken under the library's lock */
};

/* The library. All of it, and all links, are guarded by the lock, which is never
   held while anybody waits. */
static struct {
	system_lock lock;
	system_condition changed;
	bool initialized;
	struct link *link;    /* NULL: none, or it broke */
	uint64_t generation;  /* helpers started by this process, so that no handle comes twice */
	int64_t not_before;   /* the next start */
} library;

/* Handles of one generation: the upper bits of a CK_ULONG tell which. Where it is short
   they come again after 256 helpers. */
#define HANDLE_BITS (sizeof(CK_ULONG) == 8 ? 32 : 24)
#define GENERATIONS (sizeof(CK_ULONG) == 8 ? UINT32_MAX : UINT8_MAX)

void library_forked(void)
{
	if (library.link != NULL)
		helper_leave(&library.link->helper);
	library.link = NULL; /* its threads are in the parent: so is what they know of it */
	library.initialized = false;
	library.not_before = 0;
	lock_make(&library.lock);
	condition_make(&library.changed);
	system_settle();
}

/* enter takes the lock, in a state that is this process's own. */
static void enter(void)
{
	if (system_forked())
		library_forked();
	lock_take(&library.lock);
}

static void leave(void) { lock_give(&library.lock); }

/* let_go frees a link with its last user. */
static void let_go(struct link *l)
{
	if (--l->users > 0)
		return;
	helper_close(&l->helper);
	inbox_free(&l->inbox);
	free(l);
}

/* give_up ends a link that does not work any more. */
static void give_up(struct link *l)
{
	if (l->broken)
		return;
	l->broken = true;
	helper_shut(&l->helper);
	condition_wake(&library.changed);
	if (library.link == l) {
		library.link = NULL;
		library.not_before = l->met ? 0 : l->started + AGAIN;
		helper_reap(l->helper.process, 0);
		let_go(l);
	}
}

/* begin starts a helper and tells it which handles to give. Nobody waits for the
   answer here. */
static bool begin(void)
{
	struct request r;
	if (system_now() < library.not_before)
		return false;
	struct link *l = calloc(1, sizeof(*l));
	if (l == NULL)
		return false;
	l->started = system_now();
	if (!helper_start(&l->helper)) {
		free(l);
		library.not_before = system_now() + AGAIN;
		return false;
	}
	l->users = 1; /* the library */
	lock_make(&l->sending);
	library.link = l;
	library.generation++;
	request_begin(&r, FN_INITIALIZE);
	request_number(&r, PROTOCOL_VERSION);
	request_number(&r, ((library.generation & GENERATIONS) << HANDLE_BITS) + 1);
	request_number(&r, sizeof(CK_ULONG));
	request_seal(&r, l->next_id++);
	if (!helper_send(&l->helper, r.data, r.used, system_now()))
		give_up(l);
	return library.link != NULL;
}

/* deliver hands the answers in the inbox to those who wait for them. */
static void deliver(struct link *l)
{
	struct answer a;
	int whole;
	while ((whole = inbox_next(&l->inbox, &a)) > 0) {
		l->met = true;
		struct waiter *w = l->waiters;
		while (w != NULL && w->id != a.id)
			w = w->next;
		if (w != NULL && !w->done) { /* else it was tired of waiting */
			w->done = true;
			w->value = a.value;
			w->body = malloc(a.length + 1);
			w->length = w->body == NULL ? 0 : a.length;
			if (w->body != NULL)
				memcpy(w->body, a.body, a.length);
		}
		inbox_drop(&l->inbox, &a);
	}
	if (whole < 0)
		give_up(l);
	condition_wake(&library.changed);
}

/* read reads for everybody, until something has come. The lock is given while it
   waits. */
static void read_some(struct link *l, int64_t deadline)
{
	l->reading = true;
	size_t room = inbox_room(&l->inbox);
	unsigned char *at = l->inbox.data + l->inbox.have;
	leave();
	long n = room == 0 ? -1 : helper_receive(&l->helper, at, room, deadline);
	lock_take(&library.lock);
	l->reading = false;
	if (n > 0) {
		l->inbox.have += (size_t)n;
		deliver(l);
	} else if (n < 0) {
		give_up(l);
	}
	condition_wake(&library.changed); /* another may have to read on */
}

static void forget(struct link *l, const struct waiter *w)
{
	struct waiter **at = &l->waiters;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

/* The outcomes of an attempt besides an answer. */
enum outcome { ANSWERED, TIMED_OUT, BROKEN, ENDED };

/* attempt sends a request by a link and waits for the answer. */
static enum outcome attempt(struct link *l, struct request *r, struct waiter *w, int64_t deadline)
{
	int64_t sending = system_now() + QUICK;
	w->id = l->next_id++;
	w->done = false;
	w->body = NULL;
	w->next = l->waiters;
	l->waiters = w;
	l->users++;
	request_seal(r, w->id);
	leave();
	lock_take(&l->sending);
	bool sent = helper_send(&l->helper, r->data, r->used, sending) &&
		(r->last_length == 0 || helper_send(&l->helper, r->last, r->last_length, sending));
	lock_give(&l->sending);
	lock_take(&library.lock);
	if (!sent)
		give_up(l); /* half a frame may be out */
	while (!w->done && !l->broken && !l->ended && system_now() < deadline) {
		if (l->reading)
			condition_wait(&library.changed, &library.lock, deadline);
		else
			read_some(l, deadline);
	}
	forget(l, w);
	enum outcome o = l->ended ? ENDED : w->done ? ANSWERED : l->broken ? BROKEN : TIMED_OUT;
	if (o != ANSWERED) {
		free(w->body);
		w->body = NULL;
	}
	let_go(l);
	return o;
}

static CK_RV call(struct request *r, struct reply *reply, int64_t patience)
{
	struct waiter w;
	int64_t deadline = patience == ENDLESS ? FOREVER : system_now() + patience;
	bool card = patience == CARD;
	if (r->failed)
		return CKR_HOST_MEMORY;
	/* A helper that has died is replaced, and asked the same once; but not what a
	   card may have done already. Who waits for ever is given any number of helpers,
	   if they live for a while. */
	for (int n = 0; n < 2; n++) {
		if (!library.initialized)
			return CKR_CRYPTOKI_NOT_INITIALIZED;
		if (library.link == NULL && !begin())
			return CKR_GENERAL_ERROR;
		struct link *l = library.link;
		int64_t started = l->started;
		switch (attempt(l, r, &w, deadline)) {
		case ANSWERED:
			reply->memory = w.body;
			reply->results.at = w.body;
			reply->results.left = w.length;
			return w.value;
		case TIMED_OUT:
			if (library.link == l)
				give_up(l); /* it has stopped working, and does nothing later that was told to have failed */
			return CKR_DEVICE_ERROR;
		case ENDED:
			return CKR_CRYPTOKI_NOT_INITIALIZED;
		case BROKEN:
			if (card)
				return CKR_DEVICE_REMOVED;
			if (patience == ENDLESS && system_now() - started > AGAIN)
				n--;
		}
	}
	return CKR_GENERAL_ERROR;
}

CK_RV link_call(struct request *r, struct reply *reply, int64_t patience)
{
	*reply = (struct reply){{NULL, 0, false}, NULL};
	enter();
	CK_RV rv = call(r, reply, patience);
	leave();
	request_free(r);
	return rv;
}

void reply_free(struct reply *reply) { free(reply->memory); }

CK_RV link_check(void)
{
	enter();
	bool initialized = library.initialized;
	leave();
	return initialized ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
}

/* detach takes the helper away from the library: every thread that waits for it
   sees the end. */
static bool detach(system_process *process)
{
	struct link *l = library.link;
	library.initialized = false;
	if (l == NULL)
		return false;
	library.link = NULL;
	l->ended = true;
	*process = l->helper.process;
	helper_shut(&l->helper);
	condition_wake(&library.changed);
	let_go(l);
	return true;
}

CK_RV link_initialize(void)
{
	CK_RV rv = CKR_OK;
	enter();
	library.not_before = 0;
	if (library.initialized)
		rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
	else if (!begin())
		rv = CKR_GENERAL_ERROR;
	else
		library.initialized = true; /* the first call waits until the helper is ready */
	leave();
	return rv;
}

CK_RV link_finalize(void)
{
	system_process process;
	enter();
	if (!library.initialized) {
		leave();
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	}
	bool running = detach(&process);
	leave();
	if (running)
		helper_reap(process, system_now() + FINALIZE);
	return CKR_OK;
}

/* At the end of the library nobody may be in it any more, or the process ends: no
   lock is waited for. */
void library_unload(void)
{
	struct link *l = library.link;
	if (l == NULL)
		return;
	library.link = NULL;
	library.initialized = false;
	helper_shut(&l->helper);
	if (l->users > 1)
		return; /* the process ends in the midst of a call */
	system_process process = l->helper.process;
	let_go(l);
	helper_reap(process, system_now() + FINALIZE);
}
