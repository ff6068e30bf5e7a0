#!/usr/bin/perl

# Every format of a password hash that a user file may hold.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_encode encode);

# user => [hash, password]
my %users = (
    apr1 => ['$apr1$/Rv5DaUx$.vD2/QxwZp6WmprBoUWxH1', 'secret'],
    md5 => [crypt('md5pass', '$1$saltsalt$'), 'md5pass'],
    sha256 => [crypt('s256', '$5$rounds=1000$saltstring$'), 's256'],
    sha512 => [crypt('s512', '$6$rounds=1000$saltstring$'), 's512'],
    sha512plain => [crypt('p512', '$6$saltstring$'), 'p512'],
    bcrypt => [crypt('bpass', '$2b$04$abcdefghijklmnopqrstuu'), 'bpass'],
    htpasswd => [crypt('ypass', '$2y$05$abcdefghijklmnopqrstuu'), 'ypass'],
    yescrypt => [crypt('yes', '$y$j75$abcdefghijklmnop$'), 'yes'],
    des => [crypt('despass8', 'ab'), 'despass8'],
    commented => [crypt('with', '$5$rounds=1000$x$') . ':a comment', 'with'],
    colon => [crypt('a:b:', '$5$rounds=1000$x$'), 'a:b:'],
    long => [crypt('x' x 500, '$5$rounds=1000$x$'), 'x' x 500],
    'a name' => [crypt('blank', '$5$rounds=1000$x$'), 'blank'],
    empty => [crypt('', '$5$rounds=1000$x$'), ''],
    encode('UTF-8', "j\x{fc}rgen") => [crypt(encode('UTF-8', "gr\x{fc}n"),
        '$5$rounds=1000$x$'), encode('UTF-8', "gr\x{fc}n")],
);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;');
# as an editor of Windows leaves it, with a byte order mark
my $file = $t->secret('users', join '', "\xef\xbb\xbf",
    map({ "$_:$users{$_}[0]\n" } grep { $_ ne 'des' } sort keys %users),
    "# and\r\n", "\n", "des:$users{des}[0]");
$t->{locations} = {'= /a' => "tavus_admin_users $file; empty_gif;",
    '= /user' => "tavus_admin_users $file; root %%HTML%%; "
        . 'add_header X-User $remote_user always;'};
$t->start;

my $address = 0;

# each time from another address, so that no bucket is met
sub login {
    my ($user, $password, $path) = @_;
    $address++;
    return $t->get($path // '/a', {
        'X-Forwarded-For' => "10.0.0.$address",
        Authorization => 'Basic ' . b64_encode("$user:$password", '')});
}

for my $user (sort keys %users) {
    my $password = $users{$user}[1];
    is login($user, "$password.")->code, 401, "$user, a wrong password"
        if $user ne 'des';
    is login($user, $password)->code, 200, 'the right one';
    is login($user, $password)->code, 200, 'remembered';
    is login($user, "${password}x")->code, 401, 'a wrong one after that'
        if $user ne 'des';
    is login($user, substr $password, 0, -1)->code, 401, 'one too short'
        if length $password;
    is login("$user ", $password)->code, 401, 'another name';
}

is login('des', 'despass8 and more')->code, 200, 'DES counts eight characters';
is login('des', 'despass9')->code, 401;
wait_ok { $t->grep_log(qr/\[warn\].*"des" has a DES hash, which counts only eight/) }
    'as its owner is told';

is login('apr1', 'secret', '/user')->headers->header('X-User'), 'apr1';

done_testing;
