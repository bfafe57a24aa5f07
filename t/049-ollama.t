# An OpenAI client and Ollama's own API: what goes out, what comes back.

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
        provider_a => "dialect ollama;",
        model      => "deployment a llama3.2 tier=1; "
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

    return ($head || 'ndjson') . "\nfile t/fixtures/ollama/$name.ndjson\nend";
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
provider('a')->play('json {"model":"llama3.2","created_at":"2023-12-12T14:13:43.4'
   . '16799Z","message":{"role":"assistant","content":"hello"},"do'
   . 'ne":true,"done_reason":"stop","total_duration":5191566416,"l'
   . 'oad_duration":2154458,"prompt_eval_count":11,"prompt_eval_du'
   . 'ration":383809000,"eval_count":7,"eval_duration":4799921000}');

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
is($sent->{body}, '{"model":"llama3.2","stream":false,"messages":[{"role":"syst'
   . 'em","content":"be kind"},{"role":"user","content":"hi \\u00e9'
   . '"}],"options":{"num_predict":77,"temperature":0.50,"stop":["'
   . 'x"]}}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user, my_own', "named");

is($res->{status}, 200, "status");
like($res->{body}, qr/"object":"chat\.completion","created":\d+,"model":
     "[^"]+","choices":\[\{"index":0,"message":\{"role":"assistant",
     "content":"hello".*"finish_reason":"stop"/x, "answer");
like($res->{body}, qr/"prompt_tokens":11,"completion_tokens":7,
                      "total_tokens":18/x, "usage");
is($res->{headers}{'content-length'}, length $res->{body}, "its length");
unlike($res->{body}, qr/done_reason|eval_count|created_at/, "nothing of its dialect");
like(logged(), qr/^200\|OK\|a\|1\|m\|llama3.2\|11\|7\|stop\|-\|0\|(0|-)$/,
     "logged");



=== TEST 2: a stream
--- do
provider('a')->play(fixture('plain'));

my $res = ask(chat(stream => 'true'));
my @event = events($res);

is(sent()->{headers}{accept}, 'application/x-ndjson', "asked for");
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
unlike($res->{body}, qr/done_reason|eval_count|created_at/, "nothing of its dialect");
like(logged(), qr/^200\|OK\|a\|1\|m\|llama3.2\|26\|282\|stop\|-\|0\|/,
     "logged");

provider('a')->play(fixture('plain', 'ndjson close') =~ s/end$/cut/r);
$res = ask(chat(stream => 'true',
                stream_options => '{"include_usage":true}'));
@event = events($res);

like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":26,"completion_tokens":282,"total_tokens":308/,
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
--- model: deployment a llama3.2;
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
    . '"d","parameters":{"$defs":{"Z":{"type":"string"}},"type":"object",'
    . '"properties":{"z":{"$ref":"#/$defs/Z"}},"required":["z"]}}}]';

provider('a')->play('json {"model":"llama3.2","created_at":'
    . '"2023-12-12T14:13:43Z","message":{"role":"assistant","content":"look",'
    . '"tool_calls":[{"function":{"name":"weather","arguments":{"z": "Rome",'
    . '"a":1.50}}},{"id":"call_x","function":{"name":"weather","arguments":{}}'
    . '}]},"done":true,"done_reason":"stop","prompt_eval_count":1,'
    . '"eval_count":2}');

my $res = ask(chat(tools => $tools));

like(sent()->{body}, qr/"tools":\[\{"type":"function","function":\{"name":
     "weather","description":"d","parameters":\{"type":"object","properties":\{
     "z":\{"type":"string"\}\},"required":\["z"\]\}\}\}\]/x, "declared");
like($res->{body}, qr/"created":1702390423,/, "when");
like($res->{body}, qr/"content":"look"/, "text beside it");
like($res->{body}, qr/"tool_calls":\[\{"id":"call_[0-9a-f]+_0","type":
     "function","function":\{"name":"weather","arguments":
     "\{\\"z\\":\ \\"Rome\\",\\"a\\":1\.50\}"\}\},\{"id":"call_x","type":
     "function","function":\{"name":"weather","arguments":"\{\}"\}\}\]/x,
     "calls");
like($res->{body}, qr/"finish_reason":"tool_calls"/, "finish");

# the client sends back what it got

my ($message) = $res->{body} =~ /"message":(\{.*\}),"logprobs"/;

provider('a')->play('json {"model":"llama3.2","created_at":"2023-12-12T14:13:43.4'
   . '16799Z","message":{"role":"assistant","content":"sunny"},"do'
   . 'ne":true,"done_reason":"stop","total_duration":5191566416,"l'
   . 'oad_duration":2154458,"prompt_eval_count":11,"prompt_eval_du'
   . 'ration":383809000,"eval_count":7,"eval_duration":4799921000}');
$res = ask(chat(tools => $tools, messages => '[{"role":"user","content":"x"},'
    . "$message," . '{"role":"tool","tool_call_id":"call_x","content":"21"}]'));

is(content_of($res), "sunny", "answered");
like(sent()->{body}, qr/\{"role":"assistant","content":"look","tool_calls":\[
     \{"id":"call_[^"]+","function":\{"index":0,"name":"weather","arguments":
     \{"z":\ "Rome","a":1\.50\}\}\},\{"id":"call_x","function":\{"index":1,
     "name":"weather","arguments":\{\}\}\}\]\},\{"role":"tool","content":"21",
     "tool_name":"weather","tool_call_id":"call_x"\}\]/x, "and back");



=== TEST 6: tools in a stream
--- do
provider('a')->play(fixture('parallel'));

my $res = ask(chat(stream => 'true'));

is(content_of($res), 'Both.', "text");
like($res->{body}, qr/"tool_calls":\[\{"index":0,"id":"call_[0-9a-f]+_0",
     "type":"function","function":\{"name":"f","arguments":""\}\}\]/x,
     "first");
is(arguments($res, 0), '{\"a\":1}', "its arguments");
is(arguments($res, 1), '{}', "a call without any");
is(arguments($res, 2), "{\\\"x\\\":\\\"\xc3\xa9\\\"}", "of another line");
like($res->{body}, qr/"finish_reason":"tool_calls".*\[DONE\]\n\n$/s, "finish");



=== TEST 7: thoughts
--- model: deployment a qwen3:8b;
--- do
provider('a')->play(fixture('reasoning'));

my $res = ask(chat(stream => 'true', reasoning_effort => '"low"'));

like(sent()->{body}, qr/^\{"model":"qwen3:8b",.*"think":"low"/, "effort");
like($res->{body}, qr/"reasoning_content":"Let me"/, "thoughts");
is(content_of($res), '4', "text");

ask(chat(messages => '[{"role":"user","content":"x"},{"role":"assistant",'
         . '"content":"4","reasoning_content":"hm"},{"role":"user",'
         . '"content":"y"}]', reasoning_effort => '"none"'));
like(sent()->{body}, qr/\{"role":"assistant","content":"4","thinking":"hm"\}/,
     "and back");
like(sent()->{body}, qr/"think":false/, "no effort");



=== TEST 8: options, images, files, formats
--- do
provider('a')->play('json {"model":"llama3.2","created_at":"2023-12-12T14:13:43.4'
   . '16799Z","message":{"role":"assistant","content":"x"},"done":'
   . 'true,"done_reason":"stop","total_duration":5191566416,"load_'
   . 'duration":2154458,"prompt_eval_count":11,"prompt_eval_durati'
   . 'on":383809000,"eval_count":7,"eval_duration":4799921000}');

ask(chat(messages => '[{"role":"user","content":[{"type":"text","text":"x"},'
    . '{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},'
    . '{"type":"file","file":{"filename":"a.txt","file_data":'
    . '"data:text/plain;base64,aGk="}}]}]', num_ctx => 8192,
    keep_alive => '"5m"'));
like(sent()->{body}, qr/"content":"x\\na\.txt:\\nhi","images":\["AAAA"\]\}\],
     "options":\{"num_ctx":8192\},"keep_alive":"5m"/x, "all of it");

ask(chat(response_format => '{"type":"json_schema","json_schema":{"name":"n",'
    . '"schema":{"type":"object"}}}'));
like(sent()->{body}, qr/"format":\{"type":"object"\}/, "a schema");



=== TEST 9: lines of all kinds
--- errors
--- model: deployment a llama3.2;
--- do
for my $name ('blank', 'no_newline', 'rest', 'no_counts', 'logprobs') {
    provider('a')->play(fixture($name));

    my $res = ask(chat(stream => 'true'));

    like($res->{body}, qr/"finish_reason":"(stop|tool_calls)".*
                          \[DONE\]\n\n$/sx, $name);
}

provider('a')->play("ndjson\nsay " . '{"model":"m","message":{"content":"'
    . "\nfill 3000000\nsay " . '"},"done":false}\n' . "\n"
    . 'say {"model":"m","message":{"content":""},"done":true}\n' . "\nend");
is(length(content_of(ask(chat(stream => 'true')))), 3000000, "a long line");

provider('a')->play("ndjson\nsay " . '{"model":"m","message":{"content":"a"},'
    . '"done":false}\n' . "\nfill 9000000\nend");

my $res = ask(chat(stream => 'true'));

is(content_of($res), 'a', "the line before");
like($res->{body}, qr/data: \{"error":\{/, "one that is too long");
unlike($res->{body}, qr/\[DONE\]/, "and no end");



=== TEST 10: its errors in the client's words
--- errors
--- model: deployment a llama3.2;
--- do
for my $case (
    [400, '{"error":"option \"top_k\" must be of type integer"}',
     '400 invalid_request_error null'],
    [400, '{"error":"the input length exceeds the context length"}',
     '400 invalid_request_error context_length_exceeded'],
    [401, '{"error":"unauthorized","signin_url":"x"}',
     '502 server_error provider_auth'],
    [404, '{"error":"model \'x\' not found"}',
     '404 invalid_request_error model_not_found'],
    [429, '{"error":"limit"}', '429 rate_limit_error provider_rate_limit'],
    [500, '{"error":"llama runner process has terminated"}',
     '502 server_error provider_error'],
    [503, '{"error":"server busy, please try again.  maximum pending requests '
     . 'exceeded"}', '503 server_error overloaded'],
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
    'say {"error":"model is loading failed"}\n',
    'say {"error":"server busy, maximum pending requests exceeded"}\n',
    'say {"model":"m","message":{"content":""},"done":false}\n',
    'say oops\n',
) {
    provider('a')->play("ndjson\n$script\nend");
    provider('b')->play("stream from b");

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), "from b", "first event");
    is((provider('b')->seen)[0]{line}, 'POST /v1/chat/completions HTTP/1.1',
       "b's path");
}



=== TEST 12: what it cannot take
--- model: deployment a llama3.2;
--- do
provider('a')->play('json {"model":"llama3.2","created_at":"2023-12-12T14:13:43.4'
   . '16799Z","message":{"role":"assistant","content":"x"},"done":'
   . 'true,"done_reason":"stop","total_duration":5191566416,"load_'
   . 'duration":2154458,"prompt_eval_count":11,"prompt_eval_durati'
   . 'on":383809000,"eval_count":7,"eval_duration":4799921000}');

is(error_of(ask(chat(messages => '[{"role":"user","content":[{"type":'
                     . '"image_url","image_url":{"url":"https://a/b.png"}}]}]'
                     ))),
   "400 invalid_request_error unsupported_parameter", "an image's url");
is(error_of(ask(chat(tools => '[{"type":"function","function":{"name":"f"}}]',
                     tool_choice => '"required"'))),
   "400 invalid_request_error unsupported_parameter", "a forced tool");
is(scalar(provider('a')->seen), 0, "nobody was asked");



=== TEST 13: connections are kept
--- model: deployment a llama3.2;
--- do
provider('a')->play('json {"model":"llama3.2","created_at":"2023-12-12T14:13:43.4'
   . '16799Z","message":{"role":"assistant","content":"x"},"done":'
   . 'true,"done_reason":"stop","total_duration":5191566416,"load_'
   . 'duration":2154458,"prompt_eval_count":11,"prompt_eval_durati'
   . 'on":383809000,"eval_count":7,"eval_duration":4799921000}'
    . "\n==\n" . fixture('plain') . "\n==\n" . "status 429\njson {}\n==\n"
    . 'json {"model":"llama3.2","created_at":"2023-12-12T14:13:43.4'
    . '16799Z","message":{"role":"assistant","content":"last"},"don'
    . 'e":true,"done_reason":"stop","total_duration":5191566416,"lo'
    . 'ad_duration":2154458,"prompt_eval_count":11,"prompt_eval_dur'
    . 'ation":383809000,"eval_count":7,"eval_duration":4799921000}');

ask(chat());
ask(chat(stream => 'true'));
ask(chat());
is(content_of(ask(chat())), 'last', "all answered");
my %connection = map { $_->{connection} => 1 } provider('a')->seen;
is(scalar keys %connection, 1, "on one connection");



=== TEST 14: the preset, and the path of a url without one
--- http eval
"llm_provider ollama { url http://127.0.0.1:"
. Gateway::provider('a')->port . "; }\nllm_model n { deployment ollama x; "
. "cooldown off; }\nllm_provider other { dialect ollama; key none; "
. "url http://127.0.0.1:1; }\n"
--- do
provider('a')->play('json {"model":"llama3.2","created_at":"2023-12-12T14:13:43.4'
   . '16799Z","message":{"role":"assistant","content":"x"},"done":'
   . 'true,"done_reason":"stop","total_duration":5191566416,"load_'
   . 'duration":2154458,"prompt_eval_count":11,"prompt_eval_durati'
   . 'on":383809000,"eval_count":7,"eval_duration":4799921000}');

is(content_of(ask(chat(model => '"n"'))), 'x', "answered");
is(sent()->{line}, 'POST /api/chat HTTP/1.1', "path");
ok(!exists sent()->{headers}{authorization}, "no key");
