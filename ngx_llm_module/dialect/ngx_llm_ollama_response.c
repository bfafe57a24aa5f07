
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Answers, whole and line by line: a line is an answer with a piece of it.
 */


#include "ngx_llm_ollama.h"


static ngx_int_t ngx_llm_ollama_read_message(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *message, ngx_uint_t hash);
static ngx_int_t ngx_llm_ollama_read_call(ngx_llm_response_t *res,
    ngx_llm_choice_t *choice, ngx_llm_json_t *item, ngx_uint_t hash,
    ngx_uint_t *n);
static ngx_int_t ngx_llm_ollama_id(ngx_pool_t *pool, ngx_llm_json_t *item,
    ngx_uint_t hash, ngx_uint_t n, ngx_str_t *id);
static void ngx_llm_ollama_input(ngx_llm_json_t *item, ngx_str_t *raw);
static ngx_llm_finish_e ngx_llm_ollama_finish(ngx_llm_json_t *root,
    ngx_uint_t calls);
static void ngx_llm_ollama_usage(ngx_llm_json_t *root,
    ngx_llm_usage_t *usage);
static ngx_int_t ngx_llm_ollama_logprobs(ngx_pool_t *pool,
    ngx_llm_json_t *node, ngx_str_t *raw);
static ngx_int_t ngx_llm_ollama_tokens(ngx_pool_t *pool,
    ngx_llm_json_t *list, ngx_uint_t top, ngx_uint_t *n, ngx_llm_out_t *out);
static int64_t ngx_llm_ollama_time(ngx_str_t *text);
static int64_t ngx_llm_ollama_zone(u_char *p, u_char *last);

static ngx_int_t ngx_llm_ollama_start(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root, ngx_str_t *line);
static ngx_int_t ngx_llm_ollama_message(ngx_llm_reader_t *reader,
    ngx_llm_json_t *message);
static ngx_int_t ngx_llm_ollama_call(ngx_llm_reader_t *reader,
    ngx_llm_json_t *item);
static ngx_int_t ngx_llm_ollama_end(ngx_llm_reader_t *reader,
    ngx_llm_json_t *root);


ngx_int_t
ngx_llm_ollama_read_response(ngx_str_t *text, ngx_llm_response_t *res,
    ngx_llm_error_t *err)
{
    ngx_int_t          rc;
    ngx_str_t          created;
    ngx_uint_t         calls;
    ngx_llm_json_t    *message, *root;
    ngx_llm_part_t    *part;
    ngx_llm_choice_t  *choice;

    root = ngx_llm_json_parse(res->pool, text, NULL);

    if (root == NULL) {
        return ngx_llm_answer_invalid(res->pool, err,
                                      "an answer that is not valid JSON");
    }

    rc = ngx_llm_ollama_error(res->pool, root, 0, err);

    if (rc != NGX_DECLINED) {
        return (rc == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
    }

    message = ngx_llm_json_get(root, "message");

    if (message == NULL || message->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_answer_invalid(res->pool, err,
                                      "an answer without a message");
    }

    if (!ngx_llm_json_true(root, "done")) {
        return ngx_llm_answer_invalid(res->pool, err,
                                      "an answer that is not whole");
    }

    res->model = ngx_llm_json_str(root, "model");

    created = ngx_llm_json_str(root, "created_at");
    res->created = ngx_llm_ollama_time(&created);

    choice = ngx_array_push(&res->choices);
    if (choice == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(choice, sizeof(ngx_llm_choice_t));

    if (ngx_llm_ollama_read_message(res, choice, message,
                                    ngx_llm_answer_hash(text))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    calls = 0;

    for (part = choice->parts; part; part = part->next) {
        calls += (part->type == NGX_LLM_PART_TOOL_CALL);
    }

    choice->finish = ngx_llm_ollama_finish(root, calls);

    if (ngx_llm_ollama_logprobs(res->pool,
                                ngx_llm_json_get(root, "logprobs"),
                                &choice->logprobs)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_ollama_usage(root, &res->usage);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_read_message(ngx_llm_response_t *res, ngx_llm_choice_t *choice,
    ngx_llm_json_t *message, ngx_uint_t hash)
{
    ngx_str_t        text;
    ngx_uint_t       n;
    ngx_llm_json_t  *item;
    ngx_llm_part_t  *part;

    text = ngx_llm_json_str(message, "thinking");

    if (text.len) {
        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_REASONING);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = text;
    }

    text = ngx_llm_json_str(message, "content");

    if (text.len) {
        part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                     NGX_LLM_PART_TEXT);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->text = text;
    }

    item = ngx_llm_json_get(message, "tool_calls");

    if (item == NULL || item->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    n = 0;

    for (item = item->child; item; item = item->next) {

        if (ngx_llm_ollama_read_call(res, choice, item, hash, &n) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_read_call(ngx_llm_response_t *res, ngx_llm_choice_t *choice,
    ngx_llm_json_t *item, ngx_uint_t hash, ngx_uint_t *n)
{
    ngx_str_t        name;
    ngx_llm_part_t  *part;

    name = ngx_llm_json_str(ngx_llm_json_get(item, "function"), "name");

    if (name.len == 0 || *n == NGX_LLM_MAX_CALLS) {
        return NGX_OK;
    }

    part = ngx_llm_chat_add_part(res->pool, &choice->parts,
                                 NGX_LLM_PART_TOOL_CALL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->name = name;

    ngx_llm_ollama_input(item, &part->input);

    return ngx_llm_ollama_id(res->pool, item, hash, (*n)++, &part->id);
}


/* ids are there in newer versions alone */

static ngx_int_t
ngx_llm_ollama_id(ngx_pool_t *pool, ngx_llm_json_t *item, ngx_uint_t hash,
    ngx_uint_t n, ngx_str_t *id)
{
    *id = ngx_llm_json_str(item, "id");

    return id->len ? NGX_OK : ngx_llm_answer_id(pool, hash, n, id);
}


static void
ngx_llm_ollama_input(ngx_llm_json_t *item, ngx_str_t *raw)
{
    ngx_llm_json_t  *args;

    args = ngx_llm_json_get(ngx_llm_json_get(item, "function"), "arguments");

    if (args && args->type == NGX_LLM_JSON_OBJECT) {
        *raw = args->raw;

    } else {
        ngx_str_set(raw, "{}");
    }
}


/* "load", "unload", and nothing at all are an end as well */

static ngx_llm_finish_e
ngx_llm_ollama_finish(ngx_llm_json_t *root, ngx_uint_t calls)
{
    ngx_str_t  reason;

    reason = ngx_llm_json_str(root, "done_reason");

    if (ngx_llm_json_is(&reason, "length")) {
        return NGX_LLM_FINISH_LENGTH;
    }

    return calls ? NGX_LLM_FINISH_TOOL_CALLS : NGX_LLM_FINISH_STOP;
}


/* what is 0 is left out, so is a prompt that was cached as a whole */

static void
ngx_llm_ollama_usage(ngx_llm_json_t *root, ngx_llm_usage_t *usage)
{
    usage->prompt = ngx_llm_answer_count(root, "prompt_eval_count");
    usage->completion = ngx_llm_answer_count(root, "eval_count");

    usage->reported = (usage->prompt >= 0 || usage->completion >= 0);

    usage->prompt = ngx_max(usage->prompt, 0);
    usage->completion = ngx_max(usage->completion, 0);
}


static ngx_int_t
ngx_llm_ollama_logprobs(ngx_pool_t *pool, ngx_llm_json_t *node, ngx_str_t *raw)
{
    ngx_uint_t     n;
    ngx_llm_out_t  out;

    ngx_str_null(raw);

    if (node == NULL || node->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    ngx_llm_out_init(&out, pool, NULL, 0, NGX_MAX_INT32_VALUE);

    ngx_llm_out_lit(&out, "{\"content\":[");

    if (ngx_llm_ollama_tokens(pool, node, 1, &n, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_llm_out_lit(&out, "],\"refusal\":null}");

    if (out.failed) {
        return NGX_ERROR;
    }

    raw->data = out.start;
    raw->len = ngx_llm_out_len(&out);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_tokens(ngx_pool_t *pool, ngx_llm_json_t *list, ngx_uint_t top,
    ngx_uint_t *n, ngx_llm_out_t *out)
{
    ngx_str_t        text;
    ngx_uint_t       k;
    ngx_llm_json_t  *item, *logprob, *others;

    *n = 0;

    for (item = list->child; item; item = item->next) {

        text = ngx_llm_json_str(item, "token");
        logprob = ngx_llm_json_get(item, "logprob");

        if (logprob == NULL || logprob->type != NGX_LLM_JSON_NUMBER) {
            continue;
        }

        if ((*n)++) {
            ngx_llm_out_char(out, ',');
        }

        if (ngx_llm_answer_token(pool, &text, &logprob->raw, out) != NGX_OK) {
            return NGX_ERROR;
        }

        if (top) {
            ngx_llm_out_lit(out, ",\"top_logprobs\":[");

            others = ngx_llm_json_get(item, "top_logprobs");

            if (others && others->type == NGX_LLM_JSON_ARRAY
                && ngx_llm_ollama_tokens(pool, others, 0, &k, out)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }

            ngx_llm_out_char(out, ']');
        }

        ngx_llm_out_char(out, '}');
    }

    return NGX_OK;
}


/* RFC 3339; seconds since 1970, 0: it is none */

static int64_t
ngx_llm_ollama_time(ngx_str_t *text)
{
    u_char     *p, *last;
    int64_t     days, seconds, zone;
    ngx_int_t   n[6], month, year;
    ngx_uint_t  i;

    static struct {
        ngx_uint_t  at;
        ngx_uint_t  len;
    } fields[] = {
        { 0, 4 }, { 5, 2 }, { 8, 2 }, { 11, 2 }, { 14, 2 }, { 17, 2 }
    };

    if (text->len < sizeof("1970-09-28T12:00:00Z") - 1
        || text->data[4] != '-' || text->data[7] != '-'
        || (text->data[10] != 'T' && text->data[10] != ' ')
        || text->data[13] != ':' || text->data[16] != ':')
    {
        return 0;
    }

    for (i = 0; i < 6; i++) {

        n[i] = ngx_atoi(text->data + fields[i].at, fields[i].len);

        if (n[i] == NGX_ERROR) {
            return 0;
        }
    }

    if (n[0] < 1970 || n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31
        || n[3] > 23 || n[4] > 59 || n[5] > 60)
    {
        return 0;
    }

    p = text->data + 19;
    last = text->data + text->len;

    if (*p == '.') {
        do {
            p++;
        } while (p < last && *p >= '0' && *p <= '9');
    }

    zone = ngx_llm_ollama_zone(p, last);

    /* the year begins with March, so that a leap day is its last */

    year = n[0];
    month = n[1] - 2;

    if (month <= 0) {
        month += 12;
        year--;
    }

    days = 365 * (int64_t) year + year / 4 - year / 100 + year / 400
           + 367 * month / 12 - 30 + n[2] - 1 - 719527 + 31 + 28;

    seconds = ((days * 24 + n[3]) * 60 + n[4] - zone) * 60 + n[5];

    return ngx_max(seconds, 0);
}


/* "+01:00" in minutes */

static int64_t
ngx_llm_ollama_zone(u_char *p, u_char *last)
{
    ngx_int_t  hours, minutes;

    if (last - p != sizeof("+01:00") - 1 || (*p != '+' && *p != '-')
        || p[3] != ':')
    {
        return 0;
    }

    hours = ngx_atoi(p + 1, 2);
    minutes = ngx_atoi(p + 4, 2);

    if (hours == NGX_ERROR || minutes == NGX_ERROR) {
        return 0;
    }

    minutes += hours * 60;

    return (*p == '-') ? -minutes : minutes;
}


ngx_int_t
ngx_llm_ollama_read_frame(ngx_llm_reader_t *reader, ngx_llm_frame_t *frame)
{
    ngx_int_t        rc;
    ngx_str_t        raw;
    ngx_llm_json_t  *root;
    ngx_llm_error_t  err;

    if (frame->data.len == 0) {
        return NGX_OK;
    }

    root = ngx_llm_json_parse(reader->scratch, &frame->data, NULL);

    if (root == NULL || root->type != NGX_LLM_JSON_OBJECT) {
        return ngx_llm_event_cut(frame) ? NGX_OK
                                        : ngx_llm_event_invalid(reader);
    }

    rc = ngx_llm_ollama_error(reader->scratch, root, 0, &err);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        return ngx_llm_event_error(reader, &err);
    }

    if (ngx_llm_ollama_start(reader, root, &frame->data) != NGX_OK
        || ngx_llm_ollama_message(reader, ngx_llm_json_get(root, "message"))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_llm_ollama_logprobs(reader->scratch,
                                ngx_llm_json_get(root, "logprobs"), &raw)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_llm_event_text(reader, NGX_LLM_EVENT_LOGPROBS, &raw) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_llm_json_true(root, "done")) {
        return NGX_OK;
    }

    return ngx_llm_ollama_end(reader, root);
}


/* the last line says so: without it the answer is cut */

ngx_int_t
ngx_llm_ollama_read_end(ngx_llm_reader_t *reader)
{
    return NGX_OK;
}


static ngx_int_t
ngx_llm_ollama_start(ngx_llm_reader_t *reader, ngx_llm_json_t *root,
    ngx_str_t *line)
{
    ngx_llm_event_t           ev;
    ngx_llm_ollama_reader_t  *state;

    state = reader->state;

    if (state->started) {
        return NGX_OK;
    }

    /* it holds the time, to the nanosecond */

    state->started = 1;
    state->hash = ngx_llm_answer_hash(line);

    ngx_memzero(&ev, sizeof(ngx_llm_event_t));

    ev.type = NGX_LLM_EVENT_START;
    ev.model = ngx_llm_json_str(root, "model");

    return reader->handler(reader->data, &ev);
}


static ngx_int_t
ngx_llm_ollama_message(ngx_llm_reader_t *reader, ngx_llm_json_t *message)
{
    ngx_str_t        text;
    ngx_llm_json_t  *item;

    text = ngx_llm_json_str(message, "thinking");

    if (ngx_llm_event_text(reader, NGX_LLM_EVENT_REASONING, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    text = ngx_llm_json_str(message, "content");

    if (ngx_llm_event_text(reader, NGX_LLM_EVENT_TEXT, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    item = ngx_llm_json_get(message, "tool_calls");

    if (item == NULL || item->type != NGX_LLM_JSON_ARRAY) {
        return NGX_OK;
    }

    for (item = item->child; item; item = item->next) {
        if (ngx_llm_ollama_call(reader, item) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* calls come whole; what index they have is not looked at, some say 0 of all */

static ngx_int_t
ngx_llm_ollama_call(ngx_llm_reader_t *reader, ngx_llm_json_t *item)
{
    ngx_str_t                 id, name, raw;
    ngx_uint_t                n;
    ngx_llm_ollama_reader_t  *state;

    state = reader->state;
    n = state->ntools;

    name = ngx_llm_json_str(ngx_llm_json_get(item, "function"), "name");

    if (name.len == 0 || n == NGX_LLM_MAX_CALLS) {
        return NGX_OK;
    }

    if (ngx_llm_ollama_id(reader->scratch, item, state->hash, n, &id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    state->ntools++;

    ngx_llm_ollama_input(item, &raw);

    if (ngx_llm_event_call(reader, n, &id, &name) != NGX_OK
        || ngx_llm_event_input(reader, n, &raw) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_event_call_end(reader, n);
}


static ngx_int_t
ngx_llm_ollama_end(ngx_llm_reader_t *reader, ngx_llm_json_t *root)
{
    ngx_llm_ollama_reader_t  *state;

    state = reader->state;

    ngx_llm_ollama_usage(root, &reader->usage);

    if (ngx_llm_event_usage(reader) != NGX_OK
        || ngx_llm_event_finish(reader,
                                ngx_llm_ollama_finish(root, state->ntools))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_llm_event_done(reader);
}
