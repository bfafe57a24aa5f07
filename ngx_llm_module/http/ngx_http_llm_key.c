
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Virtual keys: who asks, and for what.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/crypto.h>

#include "ngx_http_llm_key.h"
#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_runtime.h"


/* where clients put a key: Authorization, x-api-key, api-key */

#define NGX_HTTP_LLM_CREDENTIALS  3


static char *ngx_http_llm_key_secret(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_key_models(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

static ngx_int_t ngx_http_llm_key_tags(ngx_conf_t *cf,
    ngx_http_llm_key_t *key, ngx_array_t *tags);
static ngx_int_t ngx_http_llm_secrets_init(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);

static void ngx_http_llm_key_idle(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_http_llm_key_t *key);
static ngx_int_t ngx_http_llm_authenticate_variable(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_int_t ngx_http_llm_authenticate_key(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err);
static ngx_uint_t ngx_http_llm_team_allowed(ngx_http_llm_loc_conf_t *llcf,
    ngx_http_llm_team_t *team);
static ngx_uint_t ngx_http_llm_credentials(ngx_http_request_t *r,
    ngx_str_t *value);
static ngx_int_t ngx_http_llm_credentials_bearer(ngx_str_t *header,
    ngx_str_t *value);
static ngx_uint_t ngx_http_llm_patterns_match(ngx_array_t *patterns,
    ngx_str_t *name);


static ngx_command_t  ngx_http_llm_key_commands[] = {

    { ngx_string("secret"),
      NGX_CONF_TAKE1,
      ngx_http_llm_key_secret,
      0,
      0,
      NULL },

    { ngx_string("models"),
      NGX_CONF_1MORE,
      ngx_http_llm_key_models,
      0,
      0,
      NULL },

    { ngx_string("rate"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_key_t, limits),
      NULL },

    { ngx_string("quota"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_key_t, limits),
      NULL },

    { ngx_string("concurrency"),
      NGX_CONF_1MORE,
      ngx_http_llm_limit,
      0,
      offsetof(ngx_http_llm_key_t, limits),
      NULL },

    { ngx_string("team"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_key_t, team_name),
      NULL },

    { ngx_string("expires"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_llm_key_t, expires_text),
      NULL },

    { ngx_string("tag"),
      NGX_CONF_TAKE2,
      ngx_http_llm_tag,
      0,
      offsetof(ngx_http_llm_key_t, tags),
      NULL },

    { ngx_string("limits_dry_run"),
      NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_http_llm_key_t, dry_run),
      NULL },

    { ngx_string("cap"),
      NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_http_llm_key_t, cap),
      NULL },

      ngx_null_command
};


char *
ngx_http_llm_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *lmcf = conf;

    char                     *rv;
    ngx_str_t                *value;
    ngx_http_llm_key_t       *key, **p;
    ngx_http_llm_pattern_t  **pattern;

    value = cf->args->elts;

    key = ngx_http_llm_key_create(cf, &value[1]);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_names_add(cf, &lmcf->key_names, &value[1], key, "key")
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    pattern = lmcf->key_names.patterns.elts;
    key->pattern = *pattern[lmcf->key_names.patterns.nelts - 1];

    p = ngx_array_push(&lmcf->keys);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    *p = key;

    rv = ngx_http_llm_block(cf, ngx_http_llm_key_commands, key, "llm_key");

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_http_llm_key_end(key);

    return NGX_CONF_OK;
}


ngx_http_llm_key_t *
ngx_http_llm_key_create(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_http_llm_key_t  *key;

    key = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_key_t));
    if (key == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     key->models = NULL;
     *     key->team_name = { 0, NULL };
     *     key->team = NULL;
     *     key->limits = NULL;
     *     key->tags = { 0 };
     *     key->expires_text = { 0, NULL };
     *     key->expires = 0;
     *     key->defined = NULL;
     *     key->disabled = 0;
     */

    key->dry_run = NGX_CONF_UNSET;
    key->cap = NGX_CONF_UNSET;

    key->name = *name;
    key->pattern.text = *name;
    key->file = cf->conf_file->file.name.data;
    key->line = cf->conf_file->line;

    if (ngx_array_init(&key->digests, cf->pool, 1, NGX_HTTP_LLM_DIGEST)
        != NGX_OK)
    {
        return NULL;
    }

    return key;
}


char *
ngx_http_llm_key_statement(ngx_conf_t *cf, ngx_http_llm_key_t *key)
{
    return ngx_http_llm_block_statement(cf, ngx_http_llm_key_commands, key,
                                        "llm_key");
}


void
ngx_http_llm_key_end(ngx_http_llm_key_t *key)
{
    ngx_conf_init_value(key->dry_run, 0);
    ngx_conf_init_value(key->cap, 0);

    ngx_http_llm_limits_owner(key->limits, "key", &key->name,
                              key->pattern.kind != NGX_HTTP_LLM_EXACT);
}


static char *
ngx_http_llm_key_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_key_t  *key = conf;

    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t  *value;
    u_char      digest[NGX_HTTP_LLM_DIGEST];

    value = cf->args->elts;

    if (key->pattern.kind != NGX_HTTP_LLM_EXACT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key \"%V\" is a template for \"llm_auth\" with a "
                           "variable and cannot have a secret", &key->name);
        return NGX_CONF_ERROR;
    }

    key->secret = 1;

    rc = ngx_http_llm_secret_digest(cf, &value[1], digest);

    if (rc == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return NGX_CONF_OK;
    }

    p = ngx_array_push(&key->digests);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(p, digest, NGX_HTTP_LLM_DIGEST);

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_key_models(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_key_t  *key = conf;

    if (key->models) {
        return "is duplicate";
    }

    return ngx_http_llm_patterns(cf, &key->models);
}


/* the arguments of a directive as patterns */

char *
ngx_http_llm_patterns(ngx_conf_t *cf, ngx_array_t **patterns)
{
    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_http_llm_pattern_t  *pattern;

    value = cf->args->elts;

    *patterns = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                 sizeof(ngx_http_llm_pattern_t));
    if (*patterns == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        pattern = ngx_array_push(*patterns);
        if (pattern == NULL) {
            return NGX_CONF_ERROR;
        }

        if (ngx_http_llm_pattern_parse(cf, &value[i], pattern) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* when teams and time zone are known */

ngx_int_t
ngx_http_llm_keys_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_llm_key_t        **key;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (ngx_http_llm_names_done(cf, &lmcf->key_names) != NGX_OK) {
        return NGX_ERROR;
    }

    key = lmcf->keys.elts;

    for (i = 0; i < lmcf->keys.nelts; i++) {
        if (ngx_http_llm_key_init(cf, lmcf, key[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_llm_secrets_init(cf, lmcf);
}


ngx_int_t
ngx_http_llm_key_init(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_key_t *key)
{
    ngx_http_llm_team_t  *team;

    if (key->expires_text.data
        && ngx_llm_time_parse(&lmcf->calendar->tz, &key->expires_text,
                              &key->expires)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "invalid value \"%V\" in \"expires\" of key \"%V\", "
                      "it must be a date or date-time of RFC 3339, as "
                      "\"2027-01-31\" or \"2027-01-31T12:00:00Z\", "
                      "in %s:%ui", &key->expires_text, &key->name,
                      key->file, key->line);
        return NGX_ERROR;
    }

    if (key->team_name.data == NULL) {
        return NGX_OK;
    }

    key->team = ngx_http_llm_team_find(lmcf, &key->team_name);

    if (key->team == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "unknown team \"%V\" of key \"%V\" in %s:%ui",
                      &key->team_name, &key->name, key->file, key->line);
        return NGX_ERROR;
    }

    for (team = key->team; team; team = team->parent) {
        if (ngx_http_llm_key_tags(cf, key, &team->tags) != NGX_OK) {
            return NGX_ERROR;
        }

        key->cap |= team->cap;
    }

    return NGX_OK;
}


/* tags of a team that neither the key nor a team within it has */

static ngx_int_t
ngx_http_llm_key_tags(ngx_conf_t *cf, ngx_http_llm_key_t *key,
    ngx_array_t *tags)
{
    ngx_uint_t     i, j;
    ngx_keyval_t  *kv, *own;

    kv = tags->elts;

    for (i = 0; i < tags->nelts; i++) {
        own = key->tags.elts;

        for (j = 0; j < key->tags.nelts; j++) {
            if (own[j].key.len == kv[i].key.len
                && ngx_strncmp(own[j].key.data, kv[i].key.data,
                               kv[i].key.len)
                   == 0)
            {
                break;
            }
        }

        if (j < key->tags.nelts) {
            continue;
        }

        if (key->tags.elts == NULL
            && ngx_array_init(&key->tags, cf->pool, 2, sizeof(ngx_keyval_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        own = ngx_array_push(&key->tags);
        if (own == NULL) {
            return NGX_ERROR;
        }

        *own = kv[i];
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_secrets_init(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    u_char                  *digest;
    ngx_uint_t               i, j, n;
    ngx_http_llm_key_t     **key, *other;
    ngx_http_llm_secret_t   *slot;

    key = lmcf->keys.elts;
    n = 0;

    for (i = 0; i < lmcf->keys.nelts; i++) {
        ngx_http_llm_key_idle(cf, lmcf, key[i]);
        n += key[i]->digests.nelts;
    }

    if (n == 0) {
        return NGX_OK;
    }

    for (lmcf->nsecrets = 4; lmcf->nsecrets < n * 2; lmcf->nsecrets *= 2) {
        /* void */
    }

    n = lmcf->nsecrets * sizeof(ngx_http_llm_secret_t);

    lmcf->secrets = ngx_pcalloc(cf->pool, n);
    if (lmcf->secrets == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < lmcf->keys.nelts; i++) {

        digest = key[i]->digests.elts;

        for (j = 0; j < key[i]->digests.nelts; j++) {

            slot = ngx_http_llm_secret_slot(lmcf->secrets, lmcf->nsecrets,
                                            digest);
            other = slot->key;

            if (other) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "key \"%V\" in %s:%ui has a secret of "
                              "key \"%V\" in %s:%ui",
                              &key[i]->name, key[i]->file, key[i]->line,
                              &other->name, other->file, other->line);
                return NGX_ERROR;
            }

            slot->digest = digest;
            slot->key = key[i];

            digest += NGX_HTTP_LLM_DIGEST;
        }
    }

    return NGX_OK;
}


/* what is allowed, and of no use */

static void
ngx_http_llm_key_idle(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_key_t *key)
{
    ngx_uint_t               i;
    ngx_http_llm_pattern_t  *pattern;

    if (!key->secret && !lmcf->proven) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "key \"%V\" in %s:%ui has no \"secret\", and no "
                      "\"llm_auth\" takes names from a variable: nobody can "
                      "use it", &key->name, key->file, key->line);
    }

    /* names of a provider's own may be meant, see llm_relay */

    if (lmcf->relays.nelts) {
        return;
    }

    pattern = key->models ? key->models->elts : NULL;

    for (i = 0; pattern && i < key->models->nelts; i++) {

        if (pattern[i].kind == NGX_HTTP_LLM_EXACT
            && ngx_http_llm_names_find(&lmcf->model_names, &pattern[i].text,
                                       NULL)
               == NULL)
        {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"%V\" in \"models\" of key \"%V\" in %s:%ui is no "
                          "model here", &pattern[i].text, &key->name,
                          key->file, key->line);
        }
    }
}


/*
 * Which slots are looked at depends on a digest, not on a secret; its bytes
 * are compared in constant time.
 */

ngx_http_llm_secret_t *
ngx_http_llm_secret_slot(ngx_http_llm_secret_t *slots, ngx_uint_t size,
    u_char *digest)
{
    uint32_t                hash;
    ngx_uint_t              i;
    ngx_http_llm_secret_t  *slot;

    ngx_memcpy(&hash, digest, sizeof(uint32_t));

    i = hash;

    for ( ;; ) {
        slot = &slots[i & (size - 1)];

        if (slot->key == NULL
            || CRYPTO_memcmp(slot->digest, digest, NGX_HTTP_LLM_DIGEST) == 0)
        {
            return slot;
        }

        i++;
    }
}


ngx_int_t
ngx_http_llm_authenticate(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_uint_t                 i, n;
    ngx_str_t                  value[NGX_HTTP_LLM_CREDENTIALS];
    ngx_http_llm_key_t        *key;
    ngx_http_llm_loc_conf_t   *llcf;
    ngx_http_llm_main_conf_t  *lmcf;
    u_char                     digest[NGX_HTTP_LLM_DIGEST];

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (llcf->auth == NGX_HTTP_LLM_AUTH_OFF) {
        return NGX_OK;
    }

    if (llcf->auth == NGX_HTTP_LLM_AUTH_VARIABLE) {
        return ngx_http_llm_authenticate_variable(r, ctx, err);
    }

    n = ngx_http_llm_credentials(r, value);

    if (n == 0) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_UNAUTHORIZED,
                             "authentication_error", "invalid_api_key", NULL,
                             "no API key was sent: put it into the header "
                             "\"Authorization: Bearer KEY\", \"x-api-key\" "
                             "or \"api-key\"");
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    ngx_http_llm_runtime_update(lmcf);

    /* a client may send two, one of them meant for somebody else */

    for (i = 0; i < n; i++) {

        ngx_http_llm_sha256(value[i].data, value[i].len, digest);

        key = ngx_http_llm_key_digest(lmcf, digest);

        if (key) {
            ctx->key = key;
            ctx->key_name = key->name;
            return ngx_http_llm_authenticate_key(r, ctx, err);
        }
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "client sent an unknown llm key");

    return ngx_llm_error(r->pool, err, NGX_HTTP_UNAUTHORIZED,
                         "authentication_error", "invalid_api_key", NULL,
                         "the API key that was sent is not known here");
}


static ngx_int_t
ngx_http_llm_authenticate_variable(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_error_t *err)
{
    ngx_str_t                  name;
    ngx_http_llm_key_t        *key;
    ngx_http_llm_pattern_t    *pattern;
    ngx_http_llm_loc_conf_t   *llcf;
    ngx_http_llm_main_conf_t  *lmcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (ngx_http_complex_value(r, llcf->auth_variable, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    if (name.len == 0) {
        return ngx_llm_error(r->pool, err, NGX_HTTP_UNAUTHORIZED,
                             "authentication_error", "invalid_api_key", NULL,
                             "the request has no identity that is accepted "
                             "here");
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    ngx_http_llm_runtime_update(lmcf);

    key = ngx_http_llm_runtime_key(lmcf, &name);

    if (key == NULL) {
        pattern = ngx_http_llm_names_find(&lmcf->key_names, &name, NULL);
        key = pattern ? pattern->value : NULL;
    }

    if (key == NULL) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "client has an identity without an llm key");

        return ngx_llm_error(r->pool, err, NGX_HTTP_UNAUTHORIZED,
                             "authentication_error", "invalid_api_key", NULL,
                             "the identity of this request has no key here");
    }

    /* the variable's text may live shorter than the request */

    ctx->key_name.data = ngx_pstrdup(r->pool, &name);
    if (ctx->key_name.data == NULL) {
        return NGX_ERROR;
    }

    ctx->key_name.len = name.len;
    ctx->key = key;

    return ngx_http_llm_authenticate_key(r, ctx, err);
}


/* a key that is known: may it be used now, and here? */

static ngx_int_t
ngx_http_llm_authenticate_key(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_error_t *err)
{
    ngx_http_llm_key_t       *key;
    ngx_http_llm_loc_conf_t  *llcf;

    key = ctx->key;

    if (ngx_http_llm_runtime_hold(r, key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (key->disabled) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "client sent disabled llm key \"%V\"", &ctx->key_name);

        return ngx_llm_error(r->pool, err, NGX_HTTP_UNAUTHORIZED,
                             "authentication_error", "key_disabled", NULL,
                             "the API key \"%V\" is disabled",
                             &ctx->key_name);
    }

    if (key->expires && ngx_time() >= key->expires) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "client sent expired llm key \"%V\"", &ctx->key_name);

        return ngx_llm_error(r->pool, err, NGX_HTTP_UNAUTHORIZED,
                             "authentication_error", "key_expired", NULL,
                             "the API key \"%V\" has expired on %V",
                             &ctx->key_name, &key->expires_text);
    }

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (llcf->teams && !ngx_http_llm_team_allowed(llcf, key->team)) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "client sent llm key \"%V\", which is not taken here",
                      &ctx->key_name);

        return ngx_llm_error(r->pool, err, NGX_HTTP_UNAUTHORIZED,
                             "authentication_error", "invalid_api_key", NULL,
                             "the API key \"%V\" is not taken here",
                             &ctx->key_name);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_team_allowed(ngx_http_llm_loc_conf_t *llcf,
    ngx_http_llm_team_t *team)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = llcf->teams->elts;

    for ( /* void */ ; team; team = team->parent) {

        for (i = 0; i < llcf->teams->nelts; i++) {
            if (name[i].len == team->name.len
                && ngx_strncmp(name[i].data, team->name.data, name[i].len)
                   == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


/* never from the query string: it ends up in logs */

static ngx_uint_t
ngx_http_llm_credentials(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_str_t        *s;
    ngx_uint_t        i, n;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    n = 0;

    if (r->headers_in.authorization
        && ngx_http_llm_credentials_bearer(&r->headers_in.authorization->value,
                                           &value[n])
           == NGX_OK)
    {
        n++;
    }

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (n == NGX_HTTP_LLM_CREDENTIALS) {
            break;
        }

        s = &h[i].key;

        if ((s->len == sizeof("x-api-key") - 1
             && ngx_strncasecmp(s->data, (u_char *) "x-api-key", s->len) == 0)
            || (s->len == sizeof("api-key") - 1
                && ngx_strncasecmp(s->data, (u_char *) "api-key", s->len)
                   == 0))
        {
            if (h[i].value.len) {
                value[n++] = h[i].value;
            }
        }
    }

    return n;
}


static ngx_int_t
ngx_http_llm_credentials_bearer(ngx_str_t *header, ngx_str_t *value)
{
    u_char  *p, *last;

    p = header->data;
    last = p + header->len;

    if (header->len < sizeof("Bearer ") - 1
        || (ngx_memcmp(p, "Bearer ", sizeof("Bearer ") - 1) != 0
            && ngx_strncasecmp(p, (u_char *) "Bearer ", sizeof("Bearer ") - 1)
               != 0))
    {
        return NGX_DECLINED;
    }

    p += sizeof("Bearer ") - 1;

    while (p < last && *p == ' ') {
        p++;
    }

    value->data = p;
    value->len = last - p;

    return value->len ? NGX_OK : NGX_DECLINED;
}


ngx_http_llm_key_t *
ngx_http_llm_key_digest(ngx_http_llm_main_conf_t *lmcf, u_char *digest)
{
    ngx_http_llm_key_t  *key;

    key = lmcf->secrets ? ngx_http_llm_secret_slot(lmcf->secrets,
                                                   lmcf->nsecrets, digest)->key
                        : NULL;

    return key ? key : ngx_http_llm_runtime_secret(lmcf, digest);
}


ngx_uint_t
ngx_http_llm_model_allowed(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_str_t *model)
{
    ngx_http_llm_team_t      *team;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (ctx->key) {
        if (!ngx_http_llm_patterns_match(ctx->key->models, model)) {
            return 0;
        }

        for (team = ctx->key->team; team; team = team->parent) {
            if (!ngx_http_llm_patterns_match(team->models, model)) {
                return 0;
            }
        }
    }

    return ngx_http_llm_patterns_match(llcf->models, model);
}


ngx_uint_t
ngx_http_llm_models_narrowed(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_team_t      *team;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (llcf->models || (ctx->key && ctx->key->models)) {
        return 1;
    }

    for (team = ctx->key ? ctx->key->team : NULL; team; team = team->parent) {
        if (team->models) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_patterns_match(ngx_array_t *patterns, ngx_str_t *name)
{
    ngx_uint_t               i;
    ngx_http_llm_pattern_t  *pattern;

    if (patterns == NULL) {
        return 1;
    }

    pattern = patterns->elts;

    for (i = 0; i < patterns->nelts; i++) {
        if (ngx_http_llm_pattern_match(&pattern[i], name, NULL) == NGX_OK) {
            return 1;
        }
    }

    return 0;
}
