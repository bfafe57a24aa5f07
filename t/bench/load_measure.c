
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The clock, and what the workers take of processor and memory.
 */


#include "load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


static double load_cpu_of(int pid);


/* microseconds */

uint64_t
load_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


/* the workers' time on a processor so far, microseconds */

double
load_cpu(void)
{
    int     i;
    double  sum;

    sum = 0;

    for (i = 0; i < load_current->server.npids; i++) {
        sum += load_cpu_of(load_current->server.pids[i]);
    }

    return sum;
}


static double
load_cpu_of(int pid)
{
    char                 name[64], line[1024], *p;
    FILE                *f;
    unsigned long        user, sys;
    unsigned long long   ns;

    snprintf(name, sizeof(name), "/proc/%d/schedstat", pid);
    f = fopen(name, "r");

    if (f) {
        if (fscanf(f, "%llu", &ns) != 1) {
            ns = 0;
        }

        fclose(f);

        if (ns) {
            return (double) ns / 1000;
        }
    }

    /* where the kernel has no such statistics: ticks */

    snprintf(name, sizeof(name), "/proc/%d/stat", pid);
    f = fopen(name, "r");

    if (f == NULL || fgets(line, sizeof(line), f) == NULL) {
        load_die("the worker %d is gone", pid);
    }

    fclose(f);

    p = strrchr(line, ')');

    if (p == NULL
        || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu "
                         "%lu", &user, &sys) != 2)
    {
        load_die("cannot read \"%s\"", name);
    }

    return (double) (user + sys) * 1e6 / (double) sysconf(_SC_CLK_TCK);
}


/* the worker's memory that it shares with nobody, KiB */

double
load_memory(void)
{
    char           name[64], line[256];
    FILE          *f;
    double         sum;
    unsigned long  kib;

    snprintf(name, sizeof(name), "/proc/%d/smaps_rollup",
             load_current->server.pids[0]);

    f = fopen(name, "r");
    if (f == NULL) {
        load_die("cannot read \"%s\": %s", name, strerror(errno));
    }

    sum = 0;

    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "Private_Clean: %lu", &kib) == 1
            || sscanf(line, "Private_Dirty: %lu", &kib) == 1)
        {
            sum += (double) kib;
        }
    }

    fclose(f);

    return sum;
}


void
load_die(const char *fmt, ...)
{
    va_list  args;

    fflush(stdout);
    fprintf(stderr, "load: ");

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fprintf(stderr, "\n");

    exit(1);
}
