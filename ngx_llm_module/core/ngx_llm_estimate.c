
/*
 * Copyright (C) the ngx_http_llm_module authors
 */


#include "ngx_llm_chat.h"


/*
 * Tokenizers split text into words, numbers, runs of signs and of blanks
 * first and those into pieces then; so does this, in thousandths of a token.
 * The numbers were fitted to OpenAI's o200k_base and cl100k_base with prose in
 * some forty languages, source code, JSON and logs.
 */

#define NGX_LLM_ESTIMATE_MESSAGE  4000
#define NGX_LLM_ESTIMATE_CHAT     3000
#define NGX_LLM_ESTIMATE_TOOL     8000
#define NGX_LLM_ESTIMATE_CALL     8000
#define NGX_LLM_ESTIMATE_IMAGE    800000

/* bytes of base64 a token, roughly: speech as mp3 or wav, pages of a PDF */
#define NGX_LLM_ESTIMATE_AUDIO    2048
#define NGX_LLM_ESTIMATE_FILE     64

/* words behind one with accents that are of its language */
#define NGX_LLM_ESTIMATE_FOREIGN  20

/* bytes looked at; more text is taken for the like */
#define NGX_LLM_ESTIMATE_BYTES    (1024 * 1024)


typedef enum {
    NGX_LLM_RUN_NONE = 0,
    NGX_LLM_RUN_LATIN,
    NGX_LLM_RUN_LETTER,         /* of other alphabets */
    NGX_LLM_RUN_CJK,
    NGX_LLM_RUN_DIGIT,
    NGX_LLM_RUN_SPACE,
    NGX_LLM_RUN_LINE,
    NGX_LLM_RUN_SIGN,
    NGX_LLM_RUN_SYMBOL          /* emoji and the like */
} ngx_llm_run_e;


typedef struct {
    ngx_llm_run_e   class;
    ngx_llm_run_e   before;     /* the run before */
    ngx_uint_t      n;          /* characters */
    ngx_uint_t      accents;    /* letters that are not ASCII, in LATIN */
    ngx_uint_t      foreign;    /* words yet to be taken for no English */
} ngx_llm_run_t;


typedef struct {
    int64_t     cost;           /* of the bytes looked at */
    uint64_t    seen;
    uint64_t    skipped;
} ngx_llm_estimate_t;


static void ngx_llm_estimate_message(ngx_llm_estimate_t *e,
    ngx_llm_message_t *message);
static void ngx_llm_estimate_text(ngx_llm_estimate_t *e, ngx_str_t *escaped);
static ngx_llm_run_e ngx_llm_estimate_class(uint32_t c);
static int64_t ngx_llm_estimate_run(ngx_llm_run_t *run, ngx_llm_run_e next);
static uint32_t ngx_llm_estimate_char(u_char **pos, u_char *last);


int64_t
ngx_llm_chat_estimate(ngx_llm_chat_t *chat)
{
    int64_t              fixed;
    ngx_llm_tool_t      *tool;
    ngx_llm_part_t      *part;
    ngx_llm_message_t   *message;
    ngx_llm_estimate_t   e;

    ngx_memzero(&e, sizeof(ngx_llm_estimate_t));

    fixed = NGX_LLM_ESTIMATE_CHAT;

    for (message = chat->messages; message; message = message->next) {

        fixed += NGX_LLM_ESTIMATE_MESSAGE;
        ngx_llm_estimate_message(&e, message);

        for (part = message->parts; part; part = part->next) {

            switch (part->type) {

            case NGX_LLM_PART_IMAGE:
                fixed += NGX_LLM_ESTIMATE_IMAGE;
                break;

            case NGX_LLM_PART_AUDIO:
                fixed += part->data.len * 1000 / NGX_LLM_ESTIMATE_AUDIO;
                break;

            case NGX_LLM_PART_FILE:
                fixed += part->data.len * 1000 / NGX_LLM_ESTIMATE_FILE;
                break;

            case NGX_LLM_PART_TOOL_CALL:
                fixed += NGX_LLM_ESTIMATE_CALL;
                break;

            default:
                break;
            }
        }
    }

    for (tool = chat->tools; tool; tool = tool->next) {
        fixed += NGX_LLM_ESTIMATE_TOOL;

        ngx_llm_estimate_text(&e, &tool->name);
        ngx_llm_estimate_text(&e, &tool->description);
        ngx_llm_estimate_text(&e, &tool->schema);
    }

    if (chat->format == NGX_LLM_FORMAT_SCHEMA) {
        ngx_llm_estimate_text(&e, &chat->schema);
    }

    if (e.skipped) {
        e.cost += (int64_t) (e.skipped / e.seen) * e.cost
                  + (int64_t) (e.skipped % e.seen) * (e.cost / 1000)
                    / (int64_t) (e.seen / 1000);
    }

    return (e.cost + fixed + 999) / 1000;
}


static void
ngx_llm_estimate_message(ngx_llm_estimate_t *e, ngx_llm_message_t *message)
{
    ngx_llm_part_t  *part;

    ngx_llm_estimate_text(e, &message->name);

    for (part = message->parts; part; part = part->next) {

        ngx_llm_estimate_text(e, &part->text);

        if (part->type == NGX_LLM_PART_TOOL_CALL) {
            ngx_llm_estimate_text(e, &part->name);
            ngx_llm_estimate_text(e, &part->arguments);
            ngx_llm_estimate_text(e, &part->input);
        }
    }
}


static void
ngx_llm_estimate_text(ngx_llm_estimate_t *e, ngx_str_t *escaped)
{
    u_char         *p, *last;
    size_t          len;
    uint32_t        c;
    ngx_llm_run_t   run;
    ngx_llm_run_e   class;

    len = ngx_min(escaped->len, NGX_LLM_ESTIMATE_BYTES - e->seen);

    e->seen += len;
    e->skipped += escaped->len - len;

    p = escaped->data;
    last = p + len;

    ngx_memzero(&run, sizeof(ngx_llm_run_t));

    while (p < last) {

        c = *p;

        if (c < 0x80 && c != '\\') {
            p++;

        } else {
            c = ngx_llm_estimate_char(&p, last);
        }

        class = ngx_llm_estimate_class(c);

        if (class != run.class) {
            e->cost += ngx_llm_estimate_run(&run, class);

            run.before = run.class;
            run.class = class;
            run.n = 0;
            run.accents = 0;
        }

        run.n++;
        run.accents += (c >= 0x80);
    }

    e->cost += ngx_llm_estimate_run(&run, NGX_LLM_RUN_NONE);
}


static uint32_t
ngx_llm_estimate_char(u_char **pos, u_char *last)
{
    u_char    *p;
    size_t     n;
    uint32_t   c;

    p = *pos;

    if (*p == '\\') {
        return ngx_llm_json_unescape(pos, last);
    }

    n = ngx_llm_utf8_char(p, last);

    switch (n) {

    case 2:
        c = ((p[0] & 0x1f) << 6) | (p[1] & 0x3f);
        break;

    case 3:
        c = ((p[0] & 0x0f) << 12) | ((p[1] & 0x3f) << 6) | (p[2] & 0x3f);
        break;

    case 4:
        c = ((p[0] & 0x07) << 18) | ((p[1] & 0x3f) << 12)
            | ((p[2] & 0x3f) << 6) | (p[3] & 0x3f);
        break;

    default:

        /* cut by the bound on bytes */

        n = 1;
        c = 0xfffd;
    }

    *pos = p + n;

    return c;
}


static ngx_llm_run_e
ngx_llm_estimate_class(uint32_t c)
{
    if (c < 0x80) {

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            return NGX_LLM_RUN_LATIN;
        }

        if (c >= '0' && c <= '9') {
            return NGX_LLM_RUN_DIGIT;
        }

        if (c == ' ' || c == '\t') {
            return NGX_LLM_RUN_SPACE;
        }

        if (c == '\n' || c == '\r') {
            return NGX_LLM_RUN_LINE;
        }

        return NGX_LLM_RUN_SIGN;
    }

    if (c < 0xc0) {
        return NGX_LLM_RUN_SIGN;
    }

    if (c < 0x250) {
        return NGX_LLM_RUN_LATIN;
    }

    if (c < 0x1e00) {
        return NGX_LLM_RUN_LETTER;
    }

    if (c < 0x2000) {
        return NGX_LLM_RUN_LATIN;
    }

    if (c < 0x2070) {
        return NGX_LLM_RUN_SIGN;
    }

    if (c < 0x2e80) {
        return NGX_LLM_RUN_SYMBOL;
    }

    if (c < 0xd7b0 || (c >= 0xf900 && c < 0xfb00)
        || (c >= 0xff00 && c < 0xfff0)
        || (c >= 0x20000 && c < 0x40000))
    {
        return NGX_LLM_RUN_CJK;
    }

    if (c >= 0xfb00 && c < 0xfefd) {
        return NGX_LLM_RUN_LETTER;
    }

    return NGX_LLM_RUN_SYMBOL;
}


static int64_t
ngx_llm_estimate_run(ngx_llm_run_t *run, ngx_llm_run_e next)
{
    int64_t  n, cost;

    n = run->n;

    switch (run->class) {

    case NGX_LLM_RUN_LATIN:

        /* what is common and short is one token, mostly in English */

        if (run->accents) {
            run->foreign = NGX_LLM_ESTIMATE_FOREIGN;
        }

        if (run->foreign == 0) {
            return (n <= 7) ? 1000 : 1000 + (n - 7) * 140;
        }

        run->foreign--;

        cost = (n <= 4) ? 1000 : 1000 + (n - 4) * 180;

        if (n > 4) {
            cost += 600 * ngx_min((int64_t) run->accents, n / 3);
        }

        return cost;

    case NGX_LLM_RUN_LETTER:
        return (n <= 3) ? 1000 : 1000 + (n - 3) * 350;

    case NGX_LLM_RUN_CJK:
        return n * 780;

    case NGX_LLM_RUN_DIGIT:
        return (n + 2) / 3 * 1000;

    case NGX_LLM_RUN_SPACE:

        /* one blank goes with what is behind it */

        return (n == 1) ? 0 : 1000;

    case NGX_LLM_RUN_LINE:

        /* and the end of a line with the sign before it */

        return (run->before == NGX_LLM_RUN_SIGN) ? 200 : 1000;

    case NGX_LLM_RUN_SIGN:

        /* the last sign, mostly, with the word behind it */

        if (next == NGX_LLM_RUN_LATIN) {
            return (n == 1) ? 300 : 1000 + (n - 2) * 250;
        }

        return 1000 + (n - 1) * 250;

    case NGX_LLM_RUN_SYMBOL:
        return n * 2000;

    default:
        return 0;
    }
}
