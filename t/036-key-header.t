# The header that a provider's key is in.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b'],
    defaults  => { model => "deployment a up-a;",
                   http  => "llm_model n { deployment b up-b; }" },
);


sub sent {
    my ($name) = @_;

    return (provider($name || 'a')->seen)[-1];
}

our $config = <<'_EOC_';
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ { llm_auth off; llm_gateway;
                    client_body_buffer_size 128k; }
    location /up/ { llm_relay a; llm_auth off;
                    client_body_buffer_size 128k; }
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: another prefix, another header
--- provider_a: key_header Authorization "Token ";
--- provider_b: dialect anthropic; key_header xi-api-key; key env:LLM_TEST_KEY;
--- do
provider('a')->play('ok hi');
provider('b')->play('claude hi');

is(content_of(ask(chat())), 'hi', "answer");
is(sent()->{headers}{authorization}, 'Token secret-of-provider', "prefix");
is(scalar(() = sent()->{head} =~ /secret-of-provider/g), 1, "once");

is(content_of(ask(chat(model => '"n"', max_tokens => 5))), 'hi', "answer");
is(sent('b')->{headers}{'xi-api-key'}, 'secret-of-provider', "header");
ok(!exists sent('b')->{headers}{'x-api-key'}, "in place of the dialect's");



=== TEST 2: dialects that share their heads
--- provider_a: dialect mistral; key_header X-Key "k=";
--- do
provider('a')->play('json {"id":"x","choices":[{"index":0,"message":'
    . '{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    . '"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
    . "\n");

is(content_of(ask(chat())), 'hi', "answer");
is(sent()->{headers}{'x-key'}, 'k=secret-of-provider', "header");
ok(!exists sent()->{headers}{authorization}, "alone");



=== TEST 3: a preset has it
--- provider_a: preset fal; dialect openai;
--- do
provider('a')->play('ok hi');
ask(chat());
is(sent()->{headers}{authorization}, 'Key secret-of-provider', "prefix");



=== TEST 4: what llm_relay passes on has the provider's, and no client's
--- provider_a: key_header xi-api-key; key env:LLM_TEST_KEY;
--- config eval: $::config
--- do
provider('a')->play("body audio/mpeg abc\n");

is(ask('{"text":"x"}', path => '/up/text-to-speech/v',
       headers => { 'Xi-Api-Key' => 'client', 'X-Own' => 'mine' })->{body},
   'abc', "answer");
is(sent()->{headers}{'xi-api-key'}, 'secret-of-provider', "key");
unlike(sent()->{head}, qr/client$/m, "not that of the client");
is(sent()->{headers}{'x-own'}, 'mine', "other headers are passed on");



=== TEST 5: a header that cannot be
--- http_config
    llm_provider openai { key none; key_header Content-Type; }
--- config
--- must_die
--- error_log
header "Content-Type" cannot be set



=== TEST 6: a name that is none
--- http_config
    llm_provider openai { key none; key_header "a b"; }
--- config
--- must_die
--- error_log
invalid value "a b"



=== TEST 7: twice
--- http_config
    llm_provider openai { key none; key_header a; key_header b; }
--- config
--- must_die
--- error_log
"key_header" directive is duplicate



=== TEST 8: where requests are signed
--- http_config
    llm_provider bedrock { region us-east-1; key none; key_header a; }
--- config
--- must_die
--- error_log
cannot have "key_header": its requests carry a token or a signature
