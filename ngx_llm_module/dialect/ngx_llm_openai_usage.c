
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What an answer says it took, from a tree or in passing.
 */


#include "ngx_llm_openai.h"


/* larger ones are nonsense; two of them can be added */
#define NGX_LLM_OPENAI_MAX_COUNT  (1LL << 60)


/* counts by the name that they have; what stands in details comes last */

typedef enum {
    NGX_LLM_OPENAI_PROMPT = 0,
    NGX_LLM_OPENAI_INPUT,
    NGX_LLM_OPENAI_COMPLETION,
    NGX_LLM_OPENAI_OUTPUT,
    NGX_LLM_OPENAI_TOTAL,
    NGX_LLM_OPENAI_CACHE_HIT,
    NGX_LLM_OPENAI_CACHED,
    NGX_LLM_OPENAI_CACHE_READ,
    NGX_LLM_OPENAI_NUM_CACHED,
    NGX_LLM_OPENAI_CACHE_CREATION,
    NGX_LLM_OPENAI_REASONING,
    NGX_LLM_OPENAI_PROMPT_CACHED,
    NGX_LLM_OPENAI_PROMPT_WRITE,
    NGX_LLM_OPENAI_PROMPT_AUDIO,
    NGX_LLM_OPENAI_COMPLETION_REASONING,
    NGX_LLM_OPENAI_COMPLETION_AUDIO,
    NGX_LLM_OPENAI_COUNTS
} ngx_llm_openai_count_e;


typedef struct ngx_llm_openai_name_s  ngx_llm_openai_name_t;

struct ngx_llm_openai_name_s {
    ngx_str_t                     name;
    ngx_uint_t                    count;
    const ngx_llm_openai_name_t  *details;      /* of an object */
};


static ngx_int_t ngx_llm_openai_counted(int64_t *n, ngx_llm_usage_t *usage);
static void ngx_llm_openai_node_counts(ngx_llm_json_t *node,
    const ngx_llm_openai_name_t *names, int64_t *n);
static u_char *ngx_llm_openai_plain_counts(u_char *p, u_char *last,
    const ngx_llm_openai_name_t *names, int64_t *n);
static const ngx_llm_openai_name_t *ngx_llm_openai_name(
    const ngx_llm_openai_name_t *name, ngx_str_t *key);
static void ngx_llm_openai_unset(const ngx_llm_openai_name_t *name,
    int64_t *n);
static int64_t ngx_llm_openai_number(ngx_llm_json_t *node);


static const ngx_llm_openai_name_t  ngx_llm_openai_prompt_names[] = {
    { ngx_string("cached_tokens"), NGX_LLM_OPENAI_PROMPT_CACHED, NULL },
    { ngx_string("cache_write_tokens"), NGX_LLM_OPENAI_PROMPT_WRITE, NULL },
    { ngx_string("audio_tokens"), NGX_LLM_OPENAI_PROMPT_AUDIO, NULL },
    { ngx_null_string, 0, NULL }
};


static const ngx_llm_openai_name_t  ngx_llm_openai_completion_names[] = {
    { ngx_string("reasoning_tokens"),
      NGX_LLM_OPENAI_COMPLETION_REASONING, NULL },
    { ngx_string("audio_tokens"), NGX_LLM_OPENAI_COMPLETION_AUDIO, NULL },
    { ngx_null_string, 0, NULL }
};


/* others have their own names for the cache */

static const ngx_llm_openai_name_t  ngx_llm_openai_usage_names[] = {
    { ngx_string("prompt_tokens"), NGX_LLM_OPENAI_PROMPT, NULL },
    { ngx_string("completion_tokens"), NGX_LLM_OPENAI_COMPLETION, NULL },
    { ngx_string("total_tokens"), NGX_LLM_OPENAI_TOTAL, NULL },
    { ngx_string("prompt_tokens_details"), 0, ngx_llm_openai_prompt_names },
    { ngx_string("prompt_token_details"), 0, ngx_llm_openai_prompt_names },
    { ngx_string("completion_tokens_details"), 0,
      ngx_llm_openai_completion_names },
    { ngx_string("input_tokens"), NGX_LLM_OPENAI_INPUT, NULL },
    { ngx_string("output_tokens"), NGX_LLM_OPENAI_OUTPUT, NULL },
    { ngx_string("prompt_cache_hit_tokens"),
      NGX_LLM_OPENAI_CACHE_HIT, NULL },
    { ngx_string("cached_tokens"), NGX_LLM_OPENAI_CACHED, NULL },
    { ngx_string("cache_read_input_tokens"),
      NGX_LLM_OPENAI_CACHE_READ, NULL },
    { ngx_string("num_cached_tokens"), NGX_LLM_OPENAI_NUM_CACHED, NULL },
    { ngx_string("cache_creation_input_tokens"),
      NGX_LLM_OPENAI_CACHE_CREATION, NULL },
    { ngx_string("reasoning_tokens"), NGX_LLM_OPENAI_REASONING, NULL },
    { ngx_null_string, 0, NULL }
};


ngx_int_t
ngx_llm_openai_usage(ngx_llm_json_t *node, ngx_llm_usage_t *usage)
{
    int64_t  n[NGX_LLM_OPENAI_COUNTS];

    ngx_llm_usage_init(usage);

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        return NGX_DECLINED;
    }

    ngx_llm_openai_unset(NULL, n);
    ngx_llm_openai_node_counts(node, ngx_llm_openai_usage_names, n);

    return ngx_llm_openai_counted(n, usage);
}


u_char *
ngx_llm_openai_plain_usage(u_char *p, u_char *last, ngx_llm_usage_t *usage)
{
    int64_t  n[NGX_LLM_OPENAI_COUNTS];

    ngx_llm_usage_init(usage);

    ngx_llm_openai_unset(NULL, n);

    p = ngx_llm_openai_plain_counts(p, last, ngx_llm_openai_usage_names, n);

    if (p == NULL || ngx_llm_openai_counted(n, usage) != NGX_OK) {
        return NULL;
    }

    return p;
}


static ngx_int_t
ngx_llm_openai_counted(int64_t *n, ngx_llm_usage_t *usage)
{
    int64_t  total, rest;

#define ngx_llm_openai_either(a, b)                                          \
    ((n[NGX_LLM_OPENAI_##a] >= 0) ? n[NGX_LLM_OPENAI_##a] : (b))

    usage->prompt = ngx_llm_openai_either(PROMPT, n[NGX_LLM_OPENAI_INPUT]);
    usage->completion = ngx_llm_openai_either(COMPLETION,
                                              n[NGX_LLM_OPENAI_OUTPUT]);
    total = n[NGX_LLM_OPENAI_TOTAL];

    if (usage->completion < 0 && usage->prompt >= 0 && total > usage->prompt) {
        usage->completion = total - usage->prompt;
    }

    if (usage->prompt < 0 && usage->completion < 0) {
        return NGX_DECLINED;
    }

    usage->cached = ngx_llm_openai_either(PROMPT_CACHED,
                        ngx_llm_openai_either(CACHE_HIT,
                        ngx_llm_openai_either(CACHED,
                        ngx_llm_openai_either(CACHE_READ,
                                            n[NGX_LLM_OPENAI_NUM_CACHED]))));

    usage->cache_write = ngx_llm_openai_either(PROMPT_WRITE,
                                             n[NGX_LLM_OPENAI_CACHE_CREATION]);

    usage->audio_prompt = n[NGX_LLM_OPENAI_PROMPT_AUDIO];

    /* they are parts of the prompt */

    rest = ngx_max(usage->prompt, 0);
    usage->cached = ngx_min(usage->cached, rest);

    rest -= ngx_max(usage->cached, 0);
    usage->cache_write = ngx_min(usage->cache_write, rest);

    usage->reasoning = ngx_llm_openai_either(COMPLETION_REASONING,
                                             n[NGX_LLM_OPENAI_REASONING]);

    usage->audio_completion = n[NGX_LLM_OPENAI_COMPLETION_AUDIO];

    /* xAI counts reasoning beside the completion; the total tells */

    if (usage->reasoning > 0 && usage->prompt >= 0 && usage->completion >= 0
        && total > usage->prompt
        && total - usage->prompt - usage->reasoning == usage->completion)
    {
        usage->completion += usage->reasoning;
    }

    usage->reported = 1;

    return NGX_OK;
}


/* of a name that stands twice the last one counts */

static void
ngx_llm_openai_node_counts(ngx_llm_json_t *node,
    const ngx_llm_openai_name_t *names, int64_t *n)
{
    const ngx_llm_openai_name_t  *name;

    for (node = node->child; node; node = node->next) {

        name = ngx_llm_openai_name(names, &node->key);

        if (name == NULL) {
            continue;
        }

        if (name->details == NULL) {
            n[name->count] = ngx_llm_openai_number(node);
            continue;
        }

        ngx_llm_openai_unset(name->details, n);

        if (node->type == NGX_LLM_JSON_OBJECT) {
            ngx_llm_openai_node_counts(node, name->details, n);
        }
    }
}


/* the same without a tree; what is neither number nor details is left to it */

static u_char *
ngx_llm_openai_plain_counts(u_char *p, u_char *last,
    const ngx_llm_openai_name_t *names, int64_t *n)
{
    ngx_str_t                     key;
    ngx_llm_json_t                node;
    const ngx_llm_openai_name_t  *name;

    if (*p++ != '{') {
        return NULL;
    }

    ngx_str_null(&key);

    for ( ;; ) {
        p = ngx_llm_json_member(p, last, &key);

        if (p == NULL || key.data == NULL) {
            return p;
        }

        name = ngx_llm_openai_name(names, &key);

        if (name && name->details) {
            ngx_llm_openai_unset(name->details, n);

            p = ngx_llm_openai_plain_counts(p, last, name->details, n);

            if (p == NULL) {
                return NULL;
            }

            continue;
        }

        p = ngx_llm_json_digits(p, last, &node);

        if (p == NULL) {
            return NULL;
        }

        if (name) {
            n[name->count] = ngx_llm_openai_number(&node);
        }
    }
}


static const ngx_llm_openai_name_t *
ngx_llm_openai_name(const ngx_llm_openai_name_t *name, ngx_str_t *key)
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


/* name: the first of those that are forgotten, NULL: all are */

static void
ngx_llm_openai_unset(const ngx_llm_openai_name_t *name, int64_t *n)
{
    ngx_uint_t  i;

    if (name == NULL) {

        for (i = 0; i < NGX_LLM_OPENAI_COUNTS; i++) {
            n[i] = -1;
        }

        return;
    }

    for ( /* void */ ; name->name.len; name++) {
        n[name->count] = -1;
    }
}


static int64_t
ngx_llm_openai_number(ngx_llm_json_t *node)
{
    int64_t  n;

    if (ngx_llm_json_int(node, &n) != NGX_OK || n < 0) {
        return -1;
    }

    return ngx_min(n, NGX_LLM_OPENAI_MAX_COUNT);
}
