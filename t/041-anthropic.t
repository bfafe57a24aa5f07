# An OpenAI client and Anthropic's API: what goes out, what comes back.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b'],
    defaults  => { provider_a => "dialect anthropic;" },
);


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: path, headers, body
--- a
claude hello
--- do
my $res = ask('{"model":"m","messages":[{"role":"system","content":"be kind"},'
    . '{"role":"user","content":"hi \u00e9"}],"temperature":0.50,'
    . '"max_tokens":77,"stop":["x"],"user":"u1"}',
    headers => { Authorization => 'Bearer client',
                 'anthropic-beta' => 'client-beta' });
my $sent = sent();

is($sent->{line}, 'POST /v1/messages HTTP/1.1', "path");
is($sent->{headers}{'x-api-key'}, 'secret-of-provider', "key");
is($sent->{headers}{'anthropic-version'}, '2023-06-01', "version");
is($sent->{headers}{'content-type'}, 'application/json', "type");
ok(!exists $sent->{headers}{authorization}, "no other key");
unlike($sent->{head}, qr/client/, "nothing of the client's");
like($sent->{body}, qr/^\{"model":"up-a",/, "model");
like($sent->{body}, qr/"system":(?:"be\ kind"|\[\{"type":"text","text":
                       "be\ kind"\}\])/x, "system");
like($sent->{body}, qr/"messages":\[\{"role":"user","content":
                       (?:"hi\ (?:\\u00e9|\xc3\xa9)"|\[.*\])\}\]/x, "message");
like($sent->{body}, qr/"max_tokens":77\b/, "limit");
like($sent->{body}, qr/"temperature":0\.50?\b/, "temperature");
like($sent->{body}, qr/"stop_sequences":\["x"\]/, "stop");
like($sent->{body}, qr/"metadata":\{"user_id":"u1"\}/, "user");

is($res->{status}, 200, "status");
like($res->{body}, qr/^\{"id":"[^"]+","object":"chat\.completion","created":
     \d+,"model":"[^"]+","choices":\[\{"index":0,"message":\{
     "role":"assistant","content":"hello"[^}]*\}.*"finish_reason":"stop"/x,
     "answer");
like($res->{body}, qr/"prompt_tokens":11,"completion_tokens":5,
                      "total_tokens":16/x, "usage");
is($res->{headers}{'content-length'}, length $res->{body}, "its length");
like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|11\|5\|stop\|-\|0\|0$/, "logged");



=== TEST 2: a stream
--- a
c-stream one two
--- do
my $res = ask(chat(stream => 'true'));
my @event = $res->{body} =~ /^data: (.*)\n\n/mg;

like(sent()->{body}, qr/"stream":true/, "asked for");
like($event[0], qr/"object":"chat\.completion\.chunk".*"delta":\{
                   "role":"assistant"/x, "the role first");
is(content_of($res), "one two", "text");
like($event[-2], qr/"delta":\{\}.*"finish_reason":"stop"/, "finish");
is($event[-1], '[DONE]', "the end");
unlike($res->{body}, qr/usage":\{/, "no usage");
unlike($res->{body}, qr/event:|message_/, "nothing of the other dialect");
like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|11\|5\|stop\|-\|0\|0$/, "logged");

my %id;
$id{$1}++ while $res->{body} =~ /"id":"([^"]+)"/g;
is(scalar keys %id, 1, "one id");

provider('a')->play("c-stream one two");
$res = ask(chat(stream => 'true', stream_options => '{"include_usage":true}'));
@event = $res->{body} =~ /^data: (.*)\n\n/mg;

like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":11,
                    "completion_tokens":5,"total_tokens":16/x, "usage");
is($event[-1], '[DONE]', "the end");



=== TEST 3: however its bytes come
--- do
for my $split (1, 2, 7, 100) {
    provider('a')->play("split $split\nc-stream one two");

    my $res = ask(chat(stream => 'true'));

    is("$res->{whole} " . content_of($res), "1 one two", "in parts of $split");
    like($res->{body}, qr/\[DONE\]\n\n$/, "the end");
}

provider('a')->play('sse close' . "\n" . 'say event: ping\ndata: {"type":'
    . '"ping"}\n\n' . "\nc-start\n" . 'say event: ping\r\ndata: {"type":'
    . '"ping"}\r\n\r\n: comment\n\n' . "\nc-text one\nc-stop\ncut");
my $res = ask(chat(stream => 'true'));
is("$res->{whole} " . content_of($res), "1 one", "pings are none of it");

provider('a')->play("sse\nc-start\nc-text one\nc-stop\nc-stop\nend");
$res = ask(chat(stream => 'true'));
is(scalar(() = $res->{body} =~ /\[DONE\]/g), 1, "two ends are one");



=== TEST 4: tools, there and back
--- do
my $tools = '[{"type":"function","function":{"name":"weather","description":'
    . '"d","parameters":{"type":"object","properties":{"z":{"type":"string"},'
    . '"a":{"type":"number"}}}}}]';

provider('a')->play('json {"id":"msg_2","type":"message","role":"assistant",'
    . '"model":"c","content":[{"type":"text","text":"look"},{"type":'
    . '"tool_use","id":"toolu_1","name":"weather","input":{"z":"Rome",'
    . '"a":1.50}},{"type":"tool_use","id":"toolu_2","name":"weather",'
    . '"input":{}}],"stop_reason":"tool_use","stop_sequence":null,'
    . '"usage":{"input_tokens":3,"cache_read_input_tokens":4,'
    . '"cache_creation_input_tokens":2,"output_tokens":5}}');

my $res = ask(chat(tools => $tools, tool_choice => '"required"',
                   parallel_tool_calls => 'false'));

like(sent()->{body}, qr/"tools":\[\{"name":"weather","description":"d",
     "input_schema":\{"type":"object","properties":\{"z":\{"type":"string"\},
     "a":\{"type":"number"\}\}\}/x, "declared");
like(sent()->{body}, qr/"tool_choice":\{"type":"any",
     "disable_parallel_tool_use":true\}/x, "choice");
like($res->{body}, qr/"content":"look"/, "text beside it");
like($res->{body}, qr/"tool_calls":\[\{(?:"index":0,)?"id":"toolu_1","type":
     "function","function":\{"name":"weather","arguments":
     "\{\\"z\\":\\"Rome\\",\\"a\\":1\.50\}"\}\},\{(?:"index":1,)?
     "id":"toolu_2","type":"function","function":\{"name":"weather",
     "arguments":"\{\}"\}\}\]/x, "calls");
like($res->{body}, qr/"finish_reason":"tool_calls"/, "finish");
like($res->{body}, qr/"prompt_tokens":9,.*"cached_tokens":4/, "usage");
like(logged(), qr/\|9\|5\|tool_calls\|-\|0\|4$/, "logged");

provider('a')->play("claude sunny");
ask(chat(tools => $tools, messages => '[{"role":"user","content":"x"},'
    . '{"role":"assistant","content":null,"tool_calls":[{"id":"toolu_1",'
    . '"type":"function","function":{"name":"weather","arguments":'
    . '"{\"z\":\"Rome\"}"}},{"id":"toolu_2","type":"function","function":'
    . '{"name":"weather","arguments":""}}]},{"role":"tool","tool_call_id":'
    . '"toolu_1","content":"20"},{"role":"tool","tool_call_id":"toolu_2",'
    . '"content":[{"type":"text","text":"21"}]}]'));

my $body = sent()->{body};

like($body, qr/\{"type":"tool_use","id":"toolu_1","name":"weather",
               "input":\{"z":"Rome"\}\}/x, "a call that was made");
like($body, qr/"id":"toolu_2","name":"weather","input":\{\}/,
     "one without arguments");
like($body, qr/"role":"user","content":\[\{"type":"tool_result",
     "tool_use_id":"toolu_1",.*"tool_use_id":"toolu_2"/x,
     "results in one turn");



=== TEST 5: tools in a stream
--- do
provider('a')->play("sse\nc-start\n"
    . 'say event: content_block_stop\ndata: {"type":"content_block_stop",'
    . '"index":0}\n\n' . "\n"
    . 'say event: content_block_start\ndata: {"type":"content_block_start",'
    . '"index":1,"content_block":{"type":"tool_use","id":"toolu_1",'
    . '"name":"f","input":{}}}\n\n' . "\n"
    . join('', map { 'say event: content_block_delta\ndata: {"type":'
        . '"content_block_delta","index":1,"delta":{"type":'
        . '"input_json_delta","partial_json":"' . $_ . '"}}\n\n' . "\n" }
        '{\x5c"a\x5c"', ':1.5', '0}')
    . 'say event: content_block_stop\ndata: {"type":"content_block_stop",'
    . '"index":1}\n\n' . "\n"
    . 'say event: message_delta\ndata: {"type":"message_delta","delta":'
    . '{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}\n\n' . "\n"
    . 'say event: message_stop\ndata: {"type":"message_stop"}\n\n' . "\nend");

my $res = ask(chat(stream => 'true'));

like($res->{body}, qr/"tool_calls":\[\{"index":0,"id":"toolu_1","type":
     "function","function":\{"name":"f","arguments":""\}\}\]/x, "start");

my $arguments = '';
$arguments .= $1 while $res->{body} =~ /"arguments":"((?:[^"\\]|\\.)*)"/g;
is($arguments, '{\"a\":1.50}', "arguments");
like($res->{body}, qr/"finish_reason":"tool_calls".*\[DONE\]\n\n$/s, "finish");



=== TEST 6: its errors in the client's words
--- errors
--- model: deployment a up-a;
--- do
for my $case (
    [400, 'invalid_request_error', 'messages: bad',
     '400 invalid_request_error null'],
    [400, 'invalid_request_error', 'prompt is too long: 9 tokens > 8 maximum',
     '400 invalid_request_error context_length_exceeded'],
    [401, 'authentication_error', 'invalid x-api-key',
     '502 server_error provider_auth'],
    [403, 'permission_error', 'no', '502 server_error provider_auth'],
    [404, 'not_found_error', 'model: x',
     '404 invalid_request_error model_not_found'],
    [413, 'request_too_large', 'large',
     '413 invalid_request_error request_too_large'],
    [429, 'rate_limit_error', 'slow',
     '429 rate_limit_error provider_rate_limit'],
    [500, 'api_error', 'oops', '502 server_error provider_error'],
    [529, 'overloaded_error', 'Overloaded', '503 server_error overloaded'],
) {
    my ($status, $type, $message, $expected) = @$case;

    for my $stream ('false', 'true') {
        provider('a')->play("status $status\njson {\"type\":\"error\","
            . "\"error\":{\"type\":\"$type\",\"message\":\"$message\"}}");

        my $res = ask(chat(stream => $stream));

        is(error_of($res), $expected, "$status $type");
        like($res->{body}, qr/^\{"error":\{"message":/, "shape");
        unlike($res->{body}, qr/"type":"error"/, "not its shape");
    }
}



=== TEST 7: from one dialect to the other and back
--- errors
--- do
provider('a')->play("status 529\njson {\"type\":\"error\",\"error\":{\"type\":"
                    . "\"overloaded_error\",\"message\":\"x\"}}");
provider('b')->play("ok from b");
is(content_of(ask(chat())), "from b", "plain");

provider('a')->play("sse\n" . 'say event: error\ndata: {"type":"error",'
    . '"error":{"type":"overloaded_error","message":"x"}}\n\n' . "\nend");
provider('b')->play("stream from b");
is(content_of(ask(chat(stream => 'true'))), "from b", "first event");

provider('a')->play("sse\nc-start\ncut");
provider('b')->play("stream from b");

my $res = ask(chat(stream => 'true'));
is(content_of($res), "from b", "start only");
unlike($res->{body}, qr/msg_1/, "nothing of the first");
is((provider('b')->seen)[0]{line}, 'POST /v1/chat/completions HTTP/1.1',
   "b's path");
is((provider('b')->seen)[0]{headers}{authorization},
   'Bearer secret-of-provider', "b's key");
ok(!exists((provider('b')->seen)[0]{headers}{'x-api-key'}), "not a's");



=== TEST 8: connections are kept
--- model: deployment a up-a;
--- a
claude x
==
c-stream x
==
status 429
json {"type":"error","error":{"type":"rate_limit_error","message":"x"}}
==
claude last
--- do
ask(chat());
ask(chat(stream => 'true'));
ask(chat());
is(content_of(ask(chat())), 'last', "all answered");
my %connection = map { $_->{connection} => 1 } provider('a')->seen;
is(scalar keys %connection, 1, "on one connection");
