# Who may use the gateway, and for which models.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::Nginx::Socket;

$ENV{LLM_T_SECRET} = "sk-env";

our $digest_a = sha256_hex("sk-a");
our $digest_b = sha256_hex("sk-b");
our $digest_old = sha256_hex("sk-old");

our $http = <<"_EOC_";
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }

    llm_model gpt-4o   { deployment p x; }
    llm_model claude-x { deployment p x; }

    llm_key alice  { secret sha256:$digest_a; secret sha256:$digest_old; models gpt-*; }
    llm_key bob    { secret sha256:\U$digest_b\E; }
    llm_key team-* { models claude-*; }
    llm_key carol  { models claude-x; }
_EOC_

our $location = <<'_EOC_';
    client_body_buffer_size 128k;

    location /v1/ {
        llm_gateway;
        add_header x-key $llm_key always;
    }

    location /gpt/ {
        llm_gateway;
        llm_models gpt-4o;
    }

    location /open/ {
        llm_gateway;
        llm_auth off;
    }

    set $proved $arg_who;

    location /proved/ {
        llm_gateway;
        llm_auth $proved;
        add_header x-key $llm_key always;

        location /proved/again/ {
            llm_gateway;
            add_header x-key $llm_key always;
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

    $block->set_value("no_error_log", "sk-\n[error]\n[crit]\n[alert]");
});

log_level("info");     # at "debug" nginx writes headers down
repeat_each(2);
plan tests => repeat_each() * (blocks() * 6);
no_long_string();
run_tests();

__DATA__

=== TEST 1: no key says how to send one
--- error_code: 401
--- response_body_like: no API key was sent: put it into the header \\"Authorization: Bearer KEY\\", \\"x-api-key\\" or \\"api-key\\".*"code":"invalid_api_key"



=== TEST 2: bearer
--- more_headers
Authorization: Bearer sk-a
--- error_code: 200
--- response_headers
x-key: alice



=== TEST 3: scheme in other letters, more spaces
--- more_headers
Authorization: bEARER   sk-a
--- error_code: 200
--- response_headers
x-key: alice



=== TEST 4: second secret of a key
--- more_headers
Authorization: Bearer sk-old
--- error_code: 200
--- response_headers
x-key: alice



=== TEST 5: digest in capital letters
--- more_headers
Authorization: Bearer sk-b
--- error_code: 200
--- response_headers
x-key: bob



=== TEST 6: x-api-key
--- more_headers
x-api-key: sk-b
--- error_code: 200
--- response_headers
x-key: bob



=== TEST 7: api-key
--- more_headers
API-Key: sk-b
--- error_code: 200
--- response_headers
x-key: bob



=== TEST 8: unknown key, which is not repeated
--- more_headers
Authorization: Bearer sk-unknown
--- error_code: 401
--- response_body_like: ^(?!.*sk-unknown).*is not known here.*"code":"invalid_api_key"



=== TEST 9: a part of a key is no key
--- more_headers
Authorization: Bearer sk-
--- error_code: 401
--- response_body_like: "type":"authentication_error".*"code":"invalid_api_key"



=== TEST 10: a key and more is no key
--- more_headers
Authorization: Bearer sk-a ,
--- error_code: 401
--- response_body_like: "type":"authentication_error".*"code":"invalid_api_key"



=== TEST 11: digest of a key is no key
--- more_headers
Authorization: Bearer ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
--- error_code: 401
--- response_body_like: "type":"authentication_error".*"code":"invalid_api_key"



=== TEST 12: name of a key is no key
--- more_headers
x-api-key: carol
--- error_code: 401
--- response_body_like: "type":"authentication_error".*"code":"invalid_api_key"



=== TEST 13: empty bearer
--- more_headers
Authorization: Bearer
--- error_code: 401
--- response_body_like: "type":"authentication_error".*"code":"invalid_api_key"



=== TEST 14: basic credentials are somebody else's
--- more_headers
Authorization: Basic c2stYTo=
x-api-key: sk-a
--- error_code: 200
--- response_headers
x-key: alice



=== TEST 15: one of two keys is known
--- more_headers
Authorization: Bearer nothing
x-api-key: sk-a
--- error_code: 200
--- response_headers
x-key: alice



=== TEST 16: key in the query string
--- request
GET /v1/models?key=%73k-a&api-key=%73k-a
--- error_code: 401
--- response_body_like: no API key was sent



=== TEST 17: models of a key
--- more_headers
Authorization: Bearer sk-a
--- error_code: 200
--- response_body_like: ^(?!.*claude-x).*"id":"gpt-4o"



=== TEST 18: key without models may use all
--- more_headers
Authorization: Bearer sk-b
--- error_code: 200
--- response_body_like: "id":"claude-x"



=== TEST 19: location narrows
--- request
GET /gpt/v1/models
--- more_headers
Authorization: Bearer sk-b
--- error_code: 200
--- response_body_like: ^(?!.*claude-x).*"id":"gpt-4o"



=== TEST 20: key may not use a model
--- request
POST /v1/chat/completions
{"model":"claude-x","messages":[{"role":"user","content":"hi"}]}
--- more_headers
Authorization: Bearer sk-a
Content-Type: application/json
--- error_code: 403
--- response_body_like: "type":"permission_error".*"code":"model_not_allowed"



=== TEST 21: location does not serve a model
--- request
POST /gpt/chat/completions
{"model":"claude-x","messages":[{"role":"user","content":"hi"}]}
--- more_headers
Authorization: Bearer sk-b
Content-Type: application/json
--- error_code: 403
--- response_body_like: "code":"model_not_allowed"



=== TEST 22: key before body
--- request
POST /v1/chat/completions
{
--- more_headers
Authorization: Bearer no
Content-Type: application/json
--- error_code: 401
--- response_body_like: "type":"authentication_error".*"code":"invalid_api_key"



=== TEST 23: off takes anybody
--- request
GET /open/v1/models
--- error_code: 200
--- response_body_like: "id":"gpt-4o"



=== TEST 24: off does not look at keys
--- request
GET /open/v1/models
--- more_headers
Authorization: Bearer no
--- error_code: 200
--- response_body_like: "id":"gpt-4o"



=== TEST 25: proved name of a key
--- request
GET /proved/v1/models?who=alice
--- error_code: 200
--- response_headers
x-key: alice



=== TEST 26: proved name of a template, inherited
--- request
GET /proved/again/models?who=team-7
--- error_code: 200
--- response_headers
x-key: team-7



=== TEST 27: models of a template
--- request
GET /proved/models?who=team-7
--- error_code: 200
--- response_body_like: ^(?!.*gpt-4o).*"id":"claude-x"



=== TEST 28: key without a secret by its name
--- request
GET /proved/models?who=carol
--- error_code: 200
--- response_body_like: ^(?!.*gpt-4o).*"id":"claude-x"



=== TEST 29: nothing is proved
--- request
GET /proved/models
--- more_headers
Authorization: Bearer sk-a
--- error_code: 401
--- response_body_like: no identity.*"code":"invalid_api_key"



=== TEST 30: proved, but no such key
--- request
GET /proved/models?who=mallory
--- error_code: 401
--- response_body_like: has no key here.*"code":"invalid_api_key"



=== TEST 31: secret of a file, without its newline
--- user_files eval
">>> secret\nsk-a \r\n"
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model gpt-4o { deployment p x; }
    llm_key f { secret file:$TEST_NGINX_SERVER_ROOT/html/secret; }
--- more_headers
Authorization: Bearer sk-a
--- response_headers
x-key: f



=== TEST 32: secret of the environment, without a directive "env"
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model gpt-4o { deployment p x; }
    llm_key e { secret env:LLM_T_SECRET; }
--- more_headers
Authorization: Bearer sk-env
--- response_headers
x-key: e



=== TEST 33: missing secrets do not hinder a start
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model gpt-4o { deployment p x; }
    llm_key g {
        secret env:LLM_T_NOT_SET;
        secret file:/nonexistent/llm;
        secret env:LLM_T_SECRET;
    }
--- suppress_stderr
--- more_headers
Authorization: Bearer sk-env
--- response_headers
x-key: g



=== TEST 34: other models, for a provider to fall back to
--- request
POST /v1/chat/completions
{"model":"gpt-4o","models":["claude-x"],"messages":[{"role":"user","content":"hi"}]}
--- more_headers
Authorization: Bearer sk-a
Content-Type: application/json
--- error_code: 403
--- response_body_like: "param":"models","code":"model_not_allowed"
