
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Amazon's event stream, application/vnd.amazon.eventstream, push style
 * (smithy-lang/smithy, docs/source-2.0/aws/amazon-eventstream.rst): binary
 * messages, each with its length, headers, a payload and two CRCs.
 */


#ifndef _NGX_LLM_EVENTSTREAM_H_INCLUDED_
#define _NGX_LLM_EVENTSTREAM_H_INCLUDED_


#include "ngx_llm_core.h"


/* bytes of a message besides headers and payload */
#define NGX_LLM_EVENTSTREAM_MIN          16

/* bounds of the headers: what the format allows; what anybody sends */
#define NGX_LLM_EVENTSTREAM_HEADERS      131072
#define NGX_LLM_EVENTSTREAM_MAX_HEADERS  64


typedef struct {
    ngx_pool_t      *pool;      /* for held bytes, which last over messages */
    size_t           max;       /* bytes of a message */
    u_char          *buf;       /* the message that is not whole yet */
    size_t           len;
    size_t           size;
    size_t           total;     /* of it: its length, 0: not known yet */
    unsigned         used:1;    /* buf holds the message last returned */
    unsigned         broken:1;  /* an error was found: there is no way on */
} ngx_llm_eventstream_t;


void ngx_llm_eventstream_init(ngx_llm_eventstream_t *es, ngx_pool_t *pool,
    size_t max);

/*
 * Takes bytes from *pos up to last.  NGX_OK: a message, *pos is behind it;
 * call again for more.  NGX_AGAIN: all consumed; what is not a whole message
 * is held in a copy, and only that.  NGX_ERROR, for good: a message longer
 * than max, a wrong CRC, headers that cannot be read, no memory.
 *
 * Of the frame "kind" is the message's type, "name" what its :event-type,
 * :exception-type or :error-code says, and "data" the payload, or of an error
 * its :error-message; all of them plain.
 */
ngx_int_t ngx_llm_eventstream_next(ngx_llm_eventstream_t *es, u_char **pos,
    u_char *last, ngx_llm_frame_t *frame);

/* at the end of the input: NGX_DONE, or NGX_ERROR if a message is cut */
ngx_int_t ngx_llm_eventstream_last(ngx_llm_eventstream_t *es);


#endif /* _NGX_LLM_EVENTSTREAM_H_INCLUDED_ */
