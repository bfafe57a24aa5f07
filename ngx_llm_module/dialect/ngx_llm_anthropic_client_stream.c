
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Streams for clients of Anthropic's Messages API.
 *
 * Blocks come one after another.  A tool's block is open until its
 * arguments are whole; what other APIs send in between waits in a list, in
 * order, and goes out when they are.  Whether they are the arguments tell
 * themselves: where calls are interleaved nobody else knows before the end.
 */


#include "ngx_llm_anthropic_client.h"


#define NGX_LLM_ANTHROPIC_MAX_HELD         (4 * 1024 * 1024)
#define NGX_LLM_ANTHROPIC_MAX_HELD_BLOCKS  256


typedef enum {
    NGX_LLM_ANTHROPIC_OPEN_NONE = 0,
    NGX_LLM_ANTHROPIC_OPEN_TEXT,
    NGX_LLM_ANTHROPIC_OPEN_THINKING,
    NGX_LLM_ANTHROPIC_OPEN_TOOL,
    NGX_LLM_ANTHROPIC_OPEN_SIGNATURE,       /* held only */
    NGX_LLM_ANTHROPIC_OPEN_REDACTED         /* held only */
} ngx_llm_anthropic_open_e;


/* arguments, followed piece by piece */

typedef struct {
    ngx_llm_json_end_t          end;
    unsigned                    custom:1;   /* a text, which may end anywhere */
    unsigned                    whole:1;
    unsigned                    broken:1;   /* no JSON object */
} ngx_llm_anthropic_args_t;


typedef struct ngx_llm_anthropic_held_s  ngx_llm_anthropic_held_t;

struct ngx_llm_anthropic_held_s {
    ngx_llm_anthropic_held_t   *next;
    ngx_llm_anthropic_open_e    kind;
    ngx_uint_t                  tool;
    size_t                      id;         /* in front of text: lengths */
    size_t                      name;
    ngx_llm_out_t               text;
    ngx_llm_anthropic_args_t    args;
    unsigned                    ended:1;
};


/*
 * The writer's state.  It grows by blocks that wait only: at most _MAX_HELD
 * bytes of text in a stream, and _MAX_HELD_BLOCKS at a time.
 */

typedef struct {
    ngx_llm_anthropic_open_e    open;
    ngx_uint_t                  tool;       /* the open one */
    ngx_llm_anthropic_args_t    args;
    ngx_uint_t                  next;       /* index of the next block */
    ngx_uint_t                  ntools;

    ngx_llm_anthropic_held_t   *held;
    ngx_llm_anthropic_held_t   *held_last;
    ngx_llm_anthropic_held_t   *free;
    ngx_uint_t                  nheld;      /* free ones included */
    size_t                      held_len;   /* of all that ever waited */

    ngx_llm_finish_e            finish;
    ngx_str_t                   stop_sequence;

    ngx_llm_usage_t             usage;

    unsigned                    started:1;
    unsigned                    ended:1;
    unsigned                    counted:1;  /* usage is set */
    unsigned                    refused:1;
} ngx_llm_anthropic_writer_t;


typedef u_char  ngx_llm_anthropic_writer_fits_t
    [sizeof(ngx_llm_anthropic_writer_t) <= NGX_LLM_ANTHROPIC_WRITER_SIZE
     ? 1 : -1];


static void ngx_llm_anthropic_start(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_anthropic_end(ngx_llm_writer_t *w, ngx_llm_out_t *out);
static void ngx_llm_anthropic_finish(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);

static void ngx_llm_anthropic_text(ngx_llm_writer_t *w,
    ngx_llm_anthropic_open_e kind, ngx_str_t *text, ngx_llm_out_t *out);
static void ngx_llm_anthropic_tool_start(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_anthropic_tool_args(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_anthropic_tool_end(ngx_llm_writer_t *w,
    ngx_llm_event_t *ev, ngx_llm_out_t *out);
static void ngx_llm_anthropic_follow(ngx_llm_anthropic_args_t *args,
    ngx_str_t *text);

static ngx_llm_anthropic_held_t *ngx_llm_anthropic_hold(ngx_llm_writer_t *w,
    ngx_llm_anthropic_open_e kind, ngx_llm_out_t *out);
static void ngx_llm_anthropic_hold_text(ngx_llm_writer_t *w,
    ngx_llm_anthropic_held_t *held, ngx_str_t *text, ngx_llm_out_t *out);
static ngx_llm_anthropic_held_t *ngx_llm_anthropic_held_tool(
    ngx_llm_anthropic_writer_t *s, ngx_uint_t tool);
static void ngx_llm_anthropic_flush(ngx_llm_writer_t *w, ngx_llm_out_t *out);
static void ngx_llm_anthropic_flush_tool(ngx_llm_writer_t *w,
    ngx_llm_anthropic_held_t *held, ngx_llm_out_t *out);

static void ngx_llm_anthropic_write_text(ngx_llm_writer_t *w,
    ngx_llm_anthropic_open_e kind, ngx_str_t *text, ngx_llm_out_t *out);
static void ngx_llm_anthropic_write_tool(ngx_llm_writer_t *w,
    ngx_str_t *id, ngx_str_t *name, ngx_uint_t custom, ngx_llm_out_t *out);
static void ngx_llm_anthropic_write_args(ngx_llm_anthropic_writer_t *s,
    ngx_str_t *text, ngx_llm_out_t *out);
static void ngx_llm_anthropic_open(ngx_llm_anthropic_writer_t *s,
    ngx_llm_anthropic_open_e kind, ngx_llm_out_t *out);
static void ngx_llm_anthropic_delta(ngx_llm_anthropic_writer_t *s,
    ngx_llm_out_t *out);
static void ngx_llm_anthropic_close(ngx_llm_anthropic_writer_t *s,
    ngx_llm_out_t *out);


void
ngx_llm_anthropic_write_event(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    int64_t                      prompt;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    if (s->ended) {
        return;
    }

    switch (ev->type) {

    case NGX_LLM_EVENT_USAGE:
        prompt = s->usage.prompt;
        s->usage = *ev->usage;

        if (s->usage.prompt < 0 && s->started) {
            s->usage.prompt = prompt;
        }

        s->counted = 1;
        return;

    case NGX_LLM_EVENT_ANNOTATION:
    case NGX_LLM_EVENT_LOGPROBS:
        return;

    case NGX_LLM_EVENT_ERROR:
        s->ended = 1;
        ngx_llm_anthropic_write_stream_error(ev->error, out);
        return;

    case NGX_LLM_EVENT_PING:

        if (!w->started) {

            /* no event may come before message_start, a comment may */

            ngx_llm_out_lit(out, ": ping\n\n");
            return;
        }

        ngx_llm_out_lit(out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
        return;

    default:
        break;
    }

    /* this API has one answer to a request */

    if (ev->choice != 0) {
        return;
    }

    if (!s->started) {
        ngx_llm_anthropic_start(w, ev, out);
    }

    switch (ev->type) {

    case NGX_LLM_EVENT_REFUSAL:
        s->refused |= (ev->text.len != 0);

        /* fall through */

    case NGX_LLM_EVENT_TEXT:
        ngx_llm_anthropic_text(w, NGX_LLM_ANTHROPIC_OPEN_TEXT, &ev->text, out);
        break;

    case NGX_LLM_EVENT_REASONING:
        ngx_llm_anthropic_text(w, NGX_LLM_ANTHROPIC_OPEN_THINKING, &ev->text,
                               out);
        break;

    case NGX_LLM_EVENT_SIGNATURE:
        ngx_llm_anthropic_text(w, NGX_LLM_ANTHROPIC_OPEN_SIGNATURE, &ev->text,
                               out);
        break;

    case NGX_LLM_EVENT_REDACTED:
        ngx_llm_anthropic_text(w, NGX_LLM_ANTHROPIC_OPEN_REDACTED, &ev->text,
                               out);
        break;

    case NGX_LLM_EVENT_TOOL_START:
        ngx_llm_anthropic_tool_start(w, ev, out);
        break;

    case NGX_LLM_EVENT_TOOL_ARGS:
        ngx_llm_anthropic_tool_args(w, ev, out);
        break;

    case NGX_LLM_EVENT_TOOL_END:
        ngx_llm_anthropic_tool_end(w, ev, out);
        break;

    case NGX_LLM_EVENT_FINISH:
        ngx_llm_anthropic_finish(w, ev, out);
        break;

    case NGX_LLM_EVENT_DONE:
        ngx_llm_anthropic_end(w, out);
        break;

    default: /* NGX_LLM_EVENT_START */
        break;
    }
}


static void
ngx_llm_anthropic_start(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_str_t                    none;
    ngx_llm_usage_t              usage;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    s->started = 1;
    w->started = 1;

    if (!s->counted) {
        ngx_llm_usage_init(&s->usage);
    }

    if (s->usage.prompt < 0 && w->chat) {

        /* clients measure by it how full the context is */

        s->usage.prompt = ngx_llm_chat_estimate(w->chat);
    }

    /* nothing is written yet, whoever knows already what will be */

    usage = s->usage;
    usage.completion = ngx_min(usage.completion, 1);

    ngx_str_null(&none);

    ngx_llm_out_lit(out, "event: message_start\n"
                         "data: {\"type\":\"message_start\",\"message\":");

    if (ev->type == NGX_LLM_EVENT_START) {
        ngx_llm_anthropic_write_head(w, &ev->id, &ev->model, out);

    } else {
        ngx_llm_anthropic_write_head(w, &none, &none, out);
    }

    ngx_llm_out_lit(out, "],\"stop_reason\":null,\"stop_sequence\":null,"
                         "\"stop_details\":null,\"container\":null,"
                         "\"usage\":{");
    ngx_llm_anthropic_write_counts(&usage, out);
    ngx_llm_out_lit(out, ",\"server_tool_use\":null,\"service_tier\":null,"
                         "\"inference_geo\":null}}}\n\n");
}


/* once: the reason and the usage, which may have come after the finish */

static void
ngx_llm_anthropic_end(ngx_llm_writer_t *w, ngx_llm_out_t *out)
{
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    ngx_llm_anthropic_finish(w, NULL, out);

    s->ended = 1;

    ngx_llm_out_lit(out, "event: message_delta\n"
                         "data: {\"type\":\"message_delta\",\"delta\":{");
    ngx_llm_anthropic_write_stop(s->finish, &s->stop_sequence, s->ntools,
                                 s->refused, out);
    ngx_llm_out_lit(out, ",\"container\":null},\"usage\":{");
    ngx_llm_anthropic_write_counts(&s->usage, out);
    ngx_llm_anthropic_write_thinking_count(&s->usage, out);
    ngx_llm_price_write(&s->usage, out);
    ngx_llm_out_lit(out, ",\"server_tool_use\":null}}\n\n"
                         "event: message_stop\n"
                         "data: {\"type\":\"message_stop\"}\n\n");
}


/* all blocks that are open or wait are whole now */

static void
ngx_llm_anthropic_finish(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_llm_anthropic_held_t    *held;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    for (held = s->held; held; held = held->next) {
        held->ended = 1;
    }

    ngx_llm_anthropic_close(s, out);
    ngx_llm_anthropic_flush(w, out);
    ngx_llm_anthropic_close(s, out);

    if (ev == NULL || ev->finish == NGX_LLM_FINISH_NONE
        || s->finish != NGX_LLM_FINISH_NONE)
    {
        return;
    }

    s->finish = ev->finish;

    if (ev->stop_sequence.data == NULL) {
        return;
    }

    s->stop_sequence.data = ngx_pstrdup(w->pool, &ev->stop_sequence);
    if (s->stop_sequence.data == NULL) {
        out->failed = 1;
        return;
    }

    s->stop_sequence.len = ev->stop_sequence.len;
}


static void
ngx_llm_anthropic_text(ngx_llm_writer_t *w, ngx_llm_anthropic_open_e kind,
    ngx_str_t *text, ngx_llm_out_t *out)
{
    ngx_llm_anthropic_held_t    *held;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    if (text->len == 0) {
        return;
    }

    if (s->open != NGX_LLM_ANTHROPIC_OPEN_TOOL) {
        ngx_llm_anthropic_write_text(w, kind, text, out);
        return;
    }

    held = s->held_last;

    if (held == NULL || held->kind != kind
        || kind == NGX_LLM_ANTHROPIC_OPEN_SIGNATURE
        || kind == NGX_LLM_ANTHROPIC_OPEN_REDACTED)
    {
        held = ngx_llm_anthropic_hold(w, kind, out);
        if (held == NULL) {
            return;
        }
    }

    ngx_llm_anthropic_hold_text(w, held, text, out);
}


static void
ngx_llm_anthropic_tool_start(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_llm_anthropic_held_t    *held;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    if (s->open != NGX_LLM_ANTHROPIC_OPEN_TOOL) {
        s->tool = ev->tool;
        ngx_llm_anthropic_write_tool(w, &ev->id, &ev->name, ev->custom, out);
        return;
    }

    if (s->tool == ev->tool || ngx_llm_anthropic_held_tool(s, ev->tool)) {
        return;
    }

    held = ngx_llm_anthropic_hold(w, NGX_LLM_ANTHROPIC_OPEN_TOOL, out);
    if (held == NULL) {
        return;
    }

    held->tool = ev->tool;
    held->args.custom = ev->custom;
    held->id = ev->id.len;
    held->name = ev->name.len;

    ngx_llm_anthropic_hold_text(w, held, &ev->id, out);
    ngx_llm_anthropic_hold_text(w, held, &ev->name, out);
}


static void
ngx_llm_anthropic_tool_args(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_llm_anthropic_held_t    *held;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    if (s->open != NGX_LLM_ANTHROPIC_OPEN_TOOL) {
        return;
    }

    if (s->tool == ev->tool) {
        ngx_llm_anthropic_write_args(s, &ev->text, out);
        ngx_llm_anthropic_follow(&s->args, &ev->text);

        if (s->args.whole) {
            ngx_llm_anthropic_close(s, out);
            ngx_llm_anthropic_flush(w, out);
        }

        return;
    }

    held = ngx_llm_anthropic_held_tool(s, ev->tool);

    if (held) {
        ngx_llm_anthropic_hold_text(w, held, &ev->text, out);
        ngx_llm_anthropic_follow(&held->args, &ev->text);
        held->ended = held->args.whole;
    }
}


/*
 * A reader may take a call for ended because the next one has begun; pieces
 * of both may follow.
 */

static void
ngx_llm_anthropic_tool_end(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out)
{
    ngx_llm_anthropic_held_t    *held;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    if (s->open != NGX_LLM_ANTHROPIC_OPEN_TOOL) {
        return;
    }

    if (s->tool == ev->tool) {

        if (s->args.custom || s->args.broken) {
            ngx_llm_anthropic_close(s, out);
            ngx_llm_anthropic_flush(w, out);
        }

        return;
    }

    held = ngx_llm_anthropic_held_tool(s, ev->tool);

    if (held && (held->args.custom || held->args.broken)) {
        held->ended = 1;
    }
}


static void
ngx_llm_anthropic_follow(ngx_llm_anthropic_args_t *args, ngx_str_t *text)
{
    u_char     *p, *pos, *last, *run;
    u_char      ch;
    uint32_t    c;
    ngx_int_t   rc;

    if (args->custom) {
        return;
    }

    p = text->data;
    last = p + text->len;

    while (p < last && !args->whole && !args->broken) {

        if (*p == '\\') {
            p = ngx_llm_anthropic_char(p, last, &c);

            ch = (c < 0x80) ? (u_char) c : 'x';
            pos = &ch;

            rc = ngx_llm_json_end_next(&args->end, &pos, &ch + 1);

        } else {
            run = ngx_strlchr(p, last, '\\');

            rc = ngx_llm_json_end_next(&args->end, &p, run ? run : last);
        }

        if (rc == NGX_OK) {
            args->whole = 1;

        } else if (rc == NGX_ERROR) {
            args->broken = 1;
        }
    }
}


static ngx_llm_anthropic_held_t *
ngx_llm_anthropic_hold(ngx_llm_writer_t *w, ngx_llm_anthropic_open_e kind,
    ngx_llm_out_t *out)
{
    ngx_llm_anthropic_held_t    *held;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    held = s->free;

    if (held) {
        s->free = held->next;

    } else {

        if (s->nheld == NGX_LLM_ANTHROPIC_MAX_HELD_BLOCKS) {
            out->failed = 1;
            return NULL;
        }

        held = ngx_pcalloc(w->pool, sizeof(ngx_llm_anthropic_held_t));
        if (held == NULL) {
            out->failed = 1;
            return NULL;
        }

        ngx_llm_out_init(&held->text, w->pool, NULL, 0,
                         NGX_LLM_ANTHROPIC_MAX_HELD);

        if (ngx_llm_out_reserve(&held->text, 1) != NGX_OK) {
            out->failed = 1;
            return NULL;
        }

        s->nheld++;
    }

    held->next = NULL;
    held->kind = kind;
    held->id = 0;
    held->name = 0;
    held->ended = 0;

    ngx_memzero(&held->args, sizeof(ngx_llm_anthropic_args_t));
    ngx_llm_json_end_init(&held->args.end);

    if (s->held) {
        s->held_last->next = held;

    } else {
        s->held = held;
    }

    s->held_last = held;

    return held;
}


static void
ngx_llm_anthropic_hold_text(ngx_llm_writer_t *w,
    ngx_llm_anthropic_held_t *held, ngx_str_t *text, ngx_llm_out_t *out)
{
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    if (text->len > NGX_LLM_ANTHROPIC_MAX_HELD - s->held_len) {
        out->failed = 1;
        return;
    }

    ngx_llm_out_str(&held->text, text);

    if (held->text.failed) {
        out->failed = 1;
        return;
    }

    s->held_len += text->len;
}


static ngx_llm_anthropic_held_t *
ngx_llm_anthropic_held_tool(ngx_llm_anthropic_writer_t *s, ngx_uint_t tool)
{
    ngx_llm_anthropic_held_t  *held;

    for (held = s->held; held; held = held->next) {

        if (held->kind == NGX_LLM_ANTHROPIC_OPEN_TOOL && held->tool == tool
            && !held->ended)
        {
            return held;
        }
    }

    return NULL;
}


/* up to a tool that is not whole yet: its block stays open */

static void
ngx_llm_anthropic_flush(ngx_llm_writer_t *w, ngx_llm_out_t *out)
{
    ngx_str_t                    text;
    ngx_llm_anthropic_held_t    *held;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    while (s->held && s->open != NGX_LLM_ANTHROPIC_OPEN_TOOL) {

        held = s->held;

        s->held = held->next;

        if (s->held == NULL) {
            s->held_last = NULL;
        }

        if (held->kind == NGX_LLM_ANTHROPIC_OPEN_TOOL) {
            ngx_llm_anthropic_flush_tool(w, held, out);

        } else {
            text.len = ngx_llm_out_len(&held->text);
            text.data = held->text.start;

            ngx_llm_anthropic_write_text(w, held->kind, &text, out);
        }

        held->text.last = held->text.start;

        held->next = s->free;
        s->free = held;
    }
}


static void
ngx_llm_anthropic_flush_tool(ngx_llm_writer_t *w,
    ngx_llm_anthropic_held_t *held, ngx_llm_out_t *out)
{
    ngx_str_t                    id, name, args;
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    id.len = held->id;
    id.data = held->text.start;

    name.len = held->name;
    name.data = id.data + id.len;

    args.len = ngx_llm_out_len(&held->text) - id.len - name.len;
    args.data = name.data + name.len;

    s->tool = held->tool;

    ngx_llm_anthropic_write_tool(w, &id, &name, held->args.custom, out);
    ngx_llm_anthropic_write_args(s, &args, out);

    s->args = held->args;

    if (held->ended) {
        ngx_llm_anthropic_close(s, out);
    }
}


static void
ngx_llm_anthropic_write_text(ngx_llm_writer_t *w,
    ngx_llm_anthropic_open_e kind, ngx_str_t *text, ngx_llm_out_t *out)
{
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    switch (kind) {

    case NGX_LLM_ANTHROPIC_OPEN_REDACTED:
        ngx_llm_anthropic_open(s, kind, out);
        ngx_llm_out_lit(out, "{\"type\":\"redacted_thinking\",\"data\":");
        ngx_llm_out_quoted(out, text);
        ngx_llm_out_lit(out, "}}\n\n");
        ngx_llm_anthropic_close(s, out);
        return;

    case NGX_LLM_ANTHROPIC_OPEN_SIGNATURE:
    case NGX_LLM_ANTHROPIC_OPEN_THINKING:

        if (s->open != NGX_LLM_ANTHROPIC_OPEN_THINKING) {
            ngx_llm_anthropic_open(s, NGX_LLM_ANTHROPIC_OPEN_THINKING, out);
            ngx_llm_out_lit(out, "{\"type\":\"thinking\",\"thinking\":\"\","
                                 "\"signature\":\"\"}}\n\n");
        }

        break;

    default: /* NGX_LLM_ANTHROPIC_OPEN_TEXT */

        if (s->open != NGX_LLM_ANTHROPIC_OPEN_TEXT) {
            ngx_llm_anthropic_open(s, NGX_LLM_ANTHROPIC_OPEN_TEXT, out);
            ngx_llm_out_lit(out, "{\"type\":\"text\",\"text\":\"\","
                                 "\"citations\":null}}\n\n");
        }
    }

    ngx_llm_anthropic_delta(s, out);

    switch (kind) {

    case NGX_LLM_ANTHROPIC_OPEN_SIGNATURE:
        ngx_llm_out_lit(out, "{\"type\":\"signature_delta\",\"signature\":");
        break;

    case NGX_LLM_ANTHROPIC_OPEN_THINKING:
        ngx_llm_out_lit(out, "{\"type\":\"thinking_delta\",\"thinking\":");
        break;

    default: /* NGX_LLM_ANTHROPIC_OPEN_TEXT */
        ngx_llm_out_lit(out, "{\"type\":\"text_delta\",\"text\":");
    }

    ngx_llm_out_quoted(out, text);
    ngx_llm_out_lit(out, "}}\n\n");

    if (kind == NGX_LLM_ANTHROPIC_OPEN_SIGNATURE) {

        /* a block has one, at its end */

        ngx_llm_anthropic_close(s, out);
    }
}


static void
ngx_llm_anthropic_write_tool(ngx_llm_writer_t *w, ngx_str_t *id,
    ngx_str_t *name, ngx_uint_t custom, ngx_llm_out_t *out)
{
    ngx_llm_anthropic_writer_t  *s;

    s = w->state;

    ngx_llm_anthropic_open(s, NGX_LLM_ANTHROPIC_OPEN_TOOL, out);

    ngx_memzero(&s->args, sizeof(ngx_llm_anthropic_args_t));
    ngx_llm_json_end_init(&s->args.end);
    s->args.custom = custom ? 1 : 0;

    ngx_llm_out_lit(out, "{\"type\":\"tool_use\",\"id\":");
    ngx_llm_anthropic_write_tool_id(w, id, s->next - 1, out);
    ngx_llm_out_lit(out, ",\"name\":");
    ngx_llm_out_quoted(out, name);
    ngx_llm_out_lit(out, ",\"input\":{},"
                         "\"caller\":{\"type\":\"direct\"}}}\n\n");

    s->ntools++;

    if (s->args.custom) {
        ngx_llm_anthropic_delta(s, out);
        ngx_llm_out_lit(out, "{\"type\":\"input_json_delta\","
                             "\"partial_json\":\"{\\\"input\\\":\\\"\"}}\n\n");
    }
}


static void
ngx_llm_anthropic_write_args(ngx_llm_anthropic_writer_t *s, ngx_str_t *text,
    ngx_llm_out_t *out)
{
    if (text->len == 0) {
        return;
    }

    ngx_llm_anthropic_delta(s, out);
    ngx_llm_out_lit(out, "{\"type\":\"input_json_delta\",\"partial_json\":\"");

    if (s->args.custom) {
        ngx_llm_out_escape_raw(out, text);

    } else {
        ngx_llm_out_str(out, text);
    }

    ngx_llm_out_lit(out, "\"}}\n\n");
}


/* the event up to the block itself */

static void
ngx_llm_anthropic_open(ngx_llm_anthropic_writer_t *s,
    ngx_llm_anthropic_open_e kind, ngx_llm_out_t *out)
{
    ngx_llm_anthropic_close(s, out);

    ngx_llm_out_lit(out, "event: content_block_start\n"
                         "data: {\"type\":\"content_block_start\",\"index\":");
    ngx_llm_out_int(out, s->next);
    ngx_llm_out_lit(out, ",\"content_block\":");

    s->open = kind;
    s->next++;
}


/* the event up to the delta itself */

static void
ngx_llm_anthropic_delta(ngx_llm_anthropic_writer_t *s, ngx_llm_out_t *out)
{
    ngx_llm_out_lit(out, "event: content_block_delta\n"
                         "data: {\"type\":\"content_block_delta\",\"index\":");
    ngx_llm_out_int(out, s->next - 1);
    ngx_llm_out_lit(out, ",\"delta\":");
}


static void
ngx_llm_anthropic_close(ngx_llm_anthropic_writer_t *s, ngx_llm_out_t *out)
{
    if (s->open == NGX_LLM_ANTHROPIC_OPEN_NONE) {
        return;
    }

    if (s->open == NGX_LLM_ANTHROPIC_OPEN_TOOL && s->args.custom) {
        ngx_llm_anthropic_delta(s, out);
        ngx_llm_out_lit(out, "{\"type\":\"input_json_delta\","
                             "\"partial_json\":\"\\\"}\"}}\n\n");
    }

    ngx_llm_out_lit(out, "event: content_block_stop\n"
                         "data: {\"type\":\"content_block_stop\",\"index\":");
    ngx_llm_out_int(out, s->next - 1);
    ngx_llm_out_lit(out, "}\n\n");

    s->open = NGX_LLM_ANTHROPIC_OPEN_NONE;
}
