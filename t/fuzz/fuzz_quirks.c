
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A client's request for a provider with quirks, dropped and set parameters:
 * whatever the text, what is sent is a request, has what is set and has not
 * what is dropped, edited or written anew.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ngx_llm_request.h"
#include "ngx_llm_catalogue.h"


#define FUZZ_MAX   (64 * 1024 * 1024)
#define FUZZ_HEAD  6


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_request(ngx_pool_t *pool, ngx_str_t *text,
    const ngx_llm_dialect_t *from, const ngx_llm_dialect_t *to,
    ngx_llm_target_t *target);
static void fuzz_quirks(ngx_llm_target_t *target, ngx_uint_t n);
static ngx_array_t *fuzz_sets(ngx_pool_t *pool, ngx_uint_t bits);
static void fuzz_sent(ngx_llm_target_t *target, ngx_llm_json_t *root,
    ngx_str_t *text);
static void fuzz_check(ngx_uint_t ok, const char *what, ngx_str_t *text);


static struct {
    char        *name;
    char        *value;
    ngx_uint_t   force;
} fuzz_values[] = {
    { "a", "1", 1 },
    { "k.a", "1", 0 },
    { "k.b.c", "2", 1 },
    { "k.b.d", "3", 0 },
    { "max_tokens", "5", 1 },
    { "stop", "x", 0 },
    { "temperature", "0.5", 0 },
    { "user", "u", 1 }
};


static char  *fuzz_presets[] = {
    "openai", "groq", "deepseek", "perplexity", "parasail", "chutes", "vllm",
    "azure", "azure", "azure", "azure", "azure_ai"
};


static char  *fuzz_versions[] = {
    "", "", "", "", "", "", "",
    "", "2024-06-01", "2024-10-21", "2025-04-01-preview", ""
};


/* the first bytes choose, the rest is a body */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                   *copy;
    uint64_t                  drop;
    ngx_str_t                 text;
    ngx_uint_t                i;
    ngx_pool_t               *pool;
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *from, *to;

    if (size < FUZZ_HEAD || size > 65536) {
        return 0;
    }

    text.len = size - FUZZ_HEAD;

    copy = malloc(text.len ? text.len : 1);
    pool = ngx_create_pool(4096, &ngx_stubs_log);

    if (copy == NULL || pool == NULL) {
        abort();
    }

    if (text.len) {
        memcpy(copy, data + FUZZ_HEAD, text.len);
    }

    text.data = copy;

    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.provider, "p");
    ngx_str_set(&target.model, "o3");
    target.max_tokens = 4096;

    from = (data[0] & 1) ? &ngx_llm_anthropic : &ngx_llm_openai;
    to = (data[0] & 2) ? &ngx_llm_anthropic : &ngx_llm_openai;

    if (to == &ngx_llm_openai) {
        fuzz_quirks(&target, data[0] >> 2);
    }

    drop = 0;

    for (i = 0; i < 4; i++) {
        drop |= (uint64_t) data[1 + i] << (8 * i);
    }

    target.sets = fuzz_sets(pool, data[5]);

    /* a name may be refused for what it means, a drop is never */

    ngx_llm_request_drop(&target, drop);

    fuzz_request(pool, &text, from, to, &target);

    ngx_destroy_pool(pool);
    free(copy);

    return 0;
}


static void
fuzz_quirks(ngx_llm_target_t *target, ngx_uint_t n)
{
    ngx_str_t                name, version;
    const ngx_llm_preset_t  *preset;

    n %= sizeof(fuzz_presets) / sizeof(fuzz_presets[0]);

    name.data = (u_char *) fuzz_presets[n];
    name.len = strlen(fuzz_presets[n]);

    version.data = (u_char *) fuzz_versions[n];
    version.len = strlen(fuzz_versions[n]);

    preset = ngx_llm_preset_find(&name);

    if (preset == NULL) {
        abort();
    }

    target->quirks = preset->quirks;

    if (target->quirks && target->quirks->version) {
        target->quirks = target->quirks->version(&version);
    }
}


static ngx_array_t *
fuzz_sets(ngx_pool_t *pool, ngx_uint_t bits)
{
    ngx_str_t       name, value;
    ngx_uint_t      i;
    ngx_array_t    *sets;
    ngx_llm_set_t  *set;

    if (bits == 0) {
        return NULL;
    }

    sets = ngx_array_create(pool, 8, sizeof(ngx_llm_set_t));

    for (i = 0; i < 8; i++) {

        if (!(bits & (1 << i))) {
            continue;
        }

        set = ngx_array_push(sets);
        ngx_memzero(set, sizeof(ngx_llm_set_t));

        name.data = (u_char *) fuzz_values[i].name;
        name.len = strlen(fuzz_values[i].name);
        value.data = (u_char *) fuzz_values[i].value;
        value.len = strlen(fuzz_values[i].value);

        if (ngx_llm_set_parse(pool, &name, &value, set) != NULL) {
            abort();
        }

        set->force = fuzz_values[i].force;
        set->neutral = (ngx_llm_request_settable(&name) == NGX_OK);
    }

    return sets;
}


static void
fuzz_request(ngx_pool_t *pool, ngx_str_t *text, const ngx_llm_dialect_t *from,
    const ngx_llm_dialect_t *to, ngx_llm_target_t *target)
{
    ngx_int_t         rc;
    ngx_str_t         sent, *slice;
    ngx_uint_t        i;
    ngx_array_t       slices;
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_json_t   *root;
    ngx_llm_error_t   err;

    ngx_llm_chat_init(&chat, pool, text);

    if (from->read_request(&chat, &err) != NGX_OK) {
        return;
    }

    if (ngx_array_init(&slices, pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        abort();
    }

    ngx_memzero(&err, sizeof(ngx_llm_error_t));

    rc = ngx_llm_request(&chat, to, target, FUZZ_MAX, &slices, &err);

    if (rc == NGX_DECLINED) {
        fuzz_check(err.status == 400, "refusal", text);
        return;
    }

    fuzz_check(rc == NGX_OK, "request", text);

    ngx_llm_out_init(&out, pool, NULL, 0, FUZZ_MAX);
    slice = slices.elts;

    for (i = 0; i < slices.nelts; i++) {
        ngx_llm_out_str(&out, &slice[i]);
    }

    sent.data = out.start;
    sent.len = ngx_llm_out_len(&out);

    root = ngx_llm_json_parse(pool, &sent, NULL);

    fuzz_check(root != NULL && root->type == NGX_LLM_JSON_OBJECT, "JSON",
               &sent);
    fuzz_check(ngx_llm_json_duplicate(root) == NULL, "a member twice", &sent);

    if (to == &ngx_llm_openai) {
        fuzz_sent(target, root, &sent);
    }
}


/* OpenAI's names are those of the parameters */

static void
fuzz_sent(ngx_llm_target_t *target, ngx_llm_json_t *root, ngx_str_t *text)
{
    ngx_str_t       *name;
    ngx_uint_t       i, id, set;
    ngx_llm_set_t   *sets;
    ngx_llm_json_t  *node;

    sets = target->sets ? target->sets->elts : NULL;

    for (id = 0; id < NGX_LLM_PARAMS; id++) {

        if (!(target->lacks & ngx_llm_param_bit(id))) {
            continue;
        }

        name = ngx_llm_param_name(id);
        set = 0;

        for (i = 0; sets && i < target->sets->nelts; i++) {
            set |= (sets[i].name.len == name->len
                    && memcmp(sets[i].name.data, name->data, name->len) == 0);
        }

        fuzz_check(set || ngx_llm_json_find(root, (char *) name->data,
                                            name->len)
                          == NULL,
                   "sent what is dropped", text);
    }

    for (i = 0; sets && i < target->sets->nelts; i++) {

        if (!sets[i].force || sets[i].name.len != 1) {
            continue;
        }

        node = ngx_llm_json_find(root, (char *) sets[i].name.data, 1);

        fuzz_check(node && node->raw.len == 1 && node->raw.data[0] == '1',
                   "not set", text);
    }

    if (target->quirks == NULL) {
        return;
    }

    if (target->quirks->flags & NGX_LLM_QUIRK_MAX_TOKENS) {
        node = ngx_llm_json_set(root, "max_completion_tokens");
        fuzz_check(node == NULL, "the new name of the limit", text);
    }

    if (target->quirks->flags & NGX_LLM_QUIRK_NO_STREAM_OPTIONS) {
        fuzz_check(ngx_llm_json_get(root, "stream_options") == NULL,
                   "stream_options", text);
    }
}


static void
fuzz_check(ngx_uint_t ok, const char *what, ngx_str_t *text)
{
    if (ok) {
        return;
    }

    fprintf(stderr, "%s\n%.*s\n", what, (int) text->len, (char *) text->data);
    abort();
}
