# What is refused while the configuration is read: one block a message.

use strict;
use warnings;

use Test::Nginx::Socket;

repeat_each(1);

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

plan tests => blocks() * 2 + 3;     # no_error_log counts

no_long_string();
run_tests();

__DATA__

=== TEST 1: unknown statement, short list
--- http_config
    llm_team a {
        qouta tokens=1/day;
    }
--- must_die
--- error_log eval
qr/\[emerg\] .*unknown statement "qouta" in llm_team, it may have "team", "models", "rate", "quota", "concurrency", "tag", "cap" in .*nginx\.conf:\d+$/



=== TEST 2: unknown statement, long list
--- http_config
    llm_model m {
        deployments p x;
    }
--- must_die
--- error_log eval
qr/\[emerg\] .*unknown statement "deployments" in llm_model in .*nginx\.conf:\d+$/



=== TEST 3: statement with the prefix of directives
--- http_config
    llm_model m {
        llm_tries 2;
    }
--- must_die
--- error_log
unknown statement "llm_tries" in llm_model



=== TEST 4: too few arguments of a statement
--- http_config
    llm_model m {
        deployment p;
    }
--- must_die
--- error_log
invalid number of arguments in "deployment" directive



=== TEST 5: too many arguments of a statement
--- http_config
    llm_model m {
        tries 1 2;
    }
--- must_die
--- error_log
invalid number of arguments in "tries" directive



=== TEST 6: arguments of include
--- http_config
    llm_model m {
        include a b;
    }
--- must_die
--- error_log
invalid number of arguments in "include" directive



=== TEST 7: block inside a block
--- http_config
    llm_model m {
        deployment p x { }
    }
--- must_die
--- error_log
unexpected "{"



=== TEST 8: no block
--- http_config
    llm_model m;
--- must_die
--- error_log
directive "llm_model" has no opening "{"



=== TEST 9: statement twice
--- http_config
    llm_model m {
        tries 1;
        tries 2;
    }
--- must_die
--- error_log
"tries" directive is duplicate



=== TEST 10: model twice, both places named
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model m { deployment p x; }
    llm_model m { deployment p x; }
--- must_die
--- error_log eval
qr/duplicate model "m", first defined in .*nginx\.conf:\d+ in .*nginx\.conf:\d+$/



=== TEST 11: alias that is another model's name
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model m { deployment p x; }
    llm_model n { deployment p x; alias o m; }
--- must_die
--- error_log
duplicate model "m", first defined in



=== TEST 12: key twice
--- http_config
    llm_key a { }
    llm_key a { }
--- must_die
--- error_log
duplicate key "a", first defined in



=== TEST 13: empty name
--- http_config
    llm_model "" { }
--- must_die
--- error_log
name is empty



=== TEST 14: control character in a name
--- http_config eval
"    llm_model \"a\tb\" { }"
--- must_die
--- error_log
name has a control character



=== TEST 15: two stars
--- http_config
    llm_model a*b* { }
--- must_die
--- error_log
more than one "*" in "a*b*"



=== TEST 16: name too long
--- http_config eval
"    llm_model " . ("x" x 257) . " { }"
--- must_die
--- error_log
is longer than 256 characters



=== TEST 17: empty regex
--- http_config
    llm_model ~* { }
--- must_die
--- error_log
empty regex in "~*"



=== TEST 18: bad regex
--- http_config
    llm_model "~a(b" { }
--- must_die
--- error_log eval
qr/\[emerg\] .*pcre2?_compile\(\) failed: .* in "a\(b"/



=== TEST 19: star in a deployment of an exact name
--- http_config
    llm_model m { deployment p x-*; }
--- must_die
--- error_log
"*" in "x-*" stands for nothing: there is no "*" in "m"



=== TEST 20: star in a deployment of a regex
--- http_config
    llm_model ~^m { deployment p x-*; }
--- must_die
--- error_log
"*" in "x-*" stands for nothing: there is no "*" in "~^m"



=== TEST 21: capture in a deployment of a wildcard
--- http_config
    llm_model m-* { deployment p x-$1; }
--- must_die
--- error_log
"$1" in "x-$1" stands for nothing: there is no such capture in "m-*"



=== TEST 22: number of a capture that the regex does not have
--- http_config
    llm_model ~^(.)(.)$ { deployment p $1$2$3; }
--- must_die
--- error_log
"$3" in "$1$2$3" stands for nothing: there is no such capture in "~^(.)(.)$"



=== TEST 23: name of a capture that the regex does not have
--- http_config
    llm_model "~^(?<size>.)$" { deployment p x-$sized; }
--- must_die
--- error_log
"$sized" in "x-$sized" stands for nothing



=== TEST 24: broken capture
--- http_config
    llm_model ~^(.)$ { deployment p x-$-; }
--- must_die
--- error_log
invalid capture in "x-$-"



=== TEST 25: alias without the star that a deployment needs
--- http_config
    llm_model m-* { deployment p x-*; alias n; }
--- must_die
--- error_log
"*" in "x-*" stands for nothing: there is no "*" in "n"



=== TEST 26: the same with the alias first
--- http_config
    llm_model m-* { alias n; deployment p x-*; }
--- must_die
--- error_log
"*" in "x-*" stands for nothing: there is no "*" in "n"



=== TEST 27: star in as=
--- http_config
    llm_model m { deployment p x as=y-*; }
--- must_die
--- error_log
"*" in "y-*" stands for nothing



=== TEST 28: unknown provider
--- http_config
    llm_model m { deployment nobody x; }
--- must_die
--- error_log eval
qr/\[emerg\] .*unknown provider "nobody" in .*nginx\.conf:\d+$/



=== TEST 29: deployment twice
--- http_config
    llm_model m {
        deployment p x;
        deployment p x weight=2;
    }
--- must_die
--- error_log
duplicate deployment "m/p/x", first defined in



=== TEST 30: empty model name in a deployment
--- http_config
    llm_model m { deployment p ""; }
--- must_die
--- error_log
empty model name in "deployment"



=== TEST 31: weight 0
--- http_config
    llm_model m { deployment p x weight=0; }
--- must_die
--- error_log
invalid parameter "weight=0", it must be "weight=" and 1 to 65535, "tier="



=== TEST 32: weight too large
--- http_config
    llm_model m { deployment p x weight=65536; }
--- must_die
--- error_log
invalid parameter "weight=65536"



=== TEST 33: bad tier
--- http_config
    llm_model m { deployment p x tier=-1; }
--- must_die
--- error_log
invalid parameter "tier=-1"



=== TEST 34: empty as=
--- http_config
    llm_model m { deployment p x as=; }
--- must_die
--- error_log
invalid parameter "as="



=== TEST 35: unknown parameter of a deployment
--- http_config
    llm_model m { deployment p x wait=1; }
--- must_die
--- error_log
invalid parameter "wait=1"



=== TEST 36: parameter of a deployment twice
--- http_config
    llm_model m { deployment p x weight=1 weight=2; }
--- must_die
--- error_log
duplicate parameter "weight=2"



=== TEST 37: model that nothing serves
--- http_config
    llm_model m { tries 2; }
--- must_die
--- error_log eval
qr/model "m" has neither "deployment" nor "route" in .*nginx\.conf:\d+$/



=== TEST 38: route and deployment
--- http_config
    llm_model m { route $arg_m; deployment p x; }
--- must_die
--- error_log
model "m" has both "route" and "deployment"



=== TEST 39: route and fallback
--- http_config
    llm_model m { route $arg_m; fallback x; }
--- must_die
--- error_log
model "m" has both "route" and "fallback"



=== TEST 40: route twice
--- http_config
    llm_model m { route a; route b; }
--- must_die
--- error_log
"route" directive is duplicate



=== TEST 41: variable that does not exist
--- http_config
    llm_model m { route $no_such_variable; }
--- must_die
--- error_log
unknown "no_such_variable" variable



=== TEST 42: fallback that is no model
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model m { deployment p x; fallback n; }
--- must_die
--- error_log eval
qr/unknown model "n" in "fallback" in .*nginx\.conf:\d+$/



=== TEST 43: fallback to itself by an alias
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model m { deployment p x; alias n; fallback n; }
--- must_die
--- error_log
model "m" falls back to itself



=== TEST 44: fallback to a virtual model
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model m { deployment p x; fallback n; }
    llm_model n { route $arg_m; }
--- must_die
--- error_log
model "n" in "fallback" has a "route" and no deployments



=== TEST 45: fallback to a pattern
--- http_config
    llm_model m { deployment p x; fallback n-*; }
--- must_die
--- error_log
"n-*" in "fallback" is not the name of one model



=== TEST 46: fallback without a name
--- http_config
    llm_model m { deployment p x; fallback on=context; }
--- must_die
--- error_log
"fallback" directive has no model name



=== TEST 47: fallback on an unknown class
--- http_config
    llm_model m { deployment p x; fallback on=context,weather n; }
--- must_die
--- error_log
unknown class of failures "weather", classes are error, timeout,



=== TEST 48: fallback on nothing
--- http_config
    llm_model m { deployment p x; fallback on= n; }
--- must_die
--- error_log
unknown class of failures ""



=== TEST 49: fallback on=off
--- http_config
    llm_model m { deployment p x; fallback on=off n; }
--- must_die
--- error_log
"fallback" directive cannot be "on=off"



=== TEST 50: unknown class in next
--- http_config
    llm_model m { deployment p x; next error teapot; }
--- must_die
--- error_log
unknown class of failures "teapot"



=== TEST 51: next off and classes
--- http_config
    llm_model m { deployment p x; next off error; }
--- must_die
--- error_log
"next" directive has both "off" and classes



=== TEST 52: next twice
--- http_config
    llm_model m { deployment p x; next error; next timeout; }
--- must_die
--- error_log
"next" directive is duplicate



=== TEST 53: cooldown with an unknown parameter
--- http_config
    llm_model m { deployment p x; cooldown after=3; }
--- must_die
--- error_log
invalid parameter "after=3"



=== TEST 54: cooldown after no failures
--- http_config
    llm_model m { deployment p x; cooldown fails=0; }
--- must_die
--- error_log
invalid parameter "fails=0", it must be "fails=" and a number



=== TEST 55: cooldown with a bad time
--- http_config
    llm_model m { deployment p x; cooldown time=soon; }
--- must_die
--- error_log
invalid parameter "time=soon"



=== TEST 56: cooldown parameter twice
--- http_config
    llm_model m { deployment p x; cooldown max=1m max=2m; }
--- must_die
--- error_log
invalid parameter "max=2m"



=== TEST 57: cooldown off and more
--- http_config
    llm_model m { deployment p x; cooldown off fails=2; }
--- must_die
--- error_log
invalid parameter "fails=2"



=== TEST 58: cooldown that cannot double
--- http_config
    llm_model m { deployment p x; cooldown time=10m max=5m; }
--- must_die
--- error_log
"cooldown" directive has "max" less than "time"



=== TEST 59: cooldown twice
--- http_config
    llm_model m { deployment p x; cooldown off; cooldown off; }
--- must_die
--- error_log
"cooldown" directive is duplicate



=== TEST 60: clock that is no time
--- http_config
    llm_model m { deployment p x; first_token_timeout long; }
--- must_die
--- error_log
"first_token_timeout" directive invalid value



=== TEST 61: max_tokens 0
--- http_config
    llm_model m { deployment p x; max_tokens 0; }
--- must_die
--- error_log
invalid value "0"



=== TEST 62: max_tokens twice
--- http_config
    llm_model m { deployment p x; max_tokens 1; max_tokens 2; }
--- must_die
--- error_log
"max_tokens" directive is duplicate



=== TEST 63: listed name that another model serves
--- http_config
    llm_provider p { dialect openai; url http://127.0.0.1:9; key none; }
    llm_model m-* { deployment p x; list m-a m-b; }
    llm_model m-b { deployment p x; }
--- must_die
--- error_log eval
qr/"m-b" in "list" is not served by model "m-\*" in .*nginx\.conf:\d+$/



=== TEST 64: what comes later is not taken now
--- http_config
    llm_model m { deployment p x; balance latency; }
--- must_die
--- error_log
unknown statement "balance" in llm_model



=== TEST 65: secret of an unknown kind, which is not repeated
--- http_config
    llm_key a { secret sk-do-not-print-me; }
--- must_die
--- error_log
invalid secret, it must be "sha256:HEX", "env:NAME" or "file:PATH"
--- no_error_log
do-not-print-me



=== TEST 66: digest too short
--- http_config
    llm_key a { secret sha256:0011; }
--- must_die
--- error_log
invalid digest, "sha256:" takes 64 hexadecimal digits



=== TEST 67: digest that is no hexadecimal number
--- http_config eval
"    llm_key a { secret sha256:" . ("0g" x 32) . "; }"
--- must_die
--- error_log
invalid digest, "sha256:" takes 64 hexadecimal digits



=== TEST 68: bad name of an environment variable
--- http_config
    llm_key a { secret env:A-B; }
--- must_die
--- error_log
invalid name of an environment variable



=== TEST 69: no file
--- http_config
    llm_key a { secret file:; }
--- must_die
--- error_log
no file in "file:"



=== TEST 70: secret that is a folder
--- http_config
    llm_key a { secret file:$TEST_NGINX_SERVER_ROOT/conf; }
--- must_die
--- error_log eval
qr/"file:.*conf" is not a regular file/



=== TEST 71: secret too long
--- user_files eval
">>> secret\n" . ("x" x 8193)
--- http_config
    llm_key a { secret file:$TEST_NGINX_SERVER_ROOT/html/secret; }
--- must_die
--- error_log eval
qr/"file:.*secret" is too long/



=== TEST 72: secret of two lines, which is not repeated
--- user_files
>>> secret
sk-first
sk-second
--- http_config
    llm_key a { secret file:$TEST_NGINX_SERVER_ROOT/html/secret; }
--- must_die
--- error_log eval
qr/"file:.*secret" has a control character/
--- no_error_log
sk-



=== TEST 73: one secret of two keys, which is not repeated
--- user_files
>>> secret
sk-both
--- http_config
    llm_key a { secret file:$TEST_NGINX_SERVER_ROOT/html/secret; }
    llm_key b { secret file:$TEST_NGINX_SERVER_ROOT/html/secret; }
--- must_die
--- error_log eval
qr/key "b" in .*nginx\.conf:\d+ has a secret of key "a" in .*nginx\.conf:\d+$/
--- no_error_log
sk-both



=== TEST 74: template with a secret
--- http_config eval
"    llm_key team-* { secret sha256:" . ("00" x 32) . "; }"
--- must_die
--- error_log
key "team-*" is a template for "llm_auth" with a variable and cannot have a secret



=== TEST 75: models twice
--- http_config
    llm_key a { models a; models b; }
--- must_die
--- error_log
"models" directive is duplicate



=== TEST 76: bad pattern in models
--- http_config
    llm_key a { models ok a**; }
--- must_die
--- error_log
more than one "*" in "a**"



=== TEST 77: llm_gateway twice
--- config
    location / { llm_gateway; llm_gateway; }
--- must_die
--- error_log
"llm_gateway" directive is duplicate



=== TEST 78: unknown parameter of llm_gateway
--- config
    location / { llm_gateway root=/; }
--- must_die
--- error_log
invalid parameter "root=/"



=== TEST 79: prefix that is no path
--- config
    location / { llm_gateway prefix=ai; }
--- must_die
--- error_log
prefix "ai" must start with "/"



=== TEST 80: regex location without prefix
--- config
    location ~ ^/ai/ { llm_gateway; }
--- must_die
--- error_log
"llm_gateway" directive needs "prefix=" in a location that is named or given by regular expression



=== TEST 81: named location without prefix
--- config
    location @ai { llm_gateway; }
--- must_die
--- error_log
"llm_gateway" directive needs "prefix=" in a location that is named or given by regular expression



=== TEST 82: llm_gateway outside of a location
--- config
    llm_gateway;
--- must_die
--- error_log
"llm_gateway" directive is not allowed here



=== TEST 83: gateway and mock in one location
--- config
    location / { llm_gateway; llm_mock openai; }
--- must_die
--- error_log
"llm_gateway" and "llm_mock" in one location



=== TEST 84: llm_auth is neither a flag nor a variable
--- config
    location / { llm_gateway; llm_auth maybe; }
--- must_die
--- error_log
invalid value "maybe", it must be "on", "off" or one variable



=== TEST 85: llm_auth with a variable and more
--- config
    location / { llm_gateway; llm_auth "$remote_user-x"; }
--- must_die
--- error_log
invalid value "$remote_user-x", it must be "on", "off" or one variable



=== TEST 86: llm_auth with a header of the client
--- config
    location / { llm_gateway; llm_auth $http_x_user; }
--- must_die
--- error_log
variable "$http_x_user" in "llm_auth" proves nothing: any client can set it



=== TEST 87: llm_auth with an argument
--- config
    location / { llm_gateway; llm_auth ${ARG_user}; }
--- must_die
--- error_log
variable "$ARG_user" in "llm_auth" proves nothing



=== TEST 88: llm_auth with a cookie
--- config
    location / { llm_gateway; llm_auth $cookie_user; }
--- must_die
--- error_log
variable "$cookie_user" in "llm_auth" proves nothing



=== TEST 89: llm_auth twice
--- config
    llm_auth on;
    llm_auth off;
--- must_die
--- error_log
"llm_auth" directive is duplicate



=== TEST 90: unknown class in llm_next
--- config
    llm_next teapot;
--- must_die
--- error_log
unknown class of failures "teapot"



=== TEST 91: llm_next twice
--- config
    llm_next error;
    llm_next error;
--- must_die
--- error_log
"llm_next" directive is duplicate



=== TEST 92: llm_models twice
--- config
    llm_models a;
    llm_models b;
--- must_die
--- error_log
"llm_models" directive is duplicate



=== TEST 93: llm_route twice
--- config
    llm_route a;
    llm_route b;
--- must_die
--- error_log
"llm_route" directive is duplicate



=== TEST 94: negative llm_tries
--- config
    llm_tries -1;
--- must_die
--- error_log
"llm_tries" directive invalid number



=== TEST 95: llm_peers is for the module's own blocks
--- http_config
    upstream u { llm_peers; server 127.0.0.1:9; }
--- must_die
--- error_log
"llm_peers" directive is not allowed here



=== TEST 96: llm_model outside of http
--- config
    llm_model m { }
--- must_die
--- error_log
"llm_model" directive is not allowed here
