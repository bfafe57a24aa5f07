# What is refused of providers whose keys are exchanged for access tokens: one
# block a message; and what is not.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::Socket;
use Tokens;

repeat_each(1);
plan 'no_plan';

# the harness warns of every "[emerg]", which is what is expected here

$SIG{__WARN__} = sub {
    warn @_ unless $_[0] =~ /^WARNING: .*\[emerg\]/;
};

delete @ENV{qw(GOOGLE_APPLICATION_CREDENTIALS WATSONX_API_KEY)};

our $good = account('good');
our $dir = $Tokens::dir;

$ENV{LLM_TEST_KEY} = 'AIza-secret';
$ENV{WATSONX_APIKEY} = 'AIza-secret';

sub file {
    my ($name, $text) = @_;

    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$fh} $text;
    close $fh;

    return "file:$dir/$name";
}

# "conf": lines of http; "says": what is logged, "..." is anything; without it
# nginx starts

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value("http_config", $block->conf);

    my $says = $block->says;

    if (!defined $says) {
        $block->set_value("config", "location /t { return 200 ok; }");
        $block->set_value("request", "GET /t");
        $block->set_value("response_body", "ok");
        $block->set_value("no_error_log", "[emerg]\n[error]\n[alert]");
        return;
    }

    $block->set_value("config", "");

    $says =~ s/\s+\z//;
    $says = join ".*", map { quotemeta } split /\.\.\./, $says, -1;

    $block->set_value("must_die", "");
    $block->set_value("suppress_stderr", "");
    $block->set_value("error_log", qr/\[emerg\] .*$says/);

    # nothing of a key is shown

    $block->set_value("no_error_log", "PRIVATE\nAIza-secret\nme\@my-project");
});

no_long_string();
run_tests();

__DATA__

=== TEST 1: no JSON
--- conf eval
"llm_provider vertex { key " . main::file('cut', substr(main::account_json(), 0, 400)) . "; }"
--- says
key 1 of provider "vertex" in ...nginx.conf:... is no JSON object



=== TEST 2: of a person
--- conf eval
"llm_provider vertex { key " . main::file('user', main::account_json(type => 'authorized_user')) . "; }"
--- says
key 1 of provider "vertex" in ... is no service account: its "type" is another



=== TEST 3: without a key
--- conf eval
"llm_provider vertex { key " . main::file('nokey', main::account_json(private_key => undef)) . "; }"
--- says
has no "private_key"



=== TEST 4: with one that is none
--- conf eval
"llm_provider vertex { key " . main::file('badkey', main::account_json(private_key => '-----BEGIN PRIVATE KEY-----\\nAIza-secret\\n')) . "; }"
--- says
has a "private_key" that is no RSA key in PEM



=== TEST 5: the second one
--- conf eval
"llm_provider vertex { key file:$main::good " . main::file('noemail', main::account_json(client_email => undef)) . "; }"
--- says
key 2 of provider "vertex" in ... has no "client_email"



=== TEST 6: no project
--- conf eval
"llm_provider vertex { key " . main::file('noproject', main::account_json(project_id => undef)) . "; }"
--- says
provider "vertex" in ... must have "project": its key names none



=== TEST 7: a url of tokens that is none
--- conf eval
"llm_provider vertex { key " . main::file('baduri', main::account_json(token_uri => 'ftp://x/token')) . "; }"
--- says
no "http://" or "https://" in url of provider "vertex:token" in ...nginx.conf:



=== TEST 8: an account and an API key
--- conf eval: "llm_provider vertex { key file:$main::good env:LLM_TEST_KEY; }"
--- says
must have keys of one kind: service accounts, or API keys



=== TEST 9: an API key elsewhere
--- conf
llm_provider vertex { key env:LLM_TEST_KEY; location europe-west4; }
--- says
must have "project": without one the only location is "global"



=== TEST 10: a project where there are none
--- conf
llm_provider openai { key none; project p; }
--- says
provider "openai" in ... has a dialect without "project"



=== TEST 11: a location, likewise
--- conf
llm_provider gemini { key none; location l; }
--- says
has a dialect without "location"



=== TEST 12: an Entra client of Google's
--- conf eval: "llm_provider vertex { key file:$main::good; tenant t; client_id c; }"
--- says
has a dialect without "tenant"



=== TEST 13: a tenant alone
--- conf
llm_provider azure { url https://x; key env:LLM_TEST_KEY; tenant t; }
--- says
must have both "tenant" and "client_id"



=== TEST 14: a client alone
--- conf
llm_provider azure { url https://x; key env:LLM_TEST_KEY; client_id t; }
--- says
must have both "tenant" and "client_id"



=== TEST 15: no secret
--- conf
llm_provider azure { url https://x; key none; tenant t; client_id c; }
--- says
must have "key": the secret of its client



=== TEST 16: a name that leads elsewhere
--- conf
llm_provider azure { url https://x; tenant a/b; }
--- says
invalid value "a/b": letters, digits, "-", "_", "." and ":" are allowed



=== TEST 17: a location that is a host
--- conf
llm_provider vertex { location evil.com/; }
--- says
invalid value "evil.com/"



=== TEST 18: where no token is fetched
--- conf
llm_provider openai { key none; token_url https://x/token; }
--- says
provider "openai" in ... has "token_url", but no access tokens



=== TEST 19: where there is an API key
--- conf
llm_provider vertex { key env:LLM_TEST_KEY; token_url https://x/token; }
--- says
has "token_url", but no service account



=== TEST 20: too many
--- conf eval
"llm_provider vertex { key " . join(' ', ("file:$main::good") x 64) . "; }\n"
. "llm_provider b { preset vertex; key file:$main::good; }"
--- says
there are 65 keys of providers that access tokens are fetched for, 64 are the most



=== TEST 21: a query that is none
--- conf
llm_provider azure { url https://x; key env:LLM_TEST_KEY; tenant t; client_id c; token_url "https://x/a?b c"; }
--- says
invalid character in url of "azure:token" in ...nginx.conf:



=== TEST 22: a preset, a dialect, a key that is missing, 64 keys
--- conf eval
"llm_provider vertex { key " . join(' ', ("file:$main::good") x 61) . "; }\n"
. "llm_provider b { preset vertex; key file:$main::good; location us; }\n"
. "llm_provider c { dialect vertex; key file:$main::good; location x-y1; }\n"
. "llm_provider d { dialect vertex; key file:/nowhere; location x-y1; }\n"
. "llm_provider e { preset vertex; key env:LLM_TEST_KEY; }\n"
. "llm_provider f { preset vertex; key none; project example.com:p; }\n"
. "llm_provider azure { url https://x; key env:LLM_TEST_KEY; tenant t; "
. "client_id c; token_url https://x/a?b=c; }"



=== TEST 23: without TLS
--- conf
llm_provider azure { url https://x; key env:LLM_TEST_KEY; tenant t; client_id c; token_url http://x/; }
--- no_error_log
[emerg]
--- error_log
fetches access tokens without TLS



=== TEST 24: IBM's dialect without a project
--- conf
llm_provider watsonx { region us-south; key env:LLM_TEST_KEY; }
--- says
provider "watsonx" in ...nginx.conf:... must have "project" or "space"



=== TEST 25: with a project and a space
--- conf
llm_provider watsonx { region us-south; key env:LLM_TEST_KEY; project a; space b; }
--- says
provider "watsonx" in ... must have "project" or "space", not both



=== TEST 26: with what others have
--- conf
llm_provider watsonx { region us-south; key env:LLM_TEST_KEY; project a; tenant b; }
--- says
provider "watsonx" in ... has a dialect without "tenant"



=== TEST 27: a location is Google's
--- conf
llm_provider watsonx { region us-south; key env:LLM_TEST_KEY; project a; location b; }
--- says
provider "watsonx" in ... has a dialect without "location"



=== TEST 28: a space is IBM's
--- conf
llm_provider vertex { key env:LLM_TEST_KEY; space a; }
--- says
provider "vertex" in ... has a dialect without "space"



=== TEST 29: a space that is none
--- conf
llm_provider watsonx { region us-south; key env:LLM_TEST_KEY; space "a/b"; }
--- says
invalid value "a/b"



=== TEST 30: where nothing is exchanged
--- conf
llm_provider watsonx { region us-south; key none; space a; token_url https://x/; }
--- says
provider "watsonx" in ... has "token_url", but no key



=== TEST 31: a version that is no date
--- conf
llm_provider watsonx { region us-south; key env:LLM_TEST_KEY; space a; api_version v1; }
--- says
invalid "api_version" "v1" of provider "watsonx" in ...: it is no version of the preset "watsonx"



=== TEST 32: the same of the dialect alone
--- conf
llm_provider w { dialect watsonx; url https://x; key env:LLM_TEST_KEY; space a; api_version 2024; }
--- says
invalid "api_version" "2024" of provider "w" in



=== TEST 33: no region
--- conf
llm_provider watsonx { key env:LLM_TEST_KEY; space a; }
--- says
provider "watsonx" in ... must have "region" or "url"



=== TEST 34: a preset, a dialect, a key that is missing, or none, two of them
--- conf
llm_provider watsonx { region us-south; key env:LLM_TEST_KEY env:LLM_TEST_KEY; project 4b0c-1a; }
llm_provider a { preset watsonx; region eu-de; key env:LLM_TEST_KEY; space b; api_version 2026-08-11; }
llm_provider b { dialect watsonx; region eu-de; key env:LLM_TEST_KEY; space b; }
llm_provider c { dialect watsonx; url https://x/ml/v1; key env:LLM_TEST_NONE; }
llm_provider d { dialect watsonx; url https://x; key none; space b; }



=== TEST 35: a key in the other of its two variables
--- conf
llm_provider watsonx { region us-south; space b; }
--- no_error_log
[emerg]
WATSONX



=== TEST 36: a scope of nobody
--- conf
llm_provider azure { url https://x; key env:LLM_TEST_KEY; scope a; }
--- says
provider "azure" in ... has "scope", but no "client_id"



=== TEST 37: a client that is none
--- conf
llm_provider azure { url https://x; key env:LLM_TEST_KEY; tenant a; client_id "a b"; }
--- says
invalid value "a b"



=== TEST 38: a client where tokens are fetched, whose names are not Microsoft's
--- conf
llm_provider azure { url https://x; key env:LLM_TEST_KEY; client_id "a!b|c"; token_url https://x/oauth/token; scope ""; }
