
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Answers as most are, read without a tree.  What has any other member, a
 * member twice, or a value of another kind is left to the parser and the
 * readers behind it.
 */


#include "ngx_llm_anthropic.h"


/* in a member of the usage that is passed over */
#define NGX_LLM_ANTHROPIC_PLAIN_VALUES    64

/* members that were seen */

#define NGX_LLM_ANTHROPIC_PLAIN_ID        0x001
#define NGX_LLM_ANTHROPIC_PLAIN_TYPE      0x002
#define NGX_LLM_ANTHROPIC_PLAIN_ROLE      0x004
#define NGX_LLM_ANTHROPIC_PLAIN_MODEL     0x008
#define NGX_LLM_ANTHROPIC_PLAIN_CONTENT   0x010
#define NGX_LLM_ANTHROPIC_PLAIN_REASON    0x020
#define NGX_LLM_ANTHROPIC_PLAIN_SEQUENCE  0x040
#define NGX_LLM_ANTHROPIC_PLAIN_USAGE     0x080
#define NGX_LLM_ANTHROPIC_PLAIN_TEXT      0x100

#define NGX_LLM_ANTHROPIC_PLAIN_WANTED                                       \
    (NGX_LLM_ANTHROPIC_PLAIN_TYPE|NGX_LLM_ANTHROPIC_PLAIN_CONTENT            \
     |NGX_LLM_ANTHROPIC_PLAIN_REASON|NGX_LLM_ANTHROPIC_PLAIN_USAGE)


typedef enum {
    NGX_LLM_ANTHROPIC_PLAIN_INPUT = 0,
    NGX_LLM_ANTHROPIC_PLAIN_OUTPUT,
    NGX_LLM_ANTHROPIC_PLAIN_READ,
    NGX_LLM_ANTHROPIC_PLAIN_WRITE,
    NGX_LLM_ANTHROPIC_PLAIN_WRITE_5M,
    NGX_LLM_ANTHROPIC_PLAIN_WRITE_1H,
    NGX_LLM_ANTHROPIC_PLAIN_THINKING,
    NGX_LLM_ANTHROPIC_PLAIN_COUNTS,
    NGX_LLM_ANTHROPIC_PLAIN_TIER        /* a word */
} ngx_llm_anthropic_plain_e;


typedef struct ngx_llm_anthropic_plain_name_s  ngx_llm_anthropic_plain_name_t;

struct ngx_llm_anthropic_plain_name_s {
    ngx_str_t                              name;
    ngx_uint_t                             count;
    const ngx_llm_anthropic_plain_name_t  *details;  /* of an object */
};


/* an answer so far */

typedef struct {
    ngx_str_t    id;
    ngx_str_t    model;
    ngx_str_t    text;
    ngx_str_t    reason;
    ngx_str_t    sequence;
    ngx_str_t    tier;
    int64_t      counts[NGX_LLM_ANTHROPIC_PLAIN_COUNTS];  /* -1: none */
} ngx_llm_anthropic_plain_t;


static u_char *ngx_llm_anthropic_plain_root(ngx_llm_anthropic_plain_t *plain,
    u_char *p, u_char *last);
static u_char *ngx_llm_anthropic_plain_content(
    ngx_llm_anthropic_plain_t *plain, u_char *p, u_char *last);
static u_char *ngx_llm_anthropic_plain_block(ngx_llm_anthropic_plain_t *plain,
    u_char *p, u_char *last);
static u_char *ngx_llm_anthropic_plain_usage(ngx_llm_anthropic_plain_t *plain,
    const ngx_llm_anthropic_plain_name_t *names, u_char *p, u_char *last);
static const ngx_llm_anthropic_plain_name_t *ngx_llm_anthropic_plain_name(
    const ngx_llm_anthropic_plain_name_t *name, ngx_str_t *key);
static u_char *ngx_llm_anthropic_plain_count(u_char *p, u_char *last,
    int64_t *count);
static void ngx_llm_anthropic_plain_totals(ngx_llm_anthropic_plain_t *plain,
    ngx_llm_usage_t *usage);


static const ngx_llm_anthropic_plain_name_t
    ngx_llm_anthropic_plain_creation[] =
{
    { ngx_string("ephemeral_5m_input_tokens"),
      NGX_LLM_ANTHROPIC_PLAIN_WRITE_5M, NULL },
    { ngx_string("ephemeral_1h_input_tokens"),
      NGX_LLM_ANTHROPIC_PLAIN_WRITE_1H, NULL },
    { ngx_null_string, 0, NULL }
};


static const ngx_llm_anthropic_plain_name_t
    ngx_llm_anthropic_plain_details[] =
{
    { ngx_string("thinking_tokens"),
      NGX_LLM_ANTHROPIC_PLAIN_THINKING, NULL },
    { ngx_null_string, 0, NULL }
};


static const ngx_llm_anthropic_plain_name_t
    ngx_llm_anthropic_plain_counts[] =
{
    { ngx_string("input_tokens"),
      NGX_LLM_ANTHROPIC_PLAIN_INPUT, NULL },
    { ngx_string("output_tokens"),
      NGX_LLM_ANTHROPIC_PLAIN_OUTPUT, NULL },
    { ngx_string("cache_read_input_tokens"),
      NGX_LLM_ANTHROPIC_PLAIN_READ, NULL },
    { ngx_string("cache_creation_input_tokens"),
      NGX_LLM_ANTHROPIC_PLAIN_WRITE, NULL },
    { ngx_string("cache_creation"),
      0, ngx_llm_anthropic_plain_creation },
    { ngx_string("output_tokens_details"),
      0, ngx_llm_anthropic_plain_details },
    { ngx_string("service_tier"),
      NGX_LLM_ANTHROPIC_PLAIN_TIER, NULL },
    { ngx_null_string, 0, NULL }
};


ngx_int_t
ngx_llm_anthropic_plain_response(ngx_str_t *text, ngx_llm_response_t *res)
{
    u_char                     *p, *last;
    ngx_uint_t                  i;
    ngx_llm_part_t             *part;
    ngx_llm_finish_e            finish;
    ngx_llm_choice_t           *choice;
    ngx_llm_anthropic_plain_t   plain;

    ngx_memzero(&plain, sizeof(ngx_llm_anthropic_plain_t));

    for (i = 0; i < NGX_LLM_ANTHROPIC_PLAIN_COUNTS; i++) {
        plain.counts[i] = -1;
    }

    p = text->data;
    last = p + text->len;

    ngx_llm_json_skip(p, last);

    p = ngx_llm_anthropic_plain_root(&plain, p, last);

    if (p == NULL) {
        return NGX_DECLINED;
    }

    ngx_llm_json_skip(p, last);

    if (p != last) {
        return NGX_DECLINED;
    }

    finish = ngx_llm_anthropic_stop_reason(&plain.reason);

    if (finish == NGX_LLM_FINISH_TOOL_CALLS
        || finish == NGX_LLM_FINISH_CONTENT_FILTER)
    {
        return NGX_DECLINED;
    }

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    choice->finish = finish;
    choice->stop_sequence = plain.sequence;

    if (plain.text.len) {
        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = plain.text;
    }

    res->id = plain.id;
    res->model = plain.model;

    ngx_llm_anthropic_plain_totals(&plain, &res->usage);
    ngx_llm_anthropic_tier(&plain.tier, res);

    return NGX_OK;
}


static u_char *
ngx_llm_anthropic_plain_root(ngx_llm_anthropic_plain_t *plain, u_char *p,
    u_char *last)
{
    ngx_str_t   key, word;
    ngx_uint_t  bit, seen;

    if (p == last || *p++ != '{') {
        return NULL;
    }

    seen = 0;
    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            break;
        }

        if (ngx_llm_json_key_is(&key, "content")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_CONTENT;
            p = ngx_llm_anthropic_plain_content(plain, p, last);

        } else if (ngx_llm_json_key_is(&key, "usage")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_USAGE;
            p = ngx_llm_anthropic_plain_usage(plain,
                                              ngx_llm_anthropic_plain_counts,
                                              p, last);

        } else if (ngx_llm_json_key_is(&key, "id")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_ID;
            p = ngx_llm_json_quoted(p, last, &plain->id);

        } else if (ngx_llm_json_key_is(&key, "type")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_TYPE;
            p = ngx_llm_json_quoted(p, last, &word);

            if (p == NULL || !ngx_llm_json_key_is(&word, "message")) {
                return NULL;
            }

        } else if (ngx_llm_json_key_is(&key, "role")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_ROLE;
            p = ngx_llm_json_quoted(p, last, &word);

        } else if (ngx_llm_json_key_is(&key, "model")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_MODEL;
            p = ngx_llm_json_quoted(p, last, &plain->model);

        } else if (ngx_llm_json_key_is(&key, "stop_reason")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_REASON;
            p = ngx_llm_json_quoted(p, last, &plain->reason);

        } else if (ngx_llm_json_key_is(&key, "stop_sequence")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_SEQUENCE;
            p = (*p == 'n') ? ngx_llm_json_word(p, last)
                            : ngx_llm_json_quoted(p, last,
                                                          &plain->sequence);

        } else if (*p == 'n') {
            bit = 0;
            p = ngx_llm_json_word(p, last);

        } else {
            return NULL;
        }

        if (p == NULL || (seen & bit)) {
            return NULL;
        }

        seen |= bit;
    }

    if ((seen & NGX_LLM_ANTHROPIC_PLAIN_WANTED)
        != NGX_LLM_ANTHROPIC_PLAIN_WANTED)
    {
        return NULL;
    }

    return p;
}


/* a list of one block */

static u_char *
ngx_llm_anthropic_plain_content(ngx_llm_anthropic_plain_t *plain, u_char *p,
    u_char *last)
{
    if (*p++ != '[') {
        return NULL;
    }

    ngx_llm_json_skip(p, last);

    if (p == last || *p != '{') {
        return NULL;
    }

    p = ngx_llm_anthropic_plain_block(plain, p, last);

    if (p == NULL) {
        return NULL;
    }

    ngx_llm_json_skip(p, last);

    return (p == last || *p != ']') ? NULL : p + 1;
}


/* a text without citations */

static u_char *
ngx_llm_anthropic_plain_block(ngx_llm_anthropic_plain_t *plain, u_char *p,
    u_char *last)
{
    ngx_str_t   key, word;
    ngx_uint_t  bit, seen;

    p++;
    seen = 0;
    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            break;
        }

        if (ngx_llm_json_key_is(&key, "type")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_TYPE;
            p = ngx_llm_json_quoted(p, last, &word);

            if (p == NULL || !ngx_llm_json_key_is(&word, "text")) {
                return NULL;
            }

        } else if (ngx_llm_json_key_is(&key, "text")) {
            bit = NGX_LLM_ANTHROPIC_PLAIN_TEXT;
            p = ngx_llm_json_quoted(p, last, &plain->text);

        } else if (ngx_llm_json_key_is(&key, "citations") && *p == 'n') {
            bit = 0;
            p = ngx_llm_json_word(p, last);

        } else {
            return NULL;
        }

        if (p == NULL || (seen & bit)) {
            return NULL;
        }

        seen |= bit;
    }

    if (seen != (NGX_LLM_ANTHROPIC_PLAIN_TYPE|NGX_LLM_ANTHROPIC_PLAIN_TEXT)) {
        return NULL;
    }

    return p;
}


/* counts, and objects of them; what is null is as good as absent */

static u_char *
ngx_llm_anthropic_plain_usage(ngx_llm_anthropic_plain_t *plain,
    const ngx_llm_anthropic_plain_name_t *names, u_char *p, u_char *last)
{
    ngx_str_t                              key;
    ngx_uint_t                             bit, seen, values;
    const ngx_llm_anthropic_plain_name_t  *name;

    if (*p++ != '{') {
        return NULL;
    }

    seen = 0;
    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            return p;
        }

        name = ngx_llm_anthropic_plain_name(names, &key);

        if (name) {
            bit = (ngx_uint_t) 1 << (name - names);

            if (seen & bit) {
                return NULL;
            }

            seen |= bit;
        }

        if (name == NULL || *p == 'n') {
            values = NGX_LLM_ANTHROPIC_PLAIN_VALUES;
            p = ngx_llm_json_pass(p, last, &values);

        } else if (name->details) {
            p = ngx_llm_anthropic_plain_usage(plain, name->details, p, last);

        } else if (name->count == NGX_LLM_ANTHROPIC_PLAIN_TIER) {
            p = ngx_llm_json_quoted(p, last, &plain->tier);

        } else {
            p = ngx_llm_anthropic_plain_count(p, last,
                                              &plain->counts[name->count]);
        }

        if (p == NULL) {
            return NULL;
        }
    }
}


static const ngx_llm_anthropic_plain_name_t *
ngx_llm_anthropic_plain_name(const ngx_llm_anthropic_plain_name_t *name,
    ngx_str_t *key)
{
    for ( /* void */ ; name->name.len; name++) {

        if (name->name.len == key->len
            && ngx_memcmp(name->name.data, key->data, key->len) == 0)
        {
            return name;
        }
    }

    return NULL;
}


static u_char *
ngx_llm_anthropic_plain_count(u_char *p, u_char *last, int64_t *count)
{
    ngx_llm_json_t  node;

    p = ngx_llm_json_digits(p, last, &node);

    if (p == NULL || ngx_llm_json_int(&node, count) != NGX_OK
        || *count > NGX_LLM_ANTHROPIC_MAX_COUNT)
    {
        return NULL;
    }

    return p;
}


static void
ngx_llm_anthropic_plain_totals(ngx_llm_anthropic_plain_t *plain,
    ngx_llm_usage_t *usage)
{
    int64_t                     *n;
    ngx_llm_anthropic_reader_t   state;

    n = plain->counts;

    state.input = ngx_max(n[NGX_LLM_ANTHROPIC_PLAIN_INPUT], 0);
    state.output = ngx_max(n[NGX_LLM_ANTHROPIC_PLAIN_OUTPUT], 0);
    state.cache_read = ngx_max(n[NGX_LLM_ANTHROPIC_PLAIN_READ], 0);
    state.cache_write_1h = ngx_max(n[NGX_LLM_ANTHROPIC_PLAIN_WRITE_1H], 0);
    state.thinking = ngx_max(n[NGX_LLM_ANTHROPIC_PLAIN_THINKING], 0);

    if (n[NGX_LLM_ANTHROPIC_PLAIN_WRITE] != -1) {
        state.cache_write = n[NGX_LLM_ANTHROPIC_PLAIN_WRITE];

    } else {
        state.cache_write = ngx_max(n[NGX_LLM_ANTHROPIC_PLAIN_WRITE_5M], 0)
                            + state.cache_write_1h;
    }

    ngx_llm_anthropic_totals(&state, &plain->tier, usage);
}
