#!/usr/bin/perl

# The statistics are what a plain count of all that happened gives: whatever comes in which order, how often,
# how late and in which bites, though who counts is killed in the middle, and two do it at a time; likewise when
# they were damaged and are counted again while more comes.  Wants DATABASE_URL (or PG* variables), as a superuser.

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use DBD::Pg qw( :async );
use File::Basename qw( dirname );
use JSON::PP;
use List::Util qw( min max shuffle );
use Test::More;
use Time::HiRes qw( sleep );

my $here = dirname(abs_path(__FILE__));
my $url = $ENV{DATABASE_URL} || '';
my %safe = (RaiseError => 1, PrintError => 0, PrintWarn => 0);
my $root = DBI->connect("dbi:Pg:$url", undef, undef, {%safe});
my $name = "tavus_stats_$$";
my $json = JSON::PP->new->canonical->utf8;
my $seed = $ENV{SEED} || time() ^ $$;
srand $seed;

sub own {
    my $own = $url;

    return "dbname=$name" if $own eq '';
    $own =~ s{^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?}{$1/$name} or $own .= " dbname=$name";

    return $own;
}

sub session {
    my $db = DBI->connect('dbi:Pg:' . own(), undef, undef, {%safe});
    $db->do("SET client_min_messages = error");
    return $db;
}

$root->do("CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8'");
is(system('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', own(), '-f',
          "$here/../../sql/install.sql"), 0, 'a database of its own');
my $db = session();

# ---- what happens, and by its side what is to be counted

my $T = (int(time() / 3600) - 60) * 3600;       # of 50 hours
my (%want, @events, @orders, $n);

sub count {
    my ($second, $keys, %what) = @_;

    for my $at (int($second / 3600) * 3600 . ' hour', int($second / 86400) * 86400 . ' day') {
        for my $dim (keys %$keys) {
            $want{"$dim $at $keys->{$dim}"}{$_} += $what{$_} for keys %what;
        }
    }
    return;
}

sub word { my ($w) = @_; return lc($w // '') =~ /^([a-z0-9][a-z0-9._ -]*)$/ ? $1 : defined $w ? 'other' : '' }

# an event at a millisecond
sub event {
    my ($ms, $source, $type, $kind, $call, $body) = @_;
    my $hex = sprintf '%012x%04x%012x', $ms, rand 65536, ++$n;
    my $id = join '-', unpack('A8 A4', $hex), '7' . substr($hex, 13, 3), '8000', substr $hex, 16;

    push @events, [$id, $source, $type, $kind, $call, $json->encode($body // {})];
    my $says = $source =~ /^(?:browser|server)$/;
    count($ms / 1000, {
        all => '', type => (qw( webhook error info conversion ))[$kind],
        source => $source,
        event_type => $source eq 'browser' && $type !~ /^(?:page_view|contact\.submitted)$/ ? 'other' : $type,
        vertical => !$says || !$body->{vertical} ? '' : $source eq 'browser' ? 'other' : $body->{vertical},
        utm_source => $says ? word($body->{utm_source}) : '' },
        events => 1, $kind == 1 ? (failures => 1) : ());

    return $id;
}

my @utm = (undef, 'google', 'Google', 'News Letter', 'a@b.example', '<x>');
my @vertical = qw( legal general );
sub any { return $_[rand @_] }
sub when_ { return 1000 * $T + int rand 50 * 3600 * 1000 }

my %call;

for my $i (1 .. 60) {
    my ($id, $ms) = ("c$i", when_());
    my %c = (utm => any(@utm), vertical => any(@vertical), created => $ms + 500, announced => rand() < 0.8);
    my @seen;

    push @seen, $c{created} if $c{announced};
    event($c{created}, 'server', 'conversation.created', 2, $id,
          { vertical => $c{vertical}, utm_source => $c{utm}, conversation_url => 'x' }) if $c{announced};

    # some of Tavus's clock is before ours
    my $joined = $ms + int rand 900_000;
    if (rand() < 0.7) { event($joined, 'tavus', 'system.replica_joined', 0, $id); push @seen, $joined; $c{joined} = 1 }

    for (1 .. rand 6) { my $at = $ms + int rand 4_000_000; event($at, 'tavus', 'utterance', 0, $id); push @seen, $at }

    my @over = grep { rand() < 0.6 } $joined + int rand 600_000, $joined + int rand 8_000_000;
    event($over[0], 'tavus', 'system.shutdown', 0, $id, { properties => { shutdown_reason => 'x' } }), push @seen, $over[0]
        if @over;
    event($over[1], 'server', 'conversation.ended', 2, $id, {}), push @seen, $over[1] if @over > 1;

    if (!@seen) { push @seen, $ms; event($ms, 'tavus', 'system.replica_left', 0, $id) }

    $c{created} = min @seen if !$c{announced};
    $c{over} = min @over if @over;
    $c{vertical} = $c{utm} = undef if !$c{announced};
    $call{$id} = \%c;
}

for my $i (1 .. 50) {
    my ($ms, $id, $utm) = (when_(), any(undef, 'nobody', keys %call), any(@utm));

    event($ms, 'browser', 'contact.submitted', 3, undef, { name => 'Ada', email => "a$i\@example.org", message => 'm',
          utm_source => $utm, $id ? (conversation_id => $id) : () });
    my $c = $call{ $id // '' };
    count($ms / 1000, { all => '', utm_source => word($utm), vertical => $c ? word($c->{vertical}) : '' }, leads => 1);
    $c->{led} = 1 if $c;
}

for my $i (1 .. 40) {
    my ($session, %first) = "s$i";

    for (1 .. 1 + rand 4) {
        my ($ms, $utm) = (when_(), any(@utm));
        event($ms, 'browser', any(qw( page_view page_view made_up other_one )), 2, undef,
              { session_id => $session, utm_source => $utm, vertical => any(undef, 'nowhere') });
        my ($id, undef, $type, undef, undef, $body) = $events[-1]->@*;
        %first = (id => $id, ms => $ms, utm => $utm, said => $json->decode($body)->{vertical})
            if $type eq 'page_view' && (!%first || $id lt $first{id});
    }

    count($first{ms} / 1000, { all => '', utm_source => word($first{utm}), vertical => $first{said} ? 'other' : '' },
          visits => 1) if %first;
}

event(when_(), 'server', 'conversation.create_failed', 1, undef, { vertical => any(@vertical) }) for 1 .. 20;
event(when_(), 'standard', "own.$_", 2) for 1 .. 5;
# verticals are the server's to name, before anybody's
event(1000 * $T, 'server', 'upkeep.note', 2, undef, { vertical => $_ }) for @vertical;

sub stripe {
    my ($at, $type, $object) = @_;
    event(1000 * $at, 'stripe', $type, 0, undef, { id => 'evt_' . ++$n, object => 'event', type => $type,
          created => $at, livemode => JSON::PP::false, data => { object => $object } });
    return;
}

for my $i (1 .. 40) {
    my ($at, $utm, $call) = (int(when_() / 1000), any(@utm), any(undef, keys %call));
    my $order = sprintf '%s-7000-8000-%012x', join('-', unpack 'A8 A4', sprintf '%012x', 1000 * $at - 5000), $i;
    my ($currency, $total, $sub) = (any(qw( eur usd jpy )), 100 * int rand 50, rand() < 0.3);
    my ($keys, $c) = ({ all => '', utm_source => word($utm), vertical => '' }, $call && $call{$call});
    my $paid = rand() < 0.7;

    $keys->{vertical} = word($c->{vertical}) if $c;
    push @orders, [$order, $sub ? 'subscription' : 'payment', $currency, $call, $utm];

    stripe($at, $paid ? 'checkout.session.completed' : 'checkout.session.expired', {
        id => "cs_$i", object => 'checkout.session', created => $at - 60, status => $paid ? 'complete' : 'expired',
        payment_status => $paid ? 'paid' : 'unpaid', mode => $sub ? 'subscription' : 'payment',
        amount_total => $total, currency => $currency, metadata => { order_id => $order },
        $sub ? (subscription => "sub_$i", invoice => "in_${i}_1") : (payment_intent => "pi_$i") });
    next if !$paid;

    count($at, $keys, orders => 1);
    $c->{bought} = 1 if $c;

    if (!$sub) {
        count($at, $keys, "revenue $currency" => $total);

        for my $part (grep { rand() < 0.5 && $_ } int $total / 4, int $total / 2) {
            stripe($at + 7000 + $part, 'charge.refunded', { id => "ch_$i", object => 'charge', amount => $total,
                   amount_refunded => $part, currency => $currency, payment_intent => "pi_$i" });
        }
        my ($back) = sort { $b <=> $a } map { $_->[5] =~ /"id":"ch_$i"/ && $_->[5] =~ /"amount_refunded":(\d+)/ ? $1 : () }
            @events;
        count($at, $keys, "refunded $currency" => $back) if $back;
        next;
    }

    stripe($at - 50, 'customer.subscription.created', { id => "sub_$i", object => 'subscription', created => $at - 60,
           status => 'active', customer => "cus_$i", items => { data => [] } });

    for my $k (1, 2) {
        my $then = $at + ($k - 1) * 20000;
        stripe($then, 'invoice.paid', { id => "in_${i}_$k", object => 'invoice', status => 'paid', currency => $currency,
               amount_paid => $total, billing_reason => $k == 1 ? 'subscription_create' : 'subscription_cycle',
               subscription => "sub_$i", status_transitions => { paid_at => $then } });
        count($then, $keys, "revenue $currency" => $total, $k == 2 ? (renewals => 1) : ());
    }
}

for my $c (values %call) {
    count($c->{created} / 1000, { all => '', vertical => word($c->{vertical}), utm_source => word($c->{utm}) },
          conversations => 1, map { $c->{$_} ? ($_ => 1) : () } qw( joined led bought ));
    next if !$c->{over};
    my $ms = max(0, $c->{over} - $c->{created});
    count($c->{created} / 1000, { all => '', vertical => word($c->{vertical}), utm_source => word($c->{utm}) },
          ended => 1, seconds => int(($ms + 999) / 1000));
}

# ---- what the database has

sub counted {
    my %have;
    my $rows = $db->selectall_arrayref(q{
        SELECT s.dim || ' ' || extract(epoch FROM s.at)::bigint || ' ' || s.grain || ' ' || s.key,
               to_jsonb(s) - '{dim,grain,at,key}'::text[]
          FROM tavus.stats s
        UNION ALL
        SELECT m.dim || ' ' || extract(epoch FROM m.at)::bigint || ' ' || m.grain || ' ' || m.key,
               jsonb_build_object('revenue ' || m.currency, m.revenue, 'refunded ' || m.currency, m.refunded)
          FROM tavus.stats_money m});

    for (@$rows) {
        my ($key, $doc) = ($_->[0], $json->decode($_->[1]));
        $doc->{$_} and $have{$key}{$_} += $doc->{$_} for keys %$doc;
    }
    return \%have;
}

sub same {
    my ($what) = @_;
    my ($have, @wrong) = counted();

    for my $key (sort keys %{ { %want, %$have } }) {
        for my $m (sort keys %{ { ($want{$key} // {})->%*, ($have->{$key} // {})->%* } }) {
            my ($w, $h) = ($want{$key}{$m} // 0, $have->{$key}{$m} // 0);
            push @wrong, "$key $m: $h instead of $w" if $w != $h;
        }
    }

    ok(!@wrong, $what) or diag join "\n", "SEED=$seed", scalar @wrong, @wrong[0 .. min(20, $#wrong)];
    return;
}

my $record = 'SELECT tavus.record(?::uuid[], ?::timestamptz[], ?::bytea[], ?::smallint[], ?, ?, ?, ?::bytea[], ?,
                                  ?::bytea[], ?)';

sub store {
    my (@batch) = @_;
    my @none = (undef) x @batch;
    my @column = map { my $k = $_; [map { $_->[$k] } @batch] } 0 .. 5;

    return $db->selectrow_array($record, undef, $column[0], [('now') x @batch], \@none, $column[3], $column[1],
                                $column[2], $column[4], \@none, \@none,
                                [map { '\x' . unpack 'H*', $_ } $column[5]->@*], \@none);
}

sub ask { $db->do($_) for @_; return }

sub order {
    my ($id, $mode, $currency, $call, $utm) = @{ $_[0] };
    $db->do(q{SELECT tavus.order_intent(?, false, 'starter', ?, '[]', 100, ?, NULL, ?, NULL, NULL, ?, NULL, NULL, NULL,
              60)}, undef, $id, $mode, $currency, $call, $utm);
    return;
}

sub roll {
    my ($with, $most) = @_;
    return $json->decode($with->selectrow_array('SELECT tavus.stats_roll(?)', undef, $most));
}

sub make {
    for my $what ('leads_roll(10000)', 'orders_roll(10000, false)') {
        1 while $json->decode($db->selectrow_array("SELECT tavus.$what"))->{events};
    }
    return;
}

sub drain {
    my $r;

    make();
    1 while $r = roll($db, 20000), $r->{more} || $r->{events};
    return;
}

# orders are there before Stripe tells of them; some events wait for the second part
my @all = shuffle(@events);
my @later = splice @all, 0, 150;
order($_) for @orders;

my $other = session();
my $killed = 0;

# leads and orders were made before anybody counted
store(splice @all, 0, 100);
make();
ask('DELETE FROM tavus.stats_due');

while (@all) {
    my @batch = splice @all, 0, 1 + rand 40;

    store(@batch);
    store(shuffle(@batch[0 .. rand @batch])) if rand() < 0.3;
    ask('SELECT tavus.leads_roll(' . (1 + int rand 60) . ')') if rand() < 0.4;
    ask('SELECT tavus.orders_roll(' . (1 + int rand 60) . ', false)') if rand() < 0.4;
    roll(any($db, $other), 1 + int rand 60) if rand() < 0.6;

    if (rand() < 0.5) {
        my $pid = $other->{pg_pid};
        $other->do('SELECT tavus.stats_roll(1000)', { pg_async => PG_ASYNC });
        roll($db, 10) if rand() < 0.5;
        sleep rand 0.02;
        $root->do('SELECT pg_terminate_backend(?)', undef, $pid);
        eval { $other->pg_result; 1 } or $killed++;
        $other = session();
    }
}

drain();
ok($killed, 'who counted was killed in the middle, now and then');
store(@later[0 .. 74]);
ask('BEGIN');
roll($db, 1000);
ask('ROLLBACK');
store(splice @later, 0, 75);
store(splice @later, 0, 74);
drain();

# the last one is still to come, and already wanted
my $last = pop @later;
store($last);
drain();
same('what is counted is what happened');
is($db->selectrow_array('SELECT count(*) FROM tavus.stats_due'), 0, 'nothing is due any more');

# ---- two nodes: a lead is changed that is due already
my ($lead, $was) = $db->selectrow_array('SELECT id, utm_source FROM tavus.leads LIMIT 1');
my $seen = "SELECT utm FROM tavus.stats_seen WHERE what = 'l' AND id = '$lead'";
my $note = "SELECT tavus.stats_note('{l}'::text[], '{$lead}')";

ask($note);
$other->begin_work;
$other->do($_) for "UPDATE tavus.leads SET utm_source = 'late' WHERE id = '$lead'", $note;
roll($db, 10);
$other->commit;
roll($db, 10);
is($db->selectrow_array($seen), 'late', 'what is due while it is changed is counted as it is then');
$db->do('UPDATE tavus.leads SET utm_source = ? WHERE id = ?', undef, $was, $lead);
ask($note);
roll($db, 10);

# and two note the same conversations, one of them by orders that come the other way round
for (['k1', 'zz', 1], ['k2', 'aa', 2]) {
    my ($k, $c, $i) = @$_;
    my $id = sprintf '%s-7000-8000-%012x', join('-', unpack 'A8 A4', sprintf '%012x', 1000 * $T), 1000 + $i;
    order([$id, 'payment', 'eur', $c, undef]);
    stripe($T + 60, 'checkout.session.expired', { id => "cs_$k", object => 'checkout.session', created => $T,
           status => 'expired', payment_status => 'unpaid', mode => 'payment', metadata => { order_id => $id } });
}

store(splice @events, -2);
ask('BEGIN', "SELECT tavus.stats_note('{c}'::text[], '{aa}')");
$other->do('SELECT tavus.orders_roll(100, false)', { pg_async => PG_ASYNC });
my $waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $other->{pg_pid} AND wait_event_type = 'Lock'";
for (1 .. 200) { last if $root->selectrow_array($waits); sleep 0.02 }
ok(eval { ask("SELECT tavus.stats_note('{c}'::text[], '{zz}')", 'COMMIT'); 1 } && eval { $other->pg_result; 1 },
   'neither waits for the other for ever') or diag $@;
$db->rollback if !$db->{AutoCommit};
drain();

# ---- damaged, and counted again, while more is stored and counted
ask(q{UPDATE tavus.stats SET events = events + 7, conversations = conversations + 1 WHERE random() < 0.3},
    q{DELETE FROM tavus.stats WHERE random() < 0.2}, q{DELETE FROM tavus.stats_money WHERE random() < 0.5},
    q{INSERT INTO tavus.stats (dim, grain, at, key, events) SELECT 'source', 'hour', at, 'nobody', 3
        FROM tavus.stats WHERE dim = 'all' AND grain = 'hour'});
my $again = session();
$again->do('CALL tavus.stats_rebuild()', { pg_async => PG_ASYNC });

for (1 .. 100) {
    event(when_(), 'tavus', 'utterance', 0, any(keys %call));
    event(when_(), 'browser', 'made_up', 2, undef, { session_id => 'late' });
}
my @more = splice @events, -200;

# what may be the first of a conversation that nobody announced would be another story
for my $c (grep { $_->[4] && !$call{ $_->[4] }{announced} } @more) {
    $c->[4] = (grep { $call{$_}{announced} } sort keys %call)[0];
}

while (@more) {
    store(splice @more, 0, 10);
    roll($db, 10) if rand() < 0.7;
}

$again->pg_result;
drain();
same('counted again, while more came, they are what happened');

$again->do('CALL tavus.stats_rebuild()');
same('and once more');

$_->disconnect for $again, $other, $db;
$root->do("DROP DATABASE $name WITH (FORCE)");
done_testing();
