#!/usr/bin/perl

# What is not authentic costs no database round trip.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use MIME::Base64 qw(encode_base64);

my $t = Tavus::Test->new(
    db => Tavus::Test::Pg->new(config => ['log_statement=all']));
my $whsec = 'whsec_' . encode_base64('s' x 32, '');
my $stripe = 'whsec_of_stripe_0123456789';
$t->configure(locations => {
    '= /standard' => 'tavus_webhook standard; tavus_webhook_secret file:'
        . $t->secret('standard', $whsec) . ' id=s;',
    '= /stripe' => 'tavus_webhook stripe; tavus_webhook_secret file:'
        . $t->secret('stripe', $stripe) . ' id=s;',
});
$t->start;
my $secret = $t->webhook_secret;

# The statements in the log from there on, but those of upkeep, which has a
# session and a clock of its own; those of the superuser, who is us, are there.
my $upkeep;
sub statements ($from) {
    return grep { /execute|statement:/ && !/\[$upkeep\]/ } split /\n/,
        substr $t->pg->log, $from;
}

sub send_forged ($n) {
    my %code;
    for my $i (1 .. $n) {
        my $body = tavus_event('system.shutdown', "c-forged-$i");
        $code{$_->code}++ for
            $t->webhook($body, unsigned => 1),
            $t->webhook($body, unsigned => 1,
                sign_header('another-secret-0123456789', $body)),
            $t->webhook(sign_in_body('another-secret-0123456789', $body),
                unsigned => 1),
            $t->webhook($body, token =>
                sign_token('another-secret-0123456789')),
            $t->webhook($body, token => sign_token($secret, expiry => 1)),
            $t->post('/standard', $body, {sign_standard(
                'whsec_' . encode_base64('x' x 32, ''), 'msg', $body)}),
            $t->post('/standard', $body,
                {sign_standard($whsec, 'msg', $body, 1)}),
            $t->post('/stripe', $body,
                {sign_stripe('whsec_another_0123456789', $body)});
    }
    return \%code;
}

subtest 'no statement' => sub {
    is $t->webhook(tavus_event('x.y', 'c-first'))->code, 200, 'connected';
    wait_ok { ($upkeep) = $t->pg->log =~ /\[(\d+)\].*tavus\.make_months/ }
        'upkeep is known';
    wait_ok { statements(0) } 'the log shows what is done';

    my $from = length $t->pg->log;
    is_deeply send_forged(10), {401 => 80};

    # its own statement comes after all that the forged ones would have caused
    is $t->webhook(tavus_event('x.y', 'c-last'))->code, 200;
    my @all = statements($from);
    is scalar @all, 1, 'only that of the one that is good'
        or diag join "\n", @all;
    like $all[0], qr/execute record\w*: SELECT tavus\.record/;
    done_testing;
};

subtest 'no wait for it' => sub {
    $t->pg->freeze;
    is_deeply send_forged(1), {401 => 8}, 'answered all the same';
    $t->pg->thaw;
    is $t->webhook(tavus_event('x.y', 'c-thawed'))->code, 200;
    is $t->db->selectrow_array('SELECT count(*) FROM tavus.events'), 3;
    done_testing;
};

done_testing;
