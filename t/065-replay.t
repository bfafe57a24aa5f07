# A start: what the files say is counted, once, however they look.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Snapshot;
use Test::More;
use Time::HiRes qw(sleep time);

my $root = abs_path(dirname(__FILE__) . "/..");
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $module = defined $ENV{TEST_NGINX_LOAD_MODULES}
             ? $ENV{TEST_NGINX_LOAD_MODULES}
             : "$root/build/ngx_http_llm_module.so";
my $super = $> == 0;
my ($dir, $log, $state, $pid, $n, $today);

$today = int(time);


# --- a gateway with nothing in it -------------------------------------------

sub fresh {
    stop();

    $dir = tempdir("llm-replay-XXXXXX", TMPDIR => 1,
                   CLEANUP => !$ENV{LLM_TEST_KEEP});
    chmod 0755, $dir;
    mkdir "$dir/$_" for 'logs', 'log', 'temp';

    $log = "$dir/log/usage.jsonl";
    $state = "$dir/state/snapshot";
    $n = 0;

    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
                                       Proto => 'tcp') or die "listen: $!";
    my $port = $socket->sockport;
    my $load = $module ? "load_module $module;" : '';
    my $user = $super ? 'user nobody nogroup;' : '';
    my $digest = sha256_hex('x');

    close $socket;

    spew("$dir/nginx.conf", <<"_EOC_");
$load
$user
daemon off;
pid $dir/logs/nginx.pid;
error_log $dir/logs/error.log info;
events { }

http {
    access_log off;
    client_body_temp_path $dir/temp/body;
    proxy_temp_path $dir/temp/proxy;
    fastcgi_temp_path $dir/temp/fastcgi;
    uwsgi_temp_path $dir/temp/uwsgi;
    scgi_temp_path $dir/temp/scgi;
    client_max_body_size 8m;
    client_body_buffer_size 128k;

    llm_zone replay:8m;
    llm_usage_log $log sync=100ms;
    llm_state $dir/state snapshot=200ms;

    llm_provider p { dialect openai; key none; url http://127.0.0.1:9/v1; }
    llm_model m { deployment p x; price input=1 output=1; }

    llm_key k {
        secret sha256:$digest;
        quota requests=1m/day;
        quota tokens=1g/day;
        quota cost=1000/day;
    }

    server {
        listen 127.0.0.1:$port;
        location / { llm_gateway; }
    }
}
_EOC_
}


sub spew {
    my ($file, $text) = @_;

    open my $fh, '>', $file or die "$file: $!";
    print {$fh} $text;
    close $fh;
}


sub append {
    my ($file, @text) = @_;

    open my $fh, '>>', $file or die "$file: $!";
    print {$fh} @text;
    close $fh;
}


sub slurp {
    my ($file) = @_;

    open my $fh, '<', $file or return '';
    local $/;
    return <$fh>;
}


sub start {
    $pid = fork;
    die "fork: $!" if !defined $pid;

    if (!$pid) {
        setpgrp 0, 0;
        open STDERR, '>', "$dir/stderr";
        open STDIN, '<', '/dev/null';
        delete $ENV{NGINX};
        exec $nginx, '-p', "$dir/", '-c', "$dir/nginx.conf", '-e',
             "$dir/logs/error.log";
        die "exec: $!";
    }
}


# what is counted, when the helper has written it down

sub counted {
    my $old = (stat $state)[1] || 0;
    my $end = time + 10;

    start();

    while (time < $end) {
        my $inode = (stat $state)[1] || 0;

        if ($inode != $old && (my $all = Snapshot::read_file($state))) {
            return $all;
        }

        sleep 0.02;
    }

    diag(slurp("$dir/stderr"), slurp("$dir/logs/error.log"));

    return { sum => {}, quota => {} };
}


# all its processes are killed

sub stop {
    return if !$pid;

    kill KILL => -$pid;
    waitpid $pid, 0;

    my $end = time + 5;
    sleep 0.02 while kill(0, -$pid) && time < $end;

    undef $pid;
}


# a line: of a boot and slot, at a time, other members

sub line {
    my (%opt) = @_;
    my $boot = $opt{boot} || 1700000000000000;
    my $slot = $opt{slot} || 0;
    my $number = $opt{n} || ++$n;
    my $time = $opt{time} || $today;
    my $more = $opt{more} || '';
    my $end = defined $opt{end} ? $opt{end} : "\n";

    return sprintf '{"time":%.3f,"seq":"%d-%d-%d","id":"i%d","key":"k",'
                   . '"model":"m","provider":"p","upstream_model":"x",'
                   . '"request_model":"m","client":"127.0.0.1","status":200,'
                   . '"attempts":1,"prompt_tokens":10,"completion_tokens":5,'
                   . '"cost":0.000015000%s,"duration":0.100}%s',
                   $time, $boot, $slot, $number, $number, $more, $end;
}


sub is_counted {
    my ($all, $lines, $what) = @_;

    is($all->{sum}{requests}, $lines, "$what: requests");
    is($all->{sum}{prompt}, 10 * $lines, "$what: tokens");
    is($all->{sum}{cost}, 15000 * $lines, "$what: cost");
    is($all->{quota}{requests}, $lines, "$what: quota of requests");
    is($all->{quota}{tokens}, 15 * $lines, "$what: quota of tokens");
    is($all->{quota}{cost}, 15000 * $lines, "$what: quota of cost");
}


sub said {
    my ($re, $what) = @_;
    my $end = time + 3;

    while (time < $end) {
        last if slurp("$dir/logs/error.log") =~ $re;
        sleep 0.02;
    }

    like(slurp("$dir/logs/error.log"), $re, $what);
}


# --- without a snapshot -----------------------------------------------------

fresh();
is_counted(counted(), 0, 'no file');
like(slurp($log), qr/^$/, 'no file: it is made');

fresh();
spew($log, join '', map { line() } 1 .. 10);
is_counted(counted(), 10, 'ten lines');
said(qr/no snapshot, 10 lines of the usage log counted, \d+ bytes read, 0 torn/,
     'ten lines: is told');

fresh();
spew($log, line() . substr(line(), 0, 60) . line() . "\n\n"
           . substr(line(), 0, 9) . "\n" . "nonsense\n" . line(end => ''));
is_counted(counted(), 3, 'torn lines');
said(qr/3 torn pieces/, 'torn lines: are told');

fresh();
spew("$log.1", line() . line());
spew($log, line());
is_counted(counted(), 3, 'a rotated file');

fresh();
spew($log, line(n => 1) . line(n => 2) . line(n => 2) . line(n => 1)
           . line(n => 1, slot => 1) . line(n => 1, boot => 1800000000000000));
is_counted(counted(), 4, 'lines twice');

fresh();
spew($log, line(more => ',"new":{"a":[1,"}"]}') . line());
is_counted(counted(), 2, 'members of a later version');

# another day: in the sums, but not in today's quotas

fresh();
spew($log, line(time => $today - 3 * 86400) . line());
my $all = counted();
is($all->{sum}{requests}, 2, 'an old line: is in the sums');
is($all->{quota}{requests}, 1, 'an old line: not in the quota of today');

# what counted for no limit

fresh();
spew($log, line(more => ',"charged":false') . line());
$all = counted();
is($all->{sum}{requests}, 2, 'not charged: is in the sums');
is($all->{quota}{requests}, 1, 'not charged: in no quota');


# numbers that nobody wrote

fresh();
spew($log, line() =~ s/"prompt_tokens":10,"completion_tokens":5
                      /"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807/xr);
$all = counted();
cmp_ok($all->{quota}{tokens}, '>', 1e17, 'a sum of tokens: is no credit');


# --- credits and resets -----------------------------------------------------

fresh();
spew($log, line());
my $name = counted()->{name};

# of a limit of the key, which has the same name in each of these gateways

sub change {
    my ($unit, $amount, %opt) = @_;

    return sprintf '{"time":%.3f,"seq":"%d-%d-%d","%s":"k","client":"::1",'
                   . '"action":"credit","limit":"quota %s=9/day","counter":'
                   . '"%s","amount":%s,"charged":false}%s',
                   $opt{time} || $today, $opt{boot} || 1700000000000000,
                   $opt{slot} || 0, $opt{n} || ++$n, $opt{of} || 'key', $unit,
                   $opt{counter} || $name->{$unit}, $amount,
                   defined $opt{end} ? $opt{end} : "\n";
}


sub is_taken {
    my ($all, $lines, $requests, $tokens, $cost, $what) = @_;

    is($all->{sum}{requests}, $lines, "$what: requests");
    is($all->{sum}{errors}, 0, "$what: no errors");
    is($all->{quota}{requests}, $lines - $requests,
       "$what: quota of requests");
    is($all->{quota}{tokens}, 15 * $lines - $tokens, "$what: quota of tokens");
    is($all->{quota}{cost}, 15000 * $lines - $cost, "$what: quota of cost");
}

fresh();
spew($log, line() . change('requests', 5) . change('tokens', 7)
           . change('cost', '0.000001000') . line() . change('tokens', -2));
is_taken(counted(), 2, 5, 5, 1000, 'credits');

fresh();
spew($log, line() . change('requests', 5, n => 7, slot => 1)
           . change('requests', 5, n => 7, slot => 1)
           . change('tokens', 9, n => 6, slot => 1) . line());
is_taken(counted(), 2, 5, 0, 0, 'credits twice');

fresh();
spew($log, line() . substr(change('tokens', 9), 0, 150)
           . change('requests', 5) . change('tokens', 9, end => ''));
is_taken(counted(), 1, 5, 9, 0, 'torn credits');

fresh();
spew($log, line() . change('requests', 5, of => 'team')
           . change('requests', 5, counter => 'f' x 32)
           . change('requests', '5.000000000') . change('cost', 5)
           . change('requests', 5, counter => $name->{cost})
           . change('requests', 5, time => $today - 3 * 86400) . line());
is_taken(counted(), 2, 0, 0, 0, 'credits of others');

# a credit is of the limit, whatever its number is by now; once, wherever the
# snapshot ends; and of other masters

fresh();
spew($log, line() . change('requests', 5));
is_taken(counted(), 1, 5, 0, 0, 'a credit');
stop();

append($log, change('requests', 1), line());
spew("$dir/nginx.conf", slurp("$dir/nginx.conf") =~ s/requests=1m/requests=3/r);
is_taken(counted(), 2, 6, 0, 0, 'a credit, another number');
stop();

is_taken(counted(), 2, 6, 0, 0, 'a credit, once more');
append($log, change('requests', 2, boot => 1800000000000000), line());

my $until = time + 5;

while (time < $until) {
    last if Snapshot::read_file($state)->{sum}{requests} == 3;
    sleep 0.05;
}

is_taken(Snapshot::read_file($state), 3, 8, 0, 0, 'a credit of others');
stop();


# --- with one ---------------------------------------------------------------

fresh();
spew($log, join '', map { line() } 1 .. 10);
is_counted(counted(), 10, 'a first start');
stop();

is_counted(counted(), 10, 'a second one');
stop();

append($log, line(), line());
is_counted(counted(), 12, 'new lines');
stop();

# two rotations, as dateext names files

rename $log, "$log-20251127";
spew($log, line());
is_counted(counted(), 13, 'renamed');
sleep 1;
stop();

append($log, line());
rename $log, "$log-20251128";
spew($log, line());
is_counted(counted(), 15, 'a file that was in use, renamed');
sleep 1;
stop();

append($log, line());
rename $log, "$dir/elsewhere";
spew($log, line());
is_counted(counted(), 16, 'a file that is gone');
said(qr/in use at the last snapshot is gone/, 'a file that is gone: is told');
sleep 1;
stop();

# emptied in its place, once shorter, once longer than it was

spew($log, '');
append($log, line());
is_counted(counted(), 17, 'emptied');
sleep 1;
stop();

spew($log, '');
append($log, map { line() } 1 .. 20);
is_counted(counted(), 37, 'emptied and filled');
stop();

# the line that a crash cut is ended by the next one; until then it waits

fresh();
spew($log, line() . substr(line(), 0, 60));
is_counted(counted(), 1, 'cut at the end');
append($log, line());
sleep 0.5;
$all = Snapshot::read_file($state);
is_counted($all, 2, 'cut at the end, another master goes on');
stop();


# --- snapshots of no use ----------------------------------------------------

for my $case (
    ['cut', sub { my $text = slurp($state);
                  spew($state, substr($text, 0, length($text) - 3)) }],
    ['changed', sub { my $text = slurp($state);
                      substr($text, length($text) / 2, 1) ^= "\x40";
                      spew($state, $text) }],
    ['of another version', sub { my $text = slurp($state);
                                 substr($text, 8, 1) = "\x63";
                                 spew($state, $text) }],
    ['empty', sub { spew($state, '') }],
    ['text', sub { spew($state, 'hello' x 1000) }],
) {
    my ($name, $code) = @$case;

    fresh();
    spew($log, line() . line());
    is_counted(counted(), 2, "$name: before");
    stop();

    $code->();
    append($log, line());
    is_counted(counted(), 3, $name);
    said(qr/\[warn\].*of another version, .*or damaged/, "$name: is told");
}

for my $case (
    ['a link', sub { symlink "$dir/nginx.conf", $state }],
    ['a pipe', sub { system 'mkfifo', $state }],
    ['a folder', sub { mkdir $state }],
) {
    my ($name, $code) = @$case;

    fresh();
    spew($log, line() . line());
    counted();
    stop();
    unlink $state;
    $code->();

    start();
    said(qr/no snapshot, 2 lines/, "$name in its place: the log is read");
    said(qr/\[warn\].*snapshot" failed/, "$name in its place: is told");
    stop();
}


# --- of another gateway -----------------------------------------------------

fresh();
spew($log, line() . line());
is_counted(counted(), 2, 'one gateway');
my $first = $pid;
my $conf = slurp("$dir/nginx.conf");

mkdir "$dir/other";
$conf =~ s{\Q$log\E}{$dir/other/usage.jsonl};
$conf =~ s{logs/nginx\.pid}{logs/other.pid};
$conf =~ s{listen 127\.0\.0\.1:\d+;}{listen unix:$dir/other.sock;};
spew("$dir/nginx.conf", $conf);
start();

said(qr/\[warn\].*of a gateway with another usage log/,
     'another log: its snapshot is not taken');
said(qr/\[crit\].*must have an llm_state of its own/, 'another log: is told');

stop();
$pid = $first;
stop();


# --- nginx -t reads nothing and writes nothing ------------------------------

fresh();
spew($log, line() . substr(line(), 0, 60));

my $text = slurp($log);
my $out = `$nginx -t -p $dir/ -c $dir/nginx.conf -e $dir/logs/error.log 2>&1`;

like($out, qr/test is successful/, 'nginx -t');
unlike(slurp("$dir/logs/error.log"), qr/lines of the usage log/,
       'nginx -t: no line is read');
is(slurp($log), $text, 'nginx -t: nothing is written');
ok(!-e $state, 'nginx -t: no snapshot');


# --- a reload keeps what there is -------------------------------------------

fresh();
spew($log, line() . line());
is_counted(counted(), 2, 'before a reload');

kill HUP => $pid;
sleep 1;

my $told = () = slurp("$dir/logs/error.log") =~ /lines of the usage log/g;

is($told, 1, 'a reload: nothing is read');
is_counted(Snapshot::read_file($state), 2, 'after a reload');

stop();
done_testing();
