#!/usr/bin/perl

# What of an address counts: IPv4 per address, IPv6 per /64, unless told.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => [
        '$binary_remote_addr zone=plain:64k rate=1r/h capacity=1',
        '$binary_remote_addr zone=wide:64k rate=1r/h capacity=1 v4=20 v6=51',
        '$binary_remote_addr zone=all:64k rate=1r/h capacity=1 v4=32 v6=128',
        '$remote_addr zone=text:64k rate=1r/h capacity=1',
        '${binary_remote_addr}x zone=binary:64k rate=1r/h capacity=1',
    ]},
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;',
    locations => {
        map { ("= /$_" => "tavus_limit zone=$_; empty_gif;") }
            qw(plain wide all text binary)
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
# what is embedded here is not an IPv4 address
is fresh('plain', '64:ff9b::192.0.2.1'), 'new';
is fresh('plain', 'c000:201::'), 'new', 'no mixing of families';

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
