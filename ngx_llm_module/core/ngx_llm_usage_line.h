
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A request as the usage log has it: one line of JSON (RFC 8259) that begins
 * with {"time": and ends with a newline.  docs/usage-log.md lists the members.
 *
 * A quote inside a string is written as \", so {"time": never stands inside a
 * line.  A write that was cut leaves a torn line, and the next one glued to
 * it: whoever reads looks for the last {"time": in what it cannot parse.
 */


#ifndef _NGX_LLM_USAGE_LINE_H_INCLUDED_
#define _NGX_LLM_USAGE_LINE_H_INCLUDED_


#include "ngx_llm_ledger.h"


#define NGX_LLM_USAGE_PAIRS       16    /* tags, and values of per= */
#define NGX_LLM_USAGE_VALUE       256   /* bytes of a string; more is cut */


typedef struct {
    ngx_str_t                   name;   /* plain */
    ngx_str_t                   value;
} ngx_llm_usage_pair_t;


/*
 * Strings are plain; data == NULL is absent, and so are numbers of -1.  "time"
 * is always there, and "status" of a request.
 */

typedef struct {
    int64_t                     time;   /* ms of the wall clock: when it was
                                           admitted; the day that it counts
                                           for is the day of this */
    ngx_llm_seq_t               seq;    /* boot 0: absent */
    ngx_str_t                   id;
    ngx_str_t                   key;
    ngx_str_t                   team;
    ngx_str_t                   user;
    ngx_str_t                   request_model;  /* as the client wrote it */
    ngx_str_t                   model;          /* public one that served */
    ngx_str_t                   provider;
    ngx_str_t                   upstream_model;
    ngx_str_t                   finish_reason;
    ngx_str_t                   error;          /* code, "shutdown" ... */
    ngx_str_t                   client;         /* address */

    /*
     * How a limit stands, changed by hand.  With an action it is no request:
     * nothing but time, seq, key or team, client and what follows counts.
     */
    ngx_str_t                   action;         /* "credit", "reset" */
    ngx_str_t                   limit;          /* statement, for people */
    ngx_llm_name_t              counter;
    int64_t                     amount;         /* taken off what is used, in
                                                   the limit's unit; of a reset
                                                   it may be below 0 */
    int64_t                     status;         /* of a change: -1 */
    int64_t                     attempts;
    int64_t                     prompt;         /* tokens, as in
                                                   ngx_llm_usage_t */
    int64_t                     completion;
    int64_t                     cached;
    int64_t                     cache_write;
    int64_t                     reasoning;
    int64_t                     cost;           /* nano-dollars */
    int64_t                     ttft;           /* ms */
    int64_t                     duration;       /* ms */
    ngx_uint_t                  ntags;
    ngx_llm_usage_pair_t        tags[NGX_LLM_USAGE_PAIRS];

    /*
     * what limits with per=$variable counted under: the variable's name and
     * value; nobody could know them at a replay
     */
    ngx_uint_t                  nper;
    ngx_llm_usage_pair_t        per[NGX_LLM_USAGE_PAIRS];

    unsigned                    money:1;        /* "amount": nano-dollars */
    unsigned                    stream:1;
    unsigned                    estimated:1;    /* usage is the gateway's */
    unsigned                    uncharged:1;    /* counts for no limit: it
                                                   failed, or was refused */
} ngx_llm_usage_record_t;


/* all numbers to -1, all else to absent */
void ngx_llm_usage_record_init(ngx_llm_usage_record_t *rec);

/*
 * Writes the line, its newline included, into buf of NGX_LLM_LEDGER_LINE
 * bytes.  Always succeeds: values that are too long are cut at a character,
 * pairs and then optional strings that do not fit are left out.
 */
void ngx_llm_usage_line_write(ngx_llm_usage_record_t *rec, u_char *buf,
    ngx_str_t *line);

/*
 * Reads a line, with or without its newline.  The text is decoded in place:
 * strings of the record are slices of it.  Members that are not known are
 * passed over.  NGX_OK; NGX_DECLINED: it is no such line.
 */
ngx_int_t ngx_llm_usage_line_read(ngx_str_t *line,
    ngx_llm_usage_record_t *rec);

/*
 * A value as it will be read back from a line: what is too long is cut, what
 * is no UTF-8 replaced.  Counters that are to be found again at a replay are
 * named by this.  Returns the value itself or a slice of buf, which has
 * NGX_LLM_USAGE_NORMAL bytes.
 */

#define NGX_LLM_USAGE_NORMAL  (NGX_LLM_USAGE_VALUE * 6 + 2)

ngx_str_t ngx_llm_usage_normal(ngx_str_t *value, u_char *buf);

/* "seq":"..." as it stands in a line; buf of NGX_LLM_USAGE_SEQ bytes */

#define NGX_LLM_USAGE_SEQ                                                    \
    (sizeof("\"seq\":\"--\"") + 3 * NGX_INT64_LEN)

void ngx_llm_usage_seq(ngx_llm_seq_t *seq, u_char *buf, ngx_str_t *text);


/*
 * Reads a file that comes in pieces of any size.  Each line that parses, or
 * whose end does, goes to handler(); the record is valid until it returns.
 * What is longer than a line may be is torn.
 */

typedef ngx_int_t (*ngx_llm_usage_handler_pt)(void *data,
    ngx_llm_usage_record_t *rec);

typedef struct {
    ngx_llm_usage_handler_pt    handler;
    void                       *data;
    uint64_t                    lines;  /* records given to the handler */
    uint64_t                    torn;   /* pieces that are no record */
    uint64_t                    bytes;  /* taken */
    size_t                      len;    /* of what is held */
    unsigned                    skip:1; /* what is held was too long */
    u_char                      held[2 * NGX_LLM_LEDGER_LINE];
} ngx_llm_usage_reader_t;


void ngx_llm_usage_reader_init(ngx_llm_usage_reader_t *reader,
    ngx_llm_usage_handler_pt handler, void *data);

/*
 * The piece is decoded in place.  NGX_OK, or what the handler returned
 * instead.
 */
ngx_int_t ngx_llm_usage_reader_data(ngx_llm_usage_reader_t *reader,
    u_char *p, size_t len);

/*
 * The file has no more: what is held without a newline is read as a line.
 * For a file that somebody still writes leave this out, and call it with new
 * data instead.
 */
ngx_int_t ngx_llm_usage_reader_end(ngx_llm_usage_reader_t *reader);


#endif /* _NGX_LLM_USAGE_LINE_H_INCLUDED_ */
