# An OpenAI client and Mistral's API: what goes out, what comes back.

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
        provider_a => "dialect mistral;",
        model      => "deployment a mistral-large-latest tier=1; "
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

    return ($head || 'sse') . "\nfile t/fixtures/mistral/$name.sse\nend";
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
provider('a')->play('json {"id":"r-1","object":"chat.completion","created":170225'
   . '6327,"model":"mistral-large-latest","choices":[{"index":0,"m'
   . 'essage":{"role":"assistant","content":"hello","tool_calls":n'
   . 'ull,"prefix":false},"finish_reason":"stop"}],"usage":{"promp'
   . 't_tokens":11,"completion_tokens":7,"total_tokens":18,"num_ca'
   . 'ched_tokens":4}}');

my $res = ask('{"model":"m","messages":[{"role":"system","content":"be kind"},'
    . '{"role":"user","content":"hi \u00e9"}],"temperature":0.50,'
    . '"max_tokens":77,"stop":["x"],"user":"u1","my_own":{"a":1}}',
    headers => { Authorization => 'Bearer client' });
my $sent = sent();

is($sent->{line}, 'POST /v1/chat/completions HTTP/1.1', "path");
is($sent->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is($sent->{headers}{'content-type'}, 'application/json', "type");
is($sent->{headers}{accept}, 'application/json', "asked for");
unlike($sent->{head}, qr/client/, "nothing of the client's");
is($sent->{body}, '{"model":"mistral-large-latest","messages":[{"role":"system"'
   . ',"content":"be kind"},{"role":"user","content":"hi \\u00e9"}]'
   . ',"max_tokens":77,"temperature":0.50,"stop":["x"]}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user, my_own', "named");

is($res->{status}, 200, "status");
like($res->{body}, qr/"object":"chat\.completion","created":\d+,"model":
     "[^"]+","choices":\[\{"index":0,"message":\{"role":"assistant",
     "content":"hello".*"finish_reason":"stop"/x, "answer");
like($res->{body}, qr/"prompt_tokens":11,"completion_tokens":7,
                      "total_tokens":18/x, "usage");
is($res->{headers}{'content-length'}, length $res->{body}, "its length");
unlike($res->{body}, qr/8ed7never/, "nothing of its dialect");
like(logged(), qr/^200\|OK\|a\|1\|m\|mistral-large-latest\|11\|7\|stop\|-\|0\|4$/,
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
unlike($res->{body}, qr/8ed7never/, "nothing of its dialect");
like(logged(), qr/^200\|OK\|a\|1\|m\|mistral-large-latest\|19\|12\|stop\|-\|0\|/,
     "logged");

provider('a')->play(fixture('plain', 'sse close') =~ s/end$/cut/r);
$res = ask(chat(stream => 'true',
                stream_options => '{"include_usage":true}'));
@event = events($res);

like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":19,"completion_tokens":12,"total_tokens":31/,
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
--- model: deployment a mistral-large-latest;
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
    . 'null,"strict":null,"parameters":{"type":"object","properties":{"z":{'
    . '"type":"string"}}}}},{"type":"function","function":{"name":"now"}}]';

provider('a')->play('json {"id":"r-1","object":"chat.completion","created":1,'
    . '"model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    . '"content":"","tool_calls":[{"id":"D681PevKs","function":{"name":'
    . '"weather","arguments":"{\\\\"z\\\\": 1.50}"},"index":0},{"id":"null",'
    . '"function":{"name":"now","arguments":{}},"index":1}]},"finish_reason":'
    . '"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2,'
    . '"total_tokens":3}}');

my $res = ask(chat(tools => $tools, tool_choice => '"required"'));

like(sent()->{body}, qr/"tools":\[\{"type":"function","function":\{"name":
     "weather","parameters":\{"type":"object","properties":\{"z":\{"type":
     "string"\}\}\}\}\},\{"type":"function","function":\{"name":"now",
     "parameters":\{"type":"object","properties":\{\}\}\}\}\],"tool_choice":
     "any"/x, "declared");
like($res->{body}, qr/"content":null/, "no text");
like($res->{body}, qr/"tool_calls":\[\{"id":"D681PevKs","type":"function",
     "function":\{"name":"weather","arguments":"\{\\"z\\":\ 1\.50\}"\}\},\{
     "id":"[a-zA-Z0-9]{9}","type":"function","function":\{"name":"now",
     "arguments":"\{\}"\}\}\]/x, "calls");

# the client sends back what it got, and what it got of another provider

my ($message) = $res->{body} =~ /"message":(\{.*\}),"logprobs"/;
my ($second) = $res->{body} =~ /"id":"([a-zA-Z0-9]{9})","type":"function",
                                "function":\{"name":"now"/x;

provider('a')->play('json {"id":"r-1","object":"chat.completion","created":170225'
   . '6327,"model":"mistral-large-latest","choices":[{"index":0,"m'
   . 'essage":{"role":"assistant","content":"sunny","tool_calls":n'
   . 'ull,"prefix":false},"finish_reason":"stop"}],"usage":{"promp'
   . 't_tokens":11,"completion_tokens":7,"total_tokens":18,"num_ca'
   . 'ched_tokens":4}}');
$res = ask(chat(messages => '[{"role":"user","content":"x"},{"role":'
    . '"assistant","tool_calls":[{"id":"call_of_another","type":"function",'
    . '"function":{"name":"old","arguments":"{}"}}]},{"role":"tool",'
    . '"tool_call_id":"call_of_another","content":"1"},' . "$message,"
    . "{\"role\":\"tool\",\"tool_call_id\":\"$second\",\"content\":\"2\"},"
    . '{"role":"tool","tool_call_id":"D681PevKs","content":"3"}]'));

is(content_of($res), "sunny", "answered");

my ($made) = sent()->{body} =~ /"tool_calls":\[\{"id":"([^"]+)"/;
like($made, qr/^[a-zA-Z0-9]{9}$/, "an id that fits");
like(sent()->{body}, qr/\{"role":"tool","tool_call_id":"$made","name":"old",
     "content":"1"\}/x, "and its result's");
like(sent()->{body}, qr/\{"role":"tool","tool_call_id":"$second","name":"now",
     "content":"2"\},\{"role":"tool","tool_call_id":"D681PevKs","name":
     "weather","content":"3"\}\]/x, "the others as they were");



=== TEST 6: tools in a stream
--- do
provider('a')->play(fixture('parallel'));

my $res = ask(chat(stream => 'true'));

is(content_of($res), 'Both.', "text");
like($res->{body}, qr/"tool_calls":\[\{"index":0,"id":"ckPDjQ9u3","type":
     "function","function":\{"name":"f","arguments":""\}\}\]/x, "first");
is(arguments($res, 0), '{\"a\": 1}', "its arguments");
like($res->{body}, qr/"index":1,"id":"[a-zA-Z0-9]{9}"/, "one without an id");
is(arguments($res, 2), '{}', "third");
like($res->{body}, qr/"finish_reason":"tool_calls".*\[DONE\]\n\n$/s, "finish");



=== TEST 7: thoughts
--- model: deployment a mistral-small-latest;
--- do
provider('a')->play(fixture('reasoning'));

my $res = ask(chat(stream => 'true', reasoning_effort => '"low"'));

like(sent()->{body}, qr/"reasoning_effort":"high"/, "effort");
like($res->{body}, qr/"reasoning_content":"Let me"/, "thoughts");
is(content_of($res), 'It is 4', "text");
like(logged(), qr/\|3$/, "cached tokens");

ask(chat(messages => '[{"role":"user","content":"x"},{"role":"assistant",'
         . '"content":"4","reasoning_content":"hm"},{"role":"user",'
         . '"content":"y"}]'));
like(sent()->{body}, qr/\{"role":"assistant","content":\[\{"type":"thinking",
     "thinking":\[\{"type":"text","text":"hm"\}\]\},\{"type":"text","text":
     "4"\}\]\}/x, "and back");



=== TEST 8: nothing that its closed schema does not know
--- do
provider('a')->play('json {"id":"r-1","object":"chat.completion","created":170225'
   . '6327,"model":"mistral-large-latest","choices":[{"index":0,"m'
   . 'essage":{"role":"assistant","content":"x","tool_calls":null,'
   . '"prefix":false},"finish_reason":"stop"}],"usage":{"prompt_to'
   . 'kens":11,"completion_tokens":7,"total_tokens":18,"num_cached'
   . '_tokens":4}}');

my $res = ask(chat(messages => '[{"role":"user","content":"x","name":"n"},'
    . '{"role":"assistant","content":"y","refusal":null,"annotations":[],'
    . '"audio":null,"tool_calls":null,"function_call":null}]',
    seed => 5, safe_prompt => 'true', store => 'false', top_k => 3,
    stream_options => 'null', max_completion_tokens => 9));

like(sent()->{body}, qr/"messages":\[\{"role":"user","content":"x"\},\{"role":
     "assistant","content":"y","prefix":true\}\],"max_tokens":9,"random_seed":
     5,"safe_prompt":true\}$/x, "body");
is($res->{headers}{'x-llm-dropped-params'}, 'top_k', "named");



=== TEST 9: images, sound, files, formats
--- do
provider('a')->play('json {"id":"r-1","object":"chat.completion","created":170225'
   . '6327,"model":"mistral-large-latest","choices":[{"index":0,"m'
   . 'essage":{"role":"assistant","content":"x","tool_calls":null,'
   . '"prefix":false},"finish_reason":"stop"}],"usage":{"prompt_to'
   . 'kens":11,"completion_tokens":7,"total_tokens":18,"num_cached'
   . '_tokens":4}}');

ask(chat(messages => '[{"role":"user","content":[{"type":"image_url",'
    . '"image_url":{"url":"https://a/b.png","detail":"low"}},{"type":'
    . '"input_audio","input_audio":{"data":"UklG","format":"wav"}},{"type":'
    . '"file","file":{"filename":"a.pdf","file_data":'
    . '"data:application/pdf;base64,JVBE"}}]}]'));
like(sent()->{body}, qr/"content":\[\{"type":"image_url","image_url":\{"url":
     "https:\/\/a\/b\.png","detail":"low"\}\},\{"type":"input_audio",
     "input_audio":"UklG"\},\{"type":"document_url","document_url":
     "data:application\/pdf;base64,JVBE","document_name":"a\.pdf"\}\]/x,
     "parts");

ask(chat(response_format => '{"type":"json_schema","json_schema":{"name":"n",'
    . '"strict":true,"schema":{"type":"object"}}}'));
like(sent()->{body}, qr/"response_format":\{"type":"json_schema",
     "json_schema":\{"name":"n","schema":\{"type":"object"\},"strict":true\}\}
     /x, "a schema");



=== TEST 10: its errors in the client's words
--- errors
--- model: deployment a mistral-large-latest;
--- do
for my $case (
    [400, '{"object":"error","message":"order","type":'
     . '"invalid_request_message_order","param":null,"code":"3230"}',
     '400 invalid_request_error invalid_request_message_order'],
    [400, '{"object":"error","message":"Invalid model: x","type":'
     . '"invalid_model","param":null,"code":"1500"}',
     '404 invalid_request_error model_not_found'],
    [400, '{"object":"error","message":"too large for model with 32768 '
     . 'maximum context length","type":"invalid_request_error","code":null}',
     '400 invalid_request_error context_length_exceeded'],
    [401, '{"message":"Unauthorized","request_id":"1"}',
     '502 server_error provider_auth'],
    [403, '{"error":{"message":"no","status":403},"guardrails":{"a":1}}',
     '400 invalid_request_error content_filter'],
    [422, '{"object":"error","message":{"detail":[{"type":"extra_forbidden",'
     . '"loc":["body","seed"],"msg":"Extra inputs"}]},"type":'
     . '"invalid_request_error"}', '422 invalid_request_error null'],
    [429, '{"object":"error","message":"slow","type":"rate_limited","code":'
     . '"1300"}', '429 rate_limit_error provider_rate_limit'],
    [500, '{"object":"error","message":"oops"}',
     '502 server_error provider_error'],
    [503, '{"object":"error","message":"capacity"}',
     '503 server_error overloaded'],
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
    'data {"object":"error","message":"x","type":"rate_limited","code":"1300",'
    . '"raw_status_code":429}',
    'data {"error":{"message":"x","status":503}}',
    'data {"id":"r","choices":[{"index":0,"delta":{"content":""},'
    . '"finish_reason":"error"}]}',
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
--- model: deployment a mistral-large-latest;
--- do
provider('a')->play('json {"id":"r-1","object":"chat.completion","created":170225'
   . '6327,"model":"mistral-large-latest","choices":[{"index":0,"m'
   . 'essage":{"role":"assistant","content":"x","tool_calls":null,'
   . '"prefix":false},"finish_reason":"stop"}],"usage":{"prompt_to'
   . 'kens":11,"completion_tokens":7,"total_tokens":18,"num_cached'
   . '_tokens":4}}');

is(error_of(ask(chat(logprobs => 'true'))),
   "400 invalid_request_error unsupported_parameter", "probabilities");
is(error_of(ask(chat(messages => '[{"role":"user","content":[{"type":"file",'
                     . '"file":{"file_id":"file-1"}}]}]'))),
   "400 invalid_request_error unsupported_parameter", "another's file");
is(scalar(provider('a')->seen), 0, "nobody was asked");



=== TEST 13: connections are kept
--- model: deployment a mistral-large-latest;
--- do
provider('a')->play('json {"id":"r-1","object":"chat.completion","created":170225'
   . '6327,"model":"mistral-large-latest","choices":[{"index":0,"m'
   . 'essage":{"role":"assistant","content":"x","tool_calls":null,'
   . '"prefix":false},"finish_reason":"stop"}],"usage":{"prompt_to'
   . 'kens":11,"completion_tokens":7,"total_tokens":18,"num_cached'
   . '_tokens":4}}'
    . "\n==\n" . fixture('plain') . "\n==\n" . "status 429\njson {}\n==\n"
    . 'json {"id":"r-1","object":"chat.completion","created":170225'
    . '6327,"model":"mistral-large-latest","choices":[{"index":0,"m'
    . 'essage":{"role":"assistant","content":"last","tool_calls":nu'
    . 'll,"prefix":false},"finish_reason":"stop"}],"usage":{"prompt'
    . '_tokens":11,"completion_tokens":7,"total_tokens":18,"num_cac'
    . 'hed_tokens":4}}');

ask(chat());
ask(chat(stream => 'true'));
ask(chat());
is(content_of(ask(chat())), 'last', "all answered");
my %connection = map { $_->{connection} => 1 } provider('a')->seen;
is(scalar keys %connection, 1, "on one connection");



=== TEST 14: the preset, and the path of a url without one
--- http eval
"llm_provider mistral { key none; url http://127.0.0.1:"
. Gateway::provider('a')->port . "; }\nllm_model n { deployment mistral x; "
. "cooldown off; }\nllm_provider other { dialect mistral; key none; "
. "url http://127.0.0.1:1; }\n"
--- do
provider('a')->play('json {"id":"r-1","object":"chat.completion","created":170225'
   . '6327,"model":"mistral-large-latest","choices":[{"index":0,"m'
   . 'essage":{"role":"assistant","content":"x","tool_calls":null,'
   . '"prefix":false},"finish_reason":"stop"}],"usage":{"prompt_to'
   . 'kens":11,"completion_tokens":7,"total_tokens":18,"num_cached'
   . '_tokens":4}}');

is(content_of(ask(chat(model => '"n"'))), 'x', "answered");
is(sent()->{line}, 'POST /v1/chat/completions HTTP/1.1', "path");
ok(!exists sent()->{headers}{authorization}, "no key");
