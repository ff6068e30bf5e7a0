#!/usr/bin/perl

# What nobody who listens wants is not read.  Who joins meanwhile, whatever they
# want, miss nothing of it; and who hears nothing learns where to go on from.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(suspend);
use Tavus::Test::Tail;

my $t = Tavus::Test->new(sandbox => 0, workers => 1)->start;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
my $seed = $ENV{SEED} // int rand 1e9;
srand $seed;
note "SEED=$seed";
my $db = $t->db;

my @types = qw(system.replica_joined conversation.utterance);
my @calls = map { "c$_" } 1 .. 20;
sub any { return $_[rand @_] }
sub store {
    my ($type, $call) = @_;
    $t->webhook(tavus_event($type, $call))->code == 200 or die 'not stored';
    return;
}

# of the log, after the place at which one began to listen
sub due {
    my ($place, %wanted) = @_;
    my (undef, $pos, $ord) = split /\./, $place;
    return join ' ', $db->selectcol_arrayref(q{
        SELECT e.id FROM tavus.log l, unnest(l.ids) WITH ORDINALITY AS i (id, ord), tavus.events e
         WHERE (l.pos, i.ord) > (?, ?) AND e.id = i.id AND e.event_type !~ '^admin'
           AND e.conversation_id = coalesce(?, e.conversation_id)
           AND e.event_type = coalesce(?, e.event_type)
         ORDER BY l.pos, i.ord}, {}, $pos, $ord, @wanted{qw(conversation_id event_type)})->@*;
}
sub heard { my ($tail) = @_; return join ' ', $tail->read->ids }

my @tails;
sub join_in {
    my ($place, %wanted) = @_;
    my $tail = Tavus::Test::Tail->new($t, last => $place, query => join '&',
        'source=tavus', map { "$_=$wanted{$_}" } sort keys %wanted);
    push @tails, [$tail, $place, \%wanted];
    return $tail;
}

my $one = join_in(undef, conversation_id => 'c1');
my $other = join_in(undef, conversation_id => 'c2', event_type => $types[0]);
ok $_->wait_last, 'one listens' for $one, $other;
my %place = map { $_ => $_->last } $one, $other;
store($types[0], any(@calls)) for 1 .. 60;
store($types[$_], 'c1'), store($types[$_], 'c2') for 0, 1;
wait_ok { heard($one) eq due($place{$one}, conversation_id => 'c1') } 'of a conversation';
wait_ok { heard($other) eq due($place{$other}, conversation_id => 'c2', event_type => $types[0]) }
    'and of a type';

# each goes on from where one of them is
for (1 .. 80) {
    join_in($tails[rand @tails][0]->last, rand() < 0.8 ? (conversation_id => any(@calls)) : (),
        rand() < 0.5 ? (event_type => any(@types)) : ());
    store(any(@types), any(@calls)) for 1 .. rand 6;
    $_->[0]->read for @tails;
    (splice @tails, 2 + rand(@tails - 2), 1)->[0]->close if rand() < 0.3;
}
my ($n, @wrong) = (0);
for (@tails) {
    my ($tail, $place, $wanted) = @$_;
    $place //= $place{$tail};
    wait_for { heard($tail) eq due($place, %$wanted) } 10
        or push @wrong, "$tail->{opt}{query}: " . heard($tail) . ' of ' . due($place, %$wanted);
    $n += () = $tail->ids;
}
is_deeply \@wrong, [], 'each hears what is theirs';
cmp_ok $n, '>', 200, "$n events";
$_->[0]->close for @tails;

# a page that was asked for before somebody came is not theirs
$one = join_in(undef, conversation_id => 'c1');
ok $one->wait_last, 'one listens again';
for my $round (1 .. 5) {
    my $backend;
    wait_ok { ($backend) = $db->selectrow_array(q{SELECT pid FROM pg_stat_activity
        WHERE query LIKE '%tavus.tail_page%' AND pid <> pg_backend_pid()}) } 'asked for';
    my $place = $one->read->last;
    suspend($backend);
    store($types[0], $_) for qw(c1 c2 c1 c2);
    my $late = join_in($place, conversation_id => 'c2');
    is $late->status, 200, 'another one comes';
    kill CONT => $backend;
    wait_ok { heard($late) eq due($place, conversation_id => 'c2') } 'and hears all';
    $late->close;
}
$one->close;

my $quiet = Tavus::Test::Tail->new($t, query => 'source=stripe');
ok $quiet->wait_last, 'one who is to hear nothing';
my $place = $quiet->last;
store($types[0], 'c1') for 1 .. 3;
wait_ok { $quiet->read->last ne $place } 'learns how far it is', 60;
is scalar($quiet->events), 0, 'by no event';

done_testing;
