package Tokens;

# A service account, and what is asked with it: its assertion is taken apart
# and its signature checked by openssl.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);
use MIME::Base64 qw(decode_base64url);

our @EXPORT = qw(account account_json form assertion);

our $dir = tempdir(CLEANUP => 1);


chmod 0755, $dir;


sub run {
    system(@_) == 0 or die "@_ failed";
}


run("openssl genrsa -out $dir/key.pem 2048 2> $dir/log");
run("openssl rsa -in $dir/key.pem -pubout -out $dir/public.pem 2> $dir/log");


sub slurp {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!";
    binmode $fh;
    local $/;

    return scalar <$fh>;
}


# its JSON as the console gives it, over lines

sub account_json {
    my (%member) = @_;

    my $key = `openssl pkcs8 -topk8 -nocrypt -in $dir/key.pem`;

    $key =~ s/\n/\\n/g;

    my %all = (
        type           => 'service_account',
        project_id     => 'my-project',
        private_key_id => 'id-of-key',
        private_key    => $key,
        client_email   => 'me@my-project.iam.gserviceaccount.com',
        %member,
    );

    return "{\n" . join(",\n", map { "  \"$_\": \"$all{$_}\"" }
                               grep { defined $all{$_} } sort keys %all)
           . "\n}\n";
}


# a file with it, and its name

sub account {
    my ($name, %member) = @_;

    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$fh} account_json(%member);
    close $fh;

    return "$dir/$name";
}


# the members of a form

sub form {
    my ($text) = @_;

    my %form;

    for my $pair (split /&/, $text) {
        my ($name, $value) = split /=/, $pair, 2;

        $value =~ s/%([0-9a-f]{2})/chr hex $1/gei;
        $form{$name} = $value;
    }

    return \%form;
}


# header and claims of a signed assertion; dies if it is not signed

sub assertion {
    my ($jwt) = @_;

    my ($header, $claims, $signature) = split /\./, $jwt;

    open my $fh, '>', "$dir/signature" or die $!;
    binmode $fh;
    print {$fh} decode_base64url($signature);
    close $fh;

    open $fh, '>', "$dir/signed" or die $!;
    print {$fh} "$header.$claims";
    close $fh;

    run("openssl dgst -sha256 -verify $dir/public.pem "
        . "-signature $dir/signature $dir/signed > $dir/log 2>&1");

    require JSON::PP;

    return map { JSON::PP::decode_json(decode_base64url($_)) }
           ($header, $claims);
}


1;
