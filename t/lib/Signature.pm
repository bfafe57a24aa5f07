package Signature;

# Amazon's Signature Version 4, from what a Provider saw.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 hmac_sha256_hex sha256_hex);
use Exporter qw(import);

our @EXPORT = qw(signature);


# is the authorization of a request what it should be?

sub signature {
    my ($sent, $secret, $region, $service) = @_;

    my %auth = $sent->{headers}{authorization}
               =~ /(Credential|SignedHeaders|Signature)=([^, ]+)/g;
    my ($id, @scope) = split m{/}, $auth{Credential};
    my ($method, $path, $query)
        = $sent->{line} =~ /^(\S+) ([^ ?]+)\??(\S*) HTTP/;
    my $date = $sent->{headers}{'x-amz-date'};

    # each byte of the path once more

    $path =~ s/([^A-Za-z0-9_.~\/-])/sprintf '%%%02X', ord $1/ge;

    # parameters: plain, escaped, in order

    my @args = map { [/^([^=]*)=?(.*)$/] } split /&/, $query;

    for my $arg (@args) {
        for my $part (@$arg) {
            $part =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
            $part =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
        }
    }

    my $canonical = join "\n", $method, $path,
        join('&', map { "$_->[0]=$_->[1]" }
                  sort { $a->[0] cmp $b->[0] || $a->[1] cmp $b->[1] } @args),
        (map { "$_:$sent->{headers}{$_}" } split /;/, $auth{SignedHeaders}),
        '', $auth{SignedHeaders}, sha256_hex($sent->{body});

    my $scope = join '/', substr($date, 0, 8), $region, $service,
                          'aws4_request';
    my $key = "AWS4$secret";

    $key = hmac_sha256($_, $key) for split m{/}, $scope;

    return $auth{Credential} eq "$id/$scope"
           && hmac_sha256_hex(join("\n", 'AWS4-HMAC-SHA256', $date, $scope,
                                   sha256_hex($canonical)), $key)
              eq $auth{Signature};
}


1;
