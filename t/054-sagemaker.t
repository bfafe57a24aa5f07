# Clients and SageMaker: what an endpoint is sent, its signature, what comes
# back in Amazon's messages.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use EventStream;
use Gateway;
use Signature;

repeat_each(1);
plan 'no_plan';

$ENV{LLM_TEST_AWS} = 'AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
$ENV{LLM_TEST_AWS_TOKEN} = 'ASIAEXAMPLE:secret/of+aws:token/of+aws==';

gateway(
    providers => ['a', 'b'],
    defaults  => {
        provider_a => "preset sagemaker; dialect sagemaker; "
                      . "region us-east-1; key env:LLM_TEST_AWS;",
        model      => "deployment a llama-ep tier=1; "
                      . "deployment b up-b tier=2;",
    },
);


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}


our $answer = '{"id":"c1","object":"chat.completion","created":1,'
    . '"model":"/opt/ml/model","choices":[{"index":0,"message":{'
    . '"role":"assistant","content":"hello"},"finish_reason":"stop"}],'
    . '"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15},'
    . '"own":1.50}';


# a stream: lines that EventStream::script() knows

sub stream {
    my ($script, $end) = @_;

    return "chunked application/vnd.amazon.eventstream\n"
        . EventStream::say(EventStream::script($script))
        . (defined $end ? $end : "end\n");
}


sub chunk {
    my ($delta, $finish) = @_;

    return '{"id":"c1","model":"m","choices":[{"index":0,"delta":' . $delta
        . ',"finish_reason":' . ($finish ? "\"$finish\"" : 'null') . '}]}';
}


# pieces that end anywhere

our $usage = '{"id":"c1","model":"m","choices":[],"usage":{"prompt_tokens":10,'
             . '"completion_tokens":5,"total_tokens":15}}';

our $events = 'data: ' . chunk('{"role":"assistant","content":"one "}')
    . '%0a%0ada' . "\npart ta: " . chunk('{"content":"two"}')
    . "%0a\npart %0adata: " . chunk('{}', 'stop') . '%0a%0adata: '
    . "$usage%0a%0adata: [DO\npart NE]%0a%0a\n";

our $lines = chunk('{"role":"assistant","content":"one "}') . "%0a\npart "
    . chunk('{"content":"two"}') . '%0a' . chunk('{}', 'length')
    . "%0a\npart $usage%0a\n";


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
provider('a')->play("header x-amzn-RequestId: req-1\njson $main::answer\n");

my $res = ask('{"x": 1.0,"model":"m","messages":[{"role":"user",'
    . '"content":"hi \u00e9"}],"max_completion_tokens":77}',
    headers => { Authorization => 'Bearer client',
                 'X-Amzn-SageMaker-Inference-Component' => 'client' });
my $sent = sent();

is($sent->{line}, 'POST /v1/endpoints/llama-ep/invocations HTTP/1.1', "path");
is($sent->{headers}{'content-type'}, 'application/json', "type");
is($sent->{headers}{accept}, 'application/json', "accept");
unlike($sent->{head}, qr/client/, "nothing of the client's");
is($sent->{body}, '{"x": 1.0,"model":"","messages":[{"role":"user",'
   . '"content":"hi \u00e9"}],"max_tokens":77}', "body");

like($sent->{headers}{authorization},
     qr{^AWS4-HMAC-SHA256\ Credential=AKIDEXAMPLE/\d{8}/us-east-1/sagemaker/
        aws4_request,\ SignedHeaders=content-type;host;x-amz-date,
        \ Signature=[0-9a-f]{64}$}x, "form");
ok(signature($sent, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'us-east-1',
             'sagemaker'), "signature");
ok(!signature($sent, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEX', 'us-east-1',
              'sagemaker'), "of this key alone");

is($res->{status}, 200, "status");
is($res->{body}, $main::answer, "the answer as it came");
is($res->{headers}{'x-upstream-request-id'}, 'req-1', "request's id");
like(logged(), qr/^200\|OK\|a\|1\|m\|llama-ep\|10\|5\|stop\|-\|0\|0$/,
     "logged");



=== TEST 2: a component of inference, temporary keys, a header of one's own
--- provider_a
preset sagemaker; dialect sagemaker; region eu-west-3;
key env:LLM_TEST_AWS_TOKEN; header X-Amzn-SageMaker-Target-Variant v2;
--- model: deployment a ep-1/llama-part;
--- do
provider('a')->play("json $main::answer\n");

is(ask(chat())->{status}, 200, "status");
is(sent()->{line}, 'POST /v1/endpoints/ep-1/invocations HTTP/1.1', "path");
is(sent()->{headers}{'x-amzn-sagemaker-inference-component'}, 'llama-part',
   "component");
is(sent()->{headers}{'x-amzn-sagemaker-target-variant'}, 'v2', "variant");
is(sent()->{headers}{'x-amz-security-token'}, 'token/of+aws==', "token");
like(sent()->{headers}{authorization}, qr/content-type;host;x-amz-date;
     x-amz-security-token;x-amzn-sagemaker-inference-component,/x,
     "what is signed");
ok(signature(sent(), 'secret/of+aws', 'eu-west-3', 'sagemaker'),
   "signature");
like(logged(), qr{\|ep-1/llama-part\|}, "logged");



=== TEST 3: a stream goes through, whatever its pieces
--- do
my $want = join '', map { "data: $_\n\n" }
    main::chunk('{"role":"assistant","content":"one "}'),
    main::chunk('{"content":"two"}'), main::chunk('{}', 'stop'),
    $main::usage, '[DONE]';

provider('a')->play(stream("part $main::events"));

my $res = ask(chat(stream => 'true',
                   stream_options => '{"include_usage":true}'));

is(sent()->{line}, 'POST /v1/endpoints/llama-ep/invocations-response-stream '
   . 'HTTP/1.1', "path");
ok(signature(sent(), 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'us-east-1',
             'sagemaker'), "signature");
like($res->{headers}{'content-type'}, qr{^text/event-stream}, "type");
is($res->{body}, $want, "the events alone");
like(logged(), qr/\|10\|5\|stop\|-\|0\|0$/, "logged");

my $stream = stream("part $main::events");
$stream =~ s/^say/split 1\nsay/m;
provider('a')->play($stream);

$res = ask(chat(stream => 'true'), timeout => 20);

like(sent()->{body}, qr/"stream_options":\{"include_usage":true\}/,
     "usage is asked for");
$want =~ s/data: \{[^\n]*"usage"[^\n]*\n\n//;
is($res->{body}, $want, "byte by byte, without the usage nobody asked for");
like(logged(), qr/\|10\|5\|stop\|-\|0\|0$/, "it is known all the same");



=== TEST 4: lines of LMI become events
--- do
my $want = join '', map { "data: $_\n\n" }
    main::chunk('{"role":"assistant","content":"one "}'),
    main::chunk('{"content":"two"}'), main::chunk('{}', 'length'),
    '[DONE]';

for my $split (0, 1) {
    my $stream = stream("part $main::lines");
    $stream =~ s/^say/split 1\nsay/m if $split;
    provider('a')->play($stream);

    my $res = ask(chat(stream => 'true'), timeout => 20);

    is($res->{body}, $want, "events, and an end");
    like(logged(), qr/\|10\|5\|length\|-\|0\|0$/, "usage");
}



=== TEST 5: what it cost, in events and in lines
--- model: deployment a llama-ep; price input=2 output=4;
--- location: llm_auth off; llm_usage_cost on;
--- do
for my $script ($main::events, $main::lines) {
    provider('a')->play(stream("part $script"));

    my $res = ask(chat(stream => 'true',
                       stream_options => '{"include_usage":true}'));
    my @event = $res->{body} =~ /^data: (.*)\n\n/mg;

    is(scalar @event, 5, "events");
    like($event[3], qr/"usage":\{.*"total_tokens":15,"cost":0\.000040000\}\}$/,
         "cost");
    is($event[4], '[DONE]', "the end");
}



=== TEST 6: a client of Anthropic's
--- do
provider('a')->play("json $main::answer\n");

my $body = '{"model":"m","max_tokens":9,"system":"be kind","messages":'
           . '[{"role":"user","content":"hi"}]';
my $res = ask("$body}", path => '/v1/messages');

is(sent()->{body}, '{"model":"","messages":[{"role":"system",'
   . '"content":"be kind"},{"role":"user","content":"hi"}],"max_tokens":9}',
   "body");
like($res->{body}, qr/"type":"text","text":"hello"/, "answer");
like($res->{body}, qr/"input_tokens":10.*"output_tokens":5/, "usage");

for my $script ($main::events, $main::lines) {
    provider('a')->play(stream("part $script"));
    $res = ask("$body,\"stream\":true}", path => '/v1/messages');

    like($res->{body}, qr/event: content_block_delta\n.*"text":"one "/,
         "a stream");
    like($res->{body}, qr/event: message_stop\n.*\n\n$/, "its end");
}



=== TEST 7: calls in a stream
--- do
provider('a')->play(stream('part data: ' . main::chunk('{"role":"assistant",'
    . '"tool_calls":[{"index":0,"id":"t1","type":"function","function":'
    . '{"name":"f","arguments":""}}]}') . '%0a%0adata: '
    . main::chunk('{"tool_calls":[{"index":0,"function":{"arguments":'
                  . '"{\\"a\\":1}"}}]}') . '%0a%0adata: '
    . main::chunk('{}', 'tool_calls') . '%0a%0adata: [DONE]%0a%0a'));

my $res = ask(chat(stream => 'true', tools => '[{"type":"function",'
                   . '"function":{"name":"f"}}]'));

like(sent()->{body}, qr/"tools":\[\{"type":"function"/, "tools");
like($res->{body}, qr/"id":"t1".*"arguments":"\{\\"a\\":1\}"/s, "a call");
like(logged(), qr/\|tool_calls\|-\|/, "finish");



=== TEST 8: errors of the service and of the container
--- model: deployment a llama-ep;
--- errors
--- do
my @case = (
    [400, 'ValidationError', '{"Message":"Endpoint x of account 1 not found."}',
     404, qr/model_not_found/],
    [400, 'ValidationError', '{"Message":"1 validation error"}', 400,
     qr/1 validation error/],
    [400, 'ThrottlingException', '{"message":"Rate exceeded"}', 429,
     qr/provider_rate_limit/],
    [429, 'ModelNotReadyException', '{"Message":"wait"}', 429,
     qr/provider_rate_limit/],
    [403, 'AccessDeniedException', '{"Message":"no"}', 502,
     qr/provider_auth/],
    [500, 'InternalFailure', '{"Message":"oops"}', 502, qr/error/],
    [503, 'ServiceUnavailable', '{"Message":"busy"}', 503, qr/overloaded/],
    [530, 'InternalDependencyException', '{"Message":"x"}', 502, qr/error/],
    [424, 'ModelError', '{"Message":"Received client error (400) from '
     . 'primary","OriginalMessage":"{\\\\"error\\\\":{\\\\"message\\\\":'
     . '\\\\"temperature is odd\\\\",\\\\"type\\\\":\\\\"bad_request\\\\",'
     . '\\\\"param\\\\":null,\\\\"code\\\\":\\\\"x\\\\"}}",'
     . '"OriginalStatusCode":400}', 400,
     qr/^\{"error":\{"message":"temperature\ is\ odd","type":"bad_request",
        "param":null,"code":"x"\}\}$/x],
    [424, 'ModelError', '{"Message":"m","OriginalMessage":"{\\\\"error\\\\":'
     . '\\\\"`inputs` must have less than 9 tokens. Given: 10\\\\"}",'
     . '"OriginalStatusCode":422}', 400, qr/context_length_exceeded/],
    [424, 'ModelError', '{"Message":"m","OriginalMessage":"out of memory",'
     . '"OriginalStatusCode":500}', 502, qr/provider_error/],
    [424, 'ModelError', '{"Message":"m","OriginalMessage":"{}",'
     . '"OriginalStatusCode":503}', 503, qr/overloaded/],
);

for my $case (@case) {
    my ($status, $type, $body, $want, $has) = @$case;

    provider('a')->play("status $status x\nheader x-amzn-ErrorType: $type\n"
        . "json $body\n");

    my $res = ask(chat());

    is($res->{status}, $want, "$status $type: status");
    like($res->{body}, $has, "$status $type: body");
}

unlike(error_log(), qr/wJalr|SignedHeaders|AWS4/, "no secret is logged");



=== TEST 9: a stream that does not begin is another's turn
--- errors
--- do
for my $script ('!exception ModelStreamError {"Message":"m",'
                . '"ErrorCode":"StreamBroken"}',
                '!exception InternalStreamFailure {"Message":"m"}',
                '!error InternalFailure oops',
                'part data: {"error":{"message":"m","code":500}}%0a%0a',
                'part {"error":{"message":"m","code":500}}',
                'part data: nonsense%0a%0a',
                'part ',
                "part data: " . main::chunk('{"role":"assistant"}')
                . "%0a%0a\n!flip 1")
{
    provider('a')->play(stream($script));
    provider('b')->play("stream from b\n");

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), 'from b', "answered: $script");
    like($res->{body}, qr/data: \[DONE\]\n\n$/, "whole");
}

provider('a')->play(stream('part {"error":{"message":"This model\'s maximum '
                           . 'context length is 9","code":400}}'));
my $res = ask(chat(stream => 'true'));

is($res->{status}, 400, "the client's own fault");
like($res->{body}, qr/context_length_exceeded/, "which one");



=== TEST 10: a stream that breaks off
--- errors
--- do
my $begin = 'part data: ' . main::chunk('{"content":"one "}') . "%0a%0a\n";
my $line = 'part ' . main::chunk('{"content":"one "}') . "%0a\n";

for my $case (['exception', stream("$begin!exception ModelStreamError "
                                   . '{"Message":"took too long"}'),
               qr/took too long/],
              ['inner error', stream($begin . 'part data: {"error":{"message":'
                                     . '"out of memory"}}%0a%0a'),
               qr/out of memory/],
              ['crc', stream("${begin}part x\n!flip 6"), qr/broke off/],
              ['end', stream($begin), qr/broke off/],
              ['in an event', stream("${begin}part data: {"), qr/broke off/],
              ['in a message', stream("${begin}part x\n!cut 5"),
               qr/broke off/],
              ['cut', stream($begin, "cut\n"), qr/broke off/],
              ['lines', stream($line), qr/broke off/])
{
    my ($name, $script, $message) = @$case;

    provider('a')->play($script);

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), "one ", "$name: what came");
    like($res->{body}, qr/data: \{"error":.*$message/, "$name: error");
    unlike($res->{body}, qr/\[DONE\]/, "$name: no mark of the end");
}



=== TEST 11: embeddings, by either form
--- http
llm_model e {
    deployment a openai/emb-ep/part;
}
--- model: deployment a emb-ep;
--- do
provider('a')->play("json [[1,2],[3,4.50]]\n");

my $res = ask('{"model":"m","input":["a","b"],"user":"u"}',
              path => '/v1/embeddings');

is(sent()->{line}, 'POST /v1/endpoints/emb-ep/invocations HTTP/1.1', "path");
is(sent()->{body}, '{"inputs":["a","b"]}', "body");
ok(signature(sent(), 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'us-east-1',
             'sagemaker'), "signature");
like($res->{body}, qr/"embedding":\[1,2\].*"embedding":\[3,4\.50\]/,
     "answer");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named");

provider('a')->play('json {"object":"list","model":"x","data":[{"index":0,'
    . '"embedding":[5,6]}],"usage":{"prompt_tokens":7,"total_tokens":7}}'
    . "\n");

$res = ask('{"model":"e","input":"a","dimensions":2}',
           path => '/v1/embeddings');

is(sent()->{body}, '{"model":"","input":["a"],"dimensions":2}',
   "OpenAI's form");
is(sent()->{headers}{'x-amzn-sagemaker-inference-component'}, 'part',
   "component");
like($res->{body}, qr/"embedding":\[5,6\].*"prompt_tokens":7/, "answer");

provider('a')->play("json [[1]]\n");

like(ask('{"model":"m","input":"a","dimensions":2}',
         path => '/v1/embeddings')->{body}, qr/unsupported_parameter/,
     "what cannot be said");



=== TEST 12: the region is in the host's name
--- http
llm_provider c { preset sagemaker; key env:LLM_TEST_AWS; region ap-south-1; }
--- do
is(ask(chat(model => '"none"'))->{status}, 404, "it runs");



=== TEST 13: no region
--- http_config
llm_provider a { preset sagemaker; key env:LLM_TEST_AWS; }
--- config
location / { llm_auth off; llm_gateway; }
--- must_die
--- error_log
must have "region" or "url"
--- suppress_stderr



=== TEST 14: a key that cannot sign
--- http_config
llm_provider a { preset sagemaker; region us-east-1; key env:LLM_TEST_KEY; }
--- config
location / { llm_auth off; llm_gateway; }
--- must_die
--- error_log
cannot sign requests: its key is not valid
--- suppress_stderr
