
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Rounds of slices, or connections that are held; what is printed of them.
 */


#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


static load_conn_t *load_conns(size_t n, load_conn_t **conns);
static void load_marked(void);
static void load_slice(load_target_t *t, load_conn_t *conns, uint64_t round);
static void load_report(load_target_t *t, uint64_t round, double seconds,
    double cpu);
static int load_compare(const void *one, const void *two);
static double load_percentile(double part);


void
load_rounds(void)
{
    size_t        n;
    uint64_t      round;
    load_conn_t  *conns[LOAD_TARGETS];

    for (n = 0; n < load_ntargets; n++) {
        conns[n] = load_conns(n, conns);
    }

    /* round 0 opens the connections: whoever reads the report skips it */

    for (round = 0; round <= load_nrounds; round++) {

        for (n = 0; n < load_ntargets; n++) {
            load_slice(&load_targets[n], conns[n], round);

            if (round > 0) {
                load_marked();
            }
        }

        if (round == 0) {
            load_marked();
        }
    }
}


/* those of the port: the same workers serve all its targets */

static load_conn_t *
load_conns(size_t n, load_conn_t **conns)
{
    size_t        i;
    load_conn_t  *c;

    for (i = 0; i < n; i++) {
        if (load_targets[i].server.port == load_targets[n].server.port) {
            return conns[i];
        }
    }

    c = calloc(load_nconns, sizeof(load_conn_t));
    if (c == NULL) {
        load_die("no memory");
    }

    for (i = 0; i < load_nconns; i++) {
        c[i].fd = -1;
    }

    return c;
}


static void
load_marked(void)
{
    if (load_mark && system(load_mark) != 0) {
        load_die("\"%s\" failed", load_mark);
    }
}


static void
load_slice(load_target_t *t, load_conn_t *conns, uint64_t round)
{
    double    cpu;
    uint64_t  i, begin, end, busy;

    load_current = t;
    load_nsamples = 0;
    load_sent = 0;
    load_requests = 0;
    load_events = 0;

    for (i = 0; i < load_nconns; i++) {
        if (conns[i].fd == -1) {
            load_connect(&conns[i]);
        }
    }

    cpu = load_cpu();
    begin = load_now();
    end = begin + load_ms * 1000;

    for (i = 0; i < load_nconns; i++) {
        load_send(&conns[i], t);
    }

    busy = load_nconns;

    while (busy) {
        busy -= (uint64_t) load_wait(t->server.requests || load_now() < end,
                                     1000);
    }

    end = load_now();

    load_report(t, round, (double) (end - begin) / 1e6, load_cpu() - cpu);

    printf("\n");
}


void
load_hold(void)
{
    int             done;
    double          cpu, memory, most, now;
    uint64_t        i, begin, next, sample;
    load_conn_t    *conns;
    load_target_t  *t;

    t = &load_targets[0];
    load_current = t;

    conns = calloc(load_nconns, sizeof(load_conn_t));
    if (conns == NULL) {
        load_die("no memory");
    }

    /* an answer by itself warms what is made only once */

    load_connect(&conns[0]);
    load_send(&conns[0], t);

    while (load_wait(0, 1000) == 0) { /* void */ }

    close(conns[0].fd);

    load_nsamples = 0;
    load_sent = 0;
    load_requests = 0;
    load_events = 0;

    memory = load_memory();
    most = memory;
    cpu = load_cpu();
    begin = load_now();
    sample = begin;
    done = 0;
    i = 0;

    while (done < (int) load_nconns) {

        /* they open over "slice" milliseconds */

        for ( /* void */ ; i < load_nconns; i++) {
            next = begin + load_ms * 1000 * i / load_nconns;

            if (load_now() < next) {
                break;
            }

            load_connect(&conns[i]);
            load_send(&conns[i], t);
        }

        done += load_wait(0, i < load_nconns ? 1 : 100);

        if (load_now() - sample > 200000) {
            sample = load_now();
            now = load_memory();

            if (now > most) {
                most = now;
            }
        }
    }

    load_report(t, 1, (double) (load_now() - begin) / 1e6, load_cpu() - cpu);

    printf(" %.2f\n", (most - memory) / (double) load_nconns);
}


static void
load_report(load_target_t *t, uint64_t round, double seconds, double cpu)
{
    qsort(load_samples, load_nsamples, sizeof(uint32_t), load_compare);

    printf("%s %llu %s %llu %llu %.6f %.1f %.0f %.0f %llu", load_case,
           (unsigned long long) load_nconns, t->label,
           (unsigned long long) round, (unsigned long long) load_requests,
           seconds, cpu, load_percentile(0.5), load_percentile(0.99),
           (unsigned long long) load_events);
}


static int
load_compare(const void *one, const void *two)
{
    uint32_t  a, b;

    a = *(const uint32_t *) one;
    b = *(const uint32_t *) two;

    return (a > b) - (a < b);
}


static double
load_percentile(double part)
{
    if (load_nsamples == 0) {
        return 0;
    }

    return load_samples[(size_t) ((double) (load_nsamples - 1) * part)];
}
