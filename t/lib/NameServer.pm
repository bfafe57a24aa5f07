package NameServer;

# A name server for tests: a process that answers A and AAAA over UDP from a
# file that the test may rewrite at any time, one line a name:
#
#     name  ttl  address ...      addresses of both families
#     name  nxdomain | servfail | refused | silent
#
# A name that is not listed does not exist; what was asked is appended to
# FILE.log, one "type name" a line.

use strict;
use warnings;

use IO::Socket::INET;
use Socket qw(AF_INET6 inet_aton inet_pton);


my %code = (servfail => 2, nxdomain => 3, refused => 5);


# starts it and returns its port; port 0 is any; it ends with the process that
# started it

sub start {
    my ($file, $address, $port) = @_;

    my $socket = IO::Socket::INET->new(
        LocalAddr => $address,
        LocalPort => $port,
        Proto     => 'udp',
    ) or die "cannot bind $address:$port: $!";

    my $parent = $$;
    my $pid = fork();

    die "cannot fork: $!" if !defined $pid;

    if ($pid == 0) {
        # the harness's own END blocks belong to the parent
        eval { serve($socket, $file, $parent) };
        require POSIX;
        POSIX::_exit(0);
    }

    return $socket->sockport;
}


# what the file says from now on

sub write_names {
    my ($file, @line) = @_;

    open my $fh, '>', "$file.new" or die "cannot write $file.new: $!";
    print {$fh} map { "$_\n" } @line;
    close $fh;

    rename "$file.new", $file or die "cannot rename $file.new: $!";
}


# what was asked since the last time

sub asked {
    my ($file) = @_;

    open my $fh, '<', "$file.log" or return ();
    chomp(my @line = <$fh>);
    close $fh;

    unlink "$file.log";

    return @line;
}


sub serve {
    my ($socket, $file, $parent) = @_;

    while (getppid() == $parent) {
        my $bits = '';
        vec($bits, fileno($socket), 1) = 1;

        next if select($bits, undef, undef, 0.5) <= 0;

        my $from = recv($socket, my $query, 512, 0);

        next if !defined $from || length $query < 17;

        my $reply = answer($query, $file);

        send($socket, $reply, 0, $from) if defined $reply;
    }
}


sub answer {
    my ($query, $file) = @_;

    my ($name, $type, $question) = question($query);

    if (open my $log, '>>', "$file.log") {
        print {$log} $type == 28 ? "AAAA" : $type == 1 ? "A" : $type,
                     " $name\n";
        close $log;
    }

    my @record = lookup($file, $name);
    my $rcode = 0;
    my @answer;

    if (!@record) {
        $rcode = $code{nxdomain};

    } elsif ($record[0] eq 'silent') {
        return undef;

    } elsif (exists $code{$record[0]}) {
        $rcode = $code{$record[0]};

    } else {
        my $ttl = shift @record;

        for my $address (@record) {
            my $six = $address =~ /:/;

            next if $type != ($six ? 28 : 1);

            my $data = $six ? inet_pton(AF_INET6, $address)
                            : inet_aton($address);

            push @answer, pack('nnnNn/a*', 0xc00c, $type, 1, $ttl, $data);
        }
    }

    return substr($query, 0, 2)
           . pack('nnnnn', 0x8180 | $rcode, 1, scalar @answer, 0, 0)
           . $question . join('', @answer);
}


sub question {
    my ($query) = @_;

    my $pos = 12;
    my @label;

    while ($pos < length $query) {
        my $len = ord substr($query, $pos++, 1);

        last if $len == 0;

        push @label, substr($query, $pos, $len);
        $pos += $len;
    }

    my $type = unpack('n', substr($query, $pos, 2) . "\0\0");

    return (lc join('.', @label), $type, substr($query, 12, $pos + 4 - 12));
}


sub lookup {
    my ($file, $name) = @_;

    open my $fh, '<', $file or return;

    while (my $line = <$fh>) {
        my ($key, @rest) = split ' ', $line;

        return @rest if defined $key && lc $key eq $name;
    }

    return;
}


1;
