#!/usr/bin/perl

# Who made a change is told by the name of their login, whatever the encoding
# of the file of users.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_encode encode);

my $renee = "Ren\x{e9}e";
my %login = ('in UTF-8' => [encode('UTF-8', $renee), $renee],
    'in Latin 1' => [encode('ISO-8859-1', $renee), 'Ren?e'],
    'at length' => ['x' x 255, 'x' x 255]);
my $t = Tavus::Test->new;
my $users = $t->secret('users', join '', map { "$_->[0]:"
    . crypt($t->admin_password, '$6$rounds=1000$testsalt$') . "\n" }
    values %login);
$t->configure(locations => {
    '/own/' => "tavus_admin; tavus_admin_users $users;"})->start;
wait_ok { $t->admin('/api/admin/leads')->code == 200 } 'ready';

is $t->post('/api/contact', {name => 'Ada', email => 'ada@example.com',
    message => 'What does it cost?'})->code, 200;
my $lead;
wait_ok { ($lead) = $t->admin('/api/admin/leads')->json->{leads}->@* } 'a lead';

for my $how (sort keys %login) {
    my ($name, $by) = $login{$how}->@*;
    my %headers = ('Content-Type' => 'application/json', Authorization =>
        'Basic ' . b64_encode("$name:" . $t->admin_password, ''));
    # the second time the password is known
    for (1, 2) {
        my $res = $t->request(PATCH => "/own/leads/$lead->{id}",
            '{"handled":true}', \%headers);
        is $res->code, 200 or diag $res->to_string;
        is $res->json->{handled_by}, $by, "a lead, $how";
        is $t->request(POST => '/own/documents',
            '{"document_url":"https://files.example/a.pdf"}', \%headers)->code,
            201;
        for ([qw(lead.handled by)], [qw(document.created user)]) {
            my ($type, $member) = @$_;
            my ($event) = $t->admin("/api/admin/events?event_type=$type&limit=1")
                ->json->{events}->@*;
            is ref $event->{data} && $event->{data}{$member}, $by,
                "$type, $how";
        }
    }
}

# a reader of the log that begins anew
my $before = $t->admin('/api/admin/leads')->json;
$t->db->do('DELETE FROM tavus.leads');
$t->db->do(q{UPDATE tavus.cursors SET pos = 0, ord = 0 WHERE name = 'leads'});
wait_ok { $t->admin('/api/admin/leads')->json->{leads}->@* } 'made again';
is_deeply $t->admin('/api/admin/leads')->json, $before, 'by the same';

done_testing;
