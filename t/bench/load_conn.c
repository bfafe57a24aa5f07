
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Connections: requests go out, answers are read.
 */


#include "load.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


static int load_receive(load_conn_t *c);
static char *load_header(load_conn_t *c, char *p, char *last);
static char *load_body(load_conn_t *c, char *p, size_t len);
static int load_done(load_conn_t *c);


static char  load_buf[LOAD_READ];


void
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


void
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

int
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
