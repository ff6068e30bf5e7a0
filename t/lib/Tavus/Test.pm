package Tavus::Test;

=head1 SYNOPSIS

    use Tavus::Test;            # strict, warnings, signatures, Test::More too

    my $t = Tavus::Test->new(
        http => {tavus_limit_zone => ['all zone=site:64k rate=1r/s capacity=1'],
                 tavus_sandbox => undef},     # replaces, undef leaves it out
        locations => {
            '= /limited' => 'tavus_limit zone=site; empty_gif;',
            '/api/admin/' => undef,
        },
    )->start;

    my $res = $t->post('/api/tavus/create-conversation', {vertical => 'legal'});
    is $res->code, 200;
    is $res->json->{status}, 'active';

    $t->sandbox->fault(kind => 'hang', times => 1);
    $t->pg->freeze;
    is $t->db->selectrow_array('SELECT count(*) FROM tavus.events'), 1;
    wait_for { $t->error_log =~ /something/ } 5;

    done_testing;       # stops nginx with QUIT and looks through error.log

=head1 OPTIONS

    module     1: load the module with the directives of a whole site below
    db         1: a PostgreSQL of our own; or a Tavus::Test::Pg
    sandbox    1: a sandbox of our own; or a Tavus::Test::Sandbox
    workers, port, log_level, env {NAME => value}
    main, events, server, http_extra     text for these places
    http       {directive => value | [values] | undef}; a value that ends in
               "}" is a block
    locations  {'= /path' => text | undef}
    defaults   0: neither directives nor locations but those given
    openapi    0: answers under /api are not those of docs/openapi.yaml

In all texts %%PORT%%, %%DIR%%, %%SECRETS%%, %%HTML%%, %%CONNINFO%%, %%PGDIR%%
(of the socket), %%PGPORT%% and %%SANDBOX%% are replaced.

=head1 METHODS

    start, stop, reload(drained => 1), configure(%options), pid, workers,
    kill_worker($signal), crash, signal($name), url($path), port, dir
    ua                          Mojo::UserAgent
    get, post, put, delete, options ($path, $body?, \%headers?)
                                a Mojo::Message::Response; a hash or list as
                                body is sent as JSON
    admin($path)                GET with the admin's credentials
    admin_large($path)          the same, until PostgreSQL is done in time
    webhook($bytes, %headers)   POST to /api/tavus/webhook, signed unless
                                unsigned => 1; token => … puts it on the URL
    create(%request)            POST to create-conversation
    nginx_t(%options)           (exit, stderr) of nginx -t
    socket                      Tavus::Test::Socket
    settle                      returns when a worker (of one) has read what
                                was sent to it before
    secret($name, $bytes)       a 0600 file; its path
    file($name, $bytes)         a file of the site; its path
    error_log, access_log, grep_log($pattern)
    allow_alerts($pattern)      for tests that kill workers
    pg, db, sandbox             see Tavus::Test::Pg and Tavus::Test::Sandbox
    webhook_secret, admin_password

=head1 FUNCTIONS

    wait_for { condition } $seconds;            what it returned, or undef
    wait_ok { condition } 'name', $seconds;     the same as a test
    tavus_event, sign_header, sign_in_body, sign_stripe, sign_standard,
    sign_token, now_iso: see Tavus::Test::Sign

=cut

use v5.36;

# what Mojo makes of JSON is the same whatever else is installed
BEGIN { $ENV{MOJO_NO_JSON_XS} = 1 }

use Carp qw(croak);
use Mojo::UserAgent;
use Mojo::Util qw(b64_encode);
use Scalar::Util qw(weaken);
use Test::More ();

use Tavus::Test::Nginx;
use Tavus::Test::OpenApi;
use Tavus::Test::Process qw(slurp spew wait_for);
use Tavus::Test::Sandbox;
use Tavus::Test::Sign;
use Tavus::Test::Socket;

my @all;

my @EXPORT = (@Tavus::Test::Sign::EXPORT, qw(done_testing wait_for wait_ok));

sub import ($class) {
    my $to = caller;

    strict->import;
    warnings->import;
    feature->import(':5.36');
    utf8->import;

    Test::More->export_to_level(1, $class,
        grep { $_ ne 'done_testing' } @Test::More::EXPORT);
    no strict 'refs';
    *{"${to}::$_"} = \&{$_} for @EXPORT;
    binmode $_, ':utf8' for map { Test::More->builder->$_ }
        qw(output failure_output todo_output);
}

# In a subtest Test::More's own; at the end of the file what every file asserts
# comes first.
sub done_testing (@) {
    if (!Test::More->builder->parent) {
        $_->finish for grep { defined && $_->{owner} == $$ } @all;
        tell_errors();
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::done_testing();
}

# The last of what each server said, where a test has failed.
sub tell_errors () {
    return if Test::More->builder->is_passing;
    Test::More::diag("error.log:\n" . join '', map { "  $_\n" }
        grep { defined } (split /\n/, $_->error_log)[-20 .. -1])
        for grep { defined && $_->{owner} == $$ } @all;
}

# Patient, as only what fails waits for so long: on a busy machine a first session
# may take two attempts of five seconds.
sub wait_ok :prototype(&$;$) ($block, $name, $seconds = 30) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return Test::More::ok(&wait_for($block, $seconds), $name);
}

my $SECRET = 'whsec-of-the-tests-0123456789abcdef';
my $PASSWORD = 'the admin of the tests';

# A whole site.  Limits are wide, so that only who wants to meets them.
sub http_defaults ($self) {
    return () unless $self->{module} && $self->{defaults};

    return (
        tavus_database => $self->{db} ? '"%%CONNINFO%%"' : undef,
        tavus_api_key => 'file:' . $self->secret('api.key', $self->api_key),
        tavus_api_url => '%%SANDBOX%%',
        tavus_sandbox => 'on',
        tavus_public_origin => 'http://127.0.0.1:%%PORT%%',
        tavus_webhook_secret =>
            'file:' . $self->secret('webhook', $SECRET) . ' id=k1',
        tavus_limit_zone => [
            '$binary_remote_addr zone=create:1m rate=1000r/s capacity=10000',
            'all zone=site:64k rate=1000r/s capacity=10000',
        ],
        tavus_vertical => [map {
            my $n = sprintf '%02x', ord;
            "$_ { persona_id p$n; replica_id r$n; "
            . "document_tags kb-$_ kb-global; max_call_duration 600; "
            . 'participant_absent_timeout 60; participant_left_timeout 10; }';
        } qw(healthcare legal ecommerce general)],
    );
}

sub location_defaults ($self) {
    my $errors = 'error_page 400 408 413 414 502 503 504 /.problem; '
        . 'error_page 494 =431 /.problem;';
    my %site = ('/' => 'root %%HTML%%; index index.html;');

    return %site unless $self->{module} && $self->{defaults};
    return (
        %site,
        '= /.problem' => 'internal; tavus_problem;',
        '= /api/tavus/create-conversation' => "$errors "
            . 'tavus_limit zone=create; tavus_limit zone=site; '
            . 'tavus_conversation;',
        '= /api/tavus/end-conversation' => "$errors tavus_conversation_end;",
        '= /api/track' => "$errors tavus_track;",
        '= /api/contact' => "$errors tavus_contact;",
        '= /api/tavus/webhook' =>
            "$errors client_max_body_size 8m; tavus_webhook tavus;",
        '/api/admin/' => "$errors tavus_admin; tavus_admin_users "
            . $self->secret('admin.htpasswd', 'admin:'
                . crypt($PASSWORD, '$6$rounds=1000$testsalt$') . "\n") . ';',
        '= /healthz' => 'tavus_health;',
    );
}

sub new ($class, %opt) {
    my $self = bless {
        module => 1, db => 1, sandbox => 1, defaults => 1, openapi => 1,
        allowed => [], owner => $$, %opt,
    }, $class;

    croak Tavus::Test::Nginx::module() . ' is missing: ./build.sh module'
        if $self->{module} && Tavus::Test::Nginx::module() ne 'static'
            && !-f Tavus::Test::Nginx::module();

    if ($self->{db}) {
        require Tavus::Test::Pg;
        $self->{pg} = ref $self->{db} ? $self->{db} : Tavus::Test::Pg->new;
    }
    $self->{box} = ref $self->{sandbox} ? $self->{sandbox}
        : Tavus::Test::Sandbox->new if $self->{sandbox};

    $self->{nginx} = Tavus::Test::Nginx->new(
        map { exists $opt{$_} ? ($_ => $opt{$_}) : () }
            qw(workers port log_level env));
    $self->file('index.html', "<!doctype html><title>test</title>\n");

    push @all, $self;
    weaken $all[-1];
    return $self;
}

# ---- configuration ---------------------------------------------------------

sub conf_text ($self, %over) {
    my %opt = (%$self, %over);
    my $http = $opt{http_extra} // '';

    # what a call gives is laid over what new() gave
    my %directive = ($self->http_defaults, ($self->{http} // {})->%*,
        ($over{http} // {})->%*);
    my %location = ($self->location_defaults, ($self->{locations} // {})->%*,
        ($over{locations} // {})->%*);

    # zones before who names them
    for my $name (sort { ($a =~ /zone/ ? 0 : 1) <=> ($b =~ /zone/ ? 0 : 1)
        || $a cmp $b } keys %directive)
    {
        my $value = $directive{$name} // next;
        for (ref $value ? @$value : $value) {
            $http .= "\n    $name $_" . (/\}\s*\z/ ? '' : ';');
        }
    }

    my $server = join "\n", 'listen 127.0.0.1:%%PORT%%;', $opt{server} // '',
        map { "        location $_ { $location{$_} }" }
        grep { defined $location{$_} } sort keys %location;

    my $text = $self->{nginx}->conf(
        "    $http\n    server {\n        $server\n    }",
        %opt{qw(module main events)});

    my %value = (
        PORT => $self->port, DIR => $self->dir,
        SECRETS => $self->dir . '/secrets', HTML => $self->dir . '/html',
        SANDBOX => $self->{box} ? $self->{box}->url : 'http://127.0.0.1:1',
        CONNINFO => $self->{pg} ? $self->{pg}->conninfo : '',
        PGDIR => $self->{pg} ? $self->{pg}->socket_dir : '',
        PGPORT => $self->{pg} ? $self->{pg}->port : '',
    );
    $text =~ s/%%([A-Z]+)%%/$value{$1} \/\/ croak "no value for %%$1%%"/ge;
    return $text;
}

# Writes a configuration with these options changed for good; reload() is the
# caller's.
sub configure ($self, %over) {
    for (qw(http locations)) {
        $self->{$_} = {($self->{$_} // {})->%*, (delete $over{$_})->%*}
            if $over{$_};
    }
    $self->{$_} = $over{$_} for keys %over;
    $self->{nginx}->write_conf($self->conf_text);
    return $self;
}

sub nginx_t ($self, %over) {
    return $self->{nginx}->test_conf($self->conf_text(%over));
}

sub secret ($self, $name, $bytes, $mode = 0600) {
    return spew($self->dir . "/secrets/$name", $bytes, $mode);
}

sub file ($self, $name, $bytes) {
    return spew($self->dir . "/html/$name", $bytes);
}

# ---- life ------------------------------------------------------------------

sub start ($self) {
    $self->configure;
    $self->{nginx}->start;
    return $self;
}

sub stop ($self, @seconds) { return $self->{nginx}->stop(@seconds) }

sub reload ($self, %opt) { $self->{nginx}->reload(%opt); return $self }

sub pid ($self)         { return $self->{nginx}->pid }
sub workers ($self)     { return $self->{nginx}->workers }
sub all_workers ($self) { return $self->{nginx}->all_workers }
sub port ($self)        { return $self->{nginx}->port }
sub dir ($self)         { return $self->{nginx}->dir }

sub signal ($self, $name) { $self->{nginx}->signal($name); return $self }

sub crash ($self) { $self->{nginx}->crash; return $self }

sub kill_worker ($self, $signal = 'KILL') {
    # the master says so as an alert, and so that it held a lock
    $self->allow_alerts(qr/worker process \d+ exited on signal/);
    $self->allow_alerts(qr/shared memory zone "\w+" was locked by \d+/);
    return $self->{nginx}->kill_worker($signal);
}

sub allow_alerts ($self, $pattern) {
    push $self->{allowed}->@*, $pattern;
    return $self;
}

# What every file asserts; done_testing() calls it.
sub finish ($self) {
    return if $self->{finished}++;
    my $tb = Test::More->builder;

    if ($self->{nginx}->pid) {
        $tb->ok($self->stop, 'nginx ends with QUIT')
            or $tb->diag('it had to be killed');
    }

    Tavus::Test::OpenApi->told($tb) if $self->{openapi} && $self->{module};

    my @lines = split /\n/, $self->error_log;
    my @bad = grep { /\[(?:alert|emerg)\]/ } @lines;
    for my $pattern ($self->{allowed}->@*) {
        @bad = grep { !/$pattern/ } @bad;
    }
    $tb->ok(!@bad, 'no alert in error.log') or $tb->diag(join "\n", @bad);

    my $stderr = slurp($self->dir . '/stderr.log') // '';
    my @sanitizer = grep { /Sanitizer|runtime error:|^==\d+== / }
        @lines, split /\n/, $stderr;
    $tb->ok(!@sanitizer, 'no word of a sanitizer')
        or $tb->diag(join "\n", grep { defined } @sanitizer[0 .. 40]);
}

# At global destruction the order is anybody's.
END {
    local ($?, $!, $@);
    delete $_->@{qw(nginx box pg)}
        for grep { defined && $_->{owner} == $$ } @all;
}

# ---- clients ---------------------------------------------------------------

sub ua ($self) {
    return $self->{ua} //= do {
        my $ua = Mojo::UserAgent->new(max_redirects => 0, connect_timeout => 5,
            inactivity_timeout => 30, max_response_size => 0);
        Tavus::Test::OpenApi->watch($ua, $self->port)
            if $self->{openapi} && $self->{module};
        $ua;
    };
}

sub url ($self, $path = '/') { return $self->{nginx}->url . $path }

sub request ($self, $method, $path, $body = undef, $headers = {}) {
    my @body = !defined $body ? () : ref $body ? (json => $body) : ($body);
    my $tx = $self->ua->build_tx($method => $self->url($path), $headers, @body);
    return $self->ua->start($tx)->result;
}

sub get ($self, $path, $headers = {}) {
    return $self->request(GET => $path, undef, $headers);
}

sub post ($self, $path, $body = undef, $headers = {}) {
    return $self->request(POST => $path, $body, $headers);
}

sub put ($self, @args)     { return $self->request(PUT => @args) }
sub delete ($self, @args)  { return $self->request(DELETE => @args) }
sub options ($self, @args) { return $self->request(OPTIONS => @args) }

sub admin_headers ($self) {
    return {Authorization => 'Basic ' . b64_encode("admin:$PASSWORD", '')};
}

sub admin ($self, $path) { return $self->get($path, $self->admin_headers) }

# An answer of megabytes may take a busy machine longer than a query has: 503.
sub admin_large ($self, $path) {
    my $res;
    wait_for { ($res = $self->admin($path))->code != 503 } 60;
    return $res;
}

sub create ($self, %request) {
    return $self->post('/api/tavus/create-conversation', \%request);
}

sub webhook ($self, $bytes, %headers) {
    my $token = delete $headers{token};
    my $unsigned = delete $headers{unsigned};
    my $path = '/api/tavus/webhook' . (defined $token ? "?token=$token" : '');
    %headers = ('Content-Type' => 'application/json', %headers);
    %headers = (%headers, sign_header($SECRET, $bytes))
        unless $unsigned || defined $token;
    return $self->post($path, $bytes, \%headers);
}

sub socket ($self) { return Tavus::Test::Socket->new($self->port) }

# The page over a connection of its own: those before it were accepted first.
sub settle ($self) {
    my $s = $self->socket->send("GET / HTTP/1.1\r\nHost: x\r\n"
        . "Connection: close\r\n\r\n");
    my $code = ($s->response || {})->{status} // 0;
    $s->close;
    croak "the page is answered with $code" if $code != 200;
    return $self;
}

sub error_log ($self)  { return $self->{nginx} ? $self->{nginx}->log : '' }
sub access_log ($self) { return $self->{nginx}->access_log }

sub grep_log ($self, $pattern) {
    return grep { /$pattern/ } split /\n/, $self->error_log;
}

sub pg ($self)      { return $self->{pg} }
sub db ($self)      { return $self->{pg}->db }
sub sandbox ($self) { return $self->{box} }

sub webhook_secret ($self) { return $SECRET }
sub admin_password ($self) { return $PASSWORD }

sub api_key ($self) {
    return $self->{box} ? $self->{box}->api_key : 'sandbox-key-0123456789abcdef';
}

1;
