# What neither clients nor providers should send, and what comes of it.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use NameServer;
use Test::Nginx::Socket;
use Gateway;
use Time::HiRes qw(sleep);

BEGIN {
    my $names = tempdir(CLEANUP => 1) . "/names";

    NameServer::write_names($names, "silent.test silent");

    $ENV{TEST_NGINX_LLM_DNS} = NameServer::start($names, "127.0.0.1", 0);
}

repeat_each(1);
plan 'no_plan';

gateway(providers => ['a', 'b']);

$ENV{TEST_NGINX_LLM_B} = provider('b')->port;

# a body in chunks of so many bytes

sub chunked {
    my ($body, $size) = @_;

    my $text = '';

    while (length $body) {
        my $piece = substr($body, 0, $size, '');
        $text .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
    }

    return "${text}0\r\n\r\n";
}


# provider a answers with these bytes, b is the one that is left

sub passed_over {
    my ($name, $bytes, %opt) = @_;

    provider('a')->play("raw $bytes\n$opt{then}\n");
    provider('b')->play("stream two \n") if $opt{stream};
    provider('b')->play("ok two \n") if !$opt{stream};

    my $res = ask(chat($opt{stream} ? (stream => 'true') : ()));

    is("$res->{status} " . content_of($res), "200 two ", $name);
    is($res->{headers}{'x-llm-provider'}, 'b', "$name: provider");
}

our $answer = '{"id":"c","object":"chat.completion","created":1,"model":"x",'
            . '"choices":[{"index":0,"message":{"role":"assistant",'
            . '"content":"one "},"finish_reason":"stop"}],"usage":'
            . '{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';

no_long_string();
run_tests();

__DATA__

=== TEST 1: bodies of no announced length
--- a: ok one
--- do
my %te = (headers => { "Transfer-Encoding" => "chunked" });
my $long = chat(text => 'x' x 300000);

for my $case (['whole', chat(), 1000000], ['in bytes', chat(), 1],
              ['long', $long, 1000000], ['long, in pieces', $long, 999])
{
    my ($name, $body, $size) = @$case;

    my $res = ask(chunked($body, $size), %te);

    is("$res->{status} " . content_of($res), "200 one", $name);
    is((provider('a')->seen)[-1]->{body} =~ s/up-a/m/r, $body,
       "$name: the body");
}

is(ask("0\r\n\r\n", %te)->{status}, 400, "no byte");
is(curl2(chat(), '-H', 'Content-Length:')->{status}, 200, "HTTP/2");



=== TEST 2: the same through small buffers and files
--- a: ok one
--- buffer: 1k
--- location: llm_auth off; client_body_in_file_only clean;
--- do
my %te = (headers => { "Transfer-Encoding" => "chunked" });
my $long = chat(text => 'x' x 100000);

for my $body (chat(), $long) {
    my $res = ask(chunked($body, 700), %te);

    is("$res->{status} " . content_of($res), "200 one", "chunked");
    is((provider('a')->seen)[-1]->{body} =~ s/up-a/m/r, $body,
       "chunked: the body");
    is(ask($body)->{status}, 200, "announced");
}

is(ask("0\r\n\r\n", %te)->{status}, 400, "no byte");



=== TEST 3: small buffers in memory
--- a: ok one
--- buffer: 1k
--- do
my %te = (headers => { "Transfer-Encoding" => "chunked" });

for my $body (chat(), chat(text => 'x' x 900), chat(text => 'x' x 9000)) {
    my $res = ask(chunked($body, 100), %te);

    is("$res->{status} " . content_of($res), "200 one", "chunked");
    is((provider('a')->seen)[-1]->{body} =~ s/up-a/m/r, $body,
       "chunked: the body");
}



=== TEST 4: a client leaves after a name was waited for
--- model: deployment n x; fallback other;
--- http
    resolver 127.0.0.1:$TEST_NGINX_LLM_DNS;
    llm_provider n { dialect openai; url http://silent.test; key none;
                     connect_timeout 200ms; }
    llm_model other { deployment a up-a; cooldown off; }
--- location: llm_auth off; llm_ignore_client_abort on;
--- a
sleep 0.5
ok one
--- do
my $socket = connect_gateway();

send_request($socket, chat());
ok(wait_for(sub { provider('a')->seen }), "the fallback is asked");
close $socket;

like(logged(), qr/^200\|[^|]*\|a\|/, "its answer is read to the end");

$socket = connect_gateway();
send_request($socket, chat());
sleep 0.05;
close $socket;

like(logged(2), qr/^200\|[^|]*\|a\|/, "gone while the name is looked up");



=== TEST 5: gone while the name is looked up, and a post_action
--- model: deployment n x; fallback other;
--- http
    resolver 127.0.0.1:$TEST_NGINX_LLM_DNS;
    llm_provider n { dialect openai; url http://silent.test; key none;
                     connect_timeout 200ms; }
    llm_model other { deployment a up-a; cooldown off; }
--- config
    location /v1/ { llm_auth off; llm_gateway; post_action /after;
                    client_body_buffer_size 1m; }
    location = /alive { access_log off; return 204; }
    location = /after { proxy_pass http://127.0.0.1:$TEST_NGINX_LLM_B;
                        proxy_method POST; }
--- a: ok one
--- b
sleep 0.5
ok two
--- do
my $socket = connect_gateway();

send_request($socket, chat());
sleep 0.05;
close $socket;
sleep 0.4;

is(scalar(provider('a')->seen), 0, "nobody is asked for it any more");
is(ask(chat())->{status}, 200, "the next one is served");



=== TEST 6: much before the first token
--- errors
--- do
for my $fill (': x\n\n',
              'data: {"choices":[{"index":0,"delta":{"role":"assistant",'
              . '"content":""}}]}\n\n')
{
    my $text = $fill x 2000;
    my $say = "say $text\n";

    provider('a')->play("sse\n" . $say x int(2200000 / (length($text) - 8000))
                        . "text one \nfinish stop\ndone\nend\n");
    provider('b')->play("stream two \n");

    my $res = ask(chat(stream => 'true'));

    is("$res->{status} " . content_of($res), "200 two ", "passed over");
    is($res->{headers}{'x-llm-provider'}, 'b', "provider");
}

provider('a')->play("sse\n" . ("say : x\\n\\n\n" x 100)
                    . "text one \nfinish stop\ndone\nend\n");

is(content_of(ask(chat(stream => 'true'))), "one ", "a little is nothing");



=== TEST 7: framing that says two things
--- errors
--- do
my $json = $main::answer;
my $n = length $json;
my $head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
my $chunk = sprintf '%x\r\n%s\r\n0\r\n\r\n', $n, $json;

passed_over("two lengths", $head . "Content-Length: $n\\r\\n"
            . "Content-Length: " . ($n + 9) . "\\r\\n\\r\\n$json",
            then => 'stall');
passed_over("a list of lengths", $head . "Content-Length: $n, $n\\r\\n\\r\\n"
            . $json, then => 'stall');
passed_over("a length below nothing", $head
            . "Content-Length: -1\\r\\n\\r\\n$json", then => 'stall');
passed_over("a length beyond all", $head . 'Content-Length: '
            . '99999999999999999999\r\n\r\n' . $json, then => 'stall');
passed_over("another coding", $head . 'Transfer-Encoding: gzip, chunked'
            . '\r\n\r\n' . $chunk, then => 'stall');
passed_over("an unknown coding", $head . "Transfer-Encoding: x\\r\\n"
            . "Content-Length: $n\\r\\n\\r\\n$json", then => 'stall');

my $script = "raw ${head}Content-Length: $n\\r\\n"
             . "Transfer-Encoding: chunked\\r\\n\\r\\n$chunk\nstall\n";

provider('a')->play($script);
is(content_of(ask(chat())), "one ", "chunks and a length");
is(content_of(ask(chat())), "one ", "chunks and a length, again");
is(provider('a')->connections, 2, "a connection for each");

provider('a')->play('raw HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n'
                    . 'Content-Encoding: br\r\nTransfer-Encoding: x\r\n\r\n'
                    . $head . "Content-Length: $n\\r\\n\\r\\n$json\nstall\n");
is(content_of(ask(chat())), "one ", "an interim answer frames nothing");



=== TEST 8: names of models in no known alphabet
--- http
    llm_model "\xc3\xa9\xff\x80\x81\xff\xfe\xfd" { deployment a up-a; }
--- a: ok one
--- do
is(ask(chat(model => "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\""))->{status}, 404,
   "unknown");



=== TEST 9: streams of HTTP/2 reset while the provider thinks
--- location: llm_auth off; llm_ignore_client_abort on;
--- a
sleep 0.3
stream one 
--- do
for (1 .. 3) {
    curl2(chat(stream => 'true'), '-m', '0.1', '--no-show-error');
}

ok(wait_for(sub { log_lines() >= 3 }), "each is read to its end");
like($_, qr/^\d+\|[^|]*\|a\|1\|/, "by one attempt") for log_lines();



=== TEST 10: gone while the name of a half-open deployment is looked up
--- model
    deployment n x; fallback other;
    cooldown fails=1 window=5s time=100ms max=100ms;
--- http
    resolver 127.0.0.1:$TEST_NGINX_LLM_DNS;
    llm_provider n { dialect openai; url http://silent.test; key none;
                     connect_timeout 200ms; }
    llm_model other { deployment a up-a; cooldown off; }
--- a: ok one
--- do
is(ask(chat())->{status}, 200, "out from here on");
sleep 0.15;

my $socket = connect_gateway();

send_request($socket, chat());
sleep 0.05;
close $socket;
sleep 0.1;

is(ask(chat())->{status}, 200, "served");
like(logged(3), qr/^200\|[^|]*\|a\|[23]\|/, "the next one probes it");
