package Tavus::Test::Mail;

# A site whose owner has mails, from the sandbox's SendGrid.
#
#   my $m = Tavus::Test::Mail->new($t, 'mail contact.submitted;');
#   $m->lead(name => 'Ada', …)      the contact form, sent; its fields
#   $m->conversation(vertical => 'legal', story => 'all')    made, and over
#   $m->mails                       what SendGrid has taken, the oldest first
#   $m->parts($mail)                (text, HTML)
#   $m->alert('raised', 'key_invalid', text => '…')
#   $m->hurry                       what waits is due
#   Tavus::Test::Mail::live($text)  what a program would make a link of

use v5.36;
use parent 'Tavus::Test::Deliver';

use Mojo::JSON qw(encode_json);

sub new ($class, $t, $mail = 'mail contact.submitted;', %more) {
    return $class->SUPER::new($t, owner => $mail, %more);
}

sub directives ($self, $at = sub ($url) { $url }) {
    my $t = $self->{t};
    my $box = $t->sandbox;
    my %all = $self->{block}->%*;
    my $mail = delete $all{owner};

    local $self->{block} = \%all;
    return ($self->SUPER::directives($at), 'sendgrid name=owner { key file:'
        . $t->secret('sendgrid.key', $box->sendgrid_key)
        . '; url ' . $at->($box->url) . '; '
        . 'from "Site <no-reply@example.com>"; to sales@example.com; '
        . "$mail }");
}

my %LEAD = (name => 'Ada Example', email => 'ada@example.com',
    message => 'I would like to know more.');

sub lead ($self, %form) {
    %form = (%LEAD, %form);
    my $res = $self->{t}->post('/api/contact', \%form);
    die 'not taken: ' . $res->body if $res->code != 200;
    return \%form;
}

sub conversation ($self, %in) {
    my $story = delete $in{story} // 'all';
    my $res = $self->{t}->create(vertical => 'legal', %in);
    die 'no conversation: ' . $res->body if $res->code != 200;
    my $id = $res->json->{conversation_id};
    $self->{t}->sandbox->play(conversation_id => $id, story => $story);
    return $id;
}

sub mails ($self) { return map { $_->{mail} } $self->{t}->sandbox->mails }

sub parts ($self, $mail) { return map { $_->{value} } $mail->{content}->@* }

# As the server tells of itself.
sub alert ($self, $what, $alert, %data) {
    return $self->{t}->db->do(q{SELECT tavus.record(ARRAY[gen_id.id],
        ARRAY[now()], '{NULL}', '{1}', '{server}', ARRAY[?], '{NULL}', '{NULL}',
        '{NULL}', ARRAY[convert_to(?, 'UTF8')], '{NULL}')
        FROM (SELECT overlay(gen_random_uuid()::text PLACING
            left(tavus.uuid_floor(clock_timestamp())::text, 13) || '-7' FROM 1)
            ::uuid AS id) gen_id}, undef, "alert.$what",
        Mojo::JSON::to_json({alert => $alert, %data}));
}

sub hurry ($self, @) {
    return $self->{t}->db->do('UPDATE tavus.deliveries SET due_at = now() '
        . 'WHERE NOT dead AND due_at > now()');
}

# What programs that show mails make a link of: schemes, hosts, addresses.
sub live ($text) {
    return $text =~ m{(
        :// | \\\\ | \S@\S
        | [[:alnum:]] [.\x{3002}\x{ff0e}\x{ff61}] [A-Za-z\x{80}-\x{ffff}]
        | [A-Za-z]:[^\s\]<]
    )}x ? $1 : undef;
}

1;
