# Which deployment is tried next, when it ends, and what the client is told.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

# a kept connection that has died is no attempt and would confuse the counts

gateway(
    providers => ['a', 'b', 'c'],
    defaults  => { map { $_ => "keepalive off;" }
                   qw(provider_a provider_b provider_c) },
);

our %answer = (
    error     => "cut",
    invalid   => "json {}",
    limited   => "status 429\njson {\"error\":{\"message\":\"slow\"}}",
    busy      => "status 503\njson {\"error\":{\"message\":\"busy\"}}",
    server    => "status 500\njson {\"error\":{\"message\":\"oops\"}}",
    auth      => "status 401\njson {\"error\":{\"message\":\"key\"}}",
    no_model  => "status 404\njson {\"error\":{\"message\":\"none\","
                 . "\"code\":\"model_not_found\"}}",
    context   => "status 400\njson {\"error\":{\"message\":\"This model's "
                 . "maximum context length is 8 tokens\",\"type\":"
                 . "\"invalid_request_error\",\"param\":\"messages\","
                 . "\"code\":\"context_length_exceeded\"}}",
    content   => "status 400\njson {\"error\":{\"message\":\"no\",\"type\":"
                 . "\"invalid_request_error\",\"param\":null,\"code\":"
                 . "\"content_policy_violation\"}}",
    request   => "status 400\njson {\"error\":{\"message\":\"bad n\","
                 . "\"type\":\"invalid_request_error\",\"param\":\"n\","
                 . "\"code\":null}}",
);


# "status attempts provider asked-a asked-b asked-c"

sub path_of {
    my ($res) = @_;

    return join ' ', $res->{status},
                map({ my $v = $res->{headers}{$_}; defined $v ? $v : '-' }
                    qw(x-llm-attempts x-llm-provider)),
                map { scalar provider($_)->seen } qw(a b c);
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: what the client is told when all have failed alike
--- errors
--- model: deployment a x tier=1; deployment b x tier=2;
--- do
for my $case (
    [error => '502 server_error provider_error'],
    [invalid => '502 server_error provider_error'],
    [limited => '429 rate_limit_error provider_rate_limit', 1],
    [busy => '503 server_error overloaded', 1],
    [server => '502 server_error provider_error'],
    [auth => '502 server_error provider_auth'],
    [no_model => '404 - model_not_found'],
) {
    my ($name, $error, $retry) = @$case;

    provider($_)->play("$::answer{$name}\n") for 'a', 'b';

    for my $stream ('false', 'true') {
        my $res = ask(chat(stream => $stream));

        is(error_of($res), $error, $name);
        is($res->{headers}{'x-llm-attempts'}, 2, "$name: attempts");
        is($res->{headers}{'retry-after'}, $retry, "$name: retry-after");
    }

    is((scalar provider('a')->seen), 2, "$name: a was asked");
    is((scalar provider('b')->seen), 2, "$name: b was asked");
}



=== TEST 2: what the client is told when they have failed in different ways
--- errors
--- model: deployment a x tier=1; deployment b x tier=2;
--- do
for my $case (
    [limited => 'busy', '503 server_error overloaded'],
    [busy => 'limited', '503 server_error overloaded'],
    [limited => 'error', '502 server_error provider_error'],
    [auth => 'server', '502 server_error provider_error'],
    [server => 'auth', '502 server_error provider_auth'],
    [error => 'request', '400 invalid_request_error null'],
    [no_model => 'error', '404 - model_not_found'],
    [limited => 'context', '400 invalid_request_error '
                           . 'context_length_exceeded'],
) {
    my ($one, $two, $error) = @$case;

    provider('a')->play("$::answer{$one}\n");
    provider('b')->play("$::answer{$two}\n");

    is(error_of(ask(chat())), $error, "$one, then $two");
}



=== TEST 3: retry-after is the soonest
--- model: deployment a x tier=1; deployment b x tier=2;
--- do
provider('a')->play("header Retry-After: 30\n$::answer{limited}\n");
provider('b')->play("header Retry-After: 7\n$::answer{limited}\n");
is(ask(chat())->{headers}{'retry-after'}, 7, "seconds");

provider('a')->play("header Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\n"
                    . "$::answer{limited}\n");
provider('b')->play("header Retry-After: x\n$::answer{limited}\n");
ok(ask(chat())->{headers}{'retry-after'} > 1000, "a date");



=== TEST 4: what a provider refuses is not asked of others
--- do
for my $name ('request', 'context', 'content') {
    provider('a')->play("$::answer{$name}\n");
    provider($_)->play("ok x") for 'b', 'c';

    my $res = ask(chat());
    my ($body) = $::answer{$name} =~ /json (.*)/;

    is(path_of($res), "400 1 a 1 0 0", $name);
    is($res->{body}, $body, "$name: as the provider said it");
}



=== TEST 5: others are asked in their order
--- errors
--- do
for my $case (
    ['error', 'ok x', 'ok y', '200 2 b 1 1 0'],
    ['limited', 'server', 'ok y', '200 3 c 1 1 1'],
    ['auth', 'invalid', 'busy', '503 3 c 1 1 1'],
    ['no_model', 'no_model', 'ok y', '200 3 c 1 1 1'],
    ['error', 'context', 'ok y', '400 2 b 1 1 0'],
) {
    my @script = @$case;
    my $expected = pop @script;

    for my $name ('a', 'b', 'c') {
        my $script = shift @script;
        provider($name)->play(($::answer{$script} || $script) . "\n");
    }

    is(path_of(ask(chat())), $expected, "@$case[0, 1, 2]");
}



=== TEST 6: llm_tries
--- errors
--- location: llm_auth off; llm_tries 2;
--- do
provider($_)->play("cut") for 'a', 'b', 'c';
is(path_of(ask(chat())), "502 2 b 1 1 0", "two of all");



=== TEST 7: tries of the model, then its fallback
--- errors
--- model: deployment a x tier=1; deployment b x tier=2; tries 1; fallback f;
--- http: llm_model f { deployment c x; cooldown off; }
--- c
ok x
--- do
provider($_)->play("cut") for 'a', 'b';
my $res = ask(chat());
is(path_of($res), "200 2 c 1 0 1", "one of two, then the fallback");
is($res->{headers}{'x-llm-model'}, 'f', "the model that served");
like(logged(1), qr/^200\|OK\|c\|2\|f\|x\|7\|3\|stop\|-\|1\|/, "logged");



=== TEST 8: llm_next
--- errors
--- location: llm_auth off; llm_next rate_limit;
--- do
provider($_)->play("ok x") for 'b', 'c';

for my $name ('error', 'invalid', 'busy', 'server', 'auth', 'no_model') {
    provider('a')->play("$::answer{$name}\n");
    like(path_of(ask(chat())), qr/^[45]\d\d 1 a 1 0 0$/, "$name: the end");
}

provider('a')->play("$::answer{limited}\n");
is(path_of(ask(chat())), "200 2 b 1 1 0", "rate limit: goes on");



=== TEST 9: llm_next off, next in the model
--- errors
--- location: llm_auth off; llm_next off;
--- http: llm_model n { deployment a x; deployment b x tier=1; next context; cooldown off; }
--- do
for my $name (keys %::answer) {
    provider('a')->play("$::answer{$name}\n");
    provider('b')->play("ok x\n");
    like(path_of(ask(chat())), qr/^[45]\d\d 1 a 1 0 0$/, "$name: the end");
}

provider('a')->play("$::answer{context}\n");
is(path_of(ask(chat(model => '"n"'))), "200 2 b 1 1 0", "context goes on");
provider('a')->play("$::answer{server}\n");
provider('b')->play("ok x\n");
is(path_of(ask(chat(model => '"n"'))), "502 1 a 1 0 0", "nothing else");



=== TEST 10: llm_next_timeout
--- errors
--- location: llm_auth off; llm_next_timeout 150ms;
--- do
provider('a')->play("sleep 0.3\ncut");
provider('b')->play("ok x");
is(path_of(ask(chat())), "502 1 a 1 0 0", "too late for another");

provider('a')->play("sleep 0.3\nok late");
is(path_of(ask(chat())), "200 1 a 1 0 0", "what runs is not cut");



=== TEST 11: fallback by class
--- errors
--- model
deployment a x;
fallback on=context long;
fallback on=content,rate_limit other;
fallback plain;
--- http
llm_model long  { deployment b long; cooldown off; }
llm_model other { deployment c other; cooldown off; fallback long; }
llm_model plain { deployment c plain; cooldown off; }
--- do
provider($_)->play("ok x") for 'b', 'c';

for my $case (
    [context => 'long'], [content => 'other'], [limited => 'other'],
    [error => 'plain'], [server => 'plain'], [busy => 'plain'],
    [auth => 'plain'], [no_model => 'plain'], [invalid => 'plain'],
) {
    my ($name, $model) = @$case;

    provider('a')->play("$::answer{$name}\n");

    my $res = ask(chat());

    is("$res->{status} $res->{headers}{'x-llm-model'}", "200 $model", $name);
}

provider('a')->play("$::answer{request}\n");
is(ask(chat())->{status}, 400, "a request that is wrong falls back nowhere");

provider('a')->play("$::answer{limited}\n");
provider('b')->play("ok x");
provider('c')->play("$::answer{server}\n");
is(path_of(ask(chat())), "502 3 c 1 0 2", "no fallback of a fallback");



=== TEST 12: a list of fallbacks
--- errors
--- model: deployment a x; fallback f g;
--- http
llm_model f { deployment b x; cooldown off; }
llm_model g { deployment c x; cooldown off; }
--- do
provider($_)->play("$::answer{server}") for 'a', 'b';
provider('c')->play("ok x");
is(path_of(ask(chat())), "200 3 c 1 1 1", "one after the other");
provider('a')->play("$::answer{server}");
provider('b')->play("$::answer{context}");
provider('c')->play("ok x");
is(path_of(ask(chat())), "400 2 b 1 1 0", "a refusal ends it");



=== TEST 13: a single deployment is asked twice after an error
--- errors
--- model: deployment a x;
--- do
provider('a')->play("cut\n==\nok x");
is(path_of(ask(chat())), "200 2 a 2 0 0", "at once");
provider('a')->play("reset\n==\nreset\n==\nok x");
is(path_of(ask(chat())), "502 2 a 2 0 0", "not three times");
provider('a')->play("raw HTTP/1.1 200 OK\\r\\n\nsleep 0.02\ncut\n==\nok x");
is(path_of(ask(chat())), "502 1 a 1 0 0", "not when an answer has begun");
provider('a')->play("$::answer{server}\n==\nok x");
is(path_of(ask(chat())), "502 1 a 1 0 0", "not after another failure");
provider('a')->play("cut\n==\nstream x");
is(path_of(ask(chat(stream => 'true'))), "200 2 a 2 0 0", "streams, too");



=== TEST 14: a single dead deployment
--- errors
--- model: deployment dead x;
--- do
my $res = ask(chat());
is(error_of($res), "502 server_error provider_error", "error");
is($res->{headers}{'x-llm-attempts'}, 2, "asked twice");



=== TEST 15: weights
--- http
llm_model w { deployment a x weight=3; deployment b x; deployment c x down; cooldown off; }
--- do
provider($_)->play("ok x") for 'a', 'b', 'c';

my $order = join '', map { ask(chat(model => '"w"'))
                           ->{headers}{'x-llm-provider'} } 1 .. 8;

is($order, 'aabaaaba', "smooth");



=== TEST 16: tiers
--- errors
--- model
deployment c x tier=2;
deployment a x tier=1;
deployment b x tier=1;
--- do
provider($_)->play("ok x") for 'a', 'b', 'c';
my %n;
$n{ask(chat())->{headers}{'x-llm-provider'}}++ for 1 .. 6;
is(join(' ', map { "$_$n{$_}" } sort keys %n), 'a3 b3', "the lower in turn");

provider($_)->play("cut") for 'a', 'b';
is(path_of(ask(chat())), "200 3 c 1 1 1", "the higher when it is out");



=== TEST 17: parameters that a provider cannot take
--- provider_a: dialect anthropic; keepalive off;
--- do
provider('a')->play("claude x");
provider($_)->play("ok x") for 'b', 'c';

is(path_of(ask(chat())), "200 1 a 1 0 0", "none");
provider('a')->play("claude x");
my $res = ask(chat(n => 2));
is("$res->{status} $res->{headers}{'x-llm-provider'}", "200 b", "passed over");
is((scalar provider('a')->seen), 0, "and not asked");

$res = ask(chat(n => 1, seed => 7, logit_bias => '{"5":1}'));
is($res->{headers}{'x-llm-provider'}, 'a', "a hint is none");
is($res->{headers}{'x-llm-dropped-params'}, 'seed, logit_bias',
   "but it is named");



=== TEST 18: a parameter that no provider can take
--- provider_a: dialect anthropic; keepalive off;
--- model: deployment a x;
--- do
provider('a')->play("claude x");
my $res = ask(chat(n => 2));
is(error_of($res), "400 invalid_request_error unsupported_parameter", "error");
like($res->{body}, qr/"param":"n"/, "param");
is((scalar provider('a')->seen), 0, "not asked");



=== TEST 19: drop_params
--- provider_a: dialect anthropic; keepalive off;
--- model: deployment a x; drop_params n;
--- do
provider('a')->play("claude x");
my $res = ask(chat(n => 2));
is($res->{status}, 200, "answered");
is($res->{headers}{'x-llm-dropped-params'}, 'n', "and named");
is(error_of(ask(chat(logprobs => 'true'))),
   "400 invalid_request_error unsupported_parameter", "others are not");



=== TEST 20: a fallback that would have to refuse is passed over
--- errors
--- provider_b: dialect anthropic; keepalive off;
--- model: deployment a x; fallback f g;
--- http
llm_model f { deployment b x; cooldown off; }
llm_model g { deployment c x; cooldown off; }
--- do
provider('a')->play("cut");
provider('b')->play("claude x");
provider('c')->play("ok x");
my $res = ask(chat(n => 2));
is("$res->{status} $res->{headers}{'x-llm-provider'}", "200 c", "by g");
is((scalar provider('b')->seen), 0, "f is not asked");



=== TEST 21: llm_route, route, patterns, aliases
--- http
llm_model virtual { route $http_x_model; }
llm_model p-* { deployment b real-*; cooldown off; }
llm_model ~^r(\d+)-(?<rest>.+)$ { deployment c $1.$rest; cooldown off; }
llm_model al { deployment a x; alias nick; cooldown off; }
--- model: deployment a x;
--- location: llm_auth off; llm_route $http_x_route;
--- do
provider($_)->play("ok x") for 'a', 'b', 'c';

sub sent { my ($p) = @_; (provider($p)->seen)[-1]{body} =~ /"model":"(.*?)"/;
           return $1 }

ask(chat(model => '"p-one"'));
is(sent('b'), 'real-one', "wildcard");
ask(chat(model => '"r12-two"'));
is(sent('c'), '12.two', "regex");
my $res = ask(chat(model => '"nick"'));
is("$res->{status} $res->{headers}{'x-llm-model'}", '200 nick', "alias");
$res = ask(chat(model => '"virtual"'), headers => { 'X-Model' => 'p-z' });
is("$res->{status} $res->{headers}{'x-llm-model'}", '200 p-z', "virtual");
$res = ask(chat(model => '"al"'), headers => { 'X-Route' => 'p-y' });
is("$res->{status} $res->{headers}{'x-llm-model'}", '200 p-y', "llm_route");
$res = ask(chat(model => '"none"'), headers => { 'X-Route' => 'p-y' });
is("$res->{status} $res->{headers}{'x-llm-model'}", '200 p-y',
   "whatever was asked");



=== TEST 22: a refusal counts by its status, however its body ends
--- errors
--- model: deployment a x;
--- do
for my $case (
    ['429 Slow', '429 rate_limit_error provider_rate_limit'],
    ['503 Busy', '503 server_error overloaded'],
    ['401 Key', '502 server_error provider_auth'],
    ['400 Bad', '400 invalid_request_error null'],
    ['404 None', '404 invalid_request_error model_not_found'],
) {
    my ($status, $error) = @$case;
    my $head = "raw HTTP/1.1 $status" . '\r\nRetry-After: 3\r\n';

    for my $rest ('\r\nslow' . "\ncut", '\r\n' . "\ncut",
                  'Content-Length: 99\r\n\r\n{"x":' . "\ncut",
                  'Transfer-Encoding: chunked\r\n\r\n5\r\nslow' . "\ncut")
    {
        provider('a')->play("$head$rest");

        my $res = ask(chat());
        my ($name) = $rest =~ /(.{0,30})/;

        is(error_of($res), $error, "$status $name");
        is((scalar provider('a')->seen), 1, "once");
        is($res->{headers}{'retry-after'}, 3, "retry-after")
            if $status =~ /^(429|503)/;
    }
}
