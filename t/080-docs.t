# The documentation: every example is a configuration that nginx takes, every
# directive and statement has its section, and what the sections say is tried.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Tokens;
use Time::HiRes qw(sleep time);

my $root = abs_path(dirname(__FILE__) . "/..");
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $module = defined $ENV{TEST_NGINX_LOAD_MODULES}
             ? $ENV{TEST_NGINX_LOAD_MODULES}
             : "$root/build/ngx_http_llm_module.so";
my $http_dir = "$root/ngx_llm_module/http";
my $tmp = tempdir(CLEANUP => !$ENV{LLM_TEST_KEEP});
my $runs = 0;
my $server;
my @held;

chmod 0755, $tmp;


# names that examples may use: provider servers behind them, see mocks()

my %port = map { $_ => free_port() } 8080 .. 8089, 8443;

# keys of presets that stand in examples without "key"

$ENV{$_} = "secret-of-$_" for qw(GROQ_API_KEY CLOUDFLARE_API_KEY);

$ENV{SSL_CERT_FILE} = "$root/t/fixtures/tls/ca.crt";


# --- examples --------------------------------------------------------------

sub slurp {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!\n";
    local $/;
    my $text = <$fh>;
    close $fh;

    return $text;
}


sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
                                  Proto => 'tcp') or die "listen: $!\n";
    my $port = $s->sockport;

    push @held, $s;

    return $port;
}


# [ { lang, text, line, h2, h3, after } ] of a page

sub blocks_of {
    my ($text) = @_;
    my (@block, $in, $n);
    my ($h2, $h3) = ('', '');

    for my $line (split /^/, $text) {
        $n++;

        if ($in) {
            if ($line =~ /^```\s*$/) {
                push @block, $in;
                undef $in;

            } else {
                $in->{text} .= $line;
            }

        } elsif ($line =~ /^```(\w*)/) {
            $in = { lang => $1, text => '', line => $n, h2 => $h2,
                    h3 => $h3 };

        } elsif ($line =~ /^## +(\S+)/) {
            ($h2, $h3) = ($1, '');

        } elsif ($line =~ /^### +(\S+)/) {
            $h3 = $1;
        }
    }

    return @block;
}


# the statements of a piece of configuration that are not inside of another

sub statements {
    my ($text) = @_;
    my (@list, $one, $depth) = ();

    ($one, $depth) = ('', 0);

    while ($text =~ /\G( \#[^\n]*\n | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*'
                       | [{};] | [^\#"'{};]+ | . )/xgs)
    {
        my $token = $1;

        $one .= $token;

        if ($token eq '{') {
            $depth++;

        } elsif ($token eq '}') {
            $depth--;
        }

        if ($depth == 0 && $token =~ /^[;}]$/) {
            push @list, $one;
            $one = '';
        }
    }

    return @list;
}


sub without_comments {
    my ($text) = @_;

    $text =~ s/^\s*#[^\n]*\n//mg;

    return $text;
}


# what an example leaves out: servers that stand in for providers, a gateway,
# models and providers that are only named

sub mocks {
    my (%mock) = @_;
    my $says = '"text=uri=$request_uri model=$llm_request_model'
               . ' key=$http_authorization$http_x_api_key host=$http_host'
               . ' team=$http_x_team version=$http_anthropic_version'
               . ' client=$ssl_client_s_dn nth=$connection_requests"';
    my $text = '';

    for my $port (8081 .. 8085) {
        my $what = $mock{$port}
                   || ($port == 8082 ? "anthropic $says" : "openai $says");

        $text .= "server { listen 127.0.0.1:$port; location / {"
                 . " llm_mock $what; } }\n";
    }

    # where access tokens come from

    $text .= "server { listen 127.0.0.1:8086; location / {"
             . " default_type application/json; return 200"
             . " '{\"access_token\":\"token-of-8086\"}'; } }\n";

    $text .= "server { listen unix:/run/llama.sock;"
             . " location / { llm_mock openai $says; } }\n";

    $text .= "server { listen 127.0.0.1:8443 ssl;\n"
             . "ssl_protocols TLSv1.2 TLSv1.3;\n"
             . "ssl_certificate $root/t/fixtures/tls/server.crt;\n"
             . "ssl_certificate_key $root/t/fixtures/tls/server.key;\n"
             . "ssl_client_certificate $root/t/fixtures/tls/ca.crt;\n"
             . "ssl_verify_client optional; ssl_verify_depth 3;\n"
             . "location / { llm_mock openai $says; } }\n";

    return $text;
}


sub whole {
    my ($text, %opt) = @_;
    my $paths = "access_log off;\n"
                . join '', map { "    ${_}_temp_path $_;\n" }
                           qw(client_body proxy fastcgi uwsgi scgi);
    my $module_line = $module eq '' ? '' : "load_module $module;";

    # servers that the example has itself

    my %own = map { $_ => 1 } $text =~ /listen\s+127\.0\.0\.1:(\d+)/g;
    my $more = join "\n",
               grep { !/listen 127\.0\.0\.1:(\d+)/ || !$own{$1} }
                    statements(mocks(%{$opt{mock} || {}}));

    if ($text =~ /^http \{/m) {
        my $all = $text;

        $all =~ s/^load_module .*ngx_http_llm_module\.so;/$module_line/m
            or die "no load_module\n";
        $all =~ s/^worker_processes .*//m;

        $all =~ s/^http \{/http {\n$paths/m;
        $all =~ s/\}\s*$/$more\n}\n/s;

        return $all;
    }

    my (@http, @location) = ();
    my $code = without_comments($text);

    for my $one (statements($text)) {
        if (without_comments($one) =~ /^\s*(location|limit_req)\b/) {
            push @location, $one;

        } else {
            push @http, $one;
        }
    }

    # what the example leaves out

    my @add = ();

    if ($code !~ /(?<!\$)llm_key|llm_auth/) {
        push @add, 'llm_auth off;';
    }

    if ($code !~ /client_max_body_size/) {
        push @add, 'client_max_body_size 64m;';
        push @add, 'client_body_buffer_size 1m;';
    }

    my %provider = map { $_ => 1 } $code =~ /llm_provider\s+(\S+)/g;

    if ($code !~ /llm_model\s/) {
        my ($name) = $code =~ /llm_provider\s+(\S+)/;

        $name = 'openai' if !defined $name;
        push @add, "llm_model gpt-4o { deployment $name gpt-4o; }";
    }

    for my $name ("$code @add" =~ /deployment\s+(\S+)/g) {
        next if $provider{$name}++;

        push @add, $name eq 'anthropic'
            ? 'llm_provider anthropic { url http://127.0.0.1:8082; key none; }'
            : "llm_provider $name { dialect openai; key none;"
              . ' url http://127.0.0.1:8081/v1; }';
    }

    my %model = map { $_ => 1 } "$code @add" =~ /llm_model\s+(\S+)/g;

    while ($code =~ /fallback\s+(?:on=\S+\s+)?([^;]+);/g) {
        for my $name (split ' ', $1) {
            next if $model{$name}++;
            push @add, "llm_model $name { deployment other $name; }";

            push @add, 'llm_provider other { dialect openai; key none;'
                       . ' url http://127.0.0.1:8083/v1; }'
                if !$provider{other}++;
        }
    }

    if ($code !~ /\bserver\s*\{[^{}]*location[^{}]*\{[^{}]*llm_gateway/) {
        push @location, 'location / { llm_gateway; }'
            if !grep { /location\s+\/v?1?\/?\s*\{[^}]*llm_gateway/ } @location;

        push @http, "server { listen 127.0.0.1:8080;\n@location\n}\n";
        @location = ();
    }

    return "$module_line\nevents { worker_connections 256; }\nhttp {\n$paths"
           . join("\n", @add, @http) . "\n$more\n}\n";
}


# files and ports of this run

sub localise {
    my ($text, $dir) = @_;

    $text =~ s/(?<![\d.])127\.0\.0\.1:(80\d\d|8443)\b/127.0.0.1:$port{$1}/g;
    $text =~ s/\blisten\s+(80\d\d);/listen 127.0.0.1:$port{$1};/g;
    $text =~ s/(https:\/\/localhost):8443\b/$1:$port{8443}/g;
    $text =~ s{/run/llama\.sock}{$dir/llama.sock}g;
    $text =~ s{/var/(?:log|lib)/nginx/}{$dir/logs/}g;

    while ($text =~ m{/etc/nginx/llm/([\w./-]+)}g) {
        my $name = $1;
        my $file = "$dir/llm/$name";
        my $fixture = "$root/t/fixtures/tls/$name";
        my $what = -f $fixture ? slurp($fixture)
                   : $name eq 'users' ? "user-7:{PLAIN}pw\n"
                   : $name eq 'prices.json'
                     ? '{"acme-large":{"input_cost_per_token":2e-06,'
                       . '"output_cost_per_token":1e-05}}'
                   : $name eq 'vertex.json' ? Tokens::account_json()
                   : "secret-of-$name\n";

        make_path(dirname($file));
        open my $fh, '>', $file or die "$file: $!\n";
        print {$fh} $what;
        close $fh;
    }

    $text =~ s{/etc/nginx/llm/}{$dir/llm/}g;

    while ($text =~ /\benv:(\w+)/g) {
        my $name = $1;

        # an access key is a pair

        $ENV{$name} = ($name =~ /^SAGEMAKER/ ? 'ID:' : '')
                      . "secret-of-$name";
    }

    return $text;
}


# writes the configuration, gives the folder

sub prepare {
    my ($text, %opt) = @_;
    my $dir = "$tmp/" . ++$runs;

    make_path("$dir/logs");

    my $conf = localise(whole($text, %opt), $dir);

    open my $fh, '>', "$dir/nginx.conf" or die "$dir: $!\n";
    print {$fh} $conf;
    close $fh;

    return $dir;
}


my @global = ('-g', 'daemon off; master_process off; pid nginx.pid; '
                    . 'error_log logs/error.log info;');


# what "nginx -t" says beside "ok"

sub refused_by_nginx {
    my ($dir) = @_;

    @held = ();

    my $pid = open my $out, '-|';

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        delete $ENV{NGINX};
        exec $nginx, '-t', '-p', "$dir/", '-c', "$dir/nginx.conf", '-e',
             'stderr', '-g', 'pid nginx.pid; error_log stderr warn;';
        die "exec: $!\n";
    }

    local $/;
    my $said = <$out>;
    close $out;

    my $bad = $? ? "exit status $?\n" : '';

    # what goes to a server of this machine

    $said =~ s/^.*\[warn\].* fetches access tokens without TLS\n//mg;
    $said =~ s/^nginx: (the configuration|configuration file) .*\n//mg;

    return $bad . $said;
}


# --- a server that runs ----------------------------------------------------

sub start {
    my ($text, %opt) = @_;
    my $dir = prepare($text, %opt);

    @held = ();

    my $pid = fork;
    die "fork: $!\n" if !defined $pid;

    if (!$pid) {
        open STDERR, '>', "$dir/stderr";
        open STDIN, '<', '/dev/null';
        delete $ENV{NGINX};
        exec $nginx, '-p', "$dir/", '-c', "$dir/nginx.conf", '-e',
             "$dir/logs/error.log", @global;
        die "exec: $!\n";
    }

    my $end = time + 20;

    while (time < $end) {
        last if IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                      PeerPort => $port{8080});
        if (waitpid($pid, 1) == $pid) {
            diag(slurp("$dir/stderr"), slurp("$dir/logs/error.log"));
            return { dir => $dir };
        }
        sleep 0.02;
    }

    return { dir => $dir, pid => $pid };
}


sub stop {
    my ($s) = @_;

    if ($s->{pid}) {
        kill 'TERM', $s->{pid};
        waitpid $s->{pid}, 0;
        delete $s->{pid};
    }
}


sub error_log {
    my ($s) = @_;

    return slurp("$s->{dir}/logs/error.log");
}


sub wait_log {
    my ($s, $file, $re) = @_;
    my $end = time + 5;

    while (time < $end) {
        my $path = "$s->{dir}/logs/$file";
        my $text = -f $path ? slurp($path) : '';

        return $text if $text =~ $re;
        sleep 0.02;
    }

    return -f "$s->{dir}/logs/$file" ? slurp("$s->{dir}/logs/$file") : '';
}


# { status, headers, content, says, code, type }: says is the model's text

sub ask {
    my ($model, %opt) = @_;

    my %body = (model => $model,
                messages => [{ role => 'user', content => 'Hello!' }],
                %{$opt{body} || {}});

    return get($opt{path} || '/v1/chat/completions', method => 'POST',
               %opt, content => encode_json(\%body));
}


sub get {
    my ($path, %opt) = @_;
    my %header = ('Content-Type' => 'application/json',
                  %{$opt{headers} || {}});

    $header{Authorization} = "Bearer $opt{key}" if defined $opt{key};

    my $res = HTTP::Tiny->new(timeout => 10)->request(
        $opt{method} || 'GET', "http://127.0.0.1:$port{8080}$path",
        { headers => \%header,
          (defined $opt{content} ? (content => $opt{content}) : ()) });

    my $json = eval { decode_json($res->{content}) };

    if (ref $json eq 'HASH') {
        $res->{json} = $json;
        $res->{says} = $json->{choices}[0]{message}{content}
            if $json->{choices};

        if (ref $json->{error} eq 'HASH') {
            $res->{type} = $json->{error}{type};
            $res->{code} = $json->{error}{code};
        }
    }

    return $res;
}


sub answered {
    my ($res, $re, $name) = @_;

    ok($res->{status} == 200 && ($res->{says} || '') =~ $re, $name)
        or diag("status $res->{status}: $res->{content}\n");
}


sub failed_as {
    my ($res, $want, $name) = @_;

    is(join(' ', $res->{status},
            map { defined $_ ? $_ : 'null' } $res->{type}, $res->{code}),
       $want, $name);
}


# --- what the sources have -------------------------------------------------

# a subject's files, however many they are

sub sources {
    my ($name) = @_;

    return join '', map { slurp($_) }
                    glob "$http_dir/ngx_http_llm_$name*.c";
}


# { "llm_zone" => "http", "llm_provider/key" => "llm_provider", ... }

sub commands {
    my %all;

    my $text = sources('module');

    while ($text =~ /\{ ngx_string\("(\w+)"\),\s*([A-Z0-9_|\s]+),/g) {
        my ($name, $flags) = ($1, $2);

        $all{$name} = join ', ',
            ($flags =~ /NGX_HTTP_MAIN_CONF/ ? 'http' : ()),
            ($flags =~ /NGX_HTTP_SRV_CONF/ ? 'server' : ()),
            ($flags =~ /NGX_HTTP_LOC_CONF/ ? 'location' : ()),
            ($flags =~ /NGX_HTTP_UPS_CONF/ ? 'upstream' : ());
    }

    for my $block (qw(provider model key team)) {
        $text = sources($block);

        while ($text =~ /\{ ngx_string\("(\w+)"\),\s*NGX_CONF_/g) {
            $all{"llm_$block/$1"} = "llm_$block";
        }
    }

    return %all;
}


# --- every example ---------------------------------------------------------

my %page;

for my $file ("$root/README.md", sort glob "$root/docs/*.md") {
    my $name = $file;

    $name =~ s{^\Q$root\E/}{};
    $page{$name} = slurp($file);

    for my $block (grep { $_->{lang} eq 'nginx' } blocks_of($page{$name})) {
        is(refused_by_nginx(prepare($block->{text})), '',
           "$name:$block->{line}: nginx takes it");
    }

    # links to other pages lead somewhere

    while ($page{$name} =~ /\]\(([^)#:\s]+)(?:#[^)]*)?\)/g) {
        ok(-e dirname($file) . "/$1", "$name: $1 is there");
    }
}

for my $file (sort glob "$root/conf.example/*.conf") {
    my $name = $file;

    $name =~ s{^\Q$root\E/}{};

    is(refused_by_nginx(prepare(slurp($file))), '', "$name: nginx takes it");
}

isnt(refused_by_nginx(prepare('llm_model gpt-4o { deployments a b; }')), '',
     'an example that is wrong is noticed');


# --- sections of directives.md ---------------------------------------------

my %command = commands();
my $text = $page{'docs/directives.md'};
my (%section, $h2);

for my $part (split /^(?=##)/m, $text) {
    next if $part !~ /^(##+) +(\S+)\n/;

    my ($level, $name) = ($1, $2);

    $h2 = $name if $level eq '##';
    $section{$level eq '##' ? $name : "$h2/$name"} = $part;
}

for my $name (sort keys %command) {
    my $part = $section{$name};

    if (!ok(defined $part, "directives.md has $name")) {
        next;
    }

    my ($word) = $name =~ /(\w+)$/;

    like($part, qr/^- Syntax: `\Q$word\E\b/m, "$name: syntax");
    like($part, qr/^- Default: \S/m, "$name: default");

    my ($context) = $part =~ /^- Context: (.*)$/m;

    $context = '' if !defined $context;
    $context =~ s/`//g;
    is($context, $command{$name}, "$name: context");
}

for my $name (sort keys %section) {
    next if $section{$name} !~ /^- Syntax:/m;
    ok($command{$name}, "directives.md: there is a $name");
}


# --- their examples, run ---------------------------------------------------

# what is asked of the server that an example makes

my %try;

sub try {
    my ($name, %opt) = @_;

    $try{$name} = \%opt;
}


my $secret = 'secret-of-';      # what localise() writes into files


try('llm_zone', run => sub {
    answered(ask('gpt-4o'), qr/model=gpt-4o/, 'llm_zone: serves');
});

try('llm_usage_log', run => sub {
    answered(ask('gpt-4o'), qr/model=gpt-4o/, 'llm_usage_log: serves');
    like(wait_log($server, 'llm-usage.jsonl', qr/\n/),
         qr/^\{"time":[\d.]+,"seq":.*"model":"gpt-4o".*\}$/,
         'llm_usage_log: a line');
});

try('llm_state', run => sub {
    answered(ask('gpt-4o'), qr/model=gpt-4o/, 'llm_state: serves');
    like(wait_log($server, 'llm/snapshot', qr/./s), qr/^llmstate/,
         'llm_state: a snapshot');
});

try('llm_provider', run => sub {
    answered(ask('gpt-4o'),
             qr{uri=/v1/chat/completions model=gpt-4o key= },
             'llm_provider: reached without a key');
});

try('llm_provider/preset', run => sub {
    answered(ask('gpt-4o'), qr/key=Bearer ${secret}OPENAI_SECOND_KEY /,
             'preset: its dialect, another key');
});

try('llm_provider/dialect', run => sub {
    answered(ask('gpt-4o'),
             qr{uri=/v1/messages .* key=${secret}ANTHROPIC_API_KEY },
             'dialect: translated');
});

try('llm_provider/url', run => sub {
    answered(ask('gpt-4o'), qr{uri=/v1/chat/completions .* host=llama },
             'url: an upstream block');
    answered(ask('llama-unix'),
             qr{uri=/v1/chat/completions .* host=localhost },
             'url: a socket');
});

try('llm_provider/key', run => sub {
    my %seen = map { (ask('gpt-4o')->{says} =~ /key=Bearer (\S+)/) => 1 }
               1 .. 4;

    is(join(' ', sort keys %seen),
       "${secret}OPENAI_SECOND_KEY ${secret}openai.key", 'key: take turns');
});

try('llm_provider/key_header', run => sub {
    answered(ask('gpt-4o'), qr/ key=Token \S+/, 'key_header: its prefix');
});

try('llm_provider/header', run => sub {
    answered(ask('gpt-4o'), qr/ team=search and ads /, 'header: is sent');
    answered(ask('gpt-4o', headers => { 'X-Team' => 'mine' }),
             qr/ team=search and ads /, 'header: none of the client');
});

try('llm_provider/api_version', run => sub {
    answered(ask('gpt-4o'), qr/ version=2023-01-01 /, 'api_version: is sent');
});

try('llm_provider/region',
    mock => { 8083 => "openai status=429; access_log $tmp/region.log" },
    run => sub {
        my $res = ask('gpt-4o');

        is($res->{status}, 429, 'region: is asked');
        like(slurp("$tmp/region.log"), qr{POST /model/gpt-4o/converse },
             'region: in the way of its dialect');
    });

try('llm_provider/rerank',
    mock => { 8081 => "openai status=429; access_log $tmp/rerank.log" },
    run => sub {
        my $res = ask('gpt-4o', path => '/v1/rerank',
                      body => { query => 'q', documents => ['a'] });

        is($res->{status}, 429, 'rerank: is asked');
        like(slurp("$tmp/rerank.log"), qr{POST /v1/ranking },
             'rerank: at its path');
    });

for my $one (['project', 'my-project/locations/global'],
             ['location', 'my-project/locations/europe-west4'])
{
    my ($name, $path) = @$one;

    try("llm_provider/$name",
        mock => { 8082 => "openai status=429; access_log $tmp/$name.log" },
        run => sub {
            is(ask('gpt-4o')->{status}, 429, "$name: is asked");
            like(slurp("$tmp/$name.log"),
                 qr{POST\ /v1/projects/$path/publishers/anthropic/models/
                    claude-sonnet-4-5:rawPredict\ }x,
                 "$name: is in the path");
        });
}

try('llm_provider/space',
    mock => { 8083 => "openai status=429; access_log $tmp/space.log" },
    run => sub {
        is(ask('gpt-4o')->{status}, 429, 'space: is asked');
        like(slurp("$tmp/space.log"),
             qr{POST /ml/v1/text/chat\?version=2025-10-01 },
             'space: in the way of its dialect');
    });

for my $name ('tenant', 'client_id', 'token_url', 'scope') {
    try("llm_provider/$name", run => sub {
        answered(ask('gpt-4o'), qr/ key=Bearer token-of-8086 /,
                 "$name: a token is fetched");
    });
}

try('llm_provider/drop_params', run => sub {
    my $res = ask('gpt-4o', body => { n => 2, seed => 7, top_p => 1 });

    answered($res, qr/model=gpt-4o/, 'drop_params: n is dropped');
    is($res->{headers}{'x-llm-dropped-params'}, 'n, seed',
       'drop_params: and named, next to a hint');

    failed_as(ask('gpt-4o', body => { modalities => ['audio'] }),
              '400 invalid_request_error unsupported_parameter',
              'drop_params: others are refused');
});

try('llm_provider/set_param',
    mock => { 8081 => 'openai "text=$request_body"' },
    run => sub {
        my $said = decode_json(ask('gpt-4o', body => { max_tokens => 9 })
                               ->{says});

        is($said->{temperature}, 0.2, 'set_param: a default');
        is($said->{max_tokens}, 500, 'set_param: over the client');
        ok(exists $said->{chat_template_kwargs}{enable_thinking}
           && !$said->{chat_template_kwargs}{enable_thinking},
           'set_param: a place in the body');

        $said = decode_json(ask('gpt-4o', body => { temperature => 1 })
                            ->{says});
        is($said->{temperature}, 1, 'set_param: no default');
    });

try('llm_provider/connect_timeout', run => sub {
    answered(ask('gpt-4o'), qr/model=gpt-4o/, 'connect_timeout: serves');
});

try('llm_provider/first_token_timeout',
    mock => { 8081 => 'openai fail=hang after=1 pings=2' },
    run => \&first_token);

try('llm_provider/read_timeout', mock => { 8081 => 'openai fail=hang' },
    run => sub {
        clock_expired('read_timeout', body => { stream => JSON::PP::true });
    });

try('llm_provider/total_timeout', mock => { 8081 => 'openai delay=5s' },
    run => sub { clock_expired('total_timeout') });

try('llm_provider/keepalive', run => sub {
    ask('gpt-4o');
    answered(ask('gpt-4o'), qr/ nth=1$/, 'keepalive: off');
});

for my $name (qw(verify trusted_certificate verify_depth name server_name
                 protocols ciphers))
{
    try("llm_provider/ssl_$name", run => sub {
        answered(ask('gpt-4o'), qr/model=gpt-4o .*client= /,
                 "ssl_$name: connects");
    });
}

for my $name (qw(certificate certificate_key)) {
    try("llm_provider/ssl_$name", run => sub {
        answered(ask('gpt-4o'), qr/client=CN=client /,
                 "ssl_$name: proves itself");
    });
}

try('llm_model', run => sub {
    answered(ask('claude-opus-4-5'), qr/model=claude-opus-4-5 /,
             'llm_model: a pattern');
    failed_as(ask('gpt-4o'), '404 invalid_request_error model_not_found',
              'llm_model: another name');
});

try('llm_model/deployment', run => sub {
    my %n;

    for (1 .. 8) {
        $n{ask('gpt-4o')->{headers}{'x-llm-provider'}}++;
    }

    is_deeply(\%n, { openai => 6, reserve => 2 }, 'deployment: weights');
    answered(ask('fast/tiny'), qr/model=tiny /, 'deployment: a capture');
});

try('llm_model/fallback',
    mock => { 8081 => 'openai status=400 code=context_length_exceeded' },
    run => sub {
        my $res = ask('gpt-4o');

        answered($res, qr/model=claude-sonnet /, 'fallback: by its class');
        is($res->{headers}{'x-llm-model'}, 'claude-sonnet',
           'fallback: and named');
    });

try('llm_model/route', run => sub {
    my $tool = { type => 'function', function => { name => 'f' } };

    answered(ask('auto'), qr/model=tiny /, 'route: without tools');
    answered(ask('auto', body => { tools => [$tool] }), qr/model=gpt-4o /,
             'route: with tools');
});

try('llm_model/alias', run => sub {
    answered(ask('gpt-4-turbo'), qr/model=gpt-4o /, 'alias: serves');
});

try('llm_model/list', run => sub {
    is(join(' ', map { $_->{id} } @{get('/v1/models')->{json}{data}}),
       'claude-opus-4-5 claude-haiku-4-5', 'list: is shown');
});

try('llm_model/tries', mock => { 8081 => 'openai status=500' }, run => sub {
    is(ask('gpt-4o')->{headers}{'x-llm-attempts'}, 2, 'tries: no more');
});

try('llm_model/next', mock => { 8081 => 'openai status=500' }, run => sub {
    is(ask('gpt-4o')->{headers}{'x-llm-attempts'}, 1,
       'next: another class ends it');
});

try('llm_model/cooldown', mock => { 8081 => 'openai status=500' },
    run => sub {
        is(join(' ', map { ask('gpt-4o')->{headers}{'x-llm-attempts'} }
                     1 .. 3), '2 2 1', 'cooldown: out after two failures');
    });

try('llm_model/max_tokens', run => sub {
    answered(ask('claude-sonnet'), qr/model=claude-sonnet-4-5 /,
             'max_tokens: serves');
});

try('llm_model/connect_timeout', run => sub {
    answered(ask('gpt-4o'), qr/model=gpt-4o/, 'connect_timeout: serves');
});

try('llm_model/first_token_timeout',
    mock => { 8081 => 'openai fail=hang after=1 pings=2' },
    run => \&first_token);

try('llm_model/read_timeout', mock => { 8081 => 'openai fail=hang' },
    run => sub {
        clock_expired('read_timeout', body => { stream => JSON::PP::true });
    });

try('llm_model/total_timeout', mock => { 8081 => 'openai delay=5s' },
    run => sub { clock_expired('total_timeout') });

try('llm_model/drop_params', run => sub {
    is(ask('claude-sonnet', body => { n => 2 })
       ->{headers}{'x-llm-dropped-params'}, 'n', 'drop_params: of a model');
});

try('llm_model/set_param',
    mock => { 8082 => 'anthropic "text=$request_body"' },
    run => sub {
        my $res = ask('claude-sonnet', body => { max_tokens => 9 });

        is(decode_json($res->{says})->{max_tokens}, 64,
           'set_param: of a model');
        is($res->{headers}{'x-llm-dropped-params'}, 'seed',
           'set_param: in the form of the dialect');
    });

try('llm_key', run => sub {
    answered(ask('gpt-4o', key => "${secret}keys/alice"), qr/./,
             'llm_key: served');
    answered(ask('gpt-4o', headers => { 'x-api-key' => "${secret}keys/alice" }),
             qr/./, 'llm_key: in another header');
    failed_as(ask('gpt-4o', key => 'x'),
              '401 authentication_error invalid_api_key', 'llm_key: unknown');
});

try('llm_key/secret', run => sub {
    answered(ask('gpt-4o', key => 'sk-alice-1'), qr/./, 'secret: the old');
    answered(ask('gpt-4o', key => "${secret}ALICE_NEW_KEY"), qr/./,
             'secret: the new');
});

try('llm_key/models', run => sub {
    my %key = (key => "${secret}keys/alice");

    answered(ask('local-small', %key), qr/./, 'models: may');
    failed_as(ask('gpt-4o', %key), '403 permission_error model_not_allowed',
              'models: may not');
});

try('llm_gateway', run => sub {
    answered(ask('gpt-4o', path => '/ai/v1/chat/completions'), qr/./,
             'llm_gateway: prefix');
    answered(ask('gpt-4o', path => '/ai/chat/completions'), qr/./,
             'llm_gateway: without /v1');
    is(get('/ai/v1/models/gpt-4o')->{json}{id}, 'gpt-4o',
       'llm_gateway: one model');
});

try('llm_auth', run => sub {
    my %user = (headers => { Authorization => 'Basic dXNlci03OnB3' });

    answered(ask('gpt-4o', %user), qr/./, 'llm_auth: proved');
    is(ask('gpt-4o')->{status}, 401, 'llm_auth: not proved');
});

# a call of administration

sub call {
    my ($method, $url, $token, $body) = @_;

    return HTTP::Tiny->new->request($method, "http://127.0.0.1:$url", {
        headers => { ($token ? (Authorization => "Bearer $token") : ()),
                     'Content-Type' => 'application/json' },
        defined $body ? (content => encode_json($body)) : (),
    });
}

try('llm_metrics', run => sub {
    answered(ask('gpt-4o'), qr/model=gpt-4o/, 'llm_metrics: serves');
    like(call('GET', "$port{8086}/metrics")->{content},
         qr/^llm_requests_total\{key="",team="",model="gpt-4o",.*\} 1$/m,
         'llm_metrics: and counts');
});

try('llm_api', run => sub {
    like(call('GET', "$port{8086}/llm/api/models")->{content},
         qr/"name":"gpt-4o"/, 'llm_api: can be read');
    is(call('POST', "$port{8086}/llm/api/keys", undef, { name => 'x' })
       ->{status}, 403, 'llm_api: and no more');
});

try('llm_admin_token', run => sub {
    my $url = "$port{8086}/llm/api/keys";

    is(call('GET', $url)->{status}, 401, 'llm_admin_token: is needed');
    is(call('POST', $url, "${secret}reader.token", { name => 'x' })->{status},
       403, 'llm_admin_token: read');
    like(call('POST', $url, "${secret}admin.token", { name => 'x' })
         ->{content}, qr/"secret":"sk-/, 'llm_admin_token: makes a key');
});

try('llm_models', run => sub {
    answered(ask('local-small'), qr/./, 'llm_models: served');
    failed_as(ask('gpt-4o'), '403 permission_error model_not_allowed',
              'llm_models: not served here');
});

try('llm_route', run => sub {
    my $fast = [{ role => 'user', content => '/fast Hello!' }];

    answered(ask('gpt-4o', body => { messages => $fast }), qr/model=tiny /,
             'llm_route: by the last message');
    answered(ask('gpt-4o'), qr/model=gpt-4o /, 'llm_route: empty');
});

try('llm_user', run => sub {
    my ($s) = @_;

    ask('gpt-4o', headers => { 'X-End-User' => 'eve' },
        body => { user => 'bob' });
    is(wait_log($s, 'user.log', qr/\n/), "eve\n", 'llm_user: is logged');
});

try('llm_tries', mock => { 8081 => 'openai status=500' }, run => sub {
    is(ask('gpt-4o')->{headers}{'x-llm-attempts'}, 1, 'llm_tries: no more');
});

try('llm_next', mock => { 8081 => 'openai status=500' }, run => sub {
    is(ask('gpt-4o')->{headers}{'x-llm-attempts'}, 1,
       'llm_next: another class ends it');
});

try('llm_next_timeout', mock => { 8081 => 'openai status=500 delay=300ms' },
    run => sub {
        is(ask('gpt-4o')->{headers}{'x-llm-attempts'}, 1,
           'llm_next_timeout: too late for another one');
    });

sub costs {
    my ($model, $mock, $cost, $name) = @_;

    return (mock => { 8081 => "openai text=hi $mock" }, run => sub {
        is(ask($model)->{headers}{'x-llm-cost'}, $cost, $name);
    });
}

try('llm_model/price',
    costs('big', 'prompt_tokens=200001 cached_tokens=100000',
          '0.630028500', 'price: above=200k'));

try('llm_model/context',
    costs('small', 'prompt_tokens=9', '0.000000000', 'context: is taken'));

try('llm_prices',
    costs('acme-large', 'prompt_tokens=9', '0.000028000',
          'llm_prices: of the file'));

try('llm_unpriced', run => sub {
    answered(ask('gpt-4o'), qr/model=gpt-4o/, 'llm_unpriced: is taken');
});

try('llm_usage_cost', run => sub {
    my $res = ask('gpt-4o');

    like($res->{content}, qr/"cost":\Q$res->{headers}{'x-llm-cost'}\E[,}]/,
         'llm_usage_cost: in the answer');
});

try('llm_ignore_client_abort',
    mock => { 8081 => 'openai "text=one two three four five" delay=100ms '
                      . 'chunk_delay=60ms' },
    run => sub {
        my ($s) = @_;

        for my $stream (JSON::PP::false, JSON::PP::true) {
            my $body = encode_json({
                model => 'gpt-4o', stream => $stream,
                messages => [{ role => 'user', content => 'Hello!' }] });
            my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                               PeerPort => $port{8080});

            # the reset has the first write after it fail

            setsockopt($socket, Socket::SOL_SOCKET, Socket::SO_LINGER,
                       pack('II', 1, 0));
            print {$socket} "POST /v1/chat/completions HTTP/1.1\r\n"
                            . "Host: x\r\nContent-Length: " . length($body)
                            . "\r\n\r\n$body";
            sleep($stream ? 0.25 : 0.05);
            close $socket;

            is(wait_log($s, 'tokens.log', $stream ? qr/\n.*\n/s : qr/\n/),
               $stream ? "5\n5\n" : "5\n",
               'llm_ignore_client_abort: the usage is known');
        }
    });

try('llm_stream_keepalive',
    mock => { 8081 => 'openai "text=one two" chunk_delay=1300ms' },
    run => sub {
        my $res = ask('gpt-4o', body => { stream => JSON::PP::true });

        like($res->{content}, qr/"one.*\n\n: ping\n\ndata: .*two"/s,
             'llm_stream_keepalive: a comment in between');
    });

try('llm_mock', run => sub {
    answered(ask('gpt-4o'), qr/^from the stand-in$/, 'llm_mock: answers');
});

# --- limits

# served so often, then refused so

sub limited {
    my ($name, $times, $want, %opt) = @_;

    for my $n (1 .. $times) {
        answered(ask('gpt-4o', %opt), qr/./, "$name: served, $n");
    }

    failed_as(ask('gpt-4o', %opt), $want, "$name: refused") if $want;
}


my %alice = (key => "${secret}keys/alice");
my $rate = '429 rate_limit_error rate_limit_exceeded';
my $used_up = '429 insufficient_quota insufficient_quota';

for my $block (qw(llm_key llm_team)) {
    try("$block/rate", run => sub {
        limited("$block/rate", 2, $rate, %alice);
    });

    try("$block/quota", run => sub {
        limited("$block/quota", 2, $used_up, %alice);
    });

    try("$block/concurrency", run => sub {
        limited("$block/concurrency", 2, undef, %alice);
    });

    try("$block/cap", run => sub {
        limited("$block/cap", 1, undef, %alice);
    });

    try("$block/tag", run => sub {
        limited("$block/tag", 1, undef, %alice);
    });
}

try('llm_model/rate', run => sub {
    is(ask('gpt-4o')->{headers}{'x-llm-model'}, 'gpt-4o', 'rate: the model');
    is(ask('gpt-4o')->{headers}{'x-llm-model'}, 'spare', 'rate: its fallback');
});

try('llm_model/quota', run => sub {
    limited('llm_model/quota', 1, $rate);
});

try('llm_provider/rate', run => sub {
    is(ask('gpt-4o')->{headers}{'x-llm-provider'}, 'local', 'rate: the first');
    is(ask('gpt-4o')->{headers}{'x-llm-provider'}, 'other', 'rate: the next');
});

try('llm_provider/quota', run => sub {
    limited('llm_provider/quota', 1, $rate);
});

for my $block (qw(llm_model llm_provider)) {
    try("$block/concurrency", run => sub {
        limited("$block/concurrency", 2);
    });
}

for my $name (qw(llm_key/team llm_team/models)) {
    try($name, run => sub {
        answered(ask('local-small', %alice), qr/./, "$name: may");
        failed_as(ask('gpt-4o', %alice),
                  '403 permission_error model_not_allowed',
                  "$name: may not");
    });
}

try('llm_key/limits_dry_run', run => sub {
    limited('limits_dry_run', 3, undef, %alice);
    like(error_log($server), qr/is exceeded, it does not refuse/,
         'limits_dry_run: is logged');
});

try('llm_limits_dry_run', run => sub {
    limited('llm_limits_dry_run', 3, undef, %alice);
});

try('llm_key/expires', run => sub {
    failed_as(ask('gpt-4o', %alice), '401 authentication_error key_expired',
              'expires: is over');
});

try('llm_team', run => sub {
    limited('llm_team', 1, undef, %alice);
    limited('llm_team', 1, $used_up, key => "${secret}keys/bob");
});

try('llm_team/team', run => sub {
    limited('llm_team/team', 2, $used_up, %alice);
});

try('llm_teams', run => sub {
    limited('llm_teams', 1, undef, %alice);
    failed_as(ask('gpt-4o', key => "${secret}keys/bob"),
              '401 authentication_error invalid_api_key',
              'llm_teams: another');
});

try('llm_timezone', run => sub {
    limited('llm_timezone', 1);
});

try('llm_tag', run => sub {
    limited('llm_tag', 1);
});

try('llm_user_required', run => sub {
    failed_as(ask('gpt-4o'), '400 invalid_request_error user_required',
              'llm_user_required: nobody');
    answered(ask('gpt-4o', body => { user => 'u' }), qr/./,
             'llm_user_required: somebody');
});

try('llm_relay', run => sub {
    my %alice = (key => "${secret}keys/alice",
                 path => '/local/chat/completions');

    answered(ask('gpt-new', %alice),
             qr{^uri=/v1/chat/completions model=gpt-new key= },
             'llm_relay: as it came, no key of the client');
    answered(ask('gpt-new', %alice, path => '/local/v1/chat/completions?a=1'),
             qr{^uri=/v1/chat/completions\?a=1 },
             'llm_relay: a path that is whole');
    is(ask('claude', %alice)->{status}, 403, 'llm_relay: only its models');
    is(ask('gpt-new', path => '/local/chat/completions')->{status}, 401,
       'llm_relay: only with a key');
});


sub first_token {
    my $res = ask('gpt-4o', body => { stream => JSON::PP::true });

    is($res->{headers}{'x-llm-attempts'}, 2,
       'first_token_timeout: the next one serves');
    like($res->{content}, qr/model=spare|"spare/, 'first_token_timeout: whole');
}


sub clock_expired {
    my ($name, %opt) = @_;
    my $res = ask('gpt-4o', %opt);

    like($res->{content}, qr/provider_timeout/, "$name: is told");
    like(error_log($server), qr/\Q$name\E expired/,
         "$name: and logged");
}


for my $block (grep { $_->{lang} eq 'nginx' } blocks_of($text)) {
    my $name = $block->{h3} ? "$block->{h2}/$block->{h3}" : $block->{h2};
    my $opt = delete $try{$name};

    next if $name eq 'Names' || $name eq 'Failures';

    if (!ok($opt, "directives.md:$block->{line}: an example of $name that "
                  . "is tried"))
    {
        next;
    }

    like(without_comments($block->{text}), qr/\b\Q@{[$name =~ m{(\w+)$}]}\E\b/,
         "$name: the example has it");

    $server = start($block->{text}, %$opt);

    ok($server->{pid}, "$name: it starts");
    $opt->{run}->($server) if $server->{pid};
    unlike(error_log($server), qr/\[(alert|crit|emerg)\]/,
           "$name: nothing bad is logged");
    stop($server);
}

is(join(' ', sort keys %try), '', 'all that is tried has an example');


# --- quickstart.md ---------------------------------------------------------

my @quick = blocks_of($page{'docs/quickstart.md'});
my ($gateway) = grep { $_->{lang} eq 'nginx' && $_->{text} =~ /demo-a/ }
                @quick;

$server = start($gateway->{text});

my $key_file = "$server->{dir}/llm/keys/alice";
my $key = '';

for my $i (0 .. $#quick) {
    next if $quick[$i]{lang} ne 'sh' || $quick[$i]{text} !~ /curl/;

    my $code = $quick[$i]{text};
    my $name = "quickstart.md:$quick[$i]{line}";

    $key = $1 if $code =~ s/^(KEY=.*\n)//m;

    my $said = shell(localise("$key$code", $server->{dir}));
    my $next = $quick[$i + 1];

    if ($next && $next->{lang} eq 'text') {
        is($said, $next->{text}, "$name: says what the page says")
            if $next->{text} =~ /^\{/ ? chomp($next->{text}) : 1;

    } elsif ($next && $next->{lang} eq 'json') {
        is_deeply(decode_json($said)->{choices}[0]{message}{content},
                  decode_json($next->{text})->{message}{content},
                  "$name: says what the page says");

    } else {
        like($said, qr/"content":"Hello".*"content":" from".*\[DONE\]/s,
             "$name: a stream");
    }
}

stop($server);


sub shell {
    my ($code) = @_;

    my $pid = open my $out, '-|';

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec 'sh', '-c', $code;
        die "exec: $!\n";
    }

    local $/;
    my $said = <$out>;
    close $out;

    $said =~ s/\r//g;

    return $said;
}


# --- README.md: alice's models ----------------------------------------------

my ($readme) = grep { $_->{lang} eq 'nginx' } blocks_of($page{'README.md'});

$server = start($readme->{text});

is(join(' ', map { $_->{id} } @{get('/v1/models', %alice)->{json}{data}}),
   'gpt-4o claude-sonnet', 'README.md: what alice may use');
is(ask('local-small', %alice)->{status}, 403, 'README.md: and what not');
stop($server);


# --- conf.example/routing.conf ----------------------------------------------

my $routing = slurp("$root/conf.example/routing.conf");

$routing =~ s/(llm_provider openai \{\n)/$1url http:\/\/127.0.0.1:8084;\n/;
$routing =~ s/(llm_provider anthropic \{\n)/$1url http:\/\/127.0.0.1:8082;\n/;

$server = start($routing);

my %search = (key => "${secret}keys/search");
my $tools = [{ type => 'function', function => { name => 'f' } }];
my $inside = [{ role => 'user', content => 'This is Internal only.' }];

answered(ask('auto', %search), qr/model=llama-3.1-8b /, 'routing.conf: small');
answered(ask('auto', %search, body => { tools => $tools }),
         qr/model=(gpt-4o|claude-sonnet-4-5) /, 'routing.conf: large');
answered(ask('auto', %search, body => { tools => $tools,
                                        messages => $inside }),
         qr/model=llama-3.1-8b /, 'routing.conf: stays in the house');
answered(ask('large', %search, path => '/small/v1/chat/completions'),
         qr/model=llama-3.1-8b /, 'routing.conf: a path of its own');
is(ask('large', key => "${secret}keys/batch")->{status}, 403,
   'routing.conf: not for batch');
stop($server);


# --- variables.md ----------------------------------------------------------

my $variables = $page{'docs/variables.md'};
my %example = $variables =~ /^\| `\$(\w+)` \| (?:`([^`]*)` )?\|/mg;
my $source = sources('variables');

is(join(' ', sort keys %example),
   join(' ', sort $source =~ /ngx_string\("(llm_\w+)"\)/g),
   'variables.md: all variables, and no others');

my ($request) = grep { $_->{lang} eq 'json' } blocks_of($variables);
my ($conf) = grep { $_->{lang} eq 'nginx' } blocks_of($variables);
my $all = join ',', map { qq("$_":"\$$_") } sort keys %example;
my $with = $conf->{text};

$with =~ s/(access_log .*;)/$1 access_log \/var\/log\/nginx\/all.log all;/;
$with .= "log_format all escape=json '{$all}';\n";

$server = start($with, mock => { 8081 => 'openai "text=Hello there."'
                                 . ' prompt_tokens=12 cached_tokens=8'
                                 . ' delay=20ms' });

my $res = get('/v1/chat/completions', method => 'POST',
              key => "${secret}keys/alice", content => $request->{text},
              headers => { 'X-Request-Id' => 'my-1' });

answered($res, qr/Hello there/, 'variables.md: the request');
is(join(' ', map { $res->{headers}{$_} || '-' }
             qw(x-request-id x-llm-model x-llm-provider x-llm-attempts)),
   'my-1 gpt-4o openai 1', 'variables.md: response headers');

my $got = decode_json(wait_log($server, 'all.log', qr/\n/));

for my $name (sort keys %example) {
    my $want = defined $example{$name} ? $example{$name} : '';

    $want =~ s/\\n/\n/g;

    if ($name eq 'llm_ttft') {
        like($got->{$name}, qr/^\d+\.\d{3}$/, "variables.md: \$$name");

    } else {
        is($got->{$name}, $want, "variables.md: \$$name");
    }
}

ok(eval { decode_json(wait_log($server, 'llm.log', qr/\n/)) },
   'variables.md: the log is JSON');

stop($server);


# --- errors.md -------------------------------------------------------------

my $errors = $page{'docs/errors.md'};
my %own = map { ($_ => 1) }
          map { s/`//g; s/\s*\|\s*/ /g; s/^ | $//g; $_ }
          $errors =~ /^(\| \d{3} \| `\w+` \| `\w+` \|)/mg;

$server = start(<<'_EOC_');
limit_req_zone $llm_key zone=one:1m rate=1r/m;

llm_unpriced refuse;

llm_provider anthropic { url http://127.0.0.1:8082; key none; }

llm_model gpt-4o        { deployment local gpt-4o; }
llm_model claude-sonnet { deployment anthropic claude-sonnet-4-5; }
llm_model unpriced      { deployment local nobody-knows-me; }
llm_model one           { route two; }
llm_model two           { route one; }

llm_key alice { secret file:/etc/nginx/llm/keys/alice; }
llm_key bob   { secret file:/etc/nginx/llm/keys/bob; models x; }
llm_key old   { secret file:/etc/nginx/llm/keys/old; expires 2020-01-01; }
llm_key few   { secret file:/etc/nginx/llm/keys/few; quota requests=1/day; }
llm_key off   { secret file:/etc/nginx/llm/keys/off; }

llm_state /var/lib/nginx/llm;
location /admin/ { llm_api; llm_admin_token file:/etc/nginx/llm/admin; }

location / { llm_gateway; }
location /users/ { llm_gateway; llm_user_required on; }
location /denied/ { llm_gateway; deny all; }
location /small/ { llm_gateway; client_max_body_size 8m; }
location /busy/ { limit_req zone=one; llm_gateway; }
location /full/ {
    limit_req zone=one;
    limit_req_status 429;
    llm_gateway;
}
_EOC_

my $chat = '/chat/completions';

call('PATCH', "$port{8080}/admin/keys/off", "${secret}admin",
     { disabled => JSON::PP::true });

for my $case (
    ['gpt-4o', [body => { messages => 'x' }], '400 invalid_request_error null'],
    ['claude-sonnet', [body => { n => 2 }],
     '400 invalid_request_error unsupported_parameter'],
    ['claude-sonnet', [path => '/v1/moderations'],
     '400 invalid_request_error unsupported_endpoint'],
    ['claude-sonnet', [body => { reasoning_effort => 'a lot' }],
     '400 invalid_request_error invalid_value'],
    ['gpt-4o', [key => 'x'], '401 authentication_error invalid_api_key'],
    ['gpt-4o', [key => "${secret}keys/bob"],
     '403 permission_error model_not_allowed'],
    ['unpriced', [], '403 permission_error model_unpriced'],
    ['gpt-4o', [key => "${secret}keys/old"],
     '401 authentication_error key_expired'],
    ['gpt-4o', [key => "${secret}keys/off"],
     '401 authentication_error key_disabled'],
    ['gpt-4o', [key => "${secret}keys/few"],
     '429 insufficient_quota insufficient_quota'],
    ['gpt-4o', [path => "/users$chat"],
     '400 invalid_request_error user_required'],
    ['gpt-4o', [path => "/denied$chat"], '403 permission_error access_denied'],
    ['gpt-5', [], '404 invalid_request_error model_not_found'],
    ['gpt-4o', [path => '/v1/chat'], '404 invalid_request_error unknown_url'],
    ['gpt-4o', [method => 'PUT'],
     '405 invalid_request_error method_not_allowed'],
    ['gpt-4o', [path => "/small$chat",
                body => { user => 'x' x (9 * 1024 * 1024) }],
     '413 invalid_request_error request_too_large'],
    ['gpt-4o', [headers => { 'Content-Type' => 'text/plain' }],
     '415 invalid_request_error unsupported_content_type'],
    ['one', [], '500 server_error null'],
    ['gpt-4o', [path => "/busy$chat"],
     '503 service_unavailable_error server_is_overloaded'],
    ['gpt-4o', [path => "/full$chat"],
     '429 rate_limit_error rate_limit_exceeded'],
) {
    my ($model, $opt, $want) = @$case;
    my %opt = (key => "${secret}keys/alice", @$opt);

    $res = ask($model, %opt);
    $res = ask($model, %opt) if $res->{status} == 200;

    failed_as($res, $want, "errors.md: $want");
    ok(delete $own{$want}, "errors.md: $want is in the table");

    my ($status, $type, $code) = split ' ', $want;

    is($res->{headers}{'x-llm-error'}, $code eq 'null' ? $type : $code,
       "errors.md: x-llm-error of $want");
    is($res->{headers}{'x-should-retry'} || '',
       $status =~ /^(401|403|404)$/ || $code eq 'insufficient_quota'
       ? 'false' : '',
       "errors.md: x-should-retry of $want");
    is($res->{headers}{'www-authenticate'} || '',
       $status == 401 ? 'Bearer' : '', "errors.md: challenge of $want");
    is($res->{headers}{allow} || '', $status == 405 ? 'POST' : '',
       "errors.md: methods of $want");
}

is(join(', ', sort keys %own), '', 'errors.md: the table has no others');

stop($server);


# what the page calls a provider's failure, as a stand-in does it

my %failure = (
    'status 400, the prompt is too long'
        => 'status=400 code=context_length_exceeded',
    'status 404' => 'status=404 code=model_not_found',
    'status 400, its filter says no' => 'status=400 code=content_filter',
    'no connection' => '',
    'closed without an answer' => 'fail=close',
    'cut in the middle of a plain answer' => 'fail=cut',
    'a page of HTML with status 200' => 'fail=garbage',
    'an error with status 200' => 'fail=error',
    'no answer in time' => 'fail=stall',
);

for my $row ($errors =~ /^(\| [^|]+ \| (?:-|`\w+`) \| `\d+ .*` \|)$/mg) {
    my ($what, $class, $want) =
        $row =~ /^\| (.*) \| (?:-|`(\w+)`) \| `(.*)` \|$/;
    my $mock = delete $failure{$what};

    if (!defined $mock && $what =~ /^status (\d+)$/) {
        $mock = "status=$1";
    }

    if (!ok(defined $mock, "errors.md: \"$what\" can be tried")) {
        next;
    }

    # a port that nobody listens on is taken for the one without a server

    $server = start(<<"_EOC_");
llm_provider bad {
    dialect openai;
    url http://127.0.0.1:@{[$mock eq '' ? 8089 : 8088]};
    key none;
    total_timeout 300ms;
}

llm_model gpt-4o { deployment bad gpt-4o; }

llm_model other {
    deployment bad gpt-4o;
    deployment local tiny tier=1;
}

server {
    listen 127.0.0.1:8088;
    location / { llm_mock openai @{[$mock || 'size=1']}; }
}
server {
    listen 127.0.0.1:8080;
    location / { llm_gateway; llm_auth off; }
}
_EOC_

    failed_as(ask('gpt-4o'), $want, "errors.md: $what");

    my $log = error_log($server);

    if (defined $class) {
        like($log, qr/failed: \Q$class\E\b/,
             "errors.md: $what is \"$class\"");
    }

    my $goes_on = defined $class && $class !~ /^(context|content)$/;

    is(ask('other')->{status}, $goes_on ? 200 : substr($want, 0, 3),
       "errors.md: $what, with another deployment");

    stop($server);
}

is(join(', ', sort keys %failure), '', 'errors.md: all of them are there');

my ($event) = grep { $_->{lang} eq 'text' } blocks_of($errors);

$server = start('llm_model gpt-4o { deployment local gpt-4o; }',
                mock => { 8081 => 'openai fail=cut' });
$res = ask('gpt-4o', body => { stream => JSON::PP::true });
is($res->{status}, 200, 'errors.md: a stream that breaks');
like($res->{content}, qr/\n\n\Q$event->{text}\E\n$/,
     'errors.md: ends as the page says');
stop($server);

$server = start('llm_model gpt-4o { deployment local gpt-4o;'
                . ' deployment other gpt-4o tier=1; }'
                . ' llm_provider other { dialect openai; key none;'
                . ' url http://127.0.0.1:8083; }',
                mock => { 8081 => 'openai status=429 retry_after=7',
                          8083 => 'openai status=429 retry_after=9' });
$res = ask('gpt-4o');
is(join(' ', $res->{status}, map { $res->{headers}{$_} || '-' }
             qw(retry-after x-llm-attempts x-llm-provider)), '429 7 2 other',
   'errors.md: the soonest time');
$res = ask('gpt-4o');
is(join(' ', $res->{status}, $res->{code},
        map { $res->{headers}{$_} || '-' } qw(x-llm-attempts)),
   '503 overloaded -', 'errors.md: and none is asked before that');
stop($server);


# --- mock.md ---------------------------------------------------------------

my %option = map { $_ => 1 }
             sources('mock')
             =~ /\{ ngx_string\("(\w+)"\), NGX_HTTP_LLM_MOCK_[A-Z]+,\s*\n/g;

while ($page{'docs/mock.md'} =~ /^\| `(\w+)` \| `([^`]+)` \|/mg) {
    my ($name, $value) = ($1, $2);

    ok(delete $option{$name}, "mock.md: there is a $name");
    like($value, qr/(^|["' ])$name=/, "mock.md: $name is in its example");
    is(refused_by_nginx(prepare(
           "server { listen 127.0.0.1:8084; location / { llm_mock openai $value; } }")),
       '', "mock.md: $value");
}

is(join(' ', sort keys %option), '', 'mock.md: has all options');

my %fail = map { $_ => 1 } sources('mock')
           =~ /ngx_string\("(\w+)"\), NGX_HTTP_LLM_MOCK_(?:CLOSE|RESET|STALL
               |CUT|HANG|END|ERROR|GARBAGE)\ \}/xg;

delete @fail{$page{'docs/mock.md'} =~ /^\| `(\w+)` \| [^`]/mg};
is(join(' ', sort keys %fail), '', 'mock.md: has all values of fail');

($conf) = grep { $_->{lang} eq 'nginx' } blocks_of($page{'docs/mock.md'});
$server = start($conf->{text});
$res = ask('gpt-4o');
answered($res, qr/^I am not a model\.$/, 'mock.md: the example answers');
is($res->{headers}{'x-llm-attempts'}, 2, 'mock.md: after the broken one');
stop($server);

done_testing();

END {
    my $rc = $?;

    stop($server) if $server;
    $? = $rc;
}
