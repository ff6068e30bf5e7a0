#!/usr/bin/perl

# What waits in a node's journal for long, or could not be read there, is told
# by the node with its beats, and to the owner.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Alerts;
use Tavus::Test::Process qw(slurp spew);

my $alerts = Tavus::Test::Alerts->new;
my $t = $alerts->on(Tavus::Test->new(db => $alerts->pg, sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal'}))->start;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
my $db = $t->db;
my $dir = $t->dir . '/journal';

# intake alone is locked out
my ($signature) = $db->selectrow_array(
    q{SELECT oid::regprocedure FROM pg_proc WHERE proname = 'record'});
my $shut = sub { $db->do("REVOKE EXECUTE ON FUNCTION $signature FROM tavus_app") };
my $open = sub { $db->do("GRANT EXECUTE ON FUNCTION $signature TO tavus_app") };
my $post = sub ($name) {
    return $t->webhook(tavus_event('system.replica_joined', $name))->code };
my $files = sub ($suffix) { my @files = glob "$dir/*$suffix"; return @files };

$shut->();
$alerts->set(journal_old => 'threshold = 1');
is $post->('c1'), 200, 'an event';
is scalar $files->('.journal'), 1, 'is in the journal';
my $id = slurp("$dir/.node");
chomp $id;
wait_ok { $alerts->open eq "journal_old $id" } 'and has been for long', 30;
my $shown = $alerts->one('journal_old');
cmp_ok $shown->{figures}{age}, '>', 1, 'so long';
is $shown->{figures}{files}, 1;
$open->();
wait_ok { $alerts->open eq '' } 'it has come to the database', 60;
is $alerts->events('journal_old'), 'raised cleared', 'told';

# a byte in the middle of the second of three
$shut->();
$alerts->set(journal_old => 'muted = true');
is $post->("d$_"), 200 for 1 .. 3;
ok $t->stop, 'stopped with a journal';
my ($file) = $files->('.journal');
my $bytes = slurp($file);
my $at = index $bytes, 'd2';
cmp_ok $at, '>', 0, 'as it came';
substr($bytes, $at, 1) ^.= "\xff";
spew($file, $bytes, 0600);
chown +(stat $dir)[4, 5], $file;
$open->();
$t->{nginx}->start;
wait_ok { eval { $alerts->open eq "journal_damaged $id" } } 'damaged', 60;
is $alerts->one('journal_damaged')->{figures}{damaged}, 1, 'one file';
wait_ok { 3 == $db->selectrow_array('SELECT count(*) FROM tavus.events
    WHERE conversation_id IS NOT NULL') } 'the rest is stored';
my ($aside) = $files->('.damaged');
unlink $aside or die "$aside: $!";
wait_ok { $alerts->open eq '' } 'somebody has taken it away', 60;
is $alerts->events('journal_damaged'), 'raised cleared', 'told';

done_testing;
