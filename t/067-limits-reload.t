# Limits over a reload: what is counted and what is held stays, also where the
# number changed; requests of the workers before are settled.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

master_on();
workers(2);

$ENV{TEST_NGINX_SECRET} = 'sha256:' . sha256_hex('sk-a');

gateway(
    providers => ['a'],
    defaults  => { location => 'llm_auth on;', a => "ok hi\n" },
);


sub master {
    open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/nginx.pid"
        or return 0;
    my $pid = <$fh>;
    return $pid ? int $pid : 0;
}


sub children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return ();
    return split ' ', <$fh> || '';
}


# with something replaced in the configuration; true when new workers are there
# and those of before are gone, but for so many that have something to finish

sub reload {
    my ($from, $to, $stay) = @_;
    my $file = "$Test::Nginx::Util::ServRoot/conf/nginx.conf";

    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    close $in;

    $text =~ s/\Q$from\E/$to/g or die "nothing to replace";

    open my $out, '>', $file or die "$file: $!";
    print {$out} $text;
    close $out;

    my $master = master();
    my %old = map { $_ => 1 } children($master);

    kill HUP => $master;

    return wait_for(sub {
        my @all = children($master);
        my $before = grep { $old{$_} } @all;

        return @all - $before >= 2 && $before <= ($stay || 0);
    }, 5);
}


sub a {
    return ask(chat(@_), headers => { Authorization => 'Bearer sk-a' });
}


sub left {
    my ($res, $what) = @_;

    return $res->{headers}{"x-ratelimit-remaining-$what"};
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: counters stay, a changed number keeps its count
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota requests=5/total; rate tokens=1000/hour; }
--- do
    is(left(a(max_tokens => 1), 'requests'), 4, 'one');
    is(left(a(max_tokens => 1), 'requests'), 3, 'two');
    ok(reload('requests=5/total', 'requests=10/total'), 'reload');
    my $res = a(max_tokens => 1);
    is(left($res, 'requests'), 7, 'of ten');
    is(left($res, 'tokens'), 970, 'and the bucket');
    ok(reload('requests=10/total', 'requests=3/total'), 'reload');
    my $refused = a(max_tokens => 1);
    is($refused->{status}, 429, 'less than was used');
    like($refused->{body}, qr/3 of 3 requests are used/, 'all of them');
    ok(reload('requests=3/total', 'requests=3/total soft'), 'reload');
    is(a(max_tokens => 1)->{status}, 200, 'soft');
    ok(reload('requests=3/total soft', 'requests=5/total'), 'reload');
    is(left(a(max_tokens => 1), 'requests'), 0, 'counted all the time');



=== TEST 2: what workers of before hold is held, and settled
--- a
sleep 2
ok hi
--- http
    llm_key k { secret $TEST_NGINX_SECRET; concurrency 1; quota requests=9/total; }
--- do
    my $first = connect_gateway();
    send_request($first, chat(), headers => { Authorization => 'Bearer sk-a' });
    wait_for(sub { (my @all = provider('a')->seen) >= 1 });
    ok(reload('requests=9/total', 'requests=8/total', 1), 'reload');
    is(a()->{status}, 429, 'the slot is taken');
    is(read_response($first)->{status}, 200, 'the old worker answers');
    provider('a')->play("ok hi\n");
    my $res = a();
    is($res->{status}, 200, 'the slot is free');
    is(left($res, 'requests'), 6, 'both are counted');



=== TEST 3: a key that moves to another team
--- http
    llm_team one { quota requests=1/total; }
    llm_team two { quota requests=2/total; }
    llm_key k { secret $TEST_NGINX_SECRET; team one; }
--- do
    is(a()->{status}, 200, 'one');
    is(a()->{status}, 429, 'used up');
    ok(reload('team one;', 'team two;'), 'reload');
    is(left(a(), 'requests'), 1, 'counted anew, for the other one');
