#!/usr/bin/perl

# visitor_day: so many conversations of one visitor, who is known by address and by cookie.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my $t = Tavus::Test->new(
    http => {tavus_budget => 'visitor_day=2', tavus_vertical =>
        ['general { persona_id p1; visitor_memory on; }', 'plain { persona_id p2; }'],
        real_ip_header => 'X-Real-IP', set_real_ip_from => '127.0.0.1'},
)->start;
my $spent = [503, 'budget_spent', 'visitor'];

my $left = 86400 - time % 86400;
plan skip_all => "midnight is in $left s" if $left < 120;

sub create {
    my ($address, $cookie, %request) = @_;
    return $t->post('/api/tavus/create-conversation', \%request,
        {'X-Real-IP' => $address, $cookie ? (Cookie => $cookie) : ()});
}
sub cookie { return (($_[0]->headers->set_cookie // '') =~ /^([^;]+)/)[0] }

# ---- one address
$t->ua->cookie_jar->ignore(sub { 1 });
my $first = create('192.0.2.1');
is $first->code, 200, 'the first of an address';
is create('192.0.2.1', cookie($first))->code, 200, 'the second';
my $res = create('192.0.2.1', cookie($first));
is_deeply said($res), $spent, 'no third';
is $res->json->{detail}, 'You have had your conversations of today.', 'which they are told';
cmp_ok $res->headers->header('Retry-After'), '>', 60, 'try again tomorrow';

is_deeply said(create('192.0.2.1')), $spent, 'not with cookies cleared either';
is_deeply said(create('192.0.2.1', undef, vertical => 'plain')), $spent,
    'nor where no cookie is asked for';
is_deeply said(create('192.0.2.1', 'tavus_visitor=' . '0' x 32 . '.k1.' . '0' x 64)),
    $spent, 'nor with one that was made up';

# ---- one cookie
is_deeply said(create('192.0.2.2', cookie($first))), $spent,
    'nor from another address, with the cookie';
is create('192.0.2.2')->code, 200, 'another visitor, of another address';

# ---- what is one address
is create("2001:db8:1:2::$_")->code, 200, "an address of IPv6, $_" for 1, 2;
is_deeply said(create('2001:db8:1:2:3:4:5:6')), $spent, 'a network of 64 bits is one';
is create('2001:db8:1:3::1')->code, 200, 'the next one is another';
is_deeply said(create('::ffff:192.0.2.1')), $spent, 'IPv4 in IPv6 is the same';

# ---- what is kept
my $known = $t->db->selectcol_arrayref(
    q{SELECT DISTINCT encode(who, 'hex') FROM tavus.budget_visitors});
is scalar(grep { /\A[0-9a-f]{32}\z/ } @$known), scalar @$known, 'hashes are kept';
my ($id) = cookie($first) =~ /=([0-9a-f]{32})\./;
ok !grep { $_ eq $id || /c0000201|20010db8/ } @$known;

done_testing;
