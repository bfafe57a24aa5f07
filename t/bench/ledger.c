
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The ledger by itself:
 *
 *     ledger [thousands of requests]
 *
 * What the limits of a request take of a processor: it reserves with five
 * limits, settles with four sums, applies.  And how long the lock is held, by
 * requests and by what is done for all of them from time to time.
 */


#include <ngx_llm_ledger.h>

#include <sys/mman.h>
#include <stdio.h>
#include <time.h>


/* what a zone of 16 megabytes leaves for it */
#define BENCH_SIZE    (14 * 1024 * 1024)
#define BENCH_DATE    1767225600        /* 2026-01-01 */
#define BENCH_DAY     86400
#define BENCH_LIMITS  5
#define BENCH_SUMS    4
#define BENCH_KEYS    2000
#define BENCH_ROUNDS  7
#define BENCH_HOLDS   4000000


typedef struct {
    ngx_llm_item_t      items[BENCH_LIMITS];
    ngx_llm_row_t       rows[BENCH_SUMS];
} bench_key_t;


static void bench_create(void);
static void bench_keys(void);
static void bench_key(bench_key_t *key, ngx_uint_t n);
static void bench_name(ngx_llm_name_t *name, const char *what, ngx_uint_t n);
static void bench_cost(const char *what, ngx_uint_t nkeys, ngx_str_t *line);
static void bench_requests(ngx_uint_t requests, ngx_uint_t nkeys,
    ngx_str_t *line);
static void bench_request(bench_key_t *key, ngx_str_t *line);
static void bench_holds(const char *what, void (*work)(void));
static void bench_all_keys(void);
static void bench_expire(void);
static void bench_save(void);
static ngx_int_t bench_write(void *data, u_char *p, size_t len);
static void bench_lock(void *data);
static void bench_unlock(void *data);
static void bench_timed_lock(void *data);
static void bench_timed_unlock(void *data);
static int bench_compare(const void *one, const void *two);
static uint64_t bench_now(clockid_t clock);


static ngx_llm_ledger_t   bench_ledger;
static bench_key_t       *bench_all;
static u_char             bench_text[700];
static u_char             bench_value[] = "key-0000";
static ngx_atomic_t       bench_mutex;
static int64_t            bench_ms;     /* the clock of rates */
static ngx_uint_t         bench_n;      /* requests of a round */
static ngx_str_t          bench_line;

static uint32_t          *bench_held;   /* nanoseconds */
static size_t             bench_nheld;
static size_t             bench_known;  /* of the same holds, before */
static uint64_t           bench_taken;


int
main(int argc, char **argv)
{
    uint64_t    begin, least;
    ngx_str_t   none;
    ngx_uint_t  i;

    bench_n = (argc > 1 ? atoi(argv[1]) : 100) * 1000;

    if (bench_n == 0) {
        fprintf(stderr, "ledger: bad number of requests\n");
        return 1;
    }

    bench_create();
    bench_keys();

    memset(bench_text, 'x', sizeof(bench_text));
    bench_line.data = bench_text;
    bench_line.len = sizeof(bench_text);
    ngx_str_null(&none);

    printf("\n%-42s %10s %8s\n", "five limits, four sums", "us a request",
           "(least)");

    bench_cost("one key", 1, &none);
    bench_cost("the same with a line of 700 bytes", 1, &bench_line);
    bench_cost("2,000 keys in turn, with the line", BENCH_KEYS, &bench_line);

    /* the clock's own cost is in each of the times */

    least = (uint64_t) -1;

    for (i = 0; i < 1000; i++) {
        begin = bench_now(CLOCK_MONOTONIC);
        begin = bench_now(CLOCK_MONOTONIC) - begin;
        least = ngx_min(least, begin);
    }

    printf("\n%-24s %9s %8s %8s %8s %8s\n", "the lock is held, us", "holds",
           "p50", "p99", "p99.9", "longest");

    bench_ledger.lock = bench_timed_lock;
    bench_ledger.unlock = bench_timed_unlock;

    bench_holds("by requests", bench_all_keys);
    bench_holds("by the look for old ones", bench_expire);
    bench_holds("by a snapshot", bench_save);

    printf("of which the clock takes %.3f\n", (double) least / 1000);

    return 0;
}


static void
bench_create(void)
{
    bench_ledger.shm = mmap(NULL, BENCH_SIZE, PROT_READ|PROT_WRITE,
                            MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    bench_held = malloc(BENCH_HOLDS * sizeof(uint32_t));
    bench_all = calloc(BENCH_KEYS, sizeof(bench_key_t));

    if (bench_ledger.shm == MAP_FAILED || bench_held == NULL
        || bench_all == NULL
        || ngx_llm_ledger_create(bench_ledger.shm, BENCH_SIZE, BENCH_DATE)
           != NGX_OK)
    {
        fprintf(stderr, "ledger: no memory\n");
        exit(1);
    }

    bench_ledger.lock = bench_lock;
    bench_ledger.unlock = bench_unlock;

    if (ngx_llm_ledger_join(&bench_ledger, getpid(), 1) != NGX_OK) {
        fprintf(stderr, "ledger: no place for a process\n");
        exit(1);
    }
}


static void
bench_keys(void)
{
    ngx_uint_t  n;

    for (n = 0; n < BENCH_KEYS; n++) {
        bench_key(&bench_all[n], n);
    }
}


/* as the limits and sums of a key are: requests, tokens, cost; rate; slots */

static void
bench_key(bench_key_t *key, ngx_uint_t n)
{
    ngx_uint_t  i;

    static struct {
        const char      *what;
        ngx_llm_limit_e  kind;
        ngx_llm_unit_e   unit;
        int64_t          amount;
    } limits[BENCH_LIMITS] = {
        { "requests", NGX_LLM_LIMIT_QUOTA, NGX_LLM_UNIT_REQUESTS, 1 },
        { "tokens", NGX_LLM_LIMIT_QUOTA, NGX_LLM_UNIT_TOKENS, 1800 },
        { "cost", NGX_LLM_LIMIT_QUOTA, NGX_LLM_UNIT_COST, 12345678 },
        { "rate", NGX_LLM_LIMIT_RATE, NGX_LLM_UNIT_REQUESTS, 1 },
        { "slots", NGX_LLM_LIMIT_CONCURRENCY, NGX_LLM_UNIT_SLOTS, 1 }
    };

    static const char  *sums[BENCH_SUMS] = {
        "key", "team", "model", "provider"
    };

    for (i = 0; i < BENCH_LIMITS; i++) {
        bench_name(&key->items[i].name, limits[i].what, n);

        key->items[i].kind = limits[i].kind;
        key->items[i].unit = limits[i].unit;
        key->items[i].amount = limits[i].amount;
        key->items[i].limit = 1000000000000000;

        if (limits[i].kind == NGX_LLM_LIMIT_QUOTA) {
            key->items[i].period = BENCH_DATE;
            key->items[i].reset = BENCH_DATE + BENCH_DAY;
        }

        if (limits[i].kind == NGX_LLM_LIMIT_RATE) {
            key->items[i].rate = 1000000000;
            key->items[i].rate_time = 1000;
        }
    }

    for (i = 0; i < BENCH_SUMS; i++) {
        bench_name(&key->rows[i].name, sums[i], i ? 0 : n);

        key->rows[i].day = BENCH_DATE;
        key->rows[i].kind = i + 1;
        key->rows[i].text.data = bench_value;
        key->rows[i].text.len = sizeof(bench_value) - 1;
    }
}


static void
bench_name(ngx_llm_name_t *name, const char *what, ngx_uint_t n)
{
    ngx_str_t       parts[2];
    ngx_llm_name_t  key;

    memset(&key, 0, sizeof(ngx_llm_name_t));

    parts[0].data = (u_char *) what;
    parts[0].len = strlen(what);
    parts[1].data = (u_char *) &n;
    parts[1].len = sizeof(ngx_uint_t);

    ngx_llm_ledger_name(name, &key, parts, 2);
}


static void
bench_cost(const char *what, ngx_uint_t nkeys, ngx_str_t *line)
{
    uint32_t    cost[BENCH_ROUNDS];
    uint64_t    begin;
    ngx_uint_t  i;

    bench_requests(nkeys, nkeys, line);

    for (i = 0; i < BENCH_ROUNDS; i++) {
        begin = bench_now(CLOCK_PROCESS_CPUTIME_ID);

        bench_requests(bench_n, nkeys, line);

        cost[i] = (bench_now(CLOCK_PROCESS_CPUTIME_ID) - begin) / bench_n;
    }

    qsort(cost, BENCH_ROUNDS, sizeof(uint32_t), bench_compare);

    printf("%-42s %12.2f %8.2f\n", what,
           (double) cost[BENCH_ROUNDS / 2] / 1000, (double) cost[0] / 1000);
}


static void
bench_requests(ngx_uint_t requests, ngx_uint_t nkeys, ngx_str_t *line)
{
    ngx_uint_t  i;

    for (i = 0; i < requests; i++) {
        bench_ms += (i % 8 == 0);
        bench_request(&bench_all[i % nkeys], line);
    }
}


static void
bench_request(bench_key_t *key, ngx_str_t *line)
{
    int64_t         sums[NGX_LLM_LEDGER_SUMS];
    int64_t         amounts[BENCH_LIMITS];
    ngx_uint_t      i, res, which;
    ngx_llm_seq_t   seq;
    ngx_llm_item_t  items[BENCH_LIMITS];

    /* the out members come back in it */

    memcpy(items, key->items, sizeof(items));

    if (ngx_llm_ledger_reserve(&bench_ledger, items, BENCH_LIMITS, bench_ms,
                               BENCH_DATE, &res, &which)
        != NGX_OK)
    {
        fprintf(stderr, "ledger: a request was refused\n");
        exit(1);
    }

    for (i = 0; i < BENCH_LIMITS; i++) {
        amounts[i] = items[i].amount > 1 ? items[i].amount / 2 : 1;
    }

    for (i = 0; i < NGX_LLM_LEDGER_SUMS; i++) {
        sums[i] = i;
    }

    ngx_llm_ledger_seq(&bench_ledger, &seq);

    ngx_llm_ledger_settle(&bench_ledger, res, amounts, BENCH_LIMITS, key->rows,
                          BENCH_SUMS, sums, &seq, line, BENCH_DATE);

    ngx_llm_ledger_apply(&bench_ledger, res, bench_ms, BENCH_DATE);
}


/*
 * The same three times, of each hold the least counts: in the others the
 * process may have lost its processor.
 */

static void
bench_holds(const char *what, void (*work)(void))
{
    ngx_uint_t  i;

    bench_known = 0;

    for (i = 0; i < 3; i++) {
        bench_nheld = 0;
        work();
        bench_known = bench_nheld;
    }

    qsort(bench_held, bench_nheld, sizeof(uint32_t), bench_compare);

    printf("%-24s %9zu %8.2f %8.2f %8.2f %8.2f\n", what, bench_nheld,
           (double) bench_held[bench_nheld / 2] / 1000,
           (double) bench_held[bench_nheld * 99 / 100] / 1000,
           (double) bench_held[bench_nheld * 999 / 1000] / 1000,
           (double) bench_held[bench_nheld - 1] / 1000);
}


static void
bench_all_keys(void)
{
    bench_requests(bench_n, BENCH_KEYS, &bench_line);
}


static void
bench_expire(void)
{
    ngx_llm_ledger_expire(&bench_ledger, bench_ms, BENCH_DATE,
                          BENCH_DATE - BENCH_DAY);
}


static void
bench_save(void)
{
    if (ngx_llm_ledger_save(&bench_ledger, bench_write, NULL, bench_ms,
                            BENCH_DATE)
        != NGX_OK)
    {
        fprintf(stderr, "ledger: the snapshot failed\n");
        exit(1);
    }
}


static ngx_int_t
bench_write(void *data, u_char *p, size_t len)
{
    (void) data;
    (void) p;
    (void) len;

    return NGX_OK;
}


/* what an uncontended lock of nginx's is: one exchange, and one back */

static void
bench_lock(void *data)
{
    (void) data;

    while (!__sync_bool_compare_and_swap(&bench_mutex, 0, 1)) { /* void */ }
}


static void
bench_unlock(void *data)
{
    (void) data;

    (void) __sync_bool_compare_and_swap(&bench_mutex, 1, 0);
}


static void
bench_timed_lock(void *data)
{
    bench_lock(data);
    bench_taken = bench_now(CLOCK_MONOTONIC);
}


static void
bench_timed_unlock(void *data)
{
    uint64_t  held;

    held = bench_now(CLOCK_MONOTONIC) - bench_taken;

    if (bench_nheld < bench_known) {
        held = ngx_min(held, bench_held[bench_nheld]);
    }

    if (bench_nheld < BENCH_HOLDS) {
        bench_held[bench_nheld++] = (uint32_t) ngx_min(held, 0xffffffff);
    }

    bench_unlock(data);
}


static int
bench_compare(const void *one, const void *two)
{
    uint32_t  a, b;

    a = *(const uint32_t *) one;
    b = *(const uint32_t *) two;

    return (a > b) - (a < b);
}


/* nanoseconds */

static uint64_t
bench_now(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}
