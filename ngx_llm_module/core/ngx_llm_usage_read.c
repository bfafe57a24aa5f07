
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Reads the usage log: lines, and what torn writes made of them.
 */


#include "ngx_llm_usage_member.h"
#include "ngx_llm_json.h"


#define NGX_LLM_USAGE_DEPTH    16   /* of members that are not known */

/* strings of a record that may need decoding */
#define NGX_LLM_USAGE_STRINGS  (16 + 4 * NGX_LLM_USAGE_PAIRS)


typedef struct {
    u_char                        *p;
    u_char                        *last;
    const ngx_llm_usage_member_t  *next;    /* that is expected */
    ngx_uint_t                     nescaped;
    ngx_str_t                     *escaped[NGX_LLM_USAGE_STRINGS];
} ngx_llm_usage_line_t;


static const ngx_llm_usage_member_t *ngx_llm_usage_find(
    ngx_llm_usage_line_t *line, ngx_str_t *name);
static ngx_int_t ngx_llm_usage_value(ngx_llm_usage_line_t *line,
    const ngx_llm_usage_member_t *member, ngx_llm_usage_record_t *rec);
static ngx_int_t ngx_llm_usage_string(ngx_llm_usage_line_t *line,
    ngx_str_t *s);
static ngx_int_t ngx_llm_usage_raw(ngx_llm_usage_line_t *line, ngx_str_t *s,
    ngx_uint_t *escaped);
static ngx_int_t ngx_llm_usage_number(ngx_llm_usage_line_t *line,
    ngx_uint_t digits, int64_t *n);
static ngx_int_t ngx_llm_usage_amount(ngx_llm_usage_line_t *line,
    ngx_llm_usage_record_t *rec);
static ngx_int_t ngx_llm_usage_counter(ngx_llm_usage_line_t *line,
    ngx_llm_name_t *name);
static ngx_int_t ngx_llm_usage_name(ngx_llm_usage_line_t *line,
    ngx_llm_seq_t *seq);
static ngx_int_t ngx_llm_usage_part(u_char **pos, u_char *last, uint64_t *n);
static ngx_int_t ngx_llm_usage_object(ngx_llm_usage_line_t *line,
    ngx_llm_usage_pair_t *pairs, ngx_uint_t *n);
static ngx_int_t ngx_llm_usage_flag(ngx_llm_usage_line_t *line,
    ngx_uint_t *flag);
static ngx_int_t ngx_llm_usage_skip(ngx_llm_usage_line_t *line);
static ngx_int_t ngx_llm_usage_char(ngx_llm_usage_line_t *line, u_char c);

static ngx_int_t ngx_llm_usage_line(ngx_llm_usage_reader_t *reader,
    u_char *p, u_char *last);
static ngx_int_t ngx_llm_usage_pieces(ngx_llm_usage_reader_t *reader,
    u_char **pos, u_char *last, ngx_uint_t end);
static ngx_int_t ngx_llm_usage_piece(ngx_llm_usage_reader_t *reader,
    u_char *p, u_char *last);
static ngx_int_t ngx_llm_usage_hold(ngx_llm_usage_reader_t *reader,
    u_char **pos, u_char *last);
static u_char *ngx_llm_usage_begin(u_char *p, u_char *last);


ngx_int_t
ngx_llm_usage_line_read(ngx_str_t *text, ngx_llm_usage_record_t *rec)
{
    ngx_str_t                      name;
    ngx_uint_t                     i, timed;
    ngx_llm_usage_line_t           line;
    const ngx_llm_usage_member_t  *member;

    line.p = text->data;
    line.last = text->data + text->len;
    line.next = ngx_llm_usage_members;
    line.nescaped = 0;

    if (line.last > line.p && line.last[-1] == LF) {
        line.last--;
    }

    ngx_llm_usage_record_init(rec);

    timed = 0;

    if (ngx_llm_usage_char(&line, '{') != NGX_OK) {
        return NGX_DECLINED;
    }

    for ( ;; ) {

        if (ngx_llm_usage_raw(&line, &name, &i) != NGX_OK
            || ngx_llm_usage_char(&line, ':') != NGX_OK)
        {
            return NGX_DECLINED;
        }

        member = ngx_llm_usage_find(&line, &name);

        if (member == NULL) {
            if (ngx_llm_usage_skip(&line) != NGX_OK) {
                return NGX_DECLINED;
            }

        } else {
            if (ngx_llm_usage_value(&line, member, rec) != NGX_OK) {
                return NGX_DECLINED;
            }

            timed |= (member == ngx_llm_usage_members);
        }

        if (ngx_llm_usage_char(&line, ',') == NGX_OK) {
            continue;
        }

        if (ngx_llm_usage_char(&line, '}') != NGX_OK) {
            return NGX_DECLINED;
        }

        break;
    }

    if (line.p != line.last || !timed) {
        return NGX_DECLINED;
    }

    /* only now: until here the text is as it was */

    for (i = 0; i < line.nescaped; i++) {
        ngx_llm_usage_decode(line.escaped[i]);
    }

    return NGX_OK;
}


/* the line has them in the order of the table, some left out */

static const ngx_llm_usage_member_t *
ngx_llm_usage_find(ngx_llm_usage_line_t *line, ngx_str_t *name)
{
    const ngx_llm_usage_member_t  *member;

    member = line->next;

    do {
        if (member->name.len == 0) {
            member = ngx_llm_usage_members;
            continue;
        }

        if (member->name.len == name->len
            && ngx_memcmp(member->name.data, name->data, name->len) == 0)
        {
            line->next = member + 1;
            return member;
        }

        member++;

    } while (member != line->next);

    return NULL;
}


static ngx_int_t
ngx_llm_usage_value(ngx_llm_usage_line_t *line,
    const ngx_llm_usage_member_t *member, ngx_llm_usage_record_t *rec)
{
    u_char      *p;
    ngx_str_t   *s;
    ngx_uint_t   flag;

    p = (u_char *) rec + member->offset;

    switch (member->type) {

    case NGX_LLM_USAGE_TEXT:
        s = (ngx_str_t *) p;

        if (s->data) {
            return NGX_DECLINED;
        }

        return ngx_llm_usage_string(line, s);

    case NGX_LLM_USAGE_COUNT:
        return ngx_llm_usage_number(line, 0, (int64_t *) p);

    case NGX_LLM_USAGE_SECONDS:
        return ngx_llm_usage_number(line, NGX_LLM_USAGE_MS, (int64_t *) p);

    case NGX_LLM_USAGE_DOLLARS:
        return ngx_llm_usage_number(line, NGX_LLM_USAGE_NANO, (int64_t *) p);

    case NGX_LLM_USAGE_NAME:
        return ngx_llm_usage_name(line, (ngx_llm_seq_t *) p);

    case NGX_LLM_USAGE_OBJECT:

        if (*(ngx_uint_t *) p) {
            return NGX_DECLINED;
        }

        return ngx_llm_usage_object(line,
                  (ngx_llm_usage_pair_t *) ((u_char *) rec + member->pairs),
                  (ngx_uint_t *) p);

    case NGX_LLM_USAGE_COUNTER:
        return ngx_llm_usage_counter(line, (ngx_llm_name_t *) p);

    case NGX_LLM_USAGE_AMOUNT:
        return ngx_llm_usage_amount(line, rec);

    case NGX_LLM_USAGE_STREAM:
    case NGX_LLM_USAGE_ESTIMATED:
    case NGX_LLM_USAGE_CHARGED:
        break;
    }

    if (ngx_llm_usage_flag(line, &flag) != NGX_OK) {
        return NGX_DECLINED;
    }

    switch (member->type) {

    case NGX_LLM_USAGE_STREAM:
        rec->stream = flag;
        break;

    case NGX_LLM_USAGE_ESTIMATED:
        rec->estimated = flag;
        break;

    default: /* NGX_LLM_USAGE_CHARGED */
        rec->uncharged = !flag;
    }

    return NGX_OK;
}


/* of the record: decoded in the end, if it has escapes */

static ngx_int_t
ngx_llm_usage_string(ngx_llm_usage_line_t *line, ngx_str_t *s)
{
    ngx_uint_t  escaped;

    if (ngx_llm_usage_raw(line, s, &escaped) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (escaped) {

        if (line->nescaped == NGX_LLM_USAGE_STRINGS) {
            return NGX_DECLINED;
        }

        line->escaped[line->nescaped++] = s;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_usage_raw(ngx_llm_usage_line_t *line, ngx_str_t *s,
    ngx_uint_t *escaped)
{
    u_char  *p;

    if (ngx_llm_usage_char(line, '"') != NGX_OK) {
        return NGX_DECLINED;
    }

    p = ngx_llm_json_string(line->p, line->last, escaped);

    if (p == NULL) {
        return NGX_DECLINED;
    }

    s->data = line->p;
    s->len = p - line->p;

    line->p = p + 1;

    return NGX_OK;
}


/* in units of 10^-digits; more digits are cut, there is no exponent */

static ngx_int_t
ngx_llm_usage_number(ngx_llm_usage_line_t *line, ngx_uint_t digits,
    int64_t *n)
{
    u_char      *p, *last;
    int64_t      value;
    ngx_uint_t   point;

    p = line->p;
    last = line->last;
    value = 0;
    point = 0;

    if (p == last || *p < '0' || *p > '9') {
        return NGX_DECLINED;
    }

    for ( /* void */ ; p < last; p++) {

        if (*p == '.' && !point && p + 1 < last
            && p[1] >= '0' && p[1] <= '9')
        {
            point = 1;
            continue;
        }

        if (*p < '0' || *p > '9') {
            break;
        }

        if (point) {
            if (digits == 0) {
                continue;
            }

            digits--;
        }

        if (value > (INT64_MAX - (*p - '0')) / 10) {
            return NGX_DECLINED;
        }

        value = value * 10 + (*p - '0');
    }

    while (digits--) {
        if (value > INT64_MAX / 10) {
            return NGX_DECLINED;
        }

        value *= 10;
    }

    line->p = p;
    *n = value;

    return NGX_OK;
}


/* money is what has a point */

static ngx_int_t
ngx_llm_usage_amount(ngx_llm_usage_line_t *line, ngx_llm_usage_record_t *rec)
{
    u_char      *p;
    ngx_uint_t   minus;

    minus = (ngx_llm_usage_char(line, '-') == NGX_OK);

    for (p = line->p; p < line->last && *p >= '0' && *p <= '9'; p++) {
        /* void */
    }

    rec->money = (p < line->last && *p == '.');

    if (ngx_llm_usage_number(line, rec->money ? NGX_LLM_USAGE_NANO : 0,
                             &rec->amount)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (minus) {
        rec->amount = -rec->amount;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_usage_counter(ngx_llm_usage_line_t *line, ngx_llm_name_t *name)
{
    u_char       c;
    uint64_t    *id;
    ngx_str_t    text;
    ngx_uint_t   i, escaped;

    if (ngx_llm_usage_raw(line, &text, &escaped) != NGX_OK
        || text.len != NGX_LLM_USAGE_HEX)
    {
        return NGX_DECLINED;
    }

    name->id[0] = 0;
    name->id[1] = 0;

    for (i = 0; i < NGX_LLM_USAGE_HEX; i++) {
        c = text.data[i];
        id = &name->id[i / (NGX_LLM_USAGE_HEX / 2)];

        if (c >= '0' && c <= '9') {
            *id = (*id << 4) | (c - '0');

        } else if (c >= 'a' && c <= 'f') {
            *id = (*id << 4) | (c - 'a' + 10);

        } else {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_usage_name(ngx_llm_usage_line_t *line, ngx_llm_seq_t *seq)
{
    u_char      *p, *last;
    ngx_str_t    text;
    ngx_uint_t   escaped;

    if (ngx_llm_usage_raw(line, &text, &escaped) != NGX_OK) {
        return NGX_DECLINED;
    }

    p = text.data;
    last = p + text.len;

    if (ngx_llm_usage_part(&p, last, &seq->boot) != NGX_OK
        || p == last || *p++ != '-'
        || ngx_llm_usage_part(&p, last, &seq->slot) != NGX_OK
        || p == last || *p++ != '-'
        || ngx_llm_usage_part(&p, last, &seq->n) != NGX_OK
        || p != last)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_usage_part(u_char **pos, u_char *last, uint64_t *n)
{
    u_char    *p;
    uint64_t   value;

    value = 0;

    for (p = *pos; p < last && *p >= '0' && *p <= '9'; p++) {

        if (value > (uint64_t) (INT64_MAX - (*p - '0')) / 10) {
            return NGX_DECLINED;
        }

        value = value * 10 + (*p - '0');
    }

    if (p == *pos) {
        return NGX_DECLINED;
    }

    *pos = p;
    *n = value;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_usage_object(ngx_llm_usage_line_t *line, ngx_llm_usage_pair_t *pairs,
    ngx_uint_t *n)
{
    ngx_uint_t  i;

    if (ngx_llm_usage_char(line, '{') != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ngx_llm_usage_char(line, '}') == NGX_OK) {
        return NGX_OK;
    }

    for (i = 0; i < NGX_LLM_USAGE_PAIRS; i++) {

        if (ngx_llm_usage_string(line, &pairs[i].name) != NGX_OK
            || ngx_llm_usage_char(line, ':') != NGX_OK
            || ngx_llm_usage_string(line, &pairs[i].value) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        *n = i + 1;

        if (ngx_llm_usage_char(line, ',') != NGX_OK) {
            return ngx_llm_usage_char(line, '}');
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_llm_usage_flag(ngx_llm_usage_line_t *line, ngx_uint_t *flag)
{
    if (line->last - line->p >= 4
        && ngx_memcmp(line->p, "true", 4) == 0)
    {
        line->p += 4;
        *flag = 1;

        return NGX_OK;
    }

    if (line->last - line->p >= 5
        && ngx_memcmp(line->p, "false", 5) == 0)
    {
        line->p += 5;
        *flag = 0;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/*
 * A value of a later version: not checked beyond where it ends.  No object
 * in it may begin as a line does.
 */

static ngx_int_t
ngx_llm_usage_skip(ngx_llm_usage_line_t *line)
{
    u_char      c;
    ngx_str_t   s;
    ngx_uint_t  depth, escaped;

    depth = 0;

    while (line->p < line->last) {
        c = *line->p;

        switch (c) {

        case '"':
            if (ngx_llm_usage_raw(line, &s, &escaped) != NGX_OK) {
                return NGX_DECLINED;
            }

            continue;

        case '{':
        case '[':
            if (++depth > NGX_LLM_USAGE_DEPTH
                || ngx_llm_usage_begin(line->p, line->last) == line->p)
            {
                return NGX_DECLINED;
            }

            break;

        case '}':
        case ']':
            if (depth == 0) {
                return NGX_OK;
            }

            depth--;
            break;

        case ',':
            if (depth == 0) {
                return NGX_OK;
            }

            break;

        default:
            break;
        }

        line->p++;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_llm_usage_char(ngx_llm_usage_line_t *line, u_char c)
{
    if (line->p == line->last || *line->p != c) {
        return NGX_DECLINED;
    }

    line->p++;

    return NGX_OK;
}


/* decoded text is never longer */

void
ngx_llm_usage_decode(ngx_str_t *s)
{
    u_char  *p, *dst, *last;

    p = s->data;
    dst = p;
    last = p + s->len;

    while (p < last) {

        if (*p == '\\') {
            dst = ngx_llm_utf8_put(dst, ngx_llm_json_unescape(&p, last));

        } else {
            *dst++ = *p++;
        }
    }

    s->len = dst - s->data;
}


void
ngx_llm_usage_reader_init(ngx_llm_usage_reader_t *reader,
    ngx_llm_usage_handler_pt handler, void *data)
{
    reader->handler = handler;
    reader->data = data;
    reader->lines = 0;
    reader->torn = 0;
    reader->bytes = 0;
    reader->len = 0;
    reader->skip = 0;
}


ngx_int_t
ngx_llm_usage_reader_data(ngx_llm_usage_reader_t *reader, u_char *p,
    size_t len)
{
    u_char     *last, *lf;
    ngx_int_t   rc;

    last = p + len;

    reader->bytes += len;

    while (p < last) {

        if (reader->len || reader->skip) {
            rc = ngx_llm_usage_hold(reader, &p, last);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        lf = memchr(p, LF, last - p);

        if (lf == NULL) {
            return ngx_llm_usage_hold(reader, &p, last);
        }

        rc = ngx_llm_usage_line(reader, p, lf);

        if (rc != NGX_OK) {
            return rc;
        }

        p = lf + 1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_llm_usage_reader_end(ngx_llm_usage_reader_t *reader)
{
    size_t  len;

    len = reader->len;
    reader->len = 0;

    return ngx_llm_usage_line(reader, reader->held, reader->held + len);
}


/* the end of a line that came in pieces; what does not end is held */

static ngx_int_t
ngx_llm_usage_hold(ngx_llm_usage_reader_t *reader, u_char **pos, u_char *last)
{
    size_t      n;
    u_char     *p, *end, *lf;
    ngx_int_t   rc;

    n = ngx_min((size_t) (last - *pos), sizeof(reader->held) - reader->len);

    lf = memchr(*pos, LF, n);

    if (lf) {
        n = lf - *pos;
    }

    end = ngx_cpymem(reader->held + reader->len, *pos, n);

    *pos += n;

    if (lf) {
        (*pos)++;
        reader->len = 0;

        return ngx_llm_usage_line(reader, reader->held, end);
    }

    reader->len = end - reader->held;

    if (reader->len < sizeof(reader->held)) {
        return NGX_OK;
    }

    /* no line is that long: torn ones */

    p = reader->held;

    rc = ngx_llm_usage_pieces(reader, &p, end, 0);

    reader->len = end - p;
    ngx_memmove(reader->held, p, reader->len);

    return rc;
}


static ngx_int_t
ngx_llm_usage_line(ngx_llm_usage_reader_t *reader, u_char *p, u_char *last)
{
    ngx_str_t               line;
    ngx_llm_usage_record_t  rec;

    if (p == last && !reader->skip) {
        return NGX_OK;
    }

    if (!reader->skip && last - p < NGX_LLM_LEDGER_LINE) {

        line.data = p;
        line.len = last - p;

        if (ngx_llm_usage_line_read(&line, &rec) == NGX_OK) {
            reader->lines++;
            return reader->handler(reader->data, &rec);
        }
    }

    return ngx_llm_usage_pieces(reader, &p, last, 1);
}


/*
 * A piece goes from one beginning of a line to the next.  end: last is the
 * end of the line; else the piece that is not whole remains.
 */

static ngx_int_t
ngx_llm_usage_pieces(ngx_llm_usage_reader_t *reader, u_char **pos,
    u_char *last, ngx_uint_t end)
{
    u_char     *p, *next;
    ngx_int_t   rc;

    p = *pos;

    for ( ;; ) {
        next = ngx_llm_usage_begin(reader->skip ? p : p + 1, last);

        if (next == NULL) {

            if (!end) {
                break;
            }

            next = last;
        }

        rc = ngx_llm_usage_piece(reader, p, next);

        p = next;

        if (rc != NGX_OK || (p == last && end)) {
            *pos = p;
            return rc;
        }
    }

    if (last - p >= NGX_LLM_LEDGER_LINE) {

        /* too long whatever follows; a beginning may be cut in two */

        reader->torn += !reader->skip;
        reader->skip = 1;

        p = last - (sizeof(NGX_LLM_USAGE_BEGIN) - 2);
    }

    *pos = p;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_usage_piece(ngx_llm_usage_reader_t *reader, u_char *p, u_char *last)
{
    ngx_str_t               line;
    ngx_llm_usage_record_t  rec;

    if (reader->skip) {
        reader->skip = 0;
        return NGX_OK;
    }

    if (last - p < NGX_LLM_LEDGER_LINE) {

        line.data = p;
        line.len = last - p;

        if (ngx_llm_usage_line_read(&line, &rec) == NGX_OK) {
            reader->lines++;
            return reader->handler(reader->data, &rec);
        }
    }

    reader->torn++;

    return NGX_OK;
}


static u_char *
ngx_llm_usage_begin(u_char *p, u_char *last)
{
    size_t  len;

    len = sizeof(NGX_LLM_USAGE_BEGIN) - 1;

    while (last - p >= (ssize_t) len) {
        p = memchr(p, '{', last - p - (len - 1));

        if (p == NULL) {
            return NULL;
        }

        if (ngx_memcmp(p, NGX_LLM_USAGE_BEGIN, len) == 0) {
            return p;
        }

        p++;
    }

    return NULL;
}
