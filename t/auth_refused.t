#!/usr/bin/perl

# memcheck

# Who is not let in, what he is told, and what the log keeps.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_encode);

my $t = Tavus::Test->new(
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;',
    http_extra => 'large_client_header_buffers 4 64k;');
my $file = $t->secret('users',
    'admin:' . crypt('the Password', '$5$rounds=1000$x$') . "\n");
$t->{locations} = {
    '/api/admin/' => "tavus_admin; tavus_admin_users $file;",
    '/panel/' => "tavus_admin_users $file realm=Panel; empty_gif;",
    '/paged/' => "error_page 401 /.problem; tavus_admin_users $file; "
        . 'empty_gif;',
};
$t->start;

my $address = 0;

sub asks {
    my ($authorization, $path) = @_;
    $address++;
    return $t->get($path // '/api/admin/events', {
        'X-Forwarded-For' => "10.0.0.$address",
        defined $authorization ? (Authorization => $authorization) : ()});
}

sub basic { return 'Basic ' . b64_encode($_[0], '') }

# a database that is stopped would keep waiting whoever got so far
$t->pg->freeze;

my $res = asks();
is $res->code, 401, 'no credentials';
is_deeply $res->headers->every_header('WWW-Authenticate'),
    ['Basic realm="Tavus admin", charset="UTF-8"'];
is $res->headers->content_type, 'application/problem+json';
is_deeply $res->json, {
    type => 'about:blank', title => 'Unauthorized', status => 401,
    detail => 'A user name and a password are needed.',
    code => 'unauthorized',
    request_id => $res->headers->header('X-Request-Id'),
};

for my $case (
    ['a wrong password', basic('admin:the password')],
    ['none', basic('admin:')],
    ['no colon', basic('admin')],
    ['no user', basic(':the Password')],
    ['nothing', basic('')],
    ['a user who is not', basic('root:the Password')],
    ['a name in capitals', basic('Admin:the Password')],
    ['a longer name', basic('admin2:the Password')],
    ['a part of the name', basic('admi:the Password')],
    ['the hash itself', basic('admin:' . crypt('the Password',
        '$5$rounds=1000$x$'))],
    ['a zero after the password', basic("admin:the Password\0")],
    ['a zero before more', basic("admin:the Password\0more")],
    ['a zero in the name', basic("admin\0:the Password")],
    ['no base64', 'Basic !!!!'],
    ['half of a base64', 'Basic YWRtaW46d'],
    ['no value', 'Basic'],
    ['nor a value', 'Basic '],
    ['another scheme', 'Bearer ' . b64_encode('admin:the Password', '')],
    ['another scheme, long', 'Digest username="admin"'],
    ['the bare credentials', 'admin:the Password'],
    ['a long name', basic('x' x 3000 . ':y')],
    ['a long password', basic('admin:' . 'y' x 3000)],
    ['a huge one', basic('admin:' . 'y' x 20_000)],
    ['a huge name', basic('y' x 20_000 . ':x')],
    ['huge and no base64', 'Basic ' . '!' x 20_000],
    )
{
    my ($name, $authorization) = @$case;
    $res = asks($authorization);
    is $res->code, 401, $name;
    like $res->headers->www_authenticate, qr/^Basic realm=/;
}

for my $path ('/panel/', '/paged/') {
    $res = asks(undef, $path);
    is $res->code, 401, $path;
    is scalar @{$res->headers->every_header('WWW-Authenticate')}, 1;
    is asks(basic('admin:x'), $path)->code, 401;
    is asks(basic('admin:the Password'), $path)->code, 200;
}
like asks(undef, '/panel/')->headers->www_authenticate,
    qr/^Basic realm="Panel"/, 'a realm of its own';
like asks(undef, '/panel/')->headers->content_type, qr{^text/html};
is asks(undef, '/paged/')->json->{code}, 'unauthorized', 'a page for it';

$t->pg->thaw;
is asks(basic('admin:the Password'))->code, 200, 'and then the right one';

my $log = $t->error_log;
unlike $log, qr/the Password/i, 'no password in the log';
unlike $log, qr/\Q$_\E/, 'nor its base64' for b64_encode('the Password', ''),
    'YWRtaW46dGhlIFBhc3N3b3Jk';
unlike $log, qr/yyyyyyyy/, 'nor a wrong one';
unlike $log, qr/\$5\$rounds/, 'nor a hash';
like $log, qr/\[error\].*wrong user or password, client: 10\.0\.0\./,
    'who tried is there';
unlike $t->access_log, qr/Password/i;

# Two headers: which of them counts must not be a question.  nginx itself
# refuses and logs them, hence the end of the file.
my $s = $t->socket;
$s->send("GET /panel/ HTTP/1.1\r\nHost: x\r\nAuthorization: "
    . basic('admin:x') . "\r\nAuthorization: "
    . basic('admin:the Password') . "\r\n\r\n");
isnt $s->response->{status}, 200, 'two headers';
$s->close;

done_testing;
