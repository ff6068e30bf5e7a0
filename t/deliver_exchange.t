#!/usr/bin/perl

# npm

# A webhook's secret is exchanged without a gap: while two are configured the
# library of Standard Webhooks takes what comes with either.

use lib 't/lib';
use Tavus::Test;

use Tavus::Test::Deliver;
use Tavus::Test::Sender;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;');
my $box = $t->sandbox;
my $old = $box->hook('crm');
my $new = 'whsec_' . 'bmV3' x 11;
$t->start;
wait_ok { $d->ready } 'the destinations are there';

my $library = Tavus::Test::Sender->new('verify');

# Who takes the last message: [old, new], and how many signatures it has.
my $n = 0;
sub taken {
    $d->track('page_view', consent => 'granted');
    $n++;
    wait_ok { $box->received('hooks')->{received} == $n } "message $n came";
    my $sent = ($box->hook_messages('crm'))[-1]{sent}[0];
    return [(map { $library->ask({secret => $_, %$sent})->{ok} ? 1 : 0 }
        $old, $new), scalar split / /, $sent->{headers}{'webhook-signature'}];
}

is_deeply taken(), [1, 0, 1], 'the old one';

my $secret = $t->secret('new.secret', $new);
$d->configured(crm => "events *; secret file:$secret;");
$t->reload(drained => 1);
is_deeply taken(), [1, 1, 2], 'both';

$box->config(hooks => {crm => $new});
is_deeply taken(), [1, 1, 2], 'the receiver may change to it';

$t->{http}{tavus_deliver} = ['webhook name=crm { events *; url '
    . $box->hook_url('crm') . "; secret file:$secret; }"];
$t->configure->reload(drained => 1);
is_deeply taken(), [0, 1, 1], 'the new one';

is $box->received('hooks')->{refused}, 0, 'none was refused';
is $library->close, 0;

done_testing;
