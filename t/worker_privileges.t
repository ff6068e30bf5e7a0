#!/usr/bin/perl

# Workers run as a user that cannot read a secret, and that writes nowhere but
# in the journal's folder and nginx's temporary ones, for its own eyes.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(alive slurp spawn);
use File::Find;

plan skip_all => 'takes root to start workers as another user' if $> != 0;

my $t = Tavus::Test->new(sandbox => 0, http => {
    tavus_journal => '%%DIR%%/journal max_size=64m',
    tavus_store_timeout => '300ms',
    client_body_buffer_size => '1k'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my ($worker) = $t->workers;
my ($uid, $gid) = (getpwnam 'www-data')[2, 3];

like slurp("/proc/$worker/status"), qr/^Uid:\s+($uid\s+){4}/m, 'its user';
like slurp("/proc/$worker/status"), qr/^Gid:\s+($gid\s+){4}/m, 'its group';
like slurp("/proc/$worker/status"), qr/^CapEff:\s+0+$/m, 'no capability';

# bodies in files, and events in the journal
$t->pg->freeze;
is $t->webhook(tavus_event('system.replica_joined', "c$_",
    {text => 'x' x 100_000}))->code, 200, 'in the journal' for 1 .. 3;

# as that user would
sub may ($flag, $path) {
    my $pid = spawn(['/usr/bin/test', $flag, $path], user => 'www-data');
    waitpid $pid, 0;
    my $may = $? == 0;
    Tavus::Test::Process::unwatch(pid => $pid);
    return $may;
}

my (@secret, @writable, @open);
find({no_chdir => 1, wanted => sub {
    my $path = $File::Find::name =~ s/^\Q@{[$t->dir]}\E\/?//r;
    push @secret, $path if $path =~ m{^secrets/|nginx\.conf\z}
        && may('-r', $File::Find::name);
    return if $path =~ m{^(?:journal|tmp/\w+)(?:/|\z)};
    push @writable, $path if may('-w', $File::Find::name);
}}, $t->dir);
is_deeply \@secret, [], 'neither secrets nor the configuration are readable';
is_deeply \@writable, [], 'nothing is writable but journal and tmp';
ok may('-r', $t->dir . '/html/index.html'), 'the site is readable';

my @journal = glob $t->dir . '/journal/*';
ok scalar @journal, 'there is a journal';
for ($t->dir . '/journal', @journal, glob $t->dir . '/tmp/*') {
    my ($mode, $owner) = (stat)[2, 4];
    is $owner, $uid, "$_ is the worker's";
    is $mode & 077, 0, 'and nobody else\'s';
}

# what it has open for writing: those, and logs that others opened for it
for my $fd (glob "/proc/$worker/fd/*") {
    my $file = readlink $fd or next;
    my ($flags) = (slurp($fd =~ s{/fd/}{/fdinfo/}r) // '') =~ /^flags:\s+0*(\d+)/m;
    push @open, $file if $file =~ m{^/(?!dev/|proc/)} && oct($flags // 0) & 3;
}
my $dir = $t->dir;
is_deeply [grep { !m{^\Q$dir\E/(?:journal/|tmp/|(?:error|access|stderr)\.log)} }
    @open], [], 'no other file is open for writing' or diag explain \@open;
ok scalar(grep { m{/journal/} } @open), 'the journal is';

$t->pg->thaw;
wait_ok { $t->db->selectrow_array('SELECT count(*) FROM tavus.events') == 3 }
    'and it is replayed', 30;

done_testing;
