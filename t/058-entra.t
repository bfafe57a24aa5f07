# Clients of Microsoft Entra: their secret is exchanged for access tokens.  Two
# workers share them, and a reload keeps them.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Time::HiRes qw(sleep);
use Gateway;
use Tokens;

repeat_each(1);
plan 'no_plan';

master_on();
workers(2);

$ENV{LLM_TEST_SECRET} = 'secret of&client=';

our $token = Provider->new;
our $nth = 0;

gateway(
    providers => ['a', 'b'],
    defaults  => {
        model  => "deployment a gpt4o-prod;",
        config => '
            access_log off;
            location = /alive { return 204; }
            location = /pid { return 200 $pid; }
            location /v1/ { llm_gateway; llm_auth off;
                            client_body_buffer_size 128k; }',
    },
);

our $url = 'url http://127.0.0.1:' . provider('a')->port . ';';

# a client of its own for each block: the zone of tokens outlives a reload

sub client {
    my ($more) = @_;

    return "$url tenant my-tenant; client_id client-" . ++$nth
           . "; key env:LLM_TEST_SECRET; token_url http://127.0.0.1:"
           . $token->port . "/my-tenant/oauth2/v2.0/token; " . ($more || '');
}


sub grant {
    my ($value, $expires) = @_;

    $expires = 3600 if !defined $expires;

    return "json {\"token_type\":\"Bearer\",\"expires_in\":$expires,"
           . "\"ext_expires_in\":$expires,\"access_token\":\"$value\"}\n";
}


sub sent {
    return (provider('a')->seen)[-1];
}


# a connection to each worker

sub workers_of {
    my %socket;

    for (1 .. 300) {
        my $socket = connect_gateway();
        my $res = ask(undef, on => $socket, method => 'GET', path => '/pid');

        $socket{$res->{body}} ||= $socket;

        last if keys %socket == 2;
    }

    return map { [$_, $socket{$_}] } sort keys %socket;
}


sub master {
    open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/nginx.pid"
        or return 0;
    my $pid = <$fh>;
    return $pid ? int $pid : 0;
}


sub children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return ();
    return split ' ', <$fh> || '';
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: Azure OpenAI, the form, the header
--- provider_a eval: "preset azure; dialect openai; " . main::client()
--- do
$main::token->play(main::grant('eyJ0.eyJh.c2ln'));
provider('a')->play('ok hi');

is(content_of(ask(chat())), 'hi', "answer");
is(main::sent()->{line}, 'POST /openai/v1/chat/completions HTTP/1.1', "path");
is(main::sent()->{headers}{authorization}, 'Bearer eyJ0.eyJh.c2ln', "token");
ok(!exists main::sent()->{headers}{'api-key'}, "no key");

my ($asked) = $main::token->seen;

is($asked->{line}, 'POST /my-tenant/oauth2/v2.0/token HTTP/1.1', "where");

my $form = form($asked->{body});

is($form->{grant_type}, 'client_credentials', "grant");
like($form->{client_id}, qr/^client-\d+$/, "client");
is($form->{client_secret}, 'secret of&client=', "secret");
is($form->{scope}, 'https://cognitiveservices.azure.com/.default', "scope");



=== TEST 2: a token that is no JSON web token; Claude there
--- provider_a eval: "preset azure_anthropic; dialect anthropic; " . main::client()
--- do
$main::token->play(main::grant('opaque'));
provider('a')->play('claude hi');

is(content_of(ask(chat(max_tokens => 5))), 'hi', "answer");
is(main::sent()->{headers}{authorization}, 'Bearer opaque', "token");
ok(!exists main::sent()->{headers}{'x-api-key'}, "no key");



=== TEST 3: a token goes out with what llm_relay passes on, too
--- provider_a eval: "preset azure; dialect openai; " . main::client()
--- config
    access_log off;
    location = /alive { return 204; }
    location /up/ { llm_relay a; llm_auth off;
                    client_body_buffer_size 128k; }
--- do
$main::token->play(main::grant('relayed'));
provider('a')->play("json {}\n");

is(ask('{"model":"x"}', path => '/up/openai/v1/responses',
       headers => { Authorization => 'Bearer client' })->{status}, 200,
   "served");
is(main::sent()->{line}, 'POST /openai/v1/responses HTTP/1.1', "path");
is(main::sent()->{headers}{authorization}, 'Bearer relayed', "token");
unlike(main::sent()->{head}, qr/client$|api-key/m, "and no other");



=== TEST 4: two workers, one token
--- provider_a eval: "preset azure; dialect openai; " . main::client()
--- do
$main::token->play("sleep 0.3\n" . main::grant('shared'));
provider('a')->play('ok hi');

my @worker = main::workers_of();

is(scalar @worker, 2, "both answer");

# both want it at once, and one asks

send_request($_->[1], chat()) for @worker;

is(content_of(read_response($_->[1])), 'hi', "answer") for @worker;
is(scalar $main::token->seen, 1, "asked once");
is($_->{headers}{authorization}, 'Bearer shared', "token")
    for provider('a')->seen;



=== TEST 5: renewed once, whoever does it
--- provider_a eval: "preset azure; dialect openai; " . main::client()
--- do
$main::token->play(main::grant('first', 4) . "==\n" . main::grant('second'));
provider('a')->play('ok hi');

my @worker = main::workers_of();

is(content_of(ask(chat(), on => $_->[1])), 'hi', "answer") for @worker;
is(scalar $main::token->seen, 1, "one for both");

ok(wait_for(sub { $main::token->seen > 1 }, 5), "renewed");
sleep 1.5;
is(scalar $main::token->seen, 2, "once");

is(content_of(ask(chat(), on => $_->[1])), 'hi', "answer") for @worker;
is(main::sent()->{headers}{authorization}, 'Bearer second', "the new one");



=== TEST 6: a worker that dies while it fetches
--- errors
--- provider_a eval: "preset azure; dialect openai; " . main::client()
--- do
$main::token->play("stall\n==\n" . main::grant('after'));
provider('a')->play('ok hi');

my @worker = main::workers_of();

send_request($worker[0][1], chat());
ok(wait_for(sub { $main::token->seen }, 3), "it fetches");

kill KILL => $worker[0][0];

my $res = ask(chat(), on => $worker[1][1]);

is(content_of($res), 'hi', "the other one does");
ok($res->{time} < 3, "at once");
is(main::sent()->{headers}{authorization}, 'Bearer after', "token");
--- no_error_log
was locked by



=== TEST 7: a reload keeps the token
--- provider_a eval: "preset azure; dialect openai; " . main::client()
--- do
$main::token->play(main::grant('kept'));
provider('a')->play('ok hi');

is(content_of(ask(chat())), 'hi', "answer");

my $master = main::master();
my %old = map { $_ => 1 } main::children($master);

kill HUP => $master;

ok(wait_for(sub { my %now = map { $_ => 1 } main::children($master);
                  !grep { $now{$_} } keys %old }, 5), "reloaded");

is(content_of(ask(chat())), 'hi', "answer") for 1 .. 4;
is(scalar $main::token->seen, 1, "asked once");



=== TEST 8: workers leave while a token is fetched
--- provider_a eval: "preset azure; dialect openai; " . main::client()
--- do
$main::token->play("sleep 0.5\n" . main::grant('late'));
provider('a')->play('ok hi');

my $socket = connect_gateway();
send_request($socket, chat());

ok(wait_for(sub { $main::token->seen }, 3), "it is fetched");

my $master = main::master();
my %old = map { $_ => 1 } main::children($master);

kill HUP => $master;

is(content_of(read_response($socket)), 'hi', "the request is served");
close $socket;

ok(wait_for(sub { my %now = map { $_ => 1 } main::children($master);
                  !grep { $now{$_} } keys %old }, 5), "they are gone");
--- no_error_log
open socket
[error]
[alert]



=== TEST 9: a secret that is refused
--- errors
--- provider_a eval: "preset azure; dialect openai; " . main::client()
--- do
$main::token->play('status 401' . "\n" . 'json {"error":"invalid_client",'
    . '"error_description":"AADSTS7000215: Invalid client secret"}');

is(error_of(ask(chat())), '502 server_error provider_auth', "error");
--- error_log
status 401, invalid_client, next try in 10 seconds
--- no_error_log
secret of
secret%20of
[alert]



=== TEST 7: a client of somebody else's, without a scope
--- provider_a eval
"preset azure_ai; dialect openai; $main::url"
. 'client_id "sb-1!a2|aicore!b3"; key env:LLM_TEST_SECRET; '
. 'header AI-Resource-Group default; api_version 2024-10-21; '
. 'token_url http://127.0.0.1:' . $main::token->port . '/oauth/token;'
--- do
$main::token->play(main::grant('eyJ.else'));
provider('a')->play('ok hi');

is(content_of(ask(chat())), 'hi', "answer");
is(main::sent()->{line}, 'POST /chat/completions?api-version=2024-10-21 '
   . 'HTTP/1.1', "path");
is(main::sent()->{headers}{authorization}, 'Bearer eyJ.else', "token");
is(main::sent()->{headers}{'ai-resource-group'}, 'default', "header");

my ($asked) = $main::token->seen;

is($asked->{line}, 'POST /oauth/token HTTP/1.1', "where");

my $form = form($asked->{body});

is_deeply([sort keys %$form], ['client_id', 'client_secret', 'grant_type'],
          "no scope");
is($form->{client_id}, 'sb-1!a2|aicore!b3', "client");
is($form->{client_secret}, 'secret of&client=', "secret");



=== TEST 8: a scope of one's own; another dialect
--- provider_a eval: "dialect mistral; " . main::client('scope "a/.default b";')
--- do
$main::token->play(main::grant('eyJ.scope'));
provider('a')->play('ok hi');

is(content_of(ask(chat())), 'hi', "answer");
is(main::sent()->{headers}{authorization}, 'Bearer eyJ.scope', "token");

my ($asked) = $main::token->seen;

is(form($asked->{body})->{scope}, 'a/.default b', "scope");
