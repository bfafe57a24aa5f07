# Files of batches, and forms that llm_relay passes on, of keys that may not use
# every model.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

$ENV{LLM_TEST_ONE} = 'one';
$ENV{LLM_TEST_ALL} = 'all';

gateway(
    providers => ['a'],
    defaults  => {
        model  => "deployment a gpt-a;",
        http   => "    llm_key k { secret env:LLM_TEST_ONE; models m gpt-a; }\n"
                  . "    llm_key all { secret env:LLM_TEST_ALL; }\n",
        config => <<'_EOC_',
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ { llm_gateway; client_max_body_size 64m;
                    client_body_buffer_size 128k; }
    location /up/ { llm_relay a; client_max_body_size 64m;
                    client_body_buffer_size 128k; }
_EOC_
    },
);


# a form: fields, or files where the name begins with "@"

sub form {
    my (@part) = @_;

    my $text = '';

    while (my ($name, $value) = splice @part, 0, 2) {
        my $file = $name =~ s/^@// ? '; filename="f.jsonl"' : '';

        $text .= "--B\r\nContent-Disposition: form-data; name=\"$name\"$file"
                 . "\r\n\r\n$value\r\n";
    }

    return "$text--B--\r\n";
}


sub upload {
    my ($form, %opt) = @_;

    return ask($form, path => $opt{path} || '/v1/files?provider=a', %opt,
        headers => { 'Content-Type' => 'multipart/form-data; boundary=B',
                     Authorization => 'Bearer ' . ($opt{key} || 'one') });
}


sub lines {
    return join '', map { '{"custom_id":"1","method":"POST","url":'
                          . '"/v1/chat/completions","body":{"model":"' . $_
                          . '","messages":[]}}' . "\n" } @_;
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a batch of models that the key may use
--- do
provider('a')->play('json {"id":"file-1","object":"file"}' . "\n");

my $form = form(purpose => 'batch', '@file' => lines('gpt-a', 'gpt-a'));

is(upload($form)->{body}, '{"id":"file-1","object":"file"}', "served");
is((provider('a')->seen)[-1]{body}, $form, "as it came");

my $big = form('@file' => lines(('gpt-a') x 5000), purpose => 'batch');

is(upload($big)->{status}, 200, "in a file of nginx");
is((provider('a')->seen)[-1]{body}, $big, "as it came");



=== TEST 2: one that it may not
--- do
my $res = upload(form(purpose => 'batch',
                      '@file' => lines('gpt-a', 'gpt-b', 'gpt-c')));

is(error_of($res), '403 permission_error model_not_allowed', "refused");
like($res->{body}, qr/\\"gpt-b\\" in line 2/, "which");
is(scalar provider('a')->seen, 0, "nothing goes out");

# wherever the purpose stands, or does not

is(upload(form('@file' => lines('gpt-b'), purpose => 'batch'))->{status}, 403,
   "behind the file");
is(upload(form('@file' => lines('gpt-b')))->{status}, 403, "nowhere");
is(upload(form(purpose => 'vision', '@file' => lines('gpt-b'),
               purpose => 'batch'))->{status}, 403, "twice");
is(upload(form(purpose => 'batch', file => lines('gpt-b')))->{status}, 403,
   "a file without a name");
is(upload(form(purpose => 'batch', '@file' => lines('gpt-a'),
               '@more' => lines('gpt-b')))->{status}, 403, "a second file");
is(upload(form(purpose => 'batch',
               '@file' => lines(('gpt-a') x 5000, 'gpt-b')))->{status}, 403,
   "in the last line of a long one");
is(upload(form(purpose => 'batch', '@file' => lines('gpt-\u0061')))->{status},
   403, "a name with escapes");
is(scalar provider('a')->seen, 0, "nothing went out");



=== TEST 3: a file that cannot be read
--- do
my $res = upload(form(purpose => 'batch',
                      '@file' => lines('gpt-a') . '{"body":'));

is(error_of($res), '400 invalid_request_error null', "refused");
like($res->{body}, qr/line 2 is not whole/, "why");
is(upload(form(purpose => 'batch', '@file' => "\x1f\x8b"))->{status}, 400,
   "no text");
is(upload('no form')->{status}, 400, "no form");
is(scalar provider('a')->seen, 0, "nothing goes out");



=== TEST 4: files for something else, and keys that may use all
--- do
provider('a')->play("json {}\n");

is(upload(form(purpose => 'assistants', '@file' => "\x1f\x8b"))->{status}, 200,
   "another purpose");
is(upload(form(purpose => 'batch', '@file' => lines('gpt-b')),
          key => 'all')->{status}, 200, "a key without \"models\"");



=== TEST 5: forms of llm_relay: their model, their files
--- do
provider('a')->play("json {}\n");

my %up = (path => '/up/audio/transcriptions');

is(upload(form(model => 'gpt-a', '@file' => 'RIFF'),
          %up)->{status}, 200, "a model that may be used");
is(upload(form(model => 'gpt-b', '@file' => 'RIFF'),
          %up)->{status}, 403, "one that may not");
is(upload(form(purpose => 'batch', '@file' => lines('gpt-b')),
          path => '/up/files')->{status}, 403, "a batch");
is(upload(form(purpose => 'batch', '@file' => lines('gpt-a')),
          path => '/up/files')->{status}, 200, "another");
is(upload(form(model => 'gpt-b', '@file' => 'RIFF'), %up,
          key => 'all')->{status}, 200, "a key without \"models\"");



=== TEST 6: two types of content
--- do
my $socket = connect_gateway();
my $form = form(purpose => 'batch', '@file' => lines('gpt-b'));

print {$socket} "POST /v1/files?provider=a HTTP/1.1\r\nHost: h\r\n"
    . "Authorization: Bearer one\r\nContent-Type: application/json\r\n"
    . "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: "
    . length($form) . "\r\n\r\n$form";

is(read_response($socket)->{status}, 400, "refused");
is(scalar provider('a')->seen, 0, "nothing goes out");



=== TEST 7: a batch of which the body names a model
--- do
provider('a')->play("json {}\n");

for my $case (['{"input_file_id":"file-1","endpoint":"/v1/x"}', 200],
              ['{"input_file_id":"file-1","model_id":"gpt-b"}', 403],
              ['{"input_file_id":"file-1","model":"gpt-a"}', 200],
              ['{"requests":[{"body":{"model":"gpt-b"}}]}', 403],
              ["\xef\xbb\xbf{\"model\":\"gpt-b\"}", 400])
{
    is(ask($case->[0], path => '/v1/batches?provider=a',
           headers => { Authorization => 'Bearer one' })->{status},
       $case->[1], $case->[0]);
}

is(ask('{"model":"gpt-b"}', path => '/v1/batches?provider=a',
       headers => { Authorization => 'Bearer all' })->{status}, 200,
   'a key without "models"');
