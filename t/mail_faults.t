#!/usr/bin/perl

# What SendGrid may answer: a 202 and nothing else is enough; what it refuses for
# good is dead with what it said of which field, a wrong key lets it alone, a 429
# until it says, and what it fails with is tried again.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Mail;

my $t = Tavus::Test->new;
my $m = Tavus::Test::Mail->new($t, 'mail contact.submitted; timeout 3s;');
my $box = $t->sandbox;
$t->start;
wait_ok { $m->ready } 'the destination is there';
my $path = '/v3/mail/send';
my $names = sub { return join ' ', sort map { $_->{subject} =~ s/.*: //r } $m->mails };
my $all = '';
my $comes = sub ($name, $why = $name) {
    $all = join ' ', sort split(/ /, $all), $name;
    wait_ok { $names->() eq $all } $why, 40;
    wait_ok { $m->idle('owner') } 'told';
};

# ---- a 202 is all that there is
$box->fault(path => $path, times => 1, kind => 'status', status => 202, body => '');
$m->lead(name => 'Silent');
wait_ok { $m->destination('owner')->{delivered} == 1 } '202, and nothing behind it';
is scalar(() = $m->failed), 0, 'nothing is left of it';

# ---- for good: with the field
for ([400, 'Does not contain a valid address.', 'personalizations.0.to.0.email'],
    [413, 'content too large', undef])
{
    my ($status, $message, $field) = @$_;
    $box->fault(path => $path, holds => "Bad$status", kind => 'status',
        status => $status, body => {errors => [{message => $message,
            field => $field}]});
    $m->lead(name => "Bad$status");
    $m->lead(name => "Good$status");
    $comes->("Good$status", "$status: another one goes");
    wait_ok { 1 == (() = $m->failed(state => 'dead')) } "$status: dead";
    my ($dead) = $m->failed(state => 'dead');
    is $dead->{status}, $status;
    like $dead->{reason}, qr/^$status .*\Q$message\E/, 'with what was said';
    like $dead->{reason}, qr/\Q$field\E/, 'of the field' if defined $field;
    is $m->destination('owner')->{state}, 'active', 'and the rest goes on';
    $box->no_faults;
    is $m->retry($dead->{id})->code, 200, 'sent again by hand';
    $comes->("Bad$status", "$status: and taken");
}

# ---- again
for my $fault ({kind => 'status', status => 500}, {kind => 'status', status => 503},
    {kind => 'cut'})
{
    my $name = join '', 'Again', $fault->{kind}, $fault->{status} // '';
    $box->fault(path => $path, times => 1, holds => $name, %$fault);
    $m->lead(name => $name);
    wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.deliveries
        WHERE tries = 1 AND lease_until IS NULL}) } "$name: waits";
    $m->hurry;
    $comes->($name);
}
$box->fault(path => $path, times => 1, holds => 'Hang', kind => 'hang');
$m->lead(name => 'Hang');
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.deliveries
    WHERE reason ~* 'time' AND lease_until IS NULL}) } 'one that is not answered';
$m->hurry;
$comes->('Hang', 'goes again');
is scalar(() = $m->failed), 0, 'nothing is left';

# ---- less, and when: both headers
for my $how (sub { ('Retry-After' => 2) },
    sub { ('X-RateLimit-Limit' => 1, 'X-RateLimit-Remaining' => 0,
        'X-RateLimit-Reset' => time + 6) })
{
    my %headers = $how->();
    my $name = (sort keys %headers)[0] =~ s/-//gr;
    $box->forget;
    $box->fault(path => $path, times => 1, kind => 'status', status => 429,
        headers => \%headers);
    $m->lead(name => $name);
    $comes->($name, "429: $name");
    my ($first, $next) = $box->calls($path);
    cmp_ok $next->{time} - $first->{time}, '>=', 1.5, 'not before';
    is $t->db->selectrow_array('SELECT failures FROM tavus.destinations'), 0,
        'and it is well';
}

# ---- the key
my $key = $box->sendgrid_key;
$box->config(sendgrid_key => 'SG.another.0123456789abcdef');
$m->lead(name => 'Key');
wait_ok { $m->destination('owner')->{state} eq 'paused' } '401: let alone';
like $m->destination('owner')->{said}, qr/^401 /;
unlike $m->destination('owner')->{said}, qr/\Q$key\E/;
$m->lead(name => 'Keyless');
is scalar(() = $m->failed(state => 'dead')), 0, 'none is dead';
$box->config(sendgrid_key => $key);
is $m->retry(undef, destination => 'owner')->code, 200, 'when it is right';
wait_ok { $names->() =~ /Key Keyless/ } 'both go';
unlike $t->error_log, qr/\Q$key\E/, 'the key is in no line of the log';

done_testing;
