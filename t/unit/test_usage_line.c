
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Lines of the usage log: written, read back, torn.
 */


#include "test.h"

#include "ngx_llm_usage_line.h"


typedef struct {
    ngx_uint_t   n;
    int64_t      time[64];
    char         key[64][64];
    ngx_int_t    rc;        /* what the handler answers */
} test_seen_t;


static void test_write(void);
static void test_round(void);
static void test_absent(void);
static void test_cut(void);
static void test_room(void);
static void test_bad(void);
static void test_unknown(void);
static void test_change(void);
static void test_normal(void);
static void test_torn(void);
static void test_splits(const char *text, size_t len);
static void test_long(void);
static void test_stop(void);
static ngx_int_t test_see(void *data, ngx_llm_usage_record_t *rec);
static void test_feed(test_seen_t *seen, ngx_llm_usage_reader_t *reader,
    const char *text, size_t len, size_t piece);
static void test_record(ngx_llm_usage_record_t *rec);


static u_char  test_buf[NGX_LLM_LEDGER_LINE];


int
main(void)
{
    test_write();
    test_round();
    test_absent();
    test_cut();
    test_room();
    test_bad();
    test_unknown();
    test_change();
    test_normal();
    test_torn();
    test_long();
    test_stop();

    return test_done("usage_line");
}


static void
test_write(void)
{
    ngx_str_t               line, seq;
    ngx_llm_usage_record_t  rec;
    u_char                  buf[NGX_LLM_USAGE_SEQ];

    test_case = "write";

    test_record(&rec);
    ngx_llm_usage_line_write(&rec, test_buf, &line);

    test_str(line,
             "{\"time\":1764239005.007,\"seq\":\"1764230000-3-17\","
             "\"id\":\"req-1\",\"key\":\"user-a\",\"team\":\"search\","
             "\"user\":\"anna\",\"model\":\"gpt-4o\","
             "\"provider\":\"openai\",\"upstream_model\":\"gpt-4o-2024\","
             "\"request_model\":\"auto\",\"per\":{\"$tenant\":\"t \\\"1\\\"\"},"
             "\"finish_reason\":\"stop\",\"error\":\"shutdown\","
             "\"client\":\"127.0.0.1\",\"tags\":{\"env\":\"prod\","
             "\"app\":\"x\"},\"status\":200,\"stream\":true,\"attempts\":2,"
             "\"prompt_tokens\":11,\"completion_tokens\":0,"
             "\"cached_tokens\":3,\"cache_write_tokens\":4,"
             "\"reasoning_tokens\":5,\"cost\":1.000000012,"
             "\"estimated\":true,\"charged\":false,\"ttft\":0.049,"
             "\"duration\":12.000}\n");

    ngx_llm_usage_seq(&rec.seq, buf, &seq);

    test_str(seq, "\"seq\":\"1764230000-3-17\"");
    test_ok(test_has(line, "\"seq\":\"1764230000-3-17\""));
}


static void
test_round(void)
{
    ngx_str_t               line, again, copy;
    ngx_llm_usage_record_t  rec, back;
    u_char                  buf[NGX_LLM_LEDGER_LINE];

    test_case = "round";

    test_record(&rec);

    rec.user = test_string("a\"b\\c\n\x01\xc3\xa9\xf0\x9f\x98\x80{\"time\":1");
    rec.tags[1].name = test_string("\"quoted\"");

    ngx_llm_usage_line_write(&rec, test_buf, &line);

    copy = test_copy(line.data, line.len);

    test_int(ngx_llm_usage_line_read(&copy, &back), NGX_OK);

    test_int(back.time, 1764239005007);
    test_int(back.seq.boot, 1764230000);
    test_int(back.seq.slot, 3);
    test_int(back.seq.n, 17);
    test_same(back.user, rec.user);
    test_int(back.ntags, 2);
    test_str(back.tags[1].name, "\"quoted\"");
    test_str(back.tags[1].value, "x");
    test_int(back.nper, 1);
    test_str(back.per[0].value, "t \"1\"");
    test_int(back.cost, 1000000012);
    test_int(back.ttft, 49);
    test_int(back.duration, 12000);
    test_int(back.stream, 1);
    test_int(back.estimated, 1);
    test_int(back.uncharged, 1);
    test_int(back.completion, 0);

    /* what was read is what was written */

    ngx_llm_usage_line_write(&back, buf, &again);
    test_same(again, line);

    free(copy.data);
}


static void
test_absent(void)
{
    ngx_str_t               line;
    ngx_llm_usage_record_t  rec;

    test_case = "absent";

    ngx_llm_usage_record_init(&rec);

    ngx_llm_usage_line_write(&rec, test_buf, &line);
    test_str(line, "{\"time\":0.000,\"status\":0}\n");

    test_int(ngx_llm_usage_line_read(&line, &rec), NGX_OK);
    test_ok(rec.key.data == NULL && rec.per[0].name.data != test_buf);
    test_int(rec.cost, -1);
    test_int(rec.seq.boot, 0);
    test_int(rec.uncharged, 0);

    /* empty is not absent */

    rec.user = test_string("");
    ngx_llm_usage_line_write(&rec, test_buf, &line);
    test_str(line, "{\"time\":0.000,\"user\":\"\",\"status\":0}\n");
}


static void
test_cut(void)
{
    char                    text[1024];
    size_t                  i;
    ngx_str_t               line;
    ngx_llm_usage_record_t  rec;

    test_case = "cut";

    /* 255 bytes, and a character that would end behind the bound */

    memset(text, 'a', sizeof(text));
    memcpy(text + NGX_LLM_USAGE_VALUE - 1, "\xc3\xa9", 2);

    ngx_llm_usage_record_init(&rec);
    rec.user.data = (u_char *) text;
    rec.user.len = sizeof(text);

    ngx_llm_usage_line_write(&rec, test_buf, &line);
    test_int(ngx_llm_usage_line_read(&line, &rec), NGX_OK);
    test_int(rec.user.len, NGX_LLM_USAGE_VALUE - 1);

    /* six bytes each in the line */

    for (i = 0; i < sizeof(text); i++) {
        text[i] = 1;
    }

    rec.user.data = (u_char *) text;
    rec.user.len = sizeof(text);

    ngx_llm_usage_line_write(&rec, test_buf, &line);
    test_int(ngx_llm_usage_line_read(&line, &rec), NGX_OK);
    test_int(rec.user.len, NGX_LLM_USAGE_VALUE / 6);
    test_int(rec.user.data[0], 1);
}


/* all that there can be, as long as can be: the line is whole */

static void
test_room(void)
{
    char                    text[400];
    ngx_str_t               s, line;
    ngx_uint_t              i, n;
    ngx_llm_usage_record_t  rec;

    test_case = "room";

    for (n = 0; n <= 400; n += 7) {

        memset(text, n % 2 ? '"' : 'x', sizeof(text));
        s.data = (u_char *) text;
        s.len = n;

        test_record(&rec);

        rec.id = rec.key = rec.team = rec.user = rec.model = s;
        rec.request_model = rec.provider = rec.upstream_model = s;
        rec.finish_reason = rec.error = rec.client = s;
        rec.action = rec.limit = s;
        rec.amount = -INT64_MAX;
        rec.ntags = rec.nper = NGX_LLM_USAGE_PAIRS;

        for (i = 0; i < NGX_LLM_USAGE_PAIRS; i++) {
            rec.tags[i].name = rec.tags[i].value = s;
            rec.per[i].name = rec.per[i].value = s;
        }

        rec.time = rec.cost = rec.ttft = rec.duration = INT64_MAX;
        rec.status = rec.attempts = rec.prompt = INT64_MAX;
        rec.completion = rec.cached = rec.cache_write = INT64_MAX;
        rec.reasoning = INT64_MAX;
        rec.seq.boot = rec.seq.slot = rec.seq.n = INT64_MAX;

        ngx_llm_usage_line_write(&rec, test_buf, &line);

        test_ok(line.len <= NGX_LLM_LEDGER_LINE);
        test_int(line.data[line.len - 1], '\n');
        test_int(ngx_llm_usage_line_read(&line, &rec), NGX_OK);
        test_int(rec.reasoning, INT64_MAX);
        test_int(rec.cost, INT64_MAX);
        test_int(rec.duration, INT64_MAX);
        test_ok(rec.key.data && rec.user.data && rec.model.data);

        if (n == 0) {
            test_int(rec.ntags, NGX_LLM_USAGE_PAIRS);
            test_int(rec.nper, NGX_LLM_USAGE_PAIRS);
            test_int(rec.amount, -INT64_MAX);
        }
    }
}


static void
test_bad(void)
{
    ngx_str_t                s;
    ngx_uint_t               i;
    ngx_llm_usage_record_t   rec;

    static const char  *bad[] = {
        "",
        "{}",
        "{",
        "[]",
        "null",
        "{\"time\":}",
        "{\"time\":1",
        "{\"time\":1,}",
        "{\"time\":1}}",
        "{\"time\":1} ",
        "{\"time\":-1}",
        "{\"time\":1e3}",
        "{\"time\":1.}",
        "{\"time\":1.5.5}",
        "{\"time\":\"1\"}",
        "{\"time\":null}",
        "{\"time\":99999999999999999999}",
        "{\"time\":9223372036854775807}",
        "{\"key\":\"a\"}",
        "{\"time\":1,\"key\":1}",
        "{\"time\":1,\"key\":\"a}",
        "{\"time\":1,\"key\":\"\\x\"}",
        "{\"time\":1,\"key\":\"\xff\"}",
        "{\"time\":1,\"key\":\"a\",\"key\":\"b\"}",
        "{\"time\":1,\"seq\":\"1-2\"}",
        "{\"time\":1,\"seq\":\"1-2-3-4\"}",
        "{\"time\":1,\"seq\":\"1--3\"}",
        "{\"time\":1,\"seq\":\"-1-2-3\"}",
        "{\"time\":1,\"seq\":\"1-2-99999999999999999999\"}",
        "{\"time\":1,\"seq\":\"1-2-\\u0033\"}",
        "{\"time\":1,\"tags\":{\"a\":1}}",
        "{\"time\":1,\"tags\":{\"a\":\"b\",}}",
        "{\"time\":1,\"tags\":{\"a\":\"b\"},\"tags\":{\"a\":\"b\"}}",
        "{\"time\":1,\"amount\":}",
        "{\"time\":1,\"amount\":-}",
        "{\"time\":1,\"amount\":--1}",
        "{\"time\":1,\"amount\":1.}",
        "{\"time\":1,\"amount\":\"1\"}",
        "{\"time\":1,\"amount\":99999999999999999999}",
        "{\"time\":1,\"amount\":-9223372036854775808}",
        "{\"time\":1,\"counter\":1}",
        "{\"time\":1,\"counter\":\"0123456789abcdef0123456789abcde\"}",
        "{\"time\":1,\"counter\":\"0123456789abcdef0123456789abcdef0\"}",
        "{\"time\":1,\"counter\":\"0123456789abcdef0123456789ABCDEF\"}",
        "{\"time\":1,\"counter\":\"0123456789abcdef0123456789abcde\\n\"}",
        "{\"time\":1,\"stream\":1}",
        "{\"time\":1,\"stream\":tru}",
        "{\"time\":1,\"unknown\":{\"time\":2}}",
        "{\"time\":1,\"unknown\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}",
        "{\"time\":1,\"unknown\":",
        "{\"time\":1\"key\":\"a\"}",
        "{\"time\":1,,\"key\":\"a\"}"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        test_case = bad[i];

        s = test_copy(bad[i], strlen(bad[i]));
        test_int(ngx_llm_usage_line_read(&s, &rec), NGX_DECLINED);
        free(s.data);
    }
}


static void
test_unknown(void)
{
    ngx_str_t               s;
    ngx_llm_usage_record_t  rec;

    test_case = "unknown";

    s = test_string("{\"time\":1.5,\"new\":{\"a\":[1,{\"b\":\"}\\\"\"}]},"
                    "\"n\":null,\"key\":\"k\",\"status\":200,\"x\":-1.5e3,"
                    "\"\":\"\",\"team\":\"t\"}");
    s = test_copy(s.data, s.len);

    test_int(ngx_llm_usage_line_read(&s, &rec), NGX_OK);
    test_int(rec.time, 1500);
    test_str(rec.key, "k");
    test_str(rec.team, "t");
    test_int(rec.status, 200);

    free(s.data);
}


/* a credit or a reset is no request */

static void
test_change(void)
{
    ngx_str_t               line, copy, again;
    ngx_uint_t              i;
    ngx_llm_usage_record_t  rec, back;
    u_char                  buf[NGX_LLM_LEDGER_LINE];

    static const struct {
        int64_t      amount;
        ngx_uint_t   money;
        const char  *text;
    } cases[] = {
        { 2500000000LL, 1, "2.500000000" },
        { -1, 1, "-0.000000001" },
        { -1500000000LL, 1, "-1.500000000" },
        { 0, 1, "0.000000000" },
        { 0, 0, "0" },
        { 7, 0, "7" },
        { -12, 0, "-12" },
        { INT64_MAX, 0, "9223372036854775807" },
        { -INT64_MAX, 1, "-9223372036.854775807" }
    };

    test_case = "change";

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ngx_llm_usage_record_init(&rec);

        rec.time = 1764239005007;
        rec.seq.boot = 5;
        rec.seq.slot = 6;
        rec.seq.n = 7;
        rec.team = test_string("search");
        rec.client = test_string("127.0.0.1");
        rec.action = test_string("credit");
        rec.limit = test_string("quota cost=5/day model=\"a\"");
        rec.counter.id[0] = 0x0123456789abcdefULL;
        rec.counter.id[1] = 0xf;
        rec.amount = cases[i].amount;
        rec.money = cases[i].money;
        rec.status = -1;
        rec.uncharged = 1;

        ngx_llm_usage_line_write(&rec, test_buf, &line);

        snprintf((char *) buf, sizeof(buf),
                 "{\"time\":1764239005.007,\"seq\":\"5-6-7\","
                 "\"team\":\"search\",\"client\":\"127.0.0.1\","
                 "\"action\":\"credit\","
                 "\"limit\":\"quota cost=5/day model=\\\"a\\\"\","
                 "\"counter\":\"0123456789abcdef000000000000000f\","
                 "\"amount\":%s,\"charged\":false}\n", cases[i].text);

        again = test_string((char *) buf);
        test_same(line, again);

        copy = test_copy(line.data, line.len);
        test_int(ngx_llm_usage_line_read(&copy, &back), NGX_OK);

        test_int(back.amount, cases[i].amount);
        test_int(back.money, cases[i].money);
        test_ok(back.counter.id[0] == rec.counter.id[0]);
        test_ok(back.counter.id[1] == rec.counter.id[1]);
        test_str(back.action, "credit");
        test_same(back.limit, rec.limit);
        test_int(back.uncharged, 1);

        back.status = -1;
        ngx_llm_usage_line_write(&back, buf, &again);
        test_same(again, line);

        free(copy.data);
    }
}


static void
test_normal(void)
{
    ngx_str_t  s, n;
    u_char     buf[NGX_LLM_USAGE_NORMAL], again[NGX_LLM_USAGE_NORMAL];
    char       text[300];

    test_case = "normal";

    s = test_string("anna");
    n = ngx_llm_usage_normal(&s, buf);
    test_ok(n.data == s.data && n.len == s.len);

    s = test_string("a\"b\xff\xc3\xa9");
    n = ngx_llm_usage_normal(&s, buf);
    test_str(n, "a\"b\xef\xbf\xbd\xc3\xa9");

    s = ngx_llm_usage_normal(&n, again);
    test_str(s, "a\"b\xef\xbf\xbd\xc3\xa9");

    memset(text, 1, sizeof(text));
    s.data = (u_char *) text;
    s.len = sizeof(text);
    n = ngx_llm_usage_normal(&s, buf);
    test_int(n.len, NGX_LLM_USAGE_VALUE / 6);
    test_int(n.data[0], 1);
}


#define line(n)  "{\"time\":" #n ",\"key\":\"k" #n "\",\"status\":200}"


static void
test_torn(void)
{
    size_t                   i, len;
    test_seen_t              seen;
    ngx_llm_usage_reader_t   reader;
    char                     text[256];

    static const char  good[] = line(1);

    test_case = "torn";

    /* each cut of a line before a whole one */

    for (i = 0; i <= sizeof(good) - 1; i++) {

        memcpy(text, good, i);
        memcpy(text + i, line(2) "\n" line(3) "\n",
               sizeof(line(2) "\n" line(3) "\n") - 1);

        len = i + sizeof(line(2) "\n" line(3) "\n") - 1;

        test_feed(&seen, &reader, text, len, len);

        test_int(reader.torn, (i != 0 && i != sizeof(good) - 1));
        test_int(seen.n, (i == sizeof(good) - 1) ? 3 : 2);
        test_int(seen.time[seen.n - 2], 2000);
        test_int(seen.time[seen.n - 1], 3000);

        test_splits(text, len);
    }

    /* two torn ones and a whole one, an empty line, no newline in the end */

    strcpy(text, "{\"time\":1,\"key{\"time\":2,\"tags\":" line(3)
                 "\n\n\njunk\n" line(4));

    test_feed(&seen, &reader, text, strlen(text), 1);
    test_int(seen.n, 2);
    test_int(seen.time[0], 3000);
    test_int(seen.time[1], 4000);
    test_ok(strcmp(seen.key[1], "k4") == 0);
    test_int(reader.torn, 3);
    test_int(reader.lines, 2);
    test_int(reader.bytes, strlen(text));

    test_splits(text, strlen(text));
}


/* in pieces of any size it is the same */

static void
test_splits(const char *text, size_t len)
{
    size_t                  piece;
    test_seen_t             one, two;
    ngx_llm_usage_reader_t  whole, part;

    test_feed(&one, &whole, text, len, len);

    for (piece = 1; piece < len; piece++) {
        test_feed(&two, &part, text, len, piece);

        test_int(two.n, one.n);
        test_int(part.torn, whole.torn);
        test_int(part.bytes, whole.bytes);
        test_ok(memcmp(one.time, two.time, one.n * sizeof(int64_t)) == 0);
    }
}


static void
test_long(void)
{
    size_t                   len, i, piece;
    char                    *text;
    test_seen_t              seen;
    ngx_llm_usage_reader_t   reader;

    test_case = "long";

    text = malloc(65536);

    /* junk longer than what is held, a line behind it */

    for (len = NGX_LLM_LEDGER_LINE - 2; len < 5 * NGX_LLM_LEDGER_LINE;
         len += 1021)
    {
        memset(text, 'x', len);
        memcpy(text + len, line(1) "\n" line(2) "\n",
               sizeof(line(1) "\n" line(2) "\n") - 1);

        i = len + sizeof(line(1) "\n" line(2) "\n") - 1;

        for (piece = 1; piece <= i; piece = piece * 3 + 1) {
            test_feed(&seen, &reader, text, i, piece);

            test_int(seen.n, 2);
            test_int(reader.torn, 1);
        }
    }

    /* a line that is too long is no line */

    strcpy(text, "{\"time\":1,\"x\":\"");
    len = strlen(text);
    memset(text + len, 'x', 9000);
    strcpy(text + len + 9000, "\"}\n" line(2));

    len = strlen(text);

    for (piece = 1; piece <= len; piece = piece * 2 + 1) {
        test_feed(&seen, &reader, text, len, piece);

        test_int(seen.n, 1);
        test_int(seen.time[0], 2000);
        test_int(reader.torn, 1);
    }

    free(text);
}


static void
test_stop(void)
{
    test_seen_t              seen;
    ngx_llm_usage_reader_t   reader;
    char                     text[128];

    test_case = "stop";

    strcpy(text, line(1) "\n" line(2) "\n");

    ngx_memzero(&seen, sizeof(test_seen_t));
    seen.rc = NGX_ABORT;

    ngx_llm_usage_reader_init(&reader, test_see, &seen);

    test_int(ngx_llm_usage_reader_data(&reader, (u_char *) text,
                                       strlen(text)),
             NGX_ABORT);
    test_int(seen.n, 1);
}


static void
test_feed(test_seen_t *seen, ngx_llm_usage_reader_t *reader, const char *text,
    size_t len, size_t piece)
{
    size_t     at, n;
    ngx_str_t  s;

    ngx_memzero(seen, sizeof(test_seen_t));

    ngx_llm_usage_reader_init(reader, test_see, seen);

    for (at = 0; at < len; at += n) {
        n = ngx_min(piece, len - at);

        s = test_copy(text + at, n);
        test_int(ngx_llm_usage_reader_data(reader, s.data, s.len), NGX_OK);
        free(s.data);
    }

    test_int(ngx_llm_usage_reader_end(reader), NGX_OK);
}


static ngx_int_t
test_see(void *data, ngx_llm_usage_record_t *rec)
{
    test_seen_t *seen = data;

    if (seen->n < 64) {
        seen->time[seen->n] = rec->time;
        memcpy(seen->key[seen->n], rec->key.data,
               ngx_min(rec->key.len, 63));
        seen->n++;
    }

    return seen->rc;
}


static void
test_record(ngx_llm_usage_record_t *rec)
{
    ngx_llm_usage_record_init(rec);

    rec->time = 1764239005007;
    rec->seq.boot = 1764230000;
    rec->seq.slot = 3;
    rec->seq.n = 17;
    rec->id = test_string("req-1");
    rec->key = test_string("user-a");
    rec->team = test_string("search");
    rec->user = test_string("anna");
    rec->request_model = test_string("auto");
    rec->model = test_string("gpt-4o");
    rec->provider = test_string("openai");
    rec->upstream_model = test_string("gpt-4o-2024");
    rec->finish_reason = test_string("stop");
    rec->error = test_string("shutdown");
    rec->client = test_string("127.0.0.1");
    rec->status = 200;
    rec->attempts = 2;
    rec->prompt = 11;
    rec->completion = 0;
    rec->cached = 3;
    rec->cache_write = 4;
    rec->reasoning = 5;
    rec->cost = 1000000012;
    rec->ttft = 49;
    rec->duration = 12000;
    rec->ntags = 2;
    rec->tags[0].name = test_string("env");
    rec->tags[0].value = test_string("prod");
    rec->tags[1].name = test_string("app");
    rec->tags[1].value = test_string("x");
    rec->nper = 1;
    rec->per[0].name = test_string("$tenant");
    rec->per[0].value = test_string("t \"1\"");
    rec->stream = 1;
    rec->estimated = 1;
    rec->uncharged = 1;
}
