# Streams: when events leave, how streams end, what breaks them.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b', 'c'],
    defaults  => {
        model      => "deployment a up-a; deployment b up-b tier=1;",
        provider_c => "dialect anthropic;",
        http       => "llm_model claude { deployment c up-c; cooldown off; }",
    },
);

our $broken = qr/\n\ndata:\ \{"error":\{"message":"[^"]+","type":"[^"]+",
                 "param":null,"code":"?\w+"?\}\}\n\n$/x;


# a stream that breaks: what came, the error event, one end, a good connection

sub breaks {
    my ($name, $script, %opt) = @_;

    provider('a')->play("$script\n");

    my $socket = connect_gateway();
    my $res = ask(chat(stream => 'true'), on => $socket);

    is($res->{status}, 200, "$name: status");
    is(content_of($res), defined $opt{content} ? $opt{content} : "one ",
       "$name: what had come");
    like($res->{body}, $broken, "$name: error event at the end");
    like($res->{body}, $opt{like}, "$name: which says why") if $opt{like};
    unlike($res->{body}, qr/\[DONE\]/, "$name: no [DONE]");
    is($res->{whole}, 1, "$name: end of the message");
    is($res->{rest}, '', "$name: nothing behind it");
    is($res->{headers}{'x-llm-provider'}, 'a', "$name: provider");

    my $more = read_some($socket, 0.05);

    if (defined $more) {
        is($more, '', "$name: nothing but the end of the connection");

    } else {
        provider('a')->play("ok next");
        $res = ask(chat(), on => $socket, timeout => 2);
        is("$res->{status} " . content_of($res), "200 next",
           "$name: the connection serves on");
    }

    provider('a')->play("$script\n");
    $res = curl2(chat(stream => 'true'));

    is("$res->{rc} $res->{status}", "0 200", "$name: HTTP/2 ends well");
    like($res->{body}, $broken, "$name: HTTP/2, error event");
    is(scalar(() = $res->{body} =~ /"error":/g), 1, "$name: one of them");
    is(scalar(provider('b')->seen), 0, "$name: nobody else was asked");
}


sub claude_breaks {
    my ($name, $script, $like) = @_;

    provider('c')->play("$script\n");

    my $socket = connect_gateway();
    my $res = ask(chat(model => '"claude"', stream => 'true'),
                  on => $socket);

    is($res->{status}, 200, "$name: status");
    is(content_of($res), "one ", "$name: what had come");
    like($res->{body}, $broken, "$name: error event at the end");
    like($res->{body}, $like, "$name: which says why") if $like;
    unlike($res->{body}, qr/\[DONE\]/, "$name: no [DONE]");
    is("$res->{whole}$res->{rest}", '1', "$name: end of the message");

    my $more = read_some($socket, 0.05);

    if (defined $more) {
        is($more, '', "$name: nothing but the end of the connection");

    } else {
        provider('c')->play("claude next");
        $res = ask(chat(model => '"claude"'), on => $socket, timeout => 2);
        is("$res->{status} " . content_of($res), "200 next",
           "$name: the connection serves on");
    }
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a stream that breaks off
--- errors
--- do
breaks("cut", "sse\nrole\ntext one \nsleep 0.05\ncut");
breaks("cut at once", "hold\nsse\nrole\ntext one \nflush\ncut");
breaks("reset", "sse\nrole\ntext one \nsleep 0.05\nreset");
breaks("end without finish", "sse\nrole\ntext one \nsleep 0.02\nend");
breaks("end without finish, at once", "hold\nsse\nrole\ntext one \nend");
breaks("cut in an event",
       "sse\nrole\ntext one \nsay data: {\"choices\":[{\nsleep 0.05\ncut");
breaks("cut in a chunk",
       "sse\nrole\ntext one \nraw fff\\r\\ndata: \nsleep 0.05\ncut");
breaks("bad chunk", "sse\nrole\ntext one \nsleep 0.05\nraw zz\\r\\n\nstall");
breaks("no framing, cut", "sse close\nrole\ntext one \nsleep 0.05\ncut");
breaks("HTTP/1.0, cut", "sse 1.0\nrole\ntext one \nsleep 0.05\ncut");



=== TEST 2: events that are none
--- do
breaks("garbage", "sse\nrole\ntext one \nsleep 0.02\ndata {\"cho\nstall");
breaks("garbage at once", "hold\nsse\nrole\ntext one \ndata {\"cho\nflush\n"
       . "stall");
breaks("an event too large",
       "sse\nrole\ntext one \nsay data: \n" . "fill 1000000\n" x 20 . "stall");



=== TEST 3: error events of the provider
--- do
my $error = 'data {"error":{"message":"it broke","type":"server_error",'
            . '"param":null,"code":"broke"}}';

breaks("error event", "sse\nrole\ntext one \nsleep 0.02\n$error\nend",
       like => qr/it broke/);
breaks("error event, then silence",
       "sse\nrole\ntext one \nsleep 0.02\n$error\nstall",
       like => qr/it broke/);
breaks("error event, then [DONE]",
       "sse\nrole\ntext one \nsleep 0.02\n$error\ndone\nend",
       like => qr/it broke/);
breaks("error event at once",
       "hold\nsse\nrole\ntext one \n$error\nflush\nstall",
       like => qr/it broke/);



=== TEST 4: silence
--- provider_a: dialect openai; read_timeout 200ms;
--- errors
--- do
breaks("stall", "sse\nrole\ntext one \nstall", like => qr/timeout/);



=== TEST 5: a translated stream that breaks off
--- errors
--- do
my $one = "sse\nc-start\nc-text one ";
my $at_once = "hold\n$one\nflush";

claude_breaks("cut", "$one\nsleep 0.05\ncut");
claude_breaks("cut at once", "$at_once\ncut");
claude_breaks("reset", "$one\nsleep 0.05\nreset");
claude_breaks("end without stop", "$one\nend");
claude_breaks("garbage", "$one\nsleep 0.02\ndata {\"cho\nstall");
claude_breaks("error event", "$one\n" . 'say event: error\ndata: {"type":'
    . '"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    . '\n\n' . "\nend", qr/Overloaded/);
claude_breaks("bad chunk", "$one\nsleep 0.05\nraw zz\\r\\n\nstall");



=== TEST 6: the first event leaves while the provider is silent
--- do
for my $first ("sse\nrole\ntext one ", "hold\nsse\nrole\ntext one \nflush",
               "sse\nrole\nsplit 7\ntext one ", "sse close\nrole\ntext one ")
{
    provider('a')->play("$first\nsleep 0.4\ntext two\nfinish\ndone\nend\n"
                        . "cut\n");

    my $res = ask(chat(stream => 'true'));
    my ($at) = grep { $_->[1] =~ /"one "/ } @{$res->{at}};

    is(content_of($res), "one two", "all of it");
    ok($at->[0] < 0.3, "the first one at once: $at->[0]");
    unlike($at->[1], qr/two/, "alone");
}



=== TEST 7: the first event of a translated stream, too
--- do
provider('c')->play("sse\nc-start\nc-text one \nsleep 0.4\n"
                    . "c-text two\nc-stop\nend\n");

my $res = ask(chat(model => '"claude"', stream => 'true'));
my ($at) = grep { $_->[1] =~ /"one "/ } @{$res->{at}};

is(content_of($res), "one two", "all of it");
ok($at->[0] < 0.3, "the first one at once: $at->[0]");



=== TEST 8: each event leaves when it comes
--- do
provider('a')->play("sse\nrole\n"
                    . join('', map { "text w$_ \nsleep 0.1\n" } 1 .. 5)
                    . "finish\ndone\nend\n");

my $res = ask(chat(stream => 'true'));

for my $n (1 .. 5) {
    my ($at) = grep { $_->[1] =~ /"w$n "/ } @{$res->{at}};
    ok($at && $at->[0] > 0.08 * ($n - 1) && $at->[0] < 0.1 * $n + 0.08,
       "event $n in time");
}



=== TEST 9: bytes of a stream are the provider's, however they come
--- do
my $events = ": comment\\n\\n"
    . 'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":'
    . '"y","choices":[{"index":0,"delta":{"role":"assistant"}}],"x":1.50e+2}'
    . '\r\n\r\n'
    . 'event: message\r\nid: 7\r\ndata:{"id":"c","choices":[{"index":0,'
    . '"delta":{"content":"\xc3\xa4\x5cu00e9"},"finish_reason":null}]}\n\n'
    . 'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":'
    . '"stop"}]}\n\n';
my $plain = Provider::unescape("${events}data: [DONE]\\n\\n");

for my $split (0, 1, 3, 50) {
    for my $sse ('sse', 'sse close', 'sse 1.0') {
        provider('a')->play("split $split\n$sse\nsay $events\ndone\n"
                            . ($sse eq 'sse' ? 'end' : 'cut') . "\n");

        my $res = ask(chat(stream => 'true'));

        is($res->{body}, $plain, "$sse, in parts of $split");
    }
}



=== TEST 10: usage is asked for, and hidden from who did not ask
--- do
provider('a')->play("stream one two");

my $res = ask(chat(stream => 'true'));

like((provider('a')->seen)[-1]{body},
     qr/"stream_options":\{"include_usage":true\}/, "asked for");
unlike($res->{body}, qr/usage/, "hidden");
is(content_of($res), "one two", "the rest is there");
like(logged(1), qr/^200\|OK\|a\|1\|m\|up-a\|7\|3\|stop\|/, "and known");

$res = ask(chat(stream => 'true', stream_options => '{"include_usage":true}'));

is((provider('a')->seen)[-1]{body},
   chat(model => '"up-a"', stream => 'true',
        stream_options => '{"include_usage":true}'), "asked by the client");
like($res->{body}, qr/"choices":\[\],"usage":\{"prompt_tokens":7,/, "shown");

$res = ask(chat(stream => 'true',
                stream_options => '{"include_usage":false,"x":1}'));

unlike($res->{body}, qr/usage/, "hidden from who says no");
like((provider('a')->seen)[-1]{body},
     qr/"stream_options":\{[^}]*"x":1[^}]*\}/, "other options stay");



=== TEST 11: ends that are no break
--- do
for my $case (
    ["no [DONE]", "sse\nrole\ntext one \nfinish\nend"],
    ["no [DONE], usage last", "sse\nrole\ntext one \nfinish\nusage 7 3\nend"],
    ["no [DONE], no framing", "sse close\nrole\ntext one \nfinish\ncut"],
    ["[DONE] twice", "sse\nrole\ntext one \nfinish\ndone\ndone\nend"],
    ["[DONE] twice, apart",
     "sse\nrole\ntext one \nfinish\ndone\nsleep 0.05\ndone\nend"],
    ["no blank line behind [DONE]",
     "sse\nrole\ntext one \nfinish\nsay data: [DONE]\nend"],
    ["[DONE], then silence", "sse\nrole\ntext one \nfinish\ndone\nstall"],
    ["[DONE], then cut", "sse\nrole\ntext one \nfinish\ndone\ncut"],
    ["[DONE], then garbage",
     "sse\nrole\ntext one \nfinish\ndone\nraw zzz\nstall"],
    ["[DONE], then garbage, at once",
     "hold\nsse\nrole\ntext one \nfinish\ndone\nraw zzz\nflush\nstall"],
    ["[DONE], then cut, at once",
     "hold\nsse\nrole\ntext one \nfinish\ndone\nflush\ncut"],
    ["no [DONE], at once", "hold\nsse\nrole\ntext one \nfinish\nend"],
) {
    my ($name, $script) = @$case;

    provider('a')->play("$script\n");

    my $socket = connect_gateway();
    my $res = ask(chat(stream => 'true'), on => $socket);

    is("$res->{whole} $res->{status} " . content_of($res), "1 200 one ",
       "$name: whole");
    unlike($res->{body}, qr/error/, "$name: no error");
    ok(($res->{body} =~ s/data: \[DONE\]//g) <= 1, "$name: one [DONE]");
    ok($res->{time} < 1, "$name: in time");

    provider('a')->play("ok next");
    $res = ask(chat(), on => $socket, timeout => 2);
    is("$res->{status} " . content_of($res), "200 next",
       "$name: the connection serves on");
}



=== TEST 12: the same over HTTP/2 and HTTP/1.0
--- do
provider('a')->play("stream one two");

my $res = curl2(chat(stream => 'true'));
is("$res->{rc} $res->{status} " . content_of($res), "0 200 one two", "h2");
like($res->{body}, qr/data: \[DONE\]\n\n$/, "h2, the end");
is($res->{headers}{'x-llm-provider'}, 'a', "h2, headers");

$res = ask(chat(stream => 'true'), minor => 0);
is("$res->{closed} $res->{status} " . content_of($res), "1 200 one two",
   "HTTP/1.0");



=== TEST 13: a client that reads slowly
--- do
my $word = 'x' x 8000;
my $socket = connect_gateway();

provider('a')->play("sse\nrole\n" . "text $word\n" x 2000
                    . "finish\ndone\nend\n");
send_request($socket, chat(stream => 'true'));
Time::HiRes::sleep(0.5);

my $res = read_response($socket, 20);
is(length content_of($res), 16000000, "nothing is lost");
like($res->{body}, qr/data: \[DONE\]\n\n$/, "the end");
is($res->{whole}, 1, "of the message");

provider('c')->play("sse\nc-start\n" . "c-text $word\n" x 2000
                    . "c-stop\nend\n");
$socket = connect_gateway();send_request($socket, chat(model => '"claude"', stream => 'true'));
Time::HiRes::sleep(0.5);

$res = read_response($socket, 20);
is(length content_of($res), 16000000, "translated: nothing is lost");
is($res->{whole}, 1, "of the message");



=== TEST 14: a client that leaves
--- do
for my $model ('"m"', '"claude"') {
    my $name = $model eq '"m"' ? 'a' : 'c';
    my $begin = $name eq 'a' ? "sse\nrole\ntext one " :
                               "sse\nc-start\nc-text one ";

    provider($name)->play("$begin\nstall\n");

    my $socket = connect_gateway();
    send_request($socket, chat(model => $model, stream => 'true'));
    1 while read_some($socket, 5) !~ /one /;
    close $socket;

    ok(wait_for(sub { grep { $_->{what} eq 'closed' }
                           provider($name)->events }),
       "the provider's connection is closed at once");
}
like(logged(2), qr/^200\|\|.*\|client_closed_request\|/, "logged as such");

provider('a')->play("stall");
my $socket = connect_gateway();
send_request($socket, chat());
wait_for(sub { provider('a')->seen });
close $socket;
ok(wait_for(sub { grep { $_->{what} eq 'closed' } provider('a')->events }),
   "before the answer, too");
like(logged(3), qr/^499\|\|.*\|client_closed_request\|/, "logged as such");



=== TEST 15: many streams at once
--- do
provider('a')->play("sse\nrole\n" . "text w \nsleep 0.01\n" x 20
                    . "finish\ndone\nend\n");

my @socket = map { connect_gateway() } 1 .. 25;
send_request($_, chat(stream => 'true')) for @socket;

my $good = grep { my $res = read_response($_, 20);
                  $res->{whole} && content_of($res) eq 'w ' x 20 } @socket;
is($good, 25, "all are whole");
