#!/usr/bin/perl

# The commands of docs/operate/backup.md, as they stand there: a dump while
# nginx is at work, a cluster that is lost, and a new one, first in the wrong
# order.  Only folders of this machine are others.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw($ROOT slurp spew);
use File::Path qw(make_path remove_tree);

my $old = Tavus::Test::Pg->new;
my $new = Tavus::Test::Pg->new(schema => 0);
my $t = Tavus::Test->new(db => $old, locations => {'= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'},
    http => {tavus_journal => '%%DIR%%/var/tavus/journal',
        tavus_database => '"' . Tavus::Test::Pg::conninfo_of($old, $new)
            . '"'});
my $dir = $t->dir;
make_path("$dir/var/tavus", "$dir/etc/tavus");
spew("$dir/etc/tavus/db.password", "a password's \"own\" \\ \$(signs)\n", 0600);
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# ---- the page --------------------------------------------------------------

my %block;
my $page = slurp("$ROOT/docs/operate/backup.md");
my $heading = '';
for ($page =~ /^## [^\n]*|^ *```bash\n.*?^ *```$/gms) {
    if (/^## (.*)/) { $heading = $1; next }
    my ($indent, $text) = /\A( *)```bash\n(.*?)^ *```\z/ms;
    push $block{$heading}->@*, $text =~ s/^$indent//gmr;
}
my @save = $block{'Making one'}->@*;
my @restore = $block{'Restoring one'}->@*;
is scalar @save, 2, 'the page has two steps to save';
is scalar @restore, 7, 'and seven to restore';
my ($again) = ($block{'Restored in the wrong order'} // [])->@*;
ok $again, 'and one to begin anew';

# As a superuser of that cluster; (status, output).
sub shell ($pg, $text) {
    my %place = ('/var/backups/tavus' => "$dir/backup",
        '/var/lib/tavus' => "$dir/var/tavus");
    $text =~ s/\Q$_\E/$place{$_}/g for keys %place;
    $text =~ s{/etc\b}{$dir/etc}g;
    local @ENV{qw(PGHOST PGPORT PGUSER)}
        = ($pg->socket_dir, $pg->port, 'postgres');
    spew("$dir/block.sh", $text);
    my $out = qx{cd '$ROOT' && bash -euo pipefail '$dir/block.sh' 2>&1};
    return ($? >> 8, $out);
}

sub works ($pg, $text, $what) {
    my ($rc, $out) = shell($pg, $text);
    is $rc, 0, $what or diag $out;
    return $out;
}

# ---- as it was -------------------------------------------------------------

my $shape = q{SELECT string_agg(l, E'\n' ORDER BY l COLLATE "C") FROM (
    SELECT concat_ws(' ', oid::regprocedure, proowner::regrole, prosecdef,
           (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(proacl) a))
      FROM pg_proc WHERE pronamespace = 'tavus'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', relname, relkind, relowner::regrole,
           (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(
                coalesce(relacl, acldefault('r', relowner))) a))
      FROM pg_class WHERE relnamespace = 'tavus'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', nspname, nspowner::regrole, (SELECT array_agg(
           a::text ORDER BY a::text) FROM unnest(nspacl) a))
      FROM pg_namespace WHERE nspname = 'tavus') x (l)};
my $before = $old->db->selectrow_array($shape);

my @events = map { tavus_event('system.replica_joined', "c$_") } 1 .. 6;
is $t->webhook($events[$_])->code, 200 for 0 .. 2;
my $made = $t->create(vertical => 'legal');
is $made->code, 200;
my $id = $made->json->{conversation_id};
wait_ok { $old->db->selectrow_array(q{SELECT count(*) FROM tavus.conversations
    WHERE id = ?}, undef, $id) } 'and is recorded';

works($old, $save[0], 'the dump, while nginx is at work');
is((stat "$dir/backup/tavus.dump")[2] & 077, 0, 'is its owner\'s alone');

# ---- lost ------------------------------------------------------------------

$old->kill;
is $t->webhook($events[$_])->code, 200, 'into the journal' for 3, 4;
ok $t->stop, 'nginx is stopped as well';
ok scalar(() = glob "$dir/var/tavus/journal/*.journal"), 'with a journal';
works($old, $save[1], 'which is saved');
remove_tree("$dir/var/tavus/journal", "$dir/etc/tavus");

# nginx works on a new machine, and finds the new cluster by itself
$t->{nginx}->start;
wait_ok { $t->get('/healthz')->code == 200 } 'nginx is up, without a database';
is $t->webhook($events[5])->code, 200, 'an event meanwhile';

# ---- in the wrong order ----------------------------------------------------

my ($rc, $out) = shell($new, "createdb -E UTF8 -T template0 tavus\n"
    . "pg_restore -d tavus /var/backups/tavus/tavus.dump\n");
isnt $rc, 0, 'a dump without roles';
like $out, qr/role "tavus_owner" does not exist/;
my ($install) = grep { /install\.sql/ } @restore;
($rc, $out) = shell($new, $install);
isnt $rc, 0, 'install.sql refuses what it has made';
like $out, qr/ERROR:  tavus_owner does not own what is in schema tavus: the/;
like $out, qr{^HINT:.*\bdocs/operate/backup\.md}m, 'and says where to look';
wait_ok { $t->grep_log(qr/\(record\): .*role "tavus_app" does not exist/) }
    'nginx is refused';
works($new, $restore[0] =~ s/^createdb.*//mr, 'roles that come too late');
wait_ok { $t->admin('/healthz?full')->json->{database}{error}
    =~ /permission denied for schema tavus/ } 'do not help', 30;
is $t->get('/healthz')->code, 200, 'and goes on';
works($new, $again, 'it is taken away');

# ---- as the page has it ----------------------------------------------------

# what was saved is put beside what is there now, whose owner is nginx's user
my @steps = @restore;
my $journal = (grep { $steps[$_] =~ /journal\.tgz/ } 0 .. $#steps)[0];
my $n = 0;
for my $step (@steps) {
    ok $t->stop, 'nginx stops for its journal' if $n == $journal;
    $out = works($new, $step, 'step ' . ++$n);
    $t->{nginx}->start if $n == $journal + 1;
}
is $out, "0\n", 'tavus_owner owns every function';

my $db = $new->connect(db => 'tavus');
is $db->selectrow_array($shape), $before, 'rights and owners are as before';
like $db->selectrow_array(q{SELECT rolpassword FROM pg_authid
    WHERE rolname = 'tavus_app'}), qr/^SCRAM-SHA-256/, 'a password is there';

my $count = sub {
    $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'system.replica_joined'});
};
wait_ok { $count->() == 6 } 'all events are there', 30
    or diag $count->();
wait_ok { !(() = glob "$dir/var/tavus/journal/*.journal") }
    'and none is left in a journal', 30;
is $t->webhook($_)->code, 200, 'sent again' for @events;
is $count->(), 6, 'and known';

my $res = $t->admin("/api/admin/conversations/$id");
is $res->code, 200, 'the admin finds the conversation';
is $res->json->{url}, $made->json->{conversation_url}, 'as it was made';
is $t->create(vertical => 'legal')->code, 200, 'and more can be made';
is $t->admin('/healthz?full')->json->{database}{schema_is}, undef,
    'the schema is that of the module';

done_testing;
