#!/usr/bin/perl

# What comes after an erasure stays erased: redelivered, replayed from the
# journal of another node, fetched from Tavus, or told by Stripe; and what was
# under way to a destination leaves nothing behind.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Erase;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Sandbox;

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my ($far, $near) = map { Tavus::Test::Node->new($_, $pg, $box,
    http => {tavus_repair => 'rate=10r/s'}) } qw(far near);
my $d = Tavus::Test::Deliver->new($near->t,
    crm => 'events * contact.submitted; consent not_needed; timeout 20s;');
$_->t->start for $far, $near;
my $t = $near->t;
wait_ok { $d->ready && $far->t->get('/healthz')->code == 200 } 'ready';

sub count ($sql, @args) { return scalar $t->db->selectrow_array($sql, undef, @args) }

# ---- a callback that is redelivered, and a new one, at another node
my $id = $t->create(vertical => 'legal', session_id => 'session-of-ada')->json
    ->{conversation_id};
my $said = tavus_event('conversation.utterance', $id, {speech => 'wombats of Ada'});
is $t->webhook($said)->code, 200, 'something is said';

# ---- what another node has in its journal
$far->cut;
is $far->t->webhook(tavus_event('conversation.utterance', $id,
    {speech => 'wombats in a journal'}))->code, 200, 'a callback elsewhere';
is $far->t->post('/api/contact', {name => 'Ada', email => 'ada@example.com',
    message => 'wombats in a form', session_id => 'session-of-ada'})->code, 200,
    'a form, which no database has seen';

# ---- what is on its way
$box->fault(path => '/hooks', kind => 'delay', ms => 3000);
is $t->post('/api/contact', {name => 'Ada', email => 'ada@example.com',
    message => 'wombats on their way', session_id => 'session-of-ada'})->code,
    200, 'a form';
wait_ok { count(q{SELECT count(*) FROM tavus.flights WHERE due_at > now()}) }
    'something is claimed';
$box->fault(path => '/hooks', kind => 'status', status => 422,
    body => 'wombats on their way');

# Tavus has its copy yet
$box->fault(path => "/v2/conversations/$id/end", kind => 'status',
    status => 500);

erased($t, 'visitors/session-of-ada?kind=session');
erased($t, 'visitors/ada%40example.com');
is_deeply [found($t, 'wombat')], [], 'all of it is erased';

is $t->webhook($said)->code, 200, 'redelivered, it is taken';
is $t->webhook(tavus_event('application.transcription_ready', $id,
    {transcript => [{role => 'user', content => 'late wombats'}]}))->code, 200,
    'a late transcript';
$far->mend;
wait_ok { !glob $far->t->dir . '/journal/*.journal' } 'the journal is replayed',
    60;
is_deeply [found($t, 'wombat')], [], 'nothing of it is stored';
is_deeply [found($t, 'ada@example.com')], [], 'nor whose it was';

# ---- repair
ok !count('SELECT count(*) FROM tavus.conversations WHERE id = ?
    AND repair_at IS NOT NULL', $id), 'Tavus is not asked about it';
$t->db->do('UPDATE tavus.conversations SET repair_at = now(),
    repair_tries = 0 WHERE id = ?', undef, $id);
wait_ok { !count('SELECT count(*) FROM tavus.conversations WHERE id = ?
    AND repair_at <= now()', $id) } 'and where it is', 30;
wait_ok { grep { $_->{method} eq 'GET' } $box->calls("/v2/conversations/$id") }
    'it tells what it has';
is count('SELECT count(*) FROM tavus.events WHERE conversation_id = ?', $id),
    0, 'what it tells is not stored';

# ---- what was on its way
$box->no_faults;
wait_ok { $d->idle } 'all is told of', 60;
is_deeply [found($t, 'wombat')], [], 'what came back of it is not kept';

# ---- who comes again is welcome
is $t->post('/api/contact', {name => 'Ada', email => 'ada@example.com',
    message => 'Hello again'})->code, 200, 'she writes again';
wait_ok { grep { $_->{message} eq 'Hello again' }
    $t->admin('/api/admin/leads')->json->{leads}->@* } 'which is a lead';
done_testing;
