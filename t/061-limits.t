# Limits: each kind, what they count, whom they refuse and how they say so.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

$ENV{TEST_NGINX_SECRET} = 'sha256:' . sha256_hex('sk-a');
$ENV{TEST_NGINX_SECRET_B} = 'sha256:' . sha256_hex('sk-b');

gateway(
    providers => ['a', 'b'],
    defaults  => {
        location => 'llm_auth on;',
        # 10 tokens of prompt, 5 of completion
        a => plain(10, 5),
    },
);


# a provider that answers so all the time

sub plain {
    my ($in, $out) = @_;

    return qq(json {"id":"x","object":"chat.completion","model":"m",)
           . qq("choices":[{"index":0,"message":{"role":"assistant",)
           . qq("content":"hello"},"finish_reason":"stop"}],)
           . qq("usage":{"prompt_tokens":$in,"completion_tokens":$out,)
           . qq("total_tokens":) . ($in + $out) . qq(}}\n);
}


sub as {
    my ($key, %member) = @_;

    my $headers = delete $member{headers} || {};

    return ask(chat(%member), headers => { Authorization => "Bearer sk-$key",
                                           %$headers });
}


sub a { return as('a', @_); }
sub b { return as('b', @_); }


# what the provider was asked last, and how often

sub asked { return ((provider('a')->seen)[-1] || {})->{body} || ''; }
sub asked_times { return scalar(my @all = provider('a')->seen); }


# until the provider has got so many requests

sub reached {
    my ($name, $n) = @_;

    wait_for(sub { (my @all = provider($name)->seen) >= $n });
}


sub left {
    my ($res, $what) = @_;

    return CORE::join '/', map { my $v = $res->{headers}{"x-ratelimit-$_-$what"};
                           defined $v ? $v : '' }
                         ('limit', 'remaining');
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a quota of requests, to the last one
--- http
    llm_key user-b { secret $TEST_NGINX_SECRET; quota requests=3/total; }
--- do
    for my $i (1 .. 3) {
        my $res = a();
        is($res->{status}, 200, "request $i");
        is(left($res, 'requests'), '3/' . (3 - $i), "left after $i");
        ok(!defined $res->{headers}{'x-ratelimit-reset-requests'},
           'a total never resets');
    }
    my $res = a();
    is($res->{status}, 429, 'refused');
    like($res->{body}, qr/"type":"insufficient_quota"/, 'type');
    like($res->{body}, qr/"code":"insufficient_quota"/, 'code');
    like($res->{body}, qr/the quota \\"requests=3\/total\\" of key \\"user-b\\" is used up: 3 of 3 requests are used, it never resets/, 'message');
    is($res->{headers}{'x-should-retry'}, 'false', 'no retry');
    is($res->{headers}{'x-llm-error'}, 'insufficient_quota', 'own refusal');
    ok(!defined $res->{headers}{'retry-after'}, 'never');
    is(left($res, 'requests'), '3/0', 'nothing is left');
    is(asked_times(), 3, 'the provider was asked 3 times');



=== TEST 2: a quota of tokens is settled to what was used
--- http
    llm_key user-a { secret $TEST_NGINX_SECRET; quota tokens=10k/day; }
--- do
    my $res = a(max_tokens => 100);
    is($res->{status}, 200, 'admitted');
    is(left($res, 'tokens'), '10000/9985', 'prompt and completion');
    like($res->{headers}{'x-ratelimit-reset-tokens'},
         qr/^(?:(?:\d+h)?\d+m)?\d+s$/, 'reset');
    $res = a();
    is(left($res, 'tokens'), '10000/9970', 'once more');



=== TEST 3: a small quota and large max_tokens: admitted alone, then used up
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota tokens=20/day; }
--- do
    my $res = a(max_tokens => 100000);
    is($res->{status}, 200, 'admitted alone');
    is(left($res, 'tokens'), '20/5', 'settled');
    $res = a(max_tokens => 100000);
    is($res->{status}, 200, 'once more');
    is(left($res, 'tokens'), '20/0', 'overrun by one request');
    $res = a(max_tokens => 1);
    is($res->{status}, 429, 'used up');
    like($res->{body}, qr/30 of 20 tokens are used, it resets at \d{4}-\d\d-\d\dT00:00:00Z/, 'message');
    my $after = $res->{headers}{'retry-after'};
    like($after, qr/^\d+$/, 'whole seconds');
    my $day = 86400 - time() % 86400;
    ok(abs($after - $day) <= 2, 'until midnight');
    is($res->{headers}{'x-should-retry'}, 'false', 'no retry');



=== TEST 4: others hold the rest: busy, not used up
--- a
sleep 2
ok hi
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota tokens=1000/day; }
--- do
    my $first = connect_gateway();
    send_request($first, chat(max_tokens => 900),
                 headers => { Authorization => 'Bearer sk-a' });
    reached('a', 1);
    my $res = a(max_tokens => 900);
    is($res->{status}, 429, 'refused');
    like($res->{body}, qr/"code":"rate_limit_exceeded"/, 'code');
    like($res->{body}, qr/"type":"rate_limit_error"/, 'type');
    like($res->{body}, qr/is held by requests in progress: 0 of 1000 tokens are used, 9\d\d held, it resets at /, 'message');
    is($res->{headers}{'retry-after'}, 1, 'a second');
    ok(!defined $res->{headers}{'x-should-retry'}, 'a retry may help');
    is(read_response($first)->{status}, 200, 'the first is served');
    is(a(max_tokens => 900)->{status}, 200, 'and then the next one');



=== TEST 5: rate of requests
--- http
    llm_key k { secret $TEST_NGINX_SECRET; rate requests=20/min burst=2; }
--- do
    is(a()->{status}, 200, 'one');
    my $res = a();
    is($res->{status}, 200, 'two');
    is(left($res, 'requests'), '2/0', 'the bucket is full');
    like($res->{headers}{'x-ratelimit-reset-requests'}, qr/^6s$/, 'reset');
    $res = a();
    is($res->{status}, 429, 'three');
    like($res->{body}, qr/the rate \\"requests=20\/min\\" of key \\"k\\" is reached: 2 of 2 requests are used, try again in 3 seconds/, 'message');
    like($res->{body}, qr/"code":"rate_limit_exceeded"/, 'code');
    is($res->{headers}{'retry-after'}, 3, 'exact, rounded up');
    ok(!defined $res->{headers}{'x-should-retry'}, 'a retry may help');
    sleep 3.1;
    is(a()->{status}, 200, 'one has leaked');
    is(a()->{status}, 429, 'no more');



=== TEST 6: rate of tokens may run into debt
--- a
json {"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":290,"total_tokens":300}}
--- http
    llm_key k { secret $TEST_NGINX_SECRET; rate tokens=100/sec; }
--- do
    is(a(max_tokens => 1000)->{status}, 200, 'more than the burst');
    my $res = a(max_tokens => 10);
    is($res->{status}, 429, 'debt');
    like($res->{headers}{'retry-after'}, qr/^[23]$/, 'until it is repaid');
    sleep 3.1;
    is(a(max_tokens => 10)->{status}, 200, 'repaid');



=== TEST 7: concurrency is held until the answer is whole
--- a
sleep 1
ok hi
--- http
    llm_key k { secret $TEST_NGINX_SECRET; concurrency 1; }
--- do
    my $first = connect_gateway();
    send_request($first, chat(), headers => { Authorization => 'Bearer sk-a' });
    reached('a', 1);
    my $res = a();
    is($res->{status}, 429, 'two at once');
    like($res->{body}, qr/the concurrency \\"1\\" of key \\"k\\" is reached: 1 of 1 requests at once are in used?/, 'message');
    is($res->{headers}{'retry-after'}, 1, 'a second');
    is(read_response($first)->{status}, 200, 'the first');
    is(a()->{status}, 200, 'then the second');



=== TEST 8: a client that leaves gives its slot back
--- a
stall
--- http
    llm_key k { secret $TEST_NGINX_SECRET; concurrency 1; quota requests=2/day;
                quota tokens=10k/day; }
--- do
    my $first = connect_gateway();
    send_request($first, chat(), headers => { Authorization => 'Bearer sk-a' });
    reached('a', 1);
    is(a()->{status}, 429, 'taken');
    close $first;
    sleep 0.5;
    provider('a')->play(plain(10, 5));
    my $res = a();
    is($res->{status}, 200, 'free');
    is(left($res, 'requests'), '2/0', 'who leaves has asked');
    like(left($res, 'tokens'), qr{^10000/99}, 'but pays for nothing that was not produced');



=== TEST 9: a failed request is not charged
--- a
status 500
json {"error":{"message":"broken"}}
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=2/day; quota tokens=100/day;
                concurrency 1; }
--- model
deployment a x;
--- do
    for (1 .. 4) {
        my $res = a();
        is($res->{status}, 502, 'the provider is broken');
        is(left($res, 'requests'), '2/2', 'nothing charged');
        is(left($res, 'tokens'), '100/100', 'no tokens');
    }



=== TEST 10: model= and per=model
--- http
    llm_model x { deployment a x; }
    llm_model y { deployment a y; }
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day model=x;
                quota requests=2/day per=model; }
--- do
    is(a(model => '"x"')->{status}, 200, 'x');
    my $res = a(model => '"x"');
    is($res->{status}, 429, 'x is used up');
    like($res->{body}, qr/quota \\"requests=1\/day\\" for models \\"x\\" of key/, 'message');
    is(a(model => '"y"')->{status}, 200, 'y');
    is(a(model => '"y"')->{status}, 200, 'y');
    $res = a(model => '"y"');
    is($res->{status}, 429, 'y is used up');
    like($res->{body}, qr/of key \\"k\\" for model \\"y\\" is used up/, 'message');
    is(a()->{status}, 200, 'm has its own');



=== TEST 11: per=user
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day per=user; }
--- do
    is(a(user => '"u1"')->{status}, 200, 'u1');
    my $res = a(user => '"u1"');
    is($res->{status}, 429, 'u1 is used up');
    like($res->{body}, qr/for user \\"u1\\" is used up/, 'message');
    is(a(user => '"u2"')->{status}, 200, 'u2');
    is(a()->{status}, 200, 'nobody');
    is(a()->{status}, 429, 'nobody is used up');
    is(a(safety_identifier => '"u3"')->{status}, 200, 'the new name of it');
    is(a(safety_identifier => '"u3"')->{status}, 429, 'used up');



=== TEST 12: per=$variable
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day per=$http_x_tenant; }
--- do
    is(a(headers => { 'x-tenant' => 'one' })->{status}, 200, 'one');
    my $res = a(headers => { 'x-tenant' => 'one' });
    is($res->{status}, 429, 'one is used up');
    like($res->{body}, qr/for each \\"\$http_x_tenant\\" is used up/, 'message');
    is(a(headers => { 'x-tenant' => 'two' })->{status}, 200, 'two');



=== TEST 13: values beyond per_max share a counter, which is said
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=2/day per=user per_max=2; }
--- do
    is(a(user => '"u1"')->{status}, 200, 'u1');
    is(a(user => '"u2"')->{status}, 200, 'u2');
    is(a(user => '"u3"')->{status}, 200, 'u3');
    is(a(user => '"u4"')->{status}, 200, 'u4');
    is(a(user => '"u5"')->{status}, 429, 'u5 shares with u3 and u4');
    is(a(user => '"u1"')->{status}, 200, 'u1 has its own');
--- error_log
llm limit "requests=2/day" of key "k" has no room for more values, they share one counter



=== TEST 14: soft counts, logs, and never refuses
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day soft; }
--- do
    for (1 .. 3) {
        my $res = a();
        is($res->{status}, 200, 'served');
        ok(!defined $res->{headers}{'x-ratelimit-limit-requests'},
           'what does not refuse is not said');
    }
--- error_log
llm limit "requests=1/day" of key "k" is exceeded, it does not refuse



=== TEST 15: soft and hard of one kind share a counter
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day soft; quota requests=3/day; }
--- do
    for my $i (1 .. 3) {
        my $res = a();
        is($res->{status}, 200, 'served');
        is(left($res, 'requests'), '3/' . (3 - $i), "counted once, $i");
    }
    is(a()->{status}, 429, 'the hard one');
--- error_log
llm limit "requests=1/day" of key "k" is exceeded, it does not refuse



=== TEST 16: two rates of one kind
--- http
    llm_key k { secret $TEST_NGINX_SECRET; rate requests=60/min burst=5;
                rate requests=1/min burst=2; }
--- do
    is(a()->{status}, 200, 'one');
    is(a()->{status}, 200, 'two');
    my $res = a();
    is($res->{status}, 429, 'three');
    like($res->{body}, qr/requests=1\/min/, 'the tighter one');
    like($res->{headers}{'retry-after'}, qr/^(?:59|60)$/, 'its own time');



=== TEST 17: dry run of a key
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day; limits_dry_run on; }
--- do
    is(a()->{status}, 200, 'served') for 1 .. 3;
--- error_log
llm limit "requests=1/day" of key "k" is exceeded, it does not refuse



=== TEST 18: dry run of a location
--- location
llm_auth on; llm_limits_dry_run on;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day; }
--- do
    is(a()->{status}, 200, 'served') for 1 .. 3;
--- error_log
llm limit "requests=1/day" of key "k" is exceeded, it does not refuse



=== TEST 19: all pass and are held, or none is touched
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=5/day; quota requests=1/day model=x; }
    llm_model x { deployment a x; }
--- do
    is(a(model => '"x"')->{status}, 200, 'x');
    is(a(model => '"x"')->{status}, 429, 'refused') for 1 .. 3;
    my $res = a();
    is($res->{status}, 200, 'm');
    is(left($res, 'requests'), '5/3', 'refusals count for nothing');



=== TEST 20: a limit on a deployment's provider passes to the next one
--- b
ok from b
--- provider_a
quota requests=1/day;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; }
--- do
    my $res = a();
    is($res->{headers}{'x-llm-provider'}, 'a', 'first');
    $res = a();
    is($res->{status}, 200, 'served');
    is($res->{headers}{'x-llm-provider'}, 'b', 'passed over');
    is($res->{headers}{'x-llm-attempts'}, 1, 'which is no attempt');



=== TEST 21: nothing else is left
--- provider_a
rate requests=1/min;
--- model
deployment a x;
--- location
llm_auth off;
--- do
    is(ask(chat())->{status}, 200, 'first');
    my $res = ask(chat());
    is($res->{status}, 429, 'refused');
    like($res->{body}, qr/the rate \\"requests=1\/min\\" of provider \\"a\\" is reached/, 'names the limit');
    like($res->{body}, qr/"code":"rate_limit_exceeded"/, 'code');
    like($res->{headers}{'retry-after'}, qr/^(?:59|60)$/, 'when');



=== TEST 22: a limit on a model leads to its fallback
--- b
ok from b
--- model
deployment a x; fallback on=rate_limit other; quota requests=1/day;
--- http
    llm_model other { deployment b y; }
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=10/day; }
--- do
    is(a()->{headers}{'x-llm-model'}, 'm', 'first');
    my $res = a();
    is($res->{status}, 200, 'served');
    is($res->{headers}{'x-llm-model'}, 'other', 'by the fallback');
    is(left($res, 'requests'), '10/8', 'charged to the key once');



=== TEST 23: a provider that failed gives back what it held
--- a
status 500
json {"error":{"message":"broken"}}
--- b
ok from b
--- provider_a
concurrency 1; quota requests=1/day;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=10/day; }
--- do
    for my $i (1 .. 3) {
        my $res = a();
        is($res->{headers}{'x-llm-provider'}, 'b', 'b serves');
        is($res->{headers}{'x-llm-attempts'}, 2, 'a was asked');
        is(left($res, 'requests'), '10/' . (10 - $i), 'charged once');
    }



=== TEST 24: money, to the nano-dollar
--- model
deployment a x; price input=1 output=2;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota cost=0.00002/day; }
--- do
    # 10 * 1e-6 + 5 * 2e-6 = 2e-5
    my $res = a(max_tokens => 5);
    is($res->{status}, 200, 'served');
    is($res->{headers}{'x-llm-cost'}, '0.000020000', 'cost');
    $res = a(max_tokens => 5);
    is($res->{status}, 429, 'used up');
    like($res->{body}, qr/the quota \\"cost=0.00002\/day\\" of key \\"k\\" is used up: 0.00002 dollars of 0.00002 dollars are used, it resets at/, 'message');



=== TEST 25: no price where money is limited
--- model
deployment a x;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota cost=5/day; }
    llm_key free { secret $TEST_NGINX_SECRET_B; }
--- do
    my $res = a();
    is($res->{status}, 403, 'refused');
    like($res->{body}, qr/"type":"permission_error"/, 'type');
    like($res->{body}, qr/"code":"model_unpriced"/, 'code');
    is($res->{headers}{'x-should-retry'}, 'false', 'no retry');
    is(b()->{status}, 200, 'who has no such limit is served');
    is(asked_times(), 1, 'asked once');
--- error_log
deployment "m/a/x" in
has no price, but there is a cost limit: "cost=5/day" of key "k"



=== TEST 26: llm_unpriced allow
--- model
deployment a x;
--- http
    llm_unpriced allow;
    llm_key k { secret $TEST_NGINX_SECRET; quota cost=5/day; }
--- do
    is(a()->{status}, 200, 'served');



=== TEST 27: cap lowers max_tokens to what is left
--- http
    llm_key k { secret $TEST_NGINX_SECRET; cap on; quota output_tokens=8/day; }
--- do
    is(a(max_tokens => 1000)->{status}, 200, 'served');
    like(asked(), qr/"max_tokens":8[,}]/, 'all that is left');
    is(a(max_completion_tokens => 1000)->{status}, 200, 'served');
    like(asked(), qr/"max_completion_tokens":3[,}]/, 'what is left');
    is(a()->{status}, 429, 'used up');



=== TEST 28: cap where the client set nothing, and where it asks for less
--- http
    llm_key k { secret $TEST_NGINX_SECRET; cap on; quota output_tokens=8/day; }
--- do
    is(a(max_tokens => 3)->{status}, 200, 'served');
    like(asked(), qr/"max_tokens":3[,}]/, 'its own');
    is(a()->{status}, 200, 'served');
    like(asked(), qr/"max_tokens":3,"model":"up-a"/, 'what is left');



=== TEST 29: cap in another dialect
--- a
claude hello
--- provider_a
dialect anthropic;
--- model
deployment a x;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; cap on; quota output_tokens=8/day; }
--- do
    is(a(max_tokens => 1000)->{status}, 200, 'served');
    like(asked(), qr/"max_tokens":8[,}]/, 'what is left');



=== TEST 30: a cap and a budget for thoughts
--- a
claude hello
--- provider_a
dialect anthropic;
--- model
deployment a x;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; cap on; quota output_tokens=2000/day; }
--- do
    my $ask = sub { ask('{"model":"m","max_tokens":32000,"thinking":{"type":'
        . '"enabled","budget_tokens":16000},"messages":[{"role":"user",'
        . '"content":"hi"}]}', path => '/v1/messages',
        headers => { 'x-api-key' => 'sk-a' }) };
    is($ask->()->{status}, 200, 'served');
    like(asked(), qr/"max_tokens":2000,"thinking":\{"type":"enabled",
                     "budget_tokens":1024\}/x, 'both are less');
    provider('a')->play('json {"id":"m","type":"message","role":"assistant",'
        . '"model":"x","content":[{"type":"text","text":"x"}],"stop_reason":'
        . '"end_turn","stop_sequence":null,"usage":{"input_tokens":1,'
        . '"output_tokens":1200}}');
    is($ask->()->{status}, 200, 'used most of it');
    my $res = $ask->();
    unlike(asked(), qr/thinking/, 'no room for thoughts');
    is($res->{headers}{'x-llm-dropped-params'}, 'thinking', 'named');



=== TEST 31: streams are settled to what the provider reports
--- a
sse
role
text a b c
finish stop
usage 7 3
done
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota tokens=1000/day; }
--- do
    my $res = a(stream => 'true', max_tokens => 10);
    is($res->{status}, 200, 'served');
    like($res->{body}, qr/\[DONE\]/, 'whole');
    provider('a')->play(plain(10, 5));
    $res = a(max_tokens => 10);
    is(left($res, 'tokens'), '1000/975', '10 of the stream, 15 of this one');



=== TEST 32: a stream that breaks is charged for what was produced
--- a
sse
role
text a
text b
text c
text d
cut
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota output_tokens=1000/day; quota requests=5/day; }
--- do
    my $res = a(stream => 'true', max_tokens => 10);
    is($res->{status}, 200, 'begun');
    like($res->{body}, qr/provider_error/, 'broken');
    like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|\d+\|4\|-\|provider_error/, 'variables say the estimate');
    provider('a')->play(plain(10, 5));
    $res = a(max_tokens => 10);
    is(left($res, 'tokens'), '1000/991', '4 of the stream, 5 of this one');
    is(left($res, 'requests'), '5/3', 'both count');



=== TEST 33: a client that leaves a stream pays for what was produced
--- a
sse
role
text a
text b
text c
flush
stall
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota output_tokens=1000/day; concurrency 1; }
--- do
    my $socket = connect_gateway();
    send_request($socket, chat(stream => 'true', max_tokens => 100),
                 headers => { Authorization => 'Bearer sk-a' });
    my $in = '';
    for (1 .. 20) {
        my $data = read_some($socket, 5);
        last if !defined $data || $data eq '';
        $in .= $data;
        last if $in =~ /"content":"c"/;
    }
    close $socket;
    like(logged(), qr/\|3\|-\|client_closed_request/, 'logged');
    provider('a')->play(plain(10, 5));
    my $res = a(max_tokens => 10);
    is($res->{status}, 200, 'the slot is free');
    is(left($res, 'tokens'), '1000/992', '3 of the stream, 5 of this one');



=== TEST 34: a provider that reports nothing
--- a
json {"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"abcdefgh"},"finish_reason":"stop"}]}
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota output_tokens=1000/day; }
--- do
    my $res = a(max_tokens => 100);
    is($res->{status}, 200, 'served');
    is(left($res, 'tokens'), '1000/998', 'estimated');
    like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|[1-9]\d*\|2\|stop\|/, 'and shown');



=== TEST 35: an end user must be named
--- location
llm_auth on; llm_user_required on;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; }
--- do
    my $res = a();
    is($res->{status}, 400, 'refused');
    like($res->{body}, qr/"param":"user","code":"user_required"/, 'says what is missing');
    is(a(user => '"u"')->{status}, 200, 'named');



=== TEST 36: without limits there are no headers
--- http
    llm_key k { secret $TEST_NGINX_SECRET; }
--- do
    my $res = a();
    is($res->{status}, 200, 'served');
    unlike($res->{head}, qr/ratelimit/i, 'no headers');



=== TEST 37: a template counts for each identity
--- location
llm_auth $who;
--- http
    map $http_x_who $who { default $http_x_who; }
    llm_key team-* { quota requests=1/day; }
--- do
    my $who = sub { ask(chat(), headers => { 'x-who' => $_[0] }) };
    is($who->('team-one')->{status}, 200, 'one');
    my $res = $who->('team-one');
    is($res->{status}, 429, 'one is used up');
    like($res->{body}, qr/of key \\"team-one\\" is used up/, 'names it');
    is($who->('team-two')->{status}, 200, 'two');



=== TEST 38: an hour's quota, in the zone
--- http
    llm_timezone Asia/Kathmandu;
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/hour; }
--- do
    is(a()->{status}, 200, 'one');
    my $res = a();
    is($res->{status}, 429, 'two');
    like($res->{body}, qr/it resets at \d{4}-\d\d-\d\dT\d\d:15:00Z/, 'a quarter past, in UTC');



=== TEST 39: a refused parameter holds nothing
--- a
json {}
--- model
deployment a x;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; concurrency 1; quota tokens=1000/day; }
--- do
    is(a(n => '"x"')->{status}, 400, 'bad') for 1 .. 2;
    is(a(model => '"none"')->{status}, 404, 'no such model') for 1 .. 2;
    provider('a')->play(plain(10, 5));
    my $res = a();
    is($res->{status}, 200, 'served');
    is(left($res, 'tokens'), '1000/985', 'nothing else was held');



=== TEST 40: a provider's throttle is told apart from the gateway's
--- a
status 429
json {"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}
--- model
deployment a x;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=5/day; }
--- do
    my $res = a();
    is($res->{status}, 429, 'throttled');
    is($res->{headers}{'x-llm-error'}, 'provider_rate_limit', 'by the provider');
    is(left($res, 'requests'), '5/5', 'not charged');



=== TEST 41: a template needs no more limits than a request may meet
--- http_config eval
"llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
 llm_model m { deployment p x; concurrency 5; }
 llm_key k { secret sha256:" . ('0' x 64) . "; "
 . join('', map { "quota requests=1/day model=m$_; " } 1 .. 16) . " }"
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*key "k" and its teams have 16 limits, a request may meet 15 of them, besides 1 of its model and provider, in .*nginx\.conf:\d+/



=== TEST 42: a zone that is too small
--- http_config
    llm_zone z:1m;
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model m { deployment p x; quota requests=1/day; }
--- config
--- must_die
--- error_log
zone "z" is too small for limits, it must have at least 6m



=== TEST 43: the least zone
--- http
    llm_zone z:6m;
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day; }
--- do
    is(a()->{status}, 200, 'one');
    is(a()->{status}, 429, 'two');



=== TEST 44: words of a limit that are wrong
--- http_config
    llm_key k { quota tokens=1/year; }
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*invalid period "year" of the quota "tokens=1\/year", it must be hour, day, week, month or total in .*nginx\.conf:\d+/



=== TEST 45: an invalid parameter of a limit
--- http_config
    llm_key k { quota tokens=1/day hard; }
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*invalid parameter "hard", a limit has .* in .*nginx\.conf:\d+/



=== TEST 46: a bad pattern in a limit
--- http_config
    llm_key k { quota tokens=1/day model=a*b*; }
--- config
--- must_die
--- error_log
more than one "*" in "a*b*"



=== TEST 47: an unknown variable in a limit
--- http_config
    llm_key k { quota tokens=1/day per=$nothing; }
--- config
--- must_die
--- error_log
unknown "nothing" variable



=== TEST 48: an unknown time zone
--- http_config
    llm_timezone Europe/Nowhere;
--- config
--- must_die
--- error_log
unknown time zone: open() "/usr/share/zoneinfo/Europe/Nowhere" failed



=== TEST 49: a time zone that would be a path
--- http_config
    llm_timezone ../../../etc/passwd;
--- config
--- must_die
--- error_log
invalid time zone "../../../etc/passwd", it must be a name as "Europe/Berlin"



=== TEST 50: a file that is no time zone
--- http_config
    llm_timezone tzdata/zi;
--- config
--- must_die
--- error_log
unknown time zone



=== TEST 51: money: the dearest deployment is held, what was used is charged
--- a
sleep 1
ok hi
--- model
deployment a x input=0 output=1; deployment b y tier=2 input=0 output=1000;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota cost=1/day; quota requests=9/day; }
--- do
    # 600 tokens: 0.6 dollars of b, 0.0006 of a
    my $first = connect_gateway();
    send_request($first, chat(max_tokens => 600),
                 headers => { Authorization => 'Bearer sk-a' });
    reached('a', 1);
    my $res = a(max_tokens => 600);
    is($res->{status}, 429, 'refused');
    like($res->{body}, qr/is held by requests in progress: 0 dollars of 1 dollars are used, 0.6 dollars held/, 'the price of b');
    is(read_response($first)->{headers}{'x-llm-cost'}, '0.000003000', 'the price of a');
    $res = a(max_tokens => 999);
    is($res->{status}, 200, 'and room for more');



=== TEST 52: money: a fallback that is dearer is topped up, or passed over
--- error_log
no other deployment of model "m" can take the request
--- a
status 500
json {}
--- b
ok from b
--- model
deployment a x input=0 output=1; fallback other;
--- http
    llm_model other { deployment b y input=0 output=1000; }
    llm_key k { secret $TEST_NGINX_SECRET; quota cost=1/day; }
--- do
    my $res = a(max_tokens => 600);
    is($res->{status}, 200, 'topped up');
    is($res->{headers}{'x-llm-provider'}, 'b', 'served by the fallback');
    is($res->{headers}{'x-llm-cost'}, '0.003000000', 'at its price');
    provider('b')->play("sleep 1\nok from b");
    my $first = connect_gateway();
    send_request($first, chat(max_tokens => 600),
                 headers => { Authorization => 'Bearer sk-a' });
    reached('b', 1);
    $res = a(max_tokens => 600);
    is($res->{status}, 502, 'passed over: the first failure counts');
    is(read_response($first)->{status}, 200, 'the first');



=== TEST 53: streams in another dialect, cut
--- a
sse
c-start
c-text a b c d e f
cut
--- provider_a
dialect anthropic;
--- model
deployment a x;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota output_tokens=1000/day; }
--- do
    my $res = a(stream => 'true', max_tokens => 10);
    is($res->{status}, 200, 'begun');
    like(logged(), qr/^200\|OK\|a\|1\|m\|x\|11\|3\|-\|provider_error/, 'the prompt was said, the rest is 11 bytes');
    provider('a')->play("claude hello");
    is(left(a(max_tokens => 10), 'tokens'), '1000/992', 'charged');



=== TEST 54: what set_param asks for is held, and capped
--- a
sleep 1
ok hi
--- model
deployment a x; set_param max_tokens 900 force;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota output_tokens=1000/day; cap on; }
--- do
    my $first = connect_gateway();
    send_request($first, chat(max_tokens => 1),
                 headers => { Authorization => 'Bearer sk-a' });
    reached('a', 1);
    like(asked(), qr/"max_tokens":900[,}]/, 'forced');
    my $res = a(max_tokens => 1);
    is($res->{status}, 429, 'refused');
    like($res->{body}, qr/0 of 1000 output_tokens are used, 900 held/, 'held');
    is(read_response($first)->{status}, 200, 'the first');
    provider('a')->play(plain(10, 150));
    is(a()->{status}, 200, 'fits');
    is(a()->{status}, 200, 'alone');
    like(asked(), qr/"max_tokens":847[,}]/, 'capped, although it is forced');



=== TEST 55: Anthropic clients: type, headers, and a count that is free
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1/day; quota tokens=1000/day; }
--- do
    my $claude = sub { ask(chat(max_tokens => 9), path => "/v1/messages$_[0]",
                           headers => { 'x-api-key' => 'sk-a' }) };
    is($claude->('/count_tokens')->{status}, 200, 'a count') for 1 .. 2;
    my $res = $claude->('');
    is($res->{status}, 200, 'served');
    is($res->{headers}{'anthropic-ratelimit-requests-remaining'}, 0, 'requests');
    is($res->{headers}{'anthropic-ratelimit-tokens-limit'}, 1000, 'tokens');
    like($res->{headers}{'anthropic-ratelimit-tokens-reset'},
         qr/^\d{4}-\d\d-\d\dT00:00:00Z$/, 'a date');
    unlike($res->{head}, qr/x-ratelimit-/, 'not the others');
    $res = $claude->('');
    is($res->{status}, 429, 'refused');
    like($res->{body}, qr/"type":"billing_error"/, 'its type');
    is($res->{headers}{'x-should-retry'}, 'false', 'no retry');



=== TEST 56: a fallback that may answer longer has to fit, too
--- model
deployment a gpt-4o; fallback other; cooldown off;
--- b
ok from b
--- http
    llm_model other { deployment b o3; }
    llm_key k { secret $TEST_NGINX_SECRET; quota tokens=100k/total; }
--- do
    provider('a')->play("sleep 1.5\n" . plain(10, 5));
    my $first = connect_gateway();
    send_request($first, chat(max_tokens => 90000),
                 headers => { Authorization => 'Bearer sk-a' });
    reached('a', 1);
    # 16,384 are held for that one, 90,000 do not fit beside it
    provider('a')->play("status 500\njson {}\n");
    my $res = a(max_tokens => 90000);
    is(scalar(my @all = provider('b')->seen), 0, 'the fallback is passed over');
    isnt($res->{status}, 200, 'nobody else is left');
    is(read_response($first)->{status}, 200, 'the first one is served');
    $res = a(max_tokens => 90000);
    is($res->{status}, 200, 'there is room now');
    is($res->{headers}{'x-llm-model'}, 'other', 'for the fallback');



=== TEST 57: a provider that reports nonsense gives no credit
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota tokens=1000/day; }
    llm_key l { secret $TEST_NGINX_SECRET_B; quota tokens=1000/day; }
--- do
    my $usage = sub { plain(10, 5) =~ s/"completion_tokens":5/"completion_tokens":$_[0]/r };
    provider('a')->play($usage->('9223372036854775807'));
    is(a(max_tokens => 5)->{status}, 200, 'served');
    my $res = a(max_tokens => 5);
    is($res->{status}, 429, 'used up');
    like($res->{body}, qr/"code":"insufficient_quota"/, 'for good');
    provider('a')->play($usage->('-500'));
    $res = b(max_tokens => 5) for 1 .. 3;
    is($res->{status}, 200, 'served');
    my ($left) = left($res, 'tokens') =~ m{/(\d+)};
    cmp_ok($left, '<=', 970, 'thirty of prompts are charged');



=== TEST 58: two limits in one request say the same, a provider may go by either
--- http
    llm_key k { secret $TEST_NGINX_SECRET; cap on; quota output_tokens=100/day; }
    llm_key l { secret $TEST_NGINX_SECRET_B; quota output_tokens=100/day; }
--- do
    my $sent = sub { my $body = asked(); return CORE::join ' ', $body =~ m{"(max_\w+":-?\d+)}g };
    provider('a')->play(plain(10, 0));
    is(a(max_tokens => 5000, max_completion_tokens => 1)->{status}, 200, 'one is much');
    is($sent->(), 'max_completion_tokens":1 max_tokens":1', 'it says the other');
    for my $limit (5000, -1) {
        is(a(max_tokens => 1, max_completion_tokens => $limit)->{status}, 200, "the other is $limit");
        is($sent->(), 'max_completion_tokens":100 max_tokens":100', 'what is left');
    }
    b(max_tokens => 8, max_completion_tokens => 8);
    is($sent->(), 'max_completion_tokens":8 max_tokens":8', 'two that are the same');
