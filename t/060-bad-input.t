# What clients do wrong: the error says what, and no provider hears of it.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(providers => ['a', 'b']);

# expects "status type code", a parameter, what the message has

sub refused {
    my ($name, $body, $error, $param, $message, %opt) = @_;

    my $res = ask($body, %opt);

    is(error_of($res), $error, "$name: error");
    is($res->{whole}, 1, "$name: whole");
    like($res->{headers}{'content-type'}, qr{^application/json}, "$name: JSON");
    like($res->{body}, qr/^\{"error":\{"message":"(?:[^"\\]|\\.)+","type":
                           "[a-z_]+","param":(?:null|"(?:[^"\\]|\\.)*"),
                           "code":(?:null|"\w+")\}\}$/x, "$name: shape");
    like($res->{body}, qr/"param":$param,/, "$name: param");
    like($res->{body}, qr/$message/i, "$name: message");
    is(scalar(provider('a')->events) + scalar(provider('b')->events), 0,
       "$name: nothing reached a provider");

    return $res;
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: bodies that are no request
--- do
my $bad = "400 invalid_request_error null";
my $depth = 100000;

for my $case (
    ['no body', undef, $bad, 'null', 'no body'],
    ['empty', '', $bad, 'null', 'no body'],
    ['blanks', "  \n", $bad, 'null', 'JSON'],
    ['no JSON', 'hello', $bad, 'null', 'JSON'],
    ['cut', '{"model":"m","messages":[', $bad, 'null', 'JSON'],
    ['more behind it', chat() . '{}', $bad, 'null', 'JSON'],
    ['a comma too many', '{"model":"m",}', $bad, 'null', 'JSON'],
    ['single quotes', "{'model':'m'}", $bad, 'null', 'JSON'],
    ['NaN', '{"model":"m","messages":[],"x":NaN}', $bad, 'null', 'JSON'],
    ['no UTF-8', "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                 . "\"content\":\"\xff\"}]}", $bad, '(null|"messages.*")',
                 'JSON|UTF-8'],
    ['control character', "{\"model\":\"m\nn\"}", $bad, 'null', 'JSON'],
    ['an array', '[]', $bad, 'null', 'object'],
    ['a string', '"x"', $bad, 'null', 'object'],
    ['null', 'null', $bad, 'null', 'object'],
    ['depth, arrays', '[' x $depth, $bad, 'null', 'deep|nest|JSON'],
    ['depth, objects', '{"a":' x $depth, $bad, 'null', 'deep|nest|JSON'],
    ['depth, whole', '{"model":"m","messages":[{"role":"user","content":"x"}]'
     . ',"x":' . '[' x $depth . ']' x $depth . '}', $bad, 'null',
     'deep|nest|JSON'],
    ['empty object', '{}', $bad, '"(model|messages)"', 'model|messages'],
    ['no model', '{"messages":[{"role":"user","content":"x"}]}', $bad,
     '"model"', 'model'],
    ['no messages', '{"model":"m"}', $bad, '"messages"', 'messages'],
    ['no message', '{"model":"m","messages":[]}', $bad, '"messages"',
     'messages'],
) {
    refused(@$case);
}



=== TEST 2: wrong types
--- do
my $bad = "400 invalid_request_error null";

for my $case (
    [model => '1'], [model => 'null'], [model => '["m"]'], [model => '{}'],
    [model => '""'],
    [messages => '"x"'], [messages => '{}'], [messages => 'null'],
    [stream => '"yes"'], [stream => '1'],
    [stream_options => '"x"'], [stream_options => '[]'],
    [tools => '"x"'], [tools => '{}'],
) {
    my ($name, $value) = @$case;

    refused("$name: $value", chat(stream => 'true', $name => $value), $bad,
            "\"$name\"", $name);
}

for my $case (
    ['[1]', 'messages'], ['["x"]', 'messages'], ['[null]', 'messages'],
    ['[{}]', 'role'], ['[{"role":1,"content":"x"}]', 'role'],
    ['[{"role":"user","content":1}]', 'content'],
) {
    refused("messages: $case->[0]", chat(messages => $case->[0]), $bad,
            '"messages[^"]*"', $case->[1]);
}



=== TEST 3: models that are not there
--- do
for my $name ('x', 'M', 'm ', ' m', '\u006dm', 'a/b', '..', 'x' x 200, 'm*',
              '*')
{
    my $short = substr $name, 0, 20;

    refused("model $short", chat(model => "\"$name\""),
            "404 invalid_request_error model_not_found", '"model"',
            'does not exist');
}

my $bad = "400 invalid_request_error null";

refused("a control character", chat(model => '"m\u0000"'), $bad, '"model"',
        'control character');
refused("a long name", chat(model => '"' . 'x' x 100000 . '"'), $bad,
        '"model"', 'too long');
refused("a member twice", '{"model":"m","k":1,"k":2,"messages":[]}', $bad,
        '"k"', 'twice');
refused("in another case", chat(k => 1, K => 2), $bad, '"K"', 'twice');
refused("a known one in another case", chat(Max_Tokens => 5), $bad,
        '"Max_Tokens"', 'lower case');



=== TEST 4: a body that is too large
--- location
llm_auth off; client_max_body_size 1m;
--- errors
--- do
refused("by its length", undef,
        "413 invalid_request_error request_too_large", 'null', 'large',
        headers => { 'Content-Length' => 40 * 1024 * 1024 });
refused("all of it", 'x' x (40 * 1024 * 1024),
        "413 invalid_request_error request_too_large", 'null', 'large');
refused("chunked", sprintf("%x\r\n", 2000000) . 'x' x 2000000,
        "413 invalid_request_error request_too_large", 'null', 'large',
        headers => { 'Transfer-Encoding' => 'chunked' });



=== TEST 5: forty megabytes that are allowed and wrong
--- do
refused("a string without end", '{"model":"' . 'x' x (40 * 1024 * 1024),
        "400 invalid_request_error null", 'null', 'JSON', timeout => 20);
refused("commas", '[' . '0,' x (20 * 1024 * 1024),
        "400 invalid_request_error null", 'null', '', timeout => 20);
refused("messages", '{"model":"m","messages":[' . '{},' x (13 * 1024 * 1024),
        "400 invalid_request_error null", '(null|"messages.*")', '',
        timeout => 20);



=== TEST 6: wrong methods, paths, types
--- do
for my $method ('GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS') {
    my $res = refused("$method", undef,
        "405 invalid_request_error method_not_allowed", 'null', 'POST',
        method => $method);
    is($res->{headers}{allow}, 'POST', "$method: what is allowed");
}

for my $path ('/v1/chat/completion', '/v1/chat/completions/', '/v1/',
              '/v1/CHAT/completions', '/v1/v1/chat/completions',
              '/v1/nothing', '/v1/chat/completions/x')
{
    refused($path, chat(), "404 invalid_request_error unknown_url", 'null',
            'unknown URL', path => $path);
}

for my $type ('text/plain', 'multipart/form-data; boundary=x',
              'application/x-www-form-urlencoded', 'application/jsonx',
              'x', 'application/octet-stream')
{
    refused($type, chat(),
            "415 invalid_request_error unsupported_content_type", 'null',
            'content type', headers => { 'Content-Type' => $type });
}

provider('a')->play("ok x");

for my $type (undef, '', 'application/json; charset=utf-8',
              'APPLICATION/JSON', 'application/json;x', 'a/b+json')
{
    my $res = ask(chat(), headers => { 'Content-Type' => $type });
    is($res->{status}, 200, "good type " . (defined $type ? $type : 'none'));
}



=== TEST 7: keys
--- http
llm_key k {
    secret sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b;
    models m-* other;
}
llm_key all {
    secret sha256:b4d86a5d8a8d5d6d0a57e97ee6c8c7e1d3ee0e4d3a5c8f0bfbfdf4dbf6b3d7a1;
}
llm_model other { deployment a o; cooldown off; fallback m; }
--- location: llm_auth on;
--- do
my $no = "401 authentication_error invalid_api_key";

refused("no key", chat(), $no, 'null', 'key');

for my $value ('Bearer wrong', 'Bearer ', 'Bearer', 'Basic c2VjcmV0', 'secret',
               'bearersecret', 'Bearer secret x', 'Bearer "secret"',
               'Bearer ' . 'x' x 3000, 'Bearer ' . '0' x 64,
               'Bearer sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef'
               . '6a25fe97bf527a25b')
{
    my $res = refused("key " . substr($value, 0, 20), chat(), $no, 'null',
                      'key', headers => { Authorization => $value });
    is($res->{headers}{'x-should-retry'}, 'false', "no retry mends it");
}

refused("no body is read for a wrong key", undef, $no, 'null', 'key',
        headers => { 'Content-Length' => 1000000,
                     'Expect' => '100-continue' });

my $key = { Authorization => 'Bearer secret' };

refused("a model that is not for it", chat(),
        "403 permission_error model_not_allowed", '"model"', 'may not',
        headers => $key);
refused("a model that is not there", chat(model => '"nothing"'),
        "404 invalid_request_error model_not_found", '"model"', 'exist',
        headers => $key);

provider('a')->play("ok x");

for my $header ($key, { Authorization => 'bearer secret' },
                { 'x-api-key' => 'secret' }, { 'api-key' => 'secret' })
{
    my $res = ask(chat(model => '"other"'), headers => $header);
    is($res->{status}, 200, "one that is, by " . (keys %$header)[0]);
}

provider('a')->play("status 500\njson {}");
my $res = ask(chat(model => '"other"'), headers => $key);
is("$res->{status} $res->{headers}{'x-llm-attempts'}", "502 1",
   "no fallback to a model that it may not use");



=== TEST 8: a client that stops in the middle
--- location: llm_auth off; client_body_timeout 200ms;
--- do
my $socket = connect_gateway();
send_request($socket, '{"model":', headers => { 'Content-Length' => 100 });
close $socket;

$socket = connect_gateway();
send_request($socket, '{"model":', headers => { 'Content-Length' => 100 });
my $res = read_response($socket, 3);
ok($res->{closed} || $res->{status} == 408, "it is not waited for");
is(scalar(provider('a')->events), 0, "nothing reached a provider");
provider('a')->play("ok x");
is(ask(chat())->{status}, 200, "others are served");
