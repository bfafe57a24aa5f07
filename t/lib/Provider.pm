package Provider;

# A provider that does what a script says: whole answers, streams piece by
# piece, silence, cuts, resets, nonsense; over any number of connections.
# What it was asked is kept for the test to look at.
#
# A script is one command a line; "==" ends the answer to one request, the
# last answer serves all requests that follow.  In bytes \r \n \t \0 \\ and
# \xNN stand for what they do in C.
#
#     status 429 Slow Down       of the answer that follows; 200
#     header Retry-After: 7      of the answer that follows
#     json TEXT                  whole answers: of a type, ...
#     body TYPE BYTES
#     ok TEXT                    ... OpenAI's or Anthropic's with that text
#     claude TEXT
#
#     sse [close|1.0]            head of a stream, chunked or without framing
#     ndjson [close|1.0]         the same, of lines of JSON
#     role, text WORDS, finish WHY, usage IN OUT, done
#                                chunks of OpenAI's stream
#     c-start, c-text WORDS, c-stop
#                                events of Anthropic's
#     chunked TYPE               head of a stream of another type
#     data BYTES                 an event of the stream
#     say BYTES                  bytes of the stream, framed where it is
#     fill N                     so many of them
#     end                        end of the framing
#     stream WORDS               a whole one, OpenAI's or Anthropic's
#     c-stream WORDS
#
#     raw BYTES                  bytes as they are
#     file PATH                  what is in the file, framed
#     hold, flush                what stands between leaves in one write
#     split N                    from here on no write is longer
#     sleep SECONDS, stall       stall: until the other side closes
#     cut, reset                 end of the connection
#
# First in an answer and before a request is read: "at-accept cut" or "reset".

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);


# %opt: tls => [certificate, key], backlog => N, deaf => 1 (accepts nobody)

sub new {
    my ($class, %opt) = @_;

    my $socket = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => 0,
        Proto     => 'tcp',
        Listen    => $opt{backlog} || 128,
    ) or die "cannot listen: $!";

    my $self = bless {
        port => $socket->sockport,
        dir  => tempdir(CLEANUP => 1),
        tls  => $opt{tls},
    }, $class;

    $self->play("stall");

    if ($opt{deaf}) {
        $self->{socket} = $socket;
        return $self;
    }

    my $parent = $$;
    my $pid = fork();

    die "cannot fork: $!" if !defined $pid;

    if ($pid == 0) {
        # the harness's own END blocks belong to the parent
        eval { $self->serve($socket, $parent) };
        warn $@ if $@;
        POSIX::_exit(0);
    }

    return $self;
}


sub port {
    return $_[0]->{port};
}


# a script from its beginning; what was seen is forgotten

sub play {
    my ($self, $script) = @_;

    for (qw(count log)) {
        unlink "$self->{dir}/$_";
    }

    open my $fh, '>', "$self->{dir}/new" or die "cannot write: $!";
    print {$fh} '#', ++$self->{epoch}, "\n", $script;
    close $fh;

    rename "$self->{dir}/new", "$self->{dir}/script" or die "rename: $!";
}


# the requests so far: { connection, line, head, headers, body }

sub seen {
    my ($self) = @_;

    my @seen = grep { defined $_->{head} } $self->events;

    return @seen;
}


# how many connections were accepted, how many broke

sub connections {
    my ($self) = @_;

    return scalar grep { $_->{what} eq 'accept' } $self->events;
}


sub events {
    my ($self) = @_;

    my @event;

    open my $fh, '<', "$self->{dir}/log" or return @event;
    binmode $fh;

    while (my $line = <$fh>) {
        my ($what, $connection, $len) = split ' ', $line;
        my %event = (what => $what, connection => $connection);

        if ($len) {
            my $data;
            read $fh, $data, $len;

            my ($head, $body) = split /\r\n\r\n/, $data, 2;
            my ($first, @field) = split /\r\n/, $head;
            my %header;

            for (@field) {
                my ($name, $value) = split /: ?/, $_, 2;
                push @{$header{lc $name}}, $value;
            }

            $event{line} = $first;
            $event{head} = $head;
            $event{headers} = { map { $_ => join(', ', @{$header{$_}}) }
                                keys %header };
            $event{body} = $body;
        }

        push @event, \%event;
    }

    return @event;
}


sub serve {
    my ($self, $socket, $parent) = @_;

    local $SIG{CHLD} = 'IGNORE';
    local $SIG{PIPE} = 'IGNORE';

    my $n = 0;

    while (getppid() == $parent) {
        my $bits = '';
        vec($bits, fileno($socket), 1) = 1;

        next if select($bits, undef, undef, 0.5) <= 0;

        my $client = $socket->accept or next;

        $n++;

        my $pid = fork();

        if (defined $pid && $pid == 0) {
            close $socket;
            $self->{parent} = $parent;
            $self->{nth} = $n;
            eval { $self->connection($client) };
            warn $@ if $@;
            POSIX::_exit(0);
        }

        close $client;
    }
}


sub note {
    my ($self, $what, $data) = @_;

    # what was said under another script is of no interest any more

    my ($epoch) = $self->script =~ /^#(\d+)/;

    if ($what eq 'accept' || $what eq 'request') {
        $self->{epoch} = $epoch;

    } elsif ($self->{epoch} != $epoch) {
        return;
    }

    open my $fh, '>>', "$self->{dir}/log" or return;
    binmode $fh;

    my $len = defined $data ? length $data : 0;

    syswrite $fh, "$what $self->{nth} $len\n" . (defined $data ? $data : '');
    close $fh;
}


sub connection {
    my ($self, $client) = @_;

    $client->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);

    $self->{plain} = $client;
    $self->{client} = $client;
    $self->{in} = '';

    $self->note('accept');

    my $first = $self->answer(0);

    if ($first && $first->[0] =~ /^at-accept (cut|reset)/) {
        my $how = $1;

        $self->answer(1);
        $self->end($how);
    }

    if ($self->{tls}) {
        require IO::Socket::SSL;

        $self->{client} = IO::Socket::SSL->start_SSL($client,
            SSL_server    => 1,
            SSL_cert_file => $self->{tls}[0],
            SSL_key_file  => $self->{tls}[1],
        ) or do { $self->note('handshake'); $self->end('cut') };
    }

    while (1) {
        my $request = $self->request;

        if (!defined $request) {
            $self->note('closed');
            $self->end('cut');
        }

        $self->note('request', $request);
        $self->perform($self->answer(1));
    }
}


sub script {
    my ($self) = @_;

    open my $fh, '<', "$self->{dir}/script" or die "no script: $!";
    my $text = do { local $/; <$fh> };
    close $fh;

    return $text;
}


# the lines of the answer that comes next

sub answer {
    my ($self, $take) = @_;

    my @answer = split /^==\n/m, $self->script;

    open my $count, '+>>', "$self->{dir}/count" or return;
    flock $count, LOCK_EX;
    seek $count, 0, 0;

    my $n = <$count> || 0;

    if ($take) {
        truncate $count, 0;
        syswrite $count, $n + 1;
    }

    close $count;

    return [ grep { /\S/ && !/^#/ } split /\n/,
             $answer[$n < @answer ? $n : -1] ];
}


sub request {
    my ($self) = @_;

    my $size;

    while (1) {
        if ($self->{in} =~ /\r\n\r\n/) {
            my $head = $+[0];
            my ($len) = $self->{in} =~ /^content-length: *(\d+)\r$/mi;

            $size = $head + ($len || 0);

            last if length $self->{in} >= $size;
        }

        return undef if !$self->fill;
    }

    return substr($self->{in}, 0, $size, '');
}


# more bytes from the gateway; false when there are no more

sub fill {
    my ($self) = @_;

    my $fd = fileno($self->{plain});

    while (!$self->{tls} || !$self->{client}->pending) {
        my $bits = '';
        vec($bits, $fd, 1) = 1;

        last if select($bits, undef, undef, 0.5) > 0;

        POSIX::_exit(0) if !kill 0, $self->{parent};
    }

    return $self->{client}->sysread($self->{in}, 65536,
                                    length $self->{in});
}


sub end {
    my ($self, $how) = @_;

    if ($how eq 'reset') {
        setsockopt $self->{plain}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);

    } elsif ($self->{tls} && ref $self->{client} ne ref $self->{plain}) {
        $self->{client}->close(SSL_no_shutdown => 0);
    }

    close $self->{plain};
    POSIX::_exit(0);
}


sub put {
    my ($self, $bytes) = @_;

    if (defined $self->{held}) {
        $self->{held} .= $bytes;
        return;
    }

    while (length $bytes) {
        my $part = $self->{split} ? substr($bytes, 0, $self->{split}, '')
                                  : substr($bytes, 0, length $bytes, '');

        while (length $part) {
            my $n = $self->{client}->syswrite($part);

            if (!defined $n) {
                $self->note('broken');
                $self->end('cut');
            }

            substr($part, 0, $n, '');
        }

        sleep 0.002 if length $bytes;
    }
}


sub say {
    my ($self, $bytes) = @_;

    if ($self->{chunked}) {
        $bytes = sprintf("%x\r\n", length $bytes) . $bytes . "\r\n";
    }

    $self->put($bytes);
}


sub head {
    my ($self, $type, $length, $version) = @_;

    my $head = "HTTP/" . ($version || '1.1') . " $self->{status}\r\n";

    $head .= "Content-Type: $type\r\n" if length $type;
    $head .= "Content-Length: $length\r\n" if defined $length;
    $head .= "Transfer-Encoding: chunked\r\n" if $self->{chunked};
    $head .= "$_\r\n" for @{$self->{header}};

    return "$head\r\n";
}


sub body {
    my ($self, $type, $bytes) = @_;

    $self->put($self->head($type, length $bytes) . $bytes);
    $self->{header} = [];
    $self->{status} = '200 OK';
}


sub perform {
    my ($self, $lines) = @_;

    $self->{status} = '200 OK';
    $self->{header} = [];
    $self->{chunked} = 0;
    $self->{split} = 0;

    for my $line (@$lines) {
        my ($command, $rest) = $line =~ /^\s*(\S+) ?(.*)$/;

        $self->command($command, $rest);
    }

    $self->put(delete $self->{held}) if defined $self->{held};
}


my $chunk = '{"id":"chatcmpl-1","object":"chat.completion.chunk",'
            . '"created":1700000000,"model":"mock-1","choices":[%s]%s}';

my %plain = (r => "\r", n => "\n", t => "\t", 0 => "\0", '\\' => '\\');


sub unescape {
    my ($text) = @_;

    $text =~ s/\\(x([0-9a-f]{2})|.)/defined $2 ? chr hex $2
               : defined $plain{$1} ? $plain{$1} : "\\$1"/gie;

    return $text;
}


sub quote {
    my ($text) = @_;

    $text =~ s/(["\\])/\\$1/g;

    return "\"$text\"";
}


sub choice {
    my ($self, $delta, $finish) = @_;

    $finish = defined $finish ? "\"$finish\"" : 'null';

    $self->say('data: ' . sprintf($chunk,
               "{\"index\":0,\"delta\":$delta,\"finish_reason\":$finish}",
               '') . "\n\n");
}


sub event {
    my ($self, $name, $json) = @_;

    $self->say("event: $name\ndata: {\"type\":\"$name\",$json}\n\n");
}


sub command {
    my ($self, $command, $rest) = @_;

    $rest = '' if !defined $rest;

    if ($command eq 'status') {
        $self->{status} = $rest =~ / / ? $rest : "$rest Status";

    } elsif ($command eq 'header') {
        push @{$self->{header}}, unescape($rest);

    } elsif ($command eq 'json') {
        $self->body('application/json', unescape($rest));

    } elsif ($command eq 'body') {
        my ($type, $bytes) = split ' ', $rest, 2;
        $self->body($type, unescape(defined $bytes ? $bytes : ''));

    } elsif ($command eq 'ok') {
        $self->body('application/json', ok($rest));

    } elsif ($command eq 'claude') {
        $self->body('application/json', claude($rest));

    } elsif ($command eq 'sse' || $command eq 'ndjson') {
        my $version = $rest eq '1.0' ? '1.0' : '1.1';

        $self->{chunked} = ($rest eq '');

        if ($rest eq 'close') {
            push @{$self->{header}}, 'Connection: close';
        }

        $self->put($self->head($command eq 'sse' ? 'text/event-stream'
                                                 : 'application/x-ndjson',
                               undef, $version));

    } elsif ($command eq 'chunked') {
        $self->{chunked} = 1;
        $self->put($self->head($rest));

    } elsif ($command eq 'role') {
        $self->choice('{"role":"assistant","content":""}');

    } elsif ($command eq 'text') {
        $self->choice('{"content":' . quote($rest) . '}');

    } elsif ($command eq 'finish') {
        $self->choice('{}', $rest || 'stop');

    } elsif ($command eq 'usage') {
        my ($in, $out) = split ' ', $rest;

        $self->say('data: ' . sprintf($chunk, '', ",\"usage\":{"
                   . "\"prompt_tokens\":$in,\"completion_tokens\":$out,"
                   . "\"total_tokens\":" . ($in + $out) . "}") . "\n\n");

    } elsif ($command eq 'done') {
        $self->say("data: [DONE]\n\n");

    } elsif ($command eq 'c-start') {
        $self->event('message_start', '"message":{"id":"msg_1",'
            . '"type":"message","role":"assistant","model":"mock-c",'
            . '"content":[],"stop_reason":null,"stop_sequence":null,'
            . '"usage":{"input_tokens":11,"output_tokens":1}}');
        $self->event('content_block_start', '"index":0,"content_block":'
            . '{"type":"text","text":""}');

    } elsif ($command eq 'c-text') {
        $self->event('content_block_delta', '"index":0,"delta":'
            . '{"type":"text_delta","text":' . quote($rest) . '}');

    } elsif ($command eq 'c-stop') {
        $self->event('content_block_stop', '"index":0');
        $self->event('message_delta', '"delta":{"stop_reason":"end_turn",'
            . '"stop_sequence":null},"usage":{"output_tokens":5}');
        $self->say("event: message_stop\n"
                   . "data: {\"type\":\"message_stop\"}\n\n");

    } elsif ($command eq 'data') {
        $self->say('data: ' . unescape($rest) . "\n\n");

    } elsif ($command eq 'say') {
        $self->say(unescape($rest));

    } elsif ($command eq 'fill') {
        $self->say('x' x $rest);

    } elsif ($command eq 'end') {
        $self->put("0\r\n\r\n");

    } elsif ($command eq 'stream') {
        $self->command($_) for 'sse', 'role';
        $self->command('text', $_) for split /(?<= )/, $rest;
        $self->command($_) for 'finish';
        $self->command('usage', '7 3');
        $self->command($_) for 'done', 'end';

    } elsif ($command eq 'c-stream') {
        $self->command($_) for 'sse', 'c-start';
        $self->command('c-text', $_) for split /(?<= )/, $rest;
        $self->command($_) for 'c-stop', 'end';

    } elsif ($command eq 'raw') {
        $self->put(unescape($rest));

    } elsif ($command eq 'file') {
        open my $fh, '<', $rest or die "$rest: $!";
        binmode $fh;
        my $bytes = do { local $/; <$fh> };
        $self->say($bytes);

    } elsif ($command eq 'hold') {
        $self->{held} = '';

    } elsif ($command eq 'flush') {
        $self->put(delete $self->{held});

    } elsif ($command eq 'split') {
        $self->{split} = $rest;

    } elsif ($command eq 'sleep') {
        sleep $rest;

    } elsif ($command eq 'stall') {
        1 while $self->fill;
        $self->note('closed');
        $self->end('cut');

    } elsif ($command eq 'cut' || $command eq 'reset') {
        $self->end($command);

    } else {
        die "unknown command \"$command\"";
    }
}


# whole answers, for the test to compare with, too

sub ok {
    my ($text) = @_;

    return '{"id":"chatcmpl-1","object":"chat.completion",'
           . '"created":1700000000,"model":"mock-1","choices":[{"index":0,'
           . '"message":{"role":"assistant","content":' . quote($text)
           . '},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,'
           . '"completion_tokens":3,"total_tokens":10}}';
}


sub claude {
    my ($text) = @_;

    return '{"id":"msg_1","type":"message","role":"assistant",'
           . '"model":"mock-c","content":[{"type":"text","text":'
           . quote($text) . '}],"stop_reason":"end_turn",'
           . '"stop_sequence":null,"usage":{"input_tokens":11,'
           . '"output_tokens":5}}';
}


1;
