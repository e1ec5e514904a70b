#include "message.h"

#include <stdlib.h>
#include <string.h>

static void write_number(unsigned char *at, uint64_t n, size_t size)
{
	while (size > 0) {
		at[--size] = (unsigned char)n;
		n >>= 8;
	}
}

static uint64_t read_number(const unsigned char *at, size_t size)
{
	uint64_t n = 0;
	for (size_t i = 0; i < size; i++)
		n = n << 8 | at[i];
	return n;
}

/* request_room gives the place for so many bytes more, NULL without memory. */
static unsigned char *request_room(struct request *r, size_t length)
{
	if (r->failed)
		return NULL;
	if (length > r->size - r->used) {
		size_t size = 2 * (r->used + length);
		unsigned char *data = malloc(size);
		if (data == NULL) {
			r->failed = true;
			return NULL;
		}
		memcpy(data, r->data, r->used);
		request_free(r);
		r->data = data;
		r->size = size;
	}
	unsigned char *at = r->data + r->used;
	r->used += length;
	return at;
}

void request_begin(struct request *r, uint32_t function)
{
	r->data = r->own;
	r->size = sizeof(r->own);
	r->used = 4 + HEADER;
	r->failed = false;
	r->last = NULL;
	r->last_length = 0;
	write_number(r->own + 8, function, 4);
}

void request_number(struct request *r, uint64_t n)
{
	unsigned char *at = request_room(r, 8);
	if (at != NULL)
		write_number(at, n, 8);
}

void request_bytes(struct request *r, const void *data, size_t length)
{
	request_number(r, data == NULL ? ABSENT : length);
	unsigned char *at = data == NULL ? NULL : request_room(r, length);
	if (at != NULL && length > 0)
		memcpy(at, data, length);
}

void request_last(struct request *r, const void *data, size_t length)
{
	request_number(r, data == NULL ? ABSENT : length);
	if (data != NULL) {
		r->last = data;
		r->last_length = length;
	}
}

void request_seal(struct request *r, uint32_t id)
{
	write_number(r->data, r->used - 4 + r->last_length, 4);
	write_number(r->data + 4, id, 4);
}

void request_free(struct request *r)
{
	if (r->data != r->own)
		free(r->data);
}

uint64_t results_number(struct results *r)
{
	if (r->left < 8) {
		r->failed = true;
		r->left = 0;
		return 0;
	}
	uint64_t n = read_number(r->at, 8);
	r->at += 8;
	r->left -= 8;
	return n;
}

const unsigned char *results_bytes(struct results *r, size_t *length)
{
	uint64_t n = results_number(r);
	*length = 0;
	if (r->failed || n == ABSENT)
		return NULL;
	if (n > r->left) {
		r->failed = true;
		r->left = 0;
		return NULL;
	}
	const unsigned char *at = r->at;
	r->at += n;
	r->left -= (size_t)n;
	*length = (size_t)n;
	return at;
}

size_t inbox_room(struct inbox *in)
{
	if (in->size - in->have < 1024) {
		size_t size = in->size == 0 ? 4096 : 2 * in->size;
		unsigned char *data = realloc(in->data, size);
		if (data == NULL)
			return 0;
		in->data = data;
		in->size = size;
	}
	return in->size - in->have;
}

int inbox_next(const struct inbox *in, struct answer *a)
{
	if (in->have < 4)
		return 0;
	size_t length = (size_t)read_number(in->data, 4);
	if (length < HEADER || length > MAX_FRAME)
		return -1;
	if (in->have - 4 < length)
		return 0;
	a->id = (uint32_t)read_number(in->data + 4, 4);
	a->value = (uint32_t)read_number(in->data + 8, 4);
	a->body = in->data + 4 + HEADER;
	a->length = length - HEADER;
	return 1;
}

void inbox_drop(struct inbox *in, const struct answer *a)
{
	size_t used = 4 + HEADER + a->length;
	in->have -= used;
	memmove(in->data, in->data + used, in->have);
}

void inbox_free(struct inbox *in)
{
	free(in->data);
	*in = (struct inbox){0};
}
