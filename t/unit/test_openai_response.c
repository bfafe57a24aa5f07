
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A provider's plain answers and errors, and what a client gets of them.
 */


#include "test.h"
#include "test_openai.h"

#include <dirent.h>


#define TEST_DIR  "t/fixtures/openai/response/"


static ngx_str_t
test_dump(ngx_pool_t *pool, ngx_str_t *text, ngx_llm_response_t *res,
    ngx_int_t *rc)
{
    ngx_str_t           one, two;
    ngx_llm_out_t       out, tree;
    ngx_llm_error_t     err;
    ngx_llm_response_t  parsed;

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_out_init(&tree, pool, NULL, 0, TEST_OPENAI_MAX);

    *rc = test_openai_read_response(&out, res, text, 1);

    test_int(test_openai_read_response(&tree, &parsed, text, 0), *rc);

    one.data = out.start;
    one.len = ngx_llm_out_len(&out);
    two.data = tree.start;
    two.len = ngx_llm_out_len(&tree);

    test_same(one, two);

    if (*rc != NGX_OK) {
        ngx_memzero(&err, sizeof(ngx_llm_error_t));

        test_int(ngx_llm_openai_read_response(text, &parsed, &err),
                 NGX_DECLINED);
        test_ok(err.fail != 0 && err.message.len != 0 && err.type.len != 0);
    }

    return test_copy(out.start, ngx_llm_out_len(&out));
}


static ngx_str_t
test_write(ngx_pool_t *pool, ngx_llm_response_t *res, ngx_uint_t legacy)
{
    ngx_str_t          id, body;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_writer_t   w;

    ngx_str_set(&id, "chatcmpl-\"1");
    ngx_str_set(&body, "{}");

    ngx_llm_chat_init(&chat, pool, &body);
    chat.model = test_string("a \"model\"");
    chat.legacy_functions = legacy;

    test_ok(ngx_llm_writer_init(&w, &ngx_llm_openai, pool, &chat, &id,
                                1700000000)
            == NGX_OK);

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_openai_write_response(&w, res, &out);

    test_ok(!out.failed);

    return test_copy(out.start, ngx_llm_out_len(&out));
}


static void
test_fixture(const char *name)
{
    char                 path[512];
    ngx_int_t            rc;
    ngx_str_t            text, want, got, one, two, again;
    ngx_uint_t           legacy;
    ngx_pool_t          *pool;
    ngx_llm_response_t   res;

    test_case = name;

    snprintf(path, sizeof(path), TEST_DIR "%s", name);
    text = test_file(path);

    strcpy(strrchr(path, '.'), ".txt");
    want = test_file(path);

    pool = test_reset();
    got = test_dump(pool, &text, &res, &rc);

    if (getenv("TEST_SHOW")) {
        printf("== %s\n%.*s", name, (int) got.len, got.data);
    }

    test_same(got, want);

    for (legacy = 0; rc == NGX_OK && legacy < 2; legacy++) {

        /* what a client gets can be read, and then stays as it is */

        again = test_dump(pool, &text, &res, &rc);
        free(again.data);

        one = test_write(pool, &res, legacy);

        again = test_dump(pool, &one, &res, &rc);
        test_int(rc, NGX_OK);
        free(again.data);

        if (rc == NGX_OK) {
            two = test_write(pool, &res, legacy);
            test_same(two, one);
            free(two.data);
        }

        free(one.data);
    }

    free(got.data);
    free(want.data);
    free(text.data);
}


static void
test_bytes(const char *text, ngx_uint_t legacy, const char *want)
{
    ngx_int_t            rc;
    ngx_str_t            in, got;
    ngx_pool_t          *pool;
    ngx_llm_response_t   res;

    test_case = text;
    pool = test_reset();
    in = test_copy(text, strlen(text));
    got = test_dump(pool, &in, &res, &rc);
    test_int(rc, NGX_OK);
    free(got.data);

    got = test_write(pool, &res, legacy);
    test_str(got, want);

    free(got.data);
    free(in.data);
}


#define TEST_HEAD  "{\"id\":\"r\",\"object\":\"chat.completion\","           \
                   "\"created\":5,\"model\":\"a \\\"model\\\"\","           \
                   "\"choices\":["
#define TEST_TAIL  "},\"logprobs\":null,\"finish_reason\":"


static void
test_answers(void)
{
    test_bytes("{\"id\":\"r\",\"created\":5,\"model\":\"x\",\"choices\":["
               "{\"message\":{\"content\":\"a\\u00e9\\n\"},"
               "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
               "\"completion_tokens\":4}}", 0,
               TEST_HEAD "{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"a\\u00e9\\n\",\"refusal\":null" TEST_TAIL
               "\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
               "\"completion_tokens\":4,\"total_tokens\":7,"
               "\"prompt_tokens_details\":{\"cached_tokens\":0},"
               "\"completion_tokens_details\":{\"reasoning_tokens\":0}}}");

    test_bytes("{\"created\":5,\"choices\":["
               "{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"t\","
               "\"function\":{\"name\":\"f\",\"arguments\":{\"a\":\"b\"}}}]},"
               "\"finish_reason\":\"tool_calls\"}]}", 0,
               "{\"id\":\"chatcmpl-\\\"1\",\"object\":\"chat.completion\","
               "\"created\":5,\"model\":\"a \\\"model\\\"\",\"choices\":["
               "{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":null,\"refusal\":null,\"tool_calls\":[{"
               "\"id\":\"t\",\"type\":\"function\",\"function\":{"
               "\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"b\\\"}\"}}]"
               TEST_TAIL "\"tool_calls\"}]}");

    test_bytes("{\"id\":\"r\",\"created\":5,\"choices\":["
               "{\"message\":{\"tool_calls\":[{\"id\":\"t\","
               "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
               "\"finish_reason\":\"stop\"}]}", 1,
               TEST_HEAD
               "{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":null,\"refusal\":null,\"function_call\":{"
               "\"name\":\"f\",\"arguments\":\"{}\"}"
               TEST_TAIL "\"function_call\"}]}");

    test_bytes("{\"id\":\"r\",\"created\":5,\"choices\":["
               "{\"message\":{\"content\":\"x\",\"thinking_blocks\":[{"
               "\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":"
               "\"sg\"},{\"type\":\"redacted_thinking\",\"data\":\"zz\"}]}}"
               "]}", 0,
               TEST_HEAD
               "{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"x\",\"refusal\":null,\"reasoning_content\":"
               "\"hm\",\"thinking_blocks\":[{\"type\":\"thinking\","
               "\"thinking\":\"hm\",\"signature\":\"sg\"},{\"type\":"
               "\"redacted_thinking\",\"data\":\"zz\"}]"
               TEST_TAIL "\"stop\"}]}");
}


static void
test_errors(void)
{
    char              line[4096];
    ngx_str_t         text, got;
    ngx_uint_t        i;
    ngx_pool_t       *pool;
    ngx_llm_out_t     out;
    ngx_llm_error_t   err;

    static struct {
        ngx_uint_t    status;
        const char   *text;
        const char   *want;
    } cases[] = {
        { 400, "{\"error\":{\"message\":\"m \\\"x\\\"\",\"type\":"
               "\"invalid_request_error\",\"param\":\"temperature\","
               "\"code\":\"unsupported_value\"}}",
          "status=400 fail=request type=invalid_request_error "
          "code=unsupported_value param=temperature message=m \\\"x\\\"" },
        { 400, "{\"error\":{\"message\":\"long\",\"type\":"
               "\"invalid_request_error\",\"param\":\"messages\","
               "\"code\":\"context_length_exceeded\"}}",
          "status=400 fail=context type=invalid_request_error "
          "code=context_length_exceeded param=messages message=long" },
        { 400, "{\"object\":\"error\",\"message\":\"This model's maximum "
               "context length is 10 tokens\",\"type\":\"BadRequestError\","
               "\"param\":null,\"code\":400}",
          "status=400 fail=context type=invalid_request_error "
          "code=context_length_exceeded message=This model's maximum "
          "context length is 10 tokens" },
        { 400, "{\"error\":{\"code\":400,\"message\":\"the request exceeds "
               "the available context size\",\"type\":"
               "\"exceed_context_size_error\",\"n_ctx\":256}}",
          "status=400 fail=context type=invalid_request_error "
          "code=context_length_exceeded message=the request exceeds the "
          "available context size" },
        { 500, "{\"error\":{\"message\":\"prompt is too long: 9 tokens\"}}",
          "status=400 fail=context type=invalid_request_error "
          "code=context_length_exceeded message=prompt is too long: 9 "
          "tokens" },
        { 400, "{\"error\":{\"message\":\"filtered\",\"type\":null,"
               "\"param\":\"prompt\",\"code\":\"content_filter\","
               "\"status\":400,\"innererror\":{\"code\":"
               "\"ResponsibleAIPolicyViolation\"}}}",
          "status=400 fail=content type=invalid_request_error "
          "code=content_filter param=prompt message=filtered" },
        { 400, "{\"error\":{\"message\":\"x\",\"code\":null,\"innererror\":"
               "{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
          "status=400 fail=content type=invalid_request_error "
          "code=content_filter message=x" },
        { 400, "{\"error\":{\"message\":\"x\",\"code\":"
               "\"content_policy_violation\"}}",
          "status=400 fail=content type=invalid_request_error "
          "code=content_policy_violation message=x" },
        { 404, "{\"error\":{\"message\":\"The model does not exist\","
               "\"type\":\"invalid_request_error\",\"param\":null,"
               "\"code\":\"model_not_found\"}}",
          "status=404 fail=no_model type=invalid_request_error "
          "code=model_not_found message=The model does not exist" },
        { 400, "{\"error\":{\"message\":\"m\",\"code\":"
               "\"model_not_found\"}}",
          "status=404 fail=no_model type=invalid_request_error "
          "code=model_not_found message=m" },
        { 401, "{\"error\":{\"message\":\"Incorrect API key provided: "
               "sk-1*\",\"type\":\"invalid_request_error\",\"param\":null,"
               "\"code\":\"invalid_api_key\"}}",
          "status=502 fail=auth type=server_error code=provider_auth "
          "message=Incorrect API key provided: sk-1*" },
        { 400, "{\"code\":\"Client specified an invalid argument\","
               "\"error\":\"Incorrect API key provided: x\"}",
          "status=502 fail=auth type=server_error code=provider_auth "
          "message=Incorrect API key provided: x" },
        { 402, "{\"error\":{\"message\":\"Insufficient credits\","
               "\"code\":402}}",
          "status=502 fail=auth type=server_error code=provider_auth "
          "message=Insufficient credits" },
        { 429, "{\"error\":{\"message\":\"You exceeded your quota\",\"type\":"
               "\"insufficient_quota\",\"param\":null,\"code\":"
               "\"insufficient_quota\"}}",
          "status=429 fail=rate_limit type=rate_limit_error "
          "code=provider_rate_limit message=You exceeded your quota" },
        { 429, "{\"error\":{\"message\":\"Rate limit: too many tokens, max "
               "5\",\"type\":\"tokens\",\"code\":null}}",
          "status=429 fail=rate_limit type=rate_limit_error "
          "code=provider_rate_limit message=Rate limit: too many tokens, "
          "max 5" },
        { 503, "{\"error\":{\"message\":\"overloaded\"}}",
          "status=503 fail=overloaded type=service_unavailable_error "
          "code=server_is_overloaded message=overloaded" },
        { 500, "{\"error\":{\"message\":\"oops\",\"type\":\"server_error\","
               "\"code\":null}}",
          "status=502 fail=server_error type=server_error message=oops" },
        { 422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\","
               "\"type\":\"missing\"}]}",
          "status=422 fail=request type=invalid_request_error "
          "message=field required" },
        { 400, "[{\"error\":{\"code\":400,\"message\":\"API key not valid. "
               "Please pass one.\",\"status\":\"INVALID_ARGUMENT\"}}]",
          "status=502 fail=auth type=server_error code=provider_auth "
          "message=API key not valid. Please pass one." },
        { 400, "{\"error\":{\"message\":\"bad\",\"type\":"
               "\"BadRequestError\",\"code\":\"wrong words here\"}}",
          "status=400 fail=request type=invalid_request_error "
          "message=bad" },
        { 0, NULL, NULL }
    };

    for (i = 0; cases[i].text; i++) {

        test_case = cases[i].text;
        pool = test_reset();
        text = test_copy(cases[i].text, strlen(cases[i].text));

        ngx_memset(&err, 0xff, sizeof(ngx_llm_error_t));
        ngx_llm_openai_read_error(pool, cases[i].status, &text, &err);

        test_int(err.retry_after, -1);

        ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
        test_openai_error(&out, &err);
        snprintf(line, sizeof(line), " %s", cases[i].want);
        test_out(out, line);

        free(text.data);
    }

    /* what is no JSON, or nothing at all */

    pool = test_reset();
    test_case = "no JSON";

    text = test_copy("<html>Bad Gateway</html>", 24);
    ngx_llm_openai_read_error(pool, 502, &text, &err);
    test_int(err.fail, NGX_LLM_FAIL_SERVER_ERROR);
    test_int(err.status, 502);
    test_ok(err.message.len != 0);
    free(text.data);

    text = test_copy("", 0);
    ngx_llm_openai_read_error(pool, 429, &text, &err);
    test_int(err.fail, NGX_LLM_FAIL_RATE_LIMIT);
    test_ok(err.message.len != 0);

    ngx_llm_openai_read_error(pool, 529, &text, &err);
    test_int(err.fail, NGX_LLM_FAIL_OVERLOADED);
    free(text.data);

    text = test_copy("maximum context length", 22);
    ngx_llm_openai_read_error(pool, 400, &text, &err);
    test_int(err.fail, NGX_LLM_FAIL_CONTEXT);
    free(text.data);

    text = test_copy("{}", 2);
    ngx_llm_openai_read_error(pool, 404, &text, &err);
    test_int(err.fail, NGX_LLM_FAIL_NO_MODEL);
    test_ok(err.message.len != 0);
    free(text.data);

    /* as a client sees it */

    ngx_memzero(&err, sizeof(ngx_llm_error_t));
    err.message = test_string("a \\\"b\\\"");
    err.type = test_string("x_error");
    err.param = test_string("messages[0]");

    ngx_llm_out_init(&out, pool, NULL, 0, TEST_OPENAI_MAX);
    ngx_llm_openai_write_error(&err, &out);
    test_out(out, "{\"error\":{\"message\":\"a \\\"b\\\"\",\"type\":"
             "\"x_error\",\"param\":\"messages[0]\",\"code\":null}}");

    got.data = out.start;
    got.len = ngx_llm_out_len(&out);
    test_ok(ngx_llm_json_parse(pool, &got, NULL) != NULL);
}


/* a long message is cut, but no escape and no character */

static void
test_cut(void)
{
    size_t            pad;
    u_char           *p;
    ngx_str_t         text, quoted;
    ngx_uint_t        i;
    ngx_pool_t       *pool;
    ngx_llm_error_t   err;

    static const char  *units[] = {
        "a", "\\n", "\\u00e9", "\\ud83d\\ude00", "\303\251",
        "\342\202\254", "\360\237\230\200", NULL
    };

    test_case = "cut";

    for (i = 0; units[i]; i++) {
        for (pad = 0; pad < 13; pad++) {

            pool = test_reset();
            text.data = malloc(8192);

            p = text.data;
            p = ngx_cpymem(p, "{\"error\":{\"message\":\"", 21);
            memset(p, 'x', pad);
            p += pad;

            while (p - text.data < 6000) {
                p = ngx_cpymem(p, units[i], strlen(units[i]));
            }

            p = ngx_cpymem(p, "\"}}", 3);
            text.len = p - text.data;

            ngx_llm_openai_read_error(pool, 500, &text, &err);

            test_ok(err.message.len <= NGX_LLM_MAX_ERROR_TEXT);
            test_ok(err.message.len > NGX_LLM_MAX_ERROR_TEXT - 12);
            test_int((err.message.len - pad) % strlen(units[i]), 0);

            quoted.data = ngx_pnalloc(pool, err.message.len + 2);
            quoted.data[0] = '"';
            memcpy(quoted.data + 1, err.message.data, err.message.len);
            quoted.data[err.message.len + 1] = '"';
            quoted.len = err.message.len + 2;

            test_ok(ngx_llm_json_parse(pool, &quoted, NULL) != NULL);

            free(text.data);
        }
    }
}


/* what looks plain and is not; test_dump() compares it with a tree */

static void
test_odd(void)
{
    ngx_int_t            rc;
    ngx_str_t            text, got;
    ngx_uint_t           i;
    ngx_llm_response_t   res;

#define U  "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}"
#define C  "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"     \
           "\"a\"},\"finish_reason\":\"length\"}"
#define A(s)  "{\"id\":\"i\",\"choices\":[" s "]," U "}"
#define N(s)  "{\"choices\":[" C "],\"usage\":{" s "}}"

    static const char  *odd[] = {
        A(C),
        A(C) " ",
        " " A(C) "x",
        A(C "," C),
        A(C ",5"),
        A(C ","),
        A("5," C),
        "{\"choices\":[" C "],\"choices\":[]," U "}",
        "{\"choices\":[],\"choices\":[" C "]," U "}",
        "{\"choices\":[" C "],\"choices\":[" C "]," U "}",
        "{\"choices\":[" C "]," U ",\"usage\":null}",
        "{\"choices\":[" C "],\"usage\":null}",
        "{\"choices\":[" C "]}",
        "{\"choices\":[" C "],\"x_groq\":{" U "}}",
        "{\"choices\":[" C "]," U ",\"error\":{\"message\":\"m\"}}",
        "{\"choices\":[" C "]," U ",\"error\":null}",
        "{\"choices\":[" C "]," U ",\"id\":\"i\",\"id\":\"j\"}",
        "{\"choices\":[" C "]," U ",\"created\":5,\"service_tier\":\"s\","
            "\"object\":\"o\",\"system_fingerprint\":null}",
        "{\"choices\":[" C "]," U ",\"created\":1e3}",
        "{\"choices\":[" C "]," U ",\"created\":-5}",
        "{\"choices\":[" C "]," U ",\"service_tier\":null}",
        "{" U "}",
        "{}",
        A("{\"message\":{\"content\":\"a\"},\"finish_reason\":null}"),
        A("{\"message\":{\"content\":\"a\"},\"finish_reason\":\"\"}"),
        A("{\"message\":{\"content\":\"a\"},\"finish_reason\":\"odd\"}"),
        A("{\"message\":{\"content\":\"a\"}}"),
        A("{\"message\":{\"content\":null},\"finish_reason\":\"stop\"}"),
        A("{\"message\":{},\"finish_reason\":\"stop\"}"),
        A("{\"message\":{\"content\":\"a\"},\"message\":{\"content\":"
          "\"b\"},\"finish_reason\":\"stop\"}"),
        A("{\"message\":{\"content\":\"a\",\"tool_calls\":[{\"id\":\"x\","
          "\"function\":{\"name\":\"f\"}}]},\"finish_reason\":\"stop\"}"),
        A("{\"message\":{\"content\":\"a\",\"tool_calls\":null,"
          "\"annotations\":[],\"refusal\":null,\"audio\":null},"
          "\"logprobs\":null,\"finish_reason\":\"stop\"}"),
        A("{\"message\":{\"content\":\"a\",\"reasoning_content\":\"r\"},"
          "\"finish_reason\":\"stop\"}"),
        A("{\"text\":\"t\",\"message\":{\"content\":\"a\"},"
          "\"finish_reason\":\"stop\"}"),
        N(""),
        N("\"prompt_tokens\":1"),
        N("\"prompt_tokens\":-1,\"input_tokens\":2"),
        N("\"prompt_tokens\":1,\"prompt_tokens\":2"),
        N("\"prompt_tokens\":1,\"prompt_tokens\":null"),
        N("\"prompt_tokens\":1.5,\"completion_tokens\":2"),
        N("\"prompt_tokens\":99999999999999999999,\"total_tokens\":7"),
        N("\"prompt_tokens\":5,\"total_tokens\":7,\"cost\":0.1"),
        N("\"prompt_tokens\":5,\"completion_tokens\":1,\"cost\":\"c\""),
        N("\"prompt_tokens\":5,\"completion_tokens\":1,"
          "\"prompt_tokens_details\":{\"cached_tokens\":2,\"audio_tokens\":1,"
          "\"cache_write_tokens\":1},\"completion_tokens_details\":"
          "{\"reasoning_tokens\":1,\"audio_tokens\":0}"),
        N("\"prompt_tokens\":5,\"prompt_tokens_details\":"
          "{\"cached_tokens\":2},\"prompt_tokens_details\":{}"),
        N("\"prompt_tokens\":5,\"prompt_tokens_details\":"
          "{\"cached_tokens\":2},\"prompt_tokens_details\":null"),
        N("\"prompt_tokens\":5,\"prompt_cache_hit_tokens\":2,"
          "\"cache_creation_input_tokens\":9,\"reasoning_tokens\":3"),
        NULL
    };

    for (i = 0; odd[i]; i++) {

        test_case = odd[i];
        text = test_copy(odd[i], strlen(odd[i]));

        got = test_dump(test_reset(), &text, &res, &rc);

        free(got.data);
        free(text.data);
    }
}


/* every allocation fails once: an error, and nothing else */

static void
test_memory(const char *name, ngx_uint_t lazy)
{
    char                 path[512];
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_uint_t           n;
    ngx_pool_t          *pool;
    ngx_llm_error_t      err;
    ngx_llm_response_t   res;

    test_case = name;

    snprintf(path, sizeof(path), TEST_DIR "%s", name);
    text = test_file(path);

    for (n = 1; n < 100000; n++) {

        pool = test_reset();
        test_ok(ngx_llm_response_init(&res, pool) == NGX_OK);

        res.lazy = lazy;

        ngx_stubs_fail = n;
        rc = ngx_llm_openai_read_response(&text, &res, &err);

        if (ngx_stubs_fail) {
            ngx_stubs_fail = 0;
            test_int(rc, NGX_OK);
            break;
        }

        test_ok(rc == NGX_ERROR || rc == NGX_DECLINED);
    }

    test_ok(n > (lazy ? 1 : 2));

    free(text.data);
}


int
main(int argc, char **argv)
{
    DIR            *dir;
    ngx_uint_t      n;
    struct dirent  *entry;

    test_answers();
    test_errors();
    test_cut();
    test_odd();

    n = 0;
    dir = opendir(TEST_DIR);
    test_ok(dir != NULL);

    for (entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (strstr(entry->d_name, ".json")) {
            test_fixture(entry->d_name);
            n++;
        }
    }

    if (dir) {
        closedir(dir);
    }

    test_case = "";
    test_ok(n >= 30);

    for (n = 0; n < 2; n++) {
        test_memory("plain.json", n);
        test_memory("tools-parallel.json", n);
        test_memory("thinking-blocks.json", n);
        test_memory("reasoning-details.json", n);
        test_memory("content-list.json", n);
    }

    return test_done("test_openai_response");
}
