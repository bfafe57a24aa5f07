
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A usage log is the same in one piece and in pieces of any size, and a line
 * that was read and written again reads as the same.  The first byte chooses
 * the pieces, the rest is the file.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>

#include "ngx_llm_usage_line.h"


#define fuzz_assert(cond)                                                    \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


typedef struct {
    ngx_uint_t               n;
    uint64_t                 hash;  /* over all records */
    ngx_llm_usage_reader_t   reader;
} fuzz_seen_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_read(fuzz_seen_t *seen, const uint8_t *data, size_t size,
    size_t piece);
static ngx_int_t fuzz_see(void *data, ngx_llm_usage_record_t *rec);
static void fuzz_hash(fuzz_seen_t *seen, ngx_str_t *s);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_seen_t  whole, part;

    if (size < 2) {
        return 0;
    }

    fuzz_read(&whole, data + 1, size - 1, size - 1);
    fuzz_read(&part, data + 1, size - 1, 1 + *data);

    fuzz_assert(whole.n == part.n);
    fuzz_assert(whole.hash == part.hash);
    fuzz_assert(whole.reader.torn == part.reader.torn);
    fuzz_assert(whole.reader.lines == part.reader.lines);
    fuzz_assert(whole.reader.bytes == size - 1);
    fuzz_assert(part.reader.bytes == size - 1);

    return 0;
}


static void
fuzz_read(fuzz_seen_t *seen, const uint8_t *data, size_t size, size_t piece)
{
    size_t   at, n;
    u_char  *copy;

    seen->n = 0;
    seen->hash = 14695981039346656037ULL;

    ngx_llm_usage_reader_init(&seen->reader, fuzz_see, seen);

    for (at = 0; at < size; at += n) {

        /* a block of its own: reading behind it, or later, is seen */

        n = ngx_min(piece, size - at);
        copy = malloc(n);
        fuzz_assert(copy != NULL);
        ngx_memcpy(copy, data + at, n);

        fuzz_assert(ngx_llm_usage_reader_data(&seen->reader, copy, n)
                    == NGX_OK);

        free(copy);
    }

    fuzz_assert(ngx_llm_usage_reader_end(&seen->reader) == NGX_OK);
    fuzz_assert(seen->reader.lines == seen->n);
}


static ngx_int_t
fuzz_see(void *data, ngx_llm_usage_record_t *rec)
{
    fuzz_seen_t *seen = data;

    ngx_str_t                line, again, number;
    ngx_llm_usage_record_t   back;
    u_char                   one[NGX_LLM_LEDGER_LINE];
    u_char                   two[NGX_LLM_LEDGER_LINE];

    seen->n++;

    fuzz_hash(seen, &rec->key);
    fuzz_hash(seen, &rec->user);
    fuzz_hash(seen, &rec->client);

    number.data = (u_char *) &rec->cost;
    number.len = sizeof(int64_t);
    fuzz_hash(seen, &number);

    fuzz_hash(seen, &rec->action);
    fuzz_hash(seen, &rec->limit);

    number.data = (u_char *) &rec->amount;
    fuzz_hash(seen, &number);

    number.data = (u_char *) &rec->counter;
    number.len = sizeof(ngx_llm_name_t);
    fuzz_hash(seen, &number);

    ngx_llm_usage_line_write(rec, one, &line);
    fuzz_assert(line.len <= NGX_LLM_LEDGER_LINE);
    fuzz_assert(line.data[line.len - 1] == LF);

    ngx_memcpy(two, one, line.len);
    again.data = two;
    again.len = line.len;

    fuzz_assert(ngx_llm_usage_line_read(&again, &back) == NGX_OK);
    fuzz_assert(back.time == rec->time && back.cost == rec->cost);

    if (rec->action.data && back.action.data && back.counter.id[0]) {
        fuzz_assert(back.counter.id[0] == rec->counter.id[0]);
        fuzz_assert(back.counter.id[1] == rec->counter.id[1]);
    }

    ngx_llm_usage_line_write(&back, one, &again);

    fuzz_assert(again.len <= line.len);

    return NGX_OK;
}


static void
fuzz_hash(fuzz_seen_t *seen, ngx_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        seen->hash = (seen->hash ^ s->data[i]) * 1099511628211ULL;
    }

    seen->hash = (seen->hash ^ (s->data != NULL)) * 1099511628211ULL;
}
