package TavusCheck::Database;

# PostgreSQL, as nginx's workers see it: each host of tavus_database, with that
# user and that TLS, from this machine.
#
#   $database->look
#   $database->query($sql)          (text that the primary answers, or undef, why)

use v5.36;
use utf8;

use TavusCheck::Run qw(as json run);

# What the module sets in a session (event/ngx_tavus_pg_session.c) and a promise
# rests on; t/check_source.t holds the two together.
our %SETTINGS = (
    synchronous_commit => 'on', client_min_messages => 'notice',
    statement_timeout => '10s', lock_timeout => '0',
    idle_in_transaction_session_timeout => '0', idle_session_timeout => '0',
    exit_on_error => 'off', default_transaction_isolation => 'read committed',
    default_transaction_deferrable => 'off', row_security => 'on',
    client_encoding => 'UTF8', standard_conforming_strings => 'on',
    transform_null_equals => 'off', array_nulls => 'on',
    quote_all_identifiers => 'off', bytea_output => 'hex',
    extra_float_digits => '1', DateStyle => 'ISO, MDY',
    IntervalStyle => 'postgres', TimeZone => 'UTC',
    search_path => 'pg_catalog, pg_temp', jit => 'off', role => 'none',
);

# of a worker: intake and query; of a node: one more
use constant { SESSIONS => 2, MORE => 1, GENERATIONS => 2, MONTHS => 3 };

# of all that is asked here
use constant BOUND => "SET statement_timeout = '5s';\n";

sub new ($class, %opt) { return bless {%opt}, $class }

# ---- the connection string -------------------------------------------------

sub decoded ($text) { return $text =~ s/%([0-9a-fA-F]{2})/chr hex $1/ger }

# A connection string or URI of libpq's as (keyword => value).
sub parse ($text) {
    return uri($1, $2, $3, $4, $5) if $text =~ m{^postgres(?:ql)?://
        (?:([^:\@/?]*)(?::([^\@/?]*))?\@)?([^/?]*)(?:/([^?]*))?(?:\?(.*))?\z}x;

    my %is;
    while ($text =~ /\G\s*(\w+)\s*=\s*(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s\\])*))/gcs) {
        my ($name, $value) = ($1, $2 // $3);
        $is{$name} = $value =~ s/\\(.)/$1/gsr;
    }
    return %is;
}

sub uri ($user, $password, $hosts, $name, $query) {
    my @at = map { /^(?:\[(.*)\]|([^:]*))(?::(\d+))?\z/
        ? [$1 // decoded($2), $3 // ''] : () } split /,/, $hosts // '';
    my %is = (user => $user, password => $password, dbname => $name);
    $_ = decoded($_) for grep { defined } values %is;
    $is{host} = join ',', map { $_->[0] } @at if @at;
    $is{port} = join ',', map { $_->[1] } @at if grep { length $_->[1] } @at;
    for (split /&/, $query // '') {
        my ($key, $value) = split /=/, $_, 2;
        $is{$key} = decoded($value // '');
    }
    delete $is{$_} for grep { !length($is{$_} // '') } keys %is;
    return %is;
}

sub quoted ($value) { return q(') . $value =~ s/([\\'])/\\$1/gr . q(') }

sub loopback ($host, $address) {
    return 1 if $host =~ m{^[/@]};
    my $at = length $address ? $address : $host;
    return $at =~ /^127\./ || $at eq '::1' || $at eq 'localhost';
}

# A connection string for each host, with what the module adds.
sub hosts ($is) {
    my @host = split /,/, $is->{host} // '', -1;
    my @address = split /,/, $is->{hostaddr} // '', -1;
    my @port = split /,/, $is->{port} // '', -1;
    my $n = @host > @address ? @host : @address;
    my $local = !grep { !loopback($host[$_] // '', $address[$_] // '') } 0 .. $n - 1;

    return map {
        my $port = @port > 1 ? $port[$_] : $port[0];
        my %one = (sslmode => $local ? 'disable' : 'require', %$is,
            host => $host[$_], hostaddr => $address[$_],
            port => length($port // '') ? $port : 5432, connect_timeout => 5,
            gssencmode => 'disable', application_name => 'tavus-check');
        delete $one{target_session_attrs};
        {name => ($host[$_] // $address[$_]) . ":$one{port}",
            sslmode => $one{sslmode},
            conninfo => join ' ', map { "$_=" . quoted($one{$_}) }
                grep { length($one{$_} // '') } sort keys %one};
    } 0 .. $n - 1;
}

# ---- psql ------------------------------------------------------------------

# Each step is told by what it prints: {name => text}, and {name => error}.  The
# password is the first line that psql asks for: whoever runs as the same user
# reads environments.
sub psql ($self, $conninfo, @steps) {
    my $password = $self->{password};
    my $in = (defined $password ? "$password\n" : '') . BOUND;
    while (my ($name, $sql) = splice @steps, 0, 2) {
        $in .= "\\echo ==step== $name\n\\warn ==step== $name\n$sql\n";
    }
    my $r = run(['psql', '-XAtq', defined $password ? '-W' : '-w',
        '-v', 'VERBOSITY=default', '-d', $conninfo],
        in => $in, as => $self->{nginx}->user,
        timeout => 10 + $self->{opt}{timeout},
        env => {PGCLIENTENCODING => 'UTF8', PGPASSFILE => '/dev/null/none',
            HOME => '/dev/null/none'});
    $r->{err} =~ s/^Password: *\n?//;
    die "psql is missing: install postgresql-client\n" if $r->{missing};

    my $parts = sub ($text) {
        my ($before, @part) = split /^==step== (\w+)\n/m, $text, -1;
        return $before, {@part};
    };
    my (undef, $said) = $parts->($r->{out});
    my ($error, $errors) = $parts->($r->{err});
    s/\s+\z// for values %$said, values %$errors;
    $error .= ' no answer in time' if $r->{late};
    return {said => $said, errors => $errors,
        connected => scalar(keys %$said), error => $error =~ s/\s+/ /gr =~ s/^ //r};
}

sub query ($self, $sql) {
    my $conninfo = $self->{primary} or return undef;
    my $r = $self->psql($conninfo, all => $sql);
    return ($r->{said}{all}, $r->{errors}{all} || $r->{error});
}

# What a step was answered, JSON with a member at least; else it is said that it
# was not.
sub answer ($self, $name, $r, $step, $member) {
    my $is = json($r->{said}{$step} // '');
    return $is if ref $is eq 'HASH' && exists $is->{$member};
    my $why = join '; ', grep { length } $r->{errors}{$step} // '', $r->{error};
    $self->{report}->fail($name, length $why ? $why : 'no answer',
        'see the log of PostgreSQL');
    return undef;
}

# ---- all of it -------------------------------------------------------------

sub look ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    $report->group('database');

    my $text = $conf->value('tavus_database');
    return $report->skip('host', 'there is no tavus_database') unless defined $text;
    my %is = parse($text);
    if (grep { exists $is{$_} } qw(password sslpassword passfile service)) {
        $report->secret($is{password} // '');
        return $report->fail('host', 'tavus_database has a password or the like '
            . 'in it, and is not asked with it', 'put it into '
            . 'tavus_database_password');
    }
    return unless $self->files(\%is) && $self->password;

    my @hosts = hosts(\%is);
    my @up = grep { $self->host($_) } @hosts;
    my ($primary) = grep { !$_->{hello}{recovery} } @up;
    if (!$primary) {
        $report->fail('primary', 'no host can be written to: events go to the '
            . 'journal', @up ? 'promote a standby, or see why it is none'
            : 'see above') if @hosts > 1 || @up;
        return;
    }
    $report->ok('primary', "$primary->{name} can be written to") if @hosts > 1;
    $self->{primary} = $primary->{conninfo};
    $self->{server_version} = $primary->{hello}{version};
    $self->primary($primary, \%is);
    return;
}

sub password ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    my $from = $conf->value('tavus_database_password') // return 1;
    my ($value, $why) = $conf->secret($from);
    if (defined $why) {
        $report->skip('password', "$why: the database is not asked",
            $conf->how($why));
        return 0;
    }
    if ($value =~ /[\n\0]/) {
        $report->skip('password', "$from has more than one line: the database is "
            . 'not asked', 'psql takes one line: choose another password');
        return 0;
    }
    $self->{password} = $report->secret($value);
    $self->{password_from} = $from;
    return 1;
}

# What TLS wants is read by the workers, not by the master.
sub files ($self, $is) {
    my ($report, $nginx) = $self->@{qw(report nginx)};
    my $user = $nginx->user or return 1;
    my $good = 1;

    for my $name (grep { length($is->{$_} // '') }
        qw(sslrootcert sslcert sslkey sslcrl sslcrldir))
    {
        my $path = $is->{$name};
        # "system", or an engine's key
        next unless $path =~ m{/};
        if ($path !~ m{^/}) {
            $report->warn($name, "$path is relative to the folder that nginx was "
                . 'started in', "$name=/…: the whole path");
            $path = "/$path";
        }
        my $why = as($user, sub {
            my $at = '';
            for (split m{/}, $path) {
                next unless length;
                return "$user->{name} may not enter $at"
                    if length $at && -d $at && !-x _;
                $at .= "/$_";
            }
            open my $in, '<', $path or return "$user->{name} cannot read it: $!";
            return '';
        }) // 'it cannot be tried';
        next unless length $why;
        $good = 0;
        $report->fail($name, "$path: $why", 'put it where the workers\' user can '
            . 'read it, the folders above included: /etc/ssl/certs, not a folder '
            . 'with 0700');
    }
    $report->ok('files', "those of TLS can be read by $user->{name}")
        if $good && grep { $is->{$_} } qw(sslrootcert sslcert sslkey sslcrl);
    return $good;
}

sub host ($self, $host) {
    my ($report, $nginx) = $self->@{qw(report nginx)};
    my $r = $self->psql($host->{conninfo}, hello => q{SELECT json_build_object(
        'version', current_setting('server_version'),
        'number', current_setting('server_version_num')::int,
        'user', session_user, 'recovery', pg_is_in_recovery(),
        'encoding', current_setting('server_encoding'),
        'tls', (SELECT s.version || ' ' || s.cipher FROM pg_stat_ssl s
                 WHERE s.pid = pg_backend_pid() AND s.ssl));});

    my $hello = $host->{hello} = json($r->{said}{hello} // '');
    if (ref $hello ne 'HASH') {
        my $why = $r->{error} =~ /\S/ ? $r->{error} : $r->{errors}{hello} // '';
        $report->fail("host $host->{name}", $why =~ s/^psql: error: //r,
            $self->advice($why));
        return 0;
    }

    my $tls = $hello->{tls} // 'no TLS';
    my $seen = "PostgreSQL $hello->{version}, " . ($hello->{recovery} ? 'a standby'
        : 'primary') . ", as $hello->{user}, $tls";
    if (!defined $hello->{tls} && $host->{sslmode} ne 'disable') {
        $report->fail("host $host->{name}", $seen, 'TLS was asked for: ssl = on '
            . 'there, and hostssl in pg_hba.conf');
    } elsif ($host->{sslmode} eq 'require') {
        $report->warn("host $host->{name}", $seen, 'sslmode=require does not '
            . 'verify whom it talks to: sslmode=verify-full with sslrootcert');
    } else {
        $report->ok("host $host->{name}", $seen);
    }
    return 1;
}

sub advice ($self, $why) {
    my $from = $self->{password_from} // 'tavus_database_password';
    for (
        [qr/password authentication failed/ => "the password in $from is not that "
            . q{of the role: \password in psql, or another secret}],
        [qr/no password supplied/ => 'give a password with tavus_database_password'],
        [qr/pg_hba\.conf (?:entry|rejects)|no pg_hba/ => 'add a line for this user, database and '
            . 'address to pg_hba.conf, and SELECT pg_reload_conf()'],
        [qr/Peer authentication failed/ => 'pg_hba.conf says peer: '
            . 'scram-sha-256 with a password'],
        [qr/does not match host name/ => 'the certificate must name the host as '
            . 'tavus_database does'],
        [qr/certificate verify failed|self.signed/ => 'sslrootcert must hold the CA '
            . "that signed the server's certificate"],
        [qr/root certificate file/ => 'sslrootcert must be readable for the '
            . "workers' user"],
        [qr/does not support SSL/ => 'ssl = on at the server, or sslmode=disable '
            . 'on a network that you trust'],
        [qr/role "[^"]*" does not exist/ => 'run sql/install.sql, and give the role '
            . 'a password'],
        [qr/database "[^"]*" does not exist/ => 'createdb -E UTF8 -T template0, then '
            . 'sql/install.sql'],
        [qr/not permitted to log in/ => q{ALTER ROLE … LOGIN, or \password}],
        [qr/too many (?:clients|connections)|remaining connection slots/ => 'raise '
            . 'max_connections, or see who holds them in pg_stat_activity'],
        [qr/refused|No such file/ => 'start PostgreSQL, or see listen_addresses, '
            . 'port and unix_socket_directories'],
        [qr/timeout|in time|route|unreachable/ => 'see that the host is up, and that '
            . 'no firewall is between'],
        [qr/translate host name|Name or service/ => 'the name is not known here: see '
            . 'DNS or /etc/hosts'],
        [qr/Permission denied/ => "the workers' user may not open the socket"],
    ) {
        return $_->[1] if $why =~ $_->[0];
    }
    return 'see the log of PostgreSQL';
}

# ---- the primary -----------------------------------------------------------

sub primary ($self, $host, $is) {
    my ($report, $nginx) = $self->@{qw(report nginx)};
    my $wants = $nginx->wants;
    my $names = join ',', map { "'$_'" } ($wants // {functions => []})->{functions}->@*;
    my $token = sprintf '%08x%08x', rand 2 ** 32, rand 2 ** 32;

    my $r = $self->psql($host->{conninfo},
        clock => '\set a `date +%s.%N`' . "\n" . 'SELECT extract(epoch FROM '
            . "clock_timestamp()), :'a';\n" . '\set b `date +%s.%N`' . "\n"
            . "SELECT :'b';",
        role => q{SELECT json_build_object('super', r.rolsuper,
            'more', ARRAY(SELECT x.what FROM (VALUES (r.rolcreaterole, 'CREATEROLE'),
                (r.rolcreatedb, 'CREATEDB'), (r.rolreplication, 'REPLICATION'),
                (r.rolbypassrls, 'BYPASSRLS')) x (has, what) WHERE x.has),
            'owns', (SELECT count(*) FROM pg_shdepend d WHERE d.refobjid = r.oid
                AND d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'),
            'owner', coalesce((SELECT pg_has_role(r.oid, o.oid, 'MEMBER')
                FROM pg_roles o WHERE o.rolname = 'tavus_owner'), false),
            'admin', coalesce((SELECT pg_has_role(r.oid, o.oid, 'MEMBER')
                FROM pg_roles o WHERE o.rolname = 'tavus_admin'), false))
            FROM pg_roles r WHERE r.rolname = session_user;},
        schema => 'SELECT tavus.schema_version();',
        functions => length $names ? "SELECT json_build_object("
            . "'missing', ARRAY(SELECT n FROM unnest(ARRAY[$names]::text[]) n "
            . 'WHERE NOT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace s '
            . "ON s.oid = p.pronamespace WHERE s.nspname = 'tavus' "
            . "AND p.proname = n)), 'denied', ARRAY(SELECT p.proname::text "
            . 'FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace '
            . "LEFT JOIN pg_roles o ON o.rolname = 'tavus_admin' AND "
            . "pg_has_role(session_user, o.oid, 'MEMBER') "
            . "WHERE s.nspname = 'tavus' AND p.proname = ANY (ARRAY[$names]) "
            . 'GROUP BY 1 HAVING NOT bool_or('
            . "has_function_privilege(p.oid, 'EXECUTE') OR o.oid IS NOT NULL AND "
            . "has_function_privilege(o.oid, p.oid, 'EXECUTE')) ORDER BY 1));"
            : q(SELECT '{"missing":[],"denied":[]}';),
        months => q{SELECT json_build_object('missing', coalesce(json_agg(
            to_char(m, 'YYYY-MM') ORDER BY m), '[]')) FROM
            generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
            date_trunc('month', now() AT TIME ZONE 'UTC') + interval '} . MONTHS
            . q{ months', interval '1 month') m WHERE NOT EXISTS (SELECT FROM
            pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class e ON
            e.oid = i.inhparent JOIN pg_namespace s ON s.oid = e.relnamespace
            WHERE s.nspname = 'tavus' AND e.relname = 'events' AND c.relname =
            to_char(m, '"events_p"YYYYMM'));},
        room => q{SELECT json_build_object('max',
            current_setting('max_connections')::int, 'kept',
            current_setting('superuser_reserved_connections')::int +
            coalesce(current_setting('reserved_connections', true), '0')::int,
            'others', (SELECT count(*) FROM pg_stat_activity a WHERE a.usename IS
                NOT NULL AND a.usename <> session_user),
            'beside', (SELECT count(*) FROM pg_stat_activity a WHERE a.usename <>
                session_user AND a.datname = current_database()),
            'role', (SELECT r.rolconnlimit FROM pg_roles r WHERE r.rolname =
                session_user), 'database', (SELECT d.datconnlimit FROM pg_database d
                WHERE d.datname = current_database()),
            'nodes', (SELECT count(DISTINCT coalesce(host(a.client_addr), 'local'))
                FROM pg_stat_activity a WHERE a.usename = session_user AND
                a.application_name = 'nginx tavus'));},
        safe => q{SELECT json_build_object('fsync', current_setting('fsync'),
            'pages', current_setting('full_page_writes'),
            'standbys', current_setting('synchronous_standby_names'));},
        health => "SET ROLE tavus_admin;\nSELECT tavus.health();\nRESET ROLE;",
        set => "SELECT set_config('tavus.session', '$token', false) \\g /dev/null\n"
            . join("\n", map { "SELECT set_config('$_', '$SETTINGS{$_}', false) "
            . '\g /dev/null' } sort { ($a eq 'role') <=> ($b eq 'role') || $a cmp $b }
                keys %SETTINGS),
        read => 'SELECT json_build_object(' . join(', ', map {
            "'$_', current_setting('$_')" } sort keys %SETTINGS) . ", 'token', "
            . "current_setting('tavus.session', true), 'read_only', "
            . "current_setting('transaction_read_only'));");
    # the next session: a pooler may give it what the last one had
    my $next = $self->psql($host->{conninfo}, again => q{SELECT json_build_object(
        'token', coalesce(current_setting('tavus.session', true), ''));});

    $self->role($r, $is);
    $self->schema($r);
    $self->session($r, $next, $token);
    $self->months($r);
    $self->room($r);
    $self->safe($r);
    $self->clock($r);
    $self->health($r);
    return;
}

sub role ($self, $r, $is) {
    my $report = $self->{report};
    my $role = $self->answer('role', $r, 'role', 'super') // return;
    my @bad = ($role->{super} ? 'is a superuser' : (),
        $role->{more}->@* ? 'has ' . join ' ', $role->{more}->@* : (),
        $role->{owns} ? "owns $role->{owns} objects" : (),
        !$role->{super} && $role->{owner} ? 'is a member of tavus_owner' : ());
    return $report->fail('role', "$is->{user} " . join(', ', @bad), 'nginx is to '
        . 'log in as tavus_app, which sql/install.sql makes, and which may execute '
        . 'functions and nothing else') if @bad;
    return $report->fail('role', "$is->{user} is no member of tavus_admin: the admin "
        . 'API cannot ask', "GRANT tavus_admin TO $is->{user}, or run "
        . 'sql/install.sql') unless $role->{admin};
    return $report->ok('role', "$is->{user} is no superuser and owns nothing");
}

sub schema ($self, $r) {
    my ($report, $nginx) = $self->@{qw(report nginx)};
    my $wants = $nginx->wants or return;
    my $has = $r->{said}{schema} // '';
    $self->{schema} = $has;

    if ($has !~ /^\d+\z/) {
        return $report->fail('schema', $r->{errors}{schema} || $r->{error}
            || 'there is none',
            'psql -X -d DATABASE -f sql/install.sql, as its owner');
    }
    if (int($has / 100) > int($wants->{schema} / 100)) {
        return $report->fail('schema', "version $has, with which a module of "
            . "$wants->{schema} cannot work", 'upgrade the module');
    }
    if ($has < $wants->{schema}) {
        return $report->fail('schema', "version $has instead of $wants->{schema}: "
            . 'no session is used, events go to the journal', 'psql -X -d DATABASE '
            . '-f sql/install.sql, of the release of the module');
    }
    $report->ok('schema', "version $has, and the module wants $wants->{schema}");

    my $f = $self->answer('functions', $r, 'functions', 'denied') // return;
    my ($gone, $no) = $f->@{qw(missing denied)};
    my @gone = @$gone;
    my @no = @$no;
    return $report->fail('functions', join('; ', @gone ? "missing: @gone" : (),
        @no ? "may not be executed: @no" : ()), 'run sql/install.sql of the release '
        . 'of the module again: it makes and grants them') if @gone || @no;
    return $report->ok('functions', 'all ' . scalar($wants->{functions}->@*)
        . ' that the module calls are there, and may be executed');
}

sub session ($self, $r, $next, $token) {
    my $report = $self->{report};
    my $read = $self->answer('session', $r, 'read', 'token') // return;
    my $again = $self->answer('session', $next, 'again', 'token') // return;
    my @bad = grep { ($read->{$_} // '') ne $SETTINGS{$_} } sort keys %SETTINGS;

    return $report->fail('session', join(', ', map {
        "$_ is \"$read->{$_}\" instead of \"$SETTINGS{$_}\"" } @bad),
        'what was set does not hold: a pooler between that is not in session '
        . 'mode, or a right that was taken away') if @bad;
    return $report->fail('session', 'it may only read', 'see '
        . 'default_transaction_read_only of the role, database and server')
        if $read->{read_only} ne 'off';
    return $report->fail('session', 'it is not ours alone: another one finds what '
        . 'was set in it', 'a pooler must work in session mode (PgBouncer: '
        . 'pool_mode = session)')
        if ($read->{token} // '') ne $token || $again->{token} ne '';
    return $report->ok('session', 'all ' . keys(%SETTINGS) . ' settings hold, '
        . 'synchronous_commit among them, and the next session has none of them');
}

sub months ($self, $r) {
    my $report = $self->{report};
    my $months = $self->answer('months', $r, 'months', 'missing') // return;
    my $missing = $months->{missing};
    return $report->fail('months', "no partition for @$missing: events of these "
        . 'months go to the journal', 'nginx makes them within minutes if it runs; '
        . 'else SELECT tavus.make_months(), which says why not') if @$missing;
    return $report->ok('months', 'there are partitions for ' . MONTHS
        . ' months ahead');
}

sub room ($self, $r) {
    my ($report, $nginx, $opt) = $self->@{qw(report nginx opt)};
    my $room = $self->answer('connections', $r, 'room', 'max') // return;
    my $nodes = $opt->{nodes} // ($room->{nodes} || 1);
    my $workers = $nginx->count;
    my $each = $workers * SESSIONS + MORE;
    my $needs = $nodes * GENERATIONS * $each;
    my $node = $nodes == 1 ? 'node' : 'nodes';
    my $seen = "$nodes $node × $workers workers need $needs while a reload goes on"
        . (defined $opt->{nodes} ? '' : ", if there is no more than the $node seen");

    # the narrowest: [left, what is seen, what to do]
    my ($left) = sort { $a->[0] <=> $b->[0] } bounds($room, $needs);
    my $has = $left->[0];
    $seen = "$left->[1]; $seen";
    my $do = "$left->[2], or fewer workers; --nodes says how many nodes there are";

    return $report->fail('connections', $seen, $do) if $has < $needs / 2;
    return $report->warn('connections', $seen, $do) if $has < $needs;
    return $report->ok('connections', $seen);
}

sub bounds ($room, $needs) {
    my ($max, $kept, $others, $beside, $role, $database)
        = $room->@{qw(max kept others beside role database)};
    my $left = $max - $kept - $others;
    my @all = [$left, "max_connections $max, of which $left are left beside $others "
        . "sessions of others and $kept that are kept",
        'max_connections = ' . ($needs + $kept + $others + 10) . ' or more'];
    push @all, [$role, "the role may have $role connections",
        'ALTER ROLE … CONNECTION LIMIT ' . ($needs + 10)] if $role >= 0;
    push @all, [$database - $beside, "the database may have $database connections, of "
        . "which $beside are others'",
        'ALTER DATABASE … CONNECTION LIMIT ' . ($needs + $beside + 10)]
        if $database >= 0;
    return @all;
}

sub safe ($self, $r) {
    my ($report, $conf) = $self->@{qw(report conf)};
    my $safe = $self->answer('durability', $r, 'safe', 'standbys') // return;
    my @off = grep { $safe->{$_} ne 'on' } qw(fsync pages);

    $report->fail('durability', join(' and ', map {
        $_ eq 'pages' ? 'full_page_writes' : $_ } @off) . ' off: what is '
        . 'acknowledged may be lost with the power', 'fsync = on, '
        . 'full_page_writes = on, in postgresql.conf') if @off;
    return if @off;
    return $report->ok('durability', length $safe->{standbys}
        ? "fsync is on, and commits wait for standbys ($safe->{standbys})"
        : 'fsync is on; no standby is waited for: what is acknowledged is as safe '
            . 'as that one machine');
}

# The server's clock was read between two looks at ours.
sub clock ($self, $r) {
    my $report = $self->{report};
    my ($there, $before, $after) = ($r->{said}{clock} // '')
        =~ /^([\d.]+)\|([\d.]+)\n([\d.]+)$/
        or return $self->answer('clock', $r, 'clock', 'clock');
    return clock_line($report, 'the database', $there - ($before + $after) / 2,
        ($after - $before) / 2);
}

sub clock_line ($report, $whose, $off, $about) {
    my $far = abs($off) - $about;
    my $seen = $far <= 0 ? sprintf 'agrees with that of %s to %.2g s', $whose, $about
        : sprintf 'that of %s is %.3g s %s', $whose, abs $off,
            $off > 0 ? 'ahead' : 'behind';
    my $do = 'have NTP (chrony, systemd-timesyncd) keep both';
    return $report->fail('clock', $seen, $do) if $far > 30;
    return $report->warn('clock', $seen, $do) if $far > 2;
    return $report->ok('clock', $seen);
}

# What the database itself complains of.
sub health ($self, $r) {
    my $report = $self->{report};
    my $h = $self->answer('state', $r, 'health', 'quarantined') // return;
    my $bad = 0;
    my $warn = sub ($seen, $do) { $bad++; $report->warn('state', $seen, $do) };

    my %open = ($h->{alerts} // {})->%*;
    $warn->('open alerts: ' . join(', ', map { "$_ ($open{$_})" } sort keys %open),
        'see /api/admin/alerts, and the runbook under each name') if %open;
    $warn->("silent nodes: $_->{id} since $_->{heard}, with $_->{files} journal files",
        'start it, or SELECT tavus.forget_node(…) if its journal is lost')
        for ($h->{silent_nodes} // [])->@*;
    $warn->("two nodes have the id $_", 'remove .node from the copied journal folder')
        for ($h->{clashing_nodes} // [])->@*;
    $warn->("$h->{quarantined} events in quarantine", 'see /api/admin/quarantine')
        if $h->{quarantined};
    $warn->("$h->{orders_unknown} orders of which nobody knows what became",
        'see order_unknown in the runbook') if $h->{orders_unknown};
    $warn->("what Stripe could not deliver ($_->{mode}) was not fetched $_->{failures} "
        . 'times in a row', 'see stripe_repair in the runbook')
        for map { {%$_, mode => $_->{livemode} ? 'live' : 'test'} }
            grep { $_->{failures} } ($h->{stripe_repair} // [])->@*;
    my @behind = map { $_->{kind} . ($_->{unread} ? ' (a cursor has not read it)' : '') }
        grep { $_->{behind} } ($h->{retention} // [])->@*;
    $warn->('what is to be removed is still there: ' . join(', ', @behind),
        'see retention in /healthz?full, and the error log for "clean"') if @behind;
    my $log = $h->{log} // {};
    $warn->("nothing is read on for $log->{held_seconds} s: $log->{held_by}",
        'end that transaction') if ($log->{held_seconds} // 0) > 300;
    $report->ok('state', 'no alert, no silent node, nothing in quarantine, nothing '
        . 'that should be gone, no order in doubt')
        unless $bad;
    return;
}

1;
