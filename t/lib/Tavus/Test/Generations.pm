package Tavus::Test::Generations;

# Configurations that differ in what must not matter, thrown as dice.
#
#   my $g = Tavus::Test::Generations->new(busy => […], keyed => {…});
#   $t->configure($g->next($t)->%*);    workers, http and locations, whole
#   $g->{bare}                          no database, no endpoint that needs it
#   $g->{journal}                       a folder, or undef
#   $g->{persona}                       {vertical => persona}
#   $g->{resized}                       how often a zone got another size
#
# Zones, limits, secrets and verticals change their order, the journal its
# folder, zones their size and capacity; keys are rotated as docs/ says, and
# one, k1, always verifies.

use v5.36;
use List::Util qw(shuffle);

my @BARE = map { ($_ => undef) } '= /api/tavus/create-conversation',
    '= /api/tavus/end-conversation', '= /api/tavus/webhook', '= /api/track',
    '= /api/contact', '/api/admin/';

sub new ($class, %opt) {
    return bless {keys => ['k1'], made => 1, resized => 0, number => 0,
        journals => ['one', 'two', 'three'], %opt}, $class;
}

sub one_of (@list) { return $list[rand @list] }

sub next ($self, $t) {
    $self->{number}++;
    $self->{bare} = $self->{number} > 1 && rand() < 0.08;

    my $journal = one_of($self->{journals}->@*, undef);
    $self->{journal} = $self->{bare} ? undef : $journal;

    my @endpoints = $self->{bare} ? @BARE : map {
        ($_ => {$t->location_defaults}->{$_}) } grep { defined }
        grep { !ref } @BARE[map { 2 * $_ } 0 .. $#BARE / 2];

    return {
        workers => 1 + int rand 3,
        http => {
            tavus_database => $self->{bare} ? undef : '"%%CONNINFO%%"',
            tavus_journal => $self->{journal} && "%%DIR%%/$self->{journal}",
            tavus_limit_zone => [shuffle(
                '$binary_remote_addr zone=create:1m rate=1000r/s '
                    . 'capacity=10000',
                'all zone=site:64k rate=1000r/s capacity=10000',
                $self->zones)],
            tavus_webhook_secret => [$self->secrets($t)],
            tavus_vertical => [$self->verticals],
        },
        locations => {@endpoints, $self->limited},
    };
}

# busy: name => size; keyed: name => {size => […], capacity => […]}
sub zones ($self) {
    my @zones = map { "all zone=$_:$self->{busy}{$_} rate=1000000r/s "
        . 'capacity=1000000' } sort keys $self->{busy}->%*;

    for my $name (sort keys $self->{keyed}->%*) {
        my $zone = $self->{keyed}{$name};
        my $size = one_of($zone->{size}->@*);
        $self->{resized}++ if ($zone->{is} //= $size) ne $size;
        $zone->{is} = $size;
        push @zones, "\$arg_key zone=$name:$size rate=1r/h capacity="
            . one_of($zone->{capacity}->@*);
    }
    return @zones;
}

sub limited ($self) {
    my $busy = join '', map { "tavus_limit zone=$_; " }
        shuffle(sort keys $self->{busy}->%*);
    return ('= /busy' => "$busy empty_gif;",
        map { ("= /$_" => "tavus_limit zone=$_; empty_gif;") }
            keys $self->{keyed}->%*);
}

# A new key is last first, then in front, and the oldest goes when it has not
# signed for some time.
sub secrets ($self, $t) {
    my $keys = $self->{keys};
    my $what = $self->{number} % 3;

    if ($what == 1) {
        push @$keys, 'k' . ++$self->{made};
    }
    elsif ($what == 2) {
        unshift @$keys, pop @$keys;
    }
    elsif (@$keys > 5) {
        my ($oldest) = sort { substr($a, 1) <=> substr($b, 1) }
            grep { $_ ne 'k1' } @$keys;
        @$keys = grep { $_ ne $oldest } @$keys;
    }

    # who does not sign may stand anywhere, but who comes next stands last
    my ($first, @rest) = @$keys;
    my $last = $what == 1 ? pop @rest : undef;
    @$keys = ($first, shuffle(@rest), $last // ());

    return map {
        'file:' . $t->secret($_, $_ eq 'k1' ? $t->webhook_secret
            : "the secret that is called $_ 0123456789") . " id=$_"
    } @$keys;
}

sub verticals ($self) {
    my @names = ('general', grep { rand() < 0.7 } map { "v$_" } 1 .. 6);
    $self->{persona} = {map { $_ => sprintf 'p%02x', ord substr $_, -1 } @names};
    return map { "$_ { persona_id $self->{persona}{$_}; }" } shuffle(@names);
}

1;
