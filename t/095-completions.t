# POST /v1/completions: as it is, and through a chat.

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
    defaults  => { model => "deployment a up-a;" },
);


sub sent {
    return (provider('a')->seen)[-1];
}


sub complete {
    my ($body) = @_;

    return ask($body, path => '/v1/completions');
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a provider of OpenAI's dialect gets it as it is
--- do
my $answer = '{"id":"c","object":"text_completion","choices":[{"text":"x",'
    . '"index":0,"logprobs":null,"finish_reason":"length"}],"usage":'
    . '{"prompt_tokens":4,"completion_tokens":1,"total_tokens":5}}';

provider('a')->play("json $answer\n");

my $res = complete('{"model":"m", "prompt":["a","b"],"echo":true,"best_of":2,'
                   . '"logprobs":1,"x":1}');

is(sent()->{line}, 'POST /v1/completions HTTP/1.1', "path");
is(sent()->{headers}{authorization}, 'Bearer secret-of-provider', "key");
is(sent()->{body}, '{"model":"up-a", "prompt":["a","b"],"echo":true,'
   . '"best_of":2,"logprobs":1,"x":1}', "body");
is($res->{body}, $answer, "answer");
like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|4\|1\|length\|/, "logged");

is(complete('{"model":"m","prompt":[1,2]}')->{status}, 200, "token ids");
is(complete('{"model":"m"}')->{status}, 200, "no prompt");



=== TEST 2: its stream
--- do
my $chunk = '{"id":"c","object":"text_completion","choices":[{"text":"%s",'
    . '"index":0,"finish_reason":%s}]}';
my $usage = '{"id":"c","object":"text_completion","choices":[],"usage":'
    . '{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6}}';

for my $split (1, 3, 1000) {
    provider('a')->play("sse\nsplit $split\n" . join('', map { "data $_\n" }
        sprintf($chunk, 'one ', 'null'), sprintf($chunk, 'two', '"stop"'),
        $usage, '[DONE]') . "end\n");

    my $res = complete('{"model":"m","prompt":"p","stream":true}');

    like(sent()->{body}, qr/"stream_options":\{"include_usage":true\}/,
         "usage is asked for");
    is($res->{body}, join('', map { "data: $_\n\n" }
        sprintf($chunk, 'one ', 'null'), sprintf($chunk, 'two', '"stop"'),
        '[DONE]'), "as it came, without that");
}

like(logged(3), qr/^200\|OK\|a\|1\|m\|up-a\|4\|2\|stop\|/, "logged");

provider('a')->play("sse\ndata " . sprintf($chunk, 'one', 'null') . "\ncut\n");
my $res = complete('{"model":"m","prompt":"p","stream":true}');
like($res->{body}, qr/one.*\n\ndata: \{"error"/s, "cut: an error at the end");
unlike($res->{body}, qr/DONE/, "and no end mark");

provider('a')->play("sse\ndata {\"error\":{\"message\":\"no\",\"type\":"
    . "\"server_error\"}}\nend\n");
is(complete('{"model":"m","prompt":"p","stream":true}')->{status}, 502,
   "an error before it begins");
--- errors



=== TEST 3: through a chat
--- do
provider('a')->play("claude hello\n");

my $res = complete('{"model":"m","prompt":"a \"b\"","max_tokens":7,'
                   . '"temperature":0.5,"stop":"x"}');

is(sent()->{line}, 'POST /v1/messages HTTP/1.1', "path");
like(sent()->{body}, qr/"messages":\[\{"role":"user","content":
                        (\[\{"type":"text","text":)?"a\ \\"b\\""/x, "prompt");
like(sent()->{body}, qr/"max_tokens":7/, "limit");
like(sent()->{body}, qr/"stop_sequences":\["x"\]/, "stop");
like(sent()->{body}, qr/"temperature":0\.5/, "temperature");
like($res->{body}, qr/^\{"id":"[^"]+","object":"text_completion",
     "created":\d+,"model":"m","choices":\[\{"text":"hello","index":0,
     "logprobs":null,"finish_reason":"stop"\}\],"usage":\{"prompt_tokens":\d+/x,
     "answer");

provider('a')->play("c-stream one two\n");
$res = complete('{"model":"m","prompt":["p"],"stream":true,'
                . '"stream_options":{"include_usage":true}}');

my @event = $res->{body} =~ /^data: (.*)\n\n/mg;

is(join('', map { /"text":"([^"]*)"/ ? $1 : '' } @event), 'one two', "text");
like($event[0], qr/^\{"id":"[^"]+","object":"text_completion","created":\d+,
     "model":"m","choices":\[\{"text":"[^"]*","index":0,"logprobs":null,
     "finish_reason":null\}\]\}$/x, "chunk");
like($event[-3], qr/"text":"","index":0,"logprobs":null,"finish_reason":"stop"/,
     "finish");
like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":/, "usage");
is($event[-1], '[DONE]', "the end");
--- provider_a: dialect anthropic;



=== TEST 4: what a chat cannot say
--- do
provider('a')->play("claude hello\n");

for ('"prompt":["a","b"]', '"prompt":[1]', '"prompt":"a","echo":true',
     '"prompt":"a","suffix":"x"', '"prompt":"a","best_of":2',
     '"prompt":"a","logprobs":2')
{
    is(error_of(complete("{\"model\":\"m\",$_}")),
       '400 invalid_request_error unsupported_parameter', $_);
}

is(complete('{"model":"m","prompt":"a","echo":false,"best_of":1,"suffix":null,'
            . '"n":1}')->{status}, 200, "defaults");

for ('"prompt":1', '"prompt":"a","max_tokens":"x"', '"prompt":"a","stop":1') {
    is(error_of(complete("{\"model\":\"m\",$_}")),
       '400 invalid_request_error null', $_);
}
--- provider_a: dialect anthropic;



=== TEST 5: all answers that are asked for are held
--- http
    llm_key k { secret $TEST_NGINX_SECRET; quota output_tokens=100000/day; }
--- location: llm_auth on;
--- do
my $held = sub {
    my $chunk = '{"id":"c","object":"text_completion","choices":[%s]%s}';
    provider('a')->play("sse\n" . join("sleep 0.1\n", map { "data $_\n" }
        sprintf($chunk, '{"text":"x","index":0,"finish_reason":null}', ''),
        sprintf($chunk, '', ',"usage":{"prompt_tokens":4,"completion_tokens":0,"total_tokens":4}'),
        '[DONE]') . "end\n");
    my $res = ask('{"model":"m","max_tokens":1000,"stream":true,' . $_[0] . '}',
                  path => '/v1/completions', headers => { Authorization => 'Bearer sk-a' });
    is($res->{status}, 200, $_[0]);
    return 100000 - $res->{headers}{'x-ratelimit-remaining-tokens'};
};
is($held->('"prompt":"a"'), 1000, 'one');
is($held->('"prompt":["a"]'), 1000, 'a list of one');
is($held->('"prompt":[1,2,3,4]'), 1000, 'token ids');
is($held->('"prompt":["a","b","c"]'), 3000, 'three prompts');
is($held->('"prompt":[[1,2],[3]]'), 2000, 'token ids of two');
is($held->('"prompt":"a","n":2'), 2000, 'two choices');
is($held->('"prompt":"a","best_of":5'), 5000, 'the best of five');
is($held->('"prompt":["a","b"],"n":2,"best_of":5'), 10000, 'of each prompt');
for my $more ('"n":"5"', '"best_of":"5"', '"n":0', '"n":1000', '"best_of":1.5') {
    my $res = ask('{"model":"m","prompt":"p",' . $more . '}', path => '/v1/completions',
                  headers => { Authorization => 'Bearer sk-a' });
    is(error_of($res), '400 invalid_request_error null', $more);
}
