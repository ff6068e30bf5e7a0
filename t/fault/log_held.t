#!/usr/bin/perl

# A transaction of intake that does not end holds up who reads on, not intake:
# health, metrics and the error log say since when, and who it is.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Log qw(event_id store);
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new(config => ['max_prepared_transactions=5']);
my $t = Tavus::Test->new(db => $pg, sandbox => 0, workers => 1,
    locations => {
        '= /healthz' => 'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;',
        '= /metrics' => 'tavus_metrics;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $log = sub { $t->admin('/healthz?full')->json->{database}{log} };
my $metric = sub ($name) {
    ($t->get('/metrics')->body =~ /^tavus_log_$name (\d+)$/m)[0] };

my ($db, $writer, $other) = ($pg->db, map { $pg->connect } 1 .. 2);
$db->selectrow_array(q{SELECT tavus.cursor_make('reader', true)});
is $log->()->{held_seconds}, 0, 'nothing is held up';
ok $log->()->{past}, 'nor missing';

$writer->begin_work;
store($writer, event_id());
$writer->do(q{PREPARE TRANSACTION 'left behind'});
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
    'intake goes on';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.tail('reader', 10)}), 0,
    'nobody reads on';
$db->do(q{UPDATE tavus.log SET at = at - interval '90 s'});

cmp_ok $log->()->{held_seconds}, '>=', 90, 'health knows since when';
is $log->()->{held_by}, 'prepared transaction "left behind" of postgres', 'and who';
is_deeply [map { $log->()->{cursors}[0]{$_} } qw(name events missed)],
    ['reader', 1, 0], 'and who lags';
wait_ok { ($metric->('held_seconds') // 0) >= 90 } 'so do metrics', 30;
is $metric->('lag_events'), 1;
cmp_ok $metric->('lag_seconds'), '>=', 90;
is $metric->('missed_events'), 0;
my $said = qr/\[warn\].*read on for \d+ s: .* does not end, prepared transaction "/;
wait_ok { $t->grep_log($said) } 'and the log';

$other->do(q{SET application_name = 'by hand'});
$other->begin_work;
store($other, event_id());
$db->do(q{ROLLBACK PREPARED 'left behind'});
is $t->webhook(tavus_event('system.shutdown', 'c1'))->code, 200;
$db->do(q{UPDATE tavus.log SET at = at - interval '90 s'});
like $log->()->{held_by}, qr/\Aprocess $other->{pg_pid} of postgres, "by hand"\z/,
    'a process';
$other->rollback;
is $log->()->{held_seconds}, 0, 'it has ended';
is $log->()->{held_by}, undef;
is $db->selectrow_array(q{SELECT count(*) FROM tavus.tail('reader', 10)}), 2,
    'and all is read';
wait_ok { $metric->('held_seconds') == 0 && $metric->('lag_events') == 0 }
    'metrics know it', 30;

done_testing;
