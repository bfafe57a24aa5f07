
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A client's request.  Refused is what every provider would refuse; what is
 * not known is kept for those who know it.
 */


#include "ngx_llm_openai.h"
#include "ngx_llm_request.h"


#define NGX_LLM_OPENAI_ANY      0

#define ngx_llm_openai_type(t)  (1 << NGX_LLM_JSON_##t)

#define NGX_LLM_OPENAI_BOOL                                                  \
    (ngx_llm_openai_type(TRUE)|ngx_llm_openai_type(FALSE))
#define NGX_LLM_OPENAI_NUMBER   ngx_llm_openai_type(NUMBER)
#define NGX_LLM_OPENAI_STRING   ngx_llm_openai_type(STRING)
#define NGX_LLM_OPENAI_ARRAY    ngx_llm_openai_type(ARRAY)
#define NGX_LLM_OPENAI_OBJECT   ngx_llm_openai_type(OBJECT)


typedef ngx_int_t (*ngx_llm_openai_member_pt)(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);


typedef struct {
    ngx_str_t                  name;
    ngx_uint_t                 types;
    ngx_uint_t                 param;       /* NGX_LLM_PARAMS: none */
    ngx_llm_openai_member_pt   handler;
} ngx_llm_openai_member_t;


static ngx_int_t ngx_llm_openai_members(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *root);
static ngx_llm_openai_member_t *ngx_llm_openai_member_find(ngx_str_t *name);
static ngx_uint_t ngx_llm_openai_member_like(ngx_str_t *name);
static ngx_int_t ngx_llm_openai_member(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_uint_t ngx_llm_openai_given(ngx_llm_chat_t *chat,
    ngx_llm_openai_member_t *m);
static ngx_int_t ngx_llm_openai_bad_type(ngx_llm_openai_read_t *rd,
    ngx_str_t *name, ngx_uint_t types);
static ngx_int_t ngx_llm_openai_read_model(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_read_n(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_read_stop(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_read_stream(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_read_parallel(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_read_format(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_keep_node(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_read_limits(ngx_llm_openai_read_t *rd);
static ngx_int_t ngx_llm_openai_read_limit(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
static ngx_int_t ngx_llm_openai_read_stream_options(ngx_llm_openai_read_t *rd);
static void ngx_llm_openai_read_user(ngx_llm_chat_t *chat);


static ngx_llm_openai_member_t  ngx_llm_openai_request_members[] = {

    { ngx_string("model"), NGX_LLM_OPENAI_STRING,
      NGX_LLM_PARAMS, ngx_llm_openai_read_model },
    { ngx_string("messages"), NGX_LLM_OPENAI_ARRAY,
      NGX_LLM_PARAMS, ngx_llm_openai_keep_node },
    { ngx_string("stream"), NGX_LLM_OPENAI_BOOL,
      NGX_LLM_PARAMS, ngx_llm_openai_read_stream },
    { ngx_string("stream_options"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAMS, ngx_llm_openai_keep_node },
    { ngx_string("max_tokens"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAMS, ngx_llm_openai_keep_node },
    { ngx_string("max_completion_tokens"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAMS, ngx_llm_openai_keep_node },
    { ngx_string("functions"), NGX_LLM_OPENAI_ARRAY,
      NGX_LLM_PARAMS, ngx_llm_openai_keep_node },
    { ngx_string("function_call"),
      NGX_LLM_OPENAI_STRING|NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAMS, ngx_llm_openai_keep_node },

    { ngx_string("stop"), NGX_LLM_OPENAI_STRING|NGX_LLM_OPENAI_ARRAY,
      NGX_LLM_PARAM_STOP, ngx_llm_openai_read_stop },
    { ngx_string("tools"), NGX_LLM_OPENAI_ARRAY,
      NGX_LLM_PARAM_TOOLS, ngx_llm_openai_read_tools },
    { ngx_string("tool_choice"), NGX_LLM_OPENAI_STRING|NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_TOOL_CHOICE, ngx_llm_openai_read_tool_choice },
    { ngx_string("parallel_tool_calls"), NGX_LLM_OPENAI_BOOL,
      NGX_LLM_PARAM_PARALLEL_TOOL_CALLS, ngx_llm_openai_read_parallel },
    { ngx_string("response_format"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_RESPONSE_FORMAT, ngx_llm_openai_read_format },
    { ngx_string("n"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAM_N, ngx_llm_openai_read_n },

    { ngx_string("temperature"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAM_TEMPERATURE, NULL },
    { ngx_string("top_p"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAM_TOP_P, NULL },
    { ngx_string("top_k"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAM_TOP_K, NULL },
    { ngx_string("seed"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAM_SEED, NULL },
    { ngx_string("logit_bias"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_LOGIT_BIAS, NULL },
    { ngx_string("frequency_penalty"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAM_FREQUENCY_PENALTY, NULL },
    { ngx_string("presence_penalty"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAM_PRESENCE_PENALTY, NULL },
    { ngx_string("logprobs"), NGX_LLM_OPENAI_BOOL,
      NGX_LLM_PARAM_LOGPROBS, NULL },
    { ngx_string("top_logprobs"), NGX_LLM_OPENAI_NUMBER,
      NGX_LLM_PARAM_TOP_LOGPROBS, NULL },
    { ngx_string("user"), NGX_LLM_OPENAI_STRING,
      NGX_LLM_PARAM_USER, NULL },
    { ngx_string("safety_identifier"), NGX_LLM_OPENAI_STRING,
      NGX_LLM_PARAM_SAFETY_IDENTIFIER, NULL },
    { ngx_string("metadata"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_METADATA, NULL },
    { ngx_string("store"), NGX_LLM_OPENAI_BOOL,
      NGX_LLM_PARAM_STORE, NULL },
    { ngx_string("service_tier"), NGX_LLM_OPENAI_STRING,
      NGX_LLM_PARAM_SERVICE_TIER, NULL },
    { ngx_string("verbosity"), NGX_LLM_OPENAI_STRING,
      NGX_LLM_PARAM_VERBOSITY, NULL },
    { ngx_string("reasoning_effort"), NGX_LLM_OPENAI_STRING,
      NGX_LLM_PARAM_REASONING_EFFORT, NULL },
    { ngx_string("thinking"), NGX_LLM_OPENAI_ANY,
      NGX_LLM_PARAM_THINKING, NULL },
    { ngx_string("prediction"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_PREDICTION, NULL },
    { ngx_string("modalities"), NGX_LLM_OPENAI_ARRAY,
      NGX_LLM_PARAM_MODALITIES, NULL },
    { ngx_string("audio"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_AUDIO, NULL },
    { ngx_string("web_search_options"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_WEB_SEARCH_OPTIONS, NULL },
    { ngx_string("prompt_cache_key"), NGX_LLM_OPENAI_STRING,
      NGX_LLM_PARAM_PROMPT_CACHE_KEY, NULL },
    { ngx_string("prompt_cache_options"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_PROMPT_CACHE_OPTIONS, NULL },
    { ngx_string("prompt_cache_retention"), NGX_LLM_OPENAI_STRING,
      NGX_LLM_PARAM_PROMPT_CACHE_RETENTION, NULL },
    { ngx_string("moderation"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_MODERATION, NULL },
    { ngx_string("cache_control"), NGX_LLM_OPENAI_OBJECT,
      NGX_LLM_PARAM_CACHE_CONTROL, NULL },

    { ngx_null_string, 0, NGX_LLM_PARAMS, NULL }
};


ngx_int_t
ngx_llm_openai_read_request(ngx_llm_chat_t *chat, ngx_llm_error_t *err)
{
    ngx_int_t               rc;
    ngx_str_t              *name;
    ngx_llm_json_t         *root;
    ngx_llm_json_conf_t     conf;
    ngx_llm_openai_read_t   rd;

    ngx_memzero(&conf, sizeof(ngx_llm_json_conf_t));
    ngx_memzero(&rd, sizeof(ngx_llm_openai_read_t));

    conf.max_depth = NGX_LLM_MAX_DEPTH;
    conf.max_nodes = NGX_LLM_MAX_NODES;

    chat->dialect = &ngx_llm_openai;
    rd.chat = chat;
    rd.err = err;
    rd.plain_tool = &rd.plain_tools;

    if (chat->lazy) {
        conf.take = ngx_llm_openai_take_request;
        conf.data = &rd;
    }

    root = ngx_llm_json_parse(chat->pool, &chat->text, &conf);

    if (root == NULL) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, NULL,
                             "the request body is not valid JSON: %V",
                             &conf.error);
    }

    chat->root = root;

    if (root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_error(chat->pool, err, 400, "invalid_request_error",
                             NULL, NULL,
                             "the request body must be a JSON object");
    }

    /* who reads the first and who the last would see two requests */

    name = ngx_llm_json_alike(root);

    if (name) {
        return ngx_llm_openai_bad(&rd, "is given twice", "%*s",
                                  ngx_min(name->len, 64), name->data);
    }

    rc = ngx_llm_openai_members(&rd, root);
    if (rc != NGX_OK) {
        return rc;
    }

    if (chat->model_node == NULL) {
        return ngx_llm_openai_bad(&rd, "is required", "model");
    }

    if (rd.messages == NULL) {
        return ngx_llm_openai_bad(&rd, "is required", "messages");
    }

    rc = ngx_llm_openai_read_limits(&rd);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_openai_read_stream_options(&rd);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_llm_openai_read_functions(&rd);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_llm_openai_read_user(chat);

    return ngx_llm_openai_read_messages(&rd);
}


static ngx_int_t
ngx_llm_openai_members(ngx_llm_openai_read_t *rd, ngx_llm_json_t *root)
{
    ngx_int_t        rc;
    ngx_llm_json_t  *node;

    for (node = root->child; node; node = node->next) {

        rc = ngx_llm_openai_member(rd, node);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_llm_openai_member_t *
ngx_llm_openai_member_find(ngx_str_t *name)
{
    ngx_llm_openai_member_t  *m;

    for (m = ngx_llm_openai_request_members; m->name.len; m++) {
        if (m->name.len == name->len
            && ngx_memcmp(m->name.data, name->data, m->name.len) == 0)
        {
            return m;
        }
    }

    return NULL;
}


/* some providers make no difference: it would count there, and not here */

static ngx_uint_t
ngx_llm_openai_member_like(ngx_str_t *name)
{
    ngx_llm_openai_member_t  *m;

    for (m = ngx_llm_openai_request_members; m->name.len; m++) {
        if (m->name.len == name->len
            && ngx_strncasecmp(m->name.data, name->data, m->name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_llm_openai_member(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    ngx_llm_openai_member_t  *m;

    m = ngx_llm_openai_member_find(&node->key);

    if (m == NULL) {

        if (ngx_llm_openai_member_like(&node->key)) {
            return ngx_llm_openai_bad(rd, "is written in lower case", "%V",
                                      &node->key);
        }

        return ngx_llm_chat_unknown(rd->chat, node);
    }

    if (node->type == NGX_LLM_JSON_NULL) {
        return NGX_OK;
    }

    if (m->types && !(m->types & (1 << node->type))) {
        return ngx_llm_openai_bad_type(rd, &m->name, m->types);
    }

    if (m->param != NGX_LLM_PARAMS) {
        rd->chat->param[m->param] = node;
    }

    return m->handler ? m->handler(rd, node) : NGX_OK;
}


ngx_int_t
ngx_llm_openai_bad(ngx_llm_openai_read_t *rd, char *what, const char *fmt, ...)
{
    u_char   *p, *path;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(rd->path, rd->path + sizeof(rd->path) - 1, fmt, args);
    va_end(args);

    *p++ = '\0';

    path = ngx_pnalloc(rd->chat->pool, p - rd->path);
    if (path == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(path, rd->path, p - rd->path);

    return ngx_llm_error(rd->chat->pool, rd->err, 400,
                         "invalid_request_error", NULL, (char *) path,
                         "\"%s\" %s", path, what);
}


static ngx_int_t
ngx_llm_openai_bad_type(ngx_llm_openai_read_t *rd, ngx_str_t *name,
    ngx_uint_t types)
{
    char  *what;

    switch (types) {

    case NGX_LLM_OPENAI_BOOL:
        what = "must be true or false";
        break;

    case NGX_LLM_OPENAI_NUMBER:
        what = "must be a number";
        break;

    case NGX_LLM_OPENAI_STRING:
        what = "must be a string";
        break;

    case NGX_LLM_OPENAI_ARRAY:
        what = "must be an array";
        break;

    case NGX_LLM_OPENAI_OBJECT:
        what = "must be an object";
        break;

    case NGX_LLM_OPENAI_STRING|NGX_LLM_OPENAI_ARRAY:
        what = "must be a string or an array";
        break;

    default: /* NGX_LLM_OPENAI_STRING|NGX_LLM_OPENAI_OBJECT */
        what = "must be a string or an object";
        break;
    }

    return ngx_llm_openai_bad(rd, what, "%V", name);
}


static ngx_int_t
ngx_llm_openai_read_model(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    size_t      i;
    ngx_str_t   text;

    text = ngx_llm_json_text(node);

    if (text.len == 0) {
        return ngx_llm_openai_bad(rd, "must not be empty", "model");
    }

    if (text.len > NGX_LLM_OPENAI_MAX_MODEL) {
        return ngx_llm_openai_bad(rd, "is too long", "model");
    }

    rd->chat->model = ngx_llm_json_plain(rd->chat->pool, &text);

    if (rd->chat->model.data == NULL) {
        return NGX_ERROR;
    }

    /* it becomes part of paths and headers */

    for (i = 0; i < rd->chat->model.len; i++) {
        if (rd->chat->model.data[i] < 0x20 || rd->chat->model.data[i] == 0x7f)
        {
            return ngx_llm_openai_bad(rd, "has a control character", "model");
        }
    }

    rd->chat->model_node = node;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_n(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    int64_t  n;

    if (ngx_llm_json_int(node, &n) != NGX_OK
        || n < 1 || n > NGX_LLM_OPENAI_MAX_CHOICES)
    {
        return ngx_llm_openai_bad(rd, "must be an integer from 1 to 128", "n");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_stop(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    ngx_str_t       *s;
    ngx_uint_t       n;
    ngx_llm_json_t  *item;
    ngx_llm_chat_t  *chat;

    chat = rd->chat;

    if (node->type == NGX_LLM_JSON_ARRAY) {

        n = 0;

        for (item = node->child; item; item = item->next) {

            if (item->type != NGX_LLM_JSON_STRING) {
                return ngx_llm_openai_bad(rd, "must be a string", "stop[%ui]",
                                          n);
            }

            if (++n > NGX_LLM_OPENAI_MAX_STOP) {
                return ngx_llm_openai_bad(rd, "has too many entries", "stop");
            }
        }

        if (n == 0) {
            return NGX_OK;
        }

        item = node->child;

    } else {
        n = 1;
        item = node;
    }

    chat->stop = ngx_array_create(chat->pool, n, sizeof(ngx_str_t));
    if (chat->stop == NULL) {
        return NGX_ERROR;
    }

    while (n--) {
        s = ngx_array_push(chat->stop);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = ngx_llm_json_text(item);
        item = item->next;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_stream(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    rd->chat->stream = (node->type == NGX_LLM_JSON_TRUE);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_parallel(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    rd->chat->parallel_set = 1;
    rd->chat->parallel = (node->type == NGX_LLM_JSON_TRUE);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_format(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    ngx_str_t        type;
    ngx_llm_json_t  *format, *schema;
    ngx_llm_chat_t  *chat;

    chat = rd->chat;

    type = ngx_llm_json_str(node, "type");

    if (type.data == NULL) {
        return ngx_llm_openai_bad(rd, "must be a string",
                                  "response_format.type");
    }

    if (ngx_llm_json_is(&type, "text")) {
        return NGX_OK;
    }

    if (ngx_llm_json_is(&type, "json_object")) {
        chat->format = NGX_LLM_FORMAT_JSON;
        return NGX_OK;
    }

    if (!ngx_llm_json_is(&type, "json_schema")) {

        /* some server's own; who does not know it has to say so */

        return ngx_llm_chat_unknown(rd->chat, node);
    }

    format = ngx_llm_json_set(node, "json_schema");

    if (format == NULL || format->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_bad(rd, "must be an object",
                                  "response_format.json_schema");
    }

    schema = ngx_llm_json_set(format, "schema");

    if (schema && schema->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_openai_bad(rd, "must be an object",
                                  "response_format.json_schema.schema");
    }

    chat->schema_name = ngx_llm_json_str(format, "name");
    chat->schema_strict = ngx_llm_json_true(format, "strict");

    if (schema == NULL) {

        /* any object will do */

        chat->format = NGX_LLM_FORMAT_JSON;
        return NGX_OK;
    }

    chat->format = NGX_LLM_FORMAT_SCHEMA;
    chat->schema = schema->raw;

    return NGX_OK;
}


/* members that are looked at when all are known */

static ngx_int_t
ngx_llm_openai_keep_node(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    switch (node->key.data[0]) {

    case 's': /* stream_options */
        rd->stream_options = node;
        break;

    case 'f': /* functions, function_call */

        if (node->type == NGX_LLM_JSON_ARRAY) {
            rd->functions = node;

        } else {
            rd->function_call = node;
        }

        break;

    default:

        if (node->type == NGX_LLM_JSON_ARRAY) {
            rd->messages = node;

        } else if (node->key.len == sizeof("max_tokens") - 1) {
            rd->max_tokens = node;

        } else {
            rd->max_completion_tokens = node;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_limits(ngx_llm_openai_read_t *rd)
{
    ngx_int_t  rc;

    if (rd->max_tokens) {
        rc = ngx_llm_openai_read_limit(rd, rd->max_tokens);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (rd->max_completion_tokens) {
        return ngx_llm_openai_read_limit(rd, rd->max_completion_tokens);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_limit(ngx_llm_openai_read_t *rd, ngx_llm_json_t *node)
{
    int64_t  n;

    /* to local servers -1 is no limit */

    if (ngx_llm_json_int(node, &n) != NGX_OK || n == 0 || n < -1) {
        return ngx_llm_openai_bad(rd, "must be a positive integer", "%V",
                                  &node->key);
    }

    rd->chat->max_tokens = n;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_openai_read_stream_options(ngx_llm_openai_read_t *rd)
{
    ngx_llm_json_t  *node;

    if (rd->stream_options == NULL) {
        return NGX_OK;
    }

    if (!rd->chat->stream) {
        return ngx_llm_openai_bad(rd, "is only allowed when \"stream\" is "
                                  "true", "stream_options");
    }

    if (ngx_llm_json_duplicate(rd->stream_options)) {
        return ngx_llm_openai_bad(rd, "has a member twice", "stream_options");
    }

    node = ngx_llm_json_set(rd->stream_options, "include_usage");

    if (node == NULL) {
        return NGX_OK;
    }

    if (!(NGX_LLM_OPENAI_BOOL & (1 << node->type))) {
        return ngx_llm_openai_bad(rd, "must be true or false",
                                  "stream_options.include_usage");
    }

    rd->chat->include_usage = (node->type == NGX_LLM_JSON_TRUE);

    return NGX_OK;
}


static void
ngx_llm_openai_read_user(ngx_llm_chat_t *chat)
{
    ngx_uint_t       i;
    ngx_llm_json_t  *node;

    static ngx_uint_t  params[] = { NGX_LLM_PARAM_USER,
                                    NGX_LLM_PARAM_SAFETY_IDENTIFIER };

    for (i = 0; i < 2; i++) {

        node = chat->param[params[i]];

        if (node && node->raw.len > 2) {
            chat->user = ngx_llm_json_text(node);
            return;
        }
    }
}


/* what the gateway itself decides, or what makes sense beside others alone */

ngx_int_t
ngx_llm_request_settable(ngx_str_t *name)
{
    ngx_llm_openai_member_t  *m;

    m = ngx_llm_openai_member_find(name);

    if (m == NULL) {
        return NGX_DECLINED;
    }

    if (m->handler == ngx_llm_openai_read_model
        || m->handler == ngx_llm_openai_read_stream
        || m->handler == ngx_llm_openai_read_tools
        || m->handler == ngx_llm_openai_read_tool_choice
        || (m->handler == ngx_llm_openai_keep_node
            && m->types != NGX_LLM_OPENAI_NUMBER))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_request_set(ngx_llm_chat_t *chat, ngx_llm_set_t *set,
    ngx_llm_error_t *err)
{
    ngx_int_t                 rc;
    ngx_llm_openai_read_t     rd;
    ngx_llm_openai_member_t  *m;

    m = ngx_llm_openai_member_find(&set->name);

    if (m == NULL || (!set->force && ngx_llm_openai_given(chat, m))) {
        return NGX_OK;
    }

    ngx_memzero(&rd, sizeof(ngx_llm_openai_read_t));

    rd.chat = chat;
    rd.err = err;

    if (m->param == NGX_LLM_PARAM_RESPONSE_FORMAT) {
        chat->format = NGX_LLM_FORMAT_TEXT;
    }

    rc = ngx_llm_openai_member(&rd, set->node);

    if (rc == NGX_OK) {
        rc = ngx_llm_openai_read_limits(&rd);
    }

    if (rc == NGX_OK && m->param == NGX_LLM_PARAM_USER) {
        ngx_llm_openai_read_user(chat);
    }

    return rc;
}


/* did the client say it, in whichever dialect? */

static ngx_uint_t
ngx_llm_openai_given(ngx_llm_chat_t *chat, ngx_llm_openai_member_t *m)
{
    switch (m->param) {

    case NGX_LLM_PARAMS:
        /* the limit */
        return (chat->max_tokens != -1);

    case NGX_LLM_PARAM_STOP:
        return (chat->stop != NULL && chat->stop->nelts);

    case NGX_LLM_PARAM_PARALLEL_TOOL_CALLS:
        return chat->parallel_set;

    case NGX_LLM_PARAM_RESPONSE_FORMAT:
        return (chat->format != NGX_LLM_FORMAT_TEXT
                || chat->param[m->param] != NULL);

    case NGX_LLM_PARAM_USER:
        return (chat->user.len != 0);

    case NGX_LLM_PARAM_REASONING_EFFORT:
        return (chat->param[m->param] != NULL
                || chat->param[NGX_LLM_PARAM_THINKING] != NULL);

    default:
        return (chat->param[m->param] != NULL);
    }
}
