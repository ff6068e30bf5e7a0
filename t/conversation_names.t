#!/usr/bin/perl

# memcheck

# Tavus has two names for a persona and for a replica.  It is told today's, or
# the older ones where ops say so; visitors and verticals may use either, and
# what Tavus answers is read with both.  Here they have the older names.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);

my @verticals = (
    'general { persona_id p01; replica_id r01; }',
    'legal { pal_id p02; face_id r02; }',
    'healthcare { face_id r03; persona_id p03; }',
    'ecommerce { persona_id p04; }',
);
my %own = (general => ['p01', 'r01'], legal => ['p02', 'r02'],
    healthcare => ['p03', 'r03'], ecommerce => ['p04', undef]);

my $t = Tavus::Test->new(http => {tavus_vertical => \@verticals})->start;
my $box = $t->sandbox;

# The names that the only create since the last look had, with what they name.
sub asked {
    my @calls = $box->calls('/v2/');
    $box->forget;
    my $body = $calls[0]{body};
    return {map { $_ => $body->{$_} } grep { /_id\z/ } keys %$body};
}

sub named {
    my ($persona, $replica, $vertical) = @_;
    my ($p, $r) = $own{$vertical}->@*;
    return {$persona => $p, defined $r ? ($replica => $r) : ()};
}

# ---- what Tavus is told
sub tells {
    my ($persona, $replica) = @_;
    for my $vertical (sort keys %own) {
        is $t->create(vertical => $vertical)->code, 200, $vertical;
        is_deeply asked(), named($persona, $replica, $vertical),
            "as $persona, $replica";
    }
    my ($p, $r) = $own{general}->@*;
    for my $said ({persona_id => $p, replica_id => $r},
        {pal_id => $p, face_id => $r}, {persona_id => $p, face_id => $r})
    {
        is $t->create(%$said)->code, 200, join ' ', sort keys %$said;
        is_deeply asked(), named($persona, $replica, 'general');
    }
}

subtest 'today' => sub { tells('pal_id', 'face_id'); done_testing };

subtest 'both names of one thing' => sub {
    for (['persona_id', 'pal_id', 'p01'], ['replica_id', 'face_id', 'r01']) {
        my ($old, $new, $id) = @$_;
        for my $other ($id, 'x') {
            my $res = $t->create($old => $id, $new => $other);
            is $res->code, 400;
            is $res->json->{code}, 'conflicting_fields';
            like $res->json->{field}, qr/^(?:$old|$new)\z/, 'which one';
        }
    }
    is scalar $box->calls('/v2/'), 0, 'Tavus is not asked';
    done_testing;
};

subtest "somebody else's" => sub {
    my %code = (persona_id => 'foreign_persona', pal_id => 'foreign_persona',
        replica_id => 'foreign_replica', face_id => 'foreign_replica');
    for my $field (sort keys %code) {
        for my $value ('x01', '', 1, undef, ['p01'], 'r01' x 100) {
            my $res = $t->create($field => $value);
            is $res->code, 400;
            is_deeply [$res->json->@{qw(code field)}], [$code{$field}, $field];
        }
    }
    is $t->create(vertical => 'ecommerce', face_id => 'r04')->json->{code},
        'foreign_replica', 'of a vertical without one';
    is scalar $box->calls('/v2/'), 0;
    done_testing;
};

# ---- what Tavus tells
my $n = 0;

# What the admin API shows of one that was made with such an answer.
sub shown {
    my ($vertical, %more) = @_;
    my $id = sprintf 'c%04d', ++$n;
    $box->fault(path => '/v2/conversations', method => 'POST', times => 1,
        kind => 'status', status => 200, body => {conversation_id => $id,
            conversation_url => "https://tavus.example/$id",
            status => 'active', %more});
    is $t->create(vertical => $vertical)->code, 200;
    my $got = $t->admin("/api/admin/conversations/$id")->json;
    my $event = decode_json($t->db->selectrow_array(q{
        SELECT convert_from(body, 'UTF8') FROM tavus.events
         WHERE conversation_id = ? AND event_type = 'conversation.created'},
        undef, $id));
    ok !exists $event->{$_}, "no $_ in events" for qw(pal_id face_id);
    is $event->{persona_id}, $got->{personaId}, 'the event is the same';
    is $event->{replica_id}, $got->{replicaId};
    return [$got->@{qw(personaId replicaId)}];
}

subtest 'what was not asked for' => sub {
    is_deeply shown('ecommerce'), ['p04', undef], 'not told';
    is_deeply shown('ecommerce', persona_id => 'p04', replica_id => 'r9'),
        ['p04', 'r9'], 'the older names';
    is_deeply shown('ecommerce', pal_id => 'p04', face_id => 'r9'),
        ['p04', 'r9'], "today's";
    is_deeply shown('ecommerce', pal_id => 'p04', replica_id => 'r9'),
        ['p04', 'r9'], 'mixed';
    is_deeply shown('ecommerce', persona_id => 'p04', face_id => 'r9'),
        ['p04', 'r9'], 'mixed, the other way round';
    is_deeply shown('ecommerce', replica_id => undef, face_id => 'r9'),
        ['p04', 'r9'], 'the other one is null';
    is_deeply shown('ecommerce', replica_id => '', face_id => 'r9'),
        ['p04', 'r9'], 'or empty';
    is_deeply shown('ecommerce', replica_id => 'r8', face_id => 'r8'),
        ['p04', 'r8'], 'both';
    is_deeply shown('general', pal_id => 'p77', face_id => 'r77'),
        ['p01', 'r01'], 'what was asked for stays';
    is_deeply shown('ecommerce', face_id => $_), ['p04', undef],
        'what is no id' for 1, ['r9'], 'r/9', 'r' x 65, "r\n";
    done_testing;
};

# ---- the older names
$t->configure(http => {tavus_vertical => \@verticals,
    tavus_api_names => 'legacy'})->reload(drained => 1);
$box->forget;

subtest 'legacy' => sub { tells('persona_id', 'replica_id'); done_testing };

is_deeply shown('ecommerce', pal_id => 'p04', face_id => 'r9'), ['p04', 'r9'],
    'answered with new names all the same';

done_testing;
