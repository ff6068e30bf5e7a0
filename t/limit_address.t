#!/usr/bin/perl

# What of an address counts: IPv4 per address, IPv6 per /64, unless told, and
# an IPv6 address that is made of an IPv4 address as that one.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => [
        '$binary_remote_addr zone=plain:64k rate=1r/h capacity=1',
        '$binary_remote_addr zone=made:64k rate=1r/h capacity=1',
        '$binary_remote_addr zone=wide:64k rate=1r/h capacity=1 v4=20 v6=51',
        '$binary_remote_addr zone=all:64k rate=1r/h capacity=1 v4=32 v6=128',
        '$remote_addr zone=text:64k rate=1r/h capacity=1',
        '${binary_remote_addr}x zone=binary:64k rate=1r/h capacity=1',
    ]},
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;',
    locations => {
        map { ("= /$_" => "tavus_limit zone=$_; empty_gif;") }
            qw(plain made wide all text binary)
    })->start;

# an address that was never seen has a whole bucket
sub fresh {
    my ($zone, $address) = @_;
    my $code = $t->get("/$zone", {'X-Forwarded-For' => $address})->code;
    return $code == 200 ? 'new' : $code == 429 ? 'known' : $code;
}

is fresh('plain', '192.0.2.1'), 'new';
is fresh('plain', '192.0.2.1'), 'known';
is fresh('plain', '192.0.2.2'), 'new', 'the neighbour';
is fresh('plain', '::ffff:192.0.2.1'), 'known', 'the same as IPv6';
is fresh('plain', '::ffff:c000:202'), 'known';
is fresh('plain', '::ffff:192.0.2.3'), 'new';
is fresh('plain', '192.0.2.3'), 'known';
is fresh('plain', '127.0.0.1'), 'new', 'who is not behind a proxy';

is fresh('plain', '2001:db8:1:2::1'), 'new';
is fresh('plain', '2001:db8:1:2::2'), 'known', 'the same /64';
is fresh('plain', '2001:db8:1:2:ffff:ffff:ffff:ffff'), 'known';
is fresh('plain', '2001:db8:1:3::1'), 'new', 'the next one';
is fresh('plain', '2001:db8:1:2002::1'), 'new';
is fresh('plain', '::1'), 'new';
is fresh('plain', 'c000:201::'), 'new', 'no mixing of families';

# two clients of each way over IPv6, and the first once more without it
for my $case (['NAT64', '64:ff9b::198.51.100.1', '64:ff9b::198.51.100.2',
        '198.51.100.1'],
    ['6to4', '2002:c633:640b::1', '2002:c633:640c::1', '198.51.100.11'],
    ['Teredo', '2001:0:cb00:7101:0:3fff:39cc:9bea',
        '2001:0:cb00:7101:0:3fff:39cc:9be9', '198.51.100.21'])
{
    my ($way, $one, $other, $v4) = @$case;
    is fresh('made', $one), 'new', $way;
    is fresh('made', $one), 'known';
    is fresh('made', $other), 'new', 'another client';
    is fresh('made', $v4), 'known', 'the same one by IPv4';
}
is fresh('made', '64:ff9b::c633:6401'), 'known', 'as it is written else';
is fresh('made', '2002:c633:640b:ffff::1'), 'known', 'all of a 6to4 site';
is fresh('made', '2001:0:cb00:7102:8000:ffff:39cc:9bea'), 'known',
    'by another Teredo server and port';

# where the address stands is not known: /96, /64, /48 of RFC 6052
for my $made (['64:ff9b:1::198.51.100.1', '64:ff9b:1::198.51.100.2'],
    ['64:ff9b:1:0:c6:3364:100:0', '64:ff9b:1:0:c6:3364:200:0'],
    ['64:ff9b:1:c633:64:100::', '64:ff9b:1:c633:64:200::'])
{
    is fresh('made', $made->[0]), 'new', $made->[0];
    is fresh('made', $made->[0]), 'known';
    is fresh('made', $made->[1]), 'new', 'another client';
}

# beside those prefixes a /64 is a household
for my $like ('64:ff9b:0:0:0:1:', '64:ff9b:2:0:0:0:', '64:ff9a::', '2001:1::',
    '2003:c633:640b::')
{
    is fresh('made', "${like}c633:6441"), 'new', $like;
    is fresh('made', "${like}c633:6442"), 'known';
}

is fresh('wide', '64:ff9b::10.3.16.1'), 'new', '/20 of an embedded one';
is fresh('wide', '10.3.31.254'), 'known';
is fresh('wide', '64:ff9b::10.3.32.1'), 'new';

is fresh('wide', '10.1.16.1'), 'new', '/20';
is fresh('wide', '10.1.31.254'), 'known';
is fresh('wide', '10.1.32.1'), 'new';
is fresh('wide', '10.1.15.255'), 'new';
is fresh('wide', '2001:db8:0:e000::'), 'new', '/51';
is fresh('wide', '2001:db8:0:ffff::1'), 'known';
is fresh('wide', '2001:db8:0:dfff::1'), 'new';

is fresh('all', '2001:db8::1'), 'new', '/128';
is fresh('all', '2001:db8::2'), 'new';
is fresh('all', '2001:db8::1'), 'known';

is fresh('text', '2001:db8::1'), 'new', 'any other key is taken as it is';
is fresh('text', '2001:db8::2'), 'new';
is fresh('text', '2001:db8::1'), 'known';
is fresh('binary', '10.0.0.1'), 'new';
is fresh('binary', '10.0.0.2'), 'new';
is fresh('binary', '10.0.0.1'), 'known', 'with zeros in it';

done_testing;
