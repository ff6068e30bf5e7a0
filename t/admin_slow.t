#!/usr/bin/perl

# A query that PostgreSQL cannot answer in time is refused alone: who waits
# behind it on the same connection is answered.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);

my $t = Tavus::Test->new(sandbox => 0, http => {tavus_journal => '%%DIR%%/journal',
    tavus_store_timeout => '1s'}, locations => {'= /healthz' =>
    'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'ready';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;

my $auth = 'Authorization: ' . $t->admin_headers->{Authorization};

sub ask {
    my ($path) = @_;
    return $t->socket->send("GET $path HTTP/1.1\r\nHost: x\r\n$auth\r\n\r\n");
}

sub backend {
    return $t->db->selectrow_array(q{SELECT string_agg(pid::text, ' ')
        FROM pg_stat_activity WHERE query ~ 'tavus\.(admin_|health\()'
        AND pid <> pg_backend_pid()});
}

my $before = backend();
my $lock = $t->pg->connect(AutoCommit => 0);
$lock->do('LOCK TABLE tavus.conversations IN ACCESS EXCLUSIVE MODE');

my @slow = map { ask("/api/admin/conversations$_") } '', '/c1';
$t->settle;
my @gone = map { ask('/api/admin/conversations?limit=1') } 1 .. 5;
$t->settle;
my @innocent = map { ask($_) } '/api/admin/events', '/api/admin/events?q=c1',
    '/healthz?full';
$t->settle;
$_->abort for @gone;

is +($innocent[2]->response(2) // {})->{status}, 200,
    'health does not wait for them';
# the journal has that they were looked at
for (@slow) {
    my $res = $_->response(15) // {body => '{}'};
    is_deeply [$res->{status}, decode_json($res->{body})->{code}],
        [503, 'query_timeout'], 'locked out for too long';
}
for (@innocent[0, 1]) {
    my $res = $_->response(15) // {body => '{}'};
    is $res->{status}, 200, 'who waits behind two of them is answered';
    is scalar(decode_json($res->{body})->{events}->@*), 1;
}
is backend(), $before, 'by the same session';

# ---- health: late itself, it is answered without, and harms nobody
$lock->rollback;
wait_ok { $t->admin('/healthz?full')->json->{database}{answered} } 'nobody else asks';
$lock->do('LOCK TABLE tavus.quarantine IN ACCESS EXCLUSIVE MODE');
my $health = ask('/healthz?full');
$t->settle;
my $events = ask('/api/admin/events');
my $res = $health->response(2) // {body => '{}'};
is $res->{status}, 200;
is decode_json($res->{body})->{database}{answered}, Mojo::JSON::false,
    'health waits half a second';
$lock->rollback;
is +($events->response(5) // {})->{status}, 200, 'who came meanwhile';
wait_ok { $t->admin('/healthz?full')->json->{database}{answered} } 'answered';
is backend(), $before, 'by the same session';
unlike $t->error_log, qr/query timed out|connected to database/,
    'no connection was lost';

done_testing;
