
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stand-in for a provider:
 *
 *     location /v1/ { llm_mock dialect [name=value ...]; }
 *
 * answers every POST below its location in the wire format of the dialect,
 * plain or as a stream as the request asks, and GET .../models.  The same
 * request always gets the same answer.  A value with blanks is quoted
 * together with its name: "text=two words".
 *
 * What is answered:
 *
 *     text=value      the text; may hold variables, among them $llm_*;
 *                     default "echo: " and the text of the last user message
 *     size=number     or that many words
 *     events=number   text events of a stream, at most one a word (default:
 *                     one a word); without text= and size= so many words
 *     reasoning=text  comes before the text
 *     tool=name       where the request has tools and no tool's result at
 *                     its end: a call of that tool, "*" is its first one
 *     args=json       the call's arguments, default {}
 *     calls=number    parallel calls, default 1
 *     finish=word     stop, length, content_filter
 *     model=name      in the answer; default the one asked for
 *     usage=off       no usage is reported; on is the default
 *     prompt_tokens=number, cached_tokens=number
 *                     default: an estimate, and none; completion tokens are
 *                     the words of the answer
 *
 * How:
 *
 *     delay=time        before the answer
 *     chunk_delay=time  between the pieces of an answer; without it they
 *                       leave at once
 *     chunk=size        bytes of a piece; default: a stream's pieces are its
 *                       events, a plain answer is one piece
 *     pings=number      after the first event of a stream
 *     length=off        plain answers come chunked
 *
 * Failures:
 *
 *     status=code     an error of that status, in the dialect's shape
 *     message=text, code=word, retry_after=seconds
 *                     what that error says; the first two for fail=error, too
 *     fail=close      the connection is closed without an answer
 *     fail=reset      the same by a TCP reset
 *     fail=stall      no answer comes
 *     fail=cut        closed after some pieces
 *     fail=hang       silent after some pieces
 *     fail=end        ended after some pieces as if the answer were whole
 *     fail=error      after some pieces the error event of a stream, which
 *                     ends it; a plain answer is an error with status 200
 *     fail=garbage    status 200 and a page of HTML
 *     after=number    how many pieces: 0 is the header alone; default: 2, of
 *                     a stream its first event and the first text, of a
 *                     plain answer without chunk= its first half
 *     times=number    only so many requests of a worker fail, the first ones
 *     every=number    only each so many-th request of a worker fails
 *
 * With model= and one of text= (without variables), size= and events=, and
 * without tool=, the answers are written while the configuration is read and
 * requests are not parsed: only "stream" and "include_usage" are looked for.
 * This is what a benchmark wants.  "prompt_tokens" then defaults to 10.
 */


#include "ngx_http_llm_mock.h"


#define NGX_HTTP_LLM_MOCK_COUNT  1000000


typedef enum {
    NGX_HTTP_LLM_MOCK_TEXT = 0,
    NGX_HTTP_LLM_MOCK_VALUE,
    NGX_HTTP_LLM_MOCK_NUMBER,
    NGX_HTTP_LLM_MOCK_TIME,
    NGX_HTTP_LLM_MOCK_SIZE,
    NGX_HTTP_LLM_MOCK_FLAG,
    NGX_HTTP_LLM_MOCK_FINISH,
    NGX_HTTP_LLM_MOCK_FAIL
} ngx_http_llm_mock_kind_e;


typedef struct {
    ngx_str_t                   name;
    ngx_http_llm_mock_kind_e    kind;
    size_t                      offset;         /* in ngx_http_llm_mock_t */
    ngx_int_t                   min;
} ngx_http_llm_mock_option_t;


static char *ngx_http_llm_mock_option(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock, ngx_str_t *word);
static char *ngx_http_llm_mock_value(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock, ngx_str_t *word, ngx_str_t *name,
    ngx_str_t *value);
static ngx_http_llm_mock_option_t *ngx_http_llm_mock_find(ngx_str_t *name);
static char *ngx_http_llm_mock_check(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock);
static ngx_int_t ngx_http_llm_mock_prepare(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock);
static ngx_int_t ngx_http_llm_mock_prepare_errors(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock);
static ngx_int_t ngx_http_llm_mock_prepare_models(ngx_conf_t *cf,
    ngx_http_llm_mock_t *mock);


static ngx_conf_enum_t  ngx_http_llm_mock_failures[] = {
    { ngx_string("close"), NGX_HTTP_LLM_MOCK_CLOSE },
    { ngx_string("reset"), NGX_HTTP_LLM_MOCK_RESET },
    { ngx_string("stall"), NGX_HTTP_LLM_MOCK_STALL },
    { ngx_string("cut"), NGX_HTTP_LLM_MOCK_CUT },
    { ngx_string("hang"), NGX_HTTP_LLM_MOCK_HANG },
    { ngx_string("end"), NGX_HTTP_LLM_MOCK_END },
    { ngx_string("error"), NGX_HTTP_LLM_MOCK_ERROR },
    { ngx_string("garbage"), NGX_HTTP_LLM_MOCK_GARBAGE },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_mock_finishes[] = {
    { ngx_string("stop"), NGX_LLM_FINISH_STOP },
    { ngx_string("length"), NGX_LLM_FINISH_LENGTH },
    { ngx_string("content_filter"), NGX_LLM_FINISH_CONTENT_FILTER },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_mock_flags[] = {
    { ngx_string("on"), 1 },
    { ngx_string("off"), 0 },
    { ngx_null_string, 0 }
};


static ngx_http_llm_mock_option_t  ngx_http_llm_mock_options[] = {

    { ngx_string("text"), NGX_HTTP_LLM_MOCK_VALUE,
      offsetof(ngx_http_llm_mock_t, text), 0 },

    { ngx_string("size"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, size), 0 },

    { ngx_string("events"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, events), 1 },

    { ngx_string("reasoning"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, reasoning), 0 },

    { ngx_string("tool"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, tool), 0 },

    { ngx_string("args"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, args), 0 },

    { ngx_string("calls"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, calls), 1 },

    { ngx_string("finish"), NGX_HTTP_LLM_MOCK_FINISH,
      offsetof(ngx_http_llm_mock_t, finish), 0 },

    { ngx_string("model"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, model), 0 },

    { ngx_string("usage"), NGX_HTTP_LLM_MOCK_FLAG,
      offsetof(ngx_http_llm_mock_t, usage), 0 },

    { ngx_string("prompt_tokens"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, prompt_tokens), 0 },

    { ngx_string("cached_tokens"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, cached_tokens), 0 },

    { ngx_string("delay"), NGX_HTTP_LLM_MOCK_TIME,
      offsetof(ngx_http_llm_mock_t, delay), 0 },

    { ngx_string("chunk_delay"), NGX_HTTP_LLM_MOCK_TIME,
      offsetof(ngx_http_llm_mock_t, chunk_delay), 0 },

    { ngx_string("chunk"), NGX_HTTP_LLM_MOCK_SIZE,
      offsetof(ngx_http_llm_mock_t, chunk), 1 },

    { ngx_string("pings"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, pings), 0 },

    { ngx_string("length"), NGX_HTTP_LLM_MOCK_FLAG,
      offsetof(ngx_http_llm_mock_t, length), 0 },

    { ngx_string("status"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, status), 400 },

    { ngx_string("message"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, message), 0 },

    { ngx_string("code"), NGX_HTTP_LLM_MOCK_TEXT,
      offsetof(ngx_http_llm_mock_t, code), 0 },

    { ngx_string("retry_after"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, retry_after), 0 },

    { ngx_string("fail"), NGX_HTTP_LLM_MOCK_FAIL,
      offsetof(ngx_http_llm_mock_t, fail), 0 },

    { ngx_string("after"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, after), 0 },

    { ngx_string("times"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, times), 1 },

    { ngx_string("every"), NGX_HTTP_LLM_MOCK_NUMBER,
      offsetof(ngx_http_llm_mock_t, every), 1 },

    { ngx_null_string, NGX_HTTP_LLM_MOCK_TEXT, 0, 0 }
};


char *
ngx_http_llm_mock(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *llcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_llm_mock_t       *mock;
    ngx_http_core_loc_conf_t  *clcf;

    if (llcf->mock) {
        return "is duplicate";
    }

    value = cf->args->elts;

    mock = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_mock_t));
    if (mock == NULL) {
        return NGX_CONF_ERROR;
    }

    mock->dialect = ngx_llm_dialect_find(&value[1]);

    if (mock->dialect == NULL || mock->dialect->read_request == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown dialect \"%V\", "
                           "it must be \"openai\" or \"anthropic\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    mock->size = NGX_CONF_UNSET;
    mock->events = NGX_CONF_UNSET;
    mock->calls = NGX_CONF_UNSET;
    mock->usage = NGX_CONF_UNSET;
    mock->prompt_tokens = NGX_CONF_UNSET;
    mock->cached_tokens = NGX_CONF_UNSET;
    mock->delay = NGX_CONF_UNSET_MSEC;
    mock->chunk_delay = NGX_CONF_UNSET_MSEC;
    mock->pings = NGX_CONF_UNSET;
    mock->length = NGX_CONF_UNSET;
    mock->status = NGX_CONF_UNSET;
    mock->retry_after = NGX_CONF_UNSET;
    mock->after = NGX_CONF_UNSET;
    mock->times = NGX_CONF_UNSET;
    mock->every = NGX_CONF_UNSET;

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_llm_mock_option(cf, mock, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    rv = ngx_http_llm_mock_check(cf, mock);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_llm_mock_prepare(cf, mock) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    llcf->mock = mock;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_llm_mock_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_mock_option(ngx_conf_t *cf, ngx_http_llm_mock_t *mock,
    ngx_str_t *word)
{
    u_char     *p;
    ngx_str_t   name, value;

    p = ngx_strlchr(word->data, word->data + word->len, '=');

    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", name=value is expected",
                           word);
        return NGX_CONF_ERROR;
    }

    name.data = word->data;
    name.len = p - word->data;

    value.data = p + 1;
    value.len = word->data + word->len - value.data;

    return ngx_http_llm_mock_value(cf, mock, word, &name, &value);
}


static char *
ngx_http_llm_mock_value(ngx_conf_t *cf, ngx_http_llm_mock_t *mock,
    ngx_str_t *word, ngx_str_t *name, ngx_str_t *value)
{
    void                              *field;
    ssize_t                            size;
    ngx_int_t                          n;
    ngx_conf_enum_t                   *e;
    ngx_http_complex_value_t         **cv;
    ngx_http_llm_mock_option_t        *option;
    ngx_http_compile_complex_value_t   ccv;

    option = ngx_http_llm_mock_find(name);

    if (option == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           word);
        return NGX_CONF_ERROR;
    }

    field = (u_char *) mock + option->offset;
    e = NULL;

    switch (option->kind) {

    case NGX_HTTP_LLM_MOCK_TEXT:
        *(ngx_str_t *) field = *value;
        return NGX_CONF_OK;

    case NGX_HTTP_LLM_MOCK_VALUE:
        cv = field;

        *cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
        if (*cv == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

        ccv.cf = cf;
        ccv.value = value;
        ccv.complex_value = *cv;

        return ngx_http_compile_complex_value(&ccv) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;

    case NGX_HTTP_LLM_MOCK_NUMBER:
        n = ngx_atoi(value->data, value->len);

        if (n == NGX_ERROR || n < option->min
            || n > NGX_HTTP_LLM_MOCK_COUNT)
        {
            break;
        }

        *(ngx_int_t *) field = n;
        return NGX_CONF_OK;

    case NGX_HTTP_LLM_MOCK_TIME:
        n = ngx_parse_time(value, 0);

        if (n == NGX_ERROR) {
            break;
        }

        *(ngx_msec_t *) field = n;
        return NGX_CONF_OK;

    case NGX_HTTP_LLM_MOCK_SIZE:
        size = ngx_parse_size(value);

        if (size == NGX_ERROR || size < option->min) {
            break;
        }

        *(size_t *) field = size;
        return NGX_CONF_OK;

    case NGX_HTTP_LLM_MOCK_FLAG:
        e = ngx_http_llm_mock_flags;
        break;

    case NGX_HTTP_LLM_MOCK_FINISH:
        e = ngx_http_llm_mock_finishes;
        break;

    case NGX_HTTP_LLM_MOCK_FAIL:
        e = ngx_http_llm_mock_failures;
        break;
    }

    for ( /* void */ ; e && e->name.len; e++) {

        if (e->name.len != value->len
            || ngx_strncmp(e->name.data, value->data, value->len) != 0)
        {
            continue;
        }

        if (option->kind == NGX_HTTP_LLM_MOCK_FLAG) {
            *(ngx_flag_t *) field = e->value;

        } else if (option->kind == NGX_HTTP_LLM_MOCK_FINISH) {
            *(ngx_llm_finish_e *) field = e->value;

        } else {
            *(ngx_http_llm_mock_fail_e *) field = e->value;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value in \"%V\"", word);

    return NGX_CONF_ERROR;
}


static ngx_http_llm_mock_option_t *
ngx_http_llm_mock_find(ngx_str_t *name)
{
    ngx_http_llm_mock_option_t  *option;

    for (option = ngx_http_llm_mock_options; option->name.len; option++) {

        if (option->name.len == name->len
            && ngx_strncmp(option->name.data, name->data, name->len) == 0)
        {
            return option;
        }
    }

    return NULL;
}


/* defaults, and what does not go together */

static char *
ngx_http_llm_mock_check(ngx_conf_t *cf, ngx_http_llm_mock_t *mock)
{
    ngx_str_t        reasoning;
    ngx_llm_json_t  *node;

    if (mock->text && mock->size != NGX_CONF_UNSET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"text\" and \"size\" exclude each other");
        return NGX_CONF_ERROR;
    }

    if (mock->status != NGX_CONF_UNSET && mock->fail) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"status\" and \"fail\" exclude each other");
        return NGX_CONF_ERROR;
    }

    if (mock->status != NGX_CONF_UNSET && mock->status > 599) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value in \"status=%i\"", mock->status);
        return NGX_CONF_ERROR;
    }

    if (mock->status == NGX_CONF_UNSET && mock->fail == 0
        && (mock->times != NGX_CONF_UNSET || mock->every != NGX_CONF_UNSET))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"times\" and \"every\" need \"status\" or "
                           "\"fail\"");
        return NGX_CONF_ERROR;
    }

    if (mock->args.data == NULL) {
        ngx_str_set(&mock->args, "{}");
    }

    node = ngx_llm_json_parse(cf->temp_pool, &mock->args, NULL);

    if (node == NULL || node->type != NGX_LLM_JSON_OBJECT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"args\" is no JSON object: \"%V\"", &mock->args);
        return NGX_CONF_ERROR;
    }

    mock->args = node->raw;

    if (mock->text == NULL && mock->size == NGX_CONF_UNSET
        && mock->events != NGX_CONF_UNSET)
    {
        mock->size = mock->events;
    }

    reasoning = mock->reasoning;

    if (ngx_http_llm_mock_escape(cf->pool, &reasoning, &mock->reasoning)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (mock->finish == NGX_LLM_FINISH_NONE) {
        mock->finish = NGX_LLM_FINISH_STOP;
    }

    ngx_conf_init_value(mock->calls, 1);
    ngx_conf_init_value(mock->usage, 1);
    ngx_conf_init_value(mock->length, 1);
    ngx_conf_init_value(mock->pings, 0);
    ngx_conf_init_msec_value(mock->delay, 0);
    ngx_conf_init_msec_value(mock->chunk_delay, 0);

    mock->constant = mock->model.len
                     && mock->tool.len == 0
                     && ((mock->text && mock->text->lengths == NULL)
                         || mock->size != NGX_CONF_UNSET);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_mock_prepare(ngx_conf_t *cf, ngx_http_llm_mock_t *mock)
{
    ngx_str_t       text, none;
    ngx_llm_chat_t  chat;

    if (ngx_http_llm_mock_prepare_errors(cf, mock) != NGX_OK
        || ngx_http_llm_mock_prepare_models(cf, mock) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!mock->constant) {
        return NGX_OK;
    }

    if (mock->text) {
        if (ngx_http_llm_mock_escape(cf->pool, &mock->text->value, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (ngx_http_llm_mock_lorem(cf->pool, mock->size, &text)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&none, "");
    ngx_llm_chat_init(&chat, cf->pool, &none);

    if (ngx_http_llm_mock_compose(cf->pool, mock, &chat, &text, 0,
                                  &mock->plain)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    chat.stream = 1;

    if (ngx_http_llm_mock_compose(cf->pool, mock, &chat, &text, 1,
                                  &mock->stream)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    chat.include_usage = 1;

    return ngx_http_llm_mock_compose(cf->pool, mock, &chat, &text, 1,
                                     &mock->stream_usage);
}


static ngx_int_t
ngx_http_llm_mock_prepare_errors(ngx_conf_t *cf, ngx_http_llm_mock_t *mock)
{
    ngx_uint_t        status;
    ngx_llm_out_t     out;
    ngx_llm_error_t   err;

    status = (mock->status != NGX_CONF_UNSET) ? (ngx_uint_t) mock->status
                                              : NGX_HTTP_INTERNAL_SERVER_ERROR;

    ngx_http_llm_error_fill(cf->pool, &err, status);

    if (mock->code.len) {
        err.code = mock->code;
    }

    if (mock->message.len
        && ngx_http_llm_mock_escape(cf->pool, &mock->message, &err.message)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_out_init(&out, cf->pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);
    mock->dialect->write_error(&err, &out);

    if (out.failed) {
        return NGX_ERROR;
    }

    mock->error.text.data = out.start;
    mock->error.text.len = ngx_llm_out_len(&out);

    /* an error inside a 200 is what fail=error makes of a plain answer */

    mock->error.status = (mock->status != NGX_CONF_UNSET) ? status
                                                          : NGX_HTTP_OK;

    ngx_llm_out_init(&out, cf->pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);
    mock->dialect->write_stream_error(&err, &out);

    if (out.failed) {
        return NGX_ERROR;
    }

    mock->stream_error.text.data = out.start;
    mock->stream_error.text.len = ngx_llm_out_len(&out);
    mock->stream_error.status = NGX_HTTP_OK;
    mock->stream_error.stream = 1;

    ngx_str_set(&mock->garbage.text, "<html><body>hello</body></html>" CRLF);
    mock->garbage.status = NGX_HTTP_OK;
    mock->garbage.html = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_mock_prepare_models(ngx_conf_t *cf, ngx_http_llm_mock_t *mock)
{
    ngx_str_t      model;
    ngx_llm_out_t  out;

    model = mock->model;

    if (model.len == 0) {
        ngx_str_set(&model, "mock");
    }

    ngx_llm_out_init(&out, cf->pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);

    ngx_llm_out_lit(&out, "{\"object\":\"list\",\"data\":[{\"id\":");
    ngx_llm_out_json_string(&out, &model);
    ngx_llm_out_lit(&out, ",\"object\":\"model\",\"created\":");
    ngx_llm_out_int(&out, NGX_HTTP_LLM_MOCK_CREATED);
    ngx_llm_out_lit(&out, ",\"owned_by\":\"mock\",\"type\":\"model\","
                          "\"display_name\":");
    ngx_llm_out_json_string(&out, &model);
    ngx_llm_out_lit(&out, ",\"created_at\":\"2023-11-14T22:13:20Z\"}],"
                          "\"has_more\":false,\"first_id\":");
    ngx_llm_out_json_string(&out, &model);
    ngx_llm_out_lit(&out, ",\"last_id\":");
    ngx_llm_out_json_string(&out, &model);
    ngx_llm_out_char(&out, '}');

    if (out.failed) {
        return NGX_ERROR;
    }

    mock->models.text.data = out.start;
    mock->models.text.len = ngx_llm_out_len(&out);
    mock->models.status = NGX_HTTP_OK;

    return NGX_OK;
}
