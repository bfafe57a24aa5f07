# llm_api: keys made, changed, rotated, disabled and deleted while nginx runs.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::Nginx::Socket;
use Gateway;

repeat_each(1);
plan 'no_plan';

workers(2);
master_on();

$ENV{TEST_NGINX_SECRET} = 'sha256:' . sha256_hex('sk-conf');
$ENV{TEST_NGINX_TOKEN} = 'sha256:' . sha256_hex('admin');
$ENV{TEST_NGINX_READER} = 'sha256:' . sha256_hex('reader');
$ENV{TEST_NGINX_STATE} = tempdir(CLEANUP => 1);
chmod 0755, $ENV{TEST_NGINX_STATE};

gateway(
    providers => ['a'],
    defaults  => {
        location => 'llm_auth on;',
        server   => 'location /api/ { llm_api; '
                    . 'llm_admin_token $TEST_NGINX_TOKEN; '
                    . 'llm_admin_token $TEST_NGINX_READER read; }',
        a => 'json {"id":"x","object":"chat.completion","model":"m","choices":'
             . '[{"index":0,"message":{"role":"assistant","content":"hello"},'
             . '"finish_reason":"stop"}],"usage":{"prompt_tokens":10,'
             . '"completion_tokens":5,"total_tokens":15}}' . "\n",
    },
);


sub as { my ($key, %member) = @_;
         return ask(chat(%member),
                    headers => { Authorization => "Bearer $key" }); }


# a call: status and the decoded answer

sub api {
    my ($method, $path, $body, %headers) = @_;

    my $res = ask(defined $body ? encode_json($body) : undef,
                  method => $method, path => "/api/$path",
                  headers => { Authorization => 'Bearer admin', %headers });

    like($res->{headers}{'content-type'}, qr{^application/json}, 'JSON');

    return ($res->{status}, decode_json($res->{body} || 'null'));
}


# every worker has to hear of a change

sub each_worker {
    my ($key, $status, $what) = @_;
    my %seen;

    for (1 .. 8) {
        $seen{as($key)->{status}}++;
    }

    is(join(',', sort keys %seen), $status, $what);
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


# with something replaced in the configuration

sub change {
    my ($from, $to) = @_;
    my $file = "$Test::Nginx::Util::ServRoot/conf/nginx.conf";

    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    close $in;

    $text =~ s/\Q$from\E/$to/ or die "nothing to replace";

    open my $out, '>', $file or die "$file: $!";
    print {$out} $text;
    close $out;
}


# true when all processes are new

sub reload {
    my $master = master();
    my %old = map { $_ => 1 } children($master);

    kill HUP => $master;

    return wait_for(sub {
        my @now = children($master);
        return @now >= 2 && !grep { $old{$_} } @now;
    }, 10);
}


# all processes at once, the master first, or a stop; then another start

sub crash { return restart('KILL', master(), children(master())) }
sub stop { return restart('TERM', master()) }


sub restart {
    my ($signal, @whom) = @_;
    my $root = $Test::Nginx::Util::ServRoot;
    my @all = (master(), children(master()));

    kill $signal => @whom;
    wait_for(sub { return !grep { -d "/proc/$_" } @all }, 10);

    unlink "$root/logs/nginx.pid", glob "$Gateway::dir/*.sock";

    system($Test::Nginx::Util::NginxBinary, '-p', "$root/", '-e',
           "$root/logs/error.log", '-c', "$root/conf/nginx.conf") == 0
        or return 0;

    return wait_for(sub { return master() && children(master()) >= 2 }, 10);
}

no_long_string();
run_tests();

__DATA__

=== TEST 1: a key is made, used, limited, seen, deleted
--- http
    llm_state $TEST_NGINX_STATE/one;
    llm_team t { quota requests=1000/day; }
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- do
    my ($status, $key) = api('POST', 'keys', {
        name => 'user-c', team => 't', models => ['m', 'x-*'],
        quota => ['requests=3/day', 'tokens=10k/day soft'],
        rate => 'requests=600/min', concurrency => 8,
        tags => { dept => 'ml' }, expires => '2999-01-01' });
    is($status, 201, 'made');
    like($key->{secret}, qr/^sk-[A-Za-z0-9_-]{43}$/, 'its secret');
    is($key->{source}, 'api', 'source');
    is($key->{team}, 't', 'team');
    is_deeply($key->{models}, ['m', 'x-*'], 'models');
    is_deeply($key->{tags}, { dept => 'ml' }, 'tags');
    is(scalar @{$key->{limits}}, 4, 'limits');
    my $secret = $key->{secret};
    for (1 .. 3) {
        is(as($secret)->{status}, 200, 'served');
    }
    my $res = as($secret);
    is($res->{status}, 429, 'limited');
    like($res->{body}, qr/key \\"user-c\\"/, 'by its own limit');
    api('PATCH', 'keys/user-c', { models => ['x-*'] });
    is(as($secret)->{status}, 403, 'not its model');
    ($status, $key) = api('GET', 'keys/user-c');
    is($status, 200, 'seen');
    ok(!exists $key->{secret}, 'the secret is not told again');
    my ($quota) = grep { $_->{limit} eq 'quota requests=3/day' } @{$key->{limits}};
    is($quota->{used}, 3, 'used');
    is($quota->{held}, 0, 'held');
    is($quota->{refused}, 1, 'refused');
    ok($quota->{reset} > time, 'reset');
    ($status, my $all) = api('GET', 'keys');
    is(join(' ', map { $_->{name} } @{$all->{data}}), 'conf user-c', 'both keys');
    ($status) = api('DELETE', 'keys/user-c');
    is($status, 200, 'deleted');
    each_worker($secret, 401, 'nobody knows it any more');
    ($status) = api('GET', 'keys/user-c');
    is($status, 404, 'gone');



=== TEST 2: changed, disabled, rotated
--- http
    llm_state $TEST_NGINX_STATE/two;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- do
    my ($status, $key) = api('POST', 'keys', { name => 'u', quota => 'requests=1/day' });
    my $secret = $key->{secret};
    is(as($secret)->{status}, 200, 'one');
    is(as($secret)->{status}, 429, 'no more');
    ($status, $key) = api('PATCH', 'keys/u', { quota => ['requests=5/day'] });
    is($status, 200, 'changed');
    is($key->{limits}[0]{used}, 1, 'a changed number keeps its count');
    each_worker($secret, '200,429', 'in all workers');
    ($status) = api('PATCH', 'keys/u', { quota => undef });
    each_worker($secret, 200, 'without a limit');
    ($status, $key) = api('PATCH', 'keys/u', { disabled => JSON::PP::true });
    ok($key->{disabled}, 'disabled');
    each_worker($secret, 401, 'disabled');
    like(as($secret)->{body}, qr/"code":"key_disabled"/, 'and it says so');
    api('PATCH', 'keys/u', { disabled => JSON::PP::false });
    each_worker($secret, 200, 'enabled');
    ($status, $key) = api('POST', 'keys/u/rotate', { keep => JSON::PP::true });
    my $second = $key->{secret};
    isnt($second, $secret, 'another secret');
    each_worker($secret, 200, 'the old one stays');
    each_worker($second, 200, 'beside the new one');
    ($status, $key) = api('POST', 'keys/u/rotate');
    each_worker($second, 401, 'out');
    each_worker($key->{secret}, 200, 'the third');
    ($status) = api('PATCH', 'keys/u', { name => 'v' });
    is($status, 400, 'no new name');



=== TEST 3: a key of the configuration
--- http
    llm_state $TEST_NGINX_STATE/three;
    llm_key conf { secret $TEST_NGINX_SECRET; quota requests=2/day; }
--- do
    my ($status, $key) = api('PATCH', 'keys/conf', { models => ['x'] });
    is($status, 409, 'read-only');
    like($key->{error}{message}, qr/nginx\.conf:\d+/, 'says where it stands');
    ($status) = api('DELETE', 'keys/conf');
    is($status, 409, 'not deleted');
    ($status) = api('POST', 'keys', { name => 'conf' });
    is($status, 409, 'not made again');
    ($status, $key) = api('PATCH', 'keys/conf', { disabled => JSON::PP::true });
    is($status, 200, 'disabled');
    each_worker('sk-conf', 401, 'disabled');
    api('PATCH', 'keys/conf', { disabled => JSON::PP::false });
    is(as('sk-conf')->{status}, 200, 'enabled');
    is(as('sk-conf')->{status}, 200, 'two');
    is(as('sk-conf')->{status}, 429, 'used up');
    ($status, $key) = api('POST', 'keys/conf/credit', { limit => 'quota requests=2/day', amount => 1 });
    is($status, 200, 'credit');
    is($key->{limits}[0]{used}, 1, 'one less');
    is(as('sk-conf')->{status}, 200, 'one more');
    is(as('sk-conf')->{status}, 429, 'no more');
    ($status) = api('POST', 'keys/conf/reset', {});
    is($status, 200, 'reset');
    each_worker('sk-conf', '200,429', 'from the beginning');
    ($status, $key) = api('POST', 'keys/conf/credit', { amount => 1 });
    is($status, 400, 'which limit?');
    ($status, $key) = api('POST', 'keys/conf/credit', { limit => 'quota cost=1/day', amount => 1 });
    is($status, 404, 'no such limit');



=== TEST 4: what is wrong is said in the words of nginx -t
--- http
    llm_state $TEST_NGINX_STATE/four;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- do
    for my $case (
        [{}, qr/"name" is missing/],
        [{ name => 'a/b' }, qr/"name" must be/],
        [{ name => 'a', quota => 'tokens=x/day' }, qr/"tokens=x\/day"/],
        [{ name => 'a', quota => ['tokens=1/day', 'foo'] }, qr/"foo"/],
        [{ name => 'a', team => 'nobody' }, qr/unknown team "nobody"/],
        [{ name => 'a', models => ['~('] }, qr/\(/],
        [{ name => 'a', expires => 'soon' }, qr/"soon"/],
        [{ name => 'a', secret => 'env:HOME' }, qr/sha256:HEX/],
        [{ name => 'a', secret => 'sha256:00' }, qr/sha256|hex/i],
        [{ name => 'a', color => 'red' }, qr/unknown member "color"/],
        [{ name => 'a', disabled => 'yes' }, qr/wrong type of "disabled"/],
        [{ name => 'a', quota => 'requests=1/day per=$nothing_of_that_name' }, qr/\$nothing_of_that_name/],
        [{ name => 'a', models => ['x' x 1200] }, qr/bytes/],
    ) {
        my ($status, $answer) = api('POST', 'keys', $case->[0]);
        is($status, 400, encode_json($case->[0]));
        like($answer->{error}{message}, $case->[1], 'message');
        unlike($answer->{error}{message}, qr/emerg|definition\)/, 'no more than that');
    }
    my ($status) = api('GET', 'keys/a');
    is($status, 404, 'nothing was made');
    my $res = ask('{"name":', path => '/api/keys', headers => { Authorization => 'Bearer admin' });
    is($res->{status}, 400, 'bad JSON');
    ($status) = api('POST', 'keys', { name => 'a', tags => { x => 'y' x 20000 } });
    is($status, 413, 'too long');



=== TEST 5: who may call
--- http
    llm_state $TEST_NGINX_STATE/five;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- server
    location /api/ { llm_api; llm_admin_token $TEST_NGINX_TOKEN; llm_admin_token $TEST_NGINX_READER read; }
    location /open/ { llm_api; }
--- do
    my ($status) = api('GET', 'keys', undef, Authorization => undef);
    is($status, 401, 'no token');
    ($status) = api('GET', 'keys', undef, Authorization => 'Bearer sk-conf');
    is($status, 401, 'a key is no token');
    ($status) = api('GET', 'keys', undef, Authorization => 'Bearer reader');
    is($status, 200, 'a reader reads');
    ($status) = api('POST', 'keys', { name => 'x' }, Authorization => 'Bearer reader');
    is($status, 403, 'no more than that');
    ($status) = api('POST', 'keys', { name => 'x' }, 'Content-Type' => 'text/plain');
    is($status, 415, 'no JSON');
    ($status) = api('POST', 'keys', { name => 'x' }, Origin => 'http://evil.example');
    is($status, 403, 'another origin');
    ($status) = api('POST', 'keys', { name => 'x' }, Origin => 'http://gateway');
    is($status, 201, 'the same origin');
    ($status) = api('GET', 'nothing');
    is($status, 404, 'no such call');
    ($status) = api('PUT', 'keys', {});
    is($status, 405, 'no such method');
    my $res = ask(undef, method => 'GET', path => '/open/keys');
    is($res->{status}, 200, 'without tokens all may read');
    is($res->{headers}{'cache-control'}, 'no-store', 'not to be kept');
    $res = ask('{"name":"y"}', path => '/open/keys');
    is($res->{status}, 403, 'and nobody may write');



=== TEST 6: usage, teams, users, models, deployments, status, health
--- http
    llm_state $TEST_NGINX_STATE/six;
    llm_team t { quota cost=5/month; }
    llm_key conf { secret $TEST_NGINX_SECRET; team t; quota requests=5/day per=user; }
--- model: deployment a up; price input=2 output=10;
--- do
    is(as('sk-conf', user => '"ann"')->{status}, 200, 'a request');
    is(as('sk-conf', user => '"bob"')->{status}, 200, 'another');
    my ($status, $list) = api('GET', 'usage?by=key,day');
    is($status, 200, 'usage');
    is(scalar @{$list->{data}}, 1, 'one row');
    my $row = $list->{data}[0];
    is($row->{key}, 'conf', 'key');
    like($row->{day}, qr/^\d{4}-\d\d-\d\d$/, 'day');
    is($row->{requests}, 2, 'requests');
    is($row->{prompt_tokens}, 20, 'prompt tokens');
    is($row->{completion_tokens}, 10, 'completion tokens');
    is($row->{cost}, 0.00014, 'cost');
    ($status, $list) = api('GET', 'usage?by=team');
    is($list->{data}[0]{team}, 't', 'by team');
    ($status, $list) = api('GET', 'usage?by=model');
    is($list->{data}[0]{model}, 'm', 'by model');
    ($status, $list) = api('GET', 'usage?by=day&from=2001-01-01&to=2001-02-01');
    is_deeply($list->{data}, [], 'nothing of then');
    ($status) = api('GET', 'usage?by=user');
    is($status, 400, 'not by that');
    ($status, $list) = api('GET', 'users');
    is(join(' ', sort map { "$_->{value}:$_->{key}:$_->{limit}" } @{$list->{data}}),
       'ann:conf:quota requests=5/day per=user bob:conf:quota requests=5/day per=user', 'users, and whose limit');
    ($status, $list) = api('GET', 'teams');
    is($list->{data}[0]{limits}[0]{used}, 0.00014, 'the team pays');
    ($status, $list) = api('POST', 'teams/t/reset', {});
    is($list->{limits}[0]{used}, 0, 'and is reset');
    ($status, $list) = api('GET', 'deployments');
    is($list->{data}[0]{health}, 'healthy', 'health');
    ($status, $list) = api('GET', 'models');
    is($list->{data}[0]{name}, 'm', 'models');
    ($status, my $s) = api('GET', 'status');
    is($s->{in_flight}, 0, 'in flight');
    ok($s->{zone}{counters} > 0, 'counters');
    is((api('GET', 'health/live'))[0], 200, 'live');
    is((api('GET', 'health/ready'))[0], 200, 'ready');



=== TEST 7: what is made outlives nginx
--- http
    llm_state $TEST_NGINX_STATE/seven;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- do
    my ($status) = api('POST', 'keys', { name => 'kept', secret => 'sha256:' . sha256_hex('sk-kept') });
    is($status, 201, 'made');
    ($status) = api('POST', 'keys', { name => 'gone', secret => 'sha256:' . sha256_hex('sk-gone') });
    ($status) = api('DELETE', 'keys/gone');
    open my $f, '<', "$ENV{TEST_NGINX_STATE}/seven/keys" or die "no file: $!";
    my @lines = <$f>;
    is(scalar @lines, 3, 'a line for each change');
    unlike(join('', @lines), qr/sk-/, 'no secret in it');
    is((stat $f)[2] & 07777, 0600, 'nobody else reads it');
    ok(stop(), 'another start');
    each_worker('sk-kept', 200, 'kept');
    each_worker('sk-gone', 401, 'deleted');



=== TEST 8: a reload keeps it, and what the configuration says counts
--- http
    llm_state $TEST_NGINX_STATE/nine;
    llm_team t { }
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- errors
--- do
    my (undef, $u) = api('POST', 'keys', { name => 'u', quota => 'requests=100/day' });
    my (undef, $v) = api('POST', 'keys', { name => 'v', team => 't' });
    is(as($u->{secret})->{status}, 200, 'before');
    api('PATCH', 'keys/conf', { disabled => JSON::PP::true });
    ok(reload(), 'a reload');
    each_worker($u->{secret}, 200, 'after');
    each_worker('sk-conf', 401, 'still disabled');
    my ($status, $key) = api('GET', 'keys/u');
    is($key->{limits}[0]{used}, 9, 'and counted on');
    change('llm_team t { }', 'llm_team s { }');
    ok(reload(), 'its team is gone');
    each_worker($v->{secret}, 401, 'a key without its team');
    ($status, $key) = api('GET', 'keys/v');
    is($status, 200, 'can be seen');
    like($key->{error}, qr/unknown team "t"/, 'with what is wrong');
    ($status, $key) = api('PATCH', 'keys/v', { team => 's' });
    is($status, 200, 'and mended');
    each_worker($v->{secret}, 200, 'of use again');
    change('llm_team s', 'llm_key u { models none; } llm_team s');
    ok(reload(), 'a key of the configuration in its place');
    each_worker($u->{secret}, 401, 'is the one that counts');
    ($status) = api('DELETE', 'keys/u');
    is($status, 409, 'and is not deleted');



=== TEST 9: kill -9 of everything
--- http
    llm_state $TEST_NGINX_STATE/ten;
    llm_usage_log $TEST_NGINX_STATE/ten.jsonl;
    llm_key conf { secret $TEST_NGINX_SECRET; quota requests=9/day; }
--- errors
--- do
    my (undef, $u) = api('POST', 'keys', { name => 'u', quota => 'requests=100/day' });
    my (undef, $gone) = api('POST', 'keys', { name => 'gone' });
    api('DELETE', 'keys/gone');
    api('PATCH', 'keys/conf', { disabled => JSON::PP::true });
    is(as($u->{secret})->{status}, 200, 'before') for 1 .. 5;
    ok(crash(), 'another start');
    my ($status, $key) = api('GET', 'keys/u');
    is($key->{limits}[0]{used}, 5, 'what was used is known');
    each_worker($u->{secret}, 200, 'a key');
    each_worker($gone->{secret}, 401, 'a deleted one');
    each_worker('sk-conf', 401, 'a disabled one');
    ($status, $key) = api('POST', 'keys/u/reset');
    is($key->{limits}[0]{used}, 0, 'set back');
    ok(crash(), 'once more');
    ($status, $key) = api('GET', 'keys/u');
    is($key->{limits}[0]{used}, 0, 'still set back');



=== TEST 10: requests in flight while their key goes
--- http
    llm_state $TEST_NGINX_STATE/eleven;
    llm_key conf { secret $TEST_NGINX_SECRET; }
    llm_team t { quota requests=100/day; }
--- a
sse
role
text one
sleep 1
text two
finish stop
usage 10 5
done
end
--- server
    location /api/ { llm_api; llm_admin_token $TEST_NGINX_TOKEN; }
    location = /metrics { llm_metrics; }
--- do
    my (undef, $u) = api('POST', 'keys', { name => 'u', team => 't', tags => { x => 'y' },
                                           quota => ['tokens=1m/day', 'cost=5/day soft'], concurrency => 9 });
    my @sockets = map { connect_gateway() } 1 .. 4;
    send_request($_, chat(stream => 'true'), headers => { Authorization => "Bearer $u->{secret}" }) for @sockets;
    ok(wait_for(sub { my (undef, $k) = api('GET', 'keys/u');
                      return (grep { $_->{limit} =~ /^concurrency/ } @{$k->{limits}})[0]{held} == 4 }, 5), 'in flight');
    my ($status) = api('DELETE', 'keys/u');
    is($status, 200, 'deleted');
    each_worker($u->{secret}, 401, 'in all workers');
    api('POST', 'keys', { name => "other$_" }) for 1 .. 5;
    for my $socket (@sockets) {
        my $res = read_response($socket);
        is($res->{status}, 200, 'served to its end');
        like($res->{body}, qr/two.*\[DONE\]/s, 'whole');
    }
    my (undef, $list) = api('GET', 'teams');
    is($list->{data}[0]{limits}[0]{used}, 4, 'the team has paid');
    is($list->{data}[0]{limits}[0]{held}, 0, 'nothing is held');
    like(ask(undef, method => 'GET', path => '/metrics')->{body},
         qr/^llm_requests_total\{key="u",team="t",model="m",provider="a",status="200"\} 4$/m, 'counted');



=== TEST 11: names that a variable gives
--- http
    llm_state $TEST_NGINX_STATE/twelve;
    map $arg_who $who { default $arg_who; }
    llm_key conf { }
    llm_key * { quota requests=1/day; }
--- location: llm_auth $who;
--- do
    my $who = sub { my %seen; $seen{ask(chat(), path => "/v1/chat/completions?who=$_[0]")->{status}}++ for 1 .. 8;
                    return join ',', sort keys %seen };
    is($who->('ann'), '200,429', 'a template');
    is((api('POST', 'keys', { name => 'ann' }))[0], 201, 'a key of that name');
    is($who->('ann'), '200', 'counts');
    api('PATCH', 'keys/ann', { disabled => JSON::PP::true });
    is($who->('ann'), '401', 'disabled');
    api('DELETE', 'keys/ann');
    is($who->('ann'), '429', 'the template again, and its count');
    api('PATCH', 'keys/conf', { disabled => JSON::PP::true });
    is($who->('conf'), '401', 'one of the configuration is disabled');
    is((api('PATCH', 'keys/*', { disabled => JSON::PP::true }))[0], 409, 'a template cannot be');



=== TEST 12: many changes at a time
--- http
    llm_state $TEST_NGINX_STATE/thirteen;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- do
    my @pids;
    for my $n (1 .. 4) {
        my $pid = fork;
        if (!$pid) {
            my $bad = 0;
            for my $i (1 .. 30) {
                my $name = $i % 3 ? "k$n-$i" : 'shared';
                my $res = ask(encode_json({ name => $name, tags => { by => "$n" } }), path => '/api/keys',
                              headers => { Authorization => 'Bearer admin' });
                $bad++ if $res->{status} != 201 && !($name eq 'shared' && $res->{status} == 409);
            }
            require POSIX;
            POSIX::_exit($bad);
        }
        push @pids, $pid;
    }
    is(join(' ', map { waitpid $_, 0; $? } @pids), '0 0 0 0', 'all were made');
    my (undef, $list) = api('GET', 'keys');
    is(scalar @{$list->{data}}, 82, 'each once');
    open my $f, '<', "$ENV{TEST_NGINX_STATE}/thirteen/keys" or die "no file: $!";
    my @lines = map { decode_json($_)->{name} } <$f>;
    my %seen;
    is(scalar(grep { $seen{$_}++ } @lines), 0, 'and written once');
    is(scalar @lines, 81, 'all of them');



=== TEST 13: secrets are of one key, definitions hostile
--- http
    llm_state $TEST_NGINX_STATE/fourteen;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- do
    my ($status, $answer) = api('POST', 'keys', { name => 'thief', secret => $ENV{TEST_NGINX_SECRET} });
    is($status, 409, 'the secret of a configured key');
    is($answer->{error}{code}, 'secret_exists', 'says so');
    for my $text ('[]', '"a"', '{"name":1}', '{"name":"a","name":"a"}', '{"name":"a","n\u0061me":"b"}',
                  '{"name":"a","models":{"x":1}}', '{"name":"a","models":[]}', '{"name":"a","models":[["x"]]}',
                  '{"name":"a","rate":""}', '{"name":"a","rate":["' . ('x ' x 100) . '"]}', '{"name":"a","team":["t"]}',
                  '{"name":"a","tags":["x"]}', '{"name":"a","tags":{"x":1}}', '{"name":"a","expires":true}',
                  '{"name":"a","models":["\u0000"]}', '{"name":"a","models":["~(?<"]}', '{"name":"a","cap":"on"}',
                  '{"name":"a","concurrency":-1}', '{"name":"a","concurrency":1e9}', '{"name":"..","cap":true}',
                  '{"name":"a","quota":["requests=1/day include=/etc/passwd"]}', '{"name":"a","include":"/etc/passwd"}',
                  '{"name":"a","secret":["file:/etc/passwd"]}', '{"name":"a","secret":["sha256:' . 'zz' x 32 . '"]}',
                  '{"name":"a","rate":' . '[' x 300 . ']' x 300 . '}',
                  '{"name":"a","quota":[' . join(',', map { "\"requests=$_/day\"" } 1 .. 30) . ']}',
                  '{"name":"' . 'a' x 300 . '"}', '{"name":"a"}}', "\xff") {
        my $res = ask($text, path => '/api/keys', headers => { Authorization => 'Bearer admin' });
        is($res->{status}, 400, substr($text, 0, 60));
        my $error = decode_json($res->{body})->{error}{message};
        unlike($error, qr/emerg|definition\)|root:/, "plain: $error");
    }
    for my $text ('{"name":"a","models":null,"team":null}', "{\n\"name\"\r\n:\"b\"\n,\"tags\":{\n}}",
                  '{"name":"c","tags":{"q\"uo\u00e9te\\\\":"v a\\tl"}}', '{"name":"d","concurrency":8,"secret":[]}') {
        my $res = ask($text, path => '/api/keys', headers => { Authorization => 'Bearer admin' });
        is($res->{status}, 201, "$text: $res->{body}");
    }
    ok(reload(), 'a reload');
    my (undef, $list) = api('GET', 'keys');
    is(join(' ', sort map { $_->{name} . ($_->{error} ? '!' : '') } @{$list->{data}}), 'a b c conf d', 'read again');



=== TEST 14: limit_except, and tokens of the server
--- http
    llm_key conf { secret $TEST_NGINX_SECRET; }
    llm_state $TEST_NGINX_STATE/fifteen;
--- server
    llm_admin_token $TEST_NGINX_TOKEN;
    location /api/ { llm_api; limit_except GET { allow all; } }
    location /closed/ { llm_api; limit_except GET { deny all; } }
--- errors
--- do
    is((api('GET', 'keys'))[0], 200, 'GET');
    is((api('POST', 'keys', { name => 'x' }))[0], 201, 'POST');
    is(ask('{"name":"y"}', path => '/closed/keys', headers => { Authorization => 'Bearer admin' })->{status},
       403, 'denied');



=== TEST 15: the file is written anew when most of it is past
--- http
    llm_state $TEST_NGINX_STATE/fifteen-a;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- do
    my $file = "$ENV{TEST_NGINX_STATE}/fifteen-a/keys";
    my (undef, $u) = api('POST', 'keys', { name => 'u' });
    open my $f, '>>', $file or die "$file: $!";
    print {$f} encode_json({ name => 'x', tags => { n => "$_", fill => 'f' x 800 } }), "\n" for 1 .. 400;
    print {$f} '{"name":"y","secret":"sha256:' . sha256_hex('sk-y') . "\"}\n" . '{"name":"x","deleted":true}' . "\n";
    close $f;
    ok(wait_for(sub { return -s $file < 1000 }, 10), 'it is short again');
    each_worker('sk-y', 200, "what another master's workers wrote is known");
    each_worker($u->{secret}, 200, 'what was made is still there');
    is((api('GET', 'keys/x'))[0], 404, 'what was deleted is not');
    (undef, my $v) = api('POST', 'keys', { name => 'v' });
    ok(stop(), 'another start');
    each_worker($_, 200, 'all is known') for 'sk-y', $u->{secret}, $v->{secret};



=== TEST 16: a file that is no file, and one of nonsense
--- http
    llm_state $TEST_NGINX_STATE/sixteen;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- errors
--- no_error_log
[alert]
--- do
    my $file = "$ENV{TEST_NGINX_STATE}/sixteen/keys";
    api('POST', 'keys', { name => 'u', secret => 'sha256:' . sha256_hex('sk-u') });
    open my $f, '>>', $file or die "$file: $!";
    print {$f} "nonsense\n", "\0" x 70000, "\n", '{"name":"', 'n' x 2000, "\"}\n", '{"name":"cut';
    close $f;
    ok(stop(), 'a start from it');
    each_worker('sk-u', 200, 'what can be read is read');
    is((api('POST', 'keys', { name => 'v', secret => 'sha256:' . sha256_hex('sk-v') }))[0], 201, 'it goes on');
    ok(stop(), 'once more');
    each_worker('sk-v', 200, 'behind what was cut');
    rename $file, "$file.old";
    mkdir $file;
    is((api('POST', 'keys', { name => 'w' }))[0], 500, 'nothing can be kept');
    is((api('GET', 'keys/w'))[0], 404, 'so nothing was made');
    rmdir $file;
    symlink "$file.old", $file;
    is((api('POST', 'keys', { name => 'w' }))[0], 500, 'no link is followed');
    unlink $file;
    rename "$file.old", $file;



=== TEST 17: unknown parameter of a token
--- config
    location /api/ { llm_api; llm_admin_token sha256:x write; }
--- must_die
--- error_log
invalid parameter "write", it can only be "read"
--- suppress_stderr



=== TEST 18: a location without a prefix
--- config
    location ~ ^/api { llm_api; }
--- must_die
--- error_log
"llm_api" directive needs a location that is given by prefix
--- suppress_stderr



=== TEST 19: credits and resets outlive a kill and a stop, and have a line each
--- http
    llm_state $TEST_NGINX_STATE/nineteen;
    llm_usage_log $TEST_NGINX_STATE/nineteen.jsonl;
    llm_team t { quota cost=5/month; quota cost=4/month soft; }
    llm_key conf { secret $TEST_NGINX_SECRET; team t; quota requests=100/day; quota tokens=1k/day;
                   rate requests=1/day burst=50; quota requests=9/day per=user; concurrency 5; }
--- model: deployment a up; price input=2 output=10;
--- errors
--- do
    my $limits = sub { my %seen = map { $_->{limit} => $_->{used} } map { @{$_->{limits}} }
                           (api('GET', 'keys/conf'))[1], (api('GET', 'teams'))[1]{data}[0];
                       return join ' ', map { "$_=" . (defined $seen{$_} ? $seen{$_} + 0 : '-') } sort keys %seen };
    my $lines = sub { open my $f, '<', "$ENV{TEST_NGINX_STATE}/nineteen.jsonl"; return map { decode_json($_) } <$f> };
    is(as('sk-conf')->{status}, 200, 'a request') for 1 .. 3;
    my ($status, $key) = api('POST', 'keys/conf/credit', { limit => 'quota requests=100/day', amount => 10 });
    is($status, 200, 'a credit');
    api('POST', 'teams/t/credit', { limit => 'quota cost=5/month', amount => 2.5 });
    api('POST', 'keys/conf/reset', { limit => 'rate requests=1/day burst=50' });
    my $was = $limits->();
    like($was, qr{quota cost=5/month=-2\.49979}, 'dollars');
    like($was, qr{quota cost=4/month soft=-2\.49979}, 'of all that share the counter');
    like($was, qr{quota requests=100/day=-7 }, 'requests');
    like($was, qr{quota tokens=1k/day=45 }, 'the others are as they were');
    like($was, qr{rate requests=1/day burst=50=0$}, 'the bucket is empty');
    ok(crash(), 'a kill');
    is($limits->(), $was, 'all is as it was');
    my @changes = grep { $_->{action} } $lines->();
    is(scalar @changes, 3, 'three lines');
    my ($credit, $team, $rate) = @changes;
    like($credit->{seq}, qr/^\d+-\d+-\d+$/, 'with a seq');
    is(join(' ', map { "$_=$credit->{$_}" } qw(action key limit amount)),
       'action=credit key=conf limit=quota requests=100/day amount=10', 'a credit');
    like($credit->{client}, qr/^(unix:|127\.0\.0\.1)/, 'who gave it');
    ok(!$credit->{charged} && !exists $credit->{status}, 'is no request');
    is("$team->{team} $team->{limit} $team->{amount}", 't quota cost=5/month 2.5', 'of the team');
    is("$rate->{action} $rate->{limit} $rate->{amount}", 'reset rate requests=1/day burst=50 3', 'a reset');
    ($status, $key) = api('POST', 'keys/conf/reset', {});
    is($status, 200, 'all');
    api('POST', 'teams/t/reset', {});
    $was = $limits->();
    unlike($was, qr/=-?[1-9.]+( |$)/, 'nothing is used');
    ok(stop(), 'a stop');
    is($limits->(), $was, 'nothing is');
    @changes = grep { $_->{action} } $lines->();
    is(join(' ', map { "$_->{limit}:" . $_->{amount} } @changes[3 .. $#changes]),
       'quota requests=100/day:-7 quota tokens=1k/day:45 quota cost=5/month:-2.49979', 'what was taken off, once');
    ok(reload(), 'a reload');
    is($limits->(), $was, 'keeps it, too');
    my $usage = (api('GET', 'usage?by=key'))[1];
    is($usage->{data}[0]{requests}, 3, 'they are no requests in the sums');



=== TEST 20: without a usage log a snapshot is waited for
--- http
    llm_state $TEST_NGINX_STATE/twenty;
    llm_key conf { secret $TEST_NGINX_SECRET; quota requests=100/day; }
--- errors
--- no_error_log
[alert]
[emerg]
--- do
    is(as('sk-conf')->{status}, 200, 'a request') for 1 .. 3;
    my ($status, $key) = api('POST', 'keys/conf/credit', { limit => 'quota requests=100/day', amount => 10 });
    is($status, 200, 'a credit');
    is($key->{limits}[0]{used}, -7, 'in force');
    ok(crash(), 'a kill');
    is((api('GET', 'keys/conf'))[1]{limits}[0]{used}, -7, 'as it was');
    api('POST', 'keys/conf/reset');
    ok(stop(), 'a stop');
    is((api('GET', 'keys/conf'))[1]{limits}[0]{used}, 0, 'as it was');
    ok(wait_for(sub { mkdir "$ENV{TEST_NGINX_STATE}/twenty/snapshot.tmp" }, 5), 'in the way of the next one');
    ($status, $key) = api('POST', 'keys/conf/credit', { limit => 'quota requests=100/day', amount => 5 });
    rmdir "$ENV{TEST_NGINX_STATE}/twenty/snapshot.tmp";
    is($status, 500, 'none can be written');
    is("$key->{error}{type} $key->{error}{code}", 'server_error not_kept', 'and it says so');
    is((api('GET', 'keys/conf'))[1]{limits}[0]{used}, -5, 'but it is in force');



=== TEST 21: a line that cannot be written: nothing is changed
--- http
    llm_state $TEST_NGINX_STATE/twentyone;
    llm_usage_log $TEST_NGINX_STATE/twentyone.jsonl;
    llm_key conf { secret $TEST_NGINX_SECRET; quota requests=100/day; quota tokens=1k/day; }
--- errors
--- no_error_log
[alert]
[emerg]
--- do
    my $file = "$ENV{TEST_NGINX_STATE}/twentyone.jsonl";
    my $limit = sub { my ($size) = @_;
                      my $failed = 0;
                      $failed += system("prlimit --pid $_ --fsize=$size: 2> /dev/null") != 0 for children(master());
                      return !$failed };
    is(as('sk-conf')->{status}, 200, 'a request') for 1 .. 3;
    SKIP: {
        skip 'no prlimit', 11 if !$limit->((-s $file) + 100);
        for my $n (1, 2) {
            my ($status, $answer) = api('POST', 'keys/conf/credit', { limit => 'quota requests=100/day', amount => 10 });
            is($status, 500, 'not kept');
            is("$answer->{error}{type} $answer->{error}{code}", 'server_error not_kept', 'and it says so');
            is((api('GET', 'keys/conf'))[1]{limits}[0]{used}, 3, 'nothing is changed');
        }
        $limit->('unlimited');
        is((api('POST', 'keys/conf/credit', { limit => 'quota requests=100/day', amount => 1 }))[0], 200, 'it can be written again');
        is((api('GET', 'status'))[1]{in_flight}, 0, 'nothing is held');
    }
    ok(crash(), 'a kill');
    is((api('GET', 'keys/conf'))[1]{limits}[0]{used}, 2, 'one credit');



=== TEST 22: the type of an error is that of its status
--- http
    llm_state $TEST_NGINX_STATE/twentytwo;
    llm_key conf { secret $TEST_NGINX_SECRET; }
--- do
    is(ask(undef, method => 'GET', path => '/api/keys')->{headers}{'www-authenticate'}, 'Bearer', 'what is asked for');
    for my $case (
        [401, 'authentication_error', 'invalid_admin_token', 'GET', 'keys', undef, Authorization => 'Bearer x'],
        [403, 'permission_error', 'read_only_token', 'POST', 'keys', {}, Authorization => 'Bearer reader'],
        [403, 'permission_error', 'foreign_origin', 'POST', 'keys', {}, Origin => 'http://evil.example'],
        [404, 'invalid_request_error', 'key_not_found', 'GET', 'keys/x'],
        [404, 'invalid_request_error', 'unknown_url', 'GET', 'x'],
        [405, 'invalid_request_error', 'method_not_allowed', 'PUT', 'keys', {}],
        [409, 'invalid_request_error', 'key_exists', 'POST', 'keys', { name => 'conf' }],
    ) {
        my ($want, $type, $code, @call) = @$case;
        my ($status, $answer) = api(@call);
        is("$status $answer->{error}{type} $answer->{error}{code}", "$want $type $code", "$want $code");
    }



=== TEST 23: users of keys, teams and models, and of a pattern
--- http
    llm_state $TEST_NGINX_STATE/twentythree;
    map $arg_who $who { default $arg_who; }
    llm_team t { quota cost=5/month per=key; concurrency 9 per=user; }
    llm_key conf { team t; }
    llm_key x-* { quota requests=9/day per=user; }
--- model: deployment a up; price input=2 output=10; quota tokens=1k/day per=$arg_who;
--- location: llm_auth $who;
--- do
    api('POST', 'keys', { name => 'made', team => 't', quota => 'requests=7/day per=user' });
    ask(chat(user => '"ann"'), path => "/v1/chat/completions?who=$_") for 'conf', 'made', 'x-1';
    my ($status, $list) = api('GET', 'users');
    my @seen = sort map { my $u = $_; join ' ', $u->{value}, (map { "$_=$u->{$_}" } grep { $u->{$_} } qw(key team model provider)),
                          $u->{limit} || $u->{kind} } @{$list->{data}};
    is(join("\n", @seen), join("\n", 'ann key=made quota requests=7/day per=user', 'ann quota',
                               'ann team=t concurrency 9 per=user',
                               'conf model=m quota tokens=1k/day per=$arg_who', 'conf team=t quota cost=5/month per=key',
                               'made model=m quota tokens=1k/day per=$arg_who', 'made team=t quota cost=5/month per=key',
                               'x-1 model=m quota tokens=1k/day per=$arg_who'), 'whose limit each is of');



=== TEST 24: a name that the usage log has in another form counts the same after a start
--- http
    llm_state $TEST_NGINX_STATE/twentyfour;
    llm_usage_log $TEST_NGINX_STATE/twentyfour.jsonl;
    map $http_x_who $who { default $http_x_who; }
    llm_team t { quota requests=9/day per=key; }
    llm_key x-* { team t; quota requests=2/day; }
--- location: llm_auth $who;
--- errors
--- do
    my @names = ("x-\xfcber", 'x-' . '"' x 200);
    my $status = sub { ask(chat(), headers => { 'X-Who' => $_[0] })->{status} };
    for my $name (@names) {
        is($status->($name), 200, 'served') for 1 .. 2;
        is($status->($name), 429, 'used up');
    }
    ok(crash(), 'a kill');
    is($status->($_), 429, 'still used up') for @names;
    is(scalar @{(api('GET', 'users'))[1]{data}}, 2, 'no other values');
