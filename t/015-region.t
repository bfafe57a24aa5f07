# The region of a provider: where it is, and what its signatures are for.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;

repeat_each(1);
plan 'no_plan';

$ENV{LLM_TEST_KEY} = 'secret';
$ENV{LLM_TEST_AWS} = 'AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
$ENV{LLM_TEST_AWS_BAD} = 'AKIDEXAMPLE:';

# the harness warns of every "[emerg]", which is what is expected here

$SIG{__WARN__} = sub {
    warn @_ unless $_[0] =~ /^WARNING: .*\[emerg\]/;
};

# a start that is refused: that it was, and why

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->must_die) {
        return;
    }

    $block->set_value("suppress_stderr", "");

    if (!defined $block->config) {
        $block->set_value("config", "");
    }
});

no_long_string();
run_tests();

__DATA__

=== TEST 1: no region
--- http_config
    llm_provider bedrock { key none; }
--- must_die
--- error_log
provider "bedrock" in
must have "region" or "url"



=== TEST 2: a region that is none
--- http_config
    llm_provider bedrock { region us_east; key none; }
--- must_die
--- error_log
invalid value "us_east": lower-case letters, digits and "-" are allowed



=== TEST 3: a key that cannot sign is not shown
--- http_config
    llm_provider aws {
        dialect bedrock; region us-east-1; key env:LLM_TEST_AWS_BAD;
    }
--- must_die
--- error_log
provider "aws" in
cannot sign requests: its key is not valid
--- no_error_log
AKIDEXAMPLE



=== TEST 4: a key that signs but for which region
--- http_config
    llm_provider aws {
        dialect bedrock; url http://127.0.0.1:1; key env:LLM_TEST_AWS;
    }
--- must_die
--- error_log
provider "aws" in
cannot sign requests: it must have "region", or its key is not valid
--- no_error_log
AKIDEXAMPLE



=== TEST 5: the url from the region alone
--- http_config
    llm_provider aws {
        dialect bedrock; region eu-central-1; key env:LLM_TEST_AWS;
    }
    llm_provider bedrock { region us-east-1; key env:LLM_TEST_KEY; }
    llm_provider fips {
        dialect bedrock; key env:LLM_TEST_AWS;
        url https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com;
    }
--- config
    location = /alive { return 204; }
--- request
GET /alive
--- error_code: 204
--- no_error_log
[emerg]



=== TEST 6: a region where a location is asked for
--- http_config
    llm_provider vertex { region europe-west4; key none; }
--- must_die
--- error_log
provider "vertex" in
has no use for "region", it takes "location"



=== TEST 7: a region that goes nowhere
--- http_config
    llm_provider p {
        dialect openai; url http://127.0.0.1:1; key none; region eu-de;
    }
--- must_die
--- error_log
provider "p" in
has no use for "region"
