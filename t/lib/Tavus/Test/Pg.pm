package Tavus::Test::Pg;

# A PostgreSQL of the test's own, with sql/install.sql applied.
#
#   my $pg = Tavus::Test::Pg->new(fsync => 1, config => ['max_connections=20']);
#   $pg->db->selectrow_array('SELECT …');      a superuser's DBI handle
#   $pg->stop; $pg->start; $pg->restart;
#   $pg->kill;                                 as kill -9 would
#   $pg->freeze; $pg->thaw;                    SIGSTOP, SIGCONT for all of it
#   $pg->conninfo, $pg->socket_dir, $pg->port, $pg->log
#   Tavus::Test::Pg->new(alerts => 1)          with alerts, muted otherwise
#   my $standby = Tavus::Test::Pg->new(from => $pg);   a copy that follows
#   $pg->synchronous;                          commits wait for the standby
#   $pg->commits_wait('nobody'), ('')          for that one, which may not exist; for none
#   $standby->promote; $pg->follow($standby);  the roles change
#   $standby->conninfo_of($pg)                 the primary of the two
#
# What initdb and install.sql make is made once and copied; the copy is found
# again by the digest of all that goes into it.

use v5.36;
use Carp qw(croak);
use DBI;
use Digest::SHA;
use Fcntl qw(:flock);
use File::Path qw(make_path remove_tree);

use Tavus::Test::Process qw($ROOT alive descendants free_port new_dir release slurp
    spawn spew stop_process suspend wait_for);

my @BIN = ($ENV{PG_BIN} // (), '/usr/lib/postgresql/15/bin',
    reverse sort glob '/usr/lib/postgresql/*/bin');

sub bin ($name) {
    for (@BIN) { return "$_/$name" if -x "$_/$name" }
    croak "PostgreSQL's $name is missing";
}

sub new ($class, %opt) {
    my $self = bless {
        fsync  => 0,        # off loses data when the machine stops, only then
        schema => 1,
        tcp    => 0,
        alerts => 0,        # or events of others come among those of a test
        config => [],
        owner  => $$,
        %opt,
    }, $class;

    $self->{dir} = new_dir();
    $self->{data} = "$self->{dir}/data";
    $self->{port} = free_port();
    mkdir "$self->{dir}/sock";
    spew($self->log_file, '');
    give($self->{dir} . '/sock', $self->log_file);
    return $self->follow($self->{from}) if $self->{from};

    copy_tree(template($self->{schema}), $self->{data});
    $self->start;
    $self->db->do('UPDATE tavus.alert_kinds SET muted = true')
        if $self->{schema} && !$self->{alerts};
    return $self;
}

sub dir ($self)        { return $self->{dir} }
sub port ($self)       { return $self->{port} }
sub socket_dir ($self) { return "$self->{dir}/sock" }
sub log_file ($self)   { return "$self->{dir}/pg.log" }
sub log ($self)        { return slurp($self->log_file) }
sub pid ($self)        { return $self->{pid} }

sub conninfo ($self, $user = 'tavus_app') {
    return "host=" . $self->socket_dir
        . " port=$self->{port} dbname=tavus user=$user";
}

# The primary among these, whichever it is.
sub conninfo_of (@pg) {
    return 'host=' . join(',', map { $_->socket_dir } @pg)
        . ' port=' . join(',', map { $_->port } @pg)
        . ' dbname=tavus user=tavus_app target_session_attrs=read-write';
}

sub start ($self) {
    $self->{pid} = spawn([bin('postgres'), '-D', $self->{data}, map { ('-c', $_) }
        "port=$self->{port}",
        "unix_socket_directories=" . $self->socket_dir,
        'listen_addresses=' . ($self->{tcp} ? '127.0.0.1' : ''),
        $self->{fsync} ? () : ('fsync=off', 'full_page_writes=off'),
        'shared_buffers=32MB', 'max_connections=100',
        'log_min_messages=warning', 'log_statement=none',
        $self->{config}->@*], user => 'postgres', out => $self->log_file);

    wait_for {
        die "PostgreSQL ended:\n" . $self->log unless alive($self->{pid});
        $self->{db} = eval { $self->connect };
    } 30 or croak "PostgreSQL does not come up: $DBI::errstr\n" . $self->log;

    return $self;
}

# connect(user => 'tavus_app', db => 'postgres', %DBI)
sub connect ($self, %opt) {
    my $user = delete $opt{user} // 'postgres';
    my $name = delete $opt{db} // ($self->{schema} ? 'tavus' : 'postgres');
    return DBI->connect("dbi:Pg:dbname=$name;host=" . $self->socket_dir
        . ";port=$self->{port}", $user, '', {
            RaiseError => 1, PrintError => 0, AutoCommit => 1,
            AutoInactiveDestroy => 1, PrintWarn => 0, %opt,
        });
}

sub db ($self) {
    $self->{db} = $self->connect unless $self->{db} && $self->{db}->ping;
    return $self->{db};
}

sub stop ($self, $signal = 'INT') {
    my $pid = delete $self->{pid} or return $self;
    delete $self->{db};
    kill CONT => $pid, descendants($pid) if delete $self->{frozen};
    stop_process($pid, $signal => 30);
    return $self;
}

sub kill ($self) {
    my $pid = delete $self->{pid} or return $self;
    delete $self->@{qw(db frozen)};
    stop_process($pid);
    return $self;
}

sub restart ($self) { return $self->stop->start }

# The postmaster first, or it would start what is missing meanwhile.
sub freeze ($self) {
    suspend($self->{pid});
    suspend(descendants($self->{pid}));
    $self->{frozen} = 1;
    return $self;
}

sub thaw ($self) {
    CORE::kill CONT => descendants($self->{pid}), $self->{pid};
    delete $self->{frozen};
    return $self;
}

# ---- replication -----------------------------------------------------------

# Begins anew as a copy of another one, which it follows.
sub follow ($self, $primary) {
    $self->kill;
    remove_tree($self->{data});
    mkdir $self->{data}, 0700;
    give($self->{data});

    my $pid = spawn([bin('pg_basebackup'), '-h', $primary->socket_dir,
        '-p', $primary->port, '-U', 'postgres', '-D', $self->{data}, '-R',
        '-X', 'stream', '-c', 'fast', '--no-sync'], user => 'postgres',
        out => $self->log_file);
    wait_for { !alive($pid) } 120;
    stop_process($pid);
    croak "no copy:\n" . $self->log unless -f "$self->{data}/standby.signal";

    $self->start;
    wait_for { $primary->db->selectrow_array(q{SELECT 1
        FROM pg_stat_replication WHERE state = 'streaming'}) } 60
        or croak "it does not follow:\n" . $self->log;
    return $self;
}

# Commits wait for that standby from here on, or for none any more: those that
# do wait go on.  The checkpointer is who makes backends wait, and has read that
# before it makes a checkpoint.
sub commits_wait ($self, $names) {
    $self->db->do("ALTER SYSTEM SET synchronous_standby_names = '$names'");
    $self->db->do('SELECT pg_reload_conf()');
    wait_for { $self->connect->selectrow_array('SHOW synchronous_standby_names')
        eq $names } or croak 'the configuration is not read';
    $self->db->do('CHECKPOINT');
    return $self;
}

# From here on a commit waits until a standby has it on disk.
sub synchronous ($self) {
    $self->commits_wait('*');
    wait_for { $self->db->selectrow_array(q{SELECT 1 FROM pg_stat_replication
        WHERE sync_state = 'sync'}) } or croak 'no standby is synchronous';
    return $self;
}

# It asks again, as what is replayed may cancel a query.
sub promote ($self) {
    wait_for { eval {
        my $db = $self->connect;
        $db->selectrow_array('SELECT pg_is_in_recovery()')
            ? $db->do('SELECT pg_promote(false)') && 0 : 1;
    } } 60 or croak "not promoted:\n" . $self->log;
    return $self;
}

sub DESTROY ($self) {
    release($self, sub {
        if ($self->{pid}) {
            CORE::kill CONT => $self->{pid}, descendants($self->{pid})
                if delete $self->{frozen};
            delete $self->{db};
            stop_process(delete $self->{pid}, QUIT => 10);
        }
    });
    return;
}

# ---- the template ----------------------------------------------------------

sub give (@files) {
    return if $> != 0;
    my (undef, undef, $uid, $gid) = getpwnam 'postgres'
        or croak 'no user postgres';
    chown $uid, $gid, @files;
}

sub copy_tree ($from, $to) {
    system('cp', '-R', '--reflink=auto', $from, $to) == 0
        or croak "cannot copy $from";
    run('chown', '-R', 'postgres:', $to) if $> == 0;
    chmod 0700, $to;
}

sub run (@command) {
    my $out = qx{@{[join ' ', map { quotemeta } @command]} 2>&1 < /dev/null};
    croak "@command: $out" if $?;
    return $out;
}

sub sql_files {
    my @files = glob "$ROOT/sql/*.sql $ROOT/sql/*/*.sql";
    return sort @files;
}

sub template ($schema) {
    my $sha = Digest::SHA->new(256);
    $sha->add(run(bin('postgres'), '--version'), 'template 1');
    if ($schema) {
        $sha->add("$_\n", slurp($_)) for sql_files();
    }
    my $name = 'pg-' . substr $sha->hexdigest, 0, 16;

    my $cache = "$ROOT/build/test";
    make_path($cache);
    my $dir = "$cache/$name";

    # or it would be forked below, and hold the lock as long as we live
    Tavus::Test::Process::reaper();

    # tests side by side want it at the same time
    open my $lock, '>', "$cache/lock" or croak "$cache/lock: $!";
    flock $lock, LOCK_EX or croak "$cache/lock: $!";
    return $dir if -d $dir;

    remove_tree(grep { time - (stat)[9] > 3600 } glob "$cache/pg-*");

    my $tmp = new_dir();
    mkdir "$tmp/sock";
    mkdir "$tmp/data", 0700;
    spew("$tmp/log", '');
    give("$tmp/data", "$tmp/sock", "$tmp/log");

    my $pid = spawn([bin('initdb'), '-D', "$tmp/data", '-U', 'postgres',
        '-E', 'UTF8', '--locale=C.UTF-8', '-A', 'trust', '-N',
        '--wal-segsize=1'], user => 'postgres', out => "$tmp/log");
    wait_for { !alive($pid) } 120;
    Tavus::Test::Process::unwatch(pid => $pid);
    croak "initdb failed:\n" . slurp("$tmp/log")
        unless -f "$tmp/data/global/pg_control";

    if ($schema) {
        $pid = spawn([bin('postgres'), '-D', "$tmp/data", '-c', 'fsync=off',
            '-c', 'listen_addresses=', '-c',
            "unix_socket_directories=$tmp/sock"], user => 'postgres',
            out => "$tmp/log");
        my @psql = ('psql', '-XAtq', '-h', "$tmp/sock", '-U', 'postgres',
            '-v', 'ON_ERROR_STOP=1');
        wait_for {
            eval { run(@psql, '-d', 'postgres', '-c', 'SELECT 1') }
        } 30 or croak "PostgreSQL does not come up:\n" . slurp("$tmp/log");
        run(@psql, '-d', 'postgres', '-c', 'CREATE DATABASE tavus');
        run(@psql, '-d', 'tavus', '-f', "$ROOT/sql/install.sql");
        # for conninfo(): here who reaches the socket is trusted
        run(@psql, '-d', 'tavus', '-c', 'ALTER ROLE tavus_app LOGIN');
        stop_process($pid, INT => 60) or croak 'PostgreSQL does not stop';
    }

    run('cp', '-R', "$tmp/data", "$dir.new");
    rename "$dir.new", $dir or croak "$dir: $!";
    remove_tree($tmp);
    Tavus::Test::Process::unwatch(dir => $tmp);
    return $dir;
}

1;
