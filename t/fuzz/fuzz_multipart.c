
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Forms and JSON that stream by: in one piece, byte by byte, and cut where the
 * first byte says, they tell the same.
 */


#include "fuzz_provider.h"
#include "ngx_llm_meter.h"
#include "ngx_llm_multipart.h"


#define FUZZ_TOLD  65536


typedef struct {
    u_char    *text;
    size_t     len;
    off_t      size;        /* of the body */
} fuzz_told_t;


static ngx_int_t fuzz_field(void *data, ngx_str_t *name, ngx_str_t *value,
    ngx_uint_t whole, off_t from);
static ngx_int_t fuzz_member(void *data, ngx_uint_t name, ngx_str_t *raw);
static void fuzz_add(fuzz_told_t *told, u_char *p, size_t len);
static ngx_int_t fuzz_form(ngx_pool_t *pool, const uint8_t *data, size_t size,
    size_t first, size_t step, fuzz_told_t *told);
static ngx_int_t fuzz_meter(ngx_pool_t *pool, const uint8_t *data, size_t size,
    size_t first, size_t step, ngx_uint_t sse, fuzz_told_t *told);


static char  *fuzz_names[] = { "a", "model", NULL };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         cut;
    ngx_int_t      rc, rc2;
    ngx_uint_t     i, kind;
    ngx_pool_t    *pool;
    fuzz_told_t    told[2];

    if (size < 2) {
        return 0;
    }

    kind = data[0] % 3;
    cut = data[1];
    data += 2;
    size -= 2;

    pool = ngx_create_pool(4096, &ngx_stubs_log);
    fuzz_assert(pool != NULL);

    for (i = 0; i < 2; i++) {
        told[i].text = ngx_palloc(pool, FUZZ_TOLD);
    }

    if (kind == 0) {
        rc = fuzz_form(pool, data, size, size, size, &told[0]);

        rc2 = fuzz_form(pool, data, size, cut, size, &told[1]);
        fuzz_assert(rc == rc2 && told[0].len == told[1].len);
        fuzz_assert(memcmp(told[0].text, told[1].text, told[0].len) == 0);

        rc2 = fuzz_form(pool, data, size, 1, 1, &told[1]);

    } else {
        rc = fuzz_meter(pool, data, size, size, size, kind - 1, &told[0]);

        rc2 = fuzz_meter(pool, data, size, cut, size, kind - 1, &told[1]);
        fuzz_assert(rc == rc2 && told[0].len == told[1].len);
        fuzz_assert(memcmp(told[0].text, told[1].text, told[0].len) == 0);

        rc2 = fuzz_meter(pool, data, size, 1, 1, kind - 1, &told[1]);
    }

    fuzz_assert(rc == rc2 && told[0].len == told[1].len);
    fuzz_assert(memcmp(told[0].text, told[1].text, told[0].len) == 0);

    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_add(fuzz_told_t *told, u_char *p, size_t len)
{
    len = ngx_min(len, FUZZ_TOLD - told->len);

    memcpy(told->text + told->len, p, len);
    told->len += len;
}


static ngx_int_t
fuzz_field(void *data, ngx_str_t *name, ngx_str_t *value, ngx_uint_t whole,
    off_t from)
{
    fuzz_told_t  *told = data;

    fuzz_assert(value->len <= NGX_LLM_MULTIPART_VALUE);
    fuzz_assert(from >= 0 && from + (off_t) value->len <= told->size);

    fuzz_add(told, name->data, name->len);
    fuzz_add(told, value->data, value->len);
    fuzz_add(told, (u_char *) &from, sizeof(off_t));

    return NGX_OK;
}


static ngx_int_t
fuzz_member(void *data, ngx_uint_t name, ngx_str_t *raw)
{
    fuzz_told_t  *told = data;

    fuzz_assert(name < 2 && raw->len <= NGX_LLM_METER_VALUE);

    fuzz_add(told, (u_char *) fuzz_names[name], 1);
    fuzz_add(told, raw->data, raw->len);

    return NGX_OK;
}


static ngx_int_t
fuzz_form(ngx_pool_t *pool, const uint8_t *data, size_t size, size_t first,
    size_t step, fuzz_told_t *told)
{
    u_char               *copy;
    size_t                n;
    ngx_int_t             rc;
    ngx_str_t             type;
    ngx_llm_multipart_t   mp;

    told->len = 0;
    told->size = size;

    ngx_str_set(&type, "multipart/form-data; boundary=b");

    fuzz_assert(ngx_llm_multipart_init(&mp, pool, &type) == NGX_OK);

    mp.handler = fuzz_field;
    mp.data = told;

    for (n = ngx_min(first, size); /* void */ ; n = ngx_min(step, size)) {

        copy = malloc(n + 1);
        memcpy(copy, data, n);

        rc = ngx_llm_multipart_feed(&mp, copy, copy + n);

        free(copy);

        if (rc != NGX_OK) {
            fuzz_assert(mp.error != NULL);
            return rc;
        }

        data += n;
        size -= n;

        if (size == 0) {
            break;
        }
    }

    fuzz_assert(mp.offset == told->size);

    return ngx_llm_multipart_whole(&mp) ? NGX_OK : NGX_AGAIN;
}


static ngx_int_t
fuzz_meter(ngx_pool_t *pool, const uint8_t *data, size_t size, size_t first,
    size_t step, ngx_uint_t sse, fuzz_told_t *told)
{
    u_char           *copy;
    size_t            n;
    ngx_llm_meter_t   meter;

    told->len = 0;

    ngx_llm_meter_init(&meter, pool, fuzz_names, 3, sse);

    meter.handler = fuzz_member;
    meter.data = told;

    for (n = ngx_min(first, size); /* void */ ; n = ngx_min(step, size)) {

        copy = malloc(n + 1);
        memcpy(copy, data, n);

        fuzz_assert(ngx_llm_meter_feed(&meter, copy, copy + n) == NGX_OK);

        free(copy);

        data += n;
        size -= n;

        if (size == 0) {
            break;
        }
    }

    return meter.odd;
}
