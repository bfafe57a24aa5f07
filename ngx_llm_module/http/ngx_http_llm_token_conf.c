
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Providers whose keys are exchanged for access tokens: service accounts of
 * Google's, clients of Microsoft Entra, API keys of IBM Cloud's.  No message
 * shows a key.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_token.h"


#define NGX_HTTP_LLM_TOKEN_NAME  64

#define NGX_HTTP_LLM_TOKEN_IBM   "https://iam.cloud.ibm.com/identity/token"
#define NGX_HTTP_LLM_TOKEN_AZURE "https://cognitiveservices.azure.com/.default"


static ngx_int_t ngx_http_llm_token_statements(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);
static ngx_uint_t ngx_http_llm_is_account(ngx_str_t *key);
static ngx_int_t ngx_http_llm_project(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);
static ngx_int_t ngx_http_llm_accounts(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);
static ngx_int_t ngx_http_llm_project_path(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);
static ngx_int_t ngx_http_llm_clients(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);
static ngx_int_t ngx_http_llm_apikeys(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p);
static ngx_int_t ngx_http_llm_token_secrets(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, ngx_http_llm_token_e kind, ngx_str_t *url);
static ngx_http_llm_token_t *ngx_http_llm_token_add(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, ngx_str_t *key);
static ngx_http_llm_site_t *ngx_http_llm_token_site(ngx_conf_t *cf,
    ngx_http_llm_provider_t *p, ngx_str_t *url);


/* locations whose hosts are not named by the rule */

typedef struct {
    ngx_str_t                     location;
    ngx_str_t                     host;
} ngx_http_llm_location_t;


static ngx_http_llm_location_t  ngx_http_llm_locations[] = {
    { ngx_string("global"), ngx_string("aiplatform.googleapis.com") },
    { ngx_string("eu"), ngx_string("aiplatform.eu.rep.googleapis.com") },
    { ngx_string("us"), ngx_string("aiplatform.us.rep.googleapis.com") },
    { ngx_null_string, ngx_null_string }
};


static ngx_str_t  ngx_http_llm_location_default = ngx_string("global");


ngx_int_t
ngx_http_llm_location_url(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    ngx_str_t *url)
{
    u_char                   *host, *last, *path, *place, *q;
    ngx_str_t                 name;
    ngx_http_llm_location_t  *l;

    ngx_str_set(&name, "{location}");

    last = url->data + url->len;
    place = ngx_strnstr(url->data, (char *) name.data, url->len);

    if (place == NULL) {
        return NGX_DECLINED;
    }

    if (p->location.len == 0) {
        p->location = ngx_http_llm_location_default;
    }

    p->url.data = ngx_pnalloc(cf->pool, url->len + p->location.len + 64);
    if (p->url.data == NULL) {
        return NGX_ERROR;
    }

    host = url->data + sizeof("https://") - 1;
    path = ngx_strlchr(host, last, '/');

    for (l = ngx_http_llm_locations; l->location.len; l++) {

        if (l->location.len == p->location.len
            && ngx_strncmp(l->location.data, p->location.data,
                           p->location.len)
               == 0)
        {
            break;
        }
    }

    if (l->location.len) {
        q = ngx_cpymem(p->url.data, url->data, host - url->data);
        q = ngx_cpymem(q, l->host.data, l->host.len);
        q = ngx_cpymem(q, path, last - path);

    } else {
        q = ngx_cpymem(p->url.data, url->data, place - url->data);
        q = ngx_cpymem(q, p->location.data, p->location.len);
        place += name.len;
        q = ngx_cpymem(q, place, last - place);
    }

    p->url.len = q - p->url.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_tokens_conf(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    if (ngx_http_llm_token_statements(cf, p) != NGX_OK) {
        return NGX_ERROR;
    }

    if (p->tenant.len || p->client_id.len) {
        return ngx_http_llm_clients(cf, p);
    }

    if (p->scope.data) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui has \"scope\", but no "
                      "\"client_id\"", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    if (p->dialect->flags & NGX_LLM_DIALECT_PROJECT) {
        return ngx_http_llm_project(cf, p);
    }

    if (p->dialect->flags & NGX_LLM_DIALECT_APIKEY) {
        return ngx_http_llm_apikeys(cf, p);
    }

    if (p->token_url.len) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui has \"token_url\", but "
                      "no access tokens", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* those that the dialect has no use for */

static ngx_int_t
ngx_http_llm_token_statements(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    char        *name;
    ngx_uint_t   apikey, project;

    apikey = p->dialect->flags & NGX_LLM_DIALECT_APIKEY;
    project = p->dialect->flags & NGX_LLM_DIALECT_PROJECT;

    if (p->project.len && !project && !apikey) {
        name = "project";

    } else if (p->location.len && !project) {
        name = "location";

    } else if (p->space.len && !apikey) {
        name = "space";

    } else if (p->tenant.len && (project || apikey)) {
        name = "tenant";

    } else if (p->client_id.len && (project || apikey)) {
        name = "client_id";

    } else {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "provider \"%V\" in %s:%ui has a dialect without \"%s\"",
                  &p->name, p->file, p->line, name);

    return NGX_ERROR;
}


static ngx_uint_t
ngx_http_llm_is_account(ngx_str_t *key)
{
    return key->len && key->data[0] == '{';
}


static ngx_int_t
ngx_http_llm_project(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    ngx_str_t   *key;
    ngx_uint_t   i, n;

    n = 0;
    key = p->keys.elts;

    for (i = 0; i < p->keys.nelts; i++) {
        n += ngx_http_llm_is_account(&key[i]);
    }

    if (n && n < p->keys.nelts) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have keys of one "
                      "kind: service accounts, or API keys",
                      &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    if (n == 0 && p->token_url.len && !p->key_missing) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui has \"token_url\", but "
                      "no service account", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    if (n && ngx_http_llm_accounts(cf, p) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_project_path(cf, p);
}


static ngx_int_t
ngx_http_llm_accounts(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    char                  *err;
    ngx_int_t              rc;
    ngx_str_t             *key;
    ngx_uint_t             i;
    ngx_llm_account_t     *account;
    ngx_http_llm_token_t  *token;

    key = p->keys.elts;

    for (i = 0; i < p->keys.nelts; i++) {

        account = ngx_palloc(cf->pool, sizeof(ngx_llm_account_t));
        if (account == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_llm_account_read(cf->pool, &key[i], account, &err);

        if (rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "key %ui of provider \"%V\" in %s:%ui %s",
                          i + 1, &p->name, p->file, p->line, err);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        token = ngx_http_llm_token_add(cf, p, &key[i]);
        if (token == NULL) {
            return NGX_ERROR;
        }

        token->kind = NGX_HTTP_LLM_TOKEN_ACCOUNT;
        token->account = account;

        token->site = ngx_http_llm_token_site(cf, p,
                                              p->token_url.len
                                              ? &p->token_url
                                              : &account->token_uri);
        if (token->site == NULL) {
            return NGX_ERROR;
        }

        if (p->project.len == 0) {
            p->project = account->project;
        }
    }

    if (p->project.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have \"project\": its "
                      "key names none", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* without a project the key stands for it */

static ngx_int_t
ngx_http_llm_project_path(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    ngx_llm_out_t  out;

    if (p->location.len == 0) {
        p->location = ngx_http_llm_location_default;
    }

    if (p->project.len == 0) {

        if (p->key_missing
            || (p->location.len == ngx_http_llm_location_default.len
                && ngx_strncmp(p->location.data,
                               ngx_http_llm_location_default.data,
                               p->location.len)
                   == 0))
        {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have \"project\": "
                      "without one the only location is \"%V\"",
                      &p->name, p->file, p->line,
                      &ngx_http_llm_location_default);
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, cf->pool, NULL, 0,
                     p->base.len + 3 * p->project.len + p->location.len + 64);

    ngx_llm_out_str(&out, &p->base);
    ngx_llm_out_lit(&out, "/projects/");
    ngx_llm_out_path(&out, &p->project);
    ngx_llm_out_lit(&out, "/locations/");
    ngx_llm_out_path(&out, &p->location);

    if (out.failed) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "invalid project or location of provider \"%V\" in "
                      "%s:%ui", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    p->base.data = out.start;
    p->base.len = ngx_llm_out_len(&out);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_clients(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    ngx_str_t  url;

    if (p->client_id.len == 0
        || (p->tenant.len == 0 && p->token_url.len == 0))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have both \"tenant\" "
                      "and \"client_id\", or \"client_id\" and "
                      "\"token_url\"", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    if (p->no_key) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have \"key\": the "
                      "secret of its client", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    if (p->tenant.len && p->scope.data == NULL) {
        ngx_str_set(&p->scope, NGX_HTTP_LLM_TOKEN_AZURE);
    }

    url = p->token_url;

    if (url.len == 0) {
        url.len = sizeof("https://login.microsoftonline.com//oauth2/v2.0/"
                         "token") - 1 + p->tenant.len;

        url.data = ngx_pnalloc(cf->pool, url.len);
        if (url.data == NULL) {
            return NGX_ERROR;
        }

        ngx_sprintf(url.data, "https://login.microsoftonline.com/%V/oauth2/"
                    "v2.0/token", &p->tenant);
    }

    return ngx_http_llm_token_secrets(cf, p, NGX_HTTP_LLM_TOKEN_CLIENT, &url);
}


/* without a key another one in front of the provider knows what to send */

static ngx_int_t
ngx_http_llm_apikeys(ngx_conf_t *cf, ngx_http_llm_provider_t *p)
{
    ngx_str_t  url;

    if (p->project.len && p->space.len) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have \"project\" or "
                      "\"space\", not both", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    if (p->project.len == 0 && p->space.len == 0 && !p->key_missing) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui must have \"project\" or "
                      "\"space\"", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    if (p->no_key && p->token_url.len) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" in %s:%ui has \"token_url\", but "
                      "no key", &p->name, p->file, p->line);
        return NGX_ERROR;
    }

    url = p->token_url;

    if (url.len == 0) {
        ngx_str_set(&url, NGX_HTTP_LLM_TOKEN_IBM);
    }

    return ngx_http_llm_token_secrets(cf, p, NGX_HTTP_LLM_TOKEN_APIKEY, &url);
}


/* a token for each key, which is what it is fetched with */

static ngx_int_t
ngx_http_llm_token_secrets(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    ngx_http_llm_token_e kind, ngx_str_t *url)
{
    ngx_str_t             *key;
    ngx_uint_t             i;
    ngx_http_llm_token_t  *token;

    key = p->keys.elts;

    for (i = 0; i < p->keys.nelts; i++) {

        token = ngx_http_llm_token_add(cf, p, &key[i]);
        if (token == NULL) {
            return NGX_ERROR;
        }

        token->kind = kind;
        token->secret = key[i];

        token->site = ngx_http_llm_token_site(cf, p, url);
        if (token->site == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * Its name in the zone is a digest of all that it depends on, so that no other
 * configuration takes it for its own.
 */

static ngx_http_llm_token_t *
ngx_http_llm_token_add(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    ngx_str_t *key)
{
    u_char                *text, *q;
    size_t                 len;
    ngx_http_llm_token_t  *token;

    if (p->tokens == NULL) {
        p->tokens = ngx_array_create(cf->pool, p->keys.nelts,
                                     sizeof(ngx_http_llm_token_t));
        if (p->tokens == NULL) {
            return NULL;
        }
    }

    /* waiters know where they are: there is room for all of them */

    token = ngx_array_push(p->tokens);
    if (token == NULL) {
        return NULL;
    }

    ngx_memzero(token, sizeof(ngx_http_llm_token_t));

    token->provider = p;

    ngx_queue_init(&token->waiters);

    len = p->tenant.len + p->client_id.len + p->scope.len + p->token_url.len
          + key->len + 4;

    text = ngx_pnalloc(cf->temp_pool, len);
    if (text == NULL) {
        return NULL;
    }

    q = ngx_sprintf(text, "%V\n%V\n%V\n%V\n", &p->tenant, &p->client_id,
                    &p->scope, &p->token_url);
    ngx_memcpy(q, key->data, key->len);

    ngx_http_llm_sha256(text, len, token->key);

    ngx_explicit_memzero(text, len);

    return token;
}


static ngx_http_llm_site_t *
ngx_http_llm_token_site(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    ngx_str_t *url)
{
    ngx_http_llm_site_t  *site;

    site = ngx_http_llm_site(cf, url, "token", p);

    if (site && !site->host.ssl && site->host.unix_path.len == 0) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "provider \"%V\" in %s:%ui fetches access tokens "
                      "without TLS", &p->name, p->file, p->line);
    }

    return site;
}


/* Google's own variable has the name of a file */

ngx_int_t
ngx_http_llm_token_secret(ngx_conf_t *cf, ngx_http_llm_provider_t *p,
    ngx_str_t *source, ngx_str_t *value)
{
    u_char     *last;
    ngx_int_t   rc;
    ngx_str_t   file;

    rc = ngx_http_llm_secret_read(cf, source, value);

    if (rc != NGX_OK || value->len == 0 || value->data[0] != '/'
        || !(p->dialect->flags & NGX_LLM_DIALECT_PROJECT))
    {
        return rc;
    }

    file.len = sizeof("file:") - 1 + value->len;

    file.data = ngx_pnalloc(cf->pool, file.len + 1);
    if (file.data == NULL) {
        return NGX_ERROR;
    }

    last = ngx_cpymem(file.data, "file:", sizeof("file:") - 1);
    last = ngx_cpymem(last, value->data, value->len);
    *last = '\0';

    return ngx_http_llm_secret_read(cf, &file, value);
}


/* it becomes a part of a host's name or of a path; "example.com:project" */

char *
ngx_http_llm_token_name(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *value = data;

    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < value->len; i++) {
        c = (u_char) (value->data[i] | 0x20);

        if ((c < 'a' || c > 'z')
            && (value->data[i] < '0' || value->data[i] > '9')
            && value->data[i] != '-' && value->data[i] != '.'
            && value->data[i] != ':' && value->data[i] != '_')
        {
            break;
        }
    }

    if (value->len == 0 || value->len > NGX_HTTP_LLM_TOKEN_NAME
        || value->data[0] == '.' || i < value->len)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": letters, digits, \"-\", "
                           "\"_\", \".\" and \":\" are allowed", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* it goes into a form, where all can be said: "sb-1!a2|aicore!b3" */

char *
ngx_http_llm_token_client(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *value = data;

    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] <= ' ' || value->data[i] >= 0x7f) {
            break;
        }
    }

    if (value->len == 0 || i < value->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\"",
                           value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
