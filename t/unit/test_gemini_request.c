
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * OpenAI requests and the exact bytes that go to Gemini.  The cases stand
 * in a file, a line each:
 *
 *   # name             a new case
 *   @ member=value     of the target: model, drop
 *   %                  the client is one of Anthropic's
 *   > {...}            what the client sent
 *   < {...}            what the provider gets
 *   - a,b              what is named as dropped
 *   ! status code param message
 *                      or how it is refused
 */


#include "test.h"
#include "ngx_llm_gemini.h"


#define TEST_CASES  "t/fixtures/gemini/requests.txt"


typedef struct {
    ngx_str_t          name;
    ngx_str_t          request;
    ngx_str_t          want;
    ngx_str_t          dropped;
    ngx_str_t          refused;
    ngx_llm_target_t   target;

    const ngx_llm_dialect_t  *client;
} test_request_t;


static void test_requests(void);
static void test_line(test_request_t *c, ngx_str_t *line);
static void test_target(test_request_t *c, ngx_str_t *line);
static void test_init(test_request_t *c, ngx_str_t *name);
static void test_run(test_request_t *c);
static void test_dropped(test_request_t *c, ngx_llm_chat_t *chat);
static void test_refused(test_request_t *c, ngx_llm_error_t *err);
static void test_no_memory(test_request_t *c);
static void test_path(void);
static void test_headers(void);
static void test_models(void);


static u_char      test_name[256];
static ngx_uint_t  test_print;


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_requests();
    test_path();
    test_headers();
    test_models();

    return test_done("gemini request");
}


static void
test_requests(void)
{
    u_char          *last, *p;
    ngx_str_t        line, text;
    test_request_t   c;

    text = test_file(TEST_CASES);

    if (!test_ok(text.data != NULL)) {
        return;
    }

    ngx_str_null(&line);
    test_init(&c, &line);

    p = text.data;
    last = p + text.len;

    while (p < last) {

        line.data = p;

        while (p < last && *p != '\n') {
            p++;
        }

        line.len = p - line.data;
        p++;

        test_line(&c, &line);
    }

    test_run(&c);

    free(text.data);
}


static void
test_line(test_request_t *c, ngx_str_t *line)
{
    ngx_str_t  value;

    if (line->len == 0) {
        return;
    }

    value.data = line->data + 2;
    value.len = (line->len < 2) ? 0 : line->len - 2;

    switch (line->data[0]) {

    case '#':
        test_run(c);
        test_init(c, &value);
        break;

    case '@':
        test_target(c, &value);
        break;

    case '%':
        c->client = &ngx_llm_anthropic;
        break;

    case '>':
        c->request = value;
        break;

    case '<':
        c->want = value;
        break;

    case '-':
        c->dropped = value;
        break;

    case '!':
        c->refused = value;
        break;

    default:
        fprintf(stderr, "%.*s\n", (int) line->len, line->data);
        test_ok(0);
    }
}


static void
test_target(test_request_t *c, ngx_str_t *line)
{
    u_char      *eq;
    ngx_str_t    name, value;
    ngx_uint_t   id;

    eq = ngx_strlchr(line->data, line->data + line->len, '=');

    if (!test_ok(eq != NULL)) {
        return;
    }

    name.data = line->data;
    name.len = eq - line->data;
    value.data = eq + 1;
    value.len = line->len - name.len - 1;

    if (ngx_llm_json_is(&name, "model")) {
        c->target.model = value;

    } else if (ngx_llm_json_is(&name, "drop")) {
        id = ngx_llm_param_find(&value);
        test_ok(id != NGX_LLM_PARAMS);
        c->target.drop |= ngx_llm_param_bit(id);

    } else {
        test_ok(0);
    }
}


static void
test_init(test_request_t *c, ngx_str_t *name)
{
    u_char  *p;

    ngx_memzero(c, sizeof(test_request_t));

    c->name = *name;
    c->client = &ngx_llm_openai;

    ngx_str_set(&c->target.provider, "google");
    ngx_str_set(&c->target.model, "gemini-2.5-flash");

    p = ngx_snprintf(test_name, sizeof(test_name) - 1, "%V", name);
    *p = '\0';

    test_case = (char *) test_name;
}


static void
test_run(test_request_t *c)
{
    ngx_int_t         rc;
    ngx_str_t         got, text;
    ngx_pool_t       *pool;
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_error_t   err;

    if (c->request.len == 0) {
        return;
    }

    pool = test_reset();
    text = test_copy(c->request.data, c->request.len);

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    ngx_llm_chat_init(&chat, pool, &text);
    ngx_llm_out_init(&out, pool, NULL, 0, 1024 * 1024);

    rc = c->client->read_request(&chat, &err);

    if (!test_int(rc, NGX_OK)) {
        fprintf(stderr, "%.*s\n", (int) err.message.len, err.message.data);
        free(text.data);
        return;
    }

    rc = ngx_llm_gemini.write_request(&chat, &c->target, &out, &err);

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);

    if (rc == NGX_DECLINED) {
        test_refused(c, &err);

    } else {

        if (test_print) {
            printf("# %s\n< %.*s\n\n", test_case, (int) got.len, got.data);
        }

        test_int(rc, NGX_OK);
        test_same(got, c->want);
        test_ok(ngx_llm_json_parse(pool, &got, NULL) != NULL);
        test_dropped(c, &chat);
    }

    free(text.data);

    test_no_memory(c);
}


static void
test_dropped(test_request_t *c, ngx_llm_chat_t *chat)
{
    u_char      *p;
    ngx_str_t    got, *name;
    ngx_uint_t   i;
    u_char       buf[1024];

    p = buf;

    if (chat->dropped != NULL) {
        name = chat->dropped->elts;

        for (i = 0; i < chat->dropped->nelts; i++) {
            p = ngx_slprintf(p, buf + sizeof(buf), "%s%V", i ? "," : "",
                             &name[i]);
        }
    }

    got.data = c->dropped.data ? buf : NULL;
    got.len = p - buf;

    if (c->dropped.data == NULL) {
        got.data = got.len ? buf : NULL;
    }

    test_same(got, c->dropped);
}


static void
test_refused(test_request_t *c, ngx_llm_error_t *err)
{
    u_char     *p;
    ngx_str_t   got;
    u_char      buf[1024];

    p = ngx_snprintf(buf, sizeof(buf), "%ui %V %V %V", err->status,
                     &err->code, &err->param, &err->message);

    got.data = buf;
    got.len = p - buf;

    if (test_print) {
        printf("# %s\n! %.*s\n\n", test_case, (int) got.len, got.data);
    }

    test_same(got, c->refused);
    test_int(err->fail, NGX_LLM_FAIL_REQUEST);
}


/* each allocation fails once: an error, no crash */

static void
test_no_memory(test_request_t *c)
{
    ngx_int_t         rc;
    ngx_str_t         text;
    ngx_uint_t        n;
    ngx_pool_t       *pool;
    ngx_llm_out_t     out;
    ngx_llm_chat_t    chat;
    ngx_llm_error_t   err;

    for (n = 1; /* void */ ; n++) {

        pool = test_reset();
        text = c->request;

        ngx_memzero(&err, sizeof(ngx_llm_error_t));
        ngx_llm_chat_init(&chat, pool, &text);
        ngx_llm_out_init(&out, pool, NULL, 0, 1024 * 1024);

        test_int(c->client->read_request(&chat, &err), NGX_OK);

        ngx_stubs_fail = n;

        rc = ngx_llm_gemini.write_request(&chat, &c->target, &out, &err);

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            break;
        }

        /* for the reader of JSON, no memory is bad JSON: it may be wrapped */

        if (rc == NGX_OK) {
            text.data = out.start;
            text.len = ngx_llm_out_len(&out);
            test_ok(ngx_llm_json_parse(pool, &text, NULL) != NULL);
        }

        test_ok(rc == NGX_ERROR || rc == NGX_DECLINED || rc == NGX_OK);
    }
}


static void
test_path(void)
{
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    static struct {
        char        *model;
        ngx_uint_t   stream;
        char        *path;      /* NULL: refused */
    } paths[] = {
        { "gemini-2.5-flash", 0,
          "/v1beta/models/gemini-2.5-flash:generateContent" },
        { "gemini-2.5-flash", 1,
          "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse" },
        { "models/gemini-2.5-pro", 0,
          "/v1beta/models/gemini-2.5-pro:generateContent" },
        { "tunedModels/mine-1", 1,
          "/v1beta/tunedModels/mine-1:streamGenerateContent?alt=sse" },
        { "models/", 0, "/v1beta/models/models%2F:generateContent" },
        { "a/../../b?key=1&c#d:e%2f\xc3\xa9 \r\n", 0,
          "/v1beta/models/a%2F..%2F..%2Fb%3Fkey%3D1%26c%23d%3Ae%252f%C3%A9"
          "%20%0D%0A:generateContent" },
        { "..", 0, NULL },
        { "models/..", 1, NULL },
        { "tunedModels/.", 1, NULL },
        { NULL, 0, NULL }
    };

    pool = test_reset();
    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.base, "/v1beta");

    for (i = 0; paths[i].model; i++) {
        test_case = paths[i].model;

        target.model = test_string(paths[i].model);
        chat.stream = paths[i].stream;

        ngx_llm_out_init(&out, pool, NULL, 0, 1024);
        ngx_llm_gemini.write_path(&chat, &target, &out);

        if (paths[i].path) {
            test_out(out, paths[i].path);

        } else {
            test_ok(out.failed);
        }
    }
}


static void
test_headers(void)
{
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    test_case = "headers";
    pool = test_reset();

    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_gemini.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/json" CRLF);

    chat.stream = 1;
    ngx_str_set(&target.key, "AIza-1");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_gemini.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: text/event-stream" CRLF
                  "x-goog-api-key: AIza-1" CRLF);

    ngx_str_set(&target.key, "a\r\nx: b");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_gemini.write_headers(&chat, &target, &out);
    test_ok(out.failed);
}


static void
test_models(void)
{
    ngx_str_t                      name;
    ngx_uint_t                     i;
    const ngx_llm_gemini_model_t  *model;

    static struct {
        char  *name;
        char  *listed;
    } models[] = {
        { "gemma-3-27b-it", "gemma" },
        { "models/gemini-1.5-pro", "gemini-1" },
        { "gemini-2.0-flash-lite", "gemini-2.0" },
        { "gemini-2.5-flash-lite-preview-06-17", "gemini-2.5-flash-lite" },
        { "gemini-2.5-flash-image", "gemini-2.5-flash-image" },
        { "Gemini-2.5-Pro", "gemini-2.5-pro" },
        { "gemini-2.5-flash-preview-09-2025", "gemini-2.5" },
        { "gemini-3-pro-preview", "gemini-3-pro" },
        { "gemini-3-pro-image-preview", "gemini-3-pro-image" },
        { "gemini-3.1-pro-preview", "gemini-3.1-pro" },
        { "gemini-3.1-flash-lite", "gemini-3.1" },
        { "gemini-3-flash-preview", "gemini-3-flash" },
        { "gemini-3.5-flash", "gemini-3.5" },
        { "gemini-3.5-flash-lite", "gemini-3.5-flash-lite" },
        { "gemini-3.6-flash", "gemini-3.6" },
        { "gemini-3.7-flash", "" },
        { "gemini-flash-latest", "" },
        { "tunedModels/abc", "tunedmodels/" },
        { "", "" },
        { NULL, NULL }
    };

    for (i = 0; models[i].name; i++) {
        test_case = models[i].name;

        name = test_string(models[i].name);
        model = ngx_llm_gemini_model(&name);

        test_str(test_string(model->name), models[i].listed);
    }
}
