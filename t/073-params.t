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



=== TEST 8: a budget for thoughts stays below a limit that goes down
--- http
llm_model c { deployment b up-b; set_param max_tokens 8000 force; cooldown off; }
llm_model small { deployment b up-b; set_param max_tokens 1024 force; cooldown off; }
llm_model least { deployment b up-b; set_param max_tokens 1025 force; cooldown off; }
llm_model def { deployment b claude-sonnet-4-5; set_param max_tokens 8000; cooldown off; }
llm_model none { deployment b up-b; set_param max_tokens 1024 force;
                set_param thinking '{"type":"enabled","budget_tokens":9000}'; cooldown off; }
llm_model set { deployment b up-b; set_param max_tokens 8000 force;
                set_param thinking '{"type":"enabled","budget_tokens":9000}'; cooldown off; }
--- b
claude hi
--- do
my $ask = sub {
    my ($model, $limit, $thinking) = @_;

    return ask("{\"model\":\"$model\", " . ($limit ? "\"max_tokens\":$limit," : '')
        . ($thinking ? "\"thinking\" : $thinking," : '') . $main::messages . '}',
        path => '/v1/messages');
};

my $thinks = sub {
    my ($n) = @_;
    return "{ \"type\":\"enabled\", \"budget_tokens\" : $n , \"x\":1.0}";
};

$ask->('c', 32000, $thinks->(16000));
is(sent('b')->{body}, '{"model":"up-b", "max_tokens":8000,"thinking":'
   . $thinks->(4000) . ',' . $main::messages . '}', "in proportion");

$ask->('c', 16000, $thinks->(7999));
like(sent('b')->{body}, qr/"budget_tokens" : 7999 ,/, "which still fits");

$ask->('c', 8001, $thinks->(8000));
like(sent('b')->{body}, qr/"budget_tokens" : 7992 ,/, "nearly all");

$ask->('c', 32000, $thinks->(31999));
like(sent('b')->{body}, qr/"budget_tokens" : 7992 ,/, "nearly all of much");

# a budget above the limit is what some tools take

$ask->('c', 9000, $thinks->(20000));
like(sent('b')->{body}, qr/"budget_tokens" : 6400 ,/, "above the limit");

$ask->('c', 8000, $thinks->(20000));
like(sent('b')->{body}, qr/"budget_tokens" : 20000 ,/, "a limit that stays");

my $res = $ask->('small', 32000, $thinks->(16000));
is(sent('b')->{body}, '{"model":"up-b", "max_tokens":1024,' . $main::messages
   . '}', "no room");
is($res->{headers}{'x-llm-dropped-params'}, 'thinking', "named");

$ask->('least', 32000, $thinks->(16000));
like(sent('b')->{body}, qr/"budget_tokens" : 1024 ,/, "the least");

$ask->('c', 32000, '{"type":"adaptive"}');
like(sent('b')->{body}, qr/"thinking" : \{"type":"adaptive"\}/, "no budget");

$ask->('set', 32000);
like(sent('b')->{body}, qr/"thinking":\{"type":"enabled","budget_tokens":2248\}/,
     "one that was set");

$ask->('none', 32000);
unlike(sent('b')->{body}, qr/thinking/, "one that was set and has no room");

# asked in OpenAI's way

ask('{"model":"def","thinking":{"type":"enabled","budget_tokens":16000},'
    . $main::messages . '}');
like(sent('b')->{body}, qr/"max_tokens":8000,.*"budget_tokens":6400\}/,
     "a limit that the client did not have");

ask('{"model":"def","reasoning_effort":"high",' . $main::messages . '}');
like(sent('b')->{body}, qr/"max_tokens":8000,.*"budget_tokens":6604\}/,
     "an effort is a share of it");



=== TEST 9: on Bedrock, too, and what is set and dropped there
--- provider_b: dialect bedrock; region us-east-1;
--- http
llm_model c { deployment b anthropic.claude-sonnet-4-5; set_param max_tokens 8000 force;
              set_param temperature 0.5; set_param metadata.x 1; drop_params top_k;
              cooldown off; }
llm_model converse { deployment b converse/anthropic.claude-sonnet-4-5;
                     set_param max_tokens 8000 force; cooldown off; }
--- b
json {"content":[{"type":"text","text":"x"}],"role":"assistant","type":"message"}
--- do
my $more = '"max_tokens":32000,"top_k":5,"thinking":{"type":"enabled",'
           . '"budget_tokens":16000},';

my $res = ask('{"model":"c",' . $more . $main::messages . '}',
              path => '/v1/messages');

is(sent('b')->{body}, '{"anthropic_version":"bedrock-2023-05-31","metadata":{"x"'
   . ':1},"temperature":0.5,"max_tokens":8000,"thinking":{"type":"enabled",'
   . '"budget_tokens":4000},' . $main::messages . '}', "InvokeModel");
is($res->{headers}{'x-llm-dropped-params'}, 'top_k', "named");

ask('{"model":"converse",' . $more . $main::messages . '}',
    path => '/v1/messages');
like(sent('b')->{body}, qr/"maxTokens":8000\}.*"budget_tokens":4000\}/,
     "Converse");
