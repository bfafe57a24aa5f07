# Clients and Amazon Bedrock: what goes out, its signature, what comes back.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use EventStream;
use Gateway;
use Signature;
use Time::Local qw(timegm);

repeat_each(1);
plan 'no_plan';

$ENV{LLM_TEST_AWS} = 'AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
$ENV{LLM_TEST_AWS_TOKEN} = 'ASIAEXAMPLE:secret/of+aws:token/of+aws==';
$ENV{LLM_TEST_AWS_BAD} = 'AKIDEXAMPLE:';

gateway(
    providers => ['a', 'b'],
    defaults  => {
        provider_a => "dialect bedrock; region us-east-1; "
                      . "key env:LLM_TEST_AWS;",
        model      => "deployment a us.amazon.nova-pro-v1:0 tier=1; "
                      . "deployment b up-b tier=2;",
    },
);


our $claude = "deployment a us.anthropic.claude-sonnet-4-5-20250929-v1:0 "
             . "tier=1; deployment b up-b tier=2;";


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}


# a whole answer of Converse: content, stopReason

sub answer {
    my ($content, $reason) = @_;

    $content =~ s/\\/\\\\/g;

    return 'json {"output":{"message":{"role":"assistant","content":['
        . $content . ']}},"stopReason":"' . ($reason || 'end_turn') . '",'
        . '"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":35,'
        . '"cacheReadInputTokens":20,"cacheWriteInputTokens":0},'
        . '"metrics":{"latencyMs":3}}' . "\n";
}


# a stream: lines that EventStream::script() knows

sub stream {
    my ($script, $end) = @_;

    return "chunked application/vnd.amazon.eventstream\n"
        . EventStream::say(EventStream::script($script))
        . (defined $end ? $end : "end\n");
}


our $text = <<'_EOC_';
messageStart {"role":"assistant"}
contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"one "},"p":"abc"}
contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"two"}}
contentBlockStop {"contentBlockIndex":0}
messageStop {"stopReason":"end_turn"}
metadata {"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15},"metrics":{"latencyMs":3}}
_EOC_


# seconds between a request's date and now

sub age {
    my ($date) = @_;

    my @t = $date =~ /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/ or return 1e9;

    return abs(time - timegm($t[5], $t[4], $t[3], $t[2], $t[1] - 1, $t[0]));
}


# all that was logged

sub error_log {
    open my $fh, '<', "$Test::Nginx::Util::ErrLogFile" or die "log: $!";
    local $/;
    return <$fh>;
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: path, headers, body, signature
--- do
provider('a')->play(answer('{"text": "hello"}'));

my $res = ask('{"model":"m","messages":[{"role":"system","content":"be kind"},'
    . '{"role":"user","content":"hi \u00e9"}],"temperature":0.50,'
    . '"max_tokens":77,"stop":["x"],"user":"u1","my_own":{"a":1}}',
    headers => { Authorization => 'Bearer client',
                 'X-Amz-Date' => 'client' });
my $sent = sent();

is($sent->{line}, 'POST /v1/model/us.amazon.nova-pro-v1%3A0/converse HTTP/1.1',
   "path");
is($sent->{headers}{'content-type'}, 'application/json', "type");
is($sent->{headers}{accept}, 'application/json', "accept");
unlike($sent->{head}, qr/client/, "nothing of the client's");
is($sent->{body}, '{"messages":[{"role":"user","content":[{"text":'
   . '"hi \u00e9"}]}],"system":[{"text":"be kind"}],"inferenceConfig":'
   . '{"maxTokens":77,"temperature":0.50,"stopSequences":["x"]},'
   . '"requestMetadata":{"user":"u1"}}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'my_own', "named");

like($sent->{headers}{authorization},
     qr{^AWS4-HMAC-SHA256\ Credential=AKIDEXAMPLE/\d{8}/us-east-1/bedrock/
        aws4_request,\ SignedHeaders=content-type;host;x-amz-date,
        \ Signature=[0-9a-f]{64}$}x, "form");
ok(signature($sent, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'us-east-1',
             'bedrock'),
   "signature");
ok(!signature($sent, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEX', 'us-east-1',
              'bedrock'),
   "of this key alone");
cmp_ok(age($sent->{headers}{'x-amz-date'}), '<', 30, "of now");
ok(!exists $sent->{headers}{'x-amz-security-token'}, "no token");

is($res->{status}, 200, "status");
like($res->{body}, qr/"content":"hello".*"finish_reason":"stop"/, "answer");
like($res->{body}, qr/"prompt_tokens":30,"completion_tokens":5,
                      "total_tokens":35/x, "usage");
like($res->{body}, qr/"cached_tokens":20/, "cached");
like(logged(),
     qr/^200\|OK\|a\|1\|m\|us.amazon.nova-pro-v1:0\|30\|5\|stop\|-\|0\|20$/,
     "logged");



=== TEST 2: temporary keys, a stream
--- provider_a: dialect bedrock; region eu-west-3; key env:LLM_TEST_AWS_TOKEN;
--- do
provider('a')->play(stream($main::text));

my $res = ask(chat(stream => 'true',
                   stream_options => '{"include_usage":true}'));
my @event = $res->{body} =~ /^data: (.*)\n\n/mg;

is(sent()->{line}, 'POST /v1/model/us.amazon.nova-pro-v1%3A0/converse-stream '
   . 'HTTP/1.1', "path");
is(sent()->{headers}{accept}, 'application/vnd.amazon.eventstream',
   "asked for");
is(sent()->{headers}{'x-amz-security-token'}, 'token/of+aws==', "token");
like(sent()->{headers}{authorization}, qr/content-type;host;x-amz-date;
     x-amz-security-token/x, "signed, too");
ok(signature(sent(), 'secret/of+aws', 'eu-west-3', 'bedrock'), "signature");

like($res->{headers}{'content-type'}, qr{^text/event-stream}, "type");
like($event[0], qr/"delta":\{"role":"assistant"/, "the role first");
is(content_of($res), "one two", "text");
like($event[-3], qr/"delta":\{\}.*"finish_reason":"stop"/, "finish");
like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":10,
                    "completion_tokens":5,"total_tokens":15/x, "usage");
is($event[-1], '[DONE]', "the end");
like(logged(), qr/\|10\|5\|stop\|-\|0\|0$/, "logged");



=== TEST 3: a key of Bedrock's own
--- provider_a: dialect bedrock; region us-east-1; key env:LLM_TEST_KEY;
--- do
provider('a')->play(answer('{"text": "hello"}'));

is(ask(chat())->{status}, 200, "status");
is(sent()->{headers}{authorization}, 'Bearer secret-of-provider', "bearer");
ok(!exists sent()->{headers}{'x-amz-date'}, "no signature");



=== TEST 4: a stream byte by byte
--- do
my $stream = stream($main::text);

$stream =~ s/^say/split 1\nsay/m;

provider('a')->play($stream);

my $res = ask(chat(stream => 'true'), timeout => 20);

is(content_of($res), "one two", "text");
like($res->{body}, qr/data: \[DONE\]\n\n$/, "the end");



=== TEST 5: an ARN in the path
--- provider_a: dialect bedrock; region us-west-2; key env:LLM_TEST_AWS;
--- model
deployment a arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc;
--- do
provider('a')->play(answer('{"text": "hello"}'));

is(ask(chat())->{status}, 200, "status");
is(sent()->{line}, 'POST /v1/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A'
   . '123456789012%3Aapplication-inference-profile%2Fabc/converse HTTP/1.1',
   "path");
ok(signature(sent(), 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'us-west-2',
             'bedrock'),
   "signature");



=== TEST 6: calls in a stream, names that the service does not take
--- do
provider('a')->play(stream(<<'_EOC_'));
messageStart {"role":"assistant"}
contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t1","name":"a_b_00017215"}}}
contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"c\":"}}}
contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"1}"}}}
contentBlockStop {"contentBlockIndex":0}
contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t2","name":"f"}}}
contentBlockStop {"contentBlockIndex":1}
messageStop {"stopReason":"tool_use"}
metadata {"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15},"metrics":{"latencyMs":3}}
_EOC_

my $tools = '[{"type":"function","function":{"name":"a.b"}},'
            . '{"type":"function","function":{"name":"f"}}]';
my $res = ask(chat(stream => 'true', tools => $tools));

like(sent()->{body}, qr/"toolSpec":\{"name":"a_b_00017215"/, "alias");
like($res->{body}, qr/"tool_calls":\[\{"index":0,"id":"t1",
     "type":"function","function":\{"name":"a\.b"/x, "its own name again");
like($res->{body}, qr/\{"index":1,"id":"t2","type":"function",
     "function":\{"name":"f"/x, "another");
like($res->{body}, qr/"arguments":"\{\\"c\\":"/, "arguments");
like($res->{body}, qr/"arguments":"\{\}"/, "no arguments");
like($res->{body}, qr/"finish_reason":"tool_calls"/, "finish");

provider('a')->play(answer('{"toolUse":{"toolUseId":"t1",'
    . '"name":"a_b_00017215","input":{"c": 1}}}', 'tool_use'));
$res = ask(chat(tools => $tools));

like($res->{body}, qr/"id":"t1","type":"function","function":\{"name":"a\.b",
     "arguments":"\{\\"c\\":\ 1\}"/x, "in a whole answer");



=== TEST 7: thoughts, there and back
--- model: deployment a us.amazon.nova-2-lite-v1:0;
--- do
provider('a')->play(answer('{"reasoningContent":{"reasoningText":{"text":'
    . '"hm","signature":"c2ln"}}},{"text":"yes"}'));

my $res = ask(chat(reasoning_effort => '"low"'));

like(sent()->{body}, qr/"additionalModelRequestFields":\{"reasoningConfig":
     \{"type":"enabled","maxReasoningEffort":"low"\}\}/x, "asked for");
like($res->{body}, qr/"reasoning_content":"hm"/, "told");
like($res->{body}, qr/"thinking_blocks":\[\{"type":"thinking",
     "thinking":"hm","signature":"c2ln"\}\]/x, "signed");

ask(chat(messages => '[{"role":"user","content":"hi"},{"role":"assistant",'
    . '"content":"yes","thinking_blocks":[{"type":"thinking","thinking":"hm",'
    . '"signature":"c2ln"}]},{"role":"user","content":"go"}]'));

like(sent()->{body}, qr/\{"reasoningContent":\{"reasoningText":\{"text":"hm",
     "signature":"c2ln"\}\}\},\{"text":"yes"\}/x, "comes back");



=== TEST 8: errors, by their status and by their type
--- model: deployment a us.amazon.nova-pro-v1:0;
--- errors
--- do
my @case = (
    [400, 'ValidationException', 'The "x" is wrong', 400, qr/is wrong/],
    [400, 'ValidationException', 'Input is too long for requested model.',
     400, qr/context_length_exceeded/],
    [400, 'ServiceQuotaExceededException:http://x/', 'no more', 429,
     qr/provider_rate_limit/],
    [400, 'IncompleteSignature', 'sign', 502, qr/provider_auth/],
    [403, 'AccessDeniedException', 'no', 502, qr/provider_auth/],
    [403, 'ExpiredTokenException', 'old', 502, qr/provider_auth/],
    [404, 'ResourceNotFoundException', 'none', 404, qr/model_not_found/],
    [408, 'ModelTimeoutException', 'late', 502, qr/error/],
    [424, 'ModelErrorException', 'broken', 502, qr/error/],
    [429, 'ThrottlingException', 'slow', 429, qr/provider_rate_limit/],
    [429, 'ModelNotReadyException', 'wait', 429, qr/provider_rate_limit/],
    [500, 'InternalServerException', 'oops', 502, qr/error/],
    [503, 'ServiceUnavailableException', 'busy', 503, qr/overloaded/],
);

for my $case (@case) {
    my ($status, $type, $message, $want, $has) = @$case;

    (my $json = $message) =~ s/"/\\\\"/g;

    provider('a')->play("status $status x\nheader x-amzn-ErrorType: $type\n"
        . "header x-amzn-RequestId: req-1\njson {\"message\":\"$json\"}\n");

    my $res = ask(chat());

    is($res->{status}, $want, "$type: status");
    like($res->{body}, $has, "$type: body");
}

unlike(error_log(), qr/wJalr|SignedHeaders|AWS4/, "no secret is logged");



=== TEST 9: an exception before anything else is another's turn
--- errors
--- do
for my $script ('!exception throttlingException {"message":"slow"}',
                '!exception serviceUnavailableException {"message":"busy"}',
                '!exception internalServerException {"message":"oops"}',
                '!error InternalFailure oops',
                "messageStart {\"role\":\"assistant\"}\n!exception "
                . 'modelStreamErrorException {"message":"x"}',
                "messageStart {\"role\":\"assistant\"}\n!flip 1")
{
    provider('a')->play(stream($script));
    provider('b')->play("stream from b\n");

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), 'from b', "answered");
    like($res->{body}, qr/data: \[DONE\]\n\n$/, "whole");
}

provider('a')->play(stream('!exception validationException '
                           . '{"message":"Input is too long for it"}'));
my $res = ask(chat(stream => 'true'));

is($res->{status}, 400, "the client's own fault");
like($res->{body}, qr/context_length_exceeded/, "which one");



=== TEST 10: an exception, a wrong CRC, a cut in the middle
--- errors
--- do
my $begin = join "\n", (split /\n/, $main::text)[0, 1], '';
my $two = join "\n", (split /\n/, $main::text)[0 .. 2], '';

for my $case (['exception', stream("$begin!exception throttlingException "
                                   . '{"message":"slow down"}'), qr/slow down/],
              ['error', stream("$begin!error InternalFailure oops"),
               qr/oops/],
              ['crc', stream("$two!flip 8"), qr/broke off/],
              ['end', stream($begin), qr/broke off/],
              ['half', stream("$two!cut 5"), qr/broke off/],
              ['cut', stream($begin, "cut\n"), qr/broke off/])
{
    my ($name, $script, $message) = @$case;

    provider('a')->play($script);

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), "one ", "$name: what came");
    like($res->{body}, qr/data: \{"error":.*$message/, "$name: error");
    unlike($res->{body}, qr/\[DONE\]/, "$name: no mark of the end");
}



=== TEST 11: a whole stream without the counts
--- do
provider('a')->play(stream(join "\n", (split /\n/, $main::text)[0 .. 4]));

my $res = ask(chat(stream => 'true'));

is(content_of($res), "one two", "text");
like($res->{body}, qr/data: \[DONE\]\n\n$/, "the end");



=== TEST 12: Claude goes by InvokeModel
--- model eval: $main::claude
--- do
provider('a')->play('json {"id":"msg_bdrk_1","type":"message",'
    . '"role":"assistant","model":"claude-sonnet-4-5-20250929","content":'
    . '[{"type":"text","text":"hello"}],"stop_reason":"end_turn",'
    . '"stop_sequence":null,"usage":{"input_tokens":11,"output_tokens":5}}'
    . "\n");

my $res = ask(chat(max_tokens => 7, service_tier => '"priority"'));

is(sent()->{line}, 'POST /v1/model/us.anthropic.claude-sonnet-4-5-20250929-'
   . 'v1%3A0/invoke HTTP/1.1', "path");
is(sent()->{headers}{'x-amzn-bedrock-service-tier'}, 'priority', "tier");
is(sent()->{body}, '{"anthropic_version":"bedrock-2023-05-31",'
   . '"max_tokens":7,"messages":[{"role":"user","content":'
   . '[{"type":"text","text":"hi"}]}]}', "body");
ok(signature(sent(), 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'us-east-1',
             'bedrock'),
   "signature");
like($res->{body}, qr/"id":"msg_bdrk_1".*"content":"hello"/, "answer");



=== TEST 13: Claude's own client
--- model eval: $main::claude
--- http
llm_model converse { deployment a converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0; cooldown off; }
--- do
provider('a')->play(stream(<<'_EOC_'));
chunk {"type":"message_start","message":{"id":"msg_bdrk_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":11,"cache_read_input_tokens":5,"output_tokens":1}}}
chunk {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}
chunk {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}
chunk {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}
chunk {"type":"content_block_stop","index":0}
chunk {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}
chunk {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi \u00e9"}}
chunk {"type":"content_block_stop","index":1}
chunk {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}
chunk {"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":11}}
_EOC_

my $res = ask('{"model":"m", "max_tokens" : 2048,"stream":true,"messages":['
    . '{"role":"user","content":"hi"}],"thinking":{"type":"enabled",'
    . '"budget_tokens":1024},"metadata":{"user_id":"u"}}',
    path => '/v1/messages');

is(sent()->{line}, 'POST /v1/model/us.anthropic.claude-sonnet-4-5-20250929-'
   . 'v1%3A0/invoke-with-response-stream HTTP/1.1', "path");
is(sent()->{body}, '{"anthropic_version":"bedrock-2023-05-31",'
   . '"max_tokens" : 2048,"messages":[{"role":"user","content":"hi"}],'
   . '"thinking":{"type":"enabled","budget_tokens":1024},'
   . '"metadata":{"user_id":"u"}}', "body, byte for byte");
is(join(' ', $res->{body} =~ /^event: (\w+)$/mg),
   'message_start content_block_start content_block_delta '
   . 'content_block_delta content_block_stop content_block_start '
   . 'content_block_delta content_block_stop message_delta message_stop',
   "events");
like($res->{body}, qr/"signature_delta","signature":"c2ln"/, "signature");
like($res->{body}, qr/"text_delta","text":"Hi \\u00e9"/, "text");
like($res->{body}, qr/"cache_read_input_tokens":5/, "usage");
unlike($res->{body}, qr/invocationMetrics/, "nothing of Amazon's");

# betas: those that the client named, but what runs at Anthropic's

my $beta = sub {
    my (%opt) = @_;

    return ask('{"model":"' . ($opt{model} || 'm') . '","max_tokens":9,'
        . '"messages":[{"role":"user","content":"hi"}]}',
        path => $opt{path} || '/v1/messages',
        headers => { 'anthropic-beta' =>
                     ['claude-code-20250219, oauth-2025-04-20', 'new-1'] });
};

$res = $beta->();
like(sent()->{body}, qr/,"anthropic_beta":\["claude-code-20250219","new-1"\]\}$/,
     "betas");
unlike(sent()->{head}, qr/anthropic-beta/, "not as a header");

$res = $beta->(model => 'converse');
like(sent()->{body}, qr/"additionalModelRequestFields":\{"anthropic_beta":
                       \["claude-code-20250219","new-1"\]\}/x, "in Converse");

$beta->(path => '/v1/chat/completions');
unlike(sent()->{body}, qr/beta/, "not of other clients");



=== TEST 14: another model and Claude's client
--- do
provider('a')->play(stream($main::text));

my $res = ask('{"model":"m","max_tokens":100,"stream":true,"system":"S",'
    . '"messages":[{"role":"user","content":[{"type":"text","text":"hi",'
    . '"cache_control":{"type":"ephemeral"}}]}]}', path => '/v1/messages');

is(sent()->{body}, '{"messages":[{"role":"user","content":[{"text":"hi"},'
   . '{"cachePoint":{"type":"default"}}]}],"system":[{"text":"S"}],'
   . '"inferenceConfig":{"maxTokens":100}}', "body");
is(join('', $res->{body} =~ /"text_delta","text":"([^"]*)"/g), 'one two',
   "text");
like($res->{body}, qr/event: message_stop\n/, "the end");



=== TEST 15: what cannot be said goes to another deployment
--- do
provider('b')->play("ok from b\n");

my $res = ask(chat(messages => '[{"role":"user","content":[{"type":'
    . '"image_url","image_url":{"url":"https://a/b.png"}}]}]'));

like($res->{body}, qr/"content":"from b"/, "answered");
is(scalar provider('a')->seen, 0, "not asked");
