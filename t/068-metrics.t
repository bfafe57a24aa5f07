# llm_metrics: what is counted, in the format that Prometheus reads.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

$ENV{TEST_NGINX_SECRET} = 'sha256:' . sha256_hex('sk-a');

gateway(
    providers => ['a', 'b'],
    defaults  => {
        location => 'llm_auth on;',
        server   => 'location = /metrics { llm_metrics; }',
        a => answer(10, 5),
    },
);


sub answer {
    my ($in, $out) = @_;

    return qq(json {"id":"x","object":"chat.completion","model":"m",)
           . qq("choices":[{"index":0,"message":{"role":"assistant",)
           . qq("content":"hello"},"finish_reason":"stop"}],)
           . qq("usage":{"prompt_tokens":$in,"completion_tokens":$out,)
           . qq("total_tokens":) . ($in + $out)
           . qq(,"prompt_tokens_details":{"cached_tokens":4},)
           . qq("completion_tokens_details":{"reasoning_tokens":2}}}\n);
}


sub a { return ask(chat(@_), headers => { Authorization => 'Bearer sk-a' }); }


# the value of a row, undef: there is none

sub value {
    my ($text, $row) = @_;

    return $text =~ /^\Q$row\E (\S+)$/m ? $1 : undef;
}


sub metrics {
    my $res = ask(undef, method => 'GET', path => '/metrics');

    is($res->{status}, 200, 'metrics');
    is($res->{headers}{'content-type'},
       'text/plain; version=0.0.4; charset=utf-8', 'content type');

    # each family and row once, all rows behind the head of theirs

    my (%family, %row, @bad);
    my $now = '';

    for my $line (split /\n/, $res->{body}) {
        if ($line =~ /^# TYPE (\S+) (counter|gauge)$/) {
            $now = $1;
            push @bad, $line if $family{$now}++;

        } elsif ($line !~ /^# HELP /) {
            push @bad, $line
                if $line !~ /^\Q$now\E(\{(\w+="(\\.|[^"\\\n])*",?)+\})? -?[0-9.]+$/
                   || $line !~ /^(.*) / || $row{$1}++;
        }
    }

    is(join("\n", @bad), '', 'rows');

    return $res->{body};
}

no_long_string();
workers(2);
master_on();
run_tests();

__DATA__

=== TEST 1: requests, tokens by type, cost
--- http
    llm_team t { }
    llm_key user-a { secret $TEST_NGINX_SECRET; team t; }
--- model: deployment a up; price input=2 cached=1 output=10;
--- do
    is(a()->{status}, 200, 'a request');
    is(a()->{status}, 200, 'another');
    my $text = metrics();
    my $l = 'key="user-a",team="t",model="m",provider="a",status="200"';
    is(value($text, "llm_requests_total{$l}"), 2, 'requests');
    is(value($text, "llm_attempts_total{$l}"), 2, 'attempts');
    is(value($text, "llm_tokens_total{$l,type=\"input\"}"), 12, 'input');
    is(value($text, "llm_tokens_total{$l,type=\"cached\"}"), 8, 'cached');
    is(value($text, "llm_tokens_total{$l,type=\"output\"}"), 6, 'output');
    is(value($text, "llm_tokens_total{$l,type=\"reasoning\"}"), 4, 'reasoning');
    # 6 * 2 + 4 * 1 + 5 * 10 = 66 micro-dollars each
    is(value($text, "llm_cost_usd_total{$l}"), '0.000132000', 'cost');
    is(value($text, 'llm_in_flight'), 0, 'nothing is held');
    is(value($text, 'llm_reservations{unit="tokens"}'), 0, 'no tokens');
    is(value($text, 'llm_reservations{unit="cost"}'), '0.000000000', 'no money');
    cmp_ok(value($text, 'llm_zone_bytes{kind="used"}'), '>', 4096, 'used');
    cmp_ok(value($text, 'llm_zone_bytes{kind="used"}'), '<',
           value($text, 'llm_zone_bytes{kind="size"}'), 'of the size');



=== TEST 2: limits, how they stand and whom they refused
--- http
    llm_key user-a {
        secret $TEST_NGINX_SECRET;
        quota  requests=1/day;
        quota  tokens=100/day soft;
        quota  requests=5/day per=user;
    }
--- do
    is(a()->{status}, 200, 'a request');
    is(a()->{status}, 429, 'refused');
    my $text = metrics();
    my $l = 'owner="key:user-a",limit="quota requests=1/day"';
    is(value($text, "llm_limit{$l}"), 1, 'allowed');
    is(value($text, "llm_limit_used{$l}"), 1, 'used');
    is(value($text, "llm_limit_held{$l}"), 0, 'held');
    is(value($text, "llm_limit_refusals_total{$l}"), 1, 'refused');
    ok(value($text, "llm_limit_reset_timestamp_seconds{$l}") > time, 'reset');
    is(value($text, 'llm_limit_used{owner="key:user-a",limit="quota tokens=100/day soft"}'),
       15, 'a soft one counts');
    unlike($text, qr/per=user/, 'users are no labels');



=== TEST 3: health, and names that need escapes
--- http
    llm_key "us\"er\\a" { secret $TEST_NGINX_SECRET; }
--- model: deployment a up; deployment b two tier=2; cooldown fails=1 time=10s;
--- a
status 500
json {"error":{"message":"no"}}
--- b
json {"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}
--- do
    is(a()->{status}, 200, 'the other one');
    my $text = metrics();
    is(value($text, 'llm_deployment_health{model="m",provider="a",upstream_model="up"}'), 0, 'out');
    is(value($text, 'llm_deployment_health{model="m",provider="b",upstream_model="two"}'), 1, 'healthy');
    is(value($text, 'llm_attempts_total{key="us\\"er\\\\a",team="",model="m",provider="b",status="200"}'), 2, 'both attempts');



=== TEST 4: names that are cut, not UTF-8, or have a separator
--- http eval
qq{
    map \$arg_who \$who { a "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnna"; b "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnb"; c "\xff\x1fx"; }
    llm_key * { }
}
--- location: llm_auth $who;
--- do
    for my $who (qw(a b c c)) {
        is(ask(chat(), path => "/v1/chat/completions?who=$who")->{status}, 200, $who);
    }
    my $text = metrics();
    my @long = $text =~ /^llm_requests_total\{key="(n+~[0-9a-f]{8})",.* 1$/mg;
    is(scalar @long, 2, 'two that were cut');
    isnt($long[0], $long[1], 'and can be told apart');
    my ($odd) = $text =~ /^llm_requests_total\{key="([^"n]*)",team="",model="m",provider="a",status="200"\} 2$/m;
    is($odd, "\xef\xbf\xbd x", 'no UTF-8');



=== TEST 5: more rows than a step takes, and limits that look alike
--- http eval
    CORE::join('', map { "llm_key k$_ { secret sha256:" . Digest::SHA::sha256_hex($_)
                   . "; quota requests=1/day; }\n" } 1 .. 600)
    . "llm_key twins { secret $ENV{TEST_NGINX_SECRET}; rate requests=9/min; "
    . "rate requests=9/min burst=2; rate requests=9/min; quota tokens=9/day; "
    . "quota tokens=9/day reserve=typical; }\n"
--- location: llm_auth on;
--- do
    my $text = metrics();
    is(value($text, 'llm_limit{owner="key:k600",limit="quota requests=1/day"}'), 1, 'the last key');
    is(value($text, 'llm_limit{owner="key:twins",limit="rate requests=9/min"}'), 9, 'a rate');
    is(value($text, 'llm_limit{owner="key:twins",limit="rate requests=9/min burst=2"}'), 2, 'with a burst');
    is(value($text, 'llm_limit{owner="key:twins",limit="quota tokens=9/day reserve=typical"}'), 9, 'held otherwise');



=== TEST 6: refusals and failures count, and nothing is left over
--- http
    llm_key user-a { secret $TEST_NGINX_SECRET; concurrency 1; }
--- a
status 500
json {"error":{"message":"no"}}
--- model: deployment a up; tries 1;
--- do
    is(a()->{status}, 502, 'failed');
    is(a(model => '"x"')->{status}, 404, 'no such model');
    my $text = metrics();
    is(value($text, 'llm_requests_total{key="user-a",team="",model="m",provider="a",status="502"}'), 1, 'failed');
    is(value($text, 'llm_requests_total{key="user-a",team="",model="",provider="",status="404"}'), 1, 'unknown');
    is(value($text, 'llm_limit_held{owner="key:user-a",limit="concurrency 1"}'), 0, 'nothing is held');
    is(value($text, 'llm_in_flight'), 0, 'nothing is in flight');



=== TEST 7: beside another handler
--- config
    location /m { empty_gif; llm_metrics; }
--- must_die
--- error_log
"llm_metrics" directive stands beside another handler of this location
--- suppress_stderr



=== TEST 8: a zone without room for sums
--- http_config
    llm_zone z:1m;
    llm_provider p { dialect openai; key none; url http://127.0.0.1:1; }
--- config
    location /m { llm_metrics; }
--- must_die
--- error_log
zone "z" is too small for llm_metrics and llm_api, it must have at least 6m
--- suppress_stderr



=== TEST 9: only to be read
--- http
    llm_key user-a { secret $TEST_NGINX_SECRET; }
--- do
    is(ask('x', path => '/metrics')->{status}, 405, 'POST');
    is(ask(undef, method => 'HEAD', path => '/metrics')->{status}, 200, 'HEAD');
