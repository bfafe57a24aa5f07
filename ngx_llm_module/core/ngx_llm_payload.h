
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream that Amazon passes on in payloads of its own messages: server-sent
 * events or lines of JSON, cut anywhere (InvokeEndpointWithResponseStream in
 * the API Reference of SageMaker Runtime, PayloadPart).
 */


#ifndef _NGX_LLM_PAYLOAD_H_INCLUDED_
#define _NGX_LLM_PAYLOAD_H_INCLUDED_


#include "ngx_llm_core.h"
#include "ngx_llm_eventstream.h"
#include "ngx_llm_ndjson.h"
#include "ngx_llm_sse.h"


/* told by the first byte that is not blank */

typedef enum {
    NGX_LLM_PAYLOAD_UNKNOWN = 0,
    NGX_LLM_PAYLOAD_EVENTS,
    NGX_LLM_PAYLOAD_LINES
} ngx_llm_payload_e;


typedef struct {
    ngx_llm_eventstream_t   *messages;
    ngx_llm_sse_t           *events;
    ngx_llm_ndjson_t        *lines;
    u_char                  *pos;       /* of a payload: not yet read */
    u_char                  *last;
    ngx_llm_payload_e        form;
    unsigned                 ended:1;   /* the empty frame was given */
} ngx_llm_payload_t;


/* the three readers are initialized, and this one's alone from now on */
void ngx_llm_payload_init(ngx_llm_payload_t *payload,
    ngx_llm_eventstream_t *messages, ngx_llm_sse_t *events,
    ngx_llm_ndjson_t *lines);

/*
 * Takes bytes from *pos up to last.  NGX_OK: a frame of the inner stream, or
 * an exception or error among the messages, whose "raw" is empty; call again
 * for more, with the same bytes as long as it is NGX_OK.  NGX_AGAIN: all
 * consumed.  NGX_ERROR: a message or a frame that is too long or broken, or no
 * memory.  Messages of other types are skipped.
 */
ngx_int_t ngx_llm_payload_next(ngx_llm_payload_t *payload, u_char **pos,
    u_char *last, ngx_llm_frame_t *frame);

/*
 * At the end of the input.  NGX_OK: a last frame without its blank line or LF;
 * behind lines an empty one, whose "raw" is absent.  NGX_DONE; NGX_ERROR: a
 * message is cut.
 */
ngx_int_t ngx_llm_payload_last(ngx_llm_payload_t *payload,
    ngx_llm_frame_t *frame);


#endif /* _NGX_LLM_PAYLOAD_H_INCLUDED_ */
