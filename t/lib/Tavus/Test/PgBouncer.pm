package Tavus::Test::PgBouncer;

# Debian's PgBouncer in front of a Tavus::Test::Pg, as its package has it but
# for what is given:
#
#   my $pooler = Tavus::Test::PgBouncer->new($pg, pool_mode => 'transaction');
#   $pooler->conninfo, $pooler->port, $pooler->dir, $pooler->log
#   $pooler->change(pool_mode => 'session');   and reads it again
#   $pooler->stop;

use v5.36;
use Carp qw(croak);
use DBI;

use Tavus::Test::Pg;
use Tavus::Test::Process qw(alive free_port new_dir release slurp spawn spew
    stop_process wait_for);

my ($BIN) = grep { -x } qw(/usr/sbin/pgbouncer /usr/bin/pgbouncer);

sub new ($class, $pg, %setting) {
    croak 'PgBouncer is missing' unless $BIN;

    my $self = bless {pg => $pg, owner => $$, dir => new_dir(),
        port => free_port(), setting => \%setting}, $class;

    spew($self->log_file, '');
    spew("$self->{dir}/users", qq{"tavus_app" ""\n"postgres" ""\n});
    $self->write;
    Tavus::Test::Pg::give($self->{dir}, glob "$self->{dir}/*");

    # it refuses to be root
    $self->{pid} = spawn([$BIN, "$self->{dir}/ini"], user => 'postgres',
        out => $self->log_file);
    wait_for {
        die "PgBouncer ended:\n" . $self->log unless alive($self->{pid});
        eval { $self->console };
    } 20 or croak "PgBouncer does not come up:\n" . $self->log;
    return $self;
}

sub write ($self) {
    my %setting = (
        listen_addr => '', listen_port => $self->{port},
        unix_socket_dir => $self->{dir}, auth_type => 'trust',
        auth_file => "$self->{dir}/users", admin_users => 'postgres',
        $self->{setting}->%*,
    );
    spew("$self->{dir}/ini", join "\n", '[databases]',
        'tavus = host=' . $self->{pg}->socket_dir . ' port='
            . $self->{pg}->port, '[pgbouncer]',
        map({ "$_ = $setting{$_}" } sort keys %setting), '');
    return;
}

sub console ($self) {
    my $db = DBI->connect("dbi:Pg:dbname=pgbouncer;host=$self->{dir};"
        . "port=$self->{port}", 'postgres', '', {RaiseError => 1,
        PrintError => 0, AutoInactiveDestroy => 1, pg_server_prepare => 0});
    return $db;
}

sub change ($self, %setting) {
    $self->{setting} = {$self->{setting}->%*, %setting};
    $self->write;
    Tavus::Test::Pg::give("$self->{dir}/ini");
    $self->console->do('RELOAD');
    return $self;
}

sub dir ($self)      { return $self->{dir} }
sub socket_dir ($self) { return $self->{dir} }
sub port ($self)     { return $self->{port} }
sub log_file ($self) { return "$self->{dir}/log" }
sub log ($self)      { return slurp($self->log_file) }

sub conninfo ($self) {
    return "host=$self->{dir} port=$self->{port} dbname=tavus user=tavus_app";
}

sub stop ($self) {
    stop_process(delete $self->{pid}, QUIT => 5) if $self->{pid};
    return $self;
}

sub DESTROY ($self) {
    release($self, sub { $self->stop });
    return;
}

1;
