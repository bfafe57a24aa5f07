
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * OpenAI requests and the exact bytes that go to Anthropic.  The cases stand
 * in a file, a line each:
 *
 *   # name             a new case
 *   @ member=value     of the target: model, max_tokens, beta, drop
 *   > {...}            what the client sent
 *   < {...}            what the provider gets
 *   - a,b              what is named as dropped
 *   ! status code param message
 *                      or how it is refused
 */


#include "test.h"
#include "ngx_llm_anthropic.h"


#define TEST_CASES  "t/fixtures/anthropic/requests.txt"


typedef struct {
    ngx_str_t          name;
    ngx_str_t          request;
    ngx_str_t          want;
    ngx_str_t          dropped;
    ngx_str_t          refused;
    ngx_llm_target_t   target;
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

    return test_done("anthropic request");
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

    } else if (ngx_llm_json_is(&name, "max_tokens")) {
        c->target.max_tokens = ngx_atoof(value.data, value.len);

    } else if (ngx_llm_json_is(&name, "beta")) {
        c->target.beta = value;

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

    ngx_str_set(&c->target.provider, "claude");
    ngx_str_set(&c->target.model, "claude-opus-4-6");
    c->target.max_tokens = 4096;

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

    rc = ngx_llm_openai.read_request(&chat, &err);

    if (!test_int(rc, NGX_OK)) {
        fprintf(stderr, "%.*s\n", (int) err.message.len, err.message.data);
        free(text.data);
        return;
    }

    rc = ngx_llm_anthropic.write_request(&chat, &c->target, &out, &err);

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

        test_int(ngx_llm_openai.read_request(&chat, &err), NGX_OK);

        ngx_stubs_fail = n;

        rc = ngx_llm_anthropic.write_request(&chat, &c->target, &out, &err);

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            break;
        }

        /* for the reader of JSON, no memory is bad JSON */

        test_ok(rc == NGX_ERROR || rc == NGX_DECLINED);
    }
}


static void
test_path(void)
{
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_target_t   target;

    test_case = "path";
    pool = test_reset();
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_path(NULL, &target, &out);
    test_out(out, "/v1/messages");

    ngx_str_set(&target.base, "/anthropic");
    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_path(NULL, &target, &out);
    test_out(out, "/anthropic/v1/messages");

    ngx_str_set(&target.base, "/api/v1");
    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_path(NULL, &target, &out);
    test_out(out, "/api/v1/messages");
}


static void
test_headers(void)
{
    ngx_str_t          text;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    test_case = "headers";
    pool = test_reset();

    ngx_str_set(&text, "{}");
    ngx_llm_chat_init(&chat, pool, &text);
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: application/json" CRLF
                  "anthropic-version: 2023-06-01" CRLF);

    chat.stream = 1;
    ngx_str_set(&target.key, "sk-ant-1");
    ngx_str_set(&target.api_version, "2099-01-01");
    ngx_str_set(&target.beta, "a-1,b-2");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_headers(&chat, &target, &out);
    test_out(out, "Content-Type: application/json" CRLF
                  "Accept: text/event-stream" CRLF
                  "anthropic-version: 2099-01-01" CRLF
                  "x-api-key: sk-ant-1" CRLF
                  "anthropic-beta: a-1,b-2" CRLF);

    ngx_str_set(&target.beta, "a\r\nx-api-key: b");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    ngx_llm_anthropic.write_headers(&chat, &target, &out);
    test_ok(out.failed);
}


static void
test_models(void)
{
    ngx_str_t                         name;
    ngx_uint_t                        i;
    const ngx_llm_anthropic_model_t  *model;

    static struct {
        char  *name;
        char  *pattern;
    } models[] = {
        { "claude-fable-5", "*fable-5*" },
        { "claude-sonnet-5", "*sonnet-5*" },
        { "claude-opus-4-6-20260205", "*opus-4-6*" },
        { "us.anthropic.claude-sonnet-4-6-v1:0", "*sonnet-4-6*" },
        { "anthropic/claude-opus-4.5", "*opus-4-5*" },
        { "Claude-Haiku-4-5", "*haiku-4-5*" },
        { "claude-opus-4-1-20250805", "*opus-4-1*" },
        { "claude-opus-4-20250514", "*opus-4-2*" },
        { "claude-sonnet-4@20250514", "*sonnet-4@*" },
        { "claude-sonnet-4-0", "*sonnet-4-0*" },
        { "claude-sonnet-4", "*sonnet-4" },
        { "claude-4-sonnet-20250514", "*-4-sonnet*" },
        { "claude-3-7-sonnet-latest", "*claude-3-7*" },
        { "claude-3.5-haiku", "*claude-3-5*" },
        { "claude-3-opus-20240229", "*claude-3*" },
        { "claude-opus-4-7", "*claude*" },
        { "claude-opus-5", "*claude*" },
        { "glm-4.6", "*" },
        { "", "*" },
        { NULL, NULL }
    };

    for (i = 0; models[i].name; i++) {
        test_case = models[i].name;

        name = test_string(models[i].name);
        model = ngx_llm_anthropic_model(&name);

        test_str(test_string(model->pattern), models[i].pattern);
    }
}
