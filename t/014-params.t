# Presets, parameters and keys: what is refused while the configuration is
# read, and what is warned of.

use strict;
use warnings;

use Test::Nginx::Socket;

repeat_each(1);

$SIG{__WARN__} = sub {
    warn @_ unless $_[0] =~ /^WARNING: .*\[(?:emerg|warn)\]/;
};

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->config) {
        $block->set_value("config", "location = /alive { return 204; }");
    }

    if (defined $block->must_die) {
        $block->set_value("suppress_stderr", "");
        return;
    }

    $block->set_value("request", "GET /alive");
    $block->set_value("error_code", 204);
});

plan 'no_plan';

no_long_string();
run_tests();

__DATA__

=== TEST 1: no such version of Azure
--- http_config
    llm_provider eu { preset azure; url http://127.0.0.1; api_version 2024-10; key none; }
--- must_die
--- error_log eval
qr/invalid "api_version" "2024-10" of provider "eu" in \S+:\d+: it is no version of the preset "azure"/



=== TEST 2: a url with a part that the user has to fill in
--- http_config
    llm_provider azure { api_version 2024-10-21; key none; }
--- must_die
--- error_log eval
qr/provider "azure" in \S+:\d+ must have "url": that of its preset "azure" is "https:\/\/\{resource\}\.openai\.azure\.com", with a "\{resource\}" of yours/



=== TEST 3: an unknown preset
--- http_config
    llm_provider p { preset grok; key none; }
--- must_die
--- error_log
unknown preset "grok" of provider "p" in



=== TEST 4: set_param: a value of a wrong type
--- http_config
    llm_provider groq { key none; set_param temperature warm; }
--- must_die
--- error_log eval
qr/\[emerg\] .*invalid value in "set_param temperature": "temperature" must be a number in \S+nginx\.conf:\d+/



=== TEST 5: set_param: a limit that is none
--- http_config
    llm_provider groq { key none; set_param max_tokens 0; }
--- must_die
--- error_log eval
qr/invalid value in "set_param max_tokens": .*must be a positive integer/



=== TEST 6: set_param: not JSON
--- http_config
    llm_provider groq { key none; set_param response_format '{"type":'; }
--- must_die
--- error_log
"set_param" directive has a value that is not JSON



=== TEST 7: set_param: what cannot be set
--- http_config
    llm_model m { deployment groq x; set_param stream true; }
--- must_die
--- error_log
"stream" cannot be set by "set_param"



=== TEST 8: set_param: inside of what cannot be set
--- http_config
    llm_model m { deployment groq x; set_param stream_options.include_usage false; }
--- must_die
--- error_log
"stream_options" cannot be set by "set_param"



=== TEST 9: set_param: twice
--- http_config
    llm_provider groq { key none; set_param top_p 1; set_param top_p 0; }
--- must_die
--- error_log
"set_param top_p" and "set_param top_p" set the same



=== TEST 10: set_param: one inside of another
--- http_config
    llm_provider groq { key none; set_param a.b 1; set_param a.b.c 0; }
--- must_die
--- error_log
"set_param a.b" and "set_param a.b.c" set the same



=== TEST 11: set_param: both names of the limit
--- http_config
    llm_provider groq { key none; set_param max_tokens 1; set_param max_completion_tokens 1; }
--- must_die
--- error_log
"set_param max_tokens" and "set_param max_completion_tokens" set the same



=== TEST 12: set_param: a third word
--- http_config
    llm_provider groq { key none; set_param top_p 1 always; }
--- must_die
--- error_log
invalid parameter "always" in "set_param", it may be "force"



=== TEST 13: set_param: a name that is none
--- http_config
    llm_provider groq { key none; set_param a..b 1; }
--- must_die
--- error_log
"set_param" directive has a name with an empty part



=== TEST 14: set_param: no value
--- http_config
    llm_provider groq { key none; set_param top_p; }
--- must_die
--- error_log
invalid number of arguments in "set_param" directive



=== TEST 15: a key that nobody has, and a model that is none
--- http_config
    llm_provider groq { key none; url http://127.0.0.1:9; }
    llm_model m  { deployment groq x; }
    llm_model c* { deployment groq x; }
    llm_key a { models m nope c-3 n-* ~^z; }
--- error_log eval
[qr/\[warn\] .*key "a" in \S+nginx\.conf:\d+ has no "secret", and no "llm_auth" takes names from a variable: nobody can use it/,
qr/\[warn\] .*"nope" in "models" of key "a" in \S+nginx\.conf:\d+ is no model here/]
--- no_error_log
"m" in "models"
"c-3" in
"n-*" in
"~^z" in



=== TEST 16: neither, where names are proven elsewhere
--- http_config
    llm_provider groq { key none; url http://127.0.0.1:9; }
    llm_model m { deployment groq x; }
    llm_key a { models m; }
    llm_key b { secret sha256:0000000000000000000000000000000000000000000000000000000000000000; }
--- config
    location = /alive { return 204; }
    location /v1/ { set $who a; llm_gateway; llm_auth $who; client_max_body_size 8m; client_body_buffer_size 128k; }
--- no_error_log
[warn]
