
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The words of a limit.
 */


#include "test.h"

#include "ngx_llm_limit.h"


static ngx_llm_limit_t  limit;
static ngx_str_t        error;
static u_char           error_text[256];


static ngx_int_t
parse(const char *line)
{
    char        *p, *copy;
    ngx_str_t    words[16];
    ngx_uint_t   n;

    test_case = line;

    copy = strdup(line);

    for (n = 0, p = strtok(copy, " "); p; p = strtok(NULL, " ")) {
        words[n].data = ngx_pnalloc(test_pool, strlen(p));
        words[n].len = strlen(p);
        ngx_memcpy(words[n].data, p, words[n].len);
        n++;
    }

    free(copy);

    error.data = error_text;
    error.len = sizeof(error_text);

    return ngx_llm_limit_parse(&limit, words, n, &error);
}


static void
test_statements(void)
{
    test_int(parse("quota tokens=10k/day"), NGX_OK);
    test_int(limit.kind, NGX_LLM_LIMIT_QUOTA);
    test_int(limit.unit, NGX_LLM_UNIT_TOKENS);
    test_int(limit.amount, 10000);
    test_int(limit.period, NGX_LLM_PERIOD_DAY);
    test_int(limit.per, NGX_LLM_PER_NONE);
    test_int(limit.per_max, 10000);
    test_int(limit.reserve, NGX_LLM_RESERVE_MAX);
    test_int(limit.soft, 0);
    test_str(limit.text, "tokens=10k/day");
    test_str(limit.model, NULL);

    test_int(parse("quota cost=500/month soft"), NGX_OK);
    test_int(limit.unit, NGX_LLM_UNIT_COST);
    test_int(limit.amount, 500000000000LL);
    test_int(limit.period, NGX_LLM_PERIOD_MONTH);
    test_int(limit.soft, 1);

    test_int(parse("quota cost=0/total per=$team_id per_max=5 reserve=typical"),
             NGX_OK);
    test_int(limit.amount, 0);
    test_int(limit.period, NGX_LLM_PERIOD_TOTAL);
    test_int(limit.per, NGX_LLM_PER_VARIABLE);
    test_str(limit.variable, "team_id");
    test_int(limit.per_max, 5);
    test_int(limit.reserve, NGX_LLM_RESERVE_TYPICAL);

    test_int(parse("rate requests=20/min model=claude-*"), NGX_OK);
    test_int(limit.kind, NGX_LLM_LIMIT_RATE);
    test_int(limit.unit, NGX_LLM_UNIT_REQUESTS);
    test_int(limit.amount, 20);
    test_int(limit.burst, 20);
    test_int(limit.rate_time, 60000);
    test_int(limit.reserve, NGX_LLM_RESERVE_TYPICAL);
    test_str(limit.model, "claude-*");

    test_int(parse("rate input_tokens=1.5m/hour burst=2k per=user reserve=max"),
             NGX_OK);
    test_int(limit.unit, NGX_LLM_UNIT_INPUT_TOKENS);
    test_int(limit.amount, 1500000);
    test_int(limit.burst, 2000);
    test_int(limit.rate_time, 3600000);
    test_int(limit.per, NGX_LLM_PER_USER);
    test_int(limit.reserve, NGX_LLM_RESERVE_MAX);

    test_int(parse("rate output_tokens=1/sec per=key"), NGX_OK);
    test_int(limit.unit, NGX_LLM_UNIT_OUTPUT_TOKENS);
    test_int(limit.rate_time, 1000);
    test_int(limit.per, NGX_LLM_PER_KEY);

    test_int(parse("rate cost=0.000000001/day burst=0.5"), NGX_OK);
    test_int(limit.amount, 1);
    test_int(limit.burst, 500000000);
    test_int(limit.rate_time, 86400000);

    test_int(parse("concurrency 8 per=model"), NGX_OK);
    test_int(limit.kind, NGX_LLM_LIMIT_CONCURRENCY);
    test_int(limit.unit, NGX_LLM_UNIT_SLOTS);
    test_int(limit.amount, 8);
    test_int(limit.per, NGX_LLM_PER_MODEL);

    test_int(parse("quota requests=5/hour"), NGX_OK);
    test_int(limit.period, NGX_LLM_PERIOD_HOUR);
    test_int(parse("quota requests=5/week"), NGX_OK);
    test_int(limit.period, NGX_LLM_PERIOD_WEEK);
}


static void
test_refused(void)
{
    ngx_uint_t   i;

    static const char  *lines[] = {
        "",
        "limit tokens=1/day",
        "quota",
        "quota tokens",
        "quota tokens=",
        "quota tokens=1",
        "quota tokens=/day",
        "quota tokens=1/",
        "quota tokens=1/min",
        "quota tokens=1/year",
        "quota words=1/day",
        "quota =1/day",
        "quota tokens=-1/day",
        "quota tokens=1.5/day",
        "quota tokens=1.0005k/day",
        "quota tokens=k/day",
        "quota tokens=1kk/day",
        "quota tokens=1t/day",
        "quota tokens=.5k/day",
        "quota tokens=5.k/day",
        "quota tokens=1.2.3k/day",
        "quota tokens=1000000000000000001/day",
        "quota tokens=99999999999999999999/day",
        "quota tokens=1000000001g/day",
        "quota cost=0.0000000001/day",
        "quota cost=1000000001/day",
        "quota tokens=1/day burst=2",
        "quota tokens=1/day burst=",
        "quota tokens=1/day model=",
        "quota tokens=1/day model=a model=b",
        "quota tokens=1/day per=",
        "quota tokens=1/day per=team",
        "quota tokens=1/day per=$",
        "quota tokens=1/day per=$a$b",
        "quota tokens=1/day per=$a-b",
        "quota tokens=1/day per_max=0",
        "quota tokens=1/day per_max=x",
        "quota tokens=1/day reserve=all",
        "quota tokens=1/day hard",
        "rate tokens=0/min",
        "rate tokens=1/week",
        "rate tokens=1/month",
        "rate tokens=1/min burst=0",
        "rate tokens=1/min burst=x",
        "concurrency",
        "concurrency 0",
        "concurrency -1",
        "concurrency 1/min",
        "concurrency requests=1",
        "concurrency 1 burst=1",
        NULL
    };

    for (i = 0; lines[i]; i++) {
        test_int(parse(lines[i]), NGX_DECLINED);
        test_ok(error.len > 0 && error.len < sizeof(error_text));
    }

    (void) parse("quota tokens=1/year");
    test_str(error, "invalid period \"year\" of the quota \"tokens=1/year\", "
                    "it must be hour, day, week, month or total");

    (void) parse("quota tokens=12");
    test_str(error, "limit \"tokens=12\" has no period, as in "
                    "\"tokens=12/day\"");

    (void) parse("quota cost=$5/month");
    test_str(error, "invalid amount \"$5\" in \"cost=$5/month\", it must be "
                    "a number such as 100, 10k or 2.5m");
}


static void
test_amounts(void)
{
    ngx_uint_t  i;
    ngx_str_t   got;
    u_char      buf[NGX_LLM_LIMIT_TEXT];

    static struct {
        ngx_llm_unit_e   unit;
        int64_t          n;
        const char      *text;
    } cases[] = {
        { NGX_LLM_UNIT_TOKENS, 0, "0" },
        { NGX_LLM_UNIT_TOKENS, -3, "-3" },
        { NGX_LLM_UNIT_REQUESTS, 100, "100" },
        { NGX_LLM_UNIT_COST, 0, "0 dollars" },
        { NGX_LLM_UNIT_COST, 1, "0.000000001 dollars" },
        { NGX_LLM_UNIT_COST, -4250000000LL, "-4.25 dollars" },
        { NGX_LLM_UNIT_COST, 4250000000LL, "4.25 dollars" },
        { NGX_LLM_UNIT_COST, NGX_LLM_LIMIT_MAX, "1000000000 dollars" },
        { NGX_LLM_UNIT_COST, NGX_LLM_LIMIT_MAX - 1,
          "999999999.999999999 dollars" },
        { 0, 0, NULL }
    };

    test_case = "";

    for (i = 0; cases[i].text; i++) {
        got.data = buf;
        got.len = ngx_llm_limit_amount(buf, cases[i].unit, cases[i].n) - buf;
        test_str(got, cases[i].text);
    }
}


int
main(void)
{
    test_reset();

    test_statements();
    test_refused();
    test_amounts();

    return test_done("limit");
}
