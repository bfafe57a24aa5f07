
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The neutral form: what a chat request, its answer and its stream mean,
 * whichever API says it.  It follows OpenAI's chat completions, the widest
 * common ground; the source nodes stay reachable so that a reader of the same
 * dialect loses nothing.  All strings are escaped (see ngx_llm_core.h) unless
 * the comment says plain or raw.
 */


#ifndef _NGX_LLM_CHAT_H_INCLUDED_
#define _NGX_LLM_CHAT_H_INCLUDED_


#include "ngx_llm_core.h"
#include "ngx_llm_json.h"


typedef struct ngx_llm_dialect_s  ngx_llm_dialect_t;
typedef struct ngx_llm_part_s     ngx_llm_part_t;
typedef struct ngx_llm_message_s  ngx_llm_message_t;
typedef struct ngx_llm_tool_s     ngx_llm_tool_t;


typedef enum {
    NGX_LLM_ROLE_SYSTEM = 0,
    NGX_LLM_ROLE_DEVELOPER,
    NGX_LLM_ROLE_USER,
    NGX_LLM_ROLE_ASSISTANT,
    NGX_LLM_ROLE_TOOL
} ngx_llm_role_e;


typedef enum {
    NGX_LLM_PART_TEXT = 0,
    NGX_LLM_PART_IMAGE,
    NGX_LLM_PART_AUDIO,
    NGX_LLM_PART_FILE,
    NGX_LLM_PART_REFUSAL,
    NGX_LLM_PART_REASONING,     /* text and, if any, signature */
    NGX_LLM_PART_REDACTED,      /* data: reasoning that is sealed */
    NGX_LLM_PART_TOOL_CALL,
    NGX_LLM_PART_OTHER          /* only "node" is set */
} ngx_llm_part_e;


struct ngx_llm_part_s {
    ngx_llm_part_t       *next;
    ngx_llm_part_e        type;

    ngx_str_t             text;         /* text, refusal, reasoning; input of
                                           a custom tool call */
    ngx_str_t             signature;    /* reasoning; in answers also of text
                                           and calls: see ngx_llm_event_t */
    ngx_str_t             media_type;   /* plain; of data */
    ngx_str_t             data;         /* base64, or sealed reasoning */
    ngx_str_t             url;          /* image, file; no data: URL */
    ngx_str_t             id;           /* tool call, uploaded file */
    ngx_str_t             name;         /* tool, file */

    /* a tool call's arguments, one of two: */
    ngx_str_t             arguments;    /* the JSON text, escaped */
    ngx_str_t             input;        /* the JSON object, raw */

    ngx_llm_json_t       *cache_control;
    ngx_llm_json_t       *node;         /* as the client wrote it */
    ngx_llm_part_t       *last;         /* of the list, in its first part */
    unsigned              custom:1;     /* a custom tool's call */
    unsigned              legacy:1;     /* of function_call: has no id */
};


struct ngx_llm_message_s {
    ngx_llm_message_t    *next;
    ngx_llm_role_e        role;
    ngx_llm_part_t       *parts;        /* NULL: content empty or null */
    ngx_str_t             tool_call_id; /* role tool */
    ngx_str_t             name;
    ngx_llm_json_t       *cache_control;
    ngx_llm_json_t       *node;
    ngx_uint_t            index;        /* in the client's list */
    unsigned              is_error:1;   /* a tool's result that is a failure */
    unsigned              legacy:1;     /* role function: name, no id */
};


/* a message that is a role and a text, which became no node and no part */

typedef struct {
    ngx_str_t             text;         /* may be empty */
    ngx_llm_role_e        role;
} ngx_llm_plain_t;


struct ngx_llm_tool_s {
    ngx_llm_tool_t       *next;
    ngx_str_t             name;
    ngx_str_t             description;  /* may be absent */
    ngx_str_t             schema;       /* raw; may be absent */
    ngx_llm_json_t       *cache_control;
    ngx_llm_json_t       *node;
    unsigned              strict:1;
    unsigned              custom:1;     /* takes text, not an object */
    unsigned              vendor:1;     /* a provider's own tool: node only */
    unsigned              object:1;     /* the schema is known to say so */
};


typedef enum {
    NGX_LLM_TOOL_CHOICE_UNSET = 0,
    NGX_LLM_TOOL_CHOICE_AUTO,
    NGX_LLM_TOOL_CHOICE_NONE,
    NGX_LLM_TOOL_CHOICE_REQUIRED,
    NGX_LLM_TOOL_CHOICE_NAMED
} ngx_llm_tool_choice_e;


typedef enum {
    NGX_LLM_FORMAT_TEXT = 0,
    NGX_LLM_FORMAT_JSON,
    NGX_LLM_FORMAT_SCHEMA
} ngx_llm_format_e;


/*
 * Parameters that need no structure of their own: the node as it came.  What
 * a dialect does with one that it cannot say follows from the row's class:
 * HINT is dropped and named, MEANING is refused unless drop_params lists it;
 * a value equal to the API's default is neither (core/ngx_llm_params.c).
 */

typedef enum {
    NGX_LLM_PARAM_TEMPERATURE = 0,
    NGX_LLM_PARAM_TOP_P,
    NGX_LLM_PARAM_TOP_K,
    NGX_LLM_PARAM_N,
    NGX_LLM_PARAM_SEED,
    NGX_LLM_PARAM_LOGIT_BIAS,
    NGX_LLM_PARAM_FREQUENCY_PENALTY,
    NGX_LLM_PARAM_PRESENCE_PENALTY,
    NGX_LLM_PARAM_LOGPROBS,
    NGX_LLM_PARAM_TOP_LOGPROBS,
    NGX_LLM_PARAM_USER,
    NGX_LLM_PARAM_SAFETY_IDENTIFIER,
    NGX_LLM_PARAM_METADATA,
    NGX_LLM_PARAM_STORE,
    NGX_LLM_PARAM_SERVICE_TIER,
    NGX_LLM_PARAM_VERBOSITY,
    NGX_LLM_PARAM_REASONING_EFFORT,
    NGX_LLM_PARAM_THINKING,             /* Anthropic's object */
    NGX_LLM_PARAM_PREDICTION,
    NGX_LLM_PARAM_MODALITIES,
    NGX_LLM_PARAM_AUDIO,
    NGX_LLM_PARAM_WEB_SEARCH_OPTIONS,
    NGX_LLM_PARAM_PROMPT_CACHE_KEY,
    NGX_LLM_PARAM_PROMPT_CACHE_OPTIONS,
    NGX_LLM_PARAM_PROMPT_CACHE_RETENTION,
    NGX_LLM_PARAM_MODERATION,
    NGX_LLM_PARAM_CACHE_CONTROL,        /* Anthropic's, on the top level */
    NGX_LLM_PARAM_THREAD,               /* the provider holds what was said */
    NGX_LLM_PARAM_COMPACTION,           /* a summary is asked for */
    NGX_LLM_PARAM_ECHO,                 /* of completions */
    NGX_LLM_PARAM_SUFFIX,
    NGX_LLM_PARAM_BEST_OF,
    NGX_LLM_PARAM_PROMPT,               /* several, or token ids */
    NGX_LLM_PARAM_STOP,                 /* for drop_params; see "stop" */
    NGX_LLM_PARAM_TOOLS,                /* likewise */
    NGX_LLM_PARAM_TOOL_CHOICE,
    NGX_LLM_PARAM_PARALLEL_TOOL_CALLS,
    NGX_LLM_PARAM_RESPONSE_FORMAT,
    NGX_LLM_PARAM_DIMENSIONS,           /* from here on of no chat */
    NGX_LLM_PARAM_ENCODING_FORMAT,
    NGX_LLM_PARAM_INPUT_TYPE,
    NGX_LLM_PARAM_TOP_N,
    NGX_LLM_PARAM_RETURN_DOCUMENTS,
    NGX_LLM_PARAM_BACKGROUND,
    NGX_LLM_PARAM_INPUT_FIDELITY,
    NGX_LLM_PARAM_OUTPUT_COMPRESSION,
    NGX_LLM_PARAM_OUTPUT_FORMAT,
    NGX_LLM_PARAM_PARTIAL_IMAGES,
    NGX_LLM_PARAM_QUALITY,
    NGX_LLM_PARAM_SIZE,
    NGX_LLM_PARAM_STYLE,
    NGX_LLM_PARAM_INSTRUCTIONS,
    NGX_LLM_PARAM_SPEED,
    NGX_LLM_PARAM_STREAM_FORMAT,
    NGX_LLM_PARAMS
} ngx_llm_param_e;


#define ngx_llm_param_bit(id)  ((uint64_t) 1 << (id))


typedef struct {
    ngx_pool_t               *pool;
    ngx_str_t                 text;         /* the body */
    ngx_llm_json_t           *root;
    const ngx_llm_dialect_t  *dialect;      /* that read it */

    ngx_str_t                 model;        /* plain, as asked for */
    ngx_llm_json_t           *model_node;

    ngx_llm_message_t        *messages;
    ngx_uint_t                nmessages;
    ngx_array_t              *plain;        /* ngx_llm_plain_t: messages that
                                               are to be opened, or NULL */

    ngx_llm_tool_t           *tools;
    ngx_uint_t                ntools;
    ngx_llm_tool_choice_e     tool_choice;
    ngx_str_t                 tool_name;    /* NAMED */
    ngx_llm_json_t           *allowed_tools;  /* array, or NULL for all */

    ngx_llm_format_e          format;
    ngx_str_t                 schema;       /* raw */
    ngx_str_t                 schema_name;

    int64_t                   max_tokens;   /* -1: not given */
    ngx_array_t              *stop;         /* ngx_str_t, or NULL */
    ngx_str_t                 user;         /* end user; may be absent */

    ngx_llm_json_t           *param[NGX_LLM_PARAMS];  /* NULL: absent, null */
    ngx_array_t              *unknown;      /* ngx_llm_json_t *, or NULL */
    ngx_array_t              *dropped;      /* ngx_str_t plain: names, by
                                               the last write_request() */

    unsigned                  lazy:1;       /* set before it is read: messages
                                               may be left to be opened */
    unsigned                  stream:1;
    unsigned                  include_usage:1;
    unsigned                  count:1;      /* of its tokens is all that is
                                               asked for; set before it is
                                               read */
    unsigned                  has_tools:1;
    unsigned                  has_images:1;
    unsigned                  legacy_functions:1;  /* functions, not tools */
    unsigned                  schema_strict:1;
    unsigned                  parallel_set:1;
    unsigned                  parallel:1;
} ngx_llm_chat_t;


void ngx_llm_chat_init(ngx_llm_chat_t *chat, ngx_pool_t *pool,
    ngx_str_t *text);

/*
 * Makes the messages that a lazy reader left: to be called before "messages"
 * is looked at.  NGX_OK, at once where there is nothing to do, or NGX_ERROR.
 */
ngx_int_t ngx_llm_chat_open(ngx_llm_chat_t *chat);

/* one of them, appended to the list; as below */
ngx_llm_message_t *ngx_llm_chat_add_plain(ngx_llm_chat_t *chat,
    ngx_llm_plain_t *plain, ngx_llm_message_t *last);

/*
 * A message, part, tool appended to its list (zeroed); NULL: memory.  "last"
 * is the one added before, or NULL; parts are given the list's head, which
 * knows its last.
 */
ngx_llm_message_t *ngx_llm_chat_add_message(ngx_llm_chat_t *chat,
    ngx_llm_role_e role, ngx_llm_message_t *last);
/* a member of the request that is no parameter; NGX_OK or NGX_ERROR */
ngx_int_t ngx_llm_chat_unknown(ngx_llm_chat_t *chat, ngx_llm_json_t *member);

ngx_llm_part_t *ngx_llm_chat_add_part(ngx_pool_t *pool,
    ngx_llm_part_t **list, ngx_llm_part_e type);
ngx_llm_tool_t *ngx_llm_chat_add_tool(ngx_llm_chat_t *chat,
    ngx_llm_tool_t *last);

/*
 * A tool call's arguments as a raw JSON object: "input" as it is, else
 * "arguments" decoded and checked; empty or null is {}.  NGX_DECLINED: not
 * an object (raw is then not set).
 */
ngx_int_t ngx_llm_part_input(ngx_pool_t *pool, ngx_llm_part_t *part,
    ngx_str_t *raw);

/* the same as an escaped string, into out, without quotes */
void ngx_llm_part_arguments(ngx_llm_part_t *part, ngx_llm_out_t *out);

/*
 * splits "data:image/png;base64,AAAA" (escaped); NGX_OK sets media_type
 * (plain, parameters cut) and data; NGX_DECLINED: no data: URL; NGX_ERROR: a
 * data: URL without ;base64 or without data
 */
ngx_int_t ngx_llm_data_url(ngx_str_t *url, ngx_str_t *media_type,
    ngx_str_t *data);

/* one text of the prompt after another (escaped), up to the handler's word */
typedef ngx_int_t (*ngx_llm_prompt_pt)(void *data, ngx_str_t *escaped);

/*
 * walks system prompt and messages: text parts only, no images, no tool
 * results; last_only: the last user message alone
 */
ngx_int_t ngx_llm_chat_prompt(ngx_llm_chat_t *chat, ngx_uint_t last_only,
    ngx_llm_prompt_pt handler, void *data);

/* families of models that count tokens alike */

typedef enum {
    NGX_LLM_FAMILY_ANY = 0,     /* unknown: the high side holds for all */
    NGX_LLM_FAMILY_GPT,         /* o200k: gpt-4o, gpt-4.1, gpt-5, o1, o3 ... */
    NGX_LLM_FAMILY_CLAUDE,
    NGX_LLM_FAMILY_GEMINI,      /* and Gemma */
    NGX_LLM_FAMILY_LLAMA,       /* Llama 3 and 4, Mistral's newer ones */
    NGX_LLM_FAMILY_QWEN,        /* and DeepSeek */
    NGX_LLM_FAMILIES
} ngx_llm_family_e;


/* by the model's name (plain), as a provider or a price list has it */
ngx_uint_t ngx_llm_family(ngx_str_t *model);

/*
 * About how many tokens the prompt has, never 0, and a count that 99 of 100
 * prompts do not exceed: docs/estimates.md.  One pass over at most a megabyte
 * of text.
 */
void ngx_llm_chat_estimate_high(ngx_llm_chat_t *chat, ngx_uint_t family,
    int64_t *mean, int64_t *high);

/* the mean of an unknown family */
int64_t ngx_llm_chat_estimate(ngx_llm_chat_t *chat);


/* what a provider answered, plain */

typedef struct {
    ngx_llm_part_t           *parts;
    ngx_llm_finish_e          finish;
    ngx_str_t                 stop_sequence;  /* that ended it, if known */
    ngx_str_t                 annotations;  /* raw array, OpenAI's form */
    ngx_str_t                 logprobs;     /* raw, OpenAI's form */
} ngx_llm_choice_t;


typedef struct {
    ngx_pool_t               *pool;
    ngx_llm_chat_t           *chat;         /* that is answered, or NULL */
    ngx_str_t                 id;
    ngx_str_t                 model;        /* as the provider names it */
    int64_t                   created;      /* 0: not said */
    ngx_str_t                 service_tier; /* OpenAI's word */
    ngx_array_t               choices;      /* ngx_llm_choice_t */
    ngx_llm_usage_t           usage;
    unsigned                  count:1;      /* a prompt's tokens are the whole
                                               answer; set before it is read */
    unsigned                  lazy:1;       /* set before it is read: a plain
                                               choice needs no node */
} ngx_llm_response_t;


ngx_int_t ngx_llm_response_init(ngx_llm_response_t *res, ngx_pool_t *pool);


/* what a provider answers, event by event */

typedef enum {
    NGX_LLM_EVENT_START = 0,    /* id, model; the first of all, once */
    NGX_LLM_EVENT_TEXT,
    NGX_LLM_EVENT_REASONING,
    NGX_LLM_EVENT_SIGNATURE,    /* text: of the reasoning that just ended */
    NGX_LLM_EVENT_REDACTED,     /* text: sealed reasoning, a whole block */
    NGX_LLM_EVENT_REFUSAL,
    NGX_LLM_EVENT_TOOL_START,   /* tool, id, name */
    NGX_LLM_EVENT_TOOL_ARGS,    /* tool, text: a fragment of arguments */
    NGX_LLM_EVENT_TOOL_END,     /* tool: its arguments are whole */
    NGX_LLM_EVENT_ANNOTATION,   /* text: raw, OpenAI's form */
    NGX_LLM_EVENT_LOGPROBS,     /* text: raw, OpenAI's form */
    NGX_LLM_EVENT_FINISH,       /* finish, stop_sequence; of a choice */
    NGX_LLM_EVENT_USAGE,        /* usage: cumulative, the last one counts */
    NGX_LLM_EVENT_ERROR,        /* error; nothing follows */
    NGX_LLM_EVENT_PING,         /* a sign of life */
    NGX_LLM_EVENT_DONE          /* the dialect's end mark; nothing follows */
} ngx_llm_event_e;


typedef struct {
    ngx_llm_event_e           type;
    ngx_uint_t                choice;
    ngx_uint_t                tool;         /* 0, 1, 2 ... in a choice */
    ngx_str_t                 id;
    ngx_str_t                 name;
    ngx_str_t                 model;
    ngx_str_t                 text;
    ngx_llm_finish_e          finish;
    ngx_str_t                 stop_sequence;
    ngx_str_t                 signature;    /* TEXT, which may be empty then,
                                               and TOOL_START: sealed, comes
                                               back with them */
    ngx_llm_usage_t          *usage;
    ngx_llm_error_t          *error;
    unsigned                  custom:1;     /* TOOL_START of a custom tool */
} ngx_llm_event_t;


/* slices of the event are valid until the handler returns; NGX_OK, NGX_ERROR */
typedef ngx_int_t (*ngx_llm_event_pt)(void *data, ngx_llm_event_t *ev);


#endif /* _NGX_LLM_CHAT_H_INCLUDED_ */
