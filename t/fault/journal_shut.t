#!/usr/bin/perl

# A journal whose folder the worker may not write to takes nothing: health
# says so before the first event is refused, not after, and goes on saying it.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0, log_level => 'notice',
    http => {tavus_journal => '%%DIR%%/journal'},
    locations => {'= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $dir = $t->dir . '/journal';
my $files = sub { scalar(() = glob "$dir/*.journal") };
my $health = sub { $t->get('/healthz')->code };
my $writable = sub { $t->admin('/healthz?full')->json->{journal}{writable} };
my $event = sub ($id) {
    $t->webhook(tavus_event('system.replica_joined', $id))->code };

for my $mode (0, 0500) {
    subtest sprintf('a folder of mode %04o', $mode) => sub {
        wait_ok { $writable->() } 'as it should be', 15;
        chmod $mode, $dir;
        wait_ok { !$writable->() } 'seen with nobody asking for it', 15;
        is $health->(), 200, 'there is the database';

        $t->pg->stop;
        wait_ok { $health->() == 503 } 'nothing can be accepted', 15;
        is $event->("refused-$mode"), 503, 'nor is it';
        # for longer than a try is put off
        ok !(wait_for { $health->() == 200 } 3), 'and health stays with it';
        is $files->(), 0, 'no file';

        chmod 0700, $dir;
        wait_ok { $health->() == 200 } 'it can, once the folder is right', 15;
        is $event->("taken-$mode"), 200, 'and does';

        # the file is open, and needs no folder
        chmod $mode, $dir;
        wait_ok { $t->admin('/healthz?full')->json->{journal}{unreadable}
            || $mode } 'the folder is looked at', 15;
        is $event->("open-$mode"), 200, 'into the file that is open';
        is $health->(), 200;
        chmod 0700, $dir;

        $t->pg->start;
        wait_ok { !$files->() } 'replayed', 30;
        is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events WHERE
            conversation_id IN (?, ?)}, {}, "taken-$mode", "open-$mode"), 2;
        done_testing;
    };
}
done_testing;
