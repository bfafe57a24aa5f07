# Forms that are passed on: audio, images.  The body stays where nginx put it.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

gateway(
    providers => ['a', 'b'],
    defaults  => { model => "deployment a the-provider's-name;" },
);


sub sent {
    my ($name) = @_;

    return (provider($name || 'a')->seen)[-1];
}


# parts: "name" => value, or [filename, bytes]

sub form {
    my (@part) = @_;

    my $body = '';

    while (my ($name, $value) = splice @part, 0, 2) {
        $body .= "--XyZ\r\nContent-Disposition: form-data; name=\"$name\"";
        $body .= "; filename=\"$value->[0]\"\r\nContent-Type: audio/wav"
            if ref $value;
        $body .= "\r\n\r\n" . (ref $value ? $value->[1] : $value) . "\r\n";
    }

    return "$body--XyZ--\r\n";
}


sub post {
    my ($body, %opt) = @_;

    return ask($body, path => '/v1/audio/transcriptions',
               headers => { 'Content-Type' =>
                                'multipart/form-data; boundary=XyZ',
                            Authorization => 'Bearer client' }, %opt);
}


# kilobytes that are the worker's own

sub memory {
    open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/nginx.pid" or die;
    my $pid = <$fh>;
    close $fh;

    my ($sum, $own) = (0, 0);

    chomp $pid;
    open $fh, '<', "/proc/$pid/smaps_rollup" or die "no smaps_rollup: $!";

    while (my $line = <$fh>) {
        $sum += $1 if $line =~ /^Private_\w+:\s+(\d+) kB/;
    }

    close $fh;

    return $sum;
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: the model's name in its part, wherever that stands
--- do
for my $parts (['model', 'm', 'file', ['a.wav', "\0\r\n--Xy\r\n--XyY"],
                'language', 'en'],
               ['file', ['a.wav', "\r\r\n-\r\n--Xy-"], 'model', 'm'],
               ['language', 'en', 'model', 'm'])
{
    my @want = @$parts;

    for my $i (0 .. $#want) {
        $want[$i + 1] = "the-provider's-name"
            if !ref $want[$i] && $want[$i] eq 'model';
    }

    provider('a')->play('json {"text":"hello","usage":{"type":"tokens",'
        . '"input_tokens":14,"output_tokens":3,"total_tokens":17}}' . "\n");

    my $res = post(form(@$parts));

    is(sent()->{line}, 'POST /v1/audio/transcriptions HTTP/1.1', "path");
    is(sent()->{headers}{authorization}, 'Bearer secret-of-provider', "key");
    is(sent()->{headers}{'content-type'},
       'multipart/form-data; boundary=XyZ', "type");
    is(sent()->{headers}{'content-length'}, length form(@want), "length");
    is(sent()->{body}, form(@want), "body");
    is($res->{status}, 200, "status");
    like($res->{body}, qr/^\{"text":"hello"/, "answer");
}

like(logged(3),
     qr/^200\|OK\|a\|1\|m\|the-provider's-name\|14\|3\|-\|-\|0\|/, "logged");



=== TEST 2: a body in a temporary file, sent a second time
--- do
my $bytes = join '', map { chr(($_ * 7) % 256) } 0 .. 60000;
my @parts = ('file', ['a.wav', $bytes], 'model', 'm', 'prompt', $bytes);
my @want = @parts;

$want[3] = "the-provider's-name";

provider('a')->play('json {"text":"hello"}' . "\n");
my $res = post(form(@parts));
is($res->{status}, 200, "status");
ok(sent()->{body} eq form(@want), "body");

# the connection that was kept is closed: the same buffers go out again

provider('a')->play("json {\"text\":\"1\"}\ncut\n==\njson {\"text\":\"2\"}\n");
post(form(@parts));
Time::HiRes::sleep(0.1);
$res = post(form(@parts));
like($res->{body}, qr/"2"/, "after a stale connection");
ok(sent()->{body} eq form(@want), "body");

# a failure behind the request: another deployment, another name

provider('a')->play("status 503 No\njson {}\n");
provider('b')->play('json {"text":"b"}' . "\n");
$parts[3] = 'n';
$want[3] = 'up-b';
$res = post(form(@parts));
like($res->{body}, qr/"b"/, "by the next");
ok(sent('b')->{body} eq form(@want), "body");

# cut, and the same once more

$parts[3] = 'o';
$want[3] = 'same';
provider('a')->play("cut\n");
$res = post(form(@parts));
is($res->{status}, 502, "cut each time");

my @seen = provider('a')->seen;
$want[3] = "a-name";
ok($_->{body} eq form(@want), "whole each time") for @seen;
cmp_ok(scalar @seen, '>=', 2, "repeated");
--- buffer: 16k
--- http
    llm_model n { deployment a up-a tier=1; deployment b up-b tier=2;
                  cooldown off; }
    llm_model o { deployment a a-name; cooldown off; }
--- errors



=== TEST 3: sendfile on
--- do
my $bytes = join '', map { chr(($_ * 7) % 256) } 0 .. 60000;
my @parts = ('file', ['a.wav', $bytes], 'model', 'm', 'prompt', $bytes);
my @want = @parts;

$want[3] = "the-provider's-name";
provider('a')->play("json {\"text\":\"1\"}\ncut\n==\njson {\"text\":\"2\"}\n");

post(form(@parts));
ok(sent()->{body} eq form(@want), "body");
Time::HiRes::sleep(0.1);
post(form(@parts));
ok(sent()->{body} eq form(@want), "body, again");

# without an edit the file itself is sent

provider('a')->play('json {"id":"f"}' . "\n");
post(form(@parts), path => '/v1/files?provider=a');
ok(sent()->{body} eq form(@parts), "as it is");
--- buffer: 16k
--- location: llm_auth off; sendfile on;



=== TEST 4: a body without a length, and one in small pieces
--- do
my @parts = ('file', ['a.wav', 'x' x 3000], 'model', 'm');
my @want = @parts;
my $body = form(@parts);

$want[3] = "the-provider's-name";
provider('a')->play('json {"text":"hello"}' . "\n");

my $chunked = join '', map { sprintf("%x\r\n%s\r\n", length $_, $_) }
                       $body =~ /(.{1,7})/gs;
my $res = post("${chunked}0\r\n\r\n",
               headers => { 'Content-Type' =>
                                'multipart/form-data; boundary=XyZ',
                            'Transfer-Encoding' => 'chunked' });

is($res->{status}, 200, "status");
ok(sent()->{body} eq form(@want), "body");

my $socket = connect_gateway();

send_request($socket, '', path => '/v1/audio/transcriptions',
    headers => { 'Content-Length' => length $body, 'Content-Type' =>
                 'multipart/form-data; boundary="XyZ"; charset=utf-8' });

for my $piece ($body =~ /(.{1,997})/gs) {
    syswrite $socket, $piece;
    Time::HiRes::sleep(0.01);
}

$res = read_response($socket);
is($res->{status}, 200, "status");
ok(sent()->{body} eq form(@want), "body");



=== TEST 5: what is no form
--- do
my $ok = form('file', ['a', 'x'], 'model', 'm');

for ([$ok, 'multipart/form-data', "no boundary"],
     [$ok, 'multipart/form-data; boundary=', "an empty one"],
     [$ok, 'multipart/form-data; boundary=' . 'x' x 71, "a long one"],
     [$ok, 'multipart/form-data; boundary=XyZ; boundary=AbC', "two"],
     [$ok, 'multipart/mixed; boundary=XyZ', "another type"],
     [$ok, 'multipart/form-data; boundary=AbC', "another boundary"],
     [substr($ok, 0, -6), 'multipart/form-data; boundary=XyZ', "no end"],
     [form('model', 'm', 'model', 'n'), 'multipart/form-data; boundary=XyZ',
      "two models"],
     [form('model', 'x' x 300), 'multipart/form-data; boundary=XyZ',
      "a long name"],
     [form('model', 'x' x 3000), 'multipart/form-data; boundary=XyZ',
      "a longer one"],
     [form('language', 'x'), 'multipart/form-data; boundary=XyZ', "no model"],
     [form(map { ("p$_", 'x') } 1 .. 300), 'multipart/form-data; boundary=XyZ',
      "too many parts"],
     ["--XyZ\r\nX-Long: " . 'x' x 9000 . "\r\n\r\nm\r\n--XyZ--\r\n",
      'multipart/form-data; boundary=XyZ', "a long header"],
     ["--XyZ\nContent-Disposition: form-data; name=\"model\"\n\nm\n--XyZ--\n",
      'multipart/form-data; boundary=XyZ', "lines of LF"],
     ["--XyZ\r\nContent-Disposition: form-data; name=\"model\"; name=x\r\n\r\n"
      . "m\r\n--XyZ--\r\n", 'multipart/form-data; boundary=XyZ', "two names"],
     ['', 'multipart/form-data; boundary=XyZ', "nothing"])
{
    my ($body, $type, $what) = @$_;
    my $res = post($body, headers => { 'Content-Type' => $type });

    is($res->{status}, 400, $what);
    like($res->{body}, qr/"type":"invalid_request_error"/, "in JSON");
}

is(post($ok, headers => { 'Content-Type' => 'text/plain' })->{status}, 415,
   "no form at all");
is(error_of(post(form('model', 'x'))),
   '404 invalid_request_error model_not_found', "no such model");
is(scalar provider('a')->seen, 0, "nothing was sent");



=== TEST 6: answers that are no JSON, and streams
--- do
provider('a')->play("body text/plain hello there\\n\n");
my $res = post(form('model', 'm', 'response_format', 'text'));
is($res->{body}, "hello there\n", "text");
is($res->{headers}{'content-type'}, 'text/plain', "its type");

provider('a')->play('sse' . "\n"
    . 'say data: {"type":"transcript.text.delta","delta":"usage"}\n\n' . "\n"
    . 'say data: {"type":"transcript.text.done","text":"a","usage":'
    . '{"input_tokens":4,"output_tokens":2,"total_tokens":6}}\n\n' . "\nend\n");

$res = post(form('model', 'm', 'stream', 'true'));
like($res->{body}, qr/^data: \{"type":"transcript\.text\.delta".*\n\ndata:/,
     "stream");
like(logged(2), qr/^200\|OK\|a\|1\|m\|[^|]*\|4\|2\|/, "usage");



=== TEST 7: images
--- do
provider('a')->play('json {"data":[]}' . "\n");

my $res = post(form('image[]', ['a.png', 'P'], 'prompt', 'p', 'model', 'm'),
               path => '/v1/images/edits');
is(sent()->{line}, 'POST /v1/images/edits HTTP/1.1', "path");
like(sent()->{body}, qr/the-provider's-name/, "model");

$res = post(form('image', ['a.png', 'P'], 'prompt', 'p'),
            path => '/v1/images/edits');
is($res->{status}, 200, "no model: the default");
is(sent()->{body}, form('image', ['a.png', 'P'], 'prompt', 'p'),
   "which is not named");
is($res->{headers}{'x-llm-model'}, 'dall-e-2', "served by it");
--- http
    llm_model dall-e-2 { deployment a dall-e-2; cooldown off; }



=== TEST 8: 25 MB through the worker, 100 MB refused: memory
--- do
my $bytes = join '', map { chr(($_ * 13) % 251) } 0 .. 65535;
my $body = form('file', ['a.wav', $bytes x 400], 'model', 'm');

provider('a')->play('json {"text":"hello"}' . "\n");

# what is once and for all: buffers of a first request

post(form('file', ['a.wav', $bytes x 40], 'model', 'm')) for 1 .. 2;

# what the test itself needs on a machine that is busy

alarm 150;

my $before = memory();
my $socket = connect_gateway();

send_request($socket, '', path => '/v1/audio/transcriptions',
    headers => { 'Content-Length' => length $body,
                 'Content-Type' => 'multipart/form-data; boundary=XyZ' });

for (my $n = 0; $n < length $body; ) {
    $n += syswrite($socket, $body, 262144, $n) || last;
}

my $res = read_response($socket, 120);
my $after = memory();

is($res->{status}, 200, "status");
(my $want = $body) =~ s/\r\n\r\nm\r\n/\r\n\r\nthe-provider's-name\r\n/;
is(length sent()->{body}, length $want, "length");
ok(sent()->{body} eq $want, "the body");
cmp_ok($after - $before, '<=', 2048, "kB more");

$socket = connect_gateway();

send_request($socket, '', path => '/v1/audio/transcriptions',
    headers => { 'Content-Length' => 100 * 1024 * 1024,
                 'Content-Type' => 'multipart/form-data; boundary=XyZ' });

$res = read_response($socket);
is($res->{status}, 413, "too large");
like($res->{body}, qr/"code":"request_too_large"/, "in JSON");

# without a length it is seen when it comes

$socket = connect_gateway();

send_request($socket, '', path => '/v1/audio/transcriptions',
    headers => { 'Transfer-Encoding' => 'chunked',
                 'Content-Type' => 'multipart/form-data; boundary=XyZ' });

local $SIG{PIPE} = 'IGNORE';
syswrite $socket, "10000\r\n$bytes\r\n" or last for 1 .. 700;
$res = read_response($socket);
is($res->{status}, 413, "too large, chunked") if $res->{status};

cmp_ok(memory() - $before, '<=', 2048, "kB more");
--- location: llm_auth off; client_max_body_size 32m;
--- buffer: 128k
--- errors



=== TEST 9: a body that was read before, in memory and in a file
--- config
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ {
        llm_auth off; client_body_buffer_size 128k;
        mirror /mirror; llm_gateway;
    }
    location = /mirror { internal; return 204; }
--- do
for my $n (10, 500000) {
    provider('a')->play('json {"text":"hello"}' . "\n");

    my $res = post(form(file => ['a.wav', 'x' x $n], model => 'm'));

    is($res->{status}, 200, "status");
    like(sent()->{body}, qr/x\r\n.*\r\n\r\nthe-provider's-name\r\n/s, "model");
}



=== TEST 10: two boundaries, a name that would be two lines
--- http
llm_model p-* { deployment a real-*; cooldown off; }
--- do
my $res = post(form(model => 'm'), headers => { 'Content-Type' => [
    'multipart/form-data; boundary=XyZ',
    'multipart/form-data; boundary=AbC'] });

# newer ones refuse it by themselves
is($res->{status}, 400, "two headers");

$res = post(form(model => "p-\r\nx: y"));
is($res->{status}, 400, "control characters");
like($res->{body}, qr/has a control character/, "named");
is(scalar(provider('a')->seen), 0, "nobody was asked");
