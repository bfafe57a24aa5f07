# $llm_*: what they say, when, and to whom: headers, log, map, llm_route.

use strict;
use warnings;

use Test::Nginx::Socket;

our $http = <<'_CONF_';
    client_max_body_size 64m;
    client_body_buffer_size 1m;

    llm_provider p {
        dialect openai;
        url http://127.0.0.1:$TEST_NGINX_SERVER_PORT/mock/v1;
        key none;
    }
    llm_provider bad {
        dialect openai;
        url http://127.0.0.1:$TEST_NGINX_SERVER_PORT/bad/v1;
        key none;
    }
    llm_provider ant {
        dialect anthropic;
        url http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ant;
        key none;
    }

    llm_model m      { deployment p real; }
    llm_model other  { deployment p second; }
    llm_model a      { deployment ant claude; }
    llm_model tiered { deployment bad x; deployment p y tier=2; cooldown off; }
    llm_model falls  { deployment bad x; fallback other; cooldown off; }

    llm_key demo { secret sha256:f77894fdfa58e447c57e077eaa9708e8e009c84dc6aba2db80461275e9b85be7; }

    log_format llm escape=json
        '{"key":"$llm_key","asked":"$llm_request_model","user":"$llm_user",'
        '"stream":$llm_stream,"tools":$llm_has_tools,'
        '"images":$llm_has_images,"prompt":"$llm_prompt",'
        '"last":"$llm_last_message","model":"$llm_model",'
        '"provider":"$llm_provider","deployment":"$llm_deployment",'
        '"upstream":"$llm_upstream_model","attempts":$llm_attempts,'
        '"fallback":$llm_fallback,"in":$llm_prompt_tokens,'
        '"out":$llm_completion_tokens,"total":$llm_total_tokens,'
        '"cached":$llm_cached_tokens,"written":$llm_cache_write_tokens,'
        '"reasoning":$llm_reasoning_tokens,"finish":"$llm_finish_reason",'
        '"error":"$llm_error"}';

    log_format prompt escape=none '$llm_prompt';
    log_format times '$llm_ttft|$llm_prompt_tokens_estimate|';

    map $llm_last_message $by_content {
        volatile;
        ~secret  other;
        default  "";
    }

    map $llm_stream$llm_has_tools $remembered {
        volatile;
        "00"     plain;
        default  no;
    }
_CONF_

our $mocks = <<'_CONF_';
    location /mock/ {
        llm_mock openai prompt_tokens=20 cached_tokens=5 reasoning=hm;
    }
    location /ant/ { llm_mock anthropic prompt_tokens=9; }
    location /bad/ { llm_mock openai status=503; }
    location = /llm.log { root logs; }
_CONF_

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value("http_config", $main::http);
    }

    $block->set_value("config", $block->config . $main::mocks);

    if (!defined $block->no_error_log) {
        $block->set_value("no_error_log", "[error]\n[crit]\n[alert]");
    }
});

repeat_each(2);
plan tests => repeat_each() * 128;

no_long_string();
run_tests();

__DATA__

=== TEST 1: all of them, a plain answer
--- config
    location /v1/ { llm_gateway; access_log logs/llm.log llm; }
--- request eval
[
'POST /v1/chat/completions
{"model":"m","user":"u\u00e91","messages":[{"role":"system","content":"be \"short\""},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b\u00e9"}]}]}',
'GET /llm.log'
]
--- more_headers
Authorization: Bearer sk-demo
--- response_body_like eval
[ qr/echo/,
"(?x)" . CORE::join ",", map { quotemeta } (
'"key":"demo"', '"asked":"m"', "\"user\":\"u\xc3\xa91\"", '"stream":0',
'"tools":0', '"images":0', "\"prompt\":\"be \\\"short\\\"\\na\\nb\xc3\xa9\"",
"\"last\":\"a\\nb\xc3\xa9\"", '"model":"m"', '"provider":"p"',
'"deployment":"m/p/real"', '"upstream":"real"', '"attempts":1',
'"fallback":0', '"in":20', '"out":4', '"total":24', '"cached":5',
'"written":0', '"reasoning":1', '"finish":"stop"', '"error":""' ) ]



=== TEST 2: a stream, translated, with tools and images
--- config
    location /v1/ { llm_gateway; llm_auth off; access_log logs/llm.log llm; }
--- request eval
[
'POST /v1/chat/completions
{"model":"a","stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"http://h/i.png"}}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}',
'GET /llm.log'
]
--- response_body_like eval
[ qr/\[DONE\]/,
  qr/"key":"","asked":"a","user":"","stream":1,"tools":1,"images":1,"prompt":"x","last":"x","model":"a","provider":"ant","deployment":"a\/ant\/claude","upstream":"claude","attempts":1,"fallback":0,"in":9,"out":2,"total":11,.*"finish":"stop","error":""\}\n$/ ]



=== TEST 3: numbers are numbers where nothing is known, texts are absent
--- config
    location /v1/ { llm_gateway; access_log logs/llm.log llm; }
--- request eval
[ "POST /v1/chat/completions\n{}", 'GET /llm.log' ]
--- error_code eval
[ 401, 200 ]
--- response_body_like eval
[ qr/invalid_api_key/,
  qr/^\{"key":"","asked":"","user":"","stream":0,"tools":0,"images":0,"prompt":"","last":"","model":"","provider":"","deployment":"","upstream":"","attempts":0,"fallback":0,"in":0,"out":0,"total":0,"cached":0,"written":0,"reasoning":0,"finish":"","error":"invalid_api_key"\}\n/ ]
--- no_error_log
[error]
[alert]
was read before



=== TEST 4: the second deployment answers
--- config
    location /v1/ { llm_gateway; llm_auth off; access_log logs/llm.log llm; }
--- request eval
[
'POST /v1/chat/completions
{"model":"tiered","messages":[{"role":"user","content":"x"}]}',
'GET /llm.log'
]
--- response_body_like eval
[ qr/echo/,
  qr/"model":"tiered","provider":"p","deployment":"tiered\/p\/y","upstream":"y","attempts":2,"fallback":0,.*"error":""\}\n$/ ]
--- no_error_log
[alert]



=== TEST 5: another model answers: it is that one
--- config
    location /v1/ { llm_gateway; llm_auth off; access_log logs/llm.log llm; }
--- request eval
[
'POST /v1/chat/completions
{"model":"falls","messages":[{"role":"user","content":"x"}]}',
'GET /llm.log'
]
--- response_body_like eval
[ qr/echo/,
  qr/"asked":"falls",.*"model":"other","provider":"p","deployment":"other\/p\/second",.*"attempts":2,"fallback":1,/ ]
--- no_error_log
[alert]



=== TEST 6: nginx's own errors
--- config
    location /v1/ { llm_gateway; llm_auth off; deny all; access_log logs/llm.log llm; }
--- request eval
[ "POST /v1/chat/completions\n{}", 'GET /llm.log' ]
--- error_code eval
[ 403, 200 ]
--- response_body_like eval
[ qr/access_denied/, qr/"attempts":0,.*"error":"access_denied"\}\n/ ]
--- no_error_log
[alert]
was read before



=== TEST 7: llm_route by what the body says
--- config
    location /v1/ { llm_gateway; llm_auth off; llm_route $by_content; }
--- request eval
[
'POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"a secret"}]}',
'POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"secret"},{"role":"assistant","content":"y"},{"role":"user","content":"z"}]}'
]
--- raw_response_headers_like eval
[ qr/x-llm-model: other\r\n/, qr/x-llm-model: m\r\n/ ]



=== TEST 8: read before the body: not found, a warning, and right afterwards
--- config
    location /v1/ {
        llm_gateway;
        llm_auth off;
        set $early "$by_content|$llm_prompt|$llm_stream|$llm_model";
        llm_route $by_content;
        add_header X-Early "$early";
        add_header X-Late "$by_content|$llm_prompt|$llm_stream|$llm_model";
    }
--- request
POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"a secret"}]}
--- response_headers
X-Early: ||0|
X-Late: other|a secret|0|other
x-llm-model: other
--- grep_error_log: variable "$llm_prompt" was read before the request body: a map over it must be volatile
--- grep_error_log_out eval
[ "variable \"\$llm_prompt\" was read before the request body: a map over it must be volatile\n", "" ]



=== TEST 9: read too early by a header, the log has it as it is at the end
--- config
    location /v1/ {
        llm_gateway;
        llm_auth off;
        set $early "$llm_completion_tokens$llm_finish_reason$llm_attempts";
        add_header X-Early "$early";
        access_log logs/llm.log llm;
    }
--- request eval
[
'POST /v1/chat/completions
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}',
'GET /llm.log'
]
--- response_body_like eval
[ qr/\[DONE\]/, qr/"attempts":1,.*"in":20,"out":3,"total":23,.*"finish":"stop",/ ]



=== TEST 10: $llm_key is known in any phase with llm_auth on
--- config
    location /v1/ {
        llm_gateway;
        if ($llm_key = demo) { return 200 "it is $llm_key"; }
    }
--- request
POST /v1/chat/completions
{}
--- more_headers
Authorization: Bearer sk-demo
--- response_body: it is demo



=== TEST 11: $llm_key of a wrong key is not there, and the refusal comes later
--- config
    location /v1/ {
        llm_gateway;
        set $k "[$llm_key]";
        add_header X-Key "$k$llm_key" always;
    }
--- request
POST /v1/chat/completions
{}
--- more_headers
Authorization: Bearer sk-wrong
--- error_code: 401
--- response_headers
X-Key: []
--- response_body_like eval
qr/invalid_api_key/



=== TEST 12: llm_user instead of the body's
--- config
    location /v1/ {
        llm_gateway;
        llm_auth off;
        llm_user $http_x_user;
        add_header X-User "[$llm_user]";
    }
--- request eval
[
'POST /v1/chat/completions
{"model":"m","user":"body","messages":[{"role":"user","content":"x"}]}',
'POST /v1/chat/completions
{"model":"m","user":"body","messages":[{"role":"user","content":"x"}]}' ]
--- more_headers eval
[ "X-User: head", "X-Other: y" ]
--- response_headers eval
[ "X-User: [head]", "X-User: []" ]



=== TEST 13: $llm_prompt ends at 64k, between characters
--- config
    location /v1/ { llm_gateway; llm_auth off; access_log logs/llm.log prompt; }
--- request eval
[ 'POST /v1/chat/completions
{"model":"m","messages":[{"role":"system","content":"' . ('x' x 30000)
    . '"},{"role":"user","content":"' . ('\u00e9' x 60000) . '"}]}',
'GET /llm.log' ]
--- response_body_like eval
[ qr/echo/, qr/^x{30000}\n(?:\xc3\xa9){17767}\n(?:x|$)/ ]



=== TEST 14: times and the estimate
--- config
    location /v1/ { llm_gateway; llm_auth off; access_log logs/llm.log times; }
--- request eval
[
'POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"one two three four five"}]}',
'GET /llm.log'
]
--- response_body_like eval
[ qr/echo/, qr/^(0|0\.\d{3})\|[1-9]\d*\|\n/ ]



=== TEST 15: a map that is kept from before the body is what it was
--- config
    location /v1/ {
        llm_gateway;
        llm_auth off;
        add_header X-Map $remembered;
    }
--- request
POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- response_headers
X-Map: plain



=== TEST 16: elsewhere they are not found, and nobody is warned
--- config
    location /t { return 200 "[$llm_prompt$llm_model$llm_key]$llm_attempts$llm_stream"; }
--- request
GET /t
--- response_body: []00
--- no_error_log
[error]
was read before
