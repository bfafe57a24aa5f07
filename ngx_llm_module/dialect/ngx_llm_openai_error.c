
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_openai.h"


/* the longest "type", "code" or "param" that is taken from a provider */
#define NGX_LLM_OPENAI_MAX_WORD  128


/*
 * What a provider's "code" or "type" says about the failure, whatever its
 * status: the status that would have said so.
 */

typedef struct {
    char        *word;
    ngx_uint_t   status;
    ngx_uint_t   fail;      /* where the status does not tell, else 0 */
} ngx_llm_openai_error_word_t;


static ngx_uint_t ngx_llm_openai_error_own(ngx_llm_json_t *root,
    ngx_llm_error_t *err);
static void ngx_llm_openai_error_words(ngx_pool_t *pool,
    ngx_llm_json_t *error, ngx_llm_error_t *err);
static ngx_uint_t ngx_llm_openai_error_code(ngx_llm_error_t *err,
    ngx_str_t *word);
static ngx_uint_t ngx_llm_openai_error_number(ngx_llm_json_t *error);
static ngx_str_t ngx_llm_openai_error_message(ngx_pool_t *pool,
    ngx_llm_json_t *root, ngx_llm_json_t *error);
static ngx_str_t ngx_llm_openai_word(ngx_pool_t *pool, ngx_llm_json_t *node);
static ngx_uint_t ngx_llm_openai_word_is(ngx_str_t *word, char *name);
static ngx_uint_t ngx_llm_openai_plain_word(ngx_str_t *word);
static ngx_uint_t ngx_llm_openai_begins(ngx_str_t *text, char *prefix);
static ngx_str_t ngx_llm_openai_cut(ngx_str_t *escaped, size_t max);


static const ngx_llm_openai_error_word_t  ngx_llm_openai_error_codes[] = {
    { "context_length_exceeded",      400, NGX_LLM_FAIL_CONTEXT },
    { "exceed_context_size_error",    400, NGX_LLM_FAIL_CONTEXT },
    { "context_window_exceeded",      400, NGX_LLM_FAIL_CONTEXT },

    { "content_policy_violation",     400, NGX_LLM_FAIL_CONTENT },
    { "content_filter",               400, NGX_LLM_FAIL_CONTENT },
    { "moderation_blocked",           400, NGX_LLM_FAIL_CONTENT },
    { "ResponsibleAIPolicyViolation", 400, NGX_LLM_FAIL_CONTENT },

    { "model_not_found",              404, 0 },
    { "model_not_available",          404, 0 },
    { "DeploymentNotFound",           404, 0 },

    { "insufficient_quota",           429, 0 },
    { "credit_balance_exhausted",     429, 0 },
    { "billing_hard_limit_reached",   429, 0 },
    { "rate_limit_exceeded",          429, 0 },
    { "rate_limit_error",             429, 0 },
    { "slow_down",                    429, 0 },
    { "rate_limited",                 429, 0 },

    { "server_is_overloaded",         503, 0 },
    { "service_unavailable_error",    503, 0 },
    { "overloaded_error",             503, 0 },
    { "engine_overloaded_error",      503, 0 },

    { "invalid_api_key",              401, 0 },
    { "authentication_error",         401, 0 },

    { NULL, 0, 0 }
};


void
ngx_llm_openai_write_error(ngx_llm_error_t *err, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "{\"error\":{\"message\":");
    ngx_llm_out_quoted(out, &err->message);

    ngx_llm_out_lit(out, ",\"type\":");
    ngx_llm_out_json_string(out, &err->type);

    ngx_llm_out_lit(out, ",\"param\":");

    if (err->param.data) {
        ngx_llm_out_json_string(out, &err->param);

    } else {
        ngx_llm_out_lit(out, "null");
    }

    ngx_llm_out_lit(out, ",\"code\":");

    if (err->code.data) {
        ngx_llm_out_json_string(out, &err->code);

    } else {
        ngx_llm_out_lit(out, "null");
    }

    ngx_llm_out_lit(out, "}}");
}


void
ngx_llm_openai_write_stream_error(ngx_llm_error_t *err, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "data: ");
    ngx_llm_openai_write_error(err, out);
    ngx_llm_out_lit(out, "\n\n");
}


void
ngx_llm_openai_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err)
{
    ngx_llm_json_t  *root;

    root = text->len ? ngx_llm_json_parse(pool, text, NULL) : NULL;

    if (root && root->type == NGX_LLM_JSON_ARRAY) {
        root = root->child;
    }

    if (root && root->type == NGX_LLM_JSON_OBJECT) {
        ngx_llm_openai_error_node(pool, status, root, err);

        if (ngx_llm_openai_error_own(root, err)) {
            err->raw = root->raw;
        }

        return;
    }

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    ngx_llm_error_status(err, status);

    err->message = ngx_llm_error_body(pool, status, text);

    if (err->fail & (NGX_LLM_FAIL_REQUEST|NGX_LLM_FAIL_SERVER_ERROR)) {
        ngx_llm_error_text(err, &err->message);
    }
}


/*
 * Servers that resemble OpenAI's have numbers for codes, words of their own
 * for a prompt that is too long, or other shapes: clients would not know them.
 */

static ngx_uint_t
ngx_llm_openai_error_own(ngx_llm_json_t *root, ngx_llm_error_t *err)
{
    ngx_str_t        code;
    ngx_uint_t       i;
    ngx_llm_json_t  *error, *node;

    static char  *names[] = { "message", "type", "param", "code", NULL };

    error = ngx_llm_json_get(root, "error");

    if (error == NULL || error->type != NGX_LLM_JSON_OBJECT) {
        return 0;
    }

    for (i = 0; names[i]; i++) {

        node = ngx_llm_json_set(error, names[i]);

        if (node ? node->type != NGX_LLM_JSON_STRING : i == 0) {
            return 0;
        }
    }

    if (err->fail & NGX_LLM_FAIL_CONTEXT) {
        code = ngx_llm_json_str(error, "code");
        return ngx_llm_json_is(&code, "context_length_exceeded");
    }

    return 1;
}


ngx_llm_json_t *
ngx_llm_openai_error_member(ngx_llm_json_t *root)
{
    ngx_llm_json_t  *error;

    error = ngx_llm_json_get(root, "error");

    if (error == NULL) {
        return NULL;
    }

    switch (error->type) {

    case NGX_LLM_JSON_OBJECT:
    case NGX_LLM_JSON_ARRAY:
        return error->child ? error : NULL;

    case NGX_LLM_JSON_STRING:
        return (error->raw.len > 2) ? error : NULL;

    case NGX_LLM_JSON_TRUE:
        return error;

    default:
        return NULL;
    }
}


void
ngx_llm_openai_error_node(ngx_pool_t *pool, ngx_uint_t status,
    ngx_llm_json_t *root, ngx_llm_error_t *err)
{
    ngx_str_t        type;
    ngx_uint_t       number;
    ngx_llm_json_t  *error;

    ngx_memzero(err, sizeof(ngx_llm_error_t));
    err->retry_after = -1;

    error = ngx_llm_openai_error_member(root);

    if (error == NULL || error->type != NGX_LLM_JSON_OBJECT) {
        error = root;
    }

    if (status < 300) {

        /* an answer or a stream that is an error: the number may tell */

        number = ngx_llm_openai_error_number(error);

        if (number == 0 && error != root) {
            number = ngx_llm_openai_error_number(root);
        }

        if (number == 0) {
            type = ngx_llm_json_str(error, "type");
            number = ngx_llm_json_is(&type, "invalid_request_error") ? 400
                                                                     : 502;
        }

        status = number;
    }

    ngx_llm_error_status(err, status);

    err->message = ngx_llm_openai_error_message(pool, root, error);

    ngx_llm_openai_error_words(pool, error, err);
}


static void
ngx_llm_openai_error_words(ngx_pool_t *pool, ngx_llm_json_t *error,
    ngx_llm_error_t *err)
{
    ngx_str_t        type, code, inner;
    ngx_llm_json_t  *node;

    type = ngx_llm_openai_word(pool, ngx_llm_json_get(error, "type"));
    code = ngx_llm_openai_word(pool, ngx_llm_json_get(error, "code"));

    node = ngx_llm_json_get(error, "innererror");
    inner = ngx_llm_openai_word(pool, ngx_llm_json_get(node, "code"));

    err->param = ngx_llm_openai_word(pool, ngx_llm_json_get(error, "param"));

    if (ngx_llm_openai_error_code(err, &code)
        || ngx_llm_openai_error_code(err, &inner)
        || ngx_llm_openai_error_code(err, &type))
    {
        return;
    }

    if (err->fail & (NGX_LLM_FAIL_REQUEST|NGX_LLM_FAIL_SERVER_ERROR)) {

        ngx_llm_error_text(err, &err->message);

        if (err->fail & (NGX_LLM_FAIL_CONTEXT|NGX_LLM_FAIL_CONTENT)) {
            return;
        }
    }

    if (!(err->fail & NGX_LLM_FAIL_REQUEST)) {
        return;
    }

    if (ngx_llm_openai_begins(&err->message, "Incorrect API key")
        || ngx_llm_openai_begins(&err->message, "API key not valid")
        || ngx_llm_openai_begins(&err->message, "Invalid API key"))
    {
        /* some say 400 */

        ngx_llm_error_status(err, 401);
        return;
    }

    /* a refusal of the request keeps its words, if they are OpenAI's kind */

    if (ngx_llm_openai_plain_word(&type)) {
        err->type = type;
    }

    if (ngx_llm_openai_plain_word(&code)) {
        err->code = code;
    }
}


static ngx_uint_t
ngx_llm_openai_error_code(ngx_llm_error_t *err, ngx_str_t *word)
{
    const ngx_llm_openai_error_word_t  *w;

    if (word->len == 0) {
        return 0;
    }

    for (w = ngx_llm_openai_error_codes; w->word; w++) {

        if (!ngx_llm_openai_word_is(word, w->word)) {
            continue;
        }

        ngx_llm_error_status(err, w->status);

        if (w->fail == 0) {
            return 1;
        }

        err->fail = w->fail;

        if (w->fail == NGX_LLM_FAIL_CONTEXT) {
            ngx_str_set(&err->code, "context_length_exceeded");

        } else if (ngx_llm_openai_plain_word(word)) {
            err->code = *word;

        } else {
            ngx_str_set(&err->code, "content_filter");
        }

        return 1;
    }

    return 0;
}


/* an HTTP status in "code" or "status" */

static ngx_uint_t
ngx_llm_openai_error_number(ngx_llm_json_t *error)
{
    int64_t          n;
    ngx_str_t        text;
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    static char  *names[] = { "code", "status", "status_code",
                              "raw_status_code", NULL };

    for (i = 0; names[i]; i++) {

        node = ngx_llm_json_get(error, names[i]);

        if (node && node->type == NGX_LLM_JSON_STRING) {
            text = ngx_llm_json_text(node);
            n = (text.len == 3) ? ngx_atoi(text.data, text.len) : NGX_ERROR;

        } else if (ngx_llm_json_int(node, &n) != NGX_OK) {
            continue;
        }

        if (n >= 400 && n <= 599) {
            return n;
        }
    }

    return 0;
}


static ngx_str_t
ngx_llm_openai_error_message(ngx_pool_t *pool, ngx_llm_json_t *root,
    ngx_llm_json_t *error)
{
    ngx_str_t        text;
    ngx_uint_t       i;
    ngx_llm_json_t  *node, *list;

    static char  *names[] = { "message", "detail", "msg", "error", "errors",
                              "title", NULL };

    node = NULL;

    for (i = 0; names[i]; i++) {

        node = ngx_llm_json_get(error, names[i]);

        if (node && node->type == NGX_LLM_JSON_ARRAY) {

            /* "detail" of FastAPI: a list of objects with "msg" */

            list = node->child;
            node = ngx_llm_json_get(list, "msg");

            if (node == NULL) {
                node = ngx_llm_json_get(list, "message");
            }

            if (node == NULL) {
                node = list;
            }

        } else if (node && node->type == NGX_LLM_JSON_OBJECT) {
            node = ngx_llm_json_get(node, "message");
        }

        if (node && node->type == NGX_LLM_JSON_STRING && node->raw.len > 2) {
            text = ngx_llm_json_text(node);
            return ngx_llm_openai_cut(&text, NGX_LLM_MAX_ERROR_TEXT);
        }
    }

    return ngx_llm_error_body(pool, 502, &root->raw);
}


/* a short string in plain text, else absent */

static ngx_str_t
ngx_llm_openai_word(ngx_pool_t *pool, ngx_llm_json_t *node)
{
    ngx_str_t  word;

    ngx_str_null(&word);

    if (node == NULL || node->type != NGX_LLM_JSON_STRING
        || node->raw.len <= 2
        || node->raw.len - 2 > NGX_LLM_OPENAI_MAX_WORD)
    {
        return word;
    }

    word = ngx_llm_json_text(node);

    return ngx_llm_json_plain(pool, &word);
}


static ngx_uint_t
ngx_llm_openai_word_is(ngx_str_t *word, char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    return (word->len == len && ngx_strncmp(word->data, name, len) == 0);
}


static ngx_uint_t
ngx_llm_openai_plain_word(ngx_str_t *word)
{
    size_t   i;
    u_char  *p;

    p = word->data;

    for (i = 0; i < word->len; i++) {
        if ((p[i] < 'a' || p[i] > 'z') && p[i] != '_'
            && (i == 0 || p[i] < '0' || p[i] > '9'))
        {
            return 0;
        }
    }

    return (word->len != 0);
}


static ngx_uint_t
ngx_llm_openai_begins(ngx_str_t *text, char *prefix)
{
    size_t  len;

    len = ngx_strlen(prefix);

    return (text->len >= len && ngx_strncmp(text->data, prefix, len) == 0);
}


/* cuts escaped text, but neither an escape nor a character */

static ngx_str_t
ngx_llm_openai_cut(ngx_str_t *escaped, size_t max)
{
    size_t      n;
    u_char     *p, *end, *last;
    ngx_str_t   cut;

    if (escaped->len <= max) {
        return *escaped;
    }

    p = escaped->data;
    last = p + max;
    end = p + escaped->len;

    while (p < last) {

        if (*p == '\\') {
            n = (p[1] == 'u') ? 6 : 2;

            /* both halves of a surrogate pair */

            if (n == 6 && (p[2] == 'd' || p[2] == 'D')
                && (p[3] == '8' || p[3] == '9' || (p[3] | 0x20) == 'a'
                    || (p[3] | 0x20) == 'b')
                && end - p >= 12 && p[6] == '\\' && p[7] == 'u')
            {
                n = 12;
            }

        } else if (*p < 0x80) {
            n = 1;

        } else if (*p < 0xe0) {
            n = 2;

        } else if (*p < 0xf0) {
            n = 3;

        } else {
            n = 4;
        }

        if (n > (size_t) (last - p)) {
            break;
        }

        p += n;
    }

    cut.data = escaped->data;
    cut.len = p - escaped->data;

    return cut;
}
