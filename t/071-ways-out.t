# Every way out of a request gives back what it held, once.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use Test::Nginx::Socket;
use Time::HiRes qw(sleep);
use Gateway;

repeat_each(1);
plan 'no_plan';

master_on();

$ENV{TEST_NGINX_SECRET} = 'sha256:' . sha256_hex('sk-a');

gateway(
    providers => ['a', 'b'],
    defaults  => {
        location => 'llm_auth on;',
        model    => 'deployment a x;',
        http     => 'llm_key k { secret $TEST_NGINX_SECRET; concurrency 1;'
                    . ' quota requests=100/total; }',
        a        => plain(),
    },
);


sub plain {
    return qq(json {"id":"x","object":"chat.completion","model":"m",)
           . qq("choices":[{"index":0,"message":{"role":"assistant",)
           . qq("content":"hello"},"finish_reason":"stop"}],)
           . qq("usage":{"prompt_tokens":10,"completion_tokens":5,)
           . qq("total_tokens":15}}\n);
}


sub a {
    return ask(chat(@_), headers => { Authorization => 'Bearer sk-a' });
}


sub begin {
    my ($socket, @chat) = (connect_gateway(), @_);

    send_request($socket, chat(@chat),
                 headers => { Authorization => 'Bearer sk-a' });

    return $socket;
}


# the one slot is free, and so many requests are charged, this one too

sub is_free {
    my ($what, $charged) = @_;

    provider('a')->play(plain());

    my $res;

    wait_for(sub { $res = a(); $res->{status} == 200 });

    is($res->{status}, 200, "$what: the slot is free");
    is(100 - ($res->{headers}{'x-ratelimit-remaining-requests'} || 0),
       $charged, "$what: charged")
        if defined $charged;
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a method that is not served
--- do
    for my $method (qw(HEAD GET PUT DELETE OPTIONS)) {
        ask(chat(), method => $method, timeout => 0.3, headers => { Authorization => 'Bearer sk-a' });
    }
    is_free('methods', 1);



=== TEST 2: a body that is none
--- do
    for my $body ('', '{', '[]', '{"model":"m"}', 'x' x 100) {
        ask($body, headers => { Authorization => 'Bearer sk-a' });
    }
    is_free('bodies', 1);



=== TEST 3: a client that leaves within its body
--- do
    for (1 .. 3) {
        my $s = connect_gateway();
        print {$s} "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n",
                   "Authorization: Bearer sk-a\r\nContent-Type: application/json\r\n",
                   "Content-Length: 1000\r\n\r\n{\"model\":";
        $s->flush;
        sleep 0.1;
        close $s;
    }
    is_free('body', 1);



=== TEST 4: a client that leaves while a name is looked for
--- http
    resolver 127.0.0.1:1; resolver_timeout 20s;
    llm_provider far { dialect openai; key none; url http://nowhere.test/v1; connect_timeout 15s; }
    llm_model far { deployment far x; }
    llm_key k { secret $TEST_NGINX_SECRET; concurrency 1; quota requests=100/total; }
--- errors
--- do
    my $s = begin(model => '"far"');
    sleep 0.3;
    is(a()->{status}, 429, 'it is held');
    close $s;
    is_free('prepare', 1);



=== TEST 5: a stream that is cancelled in HTTP/2
--- a
sse
role
text a
flush
stall
--- do
    curl2(chat(stream => 'true'), '-H', 'Authorization: Bearer sk-a', '-m', '0.5');
    is_free('http/2', 2);



=== TEST 6: one that is cancelled before it began, in HTTP/2
--- a
stall
--- do
    curl2(chat(stream => 'true'), '-H', 'Authorization: Bearer sk-a', '-m', '0.5');
    is_free('http/2', 2);



=== TEST 7: many on one connection
--- do
    my $s = connect_gateway();
    for my $n (1 .. 5) {
        send_request($s, chat(), headers => { Authorization => 'Bearer sk-a' });
        is(read_response($s)->{status}, 200, "request $n");
    }
    close $s;
    is_free('connection', 6);



=== TEST 8: an error page, in a location that is a gateway too
--- config
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ {
        llm_auth on; client_max_body_size 64m; client_body_buffer_size 1m;
        error_page 400 429 500 502 503 504 = @again;
        llm_gateway;
    }
    location @again { llm_auth on; client_max_body_size 64m; client_body_buffer_size 1m; llm_gateway prefix=/; }
--- a
status 500
json {}
--- errors
--- do
    a() for 1 .. 3;
    ask('{', headers => { Authorization => 'Bearer sk-a' });
    is_free('error page');



=== TEST 9: a post_action that is a gateway too
--- config
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ {
        llm_auth on; client_max_body_size 64m; client_body_buffer_size 1m;
        post_action @after;
        llm_gateway;
    }
    location @after { llm_auth on; client_max_body_size 64m; client_body_buffer_size 1m; llm_gateway prefix=/; }
--- errors
--- do
    a() for 1 .. 3;
    is_free('post action');



=== TEST 10: a mirror that is a gateway too
--- config
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ {
        llm_auth on; client_max_body_size 64m; client_body_buffer_size 1m;
        mirror /mirror;
        llm_gateway;
    }
    location = /mirror {
        internal;
        rewrite ^ /v1/chat/completions break;
        llm_auth on; client_max_body_size 64m; client_body_buffer_size 1m; llm_gateway;
    }
--- http
    llm_key k { secret $TEST_NGINX_SECRET; concurrency 2; quota requests=100/total; }
--- errors
--- do
    a() for 1 .. 3;
    is_free('mirror');



=== TEST 11: clocks
--- model
deployment a x; first_token_timeout 300ms; total_timeout 600ms;
--- a
stall
--- errors
--- do
    is(a(stream => 'true')->{status}, 504, 'no first token');
    is(a()->{status}, 504, 'no answer in time');
    provider('a')->play("sse\nrole\ntext a\nflush\nstall\n");
    is(a(stream => 'true')->{status}, 200, 'a stream that ends too late');
    is_free('clocks', 2);



=== TEST 12: all deployments are passed over
--- provider_a
quota requests=1/total;
--- errors
--- do
    is(a()->{status}, 200, 'once');
    is(a()->{status}, 429, 'then no more') for 1 .. 3;
    my $res = a();
    like($res->{body}, qr/of provider \\"a\\"/, 'not for want of a slot');
