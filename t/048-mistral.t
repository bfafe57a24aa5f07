# An OpenAI client and Mistral's API: what goes out, what comes back.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Dialect;
use Gateway;

repeat_each(1);
plan 'no_plan';

dialect(
    name    => 'mistral',
    model   => 'mistral-large-latest',
    answer  => \&whole,
    foreign => qr/num_cached_tokens|"prefix"/,
);


sub whole {
    return 'json {"id":"r-1","object":"chat.completion","created":1702256327,'
           . '"model":"mistral-large-latest","choices":[{"index":0,"message":{'
           . '"role":"assistant","content":"' . $_[0] . '","tool_calls":null,'
           . '"prefix":false},"finish_reason":"stop"}],"usage":{'
           . '"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,'
           . '"num_cached_tokens":4}}';
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

is($sent->{line}, 'POST /v1/chat/completions HTTP/1.1', "path");
is($sent->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is($sent->{headers}{'content-type'}, 'application/json', "type");
is($sent->{headers}{accept}, 'application/json', "asked for");
unlike($sent->{head}, qr/client/, "nothing of the client's");
is($sent->{body}, '{"model":"mistral-large-latest","messages":[{"role":"system"'
   . ',"content":"be kind"},{"role":"user","content":"hi \\u00e9"}]'
   . ',"max_tokens":77,"temperature":0.50,"stop":["x"]}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user, my_own', "named");

answers_hello($res, qr/4/);



=== TEST 2: a stream
--- do
plays_plain(19, 12);



=== TEST 3: however its bytes come
--- do
plays_split();



=== TEST 4: a stream that is cut
--- errors
--- model: deployment a mistral-large-latest;
--- do
plays_cut();



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

provider('a')->play(answer('sunny'));
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
provider('a')->play(answer('x'));

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
provider('a')->play(answer('x'));

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
refuses(
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
);



=== TEST 11: from one dialect to the other
--- errors
--- do
falls_over(
    'data {"object":"error","message":"x","type":"rate_limited","code":"1300",'
    . '"raw_status_code":429}',
    'data {"error":{"message":"x","status":503}}',
    'data {"id":"r","choices":[{"index":0,"delta":{"content":""},'
    . '"finish_reason":"error"}]}',
    'data oops',
);



=== TEST 12: what it cannot take
--- model: deployment a mistral-large-latest;
--- do
provider('a')->play(answer('x'));

is(error_of(ask(chat(logprobs => 'true'))),
   "400 invalid_request_error unsupported_parameter", "probabilities");
is(error_of(ask(chat(messages => '[{"role":"user","content":[{"type":"file",'
                     . '"file":{"file_id":"file-1"}}]}]'))),
   "400 invalid_request_error unsupported_parameter", "another's file");
is(scalar(provider('a')->seen), 0, "nobody was asked");



=== TEST 13: connections are kept
--- model: deployment a mistral-large-latest;
--- do
keeps();



=== TEST 14: the preset, and the path of a url without one
--- http eval
Dialect::preset('key none;')
--- do
is_preset('/v1/chat/completions');
