# llm_usage_log and llm_state: what is refused, and where files may be.

use strict;
use warnings;

use File::Temp qw(tempdir);

# the master is root, the workers are not, where that is possible

BEGIN {
    if ($> == 0) {
        $ENV{TEST_NGINX_WORKER_USER} = 'nobody nogroup';
    }
}

use Test::Nginx::Socket;

repeat_each(1);

my $root = $> == 0;
my $tmp = tempdir("llm-usage-XXXXXX", TMPDIR => 1, CLEANUP => 1);
my ($uid, $gid) = (getpwnam('nobody'))[2, 3];

chmod 0755, $tmp;

$ENV{TEST_NGINX_TMP} = $tmp;

# folders of all kinds

for (['good', 0755], ['narrow', 0751], ['open', 0777], ['sticky', 01777],
     ['closed', 0750], ['group', 0775], ['above', 0777])
{
    mkdir "$tmp/$_->[0]";
    chmod $_->[1], "$tmp/$_->[0]";
}

for ('theirs', 'above/below') {
    mkdir "$tmp/$_";
    chmod 0755, "$tmp/$_";
}

if ($root) {
    chown $uid, $gid, "$tmp/theirs";
    chown 0, $gid, "$tmp/group";
}

symlink "$tmp/good/target", "$tmp/good/link";
mkdir "$tmp/good/folder";
system 'mkfifo', "$tmp/good/pipe";


# the harness warns of every "[emerg]", which is what is expected here

$SIG{__WARN__} = sub {
    warn @_ unless $_[0] =~ /^WARNING: .*\[emerg\]/;
};

my $http = <<'_EOC_';
    llm_zone usage:8m;
    llm_provider p { dialect openai; url http://127.0.0.1:9/v1; key none; }
    llm_model m { deployment p x; }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value("http_config", $http . $block->http_config)
        if $block->http_config !~ /llm_zone/;

    $block->set_value("config", "location = /alive { return 204; }\n"
                                . ($block->config || ''));

    if (defined $block->root_only && !$root) {
        $block->set_value("skip_eval", "3: 1");
    }

    if (defined $block->must_die) {
        $block->set_value("suppress_stderr", "");
        return;
    }

    $block->set_value("request", "GET /alive");
    $block->set_value("error_code", 204);
    $block->set_value("no_error_log", "[emerg]\n[alert]\n[crit]\n[error]");
});

plan 'no_plan';

no_long_string();
run_tests();

__DATA__

=== TEST 1: llm_usage_log twice
--- http_config
    llm_usage_log logs/a.jsonl;
    llm_usage_log logs/b.jsonl;
--- must_die
--- error_log
"llm_usage_log" directive is duplicate



=== TEST 2: llm_state twice
--- http_config
    llm_state a;
    llm_state b;
--- must_die
--- error_log
"llm_state" directive is duplicate



=== TEST 3: unknown parameter
--- http_config
    llm_usage_log logs/a.jsonl buffer=1m;
--- must_die
--- error_log eval
qr/\[emerg\] .*invalid parameter "buffer=1m", it must be "sync=", "on_error=serve" or "on_error=refuse" in .*nginx\.conf:\d+/



=== TEST 4: on_error= with another word
--- http_config
    llm_usage_log logs/a.jsonl on_error=ignore;
--- must_die
--- error_log
invalid parameter "on_error=ignore"



=== TEST 5: sync=0
--- http_config
    llm_usage_log logs/a.jsonl sync=0;
--- must_die
--- error_log
invalid value "sync=0", it must be a time above 0



=== TEST 6: sync= that is no time
--- http_config
    llm_usage_log logs/a.jsonl sync=often;
--- must_die
--- error_log
invalid value "sync=often", it must be a time above 0



=== TEST 7: syslog is no log that could be read back
--- http_config
    llm_usage_log syslog:server=127.0.0.1;
--- must_die
--- error_log
invalid value "syslog:server=127.0.0.1", it must be the path of a file



=== TEST 8: snapshot=0
--- http_config
    llm_state a snapshot=0;
--- must_die
--- error_log
invalid value "snapshot=0", it must be a time above 0



=== TEST 9: unknown parameter of llm_state
--- http_config
    llm_state a level=2;
--- must_die
--- error_log
invalid parameter "level=2", it must be "snapshot="



=== TEST 10: not in a server
--- http_config
--- config
    llm_usage_log logs/a.jsonl;
--- must_die
--- error_log
"llm_usage_log" directive is not allowed here



=== TEST 11: a zone that is too small
--- http_config
    llm_zone small:256k;
    llm_provider p { dialect openai; url http://127.0.0.1:9/v1; key none; }
    llm_model m { deployment p x; }
    llm_usage_log $TEST_NGINX_TMP/good/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-11;
--- must_die
--- error_log
zone "small" is too small for llm_usage_log and llm_state, it must have at least 6m



=== TEST 12: no such folder
--- http_config
    llm_usage_log $TEST_NGINX_TMP/missing/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-12;
--- must_die
--- error_log eval
qr/\[emerg\] .*\/missing.*\(2: No such file or directory\)/



=== TEST 13: a symbolic link
--- http_config
    llm_usage_log $TEST_NGINX_TMP/good/link;
    llm_state $TEST_NGINX_TMP/state-13;
--- must_die
--- error_log
/good/link" is a symbolic link, which is not followed



=== TEST 14: a folder in its place
--- http_config
    llm_usage_log $TEST_NGINX_TMP/good/folder;
    llm_state $TEST_NGINX_TMP/state-14;
--- must_die
--- error_log
/good/folder" is not a regular file



=== TEST 15: a pipe
--- http_config
    llm_usage_log $TEST_NGINX_TMP/good/pipe;
    llm_state $TEST_NGINX_TMP/state-15;
--- must_die
--- error_log
/good/pipe" is not a regular file



=== TEST 16: a folder that belongs to the workers' user
--- root_only
--- http_config
    llm_usage_log $TEST_NGINX_TMP/theirs/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-16;
--- must_die
--- error_log eval
qr/\[emerg\] .*folder "[^"]*\/theirs" of llm_usage_log may be changed by the workers' user/



=== TEST 17: a folder that all may write to
--- root_only
--- http_config
    llm_usage_log $TEST_NGINX_TMP/open/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-17;
--- must_die
--- error_log eval
qr/folder "[^"]*\/open" of llm_usage_log may be changed by the workers' user/



=== TEST 18: the same with the sticky bit
--- root_only
--- http_config
    llm_usage_log $TEST_NGINX_TMP/sticky/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-18;
--- must_die
--- error_log eval
qr/folder "[^"]*\/sticky" of llm_usage_log may be changed by the workers' user/



=== TEST 19: a folder of the workers' group
--- root_only
--- http_config
    llm_usage_log $TEST_NGINX_TMP/group/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-19;
--- must_die
--- error_log eval
qr/folder "[^"]*\/group" of llm_usage_log may be changed by the workers' user/



=== TEST 20: the folder above can be changed
--- root_only
--- http_config
    llm_usage_log $TEST_NGINX_TMP/above/below/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-20;
--- must_die
--- error_log eval
qr/folder "[^"]*\/above" of llm_usage_log may be changed by the workers' user/



=== TEST 21: a folder that the workers cannot pass
--- root_only
--- http_config
    llm_usage_log $TEST_NGINX_TMP/closed/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-21;
--- must_die
--- error_log eval
qr/folder "[^"]*\/closed" of llm_usage_log cannot be passed by the workers' user/



=== TEST 22: 0755 and 0751 are right
--- http_config
    llm_usage_log $TEST_NGINX_TMP/good/a.jsonl;
    llm_state $TEST_NGINX_TMP/state-22;



=== TEST 23: 0751, all parameters
--- http_config
    llm_usage_log $TEST_NGINX_TMP/narrow/a.jsonl sync=500ms on_error=refuse;
    llm_state $TEST_NGINX_TMP/state-23 snapshot=5s;



=== TEST 24: a state without a log
--- http_config
    llm_state $TEST_NGINX_TMP/state-24;
