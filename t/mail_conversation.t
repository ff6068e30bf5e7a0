#!/usr/bin/perl

# That a conversation is over is mailed once, whoever tells of it first; what was said
# in it only where its vertical asks for that, and then the mail waits for it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Mail;

my $t = Tavus::Test->new(http => {tavus_vertical => [
    'legal { persona_id p1; }', 'general { persona_id p2; mail_transcript on; }']});
my $m = Tavus::Test::Mail->new($t, 'mail conversation.ended;');
my $box = $t->sandbox;
$t->start;
wait_ok { $m->ready } 'the destination is there';

my $of = sub ($id) { return grep { ($m->parts($_))[0] =~ /^Conversation: $id$/m } $m->mails };
my $told = sub {
    return !$t->db->selectrow_array('SELECT count(*) FROM tavus.deliveries');
};

my $quiet = $m->conversation(vertical => 'legal', story => 'all');
my $loud = $m->conversation(vertical => 'general', story => 'plain');
wait_ok { $of->($quiet) && $of->($loud) } 'both are mailed';

my ($mail) = $of->($quiet);
my ($text, $html) = $m->parts($mail);
like $mail->{subject}, qr/^Conversation of \d+ (?:s|min \d+ s): legal$/;
like $text, qr/^Vertical: legal$/m;
like $text, qr/^Ended by: \S/m, 'and why it ended';
unlike "$text $html", qr/(?:Visitor|Agent):/, 'nothing of what was said';
ok !exists $mail->{reply_to}, 'an answer goes to nobody else';

($mail) = $of->($loud);
($text, $html) = $m->parts($mail);
like $text, qr/^Agent: .+\nVisitor: .+\n/m, 'what was said, where that is asked for';
like $html, qr{<p><b>Visitor:</b> [^<]+</p>}, 'in HTML too';

# ended here, and then told of by Tavus
my $res = $t->create(vertical => 'legal')->json;
my $id = $res->{conversation_id};
$t->webhook(tavus_event('system.replica_joined', $id, {}));
is $t->post('/api/tavus/end-conversation', {conversation_id => $id,
    end_token => $res->{end_token}})->code, 200, 'ended by the visitor';
$t->webhook(tavus_event('system.shutdown', $id,
    {shutdown_reason => 'end_conversation_endpoint_hit'})) for 1 .. 2;
wait_ok { $of->($id) } 'it is mailed';

# much later, and from another source
$t->webhook(tavus_event('conversation.ended', $id, {shutdown_reason => 'late'}));
wait_ok { $told->() } 'all is told';
is scalar $of->($id), 1, 'once';

# where nobody was there is no conversation
my $empty = $t->create(vertical => 'legal')->json->{conversation_id};
$t->webhook(tavus_event('system.shutdown', $empty,
    {shutdown_reason => 'participant_absent_timeout'}));
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.deliveries
    WHERE due_at > made_at}) } 'one to which nobody came';
$t->db->do(q{UPDATE tavus.deliveries SET made_at = now() - interval '2 minutes'});
wait_ok { $m->hurry; $told->() } 'is let go';
is scalar $of->($empty), 0, 'and not mailed';

# a transcript that does not come is not waited for without an end
my $mute = $t->create(vertical => 'general')->json->{conversation_id};
$t->webhook(tavus_event($_->@*)) for ['system.replica_joined', $mute, {}],
    ['system.shutdown', $mute, {shutdown_reason => 'participant_left'}];
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.deliveries
    WHERE due_at > made_at + interval '6 seconds'}) } 'it is waited for';
is scalar $of->($mute), 0;
$t->db->do(q{UPDATE tavus.deliveries SET made_at = now() - interval '11 minutes'});
wait_ok { $m->hurry; $of->($mute) } 'for ten minutes';

is $box->received('sendgrid')->{refused}, 0, 'SendGrid takes them all';
is scalar(() = $m->failed(state => 'dead')), 0, 'none is dead';

done_testing;
