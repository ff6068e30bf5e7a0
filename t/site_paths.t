#!/usr/bin/perl

# However a path is spelled: what wants a login, or an address of this machine,
# in the sample configuration is had in no other way, and no request in an odd
# form gets around it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(spew);
use Tavus::Test::Site;
use Tavus::Test::Socket;

my $site = Tavus::Test::Site->new;
my $secret = 'the panel of the test';
spew($site->dir . "/site/admin.html$_", "<title>$secret</title>\n")
    for '', '.gz', '.br';
$site->start;

# nginx takes for the visitor's what its proxy says, and this is none of ours
my $STRANGER = "X-Forwarded-For: 192.0.2.1\r\n";

sub answer ($target, %opt) {
    my $s = Tavus::Test::Socket->new($site->port);
    $s->send(($opt{method} // 'GET') . " $target HTTP/1.1\r\n"
        . ($opt{host} // "Host: x\r\n") . $STRANGER . ($opt{more} // '')
        . "Connection: close\r\n\r\n");
    my $res = $s->response // {status => 'none', body => '', headers => {}};
    $s->close;
    return $res;
}

# as it is
is answer('/admin')->{status}, 401, 'the panel';
is answer('/api/admin/events')->{status}, 401, 'the admin API';
is answer("/healthz?$_")->{status}, 401, "the parts of health, by $_"
    for qw(full FULL full=1 x&full %66ull=1&full);
is answer('/metrics')->{status}, 403, 'the metrics';

# PATH is one without its first slash, HEX its first letter in hex, REST the rest
my @spellings = split ' ', <<'END';
/PATH //PATH ///PATH /./PATH /.//PATH /x/../PATH /x/y/../../PATH /x/%2e%2e/PATH
/x/.%2e/PATH /%2e/PATH /x/..%2fPATH /x%2f..%2fPATH /%2fPATH /%2F%2FPATH /%HEXREST
/x/..;/PATH /;/PATH /.;/PATH /PATH/ /PATH// /PATH/. /PATH/x/.. /PATH/..%2fPATH /PATH%2f
/PATH;x /PATH;.html /PATH.html /PATH.html/ /PATH.html. /PATH/index.html /PATH/index
/PATH.html.gz /PATH.html.br /PATH.gz /PATH.br /PATH.html%2egz /PATH%2ehtml
/PATH%20 /PATH%09 /PATH%0a /PATH%0d%0aX:y /PATH%23 /PATH%3f /PATH%3fx /PATH%5c
/PATH%00 /PATH%00.html /PATH%25 /PATH?x /PATH? /PATH#x /PATH\ /\PATH /..\PATH
/_a/../PATH /_a/..%2fPATH /_a/%2e%2e/PATH.html /api/../PATH /api/admin/../../PATH
/.problem/../PATH /404.html/../PATH /relay/../PATH /config.json/../PATH
http://x/PATH http://x//PATH https://x/PATH http://x/../PATH HTTP://x/PATH
PATH ./PATH ../PATH *PATH /.bought /.problem /404.html
END

my ($asked, @had) = (0);
for my $path (qw(admin admin.html api/admin/events api/admin/openapi.json
    metrics))
{
    my %part = (PATH => $path, HEX => sprintf('%02x', ord $path),
        REST => substr $path, 1);
    for my $target (@spellings) {
        my $spelled = $target =~ s/(PATH|HEX|REST)/$part{$1}/gr;
        for my $form ($spelled, $spelled =~ s/admin/ADMIN/r) {
            $asked++;
            my $res = answer($form);
            push @had, "$form: $res->{status}" if $res->{status} !~
                /^(?:30[128]|40[0134]|none)\z/ || $res->{body} =~ /\Q$secret\E|tavus_up/;
            push @had, "$form: to $res->{headers}{location}" if ($res->{headers}{location}
                // '/') !~ m{^/(?!/)[\w/.-]*(?:\?\S*)?\z};
        }
    }
}
cmp_ok $asked, '>', 500, 'spellings';
is_deeply \@had, [], 'nothing is had by them, and nobody is sent elsewhere';

# a method, a header that other servers take for the path, another host
is answer('/admin', method => $_)->{status}, 401, $_ for qw(POST OPTIONS PUT
    DELETE PATCH PROPFIND);
for my $more ("X-Original-URL: /admin\r\n", "X-Rewrite-URL: /admin\r\n",
    "X-HTTP-Method-Override: GET\r\n", "X-Forwarded-Prefix: /admin\r\n")
{
    unlike answer('/pricing', more => $more)->{body}, qr/\Q$secret\E/, $more =~ s/\r\n//r;
}
is answer('/admin', more => "Authorization: $_\r\n")->{status}, 401, $_
    for 'Basic', 'Basic ', 'Basic Og==', 'Basic YWRtaW4=', 'Bearer x', 'Digest username="admin"';
is answer('/metrics', more => "$_: 127.0.0.1\r\n")->{status}, 403, $_
    for qw(X-Real-IP X-Client-IP True-Client-IP Forwarded);

# what could be read as two requests is none
for my $form (
    ['both lengths', "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"],
    ['two lengths', "Content-Length: 5\r\nContent-Length: 6\r\n"],
    ['a length with a sign', "Content-Length: +5\r\n"],
    ['a length of more', "Content-Length: 5, 6\r\n"],
    ['an unknown coding', "Transfer-Encoding: x, chunked\r\n"],
    ['a coding twice', "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"],
    ['a blank before the colon', "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n"],
    ['two hosts', "Host: y\r\n"],
) {
    my ($name, $more) = @$form;
    my $s = Tavus::Test::Socket->new($site->port);
    $s->send("POST /api/track HTTP/1.1\r\nHost: x\r\n$more\r\n0\r\n\r\n"
        . "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n");
    my $first = $s->response;
    like $first->{status}, qr/^(?:400|501)\z/, $name;
    is $s->response(5), undef, 'and no other is read behind it';
    $s->close;
}

$site->done;
done_testing;
