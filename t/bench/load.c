
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The client of the benchmark:
 *
 *     load name=value ... -- label uri body-file events ...
 *
 * asks several targets in turn, each for a slice of time, round after round,
 * so that whatever else the machine does meets all of them.  Targets on one
 * port share its connections.  One line a slice is printed:
 *
 *     case conns label round requests seconds worker-us p50-us p99-us events
 *
 * "events" of a target is what each of its answers must hold at least, 0 for
 * plain answers.  An answer that is not a whole 200 ends the run: the speed of
 * errors is of no interest.
 *
 * port=, pid= (of the workers, by commas), key= and requests= may also stand
 * between targets, for those that follow.  With requests=n a slice is so many
 * requests, however long they take.  mark= is a command that is run after
 * round 0, and after each slice from then on.
 *
 * With hold=1 there are no slices: each connection asks once, the answers are
 * slow, and the line ends with what the worker's memory grew by while all of
 * them were open:
 *
 *     case conns label 1 requests seconds worker-us p50-us p99-us events kib
 *
 * p50 and p99 are times to the last byte, for streams to the first event.
 */


#include <sys/epoll.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>


#define LOAD_HEAD     8192
#define LOAD_READ     65536
#define LOAD_TARGETS  64
#define LOAD_PIDS     16
#define LOAD_SAMPLES  4000000
#define LOAD_CONNS    20000

/* no answer for so long means that there will be none */
#define LOAD_STALL    20000


typedef enum {
    sw_head = 0,
    sw_length,
    sw_size,
    sw_size_end,
    sw_data,
    sw_data_end,
    sw_trailer
} load_state_e;


typedef struct {
    int           port;
    int           pids[LOAD_PIDS];
    int           npids;
    char         *key;
    uint64_t      requests;     /* of a slice; 0: by time */
} load_server_t;


typedef struct {
    char          *label;
    char          *request;
    size_t         len;
    uint64_t       events;
    load_server_t  server;
} load_target_t;


typedef struct {
    int           fd;
    load_state_e  state;
    uint64_t      rest;         /* of the body or the chunk */
    uint64_t      body;
    uint64_t      events;
    uint64_t      begun;
    uint64_t      first;        /* 0: no byte of the body yet */
    size_t        head;
    unsigned      newline:1;    /* the last byte was one */
    unsigned      blank:1;      /* of a trailer, the line so far */
    unsigned      busy:1;
    char          line[LOAD_HEAD];
} load_conn_t;


static void load_options(int argc, char **argv);
static void load_option(char *arg);
static void load_pids(char *list);
static void load_target(load_target_t *t, char **argv);
static char *load_file(char *name, size_t *len);
static void load_rounds(void);
static load_conn_t *load_conns(size_t n, load_conn_t **conns);
static void load_marked(void);
static void load_slice(load_target_t *t, load_conn_t *conns, uint64_t round);
static void load_hold(void);
static void load_report(load_target_t *t, uint64_t round, double seconds,
    double cpu);
static void load_connect(load_conn_t *c);
static void load_send(load_conn_t *c, load_target_t *t);
static int load_wait(int again, int timeout);
static int load_receive(load_conn_t *c);
static char *load_header(load_conn_t *c, char *p, char *last);
static char *load_body(load_conn_t *c, char *p, size_t len);
static int load_done(load_conn_t *c);
static int load_compare(const void *one, const void *two);
static double load_percentile(double part);
static uint64_t load_now(void);
static double load_cpu(void);
static double load_cpu_of(int pid);
static double load_memory(void);
static void load_die(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));


static char          *load_case = "-";
static char          *load_mark;
static load_server_t  load_server = { .key = "none" };
static uint64_t       load_nconns = 1;
static uint64_t       load_nrounds = 1;
static uint64_t       load_ms = 250;
static int            load_holds;

static load_target_t  load_targets[LOAD_TARGETS];
static size_t         load_ntargets;
static load_target_t *load_current;

static uint32_t      *load_samples;     /* microseconds */
static size_t         load_nsamples;
static uint64_t       load_sent;
static uint64_t       load_requests;
static uint64_t       load_events;
static int            load_epoll;
static char           load_buf[LOAD_READ];


int
main(int argc, char **argv)
{
    load_options(argc, argv);

    load_samples = malloc(LOAD_SAMPLES * sizeof(uint32_t));
    load_epoll = epoll_create1(0);

    if (load_samples == NULL || load_epoll == -1) {
        load_die("no memory");
    }

    if (load_holds) {
        load_hold();

    } else {
        load_rounds();
    }

    return 0;
}


static void
load_options(int argc, char **argv)
{
    int  i;

    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        load_option(argv[i]);
    }

    if (load_nconns == 0 || load_nconns > LOAD_CONNS) {
        load_die("bad number of connections");
    }

    i++;

    while (i < argc) {

        if (strchr(argv[i], '=')) {
            load_option(argv[i++]);
            continue;
        }

        if (argc - i < 4) {
            load_die("a target is a label, a URI, a file and a number");
        }

        if (load_ntargets == LOAD_TARGETS) {
            load_die("too many targets");
        }

        load_target(&load_targets[load_ntargets++], &argv[i]);
        i += 4;
    }

    if (load_ntargets == 0) {
        load_die("there is no target");
    }
}


static void
load_option(char *arg)
{
    char  *value;

    value = strchr(arg, '=');
    if (value == NULL) {
        load_die("\"%s\" is no option", arg);
    }

    *value++ = '\0';

    if (strcmp(arg, "case") == 0) {
        load_case = value;

    } else if (strcmp(arg, "mark") == 0) {
        load_mark = value;

    } else if (strcmp(arg, "key") == 0) {
        load_server.key = value;

    } else if (strcmp(arg, "port") == 0) {
        load_server.port = atoi(value);

    } else if (strcmp(arg, "pid") == 0) {
        load_pids(value);

    } else if (strcmp(arg, "requests") == 0) {
        load_server.requests = strtoull(value, NULL, 10);

    } else if (strcmp(arg, "conns") == 0) {
        load_nconns = strtoull(value, NULL, 10);

    } else if (strcmp(arg, "rounds") == 0) {
        load_nrounds = strtoull(value, NULL, 10);

    } else if (strcmp(arg, "slice") == 0) {
        load_ms = strtoull(value, NULL, 10);

    } else if (strcmp(arg, "hold") == 0) {
        load_holds = atoi(value);

    } else {
        load_die("unknown option \"%s\"", arg);
    }
}


static void
load_pids(char *list)
{
    char  *pid;

    load_server.npids = 0;

    for (pid = strtok(list, ","); pid; pid = strtok(NULL, ",")) {

        if (load_server.npids == LOAD_PIDS) {
            load_die("too many processes");
        }

        load_server.pids[load_server.npids++] = atoi(pid);
    }
}


static void
load_target(load_target_t *t, char **argv)
{
    int     n;
    char   *body;
    size_t  len, max;

    body = load_file(argv[2], &len);

    max = len + LOAD_HEAD;

    t->server = load_server;
    t->label = argv[0];
    t->events = strtoull(argv[3], NULL, 10);
    t->request = malloc(max);

    if (t->request == NULL) {
        load_die("no memory");
    }

    n = snprintf(t->request, LOAD_HEAD,
                 "POST %s HTTP/1.1\r\n"
                 "Host: bench\r\n"
                 "User-Agent: OpenAI/Python 1.68.2\r\n"
                 "Accept: application/json\r\n"
                 "Authorization: Bearer %s\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n", argv[1], load_server.key, len);

    if (n < 0 || n >= LOAD_HEAD) {
        load_die("the request's header is too long");
    }

    memcpy(t->request + n, body, len);
    t->len = (size_t) n + len;

    free(body);
}


static char *
load_file(char *name, size_t *len)
{
    int      fd;
    char    *data;
    ssize_t  n;

    data = malloc(4 * 1024 * 1024);
    fd = open(name, O_RDONLY);

    if (data == NULL || fd == -1) {
        load_die("cannot read \"%s\"", name);
    }

    *len = 0;

    for ( ;; ) {
        n = read(fd, data + *len, 4 * 1024 * 1024 - *len);

        if (n <= 0) {
            break;
        }

        *len += (size_t) n;
    }

    close(fd);

    return data;
}


static void
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


static void
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


static void
load_connect(load_conn_t *c)
{
    int                 on;
    struct epoll_event  ee;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(struct sockaddr_in));

    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) load_current->server.port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1)
    {
        load_die("cannot connect: %s", strerror(errno));
    }

    on = 1;
    (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(int));

    memset(&ee, 0, sizeof(struct epoll_event));

    ee.events = EPOLLIN;
    ee.data.ptr = c;

    if (epoll_ctl(load_epoll, EPOLL_CTL_ADD, c->fd, &ee) == -1) {
        load_die("cannot watch a connection: %s", strerror(errno));
    }
}


static void
load_send(load_conn_t *c, load_target_t *t)
{
    size_t   sent;
    ssize_t  n;

    c->state = sw_head;
    c->rest = 0;
    c->body = 0;
    c->events = 0;
    c->first = 0;
    c->head = 0;
    c->newline = 0;
    c->busy = 1;
    c->begun = load_now();
    load_sent++;

    for (sent = 0; sent < t->len; sent += (size_t) n) {

        n = send(c->fd, t->request + sent, t->len - sent, MSG_NOSIGNAL);

        if (n <= 0) {
            load_die("cannot send: %s", strerror(errno));
        }
    }
}


/*
 * Takes what has come.  With again set, whoever has its answer asks again, if
 * there is something left to ask; returns the number of those who did not.
 */

static int
load_wait(int again, int timeout)
{
    int                  i, n, done;
    load_conn_t         *c;
    struct epoll_event   events[256];

    static int           silent;

    n = epoll_wait(load_epoll, events, 256, timeout);

    if (n == -1 && errno != EINTR) {
        load_die("cannot wait: %s", strerror(errno));
    }

    silent = (n > 0) ? 0 : silent + timeout;

    if (silent >= LOAD_STALL) {
        load_die("%s: no answer in %d seconds", load_current->label,
                 LOAD_STALL / 1000);
    }

    done = 0;

    for (i = 0; i < n; i++) {
        c = events[i].data.ptr;

        if (!load_receive(c)) {
            continue;
        }

        if (again && load_sent != load_current->server.requests) {
            load_send(c, load_current);

        } else {
            done++;
        }
    }

    return done;
}


/* 1: the answer is whole */

static int
load_receive(load_conn_t *c)
{
    char     *p, *last;
    size_t    size;
    ssize_t   n;

    n = recv(c->fd, load_buf, LOAD_READ, MSG_DONTWAIT);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }

    if (n <= 0 || !c->busy) {
        load_die("%s: the connection was closed", load_current->label);
    }

    p = load_buf;
    last = p + n;

    if (c->state == sw_head) {
        p = load_header(c, p, last);
    }

    if (c->first == 0 && p < last) {
        c->first = load_now();
    }

    while (p < last) {

        switch (c->state) {

        case sw_length:
        case sw_data:

            size = (size_t) (last - p);

            if (size > c->rest) {
                size = (size_t) c->rest;
            }

            p = load_body(c, p, size);
            c->rest -= size;

            if (c->rest == 0) {
                if (c->state == sw_length) {
                    return load_done(c);
                }

                c->state = sw_data_end;
            }

            break;

        case sw_size:

            if (*p >= '0' && *p <= '9') {
                c->rest = c->rest * 16 + (uint64_t) (*p - '0');

            } else if ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'f') {
                c->rest = c->rest * 16 + (uint64_t) ((*p | 0x20) - 'a' + 10);

            } else if (*p == '\r') {
                c->state = sw_size_end;

            } else {
                load_die("%s: bad chunk", load_current->label);
            }

            p++;
            break;

        case sw_size_end:

            c->state = c->rest ? sw_data : sw_trailer;
            c->blank = 1;
            p++;
            break;

        case sw_data_end:

            if (*p++ == '\n') {
                c->state = sw_size;
            }

            break;

        case sw_trailer:

            if (*p == '\n') {
                if (c->blank) {
                    return load_done(c);
                }

                c->blank = 1;

            } else if (*p != '\r') {
                c->blank = 0;
            }

            p++;
            break;

        default: /* sw_head */
            return 0;
        }
    }

    return 0;
}


static char *
load_header(load_conn_t *c, char *p, char *last)
{
    char    *end, *line;
    size_t   old, size;

    old = c->head;
    size = (size_t) (last - p);

    if (size > LOAD_HEAD - 1 - old) {
        size = LOAD_HEAD - 1 - old;
    }

    memcpy(c->line + old, p, size);
    c->head += size;
    c->line[c->head] = '\0';

    end = strstr(c->line, "\r\n\r\n");

    if (end == NULL) {
        if (c->head == LOAD_HEAD - 1) {
            load_die("%s: a header too long", load_current->label);
        }

        return last;
    }

    end += 4;

    if (strncmp(c->line, "HTTP/1.1 200 ", 13) != 0) {
        load_die("%s: the answer is \"%.*s\"", load_current->label,
                 (int) strcspn(c->line, "\r"), c->line);
    }

    c->state = sw_trailer;

    for (line = strstr(c->line, "\r\n"); line + 4 < end;
         line = strstr(line, "\r\n"))
    {
        line += 2;

        if (strncasecmp(line, "Content-Length:", 15) == 0) {
            c->state = sw_length;
            c->rest = strtoull(line + 15, NULL, 10);

        } else if (strncasecmp(line, "Transfer-Encoding: chunked", 26) == 0) {
            c->state = sw_size;
            c->rest = 0;
        }
    }

    if (c->state == sw_trailer || (c->state == sw_length && c->rest == 0)) {
        load_die("%s: an answer without a body", load_current->label);
    }

    return p + ((size_t) (end - c->line) - old);
}


/* an empty line ends an event */

static char *
load_body(load_conn_t *c, char *p, size_t len)
{
    char  *last;

    last = p + len;
    c->body += len;

    if (load_current->events == 0) {
        return last;
    }

    while (p < last) {

        if (*p == '\n') {

            if (c->newline) {
                c->events++;
            }

            c->newline = !c->newline;
            p++;
            continue;
        }

        c->newline = 0;

        p = memchr(p, '\n', (size_t) (last - p));
        if (p == NULL) {
            break;
        }
    }

    return last;
}


static int
load_done(load_conn_t *c)
{
    uint64_t  now;

    if (c->events < load_current->events) {
        load_die("%s: %llu events instead of %llu", load_current->label,
                 (unsigned long long) c->events,
                 (unsigned long long) load_current->events);
    }

    now = load_current->events ? c->first : load_now();

    if (load_nsamples < LOAD_SAMPLES) {
        load_samples[load_nsamples++] = (uint32_t) (now - c->begun);
    }

    load_requests++;
    load_events += c->events;
    c->busy = 0;

    return 1;
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


/* microseconds */

static uint64_t
load_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


/* the workers' time on a processor so far, microseconds */

static double
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

static double
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


static void
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
