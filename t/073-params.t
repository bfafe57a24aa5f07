# Parameters: what the configuration drops and sets, in requests that pass in
# the same dialect and in those that are translated.

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
        provider_b => "dialect anthropic;",
        model      => "deployment a up-a;",
        http       => "llm_model c { deployment b up-b; }",
    },
);


# what a provider was sent last

sub sent {
    my ($name) = @_;

    return (provider($name)->seen)[-1];
}

our $messages = '"messages":[{"role":"user","content":"hi"}]';

no_long_string();
run_tests();

__DATA__

=== TEST 1: named parameters are never sent, hints or not
--- provider_a: drop_params n seed;
--- do
provider('a')->play('ok hi');

my $res = ask('{"seed":7,"model":"m" ,' . $main::messages
              . ', "n":2,"top_p":0.50 , "x":1}');

is(sent('a')->{body}, '{"model":"up-a" ,' . $main::messages
   . ', "top_p":0.50 , "x":1}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'n, seed', "named");

$res = ask(chat(n => 1));
is(sent('a')->{body}, '{"model":"up-a",' . $main::messages . '}',
   "nor is a default");
ok(!exists $res->{headers}{'x-llm-dropped-params'}, "which nobody misses");



=== TEST 2: "on" drops what cannot be said, and nothing else
--- provider_a: preset groq; drop_params on;
--- provider_b: dialect anthropic; drop_params on;
--- do
provider('a')->play('ok hi');
provider('b')->play('claude hi');

my $res = ask(chat(n => 2, logprobs => 'true'));
is(sent('a')->{body}, '{"model":"up-a",' . $main::messages . ',"n":2}',
   "spliced");
is($res->{headers}{'x-llm-dropped-params'}, 'logprobs', "named");

$res = ask(chat(model => '"c"', n => 2, temperature => 0.5));
unlike(sent('b')->{body}, qr/"n":/, "translated");
like(sent('b')->{body}, qr/"temperature":0.5/, "what can be said is");
is($res->{headers}{'x-llm-dropped-params'}, 'n', "named");



=== TEST 3: what a provider lacks is refused, and passed over
--- provider_a: preset groq;
--- model: deployment a up-a tier=1; deployment b up-b tier=2;
--- provider_b: dialect openai;
--- do
provider('a')->play('ok a');
provider('b')->play('ok b');

is(content_of(ask(chat(logprobs => 'true'))), 'b', "by one that has it");
is((scalar provider('a')->seen), 0, "the other is not asked");
is(content_of(ask(chat(logprobs => 'false'))), 'a', "a default is no matter");



=== TEST 4: values that are set, spliced
--- provider_a
set_param temperature 0.2; set_param max_tokens 50 force; set_param stop END;
set_param chat_template_kwargs.enable_thinking false; set_param top_k 9 force;
--- model
deployment a up-a; set_param stop '["a","b"]';
--- do
provider('a')->play('ok hi');

ask(chat());
is(sent('a')->{body}, '{"chat_template_kwargs":{"enable_thinking":false},'
   . '"max_tokens":50,"stop":["a","b"],"temperature":0.2,"top_k":9,'
   . '"model":"up-a",' . $main::messages . '}', "all of them");

ask('{"temperature":1,"max_completion_tokens":60,"top_k":1,'
    . '"chat_template_kwargs":{"x": {}},"model":"m",' . $main::messages
    . ',"stop":"z"}');
is(sent('a')->{body}, '{"temperature":1,"max_completion_tokens":50,"top_k":9,'
   . '"chat_template_kwargs":{"enable_thinking":false,"x": {}},'
   . '"model":"up-a",' . $main::messages . ',"stop":"z"}',
   "over what the client has");



=== TEST 5: values that are set, translated
--- provider_b
dialect anthropic; set_param temperature 0.2; set_param max_tokens 50 force;
set_param thinking.type disabled; set_param seed 3;
--- http
llm_model c { deployment b up-b; set_param stop '["a","b"]'; }
--- do
provider('b')->play('claude hi');

my $res = ask(chat(model => '"c"', max_tokens => 60));
my $body = sent('b')->{body};

like($body, qr/"temperature":0\.2/, "a parameter");
like($body, qr/"max_tokens":50\b/, "the limit");
like($body, qr/"stop_sequences":\["a","b"\]/, "in the dialect's form");
like($body, qr/^\{"thinking":\{"type":"disabled"\},/, "a place in the body");
is($res->{headers}{'x-llm-dropped-params'}, 'seed', "what it has not");



=== TEST 6: a forced place that the client had, and one that was dropped
--- provider_a
set_param reasoning.effort low force; drop_params temperature;
set_param temperature 0.1;
--- do
provider('a')->play('ok hi');

my $res = ask('{"reasoning":{"effort":"high","x":1},"temperature":0.9,'
              . '"model":"m",' . $main::messages . '}');

is(sent('a')->{body}, '{"temperature":0.1,"reasoning":{"effort":"low","x":1},'
   . '"model":"up-a",' . $main::messages . '}', "body");
is($res->{headers}{'x-llm-dropped-params'}, 'temperature', "named");



=== TEST 7: with a stream, whose usage is asked for
--- provider_a: set_param seed 1; drop_params user;
--- do
provider('a')->play('stream one two');

my $res = ask('{"model":"m",' . $main::messages . ',"stream":true,'
              . '"user":"u"}');

is(sent('a')->{body}, '{"seed":1,"model":"up-a",' . $main::messages
   . ',"stream":true,"stream_options":{"include_usage":true}}', "body");
is(content_of($res), "one two", "answered");
is($res->{headers}{'x-llm-dropped-params'}, 'user', "named");
