package Dialect;

# What the suites of a provider's dialect share: its fixtures, the events that
# an OpenAI client gets, and the blocks that every dialect has to pass.

use strict;
use warnings;

use Exporter qw(import);
use Gateway;
use Test::More import => [qw(is ok like unlike)];

our @EXPORT = qw(dialect sent answer fixture events arguments
                 answers_hello plays_plain plays_split plays_cut refuses
                 falls_over keeps is_preset);

our %dialect;


# %opt: name and suffix of the fixtures, head (of a stream's script), accept
# (what is asked for), model, answer => \&script (a whole answer with that
# text), foreign => qr/what no client may see/

sub dialect {
    my (%opt) = @_;

    %dialect = (suffix => 'sse', head => 'sse', accept => 'text/event-stream',
                %opt);

    gateway(
        providers => ['a', 'b'],
        defaults  => {
            provider_a => "dialect $dialect{name};",
            model      => "deployment a $dialect{model} tier=1; "
                          . "deployment b up-b tier=2;",
        },
    );
}


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}


sub answer {
    my ($text) = @_;

    return $dialect{answer}->($text);
}


# a stream, as the vendor's client knows it

sub fixture {
    my ($name, $head) = @_;

    return ($head || $dialect{head})
           . "\nfile t/fixtures/$dialect{name}/$name.$dialect{suffix}\nend";
}


# the events of an answer

sub events {
    my ($res) = @_;

    return $res->{body} =~ /^data: (.*)\n\n/mg;
}


# all arguments of a stream's call

sub arguments {
    my ($res, $index) = @_;
    my $all = '';

    for my $event (events($res)) {
        $all .= $1 if $event =~ /"tool_calls":\[\{"index":$index\b.*
                                "arguments":"((?:[^"\\]|\\.)*)"/x;
    }

    return $all;
}


# what a client gets of a whole answer with that text, 11 tokens and 7; how
# many were cached

sub answers_hello {
    my ($res, $cached) = @_;

    is($res->{status}, 200, "status");
    like($res->{body}, qr/"object":"chat\.completion","created":\d+,"model":
         "[^"]+","choices":\[\{"index":0,"message":\{"role":"assistant",
         "content":"hello".*"finish_reason":"stop"/x, "answer");
    like($res->{body}, qr/"prompt_tokens":11,"completion_tokens":7,
                          "total_tokens":18/x, "usage");
    is($res->{headers}{'content-length'}, length $res->{body}, "its length");
    unlike($res->{body}, $dialect{foreign}, "nothing of its dialect");
    like(logged(), qr/^200\|OK\|a\|1\|m\|\Q$dialect{model}\E\|11\|7\|stop
                      \|-\|0\|$cached$/x, "logged");
}


# the fixture "plain" as a client sees it, with that many tokens

sub plays_plain {
    my ($prompt, $completion) = @_;
    my $total = $prompt + $completion;

    provider('a')->play(fixture('plain'));

    my $res = ask(chat(stream => 'true'));
    my @event = events($res);

    is(sent()->{headers}{accept}, $dialect{accept}, "asked for");
    like(sent()->{body}, qr/"stream":true/, "said");
    unlike(sent()->{body}, qr/stream_options/, "usage is there unasked");
    is($res->{headers}{'content-type'}, 'text/event-stream; charset=utf-8',
       "type");
    like($event[0], qr/"object":"chat\.completion\.chunk".*"delta":\{
                       "role":"assistant"/x, "the role first");
    is(content_of($res), "Hello \\\"w\xc3\xb6rld\\\"\\n", "text");
    like($event[-2], qr/"delta":\{\}.*"finish_reason":"stop"/, "finish");
    is($event[-1], '[DONE]', "the end");
    unlike($res->{body}, qr/usage":\{/, "no usage");
    unlike($res->{body}, $dialect{foreign}, "nothing of its dialect");
    like(logged(), qr/^200\|OK\|a\|1\|m\|\Q$dialect{model}\E\|$prompt
                      \|$completion\|stop\|-\|0\|/x, "logged");

    provider('a')->play(fixture('plain', "$dialect{head} close")
                        =~ s/end$/cut/r);
    $res = ask(chat(stream => 'true',
                    stream_options => '{"include_usage":true}'));
    @event = events($res);

    like($event[-2], qr/"choices":\[\],"usage":\{"prompt_tokens":$prompt,
         "completion_tokens":$completion,"total_tokens":$total/x, "usage");
    is($event[-1], '[DONE]', "the end");
}


sub plays_split {
    for my $case ([1, 'plain'], [2, 'plain'], [7, 'parallel'],
                  [100, 'parallel'])
    {
        my ($split, $name) = @$case;

        provider('a')->play("split $split\n" . fixture($name));

        my $res = ask(chat(stream => 'true'));

        is($res->{whole}, 1, "in parts of $split");
        like($res->{body}, qr/"finish_reason":"(stop|tool_calls)".*
                              \[DONE\]\n\n$/sx, "the end");
    }
}


# the fixtures "cut" and "error"

sub plays_cut {
    for my $end ("cut", "end") {
        provider('a')->play(fixture('cut') =~ s/end$/$end/r);

        my $res = ask(chat(stream => 'true'));

        like(content_of($res), qr/^On/, "text");
        like($res->{body}, qr/data: \{"error":\{/, "an error");
        unlike($res->{body}, qr/\[DONE\]|"finish_reason":"/, "and no end");
    }

    provider('a')->play(fixture('error'));
    my $res = ask(chat(stream => 'true'));

    like(content_of($res), qr/^On/, "text");
    like($res->{body}, qr/data: \{"error":\{"message":/, "its own error");
    unlike($res->{body}, qr/\[DONE\]/, "and no end");
}


# cases: [status, body, "status type code" of the client's]

sub refuses {
    for my $case (@_) {
        my ($status, $body, $expected) = @$case;

        for my $stream ('false', 'true') {
            provider('a')->play("status $status\njson "
                                . $body =~ s/\\/\\\\/gr);

            my $res = ask(chat(stream => $stream));

            is(error_of($res), $expected, $body);
            like($res->{body}, qr/^\{"error":\{"message":/, "shape");
        }
    }

    provider('a')->play("status 429\nheader Retry-After: 7\njson {}");
    is(ask(chat())->{headers}{'retry-after'}, 7, "when to come back");

    provider('a')->play("status 429\nheader Retry-After-Ms: 1001\njson {}");
    is(ask(chat())->{headers}{'retry-after'}, 2, "in milliseconds");
}


# plain answers and first events for which b is asked

sub falls_over {
    my (@script) = @_;

    provider('b')->play("ok from b");

    for my $script ("status 503\njson {}", "json {}", "json oops") {
        provider('a')->play($script);
        is(content_of(ask(chat())), "from b", "plain");
    }

    for my $script (@script) {
        provider('a')->play("$dialect{head}\n$script\nend");
        provider('b')->play("stream from b");

        my $res = ask(chat(stream => 'true'));

        is(content_of($res), "from b", "first event");
        is((provider('b')->seen)[0]{line}, 'POST /v1/chat/completions HTTP/1.1',
           "b's path");
    }
}


# the connection, after a whole answer, a stream and an error

sub keeps {
    provider('a')->play(join "\n==\n", answer('x'), fixture('plain'),
                        "status 429\njson {}", answer('last'));

    ask(chat());
    ask(chat(stream => 'true'));
    ask(chat());
    is(content_of(ask(chat())), 'last', "all answered");

    my %connection = map { $_->{connection} => 1 } provider('a')->seen;
    is(scalar keys %connection, 1, "on one connection");
}


# model n of the preset, whose url has no path; more of its statements

sub preset {
    my ($more) = @_;

    return "llm_provider $dialect{name} { $more url http://127.0.0.1:"
           . provider('a')->port . "; }\n"
           . "llm_model n { deployment $dialect{name} x; cooldown off; }\n"
           . "llm_provider other { dialect $dialect{name}; key none; "
           . "url http://127.0.0.1:1; }\n";
}


sub is_preset {
    my ($path) = @_;

    provider('a')->play(answer('x'));

    is(content_of(ask(chat(model => '"n"'))), 'x', "answered");
    is(sent()->{line}, "POST $path HTTP/1.1", "path");
    ok(!exists sent()->{headers}{authorization}, "no key");
}




1;
