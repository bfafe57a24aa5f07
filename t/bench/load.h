
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What the files of the load generator share.
 */


#ifndef _LOAD_H_INCLUDED_
#define _LOAD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


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


void load_rounds(void);
void load_hold(void);

void load_connect(load_conn_t *c);
void load_send(load_conn_t *c, load_target_t *t);
int load_wait(int again, int timeout);

uint64_t load_now(void);
double load_cpu(void);
double load_memory(void);
void load_die(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));


extern char           *load_case;
extern char           *load_mark;
extern uint64_t        load_nconns;
extern uint64_t        load_nrounds;
extern uint64_t        load_ms;

extern load_target_t   load_targets[LOAD_TARGETS];
extern size_t          load_ntargets;
extern load_target_t  *load_current;

extern uint32_t       *load_samples;    /* microseconds */
extern size_t          load_nsamples;
extern uint64_t        load_sent;
extern uint64_t        load_requests;
extern uint64_t        load_events;
extern int             load_epoll;


#endif /* _LOAD_H_INCLUDED_ */
