# The documentation: every example is a configuration that nginx takes, every
# directive and statement has its section, and what the sections say is tried.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $root = abs_path(dirname(__FILE__) . "/..");
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $module = defined $ENV{TEST_NGINX_LOAD_MODULES}
             ? $ENV{TEST_NGINX_LOAD_MODULES}
             : "$root/build/ngx_http_llm_module.so";
my $http_dir = "$root/ngx_llm_module/http";
my $tmp = tempdir(CLEANUP => 1);
my $runs = 0;

chmod 0755, $tmp;


# names that examples may use: provider servers behind them, see mocks()

my %port = map { $_ => free_port() } 8080 .. 8089, 8443;

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

    our @held;
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

    $text .= "server { listen unix:/run/llama.sock;"
             . " location / { llm_mock openai $says; } }\n";

    $text .= "server { listen 127.0.0.1:8443 ssl;\n"
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

    my $more = ($opt{http} || '') . "\n" . mocks(%{$opt{mock} || {}});

    if ($text =~ /^http \{/m) {
        my $all = $text;

        $all =~ s/^load_module .*ngx_http_llm_module\.so;/$module_line/m
            or die "no load_module\n";
        $all =~ s/^worker_processes .*//m;

        # servers that the example has itself

        my %own = map { $_ => 1 } $all =~ /listen\s+127\.0\.0\.1:(\d+)/g;

        $more = join "\n",
                grep { !/listen 127\.0\.0\.1:(\d+)/ || !$own{$1} }
                     statements($more);

        $all =~ s/^http \{/http {\n$paths/m;
        $all =~ s/\}\s*$/$more\n}\n/s;

        return $all;
    }

    my (@http, @location) = ();
    my $code = without_comments($text);
    my $both = $code . ($opt{http} || '');

    for my $one (statements($text)) {
        if (without_comments($one) =~ /^\s*(location|limit_req)\b/) {
            push @location, $one;

        } else {
            push @http, $one;
        }
    }

    # what the example leaves out

    my @add = ();

    if ($both !~ /llm_key|llm_auth/) {
        push @add, 'llm_auth off;';
    }

    if ($both !~ /client_max_body_size/) {
        push @add, 'client_max_body_size 64m;';
        push @add, 'client_body_buffer_size 1m;';
    }

    my %provider = map { $_ => 1 } $both =~ /llm_provider\s+(\S+)/g;

    if ($both !~ /llm_model\s/) {
        my ($name) = $both =~ /llm_provider\s+(\S+)/;

        $name = 'openai' if !defined $name;
        push @add, "llm_model gpt-4o { deployment $name gpt-4o; }";
    }

    for my $name ("$both @add" =~ /deployment\s+(\S+)/g) {
        next if $provider{$name}++;

        push @add, $name eq 'anthropic'
            ? 'llm_provider anthropic { url http://127.0.0.1:8082; key none; }'
            : "llm_provider $name { dialect openai; key none;"
              . ' url http://127.0.0.1:8081/v1; }';
    }

    my %model = map { $_ => 1 } "$both @add" =~ /llm_model\s+(\S+)/g;

    while ($both =~ /fallback\s+(?:on=\S+\s+)?([^;]+);/g) {
        for my $name (split ' ', $1) {
            next if $model{$name}++;
            push @add, "llm_model $name { deployment other $name; }";

            push @add, 'llm_provider other { dialect openai; key none;'
                       . ' url http://127.0.0.1:8083/v1; }'
                if !$provider{other}++;
        }
    }

    if ($code !~ /\bserver\s*\{[^{}]*location/) {
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
    $text =~ s{/var/log/nginx/}{$dir/logs/}g;

    while ($text =~ m{/etc/nginx/llm/([\w./-]+)}g) {
        my $name = $1;
        my $file = "$dir/llm/$name";
        my $fixture = "$root/t/fixtures/tls/$name";
        my $what = -f $fixture ? slurp($fixture)
                   : $name eq 'users' ? "user-7:{PLAIN}pw\n"
                   : "secret-of-$name\n";

        make_path(dirname($file));
        open my $fh, '>', $file or die "$file: $!\n";
        print {$fh} $what;
        close $fh;
    }

    $text =~ s{/etc/nginx/llm/}{$dir/llm/}g;

    while ($text =~ /\benv:(\w+)/g) {
        $ENV{$1} = "secret-of-$1";
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

    our @held;
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

    $said =~ s/^nginx: (the configuration|configuration file) .*\n//mg;

    return $bad . $said;
}


# --- a server that runs ----------------------------------------------------

sub start {
    my ($text, %opt) = @_;
    my $dir = prepare($text, %opt);

    our @held;
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

# { "llm_zone" => "http", "llm_provider/key" => "llm_provider", ... }

sub commands {
    my %all;

    my $text = slurp("$http_dir/ngx_http_llm_module.c");

    while ($text =~ /\{ ngx_string\("(\w+)"\),\s*([A-Z0-9_|\s]+),/g) {
        my ($name, $flags) = ($1, $2);

        $all{$name} = join ', ',
            ($flags =~ /NGX_HTTP_MAIN_CONF/ ? 'http' : ()),
            ($flags =~ /NGX_HTTP_SRV_CONF/ ? 'server' : ()),
            ($flags =~ /NGX_HTTP_LOC_CONF/ ? 'location' : ()),
            ($flags =~ /NGX_HTTP_UPS_CONF/ ? 'upstream' : ());
    }

    for my $block (qw(provider model key)) {
        $text = slurp("$http_dir/ngx_http_llm_$block.c");

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


sub chunks {
    my ($text, @parts) = @_;

    return join "\n", @parts;
}


require "$root/t/lib/docs.pl" if 0;

