
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * llm_api: keys that are made, changed and deleted.
 *
 * A definition is written member by member from what there was and what the
 * call says, parsed as it will be by every worker, and only then kept.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/rand.h>

#include "ngx_http_llm_api.h"


/* "sk-" and 32 random bytes in base64url */
#define NGX_HTTP_LLM_API_SECRET   (sizeof("sk-") - 1 + 43)

#define NGX_HTTP_LLM_API_HEX      (2 * NGX_HTTP_LLM_DIGEST)


static ngx_int_t ngx_http_llm_api_key_put(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_str_t *name, ngx_str_t *old,
    ngx_llm_out_t *text, ngx_uint_t status, ngx_str_t *secret);
static ngx_int_t ngx_http_llm_api_taken(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_http_llm_key_t *key);
static ngx_int_t ngx_http_llm_api_kept(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_str_t *name, ngx_str_t *old,
    ngx_str_t *text);
static ngx_uint_t ngx_http_llm_api_configured(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *name, ngx_http_llm_key_t **key);
static ngx_int_t ngx_http_llm_api_secret(ngx_str_t *secret, u_char *hex);
static void ngx_http_llm_api_merge(ngx_llm_out_t *out, ngx_llm_json_t *old,
    ngx_llm_json_t *patch);
static void ngx_http_llm_api_member(ngx_llm_out_t *out, ngx_llm_json_t *node);
static ngx_int_t ngx_http_llm_api_unknown(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_llm_api_disable(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call, ngx_http_llm_key_t *key);


ngx_int_t
ngx_http_llm_api_key_create(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    u_char               hex[NGX_HTTP_LLM_API_HEX];
    u_char               buf[NGX_HTTP_LLM_API_SECRET];
    ngx_str_t            name, secret;
    ngx_llm_out_t        out;
    ngx_llm_json_t      *node;
    ngx_http_llm_key_t  *key;

    if (call->body == NULL) {
        return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                      "a JSON object with a \"name\" is "
                                      "expected");
    }

    name = ngx_llm_json_str(call->body, "name");
    name = ngx_llm_json_plain(r->pool, &name);

    if (name.len == 0) {
        return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                      "\"name\" is missing");
    }

    if (ngx_http_llm_api_configured(call->lmcf, &name, &key)
        || ngx_http_llm_runtime_find(call->lmcf, &name))
    {
        return ngx_http_llm_api_error(r, NGX_HTTP_CONFLICT, "key_exists",
                                      "there is a key \"%V\" already", &name);
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_API_BODY * 2);
    ngx_llm_out_char(&out, '{');

    for (node = call->body->child; node; node = node->next) {

        if (node->type != NGX_LLM_JSON_NULL) {
            if (ngx_llm_out_len(&out) > 1) {
                ngx_llm_out_char(&out, ',');
            }

            ngx_http_llm_api_member(&out, node);
        }
    }

    secret.data = buf;
    secret.len = 0;

    /* a secret of ours, unless the caller has one and tells its hash */

    if (ngx_llm_json_set(call->body, "secret") == NULL) {

        secret.len = sizeof(buf);

        if (ngx_http_llm_api_secret(&secret, hex) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_llm_out_lit(&out, ",\"secret\":[\"sha256:");
        ngx_llm_out_data(&out, hex, NGX_HTTP_LLM_API_HEX);
        ngx_llm_out_lit(&out, "\"]");
    }

    ngx_llm_out_char(&out, '}');

    return ngx_http_llm_api_key_put(r, call, &name, NULL, &out,
                                    NGX_HTTP_CREATED, &secret);
}


/* the secret is in this answer and nowhere else */

static ngx_int_t
ngx_http_llm_api_key_put(ngx_http_request_t *r, ngx_http_llm_api_call_t *call,
    ngx_str_t *name, ngx_str_t *old, ngx_llm_out_t *text, ngx_uint_t status,
    ngx_str_t *secret)
{
    ngx_int_t                rc;
    ngx_str_t                def, error;
    ngx_llm_out_t            out;
    ngx_http_llm_key_t      *key;
    ngx_http_llm_defined_t  *defined;

    if (text->failed) {
        return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                      "the definition is too long");
    }

    def.data = text->start;
    def.len = ngx_llm_out_len(text);

    if (def.len >= NGX_LLM_LEDGER_DEFINITION) {
        return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                      "the definition has %uz bytes, it can "
                                      "have %ui", def.len,
                                      (ngx_uint_t) NGX_LLM_LEDGER_DEFINITION
                                      - 1);
    }

    rc = ngx_http_llm_runtime_parse(call->lmcf, r->pool, &def, &key, &error);

    if (rc == NGX_DECLINED) {
        return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL, "%V",
                                      &error);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_llm_api_taken(r, call, key) != NGX_OK
        || ngx_http_llm_api_kept(r, call, name, old, &def) != NGX_OK)
    {
        return call->rc;
    }

    defined = ngx_http_llm_runtime_find(call->lmcf, name);

    if (defined == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_WALK_MAX);

    ngx_http_llm_api_key(call->lmcf, ngx_http_llm_zone_ledger(call->lmcf),
                         defined->key, &out);

    if (secret->len && !out.failed) {
        out.last--;
        ngx_llm_out_lit(&out, ",\"secret\":");
        ngx_llm_out_json_string(&out, secret);
        ngx_llm_out_char(&out, '}');
    }

    ngx_llm_out_char(&out, LF);

    return ngx_http_llm_api_send(r, status, &out);
}


/* a secret is of one key only */

static ngx_int_t
ngx_http_llm_api_taken(ngx_http_request_t *r, ngx_http_llm_api_call_t *call,
    ngx_http_llm_key_t *key)
{
    u_char              *digest;
    ngx_uint_t           i;
    ngx_http_llm_key_t  *other;

    digest = key->digests.elts;

    for (i = 0; i < key->digests.nelts; i++) {

        other = ngx_http_llm_key_digest(call->lmcf, digest);

        if (other
            && (other->name.len != key->name.len
                || ngx_strncmp(other->name.data, key->name.data,
                               key->name.len)
                   != 0))
        {
            call->rc = ngx_http_llm_api_error(r, NGX_HTTP_CONFLICT,
                                              "secret_exists",
                                              "another key has this secret");
            return NGX_DECLINED;
        }

        digest += NGX_HTTP_LLM_DIGEST;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_kept(ngx_http_request_t *r, ngx_http_llm_api_call_t *call,
    ngx_str_t *name, ngx_str_t *old, ngx_str_t *text)
{
    switch (ngx_http_llm_runtime_set(call->lmcf, name, old, text,
                                     r->connection->log))
    {

    case NGX_OK:
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "llm key \"%V\" was %s", name,
                      text ? "defined" : "deleted");

        ngx_http_llm_runtime_update(call->lmcf);

        return NGX_OK;

    case NGX_BUSY:
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                          "busy", "another change is being "
                                          "written, try again");
        break;

    case NGX_ABORT:
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_CONFLICT, "key_changed",
                                          "key \"%V\" was changed meanwhile, "
                                          "try again", name);
        break;

    case NGX_DECLINED:
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_INSUFFICIENT_STORAGE,
                                          "zone_full", "the zone has no room "
                                          "for more keys: give \"llm_zone\" "
                                          "a larger size");
        break;

    default:
        call->rc = ngx_http_llm_api_error(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                          "not_kept", "the change could not "
                                          "be kept, see the error log");
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_llm_api_configured(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name,
    ngx_http_llm_key_t **key)
{
    ngx_uint_t                n;
    ngx_http_llm_pattern_t  **pattern;

    /* a name of a template is found as it is written, not as it matches */

    pattern = lmcf->key_names.patterns.elts;

    for (n = 0; n < lmcf->key_names.patterns.nelts; n++) {
        if (pattern[n]->text.len == name->len
            && ngx_strncmp(pattern[n]->text.data, name->data, name->len) == 0)
        {
            *key = pattern[n]->value;
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_api_secret(ngx_str_t *secret, u_char *hex)
{
    ngx_str_t  random, text;
    u_char     bytes[32], digest[NGX_HTTP_LLM_DIGEST];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    ngx_memcpy(secret->data, "sk-", 3);

    random.data = bytes;
    random.len = sizeof(bytes);
    text.data = secret->data + 3;

    ngx_encode_base64url(&text, &random);
    ngx_explicit_memzero(bytes, sizeof(bytes));

    ngx_http_llm_sha256(secret->data, secret->len, digest);
    ngx_hex_dump(hex, digest, NGX_HTTP_LLM_DIGEST);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_api_key_get(ngx_http_request_t *r, ngx_http_llm_api_call_t *call)
{
    ngx_llm_out_t            out;
    ngx_http_llm_key_t      *key;
    ngx_http_llm_defined_t  *def;

    if (!ngx_http_llm_api_configured(call->lmcf, &call->name, &key)) {

        def = ngx_http_llm_runtime_find(call->lmcf, &call->name);

        if (def == NULL) {
            return ngx_http_llm_api_unknown(r, &call->name);
        }

        key = def->key;
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_WALK_MAX);

    ngx_http_llm_api_key(call->lmcf, ngx_http_llm_zone_ledger(call->lmcf), key,
                         &out);
    ngx_llm_out_char(&out, LF);

    return ngx_http_llm_api_send(r, NGX_HTTP_OK, &out);
}


static ngx_int_t
ngx_http_llm_api_unknown(ngx_http_request_t *r, ngx_str_t *name)
{
    return ngx_http_llm_api_error(r, NGX_HTTP_NOT_FOUND, "key_not_found",
                                  "there is no key \"%V\"", name);
}


/* members replace those of the same name, null takes one away */

ngx_int_t
ngx_http_llm_api_key_change(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    ngx_str_t                none;
    ngx_llm_out_t            out;
    ngx_llm_json_t          *old, *name;
    ngx_http_llm_key_t      *key;
    ngx_http_llm_defined_t  *def;

    if (call->body == NULL) {
        return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                      "a JSON object is expected");
    }

    name = ngx_llm_json_get(call->body, "name");

    if (name) {
        none = ngx_llm_json_text(name);

        if (name->type != NGX_LLM_JSON_STRING || none.len != call->name.len
            || ngx_strncmp(none.data, call->name.data, none.len) != 0)
        {
            return ngx_http_llm_api_error(r, NGX_HTTP_BAD_REQUEST, NULL,
                                          "a key cannot be renamed: its "
                                          "standing goes by its name");
        }
    }

    if (ngx_http_llm_api_configured(call->lmcf, &call->name, &key)) {
        return ngx_http_llm_api_disable(r, call, key);
    }

    def = ngx_http_llm_runtime_find(call->lmcf, &call->name);

    if (def == NULL) {
        return ngx_http_llm_api_unknown(r, &call->name);
    }

    old = ngx_llm_json_parse(r->pool, &def->text, NULL);
    if (old == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_API_BODY * 2);
    ngx_http_llm_api_merge(&out, old, call->body);

    ngx_str_null(&none);

    return ngx_http_llm_api_key_put(r, call, &call->name, &def->text, &out,
                                    NGX_HTTP_OK, &none);
}


static ngx_int_t
ngx_http_llm_api_disable(ngx_http_request_t *r, ngx_http_llm_api_call_t *call,
    ngx_http_llm_key_t *key)
{
    ngx_str_t                text;
    ngx_llm_out_t            out;
    ngx_llm_json_t          *node, *disabled;
    ngx_http_llm_defined_t  *def;

    disabled = NULL;

    for (node = call->body->child; node; node = node->next) {

        if (node->key.len == sizeof("disabled") - 1
            && ngx_strncmp(node->key.data, "disabled", node->key.len) == 0
            && (node->type == NGX_LLM_JSON_TRUE
                || node->type == NGX_LLM_JSON_FALSE))
        {
            disabled = node;

        } else if (node->key.len != sizeof("name") - 1
                   || ngx_strncmp(node->key.data, "name", node->key.len) != 0)
        {
            disabled = NULL;
            break;
        }
    }

    if (disabled == NULL) {
        return ngx_http_llm_api_error(r, NGX_HTTP_CONFLICT, "key_configured",
                                      "key \"%V\" is of %s:%ui: here it can "
                                      "only be disabled, reset and credited",
                                      &call->name, key->file, key->line);
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_API_BODY);

    ngx_llm_out_lit(&out, "{\"name\":");
    ngx_llm_out_json_string(&out, &call->name);
    ngx_llm_out_lit(&out, ",\"disabled\":true}");

    text.data = out.start;
    text.len = ngx_llm_out_len(&out);

    if (out.failed
        || ngx_http_llm_runtime_name_check(&call->name) != NGX_OK)
    {
        return ngx_http_llm_api_error(r, NGX_HTTP_CONFLICT, "key_configured",
                                      "key \"%V\" is of %s:%ui, and its name "
                                      "cannot be written here", &call->name,
                                      key->file, key->line);
    }

    def = ngx_http_llm_runtime_find(call->lmcf, &call->name);

    if (ngx_http_llm_api_kept(r, call, &call->name, def ? &def->text : NULL,
                              disabled->type == NGX_LLM_JSON_TRUE ? &text
                                                                  : NULL)
        != NGX_OK)
    {
        return call->rc;
    }

    return ngx_http_llm_api_key_get(r, call);
}


static void
ngx_http_llm_api_merge(ngx_llm_out_t *out, ngx_llm_json_t *old,
    ngx_llm_json_t *patch)
{
    ngx_llm_json_t  *node;

    ngx_llm_out_char(out, '{');

    for (node = old->child; node; node = node->next) {

        if (ngx_llm_json_find(patch, (char *) node->key.data, node->key.len)) {
            continue;
        }

        if (ngx_llm_out_len(out) > 1) {
            ngx_llm_out_char(out, ',');
        }

        ngx_http_llm_api_member(out, node);
    }

    for (node = patch->child; node; node = node->next) {

        if (node->type == NGX_LLM_JSON_NULL) {
            continue;
        }

        if (ngx_llm_out_len(out) > 1) {
            ngx_llm_out_char(out, ',');
        }

        ngx_http_llm_api_member(out, node);
    }

    ngx_llm_out_char(out, '}');
}


/* on one line: between its strings a value may have line ends */

static void
ngx_http_llm_api_member(ngx_llm_out_t *out, ngx_llm_json_t *node)
{
    size_t  i;

    ngx_llm_out_json_string(out, &node->key);
    ngx_llm_out_char(out, ':');

    for (i = 0; i < node->raw.len; i++) {
        if (node->raw.data[i] != LF && node->raw.data[i] != CR) {
            ngx_llm_out_char(out, node->raw.data[i]);
        }
    }
}


ngx_int_t
ngx_http_llm_api_key_delete(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    ngx_llm_out_t            out;
    ngx_http_llm_key_t      *key;
    ngx_http_llm_defined_t  *def;

    if (ngx_http_llm_api_configured(call->lmcf, &call->name, &key)) {
        return ngx_http_llm_api_error(r, NGX_HTTP_CONFLICT, "key_configured",
                                      "key \"%V\" is of %s:%ui: here it can "
                                      "only be disabled, reset and credited",
                                      &call->name, key->file, key->line);
    }

    def = ngx_http_llm_runtime_find(call->lmcf, &call->name);

    if (def == NULL) {
        return ngx_http_llm_api_unknown(r, &call->name);
    }

    if (ngx_http_llm_api_kept(r, call, &call->name, &def->text, NULL)
        != NGX_OK)
    {
        return call->rc;
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_API_BODY);

    ngx_llm_out_lit(&out, "{\"name\":");
    ngx_llm_out_json_string(&out, &call->name);
    ngx_llm_out_lit(&out, ",\"deleted\":true}\n");

    return ngx_http_llm_api_send(r, NGX_HTTP_OK, &out);
}


/* "keep": true leaves the last secret beside the new one, once */

ngx_int_t
ngx_http_llm_api_key_rotate(ngx_http_request_t *r,
    ngx_http_llm_api_call_t *call)
{
    u_char                   hex[NGX_HTTP_LLM_API_HEX];
    u_char                   buf[NGX_HTTP_LLM_API_SECRET];
    ngx_str_t                secret;
    ngx_llm_out_t            out;
    ngx_llm_json_t          *old, *node;
    ngx_http_llm_key_t      *key;
    ngx_http_llm_defined_t  *def;

    if (ngx_http_llm_api_configured(call->lmcf, &call->name, &key)) {
        return ngx_http_llm_api_error(r, NGX_HTTP_CONFLICT, "key_configured",
                                      "key \"%V\" is of %s:%ui: its secrets "
                                      "are there", &call->name, key->file,
                                      key->line);
    }

    def = ngx_http_llm_runtime_find(call->lmcf, &call->name);

    if (def == NULL) {
        return ngx_http_llm_api_unknown(r, &call->name);
    }

    old = ngx_llm_json_parse(r->pool, &def->text, NULL);
    if (old == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    secret.data = buf;
    secret.len = sizeof(buf);

    if (ngx_http_llm_api_secret(&secret, hex) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_llm_out_init(&out, r->pool, NULL, 0, NGX_HTTP_LLM_API_BODY * 2);
    ngx_llm_out_char(&out, '{');

    for (node = old->child; node; node = node->next) {

        if (node->key.len == sizeof("secret") - 1
            && ngx_strncmp(node->key.data, "secret", node->key.len) == 0)
        {
            continue;
        }

        ngx_http_llm_api_member(&out, node);
        ngx_llm_out_char(&out, ',');
    }

    ngx_llm_out_lit(&out, "\"secret\":[\"sha256:");
    ngx_llm_out_data(&out, hex, NGX_HTTP_LLM_API_HEX);
    ngx_llm_out_char(&out, '"');

    if (call->body && ngx_llm_json_true(call->body, "keep")
        && def->key->digests.nelts)
    {

        ngx_hex_dump(hex, def->key->digests.elts, NGX_HTTP_LLM_DIGEST);

        ngx_llm_out_lit(&out, ",\"sha256:");
        ngx_llm_out_data(&out, hex, NGX_HTTP_LLM_API_HEX);
        ngx_llm_out_char(&out, '"');
    }

    ngx_llm_out_lit(&out, "]}");

    return ngx_http_llm_api_key_put(r, call, &call->name, &def->text, &out,
                                    NGX_HTTP_OK, &secret);
}
