#!/usr/bin/perl

# A reload takes the new list of users; who was let in before is asked again.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_encode);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0);
my $salt = '$5$rounds=1000$x$';

sub users {
    my %users = @_;
    return $t->secret('users', join '', map {
        "$_:" . crypt($users{$_}, $salt) . "\n" } sort keys %users);
}

sub login {
    my ($user, $password) = @_;
    return $t->get('/a', {
        Authorization => 'Basic ' . b64_encode("$user:$password", '')})->code;
}

my $file = users(ann => 'old', bob => 'same');
$t->{locations} = {'= /a' => "tavus_admin_users $file; empty_gif;"};
$t->start;

is login('ann', 'old'), 200;
is login('bob', 'same'), 200;
is login('eve', 'new'), 401;

users(ann => 'new', eve => 'new', bob => 'same');
is login('ann', 'old'), 200, 'a file alone changes nothing';

$t->reload(drained => 1);
is login('ann', 'old'), 401, 'the former password';
is login('ann', 'new'), 200, 'the new one';
is login('eve', 'new'), 200, 'a new user';
is login('bob', 'same'), 200, 'one who stays';

users(ann => 'new');
$t->reload(drained => 1);
is login('bob', 'same'), 401, 'one who has left';

# a file that is no good leaves all as it was
$t->secret('users', "ann:{PLAIN}new\n");
my ($exit) = $t->nginx_t;
is $exit, 1;
$t->allow_alerts(qr/\[emerg\].*plain-text password in user file/);
$t->signal('HUP');
wait_ok { $t->grep_log(qr/\[emerg\].*plain-text password/) } 'it is refused';
is login('ann', 'new'), 200;

done_testing;
