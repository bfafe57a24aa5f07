# When a provider's limits are reset: what its headers say, in whichever way.

use strict;
use warnings;

use lib 't/lib';
use POSIX qw(strftime);
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(providers => ['a'], defaults => { model => "deployment a up-a;" });


# "retry-after" of the answer, where the provider refuses with these headers

sub retry_after {
    my ($status, %header) = @_;

    provider('a')->play("status $status X\n"
        . join('', map { "header $_: $header{$_}\n" } sort keys %header)
        . 'json {"error":{"message":"slow down","type":"x"}}' . "\n");

    my $res = ask(chat());

    return "$res->{status} " . ($res->{headers}{'retry-after'} || 'none');
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: Retry-After and its like
--- do
is(retry_after(429), '429 1', "nothing");
is(retry_after(429, 'Retry-After' => '17'), '429 17', "seconds");
is(retry_after(429, 'Retry-After' => '1.2'), '429 2', "a fraction");
is(retry_after(429, 'Retry-After' => '1m30s'), '429 90', "a duration");
is(retry_after(429, 'retry-after-ms' => '1500'), '429 2', "milliseconds");
is(retry_after(429, 'retry-after-ms' => '2500.5'), '429 3', "and parts");
is(retry_after(503, 'Retry-After' => '6m0s'), '503 360', "a 503");

my $date = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 50));
like(retry_after(429, 'Retry-After' => $date), qr/^429 (49|50)$/, "a date");

$date = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 50));
like(retry_after(429, 'Retry-After' => $date), qr/^429 (49|50)$/,
     "another date");
is(retry_after(429, 'Retry-After' => 'soon'), '429 1', "what nobody knows");
--- errors



=== TEST 2: limits that are used up
--- do
is(retry_after(429, 'x-ratelimit-remaining-requests' => 0,
               'x-ratelimit-reset-requests' => '2m59.56s',
               'x-ratelimit-remaining-tokens' => 7,
               'x-ratelimit-reset-tokens' => '6m0s'), '429 180', "requests");
is(retry_after(429, 'x-ratelimit-remaining-requests' => 1,
               'x-ratelimit-reset-requests' => '1s',
               'x-ratelimit-remaining-tokens' => 0,
               'x-ratelimit-reset-tokens' => '6m0s'), '429 360', "tokens");
is(retry_after(429, 'Retry-After' => 3,
               'x-ratelimit-remaining-tokens' => 0,
               'x-ratelimit-reset-tokens' => '6m0s'), '429 3',
   "Retry-After is stronger");
is(retry_after(429, 'x-ratelimit-remaining-requests' => 1,
               'x-ratelimit-reset-requests' => '6m0s'), '429 1', "none is");

my $date = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 40));
like(retry_after(429, 'anthropic-ratelimit-input-tokens-remaining' => 0,
                 'anthropic-ratelimit-input-tokens-reset' => $date,
                 'anthropic-ratelimit-requests-remaining' => 5,
                 'anthropic-ratelimit-requests-reset' =>
                     '2042-01-01T00:00:00Z'), qr/^429 (39|40)$/,
     "Anthropic's");
like(retry_after(429, 'X-RateLimit-Reset' => (time + 30) * 1000),
     qr/^429 (29|30|31)$/, "since the epoch");
is(retry_after(500, 'x-ratelimit-remaining-requests' => 0,
               'x-ratelimit-reset-requests' => '9s'), '502 none',
   "only where a limit was met");
--- errors



=== TEST 3: the deployment is out for that long
--- model: deployment a up-a; cooldown fails=3 time=1s;
--- do
is(retry_after(429, 'x-ratelimit-remaining-requests' => 0,
               'x-ratelimit-reset-requests' => '1h0m0s'), '429 3600', "asked");

provider('a')->play('ok hi');
Time::HiRes::sleep(1.2);

my $res = ask(chat());
is($res->{status}, 503, "and left alone");
--- errors
