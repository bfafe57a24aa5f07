# The system's own resolver: resolv.conf's servers, search and ndots, and
# hosts.  Runs in a mount namespace of its own, where those files are the
# test's; skipped where that cannot be had.

use strict;
use warnings;

use lib 't/lib';

our ($dir, $names);

BEGIN {
    require File::Temp;

    if (!$ENV{LLM_TEST_NAMESPACE}) {
        my $can = $> == 0
                  && system("unshare -m true > /dev/null 2>&1") == 0;

        if (!$can) {
            require Test::More;
            Test::More::plan(skip_all => "needs root and unshare");
        }

        $ENV{LLM_TEST_NAMESPACE} = 1;
        $ENV{PERL5LIB} = join ":", @INC;

        exec "unshare", "-m", $^X, $0;
        die "cannot run unshare: $!";
    }

    $dir = File::Temp::tempdir(CLEANUP => 1);
    $names = "$dir/names";

    my %file = (
        "resolv.conf" => "# comment\n; another\n"
                         . "nameserver fe80::1%eth0\n"
                         . "nameserver 127.0.0.77\n"
                         . "domain old.test\n"
                         . "search one.test two.test. \n"
                         . "options ndots:2 timeout:1 attempts:2\n",
        "hosts" => "127.0.0.1 localhost\n"
                   . "#127.0.0.2 commented\n"
                   . "\t127.0.0.2 \t other.test InHosts # commented\n",
    );

    for my $name (keys %file) {
        open my $fh, '>', "$dir/$name" or die "$dir/$name: $!";
        print {$fh} $file{$name};
        close $fh;

        system("mount --bind $dir/$name /etc/$name") == 0
            or die "cannot mount /etc/$name";
    }
}

use NameServer;
use Test::Nginx::Socket;

NameServer::write_names($names,
    "short.two.test  60 127.0.0.2",
    "short           60 127.0.0.1",
    "a.b.c           60 127.0.0.1",
    "d.e.one.test    60 127.0.0.1",
    "broken.one.test servfail",
    "broken.two.test 60 127.0.0.1",
);

NameServer::start($names, "127.0.0.77", 53);

our $mock = <<'_EOC_';
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        listen 127.0.0.2:$TEST_NGINX_RAND_PORT_1;

        location / {
            default_type application/json;
            return 200 '{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"addr=$server_addr host=$http_host"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
        }
    }
_EOC_

# "host": of the provider, or of several with a model each; "asked": what the
# name server was asked for

add_block_preprocessor(sub {
    my $block = shift;

    my $http = $main::mock;
    my @request;

    for my $host (split ' ', $block->host) {
        my $n = @request;

        $http .= "llm_provider p$n { dialect openai; key none; "
                 . "url http://$host:" . '$TEST_NGINX_RAND_PORT_1' . "; }\n"
                 . "llm_model m$n { deployment p$n x; }\n";

        push @request, "POST /v1/chat/completions\n"
            . qq({"model":"m$n","messages":[{"role":"user","content":"x"}]});
    }

    $block->set_value("http_config", $http);

    $block->set_value("config", <<'_EOC_');
    client_body_buffer_size 128k;

    location /v1/ {
        llm_gateway;
        llm_auth off;
    }
_EOC_

    $block->set_value("request", @request == 1 ? $request[0] : \@request);
    $block->set_value("more_headers", "Content-Type: application/json");

    NameServer::asked($main::names);
});

add_response_body_check(sub {
    my ($block, $body, $n) = @_;

    return if $n < (split ' ', $block->host) - 1;

    my $asked = join " ", map { s/^A //r } grep { /^A / }
                                           NameServer::asked($main::names);

    is($asked, $block->asked, $block->name . " - queries");
});

repeat_each(1);
no_long_string();
no_shuffle();
plan(tests => blocks() * 3 + 2);
run_tests();

__DATA__

=== TEST 1: a short name is looked for below the domains
--- host: short
--- asked chomp
short.one.test short.two.test
--- response_body_like: addr=127\.0\.0\.2 host=short:



=== TEST 2: a final dot says that it is whole
--- host: short.
--- asked chomp
short
--- response_body_like: addr=127\.0\.0\.1 host=short:



=== TEST 3: as many dots as ndots
--- host: a.b.c
--- asked chomp
a.b.c
--- response_body_like: addr=127\.0\.0\.1 host=a\.b\.c:



=== TEST 4: fewer dots than ndots
--- host: d.e
--- asked chomp
d.e.one.test
--- response_body_like: addr=127\.0\.0\.1 host=d\.e:



=== TEST 5: a domain whose server fails does not hide the next
--- host: broken
--- asked chomp
broken.one.test broken.two.test
--- response_body_like: addr=127\.0\.0\.1 host=broken:



=== TEST 6: nowhere to be found
--- host: x.y.z
--- asked chomp
x.y.z x.y.z.one.test x.y.z.two.test
--- error_code: 502
--- response_body_like: "error"



=== TEST 7: a name of the hosts file, in any case
--- host: inhosts
--- asked chomp
--- response_body_like: addr=127\.0\.0\.2 host=inhosts:



=== TEST 8: a commented line of the hosts file
--- host: commented
--- asked chomp
commented.one.test commented.two.test commented
--- error_code: 502
--- response_body_like: "error"



=== TEST 9: what is known of one name is nothing of the other
--- host: short short.
--- asked chomp
short.one.test short.two.test short
--- error_code eval
[200, 200]
--- response_body_like eval
["addr=127.0.0.2 host=short:", "addr=127.0.0.1 host=short:"]
