
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Signatures: vectors of the AWS suite for Signature Version 4, and requests
 * to Bedrock whose signatures were computed apart from this code.
 */


#include "test.h"
#include "ngx_llm_sigv4.h"


#define TEST_HEADERS  8


typedef struct {
    char  *name;
    char  *method;
    char  *path;
    char  *service;
    char  *body;
    char  *token;
    char  *headers[TEST_HEADERS][2];    /* x-amz-date is added */
    char  *names;
    char  *hash;                        /* of the canonical request */
    char  *signature;
} test_vector_t;


static void test_vector(test_vector_t *v);
static void test_pieces(void);
static void test_bad(void);
static void test_no_memory(void);
static void test_example(ngx_llm_sigv4_t *sign, ngx_keyval_t *host);


#define TEST_HOST  { "host", "example.amazonaws.com" }

#define TEST_HELLO                                                            \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hello\"}]}]}"

#define TEST_BEDROCK                                                          \
    { "content-type", "application/json" },                                   \
    { "host", "bedrock-runtime.us-east-1.amazonaws.com" }


static test_vector_t  test_vectors[] = {

    { "get-vanilla", "GET", "/", "service", "", NULL,
      { TEST_HOST },
      "host;x-amz-date",
      "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "post-vanilla", "POST", "/", "service", "", NULL,
      { TEST_HOST },
      "host;x-amz-date",
      "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },

    { "get-space", "GET", "/example space/", "service", "", NULL,
      { TEST_HOST },
      "host;x-amz-date",
      "63ee75631ed7234ae61b5f736dfc7754cdccfedbff4b5128a915706ee9390d86",
      "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },

    { "get-vanilla-query-order-key-case", "GET",
      "/?Param2=value2&Param1=value1", "service", "", NULL,
      { TEST_HOST },
      "host;x-amz-date",
      "816cd5b414d056048ba4f7c5386d6e0533120fb1fcfa93762cf0fc39e2cf19e0",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },

    { "a query of all kinds", "GET", "/?a-b=1&a=%20+&a=%c3%a9/&&b",
      "service", "", NULL,
      { TEST_HOST },
      "host;x-amz-date",
      "1eaa6a9b5615b09d55fc7c86f3deb8d62a7b06776bd6f72d9ac8ce35d39dc9fb",
      "1957f0936baf7c5170c6ca5f0b8ea93718ac9ae7fff8051217bee2fcb9ff7099" },

    /* the same after the removal of what a path does not need */

    { "get-slashes", "GET", "//./a/../", "service", "", NULL,
      { TEST_HOST },
      "host;x-amz-date",
      "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "get-above-root", "GET", "/../..", "service", "", NULL,
      { TEST_HOST },
      "host;x-amz-date",
      "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "get-header-value-trim", "GET", "/", "service", "", NULL,
      { { "host", " example.amazonaws.com\t " } },
      "host;x-amz-date",
      "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "get-vanilla-with-session-token", "GET", "/", "service", "",
      "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
      { TEST_HOST },
      "host;x-amz-date;x-amz-security-token",
      "067b36aa60031588cea4a4cde1f21215227a047690c72247f1d70b32fbbfad2b",
      "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" },

    { "post-x-www-form-urlencoded", "POST", "/", "service", "Param1=value1",
      NULL,
      { { "x-amz-content-sha256",
          "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e" },
        { "content-type", "application/x-www-form-urlencoded" },
        TEST_HOST,
        { "content-length", "13" } },
      "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
      "b1edd1d03544c25390e32085d55b57acc9a3961bb59415ff86c45c3d89d16cfb",
      "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b" },

    { "converse", "POST",
      "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
      "bedrock", TEST_HELLO, NULL,
      { TEST_BEDROCK },
      "content-type;host;x-amz-date",
      "461f87c8d487981e07967b3c0fb72a00918a6319c8265ffda2f6ce047c8dbf42",
      "405238c732dbbdbb783d0617e5f8c3ea9f07db7368facde9141996e2b73bd345" },

    { "converse with a raw colon", "POST",
      "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/converse",
      "bedrock", TEST_HELLO, NULL,
      { TEST_BEDROCK },
      "content-type;host;x-amz-date",
      "798ddc297e4e290b9804d20da25fc5a14c3cc4530f5c4b00f589a2f2705b9648",
      "d7eb6c50483d4c79aa55b92f4e9ae7063ca980d37408763c7d52f50ff298be97" },

    { "converse-stream with a token", "POST",
      "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
      "bedrock", TEST_HELLO, "TESTTOKEN",
      { TEST_BEDROCK },
      "content-type;host;x-amz-date;x-amz-security-token",
      "776c004e29e3f7ea506b8af9bc0be5c6aab73e3874b5d8a66f1ca8b5666bfd46",
      "a537f2ab53c4b20aaf63553af3387fc1fd9a04a668a0cf196da7b64428990ca9" },

    { NULL, NULL, NULL, NULL, NULL, NULL, { { NULL, NULL } }, NULL, NULL,
      NULL }
};


int
main(int argc, char *const *argv)
{
    test_vector_t  *v;

    for (v = test_vectors; v->name; v++) {
        test_vector(v);
    }

    test_pieces();
    test_bad();
    test_no_memory();

    return test_done("sigv4");
}


static void
test_vector(test_vector_t *v)
{
    void            *md;
    size_t           i;
    u_char          *query;
    ngx_str_t        body, got;
    ngx_uint_t       n;
    ngx_pool_t      *pool;
    ngx_keyval_t     headers[TEST_HEADERS];
    ngx_llm_out_t    out;
    ngx_llm_sigv4_t  sign;
    char             want[1024];
    u_char           hash[64], digest[64];

    test_case = v->name;
    pool = test_reset();

    ngx_memzero(&sign, sizeof(ngx_llm_sigv4_t));

    ngx_str_set(&sign.id, "AKIDEXAMPLE");
    ngx_str_set(&sign.secret, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    ngx_str_set(&sign.region, "us-east-1");

    body = test_string(v->body);

    sign.token = test_string(v->token);
    sign.service = test_string(v->service);
    sign.method = test_string(v->method);
    sign.path = test_string(v->path);

    query = (u_char *) strchr(v->path, '?');

    if (query) {
        sign.query = test_string((char *) query + 1);
        sign.path.len = query - (u_char *) v->path;
    }

    sign.body = &body;
    sign.nbody = 1;
    sign.now = 1440938160;      /* 20150830T123600Z */

    for (n = 0; n < TEST_HEADERS && v->headers[n][0]; n++) {
        headers[n].key = test_string(v->headers[n][0]);
        headers[n].value = test_string(v->headers[n][1]);
    }

    sign.headers = headers;
    sign.nheaders = n;

    ngx_llm_out_init(&out, pool, NULL, 0, 8192);

    test_int(ngx_llm_sigv4_hash(&sign, pool, &out, hash), NGX_OK);

    got.data = hash;
    got.len = 64;
    test_str(got, v->hash);

    snprintf(want, sizeof(want), "X-Amz-Date: 20150830T123600Z\r\n%s%s%s"
             "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830"
             "/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s\r\n",
             v->token ? "X-Amz-Security-Token: " : "",
             v->token ? v->token : "", v->token ? "\r\n" : "",
             v->service, v->names, v->signature);

    test_out(out, want);

    /* the same body, hashed while it comes */

    md = ngx_llm_sigv4_body_begin(pool);
    test_ok(md != NULL);

    for (i = 0; i < body.len; i++) {
        test_int(ngx_llm_sigv4_body_add(md, body.data + i, 1), NGX_OK);
    }

    test_int(ngx_llm_sigv4_body_end(md, digest), NGX_OK);

    sign.body = NULL;
    sign.nbody = 0;
    sign.hash = digest;

    ngx_llm_out_init(&out, pool, NULL, 0, 8192);

    test_int(ngx_llm_sigv4_hash(&sign, pool, &out, hash), NGX_OK);

    got.data = hash;
    got.len = 64;
    test_str(got, v->hash);
    test_out(out, want);
}


static void
test_example(ngx_llm_sigv4_t *sign, ngx_keyval_t *host)
{
    ngx_memzero(sign, sizeof(ngx_llm_sigv4_t));

    ngx_str_set(&sign->id, "ID");
    ngx_str_set(&sign->secret, "SECRET");
    ngx_str_set(&sign->region, "r");
    ngx_str_set(&sign->service, "s");
    ngx_str_set(&sign->method, "POST");
    ngx_str_set(&sign->path, "/a");

    ngx_str_set(&host->key, "host");
    ngx_str_set(&host->value, "h");

    sign->headers = host;
    sign->nheaders = 1;
    sign->now = 1;
}


/* a body in pieces is the same body */

static void
test_pieces(void)
{
    ngx_str_t         whole, pieces[3];
    ngx_pool_t       *pool;
    ngx_keyval_t      host;
    ngx_llm_out_t     one, two;
    ngx_llm_sigv4_t   sign;

    test_case = "pieces";
    pool = test_reset();

    test_example(&sign, &host);

    whole = test_string("abcdef");
    pieces[0] = test_string("ab");
    pieces[1] = test_string(NULL);
    pieces[2] = test_string("cdef");

    sign.body = &whole;
    sign.nbody = 1;
    ngx_llm_out_init(&one, pool, NULL, 0, 8192);
    test_int(ngx_llm_sigv4(&sign, pool, &one), NGX_OK);

    sign.body = pieces;
    sign.nbody = 3;
    ngx_llm_out_init(&two, pool, NULL, 0, 8192);
    test_int(ngx_llm_sigv4(&sign, pool, &two), NGX_OK);

    ngx_llm_out_char(&one, '\0');
    two.last[0] = '\0';
    test_out(two, (char *) one.start);

    /* and another body is another */

    sign.nbody = 2;
    ngx_llm_out_init(&two, pool, NULL, 0, 8192);
    test_int(ngx_llm_sigv4(&sign, pool, &two), NGX_OK);
    test_ok(ngx_memcmp(one.start, two.start, ngx_llm_out_len(&two)) != 0);
}


/* what would break out of its header, or has no room */

static void
test_bad(void)
{
    ngx_str_t         secret;
    ngx_uint_t        i;
    ngx_pool_t       *pool;
    ngx_keyval_t      host, many[NGX_LLM_SIGV4_HEADERS];
    ngx_llm_out_t     out;
    ngx_llm_sigv4_t   sign;

    test_case = "bad";
    pool = test_reset();

    ngx_llm_out_init(&out, pool, NULL, 0, 8192);

    test_example(&sign, &host);
    ngx_str_set(&sign.id, "ID\r\nx: y");
    test_int(ngx_llm_sigv4(&sign, pool, &out), NGX_ERROR);

    test_example(&sign, &host);
    ngx_str_set(&sign.token, "a\r\nx: y");
    ngx_llm_out_init(&out, pool, NULL, 0, 8192);
    test_int(ngx_llm_sigv4(&sign, pool, &out), NGX_ERROR);

    test_example(&sign, &host);
    secret.len = 4096;
    secret.data = ngx_pnalloc(pool, secret.len);
    memset(secret.data, 's', secret.len);
    sign.secret = secret;
    ngx_llm_out_init(&out, pool, NULL, 0, 8192);
    test_int(ngx_llm_sigv4(&sign, pool, &out), NGX_ERROR);

    test_example(&sign, &host);
    sign.region = secret;
    ngx_llm_out_init(&out, pool, NULL, 0, 65536);
    test_int(ngx_llm_sigv4(&sign, pool, &out), NGX_ERROR);

    for (i = 0; i < NGX_LLM_SIGV4_HEADERS; i++) {
        many[i] = host;
    }

    test_example(&sign, &host);
    sign.headers = many;
    sign.nheaders = NGX_LLM_SIGV4_HEADERS;
    ngx_llm_out_init(&out, pool, NULL, 0, 8192);
    test_int(ngx_llm_sigv4(&sign, pool, &out), NGX_ERROR);
}


static void
test_no_memory(void)
{
    ngx_int_t         rc;
    ngx_uint_t        n;
    ngx_pool_t       *pool;
    ngx_keyval_t      host;
    ngx_llm_out_t     out;
    ngx_llm_sigv4_t   sign;

    test_case = "no memory";

    for (n = 1; /* void */ ; n++) {

        pool = test_reset();
        test_example(&sign, &host);
        ngx_llm_out_init(&out, pool, NULL, 0, 8192);

        ngx_stubs_fail = n;
        rc = ngx_llm_sigv4(&sign, pool, &out);

        if (ngx_stubs_fail) {
            break;
        }

        test_int(rc, NGX_ERROR);
    }

    ngx_stubs_fail = 0;

    test_int(rc, NGX_OK);
}
