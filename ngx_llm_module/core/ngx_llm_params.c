
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_params.h"


typedef enum {
    NGX_LLM_DEFAULT_EMPTY = 0,      /* {}, [] and "" say nothing */
    NGX_LLM_DEFAULT_NONE,           /* whatever is given says something */
    NGX_LLM_DEFAULT_ZERO,
    NGX_LLM_DEFAULT_ONE,
    NGX_LLM_DEFAULT_FALSE,
    NGX_LLM_DEFAULT_WORD,           /* one of two */
    NGX_LLM_DEFAULT_TYPE,           /* an object of that "type" */
    NGX_LLM_DEFAULT_LIST            /* an array of that word alone */
} ngx_llm_default_e;


typedef struct {
    ngx_str_t           name;
    ngx_uint_t          meaning;    /* not a hint */
    ngx_llm_default_e   def;
    char               *word;
    char               *other;
} ngx_llm_param_row_t;


static ngx_uint_t ngx_llm_param_given(ngx_llm_chat_t *chat, ngx_uint_t id);
static ngx_uint_t ngx_llm_param_neutral(ngx_llm_param_row_t *row,
    ngx_llm_json_t *node);


/* in the order of ngx_llm_param_e */

static ngx_llm_param_row_t  ngx_llm_param_rows[] = {

    { ngx_string("temperature"), 0, NGX_LLM_DEFAULT_ONE, NULL, NULL },
    { ngx_string("top_p"), 0, NGX_LLM_DEFAULT_ONE, NULL, NULL },
    { ngx_string("top_k"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("n"), 1, NGX_LLM_DEFAULT_ONE, NULL, NULL },
    { ngx_string("seed"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("logit_bias"), 0, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("frequency_penalty"), 0, NGX_LLM_DEFAULT_ZERO, NULL, NULL },
    { ngx_string("presence_penalty"), 0, NGX_LLM_DEFAULT_ZERO, NULL, NULL },
    { ngx_string("logprobs"), 1, NGX_LLM_DEFAULT_FALSE, NULL, NULL },
    { ngx_string("top_logprobs"), 1, NGX_LLM_DEFAULT_ZERO, NULL, NULL },
    { ngx_string("user"), 0, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("safety_identifier"), 0, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("metadata"), 0, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("store"), 0, NGX_LLM_DEFAULT_FALSE, NULL, NULL },
    { ngx_string("service_tier"), 0, NGX_LLM_DEFAULT_WORD, "auto", "default" },
    { ngx_string("verbosity"), 0, NGX_LLM_DEFAULT_WORD, "medium", NULL },
    { ngx_string("reasoning_effort"), 0, NGX_LLM_DEFAULT_WORD, "medium",
      NULL },
    { ngx_string("thinking"), 0, NGX_LLM_DEFAULT_TYPE, "disabled", NULL },
    { ngx_string("prediction"), 0, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("modalities"), 1, NGX_LLM_DEFAULT_LIST, "text", NULL },
    { ngx_string("audio"), 1, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("web_search_options"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("prompt_cache_key"), 0, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("prompt_cache_options"), 0, NGX_LLM_DEFAULT_EMPTY, NULL,
      NULL },
    { ngx_string("prompt_cache_retention"), 0, NGX_LLM_DEFAULT_WORD,
      "in-memory", "in_memory" },
    { ngx_string("moderation"), 0, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("cache_control"), 0, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("thread"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("compaction"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },

    { ngx_string("echo"), 1, NGX_LLM_DEFAULT_FALSE, NULL, NULL },
    { ngx_string("suffix"), 1, NGX_LLM_DEFAULT_EMPTY, NULL, NULL },
    { ngx_string("best_of"), 1, NGX_LLM_DEFAULT_ONE, NULL, NULL },
    { ngx_string("prompt"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },

    /* these are looked at in their neutral form */

    { ngx_string("stop"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("tools"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("tool_choice"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("parallel_tool_calls"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("response_format"), 1, NGX_LLM_DEFAULT_NONE, NULL, NULL },

    /* of embeddings, rerank, images, speech */

    { ngx_string("dimensions"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("encoding_format"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("input_type"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("top_n"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("return_documents"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("background"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("input_fidelity"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("output_compression"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("output_format"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("partial_images"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("quality"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("size"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("style"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("instructions"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("speed"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL },
    { ngx_string("stream_format"), 0, NGX_LLM_DEFAULT_NONE, NULL, NULL }
};


ngx_uint_t
ngx_llm_param_find(ngx_str_t *name)
{
    ngx_uint_t  id;

    for (id = 0; id < NGX_LLM_PARAMS; id++) {

        if (ngx_llm_param_rows[id].name.len == name->len
            && ngx_memcmp(ngx_llm_param_rows[id].name.data, name->data,
                          name->len)
               == 0)
        {
            break;
        }
    }

    return id;
}


ngx_str_t *
ngx_llm_param_name(ngx_uint_t id)
{
    return &ngx_llm_param_rows[id].name;
}


ngx_int_t
ngx_llm_params_check(ngx_llm_chat_t *chat, uint64_t takes, uint64_t drop,
    ngx_str_t *provider, ngx_llm_error_t *err)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_llm_json_t  **unknown;

    if (chat->dropped) {
        chat->dropped->nelts = 0;
    }

    rc = ngx_llm_params_lacks(chat, ~takes, drop, provider, err);

    if (rc != NGX_OK || chat->unknown == NULL) {
        return rc;
    }

    unknown = chat->unknown->elts;

    for (i = 0; i < chat->unknown->nelts; i++) {

        if (unknown[i]->type == NGX_LLM_JSON_NULL) {
            continue;
        }

        if (ngx_llm_params_dropped(chat, &unknown[i]->key) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_params_lacks(ngx_llm_chat_t *chat, uint64_t lacks, uint64_t drop,
    ngx_str_t *provider, ngx_llm_error_t *err)
{
    uint64_t              bit;
    ngx_uint_t            id;
    ngx_llm_param_row_t  *row;

    for (id = 0; id < NGX_LLM_PARAMS; id++) {

        bit = ngx_llm_param_bit(id);

        if (!(lacks & bit) || !ngx_llm_param_given(chat, id)) {
            continue;
        }

        row = &ngx_llm_param_rows[id];

        if (row->meaning && !(drop & bit)) {
            return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                                 "unsupported_parameter",
                                 (char *) row->name.data,
                                 "provider \"%V\" cannot take the parameter "
                                 "\"%V\" for this model",
                                 provider, &row->name);
        }

        if (ngx_llm_params_dropped(chat, &row->name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_llm_params_remove(ngx_llm_chat_t *chat, uint64_t params)
{
    ngx_uint_t  id;

    for (id = 0; id < NGX_LLM_PARAMS; id++) {

        if (!(params & ngx_llm_param_bit(id))) {
            continue;
        }

        chat->param[id] = NULL;

        switch (id) {

        case NGX_LLM_PARAM_USER:
            ngx_str_null(&chat->user);
            break;

        case NGX_LLM_PARAM_STOP:
            chat->stop = NULL;
            break;

        case NGX_LLM_PARAM_TOOLS:
            chat->tools = NULL;
            chat->ntools = 0;
            chat->legacy_functions = 0;
            chat->parallel_set = 0;

            /* fall through */

        case NGX_LLM_PARAM_TOOL_CHOICE:
            chat->tool_choice = NGX_LLM_TOOL_CHOICE_UNSET;
            chat->allowed_tools = NULL;
            break;

        case NGX_LLM_PARAM_PARALLEL_TOOL_CALLS:
            chat->parallel_set = 0;
            break;

        case NGX_LLM_PARAM_RESPONSE_FORMAT:
            chat->format = NGX_LLM_FORMAT_TEXT;
            break;

        default:
            break;
        }
    }
}


static ngx_uint_t
ngx_llm_param_given(ngx_llm_chat_t *chat, ngx_uint_t id)
{
    switch (id) {

    case NGX_LLM_PARAM_STOP:
        return (chat->stop && chat->stop->nelts);

    case NGX_LLM_PARAM_TOOLS:
        return (chat->tools != NULL);

    case NGX_LLM_PARAM_TOOL_CHOICE:

        if (chat->tool_choice == NGX_LLM_TOOL_CHOICE_NONE) {
            return (chat->tools != NULL);
        }

        return (chat->tool_choice != NGX_LLM_TOOL_CHOICE_UNSET
                && chat->tool_choice != NGX_LLM_TOOL_CHOICE_AUTO);

    case NGX_LLM_PARAM_PARALLEL_TOOL_CALLS:
        return (chat->parallel_set && !chat->parallel && chat->tools != NULL);

    case NGX_LLM_PARAM_RESPONSE_FORMAT:
        return (chat->format != NGX_LLM_FORMAT_TEXT);

    default:
        return (chat->param[id]
                && !ngx_llm_param_neutral(&ngx_llm_param_rows[id],
                                          chat->param[id]));
    }
}


static ngx_uint_t
ngx_llm_param_neutral(ngx_llm_param_row_t *row, ngx_llm_json_t *node)
{
    int64_t     n;
    ngx_str_t   text;

    if (node->type == NGX_LLM_JSON_NULL) {
        return 1;
    }

    switch (row->def) {

    case NGX_LLM_DEFAULT_NONE:
        return 0;

    case NGX_LLM_DEFAULT_ZERO:
        return (ngx_llm_json_int(node, &n) == NGX_OK && n == 0);

    case NGX_LLM_DEFAULT_ONE:
        return (ngx_llm_json_int(node, &n) == NGX_OK && n == 1);

    case NGX_LLM_DEFAULT_FALSE:
        return (node->type == NGX_LLM_JSON_FALSE);

    case NGX_LLM_DEFAULT_WORD:
        text = ngx_llm_json_text(node);
        break;

    case NGX_LLM_DEFAULT_TYPE:
        text = ngx_llm_json_str(node, "type");
        break;

    case NGX_LLM_DEFAULT_LIST:
        ngx_str_null(&text);

        if (node->type == NGX_LLM_JSON_ARRAY && node->child
            && node->child->next == NULL)
        {
            text = ngx_llm_json_text(node->child);
        }

        break;

    default: /* NGX_LLM_DEFAULT_EMPTY */
        ngx_str_null(&text);
        break;
    }

    if (text.data && row->word && ngx_llm_json_is(&text, row->word)) {
        return 1;
    }

    if (text.data && row->other && ngx_llm_json_is(&text, row->other)) {
        return 1;
    }

    switch (node->type) {

    case NGX_LLM_JSON_STRING:
        return (node->raw.len == 2);

    case NGX_LLM_JSON_ARRAY:
    case NGX_LLM_JSON_OBJECT:
        return (node->child == NULL);

    default:
        return 0;
    }
}


ngx_int_t
ngx_llm_params_dropped(ngx_llm_chat_t *chat, ngx_str_t *name)
{
    ngx_str_t  *dropped;

    if (chat->dropped == NULL) {

        chat->dropped = ngx_array_create(chat->pool, 4, sizeof(ngx_str_t));
        if (chat->dropped == NULL) {
            return NGX_ERROR;
        }
    }

    if (chat->dropped->nelts == NGX_LLM_MAX_DROPPED) {
        return NGX_OK;
    }

    dropped = ngx_array_push(chat->dropped);
    if (dropped == NULL) {
        return NGX_ERROR;
    }

    if (chat->dropped->nelts == NGX_LLM_MAX_DROPPED) {
        ngx_str_set(dropped, "...");

    } else {
        *dropped = *name;
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_params_drop(ngx_llm_chat_t *chat, char *name)
{
    ngx_str_t    s, *dropped;
    ngx_uint_t   i;

    s.data = (u_char *) name;
    s.len = ngx_strlen(name);

    if (chat->dropped != NULL) {
        dropped = chat->dropped->elts;

        for (i = 0; i < chat->dropped->nelts; i++) {

            if (dropped[i].len == s.len
                && ngx_memcmp(dropped[i].data, s.data, s.len) == 0)
            {
                return NGX_OK;
            }
        }
    }

    return ngx_llm_params_dropped(chat, &s);
}
