
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_api: who may call, what is called, and the shape of answers.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/crypto.h>

#include "ngx_http_llm_api.h"


#define NGX_HTTP_LLM_API_READ     0x1
#define NGX_HTTP_LLM_API_WRITE    0x2


typedef struct {
    u_char                        digest[NGX_HTTP_LLM_DIGEST];
    ngx_uint_t                    rights;
} ngx_http_llm_api_token_t;


typedef struct {
    char                         *path;
    ngx_uint_t                    method;
    ngx_http_llm_api_pt           handler;
} ngx_http_llm_api_row_t;


static ngx_int_t ngx_http_llm_api_handler(ngx_http_request_t *r);
static void ngx_http_llm_api_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_api_call(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_api_find(ngx_http_request_t *r,
    ngx_http_llm_api_row_t **row, ngx_http_llm_api_call_t *call);
static ngx_uint_t ngx_http_llm_api_match(ngx_http_request_t *r, char *path,
    ngx_str_t *rest, ngx_str_t *name);
static ngx_int_t ngx_http_llm_api_allowed(ngx_http_request_t *r,
    ngx_uint_t right, ngx_http_llm_api_call_t *call);
static ngx_uint_t ngx_http_llm_api_rights(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_api_browser(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call);
static ngx_str_t *ngx_http_llm_api_header(ngx_http_request_t *r, char *name);
static ngx_str_t *ngx_http_llm_api_error_type(ngx_uint_t status);


static ngx_str_t  ngx_http_llm_no_store = ngx_string("no-store");
static ngx_str_t  ngx_http_llm_bearer = ngx_string("Bearer");


static ngx_http_llm_api_row_t  ngx_http_llm_api_rows[] = {
    { "status", NGX_HTTP_GET, ngx_http_llm_api_status },
    { "keys", NGX_HTTP_GET, ngx_http_llm_api_keys },
    { "keys", NGX_HTTP_POST, ngx_http_llm_api_key_create },
    { "keys/*", NGX_HTTP_GET, ngx_http_llm_api_key_get },
    { "keys/*", NGX_HTTP_PATCH, ngx_http_llm_api_key_change },
    { "keys/*", NGX_HTTP_DELETE, ngx_http_llm_api_key_delete },
    { "keys/*/rotate", NGX_HTTP_POST, ngx_http_llm_api_key_rotate },
    { "keys/*/reset", NGX_HTTP_POST, ngx_http_llm_api_key_reset },
    { "keys/*/credit", NGX_HTTP_POST, ngx_http_llm_api_key_credit },
    { "teams", NGX_HTTP_GET, ngx_http_llm_api_teams },
    { "teams/*/reset", NGX_HTTP_POST, ngx_http_llm_api_team_reset },
    { "teams/*/credit", NGX_HTTP_POST, ngx_http_llm_api_team_credit },
    { "users", NGX_HTTP_GET, ngx_http_llm_api_users },
    { "usage", NGX_HTTP_GET, ngx_http_llm_api_usage },
    { "deployments", NGX_HTTP_GET, ngx_http_llm_api_deployments },
    { "models", NGX_HTTP_GET, ngx_http_llm_api_models },
    { "health/live", NGX_HTTP_GET, ngx_http_llm_api_live },
    { "health/ready", NGX_HTTP_GET, ngx_http_llm_api_ready },
    { NULL, 0, NULL }
};


char *
ngx_http_llm_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_main_conf_t  *lmcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "stands beside another handler of this location";
    }

    if (clcf->named
#if (NGX_PCRE)
        || clcf->regex
#endif
       )
    {
        return "needs a location that is given by prefix";
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);
    lmcf->nstats++;

    clcf->handler = ngx_http_llm_api_handler;
    llcf->handler = ngx_http_llm_api_handler;
    llcf->api_prefix = clcf->name;

    if (llcf->api_prefix.len
        && llcf->api_prefix.data[llcf->api_prefix.len - 1] == '/')
    {
        llcf->api_prefix.len--;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_admin_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_int_t                  rc;
    ngx_str_t                 *value;
    ngx_http_llm_main_conf_t  *lmcf;
    ngx_http_llm_api_token_t  *token;

    value = cf->args->elts;

    if (cf->args->nelts == 3 && ngx_strcmp(value[2].data, "read") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it can only be \"read\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    if (llcf->api_tokens == NGX_CONF_UNSET_PTR) {
        llcf->api_tokens = ngx_array_create(cf->pool, 2,
                                            sizeof(ngx_http_llm_api_token_t));
        if (llcf->api_tokens == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    token = ngx_array_push(llcf->api_tokens);
    if (token == NULL) {
        return NGX_CONF_ERROR;
    }

    token->rights = NGX_HTTP_LLM_API_READ;

    if (cf->args->nelts == 2) {
        token->rights |= NGX_HTTP_LLM_API_WRITE;

        lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

        if (lmcf->nwriters++ == 0) {
            lmcf->file = cf->conf_file->file.name.data;
            lmcf->line = cf->conf_file->line;
        }
    }

    rc = ngx_http_llm_secret_digest(cf, &value[1], token->digest);

    if (rc == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (rc == NGX_DECLINED) {

        /* it could not be read: nobody has it */

        llcf->api_tokens->nelts--;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_llm_api_row_t   *row;
    ngx_http_llm_api_call_t  *call;

    call = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_api_call_t));
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    /* a page in a browser must not have answers of it in its cache */

    if (ngx_http_llm_add_header(r, "Cache-Control", &ngx_http_llm_no_store)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_llm_api_find(r, &row, call) != NGX_OK
        || ngx_http_llm_api_allowed(r, row->method == NGX_HTTP_GET
                                       ? NGX_HTTP_LLM_API_READ
                                       : NGX_HTTP_LLM_API_WRITE, call)
           != NGX_OK)
    {
        return call->rc;
    }

    if (row->method == NGX_HTTP_GET || row->method == NGX_HTTP_DELETE) {
        rc = ngx_http_discard_request_body(r);

        if (rc != NGX_OK) {
            return rc;
        }

        ngx_http_llm_runtime_update(call->lmcf);

        return row->handler(r, call);
    }

    if (r->headers_in.content_length_n > NGX_HTTP_LLM_API_BODY) {
        return ngx_http_llm_api_error(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                      "request_too_large",
                                      "the body is too long");
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_llm_api_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_llm_api_body(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_llm_api_call(r));
}


static ngx_int_t
ngx_http_llm_api_call(ngx_http_request_t *r)
{
    ngx_http_llm_api_row_t   *row;
    ngx_http_llm_api_call_t   call;

    ngx_memzero(&call, sizeof(ngx_http_llm_api_call_t));

    call.lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    if (ngx_http_llm_api_find(r, &row, &call) != NGX_OK) {
        return call.rc;
    }

    if (ngx_http_llm_body_collect(r, &call.text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (call.text.len > NGX_HTTP_LLM_API_BODY) {
        return ngx_http_llm_api_error(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                      "request_too_large",
                                      "the body is too long");
    }

    if (call.text.len) {
        call.body = ngx_llm_json_parse(r->pool, &call.text, NULL);

        if (call.body == NULL || call.body->type != NGX_LLM_JSON_OBJECT) {
            return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                          "the body is no JSON object");
        }
    }

    ngx_http_llm_runtime_update(call.lmcf);

    return row->handler(r, &call);
}


static ngx_int_t
ngx_http_llm_api_find(ngx_http_request_t *r, ngx_http_llm_api_row_t **found,
    ngx_http_llm_api_call_t *call)
{
    ngx_str_t                 rest;
    ngx_uint_t                method, path;
    ngx_http_llm_api_row_t   *row;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    rest = r->uri;

    if (rest.len >= llcf->api_prefix.len) {
        rest.data += llcf->api_prefix.len;
        rest.len -= llcf->api_prefix.len;
    }

    if (rest.len && rest.data[0] == '/') {
        rest.data++;
        rest.len--;
    }

    method = (r->method == NGX_HTTP_HEAD) ? NGX_HTTP_GET : r->method;
    path = 0;

    for (row = ngx_http_llm_api_rows; row->path; row++) {

        if (!ngx_http_llm_api_match(r, row->path, &rest, &call->name)) {
            continue;
        }

        path = 1;

        if (row->method == method) {
            *found = row;
            return NGX_OK;
        }
    }

    call->rc = path ? ngx_http_llm_api_error(r, NGX_HTTP_NOT_ALLOWED,
                                             "method_not_allowed",
                                             "%V is not allowed on %V",
                                             &r->method_name, &r->uri)
                    : ngx_http_llm_api_error(r, NGX_HTTP_NOT_FOUND,
                                             "unknown_url",
                                             "unknown URL: %V %V",
                                             &r->method_name, &r->uri);

    return NGX_DECLINED;
}


/* "*" is one segment; nginx has decoded it, and a name has no slash */

static ngx_uint_t
ngx_http_llm_api_match(ngx_http_request_t *r, char *path, ngx_str_t *rest,
    ngx_str_t *name)
{
    u_char  *p, *last;

    p = rest->data;
    last = p + rest->len;

    for ( /* void */ ; *path; path++) {

        if (*path != '*') {
            if (p == last || *p++ != (u_char) *path) {
                return 0;
            }

            continue;
        }

        name->data = p;

        while (p < last && *p != '/') {
            p++;
        }

        name->len = p - name->data;

        if (name->len == 0) {
            return 0;
        }
    }

    return p == last;
}


static ngx_int_t
ngx_http_llm_api_allowed(ngx_http_request_t *r, ngx_uint_t right,
    ngx_http_llm_api_call_t *call)
{
    ngx_uint_t                rights;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (llcf->api_tokens == NULL) {

        if (right == NGX_HTTP_LLM_API_READ) {
            return NGX_OK;
        }

        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_FORBIDDEN,
                                          "no_admin_token",
                                          "nothing can be changed here: the "
                                          "configuration has no "
                                          "\"llm_admin_token\"");
        return NGX_DECLINED;
    }

    rights = ngx_http_llm_api_rights(r);

    if (rights == 0) {
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_UNAUTHORIZED,
                                          "invalid_admin_token",
                                          "an admin token is needed: "
                                          "\"Authorization: Bearer TOKEN\"");
        return NGX_DECLINED;
    }

    if (!(rights & right)) {
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_FORBIDDEN,
                                          "read_only_token",
                                          "this token can only read");
        return NGX_DECLINED;
    }

    return (right == NGX_HTTP_LLM_API_WRITE)
           ? ngx_http_llm_api_browser(r, call) : NGX_OK;
}


static ngx_uint_t
ngx_http_llm_api_rights(ngx_http_request_t *r)
{
    ngx_str_t                  value;
    ngx_uint_t                 i, rights;
    ngx_http_llm_loc_conf_t   *llcf;
    ngx_http_llm_api_token_t  *token;
    u_char                     digest[NGX_HTTP_LLM_DIGEST];

    if (r->headers_in.authorization == NULL) {
        return 0;
    }

    value = r->headers_in.authorization->value;

    if (value.len <= 7
        || ngx_strncasecmp(value.data, (u_char *) "Bearer ", 7) != 0)
    {
        return 0;
    }

    ngx_http_llm_sha256(value.data + 7, value.len - 7, digest);

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    token = llcf->api_tokens->elts;
    rights = 0;

    for (i = 0; i < llcf->api_tokens->nelts; i++) {
        if (CRYPTO_memcmp(token[i].digest, digest, NGX_HTTP_LLM_DIGEST) == 0) {
            rights |= token[i].rights;
        }
    }

    return rights;
}


/* a page of another host cannot send JSON, nor hide where it comes from */

static ngx_int_t
ngx_http_llm_api_browser(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    u_char     *p;
    ngx_str_t  *origin, *type;

    origin = ngx_http_llm_api_header(r, "origin");

    if (origin) {
        p = ngx_strlchr(origin->data, origin->data + origin->len, '/');

        if (p == NULL || r->headers_in.host == NULL
            || origin->data + origin->len - p
               != (ssize_t) r->headers_in.host->value.len + 2
            || ngx_strncasecmp(p + 2, r->headers_in.host->value.data,
                               r->headers_in.host->value.len)
               != 0)
        {
            call->rc = ngx_http_llm_api_error(r, NGX_HTTP_FORBIDDEN,
                                              "foreign_origin",
                                              "a page of another origin "
                                              "cannot change anything here");
            return NGX_DECLINED;
        }
    }

    if (r->method == NGX_HTTP_DELETE
        || (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked))
    {
        return NGX_OK;
    }

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;

    if (type == NULL || type->len < sizeof("application/json") - 1
        || ngx_strncasecmp(type->data, (u_char *) "application/json",
                           sizeof("application/json") - 1)
           != 0)
    {
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                          "unsupported_content_type",
                                          "send \"Content-Type: "
                                          "application/json\"");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_str_t *
ngx_http_llm_api_header(ngx_http_request_t *r, char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                return &h[i].value;
            }
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_llm_api_error(ngx_http_request_t *r, ngx_uint_t status, char *code,
    const char *fmt, ...)
{
    u_char         *p;
    va_list         args;
    ngx_llm_out_t   out;
    u_char          buf[NGX_LLM_MAX_ERROR_TEXT];

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf) - 1, fmt, args);
    va_end(args);

    *p = '\0';

    if (status == NGX_HTTP_UNAUTHORIZED
        && ngx_http_llm_add_header(r, "www-authenticate",
                                   &ngx_http_llm_bearer)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, 4 * NGX_LLM_MAX_ERROR_TEXT);

    ngx_http_llm_api_error_text(&out, status, code, (char *) buf);

    return ngx_http_llm_api_send(r, status, &out);
}


void
ngx_http_llm_api_error_text(ngx_llm_out_t *out, ngx_uint_t status, char *code,
    char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    ngx_llm_out_lit(out, "{\"error\":{\"message\":");
    ngx_llm_out_json_string(out, &s);
    ngx_llm_out_lit(out, ",\"type\":\"");
    ngx_llm_out_str(out, ngx_http_llm_api_error_type(status));
    ngx_llm_out_lit(out, "\",\"param\":null,\"code\":");

    if (code) {
        ngx_llm_out_char(out, '"');
        ngx_llm_out_data(out, (u_char *) code, ngx_strlen(code));
        ngx_llm_out_char(out, '"');

    } else {
        ngx_llm_out_lit(out, "null");
    }

    ngx_llm_out_lit(out, "}}\n");
}


/* as the gateway's own errors have them */

static ngx_str_t *
ngx_http_llm_api_error_type(ngx_uint_t status)
{
    static ngx_str_t  request = ngx_string("invalid_request_error");
    static ngx_str_t  authentication = ngx_string("authentication_error");
    static ngx_str_t  permission = ngx_string("permission_error");
    static ngx_str_t  server = ngx_string("server_error");

    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        return &server;
    }

    switch (status) {

    case NGX_HTTP_UNAUTHORIZED:
        return &authentication;

    case NGX_HTTP_FORBIDDEN:
        return &permission;

    default:
        return &request;
    }
}


ngx_int_t
ngx_http_llm_api_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_llm_out_t *out)
{
    ngx_http_llm_walk_t  *walk;

    walk = ngx_http_llm_walk_create(r, NULL, "application/json");
    if (walk == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    walk->out[0] = *out;
    walk->status = status;

    if (!r->discard_body && r->request_body == NULL
        && ngx_http_discard_request_body(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llm_walk_send(walk);
}
