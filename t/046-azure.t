# Azure OpenAI: paths, keys, versions, and what content filters say.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

$ENV{LLM_TEST_TOKEN} = 'eyJhbGciOi.eyJhdWQiOi.c2ln';

gateway(
    providers => ['a', 'b'],
    defaults  => { model => "deployment a gpt4o-prod tier=1; "
                            . "deployment b up-b tier=2;" },
);

our $url = 'url http://127.0.0.1:' . provider('a')->port;

$Gateway::default{provider_a} = "preset azure; $url; api_version 2024-10-21;";


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}


our $cats = '"hate":{"filtered":false,"severity":"safe"},'
            . '"self_harm":{"filtered":false,"severity":"safe"}';

our $prompt = '"prompt_filter_results":[{"prompt_index":0,'
              . '"content_filter_results":{' . $cats . '}}]';


# an event of a stream: of a choice, or of the whole

sub choice {
    my ($choice) = @_;

    return 'data {"id":"chatcmpl-1","object":"chat.completion.chunk",'
        . '"created":1700000000,"model":"gpt-4o-2024-08-06","choices":[{'
        . '"index":0,' . $choice . '}]}' . "\n";
}

our $preamble = 'data {"id":"","object":"","created":0,"model":"",'
                . '"choices":[],' . $prompt . '}' . "\n";

our $start = "sse\n" . $preamble
    . choice('"delta":{"role":"assistant","content":"","refusal":null},'
             . '"content_filter_results":{},"finish_reason":null')
    . choice('"delta":{"content":"one "},"content_filter_results":{' . $cats
             . '},"finish_reason":null');

our $note = 'data {"id":"","object":"","created":0,"model":"","choices":[{'
    . '"index":0,"finish_reason":null,"content_filter_results":{' . $cats
    . '},"content_filter_offsets":{"check_offset":0,"start_offset":0,'
    . '"end_offset":4}}]}' . "\n";

our $block = 'data {"id":"","object":"","created":0,"model":"","choices":[{'
    . '"index":0,"finish_reason":"content_filter",'
    . '"content_filter_results":{"hate":{"filtered":true,"severity":"high"}'
    . '}}]}' . "\n";

our $usage = 'data {"id":"chatcmpl-1","object":"chat.completion.chunk",'
    . '"created":1700000000,"model":"gpt-4o-2024-08-06","choices":[],'
    . '"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
    . "\n";

our $end = "data [DONE]\nend";

no_long_string();
run_tests();

__DATA__

=== TEST 1: a dated version: the deployment in the path, the key, the body
--- do
provider('a')->play('json {"id":"chatcmpl-1","object":"chat.completion",'
    . '"created":1,"model":"gpt-4o-2024-08-06",' . $main::prompt . ','
    . '"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},'
    . '"content_filter_results":{' . $main::cats . '},'
    . '"finish_reason":"stop"}],"usage":{"prompt_tokens":7,'
    . '"completion_tokens":3,"total_tokens":10}}');

my $res = ask('{"messages":[{"role":"developer","content":"be kind"},'
    . '{"role":"user","content":"hi"}],"model":"m","verbosity":"low",'
    . '"reasoning_effort":"low","mine":{"a":[1]},"data_sources":[{"type":"x"}'
    . '],"temperature":0.50,"service_tier":"auto"}',
    headers => { Authorization => 'Bearer client', 'api-key' => 'client',
                 'OpenAI-Organization' => 'client' });
my $sent = sent();

is($sent->{line}, 'POST /openai/deployments/gpt4o-prod/chat/completions'
   . '?api-version=2024-10-21 HTTP/1.1', "path");
is($sent->{headers}{'api-key'}, 'secret-of-provider', "key");
ok(!exists $sent->{headers}{authorization}, "once");
unlike($sent->{head}, qr/client/, "nothing of the client's");
is($sent->{body}, '{"messages":[{"role":"system","content":"be kind"},'
   . '{"role":"user","content":"hi"}],"model":"gpt4o-prod",'
   . '"data_sources":[{"type":"x"}],"temperature":0.50}', "body");
is($res->{headers}{'x-llm-dropped-params'},
   'verbosity, reasoning_effort, mine', "named");

is($res->{status}, 200, "status");
like($res->{body}, qr/"content":"hi"\},"content_filter_results":\{"hate"/,
     "the answer as it is");
like(logged(), qr/^200\|OK\|a\|1\|m\|gpt4o-prod\|7\|3\|stop\|-\|0\|0$/,
     "logged");



=== TEST 2: without a version: the v1 API
--- provider_a eval: "preset azure; $main::url; key env:LLM_TEST_TOKEN;"
--- do
provider('a')->play('ok hi');

my $body = '{"model":"m","messages":[{"role":"developer","content":"x"},'
    . '{"role":"user","content":"hi"}],"verbosity":"low","mine":1}';
my $res = ask($body);

$body =~ s/"m"/"gpt4o-prod"/;

is(sent()->{line}, 'POST /openai/v1/chat/completions HTTP/1.1', "path");
is(sent()->{headers}{authorization}, 'Bearer eyJhbGciOi.eyJhdWQiOi.c2ln',
   "a token is a bearer's");
ok(!exists sent()->{headers}{'api-key'}, "once");
is(sent()->{body}, $body, "body");
is($res->{status}, 200, "status");
ok(!exists $res->{headers}{'x-llm-dropped-params'}, "nothing dropped");



=== TEST 3: behind another front, v1 in preview
--- provider_a eval
"preset azure; $main::url/front/openai/v1/; api_version preview;"
--- do
provider('a')->play('ok hi');
ask(chat());
is(sent()->{line},
   'POST /front/openai/v1/chat/completions?api-version=preview HTTP/1.1',
   "path");
is(sent()->{headers}{'api-key'}, 'secret-of-provider', "key");



=== TEST 4: the name of a deployment does not leave its place in the path
--- model: deployment a "a/../b?c=d%#";
--- do
provider('a')->play('ok hi');
ask(chat());
is(sent()->{line}, 'POST /openai/deployments/a%2F..%2Fb%3Fc%3Dd%25%23'
   . '/chat/completions?api-version=2024-10-21 HTTP/1.1', "path");



=== TEST 5: an old version
--- provider_a eval: "preset azure; $main::url; api_version 2024-06-01;"
--- do
provider('a')->play("stream one two");

my $res = ask(chat(stream => 'true', stream_options =>
    '{"include_usage":true}', max_completion_tokens => 5,
    parallel_tool_calls => 'true'));

unlike(sent()->{body}, qr/stream_options|parallel_tool_calls|completion/,
       "not sent");
like(sent()->{body}, qr/"max_tokens":5/, "the limit's old name");
is(content_of($res), "one two", "answered");



=== TEST 6: a model that reasons, by the name that "as" gives it
--- model: deployment a prod-7 as=o3-mini;
--- do
provider('a')->play('ok hi');
ask(chat(max_tokens => 5));
like(sent()->{body}, qr/"max_completion_tokens":5/, "the limit's new name");
unlike(sent()->{body}, qr/"max_tokens"/, "alone");



=== TEST 7: a stream with its notes of filters, and what the client gets
--- do
for my $split (0, 1, 7) {
    provider('a')->play(($split ? "split $split\n" : '') . $main::start
        . $main::note
        . choice('"delta":{"content":"two"},"content_filter_results":{'
                 . $main::cats . '},"finish_reason":null')
        . $main::note
        . choice('"delta":{},"content_filter_results":{},'
                 . '"finish_reason":"stop"')
        . $main::note . $main::usage . $main::end);

    my $res = ask(chat(stream => 'true'));
    my @event = $res->{body} =~ /^data: (.*)\n\n/mg;

    is(scalar @event, 5, "role, text, text, finish, end");
    is(content_of($res), "one two", "text");
    unlike($res->{body}, qr/prompt_filter_results|offsets|"id":""/,
           "no chunk of the filter alone");
    like($event[1], qr/"content":"one "\},"content_filter_results":\{"hate"/,
         "what stands beside the text passes");
    is(scalar(grep { /"delta":\{/ } @event), 4, "all choices have a delta");
    is($event[-1], '[DONE]', "the end");
    like(logged(), qr/^200\|OK\|a\|1\|m\|gpt4o-prod\|7\|3\|stop\|-\|0\|0$/,
         "logged");
}

like(sent()->{body}, qr/"stream_options":\{"include_usage":true\}/,
     "asked for usage");



=== TEST 8: text that is blocked when it is out
--- do
for my $split (0, 1, 7) {
    provider('a')->play(($split ? "split $split\n" : '') . $main::start
        . $main::block . $main::note . $main::end);

    my $res = ask(chat(stream => 'true'));
    my @event = $res->{body} =~ /^data: (.*)\n\n/mg;

    is(scalar @event, 4, "role, text, finish, end");
    like($event[2], qr/"choices":\[\{"delta":\{\},"index":0,
                       "finish_reason":"content_filter"/x, "finish");
    is($event[-1], '[DONE]', "the end");
    like(logged(), qr/\|content_filter\|-\|0\|0$/, "logged");
}

provider('a')->play($main::start
    . choice('"delta":{},"finish_reason":"stop"') . $main::block
    . $main::end);

my $res = ask(chat(stream => 'true'));

is(scalar(() = $res->{body} =~ /"finish_reason":"/g), 1, "one finish");



=== TEST 9: a prompt that is blocked
--- model: deployment a gpt4o-prod; fallback on=content f;
--- http
llm_model f { deployment b up-b; cooldown off; }
--- do
my $error = '{"error":{"message":"The response was filtered","type":null,'
    . '"param":"prompt","code":"content_filter","status":400,"innererror":{'
    . '"code":"ResponsibleAIPolicyViolation","content_filter_result":{'
    . '"jailbreak":{"filtered":true,"detected":true}}}}}';

provider('a')->play("status 400 Bad\njson $error");
provider('b')->play("ok from b");

my $res = ask(chat());

is($res->{status}, 200, "the fallback for it");
is(content_of($res), "from b", "answers");
like(logged(), qr/^200\|OK\|b\|2\|f\|up-b\|.*\|1\|0$/, "logged");

provider('b')->play("status 400 Bad\njson $error");
$res = ask(chat());

is($res->{status}, 400, "status");
like($res->{body}, qr/"code":"content_filter"/, "code");

# a stream that was asked for gets a plain refusal

$res = ask(chat(stream => 'true'));
is($res->{status}, 400, "status, not a stream");



=== TEST 10: other errors
--- errors
--- do
for my $case (
    [404, '{"error":{"code":"DeploymentNotFound","message":"The API '
          . 'deployment for this resource does not exist."}}', 'ok b'],
    [404, '{"error":{"code":"404","message":"Resource not found"}}', 'ok b'],
    [401, '{"error":{"code":"401","message":"Access denied due to invalid '
          . 'subscription key"}}', 'ok b'],
    [401, '{"statusCode":401,"message":"Access denied"}', 'ok b'],
    [429, '{"error":{"code":"429","message":"Requests have exceeded call '
          . 'rate limit."}}', 'ok b'],
    [429, '{"error":{"code":"RateLimitReached","message":"slow"}}', 'ok b'],
    [500, '{"error":{"code":"InternalServerError","message":"x"}}', 'ok b'],
) {
    my ($status, $body, $next) = @$case;

    provider('a')->play("status $status Bad\njson $body");
    provider('b')->play($next);

    my $res = ask(chat());

    is(content_of($res), 'b', "$status $body: the next deployment serves");
}

provider('a')->play("status 400 Bad\njson " . '{"error":{"code":"context_'
    . 'length_exceeded","message":"too long","type":"invalid_request_error",'
    . '"param":"messages"}}');

is(error_of(ask(chat())), "400 invalid_request_error context_length_exceeded",
   "too long");

