# The four clocks of an attempt.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

# nobody takes connections there, and no more of them fit

our $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
    or die "cannot listen: $!";
our @waiting;

for (1 .. 20) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $full->sockport,
                                       Blocking => 0);
    push @waiting, $socket;
}

gateway(
    providers => ['a', 'b'],
    defaults  => {
        model => "deployment a x; deployment b x tier=1;",
        http  => "llm_provider full { dialect openai; key none; "
                 . "url http://127.0.0.1:" . $full->sockport . "; "
                 . "connect_timeout 200ms; }\n"
                 . "llm_model full { deployment full x; "
                 . "deployment b x tier=1; cooldown off; }\n"
                 . "llm_model only { deployment full x; cooldown off; }\n",
    },
);


# what came, from whom, and that it took from $min to about $max seconds: a
# machine that is busy takes longer, a clock that does not run for ever

sub within {
    my ($name, $expected, $min, $max, $res) = @_;

    my $got = $res->{status} == 200
        ? "200 $res->{headers}{'x-llm-provider'} " . content_of($res)
        : error_of($res);

    is($got, $expected, $name);
    ok($res->{time} >= $min * 0.85 && $res->{time} < $max + 4,
       "$name: in $min..$max seconds: $res->{time}");
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: connect_timeout
--- errors
--- b
ok b
--- do
within("another one", "200 b b", 0.19, 0.6, ask(chat(model => '"full"')));
within("none", "504 server_error provider_timeout", 0.19, 0.6,
       ask(chat(model => '"only"')));
within("none, stream", "504 server_error provider_timeout", 0.19, 0.6,
       ask(chat(model => '"only"', stream => 'true')));



=== TEST 2: connect_timeout includes the TLS handshake
--- errors
--- provider_a eval: "url https://127.0.0.1:" . main::provider('a')->port . "; connect_timeout 200ms;"
--- b
ok b
--- do
within("another one", "200 b b", 0.19, 0.6, ask(chat()));



=== TEST 3: connect_timeout ends with the connection
--- provider_a: connect_timeout 100ms;
--- a
sleep 0.3
ok a
--- do
within("plain", "200 a a", 0.29, 0.6, ask(chat()));
provider('a')->play("sleep 0.3\nstream a");
within("stream", "200 a a", 0.29, 0.6, ask(chat(stream => 'true')));



=== TEST 4: first_token_timeout
--- errors
--- provider_a: first_token_timeout 200ms;
--- do
for my $case (
    ["silence", "stall"],
    ["headers only", "sse\nstall"],
    ["a role only", "sse\nrole\nstall"],
    ["comments", "sse\n" . "say : ping\\n\\n\nsleep 0.05\n" x 20 . "stall"],
    ["half an event", "sse\nsay data: {\"cho\nstall"],
    ["a byte at a time", join('', map { "raw $_\nsleep 0.05\n" }
                                  split //, 'HTTP/1.1') . "stall"],
) {
    my ($name, $script) = @$case;

    provider('a')->play($script);
    provider('b')->play("stream b");

    within($name, "200 b b", 0.19, 0.6, ask(chat(stream => 'true')));
}

provider('a')->play("sse\nrole\nsleep 0.05\ntext a\nsleep 0.4\nfinish\ndone\n"
                    . "end");
within("not after the first token", "200 a a", 0.4, 0.9,
       ask(chat(stream => 'true')));

provider('a')->play("sleep 0.4\nok a");
within("not for plain answers", "200 a a", 0.39, 0.9, ask(chat()));



=== TEST 5: read_timeout
--- errors
--- provider_a: read_timeout 200ms;
--- do
provider('b')->play("ok b");

provider('a')->play("sleep 0.4\nok a");
within("not before the first byte", "200 a a", 0.39, 0.9, ask(chat()));

provider('a')->play('raw HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{'
                    . "\nstall");
within("in a body", "200 b b", 0.19, 0.6, ask(chat()));

provider('a')->play("raw HTTP/1.1 2\nstall");
within("in a header", "200 b b", 0.19, 0.6, ask(chat()));

provider('a')->play("sse\nrole\ntext one\n"
                    . "sleep 0.1\nsay : ping\\n\\n\n" x 5
                    . "text  two\nfinish\ndone\nend");
within("pings are life", "200 a one two", 0.45, 0.9,
       ask(chat(stream => 'true')));

provider('a')->play("split 60\nsse\nrole\n" . "sleep 0.1\ntext a\n" x 5
                    . "finish\ndone\nend");
within("slow is not silent", "200 a aaaaa", 0.45, 1.2,
       ask(chat(stream => 'true')));

provider('a')->play("sse\nrole\ntext one\nstall");
my $res = ask(chat(stream => 'true'));
ok($res->{time} > 0.19 && $res->{time} < 0.6, "in a stream: $res->{time}");
like($res->{body}, qr/provider_timeout"\}\}\n\n$/, "the error event");
is($res->{whole}, 1, "the end");



=== TEST 6: total_timeout
--- errors
--- provider_a: total_timeout 300ms;
--- do
provider('b')->play("ok b");

provider('a')->play("stall");
within("plain, silence", "200 b b", 0.29, 0.7, ask(chat()));

provider('a')->play('raw HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{'
                    . "\n" . "sleep 0.05\nraw \\n\n" x 30);
within("plain, slow", "200 b b", 0.29, 0.7, ask(chat()));

provider('b')->play("stream b");
provider('a')->play("stall");
within("stream, silence", "200 b b", 0.29, 0.7, ask(chat(stream => 'true')));

provider('a')->play("sse\nrole\n" . "text x\nsleep 0.05\n" x 30
                    . "finish\ndone\nend");
my $res = ask(chat(stream => 'true'));
ok($res->{time} > 0.29 && $res->{time} < 0.7, "stream, slow: $res->{time}");
like($res->{body}, qr/provider_timeout"\}\}\n\n$/, "the error event");

provider('a')->play("stall");
provider('b')->play("stall");
my $socket = connect_gateway();
send_request($socket, chat());
is(read_some($socket, 0.5), undef, "the other one has its own");
close $socket;



=== TEST 7: the model's clocks win
--- errors
--- provider_a: total_timeout 5s;
--- provider_b: total_timeout 100ms;
--- model
deployment a x;
deployment b x tier=1;
total_timeout 200ms;
--- do
provider($_)->play("sleep 0.15\nok $_") for 'a', 'b';
within("longer", "200 a a", 0.14, 0.5, ask(chat()));
provider('a')->play("stall");
within("shorter, then longer", "200 b b", 0.34, 0.8, ask(chat()));
provider('b')->play("stall");
within("both", "504 server_error provider_timeout", 0.39, 0.9, ask(chat()));



=== TEST 8: a client that leaves stops the clocks
--- provider_a: total_timeout 200ms;
--- a
stall
--- do
for (1 .. 5) {
    my $socket = connect_gateway();
    send_request($socket, chat());
    Time::HiRes::sleep(0.03);
    close $socket;
}
Time::HiRes::sleep(0.4);
is((scalar provider('b')->seen), 0, "nobody else is asked");
provider('a')->play("ok a");
is(content_of(ask(chat())), 'a', "others are served");
