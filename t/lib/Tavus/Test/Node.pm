package Tavus::Test::Node;

# A node of several on one database, which can be cut off from it.
#
#   my $node = Tavus::Test::Node->new('a', $pg, $sandbox, %options);
#   $node->t                a Tavus::Test with a journal, not started
#   $node->cut; $node->mend
#   $node->id               as the database knows it
#   $node->beats(2)         returns when it was heard of so often from now on

use v5.36;
use Carp qw(croak);

use Tavus::Test ();
use Tavus::Test::Process qw(new_dir release slurp wait_for);

sub new ($class, $name, $pg, $box, %opt) {
    my $self = bless {name => $name, pg => $pg, dir => new_dir(),
        owner => $$}, $class;
    chmod 0755, $self->{dir};
    $self->mend;

    my $http = delete $opt{http} // {};
    $self->{t} = Tavus::Test->new(db => $pg, sandbox => $box, %opt,
        http => {
            tavus_database => qq("host=$self->{dir} port=${\$pg->port} )
                . qq(dbname=tavus user=tavus_app application_name=node_$name"),
            tavus_journal       => '%%DIR%%/journal',
            tavus_store_timeout => '2s',
            tavus_api_timeout   => '8s',
            %$http,
        });
    return $self;
}

sub t ($self) { return $self->{t} }

sub link_name ($self) { return "$self->{dir}/.s.PGSQL." . $self->{pg}->port }

sub mend ($self) {
    symlink $self->{pg}->socket_dir . '/.s.PGSQL.' . $self->{pg}->port,
        $self->link_name;
    return $self;
}

# Whatever is under way may have been committed or not.
sub cut ($self) {
    unlink $self->link_name;
    $self->{pg}->db->do(q{SELECT pg_terminate_backend(pid)
        FROM pg_stat_activity WHERE application_name = ?}, undef,
        "node_$self->{name}");
    return $self;
}

sub id ($self) {
    my $id = slurp($self->{t}->dir . '/journal/.node') // '';
    chomp $id;
    return $id;
}

sub beats ($self, $n) {
    my $last = '';
    for (0 .. $n) {
        wait_for {
            my $now = $self->{pg}->db->selectrow_array(
                'SELECT max(beat_at) FROM tavus.nodes WHERE id = ?', undef,
                $self->id) // '';
            $now ne $last && ($last = $now);
        } 30 or croak 'the node is not heard of';
    }
    return $self;
}

sub DESTROY ($self) { release($self) }

1;
