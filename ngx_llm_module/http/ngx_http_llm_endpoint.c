
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The paths of the API.  An endpoint is a row here and its branch in the
 * handler.
 */


#include "ngx_http_llm.h"
#include "ngx_http_llm_endpoint.h"


static ngx_http_llm_path_t  ngx_http_llm_paths[] = {

    { ngx_string("/chat/completions"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CHAT,
      &ngx_llm_openai,
      0 },

    { ngx_string("/messages"),
      NGX_HTTP_POST,
      ngx_string("POST"),
      NGX_HTTP_LLM_CHAT,
      &ngx_llm_anthropic,
      0 },

    { ngx_string("/models"),
      NGX_HTTP_GET|NGX_HTTP_HEAD,
      ngx_string("GET, HEAD"),
      NGX_HTTP_LLM_MODELS,
      NULL,
      0 },

    { ngx_string("/models/"),
      NGX_HTTP_GET|NGX_HTTP_HEAD,
      ngx_string("GET, HEAD"),
      NGX_HTTP_LLM_MODEL,
      NULL,
      1 },

    { ngx_null_string, 0, ngx_null_string, 0, NULL, 0 }
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
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncmp(h[i].lowcase_key, name, len) == 0)
        {
            return &h[i].value;
        }
    }
}
