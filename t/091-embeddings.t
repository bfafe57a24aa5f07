# POST /v1/embeddings: what each kind of provider gets, what the client gets.

use strict;
use warnings;

use lib 't/lib';
use MIME::Base64;
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b'],
    defaults  => { model => "deployment a up-a tier=1; "
                            . "deployment b up-b tier=2;" },
);


# what a provider was sent last

sub sent {
    my ($name) = @_;

    return (provider($name || 'a')->seen)[-1];
}


sub embed {
    my (%member) = @_;

    my %all = (input => '"hi"', %member);

    return ask('{"model":"m"' . join('', map { ",\"$_\":$all{$_}" }
                                         sort keys %all) . '}',
               path => '/v1/embeddings');
}


# an answer of OpenAI's with these vectors, as they stand

sub openai {
    my (@vector) = @_;

    my $i = 0;

    return 'json {"object":"list","data":['
        . join(',', map { '{"object":"embedding","index":' . $i++
                          . ',"embedding":' . $_ . '}' } @vector)
        . '],"model":"up","usage":{"prompt_tokens":7,"total_tokens":7}}'
        . "\n";
}


sub gemini {
    my (@vector) = @_;

    return 'json {"embeddings":['
        . join(',', map { "{\"values\":$_}" } @vector) . ']'
        . ',"usageMetadata":{"promptTokenCount":3}}' . "\n";
}


sub pack64 {
    return encode_base64(pack('f<*', @_), '');
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: OpenAI to OpenAI: the text but for the model, the answer as it is
--- do
provider('a')->play(openai('[0.25, -1e-3]'));

my $res = embed(input => '["a \u00e9", "b"]', dimensions => 2, x => '{"y": 1}');

is(sent()->{line}, 'POST /v1/embeddings HTTP/1.1', "path");
is(sent()->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is(sent()->{body}, '{"model":"up-a","dimensions":2,"input":["a \u00e9", "b"],'
   . '"x":{"y": 1}}', "body");
is(error_of($res), "502 server_error provider_error", "a vector is missing");

provider('a')->play(openai('[0.25, -1e-3]', '[ 1,2 ]'));
$res = embed(input => '["a", "b"]');

is($res->{status}, 200, "status");
is($res->{body}, '{"object":"list","data":[{"object":"embedding","index":0,'
   . '"embedding":[0.25, -1e-3]},{"object":"embedding","index":1,"embedding":'
   . '[ 1,2 ]}],"model":"up","usage":{"prompt_tokens":7,"total_tokens":7}}',
   "body");
is($res->{headers}{'content-type'}, 'application/json', "type");
like(logged(2), qr/^200\|OK\|a\|1\|m\|up-a\|7\|0\|-\|-\|0\|/, "logged");
--- model: deployment a up-a;
--- errors



=== TEST 2: base64 where the provider ignores it, and numbers
--- do
provider('a')->play(openai('[0.25, -1e-3, 0, 3.4028234e38, 1e-45]'));

my $res = embed(encoding_format => '"base64"');
my ($got) = $res->{body} =~ /"embedding":"([^"]*)"/;

is($got, pack64(0.25, -1e-3, 0, 3.4028234e38, 1e-45), "packed");

my $vector = pack64(map { $_ / 7 } 1 .. 700);

provider('a')->play(openai("\"$vector\""));
$res = embed(encoding_format => '"float"');

($got) = $res->{body} =~ /"embedding":\[([^\]]*)\]/;
is(pack64(split /,/, $got), $vector, "numbers that read back the same");

$res = embed(encoding_format => '"base64"');
like($res->{body}, qr/"embedding":"\Q$vector\E"/, "as it came");

# one that is as short as other strings

provider('a')->play(openai('"' . pack64(1, 2) . '"'));
like(embed(encoding_format => '"base64"')->{body},
     qr/"embedding":"\Q${\pack64(1, 2)}\E"/, "a short one");
like(embed()->{body}, qr/"embedding":\[1,2\]/, "in numbers");

for my $bad ('["x"]', '[]', '"short"', '[1,[2]]', '{"a":[1,2]}', '[1e999]') {
    provider('a')->play(openai($bad));
    $res = embed(encoding_format => '"base64"');
    is(error_of($res), "502 server_error provider_error", "no vector: $bad");
}
--- model: deployment a up-a;
--- errors



=== TEST 3: what is no request for embeddings
--- do
for (['{"input":"a"}', 'model'],
     ['{"model":"m"}', 'input'],
     ['{"model":1,"input":"a"}', 'model'],
     ['{"model":"m","input":""}', 'input'],
     ['{"model":"m","input":[]}', 'input'],
     ['{"model":"m","input":["a",""]}', 'input'],
     ['{"model":"m","input":["a",1]}', 'input'],
     ['{"model":"m","input":[1,"a"]}', 'input'],
     ['{"model":"m","input":[1,-2]}', 'input'],
     ['{"model":"m","input":[[1],[]]}', 'input'],
     ['{"model":"m","input":[[1],"a"]}', 'input'],
     ['{"model":"m","input":{}}', 'input'],
     ['{"model":"m","input":[' . join(',', ('"a"') x 2049) . ']}', 'input'],
     ['{"model":"m","input":"a","dimensions":0}', 'dimensions'],
     ['{"model":"m","input":"a","dimensions":1.5}', 'dimensions'],
     ['{"model":"m","input":"a","encoding_format":"int8"}', 'encoding_format'],
     ['{"model":"m","input":"a","input_type":1}', 'input_type'],
     ['{"model":"m","input":"a","model":"m"}', undef],
     ['[]', undef], ['{', undef])
{
    my ($body, $param) = @$_;
    my $res = ask($body, path => '/v1/embeddings');

    is($res->{status}, 400, substr($body, 0, 50));
    like($res->{body}, qr/"type":"invalid_request_error"/, "type");
    like($res->{body}, defined $param ? qr/"param":"$param"/
                                      : qr/"param":null/, "param");
}

is(scalar provider('a')->seen, 0, "nothing was sent");
is(ask('', path => '/v1/embeddings', method => 'GET')->{status}, 405, "GET");
is(ask('{"model":"x","input":"a"}', path => '/v1/embeddings')->{status}, 404,
   "no such model");



=== TEST 4: token ids
--- do
provider('a')->play(openai('[1,2]', '[3,4]'));

my $res = embed(input => '[[1,2],[3]]');
is($res->{status}, 200, "status");
like(sent()->{body}, qr/"input":\[\[1,2\],\[3\]\]/, "as they came");

provider('a')->play(openai('[1,2]'));
$res = embed(input => '[5, 6]');
is($res->{status}, 200, "one list");



=== TEST 5: Gemini: a request for each text
--- do
provider('a')->play(gemini('[0.5,1]', "[2,\\n 3]"));

my $res = embed(input => '["a\"\u00e9","b"]', dimensions => 768,
                user => '"u"', input_type => '"search_query"', x => 1);

is(sent()->{line}, 'POST /v1/models/gemini-embedding-001:batchEmbedContents '
   . 'HTTP/1.1', "path");
is(sent()->{headers}{'x-goog-api-key'}, 'secret-of-provider', "key");
is(sent()->{body}, '{"requests":[' . join(',', map {
       '{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"'
       . $_ . '"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":768}'
   } 'a\"\u00e9', 'b') . ']}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user, x', "named");
is($res->{body}, '{"object":"list","data":[{"object":"embedding","index":0,'
   . '"embedding":[0.5,1]},{"object":"embedding","index":1,"embedding":'
   . "[2,\n 3]}],\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,"
   . '"total_tokens":3}}', "body");
like(logged(), qr/^200\|OK\|a\|1\|m\|gemini-embedding-001\|3\|0\|/, "logged");

$res = embed(encoding_format => '"base64"', input => '["a","b"]');
like($res->{body}, qr/"embedding":"\Q${\pack64(0.5, 1)}\E"/, "packed");

is(error_of(embed(input => '[1,2]')),
   '400 invalid_request_error unsupported_parameter', "token ids");
is(error_of(embed(input_type => '"image"')),
   '400 invalid_request_error unsupported_parameter', "a type");
--- provider_a: dialect gemini;
--- model: deployment a gemini-embedding-001;



=== TEST 6: more texts than a provider takes at once
--- do
provider('a')->play(join "==\n",
    gemini(map { "[$_]" } 0 .. 99), gemini(map { "[$_]" } 100 .. 199),
    gemini(map { "[$_]" } 200 .. 204));

my $res = embed(input => '[' . join(',', map { "\"t$_\"" } 0 .. 204) . ']');
my @seen = provider('a')->seen;

is(scalar @seen, 3, "requests");
is(scalar(() = $seen[0]{body} =~ /"text":/g), 100, "of them the first");
like($seen[1]{body}, qr/^\{"requests":\[\{"model":"[^"]*","content":
                        \{"parts":\[\{"text":"t100"/x, "in order");
is(scalar(() = $seen[2]{body} =~ /"text":/g), 5, "the last");
is($seen[0]{connection}, $seen[2]{connection}, "over one connection")
    if defined $seen[0]{connection};

is($res->{status}, 200, "status");
is(join(',', $res->{body} =~ /"embedding":\[(\d+)\]/g), join(',', 0 .. 204),
   "all, in order");
is(join(',', $res->{body} =~ /"index":(\d+)/g), join(',', 0 .. 204), "index");
like($res->{body}, qr/"prompt_tokens":9,"total_tokens":9/, "usage in sum");
is($res->{headers}{'x-llm-attempts'}, 1, "one attempt");
like(logged(), qr/^200\|OK\|a\|1\|m\|g\|9\|0\|/, "logged");

# the last part fails: another deployment does it all

provider('a')->play(join "==\n", gemini(map { "[$_]" } 0 .. 99),
                    "status 503 No\njson {\"error\":{\"message\":\"no\"}}\n");
provider('b')->play(openai(map { "[1$_]" } 0 .. 149));
$res = embed(input => '[' . join(',', map { "\"t$_\"" } 0 .. 149) . ']');

is($res->{status}, 200, "status");
is($res->{headers}{'x-llm-provider'}, 'b', "the other");
is(scalar(() = sent('b')->{body} =~ /"t\d+"/g), 150, "all");
is(join(',', $res->{body} =~ /"embedding":\[(\d+)\]/g),
   join(',', map { "1$_" } 0 .. 149), "only its vectors");
like($res->{body}, qr/"prompt_tokens":7,/, "only its usage");
--- provider_a: dialect gemini;
--- model: deployment a g tier=1; deployment b up-b tier=2;



=== TEST 7: a provider without embeddings is passed over
--- do
provider('b')->play(openai('[1]'));

my $res = embed();
is($res->{status}, 200, "status");
is($res->{headers}{'x-llm-provider'}, 'b', "by the other");
is(scalar provider('a')->seen, 0, "not asked");
--- provider_a: dialect anthropic;



=== TEST 8: no provider has them
--- do
is(error_of(embed()), '400 invalid_request_error unsupported_parameter',
   "refused");
like(embed()->{body}, qr/has no embeddings/, "why");
--- provider_a: dialect anthropic;
--- model: deployment a up-a;



=== TEST 9: another model only where the line says so
--- do
provider('a')->play("status 500 No\njson {\"error\":{\"message\":\"no\"}}\n");
provider('b')->play(openai('[1]'));

is(error_of(embed()), '502 server_error provider_error', "not by itself");
is(scalar provider('b')->seen, 0, "not asked");

is(ask('{"model":"n","input":"a"}', path => '/v1/embeddings')->{status}, 200,
   "on=embeddings");
is(ask('{"model":"o","input":"a"}', path => '/v1/embeddings')->{status}, 200,
   "on=server_error,embeddings");
is(ask('{"model":"p","input":"a"}', path => '/v1/embeddings')->{status}, 502,
   "of another class");

provider('b')->play("ok hello\n");
is(ask('{"model":"n","messages":[{"role":"user","content":"a"}]}')->{status},
   502, "embeddings alone serves no chat");
--- model: deployment a up-a; fallback other;
--- http
    llm_model other { deployment b up-b; cooldown off; }
    llm_model n { deployment a x; fallback on=embeddings other; cooldown off; }
    llm_model o { deployment a x; fallback on=server_error,embeddings other;
                  cooldown off; }
    llm_model p { deployment a x; fallback on=timeout,embeddings other;
                  cooldown off; }
--- errors



=== TEST 10: a provider's refusal
--- do
provider('a')->play("status 400 Bad Request\n"
    . 'json {"error":{"message":"too long","type":"invalid_request_error",'
    . '"param":"input","code":"x"}}' . "\n");

my $res = embed();
is($res->{status}, 400, "status");
is($res->{body}, '{"error":{"message":"too long","type":'
   . '"invalid_request_error","param":"input","code":"x"}}', "as it came");



=== TEST 11: variables
--- do
provider('a')->play(openai('[1]'));

my $res = embed(input => '["two"]', user => '"u1"');
is($res->{headers}{'x-v'}, 'm|u1|0|two', "variables");
cmp_ok($res->{headers}{'x-e'}, '>=', 1, "estimate");
--- location
llm_auth off;
add_header X-V "$llm_request_model|$llm_user|$llm_stream|$llm_last_message";
add_header X-E $llm_prompt_tokens_estimate;



=== TEST 12: Azure: the deployment's path
--- do
provider('a')->play(openai('[1]'));
embed();
is(sent()->{line}, 'POST /openai/deployments/up-a/embeddings?api-version='
   . '2024-10-21 HTTP/1.1', "dated");
is(sent()->{headers}{'api-key'}, 'secret-of-provider', "key");

provider('b')->play(openai('[1]'));
ask('{"model":"v1","input":"a"}', path => '/v1/embeddings');
is(sent('b')->{line}, 'POST /openai/v1/embeddings HTTP/1.1', "v1");
like(sent('b')->{body}, qr/"model":"up-b"/, "named");
--- provider_a: preset azure; dialect openai; api_version 2024-10-21;
--- provider_b: preset azure; dialect openai;
--- model: deployment a up-a;
--- http
    llm_model v1 { deployment b up-b; }



=== TEST 13: Bedrock: Titan, a text at a time
--- do
provider('a')->play(join "==\n",
    'json {"embedding":[1,2],"inputTextTokenCount":3}' . "\n",
    'json {"embedding":[3,4],"inputTextTokenCount":4}' . "\n");

my $res = embed(input => '["a","b"]', dimensions => 256, user => '"u"');
my @seen = provider('a')->seen;

is(scalar @seen, 2, "requests");
is($seen[0]{line}, 'POST /v1/model/amazon.titan-embed-text-v2%3A0/invoke '
   . 'HTTP/1.1', "path");
is($seen[0]{headers}{authorization}, 'Bearer secret-of-provider', "key");
is($seen[0]{body}, '{"inputText":"a","dimensions":256}', "first");
is($seen[1]{body}, '{"inputText":"b","dimensions":256}', "second");
is($res->{body}, '{"object":"list","data":[{"object":"embedding","index":0,'
   . '"embedding":[1,2]},{"object":"embedding","index":1,"embedding":[3,4]}],'
   . '"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}', "answer");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named once");
--- provider_a: dialect bedrock; region us-east-1;
--- model: deployment a amazon.titan-embed-text-v2:0;



=== TEST 14: Bedrock: Cohere's models
--- do
provider('a')->play('json {"embeddings":{"float":[[1],[2]]},"id":"x",'
    . '"response_type":"embeddings_by_type","texts":["a","b"]}' . "\n");

my $res = embed(input => '["a","b"]', input_type => '"query"');

is(sent()->{line}, 'POST /v1/model/cohere.embed-v4%3A0/invoke HTTP/1.1', "path");
is(sent()->{body}, '{"input_type":"search_query","texts":["a","b"],'
   . '"embedding_types":["float"]}', "body");
like($res->{body}, qr/"embedding":\[1\].*"embedding":\[2\]/, "answer");

provider('a')->play('json {"embeddings":[[5]],"id":"x","texts":["a"]}' . "\n");
like(embed()->{body}, qr/"embedding":\[5\]/, "an older model's");

provider('a')->play('json {"message":"no"}' . "\n");
is(error_of(embed()), '502 server_error provider_error', "no answer");
--- provider_a: dialect bedrock; region us-east-1;
--- model: deployment a cohere.embed-v4:0;
--- errors



=== TEST 15: its cost
--- do
provider('a')->play(openai('[1]'));

my $res = embed();
like($res->{body}, qr/"usage":\{"prompt_tokens":7,"total_tokens":7,
                      "cost":0\.000014000\}/x, "in the answer");
is($res->{headers}{'x-llm-cost'}, '0.000014000', "as a header");
--- model: deployment a up-a; price input=2 output=0;
--- location: llm_auth off; llm_usage_cost on;



=== TEST 16: Cohere
--- do
provider('a')->play('json {"id":"x","response_type":"embeddings_by_type",'
    . '"embeddings":{"float":[[1,2],[3,4]]},"texts":["a","b"],"meta":'
    . '{"api_version":{"version":"2"},"billed_units":{"input_tokens":5}}}'
    . "\n");

my $res = embed(input => '["a","b"]', dimensions => 256, user => '"u"');

is(sent()->{line}, 'POST /v2/embed HTTP/1.1', "path");
is(sent()->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is(sent()->{body}, '{"model":"embed-v4.0","input_type":"search_document",'
   . '"texts":["a","b"],"embedding_types":["float"],"output_dimension":256}',
   "body");
is($res->{body}, '{"object":"list","data":[{"object":"embedding","index":0,'
   . '"embedding":[1,2]},{"object":"embedding","index":1,"embedding":[3,4]}],'
   . '"model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}', "answer");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named");
--- provider_a eval
"dialect cohere; url http://127.0.0.1:" . Gateway::provider('a')->port . "/v2;"
--- model: deployment a embed-v4.0;



=== TEST 17: Mistral
--- do
provider('a')->play(openai('[1,2]'));

my $res = embed(dimensions => 256, user => '"u"', encoding_format => '"base64"');

is(sent()->{line}, 'POST /v1/embeddings HTTP/1.1', "path");
is(sent()->{body}, '{"model":"codestral-embed","input":["hi"],'
   . '"output_dimension":256}', "body");
like($res->{body}, qr/"embedding":"\Q${\pack64(1, 2)}\E"/, "packed");
like($res->{body}, qr/"prompt_tokens":7/, "usage");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named");
--- provider_a: dialect mistral;
--- model: deployment a codestral-embed;



=== TEST 18: Ollama
--- do
provider('a')->play('json {"model":"x","embeddings":[[1,2],[3,4]],'
    . '"total_duration":1,"prompt_eval_count":6}' . "\n");

my $res = embed(input => '["a","b"]');

is(sent()->{line}, 'POST /api/embed HTTP/1.1', "path");
is(sent()->{body}, '{"model":"nomic-embed-text","input":["a","b"],'
   . '"truncate":false}', "body");
like($res->{body}, qr/"embedding":\[1,2\].*"embedding":\[3,4\]/, "answer");
like($res->{body}, qr/"prompt_tokens":6/, "usage");
--- provider_a eval
"dialect ollama; url http://127.0.0.1:" . Gateway::provider('a')->port . "/api;"
--- model: deployment a nomic-embed-text;



=== TEST 19: Vertex AI: many texts, by "predict"
--- do
my $predict = sub {
    return 'json {"predictions":[' . join(',', map {
        "{\"embeddings\":{\"values\":[$_],\"statistics\":{\"token_count\":2.0,"
        . '"truncated":false}}}' } @_)
        . '],"metadata":{"billableCharacterCount":1}}' . "\n";
};

provider('a')->play($predict->(1, 2));

my $res = embed(input => '["a\"\u00e9","b"]', dimensions => 256,
                input_type => '"document"', user => '"u"');

is(sent()->{line}, 'POST /v1/publishers/google/models/text-embedding-005'
   . ':predict HTTP/1.1', "path");
is(sent()->{headers}{'x-goog-api-key'}, 'secret-of-provider', "key");
is(sent()->{body}, '{"instances":[' . join(',', map {
       "{\"content\":\"$_\",\"task_type\":\"RETRIEVAL_DOCUMENT\"}"
   } 'a\"\u00e9', 'b') . '],"parameters":{"autoTruncate":false,'
   . '"outputDimensionality":256}}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named");
is($res->{body}, '{"object":"list","data":[{"object":"embedding","index":0,'
   . '"embedding":[1]},{"object":"embedding","index":1,"embedding":[2]}],'
   . '"model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}', "answer");

# not more than 250

provider('a')->play(join "==\n", $predict->(0 .. 249), $predict->(250 .. 252));
$res = embed(input => '[' . join(',', map { "\"t$_\"" } 0 .. 252) . ']');

is(join(',', $res->{body} =~ /"embedding":\[(\d+)\]/g), join(',', 0 .. 252),
   "all, in order");
like($res->{body}, qr/"prompt_tokens":506,/, "usage in sum");

# nor than 20000 tokens

my @text = map { '"' . ('x' x $_) . '"' } 30000, 9000, 9000, 50000, 1;

provider('a')->play(join "==\n", map { $predict->(@$_) } [0, 1], [2], [3], [4]);
() = provider('a')->seen;
$res = embed(input => '[' . join(',', @text) . ']');

is(join(',', map { length $_->{body} } provider('a')->seen), join(',', map {
       length('{"instances":[],"parameters":{"autoTruncate":false}}') - 1
       + length join('', map { ",{\"content\":$text[$_]}" } @$_)
   } [0, 1], [2], [3], [4]), "in parts");
is(join(',', $res->{body} =~ /"embedding":\[(\d+)\]/g), '0,1,2,3,4', "in order");

# what is no answer

for my $bad ('{"predictions":[]}', '{"predictions":[{"embeddings":1}]}', '{}',
             '{"predictions":[{"embeddings":{"values":[1]}},{}]}')
{
    provider('a')->play("json $bad\n");
    is(error_of(embed()), '502 server_error provider_error', $bad);
}

provider('a')->play('json {"predictions":[{"embeddings":{"values":[1]}}]}' . "\n");
like(embed()->{body}, qr/"embedding":\[1\]/, "usage is not told");

provider('a')->play("status 400 No\n" . 'json {"error":{"code":400,"message":'
    . '"The input token count is 20001 but the model supports up to 20000.",'
    . '"status":"INVALID_ARGUMENT"}}' . "\n");
like(error_of(embed()), qr/^400 invalid_request_error /, "a refusal");
--- provider_a: dialect vertex;
--- model: deployment a text-embedding-005;
--- errors



=== TEST 20: Vertex AI: a text at a time
--- do
provider('a')->play(join "==\n", map {
    "json {\"embedding\":{\"values\":[$_]},\"usageMetadata\":"
    . '{"promptTokenCount":5},"truncated":false}' . "\n" } 1, 2);

my $res = embed(input => '["a","b"]', dimensions => 768,
                input_type => '"query"');
my @seen = provider('a')->seen;

is(scalar @seen, 2, "requests");
like($seen[0]{body}, qr/"text":"a"/, "the first");
is($seen[1]{line}, 'POST /v1/publishers/google/models/gemini-embedding-001'
   . ':embedContent HTTP/1.1', "path");
is($seen[1]{body}, '{"content":{"role":"user","parts":[{"text":"b"}]},'
   . '"embedContentConfig":{"autoTruncate":false,"taskType":"RETRIEVAL_QUERY",'
   . '"outputDimensionality":768}}', "body");
is($res->{body}, '{"object":"list","data":[{"object":"embedding","index":0,'
   . '"embedding":[1]},{"object":"embedding","index":1,"embedding":[2]}],'
   . '"model":"m","usage":{"prompt_tokens":10,"total_tokens":10}}', "answer");

$res = ask('{"model":"two","input":"a","input_type":"query"}',
           path => '/v1/embeddings');
is(sent()->{body}, '{"content":{"role":"user","parts":[{"text":"a"}]},'
   . '"embedContentConfig":{"autoTruncate":false}}', "says it in the text");
is($res->{headers}{'x-llm-dropped-params'}, 'input_type', "named");

ask('{"model":"e5","input":"a"}', path => '/v1/embeddings');
is(sent()->{line}, 'POST /v1/publishers/intfloat/models/multilingual-e5-large'
   . '-instruct-maas:embedContent HTTP/1.1', "another publisher's");

provider('a')->play('json {"predictions":[{"embeddings":{"values":[7]}}]}' . "\n");
ask('{"model":"tuned","input":"a"}', path => '/v1/embeddings');
is(sent()->{line}, 'POST /v1/endpoints/12:predict HTTP/1.1', "a tuned one");

for my $bad ('{"embedding":{}}', '{"embedding":[1]}', '{"embeddings":[]}') {
    provider('a')->play("json $bad\n");
    is(error_of(embed()), '502 server_error provider_error', $bad);
}
--- provider_a: dialect vertex;
--- model: deployment a gemini-embedding-001;
--- http
    llm_model two   { deployment a gemini-embedding-2; }
    llm_model e5    { deployment a intfloat/multilingual-e5-large-instruct-maas; }
    llm_model tuned { deployment a endpoints/12; }
--- errors



=== TEST 21: a provider of OpenAI's dialect that takes fewer at once
--- do
provider('a')->play(join "==\n", openai(map { "[$_]" } 0 .. 9),
                    openai(map { "[$_]" } 10 .. 19), openai('[20]'));

my $res = embed(input => '[ ' . join(" ,\n", map { "\"t$_\"" } 0 .. 20) . ' ]',
                dimensions => 1, x => '[7]');
my @seen = provider('a')->seen;

is(scalar @seen, 3, "requests");
is($seen[0]{body}, '{"model":"up-a","dimensions":1,"input":["t0" ,' . "\n"
   . join(" ,\n", map { "\"t$_\"" } 1 .. 9) . '],"x":[7]}', "the first");
is($seen[2]{body}, '{"model":"up-a","dimensions":1,"input":["t20"],"x":[7]}',
   "the last");
is(join(',', $res->{body} =~ /"embedding":\[(\d+)\]/g), join(',', 0 .. 20),
   "all, in order");
is(join(',', $res->{body} =~ /"index":(\d+)/g), join(',', 0 .. 20), "index");
like($res->{body}, qr/"prompt_tokens":21,"total_tokens":21/, "usage in sum");

# base64 in parts, and token ids

provider('a')->play(join "==\n", openai(map { '"' . pack64($_) . '"' } 0 .. 9),
                    openai('"' . pack64(10) . '"'));
$res = embed(input => '[' . join(',', map { "[$_,1]" } 0 .. 10) . ']',
             encoding_format => '"base64"');
is(join(' ', $res->{body} =~ /"embedding":"([^"]*)"/g),
   join(' ', map { pack64($_) } 0 .. 10), "packed");
like((provider('a')->seen)[-1]{body}, qr/"input":\[\[10,1\]\]/, "token ids");

# not more than that is as it was

provider('a')->play(openai(map { "[ $_]" } 0 .. 9));
$res = embed(input => '[' . join(',', map { "\"$_\"" } 0 .. 9) . ']');
like($res->{body}, qr/"embedding":\[ 9\]/, "as it came");
--- provider_a: preset dashscope;
--- model: deployment a up-a;



=== TEST 22: Voyage takes a thousand texts, and says a total alone
--- do
my $answer = sub {
    my ($n) = @_;

    return 'json {"data":[' . join(',', ('{"embedding":[1]}') x $n)
        . '],"usage":{"total_tokens":' . $n . '}}' . "\n";
};

provider('a')->play(join "==\n", $answer->(1000), $answer->(1));

my $res = embed(input => '[' . join(',', ('"t"') x 1001) . ']');
my @seen = provider('a')->seen;

is(scalar @seen, 2, "requests");
is($seen[1]{body}, '{"model":"up-a","input":["t"]}', "the last");
like($res->{body}, qr/"prompt_tokens":1001,"total_tokens":1001/,
     "usage in sum");
--- provider_a: preset voyage;
--- model: deployment a up-a;



=== TEST 23: what the answers of all parts come to is bounded
--- do
my $more = ',"more":"' . 'x' x (22 * 1024 * 1024) . '"}';
my @part = map { my $s = $_; $s =~ s/\}\n\z/$more\n/; $s }
           openai(map { "[$_]" } 0 .. 9), openai(map { "[$_]" } 10 .. 19),
           openai('[20]');

provider('a')->play(join "==\n", @part);

my $res = embed(input => '[' . join(',', map { "\"t$_\"" } 0 .. 20) . ']');

is(scalar provider('a')->seen, 3, "requests");
is(error_of($res), '502 server_error provider_error', "refused");
like($res->{headers}{'x-llm-attempts'}, qr/^1$/, "one attempt");
--- provider_a: preset dashscope;
--- model: deployment a up-a;
--- error_log
llm provider "a" sent answers of more than 67108864 bytes
