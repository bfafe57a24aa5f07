
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What all unit tests share.  A check that fails says where it stands and
 * what it saw, and the test goes on; test_done() prints one line, if all is
 * well, and gives main() its status.
 */


#ifndef _TEST_H_INCLUDED_
#define _TEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stubs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define TEST_SHOW  400


/* the case that checks belong to; shown when one fails */
static const char  *test_case = "";
static ngx_uint_t   test_checks;
static ngx_uint_t   test_failures;
static ngx_pool_t  *test_pool;


#define test_ok(cond)                                                        \
    test_check_ok((cond) ? 1 : 0, #cond, __FILE__, __LINE__)

#define test_int(got, want)                                                  \
    test_check_int((int64_t) (got), (int64_t) (want), #got, __FILE__,        \
                   __LINE__)

/* got: ngx_str_t; want: char *, NULL is an absent string */
#define test_str(got, want)                                                  \
    test_check_mem((got).data, (got).len, (u_char *) (want),                 \
                   (want) ? strlen((want) ? (want) : "") : 0, #got,          \
                   __FILE__, __LINE__)

/* both: ngx_str_t */
#define test_same(got, want)                                                 \
    test_check_mem((got).data, (got).len, (want).data, (want).len, #got,     \
                   __FILE__, __LINE__)

/* got: ngx_llm_out_t; want: char * */
#define test_out(got, want)                                                  \
    test_check_mem((got).start ? (got).start : (u_char *) "",                \
                   (size_t) ((got).last - (got).start), (u_char *) (want),   \
                   strlen(want), #got, __FILE__, __LINE__)


static ngx_inline void
test_check_failed(const char *file, int line, const char *what)
{
    test_failures++;

    fprintf(stderr, "%s:%d: ", file, line);

    if (test_case[0]) {
        fprintf(stderr, "[%.*s] ", TEST_SHOW, test_case);
    }

    fprintf(stderr, "%s", what);
}


static ngx_inline ngx_uint_t
test_check_ok(ngx_uint_t ok, const char *what, const char *file, int line)
{
    test_checks++;

    if (!ok) {
        test_check_failed(file, line, what);
        fprintf(stderr, ": is not so\n");
    }

    return ok;
}


static ngx_inline ngx_uint_t
test_check_int(int64_t got, int64_t want, const char *what, const char *file,
    int line)
{
    test_checks++;

    if (got != want) {
        test_check_failed(file, line, what);
        fprintf(stderr, " is %lld, not %lld\n", (long long) got,
                (long long) want);
        return 0;
    }

    return 1;
}


static ngx_inline void
test_show(u_char *data, size_t len)
{
    size_t  i;

    if (data == NULL) {
        fprintf(stderr, "absent\n");
        return;
    }

    fprintf(stderr, "\"");

    for (i = 0; i < len && i < TEST_SHOW; i++) {

        if (data[i] >= 0x20 && data[i] < 0x7f) {
            fputc(data[i], stderr);

        } else {
            fprintf(stderr, "\\x%02x", data[i]);
        }
    }

    fprintf(stderr, "\"%s (%lu bytes)\n", i < len ? "..." : "",
            (unsigned long) len);
}


static ngx_inline ngx_uint_t
test_check_mem(u_char *got, size_t got_len, u_char *want, size_t want_len,
    const char *what, const char *file, int line)
{
    test_checks++;

    if ((got == NULL) == (want == NULL) && got_len == want_len
        && (got_len == 0 || memcmp(got, want, got_len) == 0))
    {
        return 1;
    }

    test_check_failed(file, line, what);
    fprintf(stderr, "\n    is  ");
    test_show(got, got_len);
    fprintf(stderr, "    not ");
    test_show(want, want_len);

    return 0;
}


static ngx_inline ngx_str_t
test_string(const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = text ? strlen(text) : 0;

    return s;
}


/* whether the text is somewhere in s */

static ngx_inline ngx_uint_t
test_has(ngx_str_t s, const char *text)
{
    size_t  i, len;

    len = strlen(text);

    for (i = 0; i + len <= s.len; i++) {
        if (memcmp(s.data + i, text, len) == 0) {
            return 1;
        }
    }

    return 0;
}


/* a copy of its exact size, so that a byte read behind it is seen */

static ngx_inline ngx_str_t
test_copy(const void *data, size_t len)
{
    ngx_str_t  s;

    s.len = len;
    s.data = malloc(len ? len : 1);

    if (s.data == NULL) {
        fprintf(stderr, "no memory\n");
        exit(2);
    }

    if (len) {
        memcpy(s.data, data, len);
    }

    return s;
}


/* a whole file, its exact size; data is NULL if there is none */

static ngx_inline ngx_str_t
test_file(const char *name)
{
    FILE       *f;
    long        size;
    ngx_str_t   s;

    s.len = 0;
    s.data = NULL;

    f = fopen(name, "rb");
    if (f == NULL) {
        return s;
    }

    size = -1;

    if (fseek(f, 0, SEEK_END) == 0) {
        size = ftell(f);
    }

    if (size >= 0 && fseek(f, 0, SEEK_SET) == 0) {

        s.len = (size_t) size;
        s.data = malloc(s.len ? s.len : 1);

        if (s.data && fread(s.data, 1, s.len, f) != s.len) {
            free(s.data);
            s.data = NULL;
            s.len = 0;
        }
    }

    fclose(f);

    return s;
}


/* a new pool in place of the last one */

static ngx_inline ngx_pool_t *
test_reset(void)
{
    if (test_pool) {
        ngx_destroy_pool(test_pool);
    }

    test_pool = ngx_create_pool(4096, &ngx_stubs_log);

    if (test_pool == NULL) {
        fprintf(stderr, "no memory\n");
        exit(2);
    }

    return test_pool;
}


static ngx_inline int
test_done(const char *name)
{
    if (test_pool) {
        ngx_destroy_pool(test_pool);
        test_pool = NULL;
    }

    if (test_failures) {
        printf("%s: %lu of %lu checks failed\n", name,
               (unsigned long) test_failures, (unsigned long) test_checks);
        return 1;
    }

    if (test_checks == 0) {
        printf("%s: checked nothing\n", name);
        return 1;
    }

    printf("%s: %lu checks\n", name, (unsigned long) test_checks);

    return 0;
}


#endif /* _TEST_H_INCLUDED_ */
