
# llm_stream_keepalive: signs of life in a silent stream, before and after its
# first event, for both kinds of clients.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;
use Time::HiRes qw(sleep);

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b', 'c'],
    defaults  => { provider_c => "dialect anthropic;",
                   location   => "llm_auth off; llm_stream_keepalive 100ms;" },
);


our $ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
our $comment = ": ping\n\n";
our $signs = qr/(?:: ping\n\n)+/;

sub claude {
    my (%more) = @_;

    return ask(chat(stream => 'true', max_tokens => 9),
               path => '/v1/messages', %more);
}

sub openai {
    my (%more) = @_;

    return ask(chat(stream => 'true'), %more);
}

# [name, signs of life, what is left without them]

sub signs {
    my ($res) = @_;

    my $body = $res->{body};
    my $comments = () = $body =~ /(?:^|\n\n)\Q: ping\E(?=\n\n)/g;
    my $pings = () = $body =~ /(?:^|\n\n)event: ping(?=\n)/g;

    1 while $body =~ s/(^|\n\n)(?:: ping|event: ping\n[^\n]*)\n\n/$1/;

    return ($comments, $pings, $body);
}

# the order of events of an answer to Anthropic's clients

sub events {
    my ($res) = @_;

    return join ' ', $res->{body} =~ /^event: (\S+)/mg;
}

sub texts {
    my ($res) = @_;

    return join '', $res->{body} =~ /"text_delta","text":"([^"]*)"/g;
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a pause in a stream, OpenAI's dialect on both sides
--- model: deployment a up-a;
--- a
sse
role
text one
sleep 0.75
text two
finish
done
end
--- do
my $res = openai();
my ($comments, $pings, $rest) = signs($res);

is($res->{status}, 200, "status");
ok($comments >= 3 && $comments <= 8, "comments: $comments");
is($pings, 0, "no events of the other dialect");
is(content_of($res), "onetwo", "content");
like($res->{body}, qr/"one".*\Q$main::comment\E.*"two"/s, "in between");
like($res->{body}, qr/"two"(?!.*: ping)/s, "none at the end");
is(scalar(() = $rest =~ /^data: /mg), 5, "the events themselves");
like($rest, qr/^(?:data: [^\n]+\n\n)+$/, "and nothing else");
is($res->{headers}{'x-llm-provider'}, 'a', "no early header");
ok($res->{whole}, "whole");
is(logged() =~ s/\|.*//r, 200, "logged");



=== TEST 2: translated, for Anthropic's clients
--- model: deployment a up-a;
--- a
sse
role
text one
sleep 0.75
text two
finish
usage 7 3
done
end
--- do
my $res = claude();
my ($comments, $pings, $rest) = signs($res);

is($comments, 0, "no comments");
ok($pings >= 3 && $pings <= 8, "pings: $pings");
is(texts($res), "onetwo", "content");
is(join(' ', $rest =~ /^event: (\S+)/mg), 'message_start '
   . 'content_block_start content_block_delta content_block_delta '
   . 'content_block_stop message_delta message_stop', "events");
like($res->{body}, qr/"one".*\Q$main::ping\E.*"two"/s, "in between");



=== TEST 3: a splice, for Anthropic's clients
--- model: deployment c up-c;
--- c
sse
c-start
c-text one
sleep 0.75
c-text two
c-stop
end
--- do
my $res = claude();
my ($comments, $pings, $rest) = signs($res);

is($comments, 0, "no comments");
ok($pings >= 3 && $pings <= 8, "pings: $pings");

provider('c')->play("sse\nc-start\nc-text one\nc-text two\nc-stop\nend");
is($rest, claude()->{body}, "all else as it came");
unlike($rest, qr/ping/, "which has none");



=== TEST 4: never within an event
--- model: deployment a up-a; deployment c up-c tier=2;
--- a
sse
role
text one
say data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m",
sleep 0.6
say "choices":[{"index":0,"delta":{"content":"two"},"finish_reason":null}]}\n\n
finish
done
end
--- http
llm_model c { deployment c up-c; cooldown off; }
--- c
sse
c-start
say event: content_block_delta\ndata: {"type":"content_block_delta","index":0,
sleep 0.6
say "delta":{"type":"text_delta","text":"two"}}\n\n
c-stop
end
--- do
for my $res (openai(), claude()) {
    my ($comments, $pings, $rest) = signs($res);

    ok($comments + $pings >= 2, "signs: $comments, $pings");
    is(scalar(() = $res->{body} =~ /"two"/g), 1, "the event is whole");
    unlike($rest, qr/ping/, "all stand between events");
}

my $res = ask(chat(model => '"c"', stream => 'true', max_tokens => 9),
              path => '/v1/messages');
my ($comments, $pings, $rest) = signs($res);

ok($pings == 0 && $comments >= 1, "nothing but comments before it is good");
like($rest, qr/^event: message_start\n/, "then the first event");
is(texts($res), "two", "the event is whole");



=== TEST 5: silence before the first event: the header goes first
--- model: deployment a up-a;
--- a
sse
role
sleep 0.9
text one
finish
done
end
--- do
my $res = openai(headers => { 'x-request-id' => 'mine' });
my ($comments, $pings, $rest) = signs($res);
my $first = $res->{at}[0];

is($res->{status}, 200, "status");
is($res->{headers}{'content-type'}, 'text/event-stream; charset=utf-8',
   "type");
is($res->{headers}{'cache-control'}, 'no-cache', "not to be cached");
is($res->{headers}{'x-request-id'}, 'mine', "id");
is($res->{headers}{'x-llm-model'}, 'm', "model");
is(join(' ', grep { /^x-llm/ } sort keys %{$res->{headers}}), 'x-llm-model',
   "nothing that is not known yet");
ok($first->[0] > 0.25 && $first->[0] < 0.7, "after three times: $first->[0]");
like($first->[1], qr/\Q$main::comment\E/, "with the first comment");
ok($comments >= 3 && $comments <= 9, "comments: $comments");
like($rest, qr/^(?:data: [^\n]+\n\n)+$/, "then the events");
is(content_of($res), "one", "content");
like($rest, qr/\[DONE\]\n\n$/, "the end");
ok($res->{whole}, "framed as one");
is($res->{rest}, '', "and once");
like(logged(), qr/^200\|OK\|a\|1\|m\|up-a\|/, "logged");



=== TEST 6: the same for Anthropic's clients: comments, for no event may come first
--- model: deployment a up-a;
--- a
sse
role
sleep 0.9
text one
sleep 0.5
text two
finish
done
end
==
sse
sleep 0.9
role
text one
finish
done
end
--- do
my $res = claude();
my ($comments, $pings, $rest) = signs($res);

ok($comments >= 3 && $comments <= 9, "comments: $comments");
ok($pings >= 2 && $pings <= 6, "pings: $pings");
like($res->{body}, qr/^${main::signs}event: message_start\n/,
     "none but comments before the first event");
unlike($res->{body}, qr/message_start.*^: ping/ms, "none later");
is(texts($res), "onetwo", "content");
is($res->{headers}{'request-id'}, $res->{headers}{'x-request-id'}, "id");

# nothing at all from the provider

$res = claude();
like($res->{body}, qr/^${main::signs}event: message_start\n/, "comments");
is(texts($res), "one", "content");



=== TEST 7: a splice for Anthropic's clients, whose first event waits
--- model: deployment c up-c;
--- c
sse
c-start
sleep 0.9
c-text one
sleep 0.5
c-text two
c-stop
end
--- do
my $res = claude();
my ($comments, $pings, $rest) = signs($res);

like($res->{body}, qr/^${main::signs}event: message_start\n/, "comments");
ok($pings >= 2 && $pings <= 6, "pings: $pings");
like($res->{body}, qr/"one".*\Q$main::ping\E.*"two"/s, "in between");

provider('c')->play("sse\nc-start\nc-text one\nc-text two\nc-stop\nend");
is($rest, claude()->{body}, "all else as it came");



=== TEST 8: three times the time has not passed
--- model: deployment a up-a;
--- location: llm_auth off; llm_stream_keepalive 300ms;
--- a
sse
role
sleep 0.6
text one
finish
done
end
--- do
my $res = openai();

unlike($res->{body}, qr/ping/, "no comment");
is($res->{headers}{'x-llm-provider'}, 'a', "no early header");



=== TEST 9: another attempt behind the header
--- errors
--- a
sleep 0.6
status 503
json {"error":{"message":"no","type":"server_error","param":null,"code":null}}
--- b
sleep 0.2
stream from b
--- do
my $res = openai();

is($res->{status}, 200, "status");
is(content_of($res), "from b", "content");
like($res->{body}, qr/^${main::signs}data: /, "comments first");
like($res->{body}, qr/\[DONE\]\n\n$/, "the end");
is(scalar(() = $res->{raw} =~ m{HTTP/1\.1}g), 1, "one header");
ok($res->{whole} && $res->{rest} eq '', "one body");
like(logged(), qr/^200\|OK\|b\|2\|m\|up-b\|7\|3\|stop\|-\|0\|/, "logged");

provider('a')->play("sleep 0.6\nreset");
provider('b')->play("stream from b");

$res = claude();
is(texts($res), "from b", "Anthropic's, after a reset");
is(scalar(() = $res->{body} =~ /message_start"/g), 1, "it begins once");

provider('a')->play("sse\nrole\nsleep 0.6\ncut");
provider('b')->play("stream from b");

$res = claude();
is(texts($res), "from b", "after a role that came to nothing");
is(scalar(() = $res->{body} =~ /message_start"/g), 1, "it begins once");



=== TEST 10: a connection is kept behind it
--- a
sse
role
sleep 0.6
text one
finish
done
end
==
ok two
--- model: deployment a up-a;
--- do
my $socket = connect_gateway();
my $res = openai(on => $socket);

is(content_of($res), "one", "early");
is(content_of(ask(chat(), on => $socket)), "two", "the next on it");



=== TEST 11: all attempts fail: the end says why
--- errors
--- a
sleep 0.5
status 429
header Retry-After: 7
json {"error":{"message":"slow","type":"rate_limit_error","param":null,"code":null}}
--- b
status 503
json {"error":{"message":"no","type":"server_error","param":null,"code":null}}
--- model: deployment a up-a; deployment b up-b tier=2;
--- do
my $res = openai();

is($res->{status}, 200, "status");
like($res->{body}, qr/^${main::signs}data:\ \{"error":\{"message":"no
     \ provider\ of\ the\ model[^"\\]*(?:\\.[^"\\]*)*","type":"server_error",
     "param":null,"code":"overloaded"\}\}\n\n$/x, "event");
unlike($res->{body}, qr/DONE/, "no end mark");
ok($res->{whole} && $res->{rest} eq '', "framed as one");
like(logged(), qr/^200\|OK\|b\|2\|m\|up-b\|0\|0\|-\|overloaded\|/, "logged");

$res = claude();
my $id = $res->{headers}{'request-id'};

is($res->{status}, 200, "status");
like($res->{body}, qr/^${main::signs}event:\ error\ndata:\ \{"type":"error",
     "error":\{"type":"overloaded_error","message":"[^\n]*"\},
     "request_id":"$id"\}\n\n$/x, "Anthropic's event");
ok($res->{whole} && $res->{rest} eq '', "framed as one");



=== TEST 12: a refusal behind it
--- model: deployment a up-a;
--- a
sleep 0.5
status 400
json {"error":{"message":"bad \"thing\"","type":"invalid_request_error","param":"x","code":null}}
--- do
my $res = openai();

is($res->{body} =~ s/^${main::signs}//r, 'data: {"error":{"message":'
   . '"bad \"thing\"","type":"invalid_request_error","param":"x",'
   . '"code":null}}' . "\n\n", "event");
ok($res->{whole} && $res->{rest} eq '', "framed as one");
is($res->{status}, 200, "status");
like(logged(), qr/^200\|OK\|a\|1\|/, "logged");

$res = claude();
like($res->{body}, qr/event:\ error\ndata:\ \{"type":"error","error":\{"type":
     "invalid_request_error","message":"bad\ \\"thing\\""\},"request_id":
     "[^"]+"\}\n\n$/x, "Anthropic's event");



=== TEST 13: other ends
--- errors
--- model: deployment a up-a; first_token_timeout 600ms;
--- do
my $n = 0;

for my $case (
    ["sleep 0.5\ncut", 'server_error', 'provider_error', 'cut'],
    ["sleep 0.5\nreset", 'server_error', 'provider_error', 'reset'],
    ["sse\nrole\nsleep 0.45\ncut", 'server_error', 'provider_error',
     'cut after the role'],
    ["sse\nrole\nsleep 0.45\ndata {\"error\":{\"message\":\"x\",\"type\":"
     . "\"server_error\",\"code\":null,\"param\":null}}\nend",
     'server_error', 'provider_error', 'an error first'],
    ["sleep 0.5\nbody text/html <html>", 'server_error', 'provider_error',
     'a page'],
    ["sleep 0.5\njson {\"x\":1}", 'server_error', 'provider_error', 'nonsense'],
    ["stall", 'server_error', 'provider_timeout', 'silence'],
    ["sleep 0.5\nstatus 401\njson {}", 'server_error', 'provider_auth',
     'a key'],
) {
    my ($script, $type, $code, $what) = @$case;

    provider('a')->play($script);

    my $res = openai();

    like($res->{body}, qr/^${main::signs}data:\ \{"error":\{[^\n]*"type":
         "$type","param":null,"code":"$code"\}\}\n\n$/x, $what);
    ok($res->{whole} && $res->{rest} eq '', "$what: framed as one");
    like(logged(++$n), qr/^200\|OK\|a\|\d\|.*\|$code\|/, "$what: logged");
    $n++;

    provider('a')->play($script);
    $res = claude();

    like($res->{body}, qr/^${main::signs}event: error\ndata: \{[^\n]*\}\n\n$/,
         "$what, Anthropic's");
}



=== TEST 14: a stream that breaks later
--- errors
--- model: deployment a up-a;
--- a
sse
role
sleep 0.5
text one
sleep 0.3
cut
--- do
my $res = openai();

like($res->{body}, qr/"one".*data: \{"error":\{[^\n]*"provider_error"\}\}\n\n$/s,
     "event");
ok($res->{whole} && $res->{rest} eq '', "framed as one");

$res = claude();
like($res->{body}, qr/"one".*\n\nevent: error\n[^\n]*\n\n$/s,
     "Anthropic's event");
unlike($res->{body}, qr/message_stop/, "no end");



=== TEST 15: off
--- model: deployment a up-a;
--- location: llm_auth off; llm_stream_keepalive off;
--- a
sse
role
sleep 0.6
text one
sleep 0.4
text two
finish
done
end
--- do
my $res = openai();

unlike($res->{body}, qr/ping/, "no comment");
is($res->{headers}{'x-llm-provider'}, 'a', "no early header");
unlike(claude()->{body}, qr/ping/, "no event");



=== TEST 16: not before a plain answer
--- model: deployment a up-a; deployment b up-b tier=2;
--- a
sleep 0.6
status 503
json {}
--- b
ok plain
--- do
my $res = ask(chat());

is($res->{body}, Provider::ok("plain"), "as it is");
is($res->{headers}{'x-llm-provider'}, 'b', "with its header");



=== TEST 17: the provider's own signs of life
--- model: deployment c up-c;
--- location: llm_auth off; llm_stream_keepalive 400ms;
--- c eval
"sse\nc-start\nc-text one\n"
. ("sleep 0.15\nsay event: ping\\ndata: {\"type\":\"ping\"}\\n\\n\n" x 6)
. "c-stop\nend\n"
--- do
my ($comments, $pings) = signs(claude());

is("$comments $pings", "0 6", "are enough where they pass");

my $res = openai();
($comments, $pings) = signs($res);

is($pings, 0, "no events of the other dialect");
ok($comments >= 1 && $comments <= 3, "comments: $comments");



=== TEST 18: a client that leaves is noticed behind an early header, too
--- model: deployment a up-a;
--- a
sse
role
stall
--- do
my $socket = connect_gateway();
send_request($socket, chat(stream => 'true'));

my $got = '';
$got .= read_some($socket, 2) || '' while $got !~ /ping/;
close $socket;

ok(wait_for(sub { grep { $_->{what} eq 'closed' } provider('a')->events }),
   "the provider is left");
like(logged(), qr/^200\|\|a\|1\|.*\|client_closed_request\|/, "logged");



=== TEST 19: a client that does not read gets no more
--- model: deployment a up-a;
--- location: llm_auth off; llm_stream_keepalive 50ms; send_timeout 10s;
--- a
sse
role
text one
data {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"y"},"finish_reason":null}]}
say : 
fill 4000000
say \n\n
sleep 1
finish
done
end
--- do
my $socket = connect_gateway();
setsockopt($socket, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 16384);
send_request($socket, chat(stream => 'true'));
sleep 0.9;

my $comments = 0;
my $got = '';

while ($got !~ /\[DONE\]/) {
    my $data = read_some($socket, 5);
    last if !length $data;
    $got = substr($got, -16) . $data;
    $comments += () = $data =~ /: ping/g;
}

like($got, qr/\[DONE\]/, "whole");
ok($comments <= 8, "comments: $comments");



=== TEST 20: HTTP/2
--- errors
--- a
sleep 0.5
status 503
json {}
--- b
sse
role
sleep 0.5
text from b
finish
done
end
==
status 503
json {}
--- model: deployment a up-a; deployment b up-b tier=2;
--- do
my $res = curl2(chat(stream => 'true'));

is("$res->{rc} $res->{status}", "0 200", "status");
is($res->{headers}{'x-llm-model'}, 'm', "model");
ok(!exists $res->{headers}{'x-llm-provider'}, "early");
like($res->{body}, qr/^${main::signs}data: .*\[DONE\]\n\n$/s, "body");
is(content_of($res), "from b", "content");

$res = curl2(chat(stream => 'true'));

is("$res->{rc} $res->{status}", "0 200", "status");
like($res->{body}, qr/^${main::signs}data: \{"error":[^\n]*\n\n$/s,
     "its end says why");



=== TEST 21: an answer that is read to its end without the client
--- model: deployment a up-a;
--- location: llm_auth off; llm_stream_keepalive 50ms; llm_ignore_client_abort on;
--- a
sse
role
sleep 0.4
text one
sleep 0.4
finish
usage 7 3
done
end
--- do
my $socket = connect_gateway();
send_request($socket, chat(stream => 'true'));

my $got = '';
$got .= read_some($socket, 2) || '' while $got !~ /ping/;
close $socket;

ok(wait_for(sub { log_lines() }), "it ended");
like(logged(), qr/^200\|[A-Z]*\|a\|1\|m\|up-a\|7\|3\|stop\|/, "with its usage");

# one that is gone before the header is sent

$socket = connect_gateway();
setsockopt($socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
           pack('II', 1, 0));
send_request($socket, chat(stream => 'true'));
sleep 0.05;
close $socket;

ok(wait_for(sub { log_lines() == 2 }), "it ended");
like(logged(2), qr/^200\|[A-Z]*\|a\|1\|m\|up-a\|7\|3\|stop\|/, "with its usage");



=== TEST 22: what is no time
--- must_die
--- http_config
    llm_stream_keepalive 0;
--- config
--- error_log
invalid time "0", it must be "off" or between 1ms and 1d



=== TEST 23: too long a time
--- must_die
--- http_config
    llm_stream_keepalive 25h;
--- config
--- error_log
invalid time "25h", it must be "off" or between 1ms and 1d



=== TEST 24: twice
--- must_die
--- http_config
    llm_stream_keepalive 1s;
    llm_stream_keepalive off;
--- config
--- error_log
"llm_stream_keepalive" directive is duplicate
