#!/usr/bin/perl

# What needs the owner's hand comes by mail, as it was raised and when it is
# over; and that mails themselves are refused, by the webhook.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Alerts;
use Tavus::Test::Mail;

my $alerts = Tavus::Test::Alerts->new;
my $t = $alerts->on(Tavus::Test->new(db => $alerts->pg));
my $m = Tavus::Test::Mail->new($t, 'mail alert digest=10s;',
    crm => 'events alert.*;');
my $box = $t->sandbox;
$t->start;
wait_ok { $m->ready } 'ready';

my $mailed = sub { return join "\n", map { ($m->parts($_))[0] }
    grep { $_->{categories}[0] eq 'alert' } $m->mails };

is $t->webhook('{"a":')->code, 200, 'an event that is unfit';
wait_ok { $mailed->() =~ /^Raised: quarantine$/m } 'a mail', 60;
my $mail = $mailed->();
like $mail, qr/^Of: tavus$/m, 'of what';
like $mail, qr/^1 event of the last day went into quarantine: .* Look at them\.$/m,
    'in words';
$t->db->do('DELETE FROM tavus.quarantine');
wait_ok { $mailed->() =~ /^Cleared: quarantine$/m } 'and when it is over', 60;

# SendGrid refuses the key: what tells of it waits, and goes by another way
$box->fault(path => '/v3/mail/send', kind => 'status', status => 401);
is $t->webhook('{"b":')->code, 200, 'another event';
wait_ok { $alerts->open eq 'key_invalid owner, quarantine tavus' }
    'no mail can be sent', 60;
wait_ok { grep { $_->{body}{data}{body}{subject} eq 'owner' }
    $box->hook_messages('crm') } 'which the webhook has';
$box->no_faults;
$m->retry(undef, destination => 'owner');
wait_ok { $alerts->open eq 'quarantine tavus' } 'it can', 60;
wait_ok { $mailed->() =~ /^Raised: key_invalid\nOf: owner$/m } 'and tells of itself', 60;

done_testing;
