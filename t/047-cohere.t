# An OpenAI client and Cohere's API: what goes out, what comes back.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Dialect;
use Gateway;

repeat_each(1);
plan 'no_plan';

dialect(
    name    => 'cohere',
    model   => 'command-a-03-2025',
    answer  => \&whole,
    foreign => qr/message-end|tool_plan|finish_reason":"COMPLETE/,
);


sub whole {
    return 'json {"id":"r-1","finish_reason":"COMPLETE","message":{"role":'
           . '"assistant","content":[{"type":"text","text":"' . $_[0]
           . '"}]},"usage":{"billed_units":{"input_tokens":5,'
           . '"output_tokens":3},"tokens":{"input_tokens":11,'
           . '"output_tokens":7},"cached_tokens":4}}';
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
is($sent->{body}, '{"model":"command-a-03-2025","messages":[{"role":"system","c'
   . 'ontent":"be kind"},{"role":"user","content":"hi \\u00e9"}],"m'
   . 'ax_tokens":77,"temperature":0.50,"stop_sequences":["x"]}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user, my_own', "named");

answers_hello($res, qr/4/);



=== TEST 2: a stream
--- do
plays_plain(72, 6);



=== TEST 3: however its bytes come
--- do
plays_split();



=== TEST 4: a stream that is cut
--- errors
--- model: deployment a command-a-03-2025;
--- do
plays_cut();



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

provider('a')->play(answer('sunny'));
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
provider('a')->play(answer('x'));

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
refuses(
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
);



=== TEST 11: from one dialect to the other
--- errors
--- do
falls_over(
    'data {"type":"message-end","delta":{"finish_reason":"ERROR"}}',
    'data {"id":"1","message":"oops"}',
    'data {"type":"message-start","id":"r"}',
    'data oops',
);



=== TEST 12: what it cannot take
--- model: deployment a command-a-03-2025;
--- do
provider('a')->play(answer('x'));

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
keeps();



=== TEST 14: the preset, and the path of a url without one
--- http eval
Dialect::preset('key none;')
--- do
is_preset('/v2/chat');
