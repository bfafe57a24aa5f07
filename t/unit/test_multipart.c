
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Forms, whole and in two pieces, cut at every byte, and byte by byte.
 */


#include "test.h"
#include "ngx_llm_multipart.h"


#define TEST_BEGIN  "--b\r\n"
#define TEST_END    "\r\n--b--\r\n"
#define TEST_NAME(n)  "Content-Disposition: form-data; name=\"" n "\"\r\n"
#define TEST_PART(n, v)  TEST_NAME(n) "\r\n" v


typedef struct {
    const char  *text;
    const char  *told;      /* name=value@from, or the error */
    ngx_int_t    rc;
} test_form_t;


static ngx_uint_t  test_whole;
static u_char      test_told[65536];
static size_t      test_told_len;


static ngx_int_t test_field(void *data, ngx_str_t *name, ngx_str_t *value,
    ngx_uint_t whole, off_t from);
static ngx_int_t test_none(void *data, ngx_str_t *name, ngx_str_t *value,
    ngx_uint_t whole, off_t from);
static ngx_int_t test_content(void *data, u_char *p, size_t len,
    ngx_uint_t last);
static void test_contents(void);
static ngx_int_t test_feed(ngx_str_t *text, size_t first, size_t step);
static void test_form(test_form_t *form);
static void test_forms(void);
static void test_boundaries(void);
static void test_bounds(void);


int
main(void)
{
    test_forms();
    test_boundaries();
    test_bounds();
    test_contents();

    return test_done("multipart");
}


static ngx_int_t
test_field(void *data, ngx_str_t *name, ngx_str_t *value, ngx_uint_t whole,
    off_t from)
{
    u_char  *p;

    p = ngx_snprintf(test_told + test_told_len,
                     sizeof(test_told) - test_told_len, "%V=%V@%O%s;", name,
                     value, from, whole ? "" : "+");

    test_told_len = p - test_told;

    return NGX_OK;
}


static ngx_int_t
test_none(void *data, ngx_str_t *name, ngx_str_t *value, ngx_uint_t whole,
    off_t from)
{
    return NGX_OK;
}


static ngx_int_t
test_content(void *data, u_char *p, size_t len, ngx_uint_t last)
{
    test_told_len = ngx_sprintf(test_told + test_told_len, "%*s%s", len, p,
                                last ? "|" : "")
                    - test_told;

    return NGX_OK;
}


/* all parts, files or not, wherever they are cut */

static void
test_contents(void)
{
    size_t     i;
    ngx_str_t  text, told;

    test_whole = 1;

    text = test_string(TEST_BEGIN TEST_PART("a", "x\r\n--y\r") "\r\n--b\r\n"
                       "Content-Disposition: form-data; name=\"f\"; "
                       "filename=\"n\"\r\n\r\n{\"a\":1}\r\n\r\n--\r\n"
                       "\r\n--b\r\n" TEST_PART("e", "") TEST_END);

    for (i = 0; i <= text.len; i++) {
        test_reset();
        test_case = "contents";

        test_int(test_feed(&text, i, (i == text.len) ? 1 : text.len), NGX_OK);

        told.data = test_told;
        told.len = test_told_len;

        test_str(told, "x\r\n--y\r|{\"a\":1}\r\n\r\n--\r\n||");
    }

    test_whole = 0;
}


static ngx_int_t
test_feed(ngx_str_t *text, size_t first, size_t step)
{
    u_char               *p, *last, *copy;
    size_t                n;
    ngx_int_t             rc;
    ngx_str_t             type;
    ngx_llm_multipart_t   mp;

    test_told_len = 0;

    ngx_str_set(&type, "multipart/form-data; boundary=b");

    if (ngx_llm_multipart_init(&mp, test_pool, &type) != NGX_OK) {
        return NGX_ERROR;
    }

    mp.handler = test_whole ? test_none : test_field;
    mp.content = test_whole ? test_content : NULL;

    p = text->data;
    last = p + text->len;
    n = first;

    while (p < last) {

        n = ngx_min(n, (size_t) (last - p));

        /* each piece in memory of its own */

        copy = malloc(n ? n : 1);
        memcpy(copy, p, n);

        rc = ngx_llm_multipart_feed(&mp, copy, copy + n);

        free(copy);

        if (rc != NGX_OK) {
            test_told_len = ngx_sprintf(test_told, "%s", mp.error) - test_told;
            return rc;
        }

        p += n;
        n = step;
    }

    return ngx_llm_multipart_whole(&mp) ? NGX_OK : NGX_AGAIN;
}


static void
test_form(test_form_t *form)
{
    size_t     i;
    ngx_str_t  text, told;

    test_case = form->text;

    text = test_string(form->text);
    text.len = strlen(form->text);

    for (i = 0; i <= text.len; i++) {

        test_reset();
        test_case = form->text;

        text = test_string(form->text);

        test_int(test_feed(&text, i, i == text.len ? 1 : text.len), form->rc);

        told.data = test_told;
        told.len = test_told_len;

        test_str(told, form->told);
    }
}


static void
test_forms(void)
{
    ngx_uint_t  i;

    static test_form_t  forms[] = {
        { TEST_BEGIN TEST_PART("model", "m") TEST_END, "model=m@53;", NGX_OK },
        { TEST_BEGIN TEST_PART("a", "") TEST_END, "a=@49;", NGX_OK },
        { TEST_BEGIN TEST_PART("a", "\r\n--") TEST_END, "a=\r\n--@49;",
          NGX_OK },
        { TEST_BEGIN TEST_PART("a", "\r\r\n-\r\n--\r\n--c") TEST_END,
          "a=\r\r\n-\r\n--\r\n--c@49;", NGX_OK },
        { TEST_BEGIN TEST_PART("a", "1\r") TEST_END, "a=1\r@49;", NGX_OK },
        { TEST_BEGIN TEST_PART("a", "1") "\r\n" TEST_BEGIN
          TEST_PART("b", "2") TEST_END "epilogue\r\n--b",
          "a=1@49;b=2@101;", NGX_OK },
        { "preamble\r\n" TEST_BEGIN TEST_PART("a", "1") TEST_END, "a=1@59;",
          NGX_OK },
        { "--b  \r\n" TEST_PART("a", "1") "\r\n--b--", "a=1@51;", NGX_OK },
        { TEST_BEGIN "content-type: x\r\nCONTENT-DISPOSITION:form-data ; "
          "NAME=a\r\n\r\n1" TEST_END, "a=1@64;", NGX_OK },
        { TEST_BEGIN TEST_PART("a", "--") TEST_END, "a=--@49;", NGX_OK },
        { TEST_BEGIN TEST_PART("a", "--c") TEST_END, "a=--c@49;", NGX_OK },
        { TEST_BEGIN TEST_PART("a", "-\r\n--") TEST_END, "a=-\r\n--@49;",
          NGX_OK },
        { TEST_BEGIN "Content-Transfer-Encoding: 8bit \r\n"
          TEST_PART("a", "1") TEST_END, "a=1@83;", NGX_OK },
        { TEST_BEGIN "Content-Disposition: form-data; name=\"f\"; "
          "filename=\"x\"\r\n\r\n1" TEST_END, "", NGX_OK },
        { TEST_BEGIN "Content-Disposition: form-data; name=\"f\"; "
          "filename*=UTF-8''x\r\n\r\n1" TEST_END, "", NGX_OK },
        { "", "", NGX_AGAIN },
        { "--b", "", NGX_AGAIN },
        { "--b-", "", NGX_AGAIN },
        { "--b--", "", NGX_OK },
        { TEST_BEGIN TEST_PART("a", "1") "\r\n--b-", "a=1@49;", NGX_AGAIN },
        { TEST_BEGIN TEST_PART("a", "1"), "", NGX_AGAIN },
        { "--bx\r\n", "a boundary does not end its line", NGX_DECLINED },
        { "--b-x", "a boundary does not end its line", NGX_DECLINED },
        { "--b\n", "a boundary does not end its line", NGX_DECLINED },
        { TEST_BEGIN "\r\n1" TEST_END,
          "a part has no header \"Content-Disposition\"", NGX_DECLINED },
        { TEST_BEGIN "Content-Disposition: form-data\r\n\r\n1" TEST_END,
          "a part's header \"Content-Disposition\" cannot be read",
          NGX_DECLINED },
        { TEST_BEGIN "Content-Disposition: form-data; name\r\n\r\n1" TEST_END,
          "a part's header \"Content-Disposition\" cannot be read",
          NGX_DECLINED },
        { TEST_BEGIN "Content-Disposition: form-data; name=\"a\r\n\r\n1"
          TEST_END, "a part's header \"Content-Disposition\" cannot be read",
          NGX_DECLINED },
        { TEST_BEGIN "Content-Disposition: form-data; name*=a\r\n\r\n1"
          TEST_END, "a part's header \"Content-Disposition\" has an unknown "
          "parameter", NGX_DECLINED },
        { TEST_BEGIN "Content-Disposition: file; name=a\r\n\r\n1" TEST_END,
          "a part is no \"form-data\"", NGX_DECLINED },
        { TEST_BEGIN TEST_NAME("a") TEST_NAME("b") "\r\n1" TEST_END,
          "a part has two headers \"Content-Disposition\"", NGX_DECLINED },
        { TEST_BEGIN TEST_NAME("a") " folded\r\n\r\n1" TEST_END,
          "a line of a part's header is folded", NGX_DECLINED },
        { TEST_BEGIN "Content-Disposition: form-data; name=a\n\n1" TEST_END,
          "a line of a part's header does not end with CR LF",
          NGX_DECLINED },
        { TEST_BEGIN "Content-Disposition: form-data; name=\"a\\b\"\r\n\r\n1"
          TEST_END, "the name of a part has a backslash", NGX_DECLINED },
        { TEST_BEGIN "Content-Disposition: form-data; name=a; filenamex=b"
          "\r\n\r\n1" TEST_END, "a part's header \"Content-Disposition\" "
          "has an unknown parameter", NGX_DECLINED },
        { TEST_BEGIN TEST_NAME("a") "Content-Disposition : form-data; name=b"
          "\r\n\r\n1" TEST_END, "a line of a part's header has no name",
          NGX_DECLINED },
        { TEST_BEGIN TEST_NAME("a") "x\r\n\r\n1" TEST_END,
          "a line of a part's header has no name", NGX_DECLINED },
        { TEST_BEGIN "x: y\r" TEST_NAME("a") "\r\n1" TEST_END,
          "a line of a part's header does not end with CR LF",
          NGX_DECLINED },
        { TEST_BEGIN "Content-Transfer-Encoding: base64\r\n"
          TEST_PART("a", "bQ==") TEST_END, "a part is encoded",
          NGX_DECLINED },
        { TEST_BEGIN TEST_PART("a", TEST_BEGIN) TEST_PART("b", "1") TEST_END,
          "a part begins with a boundary", NGX_DECLINED },
        { TEST_BEGIN TEST_PART("a", "1") "\r\n--b --\r\n",
          "a boundary does not end its line", NGX_DECLINED },
        { NULL, NULL, NGX_OK }
    };

    for (i = 0; forms[i].text; i++) {
        test_form(&forms[i]);
    }
}


static void
test_boundaries(void)
{
    ngx_uint_t            i;
    ngx_str_t             type;
    ngx_llm_multipart_t   mp;

    static struct {
        const char  *type;
        const char  *delimiter;
    }  cases[] = {
        { "multipart/form-data; boundary=abc", "\r\n--abc" },
        { "Multipart/Form-Data;BOUNDARY=abc", "\r\n--abc" },
        { "multipart/form-data; boundary=\"a b\" ; charset=utf-8",
          "\r\n--a b" },
        { "multipart/form-data; charset=utf-8; boundary=a'()+_,-./:=?",
          "\r\n--a'()+_,-./:=?" },
        { "multipart/form-data", NULL },
        { "multipart/form-data;", NULL },
        { "multipart/form-data; boundary", NULL },
        { "multipart/form-data; boundary=", NULL },
        { "multipart/form-data; boundary=\"a", NULL },
        { "multipart/form-data; boundary=a b", NULL },
        { "multipart/form-data; boundary=\"a\\\"\"", NULL },
        { "multipart/form-data; boundary=a; boundary=b", NULL },
        { "multipart/mixed; boundary=a", NULL },
        { "application/json", NULL },
        { "", NULL },
        { NULL, NULL }
    };

    for (i = 0; cases[i].type; i++) {
        ngx_str_t  got;

        test_reset();
        test_case = cases[i].type;

        type = test_string(cases[i].type);

        test_int(ngx_llm_multipart_init(&mp, test_pool, &type),
                 cases[i].delimiter ? NGX_OK : NGX_DECLINED);

        if (cases[i].delimiter) {
            got.data = mp.delimiter;
            got.len = mp.delimiter_len;

            test_str(got, cases[i].delimiter);
        }
    }
}


static void
test_bounds(void)
{
    size_t      i, len;
    u_char     *p;
    ngx_str_t   text, told;

    test_case = "a long value";
    test_reset();

    text.data = ngx_pnalloc(test_pool, 100000);

    p = ngx_sprintf(text.data, TEST_BEGIN TEST_PART("a", ""));
    ngx_memset(p, 'x', 50000);
    p = ngx_sprintf(p + 50000, TEST_END);
    text.len = p - text.data;

    test_int(test_feed(&text, 100, 1000), NGX_OK);

    told.data = test_told;
    told.len = test_told_len;

    test_ok(told.len > NGX_LLM_MULTIPART_VALUE && told.len < 1100);
    test_ok(told.len && told.data[told.len - 2] == '+');

    test_case = "a long header";
    test_reset();

    text.data = ngx_pnalloc(test_pool, 100000);
    p = ngx_sprintf(text.data, TEST_BEGIN TEST_NAME("a") "x: ");
    len = p - text.data;
    ngx_memset(p, 'x', NGX_LLM_MULTIPART_HEAD);

    text.len = len + NGX_LLM_MULTIPART_HEAD;
    test_int(test_feed(&text, text.len, 1), NGX_DECLINED);

    test_case = "parts";

    for (i = NGX_LLM_MULTIPART_PARTS; i <= NGX_LLM_MULTIPART_PARTS + 1; i++) {
        size_t  n;

        test_reset();

        text.data = ngx_pnalloc(test_pool, 100000);
        p = text.data;

        for (n = 0; n < i; n++) {
            p = ngx_sprintf(p, TEST_BEGIN TEST_PART("a", "\r\n"));
        }

        text.len = p - text.data;

        test_int(test_feed(&text, text.len, 1),
                 i == NGX_LLM_MULTIPART_PARTS ? NGX_AGAIN : NGX_DECLINED);
    }
}
