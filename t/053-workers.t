# Two workers: what one learns of a deployment the other knows.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

master_on();
workers(2);

gateway(
    providers => ['a', 'b'],
    defaults  => {
        config => '
            access_log off;
            location = /alive { return 204; }
            location = /pid { return 200 $pid; }
            location /v1/ { llm_gateway; llm_auth off;
                            client_body_buffer_size 128k; }',
    },
);

# a connection to each worker

sub workers_of {
    my %socket;

    for (1 .. 200) {
        my $socket = connect_gateway();
        my $res = ask(undef, on => $socket, method => 'GET', path => '/pid');

        $socket{$res->{body}} ||= $socket;

        last if keys %socket == 2;
    }

    return map { $socket{$_} } sort keys %socket;
}


sub from {
    my ($socket) = @_;

    my $res = ask(chat(), on => $socket);

    return ($res->{headers}{'x-llm-provider'} || $res->{status})
           . ($res->{headers}{'x-llm-attempts'} || '');
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: failures count together, and all know who is out
--- errors
--- model
deployment a x tier=1;
deployment b x tier=2;
cooldown fails=3 time=1s;
--- a
status 500
json {}
--- b
ok b
--- do
my ($one, $two) = workers_of();

ok($two, "both answer");
is(join(' ', from($one), from($two), from($one)), "b2 b2 b2", "three fail");
is(join(' ', map { from($_) } $two, $one, $two, $one), "b1 b1 b1 b1",
   "then it is out for both");
is((scalar provider('a')->seen), 3, "and not asked");

# half open: one probes, the other does not

Time::HiRes::sleep(1.1);
provider('a')->play("sleep 0.3\nok a");
send_request($one, chat());
Time::HiRes::sleep(0.1);
is(from($two), "b1", "while one probes");
is(content_of(read_response($one)), 'a', "the probe");
is(join(' ', from($two), from($one)), "a1 a1", "back for both");



=== TEST 2: a throttle puts it out at once, for as long as it says
--- model
deployment a x tier=1;
deployment b x tier=2;
cooldown fails=3 time=100ms;
--- a
header Retry-After: 1
status 429
json {"error":{"message":"slow"}}
--- b
ok b
--- do
my ($one, $two) = workers_of();

is(from($one), "b2", "throttled");
is(from($two), "b1", "the other knows");
Time::HiRes::sleep(0.6);
is(from($two), "b1", "still");
provider('a')->play("ok a");
Time::HiRes::sleep(0.6);
is(join(' ', from($two), from($one)), "a1 a1", "back");



=== TEST 3: all out
--- model
deployment a x tier=1;
deployment b x tier=2;
cooldown fails=3 time=100ms;
--- do
provider('a')->play("header Retry-After: 9\nstatus 429\njson {}");
provider('b')->play("header Retry-After: 5\nstatus 429\njson {}");

my ($one, $two) = workers_of();
my $res = ask(chat(), on => $one);

is(error_of($res), "429 rate_limit_error provider_rate_limit", "throttled");
is($res->{headers}{'retry-after'}, 5, "until the first is back");

$res = ask(chat(), on => $two);

is(error_of($res), "503 server_error overloaded", "none is healthy");
like($res->{headers}{'retry-after'}, qr/^[45]$/, "until the first is back");
is((scalar provider($_)->seen), 1, "$_ is not asked again") for 'a', 'b';



=== TEST 4: what no failure is
--- model
deployment a x tier=1;
deployment b x tier=2;
cooldown fails=1 time=5s;
--- do
my ($one, $two) = workers_of();

provider('b')->play("ok b");

for my $script ("status 400\njson {\"error\":{\"message\":\"bad\"}}",
                "status 404\njson {\"error\":{\"message\":\"no model\"}}",
                "status 413\njson {}",
                "status 400\njson {\"error\":{\"code\":"
                . "\"context_length_exceeded\",\"message\":\"long\"}}")
{
    provider('a')->play("$script\n==\nok a");
    ask(chat(), on => $one);
    is(from($two), "a1", "in after " . substr($script, 0, 10));
}

provider('a')->play("stall");
my $socket = connect_gateway();
send_request($socket, chat());
wait_for(sub { provider('a')->seen });
close $socket;
Time::HiRes::sleep(0.05);
provider('a')->play("ok a");
is(from($one), "a1", "nor a client that leaves");
is(from($two), "a1", "for both");
