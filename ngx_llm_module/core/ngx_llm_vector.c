
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * The only file that has to do with floating point numbers: they are what is
 * inside of a vector.
 */


#include "ngx_llm_vector.h"

#include <math.h>


/* floats that are converted at a time: a whole number of base64's triples */
#define NGX_LLM_VECTOR_CHUNK   192

#define NGX_LLM_VECTOR_NUMBER  32


static ngx_int_t ngx_llm_vector_encode(ngx_str_t *text, ngx_llm_out_t *out);
static ngx_int_t ngx_llm_vector_decode(ngx_str_t *text, ngx_llm_out_t *out);
static u_char *ngx_llm_vector_blank(u_char *p, u_char *last);
static void ngx_llm_vector_put(u_char *p, float value);
static float ngx_llm_vector_get(u_char *p);


/* powers of ten that a double holds exactly */

static const double  ngx_llm_vector_tens[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
    1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};


ngx_int_t
ngx_llm_vector_write(ngx_llm_vector_t *vector, ngx_uint_t base64,
    ngx_llm_out_t *out)
{
    ngx_int_t  rc;

    if (base64 == vector->base64) {

        if (base64) {
            ngx_llm_out_quoted(out, &vector->text);

        } else {
            ngx_llm_out_str(out, &vector->text);
        }

        rc = NGX_OK;

    } else if (base64) {
        rc = ngx_llm_vector_encode(&vector->text, out);

    } else {
        rc = ngx_llm_vector_decode(&vector->text, out);
    }

    return out->failed ? NGX_ERROR : rc;
}


static ngx_int_t
ngx_llm_vector_encode(ngx_str_t *text, ngx_llm_out_t *out)
{
    float        value;
    u_char      *p, *last;
    ngx_str_t    src, dst;
    ngx_uint_t   n, end;
    u_char       buf[NGX_LLM_VECTOR_CHUNK * 4];

    p = text->data + 1;
    last = text->data + text->len;

    ngx_llm_out_char(out, '"');

    for (end = 0; !end; /* void */ ) {

        for (n = 0; n < NGX_LLM_VECTOR_CHUNK && !end; n++) {
            p = ngx_llm_vector_blank(p, last);

            if (ngx_llm_vector_float(&p, last, &value) != NGX_OK) {
                return NGX_DECLINED;
            }

            ngx_llm_vector_put(&buf[n * 4], value);

            p = ngx_llm_vector_blank(p, last);

            end = (p == last || *p++ == ']');
        }

        if (ngx_llm_out_reserve(out, ngx_base64_encoded_length(n * 4))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        src.data = buf;
        src.len = n * 4;
        dst.data = out->last;

        ngx_encode_base64(&dst, &src);

        out->last += dst.len;
    }

    ngx_llm_out_char(out, '"');

    return NGX_OK;
}


/* nine digits name a 32-bit float; ngx_sprintf() has no such format */

static ngx_int_t
ngx_llm_vector_decode(ngx_str_t *text, ngx_llm_out_t *out)
{
    int         len;
    float       value;
    size_t      i;
    ngx_str_t   src, dst;
    u_char      quad[NGX_LLM_VECTOR_CHUNK * 4];
    char        number[NGX_LLM_VECTOR_NUMBER];
    size_t      n, size;

    size = ngx_base64_encoded_length(sizeof(quad));

    ngx_llm_out_char(out, '[');

    for (n = 0; n < text->len; n += src.len) {

        src.data = text->data + n;
        src.len = ngx_min(text->len - n, size);
        dst.data = quad;

        if (ngx_decode_base64(&dst, &src) != NGX_OK
            || dst.len % 4
            || (dst.len < sizeof(quad) && n + src.len < text->len))
        {
            return NGX_DECLINED;
        }

        for (i = 0; i < dst.len; i += 4) {
            value = ngx_llm_vector_get(&quad[i]);

            if (!isfinite(value)) {
                return NGX_DECLINED;
            }

            if (n || i) {
                ngx_llm_out_char(out, ',');
            }

            len = snprintf(number, sizeof(number), "%.9g", (double) value);

            ngx_llm_out_data(out, (u_char *) number, (size_t) len);
        }
    }

    ngx_llm_out_char(out, ']');

    return NGX_OK;
}


static u_char *
ngx_llm_vector_blank(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == LF || *p == CR || *p == '\t')) {
        p++;
    }

    return p;
}


static void
ngx_llm_vector_put(u_char *p, float value)
{
    uint32_t  n;

    ngx_memcpy(&n, &value, sizeof(uint32_t));

    p[0] = (u_char) n;
    p[1] = (u_char) (n >> 8);
    p[2] = (u_char) (n >> 16);
    p[3] = (u_char) (n >> 24);
}


static float
ngx_llm_vector_get(u_char *p)
{
    float     value;
    uint32_t  n;

    n = p[0] | ((uint32_t) p[1] << 8) | ((uint32_t) p[2] << 16)
        | ((uint32_t) p[3] << 24);

    ngx_memcpy(&value, &n, sizeof(uint32_t));

    return value;
}


/*
 * Up to 15 digits times a power of ten that a double holds give the double
 * that is nearest.  The float that is nearest to that is nearest to the number
 * unless the double lies in the middle between two; these and all others are
 * left to the C library.
 */

ngx_int_t
ngx_llm_vector_float(u_char **pos, u_char *last, float *value)
{
    double      d;
    u_char     *p;
    int64_t     n;
    uint64_t    bits;
    ngx_int_t   exp, e, sign;
    ngx_uint_t  digits, minus, point;

    p = *pos;
    n = 0;
    exp = 0;
    digits = 0;
    point = 0;

    minus = (p < last && *p == '-');
    p += minus;

    for ( /* void */ ; p < last; p++) {

        if (*p == '.') {
            point = 1;
            continue;
        }

        if (*p < '0' || *p > '9') {
            break;
        }

        if (digits <= 15) {
            n = n * 10 + (*p - '0');
            exp -= point;
        }

        digits += (n != 0);
    }

    if (p < last && (*p | 0x20) == 'e') {
        p++;
        sign = 1;

        if (p < last && (*p == '+' || *p == '-')) {
            sign = (*p++ == '-') ? -1 : 1;
        }

        for (e = 0; p < last && *p >= '0' && *p <= '9'; p++) {
            e = ngx_min(e * 10 + (*p - '0'), 10000);
        }

        exp += sign * e;
    }

    if (digits <= 15 && exp >= -22 && exp <= 22) {

        d = (double) n;
        d = (exp < 0) ? d / ngx_llm_vector_tens[-exp]
                      : d * ngx_llm_vector_tens[exp];

        ngx_memcpy(&bits, &d, sizeof(uint64_t));

        /* of a normal float's 24 bits the last is the double's 30th */

        if ((bits & 0x1fffffff) != 0x10000000
            && (n == 0 || (d >= 1.2e-38 && d <= 3.4e38)))
        {
            *value = (float) (minus ? -d : d);
            *pos = p;
            return NGX_OK;
        }
    }

    *value = strtof((char *) *pos, NULL);
    *pos = p;

    return isfinite(*value) ? NGX_OK : NGX_DECLINED;
}
