# Where a provider is, how it is reached, and with which key.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::IP;
use Test::Nginx::Socket;

our $ipv6;

BEGIN {
    $ipv6 = defined IO::Socket::IP->new(LocalHost => "::1", Listen => 1);

    my $dir = tempdir(CLEANUP => 1);

    chmod 0755, $dir;

    $ENV{TEST_NGINX_LLM_TLS} = abs_path(dirname(__FILE__) . "/fixtures/tls");
    $ENV{TEST_NGINX_LLM_DIR} = $dir;

    # keys, as "env:" and "file:" find them

    $ENV{LLM_TEST_ONE} = "key-one";
    $ENV{LLM_TEST_TWO} = "key-two";
    $ENV{OPENAI_API_KEY} = "key-of-openai";
    $ENV{ANTHROPIC_API_KEY} = "key-of-anthropic";

    open my $fh, '>', "$dir/three" or die "$dir/three: $!";
    print {$fh} "key-three\n";
    close $fh;
}

# a provider that says in its answer what it was sent

our $mock = <<'_EOC_';
    map $ssl_client_s_dn $client {
        default $ssl_client_s_dn;
        ""      none;
    }

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        listen 127.0.0.2:$TEST_NGINX_RAND_PORT_1;
        listen [::1]:$TEST_NGINX_RAND_PORT_1;
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2 ssl;
        listen unix:$TEST_NGINX_LLM_DIR/provider.sock;

        ssl_certificate        $TEST_NGINX_LLM_TLS/server.crt;
        ssl_certificate_key    $TEST_NGINX_LLM_TLS/server.key;
        ssl_client_certificate $TEST_NGINX_LLM_TLS/ca.crt;
        ssl_verify_client      optional;
        ssl_verify_depth       3;

        default_type application/json;

        location / {
            return 200 '{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"addr=$server_addr host=$http_host uri=$request_uri key=$http_authorization nth=$connection_requests sni=$ssl_server_name reused=$ssl_session_reused client=$client a=$http_x_a b=$http_x_b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
        }

        location = /anthropic/v1/messages {
            return 200 '{"id":"m","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"host=$http_host key=$http_x_api_key version=$http_anthropic_version"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}';
        }
    }
_EOC_

$mock =~ s/.*\[::1\].*\n// if !$ipv6;

# "provider": the statements of provider p; "asks": how many requests

add_block_preprocessor(sub {
    my $block = shift;

    my $http = $main::mock . ($block->http || "");

    if (defined $block->provider) {
        $http .= "llm_provider " . ($block->name =~ /named (\w+)/ ? $1 : "p")
                 . " { " . $block->provider . " }\n";
    }

    my ($name) = $http =~ /llm_provider (\w+) /;

    $http .= "llm_model m { deployment $name x; }\n";

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

    if (!defined $block->error_code) {
        $block->set_value("error_code", $n == 1 ? 200 : [(200) x $n]);
    }

    if (!defined $block->error_log && !defined $block->no_error_log) {
        $block->set_value("no_error_log", "[error]\n[alert]\n[emerg]");
    }
});

repeat_each(1);

no_long_string();
no_shuffle();
plan(tests => 193);
run_tests();

__DATA__

=== TEST 1: a url without a path gets the dialect's
--- provider: dialect openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; key none;
--- response_body_like: addr=127\.0\.0\.1 host=127\.0\.0\.1:\d+ uri=/v1/chat/completions key= 



=== TEST 2: a path, its final slashes cut
--- provider: dialect openai; url HTTP://127.0.0.1:$TEST_NGINX_RAND_PORT_1/a/b//; key none;
--- response_body_like: uri=/a/b/chat/completions 



=== TEST 3: a single slash is the root
--- provider: dialect openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/; key none;
--- response_body_like: uri=/chat/completions 



=== TEST 4: an IPv6 address
--- skip_eval: 5: !$main::ipv6
--- provider: dialect openai; url http://[::1]:$TEST_NGINX_RAND_PORT_1/v1; key none;
--- response_body_like: addr=::1 host=\[::1\]:\d+ uri=/v1/chat/completions 



=== TEST 5: a unix domain socket, with a path and without
--- provider: dialect openai; url http://unix:$TEST_NGINX_LLM_DIR/provider.sock:/v3/; key none;
--- response_body_like: addr=unix:\S+ host=localhost uri=/v3/chat/completions 



=== TEST 6: a unix domain socket without a path
--- provider: dialect openai; url http://unix:$TEST_NGINX_LLM_DIR/provider.sock; key none;
--- response_body_like: addr=unix:\S+ host=localhost uri=/v1/chat/completions 



=== TEST 7: an upstream block that stands above
--- http
    upstream llama { server 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
                     server 127.0.0.2:$TEST_NGINX_RAND_PORT_1; }
--- provider: dialect openai; url http://llama/v1; key none;
--- asks: 2
--- response_body_like eval
["addr=127.0.0.1 host=llama uri=/v1/chat", "addr=127.0.0.2 host=llama uri=/v1/chat"]



=== TEST 8: an upstream block that stands below
--- http
    llm_provider p { dialect openai; url http://LLAMA; key none; }
    upstream llama { server 127.0.0.2:$TEST_NGINX_RAND_PORT_1; }
--- response_body_like: addr=127\.0\.0\.2 host=llama uri=/v1/chat



=== TEST 9: two providers of one upstream block that agree
--- http
    upstream api.test { server 127.0.0.1:$TEST_NGINX_RAND_PORT_2; keepalive 4; }
    llm_provider p { dialect openai; url https://api.test; key none;
                     ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt; }
    llm_provider q { dialect openai; url https://api.test/v2; key none;
                     ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt; }
--- response_body_like: host=api\.test uri=/v1/chat/completions .*sni=api\.test 



=== TEST 10: connections are kept
--- provider: dialect openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; key none;
--- asks: 3
--- response_body_like eval
["nth=1 ", "nth=2 ", "nth=3 "]



=== TEST 11: connections are not kept
--- provider: dialect openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; key none; keepalive off;
--- asks: 2
--- response_body_like eval
["nth=1 ", "nth=1 "]



=== TEST 12: keepalive 0 is off
--- provider: dialect openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; key none; keepalive 0;
--- asks: 2
--- response_body_like eval
["nth=1 ", "nth=1 "]



=== TEST 13: verified against a file, three certificates deep, with a name
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none; ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt;
--- response_body_like: host=localhost:\d+ .*sni=localhost .*client=none



=== TEST 14: another name for TLS
--- provider: dialect openai; url https://127.0.0.1:$TEST_NGINX_RAND_PORT_2; key none; ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt; ssl_name api.test;
--- response_body_like: host=127\.0\.0\.1:\d+ .*sni=api\.test 



=== TEST 15: a name that the certificate does not have
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none; ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt; ssl_name other.test;
--- error_code: 502
--- response_body_like: "error"
--- error_log: upstream SSL certificate does not match "other.test"



=== TEST 16: verified against the system by default
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none;
--- error_code: 502
--- response_body_like: "error"
--- error_log: upstream SSL certificate verify error



=== TEST 17: another root
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none; ssl_trusted_certificate $TEST_NGINX_LLM_TLS/other.crt;
--- error_code: 502
--- response_body_like: "error"
--- error_log: upstream SSL certificate verify error



=== TEST 18: less depth than the chain
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none; ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt; ssl_verify_depth 1;
--- error_code: 502
--- response_body_like: "error"
--- error_log: upstream SSL certificate verify error



=== TEST 19: not verified
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none; ssl_verify off;
--- response_body_like: sni=localhost 



=== TEST 20: no name is sent
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none; ssl_verify off; ssl_server_name off;
--- response_body_like: sni= 



=== TEST 21: a certificate of the client
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none; ssl_verify off; ssl_certificate $TEST_NGINX_LLM_TLS/client.crt; ssl_certificate_key $TEST_NGINX_LLM_TLS/client.key;
--- response_body_like: client=CN=client



=== TEST 22: sessions are reused
--- provider: dialect openai; url https://localhost:$TEST_NGINX_RAND_PORT_2; key none; ssl_verify off; keepalive off; ssl_protocols TLSv1.2;
--- asks: 2
--- response_body_like eval
["reused=\\. ", "reused=r "]



=== TEST 23: keys take turns
--- provider: dialect openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; key env:LLM_TEST_ONE env:LLM_TEST_TWO; key file:$TEST_NGINX_LLM_DIR/three;
--- asks: 6
--- response_body_like eval
our %seen = ();
[map { qr/key=Bearer (key-one|key-two|key-three) (?(?{ ++$seen{$1} <= 2 })|(?!))/ } 1 .. 6]



=== TEST 24: a key that is not there leaves the others
--- provider: dialect openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; key env:LLM_TEST_NOT_SET env:LLM_TEST_TWO;
--- asks: 2
--- no_error_log
[error]
[alert]
--- response_body_like eval
["key=Bearer key-two ", "key=Bearer key-two "]



=== TEST 25: a preset by its name, named openai
--- provider: url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
--- response_body_like: uri=/v1/chat/completions key=Bearer key-of-openai 



=== TEST 26: a preset under another name
--- provider: preset anthropic; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/anthropic;
--- response_body_like: host=127\.0\.0\.1:\d+ key=key-of-anthropic version=2023-06-01



=== TEST 27: a preset without its key
--- provider: preset openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; key none;
--- response_body_like: key= nth



=== TEST 28: header lines of the configuration
--- provider: dialect openai; url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; key none; header X-A "one two"; header X-B three;
--- response_body_like: a=one two b=three"



=== TEST 29: an address that does not answer is passed over
--- http
    upstream both { server 127.0.0.3:$TEST_NGINX_RAND_PORT_1 max_fails=0;
                    server 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- provider: dialect openai; url http://both; key none;
--- error_log: 127.0.0.3
--- response_body_like: addr=127\.0\.0\.1 
