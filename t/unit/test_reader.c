
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "test.h"
#include "ngx_llm_dialect.h"


/*
 * A dialect that exists here only.  A frame's data is a list of words: "start",
 * "done", "error" and "hidden" mean just that, others are text.
 */

typedef struct {
    ngx_uint_t    frames;
    ngx_uint_t    ends;
} test_state_t;


typedef struct {
    ngx_uint_t    events;
    ngx_uint_t    texts;
    ngx_uint_t    refuse;       /* the n-th event is refused */
    char          seen[400];
} test_sink_t;


static ngx_int_t test_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);
static ngx_int_t test_read_end(ngx_llm_reader_t *reader);
static ngx_int_t test_event(void *data, ngx_llm_event_t *ev);
static ngx_int_t test_feed(ngx_llm_reader_t *reader, const char *text,
    size_t size);
static void test_list(void);
static void test_stream(void);
static void test_finished(void);
static void test_scratch(void);
static void test_refusals(void);
static void test_writer(void);


static ngx_llm_dialect_t  test_dialect;
static ngx_pool_t        *test_scratch_pool;


int
main(void)
{
    ngx_str_set(&test_dialect.name, "test");

    test_dialect.flags = NGX_LLM_DIALECT_SSE;
    test_dialect.reader_size = sizeof(test_state_t);
    test_dialect.writer_size = 32;
    test_dialect.read_frame = test_read_frame;
    test_dialect.read_end = test_read_end;

    test_list();

    test_scratch_pool = ngx_create_pool(4096, &ngx_stubs_log);

    test_stream();
    test_finished();
    test_scratch();
    test_refusals();

    ngx_destroy_pool(test_scratch_pool);

    test_writer();

    return test_done("reader");
}


static ngx_int_t
test_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    u_char           *p;
    test_state_t     *state;
    ngx_llm_event_t   ev;

    state = reader->state;
    state->frames++;

    /* memory of the frame only; the reset is seen by what is held */

    p = ngx_pnalloc(reader->scratch, 100);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    if (frame->data.data == NULL) {
        ev.type = NGX_LLM_EVENT_PING;

    } else if (ngx_llm_json_is(&frame->data, "start")) {
        ev.type = NGX_LLM_EVENT_START;

    } else if (ngx_llm_json_is(&frame->data, "done")) {
        reader->done = 1;
        ev.type = NGX_LLM_EVENT_DONE;

    } else if (ngx_llm_json_is(&frame->data, "error")) {
        reader->failed = 1;
        ev.type = NGX_LLM_EVENT_ERROR;

    } else {
        if (ngx_llm_json_is(&frame->data, "hidden")) {
            reader->hidden = 1;
        }

        ev.type = NGX_LLM_EVENT_TEXT;
        ev.text = frame->data;
    }

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
test_read_end(ngx_llm_reader_t *reader)
{
    test_state_t     *state;
    ngx_llm_event_t   ev;

    state = reader->state;
    state->ends++;

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_USAGE;

    return reader->handler(reader->data, &ev);
}


/* events become letters */

static ngx_int_t
test_event(void *data, ngx_llm_event_t *ev)
{
    test_sink_t *sink = data;

    size_t  len;

    static const char  letters[] = "STRGXFLZYANMUEPD";

    if (++sink->events == sink->refuse) {
        return NGX_ERROR;
    }

    len = strlen(sink->seen);

    if (ev->type == NGX_LLM_EVENT_TEXT) {
        sink->texts++;
        ngx_memcpy(sink->seen + len, ev->text.data, ev->text.len);
        len += ev->text.len;

    } else {
        sink->seen[len++] = letters[ev->type];
    }

    sink->seen[len++] = ' ';
    sink->seen[len] = '\0';

    return NGX_OK;
}


static ngx_int_t
test_feed(ngx_llm_reader_t *reader, const char *text, size_t size)
{
    size_t            at, len;
    u_char           *pos;
    ngx_int_t         rc;
    ngx_str_t         s;
    ngx_llm_frame_t   frame;

    len = strlen(text);
    rc = NGX_AGAIN;

    for (at = 0; at < len && rc == NGX_AGAIN; at += size) {

        s = test_copy(text + at, ngx_min(size, len - at));
        pos = s.data;

        do {
            rc = ngx_llm_reader_next(reader, &pos, s.data + s.len, &frame);
        } while (rc == NGX_OK);

        free(s.data);
    }

    return rc;
}


static void
test_list(void)
{
    ngx_str_t    name;
    ngx_uint_t   i;

    test_case = "list";

    for (i = 0; ngx_llm_dialects[i]; i++) {
        test_ok(ngx_llm_dialects[i]->name.len > 0);
        name = ngx_llm_dialects[i]->name;
        test_ok(ngx_llm_dialect_find(&name) == ngx_llm_dialects[i]);
    }

    test_ok(i >= 2);

    name = test_string("openai");
    test_ok(ngx_llm_dialect_find(&name) == &ngx_llm_openai);
    name = test_string("anthropic");
    test_ok(ngx_llm_dialect_find(&name) == &ngx_llm_anthropic);
    name = test_string("open");
    test_ok(ngx_llm_dialect_find(&name) == NULL);
    name = test_string("OpenAI");
    test_ok(ngx_llm_dialect_find(&name) == NULL);
    name = test_string("");
    test_ok(ngx_llm_dialect_find(&name) == NULL);
}


static void
test_stream(void)
{
    size_t              size;
    test_sink_t         sink;
    test_state_t       *state;
    ngx_llm_frame_t     frame;
    ngx_llm_reader_t    reader;

    for (size = 1; size < 40; size++) {

        test_case = "stream";
        test_reset();
        ngx_memzero(&sink, sizeof(sink));
        ngx_memset(&reader, 0xff, sizeof(reader));

        test_int(ngx_llm_reader_init(&reader, &test_dialect, test_pool,
                                     test_scratch_pool),
                 NGX_OK);
        test_ok(reader.dialect == &test_dialect && reader.state != NULL);
        test_ok(!reader.done && !reader.failed && !reader.splice);
        test_int(reader.usage.prompt, -1);
        test_int(reader.finish, NGX_LLM_FINISH_NONE);

        reader.handler = test_event;
        reader.data = &sink;

        test_int(test_feed(&reader, "data: start\n\ndata: a\n\n: c\n\n"
                           "data: hidden\n\n", size),
                 NGX_AGAIN);
        test_int(reader.hidden, 1);
        test_int(test_feed(&reader, "data: b\n\ndata: la", size), NGX_AGAIN);
        test_int(reader.hidden, 0);

        /* the last frame lacks its blank line */

        test_int(ngx_llm_reader_end(&reader, &frame), NGX_OK);
        test_str(frame.data, "la");
        test_str(test_string(sink.seen), "S a P hidden b la U ");

        state = reader.state;
        test_int(state->frames, 6);
        test_int(state->ends, 1);

        /* once only */

        test_int(ngx_llm_reader_end(&reader, &frame), NGX_DONE);
        test_int(state->ends, 1);
    }
}


/* nothing follows DONE and ERROR, whatever the provider sends */

static void
test_finished(void)
{
    test_sink_t         sink;
    test_state_t       *state;
    ngx_uint_t          i;
    ngx_llm_frame_t     frame;
    ngx_llm_reader_t    reader;

    static const char  *texts[] = {
        "data: start\n\ndata: done\n\ndata: x\n\ndata: done\n\ndata: y",
        "data: start\n\ndata: error\n\ndata: x\n\ndata: done\n\ndata: y"
    };

    for (i = 0; i < 2; i++) {

        test_case = texts[i];
        test_reset();
        ngx_memzero(&sink, sizeof(sink));

        test_int(ngx_llm_reader_init(&reader, &test_dialect, test_pool,
                                     test_scratch_pool),
                 NGX_OK);
        reader.handler = test_event;
        reader.data = &sink;

        test_int(test_feed(&reader, texts[i], 5), NGX_AGAIN);
        test_int(ngx_llm_reader_end(&reader, &frame), NGX_OK);
        test_str(frame.data, "y");
        test_str(test_string(sink.seen), i ? "S E " : "S D ");

        state = reader.state;
        test_int(state->frames, 2);
        test_int(state->ends, 0);
    }
}


/* what a frame took of the scratch pool is gone with the next */

static void
test_scratch(void)
{
    size_t              held;
    test_sink_t         sink;
    ngx_uint_t          i;
    ngx_llm_reader_t    reader;

    test_case = "scratch";
    test_reset();
    ngx_reset_pool(test_scratch_pool);

    test_int(ngx_llm_reader_init(&reader, &test_dialect, test_pool,
                                 test_scratch_pool),
             NGX_OK);
    reader.handler = test_event;
    reader.data = &sink;

    held = ngx_stubs_held;

    for (i = 0; i < 1000; i++) {
        ngx_memzero(&sink, sizeof(sink));
        test_int(test_feed(&reader, "data: a\n\ndata: b\n\n", 100),
                 NGX_AGAIN);
        test_int(ngx_stubs_held, held + 100);
    }
}


static void
test_refusals(void)
{
    u_char             *pos;
    ngx_str_t           s;
    test_sink_t         sink;
    ngx_llm_frame_t     frame;
    ngx_llm_reader_t    reader;

    test_case = "refusals";
    test_reset();

    ngx_stubs_fail = 1;
    test_int(ngx_llm_reader_init(&reader, &test_dialect, test_pool,
                                 test_scratch_pool),
             NGX_ERROR);
    test_int(ngx_stubs_fail, 0);

    test_int(ngx_llm_reader_init(&reader, &test_dialect, test_pool,
                                 test_scratch_pool),
             NGX_OK);
    reader.handler = test_event;
    reader.data = &sink;

    /* the handler's error is the reader's */

    ngx_memzero(&sink, sizeof(sink));
    sink.refuse = 2;
    test_int(test_feed(&reader, "data: a\n\ndata: b\n\ndata: c\n\n", 100),
             NGX_ERROR);
    test_str(test_string(sink.seen), "a ");

    ngx_memzero(&sink, sizeof(sink));
    sink.refuse = 1;
    test_int(ngx_llm_reader_end(&reader, &frame), NGX_ERROR);

    /* a frame that never ends */

    test_reset();
    test_int(ngx_llm_reader_init(&reader, &test_dialect, test_pool,
                                 test_scratch_pool),
             NGX_OK);

    s.len = NGX_LLM_MAX_EVENT + 1;
    s.data = malloc(s.len);

    if (test_ok(s.data != NULL)) {
        memset(s.data, 'x', s.len);

        pos = s.data;
        test_int(ngx_llm_reader_next(&reader, &pos,
                                     s.data + NGX_LLM_MAX_EVENT, &frame),
                 NGX_AGAIN);
        pos = s.data;
        test_int(ngx_llm_reader_next(&reader, &pos, s.data + 1, &frame),
                 NGX_ERROR);
    }

    free(s.data);
}


static void
test_writer(void)
{
    u_char             *state;
    ngx_str_t           id, text;
    ngx_uint_t          i, n;
    ngx_llm_chat_t      chat;
    ngx_llm_writer_t    w;

    test_case = "writer";
    test_reset();

    text = test_string("{}");
    id = test_string("chatcmpl-1");
    ngx_llm_chat_init(&chat, test_pool, &text);
    chat.model = test_string("gpt-4o");

    ngx_memset(&w, 0xff, sizeof(w));
    test_int(ngx_llm_writer_init(&w, &test_dialect, test_pool, &chat, &id,
                                 1700000000),
             NGX_OK);

    test_str(w.id, "chatcmpl-1");
    test_str(w.model, "gpt-4o");
    test_int(w.created, 1700000000);
    test_int(w.started, 0);
    test_ok(w.chat == &chat && w.dialect == &test_dialect);

    state = w.state;

    for (i = 0, n = 0; i < 32; i++) {
        n += state[i];
    }

    test_int(n, 0);

    test_int(ngx_llm_writer_init(&w, &test_dialect, test_pool, NULL, &id, 0),
             NGX_OK);
    test_str(w.model, NULL);

    ngx_stubs_fail = 1;
    test_int(ngx_llm_writer_init(&w, &test_dialect, test_pool, &chat, &id, 0),
             NGX_ERROR);
    test_int(ngx_stubs_fail, 0);
}
