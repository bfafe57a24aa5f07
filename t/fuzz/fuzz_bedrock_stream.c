
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * A stream of Bedrock's gives the same events whatever pieces it comes in, and
 * events in an order that writers can rely on.  The first byte chooses the
 * pieces; of the rest each line is a message, "TYPE PAYLOAD", "!exception TYPE
 * PAYLOAD", "!error CODE TEXT" or, wrapped for Claude, "chunk EVENT".
 */


/* Claude's own events are read as Anthropic's are */

#define FUZZ_LAX  1

#include "fuzz_provider.h"
#include "test_eventstream.h"


#define FUZZ_TYPE  64


static u_char *fuzz_line(u_char *p, ngx_str_t *line);
static ngx_str_t fuzz_word(ngx_str_t *line);
static ngx_uint_t fuzz_named(ngx_str_t *word, char *name);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char     *in, *last, *p, *start;
    ngx_str_t   line;

    if (size < 2) {
        return 0;
    }

    /* a line is at least one byte, base64 grows by half */

    start = malloc(1 + size * 256);
    fuzz_assert(start != NULL);

    p = start;
    *p++ = data[0];

    in = (u_char *) data + 1;
    last = (u_char *) data + size;

    while (in < last) {
        line.data = in;

        while (in < last && *in != '\n') {
            in++;
        }

        line.len = in - line.data;
        in++;

        if (line.len) {
            p = fuzz_line(p, &line);
        }
    }

    if (p - start >= 2) {
        fuzz_stream(&ngx_llm_bedrock, start, p - start);
    }

    free(start);

    return 0;
}


static u_char *
fuzz_line(u_char *p, ngx_str_t *line)
{
    u_char     *json;
    ngx_str_t   base64, headers, payload, type, word;
    u_char      buf[1024];

    word = fuzz_word(line);

    headers.data = buf;
    json = NULL;
    payload = *line;

    if (fuzz_named(&word, "!exception")) {
        type = fuzz_word(&payload);

        ngx_str_set(&word, "exception");
        headers.len = test_header(buf, ":message-type", &word) - buf;
        headers.len = test_header(buf + headers.len, ":exception-type",
                                  &type)
                      - buf;

        return test_message(p, &headers, &payload);
    }

    if (fuzz_named(&word, "!error")) {
        type = fuzz_word(&payload);
        payload.len = ngx_min(payload.len, FUZZ_TYPE);

        ngx_str_set(&word, "error");
        headers.len = test_header(buf, ":message-type", &word) - buf;
        headers.len = test_header(buf + headers.len, ":error-code", &type)
                      - buf;
        headers.len = test_header(buf + headers.len, ":error-message",
                                  &payload)
                      - buf;
        payload.len = 0;

        return test_message(p, &headers, &payload);
    }

    if (fuzz_named(&word, "chunk")) {

        json = malloc(32 + ngx_base64_encoded_length(payload.len));
        fuzz_assert(json != NULL);

        base64.data = ngx_cpymem(json, "{\"bytes\":\"", 10);
        ngx_encode_base64(&base64, &payload);

        payload.data = json;
        payload.len = ngx_cpymem(base64.data + base64.len, "\"}", 2) - json;
    }

    headers.len = test_header(buf, ":event-type", &word) - buf;

    p = test_message(p, &headers, &payload);

    free(json);

    return p;
}


/* up to the first blank, which is taken off the line with it */

static ngx_str_t
fuzz_word(ngx_str_t *line)
{
    ngx_str_t  word;

    word.data = line->data;
    word.len = 0;

    while (word.len < line->len && word.len < FUZZ_TYPE
           && word.data[word.len] != ' ')
    {
        word.len++;
    }

    line->data += word.len;
    line->len -= word.len;

    if (line->len && *line->data == ' ') {
        line->data++;
        line->len--;
    }

    return word;
}


static ngx_uint_t
fuzz_named(ngx_str_t *word, char *name)
{
    return word->len == strlen(name)
           && memcmp(word->data, name, word->len) == 0;
}
