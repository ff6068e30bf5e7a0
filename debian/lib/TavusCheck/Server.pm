package TavusCheck::Server;

# The nginx that runs: here, by its public name, and with an event that goes the
# whole way.
#
#   $server->look; $server->outside; $server->round_trip; $server->versions
#   $server->ask(GET => '/path', …)     here, whatever the name resolves to

use v5.36;
use utf8;

use POSIX qw(strftime);
use Socket qw(getaddrinfo getnameinfo NI_NUMERICHOST SOCK_STREAM);
use Time::HiRes qw(sleep time);

use TavusCheck::Run qw(as http json run);

# What is stored by a check, and goes nowhere: core/tavus_delivery.c.
use constant TYPE => 'system.check';

sub new ($class, %opt) { return bless {%opt}, $class }

# ---- where it listens ------------------------------------------------------

sub listen_of ($self, $server) {
    my $conf = $self->{conf};
    my @at;
    for ($conf->children($server, 'listen')) {
        my ($where, @how) = $_->{args}->@*;
        my $tls = (grep { $_ eq 'ssl' } @how)
            || ($conf->inherited($server, 'ssl'))[0] ? 1 : 0;
        next if grep { $_ eq 'proxy_protocol' } @how;
        if ($where =~ /^unix:(.+)/) {
            push @at, {unix => $1, tls => $tls};
            next;
        }
        # a port alone, or of a range the first
        my ($host, $port) = $where =~ /^(\d+)(?:-\d+)?\z/ ? ('', $1)
            : $where =~ /^(\[[^\]]*\]|[^:]*)(?::(\d+)(?:-\d+)?)?\z/ or next;
        $host = '127.0.0.1' if $host =~ /^(?:|\*|0\.0\.0\.0)\z/;
        $host = '[::1]' if $host eq '[::]';
        push @at, {at => "$host:" . ($port // 80), tls => $tls};
    }
    return @at ? @at : {at => '127.0.0.1:80', tls => 0};
}

sub find ($self) {
    my $conf = $self->{conf};
    $self->{origin} = $conf->value('tavus_public_origin');
    my ($create) = $conf->locations('tavus_conversation');
    my ($given) = $create ? $conf->inherited($create, 'tavus_callback') : ();
    $self->{callback} = $given ? $given->{args}[0] : '/api/tavus/webhook';

    my @hooks = $conf->locations('tavus_webhook', 'tavus');
    my ($hook) = grep { ($conf->path_of($_) // '') eq $self->{callback} } @hooks;
    $self->{hook} = $hook // $hooks[0];
    $self->{server} = $conf->server_of($self->{hook} // $create
        // ($conf->locations('tavus_health'))[0]) or return 0;

    my $https = ($self->{origin} // '') =~ /^https:/;
    my ($at) = sort { ($b->{tls} == $https) <=> ($a->{tls} == $https) }
        $self->listen_of($self->{server});
    $self->{at} = $at;
    my ($host) = ($self->{origin} // '') =~ m{^https?://(.+?)(?::\d+)?\z};
    $self->{host} = $host // 'localhost';
    return 1;
}

sub ask ($self, $method, $path, %opt) {
    my $at = $self->{at};
    return http($method, ($at->{tls} ? 'https' : 'http') . "://$self->{host}$path",
        timeout => $self->{opt}{timeout}, insecure => 1,
        $at->{unix} ? (unix => $at->{unix}) : (connect_to => $at->{at}), %opt);
}

# ---- here ------------------------------------------------------------------

sub look ($self) {
    my ($report, $conf, $nginx) = $self->@{qw(report conf nginx)};
    $report->group('nginx');

    if (!$nginx->master) {
        $report->fail('process', "no nginx has its number in $nginx->{pid_file}",
            'start it: systemctl start nginx');
        return;
    }
    $report->ok('process', 'runs as process ' . $nginx->master);
    $self->loaded;
    return $report->skip('health', 'no location of the module is in any server')
        unless $self->find;
    $self->{runs} = 1;

    my ($at) = $conf->locations('tavus_health');
    my $path = $conf->path_of($at)
        // return $report->skip('health', 'there is no location with tavus_health');
    my $res = $self->ask(GET => $path);
    if ($res->{error}) {
        $self->{runs} = 0;
        return $report->fail('health', $res->{error}, 'nginx does not answer at '
            . ($self->{at}{at} // $self->{at}{unix}) . ': see its error log');
    }
    if ($res->{status} != 200) {
        $report->fail('health', "$path answers $res->{status}: nothing can be stored",
            'see the error log: neither PostgreSQL nor the journal takes events');
    } else {
        $report->ok('health', "$path answers 200: events can be stored");
    }
    $self->full($path);
    return;
}

# A module that was replaced on the disk works on until nginx is restarted.
sub loaded ($self) {
    my ($report, $nginx) = $self->@{qw(report nginx)};
    open my $maps, '<', '/proc/' . $nginx->master . '/maps' or return;
    my @gone = grep { m{/ngx_tavus_module\.so \(deleted\)} } <$maps>;
    $report->warn('module', 'the file was replaced since nginx was started',
        'systemctl restart nginx: a reload goes on with the old one') if @gone;
    return;
}

sub full ($self, $path) {
    my ($report, $admin) = ($self->{report}, $self->{opt}{admin});
    return unless defined $admin;
    my $res = $self->ask(GET => "$path?full", user => $admin);
    my $h = json($res->{body});
    # without storage it is 503, and tells all the same
    $self->{login_refused} = $res->{status} == 401;
    return refused($report, 'sessions', "$path?full", $res)
        if ref $h ne 'HASH' || $res->{error} || $res->{status} !~ /^(?:200|503)\z/;
    return $report->warn('sessions', "$path?full tells no more than $path",
        'tavus_admin_users is to be in force there')
        if ref $h->{database} ne 'HASH' || ref $h->{journal} ne 'HASH';
    $self->{health} = $h;

    my $db = $h->{database};
    my @bad = grep { length } map { $db->{$_} // '' }
        qw(error query_error upkeep_error upkeep_failed);
    return $report->fail('sessions', "of the worker that answered: @bad",
        'see the error log') if @bad || !$db->{connected};
    $report->warn('journal', "$h->{journal}{records} events wait in the journal",
        'they are replayed while PostgreSQL is there; see journal_old in the runbook')
        if $h->{journal}{records};
    return $report->ok('sessions', 'a worker commits in time');
}

# What is no answer of the admin's: why that may be.
sub refused ($report, $name, $what, $res) {
    my $status = $res->{status};
    return $report->fail('login', "$what: the admin's user or password is refused",
        'see tavus_admin_users, and --admin-file') if $status == 401;
    my $seen = "$what: " . ($res->{error} // "answers $status"
        . ($status == 200 ? ', which is not JSON' : ''));
    return $report->warn($name, $seen, $status == 403
            ? 'see allow and deny there: this machine is to be let in'
        : $status == 404 ? 'see that the location is in the server that answers here'
        : $status == 429 ? 'too many have failed to log in, or asked: try again in a '
            . 'minute'
        : $status >= 500 ? 'see the error log, by request id '
            . ($res->{header}{'x-request-id'} // ['?'])->[0]
        : 'see the error log, and whether something else answers there');
}

# ---- by its public name ----------------------------------------------------

sub addresses ($host) {
    my ($error, @found) = getaddrinfo($host =~ s/^\[|\]\z//gr, '',
        {socktype => SOCK_STREAM});
    return if $error;
    return map { (getnameinfo($_->{addr}, NI_NUMERICHOST))[1] } @found;
}

sub private ($address) {
    return $address =~ /^(?:127\.|10\.|192\.168\.|169\.254\.|0\.|172\.(?:1[6-9]|2\d|3[01])\.
        |100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1\z|f[cd]|fe[89ab])/xi;
}

sub outside ($self) {
    my ($report, $conf, $opt) = $self->@{qw(report conf opt)};
    $report->group('public');
    my $origin = $self->{origin} // $conf->value('tavus_public_origin')
        // return $report->skip('origin', 'there is no tavus_public_origin');
    my $sandbox = ($conf->value('tavus_sandbox') // 'off') eq 'on';
    my ($scheme, $host, $port) = $origin =~ m{^(https?)://(.+?)(?::(\d+))?\z}
        or return $report->fail('origin', "$origin is none", 'see tavus_public_origin');

    my @at = addresses($host);
    return $report->fail('name', "$host has no address that is known here",
        'add it to DNS: Tavus cannot call back, and nobody finds the site') unless @at;
    if (my @private = grep { private($_) } @at) {
        my $how = $sandbox ? 'ok' : 'warn';
        my $seen = "$host is @private from here";
        $sandbox ? $report->ok('name', "$seen: a sandbox") : $report->warn('name',
            $seen, 'Tavus must reach it from outside: see that it does from '
            . 'elsewhere, as with tavus-check --launch');
    } else {
        $report->ok('name', "$host is @at");
    }

    $scheme eq 'https' ? certificate($report, $host, $port // 443, %$opt)
        : $sandbox ? $report->skip('TLS', 'http, as the sandbox is')
        : $report->fail('TLS', "$origin is http", 'tavus_public_origin https://…: '
            . 'tokens of visitors go over the network');

    $self->find unless $self->{callback};
    my $url = $origin . $self->{callback};
    my $res = http(POST => $url, body => '{}', timeout => $opt->{timeout});
    return $report->fail('callback', "$url: $res->{error}", 'Tavus would not reach '
        . 'it either, unless this machine is the only one that cannot (a router '
        . 'without hairpin NAT): try from elsewhere') if $res->{error};
    my $code = (json($res->{body}) // {});
    $code = ref $code eq 'HASH' ? $code->{code} // '' : '';
    return $report->fail('callback', "$url answers $res->{status} to what is not "
        . 'signed, not the 401 of the module' . ($res->{header}{server}
            ? " (server: $res->{header}{server}[0])" : ''),
        'another server, location or proxy answers there; Tavus\'s callbacks would '
        . 'be lost') if $res->{status} != 401 || $code ne 'missing_signature';
    return $report->fail('callback', "$url: no X-Request-Id in the answer",
        'a proxy before nginx takes it away: let it through')
        unless $res->{header}{'x-request-id'};
    return $report->ok('callback', "$url is this module's, and refuses what is not "
        . 'signed');
}

# The certificate that a name has: whom it convinces, and how long.
sub certificate ($report, $host, $port, %opt) {
    my $name = $host =~ s/^\[|\]\z//gr;
    my $is_name = $name =~ /[a-z]/i && $name !~ /:/;
    my $r = run(['openssl', 's_client', '-connect', $opt{at} // "$host:$port",
        $is_name ? ('-servername', $name, '-verify_hostname', $name)
            : ('-noservername', '-verify_ip', $name),
        '-verify_return_error',
        defined $opt{cacert} ? ('-CAfile', $opt{cacert}) : ()],
        in => '', timeout => $opt{timeout});
    die "openssl is missing: install it\n" if $r->{missing};

    my ($pem) = $r->{out} =~ /(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----)/s;
    if (!defined $pem) {
        my ($why) = ($r->{err} . $r->{out}) =~ /verify error:\S*?:?(?:num=\d+:)?([^\n]+)/;
        $why //= $r->{late} ? 'no answer in time'
            : ($r->{err} =~ /(?:errno=\d+|:error:[^\n]*?([^:\n]+):[^:\n]*:\d+)/)[0]
            // 'no TLS';
        $report->fail('TLS', "$host:$port: $why", 'see ssl_certificate: the chain '
            . 'whole, for this name, and in its time');
        return 0;
    }
    my $x = run(['openssl', 'x509', '-noout', '-enddate'], in => $pem);
    my ($end) = $x->{out} =~ /notAfter=(.*)/;
    my $days = defined $end ? days_to($end) : undef;
    my ($version) = $r->{out} =~ /^(?:\s*Protocol\s*:|New,) (TLSv[\d.]+)/m;
    $version //= 'TLS';

    return $report->warn('TLS', "$version, the certificate's end cannot be read", 'look '
        . 'at it') unless defined $days;
    return $report->fail('TLS', "the certificate ends in $days days ($end)",
        'renew it now: see why that has not happened by itself') if $days < 7;
    return $report->warn('TLS', "the certificate ends in $days days ($end)",
        'see that it renews itself') if $days < 21;
    return $report->ok('TLS', "$version, a certificate that is trusted, for $days days");
}

sub days_to ($end) {
    my %month = map { state $n = 0; ($_ => $n++) }
        qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
    my ($m, $d, $h, $min, $s, $y) = $end
        =~ /^(\w{3})\s+(\d+) (\d+):(\d+):(\d+) (\d+) GMT/ or return undef;
    require Time::Local;
    return int((Time::Local::timegm($s, $min, $h, $d, $month{$m}, $y) - time) / 86_400);
}

# ---- the whole way ---------------------------------------------------------

sub round_trip ($self) {
    my ($report, $conf, $opt) = $self->@{qw(report conf opt)};
    $report->group('round trip');

    return $report->skip('event', '--no-store') if $opt->{'no-store'};
    return $report->skip('event', 'nginx does not answer') unless $self->{runs};
    my $hook = $self->{hook}
        // return $report->skip('event', 'there is no location with tavus_webhook tavus');
    my ($secret) = $conf->inherited($hook, 'tavus_webhook_secret')
        or return $report->skip('event', 'the location has no secret');
    my ($value, $why) = $conf->secret($secret->{args}[0]);
    return $report->skip('event', $why, $conf->how($why)) if defined $why;
    my ($verify) = $conf->inherited($hook, 'tavus_webhook_verify');
    return $report->skip('event', 'tavus_webhook_verify wants a token, which only a '
        . 'conversation has') if $verify && $verify->{args}[0] =~ /^(?:token|both)\z/;
    my ($header) = $conf->inherited($hook, 'tavus_webhook_signature_header');
    $header = $header ? $header->{args}[0] : 'X-Tavus-Signature';

    require Digest::SHA;
    my $now = time;
    my $nonce = sprintf '%08x%08x', rand 2 ** 32, rand 2 ** 32;
    my $body = sprintf '{"message_type":"system","event_type":"%s","timestamp":"%s",'
        . '"properties":{"from":"tavus-check","nonce":"%s"}}', TYPE,
        strftime('%Y-%m-%dT%H:%M:%S', gmtime $now)
            . sprintf('.%06dZ', ($now - int $now) * 1e6), $nonce;
    my $mac = Digest::SHA::hmac_sha256_hex($body, $report->secret($value));

    my $path = $conf->path_of($hook) // $self->{callback};
    my $res = $self->ask(POST => $path, body => $body,
        headers => ["$header: sha256=$mac"]);
    return $report->fail('event', $res->{error}, 'see the error log') if $res->{error};
    return $report->fail('event', "$path refuses an event that is signed with the "
        . "secret of the configuration: $res->{status}", $res->{status} == 401
            ? 'nginx has another secret than the file: reload it'
            : 'see the error log, by request id '
                . ($res->{header}{'x-request-id'} // ['?'])->[0])
        if $res->{status} != 200;
    return $self->found($nonce, $now);
}

# In the database, which is asked as the admin API does, or by that itself.
sub found ($self, $nonce, $sent) {
    my ($report, $database) = $self->@{qw(report database)};
    my $what = TYPE;
    my ($look, $why);

    if ($database->{primary}) {
        $look = sub {
            (my $said, $why) = $database->query("SET ROLE tavus_admin;\nSELECT "
                . "tavus.admin_events(event_type => '$what', limit_ => 50);");
            ($said // '') =~ /$nonce/;
        };
    } elsif (defined $self->{opt}{admin}) {
        my ($at) = $self->{conf}->locations('tavus_admin');
        my $path = $self->{conf}->path_of($at) // '/api/admin/';
        $look = sub {
            my $res = $self->ask(GET => "${path}events?event_type=$what&limit=50",
                user => $self->{opt}{admin});
            $why = $res->{status} == 200 ? '' : $res->{error}
                // "${path}events answers $res->{status}";
            $res->{body} =~ /$nonce/;
        };
    } else {
        return $report->ok('event', "an event $what was accepted; whether it is in the "
            . 'database cannot be told without a user of either');
    }

    while (time - $sent < $self->{opt}{timeout}) {
        return $report->ok('event', sprintf 'an event %s was accepted, and is in the '
            . 'database; it goes to no destination', $what) if $look->();
        sleep 0.2;
    }
    return $report->warn('event', "an event $what was accepted; whether it is in the "
        . "database could not be asked: $why", 'see above, and try again')
        if length($why // '');
    return $report->fail('event', "an event $what was accepted, but is not in the "
        . 'database: it waits in the journal', 'see the error log: the workers do '
        . 'not reach PostgreSQL, or cannot use it');
}

# ---- versions --------------------------------------------------------------

sub versions ($self) {
    my ($report, $nginx, $database, $conf) = $self->@{qw(report nginx database conf)};
    $report->group('versions');
    my $wants = $nginx->wants // {};
    my ($curl) = run(['curl', '--version'])->{out} =~ m{\blibcurl/(\S+)};
    my @is = ('nginx ' . $nginx->version, 'module ' . ($wants->{version} // '?'),
        'schema ' . ($database->{schema} // '?'),
        'PostgreSQL ' . ($database->{server_version} // '?'),
        'libcurl ' . ($curl // '?'));

    my $runs = $self->{health}{version};
    if (!defined $runs && $self->{runs}) {
        my ($at) = $conf->locations('tavus_metrics');
        my $path = $conf->path_of($at);
        my $res = defined $path ? $self->ask(GET => $path) : {body => ''};
        ($runs) = $res->{body} =~ /^tavus_build_info\{version="([^"]+)"/m;
    }
    return $report->warn('all', join(', ', @is) . "; the one that runs is $runs",
        'systemctl restart nginx: the module on the disk is another')
        if defined $runs && defined $wants->{version} && $runs ne $wants->{version};
    return $report->ok('all', join ', ', @is);
}

1;
