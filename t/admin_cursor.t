#!/usr/bin/perl

# Walking all pages finds each event once, whatever is added meanwhile.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new->start;
my $n = 0;
my $base = time - 7200;

sub add {
    my (%at) = @_;
    my $name = 'e' . $n++;
    $t->webhook(tavus_event('system.test', 'c' . ($n % 3), {name => $name},
        %at))->code == 200 or die;
    return $name;
}

# Walks from the newest; between pages something comes in.
sub walk {
    my ($query, $limit, $between) = @_;
    my (@found, $cursor);
    for my $page (1 .. 200) {
        my $res = $t->admin("/api/admin/events?limit=$limit&$query"
            . ($cursor ? "&cursor=$cursor" : ''));
        return "status " . $res->code if $res->code != 200;
        my $json = $res->json;
        push @found, $json->{events}->@*;
        return "page of " . $json->{events}->@*
            if $json->{events}->@* > $limit;
        $cursor = $json->{next_cursor};
        return \@found unless $cursor;
        $between->() if $between;
    }
    return 'no end';
}

my @old = map { add(timestamp => now_iso(-60 + $_)) } 1 .. 53;
for my $limit (1, 7, 10, 52, 53, 54, 200) {
    my $found = walk('', $limit);
    is_deeply [map { $_->{data}{properties}{name} } @$found],
        [reverse @old], "limit $limit" or diag $found;
}
is scalar walk('conversation_id=c1', 5)->@*, 18, 'a filter with an index';
is scalar walk('q=%22e1', 3)->@*, 11, 'and one without';

my @new;
my $found = walk('', 5, sub { push @new, add() });
my %seen;
$seen{$_->{data}{properties}{name}}++ for @$found;
is_deeply [map { $seen{$_} // 0 } @old], [map { 1 } @old],
    'each of the old ones once, while newer ones come';
ok @new > 5;
ok !grep({ $seen{$_} } @new), 'the newer ones are on no later page';

# those that come late stand where their own time puts them
my @ids = map { $_->{id} } walk('', 200)->@*;
is_deeply \@ids, [reverse sort @ids], 'ids descend';
my $late;
$found = walk('', 50, sub {
    $late //= add(timestamp => now_iso(-3600));
});
is scalar(grep { $_->{data}{properties}{name} eq $late } @$found), 1,
    'a late one is met on its page';

# of the same millisecond
my $at = now_iso() =~ s/\.(...)\d*Z/.$1/r;
$t->webhook(tavus_event('system.same', 'c9', {name => "s$_"},
    timestamp => $at . sprintf '%03dZ', $_)) for 1 .. 20;
$found = walk('event_type=system.same', 3);
is join(' ', sort map { $_->{data}{properties}{name} } @$found),
    join(' ', sort map { "s$_" } 1 .. 20), 'in one millisecond';

# a cursor is any id, also one that is not there, of either case
my $cursor = $ids[9];
my $page = $t->admin("/api/admin/events?cursor=$cursor&limit=1")->json;
is $page->{events}[0]{id}, $ids[10], 'after it, not with it';
$page = $t->admin('/api/admin/events?limit=1&cursor='
    . 'ffffffff-ffff-ffff-ffff-ffffffffffff')->json;
is scalar $page->{events}->@*, 1;
$page = $t->admin('/api/admin/events?cursor='
    . '00000000-0000-0000-0000-000000000000')->json;
is_deeply $page, {events => [], next_cursor => undef}, 'the end';

done_testing;
