
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The answers of the mock, as its dialect writes them.
 */


#include "ngx_http_llm_mock.h"


/* an answer that is being composed */

typedef struct {
    ngx_http_llm_mock_t         *mock;
    ngx_http_llm_mock_answer_t  *answer;
    ngx_pool_t                  *pool;
    ngx_llm_writer_t             writer;
    ngx_llm_out_t                out;
    ngx_llm_usage_t              usage;
    ngx_str_t                    model;         /* escaped */
    ngx_str_t                    text;          /* escaped */
    ngx_str_t                    tool;          /* escaped; empty: none */
    ngx_llm_finish_e             finish;
    unsigned                     count:1;       /* of tokens, no message */
    unsigned                     failed:1;
} ngx_http_llm_mock_compose_t;


static void ngx_http_llm_mock_compose_tool(ngx_http_llm_mock_compose_t *c,
    ngx_llm_chat_t *chat);
static void ngx_http_llm_mock_compose_plain(ngx_http_llm_mock_compose_t *c);
static void ngx_http_llm_mock_compose_stream(ngx_http_llm_mock_compose_t *c);
static void ngx_http_llm_mock_compose_calls(ngx_http_llm_mock_compose_t *c);
static void ngx_http_llm_mock_compose_text(ngx_http_llm_mock_compose_t *c,
    ngx_llm_event_e type, ngx_str_t *text, ngx_int_t events);
static void ngx_http_llm_mock_event(ngx_http_llm_mock_compose_t *c,
    ngx_llm_event_t *ev);
static ngx_int_t ngx_http_llm_mock_pieces(ngx_http_llm_mock_t *mock,
    ngx_pool_t *pool, ngx_http_llm_mock_answer_t *answer);
static ngx_uint_t ngx_http_llm_mock_words(ngx_str_t *text);


static ngx_str_t  ngx_http_llm_mock_lorem_words[] = {
    ngx_string("one"),
    ngx_string("two"),
    ngx_string("three"),
    ngx_string("four"),
    ngx_string("five"),
    ngx_string("six"),
    ngx_string("seven"),
    ngx_string("eight"),
    ngx_string("nine"),
    ngx_string("ten")
};


static ngx_str_t  ngx_http_llm_mock_id = ngx_string("mock");


ngx_int_t
ngx_http_llm_mock_compose(ngx_pool_t *pool, ngx_http_llm_mock_t *mock,
    ngx_llm_chat_t *chat, ngx_str_t *text, ngx_uint_t stream,
    ngx_http_llm_mock_answer_t *answer)
{
    ngx_http_llm_mock_compose_t  c;

    ngx_memzero(&c, sizeof(ngx_http_llm_mock_compose_t));

    c.mock = mock;
    c.answer = answer;
    c.pool = pool;
    c.text = *text;
    c.finish = mock->finish;
    c.count = chat->count;

    if (mock->model.len) {
        chat->model = mock->model;
    }

    if (ngx_http_llm_mock_escape(pool, &chat->model, &c.model) != NGX_OK
        || ngx_llm_writer_init(&c.writer, mock->dialect, pool, chat,
                               &ngx_http_llm_mock_id,
                               NGX_HTTP_LLM_MOCK_CREATED)
           != NGX_OK
        || ngx_array_init(&answer->ends, pool, 4, sizeof(size_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_mock_compose_tool(&c, chat);

    ngx_llm_usage_init(&c.usage);

    if (mock->usage) {
        c.usage.prompt = (mock->prompt_tokens != NGX_CONF_UNSET)
                         ? mock->prompt_tokens
                         : mock->constant ? 10 : ngx_llm_chat_estimate(chat);
        c.usage.completion = ngx_http_llm_mock_words(&mock->reasoning);
        c.usage.reasoning = c.usage.completion;
        c.usage.completion += c.tool.len
                              ? mock->calls
                              : (int64_t) ngx_http_llm_mock_words(text);
        c.usage.cached = mock->cached_tokens;
        c.usage.reported = 1;
    }

    answer->status = NGX_HTTP_OK;
    answer->stream = stream;

    ngx_llm_out_init(&c.out, pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);

    if (stream) {
        ngx_http_llm_mock_compose_stream(&c);

    } else {
        ngx_http_llm_mock_compose_plain(&c);
    }

    if (c.failed || c.out.failed) {
        return NGX_ERROR;
    }

    answer->text.data = c.out.start;
    answer->text.len = ngx_llm_out_len(&c.out);

    return ngx_http_llm_mock_pieces(mock, pool, answer);
}


/* a call only where the conversation waits for one */

static void
ngx_http_llm_mock_compose_tool(ngx_http_llm_mock_compose_t *c,
    ngx_llm_chat_t *chat)
{
    ngx_llm_message_t  *message;

    if (c->mock->tool.len == 0 || chat->tools == NULL) {
        return;
    }

    for (message = chat->messages; message; message = message->next) {
        if (message->next == NULL && message->role == NGX_LLM_ROLE_TOOL) {
            return;
        }
    }

    if (c->mock->tool.len == 1 && c->mock->tool.data[0] == '*') {
        c->tool = chat->tools->name;

    } else if (ngx_http_llm_mock_escape(c->pool, &c->mock->tool, &c->tool)
               != NGX_OK)
    {
        c->failed = 1;
    }

    c->finish = NGX_LLM_FINISH_TOOL_CALLS;
}


static void
ngx_http_llm_mock_compose_plain(ngx_http_llm_mock_compose_t *c)
{
    u_char               *p;
    ngx_int_t             i;
    ngx_llm_part_t       *part;
    ngx_llm_choice_t     *choice;
    ngx_llm_response_t    res;

    if (ngx_llm_response_init(&res, c->pool) != NGX_OK) {
        c->failed = 1;
        return;
    }

    choice = ngx_array_push(&res.choices);
    if (choice == NULL) {
        c->failed = 1;
        return;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    res.id = ngx_http_llm_mock_id;
    res.model = c->model;
    res.usage = c->usage;
    res.count = c->count;

    choice->finish = c->finish;

    if (c->mock->reasoning.len) {
        part = ngx_llm_chat_add_part(c->pool, &choice->parts,
                                     NGX_LLM_PART_REASONING);
        if (part == NULL) {
            c->failed = 1;
            return;
        }

        part->text = c->mock->reasoning;
    }

    if (c->tool.len == 0) {
        part = ngx_llm_chat_add_part(c->pool, &choice->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            c->failed = 1;
            return;
        }

        part->text = c->text;
    }

    for (i = 0; c->tool.len && i < c->mock->calls; i++) {
        part = ngx_llm_chat_add_part(c->pool, &choice->parts,
                                     NGX_LLM_PART_TOOL_CALL);
        if (part == NULL) {
            c->failed = 1;
            return;
        }

        p = ngx_pnalloc(c->pool, sizeof("call_") - 1 + NGX_INT_T_LEN);
        if (p == NULL) {
            c->failed = 1;
            return;
        }

        part->id.data = p;
        part->id.len = ngx_sprintf(p, "call_%i", i + 1) - p;
        part->name = c->tool;
        part->input = c->mock->args;
    }

    c->writer.dialect->write_response(&c->writer, &res, &c->out);
}


static void
ngx_http_llm_mock_compose_stream(ngx_http_llm_mock_compose_t *c)
{
    ngx_int_t        i;
    ngx_llm_event_t  ev;
    ngx_llm_usage_t  usage;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    if (c->mock->usage) {

        /* what an API that counts twice says first */

        usage = c->usage;
        usage.completion = 1;
        usage.reasoning = -1;

        ev.type = NGX_LLM_EVENT_USAGE;
        ev.usage = &usage;
        ngx_http_llm_mock_event(c, &ev);
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));
    ev.type = NGX_LLM_EVENT_START;
    ev.id = ngx_http_llm_mock_id;
    ev.model = c->model;
    ngx_http_llm_mock_event(c, &ev);

    for (i = 0; i < c->mock->pings; i++) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));
        ev.type = NGX_LLM_EVENT_PING;
        ngx_http_llm_mock_event(c, &ev);
    }

    if (c->mock->reasoning.len) {
        ngx_http_llm_mock_compose_text(c, NGX_LLM_EVENT_REASONING,
                                       &c->mock->reasoning, 0);
    }

    if (c->tool.len) {
        ngx_http_llm_mock_compose_calls(c);

    } else {
        ngx_http_llm_mock_compose_text(c, NGX_LLM_EVENT_TEXT, &c->text,
                                       c->mock->events);
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));
    ev.type = NGX_LLM_EVENT_FINISH;
    ev.finish = c->finish;
    ngx_http_llm_mock_event(c, &ev);

    if (c->mock->usage) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));
        ev.type = NGX_LLM_EVENT_USAGE;
        ev.usage = &c->usage;
        ngx_http_llm_mock_event(c, &ev);
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));
    ev.type = NGX_LLM_EVENT_DONE;
    ngx_http_llm_mock_event(c, &ev);
}


/* arguments come in two fragments, the first is one byte */

static void
ngx_http_llm_mock_compose_calls(ngx_http_llm_mock_compose_t *c)
{
    ngx_int_t        i;
    ngx_str_t        args;
    ngx_llm_event_t  ev;
    u_char           id[sizeof("call_") - 1 + NGX_INT_T_LEN];

    if (ngx_http_llm_mock_escape(c->pool, &c->mock->args, &args) != NGX_OK) {
        c->failed = 1;
        return;
    }

    for (i = 0; i < c->mock->calls; i++) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));

        ev.type = NGX_LLM_EVENT_TOOL_START;
        ev.tool = i;
        ev.id.data = id;
        ev.id.len = ngx_sprintf(id, "call_%i", i + 1) - id;
        ev.name = c->tool;
        ngx_http_llm_mock_event(c, &ev);

        ngx_memzero(&ev, sizeof(ngx_llm_event_t));

        ev.type = NGX_LLM_EVENT_TOOL_ARGS;
        ev.tool = i;
        ev.text.data = args.data;
        ev.text.len = 1;
        ngx_http_llm_mock_event(c, &ev);

        ev.text.data = args.data + 1;
        ev.text.len = args.len - 1;
        ngx_http_llm_mock_event(c, &ev);

        ev.type = NGX_LLM_EVENT_TOOL_END;
        ngx_str_null(&ev.text);
        ngx_http_llm_mock_event(c, &ev);
    }
}


/* the words of a text in at most so many events, 0: one a word */

static void
ngx_http_llm_mock_compose_text(ngx_http_llm_mock_compose_t *c,
    ngx_llm_event_e type, ngx_str_t *text, ngx_int_t events)
{
    u_char           *p, *last;
    ngx_uint_t        words, group;
    ngx_llm_event_t   ev;

    group = 1;

    if (events > 0) {
        words = ngx_http_llm_mock_words(text);
        group = (words + events - 1) / events;
        group = ngx_max(group, 1);
    }

    p = text->data;
    last = p + text->len;

    while (p < last) {
        ngx_memzero(&ev, sizeof(ngx_llm_event_t));

        ev.type = type;
        ev.text.data = p;

        for (words = 0; words < group && p < last; words++) {

            while (p < last && *p == ' ') {
                p++;
            }

            while (p < last && *p != ' ') {
                p++;
            }
        }

        ev.text.len = p - ev.text.data;

        ngx_http_llm_mock_event(c, &ev);
    }
}


static void
ngx_http_llm_mock_event(ngx_http_llm_mock_compose_t *c, ngx_llm_event_t *ev)
{
    size_t  *end, len;

    len = ngx_llm_out_len(&c->out);

    c->writer.dialect->write_event(&c->writer, ev, &c->out);

    if (ngx_llm_out_len(&c->out) == len) {
        return;
    }

    end = ngx_array_push(&c->answer->ends);
    if (end == NULL) {
        c->failed = 1;
        return;
    }

    *end = ngx_llm_out_len(&c->out);
}


/* pieces of so many bytes, whatever they are */

static ngx_int_t
ngx_http_llm_mock_pieces(ngx_http_llm_mock_t *mock, ngx_pool_t *pool,
    ngx_http_llm_mock_answer_t *answer)
{
    size_t  *end, len;

    if (mock->chunk == 0) {
        return NGX_OK;
    }

    if (ngx_array_init(&answer->ends, pool,
                       answer->text.len / mock->chunk + 1, sizeof(size_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (len = 0; len < answer->text.len; /* void */) {

        end = ngx_array_push(&answer->ends);
        if (end == NULL) {
            return NGX_ERROR;
        }

        len = ngx_min(len + mock->chunk, answer->text.len);
        *end = len;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_mock_words(ngx_str_t *text)
{
    size_t      i;
    ngx_uint_t  n;

    n = 0;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] != ' ' && (i == 0 || text->data[i - 1] == ' ')) {
            n++;
        }
    }

    return n;
}


ngx_int_t
ngx_http_llm_mock_escape(ngx_pool_t *pool, ngx_str_t *plain,
    ngx_str_t *escaped)
{
    ngx_llm_out_t  out;

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);
    ngx_llm_out_escape(&out, plain);

    if (out.failed) {
        return NGX_ERROR;
    }

    if (out.start == NULL) {
        ngx_str_set(escaped, "");
        return NGX_OK;
    }

    escaped->data = out.start;
    escaped->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_mock_lorem(ngx_pool_t *pool, ngx_uint_t n, ngx_str_t *text)
{
    ngx_uint_t      i;
    ngx_llm_out_t   out;

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_HTTP_LLM_MOCK_MAX);

    for (i = 0; i < n; i++) {
        if (i) {
            ngx_llm_out_char(&out, ' ');
        }

        ngx_llm_out_str(&out, &ngx_http_llm_mock_lorem_words[i % 10]);
    }

    if (out.failed) {
        return NGX_ERROR;
    }

    ngx_str_set(text, "");

    if (out.start) {
        text->data = out.start;
        text->len = ngx_llm_out_len(&out);
    }

    return NGX_OK;
}
