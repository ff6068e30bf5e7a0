#!/usr/bin/perl

# A batch that loses a deadlock or a serialization conflict is sent again; one
# that is refused for another reason is answered 503, and the next one goes.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $n = 0;
my $webhook = sub {
    $t->webhook(tavus_event('system.replica_joined', 'c' . ++$n))->code;
};
is $webhook->(), 200;

# fails as the sequence says
$t->db->do($_) for
    'ALTER FUNCTION tavus.record RENAME TO record_itself',
    'CREATE SEQUENCE tavus.failures',
    'CREATE TABLE tavus.failing (state text, times int)',
    q{CREATE FUNCTION tavus.record(a uuid[], b timestamptz[], c bytea[],
        d smallint[], e text[], f text[], g text[], h bytea[], i text[],
        j bytea[], k text[]) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
      DECLARE x record;
      BEGIN
        SELECT * INTO x FROM tavus.failing;
        IF nextval('tavus.failures') <= x.times THEN
            RAISE 'as told' USING ERRCODE = x.state;
        END IF;
        RETURN tavus.record_itself(a, b, c, d, e, f, g, h, i, j, k);
      END $$},
    'GRANT EXECUTE ON FUNCTION tavus.record TO tavus_app',
    q{INSERT INTO tavus.failing VALUES ('40001', 2)};

my $fail = sub ($state, $times) {
    $t->db->do('UPDATE tavus.failing SET state = ?, times = ?', undef, $state,
        $times);
    $t->db->do(q{SELECT setval('tavus.failures', 1, false)});
};

for my $state ('40001', '40P01') {
    $fail->($state, 2);
    is $webhook->(), 200, "$state twice";
    $fail->($state, 1000);
    is $webhook->(), 503, "$state for ever";
    is $t->db->selectrow_array('SELECT last_value FROM tavus.failures'), 3,
        'not for ever here';
}
$fail->('XX000', 1);
is $webhook->(), 503, 'another error';
is $webhook->(), 200, 'the next one';
wait_ok { $t->grep_log(qr/database refused 1 events: XX000 as told/) }
    'the log says so';

# as if the answer were another function's
$fail->('XX000', 0);
$t->db->do(q{ALTER FUNCTION tavus.record_itself RENAME TO hidden});
$t->db->do(q{CREATE FUNCTION tavus.record_itself(uuid[], timestamptz[], bytea[],
    smallint[], text[], text[], text[], bytea[], text[], bytea[], text[])
    RETURNS text LANGUAGE sql AS $$ SELECT 'sss' $$});
is $webhook->(), 503, 'an answer of another length';
$t->db->do(q{DROP FUNCTION tavus.record_itself});
$t->db->do(q{ALTER FUNCTION tavus.hidden RENAME TO record_itself});
is $webhook->(), 200;

done_testing;
