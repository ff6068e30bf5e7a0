#!/usr/bin/perl

# What a role or a database may set for its sessions weakens nothing: what the
# module needs is set over it, or the session is not used and the log says why.
# The list holds settings that end statements and sessions, that change what
# the same SQL means, and that make commits less than durable.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;

# only a wait for the commit writes the log: nothing else does in time
my $pg = Tavus::Test::Pg->new(config => ['wal_writer_delay=10s']);
my $t = Tavus::Test->new(db => $pg, http => {tavus_store_timeout => '5s'},
    locations => {'= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
my $n = 0;

# what an attacker with rights on one schema could put in the way
$pg->db->do($_) for 'CREATE SCHEMA evil', 'CREATE ROLE nobody_else',
    'GRANT USAGE ON SCHEMA evil TO PUBLIC', 'GRANT nobody_else TO tavus_app',
    q{CREATE DOMAIN evil.interval AS text CHECK (value = '')},
    q{CREATE DOMAIN evil.text AS pg_catalog.text CHECK (value = '')},
    q{CREATE DOMAIN evil.bigint AS pg_catalog.text CHECK (value = '')},
    q{CREATE FUNCTION evil.set_config(pg_catalog.text, pg_catalog.text, bool)
        RETURNS pg_catalog.text LANGUAGE sql AS 'SELECT $2'},
    q{CREATE FUNCTION evil.current_setting(pg_catalog.text, bool)
        RETURNS pg_catalog.text LANGUAGE sql AS $$SELECT 'on'$$},
    q{CREATE FUNCTION evil.same(pg_catalog.text, pg_catalog.text) RETURNS bool
        LANGUAGE sql AS 'SELECT true'},
    q{CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = pg_catalog.text,
        RIGHTARG = pg_catalog.text)};

my @all = (
    'synchronous_commit = off', 'synchronous_commit = local',
    'statement_timeout = 1', 'statement_timeout = 10',
    'standard_conforming_strings = off', 'search_path = evil, pg_catalog',
    'bytea_output = escape', q{TimeZone = 'Asia/Kathmandu'},
    q{DateStyle = 'SQL, DMY'}, 'IntervalStyle = iso_8601',
    'extra_float_digits = -15', 'lock_timeout = 1',
    q{idle_session_timeout = '200ms'},
    'idle_in_transaction_session_timeout = 1', 'role = nobody_else',
    'role = tavus_admin', 'row_security = off', 'client_min_messages = error',
    'default_transaction_isolation = serializable',
    'default_transaction_deferrable = on', 'enable_indexscan = off',
    'exit_on_error = on', 'transform_null_equals = on', 'array_nulls = off',
    'quote_all_identifiers = on', q{client_encoding = 'LATIN1'},
);
my @refused = (
    ['default_transaction_read_only = on',
        qr/transaction_read_only is "on" instead of "off"/],
    [q{tavus.session = 'mine'}, qr/the session is not ours alone/],
);

my @places = ('ALTER ROLE tavus_app', 'ALTER DATABASE tavus',
    'ALTER ROLE tavus_app IN DATABASE tavus');

# what the gate in C lets pass, and a table does not
$pg->db->do($_) for
    q{CREATE FUNCTION tavus.picky() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.event_type = 'system.poison' THEN
            RAISE 'no' USING ERRCODE = '22P02';
        END IF;
        RETURN NEW;
      END $$},
    'CREATE TRIGGER picky BEFORE INSERT ON tavus.events FOR EACH ROW '
        . 'EXECUTE FUNCTION tavus.picky()';

sub sessions {
    return $pg->db->selectcol_arrayref(q{SELECT pid FROM pg_stat_activity
        WHERE usename = 'tavus_app' AND pid = ANY (coalesce($1::int[],
        ARRAY[pid]))}, undef, @_ ? $_[0] : undef);
}

# Those that are there end, so that the next ones log in with what is set.
sub again () {
    my $former = sessions();
    $pg->db->do('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS '
        . 't (pid)', undef, $former);
    wait_for { !sessions($former)->@* };
    return;
}

sub reset_all () {
    $pg->db->do("$_ RESET ALL") for @places;
    return;
}

sub hook ($type, $id, %properties) {
    return $t->webhook(tavus_event($type, $id, \%properties))->code == 200;
}

sub rows ($table, @ids) {
    return scalar $pg->db->selectrow_array("SELECT count(*) FROM tavus.$table "
        . 'WHERE conversation_id = ANY (?)', undef, \@ids);
}

# What went wrong of everything that a session is for, with text that a setting
# may misread.
sub wrong () {
    my $odd = "\\' \\\\ \N{U+2603}";
    my ($id, $res);

    # a session may end once more on its way, and then another is tried
    wait_for { hook('conversation.utterance', $id = 'c' . ++$n, speech => $odd,
        role => 'user', n => 0.1) } 20 or return 'no webhook is acknowledged';
    rows(events => $id) == 1 or return 'what is acknowledged is not there';

    $t->create(vertical => 'legal')->code == 200 or return 'no conversation';

    hook('system.poison', "p$n") or return 'an unfit event is not acknowledged';
    rows(quarantine => "p$n") == 1 or return 'it is not in quarantine';

    my $query = "from=2020-01-01T00:00:00Z&q=%5C%5C&conversation_id=$id";
    wait_for { ($res = $t->admin("/api/admin/events?$query"))->code == 200 } 20
        or return 'no answer';
    my $event = $res->json->{events}[0] or return 'not found';
    return 'not as it came: ' . $res->body
        if $event->{data}{properties}{speech} ne $odd
            || $event->{data}{properties}{n} ne '0.1'
            || $event->{received_at} !~ /\A\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z\z/;
    return '';
}

wait_ok { wrong() eq '' } 'before';

for my $i (0 .. $#all) {
    my $place = $places[$i % @places];
    $pg->db->do("$place SET $all[$i]");
    again();
    is wrong(), '', $all[$i];
    reset_all();
}

for (@refused) {
    my ($setting, $why) = @$_;
    $pg->db->do("ALTER ROLE tavus_app SET $setting");
    again();
    wait_ok { $t->grep_log(qr/\[error\].*database \(record\): .*$why/) }
        "$setting: why";
    wait_ok { $t->get('/healthz')->code == 503 } 'not used';
    like $t->admin('/healthz?full')->json->{database}{error}, $why, 'health';
    reset_all();
    wait_ok { wrong() eq '' } 'used again', 20;
}

# sessions that end at any moment, while they are looked at too
for (1 .. 200) {
    $pg->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'tavus_app'});
}
wait_ok { wrong() eq '' } 'after sessions were ended at any moment', 20;

# all at once, and upkeep makes a month that is missing
$pg->db->do("ALTER ROLE tavus_app SET $_") for @all;
my ($month) = $pg->db->selectrow_array(q{SELECT max(inhrelid::regclass::text)
    FROM pg_inherits WHERE inhparent = 'tavus.events'::regclass});
$pg->db->do("DROP TABLE $month");
again();
$t->reload(drained => 1);
is wrong(), '', 'all of them';
wait_ok { $pg->db->selectrow_array('SELECT to_regclass(?)', undef, $month) }
    'upkeep';

# what is changed while a session is open, and a crash
$pg->db->do('ALTER SYSTEM SET synchronous_commit = off');
$pg->db->do('SELECT pg_reload_conf()');
wait_ok { $pg->connect->selectrow_array('SHOW synchronous_commit') eq 'off' }
    'reloaded';
my @ids = map { "last$_" } 1 .. 5;
is scalar(grep { hook('system.replica_joined', $_) } @ids), 5, 'acknowledged';
$pg->stop('QUIT')->start;
is rows(events => @ids), 5, 'all there after a crash';

done_testing;
