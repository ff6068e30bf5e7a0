#!/usr/bin/perl

# npm

# Whoever verifies our webhooks with the library of Standard Webhooks takes
# each attempt: with one id and one body, and a signature of its own.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);

use Tavus::Test::Deliver;
use Tavus::Test::Sender;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t,
    crm => 'events page_view; consent not_needed;',
    erp => 'events page_view; consent not_needed;');
my $box = $t->sandbox;
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
wait_ok { 2 == $d->shown->{destinations}->@* } 'the destinations are there';

my $library = Tavus::Test::Sender->new('verify');
my %secret = $box->config->{hooks}->%*;

# Ok, or what the library says, of each time that a message came.
sub verified ($message, $with = $message->{hook}) {
    return map {
        my $said = $library->ask({secret => $secret{$with}, $_->%*});
        $said->{ok} ? 'ok' : $said->{error};
    } $message->{sent}->@*;
}

# the answer is lost twice: it is sent thrice, over more than a second
$box->fault(path => '/hooks/crm', kind => 'status', status => 500, times => 2,
    after => Mojo::JSON::true);
$d->track('page_view', session => 's-1',
    title => "\x{20ac} \x{1f600} \"'\\</script>");
wait_ok { ($box->hook_messages('erp'))[0] } 'it came to one';
my ($erp) = $box->hook_messages('erp');
is_deeply [verified($erp)], ['ok'], 'and is right';
like +(verified($erp, 'crm'))[0], qr/signature/i, 'by its own secret alone';

wait_ok { (($box->hook_messages('crm'))[0] // {times => 0})->{times} == 3 }
    'it came to the other one, and twice again', 60;
my ($crm) = $box->hook_messages('crm');
is_deeply [verified($crm)], [('ok') x 3], 'each is right';
ok !$crm->{changed}, 'with the same body';
is $crm->{id}, $erp->{id}, 'under the id of the event';
is $crm->{id}, $t->db->selectrow_array(
    q{SELECT id FROM tavus.events WHERE event_type = 'page_view'});
my ($first, undef, $last) = map { $_->{headers}{'webhook-timestamp'} }
    $crm->{sent}->@*;
cmp_ok $last, '>', $first, 'and with the time of each attempt';
isnt $crm->{sent}[0]{headers}{'webhook-signature'},
    $crm->{sent}[2]{headers}{'webhook-signature'}, 'that it is signed with';
is decode_json(Mojo::Util::encode('UTF-8', $crm->{sent}[0]{body}))
    ->{data}{body}{title}, "\x{20ac} \x{1f600} \"'\\</script>",
    'with what it tells';

is $box->received('hooks')->{refused}, 0, 'nothing was refused';
is $library->close, 0;

done_testing;
