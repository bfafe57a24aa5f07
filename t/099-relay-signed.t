# llm_relay to Bedrock: signatures over what is passed on, messages that are.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use EventStream;
use Gateway;
use Signature;

repeat_each(1);
plan 'no_plan';

$ENV{LLM_TEST_AWS} = 'AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
$ENV{LLM_TEST_AWS_BEARER} = 'ABSKexample';

our @aws = ('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'us-east-1',
            'bedrock');

gateway(
    providers => ['a'],
    defaults  => {
        provider_a => "dialect bedrock; region us-east-1; "
                      . "key env:LLM_TEST_AWS; url http://127.0.0.1:"
                      . "PORT;",
        model      => "deployment a x;",
        config     => <<'_EOC_',
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /bedrock/ { llm_relay a; llm_auth off; client_max_body_size 64m;
                         client_body_buffer_size 16k; }
_EOC_
    },
);

# the port is known now

$Gateway::default{provider_a} =~ s/PORT/provider('a')->port/e;


sub sent {
    return (provider('a')->seen)[-1];
}


sub stream {
    my ($script, $end) = @_;

    return "chunked application/vnd.amazon.eventstream\n"
        . EventStream::say(EventStream::script($script))
        . (defined $end ? $end : "end\n");
}

our $path = '/bedrock/model/us.amazon.nova-pro-v1:0';

no_long_string();
run_tests();

__DATA__

=== TEST 1: a body in memory, none, and a query
--- do
my $answer = '{"output":{},"usage":{"inputTokens":10,"outputTokens":5,'
    . '"totalTokens":15}}';

provider('a')->play("json $answer\n");

my $body = '{"messages":[]}';
my $res = ask($body, path => "$::path/converse",
              headers => { Authorization => 'AWS4-HMAC-SHA256 client',
                           'X-Amz-Date' => '20010101T000000Z',
                           'X-Amz-Security-Token' => 'client',
                           'X-Amz-Content-Sha256' => 'client' });

is(sent()->{line}, 'POST /model/us.amazon.nova-pro-v1:0/converse HTTP/1.1',
   "line");
is(sent()->{body}, $body, "body");
unlike(sent()->{head}, qr/client|20010101/, "nothing of the client's");
ok(signature(sent(), @::aws), "signature");
ok(!signature({ %{sent()}, body => 'x' }, @::aws),
   "of the body");
is($res->{body}, $answer, "answer");
like(logged(1), qr/^200\|OK\|a\|1\|us\.amazon\.nova-pro-v1:0\|us\.amazon\.nova-pro-v1:0\|10\|5\|/,
     "usage");

provider('a')->play("json {}\n");
ask(undef, path => '/bedrock/guardrails/x?z=1&b=%20y&b=+&a-b', method => 'GET');
is(sent()->{line}, 'GET /guardrails/x?z=1&b=%20y&b=+&a-b HTTP/1.1', "GET");
ok(signature(sent(), @::aws), "signature with a query");
ok(!signature({ %{sent()}, line => 'GET /guardrails/x?z=2 HTTP/1.1' },
              @::aws), "of the query");



=== TEST 2: a body in a file, and one in chunks
--- do
provider('a')->play("json {}\n");

my $body = '{"x":"' . join('', map { chr(97 + $_ % 26) } 1 .. 300000) . '"}';

ask($body, path => "$::path/converse");
is(length sent()->{body}, length $body, "whole");
ok(signature(sent(), @::aws), "signature");

my $socket = connect_gateway();
print {$socket} "POST $::path/invoke HTTP/1.1\r\nHost: h\r\n"
    . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

for my $part ('{"a"', ':1', '}') {
    printf {$socket} "%x\r\n%s\r\n", length $part, $part;
    $socket->flush;
    Time::HiRes::sleep(0.05);
}

print {$socket} "0\r\n\r\n";
is(read_response($socket)->{status}, 200, "in chunks");
is(sent()->{body}, '{"a":1}', "body");
ok(signature(sent(), @::aws), "signature");



=== TEST 3: the second try has the same signature
--- do
provider('a')->play("json {\"n\":1}\ncut\n==\njson {\"n\":2}\n");

is(ask('{"n":1}', path => "$::path/invoke")->{body}, '{"n":1}', "first");
Time::HiRes::sleep(0.1);
is(ask('{"n":2}', path => "$::path/invoke")->{body}, '{"n":2}', "second");
ok(signature(sent(), @::aws), "signature");



=== TEST 4: messages of Converse pass, and their usage counts
--- do
my $script = <<'_END_';
messageStart {"role":"assistant"}
contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"\"usage\":{\"inputTokens\":1}"}}
messageStop {"stopReason":"end_turn"}
metadata {"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15},"metrics":{"latencyMs":3}}
_END_

for my $split (1, 7, 100000) {
    provider('a')->play("split $split\n" . stream($script));

    my $res = ask('{"messages":[]}', path => "$::path/converse-stream");

    is($res->{headers}{'content-type'}, 'application/vnd.amazon.eventstream',
       "type");
    ok($res->{body} eq EventStream::script($script), "as they came");
    ok($res->{whole}, "to the end");
}

like(logged(3), qr/^200\|OK\|a\|1\|[^|]*\|[^|]*\|10\|5\|/, "usage");



=== TEST 5: Claude's events inside of messages; other models
--- do
my $script = <<'_END_';
chunk {"type":"message_start","message":{"id":"m","usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}
chunk {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}
chunk {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}
chunk {"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1,"outputTokenCount":1}}
_END_

provider('a')->play(stream($script));
my $res = ask('{}', path => "$::path/invoke-with-response-stream");
ok($res->{body} eq EventStream::script($script), "as they came");
like(logged(1), qr/^200\|OK\|a\|1\|[^|]*\|[^|]*\|15\|9\|-\|-\|0\|5/, "usage");

$script = 'chunk {"generation":"x","amazon-bedrock-invocationMetrics":'
    . '{"inputTokenCount":3,"outputTokenCount":4}}';

provider('a')->play(stream($script));
$res = ask('{}', path => "$::path/invoke-with-response-stream");
like(logged(2), qr/^200\|OK\|a\|1\|[^|]*\|[^|]*\|3\|4\|/, "metrics");

# what is broken passes as it is

$script .= "\n!flip 1\n";
provider('a')->play(stream($script));
$res = ask('{}', path => "$::path/invoke-with-response-stream");
ok($res->{body} eq EventStream::script($script), "as they came");
ok($res->{whole}, "to the end");



=== TEST 6: a key of Bedrock's own
--- provider_a eval
"dialect bedrock; region us-east-1; key env:LLM_TEST_AWS_BEARER; "
. "url http://127.0.0.1:" . Gateway::provider('a')->port . ";"
--- do
provider('a')->play("json {}\n");
ask('{}', path => "$::path/invoke");
is(sent()->{headers}{authorization}, 'Bearer ABSKexample', "bearer");
ok(!exists sent()->{headers}{'x-amz-date'}, "no signature");
is(scalar(() = sent()->{head} =~ /^authorization:/mgi), 1, "once");



=== TEST 7: a query that is too long to be signed
--- do
provider('a')->play("json {}\n");

my $res = ask('{}', path => "$::path/invoke?" . join('&', ('a=1') x 64));

is($res->{status}, 200, "as many parameters as there may be");
ok(signature(sent(), @::aws), "signature");

for my $query (join('&', ('a=1') x 65), 'a=' . '%' x 16384) {
    is(error_of(ask('{}', path => "$::path/invoke?$query")),
       '414 invalid_request_error null', "too many, or too long");
}

is(scalar provider('a')->seen, 1, "not sent");
--- http
    large_client_header_buffers 4 64k;



=== TEST 8: SageMaker: usage in events that messages cut
--- provider_a eval
"dialect sagemaker; region us-east-1; key env:LLM_TEST_AWS; "
. "url http://127.0.0.1:" . Gateway::provider('a')->port . ";"
--- do
my $script = <<'_END_';
part data: {"choices":[{"delta":{"content":"\"usage\":{}"}}]}%0a%0adata: {"choices":[],"us
part age":{"prompt_tokens":21,"completion_to
part kens":4,"total_tokens":25}}%0a%0adata: [DONE]%0a%0a
_END_

provider('a')->play(stream($script));

my $res = ask('{"messages":[],"stream":true}',
              path => '/bedrock/endpoints/own/invocations-response-stream');

ok($res->{body} eq EventStream::script($script), "as they came");
ok($res->{whole}, "to the end");
like(logged(1), qr/^200\|OK\|a\|1\|own\|own\|21\|4\|/, "usage");
