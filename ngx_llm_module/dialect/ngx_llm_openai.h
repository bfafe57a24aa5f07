
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * OpenAI's chat completions.  What stands here is shared by the files of this
 * dialect; dialects that differ from it in little may use it too.
 */


#ifndef _NGX_LLM_OPENAI_H_INCLUDED_
#define _NGX_LLM_OPENAI_H_INCLUDED_


#include "ngx_llm_dialect.h"
#include "ngx_llm_quirks.h"


#define NGX_LLM_OPENAI_MAX_MODEL    512
#define NGX_LLM_OPENAI_MAX_STOP     64
#define NGX_LLM_OPENAI_MAX_CHOICES  128
#define NGX_LLM_OPENAI_MAX_TOOLS    1024
#define NGX_LLM_OPENAI_MAX_USER     64


/* a tool call of a stream, known by "index" or else by its id */

typedef struct {
    int64_t       index;        /* -1: not said; -2: of function_call */
    ngx_uint_t    hash;         /* of the id; 0: no id */
    ngx_str_t     id;           /* until it has begun */
    unsigned      begun:1;      /* TOOL_START was given */
    unsigned      ended:1;      /* TOOL_END was given */
    unsigned      custom:1;
} ngx_llm_openai_call_t;


typedef struct {
    ngx_array_t  *calls;        /* ngx_llm_openai_call_t, or NULL */
    unsigned      seen:1;
    unsigned      finished:1;
} ngx_llm_openai_choice_t;


/* a chunk that is looked at in passing, so far */

typedef struct {
    ngx_uint_t                depth;
    ngx_uint_t                flags;
    ngx_uint_t                nchoices;
    uint32_t                  nesting;      /* a bit a level: 1 is an object */
    uint32_t                  seen[5];      /* of members, by depth */
    unsigned                  choices:1;    /* inside of them */
    unsigned                  delta:1;
} ngx_llm_openai_scan_t;


/*
 * What a chunk has before its text, and behind it: most chunks of a stream
 * differ in the text alone
 */

#define NGX_LLM_OPENAI_HEAD  384
#define NGX_LLM_OPENAI_TAIL  128

typedef struct {
    ngx_llm_openai_scan_t     scan;         /* where the text begins */
    ngx_uint_t                flag;         /* of the text */
    ngx_uint_t                tail_flags;
    size_t                    head_len;
    size_t                    tail_len;     /* 0: none that is known */
    u_char                    head[NGX_LLM_OPENAI_HEAD];
    u_char                    tail[NGX_LLM_OPENAI_TAIL];
} ngx_llm_openai_mark_t;


typedef struct {
    ngx_llm_openai_choice_t   first;
    ngx_llm_openai_choice_t  *choices;      /* all, when there are more */
    ngx_llm_openai_mark_t    *mark;         /* NULL: not a splice */
    unsigned                  started:1;    /* START was given */
} ngx_llm_openai_reader_t;


typedef struct {
    ngx_str_t        head;      /* of every chunk, up to "choices" */
    u_char          *choices;   /* NGX_LLM_OPENAI_CHOICE_*, by number */
    ngx_array_t     *tools;     /* ngx_llm_openai_sent_t, or NULL */
    ngx_uint_t       block;     /* index in "thinking_blocks" */
    ngx_llm_usage_t  usage;
    unsigned         has_usage:1;
    unsigned         done:1;
} ngx_llm_openai_writer_t;


/* what is known while a client's request is read */

typedef struct {
    ngx_llm_chat_t   *chat;
    ngx_llm_error_t  *err;
    ngx_llm_json_t   *max_tokens;
    ngx_llm_json_t   *max_completion_tokens;
    ngx_llm_json_t   *messages;
    ngx_llm_json_t   *functions;
    ngx_llm_json_t   *function_call;
    ngx_llm_json_t   *stream_options;
    ngx_llm_tool_t   *plain_tools;  /* that were taken */
    ngx_llm_tool_t  **plain_tool;   /* the end of them */
    u_char            path[256];
} ngx_llm_openai_read_t;


/* client side: ngx_llm_openai_request.c, _messages.c, _response.c, _events.c */

ngx_int_t ngx_llm_openai_read_request(ngx_llm_chat_t *chat,
    ngx_llm_error_t *err);
ngx_int_t ngx_llm_openai_read_messages(ngx_llm_openai_read_t *rd);

/* ngx_llm_openai_tools.c */
ngx_int_t ngx_llm_openai_read_tools(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
ngx_int_t ngx_llm_openai_read_tool_choice(ngx_llm_openai_read_t *rd,
    ngx_llm_json_t *node);
ngx_int_t ngx_llm_openai_read_functions(ngx_llm_openai_read_t *rd);

/*
 * ngx_llm_openai_plain.c: what the parser may leave out (ngx_llm_json_take_pt),
 * data is an ngx_llm_openai_read_t; and answers that need no parser
 */
u_char *ngx_llm_openai_take_request(void *data, ngx_llm_json_t *member,
    u_char *p, u_char *last);
ngx_int_t ngx_llm_openai_plain_response(ngx_str_t *text,
    ngx_llm_response_t *res);

/* refuses the request: what is wrong with the member that the rest names */
ngx_int_t ngx_llm_openai_bad(ngx_llm_openai_read_t *rd, char *what,
    const char *fmt, ...);

void ngx_llm_openai_write_response(ngx_llm_writer_t *w,
    ngx_llm_response_t *res, ngx_llm_out_t *out);
void ngx_llm_openai_write_event(ngx_llm_writer_t *w, ngx_llm_event_t *ev,
    ngx_llm_out_t *out);

/* ngx_llm_openai_error.c */

void ngx_llm_openai_write_error(ngx_llm_error_t *err, ngx_llm_out_t *out);
void ngx_llm_openai_write_stream_error(ngx_llm_error_t *err,
    ngx_llm_out_t *out);
void ngx_llm_openai_read_error(ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *text, ngx_llm_error_t *err);

/* the member "error" of an answer, if it says that there is none: NULL */
ngx_llm_json_t *ngx_llm_openai_error_member(ngx_llm_json_t *root);

/* an error from a parsed body; status 200: it came inside an answer */
void ngx_llm_openai_error_node(ngx_pool_t *pool, ngx_uint_t status,
    ngx_llm_json_t *root, ngx_llm_error_t *err);

/* provider side: ngx_llm_openai_upstream.c, _edit.c, _prompt.c, _response.c */

ngx_int_t ngx_llm_openai_write_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
ngx_int_t ngx_llm_openai_write_messages(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_llm_out_t *out, ngx_llm_error_t *err);
ngx_int_t ngx_llm_openai_edit_request(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits, ngx_llm_error_t *err);
ngx_int_t ngx_llm_openai_read_response(ngx_str_t *text,
    ngx_llm_response_t *res, ngx_llm_error_t *err);
ngx_int_t ngx_llm_openai_read_frame(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame);

/* is it a JSON body in place of the stream, which can only be an error? */
ngx_uint_t ngx_llm_openai_bare(ngx_llm_frame_t *frame, ngx_str_t *text);

ngx_int_t ngx_llm_openai_read_end(ngx_llm_reader_t *reader);

/* ngx_llm_openai_calls.c: the tool calls of choice n */

#define NGX_LLM_OPENAI_NO_INDEX  -1
#define NGX_LLM_OPENAI_LEGACY    -2     /* of "function_call" */

ngx_int_t ngx_llm_openai_stream_calls(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_json_t *calls);
ngx_int_t ngx_llm_openai_stream_call(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_llm_json_t *node, int64_t index);
ngx_int_t ngx_llm_openai_end_calls(ngx_llm_reader_t *reader, ngx_uint_t n,
    ngx_uint_t except);

/* ngx_llm_openai_stream.c: the state of choice n, NULL: no memory */
ngx_llm_openai_choice_t *ngx_llm_openai_choice(ngx_llm_reader_t *reader,
    ngx_uint_t n);

/*
 * ngx_llm_openai_filter.c: NGX_DONE, the chunk is a note of a content filter
 * and nothing to a client: frame->raw is emptied; NGX_OK, it is read on, and
 * frame->raw may have been mended (in reader->scratch)
 */
ngx_int_t ngx_llm_openai_filter(ngx_llm_reader_t *reader,
    ngx_llm_frame_t *frame, ngx_llm_json_t *root, ngx_llm_json_t *choices);

/* gives ERROR, class "invalid" */
ngx_int_t ngx_llm_openai_invalid(ngx_llm_reader_t *reader, char *what);
void ngx_llm_openai_event(ngx_llm_event_t *ev, ngx_llm_event_e type,
    ngx_uint_t n);

/*
 * ngx_llm_openai_scan.c: NGX_OK, a chunk of the first choice that carries text
 * or nothing, as the flags say; NGX_DECLINED, it has to be parsed.  The mark,
 * zeroed at first, remembers what chunks begin with.
 */

#define NGX_LLM_OPENAI_SCAN_TEXT       0x0001
#define NGX_LLM_OPENAI_SCAN_REASONING  0x0002

ngx_int_t ngx_llm_openai_scan(ngx_llm_openai_mark_t *mark, ngx_str_t *text,
    ngx_uint_t *flags);

/* ngx_llm_openai.c: words and members that several files read or write */

/* of a provider's word; a word that is not known is STOP */
ngx_llm_finish_e ngx_llm_openai_finish(ngx_llm_json_t *node);
ngx_llm_finish_e ngx_llm_openai_finish_of(ngx_str_t *word);

/*
 * A choice that ends with "error", as some servers say of an answer that they
 * could not go on with: NGX_DECLINED with err filled; NGX_OK: it does not.
 */
ngx_int_t ngx_llm_openai_broken(ngx_pool_t *pool, ngx_llm_json_t *choice,
    ngx_llm_error_t *err);

/* the word for a client */
ngx_str_t *ngx_llm_openai_finish_word(ngx_llm_chat_t *chat,
    ngx_llm_finish_e finish);

/* the path below the base: target->path, else that of chats */
void ngx_llm_openai_write_tail(ngx_llm_target_t *target, ngx_llm_out_t *out);

/* an edit that names the target's model in the client's text */
ngx_int_t ngx_llm_openai_edit_model(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits);

/* edits that ask for the usage of a stream */
ngx_int_t ngx_llm_openai_edit_usage(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, ngx_array_t *edits);

/* ngx_llm_openai_usage.c; NGX_DECLINED: the node says nothing about usage */
ngx_int_t ngx_llm_openai_usage(ngx_llm_json_t *node, ngx_llm_usage_t *usage);

/* the same without a tree: behind the value, NULL: it is for the parser */
u_char *ngx_llm_openai_plain_usage(u_char *p, u_char *last,
    ngx_llm_usage_t *usage);

void ngx_llm_openai_write_usage(ngx_llm_usage_t *usage, ngx_llm_out_t *out);

/*
 * appends the reasoning of a message, in history or answer; the forms in use:
 * thinking_blocks, reasoning_details, reasoning_content, reasoning
 */
ngx_int_t ngx_llm_openai_reasoning(ngx_pool_t *pool, ngx_llm_json_t *message,
    ngx_llm_part_t **parts);

/* one block of "thinking_blocks" or of a content list; NGX_DECLINED: none */
ngx_int_t ngx_llm_openai_thinking(ngx_pool_t *pool, ngx_llm_json_t *block,
    ngx_llm_part_t **parts);

/* one object of "reasoning_details"; NGX_DECLINED: nothing of use */
ngx_int_t ngx_llm_openai_detail(ngx_pool_t *pool, ngx_llm_json_t *detail,
    ngx_llm_part_t **parts);

/* a model that reasons, by its provider's name; by the family, if known */
ngx_uint_t ngx_llm_openai_reasons(ngx_str_t *model);
ngx_uint_t ngx_llm_openai_target_reasons(ngx_llm_target_t *target);

/* ngx_llm_openai_edit.c: the one name that the limit may have; NULL: any */
ngx_str_t *ngx_llm_openai_limit_name(ngx_llm_target_t *target);

/* would the target refuse an unknown member of that name? */
ngx_uint_t ngx_llm_openai_unsaid(ngx_llm_target_t *target,
    ngx_llm_json_t *node);

/* ngx_llm_openai_upstream.c: the member, with a comma in front */
extern ngx_str_t  ngx_llm_openai_stream_options;

/* Anthropic's thinking as an effort: its budget by share of the answer */
void ngx_llm_openai_write_effort(ngx_llm_chat_t *chat, ngx_llm_out_t *out);

/* ngx_llm_openai_prompt.c: a part "input_audio" */
void ngx_llm_openai_write_input_audio(ngx_llm_part_t *part,
    ngx_llm_out_t *out);

/* one of "tool_calls", in history and answer */
void ngx_llm_openai_write_call(ngx_llm_part_t *part, ngx_llm_out_t *out);

/* what Google's clients send back with a call or a text; may be absent */
void ngx_llm_openai_write_extra(ngx_str_t *signature, ngx_llm_out_t *out);

/* one object as a block of "thinking_blocks"; index: NULL outside of streams */
void ngx_llm_openai_write_thinking(ngx_llm_out_t *out, ngx_uint_t *index,
    ngx_str_t *text, ngx_str_t *signature);
void ngx_llm_openai_write_redacted(ngx_llm_out_t *out, ngx_uint_t *index,
    ngx_str_t *data);


#endif /* _NGX_LLM_OPENAI_H_INCLUDED_ */
