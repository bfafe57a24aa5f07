# Endpoints beyond chat: their usage counts against limits, and is logged.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

$ENV{TEST_NGINX_SECRET} = 'sha256:' . sha256_hex('sk-a');

gateway(
    providers => ['a'],
    defaults  => {
        location => 'llm_auth on;',
        model    => 'deployment a up-a;',
    },
);


sub post {
    my ($path, $body, %opt) = @_;

    return ask($body, path => $path, headers => {
        Authorization => 'Bearer sk-a', %{$opt{headers} || {}} });
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: embeddings
--- http eval
"    llm_key k { secret $ENV{TEST_NGINX_SECRET}; quota tokens=10/day; }\n"
--- do
provider('a')->play('json {"object":"list","data":[{"object":"embedding",'
    . '"index":0,"embedding":[1]}],"model":"x","usage":{"prompt_tokens":6,'
    . '"total_tokens":6}}' . "\n");

is(post('/v1/embeddings', '{"model":"m","input":"a"}')->{status}, 200,
   "6 of 10");
is(post('/v1/embeddings', '{"model":"m","input":"a"}')->{status}, 200,
   "12 of 10");
is(error_of(post('/v1/embeddings', '{"model":"m","input":"a"}')),
   '429 insufficient_quota insufficient_quota', "used up");
is(scalar(my @seen = provider('a')->seen), 2, "not sent");



=== TEST 2: what is passed on: whole, streamed, completions
--- http eval
"    llm_key k { secret $ENV{TEST_NGINX_SECRET}; quota tokens=100/day; }\n"
--- do
provider('a')->play('json {"created":1,"data":[],"usage":{"input_tokens":20,'
    . '"output_tokens":20,"total_tokens":40}}' . "\n");
is(post('/v1/images/generations', '{"model":"m","prompt":"p"}')->{status},
   200, "40 of 100");

provider('a')->play('sse' . "\n" . 'say data: {"type":"x","usage":'
    . '{"input_tokens":20,"output_tokens":20,"total_tokens":40}}\n\n'
    . "\nend\n");
is(post('/v1/images/generations',
        '{"model":"m","prompt":"p","stream":true}')->{status}, 200,
   "80 of 100");

provider('a')->play('json {"id":"c","object":"text_completion","choices":'
    . '[{"text":"x","index":0,"finish_reason":"stop"}],"usage":'
    . '{"prompt_tokens":20,"completion_tokens":20,"total_tokens":40}}' . "\n");
is(post('/v1/completions', '{"model":"m","prompt":"p","max_tokens":10}')
   ->{status}, 200, "120 of 100");
is(error_of(post('/v1/audio/speech', '{"model":"m","input":"p"}')),
   '429 insufficient_quota insufficient_quota', "used up");



=== TEST 3: requests, also of files and of llm_relay; each is given back
--- http eval
"    llm_key k { secret $ENV{TEST_NGINX_SECRET}; quota requests=3/day;
                 concurrency 1; }\n"
--- config
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ { llm_gateway; client_max_body_size 64m;
                    client_body_buffer_size 1m; }
    location /up/ { llm_relay a; client_max_body_size 64m;
                    client_body_buffer_size 1m; }
--- do
provider('a')->play("json {\"usage\":{\"prompt_tokens\":1,"
                    . "\"completion_tokens\":1}}\n");

is(post('/v1/files?provider=a', '{}')->{status}, 200, "files");
is(post('/up/responses', '{"model":"x"}')->{status}, 200, "llm_relay");
is(post('/v1/moderations', '{"model":"m","input":"a"}')->{status}, 200,
   "moderations");
is(error_of(post('/up/responses', '{"model":"x"}')),
   '429 insufficient_quota insufficient_quota', "used up: llm_relay");
is(error_of(post('/v1/files?provider=a', '{}')),
   '429 insufficient_quota insufficient_quota', "used up: files");
