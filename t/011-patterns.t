# Which model a name stands for, and what its provider is asked for.

use strict;
use warnings;

use Test::Nginx::Socket;

our $provider = <<'_EOC_';
    llm_provider p {
        dialect openai;
        url     http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        key     none;
    }

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;

        location / {
            default_type application/json;
            return 200 '{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
        }
    }
_EOC_

our $models = <<'_EOC_';
    llm_model one        { deployment p first; alias uno ONE; }
    llm_model ~^two      { deployment p regex-above; }
    llm_model two-*      { deployment p short-*; }
    llm_model two-more-* { deployment p long-*; }
    llm_model *-tail     { deployment p tail-*; }
    llm_model a*z        { deployment p mid-*-*; }
    llm_model two-exact  { deployment p exact; }
    llm_model "~^o(\d)(?<rest>-\w+)?$" { deployment p $1/${rest}s; }
    llm_model ~*^Meta/(.+)$ { deployment p llama-$1; }
    llm_model ~^me       { deployment p never; }
_EOC_

# one request for each name: "name" is what is asked for, "served" the model
# and the provider's name for it

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value("http_config", $main::provider . $main::models);
    }

    if (!defined $block->config) {
        $block->set_value("config", <<'_EOC_');
    client_body_buffer_size 128k;

    location /v1/ {
        llm_gateway;
        llm_auth off;
        add_header x-upstream-model $llm_upstream_model always;
    }
_EOC_
    }

    my $asked = $block->asked;
    chomp $asked;

    $block->set_value("more_headers", "Content-Type: application/json");
    $block->set_value("request", "POST /v1/chat/completions\n"
                      . '{"model":"' . $asked . '","messages":'
                      . '[{"role":"user","content":"hi"}]}');

    my $served = $block->served;
    chomp $served;

    if ($served eq "nothing") {
        $block->set_value("error_code", 404);
        $block->set_value("response_body_like", '"code":"model_not_found"');

    } else {
        $block->set_value("response_headers",
                          "x-upstream-model: $served");
    }

    $block->set_value("no_error_log", "[error]\n[crit]\n[alert]");
});

repeat_each(2);
plan tests => repeat_each() * (blocks() * 5);
no_long_string();
run_tests();

__DATA__

=== TEST 1: exact name
--- asked
one
--- served
first



=== TEST 2: alias
--- asked
uno
--- served
first



=== TEST 3: alias in other letters
--- asked
ONE
--- served
first



=== TEST 4: names are case-sensitive
--- asked
One
--- served
nothing



=== TEST 5: exact name before wildcard and regex
--- asked
two-exact
--- served
exact



=== TEST 6: wildcard before regex
--- asked
two-x
--- served
short-x



=== TEST 7: longest wildcard first
--- asked
two-more-x
--- served
long-x



=== TEST 8: star stands for nothing
--- asked
two-
--- served
short-



=== TEST 9: star stands for a slash, too
--- asked
two-a/b
--- served
short-a/b



=== TEST 10: regex after all others
--- asked
twofold
--- served
regex-above



=== TEST 11: star in front
--- asked
x-tail
--- served
tail-x



=== TEST 12: longer literal first, whatever its end
--- asked
two-x-tail
--- served
tail-two-x



=== TEST 13: star in the middle, used twice
--- asked
abcz
--- served
mid-bc-bc



=== TEST 14: ends of a wildcard do not overlap
--- asked
a
--- served
nothing



=== TEST 15: captures by number and name
--- asked
o3-pro
--- served
3/-pros



=== TEST 16: capture that took no part
--- asked
o3
--- served
3/s



=== TEST 17: anchored regex
--- asked
o3-pro!
--- served
nothing



=== TEST 18: caseless regex keeps the letters asked for
--- asked
meta/L3
--- served
llama-L3



=== TEST 19: first regex of the file
--- asked
META/a/b
--- served
llama-a/b



=== TEST 20: name that is a wildcard's text
--- asked
two-*
--- served
short-*



=== TEST 21: unknown name
--- asked
zzz
--- served
nothing



=== TEST 22: longest name
--- asked
two-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
--- served
short-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx



=== TEST 23: name too long for any pattern
--- asked
two-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
--- served
nothing



=== TEST 24: included statements
--- user_files
>>> statements
alias   i-*;
include ../html/more;
>>> more
deployment p included-*;
--- http_config eval
$main::provider . '
    llm_model j-* { include $TEST_NGINX_SERVER_ROOT/html/statements; }
'
--- asked
i-7
--- served
included-7



=== TEST 25: include of a pattern of files
--- user_files
>>> d1.inc
deployment p one down;
>>> d2.inc
deployment p two;
--- http_config eval
$main::provider . '
    llm_model i { include $TEST_NGINX_SERVER_ROOT/html/d*.inc; }
'
--- asked
i
--- served
two
