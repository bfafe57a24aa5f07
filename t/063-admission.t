# Admission under two workers and many clients at once: what is admitted never
# exceeds a limit, and when all have gone nothing is held.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use IO::Select;
use Test::Nginx::Socket;
use Time::HiRes qw(sleep time);
use Gateway;

repeat_each(1);
plan 'no_plan';

master_on();
workers(2);
worker_connections(512);

$ENV{TEST_NGINX_SECRET} = 'sha256:' . sha256_hex('sk-a');

gateway(
    providers => ['a', 'b'],
    defaults  => { location => 'llm_auth on;', a => plain(10, 5) },
);


sub plain {
    my ($in, $out) = @_;

    return qq(json {"id":"x","object":"chat.completion","model":"m",)
           . qq("choices":[{"index":0,"message":{"role":"assistant",)
           . qq("content":"hello"},"finish_reason":"stop"}],)
           . qq("usage":{"prompt_tokens":$in,"completion_tokens":$out,)
           . qq("total_tokens":) . ($in + $out) . qq(}}\n);
}


sub a {
    return ask(chat(@_), headers => { Authorization => 'Bearer sk-a' });
}


sub left {
    my ($res, $what) = @_;

    return $res->{headers}{"x-ratelimit-remaining-$what"};
}


# So many requests at once, each from a process of its own; kind(n) says what
# the n-th is: members of the body and how long its client stays.  Returns what
# came back: a line each.

sub many {
    my ($n, $kind) = @_;

    my @pipe;

    for my $i (0 .. $n - 1) {
        pipe my $in, my $out or die "pipe: $!";

        my $pid = fork();
        die "fork: $!" if !defined $pid;

        if ($pid == 0) {
            close $in;
            alarm 20;

            my ($leave, %member) = $kind->($i);
            my $socket = connect_gateway();

            send_request($socket, chat(%member),
                         headers => { Authorization => 'Bearer sk-a' });

            my $res = read_response($socket, $leave || 10);

            close $socket;

            my $end = $res->{body} =~ /\[DONE\]/ ? 'done'
                    : $res->{body} =~ /"code":"(\w+)"/ ? $1 : '';

            print {$out} "$res->{status} $end\n";
            close $out;
            POSIX::_exit(0);
        }

        close $out;
        push @pipe, [$in, $pid];
    }

    my @line;

    for my $p (@pipe) {
        my $in = $p->[0];
        my $line = <$in>;

        waitpid $p->[1], 0;
        push @line, defined $line ? $line : "none\n";
    }

    chomp @line;

    return @line;
}


sub count {
    my ($re, @line) = @_;

    return scalar(grep { /$re/ } @line);
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a quota of requests, to the last one
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=20/total; }
--- do
    my @got = many(40, sub { return (0); });
    is(count(qr/^200/, @got), 20, 'as many as the limit');
    is(count(qr/^429/, @got), 20, 'not one more');
    my $res = a();
    is($res->{status}, 429, 'used up');
    like($res->{body}, qr/20 of 20 requests are used, it never/, 'nothing is held');



=== TEST 2: a rate of requests
--- http
    llm_key k { secret $TEST_NGINX_SECRET; rate requests=1/hour burst=15; }
--- do
    my @got = many(40, sub { return (0); });
    is(count(qr/^200/, @got), 15, 'the burst');
    is(count(qr/^429 rate_limit_exceeded/, @got), 25, 'not one more');
    is(a()->{headers}{'retry-after'}, 3600, 'when one has leaked')
        or sleep 0;



=== TEST 3: concurrency
--- a
sleep 0.5
ok hi
--- http
    llm_key k { secret $TEST_NGINX_SECRET; concurrency 5; }
--- do
    for (1 .. 2) {
        my @got = many(20, sub { return (0); });
        my $ok = count(qr/^200/, @got);
        cmp_ok($ok, '>=', 5, 'as many as the limit');
        is($ok + count(qr/^429/, @got), 20, 'the others are refused');
    }



=== TEST 4: tokens: what is admitted never exceeds the limit
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota tokens=600/total; }
--- do
    # each holds its prompt's high side and 5 of output and uses 15
    for (1 .. 4) {
        many(20, sub { return (0, max_tokens => 5); });
    }
    my $res = a(max_tokens => 5) for 1 .. 30;
    $res = a(max_tokens => 5);
    is($res->{status}, 429, 'used up at last');
    my ($used) = $res->{body} =~ /is used up: (\d+) of 600/;
    cmp_ok($used, '>=', 600, 'all of it');
    cmp_ok($used, '<=', 614, 'and at most the overrun of one request');
    unlike($res->{body}, qr/held/, 'nothing is held');



=== TEST 5: a mix of plain, streamed, failing, cancelled, timed out
--- provider_a
read_timeout 1s; first_token_timeout 1s;
--- model
deployment a x; cooldown off; first_token_timeout 1s; read_timeout 1s; total_timeout 1s;
--- errors
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=1000/total; quota tokens=1m/total;
                concurrency 100; rate requests=1000/sec; rate tokens=1m/sec; }
--- do
    my %script = (
        plain   => plain(10, 5),
        stream  => "stream a b c\n",
        failing => "status 500\njson {}\n",
        cut     => "sse\nrole\ntext a\ntext b\ncut\n",
        stall   => "stall\n",
        late    => "sse\nrole\ntext a\nflush\nstall\n",
    );
    my $expected = 0;
    for my $name (sort keys %script) {
        provider('a')->play($script{$name});
        my $stream = $name !~ /plain|failing|stall/;
        my @got = many(12, sub {
            my ($i) = @_;
            return ($i % 3 == 2 ? 0.2 : 0, max_tokens => 50,
                    $stream ? (stream => 'true') : ());
        });
        is(scalar(@got), 12, "$name: all came back");
        is(count(qr/^429/, @got), 0, "$name: nobody was refused");
    }
    sleep 1.5;
    provider('a')->play(plain(10, 5));
    my $res = a(max_tokens => 50);
    is($res->{status}, 200, 'served');
    sleep 0.5; # the log comes last
    my ($requests, $tokens) = (0, 0);
    for my $line (log_lines()) {
        my @f = split /\|/, $line;
        next if $f[0] !~ /^\d+$/;
        $requests++ if $f[0] == 200 || $f[0] == 499;
        $tokens += $f[6] + $f[7];
    }
    is(left($res, 'requests'), 1000 - $requests, 'requests: the log says the same, nothing is held');
    is(left($res, 'tokens'), 1000000 - $tokens, 'tokens too');
    # all slots are free
    provider('a')->play("sleep 0.3\n" . plain(10, 5));
    is(count(qr/^429/, many(60, sub { return (0) })), 0, 'slots are free');



=== TEST 6: limits of a deployment, under load
--- b
ok from b
--- provider_a
quota requests=7/total; concurrency 3;
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=100/total; }
--- do
    my @got = many(30, sub { return (0); });
    is(count(qr/^200/, @got), 30, 'all are served');
    for (1 .. 20) {
        last if a()->{headers}{'x-llm-provider'} eq 'b';
    }
    my %by;
    for my $line (log_lines()) {
        my @f = split /\|/, $line;
        $by{$f[2]}++ if $f[0] eq '200';
    }
    is($by{a}, 7, 'seven by a');
