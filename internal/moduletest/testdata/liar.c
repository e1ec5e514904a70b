/* A helper that lies: its answers have any value and any results. The seed is in
   the environment variable LIAR. Now and then it is silent for good, or dies. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../cmd/cie-pkcs11/protocol.h"

static uint32_t state;

static uint32_t chance(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

static void put(unsigned char *at, uint64_t n, int size)
{
	while (size > 0) {
		at[--size] = (unsigned char)n;
		n >>= 8;
	}
}

static int read_all(unsigned char *at, size_t n)
{
	while (n > 0) {
		ssize_t got = read(0, at, n);
		if (got <= 0)
			return 0;
		at += got;
		n -= (size_t)got;
	}
	return 1;
}

int main(void)
{
	static const uint32_t values[] = {0, 0, 0, 0, 0, 0x150, 0x11, 0x12, 0x30, 0xFFFFFFFF};
	static const uint64_t numbers[] = {0, 1, 2, 6, 8, 64, 255, 256, 257, 5000, 1u << 31, UINT64_MAX, UINT64_MAX - 1};
	static unsigned char body[1 << 20], out[20000];
	unsigned char head[12];
	const char *seed = getenv("LIAR");
	state = (seed == NULL ? 1 : (uint32_t)atoi(seed)) ^ (uint32_t)getpid() << 16;
	int silent = seed != NULL && strcmp(seed, "silent") == 0;
	while (read_all(head, 12)) {
		uint32_t length = (uint32_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
		if (length < 8 || length - 8 > sizeof(body) || !read_all(body, length - 8))
			return 1;
		if (silent) {
			put(out, 8, 4);
			memcpy(out + 4, head + 4, 4);
			if (head[11] == FN_LOGIN)
				pause();
			else if (write(0, out, 12) < 0)
				return 0;
			continue;
		}
		size_t used = 12;
		for (uint32_t n = chance(40); n > 0; n--) {
			uint64_t number = numbers[chance(sizeof(numbers) / sizeof(numbers[0]))];
			put(out + used, number, 8);
			used += 8;
			if (number < 300 && chance(2)) { /* a byte string that is there */
				memset(out + used, 'x', number);
				used += number;
			}
		}
		put(out, chance(1000) == 0 ? chance(1u << 21) : used - 4, 4);
		memcpy(out + 4, head + 4, 4);
		if (chance(1000) == 0)
			put(out + 4, chance(100), 4); /* an answer to somebody else, or to nobody */
		put(out + 8, values[chance(sizeof(values) / sizeof(values[0]))], 4);
		if (chance(100) == 0)
			return 0;
		if (write(1, out, 0) < 0 || write(0, out, used) < 0)
			return 0;
	}
	return 0;
}
