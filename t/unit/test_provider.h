
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the unit tests of a dialect for providers share: they run the files of
 * its folder in t/fixtures.  main() fills test_provider and calls
 * test_requests(), or test_cases() and test_streams().
 *
 * requests.txt, a line each:
 *
 *   # name             a new case
 *   @ member=value     of the target: model, project, space, max_tokens, beta,
 *                      drop
 *   %                  the client is one of Anthropic's
 *   % count            which wants to know the tokens of a prompt
 *   > {...}            what the client sent
 *   < {...}            what the provider gets
 *   - a,b              what is named as dropped
 *   ! status code param message
 *                      or how it is refused
 *
 * responses.txt, and errors.txt with "@ status" before the body:
 *
 *   # name
 *   > {...}
 *   < a line of the neutral form, any number of them
 *
 * A stream has a file of its own, and its events are in NAME.events.
 */


#ifndef _TEST_PROVIDER_H_INCLUDED_
#define _TEST_PROVIDER_H_INCLUDED_


#include "test.h"
#include "test_dump.h"

#include <glob.h>


static struct {
    const ngx_llm_dialect_t  *dialect;
    char                     *name;     /* of the folder */
    char                     *suffix;   /* of files with streams */
    ngx_llm_target_t          target;   /* of requests, before "@" */

    /* what else there is to try with a stream, or NULL */
    void                    (*stream)(ngx_str_t *text, ngx_str_t *want);
} test_provider;


typedef struct {
    ngx_str_t                 name;
    ngx_str_t                 request;
    ngx_str_t                 want;
    ngx_str_t                 dropped;
    ngx_str_t                 refused;
    ngx_llm_target_t          target;
    const ngx_llm_dialect_t  *client;
    ngx_uint_t                count;
} test_request_t;


typedef void (*test_case_pt)(ngx_uint_t status, ngx_str_t *text,
    ngx_llm_out_t *out);


static u_char      test_name[256];

/* what was got is printed */
static ngx_uint_t  test_print;


static ngx_inline ngx_str_t
test_fixture(char *name)
{
    char  path[256];

    snprintf(path, sizeof(path), "t/fixtures/%s/%s", test_provider.name,
             name);

    return test_file(path);
}


static ngx_inline void
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


static ngx_inline void
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

    if (test_print && got.len) {
        printf("# %s\n- %.*s\n\n", test_case, (int) got.len, got.data);
    }

    test_same(got, c->dropped);
}


/* each allocation fails once: an error, no crash */

static ngx_inline void
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

        chat.count = c->count;

        test_int(c->client->read_request(&chat, &err), NGX_OK);

        ngx_stubs_fail = n;

        rc = test_provider.dialect->write_request(&chat, &c->target, &out,
                                                  &err);

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


static ngx_inline void
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

    chat.count = c->count;

    rc = c->client->read_request(&chat, &err);

    if (!test_int(rc, NGX_OK)) {
        fprintf(stderr, "%.*s\n", (int) err.message.len, err.message.data);
        free(text.data);
        return;
    }

    rc = test_provider.dialect->write_request(&chat, &c->target, &out, &err);

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


static ngx_inline void
test_init(test_request_t *c, ngx_str_t *name)
{
    u_char  *p;

    ngx_memzero(c, sizeof(test_request_t));

    c->name = *name;
    c->client = &ngx_llm_openai;

    c->target = test_provider.target;

    p = ngx_snprintf(test_name, sizeof(test_name) - 1, "%V", name);
    *p = '\0';

    test_case = (char *) test_name;
}


static ngx_inline void
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

    } else if (ngx_llm_json_is(&name, "project")) {
        c->target.project = value;

    } else if (ngx_llm_json_is(&name, "space")) {
        c->target.space = value;

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


static ngx_inline void
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
        c->count = ngx_llm_json_is(&value, "count");
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


static ngx_inline void
test_requests(void)
{
    u_char          *last, *p;
    ngx_str_t        line, text;
    test_request_t   c;

    text = test_fixture("requests.txt");

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


static ngx_inline void
test_cases(char *name, test_case_pt handler)
{
    u_char         *last, *p;
    ngx_str_t       got, line, text;
    ngx_uint_t      status;
    ngx_llm_out_t   out, want;

    text = test_fixture(name);

    if (!test_ok(text.data != NULL)) {
        return;
    }

    ngx_llm_out_init(&want, ngx_create_pool(4096, &ngx_stubs_log), NULL, 0,
                     TEST_DUMP);
    ngx_llm_out_init(&out, test_reset(), NULL, 0, TEST_DUMP);

    status = 0;
    p = text.data;
    last = p + text.len;

    while (p < last) {

        line.data = p;

        while (p < last && *p != '\n') {
            p++;
        }

        line.len = p - line.data;
        p++;

        if (line.len && line.len < 2) {
            test_ok(0);
            break;
        }

        switch (line.len ? line.data[0] : 0) {

        case '@':
            status = ngx_atoi(line.data + 2, line.len - 2);
            break;

        case '#':
            p[-1] = '\0';
            (void) ngx_cpystrn(test_name, line.data + 2, sizeof(test_name));
            test_case = (char *) test_name;
            break;

        case '>':
            ngx_llm_out_init(&out, test_reset(), NULL, 0, TEST_DUMP);
            got = test_copy(line.data + 2, line.len - 2);
            handler(status, &got, &out);
            free(got.data);

            if (test_print) {
                printf("# %s\n%.*s\n", test_case,
                       (int) ngx_llm_out_len(&out), out.start);
            }

            break;

        case '<':
            ngx_llm_out_data(&want, line.data + 2, line.len - 2);
            ngx_llm_out_char(&want, '\n');
            break;
        }

        if ((line.len == 0 || p >= last) && ngx_llm_out_len(&want)) {

            /* the end of a case */

            ngx_llm_out_char(&want, '\0');
            test_out(out, (char *) want.start);
            want.last = want.start;
        }
    }

    ngx_destroy_pool(want.pool);
    free(text.data);
}


static ngx_inline void
test_response_lazily(ngx_str_t *text, ngx_uint_t lazy, ngx_llm_out_t *out)
{
    ngx_int_t            rc;
    ngx_uint_t           n;
    ngx_pool_t          *pool;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    for (n = 1; /* void */ ; n++) {

        pool = ngx_create_pool(4096, &ngx_stubs_log);

        test_int(ngx_llm_response_init(&res, pool), NGX_OK);
        res.chat = test_dump_chat;
        res.lazy = lazy;

        ngx_stubs_fail = n;

        rc = test_provider.dialect->read_response(text, &res, &err);

        if (ngx_stubs_fail) {
            break;
        }

        /* no memory for the tree is no tree, none for sources no sources */

        test_ok(rc == NGX_ERROR || rc == NGX_DECLINED || rc == NGX_OK);

        ngx_destroy_pool(pool);
    }

    ngx_stubs_fail = 0;

    if (rc == NGX_OK) {
        test_dump_response(out, &res);

    } else {
        test_int(rc, NGX_DECLINED);
        ngx_llm_out_lit(out, "error");
        test_dump_error(out, &err);
        ngx_llm_out_char(out, '\n');
    }

    ngx_destroy_pool(pool);
}


/* what is read without a tree is what is read with one */

static ngx_inline void
test_response(ngx_uint_t status, ngx_str_t *text, ngx_llm_out_t *out)
{
    ngx_llm_out_t  lazily;

    test_response_lazily(text, 0, out);

    ngx_llm_out_init(&lazily, out->pool, NULL, 0, TEST_DUMP);
    test_response_lazily(text, 1, &lazily);

    test_int(ngx_llm_out_len(&lazily), ngx_llm_out_len(out));
    test_ok(ngx_llm_out_len(&lazily) == ngx_llm_out_len(out)
            && ngx_memcmp(lazily.start, out->start, ngx_llm_out_len(out))
               == 0);
}


static ngx_inline void
test_error(ngx_uint_t status, ngx_str_t *text, ngx_llm_out_t *out)
{
    ngx_pool_t       *pool;
    ngx_llm_error_t   err;

    pool = ngx_create_pool(4096, &ngx_stubs_log);

    test_provider.dialect->read_error(pool, status, text, &err);

    ngx_llm_out_lit(out, "error");
    test_dump_error(out, &err);

    if (err.retry_after >= 0) {
        test_dump_number(out, "retry_after", err.retry_after);
    }

    ngx_llm_out_char(out, '\n');

    ngx_destroy_pool(pool);
}


/* cut between characters, never in an escape */

static ngx_inline void
test_long_error(char *head, char *tail)
{
    size_t            i;
    ngx_str_t         text, unit;
    ngx_pool_t       *pool;
    ngx_llm_out_t     out;
    ngx_llm_error_t   err;

    static char  *units[] = { "x", "\\u20ac", "\\ud83d\\ude00",
                              "\xe2\x82\xac", "\\n", NULL };

    test_case = "long error";

    for (i = 0; units[i]; i++) {

        pool = test_reset();
        unit = test_string(units[i]);

        ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);
        ngx_llm_out_data(&out, (u_char *) head, strlen(head));

        while (ngx_llm_out_len(&out) < NGX_LLM_MAX_ERROR_TEXT * 2) {
            ngx_llm_out_str(&out, &unit);
        }

        ngx_llm_out_data(&out, (u_char *) tail, strlen(tail));

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);

        test_provider.dialect->read_error(pool, 400, &text, &err);

        test_ok(err.message.len <= NGX_LLM_MAX_ERROR_TEXT);
        test_ok(err.message.len > NGX_LLM_MAX_ERROR_TEXT - unit.len);
        test_int(err.message.len % unit.len, 0);
    }
}


static ngx_inline ngx_uint_t
test_split(ngx_str_t *text, ngx_str_t *want, size_t first, size_t step)
{
    ngx_str_t       got;
    ngx_uint_t      ok;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   out;

    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

    test_int(test_dump_stream(test_provider.dialect, pool, scratch, text,
                              first, step, &out),
             NGX_OK);

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);

    ok = 1;

    if (test_print) {
        printf("%s\n%.*s\n", test_case, (int) got.len, got.data);

    } else {
        ok = test_same(got, *want);
    }

    ngx_destroy_pool(scratch);

    return ok;
}


static ngx_inline void
test_stream_no_memory(ngx_str_t *text)
{
    u_char          buf[65536];
    ngx_uint_t      n;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   out;

    for (n = 1; /* void */ ; n++) {

        pool = test_reset();
        scratch = ngx_create_pool(4096, &ngx_stubs_log);

        ngx_llm_out_init(&out, NULL, buf, sizeof(buf), sizeof(buf));

        ngx_stubs_fail = n;

        (void) test_dump_stream(test_provider.dialect, pool, scratch, text,
                                0, 0, &out);

        ngx_destroy_pool(scratch);

        if (ngx_stubs_fail) {
            break;
        }
    }

    ngx_stubs_fail = 0;
}


static ngx_inline void
test_stream(char *name)
{
    char        path[256];
    size_t      i, len;
    ngx_str_t   text, want;
    ngx_uint_t  ok;

    test_case = name;

    len = strlen(name) - strlen(test_provider.suffix);
    snprintf(path, sizeof(path), "%.*sevents", (int) len, name);

    text = test_file(name);
    want = test_file(path);

    if (test_print) {
        (void) test_split(&text, &want, 0, 0);

    } else if (test_ok(text.data != NULL) && test_ok(want.data != NULL)) {
        ok = test_split(&text, &want, 0, 0)
             && test_split(&text, &want, 1, 1);

        for (i = 1; ok && i < text.len; i++) {
            ok = test_split(&text, &want, i, 0);
        }

        if (test_provider.stream) {
            test_provider.stream(&text, &want);
        }

        test_stream_no_memory(&text);
    }

    free(text.data);
    free(want.data);
}


static ngx_inline void
test_streams(void)
{
    char    path[256];
    size_t  i;
    glob_t  files;

    snprintf(path, sizeof(path), "t/fixtures/%s/*.%s", test_provider.name,
             test_provider.suffix);

    if (!test_int(glob(path, 0, NULL, &files), 0)) {
        return;
    }

    for (i = 0; i < files.gl_pathc; i++) {
        test_stream(files.gl_pathv[i]);
    }

    globfree(&files);
}


static ngx_inline void
test_path_is(char *base, char *model, char *want)
{
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    test_case = "path";
    pool = test_reset();

    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    target.base = test_string(base);
    target.model = test_string(model);

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    test_provider.dialect->write_path(&chat, &target, &out);
    test_out(out, want);
}


/* of a plain request without a key; of a stream with "key-1" */

static ngx_inline void
test_headers_are(char *plain, char *stream)
{
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    test_case = "headers";
    pool = test_reset();

    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    chat.pool = pool;

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    test_provider.dialect->write_headers(&chat, &target, &out);
    test_out(out, plain);

    chat.stream = 1;
    ngx_str_set(&target.key, "key-1");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    test_provider.dialect->write_headers(&chat, &target, &out);
    test_out(out, stream);

    ngx_str_set(&target.key, "a\r\nx: b");

    ngx_llm_out_init(&out, pool, NULL, 0, 1024);
    test_provider.dialect->write_headers(&chat, &target, &out);
    test_ok(out.failed);
}


/* a long stream takes no more memory than a short one */

static ngx_inline void
test_held(char **frames)
{
    size_t              held;
    u_char             *pos;
    ngx_str_t           text;
    ngx_uint_t          i, n;
    ngx_pool_t         *pool, *scratch;
    ngx_llm_out_t       out;
    ngx_llm_frame_t     frame;
    ngx_llm_reader_t    reader;
    u_char              buf[4096];

    test_case = "held";
    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    test_int(ngx_llm_reader_init(&reader, test_provider.dialect, pool,
                                 scratch),
             NGX_OK);

    reader.handler = test_dump_event;
    reader.data = &out;

    for (n = 0; frames[n]; n++) { /* void */ }

    held = 0;

    for (i = 0; i < n * 1000; i++) {

        text = test_string(frames[i % n]);
        pos = text.data;

        ngx_llm_out_init(&out, NULL, buf, sizeof(buf), sizeof(buf));

        test_int(ngx_llm_reader_next(&reader, &pos, pos + text.len, &frame),
                 NGX_OK);

        ngx_reset_pool(scratch);

        if (i == n * 2 - 1) {
            held = ngx_stubs_held;
        }
    }

    test_int(ngx_stubs_held, held);

    ngx_destroy_pool(scratch);
}


#endif /* _TEST_PROVIDER_H_INCLUDED_ */
