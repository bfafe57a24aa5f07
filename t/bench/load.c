
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


#include "load.h"

#include <sys/epoll.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static void load_options(int argc, char **argv);
static void load_option(char *arg);
static void load_pids(char *list);
static void load_target(load_target_t *t, char **argv);
static char *load_file(char *name, size_t *len);


char                  *load_case = "-";
char                  *load_mark;
uint64_t               load_nconns = 1;
uint64_t               load_nrounds = 1;
uint64_t               load_ms = 250;

load_target_t          load_targets[LOAD_TARGETS];
size_t                 load_ntargets;
load_target_t         *load_current;

uint32_t              *load_samples;
size_t                 load_nsamples;
uint64_t               load_sent;
uint64_t               load_requests;
uint64_t               load_events;
int                    load_epoll;

static int             load_holds;
static load_server_t   load_server = { .key = "none" };


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
