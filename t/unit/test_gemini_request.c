
/*
 * Copyright (C) the ngx_http_llm_module authors
 *
 * Gemini: requests, paths, headers, models.
 */


#include "ngx_llm_gemini.h"
#include "test_provider.h"


static void test_path(void);
static void test_models(void);


int
main(int argc, char *const *argv)
{
    test_print = argc > 1;

    test_provider.dialect = &ngx_llm_gemini;
    test_provider.name = "gemini";
    ngx_str_set(&test_provider.target.provider, "google");
    ngx_str_set(&test_provider.target.model, "gemini-2.5-flash");

    test_requests();
    test_path();
    test_headers_are("Content-Type: application/json" CRLF
                     "Accept: application/json" CRLF,
                     "Content-Type: application/json" CRLF
                     "Accept: text/event-stream" CRLF
                     "x-goog-api-key: key-1" CRLF);
    test_models();

    return test_done("gemini request");
}


static void
test_path(void)
{
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_llm_out_t      out;
    ngx_llm_chat_t     chat;
    ngx_llm_target_t   target;

    static struct {
        char        *model;
        ngx_uint_t   stream;
        char        *path;      /* NULL: refused */
    } paths[] = {
        { "gemini-2.5-flash", 0,
          "/v1beta/models/gemini-2.5-flash:generateContent" },
        { "gemini-2.5-flash", 1,
          "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse" },
        { "models/gemini-2.5-pro", 0,
          "/v1beta/models/gemini-2.5-pro:generateContent" },
        { "tunedModels/mine-1", 1,
          "/v1beta/tunedModels/mine-1:streamGenerateContent?alt=sse" },
        { "models/", 0, "/v1beta/models/models%2F:generateContent" },
        { "a/../../b?key=1&c#d:e%2f\xc3\xa9 \r\n", 0,
          "/v1beta/models/a%2F..%2F..%2Fb%3Fkey%3D1%26c%23d%3Ae%252f%C3%A9"
          "%20%0D%0A:generateContent" },
        { "..", 0, NULL },
        { "models/..", 1, NULL },
        { "tunedModels/.", 1, NULL },
        { NULL, 0, NULL }
    };

    pool = test_reset();
    ngx_memzero(&chat, sizeof(ngx_llm_chat_t));
    ngx_memzero(&target, sizeof(ngx_llm_target_t));

    ngx_str_set(&target.base, "/v1beta");

    for (i = 0; paths[i].model; i++) {
        test_case = paths[i].model;

        target.model = test_string(paths[i].model);
        chat.stream = paths[i].stream;

        ngx_llm_out_init(&out, pool, NULL, 0, 1024);
        ngx_llm_gemini.write_path(&chat, &target, &out);

        if (paths[i].path) {
            test_out(out, paths[i].path);

        } else {
            test_ok(out.failed);
        }
    }
}


static void
test_models(void)
{
    ngx_str_t                      name;
    ngx_uint_t                     i;
    const ngx_llm_gemini_model_t  *model;

    static struct {
        char  *name;
        char  *listed;
    } models[] = {
        { "gemma-3-27b-it", "gemma" },
        { "models/gemini-1.5-pro", "gemini-1" },
        { "gemini-2.0-flash-lite", "gemini-2.0" },
        { "gemini-2.5-flash-lite-preview-06-17", "gemini-2.5-flash-lite" },
        { "gemini-2.5-flash-image", "gemini-2.5-flash-image" },
        { "Gemini-2.5-Pro", "gemini-2.5-pro" },
        { "gemini-2.5-flash-preview-09-2025", "gemini-2.5" },
        { "gemini-3-pro-preview", "gemini-3-pro" },
        { "gemini-3-pro-image-preview", "gemini-3-pro-image" },
        { "gemini-3.1-pro-preview", "gemini-3.1-pro" },
        { "gemini-3.1-flash-lite", "gemini-3.1" },
        { "gemini-3-flash-preview", "gemini-3-flash" },
        { "gemini-3.5-flash", "gemini-3.5" },
        { "gemini-3.5-flash-lite", "gemini-3.5-flash-lite" },
        { "gemini-3.6-flash", "gemini-3.6" },
        { "gemini-3.7-flash", "" },
        { "gemini-flash-latest", "" },
        { "tunedModels/abc", "tunedmodels/" },
        { "", "" },
        { NULL, NULL }
    };

    for (i = 0; models[i].name; i++) {
        test_case = models[i].name;

        name = test_string(models[i].name);
        model = ngx_llm_gemini_model(&name);

        test_str(test_string(model->name), models[i].listed);
    }
}
