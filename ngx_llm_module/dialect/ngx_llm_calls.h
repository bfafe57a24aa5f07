
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * What dialects have beyond chat.
 */


#ifndef _NGX_LLM_CALLS_H_INCLUDED_
#define _NGX_LLM_CALLS_H_INCLUDED_


#include "ngx_llm_dialect.h"
#include "ngx_llm_embed.h"
#include "ngx_llm_rerank.h"


/* embeddings of a provider */

struct ngx_llm_embed_dialect_s {
    ngx_uint_t                max_inputs;   /* of one request; more are sent
                                               in several */

    /* MAY be NULL: the same where the model decides */
    ngx_uint_t              (*max)(ngx_llm_target_t *target);

    size_t                    max_bytes;    /* of the inputs of one request,
                                               as they are escaped; 0: any.
                                               One is sent whatever it has */

    ngx_uint_t                tokens;       /* may be token ids */

    /*
     * The body for the inputs from embed->first on.  NGX_OK, NGX_ERROR,
     * NGX_DECLINED with err filled: it cannot be asked for there.
     */
    ngx_int_t               (*write_request)(ngx_llm_embed_t *embed,
                                ngx_llm_target_t *target, ngx_llm_out_t *out,
                                ngx_llm_error_t *err);

    /* MAY be NULL: edits of the client's own text, where it is the same */
    ngx_int_t               (*edit_request)(ngx_llm_embed_t *embed,
                                ngx_llm_target_t *target, ngx_array_t *edits,
                                ngx_llm_error_t *err);

    /*
     * MAY be NULL: "path" below the base, or the dialect's own where that is
     * empty, with target->path "/embeddings"
     */
    void                    (*write_path)(ngx_llm_embed_t *embed,
                                ngx_llm_target_t *target, ngx_llm_out_t *out);
    ngx_str_t                 path;

    /*
     * A whole 2xx body as ngx_llm_embed_parse() gives it: sets model, usage
     * and a vector for each input.  NGX_DECLINED: it is no answer, or an
     * error, which err says.
     */
    ngx_int_t               (*read_response)(ngx_llm_json_t *root,
                                ngx_llm_embed_t *embed,
                                ngx_llm_embed_answer_t *answer,
                                ngx_llm_error_t *err);
};


extern const ngx_llm_embed_dialect_t  ngx_llm_openai_embed;
extern const ngx_llm_embed_dialect_t  ngx_llm_gemini_embed;
extern const ngx_llm_embed_dialect_t  ngx_llm_bedrock_embed;
extern const ngx_llm_embed_dialect_t  ngx_llm_cohere_embed;
extern const ngx_llm_embed_dialect_t  ngx_llm_mistral_embed;
extern const ngx_llm_embed_dialect_t  ngx_llm_ollama_embed;
extern const ngx_llm_embed_dialect_t  ngx_llm_sagemaker_embed;
extern const ngx_llm_embed_dialect_t  ngx_llm_watsonx_embed;
extern const ngx_llm_embed_dialect_t  ngx_llm_vertex_embed;


/* requests that are passed on to a provider */

typedef struct ngx_llm_relay_dialect_s  ngx_llm_relay_dialect_t;

struct ngx_llm_relay_dialect_s {
    char                    **paths;        /* of OpenAI's API that it serves
                                               in that form; ends with NULL;
                                               MAY be NULL */

    char                    **usage;        /* members that tell it, in any
                                               answer; ends with NULL */

    /* the value of one of these; what it does not say stays as it is */
    void                    (*read_usage)(ngx_uint_t name,
                                ngx_llm_json_t *node, ngx_llm_usage_t *usage);

    /* a member that is an event of its own, in base64; MAY be NULL */
    char                     *wrapped;

    /* how it reranks if nothing else is said; MAY be NULL: it does not */
    const ngx_llm_rerank_form_t  *rerank;

    /*
     * Where its own API names the model: a member beside "model", MAY be NULL;
     * what stands before it in a path, MAY be empty, and how many parts of a
     * path a name has
     */
    char                     *model;
    ngx_str_t                 model_path;
    ngx_uint_t                model_parts;
};


extern const ngx_llm_relay_dialect_t  ngx_llm_openai_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_mistral_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_anthropic_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_gemini_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_bedrock_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_cohere_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_ollama_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_vertex_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_sagemaker_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_watsonx_relay;
extern const ngx_llm_relay_dialect_t  ngx_llm_replicate_relay;


/* clients, who all speak OpenAI's dialect here */

/*
 * Reads the body of a request of OpenAI's API into chat: root, model, user,
 * stream.  need_model: it is an error if there is none.
 */
ngx_int_t ngx_llm_openai_read_call(ngx_llm_chat_t *chat,
    ngx_uint_t need_model, ngx_llm_error_t *err);

/* the member "usage" in OpenAI's form; see ngx_llm_relay_dialect_t */
extern char  *ngx_llm_openai_usages[];

void ngx_llm_openai_relay_usage(ngx_uint_t name, ngx_llm_json_t *node,
    ngx_llm_usage_t *usage);

/* reads embed->chat->text; what it says is in embed and embed->chat */
ngx_int_t ngx_llm_openai_read_embed(ngx_llm_embed_t *embed,
    ngx_llm_error_t *err);

/* an answer in OpenAI's form, of whoever sends it */
ngx_int_t ngx_llm_openai_embed_read(ngx_llm_json_t *root,
    ngx_llm_embed_t *embed, ngx_llm_embed_answer_t *answer,
    ngx_llm_error_t *err);

/* NGX_OK, NGX_ERROR, NGX_DECLINED: a vector is none */
ngx_int_t ngx_llm_openai_write_embed(ngx_llm_embed_t *embed,
    ngx_llm_embed_answer_t *answer, ngx_llm_usage_t *usage,
    ngx_llm_out_t *out);


/*
 * What the configuration drops and sets (target->lacks, sets) in requests that
 * are no chats: ngx_llm_call_params.c.  params: names that are meant as the
 * client of the endpoint means them, the last is NULL.
 */

extern char  *ngx_llm_embed_params[];
extern char  *ngx_llm_rerank_params[];
extern char  *ngx_llm_moderation_params[];
extern char  *ngx_llm_image_params[];
extern char  *ngx_llm_speech_params[];
extern char  *ngx_llm_completions_params[];

/*
 * For a provider that takes the client's text: edits of it, the model's name
 * among them.  named: what is dropped goes to chat->dropped.  NGX_OK, NGX_ERROR
 */
ngx_int_t ngx_llm_call_edit(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    char **params, ngx_uint_t named, ngx_array_t *edits);

/*
 * For one whose body is written anew, before: *copy is a chat with a text as
 * if the client had said so, which is to be read, or NULL where the client's
 * text holds; what is dropped is named in chat.  After: places in the body that
 * was written, as slices (ngx_str_t).  NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_llm_call_overlay(ngx_llm_chat_t *chat,
    ngx_llm_target_t *target, char **params, ngx_llm_chat_t **copy);
ngx_int_t ngx_llm_call_places(ngx_llm_chat_t *chat, ngx_llm_target_t *target,
    char **params, ngx_str_t *text, ngx_array_t *slices);

/*
 * Would a value be wrong in such a request?  NGX_OK, with set->call where it is
 * for these alone; NGX_DECLINED with err; NGX_ERROR
 */
ngx_int_t ngx_llm_call_try(ngx_pool_t *pool, ngx_llm_set_t *set,
    ngx_llm_error_t *err);


/* what writers of requests share */

/* [...] of the inputs, which are texts */
void ngx_llm_embed_list(ngx_llm_embed_t *embed, ngx_llm_out_t *out);

/* the end of a writer whose provider has no "input_type": named as dropped */
ngx_int_t ngx_llm_embed_written(ngx_llm_embed_t *embed, ngx_llm_out_t *out);

/*
 * The inputs that are texts, as JSON strings with "," between; before and
 * after: what stands around each
 */
void ngx_llm_embed_texts(ngx_llm_embed_t *embed, ngx_str_t *before,
    ngx_str_t *after, ngx_llm_out_t *out);

/*
 * Names what the client said and is not sent: the end user, members that are
 * not known; dimensions: they are not taken.  NGX_OK, NGX_DECLINED with err
 * (dimensions, token ids: of a provider that has none), NGX_ERROR
 */
ngx_int_t ngx_llm_embed_check(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, ngx_uint_t dimensions, ngx_llm_error_t *err);

/*
 * ngx_llm_gemini_embed.c: Google's word for what the texts are for, NULL:
 * nothing was said.  NGX_OK, NGX_DECLINED with err filled: it has none.
 */
ngx_int_t ngx_llm_gemini_task(ngx_llm_embed_t *embed,
    ngx_llm_target_t *target, char **name, ngx_llm_error_t *err);

/* ngx_llm_cohere_embed.c: the members of a request but for the model */
void ngx_llm_cohere_embed_members(ngx_llm_embed_t *embed,
    ngx_llm_out_t *out);

/* the vectors of an answer, not its usage; NGX_OK, NGX_DECLINED */
ngx_int_t ngx_llm_cohere_embed_vectors(ngx_llm_json_t *root,
    ngx_llm_embed_answer_t *answer);


#endif /* _NGX_LLM_CALLS_H_INCLUDED_ */
