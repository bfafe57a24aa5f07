# Clients and Replicate: what is asked for, what comes back, and streams that
# are made of it.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b'],
    defaults  => {
        provider_a => 'dialect replicate;',
        model      => "deployment a meta/meta-llama-3-70b-instruct tier=1; "
                      . "deployment b up-b tier=2;",
    },
);


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}


# a prediction; the status of a creation is 201

sub prediction {
    my ($status, $more) = @_;

    return "status 201 Created\n" . 'json {"id":"p1",'
        . '"model":"meta/meta-llama-3-70b-instruct","version":"hidden",'
        . '"input":{"prompt":"hi"},"logs":"",' . $more . ',"status":"'
        . $status . '","urls":{"get":"https://api.replicate.com/v1/x",'
        . '"stream":"https://stream.replicate.com/v1/y"},"metrics":'
        . '{"input_token_count":10,"output_token_count":5}}' . "\n";
}


our $hello = prediction('succeeded', '"output":["hel","lo"],"error":null');

no_long_string();
run_tests();

__DATA__

=== TEST 1: path, headers, body, answer
--- do
provider('a')->play($main::hello);

my $res = ask('{"model":"m","messages":[{"role":"system","content":"be kind"},'
    . '{"role":"user","content":"hi \u00e9"}],"temperature":0.50,'
    . '"max_tokens":77,"user":"u1"}',
    headers => { Authorization => 'Bearer client', Prefer => 'client' });
my $sent = sent();

is($sent->{line}, 'POST /v1/predictions HTTP/1.1', "path");
is($sent->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is($sent->{headers}{prefer}, 'wait=60', "it waits");
is($sent->{headers}{'cancel-after'}, '1m', "no longer than that");
unlike($sent->{head}, qr/client/, "nothing of the client's");
is($sent->{body}, '{"version":"meta/meta-llama-3-70b-instruct","input":'
   . '{"prompt":"hi \u00e9","system_prompt":"be kind","max_tokens":77,'
   . '"max_completion_tokens":77,"max_output_tokens":77,"max_new_tokens":77,'
   . '"temperature":0.50}}', "body");

is($res->{status}, 200, "status");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named");
like($res->{body}, qr/"content":"hello".*"finish_reason":"stop"/, "answer");
like($res->{body}, qr/"prompt_tokens":10,"completion_tokens":5/, "usage");
like(logged(), qr{^200\|OK\|a\|1\|m\|meta/meta-llama-3-70b-instruct\|10\|5\|
                  stop\|-\|0\|0$}x, "logged");



=== TEST 2: a stream is made of the answer
--- do
for my $split (0, 1) {
    my $script = $main::hello;

    $script =~ s/^json/split 1\njson/m if $split;
    provider('a')->play($script);

    my $res = ask(chat(stream => 'true',
                       stream_options => '{"include_usage":true}'),
                  timeout => 20);
    my @event = $res->{body} =~ /^data: (.*)\n\n/mg;

    is(sent()->{body}, '{"version":"meta/meta-llama-3-70b-instruct",'
       . '"input":{"prompt":"hi"}}', "body");
    like($res->{headers}{'content-type'}, qr{^text/event-stream}, "type");
    like($event[0], qr/"delta":\{"role":"assistant"/, "the role first");
    is(content_of($res), "hello", "text");
    like($event[-3], qr/"finish_reason":"stop"/, "finish");
    like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":10/,
         "usage");
    is($event[-1], '[DONE]', "the end");
    like(logged(), qr/\|10\|5\|stop\|-\|0\|0$/, "logged");
}



=== TEST 3: a client of Anthropic's, a conversation
--- do
my $body = '{"model":"m","max_tokens":9,"messages":[{"role":"user",'
    . '"content":"1+1?"},{"role":"assistant","content":"2"},{"role":"user",'
    . '"content":"+1?"}]';

provider('a')->play($main::hello);
my $res = ask("$body}", path => '/v1/messages');

like(sent()->{body}, qr/"prompt":"User:\ 1\+1\?\\n\\nAssistant:\ 2\\n\\n
                        User:\ \+1\?\\n\\nAssistant:"/x, "prompt");
like($res->{body}, qr/"type":"text","text":"hello"/, "answer");

$res = ask("$body,\"stream\":true}", path => '/v1/messages');

like($res->{body}, qr/event: content_block_delta\n.*"text":"hello"/,
     "a stream");
like($res->{body}, qr/event: message_stop\n.*\n\n$/, "its end");



=== TEST 4: a deployment, a model of OpenAI's
--- model
deployment a deployments/acme/my-llama; set_param input.top_k 5;
--- http
llm_model o { deployment a openai/gpt-5; }
--- do
provider('a')->play($main::hello);

is(ask(chat())->{status}, 200, "status");
is(sent()->{line}, 'POST /v1/deployments/acme/my-llama/predictions HTTP/1.1',
   "path");
is(sent()->{body}, '{"input":{"top_k":5,"prompt":"hi"}}',
   "body, with an input of the configuration's");

ask('{"model":"o","messages":[{"role":"user","content":"a"},'
    . '{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}');
like(sent()->{body}, qr/"messages":\[\{"role":"user","content":"a"\},
     \{"role":"assistant","content":"b"\},\{"role":"user","content":"c"\}\]/x,
     "the conversation itself");



=== TEST 5: what is not done in time, or failed, is another's turn
--- errors
--- do
for my $case (['processing', '"output":["hel"]', 'timeout'],
              ['starting', '"output":null', 'timeout'],
              ['canceled', '"output":null', 'timeout'],
              ['aborted', '"output":null', 'timeout'],
              ['failed', '"output":null,"error":"CUDA out of memory"',
               'server_error'],
              ['succeeded', '"output":[1]', 'invalid'],
              ['unheard', '"output":"a"', 'invalid'])
{
    my ($status, $more, $class) = @$case;

    provider('a')->play(main::prediction($status, $more));
    provider('b')->play("ok from b\n");
    is(content_of(ask(chat())), 'from b', "$status, plain");

    provider('b')->play("stream from b\n");
    my $res = ask(chat(stream => 'true'));

    is(content_of($res), 'from b', "$status, a stream");
    like($res->{body}, qr/data: \[DONE\]\n\n$/, "$status, whole");
    like(logged(), qr/\|b\|2\|/, "$status, two attempts");
}

for my $cut ("raw HTTP/1.1 201 Created\\r\\nContent-Type: application/json"
             . "\\r\\nContent-Length: 900\\r\\n\\r\\n{\"id\":\"p1\",\ncut\n",
             "raw HTTP/1.1 201 Created\\r\\nContent-Type: application/json"
             . "\\r\\n\\r\\n{\"id\":\"p1\",\ncut\n")
{
    provider('a')->play($cut);
    provider('b')->play("stream from b\n");
    is(content_of(ask(chat(stream => 'true'))), 'from b', "cut, a stream");

    provider('b')->play("ok from b\n");
    is(content_of(ask(chat())), 'from b', "cut, plain");
}



=== TEST 6: errors
--- model: deployment a meta/meta-llama-3-70b-instruct;
--- errors
--- do
my @case = (
    ['status 401 x', '{"title":"Unauthenticated","detail":"no"}', 502,
     qr/provider_auth/],
    ['status 402 x', '{"title":"Insufficient credit","detail":"no"}', 502,
     qr/provider_auth/],
    ['status 404 x', '{"detail":"The requested resource could not be found."}',
     404, qr/could not be found/],
    ['status 422 x', '{"title":"t","detail":"The specified version does not '
     . 'exist"}', 404, qr/model_not_found/],
    ['status 422 x', '{"title":"Input validation failed","detail":"- input.'
     . 'max_tokens: Must be less"}', 422, qr/Must be less/],
    ['status 500 x', '{"detail":"oops"}', 502, qr/provider_error/],
);

for my $case (@case) {
    my ($line, $body, $want, $has) = @$case;

    for my $stream ('false', 'true') {
        provider('a')->play("$line\njson $body\n");

        my $res = ask(chat(stream => $stream));

        is($res->{status}, $want, "$line: status");
        like($res->{body}, $has, "$line: body");
    }
}

provider('a')->play("status 429 x\nheader Retry-After: 3\n"
                    . "json {\"detail\":\"Request was throttled.\"}\n");
my $res = ask(chat());

is($res->{status}, 429, "throttled");
is($res->{headers}{'retry-after'}, 3, "when");

provider('a')->play(main::prediction('failed', '"output":null,"error":'
    . '"The input or output was flagged as sensitive. (E005)"'));

for my $stream ('false', 'true') {
    $res = ask(chat(stream => $stream));
    is($res->{status}, 400, "flagged");
    like($res->{body}, qr/content_filter/, "by which code");
}

provider('a')->play(main::prediction('processing', '"output":null'));
is(ask(chat())->{status}, 504, "late");



=== TEST 7: what cannot be said
--- model: deployment a meta/meta-llama-3-70b-instruct;
--- do
for my $more ('"tools":[{"type":"function","function":{"name":"f"}}]',
              '"stop":"x"', '"n":2',
              '"response_format":{"type":"json_object"}')
{
    my $res = ask("{\"model\":\"m\",$more,\"messages\":[{\"role\":\"user\","
                  . '"content":"hi"}]}');

    is($res->{status}, 400, "refused: $more");
    like($res->{body}, qr/unsupported_parameter/, "by which code");
}

is(provider('a')->seen, 0, "nothing was sent");
like(ask('{"model":"m","input":"a"}', path => '/v1/embeddings')->{body},
     qr/has no embeddings/, "embeddings");
