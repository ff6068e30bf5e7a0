#!/usr/bin/perl

# What nginx -t takes for an origin: exactly what a browser would send, or it
# would never match.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0);

# what nginx -t says, and the line it names
sub nginx_t {
    my ($directive) = @_;
    my ($exit, $out) = $t->nginx_t(locations => {'/x' => $directive});
    return $exit unless $out =~ s/ in (\S+):(\d+)\n.*//s;
    my $line = (split /\n/, slurp($1))[$2 - 1];
    return $out =~ s/.*\[emerg\] (\d+#\d+: )?//sr, $line;
}

is_deeply [nginx_t("tavus_cors_origin $_;")], [0], $_
    for qw(https://example.com http://localhost:3000 http://127.0.0.1:8080
        http://[::1]:3000 https://[2001:db8::1] chrome-extension://abcdef
        https://xn--bcher-kva.example https://a-b_c.example
        https://example.com:8443 https://1.example https://a),
    'https://a.example https://b.example';

for my $case (
    ['https://a.example/', 'it must end after the host and port'],
    ['https://a.example/x', 'it must end after the host and port'],
    ['https://a.example?x', 'it must end after the host and port'],
    ['https://a.example#x', 'it must end after the host and port'],
    ['https://u@a.example', 'it must end after the host and port'],
    ['https://a.example\\\\b', 'it must end after the host and port'],
    ['http://[::1]x', 'it must end after the host and port'],
    ['https://A.example', 'it must be in lower case'],
    ['HTTPS://a.example', 'it must be in lower case'],
    ['https://b%C3%BCcher.example', 'it must be in lower case'],
    ["https://b\xc3\xbccher.example", 'it must be ASCII'],
    ['https://a.example https://b.example', 'it must be ASCII'],
    ['*', 'wildcards are not allowed'],
    ['https://*.a.example', 'wildcards are not allowed'],
    ['https://$host', 'variables are not allowed'],
    ['null', 'it must be scheme://host[:port]'],
    ['a.example', 'it must be scheme://host[:port]'],
    ['//a.example', 'it must be scheme://host[:port]'],
    ['1https://a.example', 'it must be scheme://host[:port]'],
    ['', 'it must be scheme://host[:port]'],
    ['https:a.example', 'it must be scheme://host[:port]'],
    ['https://', 'its host is invalid'],
    ['https://a..example', 'its host is invalid'],
    ['https://a.example.', 'its host is invalid'],
    ['https://.a.example', 'its host is invalid'],
    ['https://a%20b', 'its host is invalid'],
    ['https://' . 'a' x 64 . '.example', 'its host is invalid'],
    ['https://' . 'a.' x 127, 'its host is invalid'],
    ['https://a.example:443', 'a default port must be left out'],
    ['http://a.example:80', 'a default port must be left out'],
    ['https://a.example:0', 'its port is invalid'],
    ['https://a.example:65536', 'its port is invalid'],
    ['https://a.example:0844', 'its port is invalid'],
    ['https://a.example:', 'its port is invalid'],
    ['https://a.example:x', 'its port is invalid'],
    ['https://1.2.3', 'its host is not an IPv4 address in canonical form'],
    ['https://1.2.3.256', 'its host is not an IPv4 address in canonical form'],
    ['https://01.2.3.4', 'its host is not an IPv4 address in canonical form'],
    ['https://2130706433', 'its host is not an IPv4 address in canonical form'],
    ['http://[::0]', 'its host is not an IPv6 address in canonical form'],
    ['http://[1.2.3.4]', 'its host is not an IPv6 address in canonical form'],
    ['http://[::1', 'its host is not an IPv6 address'],
    )
{
    my ($origin, $why) = @$case;
    my ($said, $line) = nginx_t("tavus_cors_origin \"$origin\";");
    my $plain = $origin =~ s/\\\\/\\/r;
    is substr($said, 0, length "invalid origin \"$plain\": $why"),
        "invalid origin \"$plain\": $why", 'refused';
    like $line // '', qr/tavus_cors_origin/, 'at its line';
}

my ($said) = nginx_t('tavus_cors_origin https://a.example https://a.example;');
is $said, 'duplicate origin "https://a.example"';
($said) = nginx_t(join ' ', ('tavus_cors_origin https://a.example;') x 2);
is $said, 'duplicate origin "https://a.example"';
($said) = nginx_t('tavus_cors_origin;');
like $said, qr/^invalid number of arguments/;

# the same for the site's own
for my $origin ('https://A.example', 'https://a.example/', '*') {
    my ($exit, $out) = $t->nginx_t(http => {tavus_public_origin => $origin});
    is $exit, 1;
    like $out, qr/invalid origin "\Q$origin\E": .* in \S+:\d+/;
}

done_testing;
