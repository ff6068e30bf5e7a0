#!/usr/bin/perl

# A file that is replayed and cannot be removed is not replayed again, holds up
# no other, and is spoken of once.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0, log_level => 'notice',
    http => {tavus_journal => '%%DIR%%/journal'},
    locations => {'= /metrics' => 'tavus_metrics;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $dir = $t->dir . '/journal';
my $metric = sub ($name) {
    my ($n) = $t->get('/metrics')->body =~ /^tavus_$name (\d+)/m;
    return $n;
};
my $count = sub { $t->db->selectrow_array(
    'SELECT count(*) FROM tavus.events') };

# two records, of which the second is damaged: what is set aside can not be
# written there either
$t->pg->stop;
wait_ok { $t->webhook(tavus_event('system.replica_joined', 'whole'))
    ->code == 200 && scalar(() = glob "$dir/*.journal") } 'journaled';
is $t->webhook(tavus_event('system.replica_joined', 'damaged'))->code, 200;
my ($file) = glob "$dir/*.journal";
open my $fh, '+<', $file or die $!;
seek $fh, -20, 2;
print $fh 'x';
close $fh;

chmod 0500, $dir;
$t->pg->start;
wait_ok { $count->() == 1 } 'stored', 20;
my $said = qr/\[crit\].*\Q$file\E": writing damaged bytes failed, what is in it is stored/;
wait_ok { $t->grep_log($said) } 'it cannot be removed, which is said';

# another try comes after 5 s
my $batches = $metric->('batches_total');
ok !(wait_for { $metric->('batches_total') > $batches } 6),
    'it is not replayed again';
is scalar(() = $t->grep_log($said)), 1, 'nor spoken of';
is $metric->('journal_records'), 0, 'its records are stored';
ok -e $file, 'but it is there';

chmod 0700, $dir;
wait_ok { !-e $file } 'it goes when it can', 15;
is $metric->('journal_replayed_records_total'), 1, 'counted once';
is scalar(() = glob "$dir/*.damaged"), 1, 'what was damaged is kept';

# others go on meanwhile: a file that only its owner could remove
SKIP: {
    skip 'only root gives a folder to somebody else', 6 if $> != 0;

    my @owner = (stat $dir)[4, 5];
    $t->pg->stop;
    wait_ok { $t->webhook(tavus_event('system.replica_joined', 'stuck'))
        ->code == 200 && scalar(() = glob "$dir/*.journal") } 'journaled';
    my ($file) = glob "$dir/*.journal";
    chmod 01777, $dir;
    chown 0, 0, $dir, $file;
    $t->pg->start;
    wait_ok { $t->grep_log(qr/\[crit\].*\Q$file\E": unlink/) } 'stuck', 20;
    $t->pg->stop;
    wait_ok { $t->webhook(tavus_event('system.replica_joined', 'next'))
        ->code == 200 } 'another file';
    $t->pg->start;
    wait_ok { $count->() == 3 && !grep { $_ ne $file } glob "$dir/*.journal" }
        'is replayed and removed', 20;
    ok -e $file, 'beside the one that cannot be';
    chown @owner, $dir, $file;
    wait_ok { !-e $file } 'which goes when it can', 15;
}

# a disk that has become read-only
SKIP: {
    my $disk = $t->dir . '/disk';
    mkdir $disk or die $!;
    skip 'only root mounts', 5 if $> != 0
        || system('mount', '-t', 'tmpfs', 'tmpfs', $disk) != 0;

    $t->configure(http => {tavus_journal => "$disk/journal"})
        ->reload(drained => 1);
    $t->pg->stop;
    wait_ok { $t->webhook(tavus_event('system.replica_joined', 'disk'))
        ->code == 200 && scalar(() = glob "$disk/*/*.journal") } 'journaled';
    ok $t->stop, 'stopped';
    is system('mount', '-o', 'remount,ro', $disk), 0, 'read-only';
    $t->pg->start;
    $t->{nginx}->start;
    wait_ok { $count->() == 4 } 'stored all the same', 20;
    wait_ok { $t->grep_log(
        qr{\[crit\].*/disk/.*unlink\(\) failed, what is in it is stored}) }
        'and said';
    $t->stop;
    system('umount', $disk);
}

done_testing;
