# An OpenAI client and Cohere's API: what goes out, what comes back.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b'],
    defaults  => {
        provider_a => "dialect cohere;",
        model      => "deployment a command-a-03-2025 tier=1; "
                      . "deployment b up-b tier=2;",
    },
);


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}


# a stream, as the vendor's client knows it

sub fixture {
    my ($name, $head) = @_;

    return ($head || 'sse') . "\nfile t/fixtures/cohere/$name.sse\nend";
}


# the events of an answer

sub events {
    my ($res) = @_;

    return $res->{body} =~ /^data: (.*)\n\n/mg;
}


# all arguments of a stream's call

sub arguments {
    my ($res, $index) = @_;
    my $all = '';

    for my $event (events($res)) {
        $all .= $1 if $event =~ /"tool_calls":\[\{"index":$index\b.*
                                "arguments":"((?:[^"\\]|\\.)*)"/x;
    }

    return $all;
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: path, headers, body
--- do
provider('a')->play('json {"id":"r-1","finish_reason":"COMPLETE","message":{"role'
   . '":"assistant","content":[{"type":"text","text":"hello"}]},"u'
   . 'sage":{"billed_units":{"input_tokens":5,"output_tokens":3},"'
   . 'tokens":{"input_tokens":11,"output_tokens":7},"cached_tokens'
   . '":4}}');

my $res = ask('{"model":"m","messages":[{"role":"system","content":"be kind"},'
    . '{"role":"user","content":"hi \u00e9"}],"temperature":0.50,'
    . '"max_tokens":77,"stop":["x"],"user":"u1","my_own":{"a":1}}',
    headers => { Authorization => 'Bearer client' });
my $sent = sent();

is($sent->{line}, 'POST /v1/chat HTTP/1.1', "path");
is($sent->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is($sent->{headers}{'content-type'}, 'application/json', "type");
is($sent->{headers}{accept}, 'application/json', "asked for");
unlike($sent->{head}, qr/client/, "nothing of the client's");
is($sent->{body}, '{"model":"command-a-03-2025","messages":[{"role":"system","c'
   . 'ontent":"be kind"},{"role":"user","content":"hi \\u00e9"}],"m'
   . 'ax_tokens":77,"temperature":0.50,"stop_sequences":["x"]}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user, my_own', "named");

is($res->{status}, 200, "status");
like($res->{body}, qr/"object":"chat\.completion","created":\d+,"model":
     "[^"]+","choices":\[\{"index":0,"message":\{"role":"assistant",
     "content":"hello".*"finish_reason":"stop"/x, "answer");
like($res->{body}, qr/"prompt_tokens":11,"completion_tokens":7,
                      "total_tokens":18/x, "usage");
is($res->{headers}{'content-length'}, length $res->{body}, "its length");
unlike($res->{body}, qr/message-end|tool_plan|finish_reason":"COMPLETE/, "nothing of its dialect");
like(logged(), qr/^200\|OK\|a\|1\|m\|command-a-03-2025\|11\|7\|stop\|-\|0\|4$/,
     "logged");



=== TEST 2: a stream
--- do
provider('a')->play(fixture('plain'));

my $res = ask(chat(stream => 'true'));
my @event = events($res);

is(sent()->{headers}{accept}, 'text/event-stream', "asked for");
like(sent()->{body}, qr/"stream":true/, "said");
unlike(sent()->{body}, qr/stream_options/, "usage is there unasked");
is($res->{headers}{'content-type'}, 'text/event-stream; charset=utf-8',
   "type");
like($event[0], qr/"object":"chat\.completion\.chunk".*"delta":\{
                   "role":"assistant"/x, "the role first");
is(content_of($res), "Hello \\\"w\xc3\xb6rld\\\"\\n", "text");
like($event[-2], qr/"delta":\{\}.*"finish_reason":"stop"/, "finish");
is($event[-1], '[DONE]', "the end");
unlike($res->{body}, qr/usage":\{/, "no usage");
unlike($res->{body}, qr/message-end|tool_plan|finish_reason":"COMPLETE/, "nothing of its dialect");
like(logged(), qr/^200\|OK\|a\|1\|m\|command-a-03-2025\|72\|6\|stop\|-\|0\|/,
     "logged");

provider('a')->play(fixture('plain', 'sse close') =~ s/end$/cut/r);
$res = ask(chat(stream => 'true',
                stream_options => '{"include_usage":true}'));
@event = events($res);

like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":72,"completion_tokens":6,"total_tokens":78/,
     "usage");
is($event[-1], '[DONE]', "the end");



=== TEST 3: however its bytes come
--- do
for my $case ([1, 'plain'], [2, 'plain'], [7, 'parallel'], [100, 'parallel'])
{
    my ($split, $name) = @$case;

    provider('a')->play("split $split\n" . fixture($name));

    my $res = ask(chat(stream => 'true'));

    is($res->{whole}, 1, "in parts of $split");
    like($res->{body}, qr/"finish_reason":"(stop|tool_calls)".*
                          \[DONE\]\n\n$/sx, "the end");
}



=== TEST 4: a stream that is cut
--- errors
--- model: deployment a command-a-03-2025;
--- do
for my $end ("cut", "end") {
    provider('a')->play(fixture('cut') =~ s/end$/$end/r);

    my $res = ask(chat(stream => 'true'));

    like(content_of($res), qr/^On/, "text");
    like($res->{body}, qr/data: \{"error":\{/, "an error");
    unlike($res->{body}, qr/\[DONE\]|"finish_reason":"/, "and no end");
}

provider('a')->play(fixture('error'));
my $res = ask(chat(stream => 'true'));

like(content_of($res), qr/^On/, "text");
like($res->{body}, qr/data: \{"error":\{"message":/, "its own error");
unlike($res->{body}, qr/\[DONE\]/, "and no end");



=== TEST 5: tools, there and back
--- do
my $tools = '[{"type":"function","function":{"name":"weather","description":'
    . '"d","parameters":{"type":"object","properties":{"z":{"type":"string"},'
    . '"a":{"type":"number"}},"required":["z"]},"strict":true}}]';

provider('a')->play('json {"id":"r-1","finish_reason":"TOOL_CALL","message":{'
    . '"role":"assistant","tool_plan":"I will look.","tool_calls":[{"id":'
    . '"w_1","type":"function","function":{"name":"weather","arguments":'
    . '"{\\\\"z\\\\": \\\\"Rome\\\\",\\\\"a\\\\":1.50}"}},{"id":"w_2","type":'
    . '"function","function":{"name":"weather","arguments":"null"}}]}}');

my $res = ask(chat(tools => $tools, tool_choice => '"required"'));

like(sent()->{body}, qr/"tools":\[\{"type":"function","function":\{"name":
     "weather","description":"d","parameters":\{"type":"object","properties":\{
     "z":\{"type":"string"\},"a":\{"type":"number"\}\},"required":\["z"\]\}\}\}
     \],"tool_choice":"REQUIRED".*"strict_tools":true/x, "declared");
like($res->{body}, qr/"content":"I will look\."/, "the plan is text");
like($res->{body}, qr/"tool_calls":\[\{"id":"w_1","type":"function",
     "function":\{"name":"weather","arguments":"\{\\"z\\":\ \\"Rome\\",
     \\"a\\":1\.50\}"\}\},\{"id":"w_2","type":"function","function":\{"name":
     "weather","arguments":"\{\}"\}\}\]/x, "calls");
like($res->{body}, qr/"finish_reason":"tool_calls"/, "finish");

# the client sends back what it got

my ($message) = $res->{body} =~ /"message":(\{.*\}),"logprobs"/;

provider('a')->play('json {"id":"r-1","finish_reason":"COMPLETE","message":{"role'
   . '":"assistant","content":[{"type":"text","text":"sunny"}]},"u'
   . 'sage":{"billed_units":{"input_tokens":5,"output_tokens":3},"'
   . 'tokens":{"input_tokens":11,"output_tokens":7},"cached_tokens'
   . '":4}}');
$res = ask(chat(tools => $tools, messages => '[{"role":"user","content":"x"},'
    . "$message," . '{"role":"tool","tool_call_id":"w_2","content":"21"},'
    . '{"role":"tool","tool_call_id":"w_1","content":"{\"t\":20}"}]'));

is(content_of($res), "sunny", "answered");
like(sent()->{body}, qr/\{"role":"assistant","tool_plan":"I\ will\ look\.",
     "tool_calls":\[\{"id":"w_1","type":"function","function":\{"name":
     "weather","arguments":"\{\\"z\\":\ \\"Rome\\",\\"a\\":1\.50\}"\}\},
     \{"id":"w_2".*\}\]\},\{"role":"tool","tool_call_id":"w_2","content":"21"\},
     \{"role":"tool","tool_call_id":"w_1","content":"\{\\"t\\":20\}"\}\]/x,
     "and back");



=== TEST 6: tools in a stream
--- do
provider('a')->play(fixture('parallel'));

my $res = ask(chat(stream => 'true'));

is(content_of($res), 'Both.', "the plan");
like($res->{body}, qr/"tool_calls":\[\{"index":0,"id":"f_1","type":"function",
     "function":\{"name":"f","arguments":""\}\}\]/x, "first");
is(arguments($res, 0), '{\"a\": 1}', "its arguments");
is(arguments($res, 1), '{}', "a call without any");
is(arguments($res, 2), '{}', "a call with null");
like($res->{body}, qr/"finish_reason":"tool_calls".*\[DONE\]\n\n$/s, "finish");



=== TEST 7: thoughts
--- model: deployment a command-a-reasoning-08-2025;
--- do
provider('a')->play(fixture('reasoning'));

my $res = ask(chat(stream => 'true', reasoning_effort => '"low"'));

like(sent()->{body}, qr/"thinking":\{"type":"enabled","token_budget":2048\}/,
     "effort");
like($res->{body}, qr/"reasoning_content":"Let me"/, "thoughts");
is(content_of($res), '4', "text");

ask(chat(messages => '[{"role":"user","content":"x"},{"role":"assistant",'
         . '"content":"4","reasoning_content":"hm"},{"role":"user",'
         . '"content":"y"}]', reasoning_effort => '"none"'));
like(sent()->{body}, qr/\{"role":"assistant","content":\[\{"type":"thinking",
     "thinking":"hm"\},\{"type":"text","text":"4"\}\]\}/x, "and back");
like(sent()->{body}, qr/"thinking":\{"type":"disabled"\}/, "no effort");



=== TEST 8: sources
--- do
provider('a')->play(fixture('citations'));

my $res = ask(chat(stream => 'true', documents => '["one"]'));

like(sent()->{body}, qr/"documents":\["one"\]/, "its own member");
ok(!exists $res->{headers}{'x-llm-dropped-params'}, "is not dropped");
like($res->{body}, qr/"annotations":\[\{"type":"url_citation","url_citation":\{
     "url":"https:\/\/a\/","title":"T","start_index":2,"end_index":3\}\}\]/x,
     "annotations");



=== TEST 9: images, files, formats
--- do
provider('a')->play('json {"id":"r-1","finish_reason":"COMPLETE","message":{"role'
   . '":"assistant","content":[{"type":"text","text":"x"}]},"usage'
   . '":{"billed_units":{"input_tokens":5,"output_tokens":3},"toke'
   . 'ns":{"input_tokens":11,"output_tokens":7},"cached_tokens":4}'
   . '}');

ask(chat(messages => '[{"role":"user","content":[{"type":"text","text":"x"},'
    . '{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},'
    . '{"type":"file","file":{"filename":"a.txt","file_data":'
    . '"data:text/plain;base64,aGk="}}]}]'));
like(sent()->{body}, qr/"content":\[\{"type":"text","text":"x"\},\{"type":
     "image_url","image_url":\{"url":"data:image\/png;base64,AAAA"\}\}\]\}\],
     "documents":\[\{"id":"file_0","data":\{"title":"a\.txt","text":"hi"\}\}\]
     /x, "an image, and a document");

my $res = ask(chat(response_format => '{"type":"json_schema","json_schema":{'
    . '"name":"n","schema":{"type":"object","properties":{"a":{"type":'
    . '"string","minLength":1}},"required":["a"]}}}'));
like(sent()->{body}, qr/"response_format":\{"type":"json_object",
     "json_schema":\{"type":"object","properties":\{"a":\{"type":"string"\}\},
     "required":\["a"\]\}\}/x, "a schema");
is($res->{headers}{'x-llm-dropped-params'}, 'response_format',
   "what was cut is named");



=== TEST 10: its errors in the client's words
--- errors
--- model: deployment a command-a-03-2025;
--- do
for my $case (
    [400, '{"message":"bad"}', '400 invalid_request_error null'],
    [400, '{"message":"too many tokens: size limit exceeded"}',
     '400 invalid_request_error context_length_exceeded'],
    [401, '{"message":"invalid api token"}', '502 server_error provider_auth'],
    [402, '{"message":"pay"}', '502 server_error provider_auth'],
    [404, '{"message":"model x not found"}',
     '404 invalid_request_error model_not_found'],
    [429, '{"message":"slow"}', '429 rate_limit_error provider_rate_limit'],
    [498, '{"message":"blocked"}', '400 invalid_request_error content_filter'],
    [500, '{"message":"oops"}', '502 server_error provider_error'],
    [503, '{"message":"busy"}', '503 server_error overloaded'],
) {
    my ($status, $body, $expected) = @$case;

    for my $stream ('false', 'true') {
        provider('a')->play("status $status\njson "
                            . $body =~ s/\\/\\\\/gr);

        my $res = ask(chat(stream => $stream));

        is(error_of($res), $expected, $body);
        like($res->{body}, qr/^\{"error":\{"message":/, "shape");
    }
}

provider('a')->play("status 429\nheader Retry-After: 7\njson {}");
is(ask(chat())->{headers}{'retry-after'}, 7, "when to come back");

provider('a')->play("status 429
header Retry-After-Ms: 1001
json {}");
is(ask(chat())->{headers}{'retry-after'}, 2, "in milliseconds");



=== TEST 11: from one dialect to the other
--- errors
--- do
provider('b')->play("ok from b");

for my $script (
    "status 503\njson {}",
    "json {}",
    "json oops",
) {
    provider('a')->play($script);
    is(content_of(ask(chat())), "from b", "plain");
}

for my $script (
    'data {"type":"message-end","delta":{"finish_reason":"ERROR"}}',
    'data {"id":"1","message":"oops"}',
    'data {"type":"message-start","id":"r"}',
    'data oops',
) {
    provider('a')->play("sse\n$script\nend");
    provider('b')->play("stream from b");

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), "from b", "first event");
    is((provider('b')->seen)[0]{line}, 'POST /v1/chat/completions HTTP/1.1',
       "b's path");
}



=== TEST 12: what it cannot take
--- model: deployment a command-a-03-2025;
--- do
provider('a')->play('json {"id":"r-1","finish_reason":"COMPLETE","message":{"role'
   . '":"assistant","content":[{"type":"text","text":"x"}]},"usage'
   . '":{"billed_units":{"input_tokens":5,"output_tokens":3},"toke'
   . 'ns":{"input_tokens":11,"output_tokens":7},"cached_tokens":4}'
   . '}');

is(error_of(ask(chat(n => 2))),
   "400 invalid_request_error unsupported_parameter", "several answers");
is(error_of(ask(chat(messages => '[{"role":"user","content":[{"type":'
                     . '"input_audio","input_audio":{"data":"AA","format":'
                     . '"wav"}}]}]'))),
   "400 invalid_request_error unsupported_parameter", "audio");
is(error_of(ask(chat(messages => '[{"role":"tool","tool_call_id":"x",'
                     . '"content":"y"}]'))),
   "400 invalid_request_error null", "a result of nothing");
is(scalar(provider('a')->seen), 0, "nobody was asked");



=== TEST 13: connections are kept
--- model: deployment a command-a-03-2025;
--- do
provider('a')->play('json {"id":"r-1","finish_reason":"COMPLETE","message":{"role'
   . '":"assistant","content":[{"type":"text","text":"x"}]},"usage'
   . '":{"billed_units":{"input_tokens":5,"output_tokens":3},"toke'
   . 'ns":{"input_tokens":11,"output_tokens":7},"cached_tokens":4}'
   . '}'
    . "\n==\n" . fixture('plain') . "\n==\n" . "status 429\njson {}\n==\n"
    . 'json {"id":"r-1","finish_reason":"COMPLETE","message":{"role'
    . '":"assistant","content":[{"type":"text","text":"last"}]},"us'
    . 'age":{"billed_units":{"input_tokens":5,"output_tokens":3},"t'
    . 'okens":{"input_tokens":11,"output_tokens":7},"cached_tokens"'
    . ':4}}');

ask(chat());
ask(chat(stream => 'true'));
ask(chat());
is(content_of(ask(chat())), 'last', "all answered");
my %connection = map { $_->{connection} => 1 } provider('a')->seen;
is(scalar keys %connection, 1, "on one connection");



=== TEST 14: the preset, and the path of a url without one
--- http eval
"llm_provider cohere { key none; url http://127.0.0.1:"
. Gateway::provider('a')->port . "; }\nllm_model n { deployment cohere x; "
. "cooldown off; }\nllm_provider other { dialect cohere; key none; "
. "url http://127.0.0.1:1; }\n"
--- do
provider('a')->play('json {"id":"r-1","finish_reason":"COMPLETE","message":{"role'
   . '":"assistant","content":[{"type":"text","text":"x"}]},"usage'
   . '":{"billed_units":{"input_tokens":5,"output_tokens":3},"toke'
   . 'ns":{"input_tokens":11,"output_tokens":7},"cached_tokens":4}'
   . '}');

is(content_of(ask(chat(model => '"n"'))), 'x', "answered");
is(sent()->{line}, 'POST /v2/chat HTTP/1.1', "path");
ok(!exists sent()->{headers}{authorization}, "no key");
