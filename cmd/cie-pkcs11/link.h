/* Calls to the helper: from several threads at once, each with its own answer. */

#ifndef LINK_H
#define LINK_H

#include "cryptoki.h"
#include "message.h"

/* How long an answer may take, in milliseconds. The helper has limits of its own;
   these are for one that has stopped working. */
#ifndef QUICK
#define QUICK 10000 /* a call that is answered from memory */
#define CARD 90000  /* a call that a card works for */
#endif
#define ENDLESS INT64_MAX

CK_RV link_initialize(void); /* CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_GENERAL_ERROR without a helper */
CK_RV link_finalize(void);
CK_RV link_check(void); /* CKR_OK in a process that has initialised the library */

/* An answer's results, and the memory they are in. */
struct reply {
	struct results results;
	unsigned char *memory;
};

/* link_call sends a request, frees it, and waits for the answer: the CK_RV in it,
   or one that says that there is none. The reply is to be freed in every case. */
CK_RV link_call(struct request *r, struct reply *reply, int64_t patience);
void reply_free(struct reply *reply);

#endif
