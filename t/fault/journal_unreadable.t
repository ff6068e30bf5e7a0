#!/usr/bin/perl

# What is named like a journal and can not be read is no secret: the log names
# file and cause, metrics and health count it, and the sweep says that it
# waits.  Put right, it is replayed.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(log_level => 'notice',
    http => {tavus_journal => '%%DIR%%/journal'},
    locations => {'= /metrics' => 'tavus_metrics;', '= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $dir = $t->dir . '/journal';
my $count = sub { my ($n) = $t->get('/metrics')->body
    =~ /^tavus_journal_unreadable_files (\d+)/m; return $n };
my $health = sub { $t->admin('/healthz?full')->json->{journal} };

is $count->(), 0, 'none';
is $health->()->{unreadable}, 0;

# a worker's file, then somebody else's
$t->pg->stop;
wait_ok { $t->webhook(tavus_event('system.replica_joined', 'c1'))->code == 200
    && scalar(() = glob "$dir/*.journal") } 'journaled';
ok $t->stop, 'stopped';
my ($file) = glob "$dir/*.journal";
my @owner = (stat $file)[4, 5];
$> == 0 ? chown(0, 0, $file) : chmod 0, $file;
$t->pg->start;
$t->{nginx}->start;

my $denied = '(13: Permission denied)';
wait_ok { $t->grep_log(
    qr/\[crit\].* journal "\Q$file": open() failed $denied\E/) }
    'the log names it, and the cause';
wait_ok { $count->() == 1 } 'counted';
is $health->()->{unreadable}, 1, 'health counts it';
like $health->()->{unreadable_file}, qr/\Q$file\E.*Permission denied/;
is $health->()->{files_of_all}, 1;
wait_ok { $t->grep_log(qr/\[warn\].* unsettled conversations of this node are not judged.* 1 of them cannot be read/) }
    'the sweep says why it waits', 20;
is scalar(() = $t->grep_log(qr/\Q$file": open() failed\E/)), 1,
    'not with every look';

# others that are none, each of its kind
symlink $file, "$dir/link.journal" or die $!;
mkdir "$dir/folder.journal" or die $!;
system('mkfifo', '-m', '0666', "$dir/fifo.journal") == 0 or die;
my $long = 'x' x 140 . '.journal';
open my $fh, '>', "$dir/$long" or die $!;
chown @owner, "$dir/fifo.journal", "$dir/$long";
wait_ok { $count->() == 5 } 'all are counted', 15;
wait_ok { $t->grep_log(qr/\[crit\].*and 4 more/) } 'and said';

# the folder itself
chmod 0, $dir;
wait_ok { $count->() == 1 } 'a folder that cannot be read is counted', 15;
like $health->()->{unreadable_file}, qr/"\Q$dir": opendir() failed $denied\E/,
    'and named';
chmod 0700, $dir;

# put right
unlink "$dir/link.journal", "$dir/fifo.journal", "$dir/$long";
rmdir "$dir/folder.journal";
$> == 0 ? chown(@owner, $file) : chmod 0600, $file;
wait_ok { $t->db->selectrow_array('SELECT count(*) FROM tavus.events') == 1 }
    'what was in it arrives', 20;
wait_ok { $count->() == 0 } 'none is left', 15;
is $health->()->{unreadable}, 0;
ok !-e $file;

done_testing;
