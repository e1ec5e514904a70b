/* Frames between library and helper, in memory only: what the helper sends is
   taken apart here, and trusted nowhere. */

#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER 8              /* of a frame, after its length */
#define MAX_FRAME (1UL << 20) /* of what follows the length, in bytes */
#define PIECE (1UL << 16)     /* most data in one frame to the helper, in bytes */
#define ABSENT UINT64_MAX     /* in place of a length: a NULL pointer */

/* A request on its way to the helper. Its last argument may stay where the caller
   has it: a PIN is not copied. */
struct request {
	unsigned char *data; /* own[] or from malloc */
	size_t used, size;
	bool failed; /* no memory */
	const void *last;
	size_t last_length;
	unsigned char own[512];
};

void request_begin(struct request *r, uint32_t function);
void request_number(struct request *r, uint64_t n);
void request_bytes(struct request *r, const void *data, size_t length); /* data NULL: absent */
void request_last(struct request *r, const void *data, size_t length);  /* not copied */
void request_seal(struct request *r, uint32_t id);                      /* fills in length and identifier */
void request_free(struct request *r);

/* The results in an answer. After the first that is not there all others are
   zero, and failed is set. */
struct results {
	const unsigned char *at;
	size_t left;
	bool failed;
};

uint64_t results_number(struct results *r);
const unsigned char *results_bytes(struct results *r, size_t *length); /* NULL: absent or failed */

/* Bytes that have come from the helper and are not used yet. */
struct inbox {
	unsigned char *data;
	size_t have, size;
};

/* An answer inside an inbox. */
struct answer {
	uint32_t id;
	uint32_t value; /* CK_RV */
	const unsigned char *body;
	size_t length;
};

/* inbox_room makes room for more bytes, and says how many fit; 0 without memory. */
size_t inbox_room(struct inbox *in);

/* inbox_next finds the next whole answer: 1, or 0 if it is not whole yet, or -1 if
   the helper sends what it never would. The answer is valid until inbox_drop. */
int inbox_next(const struct inbox *in, struct answer *a);
void inbox_drop(struct inbox *in, const struct answer *a);
void inbox_free(struct inbox *in);

#endif
