# What is refused in llm_provider and llm_zone: one block a message.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::Nginx::Socket;

BEGIN {
    $ENV{TEST_NGINX_LLM_TLS} = abs_path(dirname(__FILE__) . "/fixtures/tls");
    delete $ENV{OPENAI_API_KEY};
}

repeat_each(1);

# what is expected is no warning
no_check_emerg() if defined &no_check_emerg;

# "conf": lines of http; "says": what is logged, "..." is
# anything, LINE a number and LINE+1 the next one

add_block_preprocessor(sub {
    my $block = shift;

    use re 'eval';

    my $says = $block->says;

    $says =~ s/\s+\z//;
    $says = join ".*", map { quotemeta } split /\.\.\./, $says, -1;
    $says =~ s/LINE\\\+(\d)/(??{ \$1 + $1 })/g;
    $says =~ s/LINE/(\\d+)/g;

    $block->set_value("http_config", $block->conf);
    $block->set_value("config", "");
    $block->set_value("must_die", "");
    $block->set_value("suppress_stderr", "");
    $block->set_value("error_log", qr/\[emerg\] .*$says/);
});

no_long_string();
plan tests => blocks() * 2;
run_tests();

__DATA__

=== TEST 1: no preset, no dialect, no url
--- conf
    llm_provider groqq { }
--- says
provider "groqq" in ...nginx.conf:... must have "preset", or "dialect" and "url": there is no preset of that name



=== TEST 2: a dialect alone
--- conf
    llm_provider p { dialect openai; }
--- says
provider "p" in ...nginx.conf:... must have "url": there is no preset of that name



=== TEST 3: a url alone
--- conf
    llm_provider p { url http://127.0.0.1; }
--- says
provider "p" in ...nginx.conf:... must have "dialect" or "preset": there is no preset of that name



=== TEST 4: an unknown preset
--- conf
    llm_provider p { preset nobody; }
--- says
unknown preset "nobody" of provider "p" in ...nginx.conf:



=== TEST 5: an unknown dialect
--- conf
    llm_provider p { dialect klingon; url http://127.0.0.1; }
--- says
unknown dialect "klingon" of provider "p" in ...nginx.conf:..., dialects are openai, anthropic, gemini,



=== TEST 6: a provider twice
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; }
    llm_provider q { dialect openai; url http://127.0.0.1; }
    llm_provider p { dialect openai; url http://127.0.0.2; }
--- says
duplicate provider "p", the first one is in ...nginx.conf:LINE in ...nginx.conf:LINE+2



=== TEST 7: a bad name
--- conf
    llm_provider "a b" { dialect openai; url http://127.0.0.1; }
--- says
invalid provider name "a b": letters, digits, "_", "-" and "." are allowed in ...nginx.conf:



=== TEST 8: an unknown statement
--- conf
    llm_provider p { dialekt openai; }
--- says
unknown statement "dialekt" in llm_provider in ...nginx.conf:



=== TEST 9: a statement twice
--- conf
    llm_provider p { url http://127.0.0.1; url http://127.0.0.2; }
--- says
"url" directive is duplicate in ...nginx.conf:



=== TEST 10: url with no scheme
--- conf
    llm_provider p { dialect openai; url 127.0.0.1:80; }
--- says
no "http://" or "https://" in url of provider "p" in ...nginx.conf:



=== TEST 11: url with another scheme
--- conf
    llm_provider p { dialect openai; url ftp://127.0.0.1; }
--- says
no "http://" or "https://" in url of provider "p" in ...nginx.conf:



=== TEST 12: url with no host
--- conf
    llm_provider p { dialect openai; url http:///v1; }
--- says
no host in url of provider "p" in ...nginx.conf:



=== TEST 13: url with no host before the port
--- conf
    llm_provider p { dialect openai; url http://:80/v1; }
--- says
no host in url of provider "p" in ...nginx.conf:



=== TEST 14: url with a user name
--- conf
    llm_provider p { dialect openai; url https://sk-secret@127.0.0.1/; }
--- says
user names are not supported, see "key": in url of provider "p" in ...nginx.conf:



=== TEST 15: url with a query string
--- conf
    llm_provider p { dialect openai; url "http://127.0.0.1/v1?key=sk-secret"; }
--- says
query strings and fragments are not supported in url of provider "p" in ...nginx.conf:



=== TEST 16: url with a fragment
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1/v1#a; }
--- says
query strings and fragments are not supported in url of provider "p" in ...nginx.conf:



=== TEST 17: url with a variable
--- conf
    llm_provider p { dialect openai; url http://$host/v1; }
--- says
variables are not supported in url of provider "p" in ...nginx.conf:



=== TEST 18: url with a blank
--- conf
    llm_provider p { dialect openai; url "http://127.0.0.1/v 1"; }
--- says
invalid character in url of provider "p" in ...nginx.conf:



=== TEST 19: url with a line feed
--- conf
    llm_provider p { dialect openai; url "http://127.0.0.1/v\n1"; }
--- says
invalid character in url of provider "p" in ...nginx.conf:



=== TEST 20: url with port 0
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1:0/; }
--- says
invalid port in url of provider "p" in ...nginx.conf:



=== TEST 21: url with port 65536
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1:65536/; }
--- says
invalid port in url of provider "p" in ...nginx.conf:



=== TEST 22: url with an empty port
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1:/; }
--- says
invalid port in url of provider "p" in ...nginx.conf:



=== TEST 23: url with letters for a port
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1:80a/; }
--- says
invalid port in url of provider "p" in ...nginx.conf:



=== TEST 24: url with a bad IPv6 address
--- conf
    llm_provider p { dialect openai; url http://[::g]/; }
--- says
invalid IPv6 address in url of provider "p" in ...nginx.conf:



=== TEST 25: url with an open bracket
--- conf
    llm_provider p { dialect openai; url http://[::1/; }
--- says
invalid IPv6 address in url of provider "p" in ...nginx.conf:



=== TEST 26: url with text behind the bracket
--- conf
    llm_provider p { dialect openai; url http://[::1]x/; }
--- says
invalid port in url of provider "p" in ...nginx.conf:



=== TEST 27: url with no unix path
--- conf
    llm_provider p { dialect openai; url http://unix:; }
--- says
no path of the unix domain socket in url of provider "p" in ...nginx.conf:



=== TEST 28: url with a bad path behind the socket
--- conf
    llm_provider p { dialect openai; url http://unix:/a:b; }
--- says
invalid path in url of provider "p" in ...nginx.conf:



=== TEST 29: an upstream block with a port
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url http://llama:8080/v1; }
--- says
upstream "llama" may not have port 8080 in url of provider "p" in ...nginx.conf:



=== TEST 30: an upstream block below with a port
--- conf
    llm_provider p { dialect openai; url http://llama:8080/v1; }
    upstream llama { server 127.0.0.1:1; }
--- says
upstream "llama" may not have port 8080 in url of provider "p" in ...nginx.conf:



=== TEST 31: one upstream block, two schemes
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url http://llama; }
    llm_provider q { dialect openai; url https://llama; }
--- says
provider "p" in ...nginx.conf:LINE and provider "q" in ...nginx.conf:LINE+1 use upstream "llama" with different schemes



=== TEST 32: one upstream block, different verification
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url https://llama; ssl_verify off; }
    llm_provider q { dialect openai; url https://llama; }
--- says
provider "p" in ...nginx.conf:LINE and provider "q" in ...nginx.conf:LINE+1 use upstream "llama" with different ssl settings



=== TEST 33: one upstream block, different names
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url https://llama; ssl_name a.test; }
    llm_provider q { dialect openai; url https://llama; }
--- says
provider "p" in ...nginx.conf:LINE and provider "q" in ...nginx.conf:LINE+1 use upstream "llama" with different ssl settings



=== TEST 34: one upstream block, different depths
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url https://llama; ssl_verify_depth 2; }
    llm_provider q { dialect openai; url https://llama; }
--- says
provider "p" in ...nginx.conf:LINE and provider "q" in ...nginx.conf:LINE+1 use upstream "llama" with different ssl settings



=== TEST 35: one upstream block, different name sending
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url https://llama; ssl_server_name off; }
    llm_provider q { dialect openai; url https://llama; }
--- says
provider "p" in ...nginx.conf:LINE and provider "q" in ...nginx.conf:LINE+1 use upstream "llama" with different ssl settings



=== TEST 36: one upstream block, different protocols
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url https://llama; ssl_protocols TLSv1.3; }
    llm_provider q { dialect openai; url https://llama; }
--- says
provider "p" in ...nginx.conf:LINE and provider "q" in ...nginx.conf:LINE+1 use upstream "llama" with different ssl settings



=== TEST 37: one upstream block, different ciphers
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url https://llama; ssl_ciphers HIGH; }
    llm_provider q { dialect openai; url https://llama; }
--- says
provider "p" in ...nginx.conf:LINE and provider "q" in ...nginx.conf:LINE+1 use upstream "llama" with different ssl settings



=== TEST 38: one upstream block, different roots
--- conf
    upstream llama { server 127.0.0.1:1; }
    llm_provider p { dialect openai; url https://llama; ssl_trusted_certificate $TEST_NGINX_LLM_TLS/ca.crt; }
    llm_provider q { dialect openai; url https://llama; }
--- says
provider "p" in ...nginx.conf:LINE and provider "q" in ...nginx.conf:LINE+1 use upstream "llama" with different ssl settings



=== TEST 39: a key in plain
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; key sk-secret; }
--- says
"key" directive must be "env:VARIABLE", "file:/path" or "none" in ...nginx.conf:



=== TEST 40: a key from the cloud
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; key cloud; }
--- says
"key" directive cannot be "cloud" yet in ...nginx.conf:



=== TEST 41: none and a key
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; key none; key env:A; }
--- says
"key" directive is "none" and something else in ...nginx.conf:



=== TEST 42: header Host
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header Host x; }
--- says
header "Host" cannot be set in ...nginx.conf:



=== TEST 43: header content-length
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header content-length x; }
--- says
header "content-length" cannot be set in ...nginx.conf:



=== TEST 44: header Transfer-Encoding
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header Transfer-Encoding x; }
--- says
header "Transfer-Encoding" cannot be set in ...nginx.conf:



=== TEST 45: header connection
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header connection x; }
--- says
header "connection" cannot be set in ...nginx.conf:



=== TEST 46: header content-type
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header content-type x; }
--- says
header "content-type" cannot be set in ...nginx.conf:



=== TEST 47: header accept-encoding
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header accept-encoding x; }
--- says
header "accept-encoding" cannot be set in ...nginx.conf:



=== TEST 48: header te
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header te x; }
--- says
header "te" cannot be set in ...nginx.conf:



=== TEST 49: a bad header name
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header "a b" x; }
--- says
invalid value "a b" in ...nginx.conf:



=== TEST 50: a header with a line feed
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; header a "b\nc: d"; }
--- says
invalid value of header "a" in ...nginx.conf:



=== TEST 51: a time of zero
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; connect_timeout 0; }
--- says
"connect_timeout" directive must be greater than zero in ...nginx.conf:



=== TEST 52: a bad time
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; total_timeout soon; }
--- says
"total_timeout" directive invalid value in ...nginx.conf:



=== TEST 53: a bad number of connections
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; keepalive many; }
--- says
invalid value "many" in "keepalive" in ...nginx.conf:



=== TEST 54: an unknown parameter
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; drop_params seed sead; }
--- says
unknown parameter "sead" in "drop_params" in ...nginx.conf:



=== TEST 55: a bad protocol
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; ssl_protocols SSLv3; }
--- says
invalid value "SSLv3" in ...nginx.conf:



=== TEST 56: a certificate without its key
--- conf
    llm_provider p { dialect openai; url https://127.0.0.1; ssl_certificate $TEST_NGINX_LLM_TLS/client.crt; }
--- says
provider "p" in ...nginx.conf:LINE must have both "ssl_certificate" and "ssl_certificate_key"



=== TEST 57: a file of roots that is missing
--- conf
    llm_provider p { dialect openai; url https://127.0.0.1; ssl_trusted_certificate $TEST_NGINX_LLM_TLS/none.crt; }
--- says
none.crt



=== TEST 58: llm_peers in a block of the user
--- conf
    upstream a { llm_peers; server 127.0.0.1:1; }
--- says
"llm_peers" directive is not allowed here in ...nginx.conf:



=== TEST 59: llm_peers in a block of the user, below a provider
--- conf
    llm_provider p { dialect openai; url http://127.0.0.1; }
    upstream a { llm_peers; server 127.0.0.1:1; }
--- says
"llm_peers" directive is not allowed here in ...nginx.conf:



=== TEST 60: a zone without a size
--- conf
    llm_zone gateway;
--- says
invalid zone size "gateway" in ...nginx.conf:



=== TEST 61: a zone with a bad size
--- conf
    llm_zone gateway:much;
--- says
invalid zone size "gateway:much" in ...nginx.conf:



=== TEST 62: a zone without a name
--- conf
    llm_zone :16m;
--- says
invalid zone name ":16m" in ...nginx.conf:



=== TEST 63: a zone too small
--- conf
    llm_zone gateway:128k;
--- says
zone "gateway:128k" is too small in ...nginx.conf:



=== TEST 64: two zones
--- conf
    llm_zone a:1m;
    llm_zone b:1m;
--- says
"llm_zone" directive is duplicate in ...nginx.conf:
