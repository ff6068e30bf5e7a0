package Tavus::Test::Cluster;

# The cluster of docs/operate/nodes-and-poolers.md, by the very files that it
# names: two nodes behind HAProxy, three PostgreSQL of Patroni on etcd, each on a
# machine of its own (Tavus::Test::Machine), and the sandbox, which they know as
# https://tavusapi.com.
#
#   my $c = Tavus::Test::Cluster->new(active => 3);     of tavus_budget
#   $c->begin                  returns when all is well
#   $c->machine('db1'), $c->nodes, $c->dbs, $c->machines
#   $c->leader                 the machine whose PostgreSQL can be written to
#   $c->whole                  three members, two of them stream, one in step
#   $c->stored('pg')           [when, node] of each webhook that was answered 200
#                              from there, or from 'journal'
#   $c->journals               those that are not empty, by their nodes
#   $c->db                     a superuser's DBI handle
#   $c->sandbox, $c->ca, $c->url($path)
#
#   my $senders = Tavus::Test::Cluster::Senders->new($c, rate => 20);
#   $senders->acked            [when, conversation, type] of each so far
#   $senders->stop             true if all that were made are acknowledged
#   $senders->odd              answers that there must not be
#   my $visitors = Tavus::Test::Cluster::Visitors->new($c, visitors => 6);
#   $visitors->created         [when, conversation] of each so far
#   $visitors->stop            {told => {id => when}, left => {id => when},
#                              count => {what => n}, odd => […]}

use v5.36;
use Carp qw(croak);
use DBI;
use Mojo::UserAgent;

use Tavus::Test ();
use Tavus::Test::Machine;
use Tavus::Test::Process qw($ROOT pause slurp wait_for);
use Tavus::Test::Sandbox;
use Tavus::Test::Tls;

my %ADDRESS = (
    'tavusapi.com' => '10.0.0.1',
    balancer => '10.0.0.10', 'example.com' => '10.0.0.10',
    node1 => '10.0.0.11', node2 => '10.0.0.12',
    db1 => '10.0.0.21', db2 => '10.0.0.22', db3 => '10.0.0.23',
);
my @DBS = qw(db1 db2 db3);
my @NODES = qw(node1 node2);

my $PASSWORD = 'password-of-the-tests';
my $SECRET = 'whsec-of-the-tests-0123456789abcdef';

sub new ($class, %opt) {
    my $self = bless {%opt, stored => [], read => {}}, $class;

    Tavus::Test::Machine::network('10.0.0.1', %ADDRESS);
    $self->{ca} = Tavus::Test::Tls->new;
    $self->{box} = Tavus::Test::Sandbox->new(ca => $self->{ca}->file,
        base => 'https://rooms.example.net');
    # a callback that is not acknowledged comes again
    $self->{box}->config(callback_attempts => 1000, callback_retry_ms => 1000);
    $self->{front} = Tavus::Test->new(module => 0, db => 0,
        sandbox => $self->{box}, http_extra => $self->{ca}->front(port => 443,
            address => '10.0.0.1', name => 'tavusapi.com'))->start;
    $self->{ua} = Mojo::UserAgent->new(ca => $self->{ca}->file,
        connect_timeout => 2, request_timeout => 4, max_connections => 0);

    $self->{machine}{$_} = Tavus::Test::Machine->new($_)
        for 'balancer', @NODES, @DBS;
    $self->make_db($_) for $self->dbs;
    $self->make_node($_) for $self->nodes;
    $self->make_balancer;
    return $self;
}

sub machine ($self, $name) { return $self->{machine}{$name} }
sub dbs ($self)      { return $self->{machine}->@{@DBS} }
sub nodes ($self)    { return $self->{machine}->@{@NODES} }
sub machines ($self) { return $self->{machine}->@{sort keys $self->{machine}->%*} }
sub sandbox ($self)  { return $self->{box} }
sub ca ($self)       { return $self->{ca}->file }
sub secret ($self)   { return $SECRET }

sub url ($self, $path) { return "https://example.com$path" }

# ---- the machines --------------------------------------------------------------

sub sample ($name) {
    return slurp("$ROOT/docs/operate/cluster/$name") =~ s/FILL IN/$PASSWORD/gr;
}

sub make_db ($self, $m) {
    my $name = $m->name;
    my ($cert, $key) = $self->{ca}->cert(name => $name);
    my %postgres = (user => 'postgres');

    # what the unit of Debian's package reads
    my $etcd = sample('etcd')
        =~ s/^(ETCD_(?:NAME|\w*ADVERTISE_\w+)=.*)\bdb1\b/$1$name/mgr;
    $m->file('/etc/default/etcd', $etcd);
    $m->folder('/var/lib/etcd', user => 'etcd', mode => 0700);
    $m->service(etcd => ['/usr/bin/etcd'], user => 'etcd',
        env => {$etcd =~ /^(ETCD_\w+)="(.*)"$/mg});

    $m->file('/etc/patroni/config.yml', sample('patroni.yml')
        =~ s/^(\s*(?:name|connect_address): )db1\b/$1$name/mgr,
        %postgres, mode => 0600);
    $m->file('/etc/patroni/server.crt', slurp($cert));
    $m->file('/etc/patroni/server.key', slurp($key), %postgres, mode => 0600);
    $m->folder($_, %postgres) for qw(/var/lib/postgresql
        /var/lib/postgresql/15 /run/postgresql);
    $m->service(patroni => ['/usr/bin/patroni', '/etc/patroni/config.yml'],
        %postgres);
    return;
}

sub make_node ($self, $m) {
    my %value = (ACTIVE => $self->{active}, MODULE => Tavus::Test::Nginx::module());

    $m->file('/etc/nginx/nginx.conf', slurp("$ROOT/t/cluster/nginx.conf")
        =~ s/%%(\w+)%%/$value{$1}/gr);
    $m->file('/etc/nginx/tavus/node.conf', sample('node.conf'));
    $m->file('/etc/ssl/certs/tavus-db.pem', slurp($self->ca));
    $m->file('/etc/tavus/ca.pem', slurp($self->ca));
    $m->file('/etc/tavus/api.key', $self->{box}->api_key, mode => 0600);
    $m->file('/etc/tavus/webhook.secret', $SECRET, mode => 0600);
    $m->file('/etc/tavus/db.password', $PASSWORD, mode => 0600);
    $m->folder($_) for qw(/var/lib/nginx /var/log/nginx /var/lib/tavus);
    $m->service(nginx => ['/usr/sbin/nginx', '-e', '/var/log/nginx/error.log']);
    return;
}

sub make_balancer ($self) {
    my $m = $self->machine('balancer');
    my ($cert, $key) = $self->{ca}->cert(name => 'example.com');

    $m->file('/etc/haproxy/haproxy.cfg', sample('haproxy.cfg'));
    $m->file('/etc/haproxy/site.pem', slurp($cert) . slurp($key), mode => 0600);
    $m->folder('/var/lib/haproxy');
    $m->service(haproxy => [qw(/usr/sbin/haproxy -db -f /etc/haproxy/haproxy.cfg)]);
    return;
}

sub begin ($self) {
    $_->start for $self->dbs;
    wait_for { pause(0.3); $self->whole } 90 or croak 'no cluster of PostgreSQL comes about';

    $self->db('postgres')->do(q{CREATE DATABASE tavus ENCODING 'UTF8'
        TEMPLATE template0});
    local $ENV{PGPASSWORD} = $PASSWORD;
    Tavus::Test::Machine::command(qw(psql -XAtq -v ON_ERROR_STOP=1),
        '-d', dsn('tavus'), '-f', "$ROOT/sql/install.sql");
    $self->db->do("ALTER ROLE tavus_app LOGIN PASSWORD '$PASSWORD'");

    $_->start for $self->nodes, $self->machine('balancer');
    for my $m ($self->nodes) {
        wait_for { $self->status('http://' . $m->address . '/healthz') == 200 }
            or croak $m->name . ' is not ready';
    }
    wait_for { $self->status($self->url('/healthz')) == 200 }
        or croak 'the balancer finds no node';
    return $self;
}

# ---- what can be seen of it ----------------------------------------------------

sub ask ($self, $url) {
    my $tx = $self->{ua}->get($url);
    return $tx->res->code ? $tx->res : undef;
}

sub status ($self, $url) {
    my $res = $self->ask($url);
    return $res ? $res->code : 0;
}

# What Patroni says of a machine, {} if it says nothing.
sub member ($self, $m) {
    my $res = $self->ask('http://' . $m->address . ':8008/patroni');
    return ($res && $res->json) // {};
}

sub leads ($member) {
    return ($member->{role} // '') =~ /^(?:master|primary)\z/
        && ($member->{state} // '') eq 'running';
}

sub leader ($self) {
    my ($leader) = grep { leads($self->member($_)) } $self->dbs;
    return $leader;
}

sub whole ($self) {
    my @members = map { $self->member($_) } $self->dbs;
    my @lead = grep { leads($_) } @members;
    my @follow = grep { $_->{state} eq 'streaming' }
        map { ($_->{replication} // [])->@* } @lead;

    return @lead == 1 && @follow == 2
        && 3 == grep({ ($_->{state} // '') eq 'running' } @members)
        && grep { $_->{sync_state} eq 'sync' } @follow;
}

# What the nodes have logged since.
sub stored ($self, $where) {
    for my $m ($self->nodes) {
        open my $log, '<', $m->path('/var/log/nginx/access.log') or next;
        seek $log, $self->{read}{$m->name} // 0, 0;
        while (my $line = <$log>) {
            last unless $line =~ /\n\z/;
            $self->{read}{$m->name} = tell $log;
            my ($when, $status, $store, $address, $uri) = split ' ', $line;
            push $self->{logged}->@*, {when => $when, status => $status,
                store => $store, address => $address, uri => $uri,
                node => $m->name};
        }
    }
    return map { [$_->{when}, $_->{node}] }
        grep { $_->{uri} eq '/api/tavus/webhook' && $_->{status} == 200
            && $_->{store} eq $where } ($self->{logged} // [])->@*;
}

# {address => {node => how many creates}}
sub met ($self) {
    my %met;
    $self->stored('pg');
    $met{$_->{address}}{$_->{node}}++ for grep { $_->{uri} =~ /create-/ }
        ($self->{logged} // [])->@*;
    return \%met;
}

sub journals ($self) {
    return grep { () = glob $_->path('/var/lib/tavus/journal/*.journal') }
        $self->nodes;
}

sub dsn ($name) {
    return 'host=' . join(',', @DBS) . " dbname=$name user=postgres "
        . 'target_session_attrs=read-write sslmode=require connect_timeout=5';
}

sub db ($self, $name = 'tavus') {
    return DBI->connect('dbi:Pg:' . dsn($name) =~ tr/ /;/r, 'postgres', $PASSWORD,
        {RaiseError => 1, PrintError => 0, AutoCommit => 1,
            AutoInactiveDestroy => 1, PrintWarn => 0});
}

sub error_log ($self, $m) {
    return slurp($m->path('/var/log/nginx/error.log')) // '';
}


package Tavus::Test::Cluster::Senders;

# Events at a steady rate, each by itself.  What is not acknowledged is sent again,
# later and later, until it is; and so, once, is one of eight that are.

use List::Util qw(min);
use Mojo::IOLoop;
use Mojo::UserAgent;
use Tavus::Test::Process qw(background new_dir release slurp stop_process);
use Tavus::Test::Sign qw(sign_header tavus_event);
use Time::HiRes qw(time);

my @TYPES = ('system.replica_joined', 'cluster.spoke', 'cluster.listened',
    'system.shutdown');

sub new ($class, $cluster, %opt) {
    my $self = bless {dir => new_dir(), owner => $$, %opt,
        url => $cluster->url('/api/tavus/webhook'), ca => $cluster->ca,
        secret => $cluster->secret}, $class;
    $self->{pid} = background(sub { $self->run });
    return $self;
}

sub run ($self) {
    my ($stop, $made, $acked, $pending) = (0, 0, 0, 0);
    local $SIG{TERM} = sub { $stop = 1 };
    local $SIG{PIPE} = 'IGNORE';
    open my $ledger, '>', "$self->{dir}/ledger" or die $!;
    $ledger->autoflush(1);

    Mojo::IOLoop->singleton->reset;
    my $ua = Mojo::UserAgent->new(ca => $self->{ca}, connect_timeout => 5,
        request_timeout => 20, inactivity_timeout => 20, max_connections => 20);

    my $send;
    $send = sub ($event) {
        $ua->post_p($self->{url}, {'Content-Type' => 'application/json',
            sign_header($self->{secret}, $event->{body})}, $event->{body})->then(
            sub ($tx) { $tx->res->code // 'none' }, sub ($error) { 'none' }
        )->then(sub ($code) {
            printf $ledger "%.3f %s %s %s\n", time, $code,
                $event->@{qw(conversation type)} unless $event->{again};
            if ($code ne '200') {
                my $after = min(8, 0.5 * 2 ** $event->{tries}++);
                return Mojo::IOLoop->timer($after => sub { $send->($event) });
            }
            return $send->($event)
                if ++$acked % 8 == 0 && !$event->{again}++;
            $pending--;
            return;
        })->catch(sub ($error) { print $ledger "0 died - $error\n" });
    };

    Mojo::IOLoop->recurring(1 / $self->{rate} => sub ($loop) {
        if ($stop) {
            $loop->stop unless $pending;
            return;
        }
        my $conversation = 'cluster-' . int($made / @TYPES);
        my $type = $TYPES[$made++ % @TYPES];
        $pending++;
        $send->({conversation => $conversation, type => $type, tries => 0,
            body => tavus_event($type, $conversation,
                {shutdown_reason => 'bot_could_not_join'})});
    });
    Mojo::IOLoop->start;
    close $ledger or die $!;
}

sub lines ($self) {
    return map { [split / /] } split /\n/, slurp("$self->{dir}/ledger") // '';
}

sub acked ($self) {
    return map { [$_->@[0, 2, 3]] } grep { $_->[1] eq '200' } $self->lines;
}

# the balancer has no node, or a node has no store
sub odd ($self) {
    return map { "@$_" } grep { $_->[1] !~ /^(?:200|502|503|504|none)\z/ }
        $self->lines;
}

sub stop ($self) { return stop_process(delete $self->{pid}, TERM => 90) }

sub DESTROY ($self) {
    release($self, sub { stop_process(delete $self->{pid}) if $self->{pid} });
    return;
}


package Tavus::Test::Cluster::Visitors;

# Each has an address, begins a call as soon as there is a place, and is in it for
# some seconds; then the call is ended, whatever it takes.

use Mojo::UserAgent;
use Tavus::Test::Machine;
use Tavus::Test::Process qw(background new_dir pause release slurp stop_process);
use Time::HiRes qw(time);

sub new ($class, $cluster, %opt) {
    my $self = bless {dir => new_dir(), owner => $$, pids => [],
        cluster => $cluster}, $class;

    for my $n (1 .. $opt{visitors}) {
        my $address = "203.0.113.$n";
        Tavus::Test::Machine::command(qw(ip address add), "$address/32",
            qw(dev lan));
        push $self->{pids}->@*, background(sub { $self->run($address) });
    }
    return $self;
}

sub run ($self, $address) {
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    local $SIG{PIPE} = 'IGNORE';
    open my $ledger, '>', "$self->{dir}/$address" or die $!;
    $ledger->autoflush(1);
    srand;

    my $ua = Mojo::UserAgent->new(ca => $self->{cluster}->ca,
        connect_timeout => 5, request_timeout => 40, inactivity_timeout => 40,
        max_connections => 0, socket_options => {LocalAddr => $address});
    my $tell = sub (@what) { printf $ledger "%.3f %s\n", time, "@what" };
    my $ask = sub ($what, $request) {
        my $tx = $ua->post($self->{cluster}->url("/api/tavus/$what-conversation"),
            json => $request);
        return ($tx->res->code // 'none', $tx->res->json // {});
    };

    until ($stop) {
        my ($status, $json) = $ask->(create => {});
        my $id = $json->{conversation_id};
        $tell->(create => $status, $id // $json->{code} // '-');
        if ($status ne '200') {
            pause(0.3 + rand 0.5);
            next;
        }

        pause(1 + rand 5);
        $tell->(leave => '-', $id);
        for (1 .. 200) {
            ($status) = $ask->(end => {conversation_id => $id,
                end_token => $json->{end_token}});
            $tell->(end => $status, $id);
            last if $status =~ /^(?:200|202)\z/;
            pause(0.5);
        }
    }
}

sub lines ($self) {
    return map { [split / /] } map { split /\n/, slurp($_) // '' }
        glob "$self->{dir}/*";
}

sub created ($self) {
    return map { [$_->@[0, 3]] }
        grep { "@$_[1, 2]" eq 'create 200' } $self->lines;
}

sub stop ($self) {
    kill TERM => $self->{pids}->@*;
    stop_process($_, TERM => 90) for splice $self->{pids}->@*;

    my %is = (told => {}, left => {}, count => {}, odd => []);
    for ($self->lines) {
        my ($when, $what, $status, $id) = @$_;
        $is{count}{"$what $status"}++ if $what ne 'leave';
        $is{told}{$id} = $when if "$what $status" eq 'create 200';
        $is{left}{$id} = $when if $what eq 'leave';
        push $is{odd}->@*, "@$_"
            unless $status =~ /^(?:-|200|202|502|503|504|none)\z/;
    }
    return \%is;
}

sub DESTROY ($self) {
    release($self, sub { stop_process($_) for splice $self->{pids}->@* });
    return;
}

1;
