# Locations with llm_gateway: prefixes, error pages, warnings.

use strict;
use warnings;

use Test::Nginx::Socket;

our $http = <<'_EOC_';
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model m { deployment p x; }
_EOC_

our $location = <<'_EOC_';
    client_body_buffer_size 128k;
    llm_auth                off;

    error_page 403 404 /page;

    location = /page    { return 200 "server's page\n"; }
    location = /own     { return 200 "location's page\n"; }

    location /v1/       { llm_gateway; }
    location /v1/audio/ { llm_gateway; }
    location /ai/       { llm_gateway; }
    location /a/v1/b/v1 { llm_gateway; }
    location /v1beta/   { llm_gateway; }
    location /p/        { llm_gateway prefix=/p/q/; }
    location /none/     { llm_gateway prefix=; }

    location ~ ^/rx/    { llm_gateway prefix=/rx; }
    location /named/    { try_files /nonexistent @named; }
    location @named     { llm_gateway prefix=/named; }

    location /deny/ {
        llm_gateway;
        deny all;

        location /deny/plain/ { deny all; }
    }

    location /own/ {
        llm_gateway;
        error_page 403 404 /own;

        if ($arg_deny) {
            return 403;
        }
    }

    location /if/ {
        llm_gateway;

        if ($arg_if) {
            set $x 1;
        }

        if ($arg_deny) {
            return 403;
        }
    }

    location /except/ {
        llm_gateway;

        limit_except POST {
            deny all;
        }
    }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value("http_config", $main::http);
    }

    if (!defined $block->config) {
        $block->set_value("config", $main::location);
    }

    if (!defined $block->request) {
        $block->set_value("request", "GET /v1/models");
    }

    if (defined $block->error_log) {
        $block->set_value("suppress_stderr", "");
    }

    if (!defined $block->error_log && !defined $block->no_error_log) {
        $block->set_value("no_error_log", "[emerg]\n[crit]\n[alert]");
    }
});

log_level("info");
repeat_each(1);     # warnings come once, at the start
plan tests => repeat_each() * (blocks() * 5 - 6);
no_long_string();
run_tests();

__DATA__

=== TEST 1: no prefix
--- request
GET /v1/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 2: no prefix of a longer location
--- request
GET /v1/audio/../models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 3: prefix of the location
--- request
GET /ai/v1/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 4: version after a prefix is optional
--- request
GET /ai/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 5: final version is no prefix
--- request
GET /a/v1/b/v1/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 6: another version is one
--- request
GET /v1beta/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 7: prefix given, final slash cut
--- request
GET /p/q/v1/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 8: empty prefix
--- request
GET /none/../v1/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 9: prefix of a regex location
--- request
GET /rx/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 10: prefix of a named location
--- request
GET /named/v1/models
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 11: prefix given and not there
--- request
GET /p/models
--- error_code: 404
--- response_body_like: "code":"unknown_url"



=== TEST 12: empty prefix keeps the name
--- request
GET /none/models
--- error_code: 404
--- response_body_like: "code":"unknown_url"



=== TEST 13: nginx's own error has the API's shape, not the server's page
--- request
GET /deny/models
--- error_code: 403
--- response_body_like: ^\{"error":\{"message":



=== TEST 14: so has the gateway's
--- request
GET /v1/nothing
--- error_code: 404
--- response_body_like: "code":"unknown_url"



=== TEST 15: location without a gateway keeps the server's page
--- request
GET /deny/plain/
--- error_code: 403
--- response_body_like: ^server's page$



=== TEST 16: server's page elsewhere
--- request
GET /elsewhere
--- error_code: 404
--- response_body_like: ^server's page$



=== TEST 17: own page of the location
--- request
GET /own/models?deny=1
--- error_code: 403
--- response_body_like: ^location's page$



=== TEST 18: error of an if in a gateway
--- request
GET /if/models?deny=1
--- error_code: 403
--- response_body_like: ^\{"error":\{"message":



=== TEST 19: if keeps the gateway
--- request
GET /if/models?if=1
--- error_code: 200
--- response_body_like: "object":"list"



=== TEST 20: if does not bring the server's page back
--- request
GET /if/nothing?if=1
--- error_code: 404
--- response_body_like: "code":"unknown_url"



=== TEST 21: limit_except keeps the gateway and the shape
--- request
GET /except/models
--- error_code: 403
--- response_body_like: ^\{"error":\{"message":



=== TEST 22: body that is too small for images
--- config
    location /t/ {
        llm_gateway;
        llm_auth                off;
        client_max_body_size    7m;
        client_body_buffer_size 128k;
    }
--- request
GET /t/models
--- error_code: 200
--- response_body_like: "object":"list"
--- error_log eval
qr/\[warn\] .*"client_max_body_size" is less than 8m for "llm_gateway", .* in .*nginx\.conf:\d+$/



=== TEST 23: buffer that sends prompts to the disk
--- config
    location /t/ {
        llm_gateway;
        llm_auth                off;
        client_max_body_size    0;
        client_body_buffer_size 127k;
    }
--- request
GET /t/models
--- error_code: 200
--- response_body_like: "object":"list"
--- error_log eval
qr/\[warn\] .*"client_body_buffer_size" is less than 128k for "llm_gateway", .* in .*nginx\.conf:\d+$/



=== TEST 24: keys are asked for and there are none
--- config
    location /t/ {
        llm_gateway;
        client_max_body_size    8m;
        client_body_buffer_size 128k;
    }
--- request
GET /t/models
--- error_code: 401
--- response_body_like: invalid_api_key
--- error_log eval
qr/\[warn\] .*no "llm_key" is defined, every request to "llm_gateway" will be refused in .*nginx\.conf:\d+$/



=== TEST 25: nothing to warn of
--- config
    location /t/ {
        llm_gateway;
        llm_auth                off;
        client_max_body_size    8m;
        client_body_buffer_size 128k;
    }
--- request
GET /t/models
--- error_code: 200
--- response_body_like: "object":"list"
--- no_error_log
[warn]
[emerg]
[alert]
