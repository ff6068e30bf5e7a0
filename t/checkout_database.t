#!/usr/bin/perl

# Without a database nothing is sold: the order is not on record, so Stripe is
# not asked; or its answer is not, so nobody is sent there, and it is looked for.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;

my $t = checkout_test(http => {tavus_journal => '%%DIR%%/journal'});
my ($box, $db) = ($t->sandbox, $t->db);
my $path = '/v1/checkout/sessions';

sub unavailable ($res, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    # of a client's, or of a socket's
    my ($code, $json) = ref $res eq 'HASH' ? $res->@{qw(status json)}
        : ($res->code, $res->json // {});
    is_deeply [$code, $json->@{qw(code retry_after)}],
        [503, 'storage_unavailable', 10], $name or diag explain $json;
    unlike $json->{detail}, qr/sql|postgres|libpq|socket|server closed/i,
        'which says no more';
}

# one checkout, with what happens while Stripe is asked
sub meanwhile ($do) {
    $box->forget;
    $box->fault(kind => 'delay', ms => 4000, times => 1, path => $path,
        method => 'POST');
    my $s = ask($t);
    wait_ok { scalar asked($t) } 'Stripe is asked';
    $do->();
    my $res = answered($s);
    ok $res, 'and the visitor answered';
    return $res;
}

is checkout($t)->code, 200;

subtest 'frozen' => sub {
    $box->forget;
    $t->pg->freeze;
    unavailable(checkout($t), 'frozen');
    is $t->get('/')->code, 200, 'files are served';
    is checkout($t, plan => 'no')->code, 400, 'and bad requests refused';
    $t->pg->thaw;
    is scalar(asked($t)), 0, 'Stripe was not asked';
    wait_ok { checkout($t)->code == 200 } 'again';
    is scalar(asked($t)), 1, 'for the new one alone';
    done_testing;
};

subtest 'refused' => sub {
    $box->forget;
    $db->do('ALTER TABLE tavus.orders RENAME TO orders_away');
    unavailable(checkout($t), 'the database says no');
    is scalar(asked($t)), 0, 'Stripe was not asked';
    ok scalar($t->grep_log(qr/order [-0-9a-f]+ could not be recorded: relation/)),
        'and the log says why';
    $db->do('ALTER TABLE tavus.orders_away RENAME TO orders');
    done_testing;
};

subtest 'refused when Stripe has answered' => sub {
    my $res = meanwhile(sub {
        $db->do('ALTER TABLE tavus.orders RENAME TO orders_away') });
    unavailable($res, 'nobody is sent to a page that is not on record');
    $db->do('ALTER TABLE tavus.orders_away RENAME TO orders');
    ok order($t), 'the order is';
    ok $db->selectrow_array(q{SELECT due_at IS NOT NULL OR tries > 0
        FROM tavus.orders ORDER BY id DESC LIMIT 1}), 'and is looked for';
    done_testing;
};

subtest 'dies when Stripe is asked' => sub {
    undef $db;
    my $res = meanwhile(sub { $t->pg->kill });
    unavailable($res, 'nobody is sent there');
    $t->pg->start;
    wait_ok { checkout($t)->code == 200 } 'back';
    $db = $t->db;
    done_testing;
};

subtest 'gone' => sub {
    undef $db;
    $t->pg->stop;
    $box->forget;
    unavailable(checkout($t), 'stopped');
    unavailable(checkout($t), 'and again');
    is scalar(asked($t)), 0, 'Stripe was not asked';
    $t->pg->start;
    wait_ok { checkout($t)->code == 200 } 'back';
    $db = $t->db;
    done_testing;
};

subtest 'a failure while it is away' => sub {
    # the journal holds what the owner is to be told
    undef $db;
    $box->fault(kind => 'status', status => 401, times => 1, after => 1,
        path => $path, method => 'POST', body => {error => {type => 'x'}});
    my $res = meanwhile(sub { $t->pg->kill });
    is $res->{status}, 503, 'a key that is none' or diag explain $res;
    $t->pg->start;
    wait_ok { $db = $t->db; scalar failures($t) } 'is told later', 60;
    done_testing;
};

done_testing;
