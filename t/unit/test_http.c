
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Responses of HTTP, whole and cut in two at every byte.
 */


#include "ngx_llm_http.h"
#include "test.h"


typedef struct {
    char        *name;
    char        *text;
    ngx_uint_t   status;        /* 0: refused */
    char        *body;          /* NULL: it is not whole */
    ngx_int_t    retry_after;
    ngx_uint_t   end;           /* whole with the connection's end */
} test_response_t;


static ngx_int_t test_feed(ngx_llm_http_t *http, u_char *p, size_t len);
static void test_response(test_response_t *r);
static void test_bounds(void);


static test_response_t  test_responses[] = {
    { "a length",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
      200, "abc", -1, 0 },
    { "no reason, no CR, blanks about a value",
      "HTTP/1.1 404\ncontent-length:\t 2 \n\nab",
      404, "ab", -1, 0 },
    { "no body at all",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      200, "", -1, 0 },
    { "none by its status",
      "HTTP/1.1 204 No Content\r\n\r\n",
      204, "", -1, 0 },
    { "the end of the connection",
      "HTTP/1.0 200 OK\r\n\r\nabc",
      200, "abc", -1, 1 },
    { "chunks, an extension, a trailer",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
      200, "ab0123456789", -1, 0 },
    { "interim responses",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
      "Content-Length: 9\r\nRetry-After: 9\r\n\r\n"
      "HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 1\r\n\r\nx",
      429, "x", 17, 0 },
    { "a date to retry after, which is not read",
      "HTTP/1.1 503 X\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"
      "Content-Length: 0\r\n\r\n",
      503, "", -1, 0 },
    { "a time that is too long",
      "HTTP/1.1 503 X\r\nRetry-After: 999999999\r\nContent-Length: 0\r\n\r\n",
      503, "", 86400, 0 },
    { "the same length twice",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na",
      200, "a", -1, 0 },

    { "cut in the body",
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
      200, NULL, -1, 0 },
    { "cut in the head", "HTTP/1.1 200 OK\r\nContent-Le", 200, NULL, -1, 0 },
    { "cut behind a chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
      200, NULL, -1, 0 },
    { "cut in the trailer",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
      200, NULL, -1, 0 },

    { "no HTTP", "SSH-2.0-x\r\n", 0, NULL, -1, 0 },
    { "an old one", "HTTP/0.9 200 OK\r\n", 0, NULL, -1, 0 },
    { "a status that is none", "HTTP/1.1 2x0 OK\r\n", 0, NULL, -1, 0 },
    { "a short one", "HTTP/1.1 20\r\n", 0, NULL, -1, 0 },
    { "a long one", "HTTP/1.1 2000 OK\r\n", 0, NULL, -1, 0 },
    { "a high one", "HTTP/1.1 600 OK\r\n", 0, NULL, -1, 0 },
    { "another protocol", "HTTP/1.1 101 X\r\n\r\n", 0, NULL, -1, 0 },
    { "two lengths",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      0, NULL, -1, 0 },
    { "a length that is none",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0, NULL, -1, 0 },
    { "a line without a colon", "HTTP/1.1 200 OK\r\nabc\r\n\r\n",
      0, NULL, -1, 0 },
    { "a line without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
      0, NULL, -1, 0 },
    { "a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
      0, NULL, -1, 0 },
    { "an encoding",
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", 0, NULL, -1, 0 },
    { "another transfer encoding",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      0, NULL, -1, 0 },
    { "a chunk without a size",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
      0, NULL, -1, 0 },
    { "a size that is none",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
      0, NULL, -1, 0 },
    { "a size that is too large",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "ffffffffffffffffff\r\n",
      0, NULL, -1, 0 },
    { "no end of a chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      0, NULL, -1, 0 },
    { "something behind the end",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", 0, NULL, -1, 0 },
    { NULL, NULL, 0, NULL, 0, 0 }
};


static u_char  test_long[NGX_LLM_HTTP_MAX_HEAD * 2];


int
main(int argc, char *const *argv)
{
    ngx_uint_t  i;

    for (i = 0; test_responses[i].name; i++) {
        test_response(&test_responses[i]);
    }

    test_bounds();

    return test_done("http");
}


/* in memory of its own, so that reading beyond it is seen */

static ngx_int_t
test_feed(ngx_llm_http_t *http, u_char *p, size_t len)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text = test_copy(p, len);

    rc = ngx_llm_http_next(http, text.data, text.data + len);

    free(text.data);

    return rc;
}


static void
test_response(test_response_t *r)
{
    size_t           i, len;
    u_char          *text;
    ngx_int_t        rc;
    ngx_llm_out_t    body;
    ngx_llm_http_t   http;

    test_case = r->name;
    text = (u_char *) r->text;
    len = ngx_strlen(text);

    for (i = 0; i <= len; i++) {

        ngx_llm_out_init(&body, test_reset(), NULL, 0, 64);
        ngx_llm_http_init(&http, &body);

        rc = test_feed(&http, text, i);

        if (rc == NGX_AGAIN) {
            rc = test_feed(&http, text + i, len - i);

        } else if (rc == NGX_OK && i < len) {
            rc = test_feed(&http, text + i, len - i);
        }

        if (r->status == 0) {
            test_int(rc, NGX_DECLINED);
            continue;
        }

        if (r->body == NULL) {
            test_int(rc, NGX_AGAIN);
            test_int(ngx_llm_http_end(&http), NGX_DECLINED);
            continue;
        }

        test_int(rc, r->end ? NGX_AGAIN : NGX_OK);
        test_int(ngx_llm_http_end(&http), NGX_OK);
        test_int(http.status, r->status);
        test_int(http.retry_after, r->retry_after);
        test_out(body, r->body);
    }
}


/* lines, heads and bodies are no longer than they may be */

static void
test_bounds(void)
{
    u_char          *p;
    ngx_uint_t       i;
    ngx_llm_out_t    body;
    ngx_llm_http_t   http;

    test_case = "bounds";

    p = ngx_cpymem(test_long, "HTTP/1.1 200 OK\r\nA: ", 20);
    ngx_memset(p, 'x', NGX_LLM_HTTP_MAX_LINE);

    ngx_llm_out_init(&body, test_reset(), NULL, 0, 64);
    ngx_llm_http_init(&http, &body);
    test_int(test_feed(&http, test_long, 20 + NGX_LLM_HTTP_MAX_LINE),
             NGX_DECLINED);

    ngx_llm_http_init(&http, &body);
    test_int(test_feed(&http, test_long, 17), NGX_AGAIN);

    for (i = 0; i < NGX_LLM_HTTP_MAX_HEAD / 5; i++) {

        if (test_feed(&http, (u_char *) "A: b\n", 5) != NGX_AGAIN) {
            break;
        }
    }

    test_int(i, (NGX_LLM_HTTP_MAX_HEAD - 17) / 5);

    ngx_llm_http_init(&http, &body);
    test_int(test_feed(&http, (u_char *) "HTTP/1.0 200 OK\n\n", 17),
             NGX_AGAIN);
    test_int(test_feed(&http, test_long, 64), NGX_AGAIN);
    test_int(test_feed(&http, test_long, 1), NGX_DECLINED);
}
