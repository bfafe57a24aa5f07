# GET /v1/models and /v1/models/{id}

use strict;
use warnings;

use Test::Nginx::Socket;

our $http = <<'_CONF_';
    client_max_body_size 64m;
    client_body_buffer_size 1m;

    llm_provider p { dialect openai; url http://127.0.0.1:1/; key none; }
    llm_model gpt     { deployment p x; alias gpt-alias; }
    llm_model org/big { deployment p x; }
    llm_model claude-* {
        deployment p *;
        list claude-one claude-two;
    }
    llm_model claude-exact { deployment p y; }
    llm_model ~^o[134] { deployment p z; alias oh; list o1 oh o3; }
    llm_model auto    { route $arg_x; }

    llm_key demo { secret sha256:f77894fdfa58e447c57e077eaa9708e8e009c84dc6aba2db80461275e9b85be7; models gpt claude-*; }
_CONF_

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value("http_config", $main::http);
    }

    if (!defined $block->no_error_log) {
        $block->set_value("no_error_log", "[error]\n[crit]\n[alert]");
    }
});

# the ids of a list, in their order

our $ids = sub {
    my $text = shift;

    return join(" ", $text =~ /\{"id":"([^"]*)"/g) . " of "
           . ($text =~ /"first_id":("[^"]*"|null),"last_id":("[^"]*"|null)/
              ? "$1 $2" : "?");
};

repeat_each(2);
plan tests => repeat_each() * 98;

no_long_string();
run_tests();

__DATA__

=== TEST 1: exact names, aliases, virtual models, a pattern's list, once each
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request
GET /v1/models
--- response_headers
Content-Type: application/json
--- response_body_filters eval
$main::ids
--- response_body chomp
gpt gpt-alias org/big claude-one claude-two claude-exact o1 o3 oh auto of "gpt" "auto"



=== TEST 2: without /v1
--- config
    location /ai/ { llm_gateway; llm_auth off; }
--- request
GET /ai/models
--- response_body_filters eval
$main::ids
--- response_body chomp
gpt gpt-alias org/big claude-one claude-two claude-exact o1 o3 oh auto of "gpt" "auto"



=== TEST 3: an entry is what both APIs have
--- config
    location /v1/ { llm_gateway; llm_auth off; llm_models gpt; }
--- request
GET /v1/models
--- response_body_like eval
qr/^\{"object":"list","data":\[\{"id":"gpt","object":"model","created":\d{10},"owned_by":"p","type":"model","display_name":"gpt","created_at":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ","max_input_tokens":null,"max_tokens":null,"capabilities":null,"lifecycle":"active"\}\],"has_more":false,"first_id":"gpt","last_id":"gpt"\}$/



=== TEST 4: what this key may use
--- config
    location /v1/ { llm_gateway; }
--- request
GET /v1/models
--- more_headers
Authorization: Bearer sk-demo
--- response_body_filters eval
$main::ids
--- response_body chomp
gpt claude-one claude-two claude-exact of "gpt" "claude-exact"



=== TEST 5: and here
--- config
    location /v1/ { llm_gateway; llm_models *-two gpt-alias; }
--- request
GET /v1/models
--- more_headers
Authorization: Bearer sk-demo
--- response_body_filters eval
$main::ids
--- response_body chomp
claude-two of "claude-two" "claude-two"



=== TEST 6: nothing
--- config
    location /v1/ { llm_gateway; llm_auth off; llm_models none; }
--- request
GET /v1/models
--- response_body: {"object":"list","data":[],"has_more":false,"first_id":null,"last_id":null}



=== TEST 7: HEAD
--- config
    location /v1/ { llm_gateway; llm_auth off; llm_models none; }
--- request
HEAD /v1/models
--- response_headers
Content-Type: application/json
Content-Length: 75
--- response_body



=== TEST 8: one model: exact, alias, by a pattern, with a slash, encoded
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request eval
[ map { "GET /v1/models/$_" } "gpt", "gpt-alias", "claude-new", "org/big",
  "org%2Fbig", "o3%20x" ]
--- response_body_like eval
[ map { qr/^\{"id":"$_","object":"model",.*"type":"model",/ } "gpt",
  "gpt-alias", "claude-new", "org\/big", "org\/big", "o3 x" ]



=== TEST 9: no such model, and one that this key may not use
--- config
    location /v1/ { llm_gateway; }
--- request eval
[ "GET /v1/models/none", "GET /v1/models/auto" ]
--- more_headers
Authorization: Bearer sk-demo
--- error_code eval
[ 404, 404 ]
--- response_body eval
[ map { qq({"error":{"message":"the model \\"$_\\" does not exist or may not be used with this key","type":"invalid_request_error","param":"model","code":"model_not_found"}}) } "none", "auto" ]



=== TEST 10: no key
--- config
    location /v1/ { llm_gateway; }
--- request
GET /v1/models
--- error_code: 401
--- response_body_like eval
qr/"code":"invalid_api_key"/



=== TEST 11: a request with a body, and the next on its connection
--- config
    location /v1/ { llm_gateway; llm_auth off; llm_models none; }
--- pipelined_requests eval
[ "GET /v1/models\nabc", "GET /v1/models" ]
--- response_body_like eval
[ qr/"object":"list"/, qr/"object":"list"/ ]



=== TEST 12: no id
--- config
    location /v1/ { llm_gateway; llm_auth off; }
--- request
GET /v1/models/
--- error_code: 404
--- response_body_like eval
qr/"code":"unknown_url"/
