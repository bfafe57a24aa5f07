
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_token.h"
#include "ngx_llm_json.h"

#include <openssl/evp.h>
#include <openssl/err.h>
#include <openssl/pem.h>


#define NGX_LLM_TOKEN_URI      "https://oauth2.googleapis.com/token"

#define NGX_LLM_TOKEN_SCOPE    "https://www.googleapis.com/auth/cloud-platform"

/* of answers that do not say when the token ends; and the longest */
#define NGX_LLM_TOKEN_EXPIRES  3600
#define NGX_LLM_TOKEN_MAX      86400

#define NGX_LLM_TOKEN_WORD     64
#define NGX_LLM_TOKEN_CLAIMS   16384


static ngx_int_t ngx_llm_account_member(ngx_pool_t *pool,
    ngx_llm_json_t *root, char *name, ngx_str_t *value);
static EVP_PKEY *ngx_llm_account_key(ngx_str_t *pem);
static int ngx_llm_account_password(char *buf, int size, int rwflag,
    void *data);
static void ngx_llm_account_cleanup(void *data);
static u_char *ngx_llm_account_encode(u_char *p, ngx_str_t *text);
static ngx_int_t ngx_llm_account_sign(ngx_llm_account_t *account,
    ngx_str_t *text, u_char *signature, size_t *len);
static ngx_int_t ngx_llm_token_expires(ngx_llm_json_t *node);


ngx_int_t
ngx_llm_account_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_llm_account_t *account, char **err)
{
    EVP_PKEY            *key;
    ngx_str_t            pem, type;
    ngx_llm_json_t      *root;
    ngx_pool_cleanup_t  *cln;

    ngx_memzero(account, sizeof(ngx_llm_account_t));

    root = ngx_llm_json_parse(pool, text, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {
        *err = "is no JSON object";
        return NGX_DECLINED;
    }

    type = ngx_llm_json_str(root, "type");

    if (!ngx_llm_json_is(&type, "service_account")) {
        *err = "is no service account: its \"type\" is another";
        return NGX_DECLINED;
    }

    if (ngx_llm_account_member(pool, root, "client_email", &account->email)
        != NGX_OK
        || ngx_llm_account_member(pool, root, "private_key_id",
                                  &account->key_id)
           != NGX_OK
        || ngx_llm_account_member(pool, root, "token_uri",
                                  &account->token_uri)
           != NGX_OK
        || ngx_llm_account_member(pool, root, "project_id",
                                  &account->project)
           != NGX_OK
        || ngx_llm_account_member(pool, root, "private_key", &pem) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (account->email.len == 0) {
        *err = "has no \"client_email\"";
        return NGX_DECLINED;
    }

    if (pem.len == 0) {
        *err = "has no \"private_key\"";
        return NGX_DECLINED;
    }

    if (account->token_uri.len == 0) {
        ngx_str_set(&account->token_uri, NGX_LLM_TOKEN_URI);
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    key = ngx_llm_account_key(&pem);

    ngx_explicit_memzero(pem.data, pem.len);

    if (key == NULL) {
        *err = "has a \"private_key\" that is no RSA key in PEM";
        return NGX_DECLINED;
    }

    account->key = key;

    cln->handler = ngx_llm_account_cleanup;
    cln->data = key;

    return NGX_OK;
}


/* a copy */

static ngx_int_t
ngx_llm_account_member(ngx_pool_t *pool, ngx_llm_json_t *root, char *name,
    ngx_str_t *value)
{
    ngx_str_t  plain, text;

    ngx_str_null(value);

    text = ngx_llm_json_str(root, name);

    if (text.len == 0) {
        return NGX_OK;
    }

    plain = ngx_llm_json_plain(pool, &text);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    value->data = ngx_pstrdup(pool, &plain);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = plain.len;

    if (plain.data != text.data) {
        ngx_explicit_memzero(plain.data, plain.len);
    }

    return NGX_OK;
}


static EVP_PKEY *
ngx_llm_account_key(ngx_str_t *pem)
{
    BIO       *bio;
    EVP_PKEY  *key;

    bio = BIO_new_mem_buf(pem->data, (int) pem->len);
    if (bio == NULL) {
        return NULL;
    }

    key = PEM_read_bio_PrivateKey(bio, NULL, ngx_llm_account_password, NULL);

    BIO_free(bio);

    if (key && EVP_PKEY_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }

    ERR_clear_error();

    return key;
}


/* nobody is asked for one */

static int
ngx_llm_account_password(char *buf, int size, int rwflag, void *data)
{
    return 0;
}


static void
ngx_llm_account_cleanup(void *data)
{
    EVP_PKEY_free(data);
}


ngx_int_t
ngx_llm_account_assertion(ngx_pool_t *pool, ngx_llm_account_t *account,
    time_t now, ngx_str_t *assertion)
{
    u_char         *p, *signature;
    size_t          len, size;
    ngx_str_t       claims, header, text;
    ngx_llm_out_t   out;

    static ngx_str_t  scope = ngx_string(NGX_LLM_TOKEN_SCOPE);

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_LLM_TOKEN_CLAIMS);

    ngx_llm_out_lit(&out, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");

    if (account->key_id.len) {
        ngx_llm_out_lit(&out, ",\"kid\":");
        ngx_llm_out_json_string(&out, &account->key_id);
    }

    ngx_llm_out_char(&out, '}');

    header.len = ngx_llm_out_len(&out);

    ngx_llm_out_lit(&out, "{\"iss\":");
    ngx_llm_out_json_string(&out, &account->email);
    ngx_llm_out_lit(&out, ",\"scope\":");
    ngx_llm_out_json_string(&out, &scope);
    ngx_llm_out_lit(&out, ",\"aud\":");
    ngx_llm_out_json_string(&out, &account->token_uri);
    ngx_llm_out_lit(&out, ",\"iat\":");
    ngx_llm_out_int(&out, now);
    ngx_llm_out_lit(&out, ",\"exp\":");
    ngx_llm_out_int(&out, now + NGX_LLM_TOKEN_LIFETIME);
    ngx_llm_out_char(&out, '}');

    if (out.failed) {
        return NGX_ERROR;
    }

    header.data = out.start;
    claims.data = out.start + header.len;
    claims.len = ngx_llm_out_len(&out) - header.len;

    len = EVP_PKEY_size(account->key);

    size = ngx_base64_encoded_length(header.len)
           + ngx_base64_encoded_length(claims.len)
           + ngx_base64_encoded_length(len) + 2;

    p = ngx_pnalloc(pool, size);
    signature = ngx_pnalloc(pool, len);

    if (p == NULL || signature == NULL) {
        return NGX_ERROR;
    }

    assertion->data = p;

    p = ngx_llm_account_encode(p, &header);
    *p++ = '.';
    p = ngx_llm_account_encode(p, &claims);

    text.data = assertion->data;
    text.len = p - text.data;

    if (ngx_llm_account_sign(account, &text, signature, &len) != NGX_OK) {
        return NGX_ERROR;
    }

    *p++ = '.';

    text.data = signature;
    text.len = len;

    p = ngx_llm_account_encode(p, &text);

    assertion->len = p - assertion->data;

    return NGX_OK;
}


static u_char *
ngx_llm_account_encode(u_char *p, ngx_str_t *text)
{
    ngx_str_t  dst;

    dst.data = p;

    ngx_encode_base64url(&dst, text);

    return p + dst.len;
}


static ngx_int_t
ngx_llm_account_sign(ngx_llm_account_t *account, ngx_str_t *text,
    u_char *signature, size_t *len)
{
    int          ok;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    ok = EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, account->key) == 1
         && EVP_DigestSign(md, signature, len, text->data, text->len) == 1;

    EVP_MD_CTX_free(md);

    if (!ok) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_llm_token_write_account(ngx_str_t *assertion, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type"
                         "%3Ajwt-bearer&assertion=");
    ngx_llm_out_path(out, assertion);
}


void
ngx_llm_token_write_client(ngx_str_t *id, ngx_str_t *secret,
    ngx_str_t *scope, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "grant_type=client_credentials&client_id=");
    ngx_llm_out_path(out, id);
    ngx_llm_out_lit(out, "&client_secret=");
    ngx_llm_out_path(out, secret);

    if (scope->len) {
        ngx_llm_out_lit(out, "&scope=");
        ngx_llm_out_path(out, scope);
    }
}


void
ngx_llm_token_write_apikey(ngx_str_t *key, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type"
                         "%3Aapikey&apikey=");
    ngx_llm_out_path(out, key);
}


ngx_int_t
ngx_llm_token_read(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *token,
    ngx_int_t *expires)
{
    size_t           i;
    ngx_str_t        type;
    ngx_llm_json_t  *root;

    root = ngx_llm_json_parse(pool, text, NULL);

    *token = ngx_llm_json_str(root, "access_token");

    if (token->len == 0) {
        return NGX_DECLINED;
    }

    *token = ngx_llm_json_plain(pool, token);
    if (token->data == NULL) {
        return NGX_ERROR;
    }

    if (token->len > NGX_LLM_TOKEN_SIZE) {
        return NGX_DECLINED;
    }

    for (i = 0; i < token->len; i++) {
        if (token->data[i] <= ' ' || token->data[i] >= 0x7f) {
            return NGX_DECLINED;
        }
    }

    type = ngx_llm_json_str(root, "token_type");

    if (type.len
        && (type.len != sizeof("bearer") - 1
            || ngx_strncasecmp(type.data, (u_char *) "bearer", type.len) != 0))
    {
        return NGX_DECLINED;
    }

    *expires = ngx_llm_token_expires(ngx_llm_json_set(root, "expires_in"));

    return (*expires > 0) ? NGX_OK : NGX_DECLINED;
}


/* seconds, which some write as a string */

static ngx_int_t
ngx_llm_token_expires(ngx_llm_json_t *node)
{
    int64_t    n;
    ngx_str_t  text;

    if (node == NULL) {
        return NGX_LLM_TOKEN_EXPIRES;
    }

    if (node->type == NGX_LLM_JSON_STRING) {
        text = ngx_llm_json_text(node);
        n = ngx_atotm(text.data, text.len);

    } else if (ngx_llm_json_int(node, &n) != NGX_OK) {
        return 0;
    }

    return (ngx_int_t) ngx_min(n, NGX_LLM_TOKEN_MAX);
}


ngx_str_t
ngx_llm_token_error(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char           c;
    size_t           i;
    ngx_str_t        word;
    ngx_llm_json_t  *root;

    root = ngx_llm_json_parse(pool, text, NULL);

    word = ngx_llm_json_str(root, "error");

    if (word.len == 0) {
        word = ngx_llm_json_str(root, "errorCode");
    }

    for (i = 0; i < word.len; i++) {
        c = (u_char) (word.data[i] | 0x20);

        if (i == NGX_LLM_TOKEN_WORD
            || ((c < 'a' || c > 'z')
                && (word.data[i] < '0' || word.data[i] > '9')
                && word.data[i] != '_' && word.data[i] != '-'))
        {
            ngx_str_null(&word);
            break;
        }
    }

    return word;
}
