# OpenAI on both sides: what goes through untouched, what must change, and
# what must not pass.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(providers => ['a', 'b']);

our $error_log = sub {
    open my $fh, '<', $Test::Nginx::Util::ErrLogFile or return '';
    local $/;
    return <$fh>;
};

no_long_string();
run_tests();

__DATA__

=== TEST 1: the request's bytes but for the model
--- a
ok x
--- do
for my $body (
    '{"model":"m","messages":[{"role":"user","content":"x"}]}',

    # numbers as written, order, unknown members, blanks, escapes

    " {\n\t\"zebra\" : 1e-400, \"model\" :\"m\" ,\"temperature\":1.10,"
    . '"seed":123456789012345678901234567890,"top_p":1.0E0,'
    . '"messages":[{"content":"\u00e9\ud83d\ude00\/ \u0000","role":"user",'
    . '"x":{"b":1,"a":[null,true,-0.0]}}],"alpha":{} }' . "\r\n",

    # the name written in escapes

    '{"\u006dodel":"\u006d","messages":[{"role":"user","content":"x"}],'
    . '"k":1,"KK":1}',

    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""
    . "\xc3\xa9\xf0\x9f\x98\x80\"}],\"tools\":[{\"type\":\"function\","
    . "\"function\":{\"name\":\"f\",\"parameters\":{\"z\":1,\"a\":2}}}]}",
) {
    my $res = ask($body);
    my $seen = (provider('a')->seen)[-1];

    (my $expected = $body) =~ s/"(m|\\u006d)"/"up-a"/;

    is($res->{status}, 200, "status") or print STDERR $res->{body};
    is($seen->{body}, $expected, "body");
    is($seen->{headers}{'content-length'}, length $expected, "its length");
}



=== TEST 2: the request's bytes of a stream
--- a
stream x
--- do
for my $case (
    ['{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}',
     '{"model":"up-a","messages":[{"role":"user","content":"x"}],'
     . '"stream":true,"stream_options":{"include_usage":true}}'],

    ['{"stream" : true, "stream_options" : { "include_usage" : true, '
     . '"x":1.0 },"model":"m","messages":[{"role":"user","content":"x"}]}',
     '{"stream" : true, "stream_options" : { "include_usage" : true, '
     . '"x":1.0 },"model":"up-a",'
     . '"messages":[{"role":"user","content":"x"}]}'],
) {
    my $res = ask($case->[0]);

    is($res->{status}, 200, "status");
    is((provider('a')->seen)[-1]{body}, $case->[1], "body");
}

for my $options ('null', '{}', '{"include_usage":null}',
                 '{"include_usage":false}', '{"include_obfuscation":false}')
{
    ask(chat(stream => 'true', stream_options => $options));

    my $seen = (provider('a')->seen)[-1]{body};

    like($seen, qr/"stream_options":\s*\{[^{}]*"include_usage":\s*true/,
         "usage is asked for in $options");
    is(scalar(() = $seen =~ /"include_usage"/g), 1, "once");
    is(scalar(() = $seen =~ /"stream_options"/g), 1, "in one place");
}



=== TEST 3: the answer's bytes
--- do
my $answer = "{\n \"zebra\" : 1e-400, \"id\":\"chatcmpl-x\",\"object\":"
    . "\"chat.completion\",\"created\":1,\"model\":\"gpt-real-2026\","
    . "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    . "\"content\":\"\\u00e9 \xc3\xa9 \\/\"},\"logprobs\":null,"
    . "\"finish_reason\":\"stop\",\"x\":-0.0}],\"usage\":{"
    . "\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21,"
    . "\"prompt_tokens_details\":{\"cached_tokens\":4}},\"alpha\":[1.10]}\n";

(my $text = $answer) =~ s/\\/\\\\/g;
$text =~ s/\n/\\n/g;

for my $script (
    "json $text",
    "split 1\njson $text",
    'raw HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
    . 'Transfer-Encoding: chunked\r\n\r\n' . "\n"
    . sprintf('raw %x\r\n', length $answer) . "$text" . '\r\n0\r\n\r\n',
    'raw HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n' . "$text\ncut",
    'raw HTTP/1.0 200 OK\r\n\r\n' . "$text\ncut",
    'raw HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n'
    . "$text\nstall",
    'raw HTTP/1.1 100 Continue\r\n\r\n' . "\nsleep 0.02\njson $text",
    'hold' . "\n" . 'raw HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'
    . "\n" . 'raw HTTP/1.1 100 Continue\r\n\r\n' . "\njson $text",
    "split 3\n" . 'raw HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'
    . "\njson $text",
    'raw HTTP/1.1 200 OK\r\ncontent-TYPE:application/json\r\n'
    . 'cONTENT-lENGTH: ' . length($answer) . '\r\n\r\n' . "\nraw $text",
) {
    provider('a')->play("$script\n");

    my $res = ask(chat());
    my ($name) = $script =~ /^(.{0,50})/;

    is($res->{body}, $answer, $name);
    is($res->{headers}{'content-length'}, length $answer, "its length");
    is($res->{headers}{'x-llm-attempts'}, 1, "from the first one");
    is($res->{headers}{'content-type'}, 'application/json', "its type");
}
like(logged(1), qr/^200\|OK\|a\|1\|m\|up-a\|9\|12\|stop\|-\|0\|4$/, "usage");



=== TEST 4: headers of an answer: the allow-list
--- do
my @header = (
    'X-Accel-Redirect: /alive', 'X-Accel-Buffering: yes',
    'X-Accel-Limit-Rate: 1', 'X-Accel-Expires: 5', 'X-Accel-Charset: koi8-r',
    'Set-Cookie: a=b', 'Location: http://elsewhere/', 'Refresh: 0; url=/',
    'Server: provider', 'X-Powered-By: x', 'Via: 1.1 x', 'Alt-Svc: h3=":443"',
    'Strict-Transport-Security: max-age=1', 'Content-Language: de',
    'Cache-Control: private', 'Expires: 0', 'Last-Modified: x', 'ETag: "x"',
    'Vary: X', 'Link: </x>', 'Accept-Ranges: bytes', 'Upgrade: h2c',
    'WWW-Authenticate: Basic', 'Access-Control-Allow-Origin: *',
    'Keep-Alive: timeout=5', 'Proxy-Authenticate: x', 'Trailer: X',
    'Content-Disposition: attachment', 'Content-Encoding: identity',
    'Retry-After: 1', 'x-should-retry: true', 'x-llm-provider: evil',
    'x-llm-cost: 0', 'x-request-id: req-of-provider',
    'openai-processing-ms: 12', 'openai-version: 2020-10-01',
    'openai-organization: org-secret', 'x-ratelimit-limit-requests: 500',
    'X-RateLimit-Remaining-Tokens: 77', 'cf-ray: 1', 'Date: yesterday',
);
my $headers = join '', map { "header $_\n" } @header;

for my $stream (0, 1) {
    provider('a')->play($headers . ($stream ? "stream x" : "ok x") . "\n");

    my $res = ask(chat($stream ? (stream => 'true') : ()));
    my %got = %{$res->{headers}};

    is("$res->{status} " . content_of($res), "200 x", "the answer");
    is($got{'x-upstream-request-id'}, 'req-of-provider', "its id");
    is($got{'openai-processing-ms'}, 12, "its time");
    is($got{'openai-version'}, '2020-10-01', "its version");
    is($got{'x-upstream-ratelimit-limit-requests'}, 500, "its limit");
    is($got{'x-upstream-ratelimit-remaining-tokens'}, 77, "what is left");
    like($got{'x-request-id'}, qr/^req_[0-9a-f]{32}$/, "our id");
    like($got{server}, qr/^nginx/, "our server");
    is($got{'x-llm-provider'}, 'a', "our provider");

    my @other = grep { !/^(x-upstream-request-id|openai-processing-ms
                         |openai-version|x-upstream-ratelimit-limit-requests
                         |x-upstream-ratelimit-remaining-tokens|x-request-id
                         |server|date|connection|content-type
                         |content-length|transfer-encoding|x-llm-model
                         |x-llm-provider|x-llm-attempts)$/x } keys %got;

    is(join(' ', sort @other), $stream ? 'cache-control' : '',
       "nothing else");
    unlike($got{date}, qr/yesterday/, "not its date");
    is(scalar @{$res->{all}{'x-llm-provider'}}, 1, "no header twice");
}



=== TEST 5: headers of a refusal
--- do
provider('a')->play("header X-Accel-Redirect: /alive\nheader Set-Cookie: a=b\n"
    . "header x-request-id: abc\nheader x-llm-error: x\nstatus 400\n"
    . 'json {"error":{"message":"no","type":"invalid_request_error",'
    . '"param":"x","code":null},"more":1.50}' . "\n");

my $res = ask(chat());

is($res->{status}, 400, "status");
is($res->{body}, '{"error":{"message":"no","type":"invalid_request_error",'
   . '"param":"x","code":null},"more":1.50}', "body as it came");
ok(!exists $res->{headers}{'set-cookie'}, "no cookie");
is(scalar(provider('b')->seen), 0, "nobody else was asked");



=== TEST 6: headers of a request: what must not travel
--- a
ok x
--- do
my $res = ask(chat(), headers => {
    'Authorization' => 'Bearer client-secret', 'X-Api-Key' => 'client-secret',
    'Api-Key' => 'client-secret', 'Cookie' => 'a=client-secret',
    'Proxy-Authorization' => 'Basic client-secret', 'TE' => 'trailers',
    'Upgrade' => 'h2c', 'Keep-Alive' => '5', 'Proxy-Connection' => 'x',
    'X-Forwarded-For' => '10.0.0.1',
    'Accept-Encoding' => 'gzip, br', 'OpenAI-Organization' => 'org-client',
    'User-Agent' => 'client', 'X-Request-Id' => 'my-id.7',
    'Range' => 'bytes=0-3',
    'If-Modified-Since' => 'x', 'Host' => 'evil.example',
    'X-Stainless-Lang' => 'python', 'Via' => '1.1 x',
});
my $seen = (provider('a')->seen)[-1];

is("$res->{status} " . content_of($res), "200 x", "the answer");
is($res->{headers}{'x-request-id'}, 'my-id.7', "the client's id");
unlike("$seen->{head}$seen->{body}", qr/client/, "nothing of the client's");
is($seen->{headers}{authorization}, 'Bearer secret-of-provider', "our key");
is($seen->{headers}{host}, '127.0.0.1:' . provider('a')->port, "its host");
is($seen->{headers}{'accept-encoding'}, 'identity', "no encoding");
is($seen->{line}, 'POST /v1/chat/completions HTTP/1.1', "request line");
is(join(' ', sort keys %{$seen->{headers}}), join(' ', sort
   'accept', 'accept-encoding', 'authorization', 'content-length',
   'content-type', 'host', 'user-agent'), "and no other header");

for my $id ("a b", "x" x 129, "a\tb", '"x"', "\xc3\xa9", 'a;b', '<x>') {
    $res = ask(chat(), headers => { 'X-Request-Id' => $id });
    like($res->{headers}{'x-request-id'}, qr/^req_[0-9a-f]{32}$/,
         "an id that is not safe");
}

$res = ask(chat(), headers => { 'X-Request-Id' => 'x' x 128 });
is($res->{headers}{'x-request-id'}, 'x' x 128, "a long one that is");



=== TEST 7: the provider's key is nowhere
--- a
status 401
json {"error":{"message":"Incorrect API key provided: secret-of-provider","type":"invalid_request_error","code":"invalid_api_key"}}
--- model: deployment a up-a;
--- do
my $res = ask(chat());
is(error_of($res), "502 server_error provider_auth", "status");
unlike($res->{raw}, qr/secret-of/, "not with the client");
unlike($::error_log->(), qr/secret-of/, "not in the log");



=== TEST 8: connections to the provider are kept
--- model: deployment a up-a;
--- do
my @kept = (
    "ok x", "stream x", "status 400\njson {\"error\":{\"message\":\"x\"}}",
    "status 429\njson {\"error\":{\"message\":\"x\"}}",
    "status 500\njson {\"error\":{\"message\":\"x\"}}",
    "status 503\nbody text/plain x", "json {}",
    "status 204\nbody text/plain ",
    'raw HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'
    . '0\r\n\r\n',
);

for my $script (@kept) {
    provider('a')->play("$script\n==\nok x\n==\nstream x\n==\nok last");
    ask(chat(stream => $script =~ /stream/ ? 'true' : 'false'));

    is(content_of(ask(chat())), 'x', "next");
    is(content_of(ask(chat(stream => 'true'))), 'x', "a stream");
    is(content_of(ask(chat())), 'last', "last");

    my @seen = provider('a')->seen;
    my ($name) = $script =~ /^(.{0,40})/;

    is(scalar @seen, 4, "$name: four requests");
    is(scalar(grep { $_->{connection} != $seen[0]{connection} } @seen), 0,
       "$name: on one connection");
}



=== TEST 9: connections that cannot be kept are not used again
--- model: deployment a up-a;
--- do
for my $script (
    'header Connection: close' . "\n" . "ok x",
    'raw HTTP/1.0 200 OK\r\n\r\n' . Provider::ok('x') . "\nstall",
    "hold\nok x\nraw extra bytes\nflush",
    "hold\nok x\nraw HTTP/1.1 200 OK\nflush",
    "sse\nrole\ntext x\nfinish\ndone\nstall",
    "hold\nstream x\nraw more\nflush",
) {
    provider('a')->play("$script\n==\nok next");

    my $stream = $script =~ /sse|stream/ ? 'true' : 'false';
    my ($name) = $script =~ /^(.{0,40})/;

    is(content_of(ask(chat(stream => $stream))), 'x', "$name");
    is(content_of(ask(chat())), 'next', "next");

    my @seen = provider('a')->seen;

    isnt($seen[0]{connection}, $seen[1]{connection}, "another connection");
    is(scalar @seen, 2, "one request each");
}



=== TEST 10: a kept connection that has died costs no attempt
--- errors
--- model: deployment a up-a;
--- do
for my $end ("cut", "reset") {
    for my $n (1 .. 3) {

        # answered, then closed as soon as the next request has come

        provider('a')->play("ok one\n==\n$end\n==\nok two");

        is(content_of(ask(chat())), 'one', "first");

        my $res = ask(chat());

        is(content_of($res), 'two', "again over a new connection");
        is($res->{headers}{'x-llm-attempts'}, 1, "one attempt");
        is(scalar(provider('a')->seen), 3, "sent again");
    }
}

provider('a')->play("ok one\nsleep 0.05\ncut\n==\nok two");
is(content_of(ask(chat())), 'one', "closed while idle");
Time::HiRes::sleep(0.1);
is(content_of(ask(chat())), 'two', "a new connection");



=== TEST 11: a body in a temporary file, chunked, asked for
--- a
ok x
--- buffer: 1k
--- no_error_log
[error]
[alert]
[crit]
[emerg]
--- do
my $text = join ' ', 1 .. 3000;
my $body = chat(text => $text);

is(content_of(ask($body)), 'x', "in a file");
is((provider('a')->seen)[-1]{body}, chat(model => '"up-a"', text => $text),
   "all of it");

my $chunked = '';
(my $rest = $body) =~ s/(.{1,700})/$chunked .= sprintf("%x\r\n%s\r\n",
                                               length $1, $1); ''/gse;
$chunked .= "0\r\n\r\n";

is(content_of(ask($chunked,
                  headers => { 'Transfer-Encoding' => 'chunked' })),
   'x', "chunked");
is((provider('a')->seen)[-1]{body}, chat(model => '"up-a"', text => $text),
   "all of it, with a length");

my $socket = connect_gateway();
send_request($socket, undef, headers => { 'Content-Length' => length $body,
                                          'Expect' => '100-continue' });
my $first = read_some($socket, 2);
is($first, "HTTP/1.1 100 Continue\r\n\r\n", "asked for");
syswrite $socket, $body;
is(content_of(read_response($socket)), 'x', "sent");
is((provider('a')->seen)[-1]{body}, chat(model => '"up-a"', text => $text),
   "all of it");

is(content_of(curl2($body)), 'x', "HTTP/2");
is((provider('a')->seen)[-1]{body}, chat(model => '"up-a"', text => $text),
   "all of it");



=== TEST 12: a body in a temporary file survives a second attempt
--- errors
--- a
reset
--- b
ok from b
--- buffer: 1k
--- do
my $text = join ' ', 1 .. 30000;
is(content_of(ask(chat(text => $text))), 'from b', "answer");
is((provider('b')->seen)[-1]{body}, chat(model => '"up-b"', text => $text),
   "all of it");



=== TEST 13: five megabytes there and back
--- a
ok x
--- do
my $text = 'abcdefghij' x 500000;
my $res = ask(chat(text => $text), timeout => 20);

is(content_of($res), 'x', "answer");
is(length((provider('a')->seen)[-1]{body}),
   length chat(model => '"up-a"', text => $text), "all of it");

provider('a')->play("ok $text\n");
$res = ask(chat(), timeout => 20);
is(length content_of($res), 5000000, "a long answer");
is($res->{body}, Provider::ok($text), "all of it");



=== TEST 14: without /v1, below a prefix, HTTP/1.0, keepalive
--- a
ok x
--- config
    location /ai/ { llm_gateway; llm_auth off; }
    location = /alive { access_log off; return 204; }
    location /chat/ { llm_gateway prefix=; llm_auth off; }
    location /v1/ { llm_gateway; llm_auth off; }
--- do
for my $path ('/v1/chat/completions', '/chat/completions',
              '/ai/v1/chat/completions', '/ai/chat/completions',
              '/v1/chat/completions?x=1', '/v1//chat/completions')
{
    my $res = ask(chat(), path => $path);
    is("$res->{status} " . content_of($res), "200 x", $path);
    is((provider('a')->seen)[-1]{line},
       'POST /v1/chat/completions HTTP/1.1', "its path");
}

my $socket = connect_gateway();
for (1 .. 3) {
    is(content_of(ask(chat(), on => $socket)), 'x', "on one connection");
}

my $res = ask(chat(), minor => 0, headers => { Host => undef });
is("$res->{status} $res->{closed} " . content_of($res), "200 0 x",
   "HTTP/1.0");



=== TEST 15: HTTP/2 clients
--- a
ok x
--- do
my $res = curl2(chat());
is("$res->{rc} $res->{status} $res->{body}", "0 200 " . Provider::ok('x'),
   "plain");
is($res->{headers}{'x-llm-attempts'}, 1, "headers");

provider('a')->play("status 400\njson {\"error\":{\"message\":\"no\"}}\n");
$res = curl2(chat());
is("$res->{rc} $res->{status} $res->{body}",
   "0 400 {\"error\":{\"message\":\"no\"}}", "a refusal");



=== TEST 16: a body of which a part came with the header
--- errors
--- a
reset
--- b
ok from b
--- do
for my $size (700, 1500, 70000) {
    my $body = chat(text => 'abc \"\n' x int($size / 7));

    for my $first (1, 300, 800) {
        next if $first >= length $body;

        my $socket = connect_gateway();

        send_request($socket, substr($body, 0, $first),
                     headers => { 'Content-Length' => length $body });

        # the rest at once, or in two pieces

        my $rest = substr($body, $first);
        my $half = int(length($rest) / 2);

        if ($first == 300) {
            select undef, undef, undef, 0.05;
            syswrite $socket, substr($rest, 0, $half, '');
            select undef, undef, undef, 0.05;
        }

        while (length $rest) {
            my $n = syswrite $socket, $rest;
            last if !$n;
            substr($rest, 0, $n, '');
        }

        is(content_of(read_response($socket)), 'from b', "answer");

        (my $expected = $body) =~ s/"m"/"up-b"/;
        is((provider('b')->seen)[-1]{body}, $expected,
           "$first of $size with the header");
    }
}
