# Teams: limits, models and tags that keys share; keys that expire; locations
# that take the keys of some teams.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use POSIX qw(strftime);
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

for my $key ('a', 'b', 'c') {
    $ENV{'TEST_NGINX_SECRET_' . uc $key} = 'sha256:' . sha256_hex("sk-$key");
}

$ENV{TEST_NGINX_YESTERDAY} = strftime('%Y-%m-%d', gmtime(time() - 86400));
$ENV{TEST_NGINX_TOMORROW} = strftime('%Y-%m-%d', gmtime(time() + 2 * 86400));
$ENV{TEST_NGINX_SOON} = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() + 3600));

gateway(
    providers => ['a'],
    defaults  => {
        location => 'llm_auth on;',
        a        => "ok hi\n",
    },
);


sub as {
    my ($key, %member) = @_;

    my $path = delete $member{path};

    return ask(chat(%member), headers => { Authorization => "Bearer sk-$key" },
               $path ? (path => $path) : ());
}


sub left {
    my ($res) = @_;

    return CORE::join '/', map { $res->{headers}{"x-ratelimit-$_-requests"} }
                               ('limit', 'remaining');
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: keys of a team share its limits
--- http
    llm_key one   { secret $TEST_NGINX_SECRET_A; team search; }
    llm_key two   { secret $TEST_NGINX_SECRET_B; team search; }
    llm_key other { secret $TEST_NGINX_SECRET_C; }
    llm_team search { quota requests=2/day; }
--- do
    is(as('a')->{status}, 200, 'one');
    is(left(as('b')), '2/0', 'two');
    for my $key ('a', 'b') {
        my $res = as($key);
        is($res->{status}, 429, 'used up');
        like($res->{body}, qr/the quota \\"requests=2\/day\\" of team \\"search\\" is used up/, 'names the team');
    }
    is(as('c')->{status}, 200, 'who is in no team');



=== TEST 2: every level of teams counts
--- http
    llm_team company { quota requests=3/day; }
    llm_team search { team company; quota requests=2/day; }
    llm_team shop { team company; }
    llm_key one { secret $TEST_NGINX_SECRET_A; team search; }
    llm_key two { secret $TEST_NGINX_SECRET_B; team shop; }
--- do
    is(left(as('a')), '2/1', 'the tightest');
    is(as('a')->{status}, 200, 'two');
    is(left(as('b')), '3/0', 'of the company');
    like(as('b')->{body}, qr/of team \\"company\\" is used up/, 'the company');



=== TEST 3: a counter for each key of a team
--- http
    llm_team search { quota requests=1/day per=key; quota requests=3/day; }
    llm_key one { secret $TEST_NGINX_SECRET_A; team search; }
    llm_key two { secret $TEST_NGINX_SECRET_B; team search; }
--- do
    is(as('a')->{status}, 200, 'one');
    my $res = as('a');
    is($res->{status}, 429, 'one is used up');
    like($res->{body}, qr/of team \\"search\\" for each key is used up/, 'message');
    is(as('b')->{status}, 200, 'two has its own');



=== TEST 4: models of a key, its team and that one's team
--- http
    llm_model x { deployment a x; }
    llm_model y { deployment a y; }
    llm_team company { models m x; }
    llm_team search { team company; models x y; }
    llm_key one { secret $TEST_NGINX_SECRET_A; team search; }
    llm_key two { secret $TEST_NGINX_SECRET_B; team company; }
--- do
    is(as('a', model => '"x"')->{status}, 200, 'all take x');
    for my $model ('m', 'y') {
        my $res = as('a', model => "\"$model\"");
        is($res->{status}, 403, 'not all');
        like($res->{body}, qr/"code":"model_not_allowed"/, 'code');
    }
    is(as('b')->{status}, 200, 'the company');
    my $res = ask(undef, method => 'GET', path => '/v1/models',
                  headers => { Authorization => 'Bearer sk-a',
                               'Content-Type' => undef });
    like($res->{body}, qr/"id":"x"/, 'listed');
    unlike($res->{body}, qr/"id":"[my]"/, 'not listed');



=== TEST 5: a location takes the keys of some teams
--- config
    access_log off;
    location = /alive { return 204; }
    location /v1/ { llm_gateway; llm_teams company; client_body_buffer_size 128k; }
    location /shop/ { llm_gateway; llm_teams shop; client_body_buffer_size 128k; }
--- http
    llm_team company { }
    llm_team search { team company; }
    llm_team shop { }
    llm_key one { secret $TEST_NGINX_SECRET_A; team search; }
    llm_key two { secret $TEST_NGINX_SECRET_B; team shop; }
    llm_key none { secret $TEST_NGINX_SECRET_C; }
--- do
    is(as('a')->{status}, 200, 'a team within the team');
    for my $key ('b', 'c') {
        my $res = as($key);
        is($res->{status}, 401, 'not here');
        like($res->{body}, qr/"code":"invalid_api_key"/, 'code');
    }
    is(as('b', path => '/shop/v1/chat/completions')->{status}, 200, 'here');
    is(as('a', path => '/shop/v1/chat/completions')->{status}, 401, 'not here');



=== TEST 6: a key that expires
--- http
    llm_timezone UTC;
    llm_key one { secret $TEST_NGINX_SECRET_A; expires $TEST_NGINX_YESTERDAY; }
    llm_key two { secret $TEST_NGINX_SECRET_B; expires $TEST_NGINX_TOMORROW; }
    llm_key three { secret $TEST_NGINX_SECRET_C; expires $TEST_NGINX_SOON; }
--- do
    my $res = as('a');
    is($res->{status}, 401, 'expired');
    like($res->{body}, qr/the API key \\"one\\" has expired on \d+-\d\d-\d\d/, 'message');
    like($res->{body}, qr/"code":"key_expired"/, 'code');
    is(as('b')->{status}, 200, 'not yet');
    is(as('c')->{status}, 200, 'in an hour');



=== TEST 7: cap of a team
--- http
    llm_team search { cap on; quota output_tokens=5/day; }
    llm_key one { secret $TEST_NGINX_SECRET_A; team search; }
--- do
    is(as('a', max_tokens => 1000)->{status}, 200, 'served');
    like((provider('a')->seen)[-1]{body}, qr/"max_tokens":5[,}]/, 'capped');



=== TEST 8: an unknown team of a key
--- http_config
    llm_key k { team none; }
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*unknown team "none" of key "k" in .*nginx\.conf:\d+/



=== TEST 9: an unknown team of a team
--- http_config
    llm_team t { team none; }
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*unknown team "none" of team "t" in .*nginx\.conf:\d+/



=== TEST 10: teams in a circle
--- http_config
    llm_team a { team b; }
    llm_team b { team c; }
    llm_team c { team a; }
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*team "a" stands in itself in .*nginx\.conf:\d+/



=== TEST 11: a team twice
--- http_config
    llm_team a { }
    llm_team a { }
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*duplicate team "a", first defined in .*nginx\.conf:\d+/



=== TEST 12: a team's name is no pattern
--- http_config
    llm_team a* { }
--- config
--- must_die
--- error_log
invalid team name "a*", it cannot be a pattern



=== TEST 13: teams within teams, too many
--- http_config eval
CORE::join '', map { "llm_team t$_ { " . ($_ ? "team t" . ($_ - 1) . "; " : '') . "}\n" } 0 .. 8
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*team "t8" stands in more than 7 others in .*nginx\.conf:\d+/



=== TEST 14: an unknown team of a location
--- http_config
    llm_key k { }
--- config
    location /v1/ { llm_gateway; llm_teams none; }
--- must_die
--- error_log eval
qr/\[emerg\] .*unknown team "none" in "llm_teams" in .*nginx\.conf:\d+/



=== TEST 15: a date that is none
--- http_config
    llm_key k { expires 2026-02-30; }
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*invalid value "2026-02-30" in "expires" of key "k", it must be a date or date-time of RFC 3339, as "2027-01-31" or "2027-01-31T12:00:00Z", in .*nginx\.conf:\d+/



=== TEST 16: a tag twice
--- http_config
    llm_key k { tag a b; tag a c; }
--- config
--- must_die
--- error_log
duplicate tag "a"



=== TEST 17: a tag of a location twice
--- http_config
    llm_key k { }
--- config
    location /v1/ { llm_gateway; llm_tag a b; llm_tag a $uri; }
--- must_die
--- error_log
duplicate tag "a"



=== TEST 18: more limits of a key and its teams than a request may meet
--- http_config eval
"llm_team t { " . CORE::join('', map { "quota requests=1/day model=m$_; " } 1 .. 10) . " }
 llm_key k { team t; " . CORE::join('', map { "quota requests=1/day model=m$_; " } 1 .. 7) . " }"
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*key "k" and its teams have 17 limits, a request may meet 16 of them, besides 0 of its model and provider, in .*nginx\.conf:\d+/



=== TEST 19: ten thousand keys
--- http eval
CORE::join '', "llm_team t { quota cost=500/month; }\n", map {
    "llm_key k$_ { secret sha256:" . main::sha256_hex("sk-many-$_")
    . "; team t; quota tokens=10k/day; rate requests=20/min; concurrency 5; }\n"
} 1 .. 10000
--- model
deployment a x; price input=1 output=1;
--- do
    for my $n (1, 5000, 10000) {
        my $res = ask(chat(), headers => { Authorization => "Bearer sk-many-$n" });
        is($res->{status}, 200, "key $n");
        is($res->{headers}{'x-ratelimit-remaining-requests'}, 19, 'its own');
    }
