
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A key's definition: JSON whose members are statements of llm_key.  They go
 * through the same table of commands as those of the configuration, so that
 * there is one grammar, and its errors are those of nginx -t.
 */


#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_runtime.h"


/* what the messages of commands end with, and clients do not need to see */
#define NGX_HTTP_LLM_RUNTIME_FILE     "(definition)"
#define NGX_HTTP_LLM_RUNTIME_PLACE    " in " NGX_HTTP_LLM_RUNTIME_FILE

#define NGX_HTTP_LLM_RUNTIME_WORDS    64


typedef enum {
    NGX_HTTP_LLM_MEMBER_ONE = 0,        /* a statement of one word */
    NGX_HTTP_LLM_MEMBER_EACH,           /* one of each string, in words */
    NGX_HTTP_LLM_MEMBER_ALL,            /* one of all strings */
    NGX_HTTP_LLM_MEMBER_FLAG,           /* true, false */
    NGX_HTTP_LLM_MEMBER_PAIRS,          /* one of each member */
    NGX_HTTP_LLM_MEMBER_OWN             /* no statement */
} ngx_http_llm_member_e;


typedef struct {
    ngx_str_t                     name;
    char                         *statement;
    ngx_http_llm_member_e         kind;
} ngx_http_llm_member_t;


typedef struct {
    ngx_log_t                     log;
    ngx_open_file_t               file;
    u_char                       *text;
    size_t                        len;
} ngx_http_llm_capture_t;


static ngx_int_t ngx_http_llm_runtime_member(ngx_conf_t *cf,
    ngx_http_llm_key_t *key, ngx_llm_json_t *node, ngx_str_t *error);
static ngx_int_t ngx_http_llm_runtime_statement(ngx_conf_t *cf,
    ngx_http_llm_key_t *key);
static ngx_int_t ngx_http_llm_runtime_words(ngx_conf_t *cf, ngx_str_t *text);
static ngx_int_t ngx_http_llm_runtime_word(ngx_conf_t *cf, ngx_str_t *text);
static ngx_int_t ngx_http_llm_runtime_variable(ngx_conf_t *cf,
    ngx_str_t *error);
static void ngx_http_llm_runtime_capture(ngx_log_t *log, ngx_uint_t level,
    u_char *buf, size_t len);
static ngx_int_t ngx_http_llm_runtime_error(ngx_pool_t *pool,
    ngx_str_t *error, const char *fmt, ...);


static ngx_http_llm_member_t  ngx_http_llm_members[] = {
    { ngx_string("name"), NULL, NGX_HTTP_LLM_MEMBER_OWN },
    { ngx_string("disabled"), NULL, NGX_HTTP_LLM_MEMBER_OWN },
    { ngx_string("secret"), "secret", NGX_HTTP_LLM_MEMBER_EACH },
    { ngx_string("team"), "team", NGX_HTTP_LLM_MEMBER_ONE },
    { ngx_string("models"), "models", NGX_HTTP_LLM_MEMBER_ALL },
    { ngx_string("rate"), "rate", NGX_HTTP_LLM_MEMBER_EACH },
    { ngx_string("quota"), "quota", NGX_HTTP_LLM_MEMBER_EACH },
    { ngx_string("concurrency"), "concurrency", NGX_HTTP_LLM_MEMBER_EACH },
    { ngx_string("expires"), "expires", NGX_HTTP_LLM_MEMBER_ONE },
    { ngx_string("tags"), "tag", NGX_HTTP_LLM_MEMBER_PAIRS },
    { ngx_string("limits_dry_run"), "limits_dry_run",
      NGX_HTTP_LLM_MEMBER_FLAG },
    { ngx_string("cap"), "cap", NGX_HTTP_LLM_MEMBER_FLAG },
    { ngx_null_string, NULL, NGX_HTTP_LLM_MEMBER_OWN }
};


ngx_int_t
ngx_http_llm_runtime_parse(ngx_http_llm_main_conf_t *lmcf, ngx_pool_t *pool,
    ngx_str_t *text, ngx_http_llm_key_t **key, ngx_str_t *error)
{
    ngx_int_t               rc;
    ngx_str_t               name, *twice;
    ngx_conf_t              cf;
    ngx_array_t             args;
    ngx_conf_file_t         file;
    ngx_llm_json_t         *root, *node;
    ngx_http_llm_capture_t  capture;

    root = ngx_llm_json_parse(pool, text, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_http_llm_runtime_error(pool, error,
                                          "a JSON object is expected");
    }

    twice = ngx_llm_json_duplicate(root);

    if (twice) {
        return ngx_http_llm_runtime_error(pool, error,
                                          "\"%V\" stands twice", twice);
    }

    name = ngx_llm_json_str(root, "name");
    name = ngx_llm_json_plain(pool, &name);

    if (name.len == 0 || name.len > NGX_HTTP_LLM_MAX_NAME
        || ngx_http_llm_runtime_name_check(&name) != NGX_OK)
    {
        return ngx_http_llm_runtime_error(pool, error,
                                          "\"name\" must be a string of up to "
                                          "%ui letters, digits, \"-\", \"_\", "
                                          "\".\", \"@\", \":\"",
                                          (ngx_uint_t) NGX_HTTP_LLM_MAX_NAME);
    }

    ngx_memzero(&capture, sizeof(ngx_http_llm_capture_t));

    capture.file.fd = NGX_INVALID_FILE;
    capture.log.log_level = NGX_LOG_ERR;
    capture.log.file = &capture.file;
    capture.log.writer = ngx_http_llm_runtime_capture;
    capture.log.wdata = &capture;

    capture.text = ngx_pnalloc(pool, NGX_HTTP_LLM_RUNTIME_ERROR);
    if (capture.text == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_conf_file_t));
    ngx_str_set(&file.file.name, NGX_HTTP_LLM_RUNTIME_FILE);

    if (ngx_array_init(&args, pool, 8, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&cf, sizeof(ngx_conf_t));

    cf.args = &args;
    cf.cycle = lmcf->cycle;
    cf.pool = pool;
    cf.temp_pool = pool;
    cf.conf_file = &file;
    cf.log = &capture.log;
    cf.ctx = lmcf->cycle->conf_ctx[ngx_http_module.index];
    cf.module_type = NGX_HTTP_MODULE;
    cf.cmd_type = NGX_HTTP_MAIN_CONF;

    *key = ngx_http_llm_key_create(&cf, &name);
    if (*key == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (node = root->child; node && rc == NGX_OK; node = node->next) {
        rc = ngx_http_llm_runtime_member(&cf, *key, node, error);
    }

    if (rc == NGX_OK) {
        ngx_http_llm_key_end(*key);

        if (ngx_http_llm_key_init(&cf, lmcf, *key) != NGX_OK
            || ngx_http_llm_limits_key(&cf, lmcf, *key) != NGX_OK)
        {
            rc = NGX_ERROR;
        }
    }

    if (rc == NGX_ERROR && capture.len) {
        error->data = capture.text;
        error->len = capture.len;

        return NGX_DECLINED;
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_runtime_member(ngx_conf_t *cf, ngx_http_llm_key_t *key,
    ngx_llm_json_t *node, ngx_str_t *error)
{
    ngx_str_t               text;
    ngx_llm_json_t         *item;
    ngx_http_llm_member_t  *m;

    for (m = ngx_http_llm_members; m->name.len; m++) {
        if (m->name.len == node->key.len
            && ngx_strncmp(m->name.data, node->key.data, m->name.len) == 0)
        {
            break;
        }
    }

    if (m->name.len == 0) {
        return ngx_http_llm_runtime_error(cf->pool, error,
                                          "unknown member \"%V\"", &node->key);
    }

    if (node->type == NGX_LLM_JSON_NULL) {
        return NGX_OK;
    }

    cf->args->nelts = 0;

    if (m->statement) {
        text.data = (u_char *) m->statement;
        text.len = ngx_strlen(m->statement);

        if (ngx_http_llm_runtime_word(cf, &text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    switch (m->kind) {

    case NGX_HTTP_LLM_MEMBER_OWN:

        if (m->name.len == sizeof("disabled") - 1) {

            if (node->type != NGX_LLM_JSON_TRUE
                && node->type != NGX_LLM_JSON_FALSE)
            {
                goto invalid;
            }

            key->disabled = (node->type == NGX_LLM_JSON_TRUE);
        }

        return NGX_OK;

    case NGX_HTTP_LLM_MEMBER_FLAG:

        if (node->type == NGX_LLM_JSON_TRUE) {
            ngx_str_set(&text, "on");

        } else if (node->type == NGX_LLM_JSON_FALSE) {
            ngx_str_set(&text, "off");

        } else {
            goto invalid;
        }

        return ngx_http_llm_runtime_word(cf, &text) == NGX_OK
               ? ngx_http_llm_runtime_statement(cf, key) : NGX_ERROR;

    case NGX_HTTP_LLM_MEMBER_PAIRS:

        if (node->type != NGX_LLM_JSON_OBJECT) {
            goto invalid;
        }

        for (item = node->child; item; item = item->next) {

            if (item->type != NGX_LLM_JSON_STRING) {
                goto invalid;
            }

            text = ngx_llm_json_text(item);
            text = ngx_llm_json_plain(cf->pool, &text);

            cf->args->nelts = 1;

            if (ngx_http_llm_runtime_word(cf, &item->key) != NGX_OK
                || ngx_http_llm_runtime_word(cf, &text) != NGX_OK
                || ngx_http_llm_runtime_statement(cf, key) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        return NGX_OK;

    default: /* ONE, EACH, ALL */
        break;
    }

    /* one string, or a number, stands for a list of one */

    if (node->type == NGX_LLM_JSON_ARRAY) {

        if (m->kind == NGX_HTTP_LLM_MEMBER_ONE) {
            goto invalid;
        }

        item = node->child;

    } else {
        item = node;
    }

    if (item == NULL && m->kind == NGX_HTTP_LLM_MEMBER_ALL) {
        return ngx_http_llm_runtime_error(cf->pool, error,
                                          "\"%V\" is empty, leave it out for "
                                          "all", &node->key);
    }

    for ( /* void */ ; item; item = (item == node) ? NULL : item->next) {

        if (item->type == NGX_LLM_JSON_STRING) {
            text = ngx_llm_json_text(item);
            text = ngx_llm_json_plain(cf->pool, &text);

        } else if (item->type == NGX_LLM_JSON_NUMBER) {
            text = item->raw;

        } else {
            goto invalid;
        }

        if (m->kind != NGX_HTTP_LLM_MEMBER_EACH) {

            if (ngx_http_llm_runtime_word(cf, &text) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        cf->args->nelts = 1;

        if (ngx_http_llm_runtime_words(cf, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_llm_runtime_variable(cf, error) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (ngx_http_llm_runtime_statement(cf, key) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (m->kind == NGX_HTTP_LLM_MEMBER_EACH) {
        return NGX_OK;
    }

    return ngx_http_llm_runtime_statement(cf, key);

invalid:

    return ngx_http_llm_runtime_error(cf->pool, error,
                                      "wrong type of \"%V\"", &node->key);
}


static ngx_int_t
ngx_http_llm_runtime_statement(ngx_conf_t *cf, ngx_http_llm_key_t *key)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    /* nobody reads files or the environment for who may call the API */

    if (ngx_strcmp(value[0].data, "secret") == 0
        && (cf->args->nelts != 2 || value[1].len < 7
            || ngx_strncmp(value[1].data, "sha256:", 7) != 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"secret\" must be \"sha256:HEX\" here");
        return NGX_ERROR;
    }

    return ngx_http_llm_key_statement(cf, key) == NGX_CONF_OK ? NGX_OK
                                                              : NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_runtime_words(ngx_conf_t *cf, ngx_str_t *text)
{
    u_char     *p, *last;
    ngx_str_t   word;

    p = text->data;
    last = p + text->len;

    for ( ;; ) {
        while (p < last && *p == ' ') {
            p++;
        }

        if (p == last) {
            return NGX_OK;
        }

        word.data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        word.len = p - word.data;

        if (cf->args->nelts == NGX_HTTP_LLM_RUNTIME_WORDS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "too many words in \"%V\"",
                               text);
            return NGX_ERROR;
        }

        if (ngx_http_llm_runtime_word(cf, &word) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


/* words of the configuration end with a zero */

static ngx_int_t
ngx_http_llm_runtime_word(ngx_conf_t *cf, ngx_str_t *text)
{
    ngx_str_t  *word;

    word = ngx_array_push(cf->args);
    if (word == NULL) {
        return NGX_ERROR;
    }

    word->len = text->len;
    word->data = ngx_pnalloc(cf->pool, text->len + 1);

    if (word->data == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(word->data, text->data ? text->data : (u_char *) "",
                text->len + 1);

    return NGX_OK;
}


/* requests have room for the variables that the configuration has used */

static ngx_int_t
ngx_http_llm_runtime_variable(ngx_conf_t *cf, ngx_str_t *error)
{
    ngx_str_t                   name, *value;
    ngx_uint_t                  i, j;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    value = cf->args->elts;
    v = cmcf->variables.elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "per=$", 5) != 0) {
            continue;
        }

        name.data = value[i].data + 5;
        name.len = value[i].len - 5;

        for (j = 0; j < cmcf->variables.nelts; j++) {
            if (v[j].name.len == name.len
                && ngx_strncasecmp(v[j].name.data, name.data, name.len) == 0)
            {
                break;
            }
        }

        if (j == cmcf->variables.nelts) {
            return ngx_http_llm_runtime_error(cf->pool, error,
                                              "the variable \"$%V\" is not "
                                              "used in the configuration",
                                              &name);
        }
    }

    return NGX_OK;
}


/* "... [emerg] 12#12: MESSAGE in (definition):0": the message alone */

static void
ngx_http_llm_runtime_capture(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len)
{
    ngx_http_llm_capture_t *capture = log->wdata;

    u_char  *p, *last;

    last = buf + len;

    while (last > buf && (last[-1] == LF || last[-1] == CR)) {
        last--;
    }

    p = ngx_strlchr(buf, last, ']');

    if (p) {
        p = ngx_strlchr(p, last, ':');
    }

    if (p == NULL || last - p < 2) {
        return;
    }

    p += 2;
    len = ngx_min((size_t) (last - p), NGX_HTTP_LLM_RUNTIME_ERROR);

    last = ngx_strnstr(p, NGX_HTTP_LLM_RUNTIME_PLACE, len);

    capture->len = last ? (size_t) (last - p) : len;
    ngx_memcpy(capture->text, p, capture->len);
}


static ngx_int_t
ngx_http_llm_runtime_error(ngx_pool_t *pool, ngx_str_t *error,
    const char *fmt, ...)
{
    va_list   args;
    u_char   *p;

    p = ngx_pnalloc(pool, NGX_HTTP_LLM_RUNTIME_ERROR);
    if (p == NULL) {
        return NGX_ERROR;
    }

    va_start(args, fmt);
    error->len = ngx_vslprintf(p, p + NGX_HTTP_LLM_RUNTIME_ERROR, fmt, args)
                 - p;
    va_end(args);

    error->data = p;

    return NGX_DECLINED;
}
