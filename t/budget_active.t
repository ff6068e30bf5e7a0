#!/usr/bin/perl

# active: so many conversations at once, and a place is free when one ends.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my $t = Tavus::Test->new(http => {tavus_budget => 'active=2'})->start;
my ($box, $db) = ($t->sandbox, $t->db);
my $busy = [503, 'at_capacity', undef];

my @id = (granted($t, 'the first'), granted($t, 'the second'));
my $res = refused($t, 'no third', $busy);
is $res->headers->header('Retry-After'), 10, 'which may be tried again';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.requested'}), 2, 'what was refused is no event';
is $db->selectrow_array('SELECT count(*) FROM tavus.intents'), 2, 'and no intent';

end_call($t, $id[0]);
push @id, granted($t, 'another one');
refused($t, 'and no more', $busy);

my $state = $t->admin('/api/admin/budget')->json;
is_deeply $state->{active}, {used => 2, limit => 2}, 'the admin sees both';
is_deeply [map { $_->{conversation_id} } $state->{places}->@*], [@id[1, 2]],
    'and which they are';
is_deeply [$state->{day}, $state->{visitor_day}],
    [{used => 3, limit => undef}, {limit => undef}], 'other limits do not exist';

end_call($t, $id[1]);
$box->fault(path => '/v2/conversations', kind => 'status', status => 401, times => 1);
is $t->create->code, 503, 'Tavus refuses one';
push @id, granted($t, 'which holds no place');
refused($t, 'and no more', $busy);

end_call($t, $id[2]);
$box->fault(path => '/v2/conversations', kind => 'status', status => 500, times => 1);
is $t->create->code, 502, 'of one nobody knows what became';
refused($t, 'it holds its place', $busy);

done_testing;
