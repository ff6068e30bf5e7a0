#!/usr/bin/perl

# What nginx -t refuses of tavus_limit_zone and tavus_limit, and where it says
# the mistake is.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0);

my $ZONE = 'all zone=a:64k rate=5r/m capacity=5';

# (zones, a location's text): what nginx -t says, with the line it names
sub nginx_t {
    my ($zones, $location) = @_;
    my ($exit, $out) = $t->nginx_t(http => {tavus_limit_zone => $zones},
        locations => {'/x' => ($location // '')});
    return $exit unless $out =~ s/ in (\S+):(\d+)\n.*//s;
    my $line = (split /\n/, slurp($1))[$2 - 1];
    return $out =~ s/.*\[emerg\] (\d+#\d+: )?//sr, $line;
}

sub accepted {
    my ($name, @conf) = @_;
    is_deeply [nginx_t(@conf)], [0], $name;
}

sub refused {
    my ($zone, $why) = @_;
    my ($said, $line) = nginx_t($zone);
    like $said, $why, ref $zone ? $zone->[-1] : $zone;
    like $line // '', qr/tavus_limit_zone .*;\z/, 'at its line';
}

accepted($_, $_) for $ZONE,
    'all zone=a:32k rate=1r/s capacity=1',
    'all zone=Z_9-.z:1m rate=1000000r/s capacity=1000000',
    '$binary_remote_addr zone=a:64k rate=5r/h capacity=5 v4=24 v6=48',
    '$binary_remote_addr zone=a:64k rate=5r/h capacity=5 v4=1 v6=128',
    '$http_x$uri capacity=5 rate=5r/m zone=a:64k',
    'all zone=a:64k rate=1k/s capacity=1k',
    'all capacity=976m rate=1000000k/h zone=a:64k', 'all zone=a:64k rate=1M/m capacity=4M';

for my $rate (qw(0r/m 5r/d 5 r/s -1r/s 1000001r/s 99999999999999999999r/s 5r/ms
    1.5r/s 5r/M 1/s k/s 1kr/s 0k/m 1023/m 1000001k/s 1g/m 1.5k/s -1k/s /m kr/m
    1k/d 1k), '')
{
    refused("all zone=a:64k rate=$rate capacity=5",
        qr/^invalid rate "rate=\Q$rate"/);
}
for my $capacity (qw(0 -1 x 1000001 0k 1g -1k k 1000001k 99999999999999999999
    99999999999999999999m), '') {
    refused("all zone=a:64k rate=5r/m capacity=$capacity",
        qr/^invalid capacity "capacity=\Q$capacity", it must be between 1 /);
}
refused("all zone=$_ rate=5r/m capacity=5", qr/^invalid zone "zone=\Q$_"/)
    for 'a', ':64k', '';
refused("all zone=$_ rate=5r/m capacity=5", qr/^invalid zone size "zone=\Q$_"/)
    for qw(a: a:x a:-1 a:64kk);
refused("all zone=$_ rate=5r/m capacity=5",
    qr/^zone "zone=$_" is too small, it needs 32768 bytes/)
    for qw(a:0 a:4k a:31k);
refused("all 'zone=$_:64k' rate=5r/m capacity=5", qr/^invalid zone name "\Q$_"/)
    for 'a"b', 'a b', 'a,b', 'a/b', 'x' x 65;
accepted('64 bytes of name',
    'all zone=' . 'x' x 64 . ':64k rate=5r/m capacity=5');

refused("\$binary_remote_addr zone=a:64k rate=5r/m capacity=5 $_",
    qr/^invalid prefix length "$_"/) for qw(v4=0 v4=33 v4= v4=x v6=0 v6=129);
refused("\$remote_addr zone=a:64k rate=5r/m capacity=5 $_",
    qr/^"v4" and "v6" of limit zone "a" need the key "\$binary_remote_addr"/)
    for qw(v4=24 v6=64);

refused("all zone=a:64k $_", qr/^"rate" and "capacity" of limit zone "a" must both count requests or both bytes/)
    for 'rate=5r/m capacity=5k', 'capacity=5 rate=5k/m';
refused('all rate=5r/m capacity=5',
    qr/^"tavus_limit_zone" must have "zone" parameter/);
refused('all zone=a:64k capacity=5',
    qr/^"tavus_limit_zone" must have "rate" parameter/);
refused('all zone=a:64k rate=5r/m',
    qr/^"tavus_limit_zone" must have "capacity" parameter/);
refused('all zone=a:64k rate=5r/m burst=5', qr/^invalid parameter "burst=5"/);
refused([$ZONE, 'all zone=a:64k rate=6r/m capacity=5'],
    qr/^limit zone "a" is already defined/);

# nginx itself looks for variables, at the end
my ($exit, $out) = $t->nginx_t(http => {
    tavus_limit_zone => '$none zone=a:64k rate=5r/m capacity=5'});
like $out, qr/unknown "none" variable/;
is $exit, 1;

# a zone of another module's
($exit, $out) = $t->nginx_t(http_extra =>
    'limit_req_zone all zone=a:64k rate=1r/s; '
    . "tavus_limit_zone $ZONE;");
is $exit, 1;
like $out, qr/the shared memory zone "a" is already declared for a different/;

($exit, $out) = $t->nginx_t(http_extra => 'tavus_limit_zone all;');
like $out, qr/invalid number of arguments in "tavus_limit_zone" directive in /;
($exit, $out) = $t->nginx_t(server => "tavus_limit_zone $ZONE;");
like $out, qr/"tavus_limit_zone" directive is not allowed here in /;

# ---- tavus_limit -----------------------------------------------------------

sub limit_refused {
    my ($text, $why, @zones) = @_;
    my ($said, $line) = nginx_t(@zones ? \@zones : $ZONE, $text);
    like $said, $why, $text;
    like $line // '', qr/location \/x \{/, 'at its line';
}

accepted('a limit', $ZONE, 'tavus_limit zone=a;');
accepted('a dry run', $ZONE, 'tavus_limit dry_run zone=a;');
limit_refused('tavus_limit zone=b;',
    qr/^unknown limit zone "b", "tavus_limit_zone" must come before its use/);
limit_refused('tavus_limit dry_run;',
    qr/^"tavus_limit" must have "zone" parameter/);
limit_refused('tavus_limit zone=;',
    qr/^"tavus_limit" must have "zone" parameter/);
limit_refused('tavus_limit zone=a burst=5;', qr/^invalid parameter "burst=5"/);
limit_refused('tavus_limit zone=a; tavus_limit zone=a dry_run;',
    qr/^limit zone "a" is used twice here/);
limit_refused('tavus_limit;', qr/^invalid number of arguments/);

my @nine = map { $ZONE =~ s/=a:/=a$_:/r } 1 .. 9;
accepted('eight limits', \@nine,
    join ' ', map { "tavus_limit zone=a$_;" } 1 .. 8);
limit_refused(join(' ', map { "tavus_limit zone=a$_;" } 1 .. 9),
    qr/^more than 8 limits in one place/, @nine);

done_testing;
