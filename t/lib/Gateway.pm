package Gateway;

# Test::Nginx with scripted providers behind the gateway and a client that
# sees every byte.  Beside its own sections a block has
#
#     --- a, b, c       scripts of the providers (see Provider.pm)
#     --- provider_a    more statements of that provider
#     --- model         statements of llm_model m; default: a, then b
#     --- http          more of http {}
#     --- location      more of the location; default: no keys
#     --- server        more of the server
#     --- buffer        client_body_buffer_size
#     --- do            Perl code that asks and looks at what came of it
#     --- errors        nginx itself logs errors here
#
# Model m is tried in the order a, b, c; nothing is put out unless "model"
# says so.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use Provider;
use Test::Nginx::Socket ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(gateway provider ask chat connect_gateway send_request
                 read_response read_some curl2 logged log_lines plain_body
                 stream_body content_of error_of wait_for);

our %provider;
our %default;
our $dir;
our $block;
our $nth = 0;
our $path2 = '/v1/chat/completions';       # of curl2()


END {
    rmdir $dir if defined $dir;
}


# %opt: providers => ['a', 'b'], defaults => sections of each block,
# tls => { a => [certificate, key] }

sub gateway {
    my (%opt) = @_;

    $dir = tempdir(CLEANUP => 1);
    chmod 0755, $dir;

    %default = %{$opt{defaults} || {}};

    $ENV{LLM_TEST_KEY} = "secret-of-provider";

    for my $name (@{$opt{providers} || ['a', 'b']}) {
        $provider{$name} = Provider->new(
            tls => $opt{tls} && $opt{tls}{$name});
    }

    # bound and not listening: refused, and nobody else gets it

    $provider{dead} = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                            Proto     => 'tcp');
    bind $provider{dead}, Socket::pack_sockaddr_in(0,
                              Socket::inet_aton('127.0.0.1'));

    Test::Nginx::Socket::add_block_preprocessor(\&prepare);
    Test::Nginx::Socket::add_response_body_check(\&perform);
}


sub provider {
    my ($name) = @_;

    return $provider{$name};
}


sub prepare {
    my ($block) = @_;

    if (defined $block->must_die) {
        return;
    }

    for my $section (keys %default) {
        if (!defined $block->$section) {
            $block->set_value($section, $default{$section});
        }
    }

    my ($http, $scheme, $key) = ('', 'http', 'key env:LLM_TEST_KEY;');

    for my $name (sort grep { $_ ne 'dead' } keys %provider) {
        my $p = $provider{$name};
        my $script = $block->$name;
        my $section = "provider_$name";
        my $more = $block->$section;

        $p->play(defined $script ? $script : "stall\n");

        $more = '' if !defined $more;
        $more .= ' dialect openai;' if $more !~ /\bdialect\b/;
        $more .= " $key" if $more !~ /\bkey\b/;

        if ($more !~ /\burl\b/) {
            my $path = $more =~ /dialect anthropic/ ? '' : '/v1';

            $scheme = $p->{tls} ? 'https' : 'http';
            $more .= " url $scheme://127.0.0.1:" . $p->port . "$path;";
        }

        $http .= "    llm_provider $name { $more }\n";
    }

    $http .= "    llm_provider dead { dialect openai; key none; "
             . "url http://127.0.0.1:" . $provider{dead}->sockport
             . "/v1; }\n";

    my $model = $block->model;

    if (!defined $model) {
        my $tier = 0;

        $model = join ' ', map { "deployment $_ up-$_ tier=" . ++$tier . ";" }
                           sort grep { $_ ne 'dead' } keys %provider;
    }

    $model .= ' cooldown off;' if $model !~ /\bcooldown\b/;

    my $location = $block->location || "llm_auth off;";

    $location .= " client_max_body_size 64m;"
        if $location !~ /client_max_body_size/;
    $location .= " client_body_buffer_size " . ($block->buffer || "1m") . ";";
    $location .= " llm_gateway;";

    my $unix = "$dir/" . ++$nth . ".sock";

    $http .= "    llm_model m { $model }\n"
             . ($block->http || '') . <<"_EOC_";

    log_format llm '\$status|\$request_completion|\$llm_provider'
                   '|\$llm_attempts|\$llm_model|\$llm_upstream_model'
                   '|\$llm_prompt_tokens|\$llm_completion_tokens'
                   '|\$llm_finish_reason|\$llm_error|\$llm_fallback'
                   '|\$llm_cached_tokens';

    server {
        listen unix:$unix http2;
        access_log logs/llm.log llm;
        location /v1/ { $location }
    }
_EOC_

    $block->set_value("http_config", $http);

    if (!defined $block->config) {
        $block->set_value("config", <<"_EOC_");
    access_log logs/llm.log llm;
    location = /alive { access_log off; return 204; }
    location /v1/ { $location }
_EOC_

        $block->set_value("config", $block->config . $block->server . "\n")
            if defined $block->server;
    }

    $block->set_value("unix", $unix);

    if (defined $block->do) {
        $block->set_value("request", "GET /alive");
        $block->set_value("error_code", 204);
    }

    if (!defined $block->no_error_log) {
        $block->set_value("no_error_log", join "\n",
            (defined $block->errors ? () : '[error]'),
            '[alert]', '[crit]', '[emerg]');
    }
}


# the Perl of a block, once nginx answers

sub perform {
    my ($b) = @_;

    return if !defined $b->do;

    $block = $b;

    my ($file, $line) = ($0, 1);
    my $code = $b->do;

    local $SIG{ALRM} = sub { die "it hangs\n" };
    alarm 30;

    eval "package main;\n#line 1 \"" . $b->name . "\"\n$code\n;1"
        or Test::More::fail($b->name . " - died: $@");

    alarm 0;
}


# a body of a request

sub chat {
    my (%member) = @_;

    my $text = delete $member{text};

    $text = 'hi' if !defined $text;

    my %all = (model => '"m"',
               messages => "[{\"role\":\"user\",\"content\":\"$text\"}]",
               %member);

    return '{' . join(',', map { "\"$_\":$all{$_}" }
                           ('model', 'messages',
                            sort grep { !/^(model|messages)$/ } keys %all))
           . '}';
}


sub connect_gateway {
    return IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $Test::Nginx::Util::ServerPortForClient,
        Proto    => 'tcp',
        Timeout  => 5,
    ) || die "cannot connect: $!";
}


sub send_request {
    my ($socket, $body, %opt) = @_;

    my $method = $opt{method} || 'POST';
    my $path = $opt{path} || '/v1/chat/completions';
    my %header = (
        'Host'         => 'gateway',
        'Content-Type' => 'application/json',
        %{$opt{headers} || {}},
    );

    $header{'Content-Length'} = length $body
        if defined $body && !exists $header{'Content-Length'}
           && !exists $header{'Transfer-Encoding'};

    my $head = "$method $path HTTP/1." . (defined $opt{minor} ? $opt{minor}
                                                              : 1)
               . "\r\n";

    for my $name (sort keys %header) {
        next if !defined $header{$name};

        $head .= "$name: $_\r\n"
            for ref $header{$name} ? @{$header{$name}} : $header{$name};
    }

    my $data = "$head\r\n" . (defined $body ? $body : '');

    while (length $data) {
        my $n = syswrite $socket, $data;
        last if !$n;
        substr($data, 0, $n, '');
    }
}


# bytes that come within so many seconds; undef: none, '': the end

sub read_some {
    my ($socket, $timeout) = @_;

    my $bits = '';
    vec($bits, fileno($socket), 1) = 1;

    return undef if select($bits, undef, undef, $timeout) <= 0;

    my $n = sysread $socket, my $data, 65536;

    return $n ? $data : '';
}


# { status, head, headers, raw, body, whole, closed, at => [...], rest }

sub read_response {
    my ($socket, $timeout) = @_;

    my $start = time;
    my %res = (status => 0, raw => '', body => '', whole => 0, closed => 0,
               at => [], rest => '', head => '', headers => {});
    my ($in, $head, $chunked, $length) = ('');

    $timeout ||= 10;

    while (time - $start < $timeout) {
        my $data = read_some($socket, $timeout - (time - $start));

        last if !defined $data;

        if ($data eq '') {
            $res{closed} = 1;
            $res{whole} = 1 if $head && !$chunked && !defined $length;
            last;
        }

        $res{raw} .= $data;
        $in .= $data;

        if (!$head) {
            next if $in !~ s/^(.*?\r\n)\r\n//s;

            $head = 1;
            $res{head} = $1;
            ($res{status}) = $res{head} =~ m{^HTTP/1\.\d (\d+)};

            if ($res{status} == 100) {
                $res{continued} = 1;
                $head = 0;
                redo if length $in && ($data = '');
                next;
            }

            while ($res{head} =~ /^([^:\r\n]+): *([^\r\n]*)\r$/mg) {
                push @{$res{all}{lc $1}}, $2;
            }

            $res{headers} = { map { $_ => join(', ', @{$res{all}{$_}}) }
                              keys %{$res{all}} };

            $chunked = ($res{headers}{'transfer-encoding'} || '') eq 'chunked';
            $length = $res{headers}{'content-length'};
        }

        push @{$res{at}}, [time - $start, $in] if length $in;

        if ($chunked) {
            while ($in =~ /^([0-9a-f]+)\r\n/i) {
                my $n = hex $1;
                my $begin = $+[0];

                last if length $in < $begin + $n + 2;

                if ($n == 0) {
                    $res{whole} = 1;
                    $res{rest} = substr($in, $begin + 2);
                    last;
                }

                $res{body} .= substr($in, $begin, $n);
                substr($in, 0, $begin + $n + 2, '');
            }

        } elsif (defined $length) {
            $res{body} .= $in;
            $in = '';

            if (length $res{body} >= $length) {
                $res{rest} = substr($res{body}, $length);
                $res{body} = substr($res{body}, 0, $length);
                $res{whole} = 1;
            }

        } else {
            $res{body} .= $in;
            $in = '';
        }

        last if $res{whole};
    }

    $res{time} = time - $start;

    return \%res;
}


# one request over a connection of its own, or "on" a given one

sub ask {
    my ($body, %opt) = @_;

    my $socket = $opt{on} || connect_gateway();

    send_request($socket, $body, %opt);

    my $res = read_response($socket, $opt{timeout});

    close $socket if !$opt{on};

    return $res;
}


# the same over HTTP/2: { rc, status, headers, body }

sub curl2 {
    my ($body, @arg) = @_;

    open my $fh, '>', "$dir/body" or die "cannot write: $!";
    print {$fh} $body;
    close $fh;

    my $out = do {
        open my $pipe, '-|', 'curl', '-sS', '-i', '-N', '-m', 10,
            '--http2-prior-knowledge', '--unix-socket', $block->unix,
            '-H', 'Content-Type: application/json',
            '--data-binary', "\@$dir/body", @arg,
            "http://gateway$path2" or die "curl: $!";
        local $/;
        <$pipe>;
    };

    my %res = (rc => $? >> 8, raw => $out);
    ($res{head}, $res{body}) = split /\r\n\r\n/, $out, 2;
    ($res{status}) = ($res{head} || '') =~ m{^HTTP/2 (\d+)};

    while (($res{head} || '') =~ /^([^:\r\n]+): *([^\r\n]*)\r?$/mg) {
        $res{headers}{lc $1} = $2;
    }

    return \%res;
}


# the texts of an answer, plain or stream, put together

sub content_of {
    my ($res) = @_;

    my $text = '';

    while ($res->{body} =~ /"content":"([^"\\]*+(?:\\.[^"\\]*+)*+)"/g) {
        $text .= $1;
    }

    return $text;
}


# "status type code" of an error

sub error_of {
    my ($res) = @_;

    my ($type) = $res->{body} =~ /"type":\s*"([^"]*)"/;
    my ($code) = $res->{body} =~ /"code":\s*"?([^",}]*)"?/;

    return join ' ', map { defined $_ ? $_ : '-' } $res->{status}, $type,
                                                   $code;
}


sub wait_for {
    my ($condition, $timeout) = @_;

    my $end = time + ($timeout || 3);

    while (time < $end) {
        return 1 if $condition->();
        sleep 0.02;
    }

    return 0;
}


# lines of the access log: the last is there when the request is over

sub log_lines {
    open my $fh, '<', "$Test::Nginx::Util::ServRoot/logs/llm.log"
        or return ();
    chomp(my @line = <$fh>);
    close $fh;

    return @line;
}


sub logged {
    my ($n) = @_;

    wait_for(sub { log_lines() >= ($n || 1) });

    return (log_lines())[-1] || '';
}


1;
