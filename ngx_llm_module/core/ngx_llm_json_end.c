
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Where a value ends in text that comes in pieces.
 */


#include "ngx_llm_json.h"


void
ngx_llm_json_end_init(ngx_llm_json_end_t *end)
{
    end->depth = 0;
    end->state = 0;
}


ngx_int_t
ngx_llm_json_end_next(ngx_llm_json_end_t *end, u_char **pos, u_char *last)
{
    u_char  *p;

    enum {
        sw_start = 0,
        sw_value,
        sw_string,
        sw_escape
    } state;

    state = end->state;

    for (p = *pos; p < last; p++) {

        switch (state) {

        case sw_start:

            if (*p == '{' || *p == '[') {
                end->depth = 1;
                state = sw_value;
                break;
            }

            if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n') {
                *pos = p;
                return NGX_ERROR;
            }

            break;

        case sw_value:

            switch (*p) {

            case '"':
                state = sw_string;
                break;

            case '{':
            case '[':
                end->depth++;
                break;

            case '}':
            case ']':
                end->depth--;

                if (end->depth == 0) {
                    end->state = sw_start;
                    *pos = p + 1;
                    return NGX_OK;
                }

                break;
            }

            break;

        case sw_string:

            if (*p == '\\') {
                state = sw_escape;

            } else if (*p == '"') {
                state = sw_value;
            }

            break;

        case sw_escape:
            state = sw_string;
            break;
        }
    }

    end->state = state;
    *pos = last;

    return NGX_AGAIN;
}
