#!/usr/bin/perl

# Operations of upkeep take turns: one that is always slow keeps none of the
# others out.  And who cannot tell that it lives judges nobody's conversations.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_journal => '%%DIR%%/journal',
    tavus_api_timeout => '500ms'});
my $db = $t->db;

sub replace ($name, $arguments, $body) {
    # by its types, as there may be one of before beside it
    my $types = $arguments =~ s/ DEFAULT \d+//gr;
    $db->do("ALTER FUNCTION tavus.$name($types) RENAME TO ${name}_hidden");
    $db->do("CREATE FUNCTION tavus.$name($arguments) RETURNS text"
        . " LANGUAGE plpgsql AS \$\$ BEGIN $body END \$\$");
    $db->do("GRANT EXECUTE ON FUNCTION tavus.$name($types) TO tavus_app");
}
sub restore ($name, $arguments) {
    $db->do("DROP FUNCTION tavus.$name($arguments)");
    $db->do("ALTER FUNCTION tavus.${name}_hidden RENAME TO $name");
}
my $silent = qr/could not be told that this node lives: no word/;

replace('heartbeat', 'text, int, bigint, jsonb', q{RAISE 'no word';});
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
wait_ok { $t->grep_log($silent) } 'a node that cannot be heard';

$t->sandbox->fault(kind => 'hang', method => 'POST',
    path => '/v2/conversations', times => 1, after => 1);
is $t->create->code, 502, 'nobody knows whether it runs';
wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.intents
    WHERE due_at < now()}) } 'it is due';
my $words = $t->grep_log($silent);
wait_ok { $t->grep_log($silent) >= $words + 2 } 'two looks later', 30;
ok !$t->grep_log(qr/looking after/), 'it is left alone';

restore('heartbeat', 'text, int, bigint, jsonb');
wait_ok { $t->grep_log(qr/looking after 1 unsettled/) } 'heard again: not', 30;
wait_ok { $t->sandbox->conversations('active') == 0 } 'and ended', 30;

# longer than the period of all
replace('claim_unsettled', 'text, bigint, int DEFAULT 20',
    q{PERFORM pg_sleep(6); RETURN '[]';});
my $beat = sub { $db->selectrow_array(q{SELECT max(beat_at)
    FROM tavus.nodes}) };
for my $n (1 .. 3) {
    my $before = $beat->();
    wait_ok { $beat->() ne $before } "beat $n", 40;
}
my $rounds = sub { scalar $t->grep_log(qr/is maintained: conversations/) };
my $before = $rounds->();
$t->reload(drained => 1);
wait_ok { $rounds->() > $before } 'a round of cleaning is done', 60;

done_testing;
