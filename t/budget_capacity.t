#!/usr/bin/perl

# Tavus itself has no place, though the budget has one.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my $t = Tavus::Test->new(http => {tavus_budget => 'active=5',
    real_ip_header => 'X-Real-IP', set_real_ip_from => '127.0.0.1'})->start;
my ($box, $db) = ($t->sandbox, $t->db);

sub from {
    my ($address) = @_;
    return $t->post('/api/tavus/create-conversation', {}, {'X-Real-IP' => $address});
}

# Tavus never said that it has no place, and nobody waits.
sub forget {
    $db->do(q{DELETE FROM tavus.places p USING tavus.intents i
        WHERE i.nonce = p.nonce AND i.outcome = 'failed'});
    $db->do('DELETE FROM tavus.line');
    $db->do('UPDATE tavus.budget SET full_at = NULL, most_at = NULL');
    return;
}

sub tavus { $box->fault(path => '/v2/conversations', kind => 'status', times => 1, @_) }
my @full = (status => 400, body =>
    '{"message":"User has reached maximum concurrent conversations"}');
my @often = (status => 429, headers => {'Retry-After' => 17});

subtest 'without a line' => sub {
    tavus(@full);
    is_deeply said(from('192.0.2.1')), [503, 'at_capacity', undef], 'refused';
    tavus(@often);
    my $res = from('192.0.2.1');
    is_deeply said($res), [503, 'at_capacity', undef], 'too many requests';
    is $res->headers->header('Retry-After'), 17, 'until when Tavus says';
    is from('192.0.2.1')->code, 200, 'the next one is tried all the same';
    is used($t), 1, 'and holds the one place';
    done_testing;
};

for (['full' => @full], ['too many requests' => @often]) {
    my ($name, @fault) = @$_;
    subtest "with a line, $name" => sub {
        $t->configure(http => {tavus_budget => 'active=5 line=2',
            real_ip_header => 'X-Real-IP', set_real_ip_from => '127.0.0.1'});
        $t->reload(drained => 1);
        forget();
        my $n = $name eq 'full' ? 10 : 20;
        my $before = asked($t);
        my $used = used($t);

        tavus(@fault);
        my $res = from("192.0.2.$n");
        is $res->code, 202, 'the visitor waits' or diag $res->to_string;
        is_deeply [$res->json->@{qw(status position)}], ['pending', 1], 'as the first';
        ok $res->json->{ticket}, 'with a ticket';
        is asked($t), $before + 1, 'Tavus was asked once';
        is used($t), $used, 'no place is held';

        $res = from('192.0.2.' . ($n + 1));
        is_deeply [$res->code, $res->json->@{qw(status position)}],
            [202, 'pending', 2], 'the next one waits behind';
        is asked($t), $before + 1, 'and Tavus is not asked';

        is_deeply said(from('192.0.2.' . ($n + 1))), [503, 'at_capacity', 'address'],
            'one of an address';
        is_deeply said(from('192.0.2.' . ($n + 2))), [503, 'budget_spent', 'line_full'],
            'no third in the line';
        is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
            WHERE event_type = 'conversation.requested'}), $before + 1,
            'who waits is no event';

        done_testing;
    };
}

subtest 'the database is lost while Tavus says no' => sub {
    forget();
    undef $db;
    $box->fault(path => '/v2/conversations', kind => 'delay', ms => 1500, times => 1);
    $box->config(max_concurrent => 0);
    my $s = $t->socket;
    my $before = asked($t);
    $s->send(create_bytes('X-Real-IP' => '192.0.2.30'));
    wait_ok { asked($t) > $before } 'Tavus is asked';
    $t->pg->kill;
    my $res = $s->response(30);
    is $res->{status}, 503;
    like $res->{body}, qr/"code":"at_capacity"/, 'nobody could say where the line ends';
    $box->config(max_concurrent => undef);
    $t->pg->start;
    wait_ok { from('192.0.2.31')->code == 200 } 'and on';
    done_testing;
};

done_testing;
