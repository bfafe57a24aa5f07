
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Gemini's answers, streams and errors in neutral form.  The whole answers
 * stand in one file:
 *
 *   # name
 *   > {...}
 *   < a line of the neutral form, any number of them
 *
 * and the same for errors, with "@ status" before the body.  A stream has a
 * file of its own, NAME.sse, and the events in NAME.events.
 */


#include "test.h"
#include "test_gemini.h"

#include <glob.h>


#define TEST_RESPONSES  "t/fixtures/gemini/responses.txt"
#define TEST_ERRORS     "t/fixtures/gemini/errors.txt"
#define TEST_STREAMS    "t/fixtures/gemini/*.sse"


typedef void (*test_case_pt)(ngx_uint_t status, ngx_str_t *text,
    ngx_llm_out_t *out);


static void test_cases(char *name, test_case_pt handler);
static void test_response(ngx_uint_t status, ngx_str_t *text,
    ngx_llm_out_t *out);
static void test_error(ngx_uint_t status, ngx_str_t *text,
    ngx_llm_out_t *out);
static void test_long_error(void);
static void test_streams(void);
static void test_stream(char *name);
static ngx_uint_t test_split(ngx_str_t *text, ngx_str_t *want, size_t first,
    size_t step);
static void test_stream_no_memory(ngx_str_t *text);
static void test_flat(void);
static void test_many_marks(void);


static u_char      test_name[256];
static ngx_uint_t  test_print;


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_cases(TEST_RESPONSES, test_response);
    test_cases(TEST_ERRORS, test_error);
    test_long_error();
    test_streams();
    test_flat();
    test_many_marks();

    return test_done("gemini response");
}


static void
test_cases(char *name, test_case_pt handler)
{
    u_char         *last, *p;
    ngx_str_t       got, line, text;
    ngx_uint_t      status;
    ngx_llm_out_t   out, want;

    text = test_file(name);

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


static void
test_response(ngx_uint_t status, ngx_str_t *text, ngx_llm_out_t *out)
{
    ngx_int_t            rc;
    ngx_uint_t           n;
    ngx_pool_t          *pool;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    for (n = 1; /* void */ ; n++) {

        pool = ngx_create_pool(4096, &ngx_stubs_log);

        test_int(ngx_llm_response_init(&res, pool), NGX_OK);

        ngx_stubs_fail = n;

        rc = ngx_llm_gemini.read_response(text, &res, &err);

        if (ngx_stubs_fail) {
            break;
        }

        /* no memory for the tree is no tree, none for sources no sources */

        test_ok(rc == NGX_ERROR || rc == NGX_DECLINED || rc == NGX_OK);

        ngx_destroy_pool(pool);
    }

    ngx_stubs_fail = 0;

    if (rc == NGX_OK) {
        test_gemini_response(out, &res);

    } else {
        test_int(rc, NGX_DECLINED);
        ngx_llm_out_lit(out, "error");
        test_dump_error(out, &err);
        ngx_llm_out_char(out, '\n');
    }

    ngx_destroy_pool(pool);
}


static void
test_error(ngx_uint_t status, ngx_str_t *text, ngx_llm_out_t *out)
{
    ngx_pool_t       *pool;
    ngx_llm_error_t   err;

    pool = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_gemini.read_error(pool, status, text, &err);

    ngx_llm_out_lit(out, "error");
    test_dump_error(out, &err);

    if (err.retry_after >= 0) {
        test_dump_number(out, "retry_after", err.retry_after);
    }

    ngx_llm_out_char(out, '\n');

    ngx_destroy_pool(pool);
}


/* cut between characters, never in an escape */

static void
test_long_error(void)
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
        ngx_llm_out_lit(&out, "{\"error\":{\"message\":\"");

        while (ngx_llm_out_len(&out) < NGX_LLM_MAX_ERROR_TEXT * 2) {
            ngx_llm_out_str(&out, &unit);
        }

        ngx_llm_out_lit(&out, "\"}}");

        text.data = out.start;
        text.len = ngx_llm_out_len(&out);

        ngx_llm_gemini.read_error(pool, 400, &text, &err);

        test_ok(err.message.len <= NGX_LLM_MAX_ERROR_TEXT);
        test_ok(err.message.len > NGX_LLM_MAX_ERROR_TEXT - unit.len);
        test_int(err.message.len % unit.len, 0);
    }
}


static void
test_streams(void)
{
    size_t  i;
    glob_t  files;

    if (!test_int(glob(TEST_STREAMS, 0, NULL, &files), 0)) {
        return;
    }

    for (i = 0; i < files.gl_pathc; i++) {
        test_stream(files.gl_pathv[i]);
    }

    globfree(&files);
}


static void
test_stream(char *name)
{
    char        path[256];
    size_t      i, len;
    ngx_str_t   text, want;
    ngx_uint_t  ok;

    test_case = name;

    len = strlen(name) - (sizeof("sse") - 1);
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

        test_stream_no_memory(&text);
    }

    free(text.data);
    free(want.data);
}


static ngx_uint_t
test_split(ngx_str_t *text, ngx_str_t *want, size_t first, size_t step)
{
    ngx_str_t       got;
    ngx_uint_t      ok;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   out;

    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

    test_int(test_gemini_stream(pool, scratch, text, first, step, &out),
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


static void
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

        (void) test_gemini_stream(pool, scratch, text, 0, 0, &out);

        ngx_destroy_pool(scratch);

        if (ngx_stubs_fail) {
            break;
        }
    }

    ngx_stubs_fail = 0;
}


/* a long stream takes no more memory than a short one */

static void
test_flat(void)
{
    size_t              held;
    u_char             *pos;
    ngx_str_t           text;
    ngx_uint_t          i;
    ngx_pool_t         *pool, *scratch;
    ngx_llm_out_t       out;
    ngx_llm_frame_t     frame;
    ngx_llm_reader_t    reader;
    u_char              buf[4096];

    static char  *frames[] = {
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"abc\"}],"
        "\"role\":\"model\"},\"index\":0}],\"usageMetadata\":"
        "{\"promptTokenCount\":4,\"totalTokenCount\":4},"
        "\"responseId\":\"r\"}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
        "\"![image](data:\"},{\"inlineData\":{\"mimeType\":\"image/png\","
        "\"data\":\"AAAA\"}}]}}]}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\","
        "\"thought\":true}]},\"logprobsResult\":{\"chosenCandidates\":"
        "[{\"token\":\"a\",\"logProbability\":-1}]}}]}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":"
        "{\"name\":\"f\",\"args\":{\"a\":1}}}]}}]}\r\n\r\n",
        NULL
    };

    test_case = "flat";
    pool = test_reset();
    scratch = ngx_create_pool(4096, &ngx_stubs_log);

    test_int(ngx_llm_reader_init(&reader, &ngx_llm_gemini, pool, scratch),
             NGX_OK);

    reader.handler = test_gemini_event;
    reader.data = &out;

    held = 0;

    for (i = 0; i < 4000; i++) {

        text = test_string(frames[i % 4]);
        pos = text.data;

        ngx_llm_out_init(&out, NULL, buf, sizeof(buf), sizeof(buf));

        test_int(ngx_llm_reader_next(&reader, &pos, pos + text.len, &frame),
                 NGX_OK);

        ngx_reset_pool(scratch);

        if (i == 7) {
            held = ngx_stubs_held;
        }
    }

    test_int(ngx_stubs_held, held);

    ngx_destroy_pool(scratch);
}


/* the marks of a text have a bound: it is told, its sources are not */

static void
test_many_marks(void)
{
    ngx_str_t       text;
    ngx_uint_t      i, k;
    ngx_pool_t     *pool, *scratch;
    ngx_llm_out_t   in, out;

    static struct {
        ngx_uint_t   n;
        char        *want;      /* of the sources, NULL: none */
    } cases[] = {
        { 10, "annotation text=[{\"type\":\"url_citation\",\"url_citation\":"
              "{\"url\":\"https://a/\",\"title\":\"t\","
              "\"start_index\":4,\"end_index\":20}}]" },
        { 4000, NULL },
    };

    test_case = "many marks";

    for (i = 0; i < 2; i++) {

        pool = test_reset();
        scratch = ngx_create_pool(4096, &ngx_stubs_log);

        ngx_llm_out_init(&in, pool, NULL, 0, TEST_DUMP);
        ngx_llm_out_init(&out, pool, NULL, 0, TEST_DUMP);

        for (k = 0; k < cases[i].n; k++) {
            ngx_llm_out_lit(&in, "data: {\"candidates\":[{\"content\":"
                                 "{\"parts\":[{\"text\":\"a\\u20ac\"}]}}]}"
                                 "\n\n");
        }

        ngx_llm_out_lit(&in, "data: {\"candidates\":[{\"finishReason\":"
                             "\"STOP\",\"groundingMetadata\":"
                             "{\"groundingChunks\":[{\"web\":{\"uri\":"
                             "\"https://a/\",\"title\":\"t\"}}],"
                             "\"groundingSupports\":[{\"segment\":"
                             "{\"startIndex\":8,\"endIndex\":40},"
                             "\"groundingChunkIndices\":[0]}]}}]}\n\n");

        text.data = in.start;
        text.len = ngx_llm_out_len(&in);

        test_int(test_gemini_stream(pool, scratch, &text, 0, 0, &out),
                 NGX_OK);

        ngx_llm_out_char(&out, '\0');

        test_int(strstr((char *) out.start,
                        cases[i].want ? cases[i].want : "annotation")
                 != NULL, cases[i].want != NULL);
        test_ok(strstr((char *) out.start, "finish stop") != NULL);

        ngx_destroy_pool(scratch);
    }
}
