# Deployments that fail are left alone for a while.

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::Nginx::Socket;
use Time::HiRes qw(sleep);

our $dir;

BEGIN {
    $dir = tempdir(CLEANUP => 1);
    chmod 0755, $dir;
    $ENV{TEST_NGINX_LLM_DIR} = $dir;
}

# the first provider fails as the path of its url says, while a file is there

our $mock = <<'_EOC_';
    limit_req_zone one zone=one:64k rate=1r/s;

    map $limit_req_status $soon {
        PASSED  30;
        default 1;
    }

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;

        default_type application/json;

        location / {
            return 200 '{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"from $http_x_name"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
        }

        # the second of two requests waits, and says that it is over soon

        location /late/ {
            limit_req zone=one burst=5;
            error_page 403 = @late;

            if (!-f $TEST_NGINX_LLM_DIR/down) {
                rewrite ^/late(.*) $1 last;
            }

            deny all;
        }

        location @late {
            add_header Retry-After $soon always;
            return 429 '{"error":{"message":"no","type":"x"}}';
        }

        location ~ ^/fail/(?<code>\d+)(?:/(?<after>\d+))?/(?<good>.*) {
            if (!-f $TEST_NGINX_LLM_DIR/down) {
                rewrite ^ /$good last;
            }

            add_header Retry-After $after always;

            if ($code = 400) { return 400 '{"error":{"message":"This model has a maximum context length of 10 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}'; }
            if ($code = 401) { return 401 '{"error":{"message":"no","type":"x"}}'; }
            if ($code = 404) { return 404 '{"error":{"message":"no","type":"x"}}'; }
            if ($code = 429) { return 429 '{"error":{"message":"no","type":"x"}}'; }
            if ($code = 500) { return 500 '{"error":{"message":"no","type":"x"}}'; }
            if ($code = 503) { return 503 '{"error":{"message":"no","type":"x"}}'; }
        }
    }

    llm_provider second { dialect openai; key none; header x-name second;
                          url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
_EOC_

# "fail": the path; "cooldown": of the model; "attempts": of each request, and
# "who" serves it (the second if not said)

add_block_preprocessor(sub {
    my $block = shift;

    my ($n) = $block->name =~ /TEST (\d+)/;

    $block->set_value("http_config", "llm_zone z$n:1m;\n$main::mock"
        . "llm_provider first { dialect openai; key none; header x-name first;"
        . ' url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/'
        . ($block->fail eq "late" ? "late/" : "fail/" . $block->fail . "/")
        . "; }\n"
        . "llm_model m { deployment first x; deployment second x tier=2; "
        . "next error,timeout,invalid,rate_limit,overloaded,server_error,auth,"
        . "no_model,context; "
        . ($block->cooldown || "") . " }\n");

    $block->set_value("config", <<'_EOC_');
    client_body_buffer_size 128k;

    location /v1/ {
        llm_gateway;
        llm_auth off;
    }
_EOC_

    my @attempts = split ' ', $block->attempts;
    my @who = split ' ', $block->who || "second " x @attempts;

    my $body = '{"model":"m","messages":[{"role":"user","content":"x"}]}';

    $block->set_value("request",
                      [map { "POST /v1/chat/completions\n$body" } @attempts]);
    $block->set_value("more_headers", "Content-Type: application/json");
    $block->set_value("error_code", [(200) x @attempts]);
    $block->set_value("response_headers",
                      [map { "x-llm-attempts: $_" } @attempts]);
    $block->set_value("response_body_like", [map { "from $_\"" } @who]);
    $block->set_value("no_error_log", "[alert]");

    down($block->fail ne "late");
});

add_response_body_check(sub {
    my ($block, $body, $n) = @_;

    my $steps = $block->steps or return;

    $steps->[$n]->() if $steps->[$n];
});


sub down {
    my ($is) = @_;

    if ($is) {
        open my $fh, '>', "$main::dir/down" or die "$main::dir/down: $!";
        close $fh;

    } else {
        unlink "$main::dir/down";
    }
}


# so many requests at once

sub parallel {
    my ($n) = @_;

    my $body = '{"model":"m","messages":[{"role":"user","content":"x"}]}';
    my @socket;

    for (1 .. $n) {
        my $socket = IO::Socket::INET->new(
            PeerAddr => "127.0.0.1:" . server_port(),
            Timeout  => 5,
        ) or die "cannot connect: $!";

        print {$socket} "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                        . "Content-Type: application/json\r\n"
                        . "Connection: close\r\nContent-Length: "
                        . length($body) . "\r\n\r\n" . substr($body, 0, -1);
        $socket->flush();
        push @socket, $socket;
    }

    # the last byte of all of them at once: the server sleeps meanwhile

    sleep 0.2;

    my @server = server_pids();

    kill STOP => @server;

    for (@socket) {
        syswrite $_, "}";
    }

    kill CONT => @server;

    return map { local $/; my $s = $_; scalar <$s> } @socket;
}


sub server_pids {
    my $file = $Test::Nginx::Util::PidFile;

    open my $fh, '<', $file or die "$file: $!";
    chomp(my $pid = <$fh>);

    my @child = map { /(\d+)/ } `pgrep -P $pid`;

    return @child ? @child : $pid;
}


sub reload {
    my $file = $Test::Nginx::Util::PidFile;

    open my $fh, '<', $file or die "$file: $!";
    chomp(my $pid = <$fh>);
    close $fh;

    kill HUP => $pid;
    sleep 1;
}


repeat_each(1);
master_on();
no_long_string();
no_shuffle();
plan(tests => 277);
run_tests();

__DATA__

=== TEST 1: three failures in a row
--- fail: 500
--- attempts: 2 2 2 1 1



=== TEST 2: a success in between begins the count anew
--- fail: 500
--- attempts: 2 2 1 2 2 2 1
--- who: second second first second second second second
--- steps eval
[undef, sub { main::down(0) }, sub { main::down(1) }]



=== TEST 3: failures that are too far apart
--- fail: 500
--- cooldown: cooldown fails=2 window=1s time=30s;
--- attempts: 2 2 2 1
--- steps eval
[sub { sleep 1.5 }]



=== TEST 4: a throttle counts at once
--- fail: 429
--- attempts: 2 1 1



=== TEST 5: for as long as the provider says
--- fail: 429/2
--- attempts: 2 1 2 1
--- steps eval
[undef, sub { sleep 2.2 }]



=== TEST 6: longer than the cooldown, if the provider says so
--- fail: 429/30
--- cooldown: cooldown fails=1 time=1s;
--- attempts: 2 1 1
--- steps eval
[undef, sub { sleep 1.5 }]



=== TEST 7: an overload counts as a failure
--- fail: 503
--- attempts: 2 2 2 1



=== TEST 8: an overload that says how long
--- fail: 503/30
--- attempts: 2 1



=== TEST 9: a key that is refused counts
--- fail: 401
--- attempts: 2 2 2 1



=== TEST 10: a prompt too long says nothing about the deployment
--- fail: 400
--- attempts: 2 2 2 2 2



=== TEST 11: neither does a model that is not there
--- fail: 404
--- attempts: 2 2 2 2 2



=== TEST 12: a probe that succeeds ends it
--- fail: 500
--- cooldown: cooldown fails=1 time=1s;
--- attempts: 2 1 1 1
--- who: second second first first
--- steps eval
[undef, sub { main::down(0); sleep 1.2 }]



=== TEST 13: a probe that fails doubles the time
--- fail: 500
--- cooldown: cooldown fails=1 time=1s max=2s;
--- attempts: 2 1 2 1 1 2 1
--- steps eval
[undef, sub { sleep 1.2 }, sub { sleep 1.2 }, undef, sub { sleep 1 }]



=== TEST 14: off
--- fail: 500
--- cooldown: cooldown off;
--- attempts: 2 2 2 2 2



=== TEST 15: a reload does not forget
--- fail: 500
--- attempts: 2 2 2 1 1
--- steps eval
[undef, undef, undef, sub { main::reload() }]



=== TEST 16: of two deadlines the later one counts
--- fail: late
--- attempts: 1 1
--- who: first second
--- steps eval
[sub {
     main::down(1);
     sleep 1.2;

     my @after = map { /"from second"/ && /x-llm-attempts: 2/ ? 1 : 0 }
                 main::parallel(2);
     main::is("@after", "1 1", "both were refused by the first");

     sleep 1.5;
 }]
