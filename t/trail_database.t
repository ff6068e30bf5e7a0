#!/usr/bin/perl

# What cannot be told of is not done: a change whose trail the database refuses
# is undone, a look that neither database nor journal takes is refused, and one
# that the journal takes is on the trail afterwards.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json true false);

my $t = Tavus::Test->new(http => {tavus_store_timeout => '200ms',
    tavus_journal => '%%DIR%%/journal'})->start;
my $db = $t->db;
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
is $t->post('/api/contact', {name => 'Ada', email => 'ada@example.com',
    message => 'What does it cost?'})->code, 200;
my $lead;
wait_ok { $lead = $t->admin('/api/admin/leads')->json->{leads}[0] } 'a lead';

sub count {
    return $db->selectrow_array(
        'SELECT count(*) FROM tavus.events WHERE event_type = ?', undef, shift);
}
sub handled {
    return $db->selectrow_array('SELECT handled FROM tavus.leads')
        . count('lead.handled') . count('admin.lead_handled');
}
sub change {
    return $t->request(PATCH => "/api/admin/leads/$lead->{id}",
        encode_json({handled => true}), {%json});
}

# ---- the database takes no trail
$db->do(q{CREATE FUNCTION public.no_trail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.event_type LIKE 'admin.%' THEN RAISE 'no trail'; END IF; RETURN NEW; END $$});
$db->do(q{CREATE TRIGGER no_trail BEFORE INSERT ON tavus.events
    FOR EACH ROW EXECUTE FUNCTION public.no_trail()});
is change()->code, 503, 'a change is refused';
is handled(), '000', 'and undone';
$db->do('DROP TRIGGER no_trail ON tavus.events');
is change()->code, 200, 'with one it is made';
is handled(), '111', 'in one transaction';

# ---- who records cannot reach it, who asks can: the journal has the look
my $lock = $t->pg->connect(AutoCommit => 0);
$lock->do('LOCK TABLE tavus.log IN ACCESS EXCLUSIVE MODE');
is $t->admin('/api/admin/leads?handled=true')->code, 200, 'a look is answered';
is scalar(() = glob $t->dir . '/journal/*.journal'), 1, 'the journal has it';
$lock->rollback;
$lock->disconnect;
wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'admin.viewed' AND convert_from(body, 'UTF8') LIKE '%handled%'}) }
    'it is on the trail', 30;
$t->stop;

# ---- and without one it is refused
my $none = Tavus::Test->new(db => $t->pg, sandbox => $t->sandbox,
    http => {tavus_store_timeout => '200ms'})->start;
wait_ok { $none->admin('/api/admin/alerts')->code == 200 } 'ready';
$lock = $none->pg->connect(AutoCommit => 0);
$lock->do('LOCK TABLE tavus.log IN ACCESS EXCLUSIVE MODE');
my $res = $none->admin('/api/admin/orders');
is_deeply [$res->code, $res->json->{code}], [503, 'storage_unavailable'],
    'no trail, no look';
is $none->admin('/api/admin/alerts')->code, 200, 'which others need not';
$lock->rollback;

done_testing;
