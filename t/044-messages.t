
# Anthropic clients: what the provider gets, what comes back, for providers of
# the same dialect and of others.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA ();
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

# m goes to OpenAI's dialect, c to Anthropic's

gateway(
    providers => ['a', 'c', 'd'],
    defaults  => {
        provider_c => "dialect anthropic;",
        provider_d => "dialect anthropic; api_version 2024-01-01;",
        model      => "deployment a up-a;",
        http       => "llm_model c { deployment c up-c; cooldown off; }\n",
    },
);


# a message to a model; more members as JSON

our %anthropic = ('anthropic-version' => '2023-06-01');

sub message {
    my ($model, %member) = @_;
    my $more = delete $member{-more} || {};

    return ask(chat(model => "\"$model\"", max_tokens => 77, %member),
               path => '/v1/messages',
               %$more,
               headers => { %anthropic, %{$more->{headers} || {}} });
}

sub seen {
    my ($name) = @_;

    return (provider($name)->seen)[-1];
}

# "status type" of an error in Anthropic's shape

sub refusal {
    my ($res) = @_;
    my ($type) = $res->{body} =~ /^\{"type":"error","error":\{"type":"(\w+)"/;

    return "$res->{status} " . (defined $type ? $type : '-');
}

# the events of a stream: their names, and what they say

sub names {
    my ($res) = @_;

    return join ' ', $res->{body} =~ /^event: (\S+)/mg;
}

sub said {
    my ($res, $name) = @_;

    return join '', $res->{body} =~ /"$name":"((?:[^"\\]|\\.)*)"/g;
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: the same dialect: the request as it came, but for the model
--- c eval
"claude hello"
--- do
my $body = '{ "max_tokens":77.0,"model" : "c", "new_member":{"b":1,"a":'
    . '[1.0,{}]},"system":[{"type":"text","text":"x-anthropic-billing-header:'
    . ' a"},{"type":"text","text":"be kind","cache_control":{"type":'
    . '"ephemeral","ttl":"1h"}}],"messages":[{"content":[{"text":"hi \u00e9",'
    . '"type":"text"}],"role":"user"},{"role":"user","content":"two"}],'
    . '"metadata":{"user_id":"user_1_account_2_session_3"},"thinking":'
    . '{"type":"enabled","budget_tokens":1024},"top_k":5}' . "\n";

my $res = ask($body, path => '/v1/messages?beta=true', headers => {
    %main::anthropic,
    'anthropic-version' => '2026-10-21',
    'anthropic-beta' => ['context-1m-2025-08-07', 'a-1,b-2'],
    'anthropic-dangerous-direct-browser-access' => 'true',
    'x-api-key' => 'client-secret',
    'x-stainless-lang' => 'client-lang',
    'Authorization' => 'Bearer client-token',
});
my $sent = seen('c');

is($sent->{body}, $body =~ s/"c"/"up-c"/r, "body");
is($sent->{line}, 'POST /v1/messages HTTP/1.1', "path");
is($sent->{headers}{'anthropic-version'}, '2026-10-21', "version");
is($sent->{headers}{'anthropic-beta'}, 'context-1m-2025-08-07, a-1,b-2',
   "betas");
is($sent->{headers}{'x-api-key'}, 'secret-of-provider', "key");
ok(!exists $sent->{headers}{authorization}, "and no other");
unlike($sent->{head}, qr/client|stainless|browser/, "nothing else of it");

is($res->{status}, 200, "status");
is($res->{body}, Provider::claude("hello"), "answer");
is($res->{headers}{'content-type'}, 'application/json', "type");
is($res->{headers}{'request-id'}, $res->{headers}{'x-request-id'}, "id");
like($res->{headers}{'request-id'}, qr/^req_[0-9a-f]{32}$/, "of the gateway");
is(logged(), '200|OK|c|1|c|up-c|11|5|stop|-|0|0', "logged");



=== TEST 2: one name on both sides: not a byte changes
--- http
llm_model up-c { deployment c up-c; }
llm_model up-d { deployment d up-d; }
--- c
claude hello
--- d
claude hello
--- do
my $body = "{\"model\" : \"up-\\u0063\",\"max_tokens\":1,\"messages\":[{"
    . "\"role\":\"user\",\"content\":\"x\"}] }";

ask($body, path => '/v1/messages');
is(seen('c')->{body}, $body, "body");
is(seen('c')->{headers}{'anthropic-version'}, '2023-06-01',
   "the version where the client says none");
ok(!exists seen('c')->{headers}{'anthropic-beta'}, "no beta");

message('up-d', -more => { headers => { 'anthropic-beta' => 'b-1' } });
is(seen('d')->{headers}{'anthropic-version'}, '2024-01-01',
   "the version of the configuration");
is(seen('d')->{headers}{'anthropic-beta'}, 'b-1', "beta");



=== TEST 3: the same dialect: a stream byte for byte, however it comes
--- do
my $start = 'event: message_start\r\ndata: {"type":"message_start","message":'
    . '{"id":"msg_9","type":"message","role":"assistant","model":"mock-c",'
    . '"content":[],"usage":{"input_tokens":20,"cache_read_input_tokens":4,'
    . '"cache_creation_input_tokens":2,"output_tokens":1}}}  \r\n\r\n';
my @say = ($start,
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    . '"content_block":{"type":"text","text":""}}\n\n',
    'event: ping\ndata: {"type": "ping"}\n\n: comment\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0'
    . ',"delta":{"type":"text_delta","text":"one \u00e9"}}      \n\n',
    'event: new_event\ndata: {"type":"new_event","x":[1, 2]}\n\n',
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}'
    . '\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason"'
    . ':"max_tokens","stop_sequence":null},"usage":{"output_tokens":15,'
    . '"new_count":3}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n');
my $want = join '', @say;

# as the provider reads it

$want = Provider::unescape($want);

my $n = 0;

for my $split (0, 1, 7, 100) {
    provider('c')->play(($split ? "split $split\n" : '') . "sse\n"
                        . join('', map { "say $_\n" } @say) . "end");

    my $res = message('c', stream => 'true');

    is($res->{body}, $want, "in parts of $split");
    ok($res->{whole}, "whole");
    like($res->{headers}{'content-type'}, qr{^text/event-stream}, "type");
    is(logged(++$n), '200|OK|c|1|c|up-c|26|15|length|-|0|4',
       "the usage was read on the way");
}

like(seen('c')->{body}, qr/"stream":true/, "asked for");



=== TEST 4: the same dialect: what is wrong is said in the provider's words
--- errors
--- do
my $n = 0;

for my $case (
    [400, '{ "type":"error","error":{"type":"invalid_request_error","message":'
          . '"thinking.signature: Invalid \u00e9","details":{"a":1}},'
          . '"request_id":"req_up"}', 400],
    [400, '{"type":"error","error":{"type":"invalid_request_error","message":'
          . '"prompt is too long: 9 tokens > 8 maximum"}}', 400],
    [404, '{"type":"error","error":{"type":"not_found_error","message":'
          . '"model: x"}}', 404],
    [413, '{"type":"error","error":{"type":"request_too_large","message":'
          . '"large"}}', 413],
    [422, '{"type":"error","error":{"type":"invalid_request_error","message":'
          . '"odd"}}', 422],
) {
    my ($status, $text, $want) = @$case;

    for my $stream ('false', 'true') {
        provider('c')->play("status $status\njson $text" =~ s/\\/\\\\/gr);

        my $res = message('c', stream => $stream);

        is($res->{status}, $want, "status $want");
        is($res->{body}, $text, "as it came");
        is($res->{headers}{'content-type'}, 'application/json', "type");
    }
}



=== TEST 5: the same dialect: what is not the client's matter is the gateway's
--- errors
--- do
for my $case (
    [401, 'authentication_error', '502 api_error', 'provider_auth'],
    [403, 'permission_error', '502 api_error', 'provider_auth'],
    [400, 'invalid_request_error', '502 api_error', 'provider_auth',
     'Your credit balance is too low to access the API'],
    [429, 'rate_limit_error', '429 rate_limit_error', 'provider_rate_limit'],
    [500, 'api_error', '502 api_error', 'provider_error'],
    [529, 'overloaded_error', '529 overloaded_error', 'overloaded'],
    [503, 'overloaded_error', '529 overloaded_error', 'overloaded'],
) {
    my ($status, $type, $want, $code, $message) = @$case;

    $message = 'secret words' if !defined $message;

    for my $stream ('false', 'true') {
        provider('c')->play("status $status\nheader retry-after: 7\n"
            . "json {\"type\":\"error\",\"error\":{\"type\":\"$type\","
            . "\"message\":\"$message\"}}");

        my $res = message('c', stream => $stream);

        is(refusal($res), $want, "$status $type");
        is($res->{headers}{'x-llm-error'}, $code, "code");
        is($res->{headers}{'retry-after'}, $want =~ /429|529/ ? 7 : undef,
           "retry-after");
        unlike($res->{body}, qr/secret|credit/, "not its words");
        like($res->{body}, qr/,"request_id":"\Q$res->{headers}{'request-id'}\E"\}$/,
             "id");
    }
}

for my $case (["cut", '502 api_error'], ["body text/html <p>", '502 api_error'],
              ["json {\"input_tokens\":1}", '502 api_error']) {
    provider('c')->play($case->[0]);
    is(refusal(message('c')), $case->[1], $case->[0]);
}



=== TEST 6: the same dialect: a stream that breaks
--- errors
--- do
provider('c')->play("sse\nc-start\nc-text one\ncut");

my $res = message('c', stream => 'true');

like($res->{body}, qr/"one"\}\}\n\nevent:\ error\ndata:\ \{"type":"error","error":\{
     "type":"api_error","message":"[^"]*"\},"request_id":"req_\w+"\}\n\n$/x, "event");
unlike($res->{body}, qr/message_stop/, "no end");
ok($res->{whole}, "framed to its end");
like(logged(), qr/^200\|OK\|c\|.*\|provider_error\|/, "logged");

provider('c')->play("sse\nc-start\nc-text one\n"
    . 'say event: error\ndata: {"type":"error","error":{"type":'
    . '"overloaded_error","message":"Overloaded"}}\n\n' . "\nend");
$res = message('c', stream => 'true');
like($res->{body}, qr/\n\nevent: error\ndata: \{"type":"error","error":\{"type":"overloaded_error","message":"Overloaded"\},"request_id":"req_\w+"\}\n\n$/,
     "the provider's error");



=== TEST 7: translated: path, headers, body
--- a
ok hello
--- do
my $res = message('m',
    system => '[{"type":"text","text":"x-anthropic-billing-header: a"},'
              . '{"type":"text","text":"be kind","cache_control":'
              . '{"type":"ephemeral"}}]',
    stop_sequences => '["x"]', temperature => '0.50',
    metadata => '{"user_id":"user_1_account_2_session_3"}',
    -more => { headers => { 'x-api-key' => 'client-secret',
                            'anthropic-beta' => 'client-beta' } });
my $sent = seen('a');

is($sent->{line}, 'POST /v1/chat/completions HTTP/1.1', "path");
is($sent->{headers}{authorization}, 'Bearer secret-of-provider', "key");
unlike($sent->{head}, qr/client|anthropic/, "nothing of the client's");
like($sent->{body}, qr/^\{"model":"up-a"/, "model");
like($sent->{body}, qr/"role":"system","content":(?:"be kind"|\[\{"type":"text","text":"be kind"\}\])/,
     "system, without what is for one provider");
unlike($sent->{body}, qr/billing/, "which is left out");
like($sent->{body}, qr/"max_(?:completion_)?tokens":77\b/, "limit");
like($sent->{body}, qr/"temperature":0\.50\b/, "temperature");
like($sent->{body}, qr/"stop":\["x"\]/, "stop");

is($res->{status}, 200, "status");
like($res->{body}, qr/^\{"id":"msg_\w+","type":"message","role":"assistant",
     "model":"m","content":\[\{"type":"text","text":"hello","citations":null\}
     \],"stop_reason":"end_turn","stop_sequence":null,/x, "answer");
like($res->{body}, qr/"usage":\{"input_tokens":7,.*"output_tokens":3/, "usage");
is($res->{headers}{'content-length'}, length $res->{body}, "its length");
is($res->{headers}{'request-id'}, $res->{headers}{'x-request-id'}, "id");
is(logged(), '200|OK|a|1|m|up-a|7|3|stop|-|0|0', "logged");



=== TEST 8: translated: the events of a stream, in their order, however they come
--- do
my $chunk = sub {
    return 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk",'
           . '"created":1,"model":"x","choices":[{"index":0,"delta":'
           . "$_[0],\"finish_reason\":" . ($_[1] || 'null') . '}]}\n\n';
};
my $usage = 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk",'
    . '"created":1,"model":"x","choices":[],"usage":{"prompt_tokens":20,'
    . '"completion_tokens":15,"total_tokens":35,"prompt_tokens_details":'
    . '{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":6'
    . '}}}\n\n';
my @say = (
    $chunk->('{"role":"assistant","content":""}'),
    $chunk->('{"reasoning_content":"let "}'),
    $chunk->('{"reasoning_content":"me"}'),
    $chunk->('{"content":"one "}'),
    $chunk->('{"content":"two"}'),
    $chunk->('{"tool_calls":[{"index":0,"id":"call_1","type":"function",'
             . '"function":{"name":"f","arguments":""}}]}'),
    $chunk->('{"tool_calls":[{"index":0,"function":{"arguments":"{\x5c"a"}}]}'),
    $chunk->('{"tool_calls":[{"index":0,"function":{"arguments":'
             . '"\x5c":1.50}"}}]}'),
    $chunk->('{"tool_calls":[{"index":1,"id":"call_2","type":"function",'
             . '"function":{"name":"g","arguments":"{}"}}]}'),
    $chunk->('{}', '"tool_calls"'), $usage, 'data: [DONE]\n\n');
my $tools = '[{"name":"f","input_schema":{"type":"object"}},'
            . '{"name":"g","input_schema":{"type":"object"}}]';
my $n = 0;

for my $split (0, 5, 100) {
    provider('a')->play(($split ? "split $split\n" : '') . "sse\n"
                        . join('', map { "say $_\n" } @say) . "end");

    my $res = message('m', stream => 'true', tools => $tools);
    my $block = 'content_block_start content_block_delta ';

    is(names($res), "message_start "
       . "$block" . "content_block_delta content_block_stop "
       . "$block" . "content_block_delta content_block_stop "
       . "$block" . "content_block_delta content_block_stop "
       . "$block" . "content_block_stop message_delta message_stop",
       "events, in parts of $split");
    is(join(' ', $res->{body} =~ /"content_block_start","index":(\d+)/g),
       '0 1 2 3', "blocks");
    is(join(' ', $res->{body} =~ /"content_block_stop","index":(\d+)/g),
       '0 1 2 3', "closed in order");
    is(said($res, 'thinking'), 'let me', "thoughts");
    is(said($res, 'text'), 'one two', "text");
    is(said($res, 'partial_json'), '{\"a\":1.50}{}', "inputs");
    like($res->{body}, qr/"index":2,"content_block":\{"type":"tool_use",
         "id":"call_1","name":"f","input":\{\}/x, "first call");
    like($res->{body}, qr/"index":3,"content_block":\{"type":"tool_use",
         "id":"call_2","name":"g","input":\{\}/x, "second call");
    like($res->{body}, qr/^event: message_start\ndata: \{"type":"message_start","message":\{"id":"msg_\w+","type":"message","role":"assistant","model":"m","content":\[\],"stop_reason":null/,
         "start");
    like($res->{body}, qr/"message_delta","delta":\{"stop_reason":"tool_use",
         "stop_sequence":null[^{}]*\},"usage":\{"input_tokens":16,
         [^}]*"cache_read_input_tokens":4,.*"output_tokens":15,
         "output_tokens_details":\{"thinking_tokens":6\}/x, "the whole usage");
    like($res->{body}, qr/\{"type":"message_stop"\}\n\n$/, "end");
    ok($res->{whole}, "whole");
    unlike($res->{body}, qr/\[DONE\]|chatcmpl/, "nothing of the other");
    is(logged(++$n), '200|OK|a|1|m|up-a|20|15|tool_calls|-|0|4', "logged");
}

like(seen('a')->{body}, qr/"stream_options":\{"include_usage":true\}/,
     "usage is asked for");



=== TEST 9: translated: tools, there and back
--- do
my $tools = '[{"name":"weather","description":"d","input_schema":{"type":'
    . '"object","properties":{"z":{"type":"string"},"a":{"type":"number"}}}}]';

provider('a')->play('json {"id":"chatcmpl-1","object":"chat.completion",'
    . '"created":1,"model":"x","choices":[{"index":0,"message":{"role":'
    . '"assistant","content":"look","tool_calls":[{"id":"call_1","type":'
    . '"function","function":{"name":"weather","arguments":"{\x5c"z\x5c":'
    . '\x5c"Rome\x5c", \x5c"a\x5c":1.50}"}},{"id":"call_2","type":"function",'
    . '"function":{"name":"weather","arguments":""}}]},"finish_reason":'
    . '"tool_calls"}],"usage":{"prompt_tokens":9,"completion_tokens":5,'
    . '"total_tokens":14,"prompt_tokens_details":{"cached_tokens":4}}}');

my $res = message('m', tools => $tools,
    tool_choice => '{"type":"any","disable_parallel_tool_use":true}');

like(seen('a')->{body}, qr/"tools":\[\{"type":"function","function":\{"name":
     "weather","description":"d","parameters":\{"type":"object","properties":
     \{"z":\{"type":"string"\},"a":\{"type":"number"\}\}\}\}\}\]/x, "declared");
like(seen('a')->{body}, qr/"tool_choice":"required"/, "choice");
like(seen('a')->{body}, qr/"parallel_tool_calls":false/, "one at a time");
like($res->{body}, qr/"content":\[\{"type":"text","text":"look"[^}]*\},
     \{"type":"tool_use","id":"call_1","name":"weather","input":
     \{"z":"Rome",\ "a":1\.50\},[^{}]*\{[^{}]*\}\},
     \{"type":"tool_use","id":"call_2","name":"weather","input":\{\},/x, "calls");
like($res->{body}, qr/"stop_reason":"tool_use"/, "reason");
like($res->{body}, qr/"input_tokens":5,.*"cache_read_input_tokens":4/, "usage");

provider('a')->play("ok sunny");
message('m', tools => $tools, messages => '[{"role":"user","content":"x"},'
    . '{"role":"assistant","content":[{"type":"text","text":"look"},'
    . '{"type":"tool_use","id":"call_1","name":"weather","input":{"z":"Rome"}},'
    . '{"type":"tool_use","id":"call_2","name":"weather","input":{}}]},'
    . '{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1",'
    . '"content":"20"},{"type":"tool_result","tool_use_id":"call_2","content":'
    . '[{"type":"text","text":"21"}]},{"type":"text","text":"so?"}]}]');

like(seen('a')->{body}, qr/\{"role":"assistant","content":"look","tool_calls":\[
     \{"id":"call_1","type":"function","function":\{"name":"weather",
     "arguments":"\{\\"z\\":\\"Rome\\"\}"\}\},\{"id":"call_2","type":"function",
     "function":\{"name":"weather","arguments":"\{\}"\}\}\]\},
     \{"role":"tool","tool_call_id":"call_1","content":"20"\},
     \{"role":"tool","tool_call_id":"call_2","content":[^{}]*(?:\{[^{}]*\}\])?\},
     \{"role":"user","content":(?:"so\?"|\[\{[^{}]*"so\?"\}\])\}/x,
     "calls, results, then the user");



=== TEST 10: translated: images and documents
--- a
ok seen
--- do
message('m', messages => '[{"role":"user","content":[{"type":"image","source":'
    . '{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":'
    . '"image","source":{"type":"url","url":"https://example.com/a.png"}},'
    . '{"type":"document","title":"a.pdf","source":{"type":"base64",'
    . '"media_type":"application/pdf","data":"BBBB"}},{"type":"text","text":'
    . '"what?"}]}]');

my $body = seen('a')->{body};

like($body, qr{"image_url":\{"url":"data:image/png;base64,AAAA"\}}, "image");
like($body, qr{"image_url":\{"url":"https://example.com/a\.png"\}}, "by URL");
like($body, qr{"file":\{"filename":"a\.pdf","file_data":
     "data:application/pdf;base64,BBBB"\}}x, "document");



=== TEST 11: translated: a provider's errors in the client's words
--- errors
--- do
for my $case (
    [400, 'invalid_request_error', 'messages: bad', 'null',
     '400 invalid_request_error'],
    [400, 'invalid_request_error', 'too many', '"context_length_exceeded"',
     '400 invalid_request_error'],
    [401, 'invalid_request_error', 'no', '"invalid_api_key"', '502 api_error'],
    [404, 'invalid_request_error', 'no', '"model_not_found"',
     '404 not_found_error'],
    [413, 'invalid_request_error', 'large', 'null', '413 request_too_large'],
    [429, 'rate_limit_error', 'slow', 'null', '429 rate_limit_error'],
    [500, 'server_error', 'oops', 'null', '502 api_error'],
    [503, 'server_error', 'busy', 'null', '529 overloaded_error'],
) {
    my ($status, $type, $message, $code, $want) = @$case;

    for my $stream ('false', 'true') {
        provider('a')->play("status $status\nheader retry-after: 3\njson {"
            . "\"error\":{\"message\":\"$message\",\"type\":\"$type\","
            . "\"param\":null,\"code\":$code}}");

        my $res = message('m', stream => $stream);

        is(refusal($res), $want, "$status $code");
        like($res->{body}, qr/^\{"type":"error","error":\{"type":"\w+",
             "message":"(?:[^"\\]|\\.)*"\},"request_id":
             "\Q$res->{headers}{'request-id'}\E"\}$/x, "shape");
        is($res->{headers}{'retry-after'}, 3, "retry-after")
            if $want =~ /429|529/;
        like($res->{body}, qr/too many \(capability_rejected: prompt_too_long\)/,
             "for agents") if $code =~ /context/;
    }
}

for my $case (["cut", '502 api_error'], ["body text/html <p>", '502 api_error'])
{
    provider('a')->play($case->[0]);
    is(refusal(message('m')), $case->[1], $case->[0]);
}

provider('a')->play("sse\nrole\ntext one\ncut");

my $res = message('m', stream => 'true');

is(names($res), 'message_start content_block_start content_block_delta error',
   "a stream that breaks");
like($res->{body}, qr/event: error\ndata: \{"type":"error","error":\{"type":"api_error","message":"[^"]*"\},"request_id":"req_\w+"\}\n\n$/,
     "event");



=== TEST 12: the gateway's own errors
--- do
my $n = 0;

for my $case (
    ['{', {}, '400 invalid_request_error', 'not valid JSON'],
    ['', {}, '400 invalid_request_error', 'no body'],
    [chat(), {}, '400 invalid_request_error', 'max_tokens: is required'],
    [chat(max_tokens => '"x"'), {}, '400 invalid_request_error',
     'max_tokens: must be an integer'],
    [chat(max_tokens => 1, messages => '[{"role":"x","content":""}]'), {},
     '400 invalid_request_error', 'messages\.0\.role: '],
    [chat(max_tokens => 1, messages => '[{"role":"user","content":[{"type":'
          . '"image"}]}]'), {}, '400 invalid_request_error',
     'messages\.0\.content\.0\.source'],
    [chat(model => '"none"', max_tokens => 1), {}, '404 not_found_error',
     'the model \\\\"none\\\\" does not exist here'],
    [chat(max_tokens => 1), { method => 'PUT' }, '405 invalid_request_error',
     'PUT is not allowed on /v1/messages, use POST'],
    [chat(max_tokens => 1), { headers => { 'Content-Type' => 'text/plain' } },
     '415 invalid_request_error', 'unsupported content type'],
    [chat(max_tokens => 1), { path => '/v1/messages/x' },
     '404 not_found_error', 'unknown URL: POST /v1/messages/x'],
) {
    my ($body, $opt, $want, $message) = @$case;
    my %header = (%main::anthropic, %{$opt->{headers} || {}});

    my $res = ask($body, path => '/v1/messages', %$opt, headers => \%header);

    my $id = $res->{headers}{'request-id'};

    is(refusal($res), $want, $message);
    like($res->{body}, qr/"message":"[^\n]*$message[^\n]*"\},"request_id":"$id"\}$/,
         "says why");
}

is(scalar(provider('a')->seen), 0, "nobody was asked");



=== TEST 13: keys
--- location: llm_auth on;
--- http eval
"llm_model c { deployment c up-c; }
llm_key k { secret sha256:" . Digest::SHA::sha256_hex('sk-client')
. "; models m; }"
--- a
ok fine
--- do
my $secret = 'sk-client';

for my $headers ({ 'x-api-key' => $secret },
                 { Authorization => "Bearer $secret" },
                 { 'x-api-key' => 'other', Authorization => "Bearer $secret" },
                 { 'x-api-key' => $secret, Authorization => "Bearer other" }) {
    my $res = message('m', -more => { headers => $headers });

    is($res->{status}, 200, join ' ', sort keys %$headers);
    unlike(seen('a')->{head}, qr/\Q$secret\E|other/, "does not travel");
}

my $res = message('m');
is(refusal($res), '401 authentication_error', "none");
is($res->{headers}{'x-should-retry'}, 'false', "final");
is(refusal(message('m', -more => { headers => { 'x-api-key' => 'x' } })),
   '401 authentication_error', "unknown");
is(refusal(message('c', -more => { headers => { 'x-api-key' => $secret } })),
   '403 permission_error', "not this model");

my $count = sub {
    return ask(chat(model => "\"$_[0]\""), path => '/v1/messages/count_tokens',
               headers => { %main::anthropic, @_[1 .. $#_] });
};

is(refusal($count->('m')), '401 authentication_error', "a count needs one");
is(refusal($count->('c', 'x-api-key' => $secret)), '403 permission_error',
   "and the right");
is($count->('m', 'x-api-key' => $secret)->{status}, 200, "has it");



=== TEST 14: nginx's own errors
--- config
    location /v1/ { llm_gateway; llm_auth off; client_max_body_size 30; }
    location /x/v1/ { llm_gateway; llm_auth off; deny all; }
    location = /alive { return 204; }
--- errors
--- do
my $res = ask(chat(max_tokens => 1), path => '/v1/messages');
is(refusal($res), '413 request_too_large', "too large");

$res = ask(chat(max_tokens => 1), path => '/v1/messages/count_tokens');
is(refusal($res), '413 request_too_large', "a count");

$res = ask(chat(max_tokens => 1), path => '/x/v1/messages');
is(refusal($res), '403 permission_error', "denied");
like($res->{body}, qr/,"request_id":null\}$/, "no request of the gateway");



=== TEST 15: a count, relayed
--- c
json { "input_tokens" : 2095, "context_management" : null }
--- do
my $body = '{ "model" : "c","messages":[{"role":"user","content":"x"}],'
           . '"new_member":1.0}';
my $count = sub {
    return ask($body, path => '/v1/messages/count_tokens?beta=true',
               headers => { %main::anthropic,
                            'anthropic-beta' => 'token-counting-2024-11-01',
                            'x-api-key' => 'client' });
};
my $res = $count->();

is(seen('c')->{line}, 'POST /v1/messages/count_tokens HTTP/1.1', "path");
is(seen('c')->{body}, $body =~ s/"c"/"up-c"/r, "body");
is(seen('c')->{headers}{'anthropic-beta'}, 'token-counting-2024-11-01', "beta");
is(seen('c')->{headers}{'x-api-key'}, 'secret-of-provider', "key");
is($res->{body}, '{ "input_tokens" : 2095, "context_management" : null }',
   "answer, as it came");
ok(!exists $res->{headers}{'x-llm-estimated'}, "no estimate");
is($res->{headers}{'x-llm-provider'}, 'c', "who counted");
is(logged(), '200|OK|c|1|c|up-c|0|0|-|-|0|0', "no usage");

provider('c')->play("status 400\njson {\"type\":\"error\",\"error\":{\"type\":"
                    . "\"invalid_request_error\",\"message\":\"bad\"}}");
$res = $count->();
is("$res->{status} $res->{body}", '400 {"type":"error","error":{"type":'
   . '"invalid_request_error","message":"bad"}}', "a refusal, as it came");

provider('c')->play("status 404\njson {}");
is(refusal($count->()), '404 not_found_error', "a provider that cannot");

for my $nonsense ('json {"input_tokens":-1}', 'json {}', 'body text/html x',
                  "claude text")
{
    provider('c')->play($nonsense);
    is(refusal($count->()), '502 api_error', "nonsense: $nonsense");
}



=== TEST 16: a count, estimated
--- do
my $count = sub {
    return ask(chat(text => $_[0], stream => 'true'), headers => \%main::anthropic,
               path => '/v1/messages/count_tokens');
};
my $res = $count->('hi');
my ($few) = $res->{body} =~ /^\{"input_tokens":(\d+)\}$/;

is($res->{status}, 200, "status");
ok($few && $few < 20, "few: $few");
is($res->{headers}{'x-llm-estimated'}, 1, "said to be one");
is($res->{headers}{'content-type'}, 'application/json', "type");
is($res->{headers}{'x-llm-model'}, 'm', "model");
ok(!exists $res->{headers}{'x-llm-provider'}, "by no provider");
is($res->{headers}{'request-id'}, $res->{headers}{'x-request-id'}, "id");
is(logged(), '200|OK|-|0|m|-|0|0|-|-|0|0', "logged");

my ($many) = $count->('many words ' x 1000)->{body} =~ /(\d+)/;
ok($many > 1000 && $many < 5000, "many: $many");

is(scalar(provider('a')->seen), 0, "nobody was asked");

$res = ask('{"model":"m"}', path => '/v1/messages/count_tokens');
is(refusal($res), '400 invalid_request_error', "what is no chat");
$res = ask(chat(model => '"none"'), path => '/v1/messages/count_tokens');
is(refusal($res), '404 not_found_error', "what is no model");



=== TEST 17: a count goes to nobody who would take it for a message
--- http
llm_model c { deployment c up-c; }
llm_model both { deployment a up-a weight=3; deployment c up-c; fallback m c; cooldown off; }
llm_model other { deployment a up-a; fallback c; cooldown off; }
llm_model first { deployment c up-c; deployment a up-a tier=1; fallback m; cooldown off; }
--- errors
--- a
ok chat
--- c
json {"input_tokens":5}
--- do
my $count = sub {
    return ask(chat(model => "\"$_[0]\""), headers => \%main::anthropic,
               path => '/v1/messages/count_tokens');
};

for (1 .. 4) {
    is($count->('both')->{body}, '{"input_tokens":5}', "by who can");
}

is($count->('other')->{headers}{'x-llm-estimated'}, 1, "another model's is none");
is(scalar(provider('c')->seen), 4, "it was not asked");

provider('c')->play("status 529\njson {}");
is(refusal($count->('first')), '529 overloaded_error', "no other deployment");
is(refusal($count->('both')), '529 overloaded_error', "no other model");

provider('c')->play("cut");
is(refusal($count->('first')), '502 api_error', "nor after a cut");

is(scalar(provider('a')->seen), 0, "never a chat");

# a count is no turn

my $five = "json {\"input_tokens\":5}\n";

provider('c')->play(join "==\n", ($five) x 3, "claude c\n", $five);
provider('a')->play("ok a");

my $served = '';

for (1 .. 4) {
    is($count->('both')->{body}, '{"input_tokens":5}', "a count");
    $served .= message('both')->{headers}{'x-llm-provider'};
}

is($served, 'aaca', "chats go by weight");



=== TEST 18: a count while its deployments are out
--- http
llm_model c { deployment c up-c; deployment c up-c2 tier=1; cooldown fails=1 time=20s; }
--- errors
--- c
status 500
json {}
==
status 500
json {}
--- do
my $count = sub {
    return ask(chat(model => '"c"'), headers => \%main::anthropic,
               path => '/v1/messages/count_tokens');
};

is(refusal($count->()), '502 api_error', "both fail");

my $res = $count->();
is("$res->{status} $res->{headers}{'x-llm-estimated'}", '200 1',
   "an estimate is better than nothing");



=== TEST 19: Gemini counts
--- provider_a: dialect gemini;
--- errors
--- do
my $count = sub {
    return ask('{"model":"m","system":"be kind","messages":[{"role":"user",'
               . '"content":"hi"}],"tools":[{"name":"f","input_schema":{"type":'
               . '"object"}}],"tool_choice":{"type":"any"}'
               . ($_[0] || '') . '}',
               path => '/v1/messages/count_tokens', headers => \%main::anthropic);
};

provider('a')->play('json {"totalTokens":31,"promptTokensDetails":[{"modality":'
                    . '"TEXT","tokenCount":31}]}');
my $res = $count->();

is($res->{body}, '{"input_tokens":31}', "answer");
ok(!exists $res->{headers}{'x-llm-estimated'}, "no estimate");
is($res->{headers}{'x-llm-provider'}, 'a', "by whom");
is(seen('a')->{line}, 'POST /v1/models/up-a:countTokens HTTP/1.1', "path");
is(seen('a')->{body}, '{"generateContentRequest":{"systemInstruction":{"parts":'
   . '[{"text":"be kind"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}'
   . '],"tools":[{"functionDeclarations":[{"name":"f","description":"f"}]}],'
   . '"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"model":'
   . '"models/up-a"}}', "body");
is(logged(), '200|OK|a|1|m|up-a|0|0|-|-|0|0', "no usage");

# what is no count, and what is refused: the gateway's own, said to be one

for my $bad ('json {"totalTokens":-1}', 'json {}', 'body text/html x',
             "status 400\njson {\"error\":{\"code\":400,\"message\":\"no\"}}",
             "status 403\njson {\"error\":{\"code\":403,\"message\":\"no\"}}",
             "status 429\njson {\"error\":{\"code\":429,\"message\":\"no\"}}",
             "status 500\njson {}", 'cut')
{
    provider('a')->play($bad);
    $res = $count->();

    is($res->{status}, 200, $bad);
    like($res->{body}, qr/^\{"input_tokens":[1-9]\d*\}$/, "an estimate");
    is($res->{headers}{'x-llm-estimated'}, 1, "said");
    ok(!exists $res->{headers}{'x-llm-error'}, "no error");
}

# nothing is sent where the provider cannot take it

() = provider('a')->seen;
$res = $count->(',"messages2":1,"mcp_servers":[{"type":"url","url":"https://x",'
                . '"name":"x"}]');
is($res->{status}, 200, "what it has not");



=== TEST 20: a failed count says little of chats
--- provider_a: dialect gemini;
--- model: deployment a up-a; deployment d up-d tier=1; cooldown fails=1 time=20s;
--- errors
--- do
my $count = sub {
    return ask(chat(), path => '/v1/messages/count_tokens',
               headers => \%main::anthropic);
};

for my $bad ("status 403\njson {\"error\":{\"code\":403,\"message\":\"no\"}}",
             "status 429\njson {\"error\":{\"code\":429,\"message\":\"no\"}}",
             'json {}')
{
    provider('a')->play($bad);
    provider('d')->play('json {"input_tokens":9}');
    is($count->()->{body}, '{"input_tokens":9}', "by the next: $bad");
    is(seen('d')->{line}, 'POST /v1/messages/count_tokens HTTP/1.1', "path");

    provider('a')->play('json {"candidates":[{"content":{"role":"model","parts":'
                        . '[{"text":"x"}]},"finishReason":"STOP"}]}');
    is(message('m')->{headers}{'x-llm-provider'}, 'a', "chats go on");
}

provider('a')->play("status 500\njson {}");
provider('d')->play("json {\"input_tokens\":9}\n==\nclaude x");
is($count->()->{body}, '{"input_tokens":9}', "by the next: 500");
is(message('m')->{headers}{'x-llm-provider'}, 'd', "chats, too");



=== TEST 21: Vertex AI counts
--- provider_a: dialect vertex;
--- model: deployment a gemini-2.5-flash;
--- http
llm_model cl { deployment a claude-sonnet-4-5@20250929; cooldown off; }
--- do
my $count = sub {
    return ask($_[0], path => '/v1/messages/count_tokens', headers => {
        %main::anthropic, 'anthropic-beta' => 'context-1m-2025-08-07' });
};

provider('a')->play('json {"totalTokens":5,"totalBillableCharacters":9}');
my $res = $count->('{"model":"m","system":"s","messages":[{"role":"user",'
    . '"content":"hi"}],"tools":[{"name":"f","input_schema":{"type":"object"}}],'
    . '"tool_choice":{"type":"any"},"thinking":{"type":"enabled",'
    . '"budget_tokens":2000}}');

is($res->{body}, '{"input_tokens":5}', "answer");
is(seen('a')->{line}, 'POST /v1/publishers/google/models/gemini-2.5-flash'
   . ':countTokens HTTP/1.1', "path");
is(seen('a')->{body}, '{"systemInstruction":{"parts":[{"text":"s"}]},"contents":'
   . '[{"role":"user","parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":'
   . '[{"name":"f","description":"f"}]}],"generationConfig":{"thinkingConfig":'
   . '{"includeThoughts":true,"thinkingBudget":2000}}}', "body");

# Claude: a model of its own counts

provider('a')->play('json { "input_tokens" : 14 }');
$res = $count->('{ "messages":[{"role":"user","content":"hi"}],'
                . '"model" : "cl", "x":1.0}');

is($res->{body}, '{ "input_tokens" : 14 }', "answer, as it came");
is(seen('a')->{line}, 'POST /v1/publishers/anthropic/models/count-tokens'
   . ':rawPredict HTTP/1.1', "path");
is(seen('a')->{body}, '{"anthropic_version":"vertex-2023-10-16", "messages":[{'
   . '"role":"user","content":"hi"}],"model" : "claude-sonnet-4-5@20250929", '
   . '"x":1.0}', "body");
is(seen('a')->{headers}{'anthropic-beta'}, 'context-1m-2025-08-07', "betas");



=== TEST 22: Bedrock counts
--- provider_a: dialect bedrock; region us-east-1;
--- model: deployment a us.anthropic.claude-haiku-4-5-20251001-v1:0; set_param temperature 0.5;
--- http
llm_model arn { deployment a claude/arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-x; cooldown off; }
llm_model own { deployment a claude-haiku-4-5/arn:aws:bedrock:us-east-1:1:application-inference-profile/abc; cooldown off; }
llm_model converse { deployment a converse/anthropic.claude-haiku-4-5; cooldown off; }
llm_model nova { deployment a us.amazon.nova-pro-v1:0; cooldown off; }
--- errors
--- do
use MIME::Base64;

my $count = sub {
    my ($model, %member) = @_;
    return ask(chat(model => "\"$model\"", %member),
               path => '/v1/messages/count_tokens', headers => \%main::anthropic);
};

my $body = sub {
    my ($packed) = seen('a')->{body} =~
        /^\{"input":\{"invokeModel":\{"body":"([^"]+)"\}\}\}$/;
    return decode_base64($packed || '');
};

provider('a')->play('json {"inputTokens":12}');

my $res = $count->('m', tools => '[{"name":"f","input_schema":{"type":"object"}}]');

is($res->{body}, '{"input_tokens":12}', "answer");
is(seen('a')->{line}, 'POST /v1/model/anthropic.claude-haiku-4-5-20251001-v1'
   . '%3A0/count-tokens HTTP/1.1', "the profile's model");
is(seen('a')->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is($body->(), '{"anthropic_version":"bedrock-2023-05-31","messages":[{"role":'
   . '"user","content":"hi"}],"tools":[{"name":"f","input_schema":{"type":'
   . '"object"}}],"max_tokens":1}', "body");

$count->('m', max_tokens => 7, stream => 'true');
is($body->(), '{"anthropic_version":"bedrock-2023-05-31","messages":[{"role":'
   . '"user","content":"hi"}],"max_tokens":7}', "its own limit");

$count->('m', thinking => '{"type":"enabled","budget_tokens":2048}');
like($body->(), qr/"max_tokens":2049\}$/, "room for thoughts");

$count->('arn');
is(seen('a')->{line}, 'POST /v1/model/anthropic.claude-x/count-tokens HTTP/1.1',
   "a profile's ARN");

$count->('own');
like(seen('a')->{line}, qr{/model/arn%3A[^/]*application-inference-profile%2Fabc/c},
     "a user's profile");

$count->('converse', system => '"s"', tools => '[{"name":"f","description":"d",'
         . '"input_schema":{"type":"object"}}]', temperature => 0.5);
is(seen('a')->{line}, 'POST /v1/model/anthropic.claude-haiku-4-5/count-tokens '
   . 'HTTP/1.1', "Converse: path");
is(seen('a')->{body}, '{"input":{"converse":{"messages":[{"role":"user",'
   . '"content":[{"text":"hi"}]}],"system":[{"text":"s"}],"toolConfig":{"tools":'
   . '[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":'
   . '"object"}}}}]}}}}', "Converse: body");

# not all models do

provider('a')->play('status 400
header x-amzn-errortype: ValidationException
json {"message":"The provided model doesn\'t support counting tokens."}');
$res = $count->('nova');
is("$res->{status} $res->{headers}{'x-llm-estimated'}", '200 1', "an estimate");

provider('a')->play('json {"inputTokens":"x"}');
is($count->('m')->{headers}{'x-llm-estimated'}, 1, "nonsense");



=== TEST 23: another provider behind, of either dialect
--- http
llm_model one { deployment a up-a; deployment c up-c tier=1; cooldown off; }
llm_model two { deployment c up-c; deployment a up-a tier=1; cooldown off; }
--- errors
--- do
provider('a')->play("status 503\njson {}");
provider('c')->play("claude from c");

my $res = message('one', -more => { headers => { 'anthropic-beta' => 'b' } });
is($res->{body}, Provider::claude("from c"), "spliced");
is(seen('c')->{headers}{'anthropic-beta'}, 'b', "with its beta");

provider('a')->play("sse\nrole\ncut");
provider('c')->play("c-stream from c");
$res = message('one', stream => 'true');
is(said($res, 'text'), "from c", "spliced stream");
is(scalar(() = $res->{body} =~ /^event: message_start/mg), 1, "one start");

provider('c')->play("status 529\njson {}");
provider('a')->play("ok from a");
$res = message('two');
like($res->{body}, qr/^\{"id":"msg_.*"text":"from a"/, "translated");

provider('c')->play("sse\nc-start\ncut");
provider('a')->play("stream from a");
$res = message('two', stream => 'true');
is(said($res, 'text'), "from a", "translated stream");
is(scalar(() = $res->{body} =~ /^event: message_start/mg), 1, "one start");
unlike($res->{body}, qr/msg_1"/, "nothing of the first");



=== TEST 24: parameters that a provider cannot take
--- a
ok fine
--- do
my $res = message('m', top_k => 5);
like($res->{headers}{'x-llm-dropped-params'} || '', qr/top_k/, "named");
unlike(seen('a')->{body}, qr/top_k/, "left out");

$res = message('m', mcp_servers => '[{"type":"url","url":"https://x/","name":"x"}]');
ok($res->{status} == 400 || ($res->{headers}{'x-llm-dropped-params'} || '')
                            =~ /mcp_servers/, "refused or named");



=== TEST 25: the end user
--- http
log_format user '$llm_user|$llm_has_tools|$llm_stream';
--- config
    access_log logs/llm.log user;
    location = /alive { access_log off; return 204; }
    location /v1/ { llm_gateway; llm_auth off; client_body_buffer_size 1m; client_max_body_size 64m; }
--- a
ok fine
--- do
my $n = 0;

for my $case (
    ['{"user_id":"user_ab_account_cd_session_ef"}', 'user_ab_account_cd'],
    ['{"user_id":"u-17"}', 'u-17'],
    ['{"user_id":"_session_ef"}', '_session_ef'],
    ['{"user_id":null}', '-'],
    ['{}', '-'],
) {
    message('m', metadata => $case->[0]);
    is(logged(++$n), "$case->[1]|0|0", $case->[0]);
}

ask(chat(metadata => '{"user_id":"u-18"}', tools => '[{"name":"f",'
         . '"input_schema":{"type":"object"}}]'),
    path => '/v1/messages/count_tokens');
is(logged(++$n), "u-18|1|0", "of a count");



=== TEST 26: models
--- http
llm_model c { deployment c up-c; }
--- do
my $res = ask(undef, method => 'GET', path => '/v1/models?limit=1000',
              headers => \%main::anthropic);

like($res->{body}, qr/"data":\[\{"id":"m",.*"type":"model","display_name":"m",
     "created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"/x, "list");
like($res->{body}, qr/"has_more":false,"first_id":"m","last_id":"c"\}$/, "paging");

$res = ask(undef, method => 'GET', path => '/v1/models/c',
           headers => \%main::anthropic);
like($res->{body}, qr/^\{"id":"c",.*"type":"model"/, "one");

$res = ask(undef, method => 'GET', path => '/v1/models/x',
           headers => \%main::anthropic);
is(refusal($res), '404 not_found_error', "none");
is($res->{headers}{'request-id'}, $res->{headers}{'x-request-id'}, "id");

$res = ask(undef, method => 'GET', path => '/v1/models/x');
is(error_of($res), '404 invalid_request_error model_not_found',
   "in the other shape");
ok(!exists $res->{headers}{'request-id'}, "and without its header");



=== TEST 27: HTTP/2
--- a
stream one two
--- c
c-stream one two
--- do
for my $model ('m', 'c') {
    local $Gateway::path2 = '/v1/messages';

    my $res = curl2(chat(model => "\"$model\"", stream => 'true',
                         max_tokens => 5));

    is($res->{status}, 200, "$model: status");
    is(said($res, 'text'), "one two", "$model: text");
    like($res->{body}, qr/event: message_stop\ndata: \{[^\n]*\}\n\n/, "$model: end");
}



=== TEST 28: OpenAI clients are what they were
--- c
claude hello
--- do
my $res = ask(chat(model => '"c"'), headers => {
    'anthropic-beta' => 'client-beta', 'anthropic-version' => '2099-01-01' });

like($res->{body}, qr/^\{"id":"[^"]+","object":"chat\.completion"/, "shape");
is(seen('c')->{headers}{'anthropic-version'}, '2023-06-01', "version");
ok(!exists seen('c')->{headers}{'anthropic-beta'}, "no beta");
ok(!exists $res->{headers}{'request-id'}, "no header of the other API");



=== TEST 29: a conversation that the provider holds
--- http
llm_model c { deployment c up-c; cooldown off; }
llm_model both { deployment c up-c; deployment a up-a tier=1; cooldown off; }
--- errors
--- a
ok fine
--- c
claude hello
--- do
my $thread = '{"type":"continue","previous_message_id":"msg_1"}';

message('c', thread => $thread);
like(seen('c')->{body}, qr/"thread":\Q$thread\E/, "there it goes");

for my $value ($thread, '{"type":"create"}') {
    my $res = message('m', thread => $value);

    is(refusal($res), '400 invalid_request_error', "elsewhere it is refused");
    like($res->{body}, qr/"details":\{"error_code":"thread_unsupported_request"\}\},"request_id"/,
         "as clients know it");
}

is(refusal(message('m', compaction => '{}')), '400 invalid_request_error',
   "so is a summary");
is(message('m', thread => 'null')->{status}, 200, "null says nothing");
is(scalar(provider('a')->seen), 1, "and nothing else was sent");

provider('c')->play("status 529\njson {}");
is(refusal(message('both', thread => $thread)), '529 overloaded_error',
   "nobody takes it over");
is(scalar(provider('a')->seen), 1, "nobody was asked");



=== TEST 30: parameters that the configuration sets are none of a count
--- http
llm_model c { deployment c up-c; set_param max_tokens 5 force; set_param temperature 0.5; drop_params thinking; cooldown off; }
--- c
json {"input_tokens":5}
==
claude hello
--- do
my %thinking = (thinking => '{"type":"enabled","budget_tokens":1024}');

is(ask(chat(model => '"c"', %thinking), path => '/v1/messages/count_tokens')
   ->{body}, '{"input_tokens":5}', "a count");
is(seen('c')->{body}, chat(model => '"up-c"'), "without them");

message('c', %thinking);
like(seen('c')->{body}, qr/"max_tokens":5\b/, "a message with them");
unlike(seen('c')->{body}, qr/thinking/, "and without what is dropped");
