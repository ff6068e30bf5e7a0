#!/usr/bin/perl

# A destination that nobody has configured any more keeps its place, and is
# shown behind; but the metrics by which somebody is woken leave it out.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new(locations => {
    '= /healthz' => 'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;',
    '= /metrics' => 'tavus_metrics;'});
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;', gone => 'events *;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';
my $metric = sub ($name) {
    ($t->get('/metrics')->body =~ /^tavus_log_$name (\d+)$/m)[0] // -1 };
my $looks = sub { ($t->get('/metrics')->body
    =~ /^tavus_upkeep_total\{operation="log",result="ok"\} (\d+)$/m)[0] // 0 };

$t->db->do(q{UPDATE tavus.destinations SET paused_until = now() + interval '1 h'
    WHERE name = 'gone'});
$d->track('page_view', consent => 'granted', n => 3);
wait_ok { $d->idle('crm') } 'one has all';
$t->db->do(q{UPDATE tavus.log SET at = at - interval '1 h'});
wait_ok { $metric->('lag_seconds') >= 3600 } 'the other is behind', 40;
is $metric->('lag_events'), 3;

$d->configured(crm => 'events *;');
$t->reload(drained => 1);
my $looked = $looks->();
wait_ok { $looks->() > $looked } 'it is looked at', 40;
is $metric->('lag_seconds'), 0, 'when it is gone it wakes nobody';
is $metric->('lag_events'), 0;
my ($cursor) = grep { $_->{name} eq 'deliver:gone' }
    $t->admin('/healthz?full')->json->{database}{log}{cursors}->@*;
is $cursor->{events}, 3, 'health shows it';
is $d->destination('gone')->{lag}{events}, 3, 'and so does the admin API';

$d->configured(crm => 'events *;', gone => 'events *;');
$t->reload(drained => 1);
wait_ok { $metric->('lag_events') == 3 } 'when it is back it counts', 40;

done_testing;
