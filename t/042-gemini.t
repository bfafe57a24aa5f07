# An OpenAI client and Google's Gemini API: what goes out, what comes back.

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
        provider_a => "dialect gemini;",
        model      => "deployment a gemini-2.5-flash tier=1; "
                      . "deployment b up-b tier=2;",
    },
);


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}


# a whole answer: parts, finishReason

sub answer {
    my ($parts, $reason) = @_;

    $parts =~ s/\\/\\\\/g;

    return 'json {\n  "candidates": [\n    {\n      "content": {"parts": ['
        . "$parts" . '],\n "role": "model"}, "finishReason": "'
        . ($reason || 'STOP') . '", "index": 0}],\n  "usageMetadata": '
        . '{"promptTokenCount": 11, "candidatesTokenCount": 5, '
        . '"thoughtsTokenCount": 2, "cachedContentTokenCount": 4, '
        . '"totalTokenCount": 18}, "modelVersion": "gemini-2.5-flash", '
        . '"responseId": "rsp-1"\n}\n';
}


# an event of a stream: parts, more of the candidate

sub event {
    my ($parts, $more) = @_;

    $parts =~ s/\\/\\\\/g;

    return 'say data: {"candidates": [{"content": {"parts": [' . $parts
        . '],"role": "model"}' . ($more || '') . ',"index": 0}],'
        . '"usageMetadata": {"promptTokenCount": 11,"candidatesTokenCount": 5,'
        . '"totalTokenCount": 16},"modelVersion": "gemini-2.5-flash",'
        . '"responseId": "rsp-1"}\r\n\r\n' . "\n";
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: path, headers, body
--- do
provider('a')->play(answer('{"text": "hello"}'));

my $res = ask('{"model":"m","messages":[{"role":"system","content":"be kind"},'
    . '{"role":"user","content":"hi \u00e9"}],"temperature":0.50,'
    . '"max_tokens":77,"stop":["x"],"user":"u1","my_own":{"a":1}}',
    headers => { Authorization => 'Bearer client',
                 'x-goog-api-key' => 'client' });
my $sent = sent();

is($sent->{line}, 'POST /v1/models/gemini-2.5-flash:generateContent HTTP/1.1',
   "path");
is($sent->{headers}{'x-goog-api-key'}, 'secret-of-provider', "key");
is($sent->{headers}{'content-type'}, 'application/json', "type");
ok(!exists $sent->{headers}{authorization}, "no other key");
unlike($sent->{head}, qr/client/, "nothing of the client's");
is($sent->{body}, '{"systemInstruction":{"parts":[{"text":"be kind"}]},'
   . '"contents":[{"role":"user","parts":[{"text":"hi \u00e9"}]}],'
   . '"generationConfig":{"maxOutputTokens":77,"temperature":0.50,'
   . '"stopSequences":["x"]}}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user, my_own', "named");

is($res->{status}, 200, "status");
like($res->{body}, qr/^\{"id":"rsp-1","object":"chat\.completion","created":
     \d+,"model":"[^"]+","choices":\[\{"index":0,"message":\{
     "role":"assistant","content":"hello"[^}]*\}.*"finish_reason":"stop"/x,
     "answer");
like($res->{body}, qr/"prompt_tokens":11,"completion_tokens":7,
                      "total_tokens":18/x, "usage");
is($res->{headers}{'content-length'}, length $res->{body}, "its length");
like(logged(), qr/^200\|OK\|a\|1\|m\|gemini-2.5-flash\|11\|7\|stop\|-\|0\|4$/,
     "logged");



=== TEST 2: a stream, which has no mark of its end
--- do
my $script = "sse\n" . event('{"text": "one "}') . event('{"text": "two"}')
    . event('{"text": ""}', ',"finishReason": "STOP"') . "end";

provider('a')->play($script);

my $res = ask(chat(stream => 'true'));
my @event = $res->{body} =~ /^data: (.*)\n\n/mg;

is(sent()->{line}, 'POST /v1/models/gemini-2.5-flash:streamGenerateContent'
   . '?alt=sse HTTP/1.1', "path");
is(sent()->{headers}{accept}, 'text/event-stream', "asked for");
unlike(sent()->{body}, qr/stream/, "in the path alone");
like($event[0], qr/"object":"chat\.completion\.chunk".*"delta":\{
                   "role":"assistant"/x, "the role first");
is(content_of($res), "one two", "text");
like($event[-2], qr/"delta":\{\}.*"finish_reason":"stop"/, "finish");
is($event[-1], '[DONE]', "the end");
unlike($res->{body}, qr/usage":\{/, "no usage");
unlike($res->{body}, qr/candidates|finishReason/, "nothing of its dialect");
like(logged(), qr/^200\|OK\|a\|1\|m\|gemini-2.5-flash\|11\|5\|stop\|-\|0\|0$/,
     "logged");

for my $end ("end", "cut") {
    (my $way = $script) =~ s/^sse\n/sse close\n/ if $end eq 'cut';
    $way = $script if $end ne 'cut';
    $way =~ s/end$/$end/;

    provider('a')->play($way);
    $res = ask(chat(stream => 'true',
                    stream_options => '{"include_usage":true}'));
    @event = $res->{body} =~ /^data: (.*)\n\n/mg;

    like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":11,
                        "completion_tokens":5,"total_tokens":16/x, "usage");
    is($event[-1], '[DONE]', "the end");
}



=== TEST 3: however its bytes come
--- do
for my $split (1, 2, 7, 100) {
    provider('a')->play("split $split\nsse\n" . event('{"text": "one "}')
        . event('{"text": "two"}', ',"finishReason": "MAX_TOKENS"') . "end");

    my $res = ask(chat(stream => 'true'));

    is("$res->{whole} " . content_of($res), "1 one two", "in parts of $split");
    like($res->{body}, qr/"finish_reason":"length".*\[DONE\]\n\n$/s,
         "the end");
}



=== TEST 4: a stream that is cut
--- errors
--- model: deployment a gemini-2.5-flash;
--- do
for my $end ("cut", "end") {
    provider('a')->play("sse\n" . event('{"text": "one"}') . $end);

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), "one", "text");
    like($res->{body}, qr/data: \{"error":\{/, "an error");
    unlike($res->{body}, qr/\[DONE\]/, "and no end");
}



=== TEST 5: tools, there and back
--- model: deployment a gemini-3-pro-preview;
--- do
my $tools = '[{"type":"function","function":{"name":"weather","description":'
    . '"d","parameters":{"type":"object","properties":{"z":{"type":"string"},'
    . '"a":{"type":"number"}},"additionalProperties":false},"strict":true}}]';

provider('a')->play(answer('{"text": "look"},{"functionCall": {"name": '
    . '"weather","args": {"z": "Rome","a": 1.50}},"thoughtSignature": "c2ln"},'
    . '{"functionCall": {"name": "weather","id": "fc_2"}}'));

my $res = ask(chat(tools => $tools, tool_choice => '"required"'));

like(sent()->{body}, qr/"tools":\[\{"functionDeclarations":\[\{"name":
     "weather","description":"d","parametersJsonSchema":\{"type":"object",
     "properties":\{"z":\{"type":"string"\},"a":\{"type":"number"\}\},
     "additionalProperties":false\}\}\]\}\],"toolConfig":\{
     "functionCallingConfig":\{"mode":"ANY"\}\}/x, "declared");
like($res->{body}, qr/"content":"look"/, "text beside it");
like($res->{body}, qr/"tool_calls":\[\{"id":"call_rsp-1_0","type":
     "function","function":\{"name":"weather","arguments":
     "\{\\"z\\":\ \\"Rome\\",\\"a\\":\ 1\.50\}"\},"extra_content":\{"google":
     \{"thought_signature":"c2ln"\}\}\},\{"id":"fc_2","type":"function",
     "function":\{"name":"weather","arguments":"\{\}"\}\}\]/x, "calls");
like($res->{body}, qr/"finish_reason":"tool_calls"/, "finish");

# the client sends back what it got

my ($message) = $res->{body} =~ /"message":(\{.*\}),"logprobs"/;

provider('a')->play(answer('{"text": "sunny"}'));
$res = ask(chat(tools => $tools, messages => '[{"role":"user","content":"x"},'
    . "$message," . '{"role":"tool","tool_call_id":"fc_2","content":"21"},'
    . '{"role":"tool","tool_call_id":"call_rsp-1_0","content":"{\"t\":20}"},'
    . '{"role":"user","content":"so?"}]'));

is(content_of($res), "sunny", "answered");
like(sent()->{body}, qr/\{"role":"model","parts":\[\{"text":"look"\},
     \{"functionCall":\{"id":"call_rsp-1_0","name":"weather","args":
     \{"z":\ "Rome","a":\ 1\.50\}\},"thoughtSignature":"c2ln"\},
     \{"functionCall":\{"id":"fc_2","name":"weather","args":\{\}\}\}\]\},
     \{"role":"user","parts":\[\{"functionResponse":\{"id":"call_rsp-1_0",
     "name":"weather","response":\{"t":20\}\}\},\{"functionResponse":\{
     "id":"fc_2","name":"weather","response":\{"output":"21"\}\}\}\]\},
     \{"role":"user","parts":\[\{"text":"so\?"\}\]\}/x, "and back");



=== TEST 6: tools and thoughts in a stream
--- do
provider('a')->play("sse\n" . event('{"text": "hm","thought": true}')
    . event('{"functionCall": {"name": "f","args": {"a": 1.50}},'
            . '"thoughtSignature": "c2ln"},{"functionCall": {"name": "g"}}',
            ',"finishReason": "STOP"') . "end");

my $res = ask(chat(stream => 'true', reasoning_effort => '"low"'));

like(sent()->{body}, qr/"thinkingConfig":\{"includeThoughts":true,
                        "thinkingBudget":1024\}/x, "effort");
like($res->{body}, qr/"reasoning_content":"hm"/, "thoughts");
like($res->{body}, qr/"tool_calls":\[\{"index":0,"id":"call_rsp-1_0","type":
     "function","function":\{"name":"f","arguments":""\},"extra_content":\{
     "google":\{"thought_signature":"c2ln"\}\}\}\]/x, "first");
like($res->{body}, qr/"tool_calls":\[\{"index":1,"id":"call_rsp-1_1","type":
     "function","function":\{"name":"g","arguments":""\}\}\]/x, "second");

my $arguments = '';
$arguments .= $1 while $res->{body} =~ /"arguments":"((?:[^"\\]|\\.)*)"/g;
is($arguments, '{\"a\": 1.50}{}', "arguments");
like($res->{body}, qr/"finish_reason":"tool_calls".*\[DONE\]\n\n$/s, "finish");



=== TEST 7: a text's signature, there and back
--- do
provider('a')->play("sse\n" . event('{"text": "one"}')
    . event('{"text": "","thoughtSignature": "c2ln"}',
            ',"finishReason": "STOP"') . "end");

my $res = ask(chat(stream => 'true'));

like($res->{body}, qr/"delta":\{"content":"","extra_content":\{"google":
     \{"thought_signature":"c2ln"\}\}\}/x, "in the stream");

provider('a')->play(answer('{"text": "one"},{"text": "","thoughtSignature": '
    . '"c2ln"}'));
$res = ask(chat());

my ($message) = $res->{body} =~ /"message":(\{.*\}),"logprobs"/;

ask(chat(messages => '[{"role":"user","content":"x"},' . $message
         . ',{"role":"user","content":"y"}]'));
like(sent()->{body}, qr/\{"text":"one","thoughtSignature":"c2ln"\}/, "back");



=== TEST 8: its errors in the client's words
--- errors
--- model: deployment a gemini-2.5-flash;
--- do
for my $case (
    [400, 'INVALID_ARGUMENT', 'bad', '400 invalid_request_error null'],
    [400, 'INVALID_ARGUMENT', 'The input token count (9) exceeds the maximum '
     . 'number of tokens allowed (8).',
     '400 invalid_request_error context_length_exceeded'],
    [400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API '
     . 'key.', '502 server_error provider_auth'],
    [403, 'PERMISSION_DENIED', 'no', '502 server_error provider_auth'],
    [404, 'NOT_FOUND', 'models/x is not found',
     '404 invalid_request_error model_not_found'],
    [429, 'RESOURCE_EXHAUSTED', 'slow',
     '429 rate_limit_error provider_rate_limit'],
    [500, 'INTERNAL', 'oops', '502 server_error provider_error'],
    [503, 'UNAVAILABLE', 'The model is overloaded.',
     '503 server_error overloaded'],
) {
    my ($status, $word, $message, $expected) = @$case;
    my $error = "{\"error\": {\"code\": $status, \"message\": \"$message\","
                . " \"status\": \"$word\"}}";

    for my $body ($error, "[$error]") {
        for my $stream ('false', 'true') {
            provider('a')->play("status $status\njson $body");

            my $res = ask(chat(stream => $stream));

            is(error_of($res), $expected, "$status $word");
            like($res->{body}, qr/^\{"error":\{"message":/, "shape");
            unlike($res->{body}, qr/"status"/, "not its shape");
        }
    }
}

provider('a')->play('status 429' . "\n" . 'json {"error":{"code":429,'
    . '"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"@type":'
    . '"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"6.1s"}]}}');
is(ask(chat())->{headers}{'retry-after'}, 7, "when to come back");



=== TEST 9: what it blocks
--- model: deployment a gemini-2.5-flash;
--- do
for my $stream ('false', 'true') {
    my $json = '{"promptFeedback": {"blockReason": "SAFETY"},'
               . '"usageMetadata": {"promptTokenCount": 4}}';

    provider('a')->play($stream eq 'true' ? "sse\ndata $json\nend"
                                          : "json $json");
    is(error_of(ask(chat(stream => $stream))),
       "400 invalid_request_error content_filter", "the prompt");
}

provider('a')->play(answer('', 'SAFETY'));
like(ask(chat())->{body}, qr/"content":"".*"finish_reason":"content_filter"/,
     "the answer");



=== TEST 10: from one dialect to the other
--- errors
--- do
provider('b')->play("ok from b");

for my $script (
    "status 503\njson {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}",
    "json {\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}]}",
    "json {}",
) {
    provider('a')->play($script);
    is(content_of(ask(chat())), "from b", "plain");
}

for my $script (
    'data {"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}',
    'say {\n  "error": {\n    "code": 500,\n    "message": "x"\n  }\n}\n',
    'data [{"error":{"code":429,"message":"x"}}]',
    'data {"usageMetadata":{"promptTokenCount":1},"responseId":"r"}',
) {
    provider('a')->play("sse\n$script\nend");
    provider('b')->play("stream from b");

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), "from b", "first event");
    is((provider('b')->seen)[0]{line}, 'POST /v1/chat/completions HTTP/1.1',
       "b's path");
    ok(!exists((provider('b')->seen)[0]{headers}{'x-goog-api-key'}),
       "not a's key");
}

provider('a')->play("sse\n" . event('{"text": "one"}')
    . 'data {"error":{"code":503,"message":"x"}}' . "\nend");

my $res = ask(chat(stream => 'true'));
is(content_of($res), "one", "text");
like($res->{body}, qr/data: \{"error":\{/, "an error behind it");



=== TEST 11: what it cannot take
--- model: deployment a gemini-3-pro-preview;
--- do
provider('a')->play(answer('{"text": "x"}'));

is(error_of(ask(chat(n => 2))),
   "400 invalid_request_error unsupported_parameter", "several answers");
is(error_of(ask(chat(messages => '[{"role":"user","content":[{"type":"file",'
                     . '"file":{"file_id":"file-1"}}]}]'))),
   "400 invalid_request_error unsupported_parameter", "another's file");
is(scalar(provider('a')->seen), 0, "nobody was asked");



=== TEST 12: connections are kept
--- model: deployment a gemini-2.5-flash;
--- do
provider('a')->play(answer('{"text": "x"}') . "\n==\nsse\n"
    . event('{"text": "x"}', ',"finishReason": "STOP"') . "end\n==\n"
    . "status 429\njson {\"error\":{\"code\":429,\"message\":\"x\"}}\n==\n"
    . answer('{"text": "last"}'));

ask(chat());
ask(chat(stream => 'true'));
ask(chat());
is(content_of(ask(chat())), 'last', "all answered");
my %connection = map { $_->{connection} => 1 } provider('a')->seen;
is(scalar keys %connection, 1, "on one connection");



=== TEST 13: the preset
--- http eval
"llm_provider gemini { key none; }"
--- request
GET /alive
--- error_code: 204
