# The catalogue, as docs/providers.md lists it: every name is a whole block,
# and what each provider is sent (path, key, body) is what its row says.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use Provider;
use Test::More;
use Time::HiRes qw(sleep time);

my $root = abs_path(dirname(__FILE__) . "/..");
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $module = defined $ENV{TEST_NGINX_LOAD_MODULES}
             ? $ENV{TEST_NGINX_LOAD_MODULES}
             : "$root/build/ngx_http_llm_module.so";
my $tmp = tempdir(CLEANUP => 1);
my $pid;

chmod 0755, $tmp;

END { kill 'QUIT', $pid and waitpid $pid, 0 if $pid; }


# rows of the table

my @row;

{
    open my $fh, '<', "$root/docs/providers.md" or die "no table: $!\n";
    my $text = do { local $/; <$fh> };

    $text =~ s/.*\n\|---\|---\|---\|---\|---\|---\|\n//s;

    for my $line (grep { /^\| `/ } split /\n/, $text) {
        my ($name, $title, $dialect, $url, $key, $notes)
            = $line =~ /^\|\ (.*?)\ \|\ (.*?)\ \|\ (.*?)\ \|\ (.*?)\ \|
                        \ ?(.*?)\ \|\ ?(.*?)\ \|$/x;

        s/^`|`$//g for $name, $dialect, $url;

        my %row = (name => $name, dialect => $dialect, url => $url,
                   notes => $notes);

        my @env = $key =~ /`(.*?)`/g;

        $row{env} = $env[0] if @env;
        $row{envs} = \@env;
        $row{none} = ($key =~ /none$/);

        push @row, \%row;
    }
}

ok(@row > 190, scalar(@row) . " rows");

for my $row (@row) {
    ($row->{whole} = $row->{url}) =~ s/\{(\w+)\}/my-$1/g;
    delete @ENV{@{$row->{envs}}};
}


sub write_conf {
    my ($http) = @_;

    open my $fh, '>', "$tmp/nginx.conf" or die "cannot write: $!\n";

    print {$fh} ($module eq '' ? '' : "load_module $module;\n"),
        "events { worker_connections 1024; }\nhttp {\naccess_log off;\n",
        (map { "${_}_temp_path $_;\n" }
             qw(client_body proxy fastcgi uwsgi scgi)),
        $http, "\n}\n";

    close $fh or die "cannot write: $!\n";
}


my @command = ($nginx, '-p', "$tmp/", '-c', "$tmp/nginx.conf", '-e',
               "$tmp/error.log", '-g', "daemon off; master_process off; "
               . "pid $tmp/nginx.pid; error_log $tmp/error.log info;");


sub check_conf {
    open my $pipe, '-|', join(' ', map { quotemeta } @command, '-t')
                         . ' 2>&1' or die "nginx: $!\n";
    local $/;
    my $out = <$pipe>;
    close $pipe;

    return $out;
}


# --- every name is whole, or says what it lacks -----------------------------

my $bare = join '', map {
        "llm_provider $_->{name} {"
        . ($_->{url} ne $_->{whole} ? " url $_->{whole}; " : ' ') . "}\n"
    } @row;

write_conf($bare);
my $said = check_conf();

like($said, qr/test is successful/, 'all names alone');
unlike($said, qr/\[(?:emerg|alert|crit|error)\]/, 'without an error');

for my $row (@row) {
    next if !defined $row->{env};

    my $warned = ($said =~ /\Q"env:$row->{env}"\E/
                  || $said =~ /env:\Q$row->{env}\E\b/);

    ok($row->{none} ? 1 : $warned, "$row->{name}: its variable is missed");
}

my %needs = map { $_->{env} => 1 } grep { !$_->{none} } @row;

for my $row (grep { $_->{none} } @row) {
    next if $needs{$row->{env}};

    unlike($said, qr/env:\Q$row->{env}\E\b/,
           "$row->{name}: serves without a key");
}

for my $row (grep { $_->{url} ne $_->{whole} } @row) {
    my ($part) = $row->{url} =~ /(\{\w+\})/;

    write_conf("llm_provider $row->{name} { key none; }");

    if ($part eq '{region}') {
        like(check_conf(), qr/provider\ "$row->{name}"\ in\ \S+:\d+\ must\ have\ 
                              "region"\ or\ "url"/x,
             "$row->{name}: says that it needs a region");
        next;
    }

    if ($part eq '{location}') {
        like(check_conf(), qr/test is successful/,
             "$row->{name}: there is a location for all");
        next;
    }

    like(check_conf(), qr/provider\ "$row->{name}"\ in\ \S+:\d+\ must\ have\ 
                          "url":.*"\Q$row->{url}\E".*"\Q$part\E"/x,
         "$row->{name}: says that it needs a url");
}


# --- a request each ---------------------------------------------------------

# what a provider of a dialect says, where it is asked, where its key stands

my %dialect = (
    openai => {
        says => "ok hi\n",
        path => sub { ($_[0] eq '' ? '/v1' : $_[0]) . '/chat/completions' },
        key  => 'authorization',
    },
    anthropic => {
        says => "claude hi\n",
        path => sub { $_[0] =~ s{/v1$}{}r . '/v1/messages' },
        key  => 'x-api-key',
    },
    gemini => {
        says => 'json {"candidates":[{"content":{"parts":[{"text":"hi"}],'
                . '"role":"model"},"finishReason":"STOP","index":0}]}' . "\n",
        path => sub { "$_[0]/models/up:generateContent" },
        key  => 'x-goog-api-key',
    },
);

my %server;

for my $name (keys %dialect) {
    $server{$name} = Provider->new;
    $server{$name}->play($dialect{$name}{says});
}

# dialects that need more than a table says have suites of their own

note("not asked here: $_->{name}") for grep { !$dialect{$_->{dialect}} } @row;

@row = grep { $dialect{$_->{dialect}} } @row;

my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
                                   Proto => 'tcp') or die "listen: $!\n";
my $port = $listen->sockport;

my $optional = 0;

my $conf = join '', map {
        my $row = $_;
        my ($path) = $row->{whole} =~ m{^https?://[^/]+(.*)};

        $row->{path} = $path;
        # who serves without a key has one if its variable is there

        $ENV{$row->{env}} = "key-in-$row->{env}"
            if defined $row->{env} && (!$row->{none} || $optional++ % 2);

        "llm_provider $row->{name} { keepalive off; url http://127.0.0.1:"
        . $server{$row->{dialect}}->port . "$path; }\n"
        . "llm_model x-$row->{name} { deployment $row->{name} up; }\n"
    } @row;

close $listen;

write_conf("$conf server { listen 127.0.0.1:$port; client_max_body_size 8m;"
           . " client_body_buffer_size 128k;"
           . " location / { llm_gateway; llm_auth off; } }");

$pid = fork();
die "cannot fork: $!\n" if !defined $pid;

if ($pid == 0) {
    open STDERR, '>', "$tmp/stderr";
    exec @command or POSIX::_exit(1);
}

my $until = time() + 10;
my $up;

while (!$up && time() < $until) {
    $up = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
                                Proto => 'tcp') or sleep 0.05;
}

ok($up, 'nginx runs with all of them') or do {
    diag(`cat $tmp/stderr $tmp/error.log`);
    done_testing();
    exit;
};

close $up;

my $http = HTTP::Tiny->new(timeout => 10);


# what a client says, in the words of the OpenAI dialect

my @said = (
    [system => '{"role":"developer","content":"be brief"}'],
    [text => '{"role":"user","content":[{"type":"text","text":"one"},'
             . '{"type":"text","text":"two"}]}'],
    [frequency_penalty => '"frequency_penalty":0.50'],
    [logit_bias => '"logit_bias":{"50256":-100}'],
    [verbosity => '"verbosity":"low"'],
    [limit => '"max_completion_tokens":5'],
    [own => '"x_own":{"b":[1.50,"\\u00e9"]}'],
);
my %said = map { @$_ } @said;

sub body {
    my ($model, $say) = @_;

    return "{\"model\":\"$model\",\"messages\":[$say->{system},$say->{text}]"
        . join('', map { defined $say->{$_} ? ",$say->{$_}" : '' }
                       qw(frequency_penalty logit_bias verbosity limit own))
        . '}';
}


# the same as a row's notes have it

sub expected {
    my ($row) = @_;
    my %say = %said;
    my %note = map { $_ => 1 } split /, /, $row->{notes};
    my @dropped;

    $say{system} =~ s/developer/system/ if $note{system};
    $say{text} = '{"role":"user","content":"one\\ntwo"}' if $note{text};
    $say{limit} =~ s/max_completion_tokens/max_tokens/ if $note{max_tokens};

    for my $name (qw(logit_bias frequency_penalty verbosity)) {
        if ($note{"no `$name`"}) {
            push @dropped, $name;
            delete $say{$name};
        }
    }

    return (body('up', \%say), join ', ', @dropped);
}


for my $row (@row) {
    my $name = $row->{name};
    my $server = $server{$row->{dialect}};

    my $res = $http->post("http://127.0.0.1:$port/v1/chat/completions", {
        headers => { 'content-type' => 'application/json' },
        content => body("x-$name", \%said),
    });
    my $sent = ($server->seen)[-1];

    is($res->{status}, 200, "$name: answers") or diag($res->{content});
    like($res->{content}, qr/"content":"hi"/, "$name: says hi");

    my $key = defined $row->{env} && $ENV{$row->{env}};
    my $key_name = $dialect{$row->{dialect}}{key};
    my ($base, $query) = ($row->{path}, '');

    # the API is not where the url is

    $base = '/openai/v1' if $name eq 'azure';
    $query = '?api-version=2024-05-01-preview' if $name eq 'azure_ai';

    my $path = $base eq '/' ? '/chat/completions'
                            : $dialect{$row->{dialect}}{path}->($base);

    $key_name = $1 if $row->{notes} =~ /key in `([^`]+)`/;

    my $prefix = $row->{notes} =~ /key behind `([^`]+)`/ ? $1 : 'Bearer ';

    $key = $prefix . $key if $key && $key_name eq 'authorization';

    is($sent->{line}, "POST $path$query HTTP/1.1", "$name: path");
    is($sent->{headers}{$key_name}, $key || undef, "$name: key");

    my $keys = grep { exists $sent->{headers}{$_} }
                    qw(authorization api-key x-api-key x-goog-api-key
                       api-subscription-key);
    is($keys, $key ? 1 : 0, "$name: and no other");

    if ($row->{dialect} eq 'openai') {
        my ($body, $dropped) = expected($row);

        is($sent->{body}, $body, "$name: body");
        is($res->{headers}{'x-llm-dropped-params'} || '', $dropped,
           "$name: what was dropped");
    }
}

done_testing();
