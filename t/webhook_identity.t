#!/usr/bin/perl

# An event is stored once, however often and by whatever way it comes.

use lib 't/lib';
use Tavus::Test;
use Mojo::Promise;
use POSIX qw(strftime);

my $t = Tavus::Test->new(workers => 2)->start;
my $secret = $t->webhook_secret;

sub count ($table = 'events') {
    return $t->db->selectrow_array("SELECT count(*) FROM tavus.$table");
}

sub conflicts {
    return $t->db->selectrow_array(q{SELECT count(*) FROM tavus.quarantine
        WHERE reason = 'conflict'});
}

# How many events these bodies made; each is answered 200.
sub made (@bodies) {
    my $before = count();
    for (@bodies) {
        my $code = $t->webhook($_)->code;
        return "answered $code" if $code != 200;
    }
    return count() - $before;
}

sub event ($id, $timestamp, %more) {
    return Mojo::JSON::encode_json({event_type => 'x.y',
        conversation_id => $id, timestamp => $timestamp, %more});
}

my $NOW = time;
sub iso ($offset, $tail = '.000000Z') {
    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $NOW + $offset) . $tail;
}

# the time in the id of the one event of a conversation, and of its receipt
sub own_time ($id) {
    return $t->db->selectrow_array(
        q{SELECT to_char(tavus.uuid_time(id) AT TIME ZONE 'UTC',
                         'YYYY-MM-DD"T"HH24:MI:SS.MS'),
                 abs(extract(epoch FROM tavus.uuid_time(id) - received_at))
                 < 0.01
            FROM tavus.events WHERE conversation_id = ?}, {}, $id);
}

subtest 'redelivered' => sub {
    my $body = event('c1', now_iso());
    my @res = map { $t->webhook($body) } 1 .. 3;
    is $_->code . $_->body, '200{"received":true}' for @res;
    is count(), 1;

    is $t->webhook($body, token => sign_token($secret))->code, 200,
        'otherwise verified';
    like $t->db->selectrow_array('SELECT verification FROM tavus.events'),
        qr/^\{"method":"signature","key_id":"k1",/, 'the first one stays';
    is count(), 1;
    is count('quarantine'), 0;
    done_testing;
};

subtest 'what is another event' => sub {
    my $at = iso(0, '.123456Z');
    is made(event('c2', $at), event('c3', $at),
        event('c2', $at, event_type => 'x.z'),
        event('c2', iso(0, '.123457Z')),
        event('c2', iso(0, '.123Z'))), 5;
    is conflicts(), 0;
    done_testing;
};

# of this there is one at a moment
subtest 'another body' => sub {
    my $at = now_iso();
    my @body = map { event('c4', $at, n => $_,
        event_type => 'system.shutdown') } 1 .. 3;
    is made($body[0], $body[1], $body[1], $body[0], $body[2]), 1;
    is_deeply $t->db->selectcol_arrayref(q{SELECT convert_from(body, 'UTF8')
        FROM tavus.quarantine WHERE reason = 'conflict' ORDER BY seq}),
        [@body[1, 2]], 'each of the others is kept once';
    is $t->db->selectrow_array(q{SELECT convert_from(body, 'UTF8')
        FROM tavus.events WHERE conversation_id = 'c4'}), $body[0],
        'the first one stays';
    done_testing;
};

subtest 'several of a moment' => sub {
    my $before = conflicts();
    my $at = now_iso();
    my @body = map { event('c-several', $at, n => $_) } 1 .. 3;
    is made(@body[0, 1, 1, 0, 2, 2, 1]), 3;
    is_deeply $t->db->selectcol_arrayref(q{SELECT convert_from(body, 'UTF8')
        FROM tavus.events WHERE conversation_id = 'c-several'
        ORDER BY received_at}), \@body, 'each is kept once';
    is conflicts(), $before;
    done_testing;
};

subtest 'twins' => sub {
    my $before = conflicts();
    my $n = 5;
    for my $order ([qw(pal replica)], [qw(replica pal)]) {
        my ($id, $at) = ('c-twin' . $n++, now_iso());
        my @body = map { tavus_event("system.${_}_joined", $id,
            $_ eq 'pal' ? {face_id => 'r1'} : {replica_id => 'r1'},
            timestamp => $at) } @$order;
        is made(@body, @body), 1, "@$order";
        is $t->db->selectrow_array(q{SELECT started_id IS NOT NULL
            FROM tavus.conversations WHERE id = ?}, {}, $id), 1, 'started';
    }
    is conflicts(), $before;

    my $at = now_iso();
    is made(map { tavus_event($_, 'c-no-twin', {}, timestamp => $at) }
        'system.shutdown', 'system.face_joined', 'system.pal_joined'), 3,
        'only these';
    done_testing;
};

subtest 'the same time' => sub {
    my $s = iso(-60, '');
    my @same = map { event('c-zone', $_) } "$s.5Z", "$s.500000Z", "$s.5",
        "$s.500000", "$s.500000000Z", "$s.5000009Z", ($s =~ s/T/ /r) . '.5',
        iso(-60 + 3600, '.5+01:00'), iso(-60 - 19800, '.5-05:30');
    is made(@same), 1, 'no zone is UTC';
    is +(own_time('c-zone'))[0], "$s.500", 'and it is the time of the id';

    is made(event('c-zone-2', iso(0, '+00:00')), event('c-zone-2',
        iso(0, '+00:01'))), 2, 'another zone is another time';
    done_testing;
};

subtest 'own time' => sub {
    my $n = 0;
    for my $days (-34.9, -10, 0.9) {
        my ($id, $at) = ('c-own-' . $n++, iso(86400 * $days, '.250000Z'));
        is made(event($id, $at), event($id, $at)), 1, "$days days";
        my ($own, $receipt) = own_time($id);
        is "${own}000Z", $at, "$days days: its own";
    }

    my %odd = (
        'too old' => iso(-86400 * 35.1),
        'too new' => iso(86400 * 1.1),
        'year 1' => '0001-01-01T00:00:00Z',
        'year 9999' => '9999-12-31T23:59:59Z',
        'no date' => '2026-02-30T00:00:00Z',
        'a word' => 'yesterday',
        'a date' => iso(0) =~ s/T.*//r,
        'a negative number' => -time,
        'a number of a year ago' => time - 86400 * 366,
        'empty' => '',
        'null' => undef,
        'an object' => {},
        'long' => iso(0) . ' ' x 100,
        'very long' => iso(0) x 1000,
    );
    for my $name (sort keys %odd) {
        my $id = 'c-odd-' . $n++;
        my $body = event($id, $odd{$name});
        is made($body, $body), 1, "$name: stored once";
        my ($own, $receipt) = own_time($id);
        ok $receipt, "$name: at its receipt" or diag $own;
    }

    my $body = '{"event_type":"x.y","conversation_id":"c-without"}';
    is made($body, $body, $body), 1, 'without one';
    ok +(own_time('c-without'))[1];
    is made($body =~ s/\}/,"n":1}/r, "$body "), 2, 'other bytes';
    done_testing;
};

# An event without a usable time, but with one that identifies it.
subtest 'old, with another body' => sub {
    my $before = conflicts();
    my $at = iso(-86400 * 40);
    is made(map { event('c-old', $at, n => $_,
        event_type => 'system.shutdown') } 1, 2, 2), 1;
    is conflicts(), $before + 1;
    is made(map { event('c-old', $at, n => $_) } 1, 2, 2, 1), 2, 'or several';
    is conflicts(), $before + 1;
    done_testing;
};

subtest 'no conversation' => sub {
    my $at = now_iso();
    my $body = qq({"event_type":"x.none","timestamp":"$at"});
    is made($body, $body), 1, 'once';
    is made($body =~ s/\}/,"n":1}/r), 1, 'another body is another event';
    done_testing;
};

# both workers, many connections, each event eight times
subtest 'at the same time' => sub {
    my ($before, $quarantined) = (count(), conflicts());
    my @body = map {
        (event("c-many-$_", now_iso()),
         qq({"event_type":"x.y","conversation_id":"c-many-$_"}))
    } 1 .. 25;
    my %code;
    for my $round (1 .. 4) {
        my @all = map { my $bytes = $_; map {
            $t->ua->post_p($t->url('/api/tavus/webhook'),
                {sign_header($secret, $bytes), Connection => 'close'}, $bytes)
                ->then(sub ($tx) { $code{$tx->res->code}++ })
        } 1, 2 } @body;
        Mojo::Promise->all(@all)->wait;
    }
    is_deeply \%code, {200 => 400};
    is count(), $before + 50;
    is conflicts(), $quarantined;
    done_testing;
};

done_testing;
