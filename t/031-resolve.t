# Names of providers: looked up while requests run, never at a start.

use strict;
use warnings;

use lib 't/lib';

use File::Temp qw(tempdir);
use IO::Socket::IP;
use NameServer;
use Test::Nginx::Socket;
use Time::HiRes qw(sleep);

our ($ipv6, $names);

BEGIN {
    $ipv6 = defined IO::Socket::IP->new(LocalHost => "::1", Listen => 1);

    $names = tempdir(CLEANUP => 1) . "/names";

    NameServer::write_names($names,
        "api.test    5  127.0.0.1",
        "both.test   5  127.0.0.1 127.0.0.2",
        "six.test    5  ::1",
        "bad.test    5  127.0.0.9 127.0.0.1",
        "fail.test   servfail",
        "silent.test silent",
    );

    $ENV{TEST_NGINX_LLM_DNS} = NameServer::start($names, "127.0.0.1", 0);
}

our $mock = <<'_EOC_';
    resolver 127.0.0.1:$TEST_NGINX_LLM_DNS;
    resolver_timeout 1s;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        listen 127.0.0.2:$TEST_NGINX_RAND_PORT_1;
        listen [::1]:$TEST_NGINX_RAND_PORT_1;

        location / {
            default_type application/json;
            return 200 '{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"addr=$server_addr host=$http_host"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
        }
    }

    llm_provider last { dialect openai; key none;
                        url http://127.0.0.2:$TEST_NGINX_RAND_PORT_1; }
_EOC_

$mock =~ s/.*\[::1\].*\n// if !$ipv6;

# "host": of the provider; "asks": how many requests; "steps": what happens
# behind each of them

add_block_preprocessor(sub {
    my $block = shift;

    my $zone = "z" . ($block->name =~ /TEST (\d+)/)[0];

    my $http = "llm_zone $zone:1m;\n$main::mock"
               . "llm_provider p { dialect openai; key none; url http://"
               . $block->host . ':$TEST_NGINX_RAND_PORT_1; '
               . ($block->more || "") . " }\n"
               . "llm_model m { deployment p x; "
               . ($block->tier ? "deployment last x tier=2; " : "")
               . "cooldown off; }\n";

    $block->set_value("http_config", $http);

    $block->set_value("config", <<'_EOC_');
    client_body_buffer_size 128k;

    location /v1/ {
        llm_gateway;
        llm_auth off;
    }
_EOC_

    my $body = '{"model":"m","messages":[{"role":"user","content":"x"}]}';
    my $n = defined $block->asks ? $block->asks + 0 : 1;

    my @request = map { "POST /v1/chat/completions\n$body" } 1 .. $n;

    $block->set_value("request", $n == 1 ? $request[0] : \@request);
    $block->set_value("more_headers", "Content-Type: application/json");

    if (!defined $block->error_code && !defined $block->abort) {
        $block->set_value("error_code", $n == 1 ? 200 : [(200) x $n]);
    }

    if (!defined $block->no_error_log && !defined $block->error_log) {
        $block->set_value("no_error_log", "[error]");
    }

    $block->set_value("timeout", 15) if !defined $block->timeout;

    NameServer::asked($main::names);
});

add_response_body_check(sub {
    my ($block, $body, $n) = @_;

    my $steps = $block->steps or return;

    $steps->[$n]->($body) if $steps->[$n];
});


# the lines of a name from now on, others stay

sub now {
    my ($name, $line) = @_;

    open my $fh, '<', $main::names or die "$main::names: $!";
    chomp(my @line = grep { !/^\Q$name\E\s/ } <$fh>);
    close $fh;

    NameServer::write_names($main::names, @line, $line ? "$name $line" : ());
}


sub reload {
    my $file = $Test::Nginx::Util::PidFile;

    open my $fh, '<', $file or die "$file: $!";
    chomp(my $pid = <$fh>);
    close $fh;

    kill HUP => $pid;
    sleep 1;
}


sub asked {
    my ($want, $what) = @_;

    is(join(", ", sort grep { !/^AAAA/ } NameServer::asked($main::names)),
       $want, $what);
}


# how many lines of the error log match

sub logged {
    my ($pattern, $n) = @_;

    open my $fh, '<', $Test::Nginx::Util::ErrLogFile or die "error log: $!";
    is(scalar(grep { /$pattern/ } <$fh>), $n, "lines with $pattern");
    close $fh;
}


repeat_each(1);
master_on();
no_long_string();
no_shuffle();
plan(tests => 91);
run_tests();

__DATA__

=== TEST 1: a name is looked up once, when it is needed
--- host: api.test
--- asks: 3
--- steps eval
[undef, undef, sub { main::asked("A api.test", "one query for three requests") }]
--- response_body_like eval
[("addr=127.0.0.1 host=api.test") x 3]



=== TEST 2: addresses take turns
--- host: both.test
--- more: keepalive off;
--- asks: 2
--- steps eval
my $first;
[sub { $first = shift }, sub { main::isnt(shift, $first, "the other address") }]
--- response_body_like eval
["addr=127\\.0\\.0\\.[12] ", "addr=127\\.0\\.0\\.[12] "]



=== TEST 3: an IPv6 address
--- skip_eval: 3: !$main::ipv6
--- host: six.test
--- response_body_like: addr=::1 host=six\.test



=== TEST 4: a name that does not exist
--- host: none.test
--- error_code: 502
--- response_body_like: "error"
--- error_log
none.test of provider "p" could not be resolved (3: Host not found)
--- no_error_log
[alert]



=== TEST 5: a name server that fails
--- host: fail.test
--- error_code: 502
--- response_body_like: "error"
--- error_log
fail.test of provider "p" could not be resolved (2: Server failure)
--- no_error_log
[alert]



=== TEST 6: without an address the next deployment serves
--- host: none.test
--- tier: 1
--- response_body_like: addr=127\.0\.0\.2 host=127\.0\.0\.2
--- error_log: no address of "none.test" is known
--- no_error_log
[alert]



=== TEST 7: waiting ends with connect_timeout
--- host: silent.test
--- tier: 1
--- more: connect_timeout 300ms;
--- timeout: 2
--- response_body_like: addr=127\.0\.0\.2 host=127\.0\.0\.2
--- error_log: no address of "silent.test" is known
--- no_error_log
[alert]



=== TEST 8: a client that leaves while its request waits
--- host: silent.test
--- timeout: 0.3
--- abort
--- wait: 1.2
--- ignore_response
--- error_log
silent.test of provider "p" could not be resolved (110: Operation timed out)
--- no_error_log
[alert]
[crit]



=== TEST 9: a failed look-up is remembered for a while, not for ever
--- host: late.test
--- asks: 4
--- steps eval
[undef,
 sub {
     main::asked("A late.test", "one query for two requests");
     main::now("late.test", "5 127.0.0.1");
     sleep 6;
 },
 undef,
 sub { main::asked("A late.test", "one query for the next two") }]
--- error_code eval
[502, 502, 200, 200]
--- response_body_like eval
["error", "error", "addr=127.0.0.1 ", "addr=127.0.0.1 "]
--- no_error_log
[alert]



=== TEST 10: an address that refuses is passed over, and left alone
--- host: bad.test
--- more: keepalive off;
--- asks: 5
--- steps eval
[undef, undef, undef, undef,
 sub { main::logged(qr/connect\(\) failed .*127\.0\.0\.9:/, 1) }]
--- response_body_like eval
[("addr=127.0.0.1 ") x 5]
--- no_error_log
[alert]



=== TEST 11: a name that changes
--- host: moves.test
--- asks: 3
--- steps eval
main::now("moves.test", "5 127.0.0.1");
[sub { main::now("moves.test", "5 127.0.0.2"); sleep 6 },
 sub { sleep 0.5 }]
--- response_body_like eval
["addr=127.0.0.1 ", "addr=127.0.0.[12] ", "addr=127.0.0.2 "]



=== TEST 12: the last addresses serve through an outage and a reload
--- host: gone.test
--- asks: 3
--- steps eval
main::now("gone.test", "5 127.0.0.2");
[sub { main::now("gone.test", "silent"); sleep 6 },
 sub { main::reload() }]
--- response_body_like eval
[("addr=127.0.0.2 host=gone.test") x 3]
--- no_error_log
[alert]



=== TEST 13: what /etc/hosts knows is not asked for
--- host: localhost
--- steps eval
[sub { main::asked("", "no query") }]
--- response_body_like: host=localhost
