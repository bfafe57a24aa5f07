# An OpenAI client and Ollama's own API: what goes out, what comes back.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Dialect;
use Gateway;

repeat_each(1);
plan 'no_plan';

dialect(
    name    => 'ollama',
    model   => 'llama3.2',
    head    => 'ndjson',
    suffix  => 'ndjson',
    accept  => 'application/x-ndjson',
    answer  => \&whole,
    foreign => qr/done_reason|eval_count|created_at/,
);


sub whole {
    return 'json {"model":"llama3.2","created_at":'
           . '"2023-12-12T14:13:43.416799Z","message":{"role":"assistant",'
           . '"content":"' . $_[0] . '"},"done":true,"done_reason":"stop",'
           . '"total_duration":5191566416,"load_duration":2154458,'
           . '"prompt_eval_count":11,"prompt_eval_duration":383809000,'
           . '"eval_count":7,"eval_duration":4799921000}';
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: path, headers, body
--- do
provider('a')->play(answer('hello'));

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

answers_hello($res, qr/(0|-)/);



=== TEST 2: a stream
--- do
plays_plain(26, 282);



=== TEST 3: however its bytes come
--- do
plays_split();



=== TEST 4: a stream that is cut
--- errors
--- model: deployment a llama3.2;
--- do
plays_cut();



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

provider('a')->play(answer('sunny'));
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
provider('a')->play(answer('x'));

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
refuses(
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
);



=== TEST 11: from one dialect to the other
--- errors
--- do
falls_over(
    'say {"error":"model is loading failed"}\n',
    'say {"error":"server busy, maximum pending requests exceeded"}\n',
    'say {"model":"m","message":{"content":""},"done":false}\n',
    'say oops\n',
);



=== TEST 12: what it cannot take
--- model: deployment a llama3.2;
--- do
provider('a')->play(answer('x'));

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
keeps();



=== TEST 14: the preset, and the path of a url without one
--- http eval
Dialect::preset('')
--- do
is_preset('/api/chat');
