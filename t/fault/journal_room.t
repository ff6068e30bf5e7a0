#!/usr/bin/perl

# The room of the journal is that of all workers: who adopts the files of those
# that are gone takes as much as before, and together they keep max_size.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(suspend);

my $max = 16 * 1024 * 1024;
my $t = Tavus::Test->new(sandbox => 0, http => {
    tavus_store_timeout => '200ms',
    tavus_journal => '%%DIR%%/journal max_size=16m'},
    locations => {'= /metrics' => 'tavus_metrics;'})->start;

# a connection each: it is the kernel's to say whose
my @alone = (Connection => 'close');
wait_ok { $t->get('/healthz', {@alone})->code == 200 } 'ready';

my (%acked, $n);
my $send = sub ($size) {
    my $id = 'c' . ++$n;
    my $code = $t->webhook(tavus_event('application.transcription_ready', $id,
        {text => 'x' x $size}), @alone)->code;
    $acked{$id} = 1 if $code == 200;
    return $code;
};
my $on_disk = sub {
    my $sum = 0;
    $sum += -s for glob $t->dir . '/journal/*.journal';
    return $sum;
};

# only this one of the workers takes what comes
my $through = sub ($pid, $what) {
    my @others = grep { $_ != $pid } $t->workers;
    suspend(@others);
    my $got = $what->();
    kill CONT => @others;
    return $got;
};

$t->pg->stop;
is $send->(5_000_000), 200, 'journaled' for 1, 2;
ok $t->stop, 'ended';
cmp_ok $on_disk->(), '>', 10_000_000, 'that is left: more than half';

$t->{nginx}{workers} = 2;
$t->configure;
$t->{nginx}->start;
wait_ok { $t->workers == 2 } 'two workers';
wait_ok { $t->grep_log(qr/of a worker that is gone is adopted/) } 'adopted', 20;
my $counted = sub {
    my ($bytes) = $t->get('/metrics', {@alone})->body =~ /^tavus_journal_bytes (\d+)$/m;
    return $bytes;
};
wait_ok { $counted->() == $on_disk->() } 'it counts';

my @workers = $t->workers;
for my $pid (@workers) {
    is $through->($pid, sub { $send->(100) }), 200, 'either has room';
    is $through->($pid, sub { $send->(1_000_000) }), 200, 'and for more';
}

my %refused;
for (1 .. 20) {
    my $pid = $workers[$_ % 2];
    $refused{$pid}++ if $through->($pid, sub { $send->(700_000) }) == 503;
}
is scalar keys %refused, 2, 'when it is full, it is for both';
cmp_ok $on_disk->(), '<=', $max, 'max_size is kept';
cmp_ok $on_disk->(), '>', $max - 800_000, 'and can be used';
is $through->($_, sub { $send->(100) }), 200, 'a small one fits' for @workers;

$t->pg->start;
wait_ok { !$on_disk->() } 'replayed', 60;
is_deeply [sort $t->db->selectcol_arrayref(
    'SELECT conversation_id FROM tavus.events')->@*], [sort keys %acked],
    'what was acknowledged';
wait_ok { $counted->() == 0 } 'nothing counts any more';

# a worker that was killed leaves its part to who adopts it
$t->allow_alerts(qr/exited on signal 9/);
$t->pg->stop;
wait_ok { $send->(5_000_000) == 200 } 'journaled again', 15;
my $before = $on_disk->();
kill KILL => @workers;
wait_ok { 2 == grep { my $w = $_; !grep { $_ == $w } @workers } $t->workers }
    'others', 20;
wait_ok { $counted->() == $before } 'have it', 20;
is $send->(4_000_000), 200, 'and there is room';
$t->pg->start;
wait_ok { !$on_disk->() } 'replayed', 60;

done_testing;
