package TavusCheck::Nginx;

# nginx, what it says of its configuration, and who runs.
#
#   $nginx->look; $nginx->conf      undef where there is none
#   $nginx->user                    of the workers: {name, uid, gid, groups}
#   $nginx->master                  its process, if it runs
#   $nginx->module, $nginx->wants   the file, {version, schema, functions}

use v5.36;
use utf8;

use Cwd qw(abs_path);
use File::Spec;

use TavusCheck::Conf;
use TavusCheck::Run qw(run);

sub new ($class, %opt) { return bless {%opt}, $class }

for my $name (qw(conf user master module version prefix)) {
    no strict 'refs';
    *$name = sub ($self) { return $self->{$name} };
}

sub look ($self) {
    my ($report, $opt) = $self->@{qw(report opt)};
    $report->group('configuration');

    my $nginx = $self->{nginx} = $opt->{nginx} // find();
    die "there is no nginx here: --nginx says where it is\n"
        unless defined $nginx;
    my $built = run([$nginx, '-V'], timeout => 10);
    my $says = $built->{err} . $built->{out};
    die "$nginx -V: no answer that is nginx's\n"
        if $built->{exit} || $says !~ m{^\w+ version: \w+/(\S+)}m;
    $self->{version} = $1;

    my $built_in = sub ($name, $default) {
        return $says =~ /--\Q$name\E=(\S+)/ ? $1 : $default;
    };
    $self->{prefix} = File::Spec->rel2abs($opt->{p}
        // $built_in->('prefix', '/usr/local/nginx')) =~ s{/+\z}{}r;
    my $file = $opt->{conf} // $built_in->('conf-path', 'conf/nginx.conf');
    $file = defined $opt->{conf} ? File::Spec->rel2abs($file)
        : "$self->{prefix}/$file" unless $file =~ m{^/};
    $self->{pid_path} = $built_in->('pid-path', 'logs/nginx.pid');
    $self->{built_user} = $built_in->('user', 'nobody');
    $self->{built_group} = $built_in->('group', undef);
    die "$file: $!", $> != 0 && $!{EACCES} ? ": run this as root" : q(), "\n"
        unless -r $file;

    $self->test($file);
    return unless $self->{conf};
    $self->workers;
    $self->budget;
    return;
}

sub find () {
    for (split(/:/, $ENV{PATH} // ''), '/usr/sbin', '/usr/local/sbin') {
        return "$_/nginx" if -x "$_/nginx" && !-d _;
    }
    return undef;
}

# nginx -t in nginx's own words; the files are those that it has read, or where
# it refuses them those on the disk.
sub test ($self, $file) {
    my $report = $self->{report};
    my @command = ($self->{nginx}, '-T', '-c', $file, '-e', 'stderr',
        defined $self->{opt}{p} ? ('-p', "$self->{prefix}/") : ());
    # as the service starts it: secrets may stand in the environment
    my $r = run(\@command, timeout => 60, keep_env => 1);

    my (%seen, @said);
    for (split /\n/, $r->{err}) {
        my ($level, $words) = /\[(emerg|alert|crit|error|warn)\] (.*)/ or next;
        $words =~ s/^\d+#\d+: //;
        push @said, [$level, $words] unless $seen{$words}++;
    }
    my @bad = grep { $_->[0] ne 'warn' } @said;

    if ($r->{exit} || $r->{late}) {
        my $words = $r->{late} ? 'no answer in a minute'
            : $bad[0] ? $bad[0][1] : "ends with $r->{exit}: $r->{err}";
        $report->fail('nginx -t', $words, advice($words));
    } else {
        $report->ok('nginx -t', "accepts $file");
    }
    $report->warn('nginx -t', $_->[1], 'see to it: the message names file and line')
        for grep { $_->[0] eq 'warn' } @said;

    my %dump;
    if (!$r->{exit}) {
        my (undef, @parts) = split /^# configuration file (\S+):\n/m, $r->{out};
        %dump = @parts;
    }
    $self->{conf} = eval { TavusCheck::Conf->new(file => $file,
        prefix => $self->{prefix}, dump => \%dump) };
    $report->fail('files', $@ =~ s/\n//r, $> == 0 ? 'put that right first'
        : 'run this as root') unless $self->{conf};
    if ($self->{conf} && !$self->{conf}{http}) {
        $report->fail('files', 'there is no http block', 'name another CONF');
        $self->{conf} = undef;
    }
    return;
}

# What conversations may cost, where there are any.
sub budget ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    return unless $conf->locations('tavus_conversation');
    my $args = $conf->http('tavus_budget');
    my $do = 'tavus_budget with day=… or minutes=…, as much as a day may cost you';

    return $report->warn('budget', 'there is no tavus_budget: what a day may cost has '
        . 'no bound', $do) unless $args;
    return $report->warn('budget', "tavus_budget @$args has neither day nor minutes: "
        . 'what a day may cost has no bound', $do)
        unless grep { /^(?:day|minutes)=/ } @$args;
    return $report->ok('budget', "tavus_budget @$args");
}

sub advice ($words) {
    return 'set the variables that the service has, as with (set -a; . '
        . '/etc/tavus/environment; tavus-check)'
        if $words =~ /environment variable "[^"]*" is not set/;
    return 'run this as CREDENTIALS_DIRECTORY=/run/credentials/nginx.service '
        . 'tavus-check, as root, while the service runs'
        if $words =~ /CREDENTIALS_DIRECTORY is not set/;
    return 'run this as root' if $> != 0 && $words =~ /Permission denied/;
    return 'put that right: nginx goes on with what it has, but would not start';
}

# ---- who works -------------------------------------------------------------

sub workers ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    my ($name, $group) = ($conf->main('user') // [])->@*;

    if ($> != 0) {
        $self->{user} = {name => scalar getpwuid $>, uid => $>, gid => $) + 0,
            groups => []};
        $report->skip('workers', 'this is not root: what the workers\' user may is '
            . "told of $self->{user}{name}", 'run this as root');
    } else {
        $name //= $self->{built_user};
        my ($uid, $gid) = (getpwnam $name)[2, 3];
        if (!defined $uid) {
            $report->fail('workers', "there is no user $name", 'make it, or '
                . 'name another with "user"');
        } else {
            $gid = getgrnam $group if defined $group && defined getgrnam $group;
            my @groups;
            setgrent;
            while (my (undef, undef, $id, $members) = getgrent) {
                push @groups, $id if grep { $_ eq $name } split ' ', $members;
            }
            $self->{user} = {name => $name, uid => $uid, gid => $gid,
                groups => \@groups};
        }
    }

    my ($n) = ($conf->main('worker_processes') // [1])->@*;
    $n = cpus() if $n eq 'auto';
    $self->{workers} = $n =~ /^\d+\z/ ? $n : 1;
    $self->find_master;
    $self->find_module;
    return;
}

sub cpus () {
    open my $in, '<', '/proc/cpuinfo' or return 1;
    return (scalar grep { /^processor\s*:/ } <$in>) || 1;
}

sub count ($self) { return $self->{workers} }

sub find_master ($self) {
    my $file = ($self->{conf}->main('pid') // [$self->{pid_path}])->[0];
    $file = $self->{conf}->full($file);
    $self->{pid_file} = $file;
    open my $in, '<', $file or return;
    my ($pid) = (<$in> // '') =~ /^(\d+)/ or return;
    open my $title, '<', "/proc/$pid/cmdline" or return;
    local $/;
    $self->{master} = $pid if (<$title> // '') =~ /nginx/;
    return;
}

# The module itself says what it wants: what it asks the database, and since
# which numbered file.
sub find_module ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    my ($load) = grep { ($_->{args}[0] // '') =~ /tavus/ }
        $conf->children($conf->{root}, 'load_module');
    my $file = $load ? $conf->full($load->{args}[0]) : $self->{nginx};

    open my $in, '<:raw', $file or do {
        $report->fail('module', "$file: $!", 'put it there, or name it in load_module');
        return;
    };
    my $bytes = do { local $/; <$in> };
    my ($version, $schema)
        = $bytes =~ m{nginx-tavus/([0-9.]+), schema (\d+)\0};
    if (!defined $version) {
        $report->fail('module', "$file is not the module, or too old to be asked",
            'install that which this check came with');
        return;
    }
    my %called = map { $_ => 1 } $bytes =~ /\btavus\.([a-z_]+)\(/g;
    $self->{module} = abs_path($file);
    $self->{wants} = {version => $version, schema => $schema,
        functions => [sort keys %called]};
    return;
}

sub wants ($self) { return $self->{wants} }

1;
