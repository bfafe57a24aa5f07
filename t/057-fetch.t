# The client of calls that belong to no request, seen through access tokens:
# where it goes, whom it trusts, what it takes for an answer.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use NameServer;
use Provider;
use Test::Nginx::Socket;

our ($names, $site);

BEGIN {
    my $dir = tempdir(CLEANUP => 1);

    chmod 0755, $dir;

    $names = "$dir/names";

    NameServer::write_names($names,
        "api.test    5  127.0.0.1",
        "other.test  5  127.0.0.1",
        "both.test   5  127.0.0.9 127.0.0.1",
        "fail.test   servfail",
    );

    $ENV{TEST_NGINX_LLM_DNS} = NameServer::start($names, "127.0.0.1", 0);
    $ENV{TEST_NGINX_LLM_TLS} = abs_path(dirname(__FILE__) . "/fixtures/tls");
    $ENV{TEST_NGINX_LLM_DIR} = $dir;
    $ENV{LLM_TEST_SECRET} = "secret-of-client";

    $site = Provider->new;
    $ENV{TEST_NGINX_LLM_SITE} = $site->port;
}

# tokens say how they were asked for, the provider says what token it got

our $mock = <<'_EOC_';
    resolver 127.0.0.1:$TEST_NGINX_LLM_DNS;
    resolver_timeout 1s;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2 ssl;
        listen unix:$TEST_NGINX_LLM_DIR/site.sock;

        ssl_certificate      $TEST_NGINX_LLM_TLS/server.crt;
        ssl_certificate_key  $TEST_NGINX_LLM_TLS/server.key;

        default_type application/json;

        location / {
            return 200 '{"access_token":"host=$http_host,sni=$ssl_server_name,uri=$request_uri,method=$request_method","expires_in":"3600"}';
        }

        location /v1/ {
            return 200 '{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"$http_authorization"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
        }
    }
_EOC_

# "url": of tokens; "more": statements of the provider; "script": what the
# scripted site says

add_block_preprocessor(sub {
    my $block = shift;

    my ($n) = $block->name =~ /TEST (\d+)/;

    $block->set_value("http_config", $main::mock . ($block->http || "")
        . 'llm_provider p { dialect openai; '
        . 'url http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; '
        . "tenant t; client_id c$n; key env:LLM_TEST_SECRET; token_url "
        . $block->url . "; " . ($block->more || "") . " }\n"
        . "llm_model m { deployment p x; cooldown off; }\n");

    $block->set_value("config", <<'_EOC_');
    client_body_buffer_size 128k;

    location /v1/ {
        llm_gateway;
        llm_auth off;
    }
_EOC_

    $block->set_value("request", "POST /v1/chat/completions\n"
        . '{"model":"m","messages":[{"role":"user","content":"hi"}]}');

    $main::site->play($block->script) if defined $block->script;

    if (defined $block->says) {
        my $says = quotemeta $block->says;

        $says =~ s/PORT/\\d+/;
        $block->set_value("response_body_like", "\"content\":\"Bearer $says\"");
        $block->set_value("no_error_log", "[error]\n[crit]\n[alert]")
            if !defined $block->no_error_log;
        return;
    }

    $block->set_value("error_code", 502);
    $block->set_value("response_body_like", "provider_error");

    if (!defined $block->no_error_log) {
        $block->set_value("no_error_log", "secret-of-client\n[alert]");
    }
});

repeat_each(1);
no_long_string();
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: an address, a path with a query
--- url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/a/b/?c=d&e=%20
--- says: host=127.0.0.1:PORT,sni=,uri=/a/b/?c=d&e=%20,method=POST



=== TEST 2: no path
--- url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
--- says: host=127.0.0.1:PORT,sni=,uri=/,method=POST



=== TEST 3: a socket
--- url: http://unix:$TEST_NGINX_LLM_DIR/site.sock:/token
--- says: host=localhost,sni=,uri=/token,method=POST



=== TEST 4: a name, TLS with its name, a certificate of ours
--- url: https://api.test:$TEST_NGINX_RAND_PORT_2/token
--- more: ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt;
--- says: host=api.test:PORT,sni=api.test,uri=/token,method=POST



=== TEST 5: a certificate that nobody vouches for
--- url: https://api.test:$TEST_NGINX_RAND_PORT_2/token
--- error_log
certificate verify error: (
its certificate is not trusted, next try in 1 seconds
llm site: "p:token", host: "api.test:



=== TEST 6: one of another name
--- url: https://other.test:$TEST_NGINX_RAND_PORT_2/token
--- more: ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt;
--- error_log
its certificate is of another name



=== TEST 7: not looked at, if it is said so
--- url: https://other.test:$TEST_NGINX_RAND_PORT_2/token
--- more: ssl_verify off; ssl_server_name off;
--- says: host=other.test:PORT,sni=,uri=/token,method=POST



=== TEST 8: the second address of a name
--- url: http://both.test:$TEST_NGINX_RAND_PORT_1/token
--- more: connect_timeout 3s;
--- says: host=both.test:PORT,sni=,uri=/token,method=POST
--- no_error_log
[alert]



=== TEST 9: a name that does not resolve
--- url: http://fail.test/token
--- error_log
no access token of llm provider "p" from fail.test: its name could not be resolved



=== TEST 10: nobody there
--- url: http://127.0.0.1:1/token
--- error_log
connect() failed (111: Connection refused)
it could not be connected to, next try in 1 seconds



=== TEST 11: TLS where there is none
--- url: https://127.0.0.1:$TEST_NGINX_RAND_PORT_1/token
--- error_log
the TLS handshake failed



=== TEST 12: pieces of an answer in chunks, byte by byte
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
split 1
raw HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n
raw 5;x=y\r\n{"acc\r\n12\r\ness_token":"chunks\r\n2\r\n"}\r\n0\r\nA: b\r\n\r\n
stall
--- says: chunks



=== TEST 13: an answer that ends with the connection
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
raw HTTP/1.0 200 OK\n\n{"access_token":"close"}
cut
--- says: close



=== TEST 14: an interim answer
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
raw HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n
json {"access_token":"interim"}
--- says: interim



=== TEST 15: a connection that is cut before the answer
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
at-accept cut
--- error_log
could not be read



=== TEST 16: one that is cut in it
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
raw HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"access_token":"x"
cut
--- error_log
its answer is cut



=== TEST 17: no HTTP
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
raw SSH-2.0-x\r\n
stall
--- error_log
its answer is not valid



=== TEST 18: an answer that is too long
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
raw HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n
fill 70000
stall
--- error_log
its answer is not valid



=== TEST 19: a redirect is not followed
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
status 302
header Location: http://127.0.0.1:1/
json {}
--- error_log
status 302, next try in 1 seconds



=== TEST 20: retry-after
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
status 429
header Retry-After: 17
json {"error":"slow_down"}
--- error_log
status 429, slow_down, next try in 17 seconds



=== TEST 21: no word of what an answer says, if it is none
--- url: http://127.0.0.1:$TEST_NGINX_LLM_SITE/token
--- script
status 500
json {"error":"secret-of-client x","access_token":"secret-too"}
--- error_log
status 500, next try in 1 seconds
--- no_error_log
secret-of-client
secret-too
[alert]
