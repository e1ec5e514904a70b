/* Gives the library's reader of frames what the test writes: cases on standard
   input, each a length in 4 bytes and so many bytes. For each it says which answers
   it found, and whether it gave up. */

#include "../../../cmd/cie-pkcs11/message.c"

#include <stdio.h>

/* take takes results apart as functions of the library do, in an order that the
   answer itself chooses. */
static uint64_t take(const struct answer *a)
{
	struct results r = {a->body, a->length, false};
	uint64_t sum = 0;
	for (uint32_t order = a->id; !r.failed; order = order >> 1 | order << 31) {
		size_t length;
		if (order & 1) {
			sum += results_number(&r);
			continue;
		}
		const unsigned char *b = results_bytes(&r, &length);
		for (size_t i = 0; b != NULL && i < length; i++)
			sum += b[i];
	}
	return sum;
}

int main(void)
{
	unsigned char head[4];
	volatile uint64_t sum = 0;
	while (fread(head, 1, 4, stdin) == 4) {
		size_t length = (size_t)read_number(head, 4), at = 0;
		unsigned char *bytes = malloc(length + 1);
		struct inbox in = {0};
		struct answer a;
		int whole = 0;
		if (fread(bytes, 1, length, stdin) != length)
			return 1;
		while (at < length && whole >= 0) { /* as a socket gives it: some at a time */
			size_t room = inbox_room(&in), some = 1 + at % 700;
			if (room == 0)
				return 1;
			if (some > length - at)
				some = length - at;
			if (some > room)
				some = room;
			memcpy(in.data + in.have, bytes + at, some);
			in.have += some;
			at += some;
			while ((whole = inbox_next(&in, &a)) > 0) {
				printf("%u:%u:%zu ", a.id, a.value, a.length);
				sum += take(&a);
				inbox_drop(&in, &a);
			}
		}
		printf("%s\n", whole < 0 ? "malformed" : "more");
		inbox_free(&in);
		free(bytes);
	}
	return 0;
}
