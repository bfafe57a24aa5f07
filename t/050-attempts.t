# What a provider can do wrong before its answer is good: the client gets
# another provider's whole answer, or an error that says what happened.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(providers => ['a', 'b']);

our $json = '{"id":"x","object":"chat.completion","choices":[{"index":0,'
            . '"message":{"role":"assistant","content":"half';

# ways to fail that no client may see, plain and stream alike

our @early = (
    'cut at accept'         => "at-accept cut",
    'reset at accept'       => "at-accept reset",
    'cut after the request' => "cut",
    'reset after the request' => "reset",
    'cut in the status line' => 'raw HTTP/1.1 20' . "\ncut",
    'cut in the headers'    => 'raw HTTP/1.1 200 OK\r\nContent-Ty'
                               . "\ncut",
    'reset in the headers'  => 'raw HTTP/1.1 200 OK\r\nContent-Ty'
                               . "\nsleep 0.02\nreset",
    'cut after the headers' => 'raw HTTP/1.1 200 OK\r\nContent-Length: 9\r\n'
                               . '\r\n' . "\ncut",
    'reset after the headers' => 'raw HTTP/1.1 200 OK\r\n'
                               . 'Transfer-Encoding: chunked\r\n\r\n'
                               . "\nsleep 0.02\nreset",
    'garbage for a status line' => 'raw garbage, no HTTP at all\r\n\r\n'
                               . "\ncut",
    'status 000'            => 'raw HTTP/1.1 000 No\r\n\r\n' . "\ncut",
    'status 999'            => 'raw HTTP/1.1 999 No\r\n'
                               . 'Content-Length: 0\r\n\r\n',
    'HTTP/0.9'              => 'raw {"choices":[]}' . "\ncut",
    'invalid header'        => 'raw HTTP/1.1 200 OK\r\nA\0B: c\r\n\r\n'
                               . "\ncut",
    'header too large'      => "header X-Large: " . 'x' x 20000 . "\nok no",
    'endless headers'       => 'raw HTTP/1.1 200 OK\r\n' . "\n"
                               . 'raw A: ' . 'y' x 900 . '\r\n' . "\n"
                               . join('', map { "raw A$_: " . 'y' x 900
                                                . '\r\n' . "\n" } 1 .. 20)
                               . "stall",
    '101'                   => 'raw HTTP/1.1 101 Switching Protocols\r\n'
                               . 'Upgrade: h2c\r\nConnection: upgrade\r\n\r\n'
                               . "\nstall",
    '204'                   => 'raw HTTP/1.1 204 No Content\r\n\r\n',
    '302'                   => "status 302\nheader Location: /x\njson {}",
    '304'                   => 'raw HTTP/1.1 304 Not Modified\r\n\r\n',
    'empty body'            => "json ",
    'HTML'                  => "body text/html <html><body>Welcome</body>",
    'no JSON'               => "json hello",
    'truncated JSON'        => "json $json",
    '{}'                    => "json {}",
    '[]'                    => "json []",
    'null'                  => "json null",
    'no choices'            => 'json {"choices":[]}',
    'error within 200'      => 'json {"error":{"message":"no","type":'
                               . '"server_error","code":null}}',
    'rate limit within 200' => 'json {"error":{"message":"slow","type":'
                               . '"rate_limit_error","code":429}}',
    'bad Content-Length'    => 'raw HTTP/1.1 200 OK\r\n'
                               . 'Content-Length: 12x\r\n\r\n' . "\nstall",
    'negative length'       => 'raw HTTP/1.1 200 OK\r\n'
                               . 'Content-Length: -5\r\n\r\n' . "\nstall",
    'bad chunk'             => 'raw HTTP/1.1 200 OK\r\n'
                               . 'Transfer-Encoding: chunked\r\n\r\nzz\r\n'
                               . "\nstall",
    'gzip'                  => "header Content-Encoding: gzip\n"
                               . 'body text/event-stream '
                               . '\x1f\x8b\x08\0\0\0\0\0',
    '500'                   => 'status 500' . "\n" . 'json {"error":'
                               . '{"message":"oops","type":"server_error"}}',
    '500 without a body'    => "status 500\nbody text/plain ",
    '500 that is cut'       => 'raw HTTP/1.1 500 No\r\n'
                               . 'Content-Length: 100\r\n\r\noops' . "\ncut",
    '500 until the end'     => 'raw HTTP/1.1 500 No\r\n'
                               . 'Connection: close\r\n\r\noops' . "\ncut",
    '500 of a megabyte'     => 'raw HTTP/1.1 500 No\r\n'
                               . 'Content-Length: 1000000\r\n\r\n'
                               . "\nfill 1000000",
    '502, HTML'             => "status 502\nbody text/html <html>",
    '503'                   => 'status 503' . "\n" . 'json {"error":'
                               . '{"message":"busy"}}',
    '504'                   => "status 504\nbody text/plain x",
    '529'                   => "status 529\nbody text/plain x",
    '408'                   => "status 408\nbody text/plain x",
    '429'                   => 'status 429' . "\n" . 'header Retry-After: 3'
                               . "\n" . 'json {"error":{"message":"slow",'
                               . '"type":"requests","code":'
                               . '"rate_limit_exceeded"}}',
    '401'                   => 'status 401' . "\n" . 'json {"error":'
                               . '{"message":"key","code":"invalid_api_key"}}',
    '402'                   => "status 402\njson {}",
    '403'                   => "status 403\njson {}",
    '404'                   => 'status 404' . "\n" . 'json {"error":'
                               . '{"message":"none","code":"model_not_found"}}',
);

our @plain = (
    'body cut'              => 'raw HTTP/1.1 200 OK\r\nContent-Length: 500\r\n'
                               . '\r\n' . "$json\ncut",
    'body reset'            => 'raw HTTP/1.1 200 OK\r\nContent-Length: 500\r\n'
                               . '\r\n' . "$json\nsleep 0.02\nreset",
    'chunked body cut'      => 'raw HTTP/1.1 200 OK\r\n'
                               . 'Transfer-Encoding: chunked\r\n\r\n10\r\n'
                               . '{"choices":[{"in\r\n' . "\ncut",
    'cut in a chunk'        => 'raw HTTP/1.1 200 OK\r\n'
                               . 'Transfer-Encoding: chunked\r\n\r\nff\r\n'
                               . '{"choices":[{"in' . "\ncut",
    'body without framing, cut' => 'raw HTTP/1.1 200 OK\r\n\r\n'
                               . "$json\ncut",
    'gzip of the answer'    => "header Content-Encoding: gzip\n"
                               . 'json \x1f\x8b\x08\0\0\0\0\0',
    'a stream'              => "stream no one asked for it",
    'a depth bomb'          => 'json ' . '[' x 100000,
);

our @stream = (
    'cut before the first event' => "sse\ncut",
    'reset before the first event' => "sse\nsleep 0.02\nreset",
    'end before the first event' => "sse\nend",
    'only comments'         => "sse\nsay : hello\\n\\n\nend",
    'only a role'           => "sse\nrole\ncut",
    'only [DONE]'           => "sse\ndone\nend",
    'cut within the first event' => "sse\nrole\nsay data: {\"choi\ncut",
    'garbage for the first event' => "sse\ndata {\"choices\":\nend",
    'no JSON in the first event' => "sse\ndata hello\nend",
    'error for the first event' => 'sse' . "\n" . 'data {"error":{"message":'
                               . '"overloaded","type":"server_error"}}'
                               . "\nend",
    'error behind the role' => "sse\nrole\n" . 'data {"error":{"message":'
                               . '"overloaded","code":503}}' . "\nend",
    'a plain answer'        => "ok not a stream",
    'HTML with the type of a stream' => "body text/event-stream <html>",
    'until the end, nothing in it' => "sse close\ncut",
    'HTTP/1.0, cut after the role' => "sse 1.0\nrole\ncut",
);


sub tries {
    my ($stream, @case) = @_;

    my $good = $stream ? "stream from b" : "ok from b";

    while (my ($name, $script) = splice @case, 0, 2) {
        provider('a')->play("$script\n");
        provider('b')->play("$good\n");

        my $res = ask(chat($stream ? (stream => 'true') : ()));

        is(join(' ', $res->{status}, $res->{whole}, content_of($res),
                map { $res->{headers}{$_} || '-' }
                    qw(x-llm-provider x-llm-attempts x-llm-error)),
           "200 1 from b b 2 -", "$name: the other one's whole answer");

        if ($stream) {
            is($res->{body} =~ s/data: //g, 5, "$name: no event of a");
            like($res->{body}, qr/\[DONE\]\n\n$/, "$name: the end");
        } else {
            is($res->{body}, Provider::ok("from b"), "$name: as b sent it");
        }

        my @seen = provider('b')->seen;

        is(scalar @seen, 1, "$name: b was asked once");
        like($seen[0]{body}, qr/^\{"model":"up-b",/, "$name: for its model");
    }
}


# the same when nothing else is left

sub refuses {
    my ($stream, @case) = @_;

    while (my ($name, $script) = splice @case, 0, 2) {
        provider('a')->play("$script\n");
        provider('b')->play("$script\n");

        my $res = ask(chat($stream ? (stream => 'true') : ()));

        ok($res->{status} >= 400, "$name: an error, $res->{status}");
        like($res->{headers}{'content-type'}, qr{^application/json},
             "$name: JSON");
        like($res->{body}, qr/^\{.*"error".*\}$/s, "$name: OpenAI's shape");
        is($res->{headers}{'content-length'}, length $res->{body},
           "$name: whole");
        is($res->{headers}{'x-llm-attempts'}, 2, "$name: both were tried");
    }
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a plain answer that fails is replaced by another provider's
--- errors
--- do
tries(0, @::early, @::plain);



=== TEST 2: a stream that fails before its first event is replaced
--- errors
--- do
tries(1, @::early, @::stream);



=== TEST 3: all fail, plain
--- errors
--- do
refuses(0, @::early, @::plain);



=== TEST 4: all fail, stream
--- errors
--- do
refuses(1, @::early, @::stream);



=== TEST 5: nobody listens
--- errors
--- model: deployment dead x tier=1; deployment b up-b tier=2;
--- b
ok from b
==
stream from b
--- do
my $res = ask(chat());
is(join(' ', $res->{status}, content_of($res),
        $res->{headers}{'x-llm-attempts'}), "200 from b 2", "plain");
$res = ask(chat(stream => 'true'));
is(join(' ', $res->{status}, content_of($res),
        $res->{headers}{'x-llm-attempts'}), "200 from b 2", "stream");
