# drop_params and set_param in requests that are no chats.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b'],
    defaults  => { model => "deployment a up-a;",
                   http  => "llm_model c { deployment b up-b; }" },
);


sub sent {
    my ($name) = @_;

    return (provider($name || 'a')->seen)[-1];
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: embeddings of the same dialect
--- provider_a
drop_params user input_type; set_param dimensions 256; set_param truncate END;
set_param temperature 0.5; set_param extra.a 1 force;
--- model
deployment a up-a; set_param encoding_format float force;
--- do
provider('a')->play('json {"data":[{"index":0,"embedding":[1]}],"usage":'
    . '{"prompt_tokens":7,"total_tokens":7}}' . "\n");

my $res = ask('{"input":"hi","user":"u","model":"m","input_type":null}',
              path => '/v1/embeddings');

is(sent()->{body}, '{"dimensions":256,"encoding_format":"float",'
   . '"extra":{"a":1},"truncate":"END","input":"hi","model":"up-a"}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named");
is($res->{status}, 200, "served");

$res = ask('{"model":"m","input":"hi","dimensions":3,"truncate":"NONE",'
           . '"encoding_format":"base64","extra":{"b":2}}',
           path => '/v1/embeddings');
is(sent()->{body}, '{"model":"up-a","input":"hi","dimensions":3,'
   . '"truncate":"NONE","encoding_format":"float","extra":{"a":1,"b":2}}',
   "over what the client has");
like($res->{body}, qr{"embedding":"AACAPw=="}, "as the client wants it");



=== TEST 2: embeddings that are written anew, in parts
--- provider_b
dialect gemini; drop_params user; set_param input_type search_query;
set_param requests force; set_param top_p 0.5;
--- http
    llm_model c { deployment b up-b; set_param dimensions 8; }
--- do
provider('b')->play('json {"embeddings":[{"values":[1]}]}' . "\n");

my $res = ask('{"model":"c","input":"hi","user":"u","zz":1}',
              path => '/v1/embeddings');
my $body = sent('b')->{body};

like($body, qr/"outputDimensionality":8/, "dimensions");
like($body, qr/"taskType":"RETRIEVAL_QUERY"/, "input_type");
unlike($body, qr/top_p|topP/, "nothing of chats");
like($body, qr/"requests":\[/, "a place that is there stays");
is($res->{headers}{'x-llm-dropped-params'}, 'user, zz', "named once");

provider('b')->play('json {"embeddings":['
    . join(',', ('{"values":[1]}') x 100) . ']}' . "\n==\n"
    . 'json {"embeddings":[{"values":[2]}]}' . "\n");

$res = ask('{"model":"c","user":"u","input":[' . join(',', ('"x"') x 101)
           . ']}', path => '/v1/embeddings');
is($res->{status}, 200, "in parts");
like(sent('b')->{body}, qr/"outputDimensionality":8/, "also in the last");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named once");



=== TEST 3: dimensions that a model does not have
--- provider_a
dialect ollama; drop_params on;
--- provider_b
dialect bedrock; region eu-west-1; key none;
--- do
provider('a')->play('json {"embeddings":[[1]],"prompt_eval_count":3}' . "\n");

my $res = ask('{"model":"m","input":"hi","dimensions":8}',
              path => '/v1/embeddings');
is($res->{status}, 200, "served");



=== TEST 4: rerank, open and not
--- provider_a
drop_params return_documents; set_param top_n 2; set_param x 1;
--- provider_b
rerank voyage; drop_params return_documents; set_param top_n 3 force;
set_param truncation false; set_param seed 1;
--- do
my $answer = '[{"index":0,"relevance_score":0.5},'
    . '{"index":1,"relevance_score":0.25}]';
my $body = '{"model":"m","query":"q","documents":["a","b"],'
    . '"return_documents":true}';

provider('a')->play("json {\"results\":$answer}\n");
provider('b')->play("json {\"data\":$answer}\n");

my $res = ask($body, path => '/v1/rerank');
is(sent()->{body}, '{"top_n":2,"x":1,"model":"up-a","query":"q",'
   . '"documents":["a","b"]}', "open");
is($res->{headers}{'x-llm-dropped-params'}, 'return_documents', "named");

$body =~ s/"m"/"c"/;
$res = ask($body, path => '/v1/rerank');
is(sent('b')->{body}, '{"truncation":false,"model":"up-b","query":"q",'
   . '"documents":["a","b"],"top_k":3}', "written");
is($res->{headers}{'x-llm-dropped-params'}, 'return_documents', "named");
unlike($res->{body}, qr/"document"/, "and not given");
--- errors



=== TEST 5: images, speech, moderations
--- provider_a
drop_params style n seed; set_param quality high; set_param temperature 0.5;
set_param response_format b64_json; set_param moderation low;
set_param size 1024x1024 force;
--- http
    llm_model omni-moderation-latest { deployment a up-o; }
--- do
provider('a')->play("json {\"data\":[]}\n");

my $res = ask('{"model":"m","prompt":"p","style":"vivid","n":2}',
              path => '/v1/images/generations');
is(sent()->{body}, '{"moderation":"low","quality":"high","response_format":'
   . '"b64_json","size":"1024x1024","model":"up-a","prompt":"p"}', "image");
is($res->{headers}{'x-llm-dropped-params'}, 'style, n', "named");

ask('{"input":"x"}', path => '/v1/moderations');
is(sent()->{body}, '{"model":"up-o","quality":"high","size":"1024x1024",'
   . '"input":"x"}', "a model that is not named");
ask('{}', path => '/v1/moderations');
is(sent()->{body}, '{"model":"up-o","quality":"high","size":"1024x1024"}',
   "nor anything");

ask('{"model":"m","input":"x","response_format":"wav"}',
    path => '/v1/audio/speech');
is(sent()->{body}, '{"quality":"high","size":"1024x1024","model":"up-a",'
   . '"input":"x","response_format":"wav"}', "speech");

# a word for other endpoints is nothing for chats

provider('a')->play('ok hi');
ask(chat());
unlike(sent()->{body}, qr/response_format|moderation/, "a chat");
like(sent()->{body}, qr/"temperature":0.5/, "has its own");



=== TEST 6: forms go as they are
--- provider_a: drop_params size; set_param quality high force;
--- do
provider('a')->play("json {\"data\":[]}\n");

my $form = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"
    . "m\r\n--B\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n"
    . "big\r\n--B--\r\n";

ask($form, path => '/v1/images/edits',
    headers => { 'Content-Type' => 'multipart/form-data; boundary=B' });
(my $want = $form) =~ s/\r\nm\r\n/\r\nup-a\r\n/;
is(sent()->{body}, $want, "but for the model's name");



=== TEST 7: completions of the same dialect
--- provider_a
drop_params seed logprobs; set_param temperature 0.2; set_param stop END;
set_param max_completion_tokens 5; set_param reasoning_effort low;
set_param min_p 0.1;
--- do
provider('a')->play('json {"choices":[{"text":"x","index":0,'
    . '"finish_reason":"stop"}],"usage":{"prompt_tokens":4,'
    . '"completion_tokens":1,"total_tokens":5}}' . "\n");

my $res = ask('{"model":"m","prompt":"p","seed":1,"logprobs":2}',
              path => '/v1/completions');
is(sent()->{body}, '{"max_tokens":5,"min_p":0.1,"stop":"END",'
   . '"temperature":0.2,"model":"up-a","prompt":"p"}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'seed, logprobs', "named");

ask('{"model":"m","prompt":"p","max_tokens":7,"temperature":1}',
    path => '/v1/completions');
is(sent()->{body}, '{"min_p":0.1,"stop":"END","model":"up-a","prompt":"p",'
   . '"max_tokens":7,"temperature":1}', "what the client says");



=== TEST 8: values that would be wrong
--- http_config
    llm_provider openai { key none; set_param dimensions many; }
--- config
--- must_die
--- error_log
invalid value in "set_param dimensions": "dimensions" must be an integer above 0



=== TEST 9: values that would be wrong, of rerank
--- http_config
    llm_provider openai { key none; set_param return_documents 1; }
--- config
--- must_die
--- error_log
invalid value in "set_param return_documents"
