
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_json.h"


typedef struct {
    size_t       at;
    size_t       del;
    const char  *text;
} test_edit_t;


static void test_apply(const char *text, test_edit_t *edits, ngx_uint_t n,
    const char *want);
static void test_edits(void);
static void test_refused(void);
static void test_many(void);
static void test_memory(void);
static ngx_int_t test_run(const char *text, test_edit_t *edits, ngx_uint_t n,
    ngx_str_t *got);


int
main(void)
{
    test_edits();
    test_refused();
    test_many();
    test_memory();

    return test_done("edit");
}


static ngx_int_t
test_run(const char *text, test_edit_t *edits, ngx_uint_t n, ngx_str_t *got)
{
    u_char          *p;
    size_t           len;
    ngx_str_t        s, *slice;
    ngx_uint_t       i;
    ngx_array_t     *list, *slices;
    ngx_llm_edit_t  *edit;

    s = test_string(text);

    list = ngx_array_create(test_pool, n ? n : 1, sizeof(ngx_llm_edit_t));
    slices = ngx_array_create(test_pool, 1, sizeof(ngx_str_t));

    if (list == NULL || slices == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        edit = ngx_array_push(list);
        edit->pos = s.data + edits[i].at;
        edit->del = edits[i].del;
        edit->text = test_string(edits[i].text);
    }

    if (ngx_llm_edit_apply(&s, list, slices) != NGX_OK) {
        return NGX_ERROR;
    }

    len = 0;
    slice = slices->elts;

    for (i = 0; i < slices->nelts; i++) {
        test_ok(slice[i].len > 0);
        len += slice[i].len;
    }

    got->data = ngx_pnalloc(test_pool, len + 1);
    if (got->data == NULL) {
        return NGX_ERROR;
    }

    p = got->data;

    for (i = 0; i < slices->nelts; i++) {
        p = ngx_cpymem(p, slice[i].data, slice[i].len);
    }

    got->len = len;

    return NGX_OK;
}


static void
test_apply(const char *text, test_edit_t *edits, ngx_uint_t n,
    const char *want)
{
    ngx_str_t  got;

    test_case = want ? want : "refused";
    test_reset();

    ngx_str_null(&got);

    test_int(test_run(text, edits, n, &got), want ? NGX_OK : NGX_ERROR);

    if (want) {
        test_str(got, want);
    }
}


static void
test_edits(void)
{
    test_edit_t  replace[] = { { 1, 2, "xyz" } };
    test_edit_t  order[] = { { 4, 1, "Y" }, { 1, 1, "X" }, { 3, 1, "" } };
    test_edit_t  insert[] = { { 6, 0, "end" }, { 0, 0, "start" } };
    test_edit_t  place[] = { { 2, 0, "1" }, { 2, 0, "2" }, { 2, 1, "3" },
                             { 0, 0, "0" } };
    test_edit_t  all[] = { { 0, 6, "" } };
    test_edit_t  touch[] = { { 0, 3, "A" }, { 3, 3, "B" } };

    test_apply("abcdef", NULL, 0, "abcdef");
    test_apply("", NULL, 0, "");
    test_apply("abcdef", replace, 1, "axyzdef");
    test_apply("abcdef", order, 3, "aXcYf");
    test_apply("abcdef", insert, 2, "startabcdefend");
    test_apply("abcdef", place, 4, "0ab123def");
    test_apply("abcdef", all, 1, "");
    test_apply("abcdef", touch, 2, "AB");
}


static void
test_refused(void)
{
    test_edit_t  overlap[] = { { 1, 3, "x" }, { 2, 1, "y" } };
    test_edit_t  inside[] = { { 1, 3, "x" }, { 2, 0, "y" } };
    test_edit_t  twice[] = { { 1, 1, "x" }, { 1, 1, "y" } };
    test_edit_t  longer[] = { { 5, 2, "x" } };
    test_edit_t  behind[] = { { 7, 0, "x" } };
    test_edit_t  wrap[] = { { 1, (size_t) -1, "x" } };

    test_apply("abcdef", overlap, 2, NULL);
    test_apply("abcdef", inside, 2, NULL);
    test_apply("abcdef", twice, 2, NULL);
    test_apply("abcdef", longer, 1, NULL);
    test_apply("abcdef", behind, 1, NULL);
    test_apply("abcdef", wrap, 1, NULL);
}


/* from the last to the first, as many as a request may have */

static void
test_many(void)
{
    char         *text;
    ngx_str_t     got;
    ngx_uint_t    i, n, wrong;
    test_edit_t  *edits;

    test_case = "many";
    test_reset();

    n = 200000;
    text = malloc(2 * n + 1);
    edits = malloc(n * sizeof(test_edit_t));

    if (!test_ok(text != NULL && edits != NULL)) {
        free(text);
        free(edits);
        return;
    }

    for (i = 0; i < n; i++) {
        ngx_memcpy(text + 2 * i, "ab", 2);
        edits[i].at = 2 * (n - 1 - i) + 1;
        edits[i].del = 1;
        edits[i].text = "xy";
    }

    text[2 * n] = '\0';

    if (test_int(test_run(text, edits, n, &got), NGX_OK)) {

        test_int(got.len, 3 * n);
        wrong = 0;

        for (i = 0; i < n; i++) {
            wrong += (ngx_memcmp(got.data + 3 * i, "axy", 3) != 0);
        }

        test_int(wrong, 0);
    }

    free(text);
    free(edits);
}


static void
test_memory(void)
{
    ngx_str_t        s;
    ngx_uint_t       n, i;
    ngx_array_t     *list, *slices;
    ngx_llm_edit_t  *edit;

    test_case = "memory";

    s = test_string("abcdef");

    for (n = 1; n < 10; n++) {

        test_reset();

        list = ngx_array_create(test_pool, 3, sizeof(ngx_llm_edit_t));
        slices = ngx_array_create(test_pool, 1, sizeof(ngx_str_t));

        if (!test_ok(list != NULL && slices != NULL)) {
            return;
        }

        for (i = 0; i < 3; i++) {
            edit = ngx_array_push(list);
            edit->pos = s.data + 4 - i;
            edit->del = 1;
            ngx_str_set(&edit->text, "x");
        }

        ngx_stubs_fail = n;

        if (ngx_llm_edit_apply(&s, list, slices) == NGX_OK) {
            test_ok(ngx_stubs_fail > 0);
            ngx_stubs_fail = 0;
            break;
        }

        test_int(ngx_stubs_fail, 0);
    }

    test_ok(n > 2 && n < 10);
}
