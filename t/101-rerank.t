# Rerank in the forms of providers: what they get, what the client gets.

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

=== TEST 1: Voyage
--- do
provider('a')->play('json {"object":"list","data":[{"index":1,'
    . '"relevance_score":0.75},{"index":0,"relevance_score":0.25}],'
    . '"model":"rerank-2.5","usage":{"total_tokens":26}}' . "\n");

my $res = ask('{"model":"m","query":"q","documents":["a",{"text":"b"}],'
              . '"top_n":2,"return_documents":true,"truncation":true,'
              . '"x":1}', path => '/v1/rerank');

is(sent()->{line}, 'POST /v1/rerank HTTP/1.1', "path");
is(sent()->{body}, '{"model":"up-a","query":"q","documents":["a","b"],'
   . '"top_k":2,"truncation":true}', "body");
like($res->{body}, qr/^\{"id":"req_\w+","object":"list","model":"m","results":/,
     "head of the answer");
like($res->{body}, qr/"results":\[\{"index":1,"relevance_score":0\.75,"document":\{"text":"b"\}\},\{"index":0,"relevance_score":0\.25,"document":\{"text":"a"\}\}\],"usage":\{"prompt_tokens":26,"total_tokens":26\}\}$/,
     "answer");
is($res->{headers}{'x-llm-dropped-params'}, 'x', "what it does not know");
like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|26\|0\|/, "logged");
--- provider_a: rerank voyage;



=== TEST 2: NVIDIA: its own words, no limit; and a path of its own
--- do
my $answer = 'json {"rankings":[{"index":1,"logit":-1.25},'
    . '{"index":0,"logit":-3.5}],"usage":{"prompt_tokens":9,'
    . '"total_tokens":9}}' . "\n";

provider('a')->play($answer);
provider('b')->play($answer);

my $body = '{"model":"m","query":"q","documents":["a","b"],"top_n":1}';
my $res = ask($body, path => '/v1/rerank');

is(sent()->{line}, 'POST /v1/ranking HTTP/1.1', "path");
is(sent()->{body}, '{"model":"up-a","query":{"text":"q"},"passages":'
   . '[{"text":"a"},{"text":"b"}]}', "body");
like($res->{body}, qr/"results":\[\{"index":1,"relevance_score":-1\.25\}\],"usage"/,
     "the best one");

$body =~ s/"m"/"n"/;
is(ask($body, path => '/v1/rerank')->{status}, 200, "another");
is(sent('b')->{line}, 'POST /v1/retrieval/nvidia/reranking HTTP/1.1',
   "a path that is named");
--- provider_a: rerank nvidia;
--- provider_b: rerank nvidia /v1/retrieval/nvidia/reranking;
--- http
    llm_model n { deployment b up-b; }



=== TEST 3: Text Embeddings Inference: a list, and no usage
--- do
provider('a')->play('json [{"index":1,"score":0.9},{"index":0,"score":0.1}]'
    . "\n");

my $res = ask('{"model":"m","query":"quite a query","documents":["a","b"],'
              . '"top_n":1,"truncate":true}', path => '/v1/rerank');

is(sent()->{line}, 'POST /rerank HTTP/1.1', "path");
is(sent()->{body}, '{"query":"quite a query","texts":["a","b"],'
   . '"truncate":true}', "body");
like($res->{body}, qr/"results":\[\{"index":1,"relevance_score":0\.9\}\]\}$/,
     "answer");
like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|[1-9]\d*\|0\|/, "estimated");
--- provider_a: rerank tei;



=== TEST 4: an open form: as it is, but other words in the answer
--- do
my $body = '{"model":"m","query":"q","documents":[{"image":"i"}],"x":{"y":1}}';

provider('a')->play('json {"model":"z","results":[{"index":0,'
    . '"relevance_score":0.5,"document":{"image":"i"}}],'
    . '"usage":{"total_tokens":9}}' . "\n");

my $res = ask($body, path => '/v1/rerank');

is(sent()->{body}, '{"model":"up-a","query":"q","documents":[{"image":"i"}],'
   . '"x":{"y":1}}', "body");
is($res->{body}, '{"model":"z","results":[{"index":0,"relevance_score":0.5,'
   . '"document":{"image":"i"}}],"usage":{"total_tokens":9}}', "answer");

provider('a')->play('json {"object":"list","data":[{"index":0,'
    . '"relevance_score":0.5}],"usage":{"total_tokens":9}}' . "\n");
like(ask($body, path => '/v1/rerank')->{body},
     qr/"results":\[\{"index":0,"relevance_score":0\.5\}\],"usage"/,
     "a list of another name");

# what is no answer

for my $bad ('{}', '{"results":[{"index":3,"relevance_score":1}]}',
             '{"results":[{"index":0}]}', '[]x')
{
    provider('a')->play("json $bad\n");
    is(error_of(ask($body, path => '/v1/rerank')),
       '502 server_error provider_error', "no answer: $bad");
}
--- errors



=== TEST 5: what a form cannot say goes to the next deployment
--- do
provider('b')->play('json {"results":[{"index":0,"relevance_score":0.5}]}'
    . "\n");

my $res = ask('{"model":"m","query":"q","documents":[{"image":"i"}]}',
              path => '/v1/rerank');

is($res->{status}, 200, "served");
is($res->{headers}{'x-llm-provider'}, 'b', "by the other");
is(scalar provider('a')->seen, 0, "the first is not asked");
--- provider_a: rerank voyage;
--- model: deployment a up-a tier=1; deployment b up-b tier=2;



=== TEST 6: a provider of another dialect that reranks after all
--- do
provider('a')->play('json {"results":[{"index":0,"relevance_score":0.5}]}'
    . "\n");

my $body = '{"model":"m","query":"q","documents":["a"]}';

is(ask($body, path => '/v1/rerank')->{status}, 200, "served");
is(sent()->{line}, 'POST /rerank HTTP/1.1', "path");

$body =~ s/"m"/"n"/;
is(error_of(ask($body, path => '/v1/rerank')),
   '400 invalid_request_error unsupported_endpoint', "one that does not");
--- provider_a: dialect mistral; rerank cohere /rerank;
--- provider_b: dialect mistral;
--- http
    llm_model n { deployment b up-b; }



=== TEST 7: what the block may not say
--- http_config
    llm_provider a { dialect openai; url http://127.0.0.1:1; key none;
                     rerank best; }
--- config
--- must_die
--- error_log
invalid value "best" in "rerank": it may be "cohere", "jina", "voyage", "nvidia" or "tei"



=== TEST 8: a path that is none
--- http_config
    llm_provider a { dialect openai; url http://127.0.0.1:1; key none;
                     rerank tei rerank; }
--- config
--- must_die
--- error_log
invalid path "rerank" in "rerank": it begins with "/" and has no blanks



=== TEST 9: twice
--- http_config
    llm_provider a { dialect openai; url http://127.0.0.1:1; key none;
                     rerank tei; rerank tei; }
--- config
--- must_die
--- error_log
"rerank" directive is duplicate
