# Errors of the gateway and those of nginx in its location: their shape, their
# headers, and what becomes of the connection.

use strict;
use warnings;

use Test::Nginx::Socket;

our $http = <<'_CONF_';
    llm_provider p { dialect openai; url http://127.0.0.1:1/; key none; }
    llm_model m { deployment p x; }
    llm_key k { secret sha256:f77894fdfa58e447c57e077eaa9708e8e009c84dc6aba2db80461275e9b85be7; }
    client_max_body_size 64m;
    client_body_buffer_size 1m;
    limit_req_zone $uri zone=one:1m rate=1r/m;
_CONF_

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value("http_config", $main::http);
    }

    if (!defined $block->no_error_log && !defined $block->error_log) {
        $block->set_value("no_error_log", "[error]\n[crit]\n[alert]");
    }
});

repeat_each(2);
plan tests => repeat_each() * 226;

no_long_string();
run_tests();

__DATA__

=== TEST 1: a body that is too large
--- config
    location /v1/ { llm_gateway; llm_auth off; client_max_body_size 10; }
--- request
POST /v1/chat/completions
{"model":"m"}
--- error_code: 413
--- response_headers
Content-Type: application/json
Connection: close
x-llm-error: request_too_large
!x-should-retry
--- response_body: {"error":{"message":"the request body is too large, at most 10 bytes are taken","type":"invalid_request_error","param":null,"code":"request_too_large"}}
--- error_log
client intended to send too large body



=== TEST 2: a chunked body that is too large
--- config
    location /v1/ { llm_gateway; llm_auth off; client_max_body_size 10; }
--- raw_request eval
"POST /v1/chat/completions HTTP/1.1\r
Host: h\r
Transfer-Encoding: chunked\r
\r
20\r
01234567890123456789012345678901\r
0\r
\r
"
--- error_code: 413
--- response_headers
Content-Type: application/json
--- response_body_like eval
qr{^\{"error":\{.*"code":"request_too_large"\}\}$}
--- error_log
client intended to send too large chunked body



=== TEST 3: a chunked body that is none
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- raw_request eval
"POST /v1/chat/completions HTTP/1.1\r
Host: h\r
Transfer-Encoding: chunked\r
\r
zz\r
"
--- error_code: 400
--- response_headers
Content-Type: application/json
x-llm-error: invalid_request_error
--- response_body_like eval
qr{^\{"error":\{"message":".*","type":"invalid_request_error","param":null,"code":null\}\}$}
--- error_log
client sent invalid chunked body



=== TEST 4: deny
--- config
    location /v1/ { llm_gateway; llm_auth off; deny all; }
--- request
POST /v1/chat/completions
{"model":"m"}
--- error_code: 403
--- response_headers
Content-Type: application/json
x-should-retry: false
x-llm-error: access_denied
--- response_body: {"error":{"message":"access is denied","type":"permission_error","param":null,"code":"access_denied"}}
--- error_log
access forbidden by rule



=== TEST 5: deny, in the shape of the API that the path belongs to
--- config
    location /v1/ { llm_gateway; llm_auth off; deny all; }
--- request
POST /v1/messages
{"model":"m"}
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body_like eval
qr{^\{"type":"error","error":\{"type":"permission_error","message":"access is denied"\}}
--- error_log
access forbidden by rule



=== TEST 6: deny and HEAD: the length of a body that is not sent
--- config
    location /v1/ { llm_gateway; llm_auth off; deny all; }
--- request
HEAD /v1/models
--- error_code: 403
--- response_headers
Content-Type: application/json
Content-Length: 102
--- response_body
--- error_log
access forbidden by rule



=== TEST 7: limit_req, with its default status and another one
--- config
    location /v1/a/ { limit_req zone=one; llm_gateway prefix=/v1/a; llm_auth off; }
    location /v1/b/ {
        limit_req zone=one;
        limit_req_status 429;
        llm_gateway prefix=/v1/b;
        llm_auth off;
    }
--- request eval
[ ("GET /v1/a/models") x 2, ("GET /v1/b/models") x 2 ]
--- error_code_like eval
[ qr/^(200|503)$/, qr/^503$/, qr/^(200|429)$/, qr/^429$/ ]
--- response_body_like eval
[ qr/./, qr/"type":"service_unavailable_error","param":null,"code":"server_is_overloaded"/,
  qr/./, qr/"type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"/ ]
--- no_error_log
[alert]



=== TEST 8: auth_request
--- config
    location /v1/ { llm_gateway; llm_auth off; auth_request /auth; }
    location /auth { return 401; }
--- request
GET /v1/models
--- error_code: 401
--- response_headers
Content-Type: application/json
x-should-retry: false
x-llm-error: invalid_api_key
--- response_body_like eval
qr{^\{"error":\{.*"type":"authentication_error","param":null,"code":"invalid_api_key"\}\}$}



=== TEST 9: auth_basic: its own challenge stays
--- config
    location /v1/ { llm_gateway; llm_auth off; auth_basic x; auth_basic_user_file x; }
--- request
GET /v1/models
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="x"
--- response_body_like eval
qr{"code":"invalid_api_key"}



=== TEST 10: return with a status alone is nginx's page, with a text it is not
--- config
    location /v1/ {
        llm_gateway;
        llm_auth off;
        if ($arg_a = 1) { return 503; }
        if ($arg_a = 2) { return 503 "as I said"; }
        if ($arg_a = 3) { return 418; }
    }
--- request eval
[ "GET /v1/models?a=1", "GET /v1/models?a=2", "GET /v1/models?a=3" ]
--- error_code eval
[ 503, 503, 418 ]
--- response_body_like eval
[ qr{"code":"server_is_overloaded"}, qr{^as I said$},
  qr{^\{"error":\{"message":"the request was refused with status 418","type":"invalid_request_error","param":null,"code":null\}\}$} ]



=== TEST 11: an error_page of the location wins
--- config
    location /v1/ {
        llm_gateway;
        llm_auth off;
        client_max_body_size 10;
        error_page 413 = @big;
        error_page 403 /big.html;
        deny 127.0.0.2;
    }
    location @big { return 413 "too big for us"; }
--- request
POST /v1/chat/completions
{"model":"m"}
--- error_code: 413
--- response_body: too big for us
--- error_log
client intended to send too large body



=== TEST 12: an inherited error_page does not
--- config
    error_page 413 403 /big.html;
    location = /big.html { return 200 "big"; }
    location /v1/ { llm_gateway; llm_auth off; client_max_body_size 10; }
    location /other { deny all; }
--- request eval
[ "POST /v1/chat/completions\n{\"model\":\"m\"}", "GET /other" ]
--- error_code eval
[ 413, 403 ]
--- response_body_like eval
[ qr{"code":"request_too_large"}, qr{^big$} ]
--- no_error_log
[alert]



=== TEST 13: other locations keep nginx's pages
--- config
    location /v1/ { llm_gateway; llm_auth off; }
    location /other { deny all; }
--- request
GET /other
--- error_code: 403
--- response_headers
Content-Type: text/html
--- response_body_like eval
qr{<title>403 Forbidden</title>}
--- error_log
access forbidden by rule



=== TEST 14: a page replaced does not keep what it had
--- config
    location /v1/ {
        llm_gateway;
        llm_auth off;
        deny all;
        add_header X-Mine yes always;
        charset utf-8;
        charset_types application/json;
        gzip on;
        gzip_types application/json;
        gzip_min_length 1;
    }
--- request
GET /v1/models
--- more_headers
Accept-Encoding: gzip
--- error_code: 403
--- response_headers
X-Mine: yes
!ETag
!Last-Modified
!Accept-Ranges
--- error_log
access forbidden by rule



=== TEST 15: no key
--- config
    location /v1/ { llm_gateway; }
--- request
POST /v1/chat/completions
{"model":"m"}
--- error_code: 401
--- response_headers
Content-Type: application/json
WWW-Authenticate: Bearer
x-should-retry: false
x-llm-error: invalid_api_key
--- response_body_like eval
qr{^\{"error":\{"message":"[^<]*","type":"authentication_error","param":null,"code":"invalid_api_key"\}\}$}



=== TEST 16: no key: the body is skipped and the connection goes on
--- config
    location /v1/ { llm_gateway; client_body_buffer_size 1k; }
    location /t { return 200 ok; }
--- pipelined_requests eval
[ "POST /v1/chat/completions\n" . ("x" x 30000), "GET /t" ]
--- error_code eval
[ 401, 200 ]
--- response_body_like eval
[ qr{"code":"invalid_api_key"}, qr{^ok$} ]



=== TEST 17: no key and Expect: nothing is asked for, the connection ends
--- config
    location /v1/ { llm_gateway; lingering_timeout 100ms; }
--- raw_request eval
"POST /v1/chat/completions HTTP/1.1\r
Host: h\r
Content-Length: 5\r
Expect: 100-continue\r
\r
"
--- error_code: 401
--- response_headers
Connection: close
--- response_body_like eval
qr{"code":"invalid_api_key"}



=== TEST 18: unknown URL
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request
POST /v1/chat/completion
{}
--- error_code: 404
--- response_headers
x-should-retry: false
x-llm-error: unknown_url
--- response_body_like eval
qr{"type":"invalid_request_error","param":null,"code":"unknown_url"}



=== TEST 19: a URL that is not UTF-8 leaves an error that is JSON
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request
GET /v1/%ff%22%0a
--- error_code: 404
--- response_body eval
"{\"error\":{\"message\":\"unknown URL: GET /v1/\xef\xbf\xbd\\\"\\n\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"unknown_url\"}}"



=== TEST 20: wrong method
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request
GET /v1/chat/completions
--- error_code: 405
--- response_headers
Allow: POST
x-llm-error: method_not_allowed
--- response_body_like eval
qr{"code":"method_not_allowed"}



=== TEST 21: bad requests, refused before a provider is asked
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request eval
[ map { "POST /v1/chat/completions\n$_" }
  '{', '[]', '{}', '{"model":"m"}', '{"model":"m","messages":[]}',
  '{"model":1,"messages":[]}', '{"model":"no","messages":[{"role":"user","content":"x"}]}',
  '{"model":"m","messages":' . ('[' x 1000) . (']' x 1000) . '}' ]
--- error_code eval
[ 400, 400, 400, 400, 400, 400, 404, 400 ]
--- response_body_like eval
[ (qr{^\{"error":\{"message":".*","type":"invalid_request_error",}) x 6,
  qr{"type":"invalid_request_error","param":"model","code":"model_not_found"},
  qr{^\{"error":\{"message":".*","type":"invalid_request_error",} ]



=== TEST 22: a bad request in HTTP/1.0 and with close
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- raw_request eval
"POST /v1/chat/completions HTTP/1.0\r
Content-Length: 1\r
\r
{"
--- error_code: 400
--- response_headers
Connection: close
--- response_body_like eval
qr{^\{"error":\{.*\}\}$}



=== TEST 23: the request's id is the client's if it is safe, else one of ours
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request eval
[ "GET /v1/x", "GET /v1/x" ]
--- more_headers eval
[ "X-Request-Id: abc-1", "X-Request-Id: a b" ]
--- error_code eval
[ 404, 404 ]
--- raw_response_headers_like eval
[ qr{x-request-id: abc-1\r\n}, qr{x-request-id: req_[0-9a-f]{32}\r\n} ]



=== TEST 24: a provider that is not there
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request
POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- error_code: 502
--- response_headers
Content-Type: application/json
x-llm-model: m
x-llm-provider: p
!x-should-retry
--- response_body_like eval
qr{^\{"error":\{"message":"[^<]*","type":}
--- error_log
connect() failed



=== TEST 25: an error of a subrequest's location does not end the answer
--- config
    location /t { ssi on; default_type text/html; return 200 'a<!--# include virtual="/v1/x" -->b'; }
    location /v1/ { llm_gateway; llm_auth off; return 403; }
--- request
GET /t
--- response_body_like eval
qr{^a\{"error":.*"code":"access_denied"\}\}b$}s



=== TEST 26: where the path does not tell, the header of a client does
--- config
    location /ai/ { llm_gateway; llm_auth off; deny all; }
--- request
GET /ai/v1/models
--- more_headers
anthropic-version: 2023-06-01
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body_like eval
qr{^\{"type":"error","error":\{"type":"permission_error","message":"access is denied"\}}
--- error_log
access forbidden by rule



=== TEST 27: an unknown path and a client that says who it is
--- config
    location /ai/ { llm_gateway; llm_auth off; }
--- request
POST /ai/v1/messages/batches
{}
--- more_headers
anthropic-version: 2023-06-01
--- error_code: 404
--- response_headers
Content-Type: application/json
x-llm-error: unknown_url
--- response_body_like eval
qr{^\{"type":"error","error":\{"type":"not_found_error","message":"unknown URL: POST /ai/v1/messages/batches"\}}



=== TEST 28: a path of one API, whatever the client says
--- config
    location /ai/ { llm_gateway; llm_auth off; }
--- request
GET /ai/v1/messages
--- error_code: 405
--- response_headers
Content-Type: application/json
Allow: POST
--- response_body_like eval
qr{^\{"type":"error","error":\{"type":"invalid_request_error","message":"GET is not allowed on /ai/v1/messages, use POST"\}}



=== TEST 29: a path of the other API, whatever the client says
--- config
    location /ai/ { llm_gateway; llm_auth off; }
--- request
GET /ai/chat/completions
--- more_headers
anthropic-version: 2023-06-01
--- error_code: 405
--- response_body_like eval
qr{^\{"error":\{"message":"GET is not allowed on /ai/chat/completions, use POST"}
