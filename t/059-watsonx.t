# watsonx.ai: tokens for an API key of IBM Cloud's, paths, bodies, answers.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Time::HiRes qw(sleep time);
use Gateway;
use Tokens;

repeat_each(1);
plan 'no_plan';

# "token" is where tokens come from; each block has a key of its own, for
# the zone of tokens outlives a reload

our $token = Provider->new;
our $nth = 0;

gateway(
    providers => ['a', 'b'],
    defaults  => { model => "deployment a ibm/granite-4-h-small tier=1; "
                            . "deployment b up-b tier=2;" },
);

our $url = 'url http://127.0.0.1:' . provider('a')->port . ';';


sub watsonx {
    my ($more) = @_;

    open my $fh, '>', "$Tokens::dir/ibm" . ++$nth or die $!;
    print {$fh} "ibm&key=$nth+";
    close $fh;

    return "dialect watsonx; $url key file:$Tokens::dir/ibm$nth; "
           . 'token_url http://127.0.0.1:' . $token->port
           . '/identity/token; ' . ($more || 'project project-1;');
}


# a token as IBM Cloud gives it, and what serves it

sub grant {
    my ($value, $expires) = @_;

    $expires = 3600 if !defined $expires;

    return "json {\"access_token\":\"$value\",\"refresh_token\":"
           . "\"not_supported\",\"ims_user_id\":1,\"token_type\":\"Bearer\","
           . "\"expires_in\":$expires,\"expiration\":1749327088,"
           . "\"scope\":\"ibm openid\"}\n";
}


sub answer {
    my ($text) = @_;

    return 'json {"id":"chatcmpl-1","object":"chat.completion","model_id":'
           . '"ibm/granite-4-h-small","model":"ibm/granite-4-h-small",'
           . '"choices":[{"index":0,"message":{"role":"assistant","content":"'
           . $text . '"},"finish_reason":"stop"}],"created":1749323488,'
           . '"model_version":"4.0.0","created_at":"2025-06-07T19:11:29.419Z",'
           . '"usage":{"completion_tokens":3,"prompt_tokens":7,'
           . '"total_tokens":10}}' . "\n";
}


sub failure {
    my ($status, $code, $message) = @_;

    return "status $status\njson {\"errors\":[{\"code\":\"$code\","
           . "\"message\":\"$message\",\"more_info\":\"https://cloud.ibm.com/"
           . "apidocs/watsonx-ai#text-chat\"}],\"trace\":\"245ff890\","
           . "\"status_code\":$status}\n";
}


sub fixture {
    my ($name, $head) = @_;

    return ($head || 'sse') . "\nfile t/fixtures/watsonx/$name.sse\nend\n";
}


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}


# what it would have been sent before the parameters of a request

our $begin = '{"model_id":"ibm/granite-4-h-small","project_id":"project-1",'
             . '"messages":[{"role":"user","content":"hi"}]';

no_long_string();
run_tests();

__DATA__

=== TEST 1: a token for a key, once; path, query, body, answer
--- provider_a eval: main::watsonx()
--- do
$main::token->play(main::grant('eyJ.one'));
provider('a')->play(main::answer('hello'));

my $res = ask(chat(max_tokens => 5));

is($res->{status}, 200, "status");
is(content_of($res), 'hello', "answer");
like($res->{body}, qr/"usage":\{"prompt_tokens":7,"completion_tokens":3,/,
     "usage");
is(main::sent()->{line}, 'POST /ml/v1/text/chat?version=2025-10-01 HTTP/1.1',
   "path");
is(main::sent()->{headers}{authorization}, 'Bearer eyJ.one', "token");
is(main::sent()->{headers}{accept}, 'application/json', "accept");
is(main::sent()->{body}, $main::begin . ',"max_completion_tokens":5}', "body");

is(ask(chat())->{status}, 200, "another");

my @asked = $main::token->seen;

is(scalar @asked, 1, "one token for both");
is($asked[0]{line}, 'POST /identity/token HTTP/1.1', "where");
is($asked[0]{headers}{'content-type'}, 'application/x-www-form-urlencoded',
   "a form");

my $form = form($asked[0]{body});

is_deeply([sort keys %$form], ['apikey', 'grant_type'], "its members");
is($form->{grant_type}, 'urn:ibm:params:oauth:grant-type:apikey', "grant");
like($form->{apikey}, qr/^ibm&key=\d+\+$/, "key");



=== TEST 2: a stream, in a space, of another version of the API
--- provider_a eval: main::watsonx('space space-1; api_version 2026-08-11;')
--- do
$main::token->play(main::grant('eyJ.two'));

for my $split (0, 7, 61) {
    provider('a')->play(($split ? "split $split\n" : '')
                        . main::fixture('plain'));

    my $res = ask(chat(stream => 'true',
                       stream_options => '{"include_usage":true}'));

    is(content_of($res), 'Hello \u00e9', "text");
    like($res->{body}, qr/"finish_reason":"stop"/, "finish");
    like($res->{body}, qr/"prompt_tokens":85,"completion_tokens":27/, "usage");
    like($res->{body}, qr/data: \[DONE\]\n\n\z/, "whole");
    unlike($res->{body}, qr/^(?:id|event):/m, "only data");
}

is(main::sent()->{line}, 'POST /ml/v1/text/chat_stream?version=2026-08-11 '
   . 'HTTP/1.1', "path");
is(main::sent()->{headers}{accept}, 'text/event-stream', "accept");
is(main::sent()->{body}, '{"model_id":"ibm/granite-4-h-small",'
   . '"space_id":"space-1","messages":[{"role":"user","content":"hi"}]}',
   "no word of a stream");

ask(chat(stream => 'true'));
is((log_lines())[-1], '200|OK|a|1|m|ibm/granite-4-h-small|85|27|stop|-|0|0',
   "logged");



=== TEST 3: a deployment names neither model nor project
--- provider_a eval: main::watsonx('space space-1;')
--- model: deployment a deployments/3c5d-4e/x;
--- do
$main::token->play(main::grant('eyJ.three'));
provider('a')->play(main::answer('hello'));

is(content_of(ask(chat())), 'hello', "answer");
is(main::sent()->{line}, 'POST /ml/v1/deployments/3c5d-4e%2Fx/text/chat'
   . '?version=2025-10-01 HTTP/1.1', "path");
is(main::sent()->{body}, '{"messages":[{"role":"user","content":"hi"}]}',
   "body");

provider('a')->play(main::fixture('close'));

is(content_of(ask(chat(stream => 'true'))), 'Hello \u00e9', "stream");
is(main::sent()->{line}, 'POST /ml/v1/deployments/3c5d-4e%2Fx/text/chat_stream'
   . '?version=2025-10-01 HTTP/1.1', "its path");

is(error_of(ask('{"model":"m","input":"x"}', path => '/v1/embeddings')),
   '400 invalid_request_error unsupported_model', "no embeddings");



=== TEST 4: tools, two calls of a stream, reasoning
--- provider_a eval: main::watsonx()
--- model: deployment a ibm/granite-4-h-small;
--- do
$main::token->play(main::grant('eyJ.four'));
provider('a')->play(main::fixture('parallel'));

my %tools = (tools => '[{"type":"function","function":{"name":"sum",'
                      . '"strict":true,"parameters":{"type":"object"}}}]');

my $res = ask(chat(%tools, tool_choice => '"required"', stream => 'true'));

like($res->{body}, qr/"index":0,"id":"chatcmpl-tool-3f46".*"name":"sum"/,
     "one");
like($res->{body}, qr/"index":1,"id":"chatcmpl-tool-3a69".*"name":"sub"/,
     "another");
like($res->{body}, qr/"finish_reason":"tool_calls"/, "finish");
is($res->{headers}{'x-llm-dropped-params'}, 'strict', "dropped");
is(main::sent()->{body}, $main::begin . ',"tools":[{"type":"function",'
   . '"function":{"name":"sum","parameters":{"type":"object"}}}],'
   . '"tool_choice_option":"required"}', "body");

provider('a')->play(main::fixture('tools_no_reason'));

$res = ask(chat(%tools, stream => 'true', tool_choice =>
                '{"type":"function","function":{"name":"sum"}}'));

like($res->{body}, qr/"finish_reason":"tool_calls".*\[DONE\]\n\n\z/s,
     "it does not say why it ended");
like(main::sent()->{body}, qr/"tool_choice":\{"type":"function","function":
                              \{"name":"sum"\}\}\}$/x, "by its name");

provider('a')->play(main::fixture('reasoning'));

$res = ask(chat(stream => 'true', reasoning_effort => '"minimal"'));

like($res->{body}, qr/"reasoning_content":"User".*"content":"\*\*2\*\*"/s,
     "reasoning");
is(main::sent()->{body}, $main::begin . ',"reasoning_effort":"low"}',
   "effort");

is(error_of(ask(chat(%tools, parallel_tool_calls => 'false'))),
   '400 invalid_request_error unsupported_parameter', "refused");



=== TEST 5: a client of Anthropic's, a picture
--- provider_a eval: main::watsonx()
--- do
$main::token->play(main::grant('eyJ.five'));
provider('a')->play(main::answer('hello') . "==\n"
                    . main::fixture('tools'));

my $res = ask('{"model":"m","max_tokens":5,"system":"S","messages":[{"role":'
    . '"user","content":[{"type":"image","source":{"type":"base64",'
    . '"media_type":"image/png","data":"iVBO"}},{"type":"text","text":"?"}]}]}',
    path => '/v1/messages');

like($res->{body}, qr/"type":"text","text":"hello"/, "answer");
is(main::sent()->{body}, '{"model_id":"ibm/granite-4-h-small","project_id":'
   . '"project-1","messages":[{"role":"system","content":"S"},{"role":"user",'
   . '"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64'
   . ',iVBO"}},{"type":"text","text":"?"}]}],"max_completion_tokens":5}',
   "body");

$res = ask('{"model":"m","max_tokens":5,"stream":true,"tools":[{"name":"sum",'
    . '"input_schema":{"type":"object"}}],"messages":[{"role":"user",'
    . '"content":"hi"}]}', path => '/v1/messages');

like($res->{body}, qr/"type":"tool_use","id":"chatcmpl-tool-3f46"/, "a call");
like($res->{body}, qr/"stop_reason":"tool_use"/, "reason");
like($res->{body}, qr/event: message_stop\n/, "whole");



=== TEST 6: a structured answer
--- provider_a eval: main::watsonx()
--- do
$main::token->play(main::grant('eyJ.six'));
provider('a')->play(main::answer('{\\\\"a\\\\":1}'));

my $schema = '{"type":"object","properties":{"a":{"type":"integer"}}}';

my $res = ask(chat(response_format => '{"type":"json_schema","json_schema":'
    . "{\"name\":\"out\",\"schema\":$schema,\"strict\":true}}"));

is(content_of($res), '{\"a\":1}', "answer");
is(main::sent()->{body}, $main::begin . ',"response_format":{"type":'
   . '"json_schema","json_schema":{"name":"out","schema":' . $schema
   . ',"strict":true}}}', "body");



=== TEST 7: what is sent, what is dropped, what is refused
--- provider_a eval: main::watsonx()
--- model: deployment a ibm/granite-4-h-small;
--- do
$main::token->play(main::grant('eyJ.seven'));
provider('a')->play(main::answer('hello'));

my $res = ask(chat(user => '"u"', top_k => 5, store => 'true', own => '[1]',
                   time_limit => 30000, temperature => '0.50',
                   stop => '["x"]', n => 1));

is($res->{status}, 200, "status");
is($res->{headers}{'x-llm-dropped-params'}, 'top_k, user, store, own',
   "named");
is(main::sent()->{body}, $main::begin . ',"temperature":0.50,"n":1,'
   . '"stop":["x"],"time_limit":30000}', "body");

is(error_of(ask(chat(modalities => '["audio"]'))),
   '400 invalid_request_error unsupported_parameter', "refused");
is(error_of(ask('{"model":"m","messages":[{"role":"user","content":[{"type":'
    . '"file","file":{"filename":"a.pdf","file_data":'
    . '"data:application/pdf;base64,JVBE"}}]}]}')),
   '400 invalid_request_error unsupported_parameter', "a document");



=== TEST 8: errors
--- errors
--- provider_a eval: main::watsonx()
--- model: deployment a ibm/granite-4-h-small;
--- do
$main::token->play(main::grant('eyJ.eight'));

my @error = (
    [404, 'model_not_supported', "Model 'x' is not supported",
     '404 invalid_request_error model_not_found'],
    [400, 'json_validation_error', 'Json document validation error: x',
     '400 invalid_request_error json_validation_error'],
    [400, 'invalid_input_argument', "This model's maximum context length is "
     . '131072 tokens', '400 invalid_request_error context_length_exceeded'],
    [403, 'token_quota_reached', 'no more',
     '429 rate_limit_error provider_rate_limit'],
    [403, 'authorization_rejected', 'no', '502 server_error provider_auth'],
    [503, 'downstream_request_failed', 'wait',
     '503 server_error overloaded'],
);

for my $error (@error) {
    my ($status, $code, $message, $want) = @$error;

    provider('a')->play(main::failure($status, $code, $message));
    is(error_of(ask(chat())), $want, $code);

    # before a stream

    is(error_of(ask(chat(stream => 'true'))), $want, "$code, a stream");
}

provider('a')->play(main::failure(400, 'json_validation_error', 'odd \\"x\\"'));
like(ask(chat())->{body}, qr/"message":"odd \\"x\\""/, "message");



=== TEST 9: errors within a stream, and streams that are cut
--- errors
--- provider_a eval: main::watsonx()
--- b: stream instead
--- do
$main::token->play(main::grant('eyJ.nine'));

# nothing was said: the next one is asked

provider('a')->play(main::fixture('error_text'));
is(content_of(ask(chat(stream => 'true'))), 'instead', "no answer");

provider('a')->play(main::fixture('error_first'));
like(ask(chat(stream => 'true'))->{body},
     qr/"code":"context_length_exceeded"/, "too long a prompt");

for my $name ('error', 'error_unnamed', 'error_finish', 'cut', 'cut_close',
              'tools_cut')
{
    provider('a')->play(main::fixture($name));

    my $res = ask(chat(stream => 'true'));

    like($res->{body}, qr/data: \{"error":/, "$name: an error");
    unlike($res->{body}, qr/\[DONE\]/, "$name: and no end");
}

provider('a')->play("sse\nfile t/fixtures/watsonx/cut.sse\ncut\n");

my $res = ask(chat(stream => 'true'));

like($res->{body}, qr/data: \{"error":/, "cut off: an error");
unlike($res->{body}, qr/\[DONE\]/, "and no end");



=== TEST 10: what a moderation blocked
--- errors
--- provider_a eval: main::watsonx()
--- model: deployment a ibm/granite-4-h-small;
--- do
$main::token->play(main::grant('eyJ.ten'));
provider('a')->play('json {"id":"chatcmpl-1","model_id":"m","choices":[],'
    . '"created":1,"moderations":{"hap":[{"score":0.97,"input":true}]}}'
    . "\n==\n" . main::fixture('moderation'));

my %ask = (moderations => '{"hap":{"input":{"enabled":true}}}');

is(error_of(ask(chat(%ask))), '400 invalid_request_error content_filter',
   "blocked");
is(main::sent()->{body}, $main::begin . ',"moderations":{"hap":{"input":'
   . '{"enabled":true}}}}', "asked for");
like(ask(chat(%ask, stream => 'true'))->{body}, qr/"code":"content_filter"/,
     "a stream");



=== TEST 11: embeddings, more texts than one request takes
--- provider_a eval: main::watsonx()
--- model: deployment a ibm/slate-30m-english-rtrvr-v2;
--- do
$main::token->play(main::grant('eyJ.eleven'));

my $vectors = sub {
    return 'json {"model_id":"ibm/slate-30m-english-rtrvr-v2","results":['
        . join(',', map { "{\"embedding\":[-0.0069,$_]}" } @_)
        . '],"created_at":"2024-02-21T17:32:28Z","input_token_count":'
        . @_ . "}\n";
};

provider('a')->play($vectors->(1, 2));

my $res = ask('{"model":"m","input":["a","b"],"user":"u"}',
              path => '/v1/embeddings');

is($res->{status}, 200, "status");
like($res->{body}, qr/"index":0,"embedding":\[-0.0069,1\].*
                      "index":1,"embedding":\[-0.0069,2\]/x, "vectors");
like($res->{body}, qr/"usage":\{"prompt_tokens":2,"total_tokens":2\}/,
     "usage");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "dropped");
is(main::sent()->{line},
   'POST /ml/v1/text/embeddings?version=2025-10-01 HTTP/1.1', "path");
is(main::sent()->{headers}{authorization}, 'Bearer eyJ.eleven', "token");
is(main::sent()->{body}, '{"model_id":"ibm/slate-30m-english-rtrvr-v2",'
   . '"project_id":"project-1","inputs":["a","b"]}', "body");

provider('a')->play($vectors->(1 .. 1000) . "==\n" . $vectors->(1001));

$res = ask('{"model":"m","input":[' . join(',', map { "\"t$_\"" } 1 .. 1001)
           . ']}', path => '/v1/embeddings');

is($res->{status}, 200, "status");
like($res->{body}, qr/"index":1000,"embedding":\[-0.0069,1001\]/, "the last");
like($res->{body}, qr/"prompt_tokens":1001/, "usage of both");

is(error_of(ask('{"model":"m","input":"a","dimensions":5}',
                path => '/v1/embeddings')),
   '400 invalid_request_error unsupported_parameter', "dimensions");



=== TEST 12: a key that is refused is asked for again later
--- errors
--- provider_a eval: main::watsonx()
--- b: ok instead
--- do
$main::token->play('status 400' . "\n" . 'json {"errorCode":"BXNIM0415E",'
    . '"errorMessage":"Provided API key could not be found.","context":{'
    . '"requestId":"x"}}' . "\n");

is(content_of(ask(chat())), 'instead', "the next one answers");
is(scalar provider('a')->seen, 0, "nothing was sent");
is(scalar $main::token->seen, 1, "asked once");
is(content_of(ask(chat())), 'instead', "again");
is(scalar $main::token->seen, 1, "not at once");
--- error_log eval
qr/no access token of llm provider "a" from 127\.0\.0\.1:\d+: status 400, BXNIM0415E, next try in 10 seconds/
--- no_error_log
ibm&key
Provided API key



=== TEST 13: a token that is over
--- errors
--- provider_a eval: main::watsonx()
--- b: ok instead
--- do
$main::token->play(main::grant('eyJ.old') . "==\n" . main::grant('eyJ.new'));
provider('a')->play(main::failure(401, 'authentication_token_expired',
    'Failed to authenticate the request due to an expired token') . "==\n"
    . main::answer('hello'));

is(content_of(ask(chat())), 'instead', "the next one answers");
ok(wait_for(sub { $main::token->seen > 1 }), "another token is asked for");

is(content_of(ask(chat())), 'hello', "and serves");
is(main::sent()->{headers}{authorization}, 'Bearer eyJ.new', "token");
--- error_log
refused its access token
--- no_error_log
eyJ.



=== TEST 14: renewed before it ends
--- provider_a eval: main::watsonx()
--- do
$main::token->play(main::grant('eyJ.first', 4) . "==\n"
                   . main::grant('eyJ.second'));
provider('a')->play(main::answer('hello'));

is(ask(chat())->{status}, 200, "status");
is(main::sent()->{headers}{authorization}, 'Bearer eyJ.first', "token");
ok(wait_for(sub { $main::token->seen > 1 }, 5), "renewed");
sleep 0.2;
is(ask(chat())->{status}, 200, "status");
is(main::sent()->{headers}{authorization}, 'Bearer eyJ.second', "token");



=== TEST 15: without a key nothing is exchanged
--- provider_a eval: "dialect watsonx; $main::url key none; project p;"
--- do
provider('a')->play(main::answer('hello'));

is(content_of(ask(chat())), 'hello', "answer");
ok(!exists main::sent()->{headers}{authorization}, "no token");
like(main::sent()->{body}, qr/"project_id":"p"/, "project");



=== TEST 16: by the preset's name
--- http eval
"llm_provider watsonx { $main::url key none; space s; }
 llm_model w { deployment watsonx meta-llama/llama-3-3-70b-instruct; }"
--- do
provider('a')->play(main::answer('hello'));

is(content_of(ask(chat(model => '"w"'))), 'hello', "answer");
like(main::sent()->{body}, qr{^\{"model_id":"meta-llama/llama-3-3-70b-instruct"
                              ,"space_id":"s",}x, "body");
