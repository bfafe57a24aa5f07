
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Writes a line of the usage log.
 */


#include "ngx_llm_scan.h"
#include "ngx_llm_usage_member.h"


/* numbers and flags stand last: what strings leave to them */
#define NGX_LLM_USAGE_NUMBERS  512


static void ngx_llm_usage_member_write(ngx_llm_out_t *out,
    const ngx_llm_usage_member_t *member, ngx_llm_usage_record_t *rec);
static ngx_uint_t ngx_llm_usage_present(const ngx_llm_usage_member_t *member,
    ngx_llm_usage_record_t *rec);
static void ngx_llm_usage_name_write(ngx_llm_out_t *out, ngx_str_t *name);
static void ngx_llm_usage_text(ngx_llm_out_t *out, ngx_str_t *text);
static void ngx_llm_usage_pairs(ngx_llm_out_t *out,
    ngx_llm_usage_pair_t *pair, ngx_uint_t n);
static void ngx_llm_usage_counter(ngx_llm_out_t *out, ngx_llm_name_t *name);
static void ngx_llm_usage_fixed(ngx_llm_out_t *out, int64_t n,
    ngx_uint_t digits);


#define ngx_llm_usage_text_member(name, field)                               \
    { ngx_string(name), NGX_LLM_USAGE_TEXT,                                  \
      offsetof(ngx_llm_usage_record_t, field), 0 }

#define ngx_llm_usage_count_member(name, field)                              \
    { ngx_string(name), NGX_LLM_USAGE_COUNT,                                 \
      offsetof(ngx_llm_usage_record_t, field), 0 }

#define ngx_llm_usage_pairs_member(name, n, field)                           \
    { ngx_string(name), NGX_LLM_USAGE_OBJECT,                                \
      offsetof(ngx_llm_usage_record_t, n),                                   \
      offsetof(ngx_llm_usage_record_t, field) }


/* what a replay needs comes first: if room is short, the rest is left out */

const ngx_llm_usage_member_t  ngx_llm_usage_members[] = {

    { ngx_string("time"), NGX_LLM_USAGE_SECONDS,
      offsetof(ngx_llm_usage_record_t, time), 0 },

    { ngx_string("seq"), NGX_LLM_USAGE_NAME,
      offsetof(ngx_llm_usage_record_t, seq), 0 },

    ngx_llm_usage_text_member("id", id),
    ngx_llm_usage_text_member("key", key),
    ngx_llm_usage_text_member("team", team),
    ngx_llm_usage_text_member("user", user),
    ngx_llm_usage_text_member("model", model),
    ngx_llm_usage_text_member("provider", provider),
    ngx_llm_usage_text_member("upstream_model", upstream_model),
    ngx_llm_usage_text_member("request_model", request_model),
    ngx_llm_usage_pairs_member("per", nper, per),
    ngx_llm_usage_text_member("finish_reason", finish_reason),
    ngx_llm_usage_text_member("error", error),
    ngx_llm_usage_text_member("client", client),
    ngx_llm_usage_text_member("action", action),
    ngx_llm_usage_text_member("limit", limit),

    { ngx_string("counter"), NGX_LLM_USAGE_COUNTER,
      offsetof(ngx_llm_usage_record_t, counter), 0 },

    { ngx_string("amount"), NGX_LLM_USAGE_AMOUNT,
      offsetof(ngx_llm_usage_record_t, amount), 0 },

    ngx_llm_usage_pairs_member("tags", ntags, tags),

    ngx_llm_usage_count_member("status", status),

    { ngx_string("stream"), NGX_LLM_USAGE_STREAM, 0, 0 },

    ngx_llm_usage_count_member("attempts", attempts),
    ngx_llm_usage_count_member("prompt_tokens", prompt),
    ngx_llm_usage_count_member("completion_tokens", completion),
    ngx_llm_usage_count_member("cached_tokens", cached),
    ngx_llm_usage_count_member("cache_write_tokens", cache_write),
    ngx_llm_usage_count_member("reasoning_tokens", reasoning),

    { ngx_string("cost"), NGX_LLM_USAGE_DOLLARS,
      offsetof(ngx_llm_usage_record_t, cost), 0 },

    { ngx_string("estimated"), NGX_LLM_USAGE_ESTIMATED, 0, 0 },
    { ngx_string("charged"), NGX_LLM_USAGE_CHARGED, 0, 0 },

    { ngx_string("ttft"), NGX_LLM_USAGE_SECONDS,
      offsetof(ngx_llm_usage_record_t, ttft), 0 },

    { ngx_string("duration"), NGX_LLM_USAGE_SECONDS,
      offsetof(ngx_llm_usage_record_t, duration), 0 },

    { ngx_null_string, NGX_LLM_USAGE_TEXT, 0, 0 }
};


void
ngx_llm_usage_record_init(ngx_llm_usage_record_t *rec)
{
    /*
     * not the pairs: they are many, and their numbers say how many are set
     */

    ngx_memzero(rec, offsetof(ngx_llm_usage_record_t, status));

    rec->time = 0;
    rec->status = 0;
    rec->attempts = -1;
    rec->prompt = -1;
    rec->completion = -1;
    rec->cached = -1;
    rec->cache_write = -1;
    rec->reasoning = -1;
    rec->cost = -1;
    rec->ttft = -1;
    rec->duration = -1;
    rec->ntags = 0;
    rec->nper = 0;
    rec->money = 0;
    rec->stream = 0;
    rec->estimated = 0;
    rec->uncharged = 0;
}


void
ngx_llm_usage_line_write(ngx_llm_usage_record_t *rec, u_char *buf,
    ngx_str_t *line)
{
    u_char                        *mark;
    ngx_llm_out_t                  out;
    const ngx_llm_usage_member_t  *member;

    ngx_llm_out_init(&out, NULL, buf, NGX_LLM_LEDGER_LINE,
                     NGX_LLM_LEDGER_LINE);

    out.end -= NGX_LLM_USAGE_NUMBERS;

    for (member = ngx_llm_usage_members; member->name.len; member++) {

        if (!ngx_llm_usage_present(member, rec)) {
            continue;
        }

        if (member->type == NGX_LLM_USAGE_COUNT) {
            out.end = buf + NGX_LLM_LEDGER_LINE;
        }

        mark = out.last;

        ngx_llm_out_char(&out, (out.last == buf) ? '{' : ',');
        ngx_llm_usage_name_write(&out, (ngx_str_t *) &member->name);
        ngx_llm_usage_member_write(&out, member, rec);

        if (out.failed) {
            out.failed = 0;
            out.last = mark;
        }
    }

    ngx_llm_out_lit(&out, "}\n");

    line->data = buf;
    line->len = ngx_llm_out_len(&out);
}


static ngx_uint_t
ngx_llm_usage_present(const ngx_llm_usage_member_t *member,
    ngx_llm_usage_record_t *rec)
{
    u_char  *p;

    p = (u_char *) rec + member->offset;

    switch (member->type) {

    case NGX_LLM_USAGE_TEXT:
        return ((ngx_str_t *) p)->data != NULL;

    case NGX_LLM_USAGE_COUNT:
    case NGX_LLM_USAGE_SECONDS:
    case NGX_LLM_USAGE_DOLLARS:
        return *(int64_t *) p >= 0;

    case NGX_LLM_USAGE_NAME:
        return ((ngx_llm_seq_t *) p)->boot != 0;

    case NGX_LLM_USAGE_OBJECT:
        return *(ngx_uint_t *) p != 0;

    case NGX_LLM_USAGE_COUNTER:
    case NGX_LLM_USAGE_AMOUNT:
        return rec->action.data != NULL;

    case NGX_LLM_USAGE_STREAM:
        return rec->stream;

    case NGX_LLM_USAGE_ESTIMATED:
        return rec->estimated;

    case NGX_LLM_USAGE_CHARGED:
        return rec->uncharged;
    }

    return 0;
}


static void
ngx_llm_usage_member_write(ngx_llm_out_t *out,
    const ngx_llm_usage_member_t *member, ngx_llm_usage_record_t *rec)
{
    u_char     *p;
    ngx_str_t   text;
    u_char      buf[NGX_LLM_USAGE_SEQ];

    p = (u_char *) rec + member->offset;

    switch (member->type) {

    case NGX_LLM_USAGE_TEXT:
        ngx_llm_usage_text(out, (ngx_str_t *) p);
        return;

    case NGX_LLM_USAGE_COUNT:
        ngx_llm_out_int(out, *(int64_t *) p);
        return;

    case NGX_LLM_USAGE_SECONDS:
        ngx_llm_usage_fixed(out, *(int64_t *) p, NGX_LLM_USAGE_MS);
        return;

    case NGX_LLM_USAGE_DOLLARS:
        ngx_llm_usage_fixed(out, *(int64_t *) p, NGX_LLM_USAGE_NANO);
        return;

    case NGX_LLM_USAGE_NAME:

        /* the text has the member's name, too */

        ngx_llm_usage_seq((ngx_llm_seq_t *) p, buf, &text);
        ngx_llm_out_data(out, text.data + sizeof("\"seq\":") - 1,
                         text.len - (sizeof("\"seq\":") - 1));
        return;

    case NGX_LLM_USAGE_OBJECT:
        ngx_llm_usage_pairs(out,
                  (ngx_llm_usage_pair_t *) ((u_char *) rec + member->pairs),
                  *(ngx_uint_t *) p);
        return;

    case NGX_LLM_USAGE_COUNTER:
        ngx_llm_usage_counter(out, (ngx_llm_name_t *) p);
        return;

    case NGX_LLM_USAGE_AMOUNT:

        if (rec->money) {
            ngx_llm_usage_fixed(out, *(int64_t *) p, NGX_LLM_USAGE_NANO);

        } else {
            ngx_llm_out_int(out, *(int64_t *) p);
        }

        return;

    case NGX_LLM_USAGE_STREAM:
    case NGX_LLM_USAGE_ESTIMATED:
        ngx_llm_out_lit(out, "true");
        return;

    case NGX_LLM_USAGE_CHARGED:
        ngx_llm_out_lit(out, "false");
        return;
    }
}


static void
ngx_llm_usage_name_write(ngx_llm_out_t *out, ngx_str_t *name)
{
    ngx_llm_out_quoted(out, name);
    ngx_llm_out_char(out, ':');
}


/* as a JSON string of a bounded length, escapes and all */

static void
ngx_llm_usage_text(ngx_llm_out_t *out, ngx_str_t *text)
{
    size_t      n, left;
    u_char     *mark, *start;
    ngx_str_t   s;

    ngx_llm_out_char(out, '"');

    mark = out->last;

    s.data = text->data;
    s.len = ngx_llm_utf8_cut(text, NGX_LLM_USAGE_VALUE);

    ngx_llm_out_escape(out, &s);

    if (out->failed || (size_t) (out->last - mark) <= NGX_LLM_USAGE_VALUE) {
        ngx_llm_out_char(out, '"');
        return;
    }

    /* its escapes are what is too long */

    out->last = mark;
    left = s.len;

    while (left) {
        n = ngx_llm_utf8_char(s.data, s.data + left);

        s.len = n ? n : 1;
        start = out->last;

        ngx_llm_out_escape(out, &s);

        if (out->last - mark > NGX_LLM_USAGE_VALUE) {
            out->last = start;
            break;
        }

        s.data += s.len;
        left -= s.len;
    }

    ngx_llm_out_char(out, '"');
}


static void
ngx_llm_usage_pairs(ngx_llm_out_t *out, ngx_llm_usage_pair_t *pair,
    ngx_uint_t n)
{
    u_char      *mark;
    ngx_uint_t   i;

    /* the brace that closes it has its place */

    out->end--;

    ngx_llm_out_char(out, '{');

    for (i = 0; i < n && !out->failed; i++) {
        mark = out->last;

        if (i) {
            ngx_llm_out_char(out, ',');
        }

        ngx_llm_usage_text(out, &pair[i].name);
        ngx_llm_out_char(out, ':');
        ngx_llm_usage_text(out, &pair[i].value);

        if (out->failed && i) {
            out->failed = 0;
            out->last = mark;
            break;
        }
    }

    out->end++;

    ngx_llm_out_char(out, '}');
}


static void
ngx_llm_usage_counter(ngx_llm_out_t *out, ngx_llm_name_t *name)
{
    u_char  *p, buf[NGX_LLM_USAGE_HEX];

    p = ngx_sprintf(buf, "%016xL%016xL", name->id[0], name->id[1]);

    ngx_llm_out_char(out, '"');
    ngx_llm_out_data(out, buf, p - buf);
    ngx_llm_out_char(out, '"');
}


/* n in units of 10^-digits */

static void
ngx_llm_usage_fixed(ngx_llm_out_t *out, int64_t n, ngx_uint_t digits)
{
    int64_t     unit;
    ngx_uint_t  i;
    u_char      buf[NGX_LLM_USAGE_NANO];

    unit = 1;

    for (i = 0; i < digits; i++) {
        unit *= 10;
    }

    if (n < 0) {
        ngx_llm_out_char(out, '-');
        n = -n;
    }

    ngx_llm_out_int(out, n / unit);
    ngx_llm_out_char(out, '.');

    n %= unit;

    for (i = digits; i > 0; i--) {
        buf[i - 1] = (u_char) ('0' + n % 10);
        n /= 10;
    }

    ngx_llm_out_data(out, buf, digits);
}


ngx_str_t
ngx_llm_usage_normal(ngx_str_t *value, u_char *buf)
{
    u_char         *last;
    ngx_str_t       s;
    ngx_llm_out_t   out;

    last = value->data + value->len;

    if (value->len <= NGX_LLM_USAGE_VALUE
        && ngx_llm_scan_string(value->data, last) == last)
    {
        return *value;
    }

    ngx_llm_out_init(&out, NULL, buf, NGX_LLM_USAGE_NORMAL,
                     NGX_LLM_USAGE_NORMAL);

    ngx_llm_usage_text(&out, value);

    /* without its quotes */

    s.data = buf + 1;
    s.len = ngx_llm_out_len(&out) - 2;

    ngx_llm_usage_decode(&s);

    return s;
}


void
ngx_llm_usage_seq(ngx_llm_seq_t *seq, u_char *buf, ngx_str_t *text)
{
    ngx_llm_out_t  out;

    ngx_llm_out_init(&out, NULL, buf, NGX_LLM_USAGE_SEQ, NGX_LLM_USAGE_SEQ);

    ngx_llm_out_lit(&out, "\"seq\":\"");
    ngx_llm_out_int(&out, (int64_t) seq->boot);
    ngx_llm_out_char(&out, '-');
    ngx_llm_out_int(&out, (int64_t) seq->slot);
    ngx_llm_out_char(&out, '-');
    ngx_llm_out_int(&out, (int64_t) seq->n);
    ngx_llm_out_char(&out, '"');

    text->data = buf;
    text->len = ngx_llm_out_len(&out);
}
