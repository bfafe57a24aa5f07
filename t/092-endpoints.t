# Moderations, rerank, images, speech, files, batches: what the provider gets,
# what the client gets.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b'],
    defaults  => { model => "deployment a up-a;" },
);


sub sent {
    my ($name) = @_;

    return (provider($name || 'a')->seen)[-1];
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: moderations: the model named, and where none is
--- do
my $answer = '{"id":"modr-1","model":"om","results":[{"flagged":false}]}';

provider('a')->play("json $answer\n");

my $res = ask('{"input": ["a"], "model":"m","x":1}',
              path => '/v1/moderations',
              headers => { Authorization => 'Bearer client', Cookie => 'c=1',
                           'X-Other' => 'o' });

is(sent()->{line}, 'POST /v1/moderations HTTP/1.1', "path");
is(sent()->{headers}{authorization}, 'Bearer secret-of-provider', "key");
unlike(sent()->{head}, qr/client|cookie|x-other/i, "nothing of the client's");
is(sent()->{headers}{'content-type'}, 'application/json', "type");
is(sent()->{headers}{'content-length'}, length sent()->{body}, "length");
is(sent()->{body}, '{"input": ["a"], "model":"up-a","x":1}', "body");
is($res->{body}, $answer, "answer");
is($res->{headers}{'content-type'}, 'application/json', "its type");
is($res->{headers}{'x-llm-model'}, 'm', "model");
is(ask('{"input":"a"}', path => '/v1/moderations')->{status}, 200, "default");
is(sent()->{body}, '{"model":"up-o","input":"a"}', "is named");
is(ask('{"model":"x","input":"a"}', path => '/v1/moderations')->{status}, 404,
   "no such model");
is(ask('{', path => '/v1/moderations')->{status}, 400, "no JSON");

provider('a')->play("json {\"id\":\n");
is(error_of(ask('{"input":"a"}', path => '/v1/moderations')),
   '502 server_error provider_error', "no answer");
--- http
    llm_model omni-moderation-latest { deployment a up-o; cooldown off; }
--- errors



=== TEST 2: rerank, servers like Jina's, and Cohere
--- do
provider('a')->play('json {"results":[{"index":0,"relevance_score":0.5}],'
    . '"usage":{"total_tokens":9}}' . "\n");

my $body = '{"model":"m","query":"q","documents":["a"],"top_n":1}';
my $res = ask($body, path => '/v1/rerank');

is(sent()->{line}, 'POST /v1/rerank HTTP/1.1', "path");
like(sent()->{body}, qr/^\{"model":"up-a","query":"q",/, "body");
like($res->{body}, qr/"relevance_score":0\.5/, "answer");
like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|9\|0\|/, "logged");

provider('b')->play('json {"results":[{"index":0,"relevance_score":0.5}],'
    . '"meta":{"billed_units":{"search_units":1}}}' . "\n");
$body =~ s/"m"/"c"/;
$res = ask($body, path => '/v1/rerank');

is(sent('b')->{line}, 'POST /v2/rerank HTTP/1.1', "path");
is(sent('b')->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is(sent('b')->{body}, '{"model":"rerank-v3.5","query":"q","documents":["a"],'
   . '"top_n":1}', "body");
is($res->{status}, 200, "answer");
is($res->{body}, '{"results":[{"index":0,"relevance_score":0.5}],'
   . '"meta":{"billed_units":{"search_units":1}}}', "as it came");

# Cohere takes texts, and sends none back

$res = ask('{"model":"c","query":"q","documents":["a",{"text":"b"}],'
           . '"return_documents":true,"rank_fields":["text"]}',
           path => '/v1/rerank');
is(sent('b')->{body}, '{"model":"rerank-v3.5","query":"q",'
   . '"documents":["a","b"]}', "texts");
is($res->{headers}{'x-llm-dropped-params'}, 'rank_fields', "dropped");
like($res->{body}, qr/"index":0,"relevance_score":0\.5,"document":\{"text":"a"\}\}\],"meta":\{"billed/, "documents");
is(error_of(ask('{"model":"c","query":"q","documents":[{"image":"i"}]}',
                path => '/v1/rerank')),
   '400 invalid_request_error unsupported_parameter', "an image");
is(error_of(ask('{"model":"m","query":"q"}', path => '/v1/rerank')),
   '400 invalid_request_error null', "no documents");
--- provider_b eval
"dialect cohere; url http://127.0.0.1:" . Gateway::provider('b')->port . "/v2;"
--- http
    llm_model c { deployment b rerank-v3.5; cooldown off; }



=== TEST 3: a provider that has no such endpoint
--- do
my $res = ask('{"model":"m","input":"a"}', path => '/v1/moderations');

is(error_of($res), '400 invalid_request_error unsupported_endpoint',
   "refused");
is(scalar provider('a')->seen, 0, "not asked");
--- provider_a: dialect anthropic;



=== TEST 4: images, plain and streamed
--- do
provider('a')->play('json {"created":1,"data":[{"b64_json":"AAAA"}],'
    . '"usage":{"input_tokens":5,"output_tokens":70,"total_tokens":75}}' . "\n");

my $res = ask('{"model":"m","prompt":"p"}', path => '/v1/images/generations');

is(sent()->{line}, 'POST /v1/images/generations HTTP/1.1', "path");
like($res->{body}, qr/"b64_json":"AAAA"/, "answer");
like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|5\|70\|/, "logged");

my $event = 'event: image_generation.completed\ndata: {"type":'
    . '"image_generation.completed","b64_json":"BBBB","usage":'
    . '{"input_tokens":6,"output_tokens":80,"total_tokens":86}}\n\n';

for my $split (1 .. 3) {
    provider('a')->play("sse\nsplit $split\nsay $event\nend\n");

    $res = ask('{"model":"m","prompt":"p","stream":true}',
               path => '/v1/images/generations');

    like($res->{headers}{'content-type'}, qr{^text/event-stream}, "type");
    (my $want = $event) =~ s/\\n/\n/g;
    is($res->{body}, $want, "as it came");
    ok($res->{whole}, "to its end");
    like(logged(1 + $split), qr/^200\|OK\|a\|1\|m\|up-a\|6\|80\|/, "logged");
}

provider('a')->play('json {"data":[]}' . "\n");
$res = ask('{"model":"m","prompt":"p"}', path => '/v1/images/edits');
is(sent()->{line}, 'POST /v1/images/edits HTTP/1.1', "an edit in JSON");
is($res->{status}, 200, "served");



=== TEST 5: speech: bytes as they come
--- do
my $bytes = join '', map { chr($_ % 256) } 0 .. 40000;
open my $fh, '>:raw', "$Gateway::dir/speech" or die;
print {$fh} $bytes;
close $fh;

provider('a')->play("sse\nfile $Gateway::dir/speech\nend\n");
my $res = ask('{"model":"m","input":"hi","voice":"alloy"}',
              path => '/v1/audio/speech');

is(sent()->{line}, 'POST /v1/audio/speech HTTP/1.1', "path");
is(sent()->{body}, '{"model":"up-a","input":"hi","voice":"alloy"}', "body");
is($res->{body}, $bytes, "bytes");
ok($res->{whole}, "whole");

provider('a')->play("body audio/mpeg abc\\x00def\n");
$res = ask('{"model":"m","input":"hi","voice":"alloy"}',
           path => '/v1/audio/speech');
is($res->{headers}{'content-type'}, 'audio/mpeg', "type");
is($res->{headers}{'content-length'}, 7, "length");
is($res->{body}, "abc\0def", "body");

# cut: the client sees that it is not whole

provider('a')->play("raw HTTP/1.1 200 OK\\r\\nContent-Type: audio/mpeg\\r\\n"
    . "Content-Length: 100\\r\\n\\r\\nabc\ncut\n");
$res = ask('{"model":"m","input":"hi","voice":"alloy"}',
           path => '/v1/audio/speech');
is($res->{body}, 'abc', "what came");
ok(!$res->{whole} && $res->{closed}, "not whole");

provider('a')->play("raw HTTP/1.1 200 OK\\r\\nContent-Type: audio/mpeg\\r\\n"
    . "Transfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n\ncut\n");
$res = ask('{"model":"m","input":"hi","voice":"alloy"}',
           path => '/v1/audio/speech');
ok(!$res->{whole} && $res->{closed}, "not whole, chunked");
like(logged(4), qr/\|provider_error\|/, "logged");

provider('a')->play("raw HTTP/1.1 200 OK\\r\\nContent-Type: audio/mpeg\\r\\n"
    . "\\r\\nabc\ncut\n");
$res = ask('{"model":"m","input":"hi","voice":"alloy"}',
           path => '/v1/audio/speech');
is($res->{body}, 'abc', "no framing");
ok($res->{whole}, "whole");
--- errors



=== TEST 6: errors of a provider, and the next deployment
--- do
provider('a')->play("status 400 Bad\n"
    . 'json {"error":{"message":"bad voice","type":"invalid_request_error",'
    . '"param":"voice","code":null}}' . "\n");

my $res = ask('{"model":"m","input":"hi","voice":"x"}',
              path => '/v1/audio/speech');
is($res->{status}, 400, "status");
like($res->{body}, qr/"bad voice"/, "as it came");

provider('a')->play("status 500 Oops\njson {}\n");
provider('b')->play("body audio/mpeg abc\n");
$res = ask('{"model":"n","input":"hi","voice":"x"}',
           path => '/v1/audio/speech');
is($res->{status}, 200, "status");
is($res->{headers}{'x-llm-provider'}, 'b', "by the next");
is($res->{headers}{'x-llm-attempts'}, 2, "attempts");
is($res->{body}, 'abc', "body");
like(sent('b')->{body}, qr/"model":"up-b"/, "its model");

is(ask('{"model":"f","input":"hi"}', path => '/v1/audio/speech')->{status},
   502, "no fallback to another model");
--- http
    llm_model n { deployment a up-a tier=1; deployment b up-b tier=2;
                  cooldown off; }
    llm_model f { deployment a up-a; fallback n; cooldown off; }
--- errors



=== TEST 7: files: upload, list, content, delete
--- do
provider('a')->play('json {"id":"file-1","object":"file"}' . "\n");

my $form = "--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n"
    . "batch\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; "
    . "filename=\"a.jsonl\"\r\n\r\n{\"a\":1}\n\r\n--B--\r\n";

my $res = ask($form, path => '/v1/files?provider=a',
              headers => { 'Content-Type' => 'multipart/form-data; boundary=B',
                           Authorization => 'Bearer client' });

is(sent()->{line}, 'POST /v1/files HTTP/1.1', "path");
is(sent()->{headers}{'content-type'}, 'multipart/form-data; boundary=B',
   "type");
is(sent()->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is(sent()->{body}, $form, "body");
is($res->{body}, '{"id":"file-1","object":"file"}', "answer");
like(logged(), qr/^200\|OK\|a\|1\|-?\|/, "logged");

provider('a')->play('json {"data":[]}' . "\n");
$res = ask(undef, method => 'GET', path => '/v1/files?limit=2&key=s&after=x&provider=a');
is(sent()->{line}, 'GET /v1/files?limit=2&after=x HTTP/1.1',
   "a list, no key");
ok(!exists sent()->{headers}{'content-length'}, "no body");
is($res->{body}, '{"data":[]}', "answer");

provider('a')->play("body application/octet-stream l1\\nl2\\n\n");
$res = ask(undef, method => 'GET', path => '/v1/files/file-1/content?provider=a');
is(sent()->{line}, 'GET /v1/files/file-1/content HTTP/1.1', "content");
is($res->{body}, "l1\nl2\n", "bytes");
is($res->{headers}{'content-type'}, 'application/octet-stream', "type");

provider('a')->play('json {"deleted":true}' . "\n");
$res = ask(undef, method => 'DELETE', path => '/v1/files/file%2d1?provider=a');
is(sent()->{line}, 'DELETE /v1/files/file-1 HTTP/1.1', "deleted");

$res = ask(undef, method => 'DELETE', path => '/v1/files');
is($res->{status}, 405, "no such method");

provider('a')->play('json {"id":"batch_1"}' . "\n");
my $batch = '{"input_file_id":"file-1","endpoint":"/v1/chat/completions"}';
$res = ask($batch, path => '/v1/batches?provider=a');
is(sent()->{line}, 'POST /v1/batches HTTP/1.1', "a batch");
is(sent()->{body}, $batch, "body");
$res = ask(undef, method => 'POST', path => '/v1/batches/batch_1/cancel?provider=a');
is(sent()->{line}, 'POST /v1/batches/batch_1/cancel HTTP/1.1', "cancelled");
is(sent()->{headers}{'content-length'}, 0, "without a body");
--- provider_b: dialect anthropic;
--- http
    llm_provider c { dialect gemini; url http://127.0.0.1:1; key none; }


=== TEST 8: files: which provider
--- do
is(error_of(ask(undef, method => 'GET', path => '/v1/files')),
   '400 invalid_request_error null', "it is to be named");
like(ask(undef, method => 'GET', path => '/v1/files')->{body},
     qr/provider=NAME/, "how");

provider('a')->play("json {\"x\":\"a\"}\n");
provider('b')->play("json {\"x\":\"b\"}\n");

is(ask(undef, method => 'GET', path => '/v1/files?provider=b&x=1')->{body},
   '{"x":"b"}', "in the query");
is(sent('b')->{line}, 'GET /v1/files?x=1 HTTP/1.1', "which does not go out");
is(ask(undef, method => 'GET', path => '/v1/files',
       headers => { 'X-Llm-Provider' => 'a' })->{body}, '{"x":"a"}',
   "as a header");
is(ask(undef, method => 'GET', path => '/v1/files?provider=c')->{status}, 400,
   "none of OpenAI's");
--- http
    llm_provider c { dialect gemini; url http://127.0.0.1:1; key none; }



=== TEST 9: files: who may
--- do
provider('a')->play("json {\"x\":\"a\"}\n");
provider('b')->play("json {\"x\":\"b\"}\n");

my %key = (headers => { Authorization => 'Bearer one' }, method => 'GET');

is(ask(undef, %key, path => '/v1/files?provider=a')->{status}, 200,
   "a provider of a model of the key's");
is(error_of(ask(undef, %key, path => '/v1/files?provider=b')),
   '403 permission_error model_not_allowed', "another");
is(ask(undef, %key, path => '/v1/files?provider=a',
       headers => {})->{status}, 401, "no key");
--- location: llm_auth on;
--- http eval
$ENV{LLM_TEST_ONE} = 'one';
"    llm_key k { secret env:LLM_TEST_ONE; models m; }\n"



=== TEST 10: a stale connection, and one that is refused
--- do
provider('a')->play("json {\"n\":1}\ncut\n==\njson {\"n\":2}\n");

is(ask('{"model":"m","input":"a"}', path => '/v1/moderations')->{body},
   '{"n":1}', "first");
Time::HiRes::sleep(0.1);
is(ask('{"model":"m","input":"a"}', path => '/v1/moderations')->{body},
   '{"n":2}', "second");

is(error_of(ask(undef, method => 'GET', path => '/v1/files?provider=dead')),
   '502 server_error provider_error', "refused");
--- errors
