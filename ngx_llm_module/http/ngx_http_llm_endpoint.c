
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The paths of the API.  An endpoint is a row here and its branch in the
 * handler.
 */


#include "ngx_http_llm.h"
#include "ngx_http_llm_endpoint.h"
#include "ngx_http_llm_relay.h"


/* header lines of a name, one after the other */

typedef struct {
    char             *name;
    size_t            len;
    ngx_list_part_t  *part;
    ngx_uint_t        next;
} ngx_http_llm_lines_t;


static void ngx_http_llm_lines_init(ngx_http_request_t *r, char *name,
    ngx_http_llm_lines_t *lines);
static ngx_str_t *ngx_http_llm_lines_next(ngx_http_llm_lines_t *lines);


static ngx_http_llm_path_t  ngx_http_llm_paths[] = {

    { ngx_string("/chat/completions"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CHAT,
      &ngx_llm_openai,
      NULL,
      0 },

    { ngx_string("/completions"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CHAT,
      &ngx_llm_completions,
      NULL,
      0 },

    { ngx_string("/messages"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CHAT,
      &ngx_llm_anthropic,
      NULL,
      0 },

    { ngx_string("/embeddings"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_embed,
      0 },

    { ngx_string("/messages/count_tokens"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_COUNT,
      &ngx_llm_anthropic,
      NULL,
      0 },

    { ngx_string("/moderations"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_moderations,
      0 },

    { ngx_string("/rerank"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_rerank,
      0 },

    { ngx_string("/images/generations"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_images,
      0 },

    { ngx_string("/images/edits"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_edits,
      0 },

    { ngx_string("/images/variations"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_variations,
      0 },

    { ngx_string("/audio/speech"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_speech,
      0 },

    { ngx_string("/audio/transcriptions"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_transcriptions,
      0 },

    { ngx_string("/audio/translations"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_translations,
      0 },

    { ngx_string("/files"),
      NGX_HTTP_GET|NGX_HTTP_POST,
      ngx_string("GET, POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_files,
      0 },

    { ngx_string("/files/"),
      NGX_HTTP_GET|NGX_HTTP_DELETE,
      ngx_string("GET, DELETE"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_files,
      1 },

    { ngx_string("/batches"),
      NGX_HTTP_GET|NGX_HTTP_POST,
      ngx_string("GET, POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_batches,
      0 },

    { ngx_string("/batches/"),
      NGX_HTTP_GET|NGX_HTTP_POST,
      ngx_string("GET, POST"),
      NGX_HTTP_LLM_CALL,
      &ngx_llm_openai,
      &ngx_http_llm_batches,
      1 },

    { ngx_string("/models"),
      NGX_HTTP_GET|NGX_HTTP_HEAD,
      ngx_string("GET, HEAD"),
      NGX_HTTP_LLM_MODELS,
      NULL,
      NULL,
      0 },

    { ngx_string("/models/"),
      NGX_HTTP_GET|NGX_HTTP_HEAD,
      ngx_string("GET, HEAD"),
      NGX_HTTP_LLM_MODEL,
      NULL,
      NULL,
      1 },

    { ngx_null_string, 0, ngx_null_string, 0, NULL, NULL, 0 }
};


ngx_http_llm_path_t *
ngx_http_llm_path(ngx_http_request_t *r, ngx_str_t *rest)
{
    size_t                    len;
    ngx_str_t                 uri;
    ngx_http_llm_path_t      *path;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    uri = r->uri;

    if (uri.len < llcf->prefix.len
        || ngx_strncmp(uri.data, llcf->prefix.data, llcf->prefix.len) != 0)
    {
        return NULL;
    }

    uri.data += llcf->prefix.len;
    uri.len -= llcf->prefix.len;

    /* a location "/a" has "/ab", too */

    if (uri.len && uri.data[0] != '/') {
        return NULL;
    }

    if (llcf->relay) {

        if (rest) {
            *rest = uri;
        }

        return (ngx_http_llm_path_t *) &ngx_http_llm_relay_path;
    }

    if (uri.len > 3 && ngx_strncmp(uri.data, "/v1/", 4) == 0) {
        uri.data += 3;
        uri.len -= 3;
    }

    for (path = ngx_http_llm_paths; path->path.len; path++) {

        len = path->path.len;

        if (uri.len < len || (!path->rest && uri.len != len)
            || ngx_strncmp(uri.data, path->path.data, len) != 0)
        {
            continue;
        }

        if (path->rest && uri.len == len) {
            continue;
        }

        if (rest) {
            rest->data = uri.data + len;
            rest->len = uri.len - len;
        }

        return path;
    }

    return NULL;
}


const ngx_llm_dialect_t *
ngx_http_llm_client_dialect(ngx_http_request_t *r, ngx_http_llm_path_t *path)
{
    if (path && path->dialect) {
        return path->dialect;
    }

    /* all clients of that API send it, and no others */

    if (ngx_http_llm_request_header(r, "anthropic-version")) {
        return &ngx_llm_anthropic;
    }

    return &ngx_llm_openai;
}


ngx_str_t *
ngx_http_llm_request_header(ngx_http_request_t *r, char *name)
{
    ngx_http_llm_lines_t  lines;

    ngx_http_llm_lines_init(r, name, &lines);

    return ngx_http_llm_lines_next(&lines);
}


ngx_int_t
ngx_http_llm_request_list(ngx_http_request_t *r, char *name, ngx_str_t *list)
{
    size_t                 len;
    u_char                *p;
    ngx_str_t             *value, *first;
    ngx_uint_t             n;
    ngx_http_llm_lines_t   lines;

    ngx_str_null(list);

    n = 0;
    len = 0;
    first = NULL;

    ngx_http_llm_lines_init(r, name, &lines);

    for ( ;; ) {
        value = ngx_http_llm_lines_next(&lines);

        if (value == NULL) {
            break;
        }

        first = value;
        len += value->len + sizeof(", ") - 1;
        n++;
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (n == 1) {
        *list = *first;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    list->data = p;

    ngx_http_llm_lines_init(r, name, &lines);

    for ( ;; ) {
        value = ngx_http_llm_lines_next(&lines);

        if (value == NULL) {
            break;
        }

        if (p != list->data) {
            *p++ = ',';
            *p++ = ' ';
        }

        p = ngx_cpymem(p, value->data, value->len);
    }

    list->len = p - list->data;

    return NGX_OK;
}


static void
ngx_http_llm_lines_init(ngx_http_request_t *r, char *name,
    ngx_http_llm_lines_t *lines)
{
    lines->name = name;
    lines->len = ngx_strlen(name);
    lines->part = &r->headers_in.headers.part;
    lines->next = 0;
}


static ngx_str_t *
ngx_http_llm_lines_next(ngx_http_llm_lines_t *lines)
{
    ngx_table_elt_t  *h;

    for ( ;; ) {

        if (lines->next >= lines->part->nelts) {
            if (lines->part->next == NULL) {
                return NULL;
            }

            lines->part = lines->part->next;
            lines->next = 0;
        }

        h = lines->part->elts;
        h += lines->next++;

        if (h->key.len == lines->len
            && ngx_strncmp(h->lowcase_key, lines->name, lines->len) == 0)
        {
            return &h->value;
        }
    }
}
