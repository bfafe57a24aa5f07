# Prices: where they come from, what a request costs, who is told.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

# a refused start is told of as a warning, and is what is expected here

$SIG{__WARN__} = sub {
    warn @_ unless $_[0] =~ /^WARNING: .*\[(?:emerg|warn)\]/;
};

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->must_die) {
        return;
    }

    $block->set_value("suppress_stderr", "");
    $block->set_value("config", "") if !defined $block->config;
});

my $costs = 'log_format cost "$llm_cost";';

gateway(
    providers => ['a', 'b'],
    defaults  => {
        http       => $costs,
        provider_b => 'dialect anthropic;',
        model      => 'deployment a gpt-4o;',
        location   => 'llm_auth off; access_log logs/llm.log llm; '
                      . 'access_log logs/cost.log cost;',
    },
);


# what the log says of the last request, when n have ended

sub costs {
    my ($n) = @_;
    my @line;

    wait_for(sub {
        open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/cost.log"
            or return 0;
        chomp(@line = <$fh>);
        return @line >= $n;
    });

    return $line[-1];
}


sub usage_of {
    my ($res) = @_;

    my @usage = $res->{body} =~ /("usage":\{(?:[^{}]|\{[^{}]*\})*\})/g;

    return $usage[-1] || '';
}


# 600 * 2.50 + 400 * 1.25 + 100 * 10 millionths of a dollar
our $cost = '0.003000000';

no_long_string();
run_tests();

__DATA__

=== TEST 1: a plain answer: variable and header
--- a
json {"id":"x","object":"chat.completion","created":1,"model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":400}}}
--- do
my $res = ask(chat());

is($res->{status}, 200, "status");
is($res->{headers}{'x-llm-cost'}, $main::cost, "header");
unlike($res->{body}, qr/"cost"/, "not told in the answer");
is(costs(1), $main::cost, "variable");



=== TEST 2: the same as a stream; no header
--- a
sse
role
text yes
finish
data {"id":"x","object":"chat.completion.chunk","created":1,"model":"g","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":400}}}
done
end
--- do
my $res = ask(chat(stream => 'true'));

is(content_of($res), "yes", "text");
is($res->{headers}{'x-llm-cost'}, undef, "header");
unlike($res->{body}, qr/"usage"/, "its usage is hidden");
is(costs(1), $main::cost, "variable");



=== TEST 3: llm_usage_cost, plain, bytes go through
--- location
llm_auth off; llm_usage_cost on;
--- a
json {"id":"x", "object":"chat.completion","created":1,"model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":400}}, "odd" : 1.50}
--- do
my $res = ask(chat());

is($res->{body}, '{"id":"x", "object":"chat.completion","created":1,'
   . '"model":"g","choices":[{"index":0,"message":{"role":"assistant",'
   . '"content":"yes"},"finish_reason":"stop"}],"usage":{'
   . '"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,'
   . '"prompt_tokens_details":{"cached_tokens":400},"cost":0.003000000}, '
   . '"odd" : 1.50}', "body");
is($res->{headers}{'content-length'}, length $res->{body}, "its length");



=== TEST 4: llm_usage_cost, plain, in the place of the provider's own
--- location
llm_auth off; llm_usage_cost on;
--- a
json {"id":"x","object":"chat.completion","created":1,"model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"cost":{"a":1},"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}
--- do
my $res = ask(chat());

like($res->{body}, qr/"usage":\{"cost":0\.003500000,"prompt_tokens":1000/,
     "body");



=== TEST 5: llm_usage_cost, a stream, bytes go through, every split
--- location
llm_auth off; llm_usage_cost on; access_log logs/cost.log cost;
--- a
sse
role
text yes
finish
data {"id":"x","object":"chat.completion.chunk","created":1,"model":"g","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":400}}}
done
end
==
split 1
sse
role
text yes
finish
data {"id":"x","object":"chat.completion.chunk","created":1,"model":"g","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":400}}}
done
end
==
sse
role
text yes
finish
say data: {"id":"x","object":"chat.completion.chunk",\ndata: "choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,\ndata: "total_tokens":1100,"prompt_tokens_details":{"cached_tokens":400}}}\n\n
done
end
--- do
my $ask = chat(stream => 'true',
               stream_options => '{"include_usage":true}');
my $res = ask($ask);

is(usage_of($res), '"usage":{"prompt_tokens":1000,"completion_tokens":100,'
   . '"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":400},'
   . '"cost":0.003000000}', "usage");
like($res->{body}, qr/\n\ndata: \[DONE\]\n\n$/, "end");

my $split = ask($ask);

is($split->{body}, $res->{body}, "in pieces");

my $lines = ask($ask);

$lines->{body} =~ s/, "/,"/g;

is(usage_of($lines), usage_of($res), "data of several lines");
like($lines->{body}, qr/,"cost":0\.003000000\}\}\n\ndata: \[DONE\]\n\n$/,
     "their end");
is(costs(3), $main::cost, "variable");



=== TEST 6: llm_usage_cost, not asked for usage: nothing is told
--- location
llm_auth off; llm_usage_cost on; access_log logs/cost.log cost;
--- a
stream one two
--- do
my $res = ask(chat(stream => 'true'));

unlike($res->{body}, qr/"cost"/, "hidden");
is(costs(1), '0.000047500', "7 * 2.5 + 3 * 10");



=== TEST 7: llm_usage_cost, Anthropic's API to a client of OpenAI's
--- model
deployment b claude-sonnet-4-5;
--- location
llm_auth off; llm_usage_cost on; access_log logs/cost.log cost;
--- b
json {"id":"m1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":500,"cache_read_input_tokens":200,"cache_creation_input_tokens":300,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":10}}
==
sse
say event: message_start\ndata: {"type":"message_start","message":{"id":"m1","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":500,"cache_read_input_tokens":200,"cache_creation_input_tokens":300,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":1}}}\n\n
say event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n
c-text yes
say event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n
say event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":10}}\n\n
say event: message_stop\ndata: {"type":"message_stop"}\n\n
end
--- do
# 500 * 3 + 200 * 0.30 + 100 * 3.75 + 200 * 6 + 10 * 15 = 3285 millionths

my $res = ask(chat());

is($res->{headers}{'x-llm-cost'}, '0.003285000', "header");
like(usage_of($res), qr/"prompt_tokens":1000,.*,"cost":0\.003285000\}$/,
     "plain");
is(costs(1), '0.003285000', "variable");

$res = ask(chat(stream => 'true',
                stream_options => '{"include_usage":true}'));

like(usage_of($res), qr/"prompt_tokens":1000,.*,"cost":0\.003285000\}$/,
     "stream");
is(costs(2), '0.003285000', "variable");



=== TEST 8: the tier that the provider says, plain and stream
--- a
json {"id":"x","object":"chat.completion","created":1,"model":"g","service_tier":"priority","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}
==
sse
role
text yes
finish
data {"id":"x","object":"chat.completion.chunk","created":1,"model":"g","service_tier":"priority","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}
done
end
==
ok hello
==
json {"id":"x","object":"chat.completion","created":1,"model":"g","service_tier":"default","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}
--- do
# 1000 * 4.25 + 100 * 17

is(ask(chat())->{headers}{'x-llm-cost'}, '0.005950000', "plain");
ask(chat(stream => 'true'));
is(costs(2), '0.005950000', "stream");

my $res = ask(chat(service_tier => '"priority"'));
my ($in, $out) = $res->{body} =~ /"prompt_tokens":(\d+),"completion_tokens":(\d+)/;

is($res->{headers}{'x-llm-cost'},
   sprintf("0.%09d", $in * 4250 + $out * 17000), "asked for, nothing said");

is(ask(chat(service_tier => '"priority"'))->{headers}{'x-llm-cost'},
   '0.003500000', "asked for, another one said");



=== TEST 9: the price of a model; long prompts
--- model
deployment a x; price input=1 output=2.5 cached=0.1; price above=1k input=3 output=7 ;
--- a
json {"choices":[{"index":0,"message":{"role":"assistant","content":"y"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":3}}
==
json {"choices":[{"index":0,"message":{"role":"assistant","content":"y"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1001,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":1}}}
--- do
is(ask(chat())->{headers}{'x-llm-cost'}, '0.001007500', "1,000 tokens");
is(ask(chat())->{headers}{'x-llm-cost'}, '0.003021100', "1,001 tokens");



=== TEST 10: the price of a deployment goes before the model's; request, image
--- model
deployment a x input=0.0375 output=0 request=0.01 image=0.002 service=flex input=0.02 above=1k input=5; price input=100 output=100;
--- a
json {"choices":[{"index":0,"message":{"role":"assistant","content":"y"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":3}}
--- do
is(ask(chat())->{headers}{'x-llm-cost'}, '0.010000038', "rounded once");
is(ask(chat(service_tier => '"flex"'))->{headers}{'x-llm-cost'},
   '0.010000020', "flex");
is(ask(chat(messages => '[{"role":"user","content":[{"type":"text","text":"?"'
   . '},{"type":"image_url","image_url":{"url":"https://x/a.png"}},'
   . '{"type":"image_url","image_url":{"url":"https://x/b.png"}}]}]'))
   ->{headers}{'x-llm-cost'}, '0.014000038', "images");



=== TEST 11: no price is not a price of zero
--- model
deployment a nobody-knows-me;
--- location
llm_auth off; llm_usage_cost on; access_log logs/cost.log cost;
--- a
ok hello
--- do
my $res = ask(chat());

is($res->{headers}{'x-llm-cost'}, undef, "header");
unlike($res->{body}, qr/"cost"/, "answer");
is(costs(1), '0', "variable");



=== TEST 12: free is known
--- model
deployment a nobody-knows-me; price input=0 output=0;
--- a
ok hello
--- do
is(ask(chat())->{headers}{'x-llm-cost'}, '0.000000000', "header");



=== TEST 13: as=
--- model
deployment a nobody-knows-me as=gpt-4o;
--- a
stream one two
--- do
ask(chat(stream => 'true'));
is(costs(1), '0.000047500', "variable");



=== TEST 14: the preset's entry goes before the model's alone
--- http
log_format cost "$llm_cost";
llm_prices ../html/prices.json;
--- provider_b
preset openai; dialect openai;
--- model
deployment b thing;
--- user_files
>>> prices.json
{"openai/thing": {"input_cost_per_token": 2e-06, "output_cost_per_token": 0},
 "thing": {"input_cost_per_token": 3e-06, "output_cost_per_token": 0},
 "m": {"input_cost_per_token": 4e-06, "output_cost_per_token": 0}}
--- b
stream one
--- do
ask(chat(stream => 'true'));
is(costs(1), '0.000014000', "variable");



=== TEST 15: the public name comes last
--- http
log_format cost "$llm_cost";
llm_prices ../html/prices.json;
--- model
deployment a thing;
--- user_files
>>> prices.json
{"m": {"input_cost_per_token": 4e-06, "output_cost_per_token": 0}}
--- a
stream one
--- do
ask(chat(stream => 'true'));
is(costs(1), '0.000028000', "variable");



=== TEST 16: the file lies over the built-in list
--- http
log_format cost "$llm_cost";
llm_prices ../html/prices.json;
llm_model claude-sonnet-4-5 { deployment a same; }
--- user_files
>>> prices.json
{"sample_spec": {"input_cost_per_token": "dollars"},
 "gpt-4o": {"mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}}
--- a
stream one
--- do
ask(chat(stream => 'true'));
is(costs(1), '0.000010000', "of the file");
ask(chat(model => '"claude-sonnet-4-5"', stream => 'true'));
is(costs(2), '0.000066000', "built in: 7 * 3 + 3 * 15");



=== TEST 17: patterns: looked up with the request
--- http
log_format cost "$llm_cost";
llm_model any-* { deployment a *; alias see-*; }
llm_model ~^to-(?<x>.*)$ { deployment a y as=$x; }
llm_model gpt-4.1* { deployment a nobody-knows-me; }
--- a
stream one
--- do
ask(chat(model => '"any-gpt-4o"', stream => 'true'));
is(costs(1), '0.000047500', "7 * 2.5 + 3 * 10");
ask(chat(model => '"see-claude-sonnet-4-5"', stream => 'true'));
is(costs(2), '0.000066000', "7 * 3 + 3 * 15");
ask(chat(model => '"to-gpt-4o"', stream => 'true'));
is(costs(3), '0.000047500', "as=");
ask(chat(model => '"any-nothing"', stream => 'true'));
is(costs(4), '0', "unknown");
ask(chat(model => '"gpt-4.1-mini"', stream => 'true'));
is(costs(5), '0.000007600', "the public name: 7 * 0.4 + 3 * 1.6");



=== TEST 18: llm_unpriced with a price
--- http
log_format cost "$llm_cost";
llm_unpriced input=5 output=25;
--- model
deployment a nobody-knows-me;
--- a
stream one
--- do
ask(chat(stream => 'true'));
is(costs(1), '0.000110000', "7 * 5 + 3 * 25");



=== TEST 19: who answered is who is paid
--- model
deployment a x input=100 output=100; deployment b claude-sonnet-4-5 tier=1;
--- a
status 503
json {"error":{"message":"no"}}
--- b
claude hello
--- do
my $res = ask(chat());

is($res->{headers}{'x-llm-attempts'}, 2, "attempts");
is($res->{headers}{'x-llm-cost'}, '0.000108000', "of the second");
is(costs(1), '0.000108000', "variable");



=== TEST 20: nobody answered, nobody is paid
--- model
deployment a x input=100 output=100 request=1;
--- a
status 503
json {"error":{"message":"no"}}
--- do
my $res = ask(chat());

is($res->{status}, 503, "status");
is($res->{headers}{'x-llm-cost'}, undef, "header");
is(costs(1), '0', "variable");



=== TEST 21: a list that is no JSON
--- http_config
llm_prices ../html/prices.json;
--- user_files
>>> prices.json
{"a": {"input_cost_per_token": 1e-06,}}
--- must_die
--- error_log eval
qr/\[emerg\] .*price list ".*\/prices\.json" is not right: .+ in .*nginx\.conf:\d+$/



=== TEST 22: a list with a price that is none
--- http_config
llm_prices ../html/prices.json;
--- user_files
>>> prices.json
{"gpt-4o": {
  "input_cost_per_token": "2.5"}}
--- must_die
--- error_log eval
qr/\[emerg\] .*"gpt-4o": "input_cost_per_token" must be a price from 0 to 999 dollars, not "2\.5", line 2 in .*nginx\.conf:\d+$/



=== TEST 23: a list without prices
--- http_config
llm_prices ../html/prices.json;
--- user_files
>>> prices.json
{}
--- must_die
--- error_log
is not right: it has no prices



=== TEST 24: no such file
--- http_config
llm_prices ../html/none.json;
--- must_die
--- error_log eval
qr/\[emerg\] .*open\(\) ".*none\.json" failed \(2: No such file/



=== TEST 25: a folder
--- http_config
llm_prices ../html;
--- must_die
--- error_log
is not a regular file of at most 32m



=== TEST 26: two lists
--- http_config
llm_prices ../html/prices.json;
llm_prices ../html/prices.json;
--- user_files
>>> prices.json
{"a": {"input_cost_per_token": 1e-06, "output_cost_per_token": 0}}
--- must_die
--- error_log
"llm_prices" directive is duplicate



=== TEST 27: llm_unpriced: no such word
--- http_config
llm_unpriced maybe;
--- must_die
--- error_log
invalid parameter "maybe", it must be "allow", "refuse" or a price



=== TEST 28: llm_unpriced: half a price
--- http_config
llm_unpriced input=5;
--- must_die
--- error_log
"llm_unpriced" directive must have "input" and "output"



=== TEST 29: llm_unpriced twice
--- http_config
llm_unpriced allow;
llm_unpriced refuse;
--- must_die
--- error_log
"llm_unpriced" directive is duplicate



=== TEST 30: price: not a number
--- http_config
llm_model m { price input=$3 output=15; }
--- must_die
--- error_log
invalid price "input=$3", it must be dollars for a million tokens



=== TEST 31: price: dollars each
--- http_config
llm_model m { price input=3 output=15 request=-1; }
--- must_die
--- error_log
invalid price "request=-1", it must be dollars each



=== TEST 32: price: unknown parameter
--- http_config
llm_model m { price input=3 output=15 inputs=2; }
--- must_die
--- error_log
invalid parameter "inputs=2"



=== TEST 33: price: half of one
--- http_config
llm_model m { price input=3; }
--- must_die
--- error_log
"price" directive must have "input" and "output"



=== TEST 34: price: twice the same
--- http_config
llm_model m { price input=3 output=15; price output=16; }
--- must_die
--- error_log
duplicate price "output=16"



=== TEST 35: price: above= comes second
--- http_config
llm_model m { price above=200k input=3 output=15; }
--- must_die
--- error_log
"price" directive with "above" or "service" must follow one with "input" and "output"



=== TEST 36: price: above= what
--- http_config
llm_model m { price input=3 output=15; price above=many input=6; }
--- must_die
--- error_log
invalid parameter "above=many", it must be a number of tokens such as "above=200k"



=== TEST 37: price: no such tier
--- http_config
llm_model m { price input=3 output=15; price service=fast input=6; }
--- must_die
--- error_log
invalid parameter "service=fast", it must be "priority", "flex" or "batch"



=== TEST 38: price: nothing said
--- http_config
llm_model m { price input=3 output=15; price above=200k; }
--- must_die
--- error_log
"price" directive has no price



=== TEST 39: deployment: half a price
--- http_config
llm_model m { deployment p x input=3; }
--- must_die
--- error_log
the price of deployment "m/p/x" must have "input" and "output"



=== TEST 40: deployment: above= before its price
--- http_config
llm_model m { deployment p x above=200k input=3 output=15; }
--- must_die
--- error_log
"above=200k" must follow "input" and "output"



=== TEST 41: context
--- http_config
llm_model m { context lots; }
--- must_die
--- error_log
invalid value "lots", it must be a number of tokens such as "128k"



=== TEST 42: context twice
--- http_config
llm_model m { context 128k; context 128k; }
--- must_die
--- error_log
"context" directive is duplicate



=== TEST 43: llm_usage_cost
--- http_config
llm_usage_cost yes;
--- must_die
--- error_log
invalid value "yes" in "llm_usage_cost" directive



=== TEST 44: as= that is in no list is told of
--- model
deployment a x as=gpt-4omg; context 128k;
--- errors
--- a
ok hello
--- do
is(ask(chat())->{status}, 200, "status");
--- error_log
"as=gpt-4omg" of deployment "m/a/x" is in no price list



=== TEST 45: llm_unpriced refuse: nothing without a price
--- http
log_format cost "$llm_cost";
llm_unpriced refuse;
--- a
ok hello
--- model
deployment a nobody-knows-me;
--- do
my $res = ask(chat());

is(error_of($res), '403 permission_error model_unpriced', "error");
like($res->{body}, qr/the price of model \\"m\\" is not known/, "message");
is(provider('a')->connections, 0, "nobody was asked");



=== TEST 46: llm_unpriced refuse: the next one that has a price
--- http
log_format cost "$llm_cost";
llm_unpriced refuse;
--- a
ok hello
--- b
claude hello
--- model
deployment a nobody-knows-me; deployment b claude-sonnet-4-5 tier=1;
--- do
my $res = ask(chat());

is($res->{status}, 200, "status");
is($res->{headers}{'x-llm-cost'}, '0.000108000', "cost");
is(provider('a')->connections, 0, "not asked");



=== TEST 47: llm_unpriced allow
--- http
log_format cost "$llm_cost";
llm_unpriced allow;
--- a
ok hello
--- model
deployment a nobody-knows-me;
--- do
is(ask(chat())->{status}, 200, "status");



=== TEST 48: llm_usage_cost, Anthropic on both sides
--- model
deployment b claude-sonnet-4-5;
--- location
llm_auth off; llm_usage_cost on; access_log logs/cost.log cost;
--- b
claude hello
==
c-stream one two
==
split 1
c-stream one two
--- do
# 11 * 3 + 5 * 15 = 108 millionths

my $ask = '"messages":[{"role":"user","content":"hi"}],"max_tokens":9}';
my $res = ask('{"model":"m",' . $ask, path => '/v1/messages');

like(usage_of($res), qr/,"cost":0\.000108000\}$/, "plain");
is($res->{headers}{'x-llm-cost'}, '0.000108000', "header");
is($res->{headers}{'content-length'}, length $res->{body}, "its length");

$res = ask('{"model":"m","stream":true,' . $ask, path => '/v1/messages');

like($res->{body}, qr/event:\ message_delta\ndata:\ \{[^\n]*"usage":\{
     "output_tokens":5,"cost":0\.000108000\}\}\n\n/x, "stream");
unlike(($res->{body} =~ /(event: message_start\n.*\n)/)[0], qr/"cost"/,
       "not before the end");
is(costs(2), '0.000108000', "variable");

my $split = ask('{"model":"m","stream":true,' . $ask,
                path => '/v1/messages');

is($split->{body}, $res->{body}, "in pieces");



=== TEST 49: llm_usage_cost, OpenAI's API to a client of Anthropic's
--- location
llm_auth off; llm_usage_cost on; access_log logs/cost.log cost;
--- a
json {"id":"x","object":"chat.completion","created":1,"model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}
==
stream one two
--- do
# 7 * 2.5 + 3 * 10

my $ask = '"messages":[{"role":"user","content":"hi"}],"max_tokens":9}';
my $res = ask('{"model":"m",' . $ask, path => '/v1/messages');

is($res->{headers}{'x-llm-cost'}, '0.000047500', "header");
like($res->{body}, qr/"usage":\{.*"cost":0\.000047500,/, "plain");

$res = ask('{"model":"m","stream":true,' . $ask, path => '/v1/messages');

like($res->{body}, qr/event: message_delta\n.*"usage":\{.*"cost":0\.000047500,/,
     "stream");
is(costs(2), '0.000047500', "variable");
