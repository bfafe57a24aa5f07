
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Service accounts, assertions and their signatures, answers with tokens.
 */


#include "ngx_llm_token.h"
#include "ngx_llm_json.h"
#include "test.h"

#include <openssl/evp.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>


static ngx_str_t test_pem(EVP_PKEY *key, const EVP_CIPHER *cipher);
static EVP_PKEY *test_key(int type);
static ngx_str_t test_json(char *type, char *email, char *pem, char *more);
static void test_account(void);
static void test_bad_accounts(void);
static void test_assertion(ngx_llm_account_t *account, ngx_str_t *jwt);
static void test_forms(void);
static void test_answers(void);
static void test_errors(void);


static EVP_PKEY   *test_rsa;
static ngx_str_t   test_rsa_pem;


int
main(int argc, char *const *argv)
{
    test_rsa = test_key(EVP_PKEY_RSA);
    test_rsa_pem = test_pem(test_rsa, NULL);

    test_account();
    test_bad_accounts();
    test_forms();
    test_answers();
    test_errors();

    (void) test_reset();

    free(test_rsa_pem.data);
    EVP_PKEY_free(test_rsa);

    return test_done("token");
}


static EVP_PKEY *
test_key(int type)
{
    EVP_PKEY      *key;
    EVP_PKEY_CTX  *ctx;

    key = NULL;
    ctx = EVP_PKEY_CTX_new_id(type, NULL);

    EVP_PKEY_keygen_init(ctx);

    if (type == EVP_PKEY_RSA) {
        EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048);

    } else {
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1);
    }

    EVP_PKEY_keygen(ctx, &key);
    EVP_PKEY_CTX_free(ctx);

    return key;
}


/* with line ends as JSON has them */

static ngx_str_t
test_pem(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
    BIO        *bio;
    char       *data;
    long        i, n;
    ngx_str_t   pem;

    bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, cipher ? "secret" : NULL,
                                  cipher ? 6 : 0, NULL, NULL);

    n = BIO_get_mem_data(bio, &data);

    pem.data = malloc(2 * n + 1);
    pem.len = 0;

    for (i = 0; i < n; i++) {

        if (data[i] == '\n') {
            pem.data[pem.len++] = '\\';
            pem.data[pem.len++] = 'n';

        } else {
            pem.data[pem.len++] = data[i];
        }
    }

    pem.data[pem.len] = '\0';

    BIO_free(bio);

    return pem;
}


static ngx_str_t
test_json(char *type, char *email, char *pem, char *more)
{
    u_char     *p;
    ngx_str_t   text;

    static u_char  buf[16384];

    p = ngx_snprintf(buf, sizeof(buf), "{ \"type\": \"%s\", "
                     "\"client_email\": \"%s\", \"private_key\": \"%s\"%s}",
                     type, email, pem, more);

    text.data = buf;
    text.len = p - buf;

    return text;
}


static void
test_account(void)
{
    char               *err;
    ngx_int_t           rc;
    ngx_str_t           jwt, text;
    ngx_uint_t          n;
    ngx_pool_t         *pool;
    ngx_llm_account_t   account;

    test_case = "account";
    pool = test_reset();

    text = test_json("service_account", "a\\u0040b.c",
                     (char *) test_rsa_pem.data,
                     ",\"private_key_id\":\"k\\\"1\",\"project_id\":\"p-1\","
                     "\"token_uri\":\"https:\\/\\/x\\/token\",\"mine\":1");

    test_int(ngx_llm_account_read(pool, &text, &account, &err), NGX_OK);
    test_str(account.email, "a@b.c");
    test_str(account.key_id, "k\"1");
    test_str(account.project, "p-1");
    test_str(account.token_uri, "https://x/token");

    test_int(ngx_llm_account_assertion(pool, &account, 1700000000, &jwt),
             NGX_OK);
    test_assertion(&account, &jwt);

    /* no allocation that fails is overlooked */

    for (n = 1; /* void */ ; n++) {
        pool = test_reset();

        ngx_stubs_fail = n;

        rc = ngx_llm_account_read(pool, &text, &account, &err);

        if (rc == NGX_OK) {
            rc = ngx_llm_account_assertion(pool, &account, 1700000000, &jwt);
        }

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            break;
        }

        test_ok(rc == NGX_ERROR || rc == NGX_DECLINED);
    }

    test_ok(n > 5);

    test_case = "account with what it must have";
    pool = test_reset();

    text = test_json("service_account", "a", (char *) test_rsa_pem.data, "");

    test_int(ngx_llm_account_read(pool, &text, &account, &err), NGX_OK);
    test_str(account.key_id, NULL);
    test_str(account.project, NULL);
    test_str(account.token_uri, "https://oauth2.googleapis.com/token");

    test_int(ngx_llm_account_assertion(pool, &account, 1700000000, &jwt),
             NGX_OK);
    test_assertion(&account, &jwt);
}


/* as who checks it does: with the public key, over the text as it came */

static void
test_assertion(ngx_llm_account_t *account, ngx_str_t *jwt)
{
    u_char           *dot, *second;
    int64_t           n;
    ngx_str_t         part, plain;
    EVP_MD_CTX       *md;
    ngx_pool_t       *pool;
    ngx_llm_json_t   *root;

    pool = test_pool;

    dot = ngx_strlchr(jwt->data, jwt->data + jwt->len, '.');

    if (!test_ok(dot != NULL)) {
        return;
    }

    second = ngx_strlchr(dot + 1, jwt->data + jwt->len, '.');

    if (!test_ok(second != NULL)) {
        return;
    }

    test_ok(ngx_strlchr(jwt->data, jwt->data + jwt->len, '=') == NULL);

    part.data = second + 1;
    part.len = jwt->data + jwt->len - part.data;
    plain.data = ngx_pnalloc(pool, part.len);

    test_int(ngx_decode_base64url(&plain, &part), NGX_OK);

    md = EVP_MD_CTX_new();

    test_int(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, test_rsa), 1);
    test_int(EVP_DigestVerify(md, plain.data, plain.len, jwt->data,
                              second - jwt->data), 1);

    EVP_MD_CTX_free(md);

    part.data = jwt->data;
    part.len = dot - jwt->data;
    plain.data = ngx_pnalloc(pool, part.len);

    test_int(ngx_decode_base64url(&plain, &part), NGX_OK);

    if (account->key_id.len) {
        test_str(plain, "{\"alg\":\"RS256\",\"typ\":\"JWT\","
                        "\"kid\":\"k\\\"1\"}");

    } else {
        test_str(plain, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}");
    }

    part.data = dot + 1;
    part.len = second - part.data;
    plain.data = ngx_pnalloc(pool, part.len);

    test_int(ngx_decode_base64url(&plain, &part), NGX_OK);

    root = ngx_llm_json_parse(pool, &plain, NULL);

    test_ok(root != NULL);
    test_same(ngx_llm_json_str(root, "iss"), account->email);
    test_same(ngx_llm_json_str(root, "aud"), account->token_uri);
    test_str(ngx_llm_json_str(root, "scope"),
             "https://www.googleapis.com/auth/cloud-platform");
    test_int(ngx_llm_json_int(ngx_llm_json_get(root, "iat"), &n), NGX_OK);
    test_int(n, 1700000000);
    test_int(ngx_llm_json_int(ngx_llm_json_get(root, "exp"), &n), NGX_OK);
    test_int(n, 1700003600);
    test_ok(ngx_llm_json_get(root, "sub") == NULL);
}


static void
test_bad_accounts(void)
{
    char               *err;
    EVP_PKEY           *key;
    ngx_str_t           locked, other, text;
    ngx_uint_t          i;
    ngx_llm_account_t   account;

    struct {
        char           *type;
        char           *email;
        char           *pem;
        char           *err;
    } bad[] = {
        { "authorized_user", "a", "",
          "is no service account: its \"type\" is another" },
        { "service_account", "", "x", "has no \"client_email\"" },
        { "service_account", "a", "", "has no \"private_key\"" },
        { "service_account", "a", "x",
          "has a \"private_key\" that is no RSA key in PEM" },
        { "service_account", "a", "-----BEGIN PRIVATE KEY-----\\nAAAA\\n",
          "has a \"private_key\" that is no RSA key in PEM" },
        { "service_account", "a", NULL,
          "has a \"private_key\" that is no RSA key in PEM" },
        { "service_account", "a", NULL,
          "has a \"private_key\" that is no RSA key in PEM" },
        { NULL, NULL, NULL, NULL }
    };

    key = test_key(EVP_PKEY_EC);
    other = test_pem(key, NULL);
    locked = test_pem(test_rsa, EVP_aes_128_cbc());

    bad[5].pem = (char *) other.data;
    bad[6].pem = (char *) locked.data;

    for (i = 0; bad[i].type; i++) {
        test_case = bad[i].err;

        text = test_json(bad[i].type, bad[i].email, bad[i].pem, "");
        err = NULL;

        test_int(ngx_llm_account_read(test_reset(), &text, &account, &err),
                 NGX_DECLINED);

        if (test_ok(err != NULL)) {
            test_str(test_string(err), bad[i].err);
        }

        test_int(ERR_peek_error(), 0);
    }

    test_case = "no JSON";

    text = test_string("AIza-key");
    test_int(ngx_llm_account_read(test_reset(), &text, &account, &err),
             NGX_DECLINED);

    text = test_string("[]");
    test_int(ngx_llm_account_read(test_reset(), &text, &account, &err),
             NGX_DECLINED);
    test_str(test_string(err), "is no JSON object");

    free(other.data);
    free(locked.data);
    EVP_PKEY_free(key);
}


static void
test_forms(void)
{
    ngx_str_t      id, scope, secret;
    ngx_llm_out_t  out;

    test_case = "forms";

    ngx_str_set(&id, "a-b");
    ngx_str_set(&secret, "x&y=z %+~");
    ngx_str_set(&scope, "https://s/.default");

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    ngx_llm_token_write_client(&id, &secret, &scope, &out);
    test_out(out, "grant_type=client_credentials&client_id=a-b"
                  "&client_secret=x%26y%3Dz%20%25%2B~"
                  "&scope=https%3A%2F%2Fs%2F.default");

    ngx_str_null(&scope);

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    ngx_llm_token_write_client(&id, &secret, &scope, &out);
    test_out(out, "grant_type=client_credentials&client_id=a-b"
                  "&client_secret=x%26y%3Dz%20%25%2B~");

    ngx_str_set(&id, "e30.e30.AA-_");

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    ngx_llm_token_write_account(&id, &out);
    test_out(out, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-"
                  "bearer&assertion=e30.e30.AA-_");

    ngx_llm_out_init(&out, test_reset(), NULL, 0, 1024);
    ngx_llm_token_write_apikey(&secret, &out);
    test_out(out, "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey"
                  "&apikey=x%26y%3Dz%20%25%2B~");
}


static void
test_answers(void)
{
    ngx_int_t    expires;
    ngx_str_t    text, token;
    ngx_uint_t   i;

    static struct {
        char       *text;
        char       *token;      /* NULL: there is none */
        ngx_int_t   expires;
    } answers[] = {
        { "{\"access_token\":\"ya29.a-_/+=\",\"expires_in\":3599,"
          "\"token_type\":\"Bearer\"}", "ya29.a-_/+=", 3599 },
        { "{\"access_token\":\"a\\/b\",\"expires_in\":\"120\","
          "\"token_type\":\"bearer\",\"scope\":\"x\"}", "a/b", 120 },
        { "{\"access_token\":\"a\"}", "a", 3600 },
        { "{\"access_token\":\"a\",\"expires_in\":null}", "a", 3600 },
        { "{\"access_token\":\"a\",\"expires_in\":1}", "a", 1 },
        { "{\"access_token\":\"a\",\"expires_in\":3599.0}", "a", 3599 },
        { "{\"access_token\":\"a\",\"expires_in\":99999999}", "a", 86400 },
        { "{\"access_token\":\"a\",\"expires_in\":0}", NULL, 0 },
        { "{\"access_token\":\"a\",\"expires_in\":-5}", NULL, 0 },
        { "{\"access_token\":\"a\",\"expires_in\":\"soon\"}", NULL, 0 },
        { "{\"access_token\":\"a\",\"expires_in\":1e3}", NULL, 0 },
        { "{\"access_token\":\"a\",\"expires_in\":[]}", NULL, 0 },
        { "{\"access_token\":\"a\",\"token_type\":\"mac\"}", NULL, 0 },
        { "{\"access_token\":\"a b\"}", NULL, 0 },
        { "{\"access_token\":\"a\\r\\nx: y\"}", NULL, 0 },
        { "{\"access_token\":\"\\u0000\"}", NULL, 0 },
        { "{\"access_token\":\"\\u00e9\"}", NULL, 0 },
        { "{\"access_token\":\"\"}", NULL, 0 },
        { "{\"access_token\":1}", NULL, 0 },
        { "{\"access_token\":\"a\"", NULL, 0 },
        { "[]", NULL, 0 },
        { "", NULL, 0 },
        { NULL, NULL, 0 }
    };

    for (i = 0; answers[i].text; i++) {
        test_case = answers[i].text;

        text = test_string(answers[i].text);

        if (answers[i].token == NULL) {
            test_int(ngx_llm_token_read(test_reset(), &text, &token,
                                        &expires), NGX_DECLINED);
            continue;
        }

        test_int(ngx_llm_token_read(test_reset(), &text, &token, &expires),
                 NGX_OK);
        test_str(token, answers[i].token);
        test_int(expires, answers[i].expires);
    }
}


static void
test_errors(void)
{
    ngx_str_t    text;
    ngx_uint_t   i;

    static struct {
        char  *text;
        char  *word;
    } errors[] = {
        { "{\"error\":\"invalid_grant\",\"error_description\":\"x\"}",
          "invalid_grant" },
        { "{\"errorCode\":\"BXNIM0415E\",\"errorMessage\":\"x y\"}",
          "BXNIM0415E" },
        { "{\"error\":\"\",\"errorCode\":\"E 1\"}", NULL },
        { "{\"error\":\"a b\"}", NULL },
        { "{\"error\":\"a\\nb\"}", NULL },
        { "{\"error\":{\"code\":1}}", NULL },
        { "{}", NULL },
        { "<html>", NULL },
        { "{\"error\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaa\"}", NULL },
        { NULL, NULL }
    };

    for (i = 0; errors[i].text; i++) {
        test_case = errors[i].text;

        text = test_string(errors[i].text);
        test_str(ngx_llm_token_error(test_reset(), &text), errors[i].word);
    }
}
