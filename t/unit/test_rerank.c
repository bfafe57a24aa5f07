
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_calls.h"
#include "ngx_llm_rerank.h"


static void test_requests(void);
static void test_request(const char *form, const char *text,
    const char *want, const char *dropped);
static void test_bad(const char *text, const char *param);
static void test_paths(void);
static void test_path(const char *form, const char *base, const char *want);
static void test_answers(void);
static void test_answer(const char *request, const char *text,
    ngx_uint_t same, const char *want);
static ngx_int_t test_read(const char *text, ngx_llm_rerank_t *rerank,
    ngx_llm_error_t *err);


static ngx_llm_chat_t  test_chat;


#define TEST_REQUEST                                                         \
    "{\"model\":\"m\",\"query\":\"q\\u00e9\",\"documents\":[\"a\","          \
    "{\"text\":\"b\\n\",\"id\":7}],\"top_n\":1,\"return_documents\":true,"   \
    "\"truncation\":false,\"truncate\":\"END\",\"x\":null}"


int
main(void)
{
    test_requests();
    test_paths();
    test_answers();

    return test_done("rerank");
}


static ngx_int_t
test_read(const char *text, ngx_llm_rerank_t *rerank, ngx_llm_error_t *err)
{
    ngx_str_t  s;

    s = test_string(text);

    ngx_memzero(rerank, sizeof(ngx_llm_rerank_t));
    ngx_llm_chat_init(&test_chat, test_pool, &s);
    rerank->chat = &test_chat;

    return ngx_llm_rerank_read(rerank, err);
}


static void
test_requests(void)
{
    test_request("cohere", TEST_REQUEST,
                 "{\"model\":\"up\",\"query\":\"q\\u00e9\",\"documents\":"
                 "[\"a\",\"b\\n\"],\"top_n\":1}", "truncation truncate");
    test_request("voyage", TEST_REQUEST,
                 "{\"model\":\"up\",\"query\":\"q\\u00e9\",\"documents\":"
                 "[\"a\",\"b\\n\"],\"top_k\":1,\"truncation\":false}",
                 "truncate");
    test_request("nvidia", TEST_REQUEST,
                 "{\"model\":\"up\",\"query\":{\"text\":\"q\\u00e9\"},"
                 "\"passages\":[{\"text\":\"a\"},{\"text\":\"b\\n\"}],"
                 "\"truncate\":\"END\"}", "truncation");
    test_request("tei", TEST_REQUEST,
                 "{\"query\":\"q\\u00e9\",\"texts\":[\"a\",\"b\\n\"],"
                 "\"truncate\":\"END\"}", "truncation");
    test_request("tei", "{\"model\":\"m\",\"query\":{\"text\":\"q\"},"
                 "\"documents\":[\"a\"]}",
                 "{\"query\":\"q\",\"texts\":[\"a\"]}", "");

    /* an image is no text */

    test_request("voyage", "{\"model\":\"m\",\"query\":\"q\",\"documents\":"
                 "[\"a\",{\"image\":\"i\"}]}", NULL, "");
    test_request("nvidia", "{\"model\":\"m\",\"query\":{\"image\":\"i\"},"
                 "\"documents\":[\"a\"]}", NULL, "");

    test_bad("{", NULL);
    test_bad("{\"query\":\"q\",\"documents\":[\"a\"]}", "model");
    test_bad("{\"model\":\"m\",\"documents\":[\"a\"]}", "query");
    test_bad("{\"model\":\"m\",\"query\":1,\"documents\":[\"a\"]}", "query");
    test_bad("{\"model\":\"m\",\"query\":\"q\"}", "documents");
    test_bad("{\"model\":\"m\",\"query\":\"q\",\"documents\":\"a\"}",
             "documents");
    test_bad("{\"model\":\"m\",\"query\":\"q\",\"documents\":[]}",
             "documents");
    test_bad("{\"model\":\"m\",\"query\":\"q\",\"documents\":[1]}",
             "documents");
    test_bad("{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\"],"
             "\"top_n\":0}", "top_n");
    test_bad("{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\"],"
             "\"top_n\":\"1\"}", "top_n");
    test_bad("{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\"],"
             "\"return_documents\":1}", "return_documents");
}


/* want == NULL: it is refused */

static void
test_request(const char *form, const char *text, const char *want,
    const char *dropped)
{
    ngx_int_t                      rc;
    ngx_str_t                      name, got, *names;
    ngx_uint_t                     i;
    ngx_llm_out_t                  out;
    ngx_llm_error_t                err;
    ngx_llm_rerank_t               rerank;
    ngx_llm_target_t               target;
    const ngx_llm_rerank_form_t   *f;

    test_reset();
    test_case = text;

    test_int(test_read(text, &rerank, &err), NGX_OK);

    name = test_string(form);
    f = ngx_llm_rerank_find(&name);
    test_ok(f != NULL);

    ngx_memzero(&target, sizeof(ngx_llm_target_t));
    ngx_str_set(&target.model, "up");
    ngx_str_set(&target.provider, "p");

    ngx_llm_out_init(&out, test_pool, NULL, 0, 65536);

    rc = ngx_llm_rerank_write(&rerank, f, &target, &out, &err);

    if (want == NULL) {
        test_int(rc, NGX_DECLINED);
        test_str(err.code, "unsupported_parameter");
        return;
    }

    test_int(rc, NGX_OK);

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);

    test_str(got, want);

    ngx_llm_out_init(&out, test_pool, NULL, 0, 65536);

    if (test_chat.dropped) {
        names = test_chat.dropped->elts;

        for (i = 0; i < test_chat.dropped->nelts; i++) {
            if (i) {
                ngx_llm_out_char(&out, ' ');
            }

            ngx_llm_out_str(&out, &names[i]);
        }
    }

    got.data = out.start ? out.start : (u_char *) "";
    got.len = ngx_llm_out_len(&out);

    test_str(got, dropped);
}


static void
test_bad(const char *text, const char *param)
{
    ngx_llm_error_t   err;
    ngx_llm_rerank_t  rerank;

    test_reset();
    test_case = text;

    test_int(test_read(text, &rerank, &err), NGX_DECLINED);
    test_int(err.status, 400);
    test_str(err.param, param);
}


static void
test_paths(void)
{
    test_path("cohere", "/v2", "/v2/rerank");
    test_path("nvidia", "/v1", "/v1/ranking");
    test_path("tei", "/v1", "/rerank");
    test_path("tei", "", "/rerank");
    test_path("tei", "/a/v1", "/a/rerank");
    test_path("tei", "/v12", "/v12/rerank");
}


static void
test_path(const char *form, const char *base, const char *want)
{
    ngx_str_t      name, path, got;
    ngx_llm_out_t  out;

    test_reset();
    test_case = want;

    name = test_string(form);
    path = test_string(base);

    ngx_llm_out_init(&out, test_pool, NULL, 0, 65536);
    ngx_llm_rerank_path(ngx_llm_rerank_find(&name), &path, &out);

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);

    test_str(got, want);
}


static void
test_answers(void)
{
    ngx_uint_t  i;

    static const char  *request =
        "{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\","
        "{\"text\":\"b\"}]}";

    static const char  *wanted =
        "{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\","
        "{\"text\":\"b\"}],\"return_documents\":true}";

    static const char  *top =
        "{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\",\"b\"],"
        "\"top_n\":1}";

    static const char  *none[] = {
        "", "{", "1", "{}", "{\"results\":{}}", "[1]",
        "{\"results\":[{\"index\":0}]}",
        "{\"results\":[{\"relevance_score\":1}]}",
        "{\"results\":[{\"index\":2,\"relevance_score\":1}]}",
        "{\"results\":[{\"index\":-1,\"relevance_score\":1}]}",
        "{\"results\":[{\"index\":0,\"relevance_score\":\"1\"}]}",
        "[{\"index\":0,\"score\":1},{\"index\":0,\"score\":1},"
        "{\"index\":1,\"score\":1}]",
        NULL
    };

    /* Cohere */

    test_answer(request, "{\"id\":\"i\",\"results\":[{\"index\":1,"
                "\"relevance_score\":0.5}],\"meta\":{\"billed_units\":"
                "{\"search_units\":1}}}", 1,
                "{\"id\":\"r\",\"object\":\"list\",\"model\":\"m\","
                "\"results\":[{\"index\":1,\"relevance_score\":0.5}],"
                "\"meta\":{\"billed_units\":{\"search_units\":1}}}");

    /* documents, as text and as they were */

    test_answer(wanted, "{\"results\":[{\"index\":1,\"relevance_score\":0.5},"
                "{\"index\":0,\"relevance_score\":1e-7}]}", 1,
                "{\"id\":\"r\",\"object\":\"list\",\"model\":\"m\","
                "\"results\":[{\"index\":1,\"relevance_score\":0.5,"
                "\"document\":{\"text\":\"b\"}},{\"index\":0,"
                "\"relevance_score\":1e-7,\"document\":{\"text\":\"a\"}}]}");

    /* Voyage, NVIDIA, TEI */

    test_answer(request, "{\"object\":\"list\",\"data\":[{\"index\":0,"
                "\"relevance_score\":0.5}],\"usage\":{\"total_tokens\":7}}",
                0, "{\"id\":\"r\",\"object\":\"list\",\"model\":\"m\","
                "\"results\":[{\"index\":0,\"relevance_score\":0.5}],"
                "\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
    test_answer(top, "{\"rankings\":[{\"index\":1,\"logit\":-1.25},"
                "{\"index\":0,\"logit\":-9}],\"usage\":{\"prompt_tokens\":5,"
                "\"total_tokens\":5}}", 0,
                "{\"id\":\"r\",\"object\":\"list\",\"model\":\"m\","
                "\"results\":[{\"index\":1,\"relevance_score\":-1.25}],"
                "\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}");
    test_answer(request, "[{\"index\":1,\"score\":0.9},"
                "{\"index\":0,\"score\":0.1}]", 0,
                "{\"id\":\"r\",\"object\":\"list\",\"model\":\"m\","
                "\"results\":[{\"index\":1,\"relevance_score\":0.9},"
                "{\"index\":0,\"relevance_score\":0.1}]}");

    /* tokens in "meta" */

    test_answer(request, "{\"results\":[],\"meta\":{\"tokens\":"
                "{\"input_tokens\":4,\"output_tokens\":0}}}", 1,
                "{\"id\":\"r\",\"object\":\"list\",\"model\":\"m\","
                "\"results\":[],\"usage\":{\"prompt_tokens\":4,"
                "\"total_tokens\":4},\"meta\":{\"tokens\":"
                "{\"input_tokens\":4,\"output_tokens\":0}}}");
    test_answer(request, "{\"results\":[],\"meta\":{\"billed_units\":"
                "{\"total_tokens\":4}}}", 1,
                "{\"id\":\"r\",\"object\":\"list\",\"model\":\"m\","
                "\"results\":[],\"usage\":{\"prompt_tokens\":4,"
                "\"total_tokens\":4},\"meta\":{\"billed_units\":"
                "{\"total_tokens\":4}}}");

    for (i = 0; none[i]; i++) {
        test_answer(request, none[i], 0, NULL);
    }
}


/* want == NULL: it is no answer */

static void
test_answer(const char *request, const char *text, ngx_uint_t same,
    const char *want)
{
    ngx_int_t                 rc;
    ngx_str_t                 s, id, got;
    ngx_llm_out_t             out;
    ngx_llm_error_t           err;
    ngx_llm_rerank_t          rerank;
    ngx_llm_rerank_answer_t   answer;

    test_reset();
    test_case = text;

    test_int(test_read(request, &rerank, &err), NGX_OK);

    s = test_string(text);
    rc = ngx_llm_rerank_read_answer(&rerank, test_pool, &s, &answer);

    if (want == NULL) {
        test_int(rc, NGX_DECLINED);
        return;
    }

    test_int(rc, NGX_OK);
    test_int(answer.same, same);

    ngx_str_set(&id, "r");
    ngx_llm_out_init(&out, test_pool, NULL, 0, 65536);
    ngx_llm_rerank_write_answer(&rerank, &answer, &id, &out);

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);

    test_str(got, want);
}
