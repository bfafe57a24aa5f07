package EventStream;

# Amazon's event stream, application/vnd.amazon.eventstream: messages from
# words, for fixtures and for what a Provider says.

use strict;
use warnings;

use Compress::Raw::Zlib ();
use MIME::Base64 qw(encode_base64);


# a message of any headers (name => value, ...) and a payload

sub message {
    my ($headers, $payload) = @_;

    my $head = '';
    my @header = @$headers;

    while (my ($name, $value) = splice @header, 0, 2) {
        $head .= pack 'C/a C n/a', $name, 7, $value;
    }

    my $prelude = pack 'NN', length($head) + length($payload) + 16,
                       length $head;

    my $message = $prelude . pack('N', crc32($prelude)) . $head . $payload;

    return $message . pack 'N', crc32($message);
}


sub crc32 {
    return Compress::Raw::Zlib::crc32($_[0]);
}


sub event {
    my ($type, $json) = @_;

    return message([':event-type' => $type,
                    ':content-type' => 'application/json',
                    ':message-type' => 'event'], $json);
}


sub exception {
    my ($type, $json) = @_;

    return message([':exception-type' => $type,
                    ':content-type' => 'application/json',
                    ':message-type' => 'exception'], $json);
}


sub error {
    my ($code, $text) = @_;

    return message([':message-type' => 'error', ':error-code' => $code,
                    ':error-message' => $text], '');
}


# one of Claude's events, as InvokeModelWithResponseStream wraps it

sub chunk {
    my ($json) = @_;

    return event('chunk', '{"bytes":"' . encode_base64($json, '')
                          . '","p":"abcdefgh"}');
}


# a piece of what a container sends, as InvokeEndpointWithResponseStream has it

sub part {
    my ($bytes) = @_;

    return message([':event-type' => 'PayloadPart',
                    ':content-type' => 'application/octet-stream',
                    ':message-type' => 'event'], $bytes);
}


# lines of text: "TYPE JSON" is an event, "chunk JSON" one of Claude's, "part
# BYTES" one of SageMaker's, where %0a and the like are bytes, too;
# "!event TYPE BYTES", "!exception TYPE JSON", "!error CODE TEXT", "!cut N":
# without its last N bytes, "!flip N": the byte N before the end is another one

sub script {
    my ($text) = @_;

    my $bytes = '';

    for my $line (split /\n/, $text) {
        my ($word, $rest) = $line =~ /^(\S+) ?(.*)$/ or next;

        if ($word eq '!exception') {
            $bytes .= exception(split / /, $rest, 2);

        } elsif ($word eq '!event') {
            $bytes .= event(split / /, $rest, 2);

        } elsif ($word eq '!error') {
            $bytes .= error(split / /, $rest, 2);

        } elsif ($word eq '!cut') {
            substr($bytes, -$rest) = '';

        } elsif ($word eq '!flip') {
            substr($bytes, -$rest, 1) ^= "\x01";

        } elsif ($word eq 'part') {
            $rest =~ s/%([0-9a-f]{2})/chr hex $1/ge;
            $bytes .= part($rest);

        } elsif ($word eq 'chunk') {
            $bytes .= chunk($rest);

        } else {
            $bytes .= event($word, $rest);
        }
    }

    return $bytes;
}


# as a script of a Provider says it

sub say {
    my ($bytes) = @_;

    $bytes =~ s/(.)/sprintf '\x%02x', ord $1/gse;

    return "say $bytes\n";
}


1;
