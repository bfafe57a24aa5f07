package Snapshot;

# Reads a snapshot of the ledger, from what its headers say alone.

use strict;
use warnings;

# sizes of the heads of the file and of the ledger's part, and of a sum
use constant { FILE => 48 + 8 * 24, LEDGER => 48, SUM => 336 };

# pieces; kinds of rows and limits; places in a sum
use constant { COUNTERS => 2, SUMS => 3, ENDED => 4, METRICS => 1, QUOTA => 1 };

my %place = (requests => 0, errors => 1, prompt => 3, completion => 4,
             cost => 8);
my %unit = (0 => 'requests', 1 => 'tokens', 4 => 'cost');


# { sum => { requests, ... }, quota => { tokens, ... }, inode, and name => {
# tokens, ... }: of the last counter, in hex }; undef: it is not there, or not
# whole

sub read_file {
    my ($file) = @_;

    open my $fh, '<:raw', $file or return;
    my $inode = (stat $fh)[1];
    local $/;
    my $data = <$fh>;
    close $fh;

    return if length $data < FILE + LEDGER;

    my (undef, undef, $counter, $sum) = unpack 'Q4', substr($data, FILE);
    my %all = (inode => $inode, sum => { map { $_ => 0 } keys %place },
               quota => { map { $_ => 0 } values %unit });
    my $at = FILE + LEDGER;

    die "another layout of sums: $sum" if $sum != SUM;

    while ($at < length $data) {
        my ($type, $len) = unpack 'L2', substr($data, $at, 8);
        my $piece = substr($data, $at + 8, $len);

        $at += 8 + $len;

        return \%all if $type == ENDED;

        if ($type == SUMS) {
            add_sum(\%all, $_) for unpack "(a$sum)*", $piece;

        } elsif ($type == COUNTERS) {
            add_counter(\%all, $_) for unpack "(a$counter)*", $piece;
        }
    }

    return;
}


sub add_sum {
    my ($all, $text) = @_;
    my (undef, undef, $day, $kind, undef, @value) = unpack 'Q2 q15', $text;

    return if $kind != METRICS || $day != 0;

    $all->{sum}{$_} += $value[$place{$_}] for keys %place;
}


sub add_counter {
    my ($all, $text) = @_;
    my ($high, $low, $kind, undef, $settled) = unpack 'Q2 q3', $text;
    my $unit = $unit{$kind >> 8};

    return if ($kind & 0xff) != QUOTA || !defined $unit;

    $all->{quota}{$unit} += $settled;
    $all->{name}{$unit} = sprintf '%016x%016x', $high, $low;
}


1;
