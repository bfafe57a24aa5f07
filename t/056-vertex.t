# Vertex AI: paths, bodies and access tokens.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Time::HiRes qw(sleep time);
use Gateway;
use Tokens;

repeat_each(1);
plan 'no_plan';

# "token" is where tokens come from; each block has a key of its own, for
# the zone of tokens outlives a reload

our $token = Provider->new;
our $nth = 0;

gateway(
    providers => ['a', 'b'],
    defaults  => { model => "deployment a gemini-2.5-flash tier=1; "
                            . "deployment b up-b tier=2;" },
);

our $url = 'url http://127.0.0.1:' . provider('a')->port . ';';


sub vertex {
    my (%opt) = @_;

    my $file = account("key" . ++$nth, private_key_id => "key$nth",
        token_uri => 'http://127.0.0.1:' . $token->port . '/token',
        %{$opt{account} || {}});

    return "dialect vertex; $url key file:$file; " . ($opt{more} || '');
}


# a token, and what serves it

sub grant {
    my ($value, $expires) = @_;

    $expires = 3600 if !defined $expires;

    return "json {\"access_token\":\"$value\",\"expires_in\":$expires,"
           . "\"token_type\":\"Bearer\"}\n";
}


sub answer {
    my ($text) = @_;

    return 'json {"candidates":[{"content":{"role":"model","parts":['
           . "{\"text\":\"$text\"}]},\"finishReason\":\"STOP\"}],"
           . '"usageMetadata":{"promptTokenCount":7,'
           . '"candidatesTokenCount":3,"totalTokenCount":10},'
           . '"modelVersion":"gemini-2.5-flash","responseId":"r1"}' . "\n";
}


# what the provider was sent last

sub sent {
    return (provider('a')->seen)[-1];
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a token is fetched with a signed assertion, once
--- provider_a eval: main::vertex()
--- do
$main::token->play(main::grant('ya29.one'));
provider('a')->play(main::answer('hi'));

my $res = ask(chat(max_tokens => 5));

is($res->{status}, 200, "status");
is(content_of($res), 'hi', "answer");

is(main::sent()->{line}, 'POST /v1/projects/my-project/locations/global'
   . '/publishers/google/models/gemini-2.5-flash:generateContent HTTP/1.1',
   "path");
is(main::sent()->{headers}{authorization}, 'Bearer ya29.one', "token");
ok(!exists main::sent()->{headers}{'x-goog-api-key'}, "no key");
is(main::sent()->{body}, '{"contents":[{"role":"user","parts":[{"text":"hi"}'
   . ']}],"generationConfig":{"maxOutputTokens":5}}', "body");

is(ask(chat())->{status}, 200, "another");

my @asked = $main::token->seen;

is(scalar @asked, 1, "one token for both");
is($asked[0]{line}, 'POST /token HTTP/1.1', "where");
is($asked[0]{headers}{'content-type'}, 'application/x-www-form-urlencoded',
   "a form");

my $form = form($asked[0]{body});

is($form->{grant_type}, 'urn:ietf:params:oauth:grant-type:jwt-bearer',
   "grant");

my ($header, $claims) = assertion($form->{assertion});

is($header->{alg}, 'RS256', "algorithm");
like($header->{kid}, qr/^key\d+$/, "key");
is($claims->{iss}, 'me@my-project.iam.gserviceaccount.com', "issuer");
is($claims->{aud}, 'http://127.0.0.1:' . $main::token->port . '/token',
   "audience");
is($claims->{scope}, 'https://www.googleapis.com/auth/cloud-platform',
   "scope");
ok(abs($claims->{iat} - time) < 5, "issued now");
is($claims->{exp} - $claims->{iat}, 3600, "for an hour");



=== TEST 2: a stream, on a regional path, with another version of the API
--- provider_a eval
main::vertex(more => 'project other-project; location europe-west4;') =~
s/;/\/v1beta1;/r =~ s/dialect vertex\/v1beta1;/dialect vertex;/r =~
s/(url http[^;]*);/$1\/v1beta1;/r
--- do
$main::token->play(main::grant('ya29.two'));

my $chunk = sub {
    return 'data {"candidates":[{"content":{"role":"model","parts":[{"text":"'
        . $_[0] . '"}]}' . ($_[1] ? ',"finishReason":"STOP"' : '') . '}],'
        . '"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,'
        . '"totalTokenCount":10},"modelVersion":"g","responseId":"r"}' . "\n";
};

for my $split (0, 1, 7) {
    provider('a')->play(($split ? "split $split\n" : '') . "sse\n"
                        . $chunk->('one ') . $chunk->('two', 1) . "end\n");

    my $res = ask(chat(stream => 'true'));

    is(content_of($res), 'one two', "text");
    like($res->{body}, qr/data: \[DONE\]\n\n\z/, "whole");
}

is(main::sent()->{line}, 'POST /v1beta1/projects/other-project/locations/'
   . 'europe-west4/publishers/google/models/gemini-2.5-flash'
   . ':streamGenerateContent?alt=sse HTTP/1.1', "path");



=== TEST 3: what Vertex AI has otherwise in the body
--- provider_a eval: main::vertex()
--- model: deployment a gemini-2.5-flash;
--- do
$main::token->play(main::grant('ya29.three'));
provider('a')->play(main::answer('hi'));

my $res = ask('{"model":"m","service_tier":"flex","messages":['
    . '{"role":"user","content":[{"type":"text","text":"look"},'
    . '{"type":"image_url","image_url":{"url":"gs://bucket/a.png"}}]},'
    . '{"role":"assistant","tool_calls":[{"id":"call_1","type":"function",'
    . '"function":{"name":"f","arguments":"{}"}}]},'
    . '{"role":"tool","tool_call_id":"call_1","content":"done"}],'
    . '"tools":[{"type":"function","function":{"name":"f",'
    . '"description":"d"}}],"extra_body":{"google":{"labels":{"team":"x"},'
    . '"safety_settings":[{"category":"C","threshold":"T","method":"M"}]}}}');

is($res->{status}, 200, "status");
is($res->{headers}{'x-llm-dropped-params'}, 'service_tier', "dropped");

my $body = main::sent()->{body};

like($body, qr/"fileData":\{"mimeType":"image\/png","fileUri":"gs:/, "file");
like($body, qr/"functionCall":\{"name":"f"/, "a call without an id");
like($body, qr/"functionResponse":\{"name":"f"/, "nor its result");
like($body, qr/"labels":\{"team":"x"\}/, "labels");
like($body, qr/"threshold":"T","method":"M"/, "method");
unlike($body, qr/serviceTier/, "no tier");

is(error_of(ask('{"model":"m","messages":[{"role":"user","content":['
    . '{"type":"file","file":{"file_id":"files/abc"}}]}]}')),
   '400 invalid_request_error unsupported_parameter', "another API's file");



=== TEST 4: Claude, asked in OpenAI's way
--- provider_a eval: main::vertex(more => 'location us-east5;')
--- model: deployment a claude-sonnet-4-5@20250929;
--- do
$main::token->play(main::grant('ya29.four'));
provider('a')->play("claude hello\n==\nc-stream one two");

my $res = ask(chat(max_tokens => 5));

is(content_of($res), 'hello', "answer");
is($res->{headers}{'x-llm-cost'}, '0.000108000', "its price is known");
is(main::sent()->{line}, 'POST /v1/projects/my-project/locations/us-east5'
   . '/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict '
   . 'HTTP/1.1', "path");
is(main::sent()->{headers}{authorization}, 'Bearer ya29.four', "token");
ok(!exists main::sent()->{headers}{'anthropic-version'}, "in the body");
ok(!exists main::sent()->{headers}{'x-api-key'}, "no key");
is(main::sent()->{body}, '{"anthropic_version":"vertex-2023-10-16",'
   . '"max_tokens":5,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}',
   "body");

$res = ask(chat(max_tokens => 5, stream => 'true'));

is(content_of($res), 'one two', "stream");
like(main::sent()->{line}, qr/:streamRawPredict HTTP/, "path of streams");
is(main::sent()->{body}, '{"anthropic_version":"vertex-2023-10-16",'
   . '"stream":true,"max_tokens":5,"messages":[{"role":"user",'
   . '"content":[{"type":"text","text":"hi"}]}]}', "body");



=== TEST 5: Claude, asked in Anthropic's way: as it came, model excepted
--- provider_a eval: main::vertex()
--- http
llm_model claude-* { deployment a claude-*@20250929; cooldown off; }
--- do
$main::token->play(main::grant('ya29.five'));
provider('a')->play("claude hello\n==\nc-stream one two");

my $res = ask('{ "max_tokens":5, "model" : "claude-x", "mine":[1.50],'
    . '"messages":[{"role":"user","content":"hi"}]}',
    path => '/v1/messages', headers => { 'anthropic-beta' => 'b-1',
                                         'anthropic-version' => '2023-06-01' });

is($res->{body}, Provider::claude('hello'), "the answer as it came");
is(main::sent()->{body}, '{ "max_tokens":5, "anthropic_version" : '
   . '"vertex-2023-10-16", "mine":[1.50],'
   . '"messages":[{"role":"user","content":"hi"}]}', "the request, too");
like(main::sent()->{line}, qr{/anthropic/models/claude-x\@20250929:rawPr},
     "path");
is(main::sent()->{headers}{'anthropic-beta'}, 'b-1', "beta");
ok(!exists main::sent()->{headers}{'anthropic-version'}, "version");

$res = ask('{"model":"claude-x","max_tokens":5,"stream":true,'
    . '"messages":[{"role":"user","content":"hi"}]}',
    path => '/v1/messages');

like($res->{body}, qr/event: message_stop\n/, "stream");

is(error_of(ask('{"model":"claude-x","max_tokens":5,"anthropic_version":"x",'
    . '"messages":[{"role":"user","content":"hi"}]}',
    path => '/v1/messages')), '400 error -', "another version");



=== TEST 6: errors of both forms
--- errors
--- provider_a eval: main::vertex()
--- model
deployment a claude-1;
--- http
llm_model g { deployment a gemini-1; cooldown off; }
--- do
$main::token->play(main::grant('ya29.six'));

my $google = '{"error":{"code":429,"message":"Quota","status":'
    . '"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.'
    . 'rpc.RetryInfo","retryDelay":"7s"}]}}';

provider('a')->play("status 429\njson [$google]\n");

for my $model ('m', 'g') {
    my $res = ask(chat(model => "\"$model\""));

    is(error_of($res), '429 rate_limit_error provider_rate_limit', $model);
}

provider('a')->play("status 400\njson {\"error\":{\"code\":400,\"message\":"
    . "\"bad thing\",\"status\":\"INVALID_ARGUMENT\"}}\n==\nstatus 400\n"
    . "json {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\""
    . ",\"message\":\"bad claude\"}}");

my $res = ask('{"model":"m","max_tokens":5,"messages":[{"role":"user",'
    . '"content":"hi"}]}', path => '/v1/messages');

is($res->{status}, 400, "status");
like($res->{body}, qr/"type":"error","error":\{[^}]*bad thing/,
     "Google's error in Anthropic's shape");
like(ask(chat())->{body}, qr/bad claude/, "Anthropic's own");



=== TEST 7: an API key instead of an account
--- provider_a eval: "dialect vertex; $main::url key env:LLM_TEST_KEY;"
--- do
provider('a')->play(main::answer('hi'));

is(ask(chat())->{status}, 200, "status");
is(main::sent()->{line}, 'POST /v1/publishers/google/models/gemini-2.5-flash'
   . ':generateContent HTTP/1.1', "path");
is(main::sent()->{headers}{'x-goog-api-key'}, 'secret-of-provider', "key");
ok(!exists main::sent()->{headers}{authorization}, "alone");



=== TEST 8: a tuned model, names that stay in their place
--- provider_a eval: main::vertex()
--- model: deployment a endpoints/123;
--- http
llm_model x { deployment a "a/../b?c@d#"; cooldown off; }
--- do
$main::token->play(main::grant('ya29.eight'));
provider('a')->play(main::answer('hi'));

ask(chat());
is(main::sent()->{line}, 'POST /v1/projects/my-project/locations/global'
   . '/endpoints/123:generateContent HTTP/1.1', "endpoint");

ask(chat(model => '"x"'));
is(main::sent()->{line}, 'POST /v1/projects/my-project/locations/global'
   . '/publishers/google/models/a%2F..%2Fb%3Fc@d%23:generateContent '
   . 'HTTP/1.1', "escaped");



=== TEST 9: a token is renewed before it ends, while it is used
--- provider_a eval: main::vertex()
--- do
$main::token->play(main::grant('ya29.old', 4) . "==\n"
                   . main::grant('ya29.new', 4));
provider('a')->play(main::answer('hi'));

is(ask(chat())->{status}, 200, "status");
is(main::sent()->{headers}{authorization}, 'Bearer ya29.old', "the first");

ok(wait_for(sub { $main::token->seen == 2 }, 4), "renewed, nobody asking");
sleep 0.2;

is(ask(chat())->{status}, 200, "status");
is(main::sent()->{headers}{authorization}, 'Bearer ya29.new', "the second");



=== TEST 10: the endpoint is down, then up
--- errors
--- provider_a eval: main::vertex()
--- do
$main::token->play("status 503\nbody text/html sorry\n");
provider('a')->play(main::answer('from a'));
provider('b')->play("ok from b");

is(content_of(ask(chat())), 'from b', "the next deployment serves");
is(scalar provider('a')->seen, 0, "nothing is sent without a token");

my $n = $main::token->seen;

is(content_of(ask(chat())), 'from b', "again");
is(scalar $main::token->seen, $n, "it is left in peace for a second");

$main::token->play(main::grant('ya29.ten'));

ok(wait_for(sub { content_of(ask(chat())) eq 'from a' }, 4), "up");
is(main::sent()->{headers}{authorization}, 'Bearer ya29.ten', "token");
--- error_log
no access token of llm provider "a" from 127.0.0.1:
status 503, next try in 1 seconds
llm provider "a": it has no access token



=== TEST 11: the account is refused
--- errors
--- provider_a eval: main::vertex()
--- model: deployment a gemini-2.5-flash;
--- do
$main::token->play('status 400' . "\n" . 'json {"error":"invalid_grant",'
    . '"error_description":"Invalid JWT Signature."}');

is(error_of(ask(chat())), '502 server_error provider_auth', "error");
is(error_of(ask(chat())), '502 server_error provider_auth', "again");
is(scalar $main::token->seen, 1, "asked once");
--- error_log
status 400, invalid_grant, next try in 10 seconds
--- no_error_log
assertion
eyJ
PRIVATE
[alert]



=== TEST 12: answers that hold no token
--- errors
--- model: deployment a gemini-2.5-flash;
--- provider_a eval: main::vertex()
--- do
for my $bad ('json {}', 'json nonsense', "json {\"access_token\":\"a\\\\nb\"}",
             'json {"access_token":"x","expires_in":0}',
             'json {"access_token":"x","token_type":"mac"}',
             "raw nonsense\\r\\n\\r\\n\ncut", "at-accept cut",
             "raw HTTP/1.1 200 OK\\r\\nContent-Length: 99\\r\\n\\r\\n{\ncut",
             "raw HTTP/1.1 200 OK\\r\\nContent-Length: 70000\\r\\n\\r\\n"
             . ('x' x 70000) . "\ncut")
{
    $main::token->play($bad);

    ok(wait_for(sub { ask(chat()); $main::token->connections > 0 }, 70),
       "asked");
    last if ++$main::bad == 4;
}

is(error_of(ask(chat())), '502 server_error provider_error', "error");
--- timeout: 20



=== TEST 13: a slow endpoint holds a request up for connect_timeout
--- errors
--- provider_a eval: main::vertex(more => 'connect_timeout 300ms;')
--- do
$main::token->play("sleep 0.8\n" . main::grant('ya29.late'));
provider('a')->play(main::answer('from a'));
provider('b')->play("ok from b");

my $res = ask(chat());

is(content_of($res), 'from b', "the next deployment serves");
ok($res->{time} > 0.25 && $res->{time} < 0.75, "in time");

sleep 0.8;

is(content_of(ask(chat())), 'from a', "the token came later");
is(scalar $main::token->seen, 1, "and was asked for once");



=== TEST 14: a token that the provider refuses is renewed, once
--- errors
--- provider_a eval: main::vertex()
--- model: deployment a gemini-2.5-flash;
--- do
$main::token->play(main::grant('ya29.stale') . "==\n"
                   . main::grant('ya29.fresh'));

my $refuse = 'status 401' . "\n" . 'json {"error":{"code":401,'
    . '"message":"no","status":"UNAUTHENTICATED"}}' . "\n";

provider('a')->play($refuse . "==\n" . main::answer('hi') . "==\n$refuse");

is(error_of(ask(chat())), '502 server_error provider_auth', "refused");
is(content_of(ask(chat())), 'hi', "the next request has another");
is(main::sent()->{headers}{authorization}, 'Bearer ya29.fresh', "token");

is(error_of(ask(chat())), '502 server_error provider_auth', "refused");
is(error_of(ask(chat())), '502 server_error provider_auth', "again");
is(main::sent()->{headers}{authorization}, 'Bearer ya29.fresh', "kept");
is(scalar $main::token->seen, 2, "one renewal");
--- error_log
llm provider "a" refused its access token, another one is fetched
--- no_error_log
ya29
[alert]



=== TEST 15: two accounts take turns, one out of order is passed over
--- errors
--- provider_a eval
my $bad = Tokens::account("bad", private_key_id => 'bad',
    token_uri => "http://127.0.0.1:"
                 . $Gateway::provider{dead}->sockport . "/token");
main::vertex(more => "key file:$bad;")
--- do
$main::token->play(main::grant('ya29.fifteen'));
provider('a')->play(main::answer('hi'));

ok(wait_for(sub { $main::token->seen }, 3) || 1);

is(content_of(ask(chat())), 'hi', "answer") for 1 .. 4;
is(main::sent()->{headers}{authorization}, 'Bearer ya29.fifteen', "token");



=== TEST 16: a key that is the name of a file, as Google's variable is
--- provider_a eval
$ENV{LLM_TEST_ACCOUNT} = Tokens::account("named", private_key_id => 'named',
    token_uri => 'http://127.0.0.1:' . $main::token->port . '/token');
"dialect vertex; $main::url key env:LLM_TEST_ACCOUNT;"
--- do
$main::token->play(main::grant('ya29.sixteen'));
provider('a')->play(main::answer('hi'));

is(content_of(ask(chat())), 'hi', "answer");
