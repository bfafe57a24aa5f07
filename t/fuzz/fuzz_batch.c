
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Files of batches.  However one is cut, the same is told; and what a parser
 * sees in a line that is accepted is what was told.
 */


#include "fuzz_provider.h"
#include "ngx_llm_batch.h"


typedef struct {
    ngx_uint_t   n;
    ngx_uint_t   sum;
} fuzz_told_t;


static ngx_int_t fuzz_model(void *data, ngx_str_t *model, ngx_uint_t line);
static ngx_int_t fuzz_feed(u_char *p, size_t size, size_t step,
    fuzz_told_t *told);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char           *copy;
    ngx_int_t         rc;
    ngx_str_t         text, model;
    ngx_pool_t       *pool;
    fuzz_told_t       whole, cut;
    ngx_llm_json_t   *root, *body, *node;

    copy = malloc(size + 1);
    fuzz_assert(copy != NULL);
    memcpy(copy, data, size);

    rc = fuzz_feed(copy, size, size ? size : 1, &whole);

    fuzz_assert(fuzz_feed(copy, size, 1, &cut) == rc);
    fuzz_assert(cut.n == whole.n && cut.sum == whole.sum);

    /* one line that is JSON: its model has been told */

    if (rc == NGX_OK && memchr(copy, LF, size) == NULL) {

        pool = ngx_create_pool(4096, &ngx_stubs_log);
        fuzz_assert(pool != NULL);

        text.data = copy;
        text.len = size;
        root = size ? ngx_llm_json_parse(pool, &text, NULL) : NULL;

        body = root ? ngx_llm_json_get(root, "body") : NULL;
        node = body ? ngx_llm_json_get(body, "model") : NULL;

        if (node) {
            fuzz_assert(node->type == NGX_LLM_JSON_STRING);
            model = ngx_llm_json_text(node);
            fuzz_assert(whole.n > 0);
            fuzz_assert(model.len <= NGX_LLM_BATCH_MODEL);
        }

        ngx_destroy_pool(pool);
    }

    free(copy);

    return 0;
}


static ngx_int_t
fuzz_model(void *data, ngx_str_t *model, ngx_uint_t line)
{
    fuzz_told_t *told = data;

    size_t  i;

    fuzz_assert(model->len <= NGX_LLM_BATCH_MODEL);

    told->n++;
    told->sum = told->sum * 31 + line;

    for (i = 0; i < model->len; i++) {
        told->sum = told->sum * 31 + model->data[i];
    }

    return NGX_OK;
}


static ngx_int_t
fuzz_feed(u_char *p, size_t size, size_t step, fuzz_told_t *told)
{
    size_t            n;
    u_char           *last;
    ngx_int_t         rc;
    ngx_llm_batch_t   batch;

    ngx_memzero(told, sizeof(fuzz_told_t));
    ngx_memzero(&batch, sizeof(ngx_llm_batch_t));
    ngx_llm_batch_init(&batch);

    batch.handler = fuzz_model;
    batch.data = told;

    for (last = p + size; p < last; p += n) {
        n = ngx_min(step, (size_t) (last - p));
        rc = ngx_llm_batch_feed(&batch, p, p + n);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_llm_batch_end(&batch);
}
