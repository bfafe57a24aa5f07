# llm_relay: a provider's own API, with the gateway's key.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

$ENV{TEST_NGINX_SECRET} = 'sha256:' . sha256_hex('sk-a');

gateway(providers => ['a', 'b']);


sub sent {
    my ($name) = @_;

    return (provider($name || 'a')->seen)[-1];
}

our $config = <<'_EOC_';
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ { llm_auth off; llm_gateway; client_max_body_size 64m;
                    client_body_buffer_size 1m; }
    location /up/ { llm_relay a; llm_auth off; client_max_body_size 64m;
                    client_body_buffer_size 128k; }
    location /two { llm_relay b; llm_auth off; client_max_body_size 64m;
                    client_body_buffer_size 128k;
                    limit_except GET POST { deny all; } }
    location /keys/ { llm_relay a; client_max_body_size 64m;
                      client_body_buffer_size 128k; }
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: path, query, headers, body
--- config eval: $::config
--- do
provider('a')->play("status 201 Created\nheader Set-Cookie: s=1\n"
    . "header X-Accel-Redirect: /alive\nheader Location: /x\n"
    . "header x-request-id: up-1\njson {\"ok\":1}\n");

my $body = '{"model":"gpt-x", "input":"hi"}';
my $res = ask($body, path => '/up/responses?b=1&key=secret&a=%20x',
    headers => { Authorization => 'Bearer client', 'X-Api-Key' => 'client',
                 Cookie => 'c=client', 'OpenAI-Beta' => 'x=v1',
                 'X-Hop' => 'client', Connection => 'keep-alive, X-Hop',
                 'Accept-Encoding' => 'gzip', 'X-Forwarded-For' => 'client',
                 'OpenAI-Organization' => 'client', 'X-Own' => 'mine',
                 TE => 'trailers', 'X-Goog-Api-Key' => 'client' });

is(sent()->{line}, 'POST /v1/responses?b=1&a=%20x HTTP/1.1', "line");
is(sent()->{headers}{authorization}, 'Bearer secret-of-provider', "key");
unlike(sent()->{head}, qr/client/, "nothing that is the client's alone");
is(sent()->{headers}{'openai-beta'}, 'x=v1', "a header of the API");
is(sent()->{headers}{'x-own'}, 'mine', "another");
is(sent()->{headers}{'accept-encoding'}, 'identity', "no encoding");
is(sent()->{headers}{'content-type'}, 'application/json', "type");
is(scalar(() = sent()->{head} =~ /^content-type:/mgi), 1, "once");
is(sent()->{body}, $body, "body");

is($res->{status}, 201, "status");
is($res->{body}, '{"ok":1}', "answer");
ok(!exists $res->{headers}{$_}, "no $_")
    for 'set-cookie', 'x-accel-redirect', 'location';
is($res->{headers}{'x-upstream-request-id'}, 'up-1', "its id");
is($res->{headers}{'x-llm-provider'}, 'a', "provider");
is($res->{headers}{'x-llm-model'}, 'gpt-x', "model");

provider('a')->play("json {}\n");
ask($body, path => '/up/v1/responses');
is(sent()->{line}, 'POST /v1/responses HTTP/1.1', "the base is not doubled");
ask($body, path => '/up/v1x');
is(sent()->{line}, 'POST /v1/v1x HTTP/1.1', "only that");
ask($body, path => '/up/a%20b/%3f/%25');
is(sent()->{line}, 'POST /v1/a%20b/%3F/%25 HTTP/1.1', "escaped");
ask(undef, path => '/up/', method => 'GET');
is(sent()->{line}, 'GET /v1/ HTTP/1.1', "nothing behind it");
ask(undef, path => '/up/x', method => 'OPTIONS');
is(sent()->{line}, 'GET /v1/ HTTP/1.1', "no other method");



=== TEST 2: usage, of answers and of streams
--- config eval: $::config
--- do
provider('a')->play('json {"object":"response","output":[{"usage":"x"}],'
    . '"usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":4},'
    . '"output_tokens":7,"total_tokens":18}}' . "\n");
ask('{"model":"gpt-x"}', path => '/up/responses');
like(logged(1), qr/^200\|OK\|a\|1\|gpt-x\|gpt-x\|11\|7\|-\|-\|0\|/, "plain");

my $stream = 'say event: response.output_text.delta\ndata: {"type":"r.delta",'
    . '"delta":"\"usage\":{\"input_tokens\":1}"}\n\n' . "\n"
    . 'say event: response.completed\ndata: {"type":"response.completed",'
    . '"response":{"output":[],"usage":{"input_tokens":12,"output_tokens":8,'
    . '"total_tokens":20}}}\n\n' . "\n";

for my $split (1, 2, 7) {
    provider('a')->play("sse\nsplit $split\n${stream}end\n");

    my $res = ask('{"stream":true,"model":"gpt-x"}', path => '/up/responses');

    ok($res->{whole}, "whole");
    like($res->{body}, qr/^event: [^\n]*delta\ndata: [^\n]*\n\n/, "begin");
    like($res->{body}, qr/\n\nevent: response\.completed\ndata: .*\n\n$/,
         "end, as it came");
}

like(logged(4), qr/^200\|OK\|a\|1\|gpt-x\|gpt-x\|12\|8\|-\|-\|0\|/, "stream");



=== TEST 3: Anthropic: its headers, its usage, its errors
--- config eval: $::config
--- do
my $stream = join '', map { "say $_\n" }
    'event: message_start\ndata: {"type":"message_start","message":{"id":"m",'
    . '"usage":{"input_tokens":10,"cache_read_input_tokens":5,'
    . '"output_tokens":1}}}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{},'
    . '"usage":{"output_tokens":9}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n';

provider('b')->play("sse\nsplit 5\n${stream}end\n");

my $res = ask('{"model":"claude-x","stream":true}', path => '/two/v1/messages',
              headers => { 'x-api-key' => 'client',
                           'anthropic-version' => '2042-01-01',
                           'anthropic-beta' => 'b1' });

is(sent('b')->{line}, 'POST /v1/messages HTTP/1.1', "path");
is(sent('b')->{headers}{'x-api-key'}, 'secret-of-provider', "key");
is(sent('b')->{headers}{'anthropic-version'}, '2042-01-01',
   "the client's version");
is(sent('b')->{headers}{'anthropic-beta'}, 'b1', "and beta");
like($res->{body}, qr/message_stop"\}\n\n$/, "stream");
like(logged(1), qr/^200\|OK\|b\|1\|claude-x\|claude-x\|15\|9\|-\|-\|0\|5/,
     "usage");

ask('{"model":"claude-x"}', path => '/two/v1/messages');
is(sent('b')->{headers}{'anthropic-version'}, '2023-06-01',
   "the dialect's where there is none");

provider('b')->play("status 400 Bad\njson {\"type\":\"error\",\"error\":"
    . "{\"type\":\"invalid_request_error\",\"message\":\"no\"}}\n");
$res = ask('{"model":"claude-x"}', path => '/two/v1/messages');
is($res->{status}, 400, "its error");
is($res->{body}, '{"type":"error","error":{"type":"invalid_request_error",'
   . '"message":"no"}}', "as it came");

provider('b')->play("status 401 No\njson {\"type\":\"error\",\"error\":"
    . "{\"type\":\"authentication_error\",\"message\":\"your key abc\"}}\n");
$res = ask('{"model":"claude-x"}', path => '/two/v1/messages');
is($res->{status}, 502, "of the gateway's credentials");
unlike($res->{body}, qr/abc/, "not as it came");
like($res->{body}, qr/^\{"type":"error"/, "in its words");

is(ask(undef, path => '/two/v1/x', method => 'DELETE')->{status}, 403,
   "limit_except");
is(ask(undef, path => '/two/v1/x', method => 'PUT')->{status}, 403,
   "limit_except");
--- provider_b: dialect anthropic;
--- errors



=== TEST 4: Gemini: the model in the path
--- config eval: $::config
--- do
provider('a')->play('json {"candidates":[],"usageMetadata":'
    . '{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}}'
    . "\n");

my $res = ask('{"contents":[]}',
              path => '/up/models/gemini-x:generateContent?key=client');
is(sent()->{line}, 'POST /v1/models/gemini-x:generateContent HTTP/1.1',
   "no key in the query");
is(sent()->{headers}{'x-goog-api-key'}, 'secret-of-provider', "key");
like(logged(1), qr/^200\|OK\|a\|1\|gemini-x\|gemini-x\|3\|2\|/, "usage");

# it is the path that counts there: a body must not say another name

is(ask('{"model":"models/gemini-x"}', path => '/up/models/gemini-x:embedContent')
   ->{status}, 200, "the same in the body");
is(error_of(ask('{"model":"gemini-y"}',
                path => '/up/models/gemini-x:generateContent')),
   '400 invalid_request_error null', "another in the body");
is(scalar(my @seen = provider('a')->seen), 2, "which is not sent");
--- provider_a: dialect gemini;



=== TEST 5: who may
--- config eval: $::config
--- http eval
$ENV{LLM_TEST_ONE} = 'one';
$ENV{LLM_TEST_ALL} = 'all';
"    llm_key one { secret env:LLM_TEST_ONE; models gpt-*; }\n"
. "    llm_key all { secret env:LLM_TEST_ALL; }\n"
--- do
provider('a')->play("json {\"ok\":1}\n");

sub with {
    my ($key, $body, %opt) = @_;

    return ask($body, path => '/keys/responses', %opt,
               headers => { Authorization => "Bearer $key" });
}

is(with('none', '{"model":"gpt-x"}')->{status}, 401, "no such key");
is(with('one', '{"model":"gpt-x"}')->{status}, 200, "its model");
is(error_of(with('one', '{"model":"other"}')),
   '403 permission_error model_not_allowed', "another");
is(error_of(with('one', '{"x":1}')),
   '403 permission_error model_not_allowed', "none is named");
is(error_of(with('one', undef, method => 'GET')),
   '403 permission_error model_not_allowed', "no body");
is(with('one', '{"model":"gpt-x","model":"other"}')->{status}, 400, "two");
is(with('one', '{"mod\u0065l":"other","model":"gpt-x"}')->{status}, 400,
   "an escaped name");
is(with('one', '{"model":"' . 'x' x 5000 . '"}')->{status}, 400, "a long one");
is(with('one', '{"x":{"model":"other"},"model":"gpt-\u0078"}')->{status}, 200,
   "of another object");
is(sent()->{body}, '{"x":{"model":"other"},"model":"gpt-\u0078"}', "body");
is(with('all', '{"model":"other"}')->{status}, 200, "a key for all");
is(with('all', undef, method => 'GET')->{status}, 200, "without a model");
is(ask('x', path => '/keys/responses', headers =>
       { Authorization => 'Bearer all', 'Content-Encoding' => 'gzip' })
   ->{status}, 415, "what cannot be looked into");
is(scalar provider('a')->seen, 4, "requests");



=== TEST 6: a body from a file, an answer of any length, no content
--- config eval: $::config
--- do
my $bytes = join '', map { chr(($_ * 13) % 251) } 0 .. 300000;
open my $fh, '>:raw', "$Gateway::dir/answer" or die;
print {$fh} $bytes;
close $fh;

provider('a')->play("sse\nfile $Gateway::dir/answer\nend\n");
my $res = ask($bytes, path => '/up/any', method => 'PUT',
              headers => { 'Content-Type' => 'application/octet-stream' });
is(sent()->{line}, 'PUT /v1/any HTTP/1.1', "line");
ok(sent()->{body} eq $bytes, "body");
ok($res->{body} eq $bytes, "answer");

provider('a')->play("raw HTTP/1.1 204 No Content\\r\\n\\r\\n\n");
$res = ask(undef, path => '/up/any', method => 'DELETE');
is($res->{status}, 204, "no content");
is($res->{body}, '', "nothing");

provider('a')->play("raw HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n\n");
my $socket = connect_gateway();
send_request($socket, undef, path => '/up/any', method => 'HEAD',
             headers => { Connection => 'close' });
my $head = '';
while (defined(my $data = read_some($socket, 5))) {
    last if $data eq '';
    $head .= $data;
}
like($head, qr/^HTTP\/1\.1 200 OK.*\r\n\r\n$/s, "HEAD");



=== TEST 7: redirects and errors of a provider
--- config eval: $::config
--- do
provider('a')->play("status 302 Found\nheader Location: http://x/\n"
                    . "body text/html moved\n");
my $res = ask(undef, path => '/up/any', method => 'GET');
cmp_ok($res->{status}, '>=', 400, "a redirect is none");
ok(!exists $res->{headers}{location}, "no location");

provider('a')->play("status 429 Slow\nheader Retry-After: 7\n"
                    . "json {\"error\":{\"message\":\"slow\"}}\n");
$res = ask('{"model":"x"}', path => '/up/any');
is($res->{status}, 429, "throttled");
is($res->{headers}{'retry-after'}, 7, "till when");

provider('a')->play("reset\n");
$res = ask('{"model":"x"}', path => '/up/any');
is($res->{status}, 502, "no answer");
--- errors



=== TEST 8: of a provider that is not there
--- config
location /x/ { llm_relay nobody; }
--- must_die
--- error_log
"llm_relay" of provider "nobody", which is not declared



=== TEST 9: beside llm_gateway
--- config
location /x/ { llm_relay a; llm_gateway; }
--- must_die
--- error_log
"llm_gateway" directive cannot stand beside "llm_relay"



=== TEST 10: in a location of a regular expression
--- config
location ~ x { llm_relay a; }
--- must_die
--- error_log
"llm_relay" directive cannot stand in a location given by regular expression



=== TEST 11: a body that was read before is looked at, too
--- config
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /up/ { llm_relay a; llm_auth on; mirror /mirror;
                    client_body_buffer_size 128k; }
    location = /mirror { internal; return 204; }
--- http
llm_key k { secret $TEST_NGINX_SECRET; models cheap; }
--- do
provider('a')->play('json {"ok":1}');

for my $case (['cheap', 200], ['dear', 403]) {
    my $res = ask("{\"model\":\"$case->[0]\"}", path => '/up/any',
                  headers => { Authorization => 'Bearer sk-a' });
    is($res->{status}, $case->[1], $case->[0]);
}



=== TEST 12: paths that only begin like the location's
--- config eval: $::config
--- do
provider('b')->play('json {"ok":1}');

is(ask(undef, path => '/two', method => 'GET')->{status}, 200, "itself");
is(ask(undef, path => '/two/x', method => 'GET')->{status}, 200, "below");
is(ask(undef, path => '/twofold', method => 'GET')->{status}, 404, "beside");



=== TEST 13: members that stand there a million times
--- config eval: $::config
--- do
for my $member ('"stream":1', '"model":"x"') {
    my $res = ask('{' . join(',', ($member) x 1000000) . '}',
                  path => '/up/any');

    is($res->{status}, 400, $member);
    like($res->{body}, qr/is given twice/, "named");
}

open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/nginx.pid" or die;
chomp(my $pid = <$fh>);
open $fh, '<', "/proc/$pid/status" or die;
my ($peak) = join('', <$fh>) =~ /VmHWM:\s+(\d+)/;
cmp_ok($peak, '<', 150000, "memory, KiB");



=== TEST 14: watsonx.ai: the model by its own name in the body
--- config eval: $::config
--- http eval
$ENV{LLM_TEST_ONE} = 'one';
"    llm_key one { secret env:LLM_TEST_ONE; models mine ibm/*; }\n"
. "    llm_model mine { deployment a own; }\n"
--- do
provider('a')->play("json {\"ok\":1}\n");

sub with {
    my ($body) = @_;

    return ask($body, path => '/keys/text/chat',
               headers => { Authorization => 'Bearer one' });
}

is(with('{"model_id":"ibm/granite"}')->{status}, 200, "its model");
is(error_of(with('{"model_id":"meta/llama"}')),
   '403 permission_error model_not_allowed', "another");
is(with('{"model":"ibm/granite","model_id":"meta/llama"}')->{status}, 400,
   "two");
is(with('{"model_\u0069d":"meta/llama"}')->{status}, 400, "an escaped name");
is(scalar(my @seen = provider('a')->seen), 1, "requests");
--- provider_a: dialect watsonx; project p; key none;



=== TEST 15: Replicate: the version, and names of two parts in the path
--- config eval: $::config
--- http eval
$ENV{LLM_TEST_ONE} = 'one';
"    llm_key one { secret env:LLM_TEST_ONE; models mine meta/*; }\n"
. "    llm_model mine { deployment a own; }\n"
--- do
provider('a')->play("json {\"ok\":1}\n");

sub with {
    my ($path, $body) = @_;

    return ask($body, path => "/keys/$path",
               headers => { Authorization => 'Bearer one' });
}

is(with('predictions', '{"version":"meta/llama"}')->{status}, 200,
   "its model");
is(error_of(with('predictions', '{"version":"acme/other"}')),
   '403 permission_error model_not_allowed', "another");
is(with('models/meta/llama/predictions', '{"input":{}}')->{status}, 200,
   "in the path");
is(error_of(with('models/acme/other/predictions', '{"input":{}}')),
   '403 permission_error model_not_allowed', "another in the path");
is(scalar(my @seen = provider('a')->seen), 2, "requests");
--- provider_a: dialect replicate;



=== TEST 16: SageMaker: the endpoint in the path
--- config eval: $::config
--- http eval
$ENV{LLM_TEST_ONE} = 'one';
"    llm_key one { secret env:LLM_TEST_ONE; models mine own; }\n"
. "    llm_model mine { deployment a own; }\n"
--- do
provider('a')->play("json {\"ok\":1}\n");

sub with {
    my ($path) = @_;

    return ask('{"inputs":"x"}', path => "/keys/endpoints/$path",
               headers => { Authorization => 'Bearer one' });
}

is(with('own/invocations')->{status}, 200, "its endpoint");
is(error_of(with('other/invocations')),
   '403 permission_error model_not_allowed', "another");
is(error_of(with('other')),
   '403 permission_error model_not_allowed', "at the path's end");
is(scalar(my @seen = provider('a')->seen), 1, "requests");
--- provider_a: dialect sagemaker; region us-east-1; key none;



=== TEST 17: Bedrock: the model of an asynchronous invocation
--- config eval: $::config
--- http eval
$ENV{LLM_TEST_ONE} = 'one';
"    llm_key one { secret env:LLM_TEST_ONE; models mine amazon.*; }\n"
. "    llm_model mine { deployment a own; }\n"
--- do
provider('a')->play("json {\"ok\":1}\n");

sub with {
    my ($body) = @_;

    return ask($body, path => '/keys/async-invoke',
               headers => { Authorization => 'Bearer one' });
}

is(with('{"modelId":"amazon.nova-reel-v1:0"}')->{status}, 200, "its model");
is(error_of(with('{"modelId":"luma.ray-v2:0"}')),
   '403 permission_error model_not_allowed', "another");
is(scalar(my @seen = provider('a')->seen), 1, "requests");
--- provider_a: dialect bedrock; region us-east-1; key none;



=== TEST 18: other ways to say which model it is
--- config eval: $::config
--- http eval
"    llm_key one { secret env:LLM_TEST_ONE; models gpt-* m; }\n"
. "    llm_key all { secret env:LLM_TEST_ALL; }\n"
--- do
provider('a')->play("json {\"ok\":1}\n");

sub by {
    my ($key, $path, $body, %header) = @_;

    return ask($body, path => "/keys/$path",
               headers => { Authorization => "Bearer $key", %header })
        ->{status};
}

is(by('one', 'x', '{"a":1}'), 200, "a provider of one of its models");
is(by('one', 'x', '{"a":1}', 'X-Amzn-SageMaker-Target-Model' => 'other'), 403,
   "a header");

# other names

for my $name ('model_id', 'modelId') {
    is(by('one', 'x', "{\"$name\":\"other\"}"), 403, $name);
    is(by('one', 'x', "{\"$name\":\"gpt-a\"}"), 200, "$name, its own");
    is(by('all', 'x', "{\"$name\":\"other\"}"), 200, "$name, any");
}

is(by('one', 'x', '{"model":"gpt-a","model_id":"other"}'), 200,
   "that is no name here");
is(by('one', 'x', '{"Model":"other"}'), 403, "in another case");
is(by('one', 'x', '{"model":"gpt-a","MODEL":"other"}'), 400, "both");

# inside, where nothing says it outside

is(by('one', 'messages/batches',
      '{"requests":[{"params":{"model":"other"}}]}'), 403, "in a list");
is(by('one', 'messages/batches', '{"requests":[{"params":{"model":"gpt-a"}},'
      . '{"params":{"model":"gpt-b"}}]}'), 200, "its own");
is(by('one', 'messages/batches', '{"requests":[{"params":{"model":"gpt-a"}},'
      . '{"params":{"model":"other"}}]}'), 403, "the second");
is(by('one', 'x', '{"a":{"model":{"model":"other"}}}'), 400, "no string");
is(by('one', 'x', '{"a":{"mod\u0065l":"other"}}'), 400, "an escaped name");
is(by('one', 'x', '{"a":{"model":"gpt-\u0061"}}'), 403, "an escaped value");
is(by('one', 'x', '{"a":{"model":"' . 'x' x 300 . '"}}'), 400, "a long one");
is(by('all', 'x', '{"a":{"model":"other"}}'), 200, "a key for all");

# other encodings

my $text = '{"model":"other"}';

is(by('one', 'x', "\xef\xbb\xbf$text"), 400, "a byte order mark");
is(by('one', 'x', join('', map { "$_\0" } split //, $text)), 400, "UTF-16");
is(by('one', 'x', join('', map { "\0$_" } split //, $text)), 400,
   "UTF-16, the other way");
is(by('one', 'x', "[$text]"), 400, "a list");
is(by('all', 'x', "[$text]"), 200, "a list, of a key for all");

# queries

is(by('one', 'listen?model=gpt-a&x=1', '{"a":1}'), 200, "in the query, its own");
is(by('one', "listen?$_", '{"a":1}'), 403, $_)
    for 'model=other', 'a=1&mod%65l=other', 'model=gpt-a&MODEL=other',
        'model_id=o%74her', 'model=gpt-a%00' . 'x' x 300;
is(by('all', 'listen?model=other', '{"a":1}'), 200, "of a key for all");
--- model: deployment a up-a;



=== TEST 19: usage in the words of the dialect
--- config eval: $::config
--- do
my $n = 0;

sub usage {
    my ($name, $path, $answer, $like) = @_;

    provider('a')->play("json $answer\n");
    ask('{"model":"x"}', path => "/up/$path");
    like(logged(++$n), qr/^200\|OK\|a\|1\|x\|x\|$like/, $name);
}

usage('Gemini at Vertex AI', 'models/x:generateContent',
      '{"candidates":[],"usageMetadata":{"promptTokenCount":9,'
      . '"candidatesTokenCount":4,"totalTokenCount":13}}', '9\|4\|');
usage('Claude there', 'models/x:rawPredict',
      '{"usage":{"input_tokens":10,"cache_read_input_tokens":5,'
      . '"output_tokens":9}}', '15\|9\|-\|-\|0\|5');
--- provider_a: dialect vertex; project p; location us-central1; key none;



=== TEST 20: usage of watsonx.ai and of Replicate
--- config eval
$::config . "location /b/ { llm_relay b; llm_auth off; client_max_body_size 64m; client_body_buffer_size 128k; }\n"
--- do
provider('a')->play('json {"choices":[],"usage":{"prompt_tokens":7,'
    . '"completion_tokens":3,"total_tokens":10}}' . "\n");
ask('{"model_id":"x"}', path => '/up/text/chat');
like(logged(1), qr/^200\|OK\|a\|1\|x\|x\|7\|3\|/, "watsonx");

provider('b')->play('json {"status":"succeeded","output":["a"],"metrics":'
    . '{"input_token_count":6,"output_token_count":2}}' . "\n");
ask('{"version":"x"}', path => '/b/predictions');
like(logged(2), qr/^200\|OK\|b\|1\|x\|x\|6\|2\|/, "Replicate");
--- provider_a: dialect watsonx; project p; key none;
--- provider_b: dialect replicate; key none;
