# llm_usage_log: what its lines say, and what becomes of them when the file
# cannot be written, or is another one.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

use Digest::SHA qw(sha256_hex);
use JSON::PP;
use Time::HiRes qw(sleep);

repeat_each(1);
plan 'no_plan';

master_on();
workers(1);

my $digest = sha256_hex('secret');

my $http = <<"_EOC_";
    llm_zone usage:8m;
    llm_usage_log logs/usage.jsonl sync=200ms;
    llm_state logs/state snapshot=200ms;
    llm_key alice { secret sha256:$digest; tag env test; }
_EOC_

gateway(
    providers => ['a', 'b'],
    defaults  => {
        http     => $http,
        location => "llm_auth on; llm_tag app 064;",
        model    => "deployment a up-a; deployment b up-b tier=1; "
                    . "price input=1 output=2;",
    },
);


sub path {
    return "$Test::Nginx::Util::ServRoot/logs/usage.jsonl" . ($_[0] || '');
}


sub text_of {
    open my $fh, '<', path(@_) or return '';
    local $/;
    return <$fh>;
}


# the lines, when there are so many

sub lines {
    my ($n, $suffix) = @_;

    wait_for(sub { (() = text_of($suffix) =~ /\n/g) >= $n });

    return map { decode_json($_) } grep { length }
           split /\n/, text_of($suffix);
}


sub asked {
    my ($body, %opt) = @_;

    return ask($body, %opt,
               headers => { Authorization => 'Bearer secret',
                            %{$opt{headers} || {}} });
}


sub master {
    open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/nginx.pid"
        or return 0;
    return int <$fh>;
}


sub children {
    my $pid = master();

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return ();
    return split ' ', <$fh> || '';
}


sub worker {
    for my $pid (children()) {
        open my $fh, '<', "/proc/$pid/cmdline" or next;
        return $pid if <$fh> =~ /worker process/;
    }

    return 0;
}


# no file of the worker may be longer

sub limit_files {
    my ($size) = @_;

    return system('prlimit', '--pid', worker(), "--fsize=$size:unlimited") == 0;
}


sub error_text {
    open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/error.log"
        or return '';
    local $/;
    return <$fh>;
}


sub names {
    return join ' ', sort keys %{$_[0]};
}


no_long_string();
run_tests();

__DATA__

=== TEST 1: a plain answer
--- a
json {"id":"x","object":"chat.completion","model":"up-a-2026","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"prompt_tokens_details":{"cached_tokens":100},"completion_tokens_details":{"reasoning_tokens":20}}}
--- do
my $before = time;
my $res = asked(chat(user => '"anna"'), headers => { 'X-Request-Id' => 'mine-1' });
my ($line) = lines(1);

is($res->{status}, 200, "status");
is(names($line), 'attempts cached_tokens client completion_tokens cost '
                 . 'duration finish_reason id key model prompt_tokens '
                 . 'provider reasoning_tokens request_model seq status tags '
                 . 'time ttft upstream_model user', "members");

is($line->{id}, 'mine-1', "id");
is($line->{key}, 'alice', "key");
is($line->{user}, 'anna', "user");
is($line->{model}, 'm', "model");
is($line->{request_model}, 'm', "request_model");
is($line->{provider}, 'a', "provider");
is($line->{upstream_model}, 'up-a', "upstream_model");
is($line->{status}, 200, "status of the line");
is($line->{attempts}, 1, "attempts");
is($line->{prompt_tokens}, 1000, "prompt");
is($line->{completion_tokens}, 500, "completion");
is($line->{cached_tokens}, 100, "cached");
is($line->{reasoning_tokens}, 20, "reasoning");
is($line->{finish_reason}, 'stop', "finish");
is($line->{client}, '127.0.0.1', "client");
is_deeply($line->{tags}, { env => 'test', app => '064' }, "tags");
ok($line->{time} >= $before && $line->{time} <= time + 1, "time");
like(text_of(), qr/^\{"time":\d+\.\d{3},"seq":"\d+-\d+-1",/, "how it begins");
like(text_of(), qr/"cost":0\.\d{9}[,}]/, "nine decimals");
like(text_of(), qr/\}\n\z/, "how it ends");



=== TEST 2: a stream, its usage not asked for
--- a
sse
role
text hello
finish
usage 7 3
done
end
--- do
my $res = asked(chat(stream => 'true'));
my ($line) = lines(1);

ok($res->{whole}, "whole");
unlike($res->{body}, qr/usage/, "the client did not ask");
ok($line->{stream}, "stream");
is($line->{prompt_tokens}, 7, "prompt");
is($line->{completion_tokens}, 3, "completion");
is($line->{cost} * 1e9, 13000, "cost");
ok(!exists $line->{estimated}, "reported");
ok(!exists $line->{charged}, "charged");
ok(!exists $line->{error}, "no error");
ok($line->{ttft} <= $line->{duration}, "clocks");



=== TEST 3: no usage is reported
--- a
sse
role
text hello you
finish
done
end
--- do
asked(chat(stream => 'true'));
my ($line) = lines(1);

ok($line->{estimated}, "estimated");
ok($line->{prompt_tokens} > 0, "prompt");
ok($line->{completion_tokens} > 0, "completion");



=== TEST 4: a fallback
--- a
status 500
json {"error":{"message":"no"}}
--- b
ok hello
--- errors
--- do
asked(chat());
my ($line) = lines(1);

is($line->{attempts}, 2, "attempts");
is($line->{provider}, 'b', "provider");
is($line->{upstream_model}, 'up-b', "upstream_model");
is($line->{status}, 200, "status");
ok(!exists $line->{error}, "no error");



=== TEST 5: all fail
--- a
status 500
json {"error":{"message":"no"}}
--- b
status 500
json {"error":{"message":"no"}}
--- errors
--- do
my $res = asked(chat());
my ($line) = lines(1);

is($line->{status}, $res->{status}, "status");
ok($line->{status} >= 500, "an error");
is($line->{attempts}, 2, "attempts");
ok(length $line->{error}, "error");
ok(exists $line->{charged} && !$line->{charged}, "not charged");
ok(!exists $line->{cost}, "no cost");



=== TEST 6: a client that leaves
--- a
sse
role
text one
text two
stall
--- do
my $socket = connect_gateway();
send_request($socket, chat(stream => 'true'),
             headers => { Authorization => 'Bearer secret' });
my $data = '';
while ($data !~ /two/) {
    $data .= read_some($socket, 5);
}
close $socket;

my ($line) = lines(1);

ok($line->{completion_tokens} >= 2, "what was produced is charged");
ok($line->{estimated}, "estimated");
ok(!exists $line->{finish_reason}, "no end");
ok(!exists $line->{charged}, "charged");



=== TEST 7: a stream that breaks
--- a
sse
role
text one
cut
--- errors
--- do
asked(chat(stream => 'true'));
my ($line) = lines(1);

ok(length $line->{error}, "error");
ok($line->{completion_tokens} >= 1, "what was produced");
ok(!exists $line->{charged}, "charged");



=== TEST 8: who is not let in has no line
--- do
my $res = ask(chat(), headers => { Authorization => 'Bearer other' });

is($res->{status}, 401, "status");
sleep 0.2;
is(text_of(), '', "no line");



=== TEST 9: strings that would break a line
--- a
ok hello
--- do
asked(chat(user => '"a\"b\\\\c\n{\"time\":1,\u0000\u00e9\ud83d\ude00"'));
asked(chat(user => '"' . 'u' x 1000 . '"'));

my ($one, $two) = lines(2);

is($one->{user}, "a\"b\\c\n{\"time\":1,\0\x{e9}\x{1f600}", "as it was");
is(length $two->{user}, 256, "cut");
is(() = text_of() =~ /\n/g, 2, "two lines");
is(() = text_of() =~ /\{"time":/g, 2, "each begins once");



=== TEST 10: rotation
--- a
ok hello
--- do
asked(chat());
lines(1);

rename path(), path('.1');
kill USR1 => master();

ok(wait_for(sub { -e path() }), "a new file");

# no process writes to the old one any more

ok(wait_for(sub { my $old = (stat path('.1'))[1];
                  !grep { my $pid = $_;
                          grep { ((stat $_)[1] || 0) == $old }
                          glob("/proc/$pid/fd/*") } worker() }), "reopened");

asked(chat());
is((scalar lines(1)), 1, "the new one has a line");
is((scalar lines(1, '.1')), 1, "the old one has no more");

my ($new) = lines(1);
my ($old) = lines(1, '.1');
my ($m) = $old->{seq} =~ /-(\d+)$/;
my ($n) = $new->{seq} =~ /-(\d+)$/;

is($n, $m + 1, "one line after the other");



=== TEST 11: a file that is full: a torn line, the next one is whole
--- a
ok hello
--- no_error_log
[alert]
[emerg]
--- do
asked(chat());
lines(1);

SKIP: {
    skip "no prlimit", 7 if !limit_files((-s path()) + 50);

    is(asked(chat())->{status}, 200, "served all the same");
    is((-s path()) - length((split /\n/, text_of())[0]) - 1, 50, "torn");
    is(asked(chat())->{status}, 200, "and again");

    # what it has to say of that does not fit into its error log, either

    limit_files('unlimited');
    asked(chat());

    ok(wait_for(sub { error_text() =~ /can be written again/ }), "is told");

    my @line = split /\n/, text_of();

    is((scalar @line), 3, "lines and a torn one");
    ok(!eval { decode_json($line[1]); 1 }, "the torn one");
    ok(eval { decode_json($line[2]); 1 }, "the next one is whole");
}



=== TEST 12: on_error=refuse
--- http eval
my $digest = Digest::SHA::sha256_hex('secret');
"llm_zone usage:8m; llm_usage_log logs/usage.jsonl on_error=refuse;
 llm_state logs/state; llm_key alice { secret sha256:$digest; }"
--- a
ok hello
--- no_error_log
[alert]
[emerg]
--- do
is(asked(chat())->{status}, 200, "served");
lines(1);

SKIP: {
    skip "no prlimit", 5 if !limit_files(-s path());

    asked(chat());

    my $res = asked(chat());

    is($res->{status}, 503, "refused");
    is($res->{headers}{'x-llm-error'}, 'usage_log_unavailable', "why");
    like(error_of($res), qr/usage_log_unavailable/, "and in the body");

    limit_files('unlimited');

    ok(wait_for(sub { asked(chat())->{status} == 200 }, 5), "served again");
    ok((grep { eval { decode_json($_)->{status} == 200 } }
        split /\n/, text_of()) >= 2, "and logged");
}



=== TEST 13: a full disk
--- a
ok hello
--- no_error_log
[alert]
[emerg]
--- do
my $dir = "$Test::Nginx::Util::ServRoot/logs/full";

SKIP: {
    mkdir $dir;
    skip "no tmpfs", 4
        if $> != 0
           || system("mount -t tmpfs -o size=64k,mode=0755 none $dir "
                     . "2> /dev/null") != 0;

    # the log is moved there by a reload

    my $conf = "$Test::Nginx::Util::ServRoot/conf/nginx.conf";
    my $text = do { local (@ARGV, $/) = $conf; <> };
    my $old = worker();

    $text =~ s{logs/usage\.jsonl}{$dir/usage.jsonl};
    open my $fh, '>', $conf or die "$conf: $!";
    print {$fh} $text;
    close $fh;

    kill HUP => master();
    wait_for(sub { worker() && worker() != $old && -e "$dir/usage.jsonl" }, 5);
    wait_for(sub { !kill 0, $old }, 5);

    open my $fill, '>', "$dir/fill";
    $fill->autoflush(1);
    1 while syswrite $fill, 'x' x 512;

    my $n = 0;
    $n += asked(chat())->{status} == 200 for 1 .. 30;

    is($n, 30, "served all the same");
    like(error_text(), qr/\[crit\].*usage log .*(?:part only|failed)/, "is told");

    close $fill;
    unlink "$dir/fill";
    asked(chat());
    asked(chat());

    my @line = do { local @ARGV = "$dir/usage.jsonl"; <> };
    my @good = grep { eval { decode_json($_); 1 } } @line;

    ok($good[-1] eq $line[-1], "the last line is whole");
    cmp_ok(@line - @good, '<=', 1, "one is torn");

    kill QUIT => master();
    sleep 0.5;
    system("umount -l $dir");
}
