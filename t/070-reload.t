# A reload and a binary upgrade: no request is lost, keys survive.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

master_on();
workers(2);
worker_connections(1024);

gateway(
    providers => ['a', 'b'],
    defaults  => {
        model => "deployment a x;",
        http  => "llm_model s { deployment b x; cooldown off; }",
    },
);


sub master {
    open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/nginx.pid"
        or return 0;
    my $pid = <$fh>;
    return $pid ? int $pid : 0;
}


# the workers of a master

sub children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return ();
    return split ' ', <$fh> || '';
}


# the configuration with something replaced

sub rewrite {
    my ($from, $to) = @_;
    my $file = "$Test::Nginx::Util::ServRoot/conf/nginx.conf";

    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    close $in;

    $text =~ s/$from/$to/g or die "nothing to replace";

    open my $out, '>', $file or die "$file: $!";
    print {$out} $text;
    close $out;
}


sub reload {
    my $master = master();
    my %old = map { $_ => 1 } children($master);

    kill HUP => $master;

    return wait_for(sub { 2 <= grep { !$old{$_} } children($master) }, 5);
}

# the harness warns of every "[emerg]", which test 5 expects

$SIG{__WARN__} = sub {
    warn @_ unless $_[0] =~ /^WARNING: .*\[emerg\]/;
};

no_long_string();
run_tests();

__DATA__

=== TEST 1: streams that are open while it reloads
--- do
provider('a')->play("sse\nrole\n" . "text w \nsleep 0.05\n" x 20
                    . "finish\ndone\nend");

my @socket = map { connect_gateway() } 1 .. 20;
send_request($_, chat(stream => 'true')) for @socket;
Time::HiRes::sleep(0.2);

ok(reload(), "new workers");

my $good = grep { my $res = read_response($_, 10);
                  $res->{whole} && content_of($res) eq 'w ' x 20 } @socket;

is($good, 20, "all whole");



=== TEST 2: fifty streams and two hundred requests a second
--- do
my $streams = "sse\nrole\n" . "text w \nsleep 0.1\n" x 25
              . "finish\ndone\nend";

provider('a')->play("sleep 0.01\nok x");
provider('b')->play($streams);

my @socket = map { connect_gateway() } 1 .. 50;
send_request($_, chat(model => '"s"', stream => 'true')) for @socket;

my @pid;

for my $n (1 .. 4) {
    my $pid = fork();

    if ($pid == 0) {
        my $bad = 0;
        my $begin = Time::HiRes::time();

        for my $i (1 .. 100) {
            my $wait = $begin + $i / 50 - Time::HiRes::time();
            Time::HiRes::sleep($wait) if $wait > 0;

            my $res = eval { ask(chat()) };
            $bad++ if !$res || $res->{status} != 200 || !$res->{whole};
        }

        POSIX::_exit($bad > 255 ? 255 : $bad);
    }

    push @pid, $pid;
}

Time::HiRes::sleep(0.2);

for (1 .. 3) {
    ok(reload(), "reload");
}

my $good = grep { my $res = read_response($_, 10);
                  $res->{whole} && content_of($res) eq 'w ' x 25 } @socket;
my $bad = 0;

for my $pid (@pid) {
    waitpid $pid, 0;
    $bad += $? >> 8;
}

is($good, 50, "no stream is lost");
is($bad, 0, "no request is lost");
is((scalar provider('a')->seen), 400, "all were asked");



=== TEST 3: a key from the environment after a reload and an upgrade
--- a
ok x
--- errors
--- do
my $key = 'Bearer secret-of-provider';

ask(chat());
is((provider('a')->seen)[-1]{headers}{authorization}, $key, "at first");

ok(reload(), "reload");
ask(chat());
is((provider('a')->seen)[-1]{headers}{authorization}, $key, "after a reload");

my $old = master();

kill USR2 => $old;
ok(wait_for(sub { my $new = master(); $new && $new != $old
                  && 2 <= children($new) }, 5), "a new master");
kill QUIT => $old;
ok(wait_for(sub { !kill 0, $old }, 5), "the old one has gone");

my $res = ask(chat());
is($res->{status}, 200, "it serves");
is((provider('a')->seen)[-1]{headers}{authorization}, $key,
   "after an upgrade");

ok(reload(), "a reload of the new one");
ask(chat());
is((provider('a')->seen)[-1]{headers}{authorization}, $key, "still");



=== TEST 4: what is new counts for new requests, what runs goes on
--- do
provider('a')->play("sse\nrole\ntext old \nsleep 1\ntext end\nfinish\n"
                    . "done\nend");
provider('b')->play("ok new");

my $socket = connect_gateway();
send_request($socket, chat(stream => 'true'));
1 while read_some($socket, 5) !~ /old/;

rewrite(qr/deployment a x;/, "deployment b y;");
ok(reload(), "reload");

# until they are told to end the old workers take connections, too

ok(wait_for(sub { content_of(ask(chat())) eq 'new' }), "a new request");
like((provider('b')->seen)[-1]{body}, qr/"model":"y"/, "its model");

my $rest = '';
while (defined(my $data = read_some($socket, 2))) {
    last if $data eq '';
    $rest .= $data;
    last if $rest =~ /0\r\n\r\n$/;
}
like($rest, qr/"end".*\[DONE\]\n\n\r\n0\r\n\r\n$/s, "the old one ends well");



=== TEST 5: a configuration that is wrong leaves the old one
--- a
ok x
--- no_error_log
[alert]
[crit]
--- do
my @old = sort(children(master()));

rewrite(qr/deployment a x;/, "deployment nobody x;");
kill HUP => master();
Time::HiRes::sleep(0.3);

is(join(' ', sort(children(master()))), "@old", "the old workers");
is(content_of(ask(chat())), 'x', "serve");



=== TEST 6: a price list that is wrong leaves the last good one
--- http
    llm_prices ../html/prices.json;
    llm_model s { deployment b x; }
--- user_files
>>> prices.json
{"x": {"input_cost_per_token": 1, "output_cost_per_token": 0}}
--- a
json {"choices":[{"index":0,"message":{"role":"assistant","content":"y"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}
--- no_error_log
[alert]
[crit]
--- do
my $file = "$Test::Nginx::Util::ServRoot/html/prices.json";

sub prices {
    open my $fh, '>', $file or die "$file: $!";
    print {$fh} @_;
    close $fh;
}

is(ask(chat())->{headers}{'x-llm-cost'}, '5.000000000', "the first");

prices('{"x": {"input_cost_per_token": 2, "output_cost_per_token": 0}}');
ok(reload(), "new workers");
ok(wait_for(sub { ask(chat())->{headers}{'x-llm-cost'} eq '10.000000000' }),
   "the second");

my @old = sort(children(master()));

prices('{"x": {"input_cost_per_token": 3, "output_cost_per_token": 0}');
kill HUP => master();
Time::HiRes::sleep(0.3);

is(join(' ', sort(children(master()))), "@old", "the old workers");
is(ask(chat())->{headers}{'x-llm-cost'}, '10.000000000', "and prices");
--- error_log
prices.json" is not right:
